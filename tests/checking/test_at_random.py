"""Derivations without values are checked at random sizes and values; second derivatives like first
ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.api.solve import solve
from tidu.checking.at_random import verify_at_random

PROGRAMS: list[tuple[str, str, dict[str, Any]]] = [
    ("sum((W @ x + b - y)**2)", "W", {"W": ("n", "d"), "x": "d", "b": "n", "y": "n"}),
    ("sum(log(1 - x)) + sum(arcsin(x))", "x", {"x": "n"}),
    ("sum(arccosh(x))", "x", {"x": "n"}),
    ("log(det(X))", "X", {"X": ("n", "n")}),
    ("sum(sqrt(x)) / n", "x", {"x": "n"}),
    ("sum(log(cholesky(X) + 1))", "X", {"X": ("n", "n")}),
    ("-mean(log_softmax(Z, axis=1) * Y)", "Z", {"Z": ("n", "k"), "Y": ("n", "k")}),
]


@pytest.mark.parametrize(("program", "wrt", "shapes"), PROGRAMS)
def test_gradients_with_letters_for_sizes_are_checked(
    program: str, wrt: str, shapes: dict[str, Any]
) -> None:
    page = tidu.derive(program, wrt=wrt, shapes=shapes).explain("en", only="check").text()
    assert "Checked at " in page
    assert f"✓ ∂L/∂{wrt}: agrees with" in page


def test_both_languages_say_at_what_sizes() -> None:
    d = tidu.derive("sum((W @ x)**2)", wrt="W", shapes={"W": ("n", "d"), "x": "d"})
    assert "Checked at d = 2, n = 3 with random values." in d.explain("en").text()
    assert "取 d = 2，n = 3 和随机数值作检验。" in d.explain("zh").text()
    assert "d = 2" in d.explain("en").markdown().replace("$", "")


def test_declared_functions_have_an_example_there() -> None:
    d = tidu.derive("sum(f(x))", wrt="x", shapes={"x": 3}, functions={"f": None})
    page = d.explain("en").text()
    assert "Checked with random values." in page
    assert "f: a smooth example stands for it there." in page


@pytest.mark.parametrize(
    ("program", "shape", "told"),
    [
        ("sum(log(-x**2 - 1))", "n", "? ∂L/∂x: could not be checked numerically"),
        ("sum(x**2)", 10**6, "Not checked by numbers"),
    ],
)
def test_what_cannot_be_checked_says_so(program: str, shape: Any, told: str) -> None:
    page = tidu.derive(program, wrt="x", shapes={"x": shape}).explain("en")
    assert told in page.text()
    assert page.holds()


def test_a_wrong_gradient_is_refuted_at_random_values() -> None:
    d = tidu.derive("sum((W @ x)**2)", wrt="W", shapes={"W": ("n", "d"), "x": "d"})
    gradients = {"W": d.core.gradients["W"] * 2.0}
    wrong = replace(d, core=replace(d.core, gradients=gradients))
    check = verify_at_random(wrong)
    assert check is not None
    assert [finding.kind for finding in check.findings] == ["differs"]
    for page in (wrong.explain("en"), wrong.explain("en", brief=True)):
        assert "✗ ∂L/∂W" in page.text()
        assert not page.holds()


def test_a_study_with_letters_for_sizes_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'title = "t"\nprogram = "L = sum((X @ w - y)**2)"\nwrt = "w"\n'
        '[shapes]\nX = ["n", "d"]\nw = ["d"]\ny = ["n"]\n'
    )
    solution = solve(file, lang="en")
    assert solution.ok
    assert "Checked at d = 2, n = 3 with random values." in solution.report.text()


# ------------------------------------------------------------------ second derivatives
@pytest.mark.parametrize(
    ("program", "values", "pair"),
    [
        ("sum((A @ x - b)**2)", {"A": [[1.0, 2], [3, 4]], "x": [1.0, 2], "b": [0.0, 1]}, "xx"),
        ("sum(tanh(W @ x)**2)", {"W": [[0.5, -1.0], [0.2, 0.1]], "x": [1.0, 2.0]}, "WW"),
        ("sum(tanh(W @ x)**2)", {"W": [[0.5, -1.0], [0.2, 0.1]], "x": [1.0, 2.0]}, "xW"),
        ("x**3 * y", {"x": 2.0, "y": 3.0}, "xy"),
    ],
)
def test_second_derivatives_are_checked(program: str, values: Any, pair: str) -> None:
    x, y = pair
    d = tidu.derive(program, wrt=list(dict.fromkeys(pair)), values=values)
    page = d.explain("en", second=[(x, y)], only="second").text()
    assert " ".join(page.split()).count("of the gradient, largest relative error") == 1
    assert "✓" in page
    shaped = tidu.derive(
        program, list(dict.fromkeys(pair)), shapes={n: np.shape(v) for n, v in values.items()}
    )
    assert "Checked with random values." in shaped.explain("en", second=[(x, y)]).text()


def test_a_wrong_second_derivative_is_refuted() -> None:
    d = tidu.derive("sum((A @ x)**2)", wrt="x", A=[[1.0, 2], [3, 4]], x=[1.0, 2.0])
    hessian = d.hessian("x")
    wrong = replace(hessian, found=replace(hessian.found, dense=hessian.found.dense * 2.0))
    assert hessian.verify(d.values).kind == "agrees"
    assert wrong.verify(d.values).kind == "differs"
