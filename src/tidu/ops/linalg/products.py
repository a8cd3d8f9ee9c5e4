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
from tidu.ir.types import Size, Type, broadcast_shapes, promote
from tidu.ops.arrays.axes import flip, moveaxis
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import broadcast_to, flat
from tidu.ops.define import aliases, function, joined, op, sampled, says
from tidu.words import Words, verbatim

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
_SHORT = Words(
    en="{b} {sb} is longer than {a} {sa}: it lies nowhere wholly inside",
    zh="{b} {sb} 比 {a} {sa} 更长，没有完全重合的位置",
)
_MODE = Words(
    en="the mode is full, same or valid, not {mode}",
    zh="mode 应为 full、same 或 valid，而不是 {mode}",
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
def vectors(name: str, x: Type, y: Type) -> None:
    if x.rank != 1 or y.rank != 1 or 0 in (*x.shape, *y.shape):
        raise OperandError(_VECTORS, name=name)


def _full_type(x: Type, y: Type) -> Type:
    vectors("convolve", x, y)
    return Type((x.shape[0] + y.shape[0] - 1,), promote((x.dtype, y.dtype)))


def _valid_type(x: Type, y: Type) -> Type:
    vectors("convolve", x, y)
    m, n = x.shape[0], y.shape[0]
    if isinstance(m, int) and isinstance(n, int) and m < n:
        raise OperandError(_SHORT)
    return Type((m - n + 1,), promote((x.dtype, y.dtype)))


def flipped(x: Node) -> Node:
    return flip(x, axis=0)


def _full_adjoint(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    return apply(convolve_valid, g, flipped(y)), apply(convolve_valid, g, flipped(x))


def _valid_adjoint(g: Node, x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    return (
        apply(convolve, g, flipped(y)),
        flipped(apply(convolve_valid, x, flipped(g))),
    )


def _prepare_convolve(x: Node, y: Node, mode: str = "full") -> Node:
    """Build the convolution. `valid` keeps the entries where the shorter operand lies wholly within
    the longer, `same` the middle ones, as many as the longer operand has."""
    x, y = (flat(n) if n.rank == 0 else n for n in (x, y))  # NumPy: a number is a vector of one
    vectors("convolve", x.type, y.type)
    return windowed(x, y, mode, late=False)


def windowed(x: Node, y: Node, mode: str, late: bool) -> Node:
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
