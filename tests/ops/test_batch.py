"""Every op with a batch axis: equal to a Python loop over the entries, in value and gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.ops.evaluate import evaluate, inputs_for, results
from tests.ops.test_table import OPS, moving
from tests.records import Record
from tidu.calculus.batch import batch
from tidu.calculus.differentiate import vjp
from tidu.ir.build import apply, constant, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op
from tidu.ir.types import FLOATS

K = 6  # entries: a length that no axis of a sample has


def entries(op: Record) -> Iterator[tuple[list[list[Any]], dict[str, Any]]]:
    """For each sample K draws of its operands, with the attributes."""
    assert op.samples is not None
    drawn = [op.samples.make(np.random.default_rng(seed)) for seed in range(K)]
    for same in zip(*drawn, strict=True):
        yield [[np.asarray(a) for a in arrays] for arrays, _ in same], same[0][1]


def choices(count: int) -> list[tuple[int, ...]]:
    """Each operand alone, and all together; all subsets of few."""
    if count <= 3:
        every = product((False, True), repeat=count)
        return [tuple(i for i in range(count) if own[i]) for own in every if any(own)]
    return [*((i,) for i in range(count)), tuple(range(count))]


def programs(op: Record, nodes: Sequence[Node], arrays: Sequence[Any], attrs: Any) -> list[Node]:
    """The op's results, and their gradients (of a seed with different weights)."""
    found = results(op, nodes, attrs)
    live = [nodes[i] for i in moving(op, arrays)]
    floats = [out for out in found if out.dtype in FLOATS]
    if not live or not floats:
        return found
    rng = np.random.default_rng(3)
    seeds = [seed_of(out, rng) for out in floats]
    return [*found, *vjp(floats, seeds, live)]


def seed_of(out: Node, rng: np.random.Generator) -> Node:
    return constant(rng.standard_normal(tuple(int(d) for d in out.shape)), out.dtype)


def check(outputs: Sequence[Node], nodes: Sequence[Node], rows: Sequence[Sequence[Any]]) -> None:
    """Batched programs against a loop, for every choice of mapped operands."""
    for own in choices(len(nodes)):
        stacks = {i: np.stack([row[i] for row in rows]) for i in own}
        mapped = {nodes[i]: input_node(f"X{i}", stacks[i].shape, stacks[i].dtype.name) for i in own}
        values = dict(zip(nodes, rows[0], strict=True))
        given = {**values, **{mapped[nodes[i]]: stack for i, stack in stacks.items()}}
        found = evaluate(batch(outputs, mapped), given)
        for n, row in enumerate(rows):
            one = evaluate(outputs, {**values, **{nodes[i]: row[i] for i in own}})
            for node, whole, wanted in zip(outputs, found, one, strict=True):
                assert whole.shape == (K, *node.shape)
                np.testing.assert_allclose(whole[n], wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_a_batched_op_agrees_with_a_loop(op: Record) -> None:
    for rows, attrs in entries(op):
        nodes = inputs_for(rows[0])
        if nodes:
            check(programs(op, nodes, rows[0], attrs), nodes, rows)


def scans(outputs: Sequence[Node]) -> int:
    return sum(node.op.role == "scan" for node in reachable(outputs))


def with_op(outputs: Sequence[Node], old: Op, new: Op) -> list[Node]:
    """The same programs with another record in the place of one."""
    image: dict[Node, Node] = {}
    for node in reachable(outputs):
        inputs = tuple(image[child] for child in node.inputs)
        image[node] = apply(new if node.op is old else node.op, *inputs, **node.attrs)
    return [image[node] for node in outputs]
