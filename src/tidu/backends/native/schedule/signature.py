"""When two stages are alike: bodies whose code differs in nothing but the buffers.

The layers of a deep network then share their functions, and it compiles in the time of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidu.backends.native.schedule.bodies import Body, Reduction, Store
from tidu.backends.native.schedule.expression import (
    Apply,
    Convert,
    Coordinate,
    Expression,
    Head,
    Literal,
    Load,
    literal_text,
    walk,
)
from tidu.backends.native.schedule.position import Entry, LoopIndex, Position, Quotient, Remainder
from tidu.ir.node import Node


def signature(body: Body, slots: Mapping[Node, int]) -> Any:
    """Equal for alike bodies. `slots` numbers the buffers."""
    parts = walk([*body.roots(), *_entries(body)])
    said = _Said(slots, {id(part): at for at, part in enumerate(parts)})
    return (
        body.kind,
        tuple((loop.name, loop.size) for loop in body.loops),
        tuple(said.part(part) for part in parts),
        tuple(said.store(store) for store in body.stores),
        tuple((loops, said.store(store)) for loops, store in body.sources),
        body.zeroed,
        body.axis,
        None if body.reduction is None else said.reduction(body.reduction),
    )


def _entries(body: Body) -> list[Expression]:
    """The index arrays that say where something is stored."""
    stores = (*body.stores, *(store for _, store in body.sources))
    return [entry.value for store in stores for entry in store.at.entries()]


@dataclass(frozen=True, slots=True)
class _Said:
    """Parts by number instead of by identity."""

    slots: Mapping[Node, int]
    parts: Mapping[int, int]

    def place(self, at: Position) -> Any:
        return at.constant, tuple((self.atom(atom), factor) for atom, factor in at.terms)

    def atom(self, atom: Any) -> Any:
        match atom:
            case LoopIndex(name, size):
                return name, size
            case Quotient(value, divisor):
                return "/", self.place(value), divisor
            case Remainder(value, divisor):
                return "%", self.place(value), divisor
            case Entry(value, size):
                return "entry", self.parts[id(value)], size
            case _:
                raise AssertionError(atom)

    def part(self, part: Expression) -> Any:
        match part:
            case Load(buffer, at, dtype):
                return "load", self.slots[buffer], self.place(at), dtype
            case Literal(value, dtype):
                return "literal", literal_text(value), dtype
            case Coordinate(at, dtype):
                return "place", self.place(at), dtype
            case Convert(value, dtype):
                return "convert", self.parts[id(value)], dtype
            case Apply(tree, operands, numbers, work, dtype):
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
