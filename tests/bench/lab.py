"""Two network namespaces and a veth pair, the programs that run in them, and what they cost; and the
way of a benchmark from its command line to its files.

The sending side is 198.18.0.1, the receiving one 198.18.0.2. 198.18.0.3 is a sink: a neighbour whose
MAC address nobody has, so that the far end drops the frames and only the sending is measured.
Figures from here compare within one run; from run to run the machine drifts.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import render

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pagecast_test  # pylint: disable=wrong-import-position

SENDER, RECEIVER, SINK = "198.18.0.1", "198.18.0.2", "198.18.0.3"
SENDER_MAC, RECEIVER_MAC, SINK_MAC = (
    "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:99")
MAC_OF = {SENDER: SENDER_MAC, RECEIVER: RECEIVER_MAC, SINK: SINK_MAC}
PORT = 9999
DEVICE = "pc0"
COMMAND_SECONDS_MAX = 120
# A figure says little of a sender that had no core for a part of the time.
CALM_STOLEN_PERCENT, CALM_TRIES = 1.0, 3


class Skip(Exception):
    """The lab cannot be set up here; the text says why."""


class LabError(Exception):
    """A program of the lab did something else than it was asked for."""


def shell(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise LabError(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Lab:
    """The namespaces, for as long as the `with` lasts; a folder for files, removed with them."""

    def __init__(self, programs, mtu=1500):
        self.mtu = mtu
        self.programs = os.path.abspath(programs)  # where ways, gaps and pagecastd lie
        self.tx, self.rx = f"pc-tx-{os.getpid()}", f"pc-rx-{os.getpid()}"
        self.folder = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("network namespaces need root")
        if not shutil.which("ip"):
            raise Skip("no ip(8) here: apt-get install iproute2")
        self.folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pagecast-lab-"))
        try:
            self._up()
        except LabError as error:
            self.__exit__(None, None, None)
            raise Skip(f"no network namespaces here: {error}") from None
        return self

    def __exit__(self, *what):
        for name in (self.tx, self.rx):  # what a benchmark that was cut off left running
            pids = subprocess.run(("ip", "netns", "pids", name), capture_output=True, text=True,
                                  check=False, timeout=30).stdout
            for pid in pids.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        self._stack.close()

    def _up(self):
        for name in (self.tx, self.rx):
            shell("ip", "netns", "add", name)
            self._stack.callback(shell, "ip", "netns", "del", name)
        shell("ip", "-n", self.tx, "link", "add", DEVICE, "type", "veth",
              "peer", "name", "pc1", "netns", self.rx)
        for name, device, address, mac in (
                (self.tx, DEVICE, SENDER, SENDER_MAC), (self.rx, "pc1", RECEIVER, RECEIVER_MAC)):
            shell("ip", "-n", name, "addr", "add", address + "/24", "dev", device)
            shell("ip", "-n", name, "link", "set", device, "address", mac,
                  "mtu", str(self.mtu), "up")
            shell("ip", "-n", name, "link", "set", "lo", "up")
        for name in (self.tx, self.rx):  # it drops until the kernel's own thread has noticed the carrier
            while " state UP " not in shell("ip", "-n", name, "link", "show", "up"):
                time.sleep(0.02)
        for address, mac in ((RECEIVER, RECEIVER_MAC), (SINK, SINK_MAC)):
            shell("ip", "-n", self.tx, "neigh", "replace", address, "lladdr", mac, "dev", DEVICE)

    def sending(self, *arguments):
        return ["ip", "netns", "exec", self.tx, *arguments]

    def receiving(self, *arguments):
        return ["ip", "netns", "exec", self.rx, *arguments]

    def far_end_bytes(self):
        """Bytes that reached the far end of the veth, sink or not; a train counts its headers once."""
        link = json.loads(shell("ip", "-n", self.rx, "-s", "-j", "link", "show", "pc1"))[0]
        return link["stats64"]["rx"]["bytes"]

    def program(self, name, *arguments):
        """One of our programs at the sending side: the JSON that it printed."""
        return json.loads(shell("timeout", "-s", "KILL", str(COMMAND_SECONDS_MAX), *self.sending(
            f"{self.programs}/{name}", *arguments)))

    def ways(self, way, length, packets, address=SINK, at_once=1, start=0, program="ways"):
        """One bare loop, or several that begin together at `start`: what each printed."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            told = [pool.submit(self.program, program, way, str(length), str(packets), address,
                                f"{start:.6f}") for _ in range(at_once)]
            return [one.result() for one in told]

    @contextlib.contextmanager
    def judge(self, pps=0, count=0, idle_ms=1500):
        """A gaps that listens while the block runs; the dictionary holds its verdict afterwards."""
        arguments = self.receiving(
            f"{self.programs}/gaps", "--port", str(PORT), "--idle-ms", str(idle_ms),
            "--pps", str(pps), "--count", str(count))
        verdict = {}
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            try:
                if not process.stderr.readline().startswith("port"):
                    raise LabError("gaps does not listen")
                yield verdict
                output, _ = process.communicate(timeout=COMMAND_SECONDS_MAX)
                verdict.update(json.loads(output))
            finally:
                process.kill()

    @contextlib.contextmanager
    def disturbed(self, cpu, stall_us, times, seconds):
        """While the block runs, a real-time process takes `cpu` away: `times` a second, `stall_us`."""
        with subprocess.Popen([f"{self.programs}/disturb", *map(str, (cpu, stall_us, times, seconds))],
                              stdout=subprocess.PIPE, text=True) as process:
            try:
                if process.stdout.readline() != "disturbs\n":
                    raise Skip("no core can be taken in real time here")
                yield
            finally:
                process.kill()

    def write_frames(self, length, mac, address):
        """One Ethernet/IPv4/UDP frame of `length` payload bytes, for trafgen and for tcpreplay."""
        frame = udp_frame(length, mac, address)
        trafgen, pcap = f"{self.folder}/{length}.cfg", f"{self.folder}/{length}.pcap"
        with open(trafgen, "w", encoding="ascii") as file:
            file.write("{ " + ", ".join(f"0x{byte:02x}" for byte in frame) + " }\n")
        with open(pcap, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for i in range(1000):
                file.write(struct.pack("<IIII", 0, i, len(frame), len(frame)) + frame)
        return trafgen, pcap


def udp_frame(length, mac, address):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(SENDER), socket.inet_aton(address))
    total = sum(struct.unpack(">10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack(">H", ~total & 0xFFFF) + header[12:]
    ethernet = bytes.fromhex((mac + SENDER_MAC).replace(":", "")) + b"\x08\x00"
    return ethernet + header + struct.pack(">HHHH", 1, PORT, 8 + length, 0) + b"Z" * length


def process_cpu_seconds(pid):
    """User and system time of a whole process so far, by its CPU clock: nanoseconds, not ticks."""
    return time.clock_gettime(((~pid) << 3) | 2)


def run_timed(arguments):
    """Run a program to its end. Returns its output, wall seconds and CPU seconds."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["timeout", "-s", "KILL", str(COMMAND_SECONDS_MAX), *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        output.seek(0)
        return output.read(), wall, usage.ru_utime + usage.ru_stime


class Agent(pagecast_test.Agent):
    """A pagecastd in the sending namespace, spoken to over its unix socket."""

    def __init__(self, lab, workers=1, policy=None, pin=None, program="pagecastd"):
        os.environ["PAGECASTD"] = f"{lab.programs}/{program}"
        folder = lab.folder if pin is None else f"{lab.folder}/pinned-{pin}"
        os.makedirs(folder, exist_ok=True)
        super().__init__("--workers", str(workers), *(() if pin is None else ("--pin", str(pin))),
                         policy=policy,
                         # a session of its own: a signal to the benchmark's group is not for it
                         prefix=["setsid", *lab.sending()],
                         folder=folder, listen=[f"unix:{folder}/api.sock"])

    def call(self, method, path, body=None):
        answer = self.request(method, path, body, unix=True)
        if answer.status >= 300:
            raise LabError(f"{method} {path}: {answer}")
        return answer.json()

    def run(self, spec):
        """Submit a job and wait for its end. Returns the Job; wall and CPU seconds around it."""
        start = time.monotonic()
        (job,), cpu = self.run_all([spec])
        return job, time.monotonic() - start, cpu

    def run_all(self, specs):
        """Submit jobs and wait for the end of all. Returns the Jobs, and the agent's CPU seconds."""
        cpu = process_cpu_seconds(self.pid)
        jobs = [self.call("POST", "/v1/jobs", spec) for spec in specs]
        jobs = [self.end_of(job) for job in jobs]
        return jobs, process_cpu_seconds(self.pid) - cpu

    def end_of(self, job):
        start = time.monotonic()
        while job["state"] not in pagecast_test.ENDED:
            if time.monotonic() - start > COMMAND_SECONDS_MAX:
                raise LabError(f"job {job['id']} does not end: {job['state']}")
            job = self.call("GET", f"/v1/jobs/{job['id']}?wait=30&until=end")
        return job

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def job_problems(job):
    return "; ".join(problem["message"] for problem in job.get("problems", []))


def cores():
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def processor_ticks():
    """All ticks of all cores since boot, and those among them that a hypervisor took for others."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return sum(ticks), ticks[7]


def stolen_percent(before):
    """Of the time since @before, processor_ticks() then: what a hypervisor took."""
    passed, stolen = (end - start for end, start in zip(processor_ticks(), before))
    return 100 * stolen / max(passed, 1)


def calm(sample):
    """sample(), a dictionary; taken again while a hypervisor took more than is bearable of its time,
    a few times at most: then the calmest. Whoever is measured gets the same.

    What it took, and how many were taken, stands in the dictionary.
    """
    best = None
    for tries in range(1, CALM_TRIES + 1):
        before = processor_ticks()
        taken = {**sample(), "stolen_percent": round(stolen_percent(before), 2)}
        if best is None or taken["stolen_percent"] < best["stolen_percent"]:
            best = taken
        if best["stolen_percent"] <= CALM_STOLEN_PERCENT:
            break
    return {**best, "samples_taken": tries}


def taken_again(samples):
    """What calm() did, in words, for below a table."""
    stolen = [sample["stolen_percent"] for sample in samples]
    return (f"Of {sum(sample['samples_taken'] for sample in samples)} samples {len(samples)} count: one "
            f"of which the hypervisor took more than {CALM_STOLEN_PERCENT:g} % of the time was taken "
            f"again, {CALM_TRIES - 1} times at most, whoever sent it. It took "
            f"{statistics.mean(stolen):.1f} % of those that count in the mean, {max(stolen):.1f} % at "
            "most.")


def machine(before):
    """What a figure was measured on: as much as tells two runs apart.

    @before: processor_ticks() when the run began
    """
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(":", 1)[1].strip() for line in info
                      if line.startswith("model name")), "unknown")
    return {"kernel": os.uname().release.split("-")[0], "cpu": model, "cores": cores(),
            "load_average": round(os.getloadavg()[0], 1),
            "stolen_percent": round(stolen_percent(before), 1)}


def end_once(*_):
    """SIGTERM ends as Ctrl-C does: the namespaces go, the figures stay. A second changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def bench(doc, measure, smoke, add_options=lambda parser: None, lab_options=None, **agent_options):
    """The main() of a benchmark, which only says what it measures. Returns the exit status.

    @measure: (here, agent, options), a generator: after each round a render.Report of all there is
    so far. Each is written as it comes, so that a run that is cut off leaves what it had.
    @smoke: (here, agent): what --smoke prints
    """
    parser = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    parser.add_argument("programs", help="where pagecastd, ways and gaps lie: build/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", default="-", help="file for the JSON; - is stdout")
    parser.add_argument("--table", help="file for the tables")
    parser.add_argument("--svg", help="file for the chart")
    parser.add_argument("--smoke", action="store_true", help="do the counts agree? no figures")
    add_options(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end_once)
    last, before = None, processor_ticks()
    try:
        with Lab(options.programs, **(lab_options or {})) as here, \
                Agent(here, **agent_options) as agent:
            if options.smoke:
                last = render.Report({"machine": machine(before), **smoke(here, agent)})
                return 0
            for report in measure(here, agent, options):
                last = report._replace(result={"machine": machine(before), **report.result})
                render.save(last, options)
    except Skip as reason:
        print(f"skipped: {reason}")
        return 77
    finally:
        if last:
            render.show(last, options)
    return 0
