"""A graph as the native engine calculates it: calls inlined, ops without loops written by others.

A module of its own, since code from the disk cache needs it, but nothing that compiles.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidu.backends.lowering import lower, stable_form_of
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.layout import Request, is_leaf
from tidu.backends.native.schedule.empty import replace_empty
from tidu.backends.native.schedule.inlining import inlined
from tidu.backends.native.schedule.plan import StageKind, kind_of
from tidu.ir.build import apply, is_tuple
from tidu.ir.node import Node
from tidu.ir.op import role


def can_lower(node: Node) -> bool:
    """Tell whether a node needs no lowering: only nodes that would be called back, and that have
    elements, are lowered (the largest of no elements has no meaning)."""
    return kind_of(node, FUNCTIONS) is not StageKind.CALL or (
        not is_tuple(node) and 0 in node.shape
    )


def lowered(outputs: Mapping[str, Node], request: Request) -> dict[str, Node]:
    """Return the outputs with calls inlined, ops that have no loops written by those that have, and
    what would cancel or overflow in another order, as in NumPy's run."""
    outputs = _without_empty(inlined(outputs))
    images: dict[Node, Node] = {}
    lower(list(outputs.values()), can_lower, images, stable_form_of)
    simpler = {name: images[node] for name, node in outputs.items()}
    return _calculated(_without_empty(simpler), request)


def _without_empty(outputs: Mapping[str, Node]) -> dict[str, Node]:
    images: dict[Node, Node] = {}
    replace_empty(outputs.values(), images)
    return {name: images[node] for name, node in outputs.items()}


def _calculated(outputs: dict[str, Node], request: Request) -> dict[str, Node]:
    """Return the outputs with a copy inserted where one that moves or is recorded is not calculated
    by a stage of its own.

    An input that becomes another, as the last parameters that a rule remembers, must be read before
    it is overwritten: as a stage it has a place in the order. A number has no buffer to be copied
    from, and what two inputs become would lie in the memory of one.
    """
    taken: set[Node] = set()
    for old, new in request.moves:
        node = outputs[new]
        stays = node.op.role == "input" and node.attrs["name"] == old
        if is_leaf(node) and not stays:
            node = _copy(node)
        while node in taken:
            node = _copy(node)
        taken.add(node)
        outputs[new] = node
    for name in request.records:
        if outputs[name].op.role in ("constant", "size"):
            outputs[name] = _copy(outputs[name])
    return outputs


def _copy(node: Node) -> Node:
    return apply(role("cast"), node, dtype=node.dtype)
