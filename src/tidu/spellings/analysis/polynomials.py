"""Polynomials by their coefficients, the highest power first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.budget import check_steps
from tidu.ir.build import OperandError, constant
from tidu.ir.node import Node
from tidu.ir.types import promote
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.structure import concatenate, stack
from tidu.ops.define import aliases, float_type, sampled
from tidu.spellings.analysis.numeric import TWO
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.record import on_arrays, spelling
from tidu.words import Words

_VECTOR = Words(
    en="{name} takes a vector, {a} has shape {sa}", zh="{name} 需要向量，{a} 的形状是 {sa}"
)
_COEFFICIENTS = Words(
    en="polyval takes a vector of coefficients, {a} is a single number",
    zh="polyval 需要系数向量，而 {a} 是单个数",
)


# ------------------------------------------------------------------ polynomials
def _polyval(p: Node, x: Node) -> Node:
    """Return the polynomial with the coefficients p at x by Horner's rule: ((p₀ x + p₁) x + p₂)
    …"""
    if p.rank == 0:
        raise OperandError(_COEFFICIENTS)
    count = known(p, 0, "polyval")
    check_steps(count, "polyval")
    total = 0.0 * x
    for k in range(count):
        total = total * x + p[k] if k else p[k] + total
    return total


def _vander(x: Node, N: Any = None, increasing: bool = False) -> Node:
    if x.rank != 1:
        raise OperandError(_VECTOR, name="vander")
    n = known(x, 0, "vander") if N is None else int(N)
    check_steps(n, "vander")
    if n == 0:
        return x[:, None][:, :0]
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return stack(*(x ** float(k) for k in powers), axis=1)


def _polyder(p: Node, m: int = 1) -> Node:
    check_steps(m, "polyder")
    for _ in range(m):
        n = known(p, 0, "polyder")
        p = p[: n - 1] * constant(np.arange(n - 1.0, 0.0, -1.0), float_type(p.dtype))
    return p


def _polyint(p: Node, m: int = 1, k: Any = None) -> Node:
    check_steps(m, "polyint")
    ends = [as_node(0.0, p)] * m
    if k is not None:
        given = as_node(k, p)
        ends = [given] * m if given.rank == 0 else [given[i] for i in range(m)]
    for end in ends:
        n = known(p, 0, "polyint")
        raised = p / constant(np.arange(float(n), 0.0, -1.0), float_type(p.dtype))
        p = concatenate(raised, reshape(end, shape=(1,)), axis=0)
    return p


def _polyadd(sign: float) -> Callable[[Node, Node], Node]:
    def build(a: Node, b: Node) -> Node:
        a, b = (reshape(p, shape=(1,)) if p.rank == 0 else p for p in (a, b))
        short = known(a, 0, "polyadd") - known(b, 0, "polyadd")
        zeros = constant(np.zeros(abs(short)), float_type(promote((a.dtype, b.dtype))))
        if short > 0:
            b = concatenate(zeros, b, axis=0)
        elif short < 0:
            a = concatenate(zeros, a, axis=0)
        return a + b if sign > 0 else a - b

    return build


polyval = spelling(
    "polyval",
    _polyval,
    numpy=np.polyval,
    aliases=aliases(numpy="polyval"),
    samples=sampled((((4,), ()), {}), (((3,), (2, 3)), {}), (((1,), (2,)), {})),
    **TWO,
)
polyadd = spelling(
    "polyadd",
    _polyadd(1.0),
    numpy=np.polyadd,
    aliases=aliases(numpy="polyadd"),
    samples=sampled((((4,), (2,)), {}), (((2,), (3,)), {})),
    **TWO,
)
polysub = spelling(
    "polysub",
    _polyadd(-1.0),
    numpy=np.polysub,
    aliases=aliases(numpy="polysub"),
    samples=sampled((((4,), (2,)), {}), (((2,), (3,)), {})),
    **TWO,
)
polyder = spelling(
    "polyder",
    _polyder,
    complex=True,
    numpy=np.polyder,
    aliases=aliases(numpy="polyder"),
    samples=sampled((((4,),), {}), (((4,),), {"m": 2})),
)
polyint = spelling(
    "polyint",
    _polyint,
    complex=True,
    numpy=np.polyint,
    aliases=aliases(numpy="polyint"),
    free=("k",),
    samples=sampled((((4,),), {}), (((3,),), {"m": 2, "k": (1.0, 2.0)})),
)
vander = spelling(
    "vander",
    _vander,
    complex=True,
    numpy=np.vander,
    aliases=aliases(numpy="vander", torch="vander"),
    samples=sampled((((3,),), {}), (((3,),), {"N": 4, "increasing": True}), (((2,),), {"N": 1})),
)


# ------------------------------------------------------------------ factor by factor
@on_arrays("poly")
def poly(t: Any, seq_of_zeros: Any) -> Any:
    """Return the coefficients of ∏ (x − zᵢ)."""
    if np.ndim(seq_of_zeros) != 1:
        raise TypeError("poly of a vector of zeros")
    product = np.ones(1)
    for zero in seq_of_zeros:
        product = np.convolve(product, np.stack([zero * 0.0 + 1.0, -zero]))
    return product


@on_arrays("polydiv")
def polydiv(t: Any, u: Any, v: Any) -> Any:
    """Return the quotient and the remainder of two polynomials by long division."""
    u, v = np.atleast_1d(u), np.atleast_1d(v)
    m, n = len(u) - 1, len(v) - 1
    if m < n:
        return np.zeros(1), u
    parts = [u[i] for i in range(m + 1)]
    quotient = []
    for k in range(m - n + 1):
        factor = parts[k] / v[0]
        quotient.append(factor)
        for j in range(n + 1):
            parts[k + j] = parts[k + j] - factor * v[j]
    rest = parts[m - n + 1 :] or [parts[-1] * 0.0]
    return np.stack(quotient), np.stack(rest)


@on_arrays("polymul")
def polymul(t: Any, a1: Any, a2: Any) -> Any:
    """Return the product of two polynomials."""
    return np.convolve(np.atleast_1d(a1), np.atleast_1d(a2))
