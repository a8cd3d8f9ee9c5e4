"""scipy.signal.convolve with derivatives, along chosen axes of arrays of any rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.errors import InputError, ShapeError
from tidu.ir.budget import check_elements
from tidu.scipy.calls import forwarded
from tidu.words import Words, verbatim

__all__ = ["convolve"]
__getattr__ = forwarded("scipy.signal")

_MODE = Words(
    en='convolve knows the modes "full", "same" and "valid", not {mode}',
    zh='convolve 的 mode 只能是 "full"、"same" 或 "valid"，而不是 {mode}',
)
_AXES = Words(
    en="convolve joins axes {a} of an array {sa} and axes {b} of an array {sb}: {why}",
    zh="convolve 要把数组 {sa} 的轴 {a} 与数组 {sb} 的轴 {b} 配对：{why}",
)
_PAIRS = Words(en="they are not pairs", zh="两边不成对")
_TWICE = Words(en="an axis is named twice, or is none", zh="有的轴重复或不存在")
_SIZES = Words(en="the sizes along the dotted axes differ", zh="求和轴的大小不同")
_VALID = Words(
    en='mode "valid" needs one array that is at least as large along every axis: {sa} and {sb}',
    zh='mode "valid" 要求其中一个数组沿各轴都不小于另一个：{sa} 与 {sb}',
)
_EMPTY = Words(en="convolve needs values along axis {axis}", zh="convolve 沿第 {axis} 轴没有值")

Axes = Sequence[Sequence[int]]
# Which of the values of n + m − 1 are taken: the first, and how many.
_MODES: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "full": lambda n, m: (0, n + m - 1),
    "same": lambda n, m: ((m - 1) // 2, n),
    "valid": lambda n, m: (min(n, m) - 1, abs(n - m) + 1),
}


def convolve(
    A: Any, B: Any, axes: Axes | None = None, dot_axes: Axes = ((), ()), mode: str = "full"
) -> Any:
    """Return the convolution Σₘ A[n − m] B[m], differentiable by both arrays.

    axes: two lists of axes, of A and of B, that are convolved in pairs (default: all, in order).
    dot_axes: two lists of axes that are summed over in pairs. The result has the other axes of A,
    then those of B, then the convolved ones. mode: "full" gives n + m − 1 values along an axis,
    "valid" |n − m| + 1, "same" as many as A has, from the middle of "full".

    Raises InputError for an unknown mode and axes that do not pair, ShapeError for sizes that do
    not fit.

    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0])).tolist()
    [1.0, 3.0, 5.0, 3.0]
    """
    if mode not in _MODES:
        raise InputError(_MODE(mode=repr(mode)), fix=verbatim('mode="full"'))
    left, right = (x if isinstance(x, np.ndarray) else np.asarray(x) for x in (A, B))
    if axes is None:
        axes = (range(left.ndim), range(right.ndim))
    return _convolved(left, right, axes, dot_axes, mode)


def _convolved(A: Any, B: Any, axes: Axes, dot_axes: Axes, mode: str) -> Any:
    joined = _pairs(A, B, axes)
    dotted = _pairs(A, B, dot_axes, tuple(joined))
    _check_sizes(A, B, joined, dotted, mode)
    letters = iter(range(2 * (A.ndim + B.ndim)))
    names_a, names_b = ([next(letters) for _ in range(x.ndim)] for x in (A, B))
    for a, b in dotted:
        names_b[b] = names_a[a]
    windows, places = A, list(names_a)
    for a, b in joined:
        at = places.index(names_a[a])
        windows = _windows(windows, at, B.shape[b], mode)
        places.insert(at + 1, names_b[b])
    kept_a = [names_a[i] for i in range(A.ndim) if not _has(i, 0, joined, dotted)]
    kept_b = [names_b[i] for i in range(B.ndim) if not _has(i, 1, joined, dotted)]
    result = [*kept_a, *kept_b, *(names_a[a] for a, _ in joined)]
    text = [_letters(x) for x in (places, names_b, result)]
    return np.einsum(f"{text[0]},{text[1]}->{text[2]}", windows, B)


def _has(axis: int, side: int, *pairs: Sequence[tuple[int, int]]) -> bool:
    return any(pair[side] == axis for group in pairs for pair in group)


def _letters(numbers: Sequence[int]) -> str:
    return "".join(chr(ord("a") + n) for n in numbers)


def _pairs(
    A: Any, B: Any, axes: Axes, taken: Sequence[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """Return pairs of axes, counted from the front."""
    left, right = (list(side) for side in axes)
    facts = {"a": left, "b": right, "sa": A.shape, "sb": B.shape}
    if len(left) != len(right):
        raise InputError(_AXES(why=_PAIRS(), **facts))
    for side, (array, given) in enumerate(((A, left), (B, right))):
        inside = [i % array.ndim for i in given if -array.ndim <= i < array.ndim]
        every = [*inside, *(pair[side] for pair in taken)]
        if len(inside) < len(given) or len(set(every)) < len(every):
            raise InputError(_AXES(why=_TWICE(), **facts))
    return [(a % A.ndim, b % B.ndim) for a, b in zip(left, right, strict=True)]


def _check_sizes(
    A: Any,
    B: Any,
    joined: Sequence[tuple[int, int]],
    dotted: Sequence[tuple[int, int]],
    mode: str,
) -> None:
    for a, b in dotted:
        if A.shape[a] != B.shape[b]:
            raise ShapeError(_AXES(a=[a], b=[b], sa=A.shape, sb=B.shape, why=_SIZES()))
    for a, b in joined:
        if not A.shape[a] or not B.shape[b]:
            raise ShapeError(_EMPTY(axis=a))
    larger = [A.shape[a] - B.shape[b] for a, b in joined]
    if mode == "valid" and min(larger, default=0) < 0 < max(larger, default=0):
        raise ShapeError(_VALID(sa=A.shape, sb=B.shape))


def _windows(array: Any, axis: int, count: int, mode: str) -> Any:
    """Return the values A[n − m] as two axes n and m instead of one, 0 beyond the ends."""
    size = array.shape[axis]
    start, length = _MODES[mode](size, count)
    check_elements(length * count, "convolve")
    index = start + np.arange(length)[:, None] - np.arange(count)[None, :]
    index = np.where((index >= 0) & (index < size), index, size)
    zero = np.zeros((*array.shape[:axis], 1, *array.shape[axis + 1 :]), array.dtype)
    return np.take(np.concatenate([array, zero], axis=axis), index, axis=axis)
