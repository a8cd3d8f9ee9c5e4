"""Findings of the numerical check as blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidu.checking.at_random import RandomPoint
from tidu.checking.finding import Finding, KinkFacts
from tidu.document.blocks import Block, Paragraph, Section, Verdict
from tidu.document.math import Derivative, Math, Number, symbol
from tidu.explaining import phrases
from tidu.explaining.numbers import number_text
from tidu.explaining.view import View
from tidu.words import Phrase, Words


def check_section(
    view: View, findings: Sequence[Finding], point: RandomPoint | None = None
) -> Section:
    """Return one verdict a gradient: how it was checked and how well it agrees; `point`: at which
    random values, where none are given."""
    verdicts = tuple(_verdict(_gradient(view, f.subject), f) for f in findings)
    return Section(phrases.CHECKED(), (*random_point(point), *verdicts), "check")


def second_verdict(name: Math, finding: Finding) -> Block:
    """Return how a second derivative agrees with the slopes of the gradient."""
    return _verdict(name, finding, phrases.OF_GRADIENT)


def unchecked_section() -> Section:
    """Return that no values were found at which a derivation without values can be checked."""
    return Section(phrases.CHECKED(), (Paragraph(phrases.NO_POINT()),), "check")


def random_point(point: RandomPoint | None) -> list[Block]:
    """Return at what random values it was checked, where none are given."""
    if point is None:
        return []
    sizes = [phrases.SIZE(name=symbol(n), size=size) for n, size in point.sizes.items()]
    said = phrases.AT_SIZES(sizes=phrases.join(sizes)) if sizes else phrases.AT_RANDOM()
    blocks: list[Block] = [Paragraph(said)]
    if point.functions:
        blocks.append(Paragraph(phrases.EXAMPLES(names=", ".join(sorted(point.functions)))))
    return blocks


def _verdict(gradient: Math | str, finding: Finding, of: Words | None = None) -> Block:
    method = phrases.METHODS[finding.method]()
    if of is not None:
        method = of(method=method)
    match finding.kind:
        case "agrees":
            text = phrases.AGREES(gradient=gradient, method=method, error=_error(finding.error))
            return Verdict(True, text)
        case "differs":
            text = phrases.DIFFERS(
                gradient=gradient,
                method=method,
                stated=_number(finding.stated),
                expected=_number(finding.expected),
            )
            return Verdict(False, text, finding.details)
        case "kink" if finding.kink is not None:
            facts = finding.kink
            if math.isnan(facts.left) or math.isnan(facts.right):
                return Verdict(True if facts.inside else None, _edge(gradient, facts))
            text = phrases.AT_KINK(
                gradient=gradient,
                left=_number(facts.left),
                right=_number(facts.right),
                used=_number(facts.used),
            )
            return Verdict(True if facts.inside else None, text)
        case _:
            return Verdict(None, phrases.NOT_DECIDED(gradient=gradient), finding.details)


def _edge(gradient: Math | str, facts: KinkFacts) -> Phrase:
    """Return the note for a point at which the loss has values on one side only."""
    slope = facts.right if math.isnan(facts.left) else facts.left
    return phrases.AT_EDGE(gradient=gradient, slope=_number(slope), used=_number(facts.used))


def _gradient(view: View, name: str) -> Math | str:
    node = view.derivation.wrt.get(name)
    if node is None:
        return name
    if view.derivation.upstream is not None:
        return Derivative(view.names.forward[view.derivation.result], view.names.forward[node])
    return view.parameter_gradient(node)


def _number(value: float | None) -> Math | str:
    return "–" if value is None else Number(number_text(value))


def _error(value: float) -> Phrase | str:
    return "0" if value == 0 else f"{value:.1e}"
