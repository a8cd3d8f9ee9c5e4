"""Batch, layer and RMS norms as people write them come out as the textbook has them:
(γ/√(σ² + ε)) ⊙ (δ − mean δ − x̂ ⊙ mean(δ ⊙ x̂))."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import tidu

N, K, EPS = 5, 4, 1e-5
RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(N, K)), RANDOM.normal(size=(N, K))
GAMMA, BETA = RANDOM.normal(size=K), RANDOM.normal(size=K)


# ------------------------------------------------------------------ batch norms
def by_moments(x: Any) -> Any:
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    return (x - mu) / np.sqrt(var + EPS)


def kept_axes(x: Any) -> Any:
    mu = np.mean(x, axis=0, keepdims=True)
    var = np.var(x, axis=0, keepdims=True)
    return (x - mu) / np.sqrt(EPS + var)


def by_sums(x: Any) -> Any:
    mu = np.sum(x, axis=0) / N
    xc = x - mu
    var = np.sum(xc**2, axis=0) / N
    std = np.sqrt(var + EPS)
    return xc / std


def in_small_steps(x: Any) -> Any:
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + EPS)
    ivar = 1.0 / sqrtvar
    return xmu * ivar


def by_power(x: Any) -> Any:
    mu = np.mean(x, axis=0)
    var = np.mean((x - mu) ** 2, axis=0)
    return (x - mu) * (var + EPS) ** -0.5


def by_root_as_power(x: Any) -> Any:
    mu = np.mean(x, 0)
    var = np.mean(np.square(x - mu), 0)
    return (x - mu) / (var + EPS) ** 0.5


def by_product_of_deviations(x: Any) -> Any:
    xc = x - x.mean(0)
    var = (xc * xc).mean(0)
    return xc * (1 / np.sqrt(var + EPS))


def inverse_first(x: Any) -> Any:
    xc = x - x.mean(axis=0)
    var = x.var(axis=0)
    return np.sqrt(1.0 / (var + EPS)) * xc


def reciprocal(x: Any) -> Any:
    xc = x - x.mean(axis=-2)
    var = np.mean(np.abs(xc) ** 2, axis=-2)
    return np.reciprocal(np.sqrt(var + EPS)) * xc


BATCH = [
    by_moments,
    kept_axes,
    by_sums,
    in_small_steps,
    by_power,
    by_root_as_power,
    by_product_of_deviations,
    inverse_first,
    reciprocal,
]
WANTED = (
    "∂L/∂x = 0.1·((γ/sqrt(var + 1e−05)) ⊙ (y − Y − mean₁(y − Y) − xhat ⊙ mean₁((y − Y) ⊙ xhat)))"
)


def gradient_of(xhat: Any, g: Any, scale: Any, axis: Any, centred: bool = True) -> Any:
    """The textbook's line."""
    along = xhat * np.mean(g * xhat, axis=axis, keepdims=True)
    return scale * (g - np.mean(g, axis=axis, keepdims=True) * centred - along)


@pytest.mark.parametrize("norm", BATCH, ids=lambda norm: norm.__name__)
def test_a_batch_norm_has_the_textbooks_gradient(norm: Callable[[Any], Any]) -> None:
    def loss(x: Any, gamma: Any, beta: Any, Y: Any) -> Any:
        xhat = norm(x)
        y = gamma * xhat + beta
        return np.mean((y - Y) ** 2)

    values = {"x": X, "gamma": GAMMA, "beta": BETA, "Y": Y}
    derivation = tidu.derive(loss, wrt="x", values=values)
    formula = str(derivation)
    shown = formula.replace("ε", "1e−05")
    for root in ("/std)", "/sqrtvar)", "/sqrt(1e−05 + var))"):
        shown = shown.replace(root, "/sqrt(var + 1e−05))")
    assert shown == WANTED, formula
    xhat = (X - X.mean(0)) / np.sqrt(X.var(0) + EPS)
    g = 2 / (N * K) * (GAMMA * xhat + BETA - Y)
    wanted = gradient_of(xhat, g, GAMMA / np.sqrt(X.var(0) + EPS), 0)
    np.testing.assert_allclose(derivation.evaluate().gradients["x"], wanted, rtol=1e-12)
    assert all(finding.agrees for finding in derivation.verify())
    page = derivation.explain("en").text()
    for line in ("var =", "xhat ="):
        assert line in page
    assert "has a derivative in terms" not in page  # nothing is run otherwise than written


# ------------------------------------------------------------------ other norms
def layer(x: Any) -> Any:
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    return (x - mu) / np.sqrt(var + EPS)


def layer_by_columns(x: Any) -> Any:
    mu = x.mean(axis=1)[:, None]
    sigma = x.std(axis=1).reshape(-1, 1)
    return (x - mu) / sigma


def layer_by_sums(x: Any) -> Any:
    mu = x.sum(axis=1, keepdims=True) / K
    xc = x - mu
    return xc / np.sqrt((xc**2).sum(axis=1, keepdims=True) / K + EPS)


def all_elements(x: Any) -> Any:
    return (x - np.mean(x)) / np.std(x)


def rms(x: Any) -> Any:
    r = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + EPS)
    return x / r


def rms_by_power(x: Any) -> Any:
    return x * (np.mean(x * x, axis=-1, keepdims=True) + EPS) ** -0.5


def rms_by_sum(x: Any) -> Any:
    return x * (1 / np.sqrt(np.sum(x**2, axis=1, keepdims=True) / K + EPS))


def rms_of_columns(x: Any) -> Any:
    return x / np.sqrt(np.mean(np.square(x), axis=0) + EPS)


OTHERS: list[tuple[Callable[[Any], Any], Any, float, bool]] = [
    (layer, 1, EPS, True),
    (layer_by_columns, 1, 0.0, True),
    (layer_by_sums, 1, EPS, True),
    (all_elements, (0, 1), 0.0, True),
    (rms, 1, EPS, False),
    (rms_by_power, 1, EPS, False),
    (rms_by_sum, 1, EPS, False),
    (rms_of_columns, 0, EPS, False),
]


@pytest.mark.parametrize(("norm", "axis", "eps", "centred"), OTHERS, ids=lambda x: str(x)[:20])
def test_layer_and_rms_norms_have_theirs(
    norm: Callable[[Any], Any], axis: Any, eps: float, centred: bool
) -> None:
    def loss(x: Any, G: Any) -> Any:
        xhat = norm(x)
        return np.sum(G * xhat)

    derivation = tidu.derive(loss, wrt="x", values={"x": X, "G": Y})
    formula, mean = str(derivation), {0: "mean₁", 1: "mean₂"}.get(axis, "mean")
    rest = f"G − {mean}(G) − xhat" if centred else "G − xhat"
    assert formula.startswith(f"∂L/∂x = ({rest} ⊙ {mean}(G ⊙ xhat))/"), formula
    top = X - X.mean(axis, keepdims=True) if centred else X
    sigma = np.sqrt(np.mean(top**2, axis=axis, keepdims=True) + eps)
    wanted = gradient_of(top / sigma, Y, 1 / sigma, axis, centred)
    np.testing.assert_allclose(derivation.evaluate().gradients["x"], wanted, rtol=1e-11)


def group(x: Any, gamma: Any) -> Any:
    parts = x.reshape(N, 2, 2)
    mu, var = parts.mean(axis=2, keepdims=True), parts.var(axis=2, keepdims=True)
    return np.sum((gamma * ((parts - mu) / np.sqrt(var + EPS)).reshape(N, K)) ** 3)


def instance(x: Any, gamma: Any) -> Any:
    images = x.reshape(1, N, 2, 2)
    mu, var = images.mean(axis=(2, 3), keepdims=True), images.var(axis=(2, 3), keepdims=True)
    xhat = (images - mu) / np.sqrt(var + EPS)
    return np.sum(gamma[0] * xhat**3)


def gain_in_front(x: Any, gamma: Any) -> Any:
    mu, var = x.mean(axis=0), x.var(axis=0)
    return np.sum((gamma * (x - mu) / np.sqrt(var + EPS)) ** 3)


def variance_used_again(x: Any, gamma: Any) -> Any:
    var = x.var(axis=0)
    return np.sum(gamma * ((x - x.mean(axis=0)) / np.sqrt(var + EPS)) ** 3) + np.sum(var**2)


@pytest.mark.parametrize(
    "loss", [group, instance, gain_in_front, variance_used_again], ids=lambda x: x.__name__
)
def test_all_orders_agree_with_differences(loss: Callable[..., Any]) -> None:
    gradient = tidu.grad(loss)
    tidu.check_grad(loss, gradient, X, GAMMA)
    tidu.check_grad(
        lambda x: np.sum(gradient(x, GAMMA) * Y),
        lambda x: tidu.hvp(lambda x: loss(x, GAMMA))(x, Y),
        X,
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("(x - mean(x, axis=0)) / sqrt(var(x, axis=0) + 1e-5)", "/sqrt(var₁(x) + 1e−05)"),
        ("(x - sum(x, axis=0) / n) / std(x, axis=0)", "/std₁(x)"),
        ("x / sqrt(mean(x**2, axis=1, keepdims=True) + 1e-6)", "/sqrt(mean₂(x²) + 1e−06)"),
    ],
)
def test_sizes_may_be_letters(text: str, wanted: str) -> None:
    shapes: Mapping[str, Any] = {"x": ("n", "d"), "G": ("n", "d")}
    derivation = tidu.derive(f"xhat = {text}\nsum(G * xhat)", wrt="x", shapes=shapes)
    formula = str(derivation)
    assert formula.endswith(wanted), formula
    assert "xhat ⊙ mean" in formula
    assert all(finding.agrees for finding in derivation.verify({"x": X, "G": Y}))


def test_what_only_looks_like_a_norm_is_derived_as_it_is() -> None:
    """Another axis in a square matrix, n − 1 for n, and the deviation of something else."""
    square = X[:4]

    def other_axis(x: Any) -> Any:
        return np.sum(Y[:4] * ((x - x.mean(axis=0)) / np.sqrt(x.var(axis=1) + EPS)))

    def sample_deviation(x: Any) -> Any:
        return np.sum(Y[:4] * ((x - x.mean(axis=0)) / x.std(axis=0, ddof=1)))

    def of_another(x: Any) -> Any:
        return np.sum(Y[:4] * ((x - x.mean(axis=0)) / np.sqrt((2 * x).var(axis=0) + EPS)))

    for loss in (other_axis, sample_deviation, of_another):
        tidu.check_grad(loss, tidu.grad(loss), square)
