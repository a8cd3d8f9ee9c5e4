"""Programs without loops: each op, alone and of what is a multiple of a sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from tests.backends.native.agreement import check, distance
from tests.backends.native.test_loops import check_loop
from tests.backends.native.test_ops import OPS, samples
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.emit.unrolled import operations
from tidu.backends.native.layout import Request
from tidu.backends.native.program import compile_loop
from tidu.backends.native.schedule.lowered import lowered
from tidu.backends.native.schedule.plan import kind_of
from tidu.backends.native.tuning import TUNED
from tidu.backends.numpy import compile_graph
from tidu.errors import TiduError
from tidu.ir.build import call, input_node
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.op import registered
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.standardise import standardised
from tidu.ops.elementwise.arithmetic import absolute, sign
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.selection import maximum
from tidu.ops.elementwise.trigonometric import tanh


def size(outputs: Mapping[str, Node]) -> float:
    """Operations of the straight program; infinite where there is none."""
    nodes = reachable(lowered(outputs, Request()).values())
    return operations(nodes, {node.id: kind_of(node, FUNCTIONS) for node in nodes})


def bundles(dtype: str, signed: bool) -> Iterator[tuple[dict[str, Node], dict[str, Any]]]:
    """Samples of ops, as many in one program as are still written without loops. `signed`: the
    first operand is a sign times what it was."""
    outputs: dict[str, Node] = {}
    values: dict[str, Any] = {}
    total = 0.0
    for name in OPS:
        for nodes, given in samples(name, dtype):
            made = dict(with_sign(nodes, dtype) if signed else nodes)
            own = size(made) if made else float("inf")
            if own > TUNED.straight_line:
                continue
            if total + own > TUNED.straight_line:
                yield outputs, values
                outputs, values, total = {}, {}, 0.0
            outputs, values, total = outputs | made, values | given, total + own
    yield outputs, values


def with_sign(outputs: Mapping[str, Node], dtype: str) -> Iterator[tuple[str, Node]]:
    """The same ops of sign(x) · operand. Nothing of what refuses the operand."""
    for name, node in outputs.items():
        first = next((i for i, x in enumerate(node.inputs) if x.dtype == dtype), None)
        if node.op is standardised:  # its other operands are made of the first
            continue
        if first is None or node.inputs[first].op.role != "input":
            continue
        x = node.inputs[first]
        rank = len(x.shape)
        s = sign(input_node(f"s{rank}", (1,) * rank, dtype), at=0.0)
        factor = broadcast_to(s, shape=x.shape) if rank else s
        operands = [factor * x if i == first else other for i, other in enumerate(node.inputs)]
        try:
            yield name, call(node.op, *operands, **node.attrs)
        except (TiduError, TypeError, ValueError):
            continue


def looped(outputs: Mapping[str, Node], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a loop of one step records: in loops a sign is multiplied last."""
    step = {**outputs, "new/step": input_node("step", ()) + 1.0}
    assert size(step) <= TUNED.straight_line
    loop = compile_loop(step, Request((("step", "new/step"),), (), (), tuple(outputs)))
    loop.start({**values, "step": np.array(0.0)})
    return {name: rows[0] for name, rows in loop.advance(1).records.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_op_agrees_with_numpy_without_loops(dtype: str) -> None:
    seen: set[str] = set()
    for outputs, values in bundles(dtype, signed=False):
        assert size(outputs) <= TUNED.straight_line
        check(outputs, values)
        seen |= {node.op.name for node in reachable(outputs.values())}
    assert {"add", "clip", "where", "matmul", "cumsum", "sum", "transpose", "tanh"} <= seen


@pytest.mark.parametrize("value", [-0.5, 0.0])
def test_each_op_on_a_multiple_of_a_sign_agrees_with_numpy(value: float) -> None:
    seen: set[str] = set()
    for outputs, values in bundles("float64", signed=True):
        names = inputs_among(reachable(outputs.values()))
        values |= {n: np.full(names[n].shape, value) for n in names if n not in values}
        wanted, found = compile_graph(outputs).run(values).outputs, looped(outputs, values)
        for name, one in wanted.items():
            assert distance(found[name], one) < 1e-12, (name, found[name], one)
        seen |= {node.op.name for node in outputs.values()}
    assert {"multiply", "clip", "where", "matmul", "cumsum", "sum", "negative", "exp"} <= seen


# ------------------------------------------------------------------ signs
@pytest.mark.parametrize("at", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("exact", [False, True])
def test_a_sign_is_multiplied_last_and_changes_nothing(at: float, exact: bool) -> None:
    """|W2 tanh(W1 x) − y| as one straight line: the sign of the error is a factor of all that goes
    back. `exact`: the error is 0, and its sign what the kink is given there."""
    rng = np.random.default_rng(5)
    x, y = input_node("x", (3, 1)), input_node("y", (1, 1))
    W1, W2, lr = input_node("W1", (4, 3)), input_node("W2", (1, 4)), input_node("lr", ())
    hidden = tanh(W1 @ x)
    error = W2 @ hidden - y
    s = sign(error, at=at)
    back = (W2.T * s) * (1.0 - hidden * hidden)
    outputs = {
        "new/W1": W1 - lr * (back @ x.T),
        "new/W2": W2 - lr * (s @ hidden.T),
        "loss": sum_(absolute(error)),
        "seen": 1.0 - back,
    }
    values = {
        name: rng.standard_normal(node.shape)
        for name, node in inputs_among(reachable(outputs.values())).items()
    }
    if exact:
        values |= {"W2": np.zeros((1, 4)), "y": np.zeros((1, 1))}
    check_loop(outputs, values | {"lr": np.array(0.01)}, steps=1 if exact else 7)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.25, 5.0, np.nan])
def test_what_is_no_multiple_of_a_sign_is_not_taken_for_one(value: float) -> None:
    x, w = input_node("x", (1,)), input_node("w", (3,))
    wide = broadcast_to(sign(x, at=0.0), shape=(3,))
    up = greater(w, 0.0)
    outputs = {
        "a sum": w * wide + wide,
        "twice": wide * wide * w,
        "either way": where(up, wide, 2.0 * wide),
        "one way": where(up, wide, w),
        "a function": tanh(w * wide),
        "a sum of products": sum_(w * wide) * w,
        "the larger": maximum(w * wide, 0.5),
        "to itself": where(greater(x, 0.0), 1.0, x) * w,
        "of nothing": broadcast_to(sign(x, at=0.0), shape=(0,)) * w[:0],
    }
    values = {"x": np.array([value]), "w": np.array([-1.5, 0.0, 2.5])}
    wanted, found = compile_graph(outputs).run(values).outputs, looped(outputs, values)
    for name, one in wanted.items():
        assert distance(found[name], one) < 1e-15, (name, found[name], one)


def test_unrolled_code_rounds_as_loops_do() -> None:
    """What is 0 or x, as relu, is no sign; a rate that goes to the sign takes no product along."""
    x, w, v = input_node("x", (1,)), input_node("w", (49,)), input_node("v", (49,))
    rate = broadcast_to(input_node("rate", ()), shape=(49,))
    wide = broadcast_to(call(registered()["relu"], x), shape=(49,))
    s = broadcast_to(sign(x, at=0.0), shape=(49,))
    outputs = {
        "relu": ((wide * w) * w) * w,
        "rate first": ((s * rate) * w) * v,
        "rate between": ((s * w) * rate) * v,
        "rate last": ((s * w) * v) * rate,
        "two rates": ((s * rate) * rate) * w,
        "turned": -((rate * (s * w))[::-1]) * v,
        "chosen": where(greater(w, 0.0), rate * (s * w), s * v),
    }
    rng = np.random.default_rng(3)
    for value in (0.7, -0.7, 0.0):
        values = {"x": np.array([value]), "rate": np.array(0.013)}
        values |= {"w": rng.standard_normal(49), "v": rng.standard_normal(49)}
        wanted, found = compile_graph(outputs).run(values).outputs, looped(outputs, values)
        for name, one in wanted.items():
            np.testing.assert_array_equal(found[name], one, name)


def test_a_program_outside_a_loop_multiplies_as_it_is_written() -> None:
    """There nobody would find the product that overflows without the sign that is 0."""
    x, a = input_node("x", (1,)), input_node("a", (2,))
    values = {"x": np.zeros(1), "a": np.array([1e200, 2e200])}
    check({"y": (broadcast_to(sign(x, at=0.0), shape=(2,)) * a) * a}, values)
