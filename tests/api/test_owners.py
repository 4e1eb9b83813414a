"""Whose a job is: principals of different kinds are different people, whatever they are called, and what was stored
before they had kinds is nobody's but an admin's."""

import os
import sqlite3
import subprocess
import unittest

import certificates
import pagecast_test as pt
from test_auth import Folder, accessor, audits, bearer, create, revoke
from test_tls import Tls

SPEC = pt.udp_job(9, packets=1)
LATER = pt.udp_job(9, packets=1, startTime="2099-01-01T00:00:00Z")
NEVER = "0123456789abcdef" * 4  # the digest of no token


def key(value):
    return {"Idempotency-Key": value}


@unittest.skipUnless(certificates.available(), "openssl, which makes the certificates, is not there")
class Kinds(Tls):
    def agent(self, *args, **options):
        return super().agent("--tls-client-ca", self.ca.cert("ca"), *args, **options)

    def ask(self, agent, name, method="GET", path="/v1/agent", body=None, headers=None):
        """With the certificate @name."""
        agent.tls = self.ca.context(name)
        return agent.request(method, path, body, headers=headers)

    def test_a_certificate_and_a_token_of_one_name_are_two(self):
        for name in ("adm", "local", "0"):
            with self.subTest(name):
                file = os.path.join(self.folder, f"tokens-{name}")
                self.ca.make(name, certificates.CLIENT)
                by_token = bearer(create(file, name))
                agent = self.agent("--tokens", file)
                made = {}
                for who, headers in (("token", by_token), ("cert", {})):
                    answer = self.ask(agent, name, "POST", "/v1/jobs", SPEC, {**headers, **key("same")})
                    self.assertEqual(answer.status, 201, answer)
                    made[who] = answer.json()
                    self.assertEqual(made[who]["owner"], f"{who}:{name}")
                    self.assertEqual(audits(agent)[-1]["principal"], f"{who}:{name}")
                for who, headers, own in (("token", {}, by_token), ("cert", by_token, {})):
                    path = f"/v1/jobs/{made[who]['id']}"
                    self.ask(agent, name, "GET", f"{path}?wait=30&until=end", headers=own)
                    answer = self.ask(agent, name, "DELETE", path, headers=headers)
                    self.assertEqual(answer.status, 403, answer)
                    self.assertIn(f"{who}:{name}", answer.json()["message"])
                    self.assertEqual(self.ask(agent, name, "DELETE", path, headers=own).status, 204)

    def test_names_that_could_be_taken_for_others(self):
        """A name without a colon cannot hold a kind; what looks like another name is refused."""
        agent = self.agent()
        odd = {"colon": "/CN=token:adm", "uid": "/CN=uid:0", "confusable": "/CN=\u0430dm", "control": "/CN=adm\x1b[2K",
               "line": "/CN=adm\nx", "bytes": "/CN=" + "\u00e9" * 33, "slash": "/CN=a\\/b", "none": "/O=adm", "zero": "/CN=adm\u200b"}
        for name, subject in odd.items():
            with self.subTest(name):
                self.ca.make(name, certificates.CLIENT, subject)
                answer = self.ask(agent, name, "POST", "/v1/jobs", SPEC)
                self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))
                self.assertIn("common name", answer.json()["message"])
        for name, subject in {"blank": "/CN=Alice Roe", "longest": "/CN=" + "a" * 64, "dash": "/CN=-"}.items():
            with self.subTest(name):
                self.ca.make(name, certificates.CLIENT, subject)
                answer = self.ask(agent, name, "POST", "/v1/jobs", SPEC)
                self.assertEqual(answer.json()["owner"], "cert:" + subject.removeprefix("/CN="))

    def test_a_certificate_of_several_names_is_refused(self):
        agent = self.agent()
        for name, subject in {"two": "/CN=adm/CN=bob", "apart": "/CN=adm/O=lab/CN=bob", "one-set": "/CN=adm+CN=bob",
                              "alike": "/CN=adm/CN=adm"}.items():
            with self.subTest(name):
                self.ca.make(name, certificates.CLIENT, subject)
                answer = self.ask(agent, name)
                self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))
                self.assertIn("several common names", answer.json()["message"])


class Names(Folder):
    def line(self, accessor_, name, digest=NEVER):
        return f"{accessor_} operator never {digest} {name}\n"

    def write(self, *lines):
        with open(self.file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write("".join(lines))

    def token(self, *args):
        return subprocess.run([pt.program("PAGECASTD"), "token", *args, "--tokens", self.file], check=False,
                              capture_output=True, text=True, timeout=60)

    def test_tokens_that_are_alike_are_refused_naming_both_lines(self):
        other = "fedcba9876543210" * 4
        for lines, numbers, word in (
                ((self.line("00000001", "adm"), self.line("00000002", "adm", other)), (1, 2), "name"),
                (("# c\n", self.line("00000003", "a"), "\n", self.line("00000003", "b", other)), (2, 4), "accessor"),
                ((self.line("00000005", "a"), self.line("00000006", "z", other), self.line("00000007", "b")), (1, 3), "digest")):
            with self.subTest(word):
                self.write(*lines)
                ran = subprocess.run([pt.program("PAGECASTD"), "--state-dir", ":memory:", "--listen", "127.0.0.1:0", "--tokens",
                                      self.file], check=False, capture_output=True, text=True, timeout=60)
                self.assertEqual(ran.returncode, 1, ran)
                self.assertIn("lines {} and {}".format(*numbers), ran.stderr)
                self.assertIn(f"same {word}", ran.stderr)

    def test_a_reload_with_two_of_a_name_keeps_the_old_tokens(self):
        token = create(self.file, "adm")
        agent = self.agent()
        with open(self.file, "a", encoding="utf-8") as out:
            out.write(self.line("00000001", "adm"))
        self.reload(agent, "event=reload_failed part=tokens")
        self.assertIn("lines 2 and 3", agent.log_text())
        self.assertEqual(agent.get("/v1/agent", headers=bearer(token)).status, 200)
        # What is alike can be seen and repaired.
        self.assertEqual(self.token("list").stdout.count("adm"), 2)
        self.assertEqual(self.token("revoke", "00000001").returncode, 0)
        self.reload(agent, "event=reloaded part=tokens")

    def test_create_refuses_a_name_that_has_a_token(self):
        for expires in ("never", "3600s"):
            self.write()
            token = create(self.file, "adm", expires=expires)
            ran = self.token("create", "--name", "adm")
            self.assertEqual((ran.returncode, ran.stdout), (1, ""), ran)
            self.assertIn("adm", ran.stderr)
            self.assertIn(accessor(token), ran.stderr)
            revoke(self.file, token)
            self.assertEqual(self.token("create", "--name", "adm").returncode, 0)

    def test_names_hold_no_colon(self):
        for name in ("x:y", "token:adm", "uid:0", "legacy:adm", "a b", "adm\n", "\u0430dm", "a" * 65, ""):
            with self.subTest(name):
                self.assertNotEqual(self.token("create", "--name", name).returncode, 0)


class Legacy(Folder):
    """A database of the version before."""

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.folder, "state"))
        database = sqlite3.connect(os.path.join(self.folder, "state", "jobs.db"))
        with open(os.path.join(os.path.dirname(__file__), "store_v1.sql"), encoding="utf-8") as script:
            database.executescript(script.read())
        database.close()

    def agent(self, *args):
        agent = pt.Agent(*args, folder=self.folder)
        self.addCleanup(agent.close)
        return agent

    def owners(self, agent, headers=None):
        jobs = agent.get("/v1/jobs", headers=headers).json()["jobs"]
        return {job["id"][-1]: job["owner"] for job in jobs if job["state"] == "JOB_STATE_SUCCEEDED"}

    def test_owners_after_the_upgrade(self):
        by_admin = bearer(create(self.file, "root", "admin"))
        expected = {"1": "legacy:adm", "2": "legacy:Alice Roe", "3": "legacy:local", "4": "uid:0", "5": "uid:4711",
                    "6": "legacy:uid:unknown"}
        agent = self.agent("--tokens", self.file)
        self.assertEqual(self.owners(agent, by_admin), expected)
        agent.stop()  # and after another start
        agent.start()
        self.assertEqual(self.owners(agent, by_admin), expected)

    def test_where_nobody_proves_anything_local_stays_local(self):
        agent = self.agent()
        self.assertEqual(self.owners(agent)["3"], "local")
        self.assertEqual(self.owners(agent)["1"], "legacy:adm")
        again = agent.post("/v1/jobs", SPEC, headers=key("key"))
        self.assertEqual((again.status, again.json()["id"][-1]), (200, "3"), again)
        self.assertEqual(agent.request("DELETE", f"/v1/jobs/{again.json()['id']}").status, 204)
        self.assertEqual(agent.request("DELETE", "/v1/jobs/01M8BEWSJDD9E2AMVCPK3B7501").status, 403)
        self.assertEqual(agent.post("/v1/jobs", SPEC, headers=key("key")).status, 201)

    def test_a_retry_sends_nothing_twice(self):
        tokens = {name: create(self.file, name) for name in ("adm", "local", "other")}
        agent = self.agent("--tokens", self.file)
        for name, number in (("adm", "1"), ("local", "3")):
            for _ in range(2):
                answer = agent.post("/v1/jobs", SPEC, headers={**bearer(tokens[name]), **key("key")})
                self.assertEqual((answer.status, answer.json()["id"][-1]), (200, number), answer)
        answer = agent.post("/v1/jobs", LATER, headers={**bearer(tokens["adm"]), **key("later")})
        self.assertEqual((answer.status, answer.json()["state"]), (200, "JOB_STATE_SCHEDULED"))
        answer = agent.post("/v1/jobs", LATER, headers={**bearer(tokens["adm"]), **key("key")})
        self.assertEqual((answer.status, answer.json()["code"]), (409, "already_exists"))
        rpc = agent.post("/pagecast.v1.TransmitService/SubmitJob", {"spec": SPEC, "requestId": "key"},
                         headers=bearer(tokens["adm"]))
        self.assertEqual(rpc.json()["id"][-1], "1", rpc)
        self.assertEqual(agent.post("/v1/jobs", SPEC, headers={**bearer(tokens["other"]), **key("key")}).status, 201)
        if os.geteuid() == 0:
            answer = agent.post("/v1/jobs", SPEC, unix=True, headers=key("key"))
            self.assertEqual((answer.status, answer.json()["id"][-1]), (200, "4"), answer)
        self.assertEqual(agent.get("/v1/jobs", headers=bearer(tokens["adm"])).json()["totalSize"], 9)

    def test_only_an_admin_deletes_or_changes_them(self):
        operator, admin = bearer(create(self.file, "adm")), bearer(create(self.file, "root", "admin"))
        agent = self.agent("--tokens", self.file)
        ended, waits = "/v1/jobs/01M8BEWSJDD9E2AMVCPK3B7501", "/v1/jobs/01M8BEWSJRSCJ8CM2ZCPMZ8601"
        changes = [("DELETE", ended, None, 204), ("PATCH", waits, {"priority": 3}, 200), ("PATCH", waits, {}, 200),
                   ("PATCH", waits, {"rate": {"pps": 5}}, 200), ("POST", f"{waits}:pause", None, 409),
                   ("POST", f"{waits}:resume", None, 409)]
        for method, path, body, status in changes:
            with self.subTest(f"{method} {path}"):
                answer = agent.request(method, path, body, headers=operator)
                self.assertEqual((answer.status, answer.json()["code"]), (403, "permission_denied"), answer)
                self.assertIn("legacy:adm", answer.json()["message"])
                self.assertEqual(agent.request(method, path, body, headers=admin).status, status)
        # Of somebody whom the kind tells apart since ever: as before.
        other = "/v1/jobs/01M8BEWSJRSCJ8CM2ZCPMZ8605"
        self.assertEqual(agent.request("PATCH", other, {"priority": 3}, headers=operator).status, 200)
        # Whoever may act may stop what would send.
        answer = agent.post(f"{waits}:cancel", headers=operator)
        self.assertEqual((answer.status, answer.json()["state"]), (200, "JOB_STATE_CANCELLED"), answer)


if __name__ == "__main__":
    pt.main()
