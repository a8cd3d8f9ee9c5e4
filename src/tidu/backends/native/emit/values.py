"""Trees of one element as LLVM values, for one lane or for a whole vector of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from tidu.backends.native.elementary import emit_pair
from tidu.backends.native.emit.registers import (
    I1,
    I8,
    I64,
    IN_MEMORY,
    Builder,
    Value,
    convert,
    intrinsic,
    iota,
    lanes_of,
    masked_load,
    masked_store,
    number,
    pointers,
    register_type,
    splat,
    suffix,
    vector,
)
from tidu.backends.native.emit.scalars import ScalarEmitter
from tidu.backends.native.layout import BYTES
from tidu.backends.native.literals import Splat
from tidu.backends.native.schedule.expression import (
    Convert,
    Coordinate,
    Expression,
    Head,
    Load,
    NumericLiteral,
    ScalarCall,
)
from tidu.backends.native.schedule.position import (
    FloorQuotient,
    IndexEntry,
    LoopIndex,
    Position,
    Remainder,
)
from tidu.backends.native.schedule.together import FusedPair
from tidu.ir.node import Node
from tidu.ir.types import REALS


@dataclass(eq=False)
class EmitScope:
    """The surroundings in which elements are calculated: the counters, the buffers, the lanes.

    counters: the value of each loop index; that of `lane` is of its first lane. mask: which lanes
    are there (None: all). error: a pointer to a byte that a bad index sets.
    """

    builder: Builder
    buffers: Mapping[Node, Value]
    counters: Mapping[LoopIndex, Value]
    lane: LoopIndex | None = None
    lanes: int = 1
    mask: Value | None = None
    error: Value | None = None
    head: Value | None = None
    pairs: Mapping[int, FusedPair[Expression]] = field(
        default_factory=dict[int, "FusedPair[Expression]"]
    )
    known: dict[int, Value] = field(default_factory=dict[int, Value])

    # -------------------------------------------------------------- places
    def varies(self, part: Expression | Position) -> bool:
        """Tell whether the lanes differ."""
        return self.lane is not None and self.lanes > 1 and self.lane in part.loops()

    def place(self, position: Position) -> Value:
        """Return a place that is the same for all lanes, or that of the first."""
        total: Value = None
        for atom, coefficient in position.terms:
            value = self._atom(atom)
            term = value if coefficient == 1 else self.builder.mul(value, number(coefficient))
            total = term if total is None else self.builder.add(total, term)
        if total is None:
            return number(position.constant)
        if position.constant:
            total = self.builder.add(total, number(position.constant))
        return total

    def places(self, position: Position) -> Value:
        """Return the place of each lane."""
        lanes = self.lanes
        total = splat(self.builder, number(position.constant), lanes)
        for atom, coefficient in position.terms:
            value = self._atoms(atom)
            if coefficient != 1:
                value = self.builder.mul(value, splat(self.builder, number(coefficient), lanes))
            total = self.builder.add(total, value)
        return total

    def _atom(self, atom: Any) -> Value:
        match atom:
            case LoopIndex():
                return self.counters[atom]
            case FloorQuotient(value, divisor):
                return self.builder.sdiv(self.place(value), number(divisor))
            case Remainder(value, divisor):
                return self.builder.srem(self.place(value), number(divisor))
            case IndexEntry():
                return self._entry(atom)
            case _:
                raise AssertionError(atom)

    def _atoms(self, atom: Any) -> Value:
        builder, lanes = self.builder, self.lanes
        if isinstance(atom, LoopIndex):
            first = splat(builder, self.counters[atom], lanes)
            return builder.add(first, iota(lanes)) if atom is self.lane else first
        if not self.varies(Position(0, ((atom, 1),))):
            return splat(builder, self._atom(atom), lanes)
        match atom:
            case FloorQuotient(value, divisor):
                return builder.sdiv(self.places(value), splat(builder, number(divisor), lanes))
            case Remainder(value, divisor):
                return builder.srem(self.places(value), splat(builder, number(divisor), lanes))
            case _:
                return self._entry(atom)

    def _entry(self, entry: IndexEntry) -> Value:
        """Return an entry of an index array, from the start of its axis; a bad one sets the
        error."""
        builder = self.builder
        lanes = self.lanes if self.varies(entry.value) else 1
        given = self.value(entry.value)
        integers = vector(I64, lanes)
        if entry.value.dtype in REALS:
            # what is too large for an integer is poison to LLVM: it is bad before it is converted
            small = self._small(given, lanes)
            zero = splat(builder, ir.Constant(register_type(entry.value.dtype), 0.0), lanes)
            index = builder.fptosi(builder.select(small, given, zero), integers)
            exact = builder.fcmp_ordered("==", builder.sitofp(index, given.type), given)
            good = builder.and_(small, exact)
        else:
            index = given if given.type == integers else builder.zext(given, integers)
            good = splat(builder, ir.Constant(I1, 1), lanes)
        size = splat(builder, number(entry.size), lanes)
        zero = splat(builder, number(0), lanes)
        negative = builder.icmp_signed("<", index, zero)
        index = builder.select(negative, builder.add(index, size), index)
        good = builder.and_(good, builder.icmp_unsigned("<", index, size))
        self._flag(good, lanes)
        return builder.select(good, index, zero)

    def _small(self, given: Value, lanes: int) -> Value:
        builder = self.builder
        type = given.type.element if lanes > 1 else given.type
        limit = splat(builder, ir.Constant(type, 2.0**52), lanes)
        least = splat(builder, ir.Constant(type, -(2.0**52)), lanes)
        below = builder.fcmp_ordered("<", given, limit)
        return builder.and_(below, builder.fcmp_ordered(">", given, least))

    def _flag(self, good: Value, lanes: int) -> None:
        builder = self.builder
        bad = builder.not_(good)
        if lanes > 1:
            if self.mask is not None:
                bad = builder.and_(bad, self.mask)
            bad = intrinsic(builder, f"llvm.vector.reduce.or.{suffix(bad.type)}", I1, bad)
        with builder.if_then(bad, likely=False):
            builder.store(ir.Constant(I8, 1), self.error)

    # -------------------------------------------------------------- values
    def vector_of(self, part: Expression) -> Value:
        """Return the value in every lane."""
        return splat(self.builder, self.value(part), self.lanes)

    def value(self, part: Expression) -> Value:
        """Return the value: a vector where the lanes differ, else one number."""
        known = self.known.get(id(part))
        if known is None:
            known = self.known[id(part)] = self._value(part)
        return known

    def _value(self, part: Expression) -> Value:
        match part:
            case NumericLiteral(value, dtype):
                return ir.Constant(register_type(dtype), value)
            case Load():
                return self._load(part)
            case Head():
                return self.head
            case Coordinate(at, dtype):
                where = self.places(at) if self.varies(at) else self.place(at)
                return self.builder.sitofp(where, vector(register_type(dtype), lanes_of(where)))
            case Convert(value, dtype):
                return convert(self.builder, self.value(value), dtype)
            case ScalarCall():
                return self._apply(part)
            case _:
                raise AssertionError(part)

    def _load(self, part: Load) -> Value:
        builder, base = self.builder, self.buffers[part.buffer]
        type = IN_MEMORY[part.dtype]
        if not self.varies(part.at):
            where = builder.gep(base, [self.place(part.at)], source_etype=type)
            return self._from_memory(_load(builder, where, type, part.dtype), part.dtype)
        assert self.lane is not None
        vector_type = ir.VectorType(type, self.lanes)
        if self.lane not in part.at.hidden() and part.at.coefficient(self.lane) == 1:
            where = builder.gep(base, [self.place(part.at)], source_etype=type)
            if self.mask is None:
                value = _load(builder, where, vector_type, part.dtype)
            else:
                value = masked_load(builder, where, vector_type, self.mask, BYTES[part.dtype])
        else:
            where = pointers(builder, base, self.places(part.at), type)
            value = self._gather(where, vector_type, BYTES[part.dtype])
        return self._from_memory(value, part.dtype)

    def _gather(self, where: Value, vector_type: Any, align: int) -> Value:
        mask = self.mask
        if mask is None:
            mask = Splat(ir.VectorType(I1, self.lanes), ir.Constant(I1, 1))
        name = f"llvm.masked.gather.{suffix(vector_type)}.v{self.lanes}p0"
        rest = ir.Constant(vector_type, None)
        return intrinsic(self.builder, name, vector_type, where, mask, rest, align=align)

    def _from_memory(self, value: Value, dtype: str) -> Value:
        if dtype != "bool":
            return value
        zero = ir.Constant(value.type, None)
        return self.builder.icmp_unsigned("!=", value, zero)

    def _apply(self, part: ScalarCall) -> Value:
        if id(part) in self.pairs:
            return self._both(self.pairs[id(part)], part)
        lanes = self.lanes if self.varies(part) else 1
        operands = {
            name: splat(self.builder, self.value(operand), lanes)
            for name, operand in part.operands.items()
        }
        written = ScalarEmitter(self.builder, operands, part.numbers, part.work, lanes)
        return convert(self.builder, written.write(part.tree), part.dtype)

    def _both(self, pair: FusedPair[Expression], part: ScalarCall) -> Value:
        """Calculate both of a pair; returns the one that is asked for."""
        lanes = self.lanes if self.varies(part) else 1
        x = convert(self.builder, self.value(part.operands["x"]), part.work)
        values = emit_pair(self.builder, pair.name, splat(self.builder, x, lanes))
        for one, value in zip((pair.first, pair.second), values, strict=True):
            self.known[id(one)] = convert(self.builder, value, one.dtype)
        return self.known[id(part)]

    # -------------------------------------------------------------- storing
    def store(self, value: Value, buffer: Value, position: Position, dtype: str) -> None:
        """Write the value of each lane that is there."""
        builder, type = self.builder, IN_MEMORY[dtype]
        value = splat(builder, value, self.lanes)
        if dtype == "bool":
            value = builder.zext(value, vector(I8, self.lanes))
        where = builder.gep(buffer, [self.place(position)], source_etype=type)
        if self.lanes == 1:
            builder.store(value, where, align=BYTES[dtype])
            return
        assert self.lane is not None
        straight = self.lane not in position.hidden() and position.coefficient(self.lane) == 1
        if straight and self.mask is None:
            builder.store(value, where, align=BYTES[dtype])
        elif straight:
            masked_store(builder, value, where, self.mask, BYTES[dtype])
        else:
            where = pointers(builder, buffer, self.places(position), type)
            mask = self.mask
            if mask is None:
                mask = Splat(ir.VectorType(I1, self.lanes), ir.Constant(I1, 1))
            name = f"llvm.masked.scatter.{suffix(value.type)}.v{self.lanes}p0"
            intrinsic(builder, name, ir.VoidType(), value, where, mask, align=BYTES[dtype], to=1)


def _load(builder: Builder, where: Value, type: Any, dtype: str) -> Value:
    return builder.load(where, align=BYTES[dtype], typ=type)
