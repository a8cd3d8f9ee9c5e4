"""Gradients put back in the inputs: with every name of an intermediate result expanded."""

from __future__ import annotations

from tidu.calculus.derivation import closed_form
from tidu.document.blocks import Block, Equation, Section, Step
from tidu.document.math import Math
from tidu.explaining import phrases
from tidu.explaining.gradient import LONGEST
from tidu.explaining.trees import expression_nodes, named
from tidu.explaining.view import View
from tidu.explaining.working import distinct
from tidu.ir.node import Node


def closed_section(view: View) -> Section:
    """Return the section with ∂L/∂x in the user's names, then in the inputs alone where that is
    still readable."""
    inputs: dict[Node, Math] = {n: s for n, s in view.names.forward.items() if not n.inputs}
    blocks: list[Block] = []
    for name, gradient in view.derivation.gradients.items():
        closed = closed_form(view.derivation, name)
        parts: list[Math | None] = [view.parameter_gradient(view.derivation.wrt[name])]
        parts.append(named(closed, view.names.forward))
        if len(expression_nodes(closed, inputs.__contains__)) <= LONGEST:
            parts.append(named(closed, inputs))
        parts.append(view.value(gradient))
        blocks.append(Step(Equation(distinct(parts)), covers=view.covers(gradient)))
    return Section(phrases.CLOSED_FORM(), tuple(blocks))
