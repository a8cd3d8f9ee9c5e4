"""Functions of matrices and matrix equations: exp, square root, Sylvester, triangles, bands.

exp, the square root and Sylvester's equation are calculated by SciPy, an optional package; the
others are written with NumPy's operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Fraction, Function, Math, Number, Power
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import Misfit, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, Type, product, promote
from tidu.ops.axes import tril, triu
from tidu.ops.define import Generator, aliases, float_type, function, op, sampled, says, spelling
from tidu.ops.indexing import cut
from tidu.ops.inverse import solve
from tidu.ops.layout import broadcast_to
from tidu.ops.matrices import definite, regular, square, turned
from tidu.ops.scipy_reference import scipy_function
from tidu.ops.structure import concatenate, diagonal_matrix, eye, filled
from tidu.words import Words, verbatim

_NO_ROOT = Words(
    en="the matrix has no real square root (eigenvalue {value})",
    zh="矩阵没有实的平方根（特征值 {value}）",
)
_COMPLEX_ROOT = Words(en="sqrtm(A + 0j)", zh="sqrtm(A + 0j)")
_SYLVESTER = Words(
    en="solve_sylvester(A, B, Q): A {sa}, B {sb} and Q {sc}; Q needs the rows of A and the columns "
    "of B",
    zh="solve_sylvester(A, B, Q)：A {sa}、B {sb}、Q {sc}；Q 的行数应同 A，列数应同 B",
)
_SHARED = Words(
    en="A and −B share an eigenvalue: A X + X B = Q has no unique solution",
    zh="A 与 −B 有公共特征值：A X + X B = Q 没有唯一解",
)
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


def scipy_linalg(name: str) -> Callable[..., Any]:
    """A function of scipy.linalg's, applied to each matrix of a batch."""

    def calculate(*operands: Any) -> Any:
        one = scipy_function(name, "scipy.linalg")
        if all(x.ndim == 2 for x in operands):
            return one(*operands)
        batch = operands[0].shape[:-2]
        flat = [x.reshape(-1, *x.shape[-2:]) for x in operands]
        found = [one(*(x[i] for x in flat)) for i in range(len(flat[0]))]
        return np.reshape(np.array(found), (*batch, *operands[-1].shape[-2:]))

    return calculate


def _scipy_code(name: str) -> Callable[..., str]:
    return lambda node, *xs: f"scipy.linalg.{name}({', '.join(xs)})"


# ------------------------------------------------------------------ exponential
def _block(corners: tuple[Node | None, Node, Node | None], like: Node) -> Node:
    """[A B; 0 D] of square blocks; None for zeros."""
    axis = like.rank - 1
    none = filled(0.0, like.shape, like.dtype)
    a, b, d = (none if part is None else part for part in corners)
    rows = concatenate(a, b, axis=axis), concatenate(none, d, axis=axis)
    return concatenate(*rows, axis=axis - 1)


def _corner(whole: Node, n: Dim, row: int, column: int) -> Node:
    axis = whole.rank - 1
    rows = cut(whole, axis - 1, n * row, n * row + n)
    return cut(rows, axis, n * column, n * column + n)


def _exp_change(x: Any, e: Any) -> Any:
    n = x.shape[-1]
    whole = np.block([[x, e], [np.zeros_like(x), x]])
    return np.asarray(scipy_linalg("expm")(whole))[..., :n, n:].astype(
        np.result_type(x, e), copy=False
    )


def _exp_change_adjoint(g: Node, x: Node, e: Node, out: Node) -> tuple[Node, Node]:
    """By x: exp′ at X is a corner of exp [X E; 0 X], so the same rule holds for that matrix."""
    n = x.shape[-1]
    whole = apply(exp_change, _block((x, e, x), out).mT, _block((None, g, None), out))
    return _corner(whole, n, 0, 0) + _corner(whole, n, 1, 1), apply(exp_change, x.mT, g)


def _exp_change_code(node: Node, x: str, e: str) -> str:
    n = node.shape[-1]
    return f"scipy.linalg.expm(np.block([[{x}, {e}], [0 * {x}, {x}]]))[..., :{n}, {n}:]"


exp_change = op(
    "exp_change",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=_exp_change_adjoint,
    batched=entrywise(lambda: exp_change),
    says=says("derivative of the matrix exponential", "矩阵指数的导数"),
    source="exp [X E; 0 X] = [eˣ exp′(X, E); 0 eˣ]",
    numpy=_exp_change,
    type_rule=lambda x, e: Type(x.shape, promote((x.dtype, e.dtype))),
    notation=function("exp′"),
    code=_exp_change_code,
    aliases={},
    samples=sampled((((3, 3), (3, 3)), {}), (((2, 2, 2), (2, 2, 2)), {})),
    doc=says("how the exponential of X changes in direction E", "矩阵 X 的指数沿方向 E 的变化"),
)


expm = op(
    "expm",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(exp_change, x.mT, g),),
    batched=entrywise(lambda: expm),
    says=says("derivative of the matrix exponential", "矩阵指数的导数"),
    source="d eˣ = exp′(X, dX), so Ā = exp′(Xᵀ, G)",
    numpy=lambda x: np.asarray(scipy_linalg("expm")(x)).astype(x.dtype, copy=False),
    type_rule=lambda x: square(x, "expm"),
    notation=lambda node, x: Power(Function("e"), x),
    code=_scipy_code("expm"),
    aliases=aliases(scipy="linalg.expm", torch=("linalg.matrix_exp", "matrix_exp")),
    samples=sampled((((1, 1),), {}), (((3, 3),), {}), (((2, 2, 2),), {})),
    doc=says("the matrix exponential Σ Xᵏ/k!", "矩阵指数 Σ Xᵏ/k!"),
)


# ------------------------------------------------------------------ Sylvester's equation
def _sylvester(a: Any, b: Any, q: Any) -> Any:
    values, others = np.linalg.eigvals(a), np.linalg.eigvals(b)
    sums = np.abs(values[..., :, None] + others[..., None, :])
    size = np.max(np.abs(values), initial=0.0) + np.max(np.abs(others), initial=0.0)
    if sums.size and np.min(sums) <= 8 * max(q.shape[-2:]) * np.finfo(sums.dtype).eps * size:
        raise EvaluationError(_SHARED())
    kind = np.result_type(a, b, q)  # one dtype: SciPy mixes up real and complex Schur forms
    return np.asarray(scipy_linalg("solve_sylvester")(*(x.astype(kind) for x in (a, b, q)))).astype(
        kind, copy=False
    )


def _sylvester_type(a: Type, b: Type, q: Type) -> Type:
    square(a, "solve_sylvester")
    square(b, "solve_sylvester")
    if q.shape != (*a.shape[:-1], b.shape[-1]) or b.shape[:-2] != a.shape[:-2]:
        raise Misfit(_SYLVESTER)
    return Type(q.shape, float_type(promote((a.dtype, b.dtype, q.dtype))))


def _sylvester_adjoint(g: Node, a: Node, b: Node, q: Node, out: Node) -> tuple[Node, Node, Node]:
    by_q = apply(solve_sylvester, a.mT, b.mT, g)
    return -(by_q @ out.mT), -(out.mT @ by_q), by_q


solve_sylvester = op(
    "solve_sylvester",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,) * 3,
    adjoint=_sylvester_adjoint,
    batched=entrywise(lambda: solve_sylvester),
    says=says("derivative of the solution of A X + X B = Q", "A X + X B = Q 之解的导数"),
    source="A dX + dX B = dQ − dA X − X dB: Aᵀ Q̄ + Q̄ Bᵀ = X̄, Ā = −Q̄ Xᵀ, B̄ = −Xᵀ Q̄",
    numpy=_sylvester,
    type_rule=_sylvester_type,
    notation=function("sylvester"),
    code=_scipy_code("solve_sylvester"),
    aliases=aliases(scipy="linalg.solve_sylvester"),
    samples=sampled(
        ((regular((3, 3)), regular((2, 2)), (3, 2)), {}),
        ((regular((2, 2, 2)), regular((2, 3, 3)), (2, 2, 3)), {}),
    ),
    doc=says("the X with A X + X B = Q", "满足 A X + X B = Q 的 X"),
)


# ------------------------------------------------------------------ square root
def _square_root(x: Any) -> Any:
    with np.errstate(all="ignore"):
        root: Any = np.asarray(scipy_linalg("sqrtm")(x))
    if root.dtype.kind == "c" and x.dtype.kind != "c":
        if np.any(np.abs(root.imag) > 1e-12 * np.max(np.abs(root))):
            worst = np.linalg.eigvals(x)
            value = worst.flat[np.argmin(worst.real)]
            raise EvaluationError(_NO_ROOT(value=f"{value.real:.3g}"), fix=_COMPLEX_ROOT())
        root = root.real
    return root.astype(x.dtype, copy=False)


def _half_power(node: Node, x: Math) -> Math:
    return Power(x, Fraction(Number("1"), Number("2")))


sqrtm = op(
    "sqrtm",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(solve_sylvester, out.mT, out.mT, g),),
    batched=entrywise(lambda: sqrtm),
    says=says("derivative of the matrix square root", "矩阵平方根的导数"),
    source="X = A^½: X dX + dX X = dA, so Xᵀ Ā + Ā Xᵀ = X̄",
    numpy=_square_root,
    type_rule=lambda x: square(x, "sqrtm"),
    notation=_half_power,
    code=_scipy_code("sqrtm"),
    aliases=aliases(scipy="linalg.sqrtm"),
    samples=sampled(*(((definite(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2)))),
    doc=says(
        "the X with X X = A whose eigenvalues have positive real parts",
        "满足 X X = A 且特征值实部为正的 X",
    ),
)


# ------------------------------------------------------------------ triangles
def _triangle(a: Node, lower: bool, unit: bool) -> Node:
    """One triangle of a; `unit`: with ones on the diagonal, whatever stands there."""
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
        part = turned(part)
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
    first, second = (factor, turned(factor)) if lower else (turned(factor), factor)
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
    """The matrix whose diagonals stand in the rows of ab, the uppermost first."""
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
        raise Misfit(_BANDS, below=l, above=u, wanted=l + u + 1, n=n)
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
            raise Misfit(_BLOCKS)
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
    from tidu.ops.layout import reshape  # noqa: PLC0415

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
