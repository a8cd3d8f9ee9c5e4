"""Transforms inside transforms: any order, any depth, closures, trees, branches.

The references are closed forms, and differences of the function one order below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError, ShapeError, TraceError


def differences(function: Any, x: Any, direction: Any, h: float = 1e-5) -> Any:
    return (function(x + h * direction) - function(x - h * direction)) / (2 * h)


def wave(x: Any) -> Any:
    return np.sum(np.sin(x) ** 3 * np.exp(0.3 * x))


def test_levels_are_not_confused() -> None:
    assert tidu.grad(lambda x: x * tidu.grad(lambda y: x + y)(2.0))(3.0) == 1.0
    assert tidu.grad(lambda x: x * tidu.grad(lambda y: x + y)(x))(3.0) == 1.0
    assert tidu.grad(lambda x: x * tidu.grad(lambda y: x * y)(x))(3.0) == 6.0
    shared = tidu.grad(lambda x: tidu.grad(lambda y: x * y * y)(x) * x)
    assert shared(2.0) == pytest.approx(6 * 4.0)  # d/dx 2x³
    forward = tidu.grad(lambda x: x * tidu.jvp(lambda y: x + y, (x,), (1.0,))[1])
    assert forward(3.0) == 1.0


def test_orders_one_to_five_of_a_power() -> None:
    function, wanted = (lambda x: x**5), [5.0, 20.0, 60.0, 120.0, 120.0]
    for factor, power in zip(wanted, (4, 3, 2, 1, 0), strict=True):
        function = tidu.grad(function)
        assert float(function(1.5)) == pytest.approx(factor * 1.5**power, rel=1e-12)


def test_third_order_of_a_function_of_a_vector() -> None:
    x, u, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 1.0])

    def second(y: Any) -> Any:
        return tidu.grad(lambda z: np.sum(tidu.grad(wave)(z) * v))(y)

    third = tidu.grad(lambda y: np.sum(second(y) * u))(x)
    for e, value in zip(np.eye(3), third, strict=True):
        assert differences(lambda y: np.sum(second(y) * u), x, e) == pytest.approx(value, abs=1e-7)


def test_the_three_ways_to_a_hessian_times_a_vector_agree() -> None:
    x, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 2.0, -1.0])
    wanted = differences(tidu.grad(wave), x, v)
    forward_over_reverse = tidu.jvp(tidu.grad(wave), (x,), (v,))[1]
    reverse_over_forward = tidu.grad(lambda y: tidu.jvp(wave, (y,), (v,))[1])(x)
    reverse_over_reverse = tidu.grad(lambda y: np.sum(tidu.grad(wave)(y) * v))(x)
    pulled = tidu.vjp(tidu.grad(wave), x)[1](v)[0]
    for found in (forward_over_reverse, reverse_over_forward, reverse_over_reverse, pulled):
        np.testing.assert_allclose(found, wanted, rtol=1e-7)
    np.testing.assert_allclose(tidu.hvp(wave)(x, v), forward_over_reverse, rtol=1e-12)


def test_a_step_of_descent_is_differentiated_through() -> None:
    target = np.array([1.0, -2.0])

    def inner(w: Any, rate: Any) -> Any:
        return np.sum((w - target) ** 2) * rate

    def outer(rate: Any) -> Any:
        w = np.zeros(2)
        for _ in range(3):
            w = w - tidu.grad(inner)(w, rate)
        return np.sum((w - target) ** 2)

    rate = 0.1  # w − target shrinks by (1 − 2·rate) a step
    assert outer(rate) == pytest.approx(5 * (1 - 2 * rate) ** 6)
    assert float(tidu.grad(outer)(rate)) == pytest.approx(-60 * (1 - 2 * rate) ** 5)


def test_trees_as_arguments_inside() -> None:
    p = {"W": np.arange(6.0).reshape(2, 3) / 10, "b": [np.ones(2), 0.5]}
    x = np.array([1.0, -2.0, 0.5])

    def loss(p: Any, x: Any) -> Any:
        return np.sum(np.tanh(p["W"] @ x + p["b"][0]) ** 2) * p["b"][1]

    def size(p: Any, x: Any) -> Any:
        g = tidu.grad(loss)(p, x)
        return np.sum(g["W"] ** 2) + np.sum(g["b"][0]) + g["b"][1]

    found = tidu.grad(size)(p, x)
    assert found["W"].shape == (2, 3)
    step = np.zeros((2, 3))
    step[1, 2] = 1.0
    wanted = differences(lambda w: size({**p, "W": w}, x), p["W"], step)
    assert found["W"][1, 2] == pytest.approx(wanted, rel=1e-7)
    wanted = differences(lambda y: size(p, y), x, np.eye(3)[1])
    assert tidu.grad(size, 1)(p, x)[1] == pytest.approx(wanted, rel=1e-7)


def test_branches_inside_follow_the_actual_values() -> None:
    def outer(s: Any) -> Any:
        def inner(q: Any) -> Any:
            return q**2 * s if q * s > 0 else q**3

        return tidu.grad(inner)(s * 2.0) if s > -1 else s

    assert float(outer(1.0)) == 4.0
    assert float(tidu.grad(outer)(3.0)) == pytest.approx(8 * 3.0)  # 2·(2s)·s
    assert float(tidu.grad(outer)(-2.0)) == 1.0
    guards = tidu.derive(outer, values={"s": 3.0}).graph.guards
    assert len(guards) == 2
    assert not any("·" in repr(g.condition.inputs) for g in guards)


def test_a_pull_back_is_called_in_a_derived_function() -> None:
    x = np.array([0.2, 0.4])
    value, pull = tidu.vjp(lambda x: np.sin(x) * x, x)
    np.testing.assert_allclose(value, np.sin(x) * x)
    slope = np.cos(x) * x + np.sin(x)
    for _ in range(2):
        np.testing.assert_allclose(pull(np.ones(2))[0], slope)
    # The input of the outer function has the name of the inner one's: they are not confused.
    found = tidu.grad(lambda x: np.sum(pull(x)[0] ** 2))(np.array([3.0, 5.0]))
    np.testing.assert_allclose(found, 2 * slope**2 * [3.0, 5.0])
    nested = tidu.grad(lambda x: np.sum(tidu.vjp(np.sin, x)[1](x)[0]))(x)
    np.testing.assert_allclose(nested, np.cos(x) - x * np.sin(x))


def test_inside_a_scan_and_around_one() -> None:
    def last(x: Any) -> Any:
        def step(h: Any, _: Any) -> Any:
            return h - 0.1 * tidu.grad(lambda z: z**2 * x)(h), None

        return tidu.numpy.scan(step, 1.0, length=3)[0]

    assert last(2.0) == pytest.approx((1 - 0.4) ** 3)
    assert float(tidu.grad(last)(2.0)) == pytest.approx(-0.2 * 3 * 0.6**2)
    assert float(tidu.grad(tidu.grad(last))(2.0)) == pytest.approx(0.04 * 6 * 0.6)


def test_the_gradient_of_what_is_not_traced_is_a_plain_array() -> None:
    seen: list[Any] = []

    def outer(x: Any) -> Any:
        seen.append(tidu.grad(lambda y: y**2)(3.0))
        return x * seen[0]

    assert tidu.grad(outer)(1.0) == 6.0
    assert type(seen[0]) is np.float64


def test_a_value_of_an_inner_function_does_not_leave_it() -> None:
    def outer(x: Any) -> Any:
        kept: list[Any] = []

        def inner(y: Any) -> Any:
            kept.append(y * 2)
            return y * y

        return tidu.grad(inner)(x) + kept[0]

    with pytest.raises(TraceError, match="y"):
        tidu.grad(outer)(1.0)


def test_derivatives_along_trees() -> None:
    def both(p: Any, n: Any) -> Any:
        return {"s": p["a"] * p["b"] * n, "m": (np.outer(p["a"], p["a"]),)}

    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    value, change = tidu.jvp(both, ({"a": a, "b": b}, 2), ({"a": b, "b": a}, None))
    np.testing.assert_allclose(value["s"], 2 * a * b)
    np.testing.assert_allclose(change["s"], 2 * (b * b + a * a))
    np.testing.assert_allclose(change["m"][0], np.outer(a, b) + np.outer(b, a))
    _, pull = tidu.vjp(lambda p: both(p, 2.0), {"a": a, "b": b})
    (found,) = pull({"s": np.ones(2), "m": (np.eye(2),)})
    np.testing.assert_allclose(found["a"], 2 * b + 2 * a)
    np.testing.assert_allclose(found["b"], 2 * a)


def test_what_does_not_fit_is_said() -> None:
    x = np.ones(3)
    with pytest.raises(ShapeError, match=r"tangent of x has shape \(2,\); x has shape \(3,\)"):
        tidu.jvp(lambda x: x**2, (x,), (np.ones(2),))
    with pytest.raises(InputError, match=r"p\.b is missing"):
        tidu.jvp(lambda p: p["a"] * p["b"], ({"a": 1.0, "b": 2.0},), ({"a": 1.0},))
    with pytest.raises(InputError, match="1 argument"):
        tidu.jvp(lambda x: x, (1.0,), (1.0, 2.0))
    _, pull = tidu.vjp(lambda x: x**2, x)
    with pytest.raises(ShapeError, match="cotangent") as caught:
        pull(np.ones(2))
    assert "余切向量" in caught.value.text("zh")


def test_the_inner_functions_names_stand_in_the_working() -> None:
    def outer(W: Any, x: Any) -> Any:
        def inner(z: Any) -> Any:
            hidden = np.tanh(W @ z)
            return np.sum(hidden**2)

        slope = tidu.grad(inner)(x)
        return np.sum(slope**2)

    W, x = np.eye(2), np.array([1.0, 2.0])
    d = tidu.derive(outer, wrt=["W"], values={"W": W, "x": x})
    named = {names[0].text for names in d.graph.names.values()}
    assert {"hidden", "slope"} <= named
    assert "·s0" not in d.explain().text()


def test_inner_steps_of_one_form_are_transformed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidu.calculus import modes

    X = np.random.default_rng(0).standard_normal((20, 3))
    y = X @ np.array([1.0, -1.0, 2.0])

    def inner(w: Any, weight: Any) -> Any:
        return np.mean((X @ w - y) ** 2) + weight * np.sum(w**2)

    def outer(weight: Any) -> Any:
        w = np.zeros(3)
        for _ in range(12):
            w = w - 0.1 * tidu.grad(inner)(w, weight)
        return np.sum((X @ w - y) ** 2)

    passes: list[int] = []
    reverse = modes.reverse
    monkeypatch.setattr(modes, "reverse", lambda *a, **k: passes.append(1) or reverse(*a, **k))
    found = float(tidu.grad(outer)(0.3))
    assert found == pytest.approx(differences(outer, 0.3, 1.0), rel=1e-7)
    assert len(passes) <= 2 + 2  # where w is a constant, where it is a value; and of differences


def test_a_value_of_one_inner_function_is_not_taken_for_anothers() -> None:
    """Both are differentiated for a first argument of one type: the variables stay apart."""

    def outer(x: Any) -> Any:
        kept: list[Any] = []
        tidu.grad(lambda y: (kept.append(y * 2), y * y)[1])(x)
        return tidu.grad(lambda z: z * kept[0])(x)

    with pytest.raises(TraceError, match="y"):
        tidu.grad(outer)(1.0)

    def both(x: Any) -> Any:
        first, pull = tidu.vjp(lambda y: y**2, x)
        _, pull_second = tidu.vjp(lambda z: first * z**3, x)
        return pull(pull_second(x)[0])[0]  # 2x · 3x²·x²·x

    assert float(tidu.grad(both)(2.0)) == pytest.approx(36 * 2.0**5)


def test_places_and_names_are_the_users_own() -> None:
    """No line and no variable of tidu's own verbs, through which the calls go."""

    def outer(W: Any) -> Any:
        slope = tidu.grad(lambda z: np.sum(np.tanh(W @ z)))(np.ones(2))
        return np.sum(tidu.hessian(lambda z: np.sum(z**3) * slope[0])(slope))

    graph = tidu.derive(outer, values={"W": np.eye(2)}).graph
    assert {place.file for places in graph.places.values() for place in places} == {__file__}
    assert {n.text for names in graph.names.values() for n in names} <= {"W", "slope", "L"}
