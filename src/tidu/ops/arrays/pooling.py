"""Pooling: the largest element or the mean of each window, as PyTorch takes them.

A window that stands over the edge counts what lies inside: borders hold −∞ for the largest, and for
a mean the number of elements that count is known before the run.
"""

from __future__ import annotations

import numpy as np

from tidu.document.math import Apply, Function
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ops.arrays.extremes import argmax
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.order import add_along_axis
from tidu.ops.arrays.reduction import reduced_type, sum_
from tidu.ops.define import op, sampled, says
from tidu.ops.elementwise.comparison import equal, greater, where


def _tied(x: Node) -> Node:
    top = reshape(apply(first_largest, x), shape=(*x.shape[:-1], 1))
    return greater(sum_(where(equal(x, top), 1.0, 0.0), axis=-1), 1.0)


first_largest = op(
    "first_largest",
    form=Form.OPAQUE,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (
        apply(
            add_along_axis,
            reshape(g, shape=(*g.shape, 1)),
            argmax(x, axis=-1, keepdims=True),
            axis=x.rank - 1,
            size=x.shape[-1],
        ),
    ),
    batched=entrywise(lambda: first_largest),
    says=says(
        "only the largest element of a window counts, of equal ones the first",
        "窗口中只有最大的元素起作用，相等时取第一个",
    ),
    source="∂ max x/∂xᵢ = [i is the first place of max x]",
    numpy=lambda x: np.max(x, axis=-1),
    type_rule=lambda x: reduced_type(x, (x.rank - 1,), keepdims=False),
    notation=lambda node, x: Apply(Function("max", "window"), (x,)),
    code=lambda node, x: f"np.max({x}, axis=-1)",
    kinks=(
        Kink(
            where=_tied,
            at=says("equal largest elements in a window", "窗口中最大的元素有并列"),
            value=says("all of it for the first", "全部归第一个"),
            low=0.0,
            high=1.0,
        ),
    ),
    aliases={},
    samples=sampled((((4,),), {}), (((2, 3),), {})),
    doc=says("the largest element along the last axis", "沿最后一个轴取最大的元素"),
)
