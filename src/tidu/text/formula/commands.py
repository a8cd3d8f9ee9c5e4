"""Fractions, roots, sums over indices, and LaTeX's environments."""

from __future__ import annotations

import re

from tidu.errors import SyntaxProblem
from tidu.text.formula import signs
from tidu.text.formula.brackets import condition
from tidu.text.formula.cursor import IF, OTHERWISE, UNEXPECTED, Cursor
from tidu.text.formula.scripts import operand, subscript
from tidu.text.formula.syntax import Bars, Binary, Brackets, Grid, Piecewise, Root, Syntax, Total
from tidu.text.formula.tokens import Sign
from tidu.text.task import Task, wait
from tidu.words import Words

_FIRST = Words(
    en="the index {index} begins at {first} here; sums are read from 1 to the end",
    zh="下标 {index} 从 {first} 开始；这里只读从 1 到末尾的求和",
)
_FIRST_FIX = Words(
    en="a sum from 1 over a slice, such as x[1:]", zh="取切片（如 x[1:]），再从 1 求和"
)
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


def _total(cursor: Cursor, sign: Sign) -> Task[Syntax]:
    """Read a sum or product: ∑ x over all elements, ∑ᵢ xᵢ over indices, ∑_axis1 x along axes."""
    below, above = subscript(cursor), None
    if cursor.sees("^"):
        cursor.take()
        above = yield from _argument(cursor, sign)
        below = below or subscript(cursor)
    body = yield from wait(cursor.rules.body(cursor))
    names, starts, first = below.partition("=")
    names = names.replace(",", "").replace(" ", "")
    axes = None
    if below.startswith("axis"):
        axes, names = _axes(cursor, below[4:], sign), ""
    elif (names and not names.isalpha()) or (above is not None and not names):
        raise SyntaxProblem(_INDEX(), place=cursor.place(sign))
    if starts and first.strip() != "1":
        what = _FIRST(index=names, first=first.strip())
        raise SyntaxProblem(what, place=cursor.place(sign), fix=_FIRST_FIX())
    return Total(sign, cursor.last, body, sign.text == "∏", tuple(names), axes, above)


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
