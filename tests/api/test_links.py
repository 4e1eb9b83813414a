"""What becomes of an interface or an address while a job sends through it: told while it lasts, and afterwards."""

import re
import time
import unittest

from netns_agent import serve
from pagecast_test import main

SINK = "198.18.0.2"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SETUP = f"""
ip link add tx0 type veth peer name rx0
ip link set rx0 up
ip link set tx0 up
ip addr add 198.18.0.1/24 dev tx0
ip neigh replace {SINK} lladdr 02:00:00:00:00:02 dev tx0
"""


class Links(unittest.TestCase):
    def setUp(self):
        self.agent = serve(self, "--workers", "2", policy={"allowedNetworks": ["198.18.0.0/15", "127.0.0.0/8"]})
        self.here = self.agent.here
        self.here(SETUP)

    def job_to(self, address, **more):
        spec = {"streams": [{"udp": {"address": address, "port": 9, **more}, "payloads": [{"text": "hello"}],
                             "rate": {"pps": 200}, "limit": {"untilCancelled": True}}]}
        return self.agent.submit(spec, unix=True)["id"]

    def problems(self, job_id):
        """By code."""
        return {problem["code"]: problem for problem in self.agent.job(job_id, unix=True)["problems"]}

    def until(self, job_id, code, message):
        """Until the running job says so, or, with None, no longer."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = self.problems(job_id).get(code)
            if (found is None) if message is None else (found and re.search(message, found["message"])):
                return found
            time.sleep(0.02)
        return self.fail(f"{code} {message}: {self.agent.job(job_id, unix=True)}")

    def sending(self, job_id):
        until = time.monotonic() + 60
        while int(self.agent.job(job_id, unix=True)["account"]["packetsSent"]) < 2:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def ended(self, job_id):
        self.agent.cancel(job_id, unix=True)
        return self.problems(job_id)

    def test_carrier_mtu_and_address(self):
        job_id, other = self.job_to(SINK), self.job_to("127.0.0.1")
        self.sending(job_id)
        self.here("ip link set rx0 down")
        found = self.until(job_id, "interface_down", f"^interface tx0 has no carrier .* since {TIME}$")
        self.assertEqual((found["field"], found["severity"], found["count"]),
                         ("streams[0]", "SEVERITY_WARNING", "1"))
        self.here("ip link set rx0 up")
        self.until(job_id, "interface_down", None)
        self.here("ip link set rx0 down")
        self.until(job_id, "interface_down", rf"since {TIME}, and 1 times before, \S+ s in all$")
        self.here("ip link set rx0 up")
        self.here("ip link set tx0 mtu 1300")
        self.until(job_id, "message_too_long", f"^the MTU of interface tx0 is lowered from 1500 to 1300 since {TIME}$")
        self.here("ip link set tx0 mtu 1500")
        self.until(job_id, "message_too_long", None)
        self.here("ip addr add 198.18.0.9/24 dev tx0; ip addr del 198.18.0.9/24 dev tx0")  # not the job's
        self.here("ip addr del 198.18.0.1/24 dev tx0")
        self.until(job_id, "address_gone",
                   f"^the source address 198.18.0.1 is removed from interface tx0 since {TIME}$")
        self.here("ip addr add 198.18.0.1/24 dev tx0")
        self.until(job_id, "address_gone", None)
        told = self.ended(job_id)
        self.assertRegex(told["interface_down"]["message"],
                         rf"^interface tx0 had no carrier .* 2 times, \S+ s in all, first from {TIME} on$")
        self.assertEqual(told["interface_down"]["count"], "2")
        self.assertRegex(told["message_too_long"]["message"],
                         rf"^the MTU of interface tx0 was lowered from 1500 to 1300 for \S+ s, from {TIME} on$")
        self.assertRegex(told["address_gone"]["message"],
                         rf"^the source address 198.18.0.1 was removed from interface tx0 for \S+ s, from {TIME} on$")
        self.assertEqual(set(self.ended(other)) - {"port_unreachable"}, set())

    def test_down_renamed_and_gone(self):
        job_id = self.job_to(SINK)
        self.sending(job_id)
        self.here("ip link set tx0 down")
        self.until(job_id, "interface_down", f"^interface tx0 is down since {TIME}$")
        self.here("ip link set tx0 name tx9; ip link set tx9 up")
        self.until(job_id, "interface_gone", f"^interface tx0 is called tx9 since {TIME}$")
        self.here("ip link del tx9")
        self.until(job_id, "interface_gone", f"^interface tx0 is removed since {TIME}$")
        told = self.ended(job_id)
        self.assertRegex(told["interface_down"]["message"], rf"^interface tx0 was down .*from {TIME} on")
        self.assertRegex(told["interface_gone"]["message"],
                         rf"^interface tx0 is removed since {TIME}; interface tx0 was called tx9 for \S+ s, from {TIME} on$")

    def test_what_waits_or_has_ended_hears_nothing(self):
        job_id = self.job_to(SINK)
        self.sending(job_id)
        self.ended(job_id)
        before = self.agent.job(job_id, unix=True)
        self.here("ip link set tx0 mtu 1400; ip link set rx0 down")
        other = self.job_to(SINK)
        self.here("ip link set rx0 up")
        self.sending(other)
        self.assertNotIn("message_too_long", self.problems(other))  # it was so when the job began
        self.assertEqual(self.agent.job(job_id, unix=True), before)


if __name__ == "__main__":
    main()
