"""The remainder by π/2 of numbers of any size, lane by lane, in integers of 192 bits.

|x| = m 2ᵉ with an integer m. Of 2/π = 0.b₁b₂… only those digits are taken whose product with m 2ᵉ
is neither a multiple of 4 nor too small to matter: 24 bytes from a place that e gives. What is lost
is below 2⁻¹³⁰, while no float64 comes nearer than 2⁻⁶² to a multiple of π/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.pieces import (
    F32,
    F64,
    Bits,
    Code,
    Real,
    fma,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
)

_WIDE = ir.IntType(192)
_I64, _DOUBLE = ir.IntType(64), ir.DoubleType()
_PAD = 8  # bytes of zeros before the digits of 2/π
_RESULT = ir.LiteralStructType([_DOUBLE, _DOUBLE, _I64])


@dataclass(frozen=True, slots=True, eq=False)
class Far:
    r: DoubleWord
    quadrant: Bits


def far_reduced(x: Real) -> Far:
    """Return r and k of x = k π/2 + r, for finite |x| from 2¹⁵ on. Emits a loop over the lanes."""
    code, builder = x.code, x.code.builder
    wide = code.at(F64)
    given = x.to(F64).value
    function = _one(builder.module)
    if code.lanes is None:
        result = builder.call(function, [given])
        parts = [builder.extract_value(result, i) for i in range(3)]
    else:
        parts = _each(wide, given, function)
    high, low, quadrant = Real(wide, parts[0]), Real(wide, parts[1]), parts[2]
    if code.form is F32:
        total = high.to(F32)
        low = (high - total.to(F64)).to(F32)
        return Far(DoubleWord(total, low), Bits(code, builder.trunc(quadrant, code.bits_type)))
    return Far(DoubleWord(high, low), Bits(code, quadrant))


def _each(code: Code, given: Any, function: Any) -> list[Any]:
    builder, lanes = code.builder, code.lanes
    index_type = ir.IntType(32)
    start = builder.block
    loop, end = builder.append_basic_block("lane"), builder.append_basic_block("lanes")
    builder.branch(loop)
    builder.position_at_end(loop)
    index = builder.phi(index_type)
    index.add_incoming(ir.Constant(index_type, 0), start)
    kinds = (code.real_type, code.real_type, code.bits_type)
    before = [builder.phi(kind) for kind in kinds]
    result = builder.call(function, [builder.extract_element(given, index)])
    after: list[Any] = []
    for i, (phi, kind) in enumerate(zip(before, kinds, strict=True)):
        phi.add_incoming(ir.Constant(kind, None), start)
        after.append(builder.insert_element(phi, builder.extract_value(result, i), index))
        phi.add_incoming(after[-1], builder.block)
    following = builder.add(index, ir.Constant(index_type, 1))
    index.add_incoming(following, builder.block)
    more = builder.icmp_unsigned("<", following, ir.Constant(index_type, lanes))
    builder.cbranch(more, loop, end)
    builder.position_at_end(end)
    return after


def _digits(module: Any) -> Any:
    """Return the digits of 2/π in memory, the last byte first, zeros before the point."""
    data = bytes(_PAD) + bytes.fromhex(table.TWO_BY_PI_DIGITS)
    kind = ir.ArrayType(ir.IntType(8), len(data))
    digits: Any = ir.GlobalVariable(module, kind, "tidu.two_by_pi")
    digits.linkage = "internal"
    digits.global_constant = True
    digits.initializer = ir.Constant(kind, bytearray(data[::-1]))
    return digits, len(data)


def _one(module: Any) -> Any:
    """Return the function for one number."""
    name = "tidu.far.f64"
    function = module.globals.get(name)
    if function is not None:
        return function
    function = ir.Function(module, ir.FunctionType(_RESULT, [_DOUBLE]), name)
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline", "cold"):
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = Code(builder, F64, None)
    x = Real(code, function.args[0])
    bits = x.bits()
    exponent = ((bits >> 52) & 0x7FF) - (1075 - 62)  # e + 62
    m = (bits & ((1 << 52) - 1)) | (1 << 52)
    digits, size = _digits(module)
    bit = code.integer(size - 24) - (exponent >> 3)
    address = builder.gep(digits, [ir.Constant(_I64, 0), bit.value], inbounds=True)
    wide = ir.Constant(_WIDE, 1 << 189)
    address = builder.bitcast(address, _WIDE.as_pointer())
    window = builder.load(address, align=1)
    product = builder.mul(window, builder.zext(m.value, _WIDE))
    # now 2⁻¹⁹⁰ of it is |x| 2/π, up to multiples of 4
    product = builder.shl(product, builder.zext((exponent & 7).value, _WIDE))
    quadrant = builder.lshr(builder.add(product, wide), ir.Constant(_WIDE, 190))
    high, low = _fraction(code, builder.shl(product, ir.Constant(_WIDE, 2)))
    negative = x < 0.0
    k = Bits(code, builder.trunc(quadrant, _I64))
    k = negative.choose_bits(code.integer(0) - k, k)
    first, second, *_ = table.HALF_PI["f64"]
    top = high * first
    rest = fma(high, first, -top) + (high * second + low * first)
    r = top + rest
    left = rest - (r - top)
    value: Any = ir.Constant(_RESULT, ir.Undefined)
    for i, part in enumerate((negative.choose(-r, r), negative.choose(-left, left), k)):
        value = builder.insert_value(value, part.value, i)
    builder.ret(value)
    return function


def _fraction(code: Code, value: Any) -> tuple[Real, Real]:
    """Return a signed integer times 2⁻¹⁹², as a sum of two numbers."""
    builder = code.builder
    zero = ir.Constant(_WIDE, 0)
    negative = builder.icmp_signed("<", value, zero)
    size = builder.select(negative, builder.sub(zero, value), value)
    size = builder.or_(size, ir.Constant(_WIDE, 1))
    name = "llvm.ctlz.i192"
    bit = ir.IntType(1)
    count = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(_WIDE, [_WIDE, bit]), name
    )
    zeros = builder.call(count, [size, ir.Constant(bit, 1)])
    size = builder.shl(size, zeros)

    def top(of: Any) -> Bits:
        return Bits(code, builder.trunc(builder.lshr(of, ir.Constant(_WIDE, 128)), _I64))

    scale = code.integer(1023) - Bits(code, builder.trunc(zeros, _I64))
    power = (scale << 52).real()
    high = Real(code, builder.uitofp((top(size) & ~0x7FF).value, _DOUBLE)) * 2.0**-64
    rest = top(builder.shl(size, ir.Constant(_WIDE, 53)))
    low = Real(code, builder.uitofp(rest.value, _DOUBLE)) * 2.0**-117
    sign = builder.select(negative, code.number(-1.0).value, code.number(1.0).value)
    power = power * Real(code, sign)
    return high * power, low * power
