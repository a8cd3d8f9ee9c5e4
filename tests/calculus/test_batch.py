"""Batching keeps matrix form, never opens a loop, and falls back on one scan where it must."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.ops import test_batch as over_ops
from tests.ops.evaluate import inputs_for
from tidu.backends.numpy import evaluate as run
from tidu.calculus.batch import batch
from tidu.calculus.differentiate import vjp
from tidu.calculus.rewrite import Rewriter
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op, registered
from tidu.ir.types import Size
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import eye
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh
from tidu.ops.linalg.inverse import solve

n, d, k = (Size.named(name) for name in "ndk")


def given(name: str, *shape: Any) -> Node:
    return input_node(name, shape)


def one(output: Node, mapped: dict[Node, Node]) -> Node:
    return batch([output], mapped)[0]


def simple(node: Node) -> Node:
    return Rewriter("simplify", set()).normalise(node)


# ------------------------------------------------------------------ matrix form
def test_products_become_products_of_matrices() -> None:
    X, v, V, A = given("X", n, d), given("v", d), given("V", k, d), given("A", d, d)
    assert one(X @ v, {v: V}) is V @ X.T
    assert one(v @ A, {v: V}) is V @ A
    assert one(v @ given("u", d), {v: V}) is V @ given("u", d)
    assert one(solve(A, v), {v: V}) is solve(A, V.T).T
    assert one(given("s", d) * v, {v: V}) is given("s", d) * V
    assert one(2.0 * v, {v: V}) is 2.0 * V


def test_the_identity_through_a_gradient_gives_the_hessian() -> None:
    """Xᵀ(2(Xw − y)) along the rows of I is 2XᵀX; no loop, no einsum."""
    X, w, y = given("X", n, d), given("w", d), given("y", n)
    gradient = vjp([sum_((X @ w - y) ** 2.0)], [constant(1.0)], [w])[0]
    t = given("t", d)
    along = simple(vjp([sum_(gradient * t)], [constant(1.0)], [w])[0])
    assert simple(one(along, {t: eye(rows=d)})) is 2.0 * (X.T @ X)


def test_what_does_not_depend_on_the_mapped_is_calculated_once() -> None:
    x, v, V = given("x", 3), given("v", 3), given("V", 5, 3)
    shared = exp(x)
    plain, mixed = batch([shared, shared * v], {v: V})
    assert plain is broadcast_to(shared, shape=(5, 3))
    assert shared in reachable([mixed])


def test_intermediate_nodes_may_be_mapped() -> None:
    x, V = given("x", 3), given("V", 5, 3)
    inner = exp(x)
    found = one(sum_(inner * inner), {inner: V})
    assert x not in reachable([found])
    assert found is sum_(V * V, axis=1)


def test_a_replacement_of_another_shape_is_refused() -> None:
    v = given("v", 3)
    with pytest.raises(ValueError, match="mapped"):
        batch([v], {v: given("V", 5, 4)})
    with pytest.raises(ValueError, match="length"):
        batch([v], {v: given("V", 5, 3), given("w", 2): given("W", 6, 2)})
    with pytest.raises(ValueError, match="at least one"):
        batch([v], {})


# ------------------------------------------------------------------ size
def test_a_deep_chain_batches_without_recursion_and_keeps_its_size() -> None:
    v, V = given("v", 3), given("V", 5, 3)
    node = v
    for _ in range(5_000):
        node = tanh(node) + v
    found = one(node, {v: V})
    assert len(reachable([found])) == len(reachable([node]))


def test_loops_stay_loops() -> None:
    """A scan for one entry is one scan for all of them, its body batched."""
    op = registered()["scan"]
    (arrays, *_), attrs = next(over_ops.entries(op))
    nodes = inputs_for(arrays)
    out = op(*nodes, **attrs)[0]
    mapped = {x: input_node(f"B{x.id}", (6, *x.shape), x.dtype) for x in nodes}
    found = [node for node in reachable([one(out, mapped)]) if node.op.body]
    assert len(found) == 1 and found[0].attrs["length"] == attrs["length"]


# ------------------------------------------------------------------ the fallback
def without_rule(op: Op) -> Op:
    """The op as a new one of which nothing is known but how it is calculated and derived."""
    return dataclasses.replace(op, batched=lambda *_, **__: None)


FALLBACK = ["matmul", "solve", "index_by", "exp", "where", "det", "eigh", "sum", "scan", "call"]


@pytest.mark.parametrize("name", FALLBACK)
def test_an_op_without_a_rule_is_applied_entry_by_entry(name: str) -> None:
    op = registered()[name]
    bare = without_rule(op)
    for rows, attrs in over_ops.entries(op):
        nodes = inputs_for(rows[0])
        outputs = over_ops.programs(op, nodes, rows[0], attrs)
        swapped = over_ops.with_op(outputs, op, bare)
        over_ops.check(swapped, nodes, rows)


def test_the_fallback_is_one_scan_and_runs_in_the_backend() -> None:
    bare = without_rule(multiply)
    x, X, y = given("x", 3), given("X", 5, 3), given("y", 3)
    (product,) = over_ops.with_op([x * y], multiply, bare)
    found = one(product, {x: X})
    assert over_ops.scans([found]) == 1
    values = {"X": np.arange(15.0).reshape(5, 3), "y": np.array([1.0, 2.0, 3.0])}
    got = run({"p": found}, values).outputs["p"]
    np.testing.assert_array_equal(got, values["X"] * values["y"])


# ------------------------------------------------------------------ the tester is tested
@pytest.mark.parametrize("name", ["matmul", "transpose", "index_by2", "add_at", "solve", "einsum"])
def test_a_wrong_rule_is_noticed(name: str) -> None:
    """The entries in the wrong order: right shapes, wrong values."""
    op = registered()[name]
    rule = op.batched
    assert rule is not None

    def reversed_entries(xs: Any, stacked: Any, **attrs: Any) -> Any:
        found = rule(xs, stacked, **attrs)
        return None if found is None else registered()["flip"](found, axis=0)

    broken = dataclasses.replace(op, batched=reversed_entries)
    rows, attrs = next(iter(over_ops.entries(op)))
    nodes = inputs_for(rows[0])
    outputs = over_ops.with_op(over_ops.programs(op, nodes, rows[0], attrs), op, broken)
    with pytest.raises(AssertionError):
        over_ops.check(outputs, nodes, rows)
