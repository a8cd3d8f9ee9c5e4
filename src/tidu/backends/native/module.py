"""One program as an LLVM module: a function for each stage, and a driver that goes over them.

The driver runs on each thread: `run(table, steps, shared, thread, threads, scratch)` does `steps`
steps. Stages that are alike, as the layers of a deep network are, share one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from llvmlite import ir

from tidu.backends.native.bodies import Body, body_of_stage, collapsed
from tidu.backends.native.layout import (
    BAD_INDEX,
    CALLBACK,
    CONTEXT,
    COUNT,
    DONE,
    ERROR,
    GUARD,
    NOT_FINITE,
    RUNNING,
    STATUS,
    TURN,
)
from tidu.backends.native.loops import Frame, Work
from tidu.backends.native.nest import emit
from tidu.backends.native.plan import Kind, Stage
from tidu.backends.native.product import emit_product, product_of
from tidu.backends.native.signature import signature
from tidu.backends.native.target import Target
from tidu.backends.native.values import (
    I1,
    I8,
    I32,
    I64,
    POINTER,
    Builder,
    Value,
    counted,
    intrinsic,
    number,
)
from tidu.ir.node import Node

MOST_OPEN = 96  # buffers since the last barrier, above which threads wait without need
SPINS = 2000  # turns of waiting at a barrier before the thread lets others run


@dataclass(frozen=True, eq=False)
class Kernel:
    """A stage as it is called: the function, its buffers, how it is shared among threads."""

    function: Any  # an ir.Function; None for one that is called back
    buffers: tuple[Node, ...]
    work: Work
    scratch: int
    reads: frozenset[Node]
    writes: frozenset[Node]

    @property
    def shared(self) -> bool:
        """Whether all threads have a part in it; if not, it is the first thread's."""
        return self.function is not None and self.work.shared


@dataclass(eq=False)
class _Open:
    """What was written and read since all threads last waited for each other."""

    writes: set[Node] = field(default_factory=set[Node])
    reads: set[Node] = field(default_factory=set[Node])

    def __len__(self) -> int:
        return len(self.writes) + len(self.reads)

    def add(self, kernel: Kernel) -> None:
        self.writes |= kernel.writes
        self.reads |= kernel.reads

    def meets(self, kernel: Kernel, meets: Callable[[Node, Node], bool]) -> bool:
        """Whether a kernel must come after what is open here."""
        return any(meets(x, y) for x in kernel.reads for y in self.writes) or any(
            meets(x, y) for x in kernel.writes for y in (*self.writes, *self.reads)
        )


@dataclass(frozen=True, eq=False)
class Check:
    """What must hold before anything is overwritten: finite numbers, and guards as taken."""

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
    """What the driver does in one step.

    stages in order; at `checked` the conditions of `check` are tested. slot: the place of each
    buffer in the table. copies: (from, to, bytes) when all is done. records: (buffer, history,
    bytes) kept for each step. meets: whether two values share memory. batches: what is gathered at
    the start of a step, by the numbers at `index`.
    """

    stages: Sequence[Stage]
    checked: int
    check: Check
    slot: Mapping[Node, int]
    meets: Callable[[Node, Node], bool]
    copies: Sequence[tuple[Node, int, int]] = ()
    records: Sequence[tuple[Node, int, int]] = ()
    batches: Sequence[Batch] = ()
    index: int = 0


@dataclass(eq=False)
class Module:
    """The module under way."""

    target: Target
    stored: Callable[[Node], bool]
    memory: Callable[[Node], Node]  # the node whose buffer a node's value lies in
    module: Any = field(default_factory=lambda: ir.Module("tidu"))
    known: dict[Any, tuple[Any, Work, int]] = field(
        default_factory=dict[Any, tuple[Any, Work, int]]
    )

    def __post_init__(self) -> None:
        self.module.triple = self.target.triple
        self.module.data_layout = self.target.layout

    def kernel(self, stage: Stage) -> Kernel:
        """The function of a stage; one that is there already if it is alike."""
        if stage.kind is Kind.CALL:
            assert stage.head is not None
            reads, writes = frozenset(stage.head.inputs), frozenset(stage.stores)
            return Kernel(None, (), Work(1, 1.0), 0, reads, writes)
        body = collapsed(body_of_stage(stage, self.stored))
        buffers = tuple(dict.fromkeys(map(self.memory, body.buffers())))
        written = [*body.stores, *(store for _, store in body.sources)]
        writes = frozenset(store.node for store in written)
        reads = frozenset(body.buffers())
        slots = {node: buffers.index(self.memory(node)) for node in body.buffers()}
        key = signature(body, slots)
        if key not in self.known:
            self.known[key] = self._function(body, slots)
        function, work, scratch = self.known[key]
        return Kernel(function, buffers, work, scratch, reads, writes)

    def _function(self, body: Body, slots: Mapping[Node, int]) -> tuple[Any, Work, int]:
        count = len(set(slots.values()))
        type = ir.FunctionType(ir.VoidType(), [*[POINTER] * (count + 2), I64, I64])
        function = ir.Function(self.module, type, f"stage{len(self.known)}")
        function.linkage = "internal"
        function.attributes.add("nounwind")
        for argument in function.args[:-2]:
            argument.add_attribute("noalias")
        *pointers, error, scratch, begin, end = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        table = {node: pointers[slot] for node, slot in slots.items()}
        frame = Frame(builder, table, error, scratch, begin, end)
        product = product_of(body, self.target)
        if product is None:
            work, room = emit(frame, body, self.target), 0
        else:
            work, room = emit_product(frame, product), product.scratch()
        builder.ret_void()
        return function, work, room

    def driver(self, plan: Driver) -> tuple[list[Kernel], int]:
        """Write the driver. Returns the kernels, and the scratch that each thread needs."""
        kernels = [self.kernel(stage) for stage in plan.stages]
        room = max((kernel.scratch for kernel in kernels), default=0)
        _Driver(self, plan, kernels, _rounded(room)).write()
        return kernels, _rounded(room)


def _rounded(size: int) -> int:
    return -(-size // 64) * 64


# ------------------------------------------------------------------ the driver
@dataclass(eq=False)
class _Driver:
    """The function that every thread runs."""

    module: Module
    plan: Driver
    kernels: Sequence[Kernel]
    room: int

    def write(self) -> None:
        type = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER, I64, I64, POINTER])
        function = ir.Function(self.module.module, type, "run")
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
        """A buffer's address, read where it is needed: no register holds it through the step."""
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
        for at, kernel in enumerate(self.kernels):
            if at == self.plan.checked:
                self._check(step)
            self._call(kernel, at)
        if self.plan.checked >= len(self.kernels):
            self._check(step)
        self._copies()
        self._barrier()
        return carried

    # -------------------------------------------------------------- the rows of a step
    def _gather(self, step: Value) -> None:
        """The batch of this step, each thread its share of the rows."""
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
        at = row_of(builder, index, builder.add(builder.mul(step, number(batch.rows)), row))
        where = builder.gep(source, [builder.mul(at, size)], source_etype=I8)
        to = builder.gep(into, [builder.mul(row, size)], source_etype=I8)
        copy_memory(builder, to, where, batch.size)
        return carried

    # -------------------------------------------------------------- stages
    def _call(self, kernel: Kernel, at: int) -> None:
        """A stage, after all threads have waited for what it needs. What the first thread alone
        does needs no waiting for what it did before."""
        others = (self.by_all, self.by_first) if kernel.shared else (self.by_all,)
        meets = self.plan.meets
        if sum(map(len, others)) > MOST_OPEN or any(part.meets(kernel, meets) for part in others):
            self._barrier()
        if not kernel.shared:
            self.by_first.add(kernel)
            self.waiting.append((kernel, at))
            return
        self._first_thread()
        self.by_all.add(kernel)
        begin, end = self.shares[kernel.work.units]
        builder = self.builder
        with builder.if_then(builder.icmp_signed("<", begin, end)):
            builder.call(kernel.function, [*self._arguments(kernel), begin, end])

    def _first_thread(self) -> None:
        """The stages that wait for their turn and are the first thread's."""
        if not self.waiting:
            return
        with self.builder.if_then(self.first):
            for kernel, at in self.waiting:
                if kernel.function is None:
                    context = self.builder.load(self._shared(CONTEXT), typ=I64)
                    intrinsic(self.builder, CALLBACK, ir.VoidType(), context, number(at))
                elif kernel.work.units:
                    whole = [number(0), number(kernel.work.units)]
                    self.builder.call(kernel.function, [*self._arguments(kernel), *whole])
        self.waiting.clear()

    def _arguments(self, kernel: Kernel) -> list[Value]:
        return [*map(self._buffer, kernel.buffers), self.error, self.scratch]

    def _shared_units(self) -> list[int]:
        found = [kernel.work.units for kernel in self.kernels if kernel.shared]
        return list(dict.fromkeys([*found, *(batch.rows for batch in self.plan.batches)]))

    def _share(self, units: int, add: int) -> Value:
        builder = self.builder
        thread = builder.add(self.thread, number(add)) if add else self.thread
        return builder.sdiv(builder.mul(thread, number(units)), self.threads)

    # -------------------------------------------------------------- the end of a step
    def _check(self, step: Value) -> None:
        """Thread 0 looks whether to go on; the numbers of this step are kept if so."""
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
        """Whether a number is finite: x − x is 0."""
        builder = self.builder
        type = ir.DoubleType() if node.dtype == "float64" else ir.FloatType()
        value = builder.load(self._buffer(node), typ=type)
        gone = builder.fsub(value, value)
        return builder.fcmp_ordered("==", gone, ir.Constant(type, 0.0))

    def _differs(self, node: Node, taken: bool) -> Value:
        """Whether `all` of a guard's truth values is not as it was taken."""
        builder = self.builder
        size = 1
        for dim in node.shape:
            size *= int(dim)
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
        found = self.module.module.globals.get("barrier")
        return found if found is not None else barrier(self.module.module, self.module.target)


def row_of(builder: Builder, index: Value, at: Value) -> Value:
    """An entry of the array of row numbers."""
    return builder.load(builder.gep(index, [at], source_etype=I64), typ=I64)


def copy_memory(builder: Builder, into: Value, source: Value, size: int) -> None:
    never = ir.Constant(I1, 0)
    intrinsic(builder, "llvm.memcpy.p0.p0.i64", ir.VoidType(), into, source, number(size), never)


def barrier(module: Any, target: Target) -> Any:
    """All threads come here before one goes on. The last to come turns the page."""
    type = ir.FunctionType(ir.VoidType(), [POINTER, I64])
    function = ir.Function(module, type, "barrier")
    function.linkage = "internal"
    function.attributes.add("noinline")
    shared, threads = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    alone = builder.icmp_signed("==", threads, number(1))
    with builder.if_then(alone):
        builder.ret_void()
    count = builder.gep(shared, [number(COUNT)], source_etype=I8)
    turn = builder.gep(shared, [number(TURN)], source_etype=I8)
    now = builder.load_atomic(turn, "acquire", 8, typ=I64)
    came = builder.add(builder.atomic_rmw("add", count, number(1), "acq_rel"), number(1))
    last = builder.icmp_signed("==", came, threads)
    with builder.if_else(last) as (then, otherwise):
        with then:
            builder.atomic_rmw("xchg", count, number(0), "monotonic")
            builder.atomic_rmw("xchg", turn, builder.add(now, number(1)), "release")
        with otherwise:
            _wait(builder, turn, now, target)
    builder.ret_void()
    return function


def _wait(builder: Builder, turn: Value, now: Value, target: Target) -> None:
    wait = builder.append_basic_block("wait")
    again = builder.append_basic_block("again")
    done = builder.append_basic_block("turned")
    before = builder.block
    builder.branch(wait)
    builder.position_at_end(wait)
    spins = builder.phi(I64)
    spins.add_incoming(number(0), before)
    seen = builder.load_atomic(turn, "acquire", 8, typ=I64)
    builder.cbranch(builder.icmp_signed("==", seen, now), again, done)
    builder.position_at_end(again)
    _pause(builder, target)
    following = builder.add(spins, number(1))
    long = builder.icmp_signed(">", following, number(SPINS))
    with builder.if_then(long, likely=False):
        intrinsic(builder, "sched_yield", I32)
    spins.add_incoming(following, builder.block)
    builder.branch(wait)
    builder.position_at_end(done)


def _pause(builder: Builder, target: Target) -> None:
    if target.triple.startswith("x86_64"):
        intrinsic(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif target.triple.startswith(("aarch64", "arm64")):
        intrinsic(builder, "llvm.aarch64.hint", ir.VoidType(), ir.Constant(I32, 1))
