#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every drop reason must be provoked by a test: named in the counters of a packet case, or, where no wire input can provoke it
(full rings, a device that is down), named by a unit test. Reads files only; whether those tests pass is their own affair.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r'^MEDIAWARD_DROP\(\s*(\w+)\s*,\s*"([^"]+)"', re.MULTILINE)


def provoked_by_packets():
    """Names with a count in tests/packet/*/counters."""
    names = set()
    for path in (ROOT / "tests" / "packet").glob("*/counters"):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, count = line.partition(" ")
            if count.strip().isdigit() and int(count) > 0:
                names.add(name)
    return names


def main():
    reasons = ROW.findall((ROOT / "dataplane" / "abi" / "drop_reasons.def").read_text(encoding="utf-8"))
    packets = provoked_by_packets()
    units = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests" / "unit" / "dataplane").rglob("*.cc"))
    missing = [name for identifier, name in reasons
               if name not in packets and not re.search(rf"\bDropReason::{identifier}\b", units)]
    for name in missing:
        print(f"{name}: no packet case counts it and no unit test of dataplane names it")
    print(f"{len(reasons)} drop reasons, {len(missing)} without a test")
    return 1 if missing or not reasons else 0


if __name__ == "__main__":
    sys.exit(main())
