"""Inverses and linear systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import Inverse
from tidu.errors import EvaluationError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise, matrices_stacked
from tidu.ir.types import Type, broadcast_shapes, promote
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.define import aliases, float_type, joined, op, sampled, says
from tidu.ops.linalg.contraction import outer
from tidu.ops.linalg.matrices import REGULAR, regular, square
from tidu.words import Words

_SINGULAR = Words(
    en="the matrix is singular (condition number {condition}) and has no inverse",
    zh="矩阵奇异（条件数 {condition}），没有逆矩阵",
)
_SYSTEM = Words(
    en="solve({a}, {b}): {a} has shape {sa} and {b} {sb}; {b} needs {n} rows",
    zh="solve({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{b} 应有 {n} 行",
)


# ------------------------------------------------------------------ inverse
def _refuse_singular(x: Any, back: Any = None) -> None:
    """Check the condition. Raises EvaluationError for a matrix whose inverse has no correct digit.

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
    """Batch a solve: right sides of one system become the columns of a matrix; they come back as
    rows."""
    a, b = xs
    if b.rank - stacked[1] > 1:
        return solve(*matrices_stacked(xs, stacked))
    if not stacked[1]:
        return solve(a, b)
    if a.rank == 2:
        return solve(a, b.T).T
    columns = reshape(b, shape=(b.shape[0], *(1,) * (a.rank - stacked[0] - 2), b.shape[1], 1))
    solution = solve(a, columns)
    return reshape(solution, shape=solution.shape[:-1])


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
