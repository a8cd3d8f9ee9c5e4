"""The NumPy program: lean and keep-all runs agree, results are the caller's, inputs stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.program import evaluate
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.elementwise.arithmetic import absolute, square


def _agree(outputs: Mapping[str, Node], values: Mapping[str, np.ndarray]) -> None:
    program = compile_graph(outputs)
    lean = program.run(values).outputs
    every = program.run(values, keep_all=True).outputs
    for name in outputs:
        assert lean[name].shape == every[name].shape == outputs[name].shape
        assert lean[name].dtype == every[name].dtype
        np.testing.assert_allclose(lean[name], every[name], rtol=1e-15)


def test_a_view_given_out_is_not_overwritten_by_a_later_result():
    """The view's buffer must live to the end of the run, not only until the view was made."""
    x, y = input_node("x", (2, 3)), input_node("y", (2, 3))
    outputs = {"turned": (x + y).T, "last": square(square(x * y) * y)}
    _agree(outputs, {"x": np.arange(6.0).reshape(2, 3), "y": np.full((2, 3), 2.0)})


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_broadcast_numbers_keep_the_result_at_its_full_shape(shape: tuple[int, ...]):
    """Where both operands are stretched, something must still say how large the result is."""
    a, b = input_node("a", ()), input_node("b", ())
    wide_a, wide_b = broadcast_to(a, shape=shape), broadcast_to(b, shape=shape)
    outputs = {"both": wide_a * wide_b, "inner": absolute(wide_a + wide_b) - 1.0, "wide": wide_a}
    _agree(outputs, {"a": np.array(3.0), "b": np.array(-4.0)})


def test_outputs_are_the_callers_own_and_inputs_are_never_written():
    x = input_node("x", (4,))
    program = compile_graph({"same": x, "again": x, "twice": x + x, "twice too": x + x})
    given = np.arange(4.0)
    given.flags.writeable = False
    first = program.run({"x": given}).outputs
    arrays = [given, *first.values()]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[i + 1 :])
    for array in first.values():
        array[...] = np.nan
    assert program.run({"x": given}).outputs["twice"].tolist() == [0.0, 2.0, 4.0, 6.0]


def test_a_constant_given_out_can_be_written_without_harm():
    program = compile_graph({"c": constant(np.ones(2)), "sum": constant(np.ones(2)) + 1.0})
    program.run({}).outputs["c"][:] = 7.0
    assert program.run({}).outputs["c"].tolist() == [1.0, 1.0]


_MAKES: tuple[Callable[[Node, Node], Node], ...] = (
    lambda one, other: one + other,
    lambda one, other: one * 0.5 - other,
    lambda one, other: absolute(one),
    lambda one, other: broadcast_to(one, shape=(3, 3)).T,
    lambda one, other: broadcast_to(one, shape=(3, 3)) @ broadcast_to(other, shape=(3, 3)) * 0.2,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs_give_the_same_in_a_lean_and_in_a_keep_all_run(data: st.DataObject):
    """Buffers are reused and broadcasts left out, and no value changes by it."""
    nodes = [input_node("s", ()), input_node("v", (3,)), input_node("M", (3, 3))]
    for _ in range(data.draw(st.integers(1, 14))):
        one, other = data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(nodes))
        nodes.append(data.draw(st.sampled_from(_MAKES))(one, other))
    chosen = data.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=4))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = {
        "s": np.array(generator.standard_normal()),
        "v": generator.standard_normal(3),
        "M": generator.standard_normal((3, 3)),
    }
    _agree({f"out {i}": node for i, node in enumerate(chosen)}, values)


# ------------------------------------------------------------------ another order of calculation
@pytest.mark.parametrize("power", [2.0, 3.0])
@pytest.mark.parametrize(("top", "bottom"), [((), ()), ((3,), ()), ((2, 3), (3,)), ((3,), (2, 3))])
def test_a_quotient_by_a_power_is_taken_step_by_step(
    top: tuple[int, ...], bottom: tuple[int, ...], power: float
) -> None:
    """x/yⁿ where yⁿ overflows or is 0; beside it a value that shares its operands and buffers."""
    x, y = input_node("x", top), input_node("y", bottom)
    wide = x * 1e280
    outputs = {"q": wide / y**power, "rest": wide + y, "power": y**power}
    for size in (1e160, -1e160, 1.7):
        values = {"x": np.full(top, 3.0), "y": np.full(bottom, size)}
        for keep_all in (False, True):
            found = evaluate(outputs, values, keep_all=keep_all).outputs
            wanted = 3e280 / size / size / (1.0 if power == 2.0 else size)
            np.testing.assert_allclose(found["q"], np.full(outputs["q"].shape, wanted), rtol=1e-15)
            np.testing.assert_allclose(found["rest"], 3e280 + size)
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(found["power"], np.power(values["y"], power))
