"""Reductions that leave NaN out: each with the neutral element, or without it in the count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.node import Node
from tidu.ir.op import Alias, Op
from tidu.ops.arrays.extremes import argmax, argmin, max_, min_
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.statistics import euclidean_norm, prod
from tidu.ops.define import DIM, aliases, like, sampled
from tidu.ops.elementwise.arithmetic import sqrt, square
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.rounding import isnan
from tidu.spellings.record import Spelling, spelling

_SAMPLES = sampled(
    (((3, 4),), {}), (((3, 4),), {"axis": 1}), (((3, 4),), {"axis": (0, 1), "keepdims": True})
)
_ALONG = sampled((((3, 4),), {}), (((3, 4),), {"axis": 1}), (((3, 4),), {"axis": 0}))


def _count(x: Node, axis: Any, keepdims: bool) -> Node:
    return sum_(where(isnan(x), 0.0, like(x, 1.0)), axis=axis, keepdims=keepdims)


def _missing(
    name: str, build: Callable[..., Node], samples: Any = _SAMPLES, **facets: Any
) -> Spelling:
    return spelling(
        name,
        build,
        numpy=getattr(np, name),
        aliases=aliases(numpy=name, torch=Alias(name, rename=DIM)),
        samples=samples,
        **facets,
    )


nansum = _missing(
    "nansum",
    lambda x, axis=None, keepdims=False: sum_(
        where(isnan(x), 0.0, x), axis=axis, keepdims=keepdims
    ),
    complex=True,
)
nanprod = _missing(
    "nanprod",
    lambda x, axis=None, keepdims=False: prod(
        where(isnan(x), 1.0, x), axis=axis, keepdims=keepdims
    ),
)


def _mean(x: Node, axis: Any = None, keepdims: bool = False) -> Node:
    return nansum(x, axis=axis, keepdims=keepdims) / _count(x, axis, keepdims)


def _off(x: Node, axis: Any) -> Node:
    """Return each element minus the mean; 0 for NaN."""
    return where(isnan(x), 0.0, x - _mean(x, axis, keepdims=True))


def _freedom(x: Node, axis: Any, keepdims: bool, ddof: float, correction: float | None) -> Node:
    return _count(x, axis, keepdims) - (ddof if correction is None else correction)


def _var(
    x: Node,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Node:
    total = sum_(square(_off(x, axis)), axis=axis, keepdims=keepdims)
    return total / _freedom(x, axis, keepdims, ddof, correction)


def _std(
    x: Node,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Node:
    """Return the standard deviation as a norm, so that its derivative at equal elements is 0, as
    that of std."""
    length = euclidean_norm(_off(x, axis), axis=axis, keepdims=keepdims)
    return length / sqrt(_freedom(x, axis, keepdims, ddof, correction))


nanmean = _missing("nanmean", _mean, complex=True)
_SPREAD = sampled(
    (((3, 4),), {}),
    (((3, 4),), {"axis": 0, "ddof": 0.5}),
    (((3, 4),), {"axis": (0, 1), "keepdims": True, "ddof": 1}),
)
nanvar = _missing("nanvar", _var, _SPREAD)
nanstd = _missing("nanstd", _std, _SPREAD)


def _extreme(best: Op, worst: float) -> Callable[..., Node]:
    def build(x: Node, axis: Any = None, keepdims: bool = False) -> Node:
        found = best(where(isnan(x), worst, x), axis=axis, keepdims=keepdims)
        return where(greater(_count(x, axis, keepdims), 0.0), found, np.nan)

    return build


nanmax = _missing("nanmax", _extreme(max_, -np.inf))
nanmin = _missing("nanmin", _extreme(min_, np.inf))
nanargmax = _missing(
    "nanargmax",
    lambda x, axis=None, keepdims=False: argmax(
        where(isnan(x), -np.inf, x), axis=axis, keepdims=keepdims
    ),
    _ALONG,
)
nanargmin = _missing(
    "nanargmin",
    lambda x, axis=None, keepdims=False: argmin(
        where(isnan(x), np.inf, x), axis=axis, keepdims=keepdims
    ),
    _ALONG,
)
