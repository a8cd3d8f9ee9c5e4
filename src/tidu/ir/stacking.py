"""Operands with one more, leading axis: helpers for the `batched` facets of op records.

A rule `batched(xs, stacked, **attributes)` is given an op's operands and, for each, whether it has
the leading axis. It returns the result with that axis in front, or None for a case that it does not
know: the op is then applied entry by entry.
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
    """Return the size of the leading axis, which all stacked operands share."""
    first = next(x for x, has_axis in zip(xs, stacked, strict=True) if has_axis)
    return result_types(first.type)[0].shape[0]


def with_leading_axis(x: Node, length: Dim) -> Node:
    """Broadcast x from (…) to (length, …); a broadcast x gives one broadcast, not two."""
    source = x.inputs[0] if x.op.role == "broadcast" else x
    return role("broadcast")(source, shape=(length, *x.shape))


def all_stacked(xs: Sequence[Node], stacked: Sequence[bool]) -> tuple[Node, ...]:
    """Return the operands, all with the leading axis."""
    length = length_of(xs, stacked)
    return tuple(
        x if has_axis else with_leading_axis(x, length)
        for x, has_axis in zip(xs, stacked, strict=True)
    )


def ones_inside(x: Node, rank: int) -> Node:
    """Insert axes of size one after the leading one, until x has `rank` axes besides it."""
    missing = rank - (x.rank - 1)
    return role("reshape")(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))


def entrywise(this: Callable[[], Op]) -> Batched:
    """Return the rule of an op whose own axes are the last ones: all others are a batch already."""

    def rule(xs: Sequence[Node], stacked: Sequence[bool], **attributes: Any) -> Node:
        return apply(this(), *all_stacked(xs, stacked), **attributes)

    return rule


def matrices_stacked(xs: Sequence[Node], stacked: Sequence[bool]) -> list[Node]:
    """Return the operands of a matrix op with the leading axes aligned: axes of size one stand
    between the leading axis and the matrix where another operand has a batch of its own."""
    ranks = [x.rank - has_axis for x, has_axis in zip(xs, stacked, strict=True)]
    most = max(ranks) if min(ranks) >= 2 else 0
    return [
        ones_inside(x, most) if has_axis and rank < most else x
        for x, has_axis, rank in zip(xs, stacked, ranks, strict=True)
    ]
