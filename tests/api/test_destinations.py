"""Destinations inside of packets: refused at submission, in a preview and at the start of a stored job."""

import datetime
import json
import os
import struct
import unittest

from pagecast_test import Agent, main

LATER = {"startTime": "2099-01-01T00:00:00Z"}
ETHERNET = "020000000001020000000002"
OUTSIDE = "8.8.8.8 is not in the policy's allowedNetworks"


def ipv4(to, protocol="11"):
    return f"450000000000000040{protocol}00007f000001" + bytes(map(int, to.split("."))).hex()


def udp(port):
    return struct.pack(">4H", 1000, port, 8, 0).hex()


def frame(hexadecimal):
    return {"streams": [{"ethernet": {"interface": "lo"}, "payloads": [{"hex": ETHERNET + hexadecimal}]}]}


def raw(protocol, hexadecimal):
    return {"streams": [{"rawIp": {"address": "127.0.0.1", "protocol": protocol}, "payloads": [{"hex": hexadecimal}]}]}


class Destinations(unittest.TestCase):
    def setUp(self):
        self.agent = None

    def serve(self, **policy):
        self.agent = Agent(policy={"allowEthernet": True, "allowHeaderIncluded": True, **policy})
        self.addCleanup(self.agent.close)

    def assert_refused(self, spec, description):
        """By submission and by a preview, with the same words at the same place."""
        answers = [self.agent.post("/v1/jobs", {**spec, **LATER}), self.agent.post("/v1/jobs:preview", {"spec": spec})]
        self.assertEqual([answer.status for answer in answers], [403, 403], answers)
        found = [answer.json()["details"][0]["debug"]["fieldViolations"] for answer in answers]
        self.assertEqual([row["field"].removeprefix("spec.") for row in found[1]], [row["field"] for row in found[0]])
        self.assertEqual([row["description"] for row in found[1]], [row["description"] for row in found[0]])
        self.assertEqual(found[0][0]["field"], "streams[0].payloads[0]")
        self.assertIn(description, found[0][0]["description"])

    def assert_taken(self, spec):
        answer = self.agent.post("/v1/jobs", {**spec, **LATER})
        self.assertEqual(answer.status, 201, answer)

    def assert_judged_only(self, spec):
        """By the policy it may be sent; without the privilege for frames the agent then says just that."""
        answer = self.agent.post("/v1/jobs", {**spec, **LATER})
        if answer.status == 409:
            self.assertIn("the agent does not have CAP_NET_RAW", answer.json()["message"])
        else:
            self.assertEqual(answer.status, 201, answer)

    def test_a_port_behind_a_fragment_header(self):
        self.serve(allowedPorts=[{"first": 9000, "last": 9000}])
        self.assert_refused(raw(44, "1100000000000001" + udp(53)), "53 is not in the policy's allowedPorts")
        self.assert_taken(raw(44, "1100000000000001" + udp(9000)))

    def test_what_stands_before_the_ip_header(self):
        self.serve()
        for name, before in {"five tags": "81000001" * 5 + "0800", "labels": "8847" + "00100040" + "00200140",
                             "snap": "0024" + "aaaa03000000" + "0800", "pppoe": "8864" + "11000001001e" + "0021",
                             "bridged": "6558" + ETHERNET + "0800"}.items():
            with self.subTest(name):
                self.assert_refused(frame(before + ipv4("8.8.8.8") + udp(53)), OUTSIDE)
                self.assert_judged_only(frame(before + ipv4("127.0.0.9") + udp(53)))

    def test_a_tunnel_over_udp(self):
        self.serve()
        job = {"streams": [{"udp": {"address": "127.0.0.1", "port": 4789}, "payloads": [
            {"hex": "0800000000000100" + ETHERNET + "0800" + ipv4("8.8.8.8") + udp(53)}]}]}
        self.assert_refused(job, OUTSIDE)
        job["streams"][0]["payloads"] = [{"text": "hello, this is a text that goes to the port of VXLAN"}]
        self.assert_taken(job)

    def test_a_tag_of_a_type_that_the_header_names(self):
        self.serve()
        for types in ([0x1234], [0x8100, 0x1234]):
            job = {"streams": [{"ethernet": {"interface": "lo", "header": {
                "sourceMac": "02:00:00:00:00:01", "destinationMac": "02:00:00:00:00:02", "ethertype": 0x0800,
                "vlans": [{"id": 1, "ethertype": number} for number in types]}},
                "payloads": [{"hex": ipv4("8.8.8.8") + udp(53)}]}]}
            self.assert_refused(job, OUTSIDE)

    def test_what_cannot_be_judged(self):
        self.serve()
        hidden = "the ESP header at byte 0 hides what it carries"
        self.assertIs(self.agent.get("/v1/policy").json()["allowUnjudged"], False)
        self.assert_refused(raw(50, "0000000100000001"), hidden)
        self.assert_refused(frame("0800" + ipv4("127.0.0.9", "2f") + "0000"), "the GRE header at byte 34 is cut")

    def test_unless_the_policy_says_so(self):
        self.serve(allowUnjudged=True)
        self.assertIs(self.agent.get("/v1/policy").json()["allowUnjudged"], True)
        self.assert_taken(raw(50, "0000000100000001"))
        self.assert_judged_only(frame("0800" + ipv4("127.0.0.9", "2f") + "0000"))
        self.assert_refused(frame("0800" + ipv4("8.8.8.8", "32") + "00000001"), OUTSIDE)

    def test_a_stored_job_is_judged_when_it_starts(self):
        self.serve(allowUnjudged=True)
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        job_id = self.agent.submit({**raw(50, "0000000100000001"), "startTime": soon.isoformat()})["id"]
        self.agent.stop()
        with open(os.path.join(self.agent.folder, "policy.json"), "w", encoding="utf-8") as file:
            json.dump({"allowHeaderIncluded": True}, file)
        self.agent.start()
        job = self.agent.wait_end(job_id)
        self.assertEqual(job["state"], "JOB_STATE_FAILED", job)
        self.assertEqual(job["account"].get("packetsSent", "0"), "0")
        problem = next(problem for problem in job["problems"] if problem["code"] == "permission")
        self.assertIn("the ESP header at byte 0 hides what it carries", problem["message"])
        self.assertEqual(problem["field"], "streams[0].payloads[0]")
        log = [line for line in self.agent.log_text().splitlines() if "event=job_forbidden" in line]
        self.assertIn(f"job={job_id}", log[0])
        self.assertIn("streams[0].payloads[0]: the ESP header at byte 0 hides what it carries", log[0])


if __name__ == "__main__":
    main()
