"""Plain NumPy functions trace as they stand: same values, right names, guards, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pytest

from tests.text.evaluate import evaluate
from tidu import numpy as tnp
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.tracing.trace import Traced, trace, trace_shapes

RNG = np.random.default_rng(7)


X = RNG.normal(size=(4, 3))


S = X.T @ X + np.eye(3)


def seed_values() -> dict[str, Any]:
    return {
        "W1": np.ones((4, 3)),
        "W2": np.ones((5, 4)),
        "W3": np.ones((1, 5)),
        "b1": np.zeros((4, 1)),
        "b2": np.zeros((5, 1)),
        "b3": np.zeros((1, 1)),
        "x": np.array([[1, 2, 3]]).T,
        "y_true": np.array([[50]]),
    }


def seed_study(W1, W2, W3, b1, b2, b3, x, y_true):  # type: ignore[no-untyped-def]
    """The forward pass of the study with bias, line by line as its notebook has it."""
    print(f"x.shape: {x.shape}")
    y1 = W1 @ x + b1
    print(f"y1.shape: {y1.shape}")
    y2 = W2 @ y1 + b2
    y3 = W3 @ y2 + b3
    L = np.abs(y3 - y_true)
    print(f"y3.shape: {y3.shape}")
    print(f"现在的Loss: {L.item()}")
    dL_dy3 = 0
    if (y3 - y_true) > 0:
        dL_dy3 = 1
    else:
        dL_dy3 = -1
    dL_dW3 = dL_dy3 * y2.T
    dL_dW1 = (dL_dy3 * W3 @ W2).T @ x.T
    print(f"dL_dW3.shape: {dL_dW3.shape}")
    print(dL_dW1)
    print(f"Loss: {L.item():.4f}")
    return L


def names(traced: Traced) -> dict[str, Node]:
    """Every name that tracing found, repeated ones as h(1), h(2)."""
    return {
        name.text + (f"({name.step})" if name.step else ""): node
        for node, given_names in traced.graph.names.items()
        for name in given_names
    }


def test_the_seed_traces_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    values = seed_values()
    traced = trace(seed_study, values)
    assert np.array_equal(traced.result, [[70.0]])
    assert list(traced.graph.inputs) == list(values)
    assert traced.output == "L"
    found = names(traced)
    assert {"y1", "y2", "y3", "L"} <= set(found)
    assert found["y3"].shape == (1, 1)
    assert evaluate(found["y3"], traced.values) == [[120.0]]
    assert evaluate(traced.graph.outputs["L"], traced.values) == [[70.0]]
    printed = capsys.readouterr().out.splitlines()
    assert "x.shape: (3, 1)" in printed
    assert "现在的Loss: 70.0" in printed
    assert "[[ 5. 10. 15.]" in printed
    assert "Loss: 70.0000" in printed


def test_the_seeds_branch_is_a_guard_with_its_line() -> None:
    (guard,) = trace(seed_study, seed_values()).graph.guards
    assert guard.taken is True
    assert guard.place is not None
    assert guard.place.text is not None
    assert guard.place.text[guard.place.start : guard.place.end] == "(y3 - y_true) > 0"
    flipped = trace(seed_study, {**seed_values(), "y_true": np.array([[500]])})
    assert flipped.graph.guards[0].taken is False


def test_integers_are_promoted_and_that_is_said() -> None:
    traced = trace(seed_study, seed_values())
    assert traced.values["x"].dtype == np.float64
    said = [remark.text("en") for remark in traced.remarks]
    assert said == [
        "x holds integers; it is calculated with as float64",
        "y_true holds integers; it is calculated with as float64",
    ]
    assert traced.remarks[0].text("zh") == "x 是整数，按 float64 计算"


# Each works on a vector w; NumPy itself is the reference.
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "ndarray on the left of @": lambda w: np.sum(X @ w),
    "ndarray on the left of *": lambda w: np.sum(X * w),
    "list on the left": lambda w: np.sum([1, 2, 3] * w),
    "NumPy number on the left": lambda w: np.sum(np.float64(2) * w),
    "reversed operators": lambda w: ((1 - w) + (1 + w) * (2 / w) - 2**w).sum(),
    "unary": lambda w: (-w + (+w) + abs(w)).sum(),
    "power": lambda w: (w**2).sum() + np.power(np.abs(w), 1.5).sum(),
    "where": lambda w: np.sum(np.where(w > 0, w, -w)),
    "where by numbers": lambda w: np.sum(np.where(w, w, 1.0)),
    "where without choices": lambda w: np.sum(w[np.where(w > 0)]),
    "mask as index": lambda w: np.sum(w[w > 0]),
    "mask as factor": lambda w: np.sum(w * (w > 0)),
    "mask as float": lambda w: np.sum((w > 0).astype(float) * w),
    "masks joined": lambda w: np.where((w > 0) & (w < 1) | ~(w > -1), w, 0).sum(),
    "clip": lambda w: np.sum(np.clip(w, -0.1, 0.1)) + w.clip(-0.2, 0.2).sum(),
    "clip by keyword": lambda w: np.sum(np.clip(w, a_min=-0.1, a_max=0.1)),
    "concatenate": lambda w: np.sum(np.concatenate([w, w * 2, np.ones(2)]) ** 2),
    "stack": lambda w: np.sum(np.stack([w, w**2], axis=1) @ np.ones(2)),
    "vstack and hstack": lambda w: np.vstack([w, w]).sum() + np.hstack([w, w])[4],
    "column_stack": lambda w: np.column_stack([w, w])[1, 1],
    "append": lambda w: np.append(w, w)[4],
    "sum over an axis": lambda w: np.sum(np.sum(X * w, axis=0) ** 2),
    "sum with keepdims": lambda w: np.sum(X / np.sum(X * w, 1, keepdims=True)),
    "mean, max, min": lambda w: (X * w).mean(0).sum() + np.max(w) + (X * w).min(axis=1).sum(),
    "ufunc.reduce": lambda w: np.add.reduce(np.add.reduce(X * w)) + np.maximum.reduce(w),
    "ufunc.outer": lambda w: np.abs(np.subtract.outer(w, w)).sum(),
    "products": lambda w: np.dot(w, w) + w.dot(w) + np.inner(w, w) + np.vdot(w, w),
    "outer and trace": lambda w: np.trace(np.outer(w, w)) + np.diag(w).sum(),
    "einsum": lambda w: np.einsum("ij,j->i", X, w).sum() + np.einsum("i,i", w, w),
    "transposes": lambda w: (X.T @ (X @ w)).sum() + (X * w).T[0, 0] + (X * w).transpose(1, 0)[1, 2],
    "reshape": lambda w: np.reshape(w, (3, 1))[2, 0] + w.reshape(-1, 1)[0, 0] + w.ravel()[1],
    "layout": lambda w: np.expand_dims(w, 0)[0, 1] + np.squeeze(w[None])[2] + np.flip(w)[0],
    "swapaxes, moveaxis": lambda w: np.swapaxes(X * w, 0, 1)[2, 3] + np.moveaxis(X * w, 0, 1)[2, 3],
    "tile, repeat, roll": lambda w: np.tile(w, 2)[4] + np.repeat(w, 2)[3] + np.roll(w, 1)[0],
    "split": lambda w: np.split(w, 3)[1].sum(),
    "take": lambda w: np.take(w, [0, 2]).sum(),
    "diff": lambda w: np.sum(np.diff(w) ** 2),
    "average": lambda w: np.average(w, weights=[1, 2, 3]),
    "select": lambda w: np.select([w > 1, w > 0], [w, w * 2], 0).sum(),
    "iteration": lambda w: sum(v * v for v in w),
    "len": lambda w: w.sum() / len(w),
    "size": lambda w: w.sum() / w.size / w.shape[0] / w.ndim / np.shape(w)[0] / np.size(w),
    "indexing": lambda w: w[-1] * w[0] + w[1:].sum() + (w[:, None] * w[None, :])[0, 1] + w[::-1][0],
    "repeated index": lambda w: w[[0, 0]].sum() + (X * w)[np.arange(3), [0, 1, 2]].sum(),
    "ellipsis": lambda w: (X * w)[..., 0].sum(),
    "norm": lambda w: np.linalg.norm(w) + np.linalg.norm(X * w, axis=1).sum(),
    "inverse": lambda w: np.linalg.inv(S + np.outer(w, w)).sum(),
    "determinant": lambda w: np.linalg.det(S + np.outer(w, w)),
    "slogdet": lambda w: np.linalg.slogdet(S + np.outer(w, w))[1],
    "solve": lambda w: np.linalg.solve(S, w).sum(),
    "var and std": lambda w: np.var(w) + w.std(),
    "prod and cumsum": lambda w: np.prod(w) + np.cumsum(w)[-1],
    "zeros_like": lambda w: np.sum(np.zeros_like(w) + w + np.ones_like(w) * np.full_like(w, 2.0)),
    "any": lambda w: w.sum() if np.any(w > 0) else w[0],
    "all": lambda w: w.sum() if (w > -9).all() else w[0],
    "isfinite": lambda w: w.sum() if np.isfinite(w).all() and not np.isnan(w).any() else w[0],
    "allclose": lambda w: w.sum() if np.allclose(w, w) else w[0],
    "softmax": lambda w: (lambda e: -np.log((e / e.sum())[0]))(np.exp(w - np.max(w))),  # noqa: PLC3002
    "logaddexp": lambda w: np.logaddexp(0, w).sum() + np.tanh(w).sum(),
    "item": lambda w: w[0].item() * 2 + w.item(1),
    "copy": lambda w: np.copy(w).sum() + w.copy()[0],
    "tidu.numpy": lambda w: (
        np.sum(tnp.array([[w[0], w[1] * 2], [1.0, 2.0]])) + tnp.full(2, w[0])[1]
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    "w",
    [np.array([0.3, -0.2, 1.7]), np.array([1.0, 1.0, -1.0]), np.array([0.5, 0.0, 0.0])],
    ids=["general", "ties", "zeros"],
)
def test_a_traced_program_has_numpys_value_and_shape(name: str, w: np.ndarray[Any, Any]) -> None:
    program = PROGRAMS[name]
    with np.errstate(all="ignore"):
        wanted = np.asarray(program(w.copy()))
    before = w.tobytes()
    traced = trace(program, {"w": w}, scalar=False)
    assert w.tobytes() == before
    assert traced.result is not None
    assert traced.result.shape == wanted.shape
    np.testing.assert_allclose(traced.result, wanted, rtol=1e-12)
    # The graph alone says the same as the value that was carried along.
    with np.errstate(all="ignore"):
        again = evaluate(traced.graph.outputs[traced.output], traced.values)
    np.testing.assert_array_equal(again, traced.result)


def test_the_table_of_programs_would_notice_a_wrong_value() -> None:
    traced = trace(lambda w: np.sum(w) * 1.001, {"w": np.ones(3)})
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(traced.result, 3.0, rtol=1e-12)


# ------------------------------------------------------------------ names
def test_helper_functions_and_the_last_statement_have_names() -> None:
    def relu(z: Any) -> Any:
        a = np.maximum(z, 0)
        return a

    def mse(p: Any, t: Any) -> Any:
        return np.mean((p - t) ** 2)

    def loss(params: Any, x: Any, y: Any) -> Any:
        h = relu(params["W1"] @ x)
        pred = params["W2"] @ h
        total = mse(pred, y)
        return total

    params = {"W1": np.ones((3, 2)), "W2": np.ones((1, 3))}
    traced = trace(loss, (params, np.ones(2), np.ones(1)))
    found = names(traced)
    assert {"W1", "W2", "x", "y", "h", "pred", "total", "z"} <= set(found)
    assert traced.output == "total"
    assert (
        traced.graph.name_of(found["a"]).text == "h"
    )  # the user's own function's name comes first


def test_a_name_assigned_again_counts() -> None:
    def rnn(W: Any, h: Any) -> Any:
        for _ in range(3):
            h = np.tanh(W @ h)
        s = h.sum()
        s = s * 2.0
        return s

    found = names(trace(rnn, (np.eye(2), np.ones(2))))
    assert {"h", "h(1)", "h(2)", "h(3)", "s(1)", "s(2)"} <= set(found)
    assert found["h"].op.role == "input"
    assert found["h(2)"].inputs[0].inputs[1] is found["h(1)"]


def test_pythons_own_sum_names_its_last_value_only() -> None:
    def loss(x: Any) -> Any:
        total = sum([x * 1.0, x * 2.0, x * 3.0])
        square = total**2
        return square

    found = names(trace(loss, (2.0,)))
    assert "total" in found
    assert not any(name.startswith("total(") for name in found)
    assert evaluate(found["total"], {"x": 2.0}) == 12.0


def test_names_without_source_come_from_the_frames() -> None:
    code = "def made(x):\n    a = x * 2.0\n    b = a + 1.0\n    return b.sum()\n"  # not in any file
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102  (as a prompt would)
    found = names(trace(space["made"], {"x": np.ones(2)}))
    assert {"a", "b"} <= set(found)


def test_several_targets_attributes_and_walrus() -> None:
    class Cache:
        pass

    def loss(x: Any) -> Any:
        a, b = x + 1.0, x + 2.0
        cache = Cache()
        cache.hidden = a * b
        parts = {}
        parts["last"] = cache.hidden.sum()
        if (squared := parts["last"] ** 2) > 0:
            return squared
        return parts["last"]

    assert {"a", "b", "hidden", "last", "squared"} <= set(names(trace(loss, (np.ones(2),))))


def test_captured_arrays_keep_their_names() -> None:
    found = names(trace(lambda w: np.sum(X @ w), (np.ones(3),)))
    assert found["X"].op.role == "constant"


# ------------------------------------------------------------------ indices, branches, numbers
def test_integer_arguments_serve_as_indices() -> None:
    def nll(logits: Any, y: Any) -> Any:
        return -np.mean(logits[np.arange(len(y)), y])

    logits, y = RNG.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    traced = trace(nll, (logits, y))
    assert np.isclose(float(traced.result), nll(logits, y))  # type: ignore[arg-type]
    other = {
        "logits": logits,
        "y": np.array([1.0, 1.0, 1.0, 0.0]),
    }  # indices are data, not constants
    again = evaluate(traced.graph.outputs[traced.output], other)
    assert np.isclose(again, nll(logits, np.array([1, 1, 1, 0])))
    assert trace(lambda t, y: np.take(t, y, axis=0).sum(), (np.eye(3), y)).result == 4.0
    assert (
        trace(
            lambda w, k: w[k] * w[:k].sum() + np.reshape(w, (k + 1, 1))[0, 0], (np.ones(3), 2)
        ).result
        == 3.0
    )


def test_integers_that_steer_python_are_guarded() -> None:
    def power(x: Any, n: Any) -> Any:
        result = x
        for _ in range(n):
            result = result * x
        return result

    traced = trace(power, (2.0, 3))
    assert traced.result == 16.0
    (guard,) = traced.graph.guards
    assert guard.taken
    assert not evaluate(guard.condition, {"x": 2.0, "n": 4.0})


def test_a_mask_as_index_is_guarded() -> None:
    traced = trace(lambda w: np.sum(w[w > 0]), (np.array([1.0, -1.0]),))
    (guard,) = traced.graph.guards
    assert evaluate(guard.condition, {"w": np.array([2.0, -2.0])})
    assert not evaluate(guard.condition, {"w": np.array([2.0, 2.0])})


def test_while_records_each_turn() -> None:
    def halve(x: Any) -> Any:
        while x > 1.0:
            x = x / 2.0
        return x

    assert [guard.taken for guard in trace(halve, (5.0,)).graph.guards] == [True, True, True, False]


def test_boolean_arrays_are_masks() -> None:
    traced = trace(
        lambda w, m: np.sum(np.where(m, w, 0.0)), (np.ones(3), np.array([True, False, True]))
    )
    assert traced.graph.inputs["m"].dtype == "bool"
    assert traced.result == 2.0


def test_showing_a_value_does_not_stop_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def loss(x: Any) -> Any:
        total = x.sum()
        print(total, x)
        print(f"{total:.3f} {float(total)} {float(x[0]):.1f}")
        print("%.2f" % total)  # noqa: UP031  (as users write it)
        print(f"{total:.1f}")
        print(float(total), repr(total))
        return total

    trace(loss, (np.array([1.0, 2.0]),))
    assert capsys.readouterr().out.splitlines() == [
        "3.0 [1. 2.]",
        "3.000 3.0 1.0",
        "3.00",
        "3.0",
        "3.0 np.float64(3.0)",
    ]


def test_item_keeps_the_derivative() -> None:
    traced = trace(lambda x: (x * 2.0).item() * 3.0, (np.array([[1.5]]),))
    assert traced.graph.inputs["x"] in traced.graph.nodes()
    assert traced.result == 9.0


def test_a_result_that_does_not_depend_on_the_arguments_is_said() -> None:
    traced = trace(lambda x: 3.0, (np.ones(2),))
    assert traced.result == 3.0
    assert "does not depend on its arguments" in traced.remarks[0].text("en")
    assert "与参数无关" in traced.remarks[0].text("zh")


def test_random_numbers_inside_are_noticed() -> None:
    rng = np.random.default_rng(0)

    def noisy(x: Any) -> Any:
        return x.sum() + rng.random()

    (remark,) = trace(noisy, (np.ones(2),)).remarks
    assert remark.text("en").startswith("noisy draws random numbers (rng)")
    assert remark.text("zh").startswith("noisy 内部产生随机数（rng）")
    (legacy,) = trace(lambda x: x.sum() + np.random.rand(), (np.ones(2),)).remarks
    assert "np.random" in legacy.text("en")
    assert trace(lambda x: x.sum(), (np.ones(2),)).remarks == ()


# ------------------------------------------------------------------ shapes alone, size
def test_shapes_alone_with_named_sizes() -> None:
    traced = trace_shapes(
        lambda p, X: np.sum(np.tanh(X @ p["W"] + np.zeros_like(p["b"])) + p["b"]) / X.shape[0],
        {"p": {"W": (3, "h"), "b": ("h",)}, "X": ("n", 3)},
    )
    assert traced.result is None
    n, h = Size.named("n"), Size.named("h")
    assert {name: node.shape for name, node in traced.graph.inputs.items()} == {
        "W": (3, h),
        "b": (h,),
        "X": (n, 3),
    }
    assert traced.graph.outputs[traced.output].shape == ()


def _seconds(count: int) -> float:
    def chain(x: Any) -> Any:
        total = x
        for _ in range(count):
            total = total + x
        return total

    start = process_time()
    assert trace(chain, (1.0,)).result == count + 1
    return process_time() - start


def test_a_chain_of_100_000_additions_traces_in_linear_time() -> None:
    short = min(_seconds(5_000) for _ in range(2))
    assert _seconds(100_000) < 20 * short * 4  # linear, with room for a busy machine


def test_a_deep_recursion_of_helpers_looks_at_each_frame_only_when_it_moved() -> None:
    def nested(x: Any, depth: int) -> Any:
        y = x * 1.0
        return y if depth == 0 else nested(y + 1.0, depth - 1)

    assert trace(lambda x: nested(x, 400), (0.0,)).result == 400.0


def test_joining_a_single_array_joins_its_entries() -> None:
    """np.hstack of a matrix takes its rows; read as one operand it was the matrix itself."""
    x = np.arange(6.0).reshape(2, 3)
    for join in (np.hstack, np.vstack, np.column_stack, np.stack, np.concatenate, np.dstack):
        traced = trace(lambda a, join=join: join(a) * 2.0, {"a": x}, scalar=False)
        np.testing.assert_array_equal(traced.result, join(x) * 2.0)
