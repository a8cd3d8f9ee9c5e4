"""The normal distribution of vectors, with mean (d,) and covariance matrix (d, d).

cov may also be a vector of variances or one number. Differentiable by x, mean and cov; by a
singular cov (allow_singular=True) a derivative is refused, for no density is near it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.errors import InputError, ShapeError
from tidu.scipy.calls import forwarded, numbers
from tidu.scipy.stats.support import HALF_LOG_TAU, frozen
from tidu.words import Words, verbatim

__all__ = ["entropy", "logpdf", "pdf"]
__getattr__ = forwarded("scipy.stats", "multivariate_normal")

_SIZE = Words(
    en="x {x}, mean {mean} and cov {cov} are not of one dimension",
    zh="x {x}、mean {mean} 与 cov {cov} 的维数不一致",
)
_INDEFINITE = Words(
    en="cov has the eigenvalue {low:.3g}: it is no covariance matrix",
    zh="cov 有特征值 {low:.3g}，不是协方差矩阵",
)
_SINGULAR = Words(
    en="cov is singular (smallest eigenvalue {low:.3g})",
    zh="cov 是奇异的（最小特征值 {low:.3g}）",
)
_UNKNOWN = Words(
    en="allow_singular=True needs the numbers of cov; only its shape is known",
    zh="allow_singular=True 需要 cov 的数值，而这里只知道它的形状",
)


def _arguments(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, int]:
    """Return x − mean as rows, the matrix cov, and the dimension."""
    size = next((int(np.shape(v)[-1]) for v in (cov, mean, x) if v is not None and np.ndim(v)), 1)
    if mean is None:
        mean = np.zeros(size)
    if np.ndim(cov) < 2:
        cov = cov * np.eye(size)
    if np.ndim(x) == 0 or (np.ndim(x) == 1 and size == 1 and np.shape(x) != (1,)):
        x = np.reshape(x, (*np.shape(x), 1))
    if np.shape(x)[-1] != size or np.shape(cov) != (size, size) or np.size(mean) not in (1, size):
        shapes = (np.shape(v) for v in (x, mean, cov))
        raise ShapeError(_SIZE(**dict(zip(("x", "mean", "cov"), shapes, strict=True))))
    return x - mean, cov, size


def _check(cov: Any) -> None:
    """Raise InputError if the numbers of cov are known and it is singular or not positive."""
    value = numbers(cov)
    if value is None:
        return
    spectrum = np.linalg.eigvalsh(value)
    low = float(spectrum[0])
    if low < -_cutoff(spectrum):
        raise InputError(_INDEFINITE(low=low))
    if low <= _cutoff(spectrum):
        raise InputError(_SINGULAR(low=low), fix=verbatim("allow_singular=True"))


def _cutoff(spectrum: Any) -> Any:
    """Return what counts as 0 beside the largest eigenvalue, as in SciPy."""
    return 1e6 * np.finfo(spectrum.dtype).eps * np.max(np.abs(spectrum))


def _singular_logpdf(shift: Any, spectrum: Any, vectors: Any) -> Any:
    """Return the log density on the space spanned by the eigenvectors of positive eigenvalues, −∞
    elsewhere."""
    small = _cutoff(spectrum)
    kept = spectrum > small
    variances = np.where(kept, spectrum, 1.0)
    along = shift @ vectors
    distance = np.sum(np.where(kept, along**2 / variances, 0.0), axis=-1)
    rank = np.sum(np.where(kept, 1.0, 0.0))
    found = -0.5 * (distance + np.sum(np.log(variances))) - rank * HALF_LOG_TAU
    off = np.sum(np.where(kept, 0.0, along**2), axis=-1)
    return np.where(off <= small**2, found, -np.inf)


def logpdf(x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
    """Return the logarithm of the density.

    x (…, d): the result has the shape (…). Raises InputError for a cov that is singular (without
    allow_singular) or has a negative eigenvalue. A singular cov has a density on the space that it
    spans; elsewhere the result is −∞.

    >>> round(float(logpdf(np.zeros(2), np.zeros(2), np.eye(2))), 6)
    -1.837877
    """
    shift, cov, size = _arguments(x, mean, cov)
    if allow_singular:
        if numbers(cov) is None:
            raise InputError(_UNKNOWN())
        spectrum, vectors = np.linalg.eigh(frozen(cov))
        if spectrum[0] <= _cutoff(spectrum):  # a branch that the derivation keeps
            return _singular_logpdf(shift, spectrum, vectors)
    _check(cov)
    solved = np.linalg.solve(cov, np.reshape(shift, (math.prod(np.shape(shift)[:-1]), size)).T).T
    distance = np.sum(shift * np.reshape(solved, np.shape(shift)), axis=-1)
    return -0.5 * (distance + np.linalg.slogdet(cov)[1]) - size * HALF_LOG_TAU


def pdf(x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
    """Return the density; see logpdf.

    >>> round(float(pdf(np.zeros(2), np.zeros(2), np.eye(2))), 6)
    0.159155
    """
    return np.exp(logpdf(x, mean, cov, allow_singular))


def entropy(mean: Any = None, cov: Any = 1.0) -> Any:
    """Return the differential entropy ½ ln det(2πe cov), which does not depend on the mean.

    >>> round(float(entropy(np.zeros(1), np.eye(1))), 6)
    1.418939
    """
    size = np.shape(cov)[0] if np.ndim(cov) else 1 if mean is None else int(np.size(mean))
    if np.ndim(cov) < 2:
        cov = cov * np.eye(size)
    _check(cov)
    return 0.5 * np.linalg.slogdet(cov)[1] + size * (0.5 * math.log(2.0 * math.pi) + 0.5)
