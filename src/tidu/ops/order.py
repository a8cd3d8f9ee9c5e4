"""Order: sorting, the places of elements in order, medians and quantiles.

The order of the elements is fixed while they move a little, so a sorted array is a rearranged one,
and a quantile a weighted sum, whose weights depend on the order alone. Equal elements keep the
order in which they stand (a stable sort); there the derivative is that of this order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.errors import InputError
from tidu.ir.build import Misfit, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Kink, Loop, Op, Operand
from tidu.ir.types import Type, broadcast_shapes
from tidu.ops.comparison import equal, greater, where
from tidu.ops.define import DIM, aliases, float_type, function, op, sampled, says, spelling
from tidu.ops.indexing import cut
from tidu.ops.keys import outside, whole
from tidu.ops.layout import broadcast_to, flat, reshape
from tidu.ops.leaves import number
from tidu.ops.reduction import (
    non_empty_type,
    normal_axes,
    reduction_notation,
    spread,
    sum_,
)
from tidu.ops.structure import stack
from tidu.words import Words

_PLACES = says(
    "places are whole numbers: their derivative is 0, and they have none where they jump",
    "位置是整数：导数为 0，跳变处不可导",
)
_FLAT = "zero almost everywhere"
_ALONG = Words(
    en="the indices {b} {sb} do not fit {a} {sa} beside axis {axis}",
    zh="除第 {axis} 轴外，下标 {b} {sb} 与 {a} {sa} 不匹配",
)
_METHOD = Words(en="quantile has no method {method}", zh="quantile 没有名为 {method} 的方法")
_RANGE = Words(
    en="a quantile lies between 0 and 1, not at {q}", zh="分位数应在 0 与 1 之间，而不是 {q}"
)
_METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen "
    "weibull linear median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
_OF_JAX = ("linear", "lower", "higher", "midpoint", "nearest")
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
    at = normal_axes(axis, x.rank)[0]
    if x.rank != indices.rank:
        raise Misfit(_ALONG, axis=at)
    rest = broadcast_shapes((_without(x.shape, at), _without(indices.shape, at)))
    if isinstance(rest, int):
        raise Misfit(_ALONG, axis=at)
    x, indices = (
        broadcast_to(n, shape=(*rest[:at], n.shape[at], *rest[at:])) for n in (x, indices)
    )
    return apply(take_along_axis, x, indices, axis=at)


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
    notation=function("add_along"),
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
    """An op that gives places, which have no derivative of use."""

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
        source=_FLAT,
        numpy=numpy,
        notation=function(name),
        doc=says(en, zh),
        **facets,
    )


def _prepare_sorted(this: Callable[[], Op]) -> Callable[..., Node]:
    """Normal form of sorting: an axis; how it is sorted changes nothing but the time it takes."""

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
    prepare=_prepare_sorted(lambda: argsort),
    code=lambda node, x: f"np.argsort({x}, {node.attrs['axis']}, stable=True)",
    sources={"torch": lambda node, x: f"torch.argsort({x}, dim={node.attrs['axis']}, stable=True)"},
    axes=("axis",),
    aliases=aliases(numpy="argsort", torch=Alias("argsort", rename=DIM)),
    samples=_ONE,
)


def _partition_places(x: Any, kth: tuple[int, ...], axis: int) -> Any:
    """The permutation that np.partition itself makes: its elements, looked up in sorted order."""
    parted = np.partition(x, kth, axis)
    ranks = np.argsort(np.argsort(parted, axis, kind="stable"), axis, kind="stable")
    return np.take_along_axis(np.argsort(x, axis, kind="stable"), ranks, axis)


def _prepare_partition(x: Node, kth: Any, axis: int | None = -1, kind: Any = None) -> Node:
    return take_along_axis(flat(x) if axis is None else x, argpartition(x, kth, axis), axis=axis)


def _prepare_argpartition(x: Node, kth: Any, axis: int | None = -1, kind: Any = None) -> Node:
    if axis is None:
        x, axis = flat(x), 0
    at = normal_axes(axis, x.rank)[0]
    given = kth if isinstance(kth, tuple | list) else (kth,)
    return apply(argpartition, x, kth=tuple(int(k) for k in given), axis=at)


argpartition = _places(
    "argpartition",
    _partition_places,
    "the places of the elements after a partition",
    "划分后各元素原来的位置",
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

partition = spelling(
    "partition",
    _prepare_partition,
    numpy=np.partition,
    aliases=aliases(numpy="partition"),
    samples=sampled(
        (((6,),), {"kth": 2}), (((2, 5),), {"kth": (1, 3)}), (((2, 3),), {"kth": 1, "axis": None})
    ),
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


sort = op(
    "sort",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis: (
        apply(add_along_axis, g, apply(argsort, x, axis=axis), axis=axis, size=x.shape[axis]),
    ),
    says=says(
        "each element of the sorted array gets its gradient back at its place before",
        "排序后每个元素的梯度回到它原来的位置",
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


# ------------------------------------------------------------------ quantiles
def _row(q: float, count: int, length: int, method: str) -> Any:
    """The weights of sorted elements: NumPy's own rule, told from the quantile of 0, 1, 2, …"""
    row = np.zeros(length)
    if count:
        at = float(np.quantile(np.arange(float(count)), q, method=method))  # type: ignore[call-overload]
        low = int(at)
        row[low] = 1.0 - (at - low)
        if at > low:
            row[low + 1] = at - low
    return row


def _lines(x: Any, axis: tuple[int, ...]) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """The reduced axes as one last axis, the shape before that, and the order of axes."""
    order = (*(i for i in range(x.ndim) if i not in axis), *axis)
    moved = np.transpose(x, order)
    kept = moved.shape[: x.ndim - len(axis)]
    return moved.reshape(*kept, int(np.prod(moved.shape[len(kept) :]))), moved.shape, order


def _ranks(lines: Any) -> Any:
    return np.argsort(np.argsort(lines, -1, kind="stable"), -1, kind="stable")


def _weights(x: Any, q: float, axis: tuple[int, ...], method: str, ignore: bool) -> Any:
    lines, shape, order = _lines(x, axis)
    n, missing = lines.shape[-1], np.isnan(lines)
    if ignore:
        counts, which = np.unique((~missing).sum(-1), return_inverse=True)
        rows = np.stack([_row(q, int(count), n, method) for count in counts])[which]
        result = np.take_along_axis(rows, _ranks(lines), -1)
    else:
        result = _row(q, n, n, method)[_ranks(lines)]
        result = np.where(missing.any(-1, keepdims=True), np.nan, result)
    return np.transpose(result.reshape(shape), np.argsort(order)).astype(x.dtype)


def _weights_code(node: Node, x: str) -> str:
    """The weights by rank as a table; where NaN is left out, a row for each count."""
    q, axis, method = (node.attrs[key] for key in ("q", "axis", "method"))
    empty = np.empty([int(str(n)) for n in node.shape])
    lines, shape, order = _lines(empty, axis)
    n = lines.shape[-1]
    text = f"np.transpose({x}, {order}).reshape({lines.shape})"
    ranks = "np.argsort(np.argsort(x, -1, stable=True), -1, stable=True)"
    if node.attrs["ignore"]:
        table = [_row(q, count, n, method).tolist() for count in range(n + 1)]
        chosen = f"np.take_along_axis(np.array({table})[np.sum(~np.isnan(x), -1)], {ranks}, -1)"
    else:
        row = _row(q, n, n, method).tolist()
        holes = "np.isnan(x).any(-1, keepdims=True)"
        chosen = f"np.where({holes}, np.nan, np.array({row})[{ranks}])"
    back = tuple(np.argsort(order).tolist())
    return f"np.transpose((lambda x: {chosen})({text}).reshape({shape}), {back})"


quantile_weights = op(
    "quantile_weights",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, **_: (None,),
    says=says(
        "weights of an order are flat: their derivative is 0", "次序的权重处处水平：导数为 0"
    ),
    source=_FLAT,
    numpy=_weights,
    type_rule=lambda x, **_: Type(x.shape, float_type(x.dtype)),
    notation=lambda node, x: Apply(Function("weights", str(node.attrs["q"])), (x,)),
    code=_weights_code,
    axes=("axis",),
    samples=sampled(
        (((4,),), {"q": 0.3, "axis": (0,), "method": "linear", "ignore": False}),
        (((2, 5),), {"q": 0.5, "axis": (1,), "method": "hazen", "ignore": False}),
        (((2, 3),), {"q": 0.8, "axis": (0, 1), "method": "nearest", "ignore": True}),
    ),
    doc=says("with which weight each element counts in a quantile", "每个元素在分位数中的权重"),
)


def _quantile_adjoint(ignore: bool) -> Callable[..., tuple[Node]]:
    def adjoint(
        g: Node, x: Node, out: Node, q: float, axis: tuple[int, ...], keepdims: bool, method: str
    ) -> tuple[Node]:
        weights = apply(quantile_weights, x, q=q, axis=axis, method=method, ignore=ignore)
        return (spread(g, x, axis) * weights,)

    return adjoint


def _tied(x: Node, axis: tuple[int, ...], keepdims: bool, this: Op, **attrs: Any) -> Node:
    """The quantile is the value of more than one element."""
    chosen = spread(apply(this, x, axis=axis, keepdims=keepdims, **attrs), x, axis)
    return greater(sum_(where(equal(x, chosen), 1.0, 0.0), axis=axis, keepdims=keepdims), 1.0)


def _quantile_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, q: float, axis: tuple[int, ...], keepdims: bool, method: str) -> Any:
        return np.asarray(function(x, q, axis=axis, keepdims=keepdims, method=method))

    return reference


def _quantile_code(name: str) -> Callable[[Node, str], str]:
    def code(node: Node, x: str) -> str:
        a = node.attrs
        return (
            f"np.{name}({x}, {a['q']!r}, axis={a['axis']}, keepdims={a['keepdims']}, "
            f"method={a['method']!r})"
        )

    return code


def _quantile_jax(name: str) -> Callable[[Node, str], str]:
    """JAX has some of NumPy's methods."""
    code = _quantile_code(name)

    def written(node: Node, x: str) -> str:
        return f"j{code(node, x)}" if node.attrs["method"] in _OF_JAX else ""

    return written


def _prepare_quantile(this: Callable[[], Op]) -> Callable[..., Node]:
    """One quantile, or several on a new first axis."""

    def prepare(
        x: Node,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Node:
        if method not in _METHODS:
            raise InputError(_METHOD(method=repr(method)))
        at = normal_axes(axis, x.rank)
        levels = np.asarray(q, dtype=float)
        if levels.size and not (levels.min() >= 0 and levels.max() <= 1):
            raise InputError(_RANGE(q=q))
        found = [
            apply(this(), x, q=float(level), axis=at, keepdims=bool(keepdims), method=method)
            for level in levels.ravel()
        ]
        if levels.ndim == 0:
            return found[0]
        return reshape(stack(*found), shape=(*levels.shape, *found[0].shape))

    return prepare


def _quantile_notation(name: str) -> Callable[[Node, Math], Math]:
    plain = reduction_notation(name)

    def notation(node: Node, x: Math) -> Math:
        called = plain(node, x)
        assert isinstance(called, Apply)
        return Apply(called.head, (x, number(node.attrs["q"])))

    return notation


def _quantile(name: str, numpy: Callable[..., Any], ignore: bool, en: str, zh: str) -> Op:
    def this() -> Op:
        return made

    made = op(
        name,
        form=Form.OPAQUE,
        loop=Loop.REDUCE,
        operands=(Operand.VALUE,),
        adjoint=_quantile_adjoint(ignore),
        says=says(
            "a quantile is a weighted sum of the elements next to it in order",
            "分位数是次序上相邻元素的加权和",
        ),
        source="Q = Σ wₖ x₍ₖ₎, with weights that depend on the order alone",
        numpy=_quantile_numpy(numpy),
        type_rule=lambda x, axis, keepdims, **_: non_empty_type(name)(x, axis, keepdims),
        prepare=_prepare_quantile(this),
        notation=_quantile_notation(name),
        code=_quantile_code(name),
        sources={"jax": _quantile_jax(name)},
        axes=("axis",),
        kinks=(
            Kink(
                where=lambda x, **attrs: _tied(x, this=made, **attrs),
                at=says("equal elements at the quantile", "分位数处有相等的元素"),
                value=says("in the order in which they stand", "按原来的先后次序"),
                low=0.0,
                high=1.0,
            ),
        ),
        aliases=aliases(numpy=name, torch=Alias(name, rename={**DIM, "interpolation": "method"})),
        samples=sampled(
            (((4,),), {"q": 0.3}),
            (((2, 5),), {"q": 0.5, "axis": 1, "keepdims": True}),
            (((2, 3, 2),), {"q": 0.7, "axis": (0, 2), "method": "median_unbiased"}),
        ),
        doc=says(en, zh),
    )
    return made


quantile = _quantile(
    "quantile", np.quantile, ignore=False, en="quantiles along axes", zh="沿轴的分位数"
)
nanquantile = _quantile(
    "nanquantile",
    np.nanquantile,
    ignore=True,
    en="quantiles along axes, NaN left out",
    zh="沿轴的分位数，略去 NaN",
)


def _percentile(name: str, whole_op: Op, numpy: Callable[..., Any]) -> Op:
    def build(
        x: Node,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Node:
        levels = np.true_divide(q, 100.0).tolist()
        return whole_op(x, q=levels, axis=axis, method=method, keepdims=keepdims)

    return spelling(
        name,
        build,
        numpy=numpy,
        aliases=aliases(numpy=name),
        samples=sampled(
            (((4,),), {"q": 30}),
            (((2, 5),), {"q": (10.0, 50.0), "axis": 1}),
            (((2, 3),), {"q": 100, "method": "higher"}),
        ),
    )


percentile = _percentile("percentile", quantile, np.percentile)
nanpercentile = _percentile("nanpercentile", nanquantile, np.nanpercentile)


def _median(name: str, numpy: Callable[..., Any], ignore: bool, en: str, zh: str) -> Op:
    def adjoint(g: Node, x: Node, out: Node, axis: tuple[int, ...], keepdims: bool) -> tuple[Node]:
        weights = apply(quantile_weights, x, q=0.5, axis=axis, method="linear", ignore=ignore)
        return (spread(g, x, axis) * weights,)

    def prepare(
        x: Node, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False
    ) -> Node:
        return apply(made, x, axis=normal_axes(axis, x.rank), keepdims=bool(keepdims))

    made = op(
        name,
        form=Form.OPAQUE,
        loop=Loop.REDUCE,
        operands=(Operand.VALUE,),
        adjoint=adjoint,
        says=says(
            "only the element in the middle counts, or the two of them, by half each",
            "只有中间的元素起作用；中间有两个时各占一半",
        ),
        source="the median is the middle of the elements in order",
        numpy=lambda x, axis, keepdims: np.asarray(numpy(x, axis=axis, keepdims=keepdims)),
        type_rule=lambda x, axis, keepdims: non_empty_type(name)(x, axis, keepdims),
        prepare=prepare,
        notation=reduction_notation(name),
        code=lambda node, x: (
            f"np.{name}({x}, axis={node.attrs['axis']}, keepdims={node.attrs['keepdims']})"
        ),
        axes=("axis",),
        kinks=(
            Kink(
                where=lambda x, **attrs: _tied(x, this=made, **attrs),
                at=says("equal elements in the middle", "中间有相等的元素"),
                value=says("in the order in which they stand", "按原来的先后次序"),
                low=0.0,
                high=1.0,
            ),
        ),
        aliases=aliases(numpy=name),
        samples=sampled(
            (((5,),), {}),
            (((2, 4),), {"axis": 1, "keepdims": True}),
            (((2, 3, 2),), {"axis": (0, 1)}),
        ),
        doc=says(en, zh),
    )
    return made


median = _median("median", np.median, ignore=False, en="the middle element", zh="中位数")
nanmedian = _median(
    "nanmedian",
    np.nanmedian,
    ignore=True,
    en="the middle element, NaN left out",
    zh="中位数，略去 NaN",
)
