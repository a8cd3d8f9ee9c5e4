"""Axes: triangles, flips, cumulative sums, and axes that are inserted, removed or moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand
from tidu.ir.types import Type, product
from tidu.ops.arrays.layout import reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.define import DIM, aliases, float_type, op, sampled, says
from tidu.words import Words

_REPEATED = Words(
    en="{axes} names one axis of {a} {sa} more than once",
    zh="{axes} 中重复给出了 {a} {sa} 的同一个轴",
)
_ONE_EACH = Words(
    en="moving the axes {source} of {a} to {destination}: each axis needs one new place",
    zh="把 {a} 的轴 {source} 移到 {destination}：每个轴应有一个新位置",
)


# ------------------------------------------------------------------ triangles, flips, sums along
def _triangle(name: str, numpy: Callable[..., Any], en: str, zh: str, this: Callable[[], Op]) -> Op:
    return op(
        name,
        complex=True,
        form=Form.LINEAR,
        loop=Loop.MAP,
        operands=(Operand.VALUE,),
        adjoint=lambda g, x, out, k: (this()(g, k=k),),
        says=says("what is cut off gets no gradient", "被去掉的部分没有梯度"),
        source=f"⟨G, {name}(X)⟩ = ⟨{name}(G), X⟩",
        numpy=numpy,
        type_rule=_triangle_type,
        prepare=lambda x, k=0: apply(this(), x, k=int(k)),
        notation=lambda node, x: Apply(Function(name, str(node.attrs["k"] or "")), (x,)),
        code=lambda node, x: f"np.{name}({x}, {node.attrs['k']})",
        scalar=f"j - i {'>' if name == 'triu' else '<'}= k ? x : 0",
        aliases=aliases(numpy=name, torch=Alias(name, rename={"diagonal": "k"})),
        samples=sampled((((3, 3),), {"k": 0}), (((2, 4),), {"k": 1})),
        doc=says(f"the {en} triangle of a matrix", f"矩阵的{zh}三角部分"),
    )


def _triangle_type(x: Type, k: int) -> Type:
    if x.rank < 2:
        raise OperandError(_MATRIX)
    return x


_MATRIX = Words(en="{a} {sa} is not a matrix", zh="{a} {sa} 不是矩阵")

triu = _triangle("triu", np.triu, "upper", "上", lambda: triu)
tril = _triangle("tril", np.tril, "lower", "下", lambda: tril)

flip = op(
    "flip",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis: (flip(g, axis=axis),),
    says=says("turn the gradient round as well", "梯度同样反转"),
    source="⟨G, JX⟩ = ⟨JG, X⟩",
    numpy=lambda x, axis: np.flip(x, axis).copy(),
    type_rule=lambda x, axis: x,
    prepare=lambda x, axis=None: apply(flip, x, axis=normal_axes(axis, x.rank)),
    notation=lambda node, x: Apply(
        Function("flip", ",".join(str(a + 1) for a in node.attrs["axis"])), (x,)
    ),
    code=lambda node, x: f"np.flip({x}, {node.attrs['axis']})",
    reads_at=lambda node, index, read: [
        f"{node.shape[axis]} - 1 - ({i})" if axis in node.attrs["axis"] else i
        for axis, i in enumerate(index)
    ],
    axes=("axis",),
    aliases=aliases(numpy="flip", torch=Alias("flip", rename={**DIM, "dims": "axis"})),
    samples=sampled((((3,),), {"axis": (0,)}), (((2, 3),), {"axis": (0, 1)})),
    doc=says("the order of elements reversed along axes", "沿轴反转元素次序"),
)


def _prepare_cumsum(x: Node, axis: int | None = None) -> Node:
    if axis is None or not x.rank:  # a number counts as a vector of one
        x, axis = reshape(x, shape=(product(x.shape),)), 0 if axis is None else axis
    return apply(cumsum, x, axis=normal_axes(axis, x.rank)[0])


def _cumsum_adjoint(g: Node, x: Node, out: Node, axis: int) -> tuple[Node]:
    return (flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis),)


cumsum = op(
    "cumsum",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.SCAN,
    operands=(Operand.VALUE,),
    adjoint=_cumsum_adjoint,
    says=says(
        "xᵢ counts in every later sum: sum from the end", "xᵢ 进入其后每个部分和：从末尾累加"
    ),
    source="∂sₖ/∂xᵢ = 1 for i ≤ k",
    numpy=lambda x, axis: np.cumsum(x, axis=axis),
    type_rule=lambda x, axis: Type(x.shape, float_type(x.dtype)),
    prepare=_prepare_cumsum,
    notation=lambda node, x: Apply(Function("cumsum"), (x,)),
    code=lambda node, x: f"np.cumsum({x}, axis={node.attrs['axis']})",
    reduction=("0", "acc + x", "acc"),
    axes=("axis",),
    aliases=aliases(numpy="cumsum", torch=Alias("cumsum", rename=DIM)),
    samples=sampled((((4,),), {"axis": 0}), (((2, 3),), {"axis": 1}), (((2, 3),), {"axis": None})),
    doc=says("sums of the elements so far", "累加和"),
)


# ------------------------------------------------------------------ axes
def expanded(x: Node, axis: Any) -> Node:
    """Return `x` with axes of size one at the positions `axis` of the result."""
    given = axis if isinstance(axis, tuple | list) else (axis,)
    rank = x.rank + len(given)
    added = normal_axes(tuple(given), rank)
    rest = iter(x.shape)
    return reshape(x, shape=tuple(1 if i in added else next(rest) for i in range(rank)))


def moveaxis(x: Node, source: Any, destination: Any) -> Node:
    from_ = [source] if isinstance(source, int) else list(source)
    to = [destination] if isinstance(destination, int) else list(destination)
    from_ = [normal_axes(a, x.rank)[0] for a in from_]
    to = [normal_axes(a, x.rank)[0] for a in to]
    for places, given in ((from_, source), (to, destination)):
        if len(set(places)) < len(places):
            raise OperandError(_REPEATED, axes=given)
    if len(from_) != len(to):
        raise OperandError(_ONE_EACH, source=source, destination=destination)
    order = [a for a in range(x.rank) if a not in from_]
    for position, axis in sorted(zip(to, from_, strict=True)):
        order.insert(position, axis)
    return transpose(x, axes=tuple(order))
