"""relu and leaky relu as people write them have the slope [z > 0] on the page, and what runs at
z = 0 takes part of the formula only where an entry is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

Z = np.array([[1.5, -2.0, 0.25], [-0.5, 3.0, -1.0]])
AT_ZERO = np.array([[0.0, -2.0, 0.25], [-0.5, 3.0, 0.0]])
G = np.array([[2.0, -1.0, 3.0], [0.5, 4.0, -2.0]])

# the spelling, its slope on the page, and the slope that runs where z = 0
RELUS: list[tuple[Callable[[Any], Any], str, float]] = [
    (lambda z: np.maximum(0, z), "[z > 0]", 0.5),
    (lambda z: np.maximum(z, 0), "[z > 0]", 0.5),
    (lambda z: np.maximum(z, 0.0), "[z > 0]", 0.5),
    (lambda z: np.maximum(np.float64(0), z), "[z > 0]", 0.5),
    (lambda z: -np.minimum(0, -z), "[−z < 0]", 0.5),
    (lambda z: z * (z > 0), "[z > 0]", 0.0),
    (lambda z: (z > 0) * z, "[z > 0]", 0.0),
    (lambda z: z * (z > 0).astype(float), "[z > 0]", 0.0),
    (lambda z: z * np.greater(z, 0), "[z > 0]", 0.0),
    (lambda z: z * (z >= 0), "[z ≥ 0]", 1.0),
    (lambda z: np.where(z > 0, z, 0), "[z > 0]", 0.0),
    (lambda z: np.where(z > 0, z, 0.0 * z), "[z > 0]", 0.0),
    (lambda z: np.where(z < 0, 0, z), "[z ≥ 0]", 1.0),
    (lambda z: np.where(z <= 0, 0, z), "[z > 0]", 0.0),
    (lambda z: np.clip(z, 0, None), "[z ≥ 0]", 1.0),
    (lambda z: np.clip(z, a_min=0, a_max=np.inf), "[z ≥ 0]", 1.0),
    (lambda z: (np.abs(z) + z) / 2, "[z > 0]", 0.5),
    (lambda z: 0.5 * (z + np.abs(z)), "[z > 0]", 0.5),
    (lambda z: (z + np.abs(z)) * 0.5, "[z > 0]", 0.5),
]


@pytest.mark.parametrize(("relu", "slope", "at"), RELUS, ids=map(str, range(len(RELUS))))
def test_relu_has_the_slope_of_the_textbook(relu: Any, slope: str, at: float) -> None:
    def loss(z: Any, G: Any) -> Any:
        h = relu(z)
        return np.sum(G * h)

    derivation = tidu.derive(loss, wrt="z", values={"z": Z, "G": G})
    assert str(derivation).removeprefix("∂L/∂z = ") in (f"G ⊙ {slope}", f"{slope} ⊙ G")
    np.testing.assert_array_equal(derivation.evaluate().gradients["z"], G * (Z > 0))
    tied = tidu.derive(loss, wrt="z", values={"z": AT_ZERO, "G": G})
    wanted = G * np.where(AT_ZERO == 0, at, AT_ZERO > 0)
    np.testing.assert_array_equal(tied.evaluate().gradients["z"], wanted)
    assert ("0.5·[" in str(tied)) == (at == 0.5)
    page = derivation.explain("en").text()
    assert ("counts as ½" in page) == (at == 0.5)
    assert "None are equal" in page or at != 0.5
    assert "counts as ½" not in tied.explain("en").text()


LEAKY: list[tuple[Callable[[Any], Any], str]] = [
    (lambda z: np.where(z > 0, z, 0.01 * z), "{1 if z > 0; 0.01 otherwise}"),
    (lambda z: z * np.where(z > 0, 1, 0.01), "{1 if z > 0; 0.01 otherwise}"),
    (lambda z: np.maximum(0.01 * z, z), "([z > 0] + 0.01·[z < 0])"),
    (lambda z: np.maximum(z, 0.01 * z), "([z > 0] + 0.01·[z < 0])"),
    (lambda z: np.maximum(z, z * 0.01), "([z > 0] + 0.01·[z < 0])"),
]


@pytest.mark.parametrize(("leaky", "slope"), LEAKY, ids=map(str, range(len(LEAKY))))
def test_a_leaky_relu_has_two_slopes(leaky: Any, slope: str) -> None:
    derivation = tidu.derive(lambda z, G: np.sum(G * leaky(z)), wrt="z", values={"z": Z, "G": G})
    shown = str(derivation).removeprefix("∂L/∂z = ")
    assert shown in (f"G ⊙ {slope}", f"{slope} ⊙ G", slope.replace("1 if", "G if"))
    wanted = G * np.where(Z > 0, 1, 0.01)
    np.testing.assert_allclose(derivation.evaluate().gradients["z"], wanted, rtol=1e-15)


@pytest.mark.parametrize(
    "text",
    ["maximum(0, z)", "np.maximum(z, 0)", "z * (z > 0)", "where(z > 0, z, 0)", "(abs(z) + z) / 2"],
)
def test_texts_say_the_same(text: str) -> None:
    derivation = tidu.derive(f"sum(G * ({text}))", wrt="z", shapes={"z": ("n", 3), "G": ("n", 3)})
    assert str(derivation) in ("∂L/∂z = G ⊙ [z > 0]", "∂L/∂z = [z > 0] ⊙ G")


def test_the_hidden_layer_of_a_network() -> None:
    random = np.random.default_rng(0)
    values = {
        "W1": random.normal(size=(4, 3)),
        "W2": random.normal(size=(2, 4)),
        "X": random.normal(size=(3, 5)),
        "Y": random.normal(size=(2, 5)),
    }

    def loss(W1: Any, W2: Any, X: Any, Y: Any) -> Any:
        Z1 = W1 @ X
        A1 = np.maximum(0, Z1)
        return np.sum((W2 @ A1 - Y) ** 2)

    derivation = tidu.derive(loss, wrt="W1", values=values)
    assert str(derivation) == "∂L/∂W₁ = 2·((W₂ᵀ·(W₂·A₁ − Y)) ⊙ [Z₁ > 0])·Xᵀ"


def test_where_kinks_cancel_the_share_is_right_at_every_order() -> None:
    """max(x, 0) − x/2 + … is log(1 + eˣ), whose second derivative at 0 is ¼."""

    def softplus(x: Any) -> Any:
        return np.sum(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    def by_sizes(x: Any) -> Any:
        return np.sum((np.abs(x) + x) / 2 + np.log1p(np.exp(-np.abs(x))))

    for loss in (softplus, by_sizes):
        np.testing.assert_allclose(tidu.grad(loss)(np.array([0.0])), [0.5])
        np.testing.assert_allclose(tidu.hessian(loss)(np.array([0.0])), [[0.25]])


def test_a_share_that_was_chosen_stays_in_the_formula() -> None:
    shown = str(tidu.derive("sum(maximum(z, 0))", wrt="z", z=Z, kinks={"maximum": 0.25}))
    assert shown == "∂L/∂z = [z > 0] + 0.25·[z = 0]"
