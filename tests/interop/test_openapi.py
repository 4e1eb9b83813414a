"""The description at /openapi.json, judged by a validator of others, and by the answers it describes."""

import unittest

import node
import pagecast_test as pt


class OpenApi(unittest.TestCase):
    def test_the_description_is_valid_and_true(self):
        with node.Workshop() as workshop, pt.Agent() as agent, pt.UdpReceiver(keep=0) as sink:
            for version, program in node.nodes().items():
                with self.subTest(version):
                    ran = workshop.run("openapi.mjs", agent.url, str(sink.port), node=program)
                    self.assertEqual((ran.returncode, ran.stdout), (0, ""), ran.stdout + ran.stderr)
                    print(f"node {version}")


if __name__ == "__main__":
    node.folder()
    pt.main()
