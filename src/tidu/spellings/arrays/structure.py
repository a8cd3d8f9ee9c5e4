"""Arrays side by side, diagonals, and arrays of one value in a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.structure import (
    NEEDS_VECTOR,
    diagonal,
    diagonal_matrix,
    filled,
    matrix_diagonal,
    prepare_join,
    stack,
)
from tidu.ops.define import DIM, aliases, sampled
from tidu.spellings.record import spelling


def _at_least_2d(x: Node) -> Node:
    return reshape(x, shape=(*(1,) * (2 - x.rank), *x.shape)) if x.rank < 2 else x


def _at_least_1d(x: Node) -> Node:
    return reshape(x, shape=(1,)) if x.rank == 0 else x


_PAIRS = sampled((((3,), (3,)), {}), (((2, 3), (2, 3)), {}))
_VARIADIC: dict[str, Any] = {"operands": None}
numpy_stack = spelling(
    "stack",
    stack,
    complex=True,
    numpy=lambda *xs, axis=0: np.stack(xs, axis=axis),
    aliases=aliases(numpy="stack", torch=Alias("stack", rename=DIM)),
    samples=sampled((((), ()), {}), (((2,), (2,)), {"axis": 1}), (((2, 3), (2, 3)), {"axis": -1})),
    **_VARIADIC,
)
vstack = spelling(
    "vstack",
    lambda *xs: prepare_join(*map(_at_least_2d, xs), axis=0),
    complex=True,
    numpy=lambda *xs: np.vstack(xs),
    samples=_PAIRS,
    **_VARIADIC,
)
hstack = spelling(
    "hstack",
    lambda *xs: prepare_join(*map(_at_least_1d, xs), axis=0 if xs and xs[0].rank < 2 else 1),
    complex=True,
    numpy=lambda *xs: np.hstack(xs),
    samples=_PAIRS,
    **_VARIADIC,
)


def _column(x: Node) -> Node:
    """Return a vector, or a single number, as a matrix of one column."""
    return reshape(x, shape=(*(x.shape or (1,)), 1)) if x.rank < 2 else x


column_stack = spelling(
    "column_stack",
    lambda *xs: prepare_join(*(_column(x) for x in xs), axis=1),
    complex=True,
    numpy=lambda *xs: np.column_stack(xs),
    samples=_PAIRS,
    **_VARIADIC,
)
numpy_diagonal = spelling(
    "matrix_diagonal",
    matrix_diagonal,
    complex=True,
    numpy=lambda x, k=0: np.linalg.diagonal(x, offset=k),
    aliases=aliases(
        numpy=Alias("linalg.diagonal", rename={"offset": "k"}),
        torch=Alias(
            "linalg.diagonal",
            rename={"offset": "k", "dim1": "axis1", "dim2": "axis2"},
        ),
    ),
    samples=sampled((((4, 2, 3),), {}), (((2, 3),), {"k": 1})),
)


def _diag(x: Node, k: int = 0) -> Node:
    if x.rank == 1:
        n = x.shape[0] + abs(int(k))
        return apply(diagonal_matrix, x, k=int(k), shape=(n, n))
    if x.rank != 2:
        raise OperandError(NEEDS_VECTOR)
    return diagonal(x, k=k)


diag = spelling(
    "diag",
    _diag,
    complex=True,
    numpy=lambda x, k=0: np.diag(x, k),
    aliases=aliases(numpy="diag", torch=Alias("diag", rename={"diagonal": "k"})),
    samples=sampled((((3,),), {}), (((3,),), {"k": -1}), (((3, 3),), {}), (((2, 4),), {"k": 1})),
)


def _like(value: float) -> Callable[..., Node]:
    return lambda x: filled(value, x.shape, x.dtype)


_SHAPES = sampled(((), {"shape": (2, 3)}), ((), {"shape": 4}), ((), {"shape": ()}))
_ANY = sampled((((2, 3),), {}), (((),), {}))
zeros = spelling(
    "zeros", lambda shape: filled(0.0, shape), numpy=np.zeros, operands=(), samples=_SHAPES
)
ones = spelling(
    "ones", lambda shape: filled(1.0, shape), numpy=np.ones, operands=(), samples=_SHAPES
)
full = spelling(
    "full",
    lambda shape, fill_value: filled(fill_value, shape),
    numpy=np.full,
    operands=(),
    aliases=aliases(numpy="full", torch=Alias("full", rename={"size": "shape"})),
    samples=sampled(((), {"shape": (2,), "fill_value": 0.5})),
)
zeros_like = spelling("zeros_like", _like(0.0), complex=True, numpy=np.zeros_like, samples=_ANY)
ones_like = spelling("ones_like", _like(1.0), complex=True, numpy=np.ones_like, samples=_ANY)
full_like = spelling(
    "full_like",
    lambda x, fill_value: filled(fill_value, x.shape, x.dtype),
    complex=True,
    numpy=np.full_like,
    samples=sampled((((2, 3),), {"fill_value": 0.5})),
)
