"""Operands and axes as a spelling is given them: nodes, plain numbers, what a constant holds."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import lift
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import Size, shape_text
from tidu.ops.arrays.layout import reshape
from tidu.words import Words

_AXIS = Words(
    en="axis {axis} does not exist: {x} {shape} has {rank} axes",
    zh="第 {axis} 轴不存在：{x} {shape} 有 {rank} 个轴",
)
_AXIS_KIND = Words(en="an axis is an integer, not {axis}", zh="轴应为整数，而不是 {axis}")


def node_of(x: Any) -> Node:
    """Return an operand as a node."""
    return x if isinstance(x, Node) else lift(reshape, (x,))[0]


def plain_of(value: Any) -> Any:
    """Return what a constant of the program holds, as a number or a list; anything else as it
    is."""
    if isinstance(value, Node) and value.op.role == "constant":
        value = value.attrs["value"]
    array = getattr(value, "array", None)  # an array that is written in a text has one as well
    if not isinstance(array, np.ndarray):
        return value
    if array.dtype.kind == "f" and np.all(array == np.floor(array)) and np.all(np.isfinite(array)):
        array = array.astype(np.int64)
    return array.tolist()


def is_plain(value: Any) -> bool:
    """Return whether a value may be an attribute of a node: known when the program is read."""
    if isinstance(value, tuple | list):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(is_plain(item) for item in cast("dict[Any, Any]", value).values())
    return value is None or isinstance(
        value, bool | int | float | str | slice | Size | np.integer | np.floating
    )


def axis_of(x: Node, axis: Any, extra: int = 0) -> int:
    """Return an axis of a node counted from 0; `extra` axes are about to be added."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise InputError(_AXIS_KIND(axis=axis))
    rank = x.rank + extra
    if not -rank <= axis < rank:
        shape = shape_text(x.shape)
        raise InputError(_AXIS(axis=axis, x=describe(x), shape=shape, rank=x.rank))
    return axis % rank
