"""PreviewJob: what is shown is what is sent, byte for byte; as a pcap it is one that tshark believes."""

import base64
import concurrent.futures
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import unittest

import pagecast_test as pt

PACKET_OUTGOING = 4
PCAP = {"Accept": "application/vnd.tcpdump.pcap"}
PROTOCOL = 253  # for experiments (RFC 3692)
PAYLOADS = [{"text": "hello"}, {"bytes": base64.b64encode(bytes(range(256))).decode()}, {"hex": "00"},
            {"random": {"length": 700, "seed": 7}}, {"text": ""}]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parts(packet):
    """(header length, protocol, pseudo header) of an IPv4 or IPv6 packet."""
    if packet[0] >> 4 == 4:
        length = (packet[0] & 15) * 4
        return length, packet[9], packet[12:20] + struct.pack(">BBH", 0, packet[9], len(packet) - length)
    return 40, packet[6], packet[8:40] + struct.pack(">IHBB", len(packet) - 40, 0, 0, packet[6])


def sealed(packet, port_known=True):
    """What the kernel alone decides put out of the way: the IPv4 identification, and its checksum with it; the
    flow label of IPv6; a source port that it chose. The UDP checksum, which loopback leaves to a device that
    is not there, made."""
    packet = bytearray(packet)
    header, protocol, pseudo = parts(packet)
    if packet[0] >> 4 == 4:
        packet[4:6] = packet[10:12] = b"\0\0"
        struct.pack_into(">H", packet, 10, checksum(bytes(packet[:header])))
    else:
        packet[1] &= 0xF0
        packet[2:4] = b"\0\0"
    if protocol == socket.IPPROTO_UDP:
        if not port_known:
            packet[header:header + 2] = b"\0\0"
        packet[header + 6:header + 8] = b"\0\0"
        made = checksum(bytes(pseudo) + bytes(packet[header:]))
        struct.pack_into(">H", packet, header + 6, made or 0xFFFF)
    return bytes(packet)


class Wire:
    """The packets that arrive on the loopback device and fit @wanted, as IP packets."""

    def __init__(self, wanted):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.bind(("lo", 3))
        pt.room_for_all(self.socket)
        self.socket.settimeout(0.1)
        self.wanted = wanted

    def read(self, count, seconds=60):
        found = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            try:
                packet, address = self.socket.recvfrom(70000)
            except TimeoutError:
                continue
            if address[2] != PACKET_OUTGOING and packet[0] >> 4 in (4, 6) and self.wanted(packet):
                found.append(packet)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()


class Preview(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent(policy={"allowedSources": ["127.0.0.0/8"]})

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def preview(self, spec, count):
        answer = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": count})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def assert_same(self, destination, wanted, port_known=True, payloads=None, count=None, **more):
        payloads = payloads or PAYLOADS
        count = count or 2 * len(payloads)
        spec = {"streams": [{**destination, "payloads": payloads, "rate": {"pps": 200},
                             "limit": {"packets": count}, **more}]}
        shown = [base64.b64decode(packet["bytes"]) for packet in self.preview(spec, count)["packets"]]
        self.assertEqual(len(shown), count)
        with Wire(wanted) as wire:
            job = self.agent.submit(spec)
            sent = wire.read(count)
        end = self.agent.wait_end(job["id"])
        self.assertEqual(end["account"]["packetsSent"], str(count), end)
        self.assertEqual(len(sent), count)
        for mine, real in zip(shown, sent):
            self.assertEqual(mine, sealed(mine, port_known))  # its own checksums are right
            if "stamp" in more:  # time, epoch and with them the CRC are those of the moment
                mine, real = (sealed(packet[:-16] + bytes(16), port_known) for packet in (mine, real))
            self.assertEqual(mine.hex(), sealed(real, port_known).hex())

    def udp(self, stream=None, **more):
        with pt.UdpReceiver(more.get("address", "127.0.0.1"), keep=0) as sink:
            port = sink.port

            def wanted(packet):
                header, protocol, _ = parts(packet)
                return protocol == socket.IPPROTO_UDP and packet[header + 2:header + 4] == port.to_bytes(2, "big")
            self.assert_same({"udp": {"address": "127.0.0.1", "port": port, **more}}, wanted,
                             "sourcePort" in more, **(stream or {}))

    def test_the_path_is_the_one_that_is_taken(self):
        with pt.UdpReceiver(keep=0) as sink:
            for rate, words in ({"pps": 500, "maxBackToBack": 1}, "single datagrams"), ({"unlimited": True}, "trains"):
                spec = pt.udp_job(sink.port, 400)
                spec["streams"][0]["rate"] = rate
                shown = self.preview(spec, 1)
                end = self.agent.wait_end(self.agent.submit(spec)["id"])
                self.assertIn(words, shown["path"])
                self.assertEqual((shown["path"], shown["kernelCopies"]),
                                 (end["report"]["path"], end["report"]["kernelCopies"]))

    def test_udp(self):
        self.udp()

    def test_udp_with_all_that_can_be_set(self):
        self.udp(sourcePort=pt.free_port(), sourceAddress="127.0.0.3", ttl=7, dscp=46, dontFragment=True)

    def test_udp_over_ipv6(self):
        self.udp(address="::1", sourcePort=pt.free_port(), ttl=9, dscp=10)

    def raw(self, address, stream=None, **more):
        self.assert_same({"rawIp": {"address": address, "protocol": PROTOCOL, **more}},
                         lambda packet: parts(packet)[1] == PROTOCOL, payloads=PAYLOADS[:4], **(stream or {}))

    def test_raw_ip(self):
        self.raw("127.0.0.1", ttl=3, dscp=8, sourceAddress="127.0.0.9")

    def test_raw_ipv6(self):
        self.raw("::1", ttl=3)

    def test_sizes(self):
        for size in ({"range": {"min": 3, "max": 700, "step": 41}}, {"range": {"min": 0, "max": 99, "random": True, "seed": 5}},
                     {"mix": {"sizes": [{"size": 90, "weight": 7}, {"size": 570, "weight": 4}, {"size": 1518, "weight": 1}],
                              "seed": 9}, "layer": "LAYER_L2_FCS"}):
            with self.subTest(size):
                stream = {"size": size, "count": 60, "rate": {"pps": 2000}}
                self.udp(stream)
                self.udp(stream, address="::1")
                self.raw("127.0.0.1", stream)

    def test_modifiers_and_stamps(self):
        modifiers = [{"offset": 2, "widthBits": 32, "counter": {"start": 5, "step": -3, "count": 7}},
                     {"offset": 9, "widthBits": 16, "random": {"min": 100, "max": 1000, "seed": 3}, "mask": 0x0FFF},
                     {"offset": 20, "widthBits": 8, "list": {"values": [1, 2, 250]}, "every": 4}]
        for more in ({"modifiers": modifiers, "size": {"fixed": 64}},
                     {"modifiers": modifiers, "size": {"range": {"min": 64, "max": 700, "step": 53}}, "stamp": {"streamId": 7}}):
            with self.subTest(more):
                stream = {**more, "count": 60, "rate": {"pps": 2000}}
                self.udp(stream)
                self.udp(stream, address="::1")
                self.raw("127.0.0.1", stream)

        self.udp({"payloads": [{"random": {"length": 90, "seed": 3, "each": True}}, {"text": "between"}], "count": 20})

    def test_any_packet_is_known_from_its_number(self):
        spec = {"streams": [{"udp": {"address": "127.0.0.1", "port": 9}, "limit": {"packets": 2_000_000},
                             "size": {"range": {"min": 60, "max": 99, "random": True, "seed": 4}}, "stamp": {"streamId": 1},
                             "modifiers": [{"offset": 0, "widthBits": 32, "counter": {"step": 1}}]}]}
        answer = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": 2, "from": 1_000_000}).json()
        whole = self.preview(spec, 41)["packets"]
        for i, packet in enumerate(answer["packets"]):
            data = base64.b64decode(packet["bytes"])
            self.assertEqual(struct.unpack(">I", data[28:32])[0], 1_000_000 + i)
            self.assertEqual(struct.unpack(">Q", data[-24:-16])[0], 1_000_000 + i)
            self.assertEqual(len(data), len(base64.b64decode(whole[i]["bytes"])))  # 40 sizes: the first again

    def test_nothing_is_sent(self):
        with pt.UdpReceiver() as sink:
            answer = self.preview(pt.udp_job(sink.port, 5), 5)
            self.assertEqual(len(answer["packets"]), 5)
            self.assertEqual(sink.wait(1, 0.2), 0)
        self.assertEqual(answer["totalPackets"], "5")

    def test_when_and_how_long(self):
        answer = self.preview(pt.udp_job(9, 100, pps=50), 3)
        self.assertEqual([packet["at"] for packet in answer["packets"]], ["0s", "0.020s", "0.040s"])
        self.assertAlmostEqual(answer["seconds"], 2, delta=0.05)
        self.assertEqual((answer["totalPackets"], answer["totalBytes"]), ("100", "500"))
        self.assertIn("udp", answer["path"])

    def test_a_duration_holds_whatever_part_of_a_gap_is_left_over(self):
        for pps, duration, count in ((100, "1s", 100), (3, "0.500s", 2), (1.5, "2s", 3), (7, "0.010s", 1), (1000, "0.0015s", 2)):
            spec = pt.udp_job(9, 1, pps=pps)
            spec["streams"][0]["limit"] = {"duration": duration}
            shown = self.preview(spec, 1000)
            self.assertEqual((shown["totalPackets"], len(shown["packets"])), (str(count), count), (pps, duration))

    def test_what_follows_is_shown_from_there(self):
        """Streams of several rates, bursts, sizes and limits, page by page and at once: the same packets."""
        udp = {"udp": {"address": "127.0.0.1", "port": 9}}
        streams = [{**udp, "name": "even", "payloads": PAYLOADS, "rate": {"pps": 1000}, "limit": {"packets": 90}},
                   {**udp, "name": "bits", "payloads": PAYLOADS, "rate": {"bps": 800000}, "limit": {"packets": 70}},
                   {**udp, "name": "bursts", "rate": {"pps": 10000}, "burst": {"packets": 7, "gap": "0.010s"},
                    "limit": {"packets": 60}, "startDelay": "0.003s"},
                   {**udp, "name": "all at once", "payloads": [{"text": "x", "repeat": 11}, {"text": "yy"}],
                    "limit": {"packets": 50}},
                   {**udp, "name": "for a time", "rate": {"pps": 500}, "limit": {"duration": "0.050s"}}]
        for some in streams, streams[:1], streams[1:2], streams[2:3], streams[3:4], streams[4:]:
            whole = self.preview({"streams": some}, 1000)
            self.assertNotIn("nextFrom", {k: v for k, v in whole.items() if v != "0"})
            count = len(whole["packets"])
            for start in 0, 1, 6, 7, 8, 24, 49, count - 1:
                page = self.agent.post("/v1/jobs:preview",
                                       {"spec": {"streams": some}, "packets": 5, "from": start}).json()
                self.assertEqual(page["packets"], whole["packets"][start:start + 5], (len(some), start))
                more = str(start + 5) if start + 5 < count else "0"
                self.assertEqual(page["nextFrom"], more, (len(some), start))
        self.assertEqual(self.agent.post("/v1/jobs:preview", {"spec": {"streams": streams}, "from": 500}).json()["packets"],
                         [])

    def test_how_far_it_shows(self):
        spec = pt.udp_job(9, 1, pps=1000)
        spec["streams"][0]["limit"] = {"untilCancelled": True}
        page = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": 1, "from": 1000000}).json()
        self.assertEqual((page["packets"][0]["at"], page["nextFrom"]), ("1000s", "1000001"))
        for spec, start, words in (
                (spec, 1000001, "1000001 is more than 1000000"),
                ({"streams": spec["streams"] * 3}, 900000, "900000 is too far into a job of this many streams side by "
                 "side: at most 100000")):
            answer = self.agent.post("/v1/jobs:preview", {"spec": spec, "from": start})
            self.assertEqual((answer.status, answer.json()["code"]), (400, "invalid_argument"))
            fault, = answer.json()["details"][0]["debug"]["fieldViolations"]
            self.assertEqual((fault["field"], fault["description"]), ("from", words))

    def test_a_small_request_costs_little(self):
        """64 KiB that name a hundred megabytes, in several forms, alone and 24 at a time."""
        port = {"address": "127.0.0.1", "port": 9}
        frame = {"interface": "lo", "header": {"destinationMac": "02:00:00:00:00:02", "sourceMac": "02:00:00:00:00:01",
                                               "destinationAddress": "127.0.0.1", "sourceAddress": "127.0.0.1",
                                               "destinationPort": 9}}
        long = [{"random": {"length": 65507, "seed": i}} for i in range(1600)]
        specs = ({"streams": [{"udp": port, "payloads": long}]},
                 {"streams": [{"rawIp": {"address": "127.0.0.1", "protocol": 253}, "payloads": long}]},
                 {"streams": [{"udp": port, "payloads": [{"pattern": {"kind": "ONES", "length": 65507}}] * 1300}]},
                 {"streams": [{"ethernet": frame, "payloads": long}]},
                 {"streams": [{"udp": port, "size": {"fixed": 65507}, "payloads": [{"text": ""}] * 4000}]})

        def peak():
            with open(f"/proc/{agent.pid}/status", encoding="ascii") as status:
                return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

        def ask(spec):
            answer = agent.post("/v1/jobs:preview", {"spec": spec, "packets": 1000})
            self.assertEqual(answer.status, 200, answer)
            self.assertLess(len(answer.body), 768 << 10)

        with pt.Agent(policy={"allowEthernet": True}) as agent:
            ask(specs[0])  # what is allocated once
            before = peak()
            for spec in specs:
                ask(spec)
            alone = peak() - before
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                list(pool.map(ask, specs * 5))
            together = peak() - before
            print(f"peak above the first preview: one after the other {alone >> 10} KiB, 24 at a time {together >> 10} KiB")
            if not os.environ.get("PAGECAST_SANITIZED"):  # which keeps what is freed, for a while
                self.assertLess(alone, 6 << 20)
                self.assertLess(together, 24 << 20)

    def test_totals_that_no_counter_holds(self):
        stream = {"udp": {"address": "127.0.0.1", "port": 9}, "size": {"fixed": 60000}}
        totals = {"packets": 1 << 53}, {"packets": 1 << 48}, {"duration": "3153600000s"}
        for limit, packets, count in ((totals[0], 1 << 53, 60000 << 53), (totals[1], 1 << 48, 60000 << 48),
                                      (totals[2], 3153600000 * 10**9, 3153600000 * 10**9 * 60000)):
            spec = {"streams": [{**stream, "limit": limit, "rate": {"pps": 1e9}}]}
            answer = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": 1}).json()
            told = int(answer["totalPackets"]), int(answer["totalBytes"])
            self.assertEqual(told, (packets, min(count, (1 << 64) - 1)))

    def test_what_would_be_refused_is_refused(self):
        answer = self.agent.post("/v1/jobs:preview", {"spec": pt.udp_job(70000, 1)})
        self.assertEqual((answer.status, answer.json()["code"]), (400, "invalid_argument"))
        fault, = answer.json()["details"][0]["debug"]["fieldViolations"]
        self.assertEqual(fault["field"], "spec.streams[0].udp.port")
        answer = self.agent.post("/v1/jobs:preview", {"spec": pt.udp_job(9, 1, address="8.8.8.8")})
        self.assertEqual((answer.status, answer.json()["code"]), (403, "permission_denied"))

    def test_a_pcap_that_tshark_believes(self):
        if not shutil.which("tshark"):
            self.skipTest("there is no tshark")
        spec = {"streams": [{"udp": {"address": address, "port": 4789, "sourcePort": port}, "payloads": PAYLOADS,
                             "limit": {"packets": 5}} for address, port in (("127.0.0.1", 4001), ("::1", 4002))]}
        answer = self.agent.post("/v1/jobs:preview", {"spec": spec, "packets": 10}, headers=PCAP)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, PCAP["Accept"]))
        ran = subprocess.run(["tshark", "-n", "-r", "-", "-o", "ip.check_checksum:TRUE",
                              "-o", "udp.check_checksum:TRUE", "--disable-protocol", "vxlan",
                              "-T", "fields", "-e", "udp.length",
                              "-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "_ws.expert"],
                             input=answer.body, check=False, capture_output=True, timeout=60)
        lines = [line.split("\t") for line in ran.stdout.decode().splitlines()]
        self.assertEqual((ran.returncode, len(lines)), (0, 10), ran.stderr)
        lengths = sorted(8 + length for length in (5, 256, 1, 700, 0) * 2)
        self.assertEqual(sorted(int(line[0]) for line in lines), lengths)
        self.assertEqual({line[1] for line in lines}, {"1", ""})  # good, or IPv6, which has none
        self.assertEqual({line[2] for line in lines}, {"1"})
        self.assertEqual({line[3] for line in lines}, {""}, lines)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root, to see packets and to send raw ones")
        sys.exit(77)
    if shutil.which("unshare") and "alone" not in sys.argv:  # where no other test's packets are
        alone = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0:
            os.execvp(alone[0], [*alone, sys.executable, "-B", os.path.abspath(__file__), "alone"])
    if "alone" in sys.argv:
        sys.argv.remove("alone")
    pt.main()
