"""Exported files keep the digits that the formula as shown would lose, where that costs little."""

from __future__ import annotations

import mpmath
import pytest

import tidu
from tests.backends.source.c_files import run_c
from tests.backends.source.programs import run_numpy
from tidu.api.derivation import Derivation

# A text, its own function and the places where its derivative as shown has no digits.
SATURATED = {
    "tanh(x)": (mpmath.tanh, (10.0, 25.0, -25.0, 300.0)),
    "1/(1 + exp(-x))": (lambda x: 1 / (1 + mpmath.exp(-x)), (38.0, 700.0, -700.0)),
    "1 - tanh(x)": (lambda x: 1 - mpmath.tanh(x), (25.0,)),
    "y = 2*x\nL = tanh(y)**2": (lambda x: mpmath.tanh(2 * x) ** 2, (15.0, -12.5)),
    "1/(exp(x) + 2)": (lambda x: 1 / (mpmath.exp(x) + 2), (400.0, 700.0)),
    "3/(x*x)": (lambda x: 3 / x**2, (1e-90, 1e80)),
}
CASES = [(text, x) for text, (_, places) in SATURATED.items() for x in places]


def derived(text: str, x: float) -> Derivation:
    return tidu.derive(text, wrt="x", values={"x": x})


def truth(text: str, x: float) -> float:
    with mpmath.workdps(1200):
        h = mpmath.mpf(10) ** -400
        function, at = SATURATED[text][0], mpmath.mpf(x)
        return float((function(at + h) - function(at - h)) / (2 * h))


@pytest.mark.parametrize(("text", "x"), CASES)
def test_numpy_source_keeps_its_digits(text: str, x: float) -> None:
    _, found = run_numpy(derived(text, x).to_numpy(), {"x": x})
    assert found["x"] == pytest.approx(truth(text, x), rel=1e-13, abs=0)


@pytest.mark.parametrize(("text", "x"), CASES)
def test_c_source_keeps_its_digits(text: str, x: float) -> None:
    derivation = derived(text, x)
    _, found = run_c(derivation, derivation.to_c(), {"x": x})
    assert found["x"] == pytest.approx(truth(text, x), rel=1e-13, abs=0)


def test_pytorch_and_jax_source_use_the_same_stable_form() -> None:
    tanh, sigmoid, quotient = (derived(t, 1.0) for t in ("tanh(x)", "sigmoid(x)", "1/(exp(x) + 2)"))
    assert "t = torch.exp(-2.0 * torch.abs(x))" in tanh.to_torch()
    assert "d_x = 4.0 * t / (1.0 + t) ** 2" in tanh.to_torch()
    assert "t = jnp.exp(-2.0 * jnp.abs(x))" in tanh.to_jax()
    assert "d_x = L * torch.sigmoid(-x)" in sigmoid.to_torch()
    assert "jnp.exp(jnp.minimum(-x, 0)) / (1 + jnp.exp(-jnp.abs(x)))" in sigmoid.to_jax()
    assert "-(t / v1 / v1)" in quotient.to_torch()
    assert "-(t / v1 / v1)" in quotient.to_jax()


def test_an_exponential_stands_once_in_c_source() -> None:
    assert derived("tanh(x)", 1.0).to_c().count("exp(") == 1


def test_an_argument_without_a_name_is_not_saved_for_this() -> None:
    """h is there, W·x would be saved beside it: the derivative is 1 − h² as shown."""
    shapes = {"W": (2, 3), "x": (3,), "v": (2,)}
    text = tidu.derive("h = tanh(W @ x)\nL = v @ h", wrt="W,v", shapes=shapes).to_numpy()
    assert "1.0 - h ** 2" in text
    assert text.count("exp(") == 0
    named = tidu.derive("z = W @ x\nh = tanh(z)\nL = v @ h", wrt="W,v", shapes=shapes).to_numpy()
    assert "np.exp(-2.0 * np.abs(z))" in named
