"""A thousand steps of each rule: beside torch.optim, and beside the rule in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.optim.trajectories import Arrays, by_graph, by_hand, by_torch, farthest, step_of
from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.errors import DTypeError, InputError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.parts import conj, real
from tidu.optim import RULES, SGD, Adagrad, Adam, AdamW, Lion, RMSProp, Rule, step_graph

STEPS = 1000
CLOSE = 1e-10
Update = Callable[[int, Arrays, Arrays], Arrays]


def _adagrad(lr=0.01, lr_decay=0.0, weight_decay=0.0, start=0.0, eps=1e-10) -> Update:
    total: Arrays = {}

    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        new = {}
        for k in p:
            d = g[k] + weight_decay * p[k]
            total[k] = total.get(k, np.full_like(d, start)) + d * d
            new[k] = p[k] - lr / (1 + (t - 1) * lr_decay) * d / (np.sqrt(total[k]) + eps)
        return new

    return update


def _rmsprop(
    lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False
) -> Update:
    square: Arrays = {}
    mean: Arrays = {}
    buffer: Arrays = {}

    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        new = {}
        for k in p:
            d = g[k] + weight_decay * p[k]
            square[k] = alpha * square.get(k, 0.0) + (1 - alpha) * d * d
            mean[k] = alpha * mean.get(k, 0.0) + (1 - alpha) * d
            size = np.sqrt(square[k] - mean[k] ** 2 if centered else square[k]) + eps
            buffer[k] = momentum * buffer.get(k, 0.0) + d / size
            new[k] = p[k] - lr * buffer[k]
        return new

    return update


def _adam(
    lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, apart=False
) -> Update:
    m: Arrays = {}
    v: Arrays = {}
    most: Arrays = {}

    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        new = {}
        for k in p:
            d = g[k] if apart else g[k] + weight_decay * p[k]
            m[k] = betas[0] * m.get(k, 0.0) + (1 - betas[0]) * d
            v[k] = betas[1] * v.get(k, 0.0) + (1 - betas[1]) * d * d
            most[k] = np.maximum(most.get(k, 0.0), v[k])
            size = np.sqrt((most if amsgrad else v)[k]) / np.sqrt(1 - betas[1] ** t) + eps
            start = p[k] * (1 - lr * weight_decay) if apart else p[k]
            new[k] = start - lr / (1 - betas[0] ** t) * m[k] / size
        return new

    return update


def _lion(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0) -> Update:
    m: Arrays = {}

    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        new = {}
        for k in p:
            old = m.get(k, np.zeros_like(p[k]))
            direction = np.sign(betas[0] * old + (1 - betas[0]) * g[k])
            new[k] = p[k] * (1 - lr * weight_decay) - lr * direction
            m[k] = betas[1] * old + (1 - betas[1]) * g[k]
        return new

    return update


def _sgd(lr: float, momentum=0.0, nesterov=False, dampening=0.0, weight_decay=0.0) -> Update:
    v: Arrays = {}

    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        new = {}
        for k in p:
            d = g[k] + weight_decay * p[k]
            v[k] = d if k not in v else momentum * v[k] + (1 - dampening) * d
            new[k] = p[k] - lr * (d + momentum * v[k] if nesterov else v[k])
        return new

    return update


CASES: list[tuple[type[Rule], Callable[..., Update], dict[str, Any]]] = [
    (SGD, _sgd, {"lr": 0.1}),
    (SGD, _sgd, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    (SGD, _sgd, {"lr": 0.05, "momentum": 0.8, "dampening": 0.3}),
    (SGD, _sgd, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (Adagrad, _adagrad, {"lr": 0.1}),
    (Adagrad, _adagrad, {"lr": 0.2, "lr_decay": 0.01, "weight_decay": 0.01, "eps": 1e-6}),
    (Adagrad, _adagrad, {"lr": 0.1, "initial_accumulator_value": 0.3}),
    (RMSProp, _rmsprop, {"lr": 0.001}),
    (RMSProp, _rmsprop, {"lr": 0.001, "alpha": 0.9, "weight_decay": 0.01, "eps": 0.1}),
    (RMSProp, _rmsprop, {"lr": 0.001, "momentum": 0.5, "eps": 1e-4}),
    (RMSProp, _rmsprop, {"lr": 0.001, "centered": True, "momentum": 0.5, "eps": 1e-3}),
    (Adam, _adam, {"lr": 0.01}),
    (Adam, _adam, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 0.01, "weight_decay": 0.01}),
    (Adam, _adam, {"lr": 0.02, "betas": (0.0, 0.9), "amsgrad": True}),
    (AdamW, _adam, {"lr": 0.01}),
    (AdamW, _adam, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    (Lion, _lion, {"lr": 0.001}),
    (Lion, _lion, {"lr": 0.001, "betas": (0.95, 0.98), "weight_decay": 0.1}),
]
IDS = [repr(kind(**settings)) for kind, _, settings in CASES]


def _by_hand(kind: type[Rule], make: Callable[..., Update], settings: dict[str, Any]) -> Update:
    given = dict(settings)
    if kind is AdamW:
        given = {"weight_decay": 0.01, **given, "apart": True}
    if "initial_accumulator_value" in given:
        given["start"] = given.pop("initial_accumulator_value")
    return make(**given)


@pytest.mark.parametrize(("kind", "make", "settings"), CASES, ids=IDS)
def test_a_thousand_steps_follow_the_rule_in_numpy(kind: Any, make: Any, settings: Any):
    theirs = by_hand(_by_hand(kind, make, settings), STEPS)
    assert farthest(by_graph(kind(**settings), STEPS), theirs) < CLOSE


@pytest.mark.peer("torch")
@pytest.mark.parametrize(
    ("kind", "settings"),
    [(kind, settings) for kind, _, settings in CASES if kind is not Lion],
    ids=[name for (kind, *_), name in zip(CASES, IDS, strict=True) if kind is not Lion],
)
def test_a_thousand_steps_agree_with_torch(kind: Any, settings: Any):
    theirs = by_torch(lambda torch, p: _torchs(torch, kind)(p, **settings), STEPS)
    assert farthest(by_graph(kind(**settings), STEPS), theirs) < CLOSE


def _torchs(torch: Any, kind: type[Rule]) -> Any:
    return getattr(torch.optim, {"RMSProp": "RMSprop"}.get(kind.__name__, kind.__name__))


def test_every_rule_is_compared():
    assert {kind for kind, _, _ in CASES} == set(RULES.values())


@pytest.mark.parametrize(("kind", "make", "settings"), CASES, ids=IDS)
def test_the_trajectories_are_determined(kind: Any, make: Any, settings: Any):
    """Near a minimum a rule that divides by a small √v may be chaotic: a start moved in its last
    digit then ends elsewhere, and no two programs agree. These settings are not of that kind."""
    update, moved = (_by_hand(kind, make, settings) for _ in range(2))
    near = by_hand(moved, STEPS, 1.0 + 4e-16)
    assert farthest(near, by_hand(update, STEPS)) < 1e-12


def test_the_trajectories_tell_the_rules_apart():
    """Were two to end at one place, a wrong rule could pass for a right one."""
    ends = []
    for case in CASES:
        *_, last = by_hand(_by_hand(*case), STEPS)
        ends.append(np.concatenate([value.ravel() for value in last.values()]))
    for i, one in enumerate(ends):
        assert all(np.abs(one - other).max() > 1e-6 for other in ends[i + 1 :])


def test_defaults_are_torchs():
    assert (Adam().lr, Adam().betas, Adam().eps, Adam().weight_decay) == (
        1e-3,
        (0.9, 0.999),
        1e-8,
        0,
    )
    assert (AdamW().weight_decay, AdamW().amsgrad) == (0.01, False)
    assert (RMSProp().lr, RMSProp().alpha, RMSProp().eps) == (0.01, 0.99, 1e-8)
    assert (Adagrad().lr, Adagrad().eps, Adagrad().initial_accumulator_value) == (0.01, 1e-10, 0.0)


@pytest.mark.peer("torch")
@pytest.mark.parametrize("kind", [Adam, AdamW, RMSProp, Adagrad])
def test_defaults_are_those_that_torch_has_today(kind: type[Rule]):
    import torch

    defaults = _torchs(torch, kind)([torch.zeros(1)]).defaults
    ours = kind()
    for name in ("lr", "betas", "eps", "alpha", "weight_decay", "momentum", "lr_decay"):
        if hasattr(ours, name):
            assert getattr(ours, name) == defaults[name], name


@pytest.mark.parametrize("kind", RULES.values(), ids=RULES)
def test_a_float32_parameter_and_its_memory_stay_float32(kind: type[Rule]):
    step = step_of(kind(lr=0.01, weight_decay=0.1), "float32")
    assert {node.dtype for node in step.updated.values()} == {"float32"}
    assert {s.after.dtype for s in step.states if s.parameter} <= {"float32"}


def test_adams_numbers_are_not_rounded_before_they_are_subtracted():
    """1 - β₂ from a float32 β₂ is wrong in its fifth digit; torch takes it in double precision."""
    w = input_node("w", (), "float32")
    step = step_graph(derive_graph(Graph({"w": w}, {"L": 3.0 * w}), ["w"]), Adam(0.01))
    values: dict[str, Any] = {"w": np.float32(0.0), **step.hyper_values()}
    out = compile_graph(step.graph.outputs).run(values | step.initial_states(values)).outputs
    assert out["new/state/squares/w"] == pytest.approx(0.001 * 9.0, rel=2e-7)
    assert out["new/state/mean/w"] == pytest.approx(0.1 * 3.0, rel=2e-7)


def test_a_parameter_without_gradient_stays():
    """Bias corrections divide 0 by 0 nowhere: W stays where its gradient is 0."""
    a, b = input_node("a", (2,)), input_node("b", (2,))
    core = derive_graph(Graph({"a": a, "b": b}, {"L": sum_(a * 0.0 + b)}), ["a", "b"])
    for kind in RULES.values():
        rule = kind(lr=0.1, weight_decay=0.0)
        step = step_graph(core, rule)
        values = {"a": np.ones(2), "b": np.ones(2), **step.hyper_values()}
        out = compile_graph(step.graph.outputs).run(values | step.initial_states(values)).outputs
        assert out["new/a"].tolist() == [1.0, 1.0], kind
        assert (out["new/b"] < 1.0).all(), kind


def test_constant_gradients_leave_centred_rmsprop_finite():
    """A mean of squares falls below the square of the mean by rounding: torch's root is NaN."""
    w, c = input_node("w", (500,)), input_node("c", (500,))
    core = derive_graph(Graph({"w": w, "c": c}, {"L": sum_(c * w)}), ["w"])
    step = step_graph(core, RMSProp(1e-9, 0.9, centered=True))
    program = compile_graph(step.graph.outputs)
    gradient = np.random.default_rng(0).standard_normal(500)
    values: dict[str, Any] = {"w": np.ones(500), "c": gradient, **step.hyper_values()}
    values |= step.initial_states(values)
    below = False
    for _ in range(500):
        out = program.run(values).outputs
        values |= {"w": out["new/w"], **{s.input: out[s.output] for s in step.states}}
        below |= bool((values["state/squares/w"] < values["state/mean/w"] ** 2).any())
        assert np.isfinite(values["w"]).all()
    assert below  # it does happen here


def test_a_complex_parameter_is_refused_by_name():
    z = input_node("z", (2,), "complex128")
    core = derive_graph(Graph({"z": z}, {"L": sum_(real(z * conj(z)))}), ["z"])
    assert step_graph(core, SGD(0.1, 0.9)).updated["z"].dtype == "complex128"
    for kind in (Adagrad, RMSProp, Adam, AdamW, Lion):
        with pytest.raises(DTypeError) as caught:
            step_graph(core, kind(lr=0.1))
        assert f"{kind.__name__} squares or compares" in caught.value.text("en")
        assert "z is complex" in caught.value.text("en")
        assert "z 是复数" in caught.value.text("zh")


WRONG: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: Adam(lr=-1e-3), "lr must be a positive finite number, got -0.001",
     "lr 应为有限的正数"),
    (lambda: Adam(betas=(1.0, 0.9)), "beta1 must be a number from 0 on and below 1, got 1.0",
     "beta1 应为不小于 0 且小于 1 的数，得到 1.0"),
    (lambda: AdamW(betas=(0.9, -0.1)), "beta2 must be a number from 0 on and below 1, got -0.1",
     "beta2 应为不小于 0 且小于 1 的数"),
    (lambda: Lion(betas=0.9), "betas must be a pair of numbers such as (0.9, 0.99), got 0.9",
     "betas 应为两个数，例如 (0.9, 0.99)，得到 0.9"),
    (lambda: Adam(betas=(0.9, "x")), "beta2 must be a number, got 'x' (a str)", "beta2 应为一个数"),
    (lambda: Adam(eps=0), "eps must be a positive finite number, got 0",
     "eps 应为有限的正数，得到 0"),
    (lambda: Adam(amsgrad=1), "amsgrad must be True or False, got 1", "amsgrad 应为 True 或 False"),
    (lambda: RMSProp(alpha=1.5), "alpha must be a number from 0 on and below 1, got 1.5",
     "alpha 应为"),
    (lambda: Adagrad(lr_decay=-1), "lr_decay must be a finite number that is not negative, got -1",
     "lr_decay 应为有限的非负数"),
    (lambda: Adam(schedule="cosine"), "schedule is 'cosine', which is no schedule of tidu.optim",
     "schedule 是 'cosine'，不是 tidu.optim 的学习率计划"),
    (lambda: Adam(clip=1.0), "clip is 1.0, which limits no gradients",
     "clip 是 1.0，不是梯度裁剪方式"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "english", "chinese"), WRONG)
def test_wrong_settings_are_refused_by_name(make: Any, english: str, chinese: str):
    with pytest.raises(InputError) as caught:
        make()
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")


def test_rules_read_as_they_are_written():
    assert repr(Adam()) == "Adam(lr=0.001)"
    assert (
        repr(Adam(0.01, (0.8, 0.9), amsgrad=True))
        == "Adam(lr=0.01, betas=(0.8, 0.9), amsgrad=True)"
    )
    assert repr(Lion(weight_decay=0.1)) == "Lion(lr=0.0001, weight_decay=0.1)"
