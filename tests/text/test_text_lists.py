"""Functions of lists of arrays in texts: their values are NumPy's, and their gradients agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError, UnknownNameError

VALUES: dict[str, Any] = {
    "x": np.array([1.0, -2.0, 3.0, 4.0]),
    "y": np.array([2.0, 1.0, 0.5, 5.0]),
    "A": np.arange(6.0).reshape(2, 3) + 0.5,
    "k": np.array([0, 1, 1, 0]),
}
TEXTS = [
    "np.select([x > 0, x < -1], [x**2, 3*x])",
    "np.select([x > 5, x > 0], [x**2, 3*x], default=y)",
    "np.select(condlist=[x > 0, x > 3], choicelist=[x, 0 * x])",
    "np.choose(k, [x, y])",
    "np.choose([1, 0, 0, 1], [x, y**2])",
    "np.block([x, y])",
    "np.block([[A, 2 * A], [A, A * A]])",
    "np.block([[A, x[:2].reshape((2, 1))], [1.0, 2.0, y[:2].reshape((1, 2))]])",
    "np.insert(x, 1, 7.0)",
    "np.insert(x, [0, 4], y[:2])",
    "np.insert(A, 1, x[:2], axis=1)",
    "np.insert(A, [0, 1], 2.0 * A[:, :2], 1)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_lists_of_arrays_are_read_as_numpy_reads_them(text: str) -> None:
    used = {name: value for name, value in VALUES.items() if name in text.replace("block", "")}
    wrt = [name for name in used if name in "xyA"]
    loss = f"sum(({text})**2 + {text})"
    found = tidu.derive(loss, wrt=wrt, values=used)
    truth = eval(text, {"np": np, **used})  # noqa: S307  (texts of this file)
    assert found.evaluate().value == pytest.approx(np.sum(truth**2 + truth), rel=1e-13)
    assert all(finding.agrees for finding in found.verify())


def test_a_number_that_no_choice_has_is_no_choice() -> None:
    shapes = {"x": 2, "y": 2}
    with pytest.raises(InputError, match="2 choices, numbered from 0; 2 is none of them"):
        tidu.derive("sum(np.choose([0, 2], [x, y]))", wrt="x", shapes=shapes)
    d = tidu.derive("sum(np.choose(k, [x, y]))", wrt="x", shapes={**shapes, "k": 2})
    values = {"x": np.ones(2), "y": np.ones(2), "k": np.array([0, -1])}
    with pytest.warns(tidu.errors.TiduWarning):
        assert np.isnan(d.evaluate(values).value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("np.select([x > 0], [x, x])", "as many choices as conditions, got 1 and 2"),
        ("np.select(x > 0, x)", r"np\.select cannot be called.*condlist, choicelist, default"),
        ("np.block([[x, x], x])", "nested equally deep"),
        ("np.insert(x, y, 1.0)", "must be written numbers"),
        ("np.insert(x, 1.0, 1.0)", "must be written numbers"),
    ],
)
def test_calls_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tidu.derive(f"sum({text})", wrt="x", shapes={"x": 2, "y": 2})


def test_what_works_in_functions_alone_says_so() -> None:
    with pytest.raises(UnknownNameError, match=r"np\.piecewise in NumPy functions"):
        tidu.derive("sum(np.piecewise(x, [x < 0], [0.0, 1.0]))", wrt="x", shapes={"x": 2})
