"""Each step of a derivation is true on its own: evaluated before and after at random points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.property.matrices import random_program
from tests.strategies import Model, models, random_model
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import Derivation, DerivationStep, derive_graph
from tidu.calculus.differentiate import jvp
from tidu.ir.build import input_node, is_tuple
from tidu.ir.node import Node, reachable
from tidu.ops.results import results_of
from tidu.tracing.trace import trace

POINTS = 3


def matrix_model(seed: int) -> Model:
    """A random matrix program, traced: products, inverses, determinants, slices, softmax."""
    program = random_program(seed)
    traced = trace(program.function(), program.values)
    graph = replace(traced.graph, outputs={"L": traced.graph.outputs[traced.output]})
    return Model(graph, dict(traced.values))


def points(model: Model, near: bool = False) -> list[dict[str, np.ndarray]]:
    """The model's own values (ties, zeros and kinks in them) and two random ones: near to them
    where the values were drawn so that nothing grows beyond what differences can tell."""
    rng = np.random.default_rng(len(model.graph.nodes()))
    drawn = [
        {
            name: (v if near else 0.0) + (0.1 if near else 1.0) * rng.standard_normal(v.shape)
            for name, v in model.values.items()
        }
        for _ in range(POINTS - 1)
    ]
    return [model.values, *drawn]


def close(a: np.ndarray, b: np.ndarray, scale: float = 0.0) -> bool:
    size = max(float(np.max(np.abs(b), initial=0.0)), scale, 1e-3)
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9 * size, equal_nan=True))


def rewriting_steps_are_true(model: Model, derivation: Derivation, near: bool = False) -> None:
    kinds = ("simplify", "stabilise", "sum")
    steps = [s for s in derivation.steps if s.kind in kinds and not is_tuple(s.before)]
    outputs = {f"before {i}": s.before for i, s in enumerate(steps)}
    outputs |= {f"after {i}": s.after for i, s in enumerate(steps)}
    for values in points(model, near):
        found = evaluate(outputs, values).outputs
        for i, step in enumerate(steps):
            assert step.before.shape == step.after.shape and step.before.dtype == step.after.dtype
            assert close(found[f"after {i}"], found[f"before {i}"]), (step.kind, step.rule)


def pull_backs_are_true(derivation: Derivation, values: dict[str, np.ndarray]) -> None:
    """⟨pulled, u⟩ is the change along u of the using op, run alone, times its result's gradient."""
    for step in derivation.steps:
        if step.kind != "pull back":
            continue
        assert step.contribution is not None
        via, position = step.contribution.via, step.contribution.position
        outputs = {"pulled": step.contribution.value, "raw": step.before}
        if any(is_tuple(x) for x in via.inputs):
            continue  # a result is picked out of several: tests/ops has this
        upstream = results_of(derivation.adjoints[via])
        outputs |= {f"g{i}": part for i, part in enumerate(upstream)}
        outputs |= {f"x{i}": x for i, x in enumerate(via.inputs)}
        outputs |= {
            f"kink{i}": k.where(*via.inputs, **via.attrs) for i, k in enumerate(via.op.kinks)
        }
        found = evaluate(outputs, values).outputs
        assert close(found["pulled"], found["raw"])  # the simplified contribution is the op's own
        if any(np.any(found[f"kink{i}"]) for i in range(len(via.op.kinks))):
            continue  # no slope to compare with; tests/checking says what holds there
        operands = [found[f"x{i}"] for i in range(len(via.inputs))]
        u = np.random.default_rng(position).standard_normal(operands[position].shape)
        change, tolerance = _change(via, operands, position, u)
        terms = _flat(tuple(found[f"g{i}"] for i in range(len(upstream)))) * change
        distance = abs(float(np.sum(found["pulled"] * u)) - float(np.sum(terms)))
        assert distance <= tolerance * float(np.sum(np.abs(terms))) + 1e-6, via


def _flat(results: Any) -> np.ndarray:
    """The numbers of one result, or of several side by side."""
    parts = results if isinstance(results, tuple) else (results,)
    return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts])


def _change(
    via: Node, operands: list[np.ndarray], position: int, u: np.ndarray
) -> tuple[np.ndarray, float]:
    """The op's result along u by central differences of its reference, and how well they are known.

    Operands may lie closer to a tie than a step: the step shrinks until both sides agree.
    """

    def run(t: float) -> np.ndarray:
        moved = list(operands)
        moved[position] = operands[position] + t * u
        return _flat(via.op.numpy(*moved, **via.attrs))

    rest = run(0.0)
    for h, tolerance in ((1e-6, 1e-5), (1e-8, 1e-5), (1e-11, 1e-3), (1e-13, 1e-2)):
        right, left = (run(h) - rest) / h, (rest - run(-h)) / h
        if np.allclose(left, right, rtol=1e-2, atol=1e-4):
            return (right + left) / 2, tolerance
    raise AssertionError(f"{via}: the two sides differ beside no kink")


def every_step_is_true(model: Model, near: bool = False) -> None:
    derivation = derive_graph(model.graph, model.names)
    rewriting_steps_are_true(model, derivation, near)
    pull_backs_are_true(derivation, points(model, near)[1])


@pytest.mark.parametrize("block", range(10))
def test_every_step_is_true_on_random_models(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        every_step_is_true(random_model(seed))


@pytest.mark.parametrize("block", range(2))
def test_every_step_is_true_on_random_matrix_programs(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        every_step_is_true(matrix_model(seed), near=True)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_every_step_of_ten_thousand_derivations(block: int) -> None:
    """5,000 models with ties, zeros and kinks, 5,000 matrix programs."""
    for seed in range(1000 + 250 * block, 1250 + 250 * block):
        every_step_is_true(random_model(seed))
        every_step_is_true(matrix_model(seed), near=True)


@given(models())
def test_every_step_is_true_on_drawn_models(model: Model) -> None:
    every_step_is_true(model)


def test_a_false_step_would_be_noticed() -> None:
    """The tester tested: a step whose two sides differ is caught."""
    x = input_node("x", (3,))
    from tidu.ir.graph import Graph
    from tidu.ops.arrays.reduction import sum_

    model = Model(Graph({"x": x}, {"L": sum_(1.0 * x)}), {"x": np.ones(3)})
    derivation = derive_graph(model.graph, ["x"])
    false = DerivationStep("simplify", x * 2.0, x * 2.0 + 1e-6)
    with pytest.raises(AssertionError):
        rewriting_steps_are_true(model, replace(derivation, steps=(false,)))


@given(models())
def test_contributions_add_up_to_the_adjoints(model: Model) -> None:
    derivation = derive_graph(model.graph, model.names)
    outputs: dict[str, Node] = {}
    for node, parts in derivation.contributions.items():
        outputs |= {f"{node.id}": derivation.adjoints[node]}
        outputs |= {f"{node.id}.{i}": part.value for i, part in enumerate(parts)}
    found = evaluate(outputs, model.values).outputs
    for node, parts in derivation.contributions.items():
        total = sum(found[f"{node.id}.{i}"] for i in range(len(parts)))
        assert close(np.asarray(total), found[f"{node.id}"])


@given(models())
def test_gradients_have_the_shapes_of_their_parameters(model: Model) -> None:
    derivation = derive_graph(model.graph, model.names)
    for name, gradient in derivation.gradients.items():
        assert (gradient.shape, gradient.dtype) == (
            model.graph.inputs[name].shape,
            model.graph.inputs[name].dtype,
        )


@given(models())
def test_as_written_and_as_run_have_the_same_gradients(model: Model) -> None:
    run = derive_graph(model.graph, model.names)
    written = derive_graph(model.graph, model.names, as_written=True)
    at = points(model)[1]
    one, two = (evaluate(d.gradients, at).outputs for d in (run, written))
    assert all(close(one[name], two[name]) for name in one)


@given(models())
def test_reverse_and_forward_mode_agree(model: Model) -> None:
    """⟨gradient, t⟩ = the differential of the loss along t, at kinks too."""
    derivation = derive_graph(model.graph, model.names)
    tangents = {n: input_node(f"t_{name}", n.shape) for name, n in model.graph.inputs.items()}
    pushed = jvp([derivation.loss], tangents)[0]
    rng = np.random.default_rng(7)
    drawn = {f"t_{name}": rng.standard_normal(v.shape) for name, v in model.values.items()}
    for values in points(model):
        one = evaluate({"dL": pushed}, values | drawn).outputs["dL"]
        gradients = evaluate(derivation.gradients, values).outputs
        terms = [float(np.sum(g * drawn[f"t_{name}"])) for name, g in gradients.items()]
        scale = sum(float(np.sum(np.abs(g * drawn[f"t_{n}"]))) for n, g in gradients.items())
        assert close(np.asarray(sum(terms)), one, scale)


def test_a_gradient_graph_is_at_most_five_times_its_function() -> None:
    for seed in range(20):
        model = random_model(seed)
        function = model.graph.nodes()
        derivation = derive_graph(model.graph, model.names)
        both = reachable([derivation.loss, *derivation.gradients.values()])
        assert len(both) <= 5 * len(function) + 10
