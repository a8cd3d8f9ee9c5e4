"""Singular values and singular vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tidu.errors import EvaluationError, InputError
from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, TupleType, Type, real_dtype
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.structure import concatenate, diagonal_of, matrix_diagonal
from tidu.ops.define import aliases, function, op, sampled, says
from tidu.ops.elementwise.parts import conj, imag, is_complex
from tidu.ops.linalg.gaps import (
    EQUAL,
    count_of,
    divided,
    last,
    over_gaps,
    phase,
    rounding,
    vanish,
)
from tidu.ops.linalg.matrices import (
    Pieces,
    calculated,
    conjugate_transpose,
    given,
    matrix,
    shorter,
)
from tidu.ops.results import pick, results_of
from tidu.words import Words

_REST = Words(
    en="the last {count} singular vectors only complete a basis; they are not unique and have no "
    "derivative",
    zh="最后 {count} 个奇异向量只是把基补全，并不唯一，没有导数",
)
_REDUCED = Words(en="svd(A, full_matrices=False)", zh="svd(A, full_matrices=False)")
_HERMITIAN = Words(
    en="svd with hermitian=True is not derived here",
    zh="这里不支持 hermitian=True 的 svd",
)


def _svd_type(x: Type, full: bool) -> TupleType:
    matrices = matrix(x, "svd")
    *batch, m, n = matrices.shape
    k = shorter(m, n)
    left, right = ((m, m), (n, n)) if full else ((m, k), (k, n))
    one, real = matrices.dtype, real_dtype(matrices.dtype)
    return TupleType(
        (Type((*batch, *left), one), Type((*batch, k), real), Type((*batch, *right), one))
    )


def _complete_only(g: Any) -> Any:
    if g.shape[-1] > 1 and np.any(g != 0):
        raise EvaluationError(_REST(count=g.shape[-1]), fix=_REDUCED())
    return g


# The vectors that complete a basis: one alone is settled up to its sign and has a derivative.
completing = op(
    "completing",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(completing, g),),
    batched=entrywise(lambda: completing),
    says=says(
        "only a single vector that completes a basis has a derivative",
        "补全基的向量只有一个时才有导数",
    ),
    source="0 = d(UᵀU⊥): dU⊥ = −U dUᵀ U⊥",
    numpy=_complete_only,
    type_rule=lambda x: x,
    notation=lambda node, x: x,
    code=lambda node, x: x,
    aliases={},
    samples=sampled((((3, 1),), {}), (((2, 3, 1),), {})),
    doc=says("a gradient of vectors that complete a basis", "补全基的向量的梯度"),
)


def _own_part(vectors: Node, g: Node, k: Dim) -> Node:
    """Return the gradient by the first k columns of a full basis, with what the others leave to
    them."""
    axis, size = g.rank - 1, g.shape[-1]
    mine, rest = cut(g, axis, 0, k), apply(completing, cut(g, axis, k, size))
    others = cut(vectors, axis, k, size)
    return mine - conj(others) @ (conjugate_transpose(rest) @ conj(cut(vectors, axis, 0, k)))


def _by_basis(basis: Node, g: Node, s: Node) -> tuple[Node, Node | None]:
    """Return what a gradient by singular vectors means inside (k, k), and outside of their span."""
    along = basis.mT @ g
    moved = divided(along, s * s, "singular")
    if basis.shape[-1] == basis.shape[-2]:
        return moved + conjugate_transpose(moved), None
    nothing = filled(0.0, Type((*s.shape[:-1], basis.shape[-2]), s.dtype))
    beyond = apply(over_gaps, g - conj(basis) @ along, s, nothing, of="rank")
    return moved + conjugate_transpose(moved), beyond


def _svd_adjoint(g: Node, x: Node, out: Node, full: bool) -> tuple[Node | None]:
    u, s, vt = results_of(out)
    v, k = conjugate_transpose(vt), s.shape[-1]
    inner, outer = Pieces(), Pieces()
    by_u, by_s, by_vt = (given(pick(g, i)) for i in range(3))
    by_v = None if by_vt is None else conjugate_transpose(by_vt)
    if full:
        by_u = by_u if by_u is None or u.shape[-1] == k else _own_part(u, by_u, k)
        by_v = by_v if by_v is None or v.shape[-1] == k else _own_part(v, by_v, k)
        u, v = cut(u, u.rank - 1, 0, k), cut(v, v.rank - 1, 0, k)
    if by_s is not None:
        inner.add(diagonal_of(by_s))
    if by_u is not None:
        moved, beyond = _by_basis(u, by_u, s)
        inner.add(moved @ diagonal_of(s))
        if beyond is not None:
            outer.add(beyond @ v.mT)
    if by_v is not None:
        moved, beyond = _by_basis(v, by_v, s)
        inner.add(diagonal_of(s) @ moved)
        if beyond is not None:
            outer.add(conj(u) @ conjugate_transpose(beyond))
    if is_complex(x) and (by_u is not None or by_v is not None):
        inner.add(_phases(u, by_u, v, by_v, s))
    if inner.total is not None:
        outer.add(conj(u) @ inner.total @ v.mT)
    return (outer.total,)


def _phases(u: Node, by_u: Node | None, v: Node, by_v: Node | None, s: Node) -> Node:
    """Check that nothing depends on the common phase of U and V, and return the change of the
    diagonal by the phase of one against the other."""
    left = None if by_u is None else imag(matrix_diagonal(u.mT @ by_u))
    right = None if by_v is None else imag(matrix_diagonal(v.mT @ by_v))
    if left is None or right is None:
        alone = left if right is None else right
        assert alone is not None
        return diagonal_of(1j * apply(phase, alone))
    return diagonal_of(1j * (left / s + apply(phase, left + right)))


class Singular(NamedTuple):
    """The result of svd, named as NumPy names it."""

    U: Node
    S: Node
    Vh: Node


def _prepare_svd(
    x: Node, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise InputError(_HERMITIAN(), fix=_REDUCED())
    square_ = matrix(x.type, "svd").shape[-1] == x.shape[-2]
    full = bool(full_matrices and compute_uv and not square_)
    parts = Singular(*results_of(apply(svd, x, full=full)))
    return parts if compute_uv else parts.S


def _svd_kink(x: Node, full: bool) -> Node:
    """Return where singular values are equal, or one is 0."""
    s = pick(apply(svd, x, full=full), 1)
    n, axis = s.shape[-1], s.rank - 1
    gaps = concatenate(cut(s, axis, 0, n - 1) - cut(s, axis, 1, n), last(s), axis=axis)
    return vanish(gaps, s, rank_bound(x))


def rank_bound(x: Node) -> float:
    """Return the part of the largest singular value below which one is rounding."""
    return rounding(max(map(count_of, x.shape[-2:])), real_dtype(x.dtype))


svd = op(
    "svd",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    results=("U", "σ", "Vh"),
    adjoint=_svd_adjoint,
    batched=entrywise(lambda: svd),
    says=says(
        "derivative of singular values and vectors, Fᵢⱼ = 1/(σⱼ² − σᵢ²)",
        "奇异值与奇异向量的导数，Fᵢⱼ = 1/(σⱼ² − σᵢ²)",
    ),
    source="dσ = diag(UᵀdA V); J = F ⊙ UᵀŪ: Ā = U (diag σ̄ + (J + Jᵀ)Σ) Vᵀ + …",
    numpy=lambda x, full: tuple(calculated(np.linalg.svd, x, full)),
    type_rule=_svd_type,
    prepare=_prepare_svd,
    notation=function("svd"),
    code=lambda node, x: f"np.linalg.svd({x}, full_matrices={node.attrs['full']})",
    sources={"torch": lambda node, x: f"torch.linalg.svd({x}, full_matrices={node.attrs['full']})"},
    kinks=(
        Kink(
            where=_svd_kink,
            at=says("equal singular values, or 0", "相等的奇异值，或奇异值 0"),
            value=EQUAL,
        ),
    ),
    aliases=aliases(numpy="linalg.svd", torch=("linalg.svd",)),
    samples=sampled(
        (((3, 3),), {"full_matrices": False}),
        (((4, 2),), {"full_matrices": False}),
        (((2, 3, 4),), {"full_matrices": False}),
        (((3, 2),), {"full_matrices": True}),
        (((2, 3),), {}),
    ),
    doc=says(
        "A = U diag(σ) Vᵀ with singular values in descending order",
        "A = U diag(σ) Vᵀ，奇异值按降序排列",
    ),
)


def svd_values(x: Node) -> Node:
    """Return the singular values of each matrix."""
    return _prepare_svd(x, compute_uv=False)
