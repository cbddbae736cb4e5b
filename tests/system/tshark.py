# SPDX-License-Identifier: Apache-2.0
"""Runs tshark with our PPSPP dissector over a capture and hands back fields, and writes captures for it.

tshark gets a configuration folder of its own, so that nobody's profile changes what a test sees. Whatever it says on stderr beyond its
remark on running as root is a failure: that is where errors of a Lua script go.
"""

import os
import shutil
import struct
import subprocess

BOOLEANS = {"True": "1", "False": "0"}  # as tshark 4.2 and later print them
REMARKS = ("Running as user",)


class TestFailure(Exception):
    pass


def expect(good, text):
    if not good:
        raise TestFailure(text)


class Tshark:
    def __init__(self, script, folder):
        self.program = shutil.which("tshark")
        expect(self.program, "tshark is not installed (tools/install-deps test)")
        self.script = script
        self.environment = dict(os.environ, WIRESHARK_CONFIG_DIR=str(folder), XDG_CONFIG_HOME=str(folder), TZ="UTC")

    def fields(self, capture, names, *options):
        """Per frame a dict of field name → list of its values, in the order they stand in the frame."""
        command = [self.program, "-X", f"lua_script:{self.script}", "-r", str(capture), "-T", "fields", "-E", "separator=/t",
                   "-E", "occurrence=a", "-E", "aggregator=;", *options]
        for name in names:
            command += ["-e", name]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=120)
        said = [line for line in done.stderr.splitlines() if line and not line.startswith(REMARKS)]
        expect(done.returncode == 0 and not said, f"tshark on {capture}: status {done.returncode}: {' / '.join(said)}")
        rows = []
        for line in done.stdout.splitlines():
            values = line.split("\t")
            expect(len(values) == len(names), f"tshark on {capture}: {len(values)} columns")
            rows.append({name: [BOOLEANS.get(v, v) for v in value.split(";")] if value else [] for name, value in zip(names, values)})
        return rows


def ipv4_udp(source_port, destination_port, payload):
    """An Ethernet frame on a loopback: no UDP checksum (RFC 768 allows 0), the IP header's in order."""
    udp = struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return bytes(12) + b"\x08\0" + header[:10] + struct.pack(">H", total) + header[12:] + udp


def write_capture(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            out.write(struct.pack("<IIII", 1 + number // 1000, number % 1000 * 1000, len(frame), len(frame)))
            out.write(frame)
