"""One step of the seed's network as one graph: figures of the seed, names, states."""

from __future__ import annotations

import numpy as np
import pytest

from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.ir.build import input_node
from tidu.ir.graph import Graph, Guard
from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.ops.elementwise.arithmetic import absolute
from tidu.ops.elementwise.comparison import greater
from tidu.optim import SGD, Hyper, Slot, Update, step_graph

SHAPES = {
    "x": (3, 1), "y_true": (1, 1),
    "W1": (4, 3), "W2": (5, 4), "W3": (1, 5),
    "b1": (4, 1), "b2": (5, 1), "b3": (1, 1),
}  # fmt: skip
PARAMETERS = ["W1", "W2", "W3", "b1", "b2", "b3"]


def _network() -> Derivation:
    n = {name: input_node(name, shape) for name, shape in SHAPES.items()}
    y2 = n["W2"] @ (n["W1"] @ n["x"] + n["b1"]) + n["b2"]
    y3 = n["W3"] @ y2 + n["b3"]
    loss = absolute(y3 - n["y_true"])
    names = {y2: (Name("y2"),), y3: (Name("y3"),), loss: (Name("L"),)}
    guards = (Guard(greater(y3, n["y_true"]), True),)
    return derive_graph(Graph(n, {"y3": y3, "L": loss}, names, guards=guards), PARAMETERS)


def _values() -> dict[str, np.ndarray]:
    ones = {name: np.ones(SHAPES[name]) for name in ("W1", "W2", "W3")}
    zeros = {name: np.zeros(SHAPES[name]) for name in ("b1", "b2", "b3")}
    return {**ones, **zeros, "x": np.array([[1.0], [2.0], [3.0]]), "y_true": np.array([[50.0]])}


def test_one_step_gives_the_seeds_parameters():
    step = step_graph(_network(), SGD(lr=0.01))
    out = compile_graph(step.graph.outputs).run(_values() | step.hyper_values()).outputs
    assert out["y3"].item() == 120.0
    assert out["L"].item() == 70.0
    np.testing.assert_allclose(out["new/W3"], np.full((1, 5), 0.76), rtol=1e-14)
    np.testing.assert_allclose(out["new/W2"], np.full((5, 4), 0.94), rtol=1e-14)
    np.testing.assert_allclose(out["new/W1"], np.tile([0.95, 0.90, 0.85], (4, 1)), rtol=1e-14)
    assert out["guard/0"].all()


def test_the_graph_names_its_inputs_and_outputs():
    step = step_graph(_network(), SGD(0.01, 0.9))
    assert [name for name in step.graph.inputs if "/" in name][:3] == [
        "hyper/lr", "hyper/momentum", "state/velocity/W1",
    ]  # fmt: skip
    assert step.hyper_values() == {"hyper/lr": 0.01, "hyper/momentum": 0.9}
    assert list(step.watched) == ["y3"]
    missing = {n.attrs["name"] for n in step.graph.nodes() if n.op.role == "input"}
    assert missing == set(step.graph.inputs)


def test_symbols_stand_for_the_settings_and_the_memory():
    step = step_graph(_network(), SGD(0.01, 0.9))
    assert step.graph.name_of(step.hyper["lr"]) == Name("alpha")
    assert step.graph.name_of(step.hyper["momentum"]) == Name("mu")
    velocity = next(state for state in step.states if state.parameter == "W2")
    assert step.graph.name_of(velocity.before) == Name("v_W2", invented=True)


def test_a_users_input_named_lr_is_not_the_learning_rate():
    lr = input_node("lr", ())
    step = step_graph(derive_graph(Graph({"lr": lr}, {"L": lr * lr}), ["lr"]), SGD(0.25))
    out = compile_graph(step.graph.outputs).run({"lr": 3.0, **step.hyper_values()}).outputs
    assert out["new/lr"].item() == 3.0 - 0.25 * 6.0


class _Averaged:
    """A rule of another kind: the step count is shared, the number of it divides the rate."""

    def hyper(self) -> tuple[Hyper, ...]:
        return (Hyper("lr", 0.5, "alpha"),)

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("count", "t", shared=True),)

    def update(
        self, parameter: Node, gradient: Node, state: dict[str, Node], hyper: dict[str, Node]
    ) -> Update:
        count = state["count"] + 1.0
        return Update(parameter - hyper["lr"] / count * gradient, {"count": count})


def test_a_rule_may_share_one_number_among_all_parameters():
    """What Adam and schedules will need: t counts once however many parameters there are."""
    a, b = input_node("a", (2,)), input_node("b", (2,))
    derivation = derive_graph(Graph({"a": a, "b": b}, {"L": a @ b}), ["a", "b"])
    step = step_graph(derivation, _Averaged())
    (count,) = step.states
    assert (count.input, count.output, count.parameter) == ("state/count", "new/state/count", None)
    values = {"a": np.ones(2), "b": np.ones(2), "hyper/lr": 0.5, "state/count": 1.0}
    out = compile_graph(step.graph.outputs).run(values).outputs
    assert out["new/state/count"] == 2.0
    assert out["new/a"] == pytest.approx([0.75, 0.75])


def test_float64_data_do_not_widen_a_float32_parameter():
    w, x = input_node("w", (3,), "float32"), input_node("x", (3,))
    step = step_graph(derive_graph(Graph({"w": w, "x": x}, {"L": w @ x}), ["w"]), SGD(0.1, 0.9))
    assert step.updated["w"].dtype == "float32"
    assert [state.after.dtype for state in step.states] == ["float32"]
