"""One function of C: what gets a buffer, how an element of a node is read, loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tidu.backends.scalar import (
    Variable,
    attribute_numbers,
    operand_names,
    put_for,
    repeated_calls,
    scalar_tree,
)
from tidu.backends.source.c_parts import (
    INDENT,
    CExpression,
    bare_c,
    count,
    factor,
    linear,
    number,
    size_text,
)
from tidu.backends.source.plan import fresh, refused, residuals
from tidu.ir.body import Body
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import Dim, Shape
from tidu.words import Words

NO_MEANING = Words(
    en="it has no meaning in plain loops of C; its record gives no scalar expression and no loop",
    zh="它无法写成 C 的普通循环：它的记录既没有标量表达式，也没有循环方式",
)
Index = Sequence[str]


class File(Protocol):
    """The state that the functions of one file share."""

    real: str
    taken: set[str]
    sizes: list[str]

    def constant(self, node: Node) -> str: ...

    def body(self, body: Body) -> tuple[str, str]: ...


@dataclass
class CElements:
    """The lines of one function, as far as they read elements. stored: what holds a node that is at
    hand, a pointer or, for rank 0 that is calculated here, a number. plan() decides which nodes get
    a buffer."""

    file: File
    stored: dict[int, str] = field(default_factory=dict[int, str])
    plain: set[int] = field(default_factory=set[int])  # stored as a number, not behind a pointer
    names: Mapping[Node, str] = field(default_factory=dict[Node, str])
    comments: Mapping[Node, tuple[str, ...]] = field(default_factory=dict[Node, tuple[str, ...]])
    lines: list[str] = field(default_factory=list[str])
    forward: list[Node] = field(default_factory=list[Node])

    def __post_init__(self) -> None:
        self.taken = set(self.file.taken)
        self.rooms: list[str] = []
        self.depth = 1
        self.local: dict[tuple[int, tuple[str, ...]], str] = {}
        self.results: dict[int, list[str]] = {}
        self.keep: set[int] = set()

    # -------------------------------------------------------------- what gets a buffer
    def plan(self, ahead: Sequence[Node], back: Sequence[Node]) -> None:
        nodes = reachable([*ahead, *back])
        reads: dict[int, set[int]] = {}
        self.keep = {n.id for n in residuals(ahead, back)} if back else set()
        for node in nodes:
            many = node.op.subscripts is not None or node.op.body is not None
            many = many or node.op.role == "broadcast" or node.op.writes_at is not None
            for child in node.inputs:
                below = self._under(child)
                reads.setdefault(below.id, set()).add(node.id)
                if many and below.op.loop is Loop.MAP and below.rank:
                    self.keep.add(below.id)
        for node in nodes:
            named = node in self.names or node in self.comments
            light = node.op.loop in (Loop.MAP, Loop.VIEW) and node.op.writes_at is None
            if node.inputs and not self._in_place(node):
                if (
                    named
                    or not light
                    or (len(reads.get(node.id, ())) > 1 and node.op.loop is Loop.MAP)
                ):
                    self.keep.add(node.id)
        self.forward = [n for n in reachable(ahead) if n.id in self.keep]

    def _in_place(self, node: Node) -> bool:
        return node.op.role in ("item", "tuple")

    def _under(self, node: Node) -> Node:
        """Return what a view looks at."""
        while node.op.reads_at is not None and node.op.loop is Loop.VIEW:
            node = node.inputs[0]
        return node

    def needed_by(self, root: Node) -> list[Node]:
        return [node for node in reachable([root]) if node.id in self.keep]

    def workspace(self) -> str:
        return " + ".join(self.rooms) or "0"

    # -------------------------------------------------------------- lines
    def put(self, line: str) -> None:
        self.lines.append(f"{INDENT * self.depth}{line}")

    def say(self, comments: Sequence[str]) -> None:
        for comment in comments:
            self.put(f"/* {comment} */")

    def room(self, shape: Shape, wanted: str) -> str:
        """Return a buffer in the workspace."""
        name = fresh(wanted, self.taken)
        size = count(shape)
        self.put(f"{self.file.real} *const {name} = work{self._offset()};")
        self.rooms.append(size)
        if size == "0":
            self.put(f"(void){name};")
        return name

    def _offset(self) -> str:
        numbers = sum(int(r) for r in self.rooms if r.isdigit())
        rest = [r for r in self.rooms if not r.isdigit()]
        parts = [*rest, *([str(numbers)] if numbers else [])]
        return "".join(f" + {part}" for part in parts)

    # -------------------------------------------------------------- reading
    def read(self, node: Node, index: Index) -> str:
        """Return one element of a node as a C expression; elementwise ops go to locals of the
        loop."""
        if node.id in self.plain:
            return self.stored[node.id]
        if node.id in self.stored:
            return f"{self.stored[node.id]}[{linear(index, node.shape)}]"
        op = node.op
        if op.role == "constant":
            data = node.attrs["value"].array
            if data.size == 1:
                return number(float(data.reshape(-1)[0]), self.file.real)
            return f"{self.file.constant(node)}[{linear(index, node.shape)}]"
        if op.role == "size":
            return f"({self.file.real})({node.attrs['size']})"
        if op.role == "item":
            held = node.inputs[0]
            buffer = self.results[held.id][node.attrs["index"]]
            return f"{buffer}[{linear(index, node.shape)}]"
        if op.role == "cast":
            return self.read(node.inputs[0], index)
        if op.reads_at is not None and op.loop is Loop.VIEW:
            return self.read(node.inputs[0], op.reads_at(node, list(index), self._no_reader))
        key = (node.id, tuple(index))
        if key not in self.local:
            self.local[key] = self._element(node, index)
        return self.local[key]

    def _no_reader(self, position: int, index: Index, size: Dim) -> str:
        raise AssertionError("a view reads no index arrays")

    def _element(self, node: Node, index: Index) -> str:
        """Calculate one element into a local of the loop at hand."""
        if node.op.role == "cast":
            return self.read(node.inputs[0], index)
        tree = scalar_tree(node)
        if tree is None:
            raise refused(node.op.name, "C", NO_MEANING)
        names = dict(zip(operand_names(node.op, len(node.inputs)), node.inputs, strict=False))
        values = {name: self.read(child, index) for name, child in names.items()}
        values |= {
            name: number(value, self.file.real)
            for name, value in attribute_numbers(node.attrs).items()
        }
        if "i" not in values and node.rank >= 2:
            values |= {"i": f"({self.file.real}){factor(index[-2])}"}
            values |= {"j": f"({self.file.real}){factor(index[-1])}"}
        for at, call in enumerate(repeated_calls(tree)):
            held, key = fresh("v", self.taken), f"call {at}"  # a key that no operand has
            text = CExpression(values, self.file.real).write(call)
            self.put(f"const {self.file.real} {held} = {text};")
            tree, values = put_for(tree, call, Variable(key)), {**values, key: held}
        text = CExpression(values, self.file.real).write(tree)
        kind = "int" if node.dtype == "bool" else self.file.real
        name = fresh("v", self.taken)
        self.put(f"const {kind} {name} = {bare_c(text)};")
        return name

    # -------------------------------------------------------------- loops
    def loops(
        self, shape: Shape, inner: Callable[[list[str]], None], index: list[str] | None = None
    ) -> None:
        """Write nested loops over a shape; an axis of size one needs none."""
        given = list(index or [])
        axis = len(given)
        if axis == len(shape):
            before, self.local = self.local, dict(self.local) if not shape else {}
            inner(given)
            self.local = before
            return
        if shape[axis] == 0:
            return
        if shape[axis] == 1:
            self.loops(shape, inner, [*given, "0"])
            return
        counter = self.open(shape[axis], axis)
        self.loops(shape, inner, [*given, counter])
        self.close(counter)

    def open(self, dim: Dim, depth: int) -> str:
        counter = fresh("ijklmpqrs"[depth] if depth < 9 else "i", self.taken)
        self.put(f"for (size_t {counter} = 0; {counter} < {size_text(dim)}; {counter}++) {{")
        self.depth += 1
        return counter

    def close(self, counter: str) -> None:
        self.depth -= 1
        self.put("}")
        self.taken.discard(counter)
