"""Second derivatives in closed form: as printed by hand, and equal to differences of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import UnknownNameError
from tidu.render import inline

LOGISTIC = "p = sigmoid(X @ w)\nL = -mean(y * log(p) + (1 - y) * log(1 - p))"
LETTERS = {"X": ("n", "d"), "w": "d", "y": "n"}

FORMS = [
    ("x @ A @ x", {"x": 3, "A": (3, 3)}, ("x",), "∂²L/∂x∂xᵀ = A + Aᵀ"),
    ("sum((A @ x - b)**2)", {"A": (5, 3), "x": 3, "b": 5}, ("x",), "∂²L/∂x∂xᵀ = 2Aᵀ·A"),
    (LOGISTIC, LETTERS, ("w",), "∂²L/∂w∂wᵀ = (1/n)·Xᵀ·diag(p ⊙ (1 − p))·X"),
    ("log(sum(exp(z)))", {"z": 4}, ("z",), "∂²L/∂z∂zᵀ = diag(softmax(z)) − softmax(z)·softmax(z)ᵀ"),
    ("sum(exp(x))", {"x": 3}, ("x",), "∂²L/∂x∂xᵀ = diag(eˣ)"),
    ("(a @ x) * (b @ x)", {"a": 3, "b": 3, "x": 3}, ("x",), "∂²L/∂x∂xᵀ = a·bᵀ + b·aᵀ"),
    ("x @ W @ y", {"x": 3, "W": (3, 2), "y": 2}, ("x", "y"), "∂²L/∂x∂yᵀ = W"),
    ("x @ W @ y", {"x": 3, "W": (3, 2), "y": 2}, ("x",), "∂²L/∂x∂xᵀ = 0"),
    ("x**3 * y", {"x": (), "y": ()}, ("x",), "∂²L/∂x² = 6x·y"),
    ("log(det(X))", {"X": (3, 3)}, ("X",), "H_X(V) = −X⁻ᵀ·Vᵀ·X⁻ᵀ"),
    ("sum((X @ W - Y)**2)", {"X": (5, 3), "W": (3, 2), "Y": (5, 2)}, ("W",), "H_W(V) = 2Xᵀ·X·V"),
    ("sum(x)**2", {"x": "n"}, ("x",), "∂²L/∂x∂xᵀ = 2𝟏·𝟏ᵀ"),
    ("sum((x - mean(x))**2)", {"x": "n"}, ("x",), "∂²L/∂x∂xᵀ = 2·(I − (1/n)·𝟏·𝟏ᵀ)"),
    ("mean((X @ w)**2)", {"X": ("n", "d"), "w": "d"}, ("w",), "∂²L/∂w∂wᵀ = (2/n)·Xᵀ·X"),
]


@pytest.mark.parametrize(("loss", "shapes", "names", "wanted"), FORMS)
def test_a_second_derivative_reads_as_by_hand(
    loss: str, shapes: Any, names: tuple[str, ...], wanted: str
) -> None:
    d = tidu.derive(loss, wrt=list(names), shapes=shapes)
    assert str(d.hessian(*names)) == wanted


def test_softmax_cross_entropy_has_diag_p_minus_ppt() -> None:
    loss, shapes = "p = softmax(z)\nL = -y @ log(p)", {"z": 4, "y": 4}
    d = tidu.derive(loss, wrt="z", shapes=shapes, assume={"y": "one-hot"})
    assert str(d.hessian("z")) == "∂²L/∂z∂zᵀ = diag(p) − p·pᵀ"
    assert d.hessian("z").latex() == r"\mathrm{diag}(p) - p p^{\top}"


@pytest.mark.parametrize(
    ("loss", "shapes", "wanted"),
    [
        ("sum((X @ W - Y)**2)", {"X": (5, 3), "W": (3, 2), "Y": (5, 2)}, "2·(I ⊗ Xᵀ·X)"),
        ("trace(W.T @ A @ W @ B)", {"W": (5, 3), "A": (5, 5), "B": (3, 3)}, "B ⊗ Aᵀ + Bᵀ ⊗ A"),
        ("sum((W @ x)**2)", {"W": (2, 3), "x": 3}, "2·(x·xᵀ ⊗ I)"),
        ("sum((x @ W)**2)", {"W": (3, 2), "x": 3}, "2·(I ⊗ x·xᵀ)"),
        ("sum((A @ W @ x)**2)", {"W": (2, 3), "A": (4, 2), "x": 3}, "2·(x·xᵀ ⊗ Aᵀ·A)"),
        ("sum((x @ W @ B)**2)", {"W": (2, 3), "B": (3, 4), "x": 2}, "2·(B·Bᵀ ⊗ x·xᵀ)"),
        (
            "sum((W @ x)**2) + c * sum(W**2)",
            {"W": (2, 3), "x": 3, "c": ()},
            "2c·(I ⊗ I) + 2·(x·xᵀ ⊗ I)",
        ),
    ],
)
def test_a_matrix_has_a_kronecker_form_that_is_its_hessian(
    loss: str, shapes: Any, wanted: str
) -> None:
    d = tidu.derive(loss, wrt="W", shapes=shapes)
    form = d.hessian("W").kronecker
    assert form is not None and inline(form) == wanted
    rng = np.random.default_rng(4)
    values = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    rows, columns = values["W"].shape
    dense = d.hessian("W").evaluate(values)
    stacked = dense.transpose(1, 0, 3, 2).reshape(rows * columns, rows * columns)
    expected = kronecker_sum(wanted, values, {"0": np.eye(rows), "1": np.eye(columns)})
    np.testing.assert_allclose(stacked, expected, rtol=1e-10, atol=1e-10)


def kronecker_sum(text: str, values: dict[str, Any], identities: dict[str, Any]) -> Any:
    """The value of a printed sum of products c·(B ⊗ A), read without tidu; I is as large as it has
    to be: as W has columns on the left, and rows on the right."""

    def side(part: str, identity: Any) -> Any:
        found: Any = None
        for name in part.split("·"):
            factor = identity if name == "I" else values[name.removesuffix("ᵀ")]
            if factor.ndim == 1:
                factor = factor[:, None]
            factor = factor.T if name.endswith("ᵀ") else factor
            found = factor if found is None else found @ factor
        return found

    total: Any = 0.0
    for term in text.split(" + "):
        head, bracket, inner = term.rpartition("(")
        left, right = (inner if bracket else term).removesuffix(")").split(" ⊗ ")
        number = 1.0
        for sign in head.removesuffix("·"):
            number = number * (float(sign) if sign.isdigit() else values[sign])
        total = total + number * np.kron(side(left, identities["1"]), side(right, identities["0"]))
    return total


def test_what_has_no_kronecker_form_says_so() -> None:
    d = tidu.derive("sum(tanh(W @ x))", wrt="W", shapes={"W": (2, 3), "x": 3})
    assert d.hessian("W").kronecker is None


NUMBERS = [
    ("sum(tanh(W @ x)**2) + x @ x * sum(W)", ("W", "x")),
    ("log(sum(exp(W @ x))) + sum(x**3)", ("x", "x")),
    ("norm(W @ x) * sum(sin(W))", ("W", "W")),
    ("prod(x) * sum(W**2)", ("x", "W")),
]


@pytest.mark.parametrize(("loss", "names"), NUMBERS)
def test_a_hessian_is_the_slope_of_the_gradient(loss: str, names: tuple[str, str]) -> None:
    rng = np.random.default_rng(8)
    values = {"W": rng.standard_normal((2, 3)), "x": rng.standard_normal(3)}
    d = tidu.derive(loss, wrt=["W", "x"], values=values)
    first, second = names
    found = d.hessian(first, second).evaluate()
    assert found.shape == (*values[first].shape, *values[second].shape)
    step = 1e-5
    for index in np.ndindex(values[second].shape):
        move = np.zeros(values[second].shape)
        move[index] = step
        ahead = d.evaluate({second: values[second] + move}).gradients[first]
        behind = d.evaluate({second: values[second] - move}).gradients[first]
        slope = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(found[(..., *index)], slope, rtol=1e-6, atol=1e-7)


def test_an_assumption_is_not_differentiated() -> None:
    """With A declared symmetric, ∂²/∂A∂x of xᵀAx is still that of a free A."""
    shapes, loss = {"x": 3, "A": (3, 3)}, "x @ A @ x"
    rng = np.random.default_rng(2)
    a, x = rng.standard_normal((3, 3)), rng.standard_normal(3)
    told = tidu.derive(loss, wrt=["x", "A"], shapes=shapes, assume={"A": "symmetric"})
    free = tidu.derive(loss, wrt=["x", "A"], shapes=shapes)
    values = {"A": a + a.T, "x": x}
    np.testing.assert_allclose(
        told.hessian("A", "x").evaluate(values), free.hessian("A", "x").evaluate(values)
    )


def test_a_parameter_that_was_not_derived_is_named() -> None:
    d = tidu.derive("x @ A @ x", wrt="x", shapes={"x": 3, "A": (3, 3)})
    with pytest.raises(UnknownNameError, match="A"):
        d.hessian("A")


@pytest.mark.parametrize(
    ("loss", "at", "wanted"),
    [
        (lambda x: np.sum(np.abs(x) ** 2), np.zeros(2), 2 * np.eye(2)),
        (lambda x: np.std(x) ** 2, np.ones(3), 2 / 3 * (np.eye(3) - 1 / 3)),
        (lambda x: np.hypot(x[0], x[1]) ** 2, np.zeros(2), 2 * np.eye(2)),
        (lambda x: np.linalg.norm(x) ** 2, np.zeros(2), 2 * np.eye(2)),
    ],
)
def test_the_square_of_a_length_is_smooth_at_zero(loss: Any, at: Any, wanted: Any) -> None:
    """|x|·sign(x), squared or not, is 0 at 0 with slope 0; x² has slope 2x there."""
    np.testing.assert_allclose(tidu.hessian(loss)(at), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "values"),
    [
        ("x @ x", {"x": np.ones(3)}),
        ("var(x)", {"x": np.ones(3)}),
        ("x @ A @ x", {"A": np.eye(3), "x": np.ones(3)}),
    ],
)
def test_a_hessian_over_letters_is_evaluated_at_numbers(loss: str, values: Any) -> None:
    letters = {name: ("n",) * value.ndim for name, value in values.items()}
    name = next(iter(values))
    over_letters = tidu.derive(loss, wrt=name, shapes=letters).hessian(name).evaluate(values)
    at_numbers = tidu.derive(loss, wrt=name, values=values).hessian(name).evaluate()
    np.testing.assert_allclose(over_letters, at_numbers, atol=1e-12)


def test_rows_of_the_identity_are_not_shown_as_a_matrix() -> None:
    """diag(x) A diag(x) along all directions has three axes: H(V) is shown, the numbers hold."""
    d = tidu.derive("sum(diag(x) @ A @ diag(x))", wrt="x", shapes={"x": 3, "A": (3, 3)})
    assert str(d.hessian("x")).startswith("Hₓ(V) = ")
    a = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(d.hessian("x").evaluate(x=np.ones(3), A=a), a + a.T)
