"""Powers x to the y, and their derivatives of any order by x and by y, each as one op.

By x: y (y − 1) … xʸ⁻ᵏ. Where the product in front is 0 so is the derivative, also at x = 0, where
xʸ⁻ᵏ is infinite. That case belongs to the op's own value: a `where` around it would be derived as a
part of the function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Fraction,
    Function,
    Math,
    Negative,
    Number,
    Power,
    Product,
    Sum,
)
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Law
from tidu.ir.types import COMPLEX, promote
from tidu.ops.define import aliases, elementwise, like, normal, quiet, says, times
from tidu.ops.elementwise.exponential import ln_of, log
from tidu.ops.leaves import cast
from tidu.ops.numbers import constant_value


def _power_partials(x: Node, y: Node, out: Node) -> tuple[Any, Any]:
    exponent = constant_value(y)
    if exponent is not None:
        return _slope_of(x, exponent), None
    base = constant_value(x)
    if base is not None and base > 0:
        by_y = out * log(like(x, base))
    else:
        by_y = power_log(x, y)
    return apply(power_slope, x, y, order=1), by_y


def _slope_of(x: Node, exponent: float) -> Any:
    if exponent == 0.0:
        return 0.0
    if exponent == 1.0:
        return 1.0
    if exponent == 2.0:
        return 2.0 * x
    return exponent * x ** (exponent - 1.0)


def _power_notation(node: Node, base: Math, exponent: Math) -> Math:
    if constant_value(node.inputs[1]) == 0.5:
        return Apply(Function("sqrt"), (base,))
    if node.rank > 1 and constant_value(node.inputs[1]) == -1.0:
        return Fraction(Number("1"), base)  # X⁻¹ is the inverse
    return Power(base, exponent)


power = elementwise(
    "power",
    complex=True,
    counts=True,
    arity=2,
    operator="**",
    partials=_power_partials,
    says=says("power rule", "幂法则"),
    source="(xⁿ)′ = n xⁿ⁻¹, (aˣ)′ = aˣ ln a",
    laws=(
        Law(says("power rule", "幂法则"), "(xⁿ)′ = n xⁿ⁻¹", ("", "n")),
        Law(says("derivative of an exponential", "指数函数的导数"), "(aˣ)′ = aˣ ln a", ("a", "")),
    ),
    numpy=np.power,
    scalar="pow(x, y)",
    notation=_power_notation,
    safe={0: 1.0},
    aliases=aliases(numpy=("power", "float_power", "pow"), torch="pow"),
    samples=normal(2, low=0.5, high=2.0),
)


# ------------------------------------------------------------------ by the base
def _falling(y: Any, order: int, without: int | None = None) -> Any:
    """Return y (y − 1) … (y − order + 1), the factor `without` left out."""
    product: Any = 1.0
    for i in range(order):
        if i != without:
            product = product * (y - float(i))
    return product


def _slope_partials(x: Node, y: Node, out: Node, order: int) -> tuple[Node, Node]:
    change = sum((_falling(y, order, i) for i in range(1, order)), _falling(y, order, 0))
    by_y = change * x ** (y - float(order)) + _falling(y, order) * power_log(x, y - float(order))
    return apply(power_slope, x, y, order=order + 1), by_y


def _slope_numpy(x: Any, y: Any, order: int) -> Any:
    """Return the derivative of the given order; 0 where a factor is 0, also at x = 0: x⁰ is
    constant."""
    factor = _falling(y, order)
    power = np.where(factor == 0, 1.0, x) ** np.where(factor == 0, 1.0, y - order)
    return (factor * power).astype(np.result_type(x, y))


def _slope_notation(node: Node, x: Math, y: Math) -> Math:
    order = node.attrs["order"]
    down = [_less(y, i) for i in range(1, order + 1)]
    return Product((y, *down[:-1], Power(x, down[-1])))


def _less(tree: Math, count: int) -> Math:
    """Return y − count; a of (a + 1) − 1, and a + 1 of (a + 2) − 1."""
    terms = tree.terms if isinstance(tree, Sum) else (tree,)
    numbers = [value for term in terms if (value := _whole(term)) is not None]
    rest = tuple(term for term in terms if _whole(term) is None)
    total = sum(numbers) - count
    if not rest or not total:
        return Sum(rest) if rest else Number(str(total))
    return Sum((*rest, Number(str(total)) if total > 0 else Negative(Number(str(-total)))))


def _whole(tree: Math) -> int | None:
    """Return a whole number that stands as a term, with its sign."""
    sign, number = (-1, tree.value) if isinstance(tree, Negative) else (1, tree)
    if not isinstance(number, Number) or not number.text.isascii():
        return None
    return sign * int(number.text) if number.text.lstrip("-").isdigit() else None


def _slope_code(node: Node, x: str, y: str) -> str:
    order = node.attrs["order"]
    factor = " * ".join([y, *(f"({y} - {i}.0)" for i in range(1, order))])
    power = f"np.where({factor} == 0, 1.0, {x}) ** np.where({factor} == 0, 1.0, {y} - {order}.0)"
    return f"({factor} * {power})"


def _slope_scalar(node: Node) -> str:
    order = node.attrs["order"]
    factor = " * ".join(["y", *(f"(y - {i})" for i in range(1, order))])
    return f"{factor} == 0 ? 0 : {factor} * pow(x, y - {order})"


power_slope = elementwise(
    "power_slope",
    complex=True,
    real=True,
    arity=2,
    partials=_slope_partials,
    says=says("power rule", "幂法则"),
    source="(xⁿ)⁽ᵏ⁾ = n (n − 1) … (n − k + 1) xⁿ⁻ᵏ",
    numpy=quiet(_slope_numpy),
    scalar=_slope_scalar,
    notation=_slope_notation,
    code=_slope_code,
    safe={0: 1.0},
    aliases={},
    samples=normal(2, low=0.5, high=2.0, order=1),
    doc=says("a derivative of x to the power y by x", "x 的 y 次幂对 x 的导数"),
)


# ------------------------------------------------------------------ by the exponent
def _power_log_partials(x: Node, y: Node, out: Node, k: int) -> tuple[Node | None, Node | None]:
    by_x = by_y = None
    if constant_value(x) is None:
        below = power(x, y - 1.0) if k == 1 else apply(power_log, x, y - 1.0, k=k - 1)
        by_x = y * apply(power_log, x, y - 1.0, k=k) + float(k) * below
    if constant_value(y) is None:
        by_y = apply(power_log, x, y, k=k + 1)
    return by_x, by_y


def _prepare_power_log(x: Node, y: Node, k: int = 1) -> Node:
    dtype = promote((x.dtype, y.dtype))
    if dtype in COMPLEX:
        x, y = cast(x, dtype=dtype), cast(y, dtype=dtype)
    return apply(power_log, x, y, k=k)


def _power_log(x: Any, y: Any, k: int) -> Any:
    vanishes = (x == 0) & (np.real(y) > 0)
    return x**y * np.log(np.where(vanishes, np.ones((), x.dtype), x)) ** k


def _power_log_notation(node: Node, x: Math, y: Math) -> Math:
    k = node.attrs["k"]
    return times(node, Power(x, y), ln_of(x) if k == 1 else Power(ln_of(x), Number(str(k))))


# One op and no product: where x = 0 and y > 0 it is 0, and so is each derivative that exists there.
power_log = elementwise(
    "power_log",
    complex=True,
    arity=2,
    real=True,
    partials=_power_log_partials,
    says=says("derivative of xʸ (ln x)ᵏ", "xʸ (ln x)ᵏ 的导数"),
    source="∂ xʸ(ln x)ᵏ/∂y = xʸ(ln x)ᵏ⁺¹, ∂/∂x = y xʸ⁻¹(ln x)ᵏ + k xʸ⁻¹(ln x)ᵏ⁻¹",
    numpy=quiet(_power_log),
    scalar="x == 0 && y > 0 ? 0 : pow(x, y) * pow(log(x), k)",
    prepare=_prepare_power_log,
    notation=_power_log_notation,
    code=lambda node, x, y: (
        f"({x} ** {y} * np.log(np.where(({x} == 0) & (np.real({y}) > 0), 1.0, {x})) "
        f"** {node.attrs['k']})"
    ),
    safe={0: 1.0},
    aliases={},
    samples=normal(2, low=0.4, high=2.0, k=1),
    doc=says("xʸ (ln x)ᵏ, and 0 where x = 0 < y", "xʸ (ln x)ᵏ，在 x = 0 < y 处为 0"),
)
