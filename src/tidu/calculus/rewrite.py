"""The rewriting engine: applies rule records bottom-up, records every rewrite, never recurses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import tidu.rewriting  # noqa: F401  # pyright: ignore[reportUnusedImport]  (registers the rules)
from tidu.ir.body import Body
from tidu.ir.build import apply, rebuild
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.rule import Purpose, RewriteRule, holds_for, rules_for
from tidu.ops.numbers import constant_value

Record = Callable[[RewriteRule, Node, Node], None]


def _ignore(rule: RewriteRule, before: Node, after: Node) -> None:
    return None


def any_rewrite(before: Node, after: Node) -> bool:
    """Return True: every rewrite that a rule proposes is wanted."""
    return True


_STEPS = 1_000  # that one node of the given expression may take to its normal form,
_STEPS_EACH = 60  # and for each node under it


@dataclass
class Rewriter:
    """Rewrites nodes to their normal form and remembers what is normal already.

    It ends whatever the rules are: no node is rewritten to one that is being rewritten itself, so
    that two rules which undo each other stop where the second would lead back to the first; and one
    node takes a limited number of steps, so that a rule which makes an expression longer and longer
    stops too. What stands then stays as it is, which has the same value.

    `atoms` are ids of nodes that stay as they are and are not looked into. `allows` tells whether a
    rewrite that a rule proposes is wanted.
    """

    purpose: Purpose
    atoms: set[int] = field(default_factory=set[int])
    record: Record = _ignore
    allows: Callable[[Node, Node], bool] = any_rewrite
    _normal: dict[int, Node] = field(default_factory=dict[int, Node])
    _replaced: dict[int, Node] = field(default_factory=dict[int, Node])
    _open: set[int] = field(default_factory=set[int])  # nodes that are being rewritten
    _origin: dict[int, Node] = field(default_factory=dict[int, Node])  # whose rewriting made a node
    _steps: Counter[int] = field(default_factory=Counter[int])  # of an origin
    _limits: dict[int, int] = field(default_factory=dict[int, int])  # where it took many
    _bodies: dict[Body, Body] = field(default_factory=dict[Body, Body])
    _kept: list[Node] = field(default_factory=list[Node])  # ids are only valid while nodes live

    def normalise(self, root: Node) -> Node:
        stack = [root]
        while stack:
            node = stack[-1]
            if self._done(node):
                self._open.discard(stack.pop().id)
                continue
            self._open.add(node.id)
            waiting = [c for c in node.inputs if not self._done(c) and c.id not in self._open]
            if waiting:
                self._made(node, waiting)
                stack.extend(waiting)
                continue
            after = self._replaced.get(node.id) or self._rewrite_once(node)
            self._kept.append(node)
            if after is node:
                self._normal[node.id] = node
            elif self._done(after):
                self._normal[node.id] = self._normal.get(after.id, after)
            else:
                self._replaced[node.id] = after
                self._made(node, [after])
                stack.append(after)
        return self._normal.get(root.id, root)

    def _done(self, node: Node) -> bool:
        return node.id in self._normal or node.id in self.atoms

    def _made(self, node: Node, inputs: list[Node]) -> None:
        """Note what rewriting a node leads to: its operands are part of the given expression,
        unless it was made itself."""
        origin = self._origin.get(node.id)
        if origin is None and inputs[0] is self._replaced.get(node.id):
            origin = node
        if origin is not None:
            for each in inputs:
                self._origin.setdefault(each.id, origin)

    def _rewrite_once(self, node: Node) -> Node:
        inputs = tuple(self._normal.get(child.id, child) for child in node.inputs)
        if inputs != node.inputs:
            after = rebuild(node, inputs)
            return node if after.id in self._open else after
        if node.op.body is not None and self.purpose == "stabilise":
            inner = self._inside(node.attrs[node.op.body])
            if inner is not node.attrs[node.op.body]:
                return apply(node.op, *inputs, **{**node.attrs, node.op.body: inner})
        for rule in rules_for(node.op, self.purpose):
            after = rule.apply(node, self.atoms) if holds_for(rule, node) else None
            if after is None or after is node or after.type != node.type:
                continue
            if self.allows(node, after) and self._leads_on(node, after):
                self.record(rule, node, after)
                return after
        return node

    def _leads_on(self, node: Node, after: Node) -> bool:
        """Tell whether a replacement may be taken; see above."""
        origin = self._origin.get(node.id, node)
        if after.id in self._open:
            return False
        if self._steps[origin.id] >= self._limits.get(origin.id, _STEPS):
            self._limits[origin.id] = _STEPS + _STEPS_EACH * len(reachable([origin]))
            if self._steps[origin.id] >= self._limits[origin.id]:
                return False
        self._steps[origin.id] += 1
        return True

    def _inside(self, body: Body) -> Body:
        """Return a body as it runs: rewritten once, however often it is called. (A derived body is
        simplified when it is made, around the lines of the body that it comes from.)"""
        if body not in self._bodies:
            inner = Rewriter(self.purpose, set(), self.record)
            after = body.mapped(lambda nodes: [inner.normalise(node) for node in nodes])
            self._bodies[body] = self._bodies[after] = after
        return self._bodies[body]


def measure(node: Node) -> tuple[int, ...]:
    """Return what simplifying rules lower, as their examples show, compared from left to right:

    size under transposes · quotients · sums · size · numbers and signs under other ops · signs.
    Counted in the tree: shared parts as often as they are reached. Constants have no size.
    """
    counts: dict[int, _Counts] = {}
    last = node
    for last in reachable([node]):
        counts[last.id] = _count(last, [counts[c.id] for c in last.inputs])
    count = counts[last.id]
    return (count.transposes, count.quotients, count.sums, count.size, count.nested, count.signs)


@dataclass(frozen=True, slots=True)
class _Counts:
    transposes: int
    quotients: int
    sums: int
    numbers: int
    nested: int
    signs: int
    size: int


def _count(node: Node, below: list[_Counts]) -> _Counts:
    symbol = node.op.operator
    if _constant(node):
        return _Counts(0, 0, 0, 0, 0, int(_is_negative(node)), 0)
    size = sum(c.size for c in below)
    numbers = sum(c.numbers for c in below)
    first = node.inputs[0] if node.inputs else node
    number_last = symbol == "*" and _is_number(node) and not _single(first)
    return _Counts(
        transposes=sum(c.transposes for c in below) + (size if _turns(node) else 0),
        quotients=sum(c.quotients for c in below) + (symbol == "/"),
        sums=sum(c.sums for c in below) + (symbol in ("+", "-")),
        numbers=numbers + _is_number(node),
        nested=sum(c.nested for c in below) + numbers + number_last,
        signs=sum(c.signs for c in below) + (symbol == "neg"),
        size=size + _weight(node),
    )


def _turns(node: Node) -> bool:
    """Tell whether a node is a transpose, or a row times a matrix, which is written Aᵀx."""
    if node.op.loop is Loop.CONTRACT and node.op.operator is not None:
        left, right = node.inputs
        return left.rank == 1 and right.rank > 1
    return node.op.role == "transpose"


def _weight(node: Node) -> int:
    """Return what an op counts for beside its operands: roughly what it costs to read and to
    run."""
    if node.op.loop is Loop.CONTRACT:
        return 5
    if node.op.loop is Loop.SCATTER and _single(node.inputs[0]):  # of c: c times one of ones
        return 1 if constant_value(node.inputs[0]) == 1.0 else 4
    broadcasts = node.op.role == "broadcast" and node.inputs[0].rank > 0
    if node.op.loop is Loop.REDUCE:
        return 3
    return 2 if broadcasts or node.op.operator == "*" else 1


def _is_number(node: Node) -> bool:
    """Tell whether a node is a negation or a product with a number."""
    if node.op.operator == "neg":
        return True
    return node.op.operator == "*" and any(_single(c) for c in node.inputs)


def _single(node: Node) -> bool:
    """Tell whether a node is one number for all elements: constant, made of named sizes, or
    broadcast."""
    broadcast = node.op.role == "broadcast" and not node.inputs[0].rank
    return broadcast or _constant(node) or _sized(node)


def _constant(node: Node) -> bool:
    return _bare(node).op.role == "constant"


def _sized(node: Node) -> bool:
    """Tell whether a node is a number made of named sizes, such as 1/n."""
    bare = _bare(node)
    return bare.rank == 0 and all(
        part.inputs or part.op.role in ("constant", "size") for part in reachable([bare])
    )


def _is_negative(node: Node) -> bool:
    array = _bare(node).attrs["value"].array
    return array.size == 1 and array.dtype.kind in "fc" and complex(array.item()).real < 0


def _bare(node: Node) -> Node:
    """Return the operand below broadcasts and other views."""
    return node.inputs[0] if node.op.loop is Loop.VIEW and len(node.inputs) == 1 else node
