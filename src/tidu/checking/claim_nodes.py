"""What the claims of a study speak of: names of the program as the nodes that run for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidu.backends.numpy.inputs import with_sizes
from tidu.calculus.derivation import Derivation
from tidu.calculus.differentiate import reverse
from tidu.calculus.rewrite import Rewriter
from tidu.calculus.values import zeros_like
from tidu.errors import StudyError, nearest
from tidu.ir.build import filled, input_node, substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.types import shape_text
from tidu.ops.arrays.indexing import index as element
from tidu.optim import StepGraph
from tidu.optim.course import Course
from tidu.study.claims import StatedClaim
from tidu.study.descend import Descend
from tidu.words import Words, verbatim

_NO_NAME = Words(
    en="the claim speaks of {name}, which the model does not have",
    zh="结论提到 {name}，模型里没有这个量",
)
_KNOWN = Words(en="the model has: {names}", zh="模型中有：{names}")
_NO_ENTRY = Words(
    en="there is no {text}: {name} has shape {shape}, and indices are counted from 1",
    zh="没有 {text} 这个元素：{name} 的形状是 {shape}，下标从 1 数起",
)
_NO_DESCENT = Words(
    en="the claim {text} needs a [[descend]] entry", zh="结论 {text} 需要有 [[descend]] 一项"
)


@dataclass(frozen=True, slots=True, eq=False)
class StudyDescent:
    """A descent of a study: what was asked for, one step of it as a graph, and how it went."""

    asked: Descend
    step: StepGraph
    run: Course


@dataclass(frozen=True, slots=True, eq=False)
class ClaimContext:
    """The numbers and descents by which the claims of a part are judged.

    values: those of the inputs. bodies: of declared functions. descents: by name. limits: gradients
    by node, where they are limits and not what their formulas give.
    """

    derivation: Derivation
    values: Mapping[str, Any]
    bodies: Mapping[str, Graph]
    descents: Mapping[str, StudyDescent]
    limits: Mapping[Node, Any]

    def all_values(self) -> dict[str, Any]:
        """Return the values with those of the update rules, each descent's under names of its
        own."""
        values: dict[str, Any] = dict(self.values)
        for name, descent in self.descents.items():
            step = descent.step
            rule_values = {**step.hyper_values(), **step.initial_states(self.values)}
            values |= {self._input_name(name, given): value for given, value in rule_values.items()}
        return values

    def descent(self, claim: StatedClaim) -> StudyDescent:
        """Return the descent that a claim speaks of: the one it names, else the first.

        Raises StudyError where the study has none.
        """
        if claim.descend in self.descents:
            return self.descents[claim.descend]
        if not self.descents:
            raise StudyError(_NO_DESCENT(text=claim.text), place=claim.place)
        return next(iter(self.descents.values()))

    def updated(self, descent: StudyDescent, parameter: str) -> Node:
        """Return the new parameter, with the settings and the memory of its own descent: several
        descents have a learning rate, and it is one and the same input until it is named apart."""
        step = descent.step
        name = next(name for name, other in self.descents.items() if other is descent)
        inputs = [*step.hyper.values(), *(state.before for state in step.states)]
        apart = {
            node: input_node(self._input_name(name, node.attrs["name"]), node.shape, node.dtype)
            for node in inputs
        }
        (node,) = substitute([step.updated[parameter]], apart)
        return node

    def _input_name(self, descent: str, given: str) -> str:
        """Return the name of an input of a step; the first descent keeps the plain ones."""
        return given if descent == next(iter(self.descents)) else f"{given} ({descent})"


def target_of(setting: ClaimContext, claim: StatedClaim) -> Node:
    """Return the node that a claim is about, one element of it where the claim has an index.

    Raises StudyError for a name that the model does not have.
    """
    whole, index = _whole_target(setting, claim), claim.target.index
    if not index:
        return whole
    key = _key(whole, index)
    shape = tuple(with_sizes([whole], setting.values)[0].shape)
    if len(key) != len(shape) or not all(i < n for i, n in zip(key, shape, strict=True)):
        facts = {"text": claim.text, "name": claim.target.name, "shape": shape_text(shape)}
        raise StudyError(_NO_ENTRY(**facts), place=claim.place)
    return element(whole, key=key)


def _whole_target(setting: ClaimContext, claim: StatedClaim) -> Node:
    known = setting.derivation.named_nodes()
    target = claim.target
    if target.kind == "new":
        descent = setting.descent(claim)
        if target.name not in descent.step.updated:
            raise unknown_name(claim, target.name, list(descent.step.updated))
        return setting.updated(descent, target.name)
    if target.name not in known:
        raise unknown_name(claim, target.name, list(known))
    if target.kind == "value":
        return known[target.name]
    return _gradient(setting.derivation, target.output, known[target.name], known, claim)


def _gradient(
    derivation: Derivation, output: str, node: Node, known: Mapping[str, Node], claim: StatedClaim
) -> Node:
    """Return ∂output/∂node; the loss's own adjoint if `output` is the loss."""
    if output in ("", derivation.loss_name):
        return derivation.adjoints.get(node) or zeros_like(node)
    if output not in known:
        raise unknown_name(claim, output, list(known))
    top = known[output]
    atoms = {n.id for n in reachable([derivation.loss])}
    seed = filled(1.0, top.type)
    gradients = reverse([top], [seed], [node], Rewriter("simplify", atoms).normalise).gradients
    return gradients[node] if node in gradients else zeros_like(node)


def unknown_name(claim: StatedClaim, name: str, known: Sequence[str]) -> StudyError:
    """Return the error for a claim about a name that is none of the `known` ones."""
    close = nearest(name, known)
    return StudyError(
        _NO_NAME(name=name),
        place=claim.place,
        why=_KNOWN(names=", ".join(dict.fromkeys(known))),
        fix=verbatim(close) if close else None,
    )


def _key(node: Node, index: tuple[int, ...]) -> tuple[int, ...]:
    """Return the indices of one element from 0, given from 1; a column may be given one index."""
    key = tuple(i - 1 for i in index)
    return (*key, 0) if len(key) == 1 and node.rank == 2 and node.shape[1] == 1 else key
