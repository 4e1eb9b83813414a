#!/usr/bin/env python3
"""What benchmarks say of samples that are known: ratios, targets, tables, charts, the pages they are put into."""

import argparse
import os
import stat
import tempfile
import unittest
import unittest.mock
import xml.dom.minidom

import lab
import readme
import render
import speed_report
from senders import SENDERS

MACHINE = {"kernel": "6.1", "cpu": "a CPU", "cores": 2, "load_average": 0.1,
           "stolen_percent": 2.5}
KNOWN = {"rounds": 3, "idle_resident_kib": 7168, "not_measured": {"trafgen": "not installed"},
         "report_cost": [{"len": 64, "cost_percent": 0.5}, {"len": 512, "cost_percent": 2.5}]}


def samples(**mpps):
    """By name with spaces for underscores: the rounds of 512 bytes, one at a time."""
    return {(name.replace("_", " "), 512, 1): [{"mpps": one, "stolen_percent": 0, "samples_taken": 1} for one in rounds]
            for name, rounds in mpps.items()}


def target_of(report, start):
    return next(t for t in report.result["targets"] if t["name"].startswith(start))


class Calm(unittest.TestCase):
    """A hypervisor that takes what the test says of the processors' time."""

    def calm(self, *stolen):
        ticks, taken = [(0, 0)], []
        for percent in stolen:
            ticks.append((ticks[-1][0] + 1000, ticks[-1][1] + 10 * percent))

        def sample():
            taken.append(len(taken) + 1)
            return {"number": taken[-1]}

        read = iter([tick for pair in zip(ticks, ticks[1:]) for tick in pair])
        with unittest.mock.patch.object(lab, "processor_ticks", lambda: next(read)):
            return lab.calm(sample)

    def test_a_calm_sample_counts_at_once(self):
        self.assertEqual(self.calm(1), {"number": 1, "stolen_percent": 1, "samples_taken": 1})

    def test_a_disturbed_one_is_taken_again(self):
        self.assertEqual(self.calm(30, 0), {"number": 2, "stolen_percent": 0, "samples_taken": 2})

    def test_of_disturbed_ones_the_calmest_counts(self):
        self.assertEqual(self.calm(30, 2, 4, 0),
                         {"number": 2, "stolen_percent": 2, "samples_taken": 3})

    def test_it_is_told(self):
        told = lab.taken_again([self.calm(30, 2, 4), self.calm(0)])
        self.assertIn("Of 4 samples 2 count", told)
        self.assertIn("1.0 % of those that count in the mean, 2.0 % at most", told)


class Speed(unittest.TestCase):
    def report(self, lengths=(512,), **mpps):
        return speed_report.report(samples(**mpps), list(lengths), KNOWN)

    def test_a_ratio_is_the_median_of_the_rounds_ratios(self):
        of = speed_report.Samples(samples(a=[10, 30, 20], b=[10, 10, 20]), [512])
        self.assertEqual(of.ratio("a", ("b",), 512), 1)
        self.assertIsNone(of.ratio("a", ("c",), 512))
        self.assertIsNone(of.ratio("c", ("b",), 512))

    def test_a_ratio_to_several_is_to_the_better_one(self):
        of = speed_report.Samples(samples(a=[10], slow=[5], quick=[20]), [512])
        self.assertEqual(of.ratio("a", ("slow", "quick"), 512), 0.5)

    def test_the_spread_is_half_the_range(self):
        of = speed_report.Samples(samples(a=[9, 10, 12]), [512])
        self.assertEqual(of.spread_percent("a", 512), 15)

    def test_targets_say_what_was_got(self):
        report = self.report(agent_zerocopy=[96], **{"bare_gso-zerocopy": [100]})
        row = target_of(report, "zerocopy over")
        self.assertEqual((row["wanted"], row["got"], row["reached"]), (">= 0.95", "0.96", True))
        report = self.report(agent_zerocopy=[94], **{"bare_gso-zerocopy": [100]})
        self.assertFalse(target_of(report, "zerocopy over")["reached"])

    def test_what_was_not_measured_is_not_reached(self):
        row = target_of(self.report(agent_splice=[1]), "splice over bare textbook")
        self.assertEqual((row["got"], row["reached"]), ("not measured", False))

    def test_each_length_must_reach_the_target(self):
        row = target_of(self.report(agent_splice=[1]), "the send loop")
        self.assertEqual((row["name"].rsplit(": ")[1], row["got"], row["reached"]),
                         ("64 / 512 B", "0.5 / 2.5", False))

    def test_no_row_is_about_a_length_that_was_not_asked_for(self):
        names = [t["name"] for t in self.report(agent_splice=[1]).result["targets"]]
        self.assertFalse([name for name in names if "1472" in name])

    def test_the_table_says_why_something_is_missing(self):
        report = self.report((512, 8972), bare_textbook=[0.5, 0.5, 0.6])
        self.assertIn("| bare textbook | 0.500 ± 10 | – |", report.table)
        self.assertIn("one page does not hold the packet: bare textbook; agent splice, page per",
                      report.table)
        self.assertIn("trafgen: not installed", report.table)

    def test_each_sender_has_a_name_of_its_own(self):
        names = [sender.name for sender in SENDERS]
        self.assertEqual(len(names), len(set(names)))
        for name in (*speed_report.CHARTED, *speed_report.PAIRED,
                     *(other for others in speed_report.PAIRED.values() for other in others)):
            self.assertIn(name, names)


class Render(unittest.TestCase):
    def test_at_most_is_the_other_way_round(self):
        self.assertTrue(render.target("a", 5, 10, at_most=True)["reached"])
        self.assertFalse(render.target("a", [5, 11], 10, at_most=True)["reached"])
        self.assertFalse(render.target("a", [5, None], 10, at_most=True)["reached"])

    def test_three_digits_that_matter(self):
        self.assertEqual([render.significant(x) for x in (0, 0.04561, 12.34, 1234.5)],
                         ["0", "0.0456", "12.3", "1,234"])

    def test_a_chart_is_well_formed_and_names_each_line(self):
        lines = {f"line <{i}>": [(64, 1.5 + i), (1472, 0.02)] for i in range(10)}
        chart = xml.dom.minidom.parseString(render.line_chart("a & b", "x", "y", lines))
        self.assertEqual(len(chart.getElementsByTagName("polyline")), 10)
        texts = [node.firstChild.data for node in chart.getElementsByTagName("text")]
        self.assertIn("line <9>", texts)

    def test_files_are_written_whole_each_time(self):
        report = render.Report({"machine": MACHINE, "rounds": 2, "targets": [
            render.target("a", 1, 1)]}, "a table\n", "<svg/>")
        with tempfile.TemporaryDirectory() as folder:
            options = argparse.Namespace(json=f"{folder}/a.json", table=f"{folder}/a.md",
                                         svg=f"{folder}/a.svg")
            render.save(report, options)
            render.save(report._replace(table="another\n"), options)
            self.assertEqual(sorted(os.listdir(folder)), ["a.json", "a.md", "a.svg"])
            with open(options.table, encoding="utf-8") as file:
                text = file.read()
        self.assertTrue(text.startswith("another\n\n| to reach |"))
        self.assertIn("Linux 6.1, 2 cores, a CPU; medians of 2 rounds", text)


class Readme(unittest.TestCase):
    def test_what_is_no_file_is_not_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "pipe")
            os.mkfifo(name)
            reader = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
            render._put(name, "text")  # pylint: disable=protected-access
            self.assertEqual(os.read(reader, 10), b"text")
            os.close(reader)
            self.assertTrue(stat.S_ISFIFO(os.stat(name).st_mode))

    def test_the_pages_have_a_place_for_each_benchmark(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        for page, names in {"tests/bench/README.md": ("speed", "pace", "control", "api", "watch"),
                            "agent/README.md": ("engines",)}.items():
            with open(os.path.join(root, page), encoding="utf-8") as file:
                text = file.read()
            for name in names:
                self.assertIn("kept\n", readme.replaced(text, name, "kept\n"))

    def test_only_what_is_between_the_marks_is_replaced(self):
        text = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\nkept\n<!-- /two -->\n"
        self.assertEqual(readme.replaced(text, "one", "new\n"), text.replace("old", "new"))

    def test_a_mark_that_is_not_there_is_an_error(self):
        with self.assertRaises(SystemExit):
            readme.replaced("no marks", "one", "new\n")


if __name__ == "__main__":
    unittest.main()
