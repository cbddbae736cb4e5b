# SPDX-License-Identifier: Apache-2.0
"""What the programs of this suite have in common: the command line, a folder that goes away, and an end that cleans up whatever ends it."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile

from network import TestFailure


def run(description, scenario, only, programs):
    """scenario(stack, folder, options) raises TestFailure. only: (option, names) to pick some cases by. Returns the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kind", required=True, choices=["af_packet", "af_xdp", "tap"])
    parser.add_argument("--queues", type=int, default=1, help="queue pairs of the port, and workers")
    option, names = only
    parser.add_argument(option, action="append", choices=names, help="only these")
    for program in programs:
        parser.add_argument(f"--{program}", required=True, type=os.path.abspath)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("network namespaces need root")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a time-out of the test runner must clean up, too
    try:
        with contextlib.ExitStack() as stack:
            scenario(stack, stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-netns-")), options)
    except TestFailure as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0
