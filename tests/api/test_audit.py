"""The log says who did what, where to, how much, with which verdict and by which rule; a job says who cancelled it."""

import json
import os
import signal
import subprocess
import unittest

import pagecast_test as pt
from test_auth import Folder, accessor, audits, bearer, create, eventually, pairs, revoke

TRANSMIT = "/pagecast.v1.TransmitService/"
HIDDEN = ["\u2028", "\u2029", "\u0085", "\u009b31m", "\x1b[2K", "\u202e", "\u2066", "\u061c", "\u200b", "\ufeff", "\x7f",
          "\U000e0041"]


def ends(agent):
    return [pairs(line) for line in agent.log_text().splitlines() if " event=job_ended " in line]


class Substance(unittest.TestCase):
    def setUp(self):
        self.agent = pt.Agent("--workers", "2")
        self.addCleanup(self.agent.close)
        self.sink = pt.UdpReceiver(keep=0)
        self.addCleanup(self.sink.close)

    def last(self, action):
        lines = [line for line in audits(self.agent) if line["action"] == action]
        self.assertTrue(lines, action)
        return lines[-1]

    def endless(self, **more):
        job = self.agent.submit(pt.udp_job(self.sink.port, None, pps=20, **more))
        self.agent.wait_state(job["id"], "JOB_STATE_RUNNING")
        return job["id"]

    def test_a_submission(self):
        self.agent.submit(pt.udp_job(self.sink.port, packets=7, pps=50, name="probe", labels=[{"key": "run", "value": "a b"}]),
                          headers={"Idempotency-Key": "k-1"})
        line = self.last("SubmitJob")
        expected = {"verdict": "ok", "name": "probe", "streams": "1", "to": f"udp://127.0.0.1:{self.sink.port}",
                    "rate": "50 pps", "limit": "7 packets", "packets": "7", "labels": "run=a b", "request_id": "k-1",
                    "owner": "local", "principal": "local"}
        self.assertEqual({key: line.get(key) for key in expected}, expected)

    def test_what_kinds_of_streams_there_are(self):
        spec = {"streams": [
            {"udp": {"address": "::1", "port": 9, "interface": "lo"}, "payloads": [{"text": "x"}], "rate": {"bps": 64000},
             "limit": {"bytes": 10}},
            {"rawIp": {"address": "127.0.0.1", "protocol": 253}, "payloads": [{"text": "x"}], "rate": {"unlimited": True},
             "limit": {"duration": "0.010s"}},
            {"ethernet": {"interface": "lo", "header": {"destinationMac": "02:00:00:00:00:01", "destinationAddress": "127.0.0.1",
                                                        "sourceAddress": "127.0.0.1", "destinationPort": 9}},
             "payloads": [{"text": "x"}], "limit": {"loops": 2}}]}
        self.agent.post("/v1/jobs", spec)  # refused or not
        line = self.last("SubmitJob")
        self.assertEqual(line["to"], "udp://[::1]:9, ip://127.0.0.1?proto=253, eth://lo/02:00:00:00:00:01 to 127.0.0.1")
        self.assertEqual(line["interface"], "lo, by route, lo")
        self.assertEqual(line["rate"], "64000 bps, unlimited, none given")
        self.assertEqual(line["limit"], "10 bytes, 0.01 s, 2 loops")

    def test_many_streams_are_counted(self):
        spec = {"streams": [pt.udp_job(1000 + i, packets=1)["streams"][0] for i in range(200)], "name": "n" * 64}
        self.assertEqual(self.agent.post(TRANSMIT + "SubmitJob", {"spec": spec}).status, 200)
        line = self.last("SubmitJob")
        self.assertEqual(line["streams"], "200")
        self.assertEqual(line["to"], "udp://127.0.0.1:1000, udp://127.0.0.1:1001, udp://127.0.0.1:1002 and 197 more")
        self.assertEqual(line["limit"], "1 packets")
        self.assertEqual(line["packets"], "200")
        self.assertTrue(all(len(text) <= 4096 for text in self.agent.log_text().splitlines()))

    def test_a_refusal_names_its_rule(self):
        for spec, rule in ((pt.udp_job(9, address="8.8.8.8"), "allowedNetworks"),
                           (pt.udp_job(9, address="224.0.0.1"), "allowMulticast"),
                           (pt.udp_job(9, address="2001:4860::1"), "allowedNetworks")):
            with self.subTest(spec):
                self.assertEqual(self.agent.post("/v1/jobs", spec).status, 403)
                line = self.last("SubmitJob")
                self.assertEqual((line["verdict"], line["rule"]), ("permission_denied", rule))
                self.assertIn(spec["streams"][0]["udp"]["address"], line["to"])
                self.assertIn(rule, line["reason"])
        with pt.Agent(policy={"maxPps": 10, "maxJobsQueued": 1}) as self.agent:
            self.assertEqual(self.agent.post("/v1/jobs", pt.udp_job(9, pps=11)).status, 403)
            self.assertEqual(self.last("SubmitJob")["rule"], "maxPps")
            self.agent.submit(pt.udp_job(9, startTime="2099-01-01T00:00:00Z"))
            self.assertEqual(self.agent.post("/v1/jobs", pt.udp_job(9)).status, 429)
            self.assertEqual(self.last("SubmitJob")["rule"], "maxJobsQueued")

    def test_a_change(self):
        job_id = self.endless()
        path = f"/v1/jobs/{job_id}"
        self.agent.request("PATCH", path, {"rate": {"pps": 30}})
        line = self.last("UpdateJob")
        self.assertEqual((line["id"], line["rate"], line["stream"], line["verdict"]), (job_id, "30 pps", "all", "ok"))
        self.agent.request("PATCH", path, {"priority": 4})
        line = self.last("UpdateJob")
        self.assertEqual((line["priority"], line["verdict"]), ("4", "failed_precondition"))
        self.agent.request("PATCH", path, {})
        self.assertEqual(self.last("UpdateJob")["change"], "lease renewed")
        for verb, state in (("pause", "PAUSED"), ("resume", "RUNNING")):
            self.agent.post(f"{path}:{verb}")
            line = self.last(f"{verb.capitalize()}Job")
            self.assertEqual((line["id"], line["state"], line["verdict"]), (job_id, state, "ok"))
        self.agent.cancel(job_id)
        self.agent.request("DELETE", path)
        self.assertEqual((self.last("DeleteJob")["id"], self.last("DeleteJob")["verdict"]), (job_id, "ok"))

    def test_a_cancel_of_one(self):
        job_id = self.endless()
        job = self.agent.post(f"/v1/jobs/{job_id}:cancel", {"reason": "too loud"}).json()
        self.assertEqual((job["cancelledBy"], job["cancelReason"]), ("local", "too loud"))
        line = self.last("CancelJob")
        self.assertEqual((line["id"], line["why"], line["state"], line["verdict"]), (job_id, "too loud", "CANCELLED", "ok"))
        again = self.agent.post(f"/v1/jobs/{job_id}:cancel", {"reason": "again"}, unix=True).json()
        self.assertEqual((again["cancelledBy"], again["cancelReason"]), ("local", "too loud"))

    def test_a_cancel_of_many(self):
        label = {"key": "run", "value": "7"}
        ids = [self.endless(labels=[label]) for _ in range(2)]
        ids += [self.agent.submit(pt.udp_job(9, packets=1, startTime="2099-01-01T00:00:00Z", labels=[label]))["id"]
                for _ in range(4)]
        other = self.agent.submit(pt.udp_job(9, packets=1, startTime="2099-01-01T00:00:00Z"))["id"]
        answer = self.agent.post(TRANSMIT + "CancelJobs", {"labels": [label], "reason": "lunch"})
        self.assertEqual(answer.json(), {"cancelled": 6})
        line = self.last("CancelJobs")
        expected = {"labels": "run=7", "stopped": "6", "cancelled": "6", "why": "lunch", "verdict": "ok",
                    "ids": ",".join(ids[:4]) + " and 2 more"}
        self.assertEqual({key: line.get(key) for key in expected}, expected)
        self.assertNotIn("all", line)
        for job_id in ids:
            job = self.agent.job(job_id)
            self.assertEqual((job["cancelledBy"], job["cancelReason"]), ("local", "lunch"))
        self.assertEqual(self.agent.job(other)["cancelledBy"], "")
        self.agent.post("/v1/jobs:cancel", {"all": True})
        line = self.last("CancelJobs")
        self.assertEqual((line["all"], line["ids"], line["cancelled"]), ("yes", other, "1"))
        self.agent.post("/v1/jobs:cancel", {"labels": [label]})
        self.assertEqual((self.last("CancelJobs")["stopped"], self.last("CancelJobs")["cancelled"]), ("0", "0"))
        ended = {line["job"]: line for line in eventually(lambda: ends(self.agent) if len(ends(self.agent)) == 7 else None)}
        for job_id in ids:
            self.assertEqual((ended[job_id]["state"], ended[job_id]["cancelled_by"], ended[job_id]["reason"]),
                             ("CANCELLED", "local", "lunch"))
        self.assertNotIn("reason", ended[other])

    def test_ends_are_told_with_their_account(self):
        job = self.agent.wait_end(self.agent.submit(pt.udp_job(self.sink.port, packets=9))["id"])
        (line,) = eventually(lambda: ends(self.agent))
        account = job["account"]
        self.assertEqual((line["level"], line["job"], line["state"], line["owner"]),
                         ("info", job["id"], "SUCCEEDED", "local"))
        self.assertEqual([line[key] for key in ("requested", "sent", "dropped", "failed", "cancelled", "bytes_sent")],
                         [str(account[key]) for key in ("packetsRequested", "packetsSent", "packetsDropped", "packetsFailed",
                                                        "packetsCancelled", "bytesSent")])
        self.assertNotIn("cancelled_by", line)

    def test_nothing_in_it_steers_a_viewer(self):
        for hidden in HIDDEN:
            with self.subTest(hidden):
                job_id = self.endless(name=f"x{hidden}verdict=ok", labels=[{"key": "k", "value": hidden}])
                self.agent.post(f"/v1/jobs/{job_id}:cancel", {"reason": f"a{hidden}b"})
                line = self.last("SubmitJob")
                self.assertEqual(line["name"], f"x{hidden}verdict=ok")  # escaped, and the same once it is read
                self.assertEqual(self.last("CancelJob")["why"], f"a{hidden}b")
                self.assertNotIn(hidden, self.agent.log_text())
        self.assertEqual(len(self.agent.log_text().splitlines()), self.agent.log_text().count("\n"))


class Callers(Folder):
    def test_a_token_that_has_expired_or_is_unknown_is_named(self):
        create(self.file, "other")
        short, gone = create(self.file, "short", expires="1s"), create(self.file, "gone")
        agent = self.agent()
        revoke(self.file, gone)
        self.reload(agent, "event=reloaded part=tokens")
        eventually(lambda: agent.get("/v1/agent", headers=bearer(short)).status == 401)
        agent.get("/v1/agent", headers=bearer(gone))
        expired, unknown = [line for line in audits(agent) if line["action"] == "GetAgent"][-2:]
        self.assertEqual((expired["principal"], expired["accessor"], expired["verdict"]),
                         ("-", accessor(short), "unauthenticated"))
        self.assertNotIn("accessor", unknown)
        self.assertEqual((unknown["principal"], unknown["claimed_accessor"]), ("-", accessor(gone)))
        agent.get("/v1/agent", headers=bearer("pgc_0000000X_" + "0" * 64))
        agent.get("/v1/agent", headers=bearer("nonsense"))
        for line in audits(agent)[-2:]:
            self.assertNotIn("claimed_accessor", line)
        for token in (short, gone):
            self.assertNotIn(token.split("_")[2], agent.log_text())

    def test_who_cancelled_outlives_a_restart(self):
        token = create(self.file, "ci")
        agent = self.agent()
        env = {name: value for name, value in os.environ.items() if not name.startswith("PAGECAST_")}
        with pt.UdpReceiver(keep=0) as sink:
            job = agent.submit(pt.udp_job(sink.port, None, pps=10), unix=True)
            answer = agent.post(f"/v1/jobs/{job['id']}:cancel", {"reason": "night"}, headers=bearer(token))
            self.assertEqual(answer.json()["cancelledBy"], "token:ci", answer)
        agent.stop()
        agent.start()
        stored = agent.get(f"/v1/jobs/{job['id']}", headers=bearer(token)).json()
        self.assertEqual((stored["cancelledBy"], stored["cancelReason"], stored["owner"]),
                         ("token:ci", "night", f"uid:{os.geteuid()}"))
        rpc = agent.post(TRANSMIT + "GetJob", {"id": job["id"]}, headers=bearer(token)).json()
        self.assertEqual((rpc["cancelledBy"], rpc["cancelReason"]), ("token:ci", "night"))
        ran = subprocess.run([pt.program("PAGECAST"), "--agent", f"unix:{agent.unix}", "get", job["id"]], check=True,
                             capture_output=True, text=True, timeout=60, env=env)
        self.assertIn("cancelled by token:ci: night\n", ran.stdout)

    def test_reloads_say_who_and_what(self):
        first = create(self.file, "first")
        agent = pt.Agent("--tokens", self.file, policy={"maxPps": 100})
        self.addCleanup(agent.close)
        create(self.file, "second", "viewer")
        revoke(self.file, first)
        self.reload(agent, "event=reloaded part=tokens")
        lines = {line["action"]: line for line in audits(agent)}
        for action in ("ReloadPolicy", "ReloadTokens"):
            self.assertEqual((lines[action]["principal"], lines[action]["peer"], lines[action]["verdict"]),
                             (f"uid:{os.getuid()}", f"pid:{os.getpid()}", "ok"))
        self.assertRegex(lines["ReloadTokens"]["change"],
                         rf"^1 tokens; added second \([0-9a-f]{{8}}, viewer\); removed first \({accessor(first)}, operator\)$")
        (policy,) = [pairs(line) for line in agent.log_text().splitlines() if " event=policy_reloaded " in line]
        self.assertEqual((policy["maxPps"], policy["allows"]), ("100", "nothing special"))
        self.assertIn("127.0.0.0/8", policy["allowedNetworks"])
        with open(os.path.join(agent.folder, "policy.json"), "w", encoding="utf-8") as out:
            out.write('{"allowedNetworks":["x"]}')
        os.kill(agent.pid, signal.SIGHUP)
        failed = eventually(lambda: [line for line in audits(agent) if line["action"] == "ReloadPolicy"
                                     and line["verdict"] != "ok"])
        self.assertIn("allowedNetworks", failed[0]["reason"])

    def test_as_json(self):
        token = create(self.file, "ci")
        agent = self.agent("--log-format", "json", "--log-level", "error")
        agent.submit(pt.udp_job(9, packets=3, name="a\u2028b\u202e"), headers=bearer(token))
        text = agent.log_text()
        self.assertEqual(len(text.splitlines()), text.count("\n"))
        line = json.loads(text.splitlines()[-1])
        self.assertEqual((line["principal"], line["name"], line["to"], line["limit"]),
                         ("token:ci", "a\u2028b\u202e", "udp://127.0.0.1:9", "3 packets"))


if __name__ == "__main__":
    pt.main()
