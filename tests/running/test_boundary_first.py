"""First derivatives where kinks cancel or coincide: the true slope, or the conventional value."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import NoDerivativeWarning

Function = Callable[[Any], Any]


def relu(x: Any) -> Any:
    return np.where(x > 0, x, 0.0)


CANCEL: list[tuple[str, Function, Any, Any]] = [
    ("relu(x) − relu(−x)", lambda x: relu(x) - relu(-x), 0.0, 1.0),
    ("clip", lambda x: np.clip(x, 0, None) - np.clip(-x, 0, None), 0.0, 1.0),
    ("kinks in kinks", lambda x: np.abs(np.maximum(x, 0)) - np.maximum(x, 0), 0.0, 0.0),
    (
        "of products",
        lambda w: np.sum(relu(w @ w) - relu(-(w @ w))),
        np.zeros((2, 2)),
        np.zeros((2, 2)),
    ),
    (
        "a sum of both",
        lambda x: np.sum(relu(x) + relu(-x) - np.abs(x) + x),
        np.zeros(2),
        np.ones(2),
    ),
    ("conventional", lambda x: relu(x) + np.abs(x), 0.0, 0.0),
    ("two ops of one argument", lambda x: 2.0 * relu(x) - np.abs(x), 0.0, 1.0),
    ("softplus", lambda x: relu(x) + np.log1p(np.exp(-np.abs(x))), 0.0, 0.5),
    ("a sign beside |x|", lambda x: np.sign(x) * np.abs(x), 0.0, 1.0),
    ("copysign", lambda x: np.copysign(1.0, x) * np.abs(x), 0.0, 1.0),
    (
        "tanh by its positive half",
        lambda x: np.sign(x) * (1.0 - np.exp(-2.0 * np.abs(x))) / (1.0 + np.exp(-2.0 * np.abs(x))),
        0.0,
        1.0,
    ),
    ("a root of the distance", lambda x: np.sign(x) * np.abs(x) ** 1.5, 0.0, 0.0),
    ("copysign of itself", lambda x: np.copysign(x, x), 0.0, 1.0),
    ("copysign against itself", lambda x: np.copysign(x, -x), 0.0, -1.0),
    ("copysign twice", lambda x: np.copysign(np.copysign(np.sin(x), x), x**3), 0.0, 1.0),
    ("copysign of a distance", lambda x: np.copysign(x - 1.0, 2.0 * x - 2.0), 1.0, 1.0),
    ("x less copysign", lambda x: x - np.copysign(x, x), 0.0, 0.0),
    ("a small root", lambda x: np.where(x == 0, 0.0, x * np.abs(x) ** 0.3), 0.0, 0.0),
]


@pytest.mark.parametrize(("name", "function", "x", "truth"), CANCEL, ids=[c[0] for c in CANCEL])
def test_first_derivatives_where_two_kinks_cancel(
    name: str, function: Function, x: Any, truth: Any
) -> None:
    np.testing.assert_allclose(tidu.grad(function)(x), truth, atol=1e-12)
    np.testing.assert_allclose(tidu.jacobian(function)(x), truth, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: np.heaviside(x, x), 0.0),
        (lambda x: x * np.heaviside(x - 1.0, x), 1.0),
        (lambda x: np.copysign(1.0 + x, x), 0.0),
        (lambda x: np.where(x == 0, 0.0, x / np.log(np.abs(x) + 1e-300)), 0.0),
    ],
)
def test_a_step_chosen_by_its_own_height_and_a_slow_limit_are_not_given_in_silence(
    function: Function, x: float
) -> None:
    with pytest.warns(NoDerivativeWarning):
        tidu.grad(function)(x)
    with pytest.warns(NoDerivativeWarning):
        assert np.isnan(tidu.hessian(function)(x))


def test_layers_of_a_network_are_not_looked_at_twice() -> None:
    """Zeros of one layer's units are no kinks that could cancel those of another layer."""
    from tidu.calculus.switches import entangled
    from tidu.tracing.trace import trace

    def network(w1: Any, w2: Any, x: Any) -> Any:
        return np.sum(relu(relu(x @ w1) @ w2))

    def twice(w1: Any, w2: Any, x: Any) -> Any:
        return np.sum(relu(x @ w1) @ w2 - relu(-x @ w1) @ w2)

    for function, wanted in ((network, False), (twice, True)):
        traced = trace(function, [np.ones((3, 4)), np.ones((4, 2)), np.ones((5, 3))])
        weights = [traced.graph.inputs[name] for name in ("w1", "w2")]
        assert entangled([traced.graph.outputs[traced.output]], weights) is wanted


def test_kinks_that_may_cancel_are_searched_in_long_programs_too() -> None:
    from tidu.calculus.switches import entangled
    from tidu.ir.build import input_node
    from tidu.ops.elementwise.activation import relu as rectified
    from tidu.ops.linalg.contraction import matmul

    x = node = input_node("x", (2, 2))
    for i in range(3000):
        node = rectified(matmul(node, input_node(f"w{i}", (2, 2))))
    assert not entangled([node], [x])


@pytest.mark.parametrize("size", [2, 3, 40])
@pytest.mark.parametrize("largest", [np.max, lambda v: -np.min(-v)])
def test_a_second_derivative_at_a_tie_is_conventional_as_a_whole(
    size: int, largest: Function
) -> None:
    """Its mixed entries are 0 on all sides, its others are not: none is taken from the sides."""
    v, wanted = np.ones(size), np.full((size, size), 2.0 / size**2)
    with pytest.warns(NoDerivativeWarning):
        np.testing.assert_allclose(tidu.hessian(lambda v: largest(v) ** 2)(v), wanted)
    with pytest.warns(NoDerivativeWarning):
        product = tidu.hvp(lambda v: largest(v) ** 2)(v, np.eye(size)[0])
    np.testing.assert_allclose(product, wanted[0])


def test_a_product_with_one_of_many_equal_entries_is_conventional_and_says_so() -> None:
    """So many that no side shows where this one is the largest."""
    with pytest.warns(NoDerivativeWarning, match="could not be found"):
        product = tidu.hvp(lambda v: np.max(v) ** 2)(np.ones(100), np.eye(100)[3])
    np.testing.assert_allclose(product, np.full(100, 2e-4))
    smooth = tidu.hvp(lambda v: np.sum(np.cosh(np.abs(v))))(np.zeros(100), np.eye(100)[3])
    np.testing.assert_allclose(smooth, np.eye(100)[3])


def test_a_tie_of_two_arguments_is_conventional_as_a_whole() -> None:
    second = tidu.hessian(lambda x, y: np.maximum(x, y) ** 2, argnums=(0, 1))
    with pytest.warns(NoDerivativeWarning):
        np.testing.assert_allclose(second(1.0, 1.0), np.full((2, 2), 0.5))


def test_a_kink_elsewhere_leaves_the_limit_of_an_entry() -> None:
    def both(v: Any) -> Any:
        return np.maximum(v[0], 0.0) ** 2 + np.cosh(np.abs(v[1]))

    np.testing.assert_allclose(tidu.hessian(both)(np.zeros(2)), [[0.5, 0.0], [0.0, 1.0]])


def test_a_number_has_no_entries_to_name_and_a_page_counts_from_1() -> None:
    with pytest.warns(NoDerivativeWarning, match=r"no limit there; the value given is 1"):
        tidu.hessian(lambda x: (np.cosh(np.abs(x)) - 1.0) * np.where(x > 0, 1.0, 3.0))(0.0)
    norm = tidu.derive("norm(x)", wrt="x", values={"x": [0.0, 0.0]})
    assert "(entry [1, 1])" in norm.explain("en", second=[("x", "x")]).text(400)


def test_a_clip_that_rounding_alone_touches_is_no_boundary() -> None:
    """corrcoef keeps its numbers within −1 and 1; a row with itself is 1, up to rounding."""
    x = np.random.default_rng(0).standard_normal((3, 4))
    derived = tidu.derive("sum(corrcoef(x)[0])", wrt="x", values={"x": x})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        derived.evaluate()
        tidu.grad(lambda x: np.sum(np.corrcoef(x)[0]))(x)


def unit(v: Any) -> Any:
    return np.sum(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12))


def narrow(x: Any) -> Any:
    """A smooth bump on |x| < 1e-8."""
    return np.where(np.abs(x) < 1e-8, 1e-10 * (1.0 - (x / 1e-8) ** 2) ** 3, 0.0 * x)


def test_a_boundary_within_a_small_step_is_not_stepped_over() -> None:
    """A vector of padding divided by its norm, at least 1e-12: the slope is 1e12."""
    v = np.array([[3.0, 4.0], [0.0, 0.0]])
    slope = [[0.032, -0.024], [1e12, 1e12]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(tidu.grad(unit)(v), slope, rtol=1e-9)
        truth = -6.0 * 1e-10 / 1e-16
        np.testing.assert_allclose(tidu.hessian(narrow)(0.0), truth, rtol=1e-9)


def test_numbers_of_other_sizes_do_not_move_a_boundary() -> None:
    """What an entry tends to is looked at beside it, whatever the size of the others is, also of
    those of other entries of a batch."""

    def largest(x: Any) -> Any:
        return np.max(np.abs(x[..., :3])) + 1e-300 * x[..., 3]

    def even(x: Any) -> Any:
        return np.cosh(np.abs(x[1])) + 1e-300 * x[0]

    ties, slopes = [2.0, 2.0, 0.0, 0.0], [0.5, 0.5, 0.0, 1e-300]
    small = [1e-8, 1e-8, 0.0, 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for far in (1e5, 1e160, -1e300):
            point = np.array([*ties[:3], far])
            np.testing.assert_allclose(tidu.grad(largest)(point), slopes)
            rows = np.array([ties, [far, far, 1.0, 0.0], small])
            wanted = [slopes, [0.5 * np.sign(far)] * 2 + [0.0, 1e-300], slopes]
            np.testing.assert_allclose(tidu.vmap(tidu.grad(largest))(rows), wanted)
        np.testing.assert_allclose(tidu.grad(largest)(np.array(small)), slopes)
        for other in (1e-300, 1.0, 1e10, 1e300):
            second = tidu.hessian(even)(np.array([other, 0.0]))
            np.testing.assert_allclose(second, [[0.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("size", [20, 50])
def test_what_is_seen_on_few_sides_only_is_not_overlooked(size: int) -> None:
    """Of many equal entries each is the largest on one side of many."""

    def twice(v: Any) -> Any:
        return 2.0 * np.max(v) - np.min(v)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDerivativeWarning)
        found = tidu.grad(twice)(np.zeros(size))
    np.testing.assert_allclose(found, np.full(size, 1.0 / size))


def test_many_ties_keep_the_conventional_value_and_say_so() -> None:
    with pytest.warns(NoDerivativeWarning):
        found = tidu.hessian(lambda v: np.max(v) ** 2)(np.ones(50))
    np.testing.assert_allclose(found, np.full((50, 50), 2.0 / 2500.0))


@pytest.mark.parametrize(
    "middle",
    [
        np.median,
        lambda x: np.sort(x)[1],
        lambda x: np.quantile(x, 0.5),
        lambda x: np.partition(x, 1)[1],
        lambda x: x[np.argsort(x)[1]],
    ],
)
def test_an_order_of_elements_that_depend_on_one_another(middle: Function) -> None:
    """The middle one of x, 2x and 0 is x on both sides of 0."""
    assert float(tidu.grad(lambda x: middle(np.stack([x, 2 * x, 0 * x])))(0.0)) == 1.0
    assert tidu.grad(middle)(np.zeros(3)).sum() == 1.0


@pytest.mark.parametrize("d", [1.0, 1e-3, 1e-6, 1e-9, 1e-12])
def test_a_narrow_huber_loss_is_smooth_at_zero(d: float) -> None:
    def huber(x: Any) -> Any:
        return np.sum(np.where(np.abs(x) < d, 0.5 * x * x / d, np.abs(x) - d / 2))

    assert tidu.grad(huber)(np.zeros(1)).tolist() == [0.0]
    np.testing.assert_allclose(tidu.hessian(huber)(np.zeros(1)), [[1 / d]])
