"""Connect's own clients (TypeScript, npm), generated from our schema: every method, every transport, under
each Node.js there is."""

import unittest

import node
import pagecast_test as pt


class ConnectEs(unittest.TestCase):
    def test_every_method_by_every_transport(self):
        with node.Workshop() as workshop, pt.Agent("--workers", "2") as agent:
            workshop.generate()
            for version, program in node.nodes().items():
                with self.subTest(version):
                    ran = workshop.run("clients.mjs", agent.url, node=program)
                    self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
                    self.assertEqual(ran.stdout.splitlines()[0], f"node {version}")
                    self.assertEqual(len(ran.stdout.splitlines()), 15, ran.stdout)
                    print(f"{ran.stdout.splitlines()[0]}: {len(ran.stdout.splitlines()) - 2} transports")


if __name__ == "__main__":
    node.folder()
    pt.main()
