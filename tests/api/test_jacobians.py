"""Jacobians, Hessians and what a function returns besides its value."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import DTypeError, InputError, NotFiniteWarning, TraceError

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


def table(function: Any, x: Any, h: float = 1e-6) -> Any:
    """The Jacobian by central differences, entry by entry."""
    x = np.asarray(x, dtype=float)
    columns: list[Any] = []
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        columns.append((function(x + step) - function(x - step)) / (2 * h))
    found = np.stack(columns, axis=-1)
    return found.reshape((*found.shape[:-1], *x.shape))


def rows(x: Any) -> Any:
    return np.tanh(x @ x.T) * np.sum(x) + x[:, :2]


def bowl(x: Any) -> Any:
    return np.sum(np.exp(0.3 * x @ x.T)) * x[0, 1]


@pytest.mark.parametrize("mode", [None, "forward", "reverse"])
def test_jacobians_of_any_shape(mode: Any) -> None:
    found = tidu.jacobian(rows, mode=mode)(X)
    assert found.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(found, table(rows, X), atol=1e-8)
    found = tidu.jacobian(lambda t: np.stack([np.sin(t), t**2]), mode=mode)(0.5)
    np.testing.assert_allclose(found, [np.cos(0.5), 1.0])
    found = tidu.jacobian(lambda x: np.sum(x**2), mode=mode)(X)
    np.testing.assert_allclose(found, 2 * X)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_of_trees(mode: Any) -> None:
    def both(p: Any, s: Any) -> Any:
        return {"y": p["W"] @ p["x"] * s, "n": (np.sum(p["x"]) * s,)}

    p = {"W": X, "x": np.array([1.0, 2.0, 3.0]), "name": "layer"}
    found = tidu.jacobian(both, argnums=(0, 1), mode=mode)(p, 2.0)
    np.testing.assert_allclose(found["y"][0]["x"], 2.0 * X)
    np.testing.assert_allclose(found["y"][1], X @ p["x"])
    np.testing.assert_allclose(found["n"][0][0]["W"], np.zeros((2, 3)))
    assert found["y"][0]["W"].shape == (2, 2, 3)
    assert found["n"][0][0]["name"] is None
    assert float(found["n"][0][1]) == 6.0


def test_hessians_of_any_rank_and_mixed_blocks() -> None:
    found = tidu.hessian(bowl)(X)
    assert found.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(found, table(tidu.grad(bowl), X), atol=1e-7)
    np.testing.assert_allclose(found, tidu.jacobian(tidu.grad(bowl))(X), rtol=1e-9)

    def pair(x: Any, y: Any) -> Any:
        return np.sum(np.sin(x)[:, None] * y) ** 2

    x, y = np.array([0.3, 0.9]), X
    blocks = tidu.hessian(pair, argnums=(0, 1))(x, y)
    slope = tidu.grad(pair)
    np.testing.assert_allclose(blocks[0][1], table(lambda y: slope(x, y), y), atol=1e-7)
    np.testing.assert_allclose(blocks[1][0], np.moveaxis(blocks[0][1], 0, -1), rtol=1e-9)
    assert [[b.shape for b in row] for row in blocks] == [
        [(2, 2), (2, 2, 3)],
        [(2, 3, 2), (2, 3, 2, 3)],
    ]


def test_hessians_inside_a_derived_function() -> None:
    cubes = tidu.grad(lambda x: np.linalg.det(tidu.hessian(lambda y: np.sum(y**3) * x[0])(x)))
    np.testing.assert_allclose(cubes(np.array([1.0, 2.0])), [216.0, 36.0])  # of 36·x₀³·x₁
    third = tidu.jacobian(tidu.hessian(lambda x: np.sum(x) ** 3))(np.array([1.0, 2.0]))
    np.testing.assert_allclose(third, np.full((2, 2, 2), 6.0))


def test_a_hessian_is_derived_once_for_all_directions() -> None:
    """The program of the logistic Hessian is Xᵀ diag(s) X / n, whatever the number of columns."""
    from tidu.calculus.jacobians import hessian
    from tidu.ir.node import reachable
    from tidu.tracing.trace import trace

    counts: list[int] = []
    for columns in (3, 40):
        data = np.ones((50, columns))
        loss = trace(
            lambda X, w: np.mean(np.log(1 + np.exp(X @ w))), (data, np.zeros(columns))
        ).graph
        (H,) = hessian(next(iter(loss.outputs.values())), [loss.inputs["w"]])[0]
        counts.append(len(reachable([H])))
        assert not any(node.op.name in ("eye", "scan") for node in reachable([H]))
    assert counts[0] == counts[1]


def test_what_is_returned_besides_the_value() -> None:
    def loss(w: Any, x: Any) -> Any:
        r = w * x
        return np.sum(r**2), {"r": r, "size": len(x), "name": "fit", "mean": np.mean(r)}

    x = np.array([1.0, 3.0])
    (value, aux), g = tidu.value_and_grad(loss, has_aux=True)(2.0, x)
    assert (float(value), float(g)) == (40.0, 40.0)
    np.testing.assert_allclose(aux["r"], 2 * x)
    assert (aux["size"], aux["name"], type(aux["mean"])) == (2, "fit", np.float64)
    g, aux = tidu.grad(loss, has_aux=True)(2.0, x)
    assert float(g) == 40.0 and float(aux["mean"]) == 4.0

    def outer(w: Any) -> Any:
        g, aux = tidu.grad(loss, has_aux=True)(w, x)
        return g * aux["mean"]  # 20·w·2·w

    assert float(tidu.grad(outer)(3.0)) == pytest.approx(240.0)
    with pytest.raises(TraceError, match="has_aux"):
        tidu.grad(lambda w: w * 2.0, has_aux=True)(1.0)


def test_what_is_refused() -> None:
    with pytest.raises(TraceError, match="jacobian"):
        tidu.grad(lambda x: x * 2)(X)
    with pytest.raises(TraceError, match="jacobian"):
        tidu.hessian(lambda x: x * 2)(X)
    with pytest.raises(InputError, match="forward, reverse"):
        tidu.jacobian(rows, mode="reverse!")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="argnums=2"):
        tidu.hessian(bowl, argnums=2)(X)
    with pytest.raises(DTypeError, match="mask holds bool"):
        tidu.jacobian(lambda x, mask: np.where(mask, x, 0.0), argnums=1)(X, X > 0)
    with pytest.raises(TraceError, match="'relu'") as caught:
        tidu.jacobian(lambda x: {"y": x, "act": "relu"})(X)
    assert "result.act" in str(caught.value)


def test_masks_and_counts_among_the_results_have_zero_derivatives() -> None:
    def both(x: Any) -> Any:
        return {"y": x**2, "above": x > 1.0, "first": np.argmax(x)}

    x = np.array([0.5, 2.0])
    value, change = tidu.jvp(both, (x,), (x,))
    assert value["above"].tolist() == [False, True] and value["first"] == 1
    assert (change["above"].tolist(), float(change["first"])) == ([0.0, 0.0], 0.0)
    _, pull = tidu.vjp(both, x)
    (found,) = pull({"y": x, "above": np.zeros(2), "first": 0.0})
    np.testing.assert_allclose(found, 2 * x * x)
    for mode in ("forward", "reverse"):
        J = tidu.jacobian(both, mode=mode)(x)
        np.testing.assert_allclose(J["y"], np.diag(2 * x))
        assert J["above"].tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert J["first"].tolist() == [0.0, 0.0]
    with pytest.raises(TraceError, match="truth value"):
        tidu.grad(lambda t: t > 1.0)(0.5)


def test_what_is_no_function_is_refused() -> None:
    verbs = (tidu.grad, tidu.jacobian, tidu.hessian, tidu.hvp, tidu.vmap, tidu.vjp)
    for verb in verbs:
        with pytest.raises(DTypeError, match=r"takes a function, not 'x\*\*2'"):
            verb("x**2")  # type: ignore[arg-type]


def test_what_is_not_finite_is_flagged() -> None:
    with pytest.warns(NotFiniteWarning, match=r"jacobian\(root\).*NaN"):

        def root(x: Any) -> Any:
            return np.sqrt(x)

        tidu.jacobian(root)(np.array([-1.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tidu.jacobian(np.sqrt)(np.array([4.0, 1.0]))
