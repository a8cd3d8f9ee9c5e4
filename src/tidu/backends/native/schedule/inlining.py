"""Inlines calls of sub-graphs, and short loops over them.

A node with a body would be one call back to NumPy. Inlined, its nodes are compiled like all others;
what repeats is compiled once (see `signature`), so that a repetition costs a call for each stage,
not its code again. A loop too long to be unrolled stays, and is called back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidu.ir.body import Body, body_of
from tidu.ir.build import apply
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ops.results import pick

MOST = 2000  # nodes that a loop may become


def inlined(outputs: Mapping[str, Node]) -> dict[str, Node]:
    """Return the outputs with calls and short loops inlined."""
    nodes = list(outputs.values())
    while any(_opens(node) for node in reachable(nodes)):
        nodes = _once(nodes)
    return dict(zip(outputs, nodes, strict=True))


def _opens(node: Node) -> bool:
    body = body_of(node)
    if body is None:
        return False
    return node.op.loop is Loop.CALL or node.attrs["length"] * _size(body) <= MOST


def _size(body: Body) -> int:
    return sum(1 for node in body.nodes() if node.inputs)


def _once(outputs: Sequence[Node]) -> list[Node]:
    """Inline each call once; calls within the bodies are left for the next round."""
    images: dict[Node, Node] = {}
    for node in reachable(outputs):
        inputs = tuple(images[child] for child in node.inputs)
        if _opens(node):
            assert node.op.definition is not None
            images[node] = node.op.definition(*inputs, **node.attrs)
        elif node.op.role == "item":
            images[node] = pick(inputs[0], node.attrs["index"])
        elif inputs != node.inputs:
            images[node] = apply(node.op, *inputs, **node.attrs)
        else:
            images[node] = node
    return [images[node] for node in outputs]
