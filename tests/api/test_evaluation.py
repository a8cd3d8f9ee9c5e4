"""Values that are given to a derivation: what would silently be something else is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tidu
from tidu.errors import DTypeError

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
