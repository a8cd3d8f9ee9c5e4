"""The handles on derivatives of arrays by arrays, Jacobians and Hessians: formula, Kronecker form,
numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.program import Calculate
from tidu.backends.numpy.recovery import recovered, work_of_run
from tidu.backends.program import Valuation
from tidu.calculus.second import MatrixDerivative, result_derivative, second_derivative
from tidu.calculus.settings import with_bodies
from tidu.checking.at_random import RandomPoint, verify_at_random
from tidu.checking.finding import Finding
from tidu.checking.second import is_small, verify_second
from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Math, Relation
from tidu.errors import InputError, UnknownNameError
from tidu.explaining import phrases
from tidu.explaining.numbers import Layout, value_tree
from tidu.explaining.second import jacobian_name, kronecker, matrix_tree, second_name
from tidu.explaining.verdicts import random_point, second_verdict
from tidu.explaining.view import view
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.render import inline, latex
from tidu.running.boundary import (
    THE_DERIVATIVE,
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
_NO_HESSIAN = Words(
    en="{result} is an array; second derivatives are those of one number",
    zh="{result} 是数组；二阶导数是对一个数求的",
)
_NO_HESSIAN_FIX = Words(
    en='jacobian("x") for its first derivatives; for all second ones '
    "tidu.jacobian(tidu.jacobian(f))",
    zh='一阶导数用 jacobian("x")；全部二阶导数用 tidu.jacobian(tidu.jacobian(f))',
)
_NUMBER = Words(
    en="{loss} is one number: its derivatives are its gradient",
    zh="{loss} 是一个数：它的导数就是梯度",
)
_NUMBER_FIX = Words(en='gradient("{name}")', zh='gradient("{name}")')


@dataclass(frozen=True, slots=True, eq=False)
class ArrayDerivative:
    """The derivative of an array by an array: of numbers and vectors a matrix, of anything larger
    an operator, which gives the change along V.
    """

    tree: Math
    left: Math
    kronecker: Math | None  # of H(V) = Σ A·V·B: Σ Bᵀ ⊗ A, for columns stacked
    found: MatrixDerivative = field(repr=False)
    instance: Instance = field(repr=False)
    names: tuple[str, str] = field(repr=False)

    def latex(self) -> str:
        """Return the formula in LaTeX, without the left side."""
        return latex(self.tree)

    def evaluate(self, values: Mapping[str, Any] | None = None, /, **arrays: Any) -> NDArray[Any]:
        """Return all entries at these values: ∂²L/∂x∂y in shape (*x, *y), ∂y/∂x in (*y, *x), four
        axes for two matrices.

        Warns with NoDerivativeWarning where there is none, and with NotFiniteWarning where they are
        NaN or overflow.
        """
        given = self.instance.given({**(values or {}), **arrays}, forward=True)
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
        remarks = remarks_of(limits, {"H": inline(self.left)}, self._what())
        return limits.values["H"], remarks

    def _run(self, given: Mapping[str, Any]) -> tuple[Boundary, Mapping[str, NDArray[Any]]]:
        # The inputs go along: a Hessian of numbers alone still has their named sizes.
        asked, bodies = self._boundary(), self.instance.bodies
        graph = self.instance.graph
        inputs = {name: node for name, node in graph.inputs.items() if name != graph.upstream}
        outputs = {"H": self.found.dense, **inputs, **asked.masks}

        def again(by: Calculate, values: Mapping[str, Any]) -> Valuation:
            return run(outputs, values, bodies, by)

        plain, work = run(outputs, given, bodies), work_of_run(outputs, given)
        moving = list(self.instance.core.wrt)
        valuation = recovered(plain, given, moving, ["H"], again, work=work)
        return asked, valuation.outputs

    def _boundary(self) -> Boundary:
        core, bodies = self.instance.core, self.instance.bodies
        nodes = [self.found.dense, self.found.function]
        image = with_bodies(nodes, bodies) if bodies else {node: node for node in nodes}
        moving = [core.wrt[name] for name in dict.fromkeys(self.names)]
        taken = conditions_of(core, bodies)
        return boundary({"H": image[nodes[0]]}, [image[nodes[1]]], moving, self._order(), taken)

    def _order(self) -> int:
        return 1

    def _what(self) -> Words:
        return THE_DERIVATIVE

    def __str__(self) -> str:
        return inline(Relation((self.left, self.tree), ("=",)))


@dataclass(frozen=True, slots=True, eq=False)
class Hessian(ArrayDerivative):
    """∂²L/∂x∂y. Made by `Derivation.hessian`."""

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

    def _order(self) -> int:
        return 2

    def _what(self) -> Words:
        return THE_SECOND_DERIVATIVE


@dataclass(frozen=True, slots=True, eq=False)
class Jacobian(ArrayDerivative):
    """∂y/∂x of a layer, row i and column j ∂yᵢ/∂xⱼ. Made by `Derivation.jacobian`."""

    source: Callable[[Node], str] = field(repr=False)

    def numpy(self) -> str:
        """Return a NumPy function that calculates all entries, in shape (*y, *x); it does not
        import tidu."""
        return self.source(self.found.dense)


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


def jacobian_section(instance: Instance, layout: Layout) -> Section:
    """Return the Jacobians of a layer by each parameter, and how their entries lie."""
    found = [jacobian_of(instance, name) for name in instance.core.wrt]
    blocks: list[Block] = []
    if any(one.found.direction is None and one.found.dense.rank == 2 for one in found):
        blocks.append(Paragraph(phrases.LAYOUT()))
    blocks += [_step(one, layout) for one in found]
    return Section(phrases.JACOBIAN(), tuple(blocks), "jacobian")


def _step(hessian: ArrayDerivative, layout: Layout) -> Step:
    parts = [hessian.left, hessian.tree]
    remarks: list[Phrase] = []
    if hessian.found.direction is not None:
        first = isinstance(hessian, Jacobian)
        says = phrases.DIFFERENTIAL if first else phrases.OPERATOR
        remarks.append(says(name=hessian.left))
        if hessian.kronecker is not None:
            remarks.append(phrases.KRONECKER(tree=hessian.kronecker))
    elif hessian.instance.runs_forward():
        number, number_remarks = hessian.numbers()
        remarks.extend(number_remarks)
        value = value_tree(number, layout)
        parts += [value] if value != hessian.tree else []
    return Step(Equation(tuple(parts)), remarks=tuple(remarks))


def hessian_of(instance: Instance, x: str, y: str) -> Hessian:
    """Return the second derivative with respect to two of the parameters of a derivation."""
    _check_derived(instance, x, y)
    if instance.core.upstream is not None:
        raise InputError(_NO_HESSIAN(result=instance.core.result_name), fix=_NO_HESSIAN_FIX())
    second = second_derivative(instance.core, x, y)
    shown = view(instance.core, None)
    return Hessian(
        tree=matrix_tree(shown, second),
        left=second_name(shown, x, y, second),
        kronecker=kronecker(shown, second),
        found=second,
        instance=instance,
        names=(x, y),
    )


def jacobian_of(
    instance: Instance, x: str, source: Callable[[Node], str] = lambda _: ""
) -> Jacobian:
    """Return the derivative of the result of a layer by one of its parameters; `source` writes a
    node as NumPy source."""
    _check_derived(instance, x)
    if instance.core.upstream is None:
        raise InputError(_NUMBER(loss=instance.core.loss_name), fix=_NUMBER_FIX(name=x))
    found = result_derivative(instance.core, x)
    shown = view(instance.core, None)
    return Jacobian(
        tree=matrix_tree(shown, found),
        left=jacobian_name(shown, x, found),
        kronecker=kronecker(shown, found),
        found=found,
        instance=instance,
        names=(x, x),
        source=source,
    )


def _check_derived(instance: Instance, *names: str) -> None:
    for name in names:
        if name not in instance.core.wrt:
            known = ", ".join(instance.core.wrt)
            raise UnknownNameError(_NOT_DERIVED(name=name, known=known))
