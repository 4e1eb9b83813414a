"""`pagecastd token`: what it prints, keeps and refuses."""

import concurrent.futures
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

import pagecast_test as pt

TOKEN = re.compile(r"pgc_([0-9a-f]{8})_([0-9a-f]{64})\n")
DAY_S = 86400


class TokenCommand(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pagecast-token-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "tokens")

    def run_token(self, *args, file=True, **env):
        words = ["--tokens", self.file] if file else []
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("PAGECAST_") and name not in ("STATE_DIRECTORY", "XDG_STATE_HOME")}
        return subprocess.run([pt.program("PAGECASTD"), "token", *args, *words], check=False, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, env=dict(clean, **env))

    def create(self, *args, **options):
        ran = self.run_token("create", *args, **options)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, TOKEN)
        return TOKEN.fullmatch(ran.stdout)

    def rows(self):
        ran = self.run_token("list")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        head, *rows = [re.split(r"  +", line.strip()) for line in ran.stdout.splitlines()]
        self.assertEqual(head, ["ACCESSOR", "ROLE", "EXPIRES", "NAME"])
        return rows

    def test_a_token_is_shown_once(self):
        token = self.create("--name", "ci")
        self.assertEqual(self.rows(), [[token[1], "operator", "never", "ci"]])
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(os.listdir(self.folder), ["tokens"])
        with open(self.file, encoding="ascii") as file:
            self.assertNotIn(token[2], file.read())
        self.assertNotIn(token[2], self.run_token("list").stdout)
        self.assertNotIn(token[2], self.run_token("revoke", token[1]).stderr)

    def test_tokens_differ(self):
        tokens = {self.create("--name", f"n{i}")[0] for i in range(4)}
        self.assertEqual(len(tokens), 4)

    def test_roles(self):
        for role in ("viewer", "operator", "admin"):
            self.create("--name", role, "--role", role)
        self.assertEqual([row[1] for row in self.rows()], ["viewer", "operator", "admin"])

    def test_expiry(self):
        for text, seconds in (("30d", 30 * DAY_S), ("12h", DAY_S // 2), ("90m", 5400), ("3600s", 3600)):
            before = int(time.time())
            self.create("--name", text, "--expires", text)
            written = time.strptime(self.rows()[-1][2], "%Y-%m-%dT%H:%M:%SZ")
            until = int(time.mktime(written)) - time.timezone
            self.assertTrue(before + seconds <= until <= time.time() + seconds, self.rows()[-1])
        self.create("--name", "at", "--expires", "2099-01-31T01:00:00+01:00")
        self.assertEqual(self.rows()[-1][2], "2099-01-31T00:00:00Z")
        self.create("--name", "ever", "--expires", "never")
        self.assertEqual(self.rows()[-1][2], "never")

    def test_an_expired_one_is_marked(self):
        self.create("--name", "brief", "--expires", "1s")
        deadline = time.monotonic() + 60
        while self.rows()[0][-1] != "(expired)":
            self.assertLess(time.monotonic(), deadline)

    def test_revoke_takes_one(self):
        first, second = self.create("--name", "a"), self.create("--name", "b")
        self.assertEqual(self.run_token("revoke", first[1]).returncode, 0)
        self.assertEqual([row[0] for row in self.rows()], [second[1]])
        again = self.run_token("revoke", first[1])
        self.assertEqual(again.returncode, 1)
        self.assertIn(first[1], again.stderr)

    def test_many_at_once_lose_none(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda i: self.create("--name", f"n{i}")[1], range(24)))
        self.assertEqual(sorted(row[0] for row in self.rows()), sorted(made))

    def test_where_the_file_is(self):
        state = os.path.join(self.folder, "state")
        os.mkdir(state)
        self.create("--name", "a", file=False, STATE_DIRECTORY=state)
        self.assertEqual(os.listdir(state), ["tokens"])
        self.create("--name", "b", file=False, STATE_DIRECTORY=state, PAGECAST_TOKENS=self.file)
        self.assertEqual([row[3] for row in self.rows()], ["b"])

    def test_wrong_usage_is_told(self):
        for args, words in ((("create",), "--name"), (("create", "--name", "x y"), "letters, digits"),
                            (("create", "--name", "n" * 65), "1 to 64"), (("create", "--name", ""), "1 to 64"),
                            (("create", "--name", "x", "--role", "root"), "viewer, operator or admin"),
                            (("create", "--name", "x", "--expires", "soon"), "30d"),
                            (("create", "--name", "x", "--expires", "0d"), "30d"),
                            (("create", "--name", "x", "--expires", "2020-01-01T00:00:00Z"), "in the past"),
                            (("create", "--name", "x", "--expires", "99999999d"), "past the year 9999"),
                            (("create", "--name", "x", "more"), "unexpected argument"),
                            (("revoke",), "ACCESSOR"), (("revoke", "1", "2"), "ACCESSOR"),
                            (("list", "--what"), "--what"), (("forget",), "create, list or revoke"),
                            ((), "create, list or revoke")):
            with self.subTest(args):
                ran = self.run_token(*args)
                self.assertIn(ran.returncode, (1, 2))
                self.assertEqual(ran.stdout, "")
                self.assertIn(words, ran.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_file_that_cannot_be_had_is_told(self):
        for file, words in ((os.path.join(self.folder, "no", "tokens"), "No such file"), (self.folder, "not a regular file")):
            ran = self.run_token("create", "--name", "x", "--tokens", file, file=False)
            self.assertEqual((ran.returncode, ran.stdout), (1, ""))
            self.assertIn(words, ran.stderr)
        self.create("--name", "x")
        os.chmod(self.file, 0o644)
        ran = self.run_token("create", "--name", "y")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("chmod 600", ran.stderr)

    def test_help_has_an_example(self):
        ran = self.run_token("--help")
        self.assertEqual(ran.returncode, 0)
        self.assertIn("example: pagecastd token create", ran.stdout)


if __name__ == "__main__":
    pt.main()
