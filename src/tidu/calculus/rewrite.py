"""The rewriting engine: applies rule records bottom-up, records every rewrite, never recurses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidu.ir.build import rebuild
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.rule import Purpose, Rule, rules_for

Record = Callable[[Rule, Node, Node], None]


def _ignore(rule: Rule, before: Node, after: Node) -> None:
    return None


@dataclass
class Rewriter:
    """Rewrites nodes to their normal form and remembers what is normal already.

    `atoms` are ids of nodes that stay as they are and are not looked into.
    """

    purpose: Purpose
    atoms: set[int] = field(default_factory=set[int])
    record: Record = _ignore
    _normal: dict[int, Node] = field(default_factory=dict[int, Node])
    _replaced: dict[int, Node] = field(default_factory=dict[int, Node])
    _kept: list[Node] = field(default_factory=list[Node])  # ids are only valid while nodes live

    def normalise(self, root: Node) -> Node:
        stack = [root]
        while stack:
            node = stack[-1]
            if node.id in self._normal or node.id in self.atoms:
                stack.pop()
                continue
            waiting = [
                c for c in node.inputs if c.id not in self._normal and c.id not in self.atoms
            ]
            if waiting:
                stack.extend(waiting)
                continue
            after = self._replaced.get(node.id) or self._rewrite_once(node)
            self._kept.append(node)
            if after is node:
                self._normal[node.id] = node
            elif after.id in self._normal or after.id in self.atoms:
                self._normal[node.id] = self._normal.get(after.id, after)
            else:
                self._replaced[node.id] = after
                stack.append(after)
        return self._normal.get(root.id, root)

    def _rewrite_once(self, node: Node) -> Node:
        inputs = tuple(self._normal.get(child.id, child) for child in node.inputs)
        if inputs != node.inputs:
            return rebuild(node, inputs)
        for rule in rules_for(node.op, self.purpose):
            after = rule.apply(node, self.atoms)
            if after is not None and after is not node:
                self.record(rule, node, after)
                return after
        return node


def measure(node: Node) -> tuple[int, ...]:
    """What every simplifying rule lowers, compared from left to right:

    elements under transposes · numbers and signs under other ops · quotients · size of the tree
    (shared parts counted as often as they are reached).
    """
    return _measure(reachable([node]))


def _measure(nodes: Iterable[Node]) -> tuple[int, ...]:
    size: dict[int, int] = {}
    turned: dict[int, int] = {}
    numbers: dict[int, int] = {}
    nested: dict[int, int] = {}
    last = 0
    for node in nodes:
        inner = sum(size[c.id] for c in node.inputs)
        weight = 3 if node.op.operator == "/" else 1
        size[node.id] = weight + inner
        below = inner if node.op.role == "transpose" else 0
        turned[node.id] = below + sum(turned[c.id] for c in node.inputs)
        is_number = _is_number(node)
        numbers[node.id] = sum(numbers[c.id] for c in node.inputs) + is_number
        nested[node.id] = sum(nested[c.id] for c in node.inputs) + sum(
            numbers[c.id] for c in node.inputs
        )
        if is_number and node.inputs and not _is_number(node.inputs[0]):
            nested[node.id] += 1  # the number stands behind
        last = node.id
    return (turned[last], nested[last], size[last])


def _is_number(node: Node) -> bool:
    """A sign, or a product with a number."""
    if node.op.operator == "neg":
        return True
    return node.op.operator == "*" and any(_constant(c) for c in node.inputs)


def _constant(node: Node) -> bool:
    if node.op.loop is Loop.VIEW and len(node.inputs) == 1:
        node = node.inputs[0]
    return node.op.role == "constant"
