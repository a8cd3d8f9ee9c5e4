"""Values that are given to a derivation: what would silently be something else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import DTypeError, EvaluationError

MASKED = np.ma.masked_array([1.0, 2.0], [False, True])


def test_a_masked_array_does_not_lose_its_mask_unnoticed() -> None:
    with pytest.raises(DTypeError) as caught:
        tidu.derive("sum(W * x)", wrt="W", W=MASKED, x=[1.0, 2.0])
    assert "masked array" in caught.value.text("en")
    assert "W.filled(0.0)" in caught.value.text("zh")


def test_nor_where_it_is_given_to_an_evaluation() -> None:
    derivation = tidu.derive("sum(W * x)", wrt="W", shapes={"W": (2,), "x": (2,)})
    with pytest.raises(DTypeError):
        derivation.evaluate(W=MASKED, x=[1.0, 2.0])


def _kinked(x: Any) -> Any:
    return np.sum(x**3) if np.max(x) > 3 else np.sum(x**2)


def test_values_that_would_take_another_branch_are_refused() -> None:
    """The formulas are those of one branch; elsewhere they would be silently wrong."""
    d = tidu.derive(_kinked, wrt=["x"], values={"x": np.array([1.0, 2.0])})
    assert d.evaluate(x=np.array([2.0, 2.5])).gradients["x"].tolist() == [4.0, 5.0]
    for ask in (d.evaluate, d.verify, d.hessian("x").evaluate):
        with pytest.raises(EvaluationError) as refused:
            ask({"x": np.array([5.0, 1.0])})
        assert "derive(f" in refused.value.text("en") and "重新" in refused.value.text("zh")
