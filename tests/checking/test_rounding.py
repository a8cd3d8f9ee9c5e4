"""Roundings that are moved: what cancels moves, what is exact or tied does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.checking.rounding import TRIALS, moved_values, rounded_inputs
from tidu.testing import check_grad


def spread(text: str, x: Any) -> float:
    """How far moved roundings move the value of a text, relative to it."""
    derivation = tidu.derive(text, wrt="x", x=x, as_written=True)
    root = derivation.core.loss
    inputs = rounded_inputs([root], {"x": x})
    rest, *moved = (moved_values([root], inputs, i)[root.id] for i in range(TRIALS + 1))
    return float(max(abs(value - rest) for value in moved) / max(abs(rest), 1e-300))


@pytest.mark.parametrize(
    "text",
    ["x**2 - 9", "(x + 1) - x", "max(x*2, 6) - 6", "floor(x/2)", "sum(abs(-x) - x)", "x/2 + x/4"],
)
def test_short_numbers_and_choices_are_exact(text: str) -> None:
    assert spread(text, 3.0) == 0.0


@pytest.mark.parametrize("text", ["sin(x)", "exp(x)", "x*x + 1", "sqrt(x)", "x/3"])
def test_a_rounded_result_moves_by_its_last_digits(text: str) -> None:
    assert 1e-17 < spread(text, 1.3) < 1e-15


@pytest.mark.parametrize(
    ("text", "x"), [("1 - cos(x)", 1e-8), ("x - sin(x)", 1e-9), ("sqrt(x**2 + 1) - x", 1e9)]
)
def test_what_cancels_moves_by_all_that_is_left(text: str, x: float) -> None:
    assert spread(text, x) > 0.1


def test_equal_results_stay_equal() -> None:
    """The same rounding on both sides: a tie stays a tie."""
    text = "max(sin(x[0])*x[1], x[0]*sin(x[1])) - sin(x[1])*x[0]"
    assert spread(text, np.array([1.3, 1.3])) == 0.0


# ------------------------------------------------------------------ check_grad
def hole(x: Any) -> Any:
    return np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x))


def cut(x: Any) -> Any:
    return np.where(x > 0, x, 0) - np.where(-x > 0, -x, 0)


def kink(x: Any) -> Any:
    return np.maximum(x, 0.0)


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [(hole, [0.5], [0.0, 1.0, 0.501]), (cut, [1.0], [0.0, 0.5]), (kink, [0, 0.5, 1], [-0.1, 1.1])],
)
def test_only_what_lies_between_the_slopes_is_accepted(
    function: Any, right: list[float], wrong: list[float]
) -> None:
    """Where both slopes are one there is one answer, at a true kink all between them."""
    at = np.array(0.0)
    for value in right:
        assert check_grad(function, lambda _, v=value: v, at)[0].kind == "agrees"
    for value in wrong:
        with pytest.raises(AssertionError):
            check_grad(function, lambda _, v=value: v, at)


def untraced(function: Any) -> Any:
    """The same function in a form that cannot be derived."""

    def plain(x: Any) -> float:
        return float(function(float(x)))

    return plain


def gap(x: Any) -> Any:
    return (1 - np.cos(x)) / x**2


@pytest.mark.parametrize("function", [gap, untraced(gap)], ids=["traced", "untraced"])
@pytest.mark.parametrize("value", [-1e-8 / 12, 1e8, 0.0])
def test_lost_digits_are_neither_right_nor_wrong(function: Any, value: float) -> None:
    assert check_grad(function, lambda _: value, np.array(1e-8))[0].kind == "undecided"


@pytest.mark.parametrize("exponent", [10**6, 10**12, 10**18])
def test_a_steep_function_is_not_called_wrong(exponent: int) -> None:
    def power(x: Any) -> Any:
        return x**exponent

    (found,) = tidu.derive("x**p", wrt="x", x=1.0, p=float(exponent)).verify()
    assert found.kind == "agrees"
    assert check_grad(power, lambda _: float(exponent), np.array(1.0))[0].kind == "agrees"
    kind = check_grad(untraced(power), lambda _: float(exponent), np.array(1.0))[0].kind
    assert kind in ("agrees", "undecided")
    with pytest.raises(AssertionError):
        check_grad(power, lambda _: 2.0 * exponent, np.array(1.0))


def test_lost_digits_are_said_on_the_page() -> None:
    derivation = tidu.derive("(x - sin(x))/x**3", wrt="x", x=1e-6)
    assert "? dL/dx" in derivation.explain("en").text(200)
    assert "roundings alone make" in derivation.explain("en").text(200)
    assert "舍入误差" in derivation.explain("zh").text(200)


CUT = """
title = "cut"
program = "L = where(x > 0, x, 0) - where(-x > 0, -x, 0)"
given = {{x = 0.0}}
wrt = "x"
[[claim]]
name = "dL/dx"
value = {value}
"""


@pytest.mark.parametrize(("value", "holds"), [(1.0, True), (0.0, False), (0.5, False)])
def test_a_claim_is_judged_by_the_slope_where_kinks_cancel(
    tmp_path: Path, value: float, holds: bool
) -> None:
    """L is x, and has the slope 1 on both sides of 0."""
    study = tmp_path / "cut.toml"
    study.write_text(CUT.format(value=value))
    solved = tidu.solve(study)
    assert [claim.holds for claim in solved.parts[0].claims] == [holds]
    assert solved.ok


@pytest.mark.parametrize(
    ("text", "x", "right"),
    [
        ("log1p(-gammainc(3, x))", 36.0, -0.9459854014598541),
        ("log(1 - gammainc(3, x))", 36.0, -0.9459854014598541),
        ("log(1 - erf(x))", 5.0, -10.192700054863637),
        ("log(1 - ndtr(x))", 7.0, -7.137545613226503),
        ("(1 - cos(x))/x**2", 1e-3, -8.3333327777778e-05),
        ("1 + erf(x)", -5.0, 1.567086653123e-11),
    ],
)
def test_tails_are_calculated_by_themselves(text: str, x: float, right: float) -> None:
    """Where the difference from 1 would lose the digits, the other tail is taken, and ✓ stands."""
    derivation = tidu.derive(text, wrt="x", x=x)
    assert derivation.evaluate().gradients["x"] == pytest.approx(right, rel=1e-8)
    assert [found.kind for found in derivation.verify()] == ["agrees"]
