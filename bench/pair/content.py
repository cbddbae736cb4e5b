# SPDX-License-Identifier: Apache-2.0
"""The pair for content: the appliance fetches a content of 512 MiB from a seeder behind the far port, in turn with macswap.

The far end is bench_far on both turns: with the appliance it answers REQUESTs from a content that was made before the run
(mediaward-traffic's peers check and count too much to keep a core of the appliance busy), with macswap it sends frames of the mean length of
the former. Rates are chunks that were asked for, all of which the appliance must have verified in the end, and frames that came back.
Everything else is as in pair.py. Main thread of bench/run.
"""

import json
import time

from bench.pair.pair import POOL_PACKETS, QUEUE_SIZE, Pair, Result
from bench.support.processes import BenchError, Process, run, wait_until

CONTENT_SUITE = "sha256.1024"
MEGABYTES_OF_CONTENT = 512
CHUNKS = MEGABYTES_OF_CONTENT << 10
CACHE = "640 MiB"
ECHO_SECONDS = 1.0


class ContentPair(Pair):
    """A context, as Pair; without conferences."""

    def __init__(self, programs, hugepages):
        super().__init__(programs, CONTENT_SUITE, hugepages)
        self.frame_bytes = 0.0
        self._api = None

    def __enter__(self):
        return self

    def rates(self, rounds):
        """The appliance first in each round: its mean length of frames is what macswap is given."""
        result = Result()
        self._disturbed = 0.0
        for _ in range(rounds):
            fetched = self._turn("appliance", ["--megabytes", MEGABYTES_OF_CONTENT, "--swarm-file", self._folder / "swarm.toml"])
            self.frame_bytes = fetched["frame_bytes"]
            returned = self._turn("macswap", ["--echo", round(self.frame_bytes), "--seconds", ECHO_SECONDS])
            if fetched["per_second"] <= 0 or returned["per_second"] <= 0:
                raise BenchError("nothing was asked for, or nothing came back, in the measured time")
            result.appliance.append(fetched["per_second"])
            result.macswap.append(returned["per_second"])
        result.disturbed = self._disturbed
        return result

    def _turn(self, side, load):
        for name in ("vhost.sock", "dataplane.sock", "controld.sock", "ready", "start", "far.json"):
            (self._folder / name).unlink(missing_ok=True)
        with self._far_side(load) as far:
            wait_until("the content of the far end", (self._folder / "ready").exists, 120, far)
            return self._appliance(far) if side == "appliance" else self._macswap(far)

    def _far_side(self, options):
        return Process("bench_far", [
            self._programs.far, "--socket", self._folder / "vhost.sock", "--queue-size", QUEUE_SIZE, "--pool-packets", POOL_PACKETS,
            *(["--hugepages"] if self._hugepages else []), "--cpu", self._far_cpu, "--warm-up", "0.1", "--json", self._folder / "far.json",
            "--ready-file", self._folder / "ready", "--start-file", self._folder / "start", *options], self._folder / "far.log")

    def _apply(self, api):
        run([self._programs.ctl, "--socket", api, "--wait", 30, "swarm", "apply", self._folder / "swarm.toml"], 60, "applying the swarm")
        self._api = api

    def _finish(self, far, near):
        _, report = self._report_of(far, near, "far.json")
        if near.name == "mediaward-dataplane":
            self._check_verified()
        return report

    def _config(self):
        return super()._config() + f'ppspp_port = 6778\n[peer]\ncache = "{CACHE}"\n'

    def _verified(self):
        text = run([self._programs.ctl, "--socket", self._api, "--json", "show", "swarm", "bench"], 30, "asking for the swarm")
        return int(json.loads(text)["counts"].get("chunks_verified", 0))

    def _check_verified(self):
        """The last of them may be on their way yet."""
        deadline = time.monotonic() + 3
        while (verified := self._verified()) != CHUNKS:
            if time.monotonic() > deadline:
                raise BenchError(f"the appliance verified {verified} chunks of {CHUNKS}")
            time.sleep(0.05)
