"""Rewrite rules as records: what is replaced, by what, why it is equal, an example that fires.

A rule looks at one node and returns its replacement or None. `atoms` holds the ids of nodes that
must stay whole (the user's own intermediate results); a rule does not look inside them. Each rule
lowers `tidu.calculus.rewrite.measure`, so rewriting ends; a test proves it on the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.words import Words

Atoms = Collection[int]
Purpose = Literal["simplify", "stabilise"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Rule:
    """One exact rewrite of nodes whose op is `root`."""

    name: str
    root: Op
    apply: Callable[[Node, Atoms], Node | None]
    says: Words
    source: str
    purpose: Purpose
    example: Callable[[], Sequence[Node]]
    domain: tuple[float, float] = (-2.0, 2.0)  # where the test draws the example's inputs


_RULES: dict[Purpose, dict[str, list[Rule]]] = {"simplify": {}, "stabilise": {}}


def rule(**facets: Any) -> Rule:
    """Register a rule."""
    record = Rule(**facets)
    _RULES[record.purpose].setdefault(record.root.name, []).append(record)
    return record


def rules_for(op: Op, purpose: Purpose) -> Sequence[Rule]:
    return _RULES[purpose].get(op.name, ())


def all_rules() -> list[Rule]:
    return [record for table in _RULES.values() for group in table.values() for record in group]
