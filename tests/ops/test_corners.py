"""Kinks, singular points and limits: PyTorch's value, or the true one where it exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.evaluate import evaluate, gradient, inputs_for, value
from tidu.backends.numpy.program import evaluate as run_program
from tidu.calculus.differentiate import jvp, vjp
from tidu.errors import EvaluationError, NotFiniteWarning, TiduWarning
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node
from tidu.ops.arrays.extremes import argmax, max_, min_
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import log_softmax, logsumexp, softmax
from tidu.ops.arrays.statistics import prod, std
from tidu.ops.elementwise.activation import hardtanh, leaky_relu, prelu, relu, relu6
from tidu.ops.elementwise.arithmetic import absolute, sqrt
from tidu.ops.elementwise.comparison import greater, greater_equal, where
from tidu.ops.elementwise.exponential import log_sigmoid, logaddexp, sigmoid, softplus
from tidu.ops.elementwise.lengths import arctan2, hypot
from tidu.ops.elementwise.selection import clip, maximum, minimum
from tidu.ops.elementwise.smooth import elu, gelu
from tidu.ops.elementwise.trigonometric import sinc, tanh
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.determinant import cofactor, det, logdet
from tidu.ops.linalg.inverse import inv, solve
from tidu.spellings.linalg.decompositions import slogdet
from tidu.spellings.linalg.norms import norm

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "kinks.jsonl")
    .read_text("utf-8")
    .splitlines()
]

# The cases by what they calculate, in ops; the doors have tests of their own for the spellings.
BUILDERS: dict[str, Callable[..., Node]] = {
    "ki02": lambda x: maximum(x, 0.0),
    "ki03": maximum,
    "ki05": lambda x: clip(x, 0, None),
    "ki09": lambda x: where(greater_equal(x, 0.0), x, 0.0),
    "ki13": sqrt,
    "ki15": lambda x: where(greater(x, 0.0), x, 0.1 * x),
    "ki16": lambda x: maximum(x, 0.1 * x),
    "ki17": prelu,
    "ki18": elu,
    "ki22": hardtanh,
    "ki30": norm,
    "ki35": lambda x: where(absolute(x) <= 1.0, 0.5 * x**2, absolute(x) - 0.5),
    "ki36": lambda x: relu(1.0 - x),
    "ki41": softplus,
    "ki45": prod,
    "ki46": logsumexp,
    "ki48": lambda x: -log_softmax(x)[1],
}


def numbers(data: Any) -> Any:
    return np.array(data, dtype=object).astype(float) if isinstance(data, list) else float(data)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("case", [c for c in CASES if c["id"] in BUILDERS], ids=lambda c: c["name"])
def test_kinks_follow_pytorch(case: dict[str, Any]) -> None:
    build = BUILDERS[case["id"]]
    found = gradient(build, *(np.asarray(numbers(v)) for v in case["at"].values()))
    for f, wanted in zip(found, case["torch_grad"].values(), strict=True):
        np.testing.assert_allclose(f, numbers(wanted), rtol=1e-12)


def test_a_study_may_set_another_value_at_a_kink() -> None:
    assert gradient(lambda x: relu(x, at=1.0), np.zeros(()))[0] == 1.0
    assert gradient(lambda x: leaky_relu(x, 0.1), np.zeros(()))[0] == 0.1
    assert gradient(lambda x: leaky_relu(x, 0.1, at=1.0), np.zeros(()))[0] == 1.0
    assert gradient(lambda x: absolute(x, at=-1.0), np.zeros(()))[0] == -1.0
    assert gradient(lambda x: clip(x, 0, 1, at=0.5), np.array([0.0, 1.0]))[0].tolist() == [0.5, 0.5]
    assert gradient(relu6, np.array([0.0, 6.0, 3.0]))[0].tolist() == [0.0, 0.0, 1.0]
    shares = gradient(lambda x, y: maximum(x, y, tie=0.3), 1.0, 1.0)
    assert [float(s) for s in shares] == pytest.approx([0.3, 0.7])
    assert [float(s) for s in gradient(minimum, 1.0, 1.0)] == [0.5, 0.5]


def test_kinks_say_where_they_are() -> None:
    """Each kink's mask is true at the kink and false beside it."""
    for build, at, beside in (
        (relu, [0.0], [0.1]),
        (lambda x: clip(x, 0, None), [0.0], [0.1]),
        (lambda x: clip(x, 0, 1), [1.0], [0.5]),
        (hardtanh, [-1.0], [0.5]),
        (norm, [0.0, 0.0], [0.0, 1.0]),
        (std, [2.0, 2.0], [2.0, 1.0]),
        (max_, [2.0, 2.0], [2.0, 1.0]),
        (min_, [2.0, 2.0], [2.0, 1.0]),
    ):
        for point, expected in ((at, True), (beside, False)):
            (x,) = inputs_for([np.array(point)])
            node = build(x)
            (kink,) = node.op.kinks
            mask = kink.where(*node.inputs, **node.attrs)
            assert mask.dtype == "bool"
            assert evaluate([mask], {x: np.array(point)})[0].all() == expected


def test_ties_are_shared_evenly() -> None:
    assert gradient(max_, [3.0, 1.0, 3.0])[0].tolist() == [0.5, 0.0, 0.5]
    assert gradient(lambda x: min_(x, axis=1), [[1.0, 1.0], [2.0, 3.0]])[0].tolist() == [
        [0.5, 0.5],
        [1.0, 0.0],
    ]


def test_argmax_is_never_differentiated() -> None:
    (found,) = gradient(lambda x: sum_(x * argmax(x)), np.array([1.0, 5.0, 2.0]))
    assert found.tolist() == [1.0, 1.0, 1.0]


def test_the_derivative_of_a_product_with_zeros_is_right() -> None:
    assert gradient(prod, [0.0, 2.0, 3.0])[0].tolist() == [6.0, 0.0, 0.0]
    assert gradient(prod, [0.0, 2.0, 0.0])[0].tolist() == [0.0, 0.0, 0.0]
    assert gradient(prod, [2.0, 3.0, 4.0])[0].tolist() == [12.0, 8.0, 6.0]


def hessian_vector(build: Callable[..., Node], x: Any, direction: Any) -> Any:
    """The derivative of the gradient along a direction."""
    x = np.asarray(x, float)
    (node,) = inputs_for([x])
    out = build(node)
    d = input_node("d", node.shape)
    (pulled,) = vjp([out], [constant(1.0)], [node])
    (pushed,) = jvp([pulled], {node: d})
    return evaluate([pushed], {node: x, d: np.asarray(direction, float)})[0]


def test_the_second_derivative_of_a_product_with_zeros_is_right() -> None:
    """∂²(abc) has bc-type entries c, b, a: right with zeros, too."""
    assert hessian_vector(prod, [0.0, 0.0, 5.0], [1.0, 0.0, 0.0]).tolist() == [0.0, 5.0, 0.0]
    assert hessian_vector(prod, [0.0, 2.0, 5.0], [0.0, 1.0, 0.0]).tolist() == [5.0, 0.0, 0.0]


SINGULAR = {
    "rank n - 1": np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]]),
    "rank 1": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),
    "zero": np.zeros((3, 3)),
}


def minors(x: Any) -> Any:
    """The cofactor matrix by its definition."""
    n = len(x)
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            rest = np.delete(np.delete(x, i, 0), j, 1)
            result[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return result


@pytest.mark.parametrize("name", SINGULAR)
def test_the_derivative_of_a_singular_determinant_is_right(name: str) -> None:
    x = SINGULAR[name]
    np.testing.assert_allclose(gradient(det, x)[0], minors(x), atol=1e-12)


@pytest.mark.parametrize("name", SINGULAR)
def test_the_second_derivative_of_a_singular_determinant_is_right(name: str) -> None:
    x, direction = SINGULAR[name], np.random.default_rng(1).standard_normal((3, 3))
    wanted = (minors(x + 1e-4 * direction) - minors(x - 1e-4 * direction)) / 2e-4
    np.testing.assert_allclose(hessian_vector(det, x, direction), wanted, atol=1e-7)


def test_determinants_of_small_matrices_have_exact_gradients() -> None:
    assert gradient(det, [[5.0]])[0].tolist() == [[1.0]]
    np.testing.assert_allclose(
        gradient(det, [[1.0, 2.0], [3.0, 4.0]])[0], [[4, -3], [-2, 1]], atol=1e-12
    )
    np.testing.assert_allclose(
        value(cofactor, [[0.0, 0.0], [0.0, 3.0]]), [[3, 0], [0, 0]], atol=1e-12
    )


@pytest.mark.parametrize("build", [inv, lambda x: solve(x, np.ones(3))], ids=["inv", "solve"])
@pytest.mark.parametrize("name", [*SINGULAR, "rounding"])
def test_a_singular_matrix_has_no_inverse(build: Callable[..., Node], name: str) -> None:
    x = np.arange(1.0, 10.0).reshape(3, 3) if name == "rounding" else SINGULAR[name]
    with pytest.raises(EvaluationError) as found:
        value(build, x)
    assert "singular" in found.value.text("en") and "condition number" in found.value.text("en")
    assert "奇异" in found.value.text("zh") and "条件数" in found.value.text("zh")


def test_slogdet_gives_sign_and_logarithm() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    (node,) = inputs_for([x])
    sign, size = slogdet(node)
    found = evaluate([sign, size], {node: x})
    assert found[0] == -1.0
    assert found[1] == pytest.approx(np.log(2.0))
    np.testing.assert_allclose(gradient(lambda a: slogdet(a).logabsdet, x)[0], np.linalg.inv(x).T)
    assert np.isnan(value(logdet, x))


def test_norms_at_zero_have_the_conventional_derivative() -> None:
    zero = np.zeros(2)
    assert gradient(norm, zero)[0].tolist() == [0.0, 0.0]
    assert gradient(lambda x: norm(x) ** 2, zero)[0].tolist() == [0.0, 0.0]
    assert gradient(lambda x: norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]])[0].tolist() == [
        [0.0, 0.0],
        [0.6, 0.8],
    ]
    assert gradient(std, [2.0, 2.0, 2.0])[0].tolist() == [0.0, 0.0, 0.0]
    assert [float(g) for g in gradient(hypot, 0.0, 0.0)] == [0.0, 0.0]
    with np.errstate(all="ignore"):
        assert all(np.isnan(g) for g in gradient(arctan2, 0.0, 0.0))


def test_powers_at_zero_have_the_right_derivatives() -> None:
    assert gradient(lambda x, y: x**y, 0.0, 2.0)[1] == 0.0
    assert gradient(lambda x, y: x**y, 0.0, 0.0)[0] == 0.0
    assert gradient(lambda x: x**0, 0.0)[0] == 0.0


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


def slope(of: Node, by: Node) -> Node:
    (found,) = vjp([of], [constant(1.0)], [by])
    return found


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_power_of_zero_is_flat_in_its_exponent(order: int) -> None:
    """0ʸ = 0 for all y > 0, so each derivative by y is 0."""
    x, y = input_node("x", ()), input_node("y", ())
    found = x**y
    for _ in range(order):
        found = slope(found, y)
    for base, exponent in ((0.0, 1.0), (0.0, 2.5), (0.7, 1.5)):
        (at,) = evaluate([found], {x: np.array(base), y: np.array(exponent)})
        wanted = 0.0 if base == 0 else base**exponent * np.log(base) ** order
        np.testing.assert_allclose(at, wanted, rtol=1e-14)


@pytest.mark.parametrize(("exponent", "wanted"), [(2.0, 0.0), (1.5, 0.0), (1.0, -np.inf)])
def test_the_mixed_derivative_of_a_power_at_zero(exponent: float, wanted: float) -> None:
    """y xʸ⁻¹ ln x + xʸ⁻¹ → 0 for y > 1 and → −∞ for y = 1."""
    x, y = input_node("x", ()), input_node("y", ())
    for mixed in (slope(slope(x**y, y), x), slope(slope(x**y, x), y)):
        (at,) = evaluate([mixed], {x: np.array(0.0), y: np.array(exponent)})
        assert at == wanted


@pytest.mark.parametrize("larger", [lambda x: np.maximum(x, -x), lambda x: np.minimum(-x, x)])
def test_the_larger_of_x_and_minus_x_is_its_absolute_value(larger: Callable[[Any], Any]) -> None:
    """max(x, −x)² is x², at 0 as well."""
    at = np.array([0.0, 1.5, -2.0])

    def f(x: Any) -> Any:
        return np.sum(larger(x) ** 2)

    np.testing.assert_allclose(tidu.hessian(f)(at), 2 * np.eye(3))
    np.testing.assert_allclose(tidu.grad(f)(at), 2 * at)


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


ANGLES: list[Callable[[Any], Any]] = [
    lambda y: np.arctan2(y, 0.0),
    lambda y: np.arctan2(0.0, y),
    lambda y: np.arctan2(y, -0.0),
    lambda y: np.arctan2(0 * np.exp(y), y),
    lambda y: np.arctan2(y, y),
    lambda y: np.arctan2(y, -y),
    lambda y: np.arctan2(-y, y),
    lambda y: np.arctan2(3.0 * y, 2.0 * y),
    lambda y: np.arctan2(y, y - y),
    lambda y: np.arctan2(y - y, y),
]


@pytest.mark.parametrize("angle", ANGLES, ids=range(len(ANGLES)))
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_an_angle_has_no_slope_at_the_origin(angle: Callable[[Any], Any], backend: str) -> None:
    """It jumps there, though the formula of the slope simplifies to 0."""
    if backend == "native":
        pytest.importorskip("llvmlite")
    at = np.array([0.5, 0.0, -2.0])

    def loss(y: Any) -> Any:
        return np.sum(angle(y))

    every = tidu.compile(tidu.grad(loss), backend=backend), tidu.jacobian(loss)
    each = tidu.vmap(tidu.grad(angle))
    for slope in (tidu.grad(loss, backend=backend), *every, each):
        with pytest.warns(NotFiniteWarning):
            found = slope(at)
        np.testing.assert_array_equal(np.isnan(found), [False, True, False])
        np.testing.assert_allclose(found[[0, 2]], 0.0, atol=1e-15)
    with pytest.warns(NotFiniteWarning):
        assert np.isnan(tidu.jvp(angle, (0.0,), (1.0,))[1])
    with pytest.warns(TiduWarning):
        tidu.hessian(angle)(0.0)


def test_an_angle_on_a_smooth_way_through_the_origin_has_its_slope() -> None:
    assert tidu.grad(lambda y: np.arctan2(y**3, y**2))(0.0) == pytest.approx(1.0)
    assert tidu.grad(lambda y: np.arctan2(0 * y, 0.0))(0.0) == 0.0
    assert tidu.grad(lambda y: np.arctan2(y, 0.0))(0.5) == 0.0


def test_no_limit_is_taken_where_a_function_jumps() -> None:
    """arg x, π and then 0, is flat on either side of 0."""

    def f(x: Any) -> Any:
        return np.log(x + 0j).imag

    with pytest.warns(NotFiniteWarning):
        assert np.isnan(tidu.grad(f)(0.0))
    assert tidu.grad(f)(2.0) == 0.0


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
