"""Reductions as code: over loops, along the lane, and cumulative ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.loops import (
    Frame,
    Work,
    lane_of,
    lanes_for,
    over,
    store_all,
    tail_mask,
)
from tidu.backends.native.emit.registers import Builder, Value, counted, fma, number, splat
from tidu.backends.native.emit.scalars import ScalarEmitter
from tidu.backends.native.emit.values import EmitScope
from tidu.backends.native.processor import Processor
from tidu.backends.native.schedule.nests import LoopNest, Reduction
from tidu.backends.native.schedule.position import LoopIndex
from tidu.backends.scalar import BinaryOp, Variable


def emit_reduction(frame: Frame, nest: LoopNest, target: Processor) -> Work:
    reduction = nest.reduction
    assert reduction is not None
    lane = lane_of(nest, [*nest.loops, *reduction.loops])
    lanes = lanes_for(nest, lane, target)
    if lane is None or lane in nest.loops:

        def kept(counters: dict[LoopIndex, Value], lanes: int, mask: Value | None) -> None:
            scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
            total = _reduced(scope, reduction, frame.accumulators)
            _finish(frame, nest, reduction, total, counters, lane=lane, lanes=lanes, mask=mask)

        work = over(frame, nest.loops, lane, lanes, kept)
        return Work(work.units, work.each * reduction.count)

    def summed(counters: dict[LoopIndex, Value], one: int, mask: Value | None) -> None:
        total = _reduced_along(frame, reduction, counters, lane, lanes)
        _finish(frame, nest, reduction, total, counters)

    work = over(frame, nest.loops, None, 1, summed)
    return Work(work.units, work.each * reduction.count)


def _finish(
    frame: Frame,
    nest: LoopNest,
    reduction: Reduction,
    total: Value,
    counters: Mapping[LoopIndex, Value],
    **lanes: Any,
) -> None:
    """Return the reduced value, with what is calculated from it at the same element."""
    scope = frame.scope(counters, **lanes)
    count = {"n": float(reduction.count)}
    written = ScalarEmitter(frame.builder, {"acc": total}, count, reduction.dtype, scope.lanes)
    scope.head = written.numeric(reduction.finish)
    store_all(frame, nest, scope)


def _start(builder: Builder, reduction: Reduction, lanes: int) -> Value:
    return ScalarEmitter(builder, {}, {}, reduction.dtype, lanes).numeric(reduction.start)


def _step(scope: EmitScope, reduction: Reduction, acc: Value) -> Value:
    """Return acc and one more value."""
    builder, lanes = scope.builder, scope.lanes
    if reduction.product is not None:
        left, right = (splat(builder, scope.value(f), lanes) for f in reduction.product)
        return fma(builder, left, right, acc)
    value = splat(builder, scope.value(reduction.value), lanes)
    return ScalarEmitter(builder, {"acc": acc, "x": value}, {}, reduction.dtype, lanes).numeric(
        reduction.step
    )


def _merge(builder: Builder, reduction: Reduction, one: Value, two: Value, lanes: int) -> Value:
    """Combine two accumulators: sums are added, products multiplied, extremes compared."""
    match reduction.step:
        case BinaryOp("+", Variable("acc"), _):
            return builder.fadd(one, two)
        case BinaryOp("*", Variable("acc"), _):
            return builder.fmul(one, two)
        case _:
            return ScalarEmitter(
                builder, {"acc": one, "x": two}, {}, reduction.dtype, lanes
            ).numeric(reduction.step)


def _reduced(scope: EmitScope, reduction: Reduction, accumulators: int) -> Value:
    """Reduce over all loops of the reduction, each lane separately."""
    builder = scope.builder
    start = _start(builder, reduction, scope.lanes)
    loops = [loop for loop in reduction.loops if loop.size != 1]
    if reduction.count == 0:
        return start
    if not loops:
        return _step(scope, reduction, start)
    parts = accumulators if loops[-1].size >= 2 * accumulators else 1
    accs: list[Value] = [start] * parts

    def nested(
        remaining: Sequence[LoopIndex], counters: dict[LoopIndex, Value], accs: list[Value]
    ) -> list[Value]:
        last = remaining[0]
        if len(remaining) > 1:

            def outer(i: Value, carried: list[Value]) -> list[Value]:
                return nested(remaining[1:], {**counters, last: i}, carried)

            return counted(builder, number(0), number(last.size), 1, accs, outer)

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**counters, last: builder.add(i, number(p)) if p else i}, carried[p])
                for p in range(parts)
            ]

        def one(counters: dict[LoopIndex, Value], acc: Value) -> Value:
            inner = replace(scope, counters={**scope.counters, **counters}, known={})
            return _step(inner, reduction, acc)

        full = last.size // parts * parts
        accs = counted(builder, number(0), number(full), parts, accs, some)
        for p, position in enumerate(range(full, last.size)):
            accs[p] = one({**counters, last: number(position)}, accs[p])
        return accs

    accs = nested(loops, {}, accs)
    return _tree(accs, lambda a, b: _merge(builder, reduction, a, b, scope.lanes))


def _tree(parts: list[Value], merge: Callable[[Value, Value], Value]) -> Value:
    while len(parts) > 1:
        parts = [
            merge(parts[i], parts[i + 1]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 2)
        ]
    return parts[0]


def _reduced_along(
    frame: Frame,
    reduction: Reduction,
    counters: Mapping[LoopIndex, Value],
    lane: LoopIndex,
    lanes: int,
) -> Value:
    """Reduce over all loops of the reduction, one of which is the lane: lanes are combined last."""
    builder = frame.builder
    accumulators = frame.accumulators
    parts = accumulators if lane.size >= 2 * accumulators * lanes else 1
    start = _start(builder, reduction, lanes)
    remaining = [loop for loop in reduction.loops if loop is not lane and loop.size != 1]

    def one(inner: dict[LoopIndex, Value], acc: Value, mask: Value | None = None) -> Value:
        scope = frame.scope({**counters, **inner}, lane=lane, lanes=lanes, mask=mask)
        new = _step(scope, reduction, acc)
        return new if mask is None else builder.select(mask, new, acc)

    def line(inner: dict[LoopIndex, Value], accs: list[Value]) -> list[Value]:
        wide = lanes * parts
        full = lane.size // wide * wide

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**inner, lane: builder.add(i, number(p * lanes)) if p else i}, carried[p])
                for p in range(parts)
            ]

        if full:
            accs = counted(builder, number(0), number(full), wide, accs, some)
        position = full
        while position + lanes <= lane.size:
            accs = [one({**inner, lane: number(position)}, accs[0]), *accs[1:]]
            position += lanes
        if position < lane.size:
            mask = tail_mask(lane.size - position, lanes)
            accs = [one({**inner, lane: number(position)}, accs[0], mask), *accs[1:]]
        return accs

    def nested(
        left: Sequence[LoopIndex], inner: dict[LoopIndex, Value], accs: list[Value]
    ) -> list[Value]:
        if not left:
            return line(inner, accs)

        def step(i: Value, carried: list[Value]) -> list[Value]:
            return nested(left[1:], {**inner, left[0]: i}, carried)

        return counted(builder, number(0), number(left[0].size), 1, accs, step)

    if reduction.count == 0:
        return _start(builder, reduction, 1)
    accs = nested(remaining, {}, [start] * parts)
    total = _tree(accs, lambda a, b: _merge(builder, reduction, a, b, lanes))
    return _across(builder, reduction, total, lanes)


def _across(builder: Builder, reduction: Reduction, value: Value, lanes: int) -> Value:
    """Combine the lanes of one vector to a single number, by halves."""
    while lanes > 1:
        half = lanes // 2
        low, high = (_part(builder, value, range(start, start + half)) for start in (0, half))
        value, lanes = _merge(builder, reduction, low, high, half), half
    return value


def _part(builder: Builder, value: Value, places: Sequence[int]) -> Value:
    if len(places) == 1:
        return builder.extract_element(value, number(places[0]))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def emit_running(frame: Frame, nest: LoopNest, target: Processor) -> Work:
    reduction, axis = nest.reduction, nest.axis
    assert reduction is not None and axis is not None
    (store,) = nest.stores
    lane = lane_of(nest, nest.loops)
    lanes = lanes_for(nest, lane, target)
    builder = frame.builder

    def inner(counters: dict[LoopIndex, Value], lanes: int, mask: Value | None) -> None:
        def step(i: Value, carried: list[Value]) -> list[Value]:
            scope = frame.scope({**counters, axis: i}, lane=lane, lanes=lanes, mask=mask)
            scope.head = _step(scope, reduction, carried[0])
            scope.store(scope.head, frame.buffers[store.node], store.at, reduction.dtype)
            return [scope.head]

        counted(builder, number(0), number(axis.size), 1, [_start(builder, reduction, lanes)], step)

    work = over(frame, nest.loops, lane, lanes, inner)
    return Work(work.units, work.each * axis.size)
