"""A compiled graph: one instruction a node, values in numbered slots, buffers reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.backends.budget import check_kept
from tidu.backends.numpy.inputs import as_input
from tidu.backends.program import Array, Valuation, no_values
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.types import Shape

BufferKind = tuple[tuple[int, ...], str]  # shape and dtype


@dataclass(frozen=True, slots=True)
class Instruction:
    """slots[target] = function(*operands(slots)); a buffer, where planned, is the last operand."""

    node: Node
    function: Callable[..., Any]
    operands: Callable[[list[Any]], tuple[Any, ...]]
    target: int


RANGE = frozenset(["overflow", "underflow"])


def watched(leave: Callable[[str, int], None]) -> np.errstate:
    """Return a context in which NumPy says nothing of numbers, and calls `leave` with the kind of
    trouble that it meets: those in `RANGE` where a number overflows or underflows."""
    return np.errstate(all="call", call=leave)


def execute(steps: Sequence[Instruction], slots: list[Any]) -> None:
    """Calculate the slots of the instructions, in order."""
    for step in steps:
        slots[step.target] = step.function(*step.operands(slots))


@dataclass(frozen=True, slots=True, eq=False)
class NumpyProgram:
    """A compiled graph of integer sizes; `compile_graph` makes it.

    `every` computes each node as it stands (a keep-all run); `lean` computes the same outputs:
    numbers that NumPy broadcasts by itself are not broadcast beforehand, results go to buffers,
    which stand in the slots behind the nodes' own.
    """

    inputs: Mapping[str, tuple[int, Node, tuple[Shape, np.dtype[Any]]]]
    constants: tuple[tuple[int, Array], ...]
    every: tuple[Instruction, ...]
    lean: tuple[Instruction, ...]
    outputs: Mapping[str, int]
    fresh: frozenset[str]  # outputs that nothing else refers to and need no copy
    slots: int
    buffers: tuple[BufferKind, ...]

    def fresh_slots(self, *, buffers: bool = True) -> list[Any]:
        """Return slots for one run, with the constants and, for a lean run, its buffers."""
        slots: list[Any] = [None] * self.slots
        for slot, value in self.constants:
            slots[slot] = value
        if buffers:
            slots.extend([np.empty(shape, dtype) for shape, dtype in self.buffers])
        return slots

    def run(self, inputs: Mapping[str, Any], *, keep_all: bool = False) -> Valuation:
        missing = [name for name in self.inputs if name not in inputs]
        if missing:
            raise no_values(missing)
        if keep_all:
            check_kept([step.node for step in self.every])
        slots = self.fresh_slots(buffers=not keep_all)
        for name, (slot, node, (shape, dtype)) in self.inputs.items():
            value = inputs[name]
            fits = type(value) is np.ndarray and value.dtype == dtype and value.shape == shape
            slots[slot] = value if fits else as_input(name, value, node)
        kinds: set[str] = set()
        with watched(lambda kind, flag: kinds.add(kind)):
            execute(self.every if keep_all else self.lean, slots)
        outputs = {
            name: np.asarray(slots[slot])
            if name in self.fresh and not keep_all
            else np.array(slots[slot])
            for name, slot in self.outputs.items()
        }
        values: dict[Node, Array] = {}
        if keep_all:
            values = {node: np.asarray(slots[slot]) for slot, node, _ in self.inputs.values()}
            values |= {
                step.node: np.asarray(slots[step.target])
                for step in self.every
                if not is_tuple(step.node)  # its results are nodes of their own
            }
        return Valuation(outputs, values, bool(kinds & RANGE), bool(kinds - RANGE))
