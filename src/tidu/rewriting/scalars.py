"""Rules for single numbers that are calculated: they stand in front of products and linear maps."""

from __future__ import annotations

from tidu.ir.build import input_node, rebuild
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import number_of
from tidu.rewriting.numbers_and_signs import sample, simplification


def _scalar(node: Node) -> Node | None:
    """s of a single number stretched over an array, unless it is a known number."""
    own = node.op is broadcast_to and not node.inputs[0].rank
    return node.inputs[0] if own and number_of(node) is None else None


def _split(node: Node, atoms: Atoms) -> tuple[Node, Node] | None:
    """(s, A) of s·A."""
    if node.op is not multiply or node.id in atoms:
        return None
    x, y = node.inputs
    for one, other in ((x, y), (y, x)):
        if (s := _scalar(one)) is not None and _scalar(other) is None:
            return s, other
    return None


def _times(s: Node, x: Node) -> Node:
    return multiply(broadcast_to(s, shape=x.shape), x)


def _in_front(node: Node, atoms: Atoms) -> Node | None:
    """A·s → s·A."""
    x, y = node.inputs
    s = _scalar(y)
    behind = s is not None and _scalar(x) is None and number_of(x) is None
    return multiply(y, x) if behind else None


def _out_of_pair(node: Node, atoms: Atoms) -> Node | None:
    """(s·A) B → s·(A B)."""
    x, y = node.inputs
    if (found := _split(x, atoms)) is not None:
        return _times(found[0], rebuild(node, (found[1], y)))
    if (found := _split(y, atoms)) is not None:
        return _times(found[0], rebuild(node, (x, found[1])))
    return None


def _out_of_map(node: Node, atoms: Atoms) -> Node | None:
    """f(s·A) → s·f(A) for a linear f."""
    found = _split(node.inputs[0], atoms)
    return None if found is None else _times(found[0], rebuild(node, (found[1],)))


def _sample(name: str, *shape: int) -> Node:
    return sample(name, *shape) * broadcast_to(input_node("s", ()), shape=shape)


_FRONT = ("a single number stands in front", "单个数写在最前面")

simplification(
    "scalar in front",
    multiply,
    _in_front,
    *_FRONT,
    lambda: [_sample("A", 2, 3)],
)
for _op, _shapes in ((matmul, ((2, 3), (3, 4))), (outer, ((2,), (3,)))):
    simplification(
        f"scalar out of {_op.name}",
        _op,
        _out_of_pair,
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
        _out_of_map,
        *_FRONT,
        lambda _op=_op, _attrs=_attrs: [_op(_sample("A", 2, 3), **_attrs)],
        source="linearity",
    )
