"""What the tests of clients from npm share: where the packages are, generated code, running a script."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.join(HERE, "..", "..", "proto")


def folder():
    """The folder whose node_modules install.sh has filled; the whole test is skipped without it."""
    path = os.environ.get("PAGECAST_NODE", "")
    if not os.path.exists(os.path.join(path, "installed.json")) or not shutil.which("node"):
        print("skipped: the packages of tests/interop are not installed")
        sys.exit(77)
    return path


def tool(name):
    """The path of a program among the packages; the whole test is skipped without it."""
    for path in (f"node_modules/.bin/{name}", *(f"node_modules/@bufbuild/{name}-linux-{cpu}/bin/{name}"
                                                for cpu in ("x64", "aarch64"))):
        path = os.path.join(folder(), path)
        if os.access(path, os.X_OK):
            return path
    print(f"skipped: there is no {name} for this machine")
    sys.exit(77)


def nodes():
    """{version: program} of each Node.js there is: the one on PATH, and an 18; tells where there is none."""
    found = {}
    for program in ("node", os.path.join(folder(), "node18", "node")):
        if shutil.which(program):
            ran = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, timeout=60)
            found.setdefault(ran.stdout.strip(), program)
    if not any(version.startswith("v18.") for version in found):
        print(f"skipped: Node 18: {why_no_18()}")
    return found


def why_no_18():
    try:
        with open(os.path.join(folder(), "node18", "why"), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "it is not installed"


class Workshop:
    """A folder beside the packages, with the scripts of this folder and the client generated from our schema."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="work-", dir=folder())
        with open(os.path.join(self.path, "package.json"), "w", encoding="ascii") as file:
            file.write('{"type":"module"}\n')
        for name in os.listdir(HERE):
            if name.endswith(".mjs"):
                shutil.copy(os.path.join(HERE, name), self.path)

    def generate(self):
        files = [os.path.join("pagecast/v1", name) for name in os.listdir(os.path.join(PROTO, "pagecast/v1"))]
        subprocess.run([os.environ.get("PROTOC") or "protoc", "-I", PROTO,
                        f"--plugin=protoc-gen-es={tool('protoc-gen-es')}", f"--es_out={self.path}",
                        "--es_opt=target=js,import_extension=js", *sorted(files)], check=True, timeout=60)

    def run(self, script, *args, node="node", timeout=120):
        """The finished process; what it wrote is captured."""
        return subprocess.run([node, os.path.join(self.path, script), *args], check=False,
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        shutil.rmtree(self.path, ignore_errors=True)
