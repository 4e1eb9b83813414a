"""bench_jobs.py PROGRAMS: jobs of one packet, from the submit to the stored end.

An agent of one worker is given jobs of one packet to another host over 16 connections, as fast as it
takes them for a while; the clock stops when the end of the last one is stored. Beside it, in turn, a
bare SQLite loop commits the same rows one by one. A job is three rows: submitted, running, ended.
"""

import os
import re
import statistics
import sys
import tempfile
import time

import lab
import render
from bench_api import CONNECTIONS, Served

TURNS = 5  # of jobs and of the bare loop, in a round
WANTED = 0.25
PATIENCE_S = 120
JOB = {"streams": [{"udp": {"address": lab.SINK, "port": lab.PORT}, "payloads": [{"text": "hello"}],
                    "limit": {"packets": 1}}]}


def ended(agent):
    """How many jobs have succeeded, their ends stored."""
    text = agent.call("GET", "/metrics").body.decode()
    return int(float(re.search(r'^pagecast_jobs_ended_total\{state="succeeded"\} (\S+)$', text, re.M)[1]))


def one_turn(here, seconds):
    with tempfile.TemporaryDirectory(dir=here.folder) as folder:
        agent = Served(here, folder)
        try:
            begun = time.monotonic()
            load = agent.load(agent.port, seconds, "POST", "/v1/jobs", JOB)
            jobs = load["answers"]
            if load["refused"] or not jobs:
                raise lab.LabError(f"submits: {load}")
            while ended(agent) < jobs:
                if time.monotonic() - begun > PATIENCE_S:
                    raise lab.LabError(f"{ended(agent)} of {jobs} jobs ended in {PATIENCE_S} s")
                time.sleep(0.005)
            took = time.monotonic() - begun
            bare = here.program("bare_api", "store", os.path.join(folder, "state", "jobs.db"),
                                os.path.join(folder, "bare.db"), str(2 * seconds), "1")
        finally:
            agent.kill()
    return {"jobs": jobs / took, "submits": load["per_second"], "rows": bare["per_second"],
            "ratio": jobs / took / bare["per_second"]}


def report(rounds):
    median = {field: statistics.median(one[field] for one in rounds) for field in rounds[0]}
    result = {"connections": CONNECTIONS, "rounds": len(rounds), "runs": rounds, "median": median,
              "targets": [render.target("jobs over rows", median["ratio"], WANTED)]}
    table = render.markdown_table(
        ("", "a second"),
        [("jobs of one packet ended, one worker", f"{median['jobs']:,.0f}"),
         ("jobs submitted meanwhile", f"{median['submits']:,.0f}"),
         ("bare SQLite loop, a commit a row", f"{median['rows']:,.0f}")])
    return render.Report(result, table)


def measure(here, _, options):
    rounds = []
    for _ in range(options.rounds * TURNS):
        rounds.append(one_turn(here, options.seconds))
        yield report(rounds)


def smoke(here, _):
    """Do jobs end, and are rows written beside them?"""
    one_turn(here, 0.3)
    return {}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke,
                       lambda parser: parser.add_argument("--seconds", type=float, default=0.4)))
