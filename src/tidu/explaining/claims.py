"""Verdicts on what a study states, as blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidu.checking.claim_formulas import StatedFormula
from tidu.checking.named import Named
from tidu.checking.study_claims import Judgement
from tidu.document.blocks import Block, Paragraph, Section, Verdict
from tidu.document.math import Derivative, Index, Math, Number, Say, Symbol, symbol
from tidu.errors import Place, StudyError, TiduError
from tidu.explaining import phrases
from tidu.explaining.numbers import number_text, value_tree
from tidu.explaining.paths import indexed
from tidu.explaining.trees import named
from tidu.explaining.view import View
from tidu.study.claims import ClaimSubject, read_target
from tidu.words import Phrase, on_one_line, verbatim

_NUMBER = re.compile(r"-?[\d.]+(e[+-]?\d+)?|-?inf|nan")


@dataclass(frozen=True, slots=True)
class Judged:
    """One claim with its verdict. `refused`: it cannot be calculated. `here_only`: right at the
    given values, false at random ones."""

    name: Math
    holds: bool
    refused: bool = False
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
    name, stated, formula = _name(view, claim.target), None, None
    details = judgement.details
    if judgement.problem is not None:
        details = (*_reasons(judgement.problem, judgement.claim.formula is None), *details)
        if claim.formula is not None:
            formula = Say(verbatim(on_one_line(claim.formula.text)))
        else:
            stated = value_tree(np.asarray(claim.value), layout)
        return Judged(
            name, False, True, False, stated, None, formula, claim.cites, claim.group, details
        )
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
        False,
        judgement.here_only and formula is not None,
        stated,
        actual,
        formula,
        claim.cites,
        claim.group,
        details,
    )


def _on_page(view: View, phrase: Phrase) -> Phrase:
    """Return what a check says in the notation of the page: names and numbers as formulas."""

    def shown(value: object) -> object:
        if isinstance(value, Phrase):
            return _on_page(view, value)
        if isinstance(value, Named):
            return _named_tree(view, value)
        return Number(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value

    return Phrase(phrase.words, tuple((key, shown(value)) for key, value in phrase.arguments))


def _named_tree(view: View, named: Named) -> Math | str:
    """Return a quantity that a check names, as a formula; counted from 1."""
    try:
        target = read_target(named.text, Place())
    except StudyError:
        return str(named)
    node = view.derivation.named_nodes().get(target.name)
    if not named.index:
        return _name(view, target)
    if node is None or len(named.index) != node.rank:
        return str(named)
    return indexed(_name(view, target), node, named.index)


def _reasons(problem: TiduError, advised: bool) -> tuple[Phrase, ...]:
    """Return why a claim cannot be calculated, as far as this is known, and if `advised` what to
    write instead: advice on a formula is only given where it has been tried."""
    what, line = problem.what, None if problem.place is None else problem.place.line
    if line is not None:
        what = phrases.CLAIM_AT(what=what, line=line)
    advice = () if problem.fix is None or not advised else (phrases.CLAIM_FIX(fix=problem.fix),)
    return (what, *(() if problem.why is None else (problem.why,)), *advice)


def _name(view: View, target: ClaimSubject) -> Math:
    """Return the left side of a claim as it is printed."""
    if target.kind in ("step", "final", "best"):
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
def claims_section(view: View, claims: Sequence[Judged], at_random: bool = False) -> Section:
    """Return the claims in groups, and how many of them hold; `at_random`: no values were given."""
    blocks: list[Block] = [Paragraph(phrases.CLAIM_RANDOM())] if at_random else []
    groups: dict[Phrase | None, list[Block]] = {}
    for claim in claims:
        groups.setdefault(claim.group, []).append(_verdict(view, claim))
    for group, verdicts in groups.items():
        if group is None:
            blocks += verdicts
        else:
            blocks.append(Section(group, tuple(verdicts)))
    right = sum(claim.holds for claim in claims)
    blocks.append(Paragraph(phrases.SUMMARY(right=right, total=len(claims))))
    return Section(phrases.CLAIMS(), tuple(blocks), "claims")


def _verdict(view: View, claim: Judged) -> Verdict:
    text = _statement(claim)
    if claim.cites is not None:
        text = phrases.CLAIM_CITED(claim=text, cites=claim.cites)
    details = tuple(_on_page(view, detail) for detail in claim.details)
    return Verdict(claim.holds, text, details)


def _statement(claim: Judged) -> Phrase:
    if claim.refused:
        right = claim.stated if claim.formula is None else claim.formula
        return phrases.CLAIM_REFUSED(claim=phrases.CLAIM_FORMULA(name=claim.name, formula=right))
    if claim.formula is not None:
        statement = phrases.CLAIM_FORMULA(name=claim.name, formula=claim.formula)
        if claim.here_only:
            return phrases.CLAIM_HERE(claim=statement)
        return statement if claim.holds else phrases.CLAIM_FALSE(claim=statement)
    if claim.holds:
        return phrases.CLAIM_FORMULA(name=claim.name, formula=claim.stated)
    words = phrases.CLAIM_VALUE if claim.cites is None else phrases.CLAIM_SOURCE
    return words(name=claim.name, stated=claim.stated, actual=claim.actual)
