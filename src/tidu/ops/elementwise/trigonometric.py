"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import factorial
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fraction, Function, Math, Negative, Number, Power, Prime, Sum
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Kink, Op, Samples
from tidu.ops.define import aliases, elementwise, function, like, normal, says
from tidu.ops.elementwise.arithmetic import (
    absolute,
    multiply,
    negative,
    ratio,
    sqrt,
    square,
    subtract,
)
from tidu.ops.elementwise.comparison import equal, less, logical_and, where
from tidu.ops.elementwise.exponential import exp, sigmoid
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.elementwise.stable_forms import square_complement
from tidu.ops.numbers import constant_value


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


def _both_zero(x: Node, y: Node) -> Node:
    return logical_and(equal(x, 0.0), equal(y, 0.0))


def _is_zero(node: Node) -> bool:
    """Tell whether a node is 0 whatever the inputs are: the number, a product with it, x − x."""
    stack = [node]
    while stack:
        part = stack.pop()
        if part.op.role == "constant" and not part.attrs["value"].array.any():
            return True
        if part.op is subtract and part.inputs[0] is part.inputs[1]:
            return True
        if part.op.role in ("broadcast", "reshape") or part.op is multiply:
            stack += part.inputs
    return False


def _slopes_of_angle(y: Node, x: Node, out: Node) -> tuple[Any, Any]:
    """Return x/(x² + y²) and −y/(x² + y²).

    Of a y or x that is always 0, and of multiples of one node, what is 0/0 at the origin would be
    simplified to 0: there the NaN is written down.
    """
    squares = x**2 + y**2
    by_y, by_x = x / squares, -y / squares
    if x is y:
        return _none_at_zero(y), 0.0
    if _unscaled(x) is _unscaled(y):
        return _none_at_zero(y, by_y), by_x
    return (
        _none_at_zero(y) if _is_zero(x) else by_y,
        _none_at_zero(x) if _is_zero(y) else by_x,
    )


def _unscaled(node: Node) -> Node:
    """Return x of −x, c·x and x·c."""
    while True:
        if node.op is negative:
            node = node.inputs[0]
        elif node.op is multiply and constant_value(node.inputs[0]) is not None:
            node = node.inputs[1]
        elif node.op is multiply and constant_value(node.inputs[1]) is not None:
            node = node.inputs[0]
        else:
            return node


def _none_at_zero(x: Node, slope: Node | None = None) -> Node:
    """Return a slope, 0 where none is given, that is NaN where x is 0."""
    return where(equal(x, 0.0), like(x, np.nan), like(x, 0.0) if slope is None else slope)


arctan2 = elementwise(
    "arctan2",
    arity=2,
    real=True,
    partials=_slopes_of_angle,
    says=says("derivative of the angle of (x, y)", "点 (x, y) 的辐角的导数"),
    source="∂ arctan(y/x)/∂y = x/(x² + y²), ∂/∂x = -y/(x² + y²)",
    numpy=np.arctan2,
    scalar="atan2(x, y)",
    notation=function("arctan2"),
    jumps=_both_zero,
    kinks=(
        Kink(
            where=_both_zero,
            at=says("the origin, where no angle exists", "原点（此处没有辐角，导数不存在）"),
            value=float("nan"),
        ),
    ),
    aliases=aliases(numpy=("arctan2", "atan2"), torch=("arctan2", "atan2")),
    samples=normal(2, low=0.4, high=2.0),
    doc=says("the angle of the point (x, y): arctan2(y, x)", "点 (x, y) 的辐角：arctan2(y, x)"),
)


def _hypot_notation(node: Node, x: Math, y: Math) -> Math:
    return Apply(Function("hypot"), (x, y))


def _hypot_slope(x: Any, y: Any, by: int) -> Any:
    length = np.hypot(x, y)
    divisor = np.where(length == 0, 1, length)
    return np.where(length == 0, np.zeros((), length.dtype), (x, y)[by] / divisor)


def _hypot_slope_partials(x: Node, y: Node, out: Node, by: int) -> tuple[Node, Node]:
    length, other = hypot(x, y), apply(hypot_slope, x, y, by=1 - by)
    partials = ratio(square(other), length), -ratio(out * other, length)
    return (partials[1], partials[0]) if by else partials


# The derivative of a length, an op since the quotient rule, 1/r − x²/r³, loses y²/r³ where y is
# small beside x.
hypot_slope = elementwise(
    "hypot_slope",
    arity=2,
    real=True,
    partials=_hypot_slope_partials,
    jumps=lambda x, y, by: _both_zero(x, y),
    says=says("derivative of x/√(x² + y²)", "x/√(x² + y²) 的导数"),
    source="∂(x/r)/∂x = y²/r³, ∂(x/r)/∂y = −xy/r³ with r = √(x² + y²)",
    numpy=_hypot_slope,
    lower=lambda x, y, by: ratio((x, y)[by], hypot(x, y)),
    notation=lambda node, x, y: Fraction((x, y)[node.attrs["by"]], _hypot_notation(node, x, y)),
    code=lambda node, x, y: "",
    sources={"torch": lambda node, x, y: ""},
    aliases={},
    samples=normal(2, low=0.4, high=2.0, by=0),
    doc=says(
        "x/√(x² + y²) or y/√(x² + y²), 0 at the origin", "x/√(x² + y²) 或 y/√(x² + y²)，在原点为 0"
    ),
)

hypot = elementwise(
    "hypot",
    arity=2,
    real=True,
    partials=lambda x, y, out: tuple(apply(hypot_slope, x, y, by=by) for by in (0, 1)),
    says=says("derivative of a length", "长度的导数"),
    source="∂√(x² + y²)/∂x = x/√(x² + y²)",
    numpy=np.hypot,
    scalar="hypot(x, y)",
    notation=_hypot_notation,
    kinks=(Kink(where=_both_zero, at=says("the origin", "原点"), value=0.0, low=-1.0, high=1.0),),
    aliases=aliases(numpy="hypot", torch="hypot"),
    samples=normal(2, low=0.4, high=2.0),
    doc=says("√(x² + y²)", "√(x² + y²)"),
)


# ------------------------------------------------------------------ sinc
def _sinc(x: Any, order: int) -> Any:
    """Return a derivative of sin(πx)/(πx): by its power series near 0, by recurrence elsewhere."""
    u = np.pi * np.asarray(x)
    near = np.abs(u) < 1.5 + order
    small = np.where(near, u, 0)
    series = np.zeros_like(u)
    for k in range((order + 1) // 2, 24 + 2 * order):
        rest = 2 * k - order
        series = series + (-1) ** k / ((2 * k + 1) * factorial(rest)) * small**rest
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
