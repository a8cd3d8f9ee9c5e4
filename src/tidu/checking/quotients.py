"""The difference quotients that a study asks for: (f(w+h) − f(w−h)) / 2h at one entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import evaluate
from tidu.calculus.derivation import Derivation
from tidu.errors import StudyError
from tidu.ir.node import Node
from tidu.ir.types import shape_text
from tidu.study.part import Numeric
from tidu.words import Words

_NO_ENTRY = Words(
    en="{name} has shape {shape}: this is not one of its entries",
    zh="{name} 的形状是 {shape}，这不是它的一个元素",
)


@dataclass(frozen=True, slots=True, eq=False)
class Quotient:
    """The loss above and below one entry of an input, `h` away; the index counts from 0."""

    node: Node
    index: tuple[int, ...]
    h: float
    above: float
    below: float


def quotients(
    derivation: Derivation, values: Mapping[str, Any], asked: Sequence[Numeric]
) -> list[Quotient]:
    """Return the quotients of the loss at these values; declared functions are their bodies.

    Raises StudyError for an index that is none of an entry.
    """
    return [_quotient(derivation, values, item) for item in asked]


def _quotient(derivation: Derivation, values: Mapping[str, Any], item: Numeric) -> Quotient:
    index = tuple(i - 1 for i in item.index)
    base = np.array(values[item.of], dtype=float)
    if not _is_entry(base, index):
        what = _NO_ENTRY(name=item.of, shape=shape_text(base.shape))
        raise StudyError(what, place=item.place)

    def loss(step: float) -> float:
        moved = base.copy()
        moved[index] += step
        moved_loss = evaluate({"L": derivation.loss}, {**values, item.of: moved}).outputs["L"]
        return float(moved_loss.reshape(())[()])

    node = derivation.graph.inputs[item.of]
    return Quotient(node, index, item.h, loss(item.h), loss(-item.h))


def _is_entry(array: NDArray[Any], index: tuple[int, ...]) -> bool:
    """Return whether an index says one entry; that of a column may be one number."""
    fits = all(i < n for i, n in zip(index, array.shape, strict=False))
    return len(index) <= array.ndim and fits and array[index].size == 1
