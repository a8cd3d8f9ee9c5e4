"""What must not be seen raw in any output, a text that holds all of it, and TOML that says it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, cast

# By Unicode's own table, and what it calls default ignorable beyond that; `visible` has ranges.
_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_IGNORABLE = frozenset(
    map(
        chr,
        (
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2065),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xFFF0, 0xFFF9),
            *range(0xE0000, 0xE1000),
        ),
    )
)

# One of each kind that a terminal, an editor or a reader can be deceived by.
CLIPBOARD = "\x1b]52;c;aGk=\x07"
SIGNS = (
    "\x00\x07\x08\x0b\x0c\r\x1b[31m\x7f\x85\x9b\x9d\xad\u061c\u115f\u1160\u200b\u200c\u200d\u200e"
    "\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2066\u2067\u2068\u2069\u3164"
    "\ufe0f\ufeff\uffa0\ufff9\U000e0041\U000e0100"
)
SURROGATE = "\udc9b"
# Short, as messages cut long texts: kinds in turn, and what other formats act on.
PAYLOADS = (
    "q\x1b[31m\u202e\x9b\r\x00z",
    "q\n✓ forged\u2028\u200b\x7f\tz",
    "q\ufe0f\u1160",  # an identifier of Python's
    'q*/ """ \\input{z} ^^1b &#x1b;\x1bz',
    "[bold]q[/bold] `z` <b>\U000e0041\u061c</b>\x85",
)


def raw(text: str) -> list[str]:
    """The hidden characters in an output, but for the line ends that are its layout."""
    found = {c for c in text if unicodedata.category(c) in _CATEGORIES or c in _IGNORABLE}
    return sorted(f"U+{ord(c):04X}" for c in found - {"\n"})


def forged(text: str) -> list[str]:
    """Lines of an output that somebody's text has made."""
    return [line for line in text.split("\n") if line.startswith("✓ forged")]


def toml(table: Mapping[str, Any]) -> str:
    """A table as TOML in one line a key; hidden characters as escapes of TOML's."""
    return "".join(f"{_text(key)} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case Mapping():
            inner = cast("Mapping[str, Any]", value).items()
            return "{" + ", ".join(f"{_text(k)} = {_value(v)}" for k, v in inner) + "}"
        case Sequence():
            return "[" + ", ".join(map(_value, cast("Sequence[Any]", value))) + "]"
        case _:
            return repr(value)


def _text(text: str) -> str:
    return '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'
