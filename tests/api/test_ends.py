"""Every end of a job has one shape: account, report, progress and each stream's result, and says only what was done."""

import datetime
import time
import unittest

from pagecast_test import Agent, UdpReceiver, main

NOTHING = "none: nothing was sent"
HISTOGRAM = {"gapErrorNs"}  # absent where there is no rate


class Ends(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent()
        cls.receiver = UdpReceiver(keep=0)
        done = cls.agent.wait_end(cls.agent.submit({"streams": [cls.stream(limit={"packets": 3})]})["id"])
        cls.report = set(done["report"]) - HISTOGRAM
        cls.account = set(done["account"])

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.receiver.close()

    @classmethod
    def stream(cls, pps=20, **more):
        return {"udp": {"address": "127.0.0.1", "port": cls.receiver.port}, "payloads": [{"text": "hello"}],
                "rate": {"pps": pps}, **more}

    def submit(self, *streams, **more):
        job_id = self.agent.submit({"streams": list(streams), **more})["id"]
        self.addCleanup(self.agent.post, f"/v1/jobs/{job_id}:cancel")
        return job_id

    def running(self, *streams, **more):
        """@return the id of a job that runs; its progress is there from the first moment."""
        job_id = self.submit(*streams, **more)
        deadline = time.monotonic() + 60
        while True:
            job = self.agent.job(job_id)
            if job["state"] == "JOB_STATE_RUNNING":
                self.assertIn("asOf", job["progress"])
                return job_id
            self.assertLess(time.monotonic(), deadline, job)

    def sent(self, job_id):
        """Until its first packet has left: a job runs a moment before."""
        deadline = time.monotonic() + 60
        while self.agent.job(job_id)["account"]["packetsSent"] == "0":
            self.assertLess(time.monotonic(), deadline)

    def cancelled(self, job_id):
        return self.agent.cancel(job_id)

    def expect(self, job, state, sent, requested, problem=None, streams=1):
        self.assertEqual(job["state"], f"JOB_STATE_{state}")
        self.assertLessEqual(self.report, set(job["report"]))
        self.assertEqual(set(job["account"]), self.account)
        self.assertEqual(len(job["streamResults"]), streams)
        self.assertEqual(job["progress"]["currentPps"], 0)
        self.assertIn("endTime", job)
        self.assertTrue(job["account"]["balanced"])
        self.assertEqual(int(job["account"]["packetsRequested"]), requested)
        codes = [one["code"] for one in job["problems"]]
        if problem:
            self.assertIn(problem, codes)
        if sent:
            self.assertGreater(int(job["account"]["packetsSent"]), 0)
            self.assertIn("firstPacketTime", job)
        elif sent is False:
            self.assertEqual(int(job["account"]["packetsSent"]), 0)
            self.assertEqual(int(job["account"]["packetsCancelled"]), requested)
            self.assertEqual(job["report"]["path"], NOTHING)
            self.assertNotIn("firstPacketTime", job)
            self.assertTrue(codes, "nothing was sent and nobody says why")
        for result in job["streamResults"]:
            self.assertLessEqual(self.report, set(result["report"]))
            self.assertEqual(result["report"]["requestedPps"], 20)

    def test_cancelled_in_each_state(self):
        running = self.running(self.stream(limit={"untilCancelled": True}))
        queued = self.submit(self.stream(limit={"packets": 7}), self.stream(limit={"bytes": 11}, name="b"))
        job = self.cancelled(queued)
        self.expect(job, "CANCELLED", False, 10, "not_started", streams=2)
        self.assertEqual(job["report"]["requestedPps"], 40)
        self.assertEqual([one["name"] for one in job["streamResults"]], ["", "b"])
        self.assertEqual([int(one["account"]["packetsCancelled"]) for one in job["streamResults"]], [7, 3])
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        scheduled = self.submit(self.stream(limit={"duration": "1s"}), startTime=later.isoformat())
        self.expect(self.cancelled(scheduled), "CANCELLED", False, 0, "not_started")
        self.sent(running)
        self.agent.post(f"/v1/jobs/{running}:pause")
        job = self.cancelled(running)
        self.expect(job, "CANCELLED", True, int(job["account"]["packetsSent"]))

    def test_cancelled_before_its_first_packet_was_due(self):
        job_id = self.running(self.stream(limit={"packets": 7}, startDelay="3600s"))
        self.expect(self.cancelled(job_id), "CANCELLED", False, 7, "not_started")

    def test_out_of_time(self):
        def ended(stream, bound):
            """A job that was given little time, but enough to send something if there is something to send."""
            for seconds in (0.2, 1, 5, 25):
                job = self.agent.wait_end(self.submit(stream, **{bound: f"{seconds}s"}))
                if "startDelay" in stream or job["account"]["packetsSent"] != "0":
                    break
            return job

        for sent, more in ((True, {}), (False, {"startDelay": "3600s"})):
            stream = self.stream(limit={"packets": 1000}, **more)
            self.expect(ended(stream, "maxDuration"), "FAILED", sent, 1000, "max_duration")
            self.expect(ended(stream, "lease"), "CANCELLED", sent, 1000, "lease_expired")

    def test_no_worker_was_free_in_time(self):
        self.running(self.stream(limit={"untilCancelled": True}))
        job = self.agent.wait_end(self.submit(self.stream(limit={"packets": 7}), lease="0.2s"))
        self.expect(job, "CANCELLED", False, 7, "lease_expired")
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        missed = self.submit(self.stream(limit={"packets": 7}), startTime=now, startTolerance="0.1s")
        self.expect(self.agent.wait_end(missed), "FAILED", False, 7, "start_missed")

    def test_refused_when_it_starts(self):
        """No loopback address can reach an address of a network: the kernel says so when it is asked to."""
        stream = self.stream(limit={"packets": 7})
        stream["udp"] = {"address": "198.18.0.1", "port": 9, "sourceAddress": "127.0.0.1"}
        self.expect(self.agent.wait_end(self.submit(stream)), "FAILED", False, 7)

    def test_the_agent_ends(self):
        first = self.running(self.stream(limit={"packets": 1000}))
        self.sent(first)
        self.assertEqual(self.agent.stop(), 0)
        self.agent.start()
        self.expect(self.agent.job(first), "INTERRUPTED", True, 1000)
        one = self.killed(self.stream(limit={"packets": 1000}))
        self.assertEqual(one["streamResults"][0]["account"]["packetsSent"], one["account"]["packetsSent"])
        two = self.killed(self.stream(limit={"packets": 600}), self.stream(limit={"packets": 400}))
        for result in two["streamResults"]:  # how the sum divides nobody knows
            self.assertNotIn("account", result)
            self.assertIn("not known", result["report"]["path"])

    def killed(self, *streams):
        """@return a job that was running when its agent was killed: what was stored last is what there is."""
        job_id = self.running(*streams)
        self.sent(job_id)
        self.agent.kill()
        self.agent.start()
        job = self.agent.job(job_id)
        self.expect(job, "INTERRUPTED", None, 1000, "account_from_snapshot", streams=len(streams))
        self.assertIn("not known", job["report"]["path"])
        return job


if __name__ == "__main__":
    main()
