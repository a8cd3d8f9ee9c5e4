"""The claims of a study judged: about values, gradients and new parameters by what is calculated,
about the course of a descent by the run itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import Derivation
from tidu.calculus.settings import with_bodies
from tidu.checking.claim_formulas import StatedFormula, read_formula, read_working
from tidu.checking.claim_nodes import ClaimContext, target_of, unknown_name
from tidu.checking.claims import Claim, ClaimFinding, check_claims, loss_with_gradient
from tidu.checking.compare import same_value
from tidu.checking.diagnosis import diagnosis, numbers_at, repaired_formula
from tidu.checking.finding import Array, Finding
from tidu.errors import StudyError, TiduError
from tidu.ir.build import constant, substitute
from tidu.ir.node import Node
from tidu.ir.op import role
from tidu.ir.types import is_one_element
from tidu.optim import SGD, Rule
from tidu.optim.course import Course
from tidu.study import claims as study
from tidu.words import Phrase, Words

_TOO_FEW = Words(
    en="the claim {text} speaks of step {step}; the descent has {count}",
    zh="结论 {text} 说的是第 {step} 步，而下降只有 {count} 步",
)
_NOT_KEPT = Words(
    en="the claim {text} speaks of step {step}; of this long descent one step in {every} is kept",
    zh="结论 {text} 说的是第 {step} 步，而这次下降很长，每 {every} 步只保留一步",
)
_NOT_FINITE = Words(
    en="the formula is not finite at the given values", zh="在给定的值处，这个公式不是有限数"
)
_KEPT = Words(en="step {step}, or fewer steps", zh="第 {step} 步，或减少步数")


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The verdict on a claim of a study.

    here_only: right at the given values, false at random ones. target: the node that it is about;
    None where it is about the course of a descent. formula: the one that it states, if any. actual:
    the calculated value, where `finding` does not hold it. losses: after one step with the gradient
    that a false claim states, and after one with the right gradient.
    """

    claim: study.StatedClaim
    finding: Finding
    holds: bool
    here_only: bool = False
    target: Node | None = None
    formula: StatedFormula | None = None
    actual: Any = None
    losses: tuple[float, float] | None = None
    details: tuple[Phrase, ...] = ()
    problem: TiduError | None = None


def judge(setting: ClaimContext, claims: Sequence[study.StatedClaim]) -> list[Judgement]:
    """Return the verdict on each claim, in order; of one that cannot be calculated the reason, and
    the others go on."""
    judgements: dict[int, Judgement] = {}
    posed: dict[int, _Posed] = {}
    for i, claim in enumerate(claims):
        try:
            if claim.target.kind in ("value", "gradient", "new"):
                posed[i] = _pose(setting, claim)
            else:
                judgements[i] = _of_a_descent(setting, claim)
        except TiduError as problem:
            judgements[i] = _not_calculated(setting, claim, problem)
    image = with_bodies([node for p in posed.values() for node in p.nodes()], setting.bodies)
    numbers = {node: constant(value) for node, value in setting.limits.items()}
    for p in posed.values():
        if p.formula is None and numbers:  # a number is compared with that of the limit
            image = {**image, p.target: substitute([image[p.target]], dict(numbers))[0]}
    for i, p in list(posed.items()):
        try:
            evaluate({"": image[p.fitted or p.target]}, setting.all_values())
        except TiduError as problem:
            judgements[i] = _not_calculated(setting, p.record, problem)
            del posed[i]
    made = [p.claim(image) for p in posed.values()]
    single = {name for name, value in setting.values.items() if np.size(value) == 1}
    mistypable = single | set(setting.derivation.wrt)
    findings = check_claims(made, setting.all_values(), seed=1, mistypable=mistypable)
    for (i, p), finding in zip(posed.items(), findings, strict=True):
        judgements[i] = _of_a_node(setting, p, finding)
    return [judgements[i] for i in range(len(claims))]


def _not_calculated(
    setting: ClaimContext, claim: study.StatedClaim, problem: TiduError
) -> Judgement:
    """Return the verdict on a claim that cannot be held against anything, with a formula that is
    right if one is near. What the error says to write instead is said if it can be calculated."""
    finding = Finding("undecided", claim.text, "given values")
    refused = Judgement(claim, finding, False, problem=problem)
    if claim.formula is None:
        return refused
    try:
        target = target_of(setting, claim)
    except TiduError:
        return refused
    proposed = [] if problem.fix is None else [problem.fix.text("en")]
    advice = repaired_formula(setting, claim, target, proposed)
    return refused if advice is None else replace(refused, details=(advice,))


# ------------------------------------------------------------------ nodes
@dataclass(frozen=True, slots=True)
class _Posed:
    """A claim with the nodes that it speaks of: what it is about, its formula, its working."""

    record: study.StatedClaim
    target: Node
    formula: StatedFormula | None
    fitted: Node | None
    working: Node | None

    def nodes(self) -> list[Node]:
        return [n for n in (self.target, self.fitted, self.working) if n is not None]

    def claim(self, image: Mapping[Node, Node]) -> Claim:
        """Return the claim as `check_claims` takes it, declared functions replaced."""
        return Claim(
            self.record.text,
            image[self.target],
            value=self.record.value,
            formula=None if self.fitted is None else image[self.fitted],
            working=None if self.working is None else image[self.working],
            digits=self.record.decimals,
            place=self.record.place,
        )


def _pose(setting: ClaimContext, claim: study.StatedClaim) -> _Posed:
    core, target = setting.derivation, target_of(setting, claim)
    formula = None if claim.formula is None else read_formula(core, claim, claim.formula)
    fitted = None if formula is None else _fitted(formula.node, target)
    working = None if claim.working is None else read_working(core, claim, claim.working)
    return _Posed(claim, target, formula, fitted, working)


def _fitted(stated: Node, wanted: Node) -> Node:
    """Return a formula of one element has the shape of what it is about; of another shape it is
    false."""
    if (
        stated.shape != wanted.shape
        and is_one_element(stated.shape)
        and is_one_element(wanted.shape)
    ):
        return role("reshape")(stated, shape=wanted.shape)
    return stated


def _of_a_node(setting: ClaimContext, posed: _Posed, claim_finding: ClaimFinding) -> Judgement:
    finding, formula, actual, losses = claim_finding.finding, posed.formula, None, None
    details = claim_finding.details
    if not claim_finding.holds and claim_finding.role != "consequence":
        details = _diagnosed(setting, posed, claim_finding)
    entry_known = finding.expected is not None and finding.index is not None
    if formula is not None and not claim_finding.holds:
        losses = _losses(setting, posed.record, formula.node)
    if formula is None and not claim_finding.holds and not entry_known:  # its shape is another
        node = claim_finding.claim.target
        actual = evaluate({"value": node}, setting.all_values()).outputs["value"]
    return Judgement(
        posed.record,
        finding,
        claim_finding.holds,
        claim_finding.verdict == "holds here only",
        claim_finding.claim.target,
        formula,
        actual,
        losses,
        details,
    )


def _diagnosed(
    setting: ClaimContext, posed: _Posed, claim_finding: ClaimFinding
) -> tuple[Phrase, ...]:
    """Return the details of a false claim with what went wrong in it, as far as that is known."""
    finding, details = claim_finding.finding, claim_finding.details
    if finding.kind == "undecided" and posed.fitted is not None:
        numbers = numbers_at(setting, posed.fitted)
        if numbers is not None and not np.all(np.isfinite(numbers)):
            return (_NOT_FINITE(), *details)
    found = diagnosis(setting, posed.record, posed.target, posed.fitted)
    if found is None:
        return details
    about_numbers = finding.details[:1]
    rest = details[len(finding.details) :]
    return (*about_numbers, found, *rest)


def _losses(
    setting: ClaimContext, claim: study.StatedClaim, stated: Node
) -> tuple[float, float] | None:
    """Return the loss after one step with a stated gradient and after one with the right gradient;
    None where the study makes no single plain step, or both are the same."""
    derivation, target = setting.derivation, claim.target
    asked = [descent.asked for descent in setting.descents.values()]
    rates = [d.rule.lr for d in asked if d.steps == 1 and _plain(d.rule)]
    if (
        target.kind != "gradient"
        or target.index
        or not rates
        or target.name not in derivation.wrt
        or stated.shape != derivation.wrt[target.name].shape
    ):
        return None
    try:
        false = loss_with_gradient(derivation, {target.name: stated}, rates[0], setting.values)
        right = loss_with_gradient(derivation, {}, rates[0], setting.values)
    except TiduError:
        return None  # without a body or values there is no number to show; the verdict stands
    return None if abs(false - right) <= 1e-12 * max(1.0, abs(right)) else (false, right)


def _plain(rule: Rule) -> TypeGuard[SGD]:
    """Return whether the step is the rate times the gradient and nothing else."""
    return isinstance(rule, SGD) and rule == SGD(rule.lr)


# ------------------------------------------------------------------ descents
def _of_a_descent(setting: ClaimContext, claim: study.StatedClaim) -> Judgement:
    assert claim.value is not None  # the reader of studies sees to it
    actual = _along(claim, setting.descent(claim).run)
    finding = same_value(claim.value, actual, digits=claim.decimals, subject=claim.text)
    return Judgement(claim, finding, finding.agrees, actual=actual)


def _along(claim: study.StatedClaim, run: Course) -> Any:
    """Return the number of a run that a claim about its course speaks of."""
    target = claim.target
    is_loss = target.name in ("loss", run.loss_name)
    if not is_loss and target.name not in run.outputs and target.name != "step":
        raise unknown_name(claim, target.name, ["loss", *run.outputs])
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
    position, between = divmod(at - 1, every)
    if between:
        what = _NOT_KEPT(text=claim.text, step=at, every=every)
        raise StudyError(what, place=claim.place, fix=_KEPT(step=at - between))
    return run.losses[position] if is_loss else run.outputs[target.name][position]


# ------------------------------------------------------------------ gradients from one side
def one_sided_gradients(
    derivation: Derivation, gradients: Mapping[str, Array], findings: Sequence[Finding]
) -> dict[Node, Array]:
    """Return the slopes that the check found on both sides of a point where a gradient misses them,
    by the nodes of that gradient: a claim is judged by these."""
    slopes: dict[Node, Array] = {}
    for finding in findings:
        if (
            finding.kind == "differs"
            and finding.method == "one-sided differences"
            and finding.index is not None
            and finding.expected is not None
        ):
            name = finding.subject
            values = np.array(gradients[name], dtype=np.float64)
            values[finding.index] = float(f"{finding.expected:.9g}")
            gradient = derivation.gradients[name]
            slopes[gradient] = values
            slopes[derivation.adjoints.get(derivation.wrt[name], gradient)] = values
    return slopes
