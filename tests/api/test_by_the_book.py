"""HTTP as RFC 9110 and 9112 have it: white space, NUL bytes, request lines, hosts, lengths, ends of clients; and what a
query may look like."""

import http.client
import select
import socket
import subprocess
import time
import unittest

import pagecast_test as pt

JSON = "Content-Type: application/json\r\n"
FOREVER = {"streams": [{"udp": {"address": "127.0.0.1", "port": 9}, "rate": {"pps": 1}, "limit": {"untilCancelled": True}}]}


class Book(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent()

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def head(self, line="GET /healthz HTTP/1.1", host=None, more=""):
        host = f" 127.0.0.1:{self.agent.port}" if host is None else host
        return f"{line}\r\nHost:{host}\r\nConnection: close\r\n{more}\r\n".encode("latin-1")

    def ask(self, data):
        """Status and body of the one answer, which must be well-formed to the last byte."""
        with self.agent.raw_socket() as raw:
            raw.sendall(data)
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            body = answer.read()
            self.assertEqual(raw.recv(1), b"", "more than one answer")
            self.assertEqual(answer.length or 0, 0)
            if answer.getheader("Content-Type", "").startswith("application/json"):
                self.assertNotIn(b"HTTP/1.1", body)
            return answer.status, body

    def status(self, *arguments, **named):
        return self.ask(self.head(*arguments, **named))[0]

    def test_white_space_around_a_value_belongs_to_none(self):
        port = self.agent.port
        for host in f"127.0.0.1:{port}", f" 127.0.0.1:{port} ", f"\t 127.0.0.1:{port}\t ":
            self.assertEqual(self.status(host=host), 200, repr(host))
        body = '{"spec":{}}'
        for kind in "application/json ", "application/json\t", "\tapplication/json ; charset=utf-8 \t":
            status, answer = self.ask(self.head("POST /v1/jobs:preview HTTP/1.1", more=f"Content-Type:{kind}\r\n"
                                                f"Content-Length: {len(body)}\r\n") + body.encode())
            self.assertEqual(status, 400, answer)
            self.assertIn(b"streams", answer)  # it was read as JSON
        job = self.agent.submit(pt.udp_job(9, 1))
        tag = self.agent.get(f"/v1/jobs/{self.agent.wait_end(job['id'])['id']}").headers["ETag"]
        for text in tag, tag + " ", f"\t{tag} \t":
            self.assertEqual(self.status(f"GET /v1/jobs/{job['id']} HTTP/1.1", more=f"If-None-Match:{text}\r\n"), 304)
        with self.agent.raw_socket() as raw:  # one key, with and without
            for key in "a-key", "a-key ", "a-key \t ":
                raw.sendall(f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}Idempotency-Key: {key}\r\n"
                            "Content-Length: 2\r\n\r\n{}".encode())
                answer = http.client.HTTPResponse(raw)
                answer.begin()
                self.assertEqual(answer.status, 400, answer.read())

    def test_what_the_library_reads_itself_is_refused_once(self):
        for length in "2 ", "-2", "+2", "2x", "0x2", "2, 2", "", "9" * 30:
            status, body = self.ask(self.head("POST /v1/jobs:preview HTTP/1.1", more=f"{JSON}Content-Length: {length}\r\n"))
            self.assertEqual(status, 400, length)
            self.assertIn(b"Content-Length is not a number of bytes", body)
        status, body = self.ask(self.head("POST /v1/jobs:preview HTTP/1.1", more=JSON + "Transfer-Encoding: chunked \r\n"))
        self.assertEqual(status, 400)
        self.assertIn(b"Transfer-Encoding", body)

    def test_the_request_line_has_single_spaces(self):
        for line in "GET  /healthz HTTP/1.1", "GET   /healthz HTTP/1.1", "GET /healthz  HTTP/1.1", "GET\t/healthz HTTP/1.1":
            self.assertEqual(self.status(line), 400, repr(line))

    def test_a_nul_is_refused_and_nothing_is_cut_at_it(self):
        for line in "GET /healthz\0 HTTP/1.1", "GET /healthz\0x HTTP/1.1", "GET /v1/jobs?page_size=1\0x HTTP/1.1":
            self.assertEqual(self.status(line), 400, repr(line))
        for more in "X-A: a\0b\r\n", "X-A: \0\r\n", "X-A:\0b\r\nX-B: c\r\n", "Authorization: Bearer x\0y\r\n", "X-A: b\0\r\nX-B: c\r\n":
            self.assertEqual(self.status(more=more), 400, repr(more))
        self.assertEqual(self.status(host=f" 127.0.0.1:{self.agent.port}\0.example"), 400)
        self.assertEqual(self.status(more="X-A: a\r\n  folded\r\n"), 400)

    def test_what_is_whole_is_not_mistaken_for_cut(self):
        """Empty values, bare line feeds, large heads, heads that come byte by byte, and one request behind another."""
        for more in "X-A:\r\n", "X-A: \r\nX-B:\t\r\n", "".join(f"X-{i}: {'v' * i}\r\n" for i in range(60)), f"X-A: {'x' * 15000}\r\n":
            self.assertEqual(self.status(more=more), 200, repr(more[:40]))
        self.assertEqual(self.ask(self.head().replace(b"\r\n", b"\n"))[0], 200)
        self.assertEqual(self.ask(b"GET /healthz HTTP/1.0\r\n\r\n")[0], 200)
        with self.agent.raw_socket() as raw:
            for byte in self.head(more=f"X-A: {'y' * 600}\r\n"):
                raw.sendall(bytes([byte]))
            self.assertTrue(pt.read_all(raw).startswith(b"HTTP/1.1 200"))
        with self.agent.raw_socket() as raw:
            raw.sendall(self.head().replace(b"Connection: close\r\n", b"X-A: b\r\n") * 20 + self.head())
            self.assertEqual(pt.read_all(raw).count(b"HTTP/1.1 200 OK"), 21)

    def test_a_host_has_a_port_that_exists(self):
        for host in "127.0.0.1:99999", "127.0.0.1:65536", "localhost:0x50", "[::1]:70000", "127.0.0.1:+80", "[::1", ":80":
            status, body = self.ask(self.head(host=" " + host))
            self.assertEqual((status, b"a port up to 65535" in body), (400, True), (host, body))
        for host in "127.0.0.1:65535", "127.0.0.1:", "localhost:1", "[::1]:80":
            self.assertEqual(self.status(host=" " + host), 200, host)

    def test_an_absolute_target_names_the_host(self):
        port = self.agent.port
        for target in f"http://127.0.0.1:{port}/healthz", f"HTTP://localhost:{port}/healthz", "http://127.0.0.1/healthz":
            self.assertEqual(self.status(f"GET {target} HTTP/1.1"), 200, target)
        self.assertEqual(self.status(f"GET http://127.0.0.1:{port}/v1/jobs?page_size=1 HTTP/1.1"), 200)
        self.assertEqual(self.status(f"GET http://127.0.0.1:{port}/healthz HTTP/1.1", host=" example.org"), 200)
        for target in "http://example.org/healthz", "http://a@127.0.0.1.example.org/healthz":
            self.assertEqual(self.status(f"GET {target} HTTP/1.1"), 403, target)
        for target in "http://127.0.0.1:99999/healthz", "ftp://127.0.0.1/healthz", f"https://127.0.0.1:{port}/healthz":
            self.assertEqual(self.status(f"GET {target} HTTP/1.1"), 400, target)

    def ends_first(self, data, wanted):
        """Does a client that has shut down its sending side end before one that merely waits, whose deadline (5 s, of a head)
        is the shortest there is? The agent's own deadline is the clock."""
        with self.agent.raw_socket(timeout=60) as waits, self.agent.raw_socket(timeout=60) as raw:
            waits.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            self.assertEqual(pt.read_all(raw)[:12], wanted, data)
            return not select.select([waits], [], [], 0)[0]

    def test_half_closed_clients_end(self):
        keep = self.head().replace(b"Connection: close\r\n", b"")
        post = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}"
        for data, wanted in ((keep, b"HTTP/1.1 200"), (b"", b""), (keep[:20], b""), (keep[:-2], b""),
                             (f"{post}Content-Length: 100\r\n\r\n{{".encode(), b""),
                             (f"{post}Transfer-Encoding: chunked\r\n\r\n5\r\n{{".encode(), b"")):
            # a machine that stood still for 5 s shows nothing: one in five times it did not
            self.assertTrue(any(self.ends_first(data, wanted) for _ in range(5)), data)

    def test_half_closed_clients_get_their_answers(self):
        job = self.agent.submit(FOREVER)
        path = f"/v1/jobs/{job['id']}"
        with self.agent.raw_socket() as raw:
            raw.sendall(f"GET {path}?wait=30&until=end HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            raw.shutdown(socket.SHUT_WR)
            time.sleep(0.6)  # the reaper has looked twice
            self.agent.cancel(job["id"])
            self.assertTrue(pt.read_all(raw).startswith(b"HTTP/1.1 200"))
        spec = b'{"streams":[{"udp":{"address":"127.0.0.1","port":9}}]}'
        for _ in range(20):
            with self.agent.raw_socket() as raw:
                raw.sendall(f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {len(spec)}\r\n\r\n".encode() + spec)
                raw.shutdown(socket.SHUT_WR)
                self.assertTrue(pt.read_all(raw).startswith(b"HTTP/1.1 201"))

    def test_the_events_of_an_ended_job_are_over(self):
        job = self.agent.wait_end(self.agent.submit(pt.udp_job(9, 1))["id"])
        path = f"/v1/jobs/{job['id']}/events"
        last = int(job["revision"])
        later = int(self.agent.wait_end(self.agent.submit(pt.udp_job(9, 1))["id"])["revision"])
        for headers, wanted in (({"Last-Event-ID": str(last)}, 204), ({"Last-Event-ID": str(later)}, 204), ({}, 200),
                                ({"Last-Event-ID": str(last - 1)}, 200),
                                ({"Last-Event-ID": str(later + 1000)}, 410)): # never was
            self.assertEqual(self.agent.get(path, headers=headers).status, wanted, headers)
        self.assertEqual(self.agent.get(f"{path}?afterRevision={last}").status, 204)
        running = self.agent.submit(FOREVER)
        with self.agent.raw_socket() as raw:  # one that runs goes on
            raw.sendall(f"GET /v1/jobs/{running['id']}/events HTTP/1.1\r\nHost: localhost\r\n"
                        f"Last-Event-ID: {running['revision']}\r\n\r\n".encode())
            self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 200"))
        self.agent.cancel(running["id"])

    def test_names_and_times_in_a_query(self):
        job = self.agent.wait_end(self.agent.submit(pt.udp_job(9, 1))["id"])["id"]
        for query in "pageSize=1", "page_size=1", "pageSize=1&states=SUCCEEDED&view=FULL":
            answer = self.agent.get("/v1/jobs?" + query)
            self.assertEqual((answer.status, len(answer.json()["jobs"])), (200, 1), query)
        for query in "pagesize=1", "PageSize=1", "page_Size=1", "page-size=1":
            self.assertEqual(self.agent.get("/v1/jobs?" + query).status, 400, query)
        answer = self.agent.get("/v1/jobs?pageSize=1&page_size=1")
        self.assertEqual(answer.status, 400)
        self.assertIn("given more than once", answer.json()["message"])
        for wait in "0", "1", "1s", "1.5", "0.5s", "500ms", "1500.5ms":
            self.assertEqual(self.agent.get(f"/v1/jobs/{job}?wait={wait}").status, 200, wait)
        for wait in "1m", "-1s", "1 s", "s", ".5", "5.", "61", "61s", "60001ms", "1e1", "1,5":
            answer = self.agent.get(f"/v1/jobs/{job}?wait={wait.replace(' ', '%20')}")
            self.assertEqual(answer.status, 400, wait)
            self.assertIn("write 30, 30s or 500ms", answer.json()["message"])
        for interval, wanted in ("1", 200), ("1s", 200), ("250ms", 200), ("1h", 400), ("-1", 400):
            self.assertEqual(self.agent.get(f"/v1/jobs/{job}/events?interval={interval}").status, wanted, interval)

    def test_a_body_stays_canonical(self):
        for interval, wanted in ("1s", 200), ("500ms", 400), ("1", 400):
            answer = self.agent.post("/v1/jobs", {**pt.udp_job(9, 1), "startDelay": interval})
            self.assertEqual(answer.status, 400)  # it is the stream's
            spec = pt.udp_job(9, 1)
            spec["streams"][0]["startDelay"] = interval
            self.assertEqual(self.agent.post("/v1/jobs:preview", {"spec": spec}).status, wanted, interval)

    def test_a_preview_takes_a_bare_spec(self):
        spec = {**pt.udp_job(9, 3), "name": "bare"}
        self.assertEqual(self.agent.post("/v1/jobs:preview", spec).json(), self.agent.post("/v1/jobs:preview", {"spec": spec}).json())
        spec["streams"][0]["udp"]["port"] = 70000
        fault, = self.agent.post("/v1/jobs:preview", spec).json()["details"][0]["debug"]["fieldViolations"]
        self.assertIn("streams[0].udp.port", fault["field"])
        for body in {**pt.udp_job(9, 1), "packets": 3}, {"spec": pt.udp_job(9, 1), **pt.udp_job(9, 1)}, {"name": "no streams"}:
            self.assertEqual(self.agent.post("/v1/jobs:preview", body).status, 400, body)


class BothVersions(unittest.TestCase):
    def test_one_option_listens_on_both(self):
        with pt.Agent() as probe:  # tokens, so that every address may be listened on
            folder = probe.folder
            tokens = f"{folder}/tokens"
            token = subprocess.run([pt.program("PAGECASTD"), "token", "create", "--tokens", tokens, "--name", "ci"],
                                   check=True, capture_output=True, text=True).stdout.strip()
            for where in "*:0", "[::]:0":
                with pt.Agent("--tokens", tokens, "--insecure-http", listen=[where]) as agent:
                    for host in "127.0.0.1", "::1":
                        with socket.create_connection((host, agent.port)) as raw:
                            name = f"[{host}]" if ":" in host else host
                            raw.sendall(f"GET /v1/agent HTTP/1.1\r\nHost: {name}:{agent.port}\r\nConnection: close\r\n"
                                        f"Authorization: Bearer {token} \r\n\r\n".encode())
                            self.assertTrue(pt.read_all(raw).startswith(b"HTTP/1.1 200"), (where, host))
                    with socket.create_connection(("127.0.0.1", agent.port)) as raw:
                        raw.sendall(b"GET /v1/agent HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                    b"Authorization: Bearer wrong\r\n\r\n")
                        self.assertTrue(pt.read_all(raw).startswith(b"HTTP/1.1 401"))
                    self.assertIn("127.0.0.1:", agent.log_text())
                    self.assertNotIn("ffff", agent.log_text())
            with pt.Agent(listen=["[::1]:0"]) as agent:  # any other IPv6 address is itself alone
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", agent.port)).close()


if __name__ == "__main__":
    pt.main()
