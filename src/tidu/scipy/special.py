"""scipy.special with derivatives: what is not a ufunc there. Anything else is SciPy's own ufunc,
which is traced as it stands.

>>> import numpy as np
>>> import tidu
>>> from tidu.scipy import special
>>> float(tidu.grad(lambda x: special.logsumexp(x))(np.array([0.0, 0.0]))[0])
0.5
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.arrays.softmax import log_softmax as log_softmax_op
from tidu.ops.arrays.softmax import logsumexp as logsumexp_op
from tidu.ops.arrays.softmax import softmax as softmax_op
from tidu.ops.arrays.softmax import weighted_logsumexp
from tidu.ops.special.gamma import gamma as gamma_op
from tidu.ops.special.gamma import polygamma as polygamma_op
from tidu.ops.special.gamma import zeta as zeta_op
from tidu.scipy.calls import forwarded, is_traced, on_arrays
from tidu.spellings.elementwise.special import multigammaln as multigammaln_op

__all__ = [
    "factorial",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "softmax",
    "zeta",
]
__getattr__ = forwarded("scipy.special")

Axis = int | tuple[int, ...] | None


def polygamma(n: Any, x: Any) -> Any:
    """Return the derivative of order n of the digamma function at x.

    n and x: numbers or arrays that broadcast; the result has their common shape. Differentiable
    by x to any order; by n it is refused with an InputError.

    >>> round(float(polygamma(1, 1.0)), 6)
    1.644934
    """
    return on_arrays(polygamma_op, n, x)


def zeta(x: Any, q: Any = 1.0) -> Any:
    """Return Hurwitz's zeta function Σ 1/(k + q)ˣ; Riemann's for q = 1. Differentiable by q, not by
    x.

    >>> round(float(zeta(2.0)), 6)
    1.644934
    """
    return on_arrays(zeta_op, x, q)


def multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function of dimension d, elementwise in a.

    >>> round(float(multigammaln(2.0, 1)), 6)
    0.0
    """
    return on_arrays(multigammaln_op, a, d=int(d))


def factorial(n: Any, exact: bool = False) -> Any:
    """Return n! = Γ(n + 1) for real n. exact=True gives SciPy's whole numbers, which have no
    derivative.

    >>> float(factorial(4.0))
    24.0
    """
    if exact or not is_traced(n):
        return forwarded("scipy.special")("factorial")(n, exact=exact)
    return on_arrays(gamma_op, n + 1.0)


def logsumexp(
    a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Return ln Σ b eᵃ without overflow, over all axes or those named.

    b: factors that broadcast with a; where their sum is negative, the result is NaN without
    return_sign. With return_sign=True the result is the pair of ln|Σ b eᵃ| and its sign, which is
    constant almost everywhere. Differentiable by a and b.

    >>> float(logsumexp(np.array([1000.0, 1000.0]), b=np.array([0.5, 0.5])))
    1000.0
    """
    if b is None:
        found = on_arrays(logsumexp_op, a, axis=axis, keepdims=keepdims)
        return (found, np.ones_like(found)) if return_sign else found
    a, b = _together(a, b)
    found = on_arrays(weighted_logsumexp, a, b, axis=axis, keepdims=keepdims)
    kept = on_arrays(weighted_logsumexp, a, b, axis=axis, keepdims=True)
    share = b * np.exp(np.where(b == 0, 0.0, a - kept))
    sign = np.sign(np.sum(share, axis=axis, keepdims=keepdims))
    return (found, sign) if return_sign else np.where(sign < 0, np.nan, found)[()]


def _together(a: Any, b: Any) -> tuple[Any, Any]:
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    return np.broadcast_to(a, shape), np.broadcast_to(b, shape)


def softmax(x: Any, axis: Axis = None) -> Any:
    """Return eˣ divided by its sum along the axes named, or (as in SciPy) over all of them.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return on_arrays(softmax_op, x, axis=axis)


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """Return ln softmax(x) without overflow.

    >>> log_softmax(np.array([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    return on_arrays(log_softmax_op, x, axis=axis)
