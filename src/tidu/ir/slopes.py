"""Whether a node moves with its operands, as its op states it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tidu.errors import TiduError
from tidu.ir.body import body_of
from tidu.ir.build import input_node, is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Form, Op, Operand
from tidu.ir.types import FLOATS, Type


def is_flat(node: Node, moving: Sequence[bool]) -> bool:
    """Return whether a node takes numbers that move and does not move itself, but in jumps;
    `moving` tells for each operand whether it does.

    >>> from tidu.ops.elementwise.arithmetic import absolute, sign
    >>> from tidu.ops.elementwise.rounding import copysign
    >>> x, y = input_node("x", (3,)), input_node("y", (3,))
    >>> is_flat(sign(x), [True]), is_flat(absolute(x), [True]), is_flat(x > y, [False, True])
    (True, False, True)
    >>> is_flat(copysign(x, y), [True, True]), is_flat(copysign(x, y), [False, True])
    (False, True)
    """
    if is_tuple(node) or body_of(node) is not None:
        return False
    moved = [
        m and not is_tuple(child) and child.dtype in FLOATS
        for child, m in zip(node.inputs, moving, strict=True)
    ]
    if not any(moved):
        return False  # combines what is flat already
    if node.dtype not in FLOATS:
        return True
    if node.op.form in (Form.LINEAR, Form.MULTILINEAR):
        return False
    kinds = node.op.operands or (Operand.VALUE,) * len(moved)
    if Operand.FIXED in kinds:
        return False
    moved = [m and kind is Operand.VALUE for m, kind in zip(moved, kinds, strict=True)]
    if node.op.partials is not None:
        types = tuple(child.type for child in node.inputs)
        slopes = _has_slopes(node.op, types, node.type, node.attributes)
        return not any(m and slope for m, slope in zip(moved, slopes, strict=True))
    try:
        return not _moves(node, moved)
    except TiduError:  # it has no derivative, which is another matter
        return False


@lru_cache(maxsize=1024)
def _has_slopes(
    op: Op, types: tuple[Type, ...], type: Type, attributes: tuple[tuple[str, Any], ...]
) -> tuple[bool, ...]:
    """Return for each operand of an op with partials whether one is stated that is not 0."""
    assert op.partials is not None
    *operands, out = [_variable(i, each) for i, each in enumerate((*types, type))]
    found = op.partials(*operands, out, **dict(attributes))
    slopes = found if isinstance(found, tuple) else (found,)
    return tuple(not (s is None or (isinstance(s, float) and s == 0.0)) for s in slopes)


def _moves(node: Node, moved: Sequence[bool]) -> bool:
    """Return whether an op's differential or adjoint reaches an operand that moves."""
    op, attrs = node.op, node.attrs
    if op.differential is not None:
        changes = [
            _variable(i, child.type) if m else None
            for i, (child, m) in enumerate(zip(node.inputs, moved, strict=True))
        ]
        return op.differential(tuple(changes), node.inputs, node, **attrs) is not None
    if op.adjoint is not None:
        back = op.adjoint(_variable(0, node.type), *node.inputs, node, **attrs)
        return any(m and part is not None for m, part in zip(moved, back, strict=True))
    return True  # a composition has the derivative of what it is made of


def _variable(position: int, type: Type) -> Node:
    return input_node(f"·slope{position}", type.shape, type.dtype)
