"""An agent in a network namespace of its own, and commands there: for what needs interfaces.

It listens where nobody outside can reach it, but for its Unix socket: every request needs unix=True.
"""

import subprocess

from pagecast_test import Agent


class NamespacedAgent(Agent):
    def __init__(self, *args, **options):
        super().__init__(*args, prefix=["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"], **options)

    def here(self, commands):
        """Runs shell commands in the agent's namespace."""
        subprocess.run(["nsenter", "-t", str(self.pid), "-n", "sh", "-ec", commands], check=True)


def serve(test, *args, **options):
    """One for the length of @test, which is skipped where no namespace can be made."""
    if subprocess.run(["unshare", "-n", "ip", "link"], capture_output=True, check=False).returncode:
        test.skipTest("needs root and iproute2: no network namespace")
    agent = NamespacedAgent(*args, **options)
    test.addCleanup(agent.close)
    return agent
