"""What a nest of loops does, before it is code: expressions, reductions, where results go."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tidu.backends.native.schedule.expression import (
    PRODUCT,
    SUM,
    Convert,
    ElementBuilder,
    Expression,
    Head,
    Index,
    NumericLiteral,
    ScalarCall,
    contraction,
    loads,
    loops_of,
    positions_of,
    scattered,
    walk,
    whole,
)
from tidu.backends.native.schedule.plan import KernelStage, StageKind
from tidu.backends.native.schedule.position import LoopIndex, Position, linear, position_of
from tidu.backends.scalar import Tree, parse
from tidu.ir.node import Node


@dataclass(frozen=True, eq=False)
class Store:
    """One result of a kernel: an expression, the node whose buffer takes it, the position."""

    value: Expression
    node: Node
    at: Position


@dataclass(frozen=True, eq=False)
class Reduction:
    """A reduction over `loops`: start, step and finish as scalar trees.

    product: for a contraction, the two factors, which are multiplied and added with one rounding.
    """

    start: Tree
    step: Tree
    finish: Tree
    value: Expression
    loops: tuple[LoopIndex, ...]
    dtype: str
    product: tuple[Expression, Expression] | None = None

    @property
    def count(self) -> int:
        total = 1
        for loop in self.loops:
            total *= loop.size
        return total


@dataclass(frozen=True, eq=False)
class LoopNest:
    """The loops of a kernel, before they are code.

    loops: those over the elements of the result. stores: what is written. reduction: what is
    summed for each element. axis: that of a cumulative reduction. zeroed: how many elements a
    scatter sets to 0 before it adds its sources, each of which has loops of its own.
    """

    kind: StageKind
    loops: tuple[LoopIndex, ...]
    stores: tuple[Store, ...]
    reduction: Reduction | None = None
    axis: LoopIndex | None = None
    zeroed: int = 0
    sources: tuple[tuple[tuple[LoopIndex, ...], Store], ...] = ()

    def roots(self) -> list[Expression]:
        roots = [store.value for store in self.stores]
        roots += [store.value for _, store in self.sources]
        if self.reduction is not None:
            roots += list(self.reduction.product or (self.reduction.value,))
        return roots

    def buffers(self) -> list[Node]:
        """Return the nodes whose buffers are read or written, each once."""
        nodes: dict[Node, None] = {}
        for load in loads(self.roots()):
            nodes[load.buffer] = None
        for store in (*self.stores, *(store for _, store in self.sources)):
            for load in loads(entry.value for entry in store.at.entries()):
                nodes[load.buffer] = None
            nodes[store.node] = None
        return list(nodes)


# ------------------------------------------------------------------ from stage to body
def nest_of_stage(stage: KernelStage, stored: Callable[[Node], bool]) -> LoopNest:
    """Build the kernel of a stage. A stage without elements has nothing to do."""
    if stage.kind is not StageKind.SCATTER and 0 in stage.shape:
        return LoopNest(StageKind.MAP, loops_of(stage.shape, "i"), ())
    within = {node.id for node in stage.nodes}

    def elsewhere(node: Node) -> bool:
        return stored(node) and node.id not in within

    loops = loops_of(stage.shape, "i")
    index = positions_of(loops)
    if stage.kind is StageKind.SCATTER:
        return _scatter(stage, elsewhere)
    reduction = None
    heads: dict[int, Expression] = {}
    if stage.head is not None:
        heads[stage.head.id] = Head(stage.head.dtype, frozenset(loops))
        if stage.kind is StageKind.CONTRACT:
            reduction = _contraction(stage.head, index, elsewhere)
        elif stage.kind is StageKind.REDUCE:
            reduction = _reduction(stage.head, index, elsewhere)
        else:
            return _running(stage, loops, elsewhere)
    elements = ElementBuilder(elsewhere, heads)
    stores = tuple(
        Store(elements.of(node, index), node, linear(index, whole(node))) for node in stage.stores
    )
    return LoopNest(stage.kind, loops, stores, reduction)


def _reduction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Reduction:
    (x,) = head.inputs
    axes: tuple[int, ...] = head.attrs["axis"]
    kept = [
        position
        for position, axis in zip(index, _axes_of(head, x), strict=True)
        if axis is not None
    ]
    remaining = iter(kept)
    loops = tuple(LoopIndex(f"r{axis}", int(x.shape[axis])) for axis in axes)
    over = iter(loops)
    where = tuple(
        position_of(next(over)) if axis in axes else next(remaining) for axis in range(x.rank)
    )
    assert head.op.reduction is not None
    start, step, finish = map(parse, head.op.reduction)
    if any(loop.size == 0 for loop in loops):
        return _of_nothing(start, step, finish, head.dtype)
    value = ElementBuilder(stored).of(x, where)
    return Reduction(start, step, finish, value, loops, head.dtype)


def _of_nothing(start: Tree, step: Tree, finish: Tree, dtype: str) -> Reduction:
    """Return a reduction over no elements: its operand has no element that could be read."""
    return Reduction(start, step, finish, NumericLiteral(0.0, dtype), (LoopIndex("r", 0),), dtype)


def _axes_of(head: Node, x: Node) -> list[int | None]:
    """Return the axis of the operand that each axis of the result is; None for a summed one."""
    axes = head.attrs["axis"]
    if head.rank == x.rank:
        return [None if axis in axes else axis for axis in range(x.rank)]
    return [axis for axis in range(x.rank) if axis not in axes]


def _contraction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Reduction:
    sizes, terms, right = contraction(head)
    places: dict[str, Position] = dict(zip(right, index, strict=True))
    loops = tuple(LoopIndex(f"r{n}", size) for n, size in sizes.items() if n not in places)
    if any(loop.size == 0 for loop in loops):
        start, step, finish = SUM
        return _of_nothing(parse(start), parse(step), parse(finish), head.dtype)
    places |= {loop.name[1:]: position_of(loop) for loop in loops}
    elements = ElementBuilder(stored)
    factors = [
        elements.of(x, tuple(places[name] for name in term))
        for term, x in zip(terms, head.inputs, strict=True)
    ]
    factors = [f if f.dtype == head.dtype else Convert(f, head.dtype) for f in factors]
    value = factors[0]
    for factor in factors[1:]:
        value = ScalarCall(PRODUCT, {"x": value, "y": factor}, {}, head.dtype, head.dtype)
    product = (factors[0], factors[1]) if len(factors) == 2 else None
    start, step, finish = map(parse, SUM)
    return Reduction(start, step, finish, value, loops, head.dtype, product)


def _running(
    stage: KernelStage, loops: tuple[LoopIndex, ...], stored: Callable[[Node], bool]
) -> LoopNest:
    head = stage.head
    assert head is not None and head.op.reduction is not None
    axis = loops[head.attrs["axis"]]
    index = positions_of(loops)
    start, step, finish = map(parse, head.op.reduction)
    value = ElementBuilder(stored).of(head.inputs[0], index)
    reduction = Reduction(start, step, finish, value, (axis,), head.dtype)
    store = Store(Head(head.dtype, frozenset(loops)), head, linear(index, whole(head)))
    other_loops = tuple(loop for loop in loops if loop is not axis)
    return LoopNest(StageKind.SCAN, other_loops, (store,), reduction, axis=axis)


def _scatter(stage: KernelStage, stored: Callable[[Node], bool]) -> LoopNest:
    head = stage.head
    assert head is not None
    elements = ElementBuilder(stored)
    sources: list[tuple[tuple[LoopIndex, ...], Store]] = []
    for position, x in enumerate(scattered(head)):
        loops = loops_of(whole(x), f"s{position}_")
        index = positions_of(loops)
        target = linear(elements.puts(head, position, index), whole(head))
        value = elements.of(x, index)
        if value.dtype != head.dtype:
            value = Convert(value, head.dtype)
        sources.append((loops, Store(value, head, target)))
    size = math.prod(whole(head))
    return LoopNest(StageKind.SCATTER, (), (), zeroed=size, sources=tuple(sources))


# ------------------------------------------------------------------ fewer loops
def collapsed(nest: LoopNest) -> LoopNest:
    """Merge two loops into one where memory is read and written as by a single loop."""
    if nest.kind is not StageKind.MAP:
        return nest
    loops = [loop for loop in nest.loops if loop.size != 1]
    inner_number = len(loops) - 1
    while inner_number > 0:
        outer, inner = loops[inner_number - 1], loops[inner_number]
        if all(_one_run(position, outer, inner) for position in _places(nest)):
            joined = LoopIndex(f"{outer.name}{inner.name}", outer.size * inner.size)
            nest = _replaced(nest, outer, inner, joined)
            loops[inner_number - 1 : inner_number + 1] = [joined]
        inner_number -= 1
    return replace(nest, loops=tuple(loops))


def _places(nest: LoopNest) -> list[Position]:
    positions = [store.at for store in nest.stores]
    for part in walk(nest.roots()):
        at = getattr(part, "at", None)
        if at is not None:
            positions.append(at)
    return positions


def _one_run(position: Position, outer: LoopIndex, inner: LoopIndex) -> bool:
    hidden = position.hidden()
    return (
        outer not in hidden
        and inner not in hidden
        and position.coefficient(outer) == position.coefficient(inner) * inner.size
    )


def _replaced(nest: LoopNest, outer: LoopIndex, inner: LoopIndex, joined: LoopIndex) -> LoopNest:
    def moved(position: Position) -> Position:
        terms = tuple(
            (joined if atom is inner or atom == inner else atom, coefficient)
            for atom, coefficient in position.terms
            if atom != outer
        )
        return Position(position.constant, terms)

    images: dict[int, Expression] = {}
    for part in walk(nest.roots()):
        images[id(part)] = _moved(part, moved, images)
    stores = tuple(Store(images[id(s.value)], s.node, moved(s.at)) for s in nest.stores)
    return replace(nest, stores=stores)


def _moved(
    part: Expression, moved: Callable[[Position], Position], images: Mapping[int, Expression]
) -> Expression:
    at = getattr(part, "at", None)
    if at is not None:
        return replace(part, at=moved(at))  # type: ignore[type-var]
    if isinstance(part, ScalarCall):
        operands = {name: images[id(child)] for name, child in part.operands.items()}
        return replace(part, operands=operands)
    if part.parts():
        return replace(part, value=images[id(part.parts()[0])])  # type: ignore[type-var]
    return part
