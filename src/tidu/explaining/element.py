"""The element zoom: one weight, its paths to the loss, the product along each, their sum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Derivative, Math, Number, Relation, Sum
from tidu.errors import InputError
from tidu.explaining import phrases
from tidu.explaining.chains import product_of
from tidu.explaining.numbers import number_text
from tidu.explaining.paths import ElementGraph, Place, Use, element_name, value_of
from tidu.explaining.view import View
from tidu.explaining.working import distinct
from tidu.ir.body import result_types
from tidu.ir.node import reachable
from tidu.ir.op import Loop
from tidu.ir.types import COMPLEX, product
from tidu.words import Phrase, Words, verbatim

MOST_LISTED = 20

_ELEMENT = re.compile(r"\s*(\w+)\s*(?:\[\s*([\d\s,]+)\])?\s*")
_ARROW = Words(en="{trail}", zh="{trail}")


@dataclass(frozen=True, slots=True)
class ElementPath:
    """The uses along one path, from the weight up to the loss."""

    start: Place
    uses: tuple[Use, ...]

    def value(self) -> float:
        result = 1.0
        for use in self.uses:
            result *= use.value
        return result


def _refuse_complex(view: View) -> None:
    """Refuse complex programs: a path would carry two numbers and their conjugates."""
    for node in reachable([view.derivation.loss]):
        if any(type.dtype in COMPLEX for type in result_types(node.type)):
            raise InputError(phrases.NO_COMPLEX_PATHS(), fix=verbatim('zoom="op"'))


def element_sections(view: View) -> tuple[Block, ...]:
    """Return Paths, products, sum, and what they cost, for one element of an input."""
    if view.probe is None:
        raise InputError(phrases.NEED_SIZES())
    start = read_element(view, view.options.of)
    _refuse_complex(view)
    graph = ElementGraph(view)
    counts, factors = graph.count()
    here = int(counts[start.node.id][start.index]) if start.node.id in counts else 0
    found = list_paths(graph, start, MOST_LISTED)
    name = element_name(view, start)
    blocks: list[Block] = [
        Paragraph(
            phrases.ONE_PATH(loss=view.names.loss, element=name)
            if here == 1
            else phrases.PATHS(count=here, loss=view.names.loss, element=name)
        ),
        *(_path_step(view, number, path) for number, path in enumerate(found, 1)),
    ]
    if here > len(found):
        blocks.append(Paragraph(phrases.MORE_PATHS(count=here - len(found))))
    blocks.append(_sum_step(view, start, found, here))
    if here > 1:
        naive = int(factors[start.node.id][start.index]) - here
        blocks.append(Paragraph(phrases.COST(naive=max(naive, 0), shared=multiplications(view))))
    return (Section(phrases.ELEMENT(name=name), tuple(blocks)),)


def read_element(view: View, text: str | None) -> Place:
    """Return the text "W1[1,2]", counted from 1, as an input and an index from 0.

    None takes the first parameter's first entry.
    """
    if text is None:
        node = next(iter(view.derivation.wrt.values()))
        return Place(node, (0,) * node.rank)
    match = _ELEMENT.fullmatch(text)
    node = view.derivation.graph.inputs.get(match.group(1)) if match else None
    if match is None or node is None:
        raise _refused(view, text)
    numbers = [int(part) for part in (match.group(2) or "").replace(",", " ").split()]
    if len(numbers) == 1 and node.rank == 2 and node.shape[1] == 1:
        numbers.append(1)  # x[2] of a column is x[2,1]
    if not numbers and product(node.shape) == 1:
        numbers = [1] * node.rank
    if len(numbers) != node.rank or any(
        not 1 <= n <= d for n, d in zip(numbers, node.shape, strict=True) if isinstance(d, int)
    ):
        raise _refused(view, text)
    return Place(node, tuple(n - 1 for n in numbers))


def _refused(view: View, text: str) -> InputError:
    name, node = next(iter(view.derivation.wrt.items()))
    index = ",".join("1" for _ in node.shape)
    example = f"{name}[{index}]" if index else name
    return InputError(phrases.NO_ELEMENT(text=text), fix=phrases.NO_ELEMENT_FIX(name=example))


def list_paths(graph: ElementGraph, start: Place, most: int) -> list[ElementPath]:
    """Return the first `most` paths from an element to the loss, depth first."""
    found: list[ElementPath] = []
    stack: list[ElementPath] = [ElementPath(start, ())]
    while stack and len(found) < most:
        path = stack.pop()
        end = path.uses[-1].to if path.uses else start
        if end.node is graph.view.derivation.loss:
            found.append(path)
            continue
        stack.extend(ElementPath(start, (*path.uses, use)) for use in reversed(graph.uses(end)))
    return found


def _path_step(view: View, number: int, path: ElementPath) -> Step:
    trail = [element_name(view, path.start)]
    for use in path.uses:
        if use.to.node in view.names.forward:
            trail.append(element_name(view, use.to))
    numbers = [_number(use.value) for use in path.uses if use.factor is not None]
    parts: list[Math] = [product_of(_letters(path))]
    if view.valuation is not None:
        parts = list(
            distinct([*parts, product_of(numbers) if numbers else None, _number(path.value())])
        )
    label: Phrase = phrases.PATH(
        number=number, nodes=_ARROW(trail=Relation(tuple(trail), ("→",) * (len(trail) - 1)))
    )
    return Step(Equation(tuple(parts)), label=label)


def _sum_step(view: View, start: Place, found: list[ElementPath], count: int) -> Step:
    """Return the gradient of the element: the sum over the paths if all are listed, and the
    value."""
    parts: list[Math] = [_derivative(view, start)]
    if len(found) == count and view.valuation is None:
        parts.append(Sum(tuple(product_of(_letters(path)) for path in found)))
    if 1 < len(found) == count and view.valuation is not None:
        parts.append(Sum(tuple(_number(path.value()) for path in found)))
    if view.valuation is not None:
        gradient = view.derivation.adjoints.get(start.node)
        exact: Any = 0.0
        if gradient is not None:
            exact = np.asarray(value_of(view.valuation, gradient))[start.index]
        parts.append(_number(float(exact)))
    return Step(Equation(tuple(parts)), label=phrases.ELEMENT_SUM())


def _letters(path: ElementPath) -> list[Math]:
    return [use.factor for use in path.uses if use.factor is not None] or [Number("1")]


def _derivative(view: View, start: Place) -> Math:
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
