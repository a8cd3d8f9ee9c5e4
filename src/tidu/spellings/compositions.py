"""NumPy functions that are no op of their own: layout by other ops, questions about shapes, masks.

Each takes the traced array that received the call, then NumPy's own arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from string import ascii_letters
from typing import Any

import numpy as np

from tidu.ir.build import constant
from tidu.ops.arrays.numeric import gradient_of
from tidu.ops.arrays.order import add_along_axis
from tidu.ops.arrays.rearrange import insert
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.windows import sliding
from tidu.ops.elementwise.comparison import where
from tidu.ops.linalg.einsum import einsum


def _where(t: Any, condition: Any, *choices: Any) -> Any:
    if getattr(condition, "dtype", np.dtype(bool)).kind != "b":
        condition = condition != 0
    if not choices:
        return np.nonzero(t.recorder.plain(condition.node))
    node = where(*(t.recorder.lift(x) for x in (condition, *choices)))
    chosen = t._wrap(node, *choices)
    chosen._number = False  # NumPy gives an array, also one without axes
    return chosen


def _any(t: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    ones = np.where(a if a.dtype.kind == "b" else a != 0, 1.0, 0.0)
    return np.sum(ones, axis=axis, keepdims=keepdims) > 0


def _all(t: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    missing = np.where(a if a.dtype.kind == "b" else a != 0, 0.0, 1.0)
    return np.sum(missing, axis=axis, keepdims=keepdims) == 0


def _xor(a: Any, b: Any) -> Any:
    return np.not_equal(*(np.not_equal(x, 0) for x in (a, b)))


def _isclose(t: Any, a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    return np.abs(a - b) <= atol + rtol * np.abs(b)


def _array_equal(t: Any, a: Any, b: Any) -> Any:
    return np.shape(a) == np.shape(b) and np.all(a == b)


def _like(fill: Any) -> Callable[..., Any]:
    """np.zeros_like and its kin: an ordinary array of numbers, or a traced one of named sizes."""

    def like(t: Any, a: Any, dtype: Any = None, shape: Any = None) -> Any:
        size = a.shape if shape is None else shape
        if t.recorder.concrete:
            return np.full(size, fill, np.dtype(a.dtype if dtype is None else dtype))
        return np.broadcast_to(t._wrap(t.recorder.lift(np.float64(fill))), size)

    return like


def _full_like(t: Any, a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    if isinstance(fill_value, int | float):
        return _like(fill_value)(t, a, dtype, shape)
    return np.broadcast_to(fill_value, a.shape if shape is None else shape)


def _take(t: Any, a: Any, indices: Any, axis: int | None = None) -> Any:
    lifted = t._wrap(t.recorder.lift(a)) if type(a) is not type(t) else a
    if axis is None or not lifted.ndim:  # a number counts as a vector of one
        lifted, axis = np.ravel(lifted), 0 if axis is None else axis
    before = (slice(None),) * normal_axes(axis, lifted.ndim)[0]
    return lifted[(*before, indices)]


def _gradient(t: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    lift = t.recorder.lift
    spacings = [h if isinstance(h, int | float) else lift(h) for h in varargs]
    return t._wrap(gradient_of(lift(f), *spacings, axis=axis, edge_order=edge_order), f)


def _einsum(t: Any, *operands: Any, optimize: Any = False) -> Any:
    """Both of NumPy's forms: a text before the operands, or a list of numbers behind each."""
    if isinstance(operands[0], str):
        text, arrays = operands[0], operands[1:]
    else:
        arrays, lists = operands[: len(operands) // 2 * 2 : 2], operands[1::2]
        terms = [_term(each) for each in lists]
        text = ",".join(terms)
        if len(operands) % 2:
            text += "->" + _term(operands[-1])
    return t._wrap(einsum(*(t.recorder.lift(a) for a in arrays), subscripts=text), *arrays)


def _term(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else ascii_letters[int(n)] for n in numbers)


def _real_if_close(t: Any, a: Any, tol: float = 100) -> Any:
    """The real part, where the imaginary parts that are given are nothing but rounding."""
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol *= float(np.finfo(a.dtype).eps)
    return a.real if np.all(np.absolute(a.imag) < tol) else a


def _insert(t: Any, arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    places = obj if isinstance(obj, int | slice) else np.asarray(obj).tolist()
    return t._wrap(
        insert(t.recorder.lift(arr), t.recorder.lift(values), obj=places, axis=axis), arr, values
    )


def _select(t: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


def _count_nonzero(t: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    ones = np.where(a if a.dtype.kind == "b" else a != 0, 1.0, 0.0)
    return np.sum(ones, axis=axis, keepdims=keepdims)


def _mask(t: Any, condition: Any) -> Any:
    """A condition as the booleans that it is here; a guard holds traced ones fixed."""
    if type(condition) is type(t):
        return np.asarray(t.recorder.plain(condition.node), dtype=bool)
    return np.asarray(condition, dtype=bool)


def _compress(t: Any, condition: Any, a: Any, axis: int | None = None) -> Any:
    return np.take(a, np.flatnonzero(_mask(t, condition)), axis=axis)


def _choose(t: Any, a: Any, choices: Any, mode: str = "raise") -> Any:
    count = len(choices)
    which = a if type(a) is type(t) else np.asarray(a)
    if mode == "wrap":
        which = which % count
    elif mode == np.clip.__name__:
        which = np.clip(which, 0, count - 1)
    elif not np.all((which >= 0) & (which < count)):
        raise ValueError("invalid entry in choice array")
    return np.select([which == i for i in range(count)], list(choices))


def _block(t: Any, arrays: Any) -> Any:
    """Nested lists, the innermost joined along the last axis."""

    def depth(item: Any) -> int:
        return 1 + depth(item[0]) if isinstance(item, list) else 0

    def ranks(item: Any) -> int:
        return max(map(ranks, item)) if isinstance(item, list) else np.ndim(item)

    levels = depth(arrays)
    rank = max(ranks(arrays), levels)

    def joined(item: Any, level: int) -> Any:
        if not isinstance(item, list):
            return np.reshape(item, (1,) * (rank - np.ndim(item)) + np.shape(item))
        parts = [joined(part, level - 1) for part in item]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-level)

    return joined(arrays, levels)


def _apply_along_axis(t: Any, func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d on each line along an axis; what it gives takes that axis' place."""
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


def _apply_over_axes(t: Any, func: Any, a: Any, axes: Any) -> Any:
    for axis in axes if isinstance(axes, list | tuple) else (axes,):
        found = func(a, axis)
        a = found if np.ndim(found) == np.ndim(a) else np.expand_dims(found, axis)
    return a


def _piecewise(t: Any, x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function on the elements for which its condition is the last to hold."""
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
        where_ = chosen == i
        count = int(where_.sum())
        given = x[where_]
        made: Any = function(given, *args, **kw) if callable(function) else function
        places[where_] = sum(map(len, parts)) + np.arange(count)
        parts.append(np.broadcast_to(made, (count,)))
    return np.concatenate(parts)[places]


def _trim_zeros(t: Any, filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    kept = np.flatnonzero(_mask(t, filt != 0))
    if axis is not None or filt.ndim != 1:
        raise TypeError("trim_zeros of a vector alone")
    if not kept.size:
        return filt[:0]
    low = kept[0] if "f" in trim.lower() else 0
    return filt[low : kept[-1] + 1 if "b" in trim.lower() else len(filt)]


def _array_equiv(t: Any, a1: Any, a2: Any) -> Any:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


def _dtype_of(value: Any) -> Any:
    return value.dtype if isinstance(value, np.ndarray | np.generic) else value


def _isin(t: Any, element: Any, test_elements: Any, invert: bool = False, **_: Any) -> Any:
    among = np.reshape(test_elements, (-1,))
    found = np.any(np.expand_dims(element, -1) == among, axis=-1)
    return np.logical_not(found) if invert else found


def _lexsort(t: Any, keys: Any, axis: int = -1) -> Any:
    """The last key first: a stable sort by each key in turn."""
    order = np.argsort(keys[0], axis=axis, stable=True)
    for key in list(keys)[1:]:
        again = np.argsort(np.take_along_axis(key, order, axis), axis=axis, stable=True)
        order = np.take_along_axis(order, again, axis)
    return order


def _bincount(t: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = t.recorder.plain(x.node).astype(np.int64) if type(x) is type(t) else np.asarray(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    size = max(int(places.max(initial=-1)) + 1, minlength)
    node = add_along_axis(t.recorder.lift(weights), constant(places, "int64"), axis=0, size=size)
    return t._wrap(node)


def _poly(t: Any, seq_of_zeros: Any) -> Any:
    """The coefficients of ∏ (x − zᵢ)."""
    if np.ndim(seq_of_zeros) != 1:
        raise TypeError("poly of a vector of zeros")
    product = np.ones(1)
    for zero in seq_of_zeros:
        product = np.convolve(product, np.stack([zero * 0.0 + 1.0, -zero]))
    return product


def _polydiv(t: Any, u: Any, v: Any) -> Any:
    """Long division: the quotient, and what remains."""
    u, v = np.atleast_1d(u), np.atleast_1d(v)
    m, n = len(u) - 1, len(v) - 1
    if m < n:
        return np.zeros(1), u
    parts = [u[i] for i in range(m + 1)]
    quotient = []
    for k in range(m - n + 1):
        factor = parts[k] / v[0]
        quotient.append(factor)
        for j in range(n + 1):
            parts[k + j] = parts[k + j] - factor * v[j]
    rest = parts[m - n + 1 :] or [parts[-1] * 0.0]
    return np.stack(quotient), np.stack(rest)


def _astype(t: Any, x: Any, dtype: Any, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


def _sliding(
    t: Any,
    x: Any,
    window_shape: Any,
    axis: Any = None,
    subok: bool = False,
    writeable: bool = False,
) -> Any:
    return t._wrap(sliding(t.recorder.lift(x), window_shape, axis), x)


COMPOSITIONS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda t, a: a.shape,
    np.ndim: lambda t, a: a.ndim,
    np.size: lambda t, a, axis=None: a.size if axis is None else a.shape[axis],
    np.copy: lambda t, a, order="K", subok=False: a.copy(),
    np.iscomplexobj: lambda t, x: x.dtype.kind == "c",
    np.isrealobj: lambda t, x: x.dtype.kind != "c",
    np.real_if_close: _real_if_close,
    np.positive: lambda t, x: +x,
    np.bitwise_and: lambda t, a, b: t._logical(np.logical_and, a, b),
    np.bitwise_or: lambda t, a, b: t._logical(np.logical_or, a, b),
    np.bitwise_xor: lambda t, a, b: t._logical(np.logical_xor, a, b),
    np.logical_xor: lambda t, a, b: _xor(a, b),
    np.invert: lambda t, a: t._logical(np.logical_not, a),
    np.where: _where,
    np.any: _any,
    np.all: _all,
    np.isclose: _isclose,
    np.allclose: lambda t, a, b, rtol=1e-5, atol=1e-8: np.all(_isclose(t, a, b, rtol, atol)),
    np.array_equal: _array_equal,
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.empty_like: _like(0),
    np.full_like: _full_like,
    np.take: _take,
    np.insert: _insert,
    np.divmod: lambda t, a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    np.modf: lambda t, x: (x - np.trunc(x), np.trunc(x)),
    np.ldexp: lambda t, x, i: x * np.exp2(i),
    np.flatnonzero: lambda t, a: np.nonzero(np.ravel(a))[0],
    np.nonzero: _where,
    np.argwhere: lambda t, a: np.transpose(_where(t, a)),
    np.count_nonzero: _count_nonzero,
    np.extract: lambda t, condition, arr: np.ravel(arr)[np.ravel(condition) != 0],
    np.compress: _compress,
    np.choose: _choose,
    np.block: _block,
    np.apply_along_axis: _apply_along_axis,
    np.apply_over_axes: _apply_over_axes,
    np.piecewise: _piecewise,
    np.trim_zeros: _trim_zeros,
    np.diag_indices_from: lambda t, arr: np.diag_indices(arr.shape[0], arr.ndim),
    np.tril_indices_from: lambda t, arr, k=0: np.tril_indices(arr.shape[-2], k, arr.shape[-1]),
    np.triu_indices_from: lambda t, arr, k=0: np.triu_indices(arr.shape[-2], k, arr.shape[-1]),
    np.result_type: lambda t, *xs: np.result_type(*(_dtype_of(x) for x in xs)),
    np.array_equiv: _array_equiv,
    np.iscomplex: lambda t, x: np.imag(x) != 0,
    np.isreal: lambda t, x: np.imag(x) == 0,
    np.isscalar: lambda t, x: x._number,
    np.select: _select,
    np.lib.stride_tricks.sliding_window_view: _sliding,
    np.isin: _isin,
    np.lexsort: _lexsort,
    np.bincount: _bincount,
    np.poly: _poly,
    np.polydiv: _polydiv,
    np.astype: _astype,
    np.array2string: lambda t, a, *args, **kwargs: np.array2string(a.value, *args, **kwargs),
    np.array_repr: lambda t, arr, *args, **kwargs: np.array_repr(arr.value, *args, **kwargs),
    np.array_str: lambda t, a, *args, **kwargs: np.array_str(a.value, *args, **kwargs),
    np.gradient: _gradient,
    np.einsum: _einsum,
    np.polymul: lambda t, a1, a2: np.convolve(np.atleast_1d(a1), np.atleast_1d(a2)),
}
