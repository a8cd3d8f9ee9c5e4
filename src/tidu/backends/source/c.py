"""C source: one C99 function for the loss and its gradients, without allocation.

Elementwise ops are fused into the loops of what reads them, views are read in place; everything
else has a buffer in a workspace that the caller gives. Of an op's record, `scalar` gives one
element, `reads_at` the index that a view reads, `writes_at` the index that a scatter writes,
`reduction` and `subscripts` how loops sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tidu.backends.scalar import calls_of, scalar_tree
from tidu.backends.source.c_elements import NO_MEANING
from tidu.backends.source.c_parts import INDENT, c_name, number
from tidu.backends.source.c_writer import Writer
from tidu.backends.source.passes import check_writable
from tidu.backends.source.plan import SourceFile, file_text, fresh, lowered, refused
from tidu.backends.source.python import sizes_in
from tidu.ir.body import Body, every_node
from tidu.ir.node import Node

_KEYWORDS = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while main size_t int64_t uint8_t INFINITY NAN"
).split()
_LIBM = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 "
    "fabs floor fmax fmin fmod hypot lgamma log log10 log1p log2 pow round sin sinh sqrt tan tanh "
    "tgamma trunc"
).split()
_OTHER = "gamma y0 y1 yn j0 j1 jn abs labs div index place work at bad real".split()
_RESERVED = frozenset([*_KEYWORDS, *_LIBM, *(f"{f}f" for f in _LIBM), *_OTHER])


def can_write(node: Node) -> bool:
    """Tell whether this op has a meaning in C."""
    op = node.op
    if op.body is not None or op.role in ("input", "constant", "size", "item", "tuple", "cast"):
        return True
    tree = scalar_tree(node)
    if tree is not None:
        return all(name in _LIBM for name in calls_of(tree))
    return any(f is not None for f in (op.reads_at, op.writes_at, op.reduction, op.subscripts))


def write(source: SourceFile) -> str:
    """Return the whole file."""
    source = lowered(source, can_write)
    roots = [source.loss, *source.gradients.values(), *(b.condition for b in source.branches)]
    check_writable(every_node(roots), "C")
    for node in every_node(roots):
        if not can_write(node):
            raise refused(node.op.name, "C", NO_MEANING)
    seen = {node.dtype for node in (*source.inputs, source.loss, *source.gradients.values())}
    real = "float" if "float32" in seen and "float64" not in seen else "double"
    return file_text(_CFile(source, source.function, real).lines())


class _CFile:
    """One file: its function, the functions of its bodies, its constants."""

    def __init__(self, source: SourceFile, name: str, real: str) -> None:
        self.source, self.name, self.real = source, name, real
        self.taken = set(_RESERVED) | {name, f"{name}_workspace"}
        self.sizes = sorted({s for node in source.inputs for d in node.shape for s in sizes_in(d)})
        self.taken |= set(self.sizes)
        self.constants: dict[Node, str] = {}
        self.tables: list[str] = []
        self.bodies: dict[Body, tuple[str, str]] = {}
        self.functions: list[str] = []

    def lines(self) -> list[str]:
        source, real = self.source, self.real
        writer = Writer(self)
        signature = self._inputs(writer)
        results = {key: fresh(f"d_{c_name(key)}", writer.taken) for key in source.gradients}
        out = fresh("value", writer.taken)
        signature += [f"{real} *restrict {text}" for text in (out, *results.values())]
        signature.append(f"{real} *restrict work")
        writer.names = {node: c_name(text) for node, text in source.names.items()}
        writer.comments = source.comments
        writer.plan(
            [source.loss, *(b.condition for b in source.branches)],
            list(source.gradients.values()),
        )
        writer.store_all(writer.forward)
        for branch in source.branches:
            writer.guard(branch.condition, taken=branch.taken)
        writer.fill(source.loss, out, (f"{source.loss_name} = the value",))
        for key, node in self._in_order():
            writer.store_all(writer.needed_by(node))
            writer.fill(node, results[key], source.above.get(key, ()))
        body = writer.lines
        text = _code(body)
        upstream = () if source.upstream is None else (source.upstream,)
        given = (writer.stored[node.id] for node in (*source.inputs, *upstream))
        ends = (*self.sizes, *given, out, *results.values(), "work")
        unused = [f"(void){name};" for name in ends if not _mentions(text, name)]
        top = [f"   {line}".rstrip() for line in source.header]
        head = ["/*", *top, "", *self._usage(results, out), "*/", "#include <math.h>"]
        head += ["#include <stddef.h>", "#include <stdint.h>", ""]
        if "place(" in text or any("place(" in line for line in self.functions):
            head += [*_PLACE, ""]
        workspace = self._workspace(writer.workspace())
        return [
            *head,
            *self.tables,
            *self.functions,
            f"{workspace[0]};",
            f"int {self.name}({', '.join(signature)});",
            "",
            *workspace,
            "",
            f"int {self.name}(",
            *(f"{INDENT}{part}," for part in signature[:-1]),
            f"{INDENT}{signature[-1]})",
            "{",
            *(f"{INDENT}{line}" for line in unused),
            *body,
            f"{INDENT}return 0;",
            "}",
        ]

    def _inputs(self, writer: Writer) -> list[str]:
        """Return the first arguments of the function, sizes and inputs; the writer gets their
        names."""
        arguments = [f"size_t {size}" for size in self.sizes]
        source = self.source
        upstream = () if source.upstream is None else (source.upstream,)
        for node in (*source.inputs, *upstream):
            name = fresh(c_name(str(node.attrs["name"])), writer.taken)
            writer.stored[node.id] = name
            kind = {"int64": "int64_t", "bool": "uint8_t"}.get(node.dtype, self.real)
            arguments.append(f"const {kind} *restrict {name}")
        return arguments

    def _workspace(self, size: str) -> list[str]:
        """Return the function that tells how many numbers the workspace holds."""
        arguments = ", ".join(f"size_t {s}" for s in self.sizes) or "void"
        unused = [f"{INDENT}(void){s};" for s in self.sizes if not _mentions(size, s)]
        return [
            f"size_t {self.name}_workspace({arguments})",
            "{",
            *unused,
            f"{INDENT}return {size};",
            "}",
        ]

    def _in_order(self) -> list[tuple[str, Node]]:
        """Return the gradients in the order of back-propagation."""
        order = {node: i for i, node in enumerate(self.source.order)}
        gradients = self.source.gradients.items()
        return sorted(gradients, key=lambda item: order.get(item[1], len(order)))

    def _usage(self, results: Mapping[str, str], out: str) -> list[str]:
        sizes = ", ".join(self.sizes)
        upstream = self.source.upstream
        back = "" if upstream is None else f" from {upstream.attrs['name']}"
        return [
            f"   {self.name}(...) writes the value to *{out} and the gradients{back} to "
            f"{', '.join(results.values())};",
            "   arrays are in C order. work: room for at least "
            f"{self.name}_workspace({sizes}) numbers (at least 1).",
            "   Returns 0; 1 where an index is out of range or no whole number; 2 where the inputs",
            "   take another branch than the one exported. Nothing is allocated.",
        ]

    def constant(self, node: Node) -> str:
        """Return the name of a table of constants."""
        if node not in self.constants:
            name = fresh("table", self.taken)
            self.constants[node] = name
            data = node.attrs["value"].array
            values = [number(float(v), self.real) for v in data.ravel().tolist()] or ["0"]
            lines = [f"static const {self.real} {name}[{max(1, data.size)}] = {{"]
            for start in range(0, len(values), 6):
                lines.append(f"{INDENT}{', '.join(values[start : start + 6])},")
            self.tables += [*lines, "};", ""]
        return self.constants[node]

    def body(self, body: Body) -> tuple[str, str]:
        """Return the function of a body and its workspace."""
        if body not in self.bodies:
            name = fresh(c_name(body.name), self.taken)
            writer = Writer(self)
            signature = [f"size_t {size}" for size in self.sizes]
            given: list[str] = list(self.sizes)
            for node in body.inputs:
                argument = fresh(c_name(str(node.attrs["name"])), writer.taken)
                writer.stored[node.id] = argument
                signature.append(f"const {self.real} *restrict {argument}")
                given.append(argument)
            outs = [fresh(f"out_{c_name(r)}", writer.taken) for r in body.results]
            signature += [f"{self.real} *restrict {out}" for out in outs]
            signature.append(f"{self.real} *restrict work")
            origin = body if body.origin is None else body.origin.of
            writer.names = {n: c_name(names[0].text) for n, names in origin.names.items()}
            writer.plan(list(body.outputs), [])
            writer.store_all(writer.forward)
            for node, out in zip(body.outputs, outs, strict=True):
                writer.fill(node, out, ())
            text = _code(writer.lines)
            unused = [f"(void){n};" for n in (*given, *outs, "work") if not _mentions(text, n)]
            self.functions += [
                f"static int {name}(",
                *(f"{INDENT}{part}," for part in signature[:-1]),
                f"{INDENT}{signature[-1]})",
                "{",
                *(f"{INDENT}{line}" for line in unused),
                *writer.lines,
                f"{INDENT}return 0;",
                "}",
                "",
            ]
            self.bodies[body] = name, writer.workspace()
        return self.bodies[body]


_PLACE = """
/* The position of an index that may count from the end; *bad where it has none. */
static size_t place(double index, size_t n, int *bad)
{
    if (index < 0) index += (double)n;
    if (!(index >= 0 && index < (double)n) || index != floor(index)) {
        *bad = 1;
        return 0;
    }
    return (size_t)index;
}
""".strip().split("\n")


def _code(lines: Iterable[str]) -> str:
    """Return the lines without those that are comments."""
    return "\n".join(line for line in lines if not line.lstrip().startswith("/*"))


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None
