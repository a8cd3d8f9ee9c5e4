"""Order along an axis: entries at given positions, sorted arrays, the positions of elements in
order.

The order of the elements is fixed while they move a little, so a sorted array is a rearranged one.
Equal elements keep the order in which they stand (a stable sort); there the derivative is that of
this order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Index, Math
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Kink, Loop, Op, Operand
from tidu.ir.types import Type, broadcast_shapes, is_empty
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.keys import outside, whole
from tidu.ops.arrays.layout import broadcast_to, flat
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.define import DIM, aliases, function, op, sampled, says
from tidu.ops.elementwise.comparison import equal
from tidu.words import Words

_PLACES = says(
    "places are whole numbers: their derivative is 0, and they have none where they jump",
    "位置是整数：导数为 0，跳变处不可导",
)
FLAT = "zero almost everywhere"
_PLACE = Words(
    en="{a} {sa} has {n} places along axis {axis}, and kth is none of them",
    zh="{a} {sa} 沿第 {axis} 轴有 {n} 个位置，kth 不在其中",
)
_ALONG = Words(
    en="the indices {b} {sb} do not fit {a} {sa} beside axis {axis}",
    zh="除第 {axis} 轴外，下标 {b} {sb} 与 {a} {sa} 不匹配",
)
_ONE = sampled((((5,),), {"axis": 0}), (((2, 4),), {"axis": 1}), (((3, 2),), {"axis": 0}))


# ------------------------------------------------------------------ along an axis
def _places_in(indices: Any, n: int) -> Any:
    places = whole(indices)
    error = outside(places, n)
    if error is not None:
        raise error
    return places


def _open_mesh(indices: Any, axis: int, n: int) -> tuple[Any, ...]:
    mesh: list[Any] = list(np.indices(indices.shape, sparse=True))
    mesh[axis] = _places_in(indices, n)
    return tuple(mesh)


def _taken_along(x: Any, indices: Any, axis: int) -> Any:
    return np.take_along_axis(x, _places_in(indices, x.shape[axis]), axis)


def _added_along(g: Any, indices: Any, axis: int, size: int) -> Any:
    result = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    np.add.at(result, _open_mesh(indices, axis, size), g)
    return result


def _prepare_along(x: Node, indices: Node, axis: int | None = -1) -> Node:
    if axis is None:
        x, axis = flat(x), 0
    normal_axis = normal_axes(axis, x.rank)[0]
    if x.rank != indices.rank:
        raise OperandError(_ALONG, axis=normal_axis)
    other_axes = broadcast_shapes(
        (_without(x.shape, normal_axis), _without(indices.shape, normal_axis))
    )
    if isinstance(other_axes, int):
        raise OperandError(_ALONG, axis=normal_axis)
    x, indices = (
        broadcast_to(
            n, shape=(*other_axes[:normal_axis], n.shape[normal_axis], *other_axes[normal_axis:])
        )
        for n in (x, indices)
    )
    return apply(take_along_axis, x, indices, axis=normal_axis)


def _without(shape: Any, axis: int) -> Any:
    return (*shape[:axis], *shape[axis + 1 :])


def _table(rng: np.random.Generator) -> Any:
    return rng.integers(-2, 2, (2, 5))


take_along_axis = op(
    "take_along_axis",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.GATHER,
    operands=(Operand.VALUE, Operand.MASK),
    adjoint=lambda g, x, indices, out, axis: (
        apply(add_along_axis, g, indices, axis=axis, size=x.shape[axis]),
        None,
    ),
    says=says(
        "a chosen element gets the gradients of all its uses",
        "被取出的元素得到各次使用的梯度之和",
    ),
    source="∂x_{k(j)}/∂xᵢ = [i = k(j)]",
    numpy=_taken_along,
    type_rule=lambda x, indices, axis: Type(
        (*x.shape[:axis], indices.shape[axis], *x.shape[axis + 1 :]), x.dtype
    ),
    prepare=_prepare_along,
    notation=function("take_along"),
    code=lambda node, x, i: f"np.take_along_axis({x}, {i}, {node.attrs['axis']})",
    axes=("axis",),
    aliases=aliases(numpy="take_along_axis", torch=("take_along_dim", Alias("gather", rename=DIM))),
    samples=sampled(
        (((4,), lambda rng: rng.integers(0, 4, 6)), {"axis": 0}),
        (((2, 3), _table), {"axis": 1}),
        (((3, 1), _table), {"axis": 0}),
    ),
    doc=says("elements chosen by indices along an axis", "沿一个轴按下标取出元素"),
)


def _along_notation(node: Node, g: Math, indices: Math) -> Math:
    """Return g[rank(x)] where the elements go back to their places before x was sorted."""
    order, axis = node.inputs[1], node.attrs["axis"]
    if order.op is not argsort or order.attrs["axis"] != axis or not isinstance(indices, Apply):
        return Apply(Function("add_along"), (g, indices))
    rank = Function("rank", "" if node.rank == 1 else str(axis + 1))
    return Index(g, (Apply(rank, indices.arguments),))


add_along_axis = op(
    "add_along_axis",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.SCATTER,
    operands=(Operand.VALUE, Operand.MASK),
    adjoint=lambda g, x, indices, out, axis, size: (
        apply(take_along_axis, g, indices, axis=axis),
        None,
    ),
    says=says("take the elements back from their places", "从各自的位置取回元素"),
    source="⟨G, scatter(x)⟩ = ⟨G[key], x⟩",
    numpy=_added_along,
    type_rule=lambda g, indices, axis, size: Type(
        (*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype
    ),
    notation=_along_notation,
    code=lambda node, g, i: (
        f"np.moveaxis(np.sum(({i}[..., None] % {node.attrs['size']} == "
        f"np.arange({node.attrs['size']})) * {g}[..., None], axis={node.attrs['axis']}), "
        f"-1, {node.attrs['axis']})"
    ),
    axes=("axis",),
    aliases={},
    samples=sampled((((2, 5), _table), {"axis": 1, "size": 3})),
    doc=says("zeros with x added at places along an axis", "沿一个轴把 x 加到下标所指的位置"),
)


# ------------------------------------------------------------------ places
def _places(name: str, numpy: Callable[..., Any], en: str, zh: str, **facets: Any) -> Op:
    """Register an op that gives positions, whose derivative is 0."""

    def code(node: Node, *xs: str) -> str:
        options = "".join(f", {key}={value!r}" for key, value in node.attrs.items())
        return f"np.{name}({', '.join(xs)}{options})"

    facets = {
        "operands": (Operand.MASK,),
        "code": code,
        "aliases": aliases(numpy=name),
        "type_rule": lambda x, **_: Type(x.shape, "int64"),
        "adjoint": lambda g, *xs, **_: (None,) * (len(xs) - 1),
        **facets,
    }
    return op(
        name,
        form=Form.OPAQUE,
        loop=Loop.CALL,
        says=_PLACES,
        source=FLAT,
        numpy=numpy,
        notation=function(name),
        doc=says(en, zh),
        **facets,
    )


def _prepare_sorted(this: Callable[[], Op]) -> Callable[..., Node]:
    """Return the normal form of a sort: its axis; the kind of sort changes nothing but the time."""

    def prepare(
        x: Node, axis: int | None = -1, kind: Any = None, order: Any = None, stable: Any = None
    ) -> Node:
        if axis is None:
            x, axis = flat(x), 0
        return apply(this(), x, axis=normal_axes(axis, x.rank)[0])

    return prepare


argsort = _places(
    "argsort",
    lambda x, axis: np.argsort(x, axis, kind="stable"),
    "the places of the elements in ascending order",
    "元素按升序排列时的位置",
    jumps=lambda x, axis: _may_be_tied(x, axis),
    prepare=_prepare_sorted(lambda: argsort),
    code=lambda node, x: f"np.argsort({x}, {node.attrs['axis']}, stable=True)",
    sources={"torch": lambda node, x: f"torch.argsort({x}, dim={node.attrs['axis']}, stable=True)"},
    axes=("axis",),
    aliases=aliases(numpy="argsort", torch=Alias("argsort", rename=DIM)),
    samples=_ONE,
)


def _partition_places(x: Any, kth: tuple[int, ...], axis: int) -> Any:
    """Return the permutation that np.partition itself makes: its elements, looked up in sorted
    order."""
    parted = np.partition(x, kth, axis)
    ranks = np.argsort(np.argsort(parted, axis, kind="stable"), axis, kind="stable")
    return np.take_along_axis(np.argsort(x, axis, kind="stable"), ranks, axis)


def _prepare_argpartition(x: Node, kth: Any, axis: int | None = -1, kind: Any = None) -> Node:
    if axis is None:
        x, axis = flat(x), 0
    normal_axis = normal_axes(axis, x.rank)[0]
    given = kth if isinstance(kth, tuple | list) else (kth,)
    places = tuple(int(k) for k in given)
    n = x.shape[normal_axis]
    if isinstance(n, int) and not is_empty(x.type) and any(not -n <= k < n for k in places):
        raise OperandError(_PLACE, n=n, axis=normal_axis)
    return apply(argpartition, x, kth=places, axis=normal_axis)


argpartition = _places(
    "argpartition",
    _partition_places,
    "the places of the elements after a partition",
    "划分后各元素原来的位置",
    jumps=lambda x, kth, axis: _may_be_tied(x, axis),
    prepare=_prepare_argpartition,
    code=lambda node, x: (
        f"(lambda x, p: np.take_along_axis(np.argsort(x, {node.attrs['axis']}, stable=True), "
        f"np.argsort(np.argsort(p, {node.attrs['axis']}, stable=True), {node.attrs['axis']}, "
        f"stable=True), {node.attrs['axis']}))"
        f"({x}, np.partition({x}, {node.attrs['kth']}, {node.attrs['axis']}))"
    ),
    sources={"jax": lambda node, x: ""},  # which order np.partition leaves is NumPy's own affair
    axes=("axis",),
    samples=sampled((((6,),), {"kth": 2, "axis": 0}), (((2, 5),), {"kth": (1, 3), "axis": 1})),
)


_TWO: dict[str, Any] = {"operands": (Operand.MASK, Operand.MASK)}
searchsorted = _places(
    "searchsorted",
    lambda a, v, side: np.asarray(np.searchsorted(a, v, side)),
    "where values would have to stand in a sorted array",
    "在已排序数组中应插入的位置",
    type_rule=lambda a, v, side: Type(v.shape, "int64"),
    prepare=lambda a, v, side="left": apply(searchsorted, a, v, side=side),
    samples=sampled((((lambda rng: np.sort(rng.standard_normal(5))), (2, 3)), {})),
    aliases=aliases(numpy="searchsorted", torch="searchsorted"),
    **_TWO,
)
digitize = _places(
    "digitize",
    lambda x, bins, right: np.asarray(np.digitize(x, bins, right)),
    "the bin in which each value lies",
    "每个值所在的区间",
    type_rule=lambda x, bins, right: Type(x.shape, "int64"),
    prepare=lambda x, bins, right=False: apply(digitize, x, bins, right=bool(right)),
    samples=sampled((((2, 3), lambda rng: np.sort(rng.standard_normal(5))), {})),
    **_TWO,
)


# ------------------------------------------------------------------ sorted
def _neighbours_equal(x: Node, axis: int) -> Node:
    ordered, n = apply(sort, x, axis=axis), x.shape[axis]
    return equal(cut(ordered, axis, 0, n - 1), cut(ordered, axis, 1, n))


def _may_be_tied(x: Node, axis: int) -> Node:
    """Return a mask of equal elements, true for all where the axis has a name, which may stand for
    0."""
    return _neighbours_equal(x, axis) if isinstance(x.shape[axis], int) else equal(x, x)


sort = op(
    "sort",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis: (
        apply(add_along_axis, g, apply(argsort, x, axis=axis), axis=axis, size=x.shape[axis]),
    ),
    says=says(
        "each element gets the gradient at its rank, its place in the sorted array",
        "每个元素取其名次（排序后的位置）处的梯度",
    ),
    source="sorting is a permutation that stays the same near x",
    numpy=lambda x, axis: np.sort(x, axis),
    type_rule=lambda x, axis: x,
    prepare=_prepare_sorted(lambda: sort),
    notation=function("sort"),
    code=lambda node, x: f"np.sort({x}, {node.attrs['axis']})",
    axes=("axis",),
    kinks=(
        Kink(
            where=_neighbours_equal,
            at=says("equal elements", "有相等的元素"),
            value=says("in the order in which they stand", "按原来的先后次序"),
            low=0.0,
            high=1.0,
        ),
    ),
    aliases=aliases(numpy="sort", torch="msort"),
    samples=_ONE,
    doc=says("the elements in ascending order", "元素按升序排列"),
)
