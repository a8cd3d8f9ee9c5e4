"""The signs of a formula, as the scanner finds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tidu.errors import Place
from tidu.text.lexer import Text


@dataclass(frozen=True, slots=True)
class Sign:
    """A token: what it is, its plain spelling, and where it stands (line and columns from 0).

    Kinds: number, name (letters), word (letters in upright type, or said), function (a command),
    command (frac, √, ∑, ∏, ∂, ∇), sub (a subscript, as text), string, sign, newline, cell, begin,
    end.
    """

    kind: str
    text: str
    line: int
    column: int
    end: int
    spaced: bool = False  # white space stands in front of it


@lru_cache(maxsize=8)
def is_latex(source: str) -> bool:
    """Return whether a text holds commands of LaTeX."""
    return re.search(r"\\[A-Za-z|{\\]", source) is not None


def place_of(text: Text, sign: Sign) -> Place:
    return text.place(sign.line, sign.column, max(sign.end, sign.column + 1))
