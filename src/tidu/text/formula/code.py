"""The plain NumPy spelling of a formula, as trees of Python's."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from tidu.errors import SyntaxProblem
from tidu.text.lexer import SPLIT
from tidu.words import Words

_DEEP = Words(en="the formula is nested too deeply", zh="公式嵌套过深")
_OPERATORS: Mapping[str, type[ast.operator]] = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "@": ast.MatMult, "**": ast.Pow,
}  # fmt: skip
_COMPARISONS: Mapping[str, type[ast.cmpop]] = {
    "<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip


def name(text: str) -> ast.expr:
    """Return a plain name, or module.name."""
    module, _, last = text.rpartition(".")
    return ast.Attribute(name(module), last) if module else ast.Name(last)


def call(
    function: ast.expr, arguments: Sequence[ast.expr], keywords: Mapping[str, ast.expr]
) -> ast.expr:
    given = [ast.keyword(key, value) for key, value in keywords.items()]
    return ast.Call(function, list(arguments), given)


def binary(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, _OPERATORS[sign](), right)


def comparison(parts: Sequence[ast.expr], signs: Sequence[str]) -> ast.expr:
    operators = [_COMPARISONS[sign]() for sign in signs]
    return ast.Compare(parts[0], operators, list(parts[1:]))


def logic(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    return ast.BoolOp(ast.And() if sign == "&" else ast.Or(), [left, right])


def written(code: ast.expr) -> str:
    """Return a piece of plain NumPy as text. Raises SyntaxProblem where it is nested too deeply for
    Python's own printer: what cannot be echoed is not read."""
    try:
        return ast.unparse(ast.fix_missing_locations(code))
    except RecursionError:
        raise SyntaxProblem(_DEEP(), fix=SPLIT()) from None
