"""PyTorch's names of linear algebra give NumPy's values; differences confirm the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

A3 = np.random.default_rng(20).standard_normal((3, 3))


def matrix_exponential(a: Any) -> Any:
    """Its series, halved often enough and squared back."""
    term = total = np.eye(len(a))
    for k in range(1, 20):
        term = term @ a / 2**6 / k
        total = total + term
    return np.linalg.matrix_power(total, 2**6)


TORCH: list[tuple[str, Callable[[Any], Any]]] = [
    ("torch.linalg.norm(A, 1)", lambda a: np.linalg.norm(a, 1)),
    ("torch.norm(A, 1)", lambda a: np.sum(np.abs(a))),
    ("torch.norm(A, p=3)", lambda a: np.linalg.vector_norm(a, ord=3)),
    ("torch.norm(A, 'nuc')", lambda a: np.linalg.norm(a, "nuc")),
    ("torch.linalg.vector_norm(A, 3)", lambda a: np.linalg.vector_norm(a, ord=3)),
    ("torch.linalg.matrix_norm(A, 2)", lambda a: np.linalg.norm(a, 2)),
    ("torch.sum(torch.linalg.eigvalsh(A, UPLO='U'))", lambda a: np.sum(np.linalg.eigvalsh(a, "U"))),
    ("torch.sum(torch.linalg.svdvals(A))", lambda a: np.linalg.norm(a, "nuc")),
    ("torch.sum(torch.linalg.diagonal(A, offset=1))", lambda a: np.trace(a, 1)),
    ("torch.sum(torch.linalg.multi_dot([A, A, A]))", lambda a: np.sum(a @ a @ a)),
    ("torch.sum(torch.linalg.pinv(A))", lambda a: np.sum(np.linalg.inv(a))),
    ("torch.sum(torch.linalg.lstsq(A, A @ A)[0])", np.sum),
    ("torch.linalg.cond(A)", np.linalg.cond),
    ("torch.sum(torch.linalg.solve(A, A @ A, left=False))", np.sum),
    (
        "torch.sum(torch.linalg.solve(A[None], A[None, 0]))",
        lambda a: np.sum(np.linalg.solve(a, a[0])),
    ),
    ("torch.linalg.matrix_exp(A)[0, 0]", lambda a: matrix_exponential(a)[0, 0]),
    (
        "torch.sum(torch.linalg.solve_triangular(A, A, upper=True))",
        lambda a: np.sum(np.linalg.solve(np.triu(a), a)),
    ),
]


@pytest.mark.parametrize(("text", "meaning"), TORCH)
def test_pytorchs_names_give_the_same_values(text: str, meaning: Callable[[Any], Any]) -> None:
    derived = tidu.derive(text, wrt=["A"], values={"A": A3})
    assert float(derived.evaluate().value) == pytest.approx(float(meaning(A3)))
    (finding,) = derived.verify()
    assert finding.kind == "agrees"
