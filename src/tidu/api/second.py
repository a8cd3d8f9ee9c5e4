"""The handle on a second derivative: its formula, its Kronecker form, its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.program import Calculate
from tidu.backends.numpy.recovery import recovered, work_of_run
from tidu.backends.program import Valuation
from tidu.calculus.second import SecondDerivative, second_derivative
from tidu.calculus.settings import with_bodies
from tidu.checking.at_random import RandomPoint, verify_at_random
from tidu.checking.finding import Finding
from tidu.checking.second import is_small, verify_second
from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Math, Relation
from tidu.errors import UnknownNameError
from tidu.explaining import phrases
from tidu.explaining.numbers import Layout, value_tree
from tidu.explaining.second import kronecker, second_name, second_tree
from tidu.explaining.verdicts import random_point, second_verdict
from tidu.explaining.view import view
from tidu.ir.graph import Graph
from tidu.render import inline, latex
from tidu.running.boundary import (
    THE_SECOND_DERIVATIVE,
    Boundary,
    boundary,
    conditions_of,
    limits_on,
    remarks_of,
    unflagged,
)
from tidu.running.culprit import warn_result
from tidu.running.evaluation import run
from tidu.running.instance import Instance
from tidu.words import Phrase, Words

_NOT_DERIVED = Words(
    en="the loss was not derived with respect to {name}; derived: {known}",
    zh="没有对 {name} 求导；已求：{known}",
)


@dataclass(frozen=True, slots=True, eq=False)
class Hessian:
    """∂²L/∂x∂y: of numbers and vectors a matrix; of a matrix the operator H(V), which gives the
    change of the gradient along V. Made by `Derivation.hessian`.
    """

    tree: Math
    left: Math
    kronecker: Math | None  # of H(V) = Σ A·V·B: Σ Bᵀ ⊗ A, for columns stacked
    found: SecondDerivative = field(repr=False)
    instance: Instance = field(repr=False)
    names: tuple[str, str] = field(repr=False)

    def latex(self) -> str:
        """Return the formula in LaTeX, without the left side."""
        return latex(self.tree)

    def evaluate(self, values: Mapping[str, Any] | None = None, /, **arrays: Any) -> NDArray[Any]:
        """Return all second derivatives at these values: shape (*x, *y), four axes for two
        matrices.

        Warns with NoDerivativeWarning where there is none, and with NotFiniteWarning where they are
        NaN or overflow.
        """
        given = self.instance.given({**(values or {}), **arrays})
        asked, outputs = self._run(given)
        value = asked.with_limits(inline(self.left), given, outputs)["H"]
        told = unflagged(outputs["H"], value)
        if not np.isfinite(told).all():
            graph = replace(self.instance.graph, outputs={"H": self.found.dense})
            told = {self.found.dense: told}
            warn_result(inline(self.left), graph, told, given, self.instance.bodies)
        return value

    def numbers(self) -> tuple[NDArray[Any], tuple[Phrase, ...]]:
        """Return the same at the values of the derivation, with remarks instead of warnings."""
        given = self.instance.values
        asked, outputs = self._run(given)
        limits = limits_on(asked, given, outputs)
        if limits is None:
            return outputs["H"], ()
        remarks = remarks_of(limits, {"H": inline(self.left)}, THE_SECOND_DERIVATIVE)
        return limits.values["H"], remarks

    def verify(
        self, values: Mapping[str, NDArray[Any]], bodies: Mapping[str, Graph] | None = None
    ) -> Finding:
        """Check it against slopes of the gradient at these values."""
        known = self.instance.bodies if bodies is None else bodies
        here = replace(self.instance, values=values, bodies=known)
        sizes = [np.shape(values[name]) for name in self.names]
        if not is_small(*sizes):
            return Finding("undecided", self.names[0], "given values")
        numbers = replace(self, instance=here).numbers
        return verify_second(here.core, self.names, values, known, lambda: numbers()[0])

    def _run(self, given: Mapping[str, Any]) -> tuple[Boundary, Mapping[str, NDArray[Any]]]:
        # The inputs go along: a Hessian of numbers alone still has their named sizes.
        asked, bodies = self._boundary(), self.instance.bodies
        outputs = {"H": self.found.dense, **self.instance.graph.inputs, **asked.masks}

        def again(by: Calculate, values: Mapping[str, Any]) -> Valuation:
            return run(outputs, values, bodies, by)

        plain, work = run(outputs, given, bodies), work_of_run(outputs, given)
        moving = list(self.instance.core.wrt)
        valuation = recovered(plain, given, moving, ["H"], again, work=work)
        return asked, valuation.outputs

    def _boundary(self) -> Boundary:
        core, bodies = self.instance.core, self.instance.bodies
        nodes = [self.found.dense, core.loss]
        image = with_bodies(nodes, bodies) if bodies else {node: node for node in nodes}
        moving = [core.wrt[name] for name in dict.fromkeys(self.names)]
        taken = conditions_of(core, bodies)
        return boundary({"H": image[nodes[0]]}, [image[nodes[1]]], moving, 2, taken)

    def __str__(self) -> str:
        return inline(Relation((self.left, self.tree), ("=",)))


def second_section(instance: Instance, pairs: Sequence[tuple[str, str]], layout: Layout) -> Section:
    """Return the second derivatives as a part of a report, with their values where these are
    known."""
    hessians = [hessian_of(instance, *pair) for pair in pairs]
    steps = tuple(_step(hessian, layout) for hessian in hessians)
    return Section(phrases.SECOND(), (*steps, *_checked(instance, hessians)), "second")


def _checked(instance: Instance, hessians: Sequence[Hessian]) -> list[Block]:
    """Return a verdict on each second derivative: at the known values, or at random ones."""

    def check(point: RandomPoint) -> tuple[Finding, ...]:
        return tuple(hessian.verify(point.values, point.bodies) for hessian in hessians)

    if instance.has_numbers():
        point, findings = None, check(RandomPoint({}, (), instance.values, instance.bodies))
    else:
        found = verify_at_random(instance, check)
        if found is None:
            return [Paragraph(phrases.NO_POINT())]
        point, findings = found.point, found.findings
    verdicts = [second_verdict(h.left, f) for h, f in zip(hessians, findings, strict=True)]
    return [*random_point(point), *verdicts]


def _step(hessian: Hessian, layout: Layout) -> Step:
    parts = [hessian.left, hessian.tree]
    remarks: list[Phrase] = []
    if hessian.found.direction is not None:
        remarks.append(phrases.OPERATOR(name=hessian.left))
        if hessian.kronecker is not None:
            remarks.append(phrases.KRONECKER(tree=hessian.kronecker))
    elif hessian.instance.has_numbers():
        number, number_remarks = hessian.numbers()
        remarks.extend(number_remarks)
        value = value_tree(number, layout)
        parts += [value] if value != hessian.tree else []
    return Step(Equation(tuple(parts)), remarks=tuple(remarks))


def hessian_of(instance: Instance, x: str, y: str) -> Hessian:
    """Return the second derivative with respect to two of the parameters of a derivation."""
    for name in (x, y):
        if name not in instance.core.wrt:
            known = ", ".join(instance.core.wrt)
            raise UnknownNameError(_NOT_DERIVED(name=name, known=known))
    second = second_derivative(instance.core, x, y)
    shown = view(instance.core, None)
    return Hessian(
        tree=second_tree(shown, second),
        left=second_name(shown, x, y, second),
        kronecker=kronecker(shown, second),
        found=second,
        instance=instance,
        names=(x, y),
    )
