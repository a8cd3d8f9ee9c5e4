"""Rules that know standardising, (x − mean x)/√(var x + ε) and x/√(mean x² + ε), in the ways in
which programs write it, and rules that shorten its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tidu.ir.build import apply, input_node
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ir.types import product
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.reduction import count, mean, sum_
from tidu.ops.arrays.standardise import (
    Axes,
    centred_values,
    deviation,
    standardised,
    standardised_slope,
)
from tidu.ops.arrays.statistics import std, var
from tidu.ops.elementwise.arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    sqrt,
    square,
    subtract,
)
from tidu.ops.elementwise.powers import power
from tidu.ops.numbers import constant_value, number_of
from tidu.rewriting.alignment import broadcast_from, constant_along, fits, unshaped
from tidu.rewriting.register import sample, simplification, stabilisation


class _Moment(NamedTuple):
    """The mean square of x along axes, or that of x less its mean."""

    x: Node
    axis: Axes
    centred: bool


# ------------------------------------------------------------------ parts, as they are written
def _average(node: Node) -> tuple[Node, Axes] | None:
    """Return (x, axes) of mean(x), Σx/n and (1/n)·Σx."""
    if node.op is mean:
        return node.inputs[0], node.attrs["axis"]
    for scaled, factor in _scaled(node):
        total = unshaped(scaled)
        if total.op is sum_ and _is_share(factor, node.op is divide, total):
            return total.inputs[0], total.attrs["axis"]
    return None


def _scaled(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield (x, c) of x/c and x·c, in both orders for a product."""
    if node.op is divide or node.op is multiply:
        yield node.inputs[0], node.inputs[1]
    if node.op is multiply:
        yield node.inputs[1], node.inputs[0]


def _is_share(factor: Node, divides: bool, total: Node) -> bool:
    """Tell whether a sum divided by, or times, this factor is a mean."""
    x, axis = total.inputs[0], total.attrs["axis"]
    number, size = constant_value(factor), product(x.shape[a] for a in axis)
    if number is not None:
        return isinstance(size, int) and size > 0 and number == (size if divides else 1 / size)
    known = number_of(factor)
    if known is not None and not divides:
        known = known.inputs[1] if known.op is divide else None
    return known is not None and known is number_of(count(x, axis))


def _centred(node: Node) -> tuple[Node, Axes] | None:
    """Return (x, axes) of x − mean(x)."""
    if node.op is not subtract or node.shape != node.inputs[0].shape:
        return None
    x = node.inputs[0]
    spread, shape = broadcast_from(node.inputs[1], x.shape)
    average = _average(spread)
    if average is None or average[0] is not x:
        return None
    return average if fits(shape, x.shape, average[1]) else None


def _squared(node: Node) -> Node | None:
    """Return c of c², c·c and |c|²."""
    is_power = node.op is power and constant_value(node.inputs[1]) == 2.0
    same = node.op is multiply and node.inputs[0] is node.inputs[1]
    if node.op is not square and not is_power and not same:
        return None
    base = node.inputs[0]
    return base.inputs[0] if base.op is absolute else base


def _moments(node: Node) -> Iterator[_Moment]:
    """Yield what a node is the mean square of: of x less its mean, or of any x."""
    if node.op is var and node.attrs["ddof"] == 0:
        yield _Moment(node.inputs[0], node.attrs["axis"], True)
    average = _average(node)
    base = None if average is None else _squared(average[0])
    if average is None or base is None:
        return
    centred = _centred(base)
    if centred is not None and centred[1] == average[1]:
        yield _Moment(*centred, True)
    yield _Moment(base, average[1], False)


def _deviations(node: Node) -> Iterator[tuple[_Moment, float]]:
    """Yield the moment and ε of √(moment + ε); ε is 0 for a deviation."""
    if node.op is std and node.attrs["ddof"] == 0:
        yield _Moment(node.inputs[0], node.attrs["axis"], True), 0.0
    is_root = node.op is power and constant_value(node.inputs[1]) == 0.5
    if node.op is sqrt or is_root:
        yield from _with_small_number(unshaped(node.inputs[0]))


def _with_small_number(node: Node) -> Iterator[tuple[_Moment, float]]:
    """Yield the moment and ε of moment + ε."""
    yield from ((moment, 0.0) for moment in _moments(node))
    if node.op is not add:
        return
    for part, other in (node.inputs, node.inputs[::-1]):
        eps = constant_value(other)
        if eps is not None and eps > 0:
            yield from ((moment, eps) for moment in _moments(unshaped(part)))


def _inverses(node: Node) -> Iterator[tuple[_Moment, float]]:
    """Yield the same of 1/√(moment + ε) and (moment + ε)^(−½)."""
    exponent = constant_value(node.inputs[1]) if node.op is power else None
    if exponent == -0.5:
        yield from _with_small_number(unshaped(node.inputs[0]))
    elif exponent == -1.0 or node.op is reciprocal:
        yield from _deviations(unshaped(node.inputs[0]))
    elif node.op is divide and constant_value(node.inputs[0]) == 1.0:
        yield from _deviations(broadcast_from(node.inputs[1], node.shape)[0])
    elif node.op is sqrt and node.inputs[0].op in (divide, reciprocal):
        below = node.inputs[0].inputs[-1]
        if node.inputs[0].op is reciprocal or constant_value(node.inputs[0].inputs[0]) == 1.0:
            yield from _with_small_number(broadcast_from(below, node.shape)[0])


# ------------------------------------------------------------------ the whole
def _standardised(top: Node, scale: Node, divides: bool) -> Node | None:
    """Return top/scale or top·scale as one op, where it standardises some x."""
    spread, shape = broadcast_from(scale, top.shape)
    found = _deviations(spread) if divides else _inverses(spread)
    for moment, eps in found:
        x, axis, centred = moment
        if (_centred(top) != (x, axis)) if centred else (top is not x):
            continue
        if x.rank and x.shape == top.shape and fits(shape, x.shape, axis):
            how = {"axis": axis, "eps": eps, "centred": centred, "divides": divides}
            return apply(standardised, x, top, scale, **how)
    return None


def _quotient(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite (x − mean x)/√(var x + ε) → standardised, also with other factors in front."""
    top, scale = node.inputs
    whole = _standardised(top, scale, True) if top.shape == node.shape else None
    if whole is not None or top.op is not multiply:
        return whole
    for factor, rest in (top.inputs, top.inputs[::-1]):
        whole = _standardised(rest, scale, True) if rest.shape == node.shape else None
        if whole is not None:
            return factor * whole
    return None


def _product(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite (x − mean x) · 1/√(var x + ε) → standardised, also with other factors beside it."""
    for top, scale in (node.inputs, node.inputs[::-1]):
        if top.shape != node.shape:
            continue
        whole = _standardised(top, scale, False)
        if whole is not None:
            return whole
        for factor, rest in (top.inputs, top.inputs[::-1]) if top.op is multiply else ():
            whole = _standardised(rest, scale, False) if rest.shape == node.shape else None
            if whole is not None:
                return factor * whole
    return None


def _variance(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite mean((x − mean x)²) → var x."""
    moment = next(_moments(node), None)
    if moment is None or not moment.centred:
        return None
    return apply(var, moment.x, axis=moment.axis, ddof=0, keepdims=node.attrs["keepdims"])


def _rows() -> Node:
    return input_node("x", (3, 4))


def _example(axis: Axes, eps: float, centred: bool = True) -> Node:
    top = centred_values(_rows(), axis, centred)
    return top / deviation(_rows(), axis, eps, centred)


stabilisation(
    "variance",
    mean,
    _variance,
    "mean((x − x̄)²) = var(x)",
    "mean((x − x̄)²) = var(x)",
    lambda: [
        mean((_rows() - mean(_rows(), axis=1, keepdims=True)) ** 2.0, axis=1),
        mean(square(_rows() - mean(_rows()))),
    ],
    source="definition of the variance",
)
stabilisation(
    "standardised",
    divide,
    _quotient,
    "x̂ = (x − x̄)/√(var(x) + ε) has a derivative in terms of x̂",
    "x̂ = (x − x̄)/√(var(x) + ε) 的导数可用 x̂ 表示",
    lambda: [
        _example((1,), 1e-5),
        _example((0,), 0.0),
        _example((1,), 1e-6, centred=False),
        (_rows() - mean(_rows())) / sqrt(var(_rows()) + 0.1),
        sample("g", 4) * (_rows() - mean(_rows(), axis=0)) / std(_rows(), axis=0),
    ],
    source="layer, batch and RMS normalisation",
    noted=False,
)
stabilisation(
    "standardised by a product",
    multiply,
    _product,
    "x̂ = (x − x̄) · 1/√(var(x) + ε) has a derivative in terms of x̂",
    "x̂ = (x − x̄) · 1/√(var(x) + ε) 的导数可用 x̂ 表示",
    lambda: [
        (_rows() - mean(_rows(), axis=0)) * (var(_rows(), axis=0) + 0.1) ** -0.5,
        (1.0 / sqrt(mean(_rows() * _rows(), axis=1, keepdims=True) + 0.1)) * _rows(),
    ],
    source="layer, batch and RMS normalisation",
    noted=False,
)


# ------------------------------------------------------------------ the gradient
def _number_out(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the slope of c·g → c times that of g, for a number c."""
    g, *others = node.inputs
    if g.id in atoms:
        return None
    if g.op is negative:
        return -apply(node.op, g.inputs[0], *others, **node.attrs)
    for number, rest in (g.inputs, g.inputs[::-1]) if g.op is multiply else ():
        factor = number_of(number)
        if factor is not None and rest.shape == g.shape:
            return factor * apply(node.op, rest, *others, **node.attrs)
    return None


def _factor_out(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the slope of γ ⊙ g → the slope of g with γ in its scale, for a γ that is constant
    along the axes."""
    g, out, scale = node.inputs
    axis = node.attrs["axis"]
    if g.op is not multiply or g.id in atoms:
        return None
    for factor, rest in (g.inputs, g.inputs[::-1]):
        if factor.op is broadcast_to and constant_along(factor, axis):
            both = _product_of_factors(factor.inputs[0], scale)
            return apply(node.op, rest, out, both, **node.attrs)
    return None


def _product_of_factors(new: Node, given: Node) -> Node:
    """Return γ ⊙ v, and γ/σ for v = 1/σ, in the lower of their ranks where they hold the same
    elements."""
    is_inverse = given.op is divide and constant_value(given.inputs[0]) == 1.0
    other = given.inputs[1] if is_inverse else given
    if other.shape == (1,) * (other.rank - new.rank) + new.shape:
        other = unshaped(other) if unshaped(other).shape == new.shape else other
        new = reshape(new, shape=other.shape)
    return new / other if is_inverse else new * other


def _slope_of(g: Node) -> Node:
    parts = g, sample("A", 2, 3), 1.0 / sample("s", 3)
    return apply(standardised_slope, *parts, axis=(0,), centred=True)


simplification(
    "number out of the gradient of standardising",
    standardised_slope,
    _number_out,
    "a number passes through a linear map",
    "数字可以提到线性运算外面",
    lambda: [_slope_of(-sample("G", 2, 3)), _slope_of(2.0 * sample("G", 2, 3))],
    source="linearity",
)
simplification(
    "factor out of the gradient of standardising",
    standardised_slope,
    _factor_out,
    "what is the same along the axes passes through their means",
    "沿这些轴不变的因子可以提到平均值外面",
    lambda: [
        _slope_of(sample("gamma", 3) * sample("G", 2, 3)),
        _slope_of(sample("G", 2, 3) * sample("gamma", 1, 3)),
    ],
    source="linearity",
)
