"""What a person sees on a terminal: the bar, redrawn in place, and colours unless NO_COLOR."""

import errno
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

from cli import FakeAgent, PROTOBUF, command, environment, pb_job
from pagecast_test import Agent, main, pb_bytes, pb_int, udp_job

RUNNING, SUCCEEDED = 3, 5
HALF = pb_bytes(14, b"\x09" + struct.pack("<d", 0.5) + b"\x11" + struct.pack("<d", 1000.0))  # fraction, current_pps


def on_terminal(*args, agent, columns=80, enough=None, **env):
    """Runs on a terminal of its own; exit code and everything that was written. Ctrl-C when @enough(text)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command(*args, agent=agent), env=environment(**{"TERM": "xterm", **env}),
                               stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError as error:  # how a terminal without a writer ends
            if error.errno != errno.EIO:
                raise
            chunk = b""
        if not chunk:
            break
        written += chunk
        if enough and enough(written.decode(errors="replace")):
            process.send_signal(signal.SIGINT)
            enough = None
    os.close(master)
    return process.wait(60), written.decode()


class Terminal(unittest.TestCase):
    def agent(self, polls=6):
        states = iter([pb_job(state=RUNNING, revision=2 + i, sent=500, requested=1000) + HALF for i in range(polls)])

        def answer(method, _path, _headers, _body):
            if method == "POST":
                return 201, PROTOBUF, pb_job(state=RUNNING)
            time.sleep(0.12)
            return 200, PROTOBUF, next(states, pb_job(state=SUCCEEDED, revision=99, sent=1000, requested=1000))

        return FakeAgent(answer)

    def test_a_bar_is_drawn_in_place_and_taken_away(self):
        with self.agent() as agent:
            code, text = on_terminal("send", "udp://127.0.0.1:9000", agent=agent.url)
        self.assertEqual(code, 0, text)
        self.assertGreaterEqual(text.count("[############............] RUNNING 50 %, 500 of 1,000 packets, 1,000 pps"), 2)
        last = text.rindex("RUNNING")
        self.assertIn("\x1b[1A\r\x1b[J", text[last:])
        self.assertIn("job JOB1 \x1b[32mSUCCEEDED\x1b[0m", text[last:])

    def test_a_line_never_wraps(self):
        with self.agent() as agent:
            _, text = on_terminal("send", "udp://127.0.0.1:9000", agent=agent.url, columns=40)
        moving = [line for line in re.split(r"\r?\n|\r", re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", text)) if "[###" in line]
        self.assertTrue(moving)
        for line in moving:
            self.assertLess(len(line), 40, line)

    def test_no_color(self):
        with self.agent(1) as agent:
            _, text = on_terminal("send", "udp://127.0.0.1:9000", agent=agent.url, NO_COLOR="1")
        self.assertNotIn("\x1b[32m", text)
        self.assertIn("job JOB1 SUCCEEDED", text)

    def test_a_dumb_terminal_gets_plain_lines(self):
        with self.agent(1) as agent:
            _, text = on_terminal("send", "udp://127.0.0.1:9000", agent=agent.url, TERM="dumb")
        self.assertNotIn("\x1b", text)

    def test_colours_of_a_table_do_not_move_its_columns(self):
        jobs = b"".join(pb_bytes(1, pb_job(f"J{i}", state)) for i, state in enumerate((RUNNING, SUCCEEDED)))
        with FakeAgent(lambda *_: (200, PROTOBUF, jobs + pb_int(3, 2))) as agent:
            _, text = on_terminal("list", agent=agent.url)
        self.assertIn("\x1b[32mSUCCEEDED\x1b[0m", text)
        plain = re.sub(r"\x1b\[[0-9]*m", "", text).splitlines()
        self.assertEqual({line.index(word) for line, word in zip(plain[1:], ("RUNNING", "SUCCEEDED"))},
                         {plain[0].index("STATE")})

    def test_jobs_that_are_watched_grow_older_also_when_nothing_happens(self):
        def ages(text):
            return list(dict.fromkeys(re.findall(r"SUCCEEDED.* (\d+ s)", text)))

        with Agent() as agent:
            agent.wait_end(agent.submit(udp_job(9, 1))["id"])
            code, text = on_terminal("watch", agent=agent.urls[0], NO_COLOR="1",
                                     enough=lambda text: len(ages(text)) >= 3)
        self.assertEqual(code, 0, text)
        self.assertGreaterEqual(len(ages(text)), 3, text)


if __name__ == "__main__":
    main()
