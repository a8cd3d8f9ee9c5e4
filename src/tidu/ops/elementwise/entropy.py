"""Logarithms with products and quotients: logit, entropies, x ln(1 + y), (eˣ − 1)/x, Box-Cox."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Fraction,
    Function,
    Math,
    Negative,
    Number,
    Power,
    Prime,
    Sum,
    Symbol,
)
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ops.define import aliases, normal, sampled, times
from tidu.ops.elementwise.arithmetic import ratio
from tidu.ops.elementwise.exponential import ln_of, log, log1p
from tidu.ops.elementwise.trigonometric import sin
from tidu.ops.numbers import constant_value
from tidu.ops.special.scipy_reference import in_double, scipy_function, special_function


def _op(name: str, arity: int, *facts: Any, **facets: Any) -> Op:
    facets.setdefault("samples", normal(arity, low=0.4, high=2.0))
    return special_function(name, arity, *facts, **facets)


def _logit(x: Any) -> Any:
    """Return the logit; near ½ by ln(1 + …), so that the zero there keeps its digits."""
    near = (x > 0.3) & (x < 0.65)
    middle = np.where(near, x, 0.5)
    close = np.log1p((2 * middle - 1) / (1 - middle))
    return np.where(near, close, np.log(x) - np.log1p(-x))


logit = _op(
    "logit",
    1,
    lambda x, out: 1.0 / (x * (1.0 - x)),
    "(ln x/(1 − x))′ = 1/(x (1 − x))",
    "ln x/(1 - x)",
    "ln x/(1 - x) ",
    numpy=in_double(_logit),
    code=lambda node, x: f"(np.log({x}) - np.log1p(-{x}))",
    safe={0: 0.5},
    aliases=aliases(scipy="special.logit", torch=("logit", "special.logit")),
    samples=normal(low=0.2, high=0.8),
)


# ------------------------------------------------------------------ entropies
entr = _op(
    "entr",
    1,
    lambda x, out: -log(x) - 1.0,
    "(−x ln x)′ = −ln x − 1",
    "-x ln x",
    "-x ln x ",
    aliases=aliases(scipy="special.entr", torch="special.entr"),
    safe={0: 1.0},
)


def _log_ratio(x: Any, y: Any) -> Any:
    quotient = x / y
    near = (quotient > 0.5) & (quotient < 2)
    close = np.log1p(np.where(near, x - y, 0.0) / np.where(near, y, 1.0))
    return np.where(near, close, np.log(x) - np.log(y))


log_ratio = _op(
    "log_ratio",
    2,
    lambda x, y, out: (1.0 / x, -1.0 / y),
    "∂ ln(x/y)/∂x = 1/x",
    "ln(x/y)",
    "ln(x/y) ",
    numpy=in_double(_log_ratio),
    code=lambda node, x, y: f"(np.log({x}) - np.log({y}))",
    notation=lambda node, x, y: ln_of(Fraction(x, y)),
    safe={0: 1.0, 1: 1.0},
    aliases={},
)

rel_entr = _op(
    "rel_entr",
    2,
    lambda x, y, out: (log_ratio(x, y) + 1.0, -ratio(x, y)),
    "∂ x ln(x/y)/∂x = ln(x/y) + 1, ∂/∂y = −x/y",
    "the relative entropy x ln(x/y)",
    "相对熵 x ln(x/y) ",
    safe={0: 1.0, 1: 1.0},
)

kl_div = _op(
    "kl_div",
    2,
    lambda x, y, out: (log_ratio(x, y), (y - x) / y),
    "∂(x ln(x/y) − x + y)/∂x = ln(x/y), ∂/∂y = 1 − x/y",
    "the divergence x ln(x/y) - x + y",
    "散度 x ln(x/y) - x + y ",
    safe={0: 1.0, 1: 1.0},
)


def _xlog1py_partials(x: Node, y: Node, out: Node) -> tuple[Node | None, Node]:
    return (None if constant_value(x) is not None else log1p(y)), ratio(x, 1.0 + y)


xlog1py = _op(
    "xlog1py",
    2,
    _xlog1py_partials,
    "x ln(1 + y) with 0 for x = 0",
    "x ln(1 + y)",
    "x ln(1 + y) ",
    notation=lambda node, x, y: times(node, x, ln_of(Sum((Number("1"), y)))),
    safe={1: 0.0},
    aliases=aliases(scipy="special.xlog1py", torch="special.xlog1py"),
)


# ------------------------------------------------------------------ (eˣ − 1)/x
def _exprel(x: Any, order: int) -> Any:
    """Return ∫₀¹ tⁿ eˣᵗ dt: its power series for small x, by parts for large x, and P(n + 1, −x)
    for large negative x; each has terms of one sign."""
    middle = np.where(np.abs(x) < 1 + 29 * (x > 0), x, 0.0)
    series, term = np.zeros_like(x), np.ones_like(x)
    for k in range(120):
        series = series + term / (order + k + 1)
        term = term * middle / (k + 1)
    right = np.where(x > 1, x, 1.0)
    by_parts = np.expm1(right) / right
    for n in range(1, order + 1):
        by_parts = np.where(by_parts == np.inf, np.inf, (np.exp(right) - n * by_parts) / right)
    left = np.where(x < -1, -x, 1.0)
    below = scipy_function("gammainc")(order + 1, left) * math.factorial(order)
    below = below / left ** (order + 1)
    return np.where(x > 30, by_parts, np.where(x <= -1, below, series))


def _exprel_notation(node: Node, x: Math) -> Math:
    order = node.attrs["order"]
    if order == 0:
        return Fraction(Sum((Power(Symbol("e"), x), Negative(Number("1")))), x)
    return Apply(Prime(Function("exprel"), order), (x,))


def _exprel_code(node: Node, x: str) -> str:
    text = f"scipy.special.exprel({x})"
    for n in range(1, node.attrs["order"] + 1):
        text = f"((np.exp({x}) - {n} * {text}) / {x})"
    return text


exprel = _op(
    "exprel",
    1,
    lambda x, out, order: exprel(x, order=order + 1),
    "∫₀¹ eˣᵗ dt under the integral sign",
    "(eˣ - 1)/x",
    "(eˣ - 1)/x ",
    numpy=in_double(_exprel),
    prepare=lambda x, order=0: apply(exprel, x, order=int(order)),
    code=_exprel_code,
    notation=_exprel_notation,
    samples=sampled(
        *(
            ((lambda rng, s=s: rng.uniform(0.5, 2.5, s),), {"order": n})
            for n in (0, 1, 2)
            for s in ((), (3,), (2, 5))
        )
    ),
)


# ------------------------------------------------------------------ Box-Cox
boxcox = _op(
    "boxcox",
    2,
    lambda x, power, out: (
        x ** (power - 1.0),
        log(x) * log(x) * exprel(power * log(x), order=1),
    ),
    "(x^λ − 1)/λ = ln x ∫₀¹ x^λt dt",
    "the Box-Cox transform (x^λ - 1)/λ",
    "Box-Cox 变换 (x^λ - 1)/λ ",
    safe={0: 1.0},
)

boxcox1p = _op(
    "boxcox1p",
    2,
    lambda x, power, out: (
        (1.0 + x) ** (power - 1.0),
        log1p(x) * log1p(x) * exprel(power * log1p(x), order=1),
    ),
    "((1 + x)^λ − 1)/λ",
    "the Box-Cox transform of 1 + x",
    "1 + x 的 Box-Cox 变换",
    safe={0: 0.0},
)

cosm1 = _op(
    "cosm1",
    1,
    lambda x, out: -sin(x),
    "(cos x − 1)′ = −sin x",
    "cos x - 1, exact for small x too",
    "cos x - 1，x 很小时也精确",
    samples=normal(),
)

exp10 = _op(
    "exp10",
    1,
    lambda x, out: math.log(10.0) * out,
    "(10ˣ)′ = 10ˣ ln 10",
    "10 to the power x",
    "10 的 x 次幂",
    notation=lambda node, x: Power(Number("10"), x),
    samples=normal(),
)
