"""Student's t with df degrees of freedom.

pdf and logpdf are differentiable by all arguments; cdf and its kin by all but df, for which they
refuse with an InputError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.special.gamma import betaln
from tidu.ops.special.incomplete import stdtr
from tidu.scipy.calls import forwarded, on_arrays
from tidu.scipy.stats.support import log_share

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__getattr__ = forwarded("scipy.stats", "t")


def logpdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the density.

    >>> round(float(logpdf(0.0, 1.0)), 6)
    -1.14473
    """
    z = (x - loc) / scale
    power = -0.5 * (df + 1.0) * np.log1p(z**2 / df)
    return power - on_arrays(betaln, 0.5 * df, 0.5) - 0.5 * np.log(df) - np.log(scale)


def pdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the density.

    >>> round(float(pdf(0.0, 1.0)), 6)
    0.31831
    """
    return np.exp(logpdf(x, df, loc, scale))


def cdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the distribution function.

    >>> float(cdf(0.0, 3.0))
    0.5
    """
    return on_arrays(stdtr, df, (x - loc) / scale)


def sf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return 1 − cdf.

    >>> float(sf(0.0, 3.0))
    0.5
    """
    return on_arrays(stdtr, df, (loc - x) / scale)


def logcdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the distribution function.

    >>> round(float(logcdf(0.0, 3.0)), 6)
    -0.693147
    """
    return log_share(cdf(x, df, loc, scale), sf(x, df, loc, scale))


def logsf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of 1 − cdf.

    >>> round(float(logsf(0.0, 3.0)), 6)
    -0.693147
    """
    return log_share(sf(x, df, loc, scale), cdf(x, df, loc, scale))
