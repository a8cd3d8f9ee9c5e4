"""Powers and tensor inverses of matrices, and their transposes by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand
from tidu.ir.types import is_empty, product
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.structure import eye
from tidu.ops.define import Generator, aliases, float_type, sampled, says
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.inverse import inv, solve
from tidu.ops.linalg.matrices import regular, square
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

_NO_TENSOR = Words(
    en="{a} {sa} has no elements: as a tensor it has no inverse",
    zh="{a} {sa} 没有元素：作为张量没有逆",
)
_TENSOR = Words(
    en="{a} {sa} is no square matrix with these axes: {m} rows and {n} columns",
    zh="{a} {sa} 按这些轴不是方阵：{m} 行、{n} 列",
)
_POWER = Words(
    en="matrix_power needs a whole number as its exponent, not {n}",
    zh="matrix_power 的指数应为整数，而不是 {n}",
)


# ------------------------------------------------------------------ tensors as matrices
def _shaped(*shape: int) -> Callable[[Generator], Any]:
    """Return a sampler of tensors which, read as square matrices, are far from singular."""
    n = round(float(np.prod(shape)) ** 0.5)
    return lambda rng: regular((n, n))(rng).reshape(shape)


def _tensor_inverse(x: Node, ind: int = 2) -> Node:
    first, rest = x.shape[:ind], x.shape[ind:]
    if is_empty(x.type):
        raise OperandError(_NO_TENSOR)
    if ind <= 0 or product(first) != product(rest):
        raise OperandError(_TENSOR, m=product(first), n=product(rest))
    matrix_ = reshape(x, shape=(product(first), product(rest)))
    return reshape(inv(matrix_), shape=(*rest, *first))


tensorinv = spelling(
    "tensorinv",
    _tensor_inverse,
    complex=True,
    numpy=np.linalg.tensorinv,
    aliases=aliases(numpy="linalg.tensorinv", torch="linalg.tensorinv"),
    samples=sampled(
        ((_shaped(2, 3, 6),), {"ind": 2}),
        ((_shaped(4, 2, 2),), {"ind": 1}),
        ((_shaped(2, 2, 2, 2),), {}),
    ),
    doc=says(
        "the inverse of the matrix that the first `ind` axes index by rows",
        "把前 `ind` 个轴看作行指标时矩阵的逆",
    ),
)


def _tensor_solve(a: Node, b: Node, axes: Any = None) -> Node:
    if axes is not None:
        moved = [normal_axes(axis, a.rank)[0] for axis in axes]
        a = transpose(a, axes=(*(i for i in range(a.rank) if i not in moved), *moved))
    rest = a.shape[b.rank :]
    if product(a.shape[: b.rank]) != product(rest) or product(b.shape) != product(rest):
        raise OperandError(_TENSOR, m=product(b.shape), n=product(rest))
    n = product(rest)
    return reshape(solve(reshape(a, shape=(n, n)), reshape(b, shape=(n,))), shape=rest)


tensorsolve = spelling(
    "tensorsolve",
    _tensor_solve,
    complex=True,
    numpy=np.linalg.tensorsolve,
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(
        numpy="linalg.tensorsolve", torch=Alias("linalg.tensorsolve", rename={"dims": "axes"})
    ),
    samples=sampled(
        ((_shaped(2, 2, 4), (2, 2)), {}),
        ((lambda rng: np.moveaxis(_shaped(2, 2, 4)(rng), 2, 0), (2, 2)), {"axes": (0,)}),
        ((_shaped(4, 2, 2), (4,)), {}),
    ),
    doc=says("the x with tensordot(a, x, x.ndim) = b", "满足 tensordot(a, x, x.ndim) = b 的 x"),
)


# ------------------------------------------------------------------ powers
def _matrix_power(x: Node, n: Any) -> Node:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise InputError(_POWER(n=n), fix=verbatim("matrix_power(A, 3)"))
    square(x.type, "matrix_power")
    base, rest = (inv(x), -int(n)) if n < 0 else (x, int(n))
    if rest == 0:
        return broadcast_to(eye(rows=x.shape[-1], dtype=float_type(x.dtype)), shape=x.shape)
    result: Node | None = None
    while rest:
        if rest & 1:
            result = base if result is None else result @ base
        rest >>= 1
        if rest:
            base = base @ base
    assert result is not None
    return result


matrix_power = spelling(
    "matrix_power",
    _matrix_power,
    complex=True,
    numpy=np.linalg.matrix_power,
    aliases=aliases(numpy="linalg.matrix_power", torch=("linalg.matrix_power", "matrix_power")),
    samples=sampled(*(((regular((3, 3)),), {"n": n}) for n in (0, 1, 3, -2))),
)
matrix_transpose = spelling(
    "matrix_transpose",
    lambda x: x.mT,
    complex=True,
    numpy=np.matrix_transpose,
    aliases=aliases(numpy=("matrix_transpose", "linalg.matrix_transpose")),
    samples=sampled((((2, 3),), {}), (((2, 3, 4),), {})),
)
conjugate_transpose = spelling(
    "conjugate_transpose",
    lambda x: conj(x).mT,
    complex=True,
    numpy=lambda x: np.conj(np.matrix_transpose(x)),
    aliases=aliases(torch="adjoint"),
    samples=sampled((((2, 3),), {}), (((2, 3, 4),), {})),
)
