"""The engine behind `check_grad`: hand-written gradients against derivations and differences."""

from __future__ import annotations

import numpy as np
import pytest

from tidu.checking import check_gradient, require_agreement
from tidu.checking.mistakes import TRANSPOSITION
from tidu.errors import GradientMismatch

RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 3))
Y = RNG.standard_normal((2, 3))


def loss(w: np.ndarray) -> float:
    return float(np.sum(np.sin(w) * Y))


def gradient(w: np.ndarray) -> np.ndarray:
    return np.cos(w) * Y


def test_a_right_gradient_agrees() -> None:
    (found,) = check_gradient(loss, gradient, [X])
    assert (found.kind, found.method) == ("agrees", "central differences")
    require_agreement([found])


def test_several_arguments_are_checked_one_by_one() -> None:
    a, b = RNG.standard_normal((3, 2)), RNG.standard_normal(2)

    def g(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = 2 * (m @ v)
        return np.outer(r, v), m.T @ r * 1.5

    found = check_gradient(lambda m, v: np.sum((m @ v) ** 2), g, [a, b], argnums=(0, 1))
    assert [f.kind for f in found] == ["agrees", "differs"]
    assert found[1].mistake is not None
    assert found[1].mistake.facts == {"ratio": 1.5}


@pytest.mark.parametrize("derived", [False, True])
def test_a_wrong_gradient_raises_with_entry_values_ratio_and_fix(derived: bool) -> None:
    expected = [gradient(X)] if derived else None
    found = check_gradient(loss, lambda w: 2 * gradient(w), [X], names=["W"], expected=expected)
    with pytest.raises(GradientMismatch) as caught:
        require_agreement(found)
    assert isinstance(caught.value, AssertionError)
    english, chinese = caught.value.text("en"), caught.value.text("zh")
    assert "the gradient with respect to W[" in english
    assert (
        "the derivation gives" if derived else "the central difference gives"
    ) in english or derived
    assert "every entry is 2 times what it should be" in english
    assert "write instead: return gradient / 2" in english
    assert "每个元素都是正确值的 2 倍" in chinese and "改成：return gradient / 2" in chinese


@pytest.mark.parametrize("derived", [False, True])
def test_a_transpose_is_named(derived: bool) -> None:
    expected = [gradient(X)] if derived else None
    found = check_gradient(loss, lambda w: gradient(w).T, [X], names=["W"], expected=expected)
    with pytest.raises(GradientMismatch) as caught:
        require_agreement(found)
    assert "has shape (3, 2); W has shape (2, 3)" in caught.value.text("en")
    assert "it is the transpose of the right gradient" in caught.value.text("en")
    assert "它是正确梯度的转置" in caught.value.text("zh")
    assert "return gradient.T" in caught.value.text("en")


def test_a_square_transpose_is_named_too() -> None:
    m = RNG.standard_normal((3, 3))
    (found,) = check_gradient(lambda w: np.sum(w**2 * m), lambda w: (2 * w * m).T, [m * 0.7])
    assert found.kind == "differs"
    assert found.mistake is not None and found.mistake.kind is TRANSPOSITION


def test_a_missing_array_is_said() -> None:
    found = check_gradient(lambda a, b: np.sum(a * b), lambda a, b: (b,), [X, Y], argnums=(0, 1))
    assert "returned 1 array(s) for 2 argument(s)" in found[0].details[0].text("en")
    assert "返回了 1 个数组" in found[0].details[0].text("zh")


def test_large_arguments_are_checked_along_directions() -> None:
    x = RNG.standard_normal(1000)
    right = check_gradient(lambda w: np.sum(w**3), lambda w: 3 * w**2, [x])
    wrong = check_gradient(lambda w: np.sum(w**3), lambda w: 3.03 * w**2, [x])
    assert [right[0].kind, wrong[0].kind] == ["agrees", "differs"]
    assert "along a random direction" in wrong[0].details[0].text("en")
    assert "沿一个随机方向" in wrong[0].details[0].text("zh")


@pytest.mark.parametrize("used", [-1.0, 0.0, 1.0])
def test_on_a_kink_every_value_between_the_slopes_is_right(used: float) -> None:
    def g(x: np.ndarray) -> np.ndarray:
        return np.where(x == 0, used, np.sign(x))

    (found,) = check_gradient(lambda x: np.sum(np.abs(x)), g, [np.array([0.0, 2.0])])
    assert found.kind == "agrees"


def test_a_value_beyond_the_slopes_is_reported_as_a_kink() -> None:
    def g(x: np.ndarray) -> np.ndarray:
        return np.where(x == 0, 5.0, np.sign(x))

    (found,) = check_gradient(lambda x: np.sum(np.abs(x)), g, [np.array([0.0, 2.0])], names=["x"])
    assert found.kind == "kink"
    assert "x[0] sits on a kink: the slope is -1 on the left and 1" in found.details[0].text("en")
    assert "x[0] 正在折点上" in found.details[0].text("zh")


def test_arguments_are_not_written() -> None:
    kept = X.copy()

    def destructive(w: np.ndarray) -> float:
        w *= 0.5
        return float(np.sum(w))

    check_gradient(destructive, lambda w: np.full(w.shape, 0.5), [X])
    assert np.array_equal(kept, X)
