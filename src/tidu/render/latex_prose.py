"""Running text in LaTeX: words, with formulas that break at the end of a line."""

from __future__ import annotations

from tidu.document.math import Math
from tidu.render.breaking import LINE, pieces
from tidu.render.latex import latex
from tidu.render.latex_text import escape_text
from tidu.render.measure import width
from tidu.words import Language, Phrase

# TeX breaks a formula of this width at its relations and signs, but not inside tall brackets.
_LONG = 12.0


def prose(phrase: Phrase, language: Language, room: float = LINE) -> str:
    """Return a phrase for a line of the given width in em."""
    return "".join(
        formula(part, language, room) if isinstance(part, Math) else escape_text(str(part))
        for part in phrase.parts(language)
    )


def formula(tree: Math, language: Language, room: float = LINE) -> str:
    """Return a formula between dollar signs."""
    whole = latex(tree, language)
    if width(whole) <= min(_LONG, room):
        return f"${whole}$"
    parts = [
        rf"\fitted[\linewidth]{{{piece}}}" if width(piece) > 0.9 * room else piece
        for piece in pieces(tree, language, min(_LONG, room))
    ]
    return "$" + r" \allowbreak ".join(parts) + "$"
