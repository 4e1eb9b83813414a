"""bench_watch.py PROGRAMS: what 200 watchers of a job at full speed cost.

A worker sends; in turns nobody watches, and 200 follow the job's events, up to ten a second each.
Told are the CPU time of all threads but the worker's, and what the worker sends meanwhile.
"""

import glob
import os
import selectors
import socket
import statistics
import sys
import time

import lab
import render

WATCHERS = 200
TURNS = 3  # of each, in a round
FIRST_SECONDS_MAX = 30
ENDLESS = {"streams": [{
    "udp": {"address": lab.SINK, "port": lab.PORT}, "payloads": [{"text": "Z" * 1472}],
    "rate": {"unlimited": True}, "limit": {"untilCancelled": True}}]}
CPU_MAX = 0.05  # of a core
SENT_MIN = 0.95  # the worker's own rate spreads by as much from turn to turn


def other_cpu_seconds(pid):
    """Of all threads of the agent but its workers."""
    if not os.path.exists(f"/proc/{pid}/schedstat"):
        raise lab.Skip("this kernel does not tell the CPU time of a thread (schedstat)")
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*"):
        with open(f"{task}/comm", encoding="ascii") as comm, \
                open(f"{task}/schedstat", encoding="ascii") as stat:
            if not comm.read().startswith("worker"):
                total += int(stat.read().split()[0])
    return total / 1e9


class Watchers:
    """So many connections that read the events of a job; counts what arrives."""

    def __init__(self, path, job_id, count):
        self.selector, self.sockets = selectors.DefaultSelector(), []
        self.events = 0
        for _ in range(count):
            one = socket.socket(socket.AF_UNIX)
            one.connect(path)
            one.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self.sockets.append(one)
            self.selector.register(one, selectors.EVENT_READ)

    def read(self, seconds):
        """Returns how many events arrived."""
        before, until = self.events, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                data = key.fileobj.recv(1 << 16)
                if not data:
                    raise lab.LabError("a watcher was sent away")
                self.events += data.count(b"\ndata:")
        return self.events - before

    def close(self):
        for one in self.sockets:
            one.close()


def sent(agent, job_id):
    return int(agent.call("GET", f"/v1/jobs/{job_id}")["account"]["packetsSent"])


def one_turn(agent, job_id, count, seconds):
    watchers = Watchers(f"{agent.folder}/api.sock", job_id, count)
    try:
        until = time.monotonic() + FIRST_SECONDS_MAX
        while watchers.events < count:  # until all have their first
            if time.monotonic() > until:
                raise lab.LabError(f"{watchers.events} events for {count} watchers")
            watchers.read(0.1)
        cpu, packets, began = other_cpu_seconds(agent.pid), sent(agent, job_id), time.monotonic()
        events = watchers.read(seconds)
        took = time.monotonic() - began
        return {"cpu_of_a_core": (other_cpu_seconds(agent.pid) - cpu) / took,
                "mpps": (sent(agent, job_id) - packets) / took / 1e6,
                "events_per_second": events / took}
    finally:
        watchers.close()


def one_round(agent, seconds):
    job_id = agent.call("POST", "/v1/jobs", ENDLESS)["id"]
    turns = {"alone": [], "watched": []}
    try:
        while agent.call("GET", f"/v1/jobs/{job_id}?wait=1")["state"] != "JOB_STATE_RUNNING":
            pass
        for _ in range(TURNS):
            turns["alone"].append(one_turn(agent, job_id, 0, seconds))
            turns["watched"].append(one_turn(agent, job_id, WATCHERS, seconds))
    finally:
        agent.call("POST", f"/v1/jobs/{job_id}:cancel")
    return {name: {field: statistics.median(turn[field] for turn in of) for field in of[0]}
            for name, of in turns.items()}


def report(rounds):
    of = {name: {field: statistics.median(one[name][field] for one in rounds) for field in rounds[0][name]}
          for name in ("alone", "watched")}
    cost = statistics.median(one["watched"]["cpu_of_a_core"] - one["alone"]["cpu_of_a_core"] for one in rounds)
    kept = statistics.median(one["watched"]["mpps"] / one["alone"]["mpps"] for one in rounds)
    result = {"watchers": WATCHERS, "rounds": len(rounds), "runs": rounds, "median": of, "targets": [
        render.target(f"{WATCHERS} watchers: CPU, of a core", cost, CPU_MAX, at_most=True),
        render.target("what the worker sends beside them, over what it sends alone", kept, SENT_MIN)]}
    table = render.markdown_table(
        ("", "events a second", "CPU beside the worker, of a core", "worker, Mpps"),
        [(name, f"{of[key]['events_per_second']:,.0f}", render.significant(of[key]["cpu_of_a_core"]),
          render.significant(of[key]["mpps"]))
         for key, name in (("alone", "nobody watches"), ("watched", f"{WATCHERS} watchers of the job"))])
    return render.Report(result, table)


def measure(_, agent, options):
    rounds = []
    for _ in range(options.rounds):
        rounds.append(one_round(agent, options.seconds))
        yield report(rounds)


def smoke(_, agent):
    """Does every watcher get its events?"""
    return one_round(agent, 0.3)


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke,
                       lambda parser: parser.add_argument("--seconds", type=float, default=2)))
