"""Ops of the user's own: shown, run, derived in every mode and order, and refused where wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import (
    DTypeError,
    EvaluationError,
    GradientMismatch,
    InputError,
    ShapeError,
    TraceError,
)

X = np.array([-0.8, 0.3, 1.7])
A = np.array([[2.0, 1.0], [0.5, 3.0]])

erf = tidu.custom(math.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
vol = tidu.custom(np.linalg.det, lambda g, A, out: g * out * np.linalg.inv(A).T, shape=lambda A: ())


@tidu.custom(
    derivative=lambda x, delta: np.where(np.abs(x) < delta, x, delta * np.sign(x)),
    notation="H_{delta}",
)
def huber(x: Any, *, delta: float = 1.0) -> Any:
    return np.where(np.abs(x) < delta, x**2 / 2, delta * (np.abs(x) - delta / 2))


def test_a_function_for_single_numbers_becomes_an_elementwise_op() -> None:
    np.testing.assert_allclose(erf(X), [math.erf(x) for x in X])
    slope = 2 / np.sqrt(np.pi) * np.exp(-(X**2))
    np.testing.assert_allclose(tidu.grad(lambda x: np.sum(erf(x)))(X), slope)
    np.testing.assert_allclose(tidu.jacobian(erf)(X), np.diag(slope))
    np.testing.assert_allclose(tidu.jacobian(erf, mode="forward")(X), np.diag(slope))
    np.testing.assert_allclose(tidu.vmap(tidu.grad(erf))(X), slope)
    third = tidu.grad(tidu.grad(tidu.grad(erf)))
    assert float(third(0.3)) == pytest.approx((4 * 0.09 - 2) * 2 / np.sqrt(np.pi) * np.exp(-0.09))


def test_a_pull_back_works_in_every_mode_and_order() -> None:
    np.testing.assert_allclose(tidu.grad(vol)(A), np.linalg.det(A) * np.linalg.inv(A).T)
    np.testing.assert_allclose(tidu.hessian(vol)(A), tidu.hessian(np.linalg.det)(A), atol=1e-12)
    np.testing.assert_allclose(tidu.jvp(vol, (A,), (A,))[1], tidu.jvp(np.linalg.det, (A,), (A,))[1])
    many = np.stack([A, A.T + 1, 2 * A])
    np.testing.assert_allclose(tidu.vmap(tidu.grad(vol))(many)[1], tidu.grad(vol)(many[1]))
    third = tidu.jacobian(tidu.hessian(vol))(A)
    np.testing.assert_allclose(third, np.zeros((2,) * 6), atol=1e-12)  # of a quadratic form


def test_names_notation_and_settings_stand_in_the_working() -> None:
    assert (erf.__name__, vol.__name__, huber.__name__) == ("erf", "vol", "huber")
    loss = lambda x: np.sum(huber(x, delta=0.5) * x)  # noqa: E731
    text = tidu.derive(loss, values={"x": X}).explain(lang="en").text()
    assert "H_0.5(x)" in text and "the derivative given with huber" in text
    found = tidu.grad(loss)(X)
    clipped = np.clip(X, -0.5, 0.5)
    np.testing.assert_allclose(found, clipped * X + huber(X, delta=0.5))
    norm = tidu.custom(
        lambda x: np.sqrt(np.sum(x**2)), lambda g, x, out: g * x / out, notation="‖{x}‖_E"
    )
    d = tidu.derive(lambda x: norm(x) ** 2, values={"x": X})
    assert r"\left\lVert x\right\rVert_{E}" in d.explain().latex() or "‖" in d.explain().text()
    with pytest.raises(InputError, match="notation"):
        tidu.custom(np.sin, np.cos, notation="{x} over")
    with pytest.raises(DTypeError, match="delta of huber"):
        tidu.grad(lambda x: huber(x, delta=np.ones(2)))(1.0)


def test_a_name_of_tidus_own_is_not_mistaken_for_it() -> None:
    """An op called exp that is none: no rule for exp may touch it, and log(exp(x)) stays."""
    own = tidu.custom(lambda x: 3.0 * x, lambda x: 3.0, name="exp")
    assert float(tidu.grad(lambda x: np.log(own(x)))(2.0)) == pytest.approx(0.5)
    assert float(tidu.value_and_grad(lambda x: np.log(own(x)))(2.0)[0]) == pytest.approx(np.log(6))


def test_black_boxes() -> None:
    table = np.array([0.0, 1.0, 4.0, 9.0])
    at = np.array([0.5, 1.5, 2.5])

    def looked_up(w: Any) -> Any:  # what no tracing could follow
        return np.asarray([float(np.dot(np.array(w), table[:2])), float(w[1]) ** 2])

    def pull(g: Any, w: Any) -> Any:
        return np.stack([g[0] * table[0], g[0] * table[1] + g[1] * 2 * w[1]])

    with pytest.raises(InputError, match="could not be called") as caught:
        tidu.custom(looked_up, pull, samples=(at[:2],))
    assert "shape=" in str(caught.value)
    box = tidu.custom(looked_up, pull, shape=lambda w: (2,), samples=(at[:2],))
    np.testing.assert_allclose(tidu.jacobian(box)(at[:2]), [[0.0, 1.0], [0.0, 3.0]])

    slope = tidu.custom(lambda x: np.array([math.cos(v) for v in x]), shape=lambda x: x)
    wave = tidu.custom(lambda x: np.array([math.sin(v) for v in x]), lambda g, x: g * slope(x),
                       shape=lambda x: x)  # fmt: skip
    np.testing.assert_allclose(tidu.grad(lambda x: np.sum(wave(x)))(at), np.cos(at))
    with pytest.raises(TraceError, match="slope was made without a derivative"):
        tidu.hvp(lambda x: np.sum(wave(x)))(at, at)


def test_what_a_function_may_not_do() -> None:
    def writes(x: Any) -> Any:
        x += 1.0
        return x

    with pytest.raises(InputError, match="could not be called"):
        tidu.custom(writes, lambda g, x: g, shape=lambda x: x)
    grows = tidu.custom(lambda x: np.append(x, 1.0), shape=lambda x: x)
    with pytest.raises(ShapeError, match=r"\(4,\).*\(3,\)"):
        tidu.jvp(grows, (X,), (X,))
    fails = tidu.custom(lambda x: {}[1], shape=lambda x: x)
    with pytest.raises(EvaluationError, match="fails raised KeyError"):
        tidu.grad(lambda x: np.sum(fails(x)))(X)


WRONG: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
    ("1.001", np.sin, lambda x: 1.001 * np.cos(x)),
    ("transpose", np.linalg.det, lambda g, A, out: g * out * np.linalg.inv(A)),
    ("linear", np.cumsum, lambda g, x: g**2),
    (r"y\[", lambda x, y: x * y, lambda x, y: (y, y)),
    (r"x\[", lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1.0, 0.2)),
    ("the central difference", lambda x: x @ x, lambda g, x: g * x),
]


@pytest.mark.parametrize(("said", "function", "derivative"), WRONG)
def test_wrong_derivatives_are_refused(said: str, function: Any, derivative: Any) -> None:
    with pytest.raises(GradientMismatch, match=said) as caught:
        tidu.custom(function, derivative, name="f")
    assert "f 时给出的导数是错的" in caught.value.text("zh")


def test_what_cannot_be_a_derivative() -> None:
    with pytest.raises(InputError, match=r"\(x\).*\(g, x\)"):
        tidu.custom(np.sin, lambda: 1.0)
    with pytest.raises(InputError, match="entry by entry"):
        tidu.custom(lambda x: np.cumsum(x), lambda x: 1.0 + 0 * x)  # noqa: PLW0108
    with pytest.raises(ShapeError, match=r"\(2,\) for a; it has to be \(3,\)"):
        tidu.custom(np.cumsum, lambda g, x: g[:2], samples=(X,))
    with pytest.raises(ShapeError, match="1 part"):
        tidu.custom(np.multiply, lambda x, y: (y,))
    with pytest.raises(InputError, match="fixed number"):
        tidu.custom(lambda *x: x[0], lambda x: 1.0)
    with pytest.raises(InputError, match="2 argument"):
        tidu.custom(np.multiply, lambda x, y: (y, x), samples=(X,))
    with pytest.raises(InputError, match="not finite"):
        tidu.custom(lambda x: np.nan * x, lambda x: 1.0)
    with pytest.raises(TraceError, match=r"math\.cos") as caught:
        tidu.custom(np.sin, lambda x: math.cos(x))  # noqa: PLW0108
    assert "tidu.custom(" in str(caught.value)


def test_a_function_of_real_numbers_alone_is_verified_by_differences() -> None:
    text = tidu.derive(lambda x: np.sum(erf(x)), values={"x": X}).explain(lang="en").text()
    assert "agrees with central differences" in text
    assert "vol(A)" in str(tidu.derive(vol, shapes={"A": ("n", "n")}))


def test_settings_are_what_is_no_array() -> None:
    summed = tidu.custom(
        lambda x, axis=0, power=1: np.sum(x**power, axis=axis),
        lambda g, x, axis, power: power * x ** (power - 1) * np.expand_dims(g, axis),
        name="summed",
    )
    M = np.arange(6.0).reshape(2, 3)
    found = tidu.grad(lambda x: np.sum(summed(x, 1, power=2) ** 2))(M)
    np.testing.assert_allclose(found, 4 * M * np.sum(M**2, axis=1)[:, None])
    with pytest.raises(TypeError, match="positional"):
        erf(1.0, 2.0)
