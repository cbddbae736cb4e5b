# SPDX-License-Identifier: Apache-2.0
"""Real media clients: ffmpeg (its own SRTP implementation) as sender, GStreamer's srtpdec (libsrtp) as receiver.

ffmpeg fails open: what it cannot decrypt it plays as noise. So the verdict is never a byte count, always the decoded sound,
sample by sample against what was encoded. The sound is a sweep: any two packets swapped, repeated or lost show.
"""

import base64
import signal
from pathlib import Path

from network import Process, TestFailure, run, wait_until

SECONDS = 2
SAMPLES = 8000 * SECONDS
SAMPLES_PER_PACKET = 160
PACKETS = SAMPLES // SAMPLES_PER_PACKET
SWEEP = f"aevalsrc=0.7*sin(2*PI*(200*t+350*t*t)):sample_rate=8000:duration={SECONDS},asetnsamples=n={SAMPLES_PER_PACKET}:p=0"

# suite of RFC 4568 / RFC 7714 → key ‖ salt bytes, GStreamer's names
GST_SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (30, "aes-128-icm", "hmac-sha1-80"),
    "AEAD_AES_128_GCM": (28, "aes-128-gcm", "null"),
}


def key_bytes(suite, seed):
    """A key ‖ salt for tests: distinct per seed, of the suite's length."""
    return bytes((seed * 37 + i * 11 + 1) & 0xFF for i in range(GST_SUITES[suite][0]))


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def reference_pcm(folder):
    """What a perfect receiver decodes: the same sweep, encoded and decoded without a network."""
    encoded, decoded = Path(folder) / "reference.ul", Path(folder) / "reference.pcm"
    run("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", SWEEP, "-c:a", "pcm_mulaw", "-ac", "1", "-f", "mulaw", str(encoded))
    run("ffmpeg", "-nostdin", "-v", "error", "-f", "mulaw", "-ar", "8000", "-ac", "1", "-i", str(encoded), "-f", "s16le", str(decoded))
    pcm = decoded.read_bytes()
    if len(pcm) != 2 * SAMPLES or len(set(pcm)) < 100:
        raise TestFailure(f"the reference itself is wrong: {len(pcm)} bytes, {len(set(pcm))} distinct values")
    return pcm


def start_sender(stack, folder, namespace, address, port, local_port, ssrc, key):
    """ffmpeg sends the sweep in real time, as AES_CM_128_HMAC_SHA1_80 from local_port. It also sends RTCP to port + 1."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", SWEEP, "-c:a", "pcm_mulaw", "-ac", "1",
               "-ssrc", str(ssrc), "-payload_type", "0", "-f", "rtp", "-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80",
               "-srtp_out_params", base64.b64encode(key).decode(),
               f"srtp://{bracketed(address)}:{port}?localport={local_port}"]
    sender = Process("ffmpeg", command, Path(folder) / "ffmpeg.log", namespace)
    stack.callback(sender.close)
    return sender


class Receiver:
    """GStreamer: udpsrc → srtpdec → PCMU depayloader → decoder → file. No jitter buffer: order and gaps must show."""

    def __init__(self, stack, folder, namespace, name, address, port, ssrc, suite, key):
        self.name = name
        self._file = Path(folder) / f"{name}.pcm"
        _, cipher, auth = GST_SUITES[suite]
        caps = (f"application/x-srtp,media=(string)audio,clock-rate=(int)8000,encoding-name=(string)PCMU,payload=(int)0,"
                f"ssrc=(uint){ssrc},srtp-key=(buffer){key.hex()},srtp-cipher=(string){cipher},srtp-auth=(string){auth},"
                f"srtcp-cipher=(string){cipher},srtcp-auth=(string){auth}")
        command = ["gst-launch-1.0", "-e", "udpsrc", f"address={address}", f"port={port}", f"caps={caps}", "!", "srtpdec", "!",
                   "rtppcmudepay", "!", "mulawdec", "!", "filesink", "async=false", "buffer-mode=unbuffered",
                   f"location={self._file}"]
        # The plugin registry goes into the test's folder: a run as root must not write to a home directory.
        self.process = Process(f"gst-launch {name}", command, Path(folder) / f"{name}.log", namespace,
                               {"GST_REGISTRY": str(Path(folder) / "gst-registry.bin"), "GST_REGISTRY_FORK": "no"})
        stack.callback(self.process.close)
        wait_until(f"{name} listens on {address}:{port}", lambda: self.process.listens_udp(port), 30, [self.process])

    def size(self):
        return self._file.stat().st_size if self._file.exists() else 0

    def wait_for_all(self, seconds):
        """Waits for as many bytes as were sent. Whether they are right is said by verdict()."""
        wait_until(f"{self.name} has all {SAMPLES} samples", lambda: self.size() >= 2 * SAMPLES, seconds,
                   [self.process])

    def verdict(self, reference):
        """None when the decoded sound equals the reference; else what is wrong with it."""
        self.process.signal(signal.SIGINT)  # ends the stream in order
        self.process.wait(10)
        pcm = self._file.read_bytes() if self._file.exists() else b""
        if pcm == reference:
            return None
        at = next((i for i, (a, b) in enumerate(zip(pcm, reference)) if a != b), min(len(pcm), len(reference)))
        return f"{self.name}: {len(pcm)} of {len(reference)} bytes, first difference at sample {at // 2}\n{self.process.output()}"
