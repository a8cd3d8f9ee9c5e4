"""What rounding leaves of a sum that is 0 is shown as 0; small numbers that are meant stay."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tidu
from tidu.api.derivation import Derivation


def products() -> Derivation:
    """0.1 + 0.2 − 0.3 in the second column of x @ W, in the gradient as well."""
    values = {"x": [[1.0, 1.0, -1.0]], "W": [[1.0, 0.1], [2.0, 0.2], [3.0, 0.3]], "V": [[0.5, 3.0]]}
    return tidu.derive("y = x @ W\nL = sum(y * y) + sum(V * y)", wrt=["W", "x"], values=values)


def test_the_value_itself_is_not_touched() -> None:
    y = np.array([[1.0, 1.0, -1.0]]) @ np.array([[0.1], [0.2], [0.3]])
    assert y[0, 0] != 0


@pytest.mark.parametrize("written", ["text", "markdown", "latex", "json"])
def test_rounding_errors_are_shown_as_0(written: str) -> None:
    report = products().explain("en")
    page = getattr(report, written)()
    shown = json.dumps(page) if not isinstance(page, str) else page
    assert "5.55112e" not in shown and "e-17" not in shown and "e−17" not in shown


def test_a_probability_less_its_target() -> None:
    lines = "P = softmax(Z, axis=1)\nL = sum((P - Y)**2)"
    values = {"Z": [[0.1, 0.1, 0.1]], "Y": [[1 / 3, 1 / 3, 1 / 3]]}
    page = tidu.derive(lines, wrt="Z", values=values).explain("en").text()
    assert "e−1" not in page and "e−3" not in page


@pytest.mark.parametrize(
    ("text", "values", "kept"),
    [
        ("L = a*b + c", {"a": 1e-9, "b": 1e-8, "c": 1.0}, "1e−8"),
        ("y = a*b\nL = y + c", {"a": 1e-9, "b": 1e-8, "c": 1.0}, "1e−17"),
        ("y = a + b + c\nL = y**2 + b", {"a": 1.0, "b": -1.0, "c": 1e-17}, "1e−17"),
        ("y = exp(a)\nL = y + b", {"a": -50.0, "b": 1.0}, "1.92875e−22"),
        ("y = b - a\nL = y*b", {"a": 1.0, "b": 1 + 2.0**-52}, "2.22045e−16"),
    ],
)
def test_small_numbers_that_the_formula_gives_stay(
    text: str, values: dict[str, float], kept: str
) -> None:
    derived = tidu.derive(text, wrt="a", values=values)
    assert kept in derived.explain("en").text()


def test_it_does_not_depend_on_the_size_of_the_numbers() -> None:
    for scale in (1e-30, 1e30):
        values = {"x": np.array([1.0, 1.0, -1.0]) * scale, "w": [0.1, 0.2, 0.3]}
        page = tidu.derive("y = x @ w\nL = y**2", wrt="w", values=values).explain("en").text()
        assert "y = x·w" in page.replace("xᵀ·w", "x·w")
        assert page.split("Forward pass")[1].split("shape")[0].rstrip().endswith("= 0")


def test_a_page_with_an_operation_that_has_several_results() -> None:
    """Eigenvalues beside numbers that rounding left."""
    lines = "y = x @ W\ns = eigvalsh(A)\nL = sum(y**2) + sum(s**2)"
    values = {"x": [1.0, 1.0, -1.0], "W": [[0.1], [0.2], [0.3]], "A": np.diag([1.0, 2.0])}
    page = tidu.derive(lines, wrt=["x", "A"], values=values).explain("en").text()
    assert "e−17" not in page
