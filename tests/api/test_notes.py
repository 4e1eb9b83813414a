"""What the report says of how packets left, where people would wonder."""

import unittest

from pagecast_test import Agent, UdpReceiver, main

TRAIN = "captures on this host or a veth show a train as one datagram"


class Notes(unittest.TestCase):
    def setUp(self):
        self.receiver = UdpReceiver(keep=10)
        self.addCleanup(self.receiver.close)
        self.agent = Agent()
        self.addCleanup(self.agent.close)

    def run_job(self, length=100, packets=1000, **stream):
        """The end of a job to the receiver."""
        return self.agent.wait_end(self.agent.submit({"streams": [
            {"udp": {"address": "127.0.0.1", "port": self.receiver.port},
             "payloads": [{"random": {"length": length}}], "limit": {"packets": str(packets)}, **stream}]})["id"])

    def test_trains_and_single_packets(self):
        job = self.run_job()
        self.assertRegex(job["report"]["path"], rf"trains of \d+; {TRAIN}$")
        self.assertGreater(job["report"]["longestBurst"], 1)
        for rate in ({"maxBackToBack": 1}, {"unlimited": True, "maxBackToBack": 1}):
            job = self.run_job(rate=rate)
            self.assertEqual(job["report"]["longestBurst"], 1)
            self.assertIn("single datagrams, as max_back_to_back asks", job["report"]["path"])
            self.assertNotIn(TRAIN, job["report"]["path"])
        job = self.run_job(packets=20, rate={"pps": 1000})
        self.assertIn("single datagrams, at their rate", job["report"]["path"])


if __name__ == "__main__":
    main()
