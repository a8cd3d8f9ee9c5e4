"""Names in Unicode: Greek letters, subscripts and superscripts where the characters exist."""

from __future__ import annotations

import re

from tidu.document.math import GREEK, Symbol
from tidu.visible import visible_line

_GREEK_LETTERS: dict[str, str] = dict(zip(GREEK, "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
_PLAIN_SUB = "0123456789+−-=()aehijklmnoprstuvx"
_RAISED_SUB = "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"
_PLAIN_SUP = "0123456789+−-=()abcdefghijklmnoprstuvwxyzH"
_RAISED_SUP = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴴ"
SUBSCRIPTS = dict(zip(_PLAIN_SUB, _RAISED_SUB, strict=True))
SUPERSCRIPTS = dict(zip(_PLAIN_SUP, _RAISED_SUP, strict=True))
# Letters that are read as indices; a subscript such as "max" is a word and stays one: x_max.
_INDEX_LETTERS = frozenset("ijklmn")
_PRIMES = {1: "′", 2: "″", 3: "‴"}


def letter(name: str) -> str:
    """Return the Greek letter for its English name, else the name itself, hidden characters
    shown."""
    return _GREEK_LETTERS.get(name) or visible_line(name)


_NUMBERED = re.compile(r"(\d+)([A-Z]+)")


def superscript(text: str) -> str | None:
    """Return the text in superscript characters, or None if one of them does not exist."""
    if text and all(c in SUPERSCRIPTS for c in text):
        return "".join(SUPERSCRIPTS[c] for c in text)
    return None


def subscript(text: str) -> str:
    """Return the text as a subscript: ₁, ᵢⱼ, _true, ₁_true, ₂A (there is no small capital).

    >>> [subscript(s) for s in ("1", "ij", "true", "1,true", "2A", "1,2")]
    ['₁', 'ᵢⱼ', '_true', '₁_true', '₂A', '₁,₂']
    """
    if not text:
        return ""
    text = visible_line(text)
    numbered = _NUMBERED.fullmatch(text)
    if numbered:
        return "".join(SUBSCRIPTS[c] for c in numbered.group(1)) + numbered.group(2)
    shown, lowered = "", False
    for part in text.split(","):
        if _reads_as_index(part) and (not shown or lowered):
            shown += ("," if shown else "") + "".join(SUBSCRIPTS[c] for c in part)
            lowered = True
        else:
            words = re.sub(r"_(?=\d)", "", part)  # δ_z1 says ∂L/∂z₁
            shown += "_" + "".join(letter(run) for run in re.split(r"(\W+)", words))
            lowered = False
    return shown


def _reads_as_index(part: str) -> bool:
    letters = [c for c in part if c.isalpha()]
    known = bool(part) and all(c in SUBSCRIPTS for c in part)
    return known and (len(letters) <= 1 or _INDEX_LETTERS.issuperset(letters))


def primes(order: int) -> str:
    """Return ′, ″, ‴, and from the fourth derivative on ⁽⁴⁾."""
    return _PRIMES.get(order) or superscript(f"({order})") or ""


def symbol_text(symbol: Symbol) -> str:
    """Return a name with its scripts: W₁, y_true, h⁽²⁾."""
    sub = subscript(symbol.sub)
    if symbol.base == "delta" and symbol.sub.isalnum() and not symbol.sub[0].isdigit():
        sub = "_" + letter(symbol.sub)  # δ_a beside δ_b: there is no low b
    return letter(symbol.base) + sub + _upper(symbol.sup)


def _upper(sup: str) -> str:
    if not sup or sup == "*":
        return sup
    sup = visible_line(sup)
    raised = superscript(sup) if sup.startswith("(") or len(sup) == 1 else None
    return raised or "^" + sup


def can_be_raised(symbol: Symbol) -> bool:
    """Return whether a further superscript on this name reads unambiguously: W₁², but (y_true)²."""
    return not symbol.sup and "_" not in subscript(symbol.sub)
