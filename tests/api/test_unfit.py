"""Jobs that cannot run: said at submission, or by the preview, with the true reason."""

import unittest

from pagecast_test import Agent, main

PCAP = {"Accept": "application/vnd.tcpdump.pcap"}
UDP = {"udp": {"address": "127.0.0.1", "port": 9}, "payloads": [{"text": "a"}]}
RAW = {"rawIp": {"address": "127.0.0.1", "protocol": 253}, "payloads": [{"text": "a"}]}
FRAME = {"ethernet": {"interface": "lo"}, "payloads": [{"hex": "02000000000a02000000000b88b500"}]}


class Unfit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(policy={"allowEthernet": True, "allowUnjudged": True})
        cls.addClassCleanup(cls.agent.close)

    def answers(self, spec):
        """To a submission, a preview, and a preview as a capture."""
        return (self.agent.post("/v1/jobs", spec), self.agent.post("/v1/jobs:preview", {"spec": spec}),
                self.agent.post("/v1/jobs:preview", {"spec": spec}, headers=PCAP))

    def test_frames_beside_datagrams_are_two_jobs(self):
        for streams in ([UDP, FRAME], [FRAME, UDP], [FRAME, FRAME, RAW]):
            submitted, *_ = self.answers({"streams": streams})
            self.assertEqual(submitted.status, 400, submitted)
            fault, = submitted.json()["details"][-1]["debug"]["fieldViolations"]
            self.assertEqual(fault["field"], "streams")
            self.assertIn("submit two jobs", fault["description"])

    def test_an_engine_that_cannot_send_it(self):
        engines = {engine["kind"]: engine for engine in self.agent.get("/v1/engines").json()["engines"]}
        ring = "a packet ring sends Ethernet frames only"
        if not engines["ENGINE_KIND_TXRING"]["available"]:
            ring = "TXRING is not available here: " + engines["ENGINE_KIND_TXRING"]["why"]
        cases = {"ENGINE_KIND_TXRING": ([UDP], ring),
                 "ENGINE_KIND_ZEROCOPY": ([UDP, RAW], "MSG_ZEROCOPY is for UDP (submit two jobs"),
                 "ENGINE_KIND_URING": ([UDP, RAW], "io_uring sends UDP without a copy, nothing else (submit two jobs")}
        for engine, (streams, reason) in cases.items():
            submitted, shown, capture = self.answers({"engine": engine, "streams": streams})
            self.assertEqual(submitted.status, 409, submitted)
            self.assertIn(reason, submitted.json()["message"])
            self.assertEqual(shown.status, 200, shown)
            preview = shown.json()
            self.assertEqual(preview["packets"], [])
            self.assertIn(reason, " ".join(problem["message"] for problem in preview["problems"]))
            self.assertEqual(capture.status, 409, capture)  # and no empty file
            self.assertIn(reason, capture.json()["message"])

    def test_what_can_run_is_shown(self):
        _, shown, capture = self.answers({"streams": [UDP]})
        self.assertEqual((shown.status, capture.status), (200, 200))
        self.assertEqual(len(shown.json()["packets"]), 1)
        self.assertGreater(len(capture.body), 24)


if __name__ == "__main__":
    main()
