"""The notation of a user's op, from the text that the user gives for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from tidu.document.math import (
    GREEK,
    Apply,
    Fence,
    Function,
    Math,
    Power,
    Product,
    ProductSign,
    Symbol,
    symbol,
)
from tidu.errors import InputError
from tidu.words import Words

_PATTERN = Words(
    en="notation {given} is not understood; it is a name, or a bracket, a product or a power with "
    "{arguments} in it: {forms}",
    zh="看不懂记号 {given}；它可以是名字，或含有 {arguments} 的括号、乘积、幂：{forms}",
)
_FORMS = "softclip, σ_k, ‖{x}‖_*, {a} ⊗ {b}, {A}^+"

_NAME = re.compile(r"([^\W\d_]\w*?)(?:_(\w+|\{\w+\}))?")
_BRACKET = re.compile(r"([^\w\s{}])\{(\w+)\}([^\w\s{}])(?:_(.+))?")
_PRODUCT = re.compile(r"\{(\w+)\}\s*([·×⊙⊘⊗])\s*\{(\w+)\}")
_POWER = re.compile(r"\{(\w+)\}\^(\S+)")

Notation = Callable[..., Math]


def read_notation(text: str, arguments: Sequence[str], settings: Sequence[str]) -> Notation:
    """Return notation(node, *trees), read from a text. Raise InputError for a text that is not
    understood.

    >>> read_notation("‖{x}‖_*", ("x",), ())(None, Symbol("A"))
    Fence(value=Symbol(base='A', sub='', sup=''), left='‖', right='‖', sub='*')
    """
    at = {name: i for i, name in enumerate(arguments)}

    def value(node: Any, word: str) -> str:
        name = word.strip("{}")
        return str(node.attrs[name]) if word.startswith("{") and name in settings else word

    if match := _NAME.fullmatch(text):
        head, sub = match.groups()
        if sub is None or not sub.startswith("{") or sub.strip("{}") in settings:
            return lambda node, *trees: Apply(_head(head, value(node, sub or "")), trees)
    if match := _BRACKET.fullmatch(text):
        left, name, right, sub = match.groups()
        if name in at and len(at) == 1:
            return lambda node, *trees: Fence(trees[0], left, right, value(node, sub or ""))
    if match := _PRODUCT.fullmatch(text):
        first, sign, second = match.groups()
        if {first, second} == set(at) and len(at) == 2:
            sign = cast(ProductSign, sign)
            return lambda node, *trees: Product((trees[at[first]], trees[at[second]]), sign)
    if match := _POWER.fullmatch(text):
        name, upper = match.groups()
        if name in at and len(at) == 1:
            return lambda node, *trees: Power(trees[0], Symbol(value(node, upper)))
    listed = ", ".join(f"{{{name}}}" for name in arguments)
    raise InputError(_PATTERN(given=repr(text), arguments=listed, forms=_FORMS))


def _head(name: str, sub: str) -> Math:
    if len(name) == 1 or name in GREEK:
        return Symbol(symbol(name).base, sub)
    return Function(name, sub)
