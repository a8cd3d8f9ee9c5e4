"""Imports, documents, derivations, Hessians: each beside a peer in the same run."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tidu
from benchmarks.second_order import logistic_hessian, speedup
from benchmarks.timing import Timed, interleaved, process, ratio
from tidu.calculus.derivation import derive_graph
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ops.arrays.reduction import mean, sum_
from tidu.ops.arrays.softmax import softmax
from tidu.ops.arrays.statistics import var
from tidu.ops.elementwise.activation import relu
from tidu.ops.elementwise.arithmetic import sqrt
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh

STUDIES = Path(__file__).resolve().parent.parent / "studies"
SEEDS = (
    "no_bias",
    "bias",
    "leaky_relu",
    "leaky_relu_matters",
    "two_two_one",
    "derivatives",
    "recursion",
)


def main() -> None:
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    imports()
    solving()
    descent()
    depth()
    second_order()


def _row(name: str, value: str, goal: str = "") -> None:
    print(f"  {name:<58} {value:>22}   {goal}")


def imports() -> None:
    """Importing tidu beside importing NumPy alone, whole processes."""
    print("import, whole process")
    numpy_, tidu_ = interleaved(
        [("numpy", process("-c", "import numpy")), ("tidu", process("-c", "import tidu"))], 15
    )
    _row("import numpy", _milliseconds(numpy_))
    _row("import tidu", _milliseconds(tidu_))
    _row("ratio of pairs (median)", f"{ratio(tidu_, numpy_):.2f}", "goal ≤ 1.3")


def solving() -> None:
    """`tidu solve` on the seeds' studies, whole process."""
    print("tidu solve, whole process")
    runs = [(name, process("-m", "tidu", "solve", str(STUDIES / f"{name}.toml"))) for name in SEEDS]
    for timed in interleaved(runs, 5):
        _row(
            f"tidu solve studies/{timed.name}.toml",
            _milliseconds(timed),
            "goal ≤ 600 ms, idle core",
        )


def descent() -> None:
    """Steps of descent on the seed's network beside the seed's own NumPy loop."""
    print("gradient descent on the seed network, NumPy backend, a step")
    steps = 400
    by_hand, ours = interleaved(
        [("hand-written NumPy", lambda: hand_written(steps)), ("tidu.descend", descending(steps))],
        7,
    )
    _row("hand-written NumPy (the seed's loop)", _microseconds(by_hand, steps))
    _row("tidu.descend", _microseconds(ours, steps))
    _row("ratio of pairs (median)", f"{ratio(ours, by_hand):.2f}")


def start() -> dict[str, Any]:
    """The seed's parameters and data."""
    return {
        "x": np.array([[1.0], [2.0], [3.0]]),
        "y_true": np.array([[50.0]]),
        "W1": np.ones((4, 3)),
        "W2": np.ones((5, 4)),
        "W3": np.ones((1, 5)),
        "b1": np.zeros((4, 1)),
        "b2": np.zeros((5, 1)),
        "b3": np.zeros((1, 1)),
    }


def hand_written(steps: int, rate: float = 1e-6) -> float:
    """The seed's loop, as a learner writes it."""
    v = start()
    loss = 0.0
    for _ in range(steps):
        y1 = v["W1"] @ v["x"] + v["b1"]
        y2 = v["W2"] @ y1 + v["b2"]
        y3 = v["W3"] @ y2 + v["b3"]
        loss = np.abs(y3 - v["y_true"]).item()
        d3 = np.where(y3 - v["y_true"] > 0, 1.0, -1.0)
        d2 = v["W3"].T @ d3
        d1 = v["W2"].T @ d2
        for name, gradient in (
            ("W3", d3 @ y2.T),
            ("b3", d3),
            ("W2", d2 @ y1.T),
            ("b2", d2),
            ("W1", d1 @ v["x"].T),
            ("b1", d1),
        ):
            v[name] = v[name] - rate * gradient
    return loss


def descending(steps: int, rate: float = 1e-6) -> Callable[[], object]:
    """The same steps by tidu, derivation included."""
    program = "y1 = W1 @ x + b1\ny2 = W2 @ y1 + b2\ny3 = W3 @ y2 + b3\nL = np.abs(y3 - y_true)\n"
    values = start()
    names = ["W1", "b1", "W2", "b2", "W3", "b3"]

    def run() -> object:
        handle = tidu.derive(program, wrt=names, values=values, output="L")
        return tidu.descend(
            handle,
            {n: values[n] for n in names},
            steps=steps,
            lr=rate,
            backend="numpy",
            progress=False,
        )

    return run


def depth() -> None:
    """Deriving deep graphs: the time should grow with the depth and not faster."""
    print("deriving deep graphs")
    for name, build, sizes in (
        ("chain of additions", additions, (25_000, 100_000)),
        ("layers W·tanh(…)", layers, (250, 1_000)),
        ("blocks of a transformer", transformer, (10, 40)),
        ("nested exp", nested, (500, 2_000)),
    ):
        small, large = sizes
        few, many = interleaved(
            [("few", lambda b=build, n=small: b(n)), ("many", lambda b=build, n=large: b(n))], 3
        )
        goal = "goal < 1 s" if name.startswith("layers") else ""
        _row(f"{name}: {large:,}", f"{many.best:.2f} s", goal)
        if name.startswith("blocks"):
            _row(f"{name}: {small:,}", f"{few.best:.2f} s", "goal < 1 s")
        grown = many.best / few.best
        _row(
            f"{name}: time at {large:,} over time at {small:,}",
            f"{grown:.1f}",
            f"linear is {large / small:.1f}",
        )


def additions(count: int) -> None:
    x = input_node("x", ())
    total = x
    for _ in range(count):
        total = total + 1.5
    derive_graph(Graph({"x": x}, {"L": total}), ["x"])


def layers(count: int) -> None:
    inputs = {"x": input_node("x", (8, 1))}
    h = inputs["x"]
    for layer in range(count):
        weight = inputs[f"W{layer}"] = input_node(f"W{layer}", (8, 8))
        h = weight @ tanh(h)
    derive_graph(Graph(inputs, {"L": sum_(h)}), [name for name in inputs if name != "x"])


def transformer(count: int, tokens: int = 10, width: int = 16) -> None:
    """Blocks of attention and a network, each with a layer norm before it and a skip around it."""
    inputs = {"X": input_node("X", (tokens, width))}

    def weight(name: str, *shape: int) -> Node:
        inputs[name] = input_node(name, shape)
        return inputs[name]

    def normal(x: Node, name: str) -> Node:
        centred = x - mean(x, axis=1, keepdims=True)
        spread = sqrt(var(x, axis=1, keepdims=True) + 1e-5)
        return centred / spread * weight(f"g{name}", width) + weight(f"c{name}", width)

    h = inputs["X"]
    for i in range(count):
        x = normal(h, f"a{i}")
        q, k, v = (x @ weight(f"W{part}{i}", width, width) for part in "QKV")
        mixed = softmax(q @ k.T / 4.0, axis=1) @ v
        h = h + mixed @ weight(f"WO{i}", width, width)
        inner = normal(h, f"b{i}") @ weight(f"U{i}", width, 4 * width)
        h = h + relu(inner + weight(f"u{i}", 4 * width)) @ weight(f"D{i}", 4 * width, width)
    derive_graph(Graph(inputs, {"L": sum_(h * h)}), list(inputs))


def nested(count: int) -> None:
    x = input_node("x", ())
    value = x
    for _ in range(count):
        value = exp(value * 0.1)
    derive_graph(Graph({"x": x}, {"L": value}), ["x"])


def second_order() -> None:
    """A Hessian in closed form."""
    print("Hessian of logistic regression, n = 1000, d = 100, float64")
    timed, difference = logistic_hessian()
    closed, traced, *peer = timed
    _row('the closed form, d.hessian("w").evaluate', _milliseconds(closed))
    _row("tidu.hessian of a NumPy function, traced each time", _milliseconds(traced))
    if not peer or difference is None:
        _row("torch.autograd.functional.hessian", "torch is not installed")
        return
    _row("torch.autograd.functional.hessian", _milliseconds(peer[0]))
    _row("largest difference", f"{difference:.1e}")
    _row("closed form: times faster", f"{speedup(closed, peer[0]):.1f}", "goal ≥ 10")
    _row("tidu.hessian: times faster", f"{speedup(traced, peer[0]):.1f}")


def _milliseconds(timed: Timed) -> str:
    return f"{timed.median * 1e3:.3g} ms (best {timed.best * 1e3:.3g})"


def _microseconds(timed: Timed, steps: int) -> str:
    return f"{timed.median / steps * 1e6:.1f} µs (best {timed.best / steps * 1e6:.1f})"
