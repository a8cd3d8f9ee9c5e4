"""A slow, plain evaluator of graphs for these tests: each node by its op's NumPy reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tidu.calculus.differentiate import vjp
from tidu.ir.build import call, input_node, is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op

Values = Mapping[Node, Any]


def evaluate(outputs: Sequence[Node], values: Values) -> list[Any]:
    """The values of the outputs for given values of the inputs."""
    found: dict[int, Any] = {node.id: np.asarray(value) for node, value in values.items()}
    for node in reachable(outputs):
        if node.id not in found:
            operands = [found[child.id] for child in node.inputs]
            result = node.op.numpy(*operands, **node.attrs)
            found[node.id] = result if is_tuple(node) else np.asarray(result)
    return [found[node.id] for node in outputs]


def inputs_for(arrays: Sequence[Any]) -> list[Node]:
    return [input_node(f"x{i}", a.shape, a.dtype.name) for i, a in enumerate(arrays, 1)]


def results(op: Op, nodes: Sequence[Node], attributes: Mapping[str, Any]) -> list[Node]:
    """The result nodes of a call: one, or several where the op has several."""
    found = call(op, *nodes, **attributes)
    return list(found) if isinstance(found, list | tuple) else [found]


def gradient(build: Callable[..., Node], *arrays: Any, seed: Any = None) -> list[Any]:
    """The gradient of ⟨seed, build(*arrays)⟩ (seed: ones) with respect to each array."""
    xs = [np.asarray(a, dtype=None if np.asarray(a).dtype.kind == "f" else float) for a in arrays]
    nodes = inputs_for(xs)
    out = build(*nodes)
    g = input_node("g", out.shape, out.dtype)
    values: dict[Node, Any] = dict(zip(nodes, xs, strict=True))
    values[g] = np.ones(out.shape, out.dtype) if seed is None else np.asarray(seed)
    return evaluate(vjp([out], [g], nodes), values)


def value(build: Callable[..., Node], *arrays: Any) -> Any:
    xs = [np.asarray(a, dtype=float) for a in arrays]
    nodes = inputs_for(xs)
    return evaluate([build(*nodes)], dict(zip(nodes, xs, strict=True)))[0]


def central(function: Callable[[Sequence[Any]], Any], xs: Sequence[Any], ds: Sequence[Any]) -> Any:
    """The derivative of `function` at xs in direction ds by differences of fourth order."""
    h = 1e-3

    def at(t: float) -> Any:
        return function([x + t * d for x, d in zip(xs, ds, strict=True)])

    return (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h)
