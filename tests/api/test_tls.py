"""TLS: versions, certificates of both sides, reload, and that HTTP over it is the same HTTP."""

import concurrent.futures
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import certificates
import pagecast_test as pt
from test_auth import accessor, audits, bearer, create, eventually

HEAD_SECONDS = 5
TLS_1_1, TLS_1_2 = b"\x03\x02", b"\x03\x03"
HANDSHAKE, ALERT = 0x16, 0x15


def client_hello(version):
    """A hello that offers nothing above @version, and ciphers that go with it and an ECDSA certificate."""
    def block(data, size):
        return len(data).to_bytes(size, "big") + data

    ciphers = b"\xc0\x09\xc0\x0a" + (b"\xc0\x2b\xc0\x2c" if version == TLS_1_2 else b"")
    extensions = (b"\x00\x0a" + block(block(b"\x00\x17\x00\x1d", 2), 2)  # groups: P-256, X25519
                  + b"\x00\x0b" + block(block(b"\x00", 1), 2)  # points: uncompressed
                  + b"\x00\x0d" + block(block(b"\x04\x03\x02\x03", 2), 2)  # signatures: ECDSA
                  + b"\xff\x01" + block(b"\x00", 2))  # renegotiation: none
    body = version + os.urandom(32) + b"\x00" + block(ciphers, 2) + b"\x01\x00" + block(extensions, 2)
    return b"\x16\x03\x01" + block(b"\x01" + block(body, 3), 2)


@unittest.skipUnless(certificates.available(), "openssl, which makes the certificates, is not there")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = certificates.Authority()
        cls.addClassCleanup(cls.ca.close)
        cls.ca.make("agent", certificates.SERVER)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-tls-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "tokens")
        for name in ("agent.pem", "agent.key"):
            shutil.copy(self.ca.path(name), self.folder)
        self.files = ["--tls-cert", os.path.join(self.folder, "agent.pem"), "--tls-key",
                      os.path.join(self.folder, "agent.key")]

    def agent(self, *args, tls=None, **options):
        agent = pt.Agent(*self.files, *args, tls=tls or self.ca.context(), **options)
        self.addCleanup(agent.close)
        return agent

    def reload(self, agent, words):
        before = agent.log_text().count(words)
        agent.process.send_signal(signal.SIGHUP)
        eventually(lambda: agent.log_text().count(words) > before)


class Transport(Tls):
    def test_tcp_speaks_tls_and_the_unix_socket_does_not(self):
        agent = self.agent()
        self.assertRegex(agent.urls[0], r"^https://127\.0\.0\.1:\d+$")
        self.assertEqual(agent.urls[1], f"unix:{agent.unix}")
        self.assertEqual(agent.get("/v1/agent").status, 200)
        self.assertEqual(agent.get("/v1/agent", unix=True).status, 200)

    def test_versions(self):
        agent = self.agent()
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            connection = http.client.HTTPSConnection(agent.host, agent.port, timeout=pt.ANSWER_SECONDS,
                                                     context=self.ca.context(version=version))
            connection.request("GET", "/healthz")
            self.assertEqual(connection.getresponse().status, 200)
            self.assertEqual(connection.sock.version(), name)
            connection.close()
        for version, answer in ((TLS_1_2, HANDSHAKE), (TLS_1_1, None)):
            with agent.raw_socket() as raw:
                raw.sendall(client_hello(version))
                first = raw.recv(1)
                self.assertEqual(first[0] if first and first[0] != ALERT else None, answer, version)

    def test_what_is_no_tls_ends(self):
        agent = self.agent()
        for data in (b"GET /v1/agent HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x80\x2e\x01"):
            with agent.raw_socket() as raw:
                try:
                    raw.sendall(data)
                    raw.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertNotIn(b"HTTP/", pt.read_all(raw))
        self.assertEqual(agent.get("/healthz").status, 200)

    def test_a_handshake_that_does_not_go_on_is_ended(self):
        agent = self.agent()
        with agent.raw_socket(timeout=3 * HEAD_SECONDS + 10) as raw:
            start = time.monotonic()
            raw.sendall(client_hello(TLS_1_2)[:20])
            self.assertEqual(pt.read_all(raw), b"")
            self.assertLess(time.monotonic() - start, 2 * HEAD_SECONDS + 10)

    def test_requests_are_as_without_it(self):
        """Held requests, large bodies, kept connections: all that suspends a connection or fills its buffers."""
        agent = self.agent()
        with pt.UdpReceiver() as receiver:
            connection = agent.connection(timeout=60)
            spec = pt.udp_job(receiver.port, packets=None, pps=10)
            big = pt.udp_job(receiver.port, packets=1)
            big["streams"][0]["payloads"] = [{"text": "x" * 60000} for _ in range(40)]  # 2.4 MB
            ids = []
            for body in (spec, big):
                connection.request("POST", "/v1/jobs", json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
                self.assertEqual(answer.status, 201, data[:300])
                ids.append(json.loads(data)["id"])
            connection.request("GET", f"/v1/jobs/{ids[1]}?view=JOB_VIEW_FULL")
            answer = connection.getresponse()
            self.assertGreater(len(answer.read()), 2_000_000)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                held = [pool.submit(agent.get, f"/v1/jobs/{ids[0]}?wait=30&until=end") for _ in range(8)]
                connection.request("POST", f"/v1/jobs/{ids[0]}:cancel")
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, 200)
                self.assertEqual({answer.result().json()["state"] for answer in held}, {"JOB_STATE_CANCELLED"})
            connection.close()

    def test_a_page_of_the_agent_itself_is_of_https(self):
        agent = self.agent()
        own = f"{agent.host}:{agent.port}"
        self.assertEqual(agent.get("/v1/agent", headers={"Origin": f"https://{own}"}).status, 200)
        self.assertEqual(agent.get("/v1/agent", headers={"Origin": f"http://{own}"}).status, 403)

    def test_the_client_sends_by_tls_with_a_token(self):
        token_file = os.path.join(self.folder, "ci.token")
        token = create(self.file, "ci")
        with open(token_file, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(token + "\n")
        agent = self.agent("--tokens", self.file)
        env = {name: value for name, value in os.environ.items() if not name.startswith("PAGECAST_")}

        def client(*args, **more):
            return subprocess.run([pt.program("PAGECAST"), "--agent", agent.url, *args], check=False, timeout=60,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL, env=dict(env, **more))

        with pt.UdpReceiver() as receiver:
            send = ("send", f"udp://127.0.0.1:{receiver.port}", "--text", "by tls", "--packets", "20")
            trust = ("--ca", self.ca.cert("ca"))
            ran = client(*trust, *send)
            self.assertEqual(ran.returncode, 1, ran)
            self.assertIn("--token-file", ran.stderr)
            ran = client("--token-file", token_file, *send)
            self.assertEqual(ran.returncode, 3, ran)
            self.assertIn("--ca FILE", ran.stderr)
            ran = client(*trust, "--token-file", token_file, *send)
            self.assertEqual(ran.returncode, 0, ran)
            ran = client(*trust, *send, PAGECAST_TOKEN_FILE=token_file)
            self.assertEqual(ran.returncode, 0, ran)
            self.assertEqual(receiver.wait(40), 40)
            os.chmod(token_file, 0o644)
            ran = client(*trust, *send, PAGECAST_TOKEN_FILE=token_file)
            self.assertEqual(ran.returncode, 2, ran)
            self.assertIn("chmod 600", ran.stderr)
            self.assertEqual(receiver.count, 40)
        self.assertNotIn(token.split("_")[2], agent.log_text())


class ClientCertificates(Tls):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger = certificates.Authority("other-ca")
        cls.addClassCleanup(cls.stranger.close)
        cls.stranger.make("alice", certificates.CLIENT)
        cls.ca.make("alice", certificates.CLIENT)
        cls.ca.make("blank", certificates.CLIENT, "/CN=Alice Roe")
        cls.ca.make("past", certificates.CLIENT, days=-1)
        cls.ca.make("odd", certificates.CLIENT, "/CN=a\\/b")
        cls.ca.make("long", certificates.CLIENT, "/O=nobody")

    def agent(self, *args, **options):
        return super().agent("--tls-client-ca", self.ca.cert("ca"), *args, **options)

    def ask(self, agent, context, method="GET", path="/v1/agent", headers=None, body=None):
        connection = http.client.HTTPSConnection(agent.host, agent.port, timeout=pt.ANSWER_SECONDS, context=context)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return pt.Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def refused(self, agent, context, alert, path="/healthz"):
        """Not even an open path answers; the alert names the reason."""
        with self.assertRaises(OSError) as raised:
            self.ask(agent, context, path=path)
        self.assertIn(alert, str(raised.exception).lower())

    def test_a_certificate_is_required_and_verified(self):
        agent = self.agent()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            def context(client, authority=self.ca, version=version):
                made = self.ca.context(version=version)
                if client:
                    made.load_cert_chain(authority.cert(client), authority.key(client))
                return made

            with self.subTest(version.name):
                self.assertEqual(self.ask(agent, context("alice")).status, 200)
                self.refused(agent, context(None), "certificate required")
                self.refused(agent, context("alice", self.stranger), "unknown ca")
                self.refused(agent, context("past"), "certificate expired")
                self.refused(agent, context("agent"), "bad certificate")  # made for a server
        self.assertEqual(agent.get("/v1/agent", unix=True).status, 200)

    def test_the_common_name_is_an_operator(self):
        agent = self.agent()
        for name, principal in (("alice", "cert:alice"), ("blank", "cert:Alice Roe")):
            agent.tls = self.ca.context(name)
            with pt.UdpReceiver() as receiver:
                job = agent.submit(pt.udp_job(receiver.port, packets=1))
            self.assertEqual(job["owner"], principal)
            self.assertEqual(audits(agent)[-1]["principal"], principal)
        with pt.UdpReceiver() as receiver:
            other = agent.submit(pt.udp_job(receiver.port, packets=1), unix=True)
        agent.wait_end(other["id"])
        self.assertEqual(agent.request("DELETE", f"/v1/jobs/{other['id']}").status, 403)

    def test_a_name_that_is_none_is_refused_in_words(self):
        agent = self.agent()
        for name in ("odd", "long"):
            answer = self.ask(agent, self.ca.context(name))
            self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))
            self.assertIn("common name", answer.json()["message"])

    def test_a_token_beside_it_says_otherwise(self):
        viewer, admin = create(self.file, "eve", "viewer"), create(self.file, "boss", "admin")
        agent = self.agent("--tokens", self.file)
        context = self.ca.context("alice")

        def cancel(token=None):
            return self.ask(agent, context, "POST", "/v1/jobs:cancel", {"Content-Type": "application/json", **bearer(token)},
                            b'{"all":true}').status

        self.assertEqual([cancel(token) for token in (None, viewer, admin, "pgc_wrong")], [200, 403, 200, 401])
        self.refused(agent, self.ca.context(), "certificate required")  # no token makes up for one
        self.assertEqual([line["principal"] for line in audits(agent)], ["cert:alice", "token:eve", "token:boss", "-"])
        self.assertEqual(audits(agent)[2]["accessor"], accessor(admin))

    def test_the_client_shows_its_certificate(self):
        agent = self.agent()
        env = {name: value for name, value in os.environ.items() if not name.startswith("PAGECAST_")}
        with pt.UdpReceiver() as receiver:
            send = ("send", f"udp://127.0.0.1:{receiver.port}", "--text", "x", "--packets", "5")
            command = [pt.program("PAGECAST"), "--agent", agent.url, "--ca", self.ca.cert("ca")]
            for more, status, words in (((), 3, "client certificate: --cert and --key"),
                                        (("--cert", self.stranger.cert("alice"), "--key", self.stranger.key("alice")), 3,
                                         "does not accept the client certificate"),
                                        (("--cert", self.ca.cert("alice"), "--key", self.ca.key("alice")), 0, "")):
                ran = subprocess.run([*command, *more, *send], check=False, capture_output=True, text=True, timeout=60,
                                     stdin=subprocess.DEVNULL, env=env)
                self.assertEqual(ran.returncode, status, ran)
                self.assertIn(words, ran.stderr)
            self.assertEqual(receiver.wait(5), 5)


class Files(Tls):
    def serve(self, days):
        self.ca.make("short", certificates.SERVER, days=days)
        for end in ("pem", "key"):
            shutil.copy(self.ca.path(f"short.{end}"), os.path.join(self.folder, f"agent.{end}"))

    def test_a_certificate_that_ends_is_told(self):
        self.serve(days=-1)
        agent = self.agent()
        eventually(lambda: "certificate_expired " in agent.log_text())
        for days, word, count in ((200, "part=certificates", 1), (-1, "certificate_expired ", 2),
                                  (3, "certificate_expires ", 1)):
            self.serve(days)
            os.kill(agent.pid, signal.SIGHUP)
            eventually(lambda word=word, count=count: agent.log_text().count(word) == count)
        self.assertRegex(agent.log_text(), r"hours_left=7[12]\b")

    def serial(self, agent):
        """Of the certificate that a new connection is shown."""
        with socket.create_connection((agent.host, agent.port), timeout=pt.ANSWER_SECONDS) as raw, \
                self.ca.context().wrap_socket(raw, server_hostname="localhost") as tls:
            return tls.getpeercert()["serialNumber"]

    def test_sighup_takes_a_new_certificate(self):
        agent = self.agent()
        kept = agent.connection()
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        first = self.serial(agent)
        self.ca.make("renewed", certificates.SERVER)
        shutil.copy(self.ca.cert("renewed"), os.path.join(self.folder, "agent.pem"))
        self.reload(agent, "event=reload_failed part=certificates")  # not the key of this certificate
        self.assertEqual(self.serial(agent), first)
        shutil.copy(self.ca.key("renewed"), os.path.join(self.folder, "agent.key"))
        self.reload(agent, "event=reloaded part=certificates")
        self.assertNotEqual(self.serial(agent), first)
        kept.request("GET", "/healthz")
        self.assertEqual(kept.getresponse().status, 200)
        kept.close()

    def test_sighup_takes_a_new_client_ca(self):
        authority = certificates.Authority("next-ca")
        self.addCleanup(authority.close)
        for one in (authority, self.ca):
            one.make("alice", certificates.CLIENT)
        trusted = os.path.join(self.folder, "clients.pem")
        shutil.copy(self.ca.cert("ca"), trusted)
        agent = self.agent("--tls-client-ca", trusted, tls=self.ca.context("alice"))
        self.assertEqual(agent.get("/v1/agent").status, 200)
        shutil.copy(authority.cert("ca"), trusted)
        self.reload(agent, "event=reloaded part=certificates")
        with self.assertRaisesRegex(OSError, re.compile("unknown ca", re.IGNORECASE)):
            agent.get("/v1/agent")
        agent.tls.load_cert_chain(authority.cert("alice"), authority.key("alice"))
        self.assertEqual(agent.get("/v1/agent").status, 200)

    def refused(self, *args):
        ran = subprocess.run([pt.program("PAGECASTD"), "--state-dir", os.path.join(self.folder, "state"), "--listen",
                              "127.0.0.1:0", *args], check=False, capture_output=True, text=True, timeout=60,
                             stdin=subprocess.DEVNULL)
        self.assertNotEqual(ran.returncode, 0)
        self.assertEqual(ran.stdout, "")
        return ran.stderr

    def test_what_does_not_fit_together_is_refused(self):
        cert, key = self.files[1], self.files[3]
        self.ca.make("another", certificates.SERVER)
        empty = os.path.join(self.folder, "empty")
        with open(empty, "w", encoding="ascii"):
            os.chmod(empty, 0o600)
        for args, words in (
                (("--tls-cert", cert), "give both"),
                (("--tls-key", key), "give both"),
                (("--tls-client-ca", cert), "requires --tls-cert"),
                (("--tls-cert", cert, "--tls-key", self.ca.key("another")), "is not the key of the certificate"),
                (("--tls-cert", empty, "--tls-key", key), "not a certificate"),
                (("--tls-cert", cert + ".not", "--tls-key", key), "No such file"),
                (("--tls-cert", cert, "--tls-key", self.folder), "not a regular file"),
                (("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", empty), "empty"),
                # Certificates of the agent's alone say nothing of who calls.
                (("--tls-cert", cert, "--tls-key", key, "--listen", "0.0.0.0:0"), "--tokens")):
            with self.subTest(args):
                self.assertIn(words, self.refused(*args))
        os.chmod(key, 0o644)
        self.assertIn("chmod 600", self.refused("--tls-cert", cert, "--tls-key", key))


if __name__ == "__main__":
    pt.main()
