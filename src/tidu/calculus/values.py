"""Gradients and differentials as nodes: which operands have one, zeros, sums, numbers that fit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tidu.errors import InputError
from tidu.ir.body import result_types
from tidu.ir.build import filled, input_node, is_tuple
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import Operand, role
from tidu.ir.types import COMPLEX, FLOATS, Type
from tidu.words import Words

_FIXED = Words(
    en="no derivative of {function} with respect to {operand} is known",
    zh="{function} 对 {operand} 的导数没有已知的公式",
)
_FIXED_FIX = Words(
    en="wrt=[...] without what {operand} depends on", zh="在 wrt=[...] 中去掉 {operand} 所依赖的量"
)
_placeholders = itertools.count()


def differentiable(node: Node, position: int) -> bool:
    """Tell whether the operand at this position carries a derivative."""
    kinds = node.op.operands
    if kinds is not None and kinds[position] is not Operand.VALUE:
        return False
    return any(t.dtype in FLOATS for t in result_types(node.inputs[position].type))


def refuse_fixed(node: Node, moving: Sequence[bool]) -> None:
    """Check the operands that move. Raises InputError where one has no derivative."""
    kinds = node.op.operands
    if kinds is None or Operand.FIXED not in kinds:
        return
    for kind, child, moves in zip(kinds, node.inputs, moving, strict=True):
        if moves and kind is Operand.FIXED and child.dtype in FLOATS:
            what = _FIXED(function=describe(node), operand=describe(child))
            why = None if node.op.fixed is None else node.op.fixed()
            raise InputError(what, why=why, fix=_FIXED_FIX(operand=describe(child)))


def zeros_like(node: Node) -> Node:
    """Return zeros of the node's type; of several results a tuple of zeros."""
    zeros = [filled(0.0, type) for type in result_types(node.type)]
    return role("tuple")(*zeros) if is_tuple(node) else zeros[0]


def add(a: Node, b: Node) -> Node:
    """Return the sum of two gradients of one node: of several results, result by result, where a
    zero that only holds the place of an unused one is left out."""
    if not is_tuple(a):
        return a + b
    pick, parts = role("item"), range(len(result_types(a.type)))
    pairs = [(pick(a, index=i), pick(b, index=i)) for i in parts]
    return role("tuple")(*(x if _is_zeros(y) else y if _is_zeros(x) else x + y for x, y in pairs))


def _is_zeros(node: Node) -> bool:
    return node is zeros_like(node)


def fitted(value: Node, like: Node) -> Node:
    """Return a gradient or a differential in the numbers of the node that it belongs to.

    Gradients pair with differentials as Re Σ u·v. Beside a real node only the real part of the
    gradient counts; beside a complex one a real gradient is a complex number too.
    """
    if not is_tuple(like):
        return _in_numbers_of(value, like.type)
    types, parts = result_types(like.type), result_types(value.type)
    if all((a.dtype in COMPLEX) == (b.dtype in COMPLEX) for a, b in zip(types, parts, strict=True)):
        return value
    pick = role("item")
    items = (_in_numbers_of(pick(value, index=i), type) for i, type in enumerate(types))
    return role("tuple")(*items)


def _in_numbers_of(value: Node, type: Type) -> Node:
    if (value.dtype in COMPLEX) == (type.dtype in COMPLEX):
        return value
    return role("real")(value) if value.dtype in COMPLEX else role("cast")(value, dtype=type.dtype)


def placeholder(like: Node | Type) -> Node:
    """Return a new input of this type: a placeholder for an operand of a rule."""
    return input_node(f"·{next(_placeholders)}", like.shape, like.dtype)
