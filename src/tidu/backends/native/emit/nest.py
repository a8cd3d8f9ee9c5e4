"""Nests of loops as code: elementwise stages and scatters; `reductions` has the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llvmlite import ir

from tidu.backends.native.emit.loops import Frame, Work, lane_of, lanes_for, over, store_all
from tidu.backends.native.emit.reductions import emit_reduction, emit_running
from tidu.backends.native.emit.registers import IN_MEMORY, Value, counted, number, register_type
from tidu.backends.native.layout import BYTES
from tidu.backends.native.schedule.bodies import Body, Store
from tidu.backends.native.schedule.expression import Load
from tidu.backends.native.schedule.plan import Kind
from tidu.backends.native.schedule.position import LoopIndex
from tidu.backends.native.target import Target


def emit(frame: Frame, body: Body, target: Target) -> Work:
    """Write the code of a nest for units begin … end of its first loop."""
    if body.kind is Kind.SCATTER:
        return _emit_scatter(frame, body, target)
    if body.kind is Kind.SCAN:
        return emit_running(frame, body, target)
    if body.reduction is None:
        return _emit_map(frame, body, target)
    return emit_reduction(frame, body, target)


def _emit_map(frame: Frame, body: Body, target: Target) -> Work:
    lane = lane_of(body, body.loops)
    lanes = lanes_for(body, lane, target)

    def inner(counters: dict[LoopIndex, Value], lanes: int, mask: Value | None) -> None:
        scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
        store_all(frame, body, scope)

    return over(frame, body.loops, lane, lanes, inner)


def _emit_scatter(frame: Frame, body: Body, target: Target) -> Work:
    """All of it by one thread: two sources may go to one place."""
    builder = frame.builder
    node = body.sources[0][1].node
    buffer, type = frame.buffers[node], IN_MEMORY[node.dtype]
    with builder.if_then(builder.icmp_signed("<", frame.begin, frame.end)):
        zero = ir.Constant(register_type(node.dtype), 0.0)

        def clear(i: Value, carried: list[Value]) -> list[Value]:
            builder.store(
                zero, builder.gep(buffer, [i], source_etype=type), align=BYTES[node.dtype]
            )
            return carried

        counted(builder, number(0), number(body.zeroed), 1, [], clear)
        for loops, store in body.sources:
            _emit_puts(frame, loops, store, target)
    return Work(1, float(body.zeroed))


def _emit_puts(frame: Frame, loops: Sequence[LoopIndex], store: Store, target: Target) -> None:
    alone = Body(Kind.MAP, tuple(loops), (store,))
    lane = lane_of(alone, loops)
    if lane is not None and (lane in store.at.hidden() or store.at.coefficient(lane) != 1):
        lane = None
    lanes = lanes_for(alone, lane, target)
    before = Load(store.node, store.at, store.node.dtype)

    def inner(counters: dict[LoopIndex, Value], lanes: int, mask: Value | None) -> None:
        scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
        total = frame.builder.fadd(scope.vector_of(before), scope.vector_of(store.value))
        scope.store(total, frame.buffers[store.node], store.at, store.node.dtype)

    everything = replace(frame, begin=number(0), end=number(_outer_units(loops, lane, lanes)))
    over(everything, loops, lane, lanes, inner)


def _outer_units(loops: Sequence[LoopIndex], lane: LoopIndex | None, lanes: int) -> int:
    outer = [loop for loop in loops if loop is not lane and loop.size != 1]
    if outer:
        return outer[0].size
    return 1 if lane is None else -(-lane.size // lanes)
