"""A part of a study as blocks: what it asks to see, with everything that was calculated for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidu.backends.program import Valuation
from tidu.checking.quotients import Quotient
from tidu.document.blocks import Block
from tidu.explaining.claims import Judged, claims_section
from tidu.explaining.closed import closed_section, short_section
from tidu.explaining.descent import OneStep, descent_sections
from tidu.explaining.element import element_sections
from tidu.explaining.layers import figure_section, layer_sections
from tidu.explaining.notes import nothing_derived, notice_section, readings
from tidu.explaining.prose import paragraphs
from tidu.explaining.quotients import numeric_section
from tidu.explaining.recursion import recursion_section
from tidu.explaining.view import View
from tidu.explaining.working import forward_section, given_section, working
from tidu.optim.course import Course
from tidu.study.part import Part


@dataclass(frozen=True, slots=True, eq=False)
class PartResults:
    """The results of a part beside the numbers of its view.

    sample: a run for the index form, where it is asked for. quotients: those asked for. descents:
    by name. claims: with their verdicts, at random values where the part gives none. check: the
    section of the numerical check.
    """

    sample: Valuation | None
    quotients: Sequence[Quotient]
    descents: Mapping[str, Course | OneStep]
    claims: Sequence[Judged]
    claims_at_random: bool
    check: Sequence[Block]


def part_blocks(view: View, part: Part, results: PartResults) -> tuple[Block, ...]:
    """Return how the part was read, its prose, working, descents, notes, claims and checks."""
    blocks: list[Block] = [*readings(view), *paragraphs(part.prose), *_working(view)]
    if part.show.graph:
        blocks.append(figure_section(view))
    if part.show.closed_form:
        blocks.append(closed_section(view))
    if results.sample is not None:
        blocks += recursion_section(view, results.sample)
    if results.quotients:
        blocks.append(numeric_section(view, results.quotients))
    blocks += descent_sections(view, results.descents)
    blocks += notice_section(view)
    if results.claims:
        blocks.append(claims_section(view, results.claims, results.claims_at_random))
    return (*blocks, *results.check)


def _working(view: View) -> tuple[Block, ...]:
    match view.options.zoom:
        case "layer":
            return layer_sections(view)
        case "element":
            return element_sections(view)
        case _ if not view.derivation.wrt:
            return given_section(view), forward_section(view), nothing_derived(view)
        case _:
            return (*working(view), *short_section(view))
