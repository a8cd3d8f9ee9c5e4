"""Nests of loops as code: elementwise stages and scatters; `reductions` has the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llvmlite import ir

from tidu.backends.native.emit.loops import Frame, Work, lane_of, lanes_for, over, store_all
from tidu.backends.native.emit.reductions import emit_reduction, emit_running
from tidu.backends.native.emit.registers import IN_MEMORY, Value, counted, number, register_type
from tidu.backends.native.layout import BYTES
from tidu.backends.native.processor import Processor
from tidu.backends.native.schedule.expression import Load
from tidu.backends.native.schedule.nests import LoopNest, Store
from tidu.backends.native.schedule.plan import StageKind
from tidu.backends.native.schedule.position import LoopIndex


def emit(frame: Frame, nest: LoopNest, target: Processor) -> Work:
    """Write the code of a nest for units begin … end of its first loop."""
    if nest.kind is StageKind.SCATTER:
        return _emit_scatter(frame, nest, target)
    if nest.kind is StageKind.SCAN:
        return emit_running(frame, nest, target)
    if nest.reduction is None:
        return _emit_map(frame, nest, target)
    return emit_reduction(frame, nest, target)


def _emit_map(frame: Frame, nest: LoopNest, target: Processor) -> Work:
    lane = lane_of(nest, nest.loops)
    lanes = lanes_for(nest, lane, target)

    def inner(counters: dict[LoopIndex, Value], lanes: int, mask: Value | None) -> None:
        scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
        store_all(frame, nest, scope)

    return over(frame, nest.loops, lane, lanes, inner)


def _emit_scatter(frame: Frame, nest: LoopNest, target: Processor) -> Work:
    """Write a scatter for one thread: two sources may add to one element."""
    builder = frame.builder
    node = nest.sources[0][1].node
    buffer, type = frame.buffers[node], IN_MEMORY[node.dtype]
    with builder.if_then(builder.icmp_signed("<", frame.begin, frame.end)):
        zero = ir.Constant(register_type(node.dtype), 0.0)

        def clear(i: Value, carried: list[Value]) -> list[Value]:
            builder.store(
                zero, builder.gep(buffer, [i], source_etype=type), align=BYTES[node.dtype]
            )
            return carried

        counted(builder, number(0), number(nest.zeroed), 1, [], clear)
        for loops, store in nest.sources:
            _emit_puts(frame, loops, store, target)
    return Work(1, float(nest.zeroed))


def _emit_puts(frame: Frame, loops: Sequence[LoopIndex], store: Store, target: Processor) -> None:
    alone = LoopNest(StageKind.MAP, tuple(loops), (store,))
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
