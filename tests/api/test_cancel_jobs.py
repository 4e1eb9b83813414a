"""CancelJobs stops everybody's jobs only where the request says so: nothing said is refused, on every protocol."""

import json
import os
import struct
import subprocess
import unittest

import pagecast_test as pt

CANCEL_JOBS = "/pagecast.v1.TransmitService/CancelJobs"
LABEL = {"key": "run", "value": "a"}
ALL, LABELS, REASON = 3, 1, 2  # fields of CancelJobsRequest


def pb_label(key, value):
    return pt.pb_bytes(LABELS, pt.pb_bytes(1, key) + pt.pb_bytes(2, value))


class CancelJobs(unittest.TestCase):
    def setUp(self):
        self.agent = pt.Agent("--workers", "2")
        self.addCleanup(self.agent.close)
        self.receiver = pt.UdpReceiver(keep=0)
        self.addCleanup(self.receiver.close)
        self.jobs = [self.submit(), self.submit(labels=[LABEL])]

    def submit(self, **more):
        job = self.agent.submit(pt.udp_job(self.receiver.port, packets=None, pps=10, **more), unix=bool(more))
        self.agent.wait_state(job["id"], "JOB_STATE_RUNNING")
        return job["id"]

    def states(self):
        return [self.agent.job(job_id)["state"].removeprefix("JOB_STATE_") for job_id in self.jobs]

    def assert_refused(self, error, *words):
        self.assertEqual(error["code"], "invalid_argument", error)
        for word in ("all", *words):
            self.assertIn(word, error["message"])
        self.assertEqual([fault["field"] for fault in error["details"][0]["debug"]["fieldViolations"]], ["all"])
        self.assertEqual(self.states(), ["RUNNING", "RUNNING"])

    def test_what_names_nothing_stops_nothing(self):
        bodies = [None, b"", {}, {"labels": []}, {"labels": None}, {"all": False}, {"all": False, "labels": []}, {"all": None},
                  {"reason": "all"}]
        for body in bodies:
            with self.subTest(rest=body):
                answer = self.agent.post("/v1/jobs:cancel", body)
                self.assertEqual(answer.status, 400, answer)
                self.assert_refused(answer.json(), "labels")
            if isinstance(body, dict):
                with self.subTest(connect=body):
                    answer = self.agent.post(CANCEL_JOBS, body)
                    self.assertEqual(answer.status, 400, answer)
                    self.assert_refused(answer.json(), "labels")

    def test_nor_in_protobuf(self):
        for message in (b"", pt.pb_int(ALL, 0), pt.pb_bytes(REASON, "all")):
            with self.subTest(message):
                for path in ("/v1/jobs:cancel", CANCEL_JOBS):
                    kind = "application/x-protobuf" if path.startswith("/v1") else "application/proto"
                    answer = self.agent.post(path, message, headers={"Content-Type": kind})
                    self.assertEqual(answer.status, 400, answer)
                    self.assert_refused(answer.json(), "labels")
                answer = self.agent.post(CANCEL_JOBS, b"\0" + struct.pack(">I", len(message)) + message,
                                         headers={"Content-Type": "application/grpc-web+proto"})
                text = str(answer.headers) + answer.body.decode("latin-1")
                self.assertRegex(text, r"(?i)grpc-status: ?3")
                self.assertEqual(self.states(), ["RUNNING", "RUNNING"])

    def test_all_beside_labels_is_a_contradiction(self):
        answer = self.agent.post("/v1/jobs:cancel", {"all": True, "labels": [LABEL]})
        self.assertEqual(answer.status, 400)
        self.assert_refused(answer.json(), "contradicts labels")
        answer = self.agent.post(CANCEL_JOBS, pb_label("run", "a") + pt.pb_int(ALL, 1),
                                 headers={"Content-Type": "application/proto"})
        self.assertEqual(answer.status, 400)
        self.assert_refused(answer.json(), "contradicts labels")

    def test_labels_stop_what_carries_them_and_all_stops_everything(self):
        self.assertEqual(self.agent.post("/v1/jobs:cancel", {"labels": [{}]}).json(), {"cancelled": 0})
        self.assertEqual(self.states(), ["RUNNING", "RUNNING"])
        self.assertEqual(self.agent.post("/v1/jobs:cancel", {"labels": [LABEL]}).json(), {"cancelled": 1})
        self.assertEqual(self.states(), ["RUNNING", "CANCELLED"])
        self.assertEqual(self.agent.post("/v1/jobs:cancel", {"all": True, "labels": []}).json(), {"cancelled": 1})
        self.assertEqual(self.states(), ["CANCELLED", "CANCELLED"])

    def test_all_on_the_other_protocols(self):
        self.assertEqual(self.agent.post(CANCEL_JOBS, {"all": True}).json(), {"cancelled": 2})
        self.jobs.append(self.submit())
        message = pt.pb_int(ALL, 1)
        answer = self.agent.post(CANCEL_JOBS, b"\0" + struct.pack(">I", len(message)) + message,
                                 headers={"Content-Type": "application/grpc-web+proto"})
        self.assertRegex(answer.body.decode("latin-1"), r"(?i)grpc-status: ?0")
        self.assertEqual(self.states(), ["CANCELLED"] * 3)

    def client(self, *args):
        env = {name: value for name, value in os.environ.items() if not name.startswith("PAGECAST_")}
        return subprocess.run([pt.program("PAGECAST"), "--agent", self.agent.url, *args], check=False, timeout=60,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)

    def test_the_client_says_which(self):
        for args in (("cancel",), ("cancel", ""), ("cancel", "--all", "--label", ""), ("cancel", "--label", "run=a"),
                     ("rate", self.jobs[0], "--pps", "20", "--stream", "")):  # of an empty variable
            with self.subTest(args):
                self.assertEqual(self.client(*args).returncode, 2)
                self.assertEqual(self.states(), ["RUNNING", "RUNNING"])
        ran = self.client("cancel", "--all", "--label", "run=a")
        self.assertEqual((ran.returncode, ran.stdout), (0, "cancelled 1 job\n"), ran)
        self.assertEqual(self.states(), ["RUNNING", "CANCELLED"])
        ran = self.client("--json", "cancel", "--all")
        self.assertEqual((ran.returncode, json.loads(ran.stdout)), (0, {"cancelled": 1}), ran)
        self.assertEqual(self.states(), ["CANCELLED", "CANCELLED"])


if __name__ == "__main__":
    pt.main()
