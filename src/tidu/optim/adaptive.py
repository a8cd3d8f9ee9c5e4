"""Rules that divide each entry's step by the size of its gradients so far: Adagrad and RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from tidu.ir.node import Node
from tidu.ops.elementwise.arithmetic import sqrt, square
from tidu.ops.elementwise.selection import maximum
from tidu.optim.rule import (
    STEP,
    Line,
    Rule,
    Slot,
    Update,
    blend,
    counted,
    decayed,
    in_dtype_of,
    rule,
)
from tidu.optim.setting import (
    BELOW_ONE,
    NOT_NEGATIVE,
    flag,
    number,
    rate,
    small,
    weight_decay,
)
from tidu.words import Words

_SUM = Words(en="the sum of the squared gradients", zh="梯度平方的累积和")
_START = Words(en="what the sums of squares start from", zh="平方和的初始值")
_LR_DECAY = Words(en="decay of the learning rate", zh="学习率衰减系数")
_RATE = Words(en="the learning rate of this step", zh="这一步的学习率")
_SMOOTHING = Words(en="decay rate of the running mean", zh="滑动平均的衰减率")
_CENTRED = Words(en="subtract the squared mean of the gradients", zh="减去梯度均值的平方")
_MOMENTUM = Words(en="momentum", zh="动量")
_SQUARES = Words(en="the running mean of the squared gradients", zh="梯度平方的滑动平均")
_MEAN = Words(en="the running mean of the gradients", zh="梯度的滑动平均")
_VARIANCE = Words(en="the running variance of the gradients", zh="梯度的滑动方差")
_VELOCITY = Words(en="the velocity", zh="速度")


@rule
@dataclass(frozen=True, slots=True, repr=False)
class Adagrad(Rule):
    """Each entry's rate falls with the sum of its squared gradients:

        d ← ∂L/∂W + λ W
        G ← G + d²
        W ← W - α_t d / (√G + ε),   α_t = α / (1 + η t)   after t steps

    with weight decay λ and decay η of the rate (`lr_decay`). G starts at
    `initial_accumulator_value`. As torch.optim.Adagrad.

    Raises InputError for settings that are negative or not finite, and for lr or eps at 0.

    >>> Adagrad(lr=0.1)
    Adagrad(lr=0.1)
    """

    says: ClassVar[Words] = Words(
        en="Adagrad: the more an entry has moved, the smaller its steps",
        zh="Adagrad：累积梯度越大的元素，步长越小",
    )
    source: ClassVar[str] = "Duchi, Hazan & Singer 2011"

    lr: float = rate(0.01)
    _: KW_ONLY
    lr_decay: float = number("eta", NOT_NEGATIVE, _LR_DECAY, 0.0, idle=0.0)
    weight_decay: float = weight_decay()
    initial_accumulator_value: float = number("G_0", NOT_NEGATIVE, _START, 0.0, idle=0.0)
    eps: float = small(1e-10)

    def slots(self) -> tuple[Slot, ...]:
        total = Slot("sum", "G", start=self.initial_accumulator_value, says=_SUM)
        return (total, STEP) if self.lr_decay else (total,)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        direction, lines = decayed(parameter, gradient, hyper)
        total = state["sum"] + square(direction)
        kept, lr = {"sum": total}, hyper["lr"]
        if self.lr_decay:
            lr = lr / (1.0 + hyper["lr_decay"] * state["step"])
            kept["step"] = counted(state)
            lines = (*lines, Line("alpha", lr, _RATE))
        divisor = sqrt(total) + in_dtype_of(hyper["eps"], parameter)
        return Update(parameter - in_dtype_of(lr, parameter) * (direction / divisor), kept, lines)


@rule
@dataclass(frozen=True, slots=True, repr=False)
class RMSProp(Rule):
    """Each entry's step is divided by the root of a running mean of its squared gradients:

        d ← ∂L/∂W + λ W
        v ← ρ v + (1 - ρ) d²
        W ← W - α d / (√v + ε)

    ρ is `alpha`, as in torch.optim.RMSprop. With `centered`, m ← ρ m + (1 - ρ) d, and v - m² (never
    below 0) takes the place of v; with momentum μ, u ← μ u + d / (√v + ε) and W ← W - α u.

    Raises InputError for settings out of range, named.

    >>> RMSProp(lr=0.001, centered=True)
    RMSProp(lr=0.001, centered=True)
    """

    says: ClassVar[Words] = Words(
        en="RMSProp: steps divided by the running size of the gradient",
        zh="RMSProp：步长除以梯度的滑动均方根",
    )
    source: ClassVar[str] = "Tieleman & Hinton 2012; centered: Graves 2013"

    lr: float = rate(0.01)
    alpha: float = number("rho", BELOW_ONE, _SMOOTHING, 0.99)
    _: KW_ONLY
    eps: float = small(1e-8)
    weight_decay: float = weight_decay()
    momentum: float = number("mu", BELOW_ONE, _MOMENTUM, 0.0, idle=0.0)
    centered: bool = flag(_CENTRED)

    def slots(self) -> tuple[Slot, ...]:
        slots = [Slot("squares", "v", says=_SQUARES)]
        if self.centered:
            slots.append(Slot("mean", "m", says=_MEAN))
        if self.momentum:
            slots.append(Slot("velocity", "u", says=_VELOCITY))
        return tuple(slots)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        direction, lines = decayed(parameter, gradient, hyper)
        size = blend(state["squares"], square(direction), hyper["alpha"])
        kept = {"squares": size}
        if self.centered:
            mean = kept["mean"] = blend(state["mean"], direction, hyper["alpha"])
            # a mean of squares is never below the square of the mean, except by rounding
            size = maximum(size - square(mean), 0.0)
            lines = (*lines, Line("s", size, _VARIANCE))
        step = direction / (sqrt(size) + in_dtype_of(hyper["eps"], parameter))
        if self.momentum:
            momentum = in_dtype_of(hyper["momentum"], parameter)
            step = kept["velocity"] = momentum * state["velocity"] + step
        return Update(parameter - in_dtype_of(hyper["lr"], parameter) * step, kept, lines)
