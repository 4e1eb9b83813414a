#!/usr/bin/env python3
"""lint.py CHECK [ROOT]: run one check on the source tree; prints each finding, exits 1 if there is one.

The checks are the rules of rules.py, and tools for one kind of file. A tool is skipped with the
reason (exit 77) if its program is missing.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from rules import RULES
from tree import Tree

SKIPPED = 77
# The version of Debian 12: others format differently.
CLANG_FORMAT_VERSION = "14."


class Skip(Exception):
    pass


def program(name, why):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed: {why}")
    return path


def run(arguments, root, **options):
    """Findings: what the program printed, if it failed."""
    done = subprocess.run(
        arguments, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=300, check=False, **options,
    )
    if done.returncode == 0:
        return []
    return (done.stdout.strip() or f"{arguments[0]} exited {done.returncode}").splitlines()


def check_format(tree, root):
    tool = program("clang-format", "the format of C files is not checked")
    version = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    if f"version {CLANG_FORMAT_VERSION}" not in version.stdout:
        raise Skip(f"clang-format {CLANG_FORMAT_VERSION}x is required; found {version.stdout.strip()}")
    return run([tool, "--dry-run", "-Werror", *tree.sources(".c", ".h")], root)


def check_scripts(tree, root):
    findings = []
    for path, text in tree.items():
        first = (text or "").split("\n", 1)[0]
        if first.startswith("#!") and first.endswith("sh"):
            findings += run([os.path.basename(first[2:]), "-n", path], root)
        elif path.endswith(".py"):
            try:
                compile(text, path, "exec")
            except SyntaxError as error:
                findings.append(f"{path}:{error.lineno}: {error.msg}")
    return findings


def check_shellcheck(tree, root):
    tool = program("shellcheck", "shell scripts are only parsed")
    scripts = [path for path, text in tree.items() if (text or "").startswith("#!/bin/sh")]
    return run([tool, "-s", "sh", *scripts], root)


def check_proto(tree, root):
    tool = program("protoc", "the schema is not compiled")
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        return run(
            [tool, "-I", "proto", "-I", "tests/lib", "-I", "/usr/include", "--include_source_info",
             "--descriptor_set_out", out.name, *tree.sources(".proto")],
            root,
        )


def check_buf(tree, root):
    if "proto/buf.yaml" not in tree:
        raise Skip("proto/buf.yaml is missing")
    # tests/interop/install.sh installs it, if npm has it for this machine, into the build tree of the
    # calling ctest, or of tests/run.sh
    machine = {"x86_64": "x64"}.get(os.uname().machine, os.uname().machine)
    folders = [os.environ.get("PAGECAST_NODE"), os.path.join(root, "build/node")]
    found = [path for path in (os.path.join(folder, f"node_modules/@bufbuild/buf-linux-{machine}/bin/buf")
                               for folder in folders if folder) if os.access(path, os.X_OK)]
    tool = found[0] if found else program("buf", "the schema's names are not checked")
    with tempfile.TemporaryDirectory() as cache:
        return run([tool, "lint"], os.path.join(root, "proto"),
                   env={**os.environ, "BUF_CACHE_DIR": cache})


def check_unit(tree, root):
    """The exposure that `systemd-analyze security` computes for the unit: at most 2.0 of 10."""
    tool = program("systemd-analyze", "the unit's exposure is not checked")
    template = tree["agent/pagecastd.service.in"]
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, "pagecastd.service")
        with open(unit, "w", encoding="utf-8") as file:
            file.write(template.replace("@CMAKE_INSTALL_FULL_BINDIR@", "/usr/bin"))
        findings = run([tool, "security", "--offline=true", "--threshold=20", "--no-pager", unit],
                       root)
        if any("unrecognized option" in line for line in findings):
            raise Skip("systemd-analyze has no option --offline: version 250 or later is required")
        return findings


TOOLS = {
    "format": check_format,
    "scripts": check_scripts,
    "shellcheck": check_shellcheck,
    "proto": check_proto,
    "buf": check_buf,
    "unit": check_unit,
}


def main(arguments):
    here = os.path.dirname(os.path.abspath(__file__))
    if not arguments or arguments[0] not in RULES.keys() | TOOLS.keys():
        print(__doc__, "checks:", *RULES, *TOOLS, file=sys.stderr)
        return 2
    name = arguments[0]
    root = arguments[1] if len(arguments) > 1 else os.path.join(here, "..", "..")
    tree = Tree.load(root)
    try:
        findings = list(RULES[name](tree) if name in RULES else TOOLS[name](tree, root))
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    print(*findings, sep="\n")
    print(f"{name}: {len(tree)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
