"""Verbs, paths, media types, headers and the form of errors, on every path that is there."""

import base64
import json
import socket
import unittest

import pagecast_test as pt

# Every path with the verbs it takes, in the order of Allow.
PATHS = {
    "/healthz": "GET, HEAD, OPTIONS",
    "/v1/agent": "GET, HEAD, OPTIONS",
    "/v1/policy": "GET, HEAD, OPTIONS",
    "/v1/interfaces": "GET, HEAD, OPTIONS",
    "/v1/engines": "GET, HEAD, OPTIONS",
    "/v1/jobs": "GET, HEAD, POST, OPTIONS",
    "/v1/jobs/some-job": "GET, HEAD, PATCH, DELETE, OPTIONS",
    "/v1/jobs/some-job:cancel": "POST, OPTIONS",
    "/v1/jobs/some-job:pause": "POST, OPTIONS",
    "/v1/jobs/some-job:resume": "POST, OPTIONS",
    "/v1/jobs:cancel": "POST, OPTIONS",
}
READ = [path for path, allow in PATHS.items() if "GET" in allow and "some-job" not in path]


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent("--allow-origin", "https://console.example")

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def assert_error(self, answer, status, code, part=""):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        error = answer.json()
        self.assertEqual(list(error), ["code", "message", "details"])
        self.assertEqual(error["code"], code)
        self.assertIn(part, error["message"])
        self.assertNotIn(self.agent.folder, answer.body.decode())
        return error

    # ---- verbs ----

    def test_another_verb_is_told_which_there_are(self):
        for path, allow in PATHS.items():
            for verb in ("GET", "POST", "PATCH", "DELETE", "PUT", "TRACE"):
                if verb in allow:
                    continue
                with self.subTest(f"{verb} {path}"):
                    answer = self.agent.request(verb, path)
                    self.assert_error(answer, 405, "unimplemented", allow)
                    self.assertEqual(answer.headers["Allow"], allow)

    def test_options_lists_verbs(self):
        for path, allow in PATHS.items():
            with self.subTest(path):
                answer = self.agent.request("OPTIONS", path)
                self.assertEqual((answer.status, answer.headers["Allow"], answer.body),
                                 (204, allow, b""))
        self.assertEqual(self.agent.request("OPTIONS", "/v1/nothing").status, 404)

    def test_head_is_get_without_the_body(self):
        for path in READ:
            with self.subTest(path):
                get = self.agent.get(path)
                head = self.agent.request("HEAD", path)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertEqual(head.headers["Content-Type"], get.headers["Content-Type"])
                self.assertGreater(int(head.headers["Content-Length"]), 0)
        head = self.agent.request("HEAD", "/v1/jobs/nothing")
        self.assertEqual((head.status, head.body), (404, b""))

    def test_unknown_paths(self):
        for path in ("/", "/v1", "/v1/", "/v1/jobs/", "/v1/jobs/a/b", "/v1/jobs/a:explode",
                     "/V1/jobs", "/v1/jobs:", "/healthz/", "/v1/jobs/:cancel", "/.well-known/x"):
            with self.subTest(path):
                self.assert_error(self.agent.get(path), 404, "not_found", path)

    # ---- media types ----

    def test_json_by_default_protobuf_when_asked(self):
        for accept, expected in ((None, "application/json"), ("*/*", "application/json"),
                                 ("application/*", "application/json"),
                                 ("text/html, */*;q=0.1", "application/json"),
                                 ("application/x-protobuf", "application/x-protobuf"),
                                 ("application/protobuf", "application/protobuf"),
                                 ("application/json;q=0.5, application/x-protobuf",
                                  "application/x-protobuf")):
            with self.subTest(accept):
                answer = self.agent.get("/v1/agent", headers={"Accept": accept} if accept else {})
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["Content-Type"], expected)
                self.assertIn("Accept", answer.headers["Vary"])

    def test_both_forms_say_the_same(self):
        name = self.agent.get("/v1/agent").json()["name"]
        packed = self.agent.get("/v1/agent", headers={"Accept": "application/x-protobuf"}).body
        self.assertEqual(pt.pb_fields(packed)[1], [name.encode()])

    def test_nothing_acceptable(self):
        answer = self.agent.get("/v1/agent", headers={"Accept": "text/html"})
        self.assert_error(answer, 406, "invalid_argument", "application/json")

    def test_body_types(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                     "application/xml", "application/json; charset=latin1", "application/jsonp",
                     None):
            with self.subTest(kind):
                headers = {"Content-Type": kind} if kind else {}
                answer = self.agent.post("/v1/jobs", b"{}", headers=headers)
                self.assert_error(answer, 415, "invalid_argument", "use curl --json")

    def test_an_empty_body_needs_no_type(self):
        job = self.agent.submit(pt.udp_job(9, packets=1))
        self.agent.wait_end(job["id"])
        self.assertEqual(self.agent.post(f"/v1/jobs/{job['id']}:cancel").status, 200)
        self.assertEqual(self.agent.post(f"/v1/jobs/{job['id']}:cancel", b"").status, 200)
        answer = self.agent.post("/v1/jobs", b"", headers={"Content-Type": "application/json"})
        self.assert_error(answer, 400, "invalid_argument", "JobSpec")

    def test_errors_are_json_whatever_was_asked(self):
        answer = self.agent.get("/v1/jobs/nothing", headers={"Accept": "application/x-protobuf"})
        self.assert_error(answer, 404, "not_found")

    # ---- errors ----

    def test_malformed_json_is_told_with_its_place(self):
        for body in (b"{", b"[]", b"{} x", b'{"streams":[{]}', b'{"name":"\xff"}', b"nul", b'{"a":1,}'):
            with self.subTest(body):
                answer = self.agent.post("/v1/jobs", body,
                                         headers={"Content-Type": "application/json"})
                self.assert_error(answer, 400, "invalid_argument")

    def test_where_it_is_not_json_is_data(self):
        answer = self.agent.post("/v1/jobs", '{"näme":\n 1 2}'.encode(), headers={"Content-Type": "application/json"})
        detail = self.assert_error(answer, 400, "invalid_argument")["details"][0]
        self.assertEqual(detail["type"], "google.rpc.ErrorInfo")
        told = detail["debug"]
        self.assertEqual((told["reason"], told["domain"]), ("INVALID_JSON", "pagecast"))
        fault = told["metadata"].pop("fault")
        self.assertEqual(told["metadata"], {"offset": "13", "line": "2", "column": "4"})
        self.assertIn(fault, answer.json()["message"])
        packed = pt.pb_fields(base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4)))
        self.assertEqual((packed[1], packed[2]), ([b"INVALID_JSON"], [b"pagecast"]))
        entries = [pt.pb_fields(entry) for entry in packed[3]]
        self.assertEqual({entry[1][0].decode(): entry[2][0].decode() for entry in entries},
                         {**told["metadata"], "fault": fault})

    def test_malformed_protobuf(self):
        for body in (b"\x0a", b"\x0a\x05ab", b"\xff" * 12, b"\xfa\x01\x01x", b"\x0a\x02\xff\xfe"):
            with self.subTest(body):
                answer = self.agent.post("/v1/jobs", body,
                                         headers={"Content-Type": "application/x-protobuf"})
                self.assert_error(answer, 400, "invalid_argument")

    def test_all_faults_at_once_with_their_paths(self):
        spec = {"nmae": "typo", "streams": [{"udp": {"address": 1, "port": "x"}, "limits": {}}]}
        error = self.assert_error(self.agent.post("/v1/jobs", spec), 400, "invalid_argument")
        detail = error["details"][0]
        self.assertEqual(detail["type"], "google.rpc.BadRequest")
        faults = detail["debug"]["fieldViolations"]
        fields = [fault["field"] for fault in faults]
        for field in ("nmae", "streams[0].udp.address", "streams[0].udp.port", "streams[0].limits"):
            self.assertIn(field, fields)
        packed = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        self.assertNotIn("=", detail["value"])
        unpacked = [pt.pb_fields(fault) for fault in pt.pb_fields(packed)[1]]
        self.assertEqual([fault[1][0].decode() for fault in unpacked], fields)
        self.assertEqual([fault[2][0].decode() for fault in unpacked],
                         [fault["description"] for fault in faults])

    def test_query_parameters_are_strict(self):
        for query, field in (("pagesize=1", "pagesize"), ("page_size=x", "page_size"),
                             ("page_size=1001", "page_size"), ("page_size=-1", "page_size"),
                             ("page_size=007", "page_size"), ("page_size=1&page_size=2", "page_size"),
                             ("states=RUNING", "states"), ("labels=novalue", "labels"),
                             ("labels==x", "labels"), ("view=most", "view"), ("wait=1", "wait")):
            with self.subTest(query):
                error = self.assert_error(self.agent.get(f"/v1/jobs?{query}"), 400,
                                          "invalid_argument")
                violation = error["details"][0]["debug"]["fieldViolations"][0]
                self.assertTrue(violation["field"].startswith(field), violation)
        self.assert_error(self.agent.post("/v1/jobs:cancel?x=1"), 400, "invalid_argument", "x")
        self.assert_error(self.agent.get("/v1/agent?x=1"), 400, "invalid_argument", "x")

    def test_states_in_every_spelling(self):
        for query in ("states=RUNNING", "states=JOB_STATE_RUNNING", "states=RUNNING,QUEUED",
                      "states=RUNNING&states=QUEUED", "states=2,3", "labels=a=b&labels=c=",
                      "page_size=1000", "view=BASIC", "view=JOB_VIEW_FULL", ""):
            with self.subTest(query):
                self.assertEqual(self.agent.get(f"/v1/jobs?{query}").status, 200)

    def test_waits_are_checked(self):
        for query, part in (("wait=61", "60"), ("wait=-1", "wait"), ("wait=abc", "wait"),
                            ("wait=", "wait"), ("wait=nan", "wait"), ("wait=1e3", "wait"),
                            ("wait=1&until=now", "until"), ("until=end", "until"),
                            ("wait=1&wait=2", "wait"), ("wiat=1", "wiat")):
            with self.subTest(query):
                self.assert_error(self.agent.get(f"/v1/jobs/x?{query}"), 400, "invalid_argument",
                                  part)

    # ---- what every answer bears ----

    def test_every_answer_is_guarded(self):
        for path, status in (("/healthz", 200), ("/v1/agent", 200), ("/nothing", 404)):
            with self.subTest(path):
                answer = self.agent.get(path)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["Cache-Control"], "no-store")
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                self.assertIsNone(answer.headers["Server"])

    def test_pages_of_other_origins(self):
        own = f"http://{self.agent.host}:{self.agent.port}"
        for origin in ("null", "http://evil.example", own + "0", "https" + own[4:]):
            with self.subTest(origin):
                answer = self.agent.post("/v1/jobs:cancel", headers={"Origin": origin})
                self.assert_error(answer, 403, "permission_denied", "origin")
                self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        for origin in (own, "https://console.example"):
            with self.subTest(origin):
                answer = self.agent.get("/v1/agent", headers={"Origin": origin})
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin)
        answer = self.agent.request("OPTIONS", "/v1/jobs", headers={
            "Origin": "https://console.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type"})
        self.assertEqual(answer.status, 204)
        self.assertIn("POST", answer.headers["Access-Control-Allow-Methods"])
        self.assertIn("Content-Type", answer.headers["Access-Control-Allow-Headers"])

    def test_hosts(self):
        for host, status in (("localhost", 200), ("127.0.0.1:1", 200), ("[::1]", 200),
                             ("x.localhost:80", 200), (socket.gethostname(), 200),
                             ("evil.example", 403), ("8.8.8.8", 403), ("127.0.0.1.evil.example", 403)):
            with self.subTest(host):
                self.assertEqual(self.agent.get("/healthz", headers={"Host": host}).status, status)
        # No page reaches a unix socket: there its name says nothing.
        self.assertEqual(self.agent.get("/healthz", headers={"Host": "any.name"}, unix=True).status,
                         200)

    def test_the_unix_socket_serves_the_same(self):
        self.assertEqual(self.agent.get("/v1/agent", unix=True).json()["name"],
                         self.agent.get("/v1/agent").json()["name"])

    def test_one_connection_serves_many_requests(self):
        connection = self.agent.connection()
        for path, status in (("/healthz", 200), ("/nothing", 404), ("/v1/jobs/none", 404),
                             ("/v1/jobs?x=1", 400), ("/v1/agent", 200)):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)
            self.assertIsNotNone(connection.sock, f"closed after {path}")
        connection.request("POST", "/v1/jobs", b"{", {"Content-Type": "application/json"})
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        request = b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in
                           (b"/v1/jobs", b"/nothing", b"/healthz", b"/v1/jobs", b"/v1/policy") * 4)
        request += b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        with self.agent.raw_socket() as raw:
            raw.sendall(request)
            self.assertEqual(pt.statuses(pt.read_all(raw)), [200, 404, 200, 200, 200] * 4 + [200])

    def test_bodies_in_chunks(self):
        body = b" " * 5000 + json.dumps({"reason": "in pieces", "all": True}).encode()
        for size in (1, 7, 4096, 100000):
            with self.subTest(size):
                connection = self.agent.connection()
                pieces = [body[at:at + size] for at in range(0, len(body), size)]
                connection.request("POST", "/v1/jobs:cancel", iter(pieces),
                                   {"Content-Type": "application/json"}, encode_chunked=True)
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()

    def test_expect_100_continue(self):
        with self.agent.raw_socket() as raw:
            raw.sendall(b"POST /v1/jobs:cancel HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Type: application/json\r\nContent-Length: 12\r\n"
                        b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
            self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 100 "))
            raw.sendall(b'{"all":true}')
            self.assertEqual(pt.statuses(pt.read_all(raw)), [200])
        # A refusal comes instead of the 100.
        with self.agent.raw_socket() as raw:
            raw.sendall(b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Type: application/json\r\nContent-Length: 2\r\n"
                        b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(pt.statuses(pt.read_all(raw)), [404])


if __name__ == "__main__":
    pt.main()
