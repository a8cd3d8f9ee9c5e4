"""Lines and terms that are the same from step to step, written once for a step t.

Step numbers are those of names, h⁽³⁾, and those of indices, X[3, :]. Trees that are alike but for
such numbers, which all grow by the same amount from one tree to the next, are steps of one formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidu.document.math import Big, Index, Math, Number, Relation, Sum, Symbol
from tidu.document.walk import with_children

_FEWEST = 4  # equal terms or lines that are worth Σₜ
_STEP_NAMES = ("t", "k", "s", "τ")


@dataclass(frozen=True, slots=True)
class ListedLine:
    """A name and its formula; with a step such as t, one for each value from `first` to `last`."""

    left: Math
    right: Math
    step: str = ""
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class _Family:
    """Trees that are steps of one formula: the formula in t, and the range of t."""

    tree: Math
    low: int
    high: int


def gathered(lines: Sequence[tuple[Math, Math]], taken: Collection[str]) -> list[ListedLine]:
    """Return the lines with those that follow one another in equal steps as one."""
    step = _free(taken)
    result: list[ListedLine] = []
    start = 0
    while start < len(lines):
        stop, family = _longest_run(lines, start, step)
        if family is None:
            result.append(ListedLine(*lines[start]))
        else:
            assert isinstance(family.tree, Relation)
            left, right = family.tree.parts
            downwards = _numbers(lines[start][0]) > _numbers(lines[stop - 1][0])
            first, last = (family.high, family.low) if downwards else (family.low, family.high)
            result.append(ListedLine(left, right, step, first, last))
        start = stop
    return result


def summed(tree: Math, taken: Collection[str]) -> Math:
    """Return a formula with sums of equal steps as Σₜ."""
    step = _free(taken)
    return _mapped(tree, lambda part: _as_sum(part, step) if isinstance(part, Sum) else part)


def _as_sum(tree: Sum, step: str) -> Math:
    groups: dict[Any, list[Math]] = {}
    for term in tree.terms:
        groups.setdefault(_shape(term), []).append(term)
    terms: list[Math] = []
    sums: list[Math] = []  # stand last, where it is plain what they are of
    for group in groups.values():
        family = _family(group, step) if len(group) >= _FEWEST else None
        if family is None:
            terms += group
        else:
            below = Relation((Symbol(step), Number(str(family.low))), ("=",))
            sums.append(Big("∑", family.tree, below, Number(str(family.high))))
    terms += sums
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _longest_run(
    lines: Sequence[tuple[Math, Math]], start: int, step: str
) -> tuple[int, _Family | None]:
    """Return where the lines end that are steps of the formula that begins here."""
    whole = [Relation(line, ("=",)) for line in lines[start:]]
    alike = next(
        (i for i, line in enumerate(whole) if _shape(line) != _shape(whole[0])), len(whole)
    )
    for stop in range(alike, _FEWEST - 1, -1):
        family = _family(whole[:stop], step)
        if family is not None:
            return start + stop, family
    return start + 1, None


def _family(trees: Sequence[Math], step: str) -> _Family | None:
    """Return what trees of one shape are steps of: some number grows by 1 from one to the next, and
    every other is constant or grows along."""
    rows = [_numbers(tree) for tree in trees]
    columns = list(zip(*rows, strict=True))
    moving = next((column for column in columns if len(set(column)) > 1), None)
    if moving is None:
        return None
    low, high = min(moving), max(moving)
    if sorted(moving) != list(range(low, high + 1)):
        return None
    offsets: list[int | None] = []
    for column in columns:
        distances = {n - m for n, m in zip(column, moving, strict=True)}
        if len(set(column)) > 1 and len(distances) > 1:
            return None
        offsets.append(distances.pop() if len(set(column)) > 1 else None)
    first = trees[moving.index(low)]
    each = iter(offsets)
    return _Family(_renumbered(first, lambda n: _step(next(each), n, step)), low, high)


def _step(offset: int | None, number: int, step: str) -> str:
    if offset is None:
        return str(number)
    return step if not offset else f"{step}{'+' if offset > 0 else '−'}{abs(offset)}"


# ------------------------------------------------------------------ numbers in trees
_INTEGER = re.compile(r"\d+")
_SLICE = re.compile(r"\d+(:\d+)+")


def _renumbered(tree: Math, to: Callable[[int], str]) -> Math:
    """Return a tree with each step number replaced, in the order in which they stand."""

    def text(given: str) -> str:
        return _INTEGER.sub(lambda match: to(int(match.group())), given)

    def change(part: Math, of_index: bool) -> Math:
        if isinstance(part, Symbol):
            is_index = of_index or _SLICE.fullmatch(part.base)
            base = text(part.base) if is_index else part.base
            return replace(part, base=base, sup=text(part.sup))
        if isinstance(part, Number) and of_index and part.text.isdigit():
            return Symbol(text(part.text))
        if isinstance(part, Index):
            value = change(part.value, False)
            return Index(value, tuple(change(index, True) for index in part.indices))
        return with_children(part, lambda child: change(child, False))

    return change(tree, False)


def _numbers(tree: Math) -> tuple[int, ...]:
    numbers: list[int] = []

    def keep(number: int) -> str:
        numbers.append(number)
        return "0"

    _renumbered(tree, keep)
    return tuple(numbers)


def _shape(tree: Math) -> Math:
    """Return the tree with every step number as 0: equal for trees that differ in these alone."""
    return _renumbered(tree, lambda number: "0")


def _free(taken: Collection[str]) -> str:
    return next((name for name in _STEP_NAMES if name not in taken), "step")


# ------------------------------------------------------------------ trees
def _mapped(tree: Math, change: Callable[[Math], Math]) -> Math:
    return change(with_children(tree, lambda child: _mapped(child, change)))
