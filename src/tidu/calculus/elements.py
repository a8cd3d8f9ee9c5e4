"""Elements of nodes, the uses of one by another, and the paths that these make: data."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.ir.node import Node

Position = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeElement:
    """One element of a node; the index counts from 0."""

    node: Node
    index: Position


@dataclass(frozen=True, slots=True)
class Use:
    """An element used by another, as which operand, and the value of the local derivative.

    partner: the element of the other operand that multiplies it, where there is one.
    """

    of: NodeElement
    to: NodeElement
    operand: int
    value: float
    partner: NodeElement | None = None


@dataclass(frozen=True, slots=True)
class ElementPath:
    """The uses along one path, from the element up to the loss."""

    start: NodeElement
    uses: tuple[Use, ...]

    def value(self) -> float:
        """Return the product of the local derivatives along the path."""
        result = 1.0
        for use in self.uses:
            result *= use.value
        return result


@dataclass(frozen=True, slots=True)
class ElementPaths:
    """The paths from one element to the loss.

    count: of all paths. factors: how many factors stand on all of them together. listed: the first
    paths, depth first.
    """

    start: NodeElement
    count: int
    factors: int
    listed: tuple[ElementPath, ...]
