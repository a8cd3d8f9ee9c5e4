"""Numerical mathematics on samples: differences, integrals, ranges, unwrapped angles.

Each is written with slices, sums and products. Arguments that NumPy lets one leave out (where the
samples stand, what is put in front) may be calculated values as well.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.ir.build import lift
from tidu.ir.node import Node
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import stack
from tidu.ops.define import (
    elementwise,
    function,
    normal,
    says,
)


def as_node(value: Any, beside: Node) -> Node:
    """Return an argument as a node, in the dtype of the one beside it where it is a number."""
    if isinstance(value, list) and any(isinstance(part, Node) for part in value):
        return stack(*(as_node(part, beside) for part in value))
    return value if isinstance(value, Node) else lift(sum_, (beside, value))[1]


# ------------------------------------------------------------------ unwrapped angles
def _unwrap_steps(d: Any, period: float, discont: float) -> Any:
    """Return by how much a step between neighbours is corrected, by NumPy's rule."""
    high = period / 2
    inside = np.mod(d + high, period) - high
    inside = np.where((inside == -high) & (d > 0), high, inside)
    return np.where(np.abs(d) < discont, 0.0, inside - d).astype(d.dtype)


unwrap_steps = elementwise(
    "unwrap_steps",
    real=True,
    partials=lambda d, out, period, discont: 0.0,
    says=says("whole periods do not move with the angle", "整周期不随角度变动"),
    source="zero almost everywhere",
    numpy=_unwrap_steps,
    notation=function("periods"),
    code=lambda node, d: (
        f"np.where(np.abs({d}) < {node.attrs['discont']!r}, 0.0, np.mod({d} + "
        f"{node.attrs['period'] / 2!r}, {node.attrs['period']!r}) - "
        f"{node.attrs['period'] / 2!r} - {d})"
    ),
    samples=normal(low=4.0, high=8.0, period=2.0 * math.pi, discont=math.pi),
    doc=says("the whole periods by which a step jumps", "一步跳过的整周期"),
)
