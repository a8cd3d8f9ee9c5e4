"""A study file held against the tables of its format: unknown keys, wrong kinds, missing keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tidu.errors import StudyError, nearest
from tidu.study.kinds import ValueKind, type_name
from tidu.study.table import Key, TableFormat
from tidu.study.toml_lines import KeyPath, TomlFile
from tidu.words import Phrase, Words, verbatim

_UNKNOWN = Words(en="unknown key {key} in {table}", zh="{table}中没有 {key} 这个键")
_KNOWN = Words(en="its keys are: {keys}", zh="可用的键有：{keys}")
_KIND = Words(en="{key} must be {kind}, not {value}", zh="{key} 应为{kind}，而不是 {value}")
_CHOICE = Words(en="unknown {key} {value}", zh="没有名为 {value} 的 {key}")
_CHOICES = Words(en="it is {kind}", zh="它应为{kind}")
_MISSING = Words(en="{table} needs the key {key}", zh="{table}缺少键 {key}")
_MEANS = Words(en="{key}: {says}", zh="{key}：{says}")
_TABLE = Words(en="a table", zh="一个表")
_TABLES = Words(en="a table or a list of tables", zh="一个表或由表组成的列表")
_EITHER = Words(en="{kind}, or a table", zh="{kind}，或一个表")
_VARIANT = Words(
    en="the table of {name} says where the value comes from by one of the keys {keys}",
    zh="{name} 的表应以 {keys} 之一说明值从何而来",
)
_NAME = Words(en="{name} is no name for a value", zh="{name} 不能用作量的名字")
_NAME_WHY = Words(
    en="names use letters, digits and _ and do not start with a digit",
    zh="名字由字母、数字和 _ 组成，不以数字开头",
)
_THE_FILE = Words(en="the study", zh="例题文件")


def check(document: TomlFile, table: TableFormat, data: dict[str, Any], path: KeyPath = ()) -> None:
    """Raise `StudyError` for the first thing in `data` that the table does not provide for."""
    if table.variants is not None:
        table = _variant(document, table, data, path)
    if table.selected is not None and table.selector is not None:
        table = _selected(document, table, data, path)
    for name, value in data.items():
        key = table.key(name) or table.own
        here = (*path, name)
        if key is None:
            raise _unknown(document, table, name, here)
        if table.own is not None and not name.isidentifier():
            what = _NAME(name=repr(name))
            raise StudyError(what, place=document.place(here), why=_NAME_WHY())
        check_value(document, key, value, here)
    for key in table.keys:
        if key.required and key.name not in data:
            raise missing(document, table, key.name, path)


def check_value(document: TomlFile, key: Key, value: Any, path: KeyPath) -> None:
    """Check one value against its key: a plain value, a table, or a list of tables."""
    if key.table is not None and isinstance(value, dict):
        check(document, key.table, cast("dict[str, Any]", value), path)
    elif key.many and _all_tables(value):
        for index, item in enumerate(value):
            check(document, cast(TableFormat, key.table), item, (*path, index))
    elif key.kind is None or not key.kind.accepts(value):
        raise _wrong(document, key, value, path)


def _all_tables(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) for item in cast("list[Any]", value)
    )


def _variant(
    document: TomlFile, table: TableFormat, data: dict[str, Any], path: KeyPath
) -> TableFormat:
    variants = table.variants or {}
    markers = [name for name in variants if name in data]
    if markers:
        return variants[markers[0]]
    close = [closest(name, list(variants)) for name in data]
    fix = next((name for name in close if name), None)
    raise StudyError(
        _VARIANT(name=path[-1], keys=", ".join(variants)),
        place=document.place(path),
        fix=verbatim(fix) if fix else None,
    )


def _selected(
    document: TomlFile, table: TableFormat, data: dict[str, Any], path: KeyPath
) -> TableFormat:
    selector = cast(str, table.selector)
    if selector not in data and table.standard is not None:
        return cast("dict[str, TableFormat]", table.selected)[table.standard]
    if selector not in data:
        raise missing(document, table, selector, path)
    key = cast(Key, table.key(selector))
    check_value(document, key, data[selector], (*path, selector))
    return cast("dict[str, TableFormat]", table.selected)[data[selector]]


def _unknown(document: TomlFile, table: TableFormat, name: str, path: KeyPath) -> StudyError:
    known = [key.name for key in table.keys]
    close = closest(name, known)
    return StudyError(
        _UNKNOWN(key=name, table=table_name(table)),
        place=document.place(path),
        why=_KNOWN(keys=", ".join(known)),
        fix=verbatim(close) if close else None,
    )


def _wrong(document: TomlFile, key: Key, value: Any, path: KeyPath) -> StudyError:
    place = document.place(path)
    name = path[-1] if isinstance(path[-1], str) else key.name
    kind = key.kind
    if kind is not None and "enum" in kind.schema and isinstance(value, str):
        close = closest(value, kind.schema["enum"])
        return StudyError(
            _CHOICE(key=name, value=shown(value)),
            place=place,
            why=_CHOICES(kind=kind.says),
            fix=verbatim(f'{name} = "{close}"') if close else None,
        )
    return StudyError(
        _KIND(key=name, kind=_wanted(key), value=_described(value)),
        place=place,
        why=_MEANS(key=name, says=key.says),
        fix=verbatim(f"{name} = {kind.example}") if kind is not None else None,
    )


def _wanted(key: Key) -> Words | Phrase:
    kind: ValueKind | None = key.kind
    if kind is None:
        return _TABLES if key.many else _TABLE
    return kind.says if key.table is None else _EITHER(kind=kind.says)


_DESCRIBED = Words(en="{value} ({type})", zh="{value}（{type}）")


def _described(value: Any) -> Phrase:
    return _DESCRIBED(value=shown(value), type=type_name(value))


def shown(value: Any) -> str:
    """Return a value as TOML writes it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = '"' + value.split("\n")[0] + '"'
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key} = …" for key in cast("dict[str, Any]", value)) + "}"
    else:
        text = str(value)
    return text if len(text) <= 48 else text[:47] + "…"


def missing(document: TomlFile, table: TableFormat, name: str, path: KeyPath) -> StudyError:
    """Return the error for a key that must be there."""
    key = table.key(name)
    kind = key.kind if key else None
    place = document.place(path)
    fix = verbatim(f"{name} = {kind.example}") if kind is not None else None
    why = _MEANS(key=name, says=key.says) if key else None
    return StudyError(_MISSING(table=table_name(table), key=name), place=place, why=why, fix=fix)


def table_name(table: TableFormat) -> Words | str:
    """Return how messages call a table."""
    return _THE_FILE if table.name == "study" else f"[{table.name}]"


def closest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word meant: a misspelt one, or the only one of which `word` is a part."""
    parts = [name for name in known if word.lower() in name.lower().split("_")]
    return nearest(word, known) or (parts[0] if len(parts) == 1 else None)
