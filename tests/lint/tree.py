"""The project's files as a mapping of path to text, and the map of rooms out of agent/README.md.

Ignored files are found by .gitignore, so that a copy of the tree without .git gives the same result.
"""

import fnmatch
import os
import re


# The file with the table of rooms.
MAP = "agent/README.md"
# How a room's include path spells a folder, and the folder in the tree.
SPELLINGS = (
    ("pagecast/v1/", "proto/pagecast/v1/"),
    ("pagecast/rpc/v1/", "proto/pagecast/rpc/v1/"),
    ("google/protobuf/", "proto/google/protobuf/"),
    ("protobuf-c/", "proto/protobuf-c/"),
    ("pagecast/", "agent/include/pagecast/"),
    *((f"{room}/", f"agent/{room}/") for room in (
        "base", "net", "packet", "engine", "sender", "receive", "policy", "store", "core", "trace", "peer", "fleet")),
    ("lib/", "tests/lib/"),
    ("agent/", "agent/"),
    ("api/", "api/"),
    ("client/", "client/"),
    ("tests/", "tests/"),
)
# Folders of the project whose name begins with a dot; the others belong to git or an editor.
VISIBLE = {".ci", ".github"}


class Tree(dict):
    """Path relative to the root, with slashes, to the file's text (None where it is not UTF-8)."""

    @classmethod
    def load(cls, root):
        tree = cls()
        ignored = _ignored(os.path.join(root, ".gitignore"))
        for folder, folders, files in os.walk(root):
            inside = os.path.relpath(folder, root)
            inside = "" if inside == "." else inside + "/"
            folders[:] = sorted(
                name for name in folders
                if name in VISIBLE or not (name[0] == "." or ignored(inside + name, True))
            )
            for name in sorted(files):
                if name != ".git" and not ignored(inside + name, False):
                    tree[inside + name] = _text(os.path.join(folder, name))
        return tree

    def sources(self, *endings):
        return {path: text for path, text in self.items() if path.endswith(endings) and text}


def _text(path):
    with open(path, "rb") as file:
        content = file.read()
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _ignored(gitignore):
    """The patterns that .gitignore here uses: `name`, `*.ending`, `name/` and a leading slash."""
    with open(gitignore, encoding="utf-8") as file:
        patterns = [line.strip() for line in file if line.strip() and line[0] != "#"]

    def ignored(path, is_folder):
        for pattern in patterns:
            if pattern.endswith("/") and not is_folder:
                continue
            rooted, pattern = pattern.startswith("/"), pattern.strip("/")
            name = path if rooted else path.rsplit("/", 1)[-1]
            if fnmatch.fnmatchcase(name, pattern):
                return True
        return False

    return ignored


class Room:
    """A row of the map: a folder or file, and what its C files may include besides their own folder."""

    def __init__(self, path, allowed):
        self.path = path
        self.anything = "*" in allowed
        self.third_party = [name for name in allowed if name.startswith("<")]
        self.headers = [name[1:-1] for name in self.third_party]
        self.rooms = [name for name in allowed if name[0] not in "<*"]

    def holds(self, path):
        return path == self.path or path.startswith(self.path + "/")

    def may_include_room(self, path):
        return self.anything or any(
            path == room or path.startswith(room + "/") for room in [self.path, *self.rooms]
        )

    def may_include_header(self, header):
        return self.anything or any(
            header == name or (name.endswith("/") and header.startswith(name))
            for name in self.headers
        )


def read_map(readme):
    """The rows of the table under "## Map": | `path` | what it is | may include `a`, `<b.h>` |"""
    rooms = []
    section = re.search(r"^## Map\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    for line in section.group(1).splitlines() if section else []:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        path = re.fullmatch(r"`([^`]+)`", cells[0])
        if line.startswith("|") and path and len(cells) == 3:
            rooms.append(Room(path.group(1).rstrip("/"), re.findall(r"`([^`]+)`", cells[2])))
    return rooms


def room_of(rooms, path):
    """The row with the longest path that contains this file; None: the file has no row."""
    return max((r for r in rooms if r.holds(path)), key=lambda r: len(r.path), default=None)


def spelled(spelling):
    """Where in the tree a name that begins with a room lies; None: it begins with no room."""
    for prefix, folder in SPELLINGS:
        if spelling.startswith(prefix):
            return folder + spelling[len(prefix):]
    return None


def locate(tree, spelling, includer):
    """Where in the tree a name in quotes lies: by its room, else beside the file that includes it."""
    path = spelled(spelling)
    beside = os.path.normpath(os.path.join(os.path.dirname(includer), spelling))
    return beside if not path or (path not in tree and beside in tree) else path
