"""Rules of the source tree that no compiler checks. Each takes a Tree and yields findings."""

import re

import modules
import rooms
from tree import MAP, locate, read_map, room_of, spelled

# Headers of the C library and of Linux: any room may include them. Headers that are neither here nor in
# the tree are third-party: the map says which room may include them.
SYSTEM_FOLDERS = ("arpa/", "asm/", "linux/", "net/", "netinet/", "netpacket/", "sys/")
SYSTEM_HEADERS = {
    "assert.h", "byteswap.h", "ctype.h", "dirent.h", "dlfcn.h", "endian.h", "errno.h", "fcntl.h",
    "float.h", "fnmatch.h", "getopt.h", "glob.h", "grp.h", "ifaddrs.h", "inttypes.h", "libgen.h",
    "limits.h", "locale.h", "malloc.h", "math.h", "netdb.h", "poll.h", "pthread.h", "pwd.h",
    "sched.h", "semaphore.h", "setjmp.h", "signal.h", "spawn.h", "stdalign.h", "stdarg.h",
    "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h",
    "string.h", "strings.h", "syslog.h", "termios.h", "threads.h", "time.h", "ucontext.h",
    "unistd.h", "wchar.h",
}
AT_ROOT = re.compile(r"\..*|CMakeLists\.txt|CMakePresets\.json|README\.md")
FOLDERS_AT_ROOT = {"agent", "proto", "api", "client", "tests"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)

# Promises of later work. Written in two parts so that this file passes its own rule.
PROMISES = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X|not (yet )?implement" r"ed|stu" r"b(bed)?|place" r"holder"
    r"|for n" r"ow|ha" r"ck)\b",
    re.IGNORECASE,
)
LINE_MAX = 100
SOURCE_LINES_MAX = 600


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_includes(tree):
    """A file includes only what the third column of the map names, third-party headers too."""
    table = read_map(tree.get(MAP) or "")
    if not table:
        yield f'{MAP}: no table of rooms under "## Map"'
    for path, text in tree.sources(".c", ".h").items():
        room = room_of(table, path)
        if not room:
            continue
        for match in INCLUDE.finditer(text):
            form, spelling = match.groups()
            where = f"{path}:{line_of(text, match.start())}"
            target = locate(tree, spelling, path) if form == '"' else spelled(spelling)
            if form == "<" and target not in tree and spelling.startswith(SYSTEM_FOLDERS):
                continue # <net/if.h> is of the C library, although a room is called net
            if ".." in spelling.split("/"):
                yield f'{where}: "{spelling}" climbs out of its folder: start with the name of the room'
            elif target:
                if not room.may_include_room(target):
                    yield f"{where}: {room.path} may not include {spelling} ({MAP}, Map)"
            elif not (spelling in SYSTEM_HEADERS or spelling.startswith(SYSTEM_FOLDERS)):
                if not room.may_include_header(spelling):
                    yield f"{where}: {room.path} may not include <{spelling}> ({MAP}, Map)"


def check_places(tree):
    """Every file belongs to a row of the map, every row has files, the root has only known names."""
    table = read_map(tree.get(MAP) or "")
    for path in tree:
        first = path.split("/")[0]
        if "/" not in path:
            if not AT_ROOT.fullmatch(path):
                yield f"{path}: does not belong at the root"
        elif first not in FOLDERS_AT_ROOT and not first.startswith("."):
            yield f"{path}: {first}/ does not belong at the root"
        elif not first.startswith(".") and not room_of(table, path):
            yield f"{path}: belongs to no row of the map in {MAP}"
    for room in table:
        if not any(room.holds(path) for path in tree):
            yield f"{MAP}: the map names {room.path}, which has no files"


def check_words(tree):
    """No promises of later work, and no path of a particular machine."""
    machine = re.compile(r"(?<![\w.])/(work|home|root|Users)/\w")
    for path, text in tree.items():
        for pattern in (PROMISES, machine) if text else ():
            for match in pattern.finditer(text):
                where = f"{path}:{line_of(text, match.start())}"
                yield f'{where}: "{match.group()}": do it now, or describe the present state'


def check_sources(tree):
    """A source file starts with prose, has one concern, and fits the width of a screen."""
    for path, text in tree.sources(".c", ".h").items():
        lines = text.split("\n")
        if not text.startswith("/*"):
            yield f"{path}:1: does not start with a comment that says what the file owns"
        if path.endswith(".h") and "\n#pragma once\n" not in text:
            yield f"{path}:1: no #pragma once"
        if len(lines) - 1 > SOURCE_LINES_MAX:
            yield f"{path}: {len(lines) - 1} lines; more than {SOURCE_LINES_MAX} means two concerns: split it"
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > LINE_MAX:
                yield f"{path}:{number}: wider than {LINE_MAX} columns"


def check_text(tree):
    """No spaces or carriage return at the end of a line, and a newline at the end of a file."""
    for path, text in tree.items():
        if not text or path.endswith(".md") or path.startswith("tests/fuzz/corpus/"):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if line.endswith((" ", "\t", "\r")):
                yield f"{path}:{number}: spaces or a carriage return at the end of the line"
        if not text.endswith("\n"):
            yield f"{path}: no newline at the end"


RULES = {
    "includes": check_includes,
    "places": check_places,
    "words": check_words,
    "sources": check_sources,
    "text": check_text,
    "circles": modules.check_circles,
    "headers": modules.check_headers,
    "map": rooms.check_map,
}
