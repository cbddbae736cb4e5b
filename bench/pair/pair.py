# SPDX-License-Identifier: Apache-2.0
"""The pair: two processes over virtio-user and vhost-user, the appliance and DPDK's macswap in turn on the virtio-user side.

Both meet the same far end (mediaward-traffic on the vhost-user side) with the same frames from a pool that libsrtp sealed before the
run, the same ring options, pool sizes and kind of memory, each side on one CPU. What is compared is the rate that comes back, and
the latency at a rate that both can take.
Every turn starts all processes anew. With macswap nothing is checked but the count; the appliance's packets are checked as the
traffic tool does. Main thread of bench/run.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.support.processes import BenchError, Process, run, wait_until

CONFERENCES = 32          # of two participants with one stream each: 64 streams
QUEUE_SIZE = 256
POOL_PACKETS = 2048
BURST = 32
MEGABYTES = 96            # of each side's EAL
VERIFY = "1/1024"         # libsrtp opens these; of the others length, headers, addresses and order are checked


@dataclass
class Programs:
    dataplane: Path
    controld: Path
    ctl: Path
    traffic: Path
    far: Path
    testpmd: Path


@dataclass
class Latency:
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    delivered: float          # share of the offered rate that came back
    pace_slips: int           # times that the far end could not keep to the rate
    disturbed: float          # share of the turn in which something else held the near side's CPU


@dataclass
class Result:
    """Rates by round, packets per second that came back."""
    macswap: list = field(default_factory=list)
    appliance: list = field(default_factory=list)
    disturbed: float = 0.0    # largest share of a turn in which something else held the near side's CPU

    def ratios(self):
        return [a / m for a, m in zip(self.appliance, self.macswap)]


class Pair:
    """Both sides of one suite and kind of memory; a context, whose folder with keys and sockets goes at its end."""

    def __init__(self, programs, suite, hugepages):
        self._programs, self._suite, self._hugepages = programs, suite, hugepages
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise BenchError("the pair needs two CPUs, one for each side")
        self._far_cpu, self._near_cpu = cpus[0], cpus[-1]
        self._temporary = tempfile.TemporaryDirectory(prefix="mediaward-bench.")
        self._folder = Path(self._temporary.name)
        self._conferences = []
        self._disturbed = 0.0
        self._sides = {"macswap": (self._macswap, ["--peer", "echo"]), "appliance": (self._appliance, ["--verify", VERIFY])}

    def __enter__(self):
        run([self._programs.traffic, "plan", "--out", self._folder / "conference.toml", "--count", CONFERENCES, "--participants", 2,
             "--suites", self._suite, "--dscp", 0], 30, "planning the conferences")
        self._conferences = sorted(self._folder.glob("conference-*.toml"))
        return self

    def __exit__(self, *_):
        self._temporary.cleanup()

    def rates(self, packets, rounds):
        """The highest rates: everything is offered at once, what the near side cannot take is lost."""
        result = Result()
        self._disturbed = 0.0
        for _ in range(rounds):
            for side, values in (("macswap", result.macswap), ("appliance", result.appliance)):
                rate = self._turn(side, ["--rate", "max", "--packets", packets, "--allow-loss"])["rates"]["received_pps"]
                if rate <= 0:
                    raise BenchError("nothing came back in the measured time: use more packets")
                values.append(rate)
        result.disturbed = self._disturbed
        return result

    def latency(self, side, rate, packets):
        """What one side adds at an offered rate: percentiles in microseconds, from the hand-over to the far end's port until the receipt."""
        self._disturbed = 0.0
        report = self._turn(side, ["--rate", f"{rate:.0f}", "--packets", packets, "--latency", "--allow-loss"])
        found = report.get("latency", {})
        if not found.get("packets"):
            raise BenchError(f"the far end saw no latency of {side}")
        rates = report["rates"]
        return Latency(found["p50_us"], found["p99_us"], found["p99.9_us"], found["max_us"],
                       rates["received_pps"] / rate, rates.get("pace_slips", 0), self._disturbed)

    def _turn(self, side, load):
        for name in ("vhost.sock", "dataplane.sock", "controld.sock", "ready", "start", "traffic.json"):
            (self._folder / name).unlink(missing_ok=True)
        near_side, checks = self._sides[side]
        with self._far_side(checks + load) as far:
            wait_until("the sealed packets of the far end", (self._folder / "ready").exists, 120, far)
            return near_side(far)

    def _far_side(self, options):
        conferences = [word for path in self._conferences for word in ("--conference", path)]
        return Process("mediaward-traffic", [
            self._programs.traffic, "run", *conferences, "--port",
            f"kind=vhost-user,path={self._folder}/vhost.sock,queue-size={QUEUE_SIZE},pool-packets={POOL_PACKETS}",
            "--hugepages", "yes" if self._hugepages else "no", "--burst", BURST, "--idle", "spin",
            "--cpu", self._far_cpu, "--warm-up", "0.1", "--wait", "30", "--json", self._folder / "traffic.json",
            "--ready-file", self._folder / "ready", "--start-file", self._folder / "start", *options], self._folder / "traffic.log")

    def _report_of(self, far, near, name):
        """Lets it begin and returns the far end's exit status and report."""
        waited, began = near.waited_seconds(), time.monotonic()
        (self._folder / "start").touch()
        status = far.wait(120)
        self._disturbed = max(self._disturbed, (near.waited_seconds() - waited) / (time.monotonic() - began))
        try:
            return status, json.loads((self._folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise BenchError(f"the far end left no report (status {status})\n{far.tail()}") from None

    def _finish(self, far, near):
        status, report = self._report_of(far, near, "traffic.json")
        if status != 0:
            raise BenchError(f"the far end found faults: {'; '.join(report['faults'])}")
        return report

    def _macswap(self, far):
        memory = ["--in-memory", "--single-file-segments"] if self._hugepages else ["--no-huge"]
        vdev = f"net_virtio_user0,path={self._folder}/vhost.sock,queues=1,queue_size={QUEUE_SIZE},packed_vq=1,in_order=1,mrg_rxbuf=0"
        command = ["stdbuf", "-oL", self._programs.testpmd, f"--lcores=(0)@({self._far_cpu}),(1)@({self._near_cpu})", "--main-lcore=0", "--no-pci",
                   "--no-telemetry", f"--file-prefix=mediaward-bench-{os.getpid()}", "-m", MEGABYTES, *memory, f"--vdev={vdev}", "--", "--forward-mode=macswap",
                   "--nb-cores=1", f"--burst={BURST}", f"--rxd={QUEUE_SIZE}", f"--txd={QUEUE_SIZE}", f"--total-num-mbufs={POOL_PACKETS}",
                   "--no-mlockall", "--no-lsc-interrupt"]
        log = self._folder / "testpmd.log"
        # testpmd ends when its standard input does: an open pipe keeps it forwarding.
        with Process("dpdk-testpmd", command, log, stdin=subprocess.PIPE) as testpmd:
            wait_until("macswap", lambda: "Press enter to exit" in log.read_text(encoding="utf-8", errors="replace"), 60, testpmd, far)
            return self._finish(far, testpmd)

    def _appliance(self, far):
        config = self._folder / "dataplane.toml"
        config.write_text(self._config(), encoding="utf-8")
        socket = self._folder / "dataplane.sock"
        api = self._folder / "controld.sock"
        with Process("mediaward-dataplane", [self._programs.dataplane, "--config", config], self._folder / "dataplane.log") as dataplane:
            wait_until("the data plane", socket.exists, 60, dataplane, far)
            with Process("mediaward-controld", [self._programs.controld, "--dataplane-socket", socket, "--listen", api],
                         self._folder / "controld.log") as controld:
                wait_until("the control daemon", api.exists, 30, controld, dataplane, far)
                self._apply(api)
                return self._finish(far, dataplane)

    def _apply(self, api):
        for path in self._conferences:
            run([self._programs.ctl, "--socket", api, "--wait", 30, "conference", "apply", path], 60, "applying a conference")

    def _config(self):
        return f"""[control]
socket = "{self._folder}/dataplane.sock"
[memory]
hugepages = "{'yes' if self._hugepages else 'no'}"
megabytes = {MEGABYTES}
[workers]
cpus = [{self._near_cpu}]
idle = "spin"
burst = {BURST}
[[port]]
name = "media0"
kind = "virtio-user"
path = "{self._folder}/vhost.sock"
addresses = ["192.0.2.1/24"]
queue_size = {QUEUE_SIZE}
pool_packets = {POOL_PACKETS}
"""


def nanoseconds(rates):
    """Per packet, of the median rate."""
    return 1e9 / statistics.median(rates)
