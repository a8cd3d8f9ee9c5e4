"""What a text calculates with values: operators, comparisons, attributes and indices.

Numbers are calculated while the program is read; written arrays give written arrays; all else gives
nodes. Python's syntax trees and the formulas of paper are both read to these operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar, cast

from tidu.errors import InputError, Place, SyntaxProblem, TiduError, UnknownNameError
from tidu.ir.build import constant
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import operator
from tidu.ir.types import Shape, Size, product
from tidu.ops.elementwise.comparison import logical_and, logical_not, logical_or, where
from tidu.ops.elementwise.parts import imag, real
from tidu.spellings import functions
from tidu.text import sequences
from tidu.text.arrays import numeric, reference
from tidu.text.diagnosis import two_readings
from tidu.text.scope import Scope
from tidu.text.values import (
    COMPARISONS,
    Calculable,
    FunctionName,
    Literal,
    Method,
    Module,
    PlacedValue,
    Value,
    fold,
    is_static,
    member,
    shape_of,
    shown,
)
from tidu.text.whitelist import NOT_PART
from tidu.words import Words

_FLOOR = Words(
    en="{sign} has no derivative in tidu; it is read between plain numbers only",
    zh="tidu 不对 {sign} 求导，只在写明的数之间使用",
)
_ATTRIBUTE = Words(
    en="attribute {name} is not part of the formula language", zh="公式语言里没有属性 {name}"
)
_ATTRIBUTES = Words(
    en="an array has .T, .mT, .shape, .ndim, .size, and methods such as .sum()",
    zh="数组有 .T、.mT、.shape、.ndim、.size，以及 .sum() 之类的方法",
)
_OPERAND = Words(en="cannot calculate with {value}", zh="不能用 {value} 做计算")
_CONDITION = Words(
    en="a condition must be a comparison, {value} holds numbers",
    zh="条件应当是比较式，{value} 是数",
)
_CONDITION_FIX = Words(en="{value} > 0", zh="{value} > 0")
_INDEX = Words(en="{key} is no index of {value}", zh="{key} 不能作 {value} 的下标")
_LOGIC: Mapping[str, Callable[..., Node]] = {"&": logical_and, "|": logical_or}
_PARTS = {op.name: op for op in (real, imag)}  # z.real, z.imag
# Attributes of an array that its shape answers.
_OF_SHAPE: Mapping[str, Callable[[Shape], Value]] = {"shape": tuple, "ndim": len, "size": product}
CONVERSIONS = frozenset({"astype", "to", "type", "requires_grad_"})  # methods that are no ops
T = TypeVar("T")


# ------------------------------------------------------------------ values
def apply(
    scope: Scope, place: Place, build: Callable[..., object], *operands: Value, **attributes: object
) -> Value:
    """Return what `build` makes of values, and record its place; written arrays give an array
    again."""
    literals = [x for x in _flat(operands) if isinstance(x, Literal)]
    nodes = any(isinstance(x, Node) for x in _flat(operands))
    try:
        result = build(*(lifted(x) for x in operands), **attributes)
        if literals and not nodes and isinstance(result, Node):
            return Literal(reference(result), any(x.requires_grad for x in literals))
    except TiduError as error:
        raise error.at(place) from None
    if isinstance(result, Node):
        scope.places.setdefault(result, []).append(place)
    return cast(Value, result)


def lifted(value: Value) -> Value:
    """Return a value with the written arrays in it as nodes."""
    if isinstance(value, Literal):
        return constant(value.array)
    if isinstance(value, tuple):
        return tuple(lifted(item) for item in value)
    if isinstance(value, list):
        return [lifted(item) for item in value]
    return value


def calculable(scope: Scope, operand: PlacedValue) -> Calculable:
    """Return a value that can be calculated with; lists of numbers count as arrays."""
    value = operand.value
    if isinstance(value, Node | Literal) or is_static(value):
        return value
    if isinstance(value, tuple | list | range):
        items = with_place(operand.place, lambda: sequences.items(value, "array"))
        return Literal(with_place(operand.place, lambda: numeric(items)))
    if (
        isinstance(value, FunctionName)
        and value.path == value.shown
        and operand.shown.isidentifier()
    ):
        raise scope.unknown_name(operand.shown, operand.place)
    raise not_calculable(operand)


def not_calculable(operand: PlacedValue) -> SyntaxProblem:
    """Return the error for a value that cannot be calculated with."""
    return SyntaxProblem(_OPERAND(value=operand.shown), place=operand.place)


def with_place(place: Place, calculation: Callable[[], T]) -> T:
    """Return the result of a calculation; if it raises a TiduError, the error says where it
    stands."""
    try:
        return calculation()
    except TiduError as error:
        raise error.at(place) from None


def _flat(values: tuple[Value, ...] | list[Value]) -> Iterator[Value]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


# ------------------------------------------------------------------ operators
def calculate(
    scope: Scope, sign: str, left: PlacedValue, right: PlacedValue, whole: Place, place: Place
) -> Value:
    """Return `left sign right`; whole: both as written; place: of the sign, for errors."""
    if sequences.is_of_sequences(left.value, right.value):
        text = (left if isinstance(left.value, list) else right).shown
        return with_place(place, lambda: sequences.calculated(sign, left.value, right.value, text))
    one, two = calculable(scope, left), calculable(scope, right)
    if sign in _LOGIC:
        if is_static(one) and is_static(two):
            return with_place(place, lambda: sequences.bits(sign, one, two))
        return logic(scope, sign, one, two, place)
    if is_static(one) and is_static(two):
        folded = with_place(place, lambda: fold(sign, one, two, shown(whole)))
        if folded is not None:
            return folded
    if sign in ("//", "%"):
        raise SyntaxProblem(_FLOOR(sign=sign), place=place)
    return apply(scope, place, operator(sign), one, two)


def check_square_plus_column(left: PlacedValue, right: PlacedValue, place: Place) -> None:
    """Refuse A + b on paper for a square A and a column vector b, which may be meant for each row
    or each column."""
    for matrix, vector in ((left, right), (right, left)):
        shape, length = shape_of(matrix.value), shape_of(vector.value)
        if len(shape) == 2 and shape == (*length, *length):
            b = vector.shown
            raise two_readings(place, f"{b}' (1 {b}')", f"{b}[:, None] ({b} 1')")


def logic(scope: Scope, sign: str, left: Value, right: Value, place: Place) -> Value:
    """Return `left & right` or `left | right` of conditions."""
    if is_static(left) and is_static(right):
        return bool(left) & bool(right) if sign == "&" else bool(left) | bool(right)
    for value in (left, right):
        check_condition(value, place)
    return apply(scope, place, _LOGIC[sign], left, right)


def joined(
    scope: Scope, sign: str, left: PlacedValue, right: PlacedValue, place: Place
) -> PlacedValue:
    """Return `left and right` or `left or right`; a known value on the left decides."""
    truth = sequences.is_true(left.value)
    if truth is not None:
        return right if truth == (sign == "&") else left
    if sequences.is_sequence(right.value):
        raise not_calculable(right)
    one, two = calculable(scope, left), calculable(scope, right)
    return PlacedValue(logic(scope, sign, one, two, place), place)


def check_condition(value: Value, place: Place) -> None:
    """Refuse an array of numbers where a condition should stand."""
    if isinstance(value, Node) and value.dtype != "bool":
        text = describe(value)
        raise InputError(_CONDITION(value=text), place=place, fix=_CONDITION_FIX(value=text))


def signed(scope: Scope, sign: str, operand: PlacedValue, place: Place) -> Value:
    """Return `+x`, `-x`, `~x` or `not x`; place: of the sign."""
    value = operand.value
    if sequences.is_sequence(value) or sign == "~":
        if not isinstance(value, Node | Literal):
            return with_place(place, lambda: sequences.unary(sign, value, operand.shown))
    number = calculable(scope, operand)
    if sign == "+":
        return number
    if sign == "-":
        if is_static(number):
            return -1 * number if isinstance(number, Size) else -number
        return apply(scope, place, operator("neg"), number)
    if is_static(number):
        return not number
    check_condition(number, place)
    return apply(scope, place, logical_not, number)


def compared(
    scope: Scope, sign: str, left: PlacedValue, right: PlacedValue, whole: Place, place: Place
) -> Value:
    """Return one comparison, `left sign right`."""
    decide = COMPARISONS[sign]
    if sequences.is_of_sequences(left.value, right.value):
        one, two = left.value, right.value
        return with_place(place, lambda: sequences.compared(sign, decide, one, two, shown(whole)))
    one, two = calculable(scope, left), calculable(scope, right)
    if all(is_static(v) and not isinstance(v, Size | complex) for v in (one, two)):
        return decide(one, two)
    return apply(scope, place, operator(sign), one, two)


def chosen(scope: Scope, condition: Value, yes: Value, no: Value, place: Place) -> Value:
    """Return `yes if condition else no` for a condition that is not known yet."""
    check_condition(condition, place)
    return apply(scope, place, where, condition, yes, no)


# ------------------------------------------------------------------ parts of a value
def attribute(scope: Scope, owner: PlacedValue, name: str, place: Place, whole: Place) -> Value:
    """Return `owner.name`; place: of the name."""
    value = owner.value
    if isinstance(value, Module):
        return member(value, name, functions.CONSTANTS)
    if isinstance(value, Node | Literal):
        shape = value.shape if isinstance(value, Node) else value.array.shape
        if name in _OF_SHAPE:
            return _OF_SHAPE[name](shape)
        if name == "T":
            return apply(scope, place, _transposed, value)
        if name == "mT":
            return apply(scope, place, _matrices_transposed, value)
        if name in _PARTS:
            return apply(scope, place, _PARTS[name], value)
        if functions.method(name) or name in CONVERSIONS:
            return Method(value, name)
    if isinstance(value, tuple) and name in getattr(value, "_fields", ()):
        return getattr(value, name)  # one of several results: torch.max(x, 1).values
    if isinstance(value, FunctionName):
        what = verbatim_words(f"{value.shown}.{name}")
        raise UnknownNameError(NOT_PART(what=what), place=whole)
    raise SyntaxProblem(_ATTRIBUTE(name=name), place=place, why=_ATTRIBUTES())


def _transposed(x: Node) -> Node:
    return x.T


def _matrices_transposed(x: Node) -> Node:
    return x.mT


def entry(scope: Scope, owner: PlacedValue, key: PlacedValue) -> Value:
    """Return `owner[key]`."""
    place = key.place
    try:
        if sequences.is_sequence(owner.value):
            part = sequences.index(owner.value, key.value)
            return sequences.checked(part) if isinstance(part, tuple | list) else part
        value = calculable(scope, owner)
        if is_static(value):
            value = constant(value)
        return apply(scope, place, lambda x: x[_plain_key(key.value)], value)
    except TiduError as error:
        raise error.at(place) from None
    except (IndexError, TypeError, ValueError):
        what = _INDEX(key=key.shown, value=owner.shown)
        raise SyntaxProblem(what, place=place) from None


def _plain_key(key: Value) -> object:
    """Return an index as nodes take it: written arrays as NumPy's."""
    if isinstance(key, range):
        key = sequences.items(key, "index")
    if isinstance(key, tuple):
        return tuple(_plain_key(item) for item in key)
    if isinstance(key, list):
        return [_plain_key(item) for item in key]
    return key.array if isinstance(key, Literal) else key


def verbatim_words(text: str) -> Words:
    """Return a name that reads the same in both languages, as a template without arguments."""
    safe = text.replace("{", "").replace("}", "")
    return Words(en=safe, zh=" " + safe)
