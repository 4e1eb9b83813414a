"""Rules about modules: a module is x.c and x.h of a folder, or one of them where there is no other.

C is read by a parser that relies on the layout of clang-format: a function begins in the first column.
Tests are left out: they use what they test.
"""

import graphlib
import re

from tree import locate

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*',
    re.DOTALL | re.MULTILINE,
)
ATTRIBUTE = re.compile(r"\b__attribute__\(")
FUNCTION = re.compile(r"^([A-Za-z_][\w \t\n*]*?[\s*])([A-Za-z_]\w*)\(", re.MULTILINE)
# An identifier that is neither the member of a struct nor a tag.
USE = re.compile(r"(?<![\w.])(?<!->)(?<!struct )(?<!union )(?<!enum )([A-Za-z_]\w*)")

# Pairs of modules that are one thing and may use each other.
ONE_THING = set()

# Headers that speak for a whole folder: any module of the folder may define their functions.
INTERFACES = {
    "agent/include/pagecast/": "agent/",
}


def blanked(text):
    """The code alone: comments, literals and preprocessor lines become blanks of the same length."""
    text = NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    for match in reversed(list(ATTRIBUTE.finditer(text))):
        end = closing(text, match.end() - 1) + 1
        text = text[:match.start()] + re.sub(r"[^\n]", " ", text[match.start():end]) + text[end:]
    return text


def closing(text, at):
    """Where the bracket that opens at `at` is closed; the end of the text if it is not."""
    pairs = {"(": ")", "{": "}"}
    opens, closes, depth = text[at], pairs[text[at]], 0
    for i in range(at, len(text)):
        depth += (text[i] == opens) - (text[i] == closes)
        if depth == 0:
            return i
    return len(text) - 1


class Source:
    """What a .c or .h file defines, declares and uses."""

    def __init__(self, path, text):
        self.path = path
        self.module = path[:-2]
        self.includes = INCLUDE.findall(text)
        self.defined = {} # name: line, for other files to call
        self.inner = set() # static or inline functions
        self.declared = {} # name: line
        code = blanked(text)
        uses = list(code)
        for match in FUNCTION.finditer(code):
            words = match.group(1).split()
            after = re.compile(r"\s*([{;])").match(code, closing(code, match.end() - 1) + 1)
            if not after or "typedef" in words:
                continue
            name, line = match.group(2), text.count("\n", 0, match.start(2)) + 1
            if "static" in words or "inline" in words:
                self.inner.add(name)
            elif after.group(1) == "{":
                self.defined[name] = line
            else:
                self.declared[name] = line
            uses[match.start(2):match.end(2)] = " " * len(name)
        self.used = set(USE.findall("".join(uses))) - self.inner - self.defined.keys()


def read_sources(tree):
    return [Source(path, text) for path, text in sorted(tree.sources(".c", ".h").items())
            if not path.startswith("tests/")]


def owners(sources):
    """Function to module, for each function that exactly one module defines."""
    found = {}
    for source in sources:
        for name in source.defined:
            found.setdefault(name, set()).add(source.module)
    return {name: modules.pop() for name, modules in found.items() if len(modules) == 1}


def is_one_thing(a, b):
    """x.h and the private header x_private.h, which builds on it; or a listed pair."""
    return {a, b} in ({f"{x}_private", x} for x in (a, b)) or tuple(sorted((a, b))) in ONE_THING


def edges(tree):
    """{(module, module): how}: which module includes or calls which other."""
    sources = read_sources(tree)
    owner = owners(sources)
    found = {}
    for source in sources:
        for spelling in source.includes:
            target = locate(tree, spelling, source.path)
            if target in tree:
                found.setdefault((source.module, target[:-2]), f"includes {spelling}")
        for name in sorted(source.used & owner.keys()):
            found.setdefault((source.module, owner[name]), f"calls {name}()")
    return {pair: how for pair, how in found.items()
            if pair[0] != pair[1] and not is_one_thing(*pair)}


def check_circles(tree):
    """No module uses, by whatever way, a module that uses it."""
    found = edges(tree)
    while True:
        uses = {}
        for user, used in found:
            uses.setdefault(user, set()).add(used)
        try:
            graphlib.TopologicalSorter(uses).prepare()
            return
        except graphlib.CycleError as error:
            circle = list(zip(error.args[1][1:], error.args[1]))[::-1]
            yield "circle: " + ", ".join(f"{pair[0]} {found[pair]}" for pair in circle)
            for pair in circle:
                del found[pair]


def check_headers(tree):
    """x.h declares what x.c defines; a private header has structs and inline functions alone."""
    sources = read_sources(tree)
    modules = {}
    for source in sources:
        for name in source.defined:
            modules.setdefault(name, set()).add(source.module)
    for source in sources:
        for name, line in source.declared.items() if source.path.endswith(".h") else ():
            where = f"{source.path}:{line}"
            defined = modules.get(name, set())
            folder = next((folder for header, folder in INTERFACES.items()
                           if source.path.startswith(header)), None)
            if source.module.endswith("_private"):
                yield f"{where}: a private header declares {name}()"
            elif not defined:
                yield f"{where}: {name}() is defined nowhere"
            elif folder and not all(module.startswith(folder) for module in defined):
                yield f"{where}: {name}() is defined outside of {folder}: {', '.join(defined)}"
            elif not folder and defined != {source.module}:
                yield f"{where}: {name}() belongs in the header of {', '.join(sorted(defined))}"
