"""NumPy functions that are no op of their own: layout by other ops, questions about shapes, masks.

Each takes the traced array that received the call, then NumPy's own arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


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
    node = t.recorder.callees["where"].build(*(t.recorder.lift(x) for x in (condition, *choices)))
    return t._wrap(node, *choices)


def _any(t: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    ones = np.where(a if a.dtype.kind == "b" else a != 0, 1.0, 0.0)
    return np.sum(ones, axis=axis, keepdims=keepdims) > 0


def _all(t: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    missing = np.where(a if a.dtype.kind == "b" else a != 0, 0.0, 1.0)
    return np.sum(missing, axis=axis, keepdims=keepdims) == 0


def _isclose(t: Any, a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    return np.abs(a - b) <= atol + rtol * np.abs(b)


def _array_equal(t: Any, a: Any, b: Any) -> Any:
    return np.shape(a) == np.shape(b) and np.all(a == b)


def _full_like(t: Any, a: Any, value: Any, dtype: Any = None, shape: Any = None) -> Any:
    wanted = np.dtype(a.dtype if dtype is None else dtype)
    size = a.shape if shape is None else shape
    if any(not isinstance(dim, int) for dim in (size if isinstance(size, tuple) else ())):
        return np.broadcast_to(a * 0.0 + value, size)
    if type(value) is type(t):
        return np.broadcast_to(value, size)
    return np.full(size, value, wanted)


def _joined(axis: int, lift: Callable[[Any], Any]) -> Callable[..., Any]:
    def join(t: Any, arrays: Any, **options: Any) -> Any:
        parts = [lift(array) for array in arrays]
        chosen = 0 if parts[0].ndim == 1 and axis == 1 else axis
        return np.concatenate(parts, axis=chosen, **options)

    return join


def _rows(array: Any) -> Any:
    return np.reshape(array, (1, -1)) if np.ndim(array) < 2 else array


def _vectors(array: Any) -> Any:
    return np.reshape(array, (1,)) if np.ndim(array) == 0 else array


def _columns(array: Any) -> Any:
    return np.reshape(array, (-1, 1)) if np.ndim(array) < 2 else array


def _append(t: Any, array: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        return np.concatenate([np.reshape(array, (-1,)), np.reshape(values, (-1,))])
    return np.concatenate([array, values], axis=axis)


def _moveaxis(t: Any, a: Any, source: int, destination: int) -> Any:
    order = [axis for axis in range(a.ndim) if axis != source % a.ndim]
    order.insert(destination % a.ndim, source % a.ndim)
    return np.transpose(a, tuple(order))


def _flip(t: Any, m: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    chosen = range(m.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    turned = {a % m.ndim for a in chosen}
    return m[tuple(slice(None, None, -1 if a in turned else 1) for a in range(m.ndim))]


def _split(t: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = ary.shape[axis]
    if isinstance(indices_or_sections, int):
        cuts = np.arange(1, indices_or_sections) * (size // indices_or_sections)
        if size % indices_or_sections:
            raise ValueError("array split does not result in an equal division")
    else:
        cuts = np.asarray(indices_or_sections)
    ends = [0, *(int(cut) for cut in cuts), size]
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(low, high))] for low, high in zip(ends, ends[1:], strict=False)]


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


def _average(t: Any, a: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return np.mean(a, axis=axis)
    return np.sum(a * weights, axis=axis) / np.sum(weights * np.ones(np.shape(a)), axis=axis)


def _inner(t: Any, a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return np.matmul(a, b) if np.ndim(b) == 1 else np.matmul(a, np.swapaxes(b, -1, -2))


def _vdot(t: Any, a: Any, b: Any) -> Any:
    return np.sum(np.reshape(a, (-1,)) * np.reshape(b, (-1,)))



def _masked(condition: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda t, x: condition(x)


COMPOSITIONS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda t, a: a.shape,
    np.ndim: lambda t, a: a.ndim,
    np.size: lambda t, a, axis=None: a.size if axis is None else a.shape[axis],
    np.copy: lambda t, a, order="K", subok=False: a.copy(),
    np.iscomplexobj: lambda t, x: False,
    np.isrealobj: lambda t, x: True,
    np.real: lambda t, val: val,
    np.positive: lambda t, x: x,
    np.bitwise_and: lambda t, a, b: np.logical_and(a, b),
    np.bitwise_or: lambda t, a, b: np.logical_or(a, b),
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
    np.zeros_like: lambda t, a, dtype=None, shape=None: _full_like(t, a, 0, dtype, shape),
    np.ones_like: lambda t, a, dtype=None, shape=None: _full_like(t, a, 1, dtype, shape),
    np.full_like: lambda t, a, fill_value, dtype=None, shape=None: _full_like(
        t, a, fill_value, dtype, shape
    ),
    np.empty_like: lambda t, a, dtype=None, shape=None: _full_like(t, a, 0, dtype, shape),
    np.vstack: _joined(0, _rows),
    np.hstack: _joined(1, _vectors),
    np.column_stack: _joined(1, _columns),
    np.append: _append,
    np.atleast_1d: lambda t, a: _vectors(a),
    np.atleast_2d: lambda t, a: _rows(a),
    np.moveaxis: _moveaxis,
    np.flip: _flip,
    np.split: _split,
    np.take: _take,
    np.diff: _diff,
    np.average: _average,
    np.inner: _inner,
    np.vdot: _vdot,
}
