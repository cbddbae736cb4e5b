#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members of a conference over libre's SRTP (an implementation that shares no code with libsrtp or ffmpeg), called by ctypes. RTP and
RTCP are made and read here, by RFC 3550. Several members in one process.

    libre_peer.py MEMBERS.json REPORT.json

Same members and same behaviour as gst_peer.py: writes what it receives, unsorted, and sends a µ-law file in real time from SIGUSR1 on. The
report holds, by member and SSRC, how many packets came and what report blocks others sent about it. Ends on SIGTERM.
"""

import ctypes
import ctypes.util
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

from media import FIRST_SEQUENCE, SAMPLES_PER_PACKET, RATE
from suites import BY_NAME

PACKET_S = SAMPLES_PER_PACKET / RATE
RTCP_S = 0.5
SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION = 200, 201, 202


class Mbuf(ctypes.Structure):
    _fields_ = [("buf", ctypes.POINTER(ctypes.c_uint8)), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t), ("end", ctypes.c_size_t)]


class Libre:
    def __init__(self):
        self._lib = ctypes.CDLL(ctypes.util.find_library("re") or "libre.so")
        self._lib.mbuf_alloc.restype = ctypes.POINTER(Mbuf)
        self._lib.mem_deref.argtypes = [ctypes.c_void_p]
        self._lib.mem_deref.restype = ctypes.c_void_p
        self._lib.srtp_alloc.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        for name in ("srtp_encrypt", "srtp_decrypt", "srtcp_encrypt", "srtcp_decrypt"):
            getattr(self._lib, name).argtypes = [ctypes.c_void_p, ctypes.POINTER(Mbuf)]

    def context(self, suite, key):
        handle = ctypes.c_void_p()
        error = self._lib.srtp_alloc(ctypes.byref(handle), BY_NAME[suite].libre, key, len(key), 0)
        if error:
            raise OSError(error, f"srtp_alloc({suite})")
        return handle

    def transform(self, function, context, packet):
        """The packet after one of libre's four functions, or None when it refuses it."""
        buffer = self._lib.mbuf_alloc(len(packet) + 64)
        ctypes.memmove(buffer.contents.buf, packet, len(packet))
        buffer.contents.end = len(packet)
        error = getattr(self._lib, function)(context, buffer)
        out = None if error else ctypes.string_at(buffer.contents.buf, buffer.contents.end)
        self._lib.mem_deref(buffer)
        return out


def compound(ssrc, sender, blocks):
    """SR or RR, then the SDES that RFC 3550 §6.1 asks for. sender: (RTP timestamp, packets, octets) or None."""
    body = struct.pack(">I", ssrc)
    if sender:
        now = time.time() + 2208988800
        body += struct.pack(">IIIII", int(now), int(now % 1 * 2**32), *sender)
    for source, highest, lost in blocks:
        body += struct.pack(">IIIIII", source, lost & 0xFFFFFF, highest, 0, 0, 0)
    first = struct.pack(">BBH", 0x80 | len(blocks), SENDER_REPORT if sender else RECEIVER_REPORT, len(body) // 4) + body
    chunk = struct.pack(">IBB", ssrc, 1, 9) + b"mediaward"  # CNAME
    chunk += bytes(4 - len(chunk) % 4)
    return first + struct.pack(">BBH", 0x81, SOURCE_DESCRIPTION, len(chunk) // 4) + chunk


def is_rtcp(packet):
    return 192 <= packet[1] <= 223  # RFC 5761 §4


class Source:
    """What came from one SSRC: sequence numbers extended by their wraps (RFC 3550 §A.1)."""

    def __init__(self, sequence):
        self.first = self.highest = sequence
        self.packets = 0

    def add(self, sequence):
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < 0x8000:
            self.highest += ahead
        self.packets += 1

    def lost(self):
        return self.highest - self.first + 1 - self.packets


class Member:
    def __init__(self, libre, spec):
        self.spec = spec
        self._libre = libre
        self._seal = libre.context(spec["seal"]["suite"], bytes.fromhex(spec["seal"]["key"]))
        self._openers = {}
        family = socket.AF_INET6 if ":" in spec["address"] else socket.AF_INET
        ports = [spec["port"]] if spec["mux"] else [spec["port"], spec["port"] + 1]
        self.sockets = [self._bind(family, port) for port in ports]
        self._payload = open(spec["send"], "rb").read() if spec["send"] else b""
        self._file = open(spec["receive"], "wb", buffering=0) if spec["receive"] else None
        self._rtcp_file = open(spec["rtcp_file"], "wb", buffering=0)
        self._sent = 0
        self._sources, self._heard, self.refused = {}, {}, 0
        self._begin = None
        self._next_rtcp = time.monotonic() + RTCP_S

    def _bind(self, family, port):
        out = socket.socket(family, socket.SOCK_DGRAM)
        out.setblocking(False)
        out.bind((self.spec["address"], port))
        return out

    def _open(self, function, packet, ssrc):
        """A context for every source: libre's knows eight of them at most, and a conference may have more that speak RTCP."""
        if ssrc not in self._openers:
            self._openers[ssrc] = self._libre.context(self.spec["open"]["suite"], bytes.fromhex(self.spec["open"]["key"]))
        return self._libre.transform(function, self._openers[ssrc], packet)

    def receive(self, sock):
        packet = sock.recv(2048)
        if len(packet) < 12 or not is_rtcp(packet):
            self._on_rtp(packet)
        else:
            self._on_rtcp(packet)

    def _on_rtp(self, packet):
        clear = self._open("srtp_decrypt", packet, packet[8:12]) if len(packet) >= 12 else None
        if clear is None:
            self.refused += 1
            return
        sequence, ssrc = struct.unpack_from(">2xH4xI", clear)
        self._sources.setdefault(ssrc, Source(sequence)).add(sequence)
        if self._file:
            self._file.write(clear[12 + 4 * (clear[0] & 15):])

    def _on_rtcp(self, packet):
        clear = self._open("srtcp_decrypt", packet, packet[4:8])
        if clear is None:
            self.refused += 1
            return
        self._rtcp_file.write(struct.pack(">H", len(clear)) + clear)
        at = {SENDER_REPORT: 28, RECEIVER_REPORT: 8}.get(clear[1])
        for i in range(clear[0] & 31 if at else 0):
            about, fraction = struct.unpack_from(">IB", clear, at + 24 * i)
            if about == self.spec["ssrc"]:
                self._heard[struct.unpack_from(">I", clear, 4)[0]] = fraction

    def _send(self, function, packet, sock, port):
        sealed = self._libre.transform(function, self._seal, packet)
        if sealed is None:
            raise OSError(f"{function} failed")
        sock.sendto(sealed, (self.spec["remote_address"], port))

    def begin(self):
        self._begin = time.monotonic()

    def tick(self, now):
        while self._begin and self._sent * PACKET_S <= now - self._begin and self._sent * SAMPLES_PER_PACKET < len(self._payload):
            start = self._sent * SAMPLES_PER_PACKET
            header = struct.pack(">BBHII", 0x80, 0, (FIRST_SEQUENCE + self._sent) & 0xFFFF, start, self.spec["ssrc"])
            self._send("srtp_encrypt", header + self._payload[start:start + SAMPLES_PER_PACKET], self.sockets[0], self.spec["remote_port"])
            self._sent += 1
        if self.spec["rtcp"] and now >= self._next_rtcp:
            self._next_rtcp = now + RTCP_S
            samples = self._sent * SAMPLES_PER_PACKET
            blocks = [(ssrc, s.highest, s.lost()) for ssrc, s in self._sources.items()]
            report = compound(self.spec["ssrc"], (samples, self._sent, samples) if self._sent else None, blocks)
            self._send("srtcp_encrypt", report, self.sockets[-1], self.spec["remote_rtcp_port"])

    def report(self):
        out = {str(ssrc): {"packets-received": s.packets, "packets-lost": s.lost()} for ssrc, s in self._sources.items()}
        for ssrc, fraction in self._heard.items():
            out.setdefault(str(ssrc), {}).update({"have-rb": True, "rb-fractionlost": fraction})
        return out | {"refused": self.refused}


def main():
    libre = Libre()
    with open(sys.argv[1], encoding="utf-8") as file:
        members = [Member(libre, spec) for spec in json.load(file)]
    selector, ended, next_report = selectors.DefaultSelector(), [], 0
    signal.signal(signal.SIGUSR1, lambda *_: [member.begin() for member in members])
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    for member in members:
        for sock in member.sockets:
            selector.register(sock, selectors.EVENT_READ, member)
    while True:
        for key, _ in selector.select(0.005):
            key.data.receive(key.fileobj)
        now = time.monotonic()
        for member in members:
            member.tick(now)
        if now >= next_report or ended:
            next_report = now + 0.1
            with open(sys.argv[2] + ".new", "w", encoding="utf-8") as file:
                json.dump({m.spec["id"]: m.report() for m in members}, file)
            os.replace(sys.argv[2] + ".new", sys.argv[2])
        if ended:
            return 0


if __name__ == "__main__":
    sys.exit(main())
