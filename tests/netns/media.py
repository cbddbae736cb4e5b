# SPDX-License-Identifier: Apache-2.0
"""What is sent, and how what arrived is judged.

The sound is a sweep: any two packets swapped, repeated or lost show. ffmpeg fails open (what it cannot decrypt it plays as noise), so
the verdict is never a byte count, always the decoded sound, sample by sample against what was encoded. Decrypted RTCP is judged by
tshark, which shares no code with us or with the stacks.
"""

import struct
from pathlib import Path

from network import TestFailure, run

SECONDS = 2
RATE = 8000
SAMPLES = RATE * SECONDS
SAMPLES_PER_PACKET = 160
PACKETS = SAMPLES // SAMPLES_PER_PACKET
FIRST_SEQUENCE = 65500  # the roll-over counter counts in the middle of the sound
SWEEP = f"aevalsrc=0.7*sin(2*PI*(200*t+350*t*t)):sample_rate={RATE}:duration={SECONDS},asetnsamples=n={SAMPLES_PER_PACKET}:p=0"
RTCP_PORT = 5005  # of the files that tshark reads


def decode_pcm(encoded, decoded):
    run("ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "mulaw", "-ar", str(RATE), "-ac", "1", "-i", str(encoded), "-f", "s16le", str(decoded))
    return Path(decoded).read_bytes()


class Reference:
    """The sweep as µ-law, and what a perfect receiver decodes from it."""

    def __init__(self, folder):
        self.encoded = Path(folder) / "reference.ul"
        run("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", SWEEP, "-c:a", "pcm_mulaw", "-ac", "1", "-f", "mulaw", str(self.encoded))
        self.pcm = decode_pcm(self.encoded, Path(folder) / "reference.pcm")
        self._decoded = {self.encoded.read_bytes(): self.pcm}  # by what was decoded: starting ffmpeg takes longer than decoding
        if len(self.pcm) != 2 * SAMPLES or len(set(self.pcm)) < 100:
            raise TestFailure(f"the reference itself is wrong: {len(self.pcm)} bytes, {len(set(self.pcm))} distinct values")

    def difference(self, encoded):
        """None when what a receiver wrote decodes to the reference, sample by sample; else what is wrong with it."""
        encoded = Path(encoded)
        if not encoded.exists() or encoded.stat().st_size == 0:
            return "nothing arrived"
        content = encoded.read_bytes()
        if content not in self._decoded:
            self._decoded[content] = decode_pcm(encoded, encoded.with_suffix(".pcm"))
        pcm = self._decoded[content]
        if pcm == self.pcm:
            return None
        at = next((i for i, (a, b) in enumerate(zip(pcm, self.pcm)) if a != b), min(len(pcm), len(self.pcm)))
        return f"{len(pcm)} of {len(self.pcm)} bytes, first difference at sample {at // 2}"


def write_rtcp_pcap(path, packets):
    """A capture of raw IPv4 packets (link type 101) that carry these RTCP packets."""
    with Path(path).open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for packet in packets:
            udp = struct.pack(">HHHH", RTCP_PORT, RTCP_PORT, 8 + len(packet), 0) + packet
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
            out.write(struct.pack("<IIII", 0, 0, len(ip), len(ip)) + ip)


def read_records(path):
    """What a peer wrote: packets, each with its length in front."""
    data, out = (Path(path).read_bytes() if Path(path).exists() else b""), []
    while len(data) >= 2 and len(data) >= 2 + struct.unpack_from(">H", data)[0]:
        length = struct.unpack_from(">H", data)[0]
        out.append(data[2:2 + length])
        data = data[2 + length:]
    return out


def dissect_rtcp(path, packets):
    """One row per packet: {field: [values]}. Raises when tshark finds anything malformed."""
    write_rtcp_pcap(path, packets)
    fields = ["rtcp.pt", "rtcp.senderssrc", "rtcp.sender.packetcount", "_ws.malformed"]
    command = ["tshark", "-n", "-r", str(path), "-d", f"udp.port=={RTCP_PORT},rtcp", "-o", "ip.check_checksum:FALSE", "-T", "fields",
               "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    rows = []
    for line in run(*command).stdout.splitlines():
        row = dict(zip(fields, (value.split(",") if value else [] for value in line.split("|"))))
        if row["_ws.malformed"] or not row["rtcp.pt"]:
            raise TestFailure(f"tshark does not take this for RTCP: {line}")
        rows.append(row)
    if len(rows) != len(packets):
        raise TestFailure(f"tshark saw {len(rows)} of {len(packets)} RTCP packets")
    return rows


def check_sender_reports(rows, ssrc):
    """There is a sender report of this SSRC among the rows, and none counts more packets than were sent."""
    reports = [row for row in rows if "200" in row["rtcp.pt"] and int(row["rtcp.senderssrc"][0], 16) == ssrc]
    if not reports:
        raise TestFailure(f"tshark sees no sender report of {ssrc:#x} in {len(rows)} RTCP packets")
    counts = [int(row["rtcp.sender.packetcount"][0]) for row in reports]
    if counts != sorted(counts) or counts[-1] > PACKETS:
        raise TestFailure(f"the sender reports of {ssrc:#x} count {counts} packets, {PACKETS} were sent")
