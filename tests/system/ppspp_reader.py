#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of PPSPP (RFC 7574 §8) from capture files, as the oracle for the codec's and the dissector's tests.

Shares nothing with either: the swarm's sizes are told, not learned from HANDSHAKEs, and one DATA takes the rest of its datagram, as the
peers of tests/captures send it. Reads classic little-endian pcap of Ethernet, IPv4 and UDP, plain or gzip, and ranges of 32-bit chunks.
Deliberately no tolerance: whatever does not decode raises. Run alone it prints a table of message counts.

  tests/system/ppspp_reader.py [CAPTURE…]
"""

import collections
import gzip
import struct
import sys
from pathlib import Path

NAMES = ["HANDSHAKE", "DATA", "ACK", "HAVE", "INTEGRITY", "PEX_RESv4", "PEX_REQ", "SIGNED_INTEGRITY", "REQUEST", "CANCEL", "CHOKE",
         "UNCHOKE", "PEX_RESv6", "PEX_REScert"]
FIXED_OPTION_BYTES = {0: 1, 1: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 4, 9: 4}

Message = collections.namedtuple("Message", "name first last number body")
Datagram = collections.namedtuple("Datagram", "frame source destination channel messages")


class Swarm:
    """The sizes that delimit messages, by the name of a capture (see tests/captures/README.md)."""

    def __init__(self, name):
        live = "live" in name
        self.hash_bytes = 32 if "sha256" in name else 20
        self.signature_bytes = 64 if live else 0


def frames(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as f:
        data = f.read()
    magic, _version, _zone, _accuracy, _snap, link = struct.unpack_from("<IIIIII", data)
    if magic != 0xA1B2C3D4 or link != 1:
        raise ValueError(f"{path}: not a little-endian Ethernet capture")
    at = 24
    while at < len(data):
        _, _, kept, original = struct.unpack_from("<IIII", data, at)
        if kept != original:
            raise ValueError(f"{path}: a frame was cut")
        yield data[at + 16:at + 16 + kept]
        at += 16 + kept


def udp(frame):
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        raise ValueError("not UDP over IPv4")
    at = 14 + (frame[14] & 15) * 4
    source, destination, length = struct.unpack_from(">HHH", frame, at)
    return source, destination, frame[at + 8:at + length]


def option_bytes(payload, at):
    """End of the option list that begins at `at`."""
    while payload[at] != 255:
        code = payload[at]
        if code == 2:
            at += 3 + struct.unpack_from(">H", payload, at + 1)[0]
        elif code == 8:
            at += 2 + payload[at + 1]
        else:
            at += 1 + FIXED_OPTION_BYTES[code]
    return at + 1


def message(payload, at, swarm):
    """One message at `at`: the message and where the next begins."""
    name = NAMES[payload[at]]
    first = last = number = None
    at += 1
    if name == "HANDSHAKE":
        number = struct.unpack_from(">I", payload, at)[0]
        end = option_bytes(payload, at + 4)
        return Message(name, None, None, number, payload[at + 4:end]), end
    if name in ("PEX_REQ", "CHOKE", "UNCHOKE"):
        return Message(name, None, None, None, b""), at
    if name.startswith("PEX_RES"):
        raise ValueError(f"{name} is in none of the captures")
    first, last = struct.unpack_from(">II", payload, at)
    at += 8
    if name in ("DATA", "ACK", "SIGNED_INTEGRITY"):
        number = struct.unpack_from(">Q", payload, at)[0]
        at += 8
    body = {"DATA": len(payload) - at, "INTEGRITY": swarm.hash_bytes, "SIGNED_INTEGRITY": swarm.signature_bytes}.get(name, 0)
    if at + body > len(payload):
        raise ValueError(f"{name} reaches beyond its datagram")
    return Message(name, first, last, number, payload[at:at + body]), at + body


def datagrams(path):
    swarm = Swarm(path.name)
    for number, frame in enumerate(frames(path), 1):
        source, destination, payload = udp(frame)
        messages, at = [], 4
        while at < len(payload):
            one, at = message(payload, at, swarm)
            messages.append(one)
        yield Datagram(number, source, destination, struct.unpack_from(">I", payload)[0], messages)


def counts(path):
    total = collections.Counter()
    for datagram in datagrams(path):
        total["datagrams"] += 1
        total["keep-alive"] += not datagram.messages
        for one in datagram.messages:
            total[one.name] += 1
            total["close"] += one.name == "HANDSHAKE" and one.number == 0
            total["chunk bytes"] += len(one.body) if one.name == "DATA" else 0
    return total


def captures(folder):
    return sorted(p for p in folder.iterdir() if p.name.endswith((".pcap", ".pcap.gz")))


def main():
    paths = [Path(a) for a in sys.argv[1:]] or captures(Path(__file__).resolve().parent.parent / "captures")
    columns = ["datagrams", "keep-alive", *NAMES, "close", "chunk bytes"]
    for path in paths:
        found = counts(path)
        print(path.name, *(f"{c}={found[c]}" for c in columns if found[c]))


if __name__ == "__main__":
    main()
