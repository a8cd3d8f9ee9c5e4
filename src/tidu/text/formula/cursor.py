"""The position of the parser in the signs of a formula, and the errors for signs out of place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tidu.errors import Place, SyntaxProblem
from tidu.text.diagnosis import NOTHING_AFTER, NOTHING_BEFORE, TWO_OPERATORS, two_readings
from tidu.text.formula.names import splits
from tidu.text.formula.syntax import Syntax
from tidu.text.formula.tokens import Sign, is_latex, place_of
from tidu.text.lexer import Text
from tidu.text.task import Task, run, wait
from tidu.words import Words

UNEXPECTED = Words(en="{sign} cannot stand here in a formula", zh="公式里这个位置不能写 {sign}")
ENDS = Words(en="the formula ends where {wanted} should stand", zh="公式到此为止，还缺 {wanted}")
_EMPTY = Words(en="an operand is missing here", zh="这里缺少操作数")
NO_FACTOR = frozenset(
    "+ - * / @ ^ _ ) ] } ⟩ , ; : = < > <= >= == != ⊙ ⊘ ⊗ × · ** & and or . ' †".split()
)
IF = frozenset({"if", "当"})
OTHERWISE = frozenset({"otherwise", "else", "其他情形"})
_MAX_BEGUN = 100  # rules without a sign between them; the grammar has a dozen levels


@dataclass(frozen=True, slots=True)
class Rules:
    """The parsers for each kind of sign: at the beginning of an operand, and behind one.

    The keys are the kinds of `Sign`, and for kind `sign` the sign itself.
    """

    expression: Callable[[Cursor], Task[Syntax]]
    body: Callable[[Cursor], Task[Syntax]]  # of a sum: no + or − outside of brackets
    begins_factor: Callable[[Cursor], bool]
    prefix: Mapping[str, Callable[[Cursor], Task[Syntax]]]
    postfix: Mapping[str, Callable[[Cursor, Syntax, Sign], Task[Syntax | None]]]


@dataclass(eq=False)
class Cursor:
    """The position of the parser in the signs of one statement or formula.

    names   those of the program, also as Greek letters
    bars    the bars that are open
    leaves  the names and numbers that were taken
    begun   rules that were begun since a sign was taken
    """

    text: Text
    signs: list[Sign]
    rules: Rules
    names: frozenset[str] = frozenset()
    at: int = 0
    bars: list[Sign] = field(default_factory=list[Sign])
    leaves: list[Syntax] = field(default_factory=list[Syntax])
    begun: tuple[int, int] = (0, 0)

    @property
    def latex(self) -> bool:
        return is_latex(self.text.source)

    def parse(self) -> Syntax:
        """Read all signs as one expression. Raise SyntaxProblem if some are left."""
        result = run(self.rules.expression(self), self._begin)
        if self.at < len(self.signs):
            raise self.misplaced(self.signs[self.at])
        return result

    def expression(self) -> Task[Syntax]:
        """Read an expression."""
        return wait(self.rules.expression(self))

    def _begin(self) -> None:
        """Raise SyntaxProblem if too many rules begin at one sign: a rule that asks for itself
        without reading anything would never end."""
        at, count = self.begun
        self.begun = (at, count + 1) if at == self.at else (self.at, 0)
        if count > _MAX_BEGUN:
            here = self.now or self.last
            raise SyntaxProblem(UNEXPECTED(sign=self.shown(here)), place=self.place(here))

    # -------------------------------------------------------------- the signs
    @property
    def now(self) -> Sign | None:
        return self.signs[self.at] if self.at < len(self.signs) else None

    @property
    def last(self) -> Sign:
        return self.signs[self.at - 1]

    @property
    def key(self) -> str:
        """Return the key under which tables of rules list the sign that comes next."""
        now = self.now
        return "" if now is None else now.text if now.kind == "sign" else now.kind

    def ahead(self, count: int) -> Sequence[Sign]:
        """Return the next signs, at most so many."""
        return self.signs[self.at : self.at + count]

    def sees(self, *texts: str) -> bool:
        now = self.now
        return now is not None and now.kind == "sign" and now.text in texts

    def says(self, *texts: str) -> bool:
        """Return whether the next sign or word is one of these."""
        now = self.now
        return now is not None and now.kind in ("sign", "word") and now.text in texts

    def take(self) -> Sign:
        sign = self.signs[self.at]
        self.at += 1
        return sign

    def begin(self) -> Sign:
        """Return the sign with which an operand begins. Raises `SyntaxProblem` where there is
        none."""
        if self.now is not None:
            return self.now
        if not self.signs:
            raise SyntaxProblem(_EMPTY())
        raise self.nothing_after(self.last)

    def expect(self, text: str) -> Sign:
        if not self.sees(text):
            if self.now is None:
                raise self.ends(text)
            raise self.misplaced(self.now)
        return self.take()

    def skip_breaks(self) -> None:
        while self.now is not None and self.now.kind == "newline":
            self.at += 1

    def cut(self, column: int, kinds: tuple[str, str]) -> None:
        """Cut the next sign in two; the second one begins at a column."""
        sign, length = self.signs[self.at], column - self.signs[self.at].column
        one = Sign(kinds[0], sign.text[:length], sign.line, sign.column, column, sign.spaced)
        two = Sign(kinds[1], sign.text[length:], sign.line, column, sign.end)
        self.signs[self.at : self.at + 1] = [one, two]

    def cut_first_character(self) -> None:
        """Cut the first character off the next sign, in LaTeX: without braces x^23 means x²·3."""
        sign = self.now
        if self.latex and sign is not None and sign.kind in ("number", "name"):
            if len(sign.text) > 1 and sign.end - sign.column == len(sign.text):
                self.cut(sign.column + 1, (sign.kind, sign.kind))

    def is_product(self, sign: Sign) -> bool:
        """Tell whether a run of letters is no name of the program, but several of them."""
        if sign.kind != "name" or sign.text in self.names:
            return False
        known = self.names | {"e", "π"}
        return bool(splits(sign.text, known.__contains__, max(map(len, known))))

    def leaf(self, node: Syntax) -> Syntax:
        """Record a name or number, so that it cannot be left out in silence, and return it."""
        self.leaves.append(node)
        return node

    # -------------------------------------------------------------- where they stand
    def place(self, sign: Sign) -> Place:
        return place_of(self.text, sign)

    def shown(self, sign: Sign) -> str:
        return self.text.lines[sign.line][sign.column : sign.end] or sign.text

    def slice(self, first: Sign, last: Sign) -> str:
        """Return the text from one sign to another, as it was written."""
        end = last.end if last.line == first.line else None
        return self.text.lines[first.line][first.column : end].strip()

    # -------------------------------------------------------------- problems
    def ends(self, wanted: str) -> SyntaxProblem:
        """Return the error for a formula that ends too early."""
        last = self.signs[-1]
        place = self.text.place(last.line, last.column, last.end)
        return SyntaxProblem(ENDS(wanted=wanted), place=place)

    def nothing_after(self, sign: Sign) -> SyntaxProblem:
        return SyntaxProblem(NOTHING_AFTER(sign=self.shown(sign)), place=self.place(sign))

    def misplaced(self, sign: Sign) -> SyntaxProblem:
        """Return the error for a sign that cannot stand where it stands."""
        before = self.signs[self.at - 1] if self.at else None
        shown = self.shown(sign)
        operator = (
            sign.kind == "sign" and sign.text in NO_FACTOR and sign.text not in (")", "]", "}")
        )
        if operator and before is not None and before.kind == "sign" and before.text in NO_FACTOR:
            if before.text not in (")", "]", "}", "'", ","):
                what = TWO_OPERATORS(first=self.shown(before), second=shown, column=sign.column + 1)
                return SyntaxProblem(what, place=self.place(sign))
        if operator and (before is None or before.text in ("(", "[", "{", ",")):
            return SyntaxProblem(NOTHING_BEFORE(sign=shown), place=self.place(sign))
        if before is not None and before.kind == "sign" and before.text in NO_FACTOR - set(")]}'"):
            return self.nothing_after(before)
        return SyntaxProblem(UNEXPECTED(sign=shown), place=self.place(sign))

    def ambiguous(self, first: Sign, last: Sign, one: str, two: str) -> SyntaxProblem:
        """Return the error for signs that can be read in two ways."""
        line = self.text.lines[first.line]
        end = last.end if last.line == first.line else len(line)
        return two_readings(self.text.place(first.line, first.column, end), one, two)
