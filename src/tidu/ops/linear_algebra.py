"""Linear algebra: inverse, determinant and its logarithm, solving systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tidu.document.math import Apply, Function, Inverse
from tidu.errors import EvaluationError, InputError
from tidu.ir.build import Misfit, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.types import TupleType, Type, broadcast_shapes, promote
from tidu.ops.contraction import outer, trace_of
from tidu.ops.define import (
    Generator,
    aliases,
    float_type,
    function,
    joined,
    op,
    sampled,
    says,
    spelling,
)
from tidu.ops.layout import broadcast_to, reshape
from tidu.words import Words, verbatim

_SQUARE = Words(
    en="{name} needs a square matrix, {a} has shape {sa}",
    zh="{name} 需要方阵，{a} 的形状是 {sa}",
)
_SINGULAR = Words(
    en="the matrix is singular (condition number {condition}) and has no inverse",
    zh="矩阵奇异（条件数 {condition}），没有逆矩阵",
)
_SYSTEM = Words(
    en="solve({a}, {b}): {a} has shape {sa} and {b} {sb}; {b} needs {n} rows",
    zh="solve({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{b} 应有 {n} 行",
)
_POWER = Words(
    en="matrix_power needs a whole number as its exponent, not {n}",
    zh="matrix_power 的指数应为整数，而不是 {n}",
)


def _square(x: Type, name: str) -> Type:
    if x.rank < 2 or x.shape[-1] != x.shape[-2]:
        raise Misfit(_SQUARE, name=name)
    return Type(x.shape, float_type(x.dtype))


def _determinant_type(name: str) -> Callable[[Type], Type]:
    def rule(x: Type) -> Type:
        _square(x, name)
        return Type(x.shape[:-2], float_type(x.dtype))

    return rule


def _regular(shape: tuple[int, ...]) -> Callable[[Generator], Any]:
    """A matrix that is well away from singular ones."""

    def make(rng: Generator) -> Any:
        return rng.standard_normal(shape) + 3.0 * np.eye(shape[-1])

    return make


_REGULAR = sampled(*(((_regular(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2))))


# ------------------------------------------------------------------ inverse
def _refuse_singular(x: Any) -> None:
    """Raises for a matrix whose inverse has no correct digit."""
    with np.errstate(all="ignore"):
        condition = np.max(np.linalg.cond(x)) if x.size else 0.0
    if not condition < 1.0 / np.finfo(x.dtype).eps:
        raise EvaluationError(_SINGULAR(condition=f"{condition:.3g}"))


def _inverse(x: Any) -> Any:
    _refuse_singular(x)
    return np.linalg.inv(x)


inv = op(
    "inv",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (-(out.mT @ g @ out.mT),),
    says=says("derivative of the inverse", "逆矩阵的导数"),
    source="d(X⁻¹) = -X⁻¹ dX X⁻¹",
    numpy=_inverse,
    type_rule=lambda x: _square(x, "inv"),
    notation=lambda node, x: Inverse(x),
    code=lambda node, x: f"np.linalg.inv({x})",
    aliases=aliases(numpy="linalg.inv", torch=("linalg.inv", "inverse")),
    samples=_REGULAR,
    doc=says("the inverse of a square matrix", "方阵的逆"),
)


# ------------------------------------------------------------------ determinant
def _without(s: Any, count: int) -> Any:
    """Products of the singular values without one of them (n), or without two (n, n)."""
    n = s.shape[-1]
    keep = ~np.eye(n, dtype=bool)
    mask = keep if count == 1 else keep[:, None, :] & keep[None, :, :]
    return np.prod(np.where(mask, s.reshape(*s.shape[:-1], *(1,) * count, n), 1), axis=-1)


def _cofactor(x: Any) -> Any:
    """From the singular values, so that it is right for singular matrices too."""
    u, s, vt = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return (sign[..., None, None] * (u * _without(s, 1)[..., None, :]) @ vt).astype(x.dtype)


def _cofactor_change(x: Any, g: Any) -> Any:
    """The derivative of the cofactor matrix at x in direction g; between singular vectors it is
    Hᵢᵢ = Σₖ Pᵢₖ Gₖₖ and Hᵢₖ = -Pᵢₖ Gₖᵢ, with P the products without two singular values."""
    u, s, vt = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    inner = np.swapaxes(u, -1, -2) @ g @ np.swapaxes(vt, -1, -2)
    n = s.shape[-1]
    pairs = np.where(np.eye(n, dtype=bool), 0, _without(s, 2))
    own = np.diagonal(inner, axis1=-2, axis2=-1)
    change = -pairs * np.swapaxes(inner, -1, -2)
    change = change + np.eye(n) * (pairs @ own[..., None])
    return (sign[..., None, None] * (u @ change @ vt)).astype(x.dtype)


def _number_for(x: Node, value: Node) -> Node:
    """One number for each matrix of the batch, ready to multiply the matrices."""
    return reshape(value, shape=(*x.shape[:-2], 1, 1))


def _change_definition(x: Node, g: Node) -> Node:
    """For a matrix with an inverse: cof X = det X · X⁻ᵀ, differentiated."""
    back = inv(x).mT
    share = _number_for(x, trace_of(inv(x) @ g))
    return _number_for(x, det(x)) * (share * back - back @ g.mT @ back)


def _change_adjoint(h: Node, x: Node, g: Node, out: Node) -> tuple[Node, Node]:
    """By g: the second derivative of det is symmetric, so the same map. By x: the third derivative,
    stated for matrices with an inverse (with A = X⁻¹G, B = X⁻¹H); others are refused by `inv`."""
    back = inv(x)
    a, b = back @ g, back @ h
    trace_a, trace_b = _number_for(x, trace_of(a)), _number_for(x, trace_of(b))
    both = trace_a * trace_b - _number_for(x, trace_of(a @ b))
    third = both * back - trace_b * (a @ back) - trace_a * (b @ back) + (a @ b + b @ a) @ back
    return _number_for(x, det(x)) * third.mT, cofactor_change(x, h)


cofactor_change = op(
    "cofactor_change",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    definition=_change_definition,
    adjoint=_change_adjoint,
    says=says("second derivative of the determinant", "行列式的二阶导数"),
    source="d cof X = det X (tr(X⁻¹dX) X⁻ᵀ - X⁻ᵀ dXᵀ X⁻ᵀ), continued to singular X",
    numpy=_cofactor_change,
    type_rule=lambda x, g: Type(x.shape, promote((x.dtype, g.dtype))),
    notation=lambda node, x, g: Apply(Function("cof′"), (x, g)),
    code=lambda node, x, g: _change_code(x, g),
    aliases={},
    samples=sampled(((_regular((3, 3)), (3, 3)), {})),
    doc=says("how the cofactor matrix changes in a direction", "余子式矩阵沿某方向的变化"),
)


def _change_code(x: str, g: str) -> str:
    back = f"np.linalg.inv({x}).mT"
    trace = f"np.trace(np.linalg.inv({x}) @ {g}, axis1=-2, axis2=-1)[..., None, None]"
    return f"(np.linalg.det({x})[..., None, None] * ({trace} * {back} - {back} @ {g}.mT @ {back}))"


cofactor = op(
    "cofactor",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(cofactor_change, x, g),),
    says=says("second derivative of the determinant", "行列式的二阶导数"),
    source="the second derivative of det is symmetric",
    numpy=_cofactor,
    type_rule=lambda x: _square(x, "cofactor"),
    notation=function("cof"),
    code=lambda node, x: f"(np.linalg.det({x})[..., None, None] * np.linalg.inv({x}).mT)",
    aliases={},
    samples=_REGULAR,
    doc=says(
        "the matrix of cofactors, det X · X⁻ᵀ where X has an inverse",
        "余子式矩阵，X 可逆时为 det X · X⁻ᵀ",
    ),
)


det = op(
    "det",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (_number_for(x, g) * cofactor(x),),
    says=says("the gradient of the determinant is the cofactor matrix", "行列式的梯度是余子式矩阵"),
    source="d det X = tr(cof(X)ᵀ dX)",
    numpy=lambda x: np.asarray(np.linalg.det(x)),
    type_rule=_determinant_type("det"),
    notation=function("det"),
    code=lambda node, x: f"np.linalg.det({x})",
    aliases=aliases(numpy="linalg.det", torch=("linalg.det", "det")),
    samples=_REGULAR,
    doc=says("the determinant", "行列式"),
)

sign_det = op(
    "sign_det",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (None,),
    says=says("a sign is flat: its derivative is 0", "符号处处水平：导数为 0"),
    source="zero almost everywhere",
    numpy=lambda x: np.asarray(np.linalg.slogdet(x)[0]),
    type_rule=_determinant_type("slogdet"),
    notation=lambda node, x: Apply(Function("sign"), (Apply(Function("det"), (x,)),)),
    code=lambda node, x: f"np.linalg.slogdet({x})[0]",
    aliases={},
    samples=_REGULAR,
    doc=says("the sign of the determinant", "行列式的符号"),
)


def _log_det_adjoint(g: Node, x: Node, out: Node) -> tuple[Node]:
    return (_number_for(x, g) * inv(x).mT,)


_LOG_DET = says("derivative of the log-determinant", "对数行列式的导数")

logabsdet = op(
    "logabsdet",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_log_det_adjoint,
    says=_LOG_DET,
    source="d ln|det X| = tr(X⁻¹ dX)",
    numpy=lambda x: np.asarray(np.linalg.slogdet(x)[1]),
    type_rule=_determinant_type("slogdet"),
    notation=lambda node, x: Apply(Function("ln|det|"), (x,)),
    code=lambda node, x: f"np.linalg.slogdet({x})[1]",
    aliases={},
    samples=_REGULAR,
    doc=says("ln |det X| without overflow", "不会溢出的 ln |det X|"),
)


def _log_det(x: Any) -> Any:
    sign, size = np.linalg.slogdet(x)
    return np.asarray(np.where(sign >= 0, size, np.nan)).astype(x.dtype)


logdet = op(
    "logdet",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_log_det_adjoint,
    says=_LOG_DET,
    source="d ln det X = tr(X⁻¹ dX)",
    numpy=_log_det,
    type_rule=_determinant_type("logdet"),
    notation=lambda node, x: Apply(Function("ln det"), (x,)),
    code=lambda node, x: f"np.linalg.slogdet({x})[1]",
    aliases=aliases(torch=("logdet",)),
    samples=_REGULAR,
    doc=says("ln det X, NaN where the determinant is negative", "ln det X，行列式为负时为 NaN"),
)


class SignAndLog(NamedTuple):
    """What slogdet gives: two nodes, named as NumPy names them."""

    sign: Node
    logabsdet: Node


def _slogdet(x: Node) -> SignAndLog:
    return SignAndLog(sign_det(x), logabsdet(x))


def _slogdet_type(x: Type) -> TupleType:
    one = _determinant_type("slogdet")(x)
    return TupleType((one, one))


slogdet = op(
    "slogdet",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=_slogdet,
    prepare=_slogdet,
    says=_LOG_DET,
    source="d ln|det X| = tr(X⁻¹ dX)",
    numpy=np.linalg.slogdet,
    type_rule=_slogdet_type,
    notation=function("slogdet"),
    aliases=aliases(numpy="linalg.slogdet", torch=("linalg.slogdet", "slogdet")),
    samples=_REGULAR,
    doc=says("the sign of det X and ln |det X|", "det X 的符号和 ln |det X|"),
)


# ------------------------------------------------------------------ systems
def _solve_type(a: Type, b: Type) -> Type:
    _square(a, "solve")
    rows = b.shape[0] if b.rank == 1 else b.shape[-2] if b.rank > 1 else None
    if rows != a.shape[-1]:
        raise Misfit(_SYSTEM, n=a.shape[-1])
    dtype = float_type(promote((a.dtype, b.dtype)))
    if b.rank == 1:
        return Type((*a.shape[:-2], *b.shape), dtype)
    return Type((*a.shape[:-2], *b.shape[-2:]), dtype)


def _prepare_solve(a: Node, b: Node) -> Node:
    """Batches are stretched by explicit broadcasts, as for matrix products."""
    if a.rank >= 2 and b.rank >= 2 and max(a.rank, b.rank) > 2:
        batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
        if isinstance(batch, int):
            raise Misfit(_SYSTEM, n=a.shape[-1])
        a = broadcast_to(a, shape=(*batch, *a.shape[-2:]))
        b = broadcast_to(b, shape=(*batch, *b.shape[-2:]))
    elif a.rank > 2 and b.rank == 1:
        wide = broadcast_to(b, shape=(*a.shape[:-2], *b.shape))
        column = apply(solve, a, reshape(wide, shape=(*wide.shape, 1)))
        return reshape(column, shape=wide.shape)
    return apply(solve, a, b)


def _solve(a: Any, b: Any) -> Any:
    _refuse_singular(a)
    return np.linalg.solve(a, b)


def _solve_adjoint(g: Node, a: Node, b: Node, out: Node) -> tuple[Node, Node]:
    by_b = solve(a.mT, g)
    return -(outer(by_b, out) if b.rank == 1 else by_b @ out.mT), by_b


solve = op(
    "solve",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=_solve_adjoint,
    says=says("derivative of the solution of a linear system", "线性方程组之解的导数"),
    source="x = A⁻¹b, g = ∂L/∂x: ∂L/∂b = A⁻ᵀ g, ∂L/∂A = −(A⁻ᵀ g) xᵀ",
    numpy=_solve,
    type_rule=_solve_type,
    prepare=_prepare_solve,
    notation=lambda node, a, b: joined([Inverse(a), b], ""),
    code=lambda node, a, b: f"np.linalg.solve({a}, {b})",
    aliases=aliases(numpy="linalg.solve", torch="linalg.solve"),
    samples=sampled(
        ((_regular((3, 3)), (3,)), {}),
        ((_regular((3, 3)), (3, 2)), {}),
        ((_regular((2, 3, 3)), (2, 3, 2)), {}),
        ((_regular((2, 3, 3)), (3, 2)), {}),
        ((_regular((2, 3, 3)), (3,)), {}),
    ),
    doc=says("the x with A x = b", "满足 A x = b 的 x"),
)


def _matrix_power(x: Node, n: Any) -> Node:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise InputError(_POWER(n=n), fix=verbatim("matrix_power(A, 3)"))
    base, rest = (inv(x), -int(n)) if n < 0 else (x, int(n))
    if rest == 0:
        from tidu.ops.structure import eye  # noqa: PLC0415  (only for the power 0)

        return broadcast_to(eye(rows=x.shape[-1]), shape=x.shape)
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
    numpy=np.linalg.matrix_power,
    aliases=aliases(numpy="linalg.matrix_power", torch=("linalg.matrix_power", "matrix_power")),
    samples=sampled(*(((_regular((3, 3)),), {"n": n}) for n in (0, 1, 3, -2))),
)

matrix_transpose = spelling(
    "matrix_transpose",
    lambda x: x.mT,
    numpy=np.matrix_transpose,
    aliases=aliases(numpy=("matrix_transpose", "linalg.matrix_transpose"), torch="adjoint"),
    samples=sampled((((2, 3),), {}), (((2, 3, 4),), {})),
)
