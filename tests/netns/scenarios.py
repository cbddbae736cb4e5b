# SPDX-License-Identifier: Apache-2.0
"""The conferences that real clients hold through the appliance, as data: every suite in, every suite out, three SRTP implementations,
both directions, RTCP beside RTP and multiplexed with it, MKIs, a group key, a relay. run_netns.py plays all of them at once, per kind of
port and family.

What a stack cannot do is in suites.py; a row here may ask for anything that both its ends can.
"""

from dataclasses import dataclass

import suites
from suites import CM128_32, CM128_80, CM256_32, CM256_80, GCM128, GCM256, Suite

MKI = bytes.fromhex("0badcafe")


@dataclass(frozen=True)
class Member:
    stack: str
    suite: Suite            # of both directions, with a key for each
    sends: bool = False
    receives: bool = True
    mki: bytes = b""
    mux: bool = False


@dataclass(frozen=True)
class Conference:
    """mode "group": everybody seals with a key of his own and opens with the group's, of group_suite. mode "relay": one key for all, of
    group_suite as well, and every member has that suite."""
    name: str
    members: tuple
    mode: str = "per-participant"
    group_suite: Suite = None
    group_mki: bytes = b""


def sender(stack, suite, **more):
    return Member(stack, suite, sends=True, receives=False, **more)


def every_suite(stack):
    return tuple(Member(stack, suite) for suite in suites.ALL)


CONFERENCES = (
    Conference("ffmpeg-to-every-suite", (
        sender("ffmpeg", CM128_80), *every_suite("gstreamer"), *every_suite("libre"), Member("ffmpeg", CM128_32),
        Member("gstreamer", CM128_80, mki=MKI), Member("gstreamer", GCM256, mki=MKI[:1]))),
    Conference("gstreamer-to-every-suite", (
        sender("gstreamer", GCM256), *every_suite("libre"), Member("ffmpeg", CM128_80), Member("ffmpeg", CM128_32))),
    Conference("libre-to-every-suite", (
        sender("libre", GCM128), *every_suite("gstreamer"), Member("ffmpeg", CM128_80), Member("ffmpeg", CM128_32))),
    Conference("ffmpeg-short-tag", (sender("ffmpeg", CM128_32), Member("libre", GCM256), Member("gstreamer", CM256_80))),
    Conference("gstreamer-long-key", (sender("gstreamer", CM256_32), Member("libre", CM128_80), Member("ffmpeg", CM128_80))),
    Conference("libre-long-key", (sender("libre", CM256_80), Member("gstreamer", CM128_32), Member("ffmpeg", CM128_80))),
    Conference("mki", (sender("gstreamer", CM128_80, mki=MKI), Member("libre", CM256_80), Member("gstreamer", GCM128, mki=MKI))),
    Conference("mki-gcm", (sender("gstreamer", GCM128, mki=MKI * 4), Member("ffmpeg", CM128_80), Member("libre", GCM256))),
    Conference("two-way", (Member("gstreamer", GCM256, sends=True), Member("libre", CM128_80, sends=True))),
    Conference("rtcp-mux", (
        sender("gstreamer", GCM128, mux=True), Member("libre", CM256_80, mux=True), Member("gstreamer", CM128_80), Member("libre", GCM256))),
    Conference("group-every-stack", (
        sender("ffmpeg", CM128_32), Member("ffmpeg", CM128_80), Member("libre", GCM256), Member("gstreamer", CM256_80),
        Member("gstreamer", GCM128, mki=MKI)), "group", CM128_80),
    Conference("group-gcm-mki", (sender("gstreamer", CM256_80), Member("gstreamer", GCM128), Member("gstreamer", CM128_80)), "group", GCM256, MKI),
    Conference("relay-cm", (sender("ffmpeg", CM128_80), *(Member(s, CM128_80) for s in ("ffmpeg", "libre", "gstreamer", "gstreamer"))),
               "relay", CM128_80),
    Conference("relay-gcm", (sender("gstreamer", GCM256), Member("libre", GCM256), Member("gstreamer", GCM256)), "relay", GCM256),
)
