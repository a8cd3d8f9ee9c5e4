"""Rewrite rules as records: what is replaced, by what, why it is equal, an example that fires.

A rule looks at one node and returns its replacement or None. `atoms` holds the ids of nodes that
must stay whole (the user's own intermediate results); a rule does not look inside them. A rule
that simplifies lowers `tidu.calculus.rewrite.measure` on its examples. It may raise it elsewhere,
so that two rules can undo each other: `Rewriter` ends all the same.

Many identities hold for real numbers only: √x² = |x|. A rule leaves complex nodes alone unless its
record says that it is right for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidu.ir.node import Node
from tidu.ir.op import Op, load_all
from tidu.ir.types import COMPLEX, TupleType
from tidu.words import Words

Atoms = Collection[int]
Purpose = Literal["simplify", "stabilise"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class RewriteRule:
    """One exact rewrite of nodes whose op is `root`."""

    name: str
    root: Op
    apply: Callable[[Node, Atoms], Node | None]
    says: Words
    source: str
    purpose: Purpose
    example: Callable[[], Sequence[Node]]
    complex: bool = False  # holds for complex numbers, on every branch
    domain: tuple[float, float] = (-2.0, 2.0)  # where the test draws the example's inputs
    # the value is calculated by another formula than the one written, and a note says so
    noted: bool = True

    def __copy__(self) -> RewriteRule:
        return self

    def __deepcopy__(self, memo: object) -> RewriteRule:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a rule by its name: it is the same object where it is read."""
        return _rule_named, (self.purpose, self.root.name, self.name)


_RULES: dict[Purpose, dict[str, list[RewriteRule]]] = {"simplify": {}, "stabilise": {}}


def rule(**facets: Any) -> RewriteRule:
    """Register a rule."""
    record = RewriteRule(**facets)
    _RULES[record.purpose].setdefault(record.root.name, []).append(record)
    return record


def rules_for(op: Op, purpose: Purpose) -> Sequence[RewriteRule]:
    """Return the rewrites of nodes of an op. A user's op may have the name of one of tidu's."""
    rules = _RULES[purpose].get(op.name, ())
    return rules if rules and rules[0].root is op else ()


def _rule_named(purpose: Purpose, root: str, name: str) -> RewriteRule:
    load_all()
    return next(record for record in _RULES[purpose][root] if record.name == name)


def all_rules() -> list[RewriteRule]:
    return [record for table in _RULES.values() for group in table.values() for record in group]


_LOOKED_INTO = 4  # how deep the expressions are that a rule matches


def holds_for(record: RewriteRule, node: Node) -> bool:
    """Tell whether a rule may be tried on a node: a rule for real numbers is not where complex ones
    stand in the expression that it may match."""
    if record.complex:
        return True
    level: Sequence[Node] = [node]
    for _ in range(_LOOKED_INTO):
        if any(not isinstance(n.type, TupleType) and n.dtype in COMPLEX for n in level):
            return False
        level = [child for n in level for child in n.inputs]
    return True
