"""NumPy functions that need the values of traced arrays: a guard records what was asked, and
another answer traces the function again."""

from __future__ import annotations

import math
from string import ascii_letters
from typing import Any

import numpy as np

from tidu.ir.build import constant
from tidu.ops.arrays.order import add_along_axis
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.elementwise.comparison import where as where_op
from tidu.ops.linalg.einsum import einsum as einsum_op
from tidu.spellings.record import on_arrays


@on_arrays("where", "nonzero")
def where(t: Any, condition: Any, *choices: Any) -> Any:
    """Return one of two values by a condition; without values, the indices where it holds."""
    if getattr(condition, "dtype", np.dtype(bool)).kind != "b":
        condition = condition != 0
    if not choices:
        return np.nonzero(t.recorder.plain(condition.node))
    node = where_op(*(t.recorder.lift(x) for x in (condition, *choices)))
    return t.wrap(node, *choices, number=False)  # NumPy gives an array, also without axes


@on_arrays("flatnonzero")
def flatnonzero(t: Any, a: Any) -> Any:
    """Return the indices of the elements that are not zero, counted row by row."""
    return np.nonzero(np.ravel(a))[0]


@on_arrays("argwhere")
def argwhere(t: Any, a: Any) -> Any:
    """Return the indices of the elements that are not zero, a row for each."""
    return np.transpose(where(t, a))


@on_arrays("extract")
def extract(t: Any, condition: Any, arr: Any) -> Any:
    """Return the elements where a condition holds."""
    return np.ravel(arr)[np.ravel(condition) != 0]


def _mask(t: Any, condition: Any) -> Any:
    """Return a condition as an array of booleans; if it is traced, a guard holds it fixed."""
    if type(condition) is type(t):
        return np.asarray(t.recorder.plain(condition.node), dtype=bool)
    return np.asarray(condition, dtype=bool)


@on_arrays("compress")
def compress(t: Any, condition: Any, a: Any, axis: int | None = None) -> Any:
    """Return the slices for which a condition holds."""
    return np.take(a, np.flatnonzero(_mask(t, condition)), axis=axis)


@on_arrays("take")
def take(t: Any, a: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the entries at these indices; a list of arrays counts as an array."""
    lifted = t.wrap(t.recorder.lift(a)) if type(a) is not type(t) else a
    if axis is None or not lifted.ndim:  # a number counts as a vector of one
        lifted, axis = np.ravel(lifted), 0 if axis is None else axis
    before = (slice(None),) * normal_axes(axis, lifted.ndim)[0]
    return lifted[(*before, indices)]


@on_arrays("einsum")
def einsum(t: Any, *operands: Any, optimize: Any = False) -> Any:
    """Return np.einsum in both its forms: subscripts before the operands, or a list of numbers
    behind each operand."""
    if isinstance(operands[0], str):
        text, arrays = operands[0], operands[1:]
    else:
        arrays, lists = operands[: len(operands) // 2 * 2 : 2], operands[1::2]
        terms = [_term(each) for each in lists]
        text = ",".join(terms)
        if len(operands) % 2:
            text += "->" + _term(operands[-1])
    return t.wrap(einsum_op(*(t.recorder.lift(a) for a in arrays), subscripts=text), *arrays)


def _term(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else ascii_letters[int(n)] for n in numbers)


@on_arrays("real_if_close")
def real_if_close(t: Any, a: Any, tol: float = 100) -> Any:
    """Return the real part if the imaginary part is nothing but rounding."""
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol *= float(np.finfo(a.dtype).eps)
    return a.real if np.all(np.absolute(a.imag) < tol) else a


@on_arrays("trim_zeros")
def trim_zeros(t: Any, filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Return a vector without the zeros at its ends."""
    kept = np.flatnonzero(_mask(t, filt != 0))
    if axis is not None or filt.ndim != 1:
        raise TypeError("trim_zeros of a vector alone")
    if not kept.size:
        return filt[:0]
    low = kept[0] if "f" in trim.lower() else 0
    return filt[low : kept[-1] + 1 if "b" in trim.lower() else len(filt)]


@on_arrays("bincount")
def bincount(t: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Return how many there are of each whole number, or the sum of their weights."""
    places = t.recorder.plain(x.node).astype(np.int64) if type(x) is type(t) else np.asarray(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    size = max(int(places.max(initial=-1)) + 1, minlength)
    node = add_along_axis(t.recorder.lift(weights), constant(places, "int64"), axis=0, size=size)
    return t.wrap(node)


@on_arrays("lexsort")
def lexsort(t: Any, keys: Any, axis: int = -1) -> Any:
    """Return the indices that sort by several keys, the last key first."""
    order = np.argsort(keys[0], axis=axis, stable=True)
    for key in list(keys)[1:]:
        again = np.argsort(np.take_along_axis(key, order, axis), axis=axis, stable=True)
        order = np.take_along_axis(order, again, axis)
    return order


@on_arrays("piecewise")
def piecewise(t: Any, x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Return each function on the elements for which its condition is the last to hold."""
    conditions = [_mask(t, c) for c in condlist] if isinstance(condlist, list) else None
    if conditions is None:
        whole = _mask(t, condlist)
        conditions = [whole] if whole.ndim <= np.ndim(x) else list(whole)
    else:
        conditions = [np.broadcast_to(c, np.shape(x)) for c in conditions]
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    elif len(functions) != len(conditions):
        raise ValueError(f"{len(conditions)} condition(s) need as many functions or one more")
    chosen = np.full(np.shape(x), -1)
    for i, condition in enumerate(conditions):
        chosen[condition] = i
    parts, places = [np.zeros(1)], np.zeros(np.shape(x), np.int64)
    for i, function in enumerate(functions):
        here = chosen == i
        count = int(here.sum())
        given = x[here]
        made: Any = function(given, *args, **kw) if callable(function) else function
        places[here] = sum(map(len, parts)) + np.arange(count)
        parts.append(np.broadcast_to(made, (count,)))
    return np.concatenate(parts)[places]


@on_arrays("apply_along_axis")
def apply_along_axis(t: Any, func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Return func1d applied to each line along an axis; the axes of its results take that axis'
    place."""
    moved = np.moveaxis(arr, axis, -1)
    outer = moved.shape[:-1]
    lines = np.reshape(moved, (math.prod(outer), moved.shape[-1]))
    found = np.stack([func1d(line, *args, **kwargs) for line in lines])
    inner = found.ndim - 1
    shaped = np.reshape(found, (*outer, *found.shape[1:]))
    at = axis % arr.ndim
    return np.moveaxis(
        shaped, tuple(range(len(outer), len(outer) + inner)), tuple(range(at, at + inner))
    )


@on_arrays("apply_over_axes")
def apply_over_axes(t: Any, func: Any, a: Any, axes: Any) -> Any:
    """Return a reduction along one axis after the other, which stay as axes of size one."""
    for axis in axes if isinstance(axes, list | tuple) else (axes,):
        found = func(a, axis)
        a = found if np.ndim(found) == np.ndim(a) else np.expand_dims(found, axis)
    return a
