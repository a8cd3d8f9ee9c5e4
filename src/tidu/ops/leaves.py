"""Leaves and the ops that `ir` asks for by role: inputs, constants, sizes, declared functions."""

from __future__ import annotations

import math
import re
from fractions import Fraction as Ratio
from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Fraction,
    Function,
    Index,
    Math,
    Negative,
    Number,
    Prime,
    Product,
    Sum,
    Symbol,
    symbol,
)
from tidu.errors import EvaluationError
from tidu.ir.build import OperandDTypeError, apply
from tidu.ir.node import ArrayData, Node
from tidu.ir.op import Form, Loop, Operand, role
from tidu.ir.types import COMPLEX, FLOATS, DType, Size, Type
from tidu.ops.define import op, says
from tidu.words import Words

_NO_BODY = Words(
    en="{name} was declared without a body and cannot be evaluated",
    zh="{name} 只声明、没有给出函数体，无法求值",
)
_GIVE_BODY = Words(en='functions={"{name}": "tanh(x)"}', zh='functions={"{name}": "tanh(x)"}')
_LOSES = Words(
    en="{a} is complex; as {dtype} it would lose its imaginary part",
    zh="{a} 是复数，转成 {dtype} 会丢掉虚部",
)
_KEEP = Words(en="np.real({a})", zh="np.real({a})")

_FAMOUS = {math.pi: "pi", math.e: "e"}


def number_text(value: float) -> str:
    """Return the shortest text of a number: 24, 0.1, 1e-06."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def number(value: float) -> Math:
    """Return a constant as a reader writes it: an integer, a short decimal, or a fraction equal to
    it."""
    if abs(value) in _FAMOUS:
        letter = Symbol(_FAMOUS[abs(value)])
        return Negative(letter) if value < 0 else letter
    text = number_text(value)
    if len(text.lstrip("-")) <= 6 or not np.isfinite(value):
        return Number(text)
    ratio = Ratio(float(value)).limit_denominator(1000)
    if float(ratio) == float(value) and ratio.denominator > 1:
        fraction = Fraction(Number(str(abs(ratio.numerator))), Number(str(ratio.denominator)))
        return Negative(fraction) if value < 0 else fraction
    root = _square_root(abs(value))
    if root is not None:
        return Negative(root) if value < 0 else root
    return Number(text)


def complex_number(value: complex) -> Math:
    """Return 1 + 2i, −i, 3i; a number without an imaginary part as a real one."""
    if value.imag == 0:
        return number(value.real)
    size = number(abs(value.imag))
    unit = Symbol("i")
    part: Math = unit if abs(value.imag) == 1 else Product((size, unit))
    if value.imag < 0:
        part = Negative(part)
    return part if value.real == 0 else Sum((number(value.real), part))


def _square_root(value: float) -> Math | None:
    """Return √2, 1/√d and the like, where the number is exactly that in floating point."""
    if not np.isfinite(value * value):
        return None
    square = Ratio(value * value).limit_denominator(1000)
    top, bottom = square.numerator, square.denominator
    if not 0 < top <= 10_000 or value not in (
        math.sqrt(top / bottom),
        math.sqrt(top) / math.sqrt(bottom),
    ):
        return None
    roots = [
        Number(str(math.isqrt(n)))
        if math.isqrt(n) ** 2 == n
        else Apply(Function("sqrt"), (Number(str(n)),))
        for n in (top, bottom)
    ]
    return roots[0] if bottom == 1 else Fraction(roots[0], roots[1])


def _constant_notation(node: Node) -> Math:
    data: ArrayData = node.attrs["value"]
    if data.dtype == "bool" and data.array.size == 1:
        return Symbol("true" if data.array.item() else "false")
    if data.array.size == 1:
        return complex_number(complex(data.array.item()))
    return Symbol("C")


def _constant_code(node: Node) -> str:
    data: ArrayData = node.attrs["value"]
    text = _NOT_FINITE.sub(r"np.\g<0>", repr(data.array.tolist()))
    if data.shape == ():
        return text
    return f"np.array({text}, dtype=np.{'bool_' if data.dtype == 'bool' else data.dtype})"


def _constant_torch(node: Node) -> str:
    data: ArrayData = node.attrs["value"]
    if data.shape == () and np.isfinite(data.array):
        return str(data.array)
    text = _NOT_FINITE.sub(lambda match: f'float("{match.group()}")', repr(data.array.tolist()))
    if data.shape == ():
        return text
    dtype = "like.dtype" if data.dtype.startswith("float") else f"torch.{data.dtype}"
    return f"torch.tensor({text}, dtype={dtype}, device=like.device)"


_NOT_FINITE = re.compile(r"\b(inf|nan)\b")


def _undefined(*_: Any, name: str, **__: Any) -> Any:
    raise EvaluationError(_NO_BODY(name=name), fix=_GIVE_BODY(name=name))


_LEAF = says("a given value", "给定的值")

input_ = op(
    "input",
    form=Form.LEAF,
    loop=Loop.LEAF,
    role="input",
    operands=(),
    says=_LEAF,
    source="-",
    numpy=lambda name, type, assume=(): None,
    type_rule=lambda name, type, assume=(): type,
    notation=lambda node: symbol(node.attrs["name"]),
    code=lambda node: str(node.attrs["name"]),
    sources={"torch": lambda node: str(node.attrs["name"])},
)

constant = op(
    "constant",
    form=Form.LEAF,
    loop=Loop.LEAF,
    role="constant",
    operands=(),
    says=_LEAF,
    source="-",
    numpy=lambda value: value.array,
    type_rule=lambda value: Type(value.shape, value.dtype),
    notation=_constant_notation,
    code=_constant_code,
    sources={"torch": _constant_torch},
)

size = op(
    "size",
    form=Form.LEAF,
    loop=Loop.LEAF,
    role="size",
    operands=(),
    says=says("a size", "大小"),
    source="-",
    numpy=lambda size: np.float64(size),
    type_rule=lambda size: Type((), "float64"),
    notation=lambda node: size_notation(node.attrs["size"]),
    code=lambda node: str(node.attrs["size"]),
    sources={"torch": lambda node: str(node.attrs["size"])},
)


def size_notation(value: Size | int) -> Math:
    """Return a size as a formula: a number, a name, or a sum of products of them."""
    if isinstance(value, int):
        return Number(str(value))
    terms: list[Math] = []
    for monomial, coefficient in value.terms:
        factors: list[Math] = [Symbol(name) for name in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, Number(str(coefficient)))
        terms.append(factors[0] if len(factors) == 1 else Product(tuple(factors)))
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _declared_notation(node: Node, *arguments: Math) -> Math:
    head: Math = symbol(node.attrs["name"])
    orders: tuple[int, ...] = node.attrs["orders"]
    total = sum(orders)
    if len(arguments) == 1 and total:
        return Apply(Prime(head, total), arguments)
    for position, order in enumerate(orders, 1):
        if order:
            head = Index(head, tuple(Number(str(position)) for _ in range(order)))
    return Apply(head, arguments)


def _declared_partials(*xs_out: Node, name: str, orders: tuple[int, ...]) -> tuple[Node, ...]:
    xs = xs_out[:-1]
    raised = ((*orders[:i], orders[i] + 1, *orders[i + 1 :]) for i in range(len(xs)))
    return tuple(declared(*xs, name=name, orders=up) for up in raised)


declared = op(
    "declared",
    form=Form.ELEMENTWISE,
    loop=Loop.MAP,
    role="declared",
    partials=_declared_partials,
    says=says("derivative of a declared function", "自定义函数的导数"),
    source="f′ = df/dt",
    numpy=_undefined,
    type_rule=lambda *types, name, orders: Type(types[0].shape, types[0].dtype),
    notation=_declared_notation,
    code=lambda node, *xs: (
        f"{node.attrs['name']}{'_d' * sum(node.attrs['orders'])}({', '.join(xs)})"
    ),
    doc=says("an elementwise function without a body", "没有函数体的逐元素函数"),
)


def _cast_adjoint(g: Node, x: Node, out: Node, dtype: str) -> tuple[Node | None]:
    if x.dtype not in FLOATS:
        return (None,)
    if g.dtype in COMPLEX and x.dtype not in COMPLEX:
        g = role("real")(g)
    return (cast(g, dtype=x.dtype),)


def _prepare_cast(x: Node, dtype: DType) -> Node:
    if x.dtype in COMPLEX and dtype not in COMPLEX:
        raise OperandDTypeError(_LOSES, _KEEP, dtype=dtype)
    return x if x.dtype == dtype else apply(cast, x, dtype=dtype)


cast = op(
    "cast",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.MAP,
    role="cast",
    operands=(Operand.VALUE,),
    adjoint=_cast_adjoint,
    says=says("a change of number format", "改变数的格式"),
    source="-",
    numpy=lambda x, dtype: np.asarray(x).astype(dtype),
    type_rule=lambda x, dtype: Type(x.shape, dtype),
    prepare=_prepare_cast,
    notation=lambda node, x: x,
    code=lambda node, x: f"np.asarray({x}).astype({node.attrs['dtype']!r})",
    sources={"torch": lambda node, x: f"{x}.to(torch.{node.attrs['dtype']})"},
)
