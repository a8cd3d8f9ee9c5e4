"""Indexing with integers, slices, new axes and index arrays, and its adjoint, scatter-add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import Index
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.stacking import length_of, with_leading_axis
from tidu.ir.types import Dim, Shape, Type, product
from tidu.ops.arrays.index_batch import MOST_ARRAYS, batch_key, whole_axis
from tidu.ops.arrays.index_source import (
    chosen_torch,
    element_places,
    integers,
    jax_key,
    scatter_code,
    scatter_jax,
    scatter_torch,
)
from tidu.ops.arrays.keys import (
    RUN_RANGE,
    Entry,
    Key,
    check_fits,
    key_code,
    key_math,
    numpy_key,
    outside,
    result_shape,
    split,
    whole,
)
from tidu.ops.arrays.layout import reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.rows import (
    indices_by_row,
    one_of_each_row,
    put_notation,
    scatter_notation,
)
from tidu.ops.define import op, sampled, says
from tidu.words import Words

_TOO_MANY = Words(
    en="an index takes at most {limit} index arrays, here are {count}",
    zh="下标中最多 {limit} 个下标数组，这里有 {count} 个",
)


# ------------------------------------------------------------------ index and scatter
def _prepare_index(x: Node, key: Any) -> Node:
    entries, arrays = split(x, key)
    if len(arrays) > MOST_ARRAYS:
        raise InputError(_TOO_MANY(limit=MOST_ARRAYS, count=len(arrays)))
    if arrays:
        return apply(_GATHERS[len(arrays)], x, *arrays, key=entries)
    dims = iter(x.shape)
    shape = result_shape(entries, ())
    if shape and all(entry[0] == "new" or _takeswhole_axis(entry, next(dims)) for entry in entries):
        return reshape(x, shape=shape)
    return apply(index, x, key=entries)


def _takeswhole_axis(entry: Entry, n: Dim) -> bool:
    """Tell whether an entry of a key chooses all elements of its axis: x[:], or x[0] of one."""
    return entry == ("cut", 0, n, 1) or (n == 1 and entry == ("at", 0))


def _chosen_type(x: Type, *arrays: Type, key: Key) -> Type:
    check_fits(key, x.shape)
    return Type(result_shape(key, [y.shape for y in arrays]), x.dtype)


def cut(x: Node, axis: int, start: Dim, stop: Dim) -> Node:
    """Return x[…, start:stop, …] along one axis; sizes may have names."""
    return _prepare_index(x, (*[slice(None)] * axis, slice(start, stop)))


def _batched_index(xs: Sequence[Node], stacked: Sequence[bool], key: Key) -> Node:
    return apply(index, xs[0], key=(whole_axis(xs[0].shape[0]), *key))


def _batched_scatter(xs: Sequence[Node], stacked: Sequence[bool], key: Key, shape: Shape) -> Node:
    n = xs[0].shape[0]
    return apply(scatter, xs[0], key=(whole_axis(n), *key), shape=(n, *shape))


def _scattered(g: Any, key: Key, shape: tuple[int, ...]) -> Any:
    result = np.zeros(shape, g.dtype)
    result[numpy_key(key, ())] = g
    return result


index = op(
    "index",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="index",
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, key: (apply(scatter, g, key=key, shape=x.shape),),
    batched=_batched_index,
    says=says("only the chosen elements get a gradient", "只有被取出的元素有梯度"),
    source="∂xⱼ/∂xᵢ = [i = j]",
    numpy=lambda x, key: np.array(x[numpy_key(key, ())]),
    type_rule=lambda x, key: _chosen_type(x, key=key),
    prepare=_prepare_index,
    notation=lambda node, x: Index(x, key_math(node.attrs["key"], node.inputs[0].shape, ())),
    code=lambda node, x: f"{x}[{key_code(node.attrs['key'], ())}]",
    sources={"torch": lambda node, x: chosen_torch(x, node.inputs[0].shape, node.attrs["key"])},
    reads_at=lambda node, index, read: element_places(node, index, read, node.inputs[0].shape),
    aliases={},
    samples=sampled(
        (((4,),), {"key": 2}),
        (((4,),), {"key": slice(None, None, -2)}),
        (((3, 4),), {"key": (slice(1, None), -1)}),
        (((3, 4),), {"key": (slice(None, 2), None, slice(1, 4, 2))}),
    ),
    doc=says("elements chosen by integers and slices", "用整数和切片取出元素"),
)

scatter = op(
    "put_at",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.SCATTER,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, key, shape: (apply(index, g, key=key),),
    batched=_batched_scatter,
    says=says("take the elements back from their places", "从各自的位置取回元素"),
    source="⟨G, scatter(x)⟩ = ⟨G[key], x⟩",
    numpy=_scattered,
    type_rule=lambda g, key, shape: Type(shape, g.dtype),
    notation=put_notation,
    code=lambda node, g: scatter_code(node, g, ()),
    sources={
        "torch": lambda node, g: scatter_torch(node, g, ()),
        "jax": lambda node, g: scatter_jax(node, g, ()),
    },
    writes_at=lambda node, place, index, read: element_places(
        node, index, read, node.attrs["shape"]
    ),
    aliases={},
    samples=sampled(
        (((),), {"key": (("at", 2),), "shape": (4,)}),
        (((2, 1, 2),), {"key": (("cut", 0, 2, 1), ("new",), ("cut", 1, 4, 2)), "shape": (3, 4)}),
    ),
    doc=says("zeros with x at the places of a key", "在指定位置放入 x、其余为零的数组"),
)


# ------------------------------------------------------------------ index arrays
def _gathered(x: Any, *arrays: Any, key: Key) -> Any:
    return np.array(_take(x, key, arrays))


def _take(x: Any, key: Key, arrays: Sequence[Any]) -> Any:
    try:
        return x[numpy_key(key, arrays)]
    except IndexError:
        raise _out_of_range(key, x.shape, arrays) from None


def _out_of_range(key: Key, shape: tuple[int, ...], arrays: Sequence[Any]) -> EvaluationError:
    dims = iter(shape)
    for entry in key:
        if entry[0] == "new":
            continue
        n = next(dims)
        error = outside(whole(arrays[entry[1]]), n) if entry[0] == "by" else None
        if error is not None:
            return error
    return EvaluationError(RUN_RANGE(i=str(key), n=str(shape)))


def _added(g: Any, *arrays: Any, key: Key, shape: tuple[int, ...]) -> Any:
    result = np.zeros(shape, g.dtype)
    try:
        np.add.at(result, numpy_key(key, arrays), g)
    except IndexError:
        raise _out_of_range(key, shape, arrays) from None
    return result


def _batched_gather(xs: Sequence[Node], stacked: Sequence[bool], key: Key) -> Node | None:
    x, *arrays = xs
    entries = batch_key(key, arrays, stacked[1:], length_of(xs, stacked), stacked[0])
    if entries is None:
        return None
    chosen = apply(_GATHERS[len(entries.arrays)], x, *entries.arrays, key=entries.key)
    return transpose(chosen, axes=entries.order)


def _batched_add(
    xs: Sequence[Node], stacked: Sequence[bool], key: Key, shape: Shape
) -> Node | None:
    g, *arrays = xs
    length = length_of(xs, stacked)
    entries = batch_key(key, arrays, stacked[1:], length, True)
    if entries is None:
        return None
    g = g if stacked[0] else with_leading_axis(g, length)
    laid = transpose(g, axes=entries.back)
    return apply(
        _SCATTERS[len(entries.arrays)],
        laid,
        *entries.arrays,
        key=entries.key,
        shape=(length, *shape),
    )


def _suffix(count: int) -> str:
    return "" if count == 1 else str(count)


def _by_arrays(count: int) -> Key:
    """Return the key whose first entries are index arrays."""
    return tuple(("by", j) for j in range(count))


def _some_places(rng: np.random.Generator) -> Any:
    return rng.integers(0, 3, 4)


def _signed_places(rng: np.random.Generator) -> Any:
    return rng.integers(-2, 2, (2, 2))


def _gather(count: int) -> Op:
    """Return the op that gathers by `count` index arrays."""
    largest = (*(3,) * count, 4)
    return op(
        f"index_by{_suffix(count)}",
        complex=True,
        form=Form.LINEAR,
        loop=Loop.GATHER,
        operands=(Operand.VALUE, *(Operand.MASK,) * count),
        adjoint=lambda g, x, *rest, key: (
            apply(_SCATTERS[count], g, *rest[:-1], key=key, shape=x.shape),
            *(None,) * count,
        ),
        batched=_batched_gather,
        says=says(
            "a chosen element gets the gradients of all its uses",
            "被取出的元素得到各次使用的梯度之和",
        ),
        source="∂x_{k(j)}/∂xᵢ = [i = k(j)]",
        numpy=_gathered,
        type_rule=_chosen_type,
        notation=lambda node, x, *ys: Index(
            x,
            key_math(node.attrs["key"], node.inputs[0].shape, indices_by_row(node.inputs[1:], ys)),
        ),
        code=lambda node, x, *ys: f"{x}[{key_code(node.attrs['key'], integers(node, ys))}]",
        sources={
            "torch": lambda node, x, *ys: chosen_torch(
                x, node.inputs[0].shape, node.attrs["key"], ys
            ),
            # what is out of range becomes NaN; by itself JAX would take the nearest element
            "jax": lambda node, x, *ys: (
                f"{x}.at[{jax_key(node.attrs['key'], ys)}].get(mode='fill', fill_value=jnp.nan)"
            ),
        },
        reads_at=lambda node, index, read: element_places(node, index, read, node.inputs[0].shape),
        aliases={},
        samples=sampled(
            (((3,) * count, *(_some_places,) * count), {"key": _by_arrays(count)}),
            (
                (largest, *(_signed_places,) * count),
                {"key": (*_by_arrays(count), ("cut", 1, 3, 1))},
            ),
        ),
        doc=says("elements chosen by index arrays", "用下标数组取出元素"),
    )


def _scatter(count: int) -> Op:
    """Return the adjoint of gathering, which adds up where places repeat."""
    return op(
        f"add_at{_suffix(count)}",
        complex=True,
        form=Form.LINEAR,
        loop=Loop.SCATTER,
        operands=(Operand.VALUE, *(Operand.MASK,) * count),
        adjoint=lambda g, x, *rest, key, shape: (
            apply(_GATHERS[count], g, *rest[:-1], key=key),
            *(None,) * count,
        ),
        batched=_batched_add,
        says=says("take the elements back from their places", "从各自的位置取回元素"),
        source="⟨G, scatter(x)⟩ = ⟨G[key], x⟩",
        numpy=_added,
        type_rule=lambda g, *ys, key, shape: Type(shape, g.dtype),
        notation=scatter_notation,
        code=lambda node, g, *ys: scatter_code(node, g, integers(node, ys)),
        sources={
            "torch": lambda node, g, *ys: scatter_torch(node, g, ys),
            "jax": lambda node, g, *ys: scatter_jax(node, g, ys),
        },
        writes_at=lambda node, place, index, read: element_places(
            node, index, read, node.attrs["shape"]
        ),
        aliases={},
        samples=sampled(
            (((4,), *(_some_places,) * count), {"key": _by_arrays(count), "shape": (3,) * count})
        ),
        doc=says("zeros with x added at indexed places", "把 x 加到下标所指位置的零数组"),
    )


def puts_in_rows(node: Node) -> bool:
    """Tell whether a node puts one value into each row of a matrix; see `rows`."""
    return node.op is scatter_by_two and one_of_each_row(
        node.attrs["key"], node.shape, node.inputs[1:]
    )


_COUNTS = range(1, MOST_ARRAYS + 1)
_GATHERS = {count: _gather(count) for count in _COUNTS}
_SCATTERS = {count: _scatter(count) for count in _COUNTS}
gather_by_two, scatter_by_two = _GATHERS[2], _SCATTERS[2]


def take(x: Node, indices: Node, axis: int | None = None) -> Node:
    """Return NumPy's take: whole slices along an axis, or elements of the flattened array."""
    if axis is None or not x.rank:  # a number counts as a vector of one
        x, axis = reshape(x, shape=(product(x.shape),)), 0 if axis is None else axis
    at = normal_axes(axis, x.rank)[0]
    known = indices.op.role == "constant"
    by = indices.attrs["value"].array if known else indices
    return _prepare_index(x, (*[slice(None)] * at, by))


def taken(x: Node, places: Any, axis: int) -> Node:
    """Return the entries at known positions along an axis; consecutive ones as a slice."""
    order = np.asarray(places, dtype=np.int64)
    if order.size and order.ndim == 1 and np.array_equal(order, np.arange(len(order)) + order[0]):
        if len(order) == x.shape[axis]:
            return x
        return cut(x, axis, int(order[0]), int(order[0]) + len(order))
    return x[(*[slice(None)] * axis, order)]
