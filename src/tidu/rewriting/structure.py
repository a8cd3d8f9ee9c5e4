"""Rules that use what is known of a matrix: Sᵀ = S, QᵀQ = I, Y𝟏 = 𝟏 for rows that sum to 1."""

from __future__ import annotations

from tidu.ir.build import filled
from tidu.ir.node import Node, intern
from tidu.ir.op import role
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import is_matrix_transpose, transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import eye
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.inverse import inv
from tidu.ops.properties import are_transposes, has, is_orthogonal, is_symmetric
from tidu.rewriting.patterns import of, variable
from tidu.rewriting.register import sample, simplification

x = variable("x", lambda node: node.rank == 1)
S = variable("S", is_symmetric)


def declared(node: Node, *properties: str) -> Node:
    """Return an input with properties, which go wherever it goes."""
    attributes = {**node.attrs, "assume": tuple(sorted(properties))}
    return intern(role("input"), (), attributes, node.type)


def _orthogonal(node: Node, atoms: Atoms) -> Node | None:
    x, y = node.inputs
    if node.rank != 2 or not are_transposes(x, y) or not is_orthogonal(x):
        return None
    return eye(rows=node.shape[0], dtype=node.dtype)


def _sum_of_shares(node: Node, atoms: Atoms) -> Node | None:
    x = node.inputs[0]
    last = node.attrs["axis"] == (x.rank - 1,)
    return filled(1.0, node.type) if last and has(x, "rows sum to 1") else None


def _symmetric_sample() -> Node:
    return sample("A", 5, 3).T @ sample("A", 5, 3)


def _orthogonal_sample() -> Node:
    return declared(sample("Q", 3, 3), "orthogonal")


simplification(
    "transpose of a symmetric matrix",
    transpose,
    [(of(transpose, S, where=is_matrix_transpose), S)],
    "a symmetric matrix is its own transpose",
    "对称矩阵的转置是它自己",
    lambda: [
        _symmetric_sample().T,
        inv(_symmetric_sample()).T,
        declared(sample("S", 3, 3), "symmetric").T,
    ],
    source="Sᵀ = S",
)
simplification(
    "row times a symmetric matrix",
    matmul,
    [(x @ S, S @ x)],  # terms of a sum then meet
    "xᵀS = (S x)ᵀ for a symmetric S",
    "S 对称时 xᵀS = (S x)ᵀ",
    lambda: [sample("x", 3) @ _symmetric_sample()],
    source="Sᵀ = S",
)
simplification(
    "orthogonal matrix times its transpose",
    matmul,
    _orthogonal,
    "QᵀQ = I",
    "QᵀQ = I",
    lambda: [_orthogonal_sample().T @ _orthogonal_sample()],
    source="definition of an orthogonal matrix",
)
simplification(
    "sum of shares",
    sum_,
    _sum_of_shares,
    "the elements of each row sum to 1",
    "每行元素之和为 1",
    lambda: [sum_(declared(sample("Y", 2, 3), "one-hot"), axis=1)],
    source="the declaration of the matrix",
)
