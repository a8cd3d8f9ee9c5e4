"""The element zoom: one weight, its paths to the loss, the product along each, their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.calculus.elements import ElementPath, ElementPaths, NodeElement
from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Derivative, Math, Number, Relation, Sum
from tidu.errors import InputError
from tidu.explaining import phrases
from tidu.explaining.chains import product_of
from tidu.explaining.numbers import number_text, value_of
from tidu.explaining.paths import element_name, local_factor
from tidu.explaining.view import View
from tidu.explaining.working import distinct
from tidu.ir.node import reachable
from tidu.ir.op import Loop
from tidu.ir.types import product
from tidu.words import Phrase, Words

_ARROW = Words(en="{trail}", zh="{trail}")


def element_sections(view: View) -> tuple[Block, ...]:
    """Return the paths, their products, the sum, and what they cost, for one element of an
    input."""
    paths = view.elements
    if paths is None:
        raise InputError(phrases.NEED_SIZES())
    name = element_name(view, paths.start)
    blocks: list[Block] = [
        Paragraph(
            phrases.ONE_PATH(loss=view.names.loss, element=name)
            if paths.count == 1
            else phrases.PATHS(count=paths.count, loss=view.names.loss, element=name)
        ),
        *(_path_step(view, number, path) for number, path in enumerate(paths.listed, 1)),
    ]
    if paths.count > len(paths.listed):
        blocks.append(Paragraph(phrases.MORE_PATHS(count=paths.count - len(paths.listed))))
    blocks.append(_sum_step(view, paths))
    if paths.count > 1:
        naive, shared = max(paths.factors - paths.count, 0), multiplications(view)
        blocks.append(Paragraph(phrases.COST(naive=naive, shared=shared)))
    return (Section(phrases.ELEMENT(name=name), tuple(blocks), "element"),)


def _path_step(view: View, number: int, path: ElementPath) -> Step:
    trail = [element_name(view, path.start)]
    for use in path.uses:
        if use.to.node in view.names.forward:
            trail.append(element_name(view, use.to))
    factors = _factors(view, path)
    parts: list[Math] = [_product(factors)]
    if view.valuation is not None:
        numbers = [
            _number(use.value)
            for use, factor in zip(path.uses, factors, strict=True)
            if factor is not None
        ]
        parts = list(
            distinct([*parts, product_of(numbers) if numbers else None, _number(path.value())])
        )
    label: Phrase = phrases.PATH(
        number=number, nodes=_ARROW(trail=Relation(tuple(trail), ("→",) * (len(trail) - 1)))
    )
    return Step(Equation(tuple(parts)), label=label)


def _sum_step(view: View, paths: ElementPaths) -> Step:
    """Return the line of the element's gradient: the sum over the paths if all are listed, and the
    value."""
    parts: list[Math] = [_derivative(view, paths.start)]
    all_listed = len(paths.listed) == paths.count
    if all_listed and view.valuation is None:
        parts.append(Sum(tuple(_product(_factors(view, path)) for path in paths.listed)))
    if all_listed and paths.count > 1 and view.valuation is not None:
        parts.append(Sum(tuple(_number(path.value()) for path in paths.listed)))
    if view.valuation is not None:
        gradient = view.derivation.adjoints.get(paths.start.node)
        exact: Any = 0.0
        if gradient is not None:
            exact = np.asarray(value_of(view.valuation, gradient))[paths.start.index]
        parts.append(_number(float(exact)))
    return Step(Equation(tuple(parts)), label=phrases.ELEMENT_SUM())


def _factors(view: View, path: ElementPath) -> list[Math | None]:
    """Return the local derivatives along a path as formulas; None for each that is 1."""
    return [local_factor(view, use) for use in path.uses]


def _product(factors: Sequence[Math | None]) -> Math:
    return product_of([factor for factor in factors if factor is not None] or [Number("1")])


def _derivative(view: View, start: NodeElement) -> Math:
    return Derivative(view.names.loss, element_name(view, start), view.total())


def _number(value: float) -> Number:
    return Number(number_text(value))


def multiplications(view: View) -> int:
    """Return the number of multiplications in the backward pass: those of each node that only the
    gradients need."""
    forward = {node.id for node in reachable([view.derivation.loss])}
    total = 0
    for node in reachable(view.derivation.gradients.values()):
        if node.id in forward:
            continue
        size = product(node.shape)
        if not isinstance(size, int):
            continue
        if node.op.loop is Loop.CONTRACT:
            inner = node.inputs[0].shape[-1] if node.op.operator == "@" else 1
            total += size * (inner if isinstance(inner, int) else 1)
        elif node.op.operator in ("*", "/", "**"):
            total += size
    return total
