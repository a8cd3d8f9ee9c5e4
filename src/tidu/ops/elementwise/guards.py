"""Numbers that pass as they are, and are refused where they lie outside of what they may be.

Weights and levels are known only when the program runs; a check that is an op stands in the program
itself, so that no way to run it leaves it out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.errors import EvaluationError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ops.define import op, sampled, says
from tidu.words import Words

_LOW = Words(
    en="{name} holds {value}; it must be {low} or more", zh="{name} 含有 {value}，应不小于 {low}"
)
_BETWEEN = Words(
    en="{name} holds {value}; it must lie between {low} and {high}",
    zh="{name} 含有 {value}，应在 {low} 与 {high} 之间",
)
_WHOLE = Words(
    en="{name} holds {value}; it must be whole numbers", zh="{name} 含有 {value}，应为整数"
)


def _checked(x: Any, name: str, low: float, high: float, whole: bool) -> Any:
    outside = x[(x < low) | (x > high)]
    if outside.size:
        words = _LOW if high == np.inf else _BETWEEN
        value = f"{float(outside[0]):g}"
        raise EvaluationError(words(name=name, value=value, low=f"{low:g}", high=f"{high:g}"))
    broken = x[x != np.floor(x)] if whole else outside
    if broken.size:
        raise EvaluationError(_WHOLE(name=name, value=f"{float(broken[0]):g}"))
    return x


def within(x: Node, name: str, low: float, high: float = np.inf, whole: bool = False) -> Node:
    """Return x, refused when the program runs where a number lies outside of the bounds."""
    return apply(bounded, x, name=name, low=float(low), high=float(high), whole=whole)


bounded = op(
    "bounded",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    differential=lambda dxs, xs, out, **_: dxs[0],
    batched=entrywise(lambda: bounded),
    says=says("what passes as it is keeps its derivative", "原样通过，导数不变"),
    source="x = x between its bounds",
    numpy=_checked,
    type_rule=lambda x, **_: x,
    notation=lambda node, x: x,
    code=lambda node, x: x,
    aliases={},
    samples=sampled(
        (
            (lambda rng: 0.1 + 0.8 * rng.random(4),),
            {"name": "q", "low": 0.0, "high": 1.0, "whole": False},
        )
    ),
    doc=says("numbers that are refused outside of their bounds", "超出范围时拒绝的数"),
)
