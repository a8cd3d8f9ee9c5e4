"""A run as an SVG drawing: bars for the five networks, curves for depth, width and batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from benchmarks.training.found import Found
from benchmarks.training.measure import Result
from benchmarks.training.peers import PEAKS
from benchmarks.training.report import micro

WIDTH, LINE, MARGIN = 760, 20, 170
OURS, THEIRS, INK, FAINT = "#b5432a", "#8a99a8", "#222", "#ddd"
_STROKES = (OURS, "#44678a", "#7a8f3c", "#8a5a99")
_HEIGHT = 220  # of a plot


def figure(found: Found) -> str:
    parts: list[str] = []
    top = 30.0
    for result in found.training:
        parts += _bars(result, top)
        top += LINE * (len(_timed(result)) + 3)
    for axis, points in found.sweeps.items():
        parts += _curves(axis, points, top)
        top += _HEIGHT + 70
    if found.machine.busy:
        note = f"the machine was busy (load {found.machine.load:.1f}): times are noise"
        parts.append(_text(10, top, note, OURS))
        top += LINE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" '
        f'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{top:.0f}" fill="white"/>', *parts]) + (
        "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, colour: str = INK, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _line(points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


# ------------------------------------------------------------------ bars
def _timed(result: Result) -> list[tuple[str, str, float]]:
    peaks = {peer.key for peer in PEAKS}
    rows = [row for row in result.rows if row.seconds and row.key not in peaks]
    return sorted(((row.key, row.title, row.median) for row in rows), key=lambda r: r[2])


def _bars(result: Result, top: float) -> Iterator[str]:
    """Microseconds a step, by a logarithmic scale that begins at half the shortest."""
    rows = _timed(result)
    yield _text(10, top, f"{result.work.name}: {result.work.title} (µs a step, logarithmic)")
    if not rows:
        return
    low, high = rows[0][2] / 2, rows[-1][2]
    room = WIDTH - MARGIN - 90
    for number, (key, title, value) in enumerate(rows, 1):
        y = top + LINE * number
        long = room * math.log(value / low) / math.log(high / low)
        colour = OURS if key in ("loop", "descend") else THEIRS
        yield _text(MARGIN - 8, y + 4, title, anchor="end")
        yield (
            f'<rect x="{MARGIN}" y="{y - 8:.1f}" width="{long:.1f}" height="{LINE - 5}" '
            f'fill="{colour}"/>'
        )
        yield _text(MARGIN + long + 5, y + 4, micro(value))


# ------------------------------------------------------------------ curves
def _curves(axis: str, points: dict[int, Result], top: float) -> Iterator[str]:
    series: dict[str, tuple[str, list[tuple[float, float]]]] = {}
    for number, result in points.items():
        for row in result.rows:
            if row.seconds:
                _, line = series.setdefault(row.key, (row.title, []))
                line.append((float(number), row.median * 1e6))
    yield _text(10, top, f"µs a step against {axis} (both logarithmic)")
    values = [value for _, line in series.values() for _, value in line]
    if not values:
        return
    x = _scale(min(points), max(points), MARGIN, WIDTH - 170)
    y = _scale(min(values), max(values), top + _HEIGHT, top + 20)
    for number in points:
        yield _line([(x(number), top + 20), (x(number), top + _HEIGHT)], FAINT)
        yield _text(x(number), top + _HEIGHT + 16, f"{number:,}", anchor="middle")
    for power in range(math.ceil(math.log10(min(values))), math.floor(math.log10(max(values))) + 1):
        height = y(10.0**power)
        yield _line([(MARGIN, height), (WIDTH - 170, height)], FAINT)
        yield _text(MARGIN - 8, height + 4, f"{10.0**power:g}", anchor="end")
    for colour, (title, line) in zip(_STROKES, series.values(), strict=False):
        yield _line([(x(a), y(b)) for a, b in line], colour, 2)
        yield _text(x(line[-1][0]) + 6, y(line[-1][1]) + 4, title, colour)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From numbers to places, by their logarithms."""
    span = math.log(high / low) or 1.0
    return lambda value: start + (end - start) * math.log(value / low) / span
