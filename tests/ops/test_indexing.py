"""Indexing agrees with NumPy on random keys, repeated indices sum, errors say what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.evaluate import evaluate, gradient, inputs_for
from tidu.calculus.differentiate import vjp
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import OperandError, constant, input_node
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.ops.arrays.indexing import index, take
from tidu.ops.arrays.reduction import mean
from tidu.ops.elementwise.exponential import log

SHAPE = (4, 3, 5)


@st.composite
def keys(draw: st.DrawFn) -> tuple[Any, ...]:
    """Any mixture of integers, slices, new axes, … and index arrays that fits SHAPE."""
    items: list[Any] = []
    several = draw(st.sampled_from([(2,), (2, 2), (1,)]))
    for n in SHAPE[: draw(st.integers(0, 3))]:
        bound = st.none() | st.integers(-n - 1, n + 1)
        step = st.none() | st.sampled_from([1, 2, -1, -2])
        values = st.lists(st.integers(-n, n - 1), min_size=4, max_size=4)
        item = draw(
            st.one_of(
                st.integers(-n, n - 1),
                st.builds(slice, bound, bound, step),
                values.map(lambda v: np.resize(v, several)),
                st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
                if several == (1,)
                else st.nothing(),
            )
        )
        items.append(item)
        if draw(st.booleans()):
            items.append(None)
    if sum(isinstance(i, np.ndarray) and i.dtype == bool for i in items) > 1:
        items = [slice(None) if isinstance(i, np.ndarray) and i.dtype == bool else i for i in items]
    if draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


@given(keys())
def test_a_key_means_what_it_means_to_numpy(key: tuple[Any, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(SHAPE)
    try:
        wanted = x[key]
    except IndexError:  # masks and index arrays of shapes that do not meet
        return
    (node,) = inputs_for([x])
    out = index(node, key=key)
    assert out.shape == wanted.shape
    np.testing.assert_array_equal(evaluate([out], {node: x})[0], wanted)
    g = input_node("g", out.shape)
    seed = np.random.default_rng(1).standard_normal(wanted.shape)
    (found,) = evaluate(vjp([out], [g], [node]), {node: x, g: seed})
    full = np.zeros(SHAPE)
    np.add.at(full, key, seed)
    np.testing.assert_allclose(found, full)


def test_repeated_indices_sum() -> None:
    (found,) = gradient(lambda x: (x[[0, 0]] ** 2.0)[0] + (x[[0, 0]] ** 2.0)[1], [3.0, 5.0])
    assert found.tolist() == [12.0, 0.0]


def test_the_gradient_of_a_log_likelihood() -> None:
    """logp[arange(n), y] with the labels as data, integers or floats that hold integers."""
    p, y = np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1.0, 0.0])
    nodes = inputs_for([p, y])
    loss = mean(-log(nodes[0])[np.arange(2), nodes[1]])
    (found,) = evaluate(
        vjp([loss], [constant(1.0)], nodes[:1]), dict(zip(nodes, [p, y], strict=True))
    )
    np.testing.assert_allclose(found, [[0.0, -0.625], [-1 / 1.2, 0.0]])
    with pytest.raises(EvaluationError) as error:
        evaluate([loss], dict(zip(nodes, [p, np.array([1.0, 0.5])], strict=True)))
    assert "0.5 is no index" in error.value.text("en") and "必须是整数" in error.value.text("zh")
    with pytest.raises(EvaluationError) as error:
        evaluate([loss], dict(zip(nodes, [p, np.array([1.0, 2.0])], strict=True)))
    assert "index 2 is out of range for an axis of size 2" in error.value.text("en")
    assert "下标 2 越界" in error.value.text("zh")


def test_keys_with_named_sizes_hold_at_every_size() -> None:
    n = Size.named("n")
    x = input_node("x", (n, 3))
    assert x[0].shape == (3,)
    assert x[1:].shape == (n - 1, 3)
    assert x[:-1, ::-1].shape == (n - 1, 3)
    assert x[:, None].shape == (n, 1, 3)
    assert x[::-1].shape == (n, 3)
    assert x[np.array([0, 2])].shape == (2, 3)


def test_a_key_that_takes_everything_is_the_array_itself() -> None:
    x = input_node("x", (2, 3))
    assert x[:] is x
    assert x[...] is x
    assert x[:, None, :].op is not index


X = input_node("x", (2, 3))


@pytest.mark.parametrize(
    ("key", "en", "zh"),
    [
        (2, "index 2 is out of range: axis 0 of x (2, 3) has size 2", "下标 2 越界"),
        ((0, -4), "index -4 is out of range: axis 1", "第 1 轴"),
        ((0, 0, 0), "x (2, 3) has 2 axes and cannot take 3 indices", "只有 2 个轴"),
        ("a", "an index must be an integer, a slice", "下标应为整数"),
        ((..., ...), "only one …", "只能有一个"),
        ([0, 5], "index 5 is out of range", "下标 5 越界"),
        (X > 0.0, "a calculated mask keeps is not known before the run", "在运行之前"),
        (np.array([True]), "the mask has shape (1,)", "掩码的形状"),
        (([0, 1], [0, 1, 2]), "do not fit together", "无法互相匹配"),
    ],
)
def test_an_index_out_of_range_is_refused_with_the_shape(key: Any, en: str, zh: str) -> None:
    with pytest.raises(InputError) as found:
        X[key]
    assert en in found.value.text("en")
    assert zh in found.value.text("zh")


def test_take_checks_its_range() -> None:
    with pytest.raises(OperandError, match="out of range"):
        take(X, constant(np.array([0, 7])), 1)


def test_a_node_is_not_iterable() -> None:
    """Python would otherwise try x[0], x[1], … for ever where the size has a name."""
    with pytest.raises(TypeError):
        list(X)  # type: ignore[call-overload]
    assert isinstance(X[0], Node)
