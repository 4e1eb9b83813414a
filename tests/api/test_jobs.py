"""Jobs over REST: submit, follow, list, steer, delete; every row of the table of errors; real datagrams."""

import concurrent.futures
import json
import resource
import select
import shutil
import socket
import subprocess
import threading
import time
import unittest

import pagecast_test as pt

PROTOBUF = {"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"}
WAITERS = 320  # requests that may be held at one time, of all peers
JOB_ID, JOB_STATE, JOB_ACCOUNT, JOB_REVISION = 1, 3, 7, 13  # fields of Job


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent("--workers", "2")
        cls.sink = pt.UdpReceiver(keep=0)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def forever(self, pps=100, port=None, **more):
        """A running job; cancelled after the test."""
        job = self.agent.submit(pt.udp_job(port or self.sink.port, None, pps=pps, **more))
        self.addCleanup(self.agent.post, f"/v1/jobs/{job['id']}:cancel")
        deadline = time.monotonic() + 60
        while job["state"] != "JOB_STATE_RUNNING":
            self.assertLess(time.monotonic(), deadline, job)
            job = self.agent.job(job["id"] + "?wait=1")
        return job

    def assert_error(self, answer, status, code, part=""):
        self.assertEqual(answer.status, status, answer)
        error = answer.json()
        self.assertEqual(error["code"], code)
        self.assertIn(part, error["message"])
        return error

    # ---- faults ----

    def test_faults_of_form_and_of_meaning_are_told_at_once(self):
        answer = self.agent.post("/v1/jobs", {"streams": [
            {"udp": {"address": "127.0.0.1", "port": 70000}, "payloads": [{"txt": "x"}], "limit": {}},
            {"udp": {"address": "nowhere", "port": "abc"}}]})
        error = self.assert_error(answer, 400, "invalid_argument", "(and 4 more)")
        fields = [v["field"] for v in error["details"][0]["debug"]["fieldViolations"]]
        self.assertEqual(sorted(fields), [
            "streams[0].limit", "streams[0].payloads[0].txt", "streams[0].udp.port",
            "streams[1].udp.address", "streams[1].udp.port"])

    def test_a_value_of_another_kind_is_told_wherever_it_stands(self):
        spec = {"name": "kinds", "labels": [{"key": "a", "value": "b"}], "priority": 1, "pageOffset": 0,
                "startTime": "2030-01-01T00:00:00Z", "maxDuration": "9s", "streams": [
                    {"name": "u", "udp": {"address": "127.0.0.1", "port": self.sink.port, "ttl": 3},
                     "payloads": [{"text": "t"}, {"hex": "00"}, {"bytes": "AA=="},
                                  {"pattern": {"kind": "ONES", "length": 3}}, {"random": {"length": 3, "seed": 1}}],
                     "size": {"fixed": 64, "layer": "L3"}, "rate": {"pps": 5}, "limit": {"packets": 5},
                     "burst": {"packets": 2, "gap": "1s"}, "startDelay": "1s"},
                    {"name": "r", "rawIp": {"address": "127.0.0.1", "protocol": 253}, "size": {"fixed": 64},
                     "rate": {"bps": 5000000, "layer": "L2"}, "limit": {"duration": "1s"}},
                    {"name": "v", "udp": {"address": "127.0.0.1", "port": self.sink.port},
                     "limit": {"loops": 2}}]}
        answer = self.agent.post("/v1/jobs:preview", {"spec": spec})
        self.assertEqual(answer.status, 200, answer)

        def places(value, path):
            yield path
            for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
                yield from places(value[key], path + [key])

        def refuse(path, other):
            changed = json.loads(json.dumps(spec))
            at = changed
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = other
            answer = self.agent.post("/v1/jobs:preview", {"spec": changed})
            with self.subTest(path=path, other=other):
                error = self.assert_error(answer, 400, "invalid_argument")
                self.assertIn(str(path[-1]), json.dumps(error))

        for path in list(places(spec, []))[1:]:
            for other in (True, [7], {"no": 1}, ["x", {}], [{}, 5]):
                refuse(path, other)
        self.assertEqual(self.agent.get("/healthz").status, 200)

    # ---- submit ----

    def test_a_first_try_with_curl(self):
        """The two lines of the README, as a shell runs them."""
        if not shutil.which("curl"):
            self.skipTest("there is no curl")
        with pt.UdpReceiver() as receiver:
            spec = ('{"streams":[{"udp":{"address":"127.0.0.1","port":%d},"payloads":[{"text":"hello"}],'
                    '"rate":{"pps":100},"limit":{"packets":1000}}]}' % receiver.port)
            job = json.loads(subprocess.run(
                ["curl", "-sS", "--fail", "--json", spec, f"{self.agent.url}/v1/jobs"],
                capture_output=True, check=True, timeout=60).stdout)
            end = json.loads(subprocess.run(
                ["curl", "-sS", "--fail", f"{self.agent.url}/v1/jobs/{job['id']}?wait=60&until=end"],
                capture_output=True, check=True, timeout=90).stdout)
            self.assertEqual(end["state"], "JOB_STATE_SUCCEEDED")
            self.assertEqual(end["account"]["packetsSent"], "1000")
            self.assertEqual(receiver.wait(1000), 1000)
            self.assertEqual(set(receiver.datagrams), {b"hello"})

    def test_submit_tells_where_the_job_is(self):
        with pt.UdpReceiver() as receiver:
            answer = self.agent.post("/v1/jobs", pt.udp_job(receiver.port, 7, name="seven"))
            self.assertEqual(answer.status, 201)
            job = answer.json()
            self.assertEqual(answer.headers["Location"], f"jobs/{job['id']}")  # a proxy's prefix holds
            self.assertEqual(answer.headers["ETag"], f'"{job["revision"]}"')
            end = self.agent.wait_end(job["id"])
            self.assertEqual(end["state"], "JOB_STATE_SUCCEEDED")
            self.assertEqual(end["spec"]["name"], "seven")
            self.assertEqual(end["account"]["packetsSent"], "7")
            self.assertEqual(end["account"]["packetsDropped"], "0")  # zeros are printed
            self.assertEqual(receiver.wait(7), 7)

    def test_submit_and_follow_by_protobuf(self):
        with pt.UdpReceiver() as receiver:
            udp = pt.pb_bytes(1, "127.0.0.1") + pt.pb_int(2, receiver.port)
            stream = (pt.pb_bytes(2, udp) + pt.pb_bytes(5, pt.pb_bytes(1, b"\x00\xffbin"))
                      + pt.pb_bytes(8, pt.pb_int(1, 20)))
            answer = self.agent.post("/v1/jobs", pt.pb_bytes(5, stream), headers=PROTOBUF)
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(answer.headers["Content-Type"], "application/x-protobuf")
            job = pt.pb_fields(answer.body)
            job_id = job[JOB_ID][0].decode()
            self.assertEqual(answer.headers["ETag"], f'"{job[JOB_REVISION][0]}"')
            answer = self.agent.get(f"/v1/jobs/{job_id}?wait=20&until=end", headers=PROTOBUF)
            end = pt.pb_fields(answer.body)
            self.assertEqual(end[JOB_STATE], [5])  # SUCCEEDED
            self.assertEqual(pt.pb_fields(end[JOB_ACCOUNT][0])[2], [20])  # packets_sent
            self.assertEqual(receiver.wait(20), 20)
            self.assertEqual(set(receiver.datagrams), {b"\x00\xffbin"})

    def test_a_spec_in_snake_case_with_short_enums(self):
        with pt.UdpReceiver() as receiver:
            job = self.agent.submit({
                "max_duration": "10s", "engine": "COPY", "page_layout": "PAGE_LAYOUT_PACKED",
                "streams": [{"udp": {"address": "127.0.0.1", "port": receiver.port, "dont_fragment": True},
                             "payloads": [{"bytes": "aGVsbG8="}], "limit": {"packets": "3"}}]})
            end = self.agent.wait_end(job["id"])
            self.assertEqual(end["report"]["engine"], "ENGINE_KIND_COPY")
            self.assertEqual(receiver.wait(3), 3)

    def test_idempotency(self):
        key = {"Idempotency-Key": "try-1"}
        spec = pt.udp_job(self.sink.port, 1)
        first = self.agent.post("/v1/jobs", spec, headers=key)
        again = self.agent.post("/v1/jobs", spec, headers=key)
        self.assertEqual((first.status, again.status), (201, 200))
        self.assertEqual(again.json()["id"], first.json()["id"])
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertEqual(again.json()["requestId"], "try-1")
        other = self.agent.post("/v1/jobs", pt.udp_job(self.sink.port, 2), headers=key)
        self.assertEqual(other.status, 409, other)
        # Another caller's key is another key.
        unix = self.agent.post("/v1/jobs", spec, headers=key, unix=True)
        self.assertEqual(unix.status, 201)
        self.assertNotEqual(unix.json()["id"], first.json()["id"])
        for bad in ("", "x" * 129, "two words", "\u00e9"):
            self.assert_error(self.agent.post("/v1/jobs", spec, headers={"Idempotency-Key": bad}),
                              400, "invalid_argument", "Idempotency-Key")

    def test_the_same_request_at_once_makes_one_job(self):
        spec = pt.udp_job(self.sink.port, 1)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.agent.post(
                "/v1/jobs", spec, headers={"Idempotency-Key": "at-once"}), range(16)))
        self.assertEqual(sorted({answer.status for answer in answers}), [200, 201])
        self.assertEqual([answer.status for answer in answers].count(201), 1)
        self.assertEqual(len({answer.json()["id"] for answer in answers}), 1)

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            jobs = list(pool.map(lambda _: self.agent.submit(pt.udp_job(self.sink.port, 1)), range(100)))
        self.assertEqual(len({job["id"] for job in jobs}), 100)
        for job in jobs:
            self.assertEqual(self.agent.wait_end(job["id"])["account"]["packetsSent"], "1")

    # ---- the table of errors ----

    def test_faults_of_a_spec(self):
        error = self.assert_error(self.agent.post("/v1/jobs", {"streams": [
            {"udp": {"address": "127.0.0.1", "port": 70000}, "limit": {}, "rate": {}, "payloads": [{}]}]}),
            400, "invalid_argument", "streams[0].udp.port: 70000 is not between 1 and 65535")
        fields = {fault["field"] for fault in error["details"][0]["debug"]["fieldViolations"]}
        self.assertEqual(fields, {"streams[0].udp.port", "streams[0].limit", "streams[0].rate",
                                  "streams[0].payloads[0]"})

    def test_percent_of_a_line_whose_speed_nobody_knows(self):
        streams = [{"udp": {"address": "127.0.0.1", "port": 9}, "rate": rate, "limit": {"packets": 1}}
                   for rate in ({"pps": 10}, {"linePercent": 50})]
        answer = self.agent.post("/v1/jobs", {"streams": streams})
        self.assertEqual(answer.status, 400)
        faults = answer.json()["details"][0]["debug"]["fieldViolations"]
        self.assertEqual([fault["field"] for fault in faults], ["streams[1].rate.linePercent"])
        self.assertIn("the speed of lo is not known; give pps or bps", faults[0]["description"])

    def test_numbers_past_their_type(self):
        spec = pt.udp_job(self.sink.port, 1)
        spec["streams"][0]["rate"] = {"pps": "RATE"}
        spec["streams"][0]["limit"] = {"packets": "LIMIT"}
        body = json.dumps(spec).replace('"RATE"', "1e400").replace('"LIMIT"', "-1")
        error = self.assert_error(self.agent.post("/v1/jobs", body.encode(), headers={
            "Content-Type": "application/json"}), 400, "invalid_argument")
        told = {fault["field"]: fault["description"]
                for fault in error["details"][0]["debug"]["fieldViolations"]}
        self.assertEqual(told, {
            "streams[0].rate.pps": "1e400 is not a number from -1.79e308 to 1.79e308",
            "streams[0].limit.packets": "-1 is not a whole number, 0 to 18446744073709551615"})

    def test_the_longest_times_are_not_over_at_once(self):
        longest, longer = "3153600000s", "3153600000.000000001s"
        one = {"udp": {"address": "127.0.0.1", "port": self.sink.port}, "rate": {"pps": 1000}}
        for spec in ({"streams": [{**one, "limit": {"duration": longest}}], "maxDuration": longest, "lease": longest},
                     {"streams": [{**one, "burst": {"packets": 1, "gap": longest}, "limit": {"duration": longest}}]}):
            job_id = self.agent.submit(spec)["id"]
            pt.until(lambda i=job_id: int(self.agent.job(i)["account"]["packetsSent"]) > 0)
            self.assertEqual(self.agent.post(f"/v1/jobs/{job_id}:cancel").json()["state"], "JOB_STATE_CANCELLED")
        delayed = {"streams": [{**one, "startDelay": longest, "limit": {"duration": longest}}], "maxDuration": longest}
        job_id = self.agent.submit(delayed)["id"]
        pt.until(lambda: self.agent.job(job_id)["progress"]["waitingFor"] == "start_delay")
        job = self.agent.post(f"/v1/jobs/{job_id}:cancel").json()
        self.assertEqual((job["state"], job["account"]["packetsSent"]), ("JOB_STATE_CANCELLED", "0"))
        for field, spec in (("startDelay", {"streams": [{**one, "startDelay": longer}]}),
                            ("limit.duration", {"streams": [{**one, "limit": {"duration": longer}}]}),
                            ("maxDuration", {"streams": [one], "maxDuration": "-315576000000s"}),
                            ("lease", {"streams": [one], "lease": "9223372035s"})):
            self.assert_error(self.agent.post("/v1/jobs", spec), 400, "invalid_argument", field)

    def test_a_request_id_in_the_body_is_told_where_it_goes(self):
        for name in ("requestId", "request_id"):
            self.assert_error(self.agent.post("/v1/jobs", {**pt.udp_job(self.sink.port, 1), name: "x"}),
                              400, "invalid_argument", "Idempotency-Key")
        # Deeper down it is as unknown as any other word; and the RPC's message has a place for it.
        spec = pt.udp_job(self.sink.port, 1)
        spec["streams"][0]["requestId"] = "x"
        error = self.assert_error(self.agent.post("/v1/jobs", spec), 400, "invalid_argument", "requestId")
        self.assertNotIn("Idempotency-Key", error["message"])

    def test_policy_forbids(self):
        answer = self.agent.post("/v1/jobs", pt.udp_job(9, address="8.8.8.8"))
        self.assert_error(answer, 403, "permission_denied", "allowedNetworks")

    def test_unknown_jobs(self):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", ":cancel"),
                             ("POST", ":pause"), ("POST", ":resume")):
            with self.subTest(method + path):
                body = {} if method == "PATCH" else None
                answer = self.agent.request(method, f"/v1/jobs/01HX0000000000000000000000{path}", body)
                self.assert_error(answer, 404, "not_found", "01HX0000000000000000000000")

    def test_actions_that_the_state_forbids(self):
        job = self.agent.submit(pt.udp_job(self.sink.port, 1))
        self.agent.wait_end(job["id"])
        self.assert_error(self.agent.post(f"/v1/jobs/{job['id']}:pause"), 409, "failed_precondition",
                          "SUCCEEDED")
        running = self.forever()
        self.assert_error(self.agent.request("DELETE", f"/v1/jobs/{running['id']}"), 409,
                          "failed_precondition", "RUNNING")

    def test_an_engine_that_is_not_there(self):
        missing = [engine["kind"] for engine in self.agent.get("/v1/engines").json()["engines"]
                   if not engine["available"]]
        for kind in missing:
            with self.subTest(kind):
                answer = self.agent.post("/v1/jobs", pt.udp_job(9, engine=kind))
                self.assert_error(answer, 409, "failed_precondition")

    def test_a_full_queue(self):
        policy = self.agent.get("/v1/policy").json()
        policy["maxJobsQueued"] = 2
        with pt.Agent(policy=policy) as agent, pt.UdpReceiver(keep=0) as sink:
            running = agent.submit(pt.udp_job(sink.port, None, pps=10))
            agent.wait_state(running["id"], "JOB_STATE_RUNNING")
            statuses = [agent.post("/v1/jobs", pt.udp_job(sink.port, None, pps=10)).status
                        for _ in range(2)]
            self.assertEqual(statuses, [201, 201])
            answer = agent.post("/v1/jobs", pt.udp_job(sink.port, None, pps=10))
            self.assert_error(answer, 429, "resource_exhausted", "2")
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            self.assertEqual(agent.post("/v1/jobs:cancel", {"all": True}).json(), {"cancelled": 3})

    # ---- get and wait ----

    def test_entity_tags(self):
        job = self.agent.wait_end(self.agent.submit(pt.udp_job(self.sink.port, 1))["id"])
        path, tag = f"/v1/jobs/{job['id']}", f'"{job["revision"]}"'
        for value in (tag, f"W/{tag}", f'"1", {tag}', "*"):
            with self.subTest(value):
                answer = self.agent.get(path, headers={"If-None-Match": value})
                self.assertEqual((answer.status, answer.body, answer.headers["ETag"]), (304, b"", tag))
        for value in ('"1"', '"x"', job["revision"], "", '"'):
            with self.subTest(value):
                answer = self.agent.get(path, headers={"If-None-Match": value})
                self.assertEqual((answer.status, answer.headers["ETag"]), (200, tag))

    def test_view(self):
        job = self.agent.submit(pt.udp_job(self.sink.port, 1, name="seen"))
        basic = self.agent.job(job["id"] + "?view=BASIC")
        self.assertEqual(basic["spec"]["name"], "seen")
        self.assertEqual(basic["spec"]["streams"], [])
        self.assertEqual(len(self.agent.job(job["id"])["spec"]["streams"]), 1)

    def test_wait_returns_on_a_newer_revision(self):
        job = self.agent.submit(pt.udp_job(self.sink.port, None, pps=1))
        self.addCleanup(self.agent.post, f"/v1/jobs/{job['id']}:cancel")
        paused = {}

        def pause():
            paused.update(self.agent.post(f"/v1/jobs/{job['id']}:pause").json())

        deadline = time.monotonic() + 60
        while job["state"] != "JOB_STATE_RUNNING" and time.monotonic() < deadline:
            job = self.agent.job(job["id"] + "?wait=1")
        timer = threading.Timer(0.2, pause)
        timer.start()
        seen = job
        while seen["state"] != "JOB_STATE_PAUSED" and time.monotonic() < deadline:
            answer = self.agent.get(f"/v1/jobs/{job['id']}?wait=10",
                                    headers={"If-None-Match": f'"{seen["revision"]}"'})
            self.assertEqual(answer.status, 200)
            self.assertGreater(int(answer.json()["revision"]), int(seen["revision"]))
            seen = answer.json()
        timer.join()
        if int(seen["revision"]) < int(paused["revision"]):  # once more when what had left is counted
            seen = self.agent.get(f"/v1/jobs/{job['id']}?wait=10",
                                  headers={"If-None-Match": f'"{seen["revision"]}"'}).json()
        self.assertEqual((seen["state"], seen["revision"]), ("JOB_STATE_PAUSED", paused["revision"]))
        # Nothing changes now: the time passes, and there is nothing new to tell.
        began = time.monotonic()
        answer = self.agent.get(f"/v1/jobs/{job['id']}?wait=0.3",
                                headers={"If-None-Match": f'"{seen["revision"]}"'})
        self.assertEqual(answer.status, 304)
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        # An older revision is no reason to wait.
        began = time.monotonic()
        answer = self.agent.get(f"/v1/jobs/{job['id']}?wait=30", headers={"If-None-Match": '"1"'})
        self.assertEqual(answer.status, 200)
        self.assertLess(time.monotonic() - began, 25)

    def test_wait_for_the_end(self):
        job = self.forever()
        threading.Timer(0.3, self.agent.post, (f"/v1/jobs/{job['id']}:cancel",)).start()
        end = self.agent.wait_end(job["id"])
        self.assertEqual(end["state"], "JOB_STATE_CANCELLED")
        began = time.monotonic()
        self.agent.get(f"/v1/jobs/{job['id']}?wait=30")  # it will have no newer revision
        self.agent.get(f"/v1/jobs/{job['id']}?wait=30&until=end")
        self.assertLess(time.monotonic() - began, 25)

    def test_wait_for_an_end_that_does_not_come(self):
        job = self.forever()
        answer = self.agent.get(f"/v1/jobs/{job['id']}?wait=0.5&until=end")
        self.assertEqual((answer.status, answer.json()["state"]), (200, "JOB_STATE_RUNNING"))

    def test_many_wait_and_others_are_served(self):
        job = self.forever(pps=1)
        request = (f"GET /v1/jobs/{job['id']}?wait=60&until=end HTTP/1.1\r\nHost: localhost\r\n"
                   "Connection: close\r\n\r\n").encode()
        raws = [socket.create_connection((self.agent.host, self.agent.port), 60,
                                         (f"127.0.0.{2 + i % 2}", 0)) for i in range(WAITERS + 8)]
        for raw in raws:
            raw.sendall(request)
        began = time.monotonic()
        self.assertEqual(self.agent.get("/v1/agent").status, 200)
        self.assertLess(time.monotonic() - began, 30)  # they wait for 60
        # Those for whom there is no place are answered at once: then all the others wait.
        deadline = time.monotonic() + 60
        while len(select.select(raws, [], [], 60)[0]) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.agent.post(f"/v1/jobs/{job['id']}:cancel")
        answers = [pt.read_all(raw) for raw in raws]
        for raw in raws:
            raw.close()
        found = [pt.statuses(answer)[0] for answer in answers]
        self.assertEqual((found.count(200), found.count(429)), (WAITERS, 8))
        for answer in answers:
            if b" 200 OK" in answer:
                self.assertIn(b"JOB_STATE_CANCELLED", answer)

    def test_a_waiter_that_went_away_disturbs_nobody(self):
        job = self.forever(pps=1)
        for _ in range(20):
            with self.agent.raw_socket() as raw:
                raw.sendall(f"GET /v1/jobs/{job['id']}?wait=60&until=end HTTP/1.1\r\n"
                            "Host: localhost\r\n\r\n".encode())
        self.assertEqual(self.agent.cancel(job["id"])["state"], "JOB_STATE_CANCELLED")
        self.assertEqual(self.agent.get("/healthz").status, 200)

    def test_a_waiter_that_only_listens_is_answered(self):
        job = self.forever(pps=1)
        threading.Timer(0.3, self.agent.post, (f"/v1/jobs/{job['id']}:cancel",)).start()
        answer = self.agent.raw(f"GET /v1/jobs/{job['id']}?wait=50&until=end HTTP/1.1\r\n"
                                "Host: localhost\r\nConnection: close\r\n\r\n".encode())
        self.assertEqual(pt.statuses(answer), [200])
        self.assertIn(b"JOB_STATE_CANCELLED", answer)

    # ---- list ----

    def test_list_in_pages(self):
        with pt.Agent() as agent:
            self.assertEqual(agent.get("/v1/jobs").json(),
                             {"jobs": [], "nextPageToken": "", "totalSize": 0})
            made = [agent.submit(pt.udp_job(self.sink.port, 1, labels=[
                {"key": "parity", "value": "even" if i % 2 == 0 else "odd"}, {"key": "n", "value": str(i)}
            ]))["id"] for i in range(25)]
            agent.wait_end(made[-1])
            found, token = [], ""
            while True:
                page = agent.get(f"/v1/jobs?page_size=10&page_token={token}").json()
                found += [job["id"] for job in page["jobs"]]
                self.assertEqual(page["totalSize"], 25)
                self.assertEqual(page["jobs"][0]["spec"]["streams"], [])  # BASIC by default
                token = page["nextPageToken"]
                if not token:
                    break
            self.assertEqual(found, made[::-1])  # newest first
            odd = agent.get("/v1/jobs?labels=parity=odd").json()
            self.assertEqual([job["id"] for job in odd["jobs"]], made[1::2][::-1])
            one = agent.get("/v1/jobs?labels=parity=odd&labels=n=3").json()
            self.assertEqual([job["id"] for job in one["jobs"]], [made[3]])
            self.assertEqual(agent.get("/v1/jobs?states=RUNNING,QUEUED").json()["jobs"], [])
            self.assertEqual(len(agent.get("/v1/jobs?states=SUCCEEDED&page_size=1000").json()["jobs"]), 25)
            full = agent.get("/v1/jobs?view=FULL&page_size=1").json()
            self.assertEqual(len(full["jobs"][0]["spec"]["streams"]), 1)

    def test_list_refuses_what_it_does_not_know(self):
        for query in ("page_token=bogus", "page_token=" + "A" * 5000, "page_size=1001"):
            with self.subTest(query[:40]):
                self.assert_error(self.agent.get(f"/v1/jobs?{query}"), 400, "invalid_argument", "page")

    # ---- steer ----

    def test_pause_and_resume(self):
        job = self.forever(pps=1000)
        path = f"/v1/jobs/{job['id']}"
        paused = self.agent.post(path + ":pause")
        self.assertEqual((paused.status, paused.json()["state"]), (200, "JOB_STATE_PAUSED"))
        self.assertEqual(paused.headers["ETag"], f'"{paused.json()["revision"]}"')
        again = self.agent.post(path + ":pause")
        self.assertEqual((again.status, again.json()["state"]), (200, "JOB_STATE_PAUSED"))
        time.sleep(0.2)  # nothing more leaves: the answer had counted all
        self.assertEqual(self.agent.job(job["id"])["account"]["packetsSent"], paused.json()["account"]["packetsSent"])
        resumed = self.agent.post(path + ":resume", {}).json()
        self.assertEqual((resumed["state"], resumed["progress"]["waitingFor"]), ("JOB_STATE_RUNNING", ""))

    def test_patch(self):
        job = self.forever(pps=1)
        path = f"/v1/jobs/{job['id']}"
        answer = self.agent.request("PATCH", path, {"rate": {"pps": 2000}})
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(int(answer.json()["revision"]), int(job["revision"]))
        self.assertEqual(self.agent.job(job["id"])["spec"]["streams"][0]["rate"]["pps"], 2000)
        self.assert_error(self.agent.request("PATCH", path, {"id": "another"}), 400,
                          "invalid_argument", "another")
        self.assertEqual(self.agent.request("PATCH", path, {"id": job["id"]}).status, 200)
        self.assert_error(self.agent.request("PATCH", path, b"",
                                             headers={"Content-Type": "application/json"}),
                          400, "invalid_argument", "UpdateJobRequest")
        self.assert_error(self.agent.request("PATCH", path, {"rate": {"pps": -1}}), 400,
                          "invalid_argument", "rate")

    def test_cancel(self):
        receiver = pt.UdpReceiver(keep=1)
        self.addCleanup(receiver.close)
        job = self.forever(pps=1000, port=receiver.port)
        answer = self.agent.post(f"/v1/jobs/{job['id']}:cancel", {"reason": "enough"})
        self.assertEqual((answer.status, answer.json()["state"]), (200, "JOB_STATE_CANCELLED"))
        self.assertTrue(answer.json()["account"]["balanced"])
        again = self.agent.post(f"/v1/jobs/{job['id']}:cancel")
        self.assertEqual((again.status, again.json()["revision"]), (200, answer.json()["revision"]))
        sent = int(answer.json()["account"]["packetsSent"])
        self.assertEqual(receiver.wait(sent), sent)
        time.sleep(0.1)  # no more comes
        self.assertEqual(receiver.count, sent)

    def test_a_mix_of_sizes_is_exact_at_any_speed(self):
        mix = [{"size": 64, "weight": 7}, {"size": 570, "weight": 4}, {"size": 1518, "weight": 1}]
        for rate, packets in (({"unlimited": True}, 3 * 12 * 128), ({"pps": 20000}, 600)):
            with pt.UdpReceiver() as receiver:
                job = self.agent.submit({"streams": [{
                    "udp": {"address": "127.0.0.1", "port": receiver.port}, "limit": {"packets": packets}, "rate": rate,
                    "size": {"mix": {"sizes": mix}, "layer": "LAYER_L2_FCS"}}]})
                end = self.agent.wait_end(job["id"])
                self.assertEqual(end["account"]["packetsSent"], str(packets), end)
                self.assertEqual(receiver.wait(packets), packets)
                for one in mix:
                    count = sum(len(each) == one["size"] - 46 for each in receiver.datagrams)
                    self.assertEqual(count, packets * one["weight"] / 12)

    def test_cancel_by_label(self):
        first = self.forever(labels=[{"key": "run", "value": "a"}])
        second = self.forever(labels=[{"key": "run", "value": "b"}])
        answer = self.agent.post("/v1/jobs:cancel", {"labels": [{"key": "run", "value": "a"}]})
        self.assertEqual((answer.status, answer.json()), (200, {"cancelled": 1}))
        self.assertEqual(self.agent.job(first["id"])["state"], "JOB_STATE_CANCELLED")
        self.assertEqual(self.agent.job(second["id"])["state"], "JOB_STATE_RUNNING")

    def test_delete(self):
        job = self.agent.submit(pt.udp_job(self.sink.port, 1))
        self.agent.wait_end(job["id"])
        answer = self.agent.request("DELETE", f"/v1/jobs/{job['id']}")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(self.agent.get(f"/v1/jobs/{job['id']}").status, 404)
        self.assertEqual(self.agent.request("DELETE", f"/v1/jobs/{job['id']}").status, 404)

    def test_who_submitted(self):
        self.assertEqual(self.agent.submit(pt.udp_job(self.sink.port, 1))["owner"], "local")
        self.assertRegex(self.agent.submit(pt.udp_job(self.sink.port, 1), unix=True)["owner"], r"^uid:\d+$")


class Disk(unittest.TestCase):
    def test_nothing_is_accepted_that_is_not_stored(self):
        """A disk that is full, as a limit on the size of files makes one."""
        with pt.Agent() as agent, pt.UdpReceiver(keep=0) as sink:
            running = agent.submit(pt.udp_job(sink.port, None, pps=10))
            while running["state"] != "JOB_STATE_RUNNING":  # which is stored first
                running = agent.job(running["id"] + "?wait=10")
            soft, hard = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (4096, hard))
            for _ in range(3):
                answer = agent.post("/v1/jobs", pt.udp_job(sink.port, 1))
                self.assertEqual(answer.status, 503, answer)
                self.assertEqual(answer.json()["code"], "unavailable")
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
                self.assertNotIn(agent.folder, answer.body.decode())
            self.assertEqual(agent.get("/v1/jobs").json()["totalSize"], 1)
            ended = agent.post(f"/v1/jobs/{running['id']}:cancel")
            self.assertEqual((ended.status, ended.json()["state"]), (200, "JOB_STATE_CANCELLED"))
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (soft, hard))
            again = agent.submit(pt.udp_job(sink.port, 1))
            self.assertEqual(agent.wait_end(again["id"])["state"], "JOB_STATE_SUCCEEDED")


class Stop(unittest.TestCase):
    def test_waiters_get_the_end_of_their_jobs(self):
        with pt.UdpReceiver(keep=0) as sink:
            agent = pt.Agent()
            job = agent.submit(pt.udp_job(sink.port, None, pps=100))
            raws = [agent.raw_socket() for _ in range(4)]
            for raw in raws:
                raw.sendall(f"GET /v1/jobs/{job['id']}?wait=60&until=end HTTP/1.1\r\n"
                            "Host: localhost\r\n\r\n".encode())
            pt.until_taken(raws)
            time.sleep(0.3)
            began = time.monotonic()
            agent.close()
            self.assertLess(time.monotonic() - began, 30)  # they would wait for 60
            for raw in raws:
                answer = pt.read_all(raw)
                raw.close()
                self.assertEqual(pt.statuses(answer), [200])
                self.assertIn(b"JOB_STATE_INTERRUPTED", answer)


if __name__ == "__main__":
    pt.main()
