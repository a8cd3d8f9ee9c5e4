"""Inverses and linear systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.document.math import Inverse
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Operand
from tidu.ir.stacking import entrywise, matrices_stacked
from tidu.ir.types import Type, broadcast_shapes, is_empty, product, promote
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.structure import eye
from tidu.ops.define import Generator, aliases, float_type, joined, op, sampled, says, spelling
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.contraction import outer
from tidu.ops.linalg.matrices import REGULAR, regular, square
from tidu.words import Words, verbatim

_SINGULAR = Words(
    en="the matrix is singular (condition number {condition}) and has no inverse",
    zh="矩阵奇异（条件数 {condition}），没有逆矩阵",
)
_SYSTEM = Words(
    en="solve({a}, {b}): {a} has shape {sa} and {b} {sb}; {b} needs {n} rows",
    zh="solve({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{b} 应有 {n} 行",
)
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


# ------------------------------------------------------------------ inverse
def _refuse_singular(x: Any, back: Any = None) -> None:
    """Raises for a matrix whose inverse has no correct digit.

    Where the inverse is known, its 1-norm bounds the condition number; the number itself, which
    costs many times more, is only calculated where that bound does not settle it.
    """
    limit = 1.0 / np.finfo(x.dtype).eps
    with np.errstate(all="ignore"):
        if back is not None and x.size:
            bound = np.max(_largest_column(x) * _largest_column(back))
            if bound * x.shape[-1] < limit:
                return
        try:
            condition = np.max(np.linalg.cond(x)) if x.size else 0.0
        except np.linalg.LinAlgError:  # NaN or infinity in it
            condition = np.inf
    if not condition < limit:
        raise EvaluationError(_SINGULAR(condition=f"{condition:.3g}"))


def _largest_column(x: Any) -> Any:
    return np.max(np.sum(np.abs(x), axis=-2), axis=-1)


def _inverse(x: Any) -> Any:
    try:
        back = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        back = None
    _refuse_singular(x, back)
    return back


inv = op(
    "inv",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (-(out.mT @ g @ out.mT),),
    batched=entrywise(lambda: inv),
    says=says("derivative of the inverse", "逆矩阵的导数"),
    source="d(X⁻¹) = -X⁻¹ dX X⁻¹",
    numpy=_inverse,
    type_rule=lambda x: square(x, "inv"),
    notation=lambda node, x: Inverse(x),
    code=lambda node, x: f"np.linalg.inv({x})",
    aliases=aliases(numpy="linalg.inv", torch=("linalg.inv", "inverse")),
    samples=REGULAR,
    doc=says("the inverse of a square matrix", "方阵的逆"),
)


# ------------------------------------------------------------------ systems
def _solve_type(a: Type, b: Type) -> Type:
    square(a, "solve")
    rows = b.shape[0] if b.rank == 1 else b.shape[-2] if b.rank > 1 else None
    if rows != a.shape[-1]:
        raise OperandError(_SYSTEM, n=a.shape[-1])
    dtype = float_type(promote((a.dtype, b.dtype)))
    if b.rank == 1:
        return Type((*a.shape[:-2], *b.shape), dtype)
    return Type((*a.shape[:-2], *b.shape[-2:]), dtype)


def _prepare_solve(a: Node, b: Node) -> Node:
    """Broadcast the batches explicitly, as for matrix products."""
    if a.rank >= 2 and b.rank >= 2 and max(a.rank, b.rank) > 2:
        batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
        if isinstance(batch, int):
            raise OperandError(_SYSTEM, n=a.shape[-1])
        a = broadcast_to(a, shape=(*batch, *a.shape[-2:]))
        b = broadcast_to(b, shape=(*batch, *b.shape[-2:]))
    elif a.rank > 2 and b.rank == 1:
        wide = broadcast_to(b, shape=(*a.shape[:-2], *b.shape))
        column = apply(solve, a, reshape(wide, shape=(*wide.shape, 1)))
        return reshape(column, shape=wide.shape)
    return apply(solve, a, b)


def _solve(a: Any, b: Any) -> Any:
    try:
        back = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        back = None
    _refuse_singular(a, back)
    return np.linalg.solve(a, b)


def _solve_adjoint(g: Node, a: Node, b: Node, out: Node) -> tuple[Node, Node]:
    by_b = solve(a.mT, g)
    return -(outer(by_b, out) if b.rank == 1 else by_b @ out.mT), by_b


def _batched_solve(xs: Sequence[Node], stacked: Sequence[bool]) -> Node:
    """Right sides of one system become the columns of a matrix; they come back as rows."""
    a, b = xs
    if b.rank - stacked[1] > 1:
        return solve(*matrices_stacked(xs, stacked))
    if not stacked[1]:
        return solve(a, b)
    if a.rank == 2:
        return solve(a, b.T).T
    columns = reshape(b, shape=(b.shape[0], *(1,) * (a.rank - stacked[0] - 2), b.shape[1], 1))
    found = solve(a, columns)
    return reshape(found, shape=found.shape[:-1])


solve = op(
    "solve",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=_solve_adjoint,
    batched=_batched_solve,
    says=says("derivative of the solution of a linear system", "线性方程组之解的导数"),
    source="x = A⁻¹b, g = ∂L/∂x: ∂L/∂b = A⁻ᵀ g, ∂L/∂A = −(A⁻ᵀ g) xᵀ",
    numpy=_solve,
    type_rule=_solve_type,
    prepare=_prepare_solve,
    notation=lambda node, a, b: joined([Inverse(a), b], ""),
    code=lambda node, a, b: f"np.linalg.solve({a}, {b})",
    aliases=aliases(numpy="linalg.solve", torch="linalg.solve"),
    samples=sampled(
        ((regular((3, 3)), (3,)), {}),
        ((regular((3, 3)), (3, 2)), {}),
        ((regular((2, 3, 3)), (2, 3, 2)), {}),
        ((regular((2, 3, 3)), (3, 2)), {}),
        ((regular((2, 3, 3)), (3,)), {}),
    ),
    doc=says("the x with A x = b", "满足 A x = b 的 x"),
)


# ------------------------------------------------------------------ tensors as matrices
def _shaped(*shape: int) -> Callable[[Generator], Any]:
    """A tensor that is well away from singular ones when its axes are read as rows and columns."""
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
