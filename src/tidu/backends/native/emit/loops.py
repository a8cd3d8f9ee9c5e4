"""Nested loops: one of them, the lane, is taken a vector at a time, its rest under a mask.

Which thread does which part never changes in which order numbers are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.registers import I1, Builder, Value, counted, number
from tidu.backends.native.emit.values import EmitScope
from tidu.backends.native.processor import Processor
from tidu.backends.native.schedule.expression import Expression, loads, walk
from tidu.backends.native.schedule.nests import LoopNest
from tidu.backends.native.schedule.position import LoopIndex
from tidu.backends.native.schedule.together import FusedPair
from tidu.ir.node import Node


# ------------------------------------------------------------------ the lane
def lane_of(nest: LoopNest, loops: Sequence[LoopIndex]) -> LoopIndex | None:
    """Choose the loop along which most of the memory is contiguous; None if none is worth it."""
    places = [load.at for load in loads(nest.roots())]
    places += [store.at for store in nest.stores] * 2

    def score(loop: LoopIndex) -> tuple[float, int]:
        total = 0.0
        for position in places:
            step = 2 if loop in position.hidden() else position.coefficient(loop)
            total += 1.0 if step == 1 else -1.0 if step else 0.0
        return total, loop.size

    candidates = [loop for loop in loops if loop.size > 1]
    best = max(candidates, key=score, default=None)
    return best if best is not None and score(best)[0] >= 0 else None


def lanes_for(nest: LoopNest, lane: LoopIndex | None, target: Processor) -> int:
    """Return lanes of a vector: as many as a register holds, or as the loop needs."""
    if lane is None:
        return 1
    kinds = {p.dtype for p in walk(nest.roots())} | {s.node.dtype for s in nest.stores}
    widest = "float32" if "float64" not in kinds and "float32" in kinds else "float64"
    most = target.lanes(widest)
    lanes = 1
    while lanes < most and lanes < lane.size:
        lanes *= 2
    return lanes


# ------------------------------------------------------------------ code
@dataclass(eq=False)
class Frame:
    """The function that is being written; how many accumulators a reduction has in it."""

    builder: Builder
    buffers: Mapping[Node, Value]
    error: Value
    scratch: Value
    begin: Value
    end: Value
    accumulators: int
    pairs: Sequence[FusedPair[Expression]] = ()

    def scope(self, counters: Mapping[LoopIndex, Value], **rest: Any) -> EmitScope:
        pairs = {id(part): pair for pair in self.pairs for part in (pair.first, pair.second)}
        return EmitScope(
            self.builder, self.buffers, counters, error=self.error, pairs=pairs, **rest
        )


@dataclass(frozen=True, slots=True)
class Work:
    """The division of a kernel: the units of work that threads share, and the cost of one in
    operations."""

    units: int
    each: float

    @property
    def total(self) -> float:
        return self.units * self.each

    def worth_sharing(self, least: float) -> bool:
        """Tell whether it can be split, and is so many operations or more."""
        return self.units > 1 and self.total >= least


Inner = Callable[[dict[LoopIndex, Value], int, Value | None], None]


def over(
    frame: Frame, loops: Sequence[LoopIndex], lane: LoopIndex | None, lanes: int, inner: Inner
) -> Work:
    """Write loops over all index values, the lane innermost; threads share the first loop."""
    builder = frame.builder
    outer = [loop for loop in loops if loop is not lane and loop.size != 1]
    if any(loop.size == 0 for loop in loops):
        return Work(0, 0.0)
    total = 1
    for loop in loops:
        total *= loop.size

    def nested(rest: Sequence[LoopIndex], counters: dict[LoopIndex, Value]) -> None:
        if not rest:
            along(builder, lane, lanes, counters, inner)
            return
        first = rest[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            nested(rest[1:], {**counters, first: i})
            return carried

        counted(builder, number(0), number(first.size), 1, [], step)

    if outer:
        first = outer[0]

        def unit(i: Value, carried: list[Value]) -> list[Value]:
            nested(outer[1:], {first: i})
            return carried

        counted(builder, frame.begin, frame.end, 1, [], unit)
        return Work(first.size, total / first.size)
    if lane is None:
        inner({}, 1, None)
        return Work(1, 1.0)
    return _blocks(frame, lane, lanes, inner)


def _blocks(frame: Frame, lane: LoopIndex, lanes: int, inner: Inner) -> Work:
    """Write the loop over the lane alone; a unit of work is one vector."""
    builder = frame.builder
    full, remainder = divmod(lane.size, lanes)
    stop = builder.select(
        builder.icmp_signed("<", frame.end, number(full)), frame.end, number(full)
    )

    def block(i: Value, carried: list[Value]) -> list[Value]:
        inner({lane: builder.mul(i, number(lanes))}, lanes, None)
        return carried

    if full:
        counted(builder, frame.begin, stop, 1, [], block)
    if remainder:
        with builder.if_then(builder.icmp_signed(">", frame.end, number(full))):
            inner({lane: number(full * lanes)}, lanes, tail_mask(remainder, lanes))
    return Work(full + (remainder > 0), lanes)


def tail_mask(rest: int, lanes: int) -> Value:
    return ir.Constant(ir.VectorType(I1, lanes), [int(i < rest) for i in range(lanes)])


def along(
    builder: Builder,
    lane: LoopIndex | None,
    lanes: int,
    counters: dict[LoopIndex, Value],
    inner: Inner,
) -> None:
    """Write a loop over the whole lane, a vector at a time, with the rest under a mask."""
    if lane is None:
        inner(counters, 1, None)
        return
    full, remainder = divmod(lane.size, lanes)
    if full == 1:
        inner({**counters, lane: number(0)}, lanes, None)
    elif full:

        def block(i: Value, carried: list[Value]) -> list[Value]:
            inner({**counters, lane: i}, lanes, None)
            return carried

        counted(builder, number(0), number(full * lanes), lanes, [], block)
    if remainder:
        inner({**counters, lane: number(full * lanes)}, lanes, tail_mask(remainder, lanes))


def store_all(frame: Frame, nest: LoopNest, scope: EmitScope) -> None:
    """Calculate all results at an element before any is stored: a new value may take the memory of
    an old one that another of them reads."""
    values = [scope.value(store.value) for store in nest.stores]
    for store, value in zip(nest.stores, values, strict=True):
        scope.store(value, frame.buffers[store.node], store.at, store.node.dtype)
