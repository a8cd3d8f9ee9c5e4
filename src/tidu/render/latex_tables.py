"""Tables in LaTeX: columns as wide as the page allows, narrow tables side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidu.document.blocks import Cell, Table
from tidu.document.math import Math
from tidu.figures.cells import cells
from tidu.render.latex import latex
from tidu.render.latex_prose import formula, prose
from tidu.render.latex_text import CHINESE, escape_text
from tidu.render.measure import height, width
from tidu.words import Language, Phrase

_PAGE = 44.0  # the width of a page without its margins, in em
_GAP = 0.8  # between two columns, in em
_NARROWEST = 5.0
_SPLIT_FROM = 8  # rows; a shorter table is not set in two halves
_LONGEST = 30  # rows; a longer table goes on on the next page
_ROOM = r"\noalign{\vskip 2pt}"
_NUMBER = re.compile(r"[−-]?[\d.]+(e[−+-]?\d+)?|…")


def caption(phrase: Phrase | None, language: Language) -> str:
    if phrase is None:
        return ""
    return rf"\noindent\textbf{{{prose(phrase, language)}}}\nopagebreak" + "\n\n"


def table(table: Table, language: Language) -> str:
    """Return a table; one that is narrow and long in two halves, one longer than a page in
    several parts."""
    rows = (table.columns, *table.rows)
    count = len(table.columns)
    natural = [max(_width(row[j], language) for row in rows) for j in range(count)]
    widths = _fitting(
        natural, [max(_least(row[j], language) for row in rows) for j in range(count)]
    )
    columns = [_column(widths[j], natural[j], _right(table.rows, j)) for j in range(count)]
    head, *body = _spaced([_row(row, widths, language) for row in rows])
    shown, after = caption(table.caption, language) + "\\noindent\n", "\n\\par\\smallskip"
    if len(body) > _LONGEST:
        return shown + _tabular("longtable", columns, head, body)
    if 2 * (sum(widths) + _GAP * count) + _GAP < _PAGE and len(body) >= _SPLIT_FROM:
        at = _middle(body)
        halves = [_tabular("tabular", columns, head, part) for part in (body[:at], body[at:])]
        return shown + "\\hspace{2em}%\n".join(halves) + after
    return shown + _tabular("tabular", columns, head, body) + after


def _width(cell: Cell, language: Language) -> float:
    match cell:
        case str():
            return 0.5 * cells(cell)
        case Phrase():
            parts = cell.parts(language)
            return sum(
                width(latex(part, language)) if isinstance(part, Math) else 0.5 * cells(str(part))
                for part in parts
            )
        case _:
            return width(latex(cell, language))


def _least(cell: Cell, language: Language) -> float:
    """Return the width of the longest word, which no line end divides."""
    text = cell.text(language) if isinstance(cell, Phrase) else cell
    words = CHINESE.sub(" ", text).split() if isinstance(text, str) else ()
    return max([_NARROWEST, *(0.55 * len(word) for word in words)])


def _fitting(natural: Sequence[float], least: Sequence[float]) -> list[float]:
    """Return the widths of the columns, those with most to give made narrower until all fit on a
    line."""
    widths = list(natural)
    room = _PAGE - _GAP * len(widths)
    while widths and sum(widths) > room:
        spare = [given - needed for given, needed in zip(widths, least, strict=True)]
        most = spare.index(max(spare))
        if spare[most] <= 0:
            break
        widths[most] -= min(1.0, spare[most])
    return widths


def _column(given: float, natural: float, right: bool) -> str:
    if given < natural:
        return rf">{{\raggedright\arraybackslash}}p{{{given:.1f}em}}"
    return "r" if right else "l"


def _right(rows: Sequence[Sequence[Cell]], j: int) -> bool:
    """Return whether a column has numbers only, which stand under each other."""
    column = [row[j] for row in rows]
    texts = [cell for cell in column if isinstance(cell, str)]
    return bool(texts) and len(texts) == len(column) and all(map(_NUMBER.fullmatch, texts))


def _row(row: Sequence[Cell], widths: Sequence[float], language: Language) -> str:
    pairs = zip(row, widths, strict=True)
    return " & ".join("{}" + _cell(cell, w, language) for cell, w in pairs)


def _spaced(rows: Sequence[str]) -> list[str]:
    """Return rows with their ends, some room beside a matrix."""
    tall = [*(height(row) > 2 for row in rows), False]
    ends = [rf" \\ {_ROOM}" if tall[i] or tall[i + 1] else r" \\" for i in range(len(rows))]
    return [row + end for row, end in zip(rows, ends, strict=True)]


def _cell(cell: Cell, room: float, language: Language) -> str:
    match cell:
        case str():
            return escape_text(cell)
        case Phrase():
            return prose(cell, language, room)
        case _:
            return formula(cell, language, room)


def _middle(rows: Sequence[str]) -> int:
    """Return after how many rows half of the height is reached."""
    heights = [height(row) + 0.3 for row in rows]
    return min(range(1, len(rows)), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))


def _tabular(environment: str, columns: Sequence[str], head: str, body: Sequence[str]) -> str:
    again = [r"\endhead"] if environment == "longtable" else []
    place = "[l]" if environment == "longtable" else "[t]"
    lines = [
        rf"\begin{{{environment}}}{place}{{{''.join(columns)}}}",
        *(r"\hline", _ROOM, head, r"\hline", _ROOM, *again, *body, r"\hline"),
        rf"\end{{{environment}}}",
    ]
    return "\n".join(lines)
