"""NumPy's functions of lists of arrays, as a text calls them: select, choose, block, insert."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tidu.errors import InputError, TiduError
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.rearrange import insert
from tidu.ops.arrays.structure import concatenate
from tidu.ops.elementwise.comparison import equal, where
from tidu.words import Words

_MISUSED = Words(
    en="{name} cannot be called with these arguments; it takes {names}",
    zh="{name} 不能这样调用；它的参数是 {names}",
)
_LENGTHS = Words(
    en="select needs as many choices as conditions, got {m} and {n}",
    zh="select 的条件与选项个数要相同，这里是 {m} 与 {n}",
)
_CHOICE = Words(
    en="choose has {n} choices, numbered from 0; {which} is none of them",
    zh="choose 有 {n} 个选项，从 0 编号；{which} 不在其中",
)
_PLACES = Words(
    en="the places of insert must be written numbers, not calculated values",
    zh="insert 的位置必须是写明的数，不能是算出来的值",
)
_NESTED = Words(
    en="the lists of block must be nested equally deep, and not be empty",
    zh="block 的各个列表嵌套深度要相同，并且不能为空",
)


def _select(condlist: Any, choicelist: Any, default: Any = 0.0) -> Node:
    """The first choice whose condition holds."""
    if not isinstance(condlist, list | tuple) or not isinstance(choicelist, list | tuple):
        raise TypeError
    if len(condlist) != len(choicelist) or not condlist:
        raise InputError(_LENGTHS(m=len(condlist), n=len(choicelist)))
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def _choose(a: Any, choices: Any) -> Node:
    """Element by element the choice of that number; NaN where there is none."""
    if not isinstance(choices, list | tuple) or not choices:
        raise TypeError
    a = constant(np.asarray(a)) if isinstance(a, int | float | list | tuple) else a
    if isinstance(a, Node) and a.op.role == "constant":
        known = a.attrs["value"].array
        wrong = known[(known < 0) | (known >= len(choices)) | (known != np.floor(known))]
        if wrong.size:
            raise InputError(_CHOICE(n=len(choices), which=f"{wrong[0]:g}"))
    result: Any = np.nan
    for number, choice in reversed(list(enumerate(choices))):
        result = where(equal(a, float(number)), choice, result)
    return result


def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Node:
    places = obj
    if isinstance(obj, Node):
        if obj.op.role != "constant":
            raise InputError(_PLACES())
        places = np.asarray(obj.attrs["value"].array).astype(int).tolist()
    if not isinstance(places, int | slice | list | tuple):
        raise InputError(_PLACES())
    return insert(arr, values, obj=tuple(places) if isinstance(places, list) else places, axis=axis)


def _block(arrays: Any) -> Node:
    """Nested lists, the innermost joined along the last axis."""
    levels = _depth(arrays)
    rank = max(_rank(arrays), levels)

    def joined(item: Any, level: int) -> Node:
        if not isinstance(item, list):
            node = item if isinstance(item, Node) else constant(float(item))
            return reshape(node, shape=(*(1,) * (rank - node.rank), *node.shape))
        parts = [joined(part, level - 1) for part in item]
        return parts[0] if len(parts) == 1 else concatenate(*parts, axis=-level)

    return joined(arrays, levels)


def _depth(item: Any) -> int:
    if not isinstance(item, list):
        return 0
    depths = {_depth(part) for part in cast("list[Any]", item)}
    if len(depths) != 1:
        raise InputError(_NESTED())
    return 1 + depths.pop()


def _rank(item: Any) -> int:
    if isinstance(item, list):
        return max(map(_rank, cast("list[Any]", item)))
    return item.rank if isinstance(item, Node) else 0


LISTED: Mapping[str, Callable[..., Node]] = {
    "select": _select,
    "choose": _choose,
    "insert": _insert,
    "block": _block,
}


def listed(name: str, shown: str) -> Callable[..., Node]:
    """The function of this name, with an error of tidu's for a call that does not fit it."""
    function = LISTED[name]

    def build(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Node:
        try:
            return function(*arguments, **keywords)
        except TiduError:
            raise
        except (TypeError, ValueError, IndexError, AttributeError):
            names = ", ".join(inspect.signature(function).parameters)
            raise InputError(_MISUSED(name=shown, names=names)) from None

    return build
