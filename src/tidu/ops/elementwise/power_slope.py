"""The derivatives of x to the power y by x: y (y − 1) … xʸ⁻ᵏ, as one op of any order k.

Where the product in front is 0 so is the derivative, also at x = 0, where xʸ⁻ᵏ is infinite. That
case belongs to the op's own value: a `where` around it would be derived as a part of the function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Math, Negative, Number, Power, Product, Sum
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ops.define import elementwise, normal, quiet, says


def _falling(y: Any, order: int, without: int | None = None) -> Any:
    """y (y − 1) … (y − order + 1), without one of the factors."""
    product: Any = 1.0
    for i in range(order):
        if i != without:
            product = product * (y - float(i))
    return product


def _partials(x: Node, y: Node, out: Node, order: int) -> tuple[Node, Node]:
    from tidu.ops.elementwise.exponential import power_log  # noqa: PLC0415  (exponential builds on arithmetic)

    change = sum((_falling(y, order, i) for i in range(1, order)), _falling(y, order, 0))
    by_y = change * x ** (y - float(order)) + _falling(y, order) * power_log(x, y - float(order))
    return apply(power_slope, x, y, order=order + 1), by_y


def _numpy(x: Any, y: Any, order: int) -> Any:
    """0 where a factor is: x⁰ and its kin do not depend on x, at x = 0 either."""
    factor = _falling(y, order)
    power = np.where(factor == 0, 1.0, x) ** np.where(factor == 0, 1.0, y - order)
    return (factor * power).astype(np.result_type(x, y))


def _notation(node: Node, x: Math, y: Math) -> Math:
    order = node.attrs["order"]
    down = [Sum((y, Negative(Number(str(i))))) for i in range(1, order + 1)]
    return Product((y, *down[:-1], Power(x, down[-1])))


def _code(node: Node, x: str, y: str) -> str:
    order = node.attrs["order"]
    factor = " * ".join([y, *(f"({y} - {i}.0)" for i in range(1, order))])
    power = f"np.where({factor} == 0, 1.0, {x}) ** np.where({factor} == 0, 1.0, {y} - {order}.0)"
    return f"({factor} * {power})"


def _scalar(node: Node) -> str:
    order = node.attrs["order"]
    factor = " * ".join(["y", *(f"(y - {i})" for i in range(1, order))])
    return f"{factor} == 0 ? 0 : {factor} * pow(x, y - {order})"


power_slope = elementwise(
    "power_slope",
    complex=True,
    real=True,
    arity=2,
    partials=_partials,
    says=says("power rule", "幂法则"),
    source="(xⁿ)⁽ᵏ⁾ = n (n − 1) … (n − k + 1) xⁿ⁻ᵏ",
    numpy=quiet(_numpy),
    scalar=_scalar,
    notation=_notation,
    code=_code,
    safe={0: 1.0},
    aliases={},
    samples=normal(2, low=0.5, high=2.0, order=1),
    doc=says("a derivative of x to the power y by x", "x 的 y 次幂对 x 的导数"),
)
