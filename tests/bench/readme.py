#!/usr/bin/env python3
"""readme.py README.md NAME=FILE…: put each file between <!-- NAME --> and <!-- /NAME -->."""

import re
import sys


def replaced(text, name, content):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    new, found = pattern.subn(lambda m: m.group(1) + content + m.group(2), text)
    if found != 1:
        sys.exit(f"readme.py: {found} places for {name}, wanted 1")
    return new


def main(readme, *pairs):
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    for name, _, path in (pair.partition("=") for pair in pairs):
        with open(path, encoding="utf-8") as file:
            text = replaced(text, name, file.read())
    with open(readme, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
