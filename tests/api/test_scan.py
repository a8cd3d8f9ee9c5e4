"""scan and named from the user's side: networks with memory, deep networks, what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
import tidu.errors
import tidu.numpy as tnp
from tidu.errors import InputError, ShapeError, TiduError, TraceError
from tidu.ir.node import reachable

Values = dict[str, Any]


def rnn(W: Any, U: Any, b: Any, h0: Any, X: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        z = W @ h + U @ x + b
        h = np.tanh(z)
        return h, h

    h, H = tnp.scan(step, h0, X)
    return np.sum(h * h) + 0.1 * np.sum(H)


def unrolled(W: Any, U: Any, b: Any, h0: Any, X: Any) -> Any:
    h, total = h0, 0.0
    for x in X:
        h = np.tanh(W @ h + U @ x + b)
        total = total + 0.1 * np.sum(h)
    return np.sum(h * h) + total


def weights(length: int = 5) -> Values:
    rng = np.random.default_rng(0)
    shapes = {"W": (3, 3), "U": (3, 2), "b": (3,), "h0": (3,), "X": (length, 2)}
    return {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}


def test_a_network_with_memory_has_the_gradients_of_its_loop() -> None:
    for length in (0, 1, 7):
        given = weights(length)
        every = tuple(range(5))
        value, gradients = tidu.value_and_grad(rnn, every)(*given.values())
        plain, wanted = tidu.value_and_grad(unrolled, every)(*given.values())
        assert value == pytest.approx(plain, rel=1e-12)
        assert value == pytest.approx(rnn(**given), rel=1e-12)  # without tidu: a plain loop
        for a, b in zip(gradients, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def gradient_size(length: int) -> int:
    derived = tidu.derive(rnn, wrt=["W", "U", "b", "h0"], **weights(length))
    return len(reachable(derived.core.gradients.values()))


def test_the_program_does_not_grow_with_the_length() -> None:
    assert gradient_size(10) == gradient_size(1000)


def test_a_named_length_serves_every_length() -> None:
    shapes = {"W": (3, 3), "U": (3, 2), "b": (3,), "h0": (3,), "X": ("T", 2)}
    derived = tidu.derive(rnn, wrt=["W"], shapes=shapes)
    for length in (0, 3):
        given = weights(length)
        found = derived.evaluate(given).gradients["W"]
        wanted = tidu.grad(unrolled)(*given.values())
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_thousand_layers_derive_in_a_second() -> None:
    def deep(W: Any, b: Any, x: Any) -> Any:
        def layer(h: Any, p: Any) -> Any:
            return np.maximum(p["W"] @ h + p["b"], 0.0), None

        return np.sum(tnp.scan(layer, x, {"W": W, "b": b})[0])

    shapes = {"W": (1000, 4, 4), "b": (1000, 4), "x": (4,)}
    start = time.process_time()
    derived = tidu.derive(deep, wrt=["W", "b"], shapes=shapes)
    assert time.process_time() - start < 1.0
    assert len(reachable(derived.core.gradients.values())) < 40


def test_the_gradients_are_checked_through_a_scan() -> None:
    derived = tidu.derive(rnn, wrt=["W", "h0"], **weights())
    text = derived.explain(lang="en").text()
    assert text.count("✓") == 2
    assert "✗" not in text


def test_a_carry_may_be_a_structure_and_go_backwards() -> None:
    def momentum(start: Any, forces: Any) -> Any:
        def step(state: Any, force: Any) -> Any:
            x, v = state["x"], state["v"]
            v = 0.9 * v + force
            return {"x": x + v, "v": v}, x

        state, path = tnp.scan(step, {"x": start, "v": 0.0}, forces, reverse=True)
        return state["x"] ** 2 + np.sum(path**2)

    def loop(start: Any, forces: Any) -> Any:
        x, v, total = start, 0.0, 0.0
        for t in range(3, -1, -1):
            total = total + x**2
            v = 0.9 * v + forces[t]
            x = x + v
        return x**2 + total

    forces = np.array([0.5, -1.0, 0.25, 2.0])
    for a, b in zip(
        tidu.grad(momentum, (0, 1))(1.5, forces), tidu.grad(loop, (0, 1))(1.5, forces), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_scans_nest() -> None:
    def nested(a: Any, X: Any) -> Any:
        def row(total: Any, x: Any) -> Any:
            def entry(h: Any, e: Any) -> Any:
                return np.sin(h * a + e), None

            return total + tnp.scan(entry, total, x)[0], None

        return tnp.scan(row, 0.5, X)[0]

    def loops(a: Any, X: Any) -> Any:
        total = 0.5
        for i in range(2):
            h = total
            for j in range(3):
                h = np.sin(h * a + X[i, j])
            total = total + h
        return total

    X = np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]])
    np.testing.assert_allclose(tidu.grad(nested)(0.7, X), tidu.grad(loops)(0.7, X), rtol=1e-12)


def test_a_plain_number_takes_the_dtype_of_the_data() -> None:
    def total(X: Any) -> Any:
        return tnp.scan(lambda s, x: (s + np.sum(x * x), None), 0.0, X)[0]

    found = tidu.grad(total)(np.ones((2, 3), np.float32))
    assert found.dtype == np.float32


# ------------------------------------------------------------------ named functions
@tidu.named
def layer(W: Any, x: Any, b: Any) -> Any:
    z = W @ x + b
    return np.tanh(z)


def network(call: Callable[..., Any]) -> Callable[..., Any]:
    def loss(W1: Any, b1: Any, W2: Any, b2: Any, x: Any) -> Any:
        h = call(W1, x, b1)
        y = call(W2, h, b2)
        return np.sum(y**2)

    return loss


def layers() -> Values:
    rng = np.random.default_rng(3)
    shapes = {"W1": (3, 3), "b1": (3,), "W2": (3, 3), "b2": (3,), "x": (3,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def test_a_named_function_has_the_gradients_of_its_text() -> None:
    given = layers()
    closed = tidu.grad(network(layer), (0, 1, 2, 3))(*given.values())
    plain = tidu.grad(network(layer.__wrapped__), (0, 1, 2, 3))(*given.values())  # type: ignore[attr-defined]
    for a, b in zip(closed, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_repeated_calls_share_one_body() -> None:
    derived = tidu.derive(network(layer), wrt=["W1"], **layers())
    held = [n.attrs["body"] for n in derived.graph.nodes() if n.op.body]
    assert len(held) == 2 and held[0] == held[1] and held[0].name == "layer"


def test_a_branch_inside_a_named_function_is_a_guard() -> None:
    @tidu.named
    def bent(x: Any) -> Any:
        return x * x if x > 0 else -x

    gradient = tidu.grad(lambda x: bent(x) + 1.0)
    assert gradient(3.0) == 6.0
    assert gradient(-3.0) == -1.0
    derived = tidu.derive(lambda x: bent(2.0 * x) + 1.0, wrt=["x"], x=1.0)
    assert len(derived.graph.guards) == 1


def test_a_named_function_keeps_settings_and_keywords() -> None:
    @tidu.named
    def scaled(x: Any, *rest: Any, power: int = 2, **extra: Any) -> Any:
        return sum((r * x**power for r in rest), extra["bias"])

    def loss(x: Any, w: Any) -> Any:
        return scaled(x, w, 2.0 * w, power=3, bias=x)

    found = tidu.grad(loss, (0, 1))(2.0, 5.0)
    assert found == pytest.approx((3 * 5.0 * 3 * 4.0 + 1.0, 3 * 8.0))


def test_a_call_of_any_function() -> None:
    found = tidu.grad(lambda x: np.sum(tnp.call(np.tanh, x)))(np.zeros(2))
    np.testing.assert_allclose(found, [1.0, 1.0])


def test_a_column_that_meets_a_vector_is_said_inside_a_body_too() -> None:
    @tidu.named
    def loss(w: Any, X: Any, y: Any) -> Any:
        return np.mean((X @ w - y) ** 2)

    with pytest.warns(tidu.errors.ShapeGrowthWarning, match=r"become \(4, 4\)") as caught:
        tidu.grad(loss)(np.ones((3, 1)), np.ones((4, 3)), np.ones(4))
    assert caught[0].filename == __file__


def test_a_body_runs_in_its_stable_form() -> None:
    @tidu.named
    def cross_entropy(z: Any, t: Any) -> Any:
        return -np.sum(t * np.log(np.exp(z) / np.sum(np.exp(z))))

    found = tidu.grad(cross_entropy)(np.array([1000.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, [1.0, -1.0, 0.0])


def test_descent_runs_on_a_scan() -> None:
    def error(params: Any, X: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            return np.tanh(params["W"] @ h + params["U"] @ x), None

        return np.sum((tnp.scan(step, np.zeros(3), X)[0] - 0.5) ** 2)

    given = weights(20)
    run = tidu.descend(error, {"W": given["W"], "U": given["U"]}, given["X"], steps=30, lr=0.05)
    assert run.losses[-1] < 0.7 * run.losses[0]


# ------------------------------------------------------------------ the working
def covered(blocks: Any) -> set[int]:
    found: set[int] = set()
    for block in blocks:
        found.update(getattr(block, "covers", ()))
        found |= covered(getattr(block, "blocks", ()))
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_body_and_its_derivative_are_shown_once(lang: str) -> None:
    text = tidu.derive(network(layer), wrt=["W1", "W2"], **layers()).explain(lang=lang).text()
    assert "h = layer(W₁, x, b₁)" in text and "y = layer(W₂, h, b₂)" in text
    assert text.count("z = W·x + b") == 1
    assert text.count("δ_z = δ_y ⊙ (1 − y²)") == 1
    assert text.count("δ_W = δ_z·xᵀ") == 1
    assert ("Inside layer" if lang == "en" else "layer 的内部") in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_recursion_is_shown_with_its_steps(lang: str) -> None:
    text = tidu.derive(rnn, wrt=["W"], **weights()).explain(lang=lang).text()
    assert "z⁽ᵗ⁾ = W·h⁽ᵗ⁻¹⁾ + U·x⁽ᵗ⁾ + b" in text
    assert "h⁽ᵗ⁾ = tanh(z⁽ᵗ⁾)" in text
    assert "δ_z⁽ᵗ⁾ = (δ_h⁽ᵗ⁾ + δ_y⁽ᵗ⁾) ⊙ (1 − (h⁽ᵗ⁾)²)" in text
    assert "δ_h⁽ᵗ⁻¹⁾ = Wᵀ·δ_z⁽ᵗ⁾" in text
    assert "sum_W⁽ᵗ⁻¹⁾ = sum_W⁽ᵗ⁾ + δ_z⁽ᵗ⁾·(h⁽ᵗ⁻¹⁾)ᵀ" in text
    assert ("t = 5, …, 1" in text) and ("t = 1, …, 5" in text)


@pytest.mark.parametrize("loss", [rnn, network(layer)])
def test_no_node_of_a_body_is_left_out(loss: Callable[..., Any]) -> None:
    from tidu.explaining.view import Options

    given = weights() if loss is rnn else layers()
    derived = tidu.derive(loss, wrt=[next(iter(given))], **given)
    shown = covered(derived.document(Options()).blocks)
    waiting = list(derived.core.gradients.values())
    while waiting:
        walk = reachable(waiting)
        waiting = [x for n in walk if n.op.body for x in n.attrs["body"].outputs]
        missing = [n for n in walk if n.inputs and n.id not in shown]
        assert not missing, missing


def test_the_element_zoom_goes_through_calls_and_steps() -> None:
    derived = tidu.derive(network(layer), wrt=["W1"], **layers())
    text = derived.explain(lang="en", zoom="element", of="W1[1,2]").text()
    wanted = tidu.grad(network(layer))(*layers().values())[0, 1]
    assert f"{wanted:.6g}".replace("-", "−") in text
    long = tidu.derive(rnn, wrt=["W"], **weights(5000))
    with pytest.raises(InputError) as caught:
        long.explain(zoom="element", of="W[1,2]")
    assert "more than 20000 operations" in caught.value.text("en")
    assert "超过 20000 个运算" in caught.value.text("zh")


def test_the_source_text_runs_without_tidu() -> None:
    for loss, given in ((rnn, weights()), (rnn, weights(0)), (network(layer), layers())):
        derived = tidu.derive(loss, wrt=[next(iter(given))], **given)
        name = next(iter(given))
        text = derived.gradient(name).numpy()
        scope: dict[str, Any] = {}
        exec(text, scope)  # noqa: S102
        function = scope[f"gradient_{name}"]
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        found = function(*(given[n] for n in names))
        np.testing.assert_allclose(found, derived.evaluate(given).gradients[name], rtol=1e-12)


def test_a_kink_can_be_set_inside_a_body() -> None:
    @tidu.named
    def bent(x: Any) -> Any:
        return np.abs(x)

    derived = tidu.derive(lambda x: bent(x) * 2.0, wrt=["x"], values={"x": 0.0}, kinks={"abs": -1})
    assert derived.evaluate({"x": 0.0}).gradients["x"] == -2.0


# ------------------------------------------------------------------ refusals
def refused(function: Callable[..., Any], *given: Any) -> TiduError:
    with pytest.raises(TiduError) as caught:
        tidu.grad(function)(*given)
    assert caught.value.place is not None and caught.value.place.line
    return caught.value


def says(error: TiduError, en: str, zh: str) -> None:
    assert en in error.text("en"), error.text("en")
    assert zh in error.text("zh"), error.text("zh")


X = np.ones((4, 2))


def test_a_step_that_returns_one_thing() -> None:
    def step(h: Any, x: Any) -> Any:
        return h + np.sum(x)

    error = refused(lambda x: tnp.scan(step, 0.0, x)[0], X)
    assert isinstance(error, TraceError)
    says(error, "step returned TracedArray; a step returns two things", "每一步要返回两样东西")
    says(error, "return h, None", "return h, None")
    with pytest.raises(TraceError):
        tnp.scan(step, 0.0, X)


def test_a_carry_with_another_number_of_parts() -> None:
    def step(state: Any, x: Any) -> Any:
        return (state[0], state[1], np.sum(x)), None

    error = refused(lambda x: tnp.scan(step, (0.0, 1.0), x)[0][0], X)
    says(
        error,
        "takes a carry of 2 part(s) and returns one of 3",
        "接收的状态有 2 个部分，返回的却有 3 个",
    )


def test_a_carry_that_changes_its_shape() -> None:
    def step(h: Any, x: Any) -> Any:
        return h + x, None

    error = refused(lambda x: np.sum(tnp.scan(step, 0.0, x)[0]), X)
    assert isinstance(error, ShapeError)
    says(error, "each step of step must give h as it takes it", "step 的每一步必须原样传递 h")
    says(error, "float64 (2,)", "float64 (2,)")


def test_a_branch_on_what_changes_from_step_to_step() -> None:
    def step(h: Any, x: Any) -> Any:
        return (h + x if x > 0 else h), None

    error = refused(lambda x: tnp.scan(step, 0.0, x)[0], np.ones(4))
    says(error, "step branches on a value that changes from step to step", "每一步都不同的值分支")
    says(error, "np.where(condition, a, b)", "np.where(条件, a, b)")


def test_a_branch_on_what_stays_is_a_guard() -> None:
    def loss(a: Any, x: Any) -> Any:
        def step(h: Any, e: Any) -> Any:
            return (h + a * e if a > 0 else h - e), None

        return tnp.scan(step, 0.0, x)[0]

    assert tidu.grad(loss)(2.0, np.ones(4)) == 4.0
    assert tidu.grad(loss)(-2.0, np.ones(4)) == 0.0


def test_arrays_of_different_lengths() -> None:
    def loss(x: Any) -> Any:
        return tnp.scan(lambda h, e: (h + e[0] * e[1], None), 0.0, (x, np.ones(3)))[0]

    error = refused(loss, np.ones(4))
    says(error, "have different lengths: 4, 3", "数组长度不同：4, 3")


def test_a_number_in_the_place_of_an_array() -> None:
    error = refused(lambda x: tnp.scan(lambda h, e: (h + e, None), 0.0, x)[0], 2.0)
    says(error, "goes through arrays entry by entry; xs is a single number", "xs 是单个数")


def test_no_length() -> None:
    error = refused(lambda x: tnp.scan(lambda h, e: (h * x, None), 1.0)[0], 2.0)
    says(error, "scan needs the number of steps", "scan 需要步数")
    assert tidu.grad(lambda x: tnp.scan(lambda h, e: (h * x, None), 1.0, length=3)[0])(2.0) == 12.0


@pytest.mark.parametrize("length", [-1, 2.5, "T", True])
def test_a_length_that_is_none(length: Any) -> None:
    error = refused(lambda x: tnp.scan(lambda h, e: (h * x, None), 1.0, length=length)[0], 2.0)
    says(error, f"length must be a whole number that is not negative, not {length!r}", "非负整数")


def test_a_carry_that_is_no_number() -> None:
    error = refused(lambda x: tnp.scan(lambda h, e: (h, e), "start", x)[1], X)
    says(error, "the carry of f holds 'start', which is no number", "的状态里有 'start'，不是数")


def test_a_value_of_a_step_that_is_used_outside() -> None:
    def loss(x: Any) -> Any:
        aside: list[Any] = []

        def step(h: Any, e: Any) -> Any:
            aside.append(e * 2.0)
            return h + e, None

        return tnp.scan(step, 0.0, x)[0] + aside[0]

    with pytest.raises(TraceError) as caught:
        tidu.grad(loss)(np.ones(3))
    says(caught.value, "belongs to one step or call of an inner function", "属于内层函数的某一步")
