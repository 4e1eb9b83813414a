"""gzip over REST: answers where they are asked for so and gain by it, bodies with the bound of plain ones."""

import gzip
import json
import unittest

import pagecast_test as pt

SPEC_MAX = 4 << 20
PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


class Gzip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent("--workers", "2")
        cls.sink = pt.UdpReceiver(keep=0)
        for i in range(3):
            cls.agent.wait_end(cls.agent.submit(pt.udp_job(cls.sink.port, 1, name=f"job {i}"))["id"])

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def get(self, path, accept, **headers):
        return self.agent.get(path, headers={"Accept-Encoding": accept, **headers})

    def post(self, body, path="/v1/jobs", **headers):
        return self.agent.post(path, body, headers={**PACKED, **headers})

    def assert_error(self, answer, status, code, part=""):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer)
        self.assertIn(part, answer.json()["message"])

    # ---- answers ----

    def test_answers_that_gain_by_it(self):
        for path in ("/openapi.json", "/v1/jobs", "/v1/jobs?view=FULL", "/v1/engines", "/metrics"):
            with self.subTest(path):
                plain = self.get(path, "identity")
                packed = self.get(path, "gzip")
                self.assertEqual((plain.status, packed.status), (200, 200))
                self.assertIsNone(plain.headers["Content-Encoding"])
                self.assertEqual(packed.headers["Content-Encoding"], "gzip")
                self.assertEqual(packed.headers["Content-Type"], plain.headers["Content-Type"])
                self.assertEqual(int(packed.headers["Content-Length"]), len(packed.body))
                self.assertLess(len(packed.body), len(plain.body))
                unpacked = gzip.decompress(packed.body)
                if path == "/metrics":  # which counts the requests for itself
                    self.assertEqual(unpacked.count(b"# TYPE"), plain.body.count(b"# TYPE"))
                else:
                    self.assertEqual(unpacked, plain.body)
                for answer in (plain, packed):  # one address, several forms: whoever caches must know
                    self.assertIn("Accept-Encoding", answer.headers["Vary"])

    def test_short_answers_are_left_as_they_are(self):
        for path in ("/healthz", "/v1/jobs/none", "/v1/jobs?labels=no=one"):
            answer = self.get(path, "gzip")
            self.assertIsNone(answer.headers["Content-Encoding"], answer)
            self.assertTrue(answer.body.isascii())

    def test_weights(self):
        for accept, packed in (("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("x-gzip", True),
                               ("gzip;q=0.5, identity;q=0.4", True), ("gzip;q=0", False), ("br", False),
                               ("*;q=0", False), ("*, gzip;q=0", False), ("", False),
                               ("gzip;q=0.5, identity", False), ("gzipped", False)):
            with self.subTest(accept):
                answer = self.get("/openapi.json", accept)
                self.assertEqual(answer.headers["Content-Encoding"], "gzip" if packed else None)
                json.loads(gzip.decompress(answer.body) if packed else answer.body)
        self.assertIsNone(self.agent.request("GET", "/openapi.json").headers["Content-Encoding"])

    def test_other_forms(self):
        packed = self.get("/v1/jobs?view=FULL", "gzip", Accept="application/x-protobuf")
        self.assertEqual((packed.headers["Content-Encoding"], packed.headers["Content-Type"]),
                         ("gzip", "application/x-protobuf"))
        self.assertGreaterEqual(len(pt.pb_fields(gzip.decompress(packed.body))[1]), 3)
        head = self.agent.request("HEAD", "/openapi.json", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((head.body, head.headers["Content-Encoding"]), (b"", "gzip"))
        spec = pt.udp_job(9, 100, text="x" * 40)
        pcap = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": 100}, headers={
            "Accept": "application/vnd.tcpdump.pcap", "Accept-Encoding": "gzip"})
        self.assertEqual(pcap.headers["Content-Encoding"], "gzip")
        self.assertGreater(len(gzip.decompress(pcap.body)), 100 * 40)

    def test_a_job_keeps_its_tag(self):
        job = self.agent.submit(pt.udp_job(self.sink.port, 1, text="y" * 400))
        self.agent.wait_end(job["id"])
        packed = self.get(f"/v1/jobs/{job['id']}", "gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        plain = self.get(f"/v1/jobs/{job['id']}", "identity")
        # other bytes: a strong tag may not stand for both, but either is known again
        self.assertEqual(packed.headers["ETag"], "W/" + plain.headers["ETag"])
        for tag in (packed.headers["ETag"], plain.headers["ETag"]):
            again = self.get(f"/v1/jobs/{job['id']}", "gzip", **{"If-None-Match": tag})
            self.assertEqual((again.status, again.body, again.headers["Content-Encoding"]), (304, b"", None))
            self.assertEqual(again.headers["ETag"], packed.headers["ETag"])

    # ---- bodies ----

    def test_a_compressed_spec(self):
        spec = pt.udp_job(self.sink.port, 2, name="packed")
        answer = self.post(gzip.compress(json.dumps(spec).encode()))
        self.assertEqual((answer.status, answer.json()["spec"]["name"]), (201, "packed"))
        self.assertEqual(self.agent.wait_end(answer.json()["id"])["account"]["packetsSent"], "2")
        answer = self.post(b"", f"/v1/jobs/{answer.json()['id']}:cancel")  # empty: nothing to unpack
        self.assertEqual(answer.status, 200)
        stream = pt.pb_bytes(1, "as protobuf")
        answer = self.post(gzip.compress(stream), **{"Content-Type": "application/x-protobuf"})
        self.assert_error(answer, 400, "invalid_argument", "streams")
        plain = self.post(json.dumps(spec).encode(), **{"Content-Encoding": "identity"})
        self.assertEqual(plain.status, 201)
        self.agent.wait_end(plain.json()["id"])  # other tests compare lists of what is over

    def test_faults_are_told_of_what_was_inside(self):
        self.assert_error(self.post(gzip.compress(b'{"nme":"x"}')), 400, "invalid_argument", "nme")
        self.assert_error(self.post(gzip.compress(b"")), 400, "invalid_argument", "empty")

    def test_what_is_no_gzip(self):
        body = gzip.compress(json.dumps(pt.udp_job(self.sink.port, 1)).encode())
        for bad in (b"{}", body[:-3], body[:20], body + b"x", body + body, b"\x1f\x8b" * 40):
            self.assert_error(self.post(bad), 400, "invalid_argument", "gzip")

    def test_a_small_bomb_is_as_large_as_what_is_in_it(self):
        fits = b'{"name":"fits"}'.ljust(SPEC_MAX)
        self.assert_error(self.post(gzip.compress(fits, 1)), 400, "invalid_argument", "streams")
        self.assert_error(self.post(gzip.compress(fits + b" ", 1)), 413, "resource_exhausted", str(SPEC_MAX))
        self.assert_error(self.post(gzip.compress(b" " * (64 << 20), 9)), 413, "resource_exhausted")
        small = gzip.compress(b" " * ((64 << 10) + 1))
        self.assert_error(self.post(small, "/v1/jobs:cancel"), 413, "resource_exhausted", "65536")

    def test_other_codings(self):
        for coding in ("br", "deflate", "gzip, gzip", "x"):
            answer = self.post(b"{}", **{"Content-Encoding": coding})
            self.assert_error(answer, 415, "invalid_argument", coding)
            self.assertEqual(answer.headers["Accept-Encoding"], "gzip, identity")


if __name__ == "__main__":
    pt.main()
