"""Layout: transpose, reshape, broadcast. They move elements without calculation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Number, Product, Symbol, Transpose
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand, role
from tidu.ir.stacking import ones_inside
from tidu.ir.types import Dim, Shape, Size, Type, is_one_element, product, shape_text
from tidu.ops.define import aliases, op, sampled, says
from tidu.words import Words

ONES = Symbol("𝟏")

_RESHAPE = Words(
    en="cannot reshape {a} {sa} to {shape}: {m} elements are not {n}",
    zh="不能把 {a} {sa} 变形为 {shape}：元素个数 {m} 与 {n} 不同",
)
_BROADCAST = Words(en="cannot stretch {a} {sa} to {shape}", zh="不能把 {a} {sa} 广播成 {shape}")
_ORDER = Words(
    en='order {order} depends on how an array lies in memory; "C" and "F" do not',
    zh='order {order} 取决于数组在内存中的排列；"C" 和 "F" 则不然',
)
_AXES = Words(
    en="{axes} is not an order of the {rank} axes of {a}",
    zh="{axes} 不是 {a} 的 {rank} 个轴的一种排列",
)


# ------------------------------------------------------------------ transpose
def _transpose_type(x: Type, axes: tuple[int, ...]) -> Type:
    if sorted(axes) != list(range(x.rank)):
        raise OperandError(_AXES, axes=axes, rank=x.rank)
    return Type(tuple(x.shape[axis] for axis in axes), x.dtype)


def _prepare_transpose(x: Node, axes: tuple[int, ...] | None = None) -> Node:
    order = tuple(reversed(range(x.rank))) if axes is None else tuple(int(a) for a in axes)
    order = tuple(a + x.rank if a < 0 else a for a in order)
    return x if order == tuple(range(x.rank)) else apply(transpose, x, axes=order)


def _transpose_adjoint(g: Node, x: Node, out: Node, axes: tuple[int, ...]) -> tuple[Node]:
    back = tuple(axes.index(i) for i in range(len(axes)))
    return (transpose(g, axes=back),)


def _batched_transpose(xs: Sequence[Node], stacked: Sequence[bool], axes: tuple[int, ...]) -> Node:
    return transpose(xs[0], axes=(0, *(axis + 1 for axis in axes)))


def is_matrix_transpose(node: Node) -> bool:
    """Tell whether a node exchanges the last two axes and nothing else."""
    if node.op is not transpose:
        return False
    axes, rank = node.attrs["axes"], node.rank
    return rank >= 2 and axes == (*range(rank - 2), rank - 1, rank - 2)


def _transpose_notation(node: Node, x: Math) -> Math:
    if is_matrix_transpose(node):
        return Transpose(x)
    label = ",".join(str(axis + 1) for axis in node.attrs["axes"])
    return Apply(Function("transpose", label), (x,))


transpose = op(
    "transpose",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="transpose",
    operands=(Operand.VALUE,),
    adjoint=_transpose_adjoint,
    batched=_batched_transpose,
    says=says("the gradient of a transpose is transposed back", "转置的梯度再转置回来"),
    source="Y = Xᵀ, G = ∂L/∂Y: ∂L/∂X = Gᵀ",
    numpy=lambda x, axes: np.transpose(x, axes),
    type_rule=_transpose_type,
    prepare=_prepare_transpose,
    notation=_transpose_notation,
    code=lambda node, x: f"{x}.T" if node.rank == 2 else f"np.transpose({x}, {node.attrs['axes']})",
    sources={
        "torch": lambda node, x: f"{x}.T" if node.rank == 2 else f"{x}.permute{node.attrs['axes']}"
    },
    reads_at=lambda node, index, read: [
        index[node.attrs["axes"].index(axis)] for axis in range(node.rank)
    ],
    aliases=aliases(numpy=("transpose", "permute_dims"), torch=("t", "permute"), text="T"),
    samples=sampled((((2, 3),), {}), (((2, 3, 4),), {"axes": (1, 2, 0)})),
)


# ------------------------------------------------------------------ reshape
def _reshape_type(x: Type, shape: Shape) -> Type:
    if product(x.shape) != product(shape):
        raise OperandError(_RESHAPE, shape=shape_text(shape), m=product(x.shape), n=product(shape))
    return Type(shape, x.dtype)


def _prepare_reshape(x: Node, shape: Any, order: str = "C") -> Node:
    wanted: tuple[Dim, ...] = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if order == "F":  # column by column: the transpose, read row by row
        return transpose(reshape(transpose(x), shape=wanted[::-1]))
    if order != "C":
        raise InputError(_ORDER(order=repr(order)))
    if any(isinstance(dim, float) for dim in wanted):
        raise OperandError(
            _RESHAPE, shape=shape_text(wanted), m=product(x.shape), n=shape_text(wanted)
        )
    if -1 in wanted:
        known_size = product(dim for dim in wanted if dim != -1)
        total = product(x.shape)
        missing = _quotient(total, known_size)
        if missing is None or wanted.count(-1) > 1:
            raise OperandError(_RESHAPE, shape=shape_text(wanted), m=total, n=known_size)
        wanted = tuple(missing if dim == -1 else dim for dim in wanted)
    return x if wanted == x.shape else apply(reshape, x, shape=wanted)


def _quotient(total: Dim, rest: Dim) -> Dim | None:
    """Return how often `rest` elements go into `total`; None where they do not."""
    if isinstance(total, Size):
        return total.divide(rest)
    if isinstance(rest, Size) or rest == 0 or total % rest:
        return None
    return total // rest


def squeezed(shape: Shape) -> Shape:
    return tuple(dim for dim in shape if dim != 1)


def is_kron(node: Node) -> bool:
    """Tell whether a matrix is A ⊗ X as it is built: a reshaped product of A, with axes of size one
    behind its own, and X with such axes in front."""
    if node.op is not reshape or node.rank != 2 or node.inputs[0].rank != 4:
        return False
    product = node.inputs[0]
    p, r, q, s = product.shape
    if product.op.operator != "*" or node.shape != (p * r, q * s):
        return False
    spread = [x.inputs[0] if x.op is broadcast_to else x for x in product.inputs]
    return [x.shape for x in spread] == [(p, 1, q, 1), (1, r, 1, s)]


def _reshape_notation(node: Node, x: Math) -> Math:
    if squeezed(node.shape) == squeezed(node.inputs[0].shape):
        return x  # only axes of size one come or go; the shape equation says so
    if is_kron(node) and isinstance(x, Product) and len(x.factors) == 2:
        return Product(x.factors, "⊗")
    return Apply(Function("reshape", "×".join(str(dim) for dim in node.shape)), (x,))


def position(index: Sequence[str], shape: Shape) -> str:
    """Return the position in C order of an element, as an integer expression."""
    terms = [
        " * ".join([f"({i})", *(f"({dim})" for dim in shape[axis + 1 :] if dim != 1)])
        for axis, i in enumerate(index)
        if i != "0" and shape[axis] != 1
    ]
    return " + ".join(terms) or "0"


def _reshape_places(node: Node, index: Sequence[str], read: Any) -> list[str]:
    """Return the index in the operand of a reshape: axes of size one are skipped, others go by the
    position in C order."""
    x, shape = node.inputs[0], node.shape
    if squeezed(x.shape) == squeezed(shape):
        remaining = iter([i for i, dim in zip(index, shape, strict=True) if dim != 1])
        return ["0" if dim == 1 else next(remaining) for dim in x.shape]
    flat = position(index, shape)
    indices: list[str] = []
    for axis, dim in enumerate(x.shape):
        inner = product(x.shape[axis + 1 :])
        text = flat if inner == 1 else f"({flat}) / ({inner})"
        indices.append("0" if dim == 1 else text if not indices else f"({text}) % ({dim})")
    return indices


reshape = op(
    "reshape",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="reshape",
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, shape: (reshape(g, shape=x.shape),),
    batched=lambda xs, stacked, shape: reshape(xs[0], shape=(xs[0].shape[0], *shape)),
    says=says("put the elements back in their shape", "把元素放回原来的形状"),
    source="a reshape only renames indices",
    numpy=lambda x, shape: np.reshape(x, shape),
    type_rule=_reshape_type,
    prepare=_prepare_reshape,
    notation=_reshape_notation,
    code=lambda node, x: f"np.reshape({x}, {node.attrs['shape']})",
    sources={"torch": lambda node, x: f"{x}.reshape({node.attrs['shape']})"},
    reads_at=_reshape_places,
    aliases=aliases(numpy="reshape", torch=("reshape", "view")),
    samples=sampled(
        (((2, 3),), {"shape": (3, 2)}),
        (((4,),), {"shape": (4, 1)}),
        (((),), {"shape": (1, 1)}),
        (((2, 3),), {"shape": (3, -1), "order": "F"}),
    ),
)


def flat(x: Node) -> Node:
    """Return all elements in one vector, row by row."""
    return reshape(x, shape=(product(x.shape),))


def of_ones(node: Node, tree: Math) -> Math:
    """Return a number broadcast to a vector or matrix as a multiple of 𝟏, where it is written as an
    array."""
    if node.op.role != "broadcast" or not node.rank or not is_one_element(node.inputs[0].shape):
        return tree
    ones: Math = Product((ONES, Transpose(ONES))) if len(squeezed(node.shape)) > 1 else ONES
    if tree == Number("0"):
        return tree
    if tree == Number("1"):
        return ones
    return Product((tree, *(ones.factors if isinstance(ones, Product) else (ones,))))


# ------------------------------------------------------------------ broadcast
def _broadcast_type(x: Type, shape: Shape) -> Type:
    extra = len(shape) - x.rank
    if extra < 0 or any(d not in (1, s) for d, s in zip(x.shape, shape[extra:], strict=True)):
        raise OperandError(_BROADCAST, shape=shape_text(shape))
    return Type(shape, x.dtype)


def _broadcast_adjoint(g: Node, x: Node, out: Node, shape: Shape) -> tuple[Node]:
    extra = len(shape) - x.rank
    broadcast = tuple(
        axis
        for axis, dim in enumerate(shape)
        if axis < extra or (x.shape[axis - extra] == 1 and dim != 1)
    )
    return (reshape(role("sum")(g, axis=broadcast, keepdims=False), shape=x.shape),)


def _batched_broadcast(xs: Sequence[Node], stacked: Sequence[bool], shape: Shape) -> Node:
    """Write a broadcast with axes of size one where there were none."""
    x = ones_inside(xs[0], len(shape))
    return broadcast_to(x, shape=(x.shape[0], *shape))


def _broadcast_notation(node: Node, x: Math) -> Math:
    source, shape = node.inputs[0], node.shape
    if len(squeezed(source.shape)) != 1 or len(squeezed(shape)) != 2 or len(shape) != 2:
        return x  # a number, or a stretch that has no matrix form; the shape equation says so
    column = source.rank == 2 and source.shape[1] == 1
    if column:
        return Product((x, Transpose(ONES)))
    return Product((ONES, Transpose(x) if source.rank == 1 else x))


def _broadcast_torch(node: Node, x: str) -> str:
    """Write a broadcast in PyTorch; a plain number has no `expand`."""
    shape = node.attrs["shape"]
    if node.inputs[0].op.loop is Loop.LEAF and not node.inputs[0].rank:
        if node.inputs[0].op.role != "input":
            return f"like.new_full({shape}, {x})"
    return f"{x}.expand({shape})"


def _broadcast_places(node: Node, index: Sequence[str], read: Any) -> list[str]:
    x = node.inputs[0]
    trailing = index[node.rank - x.rank :]
    return ["0" if dim == 1 else i for i, dim in zip(trailing, x.shape, strict=True)]


broadcast_to = op(
    "broadcast_to",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="broadcast",
    operands=(Operand.VALUE,),
    adjoint=_broadcast_adjoint,
    batched=_batched_broadcast,
    says=says(
        "a broadcast value is used many times: sum over its copies",
        "被各处共用（广播）的量，梯度要对各处求和",
    ),
    source="yⱼ = x: ∂L/∂x = Σⱼ ∂L/∂yⱼ",
    numpy=lambda x, shape: np.broadcast_to(x, shape),
    type_rule=_broadcast_type,
    prepare=lambda x, shape: (
        x if tuple(shape) == x.shape else apply(broadcast_to, x, shape=tuple(shape))
    ),
    notation=_broadcast_notation,
    code=lambda node, x: f"np.broadcast_to({x}, {node.attrs['shape']})",
    sources={"torch": _broadcast_torch},
    reads_at=_broadcast_places,
    aliases=aliases(numpy="broadcast_to", torch=("broadcast_to", "expand")),
    samples=sampled(
        (((),), {"shape": (2, 3)}), (((3,),), {"shape": (2, 3)}), (((2, 1),), {"shape": (2, 3)})
    ),
)
