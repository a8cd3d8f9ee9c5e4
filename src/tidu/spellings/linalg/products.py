"""Products by further names: dot, inner, tensordot, kron, correlate."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand
from tidu.ir.types import product
from tidu.ops.arrays.layout import flat, reshape, transpose
from tidu.ops.arrays.reduction import normal_axes, sum_
from tidu.ops.define import aliases, sampled, says
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.contraction import matmul, outer, trace
from tidu.ops.linalg.products import flipped, vectors, windowed
from tidu.spellings.record import spelling
from tidu.words import Words

matrix_product = spelling(
    "matrix_product",
    complex=True,
    compose=lambda x, y: matmul(x, y),
    numpy=lambda x, y: np.linalg.matmul(x, y),
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(numpy="linalg.matmul"),
    samples=sampled((((2, 3), (3, 4)), {})),
    doc=says("the product of matrices", "矩阵的乘积"),
)
vector_outer = spelling(
    "vector_outer",
    complex=True,
    compose=lambda x, y: apply(outer, x, y),
    numpy=lambda x, y: np.linalg.outer(x, y),
    operands=(Operand.VALUE, Operand.VALUE),
    aliases=aliases(numpy="linalg.outer"),
    samples=sampled((((2,), (3,)), {})),
    doc=says("the outer product of two vectors", "两个向量的外积"),
)
matrix_trace = spelling(
    "matrix_trace",
    complex=True,
    compose=lambda x, offset=0: trace(x, offset=offset, axis1=-2, axis2=-1),
    numpy=lambda x, offset=0: np.linalg.trace(x, offset=offset),
    aliases=aliases(numpy="linalg.trace"),
    samples=sampled((((4, 2, 3),), {}), (((4, 2, 3),), {"offset": 1})),
)


# ------------------------------------------------------------------ products by other names
_DOT = Words(
    en="dot({a}, {b}): {a} has shape {sa}, {b} has shape {sb}; the inner sizes {m} and {n} differ",
    zh="dot({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；内侧维数 {m} 与 {n} 不等",
)


def _dot(x: Node, y: Node) -> Node:
    """Return NumPy's dot: a multiple if an operand is a number; else the sum over the last axis of
    x and the last but one of y."""
    if x.rank == 0 or y.rank == 0:
        return x * y
    if y.rank <= 2:
        return matmul(x, y)
    inner = y.shape[-2]
    if x.shape[-1] != inner:
        raise OperandError(_DOT, m=x.shape[-1], n=inner)
    order = (y.rank - 2, *(i for i in range(y.rank) if i != y.rank - 2))
    rest = (*y.shape[:-2], y.shape[-1])
    columns = reshape(transpose(y, axes=order), shape=(inner, product(rest)))
    return reshape(matmul(x, columns), shape=(*x.shape[:-1], *rest))


def _inner(x: Node, y: Node) -> Node:
    if x.rank == 0 or y.rank == 0:
        return x * y
    return _dot(
        x, transpose(y, axes=(*range(y.rank - 2), y.rank - 1, y.rank - 2)) if y.rank > 1 else y
    )


_TWO: dict[str, tuple[Operand, ...]] = {"operands": (Operand.VALUE, Operand.VALUE)}
dot = spelling(
    "dot",
    _dot,
    complex=True,
    numpy=np.dot,
    samples=sampled(
        (((), (3,)), {}),
        (((3,), (3,)), {}),
        (((2, 3), (3, 4)), {}),
        (((2, 3), (5, 3, 4)), {}),
        (((5, 2, 3), (3,)), {}),
    ),
    **_TWO,
)
inner = spelling(
    "inner",
    _inner,
    complex=True,
    numpy=np.inner,
    samples=sampled((((3,), (3,)), {}), (((2, 3), (4, 3)), {}), (((2, 3), (3,)), {})),
    **_TWO,
)
vdot = spelling(
    "vdot",
    lambda x, y: matmul(conj(flat(x)), flat(y)),  # NumPy conjugates the first
    complex=True,
    numpy=np.vdot,
    samples=sampled((((3,), (3,)), {}), (((2, 3), (2, 3)), {})),
    **_TWO,
)
_AXES = Words(
    en="{name} over axes {axes}: {a} {sa} and {b} {sb} do not have the same sizes there",
    zh="按轴 {axes} 做 {name}：{a} {sa} 与 {b} {sb} 在这些轴上大小不同",
)
_TOO_MANY = Words(
    en="tensordot over {axes} axes: {a} {sa} and {b} {sb} do not both have as many",
    zh="tensordot 对 {axes} 个轴求和：{a} {sa} 与 {b} {sb} 并非都有这么多轴",
)
_AXES_NEEDED = Words(
    en="{name} takes arrays of at least {first} and {second} axes, got {a} {sa} and {b} {sb}",
    zh="{name} 的两个操作数至少要有 {first} 个和 {second} 个轴，得到 {a} {sa} 和 {b} {sb}",
)
_TWO_COMPLEX: dict[str, Any] = {"operands": (Operand.VALUE, Operand.VALUE), "complex": True}


# ------------------------------------------------------------------ over chosen axes
def _tensordot(x: Node, y: Node, axes: Any = 2) -> Node:
    if isinstance(axes, list | tuple) and len(axes) == 1:
        axes = axes[0]
    if isinstance(axes, int):
        if axes > min(x.rank, y.rank):
            raise OperandError(_TOO_MANY, axes=axes)
        left, right = tuple(range(x.rank - axes, x.rank)), tuple(range(axes))
    else:
        left, right = (tuple(a) if isinstance(a, list | tuple) else (a,) for a in axes)
    left = tuple(normal_axes(a, x.rank)[0] for a in left)
    right = tuple(normal_axes(a, y.rank)[0] for a in right)
    sizes = [x.shape[a] for a in left]
    if sizes != [y.shape[a] for a in right]:
        raise OperandError(_AXES, name="tensordot", axes=axes)
    rows = [a for a in range(x.rank) if a not in left]
    columns = [a for a in range(y.rank) if a not in right]
    outer_x, outer_y = [x.shape[a] for a in rows], [y.shape[a] for a in columns]
    table = reshape(transpose(x, axes=(*rows, *left)), shape=(product(outer_x), product(sizes)))
    other = reshape(transpose(y, axes=(*right, *columns)), shape=(product(sizes), product(outer_y)))
    return reshape(matmul(table, other), shape=(*outer_x, *outer_y))


def _kron(x: Node, y: Node) -> Node:
    rank = max(x.rank, y.rank)
    a, b = ((1,) * (rank - n.rank) + n.shape for n in (x, y))
    apart = reshape(x, shape=tuple(d for n in a for d in (n, 1)))
    between = reshape(y, shape=tuple(d for n in b for d in (1, n)))
    return reshape(apart * between, shape=tuple(m * n for m, n in zip(a, b, strict=True)))


def _need_axes(name: str, x: Node, y: Node, first: int, second: int) -> None:
    """Check the ranks. Raises OperandError for a vector in place of a matrix, or a number in place
    of a vector."""
    if x.rank < first or y.rank < second:
        raise OperandError(_AXES_NEEDED, name=name, first=first, second=second)


def _vecdot(x: Node, y: Node, axis: int = -1) -> Node:
    _need_axes("vecdot", x, y, 1, 1)
    if x.shape[normal_axes(axis, x.rank)[0]] != y.shape[normal_axes(axis, y.rank)[0]]:
        raise OperandError(_AXES, name="vecdot", axes=axis)
    return sum_(conj(x) * y, axis=axis)


def _matvec(x: Node, y: Node) -> Node:
    _need_axes("matvec", x, y, 2, 1)
    column = reshape(y, shape=(*y.shape, 1))
    made = matmul(x, column)
    return reshape(made, shape=made.shape[:-1])


def _vecmat(x: Node, y: Node) -> Node:
    _need_axes("vecmat", x, y, 1, 2)
    row = reshape(conj(x), shape=(*x.shape[:-1], 1, x.shape[-1]))
    made = matmul(row, y)
    return reshape(made, shape=(*made.shape[:-2], made.shape[-1]))


tensordot = spelling(
    "tensordot",
    _tensordot,
    numpy=np.tensordot,
    aliases=aliases(
        numpy=("tensordot", "linalg.tensordot"), torch=Alias("tensordot", rename={"dims": "axes"})
    ),
    samples=sampled(
        (((2, 3, 4), (3, 4, 2)), {}),
        (((2, 3), (3, 4)), {"axes": 1}),
        (((2, 3), (4,)), {"axes": 0}),
        (((2, 3, 4), (4, 3, 2)), {"axes": ((1, 2), (1, 0))}),
        (((2, 3), (2, 4)), {"axes": (0, 0)}),
        (((2, 3), (4, 3)), {"axes": (-1, -1)}),
    ),
    **_TWO_COMPLEX,
)
kron = spelling(
    "kron",
    _kron,
    numpy=np.kron,
    samples=sampled(
        (((2,), (3,)), {}), (((2, 3), (2, 2)), {}), (((2,), (2, 3)), {}), (((), (2, 3)), {})
    ),
    **_TWO_COMPLEX,
)
vecdot = spelling(
    "vecdot",
    _vecdot,
    numpy=np.vecdot,
    aliases=aliases(
        numpy=("vecdot", "linalg.vecdot"), torch=Alias("linalg.vecdot", rename={"dim": "axis"})
    ),
    samples=sampled((((3,), (3,)), {}), (((2, 3), (3,)), {}), (((3, 2), (3, 1)), {"axis": 0})),
    **_TWO_COMPLEX,
)
matvec = spelling(
    "matvec",
    _matvec,
    numpy=lambda A, x: np.matvec(A, x),  # NumPy 2.2 and newer
    aliases=aliases(numpy="matvec"),
    samples=sampled((((2, 3), (3,)), {}), (((4, 2, 3), (4, 3)), {}), (((2, 3), (4, 3)), {})),
    **_TWO_COMPLEX,
)
vecmat = spelling(
    "vecmat",
    _vecmat,
    numpy=lambda x, A: np.vecmat(x, A),  # NumPy 2.2 and newer
    aliases=aliases(numpy="vecmat"),
    samples=sampled((((2,), (2, 3)), {}), (((4, 2), (4, 2, 3)), {}), (((4, 2), (2, 3)), {})),
    **_TWO_COMPLEX,
)


def _correlate(x: Node, y: Node, mode: str = "valid") -> Node:
    """Build a convolution with the second operand reversed and, as in NumPy, conjugated."""
    vectors("correlate", x.type, y.type)
    m, n = x.shape[0], y.shape[0]
    late = isinstance(m, int) and isinstance(n, int) and m < n
    return windowed(x, flipped(conj(y)), mode, late)


correlate = spelling(
    "correlate",
    _correlate,
    numpy=np.correlate,
    aliases=aliases(numpy="correlate"),
    samples=sampled(
        (((5,), (3,)), {}),
        (((2,), (5,)), {}),
        (((3,), (4,)), {"mode": "full"}),
        (((4,), (2,)), {"mode": "same"}),
        (((2,), (3,)), {"mode": "same"}),
        (((2,), (4,)), {"mode": "same"}),
        (((5,), (4,)), {"mode": "same"}),
    ),
    **_TWO_COMPLEX,
)
