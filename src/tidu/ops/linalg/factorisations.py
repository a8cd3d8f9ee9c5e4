"""Cholesky and QR factors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tidu.errors import EvaluationError, InputError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import TupleType, Type
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import aliases, function, op, sampled, says
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.inverse import inv
from tidu.ops.linalg.matrices import (
    Pieces,
    conjugate_transpose,
    definite,
    even_part,
    from_triangle,
    given,
    matrix,
    mirrored,
    shorter,
    square,
    sym,
)
from tidu.ops.results import pick, results_of
from tidu.words import Words, verbatim

_INDEFINITE = Words(
    en="the matrix is not positive definite (smallest eigenvalue {smallest}) and has no Cholesky "
    "factor",
    zh="矩阵不是正定的（最小特征值 {smallest}），没有 Cholesky 因子",
)
_SHIFT = Words(en="A + 1e-6 * np.eye({n}), or eigh(A)", zh="A + 1e-6 * np.eye({n})，或 eigh(A)")
_MODE = Words(
    en="qr with mode={mode} is not derived: {reason}", zh="不能对 mode={mode} 的 qr 求导：{reason}"
)
_COMPLETED = Words(
    en="its last columns only complete a basis and are not unique",
    zh="它最后几列只是把基补全，并不唯一",
)
_RAW = Words(
    en="LAPACK's packed factors are no matrices of the factorisation",
    zh="LAPACK 的压缩存储并不是分解所得的矩阵",
)


# ------------------------------------------------------------------ Cholesky
def _half(x: Any) -> Any:
    return np.tril(x) * (1.0 - 0.5 * np.eye(x.shape[-1], dtype=x.dtype))


# Φ: the lower triangle with half the diagonal, so that Φ(S) + Φ(S)ᵀ = S for symmetric S.
lower_half = op(
    "lower_half",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(lower_half, g),),
    batched=entrywise(lambda: lower_half),
    says=says("what is cut off gets no gradient", "被去掉的部分没有梯度"),
    source="⟨G, Φ(X)⟩ = ⟨Φ(G), X⟩",
    numpy=_half,
    type_rule=lambda x: square(x, "Φ"),
    notation=function("Φ"),
    code=lambda node, x: f"(np.tril({x}) * (1.0 - 0.5 * np.eye({node.shape[-1]})))",
    aliases={},
    samples=sampled((((3, 3),), {}), (((2, 3, 3),), {})),
    doc=says(
        "Φ(X): the lower triangle with half of the diagonal",
        "Φ(X)：下三角部分，对角线取一半",
    ),
)


def _cholesky(x: Any) -> Any:
    """Return the Cholesky factor of the symmetric part, so that the derivative by every element
    exists and is symmetric."""
    even = even_part(x)
    try:
        return np.linalg.cholesky(even)
    except np.linalg.LinAlgError:
        smallest = f"{np.min(np.linalg.eigvalsh(even)):.3g}"
        raise EvaluationError(_INDEFINITE(smallest=smallest), fix=_SHIFT(n=x.shape[-1])) from None


def _cholesky_adjoint(g: Node, x: Node, out: Node) -> tuple[Node]:
    back = inv(out)
    return (sym(back.mT @ apply(lower_half, out.mT @ g) @ conj(back)),)


def _prepare_cholesky(x: Node, upper: bool = False) -> Node:
    square(x.type, "cholesky")
    factor = apply(cholesky, from_triangle(x, not upper))
    return conjugate_transpose(factor) if upper else factor


_CHOLESKY_SAMPLES = (((1, 1), False), ((3, 3), False), ((3, 3), True), ((2, 2, 2), False))

cholesky = op(
    "cholesky",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_cholesky_adjoint,
    batched=entrywise(lambda: cholesky),
    says=says(
        "derivative of the Cholesky factor; Φ takes the lower triangle with half the diagonal",
        "Cholesky 因子的导数；Φ 取下三角部分，对角线取一半",
    ),
    source="dL = L Φ(L⁻¹ dS L⁻ᵀ): S̄ = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹)",
    numpy=_cholesky,
    type_rule=lambda x: square(x, "cholesky"),
    prepare=_prepare_cholesky,
    notation=function("chol"),
    code=lambda node, x: f"np.linalg.cholesky({x})",
    aliases=aliases(numpy="linalg.cholesky", torch=("linalg.cholesky", "cholesky")),
    samples=sampled(
        *(((definite(shape),), {"upper": upper}) for shape, upper in _CHOLESKY_SAMPLES)
    ),
    doc=says(
        "the lower triangular L with L Lᵀ = S, for the symmetric S that one triangle of A gives",
        "满足 L Lᵀ = S 的下三角矩阵 L，S 是由 A 的一个三角部分给出的对称矩阵",
    ),
)


# ------------------------------------------------------------------ QR
def _qr_type(x: Type) -> TupleType:
    matrices = matrix(x, "qr")
    *batch, m, n = matrices.shape
    k = shorter(m, n)
    return TupleType((Type((*batch, m, k), matrices.dtype), Type((*batch, k, n), matrices.dtype)))


def _qr_adjoint(g: Node, x: Node, out: Node) -> tuple[Node | None]:
    q, r = results_of(out)
    by_q, by_r = (given(pick(g, i)) for i in range(2))
    inner, total = Pieces(), Pieces()
    if by_r is not None:
        inner.add(by_r @ r.mT)
    if by_q is not None:
        inner.add(-(q.mT @ by_q))
        total.add(by_q)
    if inner.total is None:
        return (None,)
    total.add(conj(q) @ apply(mirrored, inner.total, lower=False))
    assert total.total is not None
    return (total.total @ inv(r).mT,)


class Factors(NamedTuple):
    """The result of qr, named as NumPy names it."""

    Q: Node
    R: Node


def _prepare_qr(x: Node, mode: str = "reduced") -> Any:
    rows, columns = matrix(x.type, "qr").shape[-2:]
    wide = shorter(rows, columns) == rows
    if mode not in ("reduced", "r") and not (mode == "complete" and wide):
        reason = _COMPLETED() if mode == "complete" else _RAW()
        raise InputError(_MODE(mode=repr(mode), reason=reason), fix=verbatim("qr(A)"))
    if wide and rows != columns:  # Q and the first columns of R are those of the square part
        axis = x.rank - 1
        q, r = results_of(apply(qr, cut(x, axis, 0, rows)))
        r = concatenate(r, conjugate_transpose(q) @ cut(x, axis, rows, columns), axis=axis)
    else:
        q, r = results_of(apply(qr, x))
    return r if mode == "r" else Factors(q, r)


qr = op(
    "qr",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    results=("Q", "R"),
    adjoint=_qr_adjoint,
    batched=entrywise(lambda: qr),
    says=says("derivative of the factors Q and R", "因子 Q 与 R 的导数"),
    source="M = R̄ Rᵀ − QᵀQ̄: Ā = (Q̄ + Q sym_U(M)) R⁻ᵀ",
    numpy=lambda x: tuple(np.linalg.qr(x)),
    type_rule=_qr_type,
    prepare=_prepare_qr,
    notation=function("qr"),
    code=lambda node, x: f"np.linalg.qr({x})",
    aliases=aliases(numpy="linalg.qr", torch="linalg.qr"),
    samples=sampled(
        (((3, 3),), {}),
        (((4, 2),), {}),
        (((2, 4, 3),), {}),
        (((2, 3),), {}),
        (((3, 2),), {"mode": "r"}),
        (((2, 3),), {"mode": "complete"}),
    ),
    doc=says(
        "A = Q R with orthonormal columns in Q and an upper triangular R",
        "A = Q R，Q 的列标准正交，R 为上三角矩阵",
    ),
)
