"""Rules for single numbers that are calculated: they stand in front of products and linear maps."""

from __future__ import annotations

from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import number_of
from tidu.rewriting.patterns import any_order, of, variable
from tidu.rewriting.register import sample, simplification


def _is_scalar(node: Node) -> bool:
    """Tell whether a node is a single number broadcast over an array, but not a constant."""
    return node.op is broadcast_to and not node.inputs[0].rank and number_of(node) is None


def _times(s: Node, x: Node) -> Node:
    """Return s·x, with the number s broadcast over x."""
    return multiply(broadcast_to(s, shape=x.shape), x)


s, x, y = variable("s"), variable("x"), variable("y")
_broadcast = of(broadcast_to, s, where=_is_scalar)
_array = variable("x", lambda node: not _is_scalar(node))
_varying = variable("x", lambda node: not _is_scalar(node) and number_of(node) is None)
_scaled = any_order(_broadcast * _array)


def _sample(name: str, *shape: int) -> Node:
    return sample(name, *shape) * broadcast_to(input_node("s", ()), shape=shape)


_FRONT = ("a single number stands in front", "单个数写在最前面")

simplification(
    "scalar in front",
    multiply,
    [(_varying * _broadcast, of(_times, s, x))],
    *_FRONT,
    lambda: [_sample("A", 2, 3)],
)
for _op, _shapes in ((matmul, ((2, 3), (3, 4))), (outer, ((2,), (3,)))):
    simplification(
        f"scalar out of {_op.name}",
        _op,
        [
            (of(_op, _scaled, y), of(_times, s, of(_op, x, y))),
            (of(_op, y, _scaled), of(_times, s, of(_op, y, x))),
        ],
        *_FRONT,
        lambda _op=_op, _shapes=_shapes: [
            _op(_sample("A", *_shapes[0]), sample("B", *_shapes[1])),
            _op(sample("A", *_shapes[0]), _sample("B", *_shapes[1])),
        ],
        source="linearity",
    )
for _op, _attrs in (
    (transpose, {}),
    (sum_, {"axis": 0}),
    (reshape, {"shape": (3, 2)}),
    (broadcast_to, {"shape": (4, 2, 3)}),
):
    simplification(
        f"scalar out of {_op.name}",
        _op,
        [(of(_op, _scaled, keep="how"), of(_times, s, of(_op, x, keep="how")))],
        *_FRONT,
        lambda _op=_op, _attrs=_attrs: [_op(_sample("A", 2, 3), **_attrs)],
        source="linearity",
    )
