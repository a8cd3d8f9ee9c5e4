"""Published matrix identities, through the text door and as NumPy functions.

Each record states a loss, how to draw its variables, and the closed form of its derivative. tidu reads
the loss; the closed form is evaluated by NumPy, and the loss is differenced as well, so that neither
the record nor tidu is taken at its word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.acceptance.reference import (
    differences,
    distance,
    environment,
    numpy_function,
    numpy_value,
    records,
)

import tidu
from tidu.errors import ShapeError, UnknownNameError

Record = dict[str, Any]


def own(loss: str, wrt: str, grad: str, shapes: dict[str, list[int]], **domain: str) -> Record:
    return {"id": loss, "expr": loss, "wrt": wrt, "grad": grad, "vars": shapes, "domain": domain}


V = {"a": [4], "b": [3]}
# Chosen here, after the Matrix Cookbook and textbooks of statistics and learning; none is in the file.
OWN = [
    own("a @ X @ X.T @ b", "X", "np.outer(a, b) @ X + np.outer(b, a) @ X", V | {"b": [4], "X": [4, 3]}),
    own("a @ np.linalg.inv(X) @ b", "X", "-np.linalg.inv(X).T @ np.outer(a, b) @ np.linalg.inv(X).T",
        {"a": [4], "b": [4], "X": [4, 4]}, X="invertible"),
    own("np.log(np.linalg.det(X.T @ X))", "X", "2 * X @ np.linalg.inv(X.T @ X)", {"X": [4, 3]}),
    own("np.trace(A @ X @ B @ X.T @ C)", "X", "A.T @ C.T @ X @ B.T + C @ A @ X @ B",
        {"A": [2, 4], "X": [4, 3], "B": [3, 3], "C": [4, 2]}),
    own("np.trace(np.linalg.inv(X + A))", "X", "-np.linalg.matrix_power(np.linalg.inv(X + A), 2).T",
        {"X": [3, 3], "A": [3, 3]}, X="spd", A="spd"),
    own("np.sum((A @ X - B @ X.T) ** 2)", "X",
        "2 * A.T @ (A @ X - B @ X.T) - 2 * (A @ X - B @ X.T).T @ B",
        {"A": [2, 3], "X": [3, 3], "B": [2, 3]}),
    own("(x - A @ s) @ W @ (x - A @ s)", "A", "-(W + W.T) @ np.outer(x - A @ s, s)",
        {"x": [4], "A": [4, 3], "s": [3], "W": [4, 4]}),
    own("x @ A @ x / (x @ x)", "x", "((A + A.T) @ x - 2 * (x @ A @ x) / (x @ x) * x) / (x @ x)",
        {"x": [4], "A": [4, 4]}),
    own("np.linalg.norm(A @ x - b)", "x", "A.T @ (A @ x - b) / np.linalg.norm(A @ x - b)",
        {"A": [4, 3], "x": [3], "b": [4]}),
    own("np.log(np.sum(np.exp(A @ x)))", "x",
        "A.T @ (np.exp(A @ x) / np.sum(np.exp(A @ x)))", {"A": [5, 3], "x": [3]}),
    own("np.mean(np.log(1 + np.exp(-t * (X @ w)))) + 0.5 * np.sum(w ** 2)", "w",
        "-X.T @ (t / (1 + np.exp(t * (X @ w)))) / 6 + w", {"X": [6, 3], "w": [3], "t": [6]}, t="pm1"),
    own("np.sum((np.sum(X * X, axis=1) - 1) ** 2)", "X",
        "4 * (np.sum(X * X, axis=1, keepdims=True) - 1) * X", {"X": [4, 3]}),
    own("np.sum(np.var(X, axis=0))", "X", "2 * (X - np.mean(X, axis=0)) / 5", {"X": [5, 3]}),
    own("np.sum((X - np.mean(X, axis=0)) ** 2)", "X", "2 * (X - np.mean(X, axis=0))", {"X": [5, 3]}),
    own("np.sum(np.tanh(X @ W) @ v)", "W", "X.T @ ((1 - np.tanh(X @ W) ** 2) * v)",
        {"X": [5, 3], "W": [3, 4], "v": [4]}),
    own("np.sum(np.diag(X) ** 3)", "X", "np.diag(3 * np.diag(X) ** 2)", {"X": [4, 4]}),
    own("np.sum(np.diag(x) @ A)", "x", "np.sum(A, axis=1)", {"x": [4], "A": [4, 3]}),
    own("np.sum(np.outer(x, x) * A)", "x", "(A + A.T) @ x", {"x": [4], "A": [4, 4]}),
    own("np.linalg.slogdet(X)[1] - np.trace(S @ X)", "X", "np.linalg.inv(X).T - S.T",
        {"X": [3, 3], "S": [3, 3]}, X="spd", S="spd"),
    own("np.sum(np.linalg.solve(A, b) ** 2)", "b", "2 * np.linalg.solve(A.T, np.linalg.solve(A, b))",
        {"A": [4, 4], "b": [4]}, A="invertible"),
    own("np.sum(np.linalg.solve(A, b) ** 2)", "A",
        "-2 * np.outer(np.linalg.solve(A.T, np.linalg.solve(A, b)), np.linalg.solve(A, b))",
        {"A": [4, 4], "b": [4]}, A="invertible"),
    own("np.sum(p * (np.log(p) - np.log(q)))", "p", "np.log(p) - np.log(q) + 1",
        {"p": [5], "q": [5]}, p="simplex", q="simplex"),
    own("np.sum(np.sqrt(1 + (x - y) ** 2))", "x", "(x - y) / np.sqrt(1 + (x - y) ** 2)",
        {"x": [5], "y": [5]}),
    own("(x @ y) / (np.linalg.norm(x) * np.linalg.norm(y))", "x",
        "(y - (x @ y) / (x @ x) * x) / (np.linalg.norm(x) * np.linalg.norm(y))", {"x": [4], "y": [4]}),
    own("np.sum(np.maximum(0, 1 - t * (X @ w)))", "w", "-X.T @ (t * (t * (X @ w) < 1))",
        {"X": [6, 3], "w": [3], "t": [6]}, t="pm1"),
    own("np.sum(x[1:] * x[:-1])", "x",
        "np.concatenate([x[1:], [0.0]]) + np.concatenate([[0.0], x[:-1]])", {"x": [6]}),
    own("np.sum(E[t] @ w)", "E", "np.eye(5)[t].sum(axis=0)[:, None] * w", {"E": [5, 3], "t": [7], "w": [3]},
        t="int:5"),
    own("np.sum((A @ B - C) ** 2)", "A", "2 * (A @ B - C) @ np.swapaxes(B, -1, -2)",
        {"A": [2, 3, 4], "B": [2, 4, 2], "C": [2, 3, 2]}),
    own("np.einsum('i,ijk,k,j->', x, T, y, v)", "x", "np.einsum('ijk,k,j->i', T, y, v)",
        {"x": [2], "T": [2, 3, 4], "y": [4], "v": [3]}),
    own("X.reshape(-1) @ a", "X", "a.reshape(4, 3)", {"X": [4, 3], "a": [12]}),
    own("np.sum(np.cumsum(x) ** 2)", "x", "2 * np.cumsum(np.cumsum(x)[::-1])[::-1]", {"x": [4]}),
]  # fmt: skip

FILE = records("identities.jsonl")
GRADIENTS = [r for r in FILE if r["kind"] == "grad"]
CASES = [pytest.param(r, id=r["id"]) for r in [*GRADIENTS, *OWN]]
CORE = sum(r["tier"] == "core" for r in GRADIENTS)


def test_the_file_is_all_there() -> None:
    assert len(FILE) == 113
    assert len(OWN) >= 25
    assert CORE >= 60


@pytest.mark.parametrize("record", CASES)
def test_as_text(record: Record) -> None:
    """The expression and, where there is one, the program of several lines; a gradient has its
    parameter's shape."""
    for seed in range(3):
        values = environment(record, seed)
        expected = numpy_value(record["grad"], values)
        for spelling in [record["expr"], *([record["prog"]] if "prog" in record else [])]:
            found = tidu.derive(spelling, wrt=[record["wrt"]], values=values).evaluate()
            gradient = found.gradients[record["wrt"]]
            assert gradient.shape == np.shape(values[record["wrt"]])
            assert distance(gradient, expected) < 1e-9
            assert distance(found.value, numpy_value(record["expr"], values)) < 1e-12


@pytest.mark.parametrize("record", CASES)
def test_as_a_numpy_function(record: Record) -> None:
    values = environment(record, 11)
    names = list(values)
    expected = numpy_value(record["grad"], values)
    for spelling in [record["expr"], *([record["prog"]] if "prog" in record else [])]:
        function = numpy_function(spelling, names)
        value, gradient = tidu.value_and_grad(function, names.index(record["wrt"]))(
            *values.values()
        )
        assert np.shape(gradient) == np.shape(values[record["wrt"]])
        assert distance(gradient, expected) < 1e-9
        assert distance(value, function(*values.values())) < 1e-12


@pytest.mark.parametrize("record", CASES)
def test_the_closed_forms_are_slopes(record: Record) -> None:
    """Neither tidu nor the record is trusted: differences of the loss decide."""
    values = environment(record, 5)

    def loss(x: Any) -> Any:
        return numpy_value(record["expr"], {**values, record["wrt"]: x})

    slopes = differences(loss, values[record["wrt"]])
    assert distance(numpy_value(record["grad"], values), slopes) < 1e-6


@pytest.mark.parametrize(
    "record", [pytest.param(r, id=r["id"]) for r in FILE if r["kind"] != "grad"]
)
def test_other_kinds_are_refused_or_right(record: Record) -> None:
    """A vector has no gradient, and its shape is said; of a Hessian's loss the gradient is a slope."""
    values = environment(record, 2)
    if record["kind"] == "jacobian":
        with pytest.raises(ShapeError, match=r"one element"):
            tidu.derive(record["expr"], wrt=[record["wrt"]], values=values)
        return

    def loss(x: Any) -> Any:
        return numpy_value(record["expr"], {**values, record["wrt"]: x})

    found = tidu.derive(record["expr"], wrt=[record["wrt"]], values=values).evaluate()
    slopes = differences(loss, values[record["wrt"]])
    assert distance(found.gradients[record["wrt"]], slopes) < 1e-6


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("np.sum(np.correlate(x, w, mode='valid') ** 2)", "correlate"),
        ("np.sum(np.linalg.svd(np.outer(x, w))[1])", "svd"),
        ("np.sum(np.linalg.eigvalsh(np.outer(x, x)))", "eigvalsh"),
        ("np.sum(np.convolve(x, w))", "convolve"),
        ("np.median(x) * np.sum(w)", "median"),
        ("np.sum(scipy.special.erf(x)) + np.sum(w)", "scipy"),
    ],
)
def test_what_is_outside_the_op_list_is_refused_by_name(expression: str, name: str) -> None:
    values = {"x": np.arange(1.0, 6.0), "w": np.ones(3)}
    with pytest.raises(UnknownNameError) as refused:
        tidu.derive(expression, wrt=["x"], values=values)
    for language in ("en", "zh"):
        assert name in refused.value.text(language)
