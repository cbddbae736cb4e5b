#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The clients without an appliance between them: what each pair of stacks can do under each suite, and proof that the comparison of
run_netns.py says yes and no at the right time.

Every row of EXCHANGES is played over IPv4 and over IPv6. With the right key the sound is bit-exact and RTCP is understood; a receiver
with a wrong key may get nothing at all. Needs root.
"""

import contextlib
import sys
import tempfile

import clients
import media
import suites
from clients import Client, Key
from network import Network, TestFailure

FAMILIES = (("ipv4", "192.0.2.11", "192.0.2.12"), ("ipv6", "2001:db8::11", "2001:db8::12"))
MKI = bytes.fromhex("01020304")
# sender, receiver, suite, MKI
EXCHANGES = (
    [("ffmpeg", "gstreamer", s, b"") for s in (suites.CM128_80, suites.CM128_32)] +
    [("ffmpeg", "libre", s, b"") for s in (suites.CM128_80, suites.CM128_32)] +
    [("gstreamer", "ffmpeg", s, b"") for s in (suites.CM128_80, suites.CM128_32)] +
    [("libre", "ffmpeg", s, b"") for s in (suites.CM128_80, suites.CM128_32)] +
    [("gstreamer", "libre", s, b"") for s in suites.ALL] +
    [("libre", "gstreamer", s, b"") for s in suites.ALL] +
    [("gstreamer", "gstreamer", s, MKI) for s in (suites.CM128_80, suites.GCM256)])
WRONG = [("ffmpeg", "gstreamer", suites.CM128_80), ("gstreamer", "ffmpeg", suites.CM128_80), ("gstreamer", "libre", suites.GCM128)]


def make_pair(number, row, family, wrong_key=False):
    """Two clients that talk to each other directly."""
    sender_stack, receiver_stack, suite, mki = row
    name, here, there = family
    label = f"{name}-{number}"
    forth, back = (Key(suite, suite.key(2 * number + i), mki) for i in (1, 2))
    opens = Key(suite, suite.key(2 * number + 100), mki) if wrong_key else forth
    base = 5000 + 10 * number
    sender = Client(f"{label}-sender", sender_stack, here, base, there, base, 0x10000000 + number, forth, back, sends=True)
    receiver = Client(f"{label}-receiver", receiver_stack, there, base, here, base, 0x20000000 + number, back, opens, receives=True)
    return sender, receiver


def play(stack, folder, network, family, reference):
    good = [make_pair(i, row, family) for i, row in enumerate(EXCHANGES)]
    bad = [make_pair(len(EXCHANGES) + i, row + (b"",), family, wrong_key=True) for i, row in enumerate(WRONG)]
    here, there = network
    clients.start_clients(stack, folder, there, f"{family[0]}-receivers", [r for _, r in good + bad], reference)
    senders = [s for s, _ in good + bad]
    clients.start_clients(stack, folder, here, f"{family[0]}-senders", senders, reference)
    clients.start_sound(stack, folder, {s.id: here for s in senders}, senders)
    receivers = [r for _, r in good]
    clients.wait_for_sound(receivers, folder, 40)
    clients.check_sound(receivers, folder, reference)
    reports = clients.check_rtcp(good, folder, family[0])
    for _, receiver in bad:
        if clients.received_samples(receiver, folder):
            raise TestFailure(f"{receiver.id} ({receiver.stack}) decoded {clients.received_samples(receiver, folder)} samples with a wrong key")
    print(f"{family[0]}: {len(good)} exchanges of {media.PACKETS} packets bit-exact, {reports} with sender reports that tshark "
          f"understands, {len(bad)} with a wrong key: nothing decoded")


def main():
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-netns-"))
            network = Network(stack)
            here = network.add_client("a", ["192.0.2.11/24", "2001:db8::11/64"])
            there = network.add_client("b", ["192.0.2.12/24", "2001:db8::12/64"])
            reference = media.Reference(folder)
            for family in FAMILIES:
                with contextlib.ExitStack() as processes:
                    play(processes, folder, (here, there), family, reference)
    except TestFailure as failure:
        print(failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
