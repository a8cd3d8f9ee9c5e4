"""What brackets and bars enclose: arguments, tuples, cases, matrices, indices, sizes."""

from __future__ import annotations

from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.text.formula.cursor import IF, OTHERWISE, Cursor
from tidu.text.formula.scripts import scripts, subscript, with_scripts
from tidu.text.formula.syntax import (
    Bars,
    Binary,
    Brackets,
    Chain,
    Compared,
    Grid,
    Items,
    Keywords,
    Piecewise,
    Slice,
    Syntax,
    Truth,
)
from tidu.text.formula.tokens import Sign
from tidu.text.task import Task
from tidu.words import Words

_BAR = Words(
    en="{bar} opened at column {column} is never closed", zh="第 {column} 列的 {bar} 没有闭合"
)
_CLOSING = {"(": ")", "{": "}", "[": "]"}


def arguments(cursor: Cursor) -> Task[tuple[tuple[Syntax, ...], Keywords]]:
    """Read the arguments and the keywords of a call, such as (a, b, axis=0)."""
    closing = _CLOSING[cursor.take().text]
    positional: list[Syntax] = []
    keywords: list[tuple[str, Syntax]] = []
    bars, cursor.bars = cursor.bars, []
    cursor.skip_breaks()
    while not cursor.sees(closing):
        name = _keyword(cursor)
        value = yield from cursor.expression()
        if name is None:
            positional.append(value)
        else:
            keywords.append((name.text, value))
        cursor.skip_breaks()
        if not cursor.sees(closing):
            cursor.expect(",")
            cursor.skip_breaks()
    cursor.take()
    cursor.bars = bars
    return tuple(positional), tuple(keywords)


def _keyword(cursor: Cursor) -> Sign | None:
    ahead = cursor.ahead(2)
    if len(ahead) < 2 or ahead[0].kind != "name" or ahead[1].text != "=":
        return None
    name = cursor.take()
    cursor.take()
    return name


def group(cursor: Cursor) -> Task[Syntax]:
    """Read what stands in brackets: ( … ), { … } or [ … ]."""
    opening = cursor.take()
    if opening.text == "[":
        return (yield from square(cursor, opening))
    bars, cursor.bars = cursor.bars, []
    cursor.skip_breaks()
    value = yield from cursor.expression()
    if opening.text == "{" and cursor.says(*IF, *OTHERWISE, ","):
        syntax = yield from _cases(cursor, value, opening)
    else:
        syntax = yield from _tuple_or_value(cursor, value, opening)
    cursor.bars = bars
    return syntax


def _tuple_or_value(cursor: Cursor, value: Syntax, opening: Sign) -> Task[Syntax]:
    closing = _CLOSING[opening.text]
    items, is_tuple = [value], cursor.sees(",")
    while cursor.sees(","):
        cursor.take()
        if not cursor.sees(closing):
            items.append((yield from cursor.expression()))
    cursor.skip_breaks()
    last = cursor.expect(closing)
    return Items(opening, last, tuple(items)) if is_tuple else Brackets(opening, last, value)


def _cases(cursor: Cursor, value: Syntax, opening: Sign) -> Task[Syntax]:
    """Read {a if c; b otherwise}, as the printers write it on one line."""
    values, conditions = [value], list[Syntax | None]()
    while True:
        if cursor.sees(","):
            cursor.take()
        conditions.append((yield from condition(cursor)))
        if not cursor.sees(";"):
            break
        cursor.take()
        values.append((yield from cursor.expression()))
    last = cursor.expect("}")
    return Piecewise(opening, last, tuple(values), tuple(conditions))


def condition(cursor: Cursor) -> Task[Syntax | None]:
    """Read the condition of a case; return None for `otherwise`."""
    sign = cursor.now
    if sign is not None and sign.kind in ("word", "name"):
        if sign.text in OTHERWISE:
            cursor.take()
            return None
        if sign.text in IF:
            cursor.take()
    syntax = yield from cursor.expression()
    if cursor.now is not None and cursor.now.text == "时":
        cursor.take()
    return syntax


def square(cursor: Cursor, opening: Sign) -> Task[Truth | Grid]:
    """Read square brackets: [x > 0] is 1 or 0; [1, 2; 3, 4] and [x y] are arrays."""
    bars, cursor.bars = cursor.bars, []
    rows: list[list[Syntax]] = [[]]
    cursor.skip_breaks()
    while not cursor.sees("]"):
        rows[-1].append((yield from _slice(cursor)))
        cursor.skip_breaks()
        if cursor.sees(";"):
            cursor.take()
            rows.append([])
        elif not cursor.sees("]"):
            cursor.expect(",")
        cursor.skip_breaks()
    last = cursor.take()
    cursor.bars = bars
    if len(rows) == len(rows[0]) == 1 and _is_condition(rows[0][0]):
        return Truth(opening, last, rows[0][0])
    blocks = tuple(tuple(block for item in row for block in _blocks(item)) for row in rows)
    return Grid(opening, last, blocks, square=True)


def _is_condition(item: Syntax) -> bool:
    return isinstance(item, Compared) or (isinstance(item, Binary) and item.operator in "&|")


def _slice(cursor: Cursor) -> Task[Syntax]:
    """Return an entry of square brackets: an expression, or the start:stop:step of an index."""
    first = cursor.now
    parts: list[Syntax | None] = [None]
    while not cursor.sees("]", ",", ";"):
        if cursor.sees(":"):
            cursor.take()
            parts.append(None)
        else:
            parts[-1] = yield from cursor.expression()
            if not cursor.sees(":"):
                break
    if len(parts) > 1:
        assert first is not None
        return Slice(first, cursor.last, tuple(parts[:3]))
    if parts[0] is None:
        assert first is not None
        raise cursor.misplaced(first)
    return parts[0]


def _blocks(item: Syntax) -> tuple[Syntax, ...]:
    """Return the parts of an entry of a block matrix: [x y] has two where a space stands between
    them."""
    if isinstance(item, Chain) and not any(item.dots):
        if all(factor.first.spaced for factor in item.factors[1:]):
            return item.factors
    return (item,)


def norm_or_absolute(cursor: Cursor) -> Task[Syntax]:
    """Read |x| or ‖x‖, and the subscript behind it."""
    opening = cursor.take()
    kind, sided = opening.text[0], opening.text.endswith("(")
    cursor.bars.append(opening)
    value = yield from cursor.expression()
    cursor.bars.pop()
    closing = cursor.now
    if closing is not None and kind == "|" and closing.text == "‖" and not sided:
        _halve(cursor, closing)  # |x||y|: two bars that were scanned as one sign
    elif closing is None or closing.text != (")" + kind if sided else kind):
        what = _BAR(bar=cursor.shown(opening), column=opening.column + 1)
        raise SyntaxProblem(what, place=cursor.place(opening))
    cursor.take()
    sub = subscript(cursor)
    found = Bars(opening, cursor.last, value, kind, sub)
    if sub or not cursor.sees("^"):
        return found
    above = yield from scripts(cursor, opening)
    sub = subscript(cursor)  # ‖x‖^2_2 is written for ‖x‖_2^2
    return with_scripts(cursor, replace(found, sub=sub), above, opening)


def inner_product(cursor: Cursor) -> Task[Syntax]:
    """Read ⟨x, y⟩, and ⟨A, B⟩_F."""
    opening = cursor.take()
    bars, cursor.bars = cursor.bars, []
    left = yield from cursor.expression()
    comma = cursor.expect(",")
    right = yield from cursor.expression()
    cursor.expect("⟩")
    cursor.bars = bars
    sub = subscript(cursor)
    if sub not in ("", "F", "2"):
        raise cursor.misplaced(cursor.last)
    return Binary(opening, cursor.last, left, "⟨⟩", comma, right)


def _halve(cursor: Cursor, both: Sign) -> None:
    middle = both.column + 1
    one = Sign("sign", "|", both.line, both.column, middle)
    two = Sign("sign", "|", both.line, middle, both.end)
    cursor.signs[cursor.at : cursor.at + 1] = [one, two]
