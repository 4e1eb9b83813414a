"""The manual and the completion know what the program knows."""

import os
import re
import subprocess
import unittest

from cli import PAGECAST, environment, pagecast
from pagecast_test import main

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "client")


def commands():
    return re.findall(r"(?m)^  ([a-z]+) ", pagecast("--help").stdout.split("commands:\n")[1].split("\n\n")[0])


def complete(*words):
    """What bash offers for the last of the words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pagecast; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    ran = subprocess.run(["bash", "-c", script, "bash", os.path.join(CLIENT, "pagecast.bash"), PAGECAST, *words],
                         env=environment(PAGECAST_AGENT="http://127.0.0.1:1"), capture_output=True, text=True,
                         check=False, timeout=60)
    assert ran.stderr == "", ran.stderr
    return ran.stdout.split()


class Manual(unittest.TestCase):
    def test_every_command_and_common_flag_is_there(self):
        with open(os.path.join(CLIENT, "pagecast.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        self.assertEqual(len(commands()), 16)
        for command in commands():
            self.assertRegex(page, rf"(?m)^\.B\w? .*\b{command}\b")
        flags = re.findall(r"(?m)^  (--[a-z-]+)", pagecast("--help").stdout)
        for flag in set(flags) - {"--help", "--version"}:
            self.assertRegex(page, rf"(?m)^\.B\w? .*{flag}\b")


class Completion(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(complete(""), commands())
        self.assertEqual(complete("--json", "--agent", "http://x", "re"), ["resume"])

    def test_flags(self):
        self.assertEqual(complete("send", "udp://127.0.0.1:9000", "--pa"), ["--packets", "--page-offset"])
        self.assertIn("--agent", complete("--a"))
        self.assertEqual(complete("list", "--pack"), [])

    def test_values_are_what_the_program_takes(self):
        for command, flag in (("send udp://127.0.0.1:9", "--engine"), ("send udp://127.0.0.1:9", "--layout"),
                              ("send udp://127.0.0.1:9", "--when-full"), ("send udp://127.0.0.1:9", "--layer"),
                              ("send udp://127.0.0.1:9", "--restart-policy"), ("list", "--state")):
            words = complete(*command.split(), flag, "")
            told = pagecast(*command.split(), flag, "nonsense").stderr
            right = re.split(r", | or ", re.search(r"is not one of (.*)", told).group(1))
            self.assertEqual([word for word in words if word != "auto"], right)


if __name__ == "__main__":
    main()
