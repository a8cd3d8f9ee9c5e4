"""Sizes of 𝟏 and I, which follow from what they are joined with."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import cast

from tidu.ir.build import substitute
from tidu.ir.node import Node
from tidu.ir.types import Dim, Shape, Size
from tidu.text.values import Value, shape_of

_FRESH = "?"


@dataclass(eq=False)
class Sizes:
    """The sizes that were made for 𝟏 and I in a program, and what was found for them.

    count  how many were made: ?1, ?2, …
    found  what each of them is equal to
    """

    count: int = 0
    found: dict[str, Dim] = field(default_factory=dict[str, Dim])

    def new(self) -> Size:
        self.count += 1
        return Size.named(f"{_FRESH}{self.count}")

    def with_known_sizes(self, value: Value) -> Value:
        """Return a value with the sizes that are known by now."""
        if not self.found or not isinstance(value, Node):
            return value
        if not _fresh_names(value.shape) & self.found.keys():
            return value
        (settled,) = substitute([value], {}, cast("dict[str, int]", self._solved()))
        return settled

    def unify(self, one: Dim, two: Dim) -> None:
        """Make two sizes equal: that of a 𝟏 or I takes the other's value, the later one first, so
        that what is read already stays as it is."""
        one, two = self.known(one), self.known(two)
        pairs = [(age, value) for age, value in ((_age(one), two), (_age(two), one)) if age]
        for age, value in sorted(pairs, key=lambda pair: -pair[0]):
            name = f"{_FRESH}{age}"
            if not isinstance(value, Size) or name not in value.names():
                self.found[name] = value
                return

    def fit(self, one: Shape, two: Shape, product: bool) -> None:
        """Make the sizes of two shapes equal where an elementwise operation or a matrix product
        joins them."""
        if not self.count or not one or not two:
            return
        if product:
            self.unify(one[-1], two[max(-2, -len(two))])
            return
        for a, b in zip(reversed(one), reversed(two), strict=False):
            self.unify(a, b)

    def are_open(self, value: Value, code: ast.expr | None = None) -> bool:
        """Return whether a size that a value or its plain spelling needs was not found."""
        if isinstance(value, Node) and _fresh_names(value.shape):
            return True
        return code is not None and any(name.startswith(_FRESH) for name in _names(code))

    def written_out(self, code: ast.expr) -> ast.expr:
        """Return the plain spelling with the sizes that were found."""
        solved = {key: str(dim) for key, dim in self._solved().items()}
        for part in ast.walk(code) if solved else ():
            if isinstance(part, ast.Name) and part.id in solved:
                part.id = solved[part.id]
        return code

    def _solved(self) -> dict[str, Dim]:
        return {key: self.known(dim) for key, dim in self.found.items()}

    def known(self, dim: Dim) -> Dim:
        """Return a size with what was found for the names in it. No name stands for a size in which
        it stands itself (`unify`), so each round leaves fewer of them."""
        while isinstance(dim, Size) and (names := dim.names() & self.found.keys()):
            dim = dim.substitute({name: self.found[name] for name in names})
        return dim


def is_square(value: Value) -> bool:
    """Return whether a value is a matrix with as many rows as columns; a single number is none."""
    shape = shape_of(value)
    return len(shape) >= 2 and shape[-1] == shape[-2] and shape[-1] != 1


def is_matrix(value: Value) -> bool:
    """Tell whether two or more axes have more than one element."""
    return sum(dim != 1 for dim in shape_of(value)) > 1


def _names(code: ast.expr) -> list[str]:
    return [part.id for part in ast.walk(code) if isinstance(part, ast.Name)]


def _age(size: Dim) -> int:
    """Return the number of the 𝟏 or I whose size this is, from 1; 0 for other sizes."""
    terms = size.terms if isinstance(size, Size) else ()
    if len(terms) == 1 and terms[0][1] == 1 and len(terms[0][0]) == 1:
        name = terms[0][0][0]
        return int(name.removeprefix(_FRESH)) if name.startswith(_FRESH) else 0
    return 0


def _fresh_names(shape: Shape) -> set[str]:
    names = {n for dim in shape if isinstance(dim, Size) for n in dim.names()}
    return {n for n in names if n.startswith(_FRESH)}
