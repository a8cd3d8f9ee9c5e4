"""What a check has found: data, with its sentences in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tidu.checking.mistakes import Array, Mistake
from tidu.ir.node import Node
from tidu.ir.types import entry_text
from tidu.words import Phrase, Words

Index: TypeAlias = tuple[int, ...]

Kind = Literal["agrees", "differs", "kink", "undecided"]
Method = Literal[
    "complex step",
    "central differences",
    "one-sided differences",
    "given values",
    "random values",
    "derivation",
    "no dependence",
]

METHODS: Mapping[Method, Words] = {
    "complex step": Words(en="the complex step", zh="复数步长法"),
    "central differences": Words(en="the central difference", zh="中心差分"),
    "one-sided differences": Words(en="the one-sided difference", zh="单侧差分"),
    "given values": Words(en="the given values", zh="给定的值"),
    "random values": Words(en="random values", zh="随机取的值"),
    "derivation": Words(en="the derivation", zh="推导"),
    "no dependence": Words(en="the graph", zh="计算图"),
}


@dataclass(frozen=True, slots=True)
class KinkFacts:
    """A kink that the values sit on: the one-sided slopes, the slope used, whether it lies between.

    `node` is the use of the op whose kink it is; None where several are hit at once.
    """

    left: float
    right: float
    used: float
    inside: bool
    node: Node | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """The outcome of one check.

    subject: the name of what was checked. error: the worst relative error; `index` says at which
    entry (from 0), None for a direction or a single number. stated, expected: the two numbers there
    (what was checked, what the check found). method: how it was measured. where: at the given
    values or at random ones, with `example` the values of the inputs there. mistake: what turns the
    right array into the stated one, where that is a mistake of the table.
    """

    kind: Kind
    subject: str
    method: Method
    error: float = 0.0
    tolerance: float = 0.0
    index: Index | None = None
    stated: float | None = None
    expected: float | None = None
    kink: KinkFacts | None = None
    mistake: Mistake | None = None
    example: Mapping[str, Array] = field(default_factory=dict[str, Array])
    details: tuple[Phrase, ...] = ()

    @property
    def agrees(self) -> bool:
        return self.kind == "agrees"


def page_entry(name: str, index: Index | None) -> str:
    """Return an entry as a page of working writes it, counted from 1: W[1, 2]."""
    return entry_text(name, None if index is None else [i + 1 for i in index])
