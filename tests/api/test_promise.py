"""What a rate promised and nobody sent: an agent that did not run for a while says so."""

import os
import signal
import subprocess
import time
import unittest

from pagecast_test import ANSWER_SECONDS, Agent, UdpReceiver, main, program

PPS = 1000
SECONDS = 2


class Stalled(unittest.TestCase):
    def setUp(self):
        self.receiver = UdpReceiver(keep=1)
        self.addCleanup(self.receiver.close)
        self.agent = Agent()
        self.addCleanup(self.agent.close)

    def spec(self, **limit):
        return {"streams": [{"udp": {"address": "127.0.0.1", "port": self.receiver.port},
                             "payloads": [{"text": "hello"}], "rate": {"pps": PPS}, "limit": limit}]}

    def stall(self, seconds):
        """Stop the whole agent, as a hypervisor or a debugger does."""
        self.receiver.wait(300)
        os.kill(self.agent.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.agent.pid, signal.SIGCONT)

    def missing(self, job):
        told = [problem for problem in job["problems"] if problem["code"] == "rate_not_held"]
        return int(told[0]["count"]) if told else 0

    def test_of_a_duration(self):
        job_id = self.agent.submit(self.spec(duration=f"{SECONDS}s"))["id"]
        self.stall(0.7)
        job = self.agent.wait_end(job_id)
        account = job["account"]
        sent, missing = int(account["packetsSent"]), self.missing(job)
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED")
        self.assertGreater(missing, 400)  # of 700, less what is made up for
        self.assertLessEqual(abs(sent + missing - PPS * SECONDS), 2, job)
        self.assertEqual(int(account["packetsRequested"]), sent)
        self.assertEqual(self.receiver.wait(sent), sent)

    def test_the_client_says_so(self):
        client = subprocess.Popen(
            [program("PAGECAST"), "--agent", self.agent.url, "send", f"udp://127.0.0.1:{self.receiver.port}",
             "--text", "hello", "--pps", str(PPS), "--duration", f"{SECONDS}s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.stall(0.7)
        out, err = client.communicate(timeout=ANSWER_SECONDS)
        self.assertEqual(client.returncode, 0, out + err)
        self.assertRegex(out + err, r"\d+ of 2000 packets that the rate promised \(\d+(\.\d+)? %\) were not sent")

    def test_of_a_number_of_packets_nothing_is_missing(self):
        job_id = self.agent.submit(self.spec(packets="1500"))["id"]
        self.stall(0.5)
        job = self.agent.wait_end(job_id)
        self.assertEqual(int(job["account"]["packetsSent"]), 1500)
        self.assertEqual(self.missing(job), 0)


if __name__ == "__main__":
    main()
