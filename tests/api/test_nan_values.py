"""NaN among the arguments: taken where the function passes it over, refused where it counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError
from tidu.testing import check_grad

X = np.array([np.nan, 1.0, 2.0, 4.0])
PASSING: dict[str, Any] = {
    name: (getattr(np, name), getattr(np, name.removeprefix("nan")))
    for name in (
        *("nansum", "nanmean", "nanprod", "nanvar", "nanstd", "nanmin", "nanmax", "nanmedian"),
    )
} | {
    "a mask": (lambda x: np.sum(x[~np.isnan(x)] ** 2), lambda x: np.sum(x**2)),
    "indices": (lambda x: np.sum(x[1:] ** 2), lambda x: np.sum(x**2)),
    "where": (lambda x: np.sum(np.where(np.isnan(x), 0.0, x**2)), lambda x: np.sum(x**2)),
    "quantile": (lambda x: np.nanquantile(x, 0.3), lambda x: np.quantile(x, 0.3)),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_nan_over_has_the_derivatives_of_the_rest(name: str):
    passing, plain = PASSING[name]
    np.testing.assert_allclose(tidu.grad(passing)(X), [0.0, *tidu.grad(plain)(X[1:])], atol=1e-15)
    table = np.zeros((4, 4))
    table[1:, 1:] = tidu.hessian(plain)(X[1:])
    np.testing.assert_allclose(tidu.hessian(passing)(X), table, atol=1e-15)


def test_data_that_are_not_derived_by_may_hold_nan_too():
    assert tidu.grad(lambda w, x: w * np.nanmean(x))(2.0, X) == pytest.approx(7 / 3)
    check_grad(lambda w, x: w * np.nanmean(x), lambda w, x: np.nanmean(x), 2.0, X)


def test_a_text_takes_nan_where_it_passes_it_over():
    d = tidu.derive("nanmean(x**2)", wrt="x", x=X)
    np.testing.assert_allclose(d.evaluate().gradients["x"], [0.0, 2 / 3, 4 / 3, 8 / 3])
    with pytest.raises(InputError, match="x holds 4 NaN"):
        d.evaluate(x=[np.nan] * 4)
    with pytest.raises(InputError, match="x holds 1 NaN"):
        tidu.derive("mean(x**2)", wrt="x", x=X)


@pytest.mark.parametrize("verb", [tidu.grad, tidu.hessian, tidu.jacobian])
def test_nan_that_counts_is_refused_by_name(verb: Any):
    with pytest.raises(InputError) as caught:
        verb(lambda x: np.sum(x**3))(X)
    assert "x (4,) has 1 NaN, at x[0]" in caught.value.text("en")
    assert "x (4,) 中有 1 个 NaN" in caught.value.text("zh")
