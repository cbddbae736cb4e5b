#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members of a conference over GStreamer (libsrtp): srtpenc, srtpdec and rtpsession, which makes and judges RTCP. Several in one process.

    gst_peer.py MEMBERS.json REPORT.json

A member (see clients.member_spec) writes what it receives to a file; there is no jitter buffer, so that order and gaps show. On SIGUSR1
those that have something to send begin, in real time. What rtpsession knows of every source is written to the report again and again, for
the first time when signals are awaited. Ends on SIGTERM.
"""

import json
import os
import signal
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gio, GLib, Gst  # noqa: E402

from media import FIRST_SEQUENCE, SAMPLES_PER_PACKET, RATE  # noqa: E402
from suites import BY_NAME  # noqa: E402

PACKET_NS = SAMPLES_PER_PACKET * 1_000_000_000 // RATE
RTCP_INTERVAL_NS = 500_000_000
RTCP_BANDWIDTH = 1_000_000  # of the session: RTCP is not to wait for its share of 64 kbit/s (RFC 3550 §6.2)
REPORT_MS = 100


def buffer_of(text):
    return Gst.Buffer.new_wrapped(bytes.fromhex(text))


def make_socket(address, port):
    inet = Gio.InetAddress.new_from_string(address)
    socket = Gio.Socket.new(inet.get_family(), Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
    socket.bind(Gio.InetSocketAddress.new(inet, port), False)
    return socket


class Member:
    def __init__(self, spec):
        self.spec = spec
        self.pipeline = Gst.parse_launch(self._description())
        self.session = self.pipeline.get_by_name("session")
        self.session.get_property("internal-session").set_property("internal-ssrc", spec["ssrc"])
        self._dump = open(spec["rtcp_file"], "wb", buffering=0)
        rtp = make_socket(spec["address"], spec["port"])
        rtcp = rtp if spec["mux"] else make_socket(spec["address"], spec["port"] + 1)
        self._set_sockets("rtp", rtp)
        self._set_sockets("rtcp", rtcp)
        self._set_up_srtp()
        self._gate = self.pipeline.get_by_name("sound")
        if self._gate:
            self._gate = self._gate.get_static_pad("src")
            self._closed = self._gate.add_probe(Gst.PadProbeType.BLOCK_DOWNSTREAM, lambda *_: Gst.PadProbeReturn.OK)

    def begin(self):
        """Opens the gate; the sound begins now, whatever the time stamps of the file say."""
        if self._gate:
            self._gate.set_offset(self.pipeline.get_clock().get_time() - self.pipeline.get_base_time())
            self._gate.remove_probe(self._closed)

    # Source and sink share a socket, so that answers come from the address that is listened on.
    def _set_sockets(self, what, socket):
        for name in (f"{what}_in", f"{what}_out"):
            element = self.pipeline.get_by_name(name)
            if element is None:
                continue
            v6 = name.endswith("_out") and socket.get_family() == Gio.SocketFamily.IPV6
            element.set_property("socket-v6" if v6 else "socket", socket)
            element.set_property("close-socket", False)

    def _set_up_srtp(self):
        encoder, decoder, suite = self.pipeline.get_by_name("encoder"), self.pipeline.get_by_name("decoder"), BY_NAME[self.spec["seal"]["suite"]]
        encoder.set_property("key", buffer_of(self.spec["seal"]["key"]))
        if self.spec["seal"]["mki"]:
            encoder.set_property("mki", buffer_of(self.spec["seal"]["mki"]))
        for name, value in (("rtp-cipher", suite.gst_cipher), ("rtcp-cipher", suite.gst_cipher), ("rtp-auth", suite.gst_auth),
                            ("rtcp-auth", suite.gst_rtcp_auth)):
            Gst.util_set_object_arg(encoder, name, value)
        decoder.connect("request-key", lambda _, ssrc: self._open_caps(ssrc))
        decoder.get_static_pad("rtcp_src").add_probe(Gst.PadProbeType.BUFFER, self._on_rtcp)

    def _open_caps(self, ssrc):
        suite, key = BY_NAME[self.spec["open"]["suite"]], self.spec["open"]
        text = (f"application/x-srtp,ssrc=(uint){ssrc},srtp-key=(buffer){key['key']},srtp-cipher=(string){suite.gst_cipher},"
                f"srtp-auth=(string){suite.gst_auth},srtcp-cipher=(string){suite.gst_cipher},srtcp-auth=(string){suite.gst_rtcp_auth}")
        return Gst.Caps.from_string(text + (f",mki=(buffer){key['mki']}" if key["mki"] else ""))

    def _on_rtcp(self, _, info):
        packet = info.get_buffer().extract_dup(0, info.get_buffer().get_size())
        self._dump.write(struct.pack(">H", len(packet)) + packet)
        return Gst.PadProbeReturn.OK

    def _description(self):
        spec = self.spec
        target = f"host={spec['remote_address']} async=false"
        parts = [f"rtpsession name=session rtcp-min-interval={RTCP_INTERVAL_NS} bandwidth={RTCP_BANDWIDTH} probation=0 srtpenc name=encoder srtpdec name=decoder",
                 "udpsrc name=rtp_in caps=application/x-srtp,media=(string)audio,clock-rate=(int)8000,encoding-name=(string)PCMU,"
                 "payload=(int)0 ! decoder.rtp_sink",
                 "decoder.rtp_src ! session.recv_rtp_sink decoder.rtcp_src ! session.recv_rtcp_sink",
                 "session.send_rtcp_src ! encoder.rtcp_sink_0 encoder.rtcp_src_0 ! "
                 f"udpsink name=rtcp_out port={spec['remote_rtcp_port']} sync=false {target}"]
        if not spec["mux"]:
            parts.append("udpsrc name=rtcp_in caps=application/x-srtcp ! decoder.rtcp_sink")
        if spec["receive"]:
            parts.append(f"session.recv_rtp_src ! rtppcmudepay ! filesink async=false buffer-mode=unbuffered location={spec['receive']}")
        else:
            parts.append("session.recv_rtp_src ! fakesink async=false")
        if spec["send"]:
            parts += [f"filesrc location={spec['send']} blocksize={SAMPLES_PER_PACKET} ! rawaudioparse name=sound format=mulaw sample-rate={RATE} "
                      f"num-channels=1 ! rtppcmupay pt=0 ssrc={spec['ssrc']} seqnum-offset={FIRST_SEQUENCE} min-ptime={PACKET_NS} "
                      f"max-ptime={PACKET_NS} ! session.send_rtp_sink",
                      f"session.send_rtp_src ! encoder.rtp_sink_0 encoder.rtp_src_0 ! udpsink name=rtp_out port={spec['remote_port']} {target}"]
        return " ".join(parts)

    def report(self):
        """What rtpsession says of every source, by SSRC."""
        out = {}
        stats = self.session.get_property("stats")  # owns what is read below
        sources = stats.get_value("source-stats")
        for source in sources:
            wanted = ("ssrc", "internal", "is-sender", "packets-received", "packets-lost", "have-sr", "sr-packet-count", "have-rb",
                      "rb-fractionlost", "rb-packetslost", "sent-rb")
            out[str(source.get_value("ssrc"))] = {name: source.get_value(name) for name in wanted if source.has_field(name)}
        return out


def on_message(_, message, failed):
    if message.type == Gst.MessageType.ERROR:
        print(*message.parse_error(), flush=True)
        failed()


def main():
    Gst.init(None)
    with open(sys.argv[1], encoding="utf-8") as file:
        members = [Member(spec) for spec in json.load(file)]
    loop, status = GLib.MainLoop(), []

    def write_report():
        temporary = sys.argv[2] + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({m.spec["id"]: m.report() for m in members}, file)
        os.replace(temporary, sys.argv[2])
        return True

    def failed():
        status.append(1)
        loop.quit()

    for member in members:
        bus = member.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", on_message, failed)
        member.pipeline.set_state(Gst.State.PLAYING)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, lambda: [member.begin() for member in members] and False)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    GLib.timeout_add(REPORT_MS, write_report)
    loop.run()
    write_report()
    for member in members:
        member.pipeline.set_state(Gst.State.NULL)
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
