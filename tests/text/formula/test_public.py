"""Formulas as papers, course notes and questions in public forums write them.

Each has beside it what it means, as plain NumPy by somebody who did not see what tidu reads. Value
and gradient are compared: the gradient with central differences of that function.
"""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import tidu
from tests.text.evaluate import value_of
from tidu.text.read import read

RNG = np.random.default_rng(12)
SHAPES: Mapping[str, tuple[int, ...]] = {
    "X": (5, 3), "y": (5,), "w": (3,), "b": (), "A": (4, 3), "B": (4, 3), "C": (3, 3), "S": (3, 3),
    "x": (3,), "v": (3,), "u": (4,), "lam": (), "a": (5,), "W": (2, 3), "Y": (5, 2), "t": (5, 3),
    "beta_hat": (3,), "y_hat": (5,), "theta": (3,), "s": (), "Sigma": (3, 3), "mu": (3,), "c": (2,),
    "k": (),
}  # fmt: skip
VALUES = {name: RNG.uniform(0.4, 1.4, shape) for name, shape in SHAPES.items()}
for _name in ("S", "Sigma"):
    VALUES[_name] = VALUES[_name] @ VALUES[_name].T + 2 * np.eye(3)
VALUES["y"] = VALUES["y"] * np.array([1, -1, 1, 1, -1])
VALUES["k"] = np.asarray(1.7)
N = np

Meaning = Callable[..., Any]
# the formula, what is derived by, and what it means as a function of the names in this order
CASES: list[tuple[str, str, Meaning]] = [
    # quadratic forms and the transpose without braces
    (r"x^TSx", "x S", lambda x, S: x @ S @ x),
    ("x^TSx", "x S", lambda x, S: x @ S @ x),
    (r"\frac{1}{2}x^TSx - v^Tx", "x S v", lambda x, S, v: x @ S @ x / 2 - v @ x),
    (r"u^TAx", "A u x", lambda A, u, x: u @ A @ x),
    ("tr(A^TB)", "A B", lambda A, B: N.trace(A.T @ B)),
    (r"\operatorname{Tr}(A^TBC^TC)", "A B C", lambda A, B, C: N.trace(A.T @ B @ C.T @ C)),
    (r"(x-v)^TS^{-1}(x-v)", "x v S", lambda x, v, S: (x - v) @ N.linalg.inv(S) @ (x - v)),
    (r"\exp\{-\tfrac{1}{2}(x-\mu)^T\Sigma^{-1}(x-\mu)\}", "x mu Sigma", lambda x, mu, Sigma: N.exp(-(x - mu) @ N.linalg.inv(Sigma) @ (x - mu) / 2)),
    (r"\log(1+e^{-w^Tx})", "w x", lambda w, x: N.log(1 + N.exp(-w @ x))),
    (r"\frac{x^TSx}{x^Tx}", "x S", lambda x, S: x @ S @ x / (x @ x)),
    (r"x^{\mathsf T}S^{-T}v", "x S v", lambda x, S, v: x @ N.linalg.inv(S).T @ v),
    (r"v^T_{1:2}x_{1:2}", "v x", lambda v, x: v[:2] @ x[:2]),
    (r"\vec{x}^{\,T} \mathbf{S} \vec{x}", "x S", lambda x, S: x @ S @ x),
    (r"{\bf w}^\top {\bf x} + b", "w x b", lambda w, x, b: w @ x + b),
    # traces, determinants, words
    (r"\mbox{Tr}(A^TA)", "A", lambda A: N.trace(A.T @ A)),
    (r"\mathrm{tr}\,C", "C", N.trace),
    (r"\text{trace}(S^{-1}C)", "C S", lambda C, S: N.trace(N.linalg.inv(S) @ C)),
    (r"\log\mathrm{det}(S)", "S", lambda S: N.log(N.linalg.det(S))),
    (r"\ln \operatorname{det} S", "S", lambda S: N.log(N.linalg.det(S))),
    (r"\mathop{\mathrm{tr}}(C)^2", "C", lambda C: N.trace(C) ** 2),
    (r"\tr(C) + \operatorname*{Det}(S)", "C S", lambda C, S: N.trace(C) + N.linalg.det(S)),
    (r"\mathrm{vec}(A)^T\mathrm{vec}(B)", "A B", lambda A, B: N.sum(A * B)),
    (r"x^T\operatorname{Diag}(v)x", "x v", lambda x, v: N.sum(x * v * x)),
    (r"\langle x, Sv\rangle", "x S v", lambda x, S, v: x @ S @ v),
    (r"\left\langle A, B\right\rangle_F", "A B", lambda A, B: N.sum(A * B)),
    (r"\operatorname{sech}(s) + \coth s", "s", lambda s: 1 / N.cosh(s) + 1 / N.tanh(s)),
    # norms
    (r"\|y - X\hat{\beta}\|^2", "beta_hat X y", lambda h, X, y: N.sum((y - X @ h) ** 2)),
    (r"\frac{1}{2}\|\hat{\mathbf{y}} - y\|_2^2", "y_hat y", lambda h, y: N.sum((h - y) ** 2) / 2),
    (r"\norm{Xw - y}^2 + \lambda\norm{w}_2^2", "w X y lam", lambda w, X, y, lam: N.sum((X @ w - y) ** 2) + lam * N.sum(w**2)),
    (r"\|x\|^2_2", "x", lambda x: N.sum(x**2)),
    (r"\lVert A - B\rVert^2_F", "A B", lambda A, B: N.sum((A - B) ** 2)),
    (r"J(\theta) = \frac{1}{2}\|X\theta - y\|^2.", "theta X y", lambda h, X, y: N.sum((X @ h - y) ** 2) / 2),
    (r"\abs{s}^3", "s", lambda s: abs(s) ** 3),
    # matrices written out
    (r"\left\|\begin{pmatrix} s & 1 \\ 1 & s\end{pmatrix}\right\|_2", "s", lambda s: N.linalg.norm(N.array([[s, 1], [1, s]]), 2)),
    (r"\det\begin{bmatrix} s & b \\ 2 & s\end{bmatrix}", "s b", lambda s, b: s * s - 2 * b),
    (r"\begin{vmatrix} s & b \\ 2 & s\end{vmatrix}", "s b", lambda s, b: s * s - 2 * b),
    (r"c^T\begin{pmatrix} \cos s & -\sin s \\ \sin s & \cos s\end{pmatrix} c + b^2 s", "s c b", lambda s, c, b: (c @ c) * N.cos(s) + b**2 * s),
    ("c^T [s, 0; b, s] c", "s b c", lambda s, b, c: s * c[0] ** 2 + b * c[0] * c[1] + s * c[1] ** 2),
    (r"\left\|\begin{pmatrix} A \\ \lambda I \end{pmatrix} x\right\|^2", "A lam x", lambda A, lam, x: N.sum((A @ x) ** 2) + lam**2 * N.sum(x**2)),
    (r"\operatorname{tr}\left(\begin{bmatrix} S & W^T \\ W & 0\end{bmatrix}^{-1}\right)", "S W", lambda S, W: N.trace(N.linalg.inv(N.block([[S, W.T], [W, N.zeros((2, 2))]])))),
    (r"\log\det\begin{pmatrix} S & x \\ x^T & 9\end{pmatrix}", "S x", lambda S, x: N.log(N.linalg.det(N.block([[S, x[:, None]], [x[None], N.array([[9.0]])]])))),
    (r"\log\det\begin{pmatrix} I & W^T \\ 0 & I \end{pmatrix}+\operatorname{tr}(WW^T)", "W", lambda W: N.trace(W @ W.T)),
    # sums over rows
    (r"\sum_{i=1}^5 (y_i - X_i^\top w)^2", "w X y", lambda w, X, y: sum((y[i] - X[i] @ w) ** 2 for i in range(5))),
    (r"\frac{1}{n}\sum_{i=1}^{n}\left(y_i - \mathbf{X}_i^T w\right)^2", "w X y", lambda w, X, y: N.mean([(y[i] - X[i] @ w) ** 2 for i in range(5)])),
    (r"\frac{1}{2m}\sum_{i=1}^{m}(w^T X^{(i)} - y^{(i)})^2", "w X y", lambda w, X, y: sum((w @ X[i] - y[i]) ** 2 for i in range(5)) / 10),
    (r"\sum_{i=1}^{5} \max(0, 1 - y_i w^\top X_i)", "w X", lambda w, X: sum(max(0.0, 1 - VALUES["y"][i] * (w @ X[i])) for i in range(5))),
    (r"\sum_{i}[1 - y_i(w^TX_i + b)]_+", "w b X", lambda w, b, X: sum(max(0.0, 1 - VALUES["y"][i] * (w @ X[i] + b)) for i in range(5))),
    (r"\frac{\lambda}{2}\|w\|^2 + \frac{1}{n}\sum_{i=1}^n \log(1+\exp(-y_i w^\top X_i))", "w X lam", lambda w, X, lam: lam / 2 * w @ w + N.mean([N.log(1 + N.exp(-VALUES["y"][i] * (w @ X[i]))) for i in range(5)])),
    (r"-\sum_{i=1}^{n} \left[ a_i\log\sigma(w^TX_i) + (1-a_i)\log(1-\sigma(w^TX_i)) \right]", "w X a", lambda w, X, a: -sum(a[i] * N.log(1 / (1 + N.exp(-w @ X[i]))) + (1 - a[i]) * N.log(1 - 1 / (1 + N.exp(-w @ X[i]))) for i in range(5))),
    (r"\sum_i \|X_i\|", "X", lambda X: sum(N.sqrt(X[i] @ X[i]) for i in range(5))),
    (r"\sum_i \|X_i - \mu\|^2", "X mu", lambda X, mu: sum(N.sum((X[i] - mu) ** 2) for i in range(5))),
    (r"\sum_i \|W X_i - Y_i\|_2^2", "W X Y", lambda W, X, Y: sum(N.sum((W @ X[i] - Y[i]) ** 2) for i in range(5))),
    (r"\sum_i \|X_i\|_1 + \|\sum_i X_i\|", "X", lambda X: sum(N.sum(abs(X[i])) for i in range(5)) + N.linalg.norm(X.sum(0))),
    (r"\sum_{i=1}^n a_i X_i^TSX_i", "X S a", lambda X, S, a: sum(a[i] * X[i] @ S @ X[i] for i in range(5))),
    (r"\operatorname{tr}\left(S^{-1}\sum_{i=1}^n (X_i-\mu)(X_i-\mu)^T\right)", "S mu X", lambda S, mu, X: N.trace(N.linalg.inv(S) @ sum(N.outer(X[i] - mu, X[i] - mu) for i in range(5)))),
    (r"\log\det\left(I + \sum_i a_i X_iX_i^\top\right)", "X a", lambda X, a: N.log(N.linalg.det(N.eye(3) + sum(a[i] * N.outer(X[i], X[i]) for i in range(5))))),
    (r"\sum_i a_i - \frac12\sum_{i=1}^n\sum_{j=1}^n a_ia_jy_iy_j X_i^\top X_j", "a X", lambda a, X: N.sum(a) - sum(a[i] * a[j] * VALUES["y"][i] * VALUES["y"][j] * X[i] @ X[j] for i in range(5) for j in range(5)) / 2),
    (r"\sum_{i,j} a_i a_j e^{-\|X_i - X_j\|^2}", "X a", lambda X, a: sum(a[i] * a[j] * N.exp(-N.sum((X[i] - X[j]) ** 2)) for i in range(5) for j in range(5))),
    (r"\sum_{i,j=1}^n (X_i^TX_j)^2", "X", lambda X: sum((X[i] @ X[j]) ** 2 for i in range(5) for j in range(5))),
    (r"\sum_{j=1}^{3} \|X_{:,j}\|_2", "X", lambda X: sum(N.linalg.norm(X[:, j]) for j in range(3))),
    (r"\sum_i \left(\log\sum_j e^{X_{ij}} - X_{i1}\right)", "X", lambda X: sum(N.log(N.sum(N.exp(X[i]))) - X[i, 0] for i in range(5))),
    (r"\sum_i \operatorname{logsumexp}(X_i)", "X", lambda X: sum(N.log(N.sum(N.exp(X[i]))) for i in range(5))),
    (r"\sum_i \langle w, X_i\rangle^3", "w X", lambda w, X: sum((w @ X[i]) ** 3 for i in range(5))),
    (r"\sum_i a_i \operatorname{tanh}(WX_i + c)^T c", "W X a c", lambda W, X, a, c: sum(a[i] * N.tanh(W @ X[i] + c) @ c for i in range(5))),
    ("∑ᵢ (yᵢ − wᵀXᵢ)²", "w X y", lambda w, X, y: sum((y[i] - w @ X[i]) ** 2 for i in range(5))),
    # extremes, neighbours, the index as a number
    (r"\max_i a_i", "a", max),
    (r"\max_{1 \le i \le 5} a_i^2", "a", lambda a: max(a) ** 2),
    (r"\sum_{i<j} (a_i - a_j)^2", "a", lambda a: sum((a[i] - a[j]) ** 2 for j in range(5) for i in range(j))),
    (r"\sum_{1\le i<j\le n} \|X_i - X_j\|", "X", lambda X: sum(N.linalg.norm(X[i] - X[j]) for j in range(5) for i in range(j))),
    (r"\log \max_{i} |y_i|", "y", lambda y: N.log(max(abs(y)))),
    (r"\sum_i \max_j X_{ij} + \min_i a_i", "X a", lambda X, a: sum(max(X[i]) for i in range(5)) + min(a)),
    ("max_i a_i", "a", max),
    (r"\sum_{i=2}^{n} (a_i - a_{i-1})^2", "a", lambda a: sum((a[i] - a[i - 1]) ** 2 for i in range(1, 5))),
    (r"\sum_{i=1}^{n-1} |a_{i+1} - a_i|", "a", lambda a: sum(abs(a[i + 1] - a[i]) for i in range(4))),
    (r"\sum_{i=2}^{n-1} (a_{i+1} - 2a_i + a_{i-1})^2", "a", lambda a: sum((a[i + 1] - 2 * a[i] + a[i - 1]) ** 2 for i in range(1, 4))),
    (r"\sum_{i=2}^{5} \|X_i - X_{i-1}\|^2", "X", lambda X: sum(N.sum((X[i] - X[i - 1]) ** 2) for i in range(1, 5))),
    (r"\sum_{k=1}^{5} k a_k", "a", lambda a: sum((i + 1) * a[i] for i in range(5))),
    (r"\sum_{k=1}^{5} a_k s^{k}", "a s", lambda a, s: sum(a[i] * s ** (i + 1) for i in range(5))),
    # braces, decorations, cases
    (r"\underbrace{x^TSx}_{\text{energy}} + \boxed{v^Tx}", "x S v", lambda x, S, v: x @ S @ x + v @ x),
    (r"\sum_i \mathbf{1}_{\{a_i > 0.8\}} a_i^2", "a", lambda a: sum(a[i] ** 2 for i in range(5) if a[i] > 0.8)),
    (r"\mathbf{1}_3^T x + \operatorname{tr}(I_3 C)", "x C", lambda x, C: N.sum(x) + N.trace(C)),
    (r"(s - 1)_+ + \max\{0, b\}", "s b", lambda s, b: max(s - 1, 0.0) + max(b, 0.0)),
    (r"\left(\frac{x}{2}\right)^{T}\left(\frac{v}{2}\right)", "x v", lambda x, v: x @ v / 4),
    # functions of matrices
    (r"\operatorname{tr}(C\,\mathrm{logm}(S))", "S C", lambda S, C: N.trace(C @ _log(S))),
    ("tr(sqrtm(S) @ C)", "S C", lambda S, C: N.trace(C @ _root(S))),
]  # fmt: skip


def _log(matrix: Any) -> Any:
    """The logarithm of a matrix that is symmetric but for a small step."""
    values, vectors = np.linalg.eig(matrix)
    return (vectors @ np.diag(np.log(values)) @ np.linalg.inv(vectors)).real


def _root(matrix: Any) -> Any:
    values, vectors = np.linalg.eig(matrix)
    return (vectors @ np.diag(np.sqrt(values)) @ np.linalg.inv(vectors)).real


def _differences(meaning: Meaning, values: list[Any], at: int) -> Any:
    """The gradient by central differences."""
    found, step = np.zeros(np.shape(values[at])), 1e-6
    for place in np.ndindex(*found.shape):
        ends: list[float] = []
        for sign in (1, -1):
            moved = [np.array(value, float) for value in values]
            moved[at][place] += sign * step
            ends.append(float(meaning(*moved)))
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize(("text", "names", "meaning"), CASES, ids=[case[0] for case in CASES])
def test_value_and_gradient_are_those_of_the_formula(
    text: str, names: str, meaning: Meaning
) -> None:
    by = names.split()
    values = [VALUES[name] for name in by]
    derivation = tidu.derive(text, wrt=by, values=VALUES)
    result = derivation.evaluate()
    assert float(result.outputs[next(iter(result.outputs))]) == pytest.approx(meaning(*values))
    for at, name in enumerate(by):
        wanted = _differences(meaning, values, at)
        np.testing.assert_allclose(result.gradients[name], wanted, rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize("text", [case[0] for case in CASES])
def test_the_echo_of_a_public_formula_is_read_as_the_same(text: str) -> None:
    source = read(text, values=VALUES)
    echoes = [reading.text("en").removeprefix("read as: ") for reading in source.graph.readings]
    again = read("\n".join(echoes) or text, values=VALUES)
    assert value_of(again, VALUES) == pytest.approx(value_of(source, VALUES), rel=1e-12)


def test_at_least_sixty_formulas() -> None:
    assert len({text for text, _, _ in CASES}) >= 60
