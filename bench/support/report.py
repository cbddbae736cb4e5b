# SPDX-License-Identifier: Apache-2.0
"""The report: rows with their targets, as JSON and as Markdown tables below the facts of the machine.

A row without a target informs; a missed target is reported as missed, with the stage cycles that show where the time goes. Sweeps are
shown as tables of their own, one line per point. Judges nothing but numbers against the table below. Main thread of bench/run.
"""

import re
from dataclasses import dataclass

# The figures that are promised, in the order of the table, "<=" and ">=" as they stand; None: shown beside the one above it.
FIGURES = {
    "srtp.cm128.160.pipeline_vs_engine": ("<=", 1.6),
    "srtp.cm128.1200.pipeline_vs_engine": ("<=", 1.25),
    "srtp.gcm128.160.pipeline_vs_engine": ("<=", 2.2),
    "srtp.gcm128.1200.pipeline_vs_engine": ("<=", 1.6),
    "srtp.cm128.160.pipeline_overhead_cycles": ("<=", 300),
    "srtp.gcm128.160.pipeline_overhead_cycles": ("<=", 300),
    "srtp.cm128.160.native_vs_ipsec_mb": (">=", 1.4),
    "srtp.cm128.160.vs_openssl": (">=", 2.8),
    "srtp.gcm128.160.vs_openssl": (">=", 3.2),
    "srtp.cm128.160.vs_libsrtp_nss": (">=", 12),
    "srtp.cm128.160.fanout32_copy_vs_protect": ("<=", 1.5),
    "srtp.gcm128.160.fanout32_copy_vs_protect": ("<=", 2.0),
    "srtp.group.160.copy_vs_individual": ("<=", 0.35),
    "srtp.cm128.160.cold_vs_hot": ("<=", 2.5),
    "control.legs_per_second": (">=", 10000),
    "control.longest_loop_us": None,
    "memory.srtp.cm_stream_bytes": ("<=", 512),
    "memory.srtp.gcm_stream_bytes": ("<=", 1600),
    "ppspp.sha1.1024.vs_evp_digest": (">=", 7),
    "ppspp.sha1.1024.vs_evp_reused": None,
    "ppspp.sha256.1024.vs_evp_digest": (">=", 4),
    "ppspp.sha256.1024.vs_evp_reused": None,
    "ppspp.sha1.1024.pipeline_vs_kernel": ("<=", 1.5),
    "ppspp.sha256.1024.pipeline_vs_kernel": ("<=", 1.25),
    "ppspp.hash_calls_per_chunk": ("<=", 2.05),
    "ppspp.hash_calls_per_chunk.preloaded": ("<=", 1.0),
    "ppspp.tree_bytes_per_chunk.full": ("<=", 72),
    "ppspp.tree_bytes_per_chunk.upper": ("<=", 8),
    "ppspp.admission.lookup_100k_vs_100": ("<=", 2.0),
    "pair.ppspp.sha256.1024.vs_macswap": (">=", 0.25),
    "pair.cm128.160.vs_macswap": (">=", 0.25),
    "pair.gcm128.160.vs_macswap": (">=", 0.35),
    "pair.cm128.160.vs_predicted": (">=", 0.8),
    "latency.160.p999_us": None,
    "latency.160.macswap_p999_us": None,
}
UNITS = {"hash_calls_per_chunk": "hashes", "preloaded": "hashes", "tree_bytes_per_chunk.full": "bytes", "tree_bytes_per_chunk.upper": "bytes",
         "overhead_cycles": "core cycles/packet", "_bytes": "bytes", "_us": "us"}  # of rows that could not be measured


@dataclass
class Row:
    name: str
    value: float | None          # None: not measured
    unit: str
    low: float | None = None     # over the rounds
    high: float | None = None
    note: str = ""

    @staticmethod
    def missing(name, reason):
        unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "ratio")
        return Row(name, None, unit, note=f"{name}: not measured: {reason}")

    @staticmethod
    def of(entry):
        """From what a benchmark program printed."""
        return Row(entry["name"], entry["value"], entry["unit"], entry.get("min"), entry.get("max"), entry.get("note", ""))

    def target(self):
        figure = FIGURES.get(self.name)
        return f"{figure[0]} {figure[1]:g}" if figure else None

    def met(self):
        figure = FIGURES.get(self.name)
        if figure is None or self.value is None:
            return None
        relation, bound = figure
        return self.value <= bound if relation == "<=" else self.value >= bound

    def as_json(self):
        row = {"name": self.name, "value": self.value, "unit": self.unit, "target": self.target(), "met": self.met()}
        return row | ({"note": self.note} if self.note else {})


# Sweeps: title, which rows, and how their names split into the table's line and column.
SWEEPS = (
    ("Every suite by payload size (ns per packet opened and sealed once)", re.compile(r"suites\.(\w+\.\d+)\.(\w+)")),
    ("Fan-out (ns per packet out, opening and all other work shared out)", re.compile(r"fanout\.(.+)\.per_receiver_(ns)")),
    ("Streams (core cycles per packet)", re.compile(r"streams\.(\w+\.160\.\d+)\.(\w+)_cycles")),
    ("Latency by load (us; load is a share of the highest rate)", re.compile(r"latency\.(cm128\.160\.\w+\.load\d+)\.(\w+)")),
    ("Memory (bytes per stream and direction)", re.compile(r"memory\.srtp\.(\w+)_stream\.(\w+)_bytes")),
)


def is_swept(row):
    return any(pattern.fullmatch(row.name) for _, pattern in SWEEPS)


def in_order(rows):
    """Figures first, in the order of the table, then ratios, then everything else as it came, sweeps last."""
    order = list(FIGURES)

    def rank(row):
        if row.name in FIGURES:
            return (0, order.index(row.name))
        return (3 if is_swept(row) else 1 if row.unit == "ratio" else 2, 0)
    return sorted(rows, key=rank)


def figure_text(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def verdict(row):
    if row.value is None:
        return "not measured"
    return {True: "met", False: "MISSED", None: ""}[row.met()]


def table(rows):
    lines = ["| name | value | unit | target | | min – max |", "|---|---|---|---|---|---|"]
    for row in rows:
        spread = f"{figure_text(row.low)} – {figure_text(row.high)}" if row.low is not None else ""
        lines.append(f"| `{row.name}` | {figure_text(row.value)} | {row.unit} | {row.target() or ''} | {verdict(row)} | {spread} |")
    return "\n".join(lines)


def sweep_table(pattern, rows):
    """One line per point of a sweep, one column per thing measured there; empty when there is none."""
    cells = [(match.group(1), match.group(2), row.value) for row in rows if (match := pattern.fullmatch(row.name))]
    lines, columns = list(dict.fromkeys(c[0] for c in cells)), list(dict.fromkeys(c[1] for c in cells))
    values = {(line, column): value for line, column, value in cells}
    if not lines:
        return ""
    text = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for line in lines:
        text.append(f"| `{line}` | " + " | ".join(figure_text(values.get((line, column))) for column in columns) + " |")
    return "\n".join(text)


def stage_table(stages, names):
    columns = list(next(iter(stages.values())))
    lines = ["| core cycles per packet received (or chunk) | " + " | ".join(columns) + " | all |", "|---|" + "---|" * (len(columns) + 1)]
    for name in names:
        cycles = stages[name]
        lines.append(f"| `{name}` | " + " | ".join(f"{cycles[c]:.0f}" for c in columns) + f" | {sum(cycles.values()):.0f} |")
    return "\n".join(lines)


def stages_to_show(stages, rows, full):
    """All of them in full; otherwise those of missed figures, the plain calls for a missed pair."""
    if full:
        return list(stages)
    missed = [row.name for row in rows if row.met() is False]
    shown = [name for name in stages if any(m.startswith(name + ".") or m.startswith(name + "_") for m in missed)]
    if any(m.startswith("pair.") for m in missed):
        shown += [name for name in ("srtp.cm128.160", "srtp.gcm128.160") if name in stages and name not in shown]
    return shown


def markdown(facts, rows, stages, full, plots=()):
    rows = in_order(rows)
    parts = ["\n".join(f"- {key}: {value}" for key, value in facts.items()), table([row for row in rows if not is_swept(row)])]
    notes = list(dict.fromkeys(f"- {row.note}" for row in rows if row.note and not is_swept(row)))
    if notes:
        parts.append("Notes\n\n" + "\n".join(notes))
    for title, pattern in SWEEPS:
        if full and (text := sweep_table(pattern, rows)):
            parts.append(f"{title}\n\n{text}")
    parts += [f"![{title}]({path})" for title, path in plots]
    if shown := stages_to_show(stages, rows, full):
        parts.append("Where the pipeline's time goes (median slice, each stage alone)\n\n" + stage_table(stages, shown))
    counted = [row.met() for row in rows if FIGURES.get(row.name)]
    parts.append(f"{counted.count(True)} met, {counted.count(False)} missed, {counted.count(None)} not measured")
    return "\n\n".join(parts) + "\n"
