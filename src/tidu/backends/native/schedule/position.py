"""Positions in memory as linear forms of the loop indices: their coefficients are the strides.

The facets `reads_at` and `writes_at` of an op give an index as integer texts; `read` makes a form
of i*64 + j. Quotients and remainders stay linear where the ranges of the indices allow it, as
after a reshape; otherwise they are atoms of the form.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class LoopIndex:
    """The index of a loop: 0 ≤ index < size."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class FloorQuotient:
    value: Position
    divisor: int


@dataclass(frozen=True, slots=True)
class Remainder:
    value: Position
    divisor: int


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An entry of an index array, which may count from the end of an axis of this size."""

    value: Any  # an expression; see `expression`
    size: int


Atom: TypeAlias = LoopIndex | FloorQuotient | Remainder | IndexEntry


@dataclass(frozen=True, slots=True)
class Position:
    """constant + Σ coefficient · atom."""

    constant: int
    terms: tuple[tuple[Atom, int], ...] = ()

    def __add__(self, other: Position) -> Position:
        return _form(self.constant + other.constant, (*self.terms, *other.terms))

    def __sub__(self, other: Position) -> Position:
        return self + other.scaled(-1)

    def scaled(self, factor: int) -> Position:
        if factor == 0:
            return Position(0)
        return Position(self.constant * factor, tuple((a, c * factor) for a, c in self.terms))

    def coefficient(self, loop: LoopIndex) -> int:
        return dict(self.terms).get(loop, 0)

    def range(self) -> tuple[int, int]:
        """Return the least and the largest value."""
        low = high = self.constant
        for atom, coefficient in self.terms:
            ends = [coefficient * end for end in _range(atom)]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def hidden(self) -> frozenset[LoopIndex]:
        """Return the loop indices in which the form is not linear."""
        return frozenset[LoopIndex]().union(
            *(_loops(atom) for atom, _ in self.terms if not isinstance(atom, LoopIndex))
        )

    def loops(self) -> frozenset[LoopIndex]:
        return frozenset[LoopIndex]().union(*(_loops(atom) for atom, _ in self.terms))

    def entries(self) -> list[IndexEntry]:
        """Return the entries of index arrays on which the position depends."""
        entries: list[IndexEntry] = []
        for atom, _ in self.terms:
            match atom:
                case IndexEntry():
                    entries.append(atom)
                case FloorQuotient(value, _) | Remainder(value, _):
                    entries.extend(value.entries())
                case LoopIndex():
                    pass
        return entries


ZERO = Position(0)


def position_of(loop: LoopIndex) -> Position:
    """Return a loop index as a form; that of a loop that runs once is 0."""
    return ZERO if loop.size == 1 else Position(0, ((loop, 1),))


def _form(constant: int, terms: Sequence[tuple[Atom, int]]) -> Position:
    sums: dict[Atom, int] = {}
    for atom, coefficient in terms:
        sums[atom] = sums.get(atom, 0) + coefficient
    return Position(constant, tuple((a, c) for a, c in sums.items() if c))


def _range(atom: Atom) -> tuple[int, int]:
    match atom:
        case LoopIndex(_, size) | IndexEntry(_, size):
            return 0, size - 1
        case FloorQuotient(value, divisor):
            low, high = value.range()
            return low // divisor, high // divisor
        case Remainder(_, divisor):
            return 0, divisor - 1


def _loops(atom: Atom) -> frozenset[LoopIndex]:
    match atom:
        case LoopIndex():
            return frozenset((atom,))
        case IndexEntry(value, _):
            return value.loops()
        case FloorQuotient(value, _) | Remainder(value, _):
            return value.loops()


def divided(value: Position, divisor: int) -> tuple[Position, Position]:
    """Return quotient and remainder: linear if the terms that the divisor does not divide sum to
    less than it."""
    quotient_terms = [(a, c // divisor) for a, c in value.terms if c % divisor == 0]
    remaining = tuple((a, c) for a, c in value.terms if c % divisor)
    left = Position(value.constant % divisor, remaining)
    low, high = left.range()
    if low >= 0 and high < divisor:
        return Position(value.constant // divisor, tuple(quotient_terms)), left
    return (
        Position(0, ((FloorQuotient(value, divisor), 1),)),
        Position(0, ((Remainder(value, divisor), 1),)),
    )


def linear(index: Sequence[Position], shape: Sequence[int]) -> Position:
    """Return the position of the element at an index, in an array in C order."""
    total, stride = ZERO, 1
    for position, size in zip(reversed(index), reversed(shape), strict=True):
        total = total + position.scaled(stride)
        stride *= size
    return total


# ------------------------------------------------------------------ texts
def read(text: str, names: Mapping[str, Position]) -> Position:
    """Return the form of an integer text over named positions.

    >>> i, j = LoopIndex("i", 4), LoopIndex("j", 8)
    >>> at = read("((i) * (8) + (j)) / (8)", {"i": position_of(i), "j": position_of(j)})
    >>> at == position_of(i)
    True
    """
    return _value(_parsed(text), names)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _value(tree: ast.expr, names: Mapping[str, Position]) -> Position:
    match tree:
        case ast.Constant(int(number)):
            return Position(number)
        case ast.Name(name):
            return names[name]
        case ast.UnaryOp(ast.USub(), operand):
            return _value(operand, names).scaled(-1)
        case ast.BinOp(left, operator, right):
            return _combined(operator, _value(left, names), _value(right, names))
        case _:
            raise ValueError(f"no integer text: {ast.unparse(tree)}")


def _combined(operator: ast.operator, one: Position, two: Position) -> Position:
    """Combine two forms. Raises ValueError for a product or quotient that is not linear."""
    match operator:
        case ast.Add():
            return one + two
        case ast.Sub():
            return one - two
        case ast.Mult() if not two.terms:
            return one.scaled(two.constant)
        case ast.Mult() if not one.terms:
            return two.scaled(one.constant)
        case ast.Div() if not two.terms and two.constant > 0:
            return divided(one, two.constant)[0]
        case ast.Mod() if not two.terms and two.constant > 0:
            return divided(one, two.constant)[1]
        case ast.Div() | ast.Mod() if not two.terms:
            return ZERO  # of an axis without elements: nothing is read there
        case _:
            raise ValueError(f"not linear: {type(operator).__name__} of {one} and {two}")
