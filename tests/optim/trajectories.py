"""A small problem with many valleys, and descents on it: by the graph, by NumPy alone, by torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.arrays.reduction import mean
from tidu.ops.elementwise.trigonometric import tanh
from tidu.optim import Rule, StepGraph, step_graph

Arrays = dict[str, np.ndarray]

X = np.array(
    [[0.5, -1.0, 0.3], [1.5, 0.2, -0.7], [-0.4, 0.9, 1.1], [-1.2, -0.3, 0.4], [0.1, 0.8, -1.6]]
)
Y = np.array([[0.7], [-0.4], [0.9], [-0.2], [0.3]])
START: Arrays = {
    "V": np.array([[0.3, -0.6, 0.2, 0.5], [-0.1, 0.4, 0.7, -0.8], [0.6, 0.1, -0.5, 0.2]]),
    "w": np.array([[0.9], [-0.7], [0.4], [0.6]]),
}


def gradients(p: Arrays) -> Arrays:
    """Of mean((tanh(X V) w - Y)²), by hand."""
    h = np.tanh(X @ p["V"])
    d = 2.0 * (h @ p["w"] - Y) / len(X)
    return {"V": X.T @ (d @ p["w"].T * (1.0 - h * h)), "w": h.T @ d}


def step_of(rule: Any, dtype: str = "float64") -> StepGraph:
    V, w = input_node("V", (3, 4), dtype), input_node("w", (4, 1), dtype)
    x, y = input_node("X", X.shape, dtype), input_node("Y", Y.shape, dtype)
    loss = mean((tanh(x @ V) @ w - y) ** 2.0)
    graph = Graph({"V": V, "w": w, "X": x, "Y": y}, {"L": loss})
    return step_graph(derive_graph(graph, ["V", "w"]), rule)


def by_graph(rule: Rule, steps: int, dtype: str = "float64") -> Iterator[Arrays]:
    """The parameters after each step."""
    step = step_of(rule, dtype)
    program = compile_graph(step.graph.outputs)
    values: dict[str, Any] = {n: v.astype(dtype) for n, v in {**START, "X": X, "Y": Y}.items()}
    values |= step.hyper_values() | step.initial_states(values)
    for _ in range(steps):
        out = program.run(values).outputs
        values |= {name: out[f"new/{name}"] for name in START}
        values |= {state.input: out[state.output] for state in step.states}
        yield {name: values[name] for name in START}


def by_hand(
    update: Callable[[int, Arrays, Arrays], Arrays], steps: int, moved: float = 1.0
) -> Iterator[Arrays]:
    """`update(t, parameters, gradients)` gives the new parameters; t counts from 1."""
    p = {name: value * moved for name, value in START.items()}
    for t in range(1, steps + 1):
        p = update(t, p, gradients(p))
        yield p


def by_torch(
    make: Callable[[Any, list[Any]], Any],
    steps: int,
    schedule: Callable[[Any, Any], Any] | None = None,
    limit: Callable[[Any, list[Any]], Any] | None = None,
) -> Iterator[Arrays]:
    """`make(torch, parameters)` gives an optimizer of torch.optim."""
    import torch

    p = {name: torch.tensor(value, requires_grad=True) for name, value in START.items()}
    x, y = torch.tensor(X), torch.tensor(Y)
    optimizer = make(torch, list(p.values()))
    scheduler = None if schedule is None else schedule(torch, optimizer)
    for _ in range(steps):
        optimizer.zero_grad()
        ((torch.tanh(x @ p["V"]) @ p["w"] - y) ** 2).mean().backward()
        if limit is not None:
            limit(torch, list(p.values()))
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        yield {name: value.detach().numpy().copy() for name, value in p.items()}


def farthest(ours: Iterator[Arrays], theirs: Iterator[Arrays]) -> float:
    """The largest difference on the way, relative to the largest entry of the parameter."""
    worst = 0.0
    for one, other in zip(ours, theirs, strict=True):
        for name, value in other.items():
            worst = max(worst, np.abs(one[name] - value).max() / np.abs(value).max())
    return float(worst)
