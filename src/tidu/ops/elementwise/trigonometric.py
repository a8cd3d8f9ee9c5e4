"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import factorial
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fraction, Function, Math, Negative, Number, Power, Prime, Sum
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op, Samples
from tidu.ops.define import aliases, elementwise, function, like, normal, says
from tidu.ops.elementwise.arithmetic import (
    absolute,
    sqrt,
    square,
)
from tidu.ops.elementwise.comparison import less, where
from tidu.ops.elementwise.exponential import exp, sigmoid
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.elementwise.stable_forms import square_complement


def _function(
    name: str,
    numpy: np.ufunc,
    derivative: Callable[..., Any],
    source: str,
    *,
    short: str | None = None,
    domain: tuple[float, float] | None = None,
    safe: float | None = None,
    complement: Mapping[float, Callable[[Node], Node]] | None = None,
) -> Op:
    """Return a function of one argument; `short` is its C and second NumPy name (asin for
    arcsin)."""
    names = (name,) if short is None else (name, short)
    samples: Samples = normal() if domain is None else normal(low=domain[0], high=domain[1])
    return elementwise(
        name,
        complex=True,
        real=True,
        partials=derivative,
        says=says(f"derivative of {name}", f"{name} 的导数"),
        source=source,
        numpy=numpy,
        scalar=f"{short or name}(x)",
        notation=function(name),
        safe={} if safe is None else {0: safe},
        complement=complement or {},
        aliases=aliases(numpy=names, torch=names),
        samples=samples,
        doc=says(f"the function {name}", f"函数 {name}"),
    )


sin = _function(
    "sin",
    np.sin,
    lambda x, out: cos(x),
    "(sin x)′ = cos x",
    complement={2: lambda x: square(cos(x))},
)
cos = _function(
    "cos",
    np.cos,
    lambda x, out: -sin(x),
    "(cos x)′ = −sin x",
    complement={2: lambda x: square(sin(x))},
)
tan = _function(
    "tan", np.tan, lambda x, out: 1.0 + out**2, "(tan x)′ = 1 + tan² x", domain=(-1.2, 1.2)
)
sinh = _function("sinh", np.sinh, lambda x, out: cosh(x), "(sinh x)′ = cosh x")
cosh = _function("cosh", np.cosh, lambda x, out: sinh(x), "(cosh x)′ = sinh x")


def _sech_squared(x: Any) -> Any:
    """Return 1/cosh² x, whose exponential decays."""
    decay = np.exp(-2 * np.abs(x))
    return 4 * decay / (1 + decay) ** 2


def _sech_squared_lower(x: Node) -> Node:
    decay = exp(-2.0 * absolute(x))
    return 4.0 * decay / (1.0 + decay) ** 2


# What 1 − tanh² x is calculated by: the difference has no digits where tanh x is nearly 1.
sech_squared = elementwise(
    "sech_squared",
    real=True,
    partials=lambda x, out: -2.0 * out * tanh(x),
    says=says("derivative of 1/cosh²", "1/cosh² 的导数"),
    source="(1/cosh² x)′ = −2 tanh x/cosh² x",
    numpy=_sech_squared,
    scalar="4 * exp(-2 * fabs(x)) / ((1 + exp(-2 * fabs(x))) * (1 + exp(-2 * fabs(x))))",
    notation=lambda node, x: Fraction(
        Number("1"), Power(Apply(Function("cosh"), (x,)), Number("2"))
    ),
    code=lambda node, x: "",
    sources={"torch": lambda node, x: ""},
    lower=_sech_squared_lower,  # with one exponential
    aliases={},
    doc=says("1/cosh² x = 1 − tanh² x", "1/cosh² x = 1 − tanh² x"),
)


def _one_minus_tanh(x: Node) -> Node:
    return 2.0 * sigmoid(-2.0 * x)


tanh = _function(
    "tanh",
    np.tanh,
    lambda x, out: 1.0 - out**2,
    "(tanh x)′ = 1 − tanh² x",
    complement={1: _one_minus_tanh, 2: lambda x: sech_squared(x)},
)

# 1 − x² in the derivatives of the inverses: near 1 the rounding of x² is large beside it.
one_minus_square = elementwise(
    "one_minus_square",
    complex=True,
    stable_form=square_complement,
    real=True,
    partials=lambda x, out: -2.0 * x,
    says=says("power rule", "幂法则"),
    source="(1 − x²)′ = −2x",
    numpy=lambda x: (1 - x) * (1 + x),
    scalar="(1 - x) * (1 + x)",
    notation=lambda node, x: Sum((Number("1"), Negative(Power(x, Number("2"))))),
    code=lambda node, x: f"((1 - {x}) * (1 + {x}))",
    aliases={},
    doc=says("1 − x², calculated as (1 − x)(1 + x)", "1 − x²，按 (1 − x)(1 + x) 计算"),
)
arcsin = _function(
    "arcsin",
    np.arcsin,
    lambda x, out: 1.0 / sqrt(one_minus_square(x)),
    "(arcsin x)′ = 1/√(1 − x²)",
    short="asin",
    domain=(-0.9, 0.9),
    safe=0.0,
)
arccos = _function(
    "arccos",
    np.arccos,
    lambda x, out: -1.0 / sqrt(one_minus_square(x)),
    "(arccos x)′ = −1/√(1 − x²)",
    short="acos",
    domain=(-0.9, 0.9),
    safe=0.0,
)
arctan = _function(
    "arctan", np.arctan, lambda x, out: 1.0 / (1.0 + x**2), "(arctan x)′ = 1/(1 + x²)", short="atan"
)
arcsinh = _function(
    "arcsinh",
    np.arcsinh,
    lambda x, out: 1.0 / sqrt(1.0 + x**2),
    "(arsinh x)′ = 1/√(1 + x²)",
    short="asinh",
)


def _arccosh_root(x: Node) -> Node:
    """Return √(x² − 1), on the branch of arcosh: for complex x with a negative real part it is not
    the principal root of x² − 1."""
    return sqrt(x - 1.0) * sqrt(x + 1.0) if is_complex(x) else sqrt((x - 1.0) * (x + 1.0))


arccosh = _function(
    "arccosh",
    np.arccosh,
    lambda x, out: 1.0 / _arccosh_root(x),
    "(arcosh x)′ = 1/√(x² − 1)",
    short="acosh",
    domain=(1.2, 3.0),
    safe=2.0,
)
arctanh = _function(
    "arctanh",
    np.arctanh,
    lambda x, out: 1.0 / one_minus_square(x),
    "(artanh x)′ = 1/(1 − x²)",
    short="atanh",
    domain=(-0.8, 0.8),
    safe=0.0,
)


# ------------------------------------------------------------------ sinc
def _sinc(x: Any, order: int) -> Any:
    """Return a derivative of sin(πx)/(πx): by its power series near 0, by recurrence elsewhere."""
    u = np.pi * np.asarray(x)
    near = np.abs(u) < 1.5 + order
    small = np.where(near, u, 0)
    series = np.zeros_like(u)
    for k in range((order + 1) // 2, 24 + 2 * order):
        power = 2 * k - order
        series = series + (-1) ** k / ((2 * k + 1) * factorial(power)) * small**power
    far = np.where(near, 1, u)
    value = np.sin(far) / far
    for n in range(1, order + 1):
        value = (np.sin(far + n * np.pi / 2) - n * value) / far
    return (np.pi**order * np.where(near, series, value)).astype(u.dtype)


def _sinc_notation(node: Node, x: Math) -> Math:
    order = node.attrs["order"]
    return Apply(Prime(Function("sinc"), order) if order else Function("sinc"), (x,))


def _sinc_code(node: Node, x: str) -> str:
    return "" if node.attrs["order"] else f"np.sinc({x})"


def _sinc_lower(x: Node, order: int) -> Node:
    """Return the reference again, made of nodes: Horner's scheme for the series."""
    u = np.pi * x
    near = less(absolute(u), 1.5 + order)
    small = where(near, u, 0.0)
    first, last = (order + 1) // 2, 23 + 2 * order
    series: Node | float = 0.0
    for k in range(last, first - 1, -1):
        factor = (-1.0) ** k / ((2 * k + 1) * factorial(2 * k - order))
        series = series * square(small) + factor
    series = series * small ** float(2 * first - order)
    far = where(near, 1.0, u)
    value = sin(far) / far
    for n in range(1, order + 1):
        value = (sin(far + n * np.pi / 2) - float(n) * value) / far
    return np.pi**order * where(near, series, value)


sinc = elementwise(
    "sinc",
    complex=True,
    real=True,
    partials=lambda x, out, order: sinc(x, order=order + 1),
    says=says("derivative of sin(πx)/(πx)", "sin(πx)/(πx) 的导数"),
    source="term by term from its power series",
    numpy=_sinc,
    prepare=lambda x, order=0: apply(sinc, x, order=int(order)),
    notation=_sinc_notation,
    code=_sinc_code,
    lower=_sinc_lower,
    aliases=aliases(numpy="sinc", torch=("sinc", "special.sinc")),
    samples=normal(order=0),
    doc=says("sin(πx)/(πx), and 1 at 0", "sin(πx)/(πx)，在 0 处为 1"),
)


# ------------------------------------------------------------------ degrees and radians
def _angle_unit(name: str, numpy: np.ufunc, factor: Callable[[Node], Node], *names: str) -> Op:
    return elementwise(
        name,
        real=True,
        partials=lambda x, out: factor(x),
        says=says("a change of unit has a constant derivative", "换单位的导数是常数"),
        source="180° = π",
        numpy=numpy,
        notation=function(name),
        code=lambda node, x: f"np.{name}({x})",
        aliases=aliases(numpy=(name, *names), torch=name),
        doc=says(f"an angle in another unit: {name}", f"换算角的单位：{name}"),
    )


deg2rad = _angle_unit("deg2rad", np.deg2rad, lambda x: like(x, np.pi) / 180.0, "radians")
rad2deg = _angle_unit("rad2deg", np.rad2deg, lambda x: 180.0 / like(x, np.pi), "degrees")
