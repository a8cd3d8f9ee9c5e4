"""PyTorch's calls that choose elements by order or by index: max along a dim, quantiles, gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidu.errors import InputError
from tidu.ir.build import OperandError, constant, filled, lift, shape_error
from tidu.ir.node import Node
from tidu.ir.types import Type, product
from tidu.ops.arrays.axes import moveaxis
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import broadcast_to, flat, reshape
from tidu.ops.arrays.order import sort, take_along_axis
from tidu.ops.arrays.quantiles import nanquantile, quantile
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.elementwise.comparison import not_equal, where
from tidu.ops.elementwise.guards import within
from tidu.ops.elementwise.rounding import ceil, floor, round_
from tidu.spellings.operands import axis_of, node_of, plain_of
from tidu.spellings.record import spelled
from tidu.words import Words

_INSIDE = Words(
    en="the indices {b} {sb} are larger than {a} {sa} on another axis than {axis}",
    zh="除第 {axis} 轴外，下标 {b} {sb} 不能大于 {a} {sa}",
)
_AXES = Words(
    en="the indices {b} {sb} need as many axes as {a} {sa}",
    zh="下标 {b} {sb} 的轴数应与 {a} {sa} 相同",
)
_INTERPOLATION = Words(
    en="interpolation must be one of {known}, not {given}",
    zh="interpolation 应为 {known} 之一，而不是 {given}",
)
_LEVELS = Words(
    en="the quantiles {b} must be a number or a vector; their shape is {sb}",
    zh="分位点 {b} 应为一个数或一个向量；它的形状是 {sb}",
)
_ROUNDED = ("linear", "lower", "higher", "midpoint", "nearest")


@spelled("torch.gather", operands=3, overrides=True)
def gather(x: Any, dim: int, index: Any, sparse_grad: bool = False) -> Node:
    """Return out[i][j] = x[index[i][j]][j] (along axis 0; other axes alike) for the i and j of the
    index."""
    x, index = node_of(x), node_of(index)
    if 0 in index.shape:
        return filled(0.0, Type(index.shape, x.dtype))
    shape = index.shape
    x, index = (n if n.rank else reshape(n, shape=(1,)) for n in (x, index))
    if x.rank != index.rank:
        raise shape_error(OperandError(_AXES), (x, index))
    at = axis_of(x, dim)
    for axis, (n, wanted) in enumerate(zip(x.shape, index.shape, strict=True)):
        if axis == at or n == wanted:
            continue
        if isinstance(n, int) and isinstance(wanted, int) and wanted > n:
            raise shape_error(OperandError(_INSIDE, axis=at), (x, index))
        x = cut(x, axis, 0, wanted)
    return reshape(take_along_axis(x, index, axis=at), shape=shape)


@spelled("torch.take_along_dim", operands=2, overrides=True)
def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Node:
    """Return the entries at these indices along an axis; without an axis, of all elements in a
    row."""
    if dim is not None:
        return take_along_axis(x, indices, axis=dim)
    return take_along_axis(flat(node_of(x)), flat(node_of(indices)), axis=0)


@spelled("torch.msort", overrides=True)
def msort(x: Any) -> Node:
    """Return x sorted along its first axis."""
    return sort(node_of(x), axis=0)


# ------------------------------------------------------------------ quantiles
def _between(lines: Node, at: Node, interpolation: str) -> Node:
    """Return values between neighbours of sorted lines, rounded or interpolated as PyTorch does."""

    def entry(place: Node) -> Node:
        return take_along_axis(lines, place, axis=-1)

    below, above = floor(at), ceil(at)
    match interpolation:
        case "lower":
            return entry(below)
        case "higher":
            return entry(above)
        case "nearest":
            return entry(round_(at))
        case "midpoint":
            return (entry(below) + entry(above)) / 2.0
        case _:
            low = entry(below)
            return low + (at - below) * (entry(above) - low)


def _at_levels(
    x: Node, q: Node, dim: Any, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Node:
    """Return quantiles at calculated levels; the derivative by a level is the distance between the
    two neighbouring elements."""
    if interpolation not in _ROUNDED:
        raise InputError(_INTERPOLATION(known=", ".join(_ROUNDED), given=repr(interpolation)))
    if q.rank > 1:
        raise shape_error(OperandError(_LEVELS), (x, q))
    whole = x
    x = flat(x) if dim is None or not x.rank else x
    axis = 0 if dim is None else axis_of(x, dim)
    lines = moveaxis(sort(x, axis=axis), source=axis, destination=-1)
    n, outer = lines.shape[-1], lines.shape[:-1]
    counted = constant(n, x.dtype)
    missing = not_equal(lines, lines)
    if ignore_nan:
        counted = sum_(where(missing, 0.0, 1.0), axis=-1, keepdims=True)
    q = within(q, "q", low=0.0, high=1.0)
    levels = broadcast_to(flat(q), shape=(*outer, product(q.shape)))
    found = _between(lines, multiply(levels, counted - 1.0), interpolation)
    if not ignore_nan:
        holes = sum_(where(missing, 1.0, 0.0), axis=-1, keepdims=True)
        found = where(not_equal(holes, 0.0), float("nan"), found)
    found = moveaxis(found, source=-1, destination=0)
    kept: Sequence[Any] = outer
    if keepdim:
        kept = [1] * whole.rank if dim is None else [*outer[:axis], 1, *outer[axis:]]
        kept = kept if whole.rank else []
    return reshape(found, shape=(*q.shape, *(kept if whole.rank else ())))


def _quantile(
    x: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Node:
    x, level = node_of(x), plain_of(q)
    if not isinstance(level, Node):
        if not x.rank:
            dim = None
        levels = nanquantile if ignore_nan else quantile
        return levels(x, level, axis=dim, keepdims=keepdim, method=interpolation)
    x, level = lift(multiply, (x, level))
    return _at_levels(x, level, dim, keepdim, interpolation, ignore_nan)


@spelled("torch.quantile", operands=2, overrides=True)
def torch_quantile(
    x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear"
) -> Node:
    """Return the q-quantiles; the levels may be calculated values, with a derivative of their
    own."""
    return _quantile(x, q, dim, keepdim, interpolation, False)


@spelled("torch.nanquantile", operands=2, overrides=True)
def torch_nanquantile(
    x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear"
) -> Node:
    """Return the q-quantiles of what is not NaN."""
    return _quantile(x, q, dim, keepdim, interpolation, True)
