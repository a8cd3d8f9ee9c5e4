"""Files in Python: the functions `forward`, `backward` and what is built from them.

NumPy, PyTorch and JAX share all of this; a `Dialect` says how one op is written in each.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidu.backends.source.plan import (
    ATOM,
    Assignment,
    CodeText,
    SourceFile,
    WrittenBlock,
    fresh,
    lowered,
    refused,
    residuals,
    write_block,
)
from tidu.ir.body import Body, body_of, every_node
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop, Operand
from tidu.ir.types import COMPLEX, FLOATS, Size, Type
from tidu.visible import visible_line
from tidu.words import Words

INDENT = "    "
LARGEST = 100_000  # numbers of a constant that are written into a file

_NO_BODY = Words(
    en="it was declared without a body; give one: functions={{'{name}': 'tanh(x)'}}",
    zh="它只有声明，没有函数体；请给出函数体：functions={{'{name}': 'tanh(x)'}}",
)
_NO_SIZE = Words(
    en="size {size} stands alone in no input's shape, so that no argument tells it",
    zh="大小 {size} 没有单独出现在任何输入的形状中，无法由参数得知",
)
_COMPLEX = Words(en="complex numbers are exported to NumPy alone", zh="复数目前只能导出为 NumPy")
_TOO_LARGE = Words(
    en="a constant of {count} numbers would be written into the file; make it an argument",
    zh="有一个 {count} 个数的常量要写进文件；请把它作为参数",
)


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


def check_writable(nodes: Iterable[Node], dialect: str, *, complex: bool = False) -> None:
    """Refuse what no file can hold: functions without a body, very large constants; and complex
    numbers where they are not written."""
    for node in nodes:
        if not complex and not is_tuple(node) and node.dtype in COMPLEX:
            raise refused(node.op.name, dialect, _COMPLEX)
        if node.op.role == "declared":
            raise refused(node.attrs["name"], dialect, _NO_BODY, name=node.attrs["name"])
        if node.op.role == "constant" and node.attrs["value"].array.size > LARGEST:
            count = node.attrs["value"].array.size
            raise refused(node.op.name, dialect, _TOO_LARGE, count=count)


# ------------------------------------------------------------------ names
class Identifiers:
    """Identifiers of one file: arguments, sizes, functions. A name that the file's language or a
    size has taken gets a number."""

    def __init__(self, source: SourceFile, dialect: Dialect) -> None:
        self.sizes = {
            name for node in source.inputs for dim in node.shape for name in sizes_in(dim)
        }
        self.taken = {*keyword.kwlist, *dialect.reserved, *self.sizes}
        self.inputs: dict[Node, str] = {}
        for node in source.inputs:
            self.inputs[node] = fresh(identifier(str(node.attrs["name"])), self.taken)

    def function(self, wanted: str) -> str:
        return fresh(identifier(wanted), self.taken)


def identifier(wanted: str) -> str:
    """Return `wanted` as a Python name."""
    text = re.sub(r"\W", "_", visible_line(wanted))
    if not text.isidentifier():
        text = f"v_{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def sizes_in(dim: object) -> set[str]:
    """Return the names of sizes in a dimension; none in a number."""
    return dim.names() if isinstance(dim, Size) else set()


def named_in(texts: Iterable[str]) -> set[str]:
    """Return every identifier in these lines of code."""
    return {name for text in texts for name in _IDENTIFIER.findall(text)}


_IDENTIFIER = re.compile(r"(?<![\w.])[^\W\d]\w*")


# ------------------------------------------------------------------ the two passes
@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """The program's two passes. saved: variables of the forward pass (arguments and sizes among
    them) that the backward pass reads. results: the variable of each gradient, by the input's
    name."""

    names: Identifiers
    forward: WrittenBlock
    loss: str
    branches: tuple[tuple[str, bool, str], ...]
    backward: tuple[Assignment, ...]
    results: Mapping[str, str]
    needs: Mapping[int, frozenset[str]]
    saved: tuple[str, ...]
    sizes: Mapping[str, str]
    definitions: tuple[str, ...]


def passes(source: SourceFile, dialect: Dialect) -> Passes:
    """Return both passes of a derivation, each intermediate calculated once."""
    source = lowered(source, dialect.can_write)
    roots = [source.loss, *(b.condition for b in source.branches), *source.gradients.values()]
    check_writable(every_node(roots), dialect.name, complex=dialect.complex)
    names = Identifiers(source, dialect)
    bodies = Definitions(roots, names, dialect)
    known = {node.id: CodeText(text, ATOM) for node, text in names.inputs.items()}
    taken = set(names.taken)
    wanted = {node: identifier(name) for node, name in source.names.items()}
    ahead = [source.loss, *(branch.condition for branch in source.branches)]
    asked = residuals(ahead, list(source.gradients.values()))
    forward = write_block(
        [*ahead, *asked],
        known,
        bodies.write,
        wanted,
        source.comments,
        taken,
        asked={node.id for node in asked},
    )
    kept = {**known, **{line.node.id: CodeText(line.variable, ATOM) for line in forward.lines}}
    back, results = _backward(source, dialect, bodies, kept, wanted, taken)
    variables = [*names.inputs.values(), *(line.variable for line in forward.lines)]
    read = named_in(line.expression for line in back)
    sizes = sizes_told(names.inputs)
    needed_sizes = (
        named_in(l.expression for l in (*forward.lines, *back))
        | {n for node in source.inputs for d in node.shape for n in sizes_in(d)}
    ) & names.sizes
    for size in sorted(needed_sizes - set(sizes)):
        raise refused(source.function, dialect.name, _NO_SIZE, size=size)
    saved = [name for name in variables if name in read]
    saved += [name for name in sizes if name in read]
    return Passes(
        names=names,
        forward=forward,
        loss=forward.of(source.loss).text,
        branches=tuple((forward.of(b.condition).text, b.taken, b.place) for b in source.branches),
        backward=tuple(back),
        results=results,
        needs=_needs(source, back),
        saved=tuple(saved),
        sizes=sizes,
        definitions=tuple(bodies.lines()),
    )


def _backward(
    source: SourceFile,
    dialect: Dialect,
    bodies: Definitions,
    known: Mapping[int, CodeText],
    wanted: Mapping[Node, str],
    taken: set[str],
) -> tuple[list[Assignment], dict[str, str]]:
    """Return the lines of the backward pass; every gradient ends in a variable d_…"""
    results: dict[str, str] = {}
    first: dict[Node, str] = {}
    comments = dict(source.comments)
    for name, node in source.gradients.items():
        results[name] = fresh(f"d_{identifier(name)}", taken)
        if node.id not in known and node.inputs and node not in first:
            first[node] = name
            comments[node] = source.above.get(name, ()) or comments.get(node, ())
    free = taken - {results[name] for name in first.values()}
    names = {**wanted, **{node: results[name] for node, name in first.items()}}
    block = write_block(
        list(source.gradients.values()), known, bodies.write, names, comments, free, source.order
    )
    taken |= free
    lines = list(block.lines)
    made = {line.variable for line in lines}
    for name, node in source.gradients.items():
        if first.get(node) == name and results[name] in made:
            continue
        lines.append(
            Assignment(node, results[name], block.of(node).text, source.above.get(name, ()))
        )
    return lines, results


def _needs(source: SourceFile, lines: Sequence[Assignment]) -> dict[int, frozenset[str]]:
    """Return, for each line by its position, the gradients that read it."""
    by_variable = {line.variable: i for i, line in enumerate(lines)}
    needs: list[set[str]] = [set() for _ in lines]
    for i, line in enumerate(lines):
        for name, node in source.gradients.items():
            if line.node is node:
                needs[i].add(name)
    for i in range(len(lines) - 1, -1, -1):
        for read in named_in([lines[i].expression]):
            j = by_variable.get(read)
            if j is not None and j < i:
                needs[j] |= needs[i]
    return {i: frozenset(names) for i, names in enumerate(needs)}


def sizes_told(inputs: Mapping[Node, str]) -> dict[str, str]:
    """Return where each named size is read: n = X.shape[0]."""
    sizes: dict[str, str] = {}
    for node, argument in inputs.items():
        for axis, dim in enumerate(node.shape):
            if isinstance(dim, Size) and dim == Size.named(str(dim)):
                sizes.setdefault(str(dim), f"{argument}.shape[{axis}]")
    return sizes


def shape_code(node: Node) -> str:
    """Return a shape as Python writes it; named sizes are variables."""
    inner = ", ".join(str(dim) for dim in node.shape)
    return f"({inner},)" if node.rank == 1 else f"({inner})"


def size_lines(node: Node, argument: str, sizes: Mapping[str, str], wanted: set[str]) -> list[str]:
    """Return `n, d = X.shape` for an input from which all its sizes are read, else a line for
    each."""
    checks = [
        str(dim)
        for axis, dim in enumerate(node.shape)
        if sizes.get(str(dim)) == f"{argument}.shape[{axis}]" and str(dim) in wanted
    ]
    if not checks:
        return []
    if len(checks) == node.rank:
        return [f"{', '.join(checks)}{',' if node.rank == 1 else ''} = {argument}.shape"]
    return [f"{name} = {sizes[name]}" for name in checks]


def written_lines(lines: Iterable[Assignment]) -> list[str]:
    result: list[str] = []
    for line in lines:
        result += [f"# {comment}" for comment in line.above]
        result.append(f"{line.variable} = {line.expression}")
    return result


_MODULE = re.compile(r"(?<![\w.])(math|scipy(?:\.[a-z]\w*)+)\.")


def imports(lines: Iterable[str]) -> list[str]:
    """Return import lines for what the code of some ops uses besides the library."""
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [f"import {name}" for name in sorted(set(_MODULE.findall(code)))]


def index_checks(source: SourceFile, names: Identifiers, text: str) -> list[str]:
    """Return lines that refuse indices that are not whole numbers, for decimal inputs used as
    indices.

    `text` is the test, with {x} for the argument.
    """
    roots = [source.loss, *source.gradients.values()]
    checks: list[str] = []
    used = {
        child.id
        for node in every_node(roots)
        for child, kind in zip(node.inputs, node.op.operands or (), strict=False)
        if kind is Operand.MASK and node.op.loop in (Loop.GATHER, Loop.SCATTER)
    }
    for node, argument in names.inputs.items():
        if node.id in used and node.dtype in FLOATS:
            checks += [
                f"if {text.format(x=argument)}:",
                f'{INDENT}raise ValueError("{argument} holds indices, which are whole numbers")',
            ]
    return checks


def index_only(source: SourceFile) -> set[int]:
    """Return ids of the inputs that are read as indices and as nothing else."""
    roots = [source.loss, *source.gradients.values()]
    places: set[int] = set()
    values: set[int] = set()
    for node in every_node(roots):
        kinds = node.op.operands or (Operand.VALUE,) * len(node.inputs)
        for child, kind in zip(node.inputs, kinds, strict=False):
            (places if kind is Operand.MASK else values).add(child.id)
    return places - values


def branch_lines(condition: str, taken: bool, place: str, every: str, some: str) -> list[str]:
    """Return the lines that check a branch taken while the program was traced: other inputs would
    need another file.

    `every` and `some` say of all or some elements that they are true, with {} for the condition.
    """
    test = f"if not {every.format(condition)}:" if taken else f"if {some.format(condition)}:"
    where = f" ({place})" if place else ""
    message = f"these inputs take another branch than the one exported{where}"
    return [test, f"{INDENT}raise ValueError({message!r})"]


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    return [INDENT * depth + line if line else "" for line in lines]


def group(names: Sequence[str]) -> str:
    """Return (a, b), (a,) or ()."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


# ------------------------------------------------------------------ calls and scans
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
