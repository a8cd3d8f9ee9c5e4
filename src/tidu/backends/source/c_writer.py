"""One function of C: how each node is calculated into its buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tidu.backends.scalar import parse
from tidu.backends.source.c_elements import NO_MEANING, CElements, Index
from tidu.backends.source.c_parts import (
    CExpression,
    bare_c,
    c_name,
    count,
    factor,
    linear,
    number,
    size_text,
    times,
)
from tidu.backends.source.plan import fresh, refused
from tidu.ir.body import Body, body_of
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import Dim, Shape, product


class Writer(CElements):
    """The lines of one function."""

    # -------------------------------------------------------------- storing
    def store_all(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.id not in self.stored and node.id not in self.results:
                self.store(node)

    def store(self, node: Node) -> None:
        """Give a node a buffer (a number, for rank 0) and fills it."""
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
        """Write a node to memory of the caller's."""
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
        if op.reduction is not None and op.loop is Loop.SCAN:
            self._running(node, name, *op.reduction)
        elif op.reduction is not None:
            self._reduce(node, name, *op.reduction)
        elif op.subscripts is not None:
            self._contract(node, name, op.subscripts(node))
        elif op.writes_at is not None:
            self._scatter(node, name)
        elif op.reads_at is not None and op.loop is Loop.GATHER:
            self._gather(node, name)
        elif op.scalar is not None or op.reads_at is not None or op.role in ("cast", "item"):
            self._copy(node, name)
        else:
            raise refused(op.name, "C", NO_MEANING)

    def _reduce(self, node: Node, name: str, start: str, step: str, finish: str) -> None:
        (x,) = node.inputs
        axes = node.attrs["axis"]
        kept_axes = [i for i in range(x.rank) if i not in axes]
        kept = tuple(x.shape[i] for i in kept_axes)
        n = count(tuple(x.shape[i] for i in axes))

        def one(index: list[str]) -> None:
            acc = fresh("acc", self.taken)
            self.put(f"{self.file.real} {acc} = {self._finished(start, {})};")

            def inner(over: list[str]) -> None:
                source = _merged(x.rank, kept_axes, index, axes, over)
                value = self.read(x, source)
                self.put(f"{acc} = {self._finished(step, {'acc': acc, 'x': value})};")

            self.loops(tuple(x.shape[i] for i in axes), inner)
            result = self._finished(finish, {"acc": acc, "n": f"({self.file.real})({n})"})
            self.put(f"{name}[{linear(index, kept)}] = {result};")

        self.loops(kept, one)

    def _finished(self, text: str, values: Mapping[str, str]) -> str:
        return bare_c(CExpression(values, self.file.real).write(parse(text)))

    def _running(self, node: Node, name: str, start: str, step: str, finish: str) -> None:
        (x,) = node.inputs
        axis = node.attrs["axis"]
        kept_axes = [i for i in range(x.rank) if i != axis]

        def one(index: list[str]) -> None:
            acc = fresh("acc", self.taken)
            self.put(f"{self.file.real} {acc} = {self._finished(start, {})};")

            def inner(over: list[str]) -> None:
                source = _merged(x.rank, kept_axes, index, (axis,), over)
                value = self.read(x, source)
                self.put(f"{acc} = {self._finished(step, {'acc': acc, 'x': value})};")
                self.put(f"{name}[{linear(source, x.shape)}] = {acc};")

            self.loops((x.shape[axis],), inner)

        _ = finish
        self.loops(tuple(x.shape[i] for i in kept_axes), one)

    def _zero(self, node: Node, name: str) -> None:
        self.loops(
            (product(node.shape),),
            lambda index: self.put(f"{name}[{index[0]}] = {number(0.0, self.file.real)};"),
        )

    def _contract(self, node: Node, name: str, subscripts: str) -> None:
        left, _, right = subscripts.partition("->")
        terms = left.split(",")
        dims: dict[str, Dim] = {}
        for term, x in zip(terms, node.inputs, strict=True):
            for index, dim in zip(term, x.shape, strict=True):
                known = dims.get(index, dim)
                smaller = isinstance(dim, int) and isinstance(known, int) and dim < known
                dims[index] = dim if smaller else known
        summed = "".join(c for c in dims if c not in right)
        order = right[:-1] + summed + right[-1:]
        self._zero(node, name)

        def inner(index: list[str]) -> None:
            index_of = dict(zip(order, index, strict=True))
            reads = [
                self.read(x, [index_of[c] for c in term])
                for term, x in zip(terms, node.inputs, strict=True)
            ]
            target = linear([index_of[c] for c in right], node.shape)
            self.put(f"{name}[{target}] += {' * '.join(reads)};")

        self.loops(tuple(dims[c] for c in order), inner)

    def _reader(self, node: Node) -> Callable[[int, Index, Dim], str]:
        """Read an index array: the position on an axis of this size."""

        def read(position: int, index: Index, size: Dim) -> str:
            value = self.read(node.inputs[position], index)
            name = fresh("p", self.taken)
            bad = fresh("bad", self.taken)
            self.put(f"int {bad} = 0;")
            self.put(
                f"const size_t {name} = place((double){factor(value)}, {size_text(size)}, &{bad});"
            )
            self.put(f"if ({bad}) return 1;")
            return name

        return read

    def _gather(self, node: Node, name: str) -> None:
        places = node.op.reads_at
        assert places is not None

        def inner(index: list[str]) -> None:
            source = places(node, index, self._reader(node))
            value = self.read(node.inputs[0], source)
            self.put(f"{name}[{linear(index, node.shape)}] = {value};")

        self.loops(node.shape, inner)

    def _scatter(self, node: Node, name: str) -> None:
        puts = node.op.writes_at
        assert puts is not None
        self._zero(node, name)
        sources = node.inputs if node.op.operands is None else node.inputs[:1]
        for position, x in enumerate(sources):

            def inner(index: list[str], position: int = position, x: Node = x) -> None:
                goal = puts(node, position, index, self._reader(node))
                target = linear(goal, node.shape)
                self.put(f"{name}[{target}] += {self.read(x, index)};")

            self.loops(x.shape, inner)

    def guard(self, condition: Node, *, taken: bool) -> None:
        """Return 2 where the inputs take the other branch."""

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
        """Return an array in memory with this node's elements in order."""
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
            self.room(x.shape, c_name(r)) for x, r in zip(body.outputs, body.results, strict=True)
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
        last = [self.room(x.shape, c_name(str(x.attrs["name"]))) for x in starts]
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
            self.put(f"const size_t {t} = {size_text(length)} - 1 - {step};")
        for stack, buffer, x in zip(kept, last, starts, strict=True):
            copy(f"({stack} + {times([t, count(x.shape)])})", buffer, x.shape)
        given = [
            *self.file.sizes,
            *last,
            *(
                f"{operand} + {times([t, count(x.shape)])}"
                for operand, x in zip(
                    operands[carries : carries + steps],
                    body.inputs[carries : carries + steps],
                    strict=True,
                )
            ),
            *operands[carries + steps :],
            *following,
            *(
                f"{stack} + {times([t, count(x.shape)])}"
                for stack, x in zip(stacks, body.outputs[carries:], strict=True)
            ),
            scratch,
        ]
        self.put(f"if ({function}({', '.join(given)})) return 1;")
        for buffer, new, x in zip(last, following, starts, strict=True):
            copy(buffer, new, x.shape)
        self.close(step)


def _merged(
    rank: int, kept_axes: Sequence[int], index: Index, axes: Sequence[int], over: Index
) -> list[str]:
    """Return the whole index from that of the axes kept and that of the others."""
    merged = [""] * rank
    for axis, text in zip(kept_axes, index, strict=True):
        merged[axis] = text
    for axis, text in zip(axes, over, strict=True):
        merged[axis] = text
    return merged
