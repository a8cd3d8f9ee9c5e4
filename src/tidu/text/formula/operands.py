"""Operands of a formula: names with what they are applied to, and what stands behind an operand."""

from __future__ import annotations

from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.text.diagnosis import NOTHING_AFTER
from tidu.text.formula import signs
from tidu.text.formula.brackets import arguments, square
from tidu.text.formula.commands import extreme, is_extreme
from tidu.text.formula.cursor import Cursor
from tidu.text.formula.scripts import primary, scripts, subscript, with_scripts
from tidu.text.formula.syntax import (
    Applied,
    Called,
    Chain,
    Indexed,
    Items,
    Keywords,
    Member,
    NumberOrText,
    Syntax,
    Truth,
    Word,
)
from tidu.text.formula.tokens import Sign
from tidu.text.lexer import CLOSE, OPEN
from tidu.text.task import Task, wait

MAX_CONDITION = 200  # signs


def factor(cursor: Cursor) -> Task[Syntax]:
    """Return an operand with all that stands behind it."""
    first = cursor.begin()
    base = yield from primary(cursor)
    while (rule := cursor.rules.postfix.get(cursor.key)) is not None:
        further = yield from rule(cursor, base, first)
        if further is None:
            break
        base = further
    return base


# ------------------------------------------------------------------ words
def word(cursor: Cursor) -> Task[Syntax]:
    """Return a name with its subscript, and what it is applied to."""
    sign = cursor.take()
    run = sign.kind == "name"
    text, sub, raw = sign.text, "", sign.text
    if "_" in (text if run else text.strip("_")):
        text, _, sub = text.partition("_")
    if _is_log_of_det(cursor, sign):
        cursor.at += 3
        text, sub, run, raw = "logabsdet", "", False, ""
    if is_extreme(cursor, sign, text, sub):
        return (yield from extreme(cursor, sign, sub))
    if text == signs.ONES and _holds_condition(cursor):
        return (yield from _indicator(cursor, sign))
    sub = sub.replace("_", ",") or subscript(cursor)
    syntax = Word(sign, cursor.last, text, sub, run, raw)
    cursor.leaf(syntax)
    return (yield from _applied(cursor, syntax, bare=False))


_COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "=", "!="})


def _holds_condition(cursor: Cursor) -> bool:
    r"""Tell whether a condition follows, as in 𝟏_{x > 0} and 𝟏[x > 0]."""
    depth, texts = 0, [sign.text for sign in cursor.ahead(MAX_CONDITION)]
    if texts[:2] != ["_", "{"] and texts[:1] not in (["["], ["("], ["{"]):
        return False
    for text in texts:
        depth += (text in OPEN) - (text in CLOSE)
        if text in _COMPARISONS:
            return True
        if depth == 0 and text in CLOSE:
            return False
    return False


def _indicator(cursor: Cursor, sign: Sign) -> Task[Syntax]:
    if cursor.sees("_"):
        cursor.take()
    opening = cursor.take()
    condition = yield from cursor.expression()
    cursor.expect(OPEN[opening.text])
    return Truth(sign, cursor.last, condition)


def _is_log_of_det(cursor: Cursor, sign: Sign) -> bool:
    """Tell whether ln|det| follows, as the printers write the logarithm of a determinant."""
    texts = "".join(s.text for s in [sign, *cursor.ahead(3)])
    return texts in ("ln|det|", "log|det|")


def function(cursor: Cursor) -> Task[Syntax]:
    r"""Read a function that is a LaTeX command, with its argument: \sin x, \tanh^2 z, \log_2(n)."""
    sign = cursor.take()
    if is_extreme(cursor, sign, sign.text):
        return (yield from extreme(cursor, sign))
    found = Word(sign, sign, sign.text, subscript(cursor))
    cursor.leaf(found)
    return (yield from _applied(cursor, found, bare=True))


def _applied(cursor: Cursor, name: Word, bare: bool) -> Task[Syntax]:
    """Read what follows a word, word^scripts(…): the arguments of a function, or a factor."""
    above = yield from scripts(cursor, name.first)
    if above and not name.sub and (cursor.sees("_") or cursor.key == "sub"):
        name = replace(name, sub=subscript(cursor))  # x^2_i is written for x_i^2
        above += yield from scripts(cursor, name.first)
    opens = cursor.sees("(") or (cursor.sees("{") and not cursor.begin().spaced)
    keywords: Keywords = ()
    if opens:
        given, keywords = yield from arguments(cursor)
    elif bare:
        given = ((yield from _bare_argument(cursor, name.first)),)
    else:
        return with_scripts(cursor, name, above, name.first)
    behind = yield from scripts(cursor, name.first)
    bare = bare and not opens
    return Applied(name.first, cursor.last, name, above, given, keywords, behind, bare)


def _bare_argument(cursor: Cursor, name: Sign) -> Task[Syntax]:
    """Return the factor behind a function without brackets, with the numbers in front of it."""
    factors: list[Syntax] = []
    while cursor.now is not None and cursor.now.kind == "number":
        factors.append((yield from wait(factor(cursor))))
    if cursor.rules.begins_factor(cursor):
        factors.append((yield from wait(factor(cursor))))
    if not factors:
        raise cursor.nothing_after(name)
    first, after = factors[0].first, cursor.now
    if after is not None and after.kind in ("name", "word", "number"):
        function, inside = cursor.shown(name), cursor.slice(first, cursor.last)
        further = cursor.slice(after, after)
        one, two = f"{function}({inside}) {further}", f"{function}({inside} {further})"
        raise cursor.ambiguous(name, after, one, two)
    if len(factors) == 1:
        return factors[0]
    return Chain(first, cursor.last, tuple(factors), (None,) * (len(factors) - 1))


# ------------------------------------------------------------------ attributes and indices
def attribute(cursor: Cursor, base: Syntax, first: Sign) -> Task[Syntax | None]:
    """Read Python's own x.T, x.sum(axis=0) or np.sum(x) inside a formula."""
    if cursor.begin().spaced:
        return None
    dot = cursor.take()
    if cursor.now is None or cursor.now.kind != "name":
        raise SyntaxProblem(NOTHING_AFTER(sign="."), place=cursor.place(dot))
    name = cursor.take()
    member = Member(first, name, base, name.text)
    if cursor.sees("(") and not cursor.begin().spaced:
        given, keywords = yield from arguments(cursor)
        return Called(first, cursor.last, member, given, keywords)
    return member


def index(cursor: Cursor, base: Syntax, first: Sign) -> Task[Syntax | None]:
    """Read base[key]; base [condition] is a product."""
    if cursor.begin().spaced or isinstance(base, NumberOrText):
        return None
    opening = cursor.take()
    key = yield from square(cursor, opening)
    if isinstance(key, Truth):
        return Chain(first, cursor.last, (base, key), (None,))
    keys = tuple(key for row in key.rows for key in row)
    one = keys[0] if len(keys) == 1 else Items(opening, cursor.last, keys)
    return Indexed(first, cursor.last, base, one)
