"""Who sends in bench_speed.py: the engines of the agent, the bare loops, and other tools.

A sender hands over so many datagrams of a length to the sink, once or several times at the same
moment, and says what it took: `mpps` is all packets over the time from the first one's start to the
last one's end, by each sender's own clock around its own loop.
"""

import calendar
import contextlib
import json
import re
import shutil
import subprocess
import time

import lab

PAGE_ROOM = 4096 - 64  # what `ways` leaves of a page behind its head
TRAIN_BYTES, SEGMENTS_MAX = 61440, 128
FRESH_PASS_BYTES = 34 << 20  # above what the agent keeps as a template
START_AFTER_S = 0.15  # several at once begin together: time enough to get ready
FRAME_MAX_PLAIN = 2048  # trafgen's ring, unless it is asked for a larger one


def figures(runs, cpu_seconds, **more):
    """@runs: (packets, begin, seconds) of each that sent at the same time."""
    packets = sum(run[0] for run in runs)
    span = max(begin + seconds for _, begin, seconds in runs) - min(run[1] for run in runs)
    return {"packets": packets, "mpps": packets / span / 1e6,
            "cpu_ns_per_packet": cpu_seconds / packets * 1e9, **more}


class Sender:
    """What all have: a name, whether it sends trains, what it cannot do."""

    at_once_max = 1
    length_max, why_not = 8972, ""

    def __init__(self, name, trains):
        self.name, self.trains = name, trains

    def missing(self, agent):  # pylint: disable=unused-argument
        """Why it cannot be measured here; None: it can."""
        return None

    def first_packets(self, length):
        """So many that they take some milliseconds: how many a sample takes is seen then."""
        segments = min(SEGMENTS_MAX, TRAIN_BYTES // length) if self.trains else 10
        return 2000 * max(1, segments)


class Bare(Sender):
    """One loop of ways.c."""

    at_once_max = 2
    program = "ways"

    def __init__(self, way, trains=False, at_once=True):
        super().__init__("bare " + way, trains)
        self.way = way
        if not at_once:
            self.at_once_max = 1
        if way == "textbook":
            self.length_max, self.why_not = PAGE_ROOM, "one page does not hold the packet"

    def send(self, here, _agent, length, packets, at_once, address=lab.SINK):
        told = here.ways(self.way, length, packets, address, at_once,
                         time.time() + START_AFTER_S if at_once > 1 else 0, self.program)
        return figures([(one["packets"], one["begin"], one["seconds"]) for one in told],
                       sum(one["cpu_ns_per_packet"] * one["packets"] / 1e9 for one in told),
                       syscalls_per_packet=told[0]["syscalls_per_packet"])


class BareUring(Bare):
    """One loop of uring.c."""

    program = "uring"

    def __init__(self, way):
        super().__init__(way, trains=True)
        self.name = "bare uring-" + way

    def missing(self, agent):
        for engine in agent.call("GET", "/v1/engines")["engines"]:
            if engine["kind"] == "ENGINE_KIND_URING":
                return None if engine.get("available") else engine["why"]
        return "the agent does not know io_uring"


def udp_stream(length, address):
    return {"udp": {"address": address, "port": lab.PORT},
            "payloads": [{"random": {"seed": "1", "length": length}}]}


def fresh_stream(length, address):
    """A pass too long for a template: every datagram is written into a page of its own time."""
    repeat = FRESH_PASS_BYTES // 2 // length + 1
    return {"udp": {"address": address, "port": lab.PORT},
            "payloads": [{"random": {"seed": str(seed), "length": length}, "repeat": repeat}
                         for seed in (1, 2)]}


def built_frames(length, address):
    """UDP frames that the agent builds: equal ones leave as trains."""
    return {"ethernet": {"interface": lab.DEVICE, "header": {
        "destinationMac": lab.MAC_OF[address], "destinationAddress": address,
        "destinationPort": lab.PORT, "sourcePort": 1}},
        "payloads": [{"random": {"seed": "1", "length": length}}]}


def given_frames(length, address):
    """The very frames that trafgen and tcpreplay send. Their UDP checksum is 0: the kernel would
    write one into what it cuts out of a train, so they leave one by one."""
    return {"ethernet": {"interface": lab.DEVICE},
            "payloads": [{"hex": lab.udp_frame(length, lab.MAC_OF[address], address).hex()}]}


class ByAgent(Sender):
    """A job of the agent: what it says in its account and report."""

    at_once_max = 2

    def __init__(self, name, engine, stream=udp_stream, layout="PACKED", trains=True):
        super().__init__("agent " + name, trains)
        self.engine, self.stream, self.layout = engine, stream, layout
        if layout != "PACKED":
            self.length_max, self.why_not = PAGE_ROOM, "one page does not hold the packet"

    def missing(self, agent):
        for engine in agent.call("GET", "/v1/engines")["engines"]:
            if engine["kind"] == "ENGINE_KIND_" + self.engine:
                return None if engine.get("available") else engine["why"]
        return "the agent does not know it"

    def spec(self, length, packets, address, start=None):
        spec = {"name": f"{self.name}, {length} B", "engine": self.engine,
                "pageLayout": self.layout,
                "streams": [{**self.stream(length, address), "limit": {"packets": str(packets)}}]}
        if start:
            spec["startTime"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start)) + \
                f".{int(start % 1 * 1e9):09}Z"
        return spec

    def send(self, _here, agent, length, packets, at_once, address=lab.SINK):
        start = time.time() + START_AFTER_S if at_once > 1 else None
        jobs, cpu = agent.run_all([self.spec(length, packets, address, start)] * at_once)
        runs = [self.run_of(job, packets) for job in jobs]
        return figures(runs, cpu, path=jobs[0]["report"]["path"],
                       syscalls_per_packet=int(jobs[0]["account"]["syscalls"]) / packets)

    def run_of(self, job, packets):
        account = job["account"]
        if job["state"] != "JOB_STATE_SUCCEEDED" or int(account["packetsSent"]) != packets:
            raise lab.LabError(f"{self.name}: {job['state']}, sent {account['packetsSent']} of "
                               f"{packets}: {lab.job_problems(job)}")
        if not account["balanced"]:
            raise lab.LabError(f"{self.name}: the account does not balance: {account}")
        whole, fraction = job["firstPacketTime"].rstrip("Z").split(".")
        begin = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("." + fraction)
        return packets, begin, (packets - 1) / job["report"]["achievedPps"]


class Peer(Sender):
    """A program of others, where it is installed."""

    def missing(self, agent):
        name = self.name.split(",")[0]
        return None if shutil.which(name) else f"{name} is not installed"

    def said(self, output, pattern):
        found = re.findall(pattern, output)
        if not found:
            raise lab.LabError(f"{self.name} said nothing of its speed: {output[-300:]}")
        return found[-1]


class Trafgen(Peer):
    def send(self, here, _agent, length, packets, _at_once):
        frames, _ = here.write_frames(length, lab.SINK_MAC, lab.SINK)
        large = ["--jumbo-support"] if length > FRAME_MAX_PLAIN - 100 else []
        output, _, cpu = lab.run_timed(here.sending(
            "trafgen", "-P1", *large, "--dev", lab.DEVICE, "--in", frames, "-n", str(packets)))
        seconds, micros = self.said(output, r"(\d+) sec, +(\d+) usec")
        return figures([(packets, 0, int(seconds) + int(micros) / 1e6)], cpu)


class Tcpreplay(Peer):
    def send(self, here, _agent, length, packets, _at_once):
        _, pcap = here.write_frames(length, lab.SINK_MAC, lab.SINK)
        output, _, cpu = lab.run_timed(here.sending(
            "tcpreplay", "-i", lab.DEVICE, "--topspeed", "--preload-pcap", f"--limit={packets}",
            "--loop=1000000", pcap))
        return figures([(packets, 0, packets / float(self.said(output, r"([\d.]+) pps")))], cpu)


class Iperf(Peer):
    """Needs its own receiver at the far end, which takes its part of the machine."""

    def send(self, here, _agent, length, packets, _at_once):
        with iperf_server(here):
            output, _, cpu = lab.run_timed(here.sending(
                "iperf3", "-c", lab.RECEIVER, "-u", "-b", "0", "-l", str(length),
                "-k", str(packets), "-J"))
        try:  # it may warn ahead of its JSON
            told = json.loads(output[output.index("{"):output.rindex("}") + 1])["end"]["sum"]
        except (ValueError, KeyError):
            raise lab.LabError(f"{self.name}: {output[-300:]}") from None
        return figures([(told["packets"], 0, told["seconds"])], cpu)


@contextlib.contextmanager
def iperf_server(here):
    with subprocess.Popen(here.receiving("iperf3", "-s", "-1", "--forceflush"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            while "listening" not in (line := server.stdout.readline()):
                if not line:
                    raise lab.LabError("iperf3 does not listen")
            yield
        finally:
            server.kill()


# What is compared runs next to each other.
SENDERS = (
    Bare("send", at_once=False),
    Bare("sendmmsg", at_once=False),
    Bare("textbook"),
    ByAgent("splice, page per packet", "SPLICE", layout="PAGE_PER_PACKET", trains=False),
    Bare("packed", at_once=False),
    Bare("gso-copy", trains=True),
    ByAgent("copy", "COPY"),
    Bare("gso-zerocopy", trains=True),
    ByAgent("zerocopy", "ZEROCOPY"),
    BareUring("template"),
    ByAgent("uring", "URING"),
    Bare("gso-splice", trains=True),
    ByAgent("splice", "SPLICE"),
    Bare("gso-tee", trains=True),
    Bare("gso-fresh", trains=True),
    ByAgent("splice, fresh pages", "SPLICE", stream=fresh_stream),
    ByAgent("txring, trains", "TXRING", stream=built_frames),
    Trafgen("trafgen", False),
    ByAgent("txring, single frames", "TXRING", stream=given_frames, trains=False),
    Tcpreplay("tcpreplay", False),
    Iperf("iperf3, to its receiver", False),
)
