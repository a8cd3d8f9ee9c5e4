"""Exponentials and logarithms, and the functions made of them: sigmoid, softplus."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Negative, Number, Power, Sum, Symbol
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Kink, Op
from tidu.ir.types import COMPLEX, promote
from tidu.ops.define import (
    aliases,
    elementwise,
    function,
    like,
    normal,
    quiet,
    says,
    times,
)
from tidu.ops.elementwise.arithmetic import absolute, ratio
from tidu.ops.elementwise.comparison import equal, logical_and
from tidu.ops.leaves import cast
from tidu.ops.numbers import constant_value

_E = Symbol("e")


def ln_of(x: Math) -> Math:
    return Apply(Function("ln"), (x,))


def _power_of_e(node: Node, x: Math) -> Math:
    """Return eˣ; of a matrix exp(X), which is no power: the numbers would stand in an exponent."""
    return Apply(Function("exp"), (x,)) if node.rank > 1 else Power(_E, x)


exp = elementwise(
    "exp",
    complex=True,
    real=True,
    partials=lambda x, out: out,
    says=says("derivative of the exponential function", "指数函数的导数"),
    source="(eˣ)′ = eˣ",
    numpy=np.exp,
    scalar="exp(x)",
    notation=_power_of_e,
    aliases=aliases(numpy="exp", torch=("exp", "special.exp")),
    doc=says("e to the power x", "e 的 x 次幂"),
)

exp2 = elementwise(
    "exp2",
    complex=True,
    real=True,
    partials=lambda x, out: out * log(like(x, 2.0)),
    says=says("derivative of a power of two", "2 的幂的导数"),
    source="(2ˣ)′ = 2ˣ ln 2",
    numpy=np.exp2,
    scalar="exp2(x)",
    notation=lambda node, x: Power(Number("2"), x),
    aliases=aliases(numpy="exp2", torch=("exp2", "special.exp2")),
    doc=says("2 to the power x", "2 的 x 次幂"),
)


# ------------------------------------------------------------------ mantissa and exponent
def _mantissa(x: Any) -> Any:
    return np.frexp(x)[0]


def _exponent(x: Any) -> Any:
    return np.frexp(x)[1].astype(x.dtype)


def _power_of_two(x: Node) -> Node:
    return equal(absolute(mantissa(x)), 0.5)


_HALVED = Kink(where=_power_of_two, at=says("a power of two", "2 的幂"), value=says("jump", "跳变"))

exponent = elementwise(
    "exponent",
    real=True,
    partials=lambda x, out: 0.0,
    says=says("a step is flat: its derivative is 0", "阶跃处处水平：导数为 0"),
    source="zero almost everywhere",
    numpy=_exponent,
    scalar="x == 0 || x - x != 0 ? 0 : logb(x) + 1",
    notation=function("exponent"),
    code=lambda node, x: f"np.frexp({x})[1].astype(np.{node.dtype})",
    kinks=(_HALVED,),
    aliases={},
    samples=normal(low=0.3, high=3.0),
    doc=says("the e of x = m·2ᵉ with ½ ≤ |m| < 1", "x = m·2ᵉ（½ ≤ |m| < 1）中的 e"),
)

mantissa = elementwise(
    "mantissa",
    real=True,
    partials=lambda x, out: exp2(-exponent(x)),
    says=says("derivative of the mantissa: e stays the same", "尾数的导数：e 保持不变"),
    source="m = x·2⁻ᵉ",
    numpy=_mantissa,
    # by two powers of two, as one would leave the range where x is tiny
    scalar="x == 0 || x - x != 0 ? x : "
    "x * exp2(-trunc(0.5 * logb(x))) * exp2(trunc(0.5 * logb(x)) - logb(x) - 1)",
    notation=function("mantissa"),
    code=lambda node, x: f"np.frexp({x})[0]",
    kinks=(_HALVED,),
    aliases={},
    samples=normal(low=0.3, high=3.0),
    doc=says("the m of x = m·2ᵉ with ½ ≤ |m| < 1", "x = m·2ᵉ（½ ≤ |m| < 1）中的 m"),
)


log = elementwise(
    "log",
    complex=True,
    real=True,
    partials=lambda x, out: 1.0 / x,
    says=says("derivative of the natural logarithm", "自然对数的导数"),
    source="(ln x)′ = 1/x",
    numpy=np.log,
    scalar="log(x)",
    notation=function("ln"),
    safe={0: 1.0},
    aliases=aliases(numpy="log", torch="log", text="ln"),
    samples=normal(low=0.3, high=3.0),
    doc=says("the natural logarithm", "自然对数"),
)


def _other_base(base: int, numpy: np.ufunc) -> Op:
    """Return the logarithm to a base: ln x over ln of the base."""
    return elementwise(
        f"log{base}",
        complex=True,
        real=True,
        partials=lambda x, out: 1.0 / (x * log(like(x, base))),
        says=says("derivative of a logarithm to a base", "以常数为底的对数的导数"),
        source="(log_b x)′ = 1/(x ln b)",
        numpy=numpy,
        scalar=f"log{base}(x)",
        notation=function("log", str(base)),
        safe={0: 1.0},
        aliases=aliases(numpy=f"log{base}", torch=f"log{base}"),
        samples=normal(low=0.3, high=3.0),
        doc=says(f"the logarithm to base {base}", f"以 {base} 为底的对数"),
    )


log2 = _other_base(2, np.log2)
log10 = _other_base(10, np.log10)

log1p = elementwise(
    "log1p",
    complex=True,
    real=True,
    partials=lambda x, out: 1.0 / (1.0 + x),
    says=says("derivative of ln(1 + x)", "ln(1 + x) 的导数"),
    source="(ln(1 + x))′ = 1/(1 + x)",
    numpy=np.log1p,
    scalar="log1p(x)",
    notation=lambda node, x: ln_of(Sum((Number("1"), x))),
    safe={0: 0.0},
    aliases=aliases(numpy="log1p", torch=("log1p", "special.log1p")),
    samples=normal(low=-0.6, high=2.0),
    doc=says("ln(1 + x), exact for small x too", "ln(1 + x)，x 很小时也精确"),
)

expm1 = elementwise(
    "expm1",
    complex=True,
    real=True,
    partials=lambda x, out: exp(x),
    says=says("derivative of eˣ - 1", "eˣ - 1 的导数"),
    source="(eˣ − 1)′ = eˣ",
    numpy=np.expm1,
    scalar="expm1(x)",
    notation=lambda node, x: Sum((Power(_E, x), Negative(Number("1")))),
    aliases=aliases(numpy="expm1", torch=("expm1", "special.expm1")),
    doc=says("eˣ - 1, exact for small x too", "eˣ - 1，x 很小时也精确"),
)


def _sigmoid(x: Any) -> Any:
    # no exponent is positive, so nothing overflows and both tails keep their digits
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


sigmoid = elementwise(
    "sigmoid",
    real=True,
    partials=lambda x, out: out * (1.0 - out),
    says=says("derivative of the sigmoid", "sigmoid 函数的导数"),
    source="σ′ = σ (1 − σ)",
    numpy=_sigmoid,
    complement={1: lambda x: one_minus_sigmoid(x)},
    scalar="exp(fmin(x, 0)) / (1 + exp(-fabs(x)))",
    notation=lambda node, x: Apply(Symbol("σ"), (x,)),
    code=lambda node, x: f"(np.exp(np.minimum({x}, 0)) / (1 + np.exp(-np.abs({x}))))",
    aliases=aliases(
        torch=("sigmoid", "special.expit", "nn.functional.sigmoid"),
        scipy="special.expit",
        text=("sigmoid", "σ", "expit"),
    ),
    doc=says("1/(1 + e⁻ˣ)", "1/(1 + e⁻ˣ)"),
)

# What 1 − σ(x) is calculated by: the difference has no digits where σ(x) is nearly 1.
one_minus_sigmoid = elementwise(
    "one_minus_sigmoid",
    real=True,
    partials=lambda x, out: -out * sigmoid(x),
    says=says("derivative of 1 - σ", "1 - σ 的导数"),
    source="(1 − σ)′ = −σ (1 − σ)",
    numpy=lambda x: _sigmoid(-x),
    scalar="exp(fmin(-x, 0)) / (1 + exp(-fabs(x)))",
    notation=lambda node, x: Sum((Number("1"), Negative(Apply(Symbol("σ"), (x,))))),
    code=lambda node, x: f"(np.exp(np.minimum(-{x}, 0)) / (1 + np.exp(-np.abs({x}))))",
    sources={"torch": lambda node, x: f"torch.sigmoid(-{x})"},
    aliases={},
    doc=says("1 - σ(x) = σ(-x)", "1 - σ(x) = σ(-x)"),
)

logaddexp = elementwise(
    "logaddexp",
    arity=2,
    real=True,
    partials=lambda x, y, out: (sigmoid(x - y), sigmoid(y - x)),
    says=says("derivative of ln(eˣ + eʸ)", "ln(eˣ + eʸ) 的导数"),
    source="∂ ln(eˣ + eʸ)/∂x = σ(x − y)",
    numpy=quiet(np.logaddexp),
    scalar="x == y ? x + 0.6931471805599453 : fmax(x, y) + log1p(exp(-fabs(x - y)))",
    notation=lambda node, x, y: ln_of(Sum((Power(_E, x), Power(_E, y)))),
    kinks=(
        Kink(
            where=lambda x, y: logical_and(equal(x, -np.inf), equal(y, -np.inf)),
            at=says("both -∞, where the derivative does not exist", "两者均为 -∞（导数不存在）"),
            value=float("nan"),
        ),
    ),
    aliases=aliases(numpy="logaddexp", torch="logaddexp"),
    doc=says("ln(eˣ + eʸ) without overflow", "不会溢出的 ln(eˣ + eʸ)"),
)

logaddexp2 = elementwise(
    "logaddexp2",
    arity=2,
    real=True,
    partials=lambda x, y, out: tuple(
        sigmoid((a - b) * log(like(a, 2.0))) for a, b in ((x, y), (y, x))
    ),
    says=says("derivative of log₂(2ˣ + 2ʸ)", "log₂(2ˣ + 2ʸ) 的导数"),
    source="∂ log₂(2ˣ + 2ʸ)/∂x = σ((x − y) ln 2)",
    numpy=quiet(np.logaddexp2),
    notation=lambda node, x, y: Apply(
        Function("log", "2"), (Sum((Power(Number("2"), x), Power(Number("2"), y))),)
    ),
    code=lambda node, x, y: f"np.logaddexp2({x}, {y})",
    kinks=logaddexp.kinks,
    aliases=aliases(numpy="logaddexp2", torch="logaddexp2"),
    doc=says("log₂(2ˣ + 2ʸ) without overflow", "不会溢出的 log₂(2ˣ + 2ʸ)"),
)


def _prepare_softplus(x: Node, beta: float = 1.0) -> Node:
    return apply(softplus, x) if beta == 1.0 else apply(softplus, beta * x) / beta


softplus = elementwise(
    "softplus",
    real=True,
    partials=lambda x, out: sigmoid(x),
    says=says("derivative of softplus", "softplus 函数的导数"),
    source="(ln(1 + eˣ))′ = σ(x)",
    numpy=lambda x: np.logaddexp(0, x),
    scalar="fmax(x, 0) + log1p(exp(-fabs(x)))",
    prepare=_prepare_softplus,
    notation=function("softplus"),
    code=lambda node, x: f"np.logaddexp(0, {x})",
    aliases=aliases(torch="nn.functional.softplus"),
    doc=says("ln(1 + eˣ) without overflow", "不会溢出的 ln(1 + eˣ)"),
)

log_sigmoid = elementwise(
    "log_sigmoid",
    real=True,
    partials=lambda x, out: sigmoid(-x),
    says=says("derivative of ln σ", "ln σ 的导数"),
    source="(ln σ(x))′ = 1 − σ(x) = σ(−x)",
    numpy=lambda x: -np.logaddexp(0, -x),
    scalar="fmin(x, 0) - log1p(exp(-fabs(x)))",
    notation=lambda node, x: ln_of(Apply(Symbol("σ"), (x,))),
    code=lambda node, x: f"(-np.logaddexp(0, -{x}))",
    aliases=aliases(torch="nn.functional.logsigmoid", scipy="special.log_expit", text="logsigmoid"),
    doc=says("ln σ(x) without overflow", "不会溢出的 ln σ(x)"),
)


def _xlogy_notation(node: Node, x: Math, y: Math) -> Math:
    return times(node, x, ln_of(y))


def _xlogy_partials(x: Node, y: Node, out: Node) -> tuple[Node | None, Node]:
    known = constant_value(x) is not None
    return None if known else log(y), ratio(x, y)


def _prepare_xlogy(x: Node, y: Node) -> Node:
    """Make both operands complex where one is: a negative y then has a logarithm."""
    dtype = promote((x.dtype, y.dtype))
    if dtype in COMPLEX:
        x, y = cast(x, dtype=dtype), cast(y, dtype=dtype)
    return apply(xlogy, x, y)


xlogy = elementwise(
    "xlogy",
    complex=True,
    arity=2,
    real=True,
    partials=_xlogy_partials,
    says=says("derivative of x ln y, with 0 ln 0 = 0", "x ln y 的导数，约定 0 ln 0 = 0"),
    source="x ln x → 0 for x → 0",
    numpy=quiet(lambda x, y: x * np.log(np.where(x == 0, np.ones((), y.dtype), y))),
    scalar="x == 0 ? 0 : x * log(y)",
    prepare=_prepare_xlogy,
    notation=_xlogy_notation,
    code=lambda node, x, y: f"({x} * np.log(np.where({x} == 0, 1.0, {y})))",
    safe={1: 1.0},
    aliases=aliases(torch=("xlogy", "special.xlogy"), scipy="special.xlogy"),
    samples=normal(2, low=0.4, high=2.0),
    doc=says("x ln y, and 0 where x = 0", "x ln y，在 x = 0 处为 0"),
)
