"""The Dirichlet distribution with concentrations alpha (K,), differentiable by x and alpha."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.errors import ShapeError
from tidu.ops.elementwise.exponential import xlogy
from tidu.ops.special.gamma import gammaln
from tidu.scipy.calls import forwarded, on_arrays
from tidu.words import Words

__all__ = ["logpdf", "pdf"]
__getattr__ = forwarded("scipy.stats", "dirichlet")

_ROWS = Words(
    en="x {x} has one row for each of the {count} concentrations, or one less",
    zh="x {x} 应有 {count} 行（每个浓度参数一行），或少一行",
)


def logpdf(x: Any, alpha: Any) -> Any:
    """Return the logarithm of the density at x.

    x (K,) or (K, n), each column on the simplex; of K − 1 rows the last follows. SciPy refuses an x
    off the simplex; here the formula is taken as it is, so that x may be moved by a derivative.
    Raises ShapeError for another number of rows.

    >>> float(np.round(logpdf(np.array([0.5, 0.5]), np.array([1.0, 1.0])), 6))
    0.0
    """
    count = np.shape(alpha)[0]
    if np.ndim(x) == 0 or np.shape(x)[0] not in (count, count - 1):
        raise ShapeError(_ROWS(x=np.shape(x), count=count))
    if np.shape(x)[0] == count - 1:
        x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)], axis=0)
    power = np.reshape(alpha - 1.0, (count,) + (1,) * (np.ndim(x) - 1))
    scale = np.sum(on_arrays(gammaln, alpha)) - on_arrays(gammaln, np.sum(alpha))
    return np.sum(on_arrays(xlogy, power, x), axis=0) - scale


def pdf(x: Any, alpha: Any) -> Any:
    """Return the density at x.

    >>> float(np.round(pdf(np.array([0.5, 0.5]), np.array([1.0, 1.0])), 6))
    1.0
    """
    return np.exp(logpdf(x, alpha))
