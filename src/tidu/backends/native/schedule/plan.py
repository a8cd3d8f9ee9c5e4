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


class Kind(Enum):
    """How a node is calculated."""

    LEAF = "leaf"
    MAP = "map"
    VIEW = "view"  # read in place
    REDUCE = "reduce"
    CONTRACT = "contract"
    SCATTER = "scatter"
    SCAN = "scan"
    CALL = "call"  # by its reference in NumPy


def kind_of(node: Node, functions: Collection[str]) -> Kind:
    """By the facets of its op; what they do not say is called back."""
    op = node.op
    if is_leaf(node):
        return Kind.LEAF
    types = [type for x in (node, *node.inputs) for type in result_types(x.type)]
    if op.role in ("item", "tuple") or is_tuple(node) or any(t.dtype in COMPLEX for t in types):
        return Kind.CALL
    if op.body is not None:
        return Kind.CALL
    if op.reads_at is not None and op.loop in (Loop.VIEW, Loop.GATHER):
        return Kind.VIEW
    if op.subscripts is not None:
        return Kind.CONTRACT if node.dtype in REALS else Kind.CALL
    if op.writes_at is not None:
        return Kind.SCATTER if node.dtype in REALS else Kind.CALL
    if op.reduction is not None and node.dtype in REALS:
        if node.inputs[0].dtype != node.dtype:
            return Kind.CALL
        return Kind.SCAN if op.loop is Loop.SCAN else Kind.REDUCE
    if (op.loop is Loop.MAP or op.scalar is not None) and sayable(node, functions):
        return Kind.MAP
    return Kind.CALL


@dataclass(eq=False)
class Stage:
    """One nest of loops, or one call. `stores` are those of its nodes that get a buffer."""

    kind: Kind
    shape: tuple[int, ...]
    head: Node | None = None
    members: list[Node] = field(default_factory=list[Node])
    stores: list[Node] = field(default_factory=list[Node])
    reads: set[int] = field(default_factory=set[int])  # ids of what it loads from buffers
    astray: set[int] = field(default_factory=set[int])  # of these, what it reads at other places

    @property
    def nodes(self) -> list[Node]:
        return [*([] if self.head is None else [self.head]), *self.members]


@dataclass(frozen=True, eq=False)
class Plan:
    """Stages in order. kinds, nodes: of each node, by id. stored: ids of nodes with a buffer."""

    stages: tuple[Stage, ...]
    kinds: Mapping[int, Kind]
    stored: frozenset[int]
    nodes: Mapping[int, Node]


def plan(outputs: Sequence[Node], functions: Collection[str]) -> Plan:
    """The stages for these results, operands first."""
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
    return Plan(tuple(stages), kinds, frozenset(stored), {node.id: node for node in nodes})


# ------------------------------------------------------------------ what gets a buffer
def _stored(
    nodes: Sequence[Node],
    kinds: Mapping[int, Kind],
    kept: Collection[int],
    readers: Mapping[int, list[Node]],
) -> set[int]:
    heads = (Kind.REDUCE, Kind.CONTRACT, Kind.SCATTER, Kind.SCAN, Kind.CALL)
    stored = {n.id for n in nodes if n.id in kept or kinds[n.id] in heads}
    for node in nodes:
        if kinds[node.id] in (Kind.CONTRACT, Kind.CALL):
            for child in node.inputs:
                base = child if kinds[node.id] is Kind.CALL else _under(child, kinds)
                if kinds[base.id] in (Kind.MAP, Kind.VIEW):
                    stored.add(base.id)
    for node in nodes:
        if kinds[node.id] in (Kind.REDUCE, Kind.CONTRACT):
            stored.add(_top(node, kinds, kept, readers).id)
    _store_shared(nodes, kinds, stored, readers)
    return stored | stored_with(nodes, stored)


def _under(node: Node, kinds: Mapping[int, Kind]) -> Node:
    """What a view looks at; a gather is no place that strides can tell."""
    while kinds[node.id] is Kind.VIEW and node.op.loop is Loop.VIEW:
        node = node.inputs[0]
    return node


def _top(
    node: Node,
    kinds: Mapping[int, Kind],
    kept: Collection[int],
    readers: Mapping[int, list[Node]],
) -> Node:
    """The last of a chain of elementwise nodes above a head, each of which is the only reader of
    the one before: it is what to store, and nothing below it needs to be."""
    while node.id not in kept and len(readers[node.id]) == 1:
        (above,) = readers[node.id]
        if kinds[above.id] is not Kind.MAP or above.shape != node.shape:
            break
        node = above
    return node


def _store_shared(
    nodes: Sequence[Node],
    kinds: Mapping[int, Kind],
    stored: set[int],
    readers: Mapping[int, list[Node]],
) -> None:
    """Give a buffer to what costs much and would be calculated by several stages, or many times
    over by one that stretches it."""
    total: dict[int, int] = {}
    for node in nodes:
        inner = sum(
            total[child.id]
            for child in node.inputs
            if child.id not in stored and kinds[child.id] in (Kind.MAP, Kind.VIEW)
        )
        total[node.id] = min(1000, inner + (cost(node) if kinds[node.id] is Kind.MAP else 0))
    by: dict[int, set[int]] = {}
    for node in reversed(nodes):
        found: set[int] = set()
        broadcast = False
        for reader in readers[node.id]:
            if reader.id in stored and kinds[reader.id] is not Kind.VIEW:
                found.add(reader.id)
            else:
                found |= by[reader.id] or {reader.id}
            broadcast |= _size(reader) > _size(node) and kinds[reader.id] is Kind.VIEW
            broadcast |= kinds[reader.id] is Kind.SCATTER
        by[node.id] = {node.id} if node.id in stored else found
        dear = total[node.id] >= WORTH_KEEPING
        if kinds[node.id] is Kind.MAP and dear and (len(found) > 1 or broadcast):
            stored.add(node.id)
            by[node.id] = {node.id}


def _cut_long(nodes: Sequence[Node], kinds: Mapping[int, Kind]) -> set[int]:
    """No tree may be so long that building it recurses too deep: nodes that are calculated by
    themselves. A buffer alone does not end a tree, since what reads it may share its loops."""
    depth: dict[int, int] = {}
    cut: set[int] = set()
    for node in nodes:
        if kinds[node.id] not in (Kind.MAP, Kind.VIEW):
            depth[node.id] = 0
            continue
        depth[node.id] = 1 + max((depth[child.id] for child in node.inputs), default=0)
        if depth[node.id] > LONGEST and kinds[node.id] is Kind.MAP:
            cut.add(node.id)
            depth[node.id] = 0
    return cut


def _size(node: Node) -> int:
    return 0 if is_tuple(node) else int(np.prod(whole(node)))


# ------------------------------------------------------------------ stages
def reads_of(node: Node, kinds: Mapping[int, Kind], stored: Collection[int]) -> dict[int, bool]:
    """What a node loads, by id: whether all of it at the place that is calculated."""
    found: dict[int, bool] = {}
    own = kinds[node.id] is Kind.MAP
    seen: set[tuple[int, bool]] = set()
    stack = [(child, own and _alike(child, node)) for child in node.inputs]
    while stack:
        child, same = stack.pop()
        if (child.id, same) in seen:
            continue
        seen.add((child.id, same))
        if child.id in stored or kinds[child.id] is Kind.LEAF:
            found[child.id] = found.get(child.id, True) and same
            continue
        straight = same and kinds[child.id] is Kind.MAP
        stack += [(below, straight and _alike(below, child)) for below in child.inputs]
    return found


def _alike(one: Node, two: Node) -> bool:
    return not is_tuple(one) and not is_tuple(two) and one.shape == two.shape


def _stages(
    nodes: Sequence[Node],
    kinds: Mapping[int, Kind],
    stored: Collection[int],
    cut: Set[int],
) -> list[Stage]:
    """`cut`: what reads these begins a stage. The second of a pair joins the first."""
    stages: list[Stage] = []
    place: dict[int, int] = {}
    beside = {pair.second.id: pair.first.id for pair in pairs_of(nodes)}
    for node in nodes:
        if node.id not in stored or kinds[node.id] is Kind.LEAF:
            continue
        reads = reads_of(node, kinds, stored)
        kind = kinds[node.id]
        last = max((place.get(id, -1) for id in reads), default=-1)
        last = place.get(beside.get(node.id, -1), last)
        joins = last >= 0 and kind is Kind.MAP and cut.isdisjoint(reads)
        if joins and _joins(stages[last], node, reads, place, last):
            stages[last].members.append(node)
        else:
            last = len(stages)
            head = None if kind in (Kind.MAP, Kind.VIEW) else node
            kind = Kind.MAP if kind is Kind.VIEW else kind
            members = [node] if head is None else []
            stages.append(Stage(kind, () if is_tuple(node) else whole(node), head, members))
        place[node.id] = last
        stages[last].reads |= set(reads)
        stages[last].astray |= {id for id, same in reads.items() if not same}
        stages[last].stores.append(node)
    return stages


def _joins(
    stage: Stage, node: Node, reads: Mapping[int, bool], place: Mapping[int, int], last: int
) -> bool:
    """Whether a node can be calculated in the loops of the last stage that it reads."""
    if stage.kind not in (Kind.MAP, Kind.REDUCE, Kind.CONTRACT) or stage.shape != whole(node):
        return False
    return all(same for id, same in reads.items() if place.get(id, -1) == last)


def _drop_unread(
    stages: Sequence[Stage],
    kinds: Mapping[int, Kind],
    stored: set[int],
    kept: Collection[int],
) -> None:
    """What only its own stage reads, where it is calculated, stays in a register."""
    place = {node.id: at for at, stage in enumerate(stages) for node in stage.nodes}
    outside: set[int] = set(kept)
    for at, stage in enumerate(stages):
        for node in stage.nodes:
            for id in reads_of(node, kinds, stored):
                if place.get(id, -1) != at:
                    outside.add(id)
    for stage in stages:
        dropped = [node for node in stage.stores if node.id not in outside]
        stage.stores = [node for node in stage.stores if node.id in outside]
        stored -= {node.id for node in dropped}
        stage.reads -= {node.id for node in stage.nodes}


# ------------------------------------------------------------------ order
def scheduled(
    stages: Sequence[Stage], overwritten: Mapping[int, int], late: Collection[int]
) -> tuple[list[Stage], set[int]]:
    """The stages in an order in which new values may overwrite old ones.

    overwritten: the id of a new value -> that of the input whose memory it takes. late: ids of
    values that must be there before anything is overwritten. Returns the stages, and the new
    values that cannot take the old one's memory, since what reads the old one comes later.
    """
    writer = {node.id: i for i, stage in enumerate(stages) for node in stage.stores}
    after: list[set[int]] = [set() for _ in stages]
    for i, stage in enumerate(stages):
        after[i] |= {writer[id] for id in stage.reads if id in writer and writer[id] != i}
    apart: set[int] = set()
    first = {writer[id] for id in late if id in writer}
    for new, old in overwritten.items():
        at = writer.get(new)
        if at is None:
            apart.add(new)
            continue
        before = {i for i, stage in enumerate(stages) if old in stage.reads and i != at} | first
        if at in before or old in stages[at].astray or _reaches(after, before, at):
            apart.add(new)
        else:
            after[at] |= before
    return [stages[i] for i in _topological(after)], apart


def _reaches(after: Sequence[set[int]], starts: Iterable[int], goal: int) -> bool:
    """Whether one of these stages comes after the goal."""
    seen: set[int] = set()
    stack = list(starts)
    while stack:
        at = stack.pop()
        if at == goal:
            return True
        if at not in seen:
            seen.add(at)
            stack.extend(after[at])
    return False


def _topological(after: Sequence[set[int]]) -> list[int]:
    """Each stage after those that it waits for, else in the given order."""
    waiting = [len(set(a)) for a in after]
    followers: dict[int, list[int]] = {}
    for i, befores in enumerate(after):
        for before in befores:
            followers.setdefault(before, []).append(i)
    ready = [i for i, n in enumerate(waiting) if n == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        at = heapq.heappop(ready)
        order.append(at)
        for follower in followers.get(at, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    return order
