"""Types, numbers and loops as LLVM has them: what all code here is written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from llvmlite.ir.values import ArgumentAttributes

from tidu.backends.native.literals import Splat

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


def register_type(dtype: str) -> Any:
    """Return the type of a number of this dtype in a register."""
    return I1 if dtype == "bool" else IN_MEMORY[dtype]


def number(value: int) -> Value:
    return ir.Constant(I64, value)


def vector(type: Any, lanes: int) -> Any:
    return type if lanes == 1 else ir.VectorType(type, lanes)


def splat(builder: Builder, value: Value, lanes: int) -> Value:
    """Return one number in every lane."""
    if lanes == 1 or isinstance(value.type, ir.VectorType):
        return value
    if isinstance(value, ir.Constant):
        return Splat(ir.VectorType(value.type, lanes), value)
    vector_type = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(vector_type, ir.Undefined), value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, lanes), None)
    return builder.shuffle_vector(one, ir.Constant(vector_type, ir.Undefined), zeros)


def iota(lanes: int) -> Value:
    return ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))


def intrinsic(
    builder: Builder, name: str, result: Any, *operands: Value, align: int = 0, to: int = 0
) -> Value:
    """Write a call of the LLVM intrinsic of this full name; operand `to` points to aligned
    memory."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        type = ir.FunctionType(result, [operand.type for operand in operands])
        function = ir.Function(module, type, name)
    call = builder.call(function, operands)
    if align:
        attributes = ArgumentAttributes()
        attributes.align = align
        call.arg_attributes[to] = attributes
    return call


def suffix(type: Any) -> str:
    """Return how LLVM's functions spell a type: f64, v8f32, v4i1."""
    if isinstance(type, ir.VectorType):
        return f"v{type.count}{suffix(type.element)}"
    return {"float": "f32", "double": "f64", "ptr": "p0"}.get(str(type), str(type))


def fma(builder: Builder, x: Value, y: Value, z: Value) -> Value:
    """Return x·y + z with one rounding."""
    return intrinsic(builder, f"llvm.fma.{suffix(x.type)}", x.type, x, y, z)


def counted(
    builder: Builder,
    start: Value,
    stop: Value,
    step: int,
    carried: Sequence[Value],
    body: Callable[[Value, list[Value]], Sequence[Value]],
) -> list[Value]:
    """Write for (i = start; i < stop; i += step) carried = body(i, carried); returns the last
    `carried`."""
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


def is_finite(builder: Builder, value: Value) -> Value:
    """Tell whether a number is finite: x − x is 0."""
    gone = builder.fsub(value, value)
    return builder.fcmp_ordered("==", gone, ir.Constant(value.type, 0.0))


def pointers(builder: Builder, base: Value, places: Value, type: Any) -> Value:
    """Return one pointer for each lane."""
    addresses = builder.gep(base, [places], source_etype=type)
    addresses.type = ir.VectorType(POINTER, places.type.count)  # llvmlite says it is one pointer
    return addresses


def lanes_of(value: Value) -> int:
    return value.type.count if isinstance(value.type, ir.VectorType) else 1


def masked_load(builder: Builder, where: Value, vector_type: Any, mask: Value, align: int) -> Value:
    """Return the lanes of the mask, 0 in the others, whose memory is not touched."""
    name = f"llvm.masked.load.{suffix(vector_type)}.p0"
    return intrinsic(
        builder, name, vector_type, where, mask, ir.Constant(vector_type, None), align=align
    )


def masked_store(builder: Builder, value: Value, where: Value, mask: Value, align: int) -> None:
    name = f"llvm.masked.store.{suffix(value.type)}.p0"
    intrinsic(builder, name, ir.VoidType(), value, where, mask, align=align, to=1)


def convert(builder: Builder, value: Value, dtype: str) -> Value:
    """Return a number as another dtype, as NumPy's astype does."""
    lanes = lanes_of(value)
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
    """Return a number without what follows the point. NaN and what is too large, poison to LLVM,
    become the least integer, as processors and so NumPy have it on x86."""
    lanes = lanes_of(value)
    type = value.type.element if lanes > 1 else value.type
    high, low = (splat(builder, ir.Constant(type, x), lanes) for x in (2.0**63, -(2.0**63)))
    above = builder.fcmp_ordered(">=", value, low)
    fits = builder.and_(above, builder.fcmp_ordered("<", value, high))
    zero = ir.Constant(value.type, None)
    whole = builder.fptosi(builder.select(fits, value, zero), wanted)
    return builder.select(fits, whole, splat(builder, number(-(2**63)), lanes))
