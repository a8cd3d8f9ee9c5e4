"""Every line that the user names is a line of the working, whatever form runs."""

from __future__ import annotations

import numpy as np
import pytest

import tidu

LOGISTIC = "c = -x\nb = exp(c)\na = 1 + b\nf = 1/a"


def test_each_line_of_a_chain_has_its_factor_and_the_short_form_comes_after() -> None:
    text = tidu.derive(LOGISTIC, wrt="x", x=0.5).explain("en").text()
    for line in ("c = −x", "b = eᶜ", "a = 1 + b", "f = 1/a"):
        assert line in text
    assert "df/da · da/db · db/dc · dc/dx" in text
    assert text.index("Backward pass") < text.index("df/dx = f·(1 − f)")
    assert "As run: σ(x)" in text
    assert "✓ df/dx" in text


@pytest.mark.parametrize(
    ("program", "names", "lines"),
    [
        ("e = exp(z)\ns = 1 + e\nL = log(s)", "z", ["e = eᶻ", "s = 1 + e", "L = ln(s)"]),
        ("u = exp(x)\nv = exp(-x)\nL = (u - v)/(u + v)", "x", ["u = eˣ", "v = e⁻ˣ"]),
        ("s = a**2 + b**2\nL = sqrt(s)", "ab", ["s = a² + b²", "L = sqrt(s)"]),
        ("e = exp(-z)\np = 1/(1 + e)\nL = -log(p)", "z", ["e = e⁻ᶻ", "p = 1/(1 + e)"]),
    ],
)
def test_lines_stay(program: str, names: str, lines: list[str]) -> None:
    derivation = tidu.derive(program, wrt=list(names), values=dict.fromkeys(names, 0.7))
    text = derivation.explain("en").text()
    for line in lines:
        assert line in text


def test_softmax_by_hand_shows_its_lines_and_the_textbook_gradient() -> None:
    program = "E = exp(Z)\ns = sum(E, axis=1, keepdims=True)\nP = E / s\nL = -sum(Y * log(P)) / 2"
    values = {"Z": np.arange(6.0).reshape(2, 3), "Y": np.eye(3)[[0, 2]]}
    text = tidu.derive(program, wrt="Z", values=values).explain("en").text()
    for line in ("E = exp(Z)", "s = E·𝟏", "softmax(Z)", "0.5·(P − Y)"):
        assert line in text, line


def test_where_the_lines_overflow_the_page_shows_what_runs() -> None:
    """e⁸⁰⁰ is out of range, σ′(−800) is not."""
    text = tidu.derive(LOGISTIC.replace("f = 1/a", "f = log(a)"), wrt="x", x=-800.0).explain("en")
    assert "df/dx = −1" in text.text() or "= −1\n" in text.text()


def test_a_line_that_runs_in_another_form_shows_both() -> None:
    lines = "E = exp(Z)\ns = sum(E, axis=1, keepdims=True)\nP = E/s\nL = -sum(Y*log(P))"
    values = {"Z": [[0.1, 0.2], [1.0, 2.0]], "Y": [[1.0, 0.0], [0.0, 1.0]]}
    page = tidu.derive(lines, wrt="Z", values=values).explain("en").text(200)
    assert "P = E ⊘ (s·𝟏ᵀ)\n      = softmax(Z)" in page
    assert "v₁ = ln(P)\n       = log_softmax(Z)" in page
