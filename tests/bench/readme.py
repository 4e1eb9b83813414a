#!/usr/bin/env python3
"""readme.py PAGE NAME=FILE…: in the Markdown page PAGE put each file between <!-- NAME --> and <!-- /NAME -->."""

import re
import sys


def replaced(text, name, content):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    new, found = pattern.subn(lambda m: m.group(1) + content + m.group(2), text)
    if found != 1:
        sys.exit(f"readme.py: <!-- {name} --> stands {found} times in the page, not once")
    return new


def main(page, *pairs):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for name, _, path in (pair.partition("=") for pair in pairs):
        with open(path, encoding="utf-8") as file:
            text = replaced(text, name, file.read())
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
