#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Contents through both programs over a vhost-user socket: how large, through how small a cache, beside a tamperer, and with one of the programs
killed in the middle.

    run_content.py --case sizes|cache|tampered|dataplane-killed|controld-killed [--content-bytes N] --dataplane PROGRAM --controld PROGRAM
                   --ctl PROGRAM --traffic PROGRAM

The far end is the traffic tool: seeders, leechers and attackers that hash with libcrypto. It fails unless every leecher has the content byte by
byte and no peer found fault with the appliance. Each case ends by itself; processes are ended by their pid, the folder goes. Needs root
(EAL), no network.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

from stand import BareStand, TestFailure, expect, program_options, run, wait_until

SWARM = "film"
CHUNK_BYTES = 1024
MIB = 1 << 20
SIZES = (1, CHUNK_BYTES, 7 * CHUNK_BYTES - 6, 1000 * CHUNK_BYTES - 17)  # 1 byte, 1 chunk, 7 and 1000 chunks of which the last is short
SECONDS = 100            # within which all leechers must have everything
KILLED_BYTES = 48 * MIB
KILLED_RATE = 8 * MIB    # bytes per second that the appliance may send: there is a middle in which it can be killed
DEAD_AFTER_S = 3         # of peers


class ContentStand(BareStand):
    """The far end is a swarm."""

    def __init__(self, stack, programs, folder, cache_mib, content_bytes, *plan, rate=None):
        super().__init__(stack, programs, folder, f'[peer]\ncache = "{cache_mib} MiB"', 'offloads = "off"\nppspp_port = 6778')
        self.chunks = -(-content_bytes // CHUNK_BYTES)
        self._swarm = self.folder / "film.toml"
        run(programs.traffic, "plan", "--content-out", str(self._swarm), "--content-id", SWARM, "--content-bytes", str(content_bytes),
            "--family", "mixed", *plan)
        if rate:
            text = self._swarm.read_text(encoding="utf-8")
            self._swarm.write_text(text.replace("[swarm]\n", f"[swarm]\nsend_bytes_per_s = {rate}\n", 1), encoding="utf-8")

    def start(self, *options):
        self.start_far_end("--swarm", self._swarm, "--content-seconds", str(SECONDS), *options)
        self.start_dataplane()
        self.start_controld()
        self.apply()
        self.begin()

    def apply(self):
        """What the AS wants is this swarm, and nothing else."""
        self.ctl("swarm", "apply", str(self._swarm), "--state-complete")

    def wait_served(self, chunks):
        wait_until(f"{chunks} chunks served", lambda: self.counter("ppspp.chunks_served") >= chunks, 60,
                   [self.traffic, self.dataplane, self.controld])

    def wait_verdict(self, part, verdict):
        wait_until(f"the verdict on {part}", lambda: verdict in self.verdicts().get(part, []), 30, [self.traffic, self.dataplane, self.controld])

    def verdicts(self):
        """By admission; nobody is named that has none."""
        peers = self.ctl("show", "peers", SWARM)["peers"]
        named = {p["admission_id"].rsplit("/", 1)[-1]: [rule["verdict"] for rule in p.get("verdicts", [])] for p in peers}
        return {part: verdicts for part, verdicts in named.items() if verdicts}

    def finish(self):
        """The traffic tool's account of the content; all leechers must be identical."""
        content = self.report(SECONDS + 60)["content"]
        expect(content["must_finish"] > 0 and content["identical"] == content["must_finish"], f"not identical at every leecher: {content}")
        expect(self.counter("internal.leaked") == 0, "packets leaked")
        return content


def sizes(stand_of, _):
    for content_bytes in SIZES:
        with stand_of(4, content_bytes, "--content-seeders", "1", "--content-leechers", "2") as stand:
            stand.start()
            content = stand.finish()
            expect(content["chunks"] == stand.chunks, f"{content['chunks']} chunks, {stand.chunks} expected")
            expect(stand.counter("ppspp.chunks_verified") == stand.chunks, "chunks were fetched more than once, or not at all")
            print(f"{content_bytes} bytes: {content['identical']} leechers identical")


def cache(stand_of, content_bytes):
    """The second leecher begins when the first has everything: what it asks for first has been evicted by then."""
    cache_mib = content_bytes // MIB // 16
    with stand_of(cache_mib, content_bytes, "--content-seeders", "1", "--content-leechers", "2") as stand:
        stand.start("--content-in-turn")
        stand.finish()
        cached = cache_mib * MIB // CHUNK_BYTES
        evicted, refetched = stand.counter("ppspp.chunks_evicted"), stand.counter("ppspp.chunks_refetched")
        expect(evicted >= stand.chunks - cached, f"{evicted} chunks evicted: more than the cache holds stayed in it")
        expect(refetched >= stand.chunks - cached, f"{refetched} chunks refetched: of {stand.chunks} at most {cached} were there")
        expect(stand.counter("ppspp.chunk_bad") == 0, "chunks were found bad, and nobody tampered")
        print(f"{content_bytes // MIB} MiB through {cache_mib} MiB, twice identical: {evicted} chunks evicted, {refetched} refetched")


def tampered(stand_of, _):
    with stand_of(64, 20 * MIB, "--content-seeders", "2", "--content-leechers", "2", "--content-attackers", "tamper") as stand:
        stand.start("--content-least-seconds", "2")
        stand.wait_verdict("tamper-1", "tampering")
        content = stand.finish()
        misdeeds = sum(p["misdeeds"] for p in content["peers"])
        bad = stand.counter("ppspp.chunk_bad")
        expect(2 <= bad <= misdeeds, f"{bad} chunks were found bad, {misdeeds} were altered")
        expect(stand.verdicts() == {"tamper-1": ["tampering"]}, f"verdicts are {stand.verdicts()}")
        proofs = [row for row in stand.ctl("show", "evidence", SWARM)["evidence"] if row["kind"] == "bad-chunk"]
        tamperer = next(p["address"] for p in content["peers"] if p["name"] == "tamper-1").rsplit(":", 1)[0].strip("[]")
        expect({row["address"] for row in proofs} == {tamperer}, f"evidence is {proofs}")
        print(f"tamperer of {misdeeds} chunks found by {bad}; {content['identical']} leechers identical")


def dataplane_killed(stand_of, _):
    """Its successor is told the swarm by the daemon; peers that hear nothing any more open their channels anew."""
    with stand_of(128, KILLED_BYTES, "--content-seeders", "2", "--content-leechers", "1", rate=KILLED_RATE) as stand:
        stand.start("--content-dead-after", str(DEAD_AFTER_S))
        stand.wait_served(stand.chunks // 4)
        stand.dataplane.signal(9)
        stand.dataplane.wait(10)
        stand.start_dataplane()
        stand.wait_served(1000)  # of the new process: its counters begin at 0
        content = stand.finish()
        served = stand.counter("ppspp.chunks_served")
        expect(served < stand.chunks, f"{served} chunks served by the second process: the transfer began anew")
        expect(stand.verdicts() == {}, f"somebody is blamed for it: {stand.verdicts()}")
        print(f"data plane killed: {content['identical']} leecher identical, {served} of {stand.chunks} chunks from its successor")


def controld_killed(stand_of, _):
    """Nobody but the AS notices: the same channels go on, and what was found out about peers stays known."""
    with stand_of(128, KILLED_BYTES, "--content-seeders", "2", "--content-leechers", "1", "--content-attackers", "tamper", rate=KILLED_RATE) as stand:
        stand.start()
        stand.wait_verdict("tamper-1", "tampering")
        stand.wait_served(stand.chunks // 8)
        verified, channels = verified_chunks(stand), stand.counter("ppspp.handshakes")
        stand.controld.signal(9)
        stand.controld.wait(10)
        stand.start_controld()
        stand.apply()  # the AS tells its state again, as it must
        expect(stand.traffic.running(), "the transfer was over before the daemon was back")
        kept = verified_chunks(stand)
        expect(kept >= verified, f"{verified} chunks had been verified, now {kept}: the swarm was made anew")
        expect(stand.counter("ppspp.handshakes") == channels, "channels were opened anew")
        expect(stand.verdicts() == {"tamper-1": ["tampering"]}, f"verdicts are {stand.verdicts()} after the restart")
        content = stand.finish()
        served = stand.counter("ppspp.chunks_served")
        expect(served >= stand.chunks, f"only {served} chunks were served: counters began anew")
        print(f"daemon killed: {content['identical']} leecher identical over the same channels, verdicts kept")


def verified_chunks(stand):
    rows = [row for row in stand.ctl("show", "swarms")["swarms"] if row["swarm"]["id"] == SWARM]
    expect(len(rows) == 1 and rows[0]["counted"], f"the swarm is not there, or the data plane does not know it: {rows}")
    return int(rows[0]["counts"]["chunks_verified"])


CASES = {"sizes": sizes, "cache": cache, "tampered": tampered, "dataplane-killed": dataplane_killed, "controld-killed": controld_killed}


def main():
    parser = program_options(__doc__)
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--content-bytes", type=int, default=256 * MIB, help="of the case cache: through a cache of a sixteenth")
    options = parser.parse_args()

    @contextlib.contextmanager
    def stand_of(*arguments, **more):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-content."))
            yield ContentStand(stack, options, Path(folder), *arguments, **more)

    CASES[options.case](stand_of, options.content_bytes)


if __name__ == "__main__":
    try:
        main()
    except TestFailure as failure:
        sys.exit(f"FAILED: {failure}")
