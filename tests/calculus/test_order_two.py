"""Differentiating again: gradients of gradients against differences, symmetric Hessians."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategies import Model, random_model
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.calculus.differentiate import jvp, vjp
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node


def second(model: Model) -> tuple[dict[str, Node], dict[str, np.ndarray]]:
    """H·t by reverse over reverse, and by forward over reverse, for a random t."""
    derivation = derive_graph(model.graph, model.names)
    nodes = list(model.graph.inputs.values())
    seeds = [input_node(f"t_{name}", n.shape) for name, n in model.graph.inputs.items()]
    gradients = [derivation.gradients[name] for name in model.names]
    twice = vjp(gradients, seeds, nodes)
    pushed = jvp(gradients, dict(zip(nodes, seeds, strict=True)))
    outputs = {f"rr {name}": node for name, node in zip(model.names, twice, strict=True)}
    outputs |= {f"fr {name}": node for name, node in zip(model.names, pushed, strict=True)}
    outputs |= {f"g {name}": node for name, node in zip(model.names, gradients, strict=True)}
    rng = np.random.default_rng(11)
    return outputs, {f"t_{name}": rng.standard_normal(v.shape) for name, v in model.values.items()}


@pytest.mark.parametrize("seed", range(40))
def test_order_two_agrees_with_differences_and_is_symmetric(seed: int) -> None:
    model = random_model(seed, kinks=False)
    outputs, t = second(model)
    found = evaluate(outputs, model.values | t).outputs
    h = 1e-5

    def moved(sign: float) -> dict[str, np.ndarray]:
        values = {n: v + sign * h * t[f"t_{n}"] for n, v in model.values.items()}
        return dict(evaluate(outputs, values | t).outputs)

    up, down = moved(1.0), moved(-1.0)
    for name in model.names:
        slope = (up[f"g {name}"] - down[f"g {name}"]) / (2 * h)
        size = 1.0 + np.max(np.abs(slope), initial=0.0)
        # forward over reverse is the change of the gradient; reverse over reverse is its transpose:
        # that both are the same is the symmetry of the Hessian
        np.testing.assert_allclose(found[f"fr {name}"], slope, rtol=1e-5, atol=1e-6 * size)
        np.testing.assert_allclose(
            found[f"rr {name}"], found[f"fr {name}"], rtol=1e-9, atol=1e-9 * size
        )


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_dense_hessians_are_symmetric(seed: int) -> None:
    model = random_model(seed, kinks=False)
    name = model.names[0]
    x = model.graph.inputs[name]
    gradient = derive_graph(model.graph, [name]).gradients[name]
    rows: dict[str, Node] = {}
    for number, index in enumerate(np.ndindex(model.values[name].shape)):
        unit = np.zeros(model.values[name].shape)
        unit[index] = 1.0
        rows[str(number)] = vjp([gradient], [constant(unit)], [x])[0]
    found = evaluate(rows, model.values).outputs
    hessian = np.array([found[str(i)].reshape(-1) for i in range(len(rows))])
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9)
