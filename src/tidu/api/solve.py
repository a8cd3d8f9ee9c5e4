"""`tidu.solve`: a study file to its whole working, with numbers, descent, claims and checks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.api.derivation import Derivation, Numbers
from tidu.api.descend import descend
from tidu.api.report import Report, report
from tidu.api.run import Run
from tidu.api.samples import probe, sample_bodies, sample_run, sample_values
from tidu.backends.budget import work_of
from tidu.backends.numpy import evaluate
from tidu.backends.program import Valuation
from tidu.calculus.derivation import derive_graph
from tidu.calculus.settings import with_kinks
from tidu.checking import Finding, verify
from tidu.checking.claim_nodes import Descent, Setting
from tidu.checking.study_claims import judge
from tidu.document.blocks import Block, Document, Section
from tidu.errors import StudyError
from tidu.explaining.claims import Judged, claims_section, judged
from tidu.explaining.closed import closed_section
from tidu.explaining.descent import Descended, again_section, table_section, update_section
from tidu.explaining.element import element_sections
from tidu.explaining.layers import figure_section, layer_sections
from tidu.explaining.notes import notice_section, readings
from tidu.explaining.numbers import Layout
from tidu.explaining.numeric import Quotient, numeric_section
from tidu.explaining.paths import value_of
from tidu.explaining.prose import paragraphs
from tidu.explaining.recursion import recursion_section
from tidu.explaining.verdicts import check_section
from tidu.explaining.view import Options, View, Writing, Zoom, view
from tidu.explaining.working import working
from tidu.ir.budget import ELEMENTS, GROWTH, MEMORY, STEPS, WORK, grouped, limited
from tidu.ir.node import Node, reachable
from tidu.ir.types import shape_text
from tidu.optim import StepGraph, step_graph
from tidu.running.evaluation import run as evaluate_all
from tidu.study.descend import Descend
from tidu.study.model import model_source
from tidu.study.part import Part, Study
from tidu.study.read import load
from tidu.study.values import given_values
from tidu.words import Language, Words, verbatim

_NO_ENTRY = Words(
    en="{name} has shape {shape}: this is not one of its entries",
    zh="{name} 的形状是 {shape}，这不是它的一个元素",
)
_LONG = Words(
    en="{steps} steps of this descent need about {need} multiplications and additions",
    zh="这一梯度下降的 {steps} 步约需 {need} 次乘加运算",
)


# A study may be anyone's, and is opened without a thought.
OF_A_STUDY = {ELEMENTS: 10**6, GROWTH: 10, STEPS: 200, WORK: 4 * 10**9, MEMORY: 2**27}
PER_STEP = 8_000  # multiplications and the like, in the time that a step takes beside its own


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader asks for; None leaves it to the study."""

    writing: Writing | None = None
    zoom: Zoom | None = None
    of: str | None = None
    digits: int | None = None


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
) -> Solution:
    """Work out a study file: forward pass, gradients, update, new loss, descent, claims, checks.

    Options override what the study asks for. Raises StudyError, with file and line, for a study
    that does not follow the format, and the errors of its model and data.
    """
    study = load(path)
    choice = Choice(writing, zoom, of, digits)
    parts = tuple(solve_part(study, part, choice) for part in study.parts)
    title = study.title
    blocks: list[Block] = list(paragraphs(study.prose))
    for solved in parts:
        if len(parts) == 1:
            blocks += solved.blocks
        else:
            heading = solved.part.title or verbatim(solved.part.id)
            blocks.append(Section(heading, solved.blocks))
    return Solution(study, parts, report(Document(title, tuple(blocks)), lang))


@limited(OF_A_STUDY)
def solve_part(study: Study, part: Part, choice: Choice) -> PartSolution:
    """Derive, run, descend, judge and explain one part."""
    handle = _derivation(study, part, None)
    arrays = dict(handle.values)
    numbers, core = handle.settled_numbers() if handle.has_numbers() else (None, handle.core)
    bodies = sample_bodies(handle)
    options = _options(part, choice)
    elements = probe(handle, bodies) if options.zoom == "element" else None
    shown = view(core, numbers and numbers.valuation, options, elements, bodies)
    findings: tuple[Finding, ...] = ()
    if numbers is not None:
        findings = verify(handle.with_bodies(), arrays, gradients=numbers.gradients)
    steps = {} if numbers is None else _descents(part, handle)
    limits = {} if numbers is None else {**numbers.limits, **_slopes(handle, findings, numbers)}
    setting, at_random = _setting(shown, handle, steps, limits)
    claims = tuple(judged(shown, judgement) for judgement in judge(setting, part.claims))
    blocks = [
        *readings(shown),
        *paragraphs(part.prose),
        *_working(part, shown, handle),
        *_numeric(part, shown, handle),
        *_descent_sections(shown, handle, steps),
        *notice_section(shown),
        *((claims_section(claims, at_random),) if claims else ()),
        *((check_section(shown, findings),) if findings else ()),
    ]
    runs = {name: run for name, (_, _, run) in steps.items()}
    return PartSolution(part, handle, findings, claims, runs, tuple(blocks))


def _derivation(study: Study, part: Part, wrt: str | None) -> Derivation:
    """Return one part's gradients, by what the study asks for unless `wrt` names other inputs."""
    values = given_values(study, part)
    source = model_source(study, part, values)
    graph = with_kinks(source.graph, part.kinks)
    parameters = [name for name in part.wrt if name in graph.inputs] or list(source.parameters)
    if wrt is not None:
        parameters = [name.strip() for name in wrt.split(",")]
    core = derive_graph(
        graph, parameters, output=part.output or source.loss, as_written=part.as_written
    )
    arrays: dict[str, Any] = {
        n: a for n, a in {**source.values, **values.arrays}.items() if n in graph.inputs
    }
    return Derivation(core, arrays, source.bodies)


@limited(OF_A_STUDY)
def study_derivations(
    path: str | os.PathLike[str], wrt: str | None = None
) -> dict[str, Derivation]:
    """Return the derivation of each part of a study file, by the part's name; nothing is solved."""
    study = load(path)
    return {part.id: _derivation(study, part, wrt) for part in study.parts}


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


def _working(part: Part, shown: View, handle: Derivation) -> tuple[Block, ...]:
    """Return the working at the asked zoom, and what the study asks for beside it."""
    match shown.options.zoom:
        case "layer":
            blocks: tuple[Block, ...] = layer_sections(shown)
        case "element":
            blocks = element_sections(shown)
        case _:
            blocks = working(shown)
    if part.show.graph:
        blocks = (*blocks, figure_section(shown))
    if part.show.closed_form:
        blocks = (*blocks, closed_section(shown))
    if part.show.recursion:
        blocks = (*blocks, *recursion_section(shown, sample_run(handle, shown.bodies)))
    return blocks


# ------------------------------------------------------------------ descent
Steps = dict[str, tuple[Descend, StepGraph, Run]]


def _descents(part: Part, handle: Derivation) -> Steps:
    found: Steps = {}
    known = handle.core.named_nodes()
    _check_steps(part, handle)
    for number, item in enumerate(part.descend, 1):
        names = item.params or tuple(handle.core.wrt)
        start = {name: handle.values[name] for name in names if name in handle.values}
        watch = [name for name in part.watch if name in known]
        run = descend(
            handle, start, steps=item.steps, optimizer=item.rule, watch=watch, progress=False
        )
        found[item.name or str(number)] = (item, step_graph(handle.core, item.rule), run)
    return found


def _check_steps(part: Part, handle: Derivation) -> None:
    """Raise StudyError where all steps of the part's descents would take too long."""
    limit, need = WORK.value(), 0
    for item in part.descend:
        nodes = reachable(step_graph(handle.core, item.rule).graph.outputs.values())
        need += item.steps * (PER_STEP + sum(map(work_of, nodes)))
        if need > limit:
            raise StudyError(
                _LONG(steps=grouped(item.steps), need=grouped(need)),
                place=item.place,
                why=WORK.why(limit),
                fix=WORK.fix(2 * need),
            )


def _descent_sections(shown: View, handle: Derivation, steps: Steps) -> list[Block]:
    """Return a single step is worked out; a longer descent is a table. Names only if there are
    several."""
    blocks: list[Block] = []
    for name, (item, step, run) in steps.items():
        title = name if len(steps) > 1 else ""
        if item.steps == 1:
            valuation = _step_numbers(handle, step)
            after = _after(shown, handle, run)
            blocks += [
                update_section(shown, step, valuation, title),
                again_section(shown, after, title),
            ]
        else:
            blocks.append(table_section(shown, descended(run), title))
    return blocks


def descended(run: Run) -> Descended:
    return Descended(
        run.done,
        run.losses,
        run.every,
        run.outputs,
        run.outputs_every,
        run.best_step,
        run.best_loss,
        run.best_outputs,
        run.final_loss,
        run.final_outputs,
        repr(run.optimizer),
        run.left_out,
    )


def _step_numbers(handle: Derivation, step: StepGraph) -> Valuation:
    values = {**handle.values, **step.hyper_values(), **step.initial_states(handle.values)}
    return evaluate_all(step.graph.outputs, values, handle.bodies)


def _after(shown: View, handle: Derivation, run: Run) -> View:
    """Return the same view with the numbers after the update."""
    moved = Derivation(handle.core, {**handle.values, **run.parameters}, handle.bodies)
    return View(shown.derivation, shown.names, moved.numbers(), shown.options)


# ------------------------------------------------------------------ claims
def _slopes(
    handle: Derivation, findings: tuple[Finding, ...], numbers: Numbers
) -> dict[Node, NDArray[Any]]:
    """Return the slopes that the check found on both sides of a point where the gradient misses
    them: a claim is judged by these."""
    found: dict[Node, NDArray[Any]] = {}
    for finding in findings:
        if (
            finding.kind == "differs"
            and finding.method == "one-sided differences"
            and finding.index is not None
            and finding.expected is not None
        ):
            values = np.array(numbers.gradients[finding.subject], dtype=np.float64)
            values[finding.index] = float(f"{finding.expected:.9g}")
            core = handle.core
            parameter = core.wrt[finding.subject]
            found[core.gradients[finding.subject]] = values
            found[core.adjoints.get(parameter, core.gradients[finding.subject])] = values
    return found


def _setting(
    shown: View, handle: Derivation, steps: Steps, limits: Mapping[Node, Any]
) -> tuple[Setting, bool]:
    """Return where claims are judged: at the study's values, or at random ones where it gives
    none."""
    core, descents = shown.derivation, {name: Descent(*entry) for name, entry in steps.items()}
    if shown.valuation is not None:
        return Setting(core, handle.values, handle.bodies, descents, limits), False
    return Setting(core, sample_values(handle), sample_bodies(handle), descents, {}), True


# ------------------------------------------------------------------ numeric derivatives
def _is_entry(array: np.ndarray[Any, Any], index: tuple[int, ...]) -> bool:
    """Return whether an index says one entry; that of a column may be one number."""
    fits = all(i < n for i, n in zip(index, array.shape, strict=False))
    return len(index) <= array.ndim and fits and array[index].size == 1


def _numeric(part: Part, shown: View, handle: Derivation) -> tuple[Block, ...]:
    """Return (f(w+h) − f(w−h)) / 2h at one entry, beside the derived value."""
    if not part.numeric or shown.valuation is None:
        return ()
    quotients: list[Quotient] = []
    core = handle.with_bodies()
    for item in part.numeric:
        index = tuple(i - 1 for i in item.index)
        base = np.array(handle.values[item.of], dtype=float)
        if not _is_entry(base, index):
            what = _NO_ENTRY(name=item.of, shape=shape_text(base.shape))
            raise StudyError(what, place=item.place)
        values: list[float] = []
        for sign in (1.0, -1.0):
            moved = base.copy()
            moved[index] += sign * item.h
            out = evaluate({"L": core.loss}, {**handle.values, item.of: moved}).outputs["L"]
            values.append(float(out.reshape(())[()]))
        gradient = shown.derivation.adjoints.get(handle.graph.inputs[item.of])
        exact = 0.0
        if gradient is not None:
            exact = float(np.asarray(value_of(shown.valuation, gradient))[index])
        quotients.append(
            Quotient(handle.graph.inputs[item.of], index, item.h, values[0], values[1], exact)
        )
    return (numeric_section(shown, quotients),)
