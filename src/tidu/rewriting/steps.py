"""Rules for relu and its kin as they are written by hand, with masks, maxima and absolute values,
and for the steps [x > 0] that are their slopes."""

from __future__ import annotations

from tidu.ir.build import apply, constant, filled
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ir.types import COMPLEX
from tidu.ops.elementwise.arithmetic import add, multiply, sign, subtract
from tidu.ops.elementwise.comparison import greater
from tidu.ops.elementwise.selection import is_larger, is_smaller
from tidu.ops.numbers import constant_value
from tidu.rewriting.patterns import any_order, of, variable
from tidu.rewriting.register import sample, simplification
from tidu.rewriting.terms import factors_of

x = variable("x", lambda node: node.dtype not in COMPLEX)
_SIGN = of(sign, x, at=0.0)

simplification(
    "sign and one",
    add,
    [(any_order(1.0 + _SIGN), 2.0 * of(is_larger, x, 0.0))],
    "1 + sign(x) = 2·[x > 0]",
    "1 + sign(x) = 2·[x > 0]",
    lambda: [1.0 + sign(sample()), sign(sample()) + 1.0],
)
simplification(
    "one less a sign",
    subtract,
    [(1.0 - _SIGN, 2.0 * of(is_smaller, x, 0.0))],
    "1 − sign(x) = 2·[x < 0]",
    "1 − sign(x) = 2·[x < 0]",
    lambda: [1.0 - sign(sample())],
)


def _as_mask(node: Node) -> Node | None:
    """Return the mask of a factor that is one, also where it stands as a number."""
    while node.op.role in ("cast", "broadcast") and node.dtype != "bool":
        node = node.inputs[0]
    return node if node.dtype == "bool" else None


def _mask_twice(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x ⊙ m ⊙ m → x ⊙ m for a mask m."""
    for factor, rest in (node.inputs, node.inputs[::-1]):
        mask = _as_mask(factor)
        if mask is not None and any(_as_mask(f) is mask for f in factors_of(rest, atoms)):
            return rest if rest.type == node.type else None
    return None


simplification(
    "mask twice",
    multiply,
    _mask_twice,
    "1² = 1 and 0² = 0",
    "1² = 1，0² = 0",
    lambda: [
        sample() * greater(sample("z"), 0.0) * greater(sample("z"), 0.0),
        greater(sample("z"), 0.0) * (2.0 * (sample() * greater(sample("z"), 0.0))),
    ],
)

_SMALL = 0.5  # up to which c·x rounds to another number than x


def _of_multiple(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite [x > c·x] → [x > 0] and [c·x > x] → [x < 0], for c < 1."""
    first, second = node.inputs
    how = {"tie": node.attrs["tie"], "tied": node.attrs["tied"]}
    opposite = is_smaller if node.op is is_larger else is_larger
    for multiple, other, op in ((second, first, node.op), (first, second, opposite)):
        if multiple.op is not multiply or other is not multiple.inputs[1]:
            continue
        number = constant_value(multiple.inputs[0])
        if number is not None and number <= _SMALL:
            return apply(op, other, filled(0.0, other.type), **how)
    return None


for _step in (is_larger, is_smaller):
    simplification(
        f"{_step.name} than a multiple",
        _step,
        _of_multiple,
        "x exceeds c·x, c < 1, where x is positive",
        "当 c < 1 时，x 大于 c·x 即 x 为正",
        lambda _step=_step: [
            _step(sample(), 0.01 * sample()),
            _step(multiply(constant(0.1, "float64"), sample()), sample()),
        ],
    )
