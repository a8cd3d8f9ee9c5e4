"""Products, variance, norms and the soft maximum along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Big, Index, Math, Relation, Symbol
from tidu.ir.build import OperandError, apply, constant
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Kink, Loop, Operand
from tidu.ir.types import Type, is_empty, product, real_dtype
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.reduction import (
    REDUCTION_SAMPLES,
    mean,
    normal_axes,
    or_nan,
    prepare_reduction,
    reduced_type,
    reduction_code,
    reduction_notation,
    reduction_torch,
    spread,
    sum_,
)
from tidu.ops.arrays.structure import eye
from tidu.ops.define import DIM, aliases, fence, float_type, op, sampled, says
from tidu.ops.elementwise.arithmetic import ratio, sqrt, square
from tidu.ops.elementwise.comparison import equal, greater, where
from tidu.ops.elementwise.complex import squared_size
from tidu.ops.elementwise.parts import conj, is_complex
from tidu.words import Words

_FEW = Words(
    en="{a} {sa} has a size of {count} along these axes; ddof={ddof} needs more",
    zh="{a} {sa} 在这些轴上只有 {count} 个元素；ddof={ddof} 时需要更多",
)
_FEW_FIX = Words(en="var({a}, ddof=0)", zh="var({a}, ddof=0)")


# ------------------------------------------------------------------ product
def _flattened(x: Any, axis: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Return the reduced axes as one last axis, and the order of axes that led there."""
    order = (*(i for i in range(x.ndim) if i not in axis), *axis)
    kept = tuple(x.shape[i] for i in order[: x.ndim - len(axis)])
    count = math.prod(x.shape[i] for i in axis)
    return np.transpose(x, order).reshape(*kept, count), order


def _others(x: Any, axis: tuple[int, ...]) -> Any:
    """Return, for each element, the product of the others: that of those on its left times that of
    those on its right, so that nothing is divided and zeros do no harm."""
    flat, order = _flattened(x, axis)
    one = np.ones_like(flat[..., :1])
    left = np.cumprod(np.concatenate([one, flat[..., :-1]], -1), -1)
    right = np.cumprod(np.concatenate([one, flat[..., :0:-1]], -1), -1)[..., ::-1]
    back = (left * right).reshape(tuple(x.shape[i] for i in order))
    return np.transpose(back, np.argsort(order))


def _others_definition(x: Node, axis: tuple[int, ...]) -> Node:
    """Build a square table whose row i holds x with its i-th element replaced by one."""
    order = (*(i for i in range(x.rank) if i not in axis), *axis)
    kept = tuple(x.shape[i] for i in order[: x.rank - len(axis)])
    n = product(x.shape[i] for i in axis)
    moved = transpose(x, axes=order)
    table = broadcast_to(reshape(moved, shape=(*kept, 1, n)), shape=(*kept, n, n))
    diagonal = broadcast_to(greater(eye(rows=n), 0.0), shape=(*kept, n, n))
    products = prod(where(diagonal, 1.0, table), axis=-1)
    back = tuple(order.index(i) for i in range(x.rank))
    return transpose(reshape(products, shape=moved.shape), axes=back)


def _others_notation(node: Node, x: Math) -> Math:
    i, j = Symbol("i"), Symbol("j")
    return Big("∏", Index(x, (j,)), below=Relation((j, i), ("≠",)))


def _others_code(node: Node, x: str) -> str:
    axis = node.attrs["axis"]
    if node.rank == 0:
        return f"np.ones_like({x})"
    order = (*(i for i in range(node.rank) if i not in axis), *axis)
    kept = tuple(node.shape[i] for i in order[: node.rank - len(axis)])
    n = product(node.shape[i] for i in axis)
    moved = tuple(node.shape[i] for i in order)
    back = tuple(order.index(i) for i in range(node.rank))
    flat = f"np.reshape(np.transpose({x}, {order}), {(*kept, 1, n)})"
    table = f"np.where(np.eye({n}, dtype=bool), 1.0, {flat})"
    return f"np.transpose(np.reshape(np.prod({table}, axis=-1), {moved}), {back})"


product_of_others = op(
    "product_of_others",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=_others_definition,
    says=says("product rule with many factors", "多个因子的乘积法则"),
    source="∂(∏xⱼ)/∂xᵢ = ∏_{j≠i} xⱼ",
    numpy=_others,
    type_rule=lambda x, axis: Type(x.shape, float_type(x.dtype)),
    notation=_others_notation,
    code=_others_code,
    lower=_others_definition,
    axes=("axis",),
    aliases={},
    samples=sampled(
        (((4,),), {"axis": (0,)}), (((2, 3),), {"axis": (1,)}), (((2, 3),), {"axis": (0, 1)})
    ),
    doc=says("for each element, the product of all others", "对每个元素，其余所有元素的乘积"),
)


def _prod_notation(node: Node, x: Math) -> Math:
    axis = node.attrs["axis"]
    if len(axis) == node.inputs[0].rank:
        return Big("∏", x)
    return reduction_notation("prod")(node, x)


def _prod_torch(node: Node, x: str) -> str:
    """Reduce one axis at a time, from the last."""
    keep = node.attrs["keepdims"]
    text = x if node.attrs["axis"] else f"{x} * 1"
    for axis in reversed(node.attrs["axis"]):
        text = f"torch.prod({text}, dim={axis}{', keepdim=True' if keep else ''})"
    return text


prod = op(
    "prod",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis, keepdims: (
        spread(g, x, axis) * apply(product_of_others, x, axis=axis),
    ),
    says=says("product rule with many factors", "多个因子的乘积法则"),
    source="∂(∏xⱼ)/∂xᵢ = ∏_{j≠i} xⱼ",
    numpy=lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims),
    type_rule=reduced_type,
    prepare=prepare_reduction(lambda: prod, number=True),
    notation=_prod_notation,
    code=reduction_code("prod"),
    sources={"torch": _prod_torch},
    reduction=("1", "acc * x", "acc"),
    axes=("axis",),
    aliases=aliases(numpy="prod", torch=Alias("prod", rename=DIM)),
    samples=REDUCTION_SAMPLES,
    doc=says("the product of elements", "元素的乘积"),
)


# ------------------------------------------------------------------ variance
def _spread_type(x: Type, axis: tuple[int, ...], ddof: int, keepdims: bool) -> Type:
    count, reduced = product(x.shape[a] for a in axis), _real_type(x, axis, keepdims)
    if isinstance(count, int) and count <= ddof and not is_empty(reduced):
        raise OperandError(_FEW, _FEW_FIX, count=count, ddof=ddof)
    return reduced


def _real_type(x: Type, axis: tuple[int, ...], keepdims: bool) -> Type:
    reduced = reduced_type(x, axis, keepdims)
    return Type(reduced.shape, real_dtype(reduced.dtype))


def _prepare_var(x: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    axis, keepdims = normal_axes(axis, x.rank), bool(keepdims)
    if is_complex(x):
        total = sum_(squared_size(_centred(x, axis)), axis=axis, keepdims=keepdims)
        return total / _checked_freedom(x, axis, ddof)
    return apply(var, x, axis=axis, ddof=ddof, keepdims=keepdims)


def _prepare_std(x: Node, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    axis, keepdims = normal_axes(axis, x.rank), bool(keepdims)
    if is_complex(x):
        size = euclidean_norm(_centred(x, axis), axis=axis, keepdims=keepdims)
        return size / sqrt(_checked_freedom(x, axis, ddof))
    return apply(std, x, axis=axis, ddof=ddof, keepdims=keepdims)


def _freedom(x: Node, axis: tuple[int, ...], ddof: int) -> Node:
    """Return n - ddof: a constant, or a node where sizes have names."""
    dtype = real_dtype(float_type(x.dtype))  # of a mask too n is a number
    return constant(product(x.shape[a] for a in axis) - ddof, dtype)


def _checked_freedom(x: Node, axis: tuple[int, ...], ddof: int) -> Node:
    _spread_type(x.type, axis, ddof, False)
    return _freedom(x, axis, ddof)


def _centred(x: Node, axis: tuple[int, ...]) -> Node:
    return x - mean(x, axis=axis, keepdims=True)


def _var_definition(x: Node, axis: tuple[int, ...], ddof: int, keepdims: bool) -> Node:
    return sum_(square(_centred(x, axis)), axis=axis, keepdims=keepdims) / _freedom(x, axis, ddof)


def _var_adjoint(
    g: Node, x: Node, out: Node, axis: tuple[int, ...], ddof: int, keepdims: bool
) -> tuple[Node]:
    return (spread(g, x, axis) * (2.0 * _centred(x, axis) / _freedom(x, axis, ddof)),)


def _std_adjoint(
    g: Node, x: Node, out: Node, axis: tuple[int, ...], ddof: int, keepdims: bool
) -> tuple[Node]:
    share = ratio(_centred(x, axis), spread(out, x, axis))
    return (spread(g, x, axis) * share / _freedom(x, axis, ddof),)


def _std_numpy(x: Any, axis: tuple[int, ...], ddof: int, keepdims: bool = False) -> Any:
    variance = np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)
    held = in_range(variance)
    if np.all(held):
        return np.sqrt(variance)
    largest, scaled = by_largest(x, axis)
    size = largest * np.sqrt(np.var(scaled, axis=axis, ddof=ddof, keepdims=True))
    return np.where(held, np.sqrt(variance), size.reshape(variance.shape))


def _moment_code(name: str) -> Callable[[Node, str], str]:
    def code(node: Node, x: str) -> str:
        plain = reduction_code(name)(node, x)
        ddof = node.attrs["ddof"]
        return plain if ddof == 0 else f"{plain[:-1]}, ddof={ddof})"

    return code


_CORRECTION = {**DIM, "correction": "ddof"}
_MOMENT_SAMPLES = sampled(
    (((4,),), {"axis": None, "ddof": 0}),
    (((2, 3),), {"axis": 0, "ddof": 1}),
    (((2, 3),), {"axis": (0, 1), "ddof": 1, "keepdims": True}),
    (((2, 3),), {"axis": -1, "ddof": 0, "keepdims": True}),
)

var = op(
    "var",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=_var_definition,
    adjoint=_var_adjoint,
    says=says(
        "each element moves the variance by its distance from the mean",
        "各元素按其与平均值之差影响方差",
    ),
    source="∂var/∂xᵢ = 2(xᵢ - x̄)/(n - ddof)",
    numpy=or_nan(np.var),
    type_rule=_spread_type,
    prepare=_prepare_var,
    notation=reduction_notation("var"),
    code=_moment_code("var"),
    lower=_var_definition,
    axes=("axis",),
    aliases=aliases(
        numpy=Alias("var", rename={"correction": "ddof"}),
        torch=Alias("var", rename=_CORRECTION, defaults={"ddof": 1}),
    ),
    samples=_MOMENT_SAMPLES,
    doc=says("the variance: mean squared distance from the mean", "方差：与平均值之差的平方的平均"),
)

std = op(
    "std",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=lambda x, axis, ddof, keepdims: sqrt(
        var(x, axis=axis, ddof=ddof, keepdims=keepdims)
    ),
    adjoint=_std_adjoint,
    says=says("derivative of the standard deviation", "标准差的导数"),
    source="∂s/∂xᵢ = (xᵢ - x̄)/((n - ddof) s)",
    numpy=or_nan(_std_numpy),
    type_rule=_spread_type,
    prepare=_prepare_std,
    notation=reduction_notation("std"),
    code=_moment_code("std"),
    lower=lambda x, axis, ddof, keepdims: sqrt(
        _var_definition(x, axis=axis, ddof=ddof, keepdims=keepdims)
    ),
    axes=("axis",),
    kinks=(
        Kink(
            where=lambda x, axis, ddof, keepdims: equal(
                std(x, axis=axis, ddof=ddof, keepdims=keepdims), 0.0
            ),
            at=says("equal elements, where the deviation is 0", "元素全部相等（标准差为 0）"),
            value=0.0,
        ),
    ),
    aliases=aliases(
        numpy=Alias("std", rename={"correction": "ddof"}),
        torch=Alias("std", rename=_CORRECTION, defaults={"ddof": 1}),
    ),
    samples=_MOMENT_SAMPLES,
    doc=says("the standard deviation", "标准差"),
)


# ------------------------------------------------------------------ norms
def _norm_sub(node: Node) -> str:
    return "F" if len(node.attrs["axis"]) == 2 else ""


_BARS = {sub: fence("‖", "‖", sub) for sub in ("", "F")}


def _euclidean_norm(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    squares = np.square(x.real) + np.square(x.imag) if x.dtype.kind == "c" else np.square(x)
    total = np.sum(squares, axis=axis, keepdims=keepdims)
    held = in_range(total)
    if np.all(held):
        return np.sqrt(total)
    largest, scaled = by_largest(x, axis)
    squares = np.sum(np.square(np.abs(scaled)), axis=axis, keepdims=True)
    norm = (largest * np.sqrt(squares)).reshape(total.shape)
    return np.where(held, np.sqrt(total), norm)


def in_range(total: Any) -> Any:
    """Return where a sum of powers has neither overflown nor lost a term that counts to
    underflow."""
    if total.dtype.kind not in "fc":
        return True
    info = np.finfo(total.dtype)
    return (total >= info.tiny / info.eps) & (total < np.inf)


def by_largest(x: Any, axis: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the largest absolute value along the axes, which are kept, and x divided by it."""
    largest = np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0)
    usable = (largest > 0) & (largest < np.inf)
    return np.where(usable, largest, 1.0).astype(largest.dtype), np.where(
        usable, x / np.where(usable, largest, 1.0), x
    )


def _norm_code(node: Node, x: str) -> str:
    squares = f"np.abs({x}) ** 2" if is_complex(node.inputs[0]) else f"np.square({x})"
    return (
        f"np.sqrt(np.sum({squares}, axis={node.attrs['axis']}, keepdims={node.attrs['keepdims']}))"
    )


def _norm_torch(node: Node, x: str) -> str:
    return f"torch.sqrt({reduction_torch('sum')(node, f'torch.square({x})')})"


euclidean_norm = op(
    "euclidean_norm",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis, keepdims: (
        spread(g, x, axis) * ratio(conj(x), spread(out, x, axis)),
    ),
    says=says("the gradient of a length is the unit vector", "长度的梯度是单位向量"),
    source="∂‖x‖/∂x = x/‖x‖",
    numpy=_euclidean_norm,
    type_rule=_real_type,
    prepare=prepare_reduction(lambda: euclidean_norm, number=True),
    notation=lambda node, x: _BARS[_norm_sub(node)](node, x),
    code=_norm_code,
    sources={"torch": _norm_torch},
    reduction=("0", "acc + x * x", "sqrt(acc)"),
    axes=("axis",),
    kinks=(
        Kink(
            where=lambda x, axis, keepdims: equal(
                euclidean_norm(x, axis=axis, keepdims=keepdims), 0.0
            ),
            at=says("the zero vector", "零向量"),
            value=0.0,
            low=-1.0,
            high=1.0,
        ),
    ),
    aliases={},
    samples=REDUCTION_SAMPLES,
    doc=says("the square root of the sum of squares", "平方和的平方根"),
)
