"""Trees of parameters: dicts, lists, tuples, named tuples and dataclasses, nested at will.

Own code rather than optree: a hundred lines, and what is needed beyond it is the naming of leaves.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tidu.errors import InputError
from tidu.words import Words

DEPTH = 100

_DEEP = Words(
    en="parameter {name} is nested more than {limit} deep",
    zh="参数 {name} 的嵌套超过 {limit} 层",
)
_DEEP_WHY = Words(en="does it contain itself?", zh="它是否包含了自己？")

Key = str | int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a parameter: its path below the parameter and its value."""

    parameter: str
    path: tuple[Key, ...]
    value: Any

    @property
    def spelling(self) -> str:
        """Return the path as Python writes it: params['W1'], layers[0].W."""
        return self.parameter + "".join(
            f"[{key}]"
            if isinstance(key, int)
            else f".{key}"
            if key.isidentifier()
            else f"[{key!r}]"
            for key in self.path
        )


def leaves(parameter: str, value: Any) -> list[Leaf]:
    """Return the leaves of a parameter, in order.

    >>> [leaf.spelling for leaf in leaves("p", {"W": 1.0, "b": (2.0, 3.0)})]
    ['p.W', 'p.b[0]', 'p.b[1]']
    """
    collected: list[Leaf] = []
    stack: list[tuple[tuple[Key, ...], Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        inner = children(item)
        if inner is None:
            collected.append(Leaf(parameter, path, item))
        elif len(path) >= DEPTH:
            raise InputError(_DEEP(name=parameter, limit=DEPTH), why=_DEEP_WHY())
        else:
            stack.extend(((*path, key), child) for key, child in reversed(inner))
    return collected


def children(value: Any) -> list[tuple[Key, Any]] | None:
    """Return the named parts of a tree node; None for a leaf."""
    if isinstance(value, Mapping):
        return [
            (k if isinstance(k, int) else str(k), v)
            for k, v in cast("Mapping[Any, Any]", value).items()
        ]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(cast(Any, value)._fields, cast("tuple[Any, ...]", value), strict=True))
    if isinstance(value, list | tuple):
        return list(enumerate(cast("list[Any]", value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    return None


def replace(
    value: Any, change: Callable[[tuple[Key, ...], Any], Any], path: tuple[Key, ...] = ()
) -> Any:
    """Return the same structure with `change(path, leaf)` in place of each leaf.

    It recurses; `leaves` has bounded the depth before.

    >>> replace({"W": 1, "b": [2, 3]}, lambda path, leaf: leaf * 10)
    {'W': 10, 'b': [20, 30]}
    """
    inner = children(value)
    if inner is None:
        return change(path, value)
    parts = [replace(child, change, (*path, key)) for key, child in inner]
    return _rebuild(value, parts)


def put(name: str, value: Any, handed: Mapping[tuple[str, tuple[Key, ...]], Any]) -> Any:
    """Return the structure of the argument `name` with new leaves in place of its own."""
    return replace(value, lambda path, leaf: handed.get((name, path), leaf))


def _rebuild(value: Any, parts: list[Any]) -> Any:
    if isinstance(value, Mapping):
        keys = list(cast("Mapping[Any, Any]", value))
        pairs = dict(zip(keys, parts, strict=True))
        if type(value) is dict:
            return pairs
        made = copy.copy(
            cast(Any, value)
        )  # keeps what the mapping knows besides, such as a default
        for key, part in pairs.items():
            made[key] = part
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*parts)
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(parts)
    made = copy.copy(value)  # not dataclasses.replace: that would run __init__ on gradients
    for field, part in zip(dataclasses.fields(value), parts, strict=True):
        object.__setattr__(made, field.name, part)
    return made


def short_names(all_leaves: list[Leaf]) -> list[str]:
    """Return a name for each leaf: its last key where unique (W1 for params.W1), else the whole
    path.

    >>> short_names(leaves("x", 1.0) + leaves("layers", [{"W": 1.0}, {"W": 2.0}]))
    ['x', 'W0', 'W1']
    """
    wanted = [_short(leaf) for leaf in all_leaves]
    counts = Counter(wanted)
    taken = {leaf.parameter for leaf in all_leaves if not leaf.path}
    names: list[str] = []
    for leaf, name in zip(all_leaves, wanted, strict=True):
        clash = counts[name] > 1 or (leaf.path and name in taken)
        names.append(_distinct(_full(leaf) if clash and leaf.path else name, names))
    return names


def _short(leaf: Leaf) -> str:
    words = [key for key in (leaf.parameter, *leaf.path) if isinstance(key, str)]
    numbers = [str(key) for key in leaf.path if isinstance(key, int)]
    word = words[-1] if words[-1].isidentifier() else _identifier(words[-1])
    return word + "_".join(numbers)


def _full(leaf: Leaf) -> str:
    return "_".join(
        _identifier(str(key)) if isinstance(key, str) else str(key)
        for key in (leaf.parameter, *leaf.path)
    )


def _identifier(text: str) -> str:
    """Return `fc1.weight` as a name of letters, digits and underscores."""
    kept = "".join(c if c.isalnum() or c == "_" else "_" for c in text)
    return kept if kept.isidentifier() else f"_{kept}"


def _distinct(name: str, taken: list[str]) -> str:
    return next(n for n in _candidates(name) if n not in taken)


def _candidates(name: str) -> Iterator[str]:
    yield name
    count = 2
    while True:
        yield f"{name}_{count}"
        count += 1
