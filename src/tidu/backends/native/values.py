"""Trees of one element as LLVM values, for one lane or for a whole vector of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.ir.values import ArgumentAttributes

from tidu.backends.native import elementary
from tidu.backends.native.expression import (
    Apply,
    Convert,
    Coordinate,
    Expression,
    Head,
    Literal,
    Load,
)
from tidu.backends.native.literals import Splat
from tidu.backends.native.position import Entry, Letter, Position, Quotient, Remainder
from tidu.backends.scalar import Binary, Call, Choice, Num, Tree, Unary, Var, parse
from tidu.ir.node import Node

Value = Any  # an ir.Value; llvmlite carries no types
Builder = Any

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
IN_MEMORY = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int64": I64,
    "bool": I8,
}
# Scalar expressions that the elementary functions have as one, faster and nearer to the truth.
# Without the table the values are the same but for rounding.
FASTER: Mapping[Tree, tuple[str, tuple[str, ...]]] = {
    parse("exp(fmin(x, 0)) / (1 + exp(-fabs(x)))"): ("sigmoid", ("x",)),
}
POWERS = frozenset({-2.0, -1.0, 1.0, 2.0, 3.0})  # exponents whose power is a product
BYTES = {"float32": 4, "float64": 8, "int64": 8, "bool": 1}


def register_type(dtype: str) -> Any:
    """The type of a number of this dtype in a register."""
    return I1 if dtype == "bool" else IN_MEMORY[dtype]


def number(value: int) -> Value:
    return ir.Constant(I64, value)


def vector(type: Any, lanes: int) -> Any:
    return type if lanes == 1 else ir.VectorType(type, lanes)


def splat(builder: Builder, value: Value, lanes: int) -> Value:
    """One number in every lane."""
    if lanes == 1 or isinstance(value.type, ir.VectorType):
        return value
    if isinstance(value, ir.Constant):
        return Splat(ir.VectorType(value.type, lanes), value)
    whole = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(whole, ir.Undefined), value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, lanes), None)
    return builder.shuffle_vector(one, ir.Constant(whole, ir.Undefined), zeros)


def iota(lanes: int) -> Value:
    return ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))


def intrinsic(
    builder: Builder, name: str, result: Any, *operands: Value, align: int = 0, to: int = 0
) -> Value:
    """A call of LLVM's own function of this full name; operand `to` points to aligned memory."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        type = ir.FunctionType(result, [operand.type for operand in operands])
        function = ir.Function(module, type, name)
    call = builder.call(function, operands)
    if align:
        said = ArgumentAttributes()
        said.align = align
        call.arg_attributes[to] = said
    return call


def suffix(type: Any) -> str:
    """How LLVM's functions spell a type: f64, v8f32, v4i1."""
    if isinstance(type, ir.VectorType):
        return f"v{type.count}{suffix(type.element)}"
    return {"float": "f32", "double": "f64", "ptr": "p0"}.get(str(type), str(type))


def fma(builder: Builder, x: Value, y: Value, z: Value) -> Value:
    """x·y + z with one rounding."""
    return intrinsic(builder, f"llvm.fma.{suffix(x.type)}", x.type, x, y, z)


# ------------------------------------------------------------------ loops
def counted(
    builder: Builder,
    start: Value,
    stop: Value,
    step: int,
    carried: Sequence[Value],
    body: Callable[[Value, list[Value]], Sequence[Value]],
) -> list[Value]:
    """for (i = start; i < stop; i += step) carried = body(i, carried)."""
    before = builder.block
    head = builder.append_basic_block("loop")
    inside = builder.append_basic_block("body")
    after = builder.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(I64)
    i.add_incoming(start, before)
    values = [builder.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed("<", i, stop), inside, after)
    builder.position_at_end(inside)
    new = body(i, values)
    following = builder.add(i, number(step))
    i.add_incoming(following, builder.block)
    for phi, value in zip(values, new, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return values


# ------------------------------------------------------------------ elements
@dataclass(eq=False)
class Scope:
    """Where elements are calculated: the counters, the buffers, the lanes.

    counters: the value of each loop letter; that of `lane` is of its first lane. mask: which lanes
    are there (None: all). error: a pointer to a byte that a bad index sets.
    """

    builder: Builder
    buffers: Mapping[Node, Value]
    counters: Mapping[Letter, Value]
    lane: Letter | None = None
    lanes: int = 1
    mask: Value | None = None
    error: Value | None = None
    head: Value | None = None
    known: dict[int, Value] = field(default_factory=dict[int, Value])

    # -------------------------------------------------------------- places
    def varies(self, part: Expression | Position) -> bool:
        """Whether the lanes differ."""
        return self.lane is not None and self.lanes > 1 and self.lane in part.letters()

    def place(self, position: Position) -> Value:
        """A place that is the same for all lanes, or that of the first."""
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
        """The place of each lane."""
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
            case Letter():
                return self.counters[atom]
            case Quotient(value, divisor):
                return self.builder.sdiv(self.place(value), number(divisor))
            case Remainder(value, divisor):
                return self.builder.srem(self.place(value), number(divisor))
            case Entry():
                return self._entry(atom)
            case _:
                raise AssertionError(atom)

    def _atoms(self, atom: Any) -> Value:
        builder, lanes = self.builder, self.lanes
        if isinstance(atom, Letter):
            first = splat(builder, self.counters[atom], lanes)
            return builder.add(first, iota(lanes)) if atom is self.lane else first
        if not self.varies(Position(0, ((atom, 1),))):
            return splat(builder, self._atom(atom), lanes)
        match atom:
            case Quotient(value, divisor):
                return builder.sdiv(self.places(value), splat(builder, number(divisor), lanes))
            case Remainder(value, divisor):
                return builder.srem(self.places(value), splat(builder, number(divisor), lanes))
            case _:
                return self._entry(atom)

    def _entry(self, entry: Entry) -> Value:
        """An entry of an index array, from the start of its axis; a bad one sets the error."""
        builder = self.builder
        lanes = self.lanes if self.varies(entry.value) else 1
        given = self.value(entry.value)
        whole = vector(I64, lanes)
        if entry.value.dtype in ("float32", "float64"):
            # what is too large for an integer is poison to LLVM: it is bad before it is converted
            small = self._small(given, lanes)
            zero = splat(builder, ir.Constant(register_type(entry.value.dtype), 0.0), lanes)
            index = builder.fptosi(builder.select(small, given, zero), whole)
            exact = builder.fcmp_ordered("==", builder.sitofp(index, given.type), given)
            good = builder.and_(small, exact)
        else:
            index = given if given.type == whole else builder.zext(given, whole)
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
        """The value in every lane."""
        return splat(self.builder, self.value(part), self.lanes)

    def value(self, part: Expression) -> Value:
        """The value: a vector where the lanes differ, else one number."""
        found = self.known.get(id(part))
        if found is None:
            found = self.known[id(part)] = self._value(part)
        return found

    def _value(self, part: Expression) -> Value:
        match part:
            case Literal(value, dtype):
                return ir.Constant(register_type(dtype), value)
            case Load():
                return self._load(part)
            case Head():
                return self.head
            case Coordinate(at, dtype):
                where = self.places(at) if self.varies(at) else self.place(at)
                return self.builder.sitofp(where, vector(register_type(dtype), _lanes(where)))
            case Convert(value, dtype):
                return convert(self.builder, self.value(value), dtype)
            case Apply():
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
        whole = ir.VectorType(type, self.lanes)
        if self.lane not in part.at.hidden() and part.at.coefficient(self.lane) == 1:
            where = builder.gep(base, [self.place(part.at)], source_etype=type)
            if self.mask is None:
                value = _load(builder, where, whole, part.dtype)
            else:
                value = masked_load(builder, where, whole, self.mask, BYTES[part.dtype])
        else:
            where = pointers(builder, base, self.places(part.at), type)
            value = self._gather(where, whole, BYTES[part.dtype])
        return self._from_memory(value, part.dtype)

    def _gather(self, where: Value, whole: Any, align: int) -> Value:
        mask = self.mask
        if mask is None:
            mask = Splat(ir.VectorType(I1, self.lanes), ir.Constant(I1, 1))
        name = f"llvm.masked.gather.{suffix(whole)}.v{self.lanes}p0"
        rest = ir.Constant(whole, None)
        return intrinsic(self.builder, name, whole, where, mask, rest, align=align)

    def _from_memory(self, value: Value, dtype: str) -> Value:
        if dtype != "bool":
            return value
        zero = ir.Constant(value.type, None)
        return self.builder.icmp_unsigned("!=", value, zero)

    def _apply(self, part: Apply) -> Value:
        lanes = self.lanes if self.varies(part) else 1
        operands = {
            name: splat(self.builder, self.value(operand), lanes)
            for name, operand in part.operands.items()
        }
        written = Scalar(self.builder, operands, part.numbers, part.work, lanes)
        return convert(self.builder, written.write(part.tree), part.dtype)

    # -------------------------------------------------------------- storing
    def store(self, value: Value, buffer: Value, at: Position, dtype: str) -> None:
        """Writes the value of each lane that is there."""
        builder, type = self.builder, IN_MEMORY[dtype]
        value = splat(builder, value, self.lanes)
        if dtype == "bool":
            value = builder.zext(value, vector(I8, self.lanes))
        where = builder.gep(buffer, [self.place(at)], source_etype=type)
        if self.lanes == 1:
            builder.store(value, where, align=BYTES[dtype])
            return
        assert self.lane is not None
        straight = self.lane not in at.hidden() and at.coefficient(self.lane) == 1
        if straight and self.mask is None:
            builder.store(value, where, align=BYTES[dtype])
        elif straight:
            masked_store(builder, value, where, self.mask, BYTES[dtype])
        else:
            where = pointers(builder, buffer, self.places(at), type)
            mask = self.mask
            if mask is None:
                mask = Splat(ir.VectorType(I1, self.lanes), ir.Constant(I1, 1))
            name = f"llvm.masked.scatter.{suffix(value.type)}.v{self.lanes}p0"
            intrinsic(builder, name, ir.VoidType(), value, where, mask, align=BYTES[dtype], to=1)


def pointers(builder: Builder, base: Value, places: Value, type: Any) -> Value:
    """One pointer for each lane."""
    found = builder.gep(base, [places], source_etype=type)
    found.type = ir.VectorType(POINTER, places.type.count)  # llvmlite says it is one pointer
    return found


def _lanes(value: Value) -> int:
    return value.type.count if isinstance(value.type, ir.VectorType) else 1


def _load(builder: Builder, where: Value, type: Any, dtype: str) -> Value:
    return builder.load(where, align=BYTES[dtype], typ=type)


def masked_load(builder: Builder, where: Value, whole: Any, mask: Value, align: int) -> Value:
    """The lanes of the mask, 0 in the others, whose memory is not touched."""
    name = f"llvm.masked.load.{suffix(whole)}.p0"
    return intrinsic(builder, name, whole, where, mask, ir.Constant(whole, None), align=align)


def masked_store(builder: Builder, value: Value, where: Value, mask: Value, align: int) -> None:
    name = f"llvm.masked.store.{suffix(value.type)}.p0"
    intrinsic(builder, name, ir.VoidType(), value, where, mask, align=align, to=1)


def convert(builder: Builder, value: Value, dtype: str) -> Value:
    """A number as another dtype, as NumPy's astype does."""
    lanes = _lanes(value)
    wanted = vector(register_type(dtype), lanes)
    if value.type == wanted:
        return value
    given = value.type.element if lanes > 1 else value.type
    zero = ir.Constant(value.type, None)
    if dtype == "bool":
        if isinstance(given, ir.IntType):
            return builder.icmp_unsigned("!=", value, zero)
        return builder.fcmp_unordered("!=", value, zero)
    if given == I1:
        return builder.zext(value, wanted) if dtype == "int64" else builder.uitofp(value, wanted)
    if given == I64:
        return builder.sitofp(value, wanted)
    if dtype == "int64":
        return _whole_number(builder, value, wanted)
    return builder.fptrunc(value, wanted) if dtype == "float32" else builder.fpext(value, wanted)


def _whole_number(builder: Builder, value: Value, wanted: Any) -> Value:
    """A number without what follows the point. NaN and what is too large, poison to LLVM, become
    the least integer, as processors and so NumPy have it on x86."""
    lanes = _lanes(value)
    type = value.type.element if lanes > 1 else value.type
    high, low = (splat(builder, ir.Constant(type, x), lanes) for x in (2.0**63, -(2.0**63)))
    above = builder.fcmp_ordered(">=", value, low)
    fits = builder.and_(above, builder.fcmp_ordered("<", value, high))
    zero = ir.Constant(value.type, None)
    whole = builder.fptosi(builder.select(fits, value, zero), wanted)
    return builder.select(fits, whole, splat(builder, number(-(2**63)), lanes))


# ------------------------------------------------------------------ scalar expressions
@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar expression as LLVM values; `work` is the dtype it is calculated in."""

    builder: Builder
    operands: Mapping[str, Value]
    numbers: Mapping[str, float]
    work: str
    lanes: int

    def write(self, tree: Tree) -> Value:
        """The value: truth values stay so until a number is needed."""
        builder = self.builder
        if tree in FASTER:
            name, operands = FASTER[tree]
            return elementary.emit(builder, name, *(self.numeric(Var(x)) for x in operands))
        match tree:
            case Num(text):
                return self.literal(float(text))
            case Var("INFINITY"):
                return self.literal(math.inf)
            case Var(name):
                if name in self.operands:
                    return self.operands[name]
                return self.literal(self.numbers[name])
            case Unary("-", value):
                given = self.numeric(value)
                return builder.fneg(given) if self.floats else builder.neg(given)
            case Unary(_, value):
                return builder.not_(self.truth(value))
            case Binary(sign, left, right):
                return self.binary(sign, left, right)
            case Choice(test, yes, no):
                return self.choice(test, yes, no)
            case Call("pow", (base, exponent)):
                return self.power(self.numeric(base), self.numeric(exponent))
            case Call(name, arguments):
                values = [self.numeric(argument) for argument in arguments]
                return elementary.emit(builder, name, *values)

    def power(self, base: Value, exponent: Value) -> Value:
        """A power; one of a small whole number by products, as NumPy does for squares."""
        builder, known = self.builder, constant_of(exponent)
        if known not in POWERS:
            return elementary.emit(builder, "pow", base, exponent)
        value = builder.fmul(base, base) if abs(known) >= 2 else base
        if abs(known) == 3:
            value = builder.fmul(value, base)
        return builder.fdiv(self.literal(1.0), value) if known < 0 else value

    @property
    def floats(self) -> bool:
        return self.work in ("float32", "float64")

    def literal(self, value: float) -> Value:
        type = register_type(self.work)
        given: float | int = value if self.floats else int(value)
        if self.work == "float32":
            given = _single(value)
        return splat(self.builder, ir.Constant(type, given), self.lanes)

    def numeric(self, tree: Tree) -> Value:
        return convert(self.builder, self.write(tree), self.work)

    def truth(self, tree: Tree) -> Value:
        return convert(self.builder, self.write(tree), "bool")

    def choice(self, test: Tree, yes: Tree, no: Tree) -> Value:
        condition, one, two = self.truth(test), self.write(yes), self.write(no)
        if one.type != two.type:
            one = convert(self.builder, one, self.work)
            two = convert(self.builder, two, self.work)
        return self.builder.select(condition, one, two)

    def binary(self, sign: str, left: Tree, right: Tree) -> Value:
        builder = self.builder
        if sign in ("&&", "||"):
            one, two = self.truth(left), self.truth(right)
            return builder.and_(one, two) if sign == "&&" else builder.or_(one, two)
        one, two = self.write(left), self.write(right)
        if sign in ("==", "!=") and one.type == two.type and self._is_truth(one):
            return builder.icmp_unsigned(sign, one, two)
        one, two = convert(builder, one, self.work), convert(builder, two, self.work)
        if sign in ("<", ">", "<=", ">=", "==", "!="):
            if not self.floats:
                # one bit that is set is -1 where signs count
                whole = builder.icmp_unsigned if self.work == "bool" else builder.icmp_signed
                return whole(sign, one, two)
            compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
            return compare(sign, one, two)
        names = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
        if self.work == "bool":  # as NumPy has it: a sum is "or", a product "and"
            return {"+": builder.or_, "-": builder.xor, "*": builder.and_}[sign](one, two)
        if not self.floats:
            return getattr(builder, names[sign])(one, two)
        # a product and a sum may become one operation with one rounding
        return getattr(builder, "f" + names[sign])(one, two, flags=("contract",))

    def _is_truth(self, value: Value) -> bool:
        return value.type == vector(I1, self.lanes)


def constant_of(value: Value) -> float | None:
    """The number that a literal puts in every lane."""
    if not isinstance(value, ir.Constant):
        return None
    known = value.element.constant if isinstance(value, Splat) else value.constant
    return known if isinstance(known, float) else None


def _single(value: float) -> float:
    return float(np.float32(value))
