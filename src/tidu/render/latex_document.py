"""A document as a complete LaTeX file: ctexart for Chinese, article for English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import assert_never

from tidu.document.blocks import (
    Block,
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
from tidu.render.breaking import LINE, equation_rows
from tidu.render.latex_figures import curve, graph
from tidu.render.latex_preamble import preamble
from tidu.render.latex_prose import formula, prose
from tidu.render.latex_tables import caption, table
from tidu.render.latex_text import CHINESE, escape_code, escape_text, printable
from tidu.render.measure import width
from tidu.render.wording import COLON, MARKS, NOTES, RULE, SHAPE
from tidu.visible import visible
from tidu.words import Language

_HEADINGS = ("section", "subsection", "subsubsection", "paragraph")


def render_latex(document: Document, language: Language) -> str:
    r"""Return the document as the text of a .tex file.

    >>> from tidu.document.blocks import Paragraph
    >>> from tidu.words import verbatim
    >>> text = render_latex(Document(verbatim("50%"), (Paragraph(verbatim("a_1")),)), "en")
    >>> r"\bfseries 50\%\end" in text and r"a\_1" in text
    True
    """
    body = printable("\n\n".join(_blocks(document.blocks, 0, language)))
    title = printable(prose(document.title, language))
    # English text with Chinese names in it needs ctex's fonts, but not its Chinese headings.
    chinese = language == "zh" or CHINESE.search(title + body) is not None
    opening = preamble(title, body, language, chinese)
    return visible(f"{opening}\n{body}\n\n\\end{{document}}\n")


def _blocks(blocks: Sequence[Block], depth: int, language: Language) -> Iterator[str]:
    for kind, group in groupby(blocks, type):
        if kind is Verdict:
            yield _statements([block for block in group if isinstance(block, Verdict)], language)
            continue
        for block in group:
            if isinstance(block, Section):
                heading = _HEADINGS[min(depth, len(_HEADINGS) - 1)]
                yield f"\\{heading}{{{prose(block.title, language)}}}"
                yield from _blocks(block.blocks, depth + 1, language)
            else:
                yield _block(block, language)


def _block(block: Leaf, language: Language) -> str:
    match block:
        case Paragraph(text):
            return prose(text, language)
        case Equation():
            return _equation(block, language)
        case Step():
            return _step(block, language)
        case Note(kind, text):
            name = escape_text(NOTES[kind]().text(language) + COLON().text(language))
            return _list([rf"\textbf{{{name}}}{prose(text, language)}"], "[]").strip()
        case Verdict():
            return _statements([block], language)
        case Table():
            return table(block, language)
        case CodeBlock(text):
            return f"\\begin{{alltt}}\n{escape_code(text)}\n\\end{{alltt}}"
        case GraphFigure():
            return graph(block, language)
        case CurveFigure():
            return caption(block.caption, language) + curve(block, language)
    assert_never(block)


def _equation(equation: Equation, language: Language) -> str:
    r"""Return a displayed equation; \noindent, or TeX sets an empty line in front of it."""
    rows = equation_rows(equation, language)
    if len(rows) == 1:
        whole = _kept(rows[0], r"[.95\linewidth]")
        return f"\\noindent\\[\n{whole}\n\\]"
    shown = " \\\\\n".join(
        left + "& " + _kept(right) for left, _, right in (row.partition("& ") for row in rows)
    )
    return f"\\noindent\\begin{{align*}}\n{shown}\n\\end{{align*}}"


def _kept(row: str, room: str = "") -> str:
    """Return a row that keeps to the page, also if there was no place to break it."""
    return rf"\fitted{room}{{{row}}}" if width(row) > LINE - 4 else row


def _step(step: Step, language: Language) -> str:
    parts: list[str] = []
    if step.label is not None:
        parts.append(rf"\noindent\textbf{{{prose(step.label, language)}}}\nopagebreak")
    colon = COLON().text(language)
    facts: list[str] = []
    if step.shape is not None:
        facts.append(SHAPE().text(language) + colon + formula(step.shape, language))
    if step.rule is not None:
        facts.append(RULE().text(language) + colon + prose(step.rule, language))
    items = [r"\quad ".join(facts)] if facts else []
    items += [prose(remark, language) for remark in step.remarks]
    return "\n".join([*parts, _equation(step.equation, language)]) + _list(items)


def _list(items: Sequence[str], mark: str = " {}") -> str:
    """Return a list below a line; {} keeps a bracket at the start of an item from being its
    mark."""
    if not items:
        return ""
    shown = "\n".join(rf"\item{mark}{item}" for item in items)
    return f"\n\\begin{{remarks}}\n{shown}\n\\end{{remarks}}"


def _statements(verdicts: Sequence[Verdict], language: Language) -> str:
    """Return what was checked, several on a line where they are short."""
    shown = r"\noindent"
    for verdict in verdicts:
        mark = escape_text(MARKS[verdict.holds])
        shown += f"\n\\statement{{{mark} {prose(verdict.text, language)}}}%"
        details = _list([prose(detail, language) for detail in verdict.details])
        shown += details and f"{details}\n\\noindent"
    return shown
