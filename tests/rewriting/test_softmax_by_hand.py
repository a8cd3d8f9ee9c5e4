"""A softmax cross-entropy as people write it comes out as the textbook has it: (P − Y)/n."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

N, K = 4, 3
SCORES = np.random.default_rng(5).normal(size=(N, K))
CLASSES = np.array([0, 2, 1, 2])
SHARES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
GRADIENT = (SHARES - np.eye(K)[CLASSES]) / N


def shifted(Z: Any, t: Any) -> Any:
    shift = Z - Z.max(axis=1, keepdims=True)
    E = np.exp(shift)
    P = E / E.sum(axis=1, keepdims=True)
    return -np.mean(np.log(P[np.arange(N), t]))


def in_place(Z: Any, t: Any) -> Any:
    P = np.exp(Z - np.amax(Z, axis=-1)[:, None])
    P /= np.sum(P, axis=1)[:, np.newaxis]  # pyright: ignore[reportConstantRedefinition]
    return -np.log(P[range(N), t]).sum() / N


def transposed(Z: Any, t: Any) -> Any:
    E = np.exp(Z - np.max(Z))
    P = (E.T / E.sum(axis=1)).T
    return np.mean(-np.log(P[np.arange(len(t)), t]))


def columns(Z: Any, t: Any) -> Any:
    A = Z.T
    P = np.exp(A) / np.sum(np.exp(A), axis=0)
    return -np.mean(np.log(P.T[np.arange(N), t]))


def by_product(Z: Any, t: Any) -> Any:
    E = np.exp(Z)
    P = E * (1.0 / E.sum(axis=1, keepdims=True))
    return -np.sum(np.log(P)[np.arange(N), t]) / N


def log_probabilities(Z: Any, t: Any) -> Any:
    Z = Z - Z.max(axis=1, keepdims=True)  # pyright: ignore[reportConstantRedefinition]
    log_P = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    return -np.mean(log_P[np.arange(N), t])


def added_back(Z: Any, t: Any) -> Any:
    m = Z.max(axis=1)
    total = m + np.log(np.exp(Z - m[:, None]).sum(axis=1))
    return np.mean(total - Z[np.arange(N), t])


def along_axis(Z: Any, t: Any) -> Any:
    P = np.exp(Z) / np.exp(Z).sum(axis=1).reshape(-1, 1)
    return -np.log(np.take_along_axis(P, t[:, None], axis=1)).mean()


BY_CLASS = [
    shifted,
    in_place,
    transposed,
    columns,
    by_product,
    log_probabilities,
    added_back,
    along_axis,
]


@pytest.mark.parametrize("loss", BY_CLASS, ids=lambda loss: loss.__name__)
def test_class_numbers_give_shares_minus_one_hot(loss: Callable[..., Any]) -> None:
    derivation = tidu.derive(loss, wrt="Z", values={"Z": SCORES, "t": CLASSES})
    formula = str(derivation)
    shares = formula.removeprefix("∂L/∂Z = 0.25·(").removesuffix(" − onehot(t))")
    assert shares in ("P", "P⁽²⁾", "Pᵀ", "softmax(Z)"), formula
    gradient = derivation.evaluate({"Z": SCORES, "t": CLASSES}).gradients["Z"]
    np.testing.assert_allclose(gradient, GRADIENT, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("loss", BY_CLASS, ids=lambda loss: loss.__name__)
def test_scores_that_overflow_when_written_out_are_kept_finite(loss: Callable[..., Any]) -> None:
    gradient = tidu.grad(loss)(
        np.array([[900.0, 0, -900], [0, 1, 2], [5, 5, 5], [1, 2, 0]]), CLASSES
    )
    np.testing.assert_allclose(gradient[0], [0, 0, 0], atol=1e-15)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    "text",
    [
        "-mean(log_softmax(Z)[arange(n), t])",
        "-mean(log(softmax(Z))[arange(n), t])",
        "cross_entropy(Z, t)",
        "mean(logsumexp(Z, axis=1) - Z[arange(n), t])",
        "P = exp(Z) / sum(exp(Z), axis=1, keepdims=True)\n-mean(log(P[arange(n), t]))",
    ],
)
def test_sizes_may_be_letters(text: str) -> None:
    derivation = tidu.derive(text, wrt="Z", shapes={"Z": ("n", "k"), "t": ("n",)})
    formula = str(derivation)
    assert formula.endswith(("(1/n)·(softmax(Z) − onehot(t))", "(1/n)·(P − onehot(t))")), formula
    gradient = derivation.evaluate({"Z": SCORES, "t": CLASSES}).gradients["Z"]
    np.testing.assert_allclose(gradient, GRADIENT, rtol=1e-14, atol=1e-16)


def test_a_reduction_along_another_axis_is_no_softmax() -> None:
    """In a square matrix both spreads have a shape that fits."""

    def wrong(Z: Any) -> Any:
        E = np.exp(Z)
        return np.sum((E / E.sum(axis=1)) ** 2)

    square = SCORES[:3]
    assert "softmax" not in str(tidu.derive(wrong, wrt="Z", values={"Z": square}))
    tidu.check_grad(wrong, tidu.grad(wrong), square)


def test_a_class_that_is_not_there_is_an_error_not_a_row_of_zeros() -> None:
    with pytest.raises(tidu.TiduError, match="3"):
        tidu.grad(shifted)(SCORES, np.array([0, 3, 1, 2]))


@pytest.mark.parametrize(
    "guarded",
    [
        lambda P: P + 1e-12,
        lambda P: np.clip(P, 1e-12, 1.0),
        lambda P: np.maximum(P, 1e-9),
        lambda P: np.maximum(1e-9, P),
    ],
)
def test_a_small_number_in_the_logarithm_is_run_and_its_absence_is_told(
    guarded: Callable[[Any], Any],
) -> None:
    def loss(Z: Any, Y: Any) -> Any:
        P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        return -np.sum(Y * np.log(guarded(P)))

    derivation = tidu.derive(loss, wrt="Z", values={"Z": SCORES, "Y": np.eye(K)[CLASSES]})
    assert "in the logarithm: ∂L/∂Z = P − Y" in derivation.explain("en").text()
    assert "若不计对数中的" in derivation.explain("zh").text()
    assert all(finding.agrees for finding in derivation.verify())


def test_a_larger_number_in_the_logarithm_is_part_of_the_model() -> None:
    derivation = tidu.derive("sum(log(1e-3 + x))", wrt="x", shapes={"x": (3,)})
    assert "in the logarithm" not in derivation.explain("en").text()


def test_a_weight_for_each_row_keeps_its_brackets_beside_the_one_hot_rows() -> None:
    def hinge(Z: Any, t: Any) -> Any:
        correct = Z[np.arange(N), t]
        return np.sum(np.maximum(0, Z - correct[:, None] + 1.0))

    derivation = tidu.derive(hinge, wrt="Z", values={"Z": SCORES, "t": CLASSES})
    assert "·𝟏ᵀ) ⊙ onehot(t)" in str(derivation)
    assert all(finding.agrees for finding in derivation.verify())
