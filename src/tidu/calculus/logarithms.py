"""Logarithms that are kept away from 0 by a small number: ln(P + 1e−12), ln(max(P, 1e−12)).

The gradient that runs has the small number in it, and is longer for it than the textbook's. What
the formula would be without it is worth saying.
"""

from __future__ import annotations

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.settings import mapped
from tidu.ir.build import rebuild
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ops.elementwise.arithmetic import add
from tidu.ops.elementwise.exponential import log
from tidu.ops.elementwise.selection import clip, maximum
from tidu.ops.numbers import constant_value

_SMALL = 1e-6


def without_small_numbers(derivation: Derivation) -> tuple[Derivation, float] | None:
    """Return the derivation of the same program with no small number beside the arguments of its
    logarithms, and the largest of those numbers; None where there is none."""
    graph = derivation.graph
    image: dict[Node, Node] = {}
    largest = 0.0
    for node in graph.all_nodes():
        inputs = tuple(image[x] for x in node.inputs)
        bare = _bare(inputs[0]) if node.op is log else None
        if bare is not None:
            inputs, largest = (bare[0],), max(largest, bare[1])
        image[node] = node if inputs == node.inputs else rebuild(node, inputs)
    if not largest:
        return None
    plain = _with(graph, image)
    wrt = list(derivation.wrt)
    return derive_graph(plain, wrt, output=derivation.loss_name), largest


def _with(graph: Graph, image: dict[Node, Node]) -> Graph:
    changed = {node: after for node, after in image.items() if after is not node}
    return mapped(graph, changed)


def _bare(node: Node) -> tuple[Node, float] | None:
    """Return (P, c) of P + c, max(P, c) and of P clipped at c from below, for a small c."""
    if node.op is clip:
        return _small(node.inputs[0], node.attrs["low"])
    if node.op not in (add, maximum):
        return None
    for value, small in (node.inputs, node.inputs[::-1]):
        found = _small(value, constant_value(small))
        if found is not None and value.type == node.type:
            return found
    return None


def _small(value: Node, number: float | None) -> tuple[Node, float] | None:
    return (value, number) if number is not None and 0 < number <= _SMALL else None
