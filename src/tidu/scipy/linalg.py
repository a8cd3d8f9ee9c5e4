"""scipy.linalg with derivatives. What is not here is SciPy's own, for plain arrays.

>>> import numpy as np
>>> import tidu
>>> from tidu.scipy import linalg
>>> tidu.grad(lambda a: np.trace(linalg.expm(a)))(np.zeros((2, 2))).tolist()
[[1.0, 0.0], [0.0, 1.0]]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ops.linalg.factorisations import cholesky as cholesky_op
from tidu.ops.linalg.matrix_functions import expm as expm_op
from tidu.ops.linalg.matrix_functions import logm as logm_op
from tidu.ops.linalg.matrix_functions import solve_sylvester as solve_sylvester_op
from tidu.ops.linalg.matrix_functions import sqrtm as sqrtm_op
from tidu.scipy.calls import forwarded, numbers, on_arrays
from tidu.spellings.linalg.structured import block_diag as block_diag_op
from tidu.spellings.linalg.structured import cho_solve as cho_solve_op
from tidu.spellings.linalg.structured import solve_banded as solve_banded_op
from tidu.spellings.linalg.structured import solve_triangular as solve_triangular_op

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "logm",
    "norm",
    "pinv",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
]
__getattr__ = forwarded("scipy.linalg")


# ------------------------------------------------------------------ functions of matrices
def expm(A: Any) -> Any:
    """Return the matrix exponential of each square matrix in the last two axes.

    >>> expm(np.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return on_arrays(expm_op, A)


def sqrtm(A: Any) -> Any:
    """Return the principal square root of each square matrix in the last two axes; a complex one
    where an eigenvalue is negative, as in SciPy.

    >>> sqrtm(np.diag([4.0, 9.0])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return on_arrays(sqrtm_op, _complex_where_negative(A))


def logm(A: Any) -> Any:
    """Return the principal logarithm of each square matrix in the last two axes; a complex one
    where an eigenvalue is negative, as in SciPy.

    >>> logm(np.eye(2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return on_arrays(logm_op, _complex_where_negative(A))


def _complex_where_negative(a: Any) -> Any:
    values = numbers(a)
    negative = values is not None and values.dtype.kind != "c" and _has_negative(values)
    return a + 0j if negative else a


def _has_negative(a: Any) -> bool:
    """Return whether a matrix has a negative eigenvalue, and so no real root."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or not a.size:
        return False
    found = np.linalg.eigvals(a)
    rounding = 8 * a.shape[-1] * np.finfo(found.dtype).eps * np.max(np.abs(found))
    return bool(np.any((np.imag(found) == 0) & (np.real(found) < -rounding)))


# ------------------------------------------------------------------ equations
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return the X (m, n) with a X + X b = q, for a (m, m), b (n, n) and q (m, n).

    Raises EvaluationError where a and −b share an eigenvalue.

    >>> solve_sylvester(np.eye(2), np.eye(2), np.ones((2, 2))).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return on_arrays(solve_sylvester_op, a, b, q)


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Return the x with T x = b, where T is the upper or lower triangle of a (n, n); b is (n,) or
    (n, k).

    trans: 0 for T, 1 for Tᵀ, 2 for its conjugate. The other triangle is not read: its gradient
    is 0. Raises EvaluationError for a singular T.

    >>> T = np.array([[2.0, 0.0], [1.0, 1.0]])
    >>> solve_triangular(T, np.array([2.0, 3.0]), lower=True).tolist()
    [1.0, 2.0]
    """
    given = {"trans": trans, "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    return on_arrays(solve_triangular_op, a, b, **given)


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any) -> Any:
    """Return the x with A x = b, where row u + i − j of ab (l + u + 1, n) holds A[i, j] in column
    j.

    l_and_u: how many diagonals A has below and above the main one.

    >>> solve_banded((0, 0), np.array([[2.0, 4.0]]), np.array([2.0, 4.0])).tolist()
    [1.0, 1.0]
    """
    below, above = l_and_u
    return on_arrays(solve_banded_op, ab, b, l=int(below), u=int(above))


def solve(a: Any, b: Any) -> Any:
    """Return the x with a x = b.

    >>> solve(np.diag([2.0, 4.0]), np.array([2.0, 4.0])).tolist()
    [1.0, 1.0]
    """
    return np.linalg.solve(a, b)


# ------------------------------------------------------------------ Cholesky
def cholesky(a: Any, lower: bool = False) -> Any:
    """Return the upper factor U with Uᵀ U = a, or with lower=True the L with L Lᵀ = a.

    Only that triangle of a is read. Raises EvaluationError for a matrix that is not positive
    definite.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 1.0], [0.0, 1.0]]
    """
    return on_arrays(cholesky_op, a, upper=not lower)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """Return the Cholesky factor of a with the flag that cho_solve takes; the other triangle is 0.

    >>> cho_factor(np.array([[4.0]]))[1]
    False
    """
    return cholesky(a, lower), bool(lower)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Return the x with a x = b, given cho_factor(a).

    >>> cho_solve(cho_factor(np.array([[4.0]])), np.array([2.0])).tolist()
    [0.5]
    """
    c, lower = c_and_lower
    return on_arrays(cho_solve_op, c, b, lower=bool(lower))


# ------------------------------------------------------------------ as in numpy.linalg
def block_diag(*arrs: Any) -> Any:
    """Return a matrix with these blocks along its diagonal.

    >>> block_diag(np.ones((1, 2)), np.ones((1, 1))).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return on_arrays(block_diag_op, *arrs)


def inv(a: Any) -> Any:
    """Return the inverse, as np.linalg.inv."""
    return np.linalg.inv(a)


def det(a: Any) -> Any:
    """Return the determinant, as np.linalg.det."""
    return np.linalg.det(a)


def pinv(a: Any, rtol: float | None = None) -> Any:
    """Return the pseudo-inverse, as np.linalg.pinv."""
    return np.linalg.pinv(a) if rtol is None else np.linalg.pinv(a, rtol)


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm, as np.linalg.norm."""
    call: Any = np.linalg.norm  # its type stubs name the orders one by one
    return call(a, ord, axis, keepdims)


def eigh(a: Any, lower: bool = True, eigvals_only: bool = False) -> Any:
    """Return eigenvalues (ascending) and eigenvectors of the symmetric matrix that one triangle
    gives."""
    side = "L" if lower else "U"
    return np.linalg.eigvalsh(a, side) if eigvals_only else np.linalg.eigh(a, side)


def eigvalsh(a: Any, lower: bool = True) -> Any:
    """Return the eigenvalues that eigh gives."""
    return eigh(a, lower, eigvals_only=True)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return the singular value decomposition, as np.linalg.svd."""
    call: Any = np.linalg.svd
    return call(a, full_matrices, compute_uv)


def svdvals(a: Any) -> Any:
    """Return the singular values in descending order."""
    return np.linalg.svd(a, compute_uv=False)
