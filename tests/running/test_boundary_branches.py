"""Functions that branch in Python at a point: the other side is seen by every verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import NoDerivativeWarning

Function = Callable[[Any], Any]


def branching(x: Any) -> Any:
    if x == 0:
        return 1.0 + 0.0 * x
    return np.expm1(x) / x


def branching_constant(x: Any) -> Any:
    if x == 0:
        return 1.0
    return np.sinh(x) / x + x


@pytest.mark.filterwarnings("ignore::tidu.errors.FlatWarning")
def test_a_python_branch_at_one_point_has_the_slope_of_its_neighbours() -> None:
    assert float(tidu.grad(branching)(0.0)) == pytest.approx(0.5, abs=1e-10)
    assert float(tidu.grad(branching_constant)(0.0)) == pytest.approx(1.0, abs=1e-10)
    assert float(tidu.hessian(branching)(0.0)) == pytest.approx(1 / 3, abs=1e-9)
    assert float(tidu.jacobian(branching)(0.0)) == pytest.approx(0.5, abs=1e-10)
    assert float(tidu.grad(branching)(1.0)) == pytest.approx(1.0)


def test_a_python_branch_that_jumps_at_the_point_says_so() -> None:
    def jump(x: Any) -> Any:
        return 5.0 + 0.0 * x if x == 0 else np.expm1(x) / x

    with pytest.warns(NoDerivativeWarning, match="no limit"):
        assert tidu.grad(jump)(0.0) == 0.0


def branching_vector(v: Any) -> Any:
    r = np.linalg.norm(v)
    return 1.0 + 0.0 * np.sum(v) if r == 0 else np.sin(r) / r + v[0]


@pytest.mark.filterwarnings("ignore::tidu.errors.FlatWarning")
@pytest.mark.parametrize(
    ("function", "x", "slope", "second"),
    [
        (branching, np.zeros(1), [0.5], [[1 / 3]]),
        (branching_constant, np.zeros(1), [1.0], [[1 / 3]]),
        (branching_vector, np.zeros(2), [1.0, 0.0], -np.eye(2) / 3),
    ],
)
def test_every_verb_sees_the_other_side_of_a_python_branch(
    function: Function, x: Any, slope: Any, second: Any
) -> None:
    def of_vector(v: Any) -> Any:
        return function(v[0] if v.size == 1 else v)

    direction = np.linspace(1.0, 2.0, x.size)

    def near(found: Any, wanted: Any) -> None:
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)

    value, change = tidu.jvp(of_vector, (x,), (direction,))
    assert value == 1.0
    near(change, np.dot(slope, direction))
    near(tidu.vjp(of_vector, x)[1](2.0)[0], 2.0 * np.array(slope))
    near(tidu.compile(tidu.grad(of_vector))(x), slope)
    product = np.dot(second, direction)
    near(tidu.hvp(of_vector)(x, direction), product)
    first, pull = tidu.vjp(tidu.grad(of_vector), x)
    near(first, slope)
    near(pull(direction)[0], product)
    first, along = tidu.jvp(tidu.grad(of_vector), (x,), (direction,))
    near(first, slope)
    near(along, product)
    near(tidu.compile(tidu.hessian(of_vector))(x), second)


def test_a_derivation_keeps_the_branch_that_was_taken_and_says_so() -> None:
    derived = tidu.derive(branching, wrt="x", x=0.0)
    with pytest.warns(NoDerivativeWarning, match="could not be found; the value given is NaN"):
        assert np.isnan(derived.evaluate().gradients["x"])
    with pytest.warns(NoDerivativeWarning, match="could not be found; the value given is NaN"):
        assert np.isnan(derived.hessian("x").evaluate())
