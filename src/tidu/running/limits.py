"""What a derivative is on a boundary between two pieces of a program.

Next to a boundary a program is smooth, and its derivatives of every order are right. Where those on
all sides tend to one number, that is the derivative: the kinks cancel, as in cosh|x|. Where they do
not, there is none, and the conventional value of the program holds, for all entries that hang on
the same kink; where they grow without bound, the derivative is NaN.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tidu.running.extrapolation import KNOWN, NOISE
from tidu.running.pieces import both_sides_seen, entries_on_split_kinks
from tidu.running.point import (
    Array,
    Arrays,
    Point,
    Question,
    Run,
    name_of,
    point_of,
    real_part_axis,
)
from tidu.running.sides import (
    Side,
    has_few_entries,
    opposite_sides,
    sides_of_one_sign,
    sides_of_single_entries,
)

_PAIRS = 12  # of opposite directions
_PAIRS_TRACED = 4  # the same where each step is a trace of its own
_PAIRS_LARGE = 3  # the same for a large program whose formula is undefined at the point
_LARGE = 200_000  # elements of a run, from which on one pair is looked at on a boundary
_OF_SINGLE = 1e-3  # how far a number of single precision may be off a limit, beside it
_NOISE_OF_SINGLE = 1e-5  # of the largest number: rounding of single precision
_KNOWN_OF_ALL = 1e-10  # how far a limit may be off beside the largest of all entries


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """The derivatives on the boundary.

    values: by name, the program's own where nothing is better. cancelled: the names with a number
    that was replaced by the limit from all sides. undefined: those with a NaN that was. missing:
    those with an entry that has no limit (NaN), or whose conventional value lies outside of the
    limits from the sides (the nearest of these is taken). unknown: those with an entry that could
    not be decided (NaN where the sides were seen and said nothing, the conventional value where
    they were not seen).
    """

    values: Arrays
    cancelled: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def limits(
    question: Question,
    values: Arrays,
    found: Arrays,
    again: Run | None = None,
    on_boundary: bool = True,
) -> Limits:
    """Return the derivatives at values that lie on a boundary, or where one of them is NaN. `found`
    is what the program gives.

    `again` gives what was derived at other values, where a Python branch may go another way;
    without it the program of `question` is run.

    >>> from tidu.calculus.differentiate import vjp
    >>> from tidu.ops.elementwise.arithmetic import absolute
    >>> from tidu.ops.elementwise.trigonometric import cosh
    >>> from tidu.ir.build import constant, input_node
    >>> x, zero = input_node("x", ()), np.array(0.0)
    >>> y = cosh(absolute(x))
    >>> (slope,) = vjp([y], [constant(1.0)], [x])
    >>> (second,) = vjp([slope], [constant(1.0)], [x])
    >>> float(limits(Question({"H": second}, (y,), (x,)), {"x": zero}, {"H": zero}).values["H"])
    1.0
    """
    point = point_of(question, values, again)
    if point is None:
        return Limits(found, unknown=tuple(found))
    if not on_boundary and not point.has_values:  # NaN as the function is, which has its warning
        return Limits(found)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of points beside the one that is asked for
        return _limits(point, {name: np.asarray(found[name]) for name in found}, on_boundary)


def _limits(point: Point, found: Arrays, on_boundary: bool) -> Limits:
    """Return the derivatives: the limits of those that are NaN, and on a boundary what the others
    are there."""
    parts = {name: real_part_axis(array) for name, array in found.items()}
    filled = parts
    if point.has_values and _has_zeros(point):  # they can move alone, and then by less
        filled = _without_nan(replace(point, zeros_alone=True), filled)
    if not on_boundary:
        filled = _without_nan(point, filled)
    undefined = {n for n in found if np.any(np.isnan(parts[n]) & ~np.isnan(filled[n]))}
    if not on_boundary:
        missing = tuple(name for name in found if np.isnan(filled[name]).any())
        return Limits(_joined(filled, found), undefined=tuple(sorted(undefined)), missing=missing)
    verdicts = _verdicts(point, filled, on_boundary)

    def names(kind: Callable[[_Verdict], Array]) -> tuple[str, ...]:
        return tuple(name for name, verdict in verdicts.items() if kind(verdict).any())

    undefined |= {*names(lambda verdict: verdict.replaced & verdict.was_nan)}
    return Limits(
        _joined({name: verdict.value for name, verdict in verdicts.items()}, found),
        cancelled=names(lambda verdict: verdict.replaced & ~verdict.was_nan),
        undefined=tuple(sorted(undefined)),
        missing=names(lambda verdict: verdict.missing),
        unknown=names(lambda verdict: verdict.unknown),
    )


def _without_nan(point: Point, found: Arrays) -> Arrays:
    """Return the derivatives with the limits of those that are NaN, where they have one."""
    if not any(np.isnan(array).any() for array in found.values()):
        return found
    verdicts = _verdicts(point, found, on_boundary=False)
    return {
        name: np.where(verdict.was_nan & verdict.replaced, verdict.value, found[name])
        for name, verdict in verdicts.items()
    }


def _has_zeros(point: Point) -> bool:
    return any(np.any(np.asarray(point.values[name_of(n)]) == 0) for n in point.question.moving)


def _joined(parts: Arrays, like: Arrays) -> Arrays:
    """Return complex numbers from their parts, where the arrays had complex numbers."""
    joined = dict(parts)
    for name, array in like.items():
        if array.dtype.kind == "c":
            joined[name] = np.empty_like(array)
            joined[name].real, joined[name].imag = parts[name][..., 0], parts[name][..., 1]
    return joined


def _verdicts(point: Point, found: Arrays, on_boundary: bool) -> dict[str, _Verdict]:
    """Return what each derivative is, from as many sides as it takes."""
    question, rng = point.question, np.random.default_rng(0)
    seen: list[Side] = []

    def judged(held: Arrays | None = None) -> dict[str, _Verdict]:
        """Return what each derivative is; entries in `held` keep their conventional value."""
        kept = {**dict.fromkeys(found, np.zeros((), bool)), **(held or {})}
        return {name: _judge(question, name, found[name], seen, kept[name]) for name in found}

    verdicts: dict[str, _Verdict] = {}
    pairs = _pairs(point, on_boundary)
    for _ in range(pairs):
        seen += opposite_sides(point, rng)
        verdicts = judged()
        if not any(verdict.is_open for verdict in verdicts.values()):
            break
    if not seen and point.entries > 1:
        for _ in range(pairs):
            seen += sides_of_one_sign(point, rng)
        verdicts = judged()
    if any(verdict.replaced.any() for verdict in verdicts.values()):
        both_seen = both_sides_seen(point, seen)
        if any(verdict.split.any() for verdict in verdicts.values()) or not both_seen:
            seen += sides_of_single_entries(point, rng)
            verdicts = judged()
        split = {n: v.split for n, v in verdicts.items() if n not in question.lower}
        if not both_seen and not has_few_entries(point):  # one of them may have a side of its own
            verdicts = judged({name: np.ones((), bool) for name in found})
        elif any(each.any() for each in split.values()):
            verdicts = judged(entries_on_split_kinks(point, split, seen))
    return verdicts


def _pairs(point: Point, on_boundary: bool) -> int:
    """Return how many pairs of opposite directions are looked at; a number has one."""
    if point.entries <= 1:
        return 1
    if point.work > _LARGE:
        return 1 if on_boundary else _PAIRS_LARGE
    return _PAIRS if point.programs is not None else _PAIRS_TRACED


# ------------------------------------------------------------------ all sides together
@dataclass(frozen=True, slots=True, eq=False)
class _Verdict:
    """The judgement of one derivative from the sides seen, with the entries that were replaced by a
    limit, that have none, that could not be decided, and whose sides differ. `is_open` asks for
    more."""

    value: Array
    was_nan: Array
    replaced: Array
    missing: Array
    unknown: Array
    split: Array
    is_open: bool = False


def _judge(
    question: Question, name: str, found: Array, sides: Sequence[Side], held: Array
) -> _Verdict:
    """Return what a derivative is. Entries in `held` keep their conventional value, where they have
    one: they have one limit, and hang on a kink at which others have none."""
    value = np.asarray(found)
    no = np.zeros(value.shape, bool)
    if not value.size:  # a derivative without entries has none that could be wrong
        return _Verdict(value, no, no, no, no, no)
    if not sides:  # every direction leaves the domain of the functions
        return _Verdict(value, no, no, no, unknown=np.isfinite(value), split=no)
    jumps = _along(np.any([side.jumps for side in sides], axis=0), value, question.batch.get(name))
    limits_ = np.array([side.limit[name] for side in sides])
    errors = np.array([side.error[name] for side in sides])
    wide = [not side.is_narrow for side in sides]
    grows = np.array([side.grows[name] for side in sides])[wide]
    with np.errstate(all="ignore"):
        tolerance = max(side.tolerance for side in sides)
        known, off = _known_and_off(limits_, errors, tolerance, NOISE)
        own = off
        if value.dtype.itemsize < 8:
            single = max(tolerance, _OF_SINGLE)
            _, own = _known_and_off(limits_, errors, single, _NOISE_OF_SINGLE)
        near = known & (np.abs(limits_ - value) <= own)
        low = np.min(np.where(known, limits_, np.inf), axis=0)
        high = np.max(np.where(known, limits_, -np.inf), axis=0)
        bounded, all_known = ~grows.any(axis=0), known[wide].all(axis=0)
        # A side may be hidden by rounding, as that of a clip at 1 of x/√x²; another one speaks.
        unknown = bounded & ~all_known & ~near.any(axis=0) & ~jumps
        one = bounded & all_known & (high - low <= off)
        best = np.take_along_axis(limits_, np.argmin(errors, axis=0)[None], axis=0)[0]
        apart = one & ~near.any(axis=0) & ~jumps
        outside = bounded & all_known & ~one & ((value < low - own) | (value > high + own)) & ~jumps
        unbounded = ~bounded & np.isfinite(value) & ~(near[wide] & ~grows).any(axis=0) & ~jumps
    was_nan = np.isnan(value)
    replaced, kept = apart & (was_nan | ~held), apart & held
    nowhere = jumps if question.order > 1 else no
    result = np.where(replaced, best, value)
    result = np.where(outside, np.clip(value, low, high), result)
    result = np.where(unbounded | unknown | nowhere, np.nan, result).astype(value.dtype)
    return _Verdict(
        result,
        was_nan,
        replaced=replaced,
        missing=outside | unbounded | jumps | (was_nan & ~replaced),
        unknown=(unknown | kept) & np.isfinite(value),
        split=~one & ~jumps,
        is_open=bool((apart | outside | unknown).any()),
    )


def _along(jumps: Array, value: Array, axis: int | None) -> Array:
    """Return what is known of each entry of a batch, for every number of a derivative."""
    if axis is None or not jumps.ndim:
        return np.full(value.shape, jumps.any())
    front = jumps.reshape(-1, *(1,) * (value.ndim - 1))
    return np.broadcast_to(np.moveaxis(front, 0, axis), value.shape)


def _known_and_off(
    limits_: Array, errors: Array, tolerance: float, noise: float
) -> tuple[Array, Array]:
    """Return which limits are known, and how far those of an entry may lie apart and still be one:
    what they may be off, beside the largest of the entry, and the rounding of the whole."""
    sizes = np.where(np.isfinite(limits_), np.abs(limits_), 0.0)
    own, whole = np.max(sizes, axis=0), np.max(sizes, initial=0.0)
    known = np.isfinite(limits_) & (errors <= KNOWN * np.maximum(own, 1.0) + _KNOWN_OF_ALL * whole)
    worst = np.max(np.where(known, errors, 0.0), axis=0)
    return known, 10.0 * worst + tolerance * own + noise * whole
