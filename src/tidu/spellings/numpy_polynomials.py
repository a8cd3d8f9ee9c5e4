"""Polynomials that are written out factor by factor: their coefficients, products, quotients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.spellings.record import on_arrays


@on_arrays("poly")
def poly(t: Any, seq_of_zeros: Any) -> Any:
    """The coefficients of ∏ (x − zᵢ)."""
    if np.ndim(seq_of_zeros) != 1:
        raise TypeError("poly of a vector of zeros")
    product = np.ones(1)
    for zero in seq_of_zeros:
        product = np.convolve(product, np.stack([zero * 0.0 + 1.0, -zero]))
    return product


@on_arrays("polydiv")
def polydiv(t: Any, u: Any, v: Any) -> Any:
    """Long division: the quotient, and what remains."""
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
    """The product."""
    return np.convolve(np.atleast_1d(a1), np.atleast_1d(a2))
