"""A math tree spread out on a line: pieces that know where they may break and which of them grow.

The one-line printer joins the pieces; the two-dimensional printer sets matrices tall and stretches
the brackets around them. Both have their signs and brackets from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from tidu.document.math import (
    Apply,
    Big,
    Cases,
    Derivative,
    Dots,
    Fence,
    Fraction,
    Function,
    Group,
    Index,
    Inverse,
    Math,
    Matrix,
    Nabla,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Say,
    Sum,
    Symbol,
    Transpose,
)
from tidu.render.grammar import (
    TIGHT_SIGNS,
    Level,
    is_negative_number,
    is_plain_number,
    level,
    normal,
    raised,
    signed_factors,
    signed_terms,
)
from tidu.render.scripts import letter, primes, subscript, superscript, symbol_text
from tidu.words import Language, Phrase, Words

_IF = Words(en="{value} if {condition}", zh="{value}，当 {condition} 时")
_ELSE = Words(en="{value} {condition}", zh="{value}，{condition}")
_SEPARATOR = Words(en="; ", zh="；")
_RAISED_NAMES = {"T": "ᵀ", "-1": "⁻¹", "-T": "⁻ᵀ"}
_DOTS = {"h": "…", "v": "⋮", "d": "⋱"}
_LONGEST_SUPERSCRIPT = 4


@dataclass(frozen=True, slots=True)
class Operator:
    """A sign with its spaces; a line may be broken in front of it, the lowest level first."""

    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class Script:
    """A superscript (or, with `down`, a subscript) of the piece in front of it."""

    text: str
    down: bool = False


@dataclass(frozen=True, slots=True)
class Fenced:
    left: str
    body: Row
    right: str


@dataclass(frozen=True, slots=True)
class Tall:
    """A tree that takes several lines where there is room for them.

    `closed` asks for the right-hand brace of a case distinction also at the end of a line.
    """

    tree: Matrix | Cases
    closed: bool = False


Piece = str | Operator | Script | Fenced | Tall
Row = tuple[Piece, ...]


def spread(tree: Math, language: Language) -> Row:
    """Return the pieces of a tree from left to right."""
    tree = normal(tree)
    match tree:
        case Symbol() | Number() | Function() | Dots() | Say():
            return (_word(tree, language),)
        case Matrix() | Cases():
            return (Tall(tree),)
        case Group() | Fence():
            return _fence(tree, language)
        case Relation():
            return _relation(tree, language)
        case Negative() | Sum():
            return _sum(tree, language)
        case Product():
            return _product(tree, language)
        case Fraction(top, bottom):
            above = level(normal(top))
            high = _operand(top, language, above is not Level.TIGHT and above < Level.PREFIX)
            return (*high, "/", *_at_least(bottom, Level.PREFIX, language))
        case Power() | Transpose() | Inverse() | Prime():
            return _raised(tree, language)
        case Apply() | Index():
            return _applied(tree, language)
        case Big():
            return _big(tree, language)
        case Derivative() | Nabla():
            return _derivative(tree, language)
    assert_never(tree)


def flat(row: Row, language: Language) -> str:
    """Return the pieces on one line."""
    return "".join(_flat_piece(piece, language) for piece in row)


def line(tree: Math, language: Language) -> str:
    return flat(spread(tree, language), language)


def phrase_text(phrase: Phrase, language: Language) -> str:
    """Return a phrase in one language, formulas in it on one line."""
    return "".join(
        line(part, language) if isinstance(part, Math) else str(part)
        for part in phrase.parts(language)
    )


def number_text(text: str) -> str:
    """Return a number with the true minus sign."""
    return {"inf": "∞", "-inf": "−∞", "nan": "NaN"}.get(text, text.replace("-", "−"))


def _flat_piece(piece: Piece, language: Language) -> str:
    match piece:
        case str():
            return piece
        case Operator(text) | Script(text):
            return text
        case Fenced(left, body, right):
            return left + flat(body, language) + right
        case Tall(tree):
            return _flat_tall(tree, language)
    assert_never(piece)


def _flat_tall(tree: Matrix | Cases, language: Language) -> str:
    if isinstance(tree, Matrix):
        return _flat_matrix(tree, language)
    return "{" + _SEPARATOR().text(language).join(_flat_cases(tree, language)) + "}"


def _flat_matrix(matrix: Matrix, language: Language) -> str:
    rows = [[line(entry, language) for entry in row] for row in matrix.rows]
    spaced = any(" " in entry for row in rows for entry in row)
    between = ", " if spaced or matrix.vector else " "
    return "[" + "; ".join(between.join(row) for row in rows) + "]"


def _flat_cases(cases: Cases, language: Language) -> Iterator[str]:
    for value, condition in cases.rows:
        words = _ELSE if isinstance(condition, Say) else _IF
        yield phrase_text(words(value=value, condition=condition), language)


def _word(tree: Symbol | Number | Function | Dots | Say, language: Language) -> str:
    match tree:
        case Symbol():
            return symbol_text(tree)
        case Number(text):
            return number_text(text)
        case Function(name, sub):
            return letter(name) + subscript(sub)
        case Dots(direction):
            return _DOTS[direction]
        case Say(phrase):
            return phrase_text(phrase, language)


def _fence(tree: Group | Fence, language: Language) -> Row:
    if isinstance(tree, Group):
        return (Fenced("(", spread(tree.value, language), ")"),)
    fenced = Fenced(tree.left, spread(tree.value, language), tree.right)
    return (fenced, Script(subscript(tree.sub), down=True)) if tree.sub else (fenced,)


def _derivative(tree: Derivative | Nabla, language: Language) -> Row:
    if isinstance(tree, Nabla):
        return ("∇", *_name(tree.by, language))
    d = "d" if tree.total else "∂"
    if tree.then is None:
        return (d, *_name(tree.of, language), f"/{d}", *_name(tree.by, language))
    return (f"{d}²", *_name(tree.of, language), "/", *_twice(tree, d, language))


def _twice(tree: Derivative, d: str, language: Language) -> Row:
    assert tree.then is not None
    if tree.then == tree.by:
        return (d, *_name(tree.by, language), "²")
    return (d, *_name(tree.by, language), d, *spread(tree.then, language))


def _operand(tree: Math, language: Language, bracket: bool) -> Row:
    row = spread(tree, language)
    return (Fenced("(", row, ")"),) if bracket else row


def _at_least(tree: Math, wanted: Level, language: Language) -> Row:
    return _operand(tree, language, level(normal(tree)) < wanted)


def _name(tree: Math, language: Language) -> Row:
    """Return what stands after ∂ or ∇: a name as it is, anything composed in brackets."""
    composed = not isinstance(tree, Symbol) and level(normal(tree)) < Level.ATOM
    return _operand(tree, language, composed)


def _relation(relation: Relation, language: Language) -> Row:
    pieces = list(_at_least(relation.parts[0], Level.SUM, language))
    for operator, part in zip(relation.operators, relation.parts[1:], strict=True):
        pieces.append(Operator(f" {operator} ", Level.RELATION))
        pieces += _at_least(part, Level.SUM, language)
    return tuple(pieces)


def _sum(tree: Negative | Sum, language: Language) -> Row:
    terms = tree.terms if isinstance(tree, Sum) else (tree,)
    pieces: list[Piece] = []
    for position, (subtracted, term) in enumerate(signed_terms(terms)):
        if position:
            pieces.append(Operator(" − " if subtracted else " + ", Level.SUM))
        elif subtracted:
            pieces.append("−")
        opening = position == 0 and not subtracted and is_negative_number(term)
        pieces += _operand(term, language, level(term) < Level.BIG and not opening)
    return tuple(pieces)


def _product(product: Product, language: Language) -> Row:
    factors = list(signed_factors(product))
    tight = product.sign in TIGHT_SIGNS
    # A chain of ∂a/∂b is spaced, so that no / seems to reach beyond its own two sides.
    spaced = not tight or any(isinstance(factor, Derivative) for _, factor in factors)
    wanted = Level.DERIVATIVE if tight else Level.FRACTION
    pieces: list[Piece] = []
    for position, (sign, factor) in enumerate(factors):
        if position and not _coefficient(factors[position - 1][1], sign, factor):
            shown = f" {sign or '·'} " if spaced else sign or "·"
            pieces.append(Operator(shown, Level.TIGHT if tight else Level.LOOSE))
        last = position == len(factors) - 1
        open_end = tight and last and isinstance(factor, Big)
        # a/b ⊙ c could be read as a/(b ⊙ c)
        reaches_on = not tight and isinstance(factor, Fraction) and (not last or sign == "⊘")
        brackets = reaches_on or (level(factor) < wanted and not open_end)
        pieces += _operand(factor, language, brackets)
    return tuple(pieces)


def _coefficient(before: Math, sign: str, factor: Math) -> bool:
    """Return whether a number stands right in front of a letter: 2x, 3Wᵀ, but 2·loss and 2·(x +
    y)."""
    match factor:
        case Symbol(base) | Power(Symbol(base)) | Transpose(Symbol(base)):
            return sign == "" and is_plain_number(before) and len(letter(base)) == 1
        case _:
            return False


def _raised(tree: Power | Transpose | Inverse | Prime, language: Language) -> Row:
    script = raised(tree)
    if script is not None:
        base, name = script
        return (*_at_least(base, Level.ATOM, language), Script(_RAISED_NAMES[name]))
    if isinstance(tree, Prime):
        return (*_at_least(tree.value, Level.ATOM, language), Script(primes(tree.order)))
    assert isinstance(tree, Power)
    return (*_at_least(tree.base, Level.ATOM, language), Script(_exponent(tree.exponent, language)))


def _exponent(exponent: Math, language: Language) -> str:
    spaced = line(exponent, language)  # once: a tower of powers is laid out in one walk
    text = spaced.replace(" ", "")
    small = superscript(text) if len(text) <= _LONGEST_SUPERSCRIPT else None
    if small is not None:
        return small
    return f"^{text}" if re.fullmatch(r"[^\W_A-Z]", text) else f"^({spaced})"


def _applied(tree: Apply | Index, language: Language) -> Row:
    if isinstance(tree, Index):
        indices = ",".join(line(index, language).replace(" ", "") for index in tree.indices)
        return (*_at_least(tree.value, Level.RAISED, language), f"[{indices}]")
    head = _at_least(tree.head, Level.RAISED, language)
    pieces: list[Piece] = []
    for position, argument in enumerate(tree.arguments):
        inner = argument.value if isinstance(argument, Group) else argument
        pieces += ([", "] if position else []) + [*spread(inner, language)]
    return (*head, Fenced("(", tuple(pieces), ")"))


def _big(big: Big, language: Language) -> Row:
    sign = letter(big.operator)
    below = "" if big.below is None else _lowered(line(big.below, language))
    above = "" if big.above is None else _exponent(big.above, language)
    return (f"{sign}{below}{above} ", *_at_least(big.body, Level.BIG, language))


def _lowered(text: str) -> str:
    tight = text.replace(" ", "")
    small = subscript(tight)
    return small if "_" not in small or re.fullmatch(r"\w+", tight) else f"_({text})"
