# SPDX-License-Identifier: Apache-2.0
"""Swarms that content peers on kernel sockets form around the appliance, as data, and the peers as processes in their namespaces.

Every size of content with every loss, a tampering seeder beside an honest one, and a live stream; IPv4 and IPv6 meet in the same swarm. A swarm
more is a row in SWARMS. run_content.py plays all of them at once.
"""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from appliance import PORT_NAME
from network import Process, TestFailure, run

PPSPP_PORT = 6778
CHUNK_BYTES = 1024
# Contents of one byte, and of 1, 7 and 1000 chunks, of which the last one is short where there is more than one.
SIZES = {"byte": 1, "chunk": CHUNK_BYTES, "seven": 7 * CHUNK_BYTES - 6, "thousand": 1000 * CHUNK_BYTES - 17}
LOSSES = (0, 0.01, 0.1)  # of each direction of a peer, by the peer itself: kernels without netem can do it as well
LIVE_CHUNKS = 512
LIVE_RATE = 250          # chunks per second
MUNRO_LEVEL = 4
DEAD_AFTER_S = 5
PATIENCE_S = 0.1         # round trips are below a millisecond here


@dataclass(frozen=True)
class Family:
    appliance: str
    provider: str  # address of the namespace of seeders and injectors
    receiver: str
    prefix: int

    def endpoint(self, address, port):
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


IPV4 = Family("192.0.2.1", "192.0.2.11", "192.0.2.12", 24)
IPV6 = Family("2001:db8::1", "2001:db8::11", "2001:db8::12", 64)


@dataclass(frozen=True)
class Member:
    part: str                 # seed, leech, inject, follow: what mediaward-ppspp-peer plays
    family: Family
    loss: float = 0
    contacted: bool = False   # the appliance speaks first
    attack: str = ""

    @property
    def provides(self):
        return self.part in ("seed", "inject")

    @property
    def address(self):
        return self.family.provider if self.provides else self.family.receiver


@dataclass(frozen=True)
class Swarm:
    id: str
    content_bytes: int
    members: tuple
    live: bool = False


def sizes_and_losses():
    """Families and who speaks first take turns, so that each size meets both."""
    for i, (size, content_bytes) in enumerate(SIZES.items()):
        for j, loss in enumerate(LOSSES):
            first, second = (IPV4, IPV6) if (i + j) % 2 == 0 else (IPV6, IPV4)
            members = (Member("seed", first, loss, contacted=j % 2 == 0), Member("leech", second if i % 2 == 0 else first, loss))
            yield Swarm(f"{size}-{int(loss * 100)}", content_bytes, members)


SWARMS = (
    *sizes_and_losses(),
    Swarm("tampered", SIZES["thousand"], (Member("seed", IPV4, attack="tamper"), Member("seed", IPV6), Member("leech", IPV4),
                                          Member("leech", IPV6, 0.01))),
    Swarm("stream", LIVE_CHUNKS * CHUNK_BYTES, (Member("inject", IPV4), Member("follow", IPV4), Member("follow", IPV6, 0.01)), live=True),
)


@dataclass
class Peer:
    """A member with what it needs: its own UDP port, files, and its process once it runs."""
    name: str
    member: Member
    port: int
    file: Path
    report_file: Path
    process: Process = field(default=None)

    @property
    def endpoint(self):
        return self.member.family.endpoint(self.member.address, self.port)

    def admission(self):
        lines = ["[[admission]]", f'id = "{self.name}"', f'port = "{PORT_NAME}"', f'peers = "{self.member.address}"', f"udp_port = {self.port}",
                 f"{'provide' if self.member.provides else 'receive'} = true"]
        if self.member.contacted:
            lines += ["connect = true", f'local_address = "{self.member.family.appliance}"']
        return "\n".join(lines)

    def report(self):
        return json.loads(self.report_file.read_text(encoding="utf-8"))


class Distribution:
    """One swarm: its content, its file and its peers."""

    def __init__(self, swarm, folder, programs, peer_program, first_port):
        self.swarm = swarm
        self._folder = Path(folder)
        self._program = peer_program
        self._ctl = programs.ctl
        self._content = self._folder / f"{swarm.id}.content"
        self._content.write_bytes(random.Random(swarm.id).randbytes(swarm.content_bytes))
        self._key = self._folder / f"{swarm.id}.pem"
        self.peers = [self._peer(i, member, first_port + i) for i, member in enumerate(swarm.members)]
        self.file = self._folder / f"{swarm.id}.toml"
        self.file.write_text("\n\n".join([self._terms(), *(p.admission() for p in self.peers)]) + "\n", encoding="utf-8")

    def _peer(self, number, member, port):
        name = f"{member.attack or member.part}-{number}"
        file = self._content if member.provides else self._folder / f"{self.swarm.id}-{name}.received"
        return Peer(name, member, port, file, self._folder / f"{self.swarm.id}-{name}.json")

    def _terms(self):
        if not self.swarm.live:
            return run(self._ctl, "swarm", "hash", str(self._content), "--chunk-bytes", str(CHUNK_BYTES), "--toml", "--id", self.swarm.id).stdout.strip()
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(self._key))
        key = run(self._program, "key", str(self._key)).stdout.strip()
        return "\n".join(["[swarm]", f'id = "{self.swarm.id}"', 'kind = "live"', f'key = "{key}"', f"chunk_bytes = {CHUNK_BYTES}",
                          "[swarm.live]", f"munro_level = {MUNRO_LEVEL}"])

    def start(self, stack, namespaces, peer, seconds):
        member = peer.member
        command = [self._program, member.part, peer.file, "--swarm", self.file, "--listen", peer.endpoint, "--seed", peer.port,
                   "--loss", member.loss, "--dead-after", DEAD_AFTER_S, "--patience", PATIENCE_S, "--seconds", seconds, "--json", peer.report_file]
        if not member.contacted:
            command += ["--connect", member.family.endpoint(member.family.appliance, PPSPP_PORT)]
        if member.attack:
            command += ["--attack", member.attack, "--attack-every", 10]
        if member.part == "inject":
            command += ["--key", self._key, "--rate", LIVE_RATE]
        if member.part == "follow":
            command += ["--until", LIVE_CHUNKS - 1]
        peer.process = Process(f"{self.swarm.id} {peer.name}", command, peer.report_file.with_suffix(".log"),
                               namespaces[0 if member.provides else 1])
        stack.callback(peer.process.close)

    def receivers(self):
        return [p for p in self.peers if not p.member.provides]

    def stop_providers(self):
        for peer in self.peers:
            if peer.member.provides:
                peer.process.close()

    def check(self):
        """Every peer is content, and what was received is what was sent."""
        sent = self._content.read_bytes()
        for peer in self.peers:
            if peer.process.status() != 0:
                raise TestFailure(f"{peer.process.name} ended with status {peer.process.status()}\n{peer.process.output()}")
            report = peer.report()
            if bool(peer.member.loss) != bool(report["datagrams_lost"]) and report["datagrams_sent"] > 200:
                raise TestFailure(f"{peer.process.name} lost {report['datagrams_lost']} datagrams, asked for {peer.member.loss:.0%}")
            if not peer.member.provides:
                first = report["first_chunk"] * CHUNK_BYTES
                if peer.file.read_bytes() != sent[first:]:
                    raise TestFailure(f"{peer.process.name}: what arrived differs from what was sent from byte {first} on")
                if first > len(sent) // 4:
                    raise TestFailure(f"{peer.process.name} joined as late as chunk {report['first_chunk']}")
        return {p.name: p.report() for p in self.peers}
