"""Compiles a graph: planned, written as an LLVM module, made object code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidu.backends.budget import check_run
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.emit.driver import Batch, Check, Driver, write_driver
from tidu.backends.native.emit.module import Kernel, ModuleBuilder
from tidu.backends.native.emit.unrolled import StraightProgram, operations, write_straight
from tidu.backends.native.layout import (
    Memory,
    Recipe,
    Request,
    bytes_of,
    is_leaf,
    is_scalar_constant,
)
from tidu.backends.native.library import object_code
from tidu.backends.native.processor import host
from tidu.backends.native.schedule.memory import laid_out
from tidu.backends.native.schedule.plan import KernelStage, StageKind, StagePlan, plan, scheduled
from tidu.ir.node import Node, inputs_among, reachable


@dataclass(frozen=True, eq=False)
class _Schedule:
    """The plan, its stages in the order in which they run, and where results lie. overwrites: each
    result that is written over the input that it becomes."""

    plan: StagePlan
    stages: Sequence[KernelStage]
    overwrites: Mapping[Node, Node]
    memory: Memory


def build(outputs: Mapping[str, Node], request: Request) -> Recipe:
    """Compile outputs that are `lowered`."""
    nodes = reachable(outputs.values())
    check_run(nodes)
    schedule = _scheduled(outputs, request)
    made, memory = schedule.plan, schedule.memory
    driver = _driver(outputs, request, schedule)
    module = ModuleBuilder(host(), lambda node: node.id in made.stored, memory.of, request.tuning)
    kernels: Sequence[Kernel] = ()
    scratch = 0
    straight = operations(nodes, made.kinds) <= request.tuning.straight_line
    if straight:
        line = _line(nodes, made, outputs, request, memory.slot)
        write_straight(module.module, line, driver)
    else:
        kernels, scratch = write_driver(module, driver)
    code = object_code(str(module.module), straight=straight)
    shared_work = sum(kernel.work.total for kernel in kernels if kernel.shared)
    calls = {
        number: stage.head
        for number, stage in enumerate(schedule.stages)
        if stage.kind is StageKind.CALL and stage.head is not None
    }
    return Recipe(memory, scratch, shared_work, calls, code)


def _scheduled(outputs: Mapping[str, Node], request: Request) -> _Schedule:
    """Plan the stages of a program, put them in order, and lay out what they write."""
    inputs = inputs_among(reachable(outputs.values()))
    made = plan(list(dict.fromkeys(outputs.values())), FUNCTIONS)
    names = (*request.finite, *(name for name, _ in request.guards), *request.records)
    before_any = {outputs[name].id for name in names}  # is read when inputs are what they were
    wanted = {
        outputs[new].id: inputs[old].id
        for old, new in request.moves
        if old in inputs and not is_leaf(outputs[new]) and outputs[new].id not in before_any
    }
    stages, apart = scheduled(made.stages, wanted, before_any)
    overwrites = {
        made.nodes[new]: made.nodes[old] for new, old in wanted.items() if new not in apart
    }
    buffers = [
        node for node in outputs.values() if node not in overwrites and not is_scalar_constant(node)
    ]
    memory = laid_out(stages, made.nodes, overwrites, [*buffers, *inputs.values()])
    return _Schedule(made, stages, overwrites, memory)


def _driver(outputs: Mapping[str, Node], request: Request, schedule: _Schedule) -> Driver:
    """Return what the driver does around the stages: conditions, copies, records, batches."""
    inputs = inputs_among(reachable(outputs.values()))
    slots = dict(schedule.memory.slot)
    histories = {name: len(slots) + index for index, name in enumerate(request.records)}
    sources = len(slots) + len(histories)  # where the data of batches starts in the table
    guards = ((outputs[name], taken) for name, taken in request.guards)
    return Driver(
        schedule.stages,
        _checked(schedule.stages, schedule.overwrites, bool(request.moves)),
        Check(
            tuple(outputs[name] for name in request.finite if not is_leaf(outputs[name])),
            tuple((node, taken) for node, taken in guards if not is_leaf(node)),
        ),
        slots,
        schedule.memory.meets,
        copies=[
            (outputs[new], slots[inputs[old]], bytes_of(outputs[new]))
            for old, new in request.moves
            if old in inputs
            and outputs[new] not in schedule.overwrites
            and outputs[new] is not inputs[old]
        ],
        records=[
            (outputs[name], slot, bytes_of(outputs[name])) for name, slot in histories.items()
        ],
        batches=[
            _batch(inputs[name], sources + index) for index, name in enumerate(request.batched)
        ],
        index=sources + len(request.batched),
    )


def _batch(node: Node, source: int) -> Batch:
    rows = int(node.shape[0])
    return Batch(node, source, rows, bytes_of(node) // max(1, rows))


def _line(
    nodes: Sequence[Node],
    made: StagePlan,
    outputs: Mapping[str, Node],
    request: Request,
    slots: Mapping[Node, int],
) -> StraightProgram:
    """Return the program as a straight line. In a loop only what moves is stored: the rest is
    recorded."""
    inputs = inputs_among(nodes)
    moves = [(outputs[new], slots[inputs[old]]) for old, new in request.moves if old in inputs]
    stores = [] if moves else [(n, slots[n]) for n in outputs.values() if not is_leaf(n)]
    return StraightProgram(nodes, made.kinds, moves, stores)


def _checked(stages: Sequence[KernelStage], overwrites: Mapping[Node, Node], moves: bool) -> int:
    """Return the number of the stage before which the conditions are tested: the first that
    overwrites an input."""
    if not moves:
        return len(stages)
    for number, stage in enumerate(stages):
        if any(node in overwrites for node in stage.stores):
            return number
    return len(stages)
