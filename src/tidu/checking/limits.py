"""What a derivative is on a boundary between two pieces of a program.

Next to a boundary a program is smooth, and its derivatives of every order are right. Where those on
all sides tend to one number, that is the derivative: the kinks cancel, as in cosh|x|. Where they do
not, there is none, and the conventional value of the program holds; where they grow without bound,
the derivative is NaN.

The sides are seen along pairs of opposite directions. A step along one fixes the pieces; where they
are smooth at the point itself, the numbers there are exact. A quotient 0/0 (v/‖v‖ at 0) has no
numbers at the point: those of several steps are extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.program import compile_graph, with_sizes
from tidu.backends.program import Program
from tidu.calculus.bodies import written_out
from tidu.calculus.switches import boundary_of, switches
from tidu.checking.extrapolation import CLOSE, KNOWN, NOISE, extrapolate
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.types import REALS

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Run = Callable[[Arrays], Arrays]

_PAIRS = 12  # of opposite directions
_PAIRS_TRACED = 4  # the same where each step is a trace of its own
_NEAR = 20  # a step of 2**-20 shows the pieces on a side
_NEARER = (28, 36, 44)  # and a smaller one, where another boundary lies within that step
_NEAREST = (60, 100, 200, 400, 800)  # smaller still, where every value is 0
_EXACT = 1e-9  # beside the largest number: how far two limits at the point itself may lie apart
_ALIKE = 1e-7  # the same for limits that are extrapolated
_OF_SINGLE = 1e-3  # the same for numbers of single precision, beside those of the limits
_NOISE_OF_SINGLE = 1e-5  # of the largest number: rounding of single precision
_KNOWN_OF_ALL = 1e-10  # how far a limit may be off beside the largest of all entries
_WORK = 200_000  # elements of one run, up to which more than one pair is looked at
_MOST = 50_000_000  # and up to which anything is
_FEW_ENTRIES = 32  # entries up to which each is moved far beyond all others
_BEYOND = 2.0**10  # how far


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Derivatives at some values, with what they are derivatives of and by.

    results: the derivatives by name. functions: the functions derived, which must be continuous.
    moving: the inputs by which they are derived. order: that of the derivatives: where a function
    jumps, its conventional slope is given, and no derivative of that. batch: by name, the axis of a
    result along which lie independent entries; it is the first one of every function.
    """

    results: Mapping[str, Node]
    functions: tuple[Node, ...]
    moving: tuple[Node, ...]
    order: int = 1
    batch: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """The derivatives on the boundary.

    values: by name, the program's own where nothing is better. cancelled: the names with an entry
    that was replaced by the limit from all sides. missing: those with an entry that has no limit
    (NaN), or whose conventional value lies outside of the limits from the sides (the nearest of
    these is taken). unknown: those with an entry that could not be decided (NaN where the sides
    were seen and said nothing, the conventional value where they were not seen).
    """

    values: Arrays
    cancelled: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def limits(question: Question, values: Arrays, found: Arrays, again: Run | None = None) -> Limits:
    """The derivatives at values that lie on a boundary, where `found` is what the program gives.

    `again` gives what was derived at other values, where a Python branch may go another way;
    without it the program of `question` is run.

    >>> from tidu.calculus.reverse import vjp
    >>> from tidu.ir.build import constant
    >>> from tidu.ops.elementwise.arithmetic import absolute
    >>> from tidu.ops.elementwise.trigonometric import cosh
    >>> x, zero = input_node("x", ()), np.array(0.0)
    >>> y = cosh(absolute(x))
    >>> (slope,) = vjp([y], [constant(1.0)], [x])
    >>> (second,) = vjp([slope], [constant(1.0)], [x])
    >>> float(limits(Question({"H": second}, (y,), (x,)), {"x": zero}, {"H": zero}).values["H"])
    1.0
    """
    sides = _prepare(question, values, again)
    if sides is None:
        return Limits(found, unknown=tuple(found))
    rng = np.random.default_rng(0)
    seen: list[_Side] = []
    verdicts: dict[str, _Verdict] = {}
    for _ in range(sides.pairs):
        direction = _direction(question.moving, values, rng)
        for sign in (1.0, -1.0):
            side = sides.look({name: sign * step for name, step in direction.items()})
            if side is not None:
                seen.append(side)
        verdicts = {name: _judge(question, name, found[name], seen) for name in question.results}
        if not any(verdict.is_open for verdict in verdicts.values()):
            break
    if any(verdict.is_partial for verdict in verdicts.values()):
        seen += sides.of_single_entries(rng)
        whole = sides.entries <= _FEW_ENTRIES
        verdicts = {
            name: _judge(question, name, found[name], seen, whole) for name in question.results
        }

    def names(kind: Callable[[_Verdict], bool]) -> tuple[str, ...]:
        return tuple(name for name, verdict in verdicts.items() if kind(verdict))

    return Limits(
        {name: verdict.value for name, verdict in verdicts.items()},
        names(lambda verdict: verdict.cancelled),
        names(lambda verdict: verdict.missing),
        names(lambda verdict: verdict.unknown),
    )


# ------------------------------------------------------------------ one side
@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The limits along one direction, by name, and how far each may be off (∞: not known).

    grows: where the numbers grow without bound. jumps: whether a function does, for each entry of a
    batch. alike: how far two limits may lie apart beside the largest number.
    """

    limit: Arrays
    error: Arrays
    grows: Arrays
    jumps: Array
    alike: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The programs that show a side: `run` gives everything at displaced values; `frozen` the same
    at any values with the pieces given (None where only `run` is known)."""

    question: Question
    values: Arrays
    run: Run
    flat: tuple[str, ...]
    own: Mapping[str, str]  # by piece: the mask of where it lies on a boundary
    frozen: Program | None
    here: Arrays  # the functions at the values
    pieces: Arrays  # the pieces and their masks at the values
    work: float

    def look(self, direction: Arrays) -> _Side | None:
        """The limits along a direction; None where it leaves the domain of the functions."""
        last, near = self._beside(direction)
        if not all(np.isfinite(near[name]).all() for name in self.here):
            return None
        return self._at_the_point(direction, last, near) or self._extrapolated(
            direction, last, near
        )

    @property
    def pairs(self) -> int:
        """How many pairs of opposite directions are looked at; a number has one."""
        if self.work > _WORK or self.entries <= 1:
            return 1
        return _PAIRS if self.frozen is not None else _PAIRS_TRACED

    @property
    def entries(self) -> int:
        """How many numbers move."""
        return sum(np.size(self.values[name]) for name in map(_name, self.question.moving))

    def of_single_entries(self, rng: np.random.Generator) -> list[_Side]:
        """The sides where one entry moves far beyond the others, which most directions never show:
        one of fifty equal entries is the largest on a fiftieth of them."""
        if self.entries > _FEW_ENTRIES:
            return []
        seen: list[_Side | None] = []
        for node in self.question.moving:
            for i in range(np.size(self.values[_name(node)])):
                direction = _direction(self.question.moving, self.values, rng)
                small = {name: step / _BEYOND for name, step in direction.items()}
                if _name(node) in small:
                    small[_name(node)].flat[i] *= _BEYOND
                for sign in (1.0, -1.0):
                    seen.append(self.look({name: sign * step for name, step in small.items()}))
        return [side for side in seen if side is not None]

    def _beside(self, direction: Arrays) -> tuple[int, Arrays]:
        """The first step 2**-k that crosses no boundary but those on which the point lies, with
        what is there; the largest step where none is seen to be such."""
        first = self._at(direction, _NEAR)
        if not self._crosses(first):
            return _NEAR, first
        all_zero = not any(np.any(self.values[name]) for name in direction)
        for step in (*_NEARER, *(_NEAREST if all_zero else ())):
            near = self._at(direction, step)
            if not self._crosses(near):
                return step, near
        return _NEAR, first

    def _crosses(self, near: Arrays) -> bool:
        """Whether a piece is another than at the point, which lies on no boundary of that piece."""
        return any(
            np.any((near[name] != self.pieces[name]) & ~self.pieces[mask])
            for name, mask in self.own.items()
        )

    def _at(self, direction: Arrays, step: int) -> Arrays:
        moved = {n: self.values[n] + 2.0**-step * d for n, d in direction.items()}
        return self.run({**self.values, **moved})

    def _at_the_point(self, direction: Arrays, last: int, near: Arrays) -> _Side | None:
        """The numbers of the point with the pieces of the side; None where that is not its limit:
        they are not finite, or the numbers beside it do not tend to them."""
        if self.frozen is None:
            return None
        half, quarter = self._at(direction, last + 1), self._at(direction, last + 2)
        if not self._same_pieces(near, half):
            return None
        curved = self._same_pieces(near, quarter)
        pieces = {name: near[name] for name in self.flat}
        exact = self.frozen.run({**self.values, **pieces}).outputs
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
        return _Side(
            results,
            {n: _EXACT * np.maximum(np.abs(v), np.abs(near[n])) for n, v in results.items()},
            {n: np.zeros(np.shape(v), bool) for n, v in results.items()},
            self._jumps({name: exact[name] for name in self.here}, _EXACT),
            _EXACT,
        )

    def _same_pieces(self, one: Arrays, other: Arrays) -> bool:
        return all(np.array_equal(one[name], other[name]) for name in self.flat)

    def _jumps(self, limit: Arrays, tolerance: float) -> Array:
        """Whether a function tends to another value than its own, for each entry of a batch; a
        limit that is not known says nothing."""
        jumps = np.zeros((), bool)
        for name, value in self.here.items():
            if np.isfinite(value).all():
                off = np.abs(limit[name] - value) > tolerance * (1.0 + np.abs(value))
                axes = tuple(range(1 if self.question.batch else 0, np.ndim(value)))
                jumps = jumps | np.any(off, axis=axes)
        return jumps

    def _extrapolated(self, direction: Arrays, last: int, near: Arrays) -> _Side:
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
        return _Side(
            {name: found[name][0] for name in results},
            {name: found[name][1] for name in results},
            {name: found[name][2] for name in results},
            self._jumps(whole, 100.0 * CLOSE),
            _ALIKE,
        )


def _prepare(question: Question, values: Arrays, again: Run | None) -> _Sides | None:
    names = [*question.results, *(f"function/{i}" for i in range(len(question.functions)))]
    nodes = with_sizes([*question.results.values(), *question.functions], values)
    bound = written_out(nodes)
    if bound is None:
        return None
    work = sum(_size(n) for n in reachable(bound) if not is_tuple(n))
    if work > _MOST:
        return None
    bound = _in_double_precision(bound)
    outputs = dict(zip(names, bound, strict=True))
    here_names = names[len(question.results) :]
    if again is not None:
        here = again(values)
        functions = {name: here[name] for name in here_names}
        return _Sides(question, values, again, (), {}, None, functions, {}, work)
    inputs = {str(n.attrs["name"]): n for n in reachable(bound) if n.op.role == "input"}
    moving = tuple(inputs[name] for name in map(_name, question.moving) if name in inputs)
    flat = switches(tuple(bound), moving).flat
    held = {node: input_node(f"·piece{i}", node.shape, node.dtype) for i, node in enumerate(flat)}
    pieces = {_name(own): node for node, own in held.items()}
    masks = {name: boundary_of(node) for name, node in pieces.items()}
    own = {name: f"{name}/boundary" for name, mask in masks.items() if mask is not None}
    program = compile_graph({**outputs, **pieces})
    watched = {own[name]: mask for name, mask in masks.items() if mask is not None}
    at_point = compile_graph({**pieces, **watched}).run(values).outputs
    frozen = compile_graph(dict(zip(names, substitute(bound, dict(held)), strict=True)))
    here = program.run(values).outputs

    def run(displaced: Arrays) -> Arrays:
        return program.run(displaced).outputs

    functions = {name: here[name] for name in here_names}
    return _Sides(question, values, run, tuple(pieces), own, frozen, functions, at_point, work)


def _in_double_precision(nodes: list[Node]) -> list[Node]:
    """The nodes on inputs of double precision: steps that are small enough need it."""
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
    """A random step for each input that moves, of its own size."""
    steps: dict[str, Array] = {}
    for node in moving:
        value = np.asarray(values[_name(node)])
        if node.dtype in REALS and value.size:
            scale = np.where(value == 0, np.max(np.abs(value)) or 1.0, np.abs(value))
            signs = rng.choice([-1.0, 1.0], value.shape)
            steps[_name(node)] = scale * signs * rng.uniform(0.5, 1.5, value.shape)
    return steps


def _largest(*arrays: Array) -> float:
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)


# ------------------------------------------------------------------ all sides together
@dataclass(frozen=True, slots=True, eq=False)
class _Verdict:
    """What one derivative is, from the sides seen. `is_open` asks for more of them; `is_partial`
    says that some entries have one limit, and others have none."""

    value: Array
    cancelled: bool = False
    missing: bool = False
    unknown: bool = False
    is_open: bool = False
    is_partial: bool = False


def _judge(
    question: Question, name: str, found: Array, sides: Sequence[_Side], whole: bool = True
) -> _Verdict:
    """What a derivative is. Without `whole` the sides are too few to say of an entry that they all
    agree, where they do not of others."""
    value = np.asarray(found)
    if not sides or not value.size:  # a derivative without entries has none that could be wrong
        return _Verdict(value)
    jumps = _along(np.any([side.jumps for side in sides], axis=0), value, question.batch.get(name))
    if question.order < 2 and jumps.all():
        return _Verdict(value, missing=True)
    limits_ = np.array([side.limit[name] for side in sides])
    errors = np.array([side.error[name] for side in sides])
    grows = np.array([side.grows[name] for side in sides])
    with np.errstate(all="ignore"):
        alike = max(side.alike for side in sides)
        known, off = _tolerance(limits_, errors, alike, NOISE)
        own = off
        if _is_single(value):
            _, own = _tolerance(limits_, errors, max(alike, _OF_SINGLE), _NOISE_OF_SINGLE)
        near = known & (np.abs(limits_ - value) <= own)
        low = np.min(np.where(known, limits_, np.inf), axis=0)
        high = np.max(np.where(known, limits_, -np.inf), axis=0)
        bounded, all_known = ~grows.any(axis=0), known.all(axis=0)
        # A side may be hidden by rounding, as that of a clip at 1 of x/√x²; another one speaks.
        unknown = bounded & ~all_known & ~near.any(axis=0) & ~jumps
        one = bounded & all_known & (high - low <= off)
        best = np.take_along_axis(limits_, np.argmin(errors, axis=0)[None], axis=0)[0]
        replaced = one & ~near.any(axis=0) & ~jumps
        partial = bool(replaced.any() and not (one | jumps).all())
        few = np.zeros_like(replaced)
        if partial and not whole:
            few, replaced = replaced, few
        outside = bounded & all_known & ~one & ((value < low - own) | (value > high + own)) & ~jumps
        unbounded = ~bounded & np.isfinite(value) & ~(near & ~grows).any(axis=0) & ~jumps
    nowhere = jumps if question.order > 1 else np.zeros_like(jumps)
    result = np.where(replaced, best, value)
    result = np.where(outside, np.clip(value, low, high), result)
    result = np.where(unbounded | unknown | nowhere, np.nan, result).astype(value.dtype)
    return _Verdict(
        result,
        cancelled=bool(replaced.any()),
        missing=bool((outside | unbounded | jumps | (np.isnan(value) & ~replaced)).any()),
        unknown=bool(((unknown | few) & np.isfinite(value)).any()),
        is_open=bool(replaced.any() or outside.any() or unknown.any() or few.any()),
        is_partial=partial,
    )


def _along(jumps: Array, value: Array, axis: int | None) -> Array:
    """What is known of each entry of a batch, for every number of a derivative."""
    if axis is None or not jumps.ndim:
        return np.full(value.shape, jumps.any())
    front = jumps.reshape(-1, *(1,) * (value.ndim - 1))
    return np.broadcast_to(np.moveaxis(front, 0, axis), value.shape)


def _is_single(value: Array) -> bool:
    return value.dtype.itemsize < 8


def _tolerance(limits_: Array, errors: Array, alike: float, noise: float) -> tuple[Array, Array]:
    """Which limits are known, and how far those of an entry may lie apart and still be one: what
    they may be off, beside the largest of the entry, and the rounding of the whole."""
    sizes = np.where(np.isfinite(limits_), np.abs(limits_), 0.0)
    own, whole = np.max(sizes, axis=0), np.max(sizes, initial=0.0)
    known = np.isfinite(limits_) & (errors <= KNOWN * np.maximum(own, 1.0) + _KNOWN_OF_ALL * whole)
    worst = np.max(np.where(known, errors, 0.0), axis=0)
    return known, 10.0 * worst + alike * own + noise * whole
