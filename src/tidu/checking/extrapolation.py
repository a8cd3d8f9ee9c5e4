"""The limit of numbers that are seen at smaller and smaller steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLOSE = 1e-6  # how far numbers beside a point may be off its limit, beside the largest
_POINTS = 7  # of one extrapolation
_NOISE = 1e-13  # of the largest number on a side, which its limit may be off in any case


def extrapolate(table: Sequence[Array]) -> tuple[Array, Array, Array]:
    """The limit of numbers at steps that are halved each time, how far it may be off, and where
    they grow without bound.

    Neville's scheme over each run of `_POINTS` steps; that which changes least, in its last stage
    and since the run before: a root of the step looks settled within a run, and drifts between two.
    """
    numbers = np.array(table, dtype=np.float64)
    shape = numbers.shape[1:]
    limit, error = np.full(shape, np.nan), np.full(shape, np.inf)
    before: Array | None = None
    with np.errstate(all="ignore"):
        noise = _NOISE * np.max(np.abs(numbers), axis=0)
        for start in range(len(numbers) - _POINTS + 1):
            stage = previous = numbers[start : start + _POINTS]
            for order in range(1, _POINTS):
                previous = stage
                stage = stage[1:] + (stage[1:] - stage[:-1]) / (2.0**order - 1.0)
            drift = np.abs(stage[0] - before) if before is not None else 0.0
            before = stage[0]
            change = np.abs(stage[0] - previous[1]) + drift + noise
            better = np.isfinite(stage[0]) & (change < error)
            limit, error = np.where(better, stage[0], limit), np.where(better, change, error)
        limit = np.where(np.abs(limit) <= noise, 0.0, limit)
        return limit, error, _grows(numbers, limit, error)


def _grows(numbers: Array, limit: Array, error: Array) -> Array:
    """Where the last numbers grow by increments that do not become smaller."""
    if len(numbers) < _POINTS:
        return np.zeros(numbers.shape[1:], bool)
    last = numbers[-_POINTS:]
    steps = np.diff(last, axis=0)
    growing = np.all(np.abs(steps[1:]) >= 0.95 * np.abs(steps[:-1]), axis=0)
    one_way = np.all(steps > 0, axis=0) | np.all(steps < 0, axis=0)
    settled = error <= CLOSE * np.abs(limit)
    return (growing & one_way & ~settled) | np.isinf(last[-1])
