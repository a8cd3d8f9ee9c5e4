"""The networks of the seed studies in each form that descend takes, and rows to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.api.descend import Run, descend
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.elementwise.arithmetic import absolute

X = np.array([[1, 2, 3]]).T


Y = np.array([[50]])


TEXT = """
y1 = W1 @ x + b1
y2 = W2 @ y1 + b2
y3 = W3 @ y2 + b3
L = abs(y3 - y_true)
"""


def seed_weights() -> dict[str, np.ndarray]:
    return {"W1": np.ones((4, 3)), "W2": np.ones((5, 4)), "W3": np.ones((1, 5))}


def seed_parameters() -> dict[str, np.ndarray]:
    return seed_weights() | {"b1": np.zeros((4, 1)), "b2": np.zeros((5, 1)), "b3": np.zeros((1, 1))}


def network(params: dict[str, Any], x: Any, y_true: Any) -> Any:
    y1 = params["W1"] @ x + params["b1"]
    y2 = params["W2"] @ y1 + params["b2"]
    y3 = params["W3"] @ y2 + params["b3"]
    L = np.abs(y3 - y_true)
    return L


def seed_graph() -> Graph:
    shapes = {name: a.shape for name, a in seed_parameters().items()} | {
        "x": (3, 1),
        "y_true": (1, 1),
    }
    n = {name: input_node(name, shape) for name, shape in shapes.items()}
    y3 = n["W3"] @ (n["W2"] @ (n["W1"] @ n["x"] + n["b1"]) + n["b2"]) + n["b3"]
    return Graph(n, {"y3": y3, "L": absolute(y3 - n["y_true"])})


def from_function(**options: Any) -> Run:
    return descend(network, seed_parameters(), X, Y, watch="y3", **options)


ROWS = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [2.0, 2.0]])


def rows_loss(p: Any, x: Any, y: Any) -> Any:
    z = x @ p["w"] + p["b"]
    return np.mean((z - y) ** 2)


def model(q: Any, x: Any) -> Any:
    return x @ q["w"] + q["b"]


def branching(w: Any, x: Any) -> Any:
    r = w - x
    if r > 0:
        L = 3.0 * r
    else:
        L = -r
    return L
