"""Standardising along axes: (x − mean x)/√(var x + ε) as layer and batch norms have it, and
x/√(mean x² + ε) as RMS norms have it.

Written out, its gradient is a sum of up to three paths that hold the mean twice; as one op it is
the line that textbooks print, in terms of the result. Its value is calculated as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Fraction,
    Function,
    Group,
    Math,
    Negative,
    Number,
    Power,
    Product,
    Sum,
    Transpose,
    negate,
)
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand, Samples, StableForm
from tidu.ir.stacking import all_stacked, ones_inside
from tidu.ir.types import Type
from tidu.ops.arrays.layout import ONES, reshape
from tidu.ops.arrays.reduction import mean
from tidu.ops.arrays.statistics import std, var
from tidu.ops.define import float_type, joined, op, sampled, says
from tidu.ops.elementwise.arithmetic import divide, multiply, sqrt, square

Axes = tuple[int, ...]


# ------------------------------------------------------------------ x̂
def centred_values(x: Node, axis: Axes, centred: bool) -> Node:
    """Return x less its mean, or x itself where nothing is subtracted."""
    return x - mean(x, axis=axis, keepdims=True) if centred else x


def deviation(x: Node, axis: Axes, eps: float, centred: bool) -> Node:
    """Return √(var x + ε), or √(mean x² + ε) where nothing is subtracted; axes are kept."""
    if centred and not eps:
        return std(x, axis=axis, keepdims=True)
    if centred:
        return sqrt(var(x, axis=axis, keepdims=True) + eps)
    moment = mean(square(x), axis=axis, keepdims=True)
    return sqrt(moment + eps) if eps else sqrt(moment)


def _definition(
    x: Node, top: Node, scale: Node, axis: Axes, eps: float, centred: bool, divides: bool
) -> Node:
    return centred_values(x, axis, centred) / deviation(x, axis, eps, centred)


def _numpy(
    x: Any, top: Any, scale: Any, axis: Axes, eps: float, centred: bool, divides: bool
) -> Any:
    from_mean = x - np.mean(x, axis=axis, keepdims=True) if centred else x
    return from_mean / np.sqrt(np.mean(from_mean**2, axis=axis, keepdims=True) + eps)


def _as_written(x: Node, top: Node, scale: Node, divides: bool, **_: Any) -> Node:
    return top / scale if divides else top * scale


def _written_form(node: Node) -> StableForm | None:
    """Calculate the value as the program writes it, from parts that it has calculated."""
    _, top, scale = node.inputs
    if scale.op.role == "input":
        return None  # not made of x here
    divides = node.attrs["divides"]
    calculate = np.true_divide if divides else np.multiply
    return StableForm((top, scale), calculate, divide if divides else multiply)


def _adjoint(
    g: Node,
    x: Node,
    top: Node,
    scale: Node,
    out: Node,
    axis: Axes,
    eps: float,
    centred: bool,
    divides: bool,
) -> tuple[Node, None, None]:
    source = scale.inputs[0] if scale.op.role == "broadcast" else scale
    factor = 1.0 / source if divides else source
    if source.op.role == "input":  # not made of x here, so that it would not move with x
        factor = 1.0 / deviation(x, axis, eps, centred)
    slope = apply(standardised_slope, g, out, factor, axis=axis, centred=centred)
    return slope, None, None


def _written_notation(node: Node, x: Math, top: Math, scale: Math) -> Math:
    """Write (x − μ)/√(var + ε) or (x − μ) ⊙ v; μ and the root stand for all elements along the
    axes, as in books."""
    above, other = _without_ones(top), _without_ones(scale)
    divisor = other if node.attrs["divides"] else _divisor(other)
    return Product((above, other), "⊙") if divisor is None else Fraction(above, divisor)


def _without_ones(tree: Math) -> Math:
    """Return x − μ for x − 𝟏·μᵀ, and σ for 𝟏·σᵀ and σ·𝟏ᵀ."""
    if isinstance(tree, Sum):
        return Sum(tuple(map(_without_ones, tree.terms)))
    if isinstance(tree, Negative):
        return Negative(_without_ones(tree.value))
    if not isinstance(tree, Product) or tree.sign or len(tree.factors) != 2:
        return tree
    first, second = tree.factors
    if first == ONES:
        return second.value if isinstance(second, Transpose) else second
    return first if second == Transpose(ONES) else tree


def _parts(*cases: tuple[tuple[int, ...], Axes, float, bool, bool]) -> Samples:
    """Return samples whose second and third operand are what belongs to the first."""

    def make(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        for shape, axis, eps, centred, divides in cases:
            x = rng.standard_normal(shape)
            top = x - x.mean(axis=axis, keepdims=True) if centred else x
            scale = np.sqrt(np.mean(top**2, axis=axis, keepdims=True) + eps) + 0 * x
            attributes = {"axis": axis, "eps": eps, "centred": centred, "divides": divides}
            made.append(((x, top, scale if divides else 1 / scale), attributes))
        return made

    return Samples(make)


standardised = op(
    "standardised",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    # top and scale are made of x in the program; all of the gradient goes straight to x
    operands=(Operand.VALUE, Operand.MASK, Operand.MASK),
    definition=_definition,
    adjoint=_adjoint,
    says=says(
        "derivative of standardising: less the mean, and less the part along the result",
        "标准化的导数：减去平均值，再减去沿结果方向的部分",
    ),
    source="x̂ = (x − x̄)/σ: ∂L/∂x = (g − ḡ − x̂ ⊙ mean(g ⊙ x̂))/σ",
    numpy=_numpy,
    stable_form=_written_form,
    type_rule=lambda x, *others, **_: Type(x.shape, float_type(x.dtype)),
    notation=_written_notation,
    code=lambda node, *operands: "",
    lower=_as_written,
    axes=("axis",),
    aliases={},
    samples=_parts(
        ((5,), (0,), 0.0, True, True),
        ((2, 4), (1,), 1e-5, True, False),
        ((4, 3), (0,), 0.1, False, True),
        ((2, 3, 2), (1, 2), 0.01, True, True),
    ),
    doc=says(
        "x less its mean, by √(variance + ε), along axes; or x by √(mean x² + ε)",
        "沿轴减去平均值，再除以 √(方差 + ε)；或 x 除以 √(x² 的平均值 + ε)",
    ),
)


# ------------------------------------------------------------------ its gradient
def _slope(g: Node, out: Node, factor: Node, axis: Axes, centred: bool) -> Node:
    along = out * mean(g * out, axis=axis, keepdims=True)
    return factor * (centred_values(g, axis, centred) - along)


def _slope_numpy(g: Any, out: Any, factor: Any, axis: Axes, centred: bool) -> Any:
    rest = g - np.mean(g, axis=axis, keepdims=True) if centred else g
    return factor * (rest - out * np.mean(g * out, axis=axis, keepdims=True))


def _batched_slope(xs: Sequence[Node], stacked: Sequence[bool], axis: Axes, centred: bool) -> Node:
    """Batch the slope by its axes; the factor may have fewer of them."""
    rank = max(x.rank - has for x, has in zip(xs, stacked, strict=True))
    aligned = [ones_inside(x, rank) if has else x for x, has in zip(xs, stacked, strict=True)]
    lengthened = [
        x if has else reshape(x, shape=(1,) * (rank - x.rank) + x.shape)
        for x, has in zip(aligned, stacked, strict=True)
    ]
    shifted = tuple(each + 1 for each in axis)
    return apply(
        standardised_slope, *all_stacked(lengthened, stacked), axis=shifted, centred=centred
    )


def _slope_notation(node: Node, g: Math, out: Math, factor: Math) -> Math:
    """Write (γ/σ) ⊙ (g − mean g − x̂ ⊙ mean(g ⊙ x̂)); the means stand for all elements along the
    axes, as in books."""
    axis = node.attrs["axis"]
    name = Function("mean", ",".join(str(a + 1) for a in axis) if len(axis) < node.rank else "")
    along = Apply(name, (joined([_factor(g), _factor(out)], "⊙"),))
    terms = [*(g.terms if isinstance(g, Sum) else (g,))]
    if node.attrs["centred"]:
        terms.append(negate(Apply(name, (g,))))
    rest = Sum((*terms, negate(joined([_factor(out), along], "⊙"))))
    front = _as_fraction(factor)
    if isinstance(front, Fraction) and front.top == Number("1"):
        return Fraction(rest, front.bottom)
    return Product((front, rest), "⊙")


def _as_fraction(tree: Math) -> Math:
    """Return γ ⊘ σ, γ ⊙ (1/σ) and γ ⊙ v^(−½) as fractions, γ/σ and γ/√v."""
    if isinstance(tree, Product) and tree.sign == "⊘" and len(tree.factors) == 2:
        return Fraction(*tree.factors)
    factors = tree.factors if isinstance(tree, Product) and tree.sign == "⊙" else (tree,)
    below = [(f, divisor) for f in factors if (divisor := _divisor(f)) is not None]
    if len(below) != 1:
        return tree
    ((inverse, divisor),) = below
    above = [f for f in factors if f is not inverse] or [Number("1")]
    return Fraction(above[0] if len(above) == 1 else joined(above, "⊙"), divisor)


def _divisor(tree: Math) -> Math | None:
    """Return σ of 1/σ, and √v of v^(−½) and √(1/v)."""
    match tree:
        case Fraction(Number("1"), divisor):
            return divisor
        case Power(base, Number("-0.5")):
            return Apply(Function("sqrt"), (base,))
        case Apply(Function("sqrt"), (Fraction(Number("1"), divisor),)):
            return Apply(Function("sqrt"), (divisor,))
        case _:
            return None


def _factor(tree: Math) -> Math:
    return Group(tree) if isinstance(tree, Product) and tree.sign == "" else tree


standardised_slope = op(
    "standardised_slope",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE, Operand.VALUE),
    definition=_slope,
    says=says("product rule", "乘积法则"),
    source="(u v)′ = u′ v + u v′",
    numpy=_slope_numpy,
    type_rule=lambda g, *others, **_: Type(g.shape, float_type(g.dtype)),
    notation=_slope_notation,
    code=lambda node, *operands: "",
    lower=_slope,
    batched=_batched_slope,
    aliases={},
    samples=sampled(
        (((5,), (5,), ()), {"axis": (0,), "centred": True}),
        (((4, 3), (4, 3), (3,)), {"axis": (0,), "centred": True}),
        (((4, 3), (4, 3), (4, 1)), {"axis": (1,), "centred": False}),
    ),
    doc=says(
        "the gradient of what was standardised, from that of the result and the result x̂",
        "由标准化结果 x̂ 及其梯度求被标准化者的梯度",
    ),
)
