"""Changes inside bodies, and calls and scans inlined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidu.ir.body import body_of
from tidu.ir.build import apply, is_tuple
from tidu.ir.node import Node, reachable

Change = Callable[[Sequence[Node]], Sequence[Node]]

MOST_LOOKED_AT = 4000  # nodes, which are still quick to look through


def changed(node: Node, inputs: tuple[Node, ...], change: Change) -> Node:
    """Return a node with a body on other operands, with every node of its body replaced."""
    body = body_of(node)
    assert body is not None and node.op.body is not None
    return apply(node.op, *inputs, **{**node.attrs, node.op.body: body.mapped(change)})


def inlined(nodes: Sequence[Node], limit: int = MOST_LOOKED_AT) -> list[Node] | None:
    """Return the nodes with every call and scan inlined; None if that takes more than `limit`
    nodes, or if the length of a scan is not known.

    The values are the same. For readers of single operations, such as the search for kinks.
    """
    current = list(nodes)
    while True:
        walk = reachable(current)
        if len(walk) > limit:
            return None
        if not any(node.op.body for node in walk):
            return current
        image: dict[Node, Node] = {}
        budget = limit
        for node in walk:
            inputs = tuple(image[child] for child in node.inputs)
            body = body_of(node)
            if body is None:
                image[node] = node if inputs == node.inputs else _again(node, inputs)
                continue
            times = node.attrs.get("length", 1)
            budget -= times * len(body.nodes()) if isinstance(times, int) else limit + 1
            if budget < 0 or node.op.definition is None:
                return None
            image[node] = node.op.definition(*inputs, **node.attrs)
        current = [image[node] for node in current]


def _again(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Apply the op to other operands; an item of a tuple that is now known is that item."""
    if node.op.role == "item" and is_tuple(node.inputs[0]):
        return node.op(*inputs, **node.attrs)
    return apply(node.op, *inputs, **node.attrs)
