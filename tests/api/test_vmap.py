"""vmap: equal to a Python loop, under and over the other transforms, and refusals that say why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tidu
from tests.property.matrices import Program, random_program
from tidu.errors import InputError, ShapeError, TiduError, TraceError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3))
A = RNG.standard_normal((3, 3)) + 3 * np.eye(3)


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-10, atol=1e-12)


def energy(x: Any) -> Any:
    return np.sum(np.tanh(A @ x) * x)


# ------------------------------------------------------------------ equal to a loop
@pytest.mark.parametrize(
    "function",
    [
        lambda x: A @ x,
        lambda x: x @ x,
        lambda x: np.linalg.solve(A, x),
        lambda x: np.outer(x, x) @ x,
        lambda x: np.exp(x) / np.sum(np.exp(x)),
        lambda x: np.linalg.inv(np.outer(x, x) + np.eye(3)),
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.concatenate([x[1:], x[:1], np.cumsum(x)]),
        lambda x: sum(x[i] * i for i in range(3)),
        lambda x: np.max(x) * x[np.argmax(x)],
        lambda x: x > 0,
        np.argmax,
        energy,
    ],
)
def test_a_mapped_function_is_a_loop(function: Callable[[Any], Any]) -> None:
    same(tidu.vmap(function)(X), [function(x) for x in X])


def test_a_mapped_program_is_stable() -> None:
    """ln Σ eˣ of numbers in the thousands, and its gradient: the form that is safe is chosen before
    the entries are stacked."""

    def soft(x: Any) -> Any:
        return np.log(np.sum(np.exp(1000 * x)))

    top = X.max(1)
    wanted = 1000 * top + np.log(np.sum(np.exp(1000 * (X - top[:, None])), 1))
    same(tidu.vmap(soft)(X), wanted)
    assert np.all(np.isfinite(tidu.grad(lambda Z: np.sum(tidu.vmap(soft)(Z)))(X)))


def test_axes_may_differ_by_argument_and_by_branch_of_a_tree() -> None:
    def layer(p: Any, x: Any, scale: Any) -> Any:
        return {"y": p["W"] @ x * scale, "b": p["b"]}

    W, b = RNG.standard_normal((4, 3)), RNG.standard_normal((2, 5))
    axes = ({"W": None, "b": 1}, 0, None)
    found = tidu.vmap(layer, in_axes=axes, out_axes={"y": 1, "b": -1})({"W": W, "b": b}, X, 2.0)
    same(found["y"], (X @ W.T * 2.0).T)
    same(found["b"], b)
    by_name = tidu.vmap(layer, in_axes={"p": {"W": None, "b": 1}, "scale": None})
    same(by_name({"W": W, "b": b}, X, scale=2.0)["y"], X @ W.T * 2.0)


@dataclass
class Pair:
    left: Any
    right: Any


def test_results_keep_their_structure_and_settings() -> None:
    found = tidu.vmap(lambda x: (Pair(x[0], None), [x, 2.0]))(X)
    assert isinstance(found[0], Pair) and found[0].right is None
    same(found[0].left, X[:, 0])
    same(found[1][0], X)
    same(found[1][1], np.full(5, 2.0))


def test_what_is_the_same_for_all_may_go_without_an_axis() -> None:
    found = tidu.vmap(lambda x: (x, A), out_axes=(0, None))(X)
    assert found[1].shape == A.shape
    assert tidu.vmap(lambda x: A)(X).shape == (5, 3, 3)


def test_labels_choose_entry_by_entry() -> None:
    labels = np.array([0, 2, 1, 1, 0])

    def nll(x: Any, label: Any) -> Any:
        return np.log(np.sum(np.exp(x))) - x[label]

    same(tidu.vmap(nll)(X, labels), [nll(x, i) for x, i in zip(X, labels, strict=True)])
    p = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    same(tidu.vmap(tidu.grad(nll))(X, labels), p - np.eye(3)[labels])


def test_dtypes_lengths_of_none_and_masks() -> None:
    assert tidu.vmap(lambda x: 2 * x)(X.astype(np.float32)).dtype == np.float32
    assert tidu.vmap(lambda x: A @ x)(np.zeros((0, 3))).shape == (0, 3)
    mask = X > 0
    same(tidu.vmap(lambda m, x: np.where(m, x, 0.0))(mask, X), np.where(mask, X, 0.0))


def test_loops_and_named_parts_inside() -> None:
    step = tidu.named(lambda h, x: (np.tanh(h + x), h))

    def last(x: Any) -> Any:
        return tidu.numpy.scan(step, 0.0, x)[0]

    same(tidu.vmap(last)(X), [last(x) for x in X])
    same(tidu.vmap(tidu.grad(last))(X), [tidu.grad(last)(x) for x in X])


def test_a_branch_on_what_all_share_is_followed() -> None:
    def signed(x: Any, s: Any) -> Any:
        return x if s > 0 else -x

    same(tidu.vmap(signed, in_axes=(0, None))(X, -1.0), -X)


# ------------------------------------------------------------------ with the other transforms
def test_vmap_of_grad_and_grad_of_vmap() -> None:
    wanted = [tidu.grad(energy)(x) for x in X]
    same(tidu.vmap(tidu.grad(energy))(X), wanted)
    same(tidu.grad(lambda Z: np.sum(tidu.vmap(energy)(Z)))(X), wanted)


def test_vmap_of_vmap() -> None:
    u, v = X[:, 0], X[:, 1]
    table = tidu.vmap(tidu.vmap(lambda a, b: a * np.exp(b), (None, 0)), (0, None))
    same(table(u, v), np.outer(u, np.exp(v)))
    pairs = tidu.vmap(tidu.vmap(lambda x, y: np.sum((x - y) ** 2), (None, 0)), (0, None))
    same(pairs(X, X), ((X[:, None] - X[None]) ** 2).sum(-1))


def test_the_hessian_as_products_with_the_rows_of_the_identity() -> None:
    rows = tidu.vmap(lambda v: tidu.hvp(energy)(X[0], v))(np.eye(3))
    forward = tidu.vmap(lambda v: tidu.jvp(tidu.grad(energy), (X[0],), (v,))[1])(np.eye(3))
    same(rows, rows.T)
    same(rows, forward)
    h = 1e-5
    for v, row in zip(np.eye(3), rows, strict=True):
        slope = (tidu.grad(energy)(X[0] + h * v) - tidu.grad(energy)(X[0] - h * v)) / (2 * h)
        np.testing.assert_allclose(row, slope, atol=1e-8)


def test_vjp_and_jvp_through_a_mapped_function() -> None:
    G = RNG.standard_normal((5, 3))
    mapped = tidu.vmap(lambda x: np.sin(A @ x))
    value, pull = tidu.vjp(mapped, X)
    same(value, np.sin(X @ A.T))
    same(pull(G)[0], (G * np.cos(X @ A.T)) @ A)
    same(tidu.jvp(mapped, (X,), (G,))[1], np.cos(X @ A.T) * (G @ A.T))


def test_jacobians_and_hessians_of_and_through_a_mapped_function() -> None:
    def two(x: Any) -> Any:
        return np.tanh(A @ x)[:2]

    each = np.arange(5)
    jacobians = np.array([tidu.jacobian(two)(x) for x in X])
    same(tidu.vmap(tidu.jacobian(two))(X), jacobians)
    whole = tidu.jacobian(tidu.vmap(two))(X)
    assert whole.shape == (5, 2, 5, 3)
    same(whole[each, :, each, :], jacobians)
    assert not np.any(whole[0, :, 1:])
    hessians = np.array([tidu.hessian(energy)(x) for x in X])
    same(tidu.vmap(tidu.hessian(energy))(X), hessians)
    summed = tidu.hessian(lambda Z: np.sum(tidu.vmap(energy)(Z)))(X)
    same(summed[each, :, each, :], hessians)
    same(tidu.vmap(tidu.vjp(two, X[0])[1])(np.eye(2))[0], jacobians[0])


def test_an_op_of_the_users_own_is_mapped_entry_by_entry() -> None:
    """Nothing is known of its axes: it is never called with all entries at once."""
    shapes: list[tuple[int, ...]] = []

    def volume(a: Any) -> Any:
        shapes.append(np.shape(a))
        return np.linalg.det(a)

    vol = tidu.custom(volume, lambda g, a, out: g * out * np.linalg.inv(a).T, shape=lambda a: ())
    shapes.clear()  # making the op has tried it on several
    matrices = RNG.standard_normal((5, 3, 3)) + 3 * np.eye(3)
    same(tidu.vmap(vol)(matrices), np.linalg.det(matrices))
    wanted = [np.linalg.det(a) * np.linalg.inv(a).T for a in matrices]
    same(tidu.vmap(tidu.grad(vol))(matrices), wanted)
    same(tidu.grad(lambda z: np.sum(tidu.vmap(vol)(z)))(matrices), wanted)
    assert all(len(shape) == 2 for shape in shapes)
    soft = tidu.custom(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2)
    same(tidu.vmap(tidu.grad(soft))(X[:, 0]), 1 / (1 + np.abs(X[:, 0])) ** 2)


def test_gradients_of_each_example_of_a_network() -> None:
    W, b = RNG.standard_normal((4, 3)), RNG.standard_normal(4)

    def loss(p: Any, x: Any) -> Any:
        return np.sum(np.maximum(p["W"] @ x + p["b"], 0) ** 2)

    each = tidu.vmap(tidu.grad(loss), in_axes=(None, 0))({"W": W, "b": b}, X)
    assert each["W"].shape == (5, 4, 3) and each["b"].shape == (5, 4)
    whole = tidu.grad(lambda p: np.sum(tidu.vmap(loss, (None, 0))(p, X)))({"W": W, "b": b})
    same(each["W"].sum(0), whole["W"])
    for x, g in zip(X, each["b"], strict=True):
        same(g, tidu.grad(loss)({"W": W, "b": b}, x)["b"])


def test_a_mapped_value_of_the_function_around_keeps_its_derivative() -> None:
    """The mapped function uses w of the function that is derived."""

    def loss(w: Any) -> Any:
        return np.sum(tidu.vmap(lambda x: np.tanh(w @ x))(X) ** 2)

    w = RNG.standard_normal(3)
    t = np.tanh(X @ w)
    same(tidu.grad(loss)(w), X.T @ (2 * t * (1 - t**2)))


def test_a_derivation_through_a_mapped_loss_reads_as_one_of_matrices() -> None:
    """The loss of one example, mapped over all: the gradient of logistic regression, with z, which
    is the mapped function's own name, for all examples."""

    def loss(w: Any, X: Any, y: Any) -> Any:
        def one(x: Any, t: Any) -> Any:
            z = w @ x
            return np.log(1 + np.exp(z)) - t * z

        return np.sum(tidu.vmap(one)(X, y))

    d = tidu.derive(loss, wrt=["w"], w=np.ones(3), X=X, y=np.zeros(5))
    assert str(d) == "∂L/∂w = Xᵀ·(σ(z) − y)"
    assert "z = X·w" in d.explain("en").text()


# ------------------------------------------------------------------ refusals
CASES: list[tuple[Callable[[], Any], type[TiduError], str, str]] = [
    (
        lambda: tidu.vmap(lambda x, y: x + y)(np.ones((2, 3)), np.ones(4)),
        ShapeError,
        r"x \(2, 3\) has 2 on axis 0; y \(4,\) has 4 on axis 0",
        "映射的轴长度不同",
    ),
    (
        lambda: tidu.vmap(lambda x: x, in_axes=2)(np.ones((3, 4))),
        ShapeError,
        r"axis 2 of x \(3, 4\)",
        "没有第 2 轴",
    ),
    (lambda: tidu.vmap(lambda x: x, in_axes=None)(X), InputError, "nothing to map", "逐项映射"),
    (lambda: tidu.vmap(lambda x: x)(2.0), ShapeError, "x is a single number", "单个数"),
    (
        lambda: tidu.vmap(lambda x: x if x > 0 else -x)(np.ones(3)),
        TraceError,
        "branches on a value that differs from entry to entry",
        "np.where",
    ),
    (lambda: tidu.vmap(lambda x: x[x > 0])(X), TraceError, "entry to entry", "分支"),
    (lambda: tidu.vmap(lambda x: x, out_axes=3)(X), InputError, "no axis 3", "没有第 3 轴"),
    (lambda: tidu.vmap(lambda x: x, out_axes=None)(X), InputError, "needs an axis", "需要一个轴"),
    (lambda: tidu.vmap(lambda x: x, in_axes="x"), InputError, "whole number", "整数"),
    (lambda: tidu.vmap(lambda x: x, out_axes=True), InputError, "whole number", "整数"),
    (lambda: tidu.vmap(lambda x: x, in_axes=(0, 1))(X), InputError, "2 entries", "2 项"),
    (
        lambda: tidu.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": X}),
        InputError,
        r"no entry for p\.a",
        "没有与 p.a 对应的项",
    ),
    (
        lambda: tidu.vmap(lambda x: x, in_axes={"y": 0})(X),
        InputError,
        "names y, which is no argument",
        "不是",
    ),
    (lambda: tidu.vmap(lambda x: float(x[0]))(X), TraceError, "plain Python number", "普通的"),
]


@pytest.mark.parametrize(("call", "kind", "en", "zh"), CASES)
def test_refusals_name_what_does_not_fit(
    call: Callable[[], Any],
    kind: type[TiduError],
    en: str,
    zh: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(kind, match=en):
        call()
    monkeypatch.setenv("TIDU_LANG", "zh")
    with pytest.raises(kind, match=zh):
        call()


def test_equal_calls_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidu.running import results

    compiled, compile_program = list[Any](), results.program_of

    def counted(*arguments: Any) -> Any:
        compiled.append(arguments)
        return compile_program(*arguments)

    monkeypatch.setattr(results, "program_of", counted)
    mapped = tidu.vmap(lambda x: energy(1.25 * x))
    mapped(X)
    mapped(X + 1.0)
    assert len(compiled) == 1


# ------------------------------------------------------------------ random programs
@pytest.mark.parametrize("block", range(4))
def test_random_matrix_programs_are_mapped_like_a_loop(block: int) -> None:
    """Value and gradient, each argument mapped on some axis or none."""
    for seed in range(5 * block, 5 * block + 5):
        check_mapped(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_programs_are_mapped_like_a_loop(block: int) -> None:
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        check_mapped(seed)


def check_mapped(seed: int, count: int = 7) -> None:
    program, rng = random_program(seed), np.random.default_rng(seed)
    f, at = program.function(), list(program.values.values())
    every = tuple(range(len(at)))
    axes = [None if rng.random() < 0.4 else int(rng.integers(x.ndim + 1)) for x in at]
    axes[int(rng.integers(len(at)))] = 0
    given = [
        x if axis is None else np.stack([x * (1 + 0.01 * i) for i in range(count)], axis)
        for x, axis in zip(at, axes, strict=True)
    ]

    def entry(i: int) -> list[Any]:
        return [x if a is None else x.take(i, a) for x, a in zip(given, axes, strict=True)]

    both = tidu.value_and_grad(f, every)
    values, gradients = tidu.vmap(both, in_axes=tuple(axes))(*given)
    whole = tidu.grad(lambda *xs: np.sum(tidu.vmap(f, in_axes=tuple(axes))(*xs)), every)(*given)
    for i in (0, count // 2, count - 1):
        value, wanted = both(*entry(i))
        close(values[i], value, program)
        for g, w in zip(gradients, wanted, strict=True):
            close(g[i], w, program)
    for g, w, axis in zip(whole, gradients, axes, strict=True):
        close(g, np.sum(w, 0) if axis is None else np.moveaxis(w, 0, axis), program)


def close(found: Any, wanted: Any, program: Program) -> None:
    size = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-9 * size, err_msg=str(program))
