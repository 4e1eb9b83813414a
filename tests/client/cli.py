"""What the tests of the client share: the program, and agents made of canned answers for what a real one does not do."""

import http.server
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from pagecast_test import pb_bytes, pb_int, program  # noqa: E402

SECONDS = 60
PAGECAST = program("PAGECAST")  # the whole test is skipped without it
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def environment(**more):
    """Nothing of the caller's that would choose an agent or colours."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("PAGECAST_AGENT", "PAGECAST_TOKEN_FILE", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR",
                            "NO_COLOR", "http_proxy")}
    env.update(more)
    return env


def command(*args, agent=None):
    """The words of a command line; @agent: one URL, or several."""
    words = [PAGECAST]
    for url in [agent] if isinstance(agent, str) else agent or []:
        words += ["--agent", url]
    return words + [str(arg) for arg in args]


def pagecast(*args, agent=None, env=None, **options):
    """Runs to the end; .returncode, .stdout and .stderr as text."""
    options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
    if "input" in options:
        del options["stdin"]
    return subprocess.run(command(*args, agent=agent), env=environment(**(env or {})), timeout=SECONDS, check=False,
                          stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, text=True, **options)


def start(*args, agent=None, env=None, **options):
    """Runs beside the test."""
    return subprocess.Popen(command(*args, agent=agent), env=environment(**(env or {})), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def pb_job(job_id="JOB1", state=3, revision=1, sent=0, requested=0, problems=()):
    """A Job as protobuf, with what the client shows of it."""
    account = pb_int(1, requested) + pb_int(2, sent) + pb_int(6, sent * 5) + pb_int(9, 1)
    job = pb_bytes(1, job_id) + pb_int(3, state) + pb_bytes(7, account) + pb_int(13, revision)
    for code, message, severity in problems:
        job += pb_bytes(9, pb_bytes(1, code) + pb_bytes(2, message) + pb_int(4, severity))
    return job


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that ends its connection is no fault of these tests."""


class FakeAgent:
    """Answers each request by answer(method, path, headers, body) -> (status, headers, body)."""

    def __init__(self, answer, tls=None):
        """@tls: an ssl.SSLContext to serve https with."""
        self.requests = []
        agent = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                agent.requests.append((self.command, self.path, self.headers, body))
                status, headers, answer_body = answer(self.command, self.path, self.headers, body)
                if status is None:  # the connection just ends
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(answer_body)))
                self.end_headers()
                self.wfile.write(answer_body)

            do_GET = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def wait_for(self, method, end_of_path=""):
        """Until such a request has come."""
        deadline = time.monotonic() + SECONDS
        while not any(one[0] == method and one[1].endswith(end_of_path) for one in self.requests):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {method} …{end_of_path} comes")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
