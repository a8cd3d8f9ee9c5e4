"""Graphs rewritten for a language: ops that it cannot say by simpler ones (`lower`), and orders of
calculation in which less cancels or overflows (`regroup`)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from tidu.ir.body import body_of
from tidu.ir.build import apply
from tidu.ir.node import Node, post_order
from tidu.ir.op import Order


def order_of(node: Node) -> Order | None:
    """Another order of calculation that the op's record has for this node."""
    return None if node.op.regroup is None else node.op.regroup(node)


def printed_order_of(names: Container[Node]) -> Callable[[Node], Order | None]:
    """Those of a file which people read: short, from nodes with these names, and about as fast."""

    def order(node: Node) -> Order | None:
        found = order_of(node)
        if found is None or found.at_hand is None:
            return None
        ready = all(not x.inputs or x in names for x in found.at_hand)
        return found if ready else None

    return order


def lower(
    roots: Iterable[Node],
    can_write: Callable[[Node], bool],
    images: dict[Node, Node],
    order: Callable[[Node], Order | None] = lambda node: None,
) -> None:
    """Puts what stands for each node under the roots into `images`; `order` says which are to be
    calculated in another order."""
    for node in post_order(roots, lambda n: () if n in images else n.inputs):
        if node in images:
            continue
        inputs = tuple(images[child] for child in node.inputs)
        attributes = node.attrs
        body = body_of(node)
        if body is not None:

            def change(nodes: Sequence[Node]) -> list[Node]:
                lower(nodes, can_write, images, order)
                return [images[node] for node in nodes]

            attributes[node.op.body or ""] = body.mapped(change)
        other = order(node)
        if other is not None:
            built = other.build(*(images[x] for x in other.operands))
            inner = {images[x]: images[x] for x in other.operands}
            lower([built], can_write, inner)
            images[node] = inner[built]
            continue
        new = node
        if inputs != node.inputs or attributes != node.attrs:
            new = apply(node.op, *inputs, **attributes)
        if new.op.lower is not None and not can_write(new):
            simpler = new.op.lower(*new.inputs, **new.attrs)
            inner = {child: child for child in new.inputs}
            lower([simpler], can_write, inner)
            new = inner[simpler]
        images[node] = new
