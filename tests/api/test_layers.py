"""A result that is an array: its Jacobian as a formula, its page, its numbers, its check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError, UnknownNameError
from tidu.render import inline

VECTORS = [  # text, shapes, by, ∂y/∂x
    ("tanh(W @ x)", {"W": ("m", "n"), "x": "n"}, "x", "∂y/∂x = diag(1 − y²)·W"),
    ("softmax(z)", {"z": "k"}, "z", "∂y/∂z = diag(y) − y·yᵀ"),
    ("log_softmax(z)", {"z": "k"}, "z", "∂y/∂z = I − 𝟏·softmax(z)ᵀ"),
    ("exp(-x)", {"x": "n"}, "x", "∂y/∂x = −diag(y)"),
    ("x * (a @ x)", {"x": "n", "a": "n"}, "x", "∂y/∂x = aᵀ·x·I + x·aᵀ"),
    ("A @ x + b", {"A": ("m", "n"), "x": "n", "b": "m"}, "b", "∂y/∂b = I"),
    (
        "h = tanh(A @ x); B @ h",
        {"A": ("m", "n"), "x": "n", "B": ("k", "m")},
        "x",
        "B·diag(1 − h²)·A",
    ),
    ("y = t * a", {"t": (), "a": "n"}, "t", "∂y/∂t = a"),
]
MATRICES = [  # text, shapes, by, the operator, its Kronecker form
    ("A @ X @ B", {"A": ("m", "n"), "X": ("n", "k"), "B": ("k", "l")}, "X", "A·V·B", "Bᵀ ⊗ A"),
    (
        "tanh(X @ W)",
        {"X": ("n", "d"), "W": ("d", "h")},
        "W",
        "(X·V) ⊙ (1 − Y²)",
        "diag(vec(1 − Y²))·(I ⊗ X)",
    ),
    ("A @ x", {"A": ("m", "n"), "x": "n"}, "A", "V·x", "xᵀ ⊗ I"),
    ("inv(X)", {"X": ("n", "n")}, "X", "−Y·V·Y", "−Yᵀ ⊗ Y"),
    ("A * B", {"A": (2, 3), "B": (2, 3)}, "A", "V ⊙ B", "diag(vec(B))"),
]


@pytest.mark.parametrize(("text", "shapes", "by", "wanted"), VECTORS)
def test_a_jacobian_of_vectors_reads_as_by_hand(
    text: str, shapes: dict[str, Any], by: str, wanted: str
) -> None:
    assert wanted in str(tidu.derive(text, wrt=by, shapes=shapes).jacobian(by))


@pytest.mark.parametrize(("text", "shapes", "by", "operator", "kronecker"), MATRICES)
def test_a_jacobian_of_matrices_is_an_operator_and_a_kronecker_product(
    text: str, shapes: dict[str, Any], by: str, operator: str, kronecker: str
) -> None:
    found = tidu.derive(text, wrt=by, shapes=shapes).jacobian(by)
    assert str(found).endswith(f"(V) = {operator}")
    assert found.kronecker is not None
    assert inline(found.kronecker) == kronecker


@pytest.mark.parametrize("text", ["tanh(W @ x)", "softmax(W @ x)", "x / np.sqrt(x @ x)", "sort(x)"])
def test_the_numbers_are_those_of_tidu_jacobian(text: str) -> None:
    W, x = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, 2.0]]), np.array([0.3, -0.4, 1.2])
    d = tidu.derive(text, wrt="x", values={"W": W, "x": x} if "W" in text else {"x": x})

    def function(x: Any) -> Any:
        return d.evaluate(x=x, G=np.ones(d.core.result.shape)).value

    step = 1e-6
    wanted = np.stack(
        [(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(3)], 1
    )
    assert np.allclose(d.jacobian("x").evaluate(), wanted, atol=1e-8)
    scope: dict[str, Any] = {}
    exec(d.jacobian("x").numpy(), scope)  # noqa: S102  (the exported text is the subject)
    given = {"W": W, "x": x} if "W" in text else {"x": x}
    assert np.allclose(scope["jacobian_x"](**given), wanted, atol=1e-8)
    assert [f.kind for f in d.verify()] == ["agrees"]


def test_the_page_has_working_numbers_and_check() -> None:
    d = tidu.derive("tanh(W @ x)", wrt="x", W=[[1.0, 2, 3], [0, 1, 0]], x=[0.1, 0.2, 0.3])
    page = str(d.explain("en"))
    assert "∂y/∂x = diag(1 − y²)·W\n          = ⎡0.216152  0.432305  0.648457⎤" in page
    assert "∂yᵢ/∂xⱼ stands in row i, column j" in page
    assert "G = ∂L/∂y is the upstream gradient" in page
    assert "∂L/∂x = ∂L/∂y · ∂y/∂x = Wᵀ·(G ⊙ (1 − y²))" in page
    assert "✓ ∂y/∂x: agrees" in page
    assert "上游梯度" in str(d.explain("zh"))
    assert str(d.explain("en", brief=True)).strip() == "∂y/∂x = diag(1 − y²)·W"
    assert d.jacobian("x").latex() == r"\mathrm{diag}(1 - y^2) \thinspace W"


def test_a_wrong_jacobian_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidu.api.second import Jacobian

    d = tidu.derive("tanh(x)", wrt="x", x=[0.1, 0.2])
    right = Jacobian.evaluate
    monkeypatch.setattr(Jacobian, "evaluate", lambda self: 2 * right(self))
    assert [f.kind for f in d.verify()] == ["differs"]
    assert not d.explain("en").holds()


def test_a_function_is_a_layer_as_well() -> None:
    def layer(W: Any, x: Any) -> Any:
        return np.tanh(W @ x)

    d = tidu.derive(layer, wrt=["x", "W"], shapes={"W": ("m", "n"), "x": "n"})
    assert str(d.jacobian("x")) == "∂y/∂x = diag(1 − y²)·W"
    assert d.jacobian("W").evaluate(W=np.eye(2), x=[1.0, 2.0]).shape == (2, 2, 2)


def test_gradients_go_back_from_the_upstream_one() -> None:
    d = tidu.derive("A @ x", wrt="x", A=[[1.0, 2.0], [3.0, 4.0]], x=[1.0, 1.0])
    assert str(d.gradient("x")) == "∂L/∂x = Aᵀ·G"
    found = d.evaluate(G=[1.0, 10.0])
    assert found.value.tolist() == [3.0, 7.0]
    assert found.gradients["x"].tolist() == [31.0, 42.0]
    with pytest.raises(InputError, match="gradients go back from G = ∂L/∂y"):
        d.evaluate()


def test_what_has_no_jacobian_is_refused() -> None:
    with pytest.raises(InputError, match="one number"):
        tidu.derive("x @ x", wrt="x", shapes={"x": 3}).jacobian("x")
    d = tidu.derive("A @ x", wrt="x", shapes={"A": (2, 3), "x": 3})
    with pytest.raises(UnknownNameError):
        d.jacobian("A")
    with pytest.raises(InputError, match="second derivatives"):
        d.hessian("x")
