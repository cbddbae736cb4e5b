#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mediaward-replay as an operator runs it: its JSON over two captures against what their README says, exit statuses, and what it says
of input that cannot be used. Usage: replay_program.py PROGRAM CAPTURES. Deliberately no look into the packet path: replay_captures_test.cc
has that.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec"  # of gen(7162), SHA-256
LOSSY_ROOT = "2b9507620b50ac22c4b59d09f96fbc5459947114247d57fcf8d08929cbd425f9"  # of gen(102395)

program, captures = sys.argv[1], Path(sys.argv[2])
failures = 0


def check(what, found, wanted):
    global failures
    if found != wanted:
        failures += 1
        print(f"{what}: {found!r} instead of {wanted!r}")


def swarm(folder, name, key, content_bytes, more=""):
    path = Path(folder) / name
    path.write_text(f'[swarm]\nid = "film"\nhash = "sha256"\nkey = "{key}"\nchunk_bytes = 1024\ncontent_bytes = {content_bytes}\n{more}')
    return str(path)


def run(*arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def verdicts(found, name):
    return [c["chunk"] for c in found["chunks"] if c["verdict"] == name]


def tampered(folder):
    """09: 13 DATA; chunk 4 five times and always refused, chunk 5 twice as collateral; 6 accepted."""
    done = run(captures / "09-sha256-7chunks-tampered-4.pcap.gz", "--swarm", swarm(folder, "tampered.toml", ROOT, 7162), "--json", "--burst", 1)
    check("09: status", done.returncode, 1)
    found = json.loads(done.stdout)
    check("09: accepted", sorted(verdicts(found, "accepted")), [0, 1, 2, 3, 5, 6])
    check("09: bad", verdicts(found, "bad"), [4] * 5)
    check("09: unverifiable", verdicts(found, "unverifiable"), [5] * 2)
    check("09: DATA", len(found["chunks"]), 13)
    check("09: totals", found["totals"], {"accepted": 6, "duplicate": 0, "bad": 5, "unverifiable": 2, "refused": 0})
    check("09: one sender", list(found["peers"].values()), [found["totals"]])
    check("09: drops", found["drops"].get("guard.chunk_bad"), 5)
    check("09: passed", found["passed"], found["frames"] - 5)
    check("09: whole", found["cut_off"], 0)
    for chunk in found["chunks"]:
        check(f"09: chunk {chunk['chunk']} has a node", "node" in chunk, chunk["verdict"] in ("bad", "unverifiable"))
        if "node" in chunk:
            check("09: node above the chunk or beside it", chunk["node"][0] >= 4 and chunk["node"][1] <= 5, True)


def lossy(folder):
    """08: 109 DATA of 100 chunks; all verify in the end, seven came without their hashes."""
    terms = swarm(folder, "lossy.toml", LOSSY_ROOT, 102395)
    capture = captures / "08-sha256-100chunks-10pct-loss.pcap.gz"
    done = run(capture, "--swarm", terms, "--json", "--burst", 1)
    check("08: status", done.returncode, 0)
    found = json.loads(done.stdout)
    check("08: accepted", sorted(verdicts(found, "accepted")), list(range(100)))
    check("08: DATA", len(found["chunks"]), 109)
    check("08: unverifiable", found["totals"]["unverifiable"], 7)
    check("08: bad", found["totals"]["bad"], 0)
    check("08: passed", found["passed"], found["frames"])
    text = run(capture, "--swarm", terms, "--quiet")
    check("08: status of the text", text.returncode, 0)
    check("08: quiet has no accepted chunk", [line for line in text.stdout.splitlines() if line.startswith("frame ") and "accepted" in line], [])
    other = run(capture, "--swarm", swarm(folder, "other.toml", ROOT, 7162), "--json")
    check("08: of another swarm nothing is judged", (other.returncode, json.loads(other.stdout)["chunks"]), (0, []))


def wrong_input(folder):
    good = swarm(folder, "good.toml", ROOT, 7162)
    capture = captures / "05-sha256-7chunks.pcap"
    no_capture = Path(folder) / "text.pcap"
    no_capture.write_text("this is no capture, and long enough for a header of one\n")
    cut = Path(folder) / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-10])
    empty = Path(folder) / "empty.leaves"
    empty.write_bytes(b"")
    short = Path(folder) / "short.leaves"
    short.write_bytes(bytes(32))
    for what, arguments, says in (
            ("no capture", [Path(folder) / "nothing.pcap", "--swarm", good], "nothing.pcap"),
            ("a text", [no_capture, "--swarm", good], "text.pcap"),
            ("a capture cut short", [cut, "--swarm", good], "cut.pcap"),
            ("no swarm file", [capture, "--swarm", Path(folder) / "nothing.toml"], "nothing.toml"),
            ("an unknown key", [capture, "--swarm", swarm(folder, "key.toml", ROOT, 7162, "colour = 1\n")], "colour"),
            ("a root that is no hash", [capture, "--swarm", swarm(folder, "root.toml", "abcd", 7162)], "root.toml"),
            ("leaves without a byte", [capture, "--swarm", good, "--leaves", empty], "empty.leaves"),
            ("leaves of another content", [capture, "--swarm", good, "--leaves", short], "good.toml"),
            ("no swarm at all", [capture], "--swarm"),
            ("a burst of none", [capture, "--swarm", good, "--burst", 0], "--burst")):
        done = run(*arguments)
        check(f"{what}: status", done.returncode, 2)
        check(f"{what}: {done.stderr.strip()!r} names {says}", says in done.stderr, True)
        check(f"{what}: stdout", done.stdout, "")
    check("good input after all", run(capture, "--swarm", good).returncode, 0)
    check("--help", run("--help").returncode, 0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        tampered(folder)
        lossy(folder)
        wrong_input(folder)
    return 1 if failures else 0


sys.exit(main())
