"""Forward mode as a graph transformation: push differentials from the inputs to the outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidu.calculus.pullback import fitted, push_forward, zeros_like
from tidu.ir.node import Node, reachable
from tidu.ir.types import is_empty


def jvp(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> list[Node]:
    """The Jacobian-vector product: each output's differential for given differentials of nodes.

    >>> from tidu.ir.build import input_node
    >>> x, t = input_node("x", (3,)), input_node("t", (3,))
    >>> jvp([x * x], {x: t})[0].shape
    (3,)
    """
    moving = jvp_all(outputs, tangents)
    return [moving[output] if output in moving else zeros_like(output) for output in outputs]


def jvp_all(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> dict[Node, Node]:
    """The differential of every node under the outputs that moves with the given nodes."""
    moving: dict[Node, Node] = {
        node: fitted(t, node) for node, t in tangents.items() if not is_empty(node.type)
    }
    for node in reachable(outputs):
        if node in moving or not node.inputs or is_empty(node.type):
            continue
        pushed = push_forward(node, [moving.get(child) for child in node.inputs])
        if pushed is not None:
            moving[node] = pushed
    return moving
