"""Functions of one operand that are calculated together, since nearly all their work is the same.

tanh x and 1 − tanh² x, σ(x) and 1 − σ(x): the way forward reads the first, the way back the other.
The second is stored where the first is, while the exponential is at hand. Without the table the
values are the same but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

from tidu.backends.native.schedule.expression import Expression, ScalarCall, walk
from tidu.backends.scalar import Tree, parse, scalar_tree
from tidu.ir.node import Node

Part = TypeVar("Part", Node, Expression)

# By their expressions: the name of the elementary function that gives both.
TOGETHER: Mapping[tuple[Tree, Tree], str] = {
    (
        parse("tanh(x)"),
        parse("4 * exp(-2 * fabs(x)) / ((1 + exp(-2 * fabs(x))) * (1 + exp(-2 * fabs(x))))"),
    ): "tanh_and_rest",
    (
        parse("exp(fmin(x, 0)) / (1 + exp(-fabs(x)))"),
        parse("exp(fmin(-x, 0)) / (1 + exp(-fabs(x)))"),
    ): "sigmoid_and_rest",
}
_TREES = frozenset(tree for pair in TOGETHER for tree in pair)


@dataclass(frozen=True, slots=True)
class FusedPair(Generic[Part]):
    """Two values, and the function that gives both from their operand."""

    name: str
    first: Part
    second: Part


def pairs_of(nodes: Iterable[Node]) -> list[FusedPair[Node]]:
    """Return the pairs among nodes."""
    candidates = {
        (tree, node.inputs[0].id, node.dtype): node
        for node in nodes
        if len(node.inputs) == 1 and (tree := scalar_tree(node)) in _TREES
    }
    return _paired(candidates)


def pairs_within(roots: Iterable[Expression]) -> list[FusedPair[Expression]]:
    """Return the pairs among the parts of expressions."""
    candidates: dict[tuple[Tree, int, str], Expression] = {
        (part.tree, id(part.operands["x"]), part.work): part
        for part in walk(roots)
        if isinstance(part, ScalarCall) and part.tree in _TREES
    }
    return _paired(candidates)


def _paired(candidates: Mapping[tuple[Tree, int, str], Part]) -> list[FusedPair[Part]]:
    return [
        FusedPair(name, candidates[one, operand, kind], candidates[two, operand, kind])
        for (one, two), name in TOGETHER.items()
        for tree, operand, kind in candidates
        if tree == one and (two, operand, kind) in candidates
    ]


def stored_with(nodes: Iterable[Node], stored: Set[int]) -> set[int]:
    """Return the ids of what is to have a buffer since the other of its pair has one."""
    return {pair.second.id for pair in pairs_of(nodes) if pair.first.id in stored}
