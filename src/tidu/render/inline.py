"""One-line Unicode formulas: W₁·x + b₁, ∂L/∂W₁, A⁻ᵀ, [1 2; 3 4]."""

from __future__ import annotations

from tidu.document.math import Math
from tidu.render.spread import line
from tidu.words import Language


def inline(tree: Math, language: Language = "en") -> str:
    """Return a formula on one line. Products are written with ·, a number before a letter without:
    2x.

    >>> from tidu.document.math import Number, Product, Sum, symbol
    >>> inline(Sum((Product((symbol("W1"), symbol("x"))), Product((Number("2"), symbol("b1"))))))
    'W₁·x + 2b₁'
    """
    return line(tree, language)
