"""bench_history.py PAGECASTD [--jobs N] [--json FILE]: an agent with a long history.

Stores N finished jobs (100,000), starts the agent on them and on none, and times: until it is ready,
one page of the list, one job. Prints JSON; times are medians, in milliseconds.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import select
import shutil
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROUNDS = 200
READY_SECONDS_MAX = 30
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Agent:
    def __init__(self, program, folder):
        start = time.monotonic()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program, "--listen", "127.0.0.1:0", "--state-dir", folder, "--history-jobs", "1000000",
             "--history-age", "3650d"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS_MAX)
        line = self.process.stdout.readline().decode() if ready else ""
        self.ready_ms = 1e3 * (time.monotonic() - start)
        if "http://" not in line:
            self.__exit__()
            sys.exit("the agent does not start")
        host, port = line.split("http://")[1].strip().rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def call(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None,
                                {"Content-Type": "application/json"} if body else {})
        answer = self.connection.getresponse()
        return json.loads(answer.read())

    def median_ms(self, path):
        times = []
        for _ in range(ROUNDS):
            start = time.monotonic()
            self.call("GET", path)
            times.append(1e3 * (time.monotonic() - start))
        return round(statistics.median(times), 3)


def finish_jobs(agent, count):
    for _ in range(count):
        job = agent.call("POST", "/v1/jobs", {"streams": [{
            "udp": {"address": "127.0.0.1", "port": 9}, "payloads": [{"text": "x"}]}]})
        agent.call("GET", f"/v1/jobs/{job['id']}?wait=10&until=end")
    return job["id"]


def row_seal(*values):
    """The store's checksum of a row (agent/store/store_seal.h)."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, int):
            digest.update(struct.pack("<Qq", 1, value))
        else:
            data = value.encode() if isinstance(value, str) else value
            digest.update(struct.pack("<QQ", 3 if isinstance(value, str) else 4, len(data)) + data)
    return digest.digest()[:16]


def multiply(folder, count):
    """The rows of one job that was really sent, under @count names that are older than its own."""
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "jobs.db"))) as database:
        row = database.execute("SELECT * FROM jobs LIMIT 1").fetchone()
        spec, = database.execute("SELECT spec FROM specs WHERE id = ?", (row[0],)).fetchone()

        def name(number):
            digits = ""
            for _ in range(10):
                digits = DIGITS[number % 32] + digits
                number //= 32
            return "01A" + "0" * 13 + digits

        database.executemany(f"INSERT INTO jobs VALUES ({','.join('?' * len(row))})",
                             ((name(i), *row[1:]) for i in range(count)))
        database.executemany("INSERT INTO specs (id, spec) VALUES (?, ?)", ((name(i), spec) for i in range(count)))
        database.create_function("row_seal", -1, row_seal)
        database.execute("UPDATE jobs SET identity_seal = row_seal(id, create_ns, owner, request_id, spec_digest),"
                         " seal = row_seal(id, state, version, revision, end_ns, basic, record)")
        database.execute("UPDATE specs SET seal = row_seal(id, spec)")
        database.commit()
    return name(count // 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pagecastd")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--json")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pagecast-history-")
    result = {"jobs": options.jobs}
    try:
        with Agent(options.pagecastd, folder) as agent:
            one = finish_jobs(agent, 60)
            result["none"] = {"ready_ms": round(agent.ready_ms, 1), "get_ms": agent.median_ms(f"/v1/jobs/{one}"),
                              "list_ms": agent.median_ms("/v1/jobs")}
        middle = multiply(folder, options.jobs)
        with Agent(options.pagecastd, folder) as agent:
            with open(f"/proc/{agent.process.pid}/status", encoding="ascii") as status:
                kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
            result["many"] = {"ready_ms": round(agent.ready_ms, 1), "get_ms": agent.median_ms(f"/v1/jobs/{middle}"),
                              "list_ms": agent.median_ms("/v1/jobs"), "resident_kib": kib,
                              "listed": agent.call("GET", "/v1/jobs")["totalSize"]}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result["ready_in_2_s"] = result["many"]["ready_ms"] <= 2000
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
