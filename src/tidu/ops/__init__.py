"""Every fact about every op: importing this package registers them all.

Each family file holds the records of ops that are read together.
"""

from tidu.ops import (
    arithmetic,
    comparison,
    contraction,
    layout,
    leaves,
    reduction,
    simplify,
)

__all__ = ["arithmetic", "comparison", "contraction", "layout", "leaves", "reduction", "simplify"]
