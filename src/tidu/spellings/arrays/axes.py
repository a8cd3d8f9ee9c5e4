"""Axes exchanged, moved, added and removed: swapaxes, moveaxis, squeeze, expand_dims, ravel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ir.types import product
from tidu.ops.arrays.axes import expanded, moveaxis
from tidu.ops.arrays.layout import reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.define import DIM, aliases, sampled
from tidu.spellings.record import spelling
from tidu.words import Words

_SQUEEZE = Words(
    en="axis {axis} of {a} {sa} has not size one and cannot be dropped",
    zh="{a} {sa} 的第 {axis} 轴大小不是 1，不能去掉",
)


def _squeeze(x: Node, axis: Any = None) -> Node:
    drop = (
        tuple(i for i, d in enumerate(x.shape) if d == 1)
        if axis is None
        else normal_axes(axis, x.rank, number=True)
    )
    for i in drop:
        if x.shape[i] != 1:
            raise OperandError(_SQUEEZE, axis=i)
    return reshape(x, shape=tuple(d for i, d in enumerate(x.shape) if i not in drop))


def _swap(x: Node, axis1: int, axis2: int) -> Node:
    order = list(range(x.rank))
    a, b = normal_axes(axis1, x.rank)[0], normal_axes(axis2, x.rank)[0]
    order[a], order[b] = order[b], order[a]
    return transpose(x, axes=tuple(order))


expand_dims = spelling(
    "expand_dims",
    expanded,
    complex=True,
    numpy=np.expand_dims,
    aliases=aliases(numpy="expand_dims", torch=Alias("unsqueeze", rename=DIM)),
    samples=sampled((((3,),), {"axis": 0}), (((2, 3),), {"axis": (0, -1)})),
)
squeeze = spelling(
    "squeeze",
    _squeeze,
    complex=True,
    numpy=lambda x, axis=None: np.squeeze(x, axis),
    aliases=aliases(numpy="squeeze", torch=Alias("squeeze", rename=DIM)),
    samples=sampled((((3, 1),), {}), (((1, 2, 1),), {"axis": 0})),
)
ravel = spelling(
    "ravel",
    lambda x, order="C": reshape(x, shape=(product(x.shape),), order=order),
    complex=True,
    numpy=np.ravel,
    aliases=aliases(numpy=("ravel", "flatten"), torch=("ravel", "flatten")),
    samples=sampled((((2, 3),), {}), (((),), {}), (((2, 3),), {"order": "F"})),
)
swapaxes = spelling(
    "swapaxes",
    _swap,
    complex=True,
    numpy=np.swapaxes,
    aliases=aliases(
        numpy="swapaxes",
        torch=("swapaxes", Alias("transpose", rename={"dim0": "axis1", "dim1": "axis2"})),
    ),
    samples=sampled((((2, 3, 4),), {"axis1": 0, "axis2": -1})),
)
numpy_moveaxis = spelling(
    "moveaxis",
    moveaxis,
    complex=True,
    numpy=np.moveaxis,
    aliases=aliases(numpy="moveaxis", torch=("moveaxis", "movedim")),
    samples=sampled((((2, 3, 4),), {"source": 0, "destination": -1})),
)
