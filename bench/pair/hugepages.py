# SPDX-License-Identifier: Apache-2.0
"""Hugepages for the time of a benchmark: reserved through the kernel's counter, the old value put back afterwards.

No hugetlbfs mount is needed: EAL runs with --in-memory on both sides. Never takes pages that others have reserved.
"""

import contextlib
from pathlib import Path

from bench.support.processes import BenchError

COUNTER = Path("/proc/sys/vm/nr_hugepages")
PAIR_PAGES = 512
PAGE_KB = 2048


def meminfo(key):
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


@contextlib.contextmanager
def reserved(pages=PAIR_PAGES):
    """Yields with so many free pages of 2 MB; raises BenchError with the reason when they cannot be had."""
    if meminfo("Hugepagesize") != PAGE_KB:
        raise BenchError(f"hugepages of this machine have {meminfo('Hugepagesize')} kB, not {PAGE_KB}")
    try:
        before = int(COUNTER.read_text(encoding="ascii"))
        missing = pages - meminfo("HugePages_Free")
        if missing > 0:
            COUNTER.write_text(str(before + missing), encoding="ascii")
    except OSError as error:
        raise BenchError(f"hugepages cannot be reserved: {error}") from None
    try:
        free = meminfo("HugePages_Free")
        if free < pages:
            raise BenchError(f"only {free} of {pages} hugepages of 2 MB could be reserved: memory is in use or fragmented")
        yield
    finally:
        COUNTER.write_text(str(before), encoding="ascii")
