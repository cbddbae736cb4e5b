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
    """One participant of a conference file. `receive` is what the participant seals with, `send` what it opens with (clients.Key), if that is
    a key of its own."""
    id: str
    local: str
    remote: str
    receive: object
    send: object
    ssrcs: tuple = ()
    direction: str = "both"
    rtcp_mux: bool = False
    rtcp: str = "forward"

    def toml(self):
        lines = ["[[participant]]", f'id = "{self.id}"', f'port = "{PORT_NAME}"', f'local = "{self.local}"', f'remote = "{self.remote}"',
                 f"ssrc = [{', '.join(str(s) for s in self.ssrcs)}]", f'direction = "{self.direction}"',
                 f"rtcp_mux = {str(self.rtcp_mux).lower()}", f'rtcp = "{self.rtcp}"']
        for direction, key in (("receive", self.receive), ("send", self.send)):
            if key is None:
                continue
            lines += [f'{direction}_suite = "{key.suite.name}"', f'{direction}_key = "{base64.b64encode(key.key).decode()}"']
            if key.mki:
                lines.append(f'{direction}_mki = "{key.mki.hex()}"')
        return "\n".join(lines + [""])


class Appliance:
    def __init__(self, stack, folder, network, programs, kind, link, addresses, queues=1, ppspp_port=0):
        self._programs = programs
        self._folder = Path(folder)
        self._api = self._folder / "api.sock"
        # The data plane's socket is a path: network namespaces do not separate those, so the daemon needs no namespace.
        self._write_configuration(kind, link, addresses, queues, ppspp_port)
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

    def _write_configuration(self, kind, link, addresses, queues, ppspp_port):
        listed = ", ".join(f'"{a}"' for a in addresses)
        (self._folder / "dataplane.toml").write_text(f"""
[control]
socket = "{self._folder}/dataplane.sock"
[memory]
hugepages = "no"
[workers]
count = {queues}
[[port]]
name = "{PORT_NAME}"
kind = "{kind}"
interface = "{link}"
queues = {queues}
addresses = [{listed}]
ppspp_port = {ppspp_port}
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

    def apply(self, conference_id, participants, mode="per-participant", group_key=None):
        path = self._folder / f"{conference_id}.toml"
        path.touch(mode=0o600)
        head = [f'id = "{conference_id}"', f'mode = "{mode}"']
        if mode == "group":
            mki = f', mki = "{group_key.mki.hex()}"' if group_key.mki else ""
            head += [f'group_suite = "{group_key.suite.name}"', f'group_keys = [{{ key = "{base64.b64encode(group_key.key).decode()}"{mki} }}]']
        path.write_text("\n".join(head) + "\n\n" + "\n".join(p.toml() for p in participants), encoding="utf-8")
        self.ctl("conference", "apply", str(path))

    def diagnostics(self):
        """For a failed test: what the appliance counted, and what its programs said."""
        texts = []
        for what in ("drops", "ports", "conferences", "swarms", "peers", "workers", "memory"):
            done = subprocess.run([self._programs.ctl, "--socket", str(self._api), "show", what], capture_output=True, text=True, check=False)
            texts.append(f"-- show {what}:\n{done.stdout}{done.stderr}")
        return "\n".join(texts + [self.dataplane.output(), self.controld.output()])
