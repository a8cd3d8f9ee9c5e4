"""Slopes of a function of one number from its values, with an estimate of their error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LEVELS = 5
_EPSILON = 2.3e-16

Curve = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and the estimated size of its error."""

    value: float
    error: float


UNKNOWN = Slope(math.nan, math.inf)


def central(curve: Curve, step: float) -> Slope:
    """The slope at 0 from values at ±step, ±step/2, …, extrapolated to step 0 in even powers."""

    def quotient(h: float) -> tuple[float, float]:
        up, down = curve(h), curve(-h)
        return (up - down) / (2 * h), max(abs(up), abs(down)) / h

    return _extrapolated(quotient, step, order=2)


def one_sided(curve: Curve, step: float) -> Slope:
    """The slope to the side of `step`'s sign, extrapolated in all powers of the step."""
    start = curve(0.0)

    def quotient(h: float) -> tuple[float, float]:
        value = curve(h)
        return (value - start) / h, max(abs(value), abs(start)) / abs(h)

    return _extrapolated(quotient, step, order=1)


def _extrapolated(
    quotient: Callable[[float], tuple[float, float]], step: float, order: int
) -> Slope:
    """Romberg's table over halved steps; the entry that its neighbours confirm best is taken."""
    best = UNKNOWN
    row: list[float] = []
    for level in range(LEVELS):
        value, size = quotient(step / 2**level)
        if not math.isfinite(value):
            return UNKNOWN
        noise = 4 * _EPSILON * size
        previous, row = row, [value]
        for column, before in enumerate(previous, 1):
            factor = float(2 ** (order * column)) - 1.0
            row.append(row[-1] + (row[-1] - before) / factor)
            spread = max(abs(row[column] - row[column - 1]), abs(row[column] - before))
            # Extrapolation multiplies the rounding noise of the quotients it combines by at most 4.
            error = max(spread, 4 * noise)
            if error < best.error:
                best = Slope(row[column], error)
    return best
