"""The limit of numbers that are seen at smaller and smaller steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLOSE = 1e-6  # how far numbers beside a point may be off its limit, beside the largest
KNOWN = 1e-5  # how far a limit may be off, beside the largest or 1, to be known at all
_POINTS = 7  # of one extrapolation
_SHRINKS = 0.98  # the largest ratio of two differences that tend to 0
NOISE = 1e-13  # of the largest number on a side, which its limit may be off in any case


def extrapolate(table: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Return the limit of numbers at steps that are halved each time, how far it may be off, and
    where they grow without bound.

    Of Neville's scheme over each run of `_POINTS` steps, which is right for powers of the step, and
    of Aitken's for the last steps, which is right for one root of it, what changes least.
    """
    numbers = np.array(table, dtype=np.float64)
    with np.errstate(all="ignore"):
        noise = NOISE * np.max(np.abs(numbers), axis=0)
        limit, error = _of_powers(numbers)
        root, change = _of_root(numbers)
        better = np.isfinite(root) & (change < error)
        limit, error = np.where(better, root, limit), np.where(better, change, error) + noise
        limit = np.where(np.abs(limit) <= noise, 0.0, limit)
        return limit, error, _grows(numbers, limit, error)


def _of_powers(numbers: Array) -> tuple[Array, Array]:
    """Return the limit by Neville's scheme, and how it changes in its last stage and between runs:
    a root of the step looks settled within a run and drifts between two, and rounding may do
    either."""
    shape, ends, changes = numbers.shape[1:], list[Array](), list[Array]()
    for start in range(len(numbers) - _POINTS + 1):
        stage = previous = numbers[start : start + _POINTS]
        for order in range(1, _POINTS):
            previous = stage
            stage = stage[1:] + (stage[1:] - stage[:-1]) / (2.0**order - 1.0)
        ends.append(stage[0])
        changes.append(np.abs(stage[0] - previous[1]))
    limit, error = np.full(shape, np.nan), np.full(shape, np.inf)
    for i, end in enumerate(ends):
        beside = [*ends[max(i - 1, 0) : i], *ends[i + 1 : i + 2]]
        change = changes[i] + np.max([np.abs(end - other) for other in beside or [end]], axis=0)
        better = np.isfinite(end) & (change < error)
        limit, error = np.where(better, end, limit), np.where(better, change, error)
    return limit, error


def _of_root(numbers: Array) -> tuple[Array, Array]:
    """Return the limit of numbers whose differences shrink by one ratio; unknown (NaN) where they
    do not."""
    if len(numbers) < _POINTS:
        return np.full(numbers.shape[1:], np.nan), np.full(numbers.shape[1:], np.inf)
    last = numbers[-_POINTS:]
    steps = np.diff(last, axis=0)
    ratios = steps[1:] / steps[:-1]
    shrinks = np.all((ratios > 0.0) & (ratios < _SHRINKS), axis=0)
    ends = last[2:] - steps[1:] ** 2 / (steps[1:] - steps[:-1])
    change = np.max(np.abs(np.diff(ends[-3:], axis=0)), axis=0)
    return np.where(shrinks, ends[-1], np.nan), change


def _grows(numbers: Array, limit: Array, error: Array) -> Array:
    """Return where the last numbers grow by increments that do not become smaller."""
    if len(numbers) < _POINTS:
        return np.zeros(numbers.shape[1:], bool)
    last = numbers[-_POINTS:]
    steps = np.diff(last, axis=0)
    growing = np.all(np.abs(steps[1:]) >= 0.95 * np.abs(steps[:-1]), axis=0)
    one_way = np.all(steps > 0, axis=0) | np.all(steps < 0, axis=0)
    settled = error <= KNOWN * np.abs(limit)
    return (growing & one_way & ~settled) | np.isinf(last[-1])
