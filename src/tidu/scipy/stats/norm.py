"""The normal distribution with mean loc and standard deviation scale.

Each function takes numbers and arrays that broadcast and is differentiable by all of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.ops.special.error_function import log_ndtr, ndtr, ndtri
from tidu.scipy.calls import forwarded, on_arrays
from tidu.scipy.stats.support import HALF_LOG_TAU

__all__ = ["cdf", "entropy", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__getattr__ = forwarded("scipy.stats", "norm")


def pdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the density.

    >>> round(float(pdf(0.0)), 6)
    0.398942
    """
    z = (x - loc) / scale
    return np.exp(-0.5 * z**2) / (math.sqrt(2.0 * math.pi) * scale)


def logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the density.

    >>> round(float(logpdf(3.0, 1.0, 2.0)), 6)
    -2.112086
    """
    z = (x - loc) / scale
    return -0.5 * z**2 - np.log(scale) - HALF_LOG_TAU


def cdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the distribution function Φ((x − loc)/scale).

    >>> float(cdf(0.0))
    0.5
    """
    return on_arrays(ndtr, (x - loc) / scale)


def logcdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the distribution function, exact in the far tail too.

    >>> round(float(logcdf(-1000.0)), 3)
    -500007.827
    """
    return on_arrays(log_ndtr, (x - loc) / scale)


def sf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return 1 − cdf.

    >>> float(sf(0.0))
    0.5
    """
    return on_arrays(ndtr, (loc - x) / scale)


def logsf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of 1 − cdf, exact in the far tail too.

    >>> round(float(logsf(1000.0)), 3)
    -500007.827
    """
    return on_arrays(log_ndtr, (loc - x) / scale)


def ppf(q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the value below which a share q lies.

    >>> float(ppf(0.5, 3.0))
    3.0
    """
    return loc + scale * on_arrays(ndtri, q)


def entropy(loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the differential entropy ln(scale √(2πe)).

    >>> round(float(entropy()), 6)
    1.418939
    """
    return np.log(scale) + (HALF_LOG_TAU + 0.5) + 0.0 * loc
