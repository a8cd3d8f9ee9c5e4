"""Panels of a product's vector operand, copied so that they lie in the order they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.loops import Frame
from tidu.backends.native.emit.registers import (
    I32,
    I64,
    IN_MEMORY,
    POINTER,
    Value,
    counted,
    masked_load,
    number,
)
from tidu.backends.native.layout import BYTES
from tidu.backends.native.schedule.position import LoopIndex
from tidu.backends.native.schedule.tiling import TiledProduct


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel that is being calculated: its first column and vectors, the last perhaps masked."""

    column: Value
    vectors: int
    mask: Value | None
    packed: Value | None
    counters: Mapping[LoopIndex, Value]


def copy_panel(frame: Frame, product: TiledProduct, panel: Panel) -> None:
    """Copy the panel's columns for each k, one after another, to the thread's own memory."""
    builder = frame.builder
    type, packed = IN_MEMORY[product.reduction.dtype], panel.packed
    outer, last = product.k[:-1], product.k[-1]

    def nested(
        rest: Sequence[LoopIndex], counters: dict[LoopIndex, Value], at: Value | None
    ) -> None:
        if not rest:
            first = number(0) if at is None else builder.mul(at, number(last.size))
            start = builder.mul(first, number(product.width))
            into = builder.gep(packed, [start], source_etype=type)
            (_copy_transposed if product.transposed else _copy)(
                frame, product, panel, counters, into
            )
            return
        loop = rest[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            here = i
            if at is not None:
                here = builder.add(builder.mul(at, number(loop.size)), i)
            nested(rest[1:], {**counters, loop: i}, here)
            return carried

        counted(builder, number(0), number(loop.size), 1, [], step)

    nested(outer, {}, None)


def _source(
    frame: Frame, product: TiledProduct, panel: Panel, counters: Mapping[LoopIndex, Value], k: Value
) -> Value:
    """Return where the right operand's element of the panel's first column stands, at this k."""
    inner = {**panel.counters, **counters, product.k[-1]: k, product.n: panel.column}
    address = frame.scope(inner).place(product.right.at)
    base = frame.buffers[product.right.buffer]
    return frame.builder.gep(base, [address], source_etype=IN_MEMORY[product.reduction.dtype])


def _copy(
    frame: Frame,
    product: TiledProduct,
    panel: Panel,
    counters: Mapping[LoopIndex, Value],
    into: Value,
) -> None:
    builder, type = frame.builder, IN_MEMORY[product.reduction.dtype]
    vector, size = ir.VectorType(type, product.lanes), BYTES[product.reduction.dtype]

    def step(k: Value, carried: list[Value]) -> list[Value]:
        base = _source(frame, product, panel, counters, k)
        to = builder.mul(k, number(product.width))
        for v in range(panel.vectors):
            where = builder.gep(base, [number(v * product.lanes)], source_etype=type)
            if panel.mask is not None and v == panel.vectors - 1:
                value = masked_load(builder, where, vector, panel.mask, size)
            else:
                value = builder.load(where, align=size, typ=vector)
            offset = builder.add(to, number(v * product.lanes))
            builder.store(value, builder.gep(into, [offset], source_etype=type), align=size)
        return carried

    counted(builder, number(0), number(product.k[-1].size), 1, [], step)


def _copy_transposed(
    frame: Frame,
    product: TiledProduct,
    panel: Panel,
    counters: Mapping[LoopIndex, Value],
    into: Value,
) -> None:
    """Copy a panel transposed, in small squares that are transposed in registers; number by number
    where there are too few for a square."""
    builder, last, dtype = frame.builder, product.k[-1], product.reduction.dtype
    stride = number(product.right.at.coefficient(product.n))
    source = _source(frame, product, panel, counters, number(0))
    remainder = product.n.size % product.lanes if panel.mask is not None else 0
    lines = panel.vectors * product.lanes - (product.lanes - remainder if remainder else 0)
    width, count = number(product.width), number(last.size)
    if min(product.lanes, last.size) >= _side(dtype):
        function = _turning(builder.module, dtype)
        builder.call(function, [source, stride, number(lines), count, into, width])
        return
    type, size = IN_MEMORY[dtype], BYTES[dtype]

    def line(i: Value, carried: list[Value]) -> list[Value]:
        first = builder.mul(i, stride)

        def one(k: Value, carried: list[Value]) -> list[Value]:
            where = builder.gep(source, [builder.add(first, k)], source_etype=type)
            value = builder.load(where, align=size, typ=type)
            to = builder.gep(into, [builder.add(builder.mul(k, width), i)], source_etype=type)
            builder.store(value, to, align=size)
            return carried

        counted(builder, number(0), count, 1, [], one)
        return carried

    counted(builder, number(0), number(lines), 1, [], line)


def _side(dtype: str) -> int:
    """Return the side of a square that is transposed in registers: sixteen bytes, which every
    processor's vectors have."""
    return 16 // BYTES[dtype]


def _turning(module: Any, dtype: str) -> Any:
    """Return (source, stride, lines, count, into, width): `lines` lines of `count` numbers become
    columns.

    One function in a module. The last squares of a line lie over those before; below the last line
    it is taken again: what becomes of it stands in columns that are not there.
    """
    name = f"turn.{dtype}"
    if name in module.globals:
        return module.globals[name]
    type = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64, POINTER, I64])
    function = ir.Function(module, type, name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    source, stride, lines, count, into, width = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    element, size, side = IN_MEMORY[dtype], BYTES[dtype], _side(dtype)
    square = ir.VectorType(element, side)

    def least(one: Value, two: Value) -> Value:
        return builder.select(builder.icmp_signed("<", one, two), one, two)

    def some(first: Value, carried: list[Value]) -> list[Value]:
        bases: list[Value] = []
        for j in range(side):
            line = least(builder.add(first, number(j)), builder.sub(lines, number(1)))
            offset = builder.mul(line, stride)
            bases.append(builder.gep(source, [offset], source_etype=element))

        def along(k: Value, carried: list[Value]) -> list[Value]:
            k = least(k, builder.sub(count, number(side)))
            lines: list[Value] = []
            for base in bases:
                where = builder.gep(base, [k], source_etype=element)
                lines.append(builder.load(where, align=size, typ=square))
            to = builder.gep(into, [builder.mul(k, width)], source_etype=element)
            to = builder.gep(to, [first], source_etype=element)
            for value in transposed(builder, lines):
                builder.store(value, to, align=size)
                to = builder.gep(to, [width], source_etype=element)
            return carried

        counted(builder, number(0), count, side, [], along)
        return carried

    counted(builder, number(0), lines, side, [], some)
    builder.ret_void()
    return function


def transposed(builder: Any, lines: list[Value]) -> list[Value]:
    """Return the transpose of a square: blocks change places across the diagonal, halves by
    halves."""
    lanes = len(lines)
    block = lanes // 2
    lines = list(lines)
    shape = ir.VectorType(I32, lanes)
    while block:
        upper = [lane if not lane & block else lanes + (lane ^ block) for lane in range(lanes)]
        lower = [lane ^ block if not lane & block else lanes + lane for lane in range(lanes)]
        for i in range(lanes):
            if not i & block:
                one, two = lines[i], lines[i | block]
                lines[i] = builder.shuffle_vector(one, two, ir.Constant(shape, upper))
                lines[i | block] = builder.shuffle_vector(one, two, ir.Constant(shape, lower))
        block //= 2
    return lines
