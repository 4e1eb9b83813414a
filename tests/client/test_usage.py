"""The command line itself: help, what is misspelt, which agent, credentials. Nothing here reaches an agent."""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import unittest

import cli
from cli import FakeAgent, JSON, pagecast
from pagecast_test import apart, free_port, main

COMMANDS = ("send", "submit", "get", "list", "watch", "cancel", "pause", "resume", "rate", "delete", "agent", "policy",
            "interfaces", "engines", "version")
UDP = "udp://127.0.0.1:9000"


def nobody():
    return f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}"


class Help(unittest.TestCase):
    def test_every_command_has_help_with_an_example(self):
        for command in COMMANDS:
            with self.subTest(command):
                ran = pagecast(command, "--help")
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertIn(f"usage: pagecast {command}", ran.stdout)
                self.assertRegex(ran.stdout.split("example:\n")[1], rf"pagecast .*{command}")
                self.assertEqual(pagecast("help", command).stdout, ran.stdout)
                self.assertEqual(pagecast(command, "-h").stdout, ran.stdout)

    def test_the_main_help_lists_them(self):
        ran = pagecast("--help")
        self.assertEqual(ran.returncode, 0)
        for command in COMMANDS:
            self.assertRegex(ran.stdout, rf"(?m)^  {command} +\w")

    def test_nothing_is_a_usage_error(self):
        ran = pagecast()
        self.assertEqual((ran.returncode, ran.stdout), (2, ""))
        self.assertIn("usage: pagecast", ran.stderr)

    def test_version_needs_no_agent(self):
        ran = pagecast("--version")
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(ran.stdout, r"\Apagecast \d+\.\d+\.\d+\n\Z")

    def test_lines_fit_a_terminal(self):
        for command in COMMANDS:
            for line in pagecast(command, "--help").stdout.splitlines():
                self.assertLessEqual(len(line), 100, line)


class Mistakes(unittest.TestCase):
    def check(self, words, *args, **options):
        ran = pagecast(*args, **options)
        self.assertEqual(ran.returncode, 2, ran)
        self.assertEqual(ran.stdout, "")
        self.assertIn(words, ran.stderr)
        self.assertIn("--help", ran.stderr)

    def test_commands(self):
        self.check("unknown command 'sned'; did you mean 'send'?", "sned", UDP)
        self.check("unknown command 'lst'; did you mean 'list'?", "lst")
        self.check("unknown command 'quantum'", "quantum")
        self.check("unknown command ''", "")

    def test_flags(self):
        self.check("unknown flag --pakets; did you mean --packets?", "send", UDP, "--pakets", "5")
        self.check("unknown flag --jsom; did you mean --json?", "--jsom", "list")
        self.check("unknown flag --stat; did you mean --state?", "list", "--stat", "running")
        self.check("--json takes no value", "--json=yes", "list")
        self.check("--agent needs a value: --agent URL", "list", "--agent")

    def test_arguments(self):
        self.check("missing argument: URL", "send")
        self.check("unexpected argument 'extra'", "send", UDP, "extra")
        self.check("missing argument: FILE|-", "submit")
        self.check("missing argument: ID…", "get")
        self.check("an argument is empty", "get", "")
        self.check("give the id of a job, or --all", "cancel")
        self.check("--all and ids exclude each other", "cancel", "--all", "X")
        self.check("--label goes with --all", "cancel", "X", "--label", "a=b")
        self.check("give a rate", "rate", "X")
        self.check("--stream: the name is empty", "rate", "X", "--pps", "1", "--stream", "")
        self.check("is for watching all", "watch", "X", "--state", "running")

    def test_values(self):
        self.check("--page-size: '1001' is not between 1 and 1000", "list", "--page-size", "1001")
        self.check("--state: 'busy' is not one of queued, scheduled, running", "list", "--state", "busy")
        self.check("--label: 'x' is not a label", "list", "--label", "x")
        self.check("--request-id: 'a b' contains something else", "send", UDP, "--request-id", "a b")
        self.check("--request-id: 'a\\nX: y' contains something else", "send", UDP, "--request-id", "a\nX: y")
        self.check("No such file", "submit", "/nowhere/job.json")
        self.check("is not one of payload, l3", "rate", "X", "--bps", "1M", "--layer", "tall")

    def test_what_is_wrong_is_shown_escaped(self):
        ran = pagecast("list", "--state", "\x1b[31mred")
        self.assertNotIn("\x1b", ran.stderr)
        self.assertIn("\\x1b[31mred", ran.stderr)

    def test_agents(self):
        for url, words in (("lab3", "has no scheme"), ("ftp://lab3", "has no scheme"), ("http://", "has no host"),
                           ("http://a/b?c", "has a query or a fragment"), ("http://user@host", "has no host"),
                           ("unix:", "has no path"), ("unix:/" + "x" * 200, "longer than the 107 bytes of a socket address")):
            with self.subTest(url):
                self.check(words, "list", agent=url)


class Reaching(unittest.TestCase):
    def test_no_agent(self):
        url = nobody()
        for command in (("list",), ("agent",), ("send", UDP), ("get", "X"), ("watch", "X"), ("cancel", "--all")):
            with self.subTest(command):
                ran = pagecast(*command, agent=url)
                self.assertEqual(ran.returncode, 3, ran)
                self.assertEqual(ran.stdout, "")
                self.assertEqual(ran.stderr, f"pagecast: no agent at {url}: connection refused; "
                                             "start one with `pagecastd`\n")

    def test_no_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            ran = pagecast("list", agent=f"unix:{folder}/api.sock")
            self.assertEqual(ran.returncode, 3)
            self.assertIn("no such file or directory; start one with `pagecastd`", ran.stderr)

    @apart
    def test_a_socket_of_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to be somebody else")
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as theirs:
            theirs.bind(f"{folder}/api.sock")
            os.chmod(f"{folder}/api.sock", 0o600)
            os.chmod(folder, 0o755)
            program = shutil.copy(cli.PAGECAST, folder)
            ran = subprocess.run([program, "--agent", f"unix:{folder}/api.sock", "list"], user=65534, group=65534,
                                 extra_groups=[], capture_output=True, text=True, timeout=60, check=False,
                                 env=cli.environment(), cwd="/")
            self.assertEqual(ran.returncode, 3, ran)
            self.assertIn("permission denied: only the socket's owner and group may connect; use --agent http://", ran.stderr)

    def test_a_handshake_that_does_not_end_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            ran = pagecast("list", agent=f"https://127.0.0.1:{deaf.getsockname()[1]}")
            self.assertEqual(ran.returncode, 3, ran)
            self.assertIn("timeout while connecting", ran.stderr)

    def test_the_environment_names_agents(self):
        url = nobody()
        ran = pagecast("list", env={"PAGECAST_AGENT": url})
        self.assertEqual(ran.returncode, 3)
        self.assertIn(f"no agent at {url}:", ran.stderr)
        other = nobody()
        ran = pagecast("list", agent=other, env={"PAGECAST_AGENT": url})
        self.assertIn(f"no agent at {other}:", ran.stderr)
        self.assertNotIn(url, ran.stderr)
        ran = pagecast("list", env={"PAGECAST_AGENT": f"{url} {other}"})
        self.assertIn(f"no agent at {url}:", ran.stderr)
        self.assertIn(f"no agent at {other}:", ran.stderr)

    def test_a_proxy_is_not_asked(self):
        with FakeAgent(lambda *_: (200, JSON, b"{}")) as proxy:
            url = nobody()
            ran = pagecast("--json", "agent", agent=url, env={"http_proxy": proxy.url, "ALL_PROXY": proxy.url})
            self.assertEqual(ran.returncode, 3, ran)
            self.assertEqual(proxy.requests, [])


class Credentials(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "token")

    def write(self, text, mode=0o600):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, mode)

    def test_the_token_is_sent(self):
        self.write("s3cret-token\n")
        with FakeAgent(lambda *_: (200, JSON, b"{}")) as agent:
            ran = pagecast("--token-file", self.path, "--json", "agent", agent=agent.url)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(agent.requests[0][2]["Authorization"], "Bearer s3cret-token")
            self.assertEqual(pagecast("--json", "agent", agent=agent.url).returncode, 0)
            self.assertIsNone(agent.requests[1][2]["Authorization"])
            ran = pagecast("--json", "agent", agent=agent.url, env={"PAGECAST_TOKEN_FILE": self.path})
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(agent.requests[2][2]["Authorization"], "Bearer s3cret-token")

    def test_a_token_that_others_may_read_is_refused(self):
        for mode in (stat.S_IRGRP, stat.S_IROTH, stat.S_IWGRP, stat.S_IWOTH):
            self.write("s3cret\n", 0o600 | mode)
            ran = pagecast("--token-file", self.path, "list", agent=nobody())
            self.assertEqual(ran.returncode, 2, oct(mode))
            self.assertIn("chmod 600", ran.stderr)
            self.assertNotIn("s3cret", ran.stderr)

    def test_a_file_that_holds_no_token_is_refused(self):
        for text, words in (("", "is empty"), ("\n", "is empty"), ("two words\n", "something else than one token"),
                            ("a\nX: y\n", "something else"), ("x" * 5000, "too long"), ("tök", "something else")):
            self.write(text)
            ran = pagecast("--token-file", self.path, "list", agent=nobody())
            self.assertEqual(ran.returncode, 2)
            self.assertIn(words, ran.stderr)
        ran = pagecast("--token-file", self.path + ".not", "list", agent=nobody())
        self.assertEqual(ran.returncode, 2)
        self.assertIn("No such file", ran.stderr)

    def test_certificates_must_be_there(self):
        ran = pagecast("--ca", self.path, "list", agent="https://127.0.0.1:1")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("--ca", ran.stderr)
        self.write("x")
        ran = pagecast("--key", self.path, "list", agent="https://127.0.0.1:1")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("--key needs --cert", ran.stderr)


class Tls(unittest.TestCase):
    def setUp(self):
        if not shutil.which("openssl"):
            self.skipTest("no openssl to make certificates")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("agent", "client"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"), "-days", "2",
                            "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
                           check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def agent(self, ask_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("agent.pem"), self.path("agent.key"))
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path("client.pem"))
        return FakeAgent(lambda *_: (200, JSON, b"{}\n"), tls=context)

    def test_only_a_trusted_agent_is_spoken_to(self):
        with self.agent() as agent:
            ran = pagecast("--json", "agent", agent=agent.url)
            self.assertEqual(ran.returncode, 3, ran)
            self.assertIn("certificate", ran.stderr)
            self.assertEqual(agent.requests, [])
            ran = pagecast("--json", "agent", "--ca", self.path("agent.pem"), agent=agent.url)
            self.assertEqual((ran.returncode, ran.stdout), (0, "{}\n"), ran.stderr)
            ran = pagecast("--json", "agent", "--ca", self.path("agent.pem"),
                           agent=agent.url.replace("127.0.0.1", "localhost"))
            self.assertEqual(ran.returncode, 3, ran)  # the certificate is another's

    def test_a_client_certificate_is_shown(self):
        with self.agent(ask_client=True) as agent:
            trust = ("--json", "agent", "--ca", self.path("agent.pem"))
            self.assertEqual(pagecast(*trust, agent=agent.url).returncode, 3)
            ran = pagecast(*trust, "--cert", self.path("client.pem"), "--key", self.path("client.key"), agent=agent.url)
            self.assertEqual(ran.returncode, 0, ran.stderr)


if __name__ == "__main__":
    main()
