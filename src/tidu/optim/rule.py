"""What an update rule is: numbers that it is set to, what it remembers, one graph per parameter.

A rule is a frozen record. Its numbers (the learning rate, the momentum) and its memory (velocities,
the count of steps) are inputs of the graph, not constants in it: the working prints α and not 0.01,
and a schedule gives another rate to the same program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar, cast

from tidu.errors import InputError
from tidu.ir.build import call
from tidu.ir.node import Node
from tidu.ir.op import role
from tidu.optim.setting import Hyper, Settings
from tidu.words import Words

_NO_SCHEDULE = Words(
    en="schedule is {value}, which is no schedule of tidu.optim",
    zh="schedule 是 {value}，不是 tidu.optim 的学习率计划",
)
_SCHEDULE_FIX = Words(
    en="schedule=tidu.optim.Cosine(steps=1000)", zh="schedule=tidu.optim.Cosine(steps=1000)"
)
_NO_CLIP = Words(
    en="clip is {value}, which limits no gradients", zh="clip 是 {value}，不是梯度裁剪方式"
)
_CLIP_FIX = Words(
    en="clip=tidu.optim.ClipNorm(1.0), or clip=tidu.optim.ClipValue(0.5)",
    zh="clip=tidu.optim.ClipNorm(1.0)，或 clip=tidu.optim.ClipValue(0.5)",
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that a rule remembers between steps, with `start` everywhere before the first.

    One array like each parameter; or, if `shared`, one number for all parameters, such as the count
    of steps. `symbol` is its base letter: v for W1 is printed v with subscript W1.
    """

    name: str
    symbol: str
    shared: bool = False
    start: float = 0.0
    says: Words | None = None


STEP = Slot("step", "t", shared=True, says=Words(en="the count of steps", zh="步数计数"))


def counted(state: Mapping[str, Node]) -> Node:
    """Return the count of steps with this one; `state["step"]` counts those before."""
    return state[STEP.name] + 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A value on the way that the working shows under a symbol of its own, such as m̂."""

    symbol: str
    node: Node
    says: Words


@dataclass(frozen=True, slots=True)
class Update:
    """The new parameter and the new contents of each slot, as nodes; lines between them."""

    parameter: Node
    state: Mapping[str, Node]
    lines: tuple[Line, ...] = ()


class Optimizer(Protocol):
    """An update rule. `update` is called once for each parameter and builds nodes only.

    Its nodes for a shared slot must be the same for every parameter. A rule that derives from
    `Rule` can have a schedule and limits on its gradients as well.
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


@dataclass(frozen=True, slots=True, repr=False)
class Schedule(Settings):
    """Base of schedules: the learning rate of a step, as a graph of the steps done before it."""

    says: ClassVar[Words]

    def rate(self, lr: Node, step: Node, hyper: Mapping[str, Node]) -> Node:
        """Return the rate of a step. `lr` is the rule's rate, `step` counts from 0, `hyper` holds
        the schedule's numbers."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Clipped:
    """Limited gradients by parameter, with lines of each and lines of all together, and what is
    remembered."""

    gradients: Mapping[str, Node]
    shared: tuple[Line, ...]
    lines: Mapping[str, tuple[Line, ...]]
    state: Mapping[str, Node] = field(default_factory=dict[str, Node])


@dataclass(frozen=True, slots=True, repr=False)
class Clip(Settings):
    """Base of limits on gradients. They act on what was derived, before the rule sees it."""

    says: ClassVar[Words]
    complex: ClassVar[bool] = False

    def slots(self) -> tuple[Slot, ...]:
        """Return what is remembered of a step, all of it shared."""
        return ()

    def apply(self, gradients: Mapping[str, Node], hyper: Mapping[str, Node]) -> Clipped:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rule(Settings):
    """Base of the rules: a record of settings, with a schedule and a limit if one is given.

    `says` and `source` name the rule in the working. `complex`: whether it holds for complex
    parameters, which squares of gradients do not.
    """

    says: ClassVar[Words]
    source: ClassVar[str]
    complex: ClassVar[bool] = False

    schedule: Schedule | None = None
    clip: Clip | None = None

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.schedule is not None and not isinstance(cast(object, self.schedule), Schedule):
            raise InputError(_NO_SCHEDULE(value=repr(self.schedule)[:60]), fix=_SCHEDULE_FIX())
        if self.clip is not None and not isinstance(cast(object, self.clip), Clip):
            raise InputError(_NO_CLIP(value=repr(self.clip)[:60]), fix=_CLIP_FIX())

    def slots(self) -> tuple[Slot, ...]:
        return ()

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        raise NotImplementedError


def in_dtype_of(value: Node, like: Node) -> Node:
    """Return a number in another node's dtype: a float32 parameter stays float32 under a float64
    rate."""
    return call(role("cast"), value, dtype=like.dtype)


def blend(kept: Node, new: Node, share: Node) -> Node:
    """Return share · kept + (1 - share) · new, with 1 - share taken before the parameter's dtype
    rounds it."""
    return in_dtype_of(share, kept) * kept + in_dtype_of(1.0 - share, kept) * new


_DECAYED = Words(en="the gradient with weight decay", zh="加上权重衰减的梯度")


def decayed(
    parameter: Node, gradient: Node, hyper: Mapping[str, Node]
) -> tuple[Node, tuple[Line, ...]]:
    """Return ∂L/∂W + λ W and its line, where there is weight decay."""
    if "weight_decay" not in hyper:
        return gradient, ()
    node = gradient + in_dtype_of(hyper["weight_decay"], parameter) * parameter
    return node, (Line("d", node, _DECAYED),)


RULES: dict[str, type[Rule]] = {}
_Kind = TypeVar("_Kind", bound=type[Rule])


def rule(kind: _Kind) -> _Kind:
    """Enter a rule under its name, by which study files know it."""
    RULES[kind.__name__] = kind
    return kind
