"""Case distinctions of piecewise derivatives, and the case that the data fall into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.document.math import Cases, Math, Relation
from tidu.explaining import phrases
from tidu.explaining.rows import PLUS_MINUS_ONE, is_sign
from tidu.explaining.trees import compare_sides, expression_nodes, operand
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.ir.op import Case
from tidu.words import Phrase

_WITH_EQUAL = {">": "≥", "<": "≤"}


def case_remarks(view: View, gradient: Node) -> list[Phrase]:
    """Return for each piecewise derivative in a formula its case distinction and the case that
    holds."""
    remarks: list[Phrase] = []
    for node in expression_nodes(gradient, view.atoms.__contains__):
        if node.op.cases is None or (node in view.atoms and node is not gradient):
            continue
        operands = [operand(child, view.atoms) for child in node.inputs]
        rows = tuple(
            (case.value, compare_sides(case.condition))
            for case in merged(node.op.cases(node, *operands))
        )
        parts: tuple[Math, ...] = (node.op.notation(node, *operands), Cases(rows))
        if view.options.writing == "chain" and is_sign(node):
            parts = (PLUS_MINUS_ONE, *parts)
        distinction: Math = Relation(parts, ("=",) * (len(parts) - 1))
        case_here = _case_here(view, node)
        remarks.append(
            phrases.FORMULA_ALONE(tree=distinction)
            if case_here is None
            else phrases.CASES(whole=distinction, here=case_here)
        )
    return remarks


def merged(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return cases with the boundary merged into the side that has its value: x < 0 and x = 0
    become x ≤ 0."""
    kept = list(cases)
    for boundary in [case for case in kept if _sign(case) == "="]:
        for i, side in enumerate(kept):
            if (
                side.value == boundary.value
                and _sign(side) in _WITH_EQUAL
                and _same(side, boundary)
            ):
                kept[i] = _joined(side, boundary)
                kept.remove(boundary)
                break
    return tuple(kept)


def _sign(case: Case) -> str:
    condition = case.condition
    return (
        condition.operators[0]
        if isinstance(condition, Relation) and len(condition.parts) == 2
        else ""
    )


def _same(side: Case, boundary: Case) -> bool:
    one, other = side.condition, boundary.condition
    return isinstance(one, Relation) and isinstance(other, Relation) and one.parts == other.parts


def _joined(side: Case, boundary: Case) -> Case:
    assert isinstance(side.condition, Relation)
    condition = Relation(side.condition.parts, (_WITH_EQUAL[_sign(side)],))
    return Case(side.value, condition, _either(side.holds, boundary.holds))


def _either(one: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays: one(*arrays) | other(*arrays)


def _case_here(view: View, node: Node) -> Phrase | None:
    """Return the case that holds for the data, in numbers where all elements fall into one case."""
    if view.valuation is None or any(child not in view.valuation for child in node.inputs):
        return None
    arrays = [np.asarray(view.valuation[child]) for child in node.inputs]

    def in_numbers(n: Node) -> bool:
        return n in view.atoms and view.whole_value(n) is not None

    numbers: list[Math] = []
    for child in node.inputs:
        parts = expression_nodes(child, in_numbers)
        values = {n: value for n in parts if n in view.atoms and (value := view.whole_value(n))}
        numbers.append(operand(child, values))
    assert node.op.cases is not None
    counts: list[Phrase] = []
    for case in merged(node.op.cases(node, *numbers)):
        holds = np.asarray(case.holds(*arrays))
        if holds.size == 1 and holds.all():
            return phrases.CASE_HOLDS(condition=compare_sides(case.condition), value=case.value)
        if holds.size and holds.all():
            return phrases.CASE_ALL(value=case.value)
        if holds.any():
            count = int(holds.sum())
            words = phrases.CASE_COUNTS_ONE if count == 1 else phrases.CASE_COUNTS
            counts.append(words(value=case.value, count=count))
    if not counts:
        return None
    total = int(np.broadcast(*arrays).size)
    return phrases.CASES_HOLD(total=total, counts=phrases.join(counts))
