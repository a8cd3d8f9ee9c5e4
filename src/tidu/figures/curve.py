"""Series of numbers, such as the loss over the steps of descent, drawn with characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidu.document.blocks import CurveFigure
from tidu.figures.cells import cells
from tidu.figures.ticks import count_ticks
from tidu.visible import visible_line
from tidu.words import Language, Words, current_language

LOGARITHMIC = Words(en="logarithmic scale", zh="对数刻度")
_LEFT_OUT = Words(
    en="{n} of {all} values are not finite and are not drawn",
    zh="{all} 个值中有 {n} 个不是有限数，未画出",
)
_NOTHING = Words(en="(no finite values to draw)", zh="（没有可画的有限数值）")
_MARKS = "*o+x#@%&"
_DECADES_FOR_LOG = 3


@dataclass(frozen=True, slots=True)
class ValueScale:
    """The scale of a drawing: which values its lowest and its highest line have."""

    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return 0 for the lowest value, 1 for the highest."""
        map_ = math.log10 if self.logarithmic else float
        below, above = map_(self.low), map_(self.high)
        if above == below:
            return 0.5
        # Halves first: the range of finite numbers need not be finite itself.
        return (map_(value) / 2 - below / 2) / (above / 2 - below / 2)

    def at(self, share: float) -> float:
        if share in (0, 1):  # not by way of a logarithm: 10 ** log10(x) may miss x, or overflow
            return self.high if share else self.low
        if self.logarithmic:
            return 10 ** (math.log10(self.low) * (1 - share) + math.log10(self.high) * share)
        return self.low * (1 - share) + self.high * share


def curve_text(
    figure: CurveFigure, language: Language | None = None, width: int = 60, height: int = 12
) -> str:
    """Return the series as points over their common axis; logarithmic, and said so, over three
    decades.

    >>> print(curve_text(CurveFigure((("loss", (4.0, 2.0, 1.0)),)), "en", width=24, height=3))
    loss
    4 ┤*
      │          *
    1 ┤                   *
      └┬─────────┬────────┬
       1         2        3
    """
    chosen = language or current_language()
    finite = finite_values(figure)
    if not finite:
        return left_out(figure, chosen)
    scale = scale_of(finite)
    labels = _value_labels(scale, height)
    margin = max(len(label) for label in labels)
    room = max(8, width - margin - 3)
    longest = max(len(values) for _, values in figure.series)
    canvas = [[" "] * room for _ in range(height)]
    for number, (_, values) in enumerate(figure.series):
        _draw(values, _MARKS[number % len(_MARKS)], canvas, scale, longest)
    lines = [_header(figure, scale, chosen)]
    for label, row in zip(labels, canvas, strict=True):
        lines.append(f"{label:>{margin}} {'┤' if label else '│'}{''.join(row)}".rstrip())
    lines += _axis(figure, longest, room, margin, chosen)
    return "\n".join([*lines, *filter(None, [left_out(figure, chosen)])])


def finite_values(figure: CurveFigure) -> list[float]:
    return [v for _, values in figure.series for v in values if math.isfinite(v)]


def left_out(figure: CurveFigure, language: Language) -> str:
    """Return how many values cannot be drawn, in words; nothing if all can."""
    total = sum(len(values) for _, values in figure.series)
    count = len(finite_values(figure))
    if not count:
        return _NOTHING().text(language)
    return "" if count == total else _LEFT_OUT(n=total - count, all=total).text(language)


def scale_of(values: Sequence[float]) -> ValueScale:
    """Return the scale of a drawing: logarithmic over more than three decades."""
    low, high = min(values), max(values)
    far = low > 0 and math.log10(high) - math.log10(low) > _DECADES_FOR_LOG
    return ValueScale(low, high, far)


def _value_labels(scale: ValueScale, height: int) -> list[str]:
    """Return numbers at the top, in the middle and at the bottom; one number if all values are
    equal."""
    labels = [""] * height
    if scale.low == scale.high:
        labels[height // 2] = _short(scale.low)
        return labels
    for line in {0, height - 1} | ({(height - 1) // 2} if height >= 7 else set()):
        labels[line] = _short(scale.at(1 - line / max(1, height - 1)))
    return labels


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _draw(
    values: Sequence[float], mark: str, canvas: list[list[str]], scale: ValueScale, longest: int
) -> None:
    room, height = len(canvas[0]), len(canvas)
    for step, value in enumerate(values):
        if math.isfinite(value):
            canvas[_line(scale, value, height)][_place(step, longest, room)] = mark


def _line(scale: ValueScale, value: float, height: int) -> int:
    """Return the line of a value, from the top."""
    return round((height - 1) * (1 - scale.share(value)))


def _place(step: int, longest: int, room: int) -> int:
    return 0 if longest == 1 else round(step * (room - 1) / (longest - 1))


def _header(figure: CurveFigure, scale: ValueScale, language: Language) -> str:
    names = [visible_line(name) for name, _ in figure.series]
    if len(names) > 1:
        names = [f"{_MARKS[i % len(_MARKS)]} {name}" for i, name in enumerate(names)]
    shown = ", ".join(names)
    if scale.logarithmic:
        shown += f" ({LOGARITHMIC().text(language)})"
    return shown.strip()


def _axis(
    figure: CurveFigure, longest: int, room: int, margin: int, language: Language
) -> list[str]:
    """Return the line under the drawing with its ticks, their numbers, and what the numbers
    count."""
    last = figure.start + (longest - 1) * figure.every
    line, numbers, free = ["─"] * room, "", 0
    for count in count_ticks(figure.start, last, max(3, room // (len(str(last)) + 3))):
        column, text = _place(count - figure.start, last - figure.start + 1, room), str(count)
        start = min(max(free, column - len(text) // 2), max(free, room - len(text)))
        line[column] = "┬"
        numbers += " " * (start - len(numbers)) + text
        free = len(numbers) + 1
    lines = [" " * margin + " └" + "".join(line), " " * (margin + 2) + numbers]
    if figure.axis is not None:
        name = figure.axis.text(language)
        lines.append(" " * (margin + 2 + max(0, (room - cells(name)) // 2)) + name)
    return lines
