"""Ties at the given values: where two entries of a maximum are equal, each gets a share of the
gradient, and only there is that share a part of the formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tidu.calculus.derivation import Derivation, DerivationStep
from tidu.calculus.noticed import shares_of
from tidu.calculus.settings import gradient_nodes, mapped_derivation
from tidu.errors import TiduError
from tidu.ir.build import apply, substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.running.evaluation import run


def with_ties(
    derivation: Derivation, values: Mapping[str, Any], bodies: Mapping[str, Graph]
) -> Derivation:
    """Return the derivation whose formulas hold the shares of entries that tie at these values: the
    same, where none do or where values are missing."""
    shares = shares_of(derivation)
    needed = set(derivation.graph.inputs) - {derivation.graph.upstream}
    if not shares or not needed <= set(values):
        return derivation
    masks = {str(i): _tie(node) for i, node in enumerate(shares)}
    try:
        ties = run(masks, values, bodies).outputs
    except TiduError:
        return derivation  # what cannot be calculated is told by whoever needs it
    tied = [node for i, node in enumerate(shares) if np.any(ties[str(i)])]
    return _mapped(derivation, tied) if tied else derivation


def _tie(node: Node) -> Node:
    assert node.op.jumps is not None
    return node.op.jumps(*node.inputs, **node.attrs)


def _mapped(derivation: Derivation, tied: list[Node]) -> Derivation:
    """Return the derivation with these steps written out."""
    program = [derivation.loss, *derivation.graph.all_nodes(), *derivation.adjoints]
    stated = (node for step in derivation.steps for node in (step.before, step.after))
    old = list(dict.fromkeys([*gradient_nodes(derivation), *stated]))
    image = {node: node for node in program} | _images(old, tied)

    def step(given: DerivationStep) -> DerivationStep:
        part = given.contribution
        made = None if part is None else replace(part, value=image[part.value])
        before, after = image[given.before], image[given.after]
        return replace(given, before=before, after=after, contribution=made)

    mapped = mapped_derivation(derivation, image)
    return replace(mapped, steps=tuple(map(step, derivation.steps)))


def _images(old: list[Node], tied: list[Node]) -> dict[Node, Node]:
    """Return the image of each node, from the innermost step to the outermost."""
    image: dict[Node, Node] = {}
    for node in tied:
        (inside,) = substitute([node], image) if image else [node]
        image[node] = apply(node.op, *inside.inputs, **{**node.attrs, "tied": True})
    return dict(zip(old, substitute(old, image), strict=True))
