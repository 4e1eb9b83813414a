"""kill -9 at any instant: what was acknowledged is there, once, as it was acknowledged.

Callers submit, cancel, delete and change jobs side by side while others run; the agent is killed and
started again on the same folder, again and again. A model remembers each answer; what was asked and
never answered may have happened or not. In each cycle two jobs are seen to run when the kill comes, one
that ends by it and one that goes on after it: nothing here waits for chance, or for a machine to be
fast. PAGECAST_LONG=1 makes it 500 cycles.
"""

import collections
import http.client
import json
import os
import random
import resource
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
import unittest

from pagecast_test import ENDED, PATIENCE, SANITIZED, Agent, UdpReceiver, main, room_for_all, udp_job, until

CYCLES = 500 if os.environ.get("PAGECAST_LONG") else 10 if SANITIZED else 40
CALLERS = 4
ENDLESS_PPS = 2000
RESUMED_PPS = 1000
LISTED_MAX = 5000
SNAPSHOT_SECONDS = 0.2  # an account that was stored is no older
SNAPSHOT_PACKETS = int(SNAPSHOT_SECONDS * ENDLESS_PPS)
AGED_EVERY = 4  # cycles: the jobs that are seen to run do so for two snapshots
FIRST = 100  # the highest priority there is: ahead of all that the callers ask for
WEDGED_SECONDS = 60  # nothing that works takes as long, however slow the machine


class NamedReceiver:
    """Counts datagrams by their text, which is the name of their job."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        room_for_all(self.socket)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.counts = collections.Counter()
        self.done = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.done:
            try:
                name = self.socket.recv(2048)
            except TimeoutError:
                continue
            self.counts[name.decode()] += 1

    def settle(self):
        """Until all that was sent before has been counted: one datagram more, behind it."""
        name = f"settle {time.monotonic_ns()}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            deadline = time.monotonic() + WEDGED_SECONDS
            while not self.counts[name] and time.monotonic() < deadline:
                own.sendto(name.encode(), ("127.0.0.1", self.port))  # again: there may be no room
                time.sleep(0.002)

    def wait(self, name, count):
        """Until @count of @name arrived or were turned away: they may still wait in the socket."""
        deadline = time.monotonic() + WEDGED_SECONDS
        while self.counts[name] + self.turned_away() < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.counts[name]

    def more(self, name, than=0):
        """Until more of @name were counted, which still comes; how many. What was turned away is none of it."""
        deadline = time.monotonic() + WEDGED_SECONDS
        while self.counts[name] <= than and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.counts[name]

    def turned_away(self):
        """Datagrams that found no room in this socket's buffer."""
        with open("/proc/net/udp", encoding="ascii") as file:
            for line in list(file)[1:]:
                fields = line.split()
                if int(fields[1].split(":")[1], 16) == self.port:
                    return int(fields[-1])
        return 0

    def close(self):
        self.done = True
        self.thread.join()
        self.socket.close()


class Known:
    """What the callers were told of one job."""

    def __init__(self, spec, request_id):
        self.spec = spec
        self.request_id = request_id
        self.id = None  # no answer: it is there or not
        self.priorities = {spec.get("priority", 0)}  # any of these
        self.end = None  # state, sent: as they were shown once it had ended
        self.cancel_asked = self.delete_asked = self.deleted = False
        self.revision = 0

    @property
    def name(self):
        return self.spec["name"]

    @property
    def resumes(self):
        return "restartPolicy" in self.spec

    @property
    def packets(self):
        return self.spec["streams"][0]["limit"].get("packets")

    def see(self, test, job):
        """Compare what is shown now with all that was shown before."""
        test.assertEqual(job["spec"]["name"], self.name)
        test.assertEqual(job["requestId"], self.request_id or "")
        test.assertIn(job["spec"]["priority"], self.priorities)
        test.assertGreaterEqual(int(job["revision"]), self.revision, self.name)
        self.revision = int(job["revision"])
        if job["state"] in ENDED:
            end = (job["state"], job["account"]["packetsSent"], job["endTime"])
            test.assertIn(self.end, (None, end))
            self.end = end
        else:
            test.assertIsNone(self.end, f"{self.name} had ended and is {job['state']}")


class Caller(threading.Thread):
    """One client with a connection of its own, until the agent is gone. Every job is its caller's alone."""

    def __init__(self, test, agent, cycle, number):
        super().__init__(daemon=True)
        self.test, self.agent, self.prefix = test, agent, f"{cycle}-{number}"
        self.random = random.Random(f"{test.seed} {self.prefix}")
        self.mine = []
        self.answers = 0
        self.begun = threading.Event()  # an answer has come, or none will
        self.error = None

    def run(self):
        self.connection = http.client.HTTPConnection(self.agent.host, self.agent.port,
                                                     timeout=WEDGED_SECONDS)
        try:
            while True:
                self.act()
        except (OSError, http.client.HTTPException):  # killed
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        finally:
            self.begun.set()
            self.connection.close()

    def call(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 204 and len(data) != int(answer.headers["Content-Length"]):
            raise http.client.IncompleteRead(data)
        self.answers += 1
        self.begun.set()
        return answer.status, json.loads(data) if data else None

    def act(self):
        choice = self.random.random()
        job = self.random.choice(self.mine) if self.mine else None
        if not job or choice < 0.45:
            self.submit()
        elif choice < 0.6:
            self.cancel(job)
        elif choice < 0.75:
            self.change_priority(job)
        elif choice < 0.85:
            self.delete(job)
        else:
            status, shown = self.call("GET", f"/v1/jobs/{job.id}")
            self.test.assertEqual(status, 404 if job.deleted else 200)
            if status == 200:
                job.see(self.test, shown)

    def submit(self):
        name = f"{self.prefix}-{len(self.mine)}-{self.random.randrange(1 << 30)}"
        kind, more = self.random.random(), {"priority": self.random.randint(-5, 5)}
        packets, pps = self.random.randint(1, 20), None
        if kind < 0.04:
            packets, pps = None, ENDLESS_PPS
        elif kind < 0.06:
            packets, pps, more["restartPolicy"] = 15 * packets, RESUMED_PPS, "RESUME"
        spec = udp_job(self.test.receiver.port, packets, name, pps=pps, name=name, **more)
        request_id = "id-" + name if self.random.random() < 0.5 else None
        job = Known(spec, request_id)
        self.test.known[name] = job
        status, shown = self.call("POST", "/v1/jobs", spec,
                                  {"Idempotency-Key": request_id} if request_id else None)
        if status == 429:  # the queue is full: whoever is refused is nowhere to be found
            del self.test.known[name]
            return
        self.test.assertEqual(status, 201, shown)
        job.id = shown["id"]
        job.see(self.test, shown)
        self.mine.append(job)

    def cancel(self, job):
        job.cancel_asked = True
        status, shown = self.call("POST", f"/v1/jobs/{job.id}:cancel")
        self.test.assertIn(status, (404,) if job.deleted else (200, 504), shown)
        if status == 504:  # after 2 s it says that it goes on
            path = f"/v1/jobs/{job.id}?until=end&wait={WEDGED_SECONDS}"
            status, shown = self.call("GET", path)
        if status == 200:
            self.test.assertIn(shown["state"], ENDED)
            job.see(self.test, shown)

    def change_priority(self, job):
        before, wanted = set(job.priorities), self.random.randint(-100, FIRST - 1)
        job.priorities.add(wanted)
        status, shown = self.call("PATCH", f"/v1/jobs/{job.id}", {"priority": wanted})
        self.test.assertIn(status, (404,) if job.deleted else (200, 409, 504), shown)
        job.priorities = {wanted} if status == 200 else before
        if status == 200:
            job.see(self.test, shown)

    def delete(self, job):
        job.delete_asked = True
        status, shown = self.call("DELETE", f"/v1/jobs/{job.id}")
        self.test.assertIn(status, (404,) if job.deleted else (204, 409), shown)
        if status == 204:
            job.deleted = True
        elif status == 409:
            job.delete_asked = False


class KilledAgain(unittest.TestCase):
    def setUp(self):
        self.seed = os.environ.get("PAGECAST_SEED") or str(random.randrange(1 << 30))
        self.random = random.Random(self.seed)
        self.folder = tempfile.mkdtemp(prefix="pagecast-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.receiver = NamedReceiver()
        self.addCleanup(self.receiver.close)
        self.known = {}  # by name
        self.ages = []  # of stored accounts, in packets of ENDLESS_PPS

    def check_copy(self):
        """The files exactly as the kill left them, read by a SQLite that is not the agent's."""
        with tempfile.TemporaryDirectory() as folder:
            for file in ("jobs.db", "jobs.db-wal"):
                source = os.path.join(self.folder, "state", file)
                if os.path.exists(source):
                    shutil.copy(source, folder)
            database = sqlite3.connect(os.path.join(folder, "jobs.db"))
            try:
                self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
                self.assertEqual(database.execute(
                    "SELECT count(*) FROM jobs LEFT JOIN specs USING (id) WHERE spec IS NULL"
                ).fetchone(), (0,))
                self.assertEqual(database.execute("SELECT count(*) FROM specs").fetchone(),
                                 database.execute("SELECT count(*) FROM jobs").fetchone())
            finally:
                database.close()

    def listed(self, agent):
        jobs, token = [], ""
        while True:
            page = agent.get(f"/v1/jobs?page_size=1000&page_token={token}").json()
            jobs += page["jobs"]
            token = page["nextPageToken"]
            if not token:
                return jobs

    def check_list(self, agent):
        jobs = self.listed(agent)
        self.assertEqual(len({job["id"] for job in jobs}), len(jobs))
        by_name = {job["spec"]["name"]: job for job in jobs}
        self.assertEqual(len(by_name), len(jobs), "a job is there twice")
        for name, job in by_name.items():
            known = self.known[name]
            self.assertFalse(known.deleted, f"{name} was deleted and is back")
            self.assertIn(known.id, (None, job["id"]))
            known.id = job["id"]
            known.see(self, job)
        for name, known in self.known.items():
            if known.id and name not in by_name:
                self.assertTrue(known.delete_asked, f"{name} was acknowledged and is gone")
                known.deleted = True
        return by_name

    def check_books(self, name, job):
        """Nothing is counted that did not arrive, nothing arrived twice."""
        known, sent = self.known[name], int(job["account"]["packetsSent"])
        arrived, lost = self.receiver.wait(name, sent), self.receiver.turned_away()
        self.assertTrue(job["account"]["balanced"])
        self.assertLessEqual(sent, arrived + lost, name)
        if known.resumes:
            self.assertNotEqual(job["state"], "JOB_STATE_INTERRUPTED")
        elif known.packets:
            self.assertLessEqual(arrived, known.packets, f"{name} was sent more than once")
        if job["state"] == "JOB_STATE_SUCCEEDED":
            self.assertEqual(sent, known.packets)
        elif job["state"] == "JOB_STATE_CANCELLED":
            self.assertTrue(known.cancel_asked, name)
        else:
            self.assertEqual(job["state"], "JOB_STATE_INTERRUPTED")
            self.assertEqual(job["problems"][0]["code"], "account_from_snapshot")

    def check_details(self, agent, names, by_name):
        """Each job of the last cycle: its whole spec; the books of those that have ended."""
        for name in names:
            if name not in by_name:
                continue
            job = agent.job(by_name[name]["id"])
            known = self.known[name]
            known.see(self, job)
            stream, asked = job["spec"]["streams"][0], known.spec["streams"][0]
            self.assertEqual(stream["payloads"][0]["text"], known.name)
            self.assertEqual(stream["udp"]["port"], self.receiver.port)
            if known.packets:
                self.assertEqual(int(stream["limit"]["packets"]), asked["limit"]["packets"])
            if job["state"] in ENDED:
                self.check_books(name, job)

    def check_retries(self, agent, names):
        """A caller without an answer asks again, and gets the one job."""
        for name in names:
            known = self.known[name]
            if not known.request_id or known.deleted or known.delete_asked:
                continue
            answer = agent.post("/v1/jobs", known.spec, headers={"Idempotency-Key": known.request_id})
            if answer.status == 429 and not known.id:
                continue
            self.assertEqual(answer.status, 200 if known.id else 201, answer)
            self.assertIn(known.id, (None, answer.json()["id"]))
            known.id = answer.json()["id"]
            other = dict(known.spec, priority=99)
            self.assertEqual(agent.post("/v1/jobs", other, headers={
                "Idempotency-Key": known.request_id}).status, 409)

    def run_one(self, agent, name, **more):
        """An endless job that is seen to send: it is stored as RUNNING."""
        known = Known(udp_job(self.receiver.port, None, name, pps=ENDLESS_PPS, name=name,
                              priority=FIRST, **more), None)
        deadline = time.monotonic() + WEDGED_SECONDS
        while (answer := agent.post("/v1/jobs", known.spec)).status == 429:  # until one has left the queue
            self.assertLess(time.monotonic(), deadline, "queued jobs do not run")
            time.sleep(0.01)
        self.assertEqual(answer.status, 201, answer)
        known.id = answer.json()["id"]
        self.known[name] = known
        self.assertTrue(self.receiver.more(name), f"{name} does not run")
        return known

    def kill_among_callers(self, agent, number):
        callers = [Caller(self, agent, number, i) for i in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.begun.wait()
        time.sleep(self.random.uniform(0.01, 0.3) * PATIENCE)
        agent.kill()
        for caller in callers:
            caller.join()
            if caller.error:
                raise caller.error
            self.assertTrue(caller.answers, "a caller never had an answer")

    def check_ended(self, job, arrived):
        """@job was running: its stored account is a lower bound, and said to be one."""
        self.assertEqual(job["state"], "JOB_STATE_INTERRUPTED")
        if arrived >= 2 * SNAPSHOT_PACKETS:
            self.ages.append(arrived - int(job["account"]["packetsSent"]))

    def check_goes_on(self, agent, known, arrived):
        """It was running, is not ended, sends again, and says what that means for its counts."""
        self.assertGreater(self.receiver.more(known.name, arrived), arrived, "it does not go on")
        known.cancel_asked = True
        agent.post(f"/v1/jobs/{known.id}:cancel")
        job = agent.wait_end(known.id, WEDGED_SECONDS)
        known.see(self, job)
        self.check_books(known.name, job)
        told = [problem["message"] for problem in job["problems"]
                if problem["code"] == "account_from_snapshot"]
        self.assertIn("resumed after a crash", told[0])
        if arrived >= 2 * SNAPSHOT_PACKETS:
            self.receiver.settle()
            self.ages.append(self.receiver.counts[known.name] - int(job["account"]["packetsSent"]))

    def cycle(self, agent, number):
        before = set(self.known)
        ends = self.run_one(agent, f"{number}-ends")
        goes_on = self.run_one(agent, f"{number}-goes-on", restartPolicy="RESUME")
        if number % AGED_EVERY == 0:
            for known in (ends, goes_on):
                self.receiver.wait(known.name, 2 * SNAPSHOT_PACKETS)
        self.kill_among_callers(agent, number)
        self.receiver.settle()
        arrived = {known: self.receiver.counts[known.name] for known in (ends, goes_on)}
        new = sorted(set(self.known) - before)
        self.check_copy()
        agent.start()
        by_name = self.check_list(agent)
        self.assertNotIn(by_name[goes_on.name]["state"], ENDED)
        self.check_ended(by_name[ends.name], arrived[ends])
        self.check_details(agent, new, by_name)
        self.check_goes_on(agent, goes_on, arrived[goes_on])
        self.check_retries(agent, self.random.sample(new, min(len(new), 10)))
        if len(by_name) > LISTED_MAX:
            self.clear(agent, by_name)
        self.cancel_endless(agent)

    def cancel_endless(self, agent):
        """What waits behind an endless one goes on."""
        for known in self.known.values():
            if known.id and not (known.packets or known.deleted or known.end):
                known.cancel_asked = True
                known.see(self, agent.cancel(known.id))

    def clear(self, agent, by_name):
        """Keeps a long run linear: what has ended was looked at, and stays deleted from now on."""
        for name, job in by_name.items():
            if job["state"] in ENDED:
                self.assertEqual(agent.request("DELETE", f"/v1/jobs/{job['id']}").status, 204)
                self.known[name].delete_asked = self.known[name].deleted = True

    def drain(self, agent):
        """Until all have ended: as long as there are ever fewer left, however slowly."""
        left, deadline = None, 0
        while True:
            self.cancel_endless(agent)
            by_name = self.check_list(agent)
            now_left = sum(job["state"] not in ENDED for job in by_name.values())
            if not now_left:
                return by_name
            if left is None or now_left < left:
                left, deadline = now_left, time.monotonic() + WEDGED_SECONDS
            self.assertLess(time.monotonic(), deadline, f"{left} queued jobs do not run")
            time.sleep(0.05)

    def test_what_was_acknowledged_is_there_once_however_often_it_is_killed(self):
        agent = Agent("--workers", "4", "--history-jobs", "1000000", folder=self.folder)
        try:
            for number in range(CYCLES):
                with self.subTest(cycle=number, seed=self.seed):
                    self.cycle(agent, number)
            by_name = self.drain(agent)
            self.receiver.settle()
            self.check_details(agent, sorted(by_name), by_name)
        finally:
            agent.kill()
        # a machine may stall between any two snapshots, but not between all: and were none stored in
        # time, each would lack more
        self.assertLessEqual(min(self.ages), SNAPSHOT_PACKETS, sorted(self.ages))


class FullDisk(unittest.TestCase):
    """Files that may not grow any more, as on a full disk."""

    def test_nothing_is_accepted_cancelling_works_and_so_does_the_end(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            running = agent.submit(udp_job(receiver.port, packets=None, pps=100))["id"]
            agent.wait_state(running, "JOB_STATE_RUNNING")  # stored as such
            waiting = agent.submit(udp_job(receiver.port, packets=5))["id"]
            before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
            refused = agent.post("/v1/jobs", udp_job(receiver.port, packets=5, name="refused"))
            self.assertEqual((refused.status, refused.json()["code"]), (503, "unavailable"))
            self.assertEqual(agent.get("/readyz").status, 503)
            self.assertEqual(agent.get("/healthz").status, 200)
            for job_id in (waiting, running):
                job = agent.cancel(job_id)
                self.assertEqual(job["state"], "JOB_STATE_CANCELLED")
                self.assertIn("not_stored", [problem["code"] for problem in job["problems"]])
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)
            until(lambda: agent.get("/readyz").status == 200)  # once the two ends are stored
            last = agent.submit(udp_job(receiver.port, packets=5))["id"]
            self.assertEqual(agent.wait_end(last)["state"], "JOB_STATE_SUCCEEDED")
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
            self.assertEqual(agent.post("/v1/jobs", udp_job(receiver.port)).status, 503)
            self.assertEqual(agent.stop(), 0)
            agent.start()
            listed = agent.get("/v1/jobs").json()["jobs"]
            self.assertEqual(sorted(job["id"] for job in listed), sorted([running, waiting, last]))
            agent.close()


    def test_what_waits_starts_when_the_disk_is_back(self):
        with Agent() as agent, UdpReceiver(keep=1) as receiver:
            running = agent.submit(udp_job(receiver.port, packets=None, pps=10))["id"]
            agent.wait_state(running, "JOB_STATE_RUNNING")
            waiting = agent.submit(udp_job(receiver.port, packets=5))["id"]
            before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
            agent.cancel(running)  # a worker is free
            arrived = receiver.wait(int(agent.job(running)["account"]["packetsSent"]))
            until(lambda: agent.job(waiting)["progress"]["waitingFor"] == "store not writable")
            self.assertEqual(agent.job(waiting)["state"], "JOB_STATE_QUEUED")
            ready = agent.get("/readyz")
            self.assertEqual(ready.status, 503)
            self.assertRegex(ready.body.decode(), "disk|store")
            self.assertEqual(receiver.count, arrived, "it sends what is not stored as running")
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)
            self.assertEqual(agent.wait_end(waiting)["state"], "JOB_STATE_SUCCEEDED")
            self.assertEqual(receiver.wait(arrived + 5), arrived + 5)


class Damaged(unittest.TestCase):
    def test_a_damaged_database_is_named(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            for _ in range(20):
                agent.submit(udp_job(receiver.port, packets=None, text="x" * 1000))
            self.assertEqual(agent.stop(), 0)
            path = os.path.join(folder, "state", "jobs.db")
            whole = os.path.getsize(path)
            for start, words in ((4096, "damaged"), (0, "not a database")):
                with open(path, "r+b") as file:
                    file.seek(start)
                    file.write(b"\xff" * (whole - start))
                with self.assertRaises(AssertionError) as failed:
                    agent.start()
                self.assertIn(words, str(failed.exception))
                self.assertIn(path, str(failed.exception))


class Resumed(unittest.TestCase):
    """RESTART_POLICY_RESUME: what a planned end sent is exact, and what a kill lost is sent again."""

    def spec(self, port, **more):
        return {"restartPolicy": "RESUME", "streams": [
            {"name": "steps", "udp": {"address": "127.0.0.1", "port": port},
             "payloads": [{"text": "a"}, {"text": "bb", "repeat": 2}, {"text": "c"}],
             "rate": {"pps": 100}, "limit": {"packets": 4000}},
            {"name": "timed", "udp": {"address": "127.0.0.1", "port": port},
             "payloads": [{"text": "t"}], "rate": {"pps": 200}, "limit": {"duration": "1.5s"}}], **more}

    def test_a_planned_end_loses_nothing_repeats_nothing_and_keeps_the_order(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver() as receiver:
            agent = Agent(folder=folder)
            job_id = agent.submit(self.spec(receiver.port))["id"]
            for count in (100, 200, 300):  # far from its end, however late the stop
                receiver.wait(count)
                self.assertEqual(agent.stop(), 0)
                agent.start()
            faster = agent.request("PATCH", f"/v1/jobs/{job_id}", {"stream": "steps", "rate": {"pps": 4000}})
            self.assertEqual(faster.status, 200, faster)
            job = agent.wait_end(job_id)
            steps, timed = job["streamResults"]
            sent = int(job["account"]["packetsSent"])
            self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED")
            self.assertEqual(receiver.wait(sent), sent)
            self.assertEqual(int(steps["account"]["packetsSent"]), 4000)
            self.assertIn(int(timed["account"]["packetsSent"]), range(1, 311))  # a stall takes some
            self.assertEqual([text for text in receiver.datagrams if text != b"t"],
                             1000 * [b"a", b"bb", b"bb", b"c"])
            self.assertTrue(job["account"]["balanced"])
            self.assertEqual([problem for problem in job["problems"] if problem["code"] != "rate_not_held"], [])
            agent.close()

    def test_a_kill_is_told_also_when_a_planned_end_comes_behind_it(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            job_id = agent.submit(self.spec(receiver.port))["id"]
            receiver.wait(20)
            agent.kill()
            agent.start()
            agent.wait_state(job_id, "JOB_STATE_RUNNING")
            self.assertEqual(agent.stop(), 0)
            agent.start()
            self.assertNotIn("endTime", agent.job(job_id))
            job = agent.cancel(job_id)
            self.assertIn("resumed after a crash", job["problems"][0]["message"])
            agent.close()

    def test_what_was_paused_is_paused_after_a_kill_and_can_be_cancelled(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            job_id = agent.submit(self.spec(receiver.port))["id"]
            receiver.wait(100)
            paused = agent.post(f"/v1/jobs/{job_id}:pause").json()
            arrived = int(paused["account"]["packetsSent"])  # to the last of them
            self.assertEqual(receiver.wait(arrived), arrived)
            time.sleep(SNAPSHOT_SECONDS)
            self.assertEqual(receiver.count, arrived)
            stored = agent.request("PATCH", f"/v1/jobs/{job_id}", {"rate": {"pps": 400}})
            self.assertEqual(stored.status, 200, stored)
            before = int(stored.json()["revision"])
            for _ in range(2):
                agent.kill()
                agent.start()
                job = agent.wait_state(job_id, "JOB_STATE_PAUSED")
            self.assertGreater(int(job["revision"]), before)
            self.assertEqual(int(job["account"]["packetsSent"]), arrived)
            job = agent.cancel(job_id)
            self.assertEqual(job["state"], "JOB_STATE_CANCELLED")
            self.assertEqual(int(job["account"]["packetsSent"]), arrived)
            self.assertTrue(job["account"]["balanced"])
            self.assertEqual(receiver.count, arrived)
            agent.close()

    def test_max_duration_is_counted_from_the_first_start(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            job_id = agent.submit(self.spec(receiver.port, maxDuration="0.4s"))["id"]
            receiver.wait(50)
            agent.stop()
            time.sleep(0.5)
            agent.start()
            job = agent.wait_end(job_id)
            self.assertEqual(job["state"], "JOB_STATE_FAILED")
            told, = [problem for problem in job["problems"] if problem["code"] == "max_duration"]
            self.assertIn("stopped after max_duration, 0.4 s", told["message"])
            self.assertTrue(job["account"]["balanced"])
            agent.close()


if __name__ == "__main__":
    main()
