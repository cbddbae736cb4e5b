#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills either program in the middle of a call and looks at what the participants notice.

    run_faults.py --case dataplane|controld --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM --traffic PROGRAM

The far end is the traffic tool behind a vhost-user socket in a temporary folder: every packet that comes back is opened by libsrtp.
Each case ends by itself; processes are ended by their pid, the folder goes. Needs root (EAL), no network.
"""

import contextlib
import sys
import tempfile

from stand import Stand, TestFailure, expect, program_options

FIRST_INDEX = 65536 - 500  # every stream wraps its sequence number early in the run: a lost ROC would silence it
PACKETS = 16000
RATE = 4000


def dataplane_dies(stand):
    """After ROC 1 was reached the data plane is killed. Its successor must go on with every index where it stood: nothing that
    libsrtp refuses, nothing twice, and media flows again."""
    stand.start_traffic("--packets", str(PACKETS), "--rate", str(RATE), "--first-index", str(FIRST_INDEX), "--allow-loss", "--verify", "all")
    stand.start_dataplane()
    stand.start_controld()
    stand.apply()
    stand.begin_media()
    stand.wait_opened(PACKETS // 3)
    stand.dataplane.signal(9)
    stand.dataplane.wait(10)
    stand.start_dataplane()
    stand.wait_opened(500)  # of the new process: its counters begin at 0
    expected, received = stand.finish()
    expect(received >= expected // 2, f"only {received} of {expected} packets arrived: media did not resume")
    expect(received < expected, "nothing was lost: the data plane was not really killed")
    expect(stand.counter("internal.leaked") == 0, "packets leaked")
    print(f"data plane killed: {received} of {expected} packets arrived, all authentic, none twice")


def controld_dies(stand):
    """The daemon is killed and replaced while media flows: no packet may be lost, and the new one takes over without a gap."""
    stand.start_traffic("--packets", str(PACKETS), "--rate", str(RATE), "--first-index", str(FIRST_INDEX), "--verify", "all")
    stand.start_dataplane()
    stand.start_controld()
    stand.apply()
    stand.begin_media()
    stand.wait_opened(PACKETS // 4)
    stand.controld.signal(9)
    stand.controld.wait(10)
    stand.start_controld()
    stand.apply()  # the AS tells its state again, as it must
    expected, received = stand.finish()
    expect(received == expected, f"{expected - received} packets were lost")
    expect(stand.counter("internal.leaked") == 0, "packets leaked")
    print(f"daemon killed: all {received} packets arrived")


CASES = {"dataplane": dataplane_dies, "controld": controld_dies}


def main():
    parser = program_options(__doc__)
    parser.add_argument("--case", choices=CASES, required=True)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-faults."))
        stand = Stand(stack, options, folder)
        CASES[options.case](stand)


if __name__ == "__main__":
    try:
        main()
    except TestFailure as failure:
        sys.exit(f"FAILED: {failure}")
