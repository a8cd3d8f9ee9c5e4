"""Names in a formula: values of the program, constants, functions, and runs of letters that are
products of names.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidu.errors import SyntaxProblem
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.spellings import functions
from tidu.text.diagnosis import BRACKETS, CALL
from tidu.text.expressions import Reading
from tidu.text.formula import names as naming
from tidu.text.formula import signs
from tidu.text.formula.notes import name
from tidu.text.formula.products import Products
from tidu.text.formula.syntax import Chain, Entry, Word
from tidu.text.values import Literal, Module


class Named(Products):
    """Reads words."""

    def _word(self, node: Word) -> Reading:
        found = self._find(node, applied=False)
        self.seen.add(id(node))
        self.recognised = self.recognised or found.kind in ("name", "parts", "entry")
        match found.kind:
            case "name":
                return (yield from self._as(node, name(found.texts[0])))
            case "constant":
                return (yield from self._as(node, name(found.texts[0])))
            case "ones":
                return (yield from self._ones(node))
            case "identity":
                return (yield from self._identity(node))
            case "parts":
                parts = [
                    self._made(Word(text=t, sub="", run=False, raw=""), node) for t in found.texts
                ]
                parts[-1].sub = node.sub
                chain = self._made(Chain(factors=parts, signs=[""] * (len(parts) - 1)), node)
                return (yield from self._as(node, chain))
            case "entry":
                base = self._made(Word(text=node.text, sub="", run=False, raw=""), node)
                entry = self._made(Entry(base=base, sub=node.sub), node)
                return (yield from self._as(node, entry))
            case "function":
                shown = self.shown(node)
                raise SyntaxProblem(
                    BRACKETS(name=shown, argument="…"),
                    place=self.place(node),
                    fix=CALL(name=shown, argument="x"),
                )
            case _:
                said = node.raw or (f"{node.text}_{node.sub}" if node.sub else node.text)
                raise self.unknown_name(node, said)

    def _find(self, node: Word, applied: bool) -> naming.Found:
        """What a word is, among the names of the program, the constants and the functions."""
        known = self.known_names()
        texts = known.matching(node.text, node.sub)
        if len(texts) > 1:
            raise self._two(node, *texts[:2])
        ways = self._ways(node, known) if node.run else []
        if texts:
            if self.latex and ways and len(node.text) > 1:
                raise self._two(node, texts[0], " * ".join(ways[0]))
            return naming.Found("name", tuple(texts))
        special = self._special_word(node)
        function = None if special else self._function_of(node, applied, ways)
        if special or function:
            return special or naming.Found("function", (function or "",))
        if len(ways) > 1:
            raise self._two(node, " * ".join(ways[0]), " * ".join(ways[1]))
        if ways:
            return naming.Found("parts", ways[0])
        if node.sub and known.matching(node.text, ""):
            return naming.Found("entry")
        return naming.Found("none")

    def _special_word(self, node: Word) -> naming.Found | None:
        """𝟏, I, π, e and ∞, where they are not names of the program."""
        if node.sub:
            return None
        if node.text in functions.CONSTANTS or node.text == "π":
            return naming.Found("constant", ("pi" if node.text == "π" else node.text,))
        if node.text == signs.ONES:
            return naming.Found("ones")
        if isinstance(self._found(node.text), Module):
            return naming.Found("name", (node.text,))
        return naming.Found("identity") if node.text == "I" else None

    def _function_of(
        self, node: Word, applied: bool, ways: Sequence[tuple[str, ...]]
    ) -> str | None:
        """The function that a word is: one letter only before brackets, a run unless it is a
        product of names as well."""
        function = self._function_name(node)
        if function is None or not (applied or (not ways and len(node.text) > 1)):
            return None
        if ways and self.latex:
            raise self._two(node, f"{function}(…)", " * ".join(ways[0]))
        return function

    def _ways(self, node: Word, known: naming.Known) -> list[tuple[str, ...]]:
        """How a run of letters is a product of known values; I and π need no declaration."""

        def is_value(piece: str) -> bool:
            return self._is_value(piece) if piece in known else piece in ("I", "π")

        return naming.splits(node.text, is_value, max(1, known.longest))

    def _function_name(self, node: Word) -> str | None:
        """The function that a word names; log₂ has a name of its own, mean₁ an axis."""
        plain = signs.GREEK_LETTERS.get(node.text, node.text)
        for text in (plain + node.sub, plain):
            if functions.find(text) is not None and text not in signs.NOT_FUNCTIONS:
                return text
        return None

    def _is_value(self, text: str) -> bool:
        return isinstance(self._found(text), Node | Literal | int | float | Size)
