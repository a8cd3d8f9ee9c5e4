"""The incomplete gamma and beta functions, their densities, Student's t, exponential integrals."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Symbol
from tidu.ir.node import Node
from tidu.ir.op import Op, Operand
from tidu.ops.define import aliases, function, normal, sampled, says
from tidu.ops.elementwise.arithmetic import square
from tidu.ops.elementwise.comparison import greater, less, logical_and, where
from tidu.ops.elementwise.exponential import exp, log, log1p, xlogy
from tidu.ops.special.gamma import betaln, digamma, polygamma_gap, rgamma
from tidu.ops.special.scipy_reference import (
    in_double,
    scipy_function,
    shifted,
    special_function,
)

_SHAPE = says(
    "the derivative in a shape parameter is none of SciPy's functions",
    "对形状参数的导数不在 SciPy 的函数之中",
)
_VALUE, _FIXED = Operand.VALUE, Operand.FIXED


def _op(name: str, kinds: tuple[Operand, ...], *facts: Any, **facets: Any) -> Op:
    if _FIXED in kinds:
        facets.setdefault("fixed", _SHAPE)
    return special_function(name, kinds, *facts, **facets)


def _uniform(*bounds: tuple[float, float]) -> Any:
    """Return samples of operands between bounds of their own."""

    def draw(low: float, high: float, shape: tuple[int, ...]) -> Any:
        return lambda rng: rng.uniform(low, high, shape)

    return sampled(*((tuple(draw(*b, shape) for b in bounds), {}) for shape in ((), (3,), (2, 5))))


# ------------------------------------------------------------------ the gamma distribution
# The error of Stirling's formula for ln Γ(a + 1), a ≥ 16
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def _stirling_error(a: Any) -> Any:
    square_, total = a * a, np.zeros_like(a)
    for c in reversed(_STIRLING):
        total = c + total / square_
    return total / a


def _deviance(x: Any, mean: Any) -> Any:
    """Return x ln(x/mean) + mean − x without cancellation where the two are close (Loader 2000)."""
    v = (x - mean) / (x + mean)
    near = np.abs(v) < 0.1
    small = np.where(near, v, 0.0)
    total = np.zeros_like(small)
    for j in range(12, 0, -1):
        total = (total + 2.0 / (2 * j + 1)) * small * small
    close = (x - mean) * small + x * small * total
    return np.where(near, close, scipy_function("xlogy")(x, x / mean) + mean - x)


def _gamma_density(a: Any, x: Any) -> Any:
    """Return xᵃ⁻¹ e⁻ˣ/Γ(a), for large a by its distance from the mode."""
    b = a - 1.0
    large = (b >= 16) & (x > 0)
    shape, at = np.where(large, b, 16.0), np.where(large, x, 16.0)
    close = np.exp(-_stirling_error(shape) - _deviance(shape, at)) / np.sqrt(2 * np.pi * shape)
    small = np.where(large, 1.0, a)
    plain = np.exp(scipy_function("xlogy")(small - 1, x) - x) * scipy_function("rgamma")(small)
    plain = np.where((small <= 0) & (small == np.floor(small)), 0.0, plain)  # 1/Γ is 0 there
    return np.where(x < 0, 0.0, np.where(large, close, plain))


def _gamma_density_by_shape(a: Node, x: Node, out: Node) -> Node:
    """Return p (ln x − ψ(a)); left of ½, where ψ has poles and 1/Γ is 0, by the slope of 1/Γ."""
    right = greater(a, 0.5)
    low = where(right, 0.0, a)
    slope = rgamma.partials(low, rgamma(low))  # type: ignore[misc]
    left = xlogy(out, x) + exp(xlogy(low - 1.0, x) - x) * slope
    return where(right, xlogy(out, x) - out * digamma(where(right, a, 1.0)), left)


gamma_density = _op(
    "gamma_density",
    (_VALUE, _VALUE),
    lambda a, x, out: (
        _gamma_density_by_shape(a, x, out),
        gamma_density(shifted(a, -1.0), x) - out,
    ),
    "p_a(x) = xᵃ⁻¹ e⁻ˣ/Γ(a), p_a′ = p_{a−1} − p_a",
    "the density of the gamma distribution",
    "伽马分布的密度",
    numpy=in_double(_gamma_density),
    code=lambda node, a, x: (
        f"(np.exp(scipy.special.xlogy({a} - 1, {x}) - {x}) * scipy.special.rgamma({a}))"
    ),
    notation=lambda node, a, x: Apply(Function("p"), (a, x)),
    aliases={},
    samples=_uniform((1.2, 3.0), (0.5, 3.0)),
)

gammainc = _op(
    "gammainc",
    (_FIXED, _VALUE),
    lambda a, x, out: (None, gamma_density(a, x)),
    "∂P(a, x)/∂x = xᵃ⁻¹ e⁻ˣ/Γ(a), DLMF 8.8.13",
    "the regularised lower incomplete gamma function P(a, x)",
    "正则化的下不完全伽马函数 P(a, x) ",
    notation=lambda node, a, x: Apply(Symbol("P"), (a, x)),
    aliases=aliases(scipy="special.gammainc", torch="special.gammainc"),
    samples=_uniform((1.2, 3.0), (0.5, 3.0)),
)

gammaincc = _op(
    "gammaincc",
    (_FIXED, _VALUE),
    lambda a, x, out: (None, -gamma_density(a, x)),
    "∂Q(a, x)/∂x = −xᵃ⁻¹ e⁻ˣ/Γ(a), DLMF 8.8.14",
    "the regularised upper incomplete gamma function Q(a, x)",
    "正则化的上不完全伽马函数 Q(a, x) ",
    notation=lambda node, a, x: Apply(Symbol("Q"), (a, x)),
    aliases=aliases(scipy="special.gammaincc", torch="special.gammaincc"),
    samples=_uniform((1.2, 3.0), (0.5, 3.0)),
)


# ------------------------------------------------------------------ the beta distribution
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return xᵃ⁻¹ (1 − x)ᵇ⁻¹/B(a, b), for large a and b by the distance from the mode."""
    p, q = a - 1.0, b - 1.0
    inside = (x > 0) & (x < 1)
    large = (p >= 16) & (q >= 16) & inside
    shape, other = np.where(large, p, 16.0), np.where(large, q, 16.0)
    at, n = np.where(large, x, 0.5), np.where(large, p, 16.0) + np.where(large, q, 16.0)
    exponent = (
        _stirling_error(n)
        - _stirling_error(shape)
        - _stirling_error(other)
        - _deviance(shape, n * at)
        - _deviance(other, n * (1.0 - at))
    )
    close = (n + 1) * np.exp(exponent) * np.sqrt(n / (2 * np.pi * shape * other))
    plain = _plain_beta_density(np.where(large, 1.0, a), np.where(large, 1.0, b), x)
    return np.where((x < 0) | (x > 1), 0.0, np.where(large, close, plain))


def _plain_beta_density(a: Any, b: Any, x: Any) -> Any:
    s = np.clip(x, 0.0, 1.0)
    power = scipy_function("xlogy")(a - 1, s) + scipy_function("xlog1py")(b - 1, -s)
    positive = (a > 0) & (b > 0)
    usual = np.exp(
        power - scipy_function("betaln")(np.where(positive, a, 1), np.where(positive, b, 1))
    )
    pole = ((a <= 0) & (a == np.floor(a))) | ((b <= 0) & (b == np.floor(b)))
    rgamma_, gamma_ = scipy_function("rgamma"), scipy_function("gamma")
    general = np.exp(power) * gamma_(np.where(pole, 1.0, a + b)) * rgamma_(a) * rgamma_(b)
    return np.where(positive, usual, np.where(pole, 0.0, general))


def _beta_density_partials(a: Node, b: Node, x: Node, out: Node) -> tuple[Node, Node, Node]:
    inside = logical_and(greater(x, 0.0), less(x, 1.0))
    z = where(inside, x, 0.5)
    within = out * ((a - 1.0) / z - (b - 1.0) / (1.0 - z))
    # at an end, where those fractions are infinite
    lower, upper = beta_density(shifted(a, -1.0), b, x), beta_density(a, shifted(b, -1.0), x)
    return (
        xlogy(out, x) + out * polygamma_gap(a, b),
        out * log1p(-x) + out * polygamma_gap(b, a),
        where(inside, within, (a + b - 1.0) * (lower - upper)),
    )


beta_density = _op(
    "beta_density",
    (_VALUE, _VALUE, _VALUE),
    _beta_density_partials,
    "p = xᵃ⁻¹ (1 − x)ᵇ⁻¹/B(a, b), p′ = p ((a − 1)/x − (b − 1)/(1 − x))",
    "the density of the beta distribution",
    "贝塔分布的密度",
    numpy=in_double(_beta_density),
    code=lambda node, a, b, x: (
        f"np.exp(scipy.special.xlogy({a} - 1, {x}) + scipy.special.xlog1py({b} - 1, -{x})"
        f" - scipy.special.betaln({a}, {b}))"
    ),
    notation=lambda node, a, b, x: Apply(Function("p"), (a, b, x)),
    aliases={},
    samples=_uniform((1.2, 3.0), (1.2, 3.0), (0.2, 0.8)),
)

betainc = _op(
    "betainc",
    (_FIXED, _FIXED, _VALUE),
    lambda a, b, x, out: (None, None, beta_density(a, b, x)),
    "∂I_x(a, b)/∂x = xᵃ⁻¹ (1 − x)ᵇ⁻¹/B(a, b), DLMF 8.17.20",
    "the regularised incomplete beta function",
    "正则化的不完全贝塔函数",
    notation=lambda node, a, b, x: Apply(Function("I"), (x, a, b)),
    samples=_uniform((1.2, 3.0), (1.2, 3.0), (0.2, 0.8)),
)

betaincc = _op(
    "betaincc",
    (_FIXED, _FIXED, _VALUE),
    lambda a, b, x, out: (None, None, -beta_density(a, b, x)),
    "1 − I_x(a, b), DLMF 8.17.20",
    "the complement of the regularised incomplete beta function",
    "正则化的不完全贝塔函数的补",
    samples=_uniform((1.2, 3.0), (1.2, 3.0), (0.2, 0.8)),
)


# ------------------------------------------------------------------ Student's t
def t_density(df: Node, t: Node) -> Node:
    """Return the density of Student's t with df degrees of freedom, written with other
    operations."""
    power = -0.5 * (df + 1.0) * log1p(square(t) / df)
    return exp(power - betaln(0.5 * df, 0.5) - 0.5 * log(df))


stdtr = _op(
    "stdtr",
    (_FIXED, _VALUE),
    lambda df, t, out: (None, t_density(df, t)),
    "the density of Student's t",
    "the distribution function of Student's t",
    "t 分布的分布函数",
    fixed=says(
        "the derivative in the degrees of freedom is none of SciPy's functions",
        "对自由度的导数不在 SciPy 的函数之中",
    ),
    samples=_uniform((2.0, 6.0), (-2.0, 2.0)),
)


# ------------------------------------------------------------------ exponential integrals
expi = _op(
    "expi",
    (_VALUE,),
    lambda x, out: exp(x) / x,
    "Ei′ = eˣ/x, DLMF 6.2.5",
    "the exponential integral Ei",
    "指数积分 Ei ",
    notation=function("Ei"),
    safe={0: 1.0},
    samples=normal(low=0.4, high=3.0),
)

exp1 = _op(
    "exp1",
    (_VALUE,),
    lambda x, out: -exp(-x) / x,
    "E₁′ = −e⁻ˣ/x, DLMF 6.2.1",
    "the exponential integral E₁",
    "指数积分 E₁ ",
    notation=lambda node, x: Apply(Symbol("E", "1"), (x,)),
    safe={0: 1.0},
    samples=normal(low=0.4, high=3.0),
)
