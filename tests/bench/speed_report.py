"""What bench_speed.py has to say of its samples: medians and spread, tables, chart, targets.

`samples` is a dictionary: (sender's name, payload length, how many at once) to a list of figures,
one a round. Nothing here measures; tests/bench/test_report.py holds it to samples that are known.
"""

import statistics

import lab
import render
from senders import SENDERS

RESIDENT_MIB_MAX = 12
REPORT_COST_PERCENT_MAX = 2
TEMPLATE, FRESH, PAGES = "agent splice", "agent splice, fresh pages", "agent splice, page per packet"
URING, BARE_URING = "agent uring", "bare uring-template"
TEXTBOOK, TEXTBOOK_LENGTHS = "bare textbook", (64, 512, 1472)
# What is measured two at once is held against this loop, two of them at once.
PAIRED = {
    TEMPLATE: ("bare gso-splice", "bare gso-tee"), FRESH: ("bare gso-fresh",), PAGES: (TEXTBOOK,),
    "agent zerocopy": ("bare gso-zerocopy",), "agent copy": ("bare gso-copy",), URING: (BARE_URING,),
}
CHARTED = ("agent splice", "agent splice, fresh pages", "agent zerocopy", "agent uring",
           "agent txring, trains", "agent copy", "agent txring, single frames", "agent splice, page per packet",
           "bare gso-tee", "bare textbook", "trafgen", "tcpreplay", "iperf3, to its receiver")


class Samples:
    def __init__(self, samples, lengths):
        self.samples, self.lengths = samples, lengths

    def rounds(self, name, length, at_once=1):
        return [one["mpps"] for one in self.samples.get((name, length, at_once), ())]

    def median(self, name, length, at_once=1):
        rounds = self.rounds(name, length, at_once)
        return statistics.median(rounds) if rounds else None

    def spread_percent(self, name, length, at_once=1):
        """Half of the distance between the slowest and the quickest round."""
        rounds = self.rounds(name, length, at_once)
        return (max(rounds) - min(rounds)) / 2 / statistics.median(rounds) * 100

    def ratio(self, name, others, length, at_once=1):
        """Median of the rounds' ratios, to the quickest of the others by its own median."""
        others = [other for other in others if self.rounds(other, length, at_once)]
        if not others:
            return None
        best = max(others, key=lambda other: self.median(other, length, at_once))
        pairs = zip(self.rounds(name, length, at_once), self.rounds(best, length, at_once))
        ratios = [one / two for one, two in pairs]
        return statistics.median(ratios) if ratios else None


def targets(of, known):
    """One row each, over all the lengths that it is asked for."""
    rows = []

    def held(text, name, others, wanted, lengths, at_once=1):
        lengths = [length for length in lengths if length in (*of.lengths, 1400)]
        if lengths:
            rows.append(render.target(
                f"{text}: {' / '.join(str(length) for length in lengths)} B",
                [of.ratio(name, others, length, at_once) for length in lengths], wanted))

    every = of.lengths
    loops = PAIRED[TEMPLATE]
    held("splice over the better of bare gso-splice and gso-tee", TEMPLATE, loops, 0.9, (64,))
    held("splice over the better of bare gso-splice and gso-tee", TEMPLATE, loops, 0.95,
         (512, 1472))
    held("splice over bare textbook", TEMPLATE, (TEXTBOOK,), 40, TEXTBOOK_LENGTHS)
    held("splice over splice, page per packet", TEMPLATE, (PAGES,), 25, (1472,))
    held("splice, page per packet over bare textbook", PAGES, (TEXTBOOK,), 0.9, TEXTBOOK_LENGTHS)
    for peer in ("trafgen", "tcpreplay"):
        held(f"splice over {peer}", TEMPLATE, (peer,), 40, (64,))
        held(f"splice over {peer}", TEMPLATE, (peer,), 15, (1472,))
    held("splice, fresh pages over bare gso-fresh", FRESH, PAIRED[FRESH], 0.9, every)
    held("zerocopy over bare gso-zerocopy", "agent zerocopy", PAIRED["agent zerocopy"], 0.95, every)
    held("uring over bare uring-template", URING, (BARE_URING,), 0.9, (64,))
    held("uring over bare uring-template", URING, (BARE_URING,), 0.95, (512, 1472))
    held("uring over the best of splice, zerocopy and copy", URING,
         (TEMPLATE, "agent zerocopy", "agent copy"), 1.15, (1472,))
    held("txring, trains over trafgen", "agent txring, trains", ("trafgen",), 20, (64,))
    held("txring, trains over trafgen", "agent txring, trains", ("trafgen",), 8, (1400,))
    held("txring, single frames over trafgen", "agent txring, single frames", ("trafgen",), 1.1,
         every)
    for name, others in PAIRED.items():
        held(f"two jobs over two bare loops, {name.removeprefix('agent ')}", name, others, 0.9,
             TEXTBOOK_LENGTHS if name == PAGES else every, 2)
    lengths = " / ".join(str(one["len"]) for one in known["report_cost"])
    rows.append(render.target(
        "the send loop around the engine, its report included, % of CPU"
        + (f": {lengths} B" if lengths else ""),
        [one["cost_percent"] for one in known["report_cost"]], REPORT_COST_PERCENT_MAX,
        at_most=True))
    rows.append(render.target("idle agent resident, MiB", known["idle_resident_kib"] / 1024,
                              RESIDENT_MIB_MAX, at_most=True))
    return rows


def cell(of, name, length, at_once):
    median = of.median(name, length, at_once)
    if median is None:
        return "–"
    return f"{render.significant(median)} ± {of.spread_percent(name, length, at_once):.0f}"


def table_of(of, at_once, names):
    last = max((length for length in of.lengths if length <= 1472), default=of.lengths[-1])
    rows = []
    for name in names:
        median = of.median(name, last, at_once)
        ratio = of.ratio(name, (TEXTBOOK,), last, at_once)
        rows.append([name, *(cell(of, name, length, at_once) for length in of.lengths),
                     "–" if median is None else render.significant(median * last * 8 / 1e3),
                     "–" if ratio is None else render.significant(ratio)])
    return render.markdown_table(
        ["Mpps, ± %" if at_once == 1 else "two at once: Mpps of both",
         *(f"{length} B" for length in of.lengths), f"Gbit/s of payload, {last} B",
         f"x bare textbook, {last} B"], rows)


def notes(of, known):
    """What the signs mean, and why something is not there."""
    lines = [f"± is half the distance between the slowest and the quickest of {known['rounds']} "
             "rounds, in percent.",
             lab.taken_again([run for runs in of.samples.values() for run in runs])]
    short = [s for s in SENDERS if s.why_not and max(of.lengths) > s.length_max]
    for why in dict.fromkeys(s.why_not for s in short):
        lines.append(f"Not above {short[0].length_max} B, because {why}: "
                     + "; ".join(s.name for s in short if s.why_not == why) + ".")
    lines += [f"Not measured: {name}: {why}." for name, why in known["not_measured"].items()]
    return " ".join(lines)


def table(of, known):
    parts = []
    for at_once in (1, 2):
        names = [s.name for s in SENDERS
                 if any(of.rounds(s.name, length, at_once) for length in of.lengths)]
        if names:
            parts.append(table_of(of, at_once, names))
    return "\n".join((*parts, notes(of, known) + "\n"))


def chart(of):
    return render.line_chart(
        "Packets a second", "payload bytes", "Mpps",
        {name: [(length, of.median(name, length)) for length in of.lengths
                if of.rounds(name, length)]
         for name in CHARTED if any(of.rounds(name, length) for length in of.lengths)})


def report(samples, lengths, known):
    of = Samples(samples, lengths)
    results = [{"name": name, "len": length, "at_once": at_once,
                "mpps": of.median(name, length, at_once),
                "spread_percent": of.spread_percent(name, length, at_once), "runs": runs}
               for (name, length, at_once), runs in samples.items()]
    return render.Report({**known, "results": results, "targets": targets(of, known)},
                         table(of, known), chart(of))
