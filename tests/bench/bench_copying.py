#!/usr/bin/env python3
"""What is left where vmsplice copies, as a later kernel's may: an agent that finds itself on such a one, by its own choice of an
engine, beside the bare loop on this kernel, and beside every engine that it might have chosen.

Equal packets are a template, loaded once; fresh ones are written for every datagram. A ratio is the median of the rounds' ratios,
with its 95 % interval.
"""

import statistics
import sys

import lab
import render
from bench_packets import in_rounds, interval
from senders import Bare, ByAgent, fresh_stream

LENGTHS = (64, 512, 1472)
TEE = Bare("gso-tee", trains=True)
TEMPLATE = ByAgent("auto, vmsplice copies", "UNSPECIFIED")
FRESH = ByAgent("auto, fresh pages, vmsplice copies", "UNSPECIFIED", fresh_stream)
LEFT = [ByAgent(f"{engine.lower()}, fresh pages, vmsplice copies", engine, fresh_stream)
        for engine in ("SPLICE", "URING", "ZEROCOPY", "COPY")]
PLAN = [(sender, length) for length in LENGTHS for sender in (TEE, TEMPLATE, FRESH, *LEFT)]


def best_left(one, length):
    return max(one[sender.name, length] for sender in LEFT)


def report(rounds):
    ratios = {}
    for length in LENGTHS:
        ratios[f"template over bare gso-tee, {length} B"] = 0.9, interval(
            [one[TEMPLATE.name, length] / one[TEE.name, length] for one in rounds])
        # the best of the medians: the best of each round would be the luckiest sample
        best = max(LEFT, key=lambda sender: statistics.median(
            one[sender.name, length] for one in rounds))  # pylint: disable=cell-var-from-loop
        ratios[f"fresh over {best.name.removeprefix('agent ')}, the best left, {length} B"] = 0.95, interval(
            [one[FRESH.name, length] / one[best.name, length] for one in rounds])
    rows = [(sender.name, length, f"{statistics.median(one[sender.name, length] for one in rounds):.2f}")
            for sender, length in PLAN]
    table = render.markdown_table(("", "bytes", "Mpps"), rows) + "\n" + render.markdown_table(
        ("", "wanted", "median", "95 % interval"),
        [(name, f">= {wanted:g}", f"{median:.3g}", f"{low:.3g} to {high:.3g}")
         for name, (wanted, (median, low, high)) in ratios.items()])
    return render.Report({"rounds": len(rounds),
                          "mpps": [{f"{name}, {length} B": mpps for (name, length), mpps in one.items()}
                                   for one in rounds],
                          "ratios": {name: {"wanted": wanted, "median": median, "low": low, "high": high}
                                     for name, (wanted, (median, low, high)) in ratios.items()}}, table)


def measure(here, agent, options):
    for rounds in in_rounds(here, agent, PLAN, options):
        yield report(rounds)


def smoke(here, agent):
    """Does it arrive, and is it told how often the kernel copies?"""
    rows = []
    for sender, copies in ((TEMPLATE, "NONE"), (FRESH, None), *((sender, None) for sender in LEFT)):
        with here.judge(idle_ms=1000) as verdict:
            told = sender.send(here, agent, 512, 1200, 1, lab.RECEIVER)
        rows.append({"name": sender.name, "sent": told["packets"], **verdict})
        if verdict["datagrams"] != told["packets"]:
            raise lab.LabError(f"{sender.name}: sent {told['packets']}, received {verdict}")
        job = agent.call("GET", "/v1/jobs?page_size=1&view=FULL")["jobs"][0]
        if copies and job["report"]["kernelCopies"] != "KERNEL_COPIES_" + copies:
            raise lab.LabError(f"{sender.name}: {job['report']}")
    return {"smoke": rows}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke,
                       lambda parser: parser.add_argument("--seconds", type=float, default=0.25),
                       program="pagecastd_copying"))
