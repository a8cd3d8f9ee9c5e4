"""Rules that know standardising, (x − mean x)/√(var x + ε), as it is written in programs."""

from __future__ import annotations

from tidu.ir.build import apply, input_node
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ir.rule import Atoms, rule
from tidu.ops.arrays.reduction import mean
from tidu.ops.arrays.standardise import Axes, definition, standardised
from tidu.ops.arrays.statistics import std, var
from tidu.ops.define import says
from tidu.ops.elementwise.arithmetic import add, divide, sqrt, square, subtract
from tidu.ops.elementwise.powers import power
from tidu.ops.numbers import constant_value
from tidu.rewriting.alignment import broadcast_from, fits, unshaped


def _centred(node: Node) -> tuple[Node, Axes] | None:
    """Return (x, axes) of x − mean(x)."""
    if node.op is not subtract or node.shape != node.inputs[0].shape:
        return None
    x = node.inputs[0]
    average, shape = broadcast_from(node.inputs[1], x.shape)
    if average.op is not mean or average.inputs[0] is not x:
        return None
    axis: Axes = average.attrs["axis"]
    return (x, axis) if fits(shape, x.shape, axis) else None


def _variance(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite mean((x − mean x)²) → var x."""
    inner = node.inputs[0]
    squared = inner.op is square or (inner.op is power and constant_value(inner.inputs[1]) == 2.0)
    centred = _centred(inner.inputs[0]) if squared else None
    if centred is None or centred[1] != node.attrs["axis"]:
        return None
    return apply(var, centred[0], axis=centred[1], ddof=0, keepdims=node.attrs["keepdims"])


def _whole(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite (x − mean x)/√(var x + ε) → standardise, with the deviation along the same axes."""
    centred = _centred(node.inputs[0])
    if centred is None:
        return None
    x, axis = centred
    deviation, shape = broadcast_from(node.inputs[1], x.shape)
    eps = _added(deviation, x, axis) if fits(shape, x.shape, axis) else None
    return None if eps is None else standardised(x, axis=axis, eps=eps)


def _added(node: Node, x: Node, axis: Axes) -> float | None:
    """Return ε of √(var x + ε), 0 for a deviation; None for anything else."""
    if _is_moment(node, std, x, axis):
        return 0.0
    if node.op is not sqrt and (node.op is not power or constant_value(node.inputs[1]) != 0.5):
        return None
    inner = node.inputs[0]
    if inner.op is not add:
        return 0.0 if _is_moment(inner, var, x, axis) else None
    for moment, other in (inner.inputs, inner.inputs[::-1]):
        eps = constant_value(other)
        if eps is not None and eps > 0 and _is_moment(unshaped(moment), var, x, axis):
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
        definition(_rows(), (1,), 1e-5),
        definition(_rows(), (0,), 0.0),
        (_rows() - mean(_rows())) / sqrt(var(_rows()) + 0.1),
    ],
)
