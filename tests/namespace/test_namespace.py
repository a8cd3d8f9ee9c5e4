"""`import tidu.numpy as np` runs what `import numpy as np` runs, lists of traced values as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import tidu
import tidu.numpy as np
from tests.namespace.agreement import agree
from tidu.errors import TraceError

V = numpy.array([0.3, -1.2, 0.7, 2.1])


def test_every_name_of_numpy_is_there() -> None:
    for name in dir(numpy):
        if not name.startswith("_"):
            assert getattr(np, name) is not None or getattr(numpy, name) is None, name
    assert set(dir(numpy)) <= set(dir(np))
    assert np.pi == numpy.pi
    assert np.float32 is numpy.float32
    assert np.add.reduce([1.0, 2.0]) == 3.0
    with pytest.raises(AttributeError):
        np.no_such_name  # noqa: B018


PROGRAMS: dict[str, Callable[..., Any]] = {
    "a list to a function": lambda x: np.sum([x[0], x[1] * 2.0]),
    "a list to a ufunc": lambda x: np.exp([x[0], x[1]]),
    "a nested list": lambda x: np.linalg.det(np.array([[x[0], 1.0], [x[1], x[2]]])),
    "mean of a list": lambda x: np.mean([x, x**2], axis=0),
    "r_": lambda x: np.r_[x, 1.0, x[0], 1:3],
    "c_": lambda x: np.c_[x, x**2],
    "full": lambda x: np.full((2, 3), x[0]),
    "full of a list": lambda x: np.full((2, 2), [x[0], x[1]]),
    "ascontiguousarray": lambda x: np.ascontiguousarray(x.T) * np.asanyarray([x[0]] * 4),
    "where of lists": lambda x: np.where(np.array([True, False]), [x[0], x[1]], [x[2], 0.0]),
    "outer of a ufunc": lambda x: np.multiply.outer(x, x),
    "tensordot of lists": lambda x: np.tensordot([x[0], x[1]], [x[2], x[3]], axes=1),
    "stack": lambda x: np.stack([x, x**2]) @ np.concatenate([x[:2], x[2:]]),
    "polyval": lambda x: np.polyval([x[0], 1.0, x[1]], x[2]),
    "interp": lambda x: np.interp(0.5, [0.0, 1.0], [x[0], x[1]]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name: str) -> None:
    agree(PROGRAMS[name], V)


def test_without_traced_values_it_is_numpy() -> None:
    assert np.r_[1:3, 5].tolist() == [1, 2, 5]
    assert np.c_[[1, 2], [3, 4]].tolist() == [[1, 3], [2, 4]]
    assert np.full((2,), 3, dtype=int).dtype == int
    assert np.sum([1.0, 2.0]) == 3.0
    assert np.asfortranarray([[1, 2]]).tolist() == [[1, 2]]


def test_a_refusal_shows_the_users_own_line() -> None:
    def loss(x: Any) -> Any:
        return np.sum(np.roots(x))

    with pytest.raises(TraceError) as refused:
        tidu.grad(loss)(V)
    place = refused.value.place
    assert place is not None
    assert place.file == __file__
    assert "np.roots(x)" in place.text
