"""Arguments of a traced function: trees, settings, methods, memory layouts; none is written to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.text.evaluate import evaluate
from tidu.tracing.trace import trace


# ------------------------------------------------------------------ arguments
@dataclass(frozen=True)
class Layer:
    W: Any
    b: Any
    act: str = "tanh"


class Pair(NamedTuple):
    left: Any
    right: Any


def test_trees_of_parameters_come_back_in_their_structure() -> None:
    def loss(layers: Any, pair: Any, x: Any) -> Any:
        for layer in layers:
            x = np.tanh(layer.W @ x + layer.b)
        return x.sum() + pair.left * pair.right[0]

    layers = [Layer(np.ones((2, 2)), np.zeros(2)), Layer(np.ones((1, 2)), np.zeros(1))]
    traced = trace(loss, (layers, Pair(1.0, (2.0, None)), np.ones(2)))
    assert traced.arguments == {
        "layers": ("W0", "b0", "W1", "b1"),
        "pair": ("left", "right0"),
        "x": ("x",),
    }
    back = traced.unflatten("layers", {name: name.upper() for name in traced.arguments["layers"]})
    assert back == [Layer("W0", "B0", None), Layer("W1", "B1", None)]  # type: ignore[arg-type]
    assert traced.unflatten("pair", {"left": 3, "right0": 4}) == Pair(3, (4, None))
    assert traced.unflatten("x", {"x": 5}) == 5


def test_equal_short_names_fall_back_to_the_path() -> None:
    first = {"W": np.ones(2)}
    traced = trace(lambda a, b: np.sum(a["W"] * b["W"]), (first, first))
    assert traced.arguments == {"a": ("a_W",), "b": ("b_W",)}


def test_settings_pass_through() -> None:
    def loss(x: Any, mode: str, scale: Any = None, flag: bool = True) -> Any:
        assert mode == "sum"
        assert scale is None
        assert flag is True
        return x.sum()

    traced = trace(loss, {"x": np.ones(2), "mode": "sum", "scale": None, "flag": True})
    assert list(traced.graph.inputs) == ["x"]


def test_static_parameters_are_handed_on_as_they_are() -> None:
    data = np.ones(3)

    def loss(w: Any, data: Any) -> Any:
        assert isinstance(data, np.ndarray)
        return np.sum(w * data)

    assert list(trace(loss, (2.0, data), static=["data"]).graph.inputs) == ["w"]


def test_keyword_only_and_variable_parameters() -> None:
    def loss(x: Any, /, *more: Any, scale: Any, **rest: Any) -> Any:
        return (x + more[0] + more[1]) * scale * rest["extra"]

    traced = trace(lambda *xs: loss(*xs, scale=2.0, extra=3.0), (1.0, 2.0, 3.0))
    assert traced.result == 36.0
    named = trace(
        lambda x, *, scale, **rest: x * scale * rest["extra"],
        {"x": 2.0, "scale": 3.0, "extra": 4.0},
    )
    assert named.result == 24.0


def test_methods_partials_and_callable_objects_trace() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return x.sum()

        def loss(self, x: Any) -> Any:
            self.z = x * 2.0
            return self.z.sum()

    model = Model()
    ones = np.ones(3)
    assert trace(model, (ones,)).result == 3.0
    assert trace(model.loss, (ones,)).result == 6.0
    assert trace(functools.partial(lambda s, x: s * x.sum(), 2.0), (ones,)).result == 6.0
    assert trace(np.sum, (ones,)).result == 3.0


@given(st.sampled_from(["float64", "float32"]), st.booleans(), st.booleans())
def test_any_layout_of_memory_gives_the_same_and_stays_as_it_was(
    dtype: str, swapped: bool, reverse: bool
) -> None:
    base = np.arange(12.0).reshape(3, 4).astype(dtype)
    given_array = base.T if swapped else base
    given_array = given_array[::-1, ::2] if reverse else given_array
    given_array.flags.writeable = False
    before = base.tobytes()
    traced = trace(lambda a: np.sum(np.sin(a)), (given_array,))
    assert traced.result is not None
    assert traced.result.dtype == dtype
    np.testing.assert_allclose(traced.result, np.sum(np.sin(given_array)), rtol=1e-6)
    assert base.tobytes() == before


def test_big_endian_and_half_precision_are_read() -> None:
    assert trace(lambda a: a.sum(), (np.array([1.0, 2.0], dtype=">f8"),)).result == 3.0
    traced = trace(lambda a: a.sum(), (np.array([1, 2], dtype=np.float16),))
    assert traced.remarks[0].text("en") == "a is float16; it is calculated with as float32"
    assert traced.remarks[0].text("zh") == "a 是 float16，按 float32 计算"


def test_numbers_beside_float32_stay_float32() -> None:
    traced = trace(lambda w, s: np.sum(w * s * 2.0), (np.ones(2, np.float32), 0.5))
    assert traced.result is not None
    assert traced.result.dtype == np.float32


def test_infinity_is_a_number() -> None:
    assert trace(lambda a: a.max(), (np.array([1.0, np.inf]),)).result == np.inf


def test_changes_by_the_caller_after_tracing_change_nothing() -> None:
    captured = np.ones(3)
    w = np.ones(3)
    traced = trace(lambda w: np.sum(w * captured), (w,))
    captured[:] = 100.0
    w[:] = 100.0
    assert evaluate(traced.graph.outputs[traced.output], traced.values) == 3.0


def test_in_place_operators_are_numpys_without_touching_the_caller() -> None:
    def loss(x: Any) -> Any:
        y = x  # the same array: what is done to y is done to x
        y += 1.0
        y *= 2.0
        return np.sum(x * y)

    ones = np.ones(3)
    assert trace(loss, (ones,)).result == 3 * 16.0 == loss(np.ones(3))
    assert ones.tolist() == [1.0, 1.0, 1.0]

    def numbers(x: Any) -> Any:
        y = x
        y += 1.0
        return x * y

    assert trace(numbers, (2.0,)).result == 6.0 == numbers(2.0)
    assert trace(numbers, (np.array(2.0),)).result == 9.0 == numbers(np.array(2.0))
