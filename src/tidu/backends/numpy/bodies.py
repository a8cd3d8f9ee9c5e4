"""Calls and scans: bodies compiled once to straight lines of NumPy and run as often as asked.

Only what is read of the results is calculated: a scan whose kept carries nobody reads does not keep
them, and a carry that nothing depends on is not carried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tidu.backends.numpy.instructions import NumpyProgram, execute
from tidu.ir.body import Body, result_types
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import Type

# Compiles a graph; a body is one, and `numpy.program`, which compiles graphs, needs this file.
Compile = Callable[[Mapping[str, Node], Mapping[str, Node]], NumpyProgram]


def used_results(nodes: Sequence[Node], kept: Collection[int]) -> dict[int, frozenset[int]]:
    """Return for each node with a body the positions of the results that are read."""
    used: dict[int, set[int]] = {
        node.id: set(range(len(result_types(node.type))))
        if node.id in kept or not is_tuple(node)
        else set()
        for node in nodes
        if node.op.body is not None
    }
    for node in nodes:
        for child in node.inputs:
            if child.id in used and is_tuple(child):
                every = range(len(result_types(child.type)))
                used[child.id].update([node.attrs["index"]] if node.op.role == "item" else every)
    return {key: frozenset(positions) for key, positions in used.items()}


def body_function(node: Node, used: frozenset[int], compiler: Compile) -> Callable[..., Any]:
    """Compile a node with a body to a function that takes the operands and gives the result or
    results."""
    assert node.op.body is not None
    body: Body = node.attrs[node.op.body]
    if node.op.loop is Loop.CALL:
        return _compile_call(body, used, compiler)
    options = {key: value for key, value in node.attributes if key != node.op.body}
    return _compile_scan(body, used, compiler, **options)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBody:
    """A compiled body. `inputs` has the slot of each input, None where nothing reads it; `copied`
    says which results may share memory with an operand or a buffer."""

    program: NumpyProgram
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    copied: tuple[bool, ...]

    def place(self, slots: list[Any], positions: Iterable[int], values: Sequence[Any]) -> None:
        for position, value in zip(positions, values, strict=True):
            slot = self.inputs[position]
            if slot is not None:
                slots[slot] = value

    def results(self, slots: list[Any]) -> list[Any]:
        return [
            np.array(slots[slot]) if copied else slots[slot]
            for slot, copied in zip(self.outputs, self.copied, strict=True)
        ]


def _compile_body(body: Body, wanted: Sequence[int], compiler: Compile) -> CompiledBody:
    named = {str(i): body.outputs[i] for i in wanted}
    program = compiler(named, {str(n.attrs["name"]): n for n in body.inputs})
    slot = {node.id: slot_number for slot_number, node, _ in program.inputs.values()}
    return CompiledBody(
        program,
        tuple(slot.get(node.id) for node in body.inputs),
        tuple(program.outputs[name] for name in named),
        tuple(name not in program.fresh for name in named),
    )


@lru_cache(maxsize=256)
def _compile_call(body: Body, used: frozenset[int], compiler: Compile) -> Callable[..., Any]:
    wanted = sorted(used)
    compiled = _compile_body(body, wanted, compiler)
    every = range(len(body.inputs))
    count = len(body.outputs)

    def run(*operands: Any) -> Any:
        slots = compiled.program.fresh_slots()
        compiled.place(slots, every, operands)
        execute(compiled.program.lean, slots)
        results = compiled.results(slots)
        if count == 1:
            return results[0]
        values: list[Any] = [None] * count
        for position, value in zip(wanted, results, strict=True):
            values[position] = value
        return tuple(values)

    return run


@lru_cache(maxsize=256)
def _compile_scan(
    body: Body,
    used: frozenset[int],
    compiler: Compile,
    carries: int,
    steps: int,
    length: int,
    reverse: bool,
) -> Callable[..., Any]:
    outputs = len(body.outputs)
    wanted = _needed(body, used, carries)
    flowing = [i for i in wanted if i < carries]
    drawn = [i for i in wanted if i >= carries]
    kept = [j for j in range(carries) if outputs + j in used]
    compiled = _compile_body(body, wanted, compiler)
    entries = range(carries, carries + steps)
    constants = range(carries + steps, len(body.inputs))
    count = outputs + carries

    def run(*operands: Any) -> Any:
        slots = compiled.program.fresh_slots()
        compiled.place(slots, constants, operands[carries + steps :])
        given = operands[carries : carries + steps]
        carry = [operands[j] for j in flowing]
        stacks = [_empty(body.outputs[i].type, length) for i in drawn]
        history = {j: _empty(body.inputs[j].type, length) for j in kept}
        for t in range(length - 1, -1, -1) if reverse else range(length):
            for j, stack in history.items():
                stack[t] = carry[flowing.index(j)]
            compiled.place(slots, flowing, carry)
            compiled.place(slots, entries, [array[t] for array in given])
            execute(compiled.program.lean, slots)
            results = compiled.results(slots)
            carry = results[: len(flowing)]
            for stack, value in zip(stacks, results[len(flowing) :], strict=True):
                stack[t] = value
        values: list[Any] = [None] * count
        for position, value in zip([*flowing, *drawn], [*carry, *stacks], strict=True):
            values[position] = value
        for j, stack in history.items():
            values[outputs + j] = stack
        return values[0] if count == 1 else tuple(values)

    return run


def _empty(type: Type, length: int) -> Any:
    return np.empty((length, *(int(d) for d in type.shape if isinstance(d, int))), type.dtype)


def _needed(body: Body, used: frozenset[int], carries: int) -> list[int]:
    """Return the results of a step that are read: by the caller, or by a later step for what is
    read."""
    outputs = len(body.outputs)
    needed = {i if i < outputs else i - outputs for i in used}
    while True:
        seen = {node.id for node in reachable([body.outputs[i] for i in needed])}
        fresh = {j for j in range(carries) if body.inputs[j].id in seen} - needed
        if not fresh:
            return sorted(needed)
        needed |= fresh
