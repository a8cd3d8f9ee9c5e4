"""Two-dimensional text formulas: boxes of lines with a baseline, as on a blackboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

from tidu.document.blocks import Equation
from tidu.document.math import Cases, Math, Matrix, Say
from tidu.figures.cells import cells, pad
from tidu.render.grammar import Level
from tidu.render.spread import Fenced, Operator, Row, Script, Tall, flat, phrase_text, spread
from tidu.words import Language, Words

_IF = Words(en="if {condition}", zh="当 {condition} 时")
_DECIMAL = re.compile(r"(−?\d+)((?:\.\d+)?(?:e−?\d+)?)")
# Tall brackets: one character for a single line, else top, middle, bottom.
_TALL = {
    "(": "⎛⎜⎝",
    ")": "⎞⎟⎠",
    "[": "⎡⎢⎣",
    "]": "⎤⎥⎦",
    "{": "⎧⎪⎩",
    "}": "⎫⎪⎭",
    "⌊": "⎢⎢⎣",
    "⌋": "⎥⎥⎦",
    "⌈": "⎡⎢⎢",
    "⌉": "⎤⎥⎥",
}
# Where a left-hand side is this long, what follows starts on a line of its own.
_LONGEST_LEFT_SIDE = 26


@dataclass(frozen=True, slots=True)
class Box:
    """Lines of equal width; `baseline` is the line that stands in line with its neighbours."""

    lines: tuple[str, ...]
    baseline: int = 0

    @property
    def width(self) -> int:
        return cells(self.lines[0]) if self.lines else 0

    @property
    def height(self) -> int:
        return len(self.lines)


def beside(boxes: Iterable[Box]) -> Box:
    """Return the boxes from left to right on a common baseline."""
    row = list(boxes)
    above = max((box.baseline for box in row), default=0)
    below = max((box.height - box.baseline for box in row), default=1)
    columns = [_stretch(box, above, below) for box in row]
    return Box(tuple("".join(parts) for parts in zip(*columns, strict=True)) or ("",), above)


def _stretch(box: Box, above: int, below: int) -> tuple[str, ...]:
    over, under = above - box.baseline, below - (box.height - box.baseline)
    if not over and not under:
        return box.lines
    blank = (" " * box.width,)
    return blank * over + box.lines + blank * under


def formula(tree: Math, language: Language) -> Box:
    """Return a formula with its matrices and case distinctions set tall."""
    return _row(spread(tree, language), language)


def _row(row: Row, language: Language) -> Box:
    boxes: list[Box] = []
    for position, piece in enumerate(row):
        if isinstance(piece, Script):
            base = boxes.pop() if boxes else Box(("",))
            boxes.append(beside((base, _script(piece, base))))
        else:
            boxes.append(_piece(piece, position == len(row) - 1, language))
    return beside(boxes)


def _piece(piece: str | Operator | Fenced | Tall, last: bool, language: Language) -> Box:
    match piece:
        case str(text) | Operator(text):
            return Box((text,))
        case Fenced(left, body, right):
            return _fenced(left, _row(body, language), right)
        case Tall(tree, closed):
            matrix = isinstance(tree, Matrix)
            return (
                _matrix(tree, language) if matrix else _cases(tree, last and not closed, language)
            )
    assert_never(piece)


def _script(script: Script, base: Box) -> Box:
    """Return a script in the first or last line of a box as tall as its base."""
    line = base.height - 1 if script.down else 0
    blank = " " * cells(script.text)
    lines = (script.text if i == line else blank for i in range(base.height))
    return Box(tuple(lines), base.baseline)


def _fenced(left: str, body: Box, right: str) -> Box:
    height, baseline = body.height, body.baseline
    return beside((_bracket(left, height, baseline), body, _bracket(right, height, baseline)))


def _bracket(sign: str, height: int, baseline: int) -> Box:
    if height == 1:
        return Box((sign,), baseline)
    top, middle, bottom = _TALL.get(sign, sign * 3)
    lines = [middle] * height
    lines[0], lines[-1] = top, bottom
    if sign in "{}" and height > 2:
        lines[baseline] = {"{": "⎨", "}": "⎬"}[sign]
    return Box(tuple(lines), baseline)


@lru_cache(maxsize=1024)  # the same weights stand in many lines of one working
def _matrix(matrix: Matrix, language: Language) -> Box:
    rows = [[formula(entry, language) for entry in row] for row in matrix.rows]
    if not rows or not rows[0]:
        return Box(("[]",))
    columns = [_column([row[j] for row in rows]) for j in range(len(rows[0]))]
    gap = ", " if matrix.vector else " " * _gap(rows)
    lines: list[str] = []
    for i in range(len(rows)):
        lines += beside(_between([column[i] for column in columns], gap)).lines
    body = Box(tuple(lines), (len(lines) - 1) // 2)
    return _fenced("[", body, "]")


def _gap(rows: Sequence[Sequence[Box]]) -> int:
    """Return the gap between columns: small for one-digit numbers, larger for anything longer."""
    widest = max(box.width for row in rows for box in row)
    return 1 if widest <= 2 else 2 if widest <= 12 else 3


def _between(boxes: Sequence[Box], gap: str) -> Iterable[Box]:
    for position, box in enumerate(boxes):
        if position:
            yield Box((gap,))
        yield box


def _column(boxes: Sequence[Box]) -> list[Box]:
    """Return the entries of a column at one width: numbers with their points aligned, the rest
    centred."""
    if all(box.height == 1 for box in boxes):
        return [Box((text,)) for text in _aligned([box.lines[0] for box in boxes])]
    width = max(box.width for box in boxes)
    return [
        Box(tuple(_set(line, box.width, width) for line in box.lines), box.baseline)
        for box in boxes
    ]


def _aligned(entries: Sequence[str]) -> list[str]:
    numbers = [_DECIMAL.fullmatch(entry) for entry in entries]
    digits_before_point = max((len(number.group(1)) for number in numbers if number), default=0)
    shown = [
        " " * (digits_before_point - len(number.group(1))) + entry if number else entry
        for number, entry in zip(numbers, entries, strict=True)
    ]
    widths = [cells(text) for text in shown]
    block = max((w for w, number in zip(widths, numbers, strict=True) if number), default=0)
    return [
        _set(text, block if number else 0, max(widths))
        for text, number in zip(shown, numbers, strict=True)
    ]


def _set(text: str, own: int, width: int) -> str:
    """Return the text, counted as `own` cells wide, centred in `width` cells."""
    own = max(own, cells(text))
    return pad(" " * ((width - own) // 2) + text, width)


def _cases(cases: Cases, last: bool, language: Language) -> Box:
    values = _column_left([formula(value, language) for value, _ in cases.rows])
    lines: list[str] = []
    for value, (_, condition) in zip(values, cases.rows, strict=True):
        lines += beside((value, Box(("   " + _condition(condition, language),)))).lines
    width = max(map(cells, lines))
    body = Box(tuple(pad(line, width) for line in lines), (len(lines) - 1) // 2)
    left = beside((_bracket("{", body.height, body.baseline), Box((" ",)), body))
    # The brace stays open where nothing follows that could be taken for the last case.
    return (
        left
        if last and body.height > 1
        else beside((left, Box((" ",)), _bracket("}", body.height, body.baseline)))
    )


def _column_left(boxes: Sequence[Box]) -> list[Box]:
    column = _column(boxes)
    numbers = all(_DECIMAL.fullmatch(box.lines[0]) for box in boxes)
    if numbers:
        return column
    width = max(box.width for box in boxes)
    return [Box(tuple(pad(line, width) for line in box.lines), box.baseline) for box in boxes]


def _condition(condition: Math, language: Language) -> str:
    text = flat(spread(condition, language), language)
    if isinstance(condition, Say):
        return text
    return phrase_text(_IF(condition=text), language)


def equation_lines(equation: Equation, language: Language, width: int) -> list[str]:
    """Return an equation: on one line if it fits and nothing in it is tall, else broken at its
    signs.

    >>> from tidu.document.math import Number, Product, symbol
    >>> two, three = Number("2"), Number("3")
    >>> parts = (symbol("y"), Product((two, three), "·"), Number("6"))
    >>> equation_lines(Equation(parts), "en", 40)
    ['y = 2·3 = 6']
    """
    rows = [spread(part, language) for part in equation.parts]
    boxes = [_row(row, language) for row in rows]
    sign = f" {equation.relation} "
    one_line = beside(_between(boxes, sign))
    if one_line.height == 1 and one_line.width <= width:
        return list(one_line.lines)
    left, *others = boxes
    if left.width > _LONGEST_LEFT_SIDE and one_line.width > width:
        head: list[str] = _tidy(left)
        return head + _parts(rows[1:], "  ", sign.lstrip(), language, width)
    first = _broken(rows[1], width - left.width - len(sign), language) if others else []
    opening = [beside((left, Box((sign,)), first[0]))] if first else [left]
    indent = " " * (left.width + len(sign))
    lines = [text for box in opening for text in _tidy(box)]
    lines += [(indent + text).rstrip() for box in first[1:] for text in _tidy(box)]
    return lines + _parts(rows[2:], " " * left.width, sign, language, width)


def _parts(
    rows: Sequence[Row], indent: str, sign: str, language: Language, width: int
) -> list[str]:
    """Return the lines of an equation, every further part on lines of its own after the relation
    sign."""
    lines: list[str] = []
    room = width - len(indent) - len(sign)
    for row in rows:
        start, *rest = _broken(row, room, language)
        lines += _tidy(beside((Box((indent + sign,)), start)))
        hanging = indent + " " * len(sign)
        lines += [(hanging + text).rstrip() for box in rest for text in _tidy(box)]
    return lines


def _tidy(box: Box) -> list[str]:
    return [line.rstrip() for line in box.lines]


def _broken(row: Row, width: int, language: Language) -> list[Box]:
    """Return the row as boxes one below the other, as many as the width requires.

    It is cut in front of its loosest signs; a part that is still too wide is cut at the next
    tighter ones. What has no sign left to cut at overflows.
    """
    one_line = _row(row, language)
    signs = [piece.level for piece in row if isinstance(piece, Operator)]
    if one_line.width <= width or not signs:
        return [one_line]
    loosest = min(signs)
    boxes: list[Box] = []
    line: Row = ()
    used = 0
    # A case distinction in the middle stays closed where the line is cut behind it.
    closed = (Tall(piece.tree, True) if isinstance(piece, Tall) else piece for piece in row[:-1])
    for chunk in _chunks((*closed, row[-1]), loosest):
        wide = _row(chunk, language).width  # of pieces in a row the widths add up
        if line and used + wide > width:
            boxes += _inner(line, loosest, width, language)
            line = ()
        if line:
            line, used = line + chunk, used + wide
        else:
            line = _at_start(chunk)
            used = _row(line, language).width
    return boxes + _inner(line, loosest, width, language)


def _inner(line: Row, loosest: Level, width: int, language: Language) -> list[Box]:
    """Return one line of a broken row; a single chunk that is still too wide is cut further."""
    opening = isinstance(line[0], Operator)
    body = line[1:] if opening else line
    if any(isinstance(piece, Operator) and piece.level == loosest for piece in body) or not body:
        return [_row(line, language)]
    head = line[:1] if opening else ()
    opened = _row(head, language)
    first, *rest = _broken(body, width - opened.width, language)
    hanging = Box((" " * (2 + opened.width),))
    return [beside((opened, first)), *(beside((hanging, box)) for box in rest)]


def _chunks(row: Row, loosest: Level) -> list[Row]:
    """Return the row cut in front of each sign of a level."""
    cuts = [
        at for at, piece in enumerate(row) if isinstance(piece, Operator) and piece.level == loosest
    ]
    starts = [0, *(at for at in cuts if at)]
    return [row[start:end] for start, end in zip(starts, [*starts[1:], len(row)], strict=True)]


def _at_start(chunk: Row) -> Row:
    first = chunk[0]
    if isinstance(first, Operator):
        return (Operator(first.text.lstrip(), first.level), *chunk[1:])
    return chunk
