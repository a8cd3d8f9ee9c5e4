"""Nests of loops: elementwise stages, sums and other folds, running folds, scatters.

Loops run over letters; one letter, the lane, is taken a vector at a time, its rest under a mask.
Which thread does which part never changes in which order numbers are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from tidu.backends.native.expression import (
    Apply,
    Convert,
    Elements,
    Expression,
    Head,
    Index,
    Load,
    at_letters,
    letters_of,
    loads,
    walk,
    whole,
)
from tidu.backends.native.plan import Kind, Stage
from tidu.backends.native.position import Letter, Position, linear, of_letter
from tidu.backends.native.target import Target
from tidu.backends.native.values import (
    BYTES,
    I1,
    IN_MEMORY,
    Builder,
    Scalar,
    Scope,
    Value,
    counted,
    fma,
    number,
    register_type,
    splat,
)
from tidu.backends.scalar import Binary, Tree, Var, parse
from tidu.ir.node import Node

WORTH_SHARING = 40_000.0  # operations of a stage from which on threads share it
PARTIAL = 4  # accumulators of one fold that run beside each other


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
    """The trees of a stage."""
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
    value = Elements(stored).of(x, where)
    return Fold(start, step, finish, value, letters, head.dtype)


def _axes_of(head: Node, x: Node) -> list[int | None]:
    """Which axis of the operand each axis of the result is; None where it was summed."""
    axes = head.attrs["axis"]
    if head.rank == x.rank:
        return [None if axis in axes else axis for axis in range(x.rank)]
    return [axis for axis in range(x.rank) if axis not in axes]


_PRODUCT = parse("x * y")
_SUM = tuple(map(parse, ("0", "acc + x", "acc")))


def _contraction(head: Node, index: Index, stored: Callable[[Node], bool]) -> Fold:
    assert head.op.letters is not None
    left, _, right = head.op.letters(head).partition("->")
    terms = left.split(",")
    sizes: dict[str, int] = {}
    for term, x in zip(terms, head.inputs, strict=True):
        for name, size in zip(term, whole(x), strict=True):
            sizes[name] = min(size, sizes.get(name, size))
    places: dict[str, Position] = dict(zip(right, index, strict=True))
    letters = tuple(Letter(f"r{n}", size) for n, size in sizes.items() if n not in places)
    places |= {letter.name[1:]: of_letter(letter) for letter in letters}
    elements = Elements(stored)
    factors = [
        elements.of(x, tuple(places[name] for name in term))
        for term, x in zip(terms, head.inputs, strict=True)
    ]
    factors = [f if f.dtype == head.dtype else Convert(f, head.dtype) for f in factors]
    value = factors[0]
    for factor in factors[1:]:
        value = Apply(_PRODUCT, {"x": value, "y": factor}, {}, head.dtype, head.dtype)
    product = (factors[0], factors[1]) if len(factors) == 2 else None
    start, step, finish = _SUM
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
    given = head.inputs if head.op.operands is None else head.inputs[:1]
    sources: list[tuple[tuple[Letter, ...], Store]] = []
    for position, x in enumerate(given):
        letters = letters_of(whole(x), f"s{position}_")
        index = at_letters(letters)
        at = linear(elements.puts(head, position, index), whole(head))
        value = elements.of(x, index)
        if value.dtype != head.dtype:
            value = Convert(value, head.dtype)
        sources.append((letters, Store(value, head, at)))
    size = 1
    for dim in whole(head):
        size *= dim
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


# ------------------------------------------------------------------ the lane
def lane_of(body: Body, letters: Sequence[Letter]) -> Letter | None:
    """The letter along which most memory lies in order."""
    places = [load.at for load in loads(body.roots())]
    places += [store.at for store in body.stores] * 2

    def score(letter: Letter) -> tuple[float, int]:
        total = 0.0
        for place in places:
            step = 2 if letter in place.hidden() else place.coefficient(letter)
            total += 1.0 if step == 1 else -1.0 if step else 0.0
        return total, letter.size

    candidates = [letter for letter in letters if letter.size > 1]
    best = max(candidates, key=score, default=None)
    return best if best is not None and score(best)[0] >= 0 else None


def lanes_for(body: Body, lane: Letter | None, target: Target) -> int:
    """Lanes of a vector: as many as a register holds, or as the loop needs."""
    if lane is None:
        return 1
    kinds = {p.dtype for p in walk(body.roots())} | {s.node.dtype for s in body.stores}
    widest = "float32" if "float64" not in kinds and "float32" in kinds else "float64"
    most = target.lanes(widest)
    lanes = 1
    while lanes < most and lanes < lane.size:
        lanes *= 2
    return lanes


# ------------------------------------------------------------------ code
@dataclass(eq=False)
class Frame:
    """The function that is being written."""

    builder: Builder
    buffers: Mapping[Node, Value]
    error: Value
    scratch: Value
    begin: Value
    end: Value

    def scope(self, counters: Mapping[Letter, Value], **rest: Any) -> Scope:
        return Scope(self.builder, self.buffers, counters, error=self.error, **rest)


@dataclass(frozen=True, slots=True)
class Work:
    """How a kernel is split: units that threads share, and what one costs (in operations)."""

    units: int
    each: float

    @property
    def total(self) -> float:
        return self.units * self.each

    @property
    def shared(self) -> bool:
        """Whether it is worth a second thread."""
        return self.units > 1 and self.total >= WORTH_SHARING


Inner = Callable[[dict[Letter, Value], int, Value | None], None]


def emit(frame: Frame, body: Body, target: Target) -> Work:
    """Write the code of a nest for units begin … end of its first loop."""
    if body.kind is Kind.SCATTER:
        return _emit_scatter(frame, body, target)
    if body.kind is Kind.SCAN:
        return _emit_running(frame, body, target)
    if body.fold is None:
        return _emit_map(frame, body, target)
    return _emit_fold(frame, body, target)


def _emit_map(frame: Frame, body: Body, target: Target) -> Work:
    lane = lane_of(body, body.letters)
    lanes = lanes_for(body, lane, target)

    def inner(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
        scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
        store_all(frame, body, scope)

    return _over(frame, body.letters, lane, lanes, inner)


def _over(
    frame: Frame, letters: Sequence[Letter], lane: Letter | None, lanes: int, inner: Inner
) -> Work:
    """All places of the letters, the lane innermost; the first loop is what threads share."""
    builder = frame.builder
    outer = [letter for letter in letters if letter is not lane and letter.size != 1]
    if any(letter.size == 0 for letter in letters):
        return Work(0, 0.0)
    total = 1
    for letter in letters:
        total *= letter.size

    def nested(rest: Sequence[Letter], counters: dict[Letter, Value]) -> None:
        if not rest:
            along(builder, lane, lanes, counters, inner)
            return
        first = rest[0]

        def step(i: Value, carried: list[Value]) -> list[Value]:
            nested(rest[1:], {**counters, first: i})
            return carried

        counted(builder, number(0), number(first.size), 1, [], step)

    if outer:
        first = outer[0]

        def unit(i: Value, carried: list[Value]) -> list[Value]:
            nested(outer[1:], {first: i})
            return carried

        counted(builder, frame.begin, frame.end, 1, [], unit)
        return Work(first.size, total / first.size)
    if lane is None:
        inner({}, 1, None)
        return Work(1, 1.0)
    return _blocks(frame, lane, lanes, inner)


def _blocks(frame: Frame, lane: Letter, lanes: int, inner: Inner) -> Work:
    """The lane alone: a unit is a vector."""
    builder = frame.builder
    full, rest = divmod(lane.size, lanes)
    stop = builder.select(
        builder.icmp_signed("<", frame.end, number(full)), frame.end, number(full)
    )

    def block(i: Value, carried: list[Value]) -> list[Value]:
        inner({lane: builder.mul(i, number(lanes))}, lanes, None)
        return carried

    if full:
        counted(builder, frame.begin, stop, 1, [], block)
    if rest:
        with builder.if_then(builder.icmp_signed(">", frame.end, number(full))):
            inner({lane: number(full * lanes)}, lanes, tail_mask(rest, lanes))
    return Work(full + (rest > 0), lanes)


def tail_mask(rest: int, lanes: int) -> Value:
    return ir.Constant(ir.VectorType(I1, lanes), [int(i < rest) for i in range(lanes)])


def along(
    builder: Builder, lane: Letter | None, lanes: int, counters: dict[Letter, Value], inner: Inner
) -> None:
    """The whole lane, a vector at a time, and its rest under a mask."""
    if lane is None:
        inner(counters, 1, None)
        return
    full, rest = divmod(lane.size, lanes)
    if full == 1:
        inner({**counters, lane: number(0)}, lanes, None)
    elif full:

        def block(i: Value, carried: list[Value]) -> list[Value]:
            inner({**counters, lane: i}, lanes, None)
            return carried

        counted(builder, number(0), number(full * lanes), lanes, [], block)
    if rest:
        inner({**counters, lane: number(full * lanes)}, lanes, tail_mask(rest, lanes))


# ------------------------------------------------------------------ folds
def _emit_fold(frame: Frame, body: Body, target: Target) -> Work:
    fold = body.fold
    assert fold is not None
    lane = lane_of(body, [*body.letters, *fold.letters])
    lanes = lanes_for(body, lane, target)
    if lane is None or lane in body.letters:

        def kept(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
            scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
            total = _folded(scope, fold)
            _finish(frame, body, fold, total, counters, lane=lane, lanes=lanes, mask=mask)

        work = _over(frame, body.letters, lane, lanes, kept)
        return Work(work.units, work.each * fold.count)

    def summed(counters: dict[Letter, Value], one: int, mask: Value | None) -> None:
        total = _folded_along(frame, fold, counters, lane, lanes)
        _finish(frame, body, fold, total, counters)

    work = _over(frame, body.letters, None, 1, summed)
    return Work(work.units, work.each * fold.count)


def _finish(
    frame: Frame,
    body: Body,
    fold: Fold,
    total: Value,
    counters: Mapping[Letter, Value],
    **lanes: Any,
) -> None:
    """The result of the fold, and what is calculated from it at the same place."""
    scope = frame.scope(counters, **lanes)
    count = {"n": float(fold.count)}
    written = Scalar(frame.builder, {"acc": total}, count, fold.dtype, scope.lanes)
    scope.head = written.numeric(fold.finish)
    store_all(frame, body, scope)


def store_all(frame: Frame, body: Body, scope: Scope) -> None:
    """All that is calculated at a place, before any of it is written: one new value may take the
    memory of an old one that another of them reads."""
    values = [scope.value(store.value) for store in body.stores]
    for store, value in zip(body.stores, values, strict=True):
        scope.store(value, frame.buffers[store.node], store.at, store.node.dtype)


def _start(builder: Builder, fold: Fold, lanes: int) -> Value:
    return Scalar(builder, {}, {}, fold.dtype, lanes).numeric(fold.start)


def _step(scope: Scope, fold: Fold, acc: Value) -> Value:
    """acc and one more value."""
    builder, lanes = scope.builder, scope.lanes
    if fold.product is not None:
        left, right = (splat(builder, scope.value(f), lanes) for f in fold.product)
        return fma(builder, left, right, acc)
    value = splat(builder, scope.value(fold.value), lanes)
    return Scalar(builder, {"acc": acc, "x": value}, {}, fold.dtype, lanes).numeric(fold.step)


def _merge(builder: Builder, fold: Fold, one: Value, two: Value, lanes: int) -> Value:
    """Two accumulators as one: sums are added, products multiplied, extremes folded."""
    match fold.step:
        case Binary("+", Var("acc"), _):
            return builder.fadd(one, two)
        case Binary("*", Var("acc"), _):
            return builder.fmul(one, two)
        case _:
            return Scalar(builder, {"acc": one, "x": two}, {}, fold.dtype, lanes).numeric(fold.step)


def _folded(scope: Scope, fold: Fold) -> Value:
    """The fold over its letters, each lane for itself."""
    builder = scope.builder
    start = _start(builder, fold, scope.lanes)
    letters = [letter for letter in fold.letters if letter.size != 1]
    if fold.count == 0:
        return start
    if not letters:
        return _step(scope, fold, start)
    parts = PARTIAL if letters[-1].size >= 2 * PARTIAL else 1
    accs: list[Value] = [start] * parts

    def nested(
        rest: Sequence[Letter], counters: dict[Letter, Value], accs: list[Value]
    ) -> list[Value]:
        last = rest[0]
        if len(rest) > 1:

            def outer(i: Value, carried: list[Value]) -> list[Value]:
                return nested(rest[1:], {**counters, last: i}, carried)

            return counted(builder, number(0), number(last.size), 1, accs, outer)

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**counters, last: builder.add(i, number(p)) if p else i}, carried[p])
                for p in range(parts)
            ]

        def one(counters: dict[Letter, Value], acc: Value) -> Value:
            inner = replace(scope, counters={**scope.counters, **counters}, known={})
            return _step(inner, fold, acc)

        full = last.size // parts * parts
        accs = counted(builder, number(0), number(full), parts, accs, some)
        for p, place in enumerate(range(full, last.size)):
            accs[p] = one({**counters, last: number(place)}, accs[p])
        return accs

    accs = nested(letters, {}, accs)
    return _tree(accs, lambda a, b: _merge(builder, fold, a, b, scope.lanes))


def _tree(parts: list[Value], merge: Callable[[Value, Value], Value]) -> Value:
    while len(parts) > 1:
        parts = [
            merge(parts[i], parts[i + 1]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 2)
        ]
    return parts[0]


def _folded_along(
    frame: Frame, fold: Fold, counters: Mapping[Letter, Value], lane: Letter, lanes: int
) -> Value:
    """The fold over its letters, the lane among them: lanes are folded together at the end."""
    builder = frame.builder
    parts = PARTIAL if lane.size >= 2 * PARTIAL * lanes else 1
    start = _start(builder, fold, lanes)
    rest = [letter for letter in fold.letters if letter is not lane and letter.size != 1]

    def one(inner: dict[Letter, Value], acc: Value, mask: Value | None = None) -> Value:
        scope = frame.scope({**counters, **inner}, lane=lane, lanes=lanes, mask=mask)
        new = _step(scope, fold, acc)
        return new if mask is None else builder.select(mask, new, acc)

    def line(inner: dict[Letter, Value], accs: list[Value]) -> list[Value]:
        wide = lanes * parts
        full = lane.size // wide * wide

        def some(i: Value, carried: list[Value]) -> list[Value]:
            return [
                one({**inner, lane: builder.add(i, number(p * lanes)) if p else i}, carried[p])
                for p in range(parts)
            ]

        if full:
            accs = counted(builder, number(0), number(full), wide, accs, some)
        at = full
        while at + lanes <= lane.size:
            accs = [one({**inner, lane: number(at)}, accs[0]), *accs[1:]]
            at += lanes
        if at < lane.size:
            mask = tail_mask(lane.size - at, lanes)
            accs = [one({**inner, lane: number(at)}, accs[0], mask), *accs[1:]]
        return accs

    def nested(
        left: Sequence[Letter], inner: dict[Letter, Value], accs: list[Value]
    ) -> list[Value]:
        if not left:
            return line(inner, accs)

        def step(i: Value, carried: list[Value]) -> list[Value]:
            return nested(left[1:], {**inner, left[0]: i}, carried)

        return counted(builder, number(0), number(left[0].size), 1, accs, step)

    if fold.count == 0:
        return _start(builder, fold, 1)
    accs = nested(rest, {}, [start] * parts)
    total = _tree(accs, lambda a, b: _merge(builder, fold, a, b, lanes))
    return _across(builder, fold, total, lanes)


def _across(builder: Builder, fold: Fold, value: Value, lanes: int) -> Value:
    """The lanes of one vector folded together, by halves."""
    while lanes > 1:
        half = lanes // 2
        low, high = (_part(builder, value, range(start, start + half)) for start in (0, half))
        value, lanes = _merge(builder, fold, low, high, half), half
    return value


def _part(builder: Builder, value: Value, places: Sequence[int]) -> Value:
    if len(places) == 1:
        return builder.extract_element(value, number(places[0]))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


# ------------------------------------------------------------------ running folds, scatters
def _emit_running(frame: Frame, body: Body, target: Target) -> Work:
    fold, axis = body.fold, body.axis
    assert fold is not None and axis is not None
    (store,) = body.stores
    lane = lane_of(body, body.letters)
    lanes = lanes_for(body, lane, target)
    builder = frame.builder

    def inner(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
        def step(i: Value, carried: list[Value]) -> list[Value]:
            scope = frame.scope({**counters, axis: i}, lane=lane, lanes=lanes, mask=mask)
            scope.head = _step(scope, fold, carried[0])
            scope.store(scope.head, frame.buffers[store.node], store.at, fold.dtype)
            return [scope.head]

        counted(builder, number(0), number(axis.size), 1, [_start(builder, fold, lanes)], step)

    work = _over(frame, body.letters, lane, lanes, inner)
    return Work(work.units, work.each * axis.size)


def _emit_scatter(frame: Frame, body: Body, target: Target) -> Work:
    """All of it by one thread: two sources may go to one place."""
    builder = frame.builder
    node = body.sources[0][1].node
    buffer, type = frame.buffers[node], IN_MEMORY[node.dtype]
    place = Letter("zero", body.zeroed)
    with builder.if_then(builder.icmp_signed("<", frame.begin, frame.end)):
        zero = splat(builder, ir.Constant(register_type(node.dtype), 0.0), 1)

        def clear(i: Value, carried: list[Value]) -> list[Value]:
            builder.store(
                zero, builder.gep(buffer, [i], source_etype=type), align=BYTES[node.dtype]
            )
            return carried

        counted(builder, number(0), number(place.size), 1, [], clear)
        for letters, store in body.sources:
            _emit_puts(frame, letters, store, target)
    return Work(1, float(body.zeroed))


def _emit_puts(frame: Frame, letters: Sequence[Letter], store: Store, target: Target) -> None:
    alone = Body(Kind.MAP, tuple(letters), (store,))
    lane = lane_of(alone, letters)
    if lane is not None and (lane in store.at.hidden() or store.at.coefficient(lane) != 1):
        lane = None
    lanes = lanes_for(alone, lane, target)
    before = Load(store.node, store.at, store.node.dtype)

    def inner(counters: dict[Letter, Value], lanes: int, mask: Value | None) -> None:
        scope = frame.scope(counters, lane=lane, lanes=lanes, mask=mask)
        total = frame.builder.fadd(scope.vector_of(before), scope.vector_of(store.value))
        scope.store(total, frame.buffers[store.node], store.at, store.node.dtype)

    everything = replace(frame, begin=number(0), end=number(_outer_units(letters, lane, lanes)))
    _over(everything, letters, lane, lanes, inner)


def _outer_units(letters: Sequence[Letter], lane: Letter | None, lanes: int) -> int:
    outer = [letter for letter in letters if letter is not lane and letter.size != 1]
    if outer:
        return outer[0].size
    return 1 if lane is None else -(-lane.size // lanes)
