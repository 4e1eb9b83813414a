"""SIGHUP with another policy, while jobs run and wait: what is forbidden now ends and says by which rule."""

import json
import os
import signal
import time
import unittest

from pagecast_test import Agent, StampedReceiver, excess, main, udp_job, until

WORKERS = 4
LOOPBACK = {"allowedNetworks": ["127.0.0.0/8", "::1/128"]}


class Reloaded(unittest.TestCase):
    def setUp(self):
        self.receiver = StampedReceiver()
        self.addCleanup(self.receiver.close)
        self.agent = Agent("--workers", str(WORKERS), policy=LOOPBACK)
        self.addCleanup(self.agent.close)
        self.addCleanup(self.agent.post, "/v1/jobs:cancel", {"all": True})

    def reload(self, **policy):
        before = self.agent.log_text().count("event=policy_reloaded")
        path = os.path.join(self.agent.folder, "policy.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**LOOPBACK, **policy}, file)
        self.agent.process.send_signal(signal.SIGHUP)
        until(lambda: self.agent.log_text().count("event=policy_reloaded") > before)

    def endless(self, pps=None, running=True, **more):
        job_id = self.agent.submit(udp_job(self.receiver.port, packets=None, pps=pps, **more))["id"]
        if running:
            self.agent.wait_state(job_id, "JOB_STATE_RUNNING")
        return job_id

    def assert_forbidden(self, job_id, rule, code="permission"):
        job = self.agent.wait_end(job_id)
        self.assertEqual(job["state"], "JOB_STATE_FAILED", job)
        told = [problem for problem in job["problems"] if problem["code"] == code]
        self.assertIn(rule, told[0]["message"])
        self.assertEqual(told[0]["severity"], "SEVERITY_ERROR")
        self.assertTrue(job["account"]["balanced"])
        return told[0]

    def assert_running(self, *job_ids):
        self.assertEqual([self.agent.job(job_id)["state"] for job_id in job_ids],
                         len(job_ids) * ["JOB_STATE_RUNNING"])

    def assert_held(self, rate, *jobs):
        """From now on no window holds more than @rate allows, with 5 ms of it for all and for each worker. That @jobs
        have what the policy says now follows from an answer to an order: nothing leaves while they are paused."""
        for verb in ("pause", "resume"):
            for job_id in jobs:
                self.assertEqual(self.agent.post(f"/v1/jobs/{job_id}:{verb}").status, 200)
        seen = self.receiver.since(time.time(), rate)
        self.assertLessEqual(excess(seen, rate), rate * 0.005 * (1 + WORKERS) + 1)

    def test_what_it_still_allows_goes_on(self):
        slow, fast = self.endless(100), self.endless()
        self.agent.post(f"/v1/jobs/{slow}:pause")
        self.reload(maxPps=1e6, maxTotalPps=5e6, maxDuration="3600s", allowedPorts=[{"first": 1, "last": 65535}])
        self.assertEqual(self.agent.job(slow)["state"], "JOB_STATE_PAUSED")
        self.assert_running(fast)
        before = self.receiver.count
        self.assertGreater(self.receiver.wait(before + 1), before)

    def test_ports_networks_and_engines(self):
        rules = {"allowedPorts": [{"first": 1, "last": 1}], "allowedNetworks": ["198.18.0.0/15"],
                 "allowedEngines": ["ENGINE_KIND_TXRING"]}
        for rule, value in rules.items():
            with self.subTest(rule):
                running = [self.endless(100), self.endless(100)]
                self.agent.post(f"/v1/jobs/{running[1]}:pause")
                self.reload(**{rule: value})
                for job_id in running:
                    problem = self.assert_forbidden(job_id, rule)
                    self.assertIn("the policy was changed while the job ran", problem["message"])
                self.reload()

    def test_what_waits_is_judged_when_it_starts(self):
        gates = [self.endless(10) for _ in range(4)]
        waiting = self.endless(500, running=False)
        self.reload(maxPps=100)
        self.assertEqual(self.agent.job(waiting)["state"], "JOB_STATE_QUEUED")
        self.assert_running(*gates)
        self.agent.post(f"/v1/jobs/{gates[0]}:cancel")
        self.assert_forbidden(waiting, "maxPps")

    def test_the_rate_of_a_job(self):
        fast, slow, unlimited = self.endless(500), self.endless(50), self.endless()
        self.reload(maxPps=200)
        self.assert_held(200 + 50 + 200, fast, slow, unlimited)
        self.assert_running(fast, slow, unlimited)
        self.agent.cancel(fast)
        self.assertIn("by the policy's maxPps", self.agent.wait_end(fast)["report"]["why"])
        refused = self.agent.request("PATCH", f"/v1/jobs/{slow}", {"rate": {"pps": 201}})
        self.assertEqual(refused.status, 403, refused)

    def test_the_sum_of_the_rates(self):
        first, second = self.endless(400), self.endless(400)
        late, urgent = self.endless(400), self.endless(400, priority=9)
        self.reload(maxTotalPps=900)
        self.assert_held(900, first, second, late, urgent)
        self.assert_running(first, second, late, urgent)
        self.agent.cancel(first)
        self.assert_held(900, second, late, urgent)
        waiting = self.endless(200, running=False)
        until(lambda: "maxTotalPps" in self.agent.job(waiting)["progress"]["waitingFor"])
        self.agent.cancel(second)
        self.agent.cancel(late)
        self.agent.wait_state(waiting, "JOB_STATE_RUNNING")
        self.assert_held(900, urgent, waiting)  # together they ask for less, and may catch up
        self.agent.cancel(urgent)
        self.assertIn("by the policy's maxTotalPps", self.agent.wait_end(urgent)["report"]["why"])

    def test_jobs_without_a_rate_share_what_the_others_leave(self):
        jobs = [self.endless(), self.endless(), self.endless(300)]
        self.reload(maxTotalPps=1000)
        self.assert_held(1000, *jobs)
        self.assert_running(*jobs)
        self.reload(maxTotalPps=500)
        self.assert_held(500, *jobs)
        self.assert_running(*jobs)
        refused = self.agent.request("PATCH", f"/v1/jobs/{jobs[2]}", {"rate": {"pps": 450}})
        self.assertEqual(refused.status, 429, refused)

    def test_durations(self):
        jobs = [self.endless(100), self.endless(100, maxDuration="3600s")]
        self.agent.post(f"/v1/jobs/{jobs[1]}:pause")
        self.reload(maxDuration="0.5s")
        for job_id in jobs:
            self.assert_forbidden(job_id, "max_duration, 0.5 s", code="max_duration")


if __name__ == "__main__":
    main()
