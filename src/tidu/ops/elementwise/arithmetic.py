"""Arithmetic: sums, products, quotients, squares and roots, absolute value and sign."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Fence,
    Fraction,
    Function,
    Group,
    Math,
    Negative,
    Number,
    Power,
    Product,
    Relation,
    Sum,
    negate,
)
from tidu.ir.build import OperandDTypeError, apply
from tidu.ir.node import Node
from tidu.ir.op import Case, Kink, Law, Samples
from tidu.ir.types import COMPLEX, Type, real_dtype
from tidu.ops.arrays.layout import of_ones
from tidu.ops.define import aliases, elementwise, is_scalar, joined, normal, says
from tidu.ops.elementwise.comparison import equal
from tidu.ops.elementwise.parts import complex_normal, conj, is_complex
from tidu.ops.elementwise.stable_forms import difference_form, product_form, quotient_form, sum_form
from tidu.ops.leaves import number
from tidu.ops.numbers import number_of
from tidu.words import Words

_NOT_FLAT = Words(
    en="the sign of the complex {a} is {a}/|{a}|, which is not flat",
    zh="复数 {a} 的符号是 {a}/|{a}|，并非处处水平",
)
_LOOKED_AT = 12  # terms of a sum


def _as_matrices(node: Node, *trees: Math) -> list[Math]:
    """Write broadcast numbers beside an identity matrix as multiples of 𝟏: I − (1/n)·𝟏·𝟏ᵀ."""
    if not any(map(_has_identity, node.inputs)):
        return list(trees)
    return [of_ones(child, tree) for child, tree in zip(node.inputs, trees, strict=True)]


def _has_identity(node: Node) -> bool:
    """Tell whether I is a term of a sum."""
    stack, seen = [node], 0
    while stack and (seen := seen + 1) < _LOOKED_AT:
        part = stack.pop()
        if part.op.role == "identity":
            return True
        if part.rank == 2 and (part.op.operator in ("+", "-", "neg") or _number_in_front(part)):
            stack.extend(part.inputs)
    return False


def _number_in_front(node: Node) -> bool:
    return node.op.operator == "*" and is_scalar(node.inputs[0])


def _sum_notation(node: Node, left: Math, right: Math) -> Math:
    left, right = _as_matrices(node, left, right)
    terms = (left.terms if isinstance(left, Sum) else (left,)) + (
        right.terms if isinstance(right, Sum) else (right,)
    )
    return Sum(terms)


def _difference_notation(node: Node, left: Math, right: Math) -> Math:
    left, right = _as_matrices(node, left, right)
    return Sum((*(left.terms if isinstance(left, Sum) else (left,)), negate(right)))


def _product_notation(node: Node, left: Math, right: Math) -> Math:
    """Write a product with a constant in front; what is a number only because values were put in
    stays in place."""
    x, y = node.inputs
    if number_of(y) is not None and number_of(x) is None:
        left, right, x, y = right, left, y, x
    left, right = _indicator(left), _indicator(right)
    sign = "" if is_scalar(x) or is_scalar(y) else "⊙"
    negative = _is_negative_multiple(left)
    pair = [left.value if negative and isinstance(left, Negative) else left, right]
    tree = joined(pair if not sign else [_as_factor(factor) for factor in pair], sign)
    if negative:
        return Negative(tree)
    return _sign_in_front(tree) if number_of(x) is not None else tree


def _indicator(tree: Math) -> Math:
    """Return a condition among factors as the number that it is there, 1 or 0: [x > 0]."""
    return Fence(tree, "[", "]") if isinstance(tree, Relation) else tree


def _is_negative_multiple(tree: Math) -> bool:
    """Tell whether a node is like −2x, whose sign becomes that of the product that it begins."""
    if not isinstance(tree, Negative) or not isinstance(tree.value, Product):
        return False
    return isinstance(tree.value.factors[0], Number)


def _sign_in_front(tree: Math) -> Math:
    """Return (−2) x as −2 x, and (−1)/n x as −(1/n) x: the sign of a leading number is the sign of
    the product."""
    if not isinstance(tree, Product):
        return tree
    first = tree.factors[0]
    if isinstance(first, Negative) and isinstance(first.value, Fraction):
        return Negative(Product((first.value, *tree.factors[1:]), tree.sign))
    number = first.top if isinstance(first, Fraction) else first
    if not isinstance(number, Number) or not number.text.startswith("-") or first == Number("-1"):
        return tree
    positive = Number(number.text[1:])
    leading = Fraction(positive, first.bottom) if isinstance(first, Fraction) else positive
    return Negative(Product((leading, *tree.factors[1:]), tree.sign))


def _as_factor(tree: Math) -> Math:
    """Return (W δ) ⊙ φ′: a matrix product keeps its brackets beside ⊙; a multiple 2x needs none."""
    if not isinstance(tree, Product) or tree.sign:
        return tree
    return Group(tree) if sum(not isinstance(f, Number) for f in tree.factors) > 1 else tree


def _minus_in_front(top: Number, bottom: Math) -> Math:
    """Return (−1)/a as −1/a."""
    if top.text.startswith("-"):
        return Negative(Fraction(Number(top.text[1:]), bottom))
    return Fraction(top, bottom)


def _quotient_notation(node: Node, top: Math, bottom: Math) -> Math:
    if is_scalar(node.inputs[1]) or isinstance(top, Number) or node.rank < 1:
        if number_of(node.inputs[0]) is not None and isinstance(top, Number):
            return _minus_in_front(top, bottom)
        return Fraction(top, bottom)
    return Product((_as_factor(top), _as_factor(bottom)), "⊘")


add = elementwise(
    "add",
    stable_form=sum_form,
    complex=True,
    arity=2,
    operator="+",
    partials=lambda x, y, out: (1.0, 1.0),
    says=says("derivative of a sum", "和的导数"),
    source="(u + v)′ = u′ + v′",
    numpy=np.add,
    scalar="x + y",
    notation=_sum_notation,
    aliases=aliases(numpy="add", torch="add"),
)


subtract = elementwise(
    "subtract",
    stable_form=difference_form,
    complex=True,
    arity=2,
    operator="-",
    partials=lambda x, y, out: (1.0, -1.0),
    says=says("derivative of a difference", "差的导数"),
    source="(u − v)′ = u′ − v′",
    numpy=np.subtract,
    scalar="x - y",
    notation=_difference_notation,
    aliases=aliases(numpy="subtract", torch=("sub", "subtract")),
)

_BY_ONE_FACTOR = says("derivative of a product by one factor", "乘积对其中一个因子求导")

multiply = elementwise(
    "multiply",
    stable_form=product_form,
    complex=True,
    arity=2,
    operator="*",
    partials=lambda x, y, out: (y, x),
    says=says("product rule", "乘积法则"),
    source="(u v)′ = u′ v + u v′",
    laws=(
        Law(_BY_ONE_FACTOR, "∂(u v)/∂u = v", ("", "v")),
        Law(_BY_ONE_FACTOR, "∂(u v)/∂u = v", ("v", "")),
    ),
    numpy=np.multiply,
    scalar="x * y",
    notation=_product_notation,
    aliases=aliases(numpy="multiply", torch=("mul", "multiply")),
)


_QUOTIENT = Law(says("quotient rule", "商法则"), "(u/v)′ = u′/v − u v′/v²", ("u", "v"))

divide = elementwise(
    "divide",
    stable_form=quotient_form,
    complex=True,
    arity=2,
    real=True,
    operator="/",
    partials=lambda x, y, out: (1.0 / y, -x / y**2),
    says=_QUOTIENT.says,
    source=_QUOTIENT.formula,
    laws=(_QUOTIENT, _QUOTIENT),
    numpy=np.true_divide,
    scalar="x / y",
    notation=_quotient_notation,
    safe={1: 1.0},
    aliases=aliases(numpy=("divide", "true_divide"), torch=("div", "divide", "true_divide")),
    samples=normal(2, low=0.5, high=2.0),
)


def _ratio(x: Any, y: Any) -> Any:
    return np.where(y == 0, np.zeros((), np.result_type(x, y)), x / np.where(y == 0, 1, y))


ratio = elementwise(
    "ratio",
    complex=True,
    arity=2,
    real=True,
    partials=lambda x, y, out: (ratio(1.0, y), -ratio(out, y)),
    jumps=lambda x, y: equal(y, 0.0),
    says=says("quotient rule, 0 where the divisor is 0", "商法则；除数为 0 处取 0"),
    source="the subgradient 0 of a norm at 0",
    numpy=_ratio,
    scalar="y == 0 ? 0 : x / y",
    notation=_quotient_notation,
    code=lambda node, x, y: f"np.where({y} == 0, 0.0, {x} / np.where({y} == 0, 1.0, {y}))",
    samples=normal(2, low=0.5, high=2.0),
    doc=says("x / y, and 0 where y = 0", "x / y，在 y = 0 处为 0"),
)

negative = elementwise(
    "negative",
    complex=True,
    operator="neg",
    partials=lambda x, out: -1.0,
    says=says("derivative of −x", "−x 的导数"),
    source="(−u)′ = −u′",
    numpy=np.negative,
    scalar="-x",
    notation=lambda node, x: negate(x),
    code=lambda node, x: f"-{x}",
    aliases=aliases(numpy="negative", torch=("neg", "negative")),
)


square = elementwise(
    "square",
    complex=True,
    counts=True,
    partials=lambda x, out: 2.0 * x,
    says=says("power rule", "幂法则"),
    source="(x²)′ = 2x",
    numpy=np.square,
    scalar="x * x",
    notation=lambda node, x: Power(x, Number("2")),
    aliases=aliases(numpy="square", torch="square"),
)

sqrt = elementwise(
    "sqrt",
    complex=True,
    real=True,
    partials=lambda x, out: 0.5 / out,
    says=says("derivative of the square root", "平方根的导数"),
    source="(√x)′ = 1/(2√x)",
    numpy=np.sqrt,
    scalar="sqrt(x)",
    notation=lambda node, x: Apply(Function("sqrt"), (x,)),
    safe={0: 1.0},
    kinks=(
        Kink(
            where=lambda x: equal(x, 0.0),
            at=says("0, where the derivative is infinite", "0（此处导数为无穷大）"),
            value=float("inf"),
        ),
    ),
    aliases=aliases(numpy="sqrt", torch="sqrt"),
    samples=normal(low=0.3, high=3.0),
)

cbrt = elementwise(
    "cbrt",
    real=True,
    partials=lambda x, out: 1.0 / (3.0 * out**2),
    says=says("derivative of the cube root", "立方根的导数"),
    source="(∛x)′ = 1/(3 ∛x²)",
    numpy=np.cbrt,
    scalar="cbrt(x)",
    notation=lambda node, x: Apply(Function("cbrt"), (x,)),
    safe={0: 1.0},
    kinks=(
        Kink(
            where=lambda x: equal(x, 0.0),
            at=says("0, where the derivative is infinite", "0（此处导数为无穷大）"),
            value=float("inf"),
        ),
    ),
    aliases=aliases(numpy="cbrt"),
    samples=normal(low=0.3, high=3.0),
    doc=says("the cube root", "立方根"),
)

reciprocal = elementwise(
    "reciprocal",
    complex=True,
    counts=True,
    partials=lambda x, out: -(out**2),
    says=says("derivative of 1/x", "1/x 的导数"),
    source="(1/x)′ = −1/x²",
    numpy=np.reciprocal,
    scalar="1 / x",
    notation=lambda node, x: Fraction(Number("1"), x),
    safe={0: 1.0},
    aliases=aliases(numpy="reciprocal", torch="reciprocal"),
    samples=normal(low=0.5, high=2.0),
)


def _sign_cases(node: Node, x: Math) -> tuple[Case, ...]:
    middle = node.attrs["at"]
    zero = Number("0")
    up = Case(Number("1"), Relation((x, zero), (">",)), lambda a: a > 0)
    down = Case(Number("-1"), Relation((x, zero), ("<",)), lambda a: a < 0)
    kink = Case(number(middle), Relation((x, zero), ("=",)), lambda a: a == 0)
    return (up, down, kink)


def _sign_type(x: Type, at: float) -> Type:
    if x.dtype in COMPLEX:
        raise OperandDTypeError(_NOT_FLAT)
    return x


def _prepare_sign(x: Node, at: float = 0.0) -> Node:
    """Refuse complex numbers: NumPy's sign of one is z/|z|, which is not flat."""
    return ratio(x, absolute(x)) if is_complex(x) else apply(sign, x, at=float(at))


sign = elementwise(
    "sign",
    complex=True,
    partials=lambda x, out, at: 0.0,
    jumps=lambda x, at: equal(x, 0.0),
    says=says("a step is flat: its derivative is 0", "阶跃处处水平：导数为 0"),
    source="zero almost everywhere",
    numpy=lambda x, at: np.where(x == 0, np.asarray(at, x.dtype), np.sign(x)),
    type_rule=_sign_type,
    scalar="x > 0 ? 1 : x < 0 ? -1 : x == 0 ? at : x",
    prepare=_prepare_sign,
    notation=lambda node, x: Apply(Function("sign"), (x,)),
    code=lambda node, x: (
        f"np.sign({x})"
        if node.attrs["at"] == 0
        else f"np.where({x} == 0, {node.attrs['at']!r}, np.sign({x}))"
    ),
    cases=_sign_cases,
    aliases=aliases(numpy="sign", torch=("sign", "sgn")),
    samples=normal(at=0.0),
)


modulus = elementwise(
    "modulus",
    complex=True,
    partials=lambda z, out: ratio(conj(z), out),
    says=says("derivative of the modulus", "模的导数"),
    source="d|z| = Re(conj(z) dz)/|z|, 0 at z = 0",
    numpy=np.abs,
    type_rule=lambda z: Type(z.shape, real_dtype(z.dtype)),
    prepare=lambda z: absolute(z),
    notation=lambda node, z: Fence(z, "|", "|"),
    code=lambda node, z: f"np.abs({z})",
    kinks=(Kink(where=lambda z: equal(z, 0.0), at=says("0", "0"), value=0.0, low=-1.0, high=1.0),),
    aliases={},
    samples=Samples(lambda rng: [((complex_normal(rng, s),), {}) for s in ((), (3,), (2, 3))]),
    doc=says("the absolute value of a complex number", "复数的模"),
)


def _prepare_absolute(x: Node, at: float = 0.0) -> Node:
    return apply(modulus, x) if is_complex(x) else apply(absolute, x, at=float(at))


absolute = elementwise(
    "abs",
    role="absolute",
    complex=True,
    partials=lambda x, out, at: sign(x, at=at),
    type_rule=lambda x, at: Type(x.shape, real_dtype(x.dtype)),
    says=says("derivative of |x|", "|x| 的导数"),
    source="|x|′ = sign x (x ≠ 0)",
    numpy=lambda x, at: np.abs(x),
    scalar="fabs(x)",
    prepare=_prepare_absolute,
    notation=lambda node, x: Fence(x, "|", "|"),
    code=lambda node, x: f"np.abs({x})",
    kinks=(
        Kink(
            where=lambda x, at: equal(x, 0.0),
            at=says("0", "0"),
            value="at",
            low=-1.0,
            high=1.0,
            presets={"seeds": -1.0},
        ),
    ),
    aliases=aliases(numpy=("abs", "absolute", "fabs"), torch=("abs", "absolute")),
    samples=normal(at=0.0),
)
