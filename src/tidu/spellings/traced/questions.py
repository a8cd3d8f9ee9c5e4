"""NumPy's questions about shapes and types, which a traced array answers; arrays like another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.spellings.record import on_arrays


@on_arrays("shape")
def shape(t: Any, a: Any) -> Any:
    """Return the sizes of the axes."""
    return a.shape


@on_arrays("ndim")
def ndim(t: Any, a: Any) -> Any:
    """Return how many axes there are."""
    return a.ndim


@on_arrays("size")
def size(t: Any, a: Any, axis: Any = None) -> Any:
    """Return how many elements there are, in all or along an axis."""
    return a.size if axis is None else a.shape[axis]


@on_arrays("iscomplexobj")
def is_complex(t: Any, x: Any) -> Any:
    """Return whether the type is complex."""
    return x.dtype.kind == "c"


@on_arrays("isrealobj")
def is_real(t: Any, x: Any) -> Any:
    """Return whether the type is real."""
    return x.dtype.kind != "c"


@on_arrays("isscalar")
def is_number(t: Any, x: Any) -> Any:
    """Return whether a traced value counts as a number and not as an array, as np.isscalar asks."""
    return x.is_number


@on_arrays("result_type")
def result_type(t: Any, *xs: Any) -> Any:
    """Return the type that NumPy gives to a result of these."""
    return np.result_type(*(_dtype_of(x) for x in xs))


def _dtype_of(value: Any) -> Any:
    return value.dtype if isinstance(value, np.ndarray | np.generic) else value


@on_arrays("copy")
def copy(t: Any, a: Any, order: str = "K", subok: bool = False) -> Any:
    """Return a copy."""
    return a.copy()


@on_arrays("astype")
def astype(t: Any, x: Any, dtype: Any, copy: bool = True) -> Any:
    """Return the array in another type."""
    return x.astype(dtype, copy=copy)


@on_arrays("array2string")
def array2string(t: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the value as text."""
    return np.array2string(a.value, *args, **kwargs)


@on_arrays("array_repr")
def array_repr(t: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the value as Python code."""
    return np.array_repr(arr.value, *args, **kwargs)


@on_arrays("array_str")
def array_str(t: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the value as it is printed."""
    return np.array_str(a.value, *args, **kwargs)


@on_arrays("diag_indices_from")
def diag_indices_from(t: Any, arr: Any) -> Any:
    """Return the indices of the main diagonal."""
    return np.diag_indices(arr.shape[0], arr.ndim)


@on_arrays("tril_indices_from")
def tril_indices_from(t: Any, arr: Any, k: int = 0) -> Any:
    """Return the indices of the lower triangle."""
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@on_arrays("triu_indices_from")
def triu_indices_from(t: Any, arr: Any, k: int = 0) -> Any:
    """Return the indices of the upper triangle."""
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


@on_arrays("array_equal")
def array_equal(t: Any, a: Any, b: Any) -> Any:
    """Return whether shapes and elements are equal; a guard keeps the answer."""
    return np.shape(a) == np.shape(b) and np.all(a == b)


@on_arrays("array_equiv")
def array_equiv(t: Any, a1: Any, a2: Any) -> Any:
    """Return whether arrays are equal after broadcasting; a guard keeps the answer."""
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


def _like(fill: Any) -> Callable[..., Any]:
    """Return the function for np.zeros_like, ones_like or empty_like. It makes an ordinary array;
    where sizes are named, a traced one."""

    def like(t: Any, a: Any, dtype: Any = None, shape: Any = None) -> Any:
        size = a.shape if shape is None else shape
        if t.recorder.concrete:
            return np.full(size, fill, np.dtype(a.dtype if dtype is None else dtype))
        return np.broadcast_to(t.wrap(t.recorder.lift(np.float64(fill))), size)

    return like


on_arrays("zeros_like")(_like(0))
on_arrays("ones_like")(_like(1))
on_arrays("empty_like")(_like(0))


@on_arrays("full_like")
def full_like(t: Any, a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """Return one value everywhere, in the shape of another array."""
    if isinstance(fill_value, int | float):
        return _like(fill_value)(t, a, dtype, shape)
    return np.broadcast_to(fill_value, a.shape if shape is None else shape)
