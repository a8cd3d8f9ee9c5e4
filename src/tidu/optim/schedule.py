"""Schedules: the learning rate of a step as a graph of the count of steps.

t counts the steps done before, so t is 0 at the first one, where every schedule but a warm-up gives
the rule's own rate α. The count is a number that the step itself remembers and raises by one: a
compiled loop evaluates the schedule like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, TypeVar, cast

from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.ops.elementwise.rounding import floor
from tidu.ops.elementwise.selection import maximum, minimum
from tidu.ops.elementwise.trigonometric import cos
from tidu.optim.rule import Schedule
from tidu.optim.setting import COUNT, NOT_NEGATIVE, SHARE, Hyper, number
from tidu.words import Words

_NO_SCHEDULE = Words(
    en="then is {value}, which is no schedule of tidu.optim",
    zh="then 是 {value}，不是 tidu.optim 的学习率计划",
)
_SECOND = Words(
    en="then is {value}, which cannot follow a warm-up", zh="then 是 {value}，不能接在预热之后"
)
_THEN_FIX = Words(en="then=tidu.optim.Cosine(steps=1000)", zh="then=tidu.optim.Cosine(steps=1000)")

_EVERY = Words(en="steps at one rate", zh="衰减间隔（步数）")
_FACTOR = Words(en="factor of the rate", zh="学习率的衰减系数")
_LENGTH = Words(en="steps until the least rate", zh="降到最小学习率所用的步数")
_LEAST = Words(en="the least rate", zh="最小学习率")
_WARM = Words(en="steps of the warm-up", zh="预热步数")
_FIRST = Words(en="share of the rate at the first step", zh="第一步学习率的比例")

SCHEDULES: dict[str, type[Schedule]] = {}
_Kind = TypeVar("_Kind", bound=type[Schedule])


def schedule(kind: _Kind) -> _Kind:
    """Enter a schedule under its name, by which study files know it."""
    SCHEDULES[kind.__name__] = kind
    return kind


@schedule
@dataclass(frozen=True, slots=True, repr=False)
class Constant(Schedule):
    """The same rate at every step: α.

    >>> Constant()
    Constant()
    """

    says: ClassVar[Words] = Words(en="a constant learning rate", zh="学习率不变")

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        return lr


@schedule
@dataclass(frozen=True, slots=True, repr=False)
class StepDecay(Schedule):
    """The rate times γ every `step_size` steps, α γ^⌊t/s⌋, as torch's StepLR.

    >>> StepDecay(step_size=30)
    StepDecay(step_size=30)
    """

    says: ClassVar[Words] = Words(
        en="the learning rate falls in steps", zh="学习率按固定步数阶梯式下降"
    )

    step_size: int = number("s", COUNT, _EVERY)
    gamma: float = number("gamma", SHARE, _FACTOR, 0.1)

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        return lr * hyper["gamma"] ** floor(step / hyper["step_size"])


@schedule
@dataclass(frozen=True, slots=True, repr=False)
class Exponential(Schedule):
    """The rate times γ after every step, α γᵗ, as torch's ExponentialLR.

    >>> Exponential(gamma=0.99)
    Exponential(gamma=0.99)
    """

    says: ClassVar[Words] = Words(
        en="the learning rate falls by a factor each step", zh="学习率每步乘以同一系数"
    )

    gamma: float = number("gamma", SHARE, _FACTOR)

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        return lr * hyper["gamma"] ** step


@schedule
@dataclass(frozen=True, slots=True, repr=False)
class Cosine(Schedule):
    """Half a wave of the cosine from α down to `eta_min` in `steps` steps, as torch's
    CosineAnnealingLR, and from then on `eta_min` (where torch's rises again):

        α_min + (α - α_min) (1 + cos(π min(t, T)/T)) / 2

    >>> Cosine(steps=1000)
    Cosine(steps=1000)
    """

    says: ClassVar[Words] = Words(
        en="the learning rate falls along a cosine", zh="学习率沿余弦曲线下降"
    )

    steps: int = number("T", COUNT, _LENGTH)
    _: KW_ONLY
    eta_min: float = number("alpha_min", NOT_NEGATIVE, _LEAST, 0.0, idle=0.0)

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        angle = math.pi * (minimum(step, hyper["steps"]) / hyper["steps"])
        wave = (1.0 + cos(angle)) / 2.0
        if "eta_min" not in hyper:
            return lr * wave
        return hyper["eta_min"] + (lr - hyper["eta_min"]) * wave


@schedule
@dataclass(frozen=True, slots=True, repr=False)
class WarmUp(Schedule):
    """A rate that grows along a line from `start_factor` α to α in `steps` steps, as torch's
    LinearLR; then what `then` gives, which starts to count there (torch's SequentialLR).

    Every other schedule starts with α, so the two are one product:

        (f + (1 - f) min(t, T)/T) · then(max(t - T, 0))

    >>> WarmUp(steps=100, then=Cosine(steps=900))
    WarmUp(steps=100, then=Cosine(steps=900))
    """

    says: ClassVar[Words] = Words(en="the learning rate warms up", zh="学习率先线性预热")

    steps: int = number("T_w", COUNT, _WARM)
    _: KW_ONLY
    start_factor: float = number("f", SHARE, _FIRST, 1.0 / 3.0)
    then: Schedule | None = None

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        if self.then is not None and not isinstance(cast(object, self.then), Schedule):
            raise InputError(_NO_SCHEDULE(value=repr(self.then)[:60]), fix=_THEN_FIX())
        if isinstance(self.then, WarmUp):  # it would start below α, where the first one ends
            raise InputError(_SECOND(value=repr(self.then)[:60]), fix=_THEN_FIX())

    def hyper(self) -> tuple[Hyper, ...]:
        later = () if self.then is None else self.then.hyper()
        return (*Schedule.hyper(self), *(hyper.under("then") for hyper in later))

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        first, steps = hyper["start_factor"], hyper["steps"]
        warm = first + (1.0 - first) * (minimum(step, steps) / steps)
        if self.then is None:
            return lr * warm
        inner = {name.removeprefix("then."): node for name, node in hyper.items()}
        return warm * self.then.rate(lr, maximum(step - steps, 0.0), inner)
