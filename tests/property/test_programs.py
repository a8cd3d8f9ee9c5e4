"""Random programs with planted ties, zeros and equal operands: every gradient is the slope.

The slopes are differences of the program itself, run by the tests' own evaluator. Where the two
sides of a point differ, the data sit on a kink: then the page has to say so.
"""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import numpy as np
import pytest

from tests.strategies import Model, models, random_model
from tests.text.evaluate import evaluate
from tidu.api.derivation import Derivation
from tidu.calculus.derivation import derive_graph
from tidu.ir.name import Name
from tidu.ir.node import reachable

STEP = 1e-5


def derived(model: Model) -> Derivation:
    """As the adapters hand it over: every input with its name."""
    names = {node: (Name(name),) for name, node in model.graph.inputs.items()}
    return Derivation(derive_graph(replace(model.graph, names=names), model.names), model.values)


def one_sided(model: Model, name: str, index: tuple[int, ...], side: float) -> float:
    """The slope to one side, from three points."""

    def at(steps: float) -> float:
        moved = {n: v.copy() for n, v in model.values.items()}
        moved[name][index] += side * steps * STEP
        return float(np.asarray(evaluate(model.loss, moved)).reshape(()))

    rest, near, far = at(0), at(1), at(2)
    return side * (4 * near - far - 3 * rest) / (2 * STEP)


def check(model: Model) -> None:
    handle = derived(model)
    found = handle.evaluate()
    size = abs(found.value) + 1.0
    page = ""
    for name, gradient in found.gradients.items():
        assert gradient.shape == model.values[name].shape
        assert np.all(np.isfinite(gradient))
        for index in np.ndindex(gradient.shape):
            left, right = (one_sided(model, name, index, side) for side in (-1.0, 1.0))
            slack = 1e-4 * max(abs(left), abs(right)) + 1e-5 * size
            if abs(gradient[index] - left) < slack and abs(gradient[index] - right) < slack:
                continue
            page = page or handle.explain("en").text(300)
            assert "kink" in page.lower(), (name, index, gradient[index], left, right)


@hypothesis.given(models(kinks=False))
def test_smooth_programs(model: Model) -> None:
    check(model)
    assert "✗" not in derived(model).explain("en").text()


@hypothesis.given(models(kinks=True))
def test_programs_with_kinks(model: Model) -> None:
    check(model)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(500))
def test_many_programs(seed: int) -> None:
    check(random_model(seed))


@hypothesis.given(models(kinks=True))
def test_the_gradient_costs_little(model: Model) -> None:
    """At most five times the nodes of the program, and a few for each result."""
    core = derive_graph(model.graph, model.names)
    forward = len(reachable([core.loss]))
    both = len(reachable([core.loss, *core.gradients.values()]))
    assert both - forward <= 5 * forward + 4 * len(core.gradients)


@hypothesis.given(models(kinks=True))
def test_a_run_of_all_is_the_run_of_the_result(model: Model) -> None:
    """What is kept for the page agrees with what a plain run gives."""
    handle = derived(model)
    kept, plain = handle.numbers(), handle.evaluate()
    for name, gradient in plain.gradients.items():
        np.testing.assert_allclose(gradient, kept.outputs[f"d/{name}"], rtol=1e-12, atol=1e-12)


def test_the_check_bites() -> None:
    """A gradient that is a tenth off is seen."""
    for seed in range(10):
        handle = derived(random_model(seed, kinks=False))
        core = handle.core
        wrong = {name: gradient * 1.1 for name, gradient in core.gradients.items()}
        spoilt = Derivation(replace(core, gradients=wrong), handle.values)
        moving = any(np.any(g != 0) for g in handle.evaluate().gradients.values())
        assert any(found.kind == "differs" for found in spoilt.verify()) == moving
        assert all(found.kind != "differs" for found in handle.verify())
