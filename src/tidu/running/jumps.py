"""Warnings of jumps: gradients that are zero because a function changes in jumps alone, and those
that are taken where one jumps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidu.calculus.derivation import Derivation, flat_ends
from tidu.errors import FlatWarning, NoDerivativeWarning, TiduWarning, warn
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import Kink
from tidu.words import Words

_FLAT = Words(
    en="∂{loss}/∂{name} is 0: {loss} depends on {name} only through {ends}, which changes in "
    "jumps, if at all; the derivative is zero almost everywhere, and does not exist at a jump",
    zh="∂{loss}/∂{name} 为 0：{loss} 只通过 {ends} 依赖于 {name}，而后者至多发生跳变；"
    "导数几乎处处为零，在跳变处不存在",
)
_AT_A_JUMP = Words(
    en="{what} jumps here (at {at}) and has no derivative; the value used is {value}",
    zh="{what} 在此处跳变（{at}），没有导数；这里取{value}",
)

Jumps = Mapping[str, tuple[Node, Kink, Node]]  # a node, where it jumps, the mask that is true there


def warn_flat(derivation: Derivation) -> None:
    """Warn, at the line of the program, of each input that reaches the loss through flat functions
    alone (argsort, round, a comparison). Those of derivative rules are none of the user's: that the
    second derivative of a sort is zero needs no word."""
    for name in derivation.unused:
        ends = flat_ends(derivation, name)
        if not ends or not all(end in derivation.graph.places for end in ends):
            continue
        shown = ", ".join(_written(derivation, end) for end in ends)
        said = FlatWarning(_FLAT(loss=derivation.loss_name, name=name, ends=shown))
        _warn(said, derivation, ends)


def jumps(derivation: Derivation) -> Jumps:
    """Return the jumps of the functions that the gradients go through, with a name for each."""
    found = [
        (node, kink, kink.where(*node.inputs, **node.attrs))
        for node in derivation.adjoints
        for kink in node.op.kinks
        if kink.warned
    ]
    return {f"jump/{i}": entry for i, entry in enumerate(found)}


def warn_jumps(derivation: Derivation, known: Jumps, outputs: Mapping[str, Any]) -> None:
    """Warn, at the line of the program, of each that the values lie on."""
    for name, (node, kink, _) in known.items():
        if np.any(outputs[name]):
            facts = {"what": _written(derivation, node), "at": kink.at, "value": kink.value}
            _warn(NoDerivativeWarning(_AT_A_JUMP(**facts)), derivation, (node,))


def _warn(said: TiduWarning, derivation: Derivation, at: tuple[Node, ...]) -> None:
    places = (place for node in at for place in derivation.graph.places.get(node, ()))
    place = next((place for place in places if place.file is not None), None)
    warn(said, place)


def _written(derivation: Derivation, node: Node) -> str:
    name = derivation.graph.name_of(node)
    return describe(node) if name is None else name.text
