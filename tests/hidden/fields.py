"""Every place of a study file where a text can stand, from the tables of the format.

A new key of the format is in these tables, and so is tried without a word here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidu.study.part import STUDY
from tidu.study.table import Key, TableFormat

Document: TypeAlias = dict[str, Any]

OWN = "W1"  # where the format leaves names to the user

# Studies that solve, with something in them of all that a report shows.
PROGRAM: Document = {
    "title": "t",
    "program": "y = W1 @ x\nL = sum(abs(y - z))",
    "given": {OWN: [[1.0, 2.0]], "x": [1.0, 2.0], "z": [1.0]},
    "wrt": OWN,
    "descend": {"lr": 0.1, "steps": 2},
    "claim": {"name": "y", "value": [5]},
}
LAYERS: Document = {
    "title": "t",
    "layers": [{"type": "Linear", "in": 2, "out": 1, "bias": False}],
    "loss": {"type": "L1Loss", "target": "z"},
    "given": {OWN: [[1.0, 2.0]], "x": [[1.0], [2.0]], "z": [[1.0]]},
    "wrt": OWN,
}
_OF_LAYERS = frozenset({"layers", "layout", "input", "loss"})
# Names of parts and descents are shown where there are several.
_AGAIN: Document = {"part": {"id": "q"}, "descend": {"lr": 0.1, "steps": 2}}
# What a required text is, where these studies have something for it to name.
_TEXTS = {"name": "y", "of": OWN, "target": "z", "csv": "d.csv", "npz": "d.npz", "key": "a"}


@dataclass(frozen=True, slots=True)
class Field:
    """A key of the format: its path, and what has to stand beside each part of the path."""

    path: tuple[str, ...]
    beside: tuple[Document, ...]
    key: Key

    def study(self, value: Any, name: str | None = None) -> Document:
        """A study with this value there (under another name); the rest is that of a good one."""
        path = self.path if name is None else (*self.path[:-1], name)
        document = LAYERS if _OF_LAYERS & set(path[:2]) else PROGRAM
        placed = _placed(path, self.beside, value, {} if path[0] == "part" else document)
        again = _AGAIN.get(path[0])
        if again is not None and isinstance(placed[path[0]], dict):
            placed[path[0]] = [placed[path[0]], again]
        return {**document, **placed}

    def takes(self, value: Any) -> bool:
        return self.key.kind is not None and self.key.kind.accepts(value)


def fields() -> Iterator[Field]:
    """Every key of the format, each kind of a table with its own."""
    yield from _fields(STUDY, (), (), {})


def _fields(
    table: TableFormat, path: tuple[str, ...], above: tuple[Document, ...], marks: Document
) -> Iterator[Field]:
    for mark, variant in (table.variants or {}).items():
        yield from _fields(variant, path, above, {mark: _example(mark, variant.key(mark))})
    for name, variant in (table.selected or {}).items():
        yield from _fields(variant, path, above, {str(table.selector): name})
    if table.variants or table.selected:
        return
    required = {key.name: _example(key.name, key) for key in table.keys if key.required}
    beside = (*above, {**required, **marks})
    own = [] if table.own is None else [(OWN, table.own)]
    for name, key in [*((key.name, key) for key in table.keys), *own]:
        here = (*path, name)
        yield Field(here, beside, key)
        if key.table is not None:
            yield from _fields(key.table, here, beside, {})


def _example(name: str, key: Key | None) -> Any:
    """A value that the key takes, as messages give it."""
    if name in _TEXTS or key is None or key.kind is None:
        return _TEXTS.get(name, {})
    return tomllib.loads(f"x = {key.kind.example}")["x"]


def _placed(
    path: tuple[str, ...], beside: tuple[Document, ...], value: Any, document: Document
) -> Document:
    name, *rest = path
    if rest:
        inner: Document = document.get(name, {}) if name == "given" else {}
        if name == "part":
            inner = {"id": "p"}
        elif name == "claim" and rest != ["formula"]:
            inner = {"value": 5}
        value = _placed(tuple(rest), beside[1:], value, inner)
    return {**beside[0], **document, name: value}
