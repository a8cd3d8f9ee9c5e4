"""How formulas are read: each is echoed in plain NumPy, and the echo means the same.

The echo is compared with what a reader of the formula would write, and is then read by itself, by
the plain spelling: both graphs have the same value.
"""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

import ast

import numpy as np
import pytest

import tidu
from tests.text.evaluate import value_of
from tidu.text.read import read

SHAPES = {
    "A": (3, 4), "x": (4,), "b": (3,), "X": (5, 4), "w": (4,), "y": (5,), "s": (), "S": (4, 4),
    "v": (4,), "λ": (), "W1": (2, 3), "c": (4, 1), "Σ": (4, 4), "B": (3, 4), "G": (4, 3),
}  # fmt: skip

READINGS = [
    # norms and transposes
    ("||A x - b||^2", "sum((A @ x - b) ** 2)"),
    ("‖Ax − b‖²", "sum((A @ x - b) ** 2)"),
    ("½‖A x − b‖₂² + λ‖x‖₁", "0.5 * sum((A @ x - b) ** 2) + λ * sum(abs(x))"),
    ("1/2 ||A x - b||^2", "1 / 2 * sum((A @ x - b) ** 2)"),
    ("||X||_F^2", "sum(X ** 2)"),
    ("||X||_F", "norm(X)"),
    ("||x||_inf", "max(abs(x))"),
    ("‖x‖_∞", "max(abs(x))"),
    ("||x||_3", "norm(x, 3)"),
    ("||c||", "norm(c)"),
    ("x' S x", "x @ S @ x"),
    ("xᵀSx", "x @ S @ x"),
    ("x^T S x", "x @ S @ x"),
    ("2 A'(A x - b)", "2 * (A.T @ (A @ x - b))"),
    ("XᵀX", "X.T @ X"),
    ("X'X", "X.T @ X"),
    ("x v'", "np.outer(x, v)"),
    ("x'v", "x @ v"),
    ("x·v", "x @ v"),
    ("A v' x", "v @ x * A"),
    ("S⁻¹x", "inv(S) @ x"),
    ("S^-1 x", "inv(S) @ x"),
    ("S⁻ᵀ x", "inv(S).T @ x"),
    ("S^{-T} x", "inv(S).T @ x"),
    ("tr(A'B)", "tr(A.T @ B)"),
    ("ln det(S)", "ln(det(S))"),
    ("Σ⁻¹(x - v)", "inv(Σ) @ (x - v)"),
    # powers and products
    ("x^2", "x ** 2"),
    ("x²", "x ** 2"),
    ("s^-1", "1 / s"),
    ("2x", "2 * x"),
    ("s x", "s * x"),
    ("λ(x + 1)", "λ * (x + 1)"),
    ("2(x + 1)", "2 * (x + 1)"),
    ("x ⊙ v", "x * v"),
    ("x ⊘ v", "x / v"),
    ("x ∘ v", "x * v"),
    ("x ⊗ v", "np.outer(x, v)"),
    ("x ⊙ S", "x[:, None] * S"),
    ("x' ⊙ S", "x * S"),
    ("s × x", "s * x"),
    ("A × G", "A @ G"),
    ("A × B", "A * B"),
    ("e^{-x}", "exp(-x)"),
    ("eˣ", "exp(x)"),
    ("exp{x}", "exp(x)"),
    ("√(x)", "sqrt(x)"),
    ("√2 x", "sqrt(2) * x"),
    ("σ(X w)", "σ(X @ w)"),
    ("|x|", "abs(x)"),
    ("|x - v| ⊙ |v|", "abs(x - v) * abs(v)"),
    ("max(x, 0)^2", "np.maximum(x, 0) ** 2"),
    ("[x > 0] ⊙ x", "where(x > 0, 1.0, 0.0) * x"),
    ("x ≥ 0", "x >= 0"),
    ("{x if x > 0; 0 otherwise}", "where(x > 0, x, 0)"),
    ("{x，当 x > 0 时；0，其他情形}", "where(x > 0, x, 0)"),
    # ones and the identity
    ("1ᵀx", "sum(x)"),
    ("𝟏ᵀ x", "sum(x)"),
    ("X 𝟏", "sum(X, axis=1)"),
    ("X - 𝟏 w'", "X - np.broadcast_to(w, (5, 4))"),
    ("(S + λI)⁻¹ x", "inv(S + λ * eye(4)) @ x"),
    ("(I - 1/5 𝟏𝟏ᵀ) X", "(eye(5) - 1 / 5 * np.broadcast_to(1.0, (5, 5))) @ X"),
    # names, sums and entries
    ("W₁ b", "W1 @ b"),
    ("∑ x", "sum(x)"),
    ("∑ᵢ xᵢ vᵢ", "sum(x * v)"),
    ("∑ᵢ (xᵢ − vᵢ)²", "sum((x - v) ** 2)"),
    ("x₂", "x[1]"),
    ("π s", "pi * s"),
    ("x.sum()^2", "x.sum() ** 2"),
    ("np.sum(x^2)", "np.sum(x ** 2)"),
    # LaTeX
    (r"\frac12 \|Ax-b\|_2^2", "1 / 2 * sum((A @ x - b) ** 2)"),
    (r"\tfrac{1}{2}\left\lVert A x - b\right\rVert^2", "1 / 2 * sum((A @ x - b) ** 2)"),
    (r"x^\top S x", "x @ S @ x"),
    (r"\mathbf{x}^{\intercal}\boldsymbol{S}\mathbf x", "x @ S @ x"),
    (r"X^\top(Xw-y)", "X.T @ (X @ w - y)"),
    (r"\operatorname{tr}(A^\top B)", "tr(A.T @ B)"),
    (r"\log\det S", "log(det(S))"),
    (r"\mathbf{1}^\top x", "sum(x)"),
    (r"\sum_{i=1}^{4} x_i v_i", "sum(x * v)"),
    (r"\sum_{i,j} S_{ij} x_i v_j", "sum(S * x[:, None] * v)"),
    (r"\sin x", "sin(x)"),
    (r"\sin^2 x", "sin(x) ** 2"),
    (r"\sqrt{x}", "sqrt(x)"),
    (r"\sqrt[3]{s}", "s ** (1 / 3)"),
    (r"x\odot v", "x * v"),
    (r"\lambda\,\mathbf{1}^\top x", "λ * sum(x)"),
    (r"\Sigma^{-1}x", "inv(Σ) @ x"),
    (r"\mathbf{x}^23", "3 * x ** 2"),
    (r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}", "where(x > 0, x, 0)"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \begin{pmatrix} s \\ \lambda \end{pmatrix}", "[[1, 2], [3, 4]] @ np.stack([s, λ])"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "echo"), READINGS, ids=[text for text, _ in READINGS])
def test_each_reading_is_echoed_and_the_echo_means_the_same(text: str, echo: str) -> None:
    source = read(text, shapes=SHAPES)
    (remark,) = source.graph.readings
    assert remark.text("en") == f"read as: L = {echo}"
    assert remark.text("zh") == f"读作：L = {echo}"
    plain = read(echo, shapes=SHAPES)
    assert not plain.graph.readings
    rng = np.random.default_rng(3)
    values = {n: rng.uniform(0.5, 1.5, shape) + 2 * np.eye(*shape[:1]) * (n in "SΣ")
              if len(shape) == 2 and shape[0] == shape[1] else rng.uniform(0.5, 1.5, shape)
              for n, shape in SHAPES.items()}  # fmt: skip
    found, wanted = (value_of(each, values) for each in (source, plain))
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_plain_numpy_is_not_echoed() -> None:
    for text in ("sum((A @ x - b)**2)", "z = A @ x\nnp.sum(z**2)", "S.T @ x", "λ*x", "x[1:3]"):
        assert not read(text, shapes=SHAPES).graph.readings


def test_programs_mix_formulas_with_python() -> None:
    source = read(
        "def f(z):\n    return ||z||^2\nr = A x - b   # the residual\nfor i in range(2):\n    r = 2 r\nf(r)",
        shapes=SHAPES,
    )
    x, a, b = np.ones(4), np.ones((3, 4)), np.zeros(3)
    assert value_of(source, {"A": a, "x": x, "b": b}) == pytest.approx(16 * 16 * 3)
    lines = r"\begin{aligned} z &= A x - b \\ L &= \|z\|^2 \end{aligned}"
    aligned = read(lines, shapes=SHAPES)
    assert list(aligned.graph.outputs) == ["L"]
    assert [n.text for names in aligned.graph.names.values() for n in names][-2:] == ["z", "L"]
    behind = read(r"2A^\top r,\ r = Ax - b", shapes=SHAPES)
    assert value_of(behind, {"A": a, "x": x, "b": b}) == pytest.approx(np.full(4, 24.0))


def test_the_working_says_how_a_formula_was_read() -> None:
    d = tidu.derive("½‖A x − b‖²", wrt=["x"], shapes={"A": (3, 4), "x": 4, "b": 3})
    assert str(d.explain("en")).splitlines()[3] == (
        "! Note: read as: L = 0.5 * sum((A @ x - b) ** 2)"
    )
    assert "读作：L = 0.5 * sum((A @ x - b) ** 2)" in str(d.explain("zh")).splitlines()[3]
    run = tidu.descend("‖w − y‖²", {"w": np.zeros(2)}, y=np.ones(2), steps=3, lr=0.1)
    assert any("sum((w - y) ** 2)" in remark.text("en") for remark in run.remarks)


def test_what_is_declared_decides() -> None:
    assert value_of(read("e^2", shapes={"e": ()}), {"e": 3.0}) == 9.0
    assert value_of(read("e^2", shapes={}), {}) == pytest.approx(np.exp(2))
    ab = read("ab", shapes={"ab": ()})
    assert not ab.graph.readings
    product = read("a b + Ab", shapes={"a": (), "b": (3,), "A": (3, 3)})
    assert "a * b + A @ b" in product.graph.readings[0].text("en")
    assert "x ** T" in read("x^T", shapes={"x": (), "T": ()}).graph.readings[0].text("en")
    assert read("U V^T - T", shapes={"U": (2, 3), "V": (5, 3), "T": (2, 5)}).graph.outputs


def test_the_echo_is_python() -> None:
    for _, echo in READINGS:
        ast.parse(echo)
