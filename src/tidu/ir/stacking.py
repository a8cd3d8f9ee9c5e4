"""Operands with one more, leading axis: what the `batched` facets of op records are written with.

A rule `batched(xs, stacked, **attributes)` is given an op's operands and, for each, whether it has
the leading axis; it builds the result with that axis in front, or returns None where it does not
know the case: the op is then applied entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tidu.ir.body import result_types
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op, role
from tidu.ir.types import Dim

Batched = Callable[..., Node | None]


def length_of(xs: Sequence[Node], stacked: Sequence[bool]) -> Dim:
    """The number of entries: the size of the leading axis, which all stacked operands share."""
    first = next(x for x, own in zip(xs, stacked, strict=True) if own)
    return result_types(first.type)[0].shape[0]


def stretched(x: Node, length: Dim) -> Node:
    """The same value for every entry: (…) to (length, …), one stretch where x is one already."""
    source = x.inputs[0] if x.op.role == "broadcast" else x
    return role("broadcast")(source, shape=(length, *x.shape))


def all_stacked(xs: Sequence[Node], stacked: Sequence[bool]) -> tuple[Node, ...]:
    """The operands with the leading axis each."""
    length = length_of(xs, stacked)
    return tuple(x if own else stretched(x, length) for x, own in zip(xs, stacked, strict=True))


def ones_inside(x: Node, rank: int) -> Node:
    """Axes of size one behind the leading one, until the other axes are `rank` many."""
    missing = rank - (x.rank - 1)
    return role("reshape")(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))


def entrywise(this: Callable[[], Op]) -> Batched:
    """For an op that treats all axes before its own (the last ones) as a batch already."""

    def rule(xs: Sequence[Node], stacked: Sequence[bool], **attributes: Any) -> Node:
        return apply(this(), *all_stacked(xs, stacked), **attributes)

    return rule


def matrices_stacked(xs: Sequence[Node], stacked: Sequence[bool]) -> list[Node]:
    """Operands with their matrices in the last two axes, ready for a batch in the axes before: the
    leading axes of all that have one meet."""
    ranks = [x.rank - own for x, own in zip(xs, stacked, strict=True)]
    most = max(ranks) if min(ranks) >= 2 else 0
    return [
        ones_inside(x, most) if own and rank < most else x
        for x, own, rank in zip(xs, stacked, ranks, strict=True)
    ]
