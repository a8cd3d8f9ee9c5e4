"""One element of a node as a tree of loads and scalar functions of the loop indices.

Elementwise ops are joined into one tree, views change the index that is read, and a value with a
buffer is loaded. Trees are shared: an element that is read twice is one object, calculated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from tidu.backends.native.schedule.position import (
    IndexEntry,
    LoopIndex,
    Position,
    linear,
    position_of,
    read,
)
from tidu.backends.scalar import (
    Tree,
    attribute_numbers,
    calls_of,
    divides,
    operand_names,
    parse,
    scalar_tree,
    variables,
)
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import FLOATS

# Functions that cost about as much as an addition.
LIGHT = frozenset({"fmax", "fmin", "fabs", "copysign", "floor", "ceil", "trunc"})
CALL, DIVISION = 10, 3  # what any other function costs, and what a division adds
PRODUCT = parse("x * y")
SUM = ("0", "acc + x", "acc")  # start, step and finish of a sum


class Expression:
    """One element. `dtype` is that of its value."""

    dtype: str

    def parts(self) -> tuple[Expression, ...]:
        return ()

    def direct_loops(self) -> frozenset[LoopIndex]:
        return frozenset()

    @cached_property
    def _loops(self) -> frozenset[LoopIndex]:
        return self.direct_loops().union(*(part.loops() for part in self.parts()))

    def loops(self) -> frozenset[LoopIndex]:
        """Return the loop indices that the value depends on."""
        return self._loops


class Placed(Expression):
    """An expression that depends on a position in memory."""

    at: Position

    def parts(self) -> tuple[Expression, ...]:
        return tuple(entry.value for entry in self.at.entries())

    def direct_loops(self) -> frozenset[LoopIndex]:
        return self.at.loops()


@dataclass(eq=False)
class Load(Placed):
    """An element of a buffer."""

    buffer: Node
    at: Position
    dtype: str


@dataclass(eq=False)
class NumericLiteral(Expression):
    value: float | int | bool
    dtype: str


@dataclass(eq=False)
class Coordinate(Placed):
    """A position as a number: the `i` or `j` of a scalar expression."""

    at: Position
    dtype: str


@dataclass(eq=False)
class Convert(Expression):
    value: Expression
    dtype: str

    def parts(self) -> tuple[Expression, ...]:
        return (self.value,)


@dataclass(eq=False)
class ScalarCall(Expression):
    """A scalar expression of others; `work` is the dtype that it is calculated in."""

    tree: Tree
    operands: Mapping[str, Expression]
    numbers: Mapping[str, float]
    work: str
    dtype: str

    def parts(self) -> tuple[Expression, ...]:
        return tuple(self.operands.values())


@dataclass(eq=False)
class Head(Expression):
    """The reduced value, still in a register, that the same nest of loops has just calculated."""

    dtype: str
    over: frozenset[LoopIndex]

    def direct_loops(self) -> frozenset[LoopIndex]:
        return self.over


Index: TypeAlias = tuple[Position, ...]


# ------------------------------------------------------------------ what can be said
def work_dtype(node: Node) -> str:
    """Return the dtype that an elementwise op calculates in."""
    if node.dtype in FLOATS:
        return node.dtype
    floats = [child.dtype for child in node.inputs if child.dtype in FLOATS]
    if floats:
        return max(floats)
    if any(c.dtype == "int64" for c in node.inputs) or _counts(node):
        return "int64"
    return node.dtype


def _counts(node: Node) -> bool:
    """Tell whether an expression of masks also reads numbers: indices, or an attribute."""
    tree = scalar_tree(node)
    if tree is None:
        return False
    numbers = {name for name, n in attribute_numbers(node.attrs).items() if n not in (0.0, 1.0)}
    names = operand_names(node.op, len(node.inputs))
    return bool(variables(tree) & ({"i", "j"} | numbers) - set(names))


def sayable(node: Node, functions: Collection[str]) -> bool:
    """Tell whether one element of this node is a scalar expression of its operands' elements."""
    if node.op.role in ("cast", "constant", "size"):
        return True
    tree = scalar_tree(node)
    if tree is None:
        return False
    if work_dtype(node) in FLOATS:
        return calls_of(tree) <= set(functions)
    return not calls_of(tree) and not divides(tree)


def contraction(node: Node) -> tuple[dict[str, int], list[str], str]:
    """Return the indices of a contraction: their sizes, those of each operand, of the result."""
    assert node.op.subscripts is not None
    left, _, right = node.op.subscripts(node).partition("->")
    terms = left.split(",")
    sizes: dict[str, int] = {}
    for term, x in zip(terms, node.inputs, strict=True):
        for name, size in zip(term, whole(x), strict=True):
            sizes[name] = min(size, sizes.get(name, size))
    return sizes, terms, right


def scattered(node: Node) -> Sequence[Node]:
    """Return the operands of a scatter whose values are written: the others say where."""
    return node.inputs if node.op.operands is None else node.inputs[:1]


def cost(node: Node) -> int:
    """Return the cost of one element, in additions."""
    tree = scalar_tree(node)
    if tree is None:
        return 0
    heavy = calls_of(tree) - LIGHT
    return 1 + CALL * len(heavy) + (DIVISION if divides(tree) else 0)


# ------------------------------------------------------------------ building
@dataclass
class ElementBuilder:
    """Builds the trees of one kernel.

    stored: whether a node has a buffer. heads: values that are in a register, by node id.
    """

    stored: Callable[[Node], bool]
    heads: Mapping[int, Expression] = field(default_factory=dict[int, Expression])
    known: dict[tuple[int, Index], Expression] = field(
        default_factory=dict[tuple[int, Index], Expression]
    )

    def of(self, node: Node, index: Index) -> Expression:
        """Return the element of a node at an index. Recursive: `plan` cuts what is too deep."""
        if node.id in self.heads:
            return self.heads[node.id]
        key = (node.id, index)
        element = self.known.get(key)
        if element is None:
            element = self.known[key] = self._build(node, index)
        return element

    def _build(self, node: Node, index: Index) -> Expression:
        op = node.op
        if op.role == "constant":
            data = node.attrs["value"].array
            if data.size == 1:
                return NumericLiteral(data.reshape(-1)[0].item(), node.dtype)
            return self.load(node, index)
        if self.stored(node) or op.role == "input":
            return self.load(node, index)
        if op.role == "cast":
            return Convert(self.of(node.inputs[0], index), node.dtype)
        if op.role == "size":
            return NumericLiteral(float(node.attrs["size"]), node.dtype)
        if op.reads_at is not None and op.loop in (Loop.VIEW, Loop.GATHER):
            return self.of(node.inputs[0], self.places(node, index))
        tree = scalar_tree(node)
        assert tree is not None, op.name
        names = operand_names(op, len(node.inputs))
        operands = {
            name: self.of(child, index) for name, child in zip(names, node.inputs, strict=False)
        }
        if node.rank >= 2:
            work = work_dtype(node)
            coordinates = {"i": Coordinate(index[-2], work), "j": Coordinate(index[-1], work)}
            read = variables(tree)
            operands |= {n: v for n, v in coordinates.items() if n in read and n not in operands}
        numbers = attribute_numbers(node.attrs)
        return ScalarCall(tree, operands, numbers, work_dtype(node), node.dtype)

    def load(self, node: Node, index: Index) -> Load:
        return Load(node, linear(index, whole(node)), node.dtype)

    def places(self, node: Node, index: Index) -> Index:
        """Return the index in the first operand that a view or gather reads."""
        assert node.op.reads_at is not None
        return self._read(node, index, lambda texts, reader: node.op.reads_at(node, texts, reader))  # type: ignore[misc]

    def puts(self, node: Node, position: int, index: Index) -> Index:
        """Return the index in the result that a scatter adds an operand's element to."""
        puts = node.op.writes_at
        assert puts is not None
        return self._read(node, index, lambda texts, reader: puts(node, position, texts, reader))

    def _read(self, node: Node, index: Index, ask: Callable[[list[str], Any], list[str]]) -> Index:
        names = {f"_{axis}": position for axis, position in enumerate(index)}
        texts = [_text(name, position) for name, position in names.items()]

        def reader(operand: int, indices: Sequence[str], size: int) -> str:
            places = tuple(read(text, names) for text in indices)
            entry = IndexEntry(self.of(node.inputs[operand], places), int(size))
            name = f"_e{len(names)}"
            names[name] = Position(0, ((entry, 1),))
            return name

        return tuple(read(text, names) for text in ask(texts, reader))


def _text(name: str, position: Position) -> str:
    return name if position.terms else str(position.constant)


def whole(node: Node) -> tuple[int, ...]:
    """Return the shape, all of whose sizes are numbers by now."""
    return tuple(int(dim) for dim in node.shape)


def loops_of(shape: Sequence[int], prefix: str) -> tuple[LoopIndex, ...]:
    return tuple(LoopIndex(f"{prefix}{axis}", size) for axis, size in enumerate(shape))


def positions_of(loops: Iterable[LoopIndex]) -> Index:
    return tuple(position_of(loop) for loop in loops)


# ------------------------------------------------------------------ walking
def walk(roots: Iterable[Expression]) -> list[Expression]:
    """Return the expressions and all that they are made of, each once, parts first."""
    parts: list[Expression] = []
    seen: set[int] = set()
    stack = [(root, False) for root in roots][::-1]
    while stack:
        part, ready = stack.pop()
        if ready:
            parts.append(part)
        elif id(part) not in seen:
            seen.add(id(part))
            stack.append((part, True))
            stack.extend((child, False) for child in part.parts())
    return parts


def loads(roots: Iterable[Expression]) -> list[Load]:
    return [part for part in walk(roots) if isinstance(part, Load)]


def literal_text(value: float | int | bool) -> str:
    """Write a number by its bits, for signatures: -0.0 differs from 0.0, and NaN equals itself."""
    return value.hex() if isinstance(value, float) and not math.isnan(value) else repr(value)
