"""Shapes, memory layouts, and arrays that belong to the caller."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import ShapeError

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (2, 1, 3), (0, 3)]
PAIRS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x ** y": lambda x, y: x**y,
    "np.maximum(x, y)": np.maximum,
    "np.minimum(x, y)": np.minimum,
    "np.hypot(x, y)": np.hypot,
    "np.arctan2(x, y)": np.arctan2,
    "np.logaddexp(x, y)": np.logaddexp,
    "np.where(x > y, x * y, x)": lambda x, y: np.where(x > y, x * y, x),
}


def complex_slopes(
    operation: Callable[..., Any], x: np.ndarray, y: np.ndarray, which: int
) -> np.ndarray:
    """The gradient of the weighted sum by central differences, entry by entry."""
    values = [x, y]
    slope = np.zeros(values[which].shape)
    weights = weights_of(np.broadcast_shapes(x.shape, y.shape))
    for index in np.ndindex(slope.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = [value.copy() for value in values]
            moved[which][index] += step
            sides.append(float(np.sum(weights * operation(*moved))))
        slope[index] = (sides[0] - sides[1]) / 2e-6
    return slope


def weights_of(shape: tuple[int, ...]) -> np.ndarray:
    """Different for each element, so that a sum over the wrong axis shows."""
    return np.cos(1.0 + np.arange(int(np.prod(shape)))).reshape(shape)


@pytest.mark.filterwarnings("ignore::tidu.errors.ShapeGrowthWarning")
@pytest.mark.parametrize("text", PAIRS)
def test_broadcasting(text: str) -> None:
    """64 pairs of shapes for each operation: each gradient has its operand's shape and is right."""
    rng = np.random.default_rng(7)
    for left, right in itertools.product(SHAPES, SHAPES):
        x, y = rng.uniform(0.5, 2.0, left), rng.uniform(0.5, 2.0, right)
        try:
            shape = np.broadcast_shapes(left, right)
        except ValueError:
            with pytest.raises(ShapeError):
                tidu.derive(f"sum({text})", wrt=["x", "y"], values={"x": x, "y": y})
            continue
        values = {"x": x, "y": y, "w": weights_of(shape)}
        found = tidu.derive(f"sum(w * ({text}))", wrt=["x", "y"], values=values).evaluate()
        for which, name in enumerate(("x", "y")):
            assert found.gradients[name].shape == values[name].shape, (left, right)
            slopes = complex_slopes(PAIRS[text], x, y, which)
            np.testing.assert_allclose(found.gradients[name], slopes, rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------ layouts
def layouts(plain: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers laid out in other ways."""
    rows, columns = plain.shape
    wide = np.zeros((rows * 2, columns * 3))
    wide[::2, ::3] = plain
    raw = np.zeros(plain.nbytes + 1, dtype=np.uint8)
    unaligned = raw[1:].view(np.float64).reshape(plain.shape)
    unaligned[...] = plain
    frozen = plain.copy()
    frozen.flags.writeable = False
    return {
        "rows": plain.copy(),
        "columns": np.asfortranarray(plain),
        "backwards": plain[::-1, ::-1].copy()[::-1, ::-1],
        "strided": wide[::2, ::3],
        "unaligned": unaligned,
        "read-only": frozen,
        "other byte order": plain.astype(">f8"),
        "transposed": plain.T.copy().T,
    }


def loss(W: Any, x: Any) -> Any:
    h = np.tanh(W @ x)
    return np.sum(h * h) + np.max(W) + np.sum(np.abs(W[:, 1:]))


PROGRAM = "h = tanh(W @ x)\nsum(h * h) + max(W) + sum(abs(W[:, 1:]))"
PLAIN = np.random.default_rng(3).standard_normal((4, 3))
X = np.array([[1.0], [2.0], [-1.0]])


@pytest.mark.parametrize("layout", layouts(PLAIN))
def test_layouts_give_the_same_bits_and_are_not_written(layout: str) -> None:
    W = layouts(PLAIN)[layout]
    before = W.tobytes(), W.strides, W.flags.writeable
    wanted = tidu.grad(loss)(PLAIN, X)
    assert tidu.grad(loss)(W, X).tobytes() == wanted.tobytes()
    derived = tidu.derive(PROGRAM, wrt=["W"], values={"W": W, "x": X})
    np.testing.assert_allclose(derived.evaluate().gradients["W"], wanted, rtol=1e-14, atol=1e-15)
    run = tidu.descend(loss, {"W": W}, X, steps=3, lr=0.01, progress=False)
    assert len(run.losses) == 3
    derived.explain("en").text()
    assert (W.tobytes(), W.strides, W.flags.writeable) == before


def test_a_stretched_view_and_an_empty_array() -> None:
    stretched = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (4, 3))
    gradient = tidu.grad(lambda x: np.sum(x**2))(stretched)
    np.testing.assert_array_equal(gradient, 2 * stretched)
    empty = tidu.grad(lambda x: np.sum(x**2))(np.zeros((0, 3)))
    assert empty.shape == (0, 3)
    assert tidu.derive("sum(x**2)", values={"x": np.zeros((0, 3))}).evaluate().value == 0.0


# ------------------------------------------------------------------ whose arrays
def test_changing_an_array_after_the_derivation_changes_no_result() -> None:
    W, x = PLAIN.copy(), X.copy()
    derived = tidu.derive(PROGRAM, wrt=["W"], values={"W": W, "x": x})
    page = derived.explain("en").text()
    before = derived.evaluate()
    W[:], x[:] = 99.0, -99.0
    after = derived.evaluate()
    assert after.value == before.value
    np.testing.assert_array_equal(after.gradients["W"], before.gradients["W"])
    assert derived.explain("en").text() == page


def test_changing_an_array_during_the_function_changes_no_result() -> None:
    """Between forward and backward: the gradient of x² at 3 is 6 and not 10."""
    x = np.array([3.0])

    def square(v: Any) -> Any:
        result = np.sum(v * v)
        x[0] = 5.0
        return result

    assert tidu.grad(square)(x).tolist() == [6.0]
    assert x.tolist() == [5.0]


def test_results_belong_to_the_caller() -> None:
    """Writing into what was returned reaches neither the derivation nor a later result."""
    derived = tidu.derive(PROGRAM, wrt=["W"], values={"W": PLAIN, "x": X})
    first = derived.evaluate()
    kept = first.gradients["W"].copy()
    first.gradients["W"][:] = 0.0
    np.testing.assert_array_equal(derived.evaluate().gradients["W"], kept)
    both = tidu.value_and_grad(loss)
    _, gradient = both(PLAIN, X)
    gradient[:] = 0.0
    np.testing.assert_allclose(both(PLAIN, X)[1], kept, rtol=1e-14, atol=1e-15)


def test_descent_keeps_its_own_arrays() -> None:
    W, x = PLAIN.copy(), X.copy()
    run = tidu.descend(loss, {"W": W}, x, steps=5, lr=0.01, progress=False)
    np.testing.assert_array_equal(W, PLAIN)
    np.testing.assert_array_equal(x, X)
    moved = run.parameters["W"].copy()
    W[:] = 0.0
    np.testing.assert_array_equal(run.parameters["W"], moved)


def test_a_gradient_that_is_the_parameter_itself_is_not_shared() -> None:
    x = np.array([1.0, 2.0])
    gradient = tidu.grad(lambda v: np.sum(v * v) / 2)(x)
    gradient[:] = 7.0
    assert x.tolist() == [1.0, 2.0]
