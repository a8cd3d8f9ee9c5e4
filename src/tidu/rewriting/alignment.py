"""How a value that was reduced along axes of an array stands over that array again."""

from __future__ import annotations

from collections.abc import Iterable

from tidu.ir.node import Node
from tidu.ir.types import Shape
from tidu.ops.arrays.layout import broadcast_to, is_matrix_transpose, reshape, transpose
from tidu.ops.numbers import constant_value


def unshaped(node: Node) -> Node:
    """Return the node below a reshape, if there is one."""
    return node.inputs[0] if node.op is reshape else node


def broadcast_from(node: Node, shape: Shape) -> tuple[Node, Shape]:
    """Return what is broadcast to a shape here, below a reshape too, and the shape in which it is
    broadcast."""
    if node.op is broadcast_to and node.shape == shape:
        node = node.inputs[0]
    return unshaped(node), node.shape


def kept_shape(shape: Shape, axes: Iterable[int]) -> Shape:
    """Return the shape of a reduction along axes that are kept with length 1."""
    reduced = set(axes)
    return tuple(1 if axis in reduced else dim for axis, dim in enumerate(shape))


def fits(shape: Shape, over: Shape, axes: Iterable[int]) -> bool:
    """Tell whether a reduction along axes, in this shape, stands over the elements that it was
    taken of. Axes of length 1 in front may be missing, as broadcasting has it."""
    return _without_front(shape) == _without_front(kept_shape(over, axes))


def _without_front(shape: Shape) -> Shape:
    start = next((i for i, dim in enumerate(shape) if dim != 1), len(shape))
    return shape[start:]


def constant_along(node: Node, axes: Iterable[int]) -> bool:
    """Tell whether a node holds the same value all along the axes, as it is written."""
    if constant_value(node) is not None:
        return True
    if node.op is not broadcast_to:
        return False
    source = node.inputs[0]
    front = node.rank - source.rank
    return all(axis < front or source.shape[axis - front] == 1 for axis in axes)


def without_transpose(node: Node) -> tuple[Node, bool]:
    """Return what is transposed here, and whether anything is: (A, True) of the matrix Aᵀ."""
    if node.op is transpose and node.rank == 2 and is_matrix_transpose(node):
        return node.inputs[0], True
    return node, False
