"""What the Python tests share: an agent of their own, receivers, plain and raw HTTP, protobuf by hand.

The programs come by environment: PAGECASTD and PAGECAST (paths). Every agent listens on a free
loopback port and on a unix socket in a folder of its own, and is ended with the test that started it.
"""

import faulthandler
import http.client
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

START_SECONDS = 60  # bounds that only what hangs comes near, however slow the machine
STOP_SECONDS = 60
ANSWER_SECONDS = 60  # an answer that does not come is an error, one that comes late is not
SANITIZED = bool(os.environ.get("PAGECAST_SANITIZED"))  # set by ctest: slower, and larger
PATIENCE = 10 if SANITIZED else 1  # times a bound on time is stretched
CASE_SECONDS = 500 if SANITIZED else 200  # no test takes as long, but for those of the long suite
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_INTERRUPTED")


def program(name):
    """The path of PAGECASTD or PAGECAST; the whole test is skipped without it."""
    path = os.environ.get(name)
    if not path or not os.access(path, os.X_OK):
        print(f"skipped: {name} names no program")
        sys.exit(77)
    return path


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # http.client.HTTPMessage: case does not matter
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:300]!r}>"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=ANSWER_SECONDS):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Agent:
    """A running pagecastd. Agent("--workers", "2", env={"PAGECAST_X": "1"})

    Without --workers it has one, whatever machine this is: what else is sent meanwhile is what a test says.
    @own_workers: it decides by itself; @tls: an ssl.SSLContext to speak https with; @prefix: words ahead of the program, that become it.
    """

    def __init__(self, *args, env=None, listen=None, policy=None, folder=None, tls=None, prefix=(), own_workers=False):
        self.tls = tls
        self.prefix = list(prefix)
        self.folder = folder or tempfile.mkdtemp(prefix="pagecast-test-")
        self.keep_folder = folder is not None
        self.unix = os.path.join(self.folder, "api.sock")
        self.args = list(args)
        if "--workers" not in args and not own_workers:
            self.args += ["--workers", "1"]
        self.listen = ["127.0.0.1:0", f"unix:{self.unix}"] if listen is None else listen
        if policy is not None:
            path = os.path.join(self.folder, "policy.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(policy, file)
            self.args += ["--policy", path]
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.urls = []
        try:
            self.start()
        except BaseException:
            self.remove_folder()
            raise

    def start(self):
        command = [*self.prefix, program("PAGECASTD"), "--state-dir", os.path.join(self.folder, "state")]
        for where in self.listen:
            command += ["--listen", where]
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(command + self.args, env=self.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log)
        self.urls = []
        deadline = time.monotonic() + START_SECONDS
        pending = b""
        while len(self.urls) < len(self.listen):
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                self.kill()
                raise AssertionError(f"the agent does not start: {self.log_text()}")
            pending += chunk
            *lines, pending = pending.split(b"\n")
            self.urls += [line.split(b" on ", 1)[1].decode() for line in lines
                          if line.startswith(b"listening on ")]
        for url in self.urls:
            if url.startswith(("http://", "https://")):
                self.url = url
                self.host, port = url.split("://")[1].rsplit(":", 1)
                self.host = self.host.strip("[]")
                self.port = int(port)

    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        """SIGTERM; the exit status. A sanitizer's report fails the test that made it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the agent does not stop on SIGTERM") from None
        finally:
            self.process.stdout.close()
            self.log.close()
        return status

    def close(self):
        log = ""
        try:
            status = self.stop()
            log = self.log_text()
        finally:
            self.remove_folder()
        if status != 0:
            raise AssertionError(f"the agent ended with {status}:\n{log[-8000:]}")

    def remove_folder(self):
        if not self.keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # ---- HTTP ----

    def connection(self, unix=False, timeout=ANSWER_SECONDS):
        if unix:
            return UnixConnection(self.unix, timeout)
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, unix=False, timeout=70):
        """A body that is no bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection(unix, timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def raw_socket(self, unix=False, timeout=ANSWER_SECONDS):
        if unix:
            raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            raw.settimeout(timeout)
            raw.connect(self.unix)
        else:
            raw = socket.create_connection((self.host, self.port), timeout=timeout)
        return raw

    def raw(self, data, unix=False, timeout=ANSWER_SECONDS, half_close=True):
        """Send bytes, read to the end. With half_close the agent sees the end of what is sent, once
        an answer has begun: an end that comes with the last byte it notices only at its deadline,
        which every request has: to the end it comes in any case."""
        with self.raw_socket(unix, timeout) as raw:
            try:
                raw.sendall(data)
                if half_close:
                    select.select([raw], [], [], 1)
                    raw.shutdown(socket.SHUT_WR)
            except OSError:  # it closed already
                pass
            return read_all(raw)

    # ---- jobs ----

    def submit(self, spec, **options):
        answer = self.post("/v1/jobs", spec, **options)
        if answer.status not in (200, 201):
            raise AssertionError(f"refused: {answer}")
        return answer.json()

    def job(self, job_id, **options):
        return self.get(f"/v1/jobs/{job_id}", **options).json()

    def wait_state(self, job_id, state, seconds=60):
        """Until it is @state, which it is sure to become."""
        deadline = time.monotonic() + seconds
        while (job := self.job(job_id))["state"] != state:
            if job["state"] in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"{job['state']} and not {state}: {job}")
            self.get(f"/v1/jobs/{job_id}?wait=1")
        return job

    def cancel(self, job_id, **options):
        """The job, once it has ended: the answer to a cancel does not wait for ever."""
        answer = self.post(f"/v1/jobs/{job_id}:cancel", **options)
        if answer.status == 504:
            return self.wait_end(job_id)
        if answer.status != 200:
            raise AssertionError(f"not cancelled: {answer}")
        return answer.json()

    def wait_end(self, job_id, seconds=60):
        answer = self.get(f"/v1/jobs/{job_id}?wait={seconds}&until=end")
        if answer.status != 200:
            raise AssertionError(f"job {job_id}: {answer}")
        job = answer.json()
        if job["state"] not in ENDED:
            raise AssertionError(f"still {job['state']} after {seconds} s")
        return job


def read_all(raw):
    """All bytes until the other side closes, or the socket's timeout passes."""
    data = b""
    try:
        while True:
            chunk = raw.recv(65536)
            if not chunk:
                break
            data += chunk
    except (ConnectionResetError, TimeoutError):
        pass
    return data


def until_taken(raws):
    """Until the other side, which is of this machine, has read all that was sent to it."""
    ports = {raw.getsockname()[1] for raw in raws}

    def taken():
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in list(file)[1:]]
        unread = {int(row[2].split(":")[1], 16) for row in rows if not row[4].endswith(":00000000")}
        unsent = {int(row[1].split(":")[1], 16) for row in rows if not row[4].startswith("00000000:")}
        return not ports & (unread | unsent)

    until(taken)


def statuses(data):
    """The status codes of all the answers in a byte stream, each read by its Content-Length."""
    found = []
    while data:
        head, divider, rest = data.partition(b"\r\n\r\n")
        if not divider or not head.startswith(b"HTTP/1.1 "):
            raise AssertionError(f"not an answer: {data[:200]!r}")
        found.append(int(head.split()[1]))
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        data = rest[length:] if found[-1] not in (100, 204, 304) else rest
    return found


SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35


def room_for_all(receiver, size=32 << 20):
    """A receive buffer that holds what comes while nobody reads: as root, or as much as one may have."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


class UdpReceiver:
    """Counts and keeps datagrams that arrive at a free loopback port."""

    def __init__(self, address="127.0.0.1", keep=100_000):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        room_for_all(self.socket)
        self.socket.bind((address, 0))
        self.socket.settimeout(0.05)
        self.address = address
        self.port = self.socket.getsockname()[1]
        self.datagrams = []
        self.count = 0
        self.keep = keep
        self.done = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.done:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            self.count += 1
            if len(self.datagrams) < self.keep:
                self.datagrams.append(data)

    def wait(self, count, seconds=60):
        """Until @count arrived, or the time is up; what arrived."""
        deadline = time.monotonic() + seconds
        while self.count < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.count

    def close(self):
        self.done = True
        self.thread.join()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class StampedReceiver(UdpReceiver):
    """One that also knows when each datagram came, by the kernel's clock and not by when it was read."""

    def __init__(self, **options):
        self.stamps = []
        super().__init__(keep=1, **options)

    def run(self):
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        while not self.done:
            try:
                _, control, _, _ = self.socket.recvmsg(65536, 64)
            except TimeoutError:
                continue
            except OSError:
                return
            if control:  # what came before the option was set has none
                seconds, nanos = struct.unpack("qq", control[0][2][:16])
                self.stamps.append(seconds + nanos * 1e-9)
            self.count += 1

    def since(self, start, count, seconds=60):
        """[(when, 1)] of what came from @start on (time.time()), once @count of them have."""
        def come():
            came = [(stamp, 1) for stamp in self.stamps[-4 * count:] if stamp >= start]
            return came if len(came) >= count else None
        return until(come, seconds)


def excess(seen, rate):
    """The most that any window holds beyond rate * time. @seen: (seconds, count), in order."""
    total = lowest = most = 0.0
    last = None
    for when, count in seen:
        total -= rate * max(when - last, 0) if last is not None else 0
        last = when
        lowest = min(lowest, total)
        total += count
        most = max(most, total - lowest)
    return most


def until(condition, seconds=60):
    """Waits for what must come to be so, and stays: how long it takes is the machine's affair. Returns what condition()
    did. A claim that holds at any moment is no case for this: make it once."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it is not so after {seconds} s")
        time.sleep(0.005)
    return found


def free_port(kind=socket.SOCK_DGRAM, address="127.0.0.1"):
    """A port that nothing listens on just now, and that is nobody's by chance: below those that the
    kernel gives to whoever asks for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    while True:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((address, random.randrange(10000, max(first, 20000))))
            except OSError:
                continue
            return probe.getsockname()[1]


def udp_job(port, packets=10, text="hello", address="127.0.0.1", pps=None, **more):
    """A JobSpec of one UDP stream."""
    stream = {"udp": {"address": address, "port": port}, "payloads": [{"text": text}],
              "limit": {"packets": packets} if packets else {"untilCancelled": True}}
    if pps:
        stream["rate"] = {"pps": pps}
    return {"streams": [stream], **more}


# ---- protobuf by hand: what a client in another language would send ----

def pb_varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def pb_int(number, value):
    return pb_varint(number << 3) + pb_varint(value)


def pb_bytes(number, value):
    value = value.encode() if isinstance(value, str) else value
    return pb_varint(number << 3 | 2) + pb_varint(len(value)) + value


def pb_fields(data):
    """{number: [values]} of one message; nested messages stay bytes."""
    fields = {}
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = data[at:at + size]
            if len(value) != size:
                raise AssertionError("a field is cut")
            at += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def apart(case):
    """Marks a test, or a class of them, that a usual machine may have to skip. It is a line of its own in ctest, which
    reads this mark in the source: put it first. What is skipped is then not behind a "Passed"."""
    case.stands_apart = True
    return case


def hangs(_number, _frame):
    faulthandler.dump_traceback(all_threads=True)
    raise AssertionError("it hangs: it has taken longer than any test may; above is where")


class Result(unittest.TextTestResult):
    """What hangs is told where it does, long before ctest would end it."""

    def startTest(self, test):
        super().startTest(test)
        if not os.environ.get("PAGECAST_LONG"):
            signal.alarm(CASE_SECONDS)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def wanted(case, names):
    method = getattr(case, case._testMethodName, None)  # pylint: disable=protected-access
    if names:
        return bool({type(case).__name__, method.__name__, f"{type(case).__name__}.{method.__name__}"} & set(names))
    return not getattr(type(case), "stands_apart", False) and not getattr(method, "stands_apart", False)


def main():
    """Runs the tests that were named (by class, by method, by both), or all that do not stand apart. Ends with 77 when
    one was skipped, so that ctest does not say that all passed."""
    signal.signal(signal.SIGALRM, hangs)
    names = sys.argv[1:]
    suite = unittest.TestSuite(case for case in cases(unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])) if wanted(case, names))
    result = unittest.TextTestRunner(resultclass=Result).run(suite)
    if not result.wasSuccessful() or not result.testsRun and not result.skipped:
        sys.exit(1)
    for case, why in result.skipped:
        print(f"skipped: {case}: {why}")
    sys.exit(77 if result.skipped else 0)
