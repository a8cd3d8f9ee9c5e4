"""The sides of a point: what derivatives tend to along a direction.

A step along a direction fixes the pieces of a program; where they are smooth at the point itself,
the numbers there are exact. A quotient 0/0 (v/‖v‖ at 0) has no numbers at the point: those of
several steps are extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.inputs import with_sizes
from tidu.backends.numpy.program import compile_graph
from tidu.backends.program import Program
from tidu.calculus.bodies import inlined
from tidu.calculus.switches import boundary_of, switches
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.types import REALS
from tidu.running.extrapolation import CLOSE, extrapolate

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Run = Callable[[Arrays], Arrays]

_PAIRS = 12  # of opposite directions
_PAIRS_TRACED = 4  # the same where each step is a trace of its own
_NEAR = 20  # a step of 2**-20 shows the pieces on a side
_NEARER = (28, 36, 44)  # and a smaller one, where another boundary lies within that step
_NEAREST = (60, 100, 200, 400, 800)  # smaller still, where every value is 0
_EXACT = 1e-9  # beside its size: how far two limits at the point itself may lie apart
_ALIKE = 1e-7  # the same for limits that are extrapolated
_WORK = 200_000  # elements of one run, up to which more than one pair is looked at
_MOST = 50_000_000  # and up to which anything is
_FEW_ENTRIES = 64  # entries up to which each is moved far beyond all others
_FEW_PIECES = 64  # elements of pieces up to which each is turned to its other side
_BEYOND = 2.0**10  # how far
_CLOSEST = 36  # the smallest step at which ties are told from rounding
_REMEMBERED = 64  # programs


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Derivatives at some values, with what they are derivatives of and by.

    results: the derivatives by name. functions: the functions derived, which must be continuous.
    moving: the inputs by which they are derived. order: that of the derivatives: where a function
    jumps, its conventional slope is given, and no derivative of that. batch: by name, the axis of a
    result along which lie independent entries; it is the first one of every function. lower: the
    results of a lower order.
    """

    results: Mapping[str, Node]
    functions: tuple[Node, ...]
    moving: tuple[Node, ...]
    order: int = 1
    batch: Mapping[str, int] = field(default_factory=dict[str, int])
    lower: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The limits along one direction, by name, and how far each may be off (∞: not known).

    grows: where the numbers grow without bound. jumps: whether a function does, for each entry of a
    batch. alike: how far two limits may lie apart beside their size. pieces: those of the side.
    is_narrow: along it one entry moves far beyond all others, whose limits rounding may hide.
    """

    limit: Arrays
    error: Arrays
    grows: Arrays
    jumps: Array
    alike: float
    pieces: Arrays
    is_narrow: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Programs:
    """The programs that show a side of one program.

    beside: everything at displaced values. pieces: the pieces at the values, with the masks of
    where they lie on a boundary. frozen: the same as `beside` at any values, with the pieces given.
    flat: the names of the pieces. own: by piece, its mask, where it has one.
    """

    beside: Program
    pieces: Program
    frozen: Program
    flat: tuple[str, ...]
    own: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The sides of a point: `run` gives everything at displaced values. programs: what else is
    known (None where only `run` is)."""

    question: Question
    values: Arrays
    run: Run
    programs: _Programs | None
    here: Arrays  # the functions at the values
    pieces: Arrays  # the pieces and their masks at the values
    work: float

    @property
    def flat(self) -> tuple[str, ...]:
        """Return the names of the linear pieces."""
        return () if self.programs is None else self.programs.flat

    @property
    def has_few_entries(self) -> bool:
        """Tell whether so few entries move that each can be moved far beyond all others."""
        return self.entries <= _FEW_ENTRIES

    def pair(self, rng: np.random.Generator) -> list[Side]:
        """Return the sides along a random direction and the opposite one."""
        direction = _direction(self.question.moving, self.values, rng)
        both = [self.look({n: sign * step for n, step in direction.items()}) for sign in (1, -1)]
        return [side for side in both if side is not None]

    def look(self, direction: Arrays) -> Side | None:
        """Return the limits along a direction; None where it leaves the domain of the functions."""
        last, near = self._beside(direction)
        if not all(np.isfinite(near[name]).all() for name in self.here):
            return None
        return self._at_the_point(direction, last, near) or self._extrapolated(
            direction, last, near
        )

    @property
    def has_values(self) -> bool:
        """Tell whether the functions have finite values at the point."""
        return all(np.isfinite(value).all() for value in self.here.values())

    @property
    def pairs(self) -> int:
        """Return how many pairs of opposite directions are looked at; a single number has one."""
        if self.work > _WORK or self.entries <= 1:
            return 1
        return _PAIRS if self.programs is not None else _PAIRS_TRACED

    @property
    def entries(self) -> int:
        """Return how many numbers move."""
        return sum(np.size(self.values[name]) for name in map(_name, self.question.moving))

    def of_single_entries(self, rng: np.random.Generator) -> list[Side]:
        """Return the sides where one entry moves far beyond the others, which most directions never
        show: one of fifty equal entries is the largest on a fiftieth of them."""
        if not self.has_few_entries:
            return []
        seen: list[Side | None] = []
        for node in self.question.moving:
            for i in range(np.size(self.values[_name(node)])):
                direction = _direction(self.question.moving, self.values, rng)
                small = {name: step / _BEYOND for name, step in direction.items()}
                if _name(node) in small:
                    small[_name(node)].flat[i] *= _BEYOND
                for sign in (1.0, -1.0):
                    seen.append(self.look({name: sign * step for name, step in small.items()}))
        return [replace(side, is_narrow=True) for side in seen if side is not None]

    def varied(self, seen: Sequence[Side]) -> bool:
        """Return whether each element of a piece on a boundary has been seen on two sides of it."""
        for name in self.flat:
            first, *others = [side.pieces[name] for side in seen]
            same = np.all([other == first for other in others], axis=0)
            if np.any(self._differing(name, seen) & same):
                return False
        return True

    def _differing(self, name: str, seen: Sequence[Side]) -> Array:
        """Return which elements of a piece are others on a side than at the point."""
        return np.any([side.pieces[name] != self.pieces[name] for side in seen], axis=0)

    def hanging_on(self, split: Arrays, seen: Sequence[Side]) -> Arrays:
        """Return the entries that change with an element of a piece with which one in `split`
        changes; all entries, where the pieces are not known or are too many."""
        differing = [
            (name, i) for name in self.flat for i in np.flatnonzero(self._differing(name, seen))
        ]
        if self.programs is None or len(differing) > _FEW_PIECES:
            return {name: np.ones(each.shape, bool) for name, each in split.items()}
        base = {**self.values, **{name: self.pieces[name] for name in self.flat}}
        frozen = self.programs.frozen
        start = frozen.run(base).outputs
        found = {name: np.zeros(each.shape, bool) for name, each in split.items()}
        for name, i in differing:
            for other in {side.pieces[name].flat[i].item() for side in seen}:
                piece = np.array(base[name])
                piece.flat[i] = other
                there = frozen.run({**base, name: piece}).outputs
                changed = {n: _differ(start[n], there[n]) for n in split}
                if any(np.any(changed[n] & each) for n, each in split.items()):
                    found = {n: found[n] | changed[n] for n in split}
        return found

    def _beside(self, direction: Arrays) -> tuple[int, Arrays]:
        """Return the first step 2**-k that crosses no boundary but those on which the point lies,
        with what is there; the largest step where none is seen to be such."""
        first = self._at(direction, _NEAR)
        closest = self._at(direction, _CLOSEST)
        if not self._crosses(first, closest):
            return _NEAR, first
        all_zero = not any(np.any(self.values[name]) for name in direction)
        for step in (*_NEARER, *(_NEAREST if all_zero else ())):
            near = self._at(direction, step)
            if not self._crosses(near, closest if step < _CLOSEST else near):
                return step, near
        return _NEAR, first

    def _crosses(self, near: Arrays, closest: Arrays) -> bool:
        """Return whether a piece is another than at the point, which lies on no boundary of that
        piece, or another than closest to the point, where it turned too: a third number is the
        largest."""
        if not all(np.isfinite(near[name]).all() for name in self.here):
            return True  # the step leaves the domain, or what numbers can hold
        own = {} if self.programs is None else self.programs.own
        beyond = [(near[n] != closest[n]) & (closest[n] != self.pieces[n]) for n in self.flat]
        return any(map(np.any, beyond)) or any(
            np.any((near[name] != self.pieces[name]) & ~self.pieces[mask])
            for name, mask in own.items()
        )

    def _at(self, direction: Arrays, step: int) -> Arrays:
        moved = {n: self.values[n] + 2.0**-step * d for n, d in direction.items()}
        return self.run({**self.values, **moved})

    def _at_the_point(self, direction: Arrays, last: int, near: Arrays) -> Side | None:
        """Return the numbers of the point with the pieces of the side; None where that is not its
        limit: they are not finite, or the numbers beside it do not tend to them."""
        if self.programs is None:
            return None
        half, quarter = self._at(direction, last + 1), self._at(direction, last + 2)
        if not self._same_pieces(near, half):
            return None
        curved = self._same_pieces(near, quarter)
        pieces = {name: near[name] for name in self.flat}
        exact = self.programs.frozen.run({**self.values, **pieces}).outputs
        for name in (*self.question.results, *self.here):
            beside = 2.0 * half[name] - near[name]
            if curved:  # where a parabola through three points ends, and no line through two
                beside = (8.0 * quarter[name] - 6.0 * half[name] + near[name]) / 3.0
            if not np.isfinite(exact[name]).all():
                return None
            size = _largest(exact[name], near[name], half[name])
            if np.any(np.abs(exact[name] - beside) > CLOSE * size):
                return None
        results = {name: exact[name] for name in self.question.results}
        return Side(
            results,
            {n: _EXACT * np.maximum(np.abs(v), np.abs(near[n])) for n, v in results.items()},
            {n: np.zeros(np.shape(v), bool) for n, v in results.items()},
            self._jumps({name: exact[name] for name in self.here}, _EXACT),
            _EXACT,
            pieces,
        )

    def _same_pieces(self, one: Arrays, other: Arrays) -> bool:
        return all(np.array_equal(one[name], other[name]) for name in self.flat)

    def _jumps(self, limit: Arrays, tolerance: float) -> Array:
        """Return whether a function tends to another value than its own, for each entry of a batch;
        a limit that is not known says nothing."""
        jumps = np.zeros((), bool)
        for name, value in self.here.items():
            if np.isfinite(value).all():
                off = np.abs(limit[name] - value) > tolerance * (1.0 + np.abs(value))
                axes = tuple(range(1 if self.question.batch else 0, np.ndim(value)))
                jumps = jumps | np.any(off, axis=axes)
        return jumps

    def _extrapolated(self, direction: Arrays, last: int, near: Arrays) -> Side:
        table = [near]
        for step in reversed(
            range(last - _NEAR, last)
        ):  # the side ends where another boundary is crossed
            there = self._at(direction, step)
            finite = all(np.isfinite(there[name]).all() for name in self.here)
            if not finite or not self._same_pieces(near, there):
                break
            table.append(there)
        table.reverse()
        found = {
            name: extrapolate([np.asarray(there[name]) for there in table])
            for name in (*self.question.results, *self.here)
        }
        results = self.question.results
        whole = {name: found[name][0] for name in self.here}
        return Side(
            {name: found[name][0] for name in results},
            {name: found[name][1] for name in results},
            {name: found[name][2] for name in results},
            self._jumps(whole, 100.0 * CLOSE),
            _ALIKE,
            {name: near[name] for name in self.flat},
        )


def prepare(question: Question, values: Arrays, again: Run | None) -> Sides | None:
    """Return what shows the sides of the values; None where the program is too long or too large.
    `again` gives the results and the functions where a Python branch may go another way."""
    results = tuple(question.results)
    functions = tuple(f"function/{i}" for i in range(len(question.functions)))
    nodes = with_sizes([*question.results.values(), *question.functions], values)
    inlined_nodes = _bound_and_work(tuple(nodes))
    if inlined_nodes is None:
        return None
    bound, work = inlined_nodes
    if again is not None:
        here = again(values)
        return Sides(question, values, again, None, {n: here[n] for n in functions}, {}, work)
    programs = _compiled((*results, *functions), bound, tuple(map(_name, question.moving)))
    here = programs.beside.run(values).outputs
    pieces = programs.pieces.run(values).outputs

    def run(displaced: Arrays) -> Arrays:
        return programs.beside.run(displaced).outputs

    return Sides(question, values, run, programs, {n: here[n] for n in functions}, pieces, work)


@lru_cache(maxsize=_REMEMBERED)
def _bound_and_work(nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], float] | None:
    """Return the nodes without calls and loops, in double precision, and the elements of a run;
    None where these are too many."""
    bound = inlined(nodes)
    if bound is None:
        return None
    work = sum(_size(n) for n in reachable(bound) if not is_tuple(n))
    return None if work > _MOST else (tuple(_in_double_precision(bound)), work)


@lru_cache(maxsize=_REMEMBERED)
def _compiled(
    names: tuple[str, ...], nodes: tuple[Node, ...], moving: tuple[str, ...]
) -> _Programs:
    inputs = {_name(n): n for n in reachable(nodes) if n.op.role == "input"}
    flat = switches(nodes, tuple(inputs[name] for name in moving if name in inputs)).flat
    held = {node: input_node(f"·piece{i}", node.shape, node.dtype) for i, node in enumerate(flat)}
    pieces = {_name(own): node for node, own in held.items()}
    masks = {name: boundary_of(node) for name, node in pieces.items()}
    own = {name: f"{name}/boundary" for name, mask in masks.items() if mask is not None}
    watched = {own[name]: mask for name, mask in masks.items() if mask is not None}
    return _Programs(
        beside=compile_graph({**dict(zip(names, nodes, strict=True)), **pieces}),
        pieces=compile_graph({**pieces, **watched}),
        frozen=compile_graph(dict(zip(names, substitute(list(nodes), dict(held)), strict=True))),
        flat=tuple(pieces),
        own=own,
    )


def _in_double_precision(nodes: list[Node]) -> list[Node]:
    """Return the nodes on inputs of double precision: steps that are small enough need it."""
    inputs = [node for node in reachable(nodes) if node.dtype == "float32" and not node.inputs]
    wide: dict[Node, Node] = {}
    for node in inputs:
        if node.op.role == "input":
            wide[node] = input_node(_name(node), node.shape)
    return substitute(nodes, wide) if wide else nodes


def _size(node: Node) -> float:
    size = 1.0
    for dim in node.shape:
        size *= dim if isinstance(dim, int) else 1
    return size


def _name(node: Node) -> str:
    return str(node.attrs["name"])


def _direction(
    moving: Sequence[Node], values: Arrays, rng: np.random.Generator
) -> dict[str, Array]:
    """Return a random step for each input that moves, of its own size."""
    steps: dict[str, Array] = {}
    for node in moving:
        value = np.asarray(values[_name(node)])
        if node.dtype in REALS and value.size:
            size = np.where(np.isfinite(value), np.abs(value), 0.0)  # ∞ and NaN stay where they are
            scale = np.where(value == 0, _size_of_zero(size), size)
            signs = rng.choice([-1.0, 1.0], value.shape)
            steps[_name(node)] = scale * signs * rng.uniform(0.5, 1.5, value.shape)
    return steps


def _size_of_zero(sizes: Array) -> float:
    """Return the size of the step of a zero: 1, or that of the largest number where all are small.
    A far larger step would carry it past others that it should stay beside."""
    return min(1.0, float(np.max(sizes))) or 1.0


def _differ(one: Array, other: Array) -> Array:
    return (one != other) & ~(np.isnan(one) & np.isnan(other))


def _largest(*arrays: Array) -> float:
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)
