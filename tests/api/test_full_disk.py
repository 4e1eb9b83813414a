"""A disk without room, and a state folder that goes away: what was answered is true after a restart."""

import os
import shutil
import subprocess
import tempfile
import unittest

from pagecast_test import Agent, UdpReceiver, main, udp_job

TMPFS_BYTES = 2 << 20


class SmallDisk(unittest.TestCase):
    """A state folder on a file system of its own, of 2 MiB."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        state = os.path.join(self.folder, "state")
        os.mkdir(state, 0o700)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", state]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            self.skipTest("mounting a file system of 2 MiB takes root")
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=False)
        self.state = state
        self.receiver = UdpReceiver(keep=1)
        self.addCleanup(self.receiver.close)

    def fill(self):
        """Another program takes what is left, to the last byte."""
        with open(os.path.join(self.state, "other"), "ab", buffering=0) as other:
            for size in (65536, 4096, 1):
                try:
                    while other.write(bytes(size)):
                        pass
                except OSError:
                    pass

    def test_ends_are_stored_and_jobs_are_not_taken(self):
        agent = Agent("--workers", "1", folder=self.folder)
        running = agent.submit(udp_job(self.receiver.port, packets=None, pps=100))["id"]
        agent.wait_state(running, "JOB_STATE_RUNNING")
        waiting = [agent.submit(udp_job(self.receiver.port, packets=5))["id"] for _ in range(30)]
        self.fill()
        taken = 0
        while (answer := agent.post("/v1/jobs", udp_job(self.receiver.port, packets=5))).status == 201:
            waiting.append(answer.json()["id"])  # into what the database had to spare
            taken += 1
            self.assertLess(taken, 200)
        self.assertEqual((answer.status, answer.json()["code"]), (503, "unavailable"), answer)
        for job_id in [*waiting, running]:
            job = agent.cancel(job_id)
            self.assertEqual(job["state"], "JOB_STATE_CANCELLED")
            self.assertNotIn("not_stored", [problem["code"] for problem in job.get("problems", [])])
        refused = agent.post("/v1/jobs", udp_job(self.receiver.port, packets=5))
        self.assertEqual(refused.status, 503, "a job was taken into the room for ends")
        self.assertEqual(agent.get("/readyz").status, 503)
        self.assertEqual(agent.stop(), 0, agent.log_text())
        agent.start()  # on the full disk
        for job_id in [*waiting, running]:
            self.assertEqual(agent.job(job_id)["state"], "JOB_STATE_CANCELLED")
        os.unlink(os.path.join(self.state, "other"))
        job_id = agent.submit(udp_job(self.receiver.port, packets=5))["id"]
        self.assertEqual(agent.wait_end(job_id)["state"], "JOB_STATE_SUCCEEDED")
        self.assertEqual(agent.get("/readyz").status, 200)
        agent.close()

    def test_the_end_of_a_running_job_and_deletions(self):
        agent = Agent("--workers", "1", folder=self.folder)
        running = agent.submit(udp_job(self.receiver.port, packets=None, pps=100))["id"]
        agent.wait_state(running, "JOB_STATE_RUNNING")
        ended = agent.submit(udp_job(self.receiver.port, packets=5))["id"]
        agent.cancel(ended)
        self.fill()
        self.assertEqual(agent.request("DELETE", f"/v1/jobs/{ended}").status, 204)
        self.assertEqual(agent.stop(), 0, agent.log_text())  # it ends as INTERRUPTED
        agent.start()
        self.assertEqual(agent.get(f"/v1/jobs/{ended}").status, 404)
        self.assertEqual(agent.job(running)["state"], "JOB_STATE_INTERRUPTED")
        agent.close()


class NoDisk(unittest.TestCase):
    """A state folder that is taken away while the agent runs."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.state = os.path.join(self.folder, "state")
        self.away = os.path.join(self.folder, "away")
        self.receiver = UdpReceiver(keep=1)
        self.addCleanup(self.receiver.close)
        self.agent = Agent(folder=self.folder)

    def assert_lost(self):
        refused = self.agent.post("/v1/jobs", udp_job(self.receiver.port))
        self.assertEqual(refused.status, 503, refused)
        self.assertIn("removed or replaced", refused.json()["message"])
        ready = self.agent.get("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn("removed or replaced", ready.body.decode())
        self.assertEqual(self.agent.get("/healthz").status, 200)

    def test_removed(self):
        self.agent.submit(udp_job(self.receiver.port, packets=1))
        shutil.rmtree(self.state)
        self.assert_lost()
        os.mkdir(self.state)  # an empty one in its place does not help
        self.assert_lost()
        self.agent.kill()

    def test_moved_away_and_back(self):
        running = self.agent.submit(udp_job(self.receiver.port, packets=None, pps=100))["id"]
        self.agent.wait_state(running, "JOB_STATE_RUNNING")
        os.rename(self.state, self.away)
        self.assert_lost()
        job = self.agent.cancel(running)  # it stops all the same, and says what that is worth
        self.assertEqual(job["state"], "JOB_STATE_CANCELLED")
        told = [problem for problem in job["problems"] if problem["code"] == "not_stored"]
        self.assertEqual([problem["severity"] for problem in told], ["SEVERITY_ERROR"])
        listed = self.agent.get("/v1/jobs").json()["jobs"]
        self.assertIn("not_stored", [problem["code"] for problem in listed[0]["problems"]])
        os.rename(self.away, self.state)
        self.assertEqual(self.agent.wait_end(self.agent.submit(udp_job(self.receiver.port, packets=1))["id"])
                         ["state"], "JOB_STATE_SUCCEEDED")
        self.assertEqual(self.agent.stop(), 0)
        self.agent.start()
        self.assertEqual(self.agent.job(running)["state"], "JOB_STATE_CANCELLED")
        self.agent.close()

    def test_an_end_that_could_not_be_stored_shows_in_the_exit_status(self):
        running = self.agent.submit(udp_job(self.receiver.port, packets=None, pps=100))["id"]
        self.agent.wait_state(running, "JOB_STATE_RUNNING")
        os.rename(self.state, self.away)
        self.assertEqual(self.agent.stop(), 1)
        self.assertIn("ends_not_stored", self.agent.log_text())


if __name__ == "__main__":
    main()
