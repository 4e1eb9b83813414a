"""Wrong tokens wait; the right ones of the same address are let in."""

import http.client
import os
import unittest

import pagecast_test as pt
from test_auth import LOCKOUT_FAILURES, LOCKOUT_SECONDS, Folder, bearer, create, eventually, revoke

TRANSMIT = "/pagecast.v1.TransmitService/"


def ipv6_here():
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return any(line.startswith("0" * 31 + "1 ") for line in file)
    except OSError:
        return False


class Lockout(Folder):
    def setUp(self):
        super().setUp()
        self.right = create(self.file, "good")
        self.wrong = self.right[:-1] + ("0" if self.right[-1] != "0" else "1")

    def lock_out(self, ask, wrong):
        """@ask(token) until wrong tokens have to wait, however slow the machine."""
        refused = 0
        while (answer := ask(wrong)).status == 401:
            refused += 1
        self.assertGreaterEqual(refused, LOCKOUT_FAILURES)
        self.assertEqual((answer.status, answer.json()["code"]), (429, "resource_exhausted"))
        self.assertTrue(1 <= int(answer.headers["Retry-After"]) <= LOCKOUT_SECONDS, answer.headers["Retry-After"])

    def test_right_tokens_are_let_in_between_wrong_ones(self):
        agent = self.agent()

        def ask(token):
            return agent.get("/v1/agent", headers=bearer(token))

        self.lock_out(ask, self.wrong)
        for _ in range(28):
            self.assertEqual(ask(self.right).status, 200)
            self.assertIn(ask(self.wrong).status, (401, 429))

    def test_on_every_protocol_and_for_what_changes_something(self):
        agent = self.agent()
        self.lock_out(lambda token: agent.post(TRANSMIT + "ListJobs", {}, headers=bearer(token)), self.wrong)
        with pt.UdpReceiver() as receiver:
            spec = pt.udp_job(receiver.port, packets=1)
            job = agent.submit(spec, headers=bearer(self.right))
            answer = agent.post(TRANSMIT + "SubmitJob", {"spec": spec}, headers=bearer(self.right))
            self.assertEqual(answer.status, 200, answer)
        grpc = agent.post(TRANSMIT + "ListJobs", b"\0\0\0\0\0",
                          headers={"Content-Type": "application/grpc-web+proto", **bearer(self.right)})
        self.assertIn(b"grpc-status: 0", grpc.body.replace(b":0", b": 0"))
        events = agent.get(f"/v1/jobs/{job['id']}/events", headers=bearer(self.right))  # to the end of the job
        self.assertEqual(events.status, 200)

    def test_on_one_connection(self):
        """As behind a proxy that serves many callers."""
        agent = self.agent()
        connection = agent.connection()

        def ask(token):
            connection.request("GET", "/v1/agent", headers=bearer(token))
            answer = connection.getresponse()
            return pt.Response(answer.status, answer.headers, answer.read())

        self.lock_out(ask, self.wrong)
        for _ in range(10):
            self.assertEqual(ask(self.right).status, 200)
            self.assertIn(ask(self.wrong).status, (401, 429))
        connection.close()

    def test_a_program_that_keeps_using_an_old_token(self):
        """Revoked, or past its end: the others of its address notice nothing."""
        old, short = create(self.file, "old"), create(self.file, "short", expires="1s")
        agent = self.agent()
        revoke(self.file, old)
        self.reload(agent, "event=reloaded part=tokens")

        def ask(token):
            return agent.get("/v1/jobs", headers=bearer(token))

        self.lock_out(ask, old)
        eventually(lambda: ask(short).status != 200)  # it has come to its end
        self.assertEqual([ask(self.right).status for _ in range(28)], [200] * 28)

    @pt.apart
    @unittest.skipUnless(ipv6_here(), "there is no IPv6 here")
    def test_a_listener_of_both_ip_versions(self):
        """IPv4 callers of an IPv6 socket have the same 64 bits: they are counted by their IPv4 address."""
        agent = self.agent("--insecure-http", listen=["[::]:0"])
        agent.host = "127.0.0.1"

        def ask(token, source="127.0.0.1"):
            connection = http.client.HTTPConnection(agent.host, agent.port, timeout=pt.ANSWER_SECONDS,
                                                    source_address=(source, 0))
            connection.request("GET", "/v1/agent", headers=bearer(token))
            answer = connection.getresponse()
            answer = pt.Response(answer.status, answer.headers, answer.read())
            connection.close()
            return answer

        self.lock_out(ask, self.wrong)
        self.assertEqual(ask(self.right).status, 200)
        self.assertEqual(ask(self.wrong, "127.0.0.2").status, 401)

    def test_other_ways_in(self):
        """The same user on the unix socket, and IPv6, where the addresses of one network count as one."""
        listen = ["[::1]:0"] if ipv6_here() else ["127.0.0.1:0"]
        agent = self.agent(folder=self.folder, listen=[*listen, f"unix:{os.path.join(self.folder, 'api.sock')}"])
        for unix in (False, True):
            with self.subTest(unix=unix):
                def ask(token, unix=unix):
                    return agent.get("/v1/agent", headers=bearer(token), unix=unix)

                self.lock_out(ask, self.wrong)
                self.assertEqual([ask(self.right).status for _ in range(28)], [200] * 28)


if __name__ == "__main__":
    pt.main()
