"""What is known of each part of a formula beyond its value: its plain spelling, how it lies."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tidu.errors import SyntaxProblem
from tidu.text.lexer import SPLIT
from tidu.words import Words

_DEEP = Words(en="the formula is nested too deeply", zh="公式嵌套过深")


@dataclass(frozen=True, slots=True)
class Note:
    """code: the part in plain NumPy. row: a vector that lies, as xᵀ does. labelled: elements xᵢ of
    a sum over i, one axis for each index."""

    code: ast.expr
    row: bool = False
    labelled: bool = False


def name(text: str) -> ast.expr:
    """A plain name, or module.name."""
    module, _, last = text.rpartition(".")
    if module:
        return ast.Attribute(ast.Name(module, ast.Load()), last, ast.Load())
    return ast.Name(last, ast.Load())


def call(function: str, *arguments: ast.expr, **keywords: ast.expr) -> ast.Call:
    given = [ast.keyword(key, value) for key, value in keywords.items()]
    return ast.Call(name(function), list(arguments), given)


def constant(value: Any) -> ast.expr:
    return ast.Constant(value)


def numbers(values: Sequence[Any]) -> ast.expr:
    return ast.Tuple([constant(value) for value in values], ast.Load())


def binary(left: ast.expr, sign: type[ast.operator], right: ast.expr) -> ast.expr:
    return ast.BinOp(left, sign(), right)


def column(code: ast.expr) -> ast.expr:
    """x[:, None]"""
    key = ast.Tuple([ast.Slice(), constant(None)], ast.Load())
    return ast.Subscript(code, key, ast.Load())


def written(code: ast.expr) -> str:
    """A piece of plain NumPy as text. Raises SyntaxProblem where it is nested too deeply for
    Python's own printer: what cannot be echoed is not read."""
    try:
        return ast.unparse(ast.fix_missing_locations(code))
    except RecursionError:
        raise SyntaxProblem(_DEEP(), fix=SPLIT()) from None


def rebuilt(node: ast.AST, codes: dict[int, Note]) -> Any:
    """A node of Python's with its parts in plain spelling."""
    found = copy.copy(node)
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            setattr(found, field, [_part(item, codes) for item in cast("list[Any]", value)])
        else:
            setattr(found, field, _part(value, codes))
    return found


def _part(value: Any, codes: dict[int, Note]) -> Any:
    if isinstance(value, ast.keyword):
        return ast.keyword(value.arg, _part(value.value, codes))
    note = codes.get(id(value))
    return value if note is None else note.code
