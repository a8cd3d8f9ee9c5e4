"""Cumulative results: products, recurrences, and sums with an initial value."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Operand
from tidu.ir.types import Type, promote
from tidu.ops.arrays.axes import flip
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import flat
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import DIM, aliases, float_type, op, sampled, says


def shifted(x: Node, axis: int, first: float) -> Node:
    """Shift entries by one along an axis, with a number in front: x₀ x₁ x₂ to a x₀ x₁."""
    n = x.shape[axis]
    if n == 0:
        return x
    edge = filled(first, Type((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype))
    return concatenate(edge, cut(x, axis, 0, n - 1), axis=axis)


# ------------------------------------------------------------------ recurrence
def _recurrence_numpy(a: Any, b: Any, axis: int) -> Any:
    factors, terms = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    result = np.empty(terms.shape, np.result_type(a, b))
    state: Any = 0.0
    for k in range(len(terms)):
        state = factors[k] * state + terms[k]
        result[k] = state
    return np.moveaxis(result, 0, axis)


def _backwards(a: Node, g: Node, axis: int) -> Node:
    """Solve λₖ = gₖ + aₖ₊₁ λₖ₊₁, the same recurrence from the other end."""
    later = shifted(flip(a, axis=axis), axis, 0.0)
    return flip(apply(recurrence, later, flip(g, axis=axis), axis=axis), axis=axis)


def _recurrence_adjoint(g: Node, a: Node, b: Node, out: Node, axis: int) -> tuple[Node, Node]:
    back = _backwards(a, g, axis)
    return back * shifted(out, axis, 0.0), back


def _recurrence_code(node: Node, a: str, b: str) -> str:
    """Write the recurrence row by row of its solution: the products of the factors between two
    entries."""
    axis = node.attrs["axis"]
    return (
        f"(lambda a, b: np.moveaxis(np.stack([sum((np.prod(a[j + 1:k + 1], axis=0) * b[j] "
        f"for j in range(k + 1)), 0.0 * b[0]) for k in range(len(b))]), 0, {axis}))"
        f"(np.moveaxis({a}, {axis}, 0), np.moveaxis({b}, {axis}, 0))"
    )


recurrence = op(
    "recurrence",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.SCAN,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=_recurrence_adjoint,
    says=says(
        "the gradient of a recurrence runs through it from the other end",
        "递推的梯度从另一端反向递推",
    ),
    source="sₖ = aₖ sₖ₋₁ + bₖ: λₖ = gₖ + aₖ₊₁ λₖ₊₁, ∂L/∂bₖ = λₖ, ∂L/∂aₖ = λₖ sₖ₋₁",
    numpy=_recurrence_numpy,
    type_rule=lambda a, b, axis: Type(b.shape, promote((a.dtype, b.dtype))),
    notation=lambda node, a, b: Apply(Function("recurrence"), (a, b)),
    code=_recurrence_code,
    axes=("axis",),
    aliases={},
    samples=sampled((((4,), (4,)), {"axis": 0}), (((2, 3), (2, 3)), {"axis": 1})),
    doc=says("sₖ = aₖ sₖ₋₁ + bₖ along an axis", "沿一个轴递推 sₖ = aₖ sₖ₋₁ + bₖ"),
)


# ------------------------------------------------------------------ products so far
def _prepare_cumprod(x: Node, axis: int | None = None) -> Node:
    if axis is None or not x.rank:  # a number counts as a vector of one
        x, axis = flat(x), 0 if axis is None else axis
    return apply(cumprod, x, axis=normal_axes(axis, x.rank)[0])


def _cumprod_adjoint(g: Node, x: Node, out: Node, axis: int) -> tuple[Node]:
    """Pull g back without a division, so that zeros do no harm."""
    return (shifted(out, axis, 1.0) * _backwards(x, g, axis),)


def _named(name: str) -> Any:
    def notation(node: Node, x: Math) -> Math:
        return Apply(Function(name), (x,))

    return notation


cumprod = op(
    "cumprod",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.SCAN,
    operands=(Operand.VALUE,),
    adjoint=_cumprod_adjoint,
    says=says(
        "xᵢ is a factor of every later product: sum them up from the end",
        "xᵢ 是其后每个部分积的因子：从末尾累加",
    ),
    source="∂pₖ/∂xᵢ = ∏_{j ≤ k, j ≠ i} xⱼ for i ≤ k",
    numpy=lambda x, axis: np.cumprod(x, axis=axis),
    type_rule=lambda x, axis: Type(x.shape, float_type(x.dtype)),
    prepare=_prepare_cumprod,
    notation=_named("cumprod"),
    code=lambda node, x: f"np.cumprod({x}, axis={node.attrs['axis']})",
    axes=("axis",),
    aliases=aliases(numpy="cumprod", torch=Alias("cumprod", rename=DIM)),
    samples=sampled(
        (((4,),), {"axis": 0}),
        (((2, 3),), {"axis": 1}),
        (((2, 3),), {"axis": None}),
        ((lambda rng: np.array([0.5, 0.0, 1.5, 0.0, -2.0]),), {"axis": 0}),
    ),
    doc=says("products of the elements so far", "累乘积"),
)
