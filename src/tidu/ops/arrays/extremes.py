"""Largest and smallest elements along axes, and their positions.

Ties are shared: each of n equal winners gets 1/n of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Math, Relation
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Kink, Loop, Op, Operand
from tidu.ir.types import Type
from tidu.ops.arrays.reduction import (
    REDUCTION_SAMPLES,
    non_empty_type,
    normal_axes,
    prepare_reduction,
    reduction_code,
    reduction_notation,
    reduction_torch,
    spread,
    sum_,
)
from tidu.ops.define import DIM, aliases, float_type, like, op, sampled, says
from tidu.ops.elementwise.activation import float_kind
from tidu.ops.elementwise.comparison import equal, greater, less, logical_and, not_equal, where
from tidu.ops.elementwise.selection import SHARED, STEP


# ------------------------------------------------------------------ largest and smallest along axes
def _winners(best: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, axis: tuple[int, ...]) -> Any:
        hit = (x == best(x, axis=axis, keepdims=True)).astype(float_kind(x))
        total = np.sum(hit, axis=axis, keepdims=True)
        return hit / np.where(total == 0, np.nan, total).astype(hit.dtype)

    return reference


def _winner_op(
    name: str, numpy: str, best: Callable[..., Any], en: str, zh: str, this: Callable[[], Op]
) -> Op:
    def notation(node: Node, x: Math) -> Math:
        axis = node.attrs["axis"]
        sub = "" if len(axis) == node.rank else ",".join(str(a + 1) for a in axis)
        return Fence(Relation((x, Apply(Function(numpy, sub), (x,))), ("=",)), "[", "]")

    def code(node: Node, x: str) -> str:
        hit = f"({x} == np.{numpy}({x}, axis={node.attrs['axis']}, keepdims=True))"
        return f"({hit} / np.sum({hit}, axis={node.attrs['axis']}, keepdims=True))"

    def lower(x: Node, axis: tuple[int, ...]) -> Node:
        top = spread((max_ if numpy == "max" else min_)(x, axis=axis, keepdims=True), x, axis)
        hit = where(equal(x, top), like(x, 1.0), 0.0)
        return hit / spread(sum_(hit, axis=axis, keepdims=True), x, axis)

    def tied(x: Node, axis: tuple[int, ...]) -> Node:
        """Return a mask of the elements that are equal to the extreme one."""
        share = this()(x, axis=axis)
        return logical_and(greater(share, 0.0), less(share, 1.0))

    def torch(node: Node, x: str) -> str:
        axis = node.attrs["axis"]
        hit = f"({x} == torch.a{numpy}({x}, dim={axis}, keepdim=True)).to({x}.dtype)"
        return f"({hit} / torch.sum({hit}, dim={axis}, keepdim=True))"

    return op(
        name,
        form=Form.OPAQUE,
        loop=Loop.CALL,
        operands=(Operand.VALUE,),
        adjoint=lambda g, x, out, axis: (None,),
        jumps=tied,
        says=STEP,
        source="zero almost everywhere",
        numpy=_winners(best),
        type_rule=lambda x, axis: Type(x.shape, float_type(x.dtype)),
        prepare=lambda x, axis=None: apply(this(), x, axis=normal_axes(axis, x.rank)),
        notation=notation,
        code=code,
        sources={"torch": torch},
        lower=lower,
        axes=("axis",),
        samples=sampled((((4,),), {"axis": (0,)}), (((2, 3),), {"axis": (1,)})),
        doc=says(
            f"1 at the {en} element, shared evenly among ties", f"在{zh}元素处为 1，并列时均分"
        ),
    )


def _extreme(
    name: str, best: Callable[..., Any], share: Op, en: str, zh: str, this: Callable[[], Op]
) -> Op:
    def tied(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
        top = spread(this()(x, axis=axis, keepdims=keepdims), x, axis)
        return greater(sum_(where(equal(x, top), 1.0, 0.0), axis=axis, keepdims=keepdims), 1.0)

    def prepare(x: Node, axis: Any = None, keepdims: bool = False) -> Node:
        reduced = prepare_reduction(this, number=True)(x, axis, keepdims)
        return not_equal(reduced, 0.0) if x.dtype == "bool" else reduced  # a mask stays one

    return op(
        name,
        form=Form.OPAQUE,
        loop=Loop.REDUCE,
        operands=(Operand.VALUE,),
        adjoint=lambda g, x, out, axis, keepdims: (spread(g, x, axis) * share(x, axis=axis),),
        says=says(f"only the {en} element counts", f"只有{zh}的元素起作用"),
        source="∂ max x/∂xᵢ = [xᵢ = max x]",
        numpy=lambda x, axis, keepdims: best(x, axis=axis, keepdims=keepdims),
        type_rule=non_empty_type(name),
        prepare=prepare,
        notation=reduction_notation(name),
        code=reduction_code(name),
        sources={"torch": reduction_torch(f"a{name}")},
        reduction=(
            f"{'-' if name == 'max' else ''}INFINITY",
            f"x {'>' if name == 'max' else '<'} acc || x != x ? x : acc",
            "acc",
        ),
        axes=("axis",),
        kinks=(
            Kink(
                where=tied,
                at=says(f"a tie for the {en} element", f"{zh}元素有并列"),
                value=SHARED,
                low=0.0,
                high=1.0,
            ),
        ),
        aliases=aliases(numpy=(name, f"a{name}"), torch=(name, Alias(f"a{name}", rename=DIM))),
        samples=REDUCTION_SAMPLES,
        doc=says(f"the {en} element along axes", f"沿轴取{zh}的元素"),
    )


largest = _winner_op("largest", "max", np.max, "largest", "最大", lambda: largest)
smallest = _winner_op("smallest", "min", np.min, "smallest", "最小", lambda: smallest)
max_ = _extreme("max", np.max, largest, "largest", "最大", lambda: max_)
min_ = _extreme("min", np.min, smallest, "smallest", "最小", lambda: min_)


def largest_size(sizes: Node, axis: Any, keepdims: bool = False) -> Node:
    """Return the largest of sizes along axes; of none it is 0, as a norm of nothing is."""
    none = any(sizes.shape[a] == 0 for a in normal_axes(axis, sizes.rank))
    return (sum_ if none else max_)(sizes, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ argmax, argmin
def _place_type(x: Type, axis: int | None, keepdims: bool) -> Type:
    axes = tuple(range(x.rank)) if axis is None else (axis,)
    return Type(non_empty_type("argmax")(x, axes, keepdims).shape, "int64")


def _place(name: str, numpy: Callable[..., Any], en: str, zh: str, this: Callable[[], Op]) -> Op:
    def prepare(x: Node, axis: int | None = None, keepdims: bool = False) -> Node:
        axes = normal_axes(axis, x.rank, number=True)
        position = None if axis is None or not x.rank else axes[0]
        return apply(this(), x, axis=position, keepdims=bool(keepdims))

    def code(node: Node, x: str) -> str:
        return f"np.{name}({x}, axis={node.attrs['axis']}, keepdims={node.attrs['keepdims']})"

    return op(
        name,
        form=Form.OPAQUE,
        loop=Loop.CALL,
        operands=(Operand.MASK,),
        adjoint=lambda g, x, out, axis, keepdims: (None,),
        says=STEP,
        source="zero almost everywhere",
        numpy=lambda x, axis, keepdims: np.asarray(numpy(x, axis=axis, keepdims=keepdims)),
        type_rule=_place_type,
        prepare=prepare,
        notation=lambda node, x: Apply(Function(name), (x,)),
        code=code,
        axes=("axis",),
        aliases=aliases(numpy=name, torch=Alias(name, rename=DIM)),
        samples=sampled(
            (((4,),), {"axis": None, "keepdims": False}),
            (((2, 3),), {"axis": 1, "keepdims": False}),
            (((2, 3),), {"axis": 0, "keepdims": True}),
        ),
        doc=says(f"where the {en} element stands", f"{zh}元素的位置"),
    )


argmax = _place("argmax", np.argmax, "largest", "最大", lambda: argmax)
argmin = _place("argmin", np.argmin, "smallest", "最小", lambda: argmin)
