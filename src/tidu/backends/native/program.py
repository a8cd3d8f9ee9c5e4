"""A compiled graph as others see it: a program that is run once, or a loop of many steps."""

from __future__ import annotations

import ctypes
import itertools
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.budget import check_run
from tidu.backends.native import flags
from tidu.backends.native.layout import (
    ALIGNED,
    BAD_INDEX,
    CONTEXT,
    DONE,
    ERROR,
    SHARED,
    STATUS,
    Request,
    bytes_of,
    is_leaf,
)
from tidu.backends.native.machine import Machine, machine_of
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.inputs import as_input
from tidu.backends.numpy.instructions import RANGE, NumpyProgram, watched
from tidu.backends.program import Array, Valuation, no_values
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, inputs_among, reachable

# ------------------------------------------------------------------ what calls back
_contexts: weakref.WeakValueDictionary[int, Context] = weakref.WeakValueDictionary()
_ids = itertools.count(1)


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
def _call_back(context: int, stage: int) -> None:
    _contexts[context].calculate(stage)


_address = ctypes.cast(_call_back, ctypes.c_void_p).value or 0


# ------------------------------------------------------------------ one run under way
class Context:
    """The arrays of one run, the table of pointers to them, and what Python is asked for."""

    def __init__(self, machine: Machine, pointers: int = 1) -> None:
        self.machine = machine
        memory = machine.memory
        self.workspace = aligned(memory.size)
        self.table = np.zeros(len(memory.slot) + pointers, np.uintp)
        self.shared = aligned(SHARED)
        self.arrays: dict[Node, Array] = {}
        self.objects: dict[Node, Any] = {}
        self.error: BaseException | None = None
        self.left_range = False  # in the last run, as far as is known
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
        """Set the memory of a buffer."""
        self.arrays[node] = array
        self.table[self.machine.memory.slot[node]] = array.ctypes.data

    def array(self, node: Node) -> Array:
        """Return a buffer as an array."""
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
        self.left_range = False
        flags.clear()
        addresses = (
            self.table.ctypes.data,
            steps,
            self.shared.ctypes.data,
        )
        room = self.room.ctypes.data
        if threads == 1 or not self._together(addresses, threads, room):
            self.machine.entry(*addresses, 0, 1, room)
        self.left_range = self.left_range or flags.left_range()
        if self.error is not None:
            raise self.error
        done = int(self.shared.view(np.int64)[DONE // 8])
        status = int(self.shared.view(np.uint32)[STATUS // 4])
        if not status and self.shared[ERROR]:
            status = BAD_INDEX  # met after the conditions of the last step were tested
        return done, status

    def _together(self, addresses: tuple[int, int, int], threads: int, room: int) -> bool:
        """Run the steps on several threads, which wait for each other: on all of them, or on none
        where one cannot be started. This thread does none, so that Ctrl-C, which can end it
        anywhere, leaves no thread waiting; it is raised when all are done."""
        complete = threading.Event()
        ready = False

        def part(thread: int) -> None:
            complete.wait()
            if ready:
                self.machine.entry(*addresses, thread, threads, room)

        parts = [threading.Thread(target=part, args=(i,), daemon=True) for i in range(threads)]
        stop: KeyboardInterrupt | None = None
        try:
            for one in parts:
                one.start()
            ready = True
        except RuntimeError:  # no more threads to be had
            pass
        except KeyboardInterrupt as interrupt:
            stop = interrupt
        while True:
            try:
                complete.set()
                for one in parts:
                    if one.ident is not None:
                        one.join()
                break
            except KeyboardInterrupt as interrupt:
                stop = interrupt
        if stop is not None:
            raise stop
        return ready

    def _leave(self, kind: str, flag: int) -> None:
        self.left_range = self.left_range or kind in RANGE

    def calculate(self, stage: int) -> None:
        """Calculate one node by NumPy, from the buffers: the callback of compiled code."""
        self.left_range = self.left_range or flags.left_range()  # NumPy lowers the flags
        try:
            node, function = self.machine.calls[stage]
            given = [
                self.objects[child] if is_tuple(child) else self.array(child)
                for child in node.inputs
            ]
            with watched(self._leave):
                value = function(*given)
            if is_tuple(node):
                self.objects[node] = tuple(_own(part, given) for part in value)
            else:
                self.array(node)[...] = value
        except BaseException as error:  # it must not cross native code
            self.error = self.error or error
            self.shared[ERROR] = 1


def _own(part: Any, given: Sequence[Any]) -> Any:
    """Return a copy of a result that shares memory with the operands, which will be written
    again."""
    arrays = [other for one in given for other in (one if isinstance(one, tuple) else (one,))]
    if any(other is part or np.may_share_memory(part, other) for other in arrays):
        return np.array(part)
    return part


def aligned(size: int) -> Array:
    """Allocate bytes that begin at a cache line."""
    memory = np.empty(size + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    return memory[start : start + size]


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
            raise no_values(missing)
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
        left = context.left_range
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
        return Valuation(results, {}, left)

    def _reference(self) -> NumpyProgram:
        if self.reference is None:
            self.reference = compile_graph(self.given, None)
        return self.reference


def _fit(array: Array) -> Array:
    """Return an array in C order and aligned, as the code reads it; copied only if it is not."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C")


def compile_native(outputs: Mapping[str, Node], tuning: Tuning = TUNED) -> NativeProgram:
    """Compile nodes to machine code. Sizes must be integers."""
    inputs, machine = _compiled(outputs, Request(tuning=tuning))
    return NativeProgram(dict(outputs), machine, inputs)


def _compiled(outputs: Mapping[str, Node], request: Request) -> tuple[Mapping[str, Node], Machine]:
    nodes = reachable(outputs.values())
    check_run(nodes)
    return inputs_among(nodes), machine_of(outputs, request, _address)


# ------------------------------------------------------------------ a loop
@dataclass(frozen=True, slots=True, eq=False)
class CompletedSteps:
    """The result of some steps: how many were done, why they ended, what was recorded for each."""

    done: int
    status: int
    records: Mapping[str, Array]


@dataclass(eq=False)
class NativeLoop:
    """A step that is taken many times: outputs become inputs (`moves`), in the loop's own memory.

    `advance` stops before the update of a step in which a number of `request.finite` is not finite,
    an index is bad, or a condition is not as it was when the step was traced. A bad index of the
    update itself is known only when that step is done: the status says so, and the step counts.
    """

    machine: Machine
    request: Request
    inputs: Mapping[str, Node]
    context: Context
    threads: int
    fed: dict[str, tuple[Array, Array]] = field(default_factory=dict[str, tuple[Array, Array]])
    index: NDArray[np.int64] | None = None

    @property
    def bytes_recorded(self) -> int:
        """Return the bytes that are recorded for each step."""
        return sum(bytes_of(self.machine.outputs[name]) for name in self.request.records)

    def start(self, values: Mapping[str, Any]) -> None:
        """Set the inputs. Those that move are copied; the others are read where they lie."""
        moving = {old for old, _ in self.request.moves}
        for name, node in self.inputs.items():
            if name not in values or name in self.request.batched:
                continue
            array = as_input(name, values[name], node)
            if name in moving:
                buffer = self.context.arrays.get(node)
                if buffer is None:
                    buffer = aligned(bytes_of(node)).view(node.dtype).reshape(array.shape)
                    self._give(node, buffer)
                buffer[...] = array
            else:
                self._give(node, _fit(array))

    def _give(self, node: Node, array: Array) -> None:
        self.context.arrays[node] = array
        slot = self.machine.memory.slot.get(node)
        if slot is not None:
            self.context.table[slot] = array.ctypes.data

    def feed(self, rows: Mapping[str, Array], index: NDArray[np.int64]) -> None:
        """Set the arrays whose rows the batched inputs take, and for each step the numbers of those
        rows. Arrays of another dtype or order are converted, once."""
        first = len(self.machine.memory.slot) + len(self.request.records)
        for at, name in enumerate(self.request.batched):
            if self.fed.get(name, (None, None))[0] is not rows[name]:
                dtype = np.dtype(self.inputs[name].dtype)
                self.fed[name] = rows[name], _fit(np.asarray(rows[name], dtype=dtype))
            self.context.table[first + at] = self.fed[name][1].ctypes.data
        self.index = np.ascontiguousarray(index, np.int64)
        self.context.table[first + len(self.request.batched)] = self.index.ctypes.data

    def advance(self, steps: int, threads: int | None = None) -> CompletedSteps:
        """Take up to `steps` steps, on so many threads if fewer than the loop may have; with
        batches, as many as `feed` has rows for."""
        histories: dict[str, Array] = {}
        first = len(self.machine.memory.slot)
        for index, name in enumerate(self.request.records):
            node = self.machine.outputs[name]
            shape = (steps, *(int(d) for d in node.shape))
            histories[name] = np.empty(shape, node.dtype)
            self.context.table[first + index] = histories[name].ctypes.data
        threads = min(self.threads, threads or self.threads)
        if steps * self.machine.shared_work < self.request.tuning.worth_starting:
            threads = 1
        done, status = self.context.run(steps, threads)
        return CompletedSteps(
            done, status, {name: array[:done] for name, array in histories.items()}
        )

    def values(self) -> dict[str, Array]:
        """Return copies of the moving inputs as they are now."""
        return {
            old: np.array(self.context.arrays[self.inputs[old]])
            for old, _ in self.request.moves
            if old in self.inputs
        }


def compile_loop(outputs: Mapping[str, Node], request: Request, threads: int = 1) -> NativeLoop:
    """Compile a step and the loop over it, for at most so many threads: a loop with little to share
    runs on one. The results are the same to the bit for any number."""
    compiled, machine = _compiled(outputs, request)
    context = Context(machine, request.pointers)
    if machine.shared_work < request.tuning.worth_threads:
        threads = 1
    loop = NativeLoop(machine, request, compiled, context, threads)
    for node in machine.outputs.values():
        holder = machine.memory.of(node)
        if holder is node and node in machine.memory.slot and not is_leaf(node):
            array = aligned(bytes_of(node)).view(node.dtype)
            context.give(node, array.reshape([int(d) for d in node.shape]))
    for name in request.batched:
        node = compiled[name]
        array = aligned(bytes_of(node)).view(node.dtype)
        context.give(node, array.reshape([int(d) for d in node.shape]))
    return loop
