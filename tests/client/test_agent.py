"""Every command against a real agent, with a receiver that counts what arrives."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from cli import PAGECAST, command, environment, pagecast, start
from pagecast_test import PATIENCE, Agent, UdpReceiver, free_port, main, udp_job, until

JOB_ID = r"[0-9A-Za-z-]{16,}"
SUMMARY = re.compile(
    r"\Ajob (?P<id>" + JOB_ID + r") (?P<state>[A-Z]+)( in (?P<time>[^\n]+))?\n"
    r"  sent  (?P<sent>[\d,]+)(?: of (?P<asked>[\d,]+))? packets, (?P<bytes>[\d,]+) bytes; "
    r"dropped (?P<dropped>[\d,]+), failed (?P<failed>[\d,]+), cancelled (?P<cancelled>[\d,]+)\n"
    r"(  rate  (?P<rate>[^\n]+)\n)?(  path  (?P<path>[^\n]+)\n)?(?P<notes>(  (note |error) [^\n]+\n)*)\Z")


def number(text):
    return int(text.replace(",", ""))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent("--workers", "2")
        cls.addClassCleanup(cls.agent.close)

    def setUp(self):
        self.receiver = UdpReceiver()
        self.addCleanup(self.receiver.close)
        self.udp = f"udp://127.0.0.1:{self.receiver.port}"

    def pagecast(self, *args, code=0, **options):
        ran = pagecast(*args, agent=options.pop("agent", self.agent.url), **options)
        self.assertEqual(ran.returncode, code, f"{ran.stdout}\n{ran.stderr}")
        return ran

    def summary(self, text):
        match = SUMMARY.match(text)
        self.assertTrue(match, f"not a summary:\n{text}")
        return match

    def endless(self, pps=200, **more):
        """The id of a job that runs until it is cancelled."""
        job = self.agent.submit(udp_job(self.receiver.port, packets=None, pps=pps, **more))
        self.addCleanup(self.agent.post, f"/v1/jobs/{job['id']}:cancel")
        self.agent.wait_state(job["id"], "JOB_STATE_RUNNING")
        until(lambda: self.receiver.count > 0)
        return job["id"]

    def faster(self, job_id):
        """What was slow enough to be watched comes to its end."""
        answer = self.agent.request("PATCH", f"/v1/jobs/{job_id}", {"rate": {"pps": 20_000}})
        self.assertEqual(answer.status, 200, answer)

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)


class Send(Case):
    def test_what_is_asked_arrives_and_is_summed_up(self):
        ran = self.pagecast("send", self.udp, "--text", "hello", "--pps", "1000", "--packets", "500", "--name", "first")
        found = self.summary(ran.stdout)
        self.assertEqual(found["state"], "SUCCEEDED")
        self.assertEqual((found["sent"], found["asked"], found["bytes"]), ("500", "500", "2,500"))
        self.assertRegex(found["rate"], r"^1,000 pps asked, [\d,.]+ achieved(; gap error p99 [\d.]+ \S+)?; late [\d,]+$")
        self.assertRegex(found["path"], r"^splice: .*no copy in the kernel")
        self.assertEqual(found["notes"], "")
        self.assertEqual(self.receiver.wait(500), 500)
        self.assertEqual(set(self.receiver.datagrams), {b"hello"})
        job = self.agent.job(found["id"])
        self.assertEqual(job["spec"]["name"], "first")

    def test_a_rate_in_bits_is_answered_in_bits(self):
        ran = self.pagecast("send", self.udp, "--zeros", "100", "--bps", "1M", "--layer", "payload", "--packets", "625")
        found = self.summary(ran.stdout)
        self.assertRegex(found["rate"], r"^1\.00 Mbit/s asked at payload, [\d.]+ [kM]bit/s achieved, [\d,.]+ pps")
        self.assertEqual(self.receiver.wait(number(found["sent"])), number(found["sent"]))

    def test_one_packet_has_no_rate_to_show(self):
        for flags, rate in (((), "unlimited; too few packets to measure it"),
                            (("--pps", "1000"), "1,000 pps asked; too few packets to measure it")):
            found = self.summary(self.pagecast("send", self.udp, "--text", "x", "--packets", "1", *flags).stdout)
            self.assertEqual(found["sent"], "1")
            self.assertRegex(found["rate"], f"^{rate}(;|$)")

    def test_payloads_in_turn(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"a\0file")
            file.flush()
            self.pagecast("send", self.udp, "--text", "one", "--hex", "02 03", "--repeat", "2", "--file", file.name,
                          "--zeros", "3", "--ones", "2", "--incrementing", "4")
        expected = [b"one", b"\2\3", b"\2\3", b"a\0file", b"\0\0\0", b"\xff\xff", b"\0\1\2\3"]
        self.receiver.wait(len(expected))
        self.assertEqual(self.receiver.datagrams, expected)

    def test_no_payload_is_an_empty_datagram(self):
        found = self.summary(self.pagecast("send", self.udp, "--packets", "3").stdout)
        self.assertEqual((found["sent"], found["bytes"]), ("3", "0"))
        self.receiver.wait(3)
        self.assertEqual(self.receiver.datagrams, [b"", b"", b""])

    def test_a_payload_from_standard_input(self):
        self.pagecast("send", self.udp, "--file", "-", input="typed")
        self.receiver.wait(1)
        self.assertEqual(self.receiver.datagrams, [b"typed"])

    def test_engines_and_layouts(self):
        for engine, layout, path in (("copy", "packed", "copy: "), ("splice", "page-per-packet", "splice: ")):
            found = self.summary(self.pagecast("send", self.udp, "--random", "100:7", "--packets", "50", "--engine",
                                               engine, "--layout", layout).stdout)
            self.assertTrue(found["path"].startswith(path), found["path"])
        self.assertEqual(self.receiver.wait(100), 100)
        self.assertEqual(len(set(self.receiver.datagrams)), 1)

    def test_ipv6(self):
        with UdpReceiver("::1") as receiver:
            self.pagecast("send", f"udp://[::1]:{receiver.port}", "--text", "six", "--packets", "4", "--source", "::1")
            self.assertEqual(receiver.wait(4), 4)

    def test_a_dead_port_is_told(self):
        port = free_port()
        ran = self.pagecast("send", f"udp://127.0.0.1:{port}", "--text", "x", "--pps", "200", "--packets", "20")
        found = self.summary(ran.stdout)
        self.assertEqual((found["state"], found["sent"]), ("SUCCEEDED", "20"))
        self.assertIn(f"  note  nothing listens on 127.0.0.1:{port} (", found["notes"])

    def test_what_the_agent_refuses(self):
        ran = self.pagecast("send", "udp://8.8.8.8:53", "--packets", "1", code=1)
        self.assertEqual(ran.stdout, "")
        self.assertIn("8.8.8.8", ran.stderr)
        ran = self.pagecast("send", self.udp, "--zeros", "70000", "--size", "70000", code=1)
        self.assertIn("streams[0]", ran.stderr)

    def test_detached(self):
        ran = self.pagecast("send", self.udp, "--text", "x", "--pps", "100", "--forever", "--detach")
        match = re.fullmatch(rf"({JOB_ID}) (QUEUED|RUNNING)\n", ran.stdout)
        self.assertTrue(match, ran.stdout)
        until(lambda: self.receiver.count >= 5)
        found = self.summary(self.pagecast("cancel", match[1]).stdout)
        self.assertEqual(found["state"], "CANCELLED")

    def test_the_same_request_is_the_same_job(self):
        words = ("send", self.udp, "--text", "once", "--request-id", f"once-{os.getpid()}", "--detach")
        ids = {self.pagecast(*words).stdout.split()[0] for _ in range(3)}
        self.assertEqual(len(ids), 1)
        ran = self.pagecast("send", self.udp, "--text", "twice", "--request-id", f"once-{os.getpid()}", "--detach", code=1)
        self.assertIn("request", ran.stderr)
        self.agent.wait_end(ids.pop())
        self.assertEqual(self.receiver.wait(1), 1)
        time.sleep(0.2)  # a second one would come
        self.assertEqual(self.receiver.datagrams, [b"once"])

    def test_json_is_the_job_as_the_api_gives_it(self):
        ran = self.pagecast("--json", "send", self.udp, "--text", "x", "--packets", "3")
        job = json.loads(ran.stdout)
        self.assertEqual(job["account"]["packetsSent"], self.agent.job(job["id"])["account"]["packetsSent"])
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED")
        self.assertEqual(json.loads(self.pagecast("--json", "send", self.udp, "--detach").stdout)["spec"]["streams"][0]
                         ["udp"]["port"], self.receiver.port)


class Interrupted(Case):
    def test_ctrl_c_cancels_and_tells(self):
        process = start("send", self.udp, "--text", "x", "--pps", "200", "--packets", "100k", agent=self.agent.url)
        until(lambda: self.receiver.count >= 10)
        shown, told = self.interrupt(process)
        self.assertEqual(process.returncode, 130, told)
        found = self.summary(shown)
        self.assertEqual(found["state"], "CANCELLED")
        self.assertEqual(number(found["sent"]) + number(found["cancelled"]), 100_000)
        self.assertEqual(self.receiver.wait(number(found["sent"])), number(found["sent"]))

    def test_forever_ends_well_when_it_is_stopped(self):
        for number_of_signal in (signal.SIGINT, signal.SIGTERM):
            self.receiver.count = 0
            process = start("send", self.udp, "--text", "x", "--pps", "500", "--forever", agent=self.agent.url)
            until(lambda: self.receiver.count >= 10)
            process.send_signal(number_of_signal)
            shown, told = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, told)
            self.assertEqual(self.summary(shown)["state"], "CANCELLED")

    def test_a_job_that_waits_in_the_queue_can_be_given_up(self):
        blockers = [self.endless(pps=50) for _ in range(2)]  # both workers
        process = start("send", self.udp, "--text", "late", "--name", "late", agent=self.agent.url)
        until(lambda: "late" in self.pagecast("list", "--state", "queued").stdout)
        shown, _ = self.interrupt(process)
        self.assertEqual(process.returncode, 130)
        self.assertIn("CANCELLED before its first packet\n", shown)
        for job_id in blockers:
            self.pagecast("cancel", job_id)
        self.assertNotIn(b"late", self.receiver.datagrams)

    def test_the_agent_ends(self):
        agent = Agent()
        try:
            process = start("send", self.udp, "--text", "x", "--pps", "200", "--forever", agent=agent.url)
            until(lambda: self.receiver.count >= 5)
        finally:
            agent.close()
        shown, told = process.communicate(timeout=60)
        self.assertIn(process.returncode, (1, 3), told)
        self.assertTrue("INTERRUPTED" in shown or "lost contact with job" in told, shown + told)


class Jobs(Case):
    def test_submit(self):
        spec = json.dumps(udp_job(self.receiver.port, packets=5, name="by hand"))
        ran = self.pagecast("submit", "-", input=spec)
        match = re.fullmatch(rf"({JOB_ID}) (QUEUED|RUNNING)\n", ran.stdout)
        self.assertTrue(match, ran.stdout)
        self.assertEqual(self.receiver.wait(5), 5)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(spec)
            file.flush()
            self.assertEqual(self.summary(self.pagecast("submit", file.name, "--watch").stdout)["sent"], "5")
        ran = self.pagecast("submit", "-", input='{"streams":[{"udp":{"address":"127.0.0.1","port":70000,"colour":1}}]}', code=1)
        self.assertIn("colour", ran.stderr)
        self.assertEqual(json.loads(self.pagecast("--json", "submit", "-", input=spec).stdout)["spec"]["name"], "by hand")

    def test_get(self):
        found = self.summary(self.pagecast("send", self.udp, "--text", "abc", "--name", "to get", "--label", "a=b").stdout)
        shown = self.pagecast("get", found["id"]).stdout
        for words in (f"job {found['id']} SUCCEEDED", "  name  to get\n", "  label a=b\n", "  sent  1 of 1 packets, 3 bytes"):
            self.assertIn(words, shown)
        ran = self.pagecast("get", found["id"], "no-such-job", code=1)
        self.assertIn(f"job {found['id']}", ran.stdout)
        self.assertIn("no-such-job", ran.stderr)

    def test_get_of_what_the_policy_held_back(self):
        with Agent(policy={"allowedNetworks": ["127.0.0.0/8"], "maxPps": 100}) as agent:
            job = udp_job(self.receiver.port, packets=4, pps=10)
            job["streams"] *= 10  # all due at once
            ran = pagecast("submit", "-", "--watch", agent=agent.url, input=json.dumps(job))
            self.assertRegex(ran.stdout, r"\n  held  [0-9.]+ m?s by the policy's maxPps\n")

    def test_list(self):
        for index in range(3):
            self.pagecast("send", self.udp, "--text", "x", "--name", f"listed-{index}", "--label", f"run={self.receiver.port}")
        words = ("list", "--label", f"run={self.receiver.port}")
        lines = self.pagecast(*words).stdout.splitlines()
        self.assertEqual(lines[0].split(), ["ID", "STATE", "NAME", "SENT", "RATE", "AGE"])
        self.assertEqual([line.split()[1:4] for line in lines[1:]],
                         [["SUCCEEDED", f"listed-{index}", "1"] for index in (2, 1, 0)])
        ran = self.pagecast(*words, "--page-size", "2")
        self.assertEqual((len(ran.stdout.splitlines()), ran.stderr), (3, "1 more; --all shows them\n"))
        self.assertEqual(len(self.pagecast(*words, "--page-size", "1", "--all").stdout.splitlines()), 4)
        self.assertEqual(len(self.pagecast(*words, "--state", "failed").stdout.splitlines()), 1)
        self.assertEqual(len(self.pagecast(*words, "--label", "run=other").stdout.splitlines()), 1)

    def test_a_reader_that_has_enough(self):
        for _ in range(3):
            self.pagecast("send", self.udp, "--detach")
        words = command("list", "--all", "--page-size", "1", agent=self.agent.url)
        ran = subprocess.run(["sh", "-c", '"$@" | head -1', "sh", *words], env=environment(), capture_output=True,
                             text=True, timeout=60, check=False)
        self.assertEqual((ran.stdout.split()[0], ran.stderr), ("ID", ""))

    def test_cancel(self):
        job_id = self.endless()
        found = self.summary(self.pagecast("cancel", job_id, "--reason", "enough").stdout)
        self.assertEqual((found["id"], found["state"]), (job_id, "CANCELLED"))
        count = number(found["sent"])
        self.assertEqual(self.receiver.wait(count), count)
        time.sleep(0.1)  # no more comes
        self.assertEqual(self.receiver.count, count)
        again = self.summary(self.pagecast("cancel", job_id).stdout)
        self.assertEqual((again["state"], again["sent"]), ("CANCELLED", found["sent"]))

    def test_cancel_all_that_carry_a_label(self):
        mine = [self.endless(pps=20, labels=[{"key": "mine", "value": "yes"}])]
        other = self.endless(pps=20)
        self.assertEqual(self.pagecast("cancel", "--all", "--label", "mine=yes").stdout, "cancelled 1 job\n")
        self.assertEqual(self.agent.job(mine[0])["state"], "JOB_STATE_CANCELLED")
        self.assertEqual(self.agent.job(other)["state"], "JOB_STATE_RUNNING")
        self.assertRegex(self.pagecast("cancel", "--all").stdout, r"^cancelled 1 job\n$")
        self.assertEqual(self.pagecast("cancel", "--all").stdout, "cancelled 0 jobs\n")

    def test_pause_resume_and_rate(self):
        job_id = self.endless(pps=50)
        self.assertRegex(self.pagecast("pause", job_id).stdout, rf"^{job_id} PAUSED")
        before = int(self.agent.job(job_id)["account"]["packetsSent"])  # to the last of them
        self.assertEqual(self.receiver.wait(before), before)
        time.sleep(0.3)
        self.assertEqual(self.receiver.count, before)
        self.pagecast("rate", job_id, "--pps", "2k")
        self.assertRegex(self.pagecast("resume", job_id).stdout, rf"^{job_id} RUNNING")
        until(lambda: self.receiver.count > before + 500)
        ran = self.pagecast("rate", job_id, "--pps", "5", "--stream", "none of that name", code=1)
        self.assertIn("none of that name", ran.stderr)

    def test_single_streams(self):
        spec = udp_job(self.receiver.port, packets=None, pps=100)
        spec["streams"] = [{**spec["streams"][0], "name": "voice"},
                           {**spec["streams"][0], "name": "late", "hold": True, "limit": {"packets": 3}}]
        job_id = self.agent.submit(spec)["id"]
        until(lambda: int(self.agent.job(job_id)["account"]["packetsSent"]) > 5)
        shown = self.pagecast("get", job_id).stdout
        self.assertRegex(shown, "stream 0 voice RUNNING\n.* packets(.|\n)*stream 1 late PAUSED, held\n    sent  0 of 3 packets")
        self.assertRegex(self.pagecast("pause", job_id, "--stream", "voice").stdout,
                         rf"^{job_id} RUNNING.*waiting for resume of its streams")
        self.pagecast("resume", job_id, "--stream", "late", "--stream", "voice")
        until(lambda: "late ENDED" in self.pagecast("get", job_id).stdout)
        self.assertIn("since it was resumed  3 packets", self.pagecast("get", job_id).stdout)
        ran = self.pagecast("cancel", job_id, "--stream", "vioce", code=1)
        self.assertIn('no stream of the job is named "vioce"; its names: "voice", "late"', ran.stderr)
        self.pagecast("cancel", job_id, "--stream", "voice", "--reason", "enough")
        shown = self.agent.wait_end(job_id)
        self.assertEqual((shown["state"], shown["cancelReason"]), ("JOB_STATE_CANCELLED", "enough"))
        self.assertIn("stream 0 voice CANCELLED", self.pagecast("get", job_id).stdout)
        for words in (("cancel", "--all", "--stream", "voice"), ("pause", job_id, "--stream", ""),
                      ("resume", job_id, "--stream", "voice", "--start-at", "+1s")):
            self.assertIn("--stream", self.pagecast(*words, code=2).stderr)

    def test_held_jobs(self):
        with Agent("--workers", "2") as agent:
            def run(*words, code=0):
                ran = pagecast(*words, agent=agent.url)
                self.assertEqual(ran.returncode, code, ran.stderr)
                return ran.stdout
            for resume in ((), ("--start-at", "+300ms")):
                job_id = run("send", self.udp, "--text", "x", "--packets", "5", "--hold", "--detach").split()[0]
                until(lambda: agent.job(job_id)["progress"]["ready"])
                self.assertIn("SCHEDULED, waiting for release", run("get", job_id))
                run("resume", job_id, *resume)
                self.assertEqual(agent.wait_end(job_id)["state"], "JOB_STATE_SUCCEEDED")
            for words in (("--hold", "--start-at", "+1s"), ("--hold-timeout", "1s")):
                run("send", self.udp, "--text", "x", *words, code=2)
            ended = run("send", self.udp, "--text", "x", "--hold", "--hold-timeout", "100ms", code=1)
            self.assertIn("holdTimeout: it was held and ready, and was not released within 0.1 s", ended)

    def test_delete(self):
        running = self.endless()
        ran = self.pagecast("delete", running, code=1)
        self.assertIn("RUNNING", ran.stderr)
        self.pagecast("cancel", running)
        self.assertEqual(self.pagecast("delete", running).stdout, f"deleted {running}\n")
        self.pagecast("get", running, code=1)


class Watch(Case):
    def test_until_the_end(self):
        job_id = self.agent.submit(udp_job(self.receiver.port, packets=3000, pps=50))["id"]
        self.agent.wait_state(job_id, "JOB_STATE_RUNNING")
        process = start("watch", job_id, agent=self.agent.url)
        line = process.stderr.readline()  # the first one comes after a second
        self.faster(job_id)
        shown, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, self.summary(shown)["state"]), (0, "SUCCEEDED"))
        self.assertRegex(line, rf"^{job_id} RUNNING \d+ %, [\d,]+ of 3,000 packets, [\d,.]+ pps, ")
        self.pagecast("watch", job_id)
        cancelled = self.endless()
        self.pagecast("cancel", cancelled)
        self.pagecast("watch", cancelled, code=1)

    def test_leaving_off_changes_nothing(self):
        job_id = self.endless()
        process = start("watch", job_id, agent=self.agent.url)
        self.assertRegex(process.stderr.readline(), rf"^{job_id} RUNNING")
        self.interrupt(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.agent.job(job_id)["state"], "JOB_STATE_RUNNING")

    def test_every_revision_as_json(self):
        job_id = self.agent.submit(udp_job(self.receiver.port, packets=3000, pps=50))["id"]
        process = start("--json", "watch", job_id, agent=self.agent.url)
        decoder, jobs, text = json.JSONDecoder(), [], ""
        while line := process.stdout.readline():
            text += line
            try:
                jobs.append(decoder.decode(text))
            except json.JSONDecodeError:
                continue
            text = ""
            if len(jobs) == 4:
                self.faster(job_id)
        self.assertEqual((text, process.communicate(timeout=60)[1], process.returncode), ("", "", 0))
        self.assertGreater(len(jobs), 4)
        sent = [int(job["account"]["packetsSent"]) for job in jobs]
        self.assertEqual(sent, sorted(sent))
        self.assertEqual((jobs[-1]["state"], sent[-1]), ("JOB_STATE_SUCCEEDED", 3000))
        # what was news when it was asked for may have been the end already
        self.assertTrue(all(job == jobs[-1] for job in jobs if job["state"] == "JOB_STATE_SUCCEEDED"))

    def test_all(self):
        job_id = self.endless()
        process = start("watch", "--state", "running", agent=self.agent.url)
        rows = 0
        while rows < 2:
            line = process.stdout.readline()
            self.assertTrue(line, "it ended by itself")
            rows += bool(re.match(rf"{job_id} +RUNNING ", line))
        _, told = self.interrupt(process)
        self.assertEqual((process.returncode, told), (0, ""))


    def tables_until(self, process, text):
        """How many tables are printed until a line holds @text."""
        tables = 0
        while True:
            line = process.stdout.readline()
            self.assertTrue(line, f"it ended by itself: {process.stderr.read() if process.poll() else ''}")
            tables += line.startswith("ID ")
            if text in line:
                return tables

    def test_all_looks_when_something_changes_and_not_otherwise(self):
        with Agent() as agent:
            process = start("watch", agent=agent.url)
            self.assertEqual(self.tables_until(process, "ID "), 1)
            time.sleep(1.5)  # nothing happens meanwhile, but for a while
            job = agent.submit(udp_job(self.receiver.port, None, pps=100, name="waited-for"))
            self.assertLessEqual(self.tables_until(process, "waited-for"), 2)
            agent.post(f"/v1/jobs/{job['id']}:cancel")
            self.tables_until(process, "CANCELLED")
            _, told = self.interrupt(process)
            self.assertEqual((process.returncode, told), (0, ""))

    def test_all_comes_through_a_restart_of_the_agent(self):
        agent = Agent(listen=[f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"])
        try:
            process = start("watch", agent=agent.url)
            self.tables_until(process, "ID ")
            agent.submit(udp_job(self.receiver.port, 1, name="before"))
            self.tables_until(process, "before")
            agent.kill()
            agent.listen = [agent.url.split("://")[1]]
            agent.start()
            agent.submit(udp_job(self.receiver.port, 1, name="afterwards"))
            self.tables_until(process, "afterwards")
            _, told = self.interrupt(process)
            self.assertEqual((process.returncode, told), (0, ""))
        finally:
            agent.close()

    def test_all_of_an_agent_that_is_gone_for_good(self):
        agent = Agent()
        process = start("watch", agent=agent.url)
        self.tables_until(process, "ID ")
        agent.close()
        _, told = process.communicate(timeout=60 * PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.assertIn("no agent at", told)


class Looking(Case):
    def test_agent(self):
        shown = self.pagecast("agent").stdout
        for title in ("name", "version", "kernel", "up", "clock", "workers", "jobs", "sent"):
            self.assertRegex(shown, rf"(?m)^{title} +\S")
        self.assertRegex(shown, r"(?m)^workers +2$")

    def test_policy(self):
        shown = self.pagecast("policy").stdout
        self.assertRegex(shown, r"(?m)^networks .*127\.0\.0\.0/8.*198\.18\.0\.0/15")
        self.assertRegex(shown, r"(?m)^Ethernet +refused$")
        with tempfile.NamedTemporaryFile("w") as file:  # what it prints is what the agent takes
            file.write(self.pagecast("--json", "policy").stdout)
            file.flush()
            with Agent("--policy", file.name) as other:
                self.assertEqual(self.pagecast("policy", agent=other.url).stdout, shown)

    def test_interfaces(self):
        lines = self.pagecast("interfaces").stdout.splitlines()
        self.assertEqual(lines[0].split()[:4], ["NAME", "STATE", "ALLOWED", "MTU"])
        self.assertTrue([line for line in lines if re.match(r"lo +up +yes .*127\.0\.0\.1", line)], lines)

    def test_engines(self):
        shown = self.pagecast("engines").stdout
        self.assertRegex(shown, r"(?m)^splice +available")
        self.assertRegex(shown, r"(?m)^copy +available")

    def test_version(self):
        self.assertRegex(self.pagecast("version").stdout, r"\Apagecast \d[\d.]+\npagecastd \d[\d.]+ on \S+\n\Z")

    def test_json_is_what_curl_would_get(self):
        job_id = self.pagecast("send", self.udp, "--detach").stdout.split()[0]
        self.agent.wait_end(job_id)
        for words, path in ((("get", job_id), f"/v1/jobs/{job_id}"), (("policy",), "/v1/policy"),
                            (("engines",), "/v1/engines"), (("list",), "/v1/jobs?page_size=50")):
            self.assertEqual(self.pagecast("--json", *words).stdout.rstrip("\n"),
                             self.agent.get(path).body.decode().rstrip("\n"))
        self.assertEqual(json.loads(self.pagecast("--json", "agent").stdout)["workers"], 2)
        self.assertIn("lo", [one["name"] for one in json.loads(self.pagecast("--json", "interfaces").stdout)["interfaces"]])

    def test_errors_are_the_apis(self):
        ran = self.pagecast("get", "no-such-job", code=1)
        self.assertEqual(ran.stdout, "")
        self.assertEqual(ran.stderr, f"pagecast: {self.agent.get('/v1/jobs/no-such-job').json()['message']}\n")
        ran = self.pagecast("--json", "get", "no-such-job", code=1)
        self.assertEqual(json.loads(ran.stderr)["code"], "not_found")


class Agents(Case):
    """Over the unix socket, found without being named, and several at once."""

    def test_unix_socket(self):
        ran = self.pagecast("send", self.udp, "--text", "x", agent=f"unix:{self.agent.unix}")
        self.assertEqual(self.summary(ran.stdout)["sent"], "1")
        ran = self.pagecast("send", self.udp, "--text", "x", agent=[], env={"PAGECAST_AGENT": f"unix:{self.agent.unix}"})
        self.assertEqual(self.summary(ran.stdout)["sent"], "1")

    def test_the_socket_of_this_machine_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(f"{folder}/pagecast")
            os.symlink(self.agent.unix, f"{folder}/pagecast/api.sock")
            self.assertIn("kernel", self.pagecast("agent", agent=[], env={"XDG_RUNTIME_DIR": folder}).stdout)
            os.symlink(self.agent.unix, f"{folder}/api.sock")
            self.assertIn("kernel", self.pagecast("agent", agent=[], env={"RUNTIME_DIRECTORY": folder}).stdout)

    def test_several(self):
        with Agent() as other:
            both = [self.agent.url, other.url]
            ran = self.pagecast("send", self.udp, "--text", "x", "--packets", "7", agent=both)
            self.assertEqual(self.receiver.wait(14), 14)
            for url in both:
                mine = "".join(line.removeprefix(f"{url}  ") for line in ran.stdout.splitlines(True) if line.startswith(url))
                self.assertEqual(self.summary(mine)["sent"], "7")
            self.assertEqual(len(self.pagecast("agent", agent=both).stdout.splitlines()),
                             2 * len(self.pagecast("agent").stdout.splitlines()))
            documents = self.pagecast("--json", "version", agent=both).stdout
            self.assertEqual(documents.count('"kernel"'), 2)

    def test_one_of_several_is_not_there(self):
        gone = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
        ran = self.pagecast("list", agent=[gone, self.agent.url], code=1)
        self.assertIn(f"{self.agent.url}  ID", ran.stdout)
        self.assertIn(f"no agent at {gone}: connection refused", ran.stderr)
        ran = self.pagecast("send", self.udp, "--text", "x", agent=[self.agent.url, gone], code=1)
        self.assertIn("SUCCEEDED", ran.stdout)
        self.pagecast("list", agent=[gone, gone], code=3)



class Preview(Case):
    def test_what_would_be_sent_is_shown_and_not_sent(self):
        spec = json.dumps(udp_job(self.receiver.port, 100, pps=50))
        told = self.pagecast("preview", "-", "--packets", "3", input=spec).stdout
        lines = told.splitlines()
        self.assertEqual(lines[0].split(), ["AT", "BYTES", "STREAM", "PACKET"])
        self.assertEqual(len([line for line in lines if f"127.0.0.1:{self.receiver.port}" in line]), 3, told)
        self.assertIn("in all 100 packets, 500 bytes, in 1.98 s", told)
        self.assertRegex(told, r"(?m)^path   udp: ")
        shown = json.loads(self.pagecast("--json", "preview", "-", input=spec).stdout)
        self.assertEqual(len(shown["packets"]), 10)
        self.assertEqual(self.receiver.wait(1, 0.2), 0)

    def tshark(self, data, *args):
        if not shutil.which("tshark"):
            self.skipTest("there is no tshark")
        ran = subprocess.run(["tshark", "-n", "-r", "-", *args], input=data, capture_output=True, check=False,
                             timeout=60 * PATIENCE)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        complaints = [line for line in ran.stderr.decode().splitlines() if "Running as user" not in line]
        self.assertEqual(complaints, [])
        return ran.stdout.decode()

    def test_a_capture_file(self):
        spec = json.dumps(udp_job(self.receiver.port, 100, pps=50, text="captured"))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "preview.pcap")
            told = self.pagecast("preview", "-", "--packets", "7", "--pcap", path, input=spec).stdout
            self.assertIn("in all 100 packets", told)
            with open(path, "rb") as file:
                data = file.read()
            ran = self.pagecast("preview", "-", "--pcap", path, input=json.dumps(udp_job(70000)), code=1)
            self.assertIn("70000", ran.stderr)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), data)  # a refusal leaves the file alone
            unfit = json.dumps({"engine": "TXRING", **json.loads(spec)})  # datagrams through a frame ring
            ran = self.pagecast("preview", "-", "--pcap", path + ".unfit", input=unfit, code=1)
            # without CAP_NET_RAW that is what is missing first
            reason = "a packet ring sends Ethernet frames only|TXRING is not available here: .*CAP_NET_RAW"
            self.assertRegex(ran.stdout + ran.stderr, reason)
            self.assertFalse(os.path.exists(path + ".unfit"))
            for arguments in ([], ["--json"]):
                ran = self.pagecast(*arguments, "preview", "-", input=unfit, code=1)
                self.assertRegex(ran.stdout, reason)
                self.assertNotIn("unlimited number", ran.stdout)
            ran = self.pagecast("preview", "-", "--pcap", folder, input=spec, code=1)
            self.assertIn(f"{folder}: Is a directory", ran.stderr)
        read = self.tshark(data, "-T", "fields", "-e", "udp.dstport", "-e", "data.data", "-e", "frame.time_epoch")
        rows = [line.split("\t") for line in read.splitlines()]
        self.assertEqual([row[:2] for row in rows], [[str(self.receiver.port), b"captured".hex()]] * 7)
        self.assertEqual([round(float(row[2]), 6) for row in rows], [i * 0.02 for i in range(7)])

    def test_a_capture_on_standard_output_is_nothing_else(self):
        spec = json.dumps(udp_job(self.receiver.port, 3))
        command = [PAGECAST, "--agent", self.agent.url, "preview", "-", "--pcap", "-"]
        ran = subprocess.run(command, input=spec.encode(), capture_output=True, check=False, timeout=60)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        self.assertEqual(ran.stdout[:4], b"\x4d\x3c\xb2\xa1")
        self.assertEqual(len(self.tshark(ran.stdout, "-V", "-o", "udp.check_checksum:TRUE").split("Frame Number:")), 4)
        both = [self.agent.url, self.agent.url]
        ran = self.pagecast("preview", "-", "--pcap", "-", agent=both, input=spec, code=2)
        self.assertIn("one agent", ran.stderr)

    def test_a_wrong_spec_is_refused(self):
        ran = self.pagecast("preview", "-", input=json.dumps(udp_job(70000)), code=1)
        self.assertEqual(ran.stderr, "pagecast: streams[0].udp.port: 70000 is not between 1 and 65535\n")
        for wrong in ('{"streams":[x]}', '{"streams":\n[x]}', '{"colour":1,"streams":[]}'):  # as in the user's own text
            told = [self.pagecast(command, "-", input=wrong, code=1).stderr for command in ("preview", "submit")]
            self.assertEqual(told[0], told[1])
        self.assertIn("0", self.pagecast("preview", "-", "--packets", "0", input="{}", code=2).stderr)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
