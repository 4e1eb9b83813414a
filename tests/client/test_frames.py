"""`pagecast send eth://…` to its end: frames that the agent builds, from one namespace to a receiver in another."""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

from cli import pagecast
from pagecast_test import Agent, main

CLONE_NEWNET = 0x40000000
PACKETS = 3000
RX_MAC = "02:00:00:00:00:02"
CAP_NET_ADMIN = 12
LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        print(f"skipped: ip {' '.join(words)}: {done.stderr.strip()}")
        sys.exit(77)


def enter(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() or not shutil.which("ip"):
            print("skipped: needs root and ip(8)")
            sys.exit(77)
        cls.tx, cls.rx = (f"pc-frames-{side}-{os.getpid()}" for side in ("tx", "rx"))
        for name in (cls.tx, cls.rx):
            ip("netns", "add", name)
            cls.addClassCleanup(subprocess.run, ["ip", "netns", "del", name], check=False)
        ip("-n", cls.tx, "link", "add", "tx0", "type", "veth", "peer", "name", "rx0", "netns", cls.rx)
        for name, device, number in ((cls.tx, "tx0", 1), (cls.rx, "rx0", 2)):
            ip("-n", name, "addr", "add", f"198.18.0.{number}/24", "dev", device)
            ip("-n", name, "addr", "add", f"fd00:c612::{number}/64", "dev", device, "nodad")
            ip("-n", name, "link", "set", device, "address", f"02:00:00:00:00:0{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        for name in (cls.tx, cls.rx):  # a link drops until the kernel's own thread has noticed the carrier
            while subprocess.run(["ip", "-n", name, "link", "show", "up"], capture_output=True, text=True, check=True,
                                 timeout=30).stdout.count("state UP") < 1:
                time.sleep(0.02)

    def setUp(self):
        self.receiver, port = self.receive(socket.AF_INET, "198.18.0.2")
        self.to = f"198.18.0.2:{port}"

    def receive(self, family, address):
        with open("/proc/self/ns/net", "rb") as own, open(f"/run/netns/{self.rx}", "rb") as other:
            enter(other.fileno())
            try:
                receiver = socket.socket(family, socket.SOCK_DGRAM)
            finally:
                enter(own.fileno())
        self.addCleanup(receiver.close)
        receiver.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE: nobody reads meanwhile
        receiver.bind((address, 0))
        receiver.settimeout(60)
        return receiver, receiver.getsockname()[1]

    def agent(self, policy, *prefix):
        agent = Agent(policy=policy, prefix=("ip", "netns", "exec", self.tx, *prefix))
        self.addCleanup(agent.close)
        with open(f"/proc/{agent.pid}/status", encoding="ascii") as status:
            self.capabilities = int(next(line.split()[1] for line in status if line.startswith("CapEff:")), 16)
        return f"unix:{agent.unix}"

    def send(self, agent, *words):
        return pagecast("send", f"eth://tx0/{RX_MAC}", "--destination", self.to, "--source", "198.18.0.1:5000",
                        *words, agent=agent)

    def expect(self, payload, count):
        for _ in range(count):
            self.assertEqual(self.receiver.recv(2000), payload)

    def test_each_frame_arrives_once_and_nothing_stays_behind(self):
        agent = self.agent({"allowEthernet": True, "allowedNetworks": ["198.18.0.0/15"]})
        ran = self.send(agent, "--text", "first" * 100, "--packets", str(PACKETS))
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}\n{ran.stderr}")
        self.expect(b"first" * 100, PACKETS)
        self.assertIn("trains of", ran.stdout)
        ran = self.send(agent, "--text", "second", "--pps", "100", "--packets", "20")
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}\n{ran.stderr}")
        self.expect(b"second", 20)
        self.receiver.settimeout(0.1)
        self.assertRaises(TimeoutError, self.receiver.recv, 1)

    def test_a_missing_mac_is_asked_for_when_the_job_starts(self):
        agent = self.agent({"allowEthernet": True, "allowedNetworks": ["198.18.0.0/15"]})
        words = ("--source", "198.18.0.1:5000", "--text", "asked", "--packets", "100")
        subprocess.run(["ip", "-n", self.tx, "neigh", "flush", "dev", "tx0"], check=True, timeout=30)
        ran = pagecast("send", "eth://tx0", "--destination", self.to, *words, agent=agent)
        self.assertEqual(ran.returncode, 0, f"{ran.stdout}\n{ran.stderr}")
        self.expect(b"asked", 100)
        start = time.monotonic()
        ran = pagecast("send", "eth://tx0", "--destination", "198.18.0.77:9", *words, agent=agent)
        self.assertLess(time.monotonic() - start, 45)  # not for ever
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("missing, and 198.18.0.77 does not answer", ran.stdout + ran.stderr)

    def test_a_missing_mac_is_asked_for_without_being_the_networks_administrator(self):
        """As the service runs: CAP_NET_RAW lets the agent ask, not the kernel."""
        agent = self.agent({"allowEthernet": True, "allowedNetworks": ["198.18.0.0/15", "fd00:c612::/64"]},
                           "setpriv", "--bounding-set=-net_admin")
        self.assertFalse(self.capabilities >> CAP_NET_ADMIN & 1)
        receiver, port = self.receive(socket.AF_INET6, "fd00:c612::2")
        subprocess.run(["ip", "-n", self.tx, "neigh", "flush", "dev", "tx0"], check=True, timeout=30)
        for to, own, at in ((self.to, "198.18.0.1:5000", self.receiver),
                            (f"[fd00:c612::2]:{port}", "[fd00:c612::1]:5000", receiver)):
            ran = pagecast("send", "eth://tx0", "--destination", to, "--source", own, "--text", "asked",
                           "--packets", "100", agent=agent)
            self.assertEqual(ran.returncode, 0, f"{ran.stdout}\n{ran.stderr}")
            for _ in range(100):
                self.assertEqual(at.recv(2000), b"asked")
        for to, own, who in (("198.18.0.77:9", "198.18.0.1:5000", "198.18.0.77"),
                             ("[fd00:c612::77]:9", "[fd00:c612::1]:5000", "fd00:c612::77")):
            ran = pagecast("send", "eth://tx0", "--destination", to, "--source", own, "--text", "asked",
                           "--packets", "100", agent=agent)
            self.assertNotEqual(ran.returncode, 0)
            self.assertIn(f"missing, and {who} does not answer", ran.stdout + ran.stderr)

    def test_without_raw_sockets_nobody_is_asked(self):
        agent = self.agent({"allowEthernet": True, "allowedNetworks": ["198.18.0.0/15"]},
                           "setpriv", "--bounding-set=-net_admin,-net_raw")
        subprocess.run(["ip", "-n", self.tx, "neigh", "flush", "dev", "tx0"], check=True, timeout=30)
        ran = pagecast("send", "eth://tx0", "--destination", self.to, "--source", "198.18.0.1:5000",
                       "--text", "asked", "--packets", "100", agent=agent)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("CAP_NET_RAW", ran.stdout + ran.stderr)

    def test_the_policy_forbids_frames_unless_it_allows_them(self):
        ran = self.send(self.agent({"allowedNetworks": ["198.18.0.0/15"]}), "--text", "x", "--packets", "5")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("allowEthernet", ran.stderr)
        self.receiver.settimeout(0.1)
        self.assertRaises(TimeoutError, self.receiver.recv, 1)


if __name__ == "__main__":
    main()
