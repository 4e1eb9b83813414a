"""An agent behind a reverse proxy that puts a prefix in front of its paths; fields of a newer client."""

import http.client
import http.server
import json
import subprocess
import threading
import unittest
import urllib.parse

from pagecast_test import ANSWER_SECONDS, Agent, UdpReceiver, main, program, udp_job

PREFIX = "/lab/agents/3"
LENIENT = {"Pagecast-Ignore-Unknown-Fields": "1"}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Takes the prefix away, and hands everything else on as it is."""

    agent = None
    protocol_version = "HTTP/1.1"

    def hand_on(self):
        if not self.path.startswith(PREFIX + "/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self.agent.host, self.agent.port, timeout=ANSWER_SECONDS)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path[len(PREFIX):], body, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_POST = do_PATCH = do_DELETE = hand_on

    def log_message(self, *_):
        pass


class Prefixed(unittest.TestCase):
    def setUp(self):
        self.agent = Agent()
        self.addCleanup(self.agent.close)
        self.receiver = UdpReceiver(keep=1)
        self.addCleanup(self.receiver.close)
        handler = type("Handler", (Proxy,), {"agent": self.agent})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.port = server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{PREFIX}"

    def test_location_holds(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        connection.request("POST", PREFIX + "/v1/jobs", json.dumps(udp_job(self.receiver.port, packets=1)),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        job = json.loads(answer.read())
        self.assertEqual(answer.status, 201)
        location = urllib.parse.urljoin(self.url + "/v1/jobs", answer.headers["Location"])
        self.assertEqual(location, f"{self.url}/v1/jobs/{job['id']}")
        connection.request("GET", urllib.parse.urlsplit(location).path)
        self.assertEqual(json.loads(connection.getresponse().read())["id"], job["id"])
        connection.close()

    def test_the_client(self):
        for url in (self.url, self.url + "/", self.url + "//"):
            ran = subprocess.run([program("PAGECAST"), "--agent", url, "send", f"udp://127.0.0.1:{self.receiver.port}",
                                  "--text", "hello", "--packets", "3"], capture_output=True, text=True, check=False)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertIn("sent  3 of 3 packets", ran.stdout)
        ran = subprocess.run([program("PAGECAST"), "--agent", f"http://127.0.0.1:{self.port}/other", "list"],
                             capture_output=True, text=True, check=False)
        self.assertNotEqual(ran.returncode, 0)


class Lenient(unittest.TestCase):
    def test_unknown_fields_of_a_body(self):
        with Agent() as agent, UdpReceiver(keep=1) as receiver:
            spec = {**udp_job(receiver.port, packets=1), "colour": "green"}
            refused = agent.post("/v1/jobs", spec)
            self.assertEqual(refused.status, 400)
            self.assertIn("colour", refused.json()["message"])
            self.assertEqual(agent.post("/v1/jobs", spec, headers={**LENIENT, **{"Pagecast-Ignore-Unknown-Fields": "0"}})
                             .status, 400)
            taken = agent.post("/v1/jobs", spec, headers=LENIENT)
            self.assertEqual(taken.status, 201, taken)
            agent.wait_end(taken.json()["id"])
            wrong = agent.post("/v1/jobs", {**spec, "name": 7}, headers=LENIENT)
            self.assertEqual(wrong.status, 400, "what is known is checked all the same")
            field = b"\xfa\x7f\x01x"  # number 2047, of one byte
            protobuf = {"Content-Type": "application/x-protobuf"}
            self.assertEqual(agent.post("/v1/jobs:cancel", b"\x18\x01" + field, headers=protobuf).status, 400)
            answer = agent.post("/v1/jobs:cancel", b"\x18\x01" + field, headers={**protobuf, **LENIENT})
            self.assertEqual(answer.status, 200, answer)


if __name__ == "__main__":
    main()
