"""Gradient descent reproduces the figures of the seed studies, through each form of a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.descent.seeds import TEXT, X, Y, from_function, seed_graph, seed_parameters, seed_weights
from tidu.api.descend import Run, descend
from tidu.calculus.derivation import derive_graph
from tidu.optim import SGD, Nesterov

WITHOUT_BIAS = "y3 = W3 @ (W2 @ (W1 @ x))\nL = abs(y3 - y_true)"


LEAKY = """
y1 = W1 @ x + b1
y1A = leaky_relu(y1, 0.1)
y2 = W2 @ y1A + b2
y2A = leaky_relu(y2, 0.1)
y3 = W3 @ y2A + b3
L = abs(y3 - y_true)
"""


LOSSES = (
    "70.0000 60.0359 51.0041 42.7937 35.3088 28.4664 22.1944 16.4297 11.1172 6.2082"  # the seed's
)


def by_names(W1, W2, W3, b1, b2, b3, x, y_true):
    y3 = W3 @ (W2 @ (W1 @ x + b1) + b2) + b3
    return np.abs(y3 - y_true)


def _from_names(**options: Any) -> Run:
    return descend(by_names, seed_parameters(), X, y_true=Y, watch="y3", **options)


def _from_text(**options: Any) -> Run:
    return descend(TEXT, seed_parameters(), x=X, y_true=Y, watch="y3", **options)


def _from_graph(**options: Any) -> Run:
    return descend(seed_graph(), seed_parameters(), X, Y, **options)


def _from_derivation(**options: Any) -> Run:
    derivation = derive_graph(seed_graph(), list(seed_parameters()))
    return descend(derivation, seed_parameters(), x=X, y_true=Y, **options)


ADAPTERS = [from_function, _from_names, _from_text, _from_graph, _from_derivation]


# ------------------------------------------------------------------ figures of the seeds
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_one_step_of_the_seed(adapter: Callable[..., Run]):
    run = adapter(steps=1, lr=0.01)
    assert run.losses == (70.0,)
    assert run.final_loss == pytest.approx(24.964, abs=1e-12)
    assert run.outputs["y3"][0].item() == 120.0
    assert run.final_output is not None
    assert run.final_output.item() == pytest.approx(74.964, abs=1e-12)
    np.testing.assert_allclose(run.params["W3"], np.full((1, 5), 0.76), rtol=1e-14)
    np.testing.assert_allclose(run.params["W2"], np.full((5, 4), 0.94), rtol=1e-14)
    np.testing.assert_allclose(run.params["W1"], np.tile([0.95, 0.9, 0.85], (4, 1)), rtol=1e-14)
    for name, value in (("b1", -0.05), ("b2", -0.01), ("b3", -0.01)):
        np.testing.assert_allclose(run.params[name], np.full_like(run.params[name], value))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_ten_steps_of_the_seed(adapter: Callable[..., Run]):
    run = adapter(steps=10, optimizer=SGD(lr=0.002))
    assert " ".join(f"{loss:.4f}" for loss in run.losses) == LOSSES
    assert (run.best_step, f"{run.best_loss:.4f}") == (10, "6.2082")
    assert run.best_output is not None
    assert f"{run.best_output.item():.4f}" == "56.2082"
    assert f"{run.final_loss:.4f}" == "1.6601"
    assert run.final_output is not None
    assert f"{run.final_output.item():.4f}" == "51.6601"


def test_the_study_without_bias():
    one = descend(WITHOUT_BIAS, seed_weights(), x=X, y_true=Y, steps=1, lr=0.01)
    assert (one.losses[0], f"{one.final_loss:.4f}") == (70.0, "25.7264")
    ten = descend(WITHOUT_BIAS, seed_weights(), x=X, y_true=Y, steps=10, lr=0.002)
    assert (f"{ten.losses[-1]:.4f}", f"{ten.final_loss:.4f}") == ("6.8439", "2.2647")


def test_the_study_in_which_the_leak_matters():
    parameters = seed_parameters()
    parameters["W2"][[1, 3]] = -1.0
    run = descend(LEAKY, parameters, x=X, y_true=Y, steps=1, lr=0.01)
    assert run.losses[0] == pytest.approx(17.2, abs=1e-12)
    assert f"{run.final_loss:.4f}" == "6.7953"


def test_momentum_reaches_the_optimum_of_a_parabola():
    run = descend(
        lambda w, x: np.sum((w - x) ** 2),
        np.zeros(2),
        [1.0, 2.0],
        steps=200,
        optimizer=Nesterov(0.05),
    )
    assert run.params == pytest.approx(np.array([1.0, 2.0]), abs=1e-8)


def test_of_derived_parameters_some_may_stay_as_they_are():
    derivation = derive_graph(seed_graph(), list(seed_parameters()))
    rest = {name: value for name, value in seed_parameters().items() if name != "b3"}
    run = descend(derivation, {"b3": np.zeros((1, 1))}, x=X, y_true=Y, steps=1, lr=1.0, **rest)
    assert run.params["b3"].item() == -1.0
    assert run.final_loss == 69.0


# ------------------------------------------------------------------ what derive gives
def test_a_handle_of_derive_brings_its_values_and_bodies():
    from tidu.api.derive import derive

    handle = derive(
        "z = f(x * w)\nL = sum(z)", wrt=["w"], functions={"f": "tanh(t)"}, w=1.0, x=[1.0, 2.0]
    )
    run = descend(handle, {"w": 1.0}, steps=2, lr=0.1, watch="z")
    slope = np.sum(np.array([1.0, 2.0]) / np.cosh([1.0, 2.0]) ** 2)
    assert run.losses[0] == pytest.approx(np.tanh([1.0, 2.0]).sum(), rel=1e-15)
    assert run.losses[1] == pytest.approx(np.tanh((1.0 - 0.1 * slope) * np.array([1.0, 2.0])).sum())
    np.testing.assert_allclose(run.predict(x=[0.5, 0.0]), np.tanh(run.params["w"] * [0.5, 0.0]))
