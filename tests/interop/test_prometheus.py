"""A Prometheus server scrapes the agent, with a token, and answers queries from what it read."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import pagecast_test as pt

SECONDS = 120
CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: pagecast
    authorization: {{credentials_file: {token}}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def ask(port, query):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=30) as answer:
        return {tuple(sorted(row["metric"].items())): float(row["value"][1])
                for row in json.load(answer)["data"]["result"]}


def wait_for(port, query, wanted):
    """The query's only value, once it is @wanted."""
    deadline = time.monotonic() + SECONDS
    found = None
    while time.monotonic() < deadline:
        try:
            found = list(ask(port, query).values())
        except OSError as error:
            found = error
        if found == [wanted]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{query}: {found}, not {wanted}")


class Prometheus(unittest.TestCase):
    def setUp(self):
        if not shutil.which("prometheus"):
            self.skipTest("there is no prometheus (package prometheus)")
        self.folder = tempfile.mkdtemp(prefix="pagecast-prometheus-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def token(self):
        tokens = os.path.join(self.folder, "tokens")
        made = subprocess.run([pt.program("PAGECASTD"), "token", "create", "--tokens", tokens,
                               "--name", "prometheus", "--role", "viewer"],
                              check=True, capture_output=True, text=True, timeout=30)
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(made.stdout.strip())
        return tokens, path

    def start(self, agent, token):
        port = pt.free_port(kind=pt.socket.SOCK_STREAM)
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(token=token, target=f"{agent.host}:{agent.port}"))
        log = open(os.path.join(self.folder, "log"), "wb")
        server = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={self.folder}/data"], stdout=log, stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(server.wait, 60)
        self.addCleanup(server.kill)
        return port

    def test_it_scrapes_and_the_figures_are_the_jobs(self):
        tokens, token = self.token()
        with pt.Agent("--tokens", tokens) as agent, pt.UdpReceiver(keep=0) as receiver:
            port = self.start(agent, token)
            wait_for(port, 'up{job="pagecast"}', 1)
            job = agent.request("POST", "/v1/jobs", pt.udp_job(receiver.port, 300, pps=3000), unix=True)
            self.assertEqual(job.status, 201, job)
            wait_for(port, "pagecast_packets_sent_total", 300)
            wait_for(port, 'pagecast_jobs{state="succeeded"}', 1)
            wait_for(port, "sum(pagecast_gap_error_seconds_count)", 299)


if __name__ == "__main__":
    pt.main()
