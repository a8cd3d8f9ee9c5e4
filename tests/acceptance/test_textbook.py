"""Gradients as textbooks print them: the forms themselves, and how long the printed formulas are.

The length of a formula counts one for each character and for each macro; spaces, braces and the
sizes of brackets are no part of it. The record of an identity says how its source prints it.
"""

from __future__ import annotations

import re
from statistics import median
from typing import Any

import numpy as np
import pytest

import tidu
from tests.acceptance.reference import environment, records
from tidu.errors import InputError, ShapeError, UnknownNameError

CORE = [r for r in records("identities.jsonl") if r["kind"] == "grad" and r["tier"] == "core"]
# What a record's way of drawing a variable says of it.
DECLARED = {
    "symmetric": "symmetric",
    "spd": "positive definite",
    "onehot": "one-hot",
    "simplex": "rows sum to 1",
}

TARGETS = [
    ("sum((X @ w - y)**2)", {"X": (5, 3), "w": 3, "y": 5}, "w", "2Xᵀ·(X·w − y)"),
    ("(A @ x - b) @ (A @ x - b)", {"A": (5, 3), "x": 3, "b": 5}, "x", "2Aᵀ·(A·x − b)"),
    ("norm(A @ x - b)**2", {"A": (5, 3), "x": 3, "b": 5}, "x", "2Aᵀ·(A·x − b)"),
    (
        "-sum(y * log(sigmoid(X @ w)) + (1 - y) * log(1 - sigmoid(X @ w)))",
        {"X": (5, 3), "w": 3, "y": 5},
        "w",
        "Xᵀ·(σ(X·w) − y)",
    ),
    ("log(det(X))", {"X": (3, 3)}, "X", "X⁻ᵀ"),
    ("trace(A @ X @ B)", {"A": (2, 3), "X": (3, 4), "B": (4, 2)}, "X", "Aᵀ·Bᵀ"),
    ("x @ A @ x", {"x": 3, "A": (3, 3)}, "x", "(A + Aᵀ)·x"),
    ("sum(inv(X) * G)", {"X": (3, 3), "G": (3, 3)}, "X", "−X⁻ᵀ·G·X⁻ᵀ"),
    ("sum(log(cosh(x)))", {"x": 4}, "x", "tanh(x)"),
    ("sum(A @ x)", {"A": ("n", "d"), "x": "d"}, "A", "𝟏·xᵀ"),
    ("sum(A.T @ y)", {"A": ("n", "d"), "y": "n"}, "A", "y·𝟏ᵀ"),
    ("sum(x - mean(x))", {"x": "n"}, "x", "0"),
    ("sum(maximum(x, x))", {"x": 3}, "x", "𝟏"),
    ("sum(maximum(x, y))", {"x": 3, "y": 3}, "x", "[x > y]"),
    ("sum(relu(x))", {"x": 3}, "x", "relu′(x)"),
    ("sum(A * X * X)", {"A": (2, 3), "X": (2, 3)}, "X", "2·(A ⊙ X)"),
]


@pytest.mark.parametrize(("loss", "shapes", "wrt", "wanted"), TARGETS)
def test_a_closed_form_is_the_textbooks(loss: str, shapes: Any, wrt: str, wanted: str) -> None:
    d = tidu.derive(loss, wrt=[wrt], shapes=shapes)
    assert str(d.gradient(wrt)) == f"∂L/∂{wrt} = {wanted}"


@pytest.mark.parametrize(
    ("tie", "wanted"), [(0, "[x > y]"), (1, "[x ≥ y]"), (0.25, "[x > y] + 0.25·[x = y]")]
)
def test_the_share_of_a_tie_is_printed(tie: float, wanted: str) -> None:
    shapes = {"x": 3, "y": 3}
    d = tidu.derive("sum(maximum(x, y))", wrt="x", shapes=shapes, kinks={"maximum": tie})
    assert str(d.gradient("x")) == f"∂L/∂x = {wanted}"


def test_softmax_cross_entropy_is_p_minus_y_where_y_sums_to_one() -> None:
    loss = "z = X @ W\np = softmax(z, axis=1)\nL = -sum(Y * log(p))"
    shapes = {"X": (5, 3), "W": (3, 4), "Y": (5, 4)}
    d = tidu.derive(loss, wrt=["W"], shapes=shapes, assume={"Y": "one-hot"})
    assert str(d.gradient("W")) == "∂L/∂W = Xᵀ·(p − Y)"
    free = str(tidu.derive(loss, wrt=["W"], shapes=shapes).gradient("W"))
    assert free != "∂L/∂W = Xᵀ·(p − Y)"  # nothing is taken for granted


def test_a_declared_symmetry_is_used() -> None:
    loss, shapes = "0.5 * x @ A @ x - b @ x", {"x": 3, "A": (3, 3), "b": 3}
    for declared in ("symmetric", "positive definite", "diagonal"):
        d = tidu.derive(loss, wrt=["x"], shapes=shapes, assume={"A": declared})
        assert str(d.gradient("x")) == "∂L/∂x = A·x − b"


def test_symmetry_is_seen_where_it_follows() -> None:
    d = tidu.derive("log(det(X.T @ X))", wrt=["X"], shapes={"X": (5, 3)})
    assert str(d.gradient("X")) == "∂L/∂X = 2X·(Xᵀ·X)⁻¹"


# ------------------------------------------------------------------ declared properties
def test_a_declaration_changes_no_number_where_it_holds() -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal((4, 4))
    values = {"A": a + a.T, "X": rng.standard_normal((4, 4)), "x": rng.standard_normal(4)}
    loss = "sum((X.T @ A @ X - A)**2) + x @ A @ A @ x"
    plain = tidu.derive(loss, wrt=["A", "X", "x"], values=values)
    told = tidu.derive(loss, wrt=["A", "X", "x"], values=values, assume={"A": "symmetric"})
    for name in ("A", "X", "x"):
        np.testing.assert_allclose(
            told.evaluate().gradients[name], plain.evaluate().gradients[name], rtol=1e-12
        )
        assert len(str(told.gradient(name))) <= len(str(plain.gradient(name)))
    assert all(finding.agrees for finding in told.verify())


@pytest.mark.parametrize(
    ("assume", "error"),
    [
        ({"B": "symmetric"}, UnknownNameError),
        ({"A": "symetric"}, UnknownNameError),
        ({"x": "symmetric"}, ShapeError),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(assume: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        tidu.derive("x @ A @ x", wrt=["x"], shapes={"x": 3, "A": (3, 3)}, assume=assume)
    assert next(iter(assume)) in refused.value.text("zh")


def test_a_value_that_breaks_the_declaration_is_refused() -> None:
    values = {"x": np.ones(2), "A": np.array([[1.0, 2.0], [0.0, 1.0]])}
    with pytest.raises(InputError, match="A was declared to be symmetric"):
        tidu.derive("x @ A @ x", wrt=["x"], values=values, assume={"A": "symmetric"})


def test_a_declared_parameter_is_not_trained() -> None:
    shapes = {"x": 3, "A": (3, 3)}
    d = tidu.derive("x @ A @ x", wrt=["A"], shapes=shapes, assume={"A": "symmetric"})
    with pytest.raises(InputError, match="assumed"):
        tidu.descend(d, {"A": np.eye(3)}, x=np.ones(3), steps=2, lr=0.1)


# ------------------------------------------------------------------ length
def length(tex: str) -> int:
    tex = re.sub(r"\\(left|right|[bB]igg?[lr]?)(?![A-Za-z])\.?", "", tex)
    tex = re.sub(r"\\[,;:! ]|\\(q?quad|thinspace)(?![A-Za-z])", "", tex)
    tex = re.sub(r"\\mathbf\{1\}", "1", tex)  # one sign
    tex = re.sub(r"\\[A-Za-z]+\*?|\\.", "M", tex)
    return len(re.sub(r"[\s{}_^]", "", tex))  # what is printed; where it stands is no sign


def shortest(record: dict[str, Any], writings: tuple[Any, ...]) -> int:
    values, wrt = environment(record, 0), record["wrt"]
    kinds = record.get("domain", {})
    assume = {name: DECLARED[kind] for name, kind in kinds.items() if kind in DECLARED}
    found: list[int] = []
    for text in [record["expr"], *([record["prog"]] if "prog" in record else [])]:
        d = tidu.derive(text, wrt=[wrt], values=values, assume=assume)
        found += [length(d.gradient(wrt, writing).latex()) for writing in writings]
    return min(found)


def test_formulas_are_as_short_as_the_textbooks() -> None:
    ratios = [shortest(r, (None, "delta", "chain")) / length(r["tex"]) for r in CORE]
    assert len(ratios) >= 60
    assert np.mean([ratio <= 1.5 for ratio in ratios]) >= 0.95
    assert median(ratios) <= 1.1


def test_closed_forms_without_deltas_are_short_as_well() -> None:
    ratios = [shortest(r, (None,)) / length(r["tex"]) for r in CORE]
    assert median(ratios) <= 1.1


def test_the_numpy_function_of_a_gradient_reads_its_sizes() -> None:
    d = tidu.derive("sum(A @ x)", wrt="A", shapes={"A": ("n", "d"), "x": "d"})
    scope: dict[str, Any] = {}
    exec(d.gradient("A").numpy(), scope)  # noqa: S102
    found = scope["gradient_A"](np.ones((3, 2)), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, np.outer(np.ones(3), [1.0, 2.0]))


def test_a_quotient_by_zero_stays_as_it_is_written() -> None:
    d = tidu.derive("sum(y * x) / sum(x - x)", wrt="y", shapes={"x": 3, "y": 3})
    assert "∞" not in str(d.gradient("y"))
