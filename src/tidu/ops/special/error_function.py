"""The error function and its kin: erfc, erfcx, erfi, Dawson's integral, the normal distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Inverse, Math, Prime, Symbol
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op, Samples
from tidu.ir.types import COMPLEX
from tidu.ops.define import aliases, elementwise, function, normal, sampled, says
from tidu.ops.elementwise.activation import float_kind
from tidu.ops.elementwise.arithmetic import square
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.exponential import exp
from tidu.ops.special.scipy_reference import call_text, in_double, scipy_function, special

_ROOT_PI = math.sqrt(math.pi)
_PHI = Symbol("Φ")


def _one_by_one(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """Return the reference that applies Python's function to each element, SciPy's to complex
    ones."""

    def calculate(x: Any) -> Any:
        array = np.asarray(x)
        if array.dtype.kind == "c":
            return scipy_function(function.__name__)(array).astype(array.dtype)
        values = [function(v) for v in array.ravel().tolist()]
        return np.array(values).reshape(array.shape).astype(float_kind(array))

    return calculate


def _code(node: Node, name: str, x: str) -> str:
    if node.dtype in COMPLEX:
        return f"scipy.special.{name}({x})"
    return f"np.vectorize(math.{name})({x})"


def _normal_function(
    name: str,
    partials: Callable[..., Any],
    source: str,
    en: str,
    zh: str,
    *,
    domain: tuple[float, float] | None = None,
    **facets: Any,
) -> Op:
    """Return an elementwise function of one argument that scipy.special has under the same name."""
    facets.setdefault("numpy", special(name))
    facets.setdefault("code", call_text(name))
    facets.setdefault("notation", function(name))
    facets.setdefault("aliases", aliases(scipy=f"special.{name}"))
    samples: Samples = normal() if domain is None else normal(low=domain[0], high=domain[1])
    return elementwise(
        name,
        real=True,
        partials=partials,
        says=says(f"derivative of {en}", f"{zh}的导数"),
        source=source,
        samples=facets.pop("samples", samples),
        doc=says(en, zh),
        **facets,
    )


erf = _normal_function(
    "erf",
    lambda x, out: (2.0 / _ROOT_PI) * exp(-square(x)),
    "erf' = 2/√π · exp(-x²), DLMF 7.2.1",
    "the error function",
    "误差函数",
    complex=True,
    numpy=_one_by_one(math.erf),
    scalar="erf(x)",
    code=lambda node, x: _code(node, "erf", x),
    sources={"jax": lambda node, x: f"jax.scipy.special.erf({x})"},
    aliases=aliases(torch=("erf", "special.erf"), scipy="special.erf"),
)

erfc = _normal_function(
    "erfc",
    lambda x, out: (-2.0 / _ROOT_PI) * exp(-square(x)),
    "erfc = 1 − erf, DLMF 7.2.2",
    "the complementary error function",
    "互补误差函数",
    complex=True,
    numpy=_one_by_one(math.erfc),
    scalar="erfc(x)",
    code=lambda node, x: _code(node, "erfc", x),
    sources={"jax": lambda node, x: f"jax.scipy.special.erfc({x})"},
    aliases=aliases(torch=("erfc", "special.erfc"), scipy="special.erfc"),
)

erfi = _normal_function(
    "erfi",
    lambda x, out: (2.0 / _ROOT_PI) * exp(square(x)),
    "erfi x = −i erf(ix)",
    "the imaginary error function",
    "虚误差函数",
)


# ------------------------------------------------------------------ erfcx
def _erfcx(x: Any, order: int) -> Any:
    """Return e^{x²} iⁿerfc(x). Left of 1 all terms of the recurrence 2n Eₙ = Eₙ₋₂ − 2x Eₙ₋₁ are of
    one size; right of it the recurrence is run downwards from far above (Gautschi 1961)."""
    if order == 0:
        return scipy_function("erfcx")(x)
    before, last = np.full_like(x, 2.0 / _ROOT_PI), scipy_function("erfcx")(x)
    for n in range(1, order + 1):
        before, last = last, (before - 2 * x * last) / (2 * n)
    far = np.where(x > 1.0, x, 1.0)
    upper, here, result = np.zeros_like(x), np.ones_like(x), np.zeros_like(x)
    for n in range(order + 200, -1, -1):  # here is Eₙ, upper Eₙ₊₁, each in units of (2x)⁻¹
        if n == order:
            result = here
        upper, here = here, here + (n + 1) * upper / (2 * far * far)
        if n % 8 == 0:
            size = np.abs(here)
            upper, here, result = upper / size, here / size, result / size
    # here is E₋₁ = 2/√π in the same units: each step down multiplied by 2x
    down = result / here * (2.0 / _ROOT_PI) / (2 * far) ** (order + 1)
    return np.where(x > 1.0, down, last)


def _erfcx_code(node: Node, x: str) -> str:
    before, last = repr(2.0 / _ROOT_PI), f"scipy.special.erfcx({x})"
    for n in range(1, node.attrs["order"] + 1):
        before, last = last, f"(({before} - 2 * {x} * {last}) / {2 * n})"
    return last


def _erfcx_notation(node: Node, x: Math) -> Math:
    order = node.attrs["order"]
    return Apply(Function("erfcx", str(order) if order else ""), (x,))


def _orders(low: float, high: float) -> Samples:
    """Return a function and its first derivative, as one op with the attribute `order`."""
    return sampled(
        *(
            ((lambda rng, shape=shape: rng.uniform(low, high, shape),), {"order": order})
            for order in (0, 1, 2)
            for shape in ((), (3,), (2, 5))
        )
    )


erfcx = _normal_function(
    "erfcx",
    lambda x, out, order: (-2.0 * (order + 1)) * erfcx(x, order=order + 1),
    "erfcxₙ = exp(x²) iⁿerfc x, DLMF 7.18.5 to 7.18.7",
    "the scaled complementary error function exp(x²) erfc x",
    "缩放的互补误差函数 exp(x²) erfc x",
    numpy=in_double(_erfcx),
    code=_erfcx_code,
    notation=_erfcx_notation,
    aliases=aliases(torch="special.erfcx", scipy="special.erfcx"),
    prepare=lambda x, order=0: apply(erfcx, x, order=int(order)),
    samples=_orders(-1.5, 2.0),
)


# ------------------------------------------------------------------ Dawson's integral
def _dawsn(x: Any, order: int) -> Any:
    """Return the derivative of this order: D′ = 1 − 2xD again and again, and for large x term by
    term from D ~ Σ (2k−1)!!/(2ᵏ⁺¹ x²ᵏ⁺¹)."""
    before, last = np.zeros_like(x), scipy_function("dawsn")(x)
    for n in range(order):
        before, last = last, (1.0 if n == 0 else 0.0) - 2 * x * last - 2 * n * before
    limit = 7.0 + order
    far = np.where(np.abs(x) > limit, x, limit)
    total, term = np.zeros_like(x), 0.5 / far
    for k in range(30):
        if k:
            term = term * (2 * k - 1) / (2 * far * far)
        raised = math.prod(range(2 * k + 1, 2 * k + 1 + order))
        total = total + (-1) ** order * raised * term / far**order
    return np.where(np.abs(x) > limit, total, last)


def _dawsn_code(node: Node, x: str) -> str:
    before, last = "0.0", f"scipy.special.dawsn({x})"
    for n in range(node.attrs["order"]):
        start = "1.0" if n == 0 else "0.0"
        before, last = last, f"({start} - 2 * {x} * {last} - {2 * n} * {before})"
    return last


def _dawsn_notation(node: Node, x: Math) -> Math:
    order = node.attrs["order"]
    return Apply(Prime(Symbol("D"), order) if order else Symbol("D"), (x,))


dawsn = _normal_function(
    "dawsn",
    lambda x, out, order: dawsn(x, order=order + 1),
    "D′ = 1 − 2xD, DLMF 7.10",
    "Dawson's integral exp(-x²) ∫₀ˣ exp(t²) dt",
    "道森积分 exp(-x²) ∫₀ˣ exp(t²) dt",
    numpy=in_double(_dawsn),
    code=_dawsn_code,
    notation=_dawsn_notation,
    prepare=lambda x, order=0: apply(dawsn, x, order=int(order)),
    samples=_orders(-2.0, 2.0),
)


# ------------------------------------------------------------------ inverses
erfinv = _normal_function(
    "erfinv",
    lambda x, out: (_ROOT_PI / 2.0) * exp(square(out)),
    "(f⁻¹)′ = 1/f′(f⁻¹)",
    "the inverse of the error function",
    "误差函数的反函数",
    domain=(-0.8, 0.8),
    safe={0: 0.0},
    notation=lambda node, x: Apply(Inverse(Function("erf")), (x,)),
    aliases=aliases(torch=("erfinv", "special.erfinv"), scipy="special.erfinv"),
)

erfcinv = _normal_function(
    "erfcinv",
    lambda x, out: (-_ROOT_PI / 2.0) * exp(square(out)),
    "(f⁻¹)′ = 1/f′(f⁻¹)",
    "the inverse of the complementary error function",
    "互补误差函数的反函数",
    domain=(0.2, 1.8),
    safe={0: 1.0},
    notation=lambda node, x: Apply(Inverse(Function("erfc")), (x,)),
)


# ------------------------------------------------------------------ the normal distribution
ndtr = _normal_function(
    "ndtr",
    lambda x, out: (1.0 / math.sqrt(2.0 * math.pi)) * exp(-0.5 * square(x)),
    "Φ′ = φ, the normal density",
    "the normal distribution function Φ",
    "标准正态分布函数 Φ",
    notation=lambda node, x: Apply(_PHI, (x,)),
    aliases=aliases(torch="special.ndtr", scipy="special.ndtr"),
)

ndtri = _normal_function(
    "ndtri",
    lambda x, out: math.sqrt(2.0 * math.pi) * exp(0.5 * square(out)),
    "(f⁻¹)′ = 1/f′(f⁻¹)",
    "the quantiles of the normal distribution",
    "标准正态分布的分位数",
    domain=(0.1, 0.9),
    safe={0: 0.5},
    notation=lambda node, x: Apply(Inverse(_PHI), (x,)),
    aliases=aliases(torch="special.ndtri", scipy="special.ndtri"),
)

_HALF = 1.0 / math.sqrt(2.0)


def _hazard(x: Any) -> Any:
    return math.sqrt(2.0 / math.pi) / scipy_function("erfcx")(-_HALF * x)


def _hazard_slope(x: Node, out: Node) -> Node:
    """Return −h(x + h) for x > 0; left of 0, where x + h cancels, by the integrals of erfc."""
    z = -_HALF * where(greater(x, 0.0), 0.0, x)
    left = (-2.0 / _ROOT_PI) * erfcx(z, order=1) / square(erfcx(z))
    return where(greater(x, 0.0), -out * (x + out), left)


normal_hazard = _normal_function(
    "normal_hazard",
    _hazard_slope,
    "h = φ/Φ, h′ = −h(x + h)",
    "φ/Φ, the density over the distribution function (inverse Mills ratio)",
    "φ/Φ，密度与分布函数之比（逆 Mills 比）",
    numpy=in_double(_hazard),
    code=lambda node, x: f"({math.sqrt(2.0 / math.pi)!r} / scipy.special.erfcx({-_HALF!r} * {x}))",
    notation=lambda node, x: Apply(Symbol("h"), (x,)),
    aliases={},
)

log_ndtr = _normal_function(
    "log_ndtr",
    lambda x, out: normal_hazard(x),
    "(ln Φ)′ = φ/Φ",
    "the logarithm of the normal distribution function",
    "标准正态分布函数的对数",
    notation=lambda node, x: Apply(Function("ln"), (Apply(_PHI, (x,)),)),
    aliases=aliases(torch="special.log_ndtr", scipy="special.log_ndtr"),
)
