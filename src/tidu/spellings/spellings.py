"""Calls of other libraries that are several calls of ops, or whose arguments mean another thing.

Each function takes its operands first and builds nodes of ops; `functions.py` puts them in its
table beside the aliases of the op records. A spelling that an op records itself wins, unless the
entry overrides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.errors import InputError, UnknownNameError
from tidu.ir.build import describe, lift
from tidu.ir.node import Node
from tidu.ir.op import operator
from tidu.ir.types import is_one_element, product, shape_text
from tidu.nn.functional import FUNCTIONS
from tidu.nn.functional import operands as operands_of
from tidu.ops.arrays.layout import reshape, transpose
from tidu.spellings.torch_checks import check_tensors
from tidu.words import Words

_AXIS = Words(
    en="axis {axis} does not exist: {x} {shape} has {rank} axes",
    zh="第 {axis} 轴不存在：{x} {shape} 有 {rank} 个轴",
)
_AXIS_KIND = Words(en="an axis is an integer, not {axis}", zh="轴应为整数，而不是 {axis}")
_ONE_ELEMENT = Words(
    en="item() needs an array of one element; {x} has shape {shape}",
    zh="item() 只用于一个元素的数组；{x} 的形状是 {shape}",
)
_TWO_MEANINGS = Words(
    en="{name}(x, {axis}) has two meanings for an array: "
    "along an axis, or elementwise against {axis}",
    zh="对数组来说 {name}(x, {axis}) 有两种意思：沿某一轴，或与 {axis} 逐元素比较",
)
_SAY_WHICH = Words(
    en="np.{name}(x, axis={axis}) or np.{pair}(x, {axis})",
    zh="np.{name}(x, axis={axis}) 或 np.{pair}(x, {axis})",
)
_RANK = Words(en="matrix_rank is not derived: it counts", zh="不能对 matrix_rank 求导：它是计数")
_RANK_WHY = Words(
    en="a rank has the derivative 0 where it stays the same, and none where it changes",
    zh="秩不变处导数为 0，秩改变处没有导数",
)
_RANK_FIX = Words(
    en="the rank as a number, calculated outside of what is derived",
    zh="在求导之外算出秩，作为一个数使用",
)
_DETACH = Words(
    en="detach() stops the gradient here: the result would not be the gradient of what is written",
    zh="detach() 会在这里截断梯度，得到的就不是所写式子的梯度",
)
_NO_DETACH = Words(en="the value without .detach()", zh="去掉 .detach()")


@dataclass(frozen=True, slots=True, eq=False)
class Spelled:
    """A composition and the paths under which it is written."""

    build: Callable[..., Node]
    paths: tuple[str, ...]
    operands: int | None  # how many come first; None: any number
    overrides: bool = False


SPELLED: list[Spelled] = []


def spelled(
    *paths: str, operands: int | None = 1, overrides: bool = False
) -> Callable[[Callable[..., Node]], Callable[..., Node]]:
    def add(build: Callable[..., Node]) -> Callable[..., Node]:
        SPELLED.append(Spelled(build, paths, operands, overrides))
        return build

    return add


def node_of(x: Any) -> Node:
    return x if isinstance(x, Node) else lift(reshape, (x,))[0]


def plain_of(value: Any) -> Any:
    """What a constant of the program holds, as a number or a list; anything else as it is."""
    if isinstance(value, Node) and value.op.role == "constant":
        value = value.attrs["value"]
    array = getattr(value, "array", None)  # an array that is written in a text has one as well
    if not isinstance(array, np.ndarray):
        return value
    if array.dtype.kind == "f" and np.all(array == np.floor(array)) and np.all(np.isfinite(array)):
        array = array.astype(np.int64)
    return array.tolist()


def axis_of(x: Node, axis: Any, extra: int = 0) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise InputError(_AXIS_KIND(axis=axis))
    rank = x.rank + extra
    if not -rank <= axis < rank:
        shape = shape_text(x.shape)
        raise InputError(_AXIS(axis=axis, x=describe(x), shape=shape, rank=x.rank))
    return axis % rank


@spelled("numpy.swapaxes", overrides=True)
def swap(x: Any, axis1: int, axis2: int) -> Node:
    """Two axes exchanged."""
    x = node_of(x)
    first, second = axis_of(x, axis1), axis_of(x, axis2)
    order = list(range(x.rank))
    order[first], order[second] = second, first
    return transpose(x, axes=tuple(order))


@spelled("numpy.ravel", "torch.ravel", "numpy.Tensor.flatten")
def ravel(x: Any) -> Node:
    """All elements in one vector, row by row."""
    x = node_of(x)
    return reshape(x, shape=(product(x.shape),))


@spelled("numpy.expand_dims", "torch.unsqueeze", "torch.expand_dims")
def expand(x: Any, axis: int) -> Node:
    """A new axis of size one at `axis`."""
    x = node_of(x)
    at = axis_of(x, axis, extra=1)
    return reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:]))


@spelled("numpy.squeeze")
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Node:
    """Without its axes of size one, or without those named."""
    x = node_of(x)
    given = range(x.rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    chosen = {axis_of(x, a) for a in given}
    kept = tuple(d for i, d in enumerate(x.shape) if i not in chosen or (axis is None and d != 1))
    return reshape(x, shape=kept)


@spelled("numpy.dot", "torch.dot", operands=2)
def dot(x: Any, y: Any) -> Node:
    """NumPy's dot: a product of numbers, or a matrix product."""
    x, y = lift(operator("@"), (x, y))
    return x * y if x.rank == 0 or y.rank == 0 else x @ y


@spelled("torch.linalg.solve", operands=2, overrides=True)
def solve(a: Any, b: Any, left: bool = True) -> Node:
    """torch's solve: b may hold one vector for each matrix of a batch; X A = B with left=False."""
    a, b = lift(operator("@"), (a, b))
    systems = library("numpy.linalg.solve")
    if not left:
        return systems(a.mT, b.mT).mT
    if b.rank > 1 and b.shape == a.shape[:-1]:
        columns = systems(a, reshape(b, shape=(*b.shape, 1)))
        return reshape(columns, shape=b.shape)
    return systems(a, b)


@spelled("numpy.linalg.matrix_rank", "torch.linalg.matrix_rank")
def matrix_rank(a: Any, tol: Any = None) -> Node:
    """Refused: a count has no derivative to speak of."""
    raise UnknownNameError(_RANK(), why=_RANK_WHY(), fix=_RANK_FIX())


@spelled("numpy.Tensor.item", "torch.Tensor.item")
def item(x: Any) -> Node:
    """The only element, as a number."""
    x = node_of(x)
    if not is_one_element(x.shape):
        raise InputError(_ONE_ELEMENT(x=describe(x), shape=shape_text(x.shape)))
    return reshape(x, shape=())


@spelled(
    "numpy.Tensor.copy",
    "torch.Tensor.clone",
    "torch.Tensor.contiguous",
    "torch.Tensor.numpy",
    "torch.Tensor.float",
    "torch.Tensor.double",
    "torch.Tensor.cpu",
    "numpy.copy",
    "torch.clone",
)
def same(x: Any) -> Node:
    """The value as it is: copying changes no mathematics."""
    return node_of(x)


@spelled("torch.Tensor.detach")
def detach(x: Any) -> Node:
    """Refused: it would make the gradient another one than that of the formula shown."""
    raise InputError(_DETACH(), fix=_NO_DETACH())


def library(path: str) -> Callable[..., Node]:
    """The spelling at a path, found when it is called: the table is built from this module too."""
    from tidu.spellings.functions import call, find, unknown  # noqa: PLC0415

    spelling = find(path)
    if spelling is None:
        raise unknown(path)
    return lambda *xs, **options: call(spelling, xs, options)


def _is_axis(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _python_extreme(name: str, xs: tuple[Any, ...], options: dict[str, Any]) -> Node:
    """A bare max or min: Python's own of several numbers, or NumPy's over an array."""
    if len(xs) < 2 or any(value is not None for value in options.values()):
        return library(f"numpy.{name}")(*xs, **options)
    pair = name + "imum"
    if len(xs) == 2 and _is_axis(xs[1]) and isinstance(xs[0], Node) and xs[0].rank > 0:
        raise InputError(
            _TWO_MEANINGS(name=name, axis=xs[1]), fix=_SAY_WHICH(name=name, pair=pair, axis=xs[1])
        )
    result = xs[0]
    for other in xs[1:]:
        result = library(f"numpy.{pair}")(result, other)
    return result


def _torch_extreme(name: str, xs: tuple[Any, ...], dim: Any, keepdim: Any) -> Any:
    """torch's max and min: over everything, of two tensors, or along a dim, with the positions."""
    from tidu.spellings.torch_order import extreme  # noqa: PLC0415  (written with this module)

    given = list(xs)
    at = dim if dim is not None else given[1] if len(given) > 1 and _is_axis(given[1]) else None
    if at is not None:
        keep = keepdim if keepdim is not None else given[2] if len(given) > 2 else False
        return extreme(name, given[0] if given else None, at, bool(keep))
    if len(xs) == 2:
        check_tensors(path := f"torch.{name}imum", path, xs)
    return library(f"numpy.{name}imum" if len(xs) == 2 else f"numpy.{name}")(*xs)


@spelled("text.max", operands=None)
def python_max(*xs: Any, axis: Any = None, keepdims: Any = None) -> Node:
    return _python_extreme("max", xs, _given(axis=axis, keepdims=keepdims))


@spelled("text.min", operands=None)
def python_min(*xs: Any, axis: Any = None, keepdims: Any = None) -> Node:
    return _python_extreme("min", xs, _given(axis=axis, keepdims=keepdims))


@spelled("torch.max", operands=None, overrides=True)
def torch_max(*xs: Any, dim: Any = None, keepdim: Any = None) -> Node:
    return _torch_extreme("max", xs, dim, keepdim)


@spelled("torch.min", operands=None, overrides=True)
def torch_min(*xs: Any, dim: Any = None, keepdim: Any = None) -> Node:
    return _torch_extreme("min", xs, dim, keepdim)


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


SPELLED.extend(
    Spelled(function, (f"torch.nn.functional.{name}",), operands_of(function))
    for name, function in FUNCTIONS.items()
)
