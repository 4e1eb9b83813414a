"""A damaged store as users of the API and the client see it."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from pagecast_test import Agent, UdpReceiver, main, program, udp_job

SQL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "store_v1.sql")


class Damaged(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.database = os.path.join(self.folder, "state", "jobs.db")
        self.receiver = UdpReceiver(keep=1)
        self.addCleanup(self.receiver.close)

    def alter(self, sql, *values):
        """As a disk or a memory would, behind the agent's back."""
        connection = sqlite3.connect(self.database)
        changed = connection.execute(sql, values).rowcount
        connection.commit()
        connection.close()
        self.assertEqual(changed, 1)

    def client(self, agent, *args):
        ran = subprocess.run([program("PAGECAST"), "--agent", agent.url, *args], capture_output=True, text=True,
                             check=False)
        return ran.stdout + ran.stderr

    def test_one_of_two_jobs(self):
        agent = Agent(folder=self.folder)
        whole, altered = (agent.submit(udp_job(self.receiver.port, packets=3, name=name))["id"]
                          for name in ("whole", "altered"))
        for job_id in (whole, altered):
            agent.wait_end(job_id)
        self.assertEqual(agent.stop(), 0)
        self.alter("UPDATE specs SET spec = CAST(replace(spec, 'altered', 'altfred') AS BLOB) WHERE id = ?", altered)
        agent.start()
        ready = agent.get("/readyz")
        self.assertEqual(ready.status, 200)
        self.assertIn("warning: damaged stored jobs: 1 ", ready.body.decode())
        job = agent.job(altered)
        self.assertEqual((job["state"], [problem["code"] for problem in job["problems"]]),
                         ("JOB_STATE_FAILED", ["damaged"]))
        self.assertNotIn("spec", job)
        listed = {job["id"]: job["state"] for job in agent.get("/v1/jobs").json()["jobs"]}
        self.assertEqual(listed, {whole: "JOB_STATE_SUCCEEDED", altered: "JOB_STATE_FAILED"})
        failed = agent.get("/v1/jobs?states=JOB_STATE_FAILED").json()["jobs"]
        self.assertEqual([job["id"] for job in failed], [altered])
        self.assertIn("damaged", self.client(agent, "get", altered))
        self.assertRegex(self.client(agent, "list"), rf"{altered} +FAILED")
        self.assertEqual(agent.request("DELETE", f"/v1/jobs/{altered}").status, 204)
        self.assertEqual(agent.get("/readyz").body, b"ready\n")
        self.assertEqual(agent.stop(), 0)
        agent.start()
        self.assertEqual(agent.get(f"/v1/jobs/{altered}").status, 404)
        self.assertEqual(agent.job(whole)["state"], "JOB_STATE_SUCCEEDED")
        agent.close()

    def test_one_that_waited_is_not_run(self):
        agent = Agent(folder=self.folder)
        waiting = agent.submit(udp_job(self.receiver.port, packets=3, startTime="2100-01-01T00:00:00Z"))["id"]
        self.assertEqual(agent.stop(), 0)
        self.alter("UPDATE jobs SET state = 1 WHERE id = ?", waiting)
        agent.start()
        self.assertEqual(agent.job(waiting)["state"], "JOB_STATE_FAILED")
        last = agent.submit(udp_job(self.receiver.port, packets=2))["id"]
        agent.wait_end(last)
        self.assertEqual(self.receiver.wait(2), 2)
        agent.close()

    def test_a_database_of_an_earlier_version_has_checksums_from_its_first_start_on(self):
        os.mkdir(os.path.dirname(self.database), 0o700)
        connection = sqlite3.connect(self.database)
        with open(SQL, encoding="utf-8") as file:
            connection.executescript(file.read())
        connection.close()
        agent = Agent(folder=self.folder)
        before = {job["id"]: job["state"] for job in agent.get("/v1/jobs").json()["jobs"]}
        self.assertEqual(agent.get("/readyz").body, b"ready\n")
        self.assertEqual(agent.stop(), 0)
        altered = sorted(before)[0]
        self.alter("UPDATE jobs SET record = substr(record, 2) WHERE id = ?", altered)
        agent.start()
        after = {job["id"]: job["state"] for job in agent.get("/v1/jobs").json()["jobs"]}
        self.assertEqual(set(after), set(before))
        self.assertEqual(agent.job(altered)["problems"][0]["code"], "damaged")
        agent.close()

    def test_an_emptied_database(self):
        agent = Agent(folder=self.folder)
        agent.submit(udp_job(self.receiver.port, packets=1))
        self.assertEqual(agent.stop(), 0)
        os.truncate(self.database, 0)
        agent.start()
        self.assertIn("jobs.db was empty or missing", agent.get("/readyz").body.decode())
        self.assertIn("store_emptied", agent.log_text())
        agent.close()


if __name__ == "__main__":
    main()
