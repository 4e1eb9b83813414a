"""What the client makes of answers that a good agent does not give: errors, strangers, hostile text, lost connections."""

import json
import os
import signal
import time
import unittest

from cli import FakeAgent, JSON, PROTOBUF, pagecast, pb_job, start
from pagecast_test import main, pb_bytes, pb_int

UDP = "udp://127.0.0.1:9000"
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = 1, 3, 5, 6, 7


def error(code, message, violations=(), status=400, **headers):
    body = {"code": code, "message": message}
    if violations:
        body["details"] = [{"type": "google.rpc.BadRequest", "value": "",
                            "debug": {"fieldViolations": [{"field": f, "description": d} for f, d in violations]}}]
    return status, {**JSON, **headers}, json.dumps(body).encode()


class Errors(unittest.TestCase):
    def refused(self, answer, *args, code=1):
        with FakeAgent(lambda *_: answer) as agent:
            ran = pagecast(*(args or ("get", "X")), agent=agent.url)
        self.assertEqual(ran.returncode, code, ran)
        self.assertEqual(ran.stdout, "")
        return ran.stderr

    def test_a_single_fault_is_one_line(self):
        message = "streams[0].udp.port: 70000 is not between 1 and 65535"
        told = self.refused(error("invalid_argument", message,
                                  [("streams[0].udp.port", "70000 is not between 1 and 65535")]))
        self.assertEqual(told, f"pagecast: {message}\n")

    def test_each_of_several_faults_has_its_line(self):
        told = self.refused(error("invalid_argument", "a: wrong (and 1 more)", [("a", "wrong"), ("b.c", "worse")]))
        self.assertEqual(told, "pagecast: a: wrong (and 1 more)\n  a: wrong\n  b.c: worse\n")

    def test_faults_of_a_preview_are_places_in_the_persons_own_text(self):
        """By the error's fields: its sentences may change, and speak of a body that the person never saw."""
        def refused(*details):
            body = {"code": "invalid_argument", "message": "the sentence", "details": [
                {"type": f"google.rpc.{kind}", "value": "", "debug": debug} for kind, debug in details]}
            with FakeAgent(lambda *_: (400, JSON, json.dumps(body).encode())) as agent:
                ran = pagecast("preview", "-", agent=agent.url, input="{}")
                self.assertEqual(agent.requests[0][3], b'{"packets":10,"spec":{}}')
            self.assertEqual(ran.returncode, 1, ran)
            return ran.stderr

        def info(reason="INVALID_JSON", **metadata):
            return "ErrorInfo", {"reason": reason, "domain": "pagecast", "metadata": metadata}

        def violations(*pairs):
            return "BadRequest", {"fieldViolations": [{"field": f, "description": d} for f, d in pairs]}

        self.assertEqual(refused(info(offset="22", line="1", column="23", fault="a key, please")),
                         "pagecast: not valid JSON at offset 1 (line 1, column 2): a key, please\n")
        self.assertEqual(refused(info(offset="30", line="2", column="3", fault="no")),
                         "pagecast: not valid JSON at offset 9 (line 2, column 3): no\n")
        self.assertEqual(refused(violations(("spec.name", "too long"))), "pagecast: name: too long\n")
        self.assertEqual(refused(violations(("spec.a", "x"), ("specimen", "y"))),
                         "pagecast: a: x (and 1 more)\n  a: x\n  specimen: y\n")
        for odd in ((), (info(),), (info(offset="-1", line="1", column="1"),), (info("OTHER", offset="22"),),
                    (info(offset="22", line="x", column=""),), (("ErrorInfo", 5),), (("BadRequest", []),)):
            self.assertEqual(refused(*odd), "pagecast: the sentence\n")  # an older agent's, or a strange one's

    def test_hints(self):
        self.assertIn("authenticate with --token-file",
                      self.refused(error("unauthenticated", "who are you?", status=401)))
        self.assertIn("try again in 7 s",
                      self.refused(error("resource_exhausted", "the queue is full", status=429, **{"Retry-After": "7"})))

    def test_strangers(self):
        self.assertEqual(self.refused((502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>\n<p>")),
                         "pagecast: HTTP status 502: <h1>Bad Gateway</h1>\n")
        self.assertEqual(self.refused((500, {}, b"")), "pagecast: HTTP status 500\n")
        self.assertEqual(self.refused((302, {"Location": "http://127.0.0.1:1/"}, b"")), "pagecast: HTTP status 302\n")
        self.assertIn("not an agent", self.refused((200, {"Content-Type": "text/html"}, b"<html>hello")))
        self.assertIn("not an agent", self.refused((200, PROTOBUF, b"\xff\xff\xff\xff garbage")))
        self.assertIn("not an agent", self.refused((200, {}, b"")))
        self.assertIn("no agent at", self.refused((None, {}, b""), code=3))

    def test_odd_errors(self):
        for body in (b"[]", b"[1]", b'"x"', b"null", b"{", b'{"message":5}', b"\xff\xfe", b"{" * 5000,
                     b'{"message":"m","details":[]}', b'{"message":"m","details":5}', b'{"message":"m","details":[5]}',
                     b'{"message":"m","details":[{"debug":{"fieldViolations":[{},5]}}]}'):
            with self.subTest(body[:40]):
                self.assertTrue(self.refused((400, JSON, body)).startswith("pagecast: "))

    def test_hostile_text_does_not_reach_the_terminal(self):
        nasty = "\x1b]0;owned\x07\x9b2J\u202e"
        told = self.refused(error("internal", nasty, [("f\x1b", "d\x1b"), ("g", "h")], status=500))
        for character in "\x1b\x07\x9b\u202e":
            self.assertNotIn(character, told)
        self.assertNotIn("\x1b", self.refused((500, {}, nasty.encode())))
        job = pb_job("ID\x1b[2J", SUCCEEDED, problems=[("code", "p\x1b[31m", 2)])
        with FakeAgent(lambda *_: (200, PROTOBUF, job)) as agent:
            ran = pagecast("get", "X", agent=agent.url)
        self.assertNotIn("\x1b", ran.stdout)
        self.assertIn("ID\\x1b[2J", ran.stdout)

    def test_json_errors_go_unchanged_to_standard_error(self):
        answer = error("not_found", "no job X", status=404)
        with FakeAgent(lambda *_: answer) as agent:
            ran = pagecast("--json", "get", "X", agent=agent.url)
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertEqual(ran.stderr.encode(), answer[2] + b"\n")

    def test_an_endless_answer_is_cut(self):
        with FakeAgent(lambda *_: (200, JSON, b"x" * (65 << 20))) as agent:
            ran = pagecast("--json", "list", agent=agent.url)
        self.assertEqual(ran.returncode, 3)
        self.assertIn("longer than 64 MiB", ran.stderr)


class Requests(unittest.TestCase):
    """What goes over the wire."""

    def asked(self, *args, answer=(200, PROTOBUF, b"")):
        with FakeAgent(lambda *_: answer) as agent:
            pagecast(*args, agent=agent.url)
            return agent.requests

    def test_ids_cannot_leave_their_place(self):
        method, path, _, _ = self.asked("get", "../agent?x#y z/ü")[0]
        self.assertEqual((method, path), ("GET", "/v1/jobs/..%2Fagent%3Fx%23y%20z%2F%C3%BC"))

    def test_protobuf_is_spoken(self):
        headers = self.asked("get", "X")[0][2]
        self.assertEqual(headers["Accept"], "application/x-protobuf")
        self.assertIsNone(headers["Content-Type"])
        self.assertTrue(headers["User-Agent"].startswith("pagecast/"))
        method, path, headers, body = self.asked("send", UDP, "--text", "hello", "--detach", "--request-id", "r1",
                                                 answer=(201, PROTOBUF, pb_job(state=QUEUED)))[0]
        self.assertEqual((method, path), ("POST", "/v1/jobs"))
        self.assertEqual(headers["Content-Type"], "application/x-protobuf")
        self.assertEqual(headers["Idempotency-Key"], "r1")
        udp = pb_bytes(1, "127.0.0.1") + pb_int(2, 9000)
        self.assertEqual(body, pb_bytes(5, pb_bytes(2, udp) + pb_bytes(5, pb_bytes(2, "hello"))))

    def test_json_is_asked_for_with_json(self):
        headers = self.asked("--json", "get", "X", answer=(200, JSON, b"{}"))[0][2]
        self.assertEqual(headers["Accept"], "application/json")

    def test_submit_sends_the_persons_own_bytes(self):
        spec = b'{ "streams": [ ] }\n'
        with FakeAgent(lambda *_: (201, PROTOBUF, pb_job(state=QUEUED))) as agent:
            ran = pagecast("submit", "-", agent=agent.url, input=spec.decode())
            self.assertEqual((ran.returncode, ran.stdout), (0, "JOB1 QUEUED\n"), ran.stderr)
            _, _, headers, body = agent.requests[0]
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(body, spec)

    def test_filters_of_list(self):
        path = self.asked("list", "--state", "running", "--state", "QUEUED", "--label", "a=b&c d",
                          "--page-size", "7")[0][1]
        self.assertEqual(path, "/v1/jobs?page_size=7&states=RUNNING&states=QUEUED&labels=a%3Db%26c%20d")

    def test_pages_are_followed_by_their_token(self):
        pages = {"": (["J1", "J2"], "t&2"), "t%262": (["J3"], "")}

        def answer(_method, path, _headers, _body):
            jobs, token = pages[path.partition("&page_token=")[2]]
            body = b"".join(pb_bytes(1, pb_job(name)) for name in jobs)
            return 200, PROTOBUF, body + (pb_bytes(2, token) if token else b"") + pb_int(3, 3)

        with FakeAgent(answer) as agent:
            ran = pagecast("list", agent=agent.url)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertNotIn("J3", ran.stdout)
            self.assertIn("1 more; --all shows them", ran.stderr)
            ran = pagecast("list", "--all", agent=agent.url)
            self.assertEqual([line.split()[0] for line in ran.stdout.splitlines()], ["ID", "J1", "J2", "J3"])
            self.assertEqual(ran.stderr, "")

    def test_the_reason_and_labels_of_a_cancel(self):
        method, path, _, body = self.asked("cancel", "--all", "--label", "a=b", "--reason", "lunch")[0]
        self.assertEqual((method, path), ("POST", "/v1/jobs:cancel"))
        self.assertEqual(body, pb_bytes(1, pb_bytes(1, "a") + pb_bytes(2, "b")) + pb_bytes(2, "lunch"))

    def test_a_new_rate(self):
        method, path, _, body = self.asked("rate", "J", "--bps", "5k", "--layer", "l1", "--stream", "s")[0]
        self.assertEqual((method, path), ("PATCH", "/v1/jobs/J"))
        self.assertEqual(body, pb_bytes(2, pb_int(2, 5000) + pb_int(5, 5)) + pb_bytes(3, "s"))


class Following(unittest.TestCase):
    """An agent of canned revisions: answers each poll with the next."""

    def agent(self, states, stay=0.02):
        self.polls = iter(states)
        self.last = None

        def answer(method, path, headers, _body):
            if method == "POST" and path == "/v1/jobs":
                return 201, PROTOBUF, pb_job(state=QUEUED, revision=1)
            if path.endswith(":cancel"):
                self.polls = iter([(200, {**PROTOBUF, "ETag": '"99"'}, pb_job(state=CANCELLED, revision=99, sent=7))])
                return 200, PROTOBUF, pb_job(state=CANCELLED, revision=99)
            time.sleep(stay)
            self.last = next(self.polls, self.last)
            return self.last

        return FakeAgent(answer)

    def job(self, state, revision, **more):
        return 200, {**PROTOBUF, "ETag": f'"{revision}"'}, pb_job(state=state, revision=revision, **more)

    def test_polls_name_the_revision_they_know(self):
        with self.agent([self.job(RUNNING, 5), (304, {}, b""), self.job(SUCCEEDED, 9, sent=3, requested=3)]) as agent:
            ran = pagecast("send", UDP, agent=agent.url)
            self.assertEqual(ran.returncode, 0, ran)
            self.assertIn("job JOB1 SUCCEEDED", ran.stdout)
            self.assertIn("  sent  3 of 3 packets, 15 bytes; dropped 0, failed 0, cancelled 0\n", ran.stdout)
            polls = [request for request in agent.requests if request[0] == "GET"]
            self.assertEqual([poll[2]["If-None-Match"] for poll in polls], ['"1"', '"5"', '"5"', None])
            self.assertTrue(all("view=BASIC&wait=" in poll[1] for poll in polls[:-1]))
            self.assertEqual(polls[-1][1], "/v1/jobs/JOB1")  # the result, with its streams

    def test_a_job_that_failed_fails_the_command(self):
        problem = ("no_route", "no route to 198.18.0.9", 3)
        with self.agent([self.job(FAILED, 2, problems=[problem])]) as agent:
            ran = pagecast("send", UDP, agent=agent.url)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("job JOB1 FAILED before its first packet\n", ran.stdout)
        self.assertIn("  error no route to 198.18.0.9\n", ran.stdout)

    def test_an_agent_that_goes_away_for_a_moment(self):
        gone = (None, {}, b"")
        with self.agent([self.job(RUNNING, 2), gone, gone, self.job(SUCCEEDED, 3)]) as agent:
            ran = pagecast("send", UDP, agent=agent.url)
        self.assertEqual(ran.returncode, 0, ran)

    def test_a_result_that_is_gone_by_then(self):
        for gone in ((None, {}, b""), error("not_found", "no job JOB1", status=404)):
            with self.agent([self.job(SUCCEEDED, 2, sent=3, requested=3), gone]) as agent:
                ran = pagecast("send", UDP, agent=agent.url)
            self.assertEqual((ran.returncode, ran.stderr), (0, ""))
            self.assertIn("  sent  3 of 3 packets", ran.stdout)

    def test_a_plain_line_a_second_where_there_is_no_terminal(self):
        with self.agent([self.job(RUNNING, 2, sent=1000, requested=2000)]) as agent:
            began, behind = time.monotonic(), 0  # whenever they are read: none is written too early
            ran = start("send", UDP, agent=agent.url)
            lines = []
            while len(lines) < 3 or "RUNNING" not in lines[-1]:
                lines.append(ran.stderr.readline())
                behind = max(behind, len(lines) - (time.monotonic() - began))
            ran.send_signal(signal.SIGINT)
            shown, told = ran.communicate(timeout=60)
        self.assertLessEqual(behind, 0.1)
        told = "".join(lines) + told
        self.assertLessEqual(set(lines), {"JOB1 QUEUED\n", "JOB1 RUNNING, 1,000 packets\n"})
        self.assertNotIn("\r", told)
        self.assertNotIn("\x1b", told + shown)

    def test_ctrl_c_cancels_waits_and_prints(self):
        with self.agent([self.job(RUNNING, 2)]) as agent:
            ran = start("send", UDP, agent=agent.url)
            agent.wait_for("GET")
            ran.send_signal(signal.SIGINT)
            shown, told = ran.communicate(timeout=60)
            self.assertTrue([request for request in agent.requests if request[1] == "/v1/jobs/JOB1:cancel"])
        self.assertEqual(ran.returncode, 130, told)
        self.assertIn("job JOB1 CANCELLED", shown)
        self.assertIn("cancelling", told)

    def test_an_interrupted_forever_is_no_failure(self):
        with self.agent([self.job(RUNNING, 2)]) as agent:
            ran = start("send", UDP, "--forever", agent=agent.url)
            agent.wait_for("GET")
            ran.send_signal(signal.SIGINT)
            shown, told = ran.communicate(timeout=60)
        self.assertEqual(ran.returncode, 0, told)
        self.assertIn("job JOB1 CANCELLED", shown)

    def test_a_second_ctrl_c_leaves_the_job_running(self):
        def answer(method, path, _headers, _body):
            if method == "POST" and path == "/v1/jobs":
                return 201, PROTOBUF, pb_job(state=RUNNING)
            time.sleep(60)  # neither the cancel nor the poll comes back
            return 304, {}, b""

        with FakeAgent(answer) as agent:
            ran = start("send", UDP, "--forever", agent=agent.url)
            agent.wait_for("GET")
            ran.send_signal(signal.SIGINT)
            agent.wait_for("POST", ":cancel")
            self.assertIsNone(ran.poll())
            ran.send_signal(signal.SIGINT)
            shown, told = ran.communicate(timeout=50)
        self.assertEqual(ran.returncode, 130)
        self.assertEqual(shown, "")
        self.assertIn("job JOB1 is left running; see `pagecast get JOB1`", told)

    def test_a_reader_that_goes_away_does_not_end_the_following(self):
        with self.agent([self.job(RUNNING, 2)] * 10 + [self.job(SUCCEEDED, 3)]) as agent:
            ran = start("send", UDP, agent=agent.url)
            ran.stdout.close()
            ran.wait(60)
            told = ran.stderr.read()
            ran.stderr.close()
            self.assertFalse([request for request in agent.requests if request[1].endswith(":cancel")])
        self.assertEqual(ran.returncode, 1)
        self.assertNotIn("pagecast:", told)  # who left knows

    def test_a_full_disk_is_told(self):
        with self.agent([self.job(SUCCEEDED, 3)]) as agent, open("/dev/full", "w", encoding="utf-8") as full:
            ran = pagecast("send", UDP, agent=agent.url, stdout=full)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("cannot write the output: No space left on device", ran.stderr)

    def test_the_lease_is_renewed(self):
        with self.agent([self.job(RUNNING, 2)] * 40 + [self.job(SUCCEEDED, 3)], stay=0.05) as agent:
            ran = pagecast("send", UDP, "--lease", "900ms", agent=agent.url)
            renewals = [request for request in agent.requests if request[0] == "PATCH"]
        self.assertEqual(ran.returncode, 0, ran)
        self.assertTrue(renewals)  # when: test_client_follow
        self.assertEqual({(path, body) for _, path, _, body in renewals}, {("/v1/jobs/JOB1", b"")})


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
