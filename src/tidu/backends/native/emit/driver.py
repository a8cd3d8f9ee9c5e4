"""The function that goes over the stages of a program, step by step, on every thread.

`run(table, steps, shared, thread, threads, scratch)` does `steps` steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.barrier import barrier
from tidu.backends.native.emit.module import Kernel, ModuleBuilder
from tidu.backends.native.emit.registers import (
    I1,
    I8,
    I32,
    I64,
    IN_MEMORY,
    POINTER,
    Builder,
    Value,
    counted,
    intrinsic,
    is_finite,
    number,
)
from tidu.backends.native.layout import (
    BAD_INDEX,
    CALLBACK,
    CONTEXT,
    DONE,
    ENTRY,
    ERROR,
    GUARD,
    NOT_FINITE,
    RUNNING,
    STATUS,
    whole_lines,
)
from tidu.backends.native.schedule.expression import whole
from tidu.backends.native.schedule.plan import KernelStage
from tidu.ir.node import Node

MOST_OPEN = 96  # buffers since the last barrier, above which threads wait without need


@dataclass(eq=False)
class _Open:
    """The buffers that were written and read since all threads last waited for each other."""

    writes: set[Node] = field(default_factory=set[Node])
    reads: set[Node] = field(default_factory=set[Node])

    def __len__(self) -> int:
        return len(self.writes) + len(self.reads)

    def add(self, kernel: Kernel) -> None:
        self.writes |= kernel.writes
        self.reads |= kernel.reads

    def meets(self, kernel: Kernel, meets: Callable[[Node, Node], bool]) -> bool:
        """Tell whether a kernel must come after what is open here."""
        return any(meets(x, y) for x in kernel.reads for y in self.writes) or any(
            meets(x, y) for x in kernel.writes for y in (*self.writes, *self.reads)
        )


@dataclass(frozen=True, eq=False)
class Check:
    """The conditions under which a step may overwrite anything: finite numbers, and guards as
    traced."""

    finite: tuple[Node, ...] = ()
    guards: tuple[tuple[Node, bool], ...] = ()


@dataclass(frozen=True, eq=False)
class Batch:
    """An input whose rows are gathered for each step: the slot of the data that they come from, how
    many there are, and the bytes of one."""

    node: Node
    source: int
    rows: int
    size: int


@dataclass(frozen=True, eq=False)
class Driver:
    """The work of the driver in one step.

    stages in order; at `checked` the conditions of `check` are tested. slot: the place of each
    buffer in the table. copies: (from, to, bytes) when all is done. records: (buffer, history,
    bytes) kept for each step. meets: whether two values share memory. batches: what is gathered at
    the start of a step, by the numbers at `index`.
    """

    stages: Sequence[KernelStage]
    checked: int
    check: Check
    slot: Mapping[Node, int]
    meets: Callable[[Node, Node], bool]
    copies: Sequence[tuple[Node, int, int]] = ()
    records: Sequence[tuple[Node, int, int]] = ()
    batches: Sequence[Batch] = ()
    index: int = 0


def write_driver(module: ModuleBuilder, plan: Driver) -> tuple[list[Kernel], int]:
    """Write the driver and all that it calls. Returns the kernels, and the scratch that each thread
    needs."""
    kernels = [module.kernel(stage) for stage in plan.stages]
    room = whole_lines(max((kernel.scratch for kernel in kernels), default=0))
    _Driver(module, plan, kernels, room).write()
    return kernels, room


def entry(module: Any) -> Any:
    """Return the function that a compiled program is entered by, still empty."""
    type = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER, I64, I64, POINTER])
    return ir.Function(module, type, ENTRY)


@dataclass(eq=False)
class _Driver:
    """The function that every thread runs."""

    module: ModuleBuilder
    plan: Driver
    kernels: Sequence[Kernel]
    room: int

    def write(self) -> None:
        function = entry(self.module.module)
        self.table, self.steps, self.shared, self.thread, self.threads, scratch = function.args
        self.builder = builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.function = function
        offset = builder.mul(self.thread, number(self.room))
        self.scratch = builder.gep(scratch, [offset], source_etype=I8)
        self.error = self._shared(ERROR)
        self.first = builder.icmp_signed("==", self.thread, number(0))
        self.shares: dict[int, tuple[Value, Value]] = {}
        for units in self._shared_units():
            self.shares[units] = self._share(units, 0), self._share(units, 1)
        self.out = function.append_basic_block("out")
        counted(builder, number(0), self.steps, 1, [], self._step)
        builder.branch(self.out)
        builder.position_at_end(self.out)
        builder.ret_void()

    def _buffer(self, node: Node) -> Value:
        """Return a buffer's address, read where it is needed: no register holds it through the
        step."""
        return self._pointer(self.plan.slot[self.module.memory(node)])

    def _pointer(self, slot: int) -> Value:
        builder = self.builder
        return builder.load(
            builder.gep(self.table, [number(slot)], source_etype=POINTER), typ=POINTER
        )

    def _shared(self, offset: int) -> Value:
        return self.builder.gep(self.shared, [number(offset)], source_etype=I8)

    def _step(self, step: Value, carried: list[Value]) -> list[Value]:
        self.by_all, self.by_first = _Open(), _Open()
        self.waiting: list[tuple[Kernel, int]] = []
        self._gather(step)
        for stage_number, kernel in enumerate(self.kernels):
            if stage_number == self.plan.checked:
                self._check(step)
            self._call(kernel, stage_number)
        if self.plan.checked >= len(self.kernels):
            self._check(step)
        self._copies()
        self._barrier()
        return carried

    # -------------------------------------------------------------- the rows of a step
    def _gather(self, step: Value) -> None:
        """Copy the batch of this step, each thread its share of the rows."""
        builder = self.builder
        for batch in self.plan.batches:
            index, source = self._pointer(self.plan.index), self._pointer(batch.source)
            begin, end = self.shares[batch.rows]
            copy = partial(self._copy_row, batch, index, source, self._buffer(batch.node), step)
            counted(builder, begin, end, 1, [], copy)
            self.by_all.writes.add(batch.node)

    def _copy_row(
        self,
        batch: Batch,
        index: Value,
        source: Value,
        into: Value,
        step: Value,
        row: Value,
        carried: list[Value],
    ) -> list[Value]:
        builder, size = self.builder, number(batch.size)
        row_number = row_of(builder, index, builder.add(builder.mul(step, number(batch.rows)), row))
        where = builder.gep(source, [builder.mul(row_number, size)], source_etype=I8)
        to = builder.gep(into, [builder.mul(row, size)], source_etype=I8)
        copy_memory(builder, to, where, batch.size)
        return carried

    # -------------------------------------------------------------- stages
    def _call(self, kernel: Kernel, stage: int) -> None:
        """Call the kernel of a stage, after a barrier where it needs what other threads have done.
        What the first thread alone does needs no barrier after what it did before."""
        others = (self.by_all, self.by_first) if kernel.shared else (self.by_all,)
        meets = self.plan.meets
        if sum(map(len, others)) > MOST_OPEN or any(part.meets(kernel, meets) for part in others):
            self._barrier()
        if not kernel.shared:
            self.by_first.add(kernel)
            self.waiting.append((kernel, stage))
            return
        self._first_thread()
        self.by_all.add(kernel)
        begin, end = self.shares[kernel.work.units]
        builder = self.builder
        with builder.if_then(builder.icmp_signed("<", begin, end)):
            builder.call(kernel.function, [*self._arguments(kernel), begin, end])

    def _first_thread(self) -> None:
        """Call the waiting kernels that the first thread runs alone."""
        if not self.waiting:
            return
        with self.builder.if_then(self.first):
            for kernel, stage in self.waiting:
                if kernel.function is None:
                    context = self.builder.load(self._shared(CONTEXT), typ=I64)
                    intrinsic(self.builder, CALLBACK, ir.VoidType(), context, number(stage))
                elif kernel.work.units:
                    all_units = [number(0), number(kernel.work.units)]
                    self.builder.call(kernel.function, [*self._arguments(kernel), *all_units])
        self.waiting.clear()

    def _arguments(self, kernel: Kernel) -> list[Value]:
        return [*map(self._buffer, kernel.buffers), self.error, self.scratch]

    def _shared_units(self) -> list[int]:
        units = [kernel.work.units for kernel in self.kernels if kernel.shared]
        return list(dict.fromkeys([*units, *(batch.rows for batch in self.plan.batches)]))

    def _share(self, units: int, add: int) -> Value:
        builder = self.builder
        thread = builder.add(self.thread, number(add)) if add else self.thread
        return builder.sdiv(builder.mul(thread, number(units)), self.threads)

    # -------------------------------------------------------------- the end of a step
    def _check(self, step: Value) -> None:
        """Let thread 0 decide whether to go on; the numbers of this step are recorded if so."""
        builder, check = self.builder, self.plan.check
        self._barrier()
        with builder.if_then(self.first):
            status: Value = ir.Constant(I32, RUNNING)
            for node, taken in check.guards:
                status = builder.select(self._differs(node, taken), ir.Constant(I32, GUARD), status)
            for node in check.finite:
                status = builder.select(self._finite(node), status, ir.Constant(I32, NOT_FINITE))
            bad = builder.icmp_unsigned("!=", builder.load(self.error, typ=I8), ir.Constant(I8, 0))
            status = builder.select(bad, ir.Constant(I32, BAD_INDEX), status)
            builder.store(status, self._shared(STATUS))
            going = builder.icmp_signed("==", status, ir.Constant(I32, RUNNING))
            with builder.if_then(going):
                for node, history, size in self.plan.records:
                    self._record(node, history, size, step)
                builder.store(builder.add(step, number(1)), self._shared(DONE))
        self._barrier()
        status = builder.load(self._shared(STATUS), typ=I32)
        onward = self.function.append_basic_block("onward")
        running = builder.icmp_signed("==", status, ir.Constant(I32, RUNNING))
        builder.cbranch(running, onward, self.out)
        builder.position_at_end(onward)

    def _finite(self, node: Node) -> Value:
        value = self.builder.load(self._buffer(node), typ=IN_MEMORY[node.dtype])
        return is_finite(self.builder, value)

    def _differs(self, node: Node, taken: bool) -> Value:
        """Tell whether `all` of a guard's truth values is not as it was taken."""
        builder = self.builder
        size = math.prod(whole(node))
        base = self._buffer(node)

        def look(i: Value, carried: list[Value]) -> list[Value]:
            where = builder.gep(base, [i], source_etype=I8)
            true = builder.icmp_unsigned("!=", builder.load(where, typ=I8), ir.Constant(I8, 0))
            return [builder.and_(carried[0], true)]

        (every,) = counted(builder, number(0), number(size), 1, [ir.Constant(I1, 1)], look)
        return builder.not_(every) if taken else every

    def _record(self, node: Node, history: int, size: int, step: Value) -> None:
        builder = self.builder
        base = self._pointer(history)
        into = builder.gep(base, [builder.mul(step, number(size))], source_etype=I8)
        copy_memory(builder, into, self._buffer(node), size)

    def _copies(self) -> None:
        if not self.plan.copies:
            return
        self._barrier()
        with self.builder.if_then(self.first):
            for node, slot, size in self.plan.copies:
                copy_memory(self.builder, self._pointer(slot), self._buffer(node), size)

    # -------------------------------------------------------------- waiting for each other
    def _barrier(self) -> None:
        self._first_thread()
        self.by_all, self.by_first = _Open(), _Open()
        self.builder.call(self._barrier_function(), [self.shared, self.threads])

    def _barrier_function(self) -> Any:
        function = self.module.module.globals.get("barrier")
        return function if function is not None else barrier(self.module.module, self.module.target)


def row_of(builder: Builder, index: Value, at: Value) -> Value:
    """Return an entry of the array of row numbers."""
    return builder.load(builder.gep(index, [at], source_etype=I64), typ=I64)


def copy_memory(builder: Builder, into: Value, source: Value, size: int) -> None:
    never = ir.Constant(I1, 0)
    intrinsic(builder, "llvm.memcpy.p0.p0.i64", ir.VoidType(), into, source, number(size), never)
