"""What the families of linear algebra share: the type of a square matrix, samples, symmetry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function
from tidu.errors import EvaluationError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, Type
from tidu.ops.arrays.layout import is_matrix_transpose, reshape
from tidu.ops.arrays.structure import diagonal_matrix, eye
from tidu.ops.define import Generator, float_type, function, op, sampled, says
from tidu.ops.elementwise.arithmetic import add, multiply
from tidu.ops.elementwise.parts import conj, is_complex
from tidu.ops.linalg.contraction import matmul
from tidu.ops.numbers import number_of
from tidu.ops.results import is_zero
from tidu.words import Words

_SQUARE = Words(
    en="{name} needs a square matrix, {a} has shape {sa}",
    zh="{name} 需要方阵，{a} 的形状是 {sa}",
)
_MATRIX = Words(
    en="{name} needs a matrix, {a} has shape {sa}", zh="{name} 需要矩阵，{a} 的形状是 {sa}"
)

_ORDER = Words(
    en="which of the sizes {rows} and {columns} of {a} is the smaller one must be known here",
    zh="这里需要知道 {a} 的大小 {rows} 与 {columns} 哪个更小",
)


_LAPACK = Words(
    en="{name} has no answer for this matrix: it holds NaN or infinity, or the iteration did not "
    "converge",
    zh="{name} 对这个矩阵没有结果：矩阵含 NaN 或无穷大，或迭代不收敛",
)


def calculated(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function of NumPy's gives, its refusal as an EvaluationError."""
    try:
        return function(*arguments)
    except np.linalg.LinAlgError:
        raise EvaluationError(_LAPACK(name=function.__name__)) from None


def square(x: Type, name: str) -> Type:
    """Return the type of a square matrix or a batch of them. Raises OperandError for anything
    else."""
    if x.rank < 2 or x.shape[-1] != x.shape[-2]:
        raise OperandError(_SQUARE, name=name)
    return Type(x.shape, float_type(x.dtype))


def matrix(x: Type, name: str) -> Type:
    """Return the type of a matrix or a batch of them. Raises OperandError for anything else."""
    if x.rank < 2:
        raise OperandError(_MATRIX, name=name)
    return Type(x.shape, float_type(x.dtype))


def shorter(rows: Dim, columns: Dim) -> Dim:
    """Return the smaller of two sizes; named sizes are not ordered unless they are the same."""
    if rows == columns:
        return rows
    if isinstance(rows, int) and isinstance(columns, int):
        return min(rows, columns)
    raise OperandError(_ORDER, rows=rows, columns=columns)


def number_for(x: Node, value: Node) -> Node:
    """Return one number for each matrix of the batch, ready to multiply the matrices."""
    return reshape(value, shape=(*x.shape[:-2], 1, 1))


class Pieces:
    """A sum whose terms come one by one; None while there is none."""

    def __init__(self) -> None:
        self.total: Node | None = None

    def add(self, term: Node) -> None:
        self.total = term if self.total is None else self.total + term


def given(g: Node) -> Node | None:
    """Return the gradient by one of several results; None for the zeros of a result that is not
    used."""
    return None if is_zero(g) else g


# ------------------------------------------------------------------ samples
def regular(shape: tuple[int, ...]) -> Callable[[Generator], Any]:
    """Return a matrix that is well away from singular ones."""

    def make(rng: Generator) -> Any:
        return rng.standard_normal(shape) + 3.0 * np.eye(shape[-1])

    return make


def definite(shape: tuple[int, ...]) -> Callable[[Generator], Any]:
    """Return a symmetric positive definite matrix whose eigenvalues are well apart."""

    def make(rng: Generator) -> Any:
        n = shape[-1]
        q = np.linalg.qr(rng.standard_normal(shape))[0]
        return (q * (1.0 + np.arange(n) + 0.3 * rng.random(n))) @ np.swapaxes(q, -1, -2)

    return make


REGULAR = sampled(*(((regular(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2))))


# ------------------------------------------------------------------ symmetric matrices
def _mirrored(x: Any, lower: bool) -> Any:
    part = np.tril(x, -1) if lower else np.triu(x, 1)
    return part + _diagonal(x) + np.conj(np.swapaxes(part, -1, -2))


def _folded(x: Any, lower: bool) -> Any:
    both = x + np.conj(np.swapaxes(x, -1, -2))
    return (np.tril(both, -1) if lower else np.triu(both, 1)) + _diagonal(x)


def _diagonal(x: Any) -> Any:
    """Return the diagonal; of a Hermitian matrix its real part."""
    return np.eye(x.shape[-1], dtype=x.dtype) * np.real(x)


def _one_triangle(
    name: str,
    numpy: Callable[..., Any],
    this: Callable[[], Op],
    back: Callable[[], Op],
    code: Callable[[bool, Dim, str], str],
    **words: Any,
) -> Op:
    return op(
        name,
        complex=True,
        form=Form.LINEAR,
        loop=Loop.CALL,
        operands=(Operand.VALUE,),
        adjoint=lambda g, x, out, lower: (apply(back(), g, lower=lower),),
        batched=entrywise(this),
        numpy=numpy,
        type_rule=lambda x, lower: x,
        notation=lambda node, x: Apply(
            Function(words["sign"], "L" if node.attrs["lower"] else "U"), (x,)
        ),
        code=lambda node, x: code(node.attrs["lower"], node.shape[-1], x),
        aliases={},
        samples=sampled((((3, 3),), {"lower": True}), (((2, 3, 3),), {"lower": False})),
        **{key: value for key, value in words.items() if key != "sign"},
    )


def _mirrored_code(lower: bool, n: Dim, x: str) -> str:
    name, k = ("tril", -1) if lower else ("triu", 1)
    half = f"np.{name}({x}, {k})"
    return f"({half} + np.eye({n}) * np.real({x}) + np.conj({half}).mT)"


def _folded_code(lower: bool, n: Dim, x: str) -> str:
    name, k = ("tril", -1) if lower else ("triu", 1)
    return f"(np.{name}({x} + np.conj({x}).mT, {k}) + np.eye({n}) * np.real({x}))"


mirrored = _one_triangle(
    "mirrored",
    _mirrored,
    lambda: mirrored,
    lambda: folded,
    _mirrored_code,
    sign="sym",
    says=says("an element that is read twice gets both gradients", "读取两次的元素得到两份梯度"),
    source="⟨G, sym_L(A)⟩ = ⟨fold_L(G), A⟩",
    doc=says(
        "the symmetric matrix that one triangle gives; the other triangle is not read",
        "由一个三角部分给出的对称矩阵；另一个三角部分不读取",
    ),
)
folded = _one_triangle(
    "folded",
    _folded,
    lambda: folded,
    lambda: mirrored,
    _folded_code,
    sign="fold",
    says=says("the gradient of a fold is mirrored back", "折叠的梯度再镜像回来"),
    source="⟨G, fold_L(A)⟩ = ⟨sym_L(G), A⟩",
    doc=says(
        "one triangle of A with the other added to it, element by element",
        "把矩阵的一个三角部分逐元素加到另一个三角部分上",
    ),
)

symmetric_part = op(
    "symmetric_part",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (apply(symmetric_part, g),),
    batched=entrywise(lambda: symmetric_part),
    says=says("only the symmetric part of the gradient counts", "只有梯度的对称部分起作用"),
    source="⟨G, (A + Aᵀ)/2⟩ = ⟨(G + Gᵀ)/2, A⟩",
    numpy=lambda x: even_part(x),
    type_rule=lambda x: square(x, "sym"),
    notation=function("sym"),
    code=lambda node, x: f"(({x} + np.conj({x}).mT) / 2)",
    aliases={},
    samples=sampled((((3, 3),), {}), (((2, 3, 3),), {})),
    doc=says(
        "(A + Aᵀ)/2, of a complex matrix the Hermitian part",
        "(A + Aᵀ)/2；对复矩阵取埃尔米特部分",
    ),
)


def even_part(x: Any) -> Any:
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def conjugate_transpose(x: Node) -> Node:
    """Return the transpose of each matrix, of a complex one the conjugate transpose."""
    return conj(x).mT


def sym(x: Node) -> Node:
    """Return (A + Aᵀ)/2 for each matrix."""
    return apply(symmetric_part, x)


def from_triangle(x: Node, lower: bool = True) -> Node:
    """Return the symmetric matrix that one triangle of x gives, as LAPACK reads it: the other
    triangle does not count. A matrix that is symmetric as it is written stays as it is."""
    return x if is_written_hermitian(x) else apply(mirrored, x, lower=lower)


def is_written_hermitian(x: Node) -> bool:
    """Tell whether a matrix is symmetric by the way it is written: AᵀA, A + Aᵀ, diag(d), sums of
    them.

    False means only that this is not seen.
    """
    if x.op in (mirrored, symmetric_part):
        return True
    if x.op is matmul:
        return _is_adjoint_of(*x.inputs)
    if x.op is add:
        return _is_adjoint_of(*x.inputs) or all(is_written_hermitian(part) for part in x.inputs)
    if x.op is multiply and number_of(x.inputs[0]) is not None and not is_complex(x.inputs[0]):
        return is_written_hermitian(x.inputs[1])
    if x.op is eye or x.op is diagonal_matrix:
        return x.attrs.get("k", 0) == 0 and x.shape[-1] == x.shape[-2]
    return is_matrix_transpose(x) and is_written_hermitian(x.inputs[0])


def _is_adjoint_of(a: Node, b: Node) -> bool:
    """Tell whether b is written as aᵀ, or as the conjugate transpose of a complex a."""
    return (
        a.rank > 1
        and b.rank > 1
        and (b in (conjugate_transpose(a), conj(a.mT)) or a in (conjugate_transpose(b), conj(b.mT)))
    )
