# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG, written by hand so that a report needs nothing but Python: titles, axes with units, a grid, lines with points, and a
legend whose entries stand at the ends of their lines.

Knows nothing of what is plotted. Main thread of bench/run.
"""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 860, 460
LEFT, RIGHT, TOP, BOTTOM = 72, 290, 64, 58   # margins: the right one holds the legend, beside the ends of the lines
LABEL_GAP = 15                               # between two labels, at least
# Distinguishable for colour-blind readers, dark enough on white (after Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9", "#333333")
FONT = "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\""


@dataclass
class Line:
    label: str
    points: list                 # (x, y), by ascending x
    colour: int = 0
    dashed: bool = False


@dataclass
class Axis:
    title: str
    log: bool = False
    ticks: list | None = None    # values that get a mark; None: round ones are chosen
    low: float | None = None     # of a linear axis; None: 0


@dataclass
class Chart:
    title: str
    subtitle: str
    x: Axis
    y: Axis
    lines: list = field(default_factory=list)

    def svg(self):
        return Drawing(self).text()


def colour_of(line):
    return COLOURS[line.colour % len(COLOURS)]


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:g}"


def round_step(span, steps):
    """The smallest of 1, 2, 5 times a power of ten that divides the span into at most so many steps."""
    raw = span / steps
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


class Scale:
    """Values of an axis to places on the paper."""

    def __init__(self, axis, values, begin, end):
        self._log, self._begin, self._end = axis.log, begin, end
        low, high = min(values), max(values)
        if axis.ticks:
            low, high = min(low, *axis.ticks), max(high, *axis.ticks)
        if axis.log:
            self.low, self.high = (low, high) if axis.ticks else (self._snap(low, math.floor), self._snap(high, math.ceil))
            self.ticks = axis.ticks or self._log_ticks()
        else:
            self.low = axis.low if axis.low is not None else 0
            step = round_step(max(high - self.low, 1e-9), 6)
            self.high = self.low + step * math.ceil((high - self.low) / step - 1e-9)
            self.ticks = axis.ticks or [self.low + step * i for i in range(round((self.high - self.low) / step) + 1)]

    @staticmethod
    def _snap(value, rounding):
        """To 1, 2 or 5 times a power of ten, outwards."""
        power = 10 ** math.floor(math.log10(value))
        steps = [m * power for m in (1, 2, 5, 10)]
        return max(s for s in steps if s <= value * 1.0001) if rounding is math.floor else min(s for s in steps if s >= value * 0.9999)

    def _log_ticks(self):
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks = [m * 10 ** p for p in powers for m in (1, 2, 5)]
        return [t for t in ticks if self.low * 0.999 <= t <= self.high * 1.001]

    def place(self, value):
        if self._log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self._begin + share * (self._end - self._begin)


class Drawing:
    def __init__(self, chart):
        self._chart = chart
        points = [point for line in chart.lines for point in line.points]
        self._x = Scale(chart.x, [x for x, _ in points], LEFT, WIDTH - RIGHT)
        self._y = Scale(chart.y, [y for _, y in points], HEIGHT - BOTTOM, TOP)
        self._out = []

    def text(self):
        self._out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} '
                     f'role="img"><title>{escape(self._chart.title)}</title>',
                     f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
        self._words(LEFT, 26, self._chart.title, 16, weight="bold")
        self._words(LEFT, 46, self._chart.subtitle, 12, colour="#555555")
        self._axes()
        for line in self._chart.lines:
            self._line(line)
        self._legend()
        return "\n".join(self._out) + "\n</svg>\n"

    def _words(self, x, y, text, size, anchor="start", colour="#222222", weight="normal", turn=False):
        rotated = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self._out.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"{rotated}>'
                         f'{escape(text)}</text>')

    def _stroke(self, x1, y1, x2, y2, colour, width=1.0):
        self._out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>')

    def _axes(self):
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for tick in self._y.ticks:
            y = self._y.place(tick)
            self._stroke(LEFT, y, right, y, "#e4e4e4")
            self._words(LEFT - 8, y + 4, number(tick), 12, "end", "#444444")
        for tick in self._x.ticks:
            x = self._x.place(tick)
            self._stroke(x, bottom, x, bottom + 5, "#444444")
            self._words(x, bottom + 20, number(tick), 12, "middle", "#444444")
        self._stroke(LEFT, bottom, right, bottom, "#444444")
        self._words((LEFT + right) / 2, HEIGHT - 14, self._chart.x.title, 13, "middle")
        self._words(18, (TOP + bottom) / 2, self._chart.y.title, 13, "middle", turn=True)

    def _line(self, line):
        places = [(self._x.place(x), self._y.place(y)) for x, y in line.points]
        self._polyline(line, places)
        for place, value in zip(places, line.points):
            self._point(line, place, f"{line.label}: {number(round(value[1], 2))} at {number(value[0])}")

    def _polyline(self, line, places):
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self._out.append(f'<polyline points="{path}" fill="none" stroke="{colour_of(line)}" stroke-width="2" stroke-linejoin="round"{dash}/>')

    def _point(self, line, place, title):
        fill = "#ffffff" if line.dashed else colour_of(line)
        self._out.append(f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3.5" fill="{fill}" stroke="{colour_of(line)}" stroke-width="1.5">'
                         f'<title>{escape(title)}</title></circle>')

    def _legend(self):
        """An entry at the end of each line, with the last value; moved apart where two would cover each other."""
        ends = sorted(((self._y.place(line.points[-1][1]), line) for line in self._chart.lines), key=lambda e: e[0])
        places = []
        for wanted, _ in ends:
            places.append(max(wanted, places[-1] + LABEL_GAP if places else TOP))
        limit = HEIGHT - BOTTOM
        for i in reversed(range(len(places))):  # those at the bottom push the others up again
            places[i] = min(places[i], limit)
            limit = places[i] - LABEL_GAP
        left = WIDTH - RIGHT + 16
        for place, (wanted, line) in zip(places, ends):
            self._stroke(self._x.place(line.points[-1][0]) + 5, wanted, left, place, colour_of(line), 0.75)
            self._polyline(line, [(left, place), (left + 30, place)])
            self._point(line, (left + 15, place), line.label)
            self._words(left + 38, place + 4, f"{line.label}: {number(round(line.points[-1][1], 1))}", 12, colour=colour_of(line))
