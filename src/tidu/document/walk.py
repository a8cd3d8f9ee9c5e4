"""Walks over formulas: the parts of one, and a formula with its parts changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, cast

from tidu.document.math import Math
from tidu.words import Formula


def parts_of(tree: Math) -> Iterator[Math]:
    """Yield a formula and every formula in it, from left to right.

    >>> from tidu.document.math import Negative, symbol
    >>> len(list(parts_of(Negative(symbol("a")))))
    2
    """
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(list(_children(part)))


def _children(tree: Math) -> Iterator[Math]:
    values = [getattr(tree, field.name) for field in fields(cast(Any, tree))]
    while values:
        value = values.pop(0)
        if isinstance(value, tuple):
            values = [*cast("tuple[Any, ...]", value), *values]
        elif isinstance(value, Formula):
            yield cast("Math", value)


def with_children(tree: Math, change: Callable[[Math], Math]) -> Math:
    """Return a formula with each formula directly in it changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(changed(item) for item in cast("tuple[Any, ...]", value))
        return change(cast("Math", value)) if isinstance(value, Formula) else value

    items = fields(cast(Any, tree))
    return replace(tree, **{item.name: changed(getattr(tree, item.name)) for item in items})
