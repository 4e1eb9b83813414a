"""Packets that differ, as a receiver sees them: each number once and in order, on every engine, over restarts; and what the
policy lets change."""

import os
import struct
import tempfile
import time
import unittest

import pagecast_test as pt

MAGIC = 0x50474331
ENGINES = ("SPLICE", "COPY", "ZEROCOPY", "URING")


def crc32c(data):
    """Slow, and written from the polynomial: a second opinion."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Stamp:
    def __init__(self, data):
        self.magic, self.stream, self.sequence, self.time, self.flags, self.crc = struct.unpack(">IIQQII", data[-32:])
        self.good = self.magic == MAGIC and self.crc == crc32c(data[-32:-4])


class Stamps(unittest.TestCase):
    def setUp(self):
        self.receiver = pt.UdpReceiver()
        self.addCleanup(self.receiver.close)

    def stream(self, packets, **more):
        return {"udp": {"address": "127.0.0.1", "port": self.receiver.port}, "limit": {"packets": packets}, "stamp": {},
                "size": {"fixed": 64}, "modifiers": [{"offset": 0, "widthBits": 32, "counter": {"start": 7, "step": 3}}], **more}

    def read(self, count):
        self.assertEqual(self.receiver.wait(count), count)
        return [Stamp(data) for data in self.receiver.datagrams]

    def test_each_packet_of_every_engine(self):
        with pt.Agent() as agent:
            for engine in ENGINES:
                for rate, packets in (({"unlimited": True}, 1500), ({"pps": 5000}, 300)):
                    with self.subTest(engine=engine, rate=rate):
                        self.receiver.datagrams, self.receiver.count = [], 0
                        began = time.time_ns()
                        job = agent.submit({"streams": [self.stream(packets, rate=rate)], "engine": f"ENGINE_KIND_{engine}"})
                        end = agent.wait_end(job["id"])
                        ended = time.time_ns()
                        stamps = self.read(packets)
                        self.assertEqual([stamp.sequence for stamp in stamps], list(range(packets)))
                        self.assertTrue(all(stamp.good for stamp in stamps))
                        self.assertEqual({stamp.stream for stamp in stamps}, {end["streamResults"][0]["streamId"]})
                        times = [stamp.time for stamp in stamps]
                        self.assertEqual(times, sorted(times))
                        self.assertTrue(began <= times[0] and times[-1] <= ended)
                        values = [struct.unpack(">I", data[:4])[0] for data in self.receiver.datagrams]
                        self.assertEqual(values, [7 + 3 * i for i in range(packets)])

    def test_a_stamp_has_the_time_of_its_packet(self):
        """Not that of the pages, which are filled long ahead."""
        with pt.Agent() as agent:
            agent.wait_end(agent.submit({"streams": [self.stream(25, rate={"pps": 50})]})["id"])
            times = [stamp.time for stamp in self.read(25)]
            self.assertEqual(times, sorted(times))
            # 24 gaps of 20 ms, begun late and made up for at twice the rate at worst.
            self.assertGreater(times[-1] - times[0], 200_000_000)

    def test_they_go_on_after_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            agent = pt.Agent(folder=folder)
            job = agent.submit({"streams": [self.stream(1200, rate={"pps": 1500})], "restartPolicy": "RESTART_POLICY_RESUME"})
            self.receiver.wait(100)
            agent.stop()
            agent.start()
            end = agent.wait_end(job["id"])
            self.assertEqual(end["account"]["packetsSent"], "1200", end)
            stamps = self.read(1200)
            self.assertEqual([stamp.sequence for stamp in stamps], list(range(1200)))
            self.assertEqual({stamp.stream for stamp in stamps}, {end["streamResults"][0]["streamId"]})
            self.assertEqual(len({stamp.flags >> 16 for stamp in stamps}), 2)  # an epoch for each start
            agent.close()

    def test_short_packets_carry_the_compact_form(self):
        with pt.Agent() as agent:
            agent.wait_end(agent.submit({"streams": [self.stream(100, size={"fixed": 20}, stamp={"streamId": 77})]})["id"])
            self.assertEqual(self.receiver.wait(100), 100)
            for number, data in enumerate(self.receiver.datagrams):
                magic, stream, sequence, _, crc = struct.unpack(">HHIII", data[-16:])
                self.assertEqual((magic, stream, sequence, crc), (0x7047, 77, number, crc32c(data[-16:-4])))

    @pt.apart
    @unittest.skipUnless(os.geteuid() == 0, "the engines for frames and raw packets take root")
    def test_what_the_policy_judges_does_not_change(self):
        """The places where headers are, or may be: an agent that would send to others than it was allowed to."""
        frame = "020000000002" "020000000001" "0800" "4500002600000000401100007f0000017f000002" "0007000900120000" + "00" * 10
        inner = "4500002600000000401100007f0000017f000002" "0007000900120000" + "00" * 10
        counter = {"widthBits": 8, "counter": {"step": 1}}
        with pt.Agent(policy={"allowedNetworks": ["127.0.0.0/8"], "allowEthernet": True, "allowHeaderIncluded": True}) as agent:
            def asked(destination, payload, **more):
                return agent.post("/v1/jobs", {"streams": [{**destination, "payloads": [payload], "limit": {"packets": 1},
                                                            **more}]})
            whole = {"ethernet": {"interface": "lo"}}
            ipip = {"rawIp": {"address": "127.0.0.1", "protocol": 4}}
            vxlan = {"udp": {"address": "127.0.0.1", "port": 4789}}
            for offset, status in ((0, 403), (13, 403), (30, 403), (41, 403), (42, 201)):
                answer = asked(whole, {"hex": frame}, modifiers=[{"offset": offset, **counter}])
                self.assertEqual(answer.status, status, (offset, answer))
                if status == 403:
                    self.assertIn("streams[0].modifiers[0]", answer.json()["message"])
            for offset, status in ((16, 403), (27, 403), (28, 201)):
                self.assertEqual(asked(ipip, {"hex": inner}, modifiers=[{"offset": offset, **counter}]).status, status, offset)
            self.assertEqual(asked(vxlan, {"text": "x" * 60}, modifiers=[{"offset": 50, **counter}]).status, 403)
            answer = asked(vxlan, {"text": "x" * 60}, stamp={})
            self.assertEqual(answer.status, 403)
            self.assertIn("streams[0].stamp: begins at byte 28", answer.json()["message"])
            plain = {"udp": {"address": "127.0.0.1", "port": self.receiver.port}}
            self.assertEqual(asked(plain, {"text": "x" * 60}, modifiers=[{"offset": 0, **counter}], stamp={}).status, 201)
            included = {"rawIp": {"address": "127.0.0.2", "protocol": 17, "headerIncluded": True}}
            answer = asked(included, {"hex": inner}, modifiers=[{"offset": 19, **counter}])
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("within the IP header", answer.json()["message"])
            self.assertEqual(asked(included, {"hex": inner}, modifiers=[{"offset": 27, **counter}]).status, 403)
            self.assertEqual(asked(included, {"hex": inner}, modifiers=[{"offset": 28, **counter}]).status, 201)

    @pt.apart
    @unittest.skipUnless(os.geteuid() == 0, "the engines for frames and raw packets take root")
    def test_random_bytes_do_not_change_what_the_policy_judges(self):
        """The bytes of the first packet may pass; those of the next are others."""
        with pt.Agent(policy={"allowedNetworks": ["127.0.0.0/8"], "allowEthernet": True, "allowHeaderIncluded": True,
                              "allowUnjudged": False}) as agent:
            def asked(destination, *payloads):
                return agent.post("/v1/jobs", {"streams": [{**destination, "payloads": list(payloads), "limit": {"packets": 1}}]})
            def each(length):
                return {"random": {"length": length, "seed": 8, "each": True}}
            once = {"random": {"length": 60, "seed": 8}}
            whole = {"ethernet": {"interface": "lo"}}
            for destination in (whole, {"rawIp": {"address": "127.0.0.1", "protocol": 4}},
                                {"udp": {"address": "127.0.0.1", "port": 4789}}):
                for payloads, named in (([each(60)], 0), ([once, each(60)], 1)):
                    answer = asked(destination, *payloads)
                    self.assertEqual(answer.status, 403, answer)
                    self.assertIn(f"{{'field': 'streams[0].payloads[{named}]', 'description': 'random bytes that differ from packet",
                                  str(answer.json()))
            header = {"destinationMac": "02:00:00:00:00:02", "sourceAddress": "127.0.0.1", "destinationAddress": "127.0.0.2",
                      "sourcePort": 7, "destinationPort": 9}
            self.assertEqual(asked({"ethernet": {"interface": "lo", "header": header}}, each(60)).status, 201)
            self.assertEqual(asked({"udp": {"address": "127.0.0.1", "port": self.receiver.port}}, each(60)).status, 201)
            included = {"rawIp": {"address": "127.0.0.2", "protocol": 17, "headerIncluded": True}}
            answer = asked(included, each(60))
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("streams[0].payloads[0].random.each: true, but with headerIncluded", answer.json()["message"])


if __name__ == "__main__":
    pt.main()
