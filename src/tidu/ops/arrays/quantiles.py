"""Quantiles, percentiles and medians: weighted sums of the sorted elements.

The order is fixed while the elements move a little. Equal elements keep the order in which they
stand; there the derivative is that of this order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Prime
from tidu.errors import InputError
from tidu.ir.budget import check_steps
from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Kink, Loop, Op, Operand
from tidu.ir.types import Type
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.order import FLAT
from tidu.ops.arrays.reduction import (
    non_empty_type,
    normal_axes,
    or_nan,
    reduction_notation,
    spread,
    sum_,
)
from tidu.ops.arrays.structure import stack
from tidu.ops.define import DIM, aliases, float_type, op, sampled, says
from tidu.ops.elementwise.comparison import equal, greater, where
from tidu.ops.leaves import number
from tidu.words import Words

_METHOD = Words(en="quantile has no method {method}", zh="quantile 没有名为 {method} 的方法")
_RANGE = Words(
    en="a quantile lies between 0 and 1, not at {q}", zh="分位数应在 0 与 1 之间，而不是 {q}"
)
_METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen "
    "weibull linear median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
_OF_JAX = ("linear", "lower", "higher", "midpoint", "nearest")


# ------------------------------------------------------------------ quantiles
def _row(q: float, count: int, length: int, method: str) -> Any:
    """Return the weights of sorted elements by NumPy's own rule, found from the quantile of 0, 1,
    2, …"""
    row = np.zeros(length)
    if count:
        position = float(np.quantile(np.arange(float(count)), q, method=method))  # type: ignore[call-overload]
        low = int(position)
        row[low] = 1.0 - (position - low)
        if position > low:
            row[low + 1] = position - low
    return row


def _lines(x: Any, axis: tuple[int, ...]) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Return the reduced axes as one last axis, the shape before that, and the order of axes."""
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
    """Return the weights by rank as a table; where NaN is left out, a row for each count."""
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


def _weights_notation(node: Node, x: Math) -> Math:
    """Return median′(x), the weights with which the elements enter, as relu′(x) is written."""
    q, axis = node.attrs["q"], node.attrs["axis"]
    names = [] if q == 0.5 else [f"{q:g}"]
    names += [",".join(str(a + 1) for a in axis)] if len(axis) < node.rank else []
    head = Function("median" if q == 0.5 else "quantile", ",".join(names))
    return Apply(Prime(head), (x,))


quantile_weights = op(
    "quantile_weights",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, **_: (None,),
    says=says(
        "weights of an order are flat: their derivative is 0", "次序的权重处处水平：导数为 0"
    ),
    source=FLAT,
    numpy=_weights,
    type_rule=lambda x, **_: Type(x.shape, float_type(x.dtype)),
    notation=_weights_notation,
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
    """Return the kink where more than one element has the value of the quantile."""
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
    """Write a quantile in JAX, which has some of NumPy's methods."""
    code = _quantile_code(name)

    def written(node: Node, x: str) -> str:
        return f"j{code(node, x)}" if node.attrs["method"] in _OF_JAX else ""

    return written


def _prepare_quantile(this: Callable[[], Op]) -> Callable[..., Node]:
    """Return one quantile, or several on a new first axis."""

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
        axes = normal_axes(axis, x.rank)
        levels = np.asarray(q, dtype=float)
        check_steps(levels.size, this().name)
        if levels.size and not (levels.min() >= 0 and levels.max() <= 1):
            raise InputError(_RANGE(q=q))
        quantiles = [
            apply(this(), x, q=float(level), axis=axes, keepdims=bool(keepdims), method=method)
            for level in levels.ravel()
        ]
        if levels.ndim == 0:
            return quantiles[0]
        if not quantiles:  # the shape of one, none of them
            one = apply(this(), x, q=0.5, axis=axes, keepdims=bool(keepdims), method=method)
            return filled(0.0, Type((*levels.shape, *one.shape), one.dtype))
        return reshape(stack(*quantiles), shape=(*levels.shape, *quantiles[0].shape))

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
        numpy=or_nan(lambda x, **how: np.asarray(numpy(x, **how))),
        type_rule=non_empty_type(name, each=True),
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
