"""What the given values of data have in common that makes a formula shorter: rows that sum to 1.

Targets of a classification are mostly one-hot or probabilities, and nobody writes that down. With
(Y·𝟏)ᵢ = 1 the gradient of a softmax cross-entropy is (P − Y)/n instead of P ⊙ (Y·𝟏·𝟏ᵀ) − Y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tidu.calculus.assumptions import with_assumptions
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.ir.node import Node, reachable
from tidu.ops.arrays.reduction import sum_
from tidu.ops.properties import PROPERTIES
from tidu.words import Phrase, Words

_ROWS = Words(
    en="each row of the given {name} sums to 1, so the derivation uses {name}·𝟏 = 𝟏",
    zh="给定的 {name} 每行之和为 1，因此推导中用到 {name}·𝟏 = 𝟏",
)
_VECTOR = Words(
    en="the elements of the given {name} sum to 1, which the derivation uses",
    zh="给定的 {name} 各元素之和为 1，推导中用到了这一点",
)
_ROWS_SUM = "rows sum to 1"
_TOLERANCE = 1e-12


def noticing(general: Derivation, values: Mapping[str, Any], as_written: bool) -> Derivation:
    """Return the derivation with what the values of its data have in common, which it says; the
    same derivation where that changes no formula."""
    names = [name for name in _rows_that_are_summed(general) if has_shares(values.get(name))]
    if not names:
        return general
    graph = with_assumptions(general.graph, dict.fromkeys(names, _ROWS_SUM))
    remarks = tuple(_said(name, graph.inputs[name]) for name in names)
    graph = replace(graph, remarks=(*graph.remarks, *remarks))
    return derive_graph(graph, list(general.wrt), output=general.loss_name, as_written=as_written)


def holds_of(inputs: Mapping[str, Node], values: Mapping[str, Any]) -> bool:
    """Tell whether values have what was noticed of others: all of `inputs` with that property."""
    return all(
        has_shares(values[name])
        for name, node in inputs.items()
        if name in values and _ROWS_SUM in node.attrs.get("assume", ())
    )


def _rows_that_are_summed(derivation: Derivation) -> list[str]:
    """Return the data whose rows some gradient sums: there the property would be used."""
    names = {
        node: name for name, node in derivation.graph.inputs.items() if name not in derivation.wrt
    }
    sums = (n for n in reachable(list(derivation.adjoints.values())) if n.op is sum_)
    rows = (n.inputs[0] for n in sums if n.attrs["axis"] == (n.inputs[0].rank - 1,))
    return list(dict.fromkeys(names[x] for x in rows if x in names and not x.attrs.get("assume")))


def shares_of(derivation: Derivation) -> list[Node]:
    """Return the steps [x > y] of a derivation whose value at ties is not part of the formula."""
    nodes = reachable([*derivation.gradients.values(), *derivation.adjoints.values()])
    return [n for n in nodes if n.op.jumps is not None and n.attrs.get("tied") is False]


def has_shares(value: Any) -> bool:
    """Tell whether the rows of an array are shares: two or more of them, none negative, which sum
    to 1 up to rounding."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.ndim < 1 or array.shape[-1] < 2 or not array.size:
        return False
    return bool(np.all(array >= 0)) and PROPERTIES[_ROWS_SUM].deviation(array) <= _TOLERANCE


def _said(name: str, node: Node) -> Phrase:
    return (_ROWS if node.rank > 1 else _VECTOR)(name=name)
