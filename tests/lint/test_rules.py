#!/usr/bin/env python3
"""Proof that each rule can fail: a tree with one fault, and the finding that it must give."""

import os
import sys
import tempfile
import unittest

import lint
import rules
from tree import Tree

MAP = """# Example

## Map
| folder | what it is | may include |
|---|---|---|
| `proto` | schema | |
| `agent` | this page | |
| `agent/include` | what the API may call | `proto` |
| `agent/base` | the lowest | `agent/include` |
| `agent/core` | jobs | `agent/base`, `agent/include`, `proto`, `<sqlite3.h>` |
| `api` | HTTP | `agent/include`, `proto`, `<microhttpd.h>`, `<json-c/>` |

## Other
| `client` | not a row of the map | `*` |
"""


CMAKE = """# rooms, lowest first
add_library(pagecast_public INTERFACE)
target_link_libraries(pagecast_public INTERFACE pagecast_proto)
pagecast_room(pagecast_base base base pagecast_public)
pagecast_room(pagecast_core core core pagecast_base PkgConfig::SQLITE)
"""
CMAKE_API = """pagecast_room(pagecast_api . api pagecast_public PkgConfig::MICROHTTPD
  PkgConfig::JSON_C $<LINK_ONLY:pagecast_base>)
"""


def tree_with(**files):
    """A small tree without a fault, and the given files: slashes are written as __, dots as _o_."""
    tree = Tree({
        "README.md": "# Example\n",
        "agent/README.md": MAP,
        "agent/CMakeLists.txt": CMAKE,
        "api/CMakeLists.txt": CMAKE_API,
        "proto/CMakeLists.txt": "add_library(pagecast_proto STATIC ${outputs})\n",
        "proto/pagecast/v1/a.proto": 'syntax = "proto3";\n',
        "agent/include/pagecast/agent.h": "/* agent: the API's side. */\n#pragma once\n",
        "agent/base/base.c": "/* base: lowest. */\n#include <stdio.h>\n#include <linux/if.h>\n",
        "agent/core/core.c": '/* core: jobs. */\n#include "base/base.h"\n#include <sqlite3.h>\n',
        "api/api.c": '/* api: HTTP. */\n#include "pagecast/agent.h"\n#include <json-c/json.h>\n',
    })
    tree.update({k.replace("__", "/").replace("_o_", "."): v for k, v in files.items()})
    return tree


class Rules(unittest.TestCase):
    def finds(self, rule, part, **files):
        findings = list(rules.RULES[rule](tree_with(**files)))
        self.assertEqual(len(findings), 1, findings)
        self.assertIn(part, findings[0])

    def test_a_tree_without_fault_has_no_finding(self):
        for name, rule in rules.RULES.items():
            self.assertEqual(list(rule(tree_with())), [], name)

    def test_an_upper_room_is_not_included_from_below(self):
        self.finds("includes", "agent/base/x.c:2: agent/base may not include core/core.h",
                   agent__base__x_o_c='/* x. */\n#include "core/core.h"\n')

    def test_inner_folders_are_not_seen_from_the_api(self):
        self.finds("includes", "may not include base/base.h",
                   api__x_o_c='/* x. */\n#include "base/base.h"\n')
        self.finds("includes", "climbs out",
                   api__x_o_c='/* x. */\n#include "../agent/base/base.h"\n')

    def test_a_third_party_header_in_the_wrong_room(self):
        self.finds("includes", "agent/core may not include <microhttpd.h>",
                   agent__core__x_o_c="/* x. */\n#include <microhttpd.h>\n")
        self.finds("includes", "api may not include <sqlite3.h>",
                   api__x_o_c="/* x. */\n# include <sqlite3.h>\n")
        self.finds("includes", "agent/base may not include <json-c/json.h>",
                   agent__base__x_o_h="/* x. */\n#pragma once\n#include <json-c/json.h>\n")

    def test_generated_code_stays_out_of_rooms_without_it(self):
        self.finds("includes", "agent/base may not include pagecast/v1/job.pb-c.h",
                   agent__base__x_o_c='/* x. */\n#include "pagecast/v1/job.pb-c.h"\n')

    def test_a_map_that_is_gone_is_a_finding(self):
        tree = tree_with()
        tree["agent/README.md"] = "# Example\n"
        self.assertIn("no table of rooms", list(rules.check_includes(tree))[0])

    def test_files_without_a_room(self):
        self.finds("places", "notes.txt: does not belong at the root", notes_o_txt="x\n")
        self.finds("places", "src/ does not belong", src__a_o_c="/* a. */\n")
        self.finds("places", "belongs to no row of the map", tests__attic__a_o_c="/* a. */\n")

    def test_a_room_without_files(self):
        tree = tree_with()
        del tree["api/api.c"], tree["api/CMakeLists.txt"]
        self.assertEqual(list(rules.check_places(tree)),
                         ["agent/README.md: the map names api, which has no files"])

    def test_promises_and_machine_paths(self):
        self.finds("words", 'api/x.c:2: "TO' 'DO"', api__x_o_c="/* x. */\n/* TO" "DO: y */\n")
        self.finds("words", "for n" "ow", agent__base__x_o_c="/* empty for n" "ow */\n")
        self.finds("words", "/ho" "me/m", api__x_o_sh="cd /ho" "me/me\n")

    def test_sources_open_with_prose_and_stay_narrow(self):
        self.finds("sources", "does not start with a comment", api__x_o_c="#include <stdio.h>\n")
        self.finds("sources", "no #pragma once", api__x_o_h="/* x. */\n")
        self.finds("sources", "wider than 100", api__x_o_c="/* x. */\n" + "\t" * 12 + "abcde\n")
        self.finds("sources", "means two concerns", api__x_o_c="/* x. */\n" + "\n" * 600)

    def test_ends_of_lines(self):
        self.finds("text", "api/x.c:2: spaces", api__x_o_c="/* x. */\nint a; \n")
        self.finds("text", "carriage return", api__x_o_c="/* x. */\r\n")
        self.finds("text", "no newline", api__x_o_c="/* x. */")

    def test_modules_that_call_each_other(self):
        self.finds("circles", "circle: agent/base/x calls y_go(), agent/base/y calls x_go()",
                   agent__base__x_o_c="/* x. */\nint x_go(void)\n{\n\treturn y_go();\n}\n",
                   agent__base__y_o_c="/* y. */\nvoid y_go(void)\n{\n\tx_go();\n}\n")

    def test_a_circle_of_an_include_and_a_table_of_functions(self):
        self.finds("circles", "agent/base/x calls y_go(), agent/base/y calls z_go(), agent/base/z includes base/x.h",
                   agent__base__x_o_h="/* x. */\n#pragma once\n",
                   agent__base__x_o_c="/* x. */\nint (*const GO)(void) = y_go;\n",
                   agent__base__y_o_c="/* y. */\nint y_go(void)\n{\n\treturn z_go();\n}\n",
                   agent__base__z_o_c='/* z. */\n#include "base/x.h"\nint z_go(void)\n{\n\treturn 0;\n}\n')

    def test_what_is_no_circle(self):
        own = "static int go(void)\n{\n\treturn 0;\n}\n"
        tree = tree_with(
            # a comment, a text, a member and a tag are not calls
            agent__base__x_o_c='/* x: y_go(). */\nint x_go(struct y_go *y)\n{\n\treturn y->y_go("y_go()");\n}\n',
            agent__base__y_o_c="/* y. */\nint y_go(void)\n{\n\treturn x_go(0);\n}\n" + own,
            # a function that two define is nobody's, a static one its file's
            agent__base__z_o_c="/* z. */\nint twice(void)\n{\n\treturn go();\n}\n" + own,
            api__z_o_c="/* z. */\nint twice(void)\n{\n\treturn 0;\n}\nint go(void)\n{\n\treturn twice();\n}\n",
            # a private header builds on the public one
            agent__base__x_o_h="/* x. */\n#pragma once\nint x_go(struct y_go *y);\n",
            agent__base__x_private_o_h='/* x. */\n#pragma once\n#include "base/x.h"\n')
        tree["agent/base/x.c"] += '#include "base/x_private.h"\n'
        self.assertEqual(list(rules.RULES["circles"](tree)), [])

    def test_a_header_declares_what_is_elsewhere(self):
        x = "/* x. */\n#pragma once\nint\nx_go(void (*call)(int),\n     int b);\n"
        self.finds("headers", "agent/base/x.h:4: x_go() belongs in the header of agent/base/y",
                   agent__base__x_o_h=x, agent__base__y_o_c="/* y. */\nint x_go(void)\n{\n}\n")
        self.finds("headers", "agent/base/x.h:4: x_go() is defined nowhere", agent__base__x_o_h=x,
                   agent__base__x_o_c="/* x. */\nstatic int x_go(void)\n{\n}\n")
        self.finds("headers", "x_private.h:3: a private header declares x_go()",
                   agent__base__x_private_o_h="/* x. */\n#pragma once\nint x_go(void) __attribute__((pure));\n",
                   agent__base__x_o_c="/* x. */\nint x_go(void)\n{\n}\n")
        self.finds("headers", "agent_go() is defined outside of agent/: api/api",
                   agent__include__pagecast__agent_o_h="/* a. */\n#pragma once\nint agent_go(void);\n",
                   api__api_o_c="/* api. */\nint agent_go(void)\n{\n}\n")

    def test_headers_that_declare_their_own(self):
        tree = tree_with(
            agent__base__x_o_h="/* x. */\n#pragma once\nint x_go(void);\ntypedef int x_each(int a);\n",
            agent__base__x_o_c="/* x. */\nint x_go(void)\n{\n}\n",
            agent__base__x_private_o_h="/* x. */\n#pragma once\nstatic inline int x_is(void)\n{\n\treturn 1;\n}\n",
            agent__include__pagecast__agent_o_h="/* a. */\n#pragma once\nint agent_go(void);\n",
            agent__core__go_o_c="/* go. */\nint agent_go(void)\n{\n}\n")
        self.assertEqual(list(rules.RULES["headers"](tree)), [])

    def test_a_map_that_says_other_than_cmake(self):
        def map_of(row, other):
            self.assertIn(row, MAP)
            return MAP.replace(row, other)
        core = "`agent/base`, `agent/include`, `proto`, `<sqlite3.h>`"
        self.finds("map", "agent/core links agent/base, but its row does not name it",
                   agent__README_o_md=map_of(core, "`agent/include`, `proto`, `<sqlite3.h>`"))
        self.finds("map", "the row of agent/base names api, which pagecast_base does not link",
                   agent__README_o_md=map_of("the lowest | `agent/include`", "the lowest | `agent/include`, `api`"))
        self.finds("map", "agent/core links the library of <sqlite3.h>, but",
                   agent__README_o_md=map_of(", `<sqlite3.h>`", ""))
        self.finds("map", "the row of agent/core names <zlib.h>, whose library pagecast_core does not",
                   agent__README_o_md=map_of("`<sqlite3.h>`", "`<sqlite3.h>`, `<zlib.h>`"))
        self.finds("map", "CMake builds agent/attic as pagecast_attic, which has no row",
                   agent__CMakeLists_o_txt=CMAKE + "pagecast_room(pagecast_attic attic attic)\n")
        self.finds("map", "api/api.c: no pagecast_room() of CMake builds api", api__CMakeLists_o_txt="")
        self.finds("map", "agent/base: links XYZ: say in tests/lint/rooms.py",
                   agent__CMakeLists_o_txt=CMAKE.replace("base base pagecast_public",
                                                         "base base pagecast_public PkgConfig::XYZ"))


class Tools(unittest.TestCase):
    """Each tool, where it is here, on a folder with one bad file of its kind."""

    def finds(self, check, path, text, **more):
        with tempfile.TemporaryDirectory() as root:
            for name, content in {path: text, ".gitignore": "/build*/\n", **more}.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(content)
            try:
                findings = lint.TOOLS[check](Tree.load(root), root)
            except lint.Skip as reason:
                self.skipTest(str(reason))
            self.assertNotEqual(findings, [], check)

    def test_format(self):
        self.finds("format", "a.c", "int  main( ) {return 0;}\n", **{".clang-format": "{}\n"})

    def test_scripts(self):
        self.finds("scripts", "a.sh", "#!/bin/sh\nif true; then\n")
        self.finds("scripts", "a.py", "def f(:\n")

    def test_shellcheck(self):
        self.finds("shellcheck", "a.sh", '#!/bin/sh\ncd "$1"\nrm -r $2/*\n')

    def test_proto(self):
        self.finds("proto", "proto/a.proto", 'syntax = "proto3";\nmessage A { B b = 1; }\n')

    def test_unit(self):
        self.finds("unit", "agent/pagecastd.service.in", "[Service]\nExecStart=/bin/true\n")


class Walk(unittest.TestCase):
    def test_ignored_files_are_left_out(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("a.c", "b.o", "build-x/c.c", "agent/build/d.c", ".git/e.c",
                         ".ci/run", ".editor/f.c"):
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write("/* x. */\n")
            with open(os.path.join(root, ".gitignore"), "w", encoding="utf-8") as file:
                file.write("/build*/\n*.o\n")
            self.assertEqual(sorted(Tree.load(root)), [".ci/run", ".gitignore", "a.c", "agent/build/d.c"])


if __name__ == "__main__":
    sys.exit(unittest.main())
