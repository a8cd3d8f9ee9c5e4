"""The smallest programs without any loop: every element of every value is a register.

A network of a few dozen numbers costs less than the calls and loops around it. Here a step is one
straight line of scalar code; LLVM puts what lies side by side into vectors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.driver import Batch, Driver, entry, row_of
from tidu.backends.native.emit.elements import Elements, ElementWriter
from tidu.backends.native.emit.registers import (
    I1,
    I8,
    I32,
    IN_MEMORY,
    POINTER,
    Builder,
    Value,
    convert,
    is_finite,
    number,
)
from tidu.backends.native.layout import BYTES, DONE, GUARD, NOT_FINITE, RUNNING, STATUS
from tidu.backends.native.schedule.expression import contraction, cost, scattered, whole
from tidu.backends.native.schedule.plan import StageKind
from tidu.backends.native.schedule.together import pairs_of
from tidu.ir.node import Node
from tidu.ir.op import Loop


def operations(nodes: Sequence[Node], kinds: Mapping[int, StageKind]) -> float:
    """Return how many scalar operations the nodes are; infinite where one cannot be unrolled."""
    total = 0.0
    for node in nodes:
        kind = kinds[node.id]
        if kind is StageKind.CALL or (kind is StageKind.VIEW and node.op.loop is Loop.GATHER):
            return float("inf")
        if kind is StageKind.SCATTER and len(scattered(node)) < len(node.inputs):
            return float("inf")  # where to, an index array says
        if kind is StageKind.CONTRACT:
            sizes, _, _ = contraction(node)
            total += math.prod(sizes.values())
        else:
            largest = max(math.prod(whole(x)) for x in (node, *node.inputs))
            total += largest * (cost(node) if kind is StageKind.MAP else 1)
    return total


@dataclass(frozen=True, eq=False)
class StraightProgram:
    """A program without loops: nodes in order, what is given, what becomes of the results.

    moves: (new value, slot of the old one). stores: (value, slot) of plain results.
    """

    nodes: Sequence[Node]
    kinds: Mapping[int, StageKind]
    moves: Sequence[tuple[Node, int]]
    stores: Sequence[tuple[Node, int]]


def write_straight(module: Any, line: StraightProgram, plan: Driver) -> None:
    """Write the driver of a program without loops, for one thread. What moves stays in registers
    from step to step and is stored at the end."""
    function = entry(module)
    table, steps, shared, *_ = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pointers = {
        slot: builder.load(builder.gep(table, [number(slot)], source_etype=POINTER), typ=POINTER)
        for slot in _slots(line, plan)
    }
    moving = {slot for _, slot in line.moves}
    given = _given(plan)
    first = {node: _loaded(builder, node, pointers[slot]) for node, slot in given.items()}
    before = builder.block
    head, out = function.append_basic_block("step"), function.append_basic_block("out")
    last, ended = function.append_basic_block("last"), function.append_basic_block("ended")
    builder.cbranch(builder.icmp_signed(">", steps, number(0)), head, out)
    builder.position_at_end(head)
    step = _phi(builder, number(0), before)
    carried = {
        slot: [_phi(builder, value, before) for value in first[node]]
        for node, slot in given.items()
        if slot in moving
    }
    values = {n.id: carried.get(slot, first[n]) for n, slot in given.items()}
    for batch in plan.batches:
        values[batch.node.id] = _gathered(
            builder, batch, pointers[plan.index], pointers[batch.source], step
        )
    fixed = {id(value) for node in first if given[node] not in moving for value in first[node]}
    pairs = {node.id: pair for pair in pairs_of(line.nodes) for node in (pair.first, pair.second)}
    writer = ElementWriter(builder, values, line.kinds, fixed, bool(line.moves), pairs)
    for node in line.nodes:
        writer.calculate(node)
    status = _status(builder, writer, plan)
    for node in (*(n for n, _, _ in plan.records), *(n for n, _ in (*line.stores, *line.moves))):
        writer.of(node)
    onward = function.append_basic_block("onward")
    builder.cbranch(builder.icmp_signed("==", status, ir.Constant(I32, RUNNING)), onward, ended)
    builder.position_at_end(onward)
    _write_results(builder, line, plan, values, pointers, step)
    following = builder.add(step, number(1))
    step.add_incoming(following, onward)
    for node, slot in line.moves:
        for phi, value in zip(carried[slot], values[node.id], strict=True):
            phi.add_incoming(value, onward)
    builder.cbranch(builder.icmp_signed("<", following, steps), head, last)
    reached = {slot: values[node.id] for node, slot in line.moves}
    running = ir.Constant(I32, RUNNING)
    for block, left, done, how in ((last, reached, steps, running), (ended, carried, step, status)):
        builder.position_at_end(block)
        for node, slot in line.moves:
            _stored(builder, left[slot], node.dtype, pointers[slot])
        for value, offset in ((done, DONE), (how, STATUS)):
            builder.store(value, builder.gep(shared, [number(offset)], source_etype=I8))
        builder.branch(out)
    builder.position_at_end(out)
    builder.ret_void()


def _write_results(
    builder: Builder,
    line: StraightProgram,
    plan: Driver,
    values: Mapping[int, Elements],
    pointers: Mapping[int, Value],
    step: Value,
) -> None:
    """Write the code that stores the results of a step, and what is recorded of each step."""
    for node, history, size in plan.records:
        base = builder.gep(pointers[history], [builder.mul(step, number(size))], source_etype=I8)
        _stored(builder, values[node.id], node.dtype, base)
    for node, slot in line.stores:
        _stored(builder, values[node.id], node.dtype, pointers[slot])


def _phi(builder: Builder, value: Value, before: Value) -> Value:
    phi = builder.phi(value.type)
    phi.add_incoming(value, before)
    return phi


def _given(plan: Driver) -> dict[Node, int]:
    """Return the slots of the inputs and constants that no batch fills."""
    batched = {batch.node for batch in plan.batches}
    ends = {n: slot for n, slot in plan.slot.items() if n.op.role in ("input", "constant")}
    return {node: slot for node, slot in ends.items() if node not in batched}


def _slots(line: StraightProgram, plan: Driver) -> set[int]:
    slots = {slot for _, slot in (*line.moves, *line.stores)}
    slots |= {history for _, history, _ in plan.records}
    slots |= {s for n, s in plan.slot.items() if n.op.role in ("input", "constant")}
    if plan.batches:
        slots |= {plan.index, *(batch.source for batch in plan.batches)}
    return slots


def _gathered(builder: Builder, batch: Batch, index: Value, source: Value, step: Value) -> Elements:
    """Return the elements of the rows of this step."""
    first = builder.mul(step, number(batch.rows))
    elements: Elements = []
    for row in range(batch.rows):
        row_number = row_of(builder, index, builder.add(first, number(row)))
        base = builder.gep(source, [builder.mul(row_number, number(batch.size))], source_etype=I8)
        elements += _loaded(builder, batch.node, base, batch.size // BYTES[batch.node.dtype])
    return elements


def _loaded(builder: Builder, node: Node, base: Value, count: int | None = None) -> Elements:
    type = IN_MEMORY[node.dtype]
    elements: Elements = []
    for i in range(math.prod(whole(node)) if count is None else count):
        where = builder.gep(base, [number(i)], source_etype=type)
        value = builder.load(where, align=BYTES[node.dtype], typ=type)
        elements.append(convert(builder, value, "bool") if node.dtype == "bool" else value)
    return elements


def _stored(builder: Builder, values: Elements, dtype: str, base: Value) -> None:
    type = IN_MEMORY[dtype]
    for i, value in enumerate(values):
        where = builder.gep(base, [number(i)], source_etype=type)
        kept = builder.zext(value, I8) if dtype == "bool" else value
        builder.store(kept, where, align=BYTES[dtype])


def _status(builder: Builder, writer: ElementWriter, plan: Driver) -> Value:
    status: Value = ir.Constant(I32, RUNNING)
    for node, taken in plan.check.guards:
        every: Value = ir.Constant(I1, 1)
        for value in writer.of(node):
            every = builder.and_(every, value)
        differs = builder.not_(every) if taken else every
        status = builder.select(differs, ir.Constant(I32, GUARD), status)
    for node in plan.check.finite:
        (value,) = writer.of(node)
        finite = is_finite(builder, value)
        status = builder.select(finite, status, ir.Constant(I32, NOT_FINITE))
    return status
