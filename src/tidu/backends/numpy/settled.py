"""Derivatives that a plain run leaves as NaN, or loses by underflow, though they exist.

Three things are tried in turn, only where a result asks for it: a run in which zeros that are
certain take part in no product; the same in numbers of a wider range; and, where the formula
itself is 0·∞ or 0/0 at the point, its limit: a function that is continuous at a point, with a
derivative that tends to one limit from all sides, has that limit as its derivative there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
from tidu.ir.node import Node, inputs_among, reachable
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
_AT_LIMIT = Words(
    en="the formula is undefined here (0·∞ or 0/0); the gradient is its limit, which is the same "
    "from every side that was tried",
    zh="公式在这里没有定义（0·∞ 或 0/0）；梯度取它的极限，从所试的各个方向逼近都得到同一个值",
)
# Work of a run (`backends.budget`) up to which it is calculated in a wider range.
WIDE = 5e7  # where there is no result
QUIET = 1.5e6  # where there is one, but numbers left the range: most of that does no harm
_AGREE = 1e-9
_SIDES = 6  # directions from which a limit is approached, and as many opposite ones


def settled(
    plain: Valuation,
    values: Mapping[str, Any],
    moving: Collection[str],
    derivatives: Collection[str],
    again: Again,
    *,
    work: Callable[[], float],
    function: Collection[str] = (),
) -> Valuation:
    """Return the valuation with those derivatives (outputs by name) that a plain run did not find.

    `again` runs the same nodes by another way of calculation; `moving` names the inputs that the
    derivatives are taken by; `work` tells how many operations a run is; `function` which outputs
    are what is derived, if any: they must be continuous for a limit to count. What the plain run
    found stays to the bit, and so does every output that is no derivative: a loss is NumPy's.
    """
    wanted = [name for name in derivatives if plain.outputs[name].dtype.kind in "fc"]
    if not _open(plain, wanted) and not (plain.left_range and work() <= QUIET):
        return plain
    best, wide = plain, work() <= WIDE
    for extended, why in ((False, _NO_WEIGHT), (True, _WIDER)):
        left = _open(best, wanted)
        if (wide and (left or plain.left_range)) if extended else left:
            look = partial(careful_run, moving=moving, extended=extended)
            other = _tried(again, look, values)
            best = best if other is None else _better(best, other, wanted, why())
    lost = [name for name in wanted if np.isnan(best.outputs[name]).any()]
    if lost and wide and _finite(values):
        best = _with_limits(best, values, moving, lost, function, again)
    return best


def _tried(again: Again, look: Calculate, values: Mapping[str, Any]) -> Valuation | None:
    """Run the program in another way; None where that is refused (a matrix without an inverse, a
    value out of bounds): the plain run's result then holds."""
    try:
        return again(look, values)
    except (ArithmeticError, ValueError, TypeError):
        return None


def evaluate_settled(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    moving: Collection[str],
    derivatives: Collection[str],
    plain: Valuation | None = None,
    *,
    of: Sequence[Node] = (),
    written_out: Callable[[list[Node]], list[Node] | None],
) -> Valuation:
    """Evaluate nodes on values, those outputs that are derivatives as `settled` finds them: they
    are those of the others, and of the nodes in `of`. `written_out` gives nodes without calls and
    loops, where these are not too long: inside of one no entry is told from another."""
    valuation = evaluate(outputs, values) if plain is None else plain
    work, function = work_of_run(outputs, values), [n for n in outputs if n not in derivatives]
    if of and _open(valuation, derivatives):
        bound = [node for node in of if inputs_among(reachable([node])).keys() <= values.keys()]
        functions = {f"function/{i}": node for i, node in enumerate(bound)}
        outputs, function = {**outputs, **functions}, [*function, *functions]
        known = evaluate(functions, values).outputs
        valuation = replace(valuation, outputs={**valuation.outputs, **known})

    def again(by: Calculate, values: Mapping[str, Any]) -> Valuation:
        inlined = written_out(list(outputs.values()))
        given = outputs if inlined is None else dict(zip(outputs, inlined, strict=True))
        return evaluate(given, values, by=by)

    return settled(valuation, values, moving, derivatives, again, work=work, function=function)


def work_of_run(outputs: Mapping[str, Node], values: Mapping[str, Any]) -> Callable[[], float]:
    """Return the work of a run of nodes, counted when it is asked for."""

    def work() -> float:
        return sum(map(work_of, reachable(with_sizes(list(outputs.values()), values))))

    return work


def _open(valuation: Valuation, names: Collection[str]) -> bool:
    return any(not np.isfinite(valuation.outputs[name]).all() for name in names)


def _finite(values: Mapping[str, Any]) -> bool:
    return all(np.isfinite(value).all() for value in values.values())


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


# ------------------------------------------------------------------ limits
def _with_limits(
    valuation: Valuation,
    values: Mapping[str, Any],
    moving: Collection[str],
    names: Collection[str],
    function: Collection[str],
    again: Again,
) -> Valuation:
    look = partial(careful_run, moving=moving, extended=True, beside=True)
    outputs, settled_some = dict(valuation.outputs), False
    for everywhere in (False, True):
        sides = [
            [
                _tried(again, look, _moved(values, moving, direction, step, everywhere))
                for step in (0, 1)
            ]
            for direction in _directions(values, moving)
        ]
        kept = [pair for pair in sides if all(_inside(valuation, side, function) for side in pair)]
        jumps = any(_jumps(valuation, side, function) for pair in sides for side in pair)
        if len(kept) < 2 or jumps:
            continue
        for name in names:
            limit, sure = _limit([[side.outputs[name] for side in pair if side] for pair in kept])
            taken = np.isnan(outputs[name]) & sure
            settled_some = settled_some or bool(np.any(taken))
            outputs[name] = np.where(taken, limit, outputs[name]).astype(outputs[name].dtype)
        if not any(np.isnan(outputs[name]).any() for name in names):
            break
    if not settled_some:
        return valuation
    return replace(valuation, outputs=outputs, remarks=(*valuation.remarks, _AT_LIMIT()))


def _directions(values: Mapping[str, Any], moving: Collection[str]) -> list[dict[str, Array]]:
    """Return directions of unlike signs and sizes, each with the opposite one; also of one sign,
    for points at the edge of a domain."""
    rng = np.random.default_rng(0)
    directions: list[dict[str, Array]] = []
    for side in range(_SIDES):
        one = {n: 1.0 + rng.integers(0, 16, np.shape(values[n])) / 8.0 for n in moving}
        if side:
            signs = {n: rng.choice([-1.0, 1.0], np.shape(values[n])) for n in moving}
            one = {n: one[n] * signs[n] for n in moving}
        directions += [one, {n: -one[n] for n in moving}]
    return directions


def _moved(
    values: Mapping[str, Any],
    moving: Collection[str],
    direction: Mapping[str, Array],
    step: int,
    everywhere: bool,
) -> dict[str, Any]:
    """Return a point near the given one: zeros move by a tiny step, with `everywhere` other numbers
    by as little as long doubles can represent."""
    moved = dict(values)
    for name in moving:
        value = np.asarray(values[name])
        if value.dtype.kind not in "fc":
            continue
        wide = value.astype(np.clongdouble if value.dtype.kind == "c" else np.longdouble)
        zero = wide == 0
        size = np.where(zero, 1.0, 2.0 ** np.floor(np.log2(np.abs(np.where(zero, 1.0, wide)))))
        bits = np.finfo(np.longdouble).nmant
        far = size * 2.0 ** -(bits - (20, 10)[step]) if everywhere else 0.0
        moved[name] = wide + direction[name] * np.where(zero, 2.0 ** -(160, 220)[step], far)
    return moved


def _inside(valuation: Valuation, side: Valuation | None, names: Collection[str]) -> bool:
    """Tell whether a nearby point belongs to the domain, and the function is continuous towards it,
    as far as the values show."""
    return side is not None and all(
        np.allclose(valuation.outputs[n], side.outputs[n], rtol=1e-6, atol=1e-12)
        for n in names
        if valuation.outputs[n].dtype.kind in "fc"
    )


def _jumps(valuation: Valuation, side: Valuation | None, names: Collection[str]) -> bool:
    """Tell whether the function's values at the point and near it differ."""
    return side is not None and any(
        np.isfinite(valuation.outputs[n]).all() and np.isfinite(side.outputs[n]).all()
        for n in names
        if not _inside(valuation, side, (n,))
    )


def _limit(sides: list[list[Array]]) -> tuple[Array, Any]:
    """Return what a derivative tends to, and for which entries all sides agree on it."""
    far, near = (np.array([pair[i] for pair in sides]) for i in (0, 1))
    with np.errstate(all="ignore"):
        vanishing = np.all(np.abs(near) <= np.abs(far) / 8, axis=0) & np.all(
            np.abs(near) < 1e-6, axis=0
        )
        size = np.max(np.abs(near), axis=0)
        agree = np.max(np.abs(near - near[0]), axis=0) <= _AGREE * size
        agree &= np.max(np.abs(far - near), axis=0) <= _AGREE * size
    return np.where(vanishing, 0.0, near[0]), (vanishing | agree) & np.isfinite(near).all(axis=0)
