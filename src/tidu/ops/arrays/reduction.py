"""Reductions: sum, mean, product, maximum, minimum over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Big, Function, Math, Product, Transpose
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply, constant
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand, Samples
from tidu.ir.types import FLOATS, Shape, Type, is_empty, product, real_dtype
from tidu.ops.arrays.layout import ONES, broadcast_to, reshape
from tidu.ops.define import DIM, aliases, op, sampled, says
from tidu.words import Words, verbatim

_AXIS = Words(
    en="axis {axis} does not exist: {a} {sa} has {rank} axes",
    zh="第 {axis} 轴不存在：{a} {sa} 有 {rank} 个轴",
)
_AXIS_TWICE = Words(en="axis {axis} names one axis twice", zh="axis {axis} 把同一个轴写了两次")
_AXIS_KIND = Words(
    en="axis must be an integer or a tuple of integers, not {axis}",
    zh="axis 应为整数或整数元组，而不是 {axis}",
)
EMPTY = Words(
    en="{name} of {a} {sa}: an empty array has no {name}",
    zh="{a} {sa} 是空数组，没有 {name}",
)

REDUCTION_SAMPLES: Samples = sampled(
    (((),), {"axis": None, "keepdims": False}),
    (((4,),), {"axis": None, "keepdims": False}),
    (((2, 3),), {"axis": None, "keepdims": True}),
    (((2, 3),), {"axis": 0, "keepdims": False}),
    (((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    (((2, 3),), {"axis": -1, "keepdims": True}),
)


def normal_axes(axis: Any, rank: int, number: bool = False) -> tuple[int, ...]:
    """Return the reduced axes, counted from 0 and in order; None stands for all. `number`: axis 0
    or -1 of a number is none, as in NumPy's sums, products and extremes."""
    if axis is None or (number and rank == 0 and not isinstance(axis, bool) and axis in (0, -1)):
        return tuple(range(rank))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    if any(isinstance(a, bool) or not isinstance(a, int | np.integer) for a in given):
        raise InputError(_AXIS_KIND(axis=axis))
    for a in given:
        if not -rank <= a < rank:
            raise OperandError(_AXIS, axis=a, rank=rank)
    axes = sorted(int(a) % rank for a in given)
    if len(set(axes)) < len(axes):
        raise InputError(_AXIS_TWICE(axis=axis), fix=verbatim(f"axis={tuple(sorted(set(axes)))}"))
    return tuple(axes)


def prepare_reduction(this: Callable[[], Op], number: bool = False) -> Callable[..., Node]:
    """Return the normal form of a reduction's call: a sorted tuple of axes and a bool."""

    def prepare(x: Node, axis: Any = None, keepdims: bool = False, **attrs: Any) -> Node:
        axes = normal_axes(axis, x.rank, number)
        return apply(this(), x, axis=axes, keepdims=bool(keepdims), **attrs)

    return prepare


def reduced_type(x: Type, axis: tuple[int, ...], keepdims: bool, **_: Any) -> Type:
    if keepdims:
        shape: Shape = tuple(1 if i in axis else dim for i, dim in enumerate(x.shape))
    else:
        shape = tuple(dim for i, dim in enumerate(x.shape) if i not in axis)
    return Type(shape, "float64" if x.dtype in ("bool", "int64") else x.dtype)


def non_empty_type(name: str, each: bool = False) -> Callable[..., Type]:
    """Return the type rule of reductions that need at least one element. `each`: only where the
    result has elements, as for a mean: NumPy refuses no means of which there are none."""

    def rule(x: Type, axis: tuple[int, ...], keepdims: bool, **attrs: Any) -> Type:
        reduced = reduced_type(x, axis, keepdims)
        if any(x.shape[a] == 0 for a in axis) and not (each and is_empty(reduced)):
            raise OperandError(EMPTY, name=name)
        return reduced

    return rule


def spread(g: Node, x: Node, axis: tuple[int, ...]) -> Node:
    """Broadcast a reduced value over the axes that were reduced."""
    kept: Shape = tuple(1 if i in axis else dim for i, dim in enumerate(x.shape))
    return broadcast_to(reshape(g, shape=kept), shape=x.shape)


def count(x: Node, axis: tuple[int, ...]) -> Node:
    """Return how many elements are reduced to one: a constant, or a node where sizes have names."""
    dtype = real_dtype(x.dtype) if x.dtype in FLOATS else None
    return constant(product(x.shape[a] for a in axis), dtype)


def reduction_notation(name: str) -> Callable[[Node, Math], Math]:
    def notation(node: Node, x: Math) -> Math:
        axis = node.attrs["axis"]
        everything = len(axis) == node.inputs[0].rank
        sub = "" if everything else ",".join(str(a + 1) for a in axis)
        shown = Apply(Function(name, sub), (x,))
        lies = node.inputs[0].rank == 2 and axis == (0,) and node.attrs["keepdims"]
        return Transpose(shown) if lies else shown  # kept as a row: a vector by itself stands

    return notation


def _sum_notation(node: Node, x: Math) -> Math:
    axis, source = node.attrs["axis"], node.inputs[0]
    if len(axis) == source.rank:
        return Big("∑", x)
    if source.rank == 2 and axis == (0,):
        return (
            Product((Transpose(x), ONES))
            if not node.attrs["keepdims"]
            else Product((Transpose(ONES), x))
        )
    if source.rank == 2 and axis == (1,):
        return Product((x, ONES))
    return Big("∑", x, below=Function("axis", ",".join(str(a + 1) for a in axis)))


def reduction_torch(name: str) -> Callable[[Node, str], str]:
    def code(node: Node, x: str) -> str:
        axis, keep = node.attrs["axis"], node.attrs["keepdims"]
        if not axis:  # PyTorch reads no axes as all axes
            return f"{x} * 1"
        over_all = len(axis) == node.inputs[0].rank and not keep and name in ("sum", "mean")
        if over_all:
            return f"torch.{name}({x})"
        where = axis[0] if len(axis) == 1 else axis
        return f"torch.{name}({x}, dim={where}{', keepdim=True' if keep else ''})"

    return code


def reduction_code(name: str) -> Callable[[Node, str], str]:
    def code(node: Node, x: str) -> str:
        axis, keep = node.attrs["axis"], node.attrs["keepdims"]
        parts = [x]
        if len(axis) != node.inputs[0].rank:
            parts.append(f"axis={axis[0] if len(axis) == 1 else axis}")
        if keep:
            parts.append("keepdims=True")
        return f"np.{name}({', '.join(parts)})"

    return code


sum_ = op(
    "sum",
    role="sum",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis, keepdims: (spread(g, x, axis),),
    says=says(
        "the derivative of a sum with respect to each term is 1",
        "和式对其中每一项的偏导数为 1",
    ),
    source="∂(Σxᵢ)/∂xᵢ = 1",
    numpy=lambda x, axis, keepdims: np.sum(
        x, axis=axis, keepdims=keepdims, dtype=None if x.dtype.kind in "fc" else np.float64
    ),
    type_rule=reduced_type,
    prepare=prepare_reduction(lambda: sum_, number=True),
    notation=_sum_notation,
    code=reduction_code("sum"),
    sources={"torch": reduction_torch("sum")},
    reduction=("0", "acc + x", "acc"),
    axes=("axis",),
    aliases=aliases(numpy="sum", torch=Alias("sum", rename=DIM)),
    samples=REDUCTION_SAMPLES,
)


def or_nan(reduction: Callable[..., Any]) -> Callable[..., Any]:
    """Return the reduction with NaN, and no warning of NumPy's, for an empty array."""

    def calculate(x: Any, axis: Any, keepdims: bool = False, **attrs: Any) -> Any:
        if x.size == 0:
            return np.sum(x, axis=axis, keepdims=keepdims) * np.nan
        return reduction(x, axis=axis, keepdims=keepdims, **attrs)

    return calculate


mean = op(
    "mean",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis, keepdims: (spread(g, x, axis) / count(x, axis),),
    says=says("a mean has derivative 1/n in each element", "平均值对每个元素的导数都是 1/n"),
    source="∂x̄/∂xᵢ = 1/n",
    numpy=or_nan(np.mean),
    type_rule=non_empty_type("mean", each=True),
    prepare=prepare_reduction(lambda: mean),
    notation=reduction_notation("mean"),
    code=reduction_code("mean"),
    sources={"torch": reduction_torch("mean")},
    reduction=("0", "acc + x", "acc / n"),
    axes=("axis",),
    aliases=aliases(numpy="mean", torch=Alias("mean", rename=DIM)),
    samples=REDUCTION_SAMPLES,
)
