"""The element zoom where sums, products and means mix elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu

W = np.array([[0.5, -1.0], [0.25, 2.0]])


def page(program: str, element: str, **values: Any) -> str:
    derived = tidu.derive(program, wrt=[element.partition("[")[0]], values=values)
    return derived.explain("en", zoom="element", of=element).text(200)


def test_an_element_of_an_unnamed_product_is_indexed_as_a_whole() -> None:
    """tanh′ is taken at (W·x)[1], which has two terms; W[1,1]·x[1] would be one of them."""
    shown = page("sum(tanh(W @ x))", "W[1,1]", W=W, x=np.array([1.0, 3.0]))
    assert "x[1]·(1 − tanh((W·x)[1])²)" in shown
    assert "tanh(W[1,1]·x[1])" not in shown


def test_an_element_of_an_unnamed_sum_is_indexed_as_a_whole() -> None:
    """With a name of the user's own, the parts without one stay unnamed."""
    program = "u = 1.0 * x\nsum(sum(u * W, axis=1)**2)"
    shown = page(program, "x[1,1]", x=np.ones((2, 2)), W=W)
    assert "W[1,1]·2·((u ⊙ W)·𝟏)[1]" in shown


def test_a_program_without_names_gets_lines_of_its_own() -> None:
    shown = page("sum(sum(x * W, axis=1)**2)", "x[1,1]", x=np.ones((2, 2)), W=W)
    assert "x[1,1] → v₁[1] → L" in shown


@pytest.mark.parametrize(
    ("program", "count"),
    [
        ("mean(-sum(Y * log_softmax(W, axis=1), axis=1))", 2),
        ("mean(-sum(Y * log_softmax(W, axis=0), axis=1))", 3),
        ("sum(Y * softmax(W, axis=None))", 6),
    ],
)
def test_paths_along_an_axis_are_counted_once(program: str, count: int) -> None:
    """An element of log_softmax along an axis is used by those of its row, not by all."""
    derived = tidu.derive(
        program, wrt=["W"], values={"W": np.arange(6.0).reshape(3, 2), "Y": np.ones((3, 2))}
    )
    shown = derived.explain("en", zoom="element", of="W[1,1]").text(200)
    assert f"{count} paths lead from W[1,1] to L" in shown


@pytest.mark.parametrize("program", ["3*a", "a + b*b"])
def test_a_constant_gradient_is_shown(program: str) -> None:
    shown = page(program, "a", a=1.0, b=2.0)
    assert "A single path leads from a to L" in shown
    assert "∂L/∂a = " in shown or "dL/da = " in shown
