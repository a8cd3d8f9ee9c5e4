"""What a check has found: data, with its sentences in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidu.ir.node import Node
from tidu.ir.types import entry_text
from tidu.words import Phrase, Words

Array: TypeAlias = NDArray[Any]
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
    "central differences": Words(en="central differences", zh="中心差分"),
    "one-sided differences": Words(en="one-sided differences", zh="单侧差分"),
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
    values or at random ones, with `example` the values of the inputs there. ratio: stated /
    expected where this is the same number everywhere. transposed: stated is exactly the transpose
    of what is expected.
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
    ratio: float | None = None
    transposed: bool = False
    example: Mapping[str, Array] = field(default_factory=dict[str, Array])
    details: tuple[Phrase, ...] = ()

    @property
    def agrees(self) -> bool:
        return self.kind == "agrees"


def page_entry(name: str, index: Index | None) -> str:
    """An entry as a page of working writes it, counted from 1: W[1, 2]."""
    return entry_text(name, None if index is None else [i + 1 for i in index])


def constant_ratio(stated: Array, expected: Array) -> float | None:
    """The one number r ≠ 1 with stated = r·expected, if there is one."""
    if stated.shape != expected.shape or not np.all(np.isfinite(stated)):
        return None
    moving = np.abs(expected) > 1e-12 * max(float(np.max(np.abs(expected), initial=0.0)), 1e-300)
    if not np.any(moving):
        return None
    ratio = float((stated[moving] / expected[moving]).flat[0])
    if ratio == 0.0 or abs(ratio - 1.0) < 1e-9:
        return None
    close = np.allclose(
        stated, ratio * expected, rtol=1e-7, atol=1e-9 * float(np.max(np.abs(stated)))
    )
    return ratio if close else None
