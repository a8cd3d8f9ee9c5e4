"""What the format of study files is written in: tables and their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidu.study.kinds import ValueKind
from tidu.words import Words


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table. `table` where a table may stand, `many` where a list of tables may."""

    name: str
    says: Words
    kind: ValueKind | None = None
    table: TableFormat | None = None
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A table: its keys, and what stands under names of the user's own.

    `variants`, by the key that marks each, hold the rest of the keys; `selector` names a key whose
    text picks one of `selected`; `standard` where the key is left out.
    """

    name: str
    says: Words
    keys: tuple[Key, ...] = ()
    own: Key | None = None
    variants: Mapping[str, TableFormat] | None = None
    selector: str | None = None
    standard: str | None = None
    selected: Mapping[str, TableFormat] | None = None

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)
