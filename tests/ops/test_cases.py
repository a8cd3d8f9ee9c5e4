"""No case in a rule is taken for a part of the function: second and third derivatives of every
elementwise op at special points are those of its neighbours, where these agree, and symmetric.

Numbers for the neighbours come from the plain program at points where no case holds.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers every op)
from tidu.backends.numpy import compile_graph
from tidu.calculus.modes import pulled
from tidu.errors import TiduError
from tidu.ir.build import apply, constant, input_node
from tidu.ir.node import Node
from tidu.ir.op import Form, Op, Operand, registered
from tidu.ir.types import FLOATS
from tidu.running.boundary import boundary

POINTS = (-1.0, 0.0, 0.5, 1.0, 2.0)
OPS = [
    op
    for op in registered().values()
    if op.form is Form.ELEMENTWISE and op.samples is not None and op.operands is not None
    if all(kind is Operand.VALUE for kind in op.operands)
]
RNG = np.random.default_rng(11)


def partial(node: Node, by: Node) -> Node:
    return pulled([node], [constant(1.0)], [by])[0]


def derivatives(op: Op, order: int) -> tuple[Node, list[Node], dict[str, Node]] | None:
    """An op of numbers, its operands, and all its partial derivatives of an order, by their
    positions."""
    assert op.samples is not None and op.operands is not None
    _, attrs = op.samples.make(np.random.default_rng(0))[0]
    operands = [input_node(f"z{i}", ()) for i in range(len(op.operands))]
    out = apply(op, *operands, **attrs)
    if out.dtype not in FLOATS or out.dtype.startswith("complex"):
        return None
    found: dict[str, Node] = {"": out}
    for _ in range(order):
        found = {
            key + str(i): partial(node, z)
            for key, node in found.items()
            for i, z in enumerate(operands)
        }
    return out, operands, found


def neighbours(program: Any, names: list[str], point: tuple[float, ...]) -> dict[str, float]:
    """What derivatives tend to from all sides, where they do."""
    limits: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(6):
        d = RNG.uniform(0.5, 1.5, len(point)) * RNG.choice([-1.0, 1.0], len(point))
        for sign in (1.0, -1.0):
            far, near = (
                program.run({f"z{i}": p + sign * h * d[i] for i, p in enumerate(point)}).outputs
                for h in (2e-4, 1e-4)
            )
            for name in names:
                limits[name].append(float(2.0 * near[name] - far[name]))
    agreed = {name: np.array(values) for name, values in limits.items()}
    return {
        name: float(np.mean(values))
        for name, values in agreed.items()
        if np.isfinite(values).all() and np.ptp(values) <= 1e-3 * (1.0 + np.max(np.abs(values)))
    }


QUICK = ("power", "abs", "maximum", "ratio", "relu", "hypot", "xlogy", "clip", "sign", "copysign")
CASES = [
    pytest.param(op, order, id=f"{op.name}-{order}", marks=[] if quick else pytest.mark.slow)
    for op in OPS
    for order in (2, 3)
    for quick in (op.name in QUICK and order == 2,)
]


@pytest.mark.parametrize(("op", "order"), CASES)
def test_a_case_in_a_rule_is_no_part_of_the_function(op: Op, order: int) -> None:
    try:
        made = derivatives(op, order)
    except TiduError:
        pytest.skip("refused by name")
    if made is None:
        pytest.skip("no real number")
    out, operands, partials = made
    asked = boundary(partials, [out], operands, order)
    program = compile_graph({**partials, **asked.masks, "value": out})
    for point in itertools.product(POINTS, repeat=len(operands)):
        values = {f"z{i}": np.array(p) for i, p in enumerate(point)}
        with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            raw = program.run(values).outputs
            if not np.isfinite(raw["value"]):
                continue
            found = {name: float(asked.with_limits("it", values, raw)[name]) for name in partials}
            wanted = neighbours(program, list(partials), point)
        for name, expected in wanted.items():
            if np.isfinite(found[name]):
                assert abs(found[name] - expected) <= 0.02 * (1.0 + abs(expected)) or said, (
                    f"{op.name}, partial {name} at {point}: {found[name]} for {expected}"
                )
        for name, value in found.items():
            other = found["".join(sorted(name))]
            if np.isfinite(value) and np.isfinite(other):
                assert value == pytest.approx(other, rel=1e-6, abs=1e-9) or said, (
                    f"{op.name} at {point}: partial {name} is {value}, in another order {other}"
                )
