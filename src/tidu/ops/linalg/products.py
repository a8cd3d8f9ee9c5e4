"""Products by other names: over chosen axes, of Kronecker, cross products, convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Math
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Size, Type, broadcast_shapes, product, promote
from tidu.ops.arrays.axes import flip, moveaxis
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import broadcast_to, flat, reshape, transpose
from tidu.ops.arrays.reduction import normal_axes, sum_
from tidu.ops.define import aliases, function, joined, op, sampled, says, spelling
from tidu.ops.elementwise.parts import conj
from tidu.ops.linalg.contraction import matmul
from tidu.words import Words, verbatim

_AXES = Words(
    en="{name} over axes {axes}: {a} {sa} and {b} {sb} do not have the same sizes there",
    zh="按轴 {axes} 做 {name}：{a} {sa} 与 {b} {sb} 在这些轴上大小不同",
)
_TOO_MANY = Words(
    en="tensordot over {axes} axes: {a} {sa} and {b} {sb} do not both have as many",
    zh="tensordot 对 {axes} 个轴求和：{a} {sa} 与 {b} {sb} 并非都有这么多轴",
)
_THREE = Words(
    en="a cross product takes vectors of three numbers, {a} has shape {sa}, {b} {sb}",
    zh="叉积用于三维向量，{a} 的形状是 {sa}，{b} 是 {sb}",
)
_VECTORS = Words(
    en="{name} takes two vectors that are not empty, got {a} {sa} and {b} {sb}",
    zh="{name} 需要两个非空向量，得到 {a} {sa} 和 {b} {sb}",
)
_LONGER = Words(
    en="which of the sizes {m} and {n} is the larger is not known: only the full convolution is",
    zh="不知道大小 {m} 与 {n} 哪个更大：只能做 full 卷积",
)
_AXES_NEEDED = Words(
    en="{name} takes arrays of at least {first} and {second} axes, got {a} {sa} and {b} {sb}",
    zh="{name} 的两个操作数至少要有 {first} 个和 {second} 个轴，得到 {a} {sa} 和 {b} {sb}",
)
_SHORT = Words(
    en="{b} {sb} is longer than {a} {sa}: it lies nowhere wholly inside",
    zh="{b} {sb} 比 {a} {sa} 更长，没有完全重合的位置",
)
_MODE = Words(
    en="the mode is full, same or valid, not {mode}",
    zh="mode 应为 full、same 或 valid，而不是 {mode}",
)
_TWO: dict[str, Any] = {"operands": (Operand.VALUE, Operand.VALUE), "complex": True}


# ------------------------------------------------------------------ over chosen axes
def _tensordot(x: Node, y: Node, axes: Any = 2) -> Node:
    if isinstance(axes, list | tuple) and len(axes) == 1:
        axes = axes[0]
    if isinstance(axes, int):
        if axes > min(x.rank, y.rank):
            raise OperandError(_TOO_MANY, axes=axes)
        left, right = tuple(range(x.rank - axes, x.rank)), tuple(range(axes))
    else:
        left, right = (tuple(a) if isinstance(a, list | tuple) else (a,) for a in axes)
    left = tuple(normal_axes(a, x.rank)[0] for a in left)
    right = tuple(normal_axes(a, y.rank)[0] for a in right)
    sizes = [x.shape[a] for a in left]
    if sizes != [y.shape[a] for a in right]:
        raise OperandError(_AXES, name="tensordot", axes=axes)
    rows = [a for a in range(x.rank) if a not in left]
    columns = [a for a in range(y.rank) if a not in right]
    outer_x, outer_y = [x.shape[a] for a in rows], [y.shape[a] for a in columns]
    table = reshape(transpose(x, axes=(*rows, *left)), shape=(product(outer_x), product(sizes)))
    other = reshape(transpose(y, axes=(*right, *columns)), shape=(product(sizes), product(outer_y)))
    return reshape(matmul(table, other), shape=(*outer_x, *outer_y))


def _kron(x: Node, y: Node) -> Node:
    rank = max(x.rank, y.rank)
    a, b = ((1,) * (rank - n.rank) + n.shape for n in (x, y))
    apart = reshape(x, shape=tuple(d for n in a for d in (n, 1)))
    between = reshape(y, shape=tuple(d for n in b for d in (1, n)))
    return reshape(apart * between, shape=tuple(m * n for m, n in zip(a, b, strict=True)))


def _need_axes(name: str, x: Node, y: Node, first: int, second: int) -> None:
    """Check the ranks. Raises OperandError for a vector in place of a matrix, or a number in place
    of a vector."""
    if x.rank < first or y.rank < second:
        raise OperandError(_AXES_NEEDED, name=name, first=first, second=second)


def _vecdot(x: Node, y: Node, axis: int = -1) -> Node:
    _need_axes("vecdot", x, y, 1, 1)
    if x.shape[normal_axes(axis, x.rank)[0]] != y.shape[normal_axes(axis, y.rank)[0]]:
        raise OperandError(_AXES, name="vecdot", axes=axis)
    return sum_(conj(x) * y, axis=axis)


def _matvec(x: Node, y: Node) -> Node:
    _need_axes("matvec", x, y, 2, 1)
    column = reshape(y, shape=(*y.shape, 1))
    made = matmul(x, column)
    return reshape(made, shape=made.shape[:-1])


def _vecmat(x: Node, y: Node) -> Node:
    _need_axes("vecmat", x, y, 1, 2)
    row = reshape(conj(x), shape=(*x.shape[:-1], 1, x.shape[-1]))
    made = matmul(row, y)
    return reshape(made, shape=(*made.shape[:-2], made.shape[-1]))


tensordot = spelling(
    "tensordot",
    _tensordot,
    numpy=np.tensordot,
    aliases=aliases(
        numpy=("tensordot", "linalg.tensordot"), torch=Alias("tensordot", rename={"dims": "axes"})
    ),
    samples=sampled(
        (((2, 3, 4), (3, 4, 2)), {}),
        (((2, 3), (3, 4)), {"axes": 1}),
        (((2, 3), (4,)), {"axes": 0}),
        (((2, 3, 4), (4, 3, 2)), {"axes": ((1, 2), (1, 0))}),
        (((2, 3), (2, 4)), {"axes": (0, 0)}),
        (((2, 3), (4, 3)), {"axes": (-1, -1)}),
    ),
    **_TWO,
)
kron = spelling(
    "kron",
    _kron,
    numpy=np.kron,
    samples=sampled(
        (((2,), (3,)), {}), (((2, 3), (2, 2)), {}), (((2,), (2, 3)), {}), (((), (2, 3)), {})
    ),
    **_TWO,
)
vecdot = spelling(
    "vecdot",
    _vecdot,
    numpy=np.vecdot,
    aliases=aliases(
        numpy=("vecdot", "linalg.vecdot"), torch=Alias("linalg.vecdot", rename={"dim": "axis"})
    ),
    samples=sampled((((3,), (3,)), {}), (((2, 3), (3,)), {}), (((3, 2), (3, 1)), {"axis": 0})),
    **_TWO,
)
matvec = spelling(
    "matvec",
    _matvec,
    numpy=lambda A, x: np.matvec(A, x),  # NumPy 2.2 and newer
    aliases=aliases(numpy="matvec"),
    samples=sampled((((2, 3), (3,)), {}), (((4, 2, 3), (4, 3)), {}), (((2, 3), (4, 3)), {})),
    **_TWO,
)
vecmat = spelling(
    "vecmat",
    _vecmat,
    numpy=lambda x, A: np.vecmat(x, A),  # NumPy 2.2 and newer
    aliases=aliases(numpy="vecmat"),
    samples=sampled((((2,), (2, 3)), {}), (((4, 2), (4, 2, 3)), {}), (((4, 2), (2, 3)), {})),
    **_TWO,
)


# ------------------------------------------------------------------ cross products
def _prepare_cross(
    x: Node, y: Node, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Node:
    if axis is not None:
        axisa = axisb = axisc = axis
    if x.rank == 0 or y.rank == 0:
        raise OperandError(_THREE)
    x, y = moveaxis(x, source=axisa, destination=-1), moveaxis(y, source=axisb, destination=-1)
    shape = broadcast_shapes((x.shape[:-1], y.shape[:-1]))
    if x.shape[-1] != 3 or y.shape[-1] != 3 or isinstance(shape, int):
        raise OperandError(_THREE)
    x, y = (broadcast_to(v, shape=(*shape, 3)) for v in (x, y))
    return moveaxis(apply(cross, x, y), source=-1, destination=axisc)


cross = op(
    "cross",
    complex=True,
    form=Form.MULTILINEAR,
    loop=Loop.CONTRACT,
    operands=(Operand.VALUE, Operand.VALUE),
    adjoint=lambda g, x, y, out: (apply(cross, y, g), apply(cross, g, x)),
    batched=entrywise(lambda: cross),
    says=says("derivative of a cross product", "叉积的导数"),
    source="g·(x × y) = x·(y × g) = y·(g × x)",
    numpy=lambda x, y: np.cross(x, y),
    type_rule=lambda x, y: Type(x.shape, promote((x.dtype, y.dtype))),
    prepare=_prepare_cross,
    notation=lambda node, x, y: joined([x, y], "×"),
    code=lambda node, x, y: f"np.cross({x}, {y})",
    sources={"torch": lambda node, x, y: f"torch.linalg.cross({x}, {y})"},
    aliases=aliases(
        numpy=("cross", "linalg.cross"),
        torch=(
            Alias("cross", rename={"dim": "axis"}),
            Alias("linalg.cross", rename={"dim": "axis"}),
        ),
    ),
    samples=sampled(
        (((3,), (3,)), {}),
        (((2, 3), (3,)), {}),
        (((3, 2), (3, 2)), {"axis": 0}),
        (((3, 2), (2, 3)), {"axisa": 0}),
    ),
    doc=says("the cross product of vectors of three numbers", "三维向量的叉积"),
)


# ------------------------------------------------------------------ convolutions
def _vectors(name: str, x: Type, y: Type) -> None:
    if x.rank != 1 or y.rank != 1 or 0 in (*x.shape, *y.shape):
        raise OperandError(_VECTORS, name=name)


def _full_type(x: Type, y: Type) -> Type:
    _vectors("convolve", x, y)
    return Type((x.shape[0] + y.shape[0] - 1,), promote((x.dtype, y.dtype)))


def _valid_type(x: Type, y: Type) -> Type:
    _vectors("convolve", x, y)
    m, n = x.shape[0], y.shape[0]
    if isinstance(m, int) and isinstance(n, int) and m < n:
        raise OperandError(_SHORT)
    return Type((m - n + 1,), promote((x.dtype, y.dtype)))


def _reversed(x: Node) -> Node:
    return flip(x, axis=0)


def _full_adjoint(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    return apply(convolve_valid, g, _reversed(y)), apply(convolve_valid, g, _reversed(x))


def _valid_adjoint(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    return (
        apply(convolve, g, _reversed(y)),
        _reversed(apply(convolve_valid, x, _reversed(g))),
    )


def _prepare_convolve(x: Node, y: Node, mode: str = "full") -> Node:
    """Build the convolution. `valid` keeps the entries where the shorter operand lies wholly within
    the longer, `same` the middle ones, as many as the longer operand has."""
    x, y = (flat(n) if n.rank == 0 else n for n in (x, y))  # NumPy: a number is a vector of one
    _vectors("convolve", x.type, y.type)
    return _windowed(x, y, mode, late=False)


def _windowed(x: Node, y: Node, mode: str, late: bool) -> Node:
    m, n = x.shape[0], y.shape[0]
    if mode == "full":
        return apply(convolve, x, y)
    if isinstance(m, Size) and isinstance(n, Size) and m != n:
        raise InputError(_LONGER(m=m, n=n), fix=verbatim('mode="full"'))
    if isinstance(m, Size) or isinstance(n, Size):
        longer, shorter = x, y  # as in NumPy's own use: a signal, then a kernel
    else:
        longer, shorter = (x, y) if m >= n else (y, x)
    if mode == "valid":
        return apply(convolve_valid, longer, shorter)
    if mode != "same":
        raise InputError(_MODE(mode=repr(mode)), fix=verbatim('mode="same"'))
    less = shorter.shape[0]
    if isinstance(less, Size):
        raise InputError(_MODE(mode=repr(mode)), fix=verbatim('mode="full"'))
    start = less // 2 if late else (less - 1) // 2
    return cut(apply(convolve, x, y), 0, start, start + longer.shape[0])


def _correlate(x: Node, y: Node, mode: str = "valid") -> Node:
    """Build a convolution with the second operand reversed and, as in NumPy, conjugated."""
    _vectors("correlate", x.type, y.type)
    m, n = x.shape[0], y.shape[0]
    late = isinstance(m, int) and isinstance(n, int) and m < n
    return _windowed(x, _reversed(conj(y)), mode, late)


def _star(node: Node, x: Math, y: Math) -> Math:
    return joined([x, y], "∗")


_CONVOLUTION: dict[str, Any] = {
    "complex": True,
    "form": Form.MULTILINEAR,
    "loop": Loop.CONTRACT,
    "operands": (Operand.VALUE, Operand.VALUE),
    "says": says("derivative of a convolution", "卷积的导数"),
}

convolve: Op = op(
    "convolve",
    adjoint=_full_adjoint,
    source="⟨g, x ∗ y⟩ = ⟨g ⋆ y, x⟩: correlate the gradient with the other factor",
    numpy=lambda x, y: np.convolve(x, y),
    type_rule=_full_type,
    prepare=_prepare_convolve,
    notation=_star,
    code=lambda node, x, y: f"np.convolve({x}, {y})",
    aliases=aliases(numpy="convolve"),
    samples=sampled(
        (((5,), (3,)), {}),
        (((2,), (4,)), {}),
        (((5,), (3,)), {"mode": "valid"}),
        (((3,), (5,)), {"mode": "valid"}),
        (((4,), (2,)), {"mode": "same"}),
        (((3,), (4,)), {"mode": "same"}),
    ),
    doc=says("zₖ = Σⱼ xₖ₋ⱼ yⱼ", "zₖ = Σⱼ xₖ₋ⱼ yⱼ"),
    **_CONVOLUTION,
)

convolve_valid: Op = op(
    "convolve_valid",
    adjoint=_valid_adjoint,
    source="⟨g, x ∗ y⟩ = ⟨g ⋆ y, x⟩: correlate the gradient with the other factor",
    numpy=lambda x, y: np.convolve(x, y, "valid"),
    type_rule=_valid_type,
    notation=function("convolve", "valid"),
    code=lambda node, x, y: f"np.convolve({x}, {y}, 'valid')",
    aliases={},
    samples=sampled((((5,), (3,)), {}), (((4,), (4,)), {}), (((4,), (1,)), {})),
    doc=says(
        "the part of a convolution where y lies wholly in x", "卷积中 y 完全落在 x 之内的部分"
    ),
    **_CONVOLUTION,
)

correlate = spelling(
    "correlate",
    _correlate,
    numpy=np.correlate,
    aliases=aliases(numpy="correlate"),
    samples=sampled(
        (((5,), (3,)), {}),
        (((2,), (5,)), {}),
        (((3,), (4,)), {"mode": "full"}),
        (((4,), (2,)), {"mode": "same"}),
        (((2,), (3,)), {"mode": "same"}),
        (((2,), (4,)), {"mode": "same"}),
        (((5,), (4,)), {"mode": "same"}),
    ),
    **_TWO,
)
