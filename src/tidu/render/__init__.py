"""Documents and formulas printed: text for terminals, LaTeX, Markdown, JSON."""

from tidu.render.encoding import transliterate
from tidu.render.formats import FORMATS, Format
from tidu.render.inline import inline
from tidu.render.json import render_json
from tidu.render.latex import latex
from tidu.render.latex_document import render_latex
from tidu.render.markdown import render_markdown
from tidu.render.text import render_text

__all__ = [
    "FORMATS",
    "Format",
    "inline",
    "latex",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_text",
    "transliterate",
]
