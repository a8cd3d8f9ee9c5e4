"""The few functions of NumPy that do not ask their arguments first: np.array, np.asarray, np.full.

Everything else of NumPy is traced as it stands, with plain `import numpy as np`. These do what
NumPy's do, and keep the derivative where traced values are put into the array.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tidu.frontends.traced import TracedArray

__all__ = ["array", "asarray", "full"]


def array(value: Any, dtype: Any = None) -> Any:
    """np.array that takes traced values, alone or in (nested) lists of one shape.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    joined = _joined(value)
    if not isinstance(joined, TracedArray):
        return np.array(joined, dtype=dtype)
    return joined.copy() if dtype is None else joined.astype(dtype)


def asarray(value: Any, dtype: Any = None) -> Any:
    """np.asarray that takes traced values.

    >>> asarray([1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    joined = _joined(value)
    if not isinstance(joined, TracedArray):
        return np.asarray(joined, dtype=dtype)
    return joined if dtype is None else joined.astype(dtype)


def full(shape: int | tuple[int, ...], fill_value: Any) -> Any:
    """np.full whose value may be traced: one value, stretched to the shape.

    >>> full((2, 2), 7.0).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    if isinstance(fill_value, TracedArray):
        size = shape if isinstance(shape, tuple) else (shape,)
        return np.broadcast_to(cast(Any, fill_value), size)
    return np.full(shape, fill_value)


def _joined(value: Any) -> Any:
    """Lists with traced values in them, stacked; anything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    parts = [_joined(part) for part in cast("list[Any]", value)]
    return np.stack(parts) if any(isinstance(part, TracedArray) for part in parts) else value
