"""What the functions are written with: numbers in lanes, whose operators emit LLVM instructions.

A `Real` is a float or double, or a vector of them; `Bits` the integers of the same width, `Mask`
one bit a lane. Nothing is contracted or reordered: an operator is one IEEE operation, and `fma`
rounds once. Each lane is computed by itself, so that results depend neither on the number of lanes
nor on the neighbours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from llvmlite import ir

from tidu.backends.native.literals import Splat


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format."""

    name: str  # f32, f64
    width: int
    digits: int  # of the significand, the leading one included

    @property
    def bias(self) -> int:
        return (1 << (self.width - self.digits - 1)) - 1

    @property
    def shift(self) -> int:
        """Return how far left the exponent stands."""
        return self.digits - 1

    @property
    def tiny(self) -> float:
        """Return the smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def magic(self) -> float:
        """Return the number that, added to a small one, leaves the nearest integer in the lowest
        bits."""
        return 1.5 * 2.0**self.shift

    def near(self, value: float) -> float:
        """Return the number of this format that is nearest."""
        return value if self.width == 64 else struct.unpack("f", struct.pack("f", value))[0]

    def bits(self, value: float) -> int:
        if self.width == 64:
            return struct.unpack("<Q", struct.pack("<d", value))[0]
        return struct.unpack("<I", struct.pack("<f", value))[0]


F32 = FloatFormat("f32", 32, 24)
F64 = FloatFormat("f64", 64, 53)
FORMATS = {32: F32, 64: F64}


@dataclass(frozen=True, eq=False)
class Code:
    """The builder of instructions, with the format of the numbers and the number of lanes (None: no
    vector)."""

    builder: Any
    form: FloatFormat
    lanes: int | None

    def _type(self, element: Any) -> Any:
        return element if self.lanes is None else ir.VectorType(element, self.lanes)

    @cached_property
    def real_type(self) -> Any:
        return self._type(ir.FloatType() if self.form is F32 else ir.DoubleType())

    @cached_property
    def bits_type(self) -> Any:
        return self._type(ir.IntType(self.form.width))

    @cached_property
    def suffix(self) -> str:
        """Return the suffix of LLVM's intrinsics for this type: v8f64."""
        return self.form.name if self.lanes is None else f"v{self.lanes}{self.form.name}"

    def _splat(self, kind: Any, element: Any) -> Any:
        if self.lanes is None:
            return element
        return Splat(kind, element)

    def number(self, value: float) -> Real:
        value = self.form.near(value)
        element = self.real_type if self.lanes is None else self.real_type.element
        return Real(self, self._splat(self.real_type, ir.Constant(element, value)))

    def integer(self, value: int) -> Bits:
        element = ir.IntType(self.form.width)
        value &= (1 << self.form.width) - 1
        return Bits(self, self._splat(self.bits_type, ir.Constant(element, value)))

    def real(self, value: Number) -> Real:
        return value if isinstance(value, Real) else self.number(value)

    def call(self, name: str, *values: Real) -> Real:
        """Return an intrinsic whose operands and result are of this type."""
        module = self.builder.module
        full = f"llvm.{name}.{self.suffix}"
        function = module.globals.get(full)
        if function is None:
            kind = ir.FunctionType(self.real_type, [self.real_type] * len(values))
            function = ir.Function(module, kind, full)
        return Real(self, self.builder.call(function, [v.value for v in values]))

    def at(self, form: FloatFormat) -> Code:
        """Return the same place in another format."""
        return Code(self.builder, form, self.lanes)


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    code: Code
    value: Any

    def _with(self, name: str, other: Number, *, swapped: bool = False) -> Real:
        pair = (self.value, self.code.real(other).value)
        left, right = pair[::-1] if swapped else pair
        return Real(self.code, getattr(self.code.builder, name)(left, right))

    def __add__(self, other: Number) -> Real:
        return self._with("fadd", other)

    def __radd__(self, other: Number) -> Real:
        return self._with("fadd", other)

    def __sub__(self, other: Number) -> Real:
        return self._with("fsub", other)

    def __rsub__(self, other: Number) -> Real:
        return self._with("fsub", other, swapped=True)

    def __mul__(self, other: Number) -> Real:
        return self._with("fmul", other)

    def __rmul__(self, other: Number) -> Real:
        return self._with("fmul", other)

    def __truediv__(self, other: Number) -> Real:
        return self._with("fdiv", other)

    def __rtruediv__(self, other: Number) -> Real:
        return self._with("fdiv", other, swapped=True)

    def __neg__(self) -> Real:
        return Real(self.code, self.code.builder.fneg(self.value))

    def __abs__(self) -> Real:
        return self.code.call("fabs", self)

    def _compared(self, sign: str, other: Number) -> Mask:
        right = self.code.real(other).value
        return Mask(self.code, self.code.builder.fcmp_ordered(sign, self.value, right))

    def __lt__(self, other: Number) -> Mask:
        return self._compared("<", other)

    def __le__(self, other: Number) -> Mask:
        return self._compared("<=", other)

    def __gt__(self, other: Number) -> Mask:
        return self._compared(">", other)

    def __ge__(self, other: Number) -> Mask:
        return self._compared(">=", other)

    def equals(self, other: Number) -> Mask:
        return self._compared("==", other)

    def is_nan(self) -> Mask:
        return Mask(self.code, self.code.builder.fcmp_unordered("uno", self.value, self.value))

    def bits(self) -> Bits:
        code = self.code
        return Bits(code, code.builder.bitcast(self.value, code.bits_type))

    def to(self, form: FloatFormat) -> Real:
        """Convert to the other format: exactly, or rounded to nearest."""
        code = self.code.at(form)
        if form is self.code.form:
            return self
        name = "fpext" if form is F64 else "fptrunc"
        return Real(code, getattr(code.builder, name)(self.value, code.real_type))


@dataclass(frozen=True, slots=True, eq=False)
class Bits:
    code: Code
    value: Any

    def _with(self, name: str, other: Bits | int) -> Bits:
        right = other if isinstance(other, Bits) else self.code.integer(other)
        return Bits(self.code, getattr(self.code.builder, name)(self.value, right.value))

    def __add__(self, other: Bits | int) -> Bits:
        return self._with("add", other)

    def __sub__(self, other: Bits | int) -> Bits:
        return self._with("sub", other)

    def __and__(self, other: Bits | int) -> Bits:
        return self._with("and_", other)

    def __or__(self, other: Bits | int) -> Bits:
        return self._with("or_", other)

    def __xor__(self, other: Bits | int) -> Bits:
        return self._with("xor", other)

    def __lshift__(self, other: int) -> Bits:
        return self._with("shl", other)

    def __rshift__(self, other: int) -> Bits:
        """Shift right; zeros come in from the left."""
        return self._with("lshr", other)

    def at_least(self, other: int) -> Bits:
        """Return the greater one, without signs."""
        return self.reaches(other).choose_bits(self, other)

    def reaches(self, bound: int) -> Mask:
        """Tell whether it is at least the bound, without signs."""
        right = self.code.integer(bound)
        return Mask(self.code, self.code.builder.icmp_unsigned(">=", self.value, right.value))

    def equals(self, other: Bits | int) -> Mask:
        right = other if isinstance(other, Bits) else self.code.integer(other)
        value = self.code.builder.icmp_unsigned("==", self.value, right.value)
        return Mask(self.code, value)

    def real(self) -> Real:
        """Return the number with these bits."""
        return Real(self.code, self.code.builder.bitcast(self.value, self.code.real_type))


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    code: Code
    value: Any

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.and_(self.value, other.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.or_(self.value, other.value))

    def __xor__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.xor(self.value, other.value))

    def __invert__(self) -> Mask:
        return Mask(self.code, self.code.builder.not_(self.value))

    def choose(self, yes: Number, no: Number) -> Real:
        a, b = self.code.real(yes), self.code.real(no)
        return Real(a.code, a.code.builder.select(self.value, a.value, b.value))

    def choose_bits(self, yes: Bits | int, no: Bits | int) -> Bits:
        code = self.code
        a = yes if isinstance(yes, Bits) else code.integer(yes)
        b = no if isinstance(no, Bits) else code.integer(no)
        return Bits(code, code.builder.select(self.value, a.value, b.value))


Number: TypeAlias = Real | float


def fma(a: Real, b: Number, c: Number) -> Real:
    """Return a b + c, rounded once."""
    return a.code.call("fma", a, a.code.real(b), a.code.real(c))


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Evaluate a polynomial by Horner's rule; the lowest coefficient comes first."""
    *rest, last = coefficients
    value: Number = last
    for c in reversed(rest):
        value = fma(x, value, c)
    return x.code.real(value)


def with_sign(size: Real, sign: Real) -> Real:
    return size.code.call("copysign", size, sign)


def flipped(x: Real, sign: Bits) -> Real:
    """Return x with its sign changed where the top bit of `sign` is set."""
    top = 1 << (x.code.form.width - 1)
    return (x.bits() ^ (sign & top)).real()


def any_of(mask: Mask) -> Any:
    """Return one bit: whether any lane is set."""
    builder, lanes = mask.code.builder, mask.code.lanes
    if lanes is None:
        return mask.value
    name = f"llvm.vector.reduce.or.v{lanes}i1"
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(ir.IntType(1), [mask.value.type])
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, [mask.value])


def define(code: Code, name: str, count: int, body: Callable[..., Real], *attributes: str) -> Any:
    """Return the module's own function of this name, for this format and number of lanes."""
    function, inner = _function(code, name, code.real_type, count, attributes)
    if inner is not None:
        inner.builder.ret(body(*(Real(inner, value) for value in function.args)).value)
    return function


def define_pair(
    code: Code, name: str, body: Callable[[Real], tuple[Real, Real]], *attributes: str
) -> Any:
    """Return the same for a function of one operand that gives two values."""
    kind = ir.LiteralStructType([code.real_type] * 2)
    function, inner = _function(code, name, kind, 1, attributes)
    if inner is not None:
        both: Any = ir.Constant(kind, ir.Undefined)
        for index, value in enumerate(body(Real(inner, function.args[0]))):
            both = inner.builder.insert_value(both, value.value, index)
        inner.builder.ret(both)
    return function


def _function(
    code: Code, name: str, result: Any, count: int, attributes: Sequence[str]
) -> tuple[Any, Code | None]:
    """Return a function of the module's, and where its code goes; None for one that is there
    already."""
    module = code.builder.module
    full = f"tidu.{name}.{code.suffix}"
    function = module.globals.get(full)
    if function is not None:
        return function, None
    function = ir.Function(module, ir.FunctionType(result, [code.real_type] * count), full)
    function.linkage = "internal"
    for attribute in ("nounwind", *attributes):
        function.attributes.add(attribute)
    return function, Code(ir.IRBuilder(function.append_basic_block("entry")), code.form, code.lanes)


def unless(
    unusual: Mask, x: Real, usual: Real, name: str, complete: Callable[[Real], Real]
) -> Real:
    """Return the usual value, and the complete one where any lane is unusual: it takes longer, is
    emitted apart, and must give the same bits in the lanes that are not."""
    builder = x.code.builder
    function = define(x.code, name, 1, complete, "noinline", "cold")
    start = builder.block
    slow, end = builder.append_basic_block("unusual"), builder.append_basic_block("usual")
    builder.cbranch(any_of(unusual), slow, end)
    builder.position_at_end(slow)
    computed = builder.call(function, [x.value])
    builder.branch(end)
    builder.position_at_end(end)
    value = builder.phi(x.code.real_type)
    value.add_incoming(usual.value, start)
    value.add_incoming(computed, slow)
    return Real(x.code, value)
