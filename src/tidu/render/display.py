"""What the printers of LaTeX and of Markdown share: displayed equations."""

from __future__ import annotations

from tidu.document.blocks import (
    CodeBlock,
    CurveFigure,
    Equation,
    GraphFigure,
    Note,
    Paragraph,
    Step,
    Table,
    Verdict,
)
from tidu.document.math import Math, Negative, Sum
from tidu.figures.cells import cells
from tidu.render.latex import latex
from tidu.render.latex_text import sign
from tidu.render.spread import line
from tidu.words import Language

# A block that holds no other blocks.
Leaf = Paragraph | Equation | Step | Note | Verdict | Table | CodeBlock | GraphFigure | CurveFigure
_WIDEST_LINE = 72


def display(equation: Equation, language: Language, environment: str) -> str:
    """Return the equation on one line if it is short, else one line a part in an aligning
    environment."""
    relation = sign(equation.relation)
    parts = [latex(part, language) for part in equation.parts]
    on_one_line = f" {relation} ".join(parts)
    length = sum(cells(line(part, language)) + 3 for part in equation.parts)
    if len(parts) == 1 or (length <= _WIDEST_LINE and r"\begin" not in on_one_line):
        return on_one_line
    rows = [
        f"&{relation} {text}" if at == 0 else rf"&\quad {text}"
        for part in equation.parts[1:]
        for at, text in enumerate(_lines(part, language))
    ]
    body = " \\\\\n".join([f"{parts[0]} {rows[0]}", *rows[1:]])
    return f"\\begin{{{environment}}}\n{body}\n\\end{{{environment}}}"


def _lines(tree: Math, language: Language) -> list[str]:
    """Return a formula, a long sum in several lines that start with their signs."""
    if not isinstance(tree, Sum):
        return [latex(tree, language)]
    chunks: list[tuple[Math, ...]] = [()]
    for term in tree.terms:
        if chunks[-1] and cells(line(Sum((*chunks[-1], term)), language)) > _WIDEST_LINE:
            chunks.append(())
        chunks[-1] += (term,)
    first, *rest = chunks
    signs = ["" if isinstance(chunk[0], Negative) else "+ " for chunk in rest]
    continued = [
        plus + latex(Sum(chunk), language) for plus, chunk in zip(signs, rest, strict=True)
    ]
    return [latex(Sum(first), language), *continued]
