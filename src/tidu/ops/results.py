"""Several results side by side: one node of a tuple type, and the op that picks one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidu.document.math import Apply, Function, Index, Math, Symbol, symbol
from tidu.ir.body import result_types
from tidu.ir.build import apply, filled, is_tuple
from tidu.ir.node import ArrayData, Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import TupleType, Type
from tidu.ops.define import op, says


def _item_type(x: Type | TupleType, index: int) -> Type:
    return result_types(x)[index]


def pick(x: Node, index: int) -> Node:
    """Return the result of a node at a position (of a node with one result, the node)."""
    if x.op is tuple_:
        return x.inputs[index]
    return apply(item, x, index=index) if is_tuple(x) else x


def result_of(node: Node, op: Op, index: int) -> bool:
    """Tell whether a node is the result of this op at a position."""
    return node.op is item and node.attrs["index"] == index and node.inputs[0].op is op


def results_of(node: Node) -> tuple[Node, ...]:
    """Return all results of a node as nodes."""
    return tuple(pick(node, i) for i in range(len(result_types(node.type))))


def given_results(node: Node) -> Any:
    """Return what a call of an op gives: its result, or a tuple of its results."""
    return results_of(node) if is_tuple(node) else node


def join_results(parts: Sequence[Node]) -> Node:
    """Return nodes as the results of one: one is itself, several are a tuple."""
    return parts[0] if len(parts) == 1 else apply(tuple_, *parts)


def is_zero(node: Node) -> bool:
    """Tell whether a node is a constant 0 or a broadcast of it."""
    if node.op.role == "broadcast":
        node = node.inputs[0]
    if node.op.role != "constant":
        return False
    data: ArrayData = node.attrs["value"]
    return data.shape == () and not data.array.item()


def _item_adjoint(g: Node, x: Node, out: Node, index: int) -> tuple[Node]:
    types = result_types(x.type)
    return (join_results([g if i == index else filled(0.0, t) for i, t in enumerate(types)]),)


def _item_notation(node: Node, x: Math) -> Math:
    """Return V(A) for an op whose results have names of their own; else the call with an index."""
    named = node.inputs[0].op.results
    if named and isinstance(x, Apply):
        return Apply(Function(named[node.attrs["index"]]), x.arguments)
    return Index(x, (result_symbol(node),))


def result_symbol(node: Node) -> Math:
    """Return what the result that an item picks is called, by the op or inside its body."""
    held = node.inputs[0]
    names = held.attrs[held.op.body].results if held.op.body is not None else ()
    index: int = node.attrs["index"]
    before = index - len(result_types(held.type)) + held.attrs.get("carries", 0)
    if index < len(names):
        return symbol(names[index])
    if names and before >= 0:  # the carries that the steps started from
        base = symbol(names[before])
        return Symbol(base.base, base.sub, "(t-1)")
    return Symbol(str(index + 1))


item = op(
    "item",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="item",
    operands=(Operand.VALUE,),
    adjoint=_item_adjoint,
    batched=lambda xs, stacked, index: pick(xs[0], index),
    says=says("one of several results", "多个结果中的一个"),
    source="definition",
    numpy=lambda xs, index: xs[index],
    type_rule=_item_type,
    prepare=lambda x, index: pick(x, index),
    notation=_item_notation,
    code=lambda node, x: f"{x}[{node.attrs['index']}]",
    sources={"torch": lambda node, x: f"{x}[{node.attrs['index']}]"},
    doc=says("a result of an op that has several", "有多个结果的运算的其中一个结果"),
)

tuple_ = op(
    "tuple",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="tuple",
    adjoint=lambda g, *xs_out: tuple(pick(g, i) for i in range(len(xs_out) - 1)),
    batched=entrywise(lambda: tuple_),
    says=says("several results side by side", "并列的多个结果"),
    source="definition",
    numpy=lambda *xs: xs,
    type_rule=lambda *types: TupleType(tuple(types)),
    notation=lambda node, *xs: Apply(Symbol(""), xs),
    code=lambda node, *xs: f"({', '.join(xs)},)",
    sources={"torch": lambda node, *xs: f"({', '.join(xs)},)"},
    doc=says("several results as one node", "作为一个节点的多个结果"),
)
