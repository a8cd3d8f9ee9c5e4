"""The beta distribution with shapes a and b.

pdf and logpdf are differentiable by all arguments; cdf and sf by all but a and b, for which they
refuse with an InputError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.elementwise.entropy import xlog1py
from tidu.ops.elementwise.exponential import xlogy
from tidu.ops.special.gamma import betaln
from tidu.ops.special.incomplete import beta_density, betainc, betaincc
from tidu.scipy.calls import forwarded, on_arrays
from tidu.scipy.stats.support import inside

__all__ = ["cdf", "logpdf", "pdf", "sf"]
__getattr__ = forwarded("scipy.stats", "beta")


def pdf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the density xᵃ⁻¹ (1 − x)ᵇ⁻¹/B(a, b), 0 outside of 0 to 1.

    >>> float(pdf(0.5, 1.0, 1.0))
    1.0
    """
    return on_arrays(beta_density, a, b, (x - loc) / scale) / scale


def logpdf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the logarithm of the density, −∞ outside of 0 to 1.

    >>> round(float(logpdf(0.5, 2.0, 1.0)), 6)
    0.0
    """
    z = (x - loc) / scale

    def found(z: Any) -> Any:
        power = on_arrays(xlogy, a - 1.0, z) + on_arrays(xlog1py, b - 1.0, -z)
        return power - on_arrays(betaln, a, b) - np.log(scale)

    return inside((z >= 0) & (z <= 1), found, z, 0.5, -np.inf)


def cdf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return the distribution function, the regularised incomplete beta function.

    >>> float(cdf(0.25, 1.0, 1.0))
    0.25
    """
    z = (x - loc) / scale
    left = np.where(z > 1, 1.0, 0.0)
    return inside((z >= 0) & (z <= 1), lambda z: on_arrays(betainc, a, b, z), z, 0.5, left)


def sf(x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return 1 − cdf.

    >>> float(sf(0.25, 1.0, 1.0))
    0.75
    """
    z = (x - loc) / scale
    left = np.where(z < 0, 1.0, 0.0)
    return inside((z >= 0) & (z <= 1), lambda z: on_arrays(betaincc, a, b, z), z, 0.5, left)
