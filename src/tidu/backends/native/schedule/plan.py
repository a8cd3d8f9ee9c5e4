"""Which values get a buffer, which loops calculate them, and in which order.

A stage is one nest of loops. It has a head that is summed, multiplied, scattered … (none where all
is elementwise) and members: elementwise nodes of the same shape that are stored as soon as they are
calculated, the head still being in a register. All of it is scheduling: no value changes.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from tidu.backends.native.layout import is_leaf
from tidu.backends.native.schedule.expression import cost, sayable, whole
from tidu.backends.native.schedule.together import pairs_of, stored_with
from tidu.ir.body import result_types
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import COMPLEX, REALS

WORTH_KEEPING = 4  # from this cost on, what several loops read is calculated once
LONGEST = 200  # elementwise nodes in one tree, before one of them gets a buffer


class StageKind(Enum):
    """The way in which a node is calculated."""

    LEAF = "leaf"
    MAP = "map"
    VIEW = "view"  # read in place
    REDUCE = "reduce"
    CONTRACT = "contract"
    SCATTER = "scatter"
    SCAN = "scan"
    CALL = "call"  # by its reference in NumPy


def kind_of(node: Node, functions: Collection[str]) -> StageKind:
    """Return how a node is calculated, by the facets of its op; what they do not say is called
    back."""
    op = node.op
    if is_leaf(node):
        return StageKind.LEAF
    types = [type for x in (node, *node.inputs) for type in result_types(x.type)]
    if op.role in ("item", "tuple") or is_tuple(node) or any(t.dtype in COMPLEX for t in types):
        return StageKind.CALL
    if op.body is not None:
        return StageKind.CALL
    if op.reads_at is not None and op.loop in (Loop.VIEW, Loop.GATHER):
        return StageKind.VIEW
    if op.subscripts is not None:
        return StageKind.CONTRACT if node.dtype in REALS else StageKind.CALL
    if op.writes_at is not None:
        return StageKind.SCATTER if node.dtype in REALS else StageKind.CALL
    if op.reduction is not None and node.dtype in REALS:
        if node.inputs[0].dtype != node.dtype:
            return StageKind.CALL
        return StageKind.SCAN if op.loop is Loop.SCAN else StageKind.REDUCE
    if (op.loop is Loop.MAP or op.scalar is not None) and sayable(node, functions):
        return StageKind.MAP
    return StageKind.CALL


@dataclass(eq=False)
class KernelStage:
    """One nest of loops, or one call. `stores` are those of its nodes that get a buffer."""

    kind: StageKind
    shape: tuple[int, ...]
    head: Node | None = None
    members: list[Node] = field(default_factory=list[Node])
    stores: list[Node] = field(default_factory=list[Node])
    reads: set[int] = field(default_factory=set[int])  # ids of what it loads from buffers
    read_elsewhere: set[int] = field(
        default_factory=set[int]
    )  # of these, what it reads at other places

    @property
    def nodes(self) -> list[Node]:
        return [*([] if self.head is None else [self.head]), *self.members]


@dataclass(frozen=True, eq=False)
class StagePlan:
    """Stages in order. kinds, nodes: of each node, by id. stored: ids of nodes with a buffer."""

    stages: tuple[KernelStage, ...]
    kinds: Mapping[int, StageKind]
    stored: frozenset[int]
    nodes: Mapping[int, Node]


def plan(outputs: Sequence[Node], functions: Collection[str]) -> StagePlan:
    """Divide the calculation of these results into stages, operands first."""
    nodes = reachable(outputs)
    kinds = {node.id: kind_of(node, functions) for node in nodes}
    kept = {node.id for node in outputs}
    readers: dict[int, list[Node]] = {node.id: [] for node in nodes}
    for node in nodes:
        for child in node.inputs:
            readers[child.id].append(node)
    stored = _stored(nodes, kinds, kept, readers)
    cut = _cut_long(nodes, kinds)
    stored |= cut
    stages = _stages(nodes, kinds, stored, cut)
    _drop_unread(stages, kinds, stored, kept)
    return StagePlan(tuple(stages), kinds, frozenset(stored), {node.id: node for node in nodes})


# ------------------------------------------------------------------ what gets a buffer
def _stored(
    nodes: Sequence[Node],
    kinds: Mapping[int, StageKind],
    kept: Collection[int],
    readers: Mapping[int, list[Node]],
) -> set[int]:
    heads = (
        StageKind.REDUCE,
        StageKind.CONTRACT,
        StageKind.SCATTER,
        StageKind.SCAN,
        StageKind.CALL,
    )
    stored = {n.id for n in nodes if n.id in kept or kinds[n.id] in heads}
    for node in nodes:
        if kinds[node.id] in (StageKind.CONTRACT, StageKind.CALL):
            for child in node.inputs:
                base = child if kinds[node.id] is StageKind.CALL else _under(child, kinds)
                if kinds[base.id] in (StageKind.MAP, StageKind.VIEW):
                    stored.add(base.id)
    for node in nodes:
        if kinds[node.id] in (StageKind.REDUCE, StageKind.CONTRACT):
            stored.add(_top(node, kinds, kept, readers).id)
    _store_shared(nodes, kinds, stored, readers)
    return stored | stored_with(nodes, stored)


def _under(node: Node, kinds: Mapping[int, StageKind]) -> Node:
    """Return the node below a view; a gather is not a view with strides."""
    while kinds[node.id] is StageKind.VIEW and node.op.loop is Loop.VIEW:
        node = node.inputs[0]
    return node


def _top(
    node: Node,
    kinds: Mapping[int, StageKind],
    kept: Collection[int],
    readers: Mapping[int, list[Node]],
) -> Node:
    """Return the last of a chain of elementwise nodes above a head, each the only reader of the one
    before: it is what to store, and nothing below it needs a buffer."""
    while node.id not in kept and len(readers[node.id]) == 1:
        (above,) = readers[node.id]
        if kinds[above.id] is not StageKind.MAP or above.shape != node.shape:
            break
        node = above
    return node


def _store_shared(
    nodes: Sequence[Node],
    kinds: Mapping[int, StageKind],
    stored: set[int],
    readers: Mapping[int, list[Node]],
) -> None:
    """Give a buffer to an expensive node that several stages would calculate, or that a broadcast
    would repeat."""
    total: dict[int, int] = {}
    for node in nodes:
        inner = sum(
            total[child.id]
            for child in node.inputs
            if child.id not in stored and kinds[child.id] in (StageKind.MAP, StageKind.VIEW)
        )
        total[node.id] = min(1000, inner + (cost(node) if kinds[node.id] is StageKind.MAP else 0))
    read_by: dict[int, set[int]] = {}
    for node in reversed(nodes):
        stages_reading: set[int] = set()
        broadcast = False
        for reader in readers[node.id]:
            if reader.id in stored and kinds[reader.id] is not StageKind.VIEW:
                stages_reading.add(reader.id)
            else:
                stages_reading |= read_by[reader.id] or {reader.id}
            broadcast |= _size(reader) > _size(node) and kinds[reader.id] is StageKind.VIEW
            broadcast |= kinds[reader.id] is StageKind.SCATTER
        read_by[node.id] = {node.id} if node.id in stored else stages_reading
        expensive = total[node.id] >= WORTH_KEEPING
        if kinds[node.id] is StageKind.MAP and expensive and (len(stages_reading) > 1 or broadcast):
            stored.add(node.id)
            read_by[node.id] = {node.id}


def _cut_long(nodes: Sequence[Node], kinds: Mapping[int, StageKind]) -> set[int]:
    """Return the nodes that are calculated on their own since trees above them would be too deep to
    be built by recursion. A buffer alone does not end a tree: what reads it may share its loops."""
    depth: dict[int, int] = {}
    cut: set[int] = set()
    for node in nodes:
        if kinds[node.id] not in (StageKind.MAP, StageKind.VIEW):
            depth[node.id] = 0
            continue
        depth[node.id] = 1 + max((depth[child.id] for child in node.inputs), default=0)
        if depth[node.id] > LONGEST and kinds[node.id] is StageKind.MAP:
            cut.add(node.id)
            depth[node.id] = 0
    return cut


def _size(node: Node) -> int:
    return 0 if is_tuple(node) else int(np.prod(whole(node)))


# ------------------------------------------------------------------ stages
def reads_of(
    node: Node, kinds: Mapping[int, StageKind], stored: Collection[int]
) -> dict[int, bool]:
    """Return the ids of the values that a node loads, with whether each is only read at the element
    that is calculated."""
    reads: dict[int, bool] = {}
    elementwise = kinds[node.id] is StageKind.MAP
    seen: set[tuple[int, bool]] = set()
    stack = [(child, elementwise and _alike(child, node)) for child in node.inputs]
    while stack:
        child, same = stack.pop()
        if (child.id, same) in seen:
            continue
        seen.add((child.id, same))
        if child.id in stored or kinds[child.id] is StageKind.LEAF:
            reads[child.id] = reads.get(child.id, True) and same
            continue
        straight = same and kinds[child.id] is StageKind.MAP
        stack += [(below, straight and _alike(below, child)) for below in child.inputs]
    return reads


def _alike(one: Node, two: Node) -> bool:
    return not is_tuple(one) and not is_tuple(two) and one.shape == two.shape


def _stages(
    nodes: Sequence[Node],
    kinds: Mapping[int, StageKind],
    stored: Collection[int],
    cut: Set[int],
) -> list[KernelStage]:
    """Assign the stored nodes to stages; a reader of a node in `cut` begins a stage. The second of
    a pair joins the first."""
    stages: list[KernelStage] = []
    stage_of: dict[int, int] = {}
    beside = {pair.second.id: pair.first.id for pair in pairs_of(nodes)}
    for node in nodes:
        if node.id not in stored or kinds[node.id] is StageKind.LEAF:
            continue
        reads = reads_of(node, kinds, stored)
        kind = kinds[node.id]
        last = max((stage_of.get(id, -1) for id in reads), default=-1)
        last = stage_of.get(beside.get(node.id, -1), last)
        joins = last >= 0 and kind is StageKind.MAP and cut.isdisjoint(reads)
        if joins and _joins(stages[last], node, reads, stage_of, last):
            stages[last].members.append(node)
        else:
            last = len(stages)
            head = None if kind in (StageKind.MAP, StageKind.VIEW) else node
            kind = StageKind.MAP if kind is StageKind.VIEW else kind
            members = [node] if head is None else []
            stages.append(KernelStage(kind, () if is_tuple(node) else whole(node), head, members))
        stage_of[node.id] = last
        stages[last].reads |= set(reads)
        stages[last].read_elsewhere |= {id for id, same in reads.items() if not same}
        stages[last].stores.append(node)
    return stages


def _joins(
    stage: KernelStage,
    node: Node,
    reads: Mapping[int, bool],
    stage_of: Mapping[int, int],
    last: int,
) -> bool:
    """Tell whether a node can be calculated in the loops of the last stage that it reads."""
    if stage.kind not in (
        StageKind.MAP,
        StageKind.REDUCE,
        StageKind.CONTRACT,
    ) or stage.shape != whole(node):
        return False
    return all(same for id, same in reads.items() if stage_of.get(id, -1) == last)


def _drop_unread(
    stages: Sequence[KernelStage],
    kinds: Mapping[int, StageKind],
    stored: set[int],
    kept: Collection[int],
) -> None:
    """Remove the buffers of nodes that only their own stage reads, at the element calculated: they
    stay in registers."""
    stage_of = {node.id: number for number, stage in enumerate(stages) for node in stage.nodes}
    outside: set[int] = set(kept)
    for number, stage in enumerate(stages):
        for node in stage.nodes:
            for id in reads_of(node, kinds, stored):
                if stage_of.get(id, -1) != number:
                    outside.add(id)
    for stage in stages:
        dropped = [node for node in stage.stores if node.id not in outside]
        stage.stores = [node for node in stage.stores if node.id in outside]
        stored -= {node.id for node in dropped}
        stage.reads -= {node.id for node in stage.nodes}


# ------------------------------------------------------------------ order
def scheduled(
    stages: Sequence[KernelStage], overwritten: Mapping[int, int], needed_first: Collection[int]
) -> tuple[list[KernelStage], set[int]]:
    """Order the stages such that new values may overwrite old ones.

    overwritten: the id of a new value -> that of the input whose memory it takes. late: ids of
    values that must be there before anything is overwritten. Returns the stages, and the new
    values that cannot take the old one's memory, since what reads the old one comes later.
    """
    writer = {node.id: i for i, stage in enumerate(stages) for node in stage.stores}
    after: list[set[int]] = [set() for _ in stages]
    for i, stage in enumerate(stages):
        after[i] |= {writer[id] for id in stage.reads if id in writer and writer[id] != i}
    unshared: set[int] = set()
    first = {writer[id] for id in needed_first if id in writer}
    for new, old in overwritten.items():
        writing = writer.get(new)
        if writing is None:
            unshared.add(new)
            continue
        before = {
            i for i, stage in enumerate(stages) if old in stage.reads and i != writing
        } | first
        if (
            writing in before
            or old in stages[writing].read_elsewhere
            or _reaches(after, before, writing)
        ):
            unshared.add(new)
        else:
            after[writing] |= before
    return [stages[i] for i in _topological(after)], unshared


def _reaches(after: Sequence[set[int]], starts: Iterable[int], goal: int) -> bool:
    """Tell whether `goal` must run before one of these stages."""
    seen: set[int] = set()
    stack = list(starts)
    while stack:
        stage = stack.pop()
        if stage == goal:
            return True
        if stage not in seen:
            seen.add(stage)
            stack.extend(after[stage])
    return False


def _topological(after: Sequence[set[int]]) -> list[int]:
    """Sort stages topologically, those without an order among them as given."""
    waiting = [len(set(a)) for a in after]
    followers: dict[int, list[int]] = {}
    for i, befores in enumerate(after):
        for before in befores:
            followers.setdefault(before, []).append(i)
    ready = [i for i, n in enumerate(waiting) if n == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        stage = heapq.heappop(ready)
        order.append(stage)
        for follower in followers.get(stage, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    return order
