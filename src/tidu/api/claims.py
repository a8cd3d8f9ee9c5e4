"""A study's claims against its derivation: names to nodes, formulas to graphs, verdicts to data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

from tidu.api.run import Run
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import Derivation
from tidu.calculus.pullback import zeros_like
from tidu.calculus.reverse import reverse
from tidu.calculus.rewrite import Rewriter
from tidu.calculus.settings import with_bodies
from tidu.checking import (
    Claim,
    ClaimFinding,
    check_claims,
    loss_with_gradient,
    same_value,
)
from tidu.document.math import Derivative, Index, Math, Number, Say, Symbol, symbol
from tidu.errors import StudyError, TiduError, nearest
from tidu.explaining import phrases
from tidu.explaining.claims import Judged
from tidu.explaining.numbers import number_text, value_tree
from tidu.explaining.paths import indexed
from tidu.explaining.trees import named
from tidu.explaining.view import View
from tidu.ir.build import constant, filled, input_node, substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.op import role
from tidu.ir.types import Size, is_one_element
from tidu.ops.arrays.indexing import index as element
from tidu.optim import SGD, Rule, StepGraph
from tidu.study import records
from tidu.text.read import read
from tidu.words import Phrase, Words, verbatim

_NO_NAME = Words(
    en="the claim speaks of {name}, which the model does not have",
    zh="论断提到 {name}，模型里没有这个量",
)
_KNOWN = Words(en="the model has: {names}", zh="模型中有：{names}")
_NO_DESCENT = Words(
    en="the claim {text} needs a [[descend]] entry", zh="论断 {text} 需要有 [[descend]] 一项"
)
_TOO_FEW = Words(
    en="the claim {text} speaks of step {step}; the descent has {count}",
    zh="论断 {text} 说的是第 {step} 步，而下降只有 {count} 步",
)
_NOT_KEPT = Words(
    en="the claim {text} speaks of step {step}; of this long descent one step in {every} is kept",
    zh="论断 {text} 说的是第 {step} 步，而这次下降很长，每 {every} 步只保留一步",
)
_KEPT = Words(en="step {step}, or fewer steps", zh="第 {step} 步，或减少步数")
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What claims are judged in: the part's view, values, bodies, and its descents by name."""

    view: View
    values: Mapping[str, Any]
    bodies: Mapping[str, Graph]
    steps: Mapping[str, tuple[records.Descend, StepGraph, Run]]
    limits: Mapping[Node, Any]  # gradients that are limits and not what their formulas give

    @property
    def derivation(self) -> Derivation:
        return self.view.derivation


@dataclass(frozen=True, slots=True)
class Stated:
    """A formula of a claim: as a node over the program, and as its author wrote it."""

    node: Node
    tree: Math


def judge(setting: Setting, claims: Sequence[records.Claim]) -> list[Judged]:
    """The verdict on each claim, in order."""
    about_nodes = [c for c in claims if c.target.kind in ("value", "gradient", "new")]
    posed = [_pose(setting, c) for c in about_nodes]
    image = with_bodies([node for p in posed for node in p.nodes()], setting.bodies)
    numbers = {node: constant(value) for node, value in setting.limits.items()}
    for p in posed:
        if p.formula is None and numbers:  # a number is compared with that of the limit
            image = {**image, p.target: substitute([image[p.target]], dict(numbers))[0]}
    made = [p.claim(image) for p in posed]
    found = iter(zip(posed, made, check_claims(made, _with_settings(setting), seed=1), strict=True))
    kinds = ("value", "gradient", "new")
    return [
        _judged(setting, *next(found)) if c.target.kind in kinds else _judged_step(setting, c)
        for c in claims
    ]


@dataclass(frozen=True, slots=True)
class _Posed:
    """A claim with the nodes that it speaks of: what it is about, its formula, its working."""

    record: records.Claim
    target: Node
    formula: Stated | None
    fitted: Node | None
    working: Node | None

    def nodes(self) -> list[Node]:
        return [n for n in (self.target, self.fitted, self.working) if n is not None]

    def claim(self, image: Mapping[Node, Node]) -> Claim:
        """As `check` takes it, declared functions replaced."""
        return Claim(
            self.record.text,
            image[self.target],
            value=self.record.value,
            formula=None if self.fitted is None else image[self.fitted],
            working=None if self.working is None else image[self.working],
            digits=self.record.decimals,
            place=self.record.place,
        )


def _with_settings(setting: Setting) -> dict[str, Any]:
    """The values with those of the update rules, each descent's under names of its own."""
    values: dict[str, Any] = dict(setting.values)
    for name, (_, step, _) in setting.steps.items():
        own = {**step.hyper_values(), **step.initial_states(setting.values)}
        values |= {_owned(setting, name, given): value for given, value in own.items()}
    return values


def _owned(setting: Setting, descent: str, given: str) -> str:
    """The name of an input of a step; the first descent keeps the plain ones."""
    return given if descent == next(iter(setting.steps)) else f"{given} ({descent})"


def _updated(setting: Setting, claim: records.Claim, step: StepGraph) -> Node:
    """The new parameter, with the settings and the memory of its own descent: several descents have
    a learning rate, and it is one and the same input until it is named apart."""
    descent = next(name for name, (_, other, _) in setting.steps.items() if other is step)
    inputs = [*step.hyper.values(), *(state.before for state in step.states)]
    apart = {
        node: input_node(_owned(setting, descent, node.attrs["name"]), node.shape, node.dtype)
        for node in inputs
    }
    (node,) = substitute([step.updated[claim.target.name]], apart)
    return node


# ------------------------------------------------------------------ names to nodes
def named_nodes(derivation: Derivation) -> dict[str, Node]:
    """Every name of the program and the node that runs for it; the last of a name given twice."""
    found: dict[str, Node] = dict(derivation.graph.inputs)
    for name, written in derivation.graph.last_named().items():
        found[name] = derivation.run_node(written)
    for name, node in derivation.graph.outputs.items():
        found[name] = derivation.run_node(node)
    return found


def _pose(setting: Setting, claim: records.Claim) -> _Posed:
    target = _indexed_node(_target(setting, claim), claim.target.index)
    formula = None if claim.formula is None else _formula(setting, claim, claim.formula)
    fitted = None if formula is None else _fitted(formula.node, target)
    working = None if claim.working is None else _working(setting, claim, claim.working)
    return _Posed(claim, target, formula, fitted, working)


def _target(setting: Setting, claim: records.Claim) -> Node:
    known = named_nodes(setting.derivation)
    target = claim.target
    if target.kind == "new":
        _, step, _ = _descent(setting, claim)
        if target.name not in step.updated:
            raise _unknown(claim, target.name, list(step.updated))
        return _updated(setting, claim, step)
    if target.name not in known:
        raise _unknown(claim, target.name, list(known))
    if target.kind == "value":
        return known[target.name]
    return gradient_of(setting.derivation, target.output, known[target.name], known, claim)


def gradient_of(
    derivation: Derivation, output: str, node: Node, known: Mapping[str, Node], claim: records.Claim
) -> Node:
    """∂output/∂node; the loss's own adjoint where `output` is the loss."""
    if output in ("", derivation.loss_name):
        return derivation.adjoints.get(node) or zeros_like(node)
    if output not in known:
        raise _unknown(claim, output, list(known))
    top = known[output]
    atoms = {n.id for n in reachable([derivation.loss])}
    seed = filled(1.0, top.type)
    found = reverse([top], [seed], [node], Rewriter("simplify", atoms).normalise).gradients
    return found[node] if node in found else zeros_like(node)


def _unknown(claim: records.Claim, name: str, known: list[str]) -> StudyError:
    close = nearest(name, known)
    return StudyError(
        _NO_NAME(name=name),
        place=claim.place,
        why=_KNOWN(names=", ".join(dict.fromkeys(known))),
        fix=verbatim(close) if close else None,
    )


def _indexed_node(node: Node, index: tuple[int, ...]) -> Node:
    """One element, by indices from 1; a column may be given one index."""
    if not index:
        return node
    key = tuple(i - 1 for i in index)
    if len(key) == 1 and node.rank == 2 and node.shape[1] == 1:
        key = (*key, 0)
    return element(node, key=key)


# ------------------------------------------------------------------ formulas to graphs
def _formula(
    setting: Setting,
    claim: records.Claim,
    program: records.Program,
    shapes: Mapping[str, tuple[int | str, ...]] | None = None,
) -> Stated:
    """The claim's formula over the program's names, dL_dX for gradients, f_d for derivatives.

    `shapes`: of further names that may stand in it.
    """
    derivation = setting.derivation
    known = named_nodes(derivation)
    places: dict[str, Node] = {
        f"d{derivation.loss_name}_d{name}": derivation.adjoints[node]
        for name, node in known.items()
        if node in derivation.adjoints
    } | known
    functions = {node.attrs["name"] for node in _program(derivation) if node.op.role == "declared"}
    own = {name: tuple(_size(d) for d in node.shape) for name, node in places.items()}
    try:
        source = read(
            program.text,
            shapes={**own, **(shapes or {})},
            functions=dict.fromkeys(functions),
            file=claim.place.file,
            first_line=program.first_line,
        )
    except TiduError as problem:
        raise problem.at(program.place) from None
    root = next(reversed(list(source.graph.outputs.values())))
    inputs = {node: places[name] for name, node in source.graph.inputs.items() if name in places}
    letters = {node: _letter(setting, name) for name, node in source.graph.inputs.items()}
    return Stated(substitute([root], inputs)[0], named(root, letters))


def _working(setting: Setting, claim: records.Claim, program: records.Program) -> Node:
    """A formula with the author's numbers in it, each number a constant of its own.

    Read as it stands, 1·1 + (−1)·2 would be calculated away; each number is read as a name first.
    """
    numbers: dict[str, float] = {}

    def name(found: re.Match[str]) -> str:
        key = f"number_{len(numbers)}_"
        numbers[key] = float(found.group())
        return key

    text = _NUMBER.sub(name, program.text)
    known = set(named_nodes(setting.derivation))
    stated = _formula(
        setting, claim, replace(program, text=text), shapes=dict.fromkeys(numbers, ())
    ).node
    inputs = {
        node: constant(numbers[str(node.attrs["name"])])
        for node in reachable([stated])
        if node.op.role == "input" and node.attrs["name"] not in known
    }
    return substitute([stated], inputs)[0]


def _letter(setting: Setting, name: str) -> Math:
    """A name in a formula as it is printed; dL_dW as ∂L/∂W."""
    loss = setting.derivation.loss_name
    if name.startswith(f"d{loss}_d"):
        return Derivative(
            symbol(loss), symbol(name.removeprefix(f"d{loss}_d")), setting.view.total()
        )
    return symbol(name)


def _program(derivation: Derivation) -> list[Node]:
    return reachable([derivation.loss, *derivation.graph.outputs.values()])


def _size(dim: int | Size) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _fitted(stated: Node, wanted: Node) -> Node:
    """A formula of one element has the shape of what it is about; of another shape it is false."""
    if (
        stated.shape != wanted.shape
        and is_one_element(stated.shape)
        and is_one_element(wanted.shape)
    ):
        return role("reshape")(stated, shape=wanted.shape)
    return stated


# ------------------------------------------------------------------ verdicts to data
def _judged(setting: Setting, posed: _Posed, made: Claim, found: ClaimFinding) -> Judged:
    claim = posed.record
    name = _name(setting, claim)
    details = tuple(found.details)
    if posed.formula is None:
        index = found.finding.index
        actual = found.finding.expected
        stated = value_tree(np.asarray(claim.value), setting.view.options.layout)
        if actual is None or index is None:  # it holds, or its shape is another
            right = None if found.holds else _value_of(setting, made.target)
            return Judged(
                name,
                found.holds,
                stated=stated,
                actual=right,
                cites=claim.cites,
                group=claim.group,
                details=details,
            )
        # the statement itself says what is stated and what was calculated
        details = tuple(d for d in details if d not in found.finding.details[:1])
        wrong = Number(number_text(float(np.asarray(claim.value).reshape(-1)[0])))
        entry = name if np.asarray(claim.value).size == 1 else indexed(name, made.target, index)
        return Judged(
            entry,
            found.holds,
            stated=wrong
            if found.finding.stated is None
            else Number(number_text(found.finding.stated)),
            actual=Number(number_text(actual)),
            cites=claim.cites,
            group=claim.group,
            details=details,
        )
    if not found.holds:
        details = (*details, *_would_be(setting, claim, posed.formula.node))
    here_only = found.verdict == "holds here only"
    return Judged(
        name,
        found.holds,
        here_only,
        formula=posed.formula.tree,
        cites=claim.cites,
        group=claim.group,
        details=details,
    )


def _value_of(setting: Setting, node: Node) -> Math:
    values = evaluate({"value": node}, _with_settings(setting)).outputs
    return value_tree(values["value"], setting.view.options.layout)


def _would_be(setting: Setting, claim: records.Claim, formula: Node) -> tuple[Phrase, ...]:
    """What one step with a false gradient would do to the loss."""
    target = claim.target
    rates = [d.rule.lr for d, _, _ in setting.steps.values() if d.steps == 1 and _plain(d.rule)]
    if (
        target.kind != "gradient"
        or target.index
        or not rates
        or target.name not in setting.derivation.wrt
        or formula.shape != setting.derivation.wrt[target.name].shape
    ):
        return ()
    rate = rates[0]
    claimed = {target.name: formula}
    try:
        stated = loss_with_gradient(setting.derivation, claimed, rate, setting.values)
        right = loss_with_gradient(setting.derivation, {}, rate, setting.values)
    except TiduError:
        return ()  # without a body or values there is no number to show; the verdict stands
    if abs(stated - right) <= 1e-12 * max(1.0, abs(right)):
        return ()
    return (phrases.CLAIM_WOULD(stated=Number(f"{stated:.4f}"), right=Number(f"{right:.4f}")),)


def _plain(rule: Rule) -> TypeGuard[SGD]:
    """Whether the step is the rate times the gradient and nothing else."""
    return isinstance(rule, SGD) and rule == SGD(rule.lr)


def _name(setting: Setting, claim: records.Claim) -> Math:
    """The left side of a claim as it is printed."""
    target = claim.target
    known = named_nodes(setting.derivation)
    node = known.get(target.name)
    forward = setting.view.names.forward
    own: Math = forward[node] if node is not None and node in forward else symbol(target.name)
    if target.index:
        own = Index(own, tuple(Number(str(i)) for i in target.index))
    if target.kind == "gradient":
        top = symbol(target.output) if target.output else setting.view.names.loss
        return Derivative(top, own, setting.view.total())
    if target.kind == "new" and isinstance(own, Symbol):
        return Symbol(own.base, own.sub, "new")
    return own


def _descent(setting: Setting, claim: records.Claim) -> tuple[records.Descend, StepGraph, Run]:
    if claim.descend in setting.steps:
        return setting.steps[claim.descend]
    if not setting.steps:
        raise StudyError(_NO_DESCENT(text=claim.text), place=claim.place)
    return next(iter(setting.steps.values()))


def _judged_step(setting: Setting, claim: records.Claim) -> Judged:
    """A claim about the course of a descent: compared with the run itself."""
    _, _, run = _descent(setting, claim)
    actual = _along(claim, run)
    finding = same_value(_written(claim), actual, digits=claim.decimals, subject=claim.text)
    layout = setting.view.options.layout
    return Judged(
        _when(setting, claim),
        finding.agrees,
        stated=value_tree(np.asarray(claim.value), layout),
        actual=value_tree(np.asarray(actual), layout),
        cites=claim.cites,
        group=claim.group,
    )


def _written(claim: records.Claim) -> float | list[Any]:
    assert (
        claim.value is not None
    )  # a claim about steps states a value: the reader of studies sees to it
    return claim.value


def _when(setting: Setting, claim: records.Claim) -> Math:
    """The left side of a claim about the course of a descent, in words."""
    target = claim.target
    if target.name == "step":
        return Say(phrases.BEST_STEP())
    own = setting.view.names.loss if target.name == "loss" else symbol(target.name)
    if target.kind == "step":
        return Say(phrases.AT_STEP(name=own, step=target.step))
    words = phrases.AT_BEST if target.kind == "best" else phrases.AT_END
    return Say(words(name=own))


def _along(claim: records.Claim, run: Run) -> Any:
    """The number that a claim about steps speaks of."""
    target = claim.target
    is_loss = target.name in ("loss", run.loss_name)
    if not is_loss and target.name not in run.outputs and target.name != "step":
        raise _unknown(claim, target.name, ["loss", *run.outputs])
    if target.kind == "final":
        return run.final_loss if is_loss else run.final_outputs[target.name]
    at = run.best_step if target.kind == "best" else target.step
    if at is None or at > run.done:
        raise StudyError(_TOO_FEW(text=claim.text, step=at or 0, count=run.done), place=claim.place)
    if target.name == "step":
        return at
    if target.kind == "best":
        return run.best_loss if is_loss else run.best_outputs[target.name]
    every = run.every if is_loss else run.outputs_every
    place, between = divmod(at - 1, every)
    if between:
        what = _NOT_KEPT(text=claim.text, step=at, every=every)
        raise StudyError(what, place=claim.place, fix=_KEPT(step=at - between))
    return run.losses[place] if is_loss else run.outputs[target.name][place]
