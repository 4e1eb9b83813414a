"""Bounds: sizes, time, connections, memory, and how the agent ends."""

import concurrent.futures
import os
import resource
import signal
import socket
import time
import unittest

import pagecast_test as pt

SPEC_BYTES = 4 * 1024 * 1024
CONNECTIONS_PEER = 256
HEAD_SECONDS = 5
REQUEST_SECONDS = 15


def head(length, path="/v1/jobs", more=""):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n{more}\r\n").encode()


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def open_files_of_worker(pid):
    """Descriptors of the agent's (first) worker, which has a table of its own; None: it has not."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as comm:
                name = comm.read()
        except OSError:  # a thread that has ended meanwhile
            continue
        if name == "worker 0\n":
            files = set(os.listdir(f"/proc/{pid}/task/{task}/fd"))
            return None if files == set(os.listdir(f"/proc/{pid}/fd")) else files
    raise AssertionError("no thread is named worker 0")


class Sizes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent()

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def test_a_body_over_the_bound_is_refused_and_the_answer_arrives(self):
        body = b" " * (SPEC_BYTES + 1)
        for headers in ({}, {"Expect": "100-continue"}):
            with self.subTest(headers):
                answer = self.agent.post("/v1/jobs", body,
                                         headers={"Content-Type": "application/json", **headers})
                self.assertEqual(answer.status, 413)
                self.assertEqual(answer.json()["code"], "resource_exhausted")
                self.assertIn(str(SPEC_BYTES), answer.json()["message"])

    def test_a_body_over_the_bound_without_a_length(self):
        connection = self.agent.connection()
        pieces = (b" " * 65536 for _ in range(SPEC_BYTES // 65536 + 1))
        connection.request("POST", "/v1/jobs", pieces, {"Content-Type": "application/json"},
                           encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()

    def test_an_endless_body_is_cut(self):
        with self.agent.raw_socket() as raw:
            raw.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            sent = 0
            with self.assertRaises(OSError):
                while sent < 64 << 20:
                    raw.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    sent += 65536
            self.assertLess(sent, 32 << 20)

    def test_a_body_at_the_bound_is_read(self):
        answer = self.agent.post("/v1/jobs", b" " * (SPEC_BYTES - 1) + b"{",
                                 headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 400)

    def test_small_routes_have_small_bounds(self):
        answer = self.agent.post("/v1/jobs:cancel", b" " * 65537,
                                 headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 413)

    def test_bodies_in_all_are_bounded(self):
        """20 bodies of 4 MiB, each but for its last byte: more than 64 MiB in all."""
        piece = b" " * (SPEC_BYTES - 1)

        def fill():
            """@return whether all of it fitted into the time that a request may take"""
            began, raws, found = time.monotonic(), [], []
            try:
                for _ in range(20):
                    raws.append(self.agent.raw_socket())
                    raws[-1].sendall(head(SPEC_BYTES, more="Connection: close\r\n") + piece)
                for raw in raws:
                    raw.sendall(b"{")
                found = [pt.statuses(pt.read_all(raw))[0] for raw in raws]
            except (OSError, IndexError):  # they ended it
                self.assertGreater(time.monotonic() - began, HEAD_SECONDS - 1)
                found = None
            for raw in raws:
                raw.close()
            if not found:
                return False
            self.assertIn(429, found)
            self.assertEqual(set(found), {400, 429})
            self.assertGreaterEqual(found.count(400), 15)
            return True

        pt.until(fill)
        answer = self.agent.post("/v1/jobs", b"{", headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 400, "the room was given back")


class Time(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent()

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def trickle(self, start, drop, gap):
        """Seconds until the agent ends a connection that gets @drop every @gap seconds."""
        began = time.monotonic()
        with self.agent.raw_socket() as raw:
            raw.sendall(start)
            raw.settimeout(gap)
            while time.monotonic() - began < 60:
                try:
                    if not raw.recv(4096):
                        break
                except TimeoutError:
                    pass
                except ConnectionResetError:
                    break
                try:
                    raw.sendall(drop)
                except OSError:
                    break
        return time.monotonic() - began

    def test_a_reader_that_does_not_read_is_ended_in_time(self):
        files = open_files(self.agent.pid)
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            began = time.monotonic()
            raw.connect((self.agent.host, self.agent.port))
            pt.until(lambda: open_files(self.agent.pid) > files)
            raw.setblocking(False)
            request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
            while time.monotonic() - began < 60:
                try:
                    raw.send(request)
                except BlockingIOError:
                    time.sleep(0.1)
                except OSError:
                    break
                if open_files(self.agent.pid) == files:
                    break
            self.assertGreater(time.monotonic() - began, REQUEST_SECONDS - 1)
            self.assertLess(time.monotonic() - began, REQUEST_SECONDS + 30)

    def test_slow_clients_are_ended_in_time(self):
        """All of them at one time; meanwhile others are served."""
        cases = {
            "nothing sent": (b"", b"", HEAD_SECONDS),
            "half a request line": (b"GET /heal", b"", HEAD_SECONDS),
            "a request line byte by byte": (b"GET /", b"a", HEAD_SECONDS),
            "a header byte by byte": (b"GET /healthz HTTP/1.1\r\nX: ", b"a", HEAD_SECONDS),
            "empty lines for ever": (b"\r\n", b"\r\n", HEAD_SECONDS),
            "headers for ever": (b"GET /healthz HTTP/1.1\r\n", b"X: y\r\n", HEAD_SECONDS),
            "a body byte by byte": (head(1000), b" ", REQUEST_SECONDS),
            "a body that never comes": (head(1000), b"", REQUEST_SECONDS),
            "a refused body byte by byte": (head(1000, "/v1/nothing"), b" ", REQUEST_SECONDS),
            "chunks for ever": (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                b"application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                                b"1\r\n \r\n", REQUEST_SECONDS),
            "trailers for ever": (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                  b"application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                                  b"X: y\r\n", REQUEST_SECONDS),
        }
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            taken = {what: pool.submit(self.trickle, start, drop, 0.2)
                     for what, (start, drop, _) in cases.items()}
            waited = []
            while not all(future.done() for future in taken.values()):
                began = time.monotonic()
                self.assertEqual(self.agent.get("/healthz").status, 200)
                waited.append(time.monotonic() - began)
                time.sleep(0.2)
        self.assertLess(sorted(waited)[len(waited) // 2], HEAD_SECONDS / 2, waited)  # one may meet a busy machine
        for what, (_, _, bound) in cases.items():
            with self.subTest(what):
                self.assertGreater(taken[what].result(), bound - 0.5)
                self.assertLess(taken[what].result(), bound + 30)
        heads = sorted(taken[what].result() for what, (_, _, bound) in cases.items() if bound == HEAD_SECONDS)
        self.assertLess(heads[len(heads) // 2], REQUEST_SECONDS - 1, "a head has the time of a request")


class Connections(unittest.TestCase):
    def ask(self, raw):
        """What comes back until it is ended; b"": nothing, whether it was ended in peace or not."""
        try:
            raw.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        except OSError:
            pass
        return pt.read_all(raw)

    def test_a_peer_cannot_take_them_all(self):
        with pt.Agent() as agent:
            files = open_files(agent.pid)

            def taken():
                """@return whether the peer held all that it may have to the end: none is its for ever"""
                pt.until(lambda: open_files(agent.pid) <= files)
                began = time.monotonic()
                raws = [agent.raw_socket() for _ in range(CONNECTIONS_PEER)]
                self.assertEqual(agent.get("/healthz", unix=True).status, 200)
                with agent.raw_socket() as extra:
                    refused = self.ask(extra)
                with socket.create_connection((agent.host, agent.port), pt.ANSWER_SECONDS, ("127.0.0.2", 0)) as other:
                    self.assertEqual(pt.statuses(self.ask(other)), [200])
                first = self.ask(raws[0])
                for raw in raws:
                    raw.close()
                if time.monotonic() - began > HEAD_SECONDS - 1:
                    return False
                self.assertEqual((refused, pt.statuses(first)), (b"", [200]))
                return True

            pt.until(taken)
            deadline = time.monotonic() + 60
            while open_files(agent.pid) > files and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(open_files(agent.pid), files, "a connection leaks its descriptor")
            self.assertEqual(agent.get("/healthz").status, 200)

    def test_the_unix_socket_answers_while_tcp_is_full(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2048)), hard))
        with pt.Agent() as agent:
            raws = []
            for peer in range(2, 12):
                for _ in range(100):
                    raw = socket.socket()
                    raw.setblocking(False)
                    raw.bind((f"127.0.0.{peer}", 0))
                    raw.connect_ex((agent.host, agent.port))
                    raws.append(raw)
            for raw in raws:
                try:
                    raw.send(b"GET /healthz HTTP/1.1\r\nHost: lo")
                except OSError:
                    pass  # still in line, or sent away
            taken = []
            for _ in range(21):
                began = time.monotonic()
                self.assertEqual(agent.get("/v1/agent", unix=True).status, 200)
                taken.append(time.monotonic() - began)
            self.assertLess(sorted(taken)[10], HEAD_SECONDS / 5, taken)  # one may meet a busy machine
            for raw in raws:
                raw.close()

    def test_a_client_that_goes_away_leaves_nothing(self):
        with pt.Agent() as agent:
            files = open_files(agent.pid)
            for data in (b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n", head(100) + b"{",
                         b"GET /v1/agent HT", head(2, "/v1/jobs:cancel") + b"{}"):
                for _ in range(20):
                    raw = agent.raw_socket()
                    raw.sendall(data)
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    raw.close()  # a reset
            deadline = time.monotonic() + 60
            while open_files(agent.pid) > files and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertLessEqual(open_files(agent.pid), files)


class Worker(unittest.TestCase):
    def files_at_rest(self, agent):
        """Besides the three it may keep one, to ask the kernel about routes and links. The thread that
        the next job gets may be another than the last one had, and new."""
        deadline = time.monotonic() + 60
        while (files := open_files_of_worker(agent.pid)) not in ({"0", "1", "2"}, {"0", "1", "2", "3"}):
            self.assertLess(time.monotonic(), deadline, f"the worker keeps {files}")
            time.sleep(0.02)

    @pt.apart
    def test_each_job_gives_its_descriptors_back(self):
        """Whatever became of it. Its own are all that the worker has: none of the server's."""
        with pt.Agent() as agent, pt.UdpReceiver(keep=1) as receiver:
            agent.wait_end(agent.submit(pt.udp_job(receiver.port))["id"])  # now it has its name and its table
            if open_files_of_worker(agent.pid) is None:
                self.skipTest("the threads share one table of descriptors here")
            self.files_at_rest(agent)
            before = receiver.wait(10)
            running = agent.submit(pt.udp_job(receiver.port, packets=None, pps=100))
            receiver.wait(before + 1)
            self.assertGreater(len(open_files_of_worker(agent.pid)), 3)
            self.assertEqual(agent.post(f"/v1/jobs/{running['id']}:cancel").status, 200)
            for more in ({}, {"engine": "COPY"}, {"pageLayout": "PAGE_PER_PACKET"}):
                job = agent.submit({**pt.udp_job(receiver.port), **more})
                ended = agent.wait_end(job["id"])
                self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended)
            self.files_at_rest(agent)


class Life(unittest.TestCase):
    @pt.apart
    def test_idle_memory(self):
        if pt.SANITIZED:
            self.skipTest("a sanitizer's own memory would be measured")
        with pt.Agent() as agent:
            for path in ("/healthz", "/v1/agent", "/v1/jobs", "/v1/interfaces", "/v1/engines"):
                self.assertEqual(agent.get(path).status, 200)
            with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
                resident = next(line for line in file if line.startswith("VmRSS"))
            self.assertLess(int(resident.split()[1]), 12 * 1024)

    def test_stops_with_connections_in_every_state(self):
        agent = pt.Agent()
        raws = [agent.raw_socket() for _ in range(4)]
        raws[1].sendall(b"GET /healthz HT")
        raws[2].sendall(head(100) + b"{")
        raws[3].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(raws[3].recv(1000))
        began = time.monotonic()
        agent.close()
        self.assertLess(time.monotonic() - began, REQUEST_SECONDS - 3)  # it waits for none of them
        for raw in raws:
            raw.close()
        self.assertFalse(os.path.exists(agent.unix))

    def test_starts_where_a_killed_agent_left_its_socket(self):
        agent = pt.Agent()
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        self.assertTrue(os.path.exists(agent.unix))
        agent.kill()
        agent.start()
        self.assertEqual(agent.get("/healthz", unix=True).status, 200)
        agent.close()

    def test_two_agents_do_not_share_a_socket(self):
        with pt.Agent() as agent:
            with self.assertRaisesRegex(AssertionError, "another process is listening"):
                pt.Agent(listen=[f"unix:{agent.unix}"])
            self.assertEqual(agent.get("/healthz", unix=True).status, 200)

    def test_refuses_addresses_that_strangers_reach(self):
        for where in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            with self.subTest(where), self.assertRaisesRegex(AssertionError, "loopback"):
                pt.Agent(listen=[where])


if __name__ == "__main__":
    pt.main()
