"""Least squares: lstsq and polyfit."""

from __future__ import annotations

from operator import index as whole_number
from typing import Any, NamedTuple

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Operand
from tidu.ir.types import promote, real_dtype
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import flat, reshape
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import filled
from tidu.ops.define import aliases, float_type, sampled, says
from tidu.ops.elementwise.arithmetic import sqrt
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.complex import squared_size
from tidu.ops.linalg.least_squares import pinv, rank_of
from tidu.ops.linalg.matrices import shorter
from tidu.ops.linalg.singular import svd_values
from tidu.spellings.analysis.polynomials import vander
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

_DEGREE = Words(
    en="polyfit needs a degree of 0 or more, not {deg}", zh="polyfit 的次数应不小于 0，而不是 {deg}"
)
_SAMPLES = Words(
    en="polyfit({a}, {b}): {a} has shape {sa} and {b} {sb}; {a} must be a vector and {b} have "
    "a row for each of its places",
    zh="polyfit({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{a} 应为向量，"
    "{b} 每个位置应有一行",
)
_ONLY = Words(
    en="polyfit is derived for its coefficients, without full and cov",
    zh="polyfit 只对系数求导，不支持 full 和 cov",
)
_ROWS = Words(
    en="lstsq({a}, {b}): {a} has shape {sa} and {b} {sb}; {a} must be one matrix and {b} have its "
    "{n} rows",
    zh="lstsq({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{a} 应为一个矩阵，{b} 应有 {n} 行",
)


def rank_at(x: Node, rcond: float | None) -> Node:
    """Return how many singular values exceed this part of the largest one."""
    if rcond is None:
        return apply(rank_of, x)
    s = svd_values(x)
    largest = cut(s, s.rank - 1, 0, 1)
    return sum_(where(greater(s, rcond * largest), 1.0, 0.0), axis=-1)


# ------------------------------------------------------------------ least squares
class LeastSquares(NamedTuple):
    """The results of lstsq, named as PyTorch names them and in NumPy's order.

    PyTorch's lstsq leaves empty what its driver does not calculate.
    """

    solution: Node
    residuals: Node
    rank: Node
    singular_values: Node


def _lstsq(a: Node, b: Node, rcond: float | None = None) -> LeastSquares:
    if a.rank != 2 or b.rank not in (1, 2) or a.shape[0] != b.shape[0]:
        raise OperandError(_ROWS, n=a.shape[0] if a.rank == 2 else "?")
    solution = pinv(a, rcond=rcond) @ b
    rows, columns = a.shape
    if shorter(rows, columns) == rows:  # every right side has an exact solution
        residuals = filled(0.0, (0,), float_type(promote((a.dtype, b.dtype))))
    else:
        columns_of_b = reshape(b, shape=(rows, 1)) if b.rank == 1 else b
        fitted = reshape(a @ solution, shape=columns_of_b.shape)
        residuals = sum_(squared_size(columns_of_b - fitted), axis=0)
    return LeastSquares(solution, residuals, rank_at(a, rcond), svd_values(a))


lstsq = spelling(
    "lstsq",
    _lstsq,
    complex=True,
    operands=(Operand.VALUE, Operand.VALUE),
    says=says("derivative of the least squares solution A⁺b", "最小二乘解 A⁺b 的导数"),
    source="x = A⁺b",
    numpy=lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond),
    aliases=aliases(numpy="linalg.lstsq", torch="linalg.lstsq"),
    samples=sampled(
        (((4, 2), (4,)), {}),
        (((4, 2), (4, 3)), {}),
        (((2, 3), (2,)), {}),
        (((3, 3), (3, 2)), {}),
    ),
    doc=says("the x that makes ‖A x − b‖ smallest", "使 ‖A x − b‖ 最小的 x"),
)


# ------------------------------------------------------------------ polynomials through samples
def _polyfit(
    x: Node,
    y: Node,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Node:
    """Return the coefficients of polyfit: least squares with the powers of x, each column scaled to
    length 1."""
    degree = whole_number(deg)
    if full or cov:
        raise InputError(_ONLY(), fix=verbatim("polyfit(x, y, deg)"))
    if degree < 0:
        raise InputError(_DEGREE(deg=deg))
    if x.rank != 1 or y.rank not in (1, 2) or y.shape[0] != x.shape[0]:
        raise OperandError(_SAMPLES)
    powers = vander(x, N=degree + 1)
    if w is not None:
        rows = reshape(as_node(w, x), shape=(x.shape[0], 1))
        powers = powers * rows
        y = y * (rows if y.rank == 2 else flat(rows))
    lengths = sqrt(sum_(powers * powers, axis=0))
    least = known(x, 0, "polyfit") * float(np.finfo(real_dtype(x.dtype)).eps)
    found = pinv(powers / lengths, rcond=least if rcond is None else rcond) @ y
    return found / (lengths if y.rank == 1 else reshape(lengths, shape=(degree + 1, 1)))


polyfit = spelling(
    "polyfit",
    _polyfit,
    operands=(Operand.VALUE, Operand.VALUE),
    numpy=np.polyfit,
    aliases=aliases(numpy="polyfit"),
    free=("w",),
    samples=sampled(
        (((5,), (5,)), {"deg": 1}),
        (((6,), (6, 2)), {"deg": 2}),
        (((5,), (5,)), {"deg": 1, "w": (1.0, 0.5, 2.0, 1.0, 0.25)}),
        (((3,), (3,)), {"deg": 0}),
    ),
    doc=says(
        "the coefficients of the polynomial that fits samples best",
        "对样本拟合得最好的多项式的系数",
    ),
)
