"""Linear algebra against what is known without it: closed forms, differences, what cannot exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.evaluate import central
from tidu.errors import EvaluationError, InputError, NoDerivativeWarning, TiduError
from tidu.ir.build import input_node
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.matrices import is_written_hermitian

RNG = np.random.default_rng(20)
A3, B3 = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3))
TALL, WIDE = RNG.standard_normal((4, 2)), RNG.standard_normal((2, 4))
S3 = A3 @ A3.T + np.diag([1.0, 2.0, 4.0])
C3 = A3 + 1j * B3
H3 = C3 @ np.conj(C3).T
G33, G42 = RNG.standard_normal((3, 3)), RNG.standard_normal((4, 2))


def slope(f: Callable[..., Any], *xs: Any, by: int = 0, seed: int = 1) -> tuple[float, float]:
    """The derivative of f along a direction of its argument `by`: by tidu, and by differences."""
    rng = np.random.default_rng(seed)
    x = np.asarray(xs[by])
    d = rng.standard_normal(x.shape)
    if x.dtype.kind == "c":
        d = d + 1j * rng.standard_normal(x.shape)
    found = tidu.grad(f, by)(*xs)
    stated = float(np.real(np.sum(np.conj(found) * d)))

    def moved(at: Any) -> Any:
        return f(*(at[0] if i == by else a for i, a in enumerate(xs)))

    return stated, float(central(moved, [x], [d]))


def agrees(f: Callable[..., Any], *xs: Any, by: int = 0, rtol: float = 1e-7) -> None:
    stated, measured = slope(f, *xs, by=by)
    assert stated == pytest.approx(measured, rel=rtol, abs=rtol)


# ------------------------------------------------------------------ traced, as NumPy is called
W = RNG.standard_normal(50)


def weighed(x: Any) -> Any:
    """One number of an array, with different weights for its elements."""
    flat = np.reshape(x, (-1,))
    return np.sum(flat * W[: flat.size])


NUMPY_CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "inv": (lambda a: weighed(np.linalg.inv(a)), (A3,)),
    "det of a batch": (lambda a: weighed(np.linalg.det(a)), (RNG.standard_normal((2, 3, 3)),)),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], (A3,)),
    "solve": (lambda a, b: weighed(np.linalg.solve(a, b)), (A3, TALL[:3])),
    "cholesky": (lambda a: weighed(np.linalg.cholesky(a)), (S3,)),
    "cholesky, upper": (lambda a: weighed(np.linalg.cholesky(a, upper=True)), (S3,)),
    "eigh": (lambda a: weighed(np.linalg.eigh(a)[0]) + weighed(np.linalg.eigh(a)[1] ** 2), (A3,)),
    "eigh, named": (lambda a: weighed(np.linalg.eigh(a, "U").eigenvectors ** 2), (A3,)),
    "eigvalsh": (lambda a: weighed(np.linalg.eigvalsh(a, UPLO="U")), (A3,)),
    "svd": (lambda a: sum(weighed(p) for p in np.linalg.svd(a, full_matrices=False)), (TALL,)),
    "svd, wide": (lambda a: sum(weighed(p) for p in np.linalg.svd(a, False)), (WIDE,)),
    "svd, values": (lambda a: weighed(np.linalg.svd(a, compute_uv=False)), (TALL,)),
    "svdvals": (lambda a: weighed(np.linalg.svdvals(a)), (TALL,)),
    "qr": (lambda a: weighed(np.linalg.qr(a)[0]) + weighed(np.linalg.qr(a).R), (TALL,)),
    "qr, wide": (lambda a: weighed(np.linalg.qr(a)[1]), (WIDE,)),
    "qr, R alone": (lambda a: weighed(np.linalg.qr(a, "r")), (TALL,)),
    "qr, complete": (lambda a: weighed(np.linalg.qr(a, mode="complete")[0]), (A3,)),
    "pinv": (lambda a: weighed(np.linalg.pinv(a)), (TALL,)),
    "lstsq": (lambda a, b: weighed(np.linalg.lstsq(a, b)[0]), (TALL, W[:4])),
    "lstsq, residuals": (lambda a, b: weighed(np.linalg.lstsq(a, b)[1]), (TALL, G42)),
    "matrix_power": (lambda a: weighed(np.linalg.matrix_power(a, -3)), (A3,)),
    "multi_dot": (lambda a, b: weighed(np.linalg.multi_dot([a, b, a.T])), (TALL, A3[:2, :2])),
    "tensorinv": (lambda a: weighed(np.linalg.tensorinv(a)), (S3.reshape(3, 1, 3),)),
    "tensorsolve": (
        lambda a, b: weighed(np.linalg.tensorsolve(a, b)),
        (S3.reshape(3, 1, 3), W[:3, None]),
    ),
    "cond": (np.linalg.cond, (A3,)),
    "cond, 1": (lambda a: np.linalg.cond(a, 1), (A3,)),
    "trace": (lambda a: weighed(np.linalg.trace(a)), (RNG.standard_normal((2, 3, 3)),)),
    "diagonal": (
        lambda a: weighed(np.linalg.diagonal(a, offset=1)),
        (RNG.standard_normal((2, 3, 3)),),
    ),
    "vector_norm": (lambda a: np.linalg.vector_norm(a, ord=3), (A3,)),
    "matrix_norm": (
        lambda a: weighed(np.linalg.matrix_norm(a, ord="nuc")),
        (RNG.standard_normal((2, 3, 2)),),
    ),
    "eigvals": (lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 3), (A3,)),
    "eig": (lambda a: weighed(np.abs(np.linalg.eig(a)[1])), (A3,)),
}


@pytest.mark.parametrize("name", NUMPY_CALLS)
def test_functions_are_called_as_in_numpy(name: str) -> None:
    f, xs = NUMPY_CALLS[name]
    for by in range(len(xs)):
        agrees(f, *xs, by=by)


COMPLEX: dict[str, tuple[Callable[..., Any], Any]] = {
    "inv": (lambda a: np.sum(np.abs(np.linalg.inv(a))), C3),
    "cholesky": (lambda a: np.sum(np.abs(np.linalg.cholesky(a)) ** 3), H3),
    "cholesky, upper": (lambda a: weighed(np.real(np.linalg.cholesky(a, upper=True))), H3),
    "eigvalsh": (lambda a: weighed(np.linalg.eigvalsh(a)), C3),
    "eigh": (lambda a: weighed(np.abs(np.linalg.eigh(a)[1])), C3),
    "eigh, projector": (
        lambda a: weighed(
            np.real(np.outer(np.linalg.eigh(a)[1][:, 2], np.conj(np.linalg.eigh(a)[1][:, 2])))
        ),
        C3,
    ),
    "svd": (lambda a: weighed(np.abs(np.linalg.svd(a, False)[0])), TALL + 1j * G42),
    "svd, both sides": (
        lambda a: weighed(np.imag(np.linalg.svd(a, False)[0] @ np.linalg.svd(a, False)[2])),
        TALL + 1j * G42,
    ),
    "svd, wide": (lambda a: weighed(np.abs(np.linalg.svd(a, False)[2])), (TALL + 1j * G42).T),
    "svdvals": (lambda a: weighed(np.linalg.svdvals(a)), C3),
    "nuclear norm": (lambda a: np.linalg.norm(a, "nuc"), C3),
    "qr": (lambda a: weighed(np.abs(np.linalg.qr(a)[0])) + weighed(np.abs(np.linalg.qr(a)[1])), C3),
    "qr, as it is": (
        lambda a: weighed(np.imag(np.linalg.qr(a)[0])) + weighed(np.real(np.linalg.qr(a)[1])),
        TALL + 1j * G42,
    ),
    "pinv": (lambda a: weighed(np.imag(np.linalg.pinv(a))), TALL + 1j * G42),
    "lstsq": (lambda a: weighed(np.real(np.linalg.lstsq(a, W[:4])[0])), TALL + 1j * G42),
    "eigvals": (lambda a: weighed(np.abs(np.linalg.eigvals(a))), C3),
    "eig": (lambda a: weighed(np.abs(np.linalg.eig(a)[1])), C3),
    "norm of order 3": (lambda a: np.linalg.norm(np.reshape(a, (-1,)), 3), C3),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], C3),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_derivatives_of_complex_matrices_agree_with_differences(name: str) -> None:
    agrees(*COMPLEX[name])


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.real(np.linalg.eigh(a)[1])),
        lambda a: np.sum(np.imag(np.linalg.svd(a)[0])),
        lambda a: np.sum(np.real(np.linalg.eig(a)[1])),
    ],
)
def test_what_depends_on_a_phase_is_refused(f: Callable[..., Any]) -> None:
    with pytest.raises(EvaluationError, match="phases of complex vectors"):
        tidu.grad(f)(C3)


# ------------------------------------------------------------------ closed forms
def test_the_gradient_of_an_eigenvalue_is_its_vector_squared() -> None:
    """∂λᵢ/∂S = vᵢvᵢᵀ where S is symmetric as it is written; else folded onto what is read."""
    v = np.linalg.eigh(A3 + A3.T)[1]
    found = tidu.grad(lambda a: np.linalg.eigvalsh(a + a.T)[1])(A3)
    np.testing.assert_allclose(found, 2 * np.outer(v[:, 1], v[:, 1]), rtol=1e-12)
    for uplo, part in (("L", np.tril), ("U", np.triu)):
        read = part(A3) + part(A3, -1 if uplo == "L" else 1).T
        w, v = np.linalg.eigh(read)
        np.testing.assert_allclose(np.linalg.eigvalsh(A3, uplo), w)
        seen = tidu.derive("np.linalg.eigh(A, '" + uplo + "')[1][0, 1]", wrt="A", A=A3).evaluate()
        assert float(seen.value) == np.linalg.eigh(A3, uplo)[1][0, 1]  # with LAPACK's sign
        square = np.outer(v[:, 0], v[:, 0])
        found = tidu.grad(lambda a, u=uplo: np.linalg.eigvalsh(a, u)[0])(A3)
        np.testing.assert_allclose(found, part(2 * square) - np.diag(np.diag(square)), rtol=1e-12)


def joined(u: Any, s: Any, vt: Any) -> Any:
    return (u[:, : len(s)] * s) @ vt[: len(s)]


def from_eigen(values: Any, vectors: Any) -> Any:
    return (vectors * values) @ np.linalg.inv(vectors)


FACTORS: dict[str, tuple[Callable[..., Any], Any]] = {
    "svd": (lambda a: joined(*np.linalg.svd(a, False)), TALL),
    "svd, wide": (lambda a: joined(*np.linalg.svd(a, False)), WIDE),
    "svd, complete": (lambda a: joined(*np.linalg.svd(a)), TALL),
    "qr": (lambda a: np.linalg.qr(a)[0] @ np.linalg.qr(a)[1], TALL),
    "qr, wide": (lambda a: np.linalg.qr(a)[0] @ np.linalg.qr(a)[1], WIDE),
    "eig": (lambda a: np.real(from_eigen(*np.linalg.eig(a))), A3),
    "pinv, twice": (lambda a: np.linalg.pinv(np.linalg.pinv(a)), TALL),
}


@pytest.mark.parametrize("name", FACTORS)
def test_factors_multiply_back_to_the_identity_map(name: str) -> None:
    """What gives A back has the gradient of A itself: G for ⟨G, A⟩."""
    build, a = FACTORS[name]
    g = np.random.default_rng(3).standard_normal(a.shape)
    np.testing.assert_allclose(tidu.grad(lambda a: np.sum(g * build(a)))(a), g, atol=1e-12)


def test_cholesky_multiplies_back() -> None:
    """L Lᵀ is what the lower triangle gives: its gradient is G folded onto that triangle."""

    def back(a: Any) -> Any:
        low = np.linalg.cholesky(a)
        return np.sum(G33 * (low @ low.T))

    folded = np.tril(G33 + G33.T, -1) + np.diag(np.diag(G33))
    np.testing.assert_allclose(tidu.grad(back)(S3), folded, atol=1e-12)
    symmetric = tidu.grad(lambda a: back((a + a.T) / 2))(S3)
    np.testing.assert_allclose(symmetric, (G33 + G33.T) / 2, atol=1e-12)


def test_least_squares_is_the_normal_equations() -> None:
    def by_formula(a: Any, b: Any) -> Any:
        return weighed(np.linalg.solve(a.T @ a, a.T @ b))

    for name in ("lstsq", "pinv"):

        def by_call(a: Any, b: Any, name: str = name) -> Any:
            return weighed(np.linalg.lstsq(a, b)[0] if name == "lstsq" else np.linalg.pinv(a) @ b)

        for by in (0, 1):
            f, g = (tidu.grad(h, by)(TALL, W[:4]) for h in (by_call, by_formula))
            np.testing.assert_allclose(f, g, rtol=1e-10)


def test_lstsq_gives_what_numpy_gives() -> None:
    for a, b in ((TALL, W[:4]), (TALL, G42), (WIDE, W[:2]), (A3, G33)):
        found: list[Any] = []

        def loss(a: Any, b: Any, found: list[Any] = found) -> Any:
            found.append([part.value for part in np.linalg.lstsq(a, b)])
            return np.sum(a)

        tidu.grad(loss)(a, b)
        for part, wanted in zip(found[0], np.linalg.lstsq(a, b), strict=True):
            np.testing.assert_allclose(part, wanted, rtol=1e-10)


# ------------------------------------------------------------------ where it is not smooth
def test_repeated_eigenvalues_in_functions_where_they_count_alike() -> None:
    """tr S³ by eigenvalues has the gradient 3S², at repeated ones too."""
    q = np.linalg.qr(A3)[0]
    s = q @ np.diag([2.0, 2.0, 5.0]) @ q.T
    s = (s + s.T) / 2
    found = tidu.grad(lambda a: np.sum(np.linalg.eigvalsh((a + a.T) / 2) ** 3))(s)
    np.testing.assert_allclose(found, 3 * s @ s, rtol=1e-10)
    found = tidu.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 4))(s)
    np.testing.assert_allclose(found, 4 * s @ s @ s, rtol=1e-10)


def test_vectors_of_repeated_values_are_refused_those_of_others_are_not() -> None:
    x = np.array([[1.0, 2.0, -1.0]])  # xᵀx has the eigenvalue 0 twice

    def loss(x: Any, k: int) -> Any:
        v = np.linalg.eigh(x.T @ x)[1][:, k]
        return np.sum(v * W[:3]) ** 2

    agrees(lambda x: loss(x, 2), x)
    with pytest.raises(EvaluationError, match="not unique here: two eigenvalues agree"):
        tidu.grad(lambda x: loss(x, 0))(x)
    with pytest.raises(EvaluationError, match="not unique here: two singular values agree"):
        tidu.grad(lambda a: np.sum(np.linalg.svd(a)[0] * G33))(np.eye(3))
    with pytest.raises(EvaluationError, match="a singular value is 0"):
        tidu.grad(lambda a: np.sum(np.linalg.svd(a, False)[0] * G42))(np.outer(W[:4], W[:2]))


def test_a_vector_that_completes_a_basis_alone_has_a_derivative() -> None:
    agrees(lambda a: weighed(np.linalg.svd(a)[0]), TALL[:3])
    agrees(lambda a: weighed(np.linalg.svd(a)[2]), WIDE[:, :3])
    with pytest.raises(EvaluationError, match="last 2 singular vectors only complete a basis"):
        tidu.grad(lambda a: weighed(np.linalg.svd(a)[0]))(TALL)


def test_the_pseudo_inverse_where_the_rank_is_kept() -> None:
    with pytest.warns(NoDerivativeWarning):  # of pinv; aᵀa has rank 1 of 3, always
        agrees(lambda a: weighed(np.linalg.pinv(a.T @ a)), WIDE[:1, :3])
    derived = tidu.derive("sum(np.linalg.pinv(A))", wrt=["A"], values={"A": np.ones((2, 2))})
    assert "without full rank" in derived.explain("en").text()


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0.5, np.inf])
def test_vector_norms_at_zero_have_the_conventional_derivative(order: Any) -> None:
    found = tidu.grad(lambda x: np.linalg.norm(x, order))(np.zeros(3))
    assert found.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("rank", [0, 1])
def test_matrix_norms_where_they_have_a_kink(order: Any, rank: int) -> None:
    """A finite value, which for the norms (they are convex) is a subgradient: the norm of B is at
    least the tangent at A."""
    a = rank * np.outer([1.0, -2.0], [1.0, 0.0, 1.0])
    g = tidu.grad(lambda x: np.linalg.norm(x, order))(a)
    assert np.all(np.isfinite(g))
    if order in ("fro", "nuc", 1, 2, np.inf):
        for _ in range(20):
            b = a + RNG.standard_normal(a.shape)
            tangent = np.linalg.norm(a, order) + np.sum(g * (b - a))
            assert np.linalg.norm(b, order) >= tangent - 1e-12


def test_a_norm_with_an_element_of_zero_has_its_derivative() -> None:
    x = np.array([0.0, 3.0, -4.0])
    for order in (1.5, 3, 4):
        wanted = np.sign(x) * (np.abs(x) / np.linalg.norm(x, order)) ** (order - 1)
        np.testing.assert_allclose(tidu.grad(lambda x, p=order: np.linalg.norm(x, p))(x), wanted)
    assert np.all(np.isfinite(tidu.grad(lambda x: np.linalg.norm(x, 0.5))(x)))
    with pytest.warns(
        NoDerivativeWarning, match="no limit"
    ):  # the number of elements that are not 0
        assert tidu.grad(lambda x: np.linalg.norm(x, 0))(x).tolist() == [0.0, 0.0, 0.0]


# ------------------------------------------------------------------ refusals
INFINITE = np.array([[np.inf, 1.0], [1.0, 2.0]])
REFUSED: list[tuple[Callable[..., Any], Any, type[TiduError], str]] = [
    (lambda a: np.sum(np.linalg.cholesky(a)), -np.eye(2), EvaluationError, "positive definite"),
    (
        lambda a: np.sum(np.linalg.cholesky(a)),
        TALL,
        InputError,
        r"square matrix, a has shape \(4, 2\)",
    ),
    (lambda a: np.sum(np.linalg.qr(a, "complete")[0]), TALL, InputError, "complete a basis"),
    (lambda a: np.sum(np.linalg.qr(a, "raw")[0]), TALL, InputError, "mode='raw'"),
    (lambda a: np.sum(np.linalg.qr(a)[0]), np.ones((2, 2)), EvaluationError, "singular"),
    (lambda a: np.sum(np.linalg.eigvalsh(a, "X")), A3, InputError, "UPLO is 'L' or 'U'"),
    (lambda a: np.linalg.norm(a, 3), A3, InputError, "order 3 is not defined for 2 axes"),
    (lambda a: np.linalg.norm(a, "fro"), W, InputError, "order 'fro' is not defined for 1 axes"),
    (lambda a: np.linalg.norm(a, 2), A3[None], InputError, "order 2 is not defined for 3 axes"),
    (lambda a: np.linalg.cond(a, 3), A3, InputError, "cond has no order 3"),
    (lambda a: np.sum(np.linalg.lstsq(a, W[:3])[0]), TALL, InputError, "4 rows"),
    (lambda a: np.sum(np.linalg.multi_dot([a])), A3, InputError, "two matrices or more"),
    (lambda a: np.sum(np.linalg.tensorinv(a)), TALL, InputError, "no square matrix"),
    (lambda a: np.sum(a) * np.linalg.matrix_rank(a), A3, InputError, "a rank has the derivative 0"),
    (lambda a: np.sum(np.linalg.outer(a, a)), A3, InputError, "outer needs two vectors"),
    (lambda a: np.sum(np.linalg.qr(a)[1]), INFINITE, EvaluationError, "singular"),
    (lambda a: np.sum(np.abs(np.linalg.eigvals(a))), INFINITE, EvaluationError, "no answer"),
    (lambda a: np.linalg.cond(a, 1), np.ones((2, 2)), EvaluationError, "condition number"),
]


@pytest.mark.parametrize(("f", "a", "kind", "said"), REFUSED)
def test_what_has_no_derivative_is_refused_with_the_reason(
    f: Callable[..., Any], a: Any, kind: type[TiduError], said: str
) -> None:
    with pytest.raises(kind, match=said) as raised:
        tidu.grad(f)(a)
    assert any("一" <= letter <= "鿿" for letter in raised.value.text("zh"))


# ------------------------------------------------------------------ structure, small sizes
def test_a_symmetric_matrix_is_seen_by_the_way_it_is_written() -> None:
    x, z = input_node("x", (2, 3)), input_node("z", (2, 2), "complex128")
    assert is_written_hermitian(x.T @ x) and is_written_hermitian(2.0 * (x @ x.T) + x @ x.T)
    assert not is_written_hermitian(x @ x.T @ input_node("a", (2, 2)))
    assert not is_written_hermitian(z @ z.T)
    assert is_written_hermitian(z + conj(z).mT) and is_written_hermitian(conj(z.mT) @ z)


def test_gradients_and_values_are_right_at_small_sizes() -> None:
    one = np.array([[2.0]])
    for f, wanted in (
        (lambda a: np.linalg.cholesky(a)[0, 0], 0.5 / 2**0.5),
        (lambda a: np.linalg.eigvalsh(a)[0], 1.0),
        (lambda a: np.linalg.svdvals(a)[0], 1.0),
        (lambda a: np.linalg.pinv(a)[0, 0], -0.25),
        (lambda a: np.linalg.norm(a, "nuc"), 1.0),
    ):
        assert tidu.grad(f)(one).item() == pytest.approx(wanted)
