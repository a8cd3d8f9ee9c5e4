"""Verdicts on what a study states, as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidu.checking.claim_formulas import StatedFormula
from tidu.checking.study_claims import Judgement
from tidu.document.blocks import Block, Paragraph, Section, Verdict
from tidu.document.math import Derivative, Index, Math, Number, Say, Symbol, symbol
from tidu.explaining import phrases
from tidu.explaining.numbers import number_text, value_tree
from tidu.explaining.paths import indexed
from tidu.explaining.trees import named
from tidu.explaining.view import View
from tidu.study.claims import ClaimSubject
from tidu.words import Phrase


@dataclass(frozen=True, slots=True)
class Judged:
    """One claim with its verdict. `here_only`: right at the given values, false at random ones."""

    name: Math
    holds: bool
    here_only: bool = False
    stated: Math | Phrase | None = None
    actual: Math | None = None
    formula: Math | None = None
    cites: Phrase | None = None
    group: Phrase | None = None
    details: tuple[Phrase, ...] = ()


# ------------------------------------------------------------------ verdicts as formulas
def judged(view: View, judgement: Judgement) -> Judged:
    """Return a verdict with its left side, what is stated and what was calculated as formulas."""
    claim, finding, layout = judgement.claim, judgement.finding, view.options.layout
    actual = None if judgement.actual is None else value_tree(judgement.actual, layout)
    name, stated, formula = _name(view, judgement), None, None
    details = judgement.details
    if judgement.formula is not None:
        formula = _formula_tree(view, judgement.formula)
        if judgement.losses is not None:
            false, right = (Number(f"{loss:.4f}") for loss in judgement.losses)
            details = (*details, phrases.CLAIM_WOULD(stated=false, right=right))
    elif judgement.target is None or finding.expected is None or finding.index is None:
        stated = value_tree(np.asarray(claim.value), layout)
    else:  # the statement itself says what is stated and what was calculated
        details = tuple(d for d in details if d not in finding.details[:1])
        values = np.asarray(claim.value)
        wrong = float(values.reshape(-1)[0]) if finding.stated is None else finding.stated
        stated, actual = Number(number_text(wrong)), Number(number_text(finding.expected))
        name = name if values.size == 1 else indexed(name, judgement.target, finding.index)
    return Judged(
        name,
        judgement.holds,
        judgement.here_only and formula is not None,
        stated,
        actual,
        formula,
        claim.cites,
        claim.group,
        details,
    )


def _name(view: View, judgement: Judgement) -> Math:
    """Return the left side of a claim as it is printed."""
    target = judgement.claim.target
    if judgement.target is None:
        return _course_name(view, target)
    node = view.derivation.named_nodes().get(target.name)
    forward = view.names.forward
    name: Math = forward[node] if node is not None and node in forward else symbol(target.name)
    if target.index:
        name = Index(name, tuple(Number(str(i)) for i in target.index))
    if target.kind == "gradient":
        top = symbol(target.output) if target.output else view.names.loss
        return Derivative(top, name, view.total())
    if target.kind == "new" and isinstance(name, Symbol):
        return Symbol(name.base, name.sub, "new")
    return name


def _course_name(view: View, target: ClaimSubject) -> Math:
    """Return the left side of a claim about a step of the descent, in words."""
    if target.name == "step":
        return Say(phrases.BEST_STEP())
    name = view.names.loss if target.name == "loss" else symbol(target.name)
    if target.kind == "step":
        return Say(phrases.AT_STEP(name=name, step=target.step))
    words = phrases.AT_BEST if target.kind == "best" else phrases.AT_END
    return Say(words(name=name))


def _formula_tree(view: View, formula: StatedFormula) -> Math:
    """Return a formula as its author wrote it, with dL_dW shown as ∂L/∂W."""
    return named(
        formula.written, {node: _symbol(view, name) for name, node in formula.inputs.items()}
    )


def _symbol(view: View, name: str) -> Math:
    loss = view.derivation.loss_name
    parameter = name.removeprefix(f"d{loss}_d")
    if parameter == name:
        return symbol(name)
    return Derivative(symbol(loss), symbol(parameter), view.total())


# ------------------------------------------------------------------ blocks
def claims_section(claims: Sequence[Judged], at_random: bool = False) -> Section:
    """Return the claims in groups, and how many of them hold; `at_random`: no values were given."""
    blocks: list[Block] = [Paragraph(phrases.CLAIM_RANDOM())] if at_random else []
    groups: dict[Phrase | None, list[Block]] = {}
    for claim in claims:
        groups.setdefault(claim.group, []).append(_verdict(claim))
    for group, verdicts in groups.items():
        if group is None:
            blocks += verdicts
        else:
            blocks.append(Section(group, tuple(verdicts)))
    right = sum(claim.holds for claim in claims)
    blocks.append(Paragraph(phrases.SUMMARY(right=right, total=len(claims))))
    return Section(phrases.CLAIMS(), tuple(blocks), "claims")


def _verdict(claim: Judged) -> Verdict:
    text = _statement(claim)
    if claim.cites is not None:
        text = phrases.CLAIM_CITED(claim=text, cites=claim.cites)
    return Verdict(claim.holds, text, claim.details)


def _statement(claim: Judged) -> Phrase:
    if claim.formula is not None:
        statement = phrases.CLAIM_FORMULA(name=claim.name, formula=claim.formula)
        if claim.here_only:
            return phrases.CLAIM_HERE(claim=statement)
        return statement if claim.holds else phrases.CLAIM_FALSE(claim=statement)
    if claim.holds:
        return phrases.CLAIM_FORMULA(name=claim.name, formula=claim.stated)
    words = phrases.CLAIM_VALUE if claim.cites is None else phrases.CLAIM_SOURCE
    return words(name=claim.name, stated=claim.stated, actual=claim.actual)
