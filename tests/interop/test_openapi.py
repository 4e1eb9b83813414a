"""The description at /openapi.json, judged by a validator of others, and by the answers it describes."""

import unittest

import node
import pagecast_test as pt


class OpenApi(unittest.TestCase):
    def test_the_description_is_valid_and_true(self):
        with node.Workshop() as workshop, pt.Agent() as agent, pt.UdpReceiver(keep=0) as sink:
            ran = workshop.run("openapi.mjs", agent.url, str(sink.port))
            self.assertEqual((ran.returncode, ran.stdout), (0, ""), ran.stdout + ran.stderr)


if __name__ == "__main__":
    node.folder()
    pt.main()
