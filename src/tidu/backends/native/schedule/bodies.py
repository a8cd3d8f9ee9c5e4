"""What a nest of loops does, before it is code: expressions, reductions, where results go."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tidu.backends.native.schedule.expression import (
    PRODUCT,
    SUM,
    Apply,
    Convert,
    Elements,
    Expression,
    Head,
    Index,
    Literal,
    contraction,
    loads,
    loops_of,
    positions_of,
    scattered,
    walk,
    whole,
)
from tidu.backends.native.schedule.plan import Kind, Stage
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
class Body:
    """What a kernel does, before it is code.

    loops: those over the elements of the result. stores: what is written. reduction: what is
    summed for each element. axis: that of a cumulative reduction. zeroed: how many elements a
    scatter sets to 0 before it adds its sources, each of which has loops of its own.
    """

    kind: Kind
    loops: tuple[LoopIndex, ...]
    stores: tuple[Store, ...]
    reduction: Reduction | None = None
    axis: LoopIndex | None = None
    zeroed: int = 0
    sources: tuple[tuple[tuple[LoopIndex, ...], Store], ...] = ()

    def roots(self) -> list[Expression]:
        found = [store.value for store in self.stores]
        found += [store.value for _, store in self.sources]
        if self.reduction is not None:
            found += list(self.reduction.product or (self.reduction.value,))
        return found

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
def body_of_stage(stage: Stage, stored: Callable[[Node], bool]) -> Body:
    """Build the kernel of a stage. A stage without elements has nothing to do."""
    if stage.kind is not Kind.SCATTER and 0 in stage.shape:
        return Body(Kind.MAP, loops_of(stage.shape, "i"), ())
    own = {node.id for node in stage.nodes}

    def elsewhere(node: Node) -> bool:
        return stored(node) and node.id not in own

    loops = loops_of(stage.shape, "i")
    index = positions_of(loops)
    if stage.kind is Kind.SCATTER:
        return _scatter(stage, elsewhere)
    reduction = None
    heads: dict[int, Expression] = {}
    if stage.head is not None:
        heads[stage.head.id] = Head(stage.head.dtype, frozenset(loops))
        if stage.kind is Kind.CONTRACT:
            reduction = _contraction(stage.head, index, elsewhere)
        elif stage.kind is Kind.REDUCE:
            reduction = _reduction(stage.head, index, elsewhere)
        else:
            return _running(stage, loops, elsewhere)
    elements = Elements(elsewhere, heads)
    stores = tuple(
        Store(elements.of(node, index), node, linear(index, whole(node))) for node in stage.stores
    )
    return Body(stage.kind, loops, stores, reduction)


def _reduction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Reduction:
    (x,) = head.inputs
    axes: tuple[int, ...] = head.attrs["axis"]
    kept = [place for place, axis in zip(index, _axes_of(head, x), strict=True) if axis is not None]
    rest = iter(kept)
    loops = tuple(LoopIndex(f"r{axis}", int(x.shape[axis])) for axis in axes)
    over = iter(loops)
    where = tuple(position_of(next(over)) if axis in axes else next(rest) for axis in range(x.rank))
    assert head.op.reduction is not None
    start, step, finish = map(parse, head.op.reduction)
    if any(loop.size == 0 for loop in loops):
        return _of_nothing(start, step, finish, head.dtype)
    value = Elements(stored).of(x, where)
    return Reduction(start, step, finish, value, loops, head.dtype)


def _of_nothing(start: Tree, step: Tree, finish: Tree, dtype: str) -> Reduction:
    """Return a reduction over no elements: its operand has no element that could be read."""
    return Reduction(start, step, finish, Literal(0.0, dtype), (LoopIndex("r", 0),), dtype)


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
    elements = Elements(stored)
    factors = [
        elements.of(x, tuple(places[name] for name in term))
        for term, x in zip(terms, head.inputs, strict=True)
    ]
    factors = [f if f.dtype == head.dtype else Convert(f, head.dtype) for f in factors]
    value = factors[0]
    for factor in factors[1:]:
        value = Apply(PRODUCT, {"x": value, "y": factor}, {}, head.dtype, head.dtype)
    product = (factors[0], factors[1]) if len(factors) == 2 else None
    start, step, finish = map(parse, SUM)
    return Reduction(start, step, finish, value, loops, head.dtype, product)


def _running(stage: Stage, loops: tuple[LoopIndex, ...], stored: Callable[[Node], bool]) -> Body:
    head = stage.head
    assert head is not None and head.op.reduction is not None
    axis = loops[head.attrs["axis"]]
    index = positions_of(loops)
    start, step, finish = map(parse, head.op.reduction)
    value = Elements(stored).of(head.inputs[0], index)
    reduction = Reduction(start, step, finish, value, (axis,), head.dtype)
    store = Store(Head(head.dtype, frozenset(loops)), head, linear(index, whole(head)))
    rest = tuple(loop for loop in loops if loop is not axis)
    return Body(Kind.SCAN, rest, (store,), reduction, axis=axis)


def _scatter(stage: Stage, stored: Callable[[Node], bool]) -> Body:
    head = stage.head
    assert head is not None
    elements = Elements(stored)
    sources: list[tuple[tuple[LoopIndex, ...], Store]] = []
    for position, x in enumerate(scattered(head)):
        loops = loops_of(whole(x), f"s{position}_")
        index = positions_of(loops)
        at = linear(elements.puts(head, position, index), whole(head))
        value = elements.of(x, index)
        if value.dtype != head.dtype:
            value = Convert(value, head.dtype)
        sources.append((loops, Store(value, head, at)))
    size = math.prod(whole(head))
    return Body(Kind.SCATTER, (), (), zeroed=size, sources=tuple(sources))


# ------------------------------------------------------------------ fewer loops
def collapsed(body: Body) -> Body:
    """Merge two loops into one where memory is read and written as by a single loop."""
    if body.kind is not Kind.MAP:
        return body
    loops = [loop for loop in body.loops if loop.size != 1]
    at = len(loops) - 1
    while at > 0:
        outer, inner = loops[at - 1], loops[at]
        if all(_one_run(place, outer, inner) for place in _places(body)):
            joined = LoopIndex(f"{outer.name}{inner.name}", outer.size * inner.size)
            body = _replaced(body, outer, inner, joined)
            loops[at - 1 : at + 1] = [joined]
        at -= 1
    return replace(body, loops=tuple(loops))


def _places(body: Body) -> list[Position]:
    found = [store.at for store in body.stores]
    for part in walk(body.roots()):
        at = getattr(part, "at", None)
        if at is not None:
            found.append(at)
    return found


def _one_run(place: Position, outer: LoopIndex, inner: LoopIndex) -> bool:
    hidden = place.hidden()
    return (
        outer not in hidden
        and inner not in hidden
        and place.coefficient(outer) == place.coefficient(inner) * inner.size
    )


def _replaced(body: Body, outer: LoopIndex, inner: LoopIndex, joined: LoopIndex) -> Body:
    def moved(place: Position) -> Position:
        terms = tuple(
            (joined if atom is inner or atom == inner else atom, coefficient)
            for atom, coefficient in place.terms
            if atom != outer
        )
        return Position(place.constant, terms)

    images: dict[int, Expression] = {}
    for part in walk(body.roots()):
        images[id(part)] = _moved(part, moved, images)
    stores = tuple(Store(images[id(s.value)], s.node, moved(s.at)) for s in body.stores)
    return replace(body, stores=stores)


def _moved(
    part: Expression, moved: Callable[[Position], Position], images: Mapping[int, Expression]
) -> Expression:
    at = getattr(part, "at", None)
    if at is not None:
        return replace(part, at=moved(at))  # type: ignore[type-var]
    if isinstance(part, Apply):
        operands = {name: images[id(child)] for name, child in part.operands.items()}
        return replace(part, operands=operands)
    if part.parts():
        return replace(part, value=images[id(part.parts()[0])])  # type: ignore[type-var]
    return part
