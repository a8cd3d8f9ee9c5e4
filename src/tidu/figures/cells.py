"""How many terminal cells a text takes, and lines of a given width."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


def cells(text: str) -> int:
    """Return the number of terminal cells of a text: East Asian wide characters take two.

    >>> cells("W₁"), cells("梯度")
    (2, 4)
    """
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@lru_cache(maxsize=4096)
def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, width: int) -> str:
    """Return the text with spaces on the right up to `width` cells."""
    return text + " " * (width - cells(text))


def centre(text: str, width: int) -> str:
    """Return the text in the middle of `width` cells."""
    left = max(0, (width - cells(text)) // 2)
    return pad(" " * left + text, width)
