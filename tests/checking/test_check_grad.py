"""check_grad on arguments by name, at random points beside the given one, and its advice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tidu.errors import GradientMismatch, InputError
from tidu.testing import check_grad

W1, W2, X, Y = (
    np.random.default_rng(0).normal(size=shape) for shape in ((3, 4), (4,), (5, 3), (5,))
)


def _network(W1: Any, W2: Any, X: Any, Y: Any) -> Any:
    return np.mean((np.tanh(X @ W1) @ W2 - Y) ** 2)


def _by_hand(W1: Any, W2: Any, X: Any, Y: Any) -> tuple[Any, Any]:
    h = np.tanh(X @ W1)
    e = 2 * (h @ W2 - Y) / len(Y)
    return X.T @ (np.outer(e, W2) * (1 - h**2)), h.T @ e


@pytest.mark.parametrize("wrt", ["W1,W2", "W1, W2", ["W1", "W2"], ("W1", "W2")])
def test_arguments_are_named(wrt: Any) -> None:
    found = check_grad(_network, _by_hand, W1, W2, X, Y, wrt=wrt)
    assert [(f.subject, f.kind) for f in found] == [("W1", "agrees"), ("W2", "agrees")]


def test_gradients_by_name_come_in_any_order() -> None:
    def by_name(*args: Any) -> dict[str, Any]:
        one, two = _by_hand(*args)
        return {"W2": two, "W1": one}

    assert len(check_grad(_network, by_name, W1, W2, X, Y)) == 2
    assert len(check_grad(_network, by_name, W1, W2, X, Y, wrt="W1")) == 1
    with pytest.raises(GradientMismatch, match="without X"):
        check_grad(_network, by_name, W1, W2, X, Y, wrt="W1,X")


def test_a_wrong_call_says_what_to_write() -> None:
    with pytest.raises(GradientMismatch, match=r"check_grad\(…, wrt=\('W1', 'W2'\)\)"):
        check_grad(_network, _by_hand, W1, W2, X, Y)
    with pytest.raises(InputError, match="the arguments are W1, W2, X, Y"):
        check_grad(_network, _by_hand, W1, W2, X, Y, wrt="W9")
    with pytest.raises(InputError, match="wrt and argnums"):
        check_grad(_network, _by_hand, W1, W2, X, Y, wrt="W1", argnums=0)


@pytest.mark.parametrize(
    ("factor", "advice", "meaning"),
    [
        (-1.0, "return -gradient", ""),
        (5.0, "return gradient / 5", r"5 is len\(X\) = len\(Y\): a mean"),
        (0.2, r"return 5 \* gradient", r"5 is len\(X\)"),
        (2.0, "return gradient / 2", "2 is what the derivative of a square brings"),
        (-0.5, r"return -2 \* gradient", "derivative of a square"),
        (-2.5, r"return -gradient / 2\.5", ""),
    ],
)
def test_a_factor_is_named_and_undone(factor: float, advice: str, meaning: str) -> None:
    def wrong(*args: Any) -> Any:
        return factor * _by_hand(*args)[1]

    with pytest.raises(GradientMismatch, match=f"(?s){meaning}.*{advice}"):
        check_grad(_network, wrong, W1, W2, X, Y, wrt="W2")


def test_what_is_right_by_accident_is_found_at_random_points() -> None:
    def loss(x: Any) -> Any:
        return np.sum(x**2)

    def cubed(x: Any) -> Any:
        return 2 * x**3

    ones = np.ones(2)
    with pytest.raises(GradientMismatch, match=r"by accident; this is at x = \[") as first:
        check_grad(loss, cubed, ones)
    with pytest.raises(GradientMismatch) as second:
        check_grad(loss, cubed, ones)
    assert str(first.value) == str(second.value)
    assert [f.kind for f in check_grad(loss, cubed, ones, points=0)] == ["agrees"]


def test_random_points_keep_the_kind_of_the_data() -> None:
    def quadratic(x: Any, A: Any) -> Any:
        return x @ A @ x

    def softmax_loss(Z: Any, T: Any) -> Any:
        return -np.sum(T * (Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))))

    def difference(Z: Any, T: Any) -> Any:
        grown = np.exp(Z)
        return grown / grown.sum(axis=1, keepdims=True) - T

    symmetric = np.array([[2.0, 1.0], [1.0, 3.0]])
    check_grad(quadratic, lambda x, A: 2 * A @ x, np.array([1.0, 2.0]), symmetric)
    check_grad(softmax_loss, difference, X, np.eye(3)[[0, 1, 2, 0, 1]])
    check_grad(lambda x: np.sum(np.log(x)), lambda x: 1 / x, np.array([1e-3, 2.0]))


def test_a_kink_at_the_given_point_is_named_with_both_slopes() -> None:
    with pytest.raises(GradientMismatch, match="the slope is -1 on the left and 1 on the right"):
        check_grad(lambda x: np.sum(np.abs(x)), lambda x: np.sign(x) + 3 * (x == 0), np.zeros(2))
