#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients through the appliance: ffmpeg, GStreamer and libre over a kernel network, in the conferences of scenarios.py.

For IPv4 and IPv6: ping is answered; all conferences run at once; every receiver decodes exactly the samples that were encoded; sender
reports reach the receivers and tshark understands them; senders hear from the receivers that nothing was lost; the appliance's counters
agree. Needs root. Waits for sockets, files and reports, never for time.

    run_netns.py --kind af_packet --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM [--queues 2] [--conference NAME]…
"""

import contextlib
import sys
from dataclasses import dataclass

import clients
import media
import runner
import scenarios
from appliance import Appliance, Participant, Programs
from clients import Client, Key
from network import Network, TestFailure

LINK = "media0"
# What may be dropped: a shared segment carries ARP, NDP and multicast that is not for us.
EXPECTED_DROPS = {"arp.ignored", "ndp.ignored", "icmp.ignored", "eth.not_for_us", "eth.unknown_type", "ip.not_for_us"}


@dataclass
class Family:
    name: str
    appliance: str
    sender: str       # address of the namespace of those that only send
    receiver: str
    prefix: int
    first_port: int   # of the appliance
    seed: int         # of SSRCs and keys


FAMILIES = [Family("ipv4", "192.0.2.1", "192.0.2.11", "192.0.2.12", 24, 20000, 0x10000000),
            Family("ipv6", "2001:db8::1", "2001:db8::11", "2001:db8::12", 64, 21000, 0x20000000)]


@dataclass
class Counts:
    """Packets of sound, as the appliance must count them."""
    opened: int = 0
    sealed: int = 0

    @staticmethod
    def of(conferences):
        """Opened once; sealed for every receiver, or once for a group, or not at all in a relay."""
        def seals(conference):
            return {"per-participant": len(conference.clients) - 1, "group": 1, "relay": 0}[conference.mode]

        return Counts(sum(media.PACKETS * len(c.senders()) for c in conferences),
                      sum(media.PACKETS * len(c.senders()) * seals(c) for c in conferences))


@dataclass
class Played:
    """A conference with its clients and what the appliance is told of them."""
    name: str
    mode: str
    shared: Key           # of a group or a relay
    clients: list
    participants: list

    def senders(self):
        return [c for c in self.clients if c.sends]


def make_member(family, conference, number, member, shared):
    """number: of the member, over all conferences of the family. Every direction has a key of its own, where the mode does not say else."""
    own = family.sender if not member.receives else family.receiver
    own_port, leg_port = 30000 + 2 * number, family.first_port + 2 * number
    receive, send = (Key(member.suite, member.suite.key(family.seed + 2 * number + i), member.mki) for i in (0, 1))
    if conference.mode == "relay":
        receive = shared
    if shared:
        send = shared
    client = Client(f"{family.name}-{conference.name}-{number}-{member.stack}-{member.suite.name}", member.stack, own, own_port, family.appliance,
                    leg_port, family.seed + number, receive, send, member.sends, member.receives, member.mux)
    participant = Participant(client.id, f"{clients.bracketed(family.appliance)}:{leg_port}", f"{clients.bracketed(own)}:{own_port}",
                              receive, None if shared else send, (client.ssrc,), "both" if client.rtcp_sent or member.sends else "receive-only",
                              member.mux, "forward" if client.rtcp_sent else "drop")
    return client, participant


def make_conferences(family, names):
    number, out = 0, []
    for conference in scenarios.CONFERENCES:
        pairs, suite = [], conference.group_suite
        shared = Key(suite, suite.key(f"{family.name} {conference.name}"), conference.group_mki) if suite else None
        for member in conference.members:
            pairs.append(make_member(family, conference, number, member, shared))
            number += 1
        if not names or conference.name in names:
            out.append(Played(f"{family.name}-{conference.name}", conference.mode, shared, *map(list, zip(*pairs))))
    return out


def check_ping(client, family):
    done = client.execute("ping", "-6" if ":" in family.appliance else "-4", "-c", "3", "-i", "0.2", "-W", "5", "-q", family.appliance, check=False)
    if done.returncode != 0 or " 0% packet loss" not in done.stdout:
        raise TestFailure(f"ping {family.appliance} is not answered:\n{done.stdout}{done.stderr}")


def check_family(stack, folder, appliance, namespaces, family, reference, names):
    sender_ns, receiver_ns = namespaces
    check_ping(sender_ns, family)
    conferences = make_conferences(family, names)
    for conference in conferences:
        appliance.apply(conference.name, conference.participants, conference.mode, conference.shared)
    everybody = [c for conference in conferences for c in conference.clients]
    receivers = [c for c in everybody if c.receives]
    clients.start_clients(stack, folder, receiver_ns, f"{family.name}-receivers", receivers, reference)
    clients.start_clients(stack, folder, sender_ns, f"{family.name}-senders", [c for c in everybody if not c.receives], reference)
    clients.start_sound(stack, folder, {c.id: receiver_ns if c.receives else sender_ns for c in everybody}, everybody)
    clients.wait_for_sound(receivers, folder, 60)
    clients.check_sound(receivers, folder, reference)
    pairs = [(s, c) for conference in conferences for s in conference.senders() for c in conference.clients if c is not s]
    reports = clients.check_rtcp(pairs, folder, family.name)
    print(f"{family.name}: {len(conferences)} conferences, {len(pairs)} times a sound of {media.PACKETS} packets bit-exact, "
          f"{reports} receivers with sender reports that tshark understands")
    return Counts.of(conferences)


def counters(appliance):
    return {row["name"]: sum(int(value) for value in row["values"]) for row in appliance.ctl("show", "counters", "--all")["counters"]}


def check_counters(appliance, counts):
    """Nothing was lost on the way, and nothing done twice."""
    expected = {"srtp.opened": sum(c.opened for c in counts), "srtp.sealed": sum(c.sealed for c in counts), "internal.leaked": 0}
    seen = counters(appliance)
    wrong = {name: seen.get(name) for name, value in expected.items() if seen.get(name) != value}
    if wrong:
        raise TestFailure(f"counters are {wrong}, expected {expected}")
    print(f"counters: {expected}")


def check_drops(appliance):
    rows = appliance.ctl("show", "drops")["drops"]
    unexpected = {row["reason"]: int(row["packets"]) for row in rows if int(row["packets"]) and row["reason"] not in EXPECTED_DROPS}
    if unexpected:
        raise TestFailure(f"the appliance dropped what it should not: {unexpected}")


def scenario(stack, folder, options):
    network = Network(stack)
    namespaces = (network.add_client("a", [f"{f.sender}/{f.prefix}" for f in FAMILIES]),
                  network.add_client("b", [f"{f.receiver}/{f.prefix}" for f in FAMILIES]))
    if options.kind != "tap":
        network.add_wire(LINK, options.queues)
    reference = media.Reference(folder)
    appliance = Appliance(stack, folder, network, Programs(options.dataplane, options.controld, options.ctl), options.kind, LINK,
                          [f"{f.appliance}/{f.prefix}" for f in FAMILIES], options.queues)
    try:
        counts = []
        for family in FAMILIES:
            with contextlib.ExitStack() as processes:
                counts.append(check_family(processes, folder, appliance, namespaces, family, reference, options.conference))
        check_counters(appliance, counts)
        check_drops(appliance)
    except TestFailure as failure:
        raise TestFailure(f"{failure}\n{appliance.diagnostics()}") from None


if __name__ == "__main__":
    sys.exit(runner.run(__doc__.splitlines()[0], scenario, ("--conference", [c.name for c in scenarios.CONFERENCES]), ("dataplane", "controld", "ctl")))
