"""The gamma function and its kin: ln Γ, polygamma, 1/Γ, the beta function, Hurwitz's zeta."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Sum, Symbol, negate
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op, Operand, Samples
from tidu.ops.define import aliases, normal, sampled, says
from tidu.ops.elementwise.comparison import less, where
from tidu.ops.elementwise.trigonometric import cos, sin
from tidu.ops.numbers import constant_value
from tidu.ops.special.scipy_reference import (
    in_double,
    scipy_function,
    shifted,
    special_function,
)

_GAMMA, _PSI = Symbol("Γ"), Symbol("ψ")


def _gamma_function(name: str, arity: int, *facts: Any, **facets: Any) -> Op:
    facets.setdefault("samples", normal(arity, low=0.4, high=3.0))
    return special_function(name, arity, *facts, **facets)


def between(low: float, high: float, *orders: float, arity: int = 1) -> Samples:
    """Return operands between two bounds behind a first operand that is an order."""

    def draw(shape: tuple[int, ...]) -> Callable[[np.random.Generator], Any]:
        return lambda rng: rng.uniform(low, high, shape)

    def same(order: float, shape: tuple[int, ...]) -> Callable[[np.random.Generator], Any]:
        return lambda rng: np.full(shape, order)

    return sampled(
        *(
            ((same(order, shape), *(draw(shape) for _ in range(arity))), {})
            for order in orders
            for shape in ((), (3,), (2, 5))
        )
    )


# ------------------------------------------------------------------ Γ, ln Γ, ψ
gammaln = _gamma_function(
    "gammaln",
    1,
    lambda x, out: digamma(x),
    "(ln Γ)′ = ψ, DLMF 5.2.2",
    "the logarithm of the gamma function",
    "伽马函数的对数",
    scalar="lgamma(x)",
    notation=lambda node, x: Apply(Function("ln"), (Apply(_GAMMA, (x,)),)),
    safe={0: 1.0},
    aliases=aliases(
        scipy="special.gammaln",
        torch=("lgamma", "special.gammaln"),
        text="lnΓ",
    ),
)

digamma = _gamma_function(
    "digamma",
    1,
    lambda x, out: polygamma(1.0, x),
    "ψ = (ln Γ)′, DLMF 5.2.2",
    "the digamma function",
    "双伽马函数",
    notation=lambda node, x: Apply(_PSI, (x,)),
    safe={0: 1.0},
    aliases=aliases(
        scipy=("special.digamma", "special.psi"),
        torch=("digamma", "special.digamma", "special.psi"),
        text=("psi", "ψ"),
    ),
)

_ORDER = says(
    "the order counts derivatives; between whole numbers there is no such function",
    "阶数是求导的次数，在整数之间没有定义",
)


def _polygamma_notation(node: Node, n: Math, x: Math) -> Math:
    order = constant_value(node.inputs[0])
    if order is None:
        return Apply(Function("polygamma"), (n, x))
    return Apply(Symbol("ψ", "", f"({order:g})"), (x,))


def _polygamma_torch(node: Node, n: str, x: str) -> str:
    """Write polygamma in PyTorch, which takes the order as a whole number, not as a tensor."""
    order = constant_value(node.inputs[0])
    is_integer = order is not None and float(order).is_integer()
    return f"torch.polygamma({order:.0f}, {x})" if is_integer else ""


polygamma = _gamma_function(
    "polygamma",
    2,
    lambda n, x, out: (None, polygamma(shifted(n, 1.0), x)),
    "ψ⁽ⁿ⁾ = dⁿψ/dxⁿ, DLMF 5.15",
    "the polygamma function",
    "多伽马函数",
    numpy=in_double(lambda n, x: scipy_function("polygamma")(n, x)),
    operands=(Operand.FIXED, Operand.VALUE),
    fixed=_ORDER,
    notation=_polygamma_notation,
    sources={"torch": _polygamma_torch},
    safe={1: 1.0},
    aliases=aliases(scipy="special.polygamma", torch=("polygamma", "special.polygamma")),
    samples=between(0.6, 3.0, 0.0, 1.0, 2.0),
)

gamma = _gamma_function(
    "gamma",
    1,
    lambda x, out: out * digamma(x),
    "Γ′ = Γ ψ, DLMF 5.2.2",
    "the gamma function",
    "伽马函数",
    scalar="tgamma(x)",
    notation=lambda node, x: Apply(_GAMMA, (x,)),
    safe={0: 1.0},
    aliases=aliases(scipy="special.gamma", text="Γ"),
)


def _rgamma_slope(x: Node, out: Node) -> Node:
    """Return −ψ/Γ; left of ½, where Γ and ψ have poles and 1/Γ has none, by the reflection
    formula."""
    right = less(x, 0.5)
    z = where(right, x, 0.0)
    reflected = gamma(1.0 - z) * (
        cos(math.pi * z) - sin(math.pi * z) * digamma(1.0 - z) * (1.0 / math.pi)
    )
    return where(right, reflected, -out * digamma(where(right, 1.0, x)))


rgamma = _gamma_function(
    "rgamma",
    1,
    _rgamma_slope,
    "(1/Γ)′ = −ψ/Γ; Γ(x) Γ(1 − x) = π/sin πx, DLMF 5.5.3",
    "the reciprocal of the gamma function",
    "伽马函数的倒数",
    samples=normal(low=-1.5, high=2.0),
)

gammasgn = _gamma_function(
    "gammasgn",
    1,
    lambda x, out: 0.0,
    "zero almost everywhere",
    "the sign of the gamma function",
    "伽马函数的符号",
    samples=normal(low=0.4, high=3.0),
)


# ------------------------------------------------------------------ differences of ψ
# B₂ₖ of Stirling's series
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_START = 20


def _gap(a: Any, b: Any, order: int) -> Any:
    """Return ψ⁽ⁿ⁾(a + b) − ψ⁽ⁿ⁾(a) for a > 0, each of its terms a difference that does not cancel.

    The recurrence moves a above 20, then Stirling's series is taken difference by difference.
    """
    n, sign = order, (-1.0) ** (order + 1)
    total, argument = np.zeros_like(a), a
    for _ in range(_START):
        low = argument < _START
        step = np.where(low, argument, 1.0)
        change = -(step ** -(n + 1.0)) * np.expm1(-(n + 1.0) * np.log1p(b / step))
        # ψ⁽ⁿ⁾(z) = ψ⁽ⁿ⁾(z + 1) − (−1)ⁿ n!/zⁿ⁺¹
        total = total + np.where(low, -sign * math.factorial(n) * change, 0.0)
        argument = np.where(low, argument + 1, argument)

    def power(m: int) -> Any:
        """Return (a + b)⁻ᵐ − a⁻ᵐ."""
        return argument ** -float(m) * np.expm1(-m * np.log1p(b / argument))

    if n == 0:
        series = np.log1p(b / argument) - power(1) / 2
        for k, bernoulli in enumerate(_BERNOULLI, 1):
            series = series - bernoulli / (2 * k) * power(2 * k)
    else:
        series = math.factorial(n - 1) * power(n) + math.factorial(n) / 2 * power(n + 1)
        for k, bernoulli in enumerate(_BERNOULLI, 1):
            weight = math.factorial(2 * k + n - 1) / math.factorial(2 * k)
            series = series + weight * bernoulli * power(2 * k + n)
        series = sign * series
    return total + series


def _polygamma_gap(a: Any, b: Any, order: int) -> Any:
    positive = (a > 0) & (a + b > 0)
    safe_a, safe_b = np.where(positive, a, 1.0), np.where(positive, b, 1.0)
    polygamma_ = scipy_function("polygamma")
    plain = polygamma_(order, np.where(positive, 1.0, a + b)) - polygamma_(
        order, np.where(positive, 1.0, a)
    )
    return np.where(positive, _gap(safe_a, safe_b, order), plain)


def _gap_notation(node: Node, a: Math, b: Math) -> Math:
    order = node.attrs["order"]
    head = Symbol("ψ", "", f"({order})") if order else _PSI
    return Sum((Apply(head, (Sum((a, b)),)), negate(Apply(head, (a,)))))


polygamma_gap = _gamma_function(
    "polygamma_gap",
    2,
    lambda a, b, out, order: (
        polygamma_gap(a, b, order=order + 1),
        polygamma(float(order + 1), a + b),
    ),
    "(ψ⁽ⁿ⁾)′ = ψ⁽ⁿ⁺¹⁾",
    "ψ(a + b) − ψ(a)",
    "差 ψ(a + b) − ψ(a) ",
    numpy=in_double(_polygamma_gap),
    prepare=lambda a, b, order=0: apply(polygamma_gap, a, b, order=int(order)),
    notation=_gap_notation,
    code=lambda node, a, b: (
        f"(scipy.special.polygamma({node.attrs['order']}, {a} + {b})"
        f" - scipy.special.polygamma({node.attrs['order']}, {a}))"
    ),
    aliases={},
)


# ------------------------------------------------------------------ beta, Pochhammer, binomial
beta = _gamma_function(
    "beta",
    2,
    lambda a, b, out: (-out * polygamma_gap(a, b), -out * polygamma_gap(b, a)),
    "∂B/∂a = B (ψ(a) − ψ(a + b)), DLMF 5.12",
    "the beta function",
    "贝塔函数",
    notation=lambda node, a, b: Apply(Symbol("B"), (a, b)),
)

betaln = _gamma_function(
    "betaln",
    2,
    lambda a, b, out: (-polygamma_gap(a, b), -polygamma_gap(b, a)),
    "∂ ln B/∂a = ψ(a) − ψ(a + b), DLMF 5.12",
    "the logarithm of the beta function",
    "贝塔函数的对数",
    notation=lambda node, a, b: Apply(Function("ln"), (Apply(Symbol("B"), (a, b)),)),
)

poch = _gamma_function(
    "poch",
    2,
    lambda a, m, out: (out * polygamma_gap(a, m), out * digamma(a + m)),
    "(a)ₘ = Γ(a + m)/Γ(a), DLMF 5.2.5",
    "the rising factorial Γ(a + m)/Γ(a)",
    "升阶乘 Γ(a + m)/Γ(a) ",
)

binom = _gamma_function(
    "binom",
    2,
    lambda n, k, out: (
        out * polygamma_gap(n - k + 1.0, k),
        out * polygamma_gap(k + 1.0, n - 2.0 * k),
    ),
    "C(n, k) = Γ(n + 1)/(Γ(k + 1) Γ(n − k + 1))",
    "the binomial coefficient as a function of real numbers",
    "实变量的二项式系数",
    samples=normal(2, low=0.4, high=2.0),
)


# ------------------------------------------------------------------ zeta
zeta = _gamma_function(
    "zeta",
    2,
    lambda s, q, out: (None, -s * zeta(shifted(s, 1.0), q)),
    "∂ζ(s, q)/∂q = −s ζ(s + 1, q), DLMF 25.11.17",
    "Hurwitz's zeta function",
    "赫尔维茨 ζ 函数",
    numpy=in_double(lambda s, q: scipy_function("zeta")(s, q)),
    operands=(Operand.FIXED, Operand.VALUE),
    fixed=says(
        "the derivative of ζ in its exponent is none of SciPy's functions",
        "ζ 对指数的导数不在 SciPy 的函数之中",
    ),
    notation=lambda node, s, q: Apply(Symbol("ζ"), (s, q)),
    aliases=aliases(scipy="special.zeta", torch="special.zeta", text="ζ"),
    samples=between(0.6, 3.0, 2.0, 3.5),
)
