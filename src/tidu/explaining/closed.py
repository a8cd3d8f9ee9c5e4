"""Gradients as one formula each: in the inputs alone, and in the short form that runs."""

from __future__ import annotations

from dataclasses import replace

from tidu.calculus.derivation import closed_form
from tidu.document.blocks import Block, Equation, Section, Step
from tidu.document.math import Math
from tidu.explaining import phrases
from tidu.explaining.gradient import LONGEST
from tidu.explaining.naming import name_all
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
    return Section(phrases.CLOSED_FORM(), tuple(blocks), "closed")


def short_section(view: View) -> tuple[Block, ...]:
    """Return each gradient in the form that runs, where that passes over lines of the working."""
    if view.running is None:
        return ()
    running = replace(view, derivation=view.running, names=name_all(view.running), running=None)
    names = {
        node: tree
        for node, tree in running.names.forward.items()
        if node not in running.names.invented
    }
    steps = [
        Step(
            Equation(
                (
                    running.parameter_gradient(node),
                    named(closed_form(view.running, name), names),
                )
            ),
            covers=running.covers(view.running.gradients[name]),
        )
        for name, node in view.running.wrt.items()
    ]
    return (Section(phrases.SHORT_FORM(), tuple(steps), "closed"),)
