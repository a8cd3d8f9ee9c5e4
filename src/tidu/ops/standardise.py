"""Standardising along axes: less the mean, by the standard deviation, as in layer and batch norms.

Written out, its gradient is a sum of three paths that hold the mean twice; as one op it is the
line that textbooks print, in terms of the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Symbol
from tidu.ir.build import apply, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.rule import Atoms, rule
from tidu.ir.types import Shape, Type
from tidu.ops.arithmetic import add, divide, power, sqrt, square, subtract
from tidu.ops.define import float_type, op, sampled, says
from tidu.ops.layout import broadcast_to, reshape
from tidu.ops.numbers import constant_value
from tidu.ops.reduction import mean, normal_axes
from tidu.ops.statistics import std, var

Axes = tuple[int, ...]


def _deviation(x: Node, axis: Axes, eps: float) -> Node:
    """√(var x + ε), spread over x as it is where a program writes it."""
    variance = var(x, axis=axis, keepdims=True)
    return sqrt(variance + eps) if eps else std(x, axis=axis, keepdims=True)


def _definition(x: Node, axis: Axes, eps: float) -> Node:
    return (x - mean(x, axis=axis, keepdims=True)) / _deviation(x, axis, eps)


def _numpy(x: Any, axis: Axes, eps: float) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.var(x, axis=axis, keepdims=True) + eps)


def _adjoint(g: Node, x: Node, out: Node, axis: Axes, eps: float) -> tuple[Node]:
    along = mean(g * out, axis=axis, keepdims=True)
    return ((g - mean(g, axis=axis, keepdims=True) - out * along) / _deviation(x, axis, eps),)


def _notation(node: Node, x: Math) -> Math:
    """As it is written out, where x is a name; else a name for the whole."""
    if not isinstance(x, Symbol):
        return Apply(
            Function("standardised", ",".join(str(a + 1) for a in node.attrs["axis"])), (x,)
        )
    plain = input_node("x", node.shape, node.dtype)
    written = _definition(plain, **node.attrs)
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
    definition=_definition,
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
    lower=_definition,
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


# ------------------------------------------------------------------ as it stands in programs
def _spread_from(node: Node, x: Node) -> tuple[Node, Shape]:
    """What is stretched over x here, and the shape in which it is stretched."""
    if node.op is broadcast_to and node.shape == x.shape:
        node = node.inputs[0]
    return _unshaped(node), node.shape


def _unshaped(node: Node) -> Node:
    return node.inputs[0] if node.op is reshape else node


def _fits(shape: Shape, x: Node, axis: Axes) -> bool:
    """Whether a value in this shape stands over the axes of x that it was reduced along."""
    if not shape:
        return len(axis) == x.rank
    return shape == tuple(1 if i in axis else dim for i, dim in enumerate(x.shape))


def _centred(node: Node) -> tuple[Node, Axes] | None:
    """(x, axes) of x − mean(x)."""
    if node.op is not subtract or node.shape != node.inputs[0].shape:
        return None
    x = node.inputs[0]
    average, shape = _spread_from(node.inputs[1], x)
    if average.op is not mean or average.inputs[0] is not x:
        return None
    axis: Axes = average.attrs["axis"]
    return (x, axis) if _fits(shape, x, axis) else None


def _variance(node: Node, atoms: Atoms) -> Node | None:
    """mean((x − mean x)²) → var x."""
    inner = node.inputs[0]
    squared = inner.op is square or (inner.op is power and constant_value(inner.inputs[1]) == 2.0)
    found = _centred(inner.inputs[0]) if squared else None
    if found is None or found[1] != node.attrs["axis"]:
        return None
    return apply(var, found[0], axis=found[1], ddof=0, keepdims=node.attrs["keepdims"])


def _whole(node: Node, atoms: Atoms) -> Node | None:
    """(x − mean x)/√(var x + ε), with the deviation along the same axes."""
    found = _centred(node.inputs[0])
    if found is None:
        return None
    x, axis = found
    deviation, shape = _spread_from(node.inputs[1], x)
    eps = _added(deviation, x, axis) if _fits(shape, x, axis) else None
    return None if eps is None else standardised(x, axis=axis, eps=eps)


def _added(node: Node, x: Node, axis: Axes) -> float | None:
    """ε of √(var x + ε), 0 for a deviation; None for anything else."""
    if _is_moment(node, std, x, axis):
        return 0.0
    if node.op is not sqrt and (node.op is not power or constant_value(node.inputs[1]) != 0.5):
        return None
    inner = node.inputs[0]
    if inner.op is not add:
        return 0.0 if _is_moment(inner, var, x, axis) else None
    for moment, other in (inner.inputs, inner.inputs[::-1]):
        eps = constant_value(other)
        if eps is not None and eps > 0 and _is_moment(_unshaped(moment), var, x, axis):
            return eps
    return None


def _is_moment(node: Node, moment: Op, x: Node, axis: Axes) -> bool:
    same = node.op is moment and node.inputs[0] is x
    return same and node.attrs["axis"] == axis and node.attrs["ddof"] == 0


def _rows() -> Node:
    return input_node("x", (3, 4))


rule(
    name="variance",
    root=mean,
    apply=_variance,
    says=says("mean((x − x̄)²) = var(x)", "mean((x − x̄)²) = var(x)"),
    source="definition of the variance",
    purpose="stabilise",
    example=lambda: [
        mean((_rows() - mean(_rows(), axis=1, keepdims=True)) ** 2.0, axis=1),
        mean(square(_rows() - mean(_rows()))),
    ],
)
rule(
    name="standardised",
    root=divide,
    apply=_whole,
    says=says(
        "(x − x̄)/√(var(x) + ε) is taken as one operation",
        "(x − x̄)/√(var(x) + ε) 作为一个运算",
    ),
    source="layer and batch normalisation",
    purpose="stabilise",
    example=lambda: [
        _definition(_rows(), (1,), 1e-5),
        _definition(_rows(), (0,), 0.0),
        (_rows() - mean(_rows())) / sqrt(var(_rows()) + 0.1),
    ],
)
