"""buf curl, a client in Go: it speaks Connect and gRPC-Web from the schema alone."""

import json
import os
import subprocess
import unittest

import node
import pagecast_test as pt

TRANSMIT = "pagecast.v1.TransmitService/"
AGENT = "pagecast.v1.AgentService/"


class BufCurl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.buf = node.tool("buf")
        cls.agent = pt.Agent("--workers", "2")
        cls.sink = pt.UdpReceiver(keep=0)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.sink.close()

    def curl(self, protocol, method, request):
        env = dict(os.environ, BUF_CACHE_DIR=os.path.join(self.agent.folder, "buf"))
        return subprocess.run([self.buf, "curl", "--protocol", protocol, "--schema", node.PROTO,
                               "--data", json.dumps(request), f"{self.agent.url}/{method}"],
                              check=False, capture_output=True, text=True, timeout=60, env=env)

    def messages(self, protocol, method, request):
        ran = self.curl(protocol, method, request)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        decoder, text, found = json.JSONDecoder(), ran.stdout.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            found.append(message)
            text = text[end:].lstrip()
        return found

    def drive(self, protocol):
        agent, = self.messages(protocol, AGENT + "GetAgent", {})
        self.assertEqual(agent["workers"], 2)
        spec = pt.udp_job(self.sink.port, 10, pps=50, name="buf")
        job, = self.messages(protocol, TRANSMIT + "SubmitJob", {"spec": spec})
        events = self.messages(protocol, TRANSMIT + "WatchJob", {"id": job["id"]})
        self.assertEqual(events[-1]["job"]["state"], "JOB_STATE_SUCCEEDED")
        ended, = self.messages(protocol, TRANSMIT + "GetJob", {"id": job["id"]})
        self.assertEqual(ended["account"]["packetsSent"], "10")
        self.assertEqual(ended["spec"]["name"], "buf")
        running, = self.messages(protocol, TRANSMIT + "SubmitJob",
                                 {"spec": pt.udp_job(self.sink.port, None, pps=10)})
        cancelled, = self.messages(protocol, TRANSMIT + "CancelJob", {"id": running["id"]})
        self.assertEqual(cancelled["state"], "JOB_STATE_CANCELLED")
        for method in ("GetJob", "WatchJob"):
            ran = self.curl(protocol, TRANSMIT + method, {"id": "none"})
            self.assertNotEqual(ran.returncode, 0)
            self.assertIn('"not_found"', ran.stderr + ran.stdout)
            self.assertIn("none", ran.stderr + ran.stdout)
        ran = self.curl(protocol, TRANSMIT + "SubmitJob", {"spec": pt.udp_job(70000, 1)})
        self.assertIn('"invalid_argument"', ran.stderr + ran.stdout)
        self.assertIn("70000", ran.stderr + ran.stdout)

    def test_connect(self):
        self.drive("connect")

    def test_grpc_web(self):
        self.drive("grpcweb")


if __name__ == "__main__":
    node.tool("buf")
    pt.main()
