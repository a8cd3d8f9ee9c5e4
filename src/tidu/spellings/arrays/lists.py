"""NumPy's functions of lists of arrays: select, choose, block, insert."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.structure import concatenate
from tidu.ops.elementwise.comparison import equal, where
from tidu.spellings.arrays.rearrange import insert as insert_op
from tidu.spellings.record import Spelling, register
from tidu.words import Words

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
    """Return the first choice whose condition holds."""
    if not isinstance(condlist, list | tuple) or not isinstance(choicelist, list | tuple):
        raise TypeError
    if len(condlist) != len(choicelist) or not condlist:
        raise InputError(_LENGTHS(m=len(condlist), n=len(choicelist)))
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def _choose(a: Any, choices: Any, mode: str = "raise") -> Node:
    """Return the array whose element at each position is taken from the choice numbered there; NaN
    where a calculated number names no choice."""
    if not isinstance(choices, list | tuple) or not choices or mode != "raise":
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


def _choose_traced(t: Any, a: Any, choices: Any, mode: str = "raise") -> Any:
    """Return np.choose of traced arrays; as in NumPy, each number must name a choice."""
    count = len(choices)
    which = a if type(a) is type(t) else np.asarray(a)
    if mode == "wrap":
        which = which % count
    elif mode == np.clip.__name__:
        which = np.clip(which, 0, count - 1)
    elif not np.all((which >= 0) & (which < count)):
        raise ValueError("invalid entry in choice array")
    return np.select([which == i for i in range(count)], list(choices))


def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Node:
    """Return an array with values inserted before the given positions."""
    places = obj
    if isinstance(obj, Node):
        if obj.op.role != "constant":
            raise InputError(_PLACES())
        places = np.asarray(obj.attrs["value"].array).astype(int).tolist()
    if not isinstance(places, int | slice | list | tuple):
        raise InputError(_PLACES())
    return insert_op(
        arr, values, obj=tuple(places) if isinstance(places, list) else places, axis=axis
    )


def _block(arrays: Any) -> Node:
    """Return nested lists of arrays joined as np.block does: the innermost along the last axis,
    each level outside it along the axis before."""
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


def _listed(name: str, compose: Any, traced: Any = None) -> Spelling:
    return register(
        Spelling(
            name=f"numpy.{name}",
            compose=compose,
            traced=traced,
            aliases={"numpy": (name,)},
            lists=True,
            bare=name == insert_op.name,
        )
    )


_listed("select", _select)
_listed("choose", _choose, _choose_traced)
_listed("block", _block)
_listed("insert", _insert)
