"""No NaN without a word: the first value that is no finite number is named, with its line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import DescentError, NoDerivativeWarning, NotFiniteWarning
from tidu.optim import SGD, Adagrad, Adam, ClipNorm, RMSProp

X = np.array([-1.0, 0.5])


def _log(x: Any) -> Any:
    p = 2.0 * x
    return np.sum(np.log(p - 1.0))


CASES: list[tuple[Callable[[Any], Any], str, str]] = [
    (_log, "L is NaN: log(", "L 为 NaN：log("),
    (lambda x: np.sum(np.sqrt(x)), "sqrt(x) becomes NaN; there x lies", "sqrt(x) 变成 NaN；此时 x"),
    (lambda x: np.sum(np.sqrt(x + 1.0)), "∂L/∂x is inf: ", "∂L/∂x 为 inf："),
    (lambda x: np.sum(np.exp(1e4 * x)), "L is inf: ", "L 为 inf："),
    (lambda x: np.sum(x * np.inf * 0.0), "L is NaN: ", "L 为 NaN："),
    (lambda x: np.log((x[0] + 1.0) + 0j).imag, "log(", "log("),
]


@pytest.mark.parametrize(("loss", "english", "chinese"), CASES)
def test_what_is_not_finite_is_named_in_both_languages(
    loss: Callable[[Any], Any], english: str, chinese: str
) -> None:
    for verb in (tidu.value_and_grad, tidu.grad):
        with pytest.warns(NotFiniteWarning) as caught:
            verb(loss)(X)
        phrase = caught[0].message.args[0]  # type: ignore[union-attr]
        assert english in phrase.text("en")
        assert chinese in phrase.text("zh")
        assert caught[0].filename == __file__
        assert caught[0].lineno > loss.__code__.co_firstlineno - 1


def test_a_number_that_is_not_finite_whatever_the_values_are_is_told() -> None:
    slope = tidu.grad(lambda y: np.arctan(y / 0.0))
    with pytest.warns(NotFiniteWarning) as caught:
        assert tidu.grad(slope)(1.0) == 0.0
    phrase = caught[0].message.args[0]  # type: ignore[union-attr]
    assert phrase.text("en") == "L is inf, whatever the values are"
    assert phrase.text("zh") == "无论取什么值，L 都为 inf"


def test_an_evaluation_of_a_text_says_it_too() -> None:
    derivation = tidu.derive("sum(log(x - 1))", wrt="x", x=X)
    with pytest.warns(NotFiniteWarning, match="x lies between|之间|x - 1"):
        derivation.evaluate()


def test_finite_results_and_infinities_of_the_data_pass_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tidu.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))(X)
        tidu.grad(lambda x: np.sum(2.0 * x))(np.array([1.0, np.inf]))


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (Adam(0.1), "second moment: the running mean of the squared gradients (for w)", "二阶矩"),
        (Adagrad(0.1), "the sum of the squared gradients (for w)", "梯度平方的累积和（w）"),
        (RMSProp(0.1), "the running mean of the squared gradients (for w)", "滑动平均（w）"),
    ],
)
def test_a_memory_that_overflows_is_named(rule: Any, english: str, chinese: str):
    """g² is infinite though g is not: the next steps would be 0, and nobody would know."""
    with pytest.raises(DescentError) as caught:
        tidu.descend(lambda w: np.sum(1e200 * w), {"w": np.ones(2)}, optimizer=rule, steps=2)
    said = caught.value.text("en")
    assert english in said
    assert "becomes inf" in said
    assert "1e+200" in said
    assert chinese in caught.value.text("zh")


def test_gradients_whose_squares_overflow_are_clipped_to_their_norm():
    rule = SGD(0.1, clip=ClipNorm(1.0))
    run = tidu.descend(lambda w: np.sum(1e200 * w), {"w": np.ones(2)}, optimizer=rule, steps=1)
    np.testing.assert_allclose(run.params["w"], 1 - 0.1 / np.sqrt(2), rtol=1e-12)


def test_a_warning_about_a_text_is_at_the_line_that_called_tidu() -> None:
    with pytest.warns(NotFiniteWarning) as caught:
        tidu.derive("sum(log(x))", wrt="x", x=[1.0]).evaluate(x=[-1.0])
    with pytest.warns(NoDerivativeWarning) as beside:
        tidu.hessian(np.linalg.norm)(np.zeros(2))
    assert {one.filename for one in (*caught, *beside)} == {__file__}
