# SPDX-License-Identifier: Apache-2.0
"""Cipher suites as the media stacks of the tests name them. A stack that does not know a suite has None there.

libre: its enum srtp_suite. ffmpeg: the name for its srtp options. GStreamer: cipher and the tag of SRTP. SRTCP has a tag of 80 bits with
every HMAC suite (RFC 4568 §6.2); libre shortens it with the _32 suites, and ffmpeg does under the suite's SDES name, so it is given the
DTLS one (RFC 5764 §4.1.2).
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    name: str           # as a conference file has it
    key_bytes: int      # master key and salt
    gst_cipher: str
    gst_auth: str
    libre: int
    ffmpeg: str | None = None

    @property
    def libre_rtcp(self):
        return self.gst_auth != "hmac-sha1-32"

    @property
    def gst_rtcp_auth(self):
        return "null" if self.gst_auth == "null" else "hmac-sha1-80"

    def key(self, seed):
        """A key ‖ salt for tests: distinct per seed, of the suite's length."""
        return hashlib.sha512(f"{self.name} {seed}".encode()).digest()[:self.key_bytes]


CM128_80 = Suite("AES_CM_128_HMAC_SHA1_80", 30, "aes-128-icm", "hmac-sha1-80", 1, "AES_CM_128_HMAC_SHA1_80")
CM128_32 = Suite("AES_CM_128_HMAC_SHA1_32", 30, "aes-128-icm", "hmac-sha1-32", 0, "SRTP_AES128_CM_HMAC_SHA1_32")
CM256_80 = Suite("AES_256_CM_HMAC_SHA1_80", 46, "aes-256-icm", "hmac-sha1-80", 3)
CM256_32 = Suite("AES_256_CM_HMAC_SHA1_32", 46, "aes-256-icm", "hmac-sha1-32", 2)
GCM128 = Suite("AEAD_AES_128_GCM", 28, "aes-128-gcm", "null", 4)
GCM256 = Suite("AEAD_AES_256_GCM", 44, "aes-256-gcm", "null", 5)
# None of the stacks has a NULL cipher with a tag: GStreamer's wants a master key of 0 bytes. Those suites are left to the unit tests.
ALL = (CM128_80, CM128_32, CM256_80, CM256_32, GCM128, GCM256)
BY_NAME = {suite.name: suite for suite in ALL}
