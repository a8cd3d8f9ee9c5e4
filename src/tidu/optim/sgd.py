"""Gradient descent, plain, with momentum, and after Nesterov, in PyTorch's conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.optim.rule import (
    Hyper,
    Slot,
    Update,
    finite,
    in_dtype_of,
    learning_rate,
    not_negative,
)
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

_SYMBOLS = {"lr": "alpha", "momentum": "mu", "dampening": "tau", "weight_decay": "lambda"}


@dataclass(frozen=True, slots=True)
class SGD:
    """W ← W - α·∂L/∂W, and with more than the learning rate α:

        g ← ∂L/∂W + λ W           weight decay λ
        v ← μ v + (1 - τ) g       momentum μ, dampening τ; v is g at the first step
        W ← W - α v               or, with nesterov, W ← W - α (g + μ v)

    Raises InputError for a learning rate that is not positive and finite, for negative or
    non-finite settings, and for nesterov without momentum or with dampening.

    >>> SGD(lr=0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9)
    """

    lr: float
    momentum: float = 0.0
    _: KW_ONLY
    nesterov: bool = False
    dampening: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lr", learning_rate(self.lr))
        object.__setattr__(self, "momentum", not_negative("momentum", self.momentum))
        object.__setattr__(self, "dampening", finite("dampening", self.dampening))
        object.__setattr__(self, "weight_decay", not_negative("weight_decay", self.weight_decay))
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise InputError(
                _NESTEROV(momentum=self.momentum, dampening=self.dampening),
                fix=_NESTEROV_FIX(lr=self.lr),
            )

    def __repr__(self) -> str:
        told = [f"lr={self.lr:g}", *(f"{h.name}={h.value:g}" for h in self.hyper()[1:])]
        return f"SGD({', '.join([*told, 'nesterov=True'] if self.nesterov else told)})"

    def hyper(self) -> tuple[Hyper, ...]:
        """The learning rate, and of the other settings those that are not 0."""
        used = {"lr": self.lr}
        if self.momentum:
            used["momentum"] = self.momentum
            if self.dampening:
                used["dampening"] = self.dampening
        if self.weight_decay:
            used["weight_decay"] = self.weight_decay
        return tuple(Hyper(name, value, _SYMBOLS[name]) for name, value in used.items())

    def slots(self) -> tuple[Slot, ...]:
        """The velocity, and with dampening the dampening that holds: none at the first step."""
        if not self.momentum:
            return ()
        velocity = Slot("velocity", "v")
        return (velocity, Slot("damped", "t", shared=True)) if self.dampening else (velocity,)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        number = {name: in_dtype_of(node, parameter) for name, node in hyper.items()}
        kept: dict[str, Node] = {}
        direction = gradient
        if self.weight_decay:
            direction = gradient + number["weight_decay"] * parameter
        if self.momentum:
            fresh = direction
            if self.dampening:
                fresh = (1.0 - in_dtype_of(state["damped"], parameter)) * direction
                kept["damped"] = hyper["dampening"]
            velocity = kept["velocity"] = number["momentum"] * state["velocity"] + fresh
            direction = direction + number["momentum"] * velocity if self.nesterov else velocity
        return Update(parameter - number["lr"] * direction, kept)


def Momentum(lr: float, momentum: float = 0.9) -> SGD:
    """SGD with momentum: v ← μ v + ∂L/∂W, W ← W - α v.

    >>> Momentum(0.1)
    SGD(lr=0.1, momentum=0.9)
    """
    return SGD(lr, momentum)


def Nesterov(lr: float, momentum: float = 0.9) -> SGD:
    """SGD with Nesterov's momentum: v ← μ v + ∂L/∂W, W ← W - α (∂L/∂W + μ v).

    >>> Nesterov(0.1)
    SGD(lr=0.1, momentum=0.9, nesterov=True)
    """
    return SGD(lr, momentum, nesterov=True)
