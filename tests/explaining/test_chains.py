"""Chains in partial signs say what is held fixed, so that no gradient is explained by itself."""

from __future__ import annotations

from typing import Any, get_args

import pytest

import tidu
from tidu.explaining.view import Writing
from tidu.words import LANGUAGES

DIRECT = "h = tanh(x)\nL = sum(x * h) + sum(h**2)"
INNER = "h = tanh(x)\nk = exp(h)\nq = k * h + x\nL = sum(q**2)"
NUMBERS = "h = x**2\ng = sin(h)\nL = h * g"


@pytest.mark.parametrize("writing", get_args(Writing))
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("program", "shape", "wanted"),
    [
        (DIRECT, 3, "∂L/∂x = (∂L/∂x)ₕ + ∂L/∂h · ∂h/∂x = "),
        (INNER, 3, "∂L/∂h = ∂L/∂q · (∂q/∂h)ₖ + ∂L/∂q · ∂q/∂k · ∂k/∂h = "),
        (NUMBERS, (), "dL/dx = (∂L/∂h)_g · dh/dx + dL/dg · dg/dh · dh/dx"),
    ],
)
def test_a_use_beside_another_path_holds_that_path_fixed(
    program: str, shape: Any, wanted: str, lang: Any, writing: Writing
) -> None:
    text = tidu.derive(program, wrt="x", shapes={"x": shape}).explain(lang, writing=writing).text()
    assert wanted in text
    assert ("下标中的量视为常数" if lang == "zh" else "holds fixed what its index names") in text


@pytest.mark.parametrize("writing", get_args(Writing))
def test_many_paths_are_told_by_their_last_step(writing: Writing) -> None:
    """Four names use x, and the loss does so itself: no term is the gradient that it explains."""
    program = "a = sin(x)\nb = exp(a * x)\nc = tanh(b * x)\nd = b * c * x\nL = sum(d * x)"
    text = tidu.derive(program, wrt="x", shapes={"x": 3}).explain("en", writing=writing).text()
    (line,) = [line for line in text.splitlines() if line.strip().startswith("∂L/∂x = ")]
    assert "= (∂L/∂x)" in line
    assert "∂L/∂L" not in line
    assert "∂L/∂x" not in line.partition("=")[2].replace("(∂L/∂x)", "")


def test_one_path_for_each_factor_needs_no_brackets() -> None:
    program = "h = tanh(x)\na = sin(h)\nb = cos(h)\nL = sum(a * b)"
    text = tidu.derive(program, wrt="x", shapes={"x": 3}).explain("en").text()
    assert "= ∂L/∂b · ∂b/∂h · ∂h/∂x + ∂L/∂a · ∂a/∂h · ∂h/∂x =" in text
    assert "holds fixed" not in text
