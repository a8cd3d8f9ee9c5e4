"""Piecewise linear activations such as relu; each derivative is an op with its own cases.

The value of a derivative at a kink is the attribute `at` of the activation, PyTorch's by default,
so that a study may set another by changing the attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Number, Prime, Relation
from tidu.errors import InputError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Case, Kink, Op
from tidu.ops.arrays.layout import reshape
from tidu.ops.define import aliases, elementwise, function, like, normal, sampled, says
from tidu.ops.elementwise.comparison import equal, greater, less, logical_or, where
from tidu.ops.leaves import number
from tidu.words import Words

_EMPTY = Words(
    en="hardtanh keeps x between its bounds: the lower one, {low}, is above the upper one, {high}",
    zh="hardtanh 把 x 限制在两个边界之间：下界 {low} 大于上界 {high}",
)
_ZERO = Number("0")
_STEP = says("the pieces are straight: the second derivative is 0", "各段都是直线：二阶导数为 0")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a derivative: its constant value, and the x for which it holds."""

    value: float
    condition: Callable[[Math], Math]
    holds: Callable[[Any], Any]
    code: str  # the condition in NumPy, {x} for the argument


def above(bound: float) -> tuple[Callable[[Math], Math], Callable[[Any], Any], str]:
    return (
        lambda x: Relation((x, number(bound)), (">",)),
        lambda a: a > bound,
        f"{{x}} > {bound!r}",
    )


def below(bound: float) -> tuple[Callable[[Math], Math], Callable[[Any], Any], str]:
    return (
        lambda x: Relation((x, number(bound)), ("<",)),
        lambda a: a < bound,
        f"{{x}} < {bound!r}",
    )


def equals(bound: float) -> tuple[Callable[[Math], Math], Callable[[Any], Any], str]:
    return (
        lambda x: Relation((x, number(bound)), ("=",)),
        lambda a: a == bound,
        f"{{x}} == {bound!r}",
    )


def between(low: float, high: float) -> tuple[Callable[[Math], Math], Callable[[Any], Any], str]:
    return (
        lambda x: Relation((number(low), x, number(high)), ("<", "<")),
        lambda a: (a > low) & (a < high),
        f"({{x}} > {low!r}) & ({{x}} < {high!r})",
    )


def choose(conditions: Sequence[Any], values: Sequence[Any], dtype: Any) -> Any:
    """Return the value of the first condition that holds; NaN where none does (the argument is
    NaN)."""
    return np.asarray(np.select(list(conditions), list(values), default=np.nan)).astype(dtype)


def float_kind(x: Any) -> Any:
    """Return the dtype of a derivative at x: that of x, float64 for integers."""
    return x.dtype if np.asarray(x).dtype.kind == "f" else np.float64


def steps(
    name: str,
    head: Function,
    pieces: Callable[..., tuple[Piece, ...]],
    scalar: str,
    source: str,
    jumps: Callable[..., Node],
    **attributes: float,
) -> Op:
    """Return the derivative of a function made of straight pieces: an op that is printed as
    head′(x), with its case distinction. `pieces` gives the pieces for the attributes, `jumps` the
    mask of where two of them meet."""

    def reference(x: Any, **attrs: Any) -> Any:
        parts = pieces(**attrs)
        return choose([p.holds(x) for p in parts], [p.value for p in parts], float_kind(x))

    def cases(node: Node, x: Math) -> tuple[Case, ...]:
        return tuple(Case(number(p.value), p.condition(x), p.holds) for p in pieces(**node.attrs))

    def code(node: Node, x: str) -> str:
        parts = pieces(**node.attrs)
        conditions = ", ".join(p.code.format(x=x) for p in parts)
        return f"np.select([{conditions}], {[p.value for p in parts]!r}, np.nan)"

    return elementwise(
        name,
        real=True,
        partials=lambda x, out, **_: 0.0,
        jumps=jumps,
        says=_STEP,
        source=source,
        numpy=reference,
        scalar=scalar,
        notation=lambda node, x: Apply(Prime(head), (x,)),
        cases=cases,
        code=code,
        aliases={},
        samples=sampled(*(((s,), dict(attributes)) for s in ((), (3,), (2, 5)))),
        doc=says(f"the derivative of {head.name}", f"{head.name} 的导数"),
    )


def _at_zero(x: Node, **_: float) -> Node:
    return equal(x, 0.0)


# ------------------------------------------------------------------ relu
def _relu_pieces(at: float) -> tuple[Piece, ...]:
    return Piece(1.0, *above(0.0)), Piece(0.0, *below(0.0)), Piece(at, *equals(0.0))


relu_slope = steps(
    "relu_slope",
    Function("relu"),
    _relu_pieces,
    "x > 0 ? 1 : x < 0 ? 0 : x == 0 ? at : x",
    "relu' = 1 for x > 0, 0 for x < 0",
    _at_zero,
    at=0.0,
)

relu = elementwise(
    "relu",
    counts=True,
    partials=lambda x, out, at: relu_slope(x, at=at),
    says=says("derivative of relu", "relu 的导数"),
    source="relu′(x) = 1 (x > 0), 0 (x < 0)",
    numpy=lambda x, at: np.maximum(x, 0),
    scalar="x < 0 ? 0 : x",
    prepare=lambda x, at=0.0: apply(relu, x, at=float(at)),
    notation=function("relu"),
    code=lambda node, x: f"np.maximum({x}, 0)",
    kinks=(
        Kink(
            where=lambda x, at: equal(x, 0.0),
            at=says("0", "0"),
            value="at",
            low=0.0,
            high=1.0,
            presets={"seeds": 1.0},
        ),
    ),
    aliases=aliases(torch=("relu", "nn.functional.relu"), text=("relu", "ReLU", "Relu")),
    samples=normal(at=0.0),
    doc=says("x where positive, else 0", "x 为正时取 x，否则取 0"),
)


# ------------------------------------------------------------------ leaky relu
def _leaky_pieces(slope: float, at: float) -> tuple[Piece, ...]:
    return Piece(1.0, *above(0.0)), Piece(slope, *below(0.0)), Piece(at, *equals(0.0))


leaky_relu_slope = steps(
    "leaky_relu_slope",
    Function("LeakyReLU"),
    _leaky_pieces,
    "x > 0 ? 1 : x < 0 ? slope : x == 0 ? at : x",
    "LeakyReLU' = 1 for x > 0, the slope for x < 0",
    _at_zero,
    slope=0.01,
    at=0.01,
)


def _prepare_leaky(x: Node, slope: float = 0.01, at: float | None = None) -> Node:
    return apply(leaky_relu, x, slope=float(slope), at=float(slope if at is None else at))


leaky_relu = elementwise(
    "leaky_relu",
    partials=lambda x, out, slope, at: leaky_relu_slope(x, slope=slope, at=at),
    real=True,
    says=says("derivative of LeakyReLU", "LeakyReLU 的导数"),
    source="LeakyReLU′(x) = 1 (x > 0), α (x < 0)",
    numpy=lambda x, slope, at: np.where(x > 0, x, slope * x),
    scalar="x > 0 ? x : slope * x",
    prepare=_prepare_leaky,
    notation=function("LeakyReLU"),
    code=lambda node, x: f"np.where({x} > 0, {x}, {node.attrs['slope']!r} * {x})",
    kinks=(
        Kink(
            where=lambda x, slope, at: equal(x, 0.0),
            at=says("0", "0"),
            value="at",
            low="slope",
            high=1.0,
            presets={"seeds": 1.0},
        ),
    ),
    aliases=aliases(
        torch=(
            Alias("nn.functional.leaky_relu", rename={"negative_slope": "slope"}),
            Alias("leaky_relu", rename={"negative_slope": "slope"}),
        ),
        text=("leaky_relu", "LeakyReLU"),
    ),
    samples=normal(slope=0.1, at=0.1),
    doc=says("x where positive, else slope times x", "x 为正时取 x，否则取 slope 乘 x"),
)


# ------------------------------------------------------------------ hardtanh, relu6
def _clamp_pieces(low: float, high: float, at: float) -> tuple[Piece, ...]:
    return (
        Piece(1.0, *between(low, high)),
        Piece(0.0, *below(low)),
        Piece(0.0, *above(high)),
        Piece(at, *equals(low)),
        Piece(at, *equals(high)),
    )


def _on_bound(x: Node, low: float, high: float, at: float) -> Node:
    return logical_or(equal(x, low), equal(x, high))


hardtanh_slope = steps(
    "hardtanh_slope",
    Function("hardtanh"),
    _clamp_pieces,
    "x != x ? x : x > low && x < high ? 1 : x == low || x == high ? at : 0",
    "1 between the bounds, 0 beyond them",
    _on_bound,
    low=-1.0,
    high=1.0,
    at=0.0,
)


def _prepare_hardtanh(x: Node, low: float = -1.0, high: float = 1.0, at: float = 0.0) -> Node:
    if low > high:
        raise InputError(_EMPTY(low=low, high=high))
    return apply(hardtanh, x, low=float(low), high=float(high), at=float(at))


_BOUNDS = {"min_val": "low", "max_val": "high"}

hardtanh = elementwise(
    "hardtanh",
    real=True,
    partials=lambda x, out, low, high, at: hardtanh_slope(x, low=low, high=high, at=at),
    says=says("derivative of hardtanh", "hardtanh 的导数"),
    source="1 between the bounds, 0 beyond them",
    numpy=lambda x, low, high, at: np.clip(x, low, high),
    scalar="x < low ? low : x > high ? high : x",
    prepare=_prepare_hardtanh,
    notation=function("hardtanh"),
    code=lambda node, x: f"np.clip({x}, {node.attrs['low']!r}, {node.attrs['high']!r})",
    kinks=(Kink(where=_on_bound, at=says("a bound", "边界"), value="at", low=0.0, high=1.0),),
    aliases=aliases(
        torch=(Alias("nn.functional.hardtanh", rename=_BOUNDS), Alias("hardtanh", rename=_BOUNDS)),
        text="Hardtanh",
    ),
    samples=sampled(*(((s,), {"low": -1.0, "high": 1.0, "at": 0.0}) for s in ((), (3,), (2, 5)))),
    doc=says("x kept between two bounds", "把 x 限制在两个边界之间"),
)

relu6_slope = steps(
    "relu6_slope",
    Function("relu6"),
    lambda at: _clamp_pieces(0.0, 6.0, at),
    "x != x ? x : x > 0 && x < 6 ? 1 : x == 0 || x == 6 ? at : 0",
    "1 between 0 and 6, 0 beyond them",
    lambda x, at: _on_bound(x, 0.0, 6.0, at),
    at=0.0,
)

relu6 = elementwise(
    "relu6",
    real=True,
    partials=lambda x, out, at: relu6_slope(x, at=at),
    says=says("derivative of relu6", "relu6 的导数"),
    source="1 between 0 and 6, 0 beyond them",
    numpy=lambda x, at: np.clip(x, 0.0, 6.0),
    scalar="x < 0 ? 0 : x > 6 ? 6 : x",
    prepare=lambda x, at=0.0: apply(relu6, x, at=float(at)),
    notation=function("relu6"),
    code=lambda node, x: f"np.clip({x}, 0.0, 6.0)",
    kinks=(
        Kink(
            where=lambda x, at: _on_bound(x, 0.0, 6.0, at),
            at=says("0 or 6", "0 或 6"),
            value="at",
            low=0.0,
            high=1.0,
        ),
    ),
    aliases=aliases(torch=("nn.functional.relu6", "relu6"), text="ReLU6"),
    samples=normal(at=0.0),
    doc=says("relu that stops growing at 6", "在 6 处封顶的 relu"),
)


# ------------------------------------------------------------------ prelu
def _prelu_cases(node: Node, x: Math, a: Math) -> tuple[Case, ...]:
    return (
        Case(Number("1"), Relation((x, _ZERO), (">",)), lambda x, a: x > 0),
        Case(a, Relation((x, _ZERO), ("≤",)), lambda x, a: x <= 0),
    )


prelu_slope = elementwise(
    "prelu_slope",
    arity=2,
    real=True,
    partials=lambda x, a, out: (None, where(greater(x, 0.0), 0.0, like(x, 1.0))),
    jumps=lambda x, a: equal(x, 0.0),
    says=says("the slope itself is what changes below 0", "0 以下改变的正是斜率本身"),
    source="PReLU′(x) = 1 (x > 0), a (x ≤ 0)",
    numpy=lambda x, a: np.where(x > 0, np.ones((), x.dtype), a),
    scalar="x > 0 ? 1 : y",
    notation=lambda node, x, a: Apply(Prime(Function("PReLU")), (x,)),
    code=lambda node, x, a: f"np.where({x} > 0, 1.0, {a})",
    cases=_prelu_cases,
    doc=says("the derivative of PReLU by x", "PReLU 对 x 的导数"),
)


def _prepare_prelu(x: Node, weight: Node) -> Node:
    """Reshape one weight for each channel so that it stands on axis 1, as in PyTorch."""
    if weight.shape == (1,):
        weight = reshape(weight, shape=())
    elif weight.rank == 1 and x.rank > 2:
        weight = reshape(weight, shape=(*weight.shape, *(1,) * (x.rank - 2)))
    return apply(prelu, x, weight)


prelu = elementwise(
    "prelu",
    arity=2,
    real=True,
    partials=lambda x, a, out: (prelu_slope(x, a), where(less(x, 0.0), x, 0.0)),
    says=says("derivative of PReLU", "PReLU 的导数"),
    source="PReLU′(x) = 1 (x > 0), a (x ≤ 0); ∂/∂a = x (x < 0)",
    numpy=lambda x, a: np.where(x > 0, x, a * x),
    scalar="x > 0 ? x : y * x",
    prepare=_prepare_prelu,
    notation=function("PReLU"),
    code=lambda node, x, a: f"np.where({x} > 0, {x}, {a} * {x})",
    kinks=(
        Kink(where=lambda x, a: equal(x, 0.0), at=says("0", "0"), value=says("the slope", "斜率")),
    ),
    aliases=aliases(torch=("nn.functional.prelu", "prelu"), text="PReLU"),
    doc=says("LeakyReLU with a learned slope", "斜率可学习的 LeakyReLU"),
)
