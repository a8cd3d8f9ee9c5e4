"""Findings of the numerical check as blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidu.checking.finding import Finding, KinkFacts
from tidu.document.blocks import Block, Section, Verdict
from tidu.document.math import Math, Number
from tidu.explaining import phrases
from tidu.explaining.numbers import number_text
from tidu.explaining.view import View
from tidu.words import Phrase


def check_section(view: View, findings: Sequence[Finding]) -> Section:
    """Return one verdict a gradient: how it was checked and how well it agrees."""
    return Section(
        phrases.CHECKED(), tuple(_verdict(view, finding) for finding in findings), "check"
    )


def _verdict(view: View, finding: Finding) -> Block:
    gradient = _gradient(view, finding.subject)
    method = phrases.METHODS[finding.method]
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
    return name if node is None else view.parameter_gradient(node)


def _number(value: float | None) -> Math | str:
    return "–" if value is None else Number(number_text(value))


def _error(value: float) -> Phrase | str:
    return "0" if value == 0 else f"{value:.1e}"
