"""The policy's maxTotalPps: what all jobs send together, counted where it arrives."""

import time
import unittest

from pagecast_test import Agent, StampedReceiver, excess, main, udp_job

TOTAL = 2000
WORKERS = 3
EXCESS = TOTAL * 0.005 * (1 + WORKERS) + 1  # beyond rate * time: 5 ms worth for all, and for each worker


class Totals(unittest.TestCase):
    def assert_held(self, receiver):
        """Of the next packets, a second and a half at least, no window holds more than it may."""
        self.assertLessEqual(excess(receiver.since(time.time(), int(1.5 * TOTAL)), TOTAL), EXCESS)

    def test_running_jobs_stay_below_it_together_and_the_next_one_waits(self):
        with Agent("--workers", str(WORKERS), policy={"maxTotalPps": TOTAL, "allowedNetworks": ["127.0.0.0/8"]}) \
                as agent, StampedReceiver() as receiver:
            def endless(pps):
                return agent.submit(udp_job(receiver.port, packets=None, pps=pps))["id"]

            first = endless(0.6 * TOTAL)
            agent.wait_state(first, "JOB_STATE_RUNNING")
            unlimited = endless(None)
            agent.wait_state(unlimited, "JOB_STATE_RUNNING")
            late = endless(0.5 * TOTAL)
            self.assert_held(receiver)
            self.assertEqual(agent.job(late)["state"], "JOB_STATE_QUEUED")
            self.assertIn("maxTotalPps", agent.job(late)["progress"]["waitingFor"])
            refused = agent.request("PATCH", f"/v1/jobs/{first}", {"rate": {"pps": 0.95 * TOTAL}})
            self.assertEqual(refused.status, 429)
            self.assertIn("maxTotalPps", refused.json()["message"])
            too_fast = agent.post("/v1/jobs", udp_job(receiver.port, pps=1.1 * TOTAL))
            self.assertEqual(too_fast.status, 403)
            agent.post(f"/v1/jobs/{first}:cancel")
            agent.wait_state(late, "JOB_STATE_RUNNING")
            self.assert_held(receiver)
            agent.post("/v1/jobs:cancel", {"all": True})


if __name__ == "__main__":
    main()
