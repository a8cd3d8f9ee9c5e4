"""A compiled graph as others see it: a program that is run once, or a loop of many steps."""

from __future__ import annotations

import ctypes
import itertools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tidu.backends.lowering import lower
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.library import Library, function, load, object_code
from tidu.backends.native.memory import Memory, bytes_of, is_scalar_constant, laid_out
from tidu.backends.native.module import (
    CALLBACK,
    CONTEXT,
    DONE,
    ERROR,
    SHARED,
    STATUS,
    Check,
    Driver,
    Kernel,
    Module,
)
from tidu.backends.native.plan import Kind, Plan, Stage, is_leaf, kind_of, plan, scheduled
from tidu.backends.native.target import host
from tidu.backends.native.unrolled import MOST, Line, operations, write_driver
from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.bodies import body_function, used_results
from tidu.backends.numpy.program import NumpyProgram, as_input, check_memory
from tidu.backends.program import Array, Valuation
from tidu.errors import InputError
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, inputs_among, reachable
from tidu.words import Words

_MISSING = Words(en="no value was given for {names}", zh="没有给出 {names} 的值")

WORTH_THREADS = 1e6  # operations of a step from which on a second thread is worth its waiting
_ENTRY = (None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


# ------------------------------------------------------------------ what calls back
_contexts: weakref.WeakValueDictionary[int, Context] = weakref.WeakValueDictionary()
_ids = itertools.count(1)


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
def _call_back(context: int, stage: int) -> None:
    _contexts[context].calculate(stage)


_address = ctypes.cast(_call_back, ctypes.c_void_p).value or 0


def can_lower(node: Node) -> bool:
    """Whether a node needs no simpler ops: only what would be called back is written by them."""
    return kind_of(node, FUNCTIONS) is not Kind.CALL


@dataclass(frozen=True, eq=False)
class Machine:
    """Code with all that it needs to run: the plan, where values lie, what is called back."""

    outputs: Mapping[str, Node]
    stages: tuple[Stage, ...]
    memory: Memory
    library: Library
    scratch: int
    shared_work: float  # operations of a step that threads can share
    calls: Mapping[int, Callable[..., Any]]  # by the place of the stage
    entry: Any

    @property
    def called_back(self) -> tuple[str, ...]:
        """The ops that NumPy calculates."""
        return tuple(
            dict.fromkeys(s.head.op.name for s in self.stages if s.kind is Kind.CALL and s.head)
        )


def lowered(outputs: Mapping[str, Node]) -> dict[str, Node]:
    """The outputs with ops that have no loops written by those that have."""
    images: dict[Node, Node] = {}
    lower(list(outputs.values()), can_lower, images)
    return {name: images[node] for name, node in outputs.items()}


@dataclass(frozen=True, eq=False)
class Request:
    """What a machine is to do beyond its outputs; see `module.Driver`."""

    moves: tuple[tuple[str, str], ...] = ()
    finite: tuple[str, ...] = ()
    guards: tuple[tuple[str, bool], ...] = ()
    records: tuple[str, ...] = ()


def build(outputs: Mapping[str, Node], request: Request) -> tuple[Machine, Mapping[Node, Node]]:
    """Compile. Returns the machine and, for each new value that has memory of its own, the old one
    that it replaces."""
    nodes = reachable(outputs.values())
    check_memory(nodes)
    inputs = inputs_among(nodes)
    made = plan(list(dict.fromkeys(outputs.values())), FUNCTIONS)
    overwritten = {
        outputs[new].id: inputs[old].id
        for old, new in request.moves
        if old in inputs and not is_leaf(outputs[new])
    }
    conditions = (*request.finite, *(name for name, _ in request.guards), *request.records)
    late = {outputs[name].id for name in conditions}
    overwritten = {new: old for new, old in overwritten.items() if new not in late}
    stages, apart = scheduled(made.stages, overwritten, late)
    place = {
        made.nodes[new]: made.nodes[old] for new, old in overwritten.items() if new not in apart
    }
    own = {node for node in outputs.values() if node not in place and not is_scalar_constant(node)}
    own |= set(inputs.values())
    memory = laid_out(stages, made.nodes, place, own)
    slots = dict(memory.slot)
    histories = {name: len(slots) + at for at, name in enumerate(request.records)}
    driver = Driver(
        stages,
        _checked(stages, place, bool(request.moves)),
        Check(
            tuple(outputs[name] for name in request.finite if not is_leaf(outputs[name])),
            tuple(
                (outputs[name], taken)
                for name, taken in request.guards
                if not is_leaf(outputs[name])
            ),
        ),
        slots,
        memory.meets,
        copies=[
            (outputs[new], slots[inputs[old]], bytes_of(outputs[new]))
            for old, new in request.moves
            if old in inputs and outputs[new] not in place and outputs[new] in slots
        ],
        records=[
            (outputs[name], slot, bytes_of(outputs[name]))
            for name, slot in histories.items()
            if outputs[name] in slots
        ],
    )
    module = Module(host(), lambda node: node.id in made.stored, memory.of)
    kernels: Sequence[Kernel] = ()
    scratch = 0
    straight = operations(nodes, made.kinds) <= MOST
    if straight:
        write_driver(module.module, _line(nodes, made, outputs, request, slots), driver)
    else:
        kernels, scratch = module.driver(driver)
    code = object_code(str(module.module), straight=straight)
    library = load(code, ["run"], {CALLBACK: _address})
    machine = Machine(
        outputs,
        tuple(stages),
        memory,
        library,
        scratch,
        sum(kernel.work.total for kernel in kernels if kernel.work.shared),
        _calls(made, stages, outputs),
        function(library.address("run"), *_ENTRY, ctypes.c_void_p),
    )
    return machine, place


def _line(
    nodes: Sequence[Node],
    made: Plan,
    outputs: Mapping[str, Node],
    request: Request,
    slots: Mapping[Node, int],
) -> Line:
    """The program as a straight line. In a loop only what moves is stored: the rest is recorded."""
    inputs = inputs_among(nodes)
    moves = [(outputs[new], slots[inputs[old]]) for old, new in request.moves if old in inputs]
    stores = [] if moves else [(n, slots[n]) for n in outputs.values() if not is_leaf(n)]
    return Line(nodes, made.kinds, moves, stores)


def _checked(stages: Sequence[Stage], place: Mapping[Node, Node], moves: bool) -> int:
    """Before which stage the conditions are tested: the first that overwrites."""
    if not moves:
        return len(stages)
    for at, stage in enumerate(stages):
        if any(node in place for node in stage.stores):
            return at
    return len(stages)


def _calls(
    made: Plan, stages: Sequence[Stage], outputs: Mapping[str, Node]
) -> dict[int, Callable[..., Any]]:
    used = used_results(list(made.nodes.values()), {node.id for node in outputs.values()})
    found: dict[int, Callable[..., Any]] = {}
    for at, stage in enumerate(stages):
        node = stage.head
        if stage.kind is Kind.CALL and node is not None:
            if node.id in used:
                found[at] = body_function(node, used[node.id])
            else:
                found[at] = partial(node.op.numpy, **node.attrs)
    return found


# ------------------------------------------------------------------ one run under way
class Context:
    """The arrays of one run, the table of pointers to them, and what Python is asked for."""

    def __init__(self, machine: Machine, histories: int = 0) -> None:
        self.machine = machine
        memory = machine.memory
        self.workspace = aligned(memory.size)
        self.table = np.zeros(len(memory.slot) + histories + 1, np.uintp)
        self.shared = aligned(SHARED)
        self.arrays: dict[Node, Array] = {}
        self.objects: dict[Node, Any] = {}
        self.error: BaseException | None = None
        base = self.workspace.ctypes.data
        for node, slot in memory.slot.items():
            if node in memory.offset:
                self.table[slot] = base + memory.offset[node]
            elif node.op.role == "constant":
                self.give(node, np.ascontiguousarray(node.attrs["value"].array))
        self.shared[:] = 0
        id = next(_ids)
        _contexts[id] = self
        self.shared.view(np.int64)[CONTEXT // 8] = id
        self.room: Array = np.empty(0, np.uint8)

    def give(self, node: Node, array: Array) -> None:
        """The memory of a buffer."""
        self.arrays[node] = array
        self.table[self.machine.memory.slot[node]] = array.ctypes.data

    def array(self, node: Node) -> Array:
        """A buffer as an array."""
        node = self.machine.memory.of(node)
        if node not in self.arrays:
            if node.op.role == "constant":
                self.arrays[node] = node.attrs["value"].array
                return self.arrays[node]
            start = self.machine.memory.offset[node]
            part = self.workspace[start : start + bytes_of(node)]
            self.arrays[node] = part.view(node.dtype).reshape([int(d) for d in node.shape])
        return self.arrays[node]

    def run(self, steps: int, threads: int) -> tuple[int, int]:
        """Do the steps. Returns how many were done, and the status."""
        if self.room.size < self.machine.scratch * threads:
            self.room = aligned(self.machine.scratch * threads)
        self.shared.view(np.uint32)[STATUS // 4] = 0
        self.shared[ERROR] = 0
        self.shared.view(np.int64)[DONE // 8] = 0
        self.error = None
        addresses = (
            self.table.ctypes.data,
            steps,
            self.shared.ctypes.data,
        )
        room = self.room.ctypes.data
        others = [
            threading.Thread(target=self.machine.entry, args=(*addresses, i, threads, room))
            for i in range(1, threads)
        ]
        for other in others:
            other.start()
        self.machine.entry(*addresses, 0, threads, room)
        for other in others:
            other.join()
        if self.error is not None:
            raise self.error
        done = int(self.shared.view(np.int64)[DONE // 8])
        return done, int(self.shared.view(np.uint32)[STATUS // 4])

    def calculate(self, at: int) -> None:
        """NumPy's part: the value of one node, from what lies in the buffers."""
        try:
            node = self.machine.stages[at].head
            assert node is not None
            given = [
                self.objects[child] if is_tuple(child) else self.array(child)
                for child in node.inputs
            ]
            with np.errstate(all="ignore"):
                value = self.machine.calls[at](*given)
            if is_tuple(node):
                self.objects[node] = value
            else:
                self.array(node)[...] = value
        except BaseException as error:  # it must not cross native code
            self.error = self.error or error
            self.shared[ERROR] = 1


def aligned(size: int) -> Array:
    """Bytes that begin where a line of the cache does."""
    whole = np.empty(size + 64, np.uint8)
    start = -whole.ctypes.data % 64
    return whole[start : start + size]


# ------------------------------------------------------------------ a program
@dataclass(eq=False)
class NativeProgram:
    """A compiled graph of integer sizes; see `backends.program.Program`. Safe to call from several
    threads: each call has memory of its own."""

    given: Mapping[str, Node]
    machine: Machine
    inputs: Mapping[str, Node]
    free: list[Context] = field(default_factory=list[Context])
    reference: NumpyProgram | None = None

    def run(self, inputs: Mapping[str, Any], *, keep_all: bool = False) -> Valuation:
        if keep_all:
            return self._reference().run(inputs, keep_all=True)
        missing = [name for name in self.inputs if name not in inputs]
        if missing:
            raise InputError(_MISSING(names=", ".join(missing)))
        given = {
            node: _fit(as_input(name, inputs[name], node)) for name, node in self.inputs.items()
        }
        try:
            context = self.free.pop()
        except IndexError:
            context = Context(self.machine)
        slots = self.machine.memory.slot
        for node, array in given.items():
            if node in slots:
                context.give(node, array)
        fresh = {
            node: np.empty([int(d) for d in node.shape], node.dtype)
            for node in self.machine.outputs.values()
            if not is_leaf(node)
        }
        for node, array in fresh.items():
            context.give(node, array)
        _, status = context.run(1, 1)
        for node in (*given, *self.machine.outputs.values()):
            context.arrays.pop(node, None)
        context.objects.clear()
        self.free.append(context)
        if status:
            return self._reference().run(inputs)  # says which index is bad, in NumPy's words
        taken: set[Node] = set()
        results: dict[str, Array] = {}
        for name, node in self.machine.outputs.items():
            if node in fresh and node not in taken:
                taken.add(node)
                results[name] = fresh[node]
            elif node in fresh or node in given:
                results[name] = np.array(fresh[node] if node in fresh else given[node])
            else:
                results[name] = np.array(node.op.numpy(**node.attrs))
        return Valuation(results, {})

    def _reference(self) -> NumpyProgram:
        if self.reference is None:
            self.reference = compile_graph(self.given, None)
        return self.reference


def _fit(array: Array) -> Array:
    """In C order and aligned, as the code reads it; copied only if it is not."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C")


def compile_native(outputs: Mapping[str, Node]) -> NativeProgram:
    """Compile nodes to machine code. Sizes must be integers."""
    inputs = inputs_among(reachable(outputs.values()))
    machine, _ = build(lowered(outputs), Request())
    return NativeProgram(dict(outputs), machine, inputs)


# ------------------------------------------------------------------ a loop
@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What some steps gave: how many were done, why they ended, what was recorded for each."""

    done: int
    status: int
    records: Mapping[str, Array]


@dataclass(eq=False)
class NativeLoop:
    """A step that is taken many times: outputs become inputs (`moves`), in the loop's own memory.

    `advance` stops before the update of a step in which a recorded number is not finite, or a
    condition is not as it was when the step was traced.
    """

    machine: Machine
    request: Request
    inputs: Mapping[str, Node]
    context: Context
    threads: int

    @property
    def bytes_recorded(self) -> int:
        """What is kept of each step."""
        return sum(bytes_of(self.machine.outputs[name]) for name in self.request.records)

    def start(self, values: Mapping[str, Any]) -> None:
        """Set the inputs. Those that move are copied; the others are read where they lie."""
        moving = {old for old, _ in self.request.moves}
        for name, node in self.inputs.items():
            if name not in values:
                continue
            array = as_input(name, values[name], node)
            if name in moving:
                own = self.context.arrays.get(node)
                if own is None:
                    own = aligned(bytes_of(node)).view(node.dtype).reshape(array.shape)
                    self._give(node, own)
                own[...] = array
            else:
                self._give(node, _fit(array))

    def _give(self, node: Node, array: Array) -> None:
        self.context.arrays[node] = array
        slot = self.machine.memory.slot.get(node)
        if slot is not None:
            self.context.table[slot] = array.ctypes.data

    def advance(self, steps: int) -> Block:
        """Take up to `steps` steps."""
        histories: dict[str, Array] = {}
        first = len(self.machine.memory.slot)
        for at, name in enumerate(self.request.records):
            node = self.machine.outputs[name]
            shape = (steps, *(int(d) for d in node.shape))
            histories[name] = np.empty(shape, node.dtype)
            self.context.table[first + at] = histories[name].ctypes.data
        done, status = self.context.run(steps, self.threads)
        return Block(done, status, {name: array[:done] for name, array in histories.items()})

    def values(self) -> dict[str, Array]:
        """Copies of what moves, as it is now."""
        return {
            old: np.array(self.context.arrays[self.inputs[old]])
            for old, _ in self.request.moves
            if old in self.inputs
        }


def compile_loop(outputs: Mapping[str, Node], request: Request, threads: int = 1) -> NativeLoop:
    """Compile a step and the loop over it, for at most so many threads: a loop with little to share
    runs on one. The results are the same to the bit for any number."""
    found = inputs_among(reachable(outputs.values()))
    machine, _ = build(lowered(outputs), request)
    context = Context(machine, len(request.records))
    if machine.shared_work < WORTH_THREADS:
        threads = 1
    loop = NativeLoop(machine, request, found, context, threads)
    for node in machine.outputs.values():
        own = machine.memory.of(node)
        if own is node and node in machine.memory.slot and not is_leaf(node):
            array = aligned(bytes_of(node)).view(node.dtype)
            context.give(node, array.reshape([int(d) for d in node.shape]))
    return loop
