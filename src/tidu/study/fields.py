"""Keys of a study file as fields of records.

A key stands once: in the record that holds its value, as a field made by `key_field`. The tables
of the format come from the fields (`keys_of`), and with them the check of a file, its JSON schema
and the pages of the docs; so does the reading (`read_fields`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, TypeAlias, cast

from tidu.errors import Place
from tidu.study.kinds import ValueKind
from tidu.study.table import Key, TableFormat
from tidu.study.toml_lines import KeyPath, TomlFile
from tidu.words import Lines, Phrase, Words, on_one_line, verbatim

_LANGUAGES = Words(en="{en}", zh="{zh}")


@dataclass(frozen=True, slots=True)
class StudyTable:
    """A table of a study file: what stands in it, and where."""

    document: TomlFile
    data: Mapping[str, Any]
    path: KeyPath = ()

    def place(self, *keys: str | int) -> Place:
        return self.document.place((*self.path, *keys))

    def table(self, name: str) -> StudyTable:
        """Return the table under a key; an empty one where there is none."""
        return StudyTable(self.document, self.data.get(name, {}), (*self.path, name))

    def tables(self, name: str) -> list[StudyTable]:
        """Return the tables under a key: a table alone, or a list of them."""
        value, path = self.data.get(name, []), (*self.path, name)
        if isinstance(value, dict):
            return [StudyTable(self.document, cast("dict[str, Any]", value), path)]
        return [StudyTable(self.document, item, (*path, index)) for index, item in enumerate(value)]


def last_with(entries: Iterable[StudyTable], *names: str) -> StudyTable | None:
    """Return the last table that has one of the keys."""
    last = None
    for entry in entries:
        if any(name in entry.data for name in names):
            last = entry
    return last


Reader: TypeAlias = Callable[[StudyTable, str], Any]


def plain(entry: StudyTable, name: str) -> Any:
    """Return the value as it stands there; a number without the memory of how it was written."""
    return without_text(entry.data[name])


def without_text(value: Any) -> Any:
    if isinstance(value, list):
        return [without_text(one) for one in cast("list[Any]", value)]
    return float(value) if isinstance(value, float) else value


def as_written(entry: StudyTable, name: str) -> Any:
    """Return the value as it stands there, decimal numbers with their texts."""
    return entry.data[name]


def as_tuple(entry: StudyTable, name: str) -> tuple[Any, ...]:
    """Return a text, or the entries of a list, as a tuple."""
    value = entry.data[name]
    return (value,) if isinstance(value, str) else tuple(value)


def phrase(entry: StudyTable, name: str) -> Phrase:
    """Return a title or other text of one line, in which line ends only wrap the file."""
    return _in_both(entry.data[name], on_one_line)


def prose(entry: StudyTable, name: str) -> Phrase:
    """Return a text in which blank lines part the paragraphs."""
    return _in_both(entry.data[name], lambda text: Lines(text.strip()))


def _in_both(value: Any, read: Callable[[str], str]) -> Phrase:
    """Return a text in both languages; with one language only, it stands for both."""
    if isinstance(value, str):
        return verbatim(read(value))
    either = next(iter(value.values()))
    return _LANGUAGES(en=read(value.get("en", either)), zh=read(value.get("zh", either)))


@dataclass(frozen=True, slots=True)
class ProgramText:
    """A text to be read as a program; `first_line` is the line of the file at which it starts."""

    text: str
    place: Place
    first_line: int


def program(entry: StudyTable, name: str) -> ProgramText:
    """Return a text with the line at which it starts."""
    line = entry.document.texts[(*entry.path, name)]
    return ProgramText(entry.data[name], entry.place(name), line)


# ------------------------------------------------------------------------ fields
def key_field(
    says: Words,
    kind: ValueKind | None = None,
    default: Any = MISSING,
    *,
    name: str = "",
    table: TableFormat | None = None,
    many: bool = False,
    required: bool = False,
    read: Callable[[Any, str], Any] = plain,
    inherits: str = "",
) -> Any:
    """Return a field that a key fills: that of the field's name, unless `name` says another.

    `read` makes the value from the table that has the key. Of a part, which takes keys from several
    tables, `inherits` says from which, and `read` is given all of them.
    """
    record = Key(name, says, kind, table, many, required)
    metadata = {"keys": (record,), "read": read, "inherits": inherits}
    return field(default=default, metadata=metadata)


def keys_field(
    several: tuple[Key, ...], read: Callable[[Any, str], Any] | None = None, inherits: str = ""
) -> Any:
    """Return a field that several keys fill together. `read` is given the field's name; without it
    the field is filled by who makes the record."""
    return field(metadata={"keys": several, "read": read, "inherits": inherits})


def keys_of(record: type[Any], inherits: str | None = None) -> tuple[Key, ...]:
    """Return the keys that fill the fields of a record, in order; of one kind of inheritance, or
    all."""
    return tuple(
        replace(known, name=known.name or item.name)
        for item in fields(record)
        if inherits is None or item.metadata.get("inherits") == inherits
        for known in item.metadata.get("keys", ())
    )


def read_fields(record: type[Any], entry: StudyTable, only: str | None = None) -> dict[str, Any]:
    """Return the values of a record's fields whose keys stand in the table, or of one of them."""
    values: dict[str, Any] = {}
    for item in fields(record):
        names = [known.name or item.name for known in item.metadata.get("keys", ())]
        if len(names) == 1 and names[0] in entry.data and only in (None, names[0]):
            values[item.name] = item.metadata["read"](entry, names[0])
        elif len(names) > 1 and item.metadata["read"] is not None:
            values[item.name] = item.metadata["read"](entry, item.name)
    return values
