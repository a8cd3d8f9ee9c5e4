"""Derivatives where pieces of a function meet: true where the kinks cancel, conventional at a true
kink, NaN where they grow without bound; never wrong in silence.

The truth stands beside each case, from a series at the point or from mpmath.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import NoDerivativeWarning, NotFiniteWarning, TiduWarning

Function = Callable[[Any], Any]


def matern(x: Any) -> Any:
    r = np.sqrt(5.0) * np.linalg.norm(x)
    return (1.0 + r + r**2 / 3.0) * np.exp(-r)


# name, function, point, Hessian there
SMOOTH: list[tuple[str, Function, Any, Any]] = [
    ("cos of a norm", lambda v: np.cos(np.linalg.norm(v)), np.zeros(2), -np.eye(2)),
    (
        "sinc of a norm",
        lambda w: 0.5 * np.sinc(np.linalg.norm(w) / 2 / np.pi) ** 2,
        np.zeros(3),
        -np.eye(3) / 12,
    ),
    ("Matérn 5/2", matern, np.zeros(2), -np.eye(2) * 5 / 3),
    ("squared norm", lambda v: np.linalg.norm(v) ** 2, np.zeros(2), 2 * np.eye(2)),
    (
        "softplus in two parts",
        lambda x: np.sum(np.maximum(x, 0) - x * 1.0 + np.log1p(np.exp(-np.abs(x)))),
        np.zeros(1),
        [[0.25]],
    ),
    (
        "cosh of |x|",
        lambda x: np.sum(np.cosh(np.abs(x))),
        np.array([0.0, 1.0]),
        np.diag([1.0, np.cosh(1.0)]),
    ),
    (
        "larger times smaller",
        lambda v: np.maximum(v[0], v[1]) * np.minimum(v[0], v[1]),
        np.full(2, 2.0),
        [[0, 1], [1, 0]],
    ),
    ("max(x², 0)", lambda x: np.sum(np.maximum(x**2, 0)), np.zeros(1), [[2.0]]),
    ("|x²|", lambda x: np.sum(np.abs(x**2)), np.zeros(1), [[2.0]]),
    ("x|x|·sign x", lambda x: np.sum(x * np.abs(x) * np.sign(x)), np.zeros(1), [[2.0]]),
    ("sorted squares", lambda x: np.sum(np.sort(x) ** 2), np.array([1.0, 1.0, 0.0]), 2 * np.eye(3)),
    (
        "relu(x) − relu(−x), squared",
        lambda x: np.sum((np.maximum(x, 0) - np.maximum(-x, 0)) ** 2),
        np.zeros(1),
        [[2.0]],
    ),
    (
        "both branches of a where",
        lambda x: np.sum(np.where(x > 0, x**3 + x**2, x**2)),
        np.zeros(1),
        [[2.0]],
    ),
    (
        "a power with exponent 0",
        lambda z: z[0] ** z[1],
        np.array([2.0, 0.0]),
        [[0, 0.5], [0.5, np.log(2) ** 2]],
    ),
    (
        "expm1(x)/x",
        lambda x: np.sum(np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x))),
        np.zeros(1),
        [[1 / 3]],
    ),
    ("|x| + cosh x", lambda x: np.sum(np.abs(x) + np.cosh(np.abs(x))), np.zeros(1), [[1.0]]),
    ("hypot of a cosine", lambda v: np.cos(np.hypot(v[0], v[1])), np.zeros(2), -np.eye(2)),
    (
        "clip inside out",
        lambda x: np.sum(np.clip(x, -1, 1) ** 2 + np.where(np.abs(x) > 1, x**2 - 1, 0)),
        np.ones(1),
        [[2.0]],
    ),
]


def verbs(function: Function) -> dict[str, Callable[[Any], Any]]:
    """Ways to a Hessian."""

    def columns(x: Any) -> Any:
        product = tidu.hvp(function)
        return np.stack([product(x, e) for e in np.eye(x.size)], axis=-1)

    def pushed(x: Any) -> Any:
        gradient = tidu.grad(function)
        return np.stack([tidu.jvp(gradient, (x,), (e,))[1] for e in np.eye(x.size)], axis=-1)

    def pulled(x: Any) -> Any:
        _, pull = tidu.vjp(tidu.grad(function), x)
        return np.stack([pull(e)[0] for e in np.eye(x.size)])

    def entry(i: int) -> Callable[[Any], Any]:
        gradient = tidu.grad(function)
        return tidu.grad(lambda x: gradient(x)[i])

    return {
        "hessian": tidu.hessian(function),
        "hvp": columns,
        "jvp of grad": pushed,
        "vjp of grad": pulled,
        "grad of grad": lambda x: np.stack([entry(i)(x) for i in range(x.size)]),
        "jacobian of grad": tidu.jacobian(tidu.grad(function)),
        "compiled": tidu.compile(tidu.hessian(function), backend="native"),
        "batch": lambda x: tidu.vmap(tidu.hessian(function))(np.stack([x, x + 0.25, x]))[2],
    }


@pytest.mark.parametrize(("name", "function", "x", "truth"), SMOOTH, ids=[c[0] for c in SMOOTH])
def test_where_kinks_cancel_the_hessian_is_that_of_the_smooth_function(
    name: str, function: Function, x: Any, truth: Any
) -> None:
    for verb, calculate in verbs(function).items():
        np.testing.assert_allclose(calculate(x), truth, rtol=1e-9, atol=1e-10, err_msg=verb)


TRUE_KINKS: list[tuple[str, Function, Any, Any]] = [
    ("relu", lambda x: np.sum(np.where(x > 0, x, 0)), np.zeros(1), [[0.0]]),
    ("|x|", lambda x: np.sum(np.abs(x)), np.zeros(2), np.zeros((2, 2))),
    ("max(x, y)", lambda v: np.maximum(v[0], v[1]), np.ones(2), np.zeros((2, 2))),
    ("half a square", lambda x: np.sum(np.maximum(x, 0) ** 2), np.zeros(1), [[0.5]]),
    (
        "Huber",
        lambda x: np.sum(np.where(np.abs(x) <= 1, 0.5 * x**2, np.abs(x) - 0.5)),
        np.ones(1),
        [[1.0]],
    ),
]


@pytest.mark.parametrize(
    ("name", "function", "x", "value"), TRUE_KINKS, ids=[c[0] for c in TRUE_KINKS]
)
def test_at_a_true_kink_the_conventional_value_holds(
    name: str, function: Function, x: Any, value: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(tidu.hessian(function)(x), value)


@pytest.mark.parametrize(
    "function",
    [np.linalg.norm, lambda v: np.sqrt(np.sum(v**2)), lambda v: np.hypot(v[0], v[1]) * 3.0],
)
def test_a_second_derivative_without_bound_is_nan_and_says_so(function: Function) -> None:
    with pytest.warns(NoDerivativeWarning, match=r"no limit there \(entry \[0, 0\]\)"):
        assert np.isnan(tidu.hessian(function)(np.zeros(2))).all()


def test_a_value_outside_of_the_one_sided_limits_is_not_given() -> None:
    """At 0 the second derivative is 3 on the right and 1 on the left; a product of conventional
    values would be 0."""
    function: Function = lambda x: np.where(x > 0, x, 0) ** 2 + np.cosh(np.abs(x))  # noqa: E731
    with pytest.warns(NoDerivativeWarning, match="no limit"):
        assert tidu.hessian(function)(0.0) == 1.0


@pytest.mark.parametrize(
    ("function", "truth"),
    [
        (lambda x: np.where(x == 0, 1.0, np.expm1(x) / x), 0.25),
        (lambda x: np.where(x == 0, 0.0, (1.0 - np.cos(x)) / x), -0.25),
        (lambda x: np.where(x == 0, 1.0, np.log1p(x) / x), -1.5),
    ],
)
def test_derivatives_nested_three_times_know_what_is_derived(
    function: Function, truth: float
) -> None:
    """A derivative in between is no function that must be continuous as the program gives it."""
    grad, hessian, jacobian = tidu.grad, tidu.hessian, tidu.jacobian
    third = grad(grad(grad(function)))
    thirds: list[Function] = [
        third,
        grad(hessian(function)),
        hessian(grad(function)),
        jacobian(jacobian(jacobian(function))),
        tidu.compile(third, backend="numpy"),
        lambda x: tidu.vmap(third)(np.array([x, 1.0]))[0],
    ]
    for verb in thirds:
        assert float(verb(0.0)) == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("order", [4, 5])
def test_a_derivative_that_rounding_hides_is_nan_and_no_zero(order: int) -> None:
    function: Function = lambda x: np.where(x == 0, 1.0, np.sin(x) / x)  # noqa: E731
    for _ in range(order):
        function = tidu.grad(function)
    with pytest.warns(NoDerivativeWarning):
        assert np.isnan(function(0.0))


def test_third_derivatives_of_smooth_functions_with_kinks_in_them() -> None:
    third = tidu.grad(tidu.grad(tidu.grad(lambda x: np.sin(np.abs(x)) * np.abs(x) + x**3)))
    assert [float(third(x)) for x in (0.0, 0.5)] == pytest.approx([6.0, 4.12293210], abs=1e-8)
    mixed = tidu.jacobian(tidu.hessian(lambda z: z[0] ** z[1]))(np.array([2.0, 1.0]))
    log = np.log(2.0)
    assert mixed[0, 0] == pytest.approx([0.0, 0.5])  # ∂³/∂x²∂y of xʸ at y = 1 is 1/x
    assert mixed[1, 1] == pytest.approx([2 * log + log**2, 2 * log**3])


# ------------------------------------------------------------------ one point of its own
POINTS: list[tuple[str, Function, float]] = [
    ("where", lambda x: np.where(x == 0, 1.0, np.expm1(x) / x), 0.5),
    ("where of another", lambda x: np.where(x != 0, np.sin(x) / x, 1.0), 0.0),
    ("a safe divisor", lambda x: np.where(x == 0, 1.0, np.log1p(x) / np.where(x == 0, 1, x)), -0.5),
    ("scaled", lambda x: 3 * x + np.where(x == 0, 0.0, x**2 / x), 4.0),
]


@pytest.mark.parametrize(("name", "function", "truth"), POINTS, ids=[c[0] for c in POINTS])
def test_a_value_given_at_one_point_has_the_slope_of_its_neighbours(
    name: str, function: Function, truth: float
) -> None:
    assert float(tidu.grad(function)(0.0)) == pytest.approx(truth, abs=1e-10)
    assert float(tidu.jacobian(function)(0.0)) == pytest.approx(truth, abs=1e-10)
    assert float(tidu.jvp(function, (0.0,), (2.0,))[1]) == pytest.approx(2 * truth, abs=1e-10)
    assert float(tidu.vjp(function, 0.0)[1](2.0)[0]) == pytest.approx(2 * truth, abs=1e-10)
    native = tidu.grad(function, backend="native")
    assert float(native(0.0)) == pytest.approx(truth, abs=1e-10)


def test_a_function_that_jumps_at_the_point_has_no_slope_and_keeps_its_value() -> None:
    jump: Function = lambda x: np.where(x == 0, 5.0, 3 * x)  # noqa: E731
    with pytest.warns(NoDerivativeWarning, match="no limit"):
        value, _ = tidu.value_and_grad(jump)(0.0)
    assert value == 5.0
    with pytest.warns(NoDerivativeWarning, match="no limit"):
        values, _ = tidu.vmap(tidu.value_and_grad(jump))(np.array([0.0, 1.0]))
    assert values.tolist() == [5.0, 3.0]


def test_data_that_do_not_move_are_no_boundary() -> None:
    """A mask of the data is what it is; only what is derived by is displaced."""
    y = np.array([0.0, 1.0])
    weighted: Function = lambda x: np.sum(np.where(y == 0, 2.0, 3.0) * x**2)  # noqa: E731
    assert np.diag(tidu.hessian(weighted)(np.zeros(2))).tolist() == [4.0, 6.0]
    both = tidu.hessian(lambda x, y: np.sum(np.where(y == 0, 2.0, 3.0) * x**2))
    assert np.diag(both(np.zeros(2), y)).tolist() == [4.0, 6.0]


def test_nothing_is_looked_at_where_no_value_lies_on_a_boundary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tidu.running import boundary

    def never(*_: Any) -> Any:
        raise AssertionError("asked without need")

    monkeypatch.setattr(boundary, "limits", never)
    hessian = tidu.hessian(lambda x: np.sum(np.cosh(np.abs(x)) + np.maximum(x, 0) ** 2))
    assert hessian(np.array([1.0, -2.0])).shape == (2, 2)
    assert tidu.grad(lambda x: np.sum(np.abs(x)))(np.zeros(3)).tolist() == [0.0] * 3


def test_a_boundary_beside_a_value_that_is_nan_is_not_passed_over_in_silence() -> None:
    """The derivative at 0 cannot be looked at: in the other entry the function has no value."""

    def cosh_and_root(x: Any) -> Any:
        return np.cosh(np.abs(x)) + np.sqrt(x + 0.5)

    second = tidu.vmap(tidu.grad(tidu.grad(cosh_and_root)))
    for derivative in (second, tidu.hessian(lambda x: np.sum(cosh_and_root(x)))):
        with pytest.warns(NoDerivativeWarning), pytest.warns(NotFiniteWarning):
            derivative(np.array([0.0, -1.0]))


def quotient(x: Any) -> Any:
    return np.sum(np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x)))


def test_numbers_whose_digits_all_cancel_beside_the_point_are_no_limit() -> None:
    """Close to 0 the formula gives 0/x³ at every step that is small enough; the truth is 1/3."""
    np.testing.assert_allclose(tidu.hessian(quotient)(np.zeros(3)), np.eye(3) / 3, atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the NaN
        found = np.diag(tidu.hessian(quotient)(np.array([1e-200, 0.0])))
    assert np.all(np.isnan(found) | np.isclose(found, 1 / 3))


@pytest.mark.skipif(
    np.finfo(np.longdouble).maxexp < 2000, reason="long doubles reach no further than others here"
)
def test_a_limit_of_numbers_that_leave_the_range_beside_the_point() -> None:
    """The slope and the curvature of √x⁴ = x² at 1e-200, where x⁴ is 0 for plain numbers."""
    point = np.array([1e-200, 0.0])
    assert tidu.grad(lambda x: np.sum(np.sqrt(x**4)))(point).tolist() == [2e-200, 0.0]
    found = tidu.hessian(lambda x: np.sum(np.sqrt(x**4)))(point)
    np.testing.assert_allclose(found, 2 * np.eye(2), rtol=1e-12)


def test_complex_numbers_have_limits_in_both_parts() -> None:
    """arccos(1 − z²)² is 2z² + … at 0; its formula divides by √(1 − (1 − z²)²)."""
    root: Function = lambda z: np.sum(np.arccos(1 - z * z) ** 2)  # noqa: E731
    for point in (np.zeros(2, complex), np.array([0j, 1 + 1j])):
        slope = tidu.grad(lambda z: np.real(root(z)))(point)
        assert slope[0] == 0
        assert np.isfinite(slope).all()
    split: Function = lambda z: np.real(z[0] * z[0]) / np.sqrt(np.abs(z[0]) ** 2)  # noqa: E731
    with pytest.warns(TiduWarning):  # it depends on the side
        tidu.grad(split)(np.zeros(1, complex))


def test_single_precision() -> None:
    zero = np.zeros(2, np.float32)
    found = tidu.hessian(lambda v: np.cos(np.linalg.norm(v)))(zero)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, -np.eye(2), atol=1e-6)
    exact = tidu.hessian(lambda x: np.sum(np.cosh(np.abs(x))))(zero)
    np.testing.assert_array_equal(exact, np.eye(2, dtype=np.float32))


def test_words_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_LANG", "zh")
    with pytest.warns(NoDerivativeWarning, match=r"导数在此没有极限（元素 \[0, 0\]）"):
        tidu.hessian(np.linalg.norm)(np.zeros(2))


# ------------------------------------------------------------------ an angle at the origin
def angle(v: Any) -> Any:
    return np.arctan2(v[0], v[1])


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_an_angle_at_the_origin_has_no_derivative_through_any_door(backend: Any) -> None:
    zero, stack = np.zeros(2), np.array([[0.0, 0.0], [1.0, 2.0]])
    twice = tidu.grad(tidu.grad(np.arctan2))
    of_one = tidu.grad(tidu.grad(lambda x: np.arctan2(x, 0.0)))
    text = tidu.derive("arctan2(v[0], v[1])", wrt="v", values={"v": zero})

    def compiled(function: Function, *args: Any) -> Any:
        return tidu.compile(function, backend=backend)(*args)

    verbs: dict[str, Callable[[], Any]] = {
        "grad": lambda: tidu.grad(angle, backend=backend)(zero),
        "hessian": lambda: compiled(tidu.hessian(angle), zero),
        "of one": lambda: of_one(0.0),
        "of one, compiled": lambda: compiled(of_one, 0.0),
        "by one argument": lambda: compiled(twice, 0.0, 0.0),
        "jvp": lambda: tidu.jvp(np.arctan2, (0.0, 0.0), (1.0, None))[1],
        "vjp": lambda: tidu.vjp(angle, zero)[1](1.0)[0],
        "hvp": lambda: tidu.hvp(angle)(zero, np.ones(2)),
        "batch": lambda: compiled(tidu.vmap(tidu.grad(angle)), stack)[0],
        "batch of second ones": lambda: compiled(tidu.vmap(twice), *stack.T)[0],
        "batch of Hessians": lambda: tidu.vmap(tidu.hessian(angle))(stack)[0],
        "text": lambda: text.evaluate().gradients["v"],
        "second of a text": lambda: text.hessian("v").evaluate(),
    }
    for name, verb in verbs.items():
        with pytest.warns(TiduWarning):
            assert np.isnan(verb()).all(), name


def test_an_entry_of_a_batch_that_has_no_derivative_takes_none_from_the_others() -> None:
    stack = np.array([[0.0, 0.0], [1.0, 2.0]])
    hessians = tidu.vmap(tidu.hessian(angle), out_axes=1)
    with pytest.warns(TiduWarning):
        found = [hessians(stack), tidu.compile(hessians)(stack)]
    for each in found:
        assert np.isnan(each[:, 0]).all()
        np.testing.assert_allclose(each[:, 1], [[-0.16, -0.12], [-0.12, 0.16]])


@pytest.mark.parametrize("scale", [1e9, 1e-9])
def test_entries_of_unlike_sizes_are_judged_each_by_its_own(scale: float) -> None:
    def slope(x: Any, a: Any) -> Any:
        return np.sum(a * np.where(x == 0, 1.0, np.expm1(x) / x))

    x, a = np.zeros(2), np.array([scale, 1.0])
    np.testing.assert_allclose(tidu.vmap(tidu.grad(slope))(x, a), a / 2, rtol=1e-9)
    np.testing.assert_allclose(tidu.grad(slope)(x, a), a / 2, rtol=1e-9)


def test_an_angle_in_a_smooth_function_has_its_derivatives() -> None:
    """r²·sin 2φ is 2xy."""

    def smooth(v: Any) -> Any:
        return (v[0] ** 2 + v[1] ** 2) * np.sin(2.0 * angle(v))

    assert tidu.grad(smooth)(np.zeros(2)).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(tidu.hessian(smooth)(np.zeros(2)), [[0, 2], [2, 0]], atol=1e-9)


# ------------------------------------------------------------------ texts and studies
def test_a_text_gives_the_same_numbers() -> None:
    derived = tidu.derive("sum(cosh(abs(x)))", wrt="x", values={"x": [0.0, 1.0]})
    np.testing.assert_allclose(derived.hessian("x").evaluate(), np.diag([1.0, np.cosh(1.0)]))
    point = tidu.derive("where(x == 0, 1, expm1(x)/x)", wrt="x", values={"x": 0.0})
    assert float(point.evaluate().gradients["x"]) == pytest.approx(0.5, abs=1e-10)
    assert [finding.kind for finding in point.verify()] == ["agrees"]


def test_the_working_says_that_a_number_is_a_limit() -> None:
    derived = tidu.derive("sum(cosh(abs(x)))", wrt="x", values={"x": [0.0]})
    shown = derived.explain("en", second=[("x", "x")]).text(400)
    assert "∂²L/∂x∂xᵀ = diag(sign(x)·cosh(|x|)·sign(x)) = 1" in shown
    assert (
        "∂²L/∂x∂xᵀ: the values lie where two pieces of the function meet; its number is the"
        in shown
    )
    point = tidu.derive("where(x == 0, 1, expm1(x)/x)", wrt="x", values={"x": 0.0})
    assert "∂L/∂x：这些值落在函数两段的交界处；所给的数是从各个方向得到的共同极限" in point.explain(
        "zh"
    ).text(400)
    norm = tidu.derive("norm(x)", wrt="x", values={"x": [0.0, 0.0]})
    assert "the derivative has no limit there" in norm.explain("en", second=[("x", "x")]).text(400)


def test_a_true_claim_about_a_value_given_at_one_point_holds(tmp_path: Any) -> None:
    study = tmp_path / "point.toml"
    study.write_text(
        'title = "a point"\nprogram = "L = where(x == 0, 1, expm1(x)/x)"\n'
        'given = {x = 0.0}\nwrt = "x"\n'
        '[[claim]]\nname = "dL/dx"\nvalue = 0.5\n[[claim]]\nname = "dL/dx"\nvalue = 0\n',
        encoding="utf-8",
    )
    (part,) = tidu.solve(study).parts
    assert [claim.holds for claim in part.claims] == [True, False]
