#!/usr/bin/env python3
"""How soon pause, resume, a new rate and cancel are in effect: at full speed and at 1 pps.

A clock runs from the moment the request is written to what is seen at the far end. At full speed
that is the device's byte counter, looked at every 0.2 ms: when it last moved (pause, cancel, down
to 1,000 pps), when it first did (resume). At 1 pps each datagram counts by the kernel's time stamp.
Requests to stop go out a few milliseconds before a datagram is due: in effect when it is due and does
not come, or before, when the answer is there; if one comes after that, when it came. Resume: the
datagram comes what had been left to wait later than the order. A new rate, 1,000 pps: the first one.
"""

import contextlib
import ctypes
import http.client
import os
import random
import select
import socket
import struct
import sys
import threading
import time

import lab
import pagecast_test
import render

OF_EACH = 40  # a round
WITHIN_MS = 10
SLOTS = 8  # jobs of 1 pps side by side: one of them is always about to send
SLOW_PPS, NEW_PPS = 1, 1_000
LENGTH = 200
FAR_END = "pc1"
LOOK_S = 0.0002
LITTLE = 5_000  # bytes between two looks: above NEW_PPS and chatter of the kernel, far below full speed
STILL_S = 0.005  # without movement: it has stopped
PATIENCE_S = 20
LEAD_MS = (1.5, 6)  # ahead of a datagram that is due
CLONE_NEWNET = 0x40000000
SO_TIMESTAMPNS = 35
FULL, SLOW = "full speed", f"{SLOW_PPS} pps"
ACTIONS = ("pause", "resume", "new rate", "cancel")


def in_namespace(name, call):
    """What `call` returns on a thread inside a network namespace: only that thread moves there."""
    found = []

    def enter():
        with open(f"/run/netns/{name}", "rb") as space:
            if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {name}")
        found.append(call())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if not found:
        raise lab.LabError(f"nothing to be had of the namespace {name}")
    return found[0]


class FarEnd:
    """The receiving end: the bytes that came so far, and sockets that tell when each datagram did."""

    def __init__(self, here, stack):
        self._counters = in_namespace(
            here.rx, lambda: open("/proc/thread-self/net/dev", "rb", buffering=0))
        stack.callback(self._counters.close)
        self.sockets = [in_namespace(here.rx, self._receiver) for _ in range(SLOTS)]
        for one in self.sockets:
            stack.callback(one.close)

    @staticmethod
    def _receiver():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        one.bind((lab.RECEIVER, 0))
        one.setblocking(False)
        return one

    def bytes(self):
        text = os.pread(self._counters.fileno(), 65536, 0)
        line = next(line for line in text.splitlines() if line.strip().startswith(FAR_END.encode()))
        return int(line.split(b":")[1].split()[0])


def arrivals(receiver):
    """When the datagrams came that wait there, CLOCK_REALTIME."""
    stamps = []
    while True:
        try:
            _, control, _, _ = receiver.recvmsg(2048, 256)
        except BlockingIOError:
            return stamps
        seconds, nanoseconds = struct.unpack("qq", control[0][2][:16])
        stamps.append(seconds + nanoseconds / 1e9)


def next_arrival(receiver):
    ready, _, _ = select.select([receiver], [], [], PATIENCE_S)
    if not ready:
        raise lab.LabError(f"no datagram within {PATIENCE_S} s")
    return arrivals(receiver)[-1]


class Caller:
    """One connection that stays open, so that a request costs what it costs a client that has one."""

    def __init__(self, agent, stack):
        self._connection = pagecast_test.UnixConnection(agent.unix)
        self._connection.connect()
        stack.callback(self._connection.close)

    def write(self, method, path, body=None):
        """Returns when it was begun, CLOCK_REALTIME."""
        began = time.time()
        headers = {"Content-Type": "application/json"} if body else {}
        self._connection.request(method, path, body=body, headers=headers)
        return began

    def answered(self, wait_s):
        """Is the answer there, at the latest after `wait_s`?"""
        return bool(select.select([self._connection.sock], [], [], wait_s)[0])

    def read(self):
        """Returns the answer and when it was there."""
        self.answered(PATIENCE_S)
        at = time.time()
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise lab.LabError(f"{answer.status}: {text.decode()}")
        return text, at


REQUESTS = {
    "pause": ("POST", ":pause", None),
    "resume": ("POST", ":resume", None),
    "cancel": ("POST", ":cancel", None),
    "new rate": ("PATCH", "", f'{{"rate":{{"pps":{NEW_PPS}}}}}'),
    "old rate": ("PATCH", "", f'{{"rate":{{"pps":{SLOW_PPS}}}}}'),
    "no rate": ("PATCH", "", '{"rate":{"unlimited":true}}'),
}


class Control:
    def __init__(self, here, agent, stack):
        self.agent = agent
        self.far_end = FarEnd(here, stack)
        self.caller = Caller(agent, stack)

    def submit(self, address, port, pps):
        rate = {"rate": {"pps": pps}} if pps else {}
        job = self.agent.call("POST", "/v1/jobs", {"streams": [{
            "udp": {"address": address, "port": port},
            "payloads": [{"random": {"seed": "1", "length": LENGTH}}],
            "limit": {"untilCancelled": True}, **rate}]})
        return job["id"]

    def write(self, action, job):
        method, verb, body = REQUESTS[action]
        return self.caller.write(method, f"/v1/jobs/{job}{verb}", body)

    def ask(self, action, job):
        """Returns when the request was begun and when the answer was there."""
        began = self.write(action, job)
        return began, self.caller.read()[1]

    # ---- full speed: by the counter ----

    def moves(self):
        """For ever: when it was looked, and whether more than LITTLE had come since before."""
        before = self.far_end.bytes()
        while True:
            time.sleep(LOOK_S)
            now = self.far_end.bytes()
            yield time.time(), now - before > LITTLE
            before = now

    def until_still(self, action, job):
        """How long it went on after the request."""
        began = last = self.write(action, job)
        for at, moved in self.moves():
            if moved:
                last = at
            if at > began + PATIENCE_S:
                raise lab.LabError(f"{action} at full speed: no end after {PATIENCE_S} s")
            if at > last + STILL_S and self.caller.answered(0):
                break
        self.caller.read()
        return last - began

    def until_moving(self, action, job):
        """How long it took to begin."""
        began = self.write(action, job)
        for at, moved in self.moves():
            if moved:
                self.caller.read()
                return at - began
            if at > began + PATIENCE_S:
                raise lab.LabError(f"{action} at full speed: nothing after {PATIENCE_S} s")

    def full_speed(self, took):
        for _ in range(OF_EACH):
            job = self.submit(lab.SINK, lab.PORT, None)
            next(at for at, moved in self.moves() if moved)
            took["pause"].append(self.until_still("pause", job))
            took["resume"].append(self.until_moving("resume", job))
            time.sleep(random.uniform(0.005, 0.01))
            took["new rate"].append(self.until_still("new rate", job))
            self.until_moving("no rate", job)
            time.sleep(random.uniform(0.005, 0.01))
            took["cancel"].append(self.until_still("cancel", job))

    # ---- 1 pps: by the datagrams ----

    def slot(self, number):
        receiver = self.far_end.sockets[number]
        return self.submit(lab.RECEIVER, receiver.getsockname()[1], SLOW_PPS), receiver

    @staticmethod
    def await_due(receiver, lead_s):
        """Sleep until `lead_s` before the next datagram. Returns when it is due."""
        due = next_arrival(receiver) + 1 / SLOW_PPS
        time.sleep(max(due - lead_s - time.time(), 0))
        return due

    def stop_before_due(self, action, job, receiver):
        """Returns how long it took, when the answer came, and what was then left to wait; None: the
        datagram had left."""
        due = self.await_due(receiver, random.uniform(*LEAD_MS) / 1000)
        began, answered = self.ask(action, job)
        time.sleep(max(due + WITHIN_MS / 1000 - time.time(), 0))
        came = arrivals(receiver)
        if not came:
            return min(answered, due) - began, due - answered
        return max(answered, came[-1]) - began, None

    def pause_and_resume(self, took, job, receiver):
        seconds, left = self.stop_before_due("pause", job, receiver)
        took["pause"].append(seconds)
        began, _ = self.ask("resume", job)
        if left is not None and left > 0:
            took["resume"].append(next_arrival(receiver) - began - left)

    def new_rate(self, took, job, receiver):
        self.await_due(receiver, random.uniform(0.1, 0.9) / SLOW_PPS)
        began = self.write("new rate", job)
        came = [next_arrival(receiver)]
        took["new rate"].append(came[0] - began)
        self.caller.read()
        self.ask("old rate", job)
        time.sleep(2 / NEW_PPS)
        arrivals(receiver)

    def cancel(self, took, job, receiver):
        took["cancel"].append(self.stop_before_due("cancel", job, receiver)[0])

    def in_turn(self, took, action, act, again):
        """`act` on one job after the other until there are enough. `again`: each time on a new job."""
        slots = []
        for number in range(SLOTS):
            slots.append(self.slot(number))
            time.sleep(1 / SLOW_PPS / SLOTS)
        wanted = len(took[action]) + OF_EACH
        turn = 0
        while len(took[action]) < wanted:
            act(took, *slots[turn])
            if again:
                slots[turn] = self.slot(turn)
            turn = (turn + 1) % SLOTS
        for job, _ in slots:
            self.agent.call("POST", f"/v1/jobs/{job}:cancel")
        for _, receiver in slots:
            arrivals(receiver)

    def one_a_second(self, took):
        self.in_turn(took, "resume", self.pause_and_resume, False)
        self.in_turn(took, "new rate", self.new_rate, False)
        self.in_turn(took, "cancel", self.cancel, True)


def percentile(values, part):
    """The smallest that `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def row_of(action, speed, seconds):
    took = [max(each, 0) * 1000 for each in seconds]
    return {"action": action, "speed": speed, "count": len(took),
            "p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99),
            "worst_ms": max(took), "all_ms": took}


def table(rows):
    return render.markdown_table(
        ("in effect after, ms", "while sending", "p50", "p99", "worst", "of"),
        [(row["action"], row["speed"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
          f"{row['worst_ms']:.2f}", row["count"]) for row in rows])


def targets(rows):
    return [render.target(f"{row['action']} at {row['speed']}: in effect within, ms, p99",
                          row["p99_ms"], WITHIN_MS, at_most=True) for row in rows]


def measure(here, agent, options):
    took = {speed: {action: [] for action in ACTIONS} for speed in (FULL, SLOW)}
    with contextlib.ExitStack() as stack:
        control = Control(here, agent, stack)
        for number in range(options.rounds):
            control.full_speed(took[FULL])
            control.one_a_second(took[SLOW])
            rows = [row_of(action, speed, took[speed][action])
                    for action in ACTIONS for speed in (FULL, SLOW)]
            print(f"round {number + 1}:\n{table(rows)}", file=sys.stderr)
            yield render.Report({"rounds": number + 1, "pooled": True, "results": rows,
                                 "targets": targets(rows)}, table(rows))


def smoke(here, agent):
    took = {action: [] for action in ACTIONS}
    with contextlib.ExitStack() as stack:
        control = Control(here, agent, stack)
        job, receiver = control.slot(0)
        control.pause_and_resume(took, job, receiver)
        control.new_rate(took, job, receiver)
        control.cancel(took, job, receiver)
    return {"smoke": took}


if __name__ == "__main__":
    sys.exit(lab.bench(__doc__, measure, smoke, workers=SLOTS))
