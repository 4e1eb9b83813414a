"""Who may do what: tokens and roles, lockout, reload, the unix socket, the audit log, and where the agent refuses to listen."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import pagecast_test as pt

ROLES = ("viewer", "operator", "admin")
LOCKOUT_FAILURES = 5
LOCKOUT_SECONDS = 10
HEARTBEAT_SECONDS = 10
ANONYMOUS_LINES_A_SECOND = 10
NOBODY = 65534


def create(file, name, role="operator", expires="never"):
    """A new token of the file."""
    ran = subprocess.run([pt.program("PAGECASTD"), "token", "create", "--tokens", file, "--name", name, "--role", role,
                          "--expires", expires], check=True, capture_output=True, text=True, timeout=60)
    return ran.stdout.strip()


def accessor(token):
    return token.split("_")[1]


def revoke(file, token):
    subprocess.run([pt.program("PAGECASTD"), "token", "revoke", "--tokens", file, accessor(token)], check=True,
                   capture_output=True, timeout=60)


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def eventually(check, seconds=60):
    """The first true value of check(); fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it does not come to be")


def pairs(line):
    """A key=value line as a dict."""
    return {key: json.loads(value) if value.startswith('"') else value
            for key, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)}


def audits(agent):
    return [pairs(line) for line in agent.log_text().splitlines() if " event=audit " in line]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-auth-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "tokens")

    def agent(self, *args, **options):
        agent = pt.Agent("--tokens", self.file, *args, **options)
        self.addCleanup(agent.close)
        return agent

    def reload(self, agent, words):
        """SIGHUP, until the log has a new line with these words."""
        before = agent.log_text().count(words)
        agent.process.send_signal(signal.SIGHUP)
        eventually(lambda: agent.log_text().count(words) > before)


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="pagecast-auth-")
        file = os.path.join(cls.folder, "tokens")
        cls.tokens = {role: create(file, f"{role}-1", role) for role in ROLES}
        cls.other = create(file, "other", "operator")
        cls.agent = pt.Agent("--tokens", file)
        cls.receiver = pt.UdpReceiver()

    @classmethod
    def tearDownClass(cls):
        cls.receiver.close()
        cls.agent.close()
        shutil.rmtree(cls.folder)

    def ended_job(self, token):
        job = self.agent.submit(pt.udp_job(self.receiver.port, packets=1), headers=bearer(token))
        self.agent.get(f"/v1/jobs/{job['id']}?wait=10&until=end", headers=bearer(token))
        return job["id"]

    def test_each_method_needs_its_role(self):
        job_id = self.ended_job(self.other)
        spec = pt.udp_job(self.receiver.port, packets=1)
        table = [("GET", "/v1/jobs", None, "viewer"), ("GET", f"/v1/jobs/{job_id}", None, "viewer"),
                 ("GET", "/v1/agent", None, "viewer"), ("GET", "/v1/policy", None, "viewer"),
                 ("GET", "/v1/interfaces", None, "viewer"), ("GET", "/v1/engines", None, "viewer"),
                 ("GET", "/metrics", None, "viewer"), ("GET", f"/v1/jobs/{job_id}/events", None, "viewer"),
                 ("POST", "/v1/jobs:preview", {"spec": spec}, "viewer"),
                 ("POST", "/v1/jobs", spec, "operator"), ("PATCH", f"/v1/jobs/{job_id}", {"priority": 1}, "operator"),
                 ("POST", f"/v1/jobs/{job_id}:cancel", None, "operator"),
                 ("POST", f"/v1/jobs/{job_id}:pause", None, "operator"),
                 ("POST", f"/v1/jobs/{job_id}:resume", None, "operator"),
                 ("POST", "/v1/jobs:cancel", {"all": True}, "operator"),
                 ("DELETE", f"/v1/jobs/{job_id}", None, "admin")]  # somebody else's; last, it is gone then
        for method, path, body, needed in table:
            with self.subTest(f"{method} {path}"):
                answer = self.agent.request(method, path, body)
                self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))
                for role in ROLES:
                    answer = self.agent.request(method, path, body, headers=bearer(self.tokens[role]))
                    if ROLES.index(role) < ROLES.index(needed):
                        self.assertEqual((answer.status, answer.json()["code"]), (403, "permission_denied"), role)
                    else:
                        self.assertNotIn(answer.status, (401, 403), f"{role}: {answer}")

    def test_a_refusal_names_the_role_that_is_missing(self):
        answer = self.agent.post("/v1/jobs:cancel", headers=bearer(self.tokens["viewer"]))
        self.assertEqual(answer.status, 403)
        self.assertIn("needs the role operator", answer.json()["message"])
        self.assertIn("viewer-1", answer.json()["message"])

    def test_the_owner_is_the_token_by_its_name(self):
        job = self.agent.submit(pt.udp_job(self.receiver.port, packets=1), headers=bearer(self.tokens["admin"]))
        self.assertEqual(job["owner"], "token:admin-1")

    def test_an_operator_deletes_jobs_of_its_own(self):
        job_id = self.ended_job(self.other)
        answer = self.agent.request("DELETE", f"/v1/jobs/{job_id}", headers=bearer(self.tokens["operator"]))
        self.assertEqual(answer.status, 403, answer)
        answer = self.agent.request("DELETE", f"/v1/jobs/{job_id}", headers=bearer(self.other))
        self.assertEqual(answer.status, 204, answer)

    def test_a_request_id_is_its_callers(self):
        """Two callers may choose the same id; neither sees the other's job."""
        spec = pt.udp_job(self.receiver.port, packets=1)
        jobs = [self.agent.submit(spec, headers={"Idempotency-Key": "same", **bearer(token)})["id"]
                for token in (self.other, self.tokens["operator"], self.other)]
        self.assertNotEqual(jobs[0], jobs[1])
        self.assertEqual(jobs[0], jobs[2])

    def test_being_alive_is_no_secret(self):
        for path in ("/healthz", "/readyz", "/openapi.json"):
            self.assertEqual(self.agent.get(path).status, 200, path)

    def test_without_a_good_token(self):
        for headers in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": "Bearer"},
                        {"Authorization": self.tokens["admin"]}, {"X-Authorization": f"Bearer {self.tokens['admin']}"}):
            with self.subTest(headers):
                answer = self.agent.get("/v1/agent", headers=headers)
                self.assertEqual(answer.status, 401)
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
                self.assertEqual(answer.json()["code"], "unauthenticated")
                self.assertIn("Authorization: Bearer", answer.json()["message"])

    def test_the_scheme_is_spelled_as_one_likes(self):
        for header in (f"bearer {self.other}", f"BEARER   {self.other}"):
            self.assertEqual(self.agent.get("/v1/agent", headers={"Authorization": header}).status, 200)

    def test_two_tokens_are_none(self):
        request = (f"GET /v1/agent HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.other}\r\n"
                   f"Authorization: Bearer {self.other}\r\n\r\n")
        self.assertEqual(pt.statuses(self.agent.raw(request.encode())), [400])

    def test_a_token_is_judged_before_the_body_comes(self):
        head = (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 4000000\r\n\r\n")
        self.assertEqual(pt.statuses(self.agent.raw(head, half_close=False)), [401])


class Tokens(Folder):
    def test_wrong_tokens_of_an_address_wait(self):
        good = create(self.file, "good")
        agent = self.agent()
        wrong = good[:-1] + ("0" if good[-1] != "0" else "1")

        def ask(token, source=None):
            with socket.create_connection((agent.host, agent.port), timeout=60,
                                          source_address=(source, 0) if source else None) as raw:
                raw.sendall(f"GET /v1/agent HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                            f"Authorization: Bearer {token}\r\n\r\n".encode())
                head = pt.read_all(raw).split(b"\r\n\r\n")[0].decode()
            retry = re.search(r"(?im)^retry-after: (\d+)", head)
            return int(head.split()[1]), int(retry.group(1)) if retry else None

        self.assertEqual([ask(wrong)[0] for _ in range(LOCKOUT_FAILURES)], [401] * LOCKOUT_FAILURES)
        status, retry = ask(wrong)
        self.assertEqual(status, 429)
        self.assertTrue(1 <= retry <= LOCKOUT_SECONDS, retry)
        self.assertEqual(ask(good)[0], 200)
        self.assertEqual(ask(wrong, "127.0.0.2")[0], 401)  # another address
        self.assertEqual(agent.get("/healthz").status, 200)

    def test_a_token_ends_when_it_said_it_would(self):
        unending = create(self.file, "unending")
        agent = self.agent()
        for seconds in (2, 8, 32):  # long enough to be good once
            short = create(self.file, f"short-{seconds}", expires=f"{seconds}s")
            self.reload(agent, "event=reloaded part=tokens")
            if agent.get("/v1/agent", headers=bearer(short)).status == 200:
                break
        else:
            self.fail("it never was good")
        answer = eventually(lambda: (lambda a: a if a.status != 200 else None)(
            agent.get("/v1/agent", headers=bearer(short))))
        self.assertEqual(answer.status, 401)
        self.assertIn("expired", answer.json()["message"])
        self.assertEqual(agent.get("/v1/agent", headers=bearer(unending)).status, 200)

    def test_sighup_takes_what_changed(self):
        first = create(self.file, "first")
        agent = self.agent()
        second = create(self.file, "second", "viewer")
        revoke(self.file, first)
        self.assertEqual(agent.get("/v1/agent", headers=bearer(first)).status, 200)
        self.assertEqual(agent.get("/v1/agent", headers=bearer(second)).status, 401)
        self.reload(agent, "event=reloaded part=tokens")
        self.assertEqual(agent.get("/v1/agent", headers=bearer(first)).status, 401)
        self.assertEqual(agent.get("/v1/agent", headers=bearer(second)).status, 200)

    def test_a_bad_file_keeps_the_old_tokens(self):
        token = create(self.file, "kept")
        agent = self.agent()

        def open_to_others():
            os.chmod(self.file, 0o644)

        def broken():
            with open(self.file, "a", encoding="utf-8") as out:
                out.write("nonsense\n")
            os.chmod(self.file, 0o600)

        for spoil, words in ((open_to_others, "chmod 600"), (broken, "line 3"),
                             (lambda: os.unlink(self.file), "no such file")):
            spoil()
            self.reload(agent, "event=reload_failed part=tokens")
            self.assertIn(words, agent.log_text().splitlines()[-1])
            self.assertIn("the previous ones stay in force", agent.log_text().splitlines()[-1])
            self.assertEqual(agent.get("/v1/agent", headers=bearer(token)).status, 200)
            self.assertEqual(agent.get("/v1/agent").status, 401)

    def test_a_revoked_token_ends_what_it_follows(self):
        gone, kept = create(self.file, "gone", "viewer"), create(self.file, "kept", "viewer")
        agent = self.agent()
        streams = {}
        for token in (gone, kept):
            streams[token] = agent.connection(timeout=3 * HEARTBEAT_SECONDS + 20)
            streams[token].request("GET", "/v1/events", headers=bearer(token))
            streams[token] = (streams[token], streams[token].getresponse())
            self.assertEqual(streams[token][1].status, 200)
        revoke(self.file, gone)
        self.reload(agent, "event=reloaded part=tokens")
        start = time.monotonic()
        text = streams[gone][1].read().decode()  # to its end
        self.assertLess(time.monotonic() - start, 2 * HEARTBEAT_SECONDS + 20)
        self.assertIn("unauthenticated", text)
        with pt.UdpReceiver() as receiver:
            agent.submit(pt.udp_job(receiver.port, packets=1), unix=True)
        while b"JOB_STATE" not in (line := streams[kept][1].readline()):
            self.assertNotIn(b"unauthenticated", line)
        for connection, _ in streams.values():
            connection.close()

    def test_the_unix_socket_knows_its_callers(self):
        token = create(self.file, "guest", "viewer")
        agent = self.agent()
        self.assertEqual(agent.get("/v1/agent", unix=True).status, 200)
        with pt.UdpReceiver() as receiver:
            job = agent.submit(pt.udp_job(receiver.port, packets=1), unix=True)
        self.assertEqual(job["owner"], f"uid:{os.geteuid()}")
        self.assertEqual(agent.get("/v1/agent", unix=True, headers=bearer(token)).status, 200)
        # Whoever shows a token is who the token says.
        self.assertEqual(agent.post("/v1/jobs:cancel", unix=True, headers=bearer(token)).status, 403)
        # The owner's own are admin: they may delete what others made.
        other = create(self.file, "someone")
        self.reload(agent, "event=reloaded part=tokens")
        with pt.UdpReceiver() as receiver:
            job = agent.submit(pt.udp_job(receiver.port, packets=1), headers=bearer(other))
        agent.get(f"/v1/jobs/{job['id']}?wait=10&until=end", unix=True)
        self.assertEqual(agent.request("DELETE", f"/v1/jobs/{job['id']}", unix=True).status, 204)

    @pt.apart
    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_another_user_needs_a_token_on_the_unix_socket(self):
        token = create(self.file, "guest", "viewer")
        agent = self.agent()
        os.chmod(agent.folder, 0o755)
        os.chmod(agent.unix, 0o666)
        script = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(50)\ns.connect(sys.argv[1])\n"
                  "s.sendall(('GET /v1/agent HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n' + sys.argv[2] + '\\r\\n')"
                  ".encode())\nprint(s.recv(65536).split()[1].decode())")
        for header, status in (("", "401"), (f"Authorization: Bearer {token}\r\n", "200")):
            ran = subprocess.run(["python3", "-c", script, agent.unix, header], user=NOBODY, group=NOBODY, cwd="/",
                                 extra_groups=[], check=True, capture_output=True, text=True, timeout=60)
            self.assertEqual(ran.stdout.strip(), status)


class Audit(Folder):
    def test_one_line_for_each_change(self):
        operator, viewer = create(self.file, "ci"), create(self.file, "eve", "viewer")
        agent = self.agent()
        with pt.UdpReceiver() as receiver:
            spec = pt.udp_job(receiver.port, packets=1)
            job = agent.submit(spec, headers=bearer(operator))
            agent.get(f"/v1/jobs/{job['id']}?wait=10&until=end", headers=bearer(operator))
            agent.post("/v1/jobs", spec, headers=bearer(viewer))
            agent.post("/v1/jobs", pt.udp_job(9, address="8.8.8.8"), headers=bearer(operator))
            agent.post(f"/v1/jobs/{job['id']}:cancel", headers=bearer(operator))
            agent.post("/v1/jobs:cancel", {"all": True}, unix=True)
            agent.post("/v1/jobs:cancel")
        lines = audits(agent)
        who = [(line["principal"], line.get("accessor"), line["action"], line.get("id"), line["verdict"])
               for line in lines]
        self.assertEqual(who, [
            ("token:ci", accessor(operator), "SubmitJob", job["id"], "ok"),
            ("token:eve", accessor(viewer), "SubmitJob", None, "permission_denied"),
            ("token:ci", accessor(operator), "SubmitJob", None, "permission_denied"),
            ("token:ci", accessor(operator), "CancelJob", job["id"], "ok"),
            (f"uid:{os.geteuid()}", None, "CancelJobs", None, "ok"),
            ("-", None, "CancelJobs", None, "unauthenticated"),
        ])
        self.assertIn("needs the role operator", lines[1]["reason"])
        self.assertIn("8.8.8.8", lines[2]["reason"])
        self.assertRegex(lines[0]["peer"], r"^127\.0\.0\.1:\d+$")
        self.assertEqual(lines[4]["peer"], "unix")

    def test_no_secret_is_in_the_log(self):
        token = create(self.file, "ci")
        wrong = "pgc_00000000_" + "5ec2e7" * 10 + "5ec2"
        agent = self.agent("--log-level", "debug")
        for credential in (token, wrong, wrong + "x", "short-5ec2e7"):
            agent.post("/v1/jobs:cancel", headers=bearer(credential))
            agent.get("/v1/agent", headers=bearer(credential))
        agent.get("/v1/agent", headers={"Authorization": "Basic 5ec2e75ec2e7"})
        self.reload(agent, "event=reloaded part=tokens")
        text = agent.log_text()
        self.assertIn(accessor(token), text)
        self.assertNotIn(token.split("_")[2], text)
        self.assertNotIn("5ec2", text)

    def test_it_is_written_whatever_the_level_and_in_the_form_asked_for(self):
        token = create(self.file, "ci")
        agent = self.agent("--log-level", "error", "--log-format", "json")
        agent.post("/v1/jobs:cancel", {"all": True}, headers=bearer(token))
        agent.post("/v1/jobs", pt.udp_job(9, address="8.8.8.8", name='a"b\\c\nd\u00e9'), headers=bearer(token))
        lines = [json.loads(line) for line in agent.log_text().splitlines()]
        self.assertEqual([(line["event"], line["principal"], line["action"], line["verdict"]) for line in lines],
                         [("audit", "token:ci", "CancelJobs", "ok"), ("audit", "token:ci", "SubmitJob", "permission_denied")])

    def test_nothing_a_request_carries_forges_a_line(self):
        token = create(self.file, "ci")
        agent = self.agent()
        forged = 'x\ntime=1 level=audit event=audit principal=root verdict=ok'
        answer = agent.post("/v1/jobs", {"streams": [{"udp": {"address": forged, "port": 9}}]}, headers=bearer(token))
        self.assertEqual(answer.status, 400)
        agent.post("/v1/jobs/" + "01ARZ3NDEKTSV4RRFFQ69G5FAV" + ":cancel", {"reason": forged}, headers=bearer(token))
        for line in agent.log_text().splitlines():
            self.assertTrue(line.startswith("time=20"), line)
            self.assertNotEqual(pairs(line).get("principal"), "root")

    def test_strangers_cannot_fill_the_disk(self):
        create(self.file, "ci")
        agent = self.agent()
        asked = more = 0
        start = time.monotonic()

        def left_out():
            """300 in one go: more than a second may tell of, unless the machine makes many of it."""
            nonlocal asked
            asked += 300
            with agent.raw_socket() as raw:
                raw.sendall(b"POST /v1/jobs:cancel HTTP/1.1\r\nHost: localhost\r\n\r\n" * 299
                            + b"POST /v1/jobs:cancel HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertEqual(pt.statuses(pt.read_all(raw)), [401] * 300)
            seconds = time.monotonic() - start
            lines = audits(agent)
            self.assertLessEqual(len(lines), (int(seconds) + 2) * ANONYMOUS_LINES_A_SECOND)
            return asked - len(lines) > 0

        pt.until(left_out)

        def told():
            """The first line of a later second counts those left out."""
            nonlocal more
            more += 1
            agent.post("/v1/jobs:cancel")
            now = audits(agent)
            return now if len(now) + sum(int(line.get("left_out", 0)) for line in now) == asked + more else None

        eventually(told)

    def test_an_open_agent_audits_too(self):
        with pt.Agent() as agent:
            agent.post("/v1/jobs:cancel", {"all": True})
            agent.get("/v1/jobs")
            (line,) = audits(agent)
        self.assertEqual((line["principal"], line["action"], line["verdict"]), ("local", "CancelJobs", "ok"))


class Refusals(Folder):
    """What pagecastd does not start with, and the sentence that says what to do."""

    def refused(self, *args):
        ran = subprocess.run([pt.program("PAGECASTD"), "--state-dir", os.path.join(self.folder, "state"), *args],
                             check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertNotEqual(ran.returncode, 0)
        self.assertEqual(ran.stdout, "")
        return ran.stderr

    def test_other_machines_need_to_be_asked_who_they_are(self):
        for where in ("0.0.0.0:0", "[::]:0", "198.18.0.1:0", "192.0.2.7:8470"):
            for args in ((), ("--insecure-http",)):
                told = self.refused("--listen", "127.0.0.1:0", "--listen", where, *args)
                self.assertIn(where, told)
                self.assertIn("--tokens", told)
                self.assertIn("--tls-client-ca", told)

    def test_tokens_do_not_cross_a_network_in_clear_unasked(self):
        create(self.file, "ci")
        told = self.refused("--listen", "0.0.0.0:0", "--tokens", self.file)
        self.assertIn("--insecure-http", told)
        self.assertIn("--tls-cert", told)

    def test_the_file_is_its_owners_alone(self):
        create(self.file, "ci")
        for mode in (0o644, 0o640, 0o604, 0o620):
            os.chmod(self.file, mode)
            told = self.refused("--listen", "127.0.0.1:0", "--tokens", self.file)
            self.assertIn("chmod 600", told)
        told = self.refused("--listen", "127.0.0.1:0", "--tokens", self.file + ".not")
        self.assertIn("pagecastd token create", told)
        told = self.refused("--listen", "127.0.0.1:0", "--tokens", self.folder)
        self.assertIn("not a regular file", told)

    @pt.apart
    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file away")
    def test_the_file_of_somebody_else_is_refused(self):
        create(self.file, "ci")
        os.chown(self.file, NOBODY, NOBODY)
        self.assertIn("belongs to uid", self.refused("--listen", "127.0.0.1:0", "--tokens", self.file))


@pt.apart
@unittest.skipUnless(os.geteuid() == 0 and shutil.which("ip"), "a namespace takes root and ip")
class Network(Folder):
    """An agent that other machines reach, in a namespace where nothing else is."""

    SETUP = ("ip link set lo up && ip link add lab0 type veth peer name lab1 && ip link set lab1 up && ip addr add 198.18.0.1/24 dev lab0 && "
             "ip addr add fd00:18::1/64 dev lab0 nodad && ip link set lab0 up && exec \"$@\"")

    def agent(self, *args, **options):
        prefix = ("unshare", "-n", "--", "sh", "-c", self.SETUP, "sh")
        try:
            return super().agent(*args, prefix=prefix, **options)
        except AssertionError as fault:
            if "unshare" in str(fault) or "RTNETLINK" in str(fault):
                self.skipTest(f"no namespaces here: {fault}")
            raise

    def client(self, agent, *args):
        env = {name: value for name, value in os.environ.items() if not name.startswith("PAGECAST_")}
        return subprocess.run(["nsenter", "-t", str(agent.pid), "-n", "--", pt.program("PAGECAST"), *args], check=False,
                              capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL)

    def test_an_exposed_agent_asks_for_tokens(self):
        token_file = os.path.join(self.folder, "ci.token")
        with open(token_file, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(create(self.file, "ci") + "\n")
        agent = self.agent("--insecure-http", listen=["198.18.0.1:0", "[fd00:18::1]:0", "0.0.0.0:0"])
        self.assertRegex(agent.urls[0], r"^http://198\.18\.0\.1:\d+$")
        for url in (*agent.urls[:2], agent.urls[2].replace("0.0.0.0", "198.18.0.1")):
            ran = self.client(agent, "--agent", url, "agent")
            self.assertEqual(ran.returncode, 1, ran)
            self.assertIn("--token-file", ran.stderr)
            ran = self.client(agent, "--agent", url, "--token-file", token_file, "send", "udp://198.18.0.1:9", "--text",
                              "hello", "--packets", "3")
            self.assertEqual(ran.returncode, 0, ran)
            self.assertIn("SUCCEEDED", ran.stdout)
        self.assertTrue(all(line["peer"].startswith(("198.18.0.1:", "[fd00:18::1]:")) for line in audits(agent)))
        self.assertEqual([(line["principal"], line["action"]) for line in audits(agent)],
                         [("-", "GetAgent"), ("token:ci", "SubmitJob")] * 3)


if __name__ == "__main__":
    pt.main()
