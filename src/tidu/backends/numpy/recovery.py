"""Derivatives that a plain run leaves as NaN, or loses by underflow, though they exist.

Two things are tried in turn, only where a result asks for it: a run in which zeros that are certain
take part in no product, and the same in numbers of a wider range. Where the formula itself is 0·∞
or 0/0 at the point, neither helps: its limit is found by `tidu.running.limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.budget import work_of
from tidu.backends.numpy.careful import careful_run
from tidu.backends.numpy.inputs import with_sizes
from tidu.backends.numpy.program import Calculate, evaluate
from tidu.backends.program import Valuation
from tidu.ir.node import Node, reachable
from tidu.words import Phrase, Words

Array = NDArray[Any]
Again = Callable[[Calculate, Mapping[str, Any]], Valuation]

_NO_WEIGHT = Words(
    en="an infinite slope times a factor that is 0 for all values of the variables counts as 0: "
    "what has no weight does not move the result",
    zh="无穷大的斜率乘以恒为 0 的因子（与自变量取值无关）时按 0 计：没有权重的量不影响结果",
)
_WIDER = Words(
    en="intermediate numbers leave the range of floats, so the gradient was calculated in a wider "
    "one",
    zh="中间的数超出浮点数的范围，因此梯度用范围更大的数计算",
)
# Work of a run (`backends.budget`) up to which it is calculated in a wider range.
WIDE = 5e7  # where there is no result
QUIET = 1.5e6  # where there is one, but numbers left the range: most of that does no harm
_AGREE = 1e-9


def recovered(
    plain: Valuation,
    values: Mapping[str, Any],
    moving: Collection[str],
    derivatives: Collection[str],
    again: Again,
    *,
    work: Callable[[], float],
) -> Valuation:
    """Return the valuation with those derivatives (outputs by name) that a plain run did not find.

    `again` runs the same nodes by another way of calculation; `moving` names the inputs that the
    derivatives are taken by; `work` tells how many operations a run is. What the plain run found
    stays to the bit, and so does every output that is no derivative: a loss is NumPy's.
    """
    wanted = [name for name in derivatives if plain.outputs[name].dtype.kind in "fc"]
    if not _open(plain, wanted) and not (plain.left_range and work() <= QUIET):
        return plain
    best, wide = plain, work() <= WIDE
    for extended, why in ((False, _NO_WEIGHT), (True, _WIDER)):
        left = _open(best, wanted)
        if (wide and (left or plain.left_range)) if extended else left:
            other = _tried(again, partial(careful_run, moving=moving, extended=extended), values)
            best = best if other is None else _better(best, other, wanted, why())
    return best


def _tried(again: Again, by: Calculate, values: Mapping[str, Any]) -> Valuation | None:
    """Run the program in another way; None where that is refused (a matrix without an inverse, a
    value out of bounds): the plain run's result then holds."""
    try:
        return again(by, values)
    except (ArithmeticError, ValueError, TypeError):
        return None


def evaluate_recovered(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    moving: Collection[str],
    derivatives: Collection[str],
    plain: Valuation | None = None,
    *,
    written_out: Callable[[list[Node]], list[Node] | None],
) -> Valuation:
    """Return the values of nodes, of those outputs that are derivatives as `recovered` finds them.
    `written_out` gives nodes without calls and loops, where these are not too long: inside of one
    no entry is told from another."""
    valuation = evaluate(outputs, values) if plain is None else plain

    def again(by: Calculate, values: Mapping[str, Any]) -> Valuation:
        inlined = written_out(list(outputs.values()))
        given = outputs if inlined is None else dict(zip(outputs, inlined, strict=True))
        return evaluate(given, values, by=by)

    work = work_of_run(outputs, values)
    return recovered(valuation, values, moving, derivatives, again, work=work)


def work_of_run(outputs: Mapping[str, Node], values: Mapping[str, Any]) -> Callable[[], float]:
    """Return the work of a run of nodes, counted when it is asked for."""

    def work() -> float:
        return sum(map(work_of, reachable(with_sizes(list(outputs.values()), values))))

    return work


def _open(valuation: Valuation, names: Collection[str]) -> bool:
    return any(not np.isfinite(valuation.outputs[name]).all() for name in names)


def _better(
    valuation: Valuation, other: Valuation, names: Collection[str], why: Phrase
) -> Valuation:
    """Take from the other run the entries that were not finite here, or lost their digits."""
    outputs, changed = dict(valuation.outputs), False
    for name in names:
        old, new = valuation.outputs[name], other.outputs[name]
        with np.errstate(all="ignore"):
            digits = max(_AGREE, 1000.0 * float(np.finfo(old.dtype).eps))
            off = ~np.isfinite(old) | (np.abs(new - old) > digits * np.abs(new))
        taken = off & ~np.isnan(new)
        if np.any(taken):
            outputs[name], changed = np.where(taken, new, old).astype(old.dtype), True
    if not changed:
        return valuation
    values = {**valuation.values, **other.values} if valuation.values else valuation.values
    return replace(valuation, outputs=outputs, values=values, remarks=(*valuation.remarks, why))
