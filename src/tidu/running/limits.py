"""What a derivative is on a boundary between two pieces of a program.

Next to a boundary a program is smooth, and its derivatives of every order are right. Where those on
all sides tend to one number, that is the derivative: the kinks cancel, as in cosh|x|. Where they do
not, there is none, and the conventional value of the program holds, for all entries that hang on
the same kink; where they grow without bound, the derivative is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tidu.running.extrapolation import KNOWN, NOISE
from tidu.running.sides import Array, Arrays, Question, Run, Side, prepare

_OF_SINGLE = 1e-3  # how far a number of single precision may be off a limit, beside it
_NOISE_OF_SINGLE = 1e-5  # of the largest number: rounding of single precision
_KNOWN_OF_ALL = 1e-10  # how far a limit may be off beside the largest of all entries


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
    sides = prepare(question, values, again)
    if sides is None:
        return Limits(found, unknown=tuple(found))
    if not on_boundary and not sides.has_values:  # NaN as the function is, which has its warning
        return Limits(found)
    rng = np.random.default_rng(0)
    seen: list[Side] = []
    verdicts: dict[str, _Verdict] = {}

    def judged(held: Arrays | None = None) -> dict[str, _Verdict]:
        """Return what each derivative is; entries in `held` keep their conventional value."""
        kept = {**dict.fromkeys(results, np.zeros((), bool)), **(held or {})}
        return {name: _judge(question, name, found[name], seen, kept[name]) for name in results}

    results = question.results
    for _ in range(sides.pairs):
        seen += sides.pair(rng)
        verdicts = judged()
        if not any(verdict.is_open for verdict in verdicts.values()):
            break
    if any(verdict.replaced.any() for verdict in verdicts.values()):
        varied = sides.varied(seen)
        if any(verdict.split.any() for verdict in verdicts.values()) or not varied:
            seen += sides.of_single_entries(rng)
            verdicts = judged()
        split = {n: v.split for n, v in verdicts.items() if n not in question.lower}
        if not varied and not sides.has_few_entries:  # one of them may have a side of its own
            verdicts = judged({name: np.ones((), bool) for name in results})
        elif any(each.any() for each in split.values()):
            verdicts = judged(sides.hanging_on(split, seen))

    def names(kind: Callable[[_Verdict], Array]) -> tuple[str, ...]:
        return tuple(name for name, verdict in verdicts.items() if kind(verdict).any())

    return Limits(
        {name: verdict.value for name, verdict in verdicts.items()},
        names(lambda verdict: verdict.replaced),
        names(lambda verdict: verdict.missing),
        names(lambda verdict: verdict.unknown),
    )


# ------------------------------------------------------------------ all sides together
@dataclass(frozen=True, slots=True, eq=False)
class _Verdict:
    """The judgement of one derivative from the sides seen, with the entries that were replaced by a
    limit, that have none, that could not be decided, and whose sides differ. `is_open` asks for
    more."""

    value: Array
    replaced: Array
    missing: Array
    unknown: Array
    split: Array
    is_open: bool = False


def _judge(
    question: Question, name: str, found: Array, sides: Sequence[Side], held: Array
) -> _Verdict:
    """Return what a derivative is. Entries in `held` keep their conventional value: they have one
    limit, and hang on a kink at which others have none."""
    value = np.asarray(found)
    no = np.zeros(value.shape, bool)
    if not value.size:  # a derivative without entries has none that could be wrong
        return _Verdict(value, no, no, no, no)
    if not sides:  # every direction leaves the domain of the functions
        return _Verdict(value, no, no, unknown=np.isfinite(value), split=no)
    jumps = _along(np.any([side.jumps for side in sides], axis=0), value, question.batch.get(name))
    limits_ = np.array([side.limit[name] for side in sides])
    errors = np.array([side.error[name] for side in sides])
    wide = [not side.is_narrow for side in sides]
    grows = np.array([side.grows[name] for side in sides])[wide]
    with np.errstate(all="ignore"):
        alike = max(side.alike for side in sides)
        known, off = _tolerance(limits_, errors, alike, NOISE)
        own = off
        if value.dtype.itemsize < 8:
            _, own = _tolerance(limits_, errors, max(alike, _OF_SINGLE), _NOISE_OF_SINGLE)
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
    replaced, kept = apart & ~held, apart & held
    nowhere = jumps if question.order > 1 else no
    result = np.where(replaced, best, value)
    result = np.where(outside, np.clip(value, low, high), result)
    result = np.where(unbounded | unknown | nowhere, np.nan, result).astype(value.dtype)
    return _Verdict(
        result,
        replaced=replaced,
        missing=outside | unbounded | jumps | (np.isnan(value) & ~replaced),
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


def _tolerance(limits_: Array, errors: Array, alike: float, noise: float) -> tuple[Array, Array]:
    """Return which limits are known, and how far those of an entry may lie apart and still be one:
    what they may be off, beside the largest of the entry, and the rounding of the whole."""
    sizes = np.where(np.isfinite(limits_), np.abs(limits_), 0.0)
    own, whole = np.max(sizes, axis=0), np.max(sizes, initial=0.0)
    known = np.isfinite(limits_) & (errors <= KNOWN * np.maximum(own, 1.0) + _KNOWN_OF_ALL * whole)
    worst = np.max(np.where(known, errors, 0.0), axis=0)
    return known, 10.0 * worst + alike * own + noise * whole
