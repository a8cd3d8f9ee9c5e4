"""The working of a program line by line, as its user wrote it.

The rewrites for stability see through lines: c = −x, b = eᶜ, a = 1 + b, f = 1/a becomes f = σ(x),
which is what should run. But the four lines are what the user wants to see, and each has a factor
of its own in the chain rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form
from tidu.ops.elementwise.exponential import exp, log
from tidu.ops.elementwise.powers import power

_WRITTEN_OUT = frozenset({"+", "-", "*", "/", "neg"})  # operators that a line is written out with
_TOLERANCE = 1e-9


def line_by_line(derivation: Derivation) -> Derivation | None:
    """Return the derivation in which every line that the user names has its factor, where rewrites
    for stability took some away; None where they took none.

    Equal to the given one wherever both are finite. A line that is a function with a name of its
    own, such as p = σ(z) or P = softmax(Z), may be passed over: ln p then is one function of z, as
    textbooks have it.
    """
    graph = derivation.graph
    named = {derivation.run_node(n) for n in graph.names if n.inputs} | set(graph.names)
    refused: list[Node] = []

    def allows(before: Node, after: Node) -> bool:
        taken = _taken_away(before, after, named)
        if taken:
            refused.append(before)
        return not taken

    if not any(
        step.kind == "stabilise" and _taken_away(step.before, step.after, named)
        for step in derivation.steps
    ):
        return None
    lines = derive_graph(graph, list(derivation.wrt), output=derivation.loss_name, allows=allows)
    return lines if refused else None


def agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two ways to calculate the same gradients give the same numbers here."""
    return all(
        np.all(np.isfinite(one[name]))
        and np.allclose(one[name], other[name], rtol=_TOLERANCE, atol=1e-300)
        for name in one
    )


def _taken_away(before: Node, after: Node, named: set[Node]) -> bool:
    """Tell whether a rewrite takes a line that is written out by arithmetic, exp or log out of the
    program, and puts no textbook function of whole arrays in its place."""
    if any(part.op.form is Form.COMPOSITE for part in (after, *after.inputs)):
        return False
    kept = {part.id for part in reachable([after])}
    inner = (part for part in reachable([before]) if part is not before)
    return any(part in named and part.id not in kept and _is_written_out(part) for part in inner)


def _is_written_out(node: Node) -> bool:
    return node.op.operator in _WRITTEN_OUT or node.op in (exp, log, power)
