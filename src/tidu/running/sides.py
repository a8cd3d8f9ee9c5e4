"""The sides of a point: what derivatives tend to along a direction.

A step along a direction fixes the pieces of a program; where they are smooth at the point itself,
the numbers there are exact. A quotient 0/0 (v/‖v‖ at 0) has no numbers at the point: it is taken at
steps so small that only long doubles hold them, or extrapolated from larger ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidu.ir.types import COMPLEX, FLOATS
from tidu.running.extrapolation import CLOSE, KNOWN, extrapolate
from tidu.running.long_doubles import limits_in_long_doubles
from tidu.running.point import (
    Array,
    Arrays,
    Point,
    name_of,
    real_part_axis,
    run_frozen,
)

_NEAR = 20  # a step of 2**-20 shows the pieces on a side
_NEARER = (28, 36, 44)  # and a smaller one, where another boundary lies within that step
_NEAREST = (60, 100, 200, 400, 800)  # smaller still, where every value is 0
_CLOSEST = 36  # the smallest step at which ties are told from rounding
_EXACT = 1e-9  # beside its size: how far two limits may lie apart that are no extrapolations
_EXTRAPOLATED = 1e-7  # the same for limits that are extrapolated
_APART = 4  # steps between two distances from a limit, of which the smaller step has the smaller
_SHRINKS = 0.9  # by this factor at least
_FEW_ENTRIES = 64  # entries up to which each is moved far beyond all others
_FAR = 2.0**10  # how far


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The limits along one direction, by name, and how far each may be off (∞: not known).

    grows: where the numbers grow without bound. jumps: whether a function does, for each entry of a
    batch. tolerance: how far two limits may lie apart beside their size. pieces: those of the side.
    is_narrow: along it one entry moves far beyond all others, whose limits rounding may hide.
    """

    limit: Arrays
    error: Arrays
    grows: Arrays
    jumps: Array
    tolerance: float
    pieces: Arrays
    is_narrow: bool = False


def opposite_sides(point: Point, rng: np.random.Generator) -> list[Side]:
    """Return the sides along a random direction and the opposite one."""
    direction = _direction(point, rng)
    both = [
        side_along(point, {n: sign * step for n, step in direction.items()}) for sign in (1, -1)
    ]
    return [side for side in both if side is not None]


def sides_of_one_sign(point: Point, rng: np.random.Generator) -> list[Side]:
    """Return the sides where all entries grow, and where all fall: at the edge of a domain every
    other direction may leave it."""
    direction = _direction(point, rng)
    grown = {name: _without_signs(step) for name, step in direction.items()}
    both = [side_along(point, {n: sign * step for n, step in grown.items()}) for sign in (1, -1)]
    return [side for side in both if side is not None]


def has_few_entries(point: Point) -> bool:
    """Return whether each entry can be moved far beyond all others."""
    return point.entries <= _FEW_ENTRIES


def sides_of_single_entries(point: Point, rng: np.random.Generator) -> list[Side]:
    """Return the sides where one entry moves far beyond the others, which most directions never
    show: one of fifty equal entries is the largest on a fiftieth of them."""
    if not has_few_entries(point):
        return []
    seen: list[Side | None] = []
    for node in point.question.moving:
        for i in range(np.size(point.values[name_of(node)])):
            direction = _direction(point, rng)
            small = {name: step / _FAR for name, step in direction.items()}
            if name_of(node) in small:
                small[name_of(node)].flat[i] *= _FAR
            for sign in (1.0, -1.0):
                seen.append(side_along(point, {name: sign * step for name, step in small.items()}))
    return [replace(side, is_narrow=True) for side in seen if side is not None]


def side_along(point: Point, direction: Arrays) -> Side | None:
    """Return the limits along a direction; None where it leaves the domain of the functions."""
    last, near = _first_clear_step(point, direction)
    if not _in_domain(point, near):
        return None
    return _at_the_point(point, direction, last, near) or _from_beside(point, direction, last, near)


def _in_domain(point: Point, there: Arrays) -> bool:
    return all(np.isfinite(there[name]).all() for name in point.functions)


# ------------------------------------------------------------------ steps along a direction
def _first_clear_step(point: Point, direction: Arrays) -> tuple[int, Arrays]:
    """Return the first step 2**-k that crosses no boundary but those on which the point lies, with
    what is there; the largest step where none is seen to be such."""
    first = _step(point, direction, _NEAR)
    closest = _step(point, direction, _CLOSEST)
    if not _crosses(point, first, closest):
        return _NEAR, first
    all_zero = not any(np.any(point.values[name]) for name in direction)
    for step in (*_NEARER, *(_NEAREST if all_zero else ())):
        near = _step(point, direction, step)
        if not _crosses(point, near, closest if step < _CLOSEST else near):
            return step, near
    return _NEAR, first


def _crosses(point: Point, near: Arrays, closest: Arrays) -> bool:
    """Return whether a piece is another than at the point, which lies on no boundary of that piece,
    or another than closest to the point, where it changed too: a third number is the largest."""
    if not _in_domain(point, near):
        return True  # the step leaves the domain, or what numbers can hold
    mask_of = {} if point.programs is None else point.programs.mask_of
    here = point.pieces
    beyond = [(near[n] != closest[n]) & (closest[n] != here[n]) for n in point.piece_names]
    return any(map(np.any, beyond)) or any(
        np.any((near[name] != here[name]) & ~here[mask]) for name, mask in mask_of.items()
    )


def _step(point: Point, direction: Arrays, step: int) -> Arrays:
    moved = {n: point.values[n] + 2.0**-step * d for n, d in direction.items()}
    return point.run({**point.values, **moved})


def _same_pieces(point: Point, one: Arrays, other: Arrays) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in point.piece_names)


# ------------------------------------------------------------------ limits along a direction
def _at_the_point(point: Point, direction: Arrays, last: int, near: Arrays) -> Side | None:
    """Return the numbers of the point with the pieces of the side; None where that is not its
    limit: they are not finite, or the numbers beside it do not tend to them."""
    if point.programs is None:
        return None
    half, quarter = _step(point, direction, last + 1), _step(point, direction, last + 2)
    if not _same_pieces(point, near, half):
        return None
    curved = _same_pieces(point, near, quarter)
    pieces = {name: near[name] for name in point.piece_names}
    exact = run_frozen(point.programs, {**point.values, **pieces})
    for name in (*point.question.results, *point.functions):
        beside = 2.0 * half[name] - near[name]
        if curved:  # where a parabola through three points ends, and no line through two
            beside = (8.0 * quarter[name] - 6.0 * half[name] + near[name]) / 3.0
        if not np.isfinite(exact[name]).all():
            return None
        size = _largest(exact[name], near[name], half[name])
        if np.any(np.abs(exact[name] - beside) > CLOSE * size):
            return None
    results = {name: exact[name] for name in point.question.results}
    return Side(
        results,
        {name: _error(value, near[name]) for name, value in results.items()},
        {name: np.zeros(np.shape(value), bool) for name, value in results.items()},
        _jumps(point, exact, _EXACT),
        _EXACT,
        pieces,
    )


def _from_beside(point: Point, direction: Arrays, last: int, near: Arrays) -> Side:
    """Return the limits of the numbers beside the point: those in long doubles to which the others
    tend, and the others extrapolated."""
    table = [near]
    for step in reversed(range(last - _NEAR, last)):
        there = _step(point, direction, step)
        if not _in_domain(point, there) or not _same_pieces(point, near, there):
            break  # the side ends where another boundary is crossed
        table.append(there)
    table.reverse()
    pieces = {name: near[name] for name in point.piece_names}
    closer = limits_in_long_doubles(point, direction, pieces)
    limit, error, grows = dict[str, Array](), dict[str, Array](), dict[str, Array]()
    all_closer = bool(closer)
    for name in (*point.question.results, *point.functions):
        numbers = np.array([there[name] for there in table])
        limit[name], error[name], grows[name] = extrapolate(list(numbers))
        if name in closer:
            value, known = closer[name]
            counts = _tend_to(value, numbers, limit[name], error[name])
            if point.zeros_alone:  # ordinary numbers beside may be out of range
                counts = counts | ~np.isfinite(numbers).any(axis=0)
            counts = counts & known
            size = np.where(np.isfinite(near[name]), near[name], 0.0)
            limit[name] = np.where(counts, value, limit[name])
            error[name] = np.where(counts, _error(value, size), error[name])
            grows[name] = grows[name] & ~counts
            all_closer = all_closer and bool(counts.all())
    results = point.question.results
    return Side(
        {name: limit[name] for name in results},
        {name: error[name] for name in results},
        {name: grows[name] for name in results},
        _jumps(point, limit, 100.0 * CLOSE),
        _EXACT if all_closer else _EXTRAPOLATED,
        pieces,
    )


def _tend_to(value: Array, numbers: Array, limit: Array, error: Array) -> Array:
    """Return where numbers at smaller and smaller steps tend to a value: it is their extrapolated
    limit where that is known; elsewhere they come closer and closer."""
    with np.errstate(all="ignore"):
        known = error <= KNOWN * np.maximum(np.abs(limit), 1.0)
        same = np.abs(value - limit) <= 10.0 * error + CLOSE * np.abs(limit)
        off = np.abs(numbers - value)[::-_APART]
        closer = (off[:-1] <= _SHRINKS * off[1:]) | (off[:-1] <= _EXACT * np.abs(value))
    return np.where(known, same, np.all(closer, axis=0) & (len(off) > 1))


def _error(limit: Array, near: Array) -> Array:
    """Return how far a limit may be off that is no extrapolation."""
    return _EXACT * np.maximum(np.abs(limit), np.abs(near))


def _jumps(point: Point, limit: Arrays, tolerance: float) -> Array:
    """Return whether a function tends to another value than its own, for each entry of a batch; a
    limit that is not known says nothing."""
    jumps = np.zeros((), bool)
    for name, value in point.functions.items():
        if np.isfinite(value).all():
            off = np.abs(limit[name] - value) > tolerance * (1.0 + np.abs(value))
            axes = tuple(range(1 if point.question.batch else 0, np.ndim(value)))
            jumps = jumps | np.any(off, axis=axes)
    return jumps


def _largest(*arrays: Array) -> float:
    return max((float(np.max(np.abs(a))) for a in arrays if np.size(a)), default=0.0)


# ------------------------------------------------------------------ directions
def _direction(point: Point, rng: np.random.Generator) -> dict[str, Array]:
    """Return a random step for each input that moves, of its own size."""
    steps: dict[str, Array] = {}
    for node in point.question.moving:
        whole = np.asarray(point.values[name_of(node)])
        value = real_part_axis(whole)
        if node.dtype not in FLOATS or not value.size:
            continue
        size = np.where(np.isfinite(value), np.abs(value), 0.0)  # ∞ and NaN stay where they are
        scale = np.where(value == 0, 1.0 if point.zeros_alone else _size_of_zero(size), size)
        signs = rng.choice([-1.0, 1.0], value.shape)
        step = scale * signs * rng.uniform(0.5, 1.5, value.shape)
        step = step[..., 0] + 1j * step[..., 1] if node.dtype in COMPLEX else step
        steps[name_of(node)] = np.where(whole == 0, step, 0.0) if point.zeros_alone else step
    return steps


def _size_of_zero(sizes: Array) -> float:
    """Return the size of the step of a zero: 1, or that of the largest number where all are small.
    A far larger step would carry it past others that it should stay beside."""
    return min(1.0, float(np.max(sizes))) or 1.0


def _without_signs(step: Array) -> Array:
    if step.dtype.kind == "c":
        return np.abs(np.real(step)) + 1j * np.abs(np.imag(step))
    return np.abs(step)
