# SPDX-License-Identifier: Apache-2.0
"""Media clients of three independent SRTP implementations behind one shape: GStreamer (libsrtp), libre and ffmpeg (its own).

A Client is one member of a conference: it sends the reference sound, or receives it, or both, and speaks RTCP. GStreamer and libre
clients run several to a process (gst_peer.py, libre_peer.py), ffmpeg one each.
"""

import base64
import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import media
from network import Process, TestFailure, wait_until
from suites import Suite

HERE = Path(__file__).parent


@dataclass
class Key:
    suite: Suite
    key: bytes
    mki: bytes = b""

    def spec(self):
        return {"suite": self.suite.name, "key": self.key.hex(), "mki": self.mki.hex()}


@dataclass
class Client:
    id: str
    stack: str              # "gstreamer", "libre", "ffmpeg"
    address: str            # its own
    port: int
    remote_address: str     # where it sends: the appliance's leg, or a peer
    remote_port: int
    ssrc: int               # of what it sends, RTCP included
    seal: Key
    open: Key
    sends: bool = False
    receives: bool = False
    mux: bool = False       # RTCP shares the RTP port (RFC 5761)
    process: Process = field(default=None, init=False)
    group: "object" = field(default=None, init=False)

    @property
    def rtcp_understood(self):
        """Whether it decrypts RTCP and shows what it found."""
        return self.stack == "gstreamer" or (self.stack == "libre" and self.open.suite.libre_rtcp)

    @property
    def rtcp_sent(self):
        return self.stack != "libre" or self.seal.suite.libre_rtcp

    def file(self, folder, kind):
        return Path(folder) / f"{self.id}.{kind}"


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def member_spec(client, folder, reference):
    """What gst_peer.py and libre_peer.py read of a client."""
    return {"id": client.id, "address": client.address, "port": client.port, "mux": client.mux,
            "remote_address": client.remote_address, "remote_port": client.remote_port,
            "remote_rtcp_port": client.remote_port + (0 if client.mux else 1), "ssrc": client.ssrc, "rtcp": client.rtcp_sent,
            "seal": client.seal.spec(), "open": client.open.spec(), "send": str(reference.encoded) if client.sends else None,
            "receive": str(client.file(folder, "ul")) if client.receives else None, "rtcp_file": str(client.file(folder, "rtcp"))}


class PeerGroup:
    """The clients of one stack and namespace in one process."""

    PROGRAMS = {"gstreamer": "gst_peer.py", "libre": "libre_peer.py"}

    def __init__(self, stack, folder, namespace, name, clients, reference):
        self._report = Path(folder) / f"{name}.report"
        members = Path(folder) / f"{name}.members"
        members.write_text(json.dumps([member_spec(c, folder, reference) for c in clients]), encoding="utf-8")
        # The plugin registry goes into the test's folder: a run as root must not write to a home directory.
        environment = {"GST_REGISTRY": str(Path(folder) / "gst-registry.bin"), "GST_REGISTRY_FORK": "no", "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = Process(name, [sys.executable, HERE / self.PROGRAMS[clients[0].stack], members, self._report],
                               Path(folder) / f"{name}.log", namespace, environment)
        stack.callback(self.process.close)
        for client in clients:
            client.process, client.group = self.process, self

    def ready(self):
        return self._report.exists()

    def report(self):
        return json.loads(self._report.read_text(encoding="utf-8")) if self._report.exists() else {}


def start_ffmpeg_sender(client, stack, folder, namespace):
    """It makes the reference sound itself, and begins at once."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", media.SWEEP, "-c:a", "pcm_mulaw", "-ac", "1",
               "-ssrc", str(client.ssrc), "-seq", str(media.FIRST_SEQUENCE), "-payload_type", "0", "-f", "rtp",
               "-srtp_out_suite", client.seal.suite.ffmpeg, "-srtp_out_params", base64.b64encode(client.seal.key).decode(),
               f"srtp://{bracketed(client.remote_address)}:{client.remote_port}?localport={client.port}"]
    client.process = Process(client.id, command, client.file(folder, "log"), namespace)
    stack.callback(client.process.close)


def start_ffmpeg_receiver(client, stack, folder, namespace):
    family = "IP6" if ":" in client.address else "IP4"
    description = client.file(folder, "sdp")
    description.write_text("\n".join([
        "v=0", f"o=- 0 0 IN {family} {client.remote_address}", "s=-", f"c=IN {family} {client.address}", "t=0 0",
        f"m=audio {client.port} RTP/SAVP 0", f"a=crypto:1 {client.open.suite.ffmpeg} inline:{base64.b64encode(client.open.key).decode()}", ""]),
        encoding="utf-8")
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-protocol_whitelist", "file,udp,rtp,srtp", "-reorder_queue_size", "0",
               "-i", description, "-c", "copy", "-flush_packets", "1", "-f", "mulaw", client.file(folder, "ul")]
    client.process = Process(client.id, command, client.file(folder, "log"), namespace)
    stack.callback(client.process.close)


def start_clients(stack, folder, namespace, name, clients, reference):
    """Starts those that listen, and waits until all of them do. Nobody sends yet."""
    for kind in PeerGroup.PROGRAMS:
        members = [c for c in clients if c.stack == kind]
        if members:
            PeerGroup(stack, folder, namespace, f"{name}-{kind}", members, reference)
    for client in (c for c in clients if c.stack == "ffmpeg" and c.receives):
        start_ffmpeg_receiver(client, stack, folder, namespace)
    for client in (c for c in clients if c.receives or c.group):
        wait_until(f"{client.id} listens on {client.port}", lambda c=client: c.process.listens_udp(c.port), 30, [client.process])
    for group in {c.group for c in clients if c.group}:
        wait_until(f"{group.process.name} awaits signals", group.ready, 30, [group.process])


def start_sound(stack, folder, namespaces, clients):
    """Everybody who has something to send begins. namespaces: by client id, for ffmpeg."""
    for client in (c for c in clients if c.stack == "ffmpeg" and c.sends):
        start_ffmpeg_sender(client, stack, folder, namespaces[client.id])
    for group in {c.group for c in clients if c.group and c.sends}:
        group.process.signal(signal.SIGUSR1)


def received_samples(client, folder):
    file = client.file(folder, "ul")
    return file.stat().st_size if file.exists() else 0


def wait_for_sound(clients, folder, seconds):
    """Waits for as many samples as were sent. Whether they are right is said by check_sound()."""
    def missing():
        return [c for c in clients if received_samples(c, folder) < media.SAMPLES]

    try:
        for client in clients:
            wait_until(f"{client.id} has all {media.SAMPLES} samples", lambda c=client: c not in missing(), seconds, [client.process])
    except TestFailure as failure:
        few = ", ".join(f"{c.id}: {received_samples(c, folder)}" for c in missing())
        raise TestFailure(f"{failure}\nsamples: {few}\nreports: {reports(missing())}") from None


def reports(clients):
    return {c.id: c.group.report().get(c.id) for c in clients if c.group}


def check_sound(clients, folder, reference):
    problems = []
    for client in clients:
        difference = reference.difference(client.file(folder, "ul"))
        if difference:
            problems.append(f"{client.id} ({client.stack}, {client.open.suite.name}): {difference}\n{client.process.output()}")
    if problems:
        raise TestFailure("\n".join(problems))


def wait_for_sender_report(client, folder, sender, seconds):
    """Until the client has decrypted a sender report of `sender`."""
    def seen():
        return any(p[1] == 200 and int.from_bytes(p[4:8], "big") == sender.ssrc for p in media.read_records(client.file(folder, "rtcp")))

    wait_until(f"{client.id} has a sender report of {sender.id}", seen, seconds, [client.process])


def wait_for_reception_report(sender, receiver, seconds):
    """Until the sender knows from the receiver's own RTCP that nothing of its sound was lost."""
    def seen():
        source = sender.group.report().get(sender.id, {}).get(str(receiver.ssrc), {})
        return source.get("have-rb") and source.get("rb-fractionlost") == 0

    wait_until(f"{sender.id} hears from {receiver.id} that nothing was lost", seen, seconds, [sender.process])


def check_rtcp(pairs, folder, name, seconds=30):
    """pairs: (sender, receiver). Sender reports arrive at everybody who can read them and are what tshark takes for RTCP; reception reports
    arrive at the senders. Returns how many pairs had sender reports."""
    readable = [(s, r) for s, r in pairs if s.rtcp_sent and r.rtcp_understood]
    for sender, receiver in readable:
        wait_for_sender_report(receiver, folder, sender, seconds)
    for sender, receiver in pairs:
        if sender.rtcp_understood and receiver.rtcp_sent and receiver.stack != "ffmpeg":
            wait_for_reception_report(sender, receiver, seconds)
    # All packets in one capture: tshark takes longer to start than to read.
    packets = {r.id: media.read_records(r.file(folder, "rtcp")) for _, r in readable}
    rows = iter(media.dissect_rtcp(Path(folder) / f"{name}.pcap", [p for listed in packets.values() for p in listed]))
    rows = {receiver: [next(rows) for _ in listed] for receiver, listed in packets.items()}
    for sender, receiver in readable:
        media.check_sender_reports(rows[receiver.id], sender.ssrc)
    return len(readable)
