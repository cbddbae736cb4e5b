#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the defaults in docs/configuration.md equal to what the programs print.

    config_docs.py [--write] --dataplane PROGRAM --controld PROGRAM [DOCUMENT]

A block that follows a line `<!-- PROGRAM --print-default-config -->` must be that program's output. Without --write a difference
is an error; with it the document is corrected.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"(<!-- (\S+) --print-default-config -->\n```toml\n)(.*?)(```\n)", re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--dataplane", required=True)
    parser.add_argument("--controld", required=True)
    parser.add_argument("document", nargs="?", default=str(Path(__file__).resolve().parent.parent / "docs" / "configuration.md"))
    options = parser.parse_args()
    programs = {"mediaward-dataplane": options.dataplane, "mediaward-controld": options.controld}
    document = Path(options.document)
    before = document.read_text(encoding="utf-8")
    seen = set()

    def fresh(match):
        seen.add(match[2])
        text = subprocess.run([programs[match[2]], "--print-default-config"], capture_output=True, text=True, check=True).stdout
        return match[1] + text + match[4]

    after = BLOCK.sub(fresh, before)
    if seen != set(programs):
        sys.exit(f"{document}: no block for {', '.join(sorted(set(programs) - seen))}")
    if after == before:
        return
    if not options.write:
        sys.exit(f"{document} is not what the programs print: run tools/config_docs.py --write with both programs")
    document.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
