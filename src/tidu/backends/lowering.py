"""Ops that a backend cannot say, written by simpler ones that it can: the `lower` facet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tidu.ir.body import body_of
from tidu.ir.build import apply
from tidu.ir.node import Node, post_order


def lower(
    roots: Iterable[Node], can_write: Callable[[Node], bool], images: dict[Node, Node]
) -> None:
    """Puts what stands for each node under the roots into `images`."""
    for node in post_order(roots, lambda n: () if n in images else n.inputs):
        if node in images:
            continue
        inputs = tuple(images[child] for child in node.inputs)
        attributes = node.attrs
        body = body_of(node)
        if body is not None:

            def change(nodes: Sequence[Node]) -> list[Node]:
                lower(nodes, can_write, images)
                return [images[node] for node in nodes]

            attributes[node.op.body or ""] = body.mapped(change)
        new = node
        if inputs != node.inputs or attributes != node.attrs:
            new = apply(node.op, *inputs, **attributes)
        if new.op.lower is not None and not can_write(new):
            simpler = new.op.lower(*new.inputs, **new.attrs)
            inner = {child: child for child in new.inputs}
            lower([simpler], can_write, inner)
            new = inner[simpler]
        images[node] = new
