"""What binds tighter than what: the grammar of linear formulas, shared by all printers.

A printer asks for the level of an operand and sets brackets where it is too low. From loose to
tight: relation, sum, minus sign, Σ, elementwise product (⊙ ⊗ ×), fraction a/b, product, ∂a/∂b, ∇a,
a name with a superscript, everything that is closed in itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum

from tidu.document.math import (
    Big,
    Derivative,
    Fraction,
    Inverse,
    Math,
    Nabla,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Sum,
    Symbol,
    Transpose,
)
from tidu.render.scripts import can_be_raised

TIGHT_SIGNS = frozenset({"", "·"})
_PLAIN_NUMBER = re.compile(r"\d+(\.\d+)?|inf|nan")


class Level(IntEnum):
    """Orders printed trees by how tightly they bind."""

    RELATION = 0
    SUM = 1
    NEGATIVE = 2
    BIG = 3
    LOOSE = 4
    FRACTION = 5
    TIGHT = 6
    DERIVATIVE = 7
    PREFIX = 8
    RAISED = 9
    ATOM = 10


def is_negative_number(tree: Math) -> bool:
    return isinstance(tree, Number) and tree.text[:1] in ("-", "−", "±")


def is_plain_number(tree: Math) -> bool:
    return isinstance(tree, Number) and _PLAIN_NUMBER.fullmatch(tree.text) is not None


def signed_factors(product: Product) -> Iterator[tuple[str, Math]]:
    """Return the factors with the sign in front of each; nested products of the same kind are
    flattened.

    · is associative, so the nesting needs no brackets. × may be a cross product, which is not: it
    stays nested.
    """
    for position, factor in enumerate(map(normal, product.factors)):
        sign = product.sign if position else ""
        if isinstance(factor, Product) and _same_kind(product.sign, factor.sign):
            for inner, (inner_sign, part) in enumerate(signed_factors(factor)):
                yield (inner_sign if inner else sign), part
        else:
            yield sign, factor


def _same_kind(outer: str, inner: str) -> bool:
    return (outer in TIGHT_SIGNS and inner in TIGHT_SIGNS) or (outer == inner and outer != "×")


def signed_terms(terms: tuple[Math, ...]) -> Iterator[tuple[bool, Math]]:
    """Return (is subtracted, term) for each term of a sum; sums inside the sum are flattened."""
    for term in map(normal, terms):
        if isinstance(term, Sum):
            yield from signed_terms(term.terms)
        elif isinstance(term, Negative):
            yield True, normal(term.value)
        else:
            yield False, term


def normal(tree: Math) -> Math:
    """Return the tree as it is printed: sums and products of one are that one, (−2)x is −2x.

    Only a coefficient in front of letters gives its sign away: in a product of numbers, (−1)·2, the
    brackets show what was put in for a name.
    """
    if isinstance(tree, Sum) and len(tree.terms) <= 1:
        return normal(tree.terms[0]) if tree.terms else Number("0")
    if not isinstance(tree, Product):
        return tree
    if len(tree.factors) <= 1:
        return normal(tree.factors[0]) if tree.factors else Number("1")
    first, *others = tree.factors
    letters = isinstance(others[0], (Symbol, Power, Transpose))
    if letters and isinstance(first, Number) and first.text[:1] in ("-", "−"):
        return Negative(Product((Number(first.text[1:]), *others), tree.sign))
    return tree


def raised(tree: Math) -> tuple[Math, str] | None:
    """Return (base, script) of a transpose or an inverse; (Aᵀ)⁻¹ and (A⁻¹)ᵀ are both A⁻ᵀ."""
    match tree:
        case Transpose(Inverse(base)) | Inverse(Transpose(base)):
            return base, "-T"
        case Transpose(base):
            return base, "T"
        case Inverse(base):
            return base, "-1"
        case _:
            return None


def level(tree: Math) -> Level:
    """Return how tightly a tree binds when it stands on one line."""
    match tree:
        case Relation():
            return Level.RELATION
        case Sum():
            return Level.SUM
        case Negative():
            return Level.NEGATIVE
        case Big():
            return Level.BIG
        case Product():
            return _product_level(tree)
        case Fraction():
            return Level.FRACTION
        case Derivative():
            return Level.DERIVATIVE
        case Nabla():
            return Level.PREFIX
        case Power() | Transpose() | Inverse() | Prime():
            return Level.RAISED
        case Symbol():
            return Level.ATOM if can_be_raised(tree) else Level.RAISED
        case Number():
            return _number_level(tree)
        case _:
            return Level.ATOM


def _product_level(product: Product) -> Level:
    if product.sign not in TIGHT_SIGNS:
        return Level.LOOSE
    factors = [factor for _, factor in signed_factors(product)]
    if isinstance(factors[-1], Big):
        return Level.BIG
    return Level.LOOSE if any(isinstance(f, Derivative) for f in factors) else Level.TIGHT


def _number_level(number: Number) -> Level:
    if is_negative_number(number):
        return Level.NEGATIVE
    if is_plain_number(number):
        return Level.ATOM
    if re.search(r"\d\s*[+−-]", number.text):
        return Level.SUM  # a complex number
    return Level.FRACTION if "/" in number.text else Level.RAISED
