#!/usr/bin/env python3
"""The judge judged: what gaps says of datagrams that are known. Usage: test_gaps.py PATH_OF_GAPS"""

import json
import socket
import subprocess
import sys
import time
import unittest

GAPS = None


class Gaps(unittest.TestCase):
    def judged(self, lengths, *options):
        """Send datagrams of these lengths at once; returns the exit code and the verdict."""
        with subprocess.Popen([GAPS, "--address", "127.0.0.1", *options], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                port = int(process.stderr.readline().split()[1])
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                    for length in lengths:
                        sender.sendto(b"x" * length, ("127.0.0.1", port))
                output, _ = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, json.loads(output)

    def test_counts_datagrams_bytes_and_sizes(self):
        code, verdict = self.judged([1, 0, 1472, 64], "--idle-ms", "2000")
        self.assertEqual(code, 0)
        self.assertEqual((verdict["datagrams"], verdict["bytes"]), (4, 1537))
        self.assertEqual((verdict["min_len"], verdict["max_len"]), (0, 1472))
        self.assertEqual(verdict["lost_here"], 0)

    def test_ends_at_the_count(self):
        _, verdict = self.judged([8] * 20, "--count", "20", "--idle-ms", "50000")
        self.assertEqual(verdict["datagrams"], 20)

    def test_a_burst_is_not_an_even_rate(self):
        deadline, seconds = time.monotonic() + 60, 1
        while seconds > 0.009:  # as close together as a burst is, which a busy machine may prevent
            self.assertLess(time.monotonic(), deadline)
            _, verdict = self.judged([8] * 20, "--count", "20", "--pps", "10", "--idle-ms", "50000")
            seconds = verdict["seconds"]
        self.assertEqual(verdict["longest_burst"], 20)
        self.assertGreater(verdict["gap_error_ns"]["p50"], 90_000_000)
        self.assertGreater(verdict["pps"], 100)

    def test_a_wrong_option_is_refused(self):
        done = subprocess.run([GAPS, "--address", "nowhere"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"usage: gaps", done.stderr)


if __name__ == "__main__":
    GAPS = sys.argv.pop(1)
    unittest.main()
