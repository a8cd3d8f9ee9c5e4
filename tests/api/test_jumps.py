"""A gradient that is zero because a function only changes in jumps says so, in both languages;
so does a gradient that is taken at a jump."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import FlatWarning, NoDerivativeWarning

X = np.array([0.3, -1.2, 2.0])
FLAT: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.sum(np.argsort(x)), "argsort(x)"),
    (lambda x: np.sum(np.round(2.0 * x)), "round("),
    (lambda x: np.sum(x > 0.0), "x > 0"),
    (lambda x: np.sum(np.where(x > 0.0, 2.0, 1.0)), "x > 0"),
    (lambda x: np.argmax(x) + np.sum(np.floor(x)), "floor(x), argmax(x)"),
]


@pytest.mark.parametrize(("loss", "ends"), FLAT)
def test_a_flat_function_is_named(loss: Callable[[Any], Any], ends: str) -> None:
    for verb in (tidu.grad, tidu.value_and_grad):
        with pytest.warns(FlatWarning) as caught:
            verb(loss)(X)
        phrase = caught[0].message.args[0]  # type: ignore[union-attr]
        assert ends in phrase.text("en")
        assert "zero almost everywhere" in phrase.text("en")
        assert "does not exist at a jump" in phrase.text("en")
        assert ends in phrase.text("zh")
        assert "几乎处处为零" in phrase.text("zh")
        assert caught[0].filename == __file__
    derived = tidu.derive(loss, x=X)
    for language, words in (("en", "zero almost everywhere"), ("zh", "几乎处处为零")):
        page = " ".join(derived.explain(language).text().split())
        assert words in page
        assert derived.evaluate().gradients["x"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: np.sum(x * np.round(x)),  # a path that is not flat
        lambda x: np.sum(np.sort(x)),
        lambda x: np.max(2.0 * x),
        lambda x: np.sum(np.where(x > 0.0, x, 0.0)),
        lambda x: np.sum(np.ones(3)),  # no path at all
        lambda x: np.sum(x * 0.0),
        lambda x: np.sum(x**0),  # constant
        lambda x: np.sum(tidu.grad(lambda t: np.sum(np.sort(t) * np.arange(3.0)))(x)),
    ],
)
def test_nothing_is_said_of_other_functions(loss: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tidu.grad(loss)(X)


def test_exported_code_says_it_too() -> None:
    code = tidu.derive("sum(round(x))", ["x"], x=X).to_numpy()
    assert "zero almost everywhere" in " ".join(code.replace("#", " ").split())


B = np.array([1.0, 2.0, 5.0])
JUMPING: list[Callable[[Any], Any]] = [
    lambda a: np.sum(np.linalg.pinv(a) ** 2),
    lambda a: np.sum(np.linalg.lstsq(a, B)[0] ** 2),
]


@pytest.mark.parametrize("loss", JUMPING)
def test_a_gradient_at_a_jump_says_so(loss: Callable[[Any], Any]) -> None:
    """The pseudo-inverse has no derivative where the rank is less than full."""
    gradient = tidu.grad(loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient(np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 6.0]]))
    with pytest.warns(NoDerivativeWarning) as caught:
        gradient(np.outer([1.0, 2.0, 3.0], [1.0, 2.0]))
    phrase = caught[0].message.args[0]  # type: ignore[union-attr]
    assert "has no derivative" in phrase.text("en")
    assert "without full rank" in phrase.text("en")
    assert "没有导数" in phrase.text("zh")
    assert caught[0].filename == __file__
