"""When two stages are alike: bodies whose code differs in nothing but the buffers.

The layers of a deep network then share their functions, and it compiles in the time of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidu.backends.native.schedule.expression import (
    Convert,
    Coordinate,
    Expression,
    Head,
    Load,
    NumericLiteral,
    ScalarCall,
    literal_text,
    walk,
)
from tidu.backends.native.schedule.nests import LoopNest, Reduction, Store
from tidu.backends.native.schedule.position import (
    FloorQuotient,
    IndexEntry,
    LoopIndex,
    Position,
    Remainder,
)
from tidu.ir.node import Node


def signature(nest: LoopNest, slots: Mapping[Node, int]) -> Any:
    """Return a key that is equal for nests with the same code. `slots` numbers the buffers."""
    parts = walk([*nest.roots(), *_entries(nest)])
    numbered = _Numbered(slots, {id(part): number for number, part in enumerate(parts)})
    return (
        nest.kind,
        tuple((loop.name, loop.size) for loop in nest.loops),
        tuple(numbered.part(part) for part in parts),
        tuple(numbered.store(store) for store in nest.stores),
        tuple((loops, numbered.store(store)) for loops, store in nest.sources),
        nest.zeroed,
        nest.axis,
        None if nest.reduction is None else numbered.reduction(nest.reduction),
    )


def _entries(nest: LoopNest) -> list[Expression]:
    """Return the index arrays that say where something is stored."""
    stores = (*nest.stores, *(store for _, store in nest.sources))
    return [entry.value for store in stores for entry in store.at.entries()]


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Describes parts of a nest by number instead of by identity."""

    slots: Mapping[Node, int]
    parts: Mapping[int, int]

    def place(self, position: Position) -> Any:
        return position.constant, tuple(
            (self.atom(atom), factor) for atom, factor in position.terms
        )

    def atom(self, atom: Any) -> Any:
        match atom:
            case LoopIndex(name, size):
                return name, size
            case FloorQuotient(value, divisor):
                return "/", self.place(value), divisor
            case Remainder(value, divisor):
                return "%", self.place(value), divisor
            case IndexEntry(value, size):
                return "entry", self.parts[id(value)], size
            case _:
                raise AssertionError(atom)

    def part(self, part: Expression) -> Any:
        match part:
            case Load(buffer, at, dtype):
                return "load", self.slots[buffer], self.place(at), dtype
            case NumericLiteral(value, dtype):
                return "literal", literal_text(value), dtype
            case Coordinate(at, dtype):
                return "place", self.place(at), dtype
            case Convert(value, dtype):
                return "convert", self.parts[id(value)], dtype
            case ScalarCall(tree, operands, numbers, work, dtype):
                given = tuple((name, self.parts[id(value)]) for name, value in operands.items())
                named = tuple((name, literal_text(n)) for name, n in sorted(numbers.items()))
                return "apply", tree, given, named, work, dtype
            case Head(dtype):
                return "head", dtype
            case _:
                raise AssertionError(part)

    def store(self, store: Store) -> Any:
        value = self.parts[id(store.value)]
        return value, self.slots[store.node], self.place(store.at), store.node.dtype

    def reduction(self, reduction: Reduction) -> Any:
        values = tuple(self.parts[id(value)] for value in reduction.product or (reduction.value,))
        return (
            reduction.start,
            reduction.step,
            reduction.finish,
            reduction.loops,
            reduction.dtype,
            values,
        )
