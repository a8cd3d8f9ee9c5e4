"""The formats that a document can be saved in: one record for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidu.document.blocks import Document
from tidu.render.json import render_json
from tidu.render.latex_document import render_latex
from tidu.render.markdown import render_markdown
from tidu.render.text import render_text
from tidu.words import Language


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a document, chosen by the ending of a file's name."""

    name: str
    suffix: str
    write: Callable[[Document, Language], str]


_ALL = (
    Format("markdown", ".md", render_markdown),
    Format("latex", ".tex", render_latex),
    Format("text", ".txt", render_text),
    Format("json", ".json", render_json),
)
FORMATS: dict[str, Format] = {each.suffix: each for each in _ALL}
