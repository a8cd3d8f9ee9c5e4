"""What NumPy arrays share, a traced function shares too, or it is refused: never another value."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidu import value_and_grad
from tidu.errors import EvaluationError, InputError, ShapeError, TiduError, TraceError
from tidu.tracing.trace import trace

X = np.array([0.5, -1.5, 2.0])

VIEWS: dict[str, Callable[[Any], Any]] = {
    "[:]": lambda x: x[:],
    "[...]": lambda x: x[...],
    "reshape": lambda x: np.reshape(x, 3),
    "reshape by name": lambda x: np.reshape(x, shape=(3,)),
    "squeeze": np.squeeze,
    "ravel": np.ravel,
    "transpose": np.transpose,
    "moveaxis": lambda x: np.moveaxis(x, 0, 0),
    "astype": lambda x: x.astype(float, copy=False),
    "flip": np.flip,
    "split": lambda x: np.split(x, 3)[0],
    "real": np.real,
    "atleast_1d": np.atleast_1d,
    "one element": lambda x: x[:1].reshape(()),
    "one element, no axes": lambda x: x[0, ...],
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda x: x.copy(),
    "np.copy": np.copy,
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "positive": lambda x: +x,
    "astype": lambda x: x.astype(float),
    "flatten": lambda x: x.flatten(),
    "number": lambda x: x[0],
    "item": lambda x: x.item(1),
    "gathered": lambda x: x[[0, 1, 2]],
    "where": lambda x: np.where(x > 0, x, x),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_a_view_changed_in_place_is_right_or_refused(view: Callable[[Any], Any]) -> None:
    def loss(x: Any) -> Any:
        part = view(x)
        part += 1.0
        return np.sum(x * part)

    try:
        value, _ = value_and_grad(loss)(X)
    except TraceError as error:
        assert "in place" in error.text("en")
        assert "就地" in error.text("zh")
    else:
        assert value == loss(X.copy())


@pytest.mark.parametrize("taken", COPIES.values(), ids=COPIES.keys())
def test_a_copy_may_change_in_place_and_so_may_its_origin(taken: Callable[[Any], Any]) -> None:
    def loss(x: Any) -> Any:
        part = taken(x)
        part += 1.0
        x *= 2.0
        return np.sum(x * part)

    value, gradient = value_and_grad(loss)(X)
    assert value == loss(X.copy())
    for i in range(3):
        step = np.eye(3)[i] * 1e-6
        assert np.isclose(gradient[i], (loss(X + step) - loss(X - step)) / 2e-6, atol=1e-6)


def test_arrays_without_axes_change_in_place_for_all_their_names() -> None:
    def loss(w: Any) -> Any:
        chosen = np.where(w > 0, w, 0.0)
        copied = w.copy()
        same, also = chosen, copied
        chosen += 1.0
        copied *= 3.0
        return w * same * also

    value, gradient = value_and_grad(loss)(np.array(2.0))
    assert value == loss(np.array(2.0)) == 36.0
    assert gradient == 3 * (3 * 4.0 + 2 * 2.0)


def test_a_refusal_that_the_function_catches_still_holds() -> None:
    def loss(x: Any) -> Any:
        try:
            x[0] = 0.0
        except TypeError:
            pass
        return np.sum(x)

    with pytest.raises(TraceError) as caught:
        trace(loss, (X,))
    assert "x[0] = 0.0" in caught.value.text("en")
    assert "x[0] = 0.0" in caught.value.text("zh")


def test_questions_about_the_kind_are_answered_as_for_the_array_itself() -> None:
    def loss(x: Any, w: Any) -> Any:
        assert isinstance(w, float)
        assert not isinstance(x, list)
        return w * np.sum(x) if isinstance(x, np.ndarray) else x[0]

    assert value_and_grad(loss)(X, 2.0)[0] == 2.0
    assert getattr(X, "nothing", None) is None
    assert trace(lambda x: np.sum(x) if hasattr(x, "numpy") else x[0], (X,)).result == 0.5


def test_a_missing_method_points_at_the_function_that_exists() -> None:
    with pytest.raises(TiduError) as caught:
        trace(lambda x: np.sum(x.median()), (X,))
    assert "np.median(...)" in caught.value.text("en")
    assert "np.median(...)" in caught.value.text("zh")
    with pytest.raises(TiduError) as caught:
        trace(lambda x: np.sum(x.view()), (X,))
    assert "_view" not in caught.value.text("en")


def test_arguments_that_a_composition_does_not_know_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        trace(lambda x: np.sum(np.take(x, [0, 5], mode="clip")), (X,))
    assert caught.value.text("en").startswith("np.take is not derived with these arguments: mode")
    assert caught.value.text("zh").startswith("np.take 带这些参数时不能求导：mode")
    with pytest.raises(EvaluationError) as failed:
        trace(lambda x: np.sum(np.choose(np.array([0, 2]), [x, x])), (X,))
    assert "invalid entry in choice array" in failed.value.text("en")
    assert "NumPy 无法计算" in failed.value.text("zh")
    with pytest.raises(InputError) as unequal:
        trace(lambda x: np.sum(np.select([x > 0], [x, x])), (X,))
    assert "as many choices as conditions, got 1 and 2" in unequal.value.text("en")
    assert "条件与选项个数要相同" in unequal.value.text("zh")


def test_inner_and_average_are_numpys_for_every_rank() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 4, 3))
    weights = np.array([1.0, 2.0])
    for left, right in ((a, b), (b, a), (a, a), (X, b), (b, X), (X, X), (a, 2.0)):
        traced = trace(lambda x, y: np.sum(np.sin(np.inner(x, y))), (left, right))
        assert np.isclose(traced.result, np.sum(np.sin(np.inner(left, right))))
    for options in ({}, {"axis": 0, "weights": weights}, {"axis": 1, "keepdims": True}):
        traced = trace(lambda x, o=options: np.sum(np.sin(np.average(x, **o))), {"x": a})
        assert np.isclose(traced.result, np.sum(np.sin(np.average(a, **options))))
    with pytest.raises(ShapeError, match="do not fit"):
        trace(lambda x: np.average(x, weights=weights), (a,))


def test_exclusive_or_is_numpys_on_masks() -> None:
    def loss(x: Any) -> Any:
        return np.sum(((x > 0) ^ (x < 1)) * x) + np.sum(np.logical_xor(x > 0, x > 1) * x)

    assert trace(loss, (X,)).result == loss(X)


def test_a_product_that_does_not_fit_is_told_with_the_shapes_as_given() -> None:
    with pytest.raises(ShapeError) as caught:
        trace(lambda w, b: np.sum(w @ b), (np.ones((2, 3)), np.ones((5, 4, 2))))
    assert "w has shape (2, 3), b has shape (5, 4, 2)" in caught.value.text("en")
    assert "w 的形状是 (2, 3)，b 的形状是 (5, 4, 2)" in caught.value.text("zh")
