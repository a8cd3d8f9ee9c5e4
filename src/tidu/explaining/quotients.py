"""The numeric derivative as calculated by hand: two values of the loss, difference, quotient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidu.calculus.elements import NodeElement
from tidu.checking.quotients import Quotient
from tidu.document.blocks import Block, Equation, Note, Section, Step
from tidu.document.math import (
    Apply,
    Derivative,
    Fraction,
    Math,
    Number,
    Product,
    Relation,
    Sum,
    Symbol,
    negate,
)
from tidu.explaining import phrases
from tidu.explaining.numbers import number_text, value_of
from tidu.explaining.paths import element_name
from tidu.explaining.view import View


def numeric_section(view: View, quotients: Sequence[Quotient]) -> Section:
    """Return one line a quotient, and which way the update will move the entry."""
    blocks: list[Block] = []
    for item in quotients:
        blocks += [_line(view, item), *_direction(view, item)]
    return Section(phrases.NUMERIC(), tuple(blocks), "numeric")


def _line(view: View, item: Quotient) -> Step:
    name = element_name(view, NodeElement(item.node, item.index))
    h = Number(_decimal(item.h))
    loss = view.names.loss
    top = Sum((Apply(loss, (Sum((name, h)),)), negate(Apply(loss, (Sum((name, negate(h))),)))))
    formula = Fraction(top, Product((Number("2"), h), "·"))
    numbers = Fraction(
        Sum((Number(f"{item.above:.12g}"), negate(Number(f"{item.below:.12g}")))),
        Product((Number("2"), h), "·"),
    )
    value = Number(f"{(item.above - item.below) / (2 * item.h):.10g}")
    return Step(
        Equation((Derivative(view.names.loss, name, view.total()), formula, numbers, value), "≈"),
        rule=phrases.NUMERIC_RULE(
            h=Relation((Symbol("h"), h), ("=",)), exact=Number(number_text(_exact(view, item)))
        ),
    )


def _decimal(value: float) -> str:
    """Return 0.000001 written out, as in the source."""
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text if float(text) == value else repr(value)


def _direction(view: View, item: Quotient) -> list[Note]:
    exact = _exact(view, item)
    if exact == 0:
        return []
    name = element_name(view, NodeElement(item.node, item.index))
    gradient: Math = Derivative(view.names.loss, name, view.total())
    text = phrases.WILL_GROW if exact < 0 else phrases.WILL_SHRINK
    return [Note("info", text(gradient=gradient, name=name))]


def _exact(view: View, item: Quotient) -> float:
    """Return the derived gradient at the entry."""
    gradient = view.derivation.adjoints.get(item.node)
    if gradient is None or view.valuation is None:
        return 0.0
    return float(np.asarray(value_of(view.valuation, gradient))[item.index])
