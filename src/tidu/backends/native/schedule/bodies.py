"""What a nest of loops does, before it is code: trees, folds, where results go."""

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
    at_letters,
    contraction,
    letters_of,
    loads,
    scattered,
    walk,
    whole,
)
from tidu.backends.native.schedule.plan import Kind, Stage
from tidu.backends.native.schedule.position import Letter, Position, linear, of_letter
from tidu.backends.scalar import Tree, parse
from tidu.ir.node import Node


@dataclass(frozen=True, eq=False)
class Store:
    """A root of a kernel: the tree, the node whose buffer takes it, where."""

    value: Expression
    node: Node
    at: Position


@dataclass(frozen=True, eq=False)
class Fold:
    """What a stage sums: start, step and finish as scalar trees, over `letters`.

    product: two factors whose product is summed with one rounding (a contraction).
    """

    start: Tree
    step: Tree
    finish: Tree
    value: Expression
    letters: tuple[Letter, ...]
    dtype: str
    product: tuple[Expression, Expression] | None = None

    @property
    def count(self) -> int:
        total = 1
        for letter in self.letters:
            total *= letter.size
        return total


@dataclass(frozen=True, eq=False)
class Body:
    """What a kernel does, before it is code.

    letters: of the loops over the result. fold: what is summed for each element. stores: what is
    written. axis: along which a running fold goes. zeroed: how many elements a scatter sets to 0
    before its sources, each with the letters of its own loops, are added.
    """

    kind: Kind
    letters: tuple[Letter, ...]
    stores: tuple[Store, ...]
    fold: Fold | None = None
    axis: Letter | None = None  # of a running fold
    zeroed: int = 0  # elements that a scatter sets to 0 first
    sources: tuple[tuple[tuple[Letter, ...], Store], ...] = ()  # of a scatter

    def roots(self) -> list[Expression]:
        found = [store.value for store in self.stores]
        found += [store.value for _, store in self.sources]
        if self.fold is not None:
            found += list(self.fold.product or (self.fold.value,))
        return found

    def buffers(self) -> list[Node]:
        """What is read or written, each once."""
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
    """The trees of a stage. One without elements has nothing to do."""
    if stage.kind is not Kind.SCATTER and 0 in stage.shape:
        return Body(Kind.MAP, letters_of(stage.shape, "i"), ())
    own = {node.id for node in stage.nodes}

    def elsewhere(node: Node) -> bool:
        return stored(node) and node.id not in own

    letters = letters_of(stage.shape, "i")
    index = at_letters(letters)
    if stage.kind is Kind.SCATTER:
        return _scatter(stage, elsewhere)
    fold = None
    heads: dict[int, Expression] = {}
    if stage.head is not None:
        heads[stage.head.id] = Head(stage.head.dtype, frozenset(letters))
        if stage.kind is Kind.CONTRACT:
            fold = _contraction(stage.head, index, elsewhere)
        elif stage.kind is Kind.REDUCE:
            fold = _reduction(stage.head, index, elsewhere)
        else:
            return _running(stage, letters, elsewhere)
    elements = Elements(elsewhere, heads)
    stores = tuple(
        Store(elements.of(node, index), node, linear(index, whole(node))) for node in stage.stores
    )
    return Body(stage.kind, letters, stores, fold)


def _reduction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Fold:
    (x,) = head.inputs
    axes: tuple[int, ...] = head.attrs["axis"]
    kept = [place for place, axis in zip(index, _axes_of(head, x), strict=True) if axis is not None]
    rest = iter(kept)
    letters = tuple(Letter(f"r{axis}", int(x.shape[axis])) for axis in axes)
    over = iter(letters)
    where = tuple(of_letter(next(over)) if axis in axes else next(rest) for axis in range(x.rank))
    assert head.op.fold is not None
    start, step, finish = map(parse, head.op.fold)
    if any(letter.size == 0 for letter in letters):
        return _of_nothing(start, step, finish, head.dtype)
    value = Elements(stored).of(x, where)
    return Fold(start, step, finish, value, letters, head.dtype)


def _of_nothing(start: Tree, step: Tree, finish: Tree, dtype: str) -> Fold:
    """A fold over no elements: there is no place where its operand could be read."""
    return Fold(start, step, finish, Literal(0.0, dtype), (Letter("r", 0),), dtype)


def _axes_of(head: Node, x: Node) -> list[int | None]:
    """Which axis of the operand each axis of the result is; None where it was summed."""
    axes = head.attrs["axis"]
    if head.rank == x.rank:
        return [None if axis in axes else axis for axis in range(x.rank)]
    return [axis for axis in range(x.rank) if axis not in axes]


def _contraction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Fold:
    sizes, terms, right = contraction(head)
    places: dict[str, Position] = dict(zip(right, index, strict=True))
    letters = tuple(Letter(f"r{n}", size) for n, size in sizes.items() if n not in places)
    if any(letter.size == 0 for letter in letters):
        start, step, finish = SUM
        return _of_nothing(parse(start), parse(step), parse(finish), head.dtype)
    places |= {letter.name[1:]: of_letter(letter) for letter in letters}
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
    return Fold(start, step, finish, value, letters, head.dtype, product)


def _running(stage: Stage, letters: tuple[Letter, ...], stored: Callable[[Node], bool]) -> Body:
    head = stage.head
    assert head is not None and head.op.fold is not None
    axis = letters[head.attrs["axis"]]
    index = at_letters(letters)
    start, step, finish = map(parse, head.op.fold)
    value = Elements(stored).of(head.inputs[0], index)
    fold = Fold(start, step, finish, value, (axis,), head.dtype)
    store = Store(Head(head.dtype, frozenset(letters)), head, linear(index, whole(head)))
    rest = tuple(letter for letter in letters if letter is not axis)
    return Body(Kind.SCAN, rest, (store,), fold, axis=axis)


def _scatter(stage: Stage, stored: Callable[[Node], bool]) -> Body:
    head = stage.head
    assert head is not None
    elements = Elements(stored)
    sources: list[tuple[tuple[Letter, ...], Store]] = []
    for position, x in enumerate(scattered(head)):
        letters = letters_of(whole(x), f"s{position}_")
        index = at_letters(letters)
        at = linear(elements.puts(head, position, index), whole(head))
        value = elements.of(x, index)
        if value.dtype != head.dtype:
            value = Convert(value, head.dtype)
        sources.append((letters, Store(value, head, at)))
    size = math.prod(whole(head))
    return Body(Kind.SCATTER, (), (), zeroed=size, sources=tuple(sources))


# ------------------------------------------------------------------ fewer loops
def collapsed(body: Body) -> Body:
    """Two loops as one where all that is read and written lies as if they were."""
    if body.kind is not Kind.MAP:
        return body
    letters = [letter for letter in body.letters if letter.size != 1]
    at = len(letters) - 1
    while at > 0:
        outer, inner = letters[at - 1], letters[at]
        if all(_one_run(place, outer, inner) for place in _places(body)):
            joined = Letter(f"{outer.name}{inner.name}", outer.size * inner.size)
            body = _replaced(body, outer, inner, joined)
            letters[at - 1 : at + 1] = [joined]
        at -= 1
    return replace(body, letters=tuple(letters))


def _places(body: Body) -> list[Position]:
    found = [store.at for store in body.stores]
    for part in walk(body.roots()):
        at = getattr(part, "at", None)
        if at is not None:
            found.append(at)
    return found


def _one_run(place: Position, outer: Letter, inner: Letter) -> bool:
    hidden = place.hidden()
    return (
        outer not in hidden
        and inner not in hidden
        and place.coefficient(outer) == place.coefficient(inner) * inner.size
    )


def _replaced(body: Body, outer: Letter, inner: Letter, joined: Letter) -> Body:
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
