"""Gradients that have lost most of their digits say so, in both languages; ordinary ones do not,
nor those that are small because the point is an optimum."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.special import digamma, gammainc, gammaln

import tidu
from tests.strategies import random_model
from tidu.backends.numpy import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.checking.cancellation import digits_of
from tidu.checking.digits import ENTRIES, lost_digits
from tidu.errors import CancellationWarning
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.nn.functional import activation
from tidu.nn.losses import cross_entropy

DATA = 1e8 + np.random.default_rng(0).normal(size=20)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "elu", "gelu", "silu", "softmax")
Function = Callable[[Any], Any]


def told(function: Function, *points: Any) -> list[str]:
    """The warnings of a gradient at these points, called one after the other."""
    gradient = tidu.grad(function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for point in points:
            gradient(point)
    assert all(issubclass(one.category, CancellationWarning) for one in caught)
    return [str(one.message) for one in caught]


def root(x: Any) -> Any:
    return mpmath.sqrt(x + 1) - mpmath.sqrt(x)


def by_difference(x: Any) -> Any:
    return (1 - mpmath.cos(x)) / x**2


LOST: list[tuple[Function, float, Function]] = [
    (lambda x: (1 - np.cos(x)) / x**2, 1e-8, by_difference),
    (lambda x: (x - np.sin(x)) / x**3, 1e-7, lambda x: (x - mpmath.sin(x)) / x**3),
    (lambda x: np.sqrt(x + 1) - np.sqrt(x), 1e15, root),
    (lambda x: (np.log(1 + x) - x) / x**2, 1e-9, lambda x: (mpmath.log(1 + x) - x) / x**2),
    (lambda x: (np.exp(x) - 1) / x, 1e-11, lambda x: (mpmath.exp(x) - 1) / x),
    (
        lambda n: gammaln(n + 2) - gammaln(n),
        1e13,
        lambda n: mpmath.loggamma(n + 2) - mpmath.loggamma(n),
    ),
]


@pytest.mark.parametrize(("function", "x", "exact"), LOST)
def test_what_is_lost_is_said(function: Function, x: float, exact: Function) -> None:
    (said,) = told(function, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CancellationWarning)
        found = float(tidu.grad(function)(x))
    with mpmath.workdps(80):
        right = float(mpmath.diff(exact, mpmath.mpf(x), h=mpmath.mpf(x) * mpmath.mpf(10) ** -30))
    assert abs(found - right) > 1e-6 * abs(right)  # it is not for nothing
    assert "of the 16 digits" in said


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: (1 - np.cos(x)) / x**2, 0.3),
        (lambda x: 2 * np.sin(x / 2) ** 2, 1e-8),
        (lambda x: 1 / (np.sqrt(x + 1) + np.sqrt(x)), 1e15),
        (lambda x: 2 * np.expm1(x), 1e-11),
        (lambda z: np.log1p(-gammainc(3, z)), 36.0),  # run as log(gammaincc(3, z))
        (lambda x: np.mean(x**2) - np.mean(x) ** 2, DATA),  # whose gradient keeps 8 digits
        (lambda x: np.sin(1e13 * x), 0.7),  # no formula knows x better
        (lambda x: (x - 1.0) ** 2, 1.0 + 1e-13),
    ],
)
def test_what_is_right_is_not_doubted(function: Function, x: Any) -> None:
    assert told(function, x) == []


def test_the_place_and_both_languages() -> None:
    def deviation(x: Any) -> Any:
        weights = np.arange(20.0)
        variance = np.mean(x**2) - np.mean(x) ** 2
        return np.sum(weights * (x - np.mean(x)) / np.sqrt(abs(variance)))

    with pytest.warns(CancellationWarning) as caught:
        tidu.grad(deviation)(DATA)
    assert caught[0].filename == __file__
    assert caught[0].lineno == deviation.__code__.co_firstlineno + 2
    phrase = caught[0].message.args[0]  # type: ignore[union-attr]
    assert "none of the 16 digits of ∂L/∂x are right" in phrase.text("en")
    assert "only rounding is left in variance" in phrase.text("en")
    assert "∂L/∂x 的 16 位有效数字无一可信" in phrase.text("zh")
    assert "variance 只剩舍入误差" in phrase.text("zh")
    with pytest.warns(CancellationWarning) as caught:
        tidu.grad(lambda n: gammaln(n + 3.0) - gammaln(n) - 3 * np.log(n))(1e6)
    phrase = caught[0].message.args[0]  # type: ignore[union-attr]
    assert "about 2 of the 16 digits of ∂L/∂n are right" in phrase.text("en")
    assert "in the derivative, in (((-3 / n) - digamma(n)) + digamma((n + 3)))" in phrase.text("en")
    assert "大约只有 2 位可信" in phrase.text("zh")
    assert "导数中的 (((-3 / n) - digamma(n))" in phrase.text("zh")
    assert float(digamma(1e6 + 3) - digamma(1e6) - 3e-6) < 0


def test_single_precision_has_seven_digits() -> None:
    with pytest.warns(CancellationWarning, match="none of the 7 digits"):
        tidu.grad(lambda x: (1 - np.cos(x)) / x**2)(np.float32(1e-3))
    assert told(lambda x: (1 - np.cos(x)) / x**2, np.float32(0.5)) == []


def test_native_code_is_looked_at_too() -> None:
    pytest.importorskip("llvmlite")
    with pytest.warns(CancellationWarning, match="none of the 16 digits"):
        tidu.grad(lambda x: np.sqrt(x + 1) - np.sqrt(x), backend="native")(1e15)


# ------------------------------------------------------------------ when it is looked for
def test_numbers_of_another_size_are_looked_at_again() -> None:
    points = [1.0, 1.1, 1.2, 1.3, 1e-8, 1e-8]  # calls 1, 2, 4, and the fifth for its size
    assert len(told(lambda x: (1 - np.cos(x)) / x**2, *points)) == 1


def test_arrays_are_looked_at_in_the_calls_1_2_4_8() -> None:
    good, bad = np.array([1.0]), np.array([1e-8])
    curve: Function = lambda x: np.sum((1 - np.cos(x)) / x**2)  # noqa: E731
    assert told(curve, good, good, bad) == []
    assert len(told(curve, good, good, bad, bad)) == 1


def test_a_large_program_is_not_looked_at() -> None:
    x = np.full(ENTRIES // 4, 1e-8)
    assert told(lambda x: np.sum((1 - np.cos(x)) / x**2), x) == []


def test_a_filter_silences_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=CancellationWarning)
        tidu.grad(lambda x: np.sqrt(x + 1) - np.sqrt(x))(1e15)


# ------------------------------------------------------------------ no false alarms
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_least_squares_gradient_at_its_optimum(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    A, b = scale * rng.normal(size=(30, 4)), scale * rng.normal(size=30)
    w = np.linalg.lstsq(A, b, rcond=None)[0]
    assert told(lambda w: np.sum((A @ w - b) ** 2), w) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for argnums in (0, (0, 1, 2)):
            tidu.grad(lambda w, A, b: np.mean((A @ w - b) ** 2), argnums)(w, A, b)
        logistic = tidu.grad(lambda w: np.sum(np.log1p(np.exp(-np.sign(b) * (A @ w)))))
        logistic(np.zeros(4))


@pytest.mark.parametrize("margin", [1.0, 20.0, 40.0, 300.0])
def test_a_confident_softmax(margin: float) -> None:
    labels = np.eye(3)
    for loss in (
        lambda z: -np.mean(np.sum(labels * (z - np.log(np.sum(np.exp(z), 1, keepdims=True))), 1)),
        lambda z: np.mean(np.log(np.sum(np.exp(z), 1)) - z[np.arange(3), np.arange(3)]),
        lambda z: np.mean((np.exp(z) / np.sum(np.exp(z), 1, keepdims=True) - labels) ** 2),
    ):
        assert told(loss, margin * np.eye(3)) == []


def test_a_bias_that_a_normalisation_takes_out() -> None:
    rng = np.random.default_rng(1)
    X, W, v = rng.normal(size=(32, 5)), rng.normal(size=(5, 6)), rng.normal(size=6)

    def net(b: Any) -> Any:
        h = X @ W + b
        h = (h - np.mean(h, 0)) / np.sqrt(np.var(h, 0) + 1e-5)
        return np.mean((np.maximum(h, 0) @ v) ** 2)

    assert told(net, rng.normal(size=6), 100.0 + rng.normal(size=6)) == []


def lost_in(loss: Node, inputs: dict[str, Node], values: dict[str, Any]) -> Any:
    derivation = derive_graph(Graph(inputs, {"L": loss}), list(inputs))
    looks = digits_of(derivation)
    found = evaluate(derivation.outputs(), values).outputs
    assert looks is not None
    return lost_digits(looks, values, found)


@pytest.mark.parametrize("kinks", [False, True])
def test_random_programs(kinks: bool) -> None:
    for seed in range(60):
        model = random_model(seed, kinks)
        inputs = {name: model.graph.inputs[name] for name in model.names}
        assert lost_in(model.loss, inputs, dict(model.values)) is None, seed


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_and_the_loss_of_classes(name: str, scale: float) -> None:
    rng = np.random.default_rng(0)
    x, w = input_node("x", (8, 5)), input_node("w", (5, 3))
    y = np.eye(3)[rng.integers(0, 3, 8)]
    hidden = activation(name)(x @ w, **({"dim": -1} if name == "softmax" else {}))
    loss = cross_entropy(hidden, constant(y))
    values = {"x": scale * rng.normal(size=(8, 5)), "w": rng.normal(size=(5, 3))}
    assert lost_in(loss, {"x": x, "w": w}, values) is None


def test_a_matrix_that_has_no_factor_with_moved_roundings() -> None:
    v = np.random.default_rng(2).normal(size=(3, 2))  # of rank 2, but for its roundings
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tidu.grad(lambda v: np.sum(np.linalg.cholesky(np.exp(v) @ np.exp(v).T)))(v)
    assert found.shape == v.shape
