"""Fractions, roots, sums over indices, and LaTeX's environments."""

from __future__ import annotations

import re
from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.text.formula import signs
from tidu.text.formula.brackets import condition
from tidu.text.formula.cursor import IF, OTHERWISE, UNEXPECTED, Cursor
from tidu.text.formula.scripts import operand, subscript
from tidu.text.formula.syntax import (
    Bars,
    Binary,
    Brackets,
    Compared,
    Grid,
    NumberOrText,
    Piecewise,
    Root,
    Syntax,
    Total,
    Word,
)
from tidu.text.formula.tokens import Sign
from tidu.text.task import Task, wait
from tidu.words import Words

_FIRST = Words(
    en="the index {index} begins at {first} here; indices count from 1",
    zh="下标 {index} 从 {first} 开始；下标从 1 数起",
)
_FIRST_FIX = Words(en="a sum from 1, or from a later number", zh="从 1 或更大的数开始求和")
_TO_WHAT = Words(en="how far the index {index} runs is not said", zh="没有说明下标 {index} 的范围")
_INDEX = Words(en="a sum needs letters as indices here", zh="求和的下标应为字母")


def command(cursor: Cursor) -> Task[Syntax]:
    """Read \\frac, √, ∑ or ∏. Raise SyntaxProblem for ∂ and ∇, which stand only left of =."""
    sign = cursor.take()
    match sign.text:
        case "frac":
            top = yield from _argument(cursor, sign)
            bottom = yield from _argument(cursor, sign)
            quotient = Binary(sign, cursor.last, top, "/", sign, bottom)
            return Brackets(sign, cursor.last, quotient)
        case "√":
            return (yield from _root(cursor, sign))
        case "∑" | "∏":
            return (yield from _total(cursor, sign))
        case _:
            raise SyntaxProblem(UNEXPECTED(sign=cursor.shown(sign)), place=cursor.place(sign))


def _argument(cursor: Cursor, sign: Sign) -> Task[Syntax]:
    """Read the argument of a command: {…}, or the one sign that follows, as in \\frac12 and
    \\frac1n."""
    if cursor.now is None:
        raise cursor.nothing_after(sign)
    return (yield from wait(operand(cursor)))


def _root(cursor: Cursor, sign: Sign) -> Task[Syntax]:
    degree = None
    if cursor.sees("["):
        cursor.take()
        degree = yield from cursor.expression()
        cursor.expect("]")
    value = yield from _argument(cursor, sign)
    after = cursor.now
    if not cursor.latex and after is not None and after.kind == "name" and not after.spaced:
        inside, further = cursor.shown(cursor.last), cursor.shown(after)
        raise cursor.ambiguous(sign, after, f"√({inside}) {further}", f"√({inside} {further})")
    return Root(sign, cursor.last, value, degree)


def _total(cursor: Cursor, sign: Sign, below: str = "") -> Task[Syntax]:
    """Read a sum or product: ∑ x over all elements, ∑ᵢ xᵢ over indices, ∑_axis1 x along axes."""
    below, above = below or subscript(cursor), None
    if cursor.sees("^"):
        cursor.take()
        above = yield from _argument(cursor, sign)
        below = below or subscript(cursor)
    body = yield from wait(cursor.rules.body(cursor))
    pair = _PAIR.fullmatch(below)
    if pair is not None and sign.text in _NEUTRAL:
        return _over_pairs(cursor, sign, body, pair, above)
    between = _BETWEEN.fullmatch(below)
    if between is not None:
        below, above = between[1], _bound(sign, between[2])
    names, starts, first = below.partition("=")
    names = names.replace(",", "").replace(" ", "")
    axes = None
    if below.startswith("axis"):
        axes, names = _axes(cursor, below[4:], sign), ""
    elif (names and not names.isalpha()) or (above is not None and not names):
        raise SyntaxProblem(_INDEX(), place=cursor.place(sign))
    if starts and not re.fullmatch("[1-9][0-9]{0,8}", first.strip()):
        what = _FIRST(index=names, first=first.strip())
        raise SyntaxProblem(what, place=cursor.place(sign), fix=_FIRST_FIX())
    start = int(first) if starts else 1
    if start > 1 and above is None:
        raise SyntaxProblem(_TO_WHAT(index=names), place=cursor.place(sign))
    reduction = {"∑": "sum", "∏": "prod"}.get(sign.text, sign.text)
    return Total(sign, cursor.last, body, reduction, tuple(names), axes, above, start)


# The subscripts i < j, i ≠ j and 1 ≤ i < j ≤ n of a sum, and 1 ≤ i ≤ n.
_PAIR = re.compile(r"(?:1<=)?([a-z])(<|>|!=|<=|>=)([a-z])(?:<=(\w{1,60}))?")
_BETWEEN = re.compile(r"1<=([a-z])<=(\w{1,60})")
_NEUTRAL = {"∑": 0, "∏": 1}


def _bound(sign: Sign, text: str) -> Syntax:
    return NumberOrText(sign, sign, int(text)) if text.isdigit() else Word(sign, sign, text)


def _over_pairs(
    cursor: Cursor, sign: Sign, body: Syntax, pair: re.Match[str], above: Syntax | None
) -> Total:
    """Return a sum over the pairs of indices for which a condition holds: elsewhere 0 is added."""
    one, operator, two, last = pair.groups()
    holds = Compared(
        sign, sign, (Word(sign, sign, one), Word(sign, sign, two)), (operator,), (sign,)
    )
    neutral = NumberOrText(sign, sign, _NEUTRAL[sign.text])
    chosen = Piecewise(body.first, body.last, (body, neutral), (holds, None))
    reduction = "sum" if sign.text == "∑" else "prod"
    bound = above if last is None else _bound(sign, last)
    return Total(sign, cursor.last, chosen, reduction, (one, two), None, bound, conditional=True)


def is_extreme(cursor: Cursor, sign: Sign, text: str, sub: str = "") -> bool:
    r"""Tell whether max or min runs over an index: \max_i, \max_{i=1}^n, \min_{i, j}."""
    ahead = [each.text for each in cursor.ahead(4)]
    if text not in signs.EXTREMES or sign.text in cursor.names:
        return False
    if sub:
        return sub.isalpha()
    if ahead[:1] == ["_"]:
        below = ahead[2:] if ahead[1:2] == ["{"] else ahead[1:2]
        return bool(below) and (below[0].isalpha() or below == ["1", "<="])
    return cursor.key == "sub" and ahead[0].isalpha()


def extreme(cursor: Cursor, sign: Sign, sub: str = "") -> Task[Syntax]:
    """Read a maximum or minimum over indices."""
    return _total(cursor, replace(sign, text=sign.text.partition("_")[0]), sub)


def _axes(cursor: Cursor, below: str, sign: Sign) -> tuple[int, ...]:
    """Return the axes of ∑_axis1,2, counted from 0."""
    parts = below.strip(",").split(",")
    if not all(re.fullmatch("[1-9][0-9]{0,17}", part) for part in parts):
        raise SyntaxProblem(_INDEX(), place=cursor.place(sign))
    return tuple(int(part) - 1 for part in parts)


def environment(cursor: Cursor) -> Task[Syntax]:
    r"""Read \begin{cases} … \end{cases} or a matrix, \begin{pmatrix} … \end{pmatrix}."""
    opening = cursor.take()
    bars, cursor.bars = cursor.bars, []
    rows, conditions = yield from _rows(cursor, opening.text == "cases")
    if cursor.now is None:
        raise cursor.ends(f"\\end{{{opening.text}}}")
    last = cursor.take()
    cursor.bars = bars
    if opening.text == "cases":
        return Piecewise(opening, last, tuple(row[0] for row in rows), tuple(conditions))
    grid = Grid(opening, last, tuple(map(tuple, rows)), square=False)
    if opening.text in signs.BAR_GRIDS:
        determinant = opening.text == "vmatrix"
        return Bars(opening, last, grid, "|" if determinant else "‖", "", determinant)
    return grid


def _rows(cursor: Cursor, cases: bool) -> Task[tuple[list[list[Syntax]], list[Syntax | None]]]:
    """Return the rows up to the end that are not empty; of cases also their conditions."""
    rows: list[list[Syntax]] = [[]]
    conditions: list[Syntax | None] = []
    while cursor.now is not None and cursor.now.kind != "end":
        if cursor.now.kind == "newline":
            cursor.take()
            rows.append([])
        elif cursor.now.kind == "cell" or cursor.sees(","):
            cursor.take()
            if cases and rows[-1]:
                conditions.append((yield from condition(cursor)))
        elif cases and cursor.says(*IF, *OTHERWISE):
            conditions.append((yield from condition(cursor)))
        else:
            rows[-1].append((yield from cursor.expression()))
    return [row for row in rows if row], conditions
