#!/usr/bin/env python3
"""How fast the agent sends through its API, beside the bare loops, in one run.

Every engine and layout that the agent has, every bare loop, and the peers that are installed, for
each payload length, interleaved over several rounds: what is compared ran within seconds of each
other. The figure of a row is the median of its rounds. All send to a sink, in a namespace of their
own. The agent's rate is packets over first to last packet, as its report says; the bytes that
reached the far end of the link are read there, and a row that falls short of them is an error.
"""

import re
import shutil
import statistics
import sys

import lab
import render

# Packets a run: about half a second each on a small machine.
PACKETS = {"single": 150_000, "train": 4_000_000}
WAYS = {"send": "single", "sendmmsg": "single", "textbook": "single", "packed": "single",
        "gso-copy": "train", "gso-zerocopy": "train", "gso-splice": "train", "gso-tee": "train"}
AGENT = {("SPLICE", "PACKED"): "train", ("SPLICE", "PAGE_PER_PACKET"): "single",
         ("COPY", "PACKED"): "train", ("ZEROCOPY", "PACKED"): "train"}
SMOKE_PACKETS = 2000
RESIDENT_KIB_MAX = 12 * 1024


def agent_name(engine, layout):
    return f"agent {engine.lower()}, {layout.lower()}"


def job_spec(engine, layout, length, packets, address):
    return {
        "name": f"bench {length}",
        "engine": engine,
        "pageLayout": layout,
        "streams": [{
            "udp": {"address": address, "port": lab.PORT},
            "payloads": [{"random": {"seed": "1", "length": length}}],
            "limit": {"packets": str(packets)},
        }],
    }


def checked_job(agent, spec, packets):
    job, wall, cpu = agent.run(spec)
    account = job["account"]
    if job["state"] != "JOB_STATE_SUCCEEDED" or int(account["packetsSent"]) != packets:
        raise lab.LabError(f"{spec['engine']}: {job['state']}, sent {account['packetsSent']} of "
                           f"{packets}: {lab.job_problems(job)}")
    if not account["balanced"]:
        raise lab.LabError(f"{spec['engine']}: the account does not balance: {account}")
    return job, wall, cpu


class Speed:
    """The rows of one run: who sends, at which length, how fast in each round."""

    def __init__(self, here, agent, lengths, scale):
        self.here, self.agent, self.lengths, self.scale = here, agent, lengths, scale
        self.runs = {}
        kinds = {f"ENGINE_KIND_{engine}" for engine, _ in AGENT}
        engines = agent.call("GET", "/v1/engines")["engines"]
        self.missing = {e["kind"]: e["why"] for e in engines
                        if e["kind"] in kinds and not e.get("available")}
        offered = {e["kind"] for e in engines if e.get("available")}
        self.subjects = {k: v for k, v in AGENT.items() if f"ENGINE_KIND_{k[0]}" in offered}

    def packets(self, kind):
        return max(1000, int(PACKETS[kind] * self.scale))

    def note(self, name, length, packets, far_end_bytes, **figures):
        if far_end_bytes < packets * length:
            raise lab.LabError(f"{name}: {packets} packets of {length} bytes, but only "
                               f"{far_end_bytes} bytes reached the far end")
        self.runs.setdefault((name, length), []).append(figures)
        print(f"  {name:32} {length:5} B  {figures['mpps']:8.3f} Mpps", file=sys.stderr)

    def run_way(self, way, length):
        before = self.here.far_end_bytes()
        told = self.here.ways(way, length, self.packets(WAYS[way]))
        self.note("bare " + way, length, told["packets"], self.here.far_end_bytes() - before,
                  mpps=told["mpps"], cpu_ns_per_packet=told["cpu_ns_per_packet"],
                  syscalls_per_packet=told["syscalls_per_packet"])

    def run_agent(self, engine, layout, length):
        packets = self.packets(self.subjects[engine, layout])
        before = self.here.far_end_bytes()
        job, wall, cpu = checked_job(
            self.agent, job_spec(engine, layout, length, packets, lab.SINK), packets)
        self.note(agent_name(engine, layout), length, packets,
                  self.here.far_end_bytes() - before,
                  mpps=job["report"]["achievedPps"] / 1e6, wall_mpps=packets / wall / 1e6,
                  cpu_ns_per_packet=cpu / packets * 1e9,
                  syscalls_per_packet=int(job["account"]["syscalls"]) / packets,
                  path=job["report"]["path"])

    def run_peers(self, length):
        trafgen, pcap = self.here.write_frames(length, lab.SINK_MAC, lab.SINK)
        packets = self.packets("single") // 1000 * 1000
        for name, arguments, pattern in (
                ("trafgen", ["trafgen", "-P1", "--dev", lab.DEVICE, "--in", trafgen,
                             "-n", str(packets)], r"(\d+) sec, +(\d+) usec"),
                ("tcpreplay", ["tcpreplay", "-i", lab.DEVICE, "--topspeed", "--preload-pcap",
                               f"--loop={packets // 1000}", pcap], r"([\d.]+) pps")):
            if not shutil.which(name):
                continue
            before = self.here.far_end_bytes()
            output, _, cpu = lab.run_timed(self.here.sending(*arguments))
            found = re.findall(pattern, output)
            if not found:
                raise lab.LabError(f"{name} said nothing of its speed: {output[-300:]}")
            last = found[-1]
            mpps = (float(last) / 1e6 if isinstance(last, str)
                    else packets / (int(last[0]) * 1e6 + int(last[1])))
            self.note(name, length, packets, self.here.far_end_bytes() - before, mpps=mpps,
                      cpu_ns_per_packet=cpu / packets * 1e9)

    def round(self, peers):
        for length in self.lengths:
            for way in WAYS:
                self.run_way(way, length)
                for engine, layout in self.subjects:
                    if beside(engine, layout) == way:
                        self.run_agent(engine, layout, length)
            if peers:
                self.run_peers(length)

    def median(self, name, length):
        runs = self.runs.get((name, length))
        return statistics.median(run["mpps"] for run in runs) if runs else None

    def ratio(self, name, other, length):
        """Median of the rounds' ratios: the two ran next to each other in each of them."""
        pairs = zip(self.runs.get((name, length), ()), self.runs.get((other, length), ()))
        ratios = [one["mpps"] / two["mpps"] for one, two in pairs]
        return statistics.median(ratios) if ratios else None


def beside(engine, layout):
    """The bare loop that an engine and layout is measured next to."""
    if layout == "PAGE_PER_PACKET":
        return "textbook"
    return {"SPLICE": "gso-splice", "COPY": "gso-copy", "ZEROCOPY": "gso-zerocopy"}[engine]


def targets(speed, resident_kib):
    packed, textbook = agent_name("SPLICE", "PACKED"), agent_name("SPLICE", "PAGE_PER_PACKET")
    rows = [render.target("packed over page_per_packet, 1472 B",
                          speed.ratio(packed, textbook, 1472), 25)]
    for length in speed.lengths:
        rows.append(render.target(f"page_per_packet over the bare textbook loop, {length} B",
                                  speed.ratio(textbook, "bare textbook", length), 0.9))
        rows.append(render.target(f"packed over the bare gso-splice loop, {length} B",
                                  speed.ratio(packed, "bare gso-splice", length), 0.75))
    rows.append(render.target("idle agent resident, MiB", resident_kib / 1024,
                              RESIDENT_KIB_MAX / 1024, at_most=True))
    return rows


def table(speed):
    names = list(dict.fromkeys(name for name, _ in speed.runs))
    header = ["", *(f"{length} B, Mpps" for length in speed.lengths),
              "Gbit/s of payload at the last", "x the bare textbook loop there"]
    rows = []
    for name in names:
        last = speed.lengths[-1]
        gbps = speed.median(name, last) * last * 8 / 1e3
        rows.append([name, *(render.significant(speed.median(name, n)) for n in speed.lengths),
                     render.significant(gbps),
                     render.significant(speed.ratio(name, "bare textbook", last))])
    return render.markdown_table(header, rows)


def chart(speed):
    names = dict.fromkeys(name for name, _ in speed.runs)
    return render.line_chart(
        "Packets a second", "payload bytes", "Mpps",
        {name: [(length, speed.median(name, length)) for length in speed.lengths]
         for name in names if name.startswith("agent") or not name.startswith("bare")
         or name in ("bare textbook", "bare sendmmsg", "bare gso-splice")})


def smoke(here, agent, length=512):
    """A few packets of each engine, layout and bare loop to a receiver that counts: all arrive."""
    rows = []
    for engine, layout in Speed(here, agent, [length], 1).subjects:
        with here.judge(count=SMOKE_PACKETS) as verdict:
            checked_job(agent, job_spec(engine, layout, length, SMOKE_PACKETS, lab.RECEIVER),
                        SMOKE_PACKETS)
        rows.append({"name": agent_name(engine, layout), "sent": SMOKE_PACKETS, **verdict})
    if not rows:
        raise lab.LabError("the agent offers no engine")
    rows += smoke_ways(here, length)
    for row in rows:
        if (row["datagrams"], row["min_len"], row["max_len"]) != (row["sent"], length, length):
            raise lab.LabError(f"sent {row['sent']} of {length} bytes, received {row}")
    return {"smoke": rows}


def smoke_ways(here, length):
    rows = []
    for way in WAYS:
        with here.judge(idle_ms=300) as verdict:
            told = here.ways(way, length, SMOKE_PACKETS, lab.RECEIVER)
        rows.append({"name": "bare " + way, "sent": told["packets"], **verdict})
    return rows


def measure(here, agent, options):
    resident_kib = agent.resident_kib()
    lengths = [int(text) for text in options.lengths.split(",")]
    speed = Speed(here, agent, lengths, options.scale)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        speed.round(options.peers)
        yield render.Report({
            "rounds": number + 1, "not_available": speed.missing,
            "idle_resident_kib": resident_kib,
            "results": [{"name": name, "len": length, "mpps": speed.median(name, length),
                         "runs": runs} for (name, length), runs in speed.runs.items()],
            "targets": targets(speed, resident_kib),
        }, table(speed), chart(speed))


def add_options(parser):
    parser.add_argument("--lengths", default="64,512,1472")
    parser.add_argument("--scale", type=float, default=1.0, help="packets a run, as a factor")
    parser.add_argument("--peers", action="store_true", help="trafgen and tcpreplay too")


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke, add_options))
