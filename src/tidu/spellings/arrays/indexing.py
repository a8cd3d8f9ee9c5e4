"""Entries at given indices, and a partial order: take, partition."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand
from tidu.ops.arrays.indexing import take
from tidu.ops.arrays.keys import whole
from tidu.ops.arrays.layout import flat
from tidu.ops.arrays.order import argpartition, take_along_axis
from tidu.ops.define import DIM, aliases, sampled
from tidu.spellings.record import spelling

numpy_take = spelling(
    "take",
    take,
    operands=(Operand.VALUE, Operand.MASK),
    complex=True,
    numpy=lambda x, indices, axis=None: np.take(x, whole(indices), axis),
    aliases=aliases(numpy="take", torch=("take", Alias("index_select", rename=DIM))),
    samples=sampled(
        (((2, 3), lambda rng: rng.integers(0, 6, 4)), {}),
        (((2, 3), lambda rng: rng.integers(0, 3, (2, 2))), {"axis": 1}),
    ),
)


def _prepare_partition(x: Node, kth: Any, axis: int | None = -1, kind: Any = None) -> Node:
    return take_along_axis(flat(x) if axis is None else x, argpartition(x, kth, axis), axis=axis)


partition = spelling(
    "partition",
    _prepare_partition,
    numpy=np.partition,
    aliases=aliases(numpy="partition"),
    samples=sampled(
        (((6,),), {"kth": 2}), (((2, 5),), {"kth": (1, 3)}), (((2, 3),), {"kth": 1, "axis": None})
    ),
)
