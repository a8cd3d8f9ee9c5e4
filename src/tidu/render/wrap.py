"""Paragraphs and tables of text in terminal cells, Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidu.document.math import Math
from tidu.figures.cells import cells, pad
from tidu.render.spread import line
from tidu.words import Language, Phrase

_NEVER_FIRST = "，。；：！？、）】》」』”’…,.;:!?)]}"
_NEVER_LAST = "（【《「『“‘([{"
_WIDE = re.compile(r"([\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f])")
_LONGEST_UNBROKEN_FORMULA = 32
_HARD_SPACE = "\u00a0"
_GAP = "  "
_NARROWEST_COLUMN = 12


def phrase_for_wrapping(phrase: Phrase, language: Language) -> str:
    """Return a phrase whose short formulas hold together: their spaces do not break."""
    shown = ""
    for part in phrase.parts(language):
        if isinstance(part, Math):
            formula = line(part, language)
            short = cells(formula) <= _LONGEST_UNBROKEN_FORMULA
            shown += formula.replace(" ", _HARD_SPACE) if short else formula
        else:
            shown += str(part)
    return shown


def wrap(text: str, width: int) -> list[str]:
    """Return lines of at most `width` cells where words allow it; Chinese breaks between
    characters.

    >>> wrap("梯度下降 is one step down the slope", 12)
    ['梯度下降 is', 'one step', 'down the', 'slope']
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrap_paragraph(paragraph, width)
    return [shown.replace(_HARD_SPACE, " ") for shown in lines]


def _wrap_paragraph(text: str, width: int) -> list[str]:
    lines: list[str] = []
    current = ""
    for token in _tokens(text):
        if current and cells(current + token.rstrip(" ")) > width:
            lines.append(current.rstrip(" "))
            current = ""
        current += token if current else token.lstrip(" ")
    return [*lines, current.rstrip(" ")]


def _tokens(text: str) -> list[str]:
    """Return the parts that no line break may divide: words with the space after them, single
    Chinese characters.

    Punctuation stays with its neighbour, so that no line starts with a full stop.
    """
    raw = [token for token in re.split(r"( +)", text) for token in _WIDE.split(token) if token]
    tokens: list[str] = []
    for token in raw:
        sticks = token[0] in _NEVER_FIRST or token.isspace()
        after_opening = bool(tokens) and tokens[-1][-1] in _NEVER_LAST
        if tokens and (sticks or after_opening):
            tokens[-1] += token
        else:
            tokens.append(token)
    return tokens


def table_lines(rows: Sequence[Sequence[str]], right: Sequence[bool], width: int) -> list[str]:
    """Return rows of cells in columns, the first row as the head; the widest columns wrap if need
    be."""
    columns = len(right)
    widths = [max((cells(row[j]) for row in rows), default=0) for j in range(columns)]
    while sum(widths) + len(_GAP) * (columns - 1) > width and max(widths) > _NARROWEST_COLUMN:
        widths[widths.index(max(widths))] -= 1
    lines = [shown for row in rows[:1] for shown in _table_row(row, widths, right)]
    lines.append(_GAP.join("─" * w for w in widths))
    return lines + [shown for row in rows[1:] for shown in _table_row(row, widths, right)]


def _table_row(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    wrapped = [wrap(cell, w) for cell, w in zip(row, widths, strict=True)]
    lines: list[str] = []
    for i in range(max(map(len, wrapped), default=0)):
        parts: list[str] = []
        for cell, w, to_right in zip(wrapped, widths, right, strict=True):
            text = cell[i] if i < len(cell) else ""
            parts.append(" " * (w - cells(text)) + text if to_right else pad(text, w))
        lines.append(_GAP.join(parts).rstrip())
    return lines
