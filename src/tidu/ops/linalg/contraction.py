"""Contractions: matrix products, dot and outer products, trace."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidu.document.math import Apply, Function, Group, Math, Product, Transpose
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Law, Loop, Operand
from tidu.ir.stacking import entrywise, matrices_stacked
from tidu.ir.types import Type, broadcast_shapes, product, promote, real_dtype
from tidu.ops.arrays.layout import ONES, broadcast_to, of_ones, reshape
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import axes_last, diagonal, eye
from tidu.ops.define import aliases, float_type, function, joined, op, sampled, says
from tidu.words import Words

_INNER = Words(
    en="{a} @ {b}: {a} has shape {sa}, {b} has shape {sb}; the inner sizes {m} and {n} differ",
    zh="{a} @ {b}：{a} 的形状是 {sa}，{b} 的形状是 {sb}；内侧维数 {m} 与 {n} 不等",
)
_FIRST = Words(en="{a}.T @ {b}", zh="{a}.T @ {b}")
_SECOND = Words(en="{a} @ {b}.T", zh="{a} @ {b}.T")
_NUMBER = Words(
    en="{a} {sa} @ {b} {sb}: @ multiplies matrices and vectors, not single numbers",
    zh="{a} {sa} @ {b} {sb}：@ 用于矩阵和向量，不用于单个数",
)
_USE_STAR = Words(en="{a} * {b}", zh="{a} * {b}")
_BATCH = Words(
    en="{a} {sa} @ {b} {sb}: the batch sizes before the last two axes do not fit",
    zh="{a} {sa} @ {b} {sb}：最后两轴之前的批大小不匹配",
)


def _matmul_type(x: Type, y: Type) -> Type:
    if x.rank == 0 or y.rank == 0:
        raise OperandError(_NUMBER, _USE_STAR)
    inner_x, inner_y = x.shape[-1], y.shape[-2] if y.rank > 1 else y.shape[0]
    if inner_x != inner_y:
        raise OperandError(_INNER, _suggestion(x, y), m=inner_x, n=inner_y)
    if x.rank > 2 or y.rank > 2:
        batch = broadcast_shapes((x.shape[:-2], y.shape[:-2]))
        if isinstance(batch, int):
            raise OperandError(_BATCH)
    else:
        batch = ()
    rows = x.shape[-2:-1] if x.rank > 1 else ()
    columns = y.shape[-1:] if y.rank > 1 else ()
    return Type((*batch, *rows, *columns), promote((x.dtype, y.dtype)))


def _suggestion(x: Type, y: Type) -> Words | None:
    """Return a transpose that would make the product fit, if one does."""
    if x.rank <= 2 and y.rank == 2 and x.shape[-1] == y.shape[1]:
        return _SECOND
    if x.rank == 2 and x.shape[0] == y.shape[0]:
        return _FIRST
    return None


def _prepare_matmul(x: Node, y: Node) -> Node:
    """Broadcast the batches explicitly, so that the rule only sees equal batches.

    Where the inner sizes differ nothing is broadcast: the error shows the shapes as given."""
    fits = min(x.rank, y.rank) >= 2 and x.shape[-1] == y.shape[-2]
    if fits and max(x.rank, y.rank) > 2:
        batch = broadcast_shapes((x.shape[:-2], y.shape[:-2]))
        if not isinstance(batch, int):
            x = broadcast_to(x, shape=(*batch, *x.shape[-2:]))
            y = broadcast_to(y, shape=(*batch, *y.shape[-2:]))
    return apply(matmul, x, y)


def _matmul_adjoint(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    if x.rank == 1 and y.rank == 1:
        return g * y, g * x
    if x.rank == 1:
        if y.rank == 2:
            return y @ g, outer(x, g)
        return _batched_row(g, x, y)
    if y.rank == 1:
        if x.rank == 2:
            return outer(g, y), x.T @ g
        return _batched_column(g, x, y)
    return g @ y.mT, x.mT @ g


def _batched_row(g: Node, x: Node, y: Node) -> tuple[Node, Node]:
    """Return x (k), Y (b, k, n), g (b, n)."""
    columns = reshape(g, shape=(*g.shape, 1))
    rows = reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    by_x = sum_(reshape(y @ columns, shape=y.shape[:-1]), axis=tuple(range(y.rank - 2)))
    return by_x, reshape(x, shape=(*x.shape, 1)) * rows


def _batched_column(g: Node, x: Node, y: Node) -> tuple[Node, Node]:
    """Return X (b, m, k), y (k), g (b, m)."""
    columns = reshape(g, shape=(*g.shape, 1))
    by_y = sum_(
        reshape(x.mT @ columns, shape=(*x.shape[:-2], x.shape[-1])), axis=tuple(range(x.rank - 2))
    )
    return columns * y, by_y


def _batched_matmul(xs: Sequence[Node], stacked: Sequence[bool]) -> Node:
    """Batch a matrix product. Vectors become the rows of a matrix: A x for all x is X Aᵀ. Matrices
    stay in the last two axes: the product takes any axes before them as a batch."""
    x, y = xs
    of_x, of_y = (z.rank - has_axis for z, has_axis in zip(xs, stacked, strict=True))
    if of_x == 1 and of_y == 1:
        if all(stacked):
            return sum_(x * y, axis=1)
        return x @ y if stacked[0] else y @ x
    if of_x == 2 and of_y == 1 and stacked == (False, True):
        return y @ x.T
    if of_y == 1 and stacked[1]:
        columns = reshape(y, shape=(y.shape[0], *(1,) * (of_x - 2), y.shape[1], 1))
        return reshape(matmul(x, columns), shape=(y.shape[0], *x.shape[stacked[0] : -1]))
    if of_x == 1 and stacked[0] and (of_y > 2 or stacked[1]):
        rows = reshape(x, shape=(x.shape[0], *(1,) * (of_y - 2), 1, x.shape[1]))
        shape = (x.shape[0], *y.shape[stacked[1] : -2], y.shape[-1])
        return reshape(matmul(rows, y), shape=shape)
    return matmul(*matrices_stacked(xs, stacked))


def _matmul_notation(node: Node, x: Math, y: Math) -> Math:
    left, right = node.inputs
    x, y = of_ones(left, x), of_ones(right, y)
    if left.rank == 1 and right.rank == 1:
        return joined([Transpose(x), y], "")
    if left.rank == 1 and right.rank == 2:
        transposed = y.value if isinstance(y, Transpose) else Transpose(y)
        return joined([transposed, x], "")
    return joined([*scaled_columns(x), *scaled_rows(y)], "")


def scaled_columns(tree: Math) -> list[Math]:
    """Return a ⊙ 𝟏sᵀ, where it is a factor of a product, as A·diag(s)."""
    for one, other in _pairs(tree):
        if one[0] == ONES and isinstance(one[1], Transpose) and one[1] != Transpose(ONES):
            return [other, Apply(Function("diag"), (one[1].value,))]
    return [tree]


def scaled_rows(tree: Math) -> list[Math]:
    """Return s𝟏ᵀ ⊙ A, where it is a factor of a product, as diag(s)·A."""
    for one, other in _pairs(tree):
        if one[1] == Transpose(ONES) and one[0] != ONES:
            return [Apply(Function("diag"), (one[0],)), other]
    return [tree]


def _pairs(tree: Math) -> list[tuple[tuple[Math, Math], Math]]:
    """Return the two factors of P, and Q, for P ⊙ Q in either order, where P is a product of
    two."""
    if not isinstance(tree, Product) or tree.sign != "⊙" or len(tree.factors) != 2:
        return []
    pairs: list[tuple[tuple[Math, Math], Math]] = []
    for one, other in (tree.factors, tree.factors[::-1]):
        inner = _without_brackets(one)
        if isinstance(inner, Product) and not inner.sign and len(inner.factors) == 2:
            pairs.append(((inner.factors[0], inner.factors[1]), _without_brackets(other)))
    return pairs


def _without_brackets(tree: Math) -> Math:
    """Return the tree without the brackets that a matrix product needs beside ⊙ only."""
    return tree.value if isinstance(tree, Group) else tree


def _matmul_subscripts(node: Node) -> str:
    """Return the einsum subscripts of a product; `prepare` has broadcast the batches."""
    x, y = node.inputs
    batch = "abcdefgh"[: max(0, x.rank - 2, y.rank - 2)]
    left = (batch[len(batch) - x.rank + 2 :] + "i" if x.rank > 1 else "") + "k"
    right = (batch[len(batch) - y.rank + 2 :] if y.rank > 1 else "") + "k"
    right += "j" if y.rank > 1 else ""
    rows, columns = "i" if x.rank > 1 else "", "j" if y.rank > 1 else ""
    return f"{left},{right}->{batch}{rows}{columns}"


_PRODUCT = Law(
    says("derivative of a matrix product", "矩阵乘积的导数"),
    "C = A·B, G = ∂L/∂C: ∂L/∂A = G·Bᵀ, ∂L/∂B = Aᵀ·G",
    ("A", "B"),
    says(
        "Element by element, Cᵢₖ = Σⱼ Aᵢⱼ Bⱼₖ. So Bⱼₖ is in every Cᵢₖ of its column, with the "
        "factor Aᵢⱼ; the chain rule adds what comes back from all of them: ∂L/∂Bⱼₖ = Σᵢ Aᵢⱼ Gᵢₖ. "
        "This sum is over the first index of A, and a matrix product sums over the second: it is "
        "Aᵀ that stands there, ∂L/∂B = Aᵀ·G. In the same way Aᵢⱼ is in every Cᵢₖ of its row, with "
        "the factor Bⱼₖ: ∂L/∂Aᵢⱼ = Σₖ Gᵢₖ Bⱼₖ, which is G·Bᵀ.",
        "逐个元素写出来，Cᵢₖ = Σⱼ Aᵢⱼ Bⱼₖ。Bⱼₖ 出现在它那一列的每个 Cᵢₖ 中，系数是 Aᵢⱼ；"
        "按链式法则，把各处传回来的梯度相加：∂L/∂Bⱼₖ = Σᵢ Aᵢⱼ Gᵢₖ。这里求和的是 A 的第一个下标，"
        "而矩阵乘法是对第二个下标求和，所以乘的是转置 Aᵀ，即 ∂L/∂B = Aᵀ·G。"
        "同理，Aᵢⱼ 出现在它那一行的每个 Cᵢₖ 中，系数是 Bⱼₖ：∂L/∂Aᵢⱼ = Σₖ Gᵢₖ Bⱼₖ，即 G·Bᵀ。",
    ),
)

matmul = op(
    "matmul",
    complex=True,
    form=Form.MULTILINEAR,
    loop=Loop.CONTRACT,
    operator="@",
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=_matmul_adjoint,
    batched=_batched_matmul,
    says=_PRODUCT.says,
    source=_PRODUCT.formula,
    laws=(_PRODUCT, _PRODUCT),
    numpy=np.matmul,
    type_rule=_matmul_type,
    prepare=_prepare_matmul,
    notation=_matmul_notation,
    subscripts=_matmul_subscripts,
    aliases=aliases(numpy="matmul", torch=("matmul", "mm", "mv", "bmm")),
    samples=sampled(
        (((3,), (3,)), {}),
        (((2, 3), (3,)), {}),
        (((3,), (3, 4)), {}),
        (((2, 3), (3, 4)), {}),
        (((5, 2, 3), (5, 3, 4)), {}),
        (((2, 3), (5, 3, 4)), {}),
        (((5, 2, 3), (3,)), {}),
        (((3,), (5, 3, 4)), {}),
    ),
)


_OUTER = Words(
    en="outer needs two vectors, got {a} {sa} and {b} {sb}",
    zh="outer 需要两个向量，得到 {a} {sa} 和 {b} {sb}",
)


def _outer_type(x: Type, y: Type) -> Type:
    if x.rank != 1 or y.rank != 1:
        raise OperandError(_OUTER)
    return Type((*x.shape, *y.shape), promote((x.dtype, y.dtype)))


def _prepare_outer(x: Node, y: Node) -> Node:
    """Build NumPy's outer product, which flattens its operands."""

    return apply(
        outer, reshape(x, shape=(product(x.shape),)), reshape(y, shape=(product(y.shape),))
    )


def _batched_outer(xs: Sequence[Node], stacked: Sequence[bool]) -> Node:
    """Batch an outer product as columns times rows, entry by entry."""
    x, y = xs
    return reshape(x, shape=(*x.shape, 1)) * reshape(y, shape=(*y.shape[:-1], 1, y.shape[-1]))


outer = op(
    "outer",
    complex=True,
    form=Form.MULTILINEAR,
    loop=Loop.CONTRACT,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=lambda g, x, y, out: (g @ y, g.T @ x),
    batched=_batched_outer,
    says=says("derivative of an outer product", "外积的导数"),
    source="Y = x yᵀ, G = ∂L/∂Y: ∂L/∂x = G y, ∂L/∂y = Gᵀ x",
    numpy=np.outer,
    type_rule=_outer_type,
    prepare=_prepare_outer,
    notation=lambda node, x, y: joined(
        [of_ones(node.inputs[0], x), Transpose(of_ones(node.inputs[1], y))], ""
    ),
    subscripts=lambda node: "i,j->ij",
    aliases=aliases(numpy="outer", torch=("outer", "ger")),
    samples=sampled((((2,), (3,)), {})),
)


# ------------------------------------------------------------------ trace
_TRACE = Words(
    en="trace needs a matrix, {a} has shape {sa}", zh="trace 需要矩阵，{a} 的形状是 {sa}"
)


def _trace_type(x: Type) -> Type:
    if x.rank < 2:
        raise OperandError(_TRACE)
    return Type(x.shape[:-2], float_type(x.dtype))


def _trace_adjoint(g: Node, x: Node, out: Node) -> tuple[Node]:
    identity = eye(rows=x.shape[-2], columns=x.shape[-1], dtype=real_dtype(x.dtype))
    return (reshape(g, shape=(*g.shape, 1, 1)) * identity if g.rank else g * identity,)


def _prepare_trace(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """Move the two axes, NumPy's default being the first two, to the end."""
    if x.rank < 2:
        raise OperandError(_TRACE)
    if offset:
        return sum_(diagonal(x, k=offset, axis1=axis1, axis2=axis2), axis=-1)
    return apply(trace, axes_last(x, axis1, axis2))


def trace_of(x: Node) -> Node:
    """Return the trace of each matrix in the last two axes."""
    return apply(trace, x)


trace = op(
    "trace",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CONTRACT,
    operands=(Operand.VALUE,),
    adjoint=_trace_adjoint,
    batched=entrywise(lambda: trace),
    says=says("the gradient of the trace is the identity", "迹的梯度是单位矩阵"),
    source="d tr X = tr(I dX)",
    numpy=lambda x: np.asarray(np.trace(x, axis1=-2, axis2=-1)),
    type_rule=_trace_type,
    prepare=_prepare_trace,
    notation=function("tr"),
    code=lambda node, x: f"np.trace({x}, axis1=-2, axis2=-1)",
    sources={"torch": lambda node, x: f"torch.diagonal({x}, dim1=-2, dim2=-1).sum(-1)"},
    subscripts=lambda node: f"{'abcdefgh'[: node.rank]}ii->{'abcdefgh'[: node.rank]}",
    aliases=aliases(numpy="trace", torch="trace", text="tr"),
    samples=sampled(
        (((3, 3),), {}),
        (((2, 4),), {}),
        (((2, 4),), {"offset": 1}),
        (((2, 4, 3),), {"axis1": 0, "axis2": -1}),
        (((2, 4, 3),), {"offset": -1, "axis1": 1, "axis2": 2}),
    ),
    doc=says("the sum of the diagonal", "对角线元素之和"),
)
