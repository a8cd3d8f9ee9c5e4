"""The two passes of a program, forward and backward, as assignments in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidu.backends.source.bodies import Definitions, Dialect
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
from tidu.backends.source.python import Identifiers, identifier, named_in, sizes_in, sizes_told
from tidu.ir.body import every_node
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX
from tidu.words import Words

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
    names = Identifiers(source, dialect.reserved, dialect.upstream)
    bodies = Definitions(roots, names, dialect)
    given = {**names.inputs, **names.upstream}
    known = {node.id: CodeText(text, ATOM) for node, text in given.items()}
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
    back, results = _backward(source, bodies, kept, wanted, taken)
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
