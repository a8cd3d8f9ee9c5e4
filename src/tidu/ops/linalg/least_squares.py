"""The pseudo-inverse, least squares, condition numbers, and the rank, which has no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Math, Power, Symbol
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Type, real_dtype
from tidu.ops.define import aliases, function, op, sampled, says
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.gaps import last, vanish
from tidu.ops.linalg.matrices import (
    calculated,
    conjugate_transpose,
    from_triangle,
    matrix,
    square,
)
from tidu.ops.linalg.singular import rank_bound, svd_values


# ------------------------------------------------------------------ pseudo-inverse
def _pinv_type(x: Type, rcond: float | None) -> Type:
    matrices = matrix(x, "pinv")
    return Type((*matrices.shape[:-2], matrices.shape[-1], matrices.shape[-2]), matrices.dtype)


def _pinv(x: Any, rcond: float | None) -> Any:
    return calculated(np.linalg.pinv, x) if rcond is None else calculated(np.linalg.pinv, x, rcond)


def _pinv_adjoint(g: Node, x: Node, out: Node, rcond: float | None) -> tuple[Node]:
    """Return three terms: the change inside, and what leaves the columns' and the rows' span. A
    square matrix keeps them too: its rank may be smaller than its size."""
    p, h = out, g.mT
    inside = p.mT @ g @ p.mT
    columns = (h - x @ (p @ h)) @ p @ conjugate_transpose(p)
    rows = conjugate_transpose(p) @ p @ (h - (h @ p) @ x)
    return (conj(columns + rows) - inside,)


def _prepare_pinv(
    x: Node, rcond: float | None = None, hermitian: bool = False, rtol: float | None = None
) -> Node:
    if hermitian:  # the lower triangle counts, as in NumPy and PyTorch
        square(x.type, "pinv")
        x = from_triangle(x, True)
    bound = rtol if rcond is None else rcond
    return apply(pinv, x, rcond=None if bound is None else float(bound))


def _short_of_rank(x: Node, rcond: float | None) -> Node:
    s = svd_values(x)
    return vanish(last(s), s, rank_bound(x) if rcond is None else rcond)


def _raised(tree: Math) -> Math:
    return Power(tree, Symbol("+"))


pinv = op(
    "pinv",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_pinv_adjoint,
    batched=entrywise(lambda: pinv),
    says=says("derivative of the pseudo-inverse", "伪逆的导数"),
    source="P = A⁺: dP = −P dA P + P Pᵀ dAᵀ (I − A P) + (I − P A) dAᵀ Pᵀ P",
    numpy=_pinv,
    type_rule=_pinv_type,
    prepare=_prepare_pinv,
    notation=lambda node, x: _raised(x),
    code=lambda node, x: (
        f"np.linalg.pinv({x})"
        if node.attrs["rcond"] is None
        else f"np.linalg.pinv({x}, {node.attrs['rcond']!r})"
    ),
    kinks=(
        Kink(
            where=_short_of_rank,
            at=says("a matrix without full rank", "不满秩的矩阵"),
            value=says(
                "the derivative for changes that keep the rank", "对保持秩不变的变化成立的导数"
            ),
            warned=True,
        ),
    ),
    aliases=aliases(numpy="linalg.pinv", torch=("linalg.pinv", "pinverse")),
    samples=sampled(
        (((3, 2),), {}),
        (((2, 3),), {}),
        (((2, 4, 2),), {}),
        (((3, 3),), {"rcond": 1e-9}),
    ),
    doc=says(
        "the pseudo-inverse A⁺; A⁺ = (AᵀA)⁻¹Aᵀ where the columns are independent",
        "伪逆 A⁺；列线性无关时 A⁺ = (AᵀA)⁻¹Aᵀ",
    ),
)


# ------------------------------------------------------------------ rank
def _rank_type(x: Type) -> Type:
    """Return a number of the matrix's own dtype: it stands beside the solution that lstsq gives."""
    matrices = matrix(x, "lstsq")
    return Type(matrices.shape[:-2], real_dtype(matrices.dtype))


rank_of = op(
    "rank_of",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (None,),
    batched=entrywise(lambda: rank_of),
    says=says("a count is flat: its derivative is 0", "计数处处水平：导数为 0"),
    source="zero almost everywhere",
    numpy=lambda x: np.asarray(np.linalg.matrix_rank(x), x.real.dtype),
    type_rule=_rank_type,
    notation=function("rank"),
    code=lambda node, x: f"(1.0 * np.linalg.matrix_rank({x}))",
    aliases={},
    samples=sampled((((3, 2),), {}), (((2, 3, 3),), {})),
    doc=says("the number of independent rows", "线性无关的行数"),
)
