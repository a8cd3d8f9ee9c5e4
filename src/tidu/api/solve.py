"""`tidu.solve`: a study file to its whole working, with numbers, descent, claims and checks."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tidu.api.derivation import Derivation, line_length
from tidu.api.descend import descend
from tidu.api.options import check_sections
from tidu.api.report import Report, report
from tidu.api.run import Run, check_npz, save_arrays
from tidu.api.seen import checked, seen
from tidu.api.studies import chosen_parts, part_derivation
from tidu.backends.program import Valuation
from tidu.checking import Finding
from tidu.checking.claim_nodes import ClaimContext, StudyDescent
from tidu.checking.quotients import quotients
from tidu.checking.study_claims import judge, one_sided_gradients
from tidu.document.blocks import Block, Document, Section
from tidu.errors import InputError
from tidu.explaining.claims import Judged, judged
from tidu.explaining.descent import OneStep
from tidu.explaining.notes import readings
from tidu.explaining.numbers import Layout
from tidu.explaining.prose import paragraphs
from tidu.explaining.reasons import rules_section
from tidu.explaining.sections import brief_lines, failed, selected
from tidu.explaining.shown import shown_nodes
from tidu.explaining.signs import with_signs_explained
from tidu.explaining.study import PartResults, part_blocks
from tidu.explaining.view import Options, Writing, Zoom, view
from tidu.ir.budget import limited
from tidu.optim import StepGraph, step_graph
from tidu.optim.course import Course
from tidu.running.evaluation import run as evaluate_all
from tidu.running.instance import Instance
from tidu.running.numbers import Numbers, numbers_of
from tidu.running.samples import sample_bodies, sample_run, sample_values
from tidu.study.budget import OF_A_STUDY, check_steps
from tidu.study.part import Part, Show, Study
from tidu.study.read import load
from tidu.words import Language, Words, verbatim

_NOTHING = Words(
    en="the study makes no descent, so there are no parameters to save",
    zh="题目没有梯度下降，没有参数可以保存",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The reader's options; None leaves one to the study."""

    writing: Writing | None = None
    zoom: Zoom | None = None
    of: str | None = None
    digits: int | None = None
    only: tuple[str, ...] = ()
    brief: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PartSolution:
    """One part of a study, solved."""

    part: Part
    derivation: Derivation
    findings: tuple[Finding, ...]
    claims: tuple[Judged, ...]
    runs: Mapping[str, Run]
    blocks: tuple[Block, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A study, solved. `ok`: every gradient agrees with its numerical check."""

    study: Study
    parts: tuple[PartSolution, ...]
    report: Report

    @property
    def ok(self) -> bool:
        return all(f.kind != "differs" for part in self.parts for f in part.findings)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write what the descents reached as an NPZ archive, as `Run.save` does; of several parts
        or descents under names such as part/descent/W1.

        Raises InputError for another ending than .npz, and where there is no descent.
        """
        target, arrays = check_npz(path), dict[str, Any]()
        for solved in self.parts:
            for name, run in solved.runs.items():
                parts = [solved.part.id] * (len(self.parts) > 1) + [name] * (len(solved.runs) > 1)
                prefix = "".join(f"{part}/" for part in parts)
                arrays |= {prefix + key: array for key, array in run.arrays().items()}
        if not arrays:
            raise InputError(_NOTHING(), fix=verbatim("[[descend]]"))
        return save_arrays(target, arrays)

    def part(self, id: str) -> PartSolution:
        return next(part for part in self.parts if part.part.id == id)


@limited(OF_A_STUDY)
def solve(
    path: str | os.PathLike[str],
    *,
    lang: Language | None = None,
    writing: Writing | None = None,
    zoom: Zoom | None = None,
    of: str | None = None,
    digits: int | None = None,
    part: str | None = None,
    only: str | Sequence[str] | None = None,
    brief: bool = False,
) -> Solution:
    """Work out a study file: forward pass, gradients, update, new loss, descent, claims, checks.

    Options override what the study asks for. part: the one to solve of several. only: the sections
    to show, such as "forward,gradients"; an element asked for by zoom or of is shown alone. brief:
    one line for each gradient; claims are not judged. Raises StudyError, with file and
    line, for a study that does not follow the format, and the errors of its model and data.
    """
    chosen = check_sections(only)
    if not chosen and (of is not None or zoom == "element"):
        chosen = ("element",)
    study = load(path)
    choice = Choice(writing, zoom, of, digits, chosen, brief)
    parts = tuple(solve_part(study, each, choice) for each in chosen_parts(study, part))
    blocks: list[Block] = [] if brief else list(paragraphs(study.prose))
    for solved in parts:
        if len(parts) == 1:
            blocks += solved.blocks
        else:
            heading = solved.part.title or verbatim(solved.part.id)
            blocks.append(Section(heading, solved.blocks))
    blocks += rules_section(blocks)
    shown = selected(blocks, chosen) if chosen and not brief else tuple(blocks)
    shown = with_signs_explained(shown)
    title = verbatim("") if brief and len(parts) == 1 else study.title
    return Solution(study, parts, report(Document(title, shown), lang))


@limited(OF_A_STUDY)
def solve_part(study: Study, part: Part, choice: Choice) -> PartSolution:
    """Derive, run, descend, judge and explain one part."""
    handle = part_derivation(study, part)
    part = replace(part, show=_with(part.show, choice.only))
    shown, numbers = seen(handle, _options(part, choice))
    findings, check = checked(handle, shown, numbers)
    descents, runs = dict[str, StudyDescent](), dict[str, Run]()
    if numbers is not None:
        descents, runs = _descents(part, handle)
    if choice.brief:
        formulas = brief_lines(view(handle.core, None), line_length)
        lines = (*readings(shown), *formulas, *failed(check))
        return PartSolution(part, handle, findings, (), runs, lines)
    context = _claim_context(handle, numbers, findings, descents)
    claims = tuple(judged(shown, judgement) for judgement in judge(context, part.claims))
    results = PartResults(
        sample=_sample(handle) if part.show.recursion else None,
        quotients=quotients(handle.with_bodies(), handle.values, part.numeric) if numbers else (),
        descents={name: _course(handle, descents[name], runs[name]) for name in descents},
        claims=claims,
        claims_at_random=numbers is None,
        check=check,
    )
    return PartSolution(part, handle, findings, claims, runs, part_blocks(shown, part, results))


def _with(show: Show, only: Collection[str]) -> Show:
    """Return what a part shows, with the sections asked for that it leaves out by itself."""
    return replace(
        show,
        graph=show.graph or "graph" in only,
        closed_form=show.closed_form or "closed" in only,
        recursion=show.recursion or "recursion" in only,
    )


def _claim_context(
    handle: Derivation,
    numbers: Numbers | None,
    findings: Sequence[Finding],
    descents: Mapping[str, StudyDescent],
) -> ClaimContext:
    """Return what claims are judged by: the numbers of the part, or random ones if it has none."""
    core = handle.core
    if numbers is None:
        return ClaimContext(core, sample_values(handle), sample_bodies(handle), {}, {})
    limits = {**numbers.limits, **one_sided_gradients(core, numbers.gradients, findings)}
    return ClaimContext(numbers.derivation, handle.values, handle.bodies, descents, limits)


def _options(part: Part, choice: Choice) -> Options:
    show = part.show
    of = choice.of or (show.of[0] if show.of else None)
    zoom: Zoom = choice.zoom or ("element" if choice.of else show.zoom) or "op"
    return Options(
        choice.writing or show.writing or "delta",
        zoom,
        of,
        Layout(digits=choice.digits or show.digits or 6),
    )


def _descents(part: Part, handle: Derivation) -> tuple[dict[str, StudyDescent], dict[str, Run]]:
    """Run the descents of a part, by name or number."""
    check_steps(part, handle.core)
    known = handle.core.named_nodes()
    watch = [name for name in part.watch if name in known]
    descents: dict[str, StudyDescent] = {}
    runs: dict[str, Run] = {}
    for number, item in enumerate(part.descend, 1):
        names = item.params or tuple(handle.core.wrt)
        start = {name: handle.values[name] for name in names if name in handle.values}
        run = descend(
            handle, start, steps=item.steps, optimizer=item.rule, watch=watch, progress=False
        )
        name = item.name or str(number)
        runs[name] = run
        descents[name] = StudyDescent(item, step_graph(handle.core, item.rule), run)
    return descents, runs


def _course(handle: Derivation, descent: StudyDescent, run: Run) -> Course | OneStep:
    """Return what is shown of a descent: its course, or of a single step all numbers."""
    return _one_step(handle, descent.step, run) if descent.asked.steps == 1 else descent.run


def _one_step(handle: Derivation, step: StepGraph, run: Run) -> OneStep:
    """Return all numbers of a step, and those of the program with the new parameters."""
    values = {**handle.values, **step.hyper_values(), **step.initial_states(handle.values)}
    numbers = evaluate_all(step.graph.outputs, values, handle.bodies)
    moved = Instance(handle.core, {**handle.values, **run.parameters}, handle.bodies)
    return OneStep(step, numbers, numbers_of(moved, shown_nodes(moved.core)).valuation)


def _sample(handle: Derivation) -> Valuation:
    return sample_run(handle, sample_bodies(handle), shown_nodes(handle.core))
