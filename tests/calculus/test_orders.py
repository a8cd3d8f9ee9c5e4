"""Second and third derivatives of every op, by each way to them.

The Hessian of L = Σ w ⊙ (y + y²/2), y the op's result, times a vector: the differential of the
gradient, the gradient of the differential, and the gradient pulled back agree with each other and
with differences of the gradient. Each goes through the rules a second time in another order, as the
public verbs do: stabilised, derived, simplified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.ops.evaluate import central, evaluate, inputs_for, results
from tests.ops.test_table import OPS, cases, moving
from tidu.calculus.modes import pulled, pushed
from tidu.ir.build import constant, filled, input_node
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.trigonometric import cos, sin

QUICK = 1  # samples of an op in the quick run, from the last on, which says the most

Case = tuple[Node, list[Node], dict[Node, Any]]  # the loss, its operands, all values


def losses(op: Op, count: int, rng: Any) -> list[Case]:
    found: list[Case] = []
    for arrays, attrs in cases(op)[-count:]:
        nodes = inputs_for(arrays)
        live = [nodes[i] for i in moving(op, arrays) if arrays[i].dtype == np.float64]
        outs = [y for y in results(op, nodes, attrs) if y.dtype == "float64"]
        if not live or not outs:
            continue
        parts = [sum_(constant(rng.standard_normal(y.shape)) * (y + y * y / 2)) for y in outs]
        loss = parts[0]
        for part in parts[1:]:
            loss = loss + part
        found.append((loss, live, dict(zip(nodes, arrays, strict=True))))
    return found


def close(found: Sequence[Any], wanted: Sequence[Any], tolerance: float, what: str) -> None:
    size = 1.0 + max(float(np.abs(w).max(initial=0.0)) for w in wanted)
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(f, w, rtol=tolerance, atol=tolerance * size, err_msg=what)


def check(case: Case, rng: Any) -> None:
    loss, wrt, values = case
    one = filled(1.0, loss.type)
    tangents = {x: input_node(f"t{i}", x.shape) for i, x in enumerate(wrt)}
    directions = [rng.standard_normal(x.shape) for x in wrt]
    given = {**values, **dict(zip(tangents.values(), directions, strict=True))}
    gradient = pulled([loss], [one], wrt)
    ways = {
        "forward over reverse": pushed(gradient, tangents),
        "reverse over forward": pulled(pushed([loss], tangents), [one], wrt),
        "reverse over reverse": pulled(gradient, list(tangents.values()), wrt),
    }
    first, *others = [evaluate(list(nodes), given) for nodes in ways.values()]

    def slopes(xs: Sequence[Any]) -> Any:
        here = {**values, **dict(zip(wrt, xs, strict=True))}
        return np.concatenate([np.ravel(g) for g in evaluate(list(gradient), here)])

    differences = central(slopes, [values[x] for x in wrt], directions)
    flat = np.concatenate([np.ravel(part) for part in first])
    close([flat], [differences], 1e-5, "forward over reverse, differences")
    for name, other in zip(list(ways)[1:], others, strict=True):
        close(other, first, 1e-9, name)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_the_ways_to_a_second_derivative_agree(op: Op) -> None:
    rng = np.random.default_rng(3)
    for case in losses(op, QUICK, rng):
        check(case, rng)


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_the_ways_to_a_second_derivative_agree_on_all_samples(op: Op) -> None:
    rng = np.random.default_rng(4)
    for case in losses(op, 0, rng):
        check(case, rng)


def second(twice: list[Node], values: dict[Node, Any], wrt: Sequence[Node]) -> Any:
    return lambda xs: evaluate(twice, {**values, **dict(zip(wrt, xs, strict=True))})[0]


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_third_derivatives_agree_with_differences(op: Op) -> None:
    """D³L[u, v, ·]: the gradient of the differential of the differential along two directions."""
    rng = np.random.default_rng(5)
    for loss, wrt, values in losses(op, QUICK, rng):
        one = filled(1.0, loss.type)
        u = {x: constant(rng.standard_normal(x.shape)) for x in wrt}
        v = {x: constant(rng.standard_normal(x.shape)) for x in wrt}
        twice = pushed(pushed([loss], u), v)
        third = evaluate(list(pulled(twice, [one], wrt)), values)
        along = [rng.standard_normal(x.shape) for x in wrt]
        found = sum(float(np.sum(t * d)) for t, d in zip(third, along, strict=True))

        wanted = float(central(second(list(twice), values, wrt), [values[x] for x in wrt], along))
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-4 * (1 + abs(wanted)))


# ------------------------------------------------------------------ the tester is tested
def test_a_derivative_that_is_not_derived_again_is_noticed() -> None:
    """Right to first order, wrong to second: a slope whose own slope has the wrong sign."""
    slope = dataclasses.replace(cos, name="slope", partials=lambda x, out: sin(x))
    broken = dataclasses.replace(sin, name="broken", partials=lambda x, out: slope(x))
    rng = np.random.default_rng(6)
    (case,) = losses(broken, 1, rng)
    with pytest.raises(AssertionError, match="differences"):
        check(case, rng)
    (case,) = losses(sin, 1, rng)
    check(case, rng)
