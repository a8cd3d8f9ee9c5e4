"""The gamma distribution with shape a.

pdf and logpdf are differentiable by all arguments; cdf, sf and their logarithms by all but a, for
which they refuse with an InputError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.elementwise.exponential import xlogy
from tidu.ops.special.gamma import gammaln
from tidu.ops.special.incomplete import gamma_density, gammainc, gammaincc
from tidu.scipy.calls import forwarded, on_arrays
from tidu.scipy.stats.support import inside, log_share

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__getattr__ = forwarded("scipy.stats", "gamma")


def pdf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the density xᵃ⁻¹ e⁻ˣ/Γ(a), 0 for x < 0.

    >>> float(pdf(0.0, 1.0))
    1.0
    """
    return on_arrays(gamma_density, a, (x - loc) / scale) / scale


def logpdf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the density, −∞ for x < 0.

    >>> float(logpdf(2.0, 1.0))
    -2.0
    """
    z = (x - loc) / scale

    def found(z: Any) -> Any:
        return on_arrays(xlogy, a - 1.0, z) - z - on_arrays(gammaln, a) - np.log(scale)

    return inside(z >= 0, found, z, 1.0, -np.inf)


def cdf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the distribution function P(a, x).

    >>> round(float(cdf(1.0, 1.0)), 6)
    0.632121
    """
    z = (x - loc) / scale
    return inside(z >= 0, lambda z: on_arrays(gammainc, a, z), z, 1.0, 0.0)


def sf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return 1 − cdf.

    >>> round(float(sf(1.0, 1.0)), 6)
    0.367879
    """
    z = (x - loc) / scale
    return inside(z >= 0, lambda z: on_arrays(gammaincc, a, z), z, 1.0, 1.0)


def logcdf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the distribution function.

    >>> round(float(logcdf(1.0, 1.0)), 6)
    -0.458675
    """
    return log_share(cdf(x, a, loc, scale), sf(x, a, loc, scale))


def logsf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of 1 − cdf.

    >>> round(float(logsf(1.0, 1.0)), 6)
    -1.0
    """
    return log_share(sf(x, a, loc, scale), cdf(x, a, loc, scale))
