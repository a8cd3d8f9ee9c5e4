"""Kinds of values in a study file: what is accepted, how it is called, and its JSON schema."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tidu.ir.types import is_size_name
from tidu.words import Words


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value: its name in messages, a test, its JSON schema, and an example to paste."""

    says: Words
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any]
    example: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


MOST_INTEGER = 2**63 - 1  # as TOML asks of every reader
MOST_AXES = 32  # of an array, as NumPy has had it for long


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_INTEGER


def _is_number(value: Any) -> bool:
    """Return a number that a double can hold: TOML's integers may have any number of digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= sys.float_info.max


def _is_positive(value: Any) -> bool:
    return _is_number(value) and 0 < value <= sys.float_info.max


def _is_texts(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, list) and all(map(_is_text, cast("list[Any]", value)))
    )


def _is_words(value: Any) -> bool:
    if not isinstance(value, dict):
        return _is_text(value)
    table = cast("dict[str, Any]", value)
    return bool(table) and set(table) <= {"zh", "en"} and all(map(_is_text, table.values()))


def _is_numbers(value: Any) -> bool:
    """Return a number or nested lists of numbers of equal length, at most eight deep."""
    return _extent(value, 8) is not None


def _extent(value: Any, depth: int) -> tuple[int, ...] | None:
    if _is_number(value):
        return ()
    if not isinstance(value, list) or not depth:
        return None
    extents = {_extent(item, depth - 1) for item in cast("list[Any]", value)}
    if len(extents) != 1:
        return None
    inner = extents.pop()
    return None if inner is None else (len(cast("list[Any]", value)), *inner)


def _is_array(value: Any) -> bool:
    return _is_text(value) or _is_numbers(value)


def _is_sizes(value: Any) -> bool:
    return _is_short(value) and all(
        (_is_text(item) and is_size_name(item)) or (_is_integer(item) and item >= 0)
        for item in cast("list[Any]", value)
    )


def _is_shape(value: Any) -> bool:
    return _is_short(value) and all(
        _is_integer(item) and item >= 0 for item in cast("list[Any]", value)
    )


def _is_short(value: Any) -> bool:
    """Return a list that may be a shape."""
    return isinstance(value, list) and len(cast("list[Any]", value)) <= MOST_AXES


def _limited(kind: str, **limits: float) -> dict[str, Any]:
    """Return the JSON schema of a number within limits."""
    return {"type": kind, **limits}


_STRING = {"type": "string"}
_NUMBER = {"type": "number"}

TEXT = ValueKind(Words(en="a text", zh="字符串"), _is_text, _STRING, '"…"')
TEXTS = ValueKind(
    Words(en="a text or a list of texts", zh="字符串或字符串列表"),
    _is_texts,
    {"anyOf": [_STRING, {"type": "array", "items": _STRING}]},
    '["W1", "b1"]',
)
WORDS = ValueKind(
    Words(
        en="a text, or one for each language {zh = …, en = …}",
        zh="字符串，或两种语言各一个 {zh = …, en = …}",
    ),
    _is_words,
    {
        "anyOf": [
            _STRING,
            {
                "type": "object",
                "properties": {"zh": _STRING, "en": _STRING},
                "additionalProperties": False,
                "minProperties": 1,
            },
        ]
    },
    '{zh = "…", en = "…"}',
)
INTEGER = ValueKind(Words(en="an integer", zh="整数"), _is_integer, {"type": "integer"}, "1")
COUNT = ValueKind(
    Words(en="a positive integer", zh="正整数"),
    lambda value: _is_integer(value) and value > 0,
    _limited("integer", minimum=1),
    "10",
)
MOST_STEPS = 1_000_000  # a study is opened without a thought: it may not run for ever
STEPS = ValueKind(
    Words(en="an integer from 1 to 1000000", zh="不超过 1000000 的正整数"),
    lambda value: _is_integer(value) and 1 <= value <= MOST_STEPS,
    _limited("integer", minimum=1, maximum=MOST_STEPS),
    "10",
)
SEED = ValueKind(
    Words(en="an integer from 0 on", zh="非负整数"),
    lambda value: _is_integer(value) and value >= 0,
    _limited("integer", minimum=0),
    "1",
)
DIGITS = ValueKind(
    Words(en="an integer from 1 to 17", zh="1 到 17 的整数"),
    lambda value: _is_integer(value) and 1 <= value <= 17,
    _limited("integer", minimum=1, maximum=17),
    "6",
)
NUMBER = ValueKind(Words(en="a number", zh="数"), _is_number, _NUMBER, "0.5")
POSITIVE = ValueKind(
    Words(en="a positive number", zh="正数"),
    _is_positive,
    _limited("number", exclusiveMinimum=0),
    "0.01",
)
MOMENTUM = ValueKind(
    Words(en="a number from 0 on and below 1", zh="不小于 0 且小于 1 的数"),
    lambda value: _is_number(value) and 0 <= value < 1,
    _limited("number", minimum=0, exclusiveMaximum=1),
    "0.9",
)
SHARE = ValueKind(
    Words(en="a number above 0 and at most 1", zh="大于 0 且不超过 1 的数"),
    lambda value: _is_number(value) and 0 < value <= 1,
    _limited("number", exclusiveMinimum=0, maximum=1),
    "0.5",
)
NOT_NEGATIVE = ValueKind(
    Words(en="a number from 0 on", zh="非负数"),
    lambda value: _is_number(value) and 0 <= value <= sys.float_info.max,
    _limited("number", minimum=0),
    "0.01",
)
SHARES = ValueKind(
    Words(en="two numbers from 0 on and below 1", zh="两个不小于 0 且小于 1 的数"),
    lambda value: (
        isinstance(value, list)
        and len(cast("list[Any]", value)) == 2
        and all(MOMENTUM.accepts(one) for one in cast("list[Any]", value))
    ),
    {"type": "array", "items": dict(MOMENTUM.schema), "minItems": 2, "maxItems": 2},
    "[0.9, 0.999]",
)
FLAG = ValueKind(
    Words(en="true or false", zh="true 或 false"),
    lambda value: isinstance(value, bool),
    {"type": "boolean"},
    "true",
)
_NESTED = {"type": "array"}
ARRAY = ValueKind(
    Words(
        en='a number, a rectangular list of numbers, or a text such as "ones(4, 3)"',
        zh='数、各行等长的数字列表，或 "ones(4, 3)" 这样的文字',
    ),
    _is_array,
    {"anyOf": [_NUMBER, _NESTED, _STRING]},
    "[[1, 2], [3, 4]]",
)
NUMBERS = ValueKind(
    Words(en="a number or a rectangular list of numbers", zh="数，或各行等长的数字列表"),
    _is_numbers,
    {"anyOf": [_NUMBER, _NESTED]},
    "[[24, 24]]",
)
PLACES = ValueKind(
    Words(en="an integer from 0 to 17", zh="0 到 17 的整数"),
    lambda value: _is_integer(value) and 0 <= value <= 17,
    _limited("integer", minimum=0, maximum=17),
    "4",
)
SIZES = ValueKind(
    Words(en="a list of sizes, numbers or names", zh="由各轴大小（数或名字）组成的列表"),
    _is_sizes,
    {
        "type": "array",
        "items": {"anyOf": [_limited("integer", minimum=0), _STRING]},
    },
    '["n", 3]',
)
SHAPE = ValueKind(
    Words(en="a list of integers", zh="整数列表"),
    _is_shape,
    {"type": "array", "items": _limited("integer", minimum=0)},
    "[4, 3]",
)


def between(low: float, high: float) -> ValueKind:
    """Return a number from low to high."""
    return ValueKind(
        Words(en=f"a number from {low:g} to {high:g}", zh=f"{low:g} 到 {high:g} 之间的数"),
        lambda value: _is_number(value) and low <= value <= high,
        _limited("number", minimum=low, maximum=high),
        f"{high:g}",
    )


def one_of(*choices: str) -> ValueKind:
    """Return one of a few texts."""
    listed = ", ".join(f'"{choice}"' for choice in choices).replace("\t", "\\t")
    return ValueKind(
        Words(en=f"one of {listed}", zh=f"{listed} 之一"),
        lambda value: isinstance(value, str) and value in choices,
        {"enum": list(choices)},
        f'"{choices[0]}"',
    )


def type_name(value: Any) -> Words:
    """Return what TOML calls a value."""
    for kind, words in _TYPES:
        if isinstance(value, kind):
            return words
    return Words(en="a date or time", zh="日期或时间")


_TYPES: tuple[tuple[type, Words], ...] = (
    (bool, Words(en="true/false", zh="真/假值")),
    (str, Words(en="a text", zh="文字")),
    (int, Words(en="an integer", zh="整数")),
    (float, Words(en="a decimal number", zh="小数")),
    (list, Words(en="a list", zh="列表")),
    (dict, Words(en="a table", zh="表")),
)
