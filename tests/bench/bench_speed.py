#!/usr/bin/env python3
"""How fast the agent sends through its API, beside the bare loops and other tools, in one run.

Every engine, bare loop and tool (senders.py), for each payload length; the engines and the loops
that they are held against also twice at once, two jobs on two workers. All send to a sink at the far
end of a link between two namespaces. Rounds are interleaved: what is compared ran within seconds of
each other, and every second round goes backwards. A figure is the median of the rounds, a ratio the
median of the rounds' ratios. How many packets a sample takes follows from the speed seen before. The
bytes that reached the far end are read there; a sample that falls short of them is taken again, and
is an error where that goes on. One that a hypervisor disturbed is taken again too (lab.calm).
"""

import re
import sys
import time

import lab
import speed_report
from senders import SENDERS, Peer

SMOKE_PACKETS, SMOKE_LENGTH = 2000, 512
TRIES = 3  # of a sample: a busy machine may drop at the far end's backlog
# Of report_cost, by payload length: about ten milliseconds each.
COST_PACKETS, COST_PAIRS = {64: 1_000_000, 512: 700_000, 1472: 250_000}, 100
# Frames of 1,442 bytes: the length at which txring is held against trafgen besides 64.
TXRING_LENGTH, TXRING_SENDERS = 1400, ("agent txring, trains", "trafgen")


class Speed:
    """The samples of one run, by (sender's name, payload length, how many at once)."""

    def __init__(self, here, agent, options):
        self.here, self.agent, self.seconds = here, agent, options.seconds
        self.lengths = [int(text) for text in options.lengths.split(",")]
        self.wanted = [s for s in SENDERS if re.search(options.only, s.name)]
        self.missing = {s.name: why for s in self.wanted if (why := s.missing(agent))}
        self.samples, self.seen_mpps = {}, {}

    def plan(self):
        """What one round measures, in its order."""
        at_once_max = 2 if lab.cores() > 1 else 1
        lengths = [*self.lengths]
        if 1472 in lengths:
            lengths.insert(lengths.index(1472), TXRING_LENGTH)
        return [(sender, length, at_once)
                for at_once in range(1, at_once_max + 1) for length in lengths
                for sender in self.wanted
                if sender.name not in self.missing and length <= sender.length_max
                and at_once <= sender.at_once_max
                and (length != TXRING_LENGTH or TXRING_LENGTH in self.lengths
                     or at_once == 1 and sender.name in TXRING_SENDERS)]

    def sample(self, sender, length, at_once):
        """One; the first of each is a short one, from which the size of the next follows."""
        mpps = self.seen_mpps.get((sender.name, length, at_once))
        packets = sender.first_packets(length)
        if mpps:
            packets = max(packets, int(mpps / at_once * self.seconds * 1e6))
        for _ in range(TRIES):
            before = self.here.far_end_bytes()
            told = sender.send(self.here, self.agent, length, packets, at_once)
            arrived = self.here.far_end_bytes() - before
            if arrived >= told["packets"] * length:
                break
        else:
            raise lab.LabError(f"{sender.name}: {told['packets']} packets of {length} bytes, but "
                               f"only {arrived} bytes reached the far end, {TRIES} times")
        self.seen_mpps[sender.name, length, at_once] = told["mpps"]
        return told

    def round(self, number):
        """Round 0 only finds out how much a sample is."""
        for sender, length, at_once in self.plan()[::-1 if number % 2 else 1]:
            if sender.name in self.missing:
                continue
            try:
                told = self.sample(sender, length, at_once) if number == 0 else lab.calm(
                    lambda: self.sample(  # pylint: disable=cell-var-from-loop
                        sender, length, at_once))
            except lab.LabError as error:
                if not isinstance(sender, Peer):
                    raise
                self.missing[sender.name] = str(error)
                print(f"  {sender.name}: left out: {error}", file=sys.stderr)
                continue
            if number:
                self.samples.setdefault((sender.name, length, at_once), []).append(told)
                print(f"  {at_once} x {sender.name:30} {length:5} B  {told['mpps']:8.3f} Mpps",
                      file=sys.stderr)


def report_cost(here, scale):
    """What the send loop costs beyond the engine, at each length, in percent: see report_cost.c."""
    return [here.program("report_cost", str(length), str(max(10_000, int(packets * scale))),
                         str(COST_PAIRS), lab.SINK) for length, packets in COST_PACKETS.items()]


def measure(here, agent, options):
    known = {"idle_resident_kib": agent.resident_kib(), "report_cost": []}
    speed = Speed(here, agent, options)
    begun = time.monotonic()
    if not options.only:
        known["report_cost"] = report_cost(here, min(1, options.seconds / 0.25))
    speed.round(0)
    longest = 0
    for number in range(1, options.rounds + 1):
        round_begun = time.monotonic()
        if round_begun - begun + longest > options.time_max:
            print(f"no time for round {number}: --time-max {options.time_max:g}", file=sys.stderr)
            return
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        speed.round(number)
        longest = max(longest, time.monotonic() - round_begun)
        yield speed_report.report(speed.samples, speed.lengths, {
            **known, "rounds": number, "seconds": time.monotonic() - begun,
            "not_measured": speed.missing})


def smoke(here, agent):
    """A few packets by each sender of ours to a receiver that counts: all arrive, once."""
    rows = []
    for sender in SENDERS:
        if isinstance(sender, Peer) or sender.missing(agent):
            continue
        with here.judge(idle_ms=1000) as verdict:
            told = sender.send(here, agent, SMOKE_LENGTH, SMOKE_PACKETS, sender.at_once_max,
                               lab.RECEIVER)
        rows.append({"name": sender.name, "sent": told["packets"], **verdict})
    if not any(row["name"].startswith("agent") for row in rows):
        raise lab.LabError("the agent offers no engine")
    for row in rows:
        if (row["datagrams"], row["min_len"], row["max_len"]) != \
                (row["sent"], SMOKE_LENGTH, SMOKE_LENGTH):
            raise lab.LabError(f"sent {row['sent']} of {SMOKE_LENGTH} bytes, received {row}")
    return {"smoke": rows}


def add_options(parser):
    parser.add_argument("--lengths", default="64,512,1472,8972", help="payload bytes")
    parser.add_argument("--seconds", type=float, default=0.25, help="of a sample")
    parser.add_argument("--time-max", type=float, default=480, help="no round begins that would end"
                        " later than this many seconds after the start")
    parser.add_argument("--only", default="", metavar="PATTERN",
                        help="senders whose name this regular expression finds")


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke, add_options, lab_options={"mtu": 9000}, workers=2,
                       policy={"allowEthernet": True}))
