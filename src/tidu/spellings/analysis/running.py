"""Running sums and products: cumulative_sum and cumulative_prod, and those that leave NaN out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.build import OperandError, filled
from tidu.ir.node import Node
from tidu.ir.types import Type
from tidu.ops.arrays.axes import cumsum
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.running import cumprod
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import aliases, sampled
from tidu.ops.elementwise.comparison import where
from tidu.ops.elementwise.rounding import isnan
from tidu.spellings.record import spelling
from tidu.words import Words

_VECTOR_ONLY = Words(en="{name} of {a} {sa} needs an axis", zh="对 {a} {sa} 求 {name} 需要指定轴")


def _from_start(x: Node, name: str, axis: Any, include_initial: bool, first: float) -> Node:
    if axis is None:
        if x.rank != 1:
            raise OperandError(_VECTOR_ONLY, name=name)
        axis = 0
    at = normal_axes(axis, x.rank)[0]
    running = cumsum(x, axis=at) if first == 0.0 else cumprod(x, axis=at)
    if not include_initial:
        return running
    edge = filled(first, Type((*x.shape[:at], 1, *x.shape[at + 1 :]), running.dtype))
    return concatenate(edge, running, axis=at)


_STARTED = sampled(
    (((4,),), {}), (((2, 3),), {"axis": 1, "include_initial": True}), (((2, 3),), {"axis": 0})
)
cumulative_sum = spelling(
    "cumulative_sum",
    lambda x, axis=None, include_initial=False: _from_start(
        x, "cumulative_sum", axis, include_initial, 0.0
    ),
    complex=True,
    numpy=lambda x, **options: np.cumulative_sum(x, **options),  # NumPy 2.1 and newer
    aliases=aliases(numpy="cumulative_sum"),
    samples=_STARTED,
)
cumulative_prod = spelling(
    "cumulative_prod",
    lambda x, axis=None, include_initial=False: _from_start(
        x, "cumulative_prod", axis, include_initial, 1.0
    ),
    complex=True,
    numpy=lambda x, **options: np.cumulative_prod(x, **options),  # NumPy 2.1 and newer
    aliases=aliases(numpy="cumulative_prod"),
    samples=_STARTED,
)
_SAMPLES = sampled(
    (((4,),), {}), (((2, 3),), {"axis": 1})
)  # none with NaN, which is refused in given values
nancumsum = spelling(
    "nancumsum",
    lambda x, axis=None: cumsum(where(isnan(x), 0.0, x), axis=axis),
    numpy=np.nancumsum,
    aliases=aliases(numpy="nancumsum"),
    samples=_SAMPLES,
)
nancumprod = spelling(
    "nancumprod",
    lambda x, axis=None: cumprod(where(isnan(x), 1.0, x), axis=axis),
    numpy=np.nancumprod,
    aliases=aliases(numpy="nancumprod"),
    samples=_SAMPLES,
)
