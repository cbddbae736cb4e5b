#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Contents through the appliance over a kernel network: seeders, leechers, a tamperer, an injector and its followers, each a process with a UDP
socket in a network namespace (content.py has the swarms). All swarms are there at once, around one start of the appliance.

Every receiver must end with exactly the bytes that were sent, whatever gets lost on the way; no peer may find fault with the appliance; who
tampers is named with evidence, and nobody else is; counters and drop reasons agree. Needs root. Waits for peers, never for time.

    run_content.py --kind af_packet --dataplane PROGRAM --controld PROGRAM --ctl PROGRAM --peer PROGRAM [--queues 2] [--swarm ID]…
"""

import contextlib
import sys
import time

import content
import runner
from appliance import Appliance, Programs
from content import IPV4, IPV6, Distribution
from network import Network, TestFailure, wait_until
from run_netns import EXPECTED_DROPS, LINK, counters

SECONDS = 90  # within which every receiver must have everything
FIRST_PORT = 10000
# Loss makes chunks come twice or without their hashes, channels are spoken to after they were closed, and REQUESTs are repeated by peers of
# little patience.
ALLOWED_DROPS = EXPECTED_DROPS | {"ppspp.chunk_duplicate", "ppspp.chunk_unverifiable", "ppspp.unknown_channel", "ppspp.peer_pending",
                                  "ppspp.rate_limited"}
# Until a munro is acknowledged it comes with every chunk of its subtree.
LIVE_DROPS = {"ppspp.signature_busy"}
TAMPER_DROPS = {"ppspp.chunk_bad", "ppspp.bad_hash", "ppspp.hash_budget", "ppspp.banned", "ppspp.chunk_unrequested"}


def play(stack, appliance, namespaces, distributions):
    """Whom the appliance contacts is there before it hears of the swarm, everybody else comes after."""
    everybody = [(d, p) for d in distributions for p in d.peers]
    for distribution, peer in everybody:
        if peer.member.contacted:
            distribution.start(stack, namespaces, peer, 2 * SECONDS)
            wait_until(f"{peer.process.name} listens", lambda peer=peer: peer.process.listens_udp(peer.port), 20, [peer.process])
    for distribution in distributions:
        appliance.ctl("swarm", "apply", str(distribution.file))
    for distribution, peer in everybody:
        if not peer.member.contacted:
            distribution.start(stack, namespaces, peer, 2 * SECONDS if peer.member.provides else SECONDS)
    for distribution in distributions:
        for peer in distribution.receivers():
            peer.process.wait(SECONDS + 10)


def check_verdicts(appliance, distributions):
    """Who tampers is named, with evidence; nobody else is."""
    for distribution in distributions:
        guilty = {p.name for p in distribution.peers if p.member.attack}
        wait_until(f"the verdicts of {distribution.swarm.id}", lambda d=distribution, g=guilty: g <= set(named_of(appliance, d)), 10)
        named = named_of(appliance, distribution)
        if named != {name: ["tampering"] for name in guilty}:
            raise TestFailure(f"{distribution.swarm.id}: verdicts are {named}, {guilty or 'nobody'} tampered")
        check_evidence(appliance, distribution)


def named_of(appliance, distribution):
    """Peers that have verdicts."""
    peers = appliance.ctl("show", "peers", distribution.swarm.id)["peers"]
    verdicts = {peer["admission_id"].rsplit("/", 1)[-1]: [rule["verdict"] for rule in peer.get("verdicts", [])] for peer in peers}
    return {name: rules for name, rules in verdicts.items() if rules}


def check_evidence(appliance, distribution):
    rows = appliance.ctl("show", "evidence", distribution.swarm.id)["evidence"]
    guilty = {p.member.address for p in distribution.peers if p.member.attack}
    accused = {row["address"] for row in rows}
    if accused != guilty:
        raise TestFailure(f"{distribution.swarm.id}: there is evidence against {accused}, {guilty or 'nobody'} tampered")


def check_drops(appliance, distributions):
    tampered = any(p.member.attack for d in distributions for p in d.peers)
    allowed = ALLOWED_DROPS | (TAMPER_DROPS if tampered else set()) | (LIVE_DROPS if any(d.swarm.live for d in distributions) else set())
    rows = {row["reason"]: int(row["packets"]) for row in appliance.ctl("show", "drops")["drops"] if int(row["packets"])}
    unexpected = {reason: packets for reason, packets in rows.items() if reason not in allowed}
    # All swarms greet the same two hosts at once, more than wait for an address that is not known yet; a HANDSHAKE is repeated.
    if unexpected.get("neighbour.queue_full", 0) <= sum(len(d.peers) for d in distributions):
        unexpected.pop("neighbour.queue_full", None)
    if unexpected:
        raise TestFailure(f"the appliance dropped what it should not: {unexpected}")
    if tampered and rows.get("ppspp.chunk_bad", 0) < 2:
        raise TestFailure(f"a tamperer was there, and ppspp.chunk_bad is {rows.get('ppspp.chunk_bad', 0)}")


def check_counters(appliance, distributions):
    """Every chunk was verified once at least, and everything that was served had been."""
    seen = counters(appliance)
    static = sum(-(-d.swarm.content_bytes // content.CHUNK_BYTES) for d in distributions)
    served = sum(report["chunks_good"] for d in distributions for report in (p.report() for p in d.receivers()))
    if seen["internal.leaked"] != 0 or seen["ppspp.chunks_verified"] < static * 3 // 4 or seen["ppspp.chunks_served"] < served:
        raise TestFailure(f"counters do not fit {static} chunks of content and {served} at the receivers: {seen}")


def scenario(stack, folder, options):
    network = Network(stack)
    families = (IPV4, IPV6)
    namespaces = (network.add_client("a", [f"{f.provider}/{f.prefix}" for f in families]),
                  network.add_client("b", [f"{f.receiver}/{f.prefix}" for f in families]))
    if options.kind != "tap":
        network.add_wire(LINK, options.queues)
    programs = Programs(options.dataplane, options.controld, options.ctl)
    swarms = [s for s in content.SWARMS if not options.swarm or s.id in options.swarm]
    distributions = [Distribution(s, folder, programs, options.peer, FIRST_PORT + 10 * i) for i, s in enumerate(swarms)]
    appliance = Appliance(stack, folder, network, programs, options.kind, LINK, [f"{f.appliance}/{f.prefix}" for f in families], options.queues,
                          content.PPSPP_PORT)
    begun = time.monotonic()
    try:
        with contextlib.ExitStack() as processes:
            play(processes, appliance, namespaces, distributions)
            check_verdicts(appliance, distributions)
            for distribution in distributions:
                distribution.stop_providers()
            reports = [report for d in distributions for report in d.check().values()]
        check_counters(appliance, distributions)
        check_drops(appliance, distributions)
    except TestFailure as failure:
        raise TestFailure(f"{failure}\n{appliance.diagnostics()}") from None
    print(f"{len(distributions)} swarms, {sum(len(d.receivers()) for d in distributions)} receivers identical in {time.monotonic() - begun:.1f} s; "
          f"peers lost {sum(r['datagrams_lost'] for r in reports)} datagrams and did {sum(r['misdeeds'] for r in reports)} misdeeds")


if __name__ == "__main__":
    sys.exit(runner.run(__doc__.splitlines()[0], scenario, ("--swarm", [s.id for s in content.SWARMS]), ("dataplane", "controld", "ctl", "peer")))
