"""Identifiers, named sizes and lines of files in Python, as NumPy, PyTorch and JAX share them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from tidu.backends.source.plan import (
    Assignment,
    SourceFile,
    fresh,
)
from tidu.ir.body import every_node
from tidu.ir.node import Node
from tidu.ir.op import Loop, Operand
from tidu.ir.types import FLOATS, Size
from tidu.visible import visible_line

INDENT = "    "


# ------------------------------------------------------------------ names
class Identifiers:
    """Identifiers of one file: arguments, sizes, functions. A name that the file's language or a
    size has taken gets a number. `upstream`: what a language calls the upstream gradient."""

    def __init__(
        self, source: SourceFile, reserved: Collection[str], upstream: str | None = None
    ) -> None:
        self.sizes = {
            name for node in source.inputs for dim in node.shape for name in sizes_in(dim)
        }
        self.taken = {*keyword.kwlist, *reserved, *self.sizes}
        self.inputs: dict[Node, str] = {}
        for node in source.inputs:
            self.inputs[node] = fresh(identifier(str(node.attrs["name"])), self.taken)
        self.upstream: dict[Node, str] = {}
        if source.upstream is not None:
            wanted = upstream or identifier(str(source.upstream.attrs["name"]))
            self.upstream[source.upstream] = fresh(wanted, self.taken)

    def arguments(self) -> str:
        """Return the arguments of the forward pass."""
        return ", ".join(self.inputs.values())

    def all_arguments(self) -> str:
        """Return the arguments of both passes: the upstream gradient comes last."""
        return ", ".join([*self.inputs.values(), *self.upstream.values()])

    def backward_arguments(self, *more: str) -> str:
        """Return the arguments of the backward pass: the upstream gradient comes first."""
        return ", ".join([*self.upstream.values(), *more])

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
