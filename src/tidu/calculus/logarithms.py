"""Logarithms that are kept away from 0 by a small number: ln(P + 1e−12), ln(max(P, 1e−12)).

The gradient that runs has the small number in it, and is longer for it than the textbook's. What
the formula would be without it is worth saying.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.settings import mapped
from tidu.ir.build import rebuild
from tidu.ir.node import Node
from tidu.ops.elementwise.arithmetic import add, subtract
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
    beside = _kept_from_zero(graph.all_nodes())
    for node in graph.all_nodes():
        inputs = tuple(image[x] for x in node.inputs)
        image[node] = node if inputs == node.inputs else rebuild(node, inputs)
        if node in beside:
            value, number = beside[node]
            image[node], largest = image[value], max(largest, number)
    if not largest:
        return None
    wrt, output = list(derivation.wrt), derivation.loss_name
    return derive_graph(mapped(graph, image), wrt, output=output), largest


def _kept_from_zero(nodes: Sequence[Node]) -> dict[Node, tuple[Node, float]]:
    """Return each P + c, max(P, c) and clipped P of which a logarithm is taken, of itself or of
    what it lacks to 1, with P and c."""
    found: dict[Node, tuple[Node, float]] = {}
    for node in nodes:
        for part in _arguments(node) if node.op is log else ():
            bare = _bare(part)
            if bare is not None:
                found[part] = bare
    return found


def _arguments(logarithm: Node) -> tuple[Node, ...]:
    argument = logarithm.inputs[0]
    return (argument, *argument.inputs) if argument.op in (add, subtract) else (argument,)


def _bare(node: Node) -> tuple[Node, float] | None:
    """Return (P, c) of P + c, max(P, c) and of P clipped at c from below, for a small c."""
    if node.op is clip:
        high = node.attrs["high"]
        low = node.attrs["low"] if high is None or 1 - _SMALL <= high <= 1 else None
        return _small(node.inputs[0], low)
    if node.op not in (add, maximum):
        return None
    for value, small in (node.inputs, node.inputs[::-1]):
        found = _small(value, constant_value(small))
        if found is not None and value.type == node.type:
            return found
    return None


def _small(value: Node, number: float | None) -> tuple[Node, float] | None:
    return (value, number) if number is not None and 0 < number <= _SMALL else None
