"""Gradients put back in the inputs: every name of an intermediate result opened."""

from __future__ import annotations

from tidu.document.blocks import Block, Equation, Section, Step
from tidu.document.math import Math
from tidu.explain import phrases
from tidu.explain.trees import expression_nodes, named
from tidu.explain.view import View
from tidu.explain.working import distinct

LONGEST = 60


def closed_section(view: View) -> Section:
    """∂L/∂x in the user's names, then in the inputs alone (where that is still readable)."""
    inputs: dict[object, Math] = {n: s for n, s in view.names.forward.items() if not n.inputs}
    blocks: list[Block] = []
    for name, gradient in view.derivation.gradients.items():
        parts: list[Math | None] = [view.gradient_name(view.derivation.wrt[name])]
        parts.append(named(gradient, view.names.forward))
        if len(expression_nodes(gradient, inputs.__contains__)) <= LONGEST:
            parts.append(named(gradient, {n: s for n, s in view.names.forward.items() if not n.inputs}))
        parts.append(view.value(gradient))
        blocks.append(Step(Equation(distinct(parts)), covers=view.covers(gradient)))
    return Section(phrases.CLOSED_FORM(), tuple(blocks))
