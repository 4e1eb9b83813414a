"""What the schema says is not offered is refused, and all the rest answers."""

import os
import re
import unittest

import pagecast_test as pt

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto", "pagecast", "v1")
MARK = "Not offered by this version"
STREAMS = {"Content-Type": "application/connect+json", "Connect-Timeout-Ms": "300"}  # WatchJobs has no end
# A valid use of each field of a job that is marked.
USES = {
    "field": {"modifiers": [{"field": "ipv4.src", "widthBits": 8, "counter": {"start": 1, "step": 1, "count": 9}}]},
    "payload_id": {"payloads": [{"payloadId": "a" * 64}]},
    "pcap": {"payloads": [{"pcap": {"payloadId": "a" * 64}}]},
}


def declarations():
    """(comment, declaration) of all that is in the schema; methods with their service, as Service/Method."""
    for name in sorted(os.listdir(SCHEMA)):
        if not name.endswith(".proto"):
            continue
        comment, service = [], ""
        with open(os.path.join(SCHEMA, name), encoding="utf-8") as file:
            for line in map(str.strip, file):
                if line.startswith("//"):
                    comment.append(line.lstrip("/ "))
                    continue
                service = line.split()[1] if line.startswith("service ") else service
                declared = f"rpc {service}/{line[4:line.index('(')]} {line}" if line.startswith("rpc ") else line
                yield " ".join(comment), declared
                comment = []


class Offered(unittest.TestCase):
    def setUp(self):
        self.agent = pt.Agent()
        self.addCleanup(self.agent.stop)

    def test_methods(self):
        marked = set()
        for comment, declared in declarations():
            if not declared.startswith("rpc "):
                continue
            method = declared.split()[1]
            if "(stream " in declared.split("returns")[1]:
                answer = self.agent.post(f"/pagecast.v1.{method}", b"\0\0\0\0\2{}", headers=STREAMS)
            else:
                answer = self.agent.post(f"/pagecast.v1.{method}", b"{}", headers={"Content-Type": "application/json"})
            with self.subTest(method):
                self.assertEqual(b'"code":"unimplemented"' in answer.body, MARK in comment, answer.body)
            marked |= {method.split("/")[0]} if MARK in comment else set()
        self.assertEqual(marked, {"PayloadService", "ReceiveService"})

    def test_fields_of_a_job(self):
        marked = {re.search(r"(\w+) = \d+;", declared).group(1) for comment, declared in declarations()
                  if MARK in comment and re.search(r" = \d+;", declared)}
        self.assertEqual(marked, set(USES))
        stream = {"udp": {"address": "127.0.0.1", "port": 9}, "limit": {"packets": 1}}
        self.assertEqual(self.agent.post("/v1/jobs", {"streams": [stream]}).status, 201)
        for field, use in USES.items():
            with self.subTest(field):
                answer = self.agent.post("/v1/jobs", {"streams": [{**stream, **use}]})
                self.assertEqual((answer.status, answer.json()["code"]), (400, "invalid_argument"))
                camel = re.sub(r"_(\w)", lambda match: match.group(1).upper(), field)
                violations = answer.json()["details"][0]["debug"]["fieldViolations"]
                self.assertTrue(violations[0]["field"].endswith(camel), violations)


if __name__ == "__main__":
    pt.main()
