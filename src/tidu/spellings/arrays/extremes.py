"""The largest and the smallest: Python's max and min of several numbers, PyTorch's with a dim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ops.arrays.extremes import argmax, argmin, max_, min_
from tidu.ops.arrays.layout import reshape
from tidu.ops.elementwise.selection import maximum, minimum
from tidu.spellings.operands import axis_of, node_of
from tidu.spellings.record import spelled
from tidu.spellings.torch.checks import check_tensors
from tidu.words import Words

_TWO_MEANINGS = Words(
    en="{name}(x, {axis}) has two meanings for an array: "
    "along an axis, or elementwise against {axis}",
    zh="对数组来说 {name}(x, {axis}) 有两种意思：沿某一轴，或与 {axis} 逐元素比较",
)
_SAY_WHICH = Words(
    en="np.{name}(x, axis={axis}) or np.{pair}(x, {axis})",
    zh="np.{name}(x, axis={axis}) 或 np.{pair}(x, {axis})",
)


class Extreme(NamedTuple):
    """The result of torch.max and torch.min with a dim: the values and their positions."""

    values: Node
    indices: Node


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of max and min: its name, and the ops for axes, for the position, and for two
    operands."""

    name: str
    along: Op
    place: Op
    pair: Op


_LARGEST = _Kind("max", max_, argmax, maximum)
_SMALLEST = _Kind("min", min_, argmin, minimum)


def _along(kind: _Kind, x: Any, dim: int, keepdim: bool) -> Extreme:
    """Return the extreme along an axis, and its position; a single number counts as a vector of
    one."""
    x = node_of(x)
    if not x.rank:
        line = reshape(x, shape=(1,))
        at = axis_of(line, dim)
        return Extreme(kind.along(line, axis=at), kind.place(line, axis=at))
    options = {"axis": dim, "keepdims": keepdim}
    return Extreme(kind.along(x, **options), kind.place(x, **options))


def _is_axis(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _python_extreme(kind: _Kind, xs: tuple[Any, ...], **options: Any) -> Node:
    """Return a bare max or min: Python's own of several numbers, or NumPy's over an array."""
    given = {key: value for key, value in options.items() if value is not None}
    if len(xs) < 2 or given:
        return kind.along(*xs, **given)
    if len(xs) == 2 and _is_axis(xs[1]) and isinstance(xs[0], Node) and xs[0].rank > 0:
        facts = {"name": kind.name, "axis": xs[1]}
        raise InputError(_TWO_MEANINGS(**facts), fix=_SAY_WHICH(pair=kind.pair.name, **facts))
    result = xs[0]
    for other in xs[1:]:
        result = kind.pair(result, other)
    return result


def _torch_extreme(kind: _Kind, xs: tuple[Any, ...], dim: Any, keepdim: Any) -> Any:
    """Return PyTorch's max or min: of all elements, of two tensors, or along a dim with the
    positions."""
    given = list(xs)
    at = dim if dim is not None else given[1] if len(given) > 1 and _is_axis(given[1]) else None
    if at is not None:
        keep = keepdim if keepdim is not None else given[2] if len(given) > 2 else False
        return _along(kind, given[0] if given else None, at, bool(keep))
    if len(xs) == 2:
        check_tensors(path := f"torch.{kind.pair.name}", path, xs)
        return kind.pair(*xs)
    return kind.along(*xs)


@spelled("text.max", operands=None)
def python_max(*xs: Any, axis: Any = None, keepdims: Any = None) -> Node:
    """Return the largest of several, or of an array."""
    return _python_extreme(_LARGEST, xs, axis=axis, keepdims=keepdims)


@spelled("text.min", operands=None)
def python_min(*xs: Any, axis: Any = None, keepdims: Any = None) -> Node:
    """Return the smallest of several, or of an array."""
    return _python_extreme(_SMALLEST, xs, axis=axis, keepdims=keepdims)


@spelled("torch.max", operands=None, overrides=True)
def torch_max(*xs: Any, dim: Any = None, keepdim: Any = None) -> Node:
    """Return the largest of all, of two tensors, or along a dim."""
    return _torch_extreme(_LARGEST, xs, dim, keepdim)


@spelled("torch.min", operands=None, overrides=True)
def torch_min(*xs: Any, dim: Any = None, keepdim: Any = None) -> Node:
    """Return the smallest of all, of two tensors, or along a dim."""
    return _torch_extreme(_SMALLEST, xs, dim, keepdim)
