#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Minutes of media in one conference while others come, get new keys, are muted and go all the time.

    run_soak.py [--seconds N] --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM --traffic PROGRAM

Not one packet of the conference that stays may be lost or wrong. At the end every leg, stream and slot of the others must have been given back,
and neither program may have grown since the first quarter of the time. Ends by itself; processes are ended by their pid, the folder goes.
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

from stand import Stand, TestFailure, expect, program_options, wait_until

RATE = 2000
MODES = ("per-participant", "group", "relay")
OTHERS_PARTICIPANTS = 24
GROWTH_KB = 4096  # of resident memory: what allocators keep differs from look to look


def live_once(stand, mode):
    """The life of another conference. Its keys are new each time: one that has sealed is never taken again."""
    first, second = (str(stand.plan(name, "--id", "other", "--mode", mode, "--participants", str(OTHERS_PARTICIPANTS), "--suites", "encrypting",
                                    "--family", "mixed", "--rtcp", "mixed", "--mki", "4", "--keys", "2", "--local-port-first", "30000",
                                    "--remote-address", "192.0.2.100", "--remote-address6", "2001:db8::100")) for name in ("first", "second"))
    stand.ctl("conference", "apply", first)
    stand.ctl("rekey", second)
    stand.ctl("mute", "other", "p1")
    stand.ctl("topology", "other", "p2", "p3", "isolate")
    stand.ctl("conference", "remove", "other")


def resident_kb(process):
    for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise TestFailure(f"{process.name} says nothing of its memory")


def open_files(process):
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def in_use(stand):
    """Of everything that conferences take; packet pools breathe with the traffic."""
    return {row["name"]: int(row.get("in_use", 0)) for row in stand.ctl("show", "memory")["areas"] if not row["name"].startswith("pool.")}


class Look:
    """What must not grow. What was removed is given back when no job refers to it any more: `kept` is waited for."""

    def __init__(self, stand, kept=None):
        self.memory = {p.name: resident_kb(p) for p in (stand.dataplane, stand.controld)}
        self.files = {p.name: open_files(p) for p in (stand.dataplane, stand.controld)}
        if kept is not None:
            wait_until("everything given back", lambda: in_use(stand) == kept, 20, [stand.dataplane, stand.controld])


def soak(stand, seconds):
    stand.start_traffic("--seconds", str(seconds), "--rate", str(RATE), "--rtcp-every", "50", "--verify", "all")
    stand.start_dataplane()
    stand.start_controld()
    stand.apply()
    kept = in_use(stand)
    begun = time.monotonic()
    stand.begin_media()
    stand.wait_opened(1)
    early, lives = None, 0
    while time.monotonic() - begun < seconds - 2:
        live_once(stand, MODES[lives % len(MODES)])
        lives += 1
        if early is None and time.monotonic() - begun > seconds / 4:
            early = Look(stand)
    late = Look(stand, kept)
    expected, received = stand.finish()
    expect(received == expected, f"{expected - received} packets were lost")
    expect(stand.counter("internal.leaked") == 0, "packets leaked")
    expect(early is not None, "no look was taken: too few rounds")
    expect(late.files == early.files, f"open files: {early.files}, at the end {late.files}")
    for name, kb in late.memory.items():
        expect(kb <= early.memory[name] + GROWTH_KB, f"{name} grew from {early.memory[name]} kB to {kb} kB")
    print(f"{seconds} s, {lives} conferences of {OTHERS_PARTICIPANTS} came and went: all {received} packets arrived; "
          f"memory {early.memory} kB, at the end {late.memory} kB")


def main():
    parser = program_options(__doc__)
    parser.add_argument("--seconds", type=int, default=240)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-soak."))
        soak(Stand(stack, options, folder), options.seconds)


if __name__ == "__main__":
    try:
        main()
    except TestFailure as failure:
        sys.exit(f"FAILED: {failure}")
