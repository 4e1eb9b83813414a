"""Connect and gRPC-Web, byte by byte: what clients written elsewhere rely on, and what must be refused."""

import base64
import gzip
import json
import os
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import pagecast_test as pt

TRANSMIT = "/pagecast.v1.TransmitService/"
AGENT = "/pagecast.v1.AgentService/"
PROTO = {"Content-Type": "application/proto"}
STREAM = {"Content-Type": "application/connect+json"}
GRPC = {"Content-Type": "application/grpc-web+proto"}
SPEC_MAX = 4 << 20
SMALL_MAX = 64 << 10


def envelope(message, flags=0):
    message = json.dumps(message).encode() if isinstance(message, dict) else message
    return struct.pack(">BI", flags, len(message)) + message


def envelopes(data):
    """[(flags, message)] of a whole answer; a cut one fails."""
    found = []
    while data:
        flags, length = struct.unpack(">BI", data[:5])
        if len(data) < 5 + length:
            raise AssertionError(f"an envelope is cut: {data[:80]!r}")
        found.append((flags, data[5:5 + length]))
        data = data[5 + length:]
    return found


def trailers(data):
    """The trailers of a gRPC-Web answer: its last frame, which must be the only one of its kind."""
    *messages, (flags, last) = envelopes(data)
    if flags != 0x80 or any(flag & 0x80 for flag, _ in messages) or not last.endswith(b"\r\n"):
        raise AssertionError(f"no trailers at the end: {data!r}")
    return dict(line.split(": ", 1) for line in last.decode().split("\r\n")[:-1])


class Rpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent("--workers", "2")
        cls.sink = pt.UdpReceiver(keep=0)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def spec(self, packets=1, **more):
        return {"spec": pt.udp_job(self.sink.port, packets, **more)}

    def call(self, path, body, **headers):
        return self.agent.post(path, body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def submit(self, packets=1, **more):
        answer = self.call(TRANSMIT + "SubmitJob", self.spec(packets, **more))
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def forever(self):
        job = self.submit(None, pps=100)
        self.addCleanup(self.call, TRANSMIT + "CancelJob", {"id": job["id"]})
        return job

    def assert_error(self, answer, status, code, part=""):
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (status, "application/json"),
                         answer)
        error = answer.json()
        self.assertEqual(error["code"], code)
        self.assertIn(part, error["message"])
        return error

    def assert_stream_error(self, answer, code, part=""):
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/connect+"), answer)
        (flags, last), = envelopes(answer.body)[-1:]
        self.assertEqual(flags, 2)
        error = json.loads(last)["error"]
        self.assertEqual(error["code"], code)
        self.assertIn(part, error["message"])

    def assert_status(self, answer, number, part=""):
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/grpc-web"), answer)
        got = trailers(answer.body)
        self.assertEqual(got["grpc-status"], str(number), got)
        self.assertIn(part, urllib.parse.unquote(got.get("grpc-message", "")))
        return got

    # ---- Connect, unary ----

    def test_json_in_and_out(self):
        job = self.submit(3, name="by connect")
        answer = self.call(TRANSMIT + "GetJob", {"id": job["id"]}, Connect_Protocol_Version="1")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.json()["spec"]["name"], "by connect")

    def test_json_is_canonical(self):
        """Zeros are left out, unlike REST's; 64-bit numbers are strings; enums are names."""
        job = self.submit(2)
        rest = self.agent.wait_end(job["id"])
        answer = self.call(TRANSMIT + "GetJob", {"id": job["id"], "view": 2}).json()
        self.assertEqual(rest["account"]["packetsDropped"], "0")
        self.assertNotIn("packetsDropped", answer["account"])
        self.assertEqual(answer["account"]["packetsSent"], "2")
        self.assertEqual(answer["state"], "JOB_STATE_SUCCEEDED")

    def test_proto_in_and_out(self):
        job = self.submit()
        answer = self.agent.post(TRANSMIT + "GetJob", pt.pb_bytes(1, job["id"]), headers=PROTO)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/proto"))
        self.assertEqual(pt.pb_fields(answer.body)[1], [job["id"].encode()])

    def test_parameters_of_the_type_are_tolerated(self):
        for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8;x=y",
                     "Application/JSON"):
            with self.subTest(kind):
                answer = self.call(AGENT + "GetAgent", b"{}", Content_Type=kind)
                self.assertEqual(answer.status, 200, answer)

    def test_other_protocol_versions_are_accepted(self):
        self.assertEqual(self.call(AGENT + "GetAgent", {}, Connect_Protocol_Version="2").status, 200)

    def test_unknown_codecs_are_415(self):
        for path in ("GetJob", "WatchJob"):
            for kind in ("text/plain", "application/xml", "application/json; charset=latin1",
                         "application/x-www-form-urlencoded", "application/grpc", "application/grpc+proto",
                         "application/grpc-web-text", "application/grpc-web-text+proto",
                         "application/protobuf", ""):
                with self.subTest(path=path, kind=kind):
                    answer = self.call(TRANSMIT + path, b"{}", Content_Type=kind)
                    self.assert_error(answer, 415, "invalid_argument", "Content-Type")
                    self.assertIn("application/grpc-web", answer.headers["Accept-Post"])
        # Each kind of method has its own types.
        self.assert_error(self.call(TRANSMIT + "WatchJob", {}), 415, "invalid_argument", "connect+json")
        answer = self.call(TRANSMIT + "GetJob", envelope({}), **{"Content-Type": STREAM["Content-Type"]})
        self.assert_error(answer, 415, "invalid_argument", "application/json")

    def test_other_verbs_are_405(self):
        for verb in ("GET", "PATCH", "DELETE", "PUT"):
            with self.subTest(verb):
                answer = self.agent.request(verb, TRANSMIT + "SubmitJob")
                self.assert_error(answer, 405, "unimplemented")
                self.assertEqual(answer.headers["Allow"], "POST, OPTIONS")
        self.assertEqual(self.agent.get(TRANSMIT + "WatchJobs").status, 405)
        answer = self.agent.request("DELETE", TRANSMIT + "GetJob")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, POST, OPTIONS")

    def test_unknown_procedures_are_404(self):
        for path in (TRANSMIT + "NoJob", "/pagecast.v1.NoService/GetJob", TRANSMIT + "getJob",
                     "/pagecast.v1.transmitservice/GetJob", TRANSMIT, TRANSMIT + "GetJob/",
                     "/pagecast.v1.TransmitService"):
            with self.subTest(path):
                self.assert_error(self.call(path, {}), 404, "unimplemented", path)

    def test_what_is_not_offered_says_so(self):
        answer = self.call("/pagecast.v1.ReceiveService/NoReceiver", {})
        self.assertEqual(answer.status, 404)
        for path in ("PayloadService/PutPayload", "ReceiveService/GetReceiver"):
            answer = self.call("/pagecast.v1." + path, {})
            if answer.status == 501:
                self.assert_error(answer, 501, "unimplemented", path.split("/")[1])

    def test_errors_of_proto_calls_are_json(self):
        answer = self.agent.post(TRANSMIT + "GetJob", pt.pb_bytes(1, "none"), headers=PROTO)
        self.assert_error(answer, 404, "not_found", "none")

    def test_codes_and_their_status(self):
        job = self.submit()
        self.agent.wait_end(job["id"])
        self.assert_error(self.call(TRANSMIT + "PauseJob", {"id": job["id"]}), 400, "failed_precondition",
                          "SUCCEEDED")
        self.assertEqual(self.agent.post(f"/v1/jobs/{job['id']}:pause").status, 409)  # REST's own
        self.assert_error(self.call(TRANSMIT + "GetJob", {"id": "x"}), 404, "not_found")
        self.assert_error(self.call(TRANSMIT + "SubmitJob", {}), 400, "invalid_argument")
        foreign = pt.udp_job(9, 1, address="8.8.8.8")
        self.assert_error(self.call(TRANSMIT + "SubmitJob", {"spec": foreign}), 403, "permission_denied")
        twice = {**self.spec(1), "requestId": "rpc-twice"}
        self.assertEqual(self.call(TRANSMIT + "SubmitJob", twice).status, 200)
        self.assertEqual(self.call(TRANSMIT + "SubmitJob", twice).status, 200)
        twice["spec"]["name"] = "another"
        self.assert_error(self.call(TRANSMIT + "SubmitJob", twice), 409, "already_exists")

    def test_a_full_queue_and_a_locked_store(self):
        with pt.Agent("--workers", "1", policy={"maxJobsQueued": 1}) as agent:
            first = agent.post(TRANSMIT + "SubmitJob", self.spec(1, startTime="2099-01-01T00:00:00Z"))
            self.assertEqual(first.status, 200)
            answer = agent.post(TRANSMIT + "SubmitJob", self.spec(1))
            self.assert_error(answer, 429, "resource_exhausted", "maxJobsQueued")
            self.assertTrue(answer.headers["Retry-After"])
            agent.post(TRANSMIT + "CancelJobs", {"all": True})
            store = sqlite3.connect(os.path.join(agent.folder, "state", "jobs.db"), isolation_level=None)
            self.addCleanup(store.close)
            store.execute("BEGIN IMMEDIATE")
            answer = agent.post(TRANSMIT + "SubmitJob", self.spec(1))
            store.execute("ROLLBACK")
            self.assert_error(answer, 503, "unavailable")

    def test_spellings_that_proto3_json_allows(self):
        """…in: both names of a field, names and numbers of enums, numbers as strings, every base64, null."""
        for text in ("-_8=", "-_8", "+/8=", "+/8"):
            stream = {"udp": {"address": "127.0.0.1", "port": str(self.sink.port)}, "rate": None,
                      "payloads": [{"bytes": text}], "limit": {"packets": "1"}}
            answer = self.call(TRANSMIT + "SubmitJob", {"spec": {
                "streams": [stream], "restart_policy": 2, "pageLayout": 1, "engine": "COPY", "labels": None},
                "request_id": f"spelt {text}".replace(" ", "-")})
            self.assertEqual(answer.status, 200, answer)
            spec = answer.json()["spec"]
            self.assertEqual(spec["streams"][0]["payloads"], [{"bytes": "+/8="}])
            self.assertEqual((spec["engine"], spec["pageLayout"], spec["restartPolicy"]),
                             ("ENGINE_KIND_COPY", "PAGE_LAYOUT_PACKED", "RESTART_POLICY_RESUME"))
            self.assertEqual(spec["streams"][0]["limit"], {"packets": "1"})
            self.assertNotIn("labels", spec)
            for view in ("JOB_VIEW_BASIC", "BASIC", 1):
                answer = self.call(TRANSMIT + "GetJob", {"id": answer.json()["id"], "view": view})
                self.assertNotIn("streams", answer.json()["spec"])
        self.assert_error(self.call(TRANSMIT + "SubmitJob", {**self.spec(1), "requestId": "a", "request_id": "b"}),
                          400, "invalid_argument", "given twice")

    def test_details_are_unpadded_base64_of_a_bad_request(self):
        seen = set()
        for extra in ("y", "yy", "yyy"):
            spec = self.spec(1)
            spec["spec"]["streams"][0]["udp"]["port" + extra] = 1
            error = self.assert_error(self.call(TRANSMIT + "SubmitJob", spec), 400, "invalid_argument",
                                      "port" + extra)
            detail = error["details"][0]
            self.assertEqual(detail["type"], "google.rpc.BadRequest")
            value = detail["value"]
            self.assertNotIn("=", value)
            seen.add(len(value) % 4)
            packed = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            violation = pt.pb_fields(pt.pb_fields(packed)[1][0])
            told = detail["debug"]["fieldViolations"][0]
            self.assertEqual([violation[1][0].decode(), violation[2][0].decode()],
                             [told["field"], told["description"]])
            self.assertIn("streams[0].udp.port" + extra, told["field"])
        self.assertGreater(len(seen), 1)  # of different lengths: padding would have been seen

    def test_faults_name_their_field_from_the_request_on(self):
        """…whoever finds them: the reader of JSON, the compiler of the spec, the policy."""
        def fields(answer):
            return [fault["field"] for fault in answer.json()["details"][0]["debug"]["fieldViolations"]]

        def stream(**more):
            return {"spec": {"streams": [{"payloads": [{"text": "x"}], "limit": {"packets": 1}, **more}]}}

        port = stream(udp={"address": "127.0.0.1", "port": 70000})
        both = stream(udp={"address": "127.0.0.1", "port": 70000, "prt": 9})
        foreign = stream(udp={"address": "8.8.8.8", "port": 9})
        for method in ("SubmitJob", "PreviewJob"):
            for request, expected in ((port, ["port"]), (both, ["prt", "port"]), (foreign, ["address"]),
                                      ({"spec": {}}, None)):
                with self.subTest(method=method, request=request):
                    answer = self.call(TRANSMIT + method, request)
                    self.assertEqual(fields(answer), [f"spec.streams[0].udp.{name}" for name in expected]
                                     if expected else ["spec.streams"])
                    self.assertTrue(answer.json()["message"].startswith(fields(answer)[0] + ": "), answer)
            self.assertEqual(fields(self.call(TRANSMIT + method, {})), ["spec"])
        self.assertEqual(fields(self.call(TRANSMIT + "SubmitJob", {**port, "requestId": "two words"})),
                         ["requestId"])
        packed = pt.pb_bytes(1, pt.pb_bytes(5, pt.pb_bytes(1, "name")))  # a stream that goes nowhere
        got = self.assert_status(self.agent.post(TRANSMIT + "SubmitJob", envelope(packed), headers=GRPC), 3)
        self.assertTrue(got["grpc-message"].startswith("spec.streams[0]"), got)

    def test_unknown_fields(self):
        body = {"id": "none", "idd": 1}
        self.assert_error(self.call(TRANSMIT + "GetJob", body), 400, "invalid_argument", "idd")
        lenient = self.call(TRANSMIT + "GetJob", body, Pagecast_Ignore_Unknown_Fields="1")
        self.assert_error(lenient, 404, "not_found")
        strict = self.call(TRANSMIT + "GetJob", body, Pagecast_Ignore_Unknown_Fields="0")
        self.assert_error(strict, 400, "invalid_argument", "idd")
        packed = pt.pb_bytes(1, "none") + pt.pb_int(99, 1)
        self.assert_error(self.agent.post(TRANSMIT + "GetJob", packed, headers=PROTO), 400,
                          "invalid_argument")
        self.assert_error(self.agent.post(TRANSMIT + "GetJob", packed, headers={
            **PROTO, "Pagecast-Ignore-Unknown-Fields": "1"}), 404, "not_found")

    def test_empty_bodies(self):
        self.assert_error(self.call(AGENT + "GetAgent", b"", Content_Type="application/json"), 400,
                          "invalid_argument", "empty")
        answer = self.agent.post(AGENT + "GetAgent", b"", headers=PROTO)
        self.assertEqual(answer.status, 200)
        self.assertTrue(pt.pb_fields(answer.body)[1][0])

    def test_malformed_messages(self):
        for body in (b"{", b"[]", b"{} x", b'{"id":"\xff"}', b'{"id":"a","id":"b"}', b'{"id":7}'):
            with self.subTest(body):
                self.assert_error(self.call(TRANSMIT + "GetJob", body, Content_Type="application/json"),
                                  400, "invalid_argument")
        for body in (b"\x0a\x05ab", b"\xff" * 12, b"\x0a\x02\xff\xfe"):
            with self.subTest(body):
                self.assert_error(self.agent.post(TRANSMIT + "GetJob", body, headers=PROTO), 400,
                                  "invalid_argument")

    def test_a_body_past_the_bound_is_413(self):
        for path, bound in (("GetJob", SMALL_MAX), ("SubmitJob", SPEC_MAX)):
            with self.subTest(path):
                head = (f"POST {TRANSMIT}{path} HTTP/1.1\r\nHost: localhost\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {bound + 1}\r\n\r\n")
                answer = self.agent.raw(head.encode(), half_close=False)
                self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])
                self.assertIn(b'"code":"resource_exhausted"', answer)
        fits = json.dumps({"id": "x"}).encode().ljust(SMALL_MAX)
        self.assertEqual(self.call(TRANSMIT + "GetJob", fits, Content_Type="application/json").status, 404)

    # ---- compression ----

    def test_gzip_in(self):
        body = gzip.compress(b'{"id":"none"}')
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        self.assert_error(self.agent.post(TRANSMIT + "GetJob", body, headers=headers), 404, "not_found")
        for bad in (b"no gzip", body[:-3], body + b"x"):
            self.assert_error(self.agent.post(TRANSMIT + "GetJob", bad, headers=headers), 400,
                              "invalid_argument")
        bomb = gzip.compress(b" " * (SMALL_MAX + 1))
        self.assert_error(self.agent.post(TRANSMIT + "GetJob", bomb, headers=headers), 413,
                          "resource_exhausted")

    def test_an_empty_body_is_never_unpacked(self):
        answer = self.agent.post(AGENT + "GetAgent", b"", headers={**PROTO, "Content-Encoding": "gzip"})
        self.assertEqual(answer.status, 200, answer)

    def test_identity(self):
        self.assertEqual(self.call(AGENT + "GetAgent", {}, Content_Encoding="identity").status, 200)

    def test_other_encodings_are_unimplemented(self):
        answer = self.call(AGENT + "GetAgent", {}, Content_Encoding="br")
        self.assert_error(answer, 501, "unimplemented", "gzip")
        self.assertEqual(answer.headers["Accept-Encoding"], "gzip, identity")

    def test_gzip_out_where_it_is_asked_for_and_pays(self):
        plain = self.call(AGENT + "ListEngines", {})
        self.assertIsNone(plain.headers["Content-Encoding"])
        packed = self.call(AGENT + "ListEngines", {}, Accept_Encoding="br, gzip;q=0.5")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body))
        refused = self.call(AGENT + "ListEngines", {}, Accept_Encoding="gzip;q=0")
        self.assertEqual(refused.body, plain.body)
        short = self.call(AGENT + "GetAgent", {}, Accept_Encoding="gzip")
        self.assertIsNone(short.headers["Content-Encoding"])

    # ---- timeouts ----

    def test_connect_timeouts(self):
        for good in ("99000", "9999999999", "0000099000"):
            self.assertEqual(self.call(AGENT + "GetAgent", {}, Connect_Timeout_Ms=good).status, 200, good)
        for bad in ("", "-1", "1.5", "10s", "0x10", "12345678901", "1 0"):
            with self.subTest(bad):
                self.assert_error(self.call(AGENT + "GetAgent", {}, Connect_Timeout_Ms=bad), 400,
                                  "invalid_argument", "Connect-Timeout-Ms")
        self.assert_error(self.call(AGENT + "GetAgent", {}, Connect_Timeout_Ms="0"), 504,
                          "deadline_exceeded")

    def test_what_comes_too_late_is_not_done(self):
        job = self.forever()
        answer = self.call(TRANSMIT + "CancelJob", {"id": job["id"]}, Connect_Timeout_Ms="0")
        self.assert_error(answer, 504, "deadline_exceeded")
        self.assertNotIn(self.agent.job(job["id"])["state"], pt.ENDED)

    def test_a_stop_that_is_cut_short_is_no_success(self):
        """Somebody holds the store's lock: the end of a job can't be stored for a second, and the caller
        waits for less. On a machine that dawdles longer than that there may be an answer."""
        with pt.Agent() as agent:
            store = sqlite3.connect(os.path.join(agent.folder, "state", "jobs.db"), isolation_level=None)
            self.addCleanup(store.close)
            refused = set()
            for method in ("CancelJob", "CancelJobs") * 5:
                if method in refused:
                    continue
                job = agent.submit(pt.udp_job(self.sink.port, None, pps=100))
                agent.wait_state(job["id"], "JOB_STATE_RUNNING")
                store.execute("BEGIN IMMEDIATE")
                answer = agent.post(TRANSMIT + method, {"id": job["id"]} if method == "CancelJob" else {"all": True},
                                    headers={"Connect-Timeout-Ms": "200"})
                if answer.status == 200:
                    self.assertIn(agent.job(job["id"])["state"], pt.ENDED)
                else:
                    error = self.assert_error(answer, 504, "deadline_exceeded")
                    if "not ended yet" in error["message"]:
                        refused.add(method)
                store.execute("ROLLBACK")
                agent.post(f"/v1/jobs/{job['id']}:cancel")
                self.assertEqual(agent.wait_end(job["id"])["state"], "JOB_STATE_CANCELLED")
            self.assertEqual(refused, {"CancelJob", "CancelJobs"})

    def test_a_stream_ends_at_the_deadline(self):
        job = self.forever()
        for ms in (400, 2000, 10000):  # enough for the job to come first
            began = time.monotonic()
            answer = self.agent.post(TRANSMIT + "WatchJob", envelope({"id": job["id"]}),
                                     headers={**STREAM, "Connect-Timeout-Ms": str(ms)})
            took = time.monotonic() - began
            self.assert_stream_error(answer, "deadline_exceeded")
            self.assertTrue(ms / 1000 - 0.05 < took < 60, took)
            if len(envelopes(answer.body)) > 1:
                break
        self.assertGreater(len(envelopes(answer.body)), 1)
        self.assert_status(self.agent.post(TRANSMIT + "WatchJob", envelope(pt.pb_bytes(1, job["id"])),
                                           headers={**GRPC, "Grpc-Timeout": "400m"}), 4)

    def test_grpc_timeouts(self):
        empty = envelope(b"")
        for good in ("1H", "1M", "60S", "60000m", "60000000u", "99999999H"):
            with self.subTest(good):
                self.assert_status(self.agent.post(AGENT + "GetAgent", empty, headers={
                    **GRPC, "Grpc-Timeout": good}), 0)
        answer = self.agent.post(AGENT + "GetAgent", empty, headers={**GRPC, "Grpc-Timeout": "99999999n"})
        self.assertIn(trailers(answer.body)["grpc-status"], ("0", "4"))  # 0.1 s, which is little
        for bad in ("", "5", "S", "-1S", "1.5S", "5s", "5Sx", "123456789S"):
            with self.subTest(bad):
                self.assert_status(self.agent.post(AGENT + "GetAgent", empty, headers={
                    **GRPC, "Grpc-Timeout": bad}), 3, "Grpc-Timeout")

    # ---- Connect GET ----

    def get(self, method, **query):
        return self.agent.get(f"{method}?{urllib.parse.urlencode(query)}")

    def test_get_forms(self):
        job_id = self.submit()["id"]
        as_json = json.dumps({"id": job_id})
        as_proto = pt.pb_bytes(1, job_id)
        b64 = base64.urlsafe_b64encode
        for query in ({"encoding": "json", "message": as_json},
                      {"message": as_json, "connect": "v1", "encoding": "json", "unknown": "x"},
                      {"encoding": "json", "message": b64(as_json.encode()), "base64": "1"},
                      {"encoding": "json", "message": b64(as_json.encode()).rstrip(b"="), "base64": "1"},
                      {"encoding": "json", "message": b64(gzip.compress(as_json.encode())), "base64": 1,
                       "compression": "gzip"}):
            with self.subTest(query):
                answer = self.get(TRANSMIT + "GetJob", **query)
                self.assertEqual((answer.status, answer.headers["Content-Type"]),
                                 (200, "application/json"), answer)
                self.assertEqual(answer.json()["id"], job_id)
        for query in ({"encoding": "proto", "message": as_proto},
                      {"encoding": "proto", "message": b64(as_proto), "base64": "1"},
                      {"base64": "1", "message": b64(as_proto).rstrip(b"="), "encoding": "proto"}):
            with self.subTest(query):
                answer = self.get(TRANSMIT + "GetJob", **query)
                self.assertEqual((answer.status, answer.headers["Content-Type"]),
                                 (200, "application/proto"), answer)
                self.assertEqual(pt.pb_fields(answer.body)[1], [job_id.encode()])

    def test_get_edges(self):
        path = AGENT + "GetAgent"
        self.assertEqual(self.get(path, encoding="proto", message="").status, 200)
        self.assert_error(self.get(path, encoding="json", message=""), 400, "invalid_argument", "empty")
        self.assert_error(self.get(path, encoding="json"), 400, "invalid_argument", "message")
        self.assert_error(self.agent.get(path), 400, "invalid_argument", "message")
        self.assert_error(self.get(path, encoding="xml", message="{}"), 415, "invalid_argument")
        self.assert_error(self.get(path, message="{}"), 415, "invalid_argument")
        self.assert_error(self.get(path, encoding="json", message="*", base64="1"), 400,
                          "invalid_argument", "message")
        answer = self.get(path, encoding="json", message="{}", compression="br")
        self.assert_error(answer, 501, "unimplemented", "gzip")
        self.assert_error(self.get(path, encoding="json", message="{}", connect="v2"), 400,
                          "invalid_argument", "connect")
        self.assert_error(self.get(TRANSMIT + "GetJob", encoding="json", message='{"idd":1}'), 400,
                          "invalid_argument", "idd")
        head = self.agent.request("HEAD", path + "?encoding=json&message=%7B%7D")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_get_with_a_timeout_and_gzip_out(self):
        path = AGENT + "ListEngines?encoding=json&message=%7B%7D"
        self.assert_error(self.agent.get(path, headers={"Connect-Timeout-Ms": "0"}), 504,
                          "deadline_exceeded")
        answer = self.agent.get(path, headers={"Accept-Encoding": "gzip"})
        self.assertIn("engines", json.loads(gzip.decompress(answer.body)))

    # ---- Connect, streaming ----

    def watch(self, message, headers=STREAM):
        return self.agent.post(TRANSMIT + "WatchJob", message, headers=headers)

    def test_a_stream_to_its_end(self):
        job = self.submit(20, pps=100)
        answer = self.watch(envelope({"id": job["id"]}))
        self.assertEqual((answer.status, answer.headers["Content-Type"]),
                         (200, "application/connect+json"))
        *events, end = envelopes(answer.body)
        self.assertEqual(end, (2, b"{}"))
        self.assertEqual({flags for flags, _ in events}, {0})
        jobs = [json.loads(event)["job"] for _, event in events]
        self.assertEqual({got["id"] for got in jobs}, {job["id"]})
        self.assertEqual(jobs[-1]["state"], "JOB_STATE_SUCCEEDED")
        revisions = [int(got["revision"]) for got in jobs]
        self.assertEqual(revisions, sorted(set(revisions)))

    def test_the_end_is_json_for_proto_too(self):
        job = self.submit()
        answer = self.watch(envelope(pt.pb_bytes(1, job["id"])),
                            {"Content-Type": "application/connect+proto"})
        *events, end = envelopes(answer.body)
        self.assertEqual(end, (2, b"{}"))
        last = pt.pb_fields(pt.pb_fields(events[-1][1])[1][0])
        self.assertEqual((last[1], last[3]), ([job["id"].encode()], [5]))

    def test_envelopes_that_are_wrong(self):
        one = envelope({"id": "x"})
        self.assert_stream_error(self.watch(b""), "unimplemented")
        self.assert_stream_error(self.watch(one + one), "unimplemented")
        for cut in (one[:3], one[:5], one[:-1]):
            self.assert_stream_error(self.watch(cut), "invalid_argument")
        self.assert_stream_error(self.watch(envelope(gzip.compress(b'{"id":"x"}'), 1)), "internal",
                                 "compressed")
        self.assert_stream_error(self.watch(envelope({"id": "x"}, 2)), "invalid_argument", "0x02")
        self.assert_stream_error(self.watch(one), "not_found")
        self.assert_stream_error(self.watch(envelope(b"")), "invalid_argument", "empty")
        self.assert_stream_error(self.watch(envelope(b"{")), "invalid_argument")

    def test_stream_compression(self):
        packed = envelope(gzip.compress(b'{"id":"x"}'), 1)
        self.assert_stream_error(self.watch(packed, {**STREAM, "Connect-Content-Encoding": "gzip"}),
                                 "not_found")
        self.assert_stream_error(self.watch(packed, {**STREAM, "Connect-Content-Encoding": "identity"}),
                                 "internal")
        # The header allows compression, it does not oblige.
        self.assert_stream_error(self.watch(envelope({"id": "x"}),
                                            {**STREAM, "Connect-Content-Encoding": "gzip"}), "not_found")
        answer = self.watch(packed, {**STREAM, "Connect-Content-Encoding": "br"})
        self.assert_stream_error(answer, "unimplemented", "gzip")
        self.assertEqual(answer.headers["Connect-Accept-Encoding"], "gzip, identity")

    def test_streams_compress_messages_that_are_long(self):
        job = self.submit(name="n" * 120, labels=[{"key": f"label{i}", "value": "v" * 200}
                                                  for i in range(8)])
        answer = self.watch(envelope({"id": job["id"], "view": "JOB_VIEW_FULL"}),
                            {**STREAM, "Connect-Accept-Encoding": "gzip"})
        self.assertEqual(answer.headers["Connect-Content-Encoding"], "gzip")
        *events, end = envelopes(answer.body)
        self.assertEqual(end, (2, b"{}"))
        self.assertEqual({flags for flags, _ in events}, {1})
        self.assertEqual(json.loads(gzip.decompress(events[-1][1]))["job"]["id"], job["id"])

    def test_stream_timeouts_that_are_malformed(self):
        answer = self.watch(envelope({"id": "x"}), {**STREAM, "Connect-Timeout-Ms": "soon"})
        self.assert_stream_error(answer, "invalid_argument", "Connect-Timeout-Ms")

    # ---- gRPC-Web ----

    def test_grpc_web_unary(self):
        job_id = self.submit()["id"]
        for kind in ("application/grpc-web", "application/grpc-web+proto"):
            answer = self.agent.post(TRANSMIT + "GetJob", envelope(pt.pb_bytes(1, job_id)),
                                     headers={"Content-Type": kind})
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, kind))
            (flags, message), last = envelopes(answer.body)
            self.assertEqual(flags, 0)
            self.assertEqual(pt.pb_fields(message)[1], [job_id.encode()])
            self.assertEqual(last, (0x80, b"grpc-status: 0\r\n"))
        answer = self.agent.post(TRANSMIT + "GetJob", envelope({"id": job_id}),
                                 headers={"Content-Type": "application/grpc-web+json"})
        self.assertEqual(json.loads(envelopes(answer.body)[0][1])["id"], job_id)

    def test_grpc_web_errors(self):
        answer = self.agent.post(TRANSMIT + "GetJob", envelope(pt.pb_bytes(1, "é 100%\n")), headers=GRPC)
        got = self.assert_status(answer, 5, "é 100%")
        self.assertRegex(got["grpc-message"], r"\A[ -~]*\Z")
        self.assertIn("%C3%A9 100%25", got["grpc-message"])
        spec = {"spec": {"streams": [{"udp": {"address": "127.0.0.1", "port": 70000}}]}}
        answer = self.agent.post(TRANSMIT + "SubmitJob", envelope(spec),
                                 headers={"Content-Type": "application/grpc-web+json"})
        got = self.assert_status(answer, 3, "port")
        value = got["grpc-status-details-bin"]
        status = pt.pb_fields(base64.b64decode(value + "=" * (-len(value) % 4)))
        self.assertEqual(status[1], [3])
        self.assertIn(b"port", status[2][0])
        detail = pt.pb_fields(status[3][0])
        self.assertEqual(detail[1], [b"type.googleapis.com/google.rpc.BadRequest"])
        self.assertIn(b"port", pt.pb_fields(pt.pb_fields(detail[2][0])[1][0])[1][0])
        answer = self.agent.post(TRANSMIT + "SubmitJob", b"\0\0\0\0\1{",
                                 headers={"Content-Type": "application/grpc-web+json"})
        value = self.assert_status(answer, 3, "not valid JSON")["grpc-status-details-bin"]
        detail = pt.pb_fields(pt.pb_fields(base64.b64decode(value + "=" * (-len(value) % 4)))[3][0])
        self.assertEqual(detail[1], [b"type.googleapis.com/google.rpc.ErrorInfo"])
        self.assertEqual(pt.pb_fields(detail[2][0])[1], [b"INVALID_JSON"])

    def test_grpc_web_envelopes_that_are_wrong(self):
        path = AGENT + "GetAgent"
        one = envelope(b"")
        self.assert_status(self.agent.post(path, b"", headers=GRPC), 12)
        self.assert_status(self.agent.post(path, one + one, headers=GRPC), 12)
        self.assert_status(self.agent.post(path, one[:4], headers=GRPC), 3)
        self.assert_status(self.agent.post(path, b"\0\0\0\0\5abc", headers=GRPC), 3)
        self.assert_status(self.agent.post(path, envelope(gzip.compress(b""), 1), headers=GRPC), 13)
        self.assert_status(self.agent.post(path, envelope(b"", 0x80), headers=GRPC), 3)
        big = envelope(b"\0" * SMALL_MAX)
        self.assert_status(self.agent.post(path, big, headers=GRPC), 8)

    def test_grpc_web_compression(self):
        path = AGENT + "ListEngines"
        packed = envelope(gzip.compress(b""), 1)
        answer = self.agent.post(path, packed, headers={**GRPC, "Grpc-Encoding": "gzip",
                                                        "Grpc-Accept-Encoding": "identity,gzip"})
        self.assertEqual(answer.headers["Grpc-Encoding"], "gzip")
        (flags, message), _ = envelopes(answer.body)
        self.assertEqual(flags, 1)
        self.assertIn(1, pt.pb_fields(gzip.decompress(message)))
        answer = self.agent.post(path, packed, headers={**GRPC, "Grpc-Encoding": "snappy"})
        self.assert_status(answer, 12, "gzip")
        self.assertEqual(answer.headers["Grpc-Accept-Encoding"], "gzip, identity")

    def test_grpc_web_streams(self):
        job = self.submit(20, pps=100)
        answer = self.agent.post(TRANSMIT + "WatchJob", envelope(pt.pb_bytes(1, job["id"])), headers=GRPC)
        *events, last = envelopes(answer.body)
        self.assertEqual(last, (0x80, b"grpc-status: 0\r\n"))
        end = pt.pb_fields(pt.pb_fields(events[-1][1])[1][0])
        self.assertEqual(end[3], [5])
        answer = self.agent.post(TRANSMIT + "WatchJob", envelope(pt.pb_bytes(1, "none")), headers=GRPC)
        self.assert_status(answer, 5, "none")

    # ---- the same guards as REST ----

    def test_pages_of_another_origin(self):
        for path in (AGENT + "GetAgent", TRANSMIT + "WatchJobs"):
            for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                            {"Host": "evil.example"}):
                answer = self.agent.post(path, {}, headers=headers)
                self.assert_error(answer, 403, "permission_denied")

    def test_preflight(self):
        answer = self.agent.request("OPTIONS", AGENT + "GetAgent", headers={
            "Origin": self.agent.url, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "connect-protocol-version,content-type,x-grpc-web"})
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], self.agent.url)
        self.assertIn("POST", answer.headers["Access-Control-Allow-Methods"])
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        for name in ("content-type", "connect-protocol-version", "connect-timeout-ms", "x-grpc-web",
                     "grpc-timeout", "x-user-agent", "authorization"):
            self.assertIn(name, allowed)
        answer = self.agent.post(AGENT + "GetAgent", {}, headers={"Origin": self.agent.url})
        self.assertIn("grpc-status", answer.headers["Access-Control-Expose-Headers"].lower())


class Closed(unittest.TestCase):
    """An agent that wants tokens."""

    def test_tokens_and_roles(self):
        with tempfile.TemporaryDirectory() as folder:
            tokens = os.path.join(folder, "tokens")
            made = subprocess.run([pt.program("PAGECASTD"), "token", "create", "--tokens", tokens,
                                   "--role", "viewer", "--name", "eve"], capture_output=True, text=True, timeout=60)
            if made.returncode:
                self.fail(made.stderr)
            token = made.stdout.split()[-1]
            with pt.Agent("--tokens", tokens) as agent:
                self.assertEqual(agent.post(AGENT + "GetAgent", {}).status, 401)
                bearer = {"Authorization": f"Bearer {token}"}
                self.assertEqual(agent.post(AGENT + "GetAgent", {}, headers=bearer).status, 200)
                answer = agent.post(TRANSMIT + "CancelJobs", {}, headers=bearer)
                self.assertEqual((answer.status, answer.json()["code"]), (403, "permission_denied"))
                answer = agent.post(AGENT + "GetAgent", envelope(b""), headers=GRPC)
                self.assertEqual(trailers(answer.body)["grpc-status"], "16")
                answer = agent.post(TRANSMIT + "WatchJobs", envelope({}), headers=STREAM)
                (flags, end), = envelopes(answer.body)
                self.assertEqual((flags, json.loads(end)["error"]["code"]), (2, "unauthenticated"))
                self.assertEqual(agent.post(TRANSMIT + "WatchJobs", {}).status, 401)


if __name__ == "__main__":
    pt.main()
