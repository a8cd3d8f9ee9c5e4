"""Rearranging: roll, repeat, tile, split, insert, delete.

Nothing is calculated: each is written with slices, joins, stretches and index arrays that are known
before the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_elements, check_steps
from tidu.ir.build import OperandError, lift
from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand
from tidu.ir.types import Size
from tidu.ops.arrays.axes import expanded, flip, moveaxis
from tidu.ops.arrays.indexing import cut, taken
from tidu.ops.arrays.layout import broadcast_to, flat, reshape
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import DIM, aliases, sampled
from tidu.spellings.arrays.axes import swapaxes
from tidu.spellings.record import spelling as any_spelling
from tidu.words import Words

_UNEVEN = Words(
    en="{a} {sa} cannot be split into {count} equal parts along axis {axis}",
    zh="{a} {sa} 不能沿第 {axis} 轴等分为 {count} 份",
)
_UNEVEN_FIX = Words(en="array_split({a}, {count})", zh="array_split({a}, {count})")
_SIZE_NAMED = Words(
    en="{name} needs sizes that are numbers; axis {axis} of {a} is {n}",
    zh="{name} 需要具体的大小；{a} 第 {axis} 轴的大小是 {n}",
)
_PAIRS = Words(
    en="{name}: {given} does not fit the axes {axes}", zh="{name}：{given} 与轴 {axes} 不匹配"
)
_AXES_NEEDED = Words(
    en="{name} cuts arrays of at least {least} axes, {a} has shape {sa}",
    zh="{name} 切分至少有 {least} 个轴的数组，而 {a} 的形状是 {sa}",
)
_TURN = Words(
    en="rot90 turns {a} {sa} in a plane of two different axes, not {axes}",
    zh="rot90 在两个不同的轴所成的平面内旋转 {a} {sa}，而不是 {axes}",
)
spelling = partial(any_spelling, complex=True)  # where entries go does not depend on their kind
_MANY: dict[str, Any] = {"operands": None}


def known(x: Node, axis: int, name: str) -> int:
    """Return the size of an axis, which must be a number here."""
    n = x.shape[axis]
    if isinstance(n, Size):
        raise OperandError(_SIZE_NAMED, name=name, axis=axis, n=n)
    return n


def _as_list(value: Any) -> list[Any]:
    return list(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else [value]


# ------------------------------------------------------------------ transposed, flipped
def _roll(x: Node, shift: Any, axis: Any = None) -> Node:
    if axis is None:
        return reshape(_roll(flat(x), shift, 0), shape=x.shape)
    shifts, axes = _as_list(shift), _as_list(axis)
    if not shifts or not axes:
        return x
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise InputError(_PAIRS(name="roll", given=shift, axes=axis))
    count = max(len(shifts), len(axes))
    for by, at in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        x = _rolled(x, int(by), normal_axes(at, x.rank)[0])
    return x


def _rolled(x: Node, shift: int, axis: int) -> Node:
    n = x.shape[axis]
    split = n - shift if isinstance(n, Size) and shift > 0 else -shift
    if isinstance(n, int):
        split = -shift % n if n else 0
    if split == 0:
        return x
    return concatenate(cut(x, axis, split, n), cut(x, axis, 0, split), axis=axis)


def _rot90(x: Node, k: int = 1, axes: Any = (0, 1)) -> Node:
    first, second = (normal_axes(a, x.rank)[0] for a in axes)
    if first == second:
        raise OperandError(_TURN, axes=tuple(axes))
    match k % 4:
        case 0:
            return x
        case 2:
            return flip(x, axis=(first, second))
        case 1:
            return swapaxes(flip(x, axis=second), axis1=first, axis2=second)
        case _:
            return flip(swapaxes(x, axis1=first, axis2=second), axis=second)


roll = spelling(
    "roll",
    _roll,
    numpy=np.roll,
    aliases=aliases(numpy="roll", torch=Alias("roll", rename={"shifts": "shift", "dims": "axis"})),
    samples=sampled(
        (((5,), {"shift": 2})),
        (((2, 3),), {"shift": -4}),
        (((2, 3),), {"shift": 1, "axis": 1}),
        (((2, 3),), {"shift": (1, 2), "axis": (0, -1)}),
        (((2, 3),), {"shift": 1, "axis": (0, 1)}),
    ),
)
rot90 = spelling(
    "rot90",
    _rot90,
    numpy=np.rot90,
    aliases=aliases(numpy="rot90", torch=Alias("rot90", rename={"dims": "axes"})),
    samples=sampled(
        *((((2, 3),), {"k": k}) for k in range(4)), (((2, 3, 2),), {"k": -1, "axes": (1, 2)})
    ),
)
flipud = spelling(
    "flipud", lambda x: flip(x, axis=0), numpy=np.flipud, samples=sampled((((3, 2),), {}))
)
fliplr = spelling(
    "fliplr", lambda x: flip(x, axis=1), numpy=np.fliplr, samples=sampled((((3, 2),), {}))
)
rollaxis = spelling(
    "rollaxis",
    lambda x, axis, start=0: moveaxis(
        x,
        source=(at := normal_axes(axis, x.rank)[0]),
        destination=(to := start + x.rank if start < 0 else start) - (at < to),
    ),
    numpy=np.rollaxis,
    aliases=aliases(numpy="rollaxis"),
    samples=sampled(
        (((2, 3, 4),), {"axis": 2}),
        (((2, 3, 4),), {"axis": 0, "start": 3}),
        (((2, 3, 4),), {"axis": -1, "start": 1}),
    ),
)


# ------------------------------------------------------------------ repeated
def _tile(x: Node, reps: Any) -> Node:
    counts = [int(r) for r in _as_list(reps)]
    counts = [1] * (x.rank - len(counts)) + counts
    shape = (*(1,) * (len(counts) - x.rank), *x.shape)
    apart = [d for n in shape for d in (1, n)]
    wide = [d for r, n in zip(counts, shape, strict=True) for d in (r, n)]
    broadcast = broadcast_to(reshape(x, shape=apart), shape=wide)
    return reshape(broadcast, shape=[r * n for r, n in zip(counts, shape, strict=True)])


def _repeat(x: Node, repeats: Any, axis: int | None = None) -> Node:
    if axis is None or not x.rank:  # a number counts as a vector of one
        x, axis = flat(x), 0 if axis is None else axis
    at = normal_axes(axis, x.rank)[0]
    counts = [int(r) for r in _as_list(repeats)]
    if len(counts) != 1 and len(counts) != x.shape[at]:
        raise InputError(_PAIRS(name="repeat", given=repeats, axes=at))
    if len(counts) != 1:
        check_elements(sum(counts), "repeat")
        return taken(x, np.repeat(np.arange(len(counts)), counts), at)
    broadcast = expanded(x, at + 1)
    wide = (*x.shape[: at + 1], counts[0], *x.shape[at + 1 :])
    joined = (*x.shape[:at], x.shape[at] * counts[0], *x.shape[at + 1 :])
    return reshape(broadcast_to(broadcast, shape=wide), shape=joined)


def _resize(x: Node, new_shape: Any) -> Node:
    shape = tuple(int(n) for n in _as_list(new_shape))
    n, size = known(flat(x), 0, "resize"), math.prod(shape)
    check_elements(size, "resize")
    if n == 0 or size == 0:
        return broadcast_to(lift(reshape, (0.0,))[0], shape=shape)
    return reshape(taken(flat(x), np.arange(size) % n, 0), shape=shape)


tile = spelling(
    "tile",
    _tile,
    numpy=np.tile,
    aliases=aliases(numpy="tile", torch=(Alias("tile", rename={"dims": "reps"}),)),
    samples=sampled(
        (((3,),), {"reps": 2}),
        (((2, 3),), {"reps": 2}),
        (((3,),), {"reps": (2, 1)}),
        (((2, 3),), {"reps": (2, 1, 3)}),
        (((),), {"reps": 3}),
    ),
)
repeat = spelling(
    "repeat",
    _repeat,
    numpy=np.repeat,
    aliases=aliases(numpy="repeat", torch=Alias("repeat_interleave", rename=DIM)),
    samples=sampled(
        (((3,),), {"repeats": 2}),
        (((2, 3),), {"repeats": 2}),
        (((2, 3),), {"repeats": 3, "axis": 0}),
        (((2, 3),), {"repeats": (1, 0, 2), "axis": 1}),
        (((2, 3),), {"repeats": (2,), "axis": -1}),
    ),
)
resize = spelling(
    "resize",
    _resize,
    numpy=np.resize,
    aliases=aliases(numpy="resize"),
    samples=sampled((((2, 3),), {"new_shape": (4, 2)}), (((2, 3),), {"new_shape": 4})),
)


# ------------------------------------------------------------------ cut into pieces
def _pieces(x: Node, places: Sequence[int], axis: int, n: int) -> list[Node]:
    whole = [0, *(slice(p).indices(n)[1] for p in places), n]
    return [cut(x, axis, low, max(low, high)) for low, high in pairwise(whole)]


def _array_split(x: Node, indices_or_sections: Any, axis: int = 0) -> list[Node]:
    at = normal_axes(axis, x.rank)[0]
    n = known(x, at, "split")
    if isinstance(indices_or_sections, list | tuple):
        return _pieces(x, [int(i) for i in indices_or_sections], at, n)
    count = int(indices_or_sections)
    check_steps(count, "array_split")
    each, extra = divmod(n, count)
    ends = np.cumsum([each + 1] * extra + [each] * (count - extra))[:-1]
    return _pieces(x, ends.tolist(), at, n)


def _split(x: Node, indices_or_sections: Any, axis: int = 0) -> list[Node]:
    at = normal_axes(axis, x.rank)[0]
    if not isinstance(indices_or_sections, list | tuple):
        count, n = int(indices_or_sections), known(x, at, "split")
        if count < 1 or n % count:
            raise OperandError(_UNEVEN, _UNEVEN_FIX, count=count, axis=at)
    return _array_split(x, indices_or_sections, at)


def _split_along(name: str, axis: Callable[[Node], int], least: int) -> Callable[..., Any]:
    def build(x: Node, indices_or_sections: Any) -> list[Node]:
        if x.rank < least:
            raise OperandError(_AXES_NEEDED, name=name, least=least)
        return _split(x, indices_or_sections, axis(x))

    return build


def _unstack(x: Node, axis: int = 0) -> tuple[Node, ...]:
    at = normal_axes(axis, x.rank)[0]
    count = known(x, at, "unstack")
    check_steps(count, "unstack")
    return tuple(x[(*[slice(None)] * at, i)] for i in range(count))


_HALVES = sampled((((4, 2, 2),), {"indices_or_sections": 2}))
split = spelling(
    "split",
    _split,
    numpy=np.split,
    aliases=aliases(numpy="split"),
    samples=sampled(
        (((6,),), {"indices_or_sections": 3}),
        (((2, 6),), {"indices_or_sections": (1, 4), "axis": 1}),
        (((2, 4),), {"indices_or_sections": (3, -3, 9), "axis": -1}),
    ),
)
array_split = spelling(
    "array_split",
    _array_split,
    numpy=np.array_split,
    aliases=aliases(numpy="array_split", torch=Alias("tensor_split", rename=DIM)),
    samples=sampled(
        (((7,),), {"indices_or_sections": 3}), (((2, 4),), {"indices_or_sections": 3, "axis": 1})
    ),
)
vsplit = spelling(
    "vsplit", _split_along("vsplit", lambda x: 0, 2), numpy=np.vsplit, samples=_HALVES
)
hsplit = spelling(
    "hsplit",
    _split_along("hsplit", lambda x: 0 if x.rank == 1 else 1, 1),
    numpy=np.hsplit,
    samples=_HALVES,
)
dsplit = spelling(
    "dsplit", _split_along("dsplit", lambda x: 2, 3), numpy=np.dsplit, samples=_HALVES
)
unstack = spelling(
    "unstack",
    _unstack,
    numpy=lambda x, axis=0: np.unstack(x, axis=axis),
    aliases=aliases(numpy="unstack", torch=Alias("unbind", rename=DIM)),
    samples=sampled((((2, 3),), {}), (((2, 3),), {"axis": -1})),
)


# ------------------------------------------------------------------ put in, left out
def _append(x: Node, values: Node, axis: int | None = None) -> Node:
    if axis is None:
        x, values, axis = flat(x), flat(values), 0
    return concatenate(x, values, axis=axis)


def _count(n: int, obj: Any) -> int:
    return len(range(*obj.indices(n))) if isinstance(obj, slice) else np.size(obj)


def _insert(x: Node, obj: Any, values: Node, axis: int | None = None) -> Node:
    """Return x with values inserted: they are joined behind x, then all entries are put in NumPy's
    order."""
    if axis is None:
        x, axis = flat(x), 0
    at = normal_axes(axis, x.rank)[0]
    n, single = known(x, at, "insert"), isinstance(obj, int)
    values = reshape(values, shape=(*(1,) * (x.rank - values.rank), *values.shape))
    if single:
        values = moveaxis(values, source=0, destination=at)
    count = known(values, at, "insert") if single else _count(n, obj)
    values = broadcast_to(values, shape=(*x.shape[:at], count, *x.shape[at + 1 :]))
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    return taken(concatenate(x, values, axis=at), order, at)


def _delete(x: Node, obj: Any, axis: int | None = None) -> Node:
    if axis is None:
        x, axis = flat(x), 0
    at = normal_axes(axis, x.rank)[0]
    return taken(x, np.delete(np.arange(known(x, at, "delete")), obj), at)


_TWO: dict[str, Any] = {"operands": (Operand.VALUE, Operand.VALUE)}
append = spelling(
    "append",
    _append,
    numpy=np.append,
    aliases=aliases(numpy="append"),
    samples=sampled(
        (((2, 3), (2,)), {}), (((2, 3), (1, 3)), {"axis": 0}), (((2, 3), (2, 2)), {"axis": -1})
    ),
    **_TWO,
)
delete = spelling(
    "delete",
    _delete,
    numpy=np.delete,
    aliases=aliases(numpy="delete"),
    samples=sampled(
        (((5,),), {"obj": 1}), (((2, 3),), {"obj": (0, -1), "axis": 1}), (((2, 3),), {"obj": 4})
    ),
)
insert = any_spelling(
    "insert",
    lambda x, values, obj, axis=None: _insert(x, obj, values, axis),
    numpy=lambda x, values, obj, axis=None: np.insert(x, obj, values, axis),
    aliases={},
    samples=sampled(
        (((4,), ()), {"obj": 2}),
        (((4,), (3,)), {"obj": 1}),
        (((4,), (2,)), {"obj": (0, 3)}),
        (((2, 3), (2,)), {"obj": 1, "axis": 1}),
        (((2, 3), (2, 2)), {"obj": (0, 2), "axis": 1}),
        (((2, 3), ()), {"obj": (0, 2), "axis": 0}),
    ),
    **_TWO,
)
