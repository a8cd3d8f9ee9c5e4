"""The interface of compiled code: where buffers lie, and what threads share.

Light on purpose: a program that comes from the cache needs this and nothing that compiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidu.backends.native.tuning import TUNED, Tuning
from tidu.ir.node import Node

# what threads share, in bytes: a barrier's count and turn, the status, whether an index was bad,
# the steps that are done, who is called back
COUNT, TURN, STATUS, ERROR, DONE, CONTEXT, SHARED = 0, 64, 128, 136, 144, 152, 192
ENTRY = "run"  # (table of buffers, steps, what is shared, thread, threads, scratch)
CALLBACK = "tidu_call_back"  # (context, stage): has NumPy calculate a stage
RUNNING, NOT_FINITE, GUARD, BAD_INDEX = 0, 1, 2, 3
BYTES = {"float32": 4, "float64": 8, "int64": 8, "bool": 1}  # of one number
ALIGNED = 64  # bytes: a line of the cache, and the widest vector


@dataclass(frozen=True, slots=True)
class Request:
    """The tasks of a compiled program besides its outputs, at each step.

    moves: (input, output) that becomes it after the step. finite: numbers that must be finite, and
    guards: truth values that must be as they were taken, or the step is not taken. records: outputs
    that are kept of each step. batched: inputs whose rows are gathered anew for each step. tuning:
    when it is written in another way; what was compiled with another tuning is another program.
    """

    moves: tuple[tuple[str, str], ...] = ()
    finite: tuple[str, ...] = ()
    guards: tuple[tuple[str, bool], ...] = ()
    records: tuple[str, ...] = ()
    batched: tuple[str, ...] = ()
    tuning: Tuning = TUNED

    @property
    def pointers(self) -> int:
        """Return how many pointers follow those of the buffers in the table: histories, data to
        gather from, indices."""
        return len(self.records) + len(self.batched) + 1


@dataclass(frozen=True, eq=False)
class Memory:
    """slot: the place of each buffer in the table of pointers. offset: of each value that lies in
    the workspace. size: of the workspace, in bytes. place: the node whose buffer holds a value."""

    slot: Mapping[Node, int]
    offset: Mapping[Node, int]
    size: int
    place: Mapping[Node, Node]

    def of(self, node: Node) -> Node:
        return self.place.get(node, node)

    def meets(self, one: Node, two: Node) -> bool:
        """Tell whether two values share memory."""
        one, two = self.of(one), self.of(two)
        if one is two:
            return True
        if one not in self.offset or two not in self.offset:
            return False
        return self.offset[one] < self.offset[two] + bytes_of(two) and self.offset[
            two
        ] < self.offset[one] + bytes_of(one)


def whole_lines(size: int) -> int:
    """Return bytes rounded up to lines of the cache."""
    return -(-size // ALIGNED) * ALIGNED


def bytes_of(node: Node) -> int:
    return math.prod(map(int, node.shape)) * np.dtype(node.dtype).itemsize


def is_scalar_constant(node: Node) -> bool:
    return node.op.role == "constant" and node.attrs["value"].array.size == 1


def is_leaf(node: Node) -> bool:
    """Tell whether a value is given, not calculated."""
    return node.op.role in ("input", "constant", "size")


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """The result of compiling: code, and all that is needed to run it.

    scratch: bytes for each thread. shared_work: operations of a step that threads can share.
    calls: the nodes that are called back, by the place of their stage.
    """

    memory: Memory
    scratch: int
    shared_work: float
    calls: Mapping[int, Node]
    code: bytes
