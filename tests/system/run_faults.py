#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills either program in the middle of a call and looks at what the participants notice.

    run_faults.py --case dataplane|controld --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM --traffic PROGRAM

The far end is the traffic tool behind a vhost-user socket in a temporary folder: every packet that comes back is opened by libsrtp.
Each case ends by itself; processes are ended by their pid, the folder goes. Needs root (EAL), no network.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "netns"))
from network import Process, TestFailure, run, wait_until  # noqa: E402

FIRST_INDEX = 65536 - 500  # every stream wraps its sequence number early in the run: a lost ROC would silence it
PACKETS = 16000
RATE = 4000
PARTICIPANTS = 4


class Stand:
    """Traffic tool, data plane and daemon around one conference of four."""

    def __init__(self, stack, programs, folder, pool_packets=0):
        self._programs = programs
        self._stack = stack
        self._folder = Path(folder)
        self._conference = self._folder / "conference.toml"
        run(programs.traffic, "plan", "--out", str(self._conference), "--participants", str(PARTICIPANTS), "--suites", "mixed")
        self._write_configuration(pool_packets)

    def _write_configuration(self, pool_packets):
        (self._folder / "dataplane.toml").write_text(f"""
[control]
socket = "{self._folder}/dataplane.sock"
[memory]
hugepages = "no"
[workers]
count = 1
idle = "yield"
[[port]]
name = "media0"
kind = "virtio-user"
path = "{self._folder}/vhost.sock"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
pool_packets = {pool_packets}
""", encoding="utf-8")

    def start_traffic(self, *options):
        self.traffic = Process("mediaward-traffic", [
            self._programs.traffic, "run", "--conference", self._conference, "--port", f"kind=vhost-user,path={self._folder}/vhost.sock",
            "--hugepages", "no", "--wait", "30", "--first-index", str(FIRST_INDEX), "--json", self._folder / "traffic.json",
            "--ready-file", self._folder / "ready", "--start-file", self._folder / "start", *options], self._folder / "traffic.log")
        self._stack.callback(self.traffic.close)
        wait_until("the traffic tool is ready", (self._folder / "ready").exists, 60, [self.traffic])

    def start_dataplane(self):
        self.dataplane = Process("mediaward-dataplane", [self._programs.dataplane, "--config", self._folder / "dataplane.toml"],
                                 self._folder / "dataplane.log")
        self._stack.callback(self.dataplane.close)

    def start_controld(self):
        self.controld = Process("mediaward-controld", [self._programs.controld, "--dataplane-socket", self._folder / "dataplane.sock",
                                                       "--listen", self._folder / "api.sock"], self._folder / "controld.log")
        self._stack.callback(self.controld.close)

    def ctl(self, *arguments):
        done = run(self._programs.ctl, "--socket", str(self._folder / "api.sock"), "--wait", "20", "--json", *arguments)
        return json.loads(done.stdout or "null")

    def apply(self):
        self.ctl("conference", "apply", str(self._conference), "--state-complete")

    def begin_media(self):
        (self._folder / "start").touch()

    def counter(self, name):
        return sum(int(value) for row in self.ctl("show", "counters")["counters"] if row["name"] == name for value in row["values"])

    def wait_opened(self, packets):
        wait_until(f"{packets} packets opened", lambda: self.counter("srtp.opened") >= packets, 30, [self.traffic, self.controld])

    def finish(self):
        status = self.traffic.wait(60)
        if status != 0:
            raise TestFailure(f"the traffic tool found faults (status {status})\n{self.traffic.output()}\n{self.dataplane.output()}")
        return json.loads((self._folder / "traffic.json").read_text(encoding="utf-8"))


def expect(condition, text):
    if not condition:
        raise TestFailure(text)


def genuine(report):
    return int(report["packets"]["expected"]), int(report["packets"]["received"])


def dataplane_dies(stand):
    """After ROC 1 was reached the data plane is killed. Its successor must go on with every index where it stood: nothing that
    libsrtp refuses, nothing twice, and media flows again."""
    stand.start_traffic("--packets", str(PACKETS), "--rate", str(RATE), "--allow-loss", "--verify", "all")
    stand.start_dataplane()
    stand.start_controld()
    stand.apply()
    stand.begin_media()
    stand.wait_opened(PACKETS // 3)
    stand.dataplane.signal(9)
    stand.dataplane.wait(10)
    stand.start_dataplane()
    stand.wait_opened(500)  # of the new process: its counters begin at 0
    expected, received = genuine(stand.finish())
    expect(received >= expected // 2, f"only {received} of {expected} packets arrived: media did not resume")
    expect(received < expected, "nothing was lost: the data plane was not really killed")
    expect(stand.counter("internal.leaked") == 0, "packets leaked")
    print(f"data plane killed: {received} of {expected} packets arrived, all authentic, none twice")


def controld_dies(stand):
    """The daemon is killed and replaced while media flows: no packet may be lost, and the new one takes over without a gap."""
    stand.start_traffic("--packets", str(PACKETS), "--rate", str(RATE), "--verify", "all")
    stand.start_dataplane()
    stand.start_controld()
    stand.apply()
    stand.begin_media()
    stand.wait_opened(PACKETS // 4)
    stand.controld.signal(9)
    stand.controld.wait(10)
    stand.start_controld()
    stand.apply()  # the AS tells its state again, as it must
    expected, received = genuine(stand.finish())
    expect(received == expected, f"{expected - received} packets were lost")
    expect(stand.counter("internal.leaked") == 0, "packets leaked")
    print(f"daemon killed: all {received} packets arrived")


CASES = {"dataplane": dataplane_dies, "controld": controld_dies}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, required=True)
    for program in ("dataplane", "controld", "ctl", "traffic"):
        parser.add_argument(f"--{program}", required=True)
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
