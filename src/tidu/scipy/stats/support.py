"""What the distributions share: the standard variable, values inside and outside of a support."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ops.elementwise.fixed import counts, held
from tidu.scipy.calls import on_arrays

HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


def whole(k: Any, exact: bool = False) -> Any:
    """Return counts, by which no derivative is taken: the whole number below k, or with `exact` −1
    where k is not whole."""
    return on_arrays(counts, k, exact=exact)


def frozen(x: Any) -> Any:
    """Return a value by which no derivative is taken."""
    return on_arrays(held, x)


def inside(condition: Any, value: Callable[[Any], Any], x: Any, harmless: float, other: Any) -> Any:
    """Return value(x) where the condition holds, `other` elsewhere; there the function is called
    with a harmless argument, so that no infinity enters a derivative."""
    found = value(np.where(condition, x, harmless))
    return np.where(condition, found, other)[()]


def log_share(part: Any, rest: Any) -> Any:
    """Return ln part for part + rest = 1, exact also where part is close to 1."""
    large = part > 0.5
    near = np.log1p(-np.where(large, rest, 0.0))
    return np.where(large, near, np.log(np.where(large, 1.0, part)))[()]
