"""A document as plain text for a terminal, with formulas as on a blackboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import assert_never

from tidu.document.blocks import (
    Block,
    Cell,
    CodeBlock,
    CurveFigure,
    Document,
    Equation,
    GraphFigure,
    Note,
    Paragraph,
    Section,
    Step,
    Table,
    Verdict,
)
from tidu.figures.cells import cells
from tidu.figures.curve import curve_text
from tidu.figures.graph import graph_text
from tidu.render.layout import equation_lines
from tidu.render.spread import line, phrase_text
from tidu.render.wording import COLON, MARKS, NOTES, RULE, SHAPE
from tidu.render.wrap import phrase_for_wrapping, table_lines, wrap
from tidu.visible import visible
from tidu.words import Language, Phrase

_INDENT = "    "
_NUMBER = re.compile(r"[−-]?[\d.]+(e[−-]?\d+)?%?")


def render_text(document: Document, language: Language, width: int = 88) -> str:
    """Return the document as text of at most `width` cells a line where its formulas allow it.

    >>> from tidu.document.blocks import Paragraph
    >>> from tidu.words import verbatim
    >>> print(render_text(Document(verbatim("Title"), (Paragraph(verbatim("Hello.")),)), "en"))
    Title
    ═════
    <BLANKLINE>
    Hello.
    <BLANKLINE>
    """
    title = phrase_text(document.title, language)
    lines = [*wrap(title, width), "═" * min(width, cells(title))] if title else []
    for block in _blocks(document.blocks, "", language, width):
        lines += ["", *block] if lines else block
    return visible("\n".join(lines)) + "\n"


def _blocks(
    blocks: tuple[Block, ...], number: str, language: Language, width: int
) -> Iterator[list[str]]:
    """Yield the lines of each block; sections are numbered and opened."""
    count = 0
    formulas: list[str] = []
    for block, after in zip_longest(blocks, blocks[1:]):
        if isinstance(block, Section):
            count += 1
            section_number = f"{number}{count}."
            title = f"{section_number} {phrase_text(block.title, language)}"
            yield [*wrap(title, width), "─" * min(width, cells(title))]
            yield from _blocks(block.blocks, section_number, language, width)
        else:
            formulas += _block(block, language, width)
            if not (_is_line(block, language, width) and _is_line(after, language, width)):
                yield formulas
                formulas = []


def _is_line(block: Block | None, language: Language, width: int) -> bool:
    """Tell whether a block is a formula on one line: between two such there is no empty line."""
    return isinstance(block, Equation) and len(_block(block, language, width)) == 1


def _block(block: Block, language: Language, width: int) -> list[str]:
    match block:
        case Paragraph(text):
            return wrap(phrase_for_wrapping(text, language), width)
        case Equation():
            return _indented(equation_lines(block, language, width - len(_INDENT)))
        case Step():
            return _step(block, language, width)
        case Note(kind, text):
            return _marked(f"! {NOTES[kind]().text(language)}", text, language, width)
        case Verdict(holds, text, details):
            lines = _hanging(f"{MARKS[holds]} ", text, language, width)
            return lines + [s for d in details for s in _hanging("    ", d, language, width)]
        case Table():
            return _table(block, language, width)
        case CodeBlock(text):
            return _indented(text.split("\n"))
        case GraphFigure():
            return _figure(graph_text(block, language, line, width), block.caption, language, width)
        case CurveFigure():
            drawn = curve_text(block, language, min(width, 72))
            return _figure(drawn, block.caption, language, width)
        case Section(title, blocks):
            raise AssertionError(f"section {title} is opened by _blocks", blocks)
    assert_never(block)


def _step(step: Step, language: Language, width: int) -> list[str]:
    lines: list[str] = []
    if step.label is not None:
        lines += wrap(phrase_for_wrapping(step.label, language), width)
    lines += _indented(equation_lines(step.equation, language, width - len(_INDENT)))
    if step.shape is not None:
        lines += _item(SHAPE().text(language), line(step.shape, language), language, width)
    if step.rule is not None:
        rule = phrase_for_wrapping(step.rule, language)
        lines += _item(RULE().text(language), rule, language, width)
    for remark in step.remarks:
        lines += _hanging(_INDENT + "• ", remark, language, width)
    return lines


def _item(name: str, text: str, language: Language, width: int) -> list[str]:
    return _hang(f"{_INDENT}{name}{COLON().text(language)}", text, width)


def _marked(mark: str, text: Phrase, language: Language, width: int) -> list[str]:
    return _hang(mark + COLON().text(language), phrase_for_wrapping(text, language), width)


def _hanging(mark: str, text: Phrase, language: Language, width: int) -> list[str]:
    return _hang(mark, phrase_for_wrapping(text, language), width)


def _hang(mark: str, text: str, width: int) -> list[str]:
    """Return the text behind a mark, its further lines under its first."""
    indent = " " * cells(mark)
    first, *rest = wrap(text, max(20, width - len(indent)))
    return [(mark + first).rstrip(), *((indent + shown).rstrip() for shown in rest)]


def _indented(lines: list[str]) -> list[str]:
    return [(_INDENT + shown).rstrip() for shown in lines]


def _table(table: Table, language: Language, width: int) -> list[str]:
    rows = [[_cell(cell, language) for cell in row] for row in (table.columns, *table.rows)]
    right = [
        len(rows) > 1 and all(_NUMBER.fullmatch(row[j]) or not row[j] for row in rows[1:])
        for j in range(len(table.columns))
    ]
    caption = [] if table.caption is None else wrap(phrase_text(table.caption, language), width)
    return caption + table_lines(rows, right, width)


def _cell(cell: Cell, language: Language) -> str:
    match cell:
        case str():
            return cell
        case Phrase():
            return phrase_for_wrapping(cell, language)
        case _:
            return line(cell, language)


def _figure(drawn: str, caption: Phrase | None, language: Language, width: int) -> list[str]:
    lines = drawn.split("\n")
    return lines if caption is None else [*wrap(phrase_text(caption, language), width), *lines]
