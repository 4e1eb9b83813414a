#!/usr/bin/env python3
"""How true the agent's rates are, beside tcpreplay and trafgen, in one run.

Each sends for three seconds at each rate, in turn, several rounds; gaps judges at the receiving end
by the kernel's time stamps. A sample that a hypervisor disturbed is taken again (lab.calm). A figure
is the median of the rounds. CPU is that of the whole process: the agent's by its CPU clock around the
job, a peer's from start to exit.

"disturbed": agent and tcpreplay once more, each pinned to a core that a real-time process takes from
it for 400 us a hundred times a second, as a busy host does.
"""

import contextlib
import re
import shutil
import statistics
import sys

import lab
import render

RATES_PPS = (10, 1_000, 10_000, 100_000)
DISTURBED_PPS = (1_000, 10_000, 100_000)
DISTURBED_CPU, STALL_US, STALLS = 0, 400, 100
DISTURB_SECONDS = 30  # more than a sample takes
DISTURBED = ", disturbed"  # behind a name
SECONDS = 3
LENGTH = 200
SMOKE_PPS, SMOKE_PACKETS = 1000, 300


def agent_spec(pps, packets):
    return {
        "name": f"pace {pps}",
        "streams": [{
            "udp": {"address": lab.RECEIVER, "port": lab.PORT},
            "payloads": [{"random": {"seed": "1", "length": LENGTH}}],
            "rate": {"pps": pps},
            "limit": {"packets": str(packets)},
        }],
    }


def run_agent(agent, pps, packets):
    job, _, cpu = agent.run(agent_spec(pps, packets))
    if job["state"] != "JOB_STATE_SUCCEEDED":
        raise lab.LabError(f"{pps} pps: {job['state']}: {lab.job_problems(job)}")
    return {"cpu_seconds": cpu, "sent": int(job["account"]["packetsSent"]),
            "report": job["report"]}


def peer_commands(here, pps, packets):
    trafgen, pcap = here.write_frames(LENGTH, lab.RECEIVER_MAC, lab.RECEIVER)
    base = ["trafgen", "-P1", "--dev", lab.DEVICE, "--in", trafgen, "-n", str(packets)]
    return {
        "tcpreplay": ["tcpreplay", "-i", lab.DEVICE, f"--pps={pps}", "--preload-pcap",
                      f"--limit={packets}", "--loop=1000000", pcap],
        "trafgen -t": [*base, "-t", f"{1_000_000 // pps}us"],
        "trafgen -b": [*base, "-b", f"{pps}pps"],
    }


def one_run(here, agent, name, pps, packets):
    """@name: of a peer, or "agent"; with DISTURBED behind it, beside what takes its core."""
    disturbed = name.endswith(DISTURBED)
    name = name.removesuffix(DISTURBED)
    pinned = ["taskset", "-c", str(DISTURBED_CPU)] if disturbed else []
    with here.judge(pps=pps, idle_ms=max(1500, 3000 // pps)) as verdict, \
            (here.disturbed(DISTURBED_CPU, STALL_US, STALLS, DISTURB_SECONDS) if disturbed
             else contextlib.nullcontext()):
        if name == "agent":
            told = run_agent(agent, pps, packets)
        else:
            _, _, cpu = lab.run_timed([*pinned, *here.sending(*peer_commands(here, pps, packets)[name])])
            told = {"cpu_seconds": cpu, "sent": packets}
    if name == "agent" and verdict["datagrams"] != told["sent"]:
        raise lab.LabError(f"agent sent {told['sent']} at {pps} pps, received {verdict}")
    if "gap_error_ns" not in verdict:
        raise lab.LabError(f"{name} at {pps} pps: nothing arrived")
    return {**told, **verdict, "rate_error_ppm": (verdict["pps"] / pps - 1) * 1e6}


def medians(runs):
    return {
        "sent": statistics.median(run["sent"] for run in runs),
        "received": statistics.median(run["datagrams"] for run in runs),
        "rate_error_ppm": statistics.median(run["rate_error_ppm"] for run in runs),
        "longest_burst": statistics.median(run["longest_burst"] for run in runs),
        "cpu_seconds": statistics.median(run["cpu_seconds"] for run in runs),
        **{f"gap_error_{key}_ns": statistics.median(run["gap_error_ns"][key] for run in runs)
           for key in ("p50", "p90", "p99", "max")},
    }


def wanted():
    """Every name and rate, in the order in which they are measured."""
    peers = [name for name in ("tcpreplay", "trafgen -t", "trafgen -b") if shutil.which(name.split()[0])]
    rows = [(name, pps) for pps in RATES_PPS for name in ("agent", *peers)]
    return rows + [(name + DISTURBED, pps) for pps in DISTURBED_PPS
                   for name in ("agent", *peers) if not name.startswith("trafgen")]


def measure(here, agent, options):
    runs = {}
    with lab.Agent(here, pin=DISTURBED_CPU) as pinned:
        for number in range(options.rounds):
            for name, pps in wanted():
                if options.only and not re.search(options.only, name):
                    continue
                run = lab.calm(lambda: one_run(  # pylint: disable=cell-var-from-loop
                    here, pinned if DISTURBED in name else agent, name, pps, pps * SECONDS))
                runs.setdefault((name, pps), []).append(run)
                print(f"round {number + 1}: {name:20} {pps:7} pps: p90 "
                      f"{run['gap_error_ns']['p90'] / 1000:9.1f} us, rate "
                      f"{run['rate_error_ppm']:+9.0f} ppm, burst {run['longest_burst']:5}, "
                      f"CPU {run['cpu_seconds']:.3f} s; stolen {run['stolen_percent']:.1f} %, "
                      f"sample {run['samples_taken']}", file=sys.stderr)
            results = [{"name": name, "pps": pps, **medians(of), "runs": of}
                       for (name, pps), of in runs.items()]
            yield render.Report({"rounds": number + 1, "seconds": SECONDS, "results": results,
                                 "targets": targets(results)}, table(results), chart(results))


def add_options(parser):
    parser.add_argument("--only", help="only rows whose name matches this pattern")


def targets(results):
    rows = {(row["name"], row["pps"]): row for row in results}

    def ratio(pps, figure, kind=""):
        own, peer = rows.get(("agent" + kind, pps)), rows.get(("tcpreplay" + kind, pps))
        return own[figure] / peer[figure] if own and peer and peer[figure] else None

    found = []
    for pps in RATES_PPS:
        if ("agent", pps) in rows:
            found.append(render.target(f"{pps} pps: mean rate off by, ppm",
                                       abs(rows["agent", pps]["rate_error_ppm"]), 50, at_most=True))
    bars = [(pps, "", gap, cpu) for pps, gap, cpu in ((100_000, 0.5, None), (10_000, 1.0, 0.7),
                                                      (1_000, 1.3, 0.25), (10, 1.3, 0.25))]
    bars += [(pps, DISTURBED, 1.0, 1.0) for pps in DISTURBED_PPS]
    for pps, kind, gap, cpu in bars:
        found.append(render.target(f"{pps} pps{kind}: p90 gap error over tcpreplay's",
                                   ratio(pps, "gap_error_p90_ns", kind), gap, at_most=True))
        if cpu:
            found.append(render.target(f"{pps} pps{kind}: CPU over tcpreplay's",
                                       ratio(pps, "cpu_seconds", kind), cpu, at_most=True))
        found.append(render.target(f"{pps} pps{kind}: longest burst over tcpreplay's",
                                   ratio(pps, "longest_burst", kind), 1.0, at_most=True))
    return found


def rate_error(ppm):
    """In parts per million while that says something, else as a factor of what was asked."""
    return f"{ppm:+,.0f} ppm" if abs(ppm) < 100_000 else f"x {render.significant(1 + ppm / 1e6)}"


def table(results):
    return figures(results) + "\n" + lab.taken_again(
        [run for row in results for run in row["runs"]]) + "\n"


def figures(results):
    return render.markdown_table(
        ("", "asked pps", "rate off by", "gap error p90, us", "p99, us", "longest burst",
         "CPU, s"),
        [(row["name"], f"{row['pps']:,}", rate_error(row["rate_error_ppm"]),
          render.significant(row["gap_error_p90_ns"] / 1000),
          render.significant(row["gap_error_p99_ns"] / 1000),
          f"{row['longest_burst']:g}", f"{row['cpu_seconds']:.3f}")
         for row in sorted(results, key=lambda row: row["pps"])])


def chart(results):
    series = {}
    for row in results:
        series.setdefault(row["name"], []).append(
            (row["pps"], max(row["gap_error_p90_ns"], 1) / 1000))
    return render.line_chart("Gap error at the receiver, 90th percentile", "packets a second asked",
                             "microseconds", series)


def smoke(here, agent):
    run = one_run(here, agent, "agent", SMOKE_PPS, SMOKE_PACKETS)
    if run["sent"] != SMOKE_PACKETS or run["datagrams"] != SMOKE_PACKETS:
        raise lab.LabError(f"asked {SMOKE_PACKETS}, sent {run['sent']}, got {run['datagrams']}")
    return {"smoke": run}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke, add_options))
