"""Names in a formula: values of the program, constants, functions, and runs of letters that are
products of names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from tidu.errors import SyntaxProblem
from tidu.ir.node import Node
from tidu.ir.types import Dim, Size
from tidu.spellings import binding, functions
from tidu.text.arrays import filled
from tidu.text.diagnosis import BRACKETS, CALL, two_readings
from tidu.text.formula import code, entries, names, signs
from tidu.text.formula.names import Found, Known
from tidu.text.formula.parts import FormulaPart, FormulaScope, lower, word_for
from tidu.text.formula.syntax import Chain, Raised, Subscripted, Superscript, Syntax, Word
from tidu.text.task import Task
from tidu.text.values import Literal, Module

VALUES = Node | Literal | int | float | Size


def word(formulas: FormulaScope, node: Word) -> Task[FormulaPart]:
    """Return the value of a word that no brackets follow."""
    found = find(formulas, node, applied=False)
    formulas.mark_read(node)
    formulas.recognised = formulas.recognised or found.kind in ("name", "parts", "entry")
    match found.kind:
        case "name" | "constant":
            return named(formulas, node, found.texts[0])
        case "ones":
            return ones(formulas, node)
        case "identity":
            return _identity(formulas, node)
        case "parts":
            return (yield from lower(formulas, product_of_run(node, found.texts)))
        case "entry":
            base = Word(node.first, node.last, found.texts[0] if found.texts else node.text)
            return (yield from lower(formulas, Subscripted(node.first, node.last, base, node.sub)))
        case "index":
            return entries.number(formulas.builder(node), node.text)
        case "function":
            shown = formulas.shown(node)
            raise SyntaxProblem(
                BRACKETS(name=shown, argument="…"),
                place=formulas.place(node),
                fix=CALL(name=shown, argument="x"),
            )
        case "none":
            written_name = node.raw or (f"{node.text}_{node.sub}" if node.sub else node.text)
            raise formulas.scope.unknown_name(written_name, formulas.place(node))


def named(formulas: FormulaScope, node: Syntax, name: str) -> FormulaPart:
    """Return the value of a name."""
    place = formulas.place(node)
    return FormulaPart(
        formulas.sizes.with_known_sizes(formulas.scope.value_of(name, place)),
        place,
        code.name(name),
    )


def ones(formulas: FormulaScope, node: Syntax) -> FormulaPart:
    """Return 𝟏, a vector of ones; what it is multiplied with settles its length."""
    size = _size(formulas, node)
    written = code.call(code.name(word_for(formulas, "ones")), [ast.Name(str(size))], {})
    return FormulaPart(filled((size,), 1.0), formulas.place(node), written, all_ones=True)


def _size(formulas: FormulaScope, node: Syntax) -> Size:
    """Return the size of 𝟏 or I: a new one, equal to what stands below it, as in Iₙ."""
    size, stated = formulas.sizes.new(), _size_below(formulas, node)
    if stated is not None:
        formulas.sizes.unify(size, stated)
    return size


def _size_below(formulas: FormulaScope, node: Syntax) -> Dim | None:
    below = node.sub if isinstance(node, Word) else ""
    if re.fullmatch("[1-9][0-9]{0,8}", below):
        return int(below)
    value = formulas.scope.find(below) if below.isalpha() else None
    return value if isinstance(value, Size) or type(value) is int else None


def _identity(formulas: FormulaScope, node: Word) -> FormulaPart:
    size = _size(formulas, node)
    spelling = functions.find("numpy.eye")
    assert spelling is not None
    value = binding.call(spelling, [size], {})
    written = code.call(code.name(word_for(formulas, "eye")), [ast.Name(str(size))], {})
    return FormulaPart(value, formulas.place(node), written)


def product_of_run(
    node: Word, texts: Sequence[str], scripts: tuple[Superscript, ...] = ()
) -> Chain:
    """Return several letters as a product; a subscript and exponents belong to the last."""
    parts: list[Syntax] = [Word(node.first, node.last, text) for text in texts[:-1]]
    last = Word(node.first, node.last, texts[-1], node.sub)
    parts.append(Raised(node.first, node.last, last, scripts) if scripts else last)
    return Chain(node.first, node.last, tuple(parts), (None,) * (len(parts) - 1))


# ------------------------------------------------------------------ what a word is
def find(formulas: FormulaScope, node: Word, applied: bool) -> Found:
    """Return the meaning of a word, among the names of the program, the constants and the
    functions."""
    if not node.sub and node.text in formulas.indices:
        return Found("index")
    known = formulas.names()
    texts = known.matching(node.text, node.sub)
    place = formulas.place(node)
    if len(texts) > 1:
        raise two_readings(place, *texts[:2])
    ways = _ways(formulas, node, known) if node.run else []
    if texts:
        if formulas.latex and ways and len(node.text) > 1:
            raise two_readings(place, texts[0], " * ".join(ways[0]))
        return Found("name", tuple(texts))
    special = _special_word(formulas, node)
    function = None if special else _function_of(formulas, node, applied, ways)
    if special or function:
        return special or Found("function", (function or "",))
    if len(ways) > 1:
        raise two_readings(place, " * ".join(ways[0]), " * ".join(ways[1]))
    if ways:
        return Found("parts", ways[0])
    if node.sub and known.matching(node.text, ""):
        return Found("entry")
    if node.sub and formulas.indices and known.matching(node.text.upper(), ""):
        return Found("entry", (node.text.upper(),))  # xᵢ, a row of X
    return Found("none")


def _special_word(formulas: FormulaScope, node: Word) -> Found | None:
    """Return the meaning of 𝟏, I, π, e or ∞, unless the program uses it as a name."""
    if node.sub:
        sized = node.text in (signs.ONES, "I") and _size_below(formulas, node) is not None
        return Found("ones" if node.text == signs.ONES else "identity") if sized else None
    if node.text in functions.CONSTANTS or node.text == "π":
        return Found("constant", ("pi" if node.text == "π" else node.text,))
    if node.text == signs.ONES:
        return Found("ones")
    if isinstance(formulas.scope.find(node.text), Module):
        return Found("name", (node.text,))
    return Found("identity") if node.text == "I" else None


def _function_of(
    formulas: FormulaScope, node: Word, applied: bool, ways: Sequence[tuple[str, ...]]
) -> str | None:
    """Return the function that a word is: one letter only before brackets, a run unless it is a
    product of names as well."""
    function = _function_name(node)
    if function is None or not (applied or (not ways and len(node.text) > 1)):
        return None
    if ways and formulas.latex:
        product = " * ".join(ways[0])
        raise two_readings(formulas.place(node), f"{function}(…)", product)
    return function


def _ways(formulas: FormulaScope, node: Word, known: Known) -> list[tuple[str, ...]]:
    """Return how a run of letters is a product of known values; I and π need no declaration."""

    def is_one(piece: str) -> bool:
        return is_value(formulas, piece) if piece in known else piece in ("I", "π")

    return names.splits(node.text, is_one, max(1, known.longest))


def _function_name(node: Word) -> str | None:
    """Return the function that a word names; log₂ has a name of its own, mean₁ an axis."""
    plain = signs.GREEK_LETTERS.get(node.text, node.text)
    with_sub = names.function_named(plain + node.sub) if node.sub else None
    return with_sub or names.function_named(plain)


def is_value(formulas: FormulaScope, name: str) -> bool:
    """Return whether a name stands for an array or a number."""
    return isinstance(formulas.scope.find(name), VALUES)
