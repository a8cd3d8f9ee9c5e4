"""Straight-line NumPy: one instruction a node, values in numbered slots, buffers reused.

An op whose reference is a NumPy ufunc writes into a buffer that belongs to the run; the plan gives
a buffer to the next instruction as soon as its last reader has run. Values that leave the program
are the caller's own. Arrays of the caller are only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from tidu.backends.budget import check_run
from tidu.backends.lowering import stable_form_of
from tidu.backends.numpy.bodies import body_function, used_results
from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.numpy.instructions import BufferKind, Instruction, NumpyProgram
from tidu.backends.program import Valuation
from tidu.ir.build import substitute
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.op import Loop


def compile_graph(
    outputs: Mapping[str, Node], inputs: Mapping[str, Node] | None = None
) -> NumpyProgram:
    """Compile nodes to a program. Sizes must be integers (see `evaluate` for named sizes).

    Raises EvaluationError, before anything is allocated, if a run would need more memory or more
    work than the limits allow.
    """
    nodes = reachable(outputs.values())
    check_run(nodes)
    slot_of = {node.id: slot for slot, node in enumerate(nodes)}
    named = inputs_among(nodes)
    named |= {name: node for name, node in (inputs or {}).items() if node.id in slot_of}
    work = [node for node in nodes if node.op.loop is not Loop.LEAF]
    kept = {node.id for node in outputs.values()}
    plan = _plan_buffers(nodes, kept)
    read = {node.id: _lean_operands(node, node.id in plan.buffer) for node in work}
    needed = _still_needed(work, read, kept)
    functions = _functions(nodes, kept)
    return NumpyProgram(
        inputs={
            name: (slot_of[node.id], node, (node.shape, np.dtype(node.dtype)))
            for name, node in named.items()
        },
        constants=tuple(
            (slot_of[node.id], np.asarray(node.op.numpy(**node.attrs)))
            for node in nodes
            if node.op.loop is Loop.LEAF and node.op.role != "input"
        ),
        every=tuple(
            _instruction(node, functions[node.id], operands_of(node), None, slot_of)
            for node in work
        ),
        lean=tuple(
            _instruction(
                node,
                functions[node.id],
                read[node.id],
                _buffer_slot(plan, node, len(nodes)),
                slot_of,
            )
            for node in work
            if node.id in needed
        ),
        outputs={name: slot_of[node.id] for name, node in outputs.items()},
        fresh=_fresh(outputs),
        slots=len(nodes),
        buffers=plan.shapes,
    )


def _functions(nodes: Sequence[Node], kept: set[int]) -> dict[int, Callable[..., Any]]:
    """Return the function that calculates each node: its op's reference, or its compiled body."""
    used = used_results(nodes, kept)
    return {
        node.id: body_function(node, used[node.id], compile_graph)
        if node.id in used
        else function_of(node)
        for node in nodes
    }


def function_of(node: Node) -> Callable[..., Any]:
    """Return the function that calculates a node without a body from its `operands_of`."""
    other = stable_form_of(node)
    if other is not None:
        return other.numpy
    return (
        partial(node.op.numpy, **node.attrs)
        if not _is_ufunc(node) and node.attributes
        else node.op.numpy
    )


def _instruction(
    node: Node,
    function: Callable[..., Any],
    operands: Sequence[Node],
    buffer: int | None,
    slot_of: Mapping[int, int],
) -> Instruction:
    sources = [slot_of[child.id] for child in operands]
    if buffer is not None:
        sources.append(buffer)
    return Instruction(node, function, _picker(sources), slot_of[node.id])


def _picker(sources: Sequence[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    if len(sources) > 1:
        return itemgetter(*sources)
    if not sources:
        return lambda slots: ()
    (only,) = sources
    return lambda slots: (slots[only],)


def _buffer_slot(plan: _BufferPlan, node: Node, count: int) -> int | None:
    buffer = plan.buffer.get(node.id)
    return None if buffer is None else count + buffer


def operands_of(node: Node) -> tuple[Node, ...]:
    """Return what the node is calculated from: its operands, or those of its stable form."""
    other = stable_form_of(node)
    return node.inputs if other is None else other.operands


def _is_ufunc(node: Node) -> bool:
    return isinstance(node.op.numpy, np.ufunc)


def _lean_operands(node: Node, has_buffer: bool) -> tuple[Node, ...]:
    """Return what the node reads in a lean run: an elementwise ufunc broadcasts its operands
    itself.

    Without a buffer the result takes its shape from the operands, so one keeps the full shape.
    """
    operands = operands_of(node)
    if not _is_ufunc(node) or node.op.loop is not Loop.MAP:
        return operands
    short = tuple(c.inputs[0] if c.op.role == "broadcast" else c for c in operands)
    if has_buffer or any(child.shape == node.shape for child in short):
        return short
    return (operands[0], *short[1:])


def _still_needed(
    work: Sequence[Node], read: Mapping[int, Sequence[Node]], kept: set[int]
) -> set[int]:
    needed = set(kept)
    for node in reversed(work):
        if node.id in needed:
            needed.update(child.id for child in read[node.id])
    return needed


def _fresh(outputs: Mapping[str, Node]) -> frozenset[str]:
    """Return the outputs whose array is new and has no other name."""
    uses = Counter(node.id for node in outputs.values())
    return frozenset(
        name for name, node in outputs.items() if _is_ufunc(node) and uses[node.id] == 1
    )


@dataclass(frozen=True, slots=True)
class _BufferPlan:
    buffer: Mapping[int, int]
    shapes: tuple[BufferKind, ...]


def _plan_buffers(nodes: Sequence[Node], kept: set[int]) -> _BufferPlan:
    """Give each ufunc's result a buffer; reuse it once the last reader of the value has run.

    A view (transpose, broadcast, slice) keeps what it looks at alive, so readers are followed
    through every op that is not a ufunc.
    """
    last_read = _last_reads(nodes, kept)
    free: dict[BufferKind, list[int]] = {}
    shapes: list[BufferKind] = []
    buffer: dict[int, int] = {}
    releases: dict[int, list[int]] = {}
    for position, node in enumerate(nodes):
        if _is_ufunc(node) and node.rank > 0 and node.id not in kept:
            key = (tuple(int(d) for d in node.shape if isinstance(d, int)), node.dtype)
            available = free.setdefault(key, [])
            if available:
                buffer[node.id] = available.pop()
            else:
                buffer[node.id] = len(shapes)
                shapes.append(key)
            releases.setdefault(last_read[node.id], []).append(node.id)
        for done in releases.pop(position, []):
            key = shapes[buffer[done]]
            free[key].append(buffer[done])
    return _BufferPlan(buffer, tuple(shapes))


def _last_reads(nodes: Sequence[Node], kept: set[int]) -> dict[int, int]:
    """Return, for each node, the position of the last instruction that may still read its
    memory."""
    last = {
        node.id: len(nodes) if node.id in kept else position for position, node in enumerate(nodes)
    }
    for position in range(len(nodes) - 1, -1, -1):
        node = nodes[position]
        alive = position if _is_ufunc(node) else last[node.id]
        for child in (*node.inputs, *operands_of(node)):
            last[child.id] = max(last[child.id], alive)
    return last


Calculate = Callable[[Mapping[str, Node], Mapping[str, Any]], Valuation]


def evaluate(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    *,
    keep_all: bool = False,
    by: Calculate | None = None,
) -> Valuation:
    """Run nodes on values once; named sizes take the sizes of the arrays.

    With named sizes, the values of a keep-all run are given for the original nodes. `by` runs
    nodes of integer sizes otherwise than a plain run does.

    >>> from tidu.ir.build import input_node
    >>> x = input_node("x", (2,))
    >>> evaluate({"y": x * 3.0}, {"x": [1.0, 2.0]}).outputs["y"].tolist()
    [3.0, 6.0]
    """
    nodes = reachable(outputs.values())
    sizes = bind_sizes(inputs_among(nodes), values)
    if not sizes:
        return by(outputs, values) if by else compile_graph(outputs).run(values, keep_all=keep_all)
    bound = substitute(nodes, {}, sizes)
    image = dict(zip(nodes, bound, strict=True))
    given = {name: image[node] for name, node in outputs.items()}
    valuation = by(given, values) if by else compile_graph(given).run(values, keep_all=keep_all)
    return Valuation(
        valuation.outputs,
        {node: valuation.values[image[node]] for node in nodes if image[node] in valuation.values},
        valuation.left_range,
        valuation.undefined,
    )
