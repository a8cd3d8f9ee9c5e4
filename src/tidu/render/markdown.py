"""A document as GitHub-flavoured Markdown, formulas between dollar signs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from tidu.document.blocks import (
    Block,
    Cell,
    CodeBlock,
    CurveFigure,
    Document,
    Equation,
    GraphFigure,
    Leaf,
    Note,
    Paragraph,
    Section,
    Step,
    Table,
    Verdict,
)
from tidu.document.math import Math
from tidu.figures.curve import curve_text
from tidu.figures.graph import graph_text
from tidu.render.breaking import equation_rows
from tidu.render.latex import latex
from tidu.render.spread import line
from tidu.render.wording import COLON, MARKS, NOTES, RULE, SHAPE
from tidu.visible import visible
from tidu.words import Language, Phrase

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|$~]|&(?=#|\w+;))")
_BLOCK_START = re.compile(r"^(\s*\d*)([#+=.)-])", re.MULTILINE)
_NEXT_ROW = " \\\\ "
# Spaces that pandoc knows and that Markdown does not act on.
_SPACES = {r" \thinspace ": r"\text{ }", r"\enspace": r"\text{ }"}
_ROWS = {
    r"\begin{bmatrix} ": "[",
    r" \end{bmatrix}": "]",
    r"\begin{cases} ": r"\lbrace ",
    r" \end{cases}": r" \rbrace",
    _NEXT_ROW: "; ",
    " & ": r"\text{ }",
}
_BESIDE_FORMULA = frozenset(" \n\t()[],.;:!?'\"/-")


def render_markdown(document: Document, language: Language) -> str:
    r"""Return the document as Markdown.

    >>> from tidu.document.blocks import Paragraph
    >>> from tidu.document.math import symbol
    >>> from tidu.words import Words, verbatim
    >>> said = Words(en="The weights {w}.", zh="权重 {w}。")(w=symbol("W1"))
    >>> print(render_markdown(Document(verbatim("y_1"), (Paragraph(said),)), "en"))
    # y\_1
    <BLANKLINE>
    The weights $W_1$.
    <BLANKLINE>
    """
    blocks = _blocks(document.blocks, 2, language)
    title = _prose(document.title, language)
    return visible("\n\n".join([*([f"# {title}"] if title else []), *blocks])) + "\n"


def _blocks(blocks: Sequence[Block], level: int, language: Language) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            yield f"{'#' * min(level, 6)} {_prose(block.title, language)}"
            yield from _blocks(block.blocks, level + 1, language)
        else:
            yield _block(block, language)


def _block(block: Leaf, language: Language) -> str:
    match block:
        case Paragraph(text):
            return _paragraph(text, language)
        case Equation():
            return _equation(block, language)
        case Step():
            return _step(block, language)
        case Note(kind, text):
            name = NOTES[kind]().text(language) + COLON().text(language).strip()
            return f"> **{name}** {_prose(text, language)}".replace("\n", "\n> ")
        case Verdict(holds, text, details):
            shown = f"{MARKS[holds]} {_prose(text, language)}"
            return shown + _list([_prose(detail, language) for detail in details])
        case Table():
            return _table(block, language)
        case CodeBlock(text, code_language):
            return _code(text, code_language)
        case GraphFigure(caption=caption):
            return _caption(caption, language) + _code(graph_text(block, language, line))
        case CurveFigure(caption=caption):
            return _caption(caption, language) + _code(curve_text(block, language))
    assert_never(block)


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", visible(text))


def _paragraph(text: Phrase, language: Language) -> str:
    """Return running text in which no line starts a list or a heading by accident."""
    return _BLOCK_START.sub(r"\1\\\2", _prose(text, language))


def _formula(tree: Math, language: Language) -> str:
    return f"${_on_one_line(latex(tree, language))}$"


def _on_one_line(formula: str) -> str:
    r"""Return a formula for running text and tables: the rows of a matrix behind each other.

    GitHub keeps \\ between rows at the end of a line only, and pandoc knows no other command.
    """
    return _replaced(formula, _ROWS | _SPACES)


def _replaced(formula: str, substitutes: Mapping[str, str]) -> str:
    for old, new in substitutes.items():
        formula = formula.replace(old, new)
    return formula


def _prose(phrase: Phrase, language: Language) -> str:
    """Return text with formulas. GitHub recognises a formula only beside a space or an ASCII
    sign."""
    shown, after_formula = "", False
    for part in phrase.parts(language):
        formula = isinstance(part, Math)
        text = _formula(part, language) if isinstance(part, Math) else _escape(str(part))
        joins = formula != after_formula and shown and text
        before, after = (shown[-1:], text[:1]) if joins else ("", "")
        tight = (before if formula else after) not in _BESIDE_FORMULA
        shown += (" " if joins and tight else "") + text
        after_formula = formula
    return shown


def _equation(equation: Equation, language: Language) -> str:
    rows = equation_rows(equation, language)
    body = " \\\\\n".join(rows)
    if len(rows) > 1:
        body = f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
    rows_apart = {_NEXT_ROW: _NEXT_ROW.rstrip() + "\n"}
    return f"$$\n{_replaced(body, rows_apart | _SPACES)}\n$$"


def _step(step: Step, language: Language) -> str:
    colon = COLON().text(language)
    label = [] if step.label is None else [f"**{_prose(step.label, language)}**"]
    items: list[str] = []
    if step.shape is not None:
        shape = line(step.shape, language)
        items.append(f"{SHAPE().text(language)}{colon}`{shape}`")
    if step.rule is not None:
        items.append(RULE().text(language) + colon + _prose(step.rule, language))
    items += [_prose(remark, language) for remark in step.remarks]
    return "\n\n".join([*label, _equation(step.equation, language)]) + _list(items)


def _list(items: Sequence[str]) -> str:
    return "".join(["\n", *(f"\n- {item}" for item in items)]) if items else ""


def _caption(caption: Phrase | None, language: Language) -> str:
    return "" if caption is None else f"**{_prose(caption, language)}**\n\n"


def _table(table: Table, language: Language) -> str:
    rows = [
        "| " + " | ".join(_cell(cell, language).replace("\n", " ") for cell in row) + " |"
        for row in (table.columns, *table.rows)
    ]
    rule = "|" + " --- |" * len(table.columns)
    return _caption(table.caption, language) + "\n".join([rows[0], rule, *rows[1:]])


def _cell(cell: Cell, language: Language) -> str:
    match cell:
        case str():
            return _escape(cell)
        case Phrase():
            return _prose(cell, language)
        case _:
            return _formula(cell, language)


def _code(text: str, language: str = "") -> str:
    """Return a code block whose fence is longer than any row of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
