"""The functions that the two passes call: one for each body, one with a loop for each scan.

A `Dialect` says how one op, and such a loop, is written for one Python library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tidu.backends.source.plan import (
    ATOM,
    CodeText,
    fresh,
    write_block,
)
from tidu.backends.source.python import (
    INDENT,
    Identifiers,
    identifier,
    indented,
    named_in,
    sizes_in,
    written_lines,
)
from tidu.ir.body import Body, body_of, every_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import FLOATS, Type


@dataclass(frozen=True, slots=True)
class Scan:
    """The function of a scan: its name, its step's function and how that is called with sizes, the
    names of carries, entries and constants."""

    name: str
    step: str
    carry: Sequence[str]
    entries: Sequence[str]
    rest: Sequence[str]
    sizes: Sequence[str]

    def head(self) -> str:
        return (
            f"def {self.name}({', '.join([*self.carry, *self.entries, *self.rest, *self.sizes])}):"
        )

    def call(self, carry: Sequence[str], entries: Sequence[str]) -> str:
        """Return a call of the step."""
        given = [*carry, *entries, *self.rest, *(f"{n}={n}" for n in self.sizes)]
        return f"{self.step}({', '.join(given)})"


def loop_lines(
    node: Node, scan: Scan, stack: str, empty: Callable[[Type], str], first: Sequence[str] = ()
) -> list[str]:
    """Return a scan as a function with a loop: last carries, all outputs, what each step started
    from.

    `stack` joins the rows of a column, `empty` is a column without rows, `first` the lines that
    `empty` needs.
    """
    attributes = node.attrs
    body = body_of(node)
    assert body is not None
    carries = attributes["carries"]
    length = str(attributes["length"])
    over = f"reversed(range({length}))" if attributes["reverse"] else f"range({length})"
    call = scan.call(scan.carry, [f"{x}[t]" for x in scan.entries])
    if len(body.outputs) == 1:
        call = f"({call},)"
    stacks = [x.type for x in (*body.outputs[carries:], *body.inputs[:carries])]
    kept = "".join(f" {x}," for x in scan.carry)
    lines = [
        scan.head(),
        *first,
        "    rows = []",
        f"    for t in {over}:",
        f"        found = {call}",
        f"        rows.append((*found[{carries}:],{kept}))",
    ]
    if scan.carry:
        lines.append(f"        {', '.join(scan.carry)}, = found[:{carries}]")
    if attributes["reverse"]:
        lines.append("    rows.reverse()")
    columns = f"[{stack}(column) for column in zip(*rows)]"
    if attributes["length"] == 0 or not isinstance(attributes["length"], int):
        columns = f"{columns} if rows else [{', '.join(map(empty, stacks))}]"
    lines.append(f"    stacks = {columns}")
    front = "".join(f"{x}, " for x in scan.carry)
    single = carries + len(stacks) == 1
    lines.append("    return stacks[0]" if single else f"    return ({front}*stacks)")
    return lines


@dataclass(frozen=True, slots=True)
class Dialect:
    """One Python library. `write(node, operands)` is an expression; `loop` the lines of a scan's
    function."""

    name: str
    write: Callable[[Node, Sequence[str]], str]
    loop: Callable[[Node, Scan], list[str]]
    can_write: Callable[[Node], bool]
    reserved: frozenset[str] = field(default_factory=frozenset[str])
    complex: bool = False  # whether complex numbers are written
    like: str | None = None  # what constants take their dtype from, in functions of bodies
    upstream: str | None = None  # what the library calls the upstream gradient


class Definitions:
    """The functions that the lines call: one for each body, one with a loop for each scan."""

    def __init__(self, roots: Iterable[Node], names: Identifiers, dialect: Dialect) -> None:
        self._names, self._dialect = names, dialect
        self._bodies: dict[Body, str] = {}
        self._scans: dict[tuple[Body, tuple[tuple[str, object], ...]], str] = {}
        self._called: dict[Node, str] = {}
        self._order: list[Node] = []
        waiting = list(roots)
        while waiting:
            walk = [node for node in reachable(waiting) if node.op.body is not None]
            waiting = []
            for node in walk:
                if node not in self._called:
                    self._name(node)
                    waiting.extend(_held(node).outputs)

    def _name(self, node: Node) -> None:
        body = _held(node)
        if body not in self._bodies:
            self._bodies[body] = self._names.function(body.name)
        self._called[node] = self._bodies[body]
        if node.op.loop is Loop.SCAN:
            key = (body, tuple(pair for pair in node.attributes if pair[0] != node.op.body))
            if key not in self._scans:
                self._scans[key] = self._names.function(f"{self._bodies[body]}_scan")
                self._order.append(node)
            self._called[node] = self._scans[key]

    def write(self, node: Node, operands: Sequence[str]) -> str:
        """Return the template of any node: a call of a definition, or as the dialect writes it."""
        if node.op.body is not None:
            return f"{self._called[node]}({', '.join([*operands, *self._sizes_of(node)])})"
        return self._dialect.write(node, operands)

    def _sizes_of(self, node: Node) -> list[str]:
        """Return the named sizes that a function takes as arguments: those that shapes may not
        tell."""
        return [f"{name}={name}" for name in sorted(_body_sizes(node))]

    def lines(self) -> list[str]:
        """Return all definitions, two empty lines after each; a called function is before its
        caller."""
        result: list[str] = []
        for body, name in reversed(self._bodies.items()):
            result += [*self._function(body, name), "", ""]
        for node in reversed(self._order):
            result += [*self._dialect.loop(node, self._scan(node)), "", ""]
        return result

    def _scan(self, node: Node) -> Scan:
        body = _held(node)
        taken = {*self._names.taken, "rows", "found", "stacks", "t"}
        names = [fresh(self._argument(x), taken) for x in body.inputs]
        c = node.attrs["carries"]
        s = c + node.attrs["steps"]
        sizes = sorted(_body_sizes(node))
        step = self._bodies[body]
        return Scan(self._called[node], step, names[:c], names[c:s], names[s:], sizes)

    def _argument(self, node: Node) -> str:
        return identifier(str(node.attrs["name"]))

    def _function(self, body: Body, name: str) -> list[str]:
        taken = set(self._names.taken)
        arguments = {node: fresh(self._argument(node), taken) for node in body.inputs}
        known = {node.id: CodeText(text, ATOM) for node, text in arguments.items()}
        origin = body if body.origin is None else body.origin.of
        names = {node: identifier(given[0].text) for node, given in origin.names.items()}
        block = write_block(body.outputs, known, self.write, names, {}, taken)
        back = [block.of(node).text for node in body.outputs]
        sizes = sorted(
            self._names.sizes & {n for x in every_node(body.outputs) for n in _node_sizes(x)}
        )
        front = [*arguments.values(), *(["*", *sizes] if sizes else [])]
        like: list[str] = []
        if self._dialect.like and self._dialect.like in named_in(
            [*(line.expression for line in block.lines), *back]
        ):
            floats = [t for n, t in arguments.items() if n.dtype in FLOATS]
            like = [f"{INDENT}{self._dialect.like} = {(floats or ['None'])[0]}"]
        return [
            f"def {name}({', '.join(front)}):",
            *like,
            *indented(written_lines(block.lines)),
            f"{INDENT}return {', '.join(back)}",
        ]


def _held(node: Node) -> Body:
    body = body_of(node)
    assert body is not None
    return body


def _node_sizes(node: Node) -> set[str]:
    dims = [] if node.op.role == "tuple" else getattr(node.type, "shape", ())
    sizes = {name for dim in dims for name in sizes_in(dim)}
    for _, value in node.attributes:
        sizes |= sizes_in(value)
        if isinstance(value, tuple):
            sizes |= {n for part in _flat(value) for n in sizes_in(part)}
    return sizes


def _flat(value: object) -> Iterable[object]:
    if isinstance(value, tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _body_sizes(node: Node) -> set[str]:
    return {name for x in every_node(_held(node).outputs) for name in _node_sizes(x)}
