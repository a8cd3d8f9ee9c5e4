"""From the signs of a formula to a syntax tree, by precedence.

From loose to tight, as the printers set brackets: conditions, comparisons, sums, minus, ∑, the
products ⊙ ⊘ ⊗ ×, the signs · * / @ from left to right, factors side by side, scripts (`operators`,
`brackets`, `scripts`, `commands`). Each rule is a generator that yields the rules it needs, so that
no depth of nesting exhausts Python's stack.
"""

from __future__ import annotations

import ast
from typing import Any

from tidu.errors import SyntaxProblem
from tidu.text.formula.commands import Commands
from tidu.text.formula.cursor import NOTHING_AFTER, Rule
from tidu.text.formula.syntax import Applied, Chain, Word, placed
from tidu.text.formula.tokens import Sign
from tidu.words import Words

_EMPTY = Words(en="an operand is missing here", zh="这里缺少操作数")


class Grammar(Commands):
    """Parses the signs of one statement or formula."""

    def parse(self) -> ast.expr:
        """The whole list of signs as one expression."""
        result = self._drive(self.expression())
        if self.at < len(self.signs):
            raise self._misplaced(self.signs[self.at])
        return result

    # -------------------------------------------------------------- factors
    def _factor(self) -> Rule:
        first = self.now
        if first is None:
            if not self.signs:
                raise SyntaxProblem(_EMPTY())
            last = self._last()
            raise SyntaxProblem(NOTHING_AFTER(sign=self.shown(last)), place=self.place(last))
        base = yield self._primary()
        base = yield self._with_scripts(base, first)
        base.first, base.last = first, self._last()
        return base

    def _primary(self) -> Rule:
        sign: Any = self.now
        match sign.kind:
            case "number":
                return self._number()
            case "string":
                self.take()
                return self._leaf(placed(ast.Constant(sign.text), self.text, sign, sign))
            case "name" | "word":
                return (yield self._word())
            case "function":
                return (yield self._function())
            case "command":
                return (yield self._command())
            case "begin":
                return (yield self._environment())
            case "sign" if sign.text in ("(", "{", "["):
                return (yield self._group())
            case "sign" if sign.text in ("|", "‖", "|(", "‖("):
                return (yield self._bars())
            case _:
                raise self._misplaced(sign)

    def _word(self) -> Rule:
        """A name with its subscript, and what it is applied to."""
        sign = self.take()
        text, _, sub = sign.text.partition("_") if sign.kind == "name" else (sign.text, "", "")
        if sign.kind == "word" and "_" in text.strip("_"):
            text, _, sub = text.partition("_")
        logdet = self._log_of_det(sign)
        word = logdet or Word(
            text=text, sub=sub.replace("_", ","), run=sign.kind == "name", raw=sign.text
        )
        word = self._leaf(placed(word, self.text, sign, self._last()))
        if not word.sub:
            word.sub = yield self._subscript()
            placed(word, self.text, sign, self._last())
        return (yield self._applied(word, sign, False))

    def _log_of_det(self, sign: Sign) -> Word | None:
        """ln|det|(X), as the printers write it."""
        whole = "".join(s.text for s in [sign, *self.signs[self.at : self.at + 3]])
        if whole not in ("ln|det|", "log|det|"):
            return None
        self.at += 3
        return Word(text="logabsdet", sub="", run=False, raw="")

    def _applied(self, word: Word, sign: Sign, bare: bool) -> Rule:
        """word^scripts(…): a function of what stands in brackets, or a product with it."""
        scripts = yield self._scripts()
        opens = self.sees("(") or (self.sees("{") and not self.now.spaced)  # type: ignore[union-attr]
        if not opens and not bare:
            return self._raised(word, scripts, sign)
        if opens:
            arguments, keywords = yield self._arguments()
            bare = False
        else:
            arguments, keywords = [(yield self._bare_argument(sign))], []
        behind = yield self._scripts()
        applied = Applied(
            word=word,
            scripts=scripts,
            arguments=arguments,
            keywords=keywords,
            bare=bare,
            behind=behind,
        )
        return placed(applied, self.text, sign, self._last())

    def _function(self) -> Rule:
        r"""\sin x, \tanh^2 z, \log_2(n): a command that is a function."""
        sign = self.take()
        word = self._leaf(
            placed(Word(text=sign.text, sub="", run=False, raw=""), self.text, sign, sign)
        )
        word.sub = yield self._subscript()
        return (yield self._applied(word, sign, True))

    def _bare_argument(self, name: Sign) -> Rule:
        """The factor behind a function without brackets, with the numbers in front of it."""
        first = self.now
        factors: list[ast.expr] = []
        while self.now is not None and self.now.kind == "number":
            factors.append((yield self._factor()))
        if self._begins_factor():
            factors.append((yield self._factor()))
        if not factors:
            raise SyntaxProblem(NOTHING_AFTER(sign=self.shown(name)), place=self.place(name))
        if self.now is not None and self.now.kind in ("name", "word", "number"):
            word, inside = self.shown(name), self.slice(first, self._last())  # type: ignore[arg-type]
            further = self.slice(self.now, self.now)
            whole = f"{word}({inside} {further})"
            raise self.ambiguous(name, self.now, f"{word}({inside}) {further}", whole)
        if len(factors) == 1:
            return factors[0]
        chain = Chain(factors=factors, signs=[""] * (len(factors) - 1))
        return placed(chain, self.text, first, self._last())  # type: ignore[arg-type]
