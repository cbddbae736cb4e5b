#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the appliance blames the content peers that misbehaved, and nobody else.

    compare_verdicts.py PEERS.json

PEERS.json is what `mediawardctl --json show peers SWARM` prints. Admissions are named by the part that mediaward-traffic plays: those of
`tamper-1` and `black-hole-1` must have their verdict, seeders and leechers none. Prints a table; exit status 0 when all is as it should be.
Reads a file only.
"""

import json
import sys

WANTED = {"tamper": "tampering", "black-hole": "black-hole"}


def part_of(admission):
    return admission.rsplit("/", 1)[-1].rsplit("-", 1)[0]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as judged:
        report = json.load(judged)
    peers = report["peers"] if isinstance(report, dict) else report
    right, seen = True, set()
    print(f"{'peer':<28}{'part':<16}verdict")
    for peer in sorted(peers, key=lambda p: p["admission_id"]):
        part = part_of(peer["admission_id"])
        verdicts = [rule["verdict"] for rule in peer.get("verdicts", [])]
        wanted = WANTED.get(part)
        good = not verdicts if wanted is None else wanted in verdicts
        right, seen = right and good, seen | {part}
        print(f"{peer['address']:<28}{part:<16}{', '.join(verdicts) or '-'}" + ("" if good else "   WRONG"))
    for part in sorted(set(WANTED) - seen):
        right = False
        print(f"{'-':<28}{part:<16}never made contact   WRONG")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
