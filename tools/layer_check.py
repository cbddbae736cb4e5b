#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the compiler cannot: who may include whom, and the rules of the house that hold for every file.

The build already gives each directory only its own dependencies; this covers what would compile all the same. Run as the meson
test 'layer'; prints one `file:line: rule` per violation and ends with status 1. Deliberately reads text only: no preprocessor.
"""

import re
import subprocess
import sys
from pathlib import Path

MAX_LINES = 600

# What control offers to tools: its settings, the lists of names and texts, and small owners.
CONTROL_PUBLIC = ["control/proto/", "control/config.h", "control/digest.h", "control/drop_reasons.h", "control/unique_fd.h"]
# Small headers of crypto/ that hold names and values, no cipher: every layer may speak these words.
COMMON_CRYPTO = ["crypto/error.h", "crypto/bytes.h", "crypto/suite.h", "crypto/srtp_index.h"]

# The first folder of this list that holds a file decides what it may include from the tree. A trailing slash names a folder.
MAY_INCLUDE = [
    ("crypto/", ["crypto/"]),
    ("dataplane/abi/", ["dataplane/abi/", *COMMON_CRYPTO]),
    ("dataplane/", ["dataplane/", "crypto/"]),
    ("config/", ["config/", "crypto/error.h"]),
    ("drivers/", ["drivers/", "dataplane/", "crypto/", "config/"]),
    ("control/", ["control/", "dataplane/abi/", "config/", *COMMON_CRYPTO]),
    ("tools/traffic/", ["tools/", "drivers/", "dataplane/", "crypto/", "config/"]),
    ("tools/ppspp/", ["tools/ppspp/", "dataplane/wire/", "crypto/"]),  # judges the service: shares its codec only
    ("tools/replay/", ["tools/", "dataplane/", "crypto/"]),
    ("tools/content/", ["tools/", "crypto/"]),
    ("tools/peer/", ["tools/", "dataplane/wire/", "crypto/"]),
    ("tools/", ["tools/", *CONTROL_PUBLIC, "config/", *COMMON_CRYPTO]),
]
GENERATED = re.compile(r"\.pb\.h$")  # made from control's .proto
SEES_GENERATED = ("control/", "tools/", "tests/", "bench/")

SOCKETS = r"sys/(socket|un)\.h|netinet/|arpa/|netdb\.h|net/"
RPC = r"grpc|google/protobuf|nlohmann/|.*\.pb\.h$"
# System headers that a folder must never know.
MUST_NOT_INCLUDE = {
    "crypto/": [r"rte_", SOCKETS, r"fstream|filesystem", RPC, r"event2/|CLI/|toml\+\+|hwloc"],
    "dataplane/": [r"rte_", RPC, r"CLI/|toml\+\+|hwloc"],
    "config/": [r"rte_", SOCKETS, RPC],
    "drivers/": [RPC],
    "control/": [r"rte_", r"intel-ipsec-mb", r"srtp2/"],
}
# The only places that put the parts together, and so the only ones with a main().
COMPOSITION_ROOTS = {"drivers/": "drivers/main.cc", "control/": "control/main.cc", "crypto/": None, "dataplane/": None, "config/": None}
COMPAT_HEADER = "drivers/dpdk_compat.h"

# Put together from pieces, so that this file passes its own check.
WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "(?i:place" + "holder)"]) + r")\b")
MACHINE_PATHS = re.compile("/" + "(?:work|root|home)/|/tmp/" + "mw")
PMD_NAMES = re.compile(r"\"(?:net_(?:tap|vhost|virtio_user|af_packet|af_xdp|pcap|ring)|eth_)")

CODE = {".cc", ".h", ".def", ".proto", ".c", ".cpp", ".hpp"}
SCRIPTS = {".py", ".sh"}
TEXT = {".md", ".toml", ".build", ".txt", ".yml", ".yaml", ".service", ".json"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def listed_files(root):
    """What git knows or would add; without git, everything outside hidden and build folders."""
    try:
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
                             capture_output=True, check=True).stdout
        names = [n for n in out.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
        names = [n for n in names if not n.startswith((".git/", "build/"))]
    return sorted(n for n in names if (root / n).is_file() and not (root / n).is_symlink())


def first_match(name, table):
    return next((value for folder, value in table if name.startswith(folder)), None)


def check_include(name, bracket, target):
    if bracket == '"' or GENERATED.search(target):
        if GENERATED.search(target):
            return None if name.startswith(SEES_GENERATED) else "only control and tools may see generated protobuf headers"
        allowed = first_match(name, MAY_INCLUDE)
        if allowed is None or target in allowed or any(a.endswith("/") and target.startswith(a) for a in allowed):
            return None
        return f'must not include "{target}"; this folder may see {", ".join(allowed)}'
    for folder, patterns in MUST_NOT_INCLUDE.items():
        if name.startswith(folder) and any(re.match(p, target) for p in patterns):
            return f"{folder} must not know <{target}>"
    return None


def check_line(name, line):
    """Yields the rules that one line of a source file breaks."""
    include = INCLUDE.match(line)
    if include:
        problem = check_include(name, *include.groups())
        if problem:
            yield problem
    if "RTE_VERSION" in line and name != COMPAT_HEADER:
        yield f"RTE_VERSION belongs into {COMPAT_HEADER}"
    if name.startswith("dataplane/") and PMD_NAMES.search(line):
        yield "dataplane/ must not know names of poll-mode drivers"
    if re.match(r"\s*(int|auto)\s+main\s*\(", line):
        for folder, root_file in COMPOSITION_ROOTS.items():
            if name.startswith(folder) and name != root_file:
                yield f"main() belongs into {root_file}" if root_file else f"{folder} is a library and has no main()"


def check_common(line):
    if WORDS.search(line):
        yield "a word that says the work is not done"
    if MACHINE_PATHS.search(line):
        yield "path of a machine"


def is_script(path):
    with path.open("rb") as f:
        return f.read(2) == b"#!"


def check_file(root, name):
    path = root / name
    suffix = path.suffix
    source = suffix in CODE or suffix in SCRIPTS or path.name == "meson.build" or (suffix == "" and is_script(path))
    if not source and suffix not in TEXT:
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        yield 1, "not UTF-8"
        return
    if source and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        yield 1, "no SPDX-License-Identifier line"
    if source and len(lines) > MAX_LINES:
        yield MAX_LINES, f"{len(lines)} lines: a file that long holds two (limit {MAX_LINES})"
    if suffix in (".h", ".hpp") and not any(line.strip() == "#pragma once" for line in lines):
        yield 1, "header without #pragma once"
    for number, line in enumerate(lines, 1):
        for problem in check_common(line):
            yield number, problem
        if suffix in CODE:
            for problem in check_line(name, line):
                yield number, problem


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    names = listed_files(root)
    problems = [(name, number, text) for name in names for number, text in check_file(root, name)]
    for name, number, text in problems:
        print(f"{name}:{number}: {text}")
    print(f"layer check: {len(names)} files, {len(problems)} violations")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    sys.exit(main())
