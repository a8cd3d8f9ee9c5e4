"""Determinants: the determinant, its sign and logarithm, and the cofactors that derive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Type, promote, real_dtype
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.statistics import prod
from tidu.ops.arrays.structure import eye
from tidu.ops.define import aliases, float_type, function, op, sampled, says
from tidu.ops.elementwise.parts import conj, imag, is_complex
from tidu.ops.linalg.contraction import trace_of
from tidu.ops.linalg.inverse import inv
from tidu.ops.linalg.matrices import REGULAR, number_for, regular, square
from tidu.ops.linalg.singular import svd
from tidu.ops.results import results_of


def _determinant_type(name: str) -> Callable[[Type], Type]:
    def rule(x: Type) -> Type:
        square(x, name)
        return Type(x.shape[:-2], float_type(x.dtype))

    return rule


def _without(s: Any, count: int) -> Any:
    """Return products of the singular values without one of them (n), or without two (n, n)."""
    n = s.shape[-1]
    keep = ~np.eye(n, dtype=bool)
    mask = keep if count == 1 else keep[:, None, :] & keep[None, :, :]
    return np.prod(np.where(mask, s.reshape(*s.shape[:-1], *(1,) * count, n), 1), axis=-1)


def _cofactor(x: Any) -> Any:
    """Return the cofactor matrices, from singular values, so that they are right for singular
    matrices too."""
    u, s, vt = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    u, vt = np.conj(u), np.conj(vt)  # the cofactor matrix of a unitary U is det U · conj(U)
    return (sign[..., None, None] * (u * _without(s, 1)[..., None, :]) @ vt).astype(x.dtype)


def _cofactor_change(x: Any, g: Any) -> Any:
    """Return the derivative of the cofactor matrix at x in direction g; between singular vectors it
    is Hᵢᵢ = Σₖ Pᵢₖ Gₖₖ and Hᵢₖ = -Pᵢₖ Gₖᵢ, with P the products without two singular values."""
    u, s, vt = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    u, vt = np.conj(u), np.conj(vt)
    inner = np.swapaxes(u, -1, -2) @ g @ np.swapaxes(vt, -1, -2)
    n = s.shape[-1]
    pairs = np.where(np.eye(n, dtype=bool), 0, _without(s, 2))
    diagonal = np.diagonal(inner, axis1=-2, axis2=-1)
    change = -pairs * np.swapaxes(inner, -1, -2)
    change = change + np.eye(n) * (pairs @ diagonal[..., None])
    return (sign[..., None, None] * (u @ change @ vt)).astype(np.result_type(x, g))


def _parts(x: Node) -> tuple[Node, Node, Node, Node]:
    """Return det U · det Vᴴ as a matrix would be multiplied by it, conj U, the singular values in a
    row, conj Vᴴ: what the cofactors are written with where a language has no word for them."""
    u, s, vt = results_of(apply(svd, x, full=False))
    sign = number_for(x, det(u) * det(vt))
    return sign, conj(u), s[..., None, :], conj(vt)


def _cofactor_by_values(x: Node) -> Node:
    """Return `_cofactor` in nodes."""
    sign, u, row, vt = _parts(x)
    diagonal = _identity(row)
    return sign * ((u * prod(row * (1.0 - diagonal) + diagonal, axis=-1)[..., None, :]) @ vt)


def _change_by_values(x: Node, g: Node) -> Node:
    """Return `_cofactor_change` in nodes."""
    sign, u, row, vt = _parts(x)
    diagonal = _identity(row)
    other = 1.0 - diagonal
    both = other[:, None, :] * other
    pairs = other * prod(row[..., None, :, :] * both + (1.0 - both), axis=-1)
    inner = u.mT @ g @ vt.mT
    alone = (pairs @ sum_(inner * diagonal, axis=-1)[..., None]) * diagonal
    return sign * (u @ (alone - pairs * inner.mT) @ vt)


def _identity(row: Node) -> Node:
    return eye(rows=row.shape[-1], dtype=real_dtype(row.dtype))


def _change_definition(x: Node, g: Node) -> Node:
    """Differentiate cof X = det X · X⁻ᵀ, for a matrix with an inverse."""
    back = inv(x).mT
    share = number_for(x, trace_of(inv(x) @ g))
    return number_for(x, det(x)) * (share * back - back @ g.mT @ back)


def _change_adjoint(h: Node, x: Node, g: Node, out: Node) -> tuple[Node, Node]:
    """Pull back. By g: the second derivative of det is symmetric, so the same map. By x: the third
    derivative, stated for matrices with an inverse (with A = X⁻¹G, B = X⁻¹H); others are refused by
    `inv`."""
    back = inv(x)
    a, b = back @ g, back @ h
    trace_a, trace_b = number_for(x, trace_of(a)), number_for(x, trace_of(b))
    both = trace_a * trace_b - number_for(x, trace_of(a @ b))
    third = both * back - trace_b * (a @ back) - trace_a * (b @ back) + (a @ b + b @ a) @ back
    return number_for(x, det(x)) * third.mT, cofactor_change(x, h)


cofactor_change = op(
    "cofactor_change",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    definition=_change_definition,
    adjoint=_change_adjoint,
    batched=entrywise(lambda: cofactor_change),
    says=says("second derivative of the determinant", "行列式的二阶导数"),
    source="d cof X = det X (tr(X⁻¹dX) X⁻ᵀ - X⁻ᵀ dXᵀ X⁻ᵀ), continued to singular X",
    numpy=_cofactor_change,
    type_rule=lambda x, g: Type(x.shape, promote((x.dtype, g.dtype))),
    notation=lambda node, x, g: Apply(Function("cof′"), (x, g)),
    code=lambda node, x, g: "",
    lower=lambda x, g: _change_by_values(x, g),
    aliases={},
    samples=sampled(((regular((3, 3)), (3, 3)), {})),
    doc=says("how the cofactor matrix changes in a direction", "余子式矩阵沿某方向的变化"),
)


cofactor = op(
    "cofactor",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(cofactor_change, x, g),),
    batched=entrywise(lambda: cofactor),
    says=says("second derivative of the determinant", "行列式的二阶导数"),
    source="the second derivative of det is symmetric",
    numpy=_cofactor,
    type_rule=lambda x: square(x, "cofactor"),
    notation=function("cof"),
    code=lambda node, x: "",
    lower=lambda x: _cofactor_by_values(x),
    aliases=aliases(text="cof"),
    samples=REGULAR,
    doc=says(
        "the matrix of cofactors, det X · X⁻ᵀ where X has an inverse",
        "余子式矩阵，X 可逆时为 det X · X⁻ᵀ",
    ),
)


det = op(
    "det",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (number_for(x, g) * cofactor(x),),
    batched=entrywise(lambda: det),
    says=says("the gradient of the determinant is the cofactor matrix", "行列式的梯度是余子式矩阵"),
    source="d det X = tr(cof(X)ᵀ dX)",
    numpy=lambda x: np.asarray(np.linalg.det(x)),
    type_rule=_determinant_type("det"),
    notation=function("det"),
    code=lambda node, x: f"np.linalg.det({x})",
    aliases=aliases(numpy="linalg.det", torch=("linalg.det", "det")),
    samples=REGULAR,
    doc=says("the determinant", "行列式"),
)


def _sign_adjoint(g: Node, x: Node, out: Node) -> tuple[Node | None]:
    """Pull g back, since Re(g·i·sign·Im t) = Re(i·Im(g·sign)·t) with t = tr(X⁻¹ dX)."""
    if not is_complex(x):
        return (None,)
    return (number_for(x, 1j * imag(g * out)) * inv(x).mT,)


sign_det = op(
    "sign_det",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_sign_adjoint,
    batched=entrywise(lambda: sign_det),
    says=says("derivative of the sign of the determinant", "行列式符号的导数"),
    source="0 for real X; d(z/|z|) = i (z/|z|) Im tr(X⁻¹ dX) for z = det X",
    numpy=lambda x: np.asarray(np.linalg.slogdet(x)[0]),
    type_rule=_determinant_type("slogdet"),
    notation=lambda node, x: Apply(Function("sign"), (Apply(Function("det"), (x,)),)),
    code=lambda node, x: f"np.linalg.slogdet({x})[0]",
    sources={"torch": lambda node, x: f"torch.linalg.slogdet({x})[0]"},
    aliases={},
    samples=REGULAR,
    doc=says("the sign of the determinant", "行列式的符号"),
)


def _log_det_adjoint(g: Node, x: Node, out: Node) -> tuple[Node]:
    return (number_for(x, g) * inv(x).mT,)


def _log_size_type(x: Type) -> Type:
    one = _determinant_type("slogdet")(x)
    return Type(one.shape, real_dtype(one.dtype))


LOG_DET = says("derivative of the log-determinant", "对数行列式的导数")

logabsdet = op(
    "logabsdet",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_log_det_adjoint,
    batched=entrywise(lambda: logabsdet),
    says=LOG_DET,
    source="d ln|det X| = tr(X⁻¹ dX)",
    numpy=lambda x: np.asarray(np.linalg.slogdet(x)[1]),
    type_rule=_log_size_type,
    notation=lambda node, x: Apply(Function("ln|det|"), (x,)),
    code=lambda node, x: f"np.linalg.slogdet({x})[1]",
    sources={"torch": lambda node, x: f"torch.linalg.slogdet({x})[1]"},
    aliases={},
    samples=REGULAR,
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
    batched=entrywise(lambda: logdet),
    says=LOG_DET,
    source="d ln det X = tr(X⁻¹ dX)",
    numpy=_log_det,
    type_rule=_determinant_type("logdet"),
    notation=lambda node, x: Apply(Function("ln det"), (x,)),
    code=lambda node, x: f"np.linalg.slogdet({x})[1]",
    aliases=aliases(torch=("logdet",)),
    samples=REGULAR,
    doc=says("ln det X, NaN where the determinant is negative", "ln det X，行列式为负时为 NaN"),
)
