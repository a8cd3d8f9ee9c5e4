"""Every fact about every op: importing this package registers them all.

Each family file holds the records of ops that are read together.
"""

from tidu.ops import (
    activation,
    arithmetic,
    comparison,
    contraction,
    exponential,
    layout,
    leaves,
    reduction,
    simplify,
    selection,
    trigonometric,
)

__all__ = [
    "activation",
    "arithmetic",
    "comparison",
    "contraction",
    "exponential",
    "layout",
    "leaves",
    "reduction",
    "simplify",
    "selection",
    "trigonometric",
]
