"""Eigenvalues and eigenvectors of symmetric matrices, singular values and singular vectors.

Where eigenvalues agree, their eigenvectors are not unique: a derivative that needs them is refused.
One that needs the eigenvalues alone is right for every function in which equal ones count alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tidu.document.math import Apply, Function, Inverse, Math
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, TupleType, Type, promote, real_dtype
from tidu.ops.arithmetic import absolute
from tidu.ops.comparison import equal
from tidu.ops.define import Generator, aliases, function, joined, op, sampled, says, spelling
from tidu.ops.indexing import cut
from tidu.ops.matrices import (
    Pieces,
    calculated,
    definite,
    even_part,
    from_triangle,
    given,
    matrix,
    shorter,
    square,
    sym,
    turned,
)
from tidu.ops.parts import conj, imag, is_complex
from tidu.ops.reduction import sum_
from tidu.ops.results import pick, results_of
from tidu.ops.selection import max_, maximum
from tidu.ops.structure import concatenate, diagonal_of, matrix_diagonal
from tidu.words import Words, verbatim

_NOT_UNIQUE = Words(
    en="the {vectors} are not unique here: two {values} agree ({value}), so that a derivative "
    "through these {vectors} does not exist",
    zh="这里的{vectors}不唯一：有两个{values}相等（{value}），因此经过这些{vectors}的导数不存在",
)
_VALUES_ALONE = Words(
    en="the {values} alone have one, for functions in which the equal ones count alike",
    zh="只用{values}时导数存在（相等者在函数中地位相同）",
)
_NO_RANK = Words(
    en="a singular value is 0: the singular vectors that belong to it have no derivative",
    zh="有一个奇异值为 0：属于它的奇异向量没有导数",
)
_REST = Words(
    en="the last {count} singular vectors only complete a basis; they are not unique and have no "
    "derivative",
    zh="最后 {count} 个奇异向量只是把基补全，并不唯一，没有导数",
)
_REDUCED = Words(en="svd(A, full_matrices=False)", zh="svd(A, full_matrices=False)")
_PHASE = Words(
    en="this depends on the phases of complex vectors, which are not unique: it has no derivative",
    zh="这依赖于复向量的相位，而相位不唯一：没有导数",
)
_NO_PHASE = Words(
    en="np.abs(V), or products such as V @ np.conj(V).T",
    zh="np.abs(V)，或 V @ np.conj(V).T 之类的乘积",
)
_UPLO = Words(en="UPLO is 'L' or 'U', not {given}", zh="UPLO 应为 'L' 或 'U'，而不是 {given}")
_HERMITIAN = Words(
    en="svd and pinv with hermitian=True are not derived here",
    zh="这里不支持 hermitian=True 的 svd 和 pinv",
)
EQUAL = says(
    "the rule, right for functions in which the equal ones count alike",
    "一般公式的值（仅当相等者在函数中地位相同时正确）",
)
_WORDS = {
    "eigen": (says("eigenvectors", "特征向量"), says("eigenvalues", "特征值")),
    "singular": (says("singular vectors", "奇异向量"), says("singular values", "奇异值")),
}


# ------------------------------------------------------------------ gaps
def _rounding(size: int, dtype: Any) -> float:
    """How far apart, relative to the largest, values are that rounding may have parted."""
    return 8.0 * size * float(np.finfo(dtype).eps)


def _over_gaps(m: Any, a: Any, b: Any, of: str) -> Any:
    gaps = a[..., None, :] - b[..., :, None]
    scale = np.maximum(np.max(np.abs(a), -1, initial=0.0), np.max(np.abs(b), -1, initial=0.0))
    close = np.abs(gaps) <= _rounding(max(m.shape[-2:]), gaps.dtype) * scale[..., None, None]
    skipped = close
    if of != "rank":
        own = np.eye(m.shape[-1], dtype=bool)
        skipped, close = close | own, close & ~own
    refused = close & np.any(m != 0, axis=-2, keepdims=True)
    if np.any(refused):
        raise _refusal(of, float(np.broadcast_to(a[..., None, :], refused.shape)[refused][0]))
    return np.where(skipped, 0.0, m / np.where(skipped, 1.0, gaps)).astype(
        np.result_type(m, a), copy=False
    )


def _refusal(of: str, value: float) -> EvaluationError:
    if of == "rank":
        return EvaluationError(_NO_RANK())
    vectors, values = _WORDS[of]
    if of == "singular":
        value = value**0.5  # the gaps are between squares
    facts = {"vectors": vectors(), "values": values()}
    return EvaluationError(_NOT_UNIQUE(value=f"{value:.6g}", **facts), why=_VALUES_ALONE(**facts))


def _row(*values: float) -> Callable[[Generator], Any]:
    return lambda rng: np.array(values)


def _rows(*values: float) -> Callable[[Generator], Any]:
    return lambda rng: np.array([values, values]) + 0.1 * rng.random((2, len(values)))


def _over_gaps_adjoint(
    g: Node, m: Node, a: Node, b: Node, out: Node, of: str
) -> tuple[Node, Node, Node]:
    shares = g * apply(over_gaps, out, a, b, of=of)
    return apply(over_gaps, g, a, b, of=of), -sum_(shares, axis=-2), sum_(shares, axis=-1)


def _over_gaps_notation(node: Node, m: Math, a: Math, b: Math) -> Math:
    if node.attrs["of"] == "rank":
        return joined([m, Inverse(Apply(Function("diag"), (a,)))], "")
    return joined([Apply(Function("F"), (a,)), m], "⊙")


def _over_gaps_code(node: Node, m: str, a: str, b: str) -> str:
    gaps = f"{a}[..., None, :] - {b}[..., :, None]"
    if node.attrs["of"] == "rank":
        return f"({m} / ({gaps}))"
    n = node.shape[-1]
    return f"(np.where(np.eye({n}) > 0, 0.0, {m} / np.where(np.eye({n}) > 0, 1.0, {gaps})))"


over_gaps = op(
    "over_gaps",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,) * 3,
    adjoint=_over_gaps_adjoint,
    batched=entrywise(lambda: over_gaps),
    says=says(
        "quotient rule, with Fᵢⱼ = 1/(λⱼ − λᵢ) and Fᵢᵢ = 0",
        "商法则，其中 Fᵢⱼ = 1/(λⱼ − λᵢ)，Fᵢᵢ = 0",
    ),
    source="Rᵢⱼ = Mᵢⱼ/(λⱼ − λᵢ): dRᵢⱼ = dMᵢⱼ/(λⱼ − λᵢ) − Rᵢⱼ (dλⱼ − dλᵢ)/(λⱼ − λᵢ)",
    numpy=_over_gaps,
    type_rule=lambda m, a, b, of: Type(m.shape, promote((m.dtype, a.dtype, b.dtype))),
    notation=_over_gaps_notation,
    code=_over_gaps_code,
    aliases={},
    samples=sampled(
        (((3, 3), _row(1.0, 2.5, 4.0), _row(1.2, 2.2, 4.4)), {"of": "eigen"}),
        (((4, 3), _row(1.0, 1.5, 2.0), _row(0.0, 0.1, 0.2, 0.3)), {"of": "rank"}),
        (((2, 3, 2), _rows(1.0, 2.0), _rows(0.0, 0.1, 0.2)), {"of": "rank"}),
    ),
    doc=says(
        "each element over the gap of its column's and its row's value; 0 on the diagonal",
        "每个元素除以其列值与行值之差；对角线为 0",
    ),
)


def _no_phase(x: Any) -> Any:
    """x: for each vector, how much its phase changes what is derived."""
    if np.any(np.abs(x) > 1e-7 * np.maximum(1.0, np.max(np.abs(x), initial=0.0))):
        raise EvaluationError(_PHASE(), fix=_NO_PHASE())
    return np.zeros_like(x)


phase = op(
    "phase",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.MASK,),  # never differentiated
    adjoint=lambda g, x, out: (None,),
    batched=entrywise(lambda: phase),
    says=says("nothing may depend on the phase of a vector", "结果不能依赖于向量的相位"),
    source="v and e^{iφ} v are eigenvectors alike",
    numpy=_no_phase,
    type_rule=lambda x: x,
    notation=function("phase"),
    code=lambda node, x: f"np.zeros_like({x})",
    aliases={},
    samples=sampled(((lambda rng: np.zeros(3),), {})),
    doc=says(
        "0 for what does not depend on the phase of complex vectors; refused for what does",
        "不依赖复向量相位时为 0；依赖时拒绝计算",
    ),
)


def free_of_phase(along: Node) -> Node:
    """Zeros on a diagonal; refused where the phases of the vectors matter. (`along`: VᵀV̄.)"""
    return diagonal_of(1j * apply(phase, imag(matrix_diagonal(along))))


def divided(m: Node, values: Node, of: str) -> Node:
    """F ⊙ M with the gaps of `values`."""
    return apply(over_gaps, m, values, values, of=of)


def _agree(values: Node) -> Node:
    """Whether neighbours among sorted values agree up to rounding."""
    n, axis = values.shape[-1], values.rank - 1
    gaps = absolute(cut(values, axis, 1, n) - cut(values, axis, 0, n - 1))
    return vanish(gaps, values, _rounding(_count(n), values.dtype))


def vanish(gaps: Node, values: Node, bound: float) -> Node:
    """Whether gaps are nothing but rounding, of this relative size, beside the largest of the
    values. (No bare comparison with a bound: what lies on the kink is to be equal there, for the
    numerical check.)"""
    largest = max_(absolute(values), axis=-1, keepdims=True)
    return equal(maximum(gaps - bound * largest, 0.0), 0.0)


def last(values: Node) -> Node:
    """The last one of each row, in an axis of its own."""
    n = values.shape[-1]
    return cut(values, values.rank - 1, n - 1, n)


def _count(n: Any) -> int:
    return n if isinstance(n, int) else 1


# ------------------------------------------------------------------ eigenvalues and eigenvectors
def _eigh(x: Any, lower: bool) -> Any:
    """Of the symmetric part, so that the derivative by every element exists and is symmetric. Which
    triangle LAPACK reads still decides about the signs of the vectors."""
    return tuple(calculated(np.linalg.eigh, even_part(x), "L" if lower else "U"))


def _eigh_type(x: Type, lower: bool) -> TupleType:
    found = square(x, "eigh")
    return TupleType((Type(found.shape[:-1], real_dtype(found.dtype)), found))


def _eigh_adjoint(g: Node, x: Node, out: Node, lower: bool) -> tuple[Node | None]:
    values, vectors = results_of(out)
    inner = Pieces()
    by_values, by_vectors = (given(pick(g, i)) for i in range(2))
    if by_values is not None:
        inner.add(diagonal_of(by_values))
    if by_vectors is not None:
        along = vectors.mT @ by_vectors
        inner.add(sym(divided(along, values, "eigen")))
        if is_complex(along):
            inner.add(free_of_phase(along))
    return (None if inner.total is None else conj(vectors) @ inner.total @ vectors.mT,)


class Eigen(NamedTuple):
    """What eigh gives, named as NumPy names it."""

    eigenvalues: Node
    eigenvectors: Node


def _prepare_eigh(x: Node, UPLO: str = "L") -> Eigen:
    if UPLO not in ("L", "U", "l", "u"):
        raise InputError(_UPLO(given=repr(UPLO)), fix=verbatim("eigh(A, UPLO='L')"))
    square(x.type, "eigh")
    lower = UPLO in "Ll"
    return Eigen(*results_of(apply(eigh, from_triangle(x, lower), lower=lower)))


eigh = op(
    "eigh",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    results=("λ", "V"),
    adjoint=_eigh_adjoint,
    batched=entrywise(lambda: eigh),
    says=says(
        "derivative of eigenvalues and eigenvectors, Fᵢⱼ = 1/(λⱼ − λᵢ)",
        "特征值与特征向量的导数，Fᵢⱼ = 1/(λⱼ − λᵢ)",
    ),
    source="dλ = diag(VᵀdS V), dV = V (F ⊙ VᵀdS V)",
    numpy=_eigh,
    type_rule=_eigh_type,
    prepare=_prepare_eigh,
    notation=function("eigh"),
    code=lambda node, x: f"np.linalg.eigh({x}, {'L' if node.attrs['lower'] else 'U'!r})",
    kinks=(
        Kink(
            where=lambda x, lower: _agree(pick(apply(eigh, x, lower=lower), 0)),
            at=says("equal eigenvalues", "相等的特征值"),
            value=EQUAL,
        ),
    ),
    aliases=aliases(numpy="linalg.eigh", torch="linalg.eigh"),
    samples=sampled(
        *(
            ((definite(n),), {"UPLO": u})
            for n, u in (((1, 1), "L"), ((3, 3), "U"), ((2, 2, 2), "L"))
        )
    ),
    doc=says(
        "eigenvalues (ascending) and orthonormal eigenvectors of the symmetric matrix that one "
        "triangle gives; the other triangle is not read and has the gradient 0",
        "由一个三角部分给出的对称矩阵的特征值（升序）与标准正交特征向量；"
        "另一个三角部分不读取，梯度为 0",
    ),
)

eigvalsh = spelling(
    "eigvalsh",
    complex=True,
    build=lambda x, UPLO="L": _prepare_eigh(x, UPLO).eigenvalues,
    numpy=np.linalg.eigvalsh,
    aliases=aliases(numpy="linalg.eigvalsh", torch="linalg.eigvalsh"),
    samples=sampled(
        *((spec, {"UPLO": u}) for spec, u in zip([((3, 3),), ((2, 3, 3),)], "LU", strict=True))
    ),
    doc=says(
        "eigenvalues (ascending) of the symmetric matrix that one triangle gives",
        "由一个三角部分给出的对称矩阵的特征值（升序）",
    ),
)


# ------------------------------------------------------------------ singular values and vectors
def _svd_type(x: Type, full: bool) -> TupleType:
    found = matrix(x, "svd")
    *batch, m, n = found.shape
    k = shorter(m, n)
    left, right = ((m, m), (n, n)) if full else ((m, k), (k, n))
    one, real = found.dtype, real_dtype(found.dtype)
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
    """The gradient by the first k columns of a full basis, with what the others leave to them."""
    axis, size = g.rank - 1, g.shape[-1]
    mine, rest = cut(g, axis, 0, k), apply(completing, cut(g, axis, k, size))
    others = cut(vectors, axis, k, size)
    return mine - conj(others) @ (turned(rest) @ conj(cut(vectors, axis, 0, k)))


def _by_basis(basis: Node, g: Node, s: Node) -> tuple[Node, Node | None]:
    """What a gradient by singular vectors means inside (k, k), and outside of their span."""
    along = basis.mT @ g
    moved = divided(along, s * s, "singular")
    if basis.shape[-1] == basis.shape[-2]:
        return moved + turned(moved), None
    nothing = filled(0.0, Type((*s.shape[:-1], basis.shape[-2]), s.dtype))
    beyond = apply(over_gaps, g - conj(basis) @ along, s, nothing, of="rank")
    return moved + turned(moved), beyond


def _svd_adjoint(g: Node, x: Node, out: Node, full: bool) -> tuple[Node | None]:
    u, s, vt = results_of(out)
    v, k = turned(vt), s.shape[-1]
    inner, outer = Pieces(), Pieces()
    by_u, by_s, by_vt = (given(pick(g, i)) for i in range(3))
    by_v = None if by_vt is None else turned(by_vt)
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
            outer.add(conj(u) @ turned(beyond))
    if is_complex(x) and (by_u is not None or by_v is not None):
        inner.add(_phases(u, by_u, v, by_v, s))
    if inner.total is not None:
        outer.add(conj(u) @ inner.total @ v.mT)
    return (outer.total,)


def _phases(u: Node, by_u: Node | None, v: Node, by_v: Node | None, s: Node) -> Node:
    """U and V may take a phase together, and nothing may depend on it; the phase of one against
    the other's is settled, and moves the diagonal."""
    left = None if by_u is None else imag(matrix_diagonal(u.mT @ by_u))
    right = None if by_v is None else imag(matrix_diagonal(v.mT @ by_v))
    if left is None or right is None:
        alone = left if right is None else right
        assert alone is not None
        return diagonal_of(1j * apply(phase, alone))
    return diagonal_of(1j * (left / s + apply(phase, left + right)))


class Singular(NamedTuple):
    """What svd gives, named as NumPy names it."""

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
    found = Singular(*results_of(apply(svd, x, full=full)))
    return found if compute_uv else found.S


def _svd_kink(x: Node, full: bool) -> Node:
    """Equal singular values, or one that is 0."""
    s = pick(apply(svd, x, full=full), 1)
    n, axis = s.shape[-1], s.rank - 1
    gaps = concatenate(cut(s, axis, 0, n - 1) - cut(s, axis, 1, n), last(s), axis=axis)
    return vanish(gaps, s, rank_bound(x))


def rank_bound(x: Node) -> float:
    """Below this part of the largest one a singular value is rounding."""
    return _rounding(max(map(_count, x.shape[-2:])), real_dtype(x.dtype))


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
    """The singular values of each matrix."""
    return _prepare_svd(x, compute_uv=False)


svdvals = spelling(
    "svdvals",
    complex=True,
    build=lambda x: svd_values(x),
    numpy=np.linalg.svdvals,
    aliases=aliases(numpy="linalg.svdvals", torch="linalg.svdvals"),
    samples=sampled((((3, 3),), {}), (((4, 2),), {}), (((2, 3, 4),), {})),
    doc=says("the singular values in descending order", "按降序排列的奇异值"),
)
