"""A graph compiled: planned, written as a module of LLVM's, made object code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidu.backends.budget import check_run
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.emit.driver import Batch, Check, Driver, write_driver
from tidu.backends.native.emit.module import Kernel, Module
from tidu.backends.native.emit.unrolled import MOST, Line, operations, write_line
from tidu.backends.native.identity import changed_settings
from tidu.backends.native.layout import Recipe, Request, bytes_of, is_leaf, is_scalar_constant
from tidu.backends.native.library import object_code
from tidu.backends.native.schedule.memory import laid_out
from tidu.backends.native.schedule.plan import Kind, Plan, Stage, plan, scheduled
from tidu.backends.native.target import host
from tidu.ir.node import Node, inputs_among, reachable

changed_settings()  # takes down how they are as all is loaded


def build(outputs: Mapping[str, Node], request: Request) -> Recipe:
    """Compile outputs that are `lowered`."""
    nodes = reachable(outputs.values())
    check_run(nodes)
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
    own = [node for node in outputs.values() if node not in place and not is_scalar_constant(node)]
    own += inputs.values()
    memory = laid_out(stages, made.nodes, place, own)
    slots = dict(memory.slot)
    histories = {name: len(slots) + at for at, name in enumerate(request.records)}
    behind = len(slots) + len(histories)
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
            if old in inputs and outputs[new] not in place and outputs[new] is not inputs[old]
        ],
        records=[
            (outputs[name], slot, bytes_of(outputs[name])) for name, slot in histories.items()
        ],
        batches=[_batch(inputs[n], behind + at) for at, n in enumerate(request.batched)],
        index=behind + len(request.batched),
    )
    module = Module(host(), lambda node: node.id in made.stored, memory.of)
    kernels: Sequence[Kernel] = ()
    scratch = 0
    straight = operations(nodes, made.kinds) <= MOST
    if straight:
        write_line(module.module, _line(nodes, made, outputs, request, slots), driver)
    else:
        kernels, scratch = write_driver(module, driver)
    code = object_code(str(module.module), straight=straight)
    return Recipe(
        memory,
        scratch,
        sum(kernel.work.total for kernel in kernels if kernel.work.shared),
        {
            at: stage.head
            for at, stage in enumerate(stages)
            if stage.kind is Kind.CALL and stage.head is not None
        },
        code,
    )


def _batch(node: Node, source: int) -> Batch:
    rows = int(node.shape[0])
    return Batch(node, source, rows, bytes_of(node) // max(1, rows))


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
