"""Interfaces by all of their names, and sources that cannot leave the host."""

import json
import subprocess
import unittest

from netns_agent import serve
from pagecast_test import ENDED, main, until

OTHER_NAME, SHORT_NAME = "port-1-of-the-laboratory", "port1"
SINK4, SINK6 = "198.18.0.2", "fd00:c612::2"
SETUP = f"""
ip link add tx0 type veth peer name rx0
ip link set rx0 up
ip link set tx0 up
ip link property add dev tx0 altname {OTHER_NAME} altname {SHORT_NAME}
ip addr add 198.18.0.1/24 dev tx0
ip addr add fd00:c612::1/64 dev tx0 nodad
ip neigh replace {SINK4} lladdr 02:00:00:00:00:02 dev tx0
ip -6 neigh replace {SINK6} lladdr 02:00:00:00:00:02 dev tx0
ip -6 neigh replace fe80::1 lladdr 02:00:00:00:00:02 dev tx0
"""
OTHER_LINK = f"""
ip link add tx1 type veth peer name rx1
sysctl -qw net.ipv6.conf.tx1.disable_ipv6=1
ip link set rx1 up
ip link set tx1 up
ip addr add 198.18.1.1/24 dev tx1
ip neigh replace {SINK4} lladdr 02:00:00:00:00:02 dev tx1
"""
NETWORKS = ["198.18.0.0/15", "fd00::/8", "fe80::/10", "127.0.0.0/8", "::1/128"]


class Interfaces(unittest.TestCase):
    def setUp(self):
        self.agent = None

    def serve(self, **policy):
        self.agent = serve(self, policy={"allowedNetworks": NETWORKS, "allowEthernet": True, **policy})
        self.agent.here(SETUP)

    def post(self, destination, payload):
        return self.agent.post("/v1/jobs", {"streams": [{**destination, "payloads": [payload],
                                                         "limit": {"packets": 1}}]}, unix=True)

    def send(self, address, **more):
        answer = self.post({"udp": {"address": address, "port": 9, **more}}, {"text": "hello"})
        self.assertEqual(answer.status, 201, answer)
        job = self.agent.get(f"/v1/jobs/{answer.json()['id']}?wait=60&until=end", unix=True).json()
        self.assertIn(job["state"], ENDED)
        return job

    def assert_sent(self, address, **more):
        job = self.send(address, **more)
        self.assertEqual((job["state"], job["account"]["packetsSent"]), ("JOB_STATE_SUCCEEDED", "1"), job)

    def test_a_job_may_use_any_name(self):
        self.serve()
        for name in ("tx0", SHORT_NAME, OTHER_NAME):
            self.assert_sent(SINK4, interface=name)
            self.assert_sent(f"fe80::1%{name}")
            self.assert_sent(f"fe80::1%{name}", interface="tx0")
            answer = self.post({"ethernet": {"interface": name}}, {"hex": "020000000002" "020000000001" "88b5" "00"})
            self.assertEqual(answer.status, 201, answer)
        answer = self.post({"udp": {"address": SINK4, "port": 9, "interface": OTHER_NAME + "-"}}, {"text": "hello"})
        self.assertEqual(answer.status, 404, answer)
        self.assertIn(f'this host has no interface "{OTHER_NAME}-"', answer.json()["message"])

    def test_a_policy_may_list_any_name(self):
        for listed in ("tx0", SHORT_NAME, OTHER_NAME):
            self.serve(allowedInterfaces=[listed])
            for name in ("tx0", SHORT_NAME, OTHER_NAME, ""):
                self.assert_sent(SINK4, interface=name)
            shown = self.agent.get("/v1/interfaces", unix=True).json()["interfaces"]
            self.assertEqual({one["name"]: one["allowed"] for one in shown},
                             {"lo": False, "tx0": True, "rx0": False})
        self.serve(allowedInterfaces=["rx0", "not-here"])
        for name in ("tx0", SHORT_NAME, OTHER_NAME, ""):
            answer = self.post({"udp": {"address": SINK4, "port": 9, "interface": name}}, {"text": "hello"})
            self.assertEqual(answer.status, 403, answer)

    def test_a_loopback_source_stays_here(self):
        self.serve()
        for source, sink, own in (("127.0.0.1", SINK4, "198.18.0.1"), ("::1", SINK6, "fd00:c612::1")):
            job = self.send(sink, sourceAddress=source)
            self.assertEqual((job["state"], job["account"]["packetsSent"]), ("JOB_STATE_FAILED", "0"), job)
            self.assertEqual((job["problems"][0]["code"], job["problems"][0]["field"]), ("no_route", "streams[0]"))
            self.assertIn("the source is a loopback address", job["problems"][0]["message"])
            self.assert_sent(own, sourceAddress=source)
            self.assert_sent(source, sourceAddress=source)
            self.assert_sent(sink, sourceAddress=own)

    def sent_by(self, device):
        """Packets that left by it."""
        shown = subprocess.run(["nsenter", "-t", str(self.agent.pid), "-n", "ip", "-s", "-j", "link", "show", device],
                               check=True, capture_output=True).stdout
        return json.loads(shown)[0]["stats64"]["tx"]["packets"]

    def test_what_a_policy_let_through_keeps_its_interface(self):
        """Routes may change as they like: a job that named no interface stays on the one it was allowed for."""
        self.serve(allowedInterfaces=["tx0"])
        self.agent.here(OTHER_LINK)
        job = self.agent.post("/v1/jobs", {"streams": [{
            "udp": {"address": SINK4, "port": 9}, "payloads": [{"text": "hello"}], "limit": {"untilCancelled": True},
            "rate": {"pps": 200}}]}, unix=True).json()["id"]

        def sent():
            return int(self.agent.get(f"/v1/jobs/{job}", unix=True).json()["account"]["packetsSent"])

        until(lambda: sent() > 10)
        before, by_tx0 = self.sent_by("tx1"), self.sent_by("tx0")
        self.agent.here(f"ip route add {SINK4}/32 dev tx1")
        so_far = sent()
        until(lambda: sent() > so_far + 100)
        self.assertEqual(self.sent_by("tx1"), before)
        self.assertGreater(self.sent_by("tx0"), by_tx0 + 90)
        ended = self.agent.post(f"/v1/jobs/{job}:cancel", unix=True).json()
        self.assertEqual(ended["state"], "JOB_STATE_CANCELLED", ended)


if __name__ == "__main__":
    main()
