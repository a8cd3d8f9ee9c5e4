"""The signs of a formula, one after the other, and what is said of one that cannot stand where it
stands.
"""

from __future__ import annotations

import ast
from collections.abc import Generator
from typing import Any

from tidu.errors import Place, SyntaxProblem
from tidu.text.formula.tokens import Sign, is_latex, place_of
from tidu.text.lexer import Text
from tidu.words import Phrase, Words, verbatim

Rule = Generator[Any, Any, Any]
_TWO_OPERATORS = Words(
    en="unexpected {second} at column {column}: an operand is missing between {first} and {second}",
    zh="第 {column} 列的 {second} 多余：{first} 与 {second} 之间缺少操作数",
)
NOTHING_AFTER = Words(en="an operand is missing after {sign}", zh="{sign} 后面缺少操作数")
_NOTHING_BEFORE = Words(en="an operand is missing before {sign}", zh="{sign} 前面缺少操作数")
UNEXPECTED = Words(en="{sign} cannot stand here in a formula", zh="公式里这个位置不能写 {sign}")
ENDS = Words(en="the formula ends where {wanted} should stand", zh="公式到此为止，还缺 {wanted}")
AMBIGUOUS = Words(
    en="{what} can be read in two ways: {first} or {second}",
    zh="{what} 有两种读法：{first} 或 {second}",
)
NO_FACTOR = frozenset(
    "+ - * / @ ^ _ ) ] } , ; : = < > <= >= == != ⊙ ⊘ ⊗ × · ** & and or . '".split()
)


_MAX_BEGUN = 100  # rules without a sign between them; the grammar has a dozen levels


class Ambiguous(SyntaxProblem):
    """What can be read in two ways."""


class Cursor:
    """Where in the signs of one statement or formula the parser is."""

    def __init__(self, text: Text, found: list[Sign]) -> None:
        self.text, self.signs = text, found
        self.at = 0
        self.bars: list[Sign] = []
        self.latex = is_latex(text.source)
        self.leaves: list[ast.AST] = []

    def _drive(self, rule: Rule) -> Any:
        """Runs a rule and all the rules that it asks for.

        Between two signs that are taken only so many rules can begin, one inside the other: more
        mean that a rule asks for itself without reading anything, which would never end.
        """
        stack, result = [rule], None
        at, begun = self.at, 0
        while stack:
            try:
                wanted = stack[-1].send(result)
            except StopIteration as done:
                stack.pop()
                result = done.value
            else:
                begun = begun + 1 if self.at == at else 0
                at = self.at
                if begun > _MAX_BEGUN:
                    here = self.now or self._last()
                    raise SyntaxProblem(UNEXPECTED(sign=self.shown(here)), place=self.place(here))
                stack.append(wanted)
                result = None
        return result

    # -------------------------------------------------------------- the signs
    @property
    def now(self) -> Sign | None:
        return self.signs[self.at] if self.at < len(self.signs) else None

    def sees(self, *texts: str) -> bool:
        return self.now is not None and self.now.kind == "sign" and self.now.text in texts

    def _says(self, *texts: str) -> bool:
        return self.now is not None and self.now.kind in ("sign", "word") and self.now.text in texts

    def take(self) -> Sign:
        sign = self.signs[self.at]
        self.at += 1
        return sign

    def expect(self, text: str) -> Sign:
        if not self.sees(text):
            if self.now is None:
                raise SyntaxProblem(ENDS(wanted=text), place=self._end())
            raise self._misplaced(self.now)
        return self.take()

    def _here(self) -> Any:
        """The sign with which a part begins; where there is none, the part itself will say so."""
        return self.now

    def skip_breaks(self) -> None:
        while self.now is not None and self.now.kind == "newline":
            self.at += 1

    # -------------------------------------------------------------- where they stand
    def _end(self) -> Place:
        last = self.signs[-1]
        return self.text.place(last.line, last.column, last.end)

    def _last(self) -> Sign:
        return self.signs[self.at - 1]

    def place(self, sign: Sign) -> Place:
        return place_of(self.text, sign)

    def shown(self, sign: Sign) -> str:
        return self.text.lines[sign.line][sign.column : sign.end] or sign.text

    def slice(self, first: Sign, last: Sign) -> str:
        """The text from one sign to another, as it was written."""
        end = last.end if last.line == first.line else None
        return self.text.lines[first.line][first.column : end].strip()

    def _signed(self, operand: Any, sign: Sign) -> Any:
        """The operand, which keeps where the sign in front of it stands."""
        operand.sign_at = self.place(sign)
        return operand

    # -------------------------------------------------------------- problems
    def _misplaced(self, sign: Sign) -> SyntaxProblem:
        """What to say of a sign that cannot stand where it stands."""
        before = self.signs[self.at - 1] if self.at else None
        shown = self.shown(sign)
        operator = (
            sign.kind == "sign" and sign.text in NO_FACTOR and sign.text not in (")", "]", "}")
        )
        if operator and before is not None and before.kind == "sign" and before.text in NO_FACTOR:
            if before.text not in (")", "]", "}", "'", ","):
                what = _TWO_OPERATORS(
                    first=self.shown(before), second=shown, column=sign.column + 1
                )
                return SyntaxProblem(what, place=self.place(sign))
        if operator and (before is None or before.text in ("(", "[", "{", ",")):
            return SyntaxProblem(_NOTHING_BEFORE(sign=shown), place=self.place(sign))
        if before is not None and before.kind == "sign" and before.text in NO_FACTOR - set(")]}'"):
            return SyntaxProblem(NOTHING_AFTER(sign=self.shown(before)), place=self.place(before))
        return SyntaxProblem(UNEXPECTED(sign=shown), place=self.place(sign))

    def ambiguous(self, first: Sign, last: Sign, one: str, two: str) -> SyntaxProblem:
        place = self.text.place(first.line, first.column, max(last.end, first.end))
        what = AMBIGUOUS(what=self.slice(first, last), first=one, second=two)
        return Ambiguous(what, place=place, fix=verbatim(one))


def ambiguity(what: str, first: str, second: str) -> Phrase:
    return AMBIGUOUS(what=what, first=first, second=second)
