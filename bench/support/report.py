# SPDX-License-Identifier: Apache-2.0
"""The report: rows with their targets, as JSON and as a Markdown table below the facts of the machine.

A row without a target informs; a missed target is reported as missed, with the stage cycles that show where the time goes. Judges
nothing but numbers against the table below. Main thread of bench/run.
"""

from dataclasses import dataclass

# The figures that were promised, in the order of the table. "<=" and ">=" as they stand.
TARGETS = {
    "srtp.cm128.160.pipeline_vs_engine": ("<=", 1.6),
    "srtp.cm128.1200.pipeline_vs_engine": ("<=", 1.25),
    "srtp.gcm128.160.pipeline_vs_engine": ("<=", 2.2),
    "srtp.gcm128.1200.pipeline_vs_engine": ("<=", 1.6),
    "srtp.cm128.160.pipeline_overhead_cycles": ("<=", 300),
    "srtp.gcm128.160.pipeline_overhead_cycles": ("<=", 300),
    "srtp.cm128.160.vs_openssl": (">=", 2.8),
    "srtp.gcm128.160.vs_openssl": (">=", 3.2),
    "pair.cm128.160.vs_macswap": (">=", 0.25),
    "pair.gcm128.160.vs_macswap": (">=", 0.35),
    "pair.cm128.160.vs_predicted": (">=", 0.8),
}


@dataclass
class Row:
    name: str
    value: float | None          # None: not measured
    unit: str
    low: float | None = None     # over the rounds
    high: float | None = None
    note: str = ""

    def target(self):
        return "{} {:g}".format(*TARGETS[self.name]) if self.name in TARGETS else None

    def met(self):
        if self.name not in TARGETS or self.value is None:
            return None
        relation, bound = TARGETS[self.name]
        return self.value <= bound if relation == "<=" else self.value >= bound

    def as_json(self):
        row = {"name": self.name, "value": self.value, "unit": self.unit, "target": self.target(), "met": self.met()}
        return row | ({"note": self.note} if self.note else {})


def in_order(rows):
    """Rows with targets first, in the order of the table, then ratios, then everything else as it came."""
    order = list(TARGETS)

    def rank(row):
        if row.name in TARGETS:
            return (0, order.index(row.name))
        return (1 if row.unit == "ratio" else 2, 0)
    return sorted(rows, key=rank)


def figure(value):
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
        spread = f"{figure(row.low)} – {figure(row.high)}" if row.low is not None else ""
        lines.append(f"| `{row.name}` | {figure(row.value)} | {row.unit} | {row.target() or ''} | {verdict(row)} | {spread} |")
    return "\n".join(lines)


def stage_table(stages, names):
    columns = list(next(iter(stages.values())))
    lines = ["| core cycles per packet | " + " | ".join(columns) + " | all |", "|---|" + "---|" * (len(columns) + 1)]
    for name in names:
        cycles = stages[name]
        lines.append(f"| `{name}` | " + " | ".join(f"{cycles[c]:.0f}" for c in columns) + f" | {sum(cycles.values()):.0f} |")
    return "\n".join(lines)


def markdown(facts, rows, stages, full):
    rows = in_order(rows)
    parts = ["\n".join(f"- {key}: {value}" for key, value in facts.items()), table(rows)]
    notes = sorted({f"- {row.note}" for row in rows if row.note})
    if notes:
        parts.append("Notes\n\n" + "\n".join(notes))
    missed = [row.name for row in rows if row.met() is False]
    shown = [name for name in stages if full or any(m.startswith(name + ".") for m in missed)]
    if any(m.startswith("pair.") for m in missed):
        shown += [name for name in ("srtp.cm128.160", "srtp.gcm128.160") if name in stages and name not in shown]
    if shown:
        parts.append("Where the pipeline's time goes (median slice, each stage alone)\n\n" + stage_table(stages, shown))
    counted = [row.met() for row in rows if row.name in TARGETS]
    parts.append(f"{counted.count(True)} met, {counted.count(False)} missed, {counted.count(None)} not measured")
    return "\n\n".join(parts) + "\n"
