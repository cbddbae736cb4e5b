# SPDX-License-Identifier: Apache-2.0
"""The appliance as a test sees it: both programs, their configuration, the operator's tool. No media here.

Everything lives in the test's temporary folder and in the core namespace of its network; nothing is installed.
"""

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from network import Process, TestFailure, run, wait_until

PORT_NAME = "media0"


@dataclass
class Programs:
    dataplane: str
    controld: str
    ctl: str


@dataclass
class Participant:
    """One participant of a conference file. `receive_key` is what the participant seals with."""
    id: str
    local: str
    remote: str
    receive_suite: str
    receive_key: bytes
    send_suite: str
    send_key: bytes
    ssrcs: tuple = ()
    direction: str = "both"

    def toml(self):
        return "\n".join([
            "[[participant]]", f'id = "{self.id}"', f'port = "{PORT_NAME}"', f'local = "{self.local}"', f'remote = "{self.remote}"',
            f'receive_suite = "{self.receive_suite}"', f'send_suite = "{self.send_suite}"',
            f'receive_key = "{base64.b64encode(self.receive_key).decode()}"',
            f'send_key = "{base64.b64encode(self.send_key).decode()}"',
            f"ssrc = [{', '.join(str(s) for s in self.ssrcs)}]", f'direction = "{self.direction}"', ""])


class Appliance:
    def __init__(self, stack, folder, network, programs, kind, link, addresses):
        self._programs = programs
        self._folder = Path(folder)
        self._api = self._folder / "api.sock"
        # The data plane's socket is a path: network namespaces do not separate those, so the daemon needs no namespace.
        self._write_configuration(kind, link, addresses)
        self.dataplane = Process("mediaward-dataplane", [programs.dataplane, "--config", self._folder / "dataplane.toml"],
                                 self._folder / "dataplane.log", network.core)
        stack.callback(self.dataplane.close)
        if kind == "tap":  # made by the data plane
            wait_until(f"the appliance makes {link}", lambda: network.core.has_link(link), 20, [self.dataplane])
            network.plug(link)
        wait_until("the data plane listens", (self._folder / "dataplane.sock").exists, 20, [self.dataplane])
        self.controld = Process("mediaward-controld", [programs.controld, "--config", self._folder / "controld.toml"],
                                self._folder / "controld.log")
        stack.callback(self.controld.close)
        wait_until("the appliance is ready", self._connected, 20, [self.dataplane, self.controld])

    def _write_configuration(self, kind, link, addresses):
        listed = ", ".join(f'"{a}"' for a in addresses)
        (self._folder / "dataplane.toml").write_text(f"""
[control]
socket = "{self._folder}/dataplane.sock"
[memory]
hugepages = "no"
[workers]
count = 1
[[port]]
name = "{PORT_NAME}"
kind = "{kind}"
interface = "{link}"
addresses = [{listed}]
""", encoding="utf-8")
        (self._folder / "controld.toml").write_text(f"""
[api]
listen = "{self._api}"
[dataplane]
socket = "{self._folder}/dataplane.sock"
""", encoding="utf-8")

    def ctl(self, *arguments):
        """Runs mediawardctl with JSON output and returns what it printed."""
        done = run(self._programs.ctl, "--socket", str(self._api), "--json", *arguments)
        try:
            return json.loads(done.stdout or "null")
        except ValueError:
            raise TestFailure(f"mediawardctl {' '.join(arguments)}: not JSON:\n{done.stdout}") from None

    def _connected(self):
        done = subprocess.run([self._programs.ctl, "--socket", str(self._api), "show", "ports"], capture_output=True, check=False)
        return done.returncode == 0

    def apply(self, conference_id, participants):
        path = self._folder / f"{conference_id}.toml"
        path.touch(mode=0o600)
        path.write_text(f'id = "{conference_id}"\n\n' + "\n".join(p.toml() for p in participants), encoding="utf-8")
        self.ctl("conference", "apply", str(path))

    def diagnostics(self):
        """For a failed test: what the appliance counted, and what its programs said."""
        texts = []
        for what in ("drops", "ports", "conferences", "workers"):
            done = subprocess.run([self._programs.ctl, "--socket", str(self._api), "show", what], capture_output=True, text=True, check=False)
            texts.append(f"-- show {what}:\n{done.stdout}{done.stderr}")
        return "\n".join(texts + [self.dataplane.output(), self.controld.output()])
