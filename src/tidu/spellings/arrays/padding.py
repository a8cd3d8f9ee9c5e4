"""Padding: an array placed in a larger one, with a border of given values or of its own entries.

Borders that repeat entries are index arrays; those that mix entries linearly (mean, linear_ramp,
odd reflections) are a known matrix along the axis, NumPy's own padding of the unit vectors.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_elements
from tidu.ir.build import apply, constant
from tidu.ir.node import Node
from tidu.ops.arrays.axes import moveaxis
from tidu.ops.arrays.extremes import max_, min_
from tidu.ops.arrays.indexing import cut, scatter, taken
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.quantiles import median
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import aliases, float_type, sampled
from tidu.ops.linalg.contraction import matmul
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

_MODE = Words(en="pad knows the modes {modes}, not {mode}", zh="pad 的方式有 {modes}，没有 {mode}")
_WIDTHS = Words(
    en="pad_width {widths} does not fit {rank} axes: it is one number, a pair, or a pair for each "
    "axis, none of them negative",
    zh="pad_width {widths} 与 {rank} 个轴不匹配：它是一个数、一对数，或每个轴一对数，且不为负",
)
_REPEATS = ("edge", "wrap", "reflect", "symmetric")
_MIXES = ("mean", "linear_ramp")
_EXTREMES = {"maximum": max_, "minimum": min_, "median": median}
_MODES = ("constant", *_REPEATS, *_MIXES, *_EXTREMES)


def _pairs(value: Any, rank: int, kind: type) -> list[tuple[Any, Any]]:
    """Return a number, a pair, or a pair for each axis, as a pair for each axis."""
    wide = np.broadcast_to(np.asarray(value, dtype=object), (rank, 2))
    return [(kind(a), kind(b)) for a, b in wide.tolist()]


def _widths(value: Any, rank: int) -> list[tuple[int, int]]:
    try:
        if isinstance(value, dict):
            given = cast("dict[int, Any]", value)
            pairs = [(0, 0)] * rank
            for axis, width in given.items():
                pairs[axis] = _pairs(width, 1, int)[0]
        else:
            pairs = _pairs(value, rank, int)
    except (ValueError, TypeError, IndexError):
        raise InputError(_WIDTHS(widths=value, rank=rank)) from None
    if any(width < 0 for pair in pairs for width in pair):
        raise InputError(_WIDTHS(widths=value, rank=rank))
    return pairs


def _edges(x: Node, parts: list[Node | None], axis: int) -> Node:
    kept = [part for part in parts if part is not None]
    return concatenate(*kept, axis=axis) if len(kept) > 1 else x


def _filled(x: Node, value: Any, width: int, axis: int) -> Node | None:
    """Return a border of one number, or of one slice, `width` entries long."""
    if not width:
        return None
    node = as_node(value, x)
    return broadcast_to(node, shape=(*x.shape[:axis], width, *x.shape[axis + 1 :]))


def _set_in_zeros(x: Node, widths: list[tuple[int, int]]) -> Node:
    """Return x surrounded by zeros, as one node; `widths` count those before and after on each
    axis."""
    shape = tuple(a + n + b for n, (a, b) in zip(x.shape, widths, strict=True))
    key = tuple(("cut", a, a + n, 1) for n, (a, _) in zip(x.shape, widths, strict=True))
    return apply(scatter, x, key=key, shape=shape)


def _constant(x: Node, widths: list[tuple[int, int]], values: Any) -> Node:
    if isinstance(values, int | float) and values == 0:
        return _set_in_zeros(x, widths)
    if isinstance(values, Node):
        ends: list[tuple[Any, Any]] = [(values, values)] * x.rank
    else:
        ends = _pairs(values, x.rank, lambda v: v)  # type: ignore[arg-type]
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, ends, strict=True)):
        parts = [_filled(x, low, before, axis), x, _filled(x, high, after, axis)]
        x = _edges(x, parts, axis)
    return x


def _mixed(x: Node, axis: int, pair: tuple[int, int], mode: Any, options: dict[str, Any]) -> Node:
    """Return the padded array y = M x + c along one axis; M and c are found from NumPy's padding of
    zeros and of the unit vectors."""
    n = known(x, axis, "pad")
    check_elements(n * (n + sum(pair)), "pad")
    zeros = np.zeros(n)
    offset = np.pad(zeros, pair, mode=mode, **options)
    columns = [np.pad(unit, pair, mode=mode, **options) - offset for unit in np.eye(n)]
    matrix = constant(np.stack(columns), float_type(x.dtype))
    made = matmul(moveaxis(x, source=axis, destination=-1), matrix)
    if np.any(offset):
        made = made + constant(offset, float_type(x.dtype))
    return moveaxis(made, source=-1, destination=axis)


def _extreme(x: Node, axis: int, pair: tuple[int, int], mode: str, length: Any) -> Node:
    best, n = _EXTREMES[mode], known(x, axis, "pad")
    low, high = (n, n) if length is None else (min(int(m), n) for m in length)
    before = best(cut(x, axis, 0, low), axis=axis, keepdims=True)
    after = best(cut(x, axis, n - high, n), axis=axis, keepdims=True)
    parts = [_filled(x, before, pair[0], axis), x, _filled(x, after, pair[1], axis)]
    return _edges(x, parts, axis)


def _pad(
    x: Node,
    pad_width: Any,
    mode: str = "constant",
    constant_values: Any = 0,
    stat_length: Any = None,
    end_values: Any = 0,
    reflect_type: str = "even",
) -> Node:
    if mode not in _MODES:
        raise InputError(
            _MODE(modes=", ".join(_MODES), mode=repr(mode)), fix=verbatim('mode="edge"')
        )
    widths = _widths(pad_width, x.rank)
    if mode == "constant":
        return _constant(x, widths, constant_values)
    lengths = [None] * x.rank if stat_length is None else _pairs(stat_length, x.rank, int)
    ends = _pairs(end_values, x.rank, float)
    for axis, pair in enumerate(widths):
        if pair == (0, 0):
            continue
        if mode in _EXTREMES:
            x = _extreme(x, axis, pair, mode, lengths[axis])
        elif mode in _MIXES or (mode in ("reflect", "symmetric") and reflect_type == "odd"):
            options: dict[str, Any] = {
                "mean": {"stat_length": lengths[axis]},
                "linear_ramp": {"end_values": ends[axis]},
            }.get(mode, {"reflect_type": reflect_type})
            x = _mixed(x, axis, pair, mode, options)
        else:
            n = known(x, axis, "pad")
            check_elements(n + sum(pair), "pad")
            order = np.pad(np.arange(n), pair, mode=cast(Any, mode))
            x = taken(x, order, axis)
    return x


pad = spelling(
    "pad",
    _pad,
    complex=True,
    numpy=np.pad,
    aliases=aliases(numpy="pad"),
    free=("constant_values",),
    samples=sampled(
        (((3,),), {"pad_width": 2}),
        (((2, 3),), {"pad_width": ((1, 0), (2, 1)), "constant_values": 1.5}),
        (((2, 3),), {"pad_width": (1, 2), "constant_values": ((1, 2), (3, 4))}),
        (((3,),), {"pad_width": (2, 1), "mode": "edge"}),
        (((4,),), {"pad_width": (3, 2), "mode": "reflect"}),
        (((3,),), {"pad_width": 5, "mode": "reflect"}),
        (((2, 3),), {"pad_width": 2, "mode": "symmetric"}),
        (((2, 3),), {"pad_width": (1, 4), "mode": "wrap"}),
        (((4,),), {"pad_width": 2, "mode": "reflect", "reflect_type": "odd"}),
        (((3, 2),), {"pad_width": 1, "mode": "symmetric", "reflect_type": "odd"}),
        (((3,),), {"pad_width": (2, 3), "mode": "linear_ramp", "end_values": (1.0, -2.0)}),
        (((4, 2),), {"pad_width": 1, "mode": "mean"}),
        (((4,),), {"pad_width": 2, "mode": "mean", "stat_length": 2}),
    ),
)
