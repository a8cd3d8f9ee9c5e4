"""The Poisson distribution with mean mu. Differentiable by mu; a derivative by the counts k is
refused with an InputError."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.elementwise.exponential import xlogy
from tidu.ops.special.gamma import gammaln
from tidu.ops.special.incomplete import gamma_density, gammainc, gammaincc
from tidu.scipy.calls import forwarded, on_arrays
from tidu.scipy.stats.support import inside, whole

__all__ = ["cdf", "logpmf", "pmf", "sf"]
__getattr__ = forwarded("scipy.stats", "poisson")


def pmf(k: Any, mu: Any, loc: Any = 0.0) -> Any:
    """Return the probability of k, 0 where k is no count.

    >>> round(float(pmf(2, 1.0)), 6)
    0.18394
    """
    k = whole(k - loc, exact=True)
    return inside(k >= 0, lambda k: on_arrays(gamma_density, k + 1.0, mu), k, 0.0, 0.0)


def logpmf(k: Any, mu: Any, loc: Any = 0.0) -> Any:
    """Return the logarithm of the probability of k.

    >>> float(logpmf(0, 1.0))
    -1.0
    """
    k = whole(k - loc, exact=True)

    def found(k: Any) -> Any:
        return on_arrays(xlogy, k, mu) - mu - on_arrays(gammaln, k + 1.0)

    return inside(k >= 0, found, k, 0.0, -np.inf)


def cdf(k: Any, mu: Any, loc: Any = 0.0) -> Any:
    """Return the probability of at most k.

    >>> round(float(cdf(0, 1.0)), 6)
    0.367879
    """
    k = whole(k - loc)
    return inside(k >= 0, lambda k: on_arrays(gammaincc, k + 1.0, mu), k, 0.0, 0.0)


def sf(k: Any, mu: Any, loc: Any = 0.0) -> Any:
    """Return 1 − cdf.

    >>> round(float(sf(0, 1.0)), 6)
    0.632121
    """
    k = whole(k - loc)
    return inside(k >= 0, lambda k: on_arrays(gammainc, k + 1.0, mu), k, 0.0, 1.0)
