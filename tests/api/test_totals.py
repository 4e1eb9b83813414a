"""The policy's maxTotalPps: what all jobs send together, counted where it arrives."""

import time
import unittest

from pagecast_test import PATIENCE, Agent, UdpReceiver, main, udp_job

TOTAL = 2000


class Totals(unittest.TestCase):
    def rate(self, receiver, seconds=1.5):
        count, start = receiver.count, time.monotonic()
        time.sleep(seconds)
        return (receiver.count - count) / (time.monotonic() - start)

    def wait_state(self, agent, job_id, state):
        deadline = time.monotonic() + 5 * PATIENCE
        while agent.job(job_id)["state"] != "JOB_STATE_" + state:
            self.assertLess(time.monotonic(), deadline)

    def test_running_jobs_stay_below_it_together_and_the_next_one_waits(self):
        with Agent("--workers", "3", policy={"maxTotalPps": TOTAL, "allowedNetworks": ["127.0.0.0/8"]}) \
                as agent, UdpReceiver(keep=1) as receiver:
            def endless(pps):
                return agent.submit(udp_job(receiver.port, packets=None, pps=pps))["id"]

            first = endless(0.6 * TOTAL)
            self.wait_state(agent, first, "RUNNING")
            unlimited = endless(None)
            self.wait_state(agent, unlimited, "RUNNING")
            late = endless(0.5 * TOTAL)
            rate = self.rate(receiver)
            self.assertLessEqual(rate, 1.05 * TOTAL)
            self.assertGreater(rate, 0.6 * TOTAL / PATIENCE)
            self.assertEqual(agent.job(late)["state"], "JOB_STATE_QUEUED")
            self.assertIn("maxTotalPps", agent.job(late)["progress"]["waitingFor"])
            refused = agent.request("PATCH", f"/v1/jobs/{first}", {"rate": {"pps": 0.95 * TOTAL}})
            self.assertEqual(refused.status, 429)
            self.assertIn("maxTotalPps", refused.json()["message"])
            too_fast = agent.post("/v1/jobs", udp_job(receiver.port, pps=1.1 * TOTAL))
            self.assertEqual(too_fast.status, 403)
            agent.post(f"/v1/jobs/{first}:cancel")
            self.wait_state(agent, late, "RUNNING")
            self.assertLessEqual(self.rate(receiver), 1.05 * TOTAL)
            agent.post("/v1/jobs:cancel")


if __name__ == "__main__":
    main()
