"""Products of many matrices, multiplied in the order that costs least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_steps
from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.ops.define import aliases, sampled, says
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

MOST_ORDERED = 60  # factors whose best order is looked for, which takes the cube of their number
_MANY = Words(en="multi_dot multiplies two matrices or more", zh="multi_dot 至少需要两个矩阵")
_RANKS = Words(
    en="multi_dot takes matrices, and a vector as the first or the last factor",
    zh="multi_dot 接受矩阵；第一个或最后一个因子可以是向量",
)


def _sizes(xs: Sequence[Node]) -> list[int] | None:
    """Return the sizes between the factors; None where one of them has a name."""
    rows = [x.shape[0] if x.rank == 2 or i else 1 for i, x in enumerate(xs)]
    last = xs[-1].shape[1] if xs[-1].rank == 2 else 1
    sizes = [*rows, last]
    return None if any(isinstance(n, Size) for n in sizes) else [int(n) for n in sizes]  # type: ignore[arg-type]


def _splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return, for each product of factors i to j, the factor behind which it is split to cost
    least."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(options, key=options.__getitem__)
            cost[i, j] = options[split[i, j]]
    return split


def _multi_dot(*xs: Node) -> Node:
    if len(xs) < 2:
        raise InputError(_MANY(), fix=verbatim("multi_dot([A, B])"))
    if any(x.rank != 2 for x in xs[1:-1]) or any(x.rank not in (1, 2) for x in xs):
        raise OperandError(_RANKS)
    check_steps(len(xs), "multi_dot")
    sizes = _sizes(xs)
    split = {} if sizes is None or len(xs) > MOST_ORDERED else _splits(sizes)

    def product(i: int, j: int) -> Node:
        if i == j:
            return xs[i]
        k = split.get((i, j), (i + j) // 2 if len(xs) > MOST_ORDERED else j - 1)
        return product(i, k) @ product(k + 1, j)

    return product(0, len(xs) - 1)


multi_dot = spelling(
    "multi_dot",
    _multi_dot,
    complex=True,
    numpy=lambda *xs: np.linalg.multi_dot(xs),
    operands=None,
    aliases=aliases(numpy="linalg.multi_dot", torch=("linalg.multi_dot", "chain_matmul")),
    samples=sampled(
        (((2, 3), (3, 4)), {}),
        (((4, 2), (2, 5), (5, 1), (1, 3)), {}),
        (((3,), (3, 2), (2, 4), (4,)), {}),
    ),
    doc=says(
        "the product of matrices, in the order that needs the fewest multiplications",
        "多个矩阵的乘积，按乘法次数最少的顺序计算",
    ),
)
