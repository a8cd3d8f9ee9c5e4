"""Arrays raised to a rank, grids of coordinates, arrays broadcast to one shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np

from tidu.ir.build import broadcast
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ir.types import product
from tidu.ops.arrays.layout import flat, reshape
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import aliases, sampled
from tidu.spellings.arrays.structure import diag
from tidu.spellings.record import spelling as any_spelling

spelling = partial(any_spelling, complex=True)  # where entries go does not depend on their kind
_MANY: dict[str, Any] = {"operands": None}


def _at_least(rank: int) -> Callable[..., Any]:
    def raised(x: Node) -> Node:
        if x.rank >= rank:
            return x
        if rank == 3:  # NumPy keeps rows and columns in front
            shape = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}[x.rank]
            return reshape(x, shape=shape)
        return reshape(x, shape=(*(1,) * (rank - x.rank), *x.shape))

    return lambda *xs: raised(xs[0]) if len(xs) == 1 else tuple(raised(x) for x in xs)


def _dstack(*xs: Node) -> Node:
    return concatenate(*(cast(Node, _at_least(3)(x)) for x in xs), axis=2)


def _meshgrid(*xs: Node, indexing: str = "xy", sparse: bool = False) -> tuple[Node, ...]:
    rank = len(xs)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    columns = tuple(
        reshape(x, shape=tuple(product(x.shape) if i == at else 1 for i in range(rank)))
        for x, at in zip(xs, order, strict=True)
    )
    return columns if sparse else broadcast(columns)


atleast_1d, atleast_2d, atleast_3d = (
    spelling(
        f"atleast_{rank}d",
        _at_least(rank),
        numpy=getattr(np, f"atleast_{rank}d"),
        samples=sampled((((),), {}), (((2,),), {}), (((2, 3),), {}), (((2,), (2, 3)), {})),
        **_MANY,
    )
    for rank in (1, 2, 3)
)
dstack = spelling(
    "dstack",
    _dstack,
    numpy=lambda *xs: np.dstack(xs),
    samples=sampled((((3,), (3,)), {}), (((2, 3), (2, 3)), {}), (((2, 3, 1), (2, 3, 2)), {})),
    **_MANY,
)
meshgrid = spelling(
    "meshgrid",
    _meshgrid,
    numpy=np.meshgrid,
    samples=sampled(
        (((2,), (3,)), {}),
        (((2,), (3,)), {"indexing": "ij"}),
        (((2,), (3,), ()), {"sparse": True}),
    ),
    **_MANY,
)
broadcast_arrays = spelling(
    "broadcast_arrays",
    lambda *xs: broadcast(xs),
    numpy=np.broadcast_arrays,
    aliases=aliases(numpy="broadcast_arrays", torch="broadcast_tensors"),
    samples=sampled((((2, 1), (3,)), {}), (((), (3,)), {})),
    **_MANY,
)
diagflat = spelling(
    "diagflat",
    lambda x, k=0: diag(flat(x), k=k),
    numpy=np.diagflat,
    aliases=aliases(numpy="diagflat", torch=Alias("diagflat", rename={"offset": "k"})),
    samples=sampled((((2, 2),), {}), (((3,),), {"k": -1})),
)
