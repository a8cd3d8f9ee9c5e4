"""Contractions of two operands as tiles in registers: the matrix product and its kin.

A tile is a few rows by a few vectors of the result, summed over all of k before it leaves the
registers; a panel of columns is the unit in which the vector operand is read, and packed where its
memory does not lie in that order. What is calculated from the product at the same place is done
tile by tile, while it is in the first cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from llvmlite import ir

from tidu.backends.native.emit.loops import Frame, Work, store_all, tail_mask
from tidu.backends.native.emit.packing import Panel, copy_panel
from tidu.backends.native.emit.registers import (
    IN_MEMORY,
    Value,
    counted,
    fma,
    masked_load,
    number,
    splat,
)
from tidu.backends.native.emit.values import EmitScope
from tidu.backends.native.layout import BYTES
from tidu.backends.native.schedule.expression import walk
from tidu.backends.native.schedule.position import LoopIndex
from tidu.backends.native.schedule.tiling import TiledProduct

IN_REGISTERS = 1  # parts of a tree that is still calculated in the tile's registers


def emit_product(frame: Frame, product: TiledProduct) -> Work:
    """Write the code for units begin … end: of an outer loop, of panels, or of blocks of rows."""
    cost = 2.0 * product.m.size * product.n.size * product.summands
    panels = product.units
    blocks = -(-product.m.size // product.rows)
    if product.outer:
        first = product.outer[0]

        def unit(i: Value, carried: list[Value]) -> list[Value]:
            _outer(frame, product, product.outer[1:], {first: i})
            return carried

        counted(frame.builder, frame.begin, frame.end, 1, [], unit)
        for loop in product.outer[1:]:
            cost *= loop.size
        return Work(first.size, cost)
    if panels >= blocks or panels >= 4:
        _panels(frame, product, {}, (frame.begin, frame.end), (number(0), number(blocks)))
        return Work(panels, cost / panels)
    _panels(frame, product, {}, (number(0), number(panels)), (frame.begin, frame.end))
    return Work(blocks, cost / blocks)


def _outer(
    frame: Frame,
    product: TiledProduct,
    loops: Sequence[LoopIndex],
    counters: dict[LoopIndex, Value],
) -> None:
    if not loops:
        panels = product.units
        blocks = -(-product.m.size // product.rows)
        _panels(frame, product, counters, (number(0), number(panels)), (number(0), number(blocks)))
        return

    def step(i: Value, carried: list[Value]) -> list[Value]:
        _outer(frame, product, loops[1:], {**counters, loops[0]: i})
        return carried

    counted(frame.builder, number(0), number(loops[0].size), 1, [], step)


def _least(frame: Frame, one: Value, two: int) -> Value:
    builder = frame.builder
    return builder.select(builder.icmp_signed("<", one, number(two)), one, number(two))


def _panels(
    frame: Frame,
    product: TiledProduct,
    counters: Mapping[LoopIndex, Value],
    columns: tuple[Value, Value],
    rows: tuple[Value, Value],
) -> None:
    builder = frame.builder
    full, remainder = divmod(product.n.size, product.width)
    groups = product.units - (remainder > 0)

    def group(i: Value, carried: list[Value]) -> list[Value]:
        first = builder.mul(i, number(product.group))
        count = _least(frame, builder.sub(number(full), first), product.group)
        full_panel = Panel(number(0), product.vectors, None, None, counters)
        _group(frame, product, full_panel, first, count, rows)
        return carried

    if full:
        counted(builder, columns[0], _least(frame, columns[1], groups), 1, [], group)
    if remainder:
        with builder.if_then(builder.icmp_signed(">", columns[1], number(groups))):
            vectors, over = -(-remainder // product.lanes), remainder % product.lanes
            mask = tail_mask(over, product.lanes) if over else None
            last = Panel(number(0), vectors, mask, None, counters)
            _group(frame, product, last, number(full), number(1), rows)


def _group(
    frame: Frame,
    product: TiledProduct,
    panel: Panel,
    first: Value,
    count: Value,
    rows: tuple[Value, Value],
) -> None:
    """Write some adjacent panels: they are packed first, then each block of rows goes through all
    of them."""
    builder, type = frame.builder, IN_MEMORY[product.reduction.dtype]

    def at(i: Value) -> Panel:
        column = builder.mul(builder.add(first, i), number(product.width))
        tile = number(product.rows * product.width)
        offset = builder.add(builder.mul(i, number(product.panel)), tile)
        packed = builder.gep(frame.scratch, [offset], source_etype=type)
        return replace(panel, column=column, packed=packed if product.packed else None)

    def pack(i: Value, carried: list[Value]) -> list[Value]:
        copy_panel(frame, product, at(i))
        return carried

    if product.packed:
        counted(builder, number(0), count, 1, [], pack)

    def block(row: Value, height: int) -> None:
        def tile(i: Value, carried: list[Value]) -> list[Value]:
            _tile_at(frame, product, at(i), row, height)
            return carried

        counted(builder, number(0), count, 1, [], tile)

    def whole(i: Value, carried: list[Value]) -> list[Value]:
        block(builder.mul(i, number(product.rows)), product.rows)
        return carried

    full, remainder = divmod(product.m.size, product.rows)
    if full:
        counted(builder, rows[0], _least(frame, rows[1], full), 1, [], whole)
    if remainder:
        with builder.if_then(builder.icmp_signed(">", rows[1], number(full))):
            block(number(full * product.rows), remainder)


def _tile_at(frame: Frame, product: TiledProduct, panel: Panel, row: Value, rows: int) -> None:
    """Write one tile: summed in registers, then stored, or spilled for what is calculated from
    it."""
    sums = _summed(frame, product, panel, row, rows)
    stores = product.nest.stores
    parts = walk(store.value for store in stores)
    if len(parts) <= IN_REGISTERS and len(stores) == 1:
        for r in range(rows):
            for v in range(panel.vectors):
                scope = _scope(frame, product, panel, frame.builder.add(row, number(r)), v)
                scope.head = sums[r * panel.vectors + v]
                store_all(frame, product.nest, scope)
        return
    _spilled(frame, product, panel, row, rows, sums)


def _spilled(
    frame: Frame, product: TiledProduct, panel: Panel, row: Value, rows: int, sums: Sequence[Value]
) -> None:
    """Store a tile in a small buffer and calculate from there, so that this code is written
    once."""
    builder, type = frame.builder, IN_MEMORY[product.reduction.dtype]
    lanes, vector_type = product.lanes, ir.VectorType(type, product.lanes)
    for position, value in enumerate(sums):
        where = builder.gep(frame.scratch, [number(position * lanes)], source_etype=type)
        builder.store(value, where, align=BYTES[product.reduction.dtype])

    def line(r: Value, carried: list[Value]) -> list[Value]:
        first = builder.mul(r, number(panel.vectors * lanes))
        for v in range(panel.vectors):
            position = builder.add(first, number(v * lanes))
            where = builder.gep(frame.scratch, [position], source_etype=type)
            scope = _scope(frame, product, panel, builder.add(row, r), v)
            scope.head = builder.load(where, align=BYTES[product.reduction.dtype], typ=vector_type)
            store_all(frame, product.nest, scope)
        return carried

    counted(builder, number(0), number(rows), 1, [], line)


def _scope(frame: Frame, product: TiledProduct, panel: Panel, row: Value, v: int) -> EmitScope:
    column = frame.builder.add(panel.column, number(v * product.lanes))
    counters = {**panel.counters, product.m: row, product.n: column}
    mask = panel.mask if v == panel.vectors - 1 else None
    return frame.scope(counters, lane=product.n, lanes=product.lanes, mask=mask)


def _right_vector(
    frame: Frame, product: TiledProduct, panel: Panel, scope: EmitScope, v: int, at: Value | None
) -> Value:
    """Return a vector of the right operand: from the packed panel at entry `at`, or from memory."""
    builder, type = frame.builder, IN_MEMORY[product.reduction.dtype]
    size, vector_type = BYTES[product.reduction.dtype], ir.VectorType(type, product.lanes)
    if panel.packed is not None:
        assert at is not None
        place = builder.add(builder.mul(at, number(product.width)), number(v * product.lanes))
        where = builder.gep(panel.packed, [place], source_etype=type)
        return builder.load(where, align=size, typ=vector_type)
    base = builder.gep(
        frame.buffers[product.right.buffer], [scope.place(product.right.at)], source_etype=type
    )
    where = builder.gep(base, [number(v * product.lanes)], source_etype=type)
    if panel.mask is not None and v == panel.vectors - 1:
        return masked_load(builder, where, vector_type, panel.mask, size)
    return builder.load(where, align=size, typ=vector_type)


def _summed(
    frame: Frame, product: TiledProduct, panel: Panel, row: Value, rows: int
) -> list[Value]:
    builder = frame.builder
    type = IN_MEMORY[product.reduction.dtype]
    stride = product.left.at.coefficient(product.m)

    def nested(
        remaining: Sequence[LoopIndex],
        counters: dict[LoopIndex, Value],
        sums: list[Value],
        at: Value | None,
    ) -> list[Value]:
        if not remaining:
            return multiply(counters, sums, at)
        loop = remaining[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            here = None
            if panel.packed is not None:
                size = number(loop.size)
                here = i if at is None else builder.add(builder.mul(at, size), i)
            return nested(remaining[1:], {**counters, loop: i}, carried, here)

        return counted(builder, number(0), number(loop.size), 1, sums, step)

    def multiply(
        counters: dict[LoopIndex, Value], sums: list[Value], at: Value | None
    ) -> list[Value]:
        inner = {**panel.counters, **counters, product.m: row, product.n: panel.column}
        scope = frame.scope(inner)
        right = [_right_vector(frame, product, panel, scope, v, at) for v in range(panel.vectors)]
        base = builder.gep(
            frame.buffers[product.left.buffer], [scope.place(product.left.at)], source_etype=type
        )
        updated: list[Value] = []
        for r in range(rows):
            where = builder.gep(base, [number(r * stride)], source_etype=type)
            one = builder.load(where, align=BYTES[product.reduction.dtype], typ=type)
            many = splat(builder, one, product.lanes)
            for v in range(panel.vectors):
                updated.append(fma(builder, many, right[v], sums[r * panel.vectors + v]))
        return updated

    zero = ir.Constant(ir.VectorType(type, product.lanes), None)
    start = [zero] * (rows * panel.vectors)
    return nested(product.k, {}, start, None)
