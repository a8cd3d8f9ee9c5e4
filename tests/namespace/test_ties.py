"""Planted ties, zeros and jumps: the value of the derivative there is the one that is stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

TIED = np.array([2.0, 1.0, 2.0, 1.0])
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0])

# Of the tied elements the sorted array holds the one that stands first, first (a stable sort).
CASES: dict[str, tuple[Callable[..., Any], Any, list[float]]] = {
    "sort": (lambda x: np.sum(np.sort(x) * NUMBERS), TIED, [3.0, 1.0, 4.0, 2.0]),
    "partition": (lambda x: np.partition(x, 1)[1] * 1.0, TIED, [0.0, 0.0, 0.0, 1.0]),
    "median": (np.median, TIED, [0.5, 0.0, 0.0, 0.5]),
    "quantile": (lambda x: np.quantile(x, 0.0), TIED, [0.0, 1.0, 0.0, 0.0]),
    "percentile higher": (
        lambda x: np.percentile(x, 99, method="higher"),
        TIED,
        [0.0, 0.0, 1.0, 0.0],
    ),
    "ptp shares": (np.ptp, TIED, [0.5, -0.5, 0.5, -0.5]),
    "nanmax shares": (np.nanmax, TIED, [0.5, 0.0, 0.5, 0.0]),
    "fmax shares": (lambda x: np.sum(np.fmax(x, 2.0)), TIED, [0.5, 0.0, 0.5, 0.0]),
    "maximum.accumulate shares": (
        lambda x: np.sum(np.maximum.accumulate(x) * NUMBERS),
        TIED,
        [1.0 + 2.0 + 3.5, 0.0, 3.5, 0.0],
    ),
    "cumprod of zeros": (
        lambda x: np.sum(np.cumprod(x)),
        np.array([2.0, 0.0, 3.0, 0.0]),
        [1.0, 2.0 + 6.0, 0.0, 0.0],
    ),
    "prod of zeros": (np.prod, np.array([2.0, 0.0, 3.0]), [0.0, 6.0, 0.0]),
    "floor at a jump": (lambda x: np.sum(np.floor(x) * x), TIED, TIED.tolist()),
    "mod at a jump": (lambda x: np.sum(np.mod(x, 1.0)), TIED, [1.0, 1.0, 1.0, 1.0]),
    "round of halves": (lambda x: np.sum(np.round(x) * x), TIED + 0.5, [2.0, 2.0, 2.0, 2.0]),
    "heaviside at 0": (
        lambda x: np.sum(np.heaviside(x - 1.0, 0.5) * x),
        TIED,
        [1.0, 0.5, 1.0, 0.5],
    ),
    "interp at a place": (
        lambda x: np.sum(np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0])),
        TIED,
        [4.0] * 4,
    ),
    "copysign at 0": (lambda x: np.sum(np.copysign(x, -1.0)), np.array([0.0, 2.0]), [0.0, -1.0]),
    "nanstd of equal": (np.nanstd, np.array([1.0, 1.0]), [0.0, 0.0]),
    "clip at a bound": (lambda x: np.sum(np.clip(x, 1.0, 1.5)), TIED, [0.0, 1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_derivative_at_a_tie(name: str) -> None:
    program, x, wanted = CASES[name]
    value, gradient = tidu.value_and_grad(program)(x)
    assert value == program(x)
    np.testing.assert_allclose(gradient, wanted)


FLOAT32: dict[str, Callable[..., Any]] = {
    "median": lambda x: np.median(x) * np.quantile(x, 0.3),
    "cumprod": lambda x: np.sum(np.cumprod(x)),
    "convolve": lambda x: np.sum(np.convolve(x, x)),
    "pad": lambda x: np.sum(np.pad(x, 2, mode="linear_ramp") ** 2),
    "tile": lambda x: np.sum(np.tile(x, (2, 2)) ** 2),
    "floor": lambda x: np.sum(np.floor(x) * x + x % 0.7),
    "polyval": lambda x: np.polyval(x, x[0]),
    "gradient": lambda x: np.sum(np.gradient(x) ** 2),
    "sort": lambda x: np.sum(np.sort(x) * x),
    "trapezoid": lambda x: np.trapezoid(x, x**2),
    "nanmean": lambda x: np.nanmean(x) * np.nanstd(x),
    "cross": lambda x: np.sum(np.cross(x[:3], x[1:]) ** 2),
    "linspace": lambda x: np.sum(np.linspace(x[0], x[1], 4) ** 2),
    "cov": lambda x: np.cov(x, x**2)[0, 1],
    "unwrap": lambda x: np.sum(np.unwrap(x * np.float32(4.0)) ** 2),
    "exp2": lambda x: np.sum(np.exp2(x) + np.cbrt(x) + np.deg2rad(x) + np.fmax(x, 1.0)),
}


@pytest.mark.parametrize("name", FLOAT32)
def test_single_precision_stays(name: str) -> None:
    x = np.array([0.5, 1.25, 2.25, 0.75], np.float32)  # on no jump of a floor
    value, gradient = tidu.value_and_grad(FLOAT32[name])(x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(value, FLOAT32[name](x), rtol=2e-6)
    double = tidu.grad(FLOAT32[name])(x.astype(float))
    np.testing.assert_allclose(gradient, double, rtol=1e-4, atol=1e-5)
