"""A document as a complete LaTeX file: ctexart for Chinese, article for English."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
from tidu.document.math import Math
from tidu.figures.cells import cells
from tidu.figures.curve import curve_text
from tidu.render.display import Leaf, display
from tidu.render.encoding import transliterate
from tidu.render.latex import latex
from tidu.render.latex_text import ESCAPES, escape_text
from tidu.render.spread import line
from tidu.render.wording import (
    COLON,
    EDGE,
    GRADIENT,
    LOCAL_DERIVATIVE,
    MARKS,
    NODE,
    NOTES,
    RULE,
    SHAPE,
    SOURCE,
    VALUE,
)
from tidu.visible import visible
from tidu.words import Language, Phrase

_HEADINGS = ("section", "subsection", "subsubsection", "paragraph")
_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_BEYOND_LATIN = re.compile("[^\x00-\xff]")
_PREAMBLE = r"""\documentclass[a4paper{option}]{{{style}}}
\usepackage{{amsmath,amssymb}}
\usepackage{{iftex}}
\ifPDFTeX
  \usepackage[utf8]{{inputenc}}
  \usepackage[T1]{{fontenc}}
\fi
\allowdisplaybreaks
\setcounter{{MaxMatrixCols}}{{99}}
\title{{{title}}}
\author{{}}
\date{{}}
\begin{{document}}
\maketitle
"""
# From this width a column of a table gets a fixed width, so that its cells can wrap.
_WIDE_COLUMN = 40
_LINES_TO_ASCII = str.maketrans("│┤└─┬", "||+-+")


def render_latex(document: Document, language: Language) -> str:
    r"""Return the document as the text of a .tex file.

    >>> from tidu.document.blocks import Paragraph
    >>> from tidu.words import verbatim
    >>> text = render_latex(Document(verbatim("50%"), (Paragraph(verbatim("a_1")),)), "en")
    >>> r"\title{50\%}" in text and r"a\_1" in text
    True
    """
    body = "\n\n".join(_blocks(document.blocks, 0, language))
    title = _prose(document.title, language)
    # English text with Chinese names in it needs ctex's fonts, but not its Chinese headings.
    chinese = language == "zh" or _CHINESE.search(title + body) is not None
    style, option = ("ctexart", "" if language == "zh" else ",scheme=plain")
    if not chinese:
        style, option = "article", ""
        title, body = _latin(title), _latin(body)
    preamble = _PREAMBLE.format(style=style, option=option, title=title)
    return visible(f"{preamble}\n{body}\n\n\\end{{document}}\n")


def _latin(text: str) -> str:
    """Return characters that no font of an English document has, readable in ASCII."""

    def readable(found: re.Match[str]) -> str:
        return "".join(ESCAPES.get(c, c) for c in transliterate(found.group(), "latin-1"))

    return _BEYOND_LATIN.sub(readable, text)


def _prose(phrase: Phrase, language: Language) -> str:
    return "".join(
        f"${latex(part, language)}$" if isinstance(part, Math) else escape_text(str(part))
        for part in phrase.parts(language)
    )


def _blocks(blocks: Sequence[Block], depth: int, language: Language) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            heading = _HEADINGS[min(depth, len(_HEADINGS) - 1)]
            yield f"\\{heading}{{{_prose(block.title, language)}}}"
            yield from _blocks(block.blocks, depth + 1, language)
        else:
            yield _block(block, language)


def _block(block: Leaf, language: Language) -> str:
    match block:
        case Paragraph(text):
            return _prose(text, language)
        case Equation():
            return _equation(block, language)
        case Step():
            return _step(block, language)
        case Note(kind, text):
            name = escape_text(NOTES[kind]().text(language) + COLON().text(language))
            return f"\\begin{{quote}}\n\\textbf{{{name}}}{_prose(text, language)}\n\\end{{quote}}"
        case Verdict(holds, text, details):
            mark = escape_text(MARKS[holds])
            items = [_prose(detail, language) for detail in details]
            return f"\\noindent {mark} {_prose(text, language)}" + _list(items)
        case Table():
            return _table(block, language)
        case CodeBlock(text):
            return _code(text)
        case GraphFigure():
            return "\n\n".join(_table(table, language) for table in graph_tables(block))
        case CurveFigure(caption=caption):
            drawn = curve_text(block, language).translate(_LINES_TO_ASCII)
            return _caption(caption, language) + _code(drawn)
    assert_never(block)


def _equation(equation: Equation, language: Language) -> str:
    shown = display(equation, language, "align*")
    return shown if shown.startswith(r"\begin{align*}") else f"\\[\n{shown}\n\\]"


def _step(step: Step, language: Language) -> str:
    parts: list[str] = []
    if step.label is not None:
        parts.append(rf"\noindent\textbf{{{_prose(step.label, language)}}}")
    items: list[str] = []
    colon = COLON().text(language)
    if step.shape is not None:
        items.append(SHAPE().text(language) + colon + f"${latex(step.shape, language)}$")
    if step.rule is not None or step.source is not None:
        rule = "" if step.rule is None else _prose(step.rule, language)
        source = "" if step.source is None else SOURCE(source=step.source).text(language)
        items.append(RULE().text(language) + colon + (rule + escape_text(source)).strip())
    items += [_prose(remark, language) for remark in step.remarks]
    return "\n".join([*parts, _equation(step.equation, language)]) + _list(items)


def _list(items: Sequence[str]) -> str:
    if not items:
        return ""
    # {} keeps a bracket at the start of an item from being taken for its label.
    shown = "\n".join(rf"\item {{}}{item}" for item in items)
    return f"\n\\begin{{itemize}}\n{shown}\n\\end{{itemize}}"


def _caption(caption: Phrase | None, language: Language) -> str:
    return "" if caption is None else f"\\noindent\\textbf{{{_prose(caption, language)}}}\n\n"


def _table(table: Table, language: Language) -> str:
    rows = (table.columns, *table.rows)
    widest = [max(_width(row[j], language) for row in rows) for j in range(len(table.columns))]
    wide = sum(width > _WIDE_COLUMN for width in widest)
    share = f"p{{{0.6 / max(1, wide):.2f}\\linewidth}}"
    columns = "".join(share if width > _WIDE_COLUMN else "l" for width in widest)
    shown_rows = ([f"{{}}{_cell(cell, language)}" for cell in row] for row in rows)
    head, *body = (" & ".join(row) + r" \\" for row in shown_rows)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *body, r"\hline"]
    shown = "\n".join([*lines, r"\end{tabular}"])
    return _caption(table.caption, language) + f"\\noindent {shown}"


def _width(cell: Cell, language: Language) -> int:
    if isinstance(cell, str):
        return cells(cell)
    return cells(cell.text(language) if isinstance(cell, Phrase) else line(cell, language))


def _cell(cell: Cell, language: Language) -> str:
    match cell:
        case str():
            return escape_text(cell)
        case Phrase():
            return _prose(cell, language)
        case _:
            return f"${latex(cell, language)}$"


def _code(text: str) -> str:
    shown = visible(text).replace(r"\end{verbatim}", r"\end {verbatim}")
    return f"\\begin{{verbatim}}\n{shown}\n\\end{{verbatim}}"


def graph_tables(figure: GraphFigure) -> list[Table]:
    """Return a computation graph as two tables, edges and nodes: LaTeX itself draws no graphs."""
    labels = {node.id: node.label for node in figure.nodes}

    def name(end: str) -> Math | str:
        return labels.get(end, end)

    edges = tuple(
        (name(edge.source), "→", name(edge.target), edge.label or "") for edge in figure.edges
    )
    tables = [Table((EDGE(), "", "", LOCAL_DERIVATIVE()), edges, figure.caption)]
    if any(node.value or node.gradient for node in figure.nodes):
        nodes = tuple((node.label, node.value or "", node.gradient or "") for node in figure.nodes)
        tables.append(Table((NODE(), VALUE(), GRADIENT()), nodes))
    return tables
