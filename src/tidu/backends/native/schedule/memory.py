"""Where values lie: inputs with the caller, the rest in one workspace, whose parts are reused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tidu.backends.native.layout import Memory, bytes_of, is_leaf, is_scalar_constant, whole_lines
from tidu.backends.native.schedule.plan import KernelStage
from tidu.ir.build import is_tuple
from tidu.ir.node import Node


def laid_out(
    stages: Sequence[KernelStage],
    nodes: Mapping[int, Node],
    holder: Mapping[Node, Node],
    unshared: Collection[Node],
) -> Memory:
    """Assign memory to every buffer. `unshared` values have memory of their own: the caller's, or
    memory that lives as long as the loop."""
    last: dict[Node, int] = {}
    first: dict[Node, int] = {}
    leaves: set[Node] = set()
    for stage_number, stage in enumerate(stages):
        for id in stage.reads:
            node = holder.get(nodes[id], nodes[id])
            last[node] = stage_number
            if is_leaf(node):
                leaves.add(node)
        for node in stage.stores:
            kept = holder.get(node, node)
            first.setdefault(kept, stage_number)
            last[kept] = max(last.get(kept, stage_number), stage_number)
    slot: dict[Node, int] = {}
    read = [node for node in nodes.values() if node in leaves]  # an order that follows the graph
    for node in (*read, *first, *unshared):
        if not is_tuple(node) and not is_scalar_constant(node):
            slot.setdefault(node, len(slot))
    elsewhere = set(unshared)
    offset, size = _offsets(first, last, {n for n in first if n in elsewhere or is_leaf(n)})
    return Memory(slot, offset, size, holder)


def _offsets(
    first: Mapping[Node, int], last: Mapping[Node, int], elsewhere: Collection[Node]
) -> tuple[dict[Node, int], int]:
    """Assign offsets by first fit: the lowest gap among the values that live at the same time."""
    offset: dict[Node, int] = {}
    alive: list[Node] = []
    size = 0
    for node, begin in sorted(first.items(), key=lambda item: item[1]):
        if node in elsewhere or is_tuple(node):
            continue
        alive = [other for other in alive if last[other] >= begin]
        need = whole_lines(bytes_of(node))
        low = 0
        for other in sorted(alive, key=lambda n: offset[n]):
            if offset[other] - low >= need:
                break
            low = max(low, offset[other] + whole_lines(bytes_of(other)))
        offset[node] = low
        size = max(size, low + need)
        alive.append(node)
    return offset, size
