"""Contractions of two operands as tiles in registers: the matrix product and its kin.

A tile is a few rows by a few vectors of the result, summed over all of k before it leaves the
registers; a panel of columns is the unit in which the vector operand is read, and packed where its
memory does not lie in that order. What is calculated from the product at the same place is done
tile by tile, while it is in the first cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from tidu.backends.native.bodies import Body, Fold
from tidu.backends.native.expression import Load, walk
from tidu.backends.native.loops import Frame, Work, store_all, tail_mask
from tidu.backends.native.plan import Kind
from tidu.backends.native.position import Letter
from tidu.backends.native.target import Target
from tidu.backends.native.values import (
    BYTES,
    I32,
    I64,
    IN_MEMORY,
    POINTER,
    Scope,
    Value,
    counted,
    fma,
    masked_load,
    number,
    splat,
)

LEAST = 2  # rows, columns and summands from which on tiles are worth it
FEW = 4  # rows of a tile that is as wide as the registers allow
LIGHT = 1  # parts of a tree that is still calculated in the tile's registers
LARGE = 2**18  # bytes of a result whose rows are written in longer pieces than a tile's
CACHED = 2**19  # bytes of panels that stay in the second cache
PAGE = 4096  # bytes; rows this far apart fall on the same lines of the first cache


@dataclass(frozen=True, eq=False)
class Product:
    """A contraction as rows (m) of `left` by columns (n) of `right`, over the letters k.

    vectors: how many stand beside each other in a tile; rows: of a tile. packed: whether panels of
    the right operand are copied, `turned` when k and not n lies in order there.
    """

    body: Body
    fold: Fold
    left: Load
    right: Load
    m: Letter
    n: Letter
    k: tuple[Letter, ...]
    outer: tuple[Letter, ...]
    lanes: int
    vectors: int
    rows: int
    packed: bool
    turned: bool
    group: int  # panels that a block of rows is taken through before the next block

    @property
    def panel(self) -> int:
        """Numbers of the right operand in one panel."""
        return self.summands * self.width

    @property
    def units(self) -> int:
        """Groups of whole panels, and what is left of the columns."""
        full, rest = divmod(self.n.size, self.width)
        return -(-full // self.group) + (rest > 0)

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def summands(self) -> int:
        total = 1
        for letter in self.k:
            total *= letter.size
        return total

    def scratch(self) -> int:
        """Bytes that each thread needs."""
        size = BYTES[self.fold.dtype]
        panels = self.panel * self.group if self.packed else 0
        return (self.rows * self.width + panels) * size + 64


def product_of(body: Body, target: Target) -> Product | None:
    """How to tile a body; None where it is no contraction of two matrices."""
    fold = body.fold
    if body.kind is not Kind.CONTRACT or fold is None or fold.product is None:
        return None
    one, two = fold.product
    if not (isinstance(one, Load) and isinstance(two, Load)) or one.dtype != two.dtype:
        return None
    if one.at.hidden() or two.at.hidden() or one.dtype != fold.dtype:
        return None
    letters = [letter for letter in body.letters if letter.size > 1]
    if not letters or fold.count < LEAST:
        return None
    n = letters[-1]
    if (n in one.at.letters()) == (n in two.at.letters()):
        return None
    left, right = (two, one) if n in one.at.letters() else (one, two)
    rows = [x for x in letters if x in left.at.letters() and x not in right.at.letters()]
    if any(store.at.coefficient(n) != 1 for store in body.stores):
        return None
    m = max(rows, key=lambda letter: letter.size) if rows else Letter("alone", 1)
    k = tuple(letter for letter in fold.letters if letter.size != 1)
    if any(x not in left.at.letters() or x not in right.at.letters() for x in k):
        return None
    turned = right.at.coefficient(n) != 1
    if turned and (right.at.coefficient(k[-1]) != 1 or m.size <= FEW):
        return None  # what is summed lies in order, and turning it is not worth it for a few rows
    outer = tuple(letter for letter in letters if letter not in (m, n))
    lanes, vectors, height = _tile(target, fold.dtype, m.size, n.size)
    apart = BYTES[fold.dtype] * abs(right.at.coefficient(k[-1]))
    packed = turned or (apart % PAGE == 0 and fold.count >= 128 and m.size >= 4 * height)
    panel = fold.count * lanes * vectors * BYTES[fold.dtype]
    group = 1
    if m.size * n.size * BYTES[fold.dtype] >= LARGE:
        group = max(1, min(CACHED // panel, n.size // (lanes * vectors) // 4))
    return Product(
        body, fold, left, right, m, n, k, outer, lanes, vectors, height, packed, turned, group
    )


def _tile(target: Target, dtype: str, rows: int, columns: int) -> tuple[int, int, int]:
    """Lanes, vectors and rows of a tile: its sums, a row of the right operand and one number of
    the left stay in registers."""
    lanes = target.lanes(dtype)
    while lanes > 2 and lanes // 2 >= columns:
        lanes //= 2
    wide = -(-columns // lanes)
    vectors = min(wide, 2 if target.registers == 16 else 3)
    if rows <= FEW:  # a row of the right operand is long, and read from memory once
        return lanes, min(wide, _longest(target, rows)), rows
    if wide % 3 and wide % 2 == 0 and vectors == 3:
        vectors = 2
    most = (target.registers - 2 - vectors) // vectors
    most = min(most, 8 if vectors >= 2 else 12)
    blocks = -(-rows // most)
    return lanes, vectors, -(-rows // blocks)


def _longest(target: Target, rows: int) -> int:
    """Vectors of a tile of few rows: sums, a row of the right operand, one number of the left."""
    return min(8, (target.registers - 2) // (rows + 1))


# ------------------------------------------------------------------ code
@dataclass(frozen=True, eq=False)
class _Panel:
    """A panel that is being calculated: its first column and vectors, the last perhaps masked."""

    column: Value
    vectors: int
    mask: Value | None
    packed: Value | None
    counters: Mapping[Letter, Value]


def emit_product(frame: Frame, product: Product) -> Work:
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
        for letter in product.outer[1:]:
            cost *= letter.size
        return Work(first.size, cost)
    if panels >= blocks or panels >= 4:
        _panels(frame, product, {}, (frame.begin, frame.end), (number(0), number(blocks)))
        return Work(panels, cost / panels)
    _panels(frame, product, {}, (number(0), number(panels)), (frame.begin, frame.end))
    return Work(blocks, cost / blocks)


def _outer(
    frame: Frame, product: Product, rest: Sequence[Letter], counters: dict[Letter, Value]
) -> None:
    if not rest:
        panels = product.units
        blocks = -(-product.m.size // product.rows)
        _panels(frame, product, counters, (number(0), number(panels)), (number(0), number(blocks)))
        return

    def step(i: Value, carried: list[Value]) -> list[Value]:
        _outer(frame, product, rest[1:], {**counters, rest[0]: i})
        return carried

    counted(frame.builder, number(0), number(rest[0].size), 1, [], step)


def _least(frame: Frame, one: Value, two: int) -> Value:
    builder = frame.builder
    return builder.select(builder.icmp_signed("<", one, number(two)), one, number(two))


def _panels(
    frame: Frame,
    product: Product,
    counters: Mapping[Letter, Value],
    columns: tuple[Value, Value],
    rows: tuple[Value, Value],
) -> None:
    builder = frame.builder
    full, rest = divmod(product.n.size, product.width)
    groups = product.units - (rest > 0)

    def group(i: Value, carried: list[Value]) -> list[Value]:
        first = builder.mul(i, number(product.group))
        count = _least(frame, builder.sub(number(full), first), product.group)
        whole = _Panel(number(0), product.vectors, None, None, counters)
        _group(frame, product, whole, first, count, rows)
        return carried

    if full:
        counted(builder, columns[0], _least(frame, columns[1], groups), 1, [], group)
    if rest:
        with builder.if_then(builder.icmp_signed(">", columns[1], number(groups))):
            vectors, over = -(-rest // product.lanes), rest % product.lanes
            mask = tail_mask(over, product.lanes) if over else None
            last = _Panel(number(0), vectors, mask, None, counters)
            _group(frame, product, last, number(full), number(1), rows)


def _group(
    frame: Frame,
    product: Product,
    panel: _Panel,
    first: Value,
    count: Value,
    rows: tuple[Value, Value],
) -> None:
    """Some panels beside each other: packed first, then each block of rows goes through all."""
    builder, type = frame.builder, IN_MEMORY[product.fold.dtype]

    def at(i: Value) -> _Panel:
        column = builder.mul(builder.add(first, i), number(product.width))
        tile = number(product.rows * product.width)
        place = builder.add(builder.mul(i, number(product.panel)), tile)
        packed = builder.gep(frame.scratch, [place], source_etype=type)
        return replace(panel, column=column, packed=packed if product.packed else None)

    def pack(i: Value, carried: list[Value]) -> list[Value]:
        _pack(frame, product, at(i))
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

    full, rest = divmod(product.m.size, product.rows)
    if full:
        counted(builder, rows[0], _least(frame, rows[1], full), 1, [], whole)
    if rest:
        with builder.if_then(builder.icmp_signed(">", rows[1], number(full))):
            block(number(full * product.rows), rest)


def _tile_at(frame: Frame, product: Product, panel: _Panel, row: Value, rows: int) -> None:
    """One tile: summed in registers, then stored or handed on."""
    sums = _summed(frame, product, panel, row, rows)
    stores = product.body.stores
    parts = walk(store.value for store in stores)
    if len(parts) <= LIGHT and len(stores) == 1:
        for r in range(rows):
            for v in range(panel.vectors):
                scope = _scope(frame, product, panel, frame.builder.add(row, number(r)), v)
                scope.head = sums[r * panel.vectors + v]
                store_all(frame, product.body, scope)
        return
    _spilled(frame, product, panel, row, rows, sums)


def _spilled(
    frame: Frame, product: Product, panel: _Panel, row: Value, rows: int, sums: Sequence[Value]
) -> None:
    """By way of a small buffer, so that the code of what follows stands there once."""
    builder, type = frame.builder, IN_MEMORY[product.fold.dtype]
    lanes, whole = product.lanes, ir.VectorType(type, product.lanes)
    for at, value in enumerate(sums):
        where = builder.gep(frame.scratch, [number(at * lanes)], source_etype=type)
        builder.store(value, where, align=BYTES[product.fold.dtype])

    def line(r: Value, carried: list[Value]) -> list[Value]:
        first = builder.mul(r, number(panel.vectors * lanes))
        for v in range(panel.vectors):
            at = builder.add(first, number(v * lanes))
            where = builder.gep(frame.scratch, [at], source_etype=type)
            scope = _scope(frame, product, panel, builder.add(row, r), v)
            scope.head = builder.load(where, align=BYTES[product.fold.dtype], typ=whole)
            store_all(frame, product.body, scope)
        return carried

    counted(builder, number(0), number(rows), 1, [], line)


def _scope(frame: Frame, product: Product, panel: _Panel, row: Value, v: int) -> Scope:
    column = frame.builder.add(panel.column, number(v * product.lanes))
    counters = {**panel.counters, product.m: row, product.n: column}
    mask = panel.mask if v == panel.vectors - 1 else None
    return frame.scope(counters, lane=product.n, lanes=product.lanes, mask=mask)


def _summed(frame: Frame, product: Product, panel: _Panel, row: Value, rows: int) -> list[Value]:
    builder = frame.builder
    type = IN_MEMORY[product.fold.dtype]
    whole = ir.VectorType(type, product.lanes)
    zero = ir.Constant(whole, None)
    stride = product.left.at.coefficient(product.m)

    def nested(
        rest: Sequence[Letter], counters: dict[Letter, Value], sums: list[Value], at: Value | None
    ) -> list[Value]:
        if not rest:
            return multiply(counters, sums, at)
        letter = rest[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            here = None
            if panel.packed is not None:
                size = number(letter.size)
                here = i if at is None else builder.add(builder.mul(at, size), i)
            return nested(rest[1:], {**counters, letter: i}, carried, here)

        return counted(builder, number(0), number(letter.size), 1, sums, step)

    def multiply(counters: dict[Letter, Value], sums: list[Value], at: Value | None) -> list[Value]:
        inner = {**panel.counters, **counters, product.m: row, product.n: panel.column}
        scope = frame.scope(inner)
        right = [vector(scope, v, at) for v in range(panel.vectors)]
        base = builder.gep(
            frame.buffers[product.left.buffer], [scope.place(product.left.at)], source_etype=type
        )
        found: list[Value] = []
        for r in range(rows):
            where = builder.gep(base, [number(r * stride)], source_etype=type)
            one = builder.load(where, align=BYTES[product.fold.dtype], typ=type)
            many = splat(builder, one, product.lanes)
            for v in range(panel.vectors):
                found.append(fma(builder, many, right[v], sums[r * panel.vectors + v]))
        return found

    def vector(scope: Scope, v: int, at: Value | None) -> Value:
        size = BYTES[product.fold.dtype]
        if panel.packed is not None:
            assert at is not None
            place = builder.add(builder.mul(at, number(product.width)), number(v * product.lanes))
            where = builder.gep(panel.packed, [place], source_etype=type)
            return builder.load(where, align=size, typ=whole)
        base = builder.gep(
            frame.buffers[product.right.buffer], [scope.place(product.right.at)], source_etype=type
        )
        where = builder.gep(base, [number(v * product.lanes)], source_etype=type)
        if panel.mask is not None and v == panel.vectors - 1:
            return masked_load(builder, where, whole, panel.mask, size)
        return builder.load(where, align=size, typ=whole)

    start = [zero] * (rows * panel.vectors)
    return nested(product.k, {}, start, None)


# ------------------------------------------------------------------ packing
def _pack(frame: Frame, product: Product, panel: _Panel) -> None:
    """The panel's columns for each k, one after another, in the thread's own memory."""
    builder = frame.builder
    type, packed = IN_MEMORY[product.fold.dtype], panel.packed
    outer, last = product.k[:-1], product.k[-1]

    def nested(rest: Sequence[Letter], counters: dict[Letter, Value], at: Value | None) -> None:
        if not rest:
            first = number(0) if at is None else builder.mul(at, number(last.size))
            start = builder.mul(first, number(product.width))
            into = builder.gep(packed, [start], source_etype=type)
            (_turn if product.turned else _copy)(frame, product, panel, counters, into)
            return
        letter = rest[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            here = i
            if at is not None:
                here = builder.add(builder.mul(at, number(letter.size)), i)
            nested(rest[1:], {**counters, letter: i}, here)
            return carried

        counted(builder, number(0), number(letter.size), 1, [], step)

    nested(outer, {}, None)


def _source(
    frame: Frame, product: Product, panel: _Panel, counters: Mapping[Letter, Value], k: Value
) -> Value:
    """Where the right operand's element of the panel's first column stands, at this k."""
    inner = {**panel.counters, **counters, product.k[-1]: k, product.n: panel.column}
    place = frame.scope(inner).place(product.right.at)
    base = frame.buffers[product.right.buffer]
    return frame.builder.gep(base, [place], source_etype=IN_MEMORY[product.fold.dtype])


def _copy(
    frame: Frame, product: Product, panel: _Panel, counters: Mapping[Letter, Value], into: Value
) -> None:
    builder, type = frame.builder, IN_MEMORY[product.fold.dtype]
    whole, size = ir.VectorType(type, product.lanes), BYTES[product.fold.dtype]

    def step(k: Value, carried: list[Value]) -> list[Value]:
        base = _source(frame, product, panel, counters, k)
        to = builder.mul(k, number(product.width))
        for v in range(panel.vectors):
            where = builder.gep(base, [number(v * product.lanes)], source_etype=type)
            if panel.mask is not None and v == panel.vectors - 1:
                value = masked_load(builder, where, whole, panel.mask, size)
            else:
                value = builder.load(where, align=size, typ=whole)
            at = builder.add(to, number(v * product.lanes))
            builder.store(value, builder.gep(into, [at], source_etype=type), align=size)
        return carried

    counted(builder, number(0), number(product.k[-1].size), 1, [], step)


def _turn(
    frame: Frame, product: Product, panel: _Panel, counters: Mapping[Letter, Value], into: Value
) -> None:
    """Lines of k become columns: small squares, turned in registers; number by number where there
    are too few for a square."""
    builder, last, dtype = frame.builder, product.k[-1], product.fold.dtype
    stride = number(product.right.at.coefficient(product.n))
    source = _source(frame, product, panel, counters, number(0))
    rest = product.n.size % product.lanes if panel.mask is not None else 0
    lines = panel.vectors * product.lanes - (product.lanes - rest if rest else 0)
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
    """Of a square that is turned: sixteen bytes, which every processor's vectors have."""
    return 16 // BYTES[dtype]


def _turning(module: Any, dtype: str) -> Any:
    """(source, stride, lines, count, into, width): `lines` lines of `count` numbers become columns.

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
            place = builder.mul(line, stride)
            bases.append(builder.gep(source, [place], source_etype=element))

        def along(k: Value, carried: list[Value]) -> list[Value]:
            k = least(k, builder.sub(count, number(side)))
            found: list[Value] = []
            for base in bases:
                where = builder.gep(base, [k], source_etype=element)
                found.append(builder.load(where, align=size, typ=square))
            to = builder.gep(into, [builder.mul(k, width)], source_etype=element)
            to = builder.gep(to, [first], source_etype=element)
            for value in turned(builder, found):
                builder.store(value, to, align=size)
                to = builder.gep(to, [width], source_etype=element)
            return carried

        counted(builder, number(0), count, side, [], along)
        return carried

    counted(builder, number(0), lines, side, [], some)
    builder.ret_void()
    return function


def turned(builder: Any, lines: list[Value]) -> list[Value]:
    """The transpose of a square: blocks change places across the diagonal, halves by halves."""
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
