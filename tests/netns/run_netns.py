#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients through the appliance: ffmpeg (its own SRTP) → appliance → GStreamer srtpdec (libsrtp), over a kernel network.

For IPv4 and IPv6: ping is answered; a conference of a sender and two receivers, one per suite; both receivers decode exactly the
samples that ffmpeg encoded; the appliance's counters agree. Needs root. Waits for sockets, files and counters, never for time.

    run_netns.py --kind af_packet --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from dataclasses import dataclass

import clients
from appliance import Appliance, Participant, Programs
from network import Network, TestFailure

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
LINK = "media0"
# What may be dropped: ffmpeg's RTCP has no leg (port + 1), and a shared segment carries ARP, NDP and multicast that is not for us.
EXPECTED_DROPS = {"udp.no_leg", "arp.ignored", "ndp.ignored", "icmp.ignored", "eth.not_for_us", "eth.unknown_type", "ip.not_for_us"}


@dataclass
class Family:
    name: str
    appliance: str
    sender: str
    receiver: str
    prefix: int
    base_port: int
    ssrc: int


FAMILIES = [Family("ipv4", "192.0.2.1", "192.0.2.11", "192.0.2.12", 24, 20000, 0x10000001),
            Family("ipv6", "2001:db8::1", "2001:db8::11", "2001:db8::12", 64, 20100, 0x20000001)]


def conference(family):
    """One sender and two receivers. Every direction of every participant has a key of its own."""
    def at(address, port):
        return f"{clients.bracketed(address)}:{port}"

    def key(suite, seed):
        return clients.key_bytes(suite, seed + family.base_port)

    return [
        Participant("sender", at(family.appliance, family.base_port), at(family.sender, 5004), CM, key(CM, 1), CM, key(CM, 2),
                    (family.ssrc,), "send-only"),
        Participant("gcm", at(family.appliance, family.base_port + 2), at(family.receiver, 5014), GCM, key(GCM, 3), GCM, key(GCM, 4)),
        Participant("cm", at(family.appliance, family.base_port + 4), at(family.receiver, 5024), CM, key(CM, 5), CM, key(CM, 6)),
    ]


def drops(appliance):
    """Drop reasons that occurred, by name."""
    rows = appliance.ctl("show", "drops")["drops"]
    return {row["reason"]: int(row["packets"]) for row in rows if int(row["packets"])}


def counters(appliance):
    return {row["name"]: int((row["values"] or [0])[0]) for row in appliance.ctl("show", "counters", "--all")["counters"]}


def check_ping(client, family):
    done = client.execute("ping", "-6" if ":" in family.appliance else "-4", "-c", "3", "-i", "0.2", "-W", "5", "-q", family.appliance, check=False)
    if done.returncode != 0 or " 0% packet loss" not in done.stdout:
        raise TestFailure(f"ping {family.appliance} is not answered:\n{done.stdout}{done.stderr}")
    print(f"{family.name}: ping answered")


def check_media(stack, folder, appliance, sender_ns, receiver_ns, family, reference):
    participants = conference(family)
    sender, listeners = participants[0], participants[1:]
    appliance.apply(f"netns-{family.name}", participants)
    receivers = [clients.Receiver(stack, folder, receiver_ns, f"{family.name}-{p.id}", family.receiver, int(p.remote.rsplit(":", 1)[1]),
                                  family.ssrc, p.send_suite, p.send_key) for p in listeners]
    ffmpeg = clients.start_sender(stack, folder, sender_ns, family.appliance, family.base_port, 5004, family.ssrc, sender.receive_key)
    for receiver in receivers:
        receiver.wait_for_all(25)
    if ffmpeg.wait(10) != 0:
        raise TestFailure(f"ffmpeg failed\n{ffmpeg.output()}")
    problems = [p for p in (r.verdict(reference) for r in receivers) if p]
    if problems:
        raise TestFailure("\n".join(problems))
    print(f"{family.name}: ffmpeg → appliance → srtpdec: {clients.PACKETS} packets to {len(receivers)} receivers, "
          f"{len(reference) // 2} samples bit-exact under {', '.join(p.send_suite for p in listeners)}")


def check_counters(appliance):
    """Opened once, sealed once per receiver, nothing lost on the way."""
    sent = clients.PACKETS * len(FAMILIES)
    expected = {"srtp.opened": sent, "srtp.sealed": 2 * sent, "internal.leaked": 0}
    seen = counters(appliance)
    wrong = {name: seen.get(name) for name, value in expected.items() if seen.get(name) != value}
    if wrong:
        raise TestFailure(f"counters are {wrong}, expected {expected}")
    print(f"counters: {expected}")


def check_drops(appliance):
    unexpected = {name: n for name, n in drops(appliance).items() if name not in EXPECTED_DROPS}
    if unexpected:
        raise TestFailure(f"the appliance dropped what it should not: {unexpected}")


def scenario(stack, folder, options):
    network = Network(stack)
    sender_ns = network.add_client("a", [f"{f.sender}/{f.prefix}" for f in FAMILIES])
    receiver_ns = network.add_client("b", [f"{f.receiver}/{f.prefix}" for f in FAMILIES])
    if options.kind != "tap":
        network.add_wire(LINK)
    reference = clients.reference_pcm(folder)
    appliance = Appliance(stack, folder, network, Programs(options.dataplane, options.controld, options.ctl), options.kind, LINK,
                          [f"{f.appliance}/{f.prefix}" for f in FAMILIES])
    try:
        for family in FAMILIES:
            check_ping(sender_ns, family)
            check_media(stack, folder, appliance, sender_ns, receiver_ns, family, reference)
        check_counters(appliance)
        check_drops(appliance)
    except TestFailure as failure:
        raise TestFailure(f"{failure}\n{appliance.diagnostics()}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", required=True, choices=["af_packet", "tap"])
    for program in ("dataplane", "controld", "ctl"):
        parser.add_argument(f"--{program}", required=True, type=os.path.abspath)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("network namespaces need root")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a time-out of the test runner must clean up, too
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-netns-"))
            scenario(stack, folder, options)
    except TestFailure as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
