"""Live events over REST (server-sent events): what a browser's EventSource relies on."""

import concurrent.futures
import json
import socket
import struct
import threading
import time
import unittest

import pagecast_test as pt

WATCHERS = 120
HEARTBEAT_SECONDS = 10
STALL_SECONDS = 30  # of a stream that is not read


def held_open(agent, client):
    """Has the agent a descriptor of this connection?"""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in list(file)[1:]]
    ports = (agent.port, client.getsockname()[1])
    return any(tuple(int(row[i].split(":")[1], 16) for i in (1, 2)) == ports and row[9] != "0" for row in rows)
DELETIONS_REMEMBERED = 1024


class Stream:
    """One open event stream, read line by line."""

    def __init__(self, agent, path, timeout=pt.ANSWER_SECONDS, unix=False, **headers):
        self.connection = agent.connection(unix, timeout)
        self.connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def block(self):
        """The next block's lines, without the empty one that ends it; None at the end of the stream."""
        lines = []
        while True:
            line = self.answer.readline()
            if not line:
                if lines:
                    raise AssertionError(f"cut within a block: {lines}")
                return None
            line = line.decode().rstrip("\n")
            if not line:
                return lines
            lines.append(line)

    def event(self):
        """The next event as (name, id, data); comments and retry: are passed over; None at the end."""
        while True:
            lines = self.block()
            if lines is None:
                return None
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                return fields.get("event", "message"), fields.get("id"), json.loads(fields["data"])

    def events(self):
        found = []
        while (event := self.event()) is not None:
            found.append(event)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.connection.close()


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent("--workers", "2")
        cls.sink = pt.UdpReceiver(keep=0)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def submit(self, packets=None, pps=100, **more):
        job = self.agent.submit(pt.udp_job(self.sink.port, packets, pps=pps, **more))
        if not packets:
            self.addCleanup(self.cancel, job)
        return job

    def running(self):
        job = self.submit()
        deadline = time.monotonic() + 60
        while job["state"] != "JOB_STATE_RUNNING":
            self.assertLess(time.monotonic(), deadline, job)
            job = self.agent.job(job["id"] + "?wait=1")
        return job

    def paused(self):
        """A job that has nothing to tell, and goes on to have nothing to tell."""
        answer = self.agent.post(f"/v1/jobs/{self.running()['id']}:pause")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def cancel(self, job):
        return self.agent.cancel(job["id"])

    def watch(self, job, query="", **options):
        return Stream(self.agent, f"/v1/jobs/{job['id']}/events{query}", **options)

    def test_first_at_once_last_at_the_end(self):
        job = self.submit(30)
        with self.watch(job) as stream:
            self.assertEqual((stream.status, stream.answer.headers["Content-Type"]),
                             (200, "text/event-stream"))
            self.assertEqual(stream.answer.headers["Cache-Control"], "no-store")
            events = stream.events()
        jobs = [data["job"] for _, _, data in events]
        self.assertEqual({name for name, _, _ in events}, {"message"})
        self.assertEqual({got["id"] for got in jobs}, {job["id"]})
        self.assertEqual(jobs[-1]["state"], "JOB_STATE_SUCCEEDED")
        self.assertEqual(jobs[-1]["account"]["packetsSent"], "30")
        self.assertEqual(jobs[-1]["account"]["packetsFailed"], "0")  # zeros are printed, as in REST
        revisions = [int(event_id) for _, event_id, _ in events]
        self.assertEqual(revisions, sorted(set(revisions)))

    def test_the_first_event_does_not_wait_for_a_change(self):
        job = self.paused()
        with self.watch(job) as stream:
            while (lines := stream.block()) and not any(line.startswith("data: ") for line in lines):
                self.assertNotEqual(lines, [":"])  # a sign of life, which comes after a while
            event = dict(line.split(": ", 1) for line in lines)
            self.assertEqual(json.loads(event["data"])["job"]["id"], job["id"])

    def test_a_job_that_has_ended_is_told_once(self):
        job = self.submit(1)
        self.agent.wait_end(job["id"])
        with self.watch(job) as stream:
            events = stream.events()
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0][2]["job"]["state"], "JOB_STATE_SUCCEEDED")

    def test_a_change_arrives_while_it_is_new(self):
        job = self.running()
        with self.watch(job) as stream:
            stream.event()
            paused = self.agent.post(f"/v1/jobs/{job['id']}:pause").json()
            # paused it is shown at once, and once more when what had left is counted
            while int((event := stream.event())[1]) < int(paused["revision"]):
                self.assertIn(event[2]["job"]["state"], ("JOB_STATE_RUNNING", "JOB_STATE_PAUSED"))
            self.assertEqual((event[1], event[2]["job"]["state"]), (paused["revision"], "JOB_STATE_PAUSED"))

    def test_resume_after_the_last_event_seen(self):
        job = self.submit()
        with self.watch(job) as stream:
            seen = int(stream.event()[1])
        end = self.cancel(job)
        with self.watch(job, Last_Event_ID=str(seen)) as stream:
            events = stream.events()
        self.assertTrue(all(int(event_id) > seen for _, event_id, _ in events))
        self.assertEqual(events[-1][2]["job"]["state"], "JOB_STATE_CANCELLED")
        with self.watch(job, Last_Event_ID=end["revision"]) as stream:
            self.assertEqual(stream.events(), [])  # nothing newer, and it is over
        # The header is what a browser knows; the query is what its page was made with.
        with self.watch(job, "?after_revision=1", Last_Event_ID=end["revision"]) as stream:
            self.assertEqual(stream.events(), [])
        with self.watch(job, f"?after_revision={end['revision']}") as stream:
            self.assertEqual(stream.events(), [])

    def test_resume_of_all_jobs_tells_what_was_missed(self):
        mark = self.submit(1)
        mark = self.agent.wait_end(mark["id"])
        missed = [self.agent.wait_end(self.submit(1)["id"]) for _ in range(3)]
        gone = self.agent.wait_end(self.submit(1)["id"])
        self.assertEqual(self.agent.request("DELETE", f"/v1/jobs/{gone['id']}").status, 204)
        with Stream(self.agent, "/v1/events", Last_Event_ID=mark["revision"]) as stream:
            seen = {}
            while gone["id"] not in seen:
                _, _, data = stream.event()
                seen[data["job"]["id"]] = data
        for job in missed:
            self.assertEqual(seen[job["id"]]["job"]["state"], "JOB_STATE_SUCCEEDED")
        self.assertNotIn(mark["id"], seen)
        self.assertTrue(seen[gone["id"]]["deleted"])

    def test_a_revision_that_is_not_known_is_410(self):
        running, ended = self.running(), self.agent.wait_end(self.submit(1)["id"])
        for path in ("/v1/events", f"/v1/jobs/{running['id']}/events", f"/v1/jobs/{ended['id']}/events"):
            answer = self.agent.get(path, headers={"Last-Event-ID": "9000000000000000000"})
            self.assertEqual((answer.status, answer.json()["code"]), (410, "out_of_range"))
            self.assertIn("start without", answer.json()["message"])

    def test_a_revision_older_than_what_is_remembered_is_410(self):
        """Of jobs that are gone the last 1,024 are remembered: who knows less must start anew, and not be
        left with jobs that are no more."""
        def status(known):
            with Stream(agent, "/v1/events", Last_Event_ID=known) as stream:
                return stream.status

        # One worker: jobs end as they were submitted, and so the last of them is the one history keeps.
        with pt.Agent("--workers", "1", "--history-jobs", "1") as agent:
            mark = agent.wait_end(agent.submit(pt.udp_job(self.sink.port, 1))["id"])
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                def run(count):
                    return list(pool.map(lambda _: agent.submit(pt.udp_job(self.sink.port, 1)), range(count)))

                run(DELETIONS_REMEMBERED // 2)  # far from too many
                self.assertEqual(status(mark["revision"]), 200)
                run(DELETIONS_REMEMBERED // 2 + 8)
            last = agent.submit(pt.udp_job(self.sink.port, 1))
            last = agent.wait_end(last["id"])
            deadline = time.monotonic() + 60 * pt.PATIENCE
            while status(mark["revision"]) != 410:  # finished jobs go a moment after their end
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            answer = agent.get("/v1/events", headers={"Last-Event-ID": mark["revision"]})
            self.assertEqual(answer.json()["code"], "out_of_range")
            self.assertIn("start without", answer.json()["message"])
            self.assertEqual(agent.get(f"/v1/events?after_revision={mark['revision']}").status, 410)
            self.assertEqual(status(last["revision"]), 200)
            message = json.dumps({"afterRevision": mark["revision"]}).encode()
            answer = agent.post("/pagecast.v1.TransmitService/WatchJobs",
                                struct.pack(">BI", 0, len(message)) + message,
                                headers={"Content-Type": "application/connect+json"})
            self.assertIn(b'"out_of_range"', answer.body)
            waits = agent.submit(pt.udp_job(self.sink.port, 1, startTime="2099-01-01T00:00:00Z"))
            with Stream(agent, "/v1/events") as stream:  # and to start anew works
                self.assertEqual(stream.event()[2]["job"]["id"], waits["id"])

    def test_what_is_asked_wrongly(self):
        job = self.submit(1)
        path = f"/v1/jobs/{job['id']}/events"
        for query, part in (("?interval=-1s", "interval"), ("?interval=2h", "interval"),
                            ("?interval=x", "interval"), ("?nonsense=1", "nonsense"),
                            ("?after_revision=x", "after_revision")):
            answer = self.agent.get(path + query)
            self.assertEqual((answer.status, answer.json()["code"]), (400, "invalid_argument"), query)
            self.assertIn(part, answer.json()["message"])
        for value in ("x", "-1", "1 2"):
            self.assertEqual(self.agent.get(path, headers={"Last-Event-ID": value}).status, 400, value)
        self.assertEqual(self.agent.get("/v1/events?states=NONSENSE").status, 400)
        self.assertEqual(self.agent.get("/v1/jobs/none/events").status, 404)
        self.assertEqual(self.agent.post(path, {}).status, 405)

    def test_interval_bounds_how_often(self):
        job = self.submit(pps=1000)
        began = time.monotonic()  # whenever they are read: none was sent too early
        with self.watch(job, "?interval=0.5s") as stream:
            for _ in range(4):
                stream.event()
        self.assertGreater(time.monotonic() - began, 1.2)  # ten a second would take 0.3 s

    def test_interval_never_leaves_out_the_end(self):
        job = self.submit(20)
        with self.watch(job, "?interval=1s") as stream:
            self.assertEqual(stream.events()[-1][2]["job"]["state"], "JOB_STATE_SUCCEEDED")

    def test_view_keeps_payloads_out(self):
        job = self.submit(1)
        self.agent.wait_end(job["id"])
        with self.watch(job) as stream:
            self.assertFalse(stream.event()[2]["job"]["spec"].get("streams"))
        with self.watch(job, "?view=JOB_VIEW_FULL") as stream:
            self.assertEqual(stream.event()[2]["job"]["spec"]["streams"][0]["payloads"][0]["text"], "hello")

    def test_filters(self):
        wanted = self.submit(labels=[{"key": "team", "value": "a"}])
        other = self.submit(labels=[{"key": "team", "value": "b"}])
        with Stream(self.agent, "/v1/events?labels=team=a&states=CANCELLED,RUNNING") as stream:
            self.cancel(other)
            self.cancel(wanted)
            seen = []
            while not seen or seen[-1]["state"] != "JOB_STATE_CANCELLED":
                seen.append(stream.event()[2]["job"])
        self.assertEqual({job["id"] for job in seen}, {wanted["id"]})

    def test_a_deletion_is_told(self):
        job = self.submit(1)
        self.agent.wait_end(job["id"])
        with Stream(self.agent, "/v1/events") as stream:
            self.agent.request("DELETE", f"/v1/jobs/{job['id']}")
            while not (data := stream.event()[2]).get("deleted"):
                pass
        self.assertEqual(data["job"]["id"], job["id"])
        self.assertEqual(self.agent.get(f"/v1/jobs/{job['id']}/events").status, 404)

    def test_a_sign_of_life(self):
        job = self.paused()
        began = time.monotonic()
        with self.watch(job) as stream:
            while (lines := stream.block()) != [":"]:
                self.assertIsNotNone(lines)
            took = time.monotonic() - began
        self.assertTrue(HEARTBEAT_SECONDS - 0.5 < took < HEARTBEAT_SECONDS + 40, took)

    def test_a_watcher_that_does_not_read_is_dropped_and_nobody_else(self):
        spec = pt.udp_job(self.sink.port, None, pps=50, text="x" * 60000)
        job = self.agent.submit(spec)
        self.addCleanup(self.cancel, job)
        with self.watch(job) as other, socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            other.event()
            began = time.monotonic()
            idle.connect((self.agent.host, self.agent.port))
            idle.sendall(f"GET /v1/jobs/{job['id']}/events?view=JOB_VIEW_FULL HTTP/1.1\r\n"
                         "Host: localhost\r\n\r\n".encode())
            pt.until(lambda: held_open(self.agent, idle))
            while held_open(self.agent, idle):
                self.assertIsNotNone(other.event())
                self.assertLess(time.monotonic() - began, STALL_SECONDS + 120)
            self.assertGreater(time.monotonic() - began, STALL_SECONDS - 1)

    def test_many_watchers_see_the_same_end(self):
        job = self.submit()
        ends, lock = [], threading.Lock()

        def follow():
            with self.watch(job, unix=True) as stream:
                first.release()
                last = stream.events()[-1]
            with lock:
                ends.append((last[1], last[2]["job"]["state"]))

        first = threading.Semaphore(0)
        watchers = [threading.Thread(target=follow) for _ in range(WATCHERS)]
        for watcher in watchers:
            watcher.start()
        for _ in watchers:
            self.assertTrue(first.acquire(timeout=60))
        self.assertEqual(self.agent.get("/healthz").status, 200)
        end = self.cancel(job)
        for watcher in watchers:
            watcher.join(60)
        self.assertEqual(len(ends), WATCHERS)
        self.assertEqual(set(ends), {(end["revision"], "JOB_STATE_CANCELLED")})


class Stopping(unittest.TestCase):
    def test_a_stop_is_told_before_the_end(self):
        agent = pt.Agent()
        try:
            with pt.UdpReceiver(keep=0) as sink:
                job = agent.submit(pt.udp_job(sink.port, None, pps=100))
                with Stream(agent, f"/v1/jobs/{job['id']}/events") as one, \
                        Stream(agent, "/v1/events") as everything:
                    one.event()
                    everything.event()
                    stopper = threading.Thread(target=agent.stop)
                    stopper.start()
                    last = one.events()[-1]
                    name, _, error = everything.events()[-1]
                    stopper.join()
            # The job's own stream ends with the job; the other one with the reason.
            self.assertIn(last[0], ("message", "error"))
            if last[0] == "message":
                self.assertEqual(last[2]["job"]["state"], "JOB_STATE_INTERRUPTED")
            self.assertEqual((name, error["code"]), ("error", "unavailable"))
            self.assertEqual(agent.process.returncode, 0)
        finally:
            if agent.process.poll() is None:
                agent.kill()


if __name__ == "__main__":
    pt.main()
