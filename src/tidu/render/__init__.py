"""Documents and formulas printed: text for terminals, LaTeX, Markdown, JSON."""

from tidu.render.inline import inline
from tidu.render.latex import latex
from tidu.render.text import render_text

__all__ = ["inline", "latex", "render_text"]
