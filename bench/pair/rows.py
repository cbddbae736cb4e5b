# SPDX-License-Identifier: Apache-2.0
"""Rows of the pair: rates beside macswap, and latency at a share of the appliance's highest rate, macswap at the same rate beside it.

What cannot be measured becomes a row that says why. Main thread of bench/run.
"""

import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.pair import hugepages
from bench.pair.content import CONTENT_SUITE, ContentPair
from bench.pair.pair import Pair, Programs, nanoseconds
from bench.support.processes import BenchError
from bench.support.report import FIGURES, Row

PACKETS = {True: 3_000_000, False: 2_000_000}  # by hugepages: about a second of the slower side
LATENCY_SECONDS = 1.1                          # warm-up included
SUITES = ("cm128", "gcm128")
PREDICTED_SUITE = LATENCY_SUITE = "cm128"
PROMISED_LOAD = 80                             # per cent
LOADS = (10, 20, 40, 60, PROMISED_LOAD, 90, 95)
DISTURBED = 0.02


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def programs(folder):
    found = Programs(folder / "drivers/mediaward-dataplane", folder / "control/mediaward-controld", folder / "tools/mediawardctl/mediawardctl",
                     folder / "tools/traffic/mediaward-traffic", folder / "bench/bench_far",
                     Path(shutil.which("dpdk-testpmd") or "/usr/bin/dpdk-testpmd"))
    if not found.testpmd.exists():
        raise BenchError("dpdk-testpmd is not installed (tools/install-deps bench)")
    return found


def spread_row(name, values, unit, note=""):
    return Row(name, statistics.median(values), unit, min(values), max(values), note)


def not_quiet(name, share):
    return f"{name}: other processes held the CPU for {share:.0%} of a turn: no figure of a quiet machine" if share > DISTURBED else ""


def rate_rows(base, result, pipeline_ns):
    """pipeline_ns: of the path benchmark in this run; None: no prediction is made."""
    rows = [spread_row(f"{base}.vs_macswap", result.ratios(), "ratio", not_quiet(base, result.disturbed))]
    if pipeline_ns is not None:
        values = [a * (1e9 / m + pipeline_ns) / 1e9 for a, m in zip(result.appliance, result.macswap)]
        rows.append(spread_row(f"{base}.vs_predicted", values, "ratio",
                               f"{base}: macswap {nanoseconds(result.macswap):.0f} ns + pipeline {pipeline_ns:.0f} ns per packet predicted, "
                               f"{nanoseconds(result.appliance):.0f} ns measured"))
    return rows + [spread_row(f"{base}.macswap_mpps", [v / 1e6 for v in result.macswap], "Mpps"),
                   spread_row(f"{base}.appliance_mpps", [v / 1e6 for v in result.appliance], "Mpps")]


def latency_note(name, rate, appliance, macswap):
    text = f"{name}: at {rate / 1e6:.2f} Mpps"
    for side, found in (("the appliance", appliance), ("macswap", macswap)):
        if found is not None and found.delivered < 0.999:
            text += f"; only {found.delivered:.1%} came back from {side}"
        if found is not None and found.pace_slips:
            text += f"; the far end fell behind its schedule {found.pace_slips} times with {side}"
    shares = [found.disturbed for found in (appliance, macswap) if found is not None]
    return text + (f"; other processes held the CPU for {max(shares):.0%} of a turn" if max(shares) > DISTURBED else "")


def measure_latency(pair, side, rate, packets):
    try:
        return pair.latency(side, rate, packets), ""
    except BenchError as error:
        return None, str(error)


def latency_rows(pair, highest_rate, most, quick):
    """The promised load always, the others in full runs. most: packets of a turn, None where time is the only limit."""
    rows = []
    for load in (PROMISED_LOAD,) if quick else LOADS:
        rate = highest_rate * load / 100
        packets = min(int(rate * LATENCY_SECONDS), most or PACKETS[True])
        say(f"latency at {load} % of the appliance's rate")
        appliance, why = measure_latency(pair, "appliance", rate, packets)
        macswap, why_not = measure_latency(pair, "macswap", rate, packets)
        if load == PROMISED_LOAD:
            name = "latency.160.p999_us"
            rows.append(Row(name, appliance.p999_us, "us", note=latency_note(name, rate, appliance, macswap)) if appliance else Row.missing(name, why))
            name = "latency.160.macswap_p999_us"
            rows.append(Row(name, macswap.p999_us, "us") if macswap else Row.missing(name, why_not))
        for side, found in (("appliance", appliance), ("macswap", macswap)):
            for key in ("p50_us", "p99_us", "p999_us", "max_us") if found else ():
                rows.append(Row(f"latency.{LATENCY_SUITE}.160.{side}.load{load}.{key}", getattr(found, key), "us"))
    return rows


@dataclass
class Order:
    """What is to be measured, and how much of it."""
    folder: Path              # of the build
    quick: bool
    pipeline_ns: dict         # by suite, of the path benchmark in this run
    packets: int | None       # of every turn; None: as many as a good figure needs


def suite_rows(order, suite, huge):
    """Rows of one suite; with hugepages the promised ones, without the same under another name and without a target."""
    rounds = 2 if order.quick else 3
    base = f"pair.{suite}.160" + ("" if huge else ".no_huge")
    say(f"{base}: macswap and the appliance in turn, {rounds} rounds")
    try:
        with Pair(programs(order.folder), suite, huge) as pair:
            result = pair.rates(order.packets or PACKETS[huge], rounds)
            rows = rate_rows(base, result, order.pipeline_ns.get(suite) if suite == PREDICTED_SUITE else None)
            if huge and suite == LATENCY_SUITE:
                rows += latency_rows(pair, statistics.median(result.appliance), order.packets, order.quick)
            return rows
    except BenchError as error:
        names = [name for name in FIGURES if name.startswith(f"{base}.") or (huge and suite == LATENCY_SUITE and name.startswith("latency."))]
        return [Row.missing(name, str(error)) for name in names or [f"{base}.vs_macswap"]]


def content_rows(order, huge):
    """Content that the appliance fetches, every chunk verified, beside macswap with frames of the same length."""
    base = f"pair.ppspp.{CONTENT_SUITE}" + ("" if huge else ".no_huge")
    say(f"{base}: macswap and the appliance in turn")
    try:
        with ContentPair(programs(order.folder), huge) as pair:
            result = pair.rates(2 if order.quick else 3)
            note = f"{base}: frames of {pair.frame_bytes:.0f} bytes on average; macswap returns them, the appliance verifies and keeps their chunks"
            quiet = not_quiet(base, result.disturbed)
            return [spread_row(f"{base}.vs_macswap", result.ratios(), "ratio", "; ".join(filter(None, (note, quiet)))),
                    spread_row(f"{base}.macswap_mpps", [v / 1e6 for v in result.macswap], "Mpps"),
                    spread_row(f"{base}.appliance_mchunks", [v / 1e6 for v in result.appliance], "million chunks/s")]
    except BenchError as error:
        return [Row.missing(f"{base}.vs_macswap", str(error))]


def measure(folder, quick, pipeline_ns, packets=None):
    order = Order(folder, quick, pipeline_ns, packets)
    rows = []
    try:
        with hugepages.reserved():
            for suite in SUITES:
                rows += suite_rows(order, suite, True)
            rows += content_rows(order, True)
    except (BenchError, OSError) as error:
        rows += [Row.missing(name, f"hugepages: {error}") for name in FIGURES if name.startswith(("pair.", "latency."))]
    for suite in () if quick else SUITES:
        rows += suite_rows(order, suite, False)
    return rows
