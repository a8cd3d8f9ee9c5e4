"""Large programs: no recursion error, and time linear in their length."""

from __future__ import annotations

import time

import numpy as np

import tidu
from tidu.backends.numpy import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.trigonometric import tanh


def additions(count: int) -> tuple[Graph, float]:
    """x + x + … : a chain of additions, and how long it takes to derive."""
    x = input_node("x", ())
    total = x
    for _ in range(count):
        total = total + x
    graph = Graph({"x": x}, {"L": total})
    started = time.process_time()
    derivation = derive_graph(graph, ["x"])
    taken = time.process_time() - started
    found = evaluate({"g": derivation.gradients["x"], "L": derivation.loss}, {"x": np.array(0.5)})
    assert float(found.outputs["g"]) == count + 1
    assert float(found.outputs["L"]) == (count + 1) * 0.5
    return graph, taken


def test_a_hundred_thousand_additions() -> None:
    """Ten times the length takes about ten times as long (well under its square)."""
    _, short = additions(10_000)
    _, long = additions(100_000)
    assert long < 40 * max(short, 0.01)


def test_two_thousand_layers() -> None:
    x = input_node("x", (3,))
    h = x
    for _ in range(2_000):
        h = tanh(h)
    started = time.process_time()
    derivation = derive_graph(Graph({"x": x}, {"L": sum_(h)}), ["x"])
    assert time.process_time() - started < 5
    at = np.array([0.1, -0.2, 0.3])
    found = evaluate({"g": derivation.gradients["x"]}, {"x": at}).outputs["g"]
    slope, value = np.ones(3), at
    for _ in range(2_000):
        value = np.tanh(value)
        slope = slope * (1 - value**2)
    np.testing.assert_allclose(found, slope, rtol=1e-9)


def test_a_long_loop_through_the_doors() -> None:
    count = 2_000

    def loss(x: float) -> float:
        for _ in range(count):
            x = x + 0.001 * np.sin(x)
        return x

    inner = "for i in range(2):\n    for j in range(1000):\n        h = h + 0.001 * sin(h)"
    program = f"h = x\n{inner}\nh"
    by_function = float(tidu.grad(loss)(0.3))
    by_text = float(tidu.derive(program, wrt=["x"], values={"x": 0.3}).evaluate().gradients["x"])
    slope, x = 1.0, 0.3
    for _ in range(count):
        slope *= 1 + 0.001 * np.cos(x)
        x = x + 0.001 * np.sin(x)
    np.testing.assert_allclose([by_function, by_text], slope, rtol=1e-8)


def test_a_sum_of_hundreds_of_terms_as_text() -> None:
    text = " + ".join(["x"] * 900)
    assert float(tidu.derive(text, values={"x": 1.5}).evaluate().gradients["x"]) == 900.0
