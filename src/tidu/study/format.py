"""The format of study files written out: as JSON schema for editors, as tables for the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidu.study.given import ASSUME, CSV, FUNCTIONS, GIVEN, INIT, NPZ, SHAPES
from tidu.study.part import STUDY
from tidu.study.table import Key, TableFormat
from tidu.words import Language, Phrase, Words

_KEY = Words(en="key", zh="键")
_VALUE = Words(en="value", zh="值")
_MEANING = Words(en="meaning", zh="含义")
_REQUIRED = Words(en="required", zh="必需")
_A_TABLE = Words(en="a table, see {name}", zh="一个表，见 {name}")
_TABLES = Words(en="tables, see {name}", zh="若干个表，见 {name}")
_OR = Words(en="{first}; or {second}", zh="{first}；或{second}")
_OWN = Words(en="a name of your own", zh="自己取的名字")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file (draft 2020-12), with descriptions in both
    languages."""
    tables: dict[str, dict[str, Any]] = {}
    study = _table_schema(STUDY, tables)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tidu study",
        **study,
        "$defs": tables,
    }


def _reference(table: TableFormat, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a table by name; its schema is put among `tables`."""
    if table.name not in tables:
        tables[table.name] = {}  # so that a table that contains itself would end
        tables[table.name] = _table_schema(table, tables)
    return {"$ref": f"#/$defs/{table.name}"}


def _table_schema(table: TableFormat, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if table.variants is not None:
        return {"anyOf": [_reference(variant, tables) for variant in table.variants.values()]}
    if table.selected is not None:
        marked = [
            _marked(name, _table_schema(variant, tables), table.selector)
            for name, variant in table.selected.items()
        ]
        return {"anyOf": marked}
    schema: dict[str, Any] = {
        "type": "object",
        "description": _both(table.says),
        "properties": {key.name: _key_schema(key, tables) for key in table.keys},
        "additionalProperties": _key_schema(table.own, tables) if table.own else False,
    }
    required = [key.name for key in table.keys if key.required]
    if required:
        schema["required"] = required
    return schema


def _marked(name: str, schema: dict[str, Any], selector: str | None) -> dict[str, Any]:
    properties = {**schema["properties"], selector: {"const": name}}
    return {**schema, "properties": properties}


def _key_schema(key: Key, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    if key.kind is not None:
        choices.append(dict(key.kind.schema))
    if key.table is not None:
        inner = _reference(key.table, tables)
        choices.append(inner)
        if key.many:
            choices.append({"type": "array", "items": inner})
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {**schema, "description": _both(key.says)}


def _both(words: Words) -> str:
    return f"{words.zh} / {words.en}"


# ------------------------------------------------------------------------- for the docs
def documented_tables() -> Iterator[TableFormat]:
    """Yield every table of the format once, in the order in which the docs show them."""
    yield STUDY
    yield from (GIVEN, INIT, CSV, NPZ, SHAPES, FUNCTIONS, ASSUME)
    seen = {"given", "shapes", "functions", "assume"}
    waiting = [key.table for key in STUDY.keys if key.table is not None]
    while waiting:
        table = waiting.pop(0)
        if table.name in seen:
            continue
        seen.add(table.name)
        yield table
        chosen = (table.selected or {}).values()
        yield from chosen
        keys = (*table.keys, *(key for variant in chosen for key in variant.keys))
        waiting.extend(key.table for key in keys if key.table is not None)


def markdown(language: Language) -> str:
    """Return the tables of the format with every key, as Markdown."""
    return "\n".join(_markdown_table(table, language) for table in documented_tables())


def _markdown_table(table: TableFormat, language: Language) -> str:
    lines = [f"### `{table.name}`", "", table.says().text(language), ""]
    rows = [*table.keys, *([table.own] if table.own else [])]
    if not table.selected and rows:
        heads = [word().text(language) for word in (_KEY, _VALUE, _MEANING)]
        lines += ["| " + " | ".join(heads) + " |", "|---|---|---|"]
        lines += [_markdown_row(key, table, language) for key in rows]
        lines.append("")
    return "\n".join(lines)


def _markdown_row(key: Key, table: TableFormat, language: Language) -> str:
    name = _OWN().text(language) if key is table.own else f"`{key.name}`"
    if key.required:
        name += f" ({_REQUIRED().text(language)})"
    cells = (name, _value_text(key).text(language), key.says().text(language))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value_text(key: Key) -> Phrase:
    if key.table is None:
        return key.kind.says() if key.kind else _A_TABLE(name="")
    variants = key.table.variants
    names = [t.name for t in variants.values()] if variants else [key.table.name]
    see = (_TABLES if key.many else _A_TABLE)(name=", ".join(f"`{name}`" for name in names))
    return see if key.kind is None else _OR(first=key.kind.says, second=see)
