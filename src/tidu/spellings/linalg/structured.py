"""Systems with triangular and banded matrices, and matrices of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Operand
from tidu.ir.types import product
from tidu.ops.arrays.axes import tril, triu
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.structure import concatenate, diagonal_matrix, eye, filled
from tidu.ops.define import Generator, aliases, float_type, sampled, says
from tidu.ops.linalg.inverse import solve
from tidu.ops.linalg.matrices import conjugate_transpose, regular, square
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

_TRANS = Words(
    en="trans is 0, 1, 2, 'N', 'T' or 'C', not {given}",
    zh="trans 应为 0、1、2、'N'、'T' 或 'C'，而不是 {given}",
)
_BANDS = Words(
    en="solve_banded with {below} and {above} bands needs {wanted} rows in {a} {sa}, one per band, "
    "and {n} rows in {b} {sb}",
    zh="下带宽 {below}、上带宽 {above} 的 solve_banded 需要 {a} {sa} 有 {wanted} 行（每条带一行），"
    "{b} {sb} 有 {n} 行",
)
_BLOCKS = Words(
    en="block_diag joins matrices; {a} has shape {sa}", zh="block_diag 连接矩阵；{a} 的形状是 {sa}"
)


# ------------------------------------------------------------------ triangles
def _triangle(a: Node, lower: bool, unit: bool) -> Node:
    """Return one triangle of a; `unit`: with ones on the diagonal, whatever stands there."""
    if not unit:
        return tril(a) if lower else triu(a)
    ones = broadcast_to(eye(rows=a.shape[-1], dtype=float_type(a.dtype)), shape=a.shape)
    return (tril(a, k=-1) if lower else triu(a, k=1)) + ones


def _solve_triangular(
    a: Node, b: Node, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Node:
    square(a.type, "solve_triangular")
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise InputError(_TRANS(given=repr(trans)), fix=verbatim("trans=1"))
    part = _triangle(a, bool(lower), bool(unit_diagonal))
    if trans in (1, "T"):
        part = part.mT
    elif trans in (2, "C"):
        part = conjugate_transpose(part)
    return solve(part, b)


def _triangular_reference(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    part = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        part = part - part * np.eye(len(a)) + np.eye(len(a))
    return np.linalg.solve(part.T if trans == 1 else np.conj(part.T) if trans == 2 else part, b)


solve_triangular = spelling(
    "solve_triangular",
    _solve_triangular,
    complex=True,
    numpy=_triangular_reference,
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(scipy="linalg.solve_triangular"),
    samples=sampled(
        ((regular((3, 3)), (3,)), {}),
        ((regular((3, 3)), (3, 2)), {"lower": True, "trans": 1}),
        ((regular((3, 3)), (3, 2)), {"lower": True, "unit_diagonal": True}),
        ((regular((3, 3)), (3,)), {"trans": 2}),
    ),
    doc=says(
        "the x with T x = b, where T is one triangle of A; the other is not read",
        "满足 T x = b 的 x，T 是 A 的一个三角部分；另一个三角部分不读取",
    ),
)


def _torch_solve_triangular(
    a: Node, b: Node, upper: bool, left: bool = True, unitriangular: bool = False
) -> Node:
    if not left:
        back = _torch_solve_triangular(a.mT, b.mT, not upper, True, unitriangular)
        return back.mT
    return _solve_triangular(a, b, 0, not upper, unitriangular)


torch_solve_triangular = spelling(
    "torch_solve_triangular",
    _torch_solve_triangular,
    complex=True,
    numpy=lambda a, b, upper, left=True, unitriangular=False: (
        _triangular_reference(a, b, 0, not upper, unitriangular)
        if left
        else _triangular_reference(a, b.T, 1, not upper, unitriangular).T
    ),
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(torch="linalg.solve_triangular"),
    samples=sampled(
        ((regular((3, 3)), (3, 2)), {"upper": True}),
        ((regular((3, 3)), (2, 3)), {"upper": False, "left": False, "unitriangular": True}),
    ),
    doc=says(
        "T X = B, or X T = B, for a triangle T of A", "解 T X = B 或 X T = B，T 是 A 的三角部分"
    ),
)


def _cho_solve(c: Node, b: Node, lower: bool = False) -> Node:
    square(c.type, "cho_solve")
    factor = _triangle(c, bool(lower), False)
    first, second = (
        (factor, conjugate_transpose(factor)) if lower else (conjugate_transpose(factor), factor)
    )
    return solve(second, solve(first, b))


def _cho_reference(c: Any, b: Any, lower: bool = False) -> Any:
    part = np.tril(c) if lower else np.conj(np.triu(c).T)
    return np.linalg.solve(part @ np.conj(part.T), b)


cho_solve = spelling(
    "cho_solve",
    _cho_solve,
    complex=True,
    numpy=_cho_reference,
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(),
    samples=sampled(((regular((3, 3)), (3,)), {"lower": True}), ((regular((3, 3)), (3, 2)), {})),
    doc=says("the x with L Lᵀ x = b, given L", "已知 L，满足 L Lᵀ x = b 的 x"),
)
cholesky_solve = spelling(
    "cholesky_solve",
    lambda b, c, upper=False: _cho_solve(c, b, not upper),
    complex=True,
    numpy=lambda b, c, upper=False: _cho_reference(c, b, not upper),
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(torch="cholesky_solve"),
    samples=sampled((((3, 2), regular((3, 3))), {}), (((3, 2), regular((3, 3))), {"upper": True})),
    doc=says("cho_solve in PyTorch's order of arguments", "按 PyTorch 参数顺序的 cho_solve"),
)


# ------------------------------------------------------------------ bands and blocks
def _from_bands(ab: Node, below: int, above: int) -> Node:
    """Return the matrix whose diagonals stand in the rows of ab, the uppermost first."""
    n = ab.shape[-1]
    total: Node | None = None
    for row in range(below + above + 1):
        k = above - row
        start, stop = (k, n) if k >= 0 else (0, n + k)
        band = cut(ab[row], 0, start, stop)
        part = apply(diagonal_matrix, band, k=k, shape=(n, n))
        total = part if total is None else total + part
    assert total is not None
    return total


def _solve_banded(ab: Node, b: Node, l: int, u: int) -> Node:
    n = ab.shape[-1] if ab.rank == 2 else 0
    if ab.rank != 2 or ab.shape[0] != l + u + 1 or not b.rank or b.shape[0] != n:
        raise OperandError(_BANDS, below=l, above=u, wanted=l + u + 1, n=n)
    return solve(_from_bands(ab, l, u), b)


def _banded_reference(ab: Any, b: Any, l: int, u: int) -> Any:
    n = ab.shape[1]
    a = np.zeros((n, n), ab.dtype)
    for i in range(n):
        for j in range(max(0, i - l), min(n, i + u + 1)):
            a[i, j] = ab[u + i - j, j]
    return np.linalg.solve(a, b)


def _bands(rng: Generator) -> Any:
    ab = rng.standard_normal((3, 5))
    ab[1] += 4.0
    return ab


solve_banded = spelling(
    "solve_banded",
    _solve_banded,
    complex=True,
    numpy=_banded_reference,
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(),
    samples=sampled(
        ((_bands, (5,)), {"l": 1, "u": 1}),
        ((lambda rng: _bands(rng)[1:], (5, 2)), {"l": 1, "u": 0}),
    ),
    doc=says(
        "the x with A x = b, where the diagonals of A stand in the rows of ab",
        "满足 A x = b 的 x，A 的各条对角线存放在 ab 的各行",
    ),
)


def _block_diag(*xs: Node) -> Node:
    blocks: list[Node] = []
    for x in xs:
        if x.rank > 2:
            raise OperandError(_BLOCKS)
        blocks.append(x if x.rank == 2 else _as_row(x))
    width = sum_of(block.shape[1] for block in blocks)
    rows: list[Node] = []
    before: Any = 0
    for block in blocks:
        n = block.shape[1]
        after = width - before - n
        parts = [_gap(block, before), block, _gap(block, after)]
        rows.append(concatenate(*(part for part in parts if part is not None), axis=1))
        before = before + n
    return concatenate(*rows, axis=0)


def _as_row(x: Node) -> Node:
    return reshape(x, shape=(1, product(x.shape)))


def sum_of(sizes: Any) -> Any:
    total: Any = 0
    for size in sizes:
        total = total + size
    return total


def _gap(block: Node, width: Any) -> Node | None:
    return None if width == 0 else filled(0.0, (block.shape[0], width), block.dtype)


def _block_reference(*xs: Any) -> Any:
    blocks = [np.atleast_2d(x) for x in xs]
    whole = np.zeros(
        tuple(sum(b.shape[i] for b in blocks) for i in (0, 1)), np.result_type(*blocks)
    )
    i = j = 0
    for b in blocks:
        whole[i : i + b.shape[0], j : j + b.shape[1]] = b
        i, j = i + b.shape[0], j + b.shape[1]
    return whole


block_diag = spelling(
    "block_diag",
    _block_diag,
    complex=True,
    numpy=_block_reference,
    operands=None,
    aliases=aliases(scipy="linalg.block_diag", torch="block_diag"),
    samples=sampled((((2, 3), (1, 2)), {}), (((2,), (), (3, 1)), {})),
    doc=says("a matrix of blocks along the diagonal", "沿对角线排列的分块矩阵"),
)
