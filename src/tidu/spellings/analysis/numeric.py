"""Numerical mathematics on samples: differences, integrals, ranges, unwrapped angles.

Each is written with slices, sums and products. Arguments that NumPy lets one leave out (where the
samples stand, what is put in front) may be calculated values as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_elements, check_steps
from tidu.ir.build import OperandError, apply, constant, lift
from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand
from tidu.ops.arrays.axes import cumsum, moveaxis
from tidu.ops.arrays.layout import broadcast_to, flat, reshape
from tidu.ops.arrays.numeric import as_node, unwrap_steps
from tidu.ops.arrays.reduction import normal_axes, sum_
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import DIM, aliases, float_type, sampled
from tidu.ops.elementwise.parts import is_complex
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.record import on_arrays, spelling
from tidu.words import Words

_ORDER = Words(
    en="diff needs an order n of 0 or more, not {n}", zh="diff 的阶 n 应不小于 0，而不是 {n}"
)
_EDGE = Words(
    en="gradient knows edge_order 1 and 2, not {order}",
    zh="gradient 的 edge_order 只有 1 和 2，而不是 {order}",
)
_FEW = Words(
    en="gradient along axis {axis} of {a} {sa} needs {least} samples or more",
    zh="对 {a} {sa} 沿第 {axis} 轴求 gradient 至少需要 {least} 个样本",
)
_SPACING = Words(
    en="the places {given} of the samples do not fit axis {axis} of {a} {sa}",
    zh="样本位置 {given} 与 {a} {sa} 的第 {axis} 轴不匹配",
)
TWO: dict[str, Any] = {"operands": (Operand.VALUE, Operand.VALUE), "complex": True}


def along(x: Node, axis: int) -> Callable[[int | None, int | None], Node]:
    """Return a function of (low, high) that slices x along one axis, as x[low:high] does."""
    before = [slice(None)] * axis
    return lambda low, high: x[(*before, slice(low, high))]


def _column(x: Node, rank: int, axis: int) -> Node:
    """Return a vector as an array of `rank` axes that runs along one of them."""
    return reshape(x, shape=(*(1,) * axis, *x.shape, *(1,) * (rank - axis - 1)))


# ------------------------------------------------------------------ differences
def _edge(value: Any, x: Node, axis: int) -> Node:
    """Return the array to put in front of x or behind it; a number becomes one entry along the
    axis."""
    value = as_node(value, x)
    if value.rank == 0:
        return broadcast_to(value, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return value


def _diff(x: Node, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Node:
    if n < 0:
        raise InputError(_ORDER(n=n))
    check_steps(n, "diff")
    if n == 0:
        return x  # NumPy then joins nothing either
    at = normal_axes(axis, x.rank)[0]
    parts = [x] if prepend is None else [_edge(prepend, x, at), x]
    parts += [] if append is None else [_edge(append, x, at)]
    if len(parts) > 1:
        x = concatenate(*parts, axis=at)
    for _ in range(n):
        part = along(x, at)
        x = part(1, None) - part(None, -1)
    return x


def _ediff1d(x: Node, to_end: Any = None, to_begin: Any = None) -> Node:
    steps = _diff(flat(x))
    ends = [to_begin, steps, to_end]
    parts = [flat(as_node(value, x)) for value in ends if value is not None]
    return concatenate(*parts, axis=0) if len(parts) > 1 else steps


diff = spelling(
    "diff",
    _diff,
    complex=True,
    numpy=np.diff,
    aliases=aliases(numpy="diff", torch=Alias("diff", rename=DIM)),
    free=("prepend", "append"),
    samples=sampled(
        (((5,),), {}),
        (((2, 4),), {"n": 2}),
        (((3, 2),), {"axis": 0, "prepend": 0.0}),
        (((3,),), {"append": 1.5, "n": 2}),
    ),
)
ediff1d = spelling(
    "ediff1d",
    _ediff1d,
    complex=True,
    numpy=np.ediff1d,
    aliases=aliases(numpy="ediff1d"),
    free=("to_end", "to_begin"),
    samples=sampled((((2, 3),), {}), (((4,),), {"to_begin": 1.0, "to_end": 2.0})),
)


def _spaced(x: Node, spacing: Any, axis: int) -> Node | None:
    """Return the distances between neighbouring samples; None if one number stands for all of
    them."""
    if not isinstance(spacing, Node) or spacing.rank == 0:
        return None
    if spacing.rank != 1 or spacing.shape[0] != x.shape[axis]:
        raise OperandError(_SPACING, given=spacing.shape, axis=axis)
    return _column(_diff(spacing), x.rank, axis)


def gradient_along(x: Node, spacing: Any, axis: int, edge_order: int = 1) -> Node:
    """Return np.gradient along one axis: central differences inside, one-sided ones at the ends."""
    if edge_order not in (1, 2):
        raise InputError(_EDGE(order=edge_order))
    n = known(x, axis, "gradient")
    if n <= edge_order:
        raise OperandError(_FEW, axis=axis, least=edge_order + 1)
    f = along(x, axis)
    steps = _spaced(x, spacing, axis)
    if steps is None:
        h = as_node(spacing, x)
        parts = [(f(2, None) - f(None, -2)) / (2.0 * h)] if n > 2 else []
        if edge_order == 1:
            first, last = (f(1, 2) - f(0, 1)) / h, (f(-1, None) - f(-2, -1)) / h
        else:
            first = (-1.5 * f(0, 1) + 2.0 * f(1, 2) - 0.5 * f(2, 3)) / h
            last = (0.5 * f(-3, -2) - 2.0 * f(-2, -1) + 1.5 * f(-1, None)) / h
        return concatenate(first, *parts, last, axis=axis)
    d = along(steps, axis)
    parts: list[Node] = []
    if n > 2:
        a, b = d(None, -1), d(1, None)
        inside = (b - a) / (a * b) * f(1, -1)
        parts = [a / (b * (a + b)) * f(2, None) - b / (a * (a + b)) * f(None, -2) + inside]
    if edge_order == 1:
        first, last = (f(1, 2) - f(0, 1)) / d(0, 1), (f(-1, None) - f(-2, -1)) / d(-1, None)
    else:
        a, b = d(0, 1), d(1, 2)
        first = (
            -(2.0 * a + b) / (a * (a + b)) * f(0, 1)
            + (a + b) / (a * b) * f(1, 2)
            - a / (b * (a + b)) * f(2, 3)
        )
        a, b = d(-2, -1), d(-1, None)
        last = (
            b / (a * (a + b)) * f(-3, -2)
            - (a + b) / (a * b) * f(-2, -1)
            + (2.0 * b + a) / (b * (a + b)) * f(-1, None)
        )
    return concatenate(first, *parts, last, axis=axis)


def gradient_of(
    x: Node, *spacings: Any, axis: Any = None, edge_order: int = 1
) -> Node | tuple[Node, ...]:
    axes = tuple(range(x.rank)) if axis is None else axis
    one = isinstance(axis, int)
    chosen = [
        normal_axes(a, x.rank)[0] for a in (axes if isinstance(axes, tuple | list) else (axes,))
    ]
    steps = list(spacings) * len(chosen) if len(spacings) == 1 else list(spacings)
    steps = steps or [1.0] * len(chosen)
    if len(steps) != len(chosen):
        raise InputError(_SPACING(given=len(steps), axis=axis, a="x", sa=x.shape))
    slopes = [
        gradient_along(x, step, at, edge_order) for at, step in zip(chosen, steps, strict=True)
    ]
    return slopes[0] if one or len(slopes) == 1 else tuple(slopes)


gradient = spelling(
    "gradient",
    lambda x, *, axis=None, edge_order=1: gradient_of(x, axis=axis, edge_order=edge_order),
    complex=True,
    numpy=np.gradient,
    aliases=aliases(numpy="gradient"),
    samples=sampled(
        (((5,),), {}), (((3, 4),), {"edge_order": 2}), (((3, 2),), {"axis": 1}), (((2,),), {})
    ),
)


@on_arrays("gradient")
def traced_gradient(t: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return np.gradient of a traced array, for spacings that are numbers or arrays."""
    lift = t.recorder.lift
    spacings = [h if isinstance(h, int | float) else lift(h) for h in varargs]
    return t.wrap(gradient_of(lift(f), *spacings, axis=axis, edge_order=edge_order), f)


# ------------------------------------------------------------------ integrals
def _trapezoid(y: Node, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Node:
    at = normal_axes(axis, y.rank)[0]
    f = along(y, at)
    steps: Any = dx
    if x is not None:
        places = as_node(x, y)
        steps = _column(_diff(places), y.rank, at) if places.rank == 1 else _diff(places, axis=axis)
    return sum_(steps * (f(1, None) + f(None, -1)) / 2.0, axis=at)


trapezoid = spelling(
    "trapezoid",
    _trapezoid,
    complex=True,
    numpy=np.trapezoid,
    aliases=aliases(numpy="trapezoid", torch=("trapezoid", "trapz")),
    free=("x", "dx"),
    samples=sampled((((5,),), {}), (((2, 4),), {"dx": 0.5}), (((3, 2),), {"axis": 0})),
)


# ------------------------------------------------------------------ ranges
def _spread_over(start: Any, stop: Any, num: int, endpoint: bool) -> tuple[Node, Node, Any]:
    check_elements(num, "linspace")
    a, b = lift(sum_, (start, stop))
    steps = max(num - 1 if endpoint else num, 1)
    return a, b, np.arange(num) / steps


def _linspace(
    start: Node,
    stop: Node,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    axis: int = 0,
) -> Any:
    """Return start + (stop − start) t for `num` equally spaced t from 0 to 1; with `retstep` also
    the distance between neighbours."""
    a, b, t = _spread_over(start, stop, int(num), endpoint)
    width = b - a
    parts = constant(t, float_type(width.dtype) if not is_complex(width) else None)
    line = _column(parts, width.rank + 1, 0)
    made = moveaxis(a + line * width, source=0, destination=axis)
    if not retstep:
        return made
    steps = int(num) - 1 if endpoint else int(num)
    return made, width / float(steps) if steps else width * math.nan


linspace = spelling(
    "linspace",
    _linspace,
    numpy=np.linspace,
    aliases=aliases(numpy="linspace"),
    samples=sampled(
        (((), ()), {"num": 5}),
        (((), ()), {"num": 4, "endpoint": False}),
        (((2,), ()), {"num": 3, "axis": -1}),
        (((), ()), {"num": 1}),
        (((), (2,)), {"num": 3, "retstep": True}),
    ),
    **TWO,
)
logspace = spelling(
    "logspace",
    lambda start, stop, num=50, endpoint=True, base=10.0, axis=0: (
        as_node(base, start) ** _linspace(start, stop, num, endpoint, False, axis)
    ),
    numpy=np.logspace,
    aliases=aliases(numpy="logspace"),
    free=("base",),
    samples=sampled((((), ()), {"num": 5}), (((2,), ()), {"num": 3, "base": 2.0, "axis": 1})),
    operands=(Operand.VALUE, Operand.VALUE),
)


def _geomspace(
    start: Node, stop: Node, num: int = 50, endpoint: bool = True, axis: int = 0
) -> Node:
    """Return start (stop/start)ᵗ for `num` equally spaced t from 0 to 1."""
    a, b, t = _spread_over(start, stop, int(num), endpoint)
    ratio = b / a
    powers = _column(constant(t, float_type(ratio.dtype)), ratio.rank + 1, 0)
    return moveaxis(a * ratio**powers, source=0, destination=axis)


def _same_sign(rng: np.random.Generator) -> Any:
    return rng.uniform(0.5, 2.0, (2,))


geomspace = spelling(
    "geomspace",
    _geomspace,
    numpy=np.geomspace,
    aliases=aliases(numpy="geomspace"),
    samples=sampled(
        ((_same_sign, _same_sign), {"num": 4}),
        ((_same_sign, _same_sign), {"num": 3, "endpoint": False, "axis": -1}),
    ),
    operands=(Operand.VALUE, Operand.VALUE),
)


def _unwrap(
    p: Node, discont: float | None = None, axis: int = -1, period: float = 2.0 * math.pi
) -> Node:
    """Return p with jumps between neighbours corrected by whole periods."""
    at = normal_axes(axis, p.rank)[0]
    least = float(period / 2 if discont is None else max(discont, period / 2))
    steps = apply(unwrap_steps, _diff(p, axis=at), period=float(period), discont=least)
    part = along(p, at)
    rest = part(1, None) + cumsum(steps, axis=at)
    return concatenate(part(0, 1), rest, axis=at)


unwrap = spelling(
    "unwrap",
    _unwrap,
    numpy=np.unwrap,
    aliases=aliases(numpy="unwrap"),
    samples=sampled(
        ((lambda rng: np.array([0.0, 3.0, -2.5, 1.0, 7.5]),), {}),
        ((lambda rng: rng.uniform(-9, 9, (2, 4)),), {"period": 3.0}),
        ((lambda rng: rng.uniform(-9, 9, (3, 2)),), {"axis": 0, "discont": 4.0}),
    ),
)
