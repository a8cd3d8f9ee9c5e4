"""Update rules: PyTorch's formulas, written out here a second time, over a hundred steps."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.errors import InputError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.optim import SGD, Momentum, Nesterov, step_graph

A = np.array([[1.0, 0.2, 0.0], [0.2, 0.6, -0.1], [0.0, -0.1, 0.3]])
START = np.array([1.0, -2.0, 0.5])
RULES = [
    SGD(0.1),
    SGD(0.1, weight_decay=0.05),
    Momentum(0.05),
    SGD(0.05, 0.8, dampening=0.3),
    SGD(0.05, 0.8, dampening=-0.2, weight_decay=0.1),
    Nesterov(0.05),
    SGD(0.02, 0.5, nesterov=True, weight_decay=0.2),
]


def _gradient(w: np.ndarray) -> np.ndarray:
    """Of wᵀAw/2 + ¼(Σw²)², for symmetric A, by hand."""
    return A @ w + np.sum(w * w) * w


def _reference(rule: SGD, steps: int) -> list[np.ndarray]:
    """The documented algorithm of torch.optim.SGD in plain NumPy."""
    w, buffer, path = START.copy(), None, []
    for _ in range(steps):
        g = _gradient(w)
        if rule.weight_decay:
            g = g + rule.weight_decay * w
        if rule.momentum:
            first = buffer is None
            buffer = g if first else rule.momentum * buffer + (1 - rule.dampening) * g
            g = g + rule.momentum * buffer if rule.nesterov else buffer
        w = w - rule.lr * g
        path.append(w)
    return path


def _tidu(rule: SGD, steps: int) -> list[np.ndarray]:
    w, a = input_node("w", (3,)), input_node("A", (3, 3))
    loss = 0.5 * (w @ a @ w) + 0.25 * (w @ w) ** 2.0
    step = step_graph(derive_graph(Graph({"w": w, "A": a}, {"L": loss}), ["w"]), rule)
    program = compile_graph(step.graph.outputs)
    values: dict[str, Any] = {"w": START, "A": A, **step.hyper_values()}
    values |= {state.input: np.zeros(state.before.shape) for state in step.states}
    path = []
    for _ in range(steps):
        out = program.run(values).outputs
        values["w"] = out["new/w"]
        values |= {state.input: out[state.output] for state in step.states}
        path.append(values["w"])
    return path


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_hundred_steps_follow_pytorchs_formulas(rule: SGD):
    for ours, theirs in zip(_tidu(rule, 100), _reference(rule, 100), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.peer("torch")
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_hundred_steps_follow_pytorch_itself(rule: SGD):
    import torch

    w = torch.tensor(START, requires_grad=True)
    a = torch.tensor(A)
    optimizer = torch.optim.SGD(
        [w],
        lr=rule.lr,
        momentum=rule.momentum,
        dampening=rule.dampening,
        weight_decay=rule.weight_decay,
        nesterov=rule.nesterov,
    )
    for ours in _tidu(rule, 100):
        optimizer.zero_grad()
        (0.5 * w @ a @ w + 0.25 * (w @ w) ** 2).backward()
        optimizer.step()
        np.testing.assert_allclose(ours, w.detach().numpy(), rtol=0, atol=1e-12)


def test_the_reference_tells_the_rules_apart():
    """Were two rules to end at one place, the tests above could not tell one from the other."""
    ends = [_reference(rule, 100)[-1] for rule in RULES]
    for i, one in enumerate(ends):
        assert all(np.abs(one - other).max() > 1e-6 for other in ends[i + 1 :])


def test_a_float32_parameter_stays_float32():
    w = input_node("w", (3,), "float32")
    step = step_graph(
        derive_graph(Graph({"w": w}, {"L": w @ w}), ["w"]), SGD(0.1, 0.9, dampening=0.1)
    )
    assert step.updated["w"].dtype == "float32"
    assert {state.after.dtype for state in step.states if state.parameter} == {"float32"}


def test_only_the_settings_in_use_are_inputs():
    assert [h.name for h in SGD(0.1).hyper()] == ["lr"]
    assert [(h.name, h.symbol) for h in Nesterov(0.1).hyper()] == [
        ("lr", "alpha"),
        ("momentum", "mu"),
    ]
    assert SGD(0.1).slots() == ()


def test_rules_read_as_they_are_written():
    assert repr(SGD(0.002)) == "SGD(lr=0.002)"
    assert repr(Nesterov(0.1)) == "SGD(lr=0.1, momentum=0.9, nesterov=True)"
    assert SGD(1) == SGD(1.0) == SGD(np.float32(1)) == SGD(Fraction(1))


@pytest.mark.parametrize("given", [-0.1, 0, 0.0, math.inf, math.nan, -math.inf, np.float64(-2)])
def test_a_learning_rate_is_positive_and_finite(given: float):
    with pytest.raises(InputError) as caught:
        SGD(given)
    assert f"lr must be a positive finite number, got {given}" in caught.value.text("en")
    assert f"lr 应为有限的正数，得到 {given}" in caught.value.text("zh")


def test_a_negative_learning_rate_is_told_that_the_rule_subtracts():
    with pytest.raises(InputError) as caught:
        SGD(-0.1)
    assert "W - lr * dL/dW" in caught.value.text("en")
    assert "上坡" in caught.value.text("zh")


@pytest.mark.parametrize("given", ["abc", None, True, [0.1], 1j])
def test_a_learning_rate_is_a_number(given: Any):
    with pytest.raises(InputError) as caught:
        SGD(given)
    kind = type(given).__name__
    assert f"lr must be a number, got {given!r} (a {kind})" in caught.value.text("en")
    assert f"lr 应为一个数，得到 {given!r}（类型 {kind}）" in caught.value.text("zh")


def test_other_settings_are_checked_too():
    with pytest.raises(InputError) as caught:
        SGD(0.1, momentum=-0.5)
    assert "momentum must be a number from 0 on and below 1, got -0.5" in caught.value.text("en")
    assert "momentum 应为不小于 0 且小于 1 的数，得到 -0.5" in caught.value.text("zh")
    with pytest.raises(InputError) as caught:
        SGD(0.1, 0.9, dampening=math.inf)
    assert "dampening must be a finite number, got inf" in caught.value.text("en")
    assert "dampening 应为有限的数，得到 inf" in caught.value.text("zh")


@pytest.mark.parametrize("settings", [{"momentum": 0.0}, {"momentum": 0.9, "dampening": 0.1}])
def test_nesterov_needs_momentum_and_no_dampening(settings: dict[str, float]):
    with pytest.raises(InputError) as caught:
        SGD(0.1, nesterov=True, **settings)
    assert "nesterov needs a momentum above 0 and no dampening" in caught.value.text("en")
    assert "nesterov 需要 momentum 大于 0 且 dampening 为 0" in caught.value.text("zh")
    assert "tidu.optim.Nesterov(lr=0.1, momentum=0.9)" in caught.value.text("zh")
