#!/usr/bin/env python3
"""What each engine of the agent does with each kind of destination, found out by jobs.

A job of equal packets by every engine to every kind of destination, and by none, to see which one
`auto` takes. What a job cannot show (when a page is free again, what an engine needs) is written
here. Prints the table of agent/README.md.
"""

import re
import sys

import lab
import render
import senders

LENGTH, PACKETS = 512, 2000
FREE_AGAIN = {  # a page, or the place of a packet
    "SPLICE": "never: it is replaced", "TXRING": "when the kernel gives the slot back",
    "COPY": "at once", "ZEROCOPY": "when the error queue says so",
    "URING": "when a notification says so",
}
NEEDS = {
    "SPLICE": "nothing; CAP_NET_RAW for raw IP", "TXRING": "CAP_NET_RAW",
    "COPY": "nothing; CAP_NET_RAW for raw IP", "ZEROCOPY": "locked memory (`ulimit -l`)",
    "URING": "io_uring, Linux 6.1; locked memory (`ulimit -l`)",
}
OTHERWISE = {"COPY": "UDP and raw IP, where SPLICE is not available", "ZEROCOPY": "nothing: ask for it",
             "URING": "UDP without a rate whose packets differ"}
COPIES = {"KERNEL_COPIES_NONE": "no copy", "KERNEL_COPIES_ONE": "one copy", "KERNEL_COPIES_TWO": "two copies"}


def destinations():
    """By name: streams of equal packets to the sink, those that can be trains ahead of others."""
    return {
        "UDP": [senders.udp_stream(LENGTH, lab.SINK)],
        "raw IP": [{"rawIp": {"address": lab.SINK, "protocol": 253},
                    "payloads": [{"random": {"seed": "1", "length": LENGTH}}]}],
        "Ethernet": [senders.built_frames(LENGTH, lab.SINK),
                     senders.given_frames(LENGTH, lab.SINK)],
    }


def ended(agent, engine, stream):
    """The job, or None where the engine does not serve the destination."""
    stream = {**stream, "limit": {"packets": str(PACKETS)}}
    answer = agent.request("POST", "/v1/jobs", {"engine": engine, "streams": [stream]}, unix=True)
    if answer.status not in (201, 409):
        raise lab.LabError(f"{engine}: {answer}")
    job = answer.json()
    if answer.status == 201:
        job = agent.end_of(job)
    elif job["code"] != "failed_precondition":
        raise lab.LabError(f"{engine}: {answer}")
    if job.get("state") == "JOB_STATE_SUCCEEDED":
        return job
    return None


def in_words(job):
    """How the packets left: by the path in the report."""
    if not job:
        return "–"
    report = job["report"]
    train = re.search(r"trains of \d+", report["path"])
    copies = COPIES[report["kernelCopies"]]
    return f"{train.group(0) if train else 'one by one'}, {copies}"


def look(agent):
    """The engines with what their jobs came to, and which engine each destination gets by auto."""
    streams = destinations()
    auto = {kind: job["report"]["engine"].removeprefix("ENGINE_KIND_")
            for kind, (stream, *_) in streams.items()
            if (job := ended(agent, "ENGINE_KIND_UNSPECIFIED", stream))}
    rows = []
    for engine in agent.call("GET", "/v1/engines")["engines"]:
        name = engine["kind"].removeprefix("ENGINE_KIND_")
        row = {"engine": name, "available": bool(engine.get("available")), "why": engine["why"],
               "auto": [kind for kind, taken in auto.items() if taken == name]}
        if row["available"]:
            row["does"] = {kind: "; others ".join(dict.fromkeys(
                in_words(ended(agent, engine["kind"], stream)) for stream in those))
                for kind, those in streams.items()}
        rows.append(row)
    return rows


def table(rows):
    kinds = list(destinations())
    lines = []
    for row in rows:
        name = row["engine"]
        does = row.get("does") or {kind: "not available here" for kind in kinds}
        lines.append([f"`{name}`", *(does[kind] for kind in kinds), FREE_AGAIN[name], NEEDS[name],
                      ", ".join(row["auto"]) or OTHERWISE.get(name, "nothing here")])
    return render.markdown_table(
        ["engine", *kinds, "a page is free again", "needs", "`auto` takes it for"], lines,
        numbers=False)


def measure(_here, agent, _options):
    rows = look(agent)
    yield render.Report({"engines": rows}, table(rows))


def smoke(_here, agent):
    """Does every engine that is there serve something, and is every destination served?"""
    rows = look(agent)
    for row in rows:
        if row["available"] and set(row["does"].values()) == {"–"}:
            raise lab.LabError(f"{row['engine']} is available and serves nothing")
    if not any("UDP" in row["auto"] for row in rows):
        raise lab.LabError("no engine serves UDP")
    return {"engines": rows, "table": table(rows)}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke, policy={"allowEthernet": True}))
