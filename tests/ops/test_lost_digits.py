"""Derivatives keep their digits and their range where a formula as written would lose them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.evaluate import evaluate, gradient, value
from tests.ops.hessian import hessian_vector
from tidu.backends.numpy.program import evaluate as run_program
from tidu.ir.build import input_node
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import log_softmax, logsumexp, softmax
from tidu.ops.elementwise.exponential import log_sigmoid, logaddexp, sigmoid, softplus
from tidu.ops.elementwise.smooth import elu, gelu
from tidu.ops.elementwise.trigonometric import sinc, tanh
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.inverse import inv, solve


def test_sinc_near_zero_keeps_its_digits() -> None:
    """Its series: sinc x = 1 - π²x²/6 + …"""
    assert gradient(sinc, 0.0)[0] == 0.0
    assert hessian_vector(sinc, 0.0, 1.0) == pytest.approx(-(np.pi**2) / 3)
    for x in (1e-9, 1e-3, 0.3, 0.7, 2.5):
        wanted = (np.cos(np.pi * x) - np.sinc(x)) / x
        assert gradient(sinc, x)[0] == pytest.approx(wanted, abs=2e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_overflows_at_a_thousand(dtype: str) -> None:
    """Values and gradients are finite at ±1000, without a warning."""
    x = np.array([-1000.0, 0.0, 1000.0], dtype)
    for build, wanted in (
        (sigmoid, [0.0, 0.25, 0.0]),
        (softplus, [0.0, 0.5, 1.0]),
        (log_sigmoid, [1.0, 0.5, 0.0]),
        (elu, [0.0, 1.0, 1.0]),
        (lambda x: gelu(x, approximate="none"), [0.0, 0.5, 1.0]),
        (lambda x: sum_(logaddexp(0.0, x)), [0.0, 0.5, 1.0]),
        (logsumexp, [0.0, 0.0, 1.0]),
        (lambda x: -log_softmax(x)[0], [-1.0, 0.0, 1.0]),
        (lambda x: softmax(x)[2], [0.0, 0.0, 0.0]),
    ):
        (found,) = gradient(build, x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_entries_of_minus_infinity_give_finite_gradients() -> None:
    x = np.array([0.0, -np.inf])
    assert gradient(logsumexp, x)[0].tolist() == [1.0, 0.0]
    assert value(softmax, x).tolist() == [1.0, 0.0]
    assert gradient(lambda x: softmax(x)[0], x)[0].tolist() == [0.0, 0.0]


def test_solving_agrees_with_the_inverse() -> None:
    a, b = np.array([[4.0, 1.0], [2.0, 3.0]]), np.array([1.0, 2.0])
    for f, w in zip(
        gradient(solve, a, b), gradient(lambda a, b: matmul(inv(a), b), a, b), strict=True
    ):
        np.testing.assert_allclose(f, w, rtol=1e-12)


def test_quotients_keep_their_range() -> None:
    """The quotient rule where the square of the divisor is beyond all floats."""
    small = np.exp(-400.0)
    for text, values, wanted in (
        ("a/exp(x)", {"a": 1.0, "x": 400.0}, -small),
        ("sum(a/exp(x))", {"a": np.ones((2, 3)), "x": np.full(3, 400.0)}, np.full(3, -2 * small)),
        ("1/exp(x)", {"x": 400.0}, -small),
        ("a/(b/exp(x))", {"a": 2.0, "b": 4.0, "x": -400.0}, 0.5 * small),
        ("a/(b/exp(x))", {"a": 2.0, "b": 4.0, "x": 400.0}, 0.5 / small),
        ("a/(2*(b*exp(-x)*0.5))", {"a": 2.0, "b": 4.0, "x": 400.0}, 0.5 / small),
        ("a/(b*exp(-x))", {"a": 2.0, "b": 4.0, "x": 400.0}, 0.5 / small),
        ("a/(b/sigmoid(x))", {"a": 2.0, "b": 4.0, "x": -400.0}, 0.5 * small),
        ("a/(b*(1 + exp(-x)))", {"a": 2.0, "b": 4.0, "x": -400.0}, 0.5 * small),
        ("a/x", {"a": 1e300, "x": -1e200}, -1e-100),
        ("sum(a/x)", {"a": np.array([1e-300]), "x": np.array([1e-170])}, [-1e40]),
    ):
        found = tidu.derive(text, ["x"], values=values).evaluate().gradients["x"]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    page = tidu.derive("a/exp(x)", ["x"], values={"a": 1.0, "x": 400.0}).explain("en").text()
    assert "a/eˣ = a·e⁻ˣ" in page


@pytest.mark.parametrize(
    ("text", "at", "wanted"),
    [
        ("tanh(x)", 40.0, 4 * np.exp(-80.0)),
        ("-tanh(x)", -40.0, -4 * np.exp(-80.0)),
        ("x - tanh(x)", 1e-6, 1e-12),
        ("y - tanh(x) * y", 30.0, -0.5 * 4 * np.exp(-60.0)),
        ("1 - tanh(x)", 50.0, -4 * np.exp(-100.0)),
        ("log(1 - sin(x)**2)", np.pi / 2, -2 * np.tan(np.pi / 2)),
        # tanh² − 1 twice in one sum
        ("tanh(-x + (y - x) - x**3)", 3.0, -29.0 * 4 * np.exp(-65.0)),
        ("y / exp(x)**2", 200.0, -np.exp(-400.0)),
        ("y / exp(x)**3.0", 150.0, -1.5 * np.exp(-450.0)),
    ],
)
def test_complements_keep_their_digits(text: str, at: float, wanted: float) -> None:
    """1 − tanh² x and 1 − sin² x where f(x) is nearly 1, by closed forms."""
    derived = tidu.derive(text, ["x"], values={"x": at, "y": 0.5} if "y" in text else {"x": at})
    np.testing.assert_allclose(derived.evaluate().gradients["x"], wanted, 1e-9)


def test_what_is_taken_away_again_leaves_no_rounding() -> None:
    """∂L/∂y is c·2y + δ − δ, where −δ and δ are lines of their own: ∂L/∂x and ∂L/∂z."""
    values = {"x": 0.3, "z": 0.7, "y": 1.9}
    text = "tanh((z + y) - (y + x)) * (1 + 1e-12 * y**2)"
    found = tidu.derive(text, list(values), values=values).evaluate().gradients
    np.testing.assert_allclose(found["y"], np.tanh(0.4) * 2e-12 * 1.9, rtol=1e-12)
    np.testing.assert_allclose(found["z"], 1 / np.cosh(0.4) ** 2, rtol=1e-11)
    np.testing.assert_allclose(found["x"], -found["z"], rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_product_is_finite_though_its_quotient_is_not(shape: tuple[int, ...], dtype: str) -> None:
    """∂/∂y of x/(eʸ + z) is −x eʸ/(eʸ + z)², whose x/(eʸ + z)² is 0 in floats."""
    top = 386.0 if dtype == "float64" else 60.0
    x, y, z, a = (np.full(shape, v, dtype) for v in (1e-3, top, 1.5, 0.5))
    derived = tidu.derive(
        "sum(x / (exp(y) + z) * a)", ["y"], values={"x": x, "y": y, "z": z, "a": a}
    )
    wanted = np.full(shape, -0.5e-3 * np.exp(-np.float64(y)), dtype)
    lean = tidu.grad(lambda y: np.sum(x / (np.exp(y) + z) * a))(y)
    for found in (derived.evaluate().gradients["y"], lean):
        np.testing.assert_allclose(found, wanted, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_only_a_product_that_has_left_the_range_is_calculated_by_mantissas() -> None:
    y = np.array([1.0, 386.0, -2.0, 0.0])
    x = np.array([1.0, 1e-3, 0.0, -2.0])
    values = {"x": x, "y": y}
    found = tidu.derive("sum(x / (exp(y) + 1.5))", ["y"], values=values).evaluate().gradients["y"]
    plain = -(x / (np.exp(y) + 1.5) / (np.exp(y) + 1.5)) * np.exp(y)
    assert plain[1] == 0.0 != found[1]
    np.testing.assert_allclose(np.delete(found, 1), np.delete(plain, 1), rtol=1e-15, atol=0.0)


@pytest.mark.parametrize(
    "text", ["z + x*z + abs(z)", "abs(z) + x*z + z", "x*z - (abs(-z) - z) + 2*z"]
)
def test_what_a_sign_takes_away_takes_no_digits_with_it(text: str) -> None:
    values = {"x": 1e-30, "z": -3.0 if "2" not in text else 3.0}
    found = tidu.derive(text, ["z"], values=values).evaluate().gradients["z"]
    assert found == (1e-30 if "2" not in text else 2.0)


@pytest.mark.parametrize("text", ["-z / z", "z / -z", "-z / z + exp(-z) / exp(-z)"])
def test_a_constant_quotient_has_no_slope_that_only_values_cancel(text: str) -> None:
    """−z is a line of the program here, and yet cancels: 1/z − z/z² is no difference of numbers."""
    values = {"x": 3e-9, "z": -1.37}
    found = tidu.derive(f"1e9 * sin({text}) + x * z", ["z"], values=values).evaluate().gradients
    assert found["z"] == 3e-9


def test_a_square_divided_by_itself_is_exactly_one() -> None:
    values = {"x": 0.5722894706686922, "y": -1.3606520779288729}
    text = "-y - abs(sqrt(x)**2 / sqrt(x)**2 * y)"
    assert tidu.derive(text, ["y"], values=values).evaluate().gradients["y"] == 0.0


def test_one_minus_tanh_keeps_its_digits() -> None:
    x = input_node("x", (3,))
    at = np.array([-40.0, 0.5, 40.0])
    (found,) = evaluate([1.0 - tanh(x)], {x: at})
    program = run_program({"y": 1.0 - tanh(x)}, {"x": at}).outputs["y"]
    np.testing.assert_allclose(program, 2.0 / (1.0 + np.exp(2.0 * at)), 1e-14)
    np.testing.assert_allclose(found, program, atol=1e-15)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_the_slope_of_a_sigmoid_keeps_its_digits(shape: tuple[int, ...]) -> None:
    """σ (1 − σ) is shown; 1 − σ(x) is calculated as σ(−x), in either kind of run."""
    x = np.full(shape, 36.0)
    derived = tidu.derive("sum(sigmoid(x))", ["x"], values={"x": x})
    wanted = np.exp(-36.0) / (1.0 + np.exp(-36.0)) ** 2
    np.testing.assert_allclose(derived.evaluate().gradients["x"], np.full(shape, wanted), 1e-13)
    node = input_node("x", shape)
    outputs = {"left": 1.0 - sigmoid(node), "product": sigmoid(node) * (1.0 - sigmoid(node)) + node}
    for keep_all in (False, True):
        found = run_program(outputs, {"x": x}, keep_all=keep_all).outputs
        np.testing.assert_allclose(found["left"], np.full(shape, np.exp(-36.0)), rtol=1e-13)
        np.testing.assert_allclose(found["product"], x, rtol=1e-13)


@pytest.mark.parametrize(
    "function", [np.cos, np.exp, np.sqrt, np.tanh, np.arctan, lambda m: np.hypot(m, m)]
)
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_functions_of_truth_values_have_all_digits(function: Any, backend: str) -> None:
    """NumPy calculates them in half precision, three digits; the type says float64."""
    x = np.array([1.0, -1.0, 2.0])

    def loss(x: Any) -> Any:
        return np.sum(function(x > 0) * x)

    if backend == "native":
        pytest.importorskip("llvmlite")
    _, found = tidu.value_and_grad(loss, backend=backend)(x)
    wanted = function((x > 0).astype(np.float64))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-15)


def test_a_long_tower_of_squares_is_not_multiplied_out_to_order_its_factors() -> None:
    """Opened without an end, the factors of a = a·a, 300 times, would be 2³⁰⁰."""
    text = "a = x[0]\n" + "a = a*a\n" * 300 + "a"
    found = tidu.derive(text, wrt="x", values={"x": [1.0, 2.0]}).evaluate()
    assert found.value == 1.0


def test_the_tail_of_gelu_keeps_its_digits() -> None:
    """gelu(−10) = −10·Φ(−10) and gelu′(−10) = Φ(−10) − 10·φ(10), from mpmath."""
    derived = tidu.derive("gelu(x)", wrt="x", values={"x": -10.0})
    assert float(tidu.compile("gelu(x)", backend="native")(x=-10.0)) == pytest.approx(
        -7.61985302416053e-23, rel=1e-12
    )
    found = derived.evaluate()
    assert found.value == pytest.approx(-7.61985302416053e-23, rel=1e-12)
    assert float(found.gradients["x"]) == pytest.approx(-7.61840009646481e-22, rel=1e-11)
