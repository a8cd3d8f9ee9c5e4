"""Claims: what a worked example or a learner states, true or false, cause or consequence.

A claim is about a node, and the graph orders claims: one about z₂ stands before one about y. A
false claim is a consequence if it turns right once the false statements before it are put in the
place of what they are about and the rest is calculated from them; otherwise it is a cause. The
proof is that calculation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tidu.backends.numpy.inputs import with_sizes
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import Derivation
from tidu.checking.compare import Stated, same_formula, same_value, stated_array
from tidu.checking.finding import Array, Finding
from tidu.checking.named import Named
from tidu.checking.repair import Repair, StatedNode, find_repairs
from tidu.errors import InputError, Place
from tidu.ir.build import constant, substitute
from tidu.ir.node import Node, reachable
from tidu.running.derivatives import evaluate_derivatives
from tidu.words import Phrase, Words, join

Verdict = Literal["holds", "fails", "holds here only", "undecided"]

_EITHER = Words(
    en="claim {name}: state either a value or a formula",
    zh="结论 {name}：请写出值或公式，二者取其一",
)
_FOLLOWS = Words(
    en="a consequence of {names}: with what is stated there, this value follows",
    zh="由 {names} 引起：按那里写的值计算，就得到这个值",
)
_CAUSE = Words(en="the mistake is made here", zh="错误出在这里")
_CAUSE_OF = Words(
    en="the mistake is made here; {names} follow from it", zh="错误出在这里；{names} 都由它引起"
)
_THROUGH = Words(
    en="with {entry} = {needed} instead of {given}, this and all that follows from it is right",
    zh="若 {entry} = {needed}（给定的是 {given}），这一条和由它得到的各条就都成立",
)
_ALL_RIGHT = Words(
    en="with {entry} = {needed} instead of {given}, all claims hold",
    zh="若 {entry} = {needed}（给定的是 {given}），则所有结论都成立",
)
_WRITTEN = Words(
    en="the working puts {needed} for {entry}, which is given as {given}",
    zh="算式里 {entry} 代入的是 {needed}，而给定的是 {given}",
)
_NAMES = Words(en="{first}, {second}", zh="{first}、{second}")
_NAME = Words(en="{name}", zh="{name}")
_OR = Words(en="{entry} = {needed} would do as well", zh="改用 {entry} = {needed} 也可以")


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A statement about a node: its value, or a formula for it over the same inputs.

    name: as the reader knows it ("z2", "∂J/∂w11"). target: the node that runs (for a written one
    `Derivation.run_node`), a gradient, or a node of the next step. value: a number or nested lists
    of numbers; text ("6.2082") and floats with a `text` are right if the actual value rounds to
    them. working: the formula with the author's numbers in it, 1·1 + (−1)·2 + 1, which shows what
    was put in.
    """

    name: str
    target: Node
    value: Stated | None = None
    formula: Node | None = None
    working: Node | None = None
    digits: int | None = None
    place: Place | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.formula is None):
            raise InputError(_EITHER(name=self.name), place=self.place)


@dataclass(frozen=True, slots=True, eq=False)
class ClaimFinding:
    """The verdict on a claim.

    verdict: "holds here only" is a formula that is right at the given values and refuted at random
    ones. role: for a false claim. causes: names of the claims that a consequence goes back to;
    consequences: of those that go back to a cause. repairs: given values that would make the cause
    right with all that follows, most likely first.
    """

    claim: Claim
    verdict: Verdict
    finding: Finding
    role: Literal["cause", "consequence"] | None = None
    causes: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    details: tuple[Phrase, ...] = ()

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"


def check_claims(
    claims: Sequence[Claim],
    values: Mapping[str, Any],
    *,
    free: Collection[str] | None = None,
    seed: int = 0,
    mistypable: Collection[str] | None = None,
) -> tuple[ClaimFinding, ...]:
    """Return the verdict on each claim at the given values of the inputs; formulas at random values
    too.

    `free`: inputs that may take any value when formulas are compared (see `same_formula`).
    `mistypable`: inputs of which an entry may be a slip of the author's; all if None.
    Raises what evaluating the targets raises, and InputError for a stated value that is no number.

    >>> from tidu.ir.build import input_node
    >>> x = input_node("x", ())
    >>> found = check_claims(
    ...     [Claim("y", x * 2.0, value=7), Claim("z", x * 2.0 + 1.0, value=8)], {"x": 3}
    ... )
    >>> [(f.claim.name, f.verdict, f.role) for f in found]
    [('y', 'fails', 'cause'), ('z', 'fails', 'consequence')]
    """
    if not claims:
        return ()
    bound = _bind(claims, values)
    targets = {str(i): c.target for i, c in enumerate(bound)}
    actual = evaluate_derivatives(targets, values, list(values), list(targets)).outputs
    verdicts = [_judge(c, actual[str(i)], values, free, seed) for i, c in enumerate(bound)]
    roots = _causes(bound, verdicts, values)
    return tuple(
        _describe(i, claims, bound, verdicts, roots, values, mistypable) for i in range(len(claims))
    )


def _bind(claims: Sequence[Claim], values: Mapping[str, Any]) -> list[Claim]:
    """Return the claims with named sizes put in."""
    roots = [node for c in claims for node in (c.target, c.formula) if node is not None]
    place = dict(zip(roots, with_sizes(roots, values), strict=True))
    return [
        replace(c, target=place[c.target], formula=place[c.formula] if c.formula else None)
        for c in claims
    ]


def _judge(
    claim: Claim, actual: Array, values: Mapping[str, Any], free: Collection[str] | None, seed: int
) -> tuple[Verdict, Finding]:
    if claim.formula is not None:
        comparison = same_formula(
            claim.formula, claim.target, values, free=free, seed=seed, subject=claim.name
        )
        if comparison.kind == "undecided":
            return "undecided", comparison
        if comparison.agrees:
            return "holds", comparison
        return ("fails" if comparison.method == "given values" else "holds here only"), comparison
    assert claim.value is not None
    comparison = same_value(claim.value, actual, digits=claim.digits, subject=claim.name)
    return ("holds" if comparison.agrees else "fails"), comparison


def _causes(
    claims: Sequence[Claim], verdicts: Sequence[tuple[Verdict, Finding]], values: Mapping[str, Any]
) -> dict[int, tuple[int, ...]]:
    """Return for each false claim the claims that it goes back to; a cause goes back to itself."""
    false = [
        i for i, (verdict, _) in enumerate(verdicts) if verdict in ("fails", "holds here only")
    ]
    targets = reachable([claims[i].target for i in false])
    position = {node.id: place for place, node in enumerate(targets)}
    false.sort(key=lambda i: position[claims[i].target.id])
    below = {i: {n.id for n in reachable([claims[i].target])} for i in false}
    roots: dict[int, tuple[int, ...]] = {}
    for i in false:
        claim = claims[i]
        before = [
            j
            for j in false
            if claims[j].target is not claim.target
            and claims[j].target.id in below[i]
            and verdicts[j][0] == "fails"
        ]
        if (
            claim.value is None
            or not before
            or not _follows(claim, [claims[j] for j in before], values)
        ):
            roots[i] = (i,)
            continue
        nearest = [
            j for j in before if not any(claims[j].target.id in below[k] for k in before if k != j)
        ]
        causes_here = {root for j in nearest for root in roots[j]}
        roots[i] = tuple(sorted(causes_here, key=lambda r: position[claims[r].target.id]))
    return roots


def _follows(claim: Claim, before: Sequence[Claim], values: Mapping[str, Any]) -> bool:
    """Return whether the claim is right once the statements before it are taken for true."""
    stated: dict[Node, Node] = {}
    for other in before:
        node = _as_node(other)
        if node is not None:
            stated.setdefault(other.target, node)
    if not stated:
        return False
    changed = substitute([claim.target], stated)[0]
    outputs = evaluate({"now": claim.target, "then": changed}, values).outputs
    assert claim.value is not None
    if same_value(claim.value, outputs["then"], digits=claim.digits).agrees:
        return True
    # What is stated is rounded, so what follows from it may miss by a little of the difference.
    number = stated_array(claim.value)
    if number.size != outputs["then"].size:
        return False
    number = number.reshape(outputs["then"].shape)
    gap_now, gap_then = np.abs(number - outputs["now"]), np.abs(number - outputs["then"])
    return bool(np.max(gap_then) <= 1e-3 * np.max(gap_now))


def _as_node(claim: Claim) -> Node | None:
    """Return what a claim states, as a node of its target's type; None if the shape does not
    fit."""
    if claim.formula is not None:
        return claim.formula if claim.formula.shape == claim.target.shape else None
    assert claim.value is not None
    numbers = stated_array(claim.value)
    shape = tuple(d for d in claim.target.shape if isinstance(d, int))
    if numbers.shape != shape and numbers.size != 1:
        return None
    if int(np.prod(shape)) != numbers.size:
        return None
    return constant(numbers.reshape(shape), claim.target.dtype)


def _describe(
    i: int,
    claims: Sequence[Claim],
    bound: Sequence[Claim],
    verdicts: Sequence[tuple[Verdict, Finding]],
    roots: Mapping[int, tuple[int, ...]],
    values: Mapping[str, Any],
    mistypable: Collection[str] | None,
) -> ClaimFinding:
    verdict, finding = verdicts[i]
    claim_finding = ClaimFinding(claims[i], verdict, finding, details=finding.details)
    if i not in roots:
        return claim_finding
    if roots[i] != (i,):
        names = tuple(claims[j].name for j in roots[i])
        detail = _FOLLOWS(names=_list(names))
        return replace(
            claim_finding, role="consequence", causes=names, details=(*finding.details, detail)
        )
    following = tuple(j for j, back in roots.items() if i in back and j != i)
    names = tuple(claims[j].name for j in following)
    detail = _CAUSE_OF(names=_list(names)) if names else _CAUSE()
    repairs = _repairs(i, bound, verdicts, roots, values)
    if mistypable is not None:  # one wrong number alone is no sign that it was another input
        repairs = tuple(r for r in repairs if r.written or (names and r.name in mistypable))
    everything = all(v == "holds" or j == i or j in following for j, (v, _) in enumerate(verdicts))
    return replace(
        claim_finding,
        role="cause",
        consequences=names,
        repairs=repairs,
        details=(*finding.details, detail, *_repair_phrases(repairs, everything)),
    )


def _repairs(
    i: int,
    claims: Sequence[Claim],
    verdicts: Sequence[tuple[Verdict, Finding]],
    roots: Mapping[int, tuple[int, ...]],
    values: Mapping[str, Any],
) -> tuple[Repair, ...]:
    """Return given values that would make a false value right with all that follows, and break
    nothing."""
    cause = claims[i]
    if cause.value is None or verdicts[i][0] != "fails" or stated_array(cause.value).size == 0:
        return ()
    if (
        stated_array(cause.value).shape != cause.target.shape
        and stated_array(cause.value).size != 1
    ):
        return ()
    others = [
        StatedNode(c.target, c.value, c.digits)
        for j, c in enumerate(claims)
        if c.value is not None and (verdicts[j][0] == "holds" or i in roots.get(j, ()))
    ]
    return find_repairs(
        StatedNode(cause.target, cause.value, cause.digits), others, values, cause.working
    )


def _repair_phrases(repairs: Sequence[Repair], everything: bool) -> list[Phrase]:
    if not repairs:
        return []
    words = _ALL_RIGHT if everything else _THROUGH
    first = repairs[0]
    if first.written:
        put = _WRITTEN(entry=first.entry, needed=f"{first.needed:g}", given=f"{first.given:g}")
        return [put, words(entry=first.entry, needed=f"{first.needed:g}", given=f"{first.given:g}")]
    sentences = [words(entry=first.entry, needed=f"{first.needed:g}", given=f"{first.given:g}")]
    return sentences + [_OR(entry=r.entry, needed=f"{r.needed:g}") for r in repairs[1:3]]


def _list(names: Sequence[str]) -> Phrase:
    return join([_NAME(name=Named(name)) for name in names], _NAMES)


def loss_with_gradient(
    derivation: Derivation,
    claimed: Mapping[str, Node | Stated],
    rate: float,
    values: Mapping[str, Any],
) -> float:
    """Return the loss after one step of gradient descent in which the claimed gradients are used.

    Every parameter moves by −rate · its gradient: the claimed one where there is one, else the
    derivation's own. With `claimed` empty this is the true loss after the step. A claimed gradient
    has its parameter's shape; else raises ShapeError.

    >>> from tidu.calculus.derivation import derive_graph
    >>> from tidu.ir.build import input_node
    >>> from tidu.ir.graph import Graph
    >>> x = input_node("x", ())
    >>> d = derive_graph(Graph({"x": x}, {"L": x * x}), ["x"])
    >>> (
    ...     loss_with_gradient(d, {}, 0.25, {"x": 2.0}),
    ...     loss_with_gradient(d, {"x": 8.0}, 0.25, {"x": 2.0}),
    ... )
    (1.0, 0.0)
    """
    moved: dict[Node, Node] = {}
    for name, parameter in derivation.wrt.items():
        given = claimed.get(name)
        if given is None:
            gradient = derivation.gradients[name]
        elif isinstance(given, Node):
            gradient = given
        else:
            gradient = constant(stated_array(given), parameter.dtype)
        moved[parameter] = parameter - constant(rate, parameter.dtype) * gradient
    after = substitute([derivation.loss], moved)[0]
    return float(evaluate({"loss": after}, values).outputs["loss"].reshape(()))
