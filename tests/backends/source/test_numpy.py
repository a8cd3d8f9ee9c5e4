"""Exported NumPy files stand alone and calculate what tidu calculates."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.source.programs import (
    PROGRAMS,
    STUDIES,
    Program,
    agree,
    in_python,
    op_programs,
    run_numpy,
)
from tests.records import Record, records
from tidu.api.studies import study_derivations
from tidu.errors import InputError

OPS = [op for op in records().values() if op.samples is not None]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")  # of single precision
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_is_exported_and_agrees(op: Record, dtype: str) -> None:
    for derivation, values in op_programs(op, dtype):
        found = run_numpy(derivation.to_numpy("en"), values)
        agree(derivation, found, values, 1e-11 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_agree(program: Program) -> None:
    derivation = program.derive()
    values = {name: program.values[name] for name in derivation.graph.inputs}
    agree(derivation, run_numpy(derivation.to_numpy("zh"), values), values)


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_studies_agree(study: Path) -> None:
    for derivation in study_derivations(study).values():
        if not derivation.has_numbers():
            continue
        values = {name: derivation.values[name] for name in derivation.graph.inputs}
        agree(derivation, run_numpy(derivation.to_numpy(), values), values)


def test_it_imports_numpy_alone_and_runs_without_tidu() -> None:
    text = PROGRAMS[0].derive().to_numpy("en")
    imported = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imported] == ["import numpy as np"]
    call = "print(sorted(gradients(*[np.ones(s) for s in [(3,4),4,(4,2),2,(5,3),(5,2)]])))"
    assert in_python(f"{text}\n{call}") == "['W1', 'W2', 'b1', 'b2']\n"


def test_each_intermediate_is_calculated_once() -> None:
    text = PROGRAMS[0].derive().to_numpy("en")
    assert text.count("np.tanh(") == 1
    assert text.count("X @ W1") == 1
    assert text.count("- y") == 1


def test_the_derivation_stands_in_comments() -> None:
    text = PROGRAMS[0].derive().to_numpy("en")
    assert "    # h = tanh(X·W₁ + 𝟏·b₁ᵀ)  (5, 4)\n" in text
    assert "    # ∂L/∂W₂ = hᵀ·δ_z  (4, 2)\n    #   rule: derivative of a matrix product (" in text
    assert "规则：" in PROGRAMS[0].derive().to_numpy("zh")


def least_squares() -> str:
    shapes = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
    return tidu.derive("mean((X @ w - y)**2)", wrt="w", shapes=shapes).to_numpy("en")


def test_named_sizes_are_read_from_the_arguments() -> None:
    text = least_squares()
    assert "    n, d = X.shape\n" in text
    rng = np.random.default_rng(0)
    for n, d in ((5, 2), (3, 4)):
        X, w, y = rng.standard_normal((n, d)), rng.standard_normal(d), rng.standard_normal(n)
        value, gradients = run_numpy(text, {"X": X, "w": w, "y": y})
        assert value == pytest.approx(np.mean((X @ w - y) ** 2), rel=1e-14)
        np.testing.assert_allclose(gradients["w"], 2 / n * X.T @ (X @ w - y), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0], [1.0]), "X has shape (2,); expected 2 axes"),
        (([[1.0, 2.0]], [1.0], [1.0]), "w has shape (1,); expected (2,)"),
        (([[1.0, 2.0]], [1.0, 2.0], [1.0, 2.0]), "y has shape (2,); expected (1,)"),
    ],
)
def test_wrong_shapes_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        run_numpy(least_squares(), dict(zip("Xwy", arguments, strict=True)))
    assert str(caught.value) == message


def test_a_gradient_is_memory_of_its_own() -> None:
    """d(xy)/dx is y, and a sum has the gradient 1 everywhere: both are arrays to write into."""
    text = tidu.derive(
        "sum(x * y) + sum(z)", wrt="x,y,z", shapes=dict.fromkeys("xyz", 3)
    ).to_numpy()
    x, y, z = np.ones(3), np.full(3, 2.0), np.zeros(3)
    _, gradients = run_numpy(text, {"x": x, "y": y, "z": z})
    for name in gradients:
        gradients[name] += 1.0
    assert (x.tolist(), y.tolist(), z.tolist()) == ([1.0] * 3, [2.0] * 3, [0.0] * 3)


def test_a_branch_of_the_traced_program_is_checked() -> None:
    def loss(x: Any) -> Any:
        return np.sum(x**2) if np.sum(x) > 0 else np.sum(x)

    text = tidu.derive(loss, "x", x=np.ones(2)).to_numpy("en")
    assert run_numpy(text, {"x": np.ones(2)})[0] == 2.0
    with pytest.raises(ValueError, match="another branch"):
        run_numpy(text, {"x": -np.ones(2)})


def test_indices_must_be_whole_numbers() -> None:
    program = next(p for p in PROGRAMS if p.name == "cross_entropy")
    derivation = program.derive()
    values = {name: program.values[name] for name in derivation.graph.inputs}
    with pytest.raises(ValueError, match="whole numbers"):
        run_numpy(derivation.to_numpy(), {**values, "y": [0.5, 1, 1, 1, 0]})


def test_the_graph_that_runs_is_the_one_exported() -> None:
    """Softmax as written overflows at 1000; the file has the stable form, and says so."""
    loss = "-sum(y * log(exp(z) / sum(exp(z))))"
    text = tidu.derive(loss, wrt="z", shapes={"z": 3, "y": 3}).to_numpy("en")
    value, gradients = run_numpy(text, {"z": [1000.0, 0.0, -1000.0], "y": [0.0, 1.0, 0.0]})
    assert value == 1000.0
    np.testing.assert_allclose(gradients["z"], [1.0, -1.0, 0.0])
    assert "# As run: softmax(z) for eᶻ/(∑ eᶻ)" in text


def test_names_that_python_or_the_file_need_are_changed() -> None:
    text = tidu.derive(
        "sum(np * lambda_ + loss)", wrt="np", shapes={"np": 2, "lambda_": 2, "loss": 2}
    )
    value, gradients = run_numpy(
        text.to_numpy(), {"np": [1.0, 2], "lambda_": [3.0, 4], "loss": [0, 0]}
    )
    assert value == 11.0
    assert gradients["np"].tolist() == [3.0, 4.0]


def test_what_no_file_can_hold_is_refused() -> None:
    shapes = {"x": 2}
    declared = tidu.derive("sum(f(x))", wrt="x", shapes=shapes, functions={"f": None})
    with pytest.raises(InputError, match="f cannot be exported to NumPy: it was declared without"):
        declared.to_numpy("en")
    given = tidu.derive("sum(f(x))", wrt="x", shapes=shapes, functions={"f": "tanh(t)"})
    assert run_numpy(given.to_numpy(), {"x": [0.5, 0.0]})[0] == pytest.approx(np.tanh(0.5))
    large = np.arange(200_000.0)
    with pytest.raises(InputError, match="200000 numbers"):
        tidu.derive(lambda x: np.sum(x * large), "x", x=large).to_numpy("en")


def test_a_determinant_that_is_zero_has_its_cofactors() -> None:
    A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    shapes = {"A": ("n", "n")}
    text = tidu.derive("det(A)", wrt="A", shapes=shapes).to_numpy()
    _, found = run_numpy(text, {"A": A})
    cofactors = [[4.0, 4.0, -4.0], [-2.0, -2.0, 2.0], [0.0, 0.0, 0.0]]  # by hand
    np.testing.assert_allclose(found["A"], cofactors, atol=1e-14)
