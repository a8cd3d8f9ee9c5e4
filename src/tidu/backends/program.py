"""What every backend gives: a Program that runs a graph on arrays, and the Valuation it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError
from tidu.ir.flat import Flat
from tidu.ir.node import Node
from tidu.ir.types import FLOATS
from tidu.words import Phrase, Words

Array = NDArray[Any]

_MISSING = Words(en="no value was given for {names}", zh="没有给出 {names} 的值")


def no_values(names: Sequence[str]) -> InputError:
    """Return the error for inputs without a value."""
    return InputError(_MISSING(names=", ".join(names)))


@dataclass(frozen=True, slots=True, eq=False)
class Valuation(Flat):
    """The arrays of one run: outputs by name and, in a keep-all run, every node's value.

    left_range: whether some number on the way was too large or too small to be held, as far as that
    is known. undefined: whether NumPy met a division by zero or an invalid operation. remarks: what
    was calculated otherwise than the program says.
    """

    outputs: Mapping[str, Array]
    values: Mapping[Node, Array]
    left_range: bool = False
    undefined: bool = False
    remarks: tuple[Phrase, ...] = ()

    def __getitem__(self, node: Node) -> Array:
        return self.values[node]

    def __contains__(self, node: Node) -> bool:
        return node in self.values


class Program(Protocol):
    """A compiled graph. Arrays given to `run` are never written; results are the caller's own."""

    def run(self, inputs: Mapping[str, Any], *, keep_all: bool = False) -> Valuation: ...


def first_not_finite(valuation: Valuation, order: list[Node]) -> Node | None:
    """Return the first node, operands first, that holds NaN or infinity although its operands do
    not."""
    for node in order:
        if node not in valuation or node.dtype not in FLOATS:
            continue
        if not np.all(np.isfinite(valuation[node])) and all(
            np.all(np.isfinite(valuation[c])) for c in node.inputs if c in valuation
        ):
            return node
    return None
