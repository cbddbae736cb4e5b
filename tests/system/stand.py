# SPDX-License-Identifier: Apache-2.0
"""Both programs and the traffic tool around a conference or a content, over a vhost-user socket in a temporary folder.

The far end is the traffic tool: every packet that comes back is opened by libsrtp, every chunk is hashed by libcrypto. Processes are ended by
their pid. Needs root (EAL), no network.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "netns"))
from network import Process, TestFailure, run, wait_until  # noqa: E402

PARTICIPANTS = 4


class BareStand:
    """Both programs over one socket; whose far end it is, subclasses say. programs: what program_options adds to a command line."""

    def __init__(self, stack, programs, folder, more_configuration="", more_of_port=""):
        self._programs = programs
        self._stack = stack
        self.folder = Path(folder)
        (self.folder / "dataplane.toml").write_text(f"""
[control]
socket = "{self.folder}/dataplane.sock"
[memory]
hugepages = "no"
[workers]
count = 1
idle = "yield"
{more_configuration}
[[port]]
name = "media0"
kind = "virtio-user"
path = "{self.folder}/vhost.sock"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
{more_of_port}
""", encoding="utf-8")

    def start_far_end(self, *options):
        self.traffic = Process("mediaward-traffic", [
            self._programs.traffic, "run", "--port", f"kind=vhost-user,path={self.folder}/vhost.sock",
            "--hugepages", "no", "--wait", "30", "--json", self.folder / "traffic.json",
            "--ready-file", self.folder / "ready", "--start-file", self.folder / "start", *options], self.folder / "traffic.log")
        self._stack.callback(self.traffic.close)
        wait_until("the traffic tool is ready", (self.folder / "ready").exists, 60, [self.traffic])

    def start_dataplane(self):
        self.dataplane = Process("mediaward-dataplane", [self._programs.dataplane, "--config", self.folder / "dataplane.toml"],
                                 self.folder / "dataplane.log")
        self._stack.callback(self.dataplane.close)

    def start_controld(self):
        self.controld = Process("mediaward-controld", [self._programs.controld, "--dataplane-socket", self.folder / "dataplane.sock",
                                                       "--listen", self.folder / "api.sock"], self.folder / "controld.log")
        self._stack.callback(self.controld.close)

    def ctl(self, *arguments):
        done = run(self._programs.ctl, "--socket", str(self.folder / "api.sock"), "--wait", "20", "--json", *arguments)
        return json.loads(done.stdout or "null")

    def begin(self):
        (self.folder / "start").touch()

    def counter(self, name):
        return sum(int(value) for row in self.ctl("show", "counters")["counters"] if row["name"] == name for value in row["values"])

    def report(self, seconds):
        """The traffic tool's, once it has ended and found nothing wrong."""
        status = self.traffic.wait(seconds)
        if status != 0:
            raise TestFailure(f"the traffic tool found faults (status {status})\n{self.traffic.output()}\n{self.dataplane.output()}")
        return json.loads((self.folder / "traffic.json").read_text(encoding="utf-8"))


class Stand(BareStand):
    """The far end holds a conference of four."""

    def __init__(self, stack, programs, folder):
        super().__init__(stack, programs, folder)
        self._conference = self.plan("conference", "--participants", str(PARTICIPANTS), "--suites", "mixed")

    def plan(self, name, *options):
        """A conference file with random keys."""
        path = self.folder / f"{name}.toml"
        run(self._programs.traffic, "plan", "--out", str(path), *options)
        return path

    def start_traffic(self, *options):
        self.start_far_end("--conference", self._conference, *options)

    def apply(self):
        """What the AS wants is this conference, and nothing else."""
        self.ctl("conference", "apply", str(self._conference), "--state-complete")

    def begin_media(self):
        self.begin()

    def wait_opened(self, packets):
        wait_until(f"{packets} packets opened", lambda: self.counter("srtp.opened") >= packets, 30, [self.traffic, self.controld])

    def finish(self):
        """Packets that were expected by their receivers, and those that arrived."""
        packets = self.report(60)["packets"]
        return int(packets["expected"]), int(packets["received"])


def program_options(description):
    parser = argparse.ArgumentParser(description=description)
    for program in ("dataplane", "controld", "ctl", "traffic"):
        parser.add_argument(f"--{program}", required=True)
    return parser


def expect(condition, text):
    if not condition:
        raise TestFailure(text)
