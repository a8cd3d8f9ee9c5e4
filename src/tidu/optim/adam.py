"""Rules with running moments of the gradient: Adam (with AMSGrad) and AdamW."""

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
from tidu.optim.setting import BELOW_ONE, Setting, flag, pair, rate, small, weight_decay
from tidu.words import Words

_MEAN = Words(en="the first moment: the running mean of the gradients", zh="一阶矩：梯度的滑动平均")
_SQUARES = Words(
    en="the second moment: the running mean of the squared gradients",
    zh="二阶矩：梯度平方的滑动平均",
)
_LARGEST = Words(en="the largest second moment so far", zh="至今最大的二阶矩")
_MEAN_HAT = Words(en="the bias-corrected first moment", zh="修正零初值偏差后的一阶矩")
_SQUARES_HAT = Words(en="the bias-corrected second moment", zh="修正零初值偏差后的二阶矩")
_AMSGRAD = Words(
    en="divide by the largest second moment so far (AMSGrad)",
    zh="用至今最大的二阶矩做除数（AMSGrad）",
)
BETA1 = Setting(
    "beta_1",
    BELOW_ONE,
    Words(en="decay rate of the first moment", zh="一阶矩的衰减率"),
    name="beta1",
)
BETA2 = Setting(
    "beta_2",
    BELOW_ONE,
    Words(en="decay rate of the second moment", zh="二阶矩的衰减率"),
    name="beta2",
)


@dataclass(frozen=True, slots=True, repr=False)
class _Moments(Rule):
    """The base of Adam and AdamW: their settings and moments."""

    lr: float = rate(0.001)
    betas: tuple[float, float] = pair(BETA1, BETA2, (0.9, 0.999))
    _: KW_ONLY
    eps: float = small(1e-8)
    amsgrad: bool = flag(_AMSGRAD)

    def slots(self) -> tuple[Slot, ...]:
        moments = (Slot("mean", "m", says=_MEAN), Slot("squares", "v", says=_SQUARES))
        return (
            (*moments, Slot("largest", "w", says=_LARGEST), STEP)
            if self.amsgrad
            else (*moments, STEP)
        )

    def _direction(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> tuple[Node, dict[str, Node], tuple[Line, ...]]:
        """Return m̂ / (√v̂ + ε), the new moments, and the lines of the moments without their
        bias."""
        t = counted(state)
        mean = blend(state["mean"], gradient, hyper["beta1"])
        squares = blend(state["squares"], square(gradient), hyper["beta2"])
        kept, size = {"mean": mean, "squares": squares, "step": t}, squares
        if self.amsgrad:
            size = kept["largest"] = maximum(state["largest"], squares)
        mean_hat = mean / in_dtype_of(1.0 - hyper["beta1"] ** t, parameter)
        size_hat = size / in_dtype_of(1.0 - hyper["beta2"] ** t, parameter)
        lines = (
            Line("m\u0302", mean_hat, _MEAN_HAT),
            Line("v\u0302", size_hat, _SQUARES_HAT),
        )
        divisor = sqrt(size_hat) + in_dtype_of(hyper["eps"], parameter)
        return mean_hat / divisor, kept, lines


@rule
@dataclass(frozen=True, slots=True, repr=False)
class Adam(_Moments):
    """Running moments of the gradient, corrected for their start at 0:

        d ← ∂L/∂W + λ W
        m ← β₁ m + (1 - β₁) d        m̂ = m / (1 - β₁ᵗ)
        v ← β₂ v + (1 - β₂) d²       v̂ = v / (1 - β₂ᵗ)
        W ← W - α m̂ / (√v̂ + ε)

    t counts the steps from 1. With `amsgrad`, v̂ is made of the largest v so far. Weight decay λ is
    part of the gradient here; AdamW takes it apart. As torch.optim.Adam.

    Raises InputError for settings out of range, named: betas lie in [0, 1), eps above 0.

    >>> Adam(lr=0.001, betas=(0.8, 0.99))
    Adam(lr=0.001, betas=(0.8, 0.99))
    """

    says: ClassVar[Words] = Words(
        en="Adam: a running mean of the gradients, divided by their running size",
        zh="Adam：梯度的滑动平均除以其滑动均方根",
    )
    source: ClassVar[str] = "Kingma & Ba 2015; AMSGrad: Reddi, Kale & Kumar 2018"

    _: KW_ONLY
    weight_decay: float = weight_decay()

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        whole, lines = decayed(parameter, gradient, hyper)
        direction, kept, more = self._direction(parameter, whole, state, hyper)
        lr = in_dtype_of(hyper["lr"], parameter)
        return Update(parameter - lr * direction, kept, (*lines, *more))


@rule
@dataclass(frozen=True, slots=True, repr=False)
class AdamW(_Moments):
    """Adam with the weight decay λ apart from the gradient:

        W ← W - α (m̂ / (√v̂ + ε) + λ W)

    with m̂ and v̂ from ∂L/∂W alone. As torch.optim.AdamW, whose default λ is 0.01.

    Raises InputError for settings out of range, named.

    >>> AdamW(lr=0.001)
    AdamW(lr=0.001)
    """

    says: ClassVar[Words] = Words(
        en="AdamW: Adam with the weight decay apart from the gradient",
        zh="AdamW：权重衰减与梯度分开的 Adam",
    )
    source: ClassVar[str] = "Loshchilov & Hutter 2019"

    _: KW_ONLY
    weight_decay: float = weight_decay(0.01)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        direction, kept, lines = self._direction(parameter, gradient, state, hyper)
        if "weight_decay" in hyper:
            direction = direction + in_dtype_of(hyper["weight_decay"], parameter) * parameter
        return Update(parameter - in_dtype_of(hyper["lr"], parameter) * direction, kept, lines)
