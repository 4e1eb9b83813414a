"""What the policy's maxima promise holds on the wire: every packet is seen at the device that sends it, with the kernel's time stamp.

In a window of any length there are at most rate * time + h + workers * m packets (or bits at layer 2), h being 5 ms of
the maximum and m the larger of h and the largest packet (agent/sender/bucket.h): below
rate * time + (1 + workers) * max(10 ms of the maximum, the largest packet). Lengths of time decide nothing here: a slow
machine sends later, and no closer together.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from pagecast_test import Agent, excess, main, until

CLONE_NEWNET = 0x40000000
ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR, PACKET_OUTGOING = 3, 263, 6, 15, 4
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
LIBC = ctypes.CDLL(None, use_errno=True)
TX_MAC, RX_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
TO = "198.18.0.2"
ALLOWED = {"allowedNetworks": ["198.18.0.0/15"], "allowEthernet": True, "allowHeaderIncluded": True}


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        print(f"skipped: ip {' '.join(words)}: {done.stderr.strip()}")
        sys.exit(77)


class Wire(threading.Thread):
    """Notes (seconds, packets, bits) of what leaves by tx0; a train that the kernel has not cut yet is its segments."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("tx0", ETH_P_ALL))
        self.socket.settimeout(0.1)
        self.seen = []
        self.ends = None
        self.start()

    def run(self):
        buffer = bytearray(128)
        mac = bytes.fromhex(RX_MAC.replace(":", ""))
        while True:
            try:
                length, control, _, address = self.socket.recvmsg_into([buffer], 64, socket.MSG_TRUNC)
            except TimeoutError:
                if self.ends:
                    return
                continue
            if address[2] != PACKET_OUTGOING or buffer[10:16] != mac:
                continue
            seconds, nanos = struct.unpack("qq", control[0][2][:16])
            if self.ends and seconds + nanos * 1e-9 > self.ends:
                return
            _, train, _, segment, sum_start, _ = struct.unpack("<BBHHHH", buffer[:10])
            length -= 10
            packets = 1
            if train:
                headers = sum_start + 8
                packets = -(-(length - headers) // segment)
                length += (packets - 1) * headers
            self.seen.append((seconds + nanos * 1e-9, packets, 8 * length))

    def stop(self):
        self.ends = time.time()
        self.join()
        dropped = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()
        if dropped:
            raise AssertionError(f"more left than could be seen: {dropped} beside {len(self.seen)}")
        return self.seen


def start_time(ahead):
    when = time.time() + ahead
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{int(when % 1 * 1e9):09d}Z"


def udp(rate=None, payloads=({"text": "hello"},), limit=None, **more):
    stream = {"udp": {"address": TO, "port": 9}, "payloads": list(payloads),
              "limit": limit or {"untilCancelled": True}, **more}
    if rate:
        stream["rate"] = rate
    return stream


def raw_ip(rate):
    return {**udp(rate), "udp": None, "rawIp": {"address": TO, "protocol": 253}}


def frame(rate):
    header = {"destinationMac": RX_MAC, "sourceAddress": "198.18.0.1", "destinationAddress": TO, "sourcePort": 7,
              "destinationPort": 9}
    return {**udp(rate), "udp": None, "ethernet": {"interface": "tx0", "header": header}}


SLOW_BURST = {"pps": 0.5, "maxBackToBack": 2048}


class WireRates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() or not shutil.which("ip"):
            print("skipped: needs root and ip(8)")
            sys.exit(77)
        if LIBC.unshare(CLONE_NEWNET):
            print("skipped: no network namespace")
            sys.exit(77)
        ip("link", "set", "lo", "up")
        ip("link", "add", "tx0", "address", TX_MAC, "type", "veth", "peer", "name", "rx0", "address", RX_MAC)
        ip("addr", "add", "198.18.0.1/24", "dev", "tx0")
        for device in ("tx0", "rx0"):
            ip("link", "set", device, "up")
        ip("neigh", "replace", TO, "lladdr", RX_MAC, "dev", "tx0")
        until(lambda: "state UP" in subprocess.run(["ip", "link", "show", "tx0"], capture_output=True, text=True,
                                                  check=True, timeout=30).stdout)

    def begin(self, workers=1, **policy):
        self.workers = workers
        self.agent = Agent("--workers", str(workers), policy={**ALLOWED, **policy})
        self.addCleanup(self.agent.close)
        self.wire = Wire()

    def start(self, *streams, **more):
        return self.agent.submit({"streams": [{k: v for k, v in stream.items() if v is not None} for stream in streams],
                                  **more})["id"]

    def running(self, *streams, **more):
        job = self.start(*streams, **more)
        until(lambda: self.agent.job(job)["state"] != "JOB_STATE_QUEUED")
        return job

    def see(self, seconds, least=1, since=0):
        """What left from the first packet on, in that time at least, and @least bits from @since on: all jobs are
        cancelled then."""
        until(lambda: self.wire.seen)
        time.sleep(seconds)
        until(lambda: sum(length for when, _, length in list(self.wire.seen) if when >= since) >= least)
        self.assertEqual(self.agent.post("/v1/jobs:cancel", {"all": True}).status, 200)
        return self.wire.stop()

    def assert_held(self, seen, rate, largest=1, bits=False, workers=None):
        self.assertGreater(len(seen), 0)
        half = rate * 0.005
        bound = half + (workers or self.workers) * max(half, largest)
        most = excess([(when, length if bits else packets) for when, packets, length in seen], rate)
        self.assertLessEqual(most, bound + 1, f"beyond {rate} a second; {sum(each[1] for each in seen)} packets in all")

    def test_large_groups_of_a_thousand_slow_streams(self):
        self.begin(maxPps=500, maxTotalPps=500)
        job = self.start(*1000 * [udp(SLOW_BURST)])
        self.assert_held(self.see(3), 500)
        holds = self.agent.wait_end(job)["report"]["policyHolds"]
        self.assertEqual({each["maximum"] for each in holds} - {"maxPps", "maxTotalPps"}, set())
        self.assertGreater(sum(float(each["held"][:-1]) for each in holds), 0)

    def test_large_packets_among_many_small_ones(self):
        self.begin(maxBpsL2=1e6)
        self.start(udp({"pps": 2900}, [{"random": {"length": 65507}, "repeat": 500}, {"text": "", "repeat": 4200000000}]))
        seen = self.see(3)
        self.assert_held(seen, 1e6, 8 * (65507 + 45 * 42), bits=True)

    def test_a_job_without_a_rate_from_its_first_packet_on(self):
        self.begin(maxBpsL2=1e6)
        self.start(udp(None, [{"random": {"length": 1400}, "repeat": 50}, {"text": "", "repeat": 5000}]))
        seen = self.see(2, least=1.5e6)
        self.assert_held(seen, 1e6, 8 * 1442, bits=True)

    def test_first_packets_of_many_streams(self):
        self.begin(workers=2, maxTotalPps=500)
        for _ in range(4):
            self.start(*1000 * [udp({"pps": 0.2}, limit={"packets": 1})])
        self.assert_held(self.see(3), 500)

    def test_new_rates_again_and_again(self):
        self.begin(maxPps=500)
        job = self.running(udp({"pps": 500, "maxBackToBack": 2048}))
        for i in range(30):
            rate = {"pps": 499 + i % 2, "maxBackToBack": 2048}
            self.assertEqual(self.agent.request("PATCH", f"/v1/jobs/{job}", {"rate": rate}).status, 200)
        self.assert_held(self.see(0.5), 500)

    def test_pauses_and_resumes(self):
        self.begin(maxPps=500)
        job = self.running(*10 * [udp({"pps": 50, "maxBackToBack": 40})])
        for _ in range(20):
            for verb in ("pause", "resume"):
                self.agent.post(f"/v1/jobs/{job}:{verb}")
        self.assert_held(self.see(0.5), 500)

    def test_catching_up_after_a_stall(self):
        self.begin(workers=2, maxTotalPps=1000)
        for _ in range(2):
            self.running(udp({"pps": 500}))
        for _ in range(4):
            time.sleep(0.3)
            os.kill(self.agent.pid, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(self.agent.pid, signal.SIGCONT)
        self.assert_held(self.see(0.5), 1000)

    def test_a_policy_that_lowers_the_total_below_what_runs(self):
        self.begin(workers=4, maxTotalPps=4000)
        jobs = [self.running(udp({"pps": 1000, "maxBackToBack": 100})) for _ in range(4)]
        with open(os.path.join(self.agent.folder, "policy.json"), "w", encoding="utf-8") as file:
            json.dump({**ALLOWED, "maxTotalPps": 400}, file)
        until(lambda: len(self.wire.seen) > 20)
        lowered = time.time()
        self.agent.process.send_signal(signal.SIGHUP)
        until(lambda: "event=policy_reloaded" in self.agent.log_text())
        for verb in ("pause", "resume"):  # an order that is obeyed: the policy is in force
            for job in jobs:
                self.assertEqual(self.agent.post(f"/v1/jobs/{job}:{verb}").status, 200)
        since = time.time()
        time.sleep(2)
        self.assertEqual([self.agent.job(job)["state"] for job in jobs], 4 * ["JOB_STATE_RUNNING"])
        seen = self.see(0, least=600 * 8 * 47, since=since)  # what it allows is reached
        self.assert_held([each for each in seen if each[0] < lowered], 4000)
        late = [each for each in seen if each[0] >= since]
        self.assert_held(late, 400)

    def test_many_jobs_at_one_instant(self):
        self.begin(workers=8, maxTotalPps=2000)
        at = start_time(1.5)
        for _ in range(8):
            self.start(*100 * [udp({"pps": 2, "maxBackToBack": 500})], startTime=at)
        self.assert_held(self.see(4), 2000)

    def test_frames_and_raw_packets(self):
        for stream in (frame, raw_ip):
            with self.subTest(stream.__name__):
                self.begin(maxPps=1000, maxTotalBpsL2=1e6)
                self.start(*20 * [stream({"pps": 50, "maxBackToBack": 2048})])
                seen = self.see(2)
                self.assert_held(seen, 1000)
                self.assert_held(seen, 1e6, max(each[2] // each[1] for each in seen), bits=True)

    def test_fragments_are_packets_too(self):
        self.begin(maxPps=900)
        self.start(udp({"pps": 900}, [{"random": {"length": 9000}}]))
        self.assert_held(self.see(2), 900, 7)


if __name__ == "__main__":
    main()
