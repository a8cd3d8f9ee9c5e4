"""Sizes that are letters calculate as numbers do in a traced function: 1/n, √d, d ** -0.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
import tidu.numpy as tnp

FORMS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: (1 / x.shape[0]) * np.sum(x**2), "(2/n)·x"),
    (lambda x: np.sum(x) / (2 * x.shape[0]), "1/(2n)"),
    (lambda x: 0.5 / x.shape[0] * np.sum(x), "0.5/n"),
    (lambda x: np.sum(x) / np.sqrt(x.shape[1]), "1/sqrt(d)"),
    (lambda x: np.sum(x) * x.shape[0] * 0.5, "0.5n"),
    (lambda x: np.sum(x[tnp.arange(x.shape[0]), tnp.arange(x.shape[0])]), "onehot"),
]


@pytest.mark.parametrize(("function", "formula"), FORMS, ids=[formula for _, formula in FORMS])
def test_a_size_is_a_number_of_the_formula(function: Callable[[Any], Any], formula: str) -> None:
    derivation = tidu.derive(function, wrt="x", shapes={"x": ("n", "d")})
    assert formula in str(derivation)
    values = np.random.default_rng(0).normal(size=(3, 3))
    right = tidu.grad(function)(values)
    np.testing.assert_allclose(derivation.evaluate(x=values).gradients["x"], right, rtol=1e-13)


@pytest.mark.parametrize("power", [-0.5, 0.5, 2])
def test_a_power_of_a_size(power: float) -> None:
    def scaled(x: Any) -> Any:
        return np.sum(x**2) * x.shape[0] ** power

    derivation = tidu.derive(scaled, wrt="x", shapes={"x": ("n",)})
    x = np.array([1.0, 2.0, 3.0])
    right = 2 * x * 3.0**power
    np.testing.assert_allclose(derivation.evaluate(x=x).gradients["x"], right, rtol=1e-14)


def test_numpys_arange_of_a_letter_says_what_to_write() -> None:
    with pytest.raises(tidu.TiduError) as caught:
        tidu.derive(lambda x: np.sum(x[np.arange(x.shape[0])]), wrt="x", shapes={"x": ("n",)})
    assert "tidu.numpy.arange" in caught.value.text("en")
    assert "tidu.numpy" in caught.value.text("zh")


def test_outside_of_a_trace_a_letter_is_no_number() -> None:
    from tidu.ir.types import Size

    with pytest.raises(tidu.TiduError, match="the size n is a letter"):
        _ = 1 / Size.named("n")
    with pytest.raises(TypeError):
        Size.named("n") + "a"  # type: ignore[operator]
