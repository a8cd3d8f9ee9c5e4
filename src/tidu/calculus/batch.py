"""Batching as a graph transformation: a program for one entry becomes a program for all of them.

What depends on a mapped node gets one more, leading axis; the rest stays as it is and is calculated
once. An op's record says how the op takes the axis (`batched`); elementwise ops, ops whose axes are
attributes and ops that are defined by others need no word of it; any other op is applied entry by
entry, in one scan. So the transformation is always right, and matrix form where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tidu.ir.body import Body, packed, result_types
from tidu.ir.build import apply, input_node, is_tuple
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form, Loop, Op, role
from tidu.ir.stacking import all_stacked, length_of, with_leading_axis
from tidu.ir.types import Dim, TupleType, Type, product

Stacked = tuple[bool, ...]


def batch(outputs: Sequence[Node], mapped: Mapping[Node, Node]) -> list[Node]:
    """Return the outputs with a leading axis, given nodes and what stands for them with that axis.

    Each replacement has the shape (k, *shape of the node), one k for all. An output that depends on
    no mapped node is the same for every entry: it is broadcast to (k, …).

    >>> from tidu.ir.build import input_node
    >>> X, v, V = input_node("X", (2, 3)), input_node("v", (3,)), input_node("V", (5, 3))
    >>> batch([X @ v], {v: V})[0].shape
    (5, 2)
    """
    length = _common_length(mapped)
    images = _images(outputs, mapped, ())
    return [images[node] if node in images else _same_for_all(node, length) for node in outputs]


def batch_dependent(
    outputs: Sequence[Node], mapped: Mapping[Node, Node]
) -> tuple[list[Node], tuple[int, ...]]:
    """Return the outputs, with the leading axis where they depend on a mapped node, and which
    do."""
    images = _images(outputs, mapped, ())
    live = tuple(i for i, node in enumerate(outputs) if node in images)
    return [images.get(node, node) for node in outputs], live


@lru_cache(maxsize=256)
def batch_body(body: Body, stacked: tuple[int, ...], length: Dim) -> tuple[Body, tuple[int, ...]]:
    """Return the body for `length` entries at once: the inputs at `stacked` have a leading axis.

    Its results: those of the body; the ones at the positions that are returned have the axis too.
    """
    given = list(body.inputs)
    for i in stacked:
        old = given[i]
        given[i] = input_node(old.attrs["name"], (length, *old.shape), old.dtype)
    mapped = {body.inputs[i]: given[i] for i in stacked}
    outputs, live = batch_dependent(body.outputs, mapped)
    batched_body = Body(f"{body.name}_batch", tuple(given), tuple(outputs), body.results)
    return batched_body, live


def _common_length(mapped: Mapping[Node, Node]) -> Dim:
    if not mapped:
        raise ValueError("batch needs at least one mapped node")
    length = next(iter(mapped.values())).shape[0]
    for old, new in mapped.items():
        if new.type != _with_axis(old.type, length):
            raise ValueError(f"{old} {old.type} is mapped to {new.type}, batch length {length}")
    return length


def _with_axis(type: Type | TupleType, length: Dim) -> Type | TupleType:
    return packed([Type((length, *t.shape), t.dtype) for t in result_types(type)])


def _images(
    outputs: Sequence[Node], mapped: Mapping[Node, Node], held: Sequence[Node]
) -> dict[Node, Node]:
    """Return, for every node that depends on a mapped one, the node with the leading axis.

    The walk stops at the mapped nodes and at those in `held`, which are the same for all entries.
    """
    images = dict(mapped)
    ends = {node.id for node in (*mapped, *held)}
    for node in post_order(outputs, lambda node: () if node.id in ends else node.inputs):
        if node.id in ends or not any(child in images for child in node.inputs):
            continue
        stacked = tuple(child in images for child in node.inputs)
        operands = tuple(images.get(child, child) for child in node.inputs)
        images[node] = _image(node, operands, stacked)
    return images


def _same_for_all(node: Node, length: Dim) -> Node:
    if not is_tuple(node):
        return with_leading_axis(node, length)
    pick = role("item")
    parts = [pick(node, index=i) for i in range(len(result_types(node.type)))]
    return role("tuple")(*(with_leading_axis(part, length) for part in parts))


def _image(node: Node, operands: tuple[Node, ...], stacked: Stacked) -> Node:
    """Return one op applied to operands of which some have the leading axis.

    A default whose result has another type than it should does not fit the op; its own rule has to.
    """
    op = node.op
    wanted = _with_axis(node.type, length_of(operands, stacked))
    if op.batched is not None:
        deriving = {} if op.body is None else {"batch": batch_body}
        batched = op.batched(operands, stacked, **node.attrs, **deriving)
        assert batched is None or batched.type == wanted, (node, batched)
        return _entry_by_entry(node, operands, stacked) if batched is None else batched
    rule = _default(op)
    batched = None if rule is None else rule(node, operands, stacked)
    if batched is None or batched.type != wanted:
        return _entry_by_entry(node, operands, stacked)
    return batched


RewriteRule = Callable[[Node, tuple[Node, ...], Stacked], Node | None]


def _default(op: Op) -> RewriteRule | None:
    if op.form is Form.ELEMENTWISE or op.loop is Loop.MAP:
        return _elementwise
    if op.axes:
        return _axes_shifted
    return _defined if op.definition is not None and op.body is None else None


def _elementwise(node: Node, operands: tuple[Node, ...], stacked: Stacked) -> Node:
    """Batch an elementwise op: the builder has made all ranks equal, so that a leading axis
    broadcasts."""
    return apply(node.op, *all_stacked(operands, stacked), **node.attrs)


def _axes_shifted(node: Node, operands: tuple[Node, ...], stacked: Stacked) -> Node | None:
    """Batch an op by its axes: each is one further back; no axis means all but the leading one."""
    attributes = node.attrs
    operands_stacked = all_stacked(operands, stacked)
    if any(attributes.get(name) is None for name in node.op.axes):
        if len(operands_stacked) != 1 or len(node.op.axes) != 1:
            return None
        (x,) = operands_stacked
        flat = role("reshape")(x, shape=(x.shape[0], product(x.shape[1:])))
        made = apply(node.op, flat, **{**attributes, node.op.axes[0]: 1})
        shape = (x.shape[0], *node.shape)
        return role("reshape")(made, shape=shape) if product(made.shape) == product(shape) else None
    shifted = {name: _shifted(attributes[name]) for name in node.op.axes}
    return apply(node.op, *operands_stacked, **{**attributes, **shifted})


def _shifted(axis: Any) -> Any:
    if isinstance(axis, tuple):
        return tuple(_shifted(one) for one in axis)
    return axis + 1 if axis >= 0 else axis  # counted from the end, it is the same axis


def _defined(node: Node, operands: tuple[Node, ...], stacked: Stacked) -> Node | None:
    """Return the op's definition, batched."""
    assert node.op.definition is not None
    body = node.op.definition(*node.inputs, **node.attrs)
    pairs = list(zip(node.inputs, operands, stacked, strict=True))
    mapped = {x: new for x, new, has_axis in pairs if has_axis}
    images = _images([body], mapped, [x for x, _, has_axis in pairs if not has_axis])
    return images.get(body)


def _entry_by_entry(node: Node, operands: tuple[Node, ...], stacked: Stacked) -> Node:
    """Return one scan over the entries, each step the op itself. Numbers stay inside the step."""
    length = length_of(operands, stacked)
    fresh: list[Node] = []
    entries: list[int] = []
    constants: list[int] = []
    for i, (child, has_axis) in enumerate(zip(node.inputs, stacked, strict=True)):
        inner = child
        if has_axis or child.inputs or child.op.role == "input":
            inner = input_node(f"x{i + 1}", child.shape, child.dtype)
            (entries if has_axis else constants).append(i)
        fresh.append(inner)
    step = apply(node.op, *fresh, **node.attrs)
    results = (
        tuple(role("item")(step, index=i) for i in range(len(result_types(step.type))))
        if is_tuple(step)
        else (step,)
    )
    body = Body(
        name=node.op.name,
        inputs=tuple(fresh[i] for i in (*entries, *constants)),
        outputs=results,
        results=tuple(f"y{i}" for i in range(1, len(results) + 1)),
    )
    given = [operands[i] for i in (*entries, *constants)]
    attributes = {"carries": 0, "steps": len(entries), "length": length, "reverse": False}
    return apply(role("scan"), *given, body=body, **attributes)
