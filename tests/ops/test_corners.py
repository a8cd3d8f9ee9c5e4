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
from tests.ops.hessian import hessian_vector
from tidu.calculus.differentiate import vjp
from tidu.errors import EvaluationError, NotFiniteWarning, TiduWarning
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node
from tidu.ops.arrays.extremes import argmax, max_, min_
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import log_softmax, logsumexp
from tidu.ops.arrays.statistics import prod, std
from tidu.ops.elementwise.activation import hardtanh, leaky_relu, prelu, relu, relu6
from tidu.ops.elementwise.arithmetic import absolute, sqrt
from tidu.ops.elementwise.comparison import greater, greater_equal, where
from tidu.ops.elementwise.exponential import softplus
from tidu.ops.elementwise.lengths import arctan2, hypot
from tidu.ops.elementwise.selection import clip, maximum, minimum
from tidu.ops.elementwise.smooth import elu
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


# The cases by what they calculate, in ops; the adapters have tests of their own for the spellings.
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
