"""Schedules and limits: closed forms, torch's, the count of steps in the graph, and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.optim.trajectories import START, Arrays, by_graph, by_hand, by_torch, farthest, step_of
from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.errors import InputError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.arrays.reduction import sum_
from tidu.optim import (
    SCHEDULES,
    SGD,
    Adam,
    ClipNorm,
    ClipValue,
    Constant,
    Cosine,
    Exponential,
    Rule,
    Schedule,
    StepDecay,
    WarmUp,
    step_graph,
)

LR = 0.2


def rates(schedule: Schedule, steps: int) -> np.ndarray:
    """The rates that the graph uses: w - new w under a gradient of 1."""
    w = input_node("w", ())
    core = derive_graph(Graph({"w": w}, {"L": 1.0 * w}), ["w"])
    step = step_graph(core, SGD(LR, schedule=schedule))
    program = compile_graph(step.graph.outputs)
    values: dict[str, Any] = {"w": np.array(0.0), **step.hyper_values()}
    values |= step.initial_states(values)
    found = []
    for _ in range(steps):
        out = program.run(values).outputs
        found.append(-float(out["new/w"]))
        values |= {state.input: out[state.output] for state in step.states}
    return np.array(found)


t = np.arange(60)
CLOSED: list[tuple[Schedule, np.ndarray]] = [
    (Constant(), np.full(60, LR)),
    (StepDecay(7, 0.5), LR * 0.5 ** (t // 7)),
    (Exponential(0.93), LR * 0.93**t),
    (Cosine(40), LR * (1 + np.cos(np.pi * np.minimum(t, 40) / 40)) / 2),
    (Cosine(40, eta_min=0.01), 0.01 + 0.19 * (1 + np.cos(np.pi * np.minimum(t, 40) / 40)) / 2),
    (WarmUp(10, start_factor=0.1), LR * (0.1 + 0.9 * np.minimum(t, 10) / 10)),
    (
        WarmUp(10, start_factor=0.1, then=Cosine(30)),
        np.where(
            t < 10,
            LR * (0.1 + 0.9 * t / 10),
            LR * (1 + np.cos(np.pi * np.minimum(np.maximum(t - 10, 0), 30) / 30)) / 2,
        ),
    ),
    (WarmUp(5, then=Exponential(0.5)), LR * np.where(t < 5, (5 + 2 * t) / 15, 0.5 ** (t - 5.0))),
    (WarmUp(5, then=StepDecay(3)), LR * np.where(t < 5, (5 + 2 * t) / 15, 0.1 ** ((t - 5) // 3))),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "closed"), CLOSED, ids=repr)
def test_rates_follow_the_closed_form(schedule: Schedule, closed: np.ndarray):
    np.testing.assert_allclose(rates(schedule, 60), closed, rtol=1e-14, atol=1e-17)


def test_every_schedule_is_compared():
    assert {type(schedule) for schedule, _ in CLOSED} == set(SCHEDULES.values())


TORCH: list[tuple[Schedule, int, Callable[[Any, Any], Any]]] = [
    (StepDecay(30, 0.7), 1000, lambda s, o: s.StepLR(o, 30, 0.7)),
    (Exponential(0.999), 1000, lambda s, o: s.ExponentialLR(o, 0.999)),
    (Cosine(1000, eta_min=0.001), 1000, lambda s, o: s.CosineAnnealingLR(o, 1000, 0.001)),
    (WarmUp(50), 1000, lambda s, o: s.LinearLR(o, total_iters=50)),
    (
        WarmUp(100, start_factor=0.01, then=Cosine(900)),
        1000,
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 0.01, total_iters=100), s.CosineAnnealingLR(o, 900)], [100]
        ),
    ),
]


@pytest.mark.peer("torch")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", [SGD(0.1, 0.9), Adam(0.01)], ids=repr)
@pytest.mark.parametrize(("schedule", "steps", "make"), TORCH, ids=[repr(c[0]) for c in TORCH])
def test_a_thousand_steps_follow_torchs_schedulers(
    schedule: Any, steps: int, make: Any, rule: Rule
):
    import torch

    own = (
        SGD(0.1, 0.9, schedule=schedule) if isinstance(rule, SGD) else Adam(0.01, schedule=schedule)
    )

    def optimizer(torch: Any, p: Any) -> Any:
        if isinstance(rule, SGD):
            return torch.optim.SGD(p, lr=0.1, momentum=0.9)
        return torch.optim.Adam(p, lr=0.01)

    theirs = by_torch(optimizer, steps, lambda _, o: make(torch.optim.lr_scheduler, o))
    assert farthest(by_graph(own, steps), theirs) < 1e-10


def test_adam_and_its_schedule_share_one_count():
    step = step_of(Adam(0.1, schedule=Cosine(10)))
    assert [s.input for s in step.states if s.parameter is None] == ["state/step"]
    assert step.hyper_values()["hyper/schedule.steps"] == 10


def test_a_schedule_is_nodes_and_no_callback():
    step = step_of(SGD(0.1, schedule=WarmUp(3, then=Cosine(9))))
    (count,) = (state for state in step.states if state.parameter is None)
    out = compile_graph({"count": count.after}).run({count.input: np.array(4.0)}).outputs
    assert out["count"] == 5.0
    names = {"steps", "start_factor", "then.steps"}
    assert set(step.hyper_values()) == {"hyper/lr", *(f"hyper/schedule.{name}" for name in names)}


# ------------------------------------------------------------------ limits
def _clipped_by_norm(g: Arrays, most: float) -> Arrays:
    total = math.sqrt(sum(float((value**2).sum()) for value in g.values()))
    return {k: min(1.0, most / (total + 1e-6)) * value for k, value in g.items()}


LIMITS: list[tuple[Any, Callable[[Arrays], Arrays], Callable[[Any, Any], Any]]] = [
    (
        ClipNorm(0.05),
        lambda g: _clipped_by_norm(g, 0.05),
        lambda torch, p: torch.nn.utils.clip_grad_norm_(p, 0.05),
    ),
    (
        ClipValue(0.02),
        lambda g: {k: np.clip(v, -0.02, 0.02) for k, v in g.items()},
        lambda torch, p: torch.nn.utils.clip_grad_value_(p, 0.02),
    ),
]


LIMIT_IDS = [repr(clip) for clip, *_ in LIMITS]


@pytest.mark.parametrize(("clip", "by_numpy"), [(c, n) for c, n, _ in LIMITS], ids=LIMIT_IDS)
def test_a_thousand_limited_steps_follow_the_formula(clip: Any, by_numpy: Any):
    def update(t: int, p: Arrays, g: Arrays) -> Arrays:
        limited = by_numpy(g)
        return {k: p[k] - 0.5 * (limited[k] + 0.01 * p[k]) for k in p}

    rule = SGD(0.5, weight_decay=0.01, clip=clip)
    assert farthest(by_graph(rule, 1000), by_hand(update, 1000)) < 1e-10
    free = by_graph(SGD(0.5, weight_decay=0.01), 100)
    assert farthest(by_graph(rule, 100), free) > 1e-3  # the limit is in force


@pytest.mark.peer("torch")
@pytest.mark.parametrize(("clip", "of_torch"), [(c, t) for c, _, t in LIMITS], ids=LIMIT_IDS)
def test_a_thousand_limited_steps_follow_torchs(clip: Any, of_torch: Any):
    rule = SGD(0.5, weight_decay=0.01, clip=clip)
    theirs = by_torch(
        lambda torch, p: torch.optim.SGD(p, lr=0.5, weight_decay=0.01), 1000, limit=of_torch
    )
    assert farthest(by_graph(rule, 1000), theirs) < 1e-10


def test_large_float32_gradients_are_limited_and_not_lost():
    """Their squares overflow in float32: the norm would be infinite and every step 0."""
    w = input_node("w", (2,), "float32")
    core = derive_graph(Graph({"w": w}, {"L": sum_(w * np.float32(3e30))}), ["w"])
    step = step_graph(core, SGD(1.0, clip=ClipNorm(1.0)))
    out = compile_graph(step.graph.outputs).run({"w": np.zeros(2, "f4"), **step.hyper_values()})
    np.testing.assert_allclose(out.outputs["new/w"], np.full(2, -math.sqrt(0.5)), rtol=1e-6)
    assert out.outputs["new/w"].dtype == np.float32


def test_gradients_of_zero_stay_zero():
    w = input_node("w", (2,))
    core = derive_graph(Graph({"w": w}, {"L": sum_(w * w)}), ["w"])
    step = step_graph(core, SGD(1.0, clip=ClipNorm(1.0)))
    out = compile_graph(step.graph.outputs).run({"w": np.zeros(2), **step.hyper_values()}).outputs
    assert out["new/w"].tolist() == [0.0, 0.0]


def test_the_derived_gradients_are_shown_unlimited():
    step = step_of(SGD(0.5, clip=ClipValue(0.02)))
    assert step.graph.outputs["d/V"] is step.derivation.gradients["V"]
    assert set(START) == set(step.updated)


# ------------------------------------------------------------------ refusals
WRONG: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: ClipNorm(0.0), "max_norm must be a positive finite number, got 0.0",
     "max_norm 应为有限的正数，得到 0.0"),
    (lambda: ClipValue(-1), "clip_value must be a positive finite number, got -1",
     "clip_value 应为有限的正数，得到 -1"),
    (lambda: Cosine(0), "steps must be a positive integer, got 0", "steps 应为正整数，得到 0"),
    (lambda: Cosine(2.5), "steps must be a positive integer, got 2.5", "steps 应为正整数"),
    (lambda: Cosine(10, eta_min=-1), "eta_min must be a finite number that is not negative",
     "eta_min 应为有限的非负数"),
    (lambda: Exponential(1.5), "gamma must be a number above 0 and at most 1, got 1.5",
     "gamma 应为大于 0 且不超过 1 的数，得到 1.5"),
    (lambda: WarmUp(5, start_factor=0), "start_factor must be a number above 0 and at most 1",
     "start_factor 应为大于 0 且不超过 1 的数"),
    (lambda: WarmUp(5, then="cosine"), "then is 'cosine', which is no schedule",
     "then 是 'cosine'"),
    (lambda: WarmUp(5, then=WarmUp(5)), "then is WarmUp(steps=5), which cannot follow", "不能接在"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "english", "chinese"), WRONG)
def test_wrong_settings_are_refused_by_name(make: Any, english: str, chinese: str):
    with pytest.raises(InputError) as caught:
        make()
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")
