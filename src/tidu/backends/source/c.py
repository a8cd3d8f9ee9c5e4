"""C source: one C99 function for the loss and its gradients, without allocation.

Elementwise ops are fused into the loops of what reads them, views are read in place; everything
else has a buffer in a workspace that the caller gives. `scalar` says an element, `places` where an
element of a view stands, `puts` where an element goes, `fold` and `letters` how loops sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tidu.backends.scalar import (
    Binary,
    Call,
    Choice,
    Num,
    Tree,
    Unary,
    Var,
    attribute_numbers,
    calls_of,
    operand_names,
    parse,
)
from tidu.backends.source.plan import Source, fresh, lowered, refused, residuals
from tidu.backends.source.python import check_writable, identifier
from tidu.ir.body import Body, body_of, every_node
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import Dim, Shape, Size, product
from tidu.words import Words

_NO_MEANING = Words(
    en="it has no meaning in plain loops of C; its record gives no scalar expression and no loop",
    zh="它无法写成 C 的普通循环：它的记录既没有标量表达式，也没有循环方式",
)
_NO_SIZE = Words(
    en="size {size} stands alone in no input's shape", zh="大小 {size} 没有单独出现在输入的形状中"
)
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
INDENT = "    "
# gcc and clang warn of none of these files with these flags
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def can_write(node: Node) -> bool:
    """Whether this op has a meaning in C."""
    op = node.op
    if op.body is not None or op.role in ("input", "constant", "size", "item", "tuple", "cast"):
        return True
    if op.scalar is not None:
        return all(name in _LIBM for name in calls_of(_tree(node)))
    return any(f is not None for f in (op.places, op.puts, op.fold, op.letters))


def _tree(node: Node) -> Tree:
    text = node.op.scalar
    assert text is not None
    return parse(text if isinstance(text, str) else text(node))


# ------------------------------------------------------------------ integer expressions
def _dim(dim: Dim) -> str:
    text = str(dim)
    return f"({text})" if isinstance(dim, Size) and not text.isidentifier() else text


def _factor(text: str) -> str:
    return text if re.fullmatch(r"\w+", text) else f"({text})"


def _times(parts: Sequence[str]) -> str:
    kept = [_factor(part) for part in parts if part != "1"]
    return "0" if "0" in kept else " * ".join(kept) or "1"


def linear(index: Sequence[str], shape: Shape) -> str:
    """The position of an element in an array in C order."""
    terms: list[str] = []
    for axis, text in enumerate(index):
        if text != "0" and shape[axis] != 1:
            terms.append(_times([text, *(_dim(d) for d in shape[axis + 1 :])]))
    return " + ".join(term for term in terms if term != "0") or "0"


def count(shape: Shape) -> str:
    total = product(shape)
    return _dim(total)


# ------------------------------------------------------------------ the file
def c_text(source: Source, function: str | None = None) -> str:
    """The whole file."""
    source = lowered(source, can_write)
    roots = [source.loss, *source.gradients.values(), *(b.condition for b in source.branches)]
    check_writable(every_node(roots), "C")
    for node in every_node(roots):
        if not can_write(node):
            raise refused(node.op.name, "C", _NO_MEANING)
    seen = {node.dtype for node in (*source.inputs, source.loss, *source.gradients.values())}
    real = "float" if "float32" in seen and "float64" not in seen else "double"
    name = function or source.function
    return "\n".join(_File(source, name, real).lines()) + "\n"


class _File:
    """One file: its function, the functions of its bodies, its constants."""

    def __init__(self, source: Source, name: str, real: str) -> None:
        self.source, self.name, self.real = source, name, real
        self.taken = set(_RESERVED) | {name, f"{name}_workspace"}
        self.sizes = sorted({s for node in source.inputs for d in node.shape for s in _names(d)})
        self.taken |= set(self.sizes)
        self.constants: dict[Node, str] = {}
        self.tables: list[str] = []
        self.bodies: dict[Body, tuple[str, str]] = {}
        self.functions: list[str] = []

    def lines(self) -> list[str]:
        source, real = self.source, self.real
        writer = _Writer(self)
        signature = [f"size_t {size}" for size in self.sizes]
        unread: list[str] = list(self.sizes)
        for node in source.inputs:
            name = fresh(_c_name(str(node.attrs["name"])), writer.taken)
            writer.stored[node.id] = name
            kind = {"int64": "int64_t", "bool": "uint8_t"}.get(node.dtype, real)
            signature.append(f"const {kind} *restrict {name}")
            unread.append(name)
        results = {key: fresh(f"d_{_c_name(key)}", writer.taken) for key in source.gradients}
        out = fresh("value", writer.taken)
        signature += [f"{real} *restrict {text}" for text in (out, *results.values())]
        signature.append(f"{real} *restrict work")
        writer.names = {node: _c_name(text) for node, text in source.names.items()}
        writer.comments = source.comments
        writer.plan(
            [source.loss, *(b.condition for b in source.branches)],
            list(source.gradients.values()),
            source.order,
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
        ends = (*unread, out, *results.values(), "work")
        unused = [f"(void){name};" for name in ends if not _mentions(text, name)]
        top = [f"   {line}".rstrip() for line in source.header]
        head = ["/*", *top, "", *self._usage(results, out), "*/", "#include <math.h>"]
        head += ["#include <stddef.h>", "#include <stdint.h>", ""]
        if "place(" in text or any("place(" in line for line in self.functions):
            head += [*_PLACE, ""]
        workspace = writer.workspace()
        own = "void" if not self.sizes else ", ".join(f"size_t {s}" for s in self.sizes)
        cast = [f"{INDENT}(void){s};" for s in self.sizes if not _mentions(workspace, s)]
        return [
            *head,
            *self.tables,
            *self.functions,
            f"size_t {self.name}_workspace({own});",
            f"int {self.name}({', '.join(signature)});",
            "",
            f"size_t {self.name}_workspace({own})",
            "{",
            *cast,
            f"{INDENT}return {workspace};",
            "}",
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

    def _in_order(self) -> list[tuple[str, Node]]:
        """The gradients in the order of back-propagation."""
        place = {node: i for i, node in enumerate(self.source.order)}
        found = self.source.gradients.items()
        return sorted(found, key=lambda item: place.get(item[1], len(place)))

    def _usage(self, results: Mapping[str, str], out: str) -> list[str]:
        sizes = ", ".join(self.sizes)
        return [
            f"   {self.name}(...) writes the value to *{out} and the gradients to "
            f"{', '.join(results.values())};",
            "   arrays are in C order. work: room for at least "
            f"{self.name}_workspace({sizes}) numbers (at least 1).",
            "   Returns 0; 1 where an index is out of range or no whole number; 2 where the inputs",
            "   take another branch than the one exported. Nothing is allocated.",
        ]

    def constant(self, node: Node) -> str:
        """The name of a table of constants."""
        if node not in self.constants:
            name = fresh("table", self.taken)
            self.constants[node] = name
            data = node.attrs["value"].array
            values = [number(float(v), self.real) for v in data.ravel().tolist()] or ["0"]
            lines = [f"static const {self.real} {name}[{max(1, data.size)}] = {{"]
            for at in range(0, len(values), 6):
                lines.append(f"{INDENT}{', '.join(values[at : at + 6])},")
            self.tables += [*lines, "};", ""]
        return self.constants[node]

    def body(self, body: Body) -> tuple[str, str]:
        """The function of a body and its workspace."""
        if body not in self.bodies:
            name = fresh(_c_name(body.name), self.taken)
            writer = _Writer(self)
            signature = [f"size_t {size}" for size in self.sizes]
            given: list[str] = list(self.sizes)
            for node in body.inputs:
                own = fresh(_c_name(str(node.attrs["name"])), writer.taken)
                writer.stored[node.id] = own
                signature.append(f"const {self.real} *restrict {own}")
                given.append(own)
            outs = [fresh(f"out_{_c_name(r)}", writer.taken) for r in body.results]
            signature += [f"{self.real} *restrict {out}" for out in outs]
            signature.append(f"{self.real} *restrict work")
            origin = body if body.origin is None else body.origin.of
            writer.names = {n: _c_name(names[0].text) for n, names in origin.names.items()}
            writer.plan(list(body.outputs), [], ())
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
    """The lines without those that are comments."""
    return "\n".join(line for line in lines if not line.lstrip().startswith("/*"))


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def _names(dim: Dim) -> set[str]:
    return dim.names() if isinstance(dim, Size) else set()


def _c_name(wanted: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", identifier(wanted))


def number(value: float, real: str) -> str:
    """A literal of the file's kind of numbers."""
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(np.float32(value).astype(str))) if real == "float" else repr(float(value))
    text = f"{text}f" if real == "float" else text
    return f"({text})" if text.startswith("-") else text


# ------------------------------------------------------------------ one function
Index = Sequence[str]


@dataclass
class _Writer:
    """The lines of one function. stored: what holds a node that is at hand, a pointer or, for rank
    0 that is calculated here, a number. plan() decides which nodes get a buffer."""

    file: _File
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
    def plan(self, ahead: Sequence[Node], back: Sequence[Node], order: Sequence[Node]) -> None:
        nodes = reachable([*ahead, *back])
        reads: dict[int, set[int]] = {}
        self.keep = {n.id for n in residuals(ahead, back)} if back else set()
        for node in nodes:
            many = node.op.letters is not None or node.op.body is not None
            many = many or node.op.role == "broadcast" or node.op.puts is not None
            for child in node.inputs:
                below = self._under(child)
                reads.setdefault(below.id, set()).add(node.id)
                if many and below.op.loop is Loop.MAP and below.rank:
                    self.keep.add(below.id)
        for node in nodes:
            own = node in self.names or node in self.comments
            light = node.op.loop in (Loop.MAP, Loop.VIEW) and node.op.puts is None
            if node.inputs and not self._in_place(node):
                if (
                    own
                    or not light
                    or (len(reads.get(node.id, ())) > 1 and node.op.loop is Loop.MAP)
                ):
                    self.keep.add(node.id)
        needed = {node.id for node in nodes}
        first = [node for node in order if node.id in needed]
        self.forward = [n for n in reachable(ahead) if n.id in self.keep]
        self.later = first

    def _in_place(self, node: Node) -> bool:
        return node.op.role in ("item", "tuple")

    def _under(self, node: Node) -> Node:
        """What a view looks at."""
        while node.op.places is not None and node.op.loop is Loop.VIEW:
            node = node.inputs[0]
        return node

    def needed_by(self, root: Node) -> list[Node]:
        return [node for node in reachable([root]) if node.id in self.keep]

    def store_all(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.id not in self.stored and node.id not in self.results:
                self.store(node)

    def workspace(self) -> str:
        return " + ".join(self.rooms) or "0"

    # -------------------------------------------------------------- lines
    def put(self, line: str) -> None:
        self.lines.append(f"{INDENT * self.depth}{line}")

    def say(self, comments: Sequence[str]) -> None:
        for comment in comments:
            self.put(f"/* {comment.replace('*/', '* /')} */")

    def room(self, shape: Shape, wanted: str) -> str:
        """A buffer in the workspace."""
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
        """One element of a node as a C expression; elementwise ops go to locals of the loop."""
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
        if op.places is not None and op.loop is Loop.VIEW:
            return self.read(node.inputs[0], op.places(node, list(index), self._no_reader))
        key = (node.id, tuple(index))
        if key not in self.local:
            self.local[key] = self._element(node, index)
        return self.local[key]

    def _no_reader(self, position: int, index: Index, size: Dim) -> str:
        raise AssertionError("a view reads no index arrays")

    def _element(self, node: Node, index: Index) -> str:
        """Calculates one element into a local of the loop at hand."""
        if node.op.role == "cast":
            return self.read(node.inputs[0], index)
        if node.op.scalar is None:
            raise refused(node.op.name, "C", _NO_MEANING)
        tree = _tree(node)
        names = dict(zip(operand_names(node.op, len(node.inputs)), node.inputs, strict=False))
        values = {name: self.read(child, index) for name, child in names.items()}
        values |= {
            name: number(value, self.file.real)
            for name, value in attribute_numbers(node.attrs).items()
        }
        if "i" not in values and node.rank >= 2:
            values |= {"i": f"({self.file.real}){_factor(index[-2])}"}
            values |= {"j": f"({self.file.real}){_factor(index[-1])}"}
        text = _Scalar(values, self.file.real).write(tree)
        kind = "int" if node.dtype == "bool" else self.file.real
        name = fresh("v", self.taken)
        self.put(f"const {kind} {name} = {bare_c(text)};")
        return name

    # -------------------------------------------------------------- loops
    def loops(
        self, shape: Shape, inner: Callable[[list[str]], None], index: list[str] | None = None
    ) -> None:
        """Nested loops over a shape; an axis of size one needs none."""
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
        letter = self.open(shape[axis], axis)
        self.loops(shape, inner, [*given, letter])
        self.close(letter)

    def open(self, dim: Dim, depth: int) -> str:
        letter = fresh("ijklmpqrs"[depth] if depth < 9 else "i", self.taken)
        self.put(f"for (size_t {letter} = 0; {letter} < {_dim(dim)}; {letter}++) {{")
        self.depth += 1
        return letter

    def close(self, letter: str) -> None:
        self.depth -= 1
        self.put("}")
        self.taken.discard(letter)

    # -------------------------------------------------------------- storing
    def store(self, node: Node) -> None:
        """Gives a node a buffer (a number, for rank 0) and fills it."""
        self.say(self.comments.get(node, ()))
        if node.op.body is not None:
            self._call(node)
            return
        wanted = self.names.get(node, "t")
        if node.rank == 0 and node.op.loop is Loop.MAP:
            before, self.local = self.local, {}
            value = self._element(node, [])
            self.local = before
            name = fresh(wanted, self.taken)
            self.put(f"const {self.file.real} {name} = {value};")
            self.stored[node.id] = name
            self.plain.add(node.id)
            return
        name = self.room(node.shape, wanted)
        self._into(node, name)
        self.stored[node.id] = name

    def fill(self, node: Node, name: str, comments: Sequence[str]) -> None:
        """Writes a node to memory of the caller's."""
        self.say(comments)
        if node.id in self.stored or node.id in self.results or not node.inputs:
            self._copy(node, name)
        else:
            self._into(node, name)

    def _copy(self, node: Node, name: str) -> None:
        self.loops(
            node.shape,
            lambda index: self.put(
                f"{name}[{linear(index, node.shape)}] = {self.read(node, index)};"
            ),
        )

    def _into(self, node: Node, name: str) -> None:
        op = node.op
        if op.fold is not None and op.loop is Loop.SCAN:
            self._running(node, name, *op.fold)
        elif op.fold is not None:
            self._reduce(node, name, *op.fold)
        elif op.letters is not None:
            self._contract(node, name, op.letters(node))
        elif op.puts is not None:
            self._scatter(node, name)
        elif op.places is not None and op.loop is Loop.GATHER:
            self._gather(node, name)
        elif op.scalar is not None or op.places is not None or op.role in ("cast", "item"):
            self._copy(node, name)
        else:
            raise refused(op.name, "C", _NO_MEANING)

    def _reduce(self, node: Node, name: str, start: str, step: str, finish: str) -> None:
        (x,) = node.inputs
        axes = node.attrs["axis"]
        rest = [i for i in range(x.rank) if i not in axes]
        kept = tuple(x.shape[i] for i in rest)
        n = count(tuple(x.shape[i] for i in axes))

        def one(index: list[str]) -> None:
            acc = fresh("acc", self.taken)
            self.put(f"{self.file.real} {acc} = {self._folded(start, {})};")

            def inner(over: list[str]) -> None:
                whole = _merged(x.rank, rest, index, axes, over)
                value = self.read(x, whole)
                self.put(f"{acc} = {self._folded(step, {'acc': acc, 'x': value})};")

            self.loops(tuple(x.shape[i] for i in axes), inner)
            result = self._folded(finish, {"acc": acc, "n": f"({self.file.real})({n})"})
            self.put(f"{name}[{linear(index, kept)}] = {result};")

        self.loops(kept, one)

    def _folded(self, text: str, values: Mapping[str, str]) -> str:
        return bare_c(_Scalar(values, self.file.real).write(parse(text)))

    def _running(self, node: Node, name: str, start: str, step: str, finish: str) -> None:
        (x,) = node.inputs
        axis = node.attrs["axis"]
        rest = [i for i in range(x.rank) if i != axis]

        def one(index: list[str]) -> None:
            acc = fresh("acc", self.taken)
            self.put(f"{self.file.real} {acc} = {self._folded(start, {})};")

            def inner(over: list[str]) -> None:
                whole = _merged(x.rank, rest, index, (axis,), over)
                value = self.read(x, whole)
                self.put(f"{acc} = {self._folded(step, {'acc': acc, 'x': value})};")
                self.put(f"{name}[{linear(whole, x.shape)}] = {acc};")

            self.loops((x.shape[axis],), inner)

        _ = finish
        self.loops(tuple(x.shape[i] for i in rest), one)

    def _zero(self, node: Node, name: str) -> None:
        self.loops(
            (product(node.shape),),
            lambda index: self.put(f"{name}[{index[0]}] = {number(0.0, self.file.real)};"),
        )

    def _contract(self, node: Node, name: str, letters: str) -> None:
        left, _, right = letters.partition("->")
        terms = left.split(",")
        dims: dict[str, Dim] = {}
        for term, x in zip(terms, node.inputs, strict=True):
            for letter, dim in zip(term, x.shape, strict=True):
                known = dims.get(letter, dim)
                smaller = isinstance(dim, int) and isinstance(known, int) and dim < known
                dims[letter] = dim if smaller else known
        summed = "".join(c for c in dims if c not in right)
        order = right[:-1] + summed + right[-1:]
        self._zero(node, name)

        def inner(index: list[str]) -> None:
            at = dict(zip(order, index, strict=True))
            reads = [
                self.read(x, [at[c] for c in term])
                for term, x in zip(terms, node.inputs, strict=True)
            ]
            target = linear([at[c] for c in right], node.shape)
            self.put(f"{name}[{target}] += {' * '.join(reads)};")

        self.loops(tuple(dims[c] for c in order), inner)

    def _reader(self, node: Node) -> Callable[[int, Index, Dim], str]:
        """Reads an index array: the position on an axis of this size."""

        def read(position: int, index: Index, size: Dim) -> str:
            value = self.read(node.inputs[position], index)
            name = fresh("p", self.taken)
            bad = fresh("bad", self.taken)
            self.put(f"int {bad} = 0;")
            self.put(
                f"const size_t {name} = place((double){_factor(value)}, {_dim(size)}, &{bad});"
            )
            self.put(f"if ({bad}) return 1;")
            return name

        return read

    def _gather(self, node: Node, name: str) -> None:
        places = node.op.places
        assert places is not None

        def inner(index: list[str]) -> None:
            found = places(node, index, self._reader(node))
            value = self.read(node.inputs[0], found)
            self.put(f"{name}[{linear(index, node.shape)}] = {value};")

        self.loops(node.shape, inner)

    def _scatter(self, node: Node, name: str) -> None:
        puts = node.op.puts
        assert puts is not None
        self._zero(node, name)
        sources = node.inputs if node.op.operands is None else node.inputs[:1]
        for position, x in enumerate(sources):

            def inner(index: list[str], position: int = position, x: Node = x) -> None:
                found = puts(node, position, index, self._reader(node))
                target = linear(found, node.shape)
                self.put(f"{name}[{target}] += {self.read(x, index)};")

            self.loops(x.shape, inner)

    def guard(self, condition: Node, *, taken: bool) -> None:
        """Returns 2 where the inputs take the other branch."""

        def inner(index: list[str]) -> None:
            value = self.read(condition, index)
            self.put(f"if ({'!' if taken else ''}({value})) return 2;")

        self.put("{")
        self.depth += 1
        self.loops(condition.shape, inner)
        self.depth -= 1
        self.put("}")

    # -------------------------------------------------------------- calls and scans
    def _pointer(self, node: Node) -> str:
        """An array in memory with this node's elements in order."""
        plain = node.id in self.stored and node.id not in self.plain
        if plain and node.dtype not in ("int64", "bool"):
            return self.stored[node.id]
        if node.op.role == "item" and node.id not in self.stored:
            return self.results[node.inputs[0].id][node.attrs["index"]]
        name = self.room(node.shape, "given")
        self._copy(node, name)
        return name

    def _call(self, node: Node) -> None:
        body = body_of(node)
        assert body is not None
        function, workspace = self.file.body(body)
        operands = [self._pointer(child) for child in node.inputs]
        if node.op.loop is Loop.SCAN:
            self._scan(node, body, function, workspace, operands)
            return
        buffers = [
            self.room(x.shape, _c_name(r)) for x, r in zip(body.outputs, body.results, strict=True)
        ]
        scratch = self._scratch(workspace)
        given = ", ".join([*self.file.sizes, *operands, *buffers, scratch])
        self.put(f"if ({function}({given})) return 1;")
        self.results[node.id] = buffers
        if not is_tuple(node):
            self.stored[node.id] = buffers[0]

    def _scratch(self, workspace: str) -> str:
        name = fresh("scratch", self.taken)
        self.put(f"{self.file.real} *const {name} = work{self._offset()};")
        self.rooms.append(workspace if workspace.isdigit() else f"({workspace})")
        return name

    def _scan(
        self, node: Node, body: Body, function: str, workspace: str, operands: Sequence[str]
    ) -> None:
        attributes = node.attrs
        carries, steps = attributes["carries"], attributes["steps"]
        length: Dim = attributes["length"]
        starts = body.inputs[:carries]
        last = [self.room(x.shape, _c_name(str(x.attrs["name"]))) for x in starts]
        following = [self.room(x.shape, "next") for x in starts]
        stacks = [self.room((length, *x.shape), "rows") for x in body.outputs[carries:]]
        kept = [self.room((length, *x.shape), "kept") for x in starts]
        scratch = self._scratch(workspace)

        def copy(target: str, source: str, shape: Shape) -> None:
            self.loops(
                (product(shape),),
                lambda index: self.put(f"{target}[{index[0]}] = {source}[{index[0]}];"),
            )

        for buffer, operand, x in zip(last, operands[:carries], starts, strict=True):
            copy(buffer, operand, x.shape)
        self.results[node.id] = [*last, *stacks, *kept]
        if not is_tuple(node):
            self.stored[node.id] = self.results[node.id][0]
        if length == 0:
            for name in (*operands, *following, *stacks, *kept, scratch, function):
                self.put(f"(void){name};")
            return
        step = self.open(length, 0)
        t = step
        if attributes["reverse"]:
            t = fresh("t", self.taken)
            self.put(f"const size_t {t} = {_dim(length)} - 1 - {step};")
        for stack, buffer, x in zip(kept, last, starts, strict=True):
            copy(f"({stack} + {_times([t, count(x.shape)])})", buffer, x.shape)
        given = [
            *self.file.sizes,
            *last,
            *(
                f"{operand} + {_times([t, count(x.shape)])}"
                for operand, x in zip(
                    operands[carries : carries + steps],
                    body.inputs[carries : carries + steps],
                    strict=True,
                )
            ),
            *operands[carries + steps :],
            *following,
            *(
                f"{stack} + {_times([t, count(x.shape)])}"
                for stack, x in zip(stacks, body.outputs[carries:], strict=True)
            ),
            scratch,
        ]
        self.put(f"if ({function}({', '.join(given)})) return 1;")
        for buffer, new, x in zip(last, following, starts, strict=True):
            copy(buffer, new, x.shape)
        self.close(step)


def _merged(
    rank: int, rest: Sequence[int], index: Index, axes: Sequence[int], over: Index
) -> list[str]:
    """The whole index from that of the axes kept and that of the others."""
    found = [""] * rank
    for axis, text in zip(rest, index, strict=True):
        found[axis] = text
    for axis, text in zip(axes, over, strict=True):
        found[axis] = text
    return found


# ------------------------------------------------------------------ scalar expressions
@dataclass(frozen=True, slots=True)
class _Scalar:
    """A scalar expression in C."""

    values: Mapping[str, str]
    real: str

    def atom(self, part: Tree) -> str:
        text = self.write(part)
        return text if re.fullmatch(r"[\w.\[\]]+", text) or _closed(text) else f"({text})"

    def write(self, part: Tree) -> str:
        match part:
            case Num(text):
                return number(float(text), self.real)
            case Var(name):
                return name if name == "INFINITY" else self.values[name]
            case Unary(sign, value):
                return f"{sign}{self.atom(value)}"
            case Binary(sign, left, right):
                return f"{self.atom(left)} {sign} {self.atom(right)}"
            case Choice(test, yes, no):
                return f"({self.atom(test)} ? {self.atom(yes)} : {self.atom(no)})"
            case Call("pow", (base, exponent)) if self._is_two(exponent):
                text = self.atom(base)
                return f"({text} * {text})"
            case Call(name, arguments):
                suffix = "f" if self.real == "float" else ""
                given = ", ".join(bare_c(self.write(a)) for a in arguments)
                return f"{name}{suffix}({given})"

    def _is_two(self, part: Tree) -> bool:
        return self.write(part) in ("2.0", "2.0f")


def _closed(text: str) -> bool:
    """One pair of brackets around everything, or one call."""
    match = re.match(r"\w*\(", text)
    if match is None:
        return False
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character == ")":
            return at == len(text) - 1
    return False


def bare_c(text: str) -> str:
    return text[1:-1] if text.startswith("(") and _closed(text) else text
