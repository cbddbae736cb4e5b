#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/counters.md from the two lists the programs are built from, so that the page cannot drift from the code.

    tools/docgen.py            writes the page
    tools/docgen.py --check    status 1 when the page on disk differs (run as a test)

Reads dataplane/abi/drop_reasons.def and dataplane/abi/counters.def as text: rows of MACRO(identifier, "string", …).
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "counters.md"
STRING = r'"(?:[^"\\]|\\.)*"'
ROW = re.compile(r"(MEDIAWARD_\w+)\(\s*(\w+)\s*,\s*((?:" + STRING + r"|[\s,])+)\)")

INTRODUCTION = """<!-- Made by tools/docgen.py from dataplane/abi/drop_reasons.def and dataplane/abi/counters.def: edit those. -->
# Counters and drop reasons

Every packet that enters the appliance ends in exactly one way: it is sent, answered, or dropped for one of the reasons below.
`mediawardctl show drops` prints the reasons that have occurred, `mediawardctl explain NAME` one row of this page. Counters live in a
shared memory region with one block per worker, each written by that worker alone; a reader adds the blocks up. They start at 0 when
the data plane starts and only grow, unless the unit says otherwise.
"""


class Malformed(Exception):
    pass


def without_comments(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def arguments(text):
    """The C strings of a row; adjacent literals are one string, as in C."""
    parts = [[]]
    for token in re.findall(STRING + "|,", text):
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(ast.literal_eval(token))
    return ["".join(p) for p in parts]


def read_rows(path, macro, count):
    """All rows `macro(identifier, count strings)` of a .def file."""
    text = without_comments(path.read_text(encoding="utf-8"))
    rows = [(m.group(2), arguments(m.group(3))) for m in ROW.finditer(text) if m.group(1) == macro]
    begun = len(re.findall(r"^\s*" + macro + r"\(", text, re.MULTILINE))
    if begun != len(rows):
        raise Malformed(f"{path.name}: {begun} rows begin with {macro}, but {len(rows)} could be read: check quotes and commas")
    for identifier, values in rows:
        if len(values) != count:
            raise Malformed(f"{path.name}: {identifier} has {len(values)} strings, {count} are expected")
    names = [values[0] for _, values in rows]
    for name in names:
        if names.count(name) > 1:
            raise Malformed(f"{path.name}: the name {name} occurs twice")
    return [values for _, values in rows]


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| `" + cell(row[0]) + "` | " + " | ".join(cell(c) for c in row[1:]) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def page():
    drops = read_rows(ROOT / "dataplane" / "abi" / "drop_reasons.def", "MEDIAWARD_DROP", 4)
    counters = read_rows(ROOT / "dataplane" / "abi" / "counters.def", "MEDIAWARD_COUNTER", 4)
    parts = [INTRODUCTION, f"## Drop reasons ({len(drops)})\n",
             "Unit: packets. A reason that no packet case and no unit test provokes fails the tests.\n",
             table(["name", "source", "meaning", "what to do"], drops), f"## Counters ({len(counters)})\n",
             table(["name", "unit", "source", "meaning"], counters)]
    return "\n".join(parts)


def main():
    try:
        text = page()
    except (Malformed, OSError) as error:
        print(f"docgen: {error}", file=sys.stderr)
        return 1
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print("docgen: docs/counters.md is not what the lists say; run tools/docgen.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
