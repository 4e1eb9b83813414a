"""bench_api.py PROGRAMS: the API beside what it is made of, while a worker sends at full speed.

Submits a second from 16 connections, each answered once it is on the disk, beside a bare SQLite loop
that commits the same rows in groups of the same size; and jobs read a second, beside a bare
libmicrohttpd server that says hello. The same worker sends beside all four, from the first to the
last. One thread of a C client asks, with one request on its way on each connection.
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import lab
import pagecast_test
import render

CONNECTIONS = 16
QUEUE_MAX = 100_000
TURNS = 6  # of submits and of the bare loop, in a round
PAYLOAD_BYTES = 1472
SUBMITTED = {"name": "bench", "streams": [{
    "udp": {"address": lab.SINK, "port": lab.PORT}, "payloads": [{"text": "hello"}],
    "rate": {"pps": 100}, "limit": {"packets": 1000}}]}
ENDLESS = {"streams": [{
    "udp": {"address": lab.SINK, "port": lab.PORT}, "payloads": [{"text": "Z" * PAYLOAD_BYTES}],
    "rate": {"unlimited": True}, "limit": {"untilCancelled": True}}]}
KINDS = {"submit": "submits, each on the disk", "store": "bare SQLite loop, rows",
         "get": "jobs read", "hello": "bare libmicrohttpd, hellos"}


class Served(pagecast_test.Agent):
    """An agent of one worker with a TCP listener in the sending namespace, and an empty store."""

    def __init__(self, here, folder):
        self.here = here
        os.environ["PAGECASTD"] = f"{here.programs}/pagecastd"
        super().__init__("--log-level", "error", folder=folder, prefix=["setsid", *here.sending()],
                         policy={"maxJobsQueued": QUEUE_MAX, "allowedNetworks": ["198.18.0.0/15"]})

    def call(self, method, path, body=None):
        answer = self.request(method, path, body, unix=True)
        if answer.status >= 300:
            raise lab.LabError(f"{method} {path}: {answer}")
        return answer

    def commits(self):
        text = self.call("GET", "/metrics").body.decode()
        return float(re.search(r"^pagecast_store_commits_total (\S+)$", text, re.M)[1])

    def sends(self):
        """Starts the sender that nothing ends. Returns its id."""
        job_id = self.call("POST", "/v1/jobs", ENDLESS).json()["id"]
        while (job := self.call("GET", f"/v1/jobs/{job_id}?wait=1").json())["state"] != "JOB_STATE_RUNNING":
            if job["state"] in pagecast_test.ENDED:
                raise lab.LabError(f"the sender ended: {lab.job_problems(job)}")
        return job_id

    def load(self, port, seconds, method, path, body=None):
        return self.here.program("bare_api", "load", str(port), str(CONNECTIONS), str(seconds), method, path,
                                 *([json.dumps(body)] if body else []))

    def sent(self, job_id):
        return int(self.call("GET", f"/v1/jobs/{job_id}").json()["account"]["packetsSent"])


@contextlib.contextmanager
def hello(here):
    """A bare server for as long as the block lasts: its port."""
    with subprocess.Popen(here.sending(f"{here.programs}/bare_api", "hello"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def writes(agent, folder, job_id, seconds):
    """Submits and the bare loop in turn: a disk is faster in one second than in the next."""
    turns = {"submit": [], "store": []}
    for turn in range(TURNS):
        sent, commits = agent.sent(job_id), agent.commits()
        submit = agent.load(agent.port, seconds / TURNS, "POST", "/v1/jobs", SUBMITTED)
        submit["commits"] = max(agent.commits() - commits, 1)
        submit["sent"] = agent.sent(job_id) - sent
        turns["submit"].append(submit)
        turns["store"].append(agent.here.program(
            "bare_api", "store", os.path.join(folder, "state", "jobs.db"),
            os.path.join(folder, f"bare-{turn}.db"), str(seconds / TURNS),
            f"{max(submit['answers'] / submit['commits'], 1):.3f}"))
    found = {}
    for kind, count in (("submit", "answers"), ("store", "rows")):
        total = sum(one[count] for one in turns[kind])
        took = sum(one["seconds"] for one in turns[kind])
        found[kind] = {count: total, "seconds": round(took, 3), "per_second": total / took,
                       "refused": sum(one["refused"] for one in turns[kind])}
        for quantile in ("p50_us", "p99_us"):
            found[kind][quantile] = statistics.median(one[quantile] for one in turns[kind])
    found["submit"]["group"] = found["submit"]["answers"] / sum(one["commits"] for one in turns["submit"])
    found["submit"]["sent_beside_mpps"] = (sum(one["sent"] for one in turns["submit"])
                                           / found["submit"]["seconds"] / 1e6)
    return found


def one_round(here, seconds):
    with tempfile.TemporaryDirectory(dir=here.folder) as folder:
        agent = Served(here, folder)
        try:
            job_id = agent.sends()
            queued = agent.call("POST", "/v1/jobs", SUBMITTED).json()["id"]
            found = {}
            with hello(here) as port:
                found["hello"] = agent.load(port, seconds, "GET", "/")
            found["get"] = agent.load(agent.port, seconds, "GET", f"/v1/jobs/{queued}")
            found.update(writes(agent, folder, job_id, seconds))
            submit = found["submit"]
            listed = agent.call("GET", "/v1/jobs?page_size=1&states=QUEUED").json()["totalSize"]
            if listed < submit["answers"] + 1:
                raise lab.LabError(f"{submit['answers']} were acknowledged, {listed} are there")
        finally:
            agent.kill()
    for kind, one in found.items():
        if one["refused"] or not one["per_second"]:
            raise lab.LabError(f"{kind}: {one}")
    return found


def median(rounds, kind, field):
    return statistics.median(one[kind][field] for one in rounds)


def report(rounds):
    result = {"connections": CONNECTIONS, "rounds": len(rounds), "runs": rounds}
    of = {kind: {field: median(rounds, kind, field) for field in ("per_second", "p50_us", "p99_us")}
          for kind in KINDS}
    result["median"] = of
    result["rows_in_a_commit"] = round(median(rounds, "submit", "group"), 2)
    result["sent_beside_mpps"] = round(median(rounds, "submit", "sent_beside_mpps"), 3)
    result["targets"] = [
        render.target(f"{mine} over {bare}", statistics.median(
            one[mine]["per_second"] / one[bare]["per_second"] for one in rounds), wanted)
        for mine, bare, wanted in (("submit", "store", 0.5), ("get", "hello", 0.4))]
    table = render.markdown_table(
        ("", "a second", "p50 ms", "p99 ms"),
        [(name, f"{of[kind]['per_second']:,.0f}", render.significant(of[kind]["p50_us"] / 1e3),
          render.significant(of[kind]["p99_us"] / 1e3)) for kind, name in KINDS.items()])
    table += (f"\n{CONNECTIONS} connections; {result['rows_in_a_commit']:g} rows in a commit (of which the times of the"
              f" SQLite loop are); a worker sends {result['sent_beside_mpps']:.2f} Mpps of {PAYLOAD_BYTES} bytes beside.\n")
    return render.Report(result, table)


def measure(here, _, options):
    rounds = []
    for _ in range(options.rounds):
        rounds.append(one_round(here, options.seconds))
        yield report(rounds)


def smoke(here, _):
    """Is everything counted that is asked, and everything there that was acknowledged?"""
    return {kind: one["refused"] for kind, one in one_round(here, 0.2).items()}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke,
                       lambda parser: parser.add_argument("--seconds", type=float, default=3)))
