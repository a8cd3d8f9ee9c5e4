"""What an update rule is: numbers that it is set to, what it remembers, one graph per parameter.

A rule is a frozen record. Its numbers (the learning rate, the momentum) and its memory (velocities)
are inputs of the graph, not constants in it: the working prints α and not 0.01, and a schedule
gives other numbers to the same program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

from tidu.errors import InputError
from tidu.ir.build import call
from tidu.ir.node import Node
from tidu.ir.op import role
from tidu.words import Phrase, Words

_NOT_A_NUMBER = Words(
    en="{name} must be a number, got {value} (a {kind})",
    zh="{name} 应为一个数，得到 {value}（类型 {kind}）",
)
_NOT_POSITIVE = Words(
    en="{name} must be a positive finite number, got {value}",
    zh="{name} 应为有限的正数，得到 {value}",
)
_NEGATIVE = Words(
    en="{name} must be a finite number that is not negative, got {value}",
    zh="{name} 应为有限的非负数，得到 {value}",
)
_NOT_FINITE = Words(
    en="{name} must be a finite number, got {value}", zh="{name} 应为有限的数，得到 {value}"
)
_UPHILL = Words(
    en="a step goes against the gradient, W - lr * dL/dW; a negative rate would climb",
    zh="更新沿梯度的反方向走：W - lr * dL/dW；学习率为负就成了上坡",
)


@dataclass(frozen=True, slots=True)
class Hyper:
    """A number that a rule is set to: its name, its value, and the symbol that stands for it."""

    name: str
    value: float
    symbol: str


@dataclass(frozen=True, slots=True)
class Slot:
    """What a rule remembers between steps, zero at the start.

    One array like each parameter; or, if `shared`, one number for all parameters, such as the count
    of steps. `symbol` is its base letter: v for W1 is printed v with subscript W1.
    """

    name: str
    symbol: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """The new parameter and the new contents of each slot, as nodes."""

    parameter: Node
    state: Mapping[str, Node]


class Optimizer(Protocol):
    """An update rule. `update` is called once for each parameter and builds nodes only.

    Its nodes for a shared slot must be the same for every parameter.
    """

    def hyper(self) -> tuple[Hyper, ...]: ...

    def slots(self) -> tuple[Slot, ...]: ...

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update: ...


def in_dtype_of(value: Node, like: Node) -> Node:
    """A number in another node's dtype: a float32 parameter stays float32 under a float64 rate."""
    return call(role("cast"), value, dtype=like.dtype)


def positive(name: str, value: Any, why: Words | None = None) -> float:
    """`value` as a float; InputError, naming what was given, unless it is positive and finite."""
    return _checked(name, value, _NOT_POSITIVE, lambda number: number > 0, why)


def not_negative(name: str, value: Any) -> float:
    return _checked(name, value, _NEGATIVE, lambda number: number >= 0)


def finite(name: str, value: Any) -> float:
    return _checked(name, value, _NOT_FINITE, lambda number: True)


def learning_rate(value: Any) -> float:
    """A learning rate as a float; InputError unless it is positive and finite.

    >>> learning_rate(0.1)
    0.1
    """
    return positive("lr", value, _UPHILL)


def _checked(
    name: str, value: Any, what: Words, holds: Callable[[float], bool], why: Words | None = None
) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        kind = type(value).__name__
        raise InputError(_NOT_A_NUMBER(name=name, value=_shown(value), kind=kind))
    number = float(value)
    if not (math.isfinite(number) and holds(number)):
        negative = math.isfinite(number) and number < 0
        reason: Phrase | None = why() if why is not None and negative else None
        raise InputError(what(name=name, value=_shown(value)), why=reason)
    return number


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Real) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
