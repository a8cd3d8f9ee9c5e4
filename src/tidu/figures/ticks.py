"""Where the axes of a drawing carry numbers: round ones, not too many."""

from __future__ import annotations

import math


def round_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5, 10, … times a power of ten that fits into the span at most
    `most` times.

    >>> round_step(70, 5), round_step(0.3, 4)
    (20.0, 0.1)
    """
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * m for m in (1, 2, 5) if power * m >= rough * (1 - 1e-9)), power * 10)


def value_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values that reach from `low` or below to `high` or above.

    >>> value_ticks(1.66, 70)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if high / 2 - low / 2 <= 1e-12 * max(abs(low), abs(high)):
        return [low]
    step = round_step((high / 2 - low / 2) / (most / 2), 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [float(f"{n * step:.12g}") for n in range(first, last + 1)]
    # Beyond the largest number there is no round one.
    return ticks if all(map(math.isfinite, ticks)) else [low, high]


def decade_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return powers of ten that reach from `low` or below to `high` or above.

    >>> decade_ticks(0.002, 5)
    [0.001, 0.01, 0.1, 1.0, 10.0]
    """
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    step = math.ceil((last - first) / most)
    last = first + step * math.ceil((last - first) / step)
    return [10.0**n for n in range(first, last + 1, step)]


def count_ticks(first: int, last: int, most: int = 12) -> list[int]:
    """Return whole numbers within the range: all of a few, else round ones.

    >>> count_ticks(1, 3), count_ticks(1, 201)
    ([1, 2, 3], [20, 40, 60, 80, 100, 120, 140, 160, 180, 200])
    """
    if last - first < most:
        return list(range(first, last + 1))
    step = int(round_step(last - first, most - 1))
    return list(range(math.ceil(first / step) * step, last + 1, step))
