"""The map of agent/README.md and the rooms of CMake: who links whom, said twice, must be the same."""

import re

from tree import MAP, read_map, room_of

# pkg-config's names, as the CMakeLists.txt of the root spells them, and the headers they bring.
LIBRARIES = {
    "CURL": "<curl/>",
    "GNUTLS": "<gnutls/>",
    "JSON_C": "<json-c/>",
    "MICROHTTPD": "<microhttpd.h>",
    "MNL": "<libmnl/>",
    "URING": "<liburing.h>",
    "NETTLE": "<nettle/>",
    "SQLITE": "<sqlite3.h>",
    "ZLIB": "<zlib.h>",
}
# Known to every room that links anything of ours.
COMMON = {"pagecast_flags", "pagecast_options", "PROTOBUF_C", "Threads::Threads", "m"}
COMMAND = re.compile(
    r"^(pagecast_room|add_library|target_link_libraries)\(\s*([^)]*)\)", re.MULTILINE)
SCOPES = {"PUBLIC", "PRIVATE", "INTERFACE"}


class Target:
    """A library of ours: its folder, and what it links directly (names as CMake has them)."""

    def __init__(self, folder):
        self.folder = folder
        self.links = set()


def read_targets(tree):
    targets = {}
    for path, text in tree.items():
        if not path.endswith("CMakeLists.txt") or path.startswith("tests/"):
            continue
        here = path.rpartition("/")[0]
        for command, arguments in COMMAND.findall(re.sub(r"#.*", "", text)):
            words = re.sub(r"\$<LINK_ONLY:[^>]*>", "", arguments).split()
            name = words[0]
            if command == "pagecast_room":
                folder = here if words[1] == "." else f"{here}/{words[1]}"
                targets[name] = Target(folder)
                targets[name].links |= set(words[3:])
            elif command == "add_library":
                folder = f"{here}/include" if words[1] == "INTERFACE" else here
                if here: # what is built at the root is flags
                    targets.setdefault(name, Target(folder))
            elif name in targets:
                targets[name].links |= set(words[1:]) - SCOPES
    for target in targets.values():
        target.links = {link.removeprefix("PkgConfig::") for link in target.links} - COMMON
    return targets


def reachable(targets, name, seen):
    for link in targets[name].links:
        if link in targets and link not in seen:
            seen.add(link)
            reachable(targets, link, seen)
    return seen


def check_map(tree):
    """Each row of the map with code is a library of CMake that links what the row names."""
    targets = read_targets(tree)
    table = {room.path: room for room in read_map(tree.get(MAP) or "")}
    built = {target.folder for target in targets.values()}
    for path in tree.sources(".c"):
        room = room_of(table.values(), path)
        if room and room.path not in built and room.path != path and not path.startswith("tests/"):
            yield f"{path}: no pagecast_room() of CMake builds {room.path}"
    for name, target in sorted(targets.items()):
        row = table.get(target.folder)
        if not row:
            yield f"{MAP}: CMake builds {target.folder} as {name}, which has no row in the map"
            continue
        seen = reachable(targets, name, set())
        linked = {targets[link].folder for link in seen}
        named = set(row.rooms)
        # the schema comes with agent/include, whether a room may use it or not
        optional = {"proto"} if "agent/include" in linked else set()
        for folder in sorted(linked - named - optional):
            yield f"{MAP}: {target.folder} links {folder}, but its row does not name it"
        for folder in sorted(named - linked):
            yield f"{MAP}: the row of {target.folder} names {folder}, which {name} does not link"
        libraries = {link for link in target.links if link not in targets}
        for link in sorted(libraries - LIBRARIES.keys()):
            yield f"{target.folder}: links {link}: say in tests/lint/rooms.py which headers it brings"
        headers = {LIBRARIES[link] for link in libraries & LIBRARIES.keys()}
        below = {LIBRARIES.get(link) for other in seen for link in targets[other].links}
        for header in sorted(headers - set(row.third_party)):
            yield f"{MAP}: {target.folder} links the library of {header}, but its row does not name it"
        for header in sorted(set(row.third_party) - headers - below):
            yield f"{MAP}: the row of {target.folder} names {header}, whose library {name} does not link"
