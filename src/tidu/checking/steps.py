"""Slopes of a function of one number from its values, with an estimate of their error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

LEVELS = 5
_EPSILON = 2.3e-16
_TINY, _BESIDE = 2.0**-46, 4

Curve = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope, the estimated size of its error, and the smallest quotient it was found from."""

    value: float
    error: float
    scale: float = 0.0


UNKNOWN = Slope(math.nan, math.inf)


def central(curve: Curve, step: float, noise: float = 0.0) -> Slope:
    """Return the slope at 0 from values at ±step, ±step/2, …, extrapolated to step 0 in even
    powers.

    `noise`: how far off the values may be, where that is more than the rounding of the last digit.
    """

    def quotient(h: float) -> tuple[float, float]:
        up, down = curve(h), curve(-h)
        return (up - down) / (2 * h), max(4 * _EPSILON * max(abs(up), abs(down)), noise) / h

    return _extrapolated(quotient, step, order=2)


def one_sided(curve: Curve, step: float, noise: float = 0.0) -> Slope:
    """Return the slope to the side of `step`'s sign, extrapolated in all powers of the step."""
    start = curve(0.0)

    def quotient(h: float) -> tuple[float, float]:
        value = curve(h)
        size = max(4 * _EPSILON * max(abs(value), abs(start)), noise)
        return (value - start) / h, size / abs(h)

    return _extrapolated(quotient, step, order=1)


def jitter(curve: Curve) -> float:
    """Return how far the values of a curve jump about: their second differences over steps so tiny
    that a smooth curve is straight there."""
    values = [curve(i * _TINY) for i in range(-_BESIDE, _BESIDE + 1)]
    bends = [a - 2 * b + c for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    largest = max(map(abs, bends))
    return largest if math.isfinite(largest) else 0.0


def _extrapolated(
    quotient: Callable[[float], tuple[float, float]], step: float, order: int
) -> Slope:
    """Return the best entry of Romberg's table over halved steps: the one that its neighbours
    confirm."""
    best, scale = UNKNOWN, math.inf
    row: list[float] = []
    for level in range(LEVELS):
        value, noise = quotient(step / 2**level)
        if not math.isfinite(value):
            return UNKNOWN
        previous, row, scale = row, [value], min(scale, abs(value))
        for column, before in enumerate(previous, 1):
            factor = float(2 ** (order * column)) - 1.0
            row.append(row[-1] + (row[-1] - before) / factor)
            spread = max(abs(row[column] - row[column - 1]), abs(row[column] - before))
            # Extrapolation multiplies the rounding noise of the quotients it combines by at most 4.
            error = max(spread, 4 * noise)
            if error < best.error:
                best = Slope(row[column], error)
    return replace(best, scale=scale)
