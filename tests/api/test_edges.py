"""The edge of every table and of every number that a request can make: the last value that is taken, and the first that is
refused, by its field. Sums of the largest: the books balance, and nothing runs over (a sanitizer's build would tell)."""

import unittest

import pagecast_test as pt

PACKETS_MAX = 2**53  # of a stream: what JSON's numbers hold
HUNDRED_YEARS_S = 100 * 365 * 86400


class Edges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent(policy={"allowedNetworks": ["127.0.0.0/8"]})
        cls.sink = pt.UdpReceiver(keep=1)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def stream(self, **more):
        return {"udp": {"address": "127.0.0.1", "port": self.sink.port}, "payloads": [{"text": "hello"}],
                "limit": {"packets": "1"}, "rate": {"pps": 0.1}, **more}

    def spec(self, *streams, **more):
        return {"streams": list(streams) or [self.stream()], **more}

    def one(self, **more):
        return self.spec(self.stream(**more))

    def previewed(self, spec):
        return self.agent.post("/v1/jobs:preview", {"spec": spec})

    def test_of_each_list_text_and_number_of_a_spec(self):
        """The preview judges as the submit does, and leaves nothing behind."""
        def labels(count, key="k", value="v"):
            return self.spec(labels=[{"key": f"{key}{i}", "value": value} for i in range(count)])

        def payloads(size):
            return self.one(payloads=[{"random": {"length": size}}])

        def to(**more):
            return self.one(udp={"address": "127.0.0.1", "port": self.sink.port, **more})

        rows = {
            "streams": (lambda n: self.spec(*[self.stream() for _ in range(n)]), 1024, 1025),
            "payloads": (lambda n: self.one(payloads=[{"text": ""}] * n), 65536, 65537),
            "payloads[0]": (payloads, 65507, 65508),
            "labels": (labels, 64, 65),
            "labels[0].key": (lambda n: labels(1, "k" * (n - 1)), 63, 64),
            "labels[0].value": (lambda n: labels(1, value="v" * n), 255, 256),
            "name": (lambda n: self.spec(name="n" * n), 128, 129),
            "priority": (lambda n: self.spec(priority=n), 100, 101),
            "priority ": (lambda n: self.spec(priority=n), -100, -101),
            "packets": (lambda n: self.one(limit={"packets": str(n)}), PACKETS_MAX, PACKETS_MAX + 1),
            "loops": (lambda n: self.one(limit={"loops": n}), 2**32 - 1, 2**32),
            "bytes": (lambda n: self.one(limit={"bytes": str(n)}), 5 * PACKETS_MAX, 5 * PACKETS_MAX + 1),
            "duration": (lambda n: self.one(limit={"duration": f"{n}s"}), HUNDRED_YEARS_S, HUNDRED_YEARS_S + 1),
            "pps": (lambda n: self.one(rate={"pps": n}), 10**9, 10**9 + 1),
            "pps ": (lambda n: self.one(rate={"pps": n}), 0.1, 0.0999),
            "bps": (lambda n: self.one(rate={"bps": n}), 10**15, 10**15 + 1),
            "startDelay": (lambda n: self.one(startDelay=f"{n}s"), HUNDRED_YEARS_S, HUNDRED_YEARS_S + 1),
            "maxDuration": (lambda n: self.spec(maxDuration=f"{n}s"), HUNDRED_YEARS_S, HUNDRED_YEARS_S + 1),
            "port": (lambda n: to(port=n), 65535, 65536),
            "port ": (lambda n: to(port=n), 1, 0),
            "ttl": (lambda n: to(ttl=n), 255, 256),
            "dscp": (lambda n: to(dscp=n), 63, 64),
        }
        for field, (made, last, first) in rows.items():
            with self.subTest(field):
                taken, refused = self.previewed(made(last)), self.previewed(made(first))
                self.assertEqual(taken.status, 200, taken)
                self.assertEqual(refused.status, 400, refused)
                named = refused.json()["message"].split(": ")[0]
                self.assertTrue(named.endswith(field.strip()), named)

    def test_of_each_number_of_a_query(self):
        rows = {
            "/v1/jobs?page_size=": (1000, 1001),
            "/v1/jobs?states=" + "QUEUED,": ("QUEUED", "NOSUCH"),
            f"/v1/jobs/{self.agent.submit(self.spec())['id']}?wait=": (0, 61),
        }
        for query, (last, first) in rows.items():
            with self.subTest(query):
                self.assertEqual(self.agent.get(f"{query}{last}").status, 200)
                self.assertEqual(self.agent.get(f"{query}{first}").status, 400)
        for packets, status in ((1000, 200), (1001, 400)):
            answer = self.agent.post("/v1/jobs:preview", {"spec": self.spec(), "packets": packets})
            self.assertEqual(answer.status, status, answer)
        for size, status in ((256, 200), (257, 400)):
            job = self.agent.submit(self.spec())["id"]
            answer = self.agent.post(f"/v1/jobs/{job}:cancel", {"reason": "r" * size})
            self.assertEqual(answer.status, status, answer)
        for size, status in ((128, 201), (129, 400)):
            answer = self.agent.post("/v1/jobs", self.spec(), headers={"Idempotency-Key": "k" * size})
            self.assertEqual(answer.status, status, answer)

    def test_of_each_part_of_a_head(self):
        def status(head):
            with self.agent.raw_socket() as raw:
                raw.sendall(f"GET /healthz HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
                return pt.statuses(pt.read_all(raw))[0]

        own = f"{self.agent.host}:{self.agent.port}"
        self.assertEqual(status(f"Host: {own}\r\n"), 200)
        for size in (64, 253, 255, 256, 1000, 4000):  # a name that is not this agent's, however long
            self.assertIn(status(f"Host: {'h' * size}\r\n"), (400, 403))
        others = "".join(f"X-{i}: y\r\n" for i in range(60))  # with the usual ones still fewer than 64
        self.assertEqual(status(f"Host: {own}\r\n{others}"), 200)
        many = "".join(f"X-{i}: y\r\n" for i in range(70))
        self.assertIn(status(f"Host: {own}\r\n{many}"), (400, 431))

    def test_sums_of_the_largest_run_over_nowhere(self):
        largest = {"limit": {"packets": str(PACKETS_MAX)}}
        cases = {
            "packets of all streams": (self.spec(*[self.stream(**largest) for _ in range(1024)]), 1024 * PACKETS_MAX),
            "packets of a pass": (self.one(**largest, payloads=[{"text": "a", "repeat": 2**32 - 1}] * 3), PACKETS_MAX),
            "packets of all loops": (self.one(limit={"loops": 2**20}, payloads=[{"text": "a", "repeat": 2**31}] * 4),
                                     2**53),
            "a burst and its gap": (self.one(**largest, burst={"packets": 2**32 - 1, "gap": f"{HUNDRED_YEARS_S}s"}),
                                    PACKETS_MAX),
        }
        for name, (spec, packets) in cases.items():
            with self.subTest(name):
                job = self.agent.submit(spec)
                self.assertEqual(int(job["account"]["packetsRequested"]), packets)
                account = self.agent.cancel(job["id"])["account"]
                self.assertEqual(int(account["packetsRequested"]), packets)
                self.assertEqual(int(account["packetsSent"]) + int(account["packetsCancelled"]), packets)
                self.assertTrue(account["balanced"])

    def test_the_latest_start_and_the_longest_of_everything_else(self):
        longest = f"{HUNDRED_YEARS_S}s"
        spec = self.spec(self.stream(limit={"duration": longest}, startDelay=longest), startTime="2262-04-11T23:47:15Z",
                         startTolerance=longest, maxDuration=longest, lease=longest)
        job = self.agent.submit(spec)
        self.assertEqual(job["state"], "JOB_STATE_SCHEDULED")
        self.assertEqual(self.agent.cancel(job["id"])["state"], "JOB_STATE_CANCELLED")
        spec["startTime"] = "2262-04-11T23:47:16Z"
        refused = self.agent.post("/v1/jobs", spec)
        self.assertEqual(refused.status, 400)
        self.assertIn("startTime", refused.json()["message"])

    def test_packets_of_a_pass_that_are_more_than_a_stream_may_have(self):
        refused = self.agent.post("/v1/jobs", self.one(limit={"loops": 2**32 - 1},
                                                       payloads=[{"text": "a", "repeat": 2**32 - 1}] * 4))
        self.assertEqual(refused.status, 400, refused)
        self.assertIn("limit.loops", refused.json()["message"])


if __name__ == "__main__":
    pt.main()
