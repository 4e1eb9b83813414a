"""The manual and the completion know what the program knows."""

import os
import re
import shutil
import subprocess
import unittest

from cli import PAGECAST, environment, pagecast
from pagecast_test import main, program

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CLIENT = os.path.join(ROOT, "client")
AGENT_PAGE = os.path.join(ROOT, "agent", "pagecastd.8")
CLIENT_PAGE = os.path.join(CLIENT, "pagecast.1")


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


def page(path):
    with open(path, encoding="utf-8") as file:
        return file.read().replace("\\-", "-")


def helped(*command):
    """The flags that the program's --help lists, sorted."""
    ran = subprocess.run([*command, "--help"], env=environment(), capture_output=True, text=True, check=True, timeout=60)
    return sorted(set(re.findall(r"(?m)^  (--[a-z-]+)", ran.stdout)))


def explained(text):
    """The flags that have a paragraph of their own in a manual, sorted."""
    return sorted(set(re.findall(r'(?m)^\.TP\n\.BI? (--[a-z-]+)', text)))


class Manual(unittest.TestCase):
    def test_every_command_and_common_flag_of_the_client_is_there(self):
        text = page(CLIENT_PAGE)
        self.assertEqual(len(commands()), 16)
        for command in commands():
            self.assertRegex(text, rf"(?m)^\.B\w? .*\b{command}\b")
        for flag in set(helped(PAGECAST)) - {"--help", "--version"}:
            self.assertRegex(text, rf"(?m)^\.B\w? .*{flag}\b")

    def test_the_agents_flags_are_those_of_its_help(self):
        text, _, rest = page(AGENT_PAGE).partition(".SS Options of pagecastd token")
        self.assertEqual(explained(text), helped(program("PAGECASTD")))
        self.assertEqual(explained(rest), helped(program("PAGECASTD"), "token"))

    def test_they_are_laid_out_without_a_warning(self):
        if not shutil.which("groff"):
            self.skipTest("there is no groff")
        for path in (CLIENT_PAGE, AGENT_PAGE):
            ran = subprocess.run(["groff", "-wall", "-man", "-Tutf8", path], capture_output=True, check=False, timeout=60)
            self.assertEqual((ran.returncode, ran.stderr), (0, b""), path)


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
