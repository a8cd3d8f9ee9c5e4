"""Every fact about every op: importing this package registers them all.

Each family file holds the records of ops that are read together.
"""

from tidu.ops import (
    activation,
    arithmetic,
    axes,
    comparison,
    contraction,
    control,
    einsum,
    exponential,
    indexing,
    layout,
    leaves,
    linear_algebra,
    reduction,
    selection,
    simplify,
    smooth,
    softmax,
    stabilise,
    statistics,
    structure,
    trigonometric,
)

__all__ = [
    "activation",
    "arithmetic",
    "axes",
    "comparison",
    "contraction",
    "control",
    "einsum",
    "exponential",
    "indexing",
    "layout",
    "leaves",
    "linear_algebra",
    "reduction",
    "selection",
    "simplify",
    "smooth",
    "softmax",
    "stabilise",
    "statistics",
    "structure",
    "trigonometric",
]
