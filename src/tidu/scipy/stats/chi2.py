"""The chi-squared distribution with df degrees of freedom: a gamma distribution of shape df/2 and
twice the scale. Differentiable as that is; cdf and sf refuse a derivative by df."""

from __future__ import annotations

from typing import Any

from tidu.scipy.calls import forwarded
from tidu.scipy.stats import gamma

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__getattr__ = forwarded("scipy.stats", "chi2")


def pdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the density.

    >>> float(pdf(0.0, 2.0))
    0.5
    """
    return gamma.pdf(x, df / 2.0, loc, 2.0 * scale)


def logpdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the density.

    >>> round(float(logpdf(0.0, 2.0)), 6)
    -0.693147
    """
    return gamma.logpdf(x, df / 2.0, loc, 2.0 * scale)


def cdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the distribution function.

    >>> round(float(cdf(2.0, 2.0)), 6)
    0.632121
    """
    return gamma.cdf(x, df / 2.0, loc, 2.0 * scale)


def sf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return 1 − cdf.

    >>> round(float(sf(2.0, 2.0)), 6)
    0.367879
    """
    return gamma.sf(x, df / 2.0, loc, 2.0 * scale)


def logcdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the distribution function.

    >>> round(float(logcdf(2.0, 2.0)), 6)
    -0.458675
    """
    return gamma.logcdf(x, df / 2.0, loc, 2.0 * scale)


def logsf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of 1 − cdf.

    >>> round(float(logsf(2.0, 2.0)), 6)
    -1.0
    """
    return gamma.logsf(x, df / 2.0, loc, 2.0 * scale)
