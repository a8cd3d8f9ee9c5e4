"""scipy.linalg: values against SciPy itself, gradients against differences, to second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.evaluate import central
from tidu.errors import EvaluationError, InputError
from tidu.scipy import linalg

plain = pytest.importorskip("scipy.linalg")

RNG = np.random.default_rng(8)
A = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
S = A @ A.T / 9 + np.diag([1.0, 2.0, 3.0])
B, Q, V = RNG.standard_normal((2, 2)) + 2 * np.eye(2), RNG.standard_normal((3, 2)), A[0]
BANDS = RNG.standard_normal((3, 5)) + 4 * np.array([[0.0], [1.0], [0.0]])
W = RNG.standard_normal(30)


def weighed(x: Any) -> Any:
    flat = np.reshape(x, (-1,))
    return np.sum(flat * W[: flat.size])


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "expm": (lambda m, a: m.expm(a), (A,)),
    "logm": (lambda m, a: m.logm(a), (S,)),
    "sqrtm": (lambda m, a: m.sqrtm(a), (S,)),
    "solve_sylvester": (lambda m, a, b, q: m.solve_sylvester(a, b, q), (A, B, Q)),
    "solve_triangular": (lambda m, a, b: m.solve_triangular(a, b), (A, Q)),
    "lower": (lambda m, a, b: m.solve_triangular(a, b, trans="T", lower=True), (A, V)),
    "unit": (lambda m, a, b: m.solve_triangular(a, b, unit_diagonal=True), (A, Q)),
    "solve_banded": (lambda m, a, b: m.solve_banded((1, 1), a, b), (BANDS, W[:5])),
    "cholesky": (lambda m, a: m.cholesky(a), (S,)),
    "cho_solve": (lambda m, a, b: m.cho_solve(m.cho_factor(a, lower=True), b), (S, V)),
    "cho_solve, upper": (lambda m, a, b: m.cho_solve(m.cho_factor(a), b), (S, Q)),
    "block_diag": (lambda m, a, q: m.block_diag(a, q), (A, Q)),
    "inv": (lambda m, a: m.inv(a), (A,)),
    "det": (lambda m, a: m.det(a), (A,)),
    "pinv": (lambda m, a: m.pinv(a), (Q,)),
    "norm": (lambda m, a: m.norm(a, "nuc"), (Q,)),
    "eigvalsh": (lambda m, a: m.eigvalsh(a, lower=False), (A,)),
    "eigh": (lambda m, a: m.eigh(a)[1] ** 2, (A,)),
    "svd": (lambda m, a: m.svd(a, full_matrices=False)[0], (Q,)),
    "svdvals": (lambda m, a: m.svdvals(a), (Q,)),
    "solve": (lambda m, a, b: m.solve(a, b), (A, Q)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_scipys(name: str) -> None:
    f, xs = CASES[name]
    np.testing.assert_allclose(f(linalg, *xs), f(plain, *xs), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_both_orders_agree_with_differences(name: str) -> None:
    f, xs = CASES[name]
    for by, x in enumerate(xs):
        d, e = (np.random.default_rng(s).standard_normal(x.shape) for s in (1, 2))

        def loss(at: Any, by: int = by) -> Any:
            return weighed(f(linalg, *(at if i == by else a for i, a in enumerate(xs))))

        slope = tidu.grad(loss)
        moved = central(lambda at, loss=loss: loss(at[0]), [x], [d])
        assert np.sum(slope(x) * d) == pytest.approx(moved, rel=1e-7, abs=1e-7)
        turned = central(lambda at, slope=slope, e=e: np.sum(slope(at[0]) * e), [x], [d])
        curve = tidu.grad(lambda at, slope=slope, e=e: np.sum(slope(at) * e))(x)
        assert np.sum(curve * d) == pytest.approx(turned, rel=1e-6, abs=1e-6)


def test_complex_functions_of_matrices() -> None:
    z = A + 0.5j * RNG.standard_normal((3, 3))
    d = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
    for f in (linalg.expm, linalg.logm, linalg.sqrtm, lambda a: linalg.solve_sylvester(a, B, Q)):

        def loss(a: Any, f: Any = f) -> Any:
            return weighed(np.abs(f(a)))

        found = np.sum(np.real(np.conj(tidu.grad(loss)(z)) * d))
        assert found == pytest.approx(central(lambda at, f=loss: f(at[0]), [z], [d]), rel=1e-7)


def test_what_has_no_answer_is_refused() -> None:
    np.testing.assert_allclose(linalg.sqrtm(np.diag([1.0, -1.0])), np.diag([1, 1j]))
    with pytest.raises(EvaluationError, match="no real square root"):  # texts know no numbers
        tidu.derive("sum(sqrtm(A))", wrt="A", A=np.diag([1.0, -1.0])).evaluate()
    with pytest.raises(EvaluationError, match="no real logarithm"):
        tidu.derive("sum(logm(A))", wrt="A", A=np.diag([1.0, -1.0])).evaluate()
    with pytest.raises(EvaluationError, match="share an eigenvalue"):
        linalg.solve_sylvester(np.eye(2), -np.eye(2), np.ones((2, 2)))
    with pytest.raises(InputError, match="needs 3 rows"):
        linalg.solve_banded((1, 1), BANDS[:2], W[:5])
    with pytest.raises(EvaluationError, match="singular"):
        linalg.solve_triangular(np.diag([1.0, 0.0]), np.ones(2))
