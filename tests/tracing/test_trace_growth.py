"""(B, 1) meets (B,): warned in every loss form, never where the code is right."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidu.errors import ShapeGrowthWarning
from tidu.tracing.trace import trace, trace_shapes

RNG = np.random.default_rng(3)

# Losses of predictions p and targets y.
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mean square": lambda p, y: np.mean((p - y) ** 2),
    "target first": lambda p, y: np.mean((y - p) ** 2),
    "half sum of squares": lambda p, y: 0.5 * np.sum(np.square(p - y)),
    "absolute": lambda p, y: np.abs(p - y).mean(),
    "root": lambda p, y: np.sqrt(np.mean((p - y) ** 2)),
    "norm": lambda p, y: np.linalg.norm((p - y).reshape(-1)),
    "cross-entropy": lambda p, y: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "hinge": lambda p, y: np.mean(np.maximum(0.0, 1.0 - p * y)),
    "huber": lambda p, y: np.mean(np.where(np.abs(p - y) < 1, (p - y) ** 2, np.abs(p - y))),
    "log cosh": lambda p, y: np.sum(np.log(np.cosh(p - y))),
    "ratio": lambda p, y: np.mean((p / y - 1.0) ** 2),
    "poisson": lambda p, y: np.mean(p - y * np.log(p)),
    "by columns": lambda p, y: np.sum(np.mean((p - y) ** 2, axis=0)),
    "weighted": lambda p, y: np.sum(0.5 * (p - y) ** 2) / 4,
    "largest": lambda p, y: np.max(np.abs(p - y)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("swap", [False, True])
def test_every_loss_form_warns(name: str, swap: bool) -> None:
    column, vector = RNG.uniform(0.1, 0.9, (5, 1)), RNG.uniform(0.1, 0.9, 5)
    p, y = (vector, column) if swap else (column, vector)
    with pytest.warns(ShapeGrowthWarning, match=r"become \(5, 5\)|变成 \(5, 5\)"):
        traced = trace(LOSSES[name], (p, y))
    assert traced.warnings


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(5,), (5, 1), (1, 5), (5, 5), (1,), (1, 1)])
def test_right_code_does_not_warn(name: str, shape: tuple[int, ...]) -> None:
    p, y = RNG.uniform(0.1, 0.9, shape), RNG.uniform(0.1, 0.9, shape)
    assert trace(LOSSES[name], (p, y)).warnings == ()


PURPOSE: dict[str, Callable[[Any, Any], Any]] = {
    "x[:, None] - y": lambda x, y: np.sum((x[:, None] - y) ** 2),
    "newaxis on the other": lambda x, y: np.sum((x - y[:, np.newaxis]) ** 2),
    "both": lambda x, y: np.sum((x[:, None] - y[None, :]) ** 2),
    "reshape": lambda x, y: np.sum((x.reshape(-1, 1) - y) ** 2),
    "expand_dims": lambda x, y: np.sum((np.expand_dims(x, 1) - y) ** 2),
    "outer": lambda x, y: np.sum(np.outer(x, y)),
    "one number": lambda x, y: np.sum((x - y[0]) ** 2),
}


@pytest.mark.parametrize("name", PURPOSE)
def test_written_on_purpose_does_not_warn(name: str) -> None:
    assert trace(PURPOSE[name], (RNG.normal(size=5), RNG.normal(size=5))).warnings == ()


def test_square_networks_and_distances_do_not_warn() -> None:
    X, Y = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))

    def network(W: Any, b: Any, X: Any) -> Any:
        h = np.tanh(X @ W + b)
        shares = np.exp(h) / np.sum(np.exp(h), axis=1, keepdims=True)
        return -np.mean(np.log(shares[np.arange(4), [0, 1, 2, 3]]))

    def distances(X: Any, Y: Any) -> Any:
        squares = np.sum(X**2, axis=1, keepdims=True) + np.sum(Y**2, axis=1) - 2 * X @ Y.T
        return np.mean(squares)

    def narrow(x: Any, w: Any, v: Any) -> Any:  # one feature, as many units as rows by chance
        return np.sum((np.tanh(x * w) @ v) ** 2)

    def labels(x: Any, y: Any) -> Any:
        return np.sum(x * (y == np.arange(4)))

    def pairs(x: Any) -> Any:
        return np.sum((x - x.T) ** 2)

    assert trace(network, (X, np.ones(4), Y)).warnings == ()
    assert trace(distances, (X, Y)).warnings == ()
    assert trace(narrow, (np.ones((4, 1)), np.ones(4), np.ones(4))).warnings == ()
    assert trace(labels, (X, np.array([[0], [1], [2], [3]]))).warnings == ()
    assert trace(pairs, (np.ones((4, 1)),)).warnings == ()


def test_captured_targets_and_rows_warn_too() -> None:
    target = RNG.normal(size=5)
    with pytest.warns(ShapeGrowthWarning):
        trace(lambda p: np.mean((p - target) ** 2), (np.ones((5, 1)),))
    with pytest.warns(ShapeGrowthWarning):
        trace(LOSSES["mean square"], (np.ones((5, 1)), np.ones((1, 5))))


def test_named_sizes_warn_too() -> None:
    with pytest.warns(ShapeGrowthWarning):
        trace_shapes(LOSSES["mean square"], {"p": ("n", 1), "y": ("n",)})


def test_the_warning_names_operands_shapes_line_and_fix_in_both_languages() -> None:
    def loss(w: Any, X: Any, y: Any) -> Any:
        pred = X @ w
        return np.mean((pred - y) ** 2)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = trace(loss, (np.ones((2, 1)), np.ones((3, 2)), np.ones(3)))
    (warning,) = caught
    assert warning.filename == __file__
    (phrase,) = traced.warnings
    english, chinese = phrase.text("en"), phrase.text("zh")
    assert english.startswith("pred (3, 1) and y (3,) become (3, 3) here (")
    assert f"{__file__}:{warning.lineno}" in english
    assert "write pred[:, 0] or y[:, None]" in english
    assert chinese.startswith("pred (3, 1) 与 y (3,) 在这里（")
    assert "请写 pred[:, 0] 或 y[:, None]" in chinese
