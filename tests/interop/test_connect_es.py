"""Connect's own clients (TypeScript, npm), generated from our schema: every method, every transport."""

import unittest

import node
import pagecast_test as pt


class ConnectEs(unittest.TestCase):
    def test_every_method_by_every_transport(self):
        with node.Workshop() as workshop, pt.Agent("--workers", "2") as agent:
            workshop.generate()
            ran = workshop.run("clients.mjs", agent.url)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
            self.assertEqual(len(ran.stdout.splitlines()), 14, ran.stdout)


if __name__ == "__main__":
    node.folder()
    pt.main()
