"""What is shown and checked of a layer, whose result is an array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tidu.api.second import jacobian_of, jacobian_section
from tidu.backends.program import Valuation
from tidu.checking import Finding, verify
from tidu.checking.at_random import RandomPoint, verify_at_random
from tidu.document.blocks import Document, Section
from tidu.explaining.compose import layer_document
from tidu.explaining.shown import shown_nodes
from tidu.explaining.verdicts import check_section, unchecked_section
from tidu.explaining.view import Options, View, view
from tidu.ir.node import Node, moved_by
from tidu.running.evaluation import run
from tidu.running.instance import Instance
from tidu.running.noise import without_noise
from tidu.running.numbers import evaluated

LARGEST = 100_000  # entries of a Jacobian that is checked as a whole


def layer_page(instance: Instance, options: Options, title: str | None) -> Document:
    """Return the page of a layer, with the numbers of its forward pass and its Jacobians where
    values are known."""
    core = instance.core
    known = instance.runs_forward()
    valuation = _forward_numbers(instance, shown_nodes(core)) if known else None
    cleaned = {} if valuation is None else without_noise(valuation)
    seen = view(core, valuation, options, cleaned=cleaned)
    jacobians = jacobian_section(instance, options.layout)
    return layer_document(seen, jacobians, layer_check(instance, seen), title)


def layer_check(instance: Instance, seen: View) -> tuple[Section, ...]:
    """Return the section of the numerical check: at the values that are known, at random ones where
    some are missing."""
    if instance.runs_forward():
        return (check_section(seen, verify_layer(instance, {})),)

    def check(point: RandomPoint) -> tuple[Finding, ...]:
        return verify_layer(replace(instance, values=point.values, bodies=point.bodies), {})

    found = verify_at_random(instance, check)
    if found is None:
        return (unchecked_section(),)
    return (check_section(seen, found.findings, found.point),)


def _forward_numbers(instance: Instance, nodes: Mapping[str, Node]) -> Valuation:
    """Return the values of what does not depend on the upstream gradient."""
    upstream = instance.core.upstream
    assert upstream is not None
    behind = moved_by(nodes.values(), [upstream])
    free = {n: node for n, node in nodes.items() if node.id not in behind and node is not upstream}
    return run(free, instance.values, instance.bodies)


def verify_layer(
    instance: Instance, values: Mapping[str, Any], seed: int = 0
) -> tuple[Finding, ...]:
    """Check each Jacobian of a layer at these values: its product with a random upstream gradient,
    which reads every entry, against a complex step or differences of Σ G ⊙ y."""
    core = instance.core
    upstream = core.upstream
    assert upstream is not None
    known = instance.given(values, forward=True)
    shape = np.shape(run({"y": core.result}, known, instance.bodies).outputs["y"])
    rng = np.random.default_rng(seed)
    g = rng.standard_normal(shape).astype(upstream.dtype)
    known.setdefault(core.graph.upstream, g)
    found = replace(instance, values=known)
    stated = dict(evaluated(found, known).gradients)
    for name in core.wrt:
        if g.size * math.prod(np.shape(known[name])) <= LARGEST:
            jacobian = jacobian_of(found, name).evaluate()
            stated[name] = np.tensordot(known[core.graph.upstream], jacobian, g.ndim)
    return verify(found.with_bodies(), known, gradients=stated)
