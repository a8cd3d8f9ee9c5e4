"""Verdicts on what a study states, as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidu.document.blocks import Block, Paragraph, Section, Verdict
from tidu.document.math import Math
from tidu.explaining import phrases
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


def claims_section(judged: Sequence[Judged], at_random: bool = False) -> Section:
    """Return the claims in groups, and how many of them hold; `at_random`: no values were given."""
    blocks: list[Block] = [Paragraph(phrases.CLAIM_RANDOM())] if at_random else []
    groups: dict[Phrase | None, list[Block]] = {}
    for claim in judged:
        groups.setdefault(claim.group, []).append(_verdict(claim))
    for group, verdicts in groups.items():
        if group is None:
            blocks += verdicts
        else:
            blocks.append(Section(group, tuple(verdicts)))
    right = sum(claim.holds for claim in judged)
    blocks.append(Paragraph(phrases.SUMMARY(right=right, total=len(judged))))
    return Section(phrases.CLAIMS(), tuple(blocks))


def _verdict(claim: Judged) -> Verdict:
    text = _statement(claim)
    if claim.cites is not None:
        text = phrases.CLAIM_CITED(claim=text, cites=claim.cites)
    return Verdict(claim.holds, text, claim.details)


def _statement(claim: Judged) -> Phrase:
    if claim.formula is not None:
        said = phrases.CLAIM_FORMULA(name=claim.name, formula=claim.formula)
        if claim.here_only:
            return phrases.CLAIM_HERE(claim=said)
        return said if claim.holds else phrases.CLAIM_FALSE(claim=said)
    if claim.holds:
        return phrases.CLAIM_FORMULA(name=claim.name, formula=claim.stated)
    words = phrases.CLAIM_VALUE if claim.cites is None else phrases.CLAIM_SOURCE
    return words(name=claim.name, stated=claim.stated, actual=claim.actual)
