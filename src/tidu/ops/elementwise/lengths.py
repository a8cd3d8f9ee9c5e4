"""Functions of a point (x, y): its angle and its distance from the origin."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Fraction, Function, Math
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Kink
from tidu.ops.define import aliases, elementwise, function, like, normal, says
from tidu.ops.elementwise.arithmetic import (
    multiply,
    negative,
    ratio,
    square,
    subtract,
)
from tidu.ops.elementwise.comparison import equal, logical_and, where
from tidu.ops.numbers import constant_value


def _both_zero(x: Node, y: Node) -> Node:
    return logical_and(equal(x, 0.0), equal(y, 0.0))


def _is_zero(node: Node) -> bool:
    """Tell whether a node is 0 whatever the inputs are: the number, a product with it, x − x."""
    stack = [node]
    while stack:
        part = stack.pop()
        if part.op.role == "constant" and not part.attrs["value"].array.any():
            return True
        if part.op is subtract and part.inputs[0] is part.inputs[1]:
            return True
        if part.op.role in ("broadcast", "reshape") or part.op is multiply:
            stack += part.inputs
    return False


def _slopes_of_angle(y: Node, x: Node, out: Node) -> tuple[Any, Any]:
    """Return x/(x² + y²) and −y/(x² + y²).

    Of a y or x that is always 0, and of multiples of one node, what is 0/0 at the origin would be
    simplified to 0: there the NaN is written down.
    """
    squares = x**2 + y**2
    by_y, by_x = x / squares, -y / squares
    if x is y:
        return _none_at_zero(y), 0.0
    if _unscaled(x) is _unscaled(y):
        return _none_at_zero(y, by_y), by_x
    return (
        _none_at_zero(y) if _is_zero(x) else by_y,
        _none_at_zero(x) if _is_zero(y) else by_x,
    )


def _unscaled(node: Node) -> Node:
    """Return x of −x, c·x and x·c."""
    while True:
        if node.op is negative:
            node = node.inputs[0]
        elif node.op is multiply and constant_value(node.inputs[0]) is not None:
            node = node.inputs[1]
        elif node.op is multiply and constant_value(node.inputs[1]) is not None:
            node = node.inputs[0]
        else:
            return node


def _none_at_zero(x: Node, slope: Node | None = None) -> Node:
    """Return a slope, 0 where none is given, that is NaN where x is 0."""
    return where(equal(x, 0.0), like(x, np.nan), like(x, 0.0) if slope is None else slope)


arctan2 = elementwise(
    "arctan2",
    arity=2,
    real=True,
    partials=_slopes_of_angle,
    says=says("derivative of the angle of (x, y)", "点 (x, y) 的辐角的导数"),
    source="∂ arctan(y/x)/∂y = x/(x² + y²), ∂/∂x = -y/(x² + y²)",
    numpy=np.arctan2,
    scalar="atan2(x, y)",
    notation=function("arctan2"),
    jumps=_both_zero,
    kinks=(
        Kink(
            where=_both_zero,
            at=says("the origin, where no angle exists", "原点（此处没有辐角，导数不存在）"),
            value=float("nan"),
        ),
    ),
    aliases=aliases(numpy=("arctan2", "atan2"), torch=("arctan2", "atan2")),
    samples=normal(2, low=0.4, high=2.0),
    doc=says("the angle of the point (x, y): arctan2(y, x)", "点 (x, y) 的辐角：arctan2(y, x)"),
)


def _hypot_notation(node: Node, x: Math, y: Math) -> Math:
    return Apply(Function("hypot"), (x, y))


def _hypot_slope(x: Any, y: Any, by: int) -> Any:
    length = np.hypot(x, y)
    divisor = np.where(length == 0, 1, length)
    return np.where(length == 0, np.zeros((), length.dtype), (x, y)[by] / divisor)


def _hypot_slope_partials(x: Node, y: Node, out: Node, by: int) -> tuple[Node, Node]:
    length, other = hypot(x, y), apply(hypot_slope, x, y, by=1 - by)
    partials = ratio(square(other), length), -ratio(out * other, length)
    return (partials[1], partials[0]) if by else partials


# The derivative of a length, an op since the quotient rule, 1/r − x²/r³, loses y²/r³ where y is
# small beside x.
hypot_slope = elementwise(
    "hypot_slope",
    arity=2,
    real=True,
    partials=_hypot_slope_partials,
    jumps=lambda x, y, by: _both_zero(x, y),
    says=says("derivative of x/√(x² + y²)", "x/√(x² + y²) 的导数"),
    source="∂(x/r)/∂x = y²/r³, ∂(x/r)/∂y = −xy/r³ with r = √(x² + y²)",
    numpy=_hypot_slope,
    lower=lambda x, y, by: ratio((x, y)[by], hypot(x, y)),
    notation=lambda node, x, y: Fraction((x, y)[node.attrs["by"]], _hypot_notation(node, x, y)),
    code=lambda node, x, y: "",
    sources={"torch": lambda node, x, y: ""},
    aliases={},
    samples=normal(2, low=0.4, high=2.0, by=0),
    doc=says(
        "x/√(x² + y²) or y/√(x² + y²), 0 at the origin", "x/√(x² + y²) 或 y/√(x² + y²)，在原点为 0"
    ),
)


hypot = elementwise(
    "hypot",
    arity=2,
    real=True,
    partials=lambda x, y, out: tuple(apply(hypot_slope, x, y, by=by) for by in (0, 1)),
    says=says("derivative of a length", "长度的导数"),
    source="∂√(x² + y²)/∂x = x/√(x² + y²)",
    numpy=np.hypot,
    scalar="hypot(x, y)",
    notation=_hypot_notation,
    kinks=(Kink(where=_both_zero, at=says("the origin", "原点"), value=0.0, low=-1.0, high=1.0),),
    aliases=aliases(numpy="hypot", torch="hypot"),
    samples=normal(2, low=0.4, high=2.0),
    doc=says("√(x² + y²)", "√(x² + y²)"),
)
