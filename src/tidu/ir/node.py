"""Nodes: one op applied to other nodes, hash-consed so that equal expressions are one object.

An id tells nodes apart and nothing more. Operands exist before the node that uses them; what walks
a graph does so in `post_order`, and no walk recurses.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tidu.ir.op import Op, operator, role
from tidu.ir.types import DType, Shape, TupleType, Type, is_empty

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ArrayData:
    """The contents of a constant, immutable and hashable: a copy, safe from later writes."""

    data: bytes
    shape: tuple[int, ...]
    dtype: DType

    @staticmethod
    def of(value: Any, dtype: DType | None = None) -> ArrayData:
        array = np.asarray(value, dtype=dtype)
        return ArrayData(array.tobytes(), array.shape, cast(DType, array.dtype.name))

    @property
    def array(self) -> NDArray[Any]:
        """Return a read-only array."""
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


class Node:
    """One op applied to operands. Compare with `is`: equal expressions are the same object."""

    __slots__ = ("__weakref__", "attributes", "id", "inputs", "op", "type")

    op: Op
    inputs: tuple[Node, ...]
    attributes: tuple[tuple[str, Any], ...]
    type: Type
    id: int

    @property
    def attrs(self) -> dict[str, Any]:
        return dict(self.attributes)

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def rank(self) -> int:
        return len(self.type.shape)

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def T(self) -> Node:  # NumPy's name
        """Return all axes reversed, as in NumPy; a vector or number is its own transpose."""
        return self if self.rank < 2 else role("transpose")(self)

    @property
    def mT(self) -> Node:
        """Return the last two axes exchanged."""
        axes = tuple(range(self.rank))
        return role("transpose")(self, axes=(*axes[:-2], axes[-1], axes[-2]))

    def __add__(self, other: Any) -> Node:
        return operator("+")(self, other)

    def __radd__(self, other: Any) -> Node:
        return operator("+")(other, self)

    def __sub__(self, other: Any) -> Node:
        return operator("-")(self, other)

    def __rsub__(self, other: Any) -> Node:
        return operator("-")(other, self)

    def __mul__(self, other: Any) -> Node:
        return operator("*")(self, other)

    def __rmul__(self, other: Any) -> Node:
        return operator("*")(other, self)

    def __truediv__(self, other: Any) -> Node:
        return operator("/")(self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return operator("/")(other, self)

    def __pow__(self, other: Any) -> Node:
        return operator("**")(self, other)

    def __rpow__(self, other: Any) -> Node:
        return operator("**")(other, self)

    def __matmul__(self, other: Any) -> Node:
        return operator("@")(self, other)

    def __neg__(self) -> Node:
        return operator("neg")(self)

    def __lt__(self, other: Any) -> Node:
        return operator("<")(self, other)

    def __le__(self, other: Any) -> Node:
        return operator("<=")(self, other)

    def __gt__(self, other: Any) -> Node:
        return operator(">")(self, other)

    def __ge__(self, other: Any) -> Node:
        return operator(">=")(self, other)

    def __getitem__(self, key: Any) -> Node:
        return role("index")(self, key=key)

    __iter__ = (
        None  # without it Python would try x[0], x[1], … until an IndexError that never comes
    )

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: object) -> Node:
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle a node as its op and operands, from which it is made again; see `ir.flat` for
        graphs."""
        return _interned, (self.op, self.inputs, self.attributes, self.type)

    def __repr__(self) -> str:
        operands = ", ".join(f"%{node.id}" for node in self.inputs)
        return f"%{self.id} = {self.op.name}({operands})"


Key = tuple[str, tuple[int, ...], tuple[tuple[str, Any], ...]]

_ids = itertools.count(1)
_lock = threading.Lock()
_table: weakref.WeakValueDictionary[Key, Node] = weakref.WeakValueDictionary()


def intern(
    op: Op, inputs: tuple[Node, ...], attributes: dict[str, Any], type: Type | TupleType
) -> Node:
    """Return the node of this op, operands and attributes: a new one, or the one that exists."""
    pairs = tuple(sorted(attributes.items()))
    key: Key = (op.name, tuple(node.id for node in inputs), pairs)
    with _lock:
        known = _table.get(key)
        if known is not None and known.op is op and known.type == type:
            return known
        node = Node()
        node.op = op
        node.inputs = inputs
        node.attributes = pairs
        node.type = cast(Type, type)
        node.id = next(_ids)
        _table[key] = node
    return node


def _interned(
    op: Op, inputs: tuple[Node, ...], pairs: tuple[tuple[str, Any], ...], type: Type | TupleType
) -> Node:
    return intern(op, inputs, dict(pairs), type)


def post_order(roots: Iterable[Node], operands: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """Return the roots and what `operands` leads to from them, each once and after its operands.

    The order follows from the graph alone. Ids would not do: a node that exists already keeps the
    id that it was given when something else built it.
    """
    ordered: list[Node] = []
    entered: set[int] = set()
    done: set[int] = set()
    stack = list(roots)
    stack.reverse()
    while stack:
        node = stack[-1]
        if node.id not in entered:
            entered.add(node.id)
            stack.extend(child for child in reversed(operands(node)) if child.id not in entered)
            continue
        stack.pop()
        if node.id not in done:
            done.add(node.id)
            ordered.append(node)
    return ordered


def reachable(outputs: Iterable[Node]) -> list[Node]:
    """Return all nodes that the outputs depend on, operands first."""
    return post_order(outputs, attrgetter("inputs"))


def inputs_among(nodes: Iterable[Node]) -> dict[str, Node]:
    """Return the named inputs among these nodes, by name."""
    return {node.attrs["name"]: node for node in nodes if node.op.role == "input"}


def depends_on(outputs: Iterable[Node], sources: Iterable[Node]) -> set[int]:
    """Return ids of the nodes under `outputs` that depend on one of `sources` (the sources
    included)."""
    active = {node.id for node in sources}
    for node in reachable(outputs):
        if node.id not in active and any(child.id in active for child in node.inputs):
            active.add(node.id)
    return active


def moved_by(outputs: Iterable[Node], sources: Iterable[Node]) -> set[int]:
    """Return ids of the nodes under `outputs` that can change with one of `sources`: those that
    depend on it through arrays that have elements. What has none carries no derivative."""
    active = {node.id for node in sources if not is_empty(node.type)}
    for node in reachable(outputs):
        if node.id in active or is_empty(node.type):
            continue
        if any(child.id in active for child in node.inputs):
            active.add(node.id)
    return active
