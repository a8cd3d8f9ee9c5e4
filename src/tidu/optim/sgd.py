"""Gradient descent, plain, with momentum, and after Nesterov, in PyTorch's conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.optim.rule import Line, Rule, Slot, Update, decayed, in_dtype_of, rule
from tidu.optim.setting import ANY, BELOW_ONE, Hyper, flag, number, rate, weight_decay
from tidu.words import Words

_NESTEROV = Words(
    en="nesterov needs a momentum above 0 and no dampening; got momentum={momentum}, "
    "dampening={dampening}",
    zh="nesterov 需要 momentum 大于 0 且 dampening 为 0；得到 momentum={momentum}，"
    "dampening={dampening}",
)
_NESTEROV_FIX = Words(
    en="tidu.optim.Nesterov(lr={lr}, momentum=0.9)", zh="tidu.optim.Nesterov(lr={lr}, momentum=0.9)"
)
_MOMENTUM = Words(en="momentum", zh="动量")
_DAMPENING = Words(en="dampening of the new gradient", zh="新梯度的阻尼")
_FORM = Words(en="Nesterov's form of the momentum", zh="采用 Nesterov 形式的动量")
_VELOCITY = Words(en="the velocity", zh="速度")
_HOLDS = Words(en="the dampening of the next step", zh="下一步的阻尼")
_AHEAD = Words(en="the direction, looking ahead along the velocity", zh="沿速度前瞻之后的方向")


@rule
@dataclass(frozen=True, slots=True, repr=False)
class SGD(Rule):
    """W ← W - α·∂L/∂W, and with more than the learning rate α:

        d ← ∂L/∂W + λ W           weight decay λ
        v ← μ v + (1 - τ) d       momentum μ, dampening τ; v is d at the first step
        W ← W - α v               or, with nesterov, W ← W - α (d + μ v)

    Raises InputError for a learning rate that is not positive and finite, for a momentum outside
    [0, 1), for a negative weight decay, and for nesterov without momentum or with dampening.

    >>> SGD(lr=0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9)
    """

    says: ClassVar[Words] = Words(
        en="gradient descent with momentum and weight decay", zh="带动量和权重衰减的梯度下降"
    )
    source: ClassVar[str] = "Polyak 1964; Nesterov 1983; Sutskever et al. 2013"
    complex: ClassVar[bool] = True

    lr: float = rate()
    momentum: float = number("mu", BELOW_ONE, _MOMENTUM, 0.0, idle=0.0)
    _: KW_ONLY
    nesterov: bool = flag(_FORM)
    dampening: float = number("tau", ANY, _DAMPENING, 0.0, idle=0.0)
    weight_decay: float = weight_decay()

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise InputError(
                _NESTEROV(momentum=self.momentum, dampening=self.dampening),
                fix=_NESTEROV_FIX(lr=self.lr),
            )

    def hyper(self) -> tuple[Hyper, ...]:
        """Return the learning rate, and of the other settings those that are not 0."""
        hyper = Rule.hyper(self)
        return hyper if self.momentum else tuple(h for h in hyper if h.name != "dampening")

    def slots(self) -> tuple[Slot, ...]:
        """Return the velocity, and with dampening the dampening that holds: none at the first
        step."""
        if not self.momentum:
            return ()
        velocity = Slot("velocity", "v", says=_VELOCITY)
        damped = Slot("damped", "tau_t", shared=True, says=_HOLDS)
        return (velocity, damped) if self.dampening else (velocity,)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        kept: dict[str, Node] = {}
        direction, lines = decayed(parameter, gradient, hyper)
        if self.momentum:
            momentum = in_dtype_of(hyper["momentum"], parameter)
            fresh = direction
            if self.dampening:
                fresh = in_dtype_of(1.0 - state["damped"], parameter) * direction
                kept["damped"] = hyper["dampening"]
            velocity = kept["velocity"] = momentum * state["velocity"] + fresh
            if self.nesterov:
                direction = direction + momentum * velocity
                lines = (*lines, Line("n", direction, _AHEAD))
            else:
                direction = velocity
        return Update(parameter - in_dtype_of(hyper["lr"], parameter) * direction, kept, lines)


def Momentum(lr: float, momentum: float = 0.9) -> SGD:
    """Return SGD with momentum: v ← μ v + ∂L/∂W, W ← W - α v.

    >>> Momentum(0.1)
    SGD(lr=0.1, momentum=0.9)
    """
    return SGD(lr, momentum)


def Nesterov(lr: float, momentum: float = 0.9) -> SGD:
    """Return SGD with Nesterov's momentum: v ← μ v + ∂L/∂W, W ← W - α (∂L/∂W + μ v).

    >>> Nesterov(0.1)
    SGD(lr=0.1, momentum=0.9, nesterov=True)
    """
    return SGD(lr, momentum, nesterov=True)
