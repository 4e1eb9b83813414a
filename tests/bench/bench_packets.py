#!/usr/bin/env python3
"""What packets that differ cost: stamped ones, stamped ones with two counters, and a mix of sizes, beside the bare loop that
writes every page anew and trafgen, which sends the same frame, or the same mix of frames, again and again.

All send to a sink at the far end of a link between two namespaces. What is compared runs within seconds of each other; a ratio
is the median of the rounds' ratios, with its 95 % interval.
"""

import math
import os
import statistics
import sys

import lab
import render
from senders import Bare, BareUring, ByAgent, Trafgen, figures, udp_stream

LENGTHS = (64, 512, 1472)
COUNTERS = [{"offset": 0, "widthBits": 32, "counter": {"step": 1}}, {"offset": 8, "widthBits": 32, "counter": {"step": 3, "count": 1000}}]
MIX = ((64, 7), (570, 4), (1518, 1))  # of frames with their FCS
OF_HEADERS = 14 + 20 + 8 + 4
MIX_MEAN = sum(size * weight for size, weight in MIX) / sum(weight for _, weight in MIX) - OF_HEADERS


def stamped(length, address):
    return {**udp_stream(length, address), "stamp": {}}


def stamped_and_counted(length, address):
    return {**stamped(length, address), "modifiers": COUNTERS}


def mixed(_length, address):
    sizes = [{"size": size, "weight": weight} for size, weight in MIX]
    return {**udp_stream(1472, address), "size": {"mix": {"sizes": sizes}, "layer": "LAYER_L2_FCS"}}


class TrafgenMix(Trafgen):
    """A cycle of the mix, again and again."""

    def send(self, here, _agent, length, packets, _at_once):
        path = os.path.join(here.folder, "mix.cfg")
        with open(path, "w", encoding="ascii") as file:
            for size, weight in MIX:
                frame = lab.udp_frame(size - OF_HEADERS, lab.SINK_MAC, lab.SINK)
                file.write(weight * ("{" + ", ".join(f"0x{byte:02x}" for byte in frame) + "}\n"))
        output, _, cpu = lab.run_timed(here.sending("trafgen", "-P1", "--dev", lab.DEVICE, "--in", path, "-n", str(packets)))
        seconds, micros = self.said(output, r"(\d+) sec, +(\d+) usec")
        return figures([(packets, 0, int(seconds) + int(micros) / 1e6)], cpu)


FRESH, STAMPED = Bare("gso-fresh", trains=True), BareUring("stamped")
PEER, PEER_MIX = Trafgen("trafgen", False), TrafgenMix("trafgen, the mix", False)
OURS = {engine: (ByAgent(f"{engine.lower()}, stamped", engine, stamped),
                 ByAgent(f"{engine.lower()}, stamp and 2 counters", engine, stamped_and_counted))
        for engine in ("SPLICE", "COPY", "ZEROCOPY", "URING")}
MIXED = ByAgent("splice, mix 7:4:1", "SPLICE", mixed)
PLAN = [(sender, length) for length in LENGTHS
        for sender in (FRESH, STAMPED, *(one for pair in OURS.values() for one in pair), PEER)] + [(MIXED, 0), (PEER_MIX, 0)]


def interval(ratios):
    """Median and 95 % interval of the mean of their logarithms, as ratios."""
    logs = [math.log(ratio) for ratio in ratios]
    half = 1.96 * statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else 0
    mean = statistics.mean(logs)
    return statistics.median(ratios), math.exp(mean - half), math.exp(mean + half)


def sample(here, agent, sender, length, seen, seconds):
    packets = sender.first_packets(length or int(MIX_MEAN))
    if (sender.name, length) in seen:
        packets = max(packets, int(seen[sender.name, length] * seconds * 1e6))
    told = sender.send(here, agent, length, packets, 1)
    seen[sender.name, length] = told["mpps"]
    return told["mpps"]


def report(rounds):
    def ratio(ours, other, length):
        return interval([one[ours.name, length] / one[other.name, length] for one in rounds])

    rows, targets = [], []
    for sender, length in PLAN:
        median = statistics.median(one[sender.name, length] for one in rounds)
        rows.append((sender.name, length or "mix", f"{median:.2f}"))
    for length in LENGTHS:
        for pair in OURS.values():
            for ours in pair:
                for other in (STAMPED, FRESH, PEER):
                    targets.append((f"{ours.name} over {other.name}, {length} B", *ratio(ours, other, length)))
    targets.append((f"{MIXED.name} over {PEER_MIX.name}", *ratio(MIXED, PEER_MIX, 0)))
    table = render.markdown_table(("", "bytes", "Mpps"), rows) + "\n" + render.markdown_table(
        ("", "median", "95 % interval"),
        [(name, f"{median:.3g}", f"{low:.3g} to {high:.3g}") for name, median, low, high in targets])
    return render.Report({"rounds": len(rounds), "mpps": [{f"{name}, {length} B": mpps for (name, length), mpps in one.items()}
                                                          for one in rounds],
                          "ratios": {name: {"median": median, "low": low, "high": high}
                                     for name, median, low, high in targets}}, table)


def in_rounds(here, agent, plan, options):
    """After each round, all there is so far: Mpps of each (name, length) of `plan`, a dictionary a round."""
    rounds, seen = [], {}
    for number in range(options.rounds + 1):
        one = {(sender.name, length): sample(here, agent, sender, length, seen, options.seconds)
               for sender, length in plan[::-1 if number % 2 else 1]}
        if number:  # the first only finds out how much a sample is
            rounds.append(one)
            yield rounds


def measure(here, agent, options):
    for rounds in in_rounds(here, agent, PLAN, options):
        yield report(rounds)


def smoke(here, agent):
    """Do the packets that differ arrive, all of them?"""
    rows = []
    for sender, length in PLAN:
        if not isinstance(sender, ByAgent):
            continue
        with here.judge(idle_ms=1000) as verdict:
            told = sender.send(here, agent, length, 1200, 1, lab.RECEIVER)
        rows.append({"name": sender.name, "sent": told["packets"], **verdict})
        if verdict["datagrams"] != told["packets"]:
            raise lab.LabError(f"{sender.name}: sent {told['packets']}, received {verdict}")
    return {"smoke": rows}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke,
                       lambda parser: parser.add_argument("--seconds", type=float, default=0.25)))
