"""Keys of an indexing x[key]: their normal form, the shape they give, how they are read.

A key is kept in a form that can be hashed and printed, one entry for each axis of x:
("at", i) an integer, ("cut", start, stop, step) a slice with settled bounds, ("new",) a new axis,
("by", j) the j-th index array. Integers that meet index arrays become index arrays, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from tidu.document.math import Math, Number, Symbol
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import OperandError, constant
from tidu.ir.node import Node
from tidu.ir.types import Dim, Shape, Size, broadcast_shapes
from tidu.words import Words, verbatim

Entry: TypeAlias = tuple[Any, ...]
Key: TypeAlias = tuple[Entry, ...]

_MANY = Words(
    en="{a} {sa} has {rank} axes and cannot take {count} indices",
    zh="{a} {sa} 只有 {rank} 个轴，不能用 {count} 个下标",
)
_RANGE = Words(
    en="index {i} is out of range: axis {axis} of {a} {sa} has size {n}",
    zh="下标 {i} 越界：{a} {sa} 第 {axis} 轴的大小是 {n}",
)
_BEYOND = Words(
    en="the slice {cut} leaves axis {axis} of {a} {sa}, which has size {n}",
    zh="切片 {cut} 超出 {a} {sa} 的第 {axis} 轴，该轴的大小是 {n}",
)
_KIND = Words(
    en="an index must be an integer, a slice, None, … or an array of integers or booleans, "
    "not {given}",
    zh="下标应为整数、切片、None、… 或整数、布尔数组，而不是 {given}",
)
_STEP = Words(
    en="a slice with step {step} needs a size that is a number; axis {axis} of {a} is {n}",
    zh="步长为 {step} 的切片需要具体的大小；{a} 第 {axis} 轴的大小是 {n}",
)
_MASK = Words(
    en="how many elements of {a} a calculated mask keeps is not known before the run",
    zh="在运行之前，不知道计算得到的掩码会从 {a} 中保留多少个元素",
)
_MASK_FIX = Words(en="where(mask, {a}, 0.0)", zh="where(mask, {a}, 0.0)")
_MASK_SHAPE = Words(
    en="the mask has shape {mask}, the axes of {a} {sa} that it chooses from have another",
    zh="掩码的形状是 {mask}，与 {a} {sa} 相应的轴不一致",
)
_TOGETHER = Words(
    en="the index arrays of {a} have shapes {shapes}, which do not fit together",
    zh="{a} 的下标数组形状为 {shapes}，无法互相匹配",
)
_WHOLE = Words(
    en="{value} is no index: indices are whole numbers", zh="{value} 不能作下标：下标必须是整数"
)
_ELLIPSES = Words(en="an index can hold only one …", zh="下标中只能有一个 …")


# ------------------------------------------------------------------ keys
def _is_integer(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool)


def _settled(value: Any, n: Dim, default: Dim) -> Dim:
    """Return a slice bound counted from the start; a named size is taken to be large enough."""
    if value is None:
        return default
    if isinstance(value, Size):
        return value
    if not _is_integer(value):
        raise InputError(_KIND(given=repr(value)))
    return n + int(value) if value < 0 else int(value)


def _slice(item: slice, n: Dim, axis: int) -> Entry:
    if isinstance(n, int) and not isinstance(item.start, Size) and not isinstance(item.stop, Size):
        try:
            bounds = item.indices(n)
        except TypeError:
            raise InputError(_KIND(given=repr(item))) from None
        return ("cut", *bounds) if range(*bounds) else ("cut", 0, 0, 1)
    step = 1 if item.step is None else item.step
    if step == 1:
        return ("cut", _settled(item.start, n, 0), _settled(item.stop, n, n), 1)
    if step == -1 and item.start is None and item.stop is None:
        return ("cut", n - 1, -1, -1)
    raise OperandError(_STEP, step=step, axis=axis, n=n)


def _length(entry: Entry) -> Dim:
    _, start, stop, step = entry
    if all(isinstance(value, int) for value in entry[1:]):
        return len(range(start, stop, step))
    return stop - start if step == 1 else start - stop


def _integer(item: Any, n: Dim, axis: int) -> int:
    i = int(item)
    if isinstance(n, int) and not -n <= i < n:
        raise OperandError(_RANGE, i=i, axis=axis, n=n)
    return i % n if isinstance(n, int) else i


def _consumes(item: Any) -> int:
    """Return how many axes of x an item of the key takes."""
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        return max(1, item.ndim)
    return 1


def _plain(item: Any) -> Any:
    """Return lists as arrays, arrays of one integer without axes as integers, constant masks as
    arrays."""
    if isinstance(item, list | tuple | range):
        array = np.asarray(item)
        return array if array.size else array.astype(np.int64)
    if isinstance(item, np.ndarray) and item.shape == () and item.dtype.kind in "iu":
        return int(item)
    if isinstance(item, Node) and item.dtype == "bool" and item.op.role == "constant":
        return item.attrs["value"].array
    return item


def _as_items(key: Any, rank: int) -> list[Any]:
    """Return the key as a list with lists made arrays and … written out."""
    items = list(cast("tuple[Any, ...]", key)) if isinstance(key, tuple) else [key]
    items = [_plain(item) for item in items]
    count = sum(_consumes(item) for item in items)
    if count > rank:
        raise OperandError(_MANY, rank=rank, count=count)
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise InputError(_ELLIPSES())
    ellipsis = dots[0] if dots else len(items)
    return [*items[:ellipsis], *([slice(None)] * (rank - count)), *items[ellipsis + len(dots) :]]


def _without_masks(items: list[Any], x: Node) -> list[Any]:
    """Return each mask replaced by the index arrays of its true places, one for each of its
    axes."""
    entries: list[Any] = []
    axis = 0
    for item in items:
        if isinstance(item, Node) and item.dtype == "bool":
            raise OperandError(_MASK, _MASK_FIX)
        if isinstance(item, np.ndarray) and item.dtype == np.bool_:
            if item.shape != x.shape[axis : axis + item.ndim] or item.ndim == 0:
                raise OperandError(_MASK_SHAPE, mask=item.shape)
            entries.extend(np.nonzero(item))
        else:
            entries.append(item)
        axis += _consumes(item)
    return entries


def split(x: Node, key: Any) -> tuple[Key, list[Node]]:
    """Return the normal form of a key and its index arrays."""
    entries: list[Entry] = []
    arrays: list[Node] = []
    axis = 0
    for item in _without_masks(_as_items(key, x.rank), x):
        if item is None:
            entries.append(("new",))
            continue
        n = x.shape[axis]
        if isinstance(item, slice):
            entries.append(_slice(item, n, axis))
        elif _is_integer(item):
            entries.append(("at", _integer(item, n, axis)))
        elif isinstance(item, Node | np.ndarray):
            entries.append(("by", len(arrays)))
            arrays.append(_index_array(item, n, axis))
        else:
            raise InputError(_KIND(given=repr(item)), fix=verbatim("x[0], x[1:], x[[0, 2]]"))
        axis += 1
    if arrays:  # beside index arrays an integer is one, too
        for position, entry in enumerate(entries):
            if entry[0] == "at":
                entries[position] = ("by", len(arrays))
                arrays.append(constant(entry[1], "int64"))
    return tuple(entries), arrays


def _index_array(item: Any, n: Dim, axis: int) -> Node:
    if isinstance(item, np.ndarray):
        if item.dtype.kind not in "iuf":
            raise InputError(_KIND(given=repr(item)), fix=verbatim("x[[0, 2]]"))
        item = constant(whole(item), "int64")
    _check_range(item, n, axis)
    return item


def _check_range(indices: Node, n: Dim, axis: int) -> None:
    if indices.op.role != "constant" or not isinstance(n, int):
        return
    values = indices.attrs["value"].array
    for i in values[(values < -n) | (values >= n)].ravel()[:1].tolist():
        raise OperandError(_RANGE, i=int(i), axis=axis, n=n)


def whole(values: Any) -> Any:
    """Return indices as integers; numbers that are not whole are refused."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        wrong = array[array != np.floor(array)]
        if wrong.size:
            raise EvaluationError(_WHOLE(value=float(wrong.ravel()[0])))
    return array.astype(np.int64)


RUN_RANGE = Words(
    en="index {i} is out of range for an axis of size {n}", zh="下标 {i} 越界：该轴的大小是 {n}"
)


def outside(indices: Any, n: int) -> EvaluationError | None:
    """Return the error for the first index that an axis of size n does not have, if there is
    one."""
    values = np.ravel(indices)
    wrong = values[(values < -n) | (values >= n)]
    return EvaluationError(RUN_RANGE(i=int(wrong[0]), n=n)) if wrong.size else None


def numpy_key(key: Key, arrays: Sequence[Any]) -> tuple[Any, ...]:
    entries: list[Any] = []
    for entry in key:
        match entry:
            case ("at", i):
                entries.append(i)
            case ("cut", start, stop, step):
                entries.append(slice(start, None if stop < 0 else stop, step))
            case ("by", place):
                entries.append(whole(arrays[place]))
            case _:
                entries.append(None)
    return tuple(entries)


def check_fits(key: Key, shape: Shape) -> None:
    """Check the integers and slices of a key against sizes that were named when it was written.

    Raises OperandError for one that leaves its axis.
    """
    taken = [entry for entry in key if entry[0] != "new"]
    for axis, (entry, n) in enumerate(zip(taken, shape, strict=True)):
        if not isinstance(n, int):
            continue
        if entry[0] == "at" and not -n <= entry[1] < n:
            raise OperandError(_RANGE, i=entry[1], axis=axis, n=n)
        if entry[0] == "cut" and entry[3] == 1 and not 0 <= entry[1] <= entry[2] <= n:
            shown = f"{entry[1]}:{entry[2]}"
            raise OperandError(_BEYOND, cut=shown, axis=axis, n=n)


def result_shape(key: Key, arrays: Sequence[Shape]) -> Shape:
    """Return the shape of x[key], by NumPy's rule: index arrays that stand together leave their
    axes there, others in front."""
    together = broadcast_shapes(arrays) if arrays else ()
    if isinstance(together, int):
        raise OperandError(_TOGETHER, shapes=", ".join(map(str, arrays)))
    places = [i for i, entry in enumerate(key) if entry[0] == "by"]
    adjacent = not places or places[-1] - places[0] + 1 == len(places)
    shape: list[Dim] = [] if adjacent else list(together)
    for i, entry in enumerate(key):
        if entry[0] == "new":
            shape.append(1)
        elif entry[0] == "cut":
            shape.append(_length(entry))
        elif entry[0] == "by" and adjacent and i == places[0]:
            shape.extend(together)
    return tuple(shape)


def key_places(
    key: Key,
    index: Sequence[str],
    arrays: Sequence[Shape],
    read: Callable[[int, Sequence[str], Dim], str],
    shape: Shape,
) -> list[str]:
    """Return the index in x of the element of x[key] at an index, as integer expressions.

    `read(j, index, n)` gives the entry of the j-th index array, counted from the start of an axis
    of size n.
    """
    together = broadcast_shapes(arrays) if arrays else ()
    assert not isinstance(together, int)
    spots = [i for i, entry in enumerate(key) if entry[0] == "by"]
    adjacent = not spots or spots[-1] - spots[0] + 1 == len(spots)
    remaining = list(index)
    common: list[str] = []
    if not adjacent:
        common, remaining = remaining[: len(together)], remaining[len(together) :]
    places: list[str] = []
    dims = iter(shape)
    for spot, entry in enumerate(key):
        if entry[0] == "new":
            remaining.pop(0)
            continue
        n = next(dims)
        if entry[0] == "at":
            places.append(str(entry[1]))
        elif entry[0] == "cut":
            places.append(_cut_place(remaining.pop(0), entry))
        else:
            if adjacent and spot == spots[0]:
                common, remaining = remaining[: len(together)], remaining[len(together) :]
            array = arrays[entry[1]]
            trailing = common[len(common) - len(array) :]
            trailing = ["0" if dim == 1 else i for i, dim in zip(trailing, array, strict=True)]
            places.append(read(entry[1], trailing, n))
    return places


def _cut_place(i: str, entry: Entry) -> str:
    _, start, _, step = entry
    moved = i if step in (1, -1) else f"{abs(step)} * ({i})"
    if step < 0:
        return f"{start} - ({moved})"
    return moved if start == 0 else f"{start} + {moved}"


# ------------------------------------------------------------------ on the page and as code
def _entry_math(entry: Entry, axis: Dim, arrays: Sequence[Math]) -> Math:
    match entry:
        case ("at", i):
            return Number(str(i + 1 if i >= 0 else axis + i + 1))
        case ("cut", 0, stop, 1) if stop == axis:
            return Symbol(":")
        case ("cut", start, stop, 1) if stop == start + 1:
            return Number(str(stop))
        case ("cut", start, stop, 1):
            return Symbol(f"{start + 1}:{stop}")
        case ("cut", start, stop, step):
            return Symbol(f"{start + 1}:{stop + (2 if step < 0 else 0)}:{step}")
        case (_, place):
            return arrays[place]
        case _:
            return Symbol("·")


def key_math(key: Key, shape: Shape, arrays: Sequence[Math]) -> tuple[Math, ...]:
    """Return the indices as a reader writes them: from 1, new axes left out."""
    dims = iter(shape)
    return tuple(_entry_math(entry, next(dims), arrays) for entry in key if entry[0] != "new")


def key_code(key: Key, arrays: Sequence[str]) -> str:
    parts: list[str] = []
    for entry in key:
        match entry:
            case ("at", i):
                parts.append(str(i))
            case ("cut", start, stop, step):
                end = "" if isinstance(stop, int) and stop < 0 else str(stop)
                parts.append(f"{start}:{end}" + ("" if step == 1 else f":{step}"))
            case ("by", int(place)):
                parts.append(arrays[place])
            case _:
                parts.append("None")
    return ", ".join(parts) + ("," if len(parts) == 1 else "")
