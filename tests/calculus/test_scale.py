"""Depth and size: long chains derive without recursion, in time linear in their length."""

from __future__ import annotations

import gc
import sys
import time

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers the ops)
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ops.arrays.reduction import sum_


def additions(length: int) -> Graph:
    x = input_node("x", (3,))
    y: Node = x
    for i in range(length):
        y = y + (x if i % 2 else 1.0)
    return Graph({"x": x}, {"L": sum_(y)})


def timed(length: int) -> tuple[float, Derivation]:
    graph = additions(length)
    gc.collect()
    start = time.process_time()
    derivation = derive_graph(graph, ["x"])
    return time.process_time() - start, derivation


def test_a_chain_of_100_000_additions_derives_in_linear_time() -> None:
    limit = sys.getrecursionlimit()
    short, _ = timed(25_000)
    long, derivation = timed(100_000)
    assert sys.getrecursionlimit() == limit
    assert long <= 4 * short * 2.5 + 0.5  # quadratic time would be 16 times
    found = evaluate(derivation.gradients, {"x": np.ones(3)}).outputs["x"]
    np.testing.assert_array_equal(found, np.full(3, 50_001.0))


@pytest.mark.parametrize("layers", [2_000])
def test_a_deep_network_of_matrix_products_derives(layers: int) -> None:
    x, w = input_node("x", (3,)), input_node("W", (3, 3))
    h: Node = x
    for _ in range(layers):
        h = w @ h
    derivation = derive_graph(Graph({"x": x, "W": w}, {"L": sum_(h)}), ["x", "W"])
    turn = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    found = evaluate(derivation.gradients, {"x": [1.0, 2.0, 3.0], "W": turn}).outputs
    np.testing.assert_array_equal(found["x"], np.ones(3))
    np.testing.assert_allclose(np.sum(found["W"]), layers * 3 * 6.0)
