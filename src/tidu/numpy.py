"""NumPy's namespace with what plain NumPy lacks: functions that keep derivatives, loops and calls
that stay one node.

Most programs are traced as they stand, with plain `import numpy as np`. np.array, np.asarray,
np.full and np.r_ do not ask their arguments first, nor does any function that is given a list;
those here do what NumPy's do, and keep the derivative of traced values. All other names are
NumPy's, so `import tidu.numpy as np` runs what `import numpy as np` does. `scan` is a loop, `named`
a function, that is derived once and not once for each step or call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from tidu.errors import TiduError
from tidu.ir.types import Size
from tidu.tracing.control import (
    check_pair,
    length_of,
    parameter_names,
    same_parts,
    trace_call,
    trace_scan,
)
from tidu.tracing.record import running
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import leaves, replace

__all__ = [
    "arange",
    "array",
    "asanyarray",
    "asarray",
    "asarray_chkfinite",
    "ascontiguousarray",
    "asfortranarray",
    "c_",
    "call",
    "eye",
    "full",
    "named",
    "ones",
    "r_",
    "scan",
    "zeros",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def array(value: Any, dtype: Any = None) -> Any:
    """Make an array as np.array does, also of traced values, alone or in (nested) lists of one
    shape.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    joined = _joined(value)
    if not isinstance(joined, TracedArray):
        return np.array(joined, dtype=dtype)
    return joined.copy() if dtype is None else joined.astype(dtype)


def asarray(value: Any, dtype: Any = None) -> Any:
    """Make an array as np.asarray does, also of traced values.

    >>> asarray([1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    joined = _joined(value)
    if not isinstance(joined, TracedArray):
        return np.asarray(joined, dtype=dtype)
    return joined if dtype is None else joined.astype(dtype)


asanyarray = ascontiguousarray = asfortranarray = asarray_chkfinite = asarray


def full(shape: int | tuple[int, ...], fill_value: Any, dtype: Any = None) -> Any:
    """Make an array as np.full does; the value may be traced, and is broadcast to the shape.

    >>> full((2, 2), 7.0).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    value = _joined(fill_value)
    if isinstance(value, TracedArray):
        size = shape if isinstance(shape, tuple) else (shape,)
        made = np.broadcast_to(cast(Any, value), size)
        return made if dtype is None else made.astype(dtype)
    return np.full(shape, value, dtype)


class _Joiner:
    """np.r_ and np.c_, which take traced values as well."""

    def __init__(self, plain: Any, columns: bool) -> None:
        self._plain = plain
        self._columns = columns

    def __getitem__(self, key: Any) -> Any:
        parts: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
        joined = [_joined(part) for part in parts]
        if not any(isinstance(part, TracedArray) for part in joined):
            return self._plain[key]
        whole: list[Any] = [np.r_[p] if isinstance(p, slice) else np.atleast_1d(p) for p in joined]
        if not self._columns:
            return np.concatenate(whole)
        return np.concatenate([p[:, None] if p.ndim == 1 else p for p in whole], axis=-1)


r_, c_ = _Joiner(np.r_, columns=False), _Joiner(np.c_, columns=True)


class _Listed:
    """A function of NumPy's that may be given lists with traced values in them."""

    def __init__(self, function: Any) -> None:
        self.__wrapped__ = function
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(
            *map(_joined, args), **{key: _joined(value) for key, value in kwargs.items()}
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)  # a ufunc's reduce, nin, …

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


# These take arrays in a list and ask each of them.
_OF_LISTS = frozenset(
    """concatenate concat stack vstack hstack dstack column_stack row_stack block select choose
    piecewise lexsort broadcast_arrays ix_""".split()
)


def __getattr__(name: str) -> Any:
    """Return NumPy's own attribute of this name."""
    return _numpys(name)


@functools.cache
def _numpys(name: str) -> Any:
    value = getattr(np, name)
    if isinstance(value, type) or not callable(value) or name in _OF_LISTS:
        return value
    return _Listed(value)


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(np)})


def ones(shape: Any, *more: Any, **options: Any) -> Any:
    """Make an array as np.ones does; sizes may be letters where a function is derived by shapes
    alone.

    >>> ones((2, 2)).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return _written("ones", np.ones, (shape,), more, options)


def zeros(shape: Any, *more: Any, **options: Any) -> Any:
    """Make an array as np.zeros does; sizes may be letters where a function is derived by shapes
    alone.

    >>> zeros(2).tolist()
    [0.0, 0.0]
    """
    return _written("zeros", np.zeros, (shape,), more, options)


def eye(n: Any, m: Any = None, *more: Any, **options: Any) -> Any:
    """Make an array as np.eye does; sizes may be letters where a function is derived by shapes
    alone.

    >>> eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _written("eye", np.eye, (n, n if m is None else m), more, options)


def arange(*bounds: Any, **options: Any) -> Any:
    """Make an array as np.arange does; bounds may be letters where a function is derived by shapes
    alone.

    >>> arange(3).tolist()
    [0, 1, 2]
    """
    return _written("arange", np.arange, bounds, (), options)


def _written(
    name: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    more: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Return an array of these sizes; over letters, a node of the trace that is running."""
    sizes = [d for a in arguments for d in (a if isinstance(a, tuple | list) else (a,))]
    recorder = running.get()
    if recorder is None or not any(isinstance(size, Size) for size in sizes):
        return function(*arguments, *more, **options)
    from tidu.text.arrays import CREATORS  # noqa: PLC0415  (only with letters)

    return TracedArray(recorder.lift(CREATORS[name](*arguments)), recorder)


def _joined(value: Any) -> Any:
    """Return lists with traced values in them as one stacked array; anything else unchanged."""
    if not isinstance(value, list | tuple):
        return value
    parts = [_joined(part) for part in cast("list[Any]", value)]
    return np.stack(parts) if any(isinstance(part, TracedArray) for part in parts) else value


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run a loop as one step of a derivation: `carry, y = body(carry, x)` for each entry x of `xs`.

    init: the first carry; a number, an array, or a tuple, list or dict of them. Each step gives a
    carry of the same shapes. xs: arrays (or a tuple or dict of arrays) with one entry a step on
    their first axis; None with `length` for a loop over nothing. reverse: from the last entry to
    the first; the outputs keep their places. Returns the last carry and the outputs of all steps,
    stacked on a new first axis (None where a step gives None).

    In a function that is derived, `body` is traced once: the program has the same size for ten
    steps and for ten thousand, and so has its gradient, a scan in the other direction. Outside of
    one, it is a plain loop.

    Raises TraceError for a step that does not return a pair or that branches on a value of its
    own, ShapeError for a carry that changes its shape and for arrays of different lengths.

    >>> last, all_of_them = scan(lambda h, x: (0.5 * h + x, h), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(last), all_of_them.tolist()
    (4.25, [0.0, 1.0, 2.5])
    """
    entries = [leaf for leaf in leaves("xs", xs) if leaf.value is not None]
    recorder = running.get()
    if recorder is not None:
        try:
            steps = length_of(body, entries, length)
        except TiduError as error:
            raise error.at(recorder.place()) from None
        return trace_scan(recorder, body, init, xs, steps, reverse)
    steps = length_of(body, entries, length)
    assert isinstance(steps, int)
    name, _ = parameter_names(body)
    carry, kept = init, []
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        entry = replace(xs, lambda path, leaf, t=t: None if leaf is None else leaf[t])
        after, y = check_pair(body, body(carry, entry), name)
        same_parts(body, leaves(name, carry), leaves(name, after))
        carry = after
        kept.append(y)
    if not steps:  # what a step gives is known from one on zeros
        entry = replace(xs, lambda path, leaf: _zeros(leaf))
        kept.append(check_pair(body, body(carry, entry), name)[1])
    return carry, _stacked(kept[::-1] if reverse else kept, steps)


def _zeros(leaf: Any) -> Any:
    return None if leaf is None else np.zeros(leaf.shape[1:], leaf.dtype)


def _stacked(kept: list[Any], steps: int) -> Any:
    """Return what the steps gave, leaf by leaf, on a new first axis."""
    rows = [[leaf.value for leaf in leaves("y", y)] for y in kept]
    columns = iter(zip(*rows, strict=True))

    def stack(path: Any, leaf: Any) -> Any:
        column = next(columns)
        return None if leaf is None else np.stack(column)[:steps]

    return replace(kept[0], stack)


def named(function: Function) -> Function:
    """Make every call of `function` one node of a derivation, with the function's name.

    The working then shows `h = layer(W, x, b)` and, once, what layer and its derivative are.
    Repeated calls share one body. Outside of a function that is derived nothing changes.

    >>> @named
    ... def layer(W, x):
    ...     return np.tanh(W @ x)
    >>> layer(np.array([[0.0, 0.0]]), np.array([1.0, 2.0])).tolist()
    [0.0]
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call_named(*args: Any, **kwargs: Any) -> Any:
        recorder = running.get()
        if recorder is None:
            return function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        found = [leaf.value for key, x in bound.arguments.items() for leaf in leaves(key, x)]
        if not any(isinstance(value, TracedArray) for value in found):
            return function(*args, **kwargs)
        return trace_call(recorder, function, bound)

    return cast(Function, call_named)


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make one call of a function one node of a derivation; see `named`.

    >>> call(lambda x: x + 1.0, np.array([1.0])).tolist()
    [2.0]
    """
    return named(function)(*args, **kwargs)
