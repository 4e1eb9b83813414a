"""Raw bytes that a server must not misread, each with the answer it gets.

A row: what it is, the bytes, the status codes of all the answers that come back. An empty list: the
connection just ends. A number alone: the connection ends with this answer, or with none where it was
overtaken by the end (such answers are the HTTP library's own and not looked at further). Each row is
sent on a connection of its own; afterwards the agent must answer as before.
"""

import socket
import time
import unittest

import pagecast_test as pt

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /v1/agent HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(target=b"/healthz", headers=b"", version=b"HTTP/1.1", method=b"GET", host=HOST):
    return method + b" " + target + b" " + version + b"\r\n" + host + headers + b"\r\n"


def post(headers=b"", body=b"", target=b"/pagecast.v1.AgentService/GetAgent", version=b"HTTP/1.1"):
    """Of a path that answers {} with 200: what is refused, is for the reason given."""
    return b"POST " + target + b" " + version + b"\r\n" + HOST + headers + b"\r\n" + body


def chunked(body, headers=b""):
    return post(JSON + b"Transfer-Encoding: chunked\r\n" + headers, body)


ROWS = [
    # The plain case, so that a refusal below means something.
    ("a plain request", get(), [200]),
    ("a plain request with a body", post(JSON + b"Content-Length: 2\r\n", b"{}"), [200]),
    ("two requests in one packet", get() + get(), [200, 200]),
    ("HTTP/1.0", get(version=b"HTTP/1.0"), [200]),
    ("HTTP/1.0 without Host", get(version=b"HTTP/1.0", host=b""), [200]),
    ("an empty line ahead", b"\r\n" + get(), [200]),
    # Where does the body end?
    ("Content-Length beside Transfer-Encoding",
     post(JSON + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
          b"2\r\n{}\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("Transfer-Encoding beside Content-Length",
     post(JSON + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
          b"0\r\n\r\n" + SMUGGLED), [400]),
    ("two Content-Length, different", post(JSON + b"Content-Length: 2\r\nContent-Length: 45\r\n",
                                           b"{}" + SMUGGLED), [400]),
    ("two Content-Length, equal", post(JSON + b"Content-Length: 2\r\nContent-Length: 2\r\n",
                                       b"{}" + SMUGGLED), [400]),
    ("Content-Length as a list", post(JSON + b"Content-Length: 2, 2\r\n", b"{}" + SMUGGLED), 400),
    ("Content-Length with a space before the colon",
     post(JSON + b"Content-Length : 2\r\n", b"{}" + SMUGGLED), [400]),
    ("Content-Length with a sign", post(JSON + b"Content-Length: +2\r\n", b"{}" + SMUGGLED), 400),
    ("a negative Content-Length", post(JSON + b"Content-Length: -1\r\n", b"{}" + SMUGGLED), 400),
    ("a hexadecimal Content-Length", post(JSON + b"Content-Length: 0x2\r\n", b"{}" + SMUGGLED),
     400),
    ("an empty Content-Length", post(JSON + b"Content-Length:\r\n", b"{}" + SMUGGLED), 400),
    ("a Content-Length beyond 64 bits",
     post(JSON + b"Content-Length: 99999999999999999999999\r\n", b"{}"), [400]),
    ("Transfer-Encoding: gzip", post(JSON + b"Transfer-Encoding: gzip\r\n", b"{}" + SMUGGLED), [501]),
    ("Transfer-Encoding: gzip, chunked",
     post(JSON + b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n" + SMUGGLED), [501]),
    ("Transfer-Encoding: chunked, identity",
     post(JSON + b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED), [501]),
    ("Transfer-Encoding with a vertical tab",
     post(JSON + b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED), [400]),
    ("two Transfer-Encoding",
     post(JSON + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
          b"0\r\n\r\n" + SMUGGLED), [400]),
    ("an empty Transfer-Encoding", post(JSON + b"Transfer-Encoding:\r\n", b"{}" + SMUGGLED), [501]),
    ("Transfer-Encoding in HTTP/1.0",
     post(JSON + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", version=b"HTTP/1.0"), [400]),
    ("Transfer-Encoding on a folded line",
     post(JSON + b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"{}"), [400]),
    ("a chunk size that is no number", chunked(b"zz\r\n{}\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("a chunk size with 0x", chunked(b"0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("a negative chunk size", chunked(b"-2\r\n{}\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("a chunk size beyond 64 bits", chunked(b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), [413]),
    ("a chunk longer than it says", chunked(b"2\r\n{}xx\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("an empty chunk size", chunked(b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("a body on a request that takes none",
     get(b"/v1/agent", b"Content-Length: %d\r\n" % len(SMUGGLED) + JSON) + SMUGGLED, [400]),
    # Request lines.
    ("no version", b"GET /healthz\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /healthz HTTP/0.9\r\n\r\n", [505]),
    ("HTTP/1.2", get(version=b"HTTP/1.2"), [505]),
    ("HTTP/2.0", get(version=b"HTTP/2.0"), [505]),
    ("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    ("a version in lower case", get(version=b"http/1.1"), [400]),
    ("a version that is no version", get(version=b"HTTP/1.1x"), [400]),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\n", 400),
    ("a method with a control character", get(method=b"FOO\x01"), [400]),
    ("a method that is no token", get(method=b"G(T"), [400]),
    ("a method nobody knows", get(method=b"BREW"), [501]),
    ("a method in lower case", get(method=b"get"), [501]),
    ("a method of 9 KiB", get(method=b"G" * 9000), [501]),
    ("TRACE", get(method=b"TRACE"), [405]),
    ("CONNECT", get(b"localhost:80", method=b"CONNECT"), [400]),
    ("PUT", get(b"/v1/jobs", method=b"PUT"), [405]),
    # Targets.
    ("an absolute target", get(b"http://localhost/healthz"), [200]),
    ("an absolute target of another host", get(b"http://evil.example/v1/agent"), [403]),
    ("a target without a slash", get(b"healthz"), [400]),
    ("* for GET", get(b"*"), [400]),
    ("* for OPTIONS", get(b"*", method=b"OPTIONS"), [204]),
    ("%00 in a path", get(b"/v1/agent%00x"), [400]),
    (".. in a path", get(b"/v1/../v1/agent"), [400]),
    ("an escaped .. in a path", get(b"/v1/%2e%2e/v1/agent"), [400]),
    ("an escaped ../ in a path", get(b"/v1/x%2f..%2fagent"), [400]),
    ("// in a path", get(b"//v1/agent"), [400]),
    ("an escaped backslash", get(b"/v1/x%5cagent"), [400]),
    ("a malformed escape", get(b"/v1/agent%zz"), [400]),
    ("an escaped line break", get(b"/v1/agent%0d%0aX:y"), [400]),
    ("an escaped letter is another path", get(b"/v1/agen%74"), [404]),
    ("bytes beyond ASCII", get("/v1/é".encode()), [400]),
    ("a fragment", get(b"/v1/agent#x"), [400]),
    ("a space in a target", get(b"/v1/agent x"), [400]),
    ("a space in a query", get(b"/v1/jobs?page_token=a b"), [400]),
    ("a target of 9 KiB", get(b"/v1/" + b"a" * 9000), [414]),
    ("a target of 60 KiB", get(b"/v1/" + b"a" * 60000), 414),
    ("a malformed query", get(b"/v1/jobs?page_size"), [400]),
    ("%00 in a query", get(b"/v1/jobs?page_token=%00"), [400]),
    ("200 query parameters", get(b"/v1/jobs?" + b"labels=a=b&" * 200), [400]),
    # Headers.
    ("no Host", get(host=b""), [400]),
    ("two Host", get(headers=HOST), [400]),
    ("an empty Host", get(host=b"Host:\r\n"), [400]),
    ("a Host of somebody else", get(host=b"Host: evil.example\r\n"), [403]),
    ("a Host that only begins right", get(host=b"Host: localhost.evil.example\r\n"), [403]),
    ("a Host with a user", get(host=b"Host: localhost@evil.example\r\n"), [403]),
    ("a header without a colon", get(headers=b"nonsense\r\n"), [400]),
    ("a header without a name", get(headers=b": x\r\n"), [400]),
    ("a header name with a space", get(headers=b"X Y: z\r\n"), [400]),
    ("a header name with a control character", get(headers=b"X\x01: z\r\n"), [400]),
    ("a header value with a control character", get(headers=b"X: a\x01b\r\n"), [400]),
    ("a header value with a lone CR", get(headers=b"X: a\rY: b\r\n"), [400]),
    ("a header value with DEL", get(headers=b"X: a\x7fb\r\n"), [400]),
    ("a folded first header", b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", [400]),
    ("65 headers", get(headers=b"".join(b"X-%d: y\r\n" % i for i in range(64))), [431]),
    ("64 headers", get(headers=b"".join(b"X-%d: y\r\n" % i for i in range(63))), [200]),
    ("1,000 headers", get(headers=b"".join(b"X-%d: y\r\n" % i for i in range(1000))), 431),
    ("a header of 17 KiB", get(headers=b"X: " + b"y" * 17000 + b"\r\n"), [431]),
    ("a header of 200 KiB", get(headers=b"X: " + b"y" * 200000 + b"\r\n"), 431),
    ("Expect: something", post(b"Expect: 200-ok\r\nContent-Length: 0\r\n"), [417]),
    ("two Content-Type", post(JSON + JSON + b"Content-Length: 2\r\n", b"{}"), [400]),
    ("two Origin", get(headers=b"Origin: http://localhost\r\nOrigin: null\r\n"), [400]),
    ("Upgrade to h2c is not taken up",
     get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
     [200]),
    # What a web page may send.
    ("a null Origin", get(headers=b"Origin: null\r\n"), [403]),
    ("a foreign Origin", get(headers=b"Origin: http://evil.example\r\n"), [403]),
    ("its own Origin", get(headers=b"Origin: http://localhost\r\n"), [200]),
    ("a form", post(b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n",
                    b"a="), [415]),
    ("an empty form", post(b"Content-Type: application/x-www-form-urlencoded\r\n"
                           b"Content-Length: 0\r\n"), [415]),
    ("a multipart form", post(b"Content-Type: multipart/form-data; boundary=x\r\n"
                              b"Content-Length: 2\r\n", b"--"), [415]),
    ("text/plain", post(b"Content-Type: text/plain\r\nContent-Length: 2\r\n", b"{}"), [415]),
    ("JSON without a type", post(b"Content-Length: 2\r\n", b"{}"), [415]),
    ("JSON in UTF-16", post(b"Content-Type: application/json; charset=utf-16\r\n"
                            b"Content-Length: 2\r\n", b"{}"), [415]),
    ("a body compressed by what is not known", post(JSON + b"Content-Encoding: br\r\nContent-Length: 2\r\n",
                                                    b"{}", b"/v1/jobs:cancel"), [415]),
    ("a body compressed twice", post(JSON + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n",
                                     b"{}", b"/v1/jobs:cancel"), [415]),
    ("a body that is no gzip", post(JSON + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n", b"{}"),
     [400]),
    # Bodies.
    ("a cut body", post(JSON + b"Content-Length: 10\r\n", b"{}"), []),
    ("a cut chunked body", chunked(b"5\r\n{"), []),
    ("a body that is longer than its length is another request",
     post(JSON + b"Content-Length: 2\r\n", b"{}" + get()), [200, 200]),
    ("invalid JSON", post(JSON + b"Content-Length: 1\r\n", b"{"), [400]),
    ("a huge declared body", post(JSON + b"Content-Length: 999999999\r\n", b"{}"), [413]),
    ("a refused small body keeps the connection",
     post(JSON + b"Content-Length: 2\r\n", b"{}", b"/v1/nothing") + get(), [404, 200]),
]


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = pt.Agent()

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()

    def check(self, answer, expected):
        if isinstance(expected, list):
            self.assertEqual(pt.statuses(answer), expected, answer[:500])
        elif answer:
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % expected), answer[:500])

    def test_rows(self):
        self.assertGreaterEqual(len(ROWS), 60)
        for what, data, expected in ROWS:
            with self.subTest(what):
                answer = self.agent.raw(data)
                self.check(answer, expected)
                self.assertNotIn(b"clockSynchronised", answer, "a smuggled request was served")
        self.assertEqual(self.agent.get("/healthz").status, 200)

    def test_rows_byte_by_byte(self):
        """The same answers when bytes come in pieces: every 12th row, in pieces of 7 bytes."""
        for what, data, expected in ROWS[::12]:
            if len(data) > 1000:
                continue
            with self.subTest(what), self.agent.raw_socket() as raw:
                for at in range(0, len(data), 7):
                    try:
                        raw.sendall(data[at:at + 7])
                    except (BrokenPipeError, ConnectionResetError):
                        break
                    time.sleep(0.001)
                try:
                    raw.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.check(pt.read_all(raw), expected)


if __name__ == "__main__":
    pt.main()
