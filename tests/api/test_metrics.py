"""/metrics is what Prometheus reads, and its figures are the agent's own; /readyz says why not."""

import shutil
import subprocess
import unittest

import pagecast_test as pt

POLICY = {"allowedNetworks": ["127.0.0.0/8"], "maxJobsQueued": 1}


def samples(text):
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            found[series] = float(value)
    return found


class Metrics(unittest.TestCase):
    def setUp(self):
        self.agent = pt.Agent(policy=POLICY)
        self.addCleanup(self.agent.close)

    def read(self):
        answer = self.agent.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        return answer.body.decode()

    def run_job(self, port, packets=200, pps=2000):
        job = self.agent.submit(pt.udp_job(port, packets, pps=pps))
        return self.agent.job(job["id"] + "?wait=20&until=end")

    def test_counts_are_those_of_the_jobs(self):
        with pt.UdpReceiver(keep=0) as sink:
            job = self.run_job(sink.port)
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED", job)
        found = samples(self.read())
        self.assertEqual(found["pagecast_packets_sent_total"], 200)
        self.assertEqual(found["pagecast_bytes_sent_total"], int(job["account"]["bytesSent"]))
        self.assertEqual(found["pagecast_transmit_syscalls_total"], int(job["account"]["syscalls"]))
        self.assertEqual(found['pagecast_jobs{state="succeeded"}'], 1)
        self.assertEqual(found['pagecast_jobs_ended_total{state="succeeded"}'], 1)
        self.assertEqual(found["pagecast_gap_error_seconds_count"],
                         int(job["report"]["gapErrorNs"]["count"]))
        self.assertGreaterEqual(found["pagecast_store_write_seconds_count"], 3)  # made, runs, ended
        self.assertEqual(
            found['pagecast_http_request_seconds_count{method="POST",route="/v1/jobs",code="201"}'], 1)

    def test_a_dead_port_is_counted_by_errno(self):
        job = self.run_job(pt.free_port(), packets=50)
        refusals = sum(int(p["count"]) for p in job["problems"] if p["code"] == "port_unreachable")
        self.assertGreater(refusals, 0, job)
        found = samples(self.read())
        self.assertEqual(found['pagecast_complaints_total{errno="ECONNREFUSED"}'], refusals)

    def test_scanners_do_not_grow_the_table(self):
        before = len(samples(self.read()))
        for i in range(50):
            self.assertEqual(self.agent.get(f"/v1/nothing/{i}").status, 404)
        self.agent.get("/metrics")
        after = samples(self.read())
        rows = [s for s in after if "http_request_seconds_count" in s]
        self.assertEqual(after['pagecast_http_request_seconds_count{method="other",route="none",code="404"}'],
                         50)
        self.assertEqual(len(rows), 2, rows)
        self.assertLess(len(after) - before, 60)

    def test_no_count_falls_while_jobs_end(self):
        """Prometheus takes a count that fell for a restart; between two jobs none may."""
        counts = ("pagecast_packets_sent_total", "pagecast_bytes_sent_total", "pagecast_transmit_syscalls_total")
        with pt.UdpReceiver(keep=0) as sink:
            before = samples(self.read())
            for _ in range(6):
                job = self.agent.submit(pt.udp_job(sink.port, 300, pps=1000))
                state = job["state"]
                while state not in pt.ENDED:
                    after = samples(self.read())
                    for name in counts:
                        self.assertGreaterEqual(after[name], before[name], name)
                    before = after
                    state = self.agent.job(job["id"])["state"]
        self.assertEqual(samples(self.read())[counts[0]], 6 * 300)

    def test_promtool_finds_nothing(self):
        if not shutil.which("promtool"):
            self.skipTest("there is no promtool (package prometheus)")
        self.run_job(pt.free_port(), packets=10)
        check = subprocess.run(["promtool", "check", "metrics"], input=self.read(), text=True,
                               capture_output=True, timeout=30, check=False)
        self.assertEqual((check.returncode, check.stdout + check.stderr), (0, ""))

    def test_readyz_says_why_not(self):
        self.assertEqual(self.agent.get("/readyz").status, 200)
        port = pt.free_port()
        running = self.agent.submit(pt.udp_job(port, None, pps=10))
        while self.agent.job(running["id"] + "?wait=1")["state"] != "JOB_STATE_RUNNING":
            pass
        waiting = self.agent.submit(pt.udp_job(port, 1))
        answer = self.agent.get("/readyz")
        self.assertEqual(answer.status, 503, answer)
        self.assertIn("maxJobsQueued", answer.json()["message"])
        for job in (waiting, running):
            self.agent.post(f"/v1/jobs/{job['id']}:cancel")
        self.assertEqual(self.agent.get("/readyz").status, 200)


if __name__ == "__main__":
    pt.main()
