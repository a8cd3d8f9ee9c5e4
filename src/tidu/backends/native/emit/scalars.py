"""Scalar expressions as LLVM values, for one lane or for a whole vector of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from tidu.backends.native import elementary
from tidu.backends.native.emit.registers import (
    I1,
    Builder,
    Value,
    convert,
    register_type,
    splat,
    vector,
)
from tidu.backends.native.literals import Splat
from tidu.backends.scalar import (
    BinaryOp,
    Conditional,
    FunctionCall,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
    parse,
)
from tidu.ir.types import REALS

# Scalar expressions that the elementary functions have as one, faster and nearer to the truth.
# Without the table the values are the same but for rounding.
FASTER: Mapping[Tree, tuple[str, tuple[str, ...]]] = {
    parse("exp(fmin(x, 0)) / (1 + exp(-fabs(x)))"): ("sigmoid", ("x",)),
    parse("exp(fmin(-x, 0)) / (1 + exp(-fabs(x)))"): ("one_minus_sigmoid", ("x",)),
    parse("4 * exp(-2 * fabs(x)) / ((1 + exp(-2 * fabs(x))) * (1 + exp(-2 * fabs(x))))"): (
        "sech_squared",
        ("x",),
    ),
}
POWERS = frozenset({-2.0, -1.0, 1.0, 2.0, 3.0})  # exponents whose power is a product


@dataclass(frozen=True, slots=True)
class ScalarEmitter:
    """A scalar expression as LLVM values; `work` is the dtype it is calculated in."""

    builder: Builder
    operands: Mapping[str, Value]
    numbers: Mapping[str, float]
    work: str
    lanes: int

    def write(self, tree: Tree) -> Value:
        """Return the value: truth values stay so until a number is needed."""
        builder = self.builder
        if tree in FASTER:
            name, operands = FASTER[tree]
            return elementary.emit(builder, name, *(self.numeric(Variable(x)) for x in operands))
        match tree:
            case NumberText(text):
                return self.literal(float(text))
            case Variable("INFINITY"):
                return self.literal(math.inf)
            case Variable(name):
                if name in self.operands:
                    return self.operands[name]
                return self.literal(self.numbers[name])
            case UnaryOp("-", value):
                given = self.numeric(value)
                return builder.fneg(given) if self.floats else builder.neg(given)
            case UnaryOp(_, value):
                return builder.not_(self.truth(value))
            case BinaryOp(sign, left, right):
                return self.binary(sign, left, right)
            case Conditional(test, yes, no):
                return self.choice(test, yes, no)
            case FunctionCall("pow", (base, exponent)):
                return self.power(self.numeric(base), self.numeric(exponent))
            case FunctionCall(name, arguments):
                values = [self.numeric(argument) for argument in arguments]
                return elementary.emit(builder, name, *values)

    def power(self, base: Value, exponent: Value) -> Value:
        """Return a power; one of a small whole number by products, as NumPy does for squares."""
        builder, known = self.builder, constant_of(exponent)
        if known not in POWERS:
            return elementary.emit(builder, "pow", base, exponent)
        value = builder.fmul(base, base) if abs(known) >= 2 else base
        if abs(known) == 3:
            value = builder.fmul(value, base)
        return builder.fdiv(self.literal(1.0), value) if known < 0 else value

    @property
    def floats(self) -> bool:
        return self.work in REALS

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
    """Return the number that a literal puts in every lane."""
    if not isinstance(value, ir.Constant):
        return None
    known = value.element.constant if isinstance(value, Splat) else value.constant
    return known if isinstance(known, float) else None


def _single(value: float) -> float:
    return float(np.float32(value))
