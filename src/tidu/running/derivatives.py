"""Values of nodes of which some are derivatives, for those who ask for no boundaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tidu.backends.numpy.recovery import evaluate_recovered
from tidu.backends.program import Valuation
from tidu.calculus.bodies import inlined
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.types import FLOATS
from tidu.running.limits import limits
from tidu.running.point import Question


def evaluate_derivatives(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    moving: Collection[str],
    derivatives: Collection[str],
    plain: Valuation | None = None,
    *,
    functions: Sequence[Node] | None = None,
) -> Valuation:
    """Return the values of nodes, with those outputs that are derivatives, by the inputs in
    `moving`, where a plain run does not find them: calculated in another way, or as limits.

    They are those of `functions`, by default of the other outputs: a limit counts where these have
    a value and are continuous.
    """
    found = evaluate_recovered(outputs, values, moving, derivatives, plain, written_out=inlined)
    lost = {name: outputs[name] for name in derivatives if np.isnan(found.outputs[name]).any()}
    if not lost or not all(np.isfinite(value).all() for value in values.values()):
        return found
    if functions is None:
        functions = [node for name, node in outputs.items() if name not in derivatives]
    known = inputs_among(reachable([*lost.values(), *functions]))
    inputs = tuple(known[name] for name in moving if name in known)
    question = Question(lost, tuple(n for n in functions if n.dtype in FLOATS), inputs)
    here = {name: found.outputs[name] for name in lost}
    there = limits(question, values, here, on_boundary=False).values
    filled = {name: np.where(np.isnan(here[name]), there[name], here[name]) for name in lost}
    return replace(found, outputs={**found.outputs, **filled})
