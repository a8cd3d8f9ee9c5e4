"""Sums and other folds: over loops, along the lane, and running ones."""

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
from tidu.backends.native.emit.scalars import Scalar
from tidu.backends.native.emit.values import Scope
from tidu.backends.native.schedule.bodies import Body, Fold
from tidu.backends.native.schedule.position import Letter
from tidu.backends.native.target import Target
from tidu.backends.scalar import Binary, Var

PARTIAL = 4  # accumulators of one fold that run beside each other


def emit_fold(frame: Frame, body: Body, target: Target) -> Work:
    fold = body.fold
    assert fold is not None
    lane = lane_of(body, [*body.letters, *fold.letters])
    lanes = lanes_for(body, lane, target)
    if lane is None or lane in body.letters:

        def kept(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
            scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
            total = _folded(scope, fold)
            _finish(frame, body, fold, total, counters, lane=lane, lanes=lanes, mask=mask)

        work = over(frame, body.letters, lane, lanes, kept)
        return Work(work.units, work.each * fold.count)

    def summed(counters: dict[Letter, Value], one: int, mask: Value | None) -> None:
        total = _folded_along(frame, fold, counters, lane, lanes)
        _finish(frame, body, fold, total, counters)

    work = over(frame, body.letters, None, 1, summed)
    return Work(work.units, work.each * fold.count)


def _finish(
    frame: Frame,
    body: Body,
    fold: Fold,
    total: Value,
    counters: Mapping[Letter, Value],
    **lanes: Any,
) -> None:
    """The result of the fold, and what is calculated from it at the same place."""
    scope = frame.scope(counters, **lanes)
    count = {"n": float(fold.count)}
    written = Scalar(frame.builder, {"acc": total}, count, fold.dtype, scope.lanes)
    scope.head = written.numeric(fold.finish)
    store_all(frame, body, scope)


def _start(builder: Builder, fold: Fold, lanes: int) -> Value:
    return Scalar(builder, {}, {}, fold.dtype, lanes).numeric(fold.start)


def _step(scope: Scope, fold: Fold, acc: Value) -> Value:
    """acc and one more value."""
    builder, lanes = scope.builder, scope.lanes
    if fold.product is not None:
        left, right = (splat(builder, scope.value(f), lanes) for f in fold.product)
        return fma(builder, left, right, acc)
    value = splat(builder, scope.value(fold.value), lanes)
    return Scalar(builder, {"acc": acc, "x": value}, {}, fold.dtype, lanes).numeric(fold.step)


def _merge(builder: Builder, fold: Fold, one: Value, two: Value, lanes: int) -> Value:
    """Two accumulators as one: sums are added, products multiplied, extremes folded."""
    match fold.step:
        case Binary("+", Var("acc"), _):
            return builder.fadd(one, two)
        case Binary("*", Var("acc"), _):
            return builder.fmul(one, two)
        case _:
            return Scalar(builder, {"acc": one, "x": two}, {}, fold.dtype, lanes).numeric(fold.step)


def _folded(scope: Scope, fold: Fold) -> Value:
    """The fold over its letters, each lane for itself."""
    builder = scope.builder
    start = _start(builder, fold, scope.lanes)
    letters = [letter for letter in fold.letters if letter.size != 1]
    if fold.count == 0:
        return start
    if not letters:
        return _step(scope, fold, start)
    parts = PARTIAL if letters[-1].size >= 2 * PARTIAL else 1
    accs: list[Value] = [start] * parts

    def nested(
        rest: Sequence[Letter], counters: dict[Letter, Value], accs: list[Value]
    ) -> list[Value]:
        last = rest[0]
        if len(rest) > 1:

            def outer(i: Value, carried: list[Value]) -> list[Value]:
                return nested(rest[1:], {**counters, last: i}, carried)

            return counted(builder, number(0), number(last.size), 1, accs, outer)

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**counters, last: builder.add(i, number(p)) if p else i}, carried[p])
                for p in range(parts)
            ]

        def one(counters: dict[Letter, Value], acc: Value) -> Value:
            inner = replace(scope, counters={**scope.counters, **counters}, known={})
            return _step(inner, fold, acc)

        full = last.size // parts * parts
        accs = counted(builder, number(0), number(full), parts, accs, some)
        for p, place in enumerate(range(full, last.size)):
            accs[p] = one({**counters, last: number(place)}, accs[p])
        return accs

    accs = nested(letters, {}, accs)
    return _tree(accs, lambda a, b: _merge(builder, fold, a, b, scope.lanes))


def _tree(parts: list[Value], merge: Callable[[Value, Value], Value]) -> Value:
    while len(parts) > 1:
        parts = [
            merge(parts[i], parts[i + 1]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 2)
        ]
    return parts[0]


def _folded_along(
    frame: Frame, fold: Fold, counters: Mapping[Letter, Value], lane: Letter, lanes: int
) -> Value:
    """The fold over its letters, the lane among them: lanes are folded together at the end."""
    builder = frame.builder
    parts = PARTIAL if lane.size >= 2 * PARTIAL * lanes else 1
    start = _start(builder, fold, lanes)
    rest = [letter for letter in fold.letters if letter is not lane and letter.size != 1]

    def one(inner: dict[Letter, Value], acc: Value, mask: Value | None = None) -> Value:
        scope = frame.scope({**counters, **inner}, lane=lane, lanes=lanes, mask=mask)
        new = _step(scope, fold, acc)
        return new if mask is None else builder.select(mask, new, acc)

    def line(inner: dict[Letter, Value], accs: list[Value]) -> list[Value]:
        wide = lanes * parts
        full = lane.size // wide * wide

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**inner, lane: builder.add(i, number(p * lanes)) if p else i}, carried[p])
                for p in range(parts)
            ]

        if full:
            accs = counted(builder, number(0), number(full), wide, accs, some)
        at = full
        while at + lanes <= lane.size:
            accs = [one({**inner, lane: number(at)}, accs[0]), *accs[1:]]
            at += lanes
        if at < lane.size:
            mask = tail_mask(lane.size - at, lanes)
            accs = [one({**inner, lane: number(at)}, accs[0], mask), *accs[1:]]
        return accs

    def nested(
        left: Sequence[Letter], inner: dict[Letter, Value], accs: list[Value]
    ) -> list[Value]:
        if not left:
            return line(inner, accs)

        def step(i: Value, carried: list[Value]) -> list[Value]:
            return nested(left[1:], {**inner, left[0]: i}, carried)

        return counted(builder, number(0), number(left[0].size), 1, accs, step)

    if fold.count == 0:
        return _start(builder, fold, 1)
    accs = nested(rest, {}, [start] * parts)
    total = _tree(accs, lambda a, b: _merge(builder, fold, a, b, lanes))
    return _across(builder, fold, total, lanes)


def _across(builder: Builder, fold: Fold, value: Value, lanes: int) -> Value:
    """The lanes of one vector folded together, by halves."""
    while lanes > 1:
        half = lanes // 2
        low, high = (_part(builder, value, range(start, start + half)) for start in (0, half))
        value, lanes = _merge(builder, fold, low, high, half), half
    return value


def _part(builder: Builder, value: Value, places: Sequence[int]) -> Value:
    if len(places) == 1:
        return builder.extract_element(value, number(places[0]))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def emit_running(frame: Frame, body: Body, target: Target) -> Work:
    fold, axis = body.fold, body.axis
    assert fold is not None and axis is not None
    (store,) = body.stores
    lane = lane_of(body, body.letters)
    lanes = lanes_for(body, lane, target)
    builder = frame.builder

    def inner(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
        def step(i: Value, carried: list[Value]) -> list[Value]:
            scope = frame.scope({**counters, axis: i}, lane=lane, lanes=lanes, mask=mask)
            scope.head = _step(scope, fold, carried[0])
            scope.store(scope.head, frame.buffers[store.node], store.at, fold.dtype)
            return [scope.head]

        counted(builder, number(0), number(axis.size), 1, [_start(builder, fold, lanes)], step)

    work = over(frame, body.letters, lane, lanes, inner)
    return Work(work.units, work.each * axis.size)
