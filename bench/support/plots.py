# SPDX-License-Identifier: Apache-2.0
"""The report's sweeps as charts: which rows make which lines. Made from rows alone, so that a kept report can be drawn again:

  bench/support/plots.py report.json DIRECTORY

Main thread of bench/run.
"""

import json
import re
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    sys.dont_write_bytecode = True

from bench.support.svg import Axis, Chart, Line  # noqa: E402

SUITES = {"cm128": "AES_CM_128_HMAC_SHA1_80", "gcm128": "AEAD_AES_128_GCM"}
POWERS = [64, 256, 1024, 4096, 16384, 65536]


def points(values, pattern):
    """(x, y) of the rows whose names match; x is the pattern's one group."""
    found = [(float(match.group(1)), value) for name, value in values.items() if value is not None and (match := re.fullmatch(pattern, name))]
    return sorted(found)


def lines(values, wanted):
    """wanted: (label, pattern, colour, dashed). Lines of which nothing was measured are left out."""
    made = [Line(label, points(values, pattern), colour, dashed) for label, pattern, colour, dashed in wanted]
    return [line for line in made if line.points]


def by_size(values, suite):
    wanted = [(label, rf"suites\.{suite}\.(\d+)\.{who}_ns", colour, False)
              for colour, (who, label) in enumerate((("libsrtp_nss", "libsrtp, Debian (NSS)"), ("openssl", "mediaward, OpenSSL"),
                                                     ("pipeline", "mediaward"), ("engine", "its engine alone"), ("ipsec_mb", "ipsec-mb alone")))]
    return Chart(f"A packet opened and sealed, {SUITES[suite]}", "one core, 64 streams, 128 keys; the packet path without port input and output",
                 Axis("RTP payload, bytes", log=True, ticks=[20, 60, 160, 1200]), Axis("ns per packet", log=True), lines(values, wanted))


def by_suite(values):
    names = (("null", "NULL + SHA1_80"), ("cm128", "AES_CM_128 + SHA1_80"), ("cm256", "AES_256_CM + SHA1_80"), ("gcm128", "AES_128_GCM"), ("gcm256", "AES_256_GCM"))
    wanted = [(label, rf"suites\.{suite}\.(\d+)\.pipeline_ns", colour, False) for colour, (suite, label) in enumerate(names)]
    return Chart("Every cipher by payload size", "mediaward: a packet opened and sealed, one core, 64 streams",
                 Axis("RTP payload, bytes", log=True, ticks=[20, 60, 160, 1200]), Axis("ns per packet"), lines(values, wanted))


def by_fan_out(values):
    names = (("cm128", "AES_CM_128, own keys", 0, False), ("gcm128", "AES_128_GCM, own keys", 1, False),
             ("cm128_group", "AES_CM_128, group key", 0, True), ("gcm128_group", "AES_128_GCM, group key", 1, True))
    wanted = [(label, rf"fanout\.{kind}\.160\.n(\d+)\.per_receiver_ns", colour, dashed) for kind, label, colour, dashed in names]
    return Chart("One sender, N receivers", "time per packet sent, 160-byte payload, one core; own keys: sealed N times, group key: sealed once",
                 Axis("receivers N", log=True, ticks=[1, 2, 8, 32, 128]), Axis("ns per packet out", log=True), lines(values, wanted))


def by_streams(values):
    names = (("cm128", "in_turn", "AES_CM_128 in turn", 0, True), ("cm128", "random", "AES_CM_128 random", 0, False),
             ("gcm128", "in_turn", "AES_128_GCM in turn", 1, True), ("gcm128", "random", "AES_128_GCM random", 1, False))
    wanted = [(label, rf"streams\.{suite}\.160\.(\d+)\.{order}_cycles", colour, dashed) for suite, order, label, colour, dashed in names]
    return Chart("Many streams", "calls of two, 160-byte payload, one core; streams visited in turn or in random order",
                 Axis("streams", log=True, ticks=POWERS), Axis("core cycles per packet"), lines(values, wanted))


def by_load(values):
    names = [(f"{who} {label}", rf"latency\.cm128\.160\.{side}\.load(\d+)\.{key}", colour, dashed)
             for side, who, colour in (("appliance", "mediaward", 0), ("macswap", "macswap", 1))
             for key, label, dashed in (("p50_us", "median", True), ("p999_us", "99.9 %", False))]
    return Chart("Latency by load", "AES_CM_128_HMAC_SHA1_80, 160-byte payload, virtio-user to vhost-user and back; macswap at the same rates",
                 Axis("load, % of mediaward's highest rate"), Axis("us", log=True), lines(values, names))


def charts(values):
    """File name → chart, of what was measured."""
    made = {"size_cm128": by_size(values, "cm128"), "size_gcm128": by_size(values, "gcm128"), "suites": by_suite(values),
            "fanout": by_fan_out(values), "streams": by_streams(values), "load": by_load(values)}
    return {name: chart for name, chart in made.items() if any(len(line.points) > 1 for line in chart.lines)}


def write(values, folder):
    """Writes the charts into the folder; returns (title, file name) of each."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, chart in charts(values).items():
        (folder / f"{name}.svg").write_text(chart.svg(), encoding="utf-8")
        written.append((chart.title, f"{name}.svg"))
    return written


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for _, name in write({row["name"]: row["value"] for row in rows}, Path(sys.argv[2])):
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
