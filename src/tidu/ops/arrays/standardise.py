"""Standardising along axes: subtracts the mean and divides by the standard deviation, as layer and
batch norms do.

Written out, its gradient is a sum of three paths that hold the mean twice; as one op it is the
line that textbooks print, in terms of the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Symbol
from tidu.ir.build import apply, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.types import Type
from tidu.ops.arrays.reduction import mean, normal_axes
from tidu.ops.arrays.statistics import std, var
from tidu.ops.define import float_type, op, sampled, says
from tidu.ops.elementwise.arithmetic import sqrt

Axes = tuple[int, ...]


def _deviation(x: Node, axis: Axes, eps: float) -> Node:
    """Return √(var x + ε), spread over x as it is where a program writes it."""
    variance = var(x, axis=axis, keepdims=True)
    return sqrt(variance + eps) if eps else std(x, axis=axis, keepdims=True)


def definition(x: Node, axis: Axes, eps: float) -> Node:
    return (x - mean(x, axis=axis, keepdims=True)) / _deviation(x, axis, eps)


def _numpy(x: Any, axis: Axes, eps: float) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.var(x, axis=axis, keepdims=True) + eps)


def _adjoint(g: Node, x: Node, out: Node, axis: Axes, eps: float) -> tuple[Node]:
    along = mean(g * out, axis=axis, keepdims=True)
    return ((g - mean(g, axis=axis, keepdims=True) - out * along) / _deviation(x, axis, eps),)


def _notation(node: Node, x: Math) -> Math:
    """Write the formula out where x is a name; else use a name for the whole."""
    if not isinstance(x, Symbol):
        return Apply(
            Function("standardised", ",".join(str(a + 1) for a in node.attrs["axis"])), (x,)
        )
    plain = input_node("x", node.shape, node.dtype)
    written = definition(plain, **node.attrs)
    trees: dict[Node, Math] = {plain: x}
    for part in reachable([written]):
        if part not in trees:
            trees[part] = part.op.notation(part, *(trees[child] for child in part.inputs))
    return trees[written]


standardised = op(
    "standardised",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=definition,
    adjoint=_adjoint,
    says=says(
        "derivative of standardising: less the mean, and less the part along the result",
        "标准化的导数：减去平均值，再减去沿结果方向的部分",
    ),
    source="x̂ = (x − x̄)/σ: ∂L/∂x = (g − ḡ − x̂ ⊙ mean(g ⊙ x̂))/σ",
    numpy=_numpy,
    type_rule=lambda x, axis, eps: Type(x.shape, float_type(x.dtype)),
    prepare=lambda x, axis, eps: apply(
        standardised, x, axis=normal_axes(axis, x.rank), eps=float(eps)
    ),
    notation=_notation,
    code=lambda node, x: "",
    lower=definition,
    axes=("axis",),
    aliases={},
    samples=sampled(
        (((5,),), {"axis": 0, "eps": 0.0}),
        (((2, 4),), {"axis": 1, "eps": 1e-5}),
        (((4, 3),), {"axis": 0, "eps": 0.1}),
        (((2, 3, 2),), {"axis": (1, 2), "eps": 0.01}),
    ),
    doc=says(
        "x less its mean, by √(variance + ε), along axes", "沿轴减去平均值，再除以 √(方差 + ε)"
    ),
)
