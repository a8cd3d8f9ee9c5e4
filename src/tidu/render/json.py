"""A document as plain JSON, every formula both as text and as LaTeX."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import assert_never

from tidu.document.blocks import (
    Arrays,
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
from tidu.render.latex import latex
from tidu.render.spread import line, phrase_text
from tidu.visible import with_escapes
from tidu.words import Language, Phrase

SCHEMA = "tidu/document/1"
Data = dict[str, "Data"] | list["Data"] | str | float | int | bool | None


def render_json(document: Document, language: Language) -> str:
    """Return the document as JSON; texts in one language, formulas as {"text", "latex"}.

    >>> from tidu.words import verbatim
    >>> print(render_json(Document(verbatim("t"), (), meta=(("seed", "0"),)), "en"))
    {
      "schema": "tidu/document/1",
      "language": "en",
      "title": "t",
      "meta": {
        "seed": "0"
      },
      "blocks": []
    }
    """
    data: Data = {
        "schema": SCHEMA,
        "language": language,
        "title": phrase_text(document.title, language),
        "meta": dict(document.meta),
        "blocks": _blocks(document.blocks, language),
    }
    return visible_json(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False))


def visible_json(text: str) -> str:
    r"""Return JSON with hidden characters, which occur in its strings alone, written as JSON's
    escapes.

    >>> print(visible_json('["\u202e"]'))
    ["\u202e"]
    """
    return with_escapes(text, lambda character: json.dumps(character)[1:-1])


def _blocks(blocks: Sequence[Block], language: Language) -> Data:
    return [_block(block, language) for block in blocks]


def _block(block: Block, language: Language) -> Data:
    match block:
        case Paragraph(text):
            return {"type": "paragraph", "text": phrase_text(text, language)}
        case Equation():
            return {"type": "equation", **_equation(block, language)}
        case Step():
            return _step(block, language)
        case Note(kind, text):
            return {"type": "note", "kind": kind, "text": phrase_text(text, language)}
        case Verdict(holds, text, details):
            return {
                "type": "verdict",
                "holds": holds,
                "text": phrase_text(text, language),
                "details": _phrases(details, language),
            }
        case Table(columns, rows, caption):
            return {
                "type": "table",
                "caption": _phrase(caption, language),
                "columns": [_cell(cell, language) for cell in columns],
                "rows": [[_cell(cell, language) for cell in row] for row in rows],
            }
        case CodeBlock(text, code_language):
            return {"type": "code", "language": code_language, "text": text}
        case GraphFigure():
            return _graph(block, language)
        case CurveFigure():
            return _curve(block, language)
        case Section(title, blocks, name, arrays):
            return {
                "type": "section",
                **({"name": name} if name else {}),
                "title": phrase_text(title, language),
                "blocks": _blocks(blocks, language),
                **({"arrays": _arrays(arrays)} if arrays else {}),
            }
    assert_never(block)


def _math(tree: Math | None, language: Language) -> Data:
    if tree is None:
        return None
    return {"text": line(tree, language), "latex": latex(tree, language)}


def _phrase(phrase: Phrase | None, language: Language) -> Data:
    return None if phrase is None else phrase_text(phrase, language)


def _phrases(phrases: Sequence[Phrase], language: Language) -> Data:
    return [phrase_text(phrase, language) for phrase in phrases]


def _cell(cell: Cell, language: Language) -> Data:
    if isinstance(cell, str):
        return cell
    return phrase_text(cell, language) if isinstance(cell, Phrase) else _math(cell, language)


def _equation(equation: Equation, language: Language) -> dict[str, Data]:
    parts: list[Data] = [_math(part, language) for part in equation.parts]
    return {"relation": equation.relation, "parts": parts}


def _step(step: Step, language: Language) -> Data:
    return {
        "type": "step",
        "label": _phrase(step.label, language),
        "equation": _equation(step.equation, language),
        "shape": _math(step.shape, language),
        "rule": _phrase(step.rule, language),
        "source": "; ".join(rule.formula for rule in step.rules) or None,
        "remarks": _phrases(step.remarks, language),
        "covers": list(step.covers),
    }


def _graph(figure: GraphFigure, language: Language) -> Data:
    return {
        "type": "graph",
        "caption": _phrase(figure.caption, language),
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "label": _math(node.label, language),
                "value": _math(node.value, language),
                "gradient": _math(node.gradient, language),
            }
            for node in figure.nodes
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "label": _math(edge.label, language)}
            for edge in figure.edges
        ],
    }


def _curve(figure: CurveFigure, language: Language) -> Data:
    return {
        "type": "curve",
        "caption": _phrase(figure.caption, language),
        "axis": _phrase(figure.axis, language),
        "start": figure.start,
        **({} if figure.every == 1 else {"every": figure.every}),
        "series": [
            {"name": name, "values": [_number(value) for value in values]}
            for name, values in figure.series
        ],
    }


def _arrays(arrays: Arrays) -> Data:
    """Return arrays by name as nested lists."""
    return {name: _nested(shape, iter(numbers)) for name, shape, numbers in arrays}


def _nested(shape: tuple[int, ...], numbers: Iterator[float | complex]) -> Data:
    if not shape:
        value = next(numbers)
        return str(value) if isinstance(value, complex) else _number(value)
    return [_nested(shape[1:], numbers) for _ in range(shape[0])]


def _number(value: float) -> Data:
    """Return a number for JSON, which has no infinities and no NaN: these are written as their
    names."""
    return value if math.isfinite(value) else str(value)
