"""Why a text is no program: Python's "invalid syntax" in words that say what to write instead."""

from __future__ import annotations

import keyword
from itertools import pairwise

from tidu.errors import Place, SyntaxProblem
from tidu.spellings.functions import find
from tidu.text.lexer import Text, Token
from tidu.words import Words, verbatim

TWO_OPERATORS = Words(
    en="unexpected {second} at column {column}: an operand is missing between {first} and {second}",
    zh="第 {column} 列的 {second} 多余：{first} 与 {second} 之间缺少操作数",
)
NOTHING_AFTER = Words(en="an operand is missing after {sign}", zh="{sign} 后面缺少操作数")
NOTHING_BEFORE = Words(en="an operand is missing before {sign}", zh="{sign} 前面缺少操作数")
BRACKETS = Words(
    en="functions need brackets: {name} {argument}", zh="函数要加括号：{name} {argument}"
)
_NO_OPERATOR = Words(
    en="an operator is missing between {first} and {second}",
    zh="{first} 与 {second} 之间缺少运算符",
)
_PRODUCT = Words(en="{first} * {second}", zh="{first} * {second}")
CALL = Words(en="{name}({argument})", zh="{name}({argument})")
KEYWORD = Words(
    en="{word} is a word of Python that formulas do not use",
    zh="{word} 是 Python 的保留字，公式里不能用",
)
RENAME = Words(en="another name, such as {word}1", zh="换个名称，例如 {word}1")
_NOT_READ = Words(en="this is not a formula that tidu reads", zh="这不是 tidu 能读的公式")
_EXAMPLE = Words(
    en="a formula looks like this: sum((W @ x + b - y)**2)",
    zh="公式的样子是：sum((W @ x + b - y)**2)",
)
_INDENT = Words(
    en="this line is indented differently from the lines around it", zh="这一行的缩进与前后各行不同"
)

AMBIGUOUS = Words(
    en="{what} can be read in two ways: {first} or {second}",
    zh="{what} 有两种读法：{first} 或 {second}",
)

_BINARY = frozenset(
    "+ - * / % @ ** // == != <= >= < > & | ^ = += -= *= /= @= **= //= := << >>".split()
)
_SIGNS = frozenset({"+", "-", "~"})
ALLOWED = frozenset(
    "if else for in def return and or not is True False None import from as pass".split()
)


class Ambiguous(SyntaxProblem):
    """The error for a text that can be read in two ways."""


def two_readings(place: Place, first: str, second: str) -> Ambiguous:
    """Return the error for a text that can be read in two ways, with both readings."""
    what = (place.text or "")[place.start : place.end].strip()
    fix = verbatim(first)
    return Ambiguous(AMBIGUOUS(what=what, first=first, second=second), place=place, fix=fix)


def diagnose(text: Text, tokens: list[Token], error: SyntaxError) -> SyntaxProblem:
    """Return the error in the words of the formula language, with its place."""
    line = min(max(0, (error.lineno or 1) - 1), max(0, len(text.lines) - 1))
    here = [token for token in tokens if token.line == line]
    for part in (here, [token for token in tokens if token.kind != "newline"]):
        problem = _keyword(text, part) or _signs(text, part) or _neighbours(text, part)
        if problem is not None:
            return problem
    if isinstance(error, IndentationError):
        return SyntaxProblem(_INDENT(), place=text.place(line))
    offset = max(0, (error.offset or 1) - 1)
    return SyntaxProblem(_NOT_READ(), place=text.place(line, offset, offset + 1), why=_EXAMPLE())


def _keyword(text: Text, tokens: list[Token]) -> SyntaxProblem | None:
    for token in tokens:
        if token.kind == "name" and keyword.iskeyword(token.text) and token.text not in ALLOWED:
            return SyntaxProblem(
                KEYWORD(word=token.text), place=text.at(token), fix=RENAME(word=token.text)
            )
    return None


def _is_operand(token: Token) -> bool:
    word = token.kind == "name" and not keyword.iskeyword(token.text)
    return word or token.kind == "number" or token.text in (")", "]")


def _signs(text: Text, tokens: list[Token]) -> SyntaxProblem | None:
    """Return the problem if an operator lacks an operand on one side."""
    signs = [token for token in tokens if token.kind != "newline"]
    if signs and signs[0].text in _BINARY - _SIGNS:
        return SyntaxProblem(NOTHING_BEFORE(sign=signs[0].text), place=text.at(signs[0]))
    for first, second in pairwise(signs):
        if first.text in _BINARY and second.text in _BINARY - _SIGNS:
            what = TWO_OPERATORS(first=first.text, second=second.text, column=second.column + 1)
            return SyntaxProblem(what, place=text.at(second))
        if first.text in ("(", "[", ",") and second.text in _BINARY - _SIGNS - {"*", "**"}:
            return SyntaxProblem(NOTHING_BEFORE(sign=second.text), place=text.at(second))
        if first.text in _BINARY and second.text in (")", "]", ",", ";"):
            return SyntaxProblem(NOTHING_AFTER(sign=first.text), place=text.at(first))
        if first.text == "," and second.text == ",":
            return SyntaxProblem(NOTHING_BEFORE(sign=","), place=text.at(second))
    if signs and signs[-1].text in _BINARY | {"~"}:
        return SyntaxProblem(NOTHING_AFTER(sign=signs[-1].text), place=text.at(signs[-1]))
    return None


def _neighbours(text: Text, tokens: list[Token]) -> SyntaxProblem | None:
    """Return the problem if two operands stand side by side: an operator or brackets are
    missing."""
    for first, second in pairwise(tokens):
        if not (_is_operand(first) and _is_operand(second)) or second.text in (")", "]"):
            continue
        if first.kind == "name" and find(first.text) is not None:
            what = BRACKETS(name=first.text, argument=second.text)
            fix = CALL(name=first.text, argument=second.text)
            return SyntaxProblem(what, place=text.at(first), fix=fix)
        what = _NO_OPERATOR(first=first.text, second=second.text)
        fix = None
        if first.text not in (")", "]"):
            fix = _PRODUCT(first=first.text, second=second.text)
        return SyntaxProblem(what, place=text.at(second), fix=fix)
    return None
