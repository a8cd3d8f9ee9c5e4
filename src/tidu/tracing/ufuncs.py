"""What NumPy's ufuncs do besides being called, and reductions over a part of the elements.

`reduce`, `accumulate`, `outer` and `reduceat` of sums, products, extremes and logic are the
functions of their own that they stand for; of any other ufunc they are its calls, one after the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce as fold
from itertools import accumulate as partial_results
from typing import Any

import numpy as np

from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.softmax import logsumexp

# What `ufunc.reduce` and `ufunc.accumulate` are called as functions.
REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
# They take a sequence of arrays, and a single array as the sequence of its entries.
JOINS = frozenset({np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack})
_SUMS_SO_FAR: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _reduce(t: Any, ufunc: Any, array: Any, axis: Any = 0, **kwargs: Any) -> Any:
    """Reduce the first axis by default, unlike np.sum."""
    if ufunc in REDUCTIONS:
        return t._apply(REDUCTIONS[ufunc], (array,), {"axis": axis, **kwargs})
    keepdims, initial = kwargs.pop("keepdims", False), kwargs.pop("initial", None)
    if kwargs:
        raise TypeError(f"{ufunc.__name__}.reduce with {', '.join(kwargs)}")
    if ufunc is np.logaddexp and initial is None:
        return t.wrap(logsumexp(t.recorder.lift(array), axis=axis, keepdims=keepdims), array)
    axes = normal_axes(axis, array.ndim, number=True)
    for at in reversed(axes):
        array = np.expand_dims(_reduced_over(ufunc, array, at), at)
    kept = array if keepdims else np.squeeze(array, axis=axes)
    return kept if initial is None else ufunc(initial, kept)


def _reduced_over(ufunc: Any, array: Any, axis: int) -> Any:
    """Return the entries along an axis combined one after the other; of none, NumPy's neutral
    element."""
    if array.shape[axis]:
        return fold(ufunc, _entries(array, axis))
    if ufunc.identity is None:
        raise ValueError(f"zero-size array to reduction operation {ufunc.__name__}")
    return np.full((*array.shape[:axis], *array.shape[axis + 1 :]), float(ufunc.identity))


def _entries(array: Any, axis: int) -> list[Any]:
    """Return the slices along an axis: numpy.unstack, which NumPy 2.0 does not have."""
    return [array[(*[slice(None)] * axis, i)] for i in range(array.shape[axis])]


def _accumulate(t: Any, ufunc: Any, array: Any, axis: int = 0) -> Any:
    if not array.ndim:
        raise TypeError("cannot accumulate on a scalar")
    if ufunc in _SUMS_SO_FAR:
        return t._apply(_SUMS_SO_FAR[ufunc], (array,), {"axis": axis})
    axis = normal_axes(axis, array.ndim)[0]
    if array.shape[axis] == 0:
        return array.copy()
    return np.stack(list(partial_results(_entries(array, axis), ufunc)), axis=axis)


def _outer(t: Any, ufunc: Any, left: Any, right: Any, **kwargs: Any) -> Any:
    left, right = (x if type(x) is type(t) else np.asarray(x) for x in (left, right))
    column = np.reshape(left, (*left.shape, *(1,) * right.ndim))
    return t._apply(ufunc, (column, right), kwargs)


def _reduceat(t: Any, ufunc: Any, array: Any, indices: Any, axis: int = 0) -> Any:
    """Reduce the slices from each index to the next; a slice is one element if the next index is
    not larger."""
    places = [int(i) for i in indices]
    axis = normal_axes(axis, array.ndim)[0]
    before = (slice(None),) * axis
    if any(not 0 <= place < array.shape[axis] for place in places):
        raise IndexError(f"{places} in {ufunc.__name__}.reduceat of {array.shape[axis]} elements")
    if not places:
        return array[(*before, slice(0, 0))]
    ends = [*places[1:], array.shape[axis]]
    parts = [
        _reduce(t, ufunc, array[(*before, slice(low, max(high, low + 1)))], axis=axis)
        for low, high in zip(places, ends, strict=True)
    ]
    return np.stack(parts, axis=axis)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "reduceat": _reduceat,
}


# ------------------------------------------------------------------ where= and initial=
PARTIAL = frozenset({"where", "initial"})


def _masked(name: str, neutral: float, join: Any) -> Callable[..., Any]:
    """Return a reduction in which the elements left out count as its neutral element."""

    def reduced(
        t: Any,
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        if where is not True:
            a = np.where(where, a, neutral)
        result = getattr(np, name)(a, axis=axis, keepdims=keepdims)
        return result if initial is None else join(result, initial)

    return reduced


def _extreme(name: str, join: Any) -> Callable[..., Any]:
    def reduced(
        t: Any,
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        if initial is None:
            raise ValueError(f"{name} with where= needs initial=")
        if where is not True:
            a = np.where(where, a, initial)
        if a.size == 0:
            return np.broadcast_to(initial, np.sum(a, axis=axis, keepdims=keepdims).shape)
        return join(getattr(np, name)(a, axis=axis, keepdims=keepdims), initial)

    return reduced


def _count(a: Any, where: Any, axis: Any, keepdims: bool) -> Any:
    ones = np.where(np.broadcast_to(where, a.shape), 1.0, 0.0)
    return np.sum(ones, axis=axis, keepdims=keepdims)


def _mean(t: Any, a: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    total = np.sum(np.where(where, a, 0.0), axis=axis, keepdims=keepdims)
    return total / _count(a, where, axis, keepdims)


def _var(
    t: Any,
    a: Any,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    correction: float | None = None,
) -> Any:
    free = ddof if correction is None else correction
    off = np.where(where, a - _mean(t, a, axis, True, where), 0.0)
    total = np.sum(np.square(off), axis=axis, keepdims=keepdims)
    return total / (_count(a, where, axis, keepdims) - free)


def _std(t: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(t, a, *args, **kwargs))


def _logic(name: str, neutral: bool) -> Callable[..., Any]:
    def reduced(t: Any, a: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
        left = (
            np.logical_or(a != 0, np.logical_not(where))
            if neutral
            else np.logical_and(a != 0, where)
        )
        return getattr(np, name)(left, axis=axis, keepdims=keepdims)

    return reduced


MASKED: dict[Any, Callable[..., Any]] = {
    np.sum: _masked("sum", 0.0, np.add),
    np.prod: _masked("prod", 1.0, np.multiply),
    np.max: _extreme("max", np.maximum),
    np.amax: _extreme("max", np.maximum),
    np.min: _extreme("min", np.minimum),
    np.amin: _extreme("min", np.minimum),
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.any: _logic("any", neutral=False),
    np.all: _logic("all", neutral=True),
}
