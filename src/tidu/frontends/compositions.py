"""NumPy functions that are no op of their own: layout by other ops, questions about shapes, masks.

Each takes the traced array that received the call, then NumPy's own arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tidu.ops.comparison import where

# What `ufunc.reduce` is called as a function.
REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


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


def _rows(array: Any) -> Any:
    return np.reshape(array, (1, -1)) if np.ndim(array) < 2 else array


def _vectors(array: Any) -> Any:
    return np.reshape(array, (1,)) if np.ndim(array) == 0 else array


def _append(t: Any, array: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        return np.concatenate([np.reshape(array, (-1,)), np.reshape(values, (-1,))])
    return np.concatenate([array, values], axis=axis)


def _split_at(t: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = ary.shape[axis]
    if isinstance(indices_or_sections, int):
        cuts = np.arange(1, indices_or_sections) * (size // indices_or_sections)
        if size % indices_or_sections:
            raise ValueError("array split does not result in an equal division")
    else:
        cuts = np.asarray(indices_or_sections)
    ends = [0, *(int(cut) for cut in cuts), size]
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(low, high))] for low, high in pairwise(ends)]


def _take(t: Any, a: Any, indices: Any, axis: int | None = None) -> Any:
    lifted = t._wrap(t.recorder.lift(a)) if type(a) is not type(t) else a
    if axis is None:
        return np.reshape(lifted, (-1,))[indices]
    return lifted[(*(slice(None),) * (axis % lifted.ndim), indices)]


def _diff(t: Any, a: Any, n: int = 1, axis: int = -1) -> Any:
    before = (slice(None),) * (axis % a.ndim)
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


def _average(t: Any, a: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):  # one weight for each place along one axis
        if not isinstance(axis, int) or np.shape(weights) != (np.shape(a)[axis],):
            raise ValueError(
                f"weights {np.shape(weights)} do not fit {np.shape(a)} along axis={axis}"
            )
        weights = np.reshape(weights, (-1,) + (1,) * (np.ndim(a) - axis % np.ndim(a) - 1))
    total = np.sum(weights * np.ones(np.shape(a)), axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


def _inner(t: Any, a: Any, b: Any) -> Any:
    """The sum over the last axis of each; the other axes of both remain."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2 or np.shape(a)[-1] != np.shape(b)[-1]:
        return np.matmul(a, b if np.ndim(b) == 1 else np.swapaxes(b, -1, -2))
    product = np.matmul(a, np.swapaxes(np.reshape(b, (-1, np.shape(b)[-1])), 0, 1))
    return np.reshape(product, (*np.shape(a)[:-1], *np.shape(b)[:-1]))


def _vdot(t: Any, a: Any, b: Any) -> Any:
    return np.sum(np.conj(np.reshape(a, (-1,))) * np.reshape(b, (-1,)))


def _real_if_close(t: Any, a: Any, tol: float = 100) -> Any:
    """The real part, where the imaginary parts that are given are nothing but rounding."""
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol *= float(np.finfo(a.dtype).eps)
    return a.real if np.all(np.absolute(a.imag) < tol) else a


def _masked(condition: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda t, x: condition(x)


def _repeat(t: Any, a: Any, repeats: Any, axis: int | None = None) -> Any:
    count = a.size if axis is None else a.shape[axis]
    return np.take(a, np.repeat(np.arange(count), repeats), axis=axis)


def _roll(t: Any, a: Any, shift: int, axis: int | None = None) -> Any:
    count = a.size if axis is None else a.shape[axis]
    rolled = np.take(a, np.roll(np.arange(count), shift), axis=axis)
    return np.reshape(rolled, a.shape) if axis is None else rolled


def _tile(t: Any, A: Any, reps: Any) -> Any:
    counts = tuple(reps) if isinstance(reps, list | tuple) else (reps,)
    a = np.reshape(A, (1,) * (len(counts) - A.ndim) + A.shape)
    for axis, count in enumerate(reversed(counts), 1):
        a = np.take(a, np.tile(np.arange(a.shape[-axis]), count), axis=a.ndim - axis)
    return a


def _select(t: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


COMPOSITIONS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda t, a: a.shape,
    np.ndim: lambda t, a: a.ndim,
    np.size: lambda t, a, axis=None: a.size if axis is None else a.shape[axis],
    np.copy: lambda t, a, order="K", subok=False: a.copy(),
    np.iscomplexobj: lambda t, x: x.dtype.kind == "c",
    np.isrealobj: lambda t, x: x.dtype.kind != "c",
    np.real_if_close: _real_if_close,
    np.positive: lambda t, x: +x,
    np.bitwise_and: lambda t, a, b: np.logical_and(a, b),
    np.bitwise_or: lambda t, a, b: np.logical_or(a, b),
    np.bitwise_xor: lambda t, a, b: _xor(a, b),
    np.logical_xor: lambda t, a, b: _xor(a, b),
    np.invert: lambda t, a: np.logical_not(a),
    np.where: _where,
    np.any: _any,
    np.all: _all,
    np.isclose: _isclose,
    np.allclose: lambda t, a, b, rtol=1e-5, atol=1e-8: np.all(_isclose(t, a, b, rtol, atol)),
    np.array_equal: _array_equal,
    np.isnan: _masked(lambda x: x != x),  # noqa: PLR0124  (nan alone differs from itself)
    np.isinf: _masked(lambda x: np.abs(x) == np.inf),
    np.isfinite: _masked(lambda x: np.abs(x) < np.inf),
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.empty_like: _like(0),
    np.full_like: _full_like,
    np.append: _append,
    np.atleast_1d: lambda t, a: _vectors(a),
    np.atleast_2d: lambda t, a: _rows(a),
    np.split: _split_at,
    np.take: _take,
    np.repeat: _repeat,
    np.roll: _roll,
    np.tile: _tile,
    np.select: _select,
    np.ptp: lambda t, a, axis=None, keepdims=False: (
        np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
    ),
    np.diff: _diff,
    np.average: _average,
    np.inner: _inner,
    np.vdot: _vdot,
}
