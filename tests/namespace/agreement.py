"""A plain NumPy program against its derivation: values, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.ops.evaluate import central
from tidu.backends.numpy import evaluate
from tidu.calculus.differentiate import vjp
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ops.arrays.reduction import sum_
from tidu.tracing.trace import trace

Program = Callable[..., Any]


def parts_of(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def as_loss(program: Program, weights: Sequence[Any]) -> Program:
    """A number: every entry of every result of the program, squared too, times its own weight."""

    def loss(*xs: Any) -> Any:
        total: Any = 0.0
        for part, weight in zip(parts_of(program(*xs)), weights, strict=True):
            total = total + np.sum(part * weight) + 0.5 * np.sum(part * part * (weight + 0.3))
        return total

    return loss


class Derived:
    """A loss as a graph, its gradient, and the derivative of the gradient along a direction."""

    def __init__(self, loss: Program, xs: Sequence[Any], directions: Sequence[Any]) -> None:
        graph = trace(loss, xs).graph
        self.inputs: list[Node] = list(graph.inputs.values())
        self.names = list(graph.inputs)
        (self.out,) = graph.outputs.values()
        self.gradient = vjp([self.out], [constant(1.0)], self.inputs)
        along = [sum_(g * constant(d)) for g, d in zip(self.gradient, directions, strict=True)]
        self.curve = vjp([sum(along[1:], along[0])], [constant(1.0)], self.inputs)

    def run(self, nodes: Sequence[Node], xs: Sequence[Any]) -> list[Any]:
        found = evaluate(
            {str(i): node for i, node in enumerate(nodes)}, dict(zip(self.names, xs, strict=True))
        )
        return list(found.outputs.values())


def dot(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.sum(x * y)) for x, y in zip(a, b, strict=True))


def agree(program: Program, *arrays: Any, seed: int = 3, tolerance: float = 2e-7) -> None:
    """The traced program has NumPy's values; its gradient is the slope of the plain program's loss;
    the gradient's derivative is the gradient's slope."""
    rng = np.random.default_rng(seed)
    xs = [np.array(a, dtype=float) for a in arrays]
    plain = parts_of(program(*xs))
    weights = [rng.uniform(0.5, 1.5, np.shape(part)) for part in plain]
    loss = as_loss(program, weights)
    directions = [rng.standard_normal(x.shape) for x in xs]
    derived = Derived(loss, xs, directions)
    np.testing.assert_allclose(derived.run([derived.out], xs)[0], loss(*xs), rtol=1e-11)
    gradient = derived.run(derived.gradient, xs)
    assert [g.shape for g in gradient] == [x.shape for x in xs]
    slope = central(lambda ys: np.asarray(loss(*ys)), xs, directions)
    np.testing.assert_allclose(dot(gradient, directions), slope, rtol=tolerance, atol=tolerance)
    curve = dot(derived.run(derived.curve, xs), directions)
    bend = central(
        lambda ys: np.asarray(dot(derived.run(derived.gradient, ys), directions)), xs, directions
    )
    np.testing.assert_allclose(curve, bend, rtol=1e-6, atol=1e-6)
