"""Indexing and its adjoint, scattering: x[key] with integers, slices, new axes, and integer arrays.

A key is kept in a normal form that can be hashed and printed, one entry for each axis of x:
("at", i) an integer, ("cut", start, stop, step) a slice with all bounds settled, ("new",) a new axis,
("by", j) the j-th index array. Integers that meet index arrays become index arrays, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from tidu.document.math import Apply, Function, Index, Math, Number, Symbol
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import Misfit, apply, constant
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand
from tidu.ir.types import Dim, Shape, Size, Type, broadcast_shapes, product
from tidu.ops.define import DIM, aliases, op, sampled, says, spelling
from tidu.ops.layout import reshape
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
_KIND = Words(
    en="an index must be an integer, a slice, None, … or an array of integers or booleans, not {given}",
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
_RUN_RANGE = Words(
    en="index {i} is out of range for an axis of size {n}", zh="下标 {i} 越界：该轴的大小是 {n}"
)
_TOO_MANY = Words(
    en="an index takes at most {limit} index arrays, here are {count}",
    zh="下标中最多 {limit} 个下标数组，这里有 {count} 个",
)
_ELLIPSES = Words(en="an index can hold only one …", zh="下标中只能有一个 …")


# ------------------------------------------------------------------ keys
def _is_integer(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool)


def _settled(value: Any, n: Dim, default: Dim) -> Dim:
    """A slice bound counted from the start; a named size is taken to be large enough."""
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
            return ("cut", *item.indices(n))
        except TypeError:
            raise InputError(_KIND(given=repr(item))) from None
    step = 1 if item.step is None else item.step
    if step == 1:
        return ("cut", _settled(item.start, n, 0), _settled(item.stop, n, n), 1)
    if step == -1 and item.start is None and item.stop is None:
        return ("cut", n - 1, -1, -1)
    raise Misfit(_STEP, step=step, axis=axis, n=n)


def _length(entry: Entry) -> Dim:
    _, start, stop, step = entry
    if all(isinstance(value, int) for value in entry[1:]):
        return len(range(start, stop, step))
    return stop - start if step == 1 else start - stop


def _integer(item: Any, n: Dim, axis: int) -> int:
    i = int(item)
    if isinstance(n, int) and not -n <= i < n:
        raise Misfit(_RANGE, i=i, axis=axis, n=n)
    return i % n if isinstance(n, int) else i


def _consumes(item: Any) -> int:
    """How many axes of x an item of the key takes."""
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        return max(1, item.ndim)
    return 1


def _as_items(key: Any, rank: int) -> list[Any]:
    """The key as a list with lists made arrays and … written out."""
    items = list(cast("tuple[Any, ...]", key)) if isinstance(key, tuple) else [key]
    items = [np.asarray(item) if isinstance(item, list | tuple | range) else item for item in items]
    count = sum(_consumes(item) for item in items)
    if count > rank:
        raise Misfit(_MANY, rank=rank, count=count)
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise InputError(_ELLIPSES())
    at = dots[0] if dots else len(items)
    return [*items[:at], *([slice(None)] * (rank - count)), *items[at + len(dots) :]]


def _split(x: Node, key: Any) -> tuple[Key, list[Node]]:
    """The normal form of a key and its index arrays."""
    entries: list[Entry] = []
    arrays: list[Node] = []
    axis = 0

    def by(array: Any) -> None:
        node = array if isinstance(array, Node) else constant(array, "int64")
        _check_range(node, x.shape[axis], axis)
        entries.append(("by", len(arrays)))
        arrays.append(node)

    for item in _as_items(key, x.rank):
        if item is None:
            entries.append(("new",))
            continue
        n = x.shape[axis]
        if isinstance(item, slice):
            entries.append(_slice(item, n, axis))
        elif _is_integer(item) or (isinstance(item, np.ndarray) and item.shape == () and item.dtype.kind in "iu"):
            entries.append(("at", _integer(item, n, axis)))
        elif isinstance(item, np.ndarray) and item.dtype.kind in "iuf":
            by(item if item.dtype.kind != "f" else _whole(item))
        elif isinstance(item, np.ndarray) and item.dtype == np.bool_ and item.ndim:
            if item.shape != x.shape[axis : axis + item.ndim]:
                raise Misfit(_MASK_SHAPE, mask=item.shape)
            for places in np.nonzero(item):
                by(places)
                axis += 1
            continue
        elif isinstance(item, Node):
            if item.dtype == "bool":
                raise Misfit(_MASK, _MASK_FIX)
            by(item)
        else:
            raise InputError(_KIND(given=repr(item)), fix=verbatim("x[0], x[1:], x[[0, 2]]"))
        axis += 1
    if arrays:  # beside index arrays an integer is one, too
        for place, entry in enumerate(entries):
            if entry[0] == "at":
                entries[place] = ("by", len(arrays))
                arrays.append(constant(entry[1], "int64"))
    return tuple(entries), arrays


def _check_range(indices: Node, n: Dim, axis: int) -> None:
    if indices.op.role != "constant" or not isinstance(n, int):
        return
    values = indices.attrs["value"].array
    for i in values[(values < -n) | (values >= n)].ravel()[:1].tolist():
        raise Misfit(_RANGE, i=int(i), axis=axis, n=n)


def _whole(values: Any) -> Any:
    """Indices as integers; numbers that are not whole are refused."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        wrong = array[array != np.floor(array)]
        if wrong.size:
            raise EvaluationError(_WHOLE(value=float(wrong.ravel()[0])))
    return array.astype(np.int64)


def _numpy_key(key: Key, arrays: Sequence[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for entry in key:
        match entry:
            case ("at", i):
                found.append(i)
            case ("cut", start, stop, step):
                found.append(slice(start, None if stop < 0 else stop, step))
            case ("by", place):
                found.append(_whole(arrays[place]))
            case _:
                found.append(None)
    return tuple(found)


def _result_shape(key: Key, arrays: Sequence[Shape]) -> Shape:
    """NumPy's rule: index arrays that stand together leave their axes there, others in front."""
    together = broadcast_shapes(arrays) if arrays else ()
    if isinstance(together, int):
        raise Misfit(_TOGETHER, shapes=", ".join(map(str, arrays)))
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


# ------------------------------------------------------------------ on the page and as code
def _entry_math(entry: Entry, axis: Dim, arrays: Sequence[Math]) -> Math:
    match entry:
        case ("at", i):
            return Number(str(i + 1 if i >= 0 else axis + i + 1))
        case ("cut", 0, stop, 1) if stop == axis:
            return Symbol(":")
        case ("cut", start, stop, 1):
            return Symbol(f"{start + 1}:{stop}")
        case ("cut", start, stop, step):
            return Symbol(f"{start + 1}:{stop + (2 if step < 0 else 0)}:{step}")
        case (_, place):
            return arrays[place]
        case _:
            return Symbol("·")


def _key_math(key: Key, shape: Shape, arrays: Sequence[Math]) -> tuple[Math, ...]:
    """The indices as a reader writes them: from 1, new axes left out."""
    dims = iter(shape)
    return tuple(_entry_math(entry, next(dims), arrays) for entry in key if entry[0] != "new")


def _key_code(key: Key, arrays: Sequence[str]) -> str:
    parts: list[str] = []
    for entry in key:
        match entry:
            case ("at", i):
                parts.append(str(i))
            case ("cut", start, stop, step):
                end = "" if isinstance(stop, int) and stop < 0 else str(stop)
                parts.append(f"{start}:{end}" + ("" if step == 1 else f":{step}"))
            case ("by", place):
                parts.append(arrays[place])
            case _:
                parts.append("None")
    return ", ".join(parts) + ("," if len(parts) == 1 else "")


# ------------------------------------------------------------------ index and scatter
def _prepare_index(x: Node, key: Any) -> Node:
    entries, arrays = _split(x, key)
    if len(arrays) > len(_GATHERS):
        raise InputError(_TOO_MANY(limit=len(_GATHERS), count=len(arrays)))
    if arrays:
        return apply(_GATHERS[len(arrays)], x, *arrays, key=entries)
    dims = iter(x.shape)
    whole = [entry[0] == "new" or entry == ("cut", 0, next(dims), 1) for entry in entries]
    if all(whole):
        return reshape(x, shape=_result_shape(entries, ()))
    return apply(index, x, key=entries)


def cut(x: Node, axis: int, start: Dim, stop: Dim) -> Node:
    """x[…, start:stop, …] along one axis; sizes may have names."""
    return _prepare_index(x, (*[slice(None)] * axis, slice(start, stop)))


def _scattered(g: Any, key: Key, shape: tuple[int, ...]) -> Any:
    result = np.zeros(shape, g.dtype)
    result[_numpy_key(key, ())] = g
    return result


index = op(
    "index",
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="index",
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, key: (apply(scatter, g, key=key, shape=x.shape),),
    says=says("only the chosen elements get a gradient", "只有被取出的元素有梯度"),
    source="∂xⱼ/∂xᵢ = [i = j]",
    numpy=lambda x, key: np.array(x[_numpy_key(key, ())]),
    type_rule=lambda x, key: Type(_result_shape(key, ()), x.dtype),
    prepare=_prepare_index,
    notation=lambda node, x: Index(x, _key_math(node.attrs["key"], node.inputs[0].shape, ())),
    code=lambda node, x: f"{x}[{_key_code(node.attrs['key'], ())}]",
    aliases={},
    samples=sampled(
        (((4,),), {"key": 2}),
        (((4,),), {"key": slice(None, None, -2)}),
        (((3, 4),), {"key": (slice(1, None), -1)}),
        (((3, 4),), {"key": (slice(None, 2), None, slice(1, 4, 2))}),
    ),
    doc=says("elements chosen by integers and slices", "用整数和切片取出元素"),
)

scatter = op(
    "put_at",
    form=Form.LINEAR,
    loop=Loop.SCATTER,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, key, shape: (apply(index, g, key=key),),
    says=says("take the elements back from their places", "从各自的位置取回元素"),
    source="⟨G, scatter(x)⟩ = ⟨G[key], x⟩",
    numpy=_scattered,
    type_rule=lambda g, key, shape: Type(shape, g.dtype),
    notation=lambda node, g: Apply(
        Function("scatter"), (g, *_key_math(node.attrs["key"], node.shape, ()))
    ),
    code=lambda node, g: _scatter_code(node, g, ()),
    aliases={},
    samples=sampled(
        (((),), {"key": (("at", 2),), "shape": (4,)}),
        (((2, 1, 2),), {"key": (("cut", 0, 2, 1), ("new",), ("cut", 1, 4, 2)), "shape": (3, 4)}),
    ),
    doc=says("zeros with x at the places of a key", "在指定位置放入 x、其余为零的数组"),
)


def _scatter_code(node: Node, g: str, arrays: Sequence[str]) -> str:
    """Sums by np.bincount over the flat places, so that it is one expression."""
    shape = node.attrs["shape"]
    key = _key_code(node.attrs["key"], arrays)
    size = int(np.prod(shape))
    places = f"np.arange({size}).reshape({shape})[{key}]"
    return f"np.bincount(np.ravel({places}), np.ravel({g}), {size}).reshape({shape})"


# ------------------------------------------------------------------ index arrays
def _gathered(x: Any, *arrays: Any, key: Key) -> Any:
    return np.array(_take(x, key, arrays))


def _take(x: Any, key: Key, arrays: Sequence[Any]) -> Any:
    try:
        return x[_numpy_key(key, arrays)]
    except IndexError:
        raise _out_of_range(key, x.shape, arrays) from None


def _out_of_range(key: Key, shape: tuple[int, ...], arrays: Sequence[Any]) -> EvaluationError:
    dims = iter(shape)
    for entry in key:
        if entry[0] == "new":
            continue
        n = next(dims)
        values = _whole(arrays[entry[1]]).ravel() if entry[0] == "by" else np.array([], np.int64)
        for i in values[(values < -n) | (values >= n)][:1].tolist():
            return EvaluationError(_RUN_RANGE(i=i, n=n))
    return EvaluationError(_RUN_RANGE(i=str(key), n=str(shape)))


def _added(g: Any, *arrays: Any, key: Key, shape: tuple[int, ...]) -> Any:
    result = np.zeros(shape, g.dtype)
    try:
        np.add.at(result, _numpy_key(key, arrays), g)
    except IndexError:
        raise _out_of_range(key, shape, arrays) from None
    return result


def _gather_pair(count: int) -> tuple[Op, Op]:
    """Gathering by `count` index arrays, and its adjoint, which adds up where places repeat."""
    suffix = "" if count == 1 else str(count)
    masks = (Operand.MASK,) * count
    by = tuple(("by", j) for j in range(count))

    def places(rng: np.random.Generator) -> Any:
        return rng.integers(0, 3, 4)

    def table(rng: np.random.Generator) -> Any:
        return rng.integers(-2, 2, (2, 2))

    big = (*(3,) * count, 4)
    gather = op(
        f"index_by{suffix}",
        form=Form.LINEAR,
        loop=Loop.GATHER,
        operands=(Operand.VALUE, *masks),
        adjoint=lambda g, x, *rest, key: (
            apply(_SCATTERS[count], g, *rest[:-1], key=key, shape=x.shape),
            *(None,) * count,
        ),
        says=says("a chosen element gets the gradients of all its uses", "被取出的元素得到各次使用的梯度之和"),
        source="∂x_{k(j)}/∂xᵢ = [i = k(j)]",
        numpy=_gathered,
        type_rule=lambda x, *ys, key: Type(_result_shape(key, [y.shape for y in ys]), x.dtype),
        notation=lambda node, x, *ys: Index(x, _key_math(node.attrs["key"], node.inputs[0].shape, ys)),
        code=lambda node, x, *ys: f"{x}[{_key_code(node.attrs['key'], ys)}]",
        aliases={},
        samples=sampled(
            (((3,) * count, *(places,) * count), {"key": by}),
            ((big, *(table,) * count), {"key": (*by, ("cut", 1, 3, 1))}),
        ),
        doc=says("elements chosen by index arrays", "用下标数组取出元素"),
    )
    add = op(
        f"add_at{suffix}",
        form=Form.LINEAR,
        loop=Loop.SCATTER,
        operands=(Operand.VALUE, *masks),
        adjoint=lambda g, x, *rest, key, shape: (
            apply(_GATHERS[count], g, *rest[:-1], key=key),
            *(None,) * count,
        ),
        says=says("take the elements back from their places", "从各自的位置取回元素"),
        source="⟨G, scatter(x)⟩ = ⟨G[key], x⟩",
        numpy=_added,
        type_rule=lambda g, *ys, key, shape: Type(shape, g.dtype),
        notation=lambda node, g, *ys: Apply(
            Function("scatter"), (g, *_key_math(node.attrs["key"], node.shape, ys))
        ),
        code=lambda node, g, *ys: _scatter_code(node, g, ys),
        aliases={},
        samples=sampled((((4,), *(places,) * count), {"key": by, "shape": (3,) * count})),
        doc=says("zeros with x added at indexed places", "把 x 加到下标所指位置的零数组"),
    )
    return gather, add


_PAIRS = {count: _gather_pair(count) for count in range(1, 5)}
_GATHERS = {count: pair[0] for count, pair in _PAIRS.items()}
_SCATTERS = {count: pair[1] for count, pair in _PAIRS.items()}


def _take_along(x: Node, indices: Node, axis: int | None = None) -> Node:
    """NumPy's take: whole slices along an axis, or elements of the flattened array."""
    if axis is None:
        x, axis = reshape(x, shape=(product(x.shape),)), 0
    at = axis + x.rank if axis < 0 else axis
    known = indices.op.role == "constant"
    by = indices.attrs["value"].array if known else indices
    return _prepare_index(x, (*[slice(None)] * at, by))


take = spelling(
    "take",
    _take_along,
    operands=(Operand.VALUE, Operand.MASK),
    numpy=lambda x, indices, axis=None: np.take(x, _whole(indices), axis),
    aliases=aliases(numpy="take", torch=("take", Alias("index_select", rename=DIM))),
    samples=sampled(
        (((2, 3), lambda rng: rng.integers(0, 6, 4)), {}),
        (((2, 3), lambda rng: rng.integers(0, 3, (2, 2))), {"axis": 1}),
    ),
)
