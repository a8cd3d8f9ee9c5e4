"""einsum, kron, logarithms of determinants, orders and loops that are written out print in matrix
form, and their gradients are those of what runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

RANDOM = np.random.default_rng(11)


def drawn(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4), "2X·A·Aᵀ"),
    ("ij,jk->ki", (2, 3), (3, 4), "2X·A·Aᵀ"),
    ("ij,kj->ik", (2, 3), (4, 3), "2X·Aᵀ·A"),
    ("ji,jk->ik", (3, 2), (3, 4), "2A·Aᵀ·X"),
    ("ij,j->i", (2, 3), (3,), "2X·A·Aᵀ"),
    ("ij,i->j", (2, 3), (2,), "2A·(Xᵀ·A)ᵀ"),
    ("i,i->", (3,), (3,), "2Xᵀ·A·A"),
    ("i,j->ij", (3,), (2,), "2X·Aᵀ·A"),
    ("ij,ij->", (2, 3), (2, 3), "2·(∑ X ⊙ A)·A"),
    ("ij,ji->", (2, 3), (3, 2), "2·(∑ X ⊙ Aᵀ)·Aᵀ"),
    ("ij,ij->ij", (2, 3), (2, 3), "2·(X ⊙ A ⊙ A)"),
    ("ij,ij->i", (2, 3), (2, 3), "2·(((X ⊙ A)·𝟏·𝟏ᵀ) ⊙ A)"),
    ("ij,i->ij", (2, 3), (2,), "2·(X ⊙ (A²·𝟏ᵀ))"),
    ("ij,j->ij", (2, 3), (3,), "2·(X ⊙ (𝟏·(A²)ᵀ))"),
    ("j,ij->ij", (3,), (2, 3), None),
    ("ij,->ij", (2, 3), (), None),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2), None),
]


@pytest.mark.parametrize(("subscripts", "x", "a", "wanted"), EINSUMS)
def test_an_einsum_of_matrices(subscripts: str, x: Any, a: Any, wanted: str | None) -> None:
    values = {"X": drawn(*x), "A": np.array(drawn(*a))}
    text = f"sum(einsum('{subscripts}', X, A)**2)"
    derivation = tidu.derive(text, wrt="X", values=values)
    assert wanted is None or str(derivation) == f"∂L/∂X = {wanted}"
    assert all(finding.agrees for finding in derivation.verify())
    as_written = tidu.derive(text, wrt="X", values=values, as_written=True)
    one, other = (d.evaluate().gradients["X"] for d in (derivation, as_written))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("subscripts", "others", "wanted"),
    [
        ("ij->ji", {}, "2X"),
        ("ij->i", {}, "2X·𝟏·𝟏ᵀ"),
        ("ii->", {}, "2·tr(X)·I"),
        ("ij,jk,kl->il", {"A": (3, 3), "B": (3, 3)}, "2X·A·B·Bᵀ·Aᵀ"),
        ("ij,jk,ki->", {"A": (3, 3), "B": (3, 3)}, "2·(∑ (X·A) ⊙ Bᵀ)·Bᵀ·Aᵀ"),
    ],
)
def test_einsums_of_one_and_of_three(subscripts: str, others: Any, wanted: str) -> None:
    names = ", ".join(["X", *others])
    text = f"sum(einsum('{subscripts}', {names})**2)"
    derivation = tidu.derive(text, wrt="X", shapes={"X": (3, 3), **others})
    assert str(derivation.gradient("X")) == f"∂L/∂X = {wanted}"
    values = {name: drawn(3, 3) for name in ["X", *others]}
    assert all(finding.agrees for finding in derivation.verify(values))


@pytest.mark.parametrize(
    ("text", "shapes", "wanted"),
    [
        (r"\operatorname{tr}(A \otimes X)", {"A": (3, 3), "X": (3, 3)}, "tr(A)·I"),
        ("trace(kron(X, A))", {"A": (2, 2), "X": (3, 3)}, "tr(A)·I"),
        ("trace(kron(A, X))", {"A": ("m", "m"), "X": ("n", "n")}, "tr(A)·I"),
        ("sum(kron(A, X))", {"A": (2, 3), "X": (4, 2)}, "(∑ A)·𝟏·𝟏ᵀ"),
        (r"\log(\det(X+X^T)/2)", {"X": (3, 3)}, "2·(X + Xᵀ)⁻¹"),
        ("log(3 * det(X))", {"X": (3, 3)}, "X⁻ᵀ"),
        ("log(det(X)**2)", {"X": (3, 3)}, "2·X⁻ᵀ"),
        ("log(sqrt(det(X)))", {"X": (3, 3)}, "0.5·X⁻ᵀ"),
        ("log(abs(det(X)))", {"X": (3, 3)}, "X⁻ᵀ"),
        ("sum(outer(X, X) * A)", {"X": (3,), "A": (3, 3)}, "(A + Aᵀ)·X"),
        (r"\operatorname{tr}(X^{-1} (0.5 I))", {"X": (3, 3)}, "−0.5·X⁻ᵀ·X⁻ᵀ"),
        ("X**(a + 1)", {"X": (), "a": ()}, "(a + 1)·Xᵃ"),
        ("X**(a + 2)", {"X": (), "a": ()}, "(a + 2)·Xᵃ⁺¹"),
        ("X**(1 - a)", {"X": (), "a": ()}, "(1 − a)·X⁻ᵃ"),
        ("X**a", {"X": (), "a": ()}, "a·Xᵃ⁻¹"),
        ("median(X)", {"X": (5,)}, "median′(X)"),
        ("quantile(X, 0.3)", {"X": (5,)}, "quantile_0.3′(X)"),
        ("sum(sort(X) * c)", {"X": (5,), "c": (5,)}, "c[rank(X)]"),
        ("X[argmax(X)]", {"X": (5,)}, "onehot(argmax(X))"),
        ("X[2]**2", {"X": (5,)}, "2·X[3]·e₃"),
    ],
)
def test_a_closed_form_is_the_textbooks(text: str, shapes: Any, wanted: str) -> None:
    derivation = tidu.derive(text, wrt="X", shapes=shapes)
    assert str(derivation) == f"∂L/∂X = {wanted}"
    sizes: dict[Any, int] = {"m": 2, "n": 3}
    values = {
        name: _regular([sizes.get(dim, dim) for dim in shape]) for name, shape in shapes.items()
    }
    assert all(finding.agrees for finding in derivation.verify(values))


def _regular(shape: list[Any]) -> Any:
    """Return positive numbers; a square matrix has a positive determinant."""
    if len(shape) == 2 and shape[0] == shape[1]:
        return 3 * np.eye(shape[0]) + 0.3 * drawn(*shape)
    return np.abs(np.array(drawn(*shape))) + 0.5


def test_an_inverse_has_no_identity_beside_it() -> None:
    text = r"\text{trace}((aI+bXX^T)^{-1}(aI+XX^T))"
    shown = str(tidu.derive(text, wrt="X", shapes={"X": (3, 2), "a": (), "b": ()}))
    assert "⁻ᵀ" not in shown
    assert "⁻¹·I" not in shown


# ------------------------------------------------------------------ loops
def squares(x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] ** 2
    return total


def over_elements(x: Any) -> Any:
    total = 0.0
    for element in x:
        total += element * element
    return total


def differences(x: Any) -> Any:
    total = 0.0
    for i in range(5):
        total += (x[i] - 2) ** 2
    return total / 5


def backwards(x: Any) -> Any:
    total = 0.0
    for i in reversed(range(5)):
        total += np.exp(x[i]) / 2
    return total


def from_the_mean(x: Any) -> Any:
    mean = np.mean(x)
    total = 0.0
    for i in range(5):
        total += (x[i] - mean) ** 2
    return total


LOOPS: list[tuple[Callable[..., Any], str]] = [
    (squares, "2x"),
    (over_elements, "2x"),
    (differences, "0.4·(x − 2)"),
    (backwards, "0.5eˣ"),
    (from_the_mean, ""),
]


@pytest.mark.parametrize(("loss", "wanted"), LOOPS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_loop_over_elements_is_a_vector(loss: Callable[..., Any], wanted: str) -> None:
    x = drawn(5)
    derivation = tidu.derive(loss, wrt="x", values={"x": x})
    shown = str(derivation).partition(" = ")[2]
    assert shown == wanted or (not wanted and "e₃" not in shown), shown
    tidu.check_grad(loss, tidu.grad(loss), x)


def test_a_loop_over_rows_is_a_matrix_product() -> None:
    def loss(w: Any, X: Any, y: Any) -> Any:
        total = 0.0
        for i in range(len(y)):
            z = np.dot(w, X[i])
            p = 1 / (1 + np.exp(-z))
            total -= y[i] * np.log(p) + (1 - y[i]) * np.log(1 - p)
        return total

    values = {"w": drawn(2), "X": drawn(4, 2), "y": np.array([0.0, 1.0, 1.0, 0.0])}
    derivation = tidu.derive(loss, wrt="w", values=values)
    assert str(derivation).endswith("= Xᵀ·(σ(X·w) − y)")
    wanted = values["X"].T @ (1 / (1 + np.exp(-values["X"] @ values["w"])) - values["y"])
    np.testing.assert_allclose(derivation.evaluate().gradients["w"], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: sum((x[i] - x[i - 1]) ** 2 for i in range(1, 5)),
        lambda x: sum((i + 1) * x[i] ** 2 for i in range(5)),
        lambda x: sum(x[i] ** 2 for i in range(3)),
        lambda x: sum(x[i] * x[4 - i] for i in range(5)),
        lambda x: sum(x[i] * x[0] for i in range(5)),
        lambda x: sum(x[i] ** 2 for i in range(5)) ** 2,
    ],
)
def test_what_differs_from_term_to_term_stays_apart(loss: Callable[..., Any]) -> None:
    tidu.check_grad(loss, tidu.grad(loss), drawn(5))
