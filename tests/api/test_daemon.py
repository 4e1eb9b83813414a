"""The program pagecastd: its settings, signals, exit codes, what it costs while idle, what a kill leaves."""

import ctypes
import datetime
import json
import os
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from pagecast_test import (SANITIZED, Agent, UdpReceiver, apart, free_port, main, program, read_all, statuses, until,
                           udp_job, until_taken)


def run(*args, env=None):
    """pagecastd to its end, for calls that do not serve."""
    return subprocess.run([program("PAGECASTD"), *args], env=dict(os.environ, **(env or {})),
                          capture_output=True, text=True, timeout=60, check=False)


class Settings(unittest.TestCase):
    def test_version_and_help(self):
        version = run("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^pagecastd \d+\.\d+\.\d+\n$")
        text = run("--help")
        self.assertEqual(text.returncode, 0)
        for option in ("--listen", "--policy", "--workers", "--print-config", "example:"):
            self.assertIn(option, text.stdout)

    def test_mistakes_end_with_2_and_name_the_option(self):
        for args, words in ((("--frobnicate",), "--frobnicate: unknown option, see --help"),
                            (("--workers", "0"), '--workers: "0" is not between 1 and 64'),
                            (("--workers", "1e3"), '--workers: "1e3" is not'),
                            (("--pin", "0,,1"), '--pin: "0,,1" is not a list of CPU numbers'),
                            (("--log-level", "loud"), "--log-level"),
                            (("--history-age", "7y"), "--history-age"),
                            (("--history-age", "7"), '--history-age: "7" is not an age such as 90s'),
                            (("--policy",), "--policy: missing value"),
                            (("serve",), 'unexpected argument "serve"')):
            done = run(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(words, done.stderr)
        done = run(env={"PAGECAST_WORKERS": "many"})
        self.assertEqual(done.returncode, 2)
        self.assertIn('PAGECAST_WORKERS: "many" is not between 1 and 64', done.stderr)

    def test_print_config_tells_where_each_setting_came_from(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("workers = 3\nlog-format json\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:2\n")
            file.flush()
            text = run("--config", file.name, "--print-config", "--pin", "0",
                       env={"PAGECAST_LOG_FORMAT": "kv"}).stdout
        for line in ("workers = 3  # file", "log-format = kv  # environment", "pin = 0  # command line",
                     "log-level = info  # default", "listen = 127.0.0.1:2  # file"):
            self.assertIn(line + "\n", text)

    def test_what_cannot_be_served_is_told_and_ends_with_1(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            busy = f"127.0.0.1:{taken.getsockname()[1]}"
            bad = os.path.join(folder, "policy.json")
            with open(bad, "w", encoding="utf-8") as file:
                file.write('{"allowedNetworks": ["10.0.0.1/8"]}')
            good = ("--state-dir", os.path.join(folder, "state"))
            for args, words in ((("--listen", busy, *good), busy),
                                (("--listen", "0.0.0.0:0", *good), "0.0.0.0:0"),
                                (("--policy", bad, "--listen", "127.0.0.1:0", *good),
                                 "allowedNetworks[0]"),
                                (("--policy", "/nonexistent", "--listen", "127.0.0.1:0", *good),
                                 "/nonexistent"),
                                (("--state-dir", "/proc/none", "--listen", "127.0.0.1:0"),
                                 "/proc/none")):
                done = run(*args)
                self.assertEqual(done.returncode, 1, (args, done.stderr))
                self.assertIn(words, done.stderr)
                self.assertNotIn("listening on", done.stdout)

    def test_two_agents_do_not_share_a_state_folder(self):
        with Agent() as agent:
            done = run("--state-dir", os.path.join(agent.folder, "state"), "--listen", "127.0.0.1:0")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(agent.get("/healthz").status, 200)

    @apart
    def test_by_default_it_listens_on_the_unix_socket_of_the_user(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pagecast", "api.sock")
            env = dict(os.environ, XDG_RUNTIME_DIR=folder, XDG_STATE_HOME=folder)
            env.pop("RUNTIME_DIRECTORY", None)
            env.pop("STATE_DIRECTORY", None)
            with socket.socket() as default:
                default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    default.bind(("127.0.0.1", 8470))
                except OSError:
                    self.skipTest("port 8470 is in use here")
            process = subprocess.Popen([program("PAGECASTD")], env=env, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            try:
                lines = [process.stdout.readline() for _ in range(2)]
                self.assertEqual(lines, ["listening on http://127.0.0.1:8470\n",
                                         f"listening on unix:{path}\n"])
                self.assertTrue(os.path.exists(os.path.join(folder, "pagecast", "jobs.db")))
            finally:
                process.terminate()
                self.assertEqual(process.wait(60), 0)
                process.stdout.close()
            self.assertFalse(os.path.exists(path))


class Signals(unittest.TestCase):
    def test_sigterm_interrupts_what_runs_answers_who_waits_and_ends_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with UdpReceiver(keep=1) as receiver:
                agent = Agent()
                job = agent.submit(udp_job(receiver.port, packets=None, pps=1000))
                receiver.wait(10)
                with agent.raw_socket() as waiter:
                    waiter.sendall(f"GET /v1/jobs/{job['id']}?wait=60&until=end HTTP/1.1\r\n"
                                   "Host: localhost\r\n\r\n".encode())
                    until_taken([waiter])
                    time.sleep(0.2)
                    started = time.monotonic()
                    agent.process.send_signal(number)
                    self.assertEqual(agent.process.wait(60), 0)
                    self.assertLess(time.monotonic() - started, 30)  # the waiter would wait for 60
                    answer = read_all(waiter)
                self.assertEqual(statuses(answer), [200])
                ended = json.loads(answer.split(b"\r\n\r\n", 1)[1])
                self.assertEqual(ended["state"], "JOB_STATE_INTERRUPTED")
                self.assertTrue(ended["account"]["balanced"])
                agent.close()

    def test_the_service_manager_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(path)
                manager.settimeout(60)
                agent = Agent(env={"NOTIFY_SOCKET": path})
                self.assertEqual(manager.recv(100), b"READY=1")
                agent.process.send_signal(signal.SIGHUP)
                self.assertTrue(manager.recv(100).startswith(b"RELOADING=1"))
                self.assertEqual(manager.recv(100), b"READY=1")
                agent.close()
                self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_the_watchdog_is_fed_while_all_move_and_not_while_one_hangs(self):
        def words(count):
            """So many words of life, as they come."""
            for _ in range(count):
                self.assertEqual(manager.recv(100), b"WATCHDOG=1")

        def silent():
            """Not a word for longer than a manager would wait."""
            while select.select([manager], [], [], 0)[0]:
                manager.recv(100)
            return not select.select([manager], [], [], 1.1 * watch)[0]

        watch = 0.8
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            path = os.path.join(folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(path)
                manager.settimeout(60)
                agent = Agent("--workers", "3",
                              env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(watch * 1e6))})
                # idle, paused, slow and at full speed are all well
                self.assertEqual(manager.recv(100), b"READY=1")
                words(3)
                paused = agent.submit(udp_job(receiver.port, packets=None, pps=1000))["id"]
                agent.submit(udp_job(receiver.port, packets=None, pps=0.1))
                fast = agent.submit(udp_job(receiver.port, packets=None))["id"]
                agent.post(f"/v1/jobs/{paused}:pause")
                words(4)
                agent.post(f"/v1/jobs/{fast}:cancel")
                # somebody holds the database: the writer stands still
                database = sqlite3.connect(os.path.join(agent.folder, "state", "jobs.db"),
                                           isolation_level=None)
                database.execute("BEGIN IMMEDIATE")
                hangs = threading.Event()

                def submit():
                    while not hangs.is_set():
                        agent.post("/v1/jobs", udp_job(receiver.port))

                submits = [threading.Thread(target=submit) for _ in range(2)]
                for thread in submits:
                    thread.start()
                until(lambda: "event=thread_hangs" in agent.log_text())
                until(silent)
                hangs.set()
                for thread in submits:
                    thread.join()
                database.execute("ROLLBACK")
                database.close()
                words(3)
                agent.close()

    def test_sighup_reloads_the_policy_and_a_bad_file_changes_nothing(self):
        def rule():
            return agent.get("/v1/policy").json()["maxPps"]

        def reload_with(text, expected):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            agent.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while rule() != expected and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertEqual(rule(), expected)

        with Agent(policy={"maxPps": 10}) as agent:
            path = os.path.join(agent.folder, "policy.json")
            self.assertEqual(rule(), 10)
            reload_with('{"maxPps": 20}', 20)
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"maxPps": 30, "maxStreams": 5000}')
            agent.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while "maxStreams" not in agent.log_text() and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertIn("maxStreams: 5000 is above", agent.log_text())
            self.assertEqual(rule(), 20)
            reload_with('{"maxPps": 40}', 40)


class Clock(unittest.TestCase):
    def test_the_agent_tells_how_well_its_clock_is_set(self):
        """As the kernel says: adjtimex(2), whose answer ends in 5 where the clock is not synchronised."""
        times = ctypes.create_string_buffer(256)
        with Agent() as agent:
            told = agent.get("/v1/agent").json()
            state = ctypes.CDLL(None, use_errno=True).adjtimex(times)
        _, _, _, max_error_us, _, status = struct.unpack_from("I4li", times)
        self.assertEqual(told.get("clockSynchronised", False), 0 <= state < 5 and not status & 0x40)
        at = datetime.datetime.fromisoformat(told["now"][:19] + "+00:00")
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()), 60)
        self.assertAlmostEqual(told.get("clockMaxErrorUs", 0), max_error_us, delta=100_000)  # grows by 500 a second


class Idle(unittest.TestCase):
    @apart
    @unittest.skipIf(SANITIZED, "a sanitizer has its own appetite")
    def test_an_idle_agent_is_small_and_sleeps(self):
        def status(field):
            with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
                return int(next(line for line in file if line.startswith(field)).split()[1])

        def switches():
            """How often its threads got a core, or lost one."""
            total = 0
            for task in os.listdir(f"/proc/{agent.pid}/task"):
                with open(f"/proc/{agent.pid}/task/{task}/status", encoding="ascii") as file:
                    total += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
            return total

        def quiet(seconds, at_most):
            before = switches()
            time.sleep(seconds)
            return switches() - before <= at_most

        with Agent("--workers", "4") as agent, UdpReceiver(keep=1) as receiver:
            self.assertLess(status("VmRSS:"), 12 * 1024)
            for _ in range(5):
                agent.wait_end(agent.submit(udp_job(receiver.port, packets=1000))["id"])
            self.assertLess(status("VmRSS:"), 12 * 1024)

            until(lambda: quiet(0.2, 0))  # what the jobs left is stored and closed
            self.assertTrue(quiet(2, 4))


class Killed(unittest.TestCase):
    def test_every_acknowledged_job_is_there_once_after_kill_9(self):
        with tempfile.TemporaryDirectory() as folder, UdpReceiver(keep=1) as receiver:
            agent = Agent(folder=folder)
            running = agent.submit(udp_job(receiver.port, packets=None, pps=1000))["id"]
            receiver.wait(100)
            waiting = [agent.submit(udp_job(receiver.port, packets=3), headers={
                "Idempotency-Key": f"run-{i}"})["id"] for i in range(20)]
            agent.kill()
            agent.start()
            again = agent.submit(udp_job(receiver.port, packets=3), headers={"Idempotency-Key": "run-7"})
            self.assertEqual(again["id"], waiting[7])
            for job_id in waiting:
                self.assertEqual(agent.wait_end(job_id)["state"], "JOB_STATE_SUCCEEDED")
            job = agent.job(running)
            self.assertEqual(job["state"], "JOB_STATE_INTERRUPTED")
            self.assertEqual(job["problems"][0]["code"], "account_from_snapshot")
            sent = int(job["account"]["packetsSent"])
            self.assertGreaterEqual(receiver.wait(sent), sent)
            self.assertTrue(job["account"]["balanced"])
            listed = agent.get("/v1/jobs?page_size=1000").json()
            self.assertEqual(sorted(job["id"] for job in listed["jobs"]), sorted([running, *waiting]))
            agent.close()


class Scheduling(unittest.TestCase):
    def test_workers_send_side_by_side(self):
        with Agent("--workers", "2", "--pin", "0") as agent, UdpReceiver(keep=1) as receiver:
            jobs = [agent.submit(udp_job(receiver.port, packets=None, pps=100))["id"] for _ in range(3)]
            deadline = time.monotonic() + 60
            states = []
            while sorted(states) != ["JOB_STATE_QUEUED"] + 2 * ["JOB_STATE_RUNNING"]:
                self.assertLess(time.monotonic(), deadline, states)
                states = [agent.job(job_id)["state"] for job_id in jobs]
            self.assertEqual(agent.get("/v1/agent").json()["jobsRunning"], 2)
            self.assertEqual(agent.post("/v1/jobs:cancel", {"all": True}).json()["cancelled"], 3)

    def test_a_state_folder_of_none_keeps_nothing(self):
        with Agent("--state-dir", ":memory:") as agent:
            agent.wait_end(agent.submit(udp_job(free_port(), packets=1))["id"])
            self.assertFalse(os.path.exists(os.path.join(agent.folder, "state")))

    def test_what_it_was_started_without_is_nobody_elses(self):
        with Agent(prefix=("sh", "-c", 'exec "$0" "$@" <&- 2>&-')) as agent:
            agent.wait_end(agent.submit(udp_job(free_port(), packets=1))["id"])  # which logs
            for descriptor in (0, 2):
                self.assertEqual(os.readlink(f"/proc/{agent.pid}/fd/{descriptor}"), "/dev/null")

    def test_the_log_is_json_when_asked(self):
        with Agent("--log-format", "json") as agent:
            agent.submit(udp_job(free_port(), packets=1))
            lines = agent.log_text().splitlines()
            self.assertTrue(lines)
            for line in lines:
                self.assertIn("event", json.loads(line))


if __name__ == "__main__":
    main()
