"""Frames that differ, as they come out at the far end of a link: each once and in order, stamped, with right checksums; trains,
cut by the kernel, and single frames alike."""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

import pagecast_test as pt
from test_stamps import Stamp

CLONE_NEWNET = 0x40000000
TX_MAC, RX_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
HEADERS = 14 + 20 + 8


def run(*words):
    if subprocess.run(words, capture_output=True, check=False, timeout=30).returncode:
        print(f"skipped: {' '.join(words)} does not work here")
        sys.exit(77)


def folded(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() or not shutil.which("ip") or not shutil.which("ethtool"):
            print("skipped: needs root, ip(8) and ethtool(8)")
            sys.exit(77)
        if ctypes.CDLL(None).unshare(CLONE_NEWNET):
            print("skipped: no network namespace")
            sys.exit(77)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "tx0", "address", TX_MAC, "type", "veth", "peer", "name", "rx0", "address", RX_MAC)
        run("ip", "addr", "add", "198.18.0.1/24", "dev", "tx0")
        for device in ("tx0", "rx0"):
            run("ip", "link", "set", device, "up")
        # the kernel cuts trains and writes each checksum ahead of the link
        run("ethtool", "-K", "tx0", "tx-udp-segmentation", "off", "tx", "off")
        cls.agent = pt.Agent(policy={"allowedNetworks": ["198.18.0.0/15"], "allowEthernet": True})

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def arrived(self, receiver, count):
        frames = []
        while len(frames) < count:
            frame = receiver.recv(70000)
            if frame[:12] == bytes.fromhex((RX_MAC + TX_MAC).replace(":", "")) and frame[12:14] == b"\x08\0":
                frames.append(frame)
        return frames

    def check(self, packets, **more):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as receiver:
            pt.room_for_all(receiver)
            receiver.bind(("rx0", 0))
            receiver.settimeout(60)
            job = self.agent.submit({"streams": [{
                "ethernet": {"interface": "tx0", "header": {"destinationMac": RX_MAC, "destinationAddress": "198.18.0.2",
                                                            "destinationPort": 9}},
                "payloads": [{"text": "x"}], "limit": {"packets": packets}, "stamp": {},
                "modifiers": [{"offset": HEADERS + 2, "widthBits": 16, "counter": {"start": 3, "step": 1}}], **more}]})
            end = self.agent.wait_end(job["id"])
            self.assertEqual(end["account"]["packetsSent"], str(packets), end)
            for number, frame in enumerate(self.arrived(receiver, packets)):
                stamp = Stamp(frame)
                self.assertTrue(stamp.good)
                self.assertEqual(stamp.sequence, number)
                self.assertEqual(struct.unpack(">H", frame[HEADERS + 2:HEADERS + 4])[0], 3 + number)
                self.assertEqual(folded(frame[14:34]), 0xFFFF)
                udp = frame[34:]
                self.assertEqual(struct.unpack(">H", udp[4:6])[0], len(udp))
                self.assertEqual(folded(frame[26:34] + struct.pack(">BBH", 0, 17, len(udp)) + udp), 0xFFFF, number)
            return end["report"]["path"]

    def test_trains(self):
        self.assertIn("trains", self.check(700, size={"fixed": 100}))

    def test_frames_at_a_rate(self):
        self.check(200, size={"fixed": 100}, rate={"pps": 2000})

    def test_frames_of_many_sizes(self):
        self.check(300, size={"range": {"min": 90, "max": 700, "step": 7, "random": True}})


if __name__ == "__main__":
    pt.main()
