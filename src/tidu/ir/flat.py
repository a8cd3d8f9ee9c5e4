"""How records that hold nodes are copied and pickled: users may do so; tidu itself reads no pickle.

A node is pickled as what it is made from, and is made again where it is read, so that equal
expressions are one object there too. `Flat` records put their nodes first, operands before what
uses them: each then finds its operands done, and a chain of 100,000 nodes needs no deep recursion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import Any

from tidu.ir.body import every_node
from tidu.ir.node import Node


class Flat:
    """A frozen dataclass that holds nodes."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        values = tuple(_fields(self))
        return _restored, (tuple(every_node(_held(values))), type(self), values)


def _restored(_: tuple[Node, ...], kind: type[Any], values: tuple[Any, ...]) -> Any:
    return kind(*values)


def _fields(record: Any) -> list[Any]:
    return [getattr(record, field.name) for field in fields(record) if field.init]


def _held(value: Any) -> list[Node]:
    """Return all nodes in a value, but for those that others of them are made of."""
    nodes: dict[Node, None] = {}
    entered: set[int] = set()
    ahead = [value]
    while ahead:
        one = ahead.pop()
        if isinstance(one, Node):
            nodes[one] = None
        elif isinstance(one, str | bytes) or id(one) in entered:
            continue
        elif isinstance(one, Mapping):
            entered.add(id(one))
            ahead += [part for pair in one.items() for part in pair]
        elif isinstance(one, Sequence | AbstractSet):
            entered.add(id(one))
            ahead += list(one)
        elif is_dataclass(one) and not isinstance(one, type):
            entered.add(id(one))
            ahead += _fields(one)
    return list(nodes)
