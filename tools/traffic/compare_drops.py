#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what mediaward-traffic sent to be dropped with the drop counters of the appliance, reason by reason.

    compare_drops.py TRAFFIC.json DROPS.json [PREFIX]

Every reason must be equal, and reasons that nobody provoked must be 0, except for those of hosts that share a segment (ARP,
neighbour discovery and ICMP that concern nobody), for what introductions may have caused on top, and for reasons that begin with PREFIX,
which are another run's. Prints a table; exit status 0 when all is equal. Reads files only.
"""

import json
import sys

HARMLESS = ("arp.ignored", "ndp.ignored", "icmp.ignored")


def read_drops(report):
    rows = report["drops"] if isinstance(report, dict) else report
    return {row["reason"]: int(row["packets"]) for row in rows if int(row["packets"]) != 0}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as traffic, open(sys.argv[2], encoding="utf-8") as drops:
        report = json.load(traffic)
        expected, tolerated = report["expected_drops"], report["tolerated_drops"]
        counted = read_drops(json.load(drops))
    if len(sys.argv) == 4:
        counted = {reason: n for reason, n in counted.items() if not reason.startswith(sys.argv[3])}
    equal = True
    print(f"{'drop reason':<24}{'sent':>10}{'dropped':>10}")
    for reason in sorted(set(expected) | set(counted)):
        sent, dropped = expected.get(reason, 0), counted.get(reason, 0)
        good = sent <= dropped <= sent + tolerated.get(reason, 0) or (sent == 0 and reason in HARMLESS)
        equal = equal and good
        print(f"{reason:<24}{sent:>10}{dropped:>10}" + ("" if good else "   DIFFERENT"))
    print("drop counters equal what was sent" if equal else "drop counters DIFFER from what was sent")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
