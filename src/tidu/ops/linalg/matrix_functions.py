"""Functions of matrices and the equation behind them: exp, log, square root, Sylvester.

SciPy, an optional package, calculates them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tidu.document.math import Fraction, Function, Math, Number, Power
from tidu.errors import EvaluationError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, Type, promote
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.structure import concatenate, filled
from tidu.ops.define import aliases, float_type, function, op, sampled, says
from tidu.ops.linalg.matrices import definite, regular, square
from tidu.ops.special.scipy_reference import scipy_function
from tidu.words import Words

_NO_ROOT = Words(
    en="the matrix has no real square root (eigenvalue {value})",
    zh="矩阵没有实的平方根（特征值 {value}）",
)
_NO_LOGARITHM = Words(
    en="the matrix has no real logarithm (eigenvalue {value})",
    zh="矩阵没有实的对数（特征值 {value}）",
)
_NOT_REAL: Mapping[str, Words] = {"sqrtm": _NO_ROOT, "logm": _NO_LOGARITHM}
_AS_COMPLEX = Words(en="{name}(A + 0j)", zh="{name}(A + 0j)")
_SYLVESTER = Words(
    en="solve_sylvester(A, B, Q): A {sa}, B {sb} and Q {sc}; Q needs the rows of A and the columns "
    "of B",
    zh="solve_sylvester(A, B, Q)：A {sa}、B {sb}、Q {sc}；Q 的行数应同 A，列数应同 B",
)
_SHARED = Words(
    en="A and −B share an eigenvalue: A X + X B = Q has no unique solution",
    zh="A 与 −B 有公共特征值：A X + X B = Q 没有唯一解",
)


def scipy_linalg(name: str) -> Callable[..., Any]:
    """Return a function of scipy.linalg's, applied to each matrix of a batch."""

    def calculate(*operands: Any) -> Any:
        one = scipy_function(name, "scipy.linalg")
        if all(x.ndim == 2 for x in operands):
            return one(*operands)
        batch = operands[0].shape[:-2]
        flat = [x.reshape(math.prod(batch), *x.shape[-2:]) for x in operands]
        results = [one(*(x[i] for x in flat)) for i in range(len(flat[0]))]
        return np.reshape(np.array(results), (*batch, *operands[-1].shape[-2:]))

    return calculate


def _scipy_code(name: str) -> Callable[..., str]:
    return lambda node, *xs: f"scipy.linalg.{name}({', '.join(xs)})"


# ------------------------------------------------------------------ exponential and logarithm
def _block(corners: tuple[Node | None, Node, Node | None], like: Node) -> Node:
    """Return [A B; 0 D] of square blocks; None for zeros."""
    axis = like.rank - 1
    none = filled(0.0, like.shape, like.dtype)
    a, b, d = (none if part is None else part for part in corners)
    rows = concatenate(a, b, axis=axis), concatenate(none, d, axis=axis)
    return concatenate(*rows, axis=axis - 1)


def _corner(whole: Node, n: Dim, row: int, column: int) -> Node:
    axis = whole.rank - 1
    rows = cut(whole, axis - 1, n * row, n * row + n)
    return cut(rows, axis, n * column, n * column + n)


def _whole(name: str) -> Callable[[Any], Any]:
    """Return a function of scipy.linalg's on real or complex matrices; of real ones the result is
    real."""

    def calculate(x: Any) -> Any:
        with np.errstate(all="ignore"):
            double = x.astype(np.result_type(x, np.float64))
            result: Any = np.asarray(scipy_linalg(name)(double))
        if result.dtype.kind == "c" and x.dtype.kind != "c":
            if np.any(np.abs(result.imag) > 1e-12 * np.max(np.abs(result))):
                values = np.linalg.eigvals(x)
                worst = values.flat[np.argmin(values.real)]
                what = _NOT_REAL[name](value=f"{worst.real:.3g}")
                raise EvaluationError(what, fix=_AS_COMPLEX(name=name))
            result = result.real
        return result.astype(x.dtype, copy=False)

    return calculate


def _change(name: str, derivative: Words, formula: str, doc: Words) -> Op:
    """Return the op for how a function of a matrix X changes in direction E.

    It is a corner of f [X E; 0 X]. So the same rule holds for its own derivative, with that matrix.
    """

    def calculate(x: Any, e: Any) -> Any:
        n = x.shape[-1]
        blocks = np.block([[x, e], [np.zeros_like(x), x]])
        return np.asarray(_whole(f"{name}m")(blocks))[..., :n, n:].astype(
            np.result_type(x, e), copy=False
        )

    def adjoint(g: Node, x: Node, e: Node, out: Node) -> tuple[Node, Node]:
        n = x.shape[-1]
        blocks = apply(change, _block((x, e, x), out).mT, _block((None, g, None), out))
        return _corner(blocks, n, 0, 0) + _corner(blocks, n, 1, 1), apply(change, x.mT, g)

    def code(node: Node, x: str, e: str) -> str:
        n = node.shape[-1]
        return f"scipy.linalg.{name}m(np.block([[{x}, {e}], [0 * {x}, {x}]]))[..., :{n}, {n}:]"

    change = op(
        f"{name}_change",
        complex=True,
        form=Form.OPAQUE,
        loop=Loop.CALL,
        operands=(Operand.VALUE, Operand.VALUE),
        adjoint=adjoint,
        batched=entrywise(lambda: change),
        says=derivative,
        source=formula,
        numpy=calculate,
        type_rule=lambda x, e: Type(x.shape, promote((x.dtype, e.dtype))),
        notation=function(f"{name}′"),
        code=code,
        aliases={},
        samples=sampled(*(((definite(s), s), {}) for s in ((3, 3), (2, 2, 2)))),
        doc=doc,
    )
    return change


exp_change = _change(
    "exp",
    says("derivative of the matrix exponential", "矩阵指数的导数"),
    "exp [X E; 0 X] = [eˣ exp′(X, E); 0 eˣ]",
    says("how the exponential of X changes in direction E", "矩阵 X 的指数沿方向 E 的变化"),
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
    numpy=_whole("expm"),
    type_rule=lambda x: square(x, "expm"),
    notation=lambda node, x: Power(Function("e"), x),
    code=_scipy_code("expm"),
    aliases=aliases(scipy="linalg.expm", torch=("linalg.matrix_exp", "matrix_exp")),
    samples=sampled((((1, 1),), {}), (((3, 3),), {}), (((2, 2, 2),), {})),
    doc=says("the matrix exponential Σ Xᵏ/k!", "矩阵指数 Σ Xᵏ/k!"),
)
log_change = _change(
    "log",
    says("derivative of the matrix logarithm", "矩阵对数的导数"),
    "log [X E; 0 X] = [log X log′(X, E); 0 log X]",
    says("how the logarithm of X changes in direction E", "矩阵 X 的对数沿方向 E 的变化"),
)
logm = op(
    "logm",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(log_change, x.mT, g),),
    batched=entrywise(lambda: logm),
    says=says("derivative of the matrix logarithm", "矩阵对数的导数"),
    source="d log X = log′(X, dX), so Ā = log′(Xᵀ, G)",
    numpy=_whole("logm"),
    type_rule=lambda x: square(x, "logm"),
    notation=function("logm"),
    code=_scipy_code("logm"),
    aliases=aliases(scipy="linalg.logm"),
    samples=sampled(*(((definite(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2)))),
    doc=says(
        "the L with eᴸ = A whose eigenvalues have imaginary parts between −π and π",
        "满足 eᴸ = A 且特征值虚部在 −π 与 π 之间的 L",
    ),
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
        raise OperandError(_SYLVESTER)
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
    numpy=_whole("sqrtm"),
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
