"""From the signs of a formula to a syntax tree, by precedence.

From loose to tight, as the printers set brackets: conditions, comparisons, sums, minus, ∑, the
products ⊙ ⊘ ⊗ ×, the signs · * / @ from left to right, factors side by side, scripts. Each rule is
a generator that yields the rules it needs, so that no depth of nesting exhausts Python's stack.
"""

from __future__ import annotations

import ast
from collections.abc import Generator
from typing import Any

from tidu.errors import Place, SyntaxProblem
from tidu.frontends.formula import signs
from tidu.frontends.formula.syntax import (
    Applied,
    Bars,
    Brackets,
    Cases,
    Chain,
    Entry,
    Grid,
    Raised,
    Root,
    Script,
    Total,
    Truth,
    Wise,
    Word,
    placed,
)
from tidu.frontends.formula.tokens import Sign, is_latex, place_of
from tidu.frontends.lexical import Text
from tidu.words import Phrase, Words, verbatim

Rule = Generator[Any, Any, Any]

_TWO_OPERATORS = Words(
    en="unexpected {second} at column {column}: an operand is missing between {first} and {second}",
    zh="第 {column} 列的 {second} 多余：{first} 与 {second} 之间缺少操作数",
)
_NOTHING_AFTER = Words(en="an operand is missing after {sign}", zh="{sign} 后面缺少操作数")
_NOTHING_BEFORE = Words(en="an operand is missing before {sign}", zh="{sign} 前面缺少操作数")
_UNEXPECTED = Words(en="{sign} cannot stand here in a formula", zh="公式里这个位置不能写 {sign}")
_EMPTY = Words(en="an operand is missing here", zh="这里缺少操作数")
_ENDS = Words(en="the formula ends where {wanted} should stand", zh="公式到此为止，还缺 {wanted}")
_BAR = Words(
    en="{bar} opened at column {column} is never closed", zh="第 {column} 列的 {bar} 没有闭合"
)
AMBIGUOUS = Words(
    en="{what} can be read in two ways: {first} or {second}",
    zh="{what} 有两种读法：{first} 或 {second}",
)
_BARE = Words(
    en="it is not clear where the argument of {name} ends",
    zh="看不出 {name} 的自变量到哪里为止",
)
_INDEX = Words(en="a sum needs letters as indices here", zh="求和的下标应为字母")

_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE, "==": ast.Eq, "=": ast.Eq,
    "!=": ast.NotEq,
}  # fmt: skip
_TIGHT: dict[str, type[ast.operator]] = {"*": ast.Mult, "/": ast.Div, "@": ast.MatMult}
_BARS = {"|", "‖", "|(", "‖(", ")|", ")‖"}
_NO_FACTOR = frozenset(
    "+ - * / @ ^ _ ) ] } , ; : = < > <= >= == != ⊙ ⊘ ⊗ × · ** & and or . '".split()
)
_IF = {"if", "当"}
_OTHERWISE = {"otherwise", "else", "其他情形"}


class Ambiguous(SyntaxProblem):
    """What can be read in two ways."""


class Grammar:
    """Parses the signs of one statement or formula."""

    def __init__(self, text: Text, found: list[Sign]) -> None:
        self.text, self.signs = text, found
        self.at = 0
        self.bars: list[Sign] = []
        self.latex = is_latex(text.source)
        self.leaves: list[ast.AST] = []

    # -------------------------------------------------------------- driving
    def parse(self) -> ast.expr:
        """The whole list of signs as one expression."""
        result = self._drive(self.expression())
        if self.at < len(self.signs):
            raise self._misplaced(self.signs[self.at])
        return result

    def _drive(self, rule: Rule) -> Any:
        stack, result = [rule], None
        while stack:
            try:
                wanted = stack[-1].send(result)
            except StopIteration as done:
                stack.pop()
                result = done.value
            else:
                stack.append(wanted)
                result = None
        return result

    # -------------------------------------------------------------- signs
    @property
    def now(self) -> Sign | None:
        return self.signs[self.at] if self.at < len(self.signs) else None

    def sees(self, *texts: str) -> bool:
        return self.now is not None and self.now.kind == "sign" and self.now.text in texts

    def take(self) -> Sign:
        sign = self.signs[self.at]
        self.at += 1
        return sign

    def expect(self, text: str) -> Sign:
        if not self.sees(text):
            if self.now is None:
                raise SyntaxProblem(_ENDS(wanted=text), place=self._end())
            raise self._misplaced(self.now)
        return self.take()

    def _here(self) -> Any:
        """The sign with which a part begins; where there is none, the part itself will say so."""
        return self.now

    def skip_breaks(self) -> None:
        while self.now is not None and self.now.kind == "newline":
            self.at += 1

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

    def _misplaced(self, sign: Sign) -> SyntaxProblem:
        """What to say of a sign that cannot stand where it stands."""
        before = self.signs[self.at - 1] if self.at else None
        shown = self.shown(sign)
        operator = (
            sign.kind == "sign" and sign.text in _NO_FACTOR and sign.text not in (")", "]", "}")
        )
        if operator and before is not None and before.kind == "sign" and before.text in _NO_FACTOR:
            if before.text not in (")", "]", "}", "'", ","):
                what = _TWO_OPERATORS(
                    first=self.shown(before), second=shown, column=sign.column + 1
                )
                return SyntaxProblem(what, place=self.place(sign))
        if operator and (before is None or before.text in ("(", "[", "{", ",")):
            return SyntaxProblem(_NOTHING_BEFORE(sign=shown), place=self.place(sign))
        if before is not None and before.kind == "sign" and before.text in _NO_FACTOR - set(")]}'"):
            return SyntaxProblem(_NOTHING_AFTER(sign=self.shown(before)), place=self.place(before))
        return SyntaxProblem(_UNEXPECTED(sign=shown), place=self.place(sign))

    def ambiguous(self, first: Sign, last: Sign, one: str, two: str) -> SyntaxProblem:
        place = self.text.place(first.line, first.column, max(last.end, first.end))
        what = AMBIGUOUS(what=self.slice(first, last), first=one, second=two)
        return Ambiguous(what, place=place, fix=verbatim(one))

    # -------------------------------------------------------------- conditions and sums
    def expression(self) -> Rule:
        """comparison and comparison or …"""
        first = self._here()
        left = yield self._conjunction()
        while self._says("or"):
            self.take()
            right = yield self._conjunction()
            left = placed(ast.BoolOp(ast.Or(), [left, right]), self.text, first, self._last())
        return left

    def _says(self, *texts: str) -> bool:
        return self.now is not None and self.now.kind in ("sign", "word") and self.now.text in texts

    def _conjunction(self) -> Rule:
        first = self._here()
        left = yield self._comparison()
        while self._says("&", "and"):
            self.take()
            right = yield self._comparison()
            left = placed(ast.BoolOp(ast.And(), [left, right]), self.text, first, self._last())
        return left

    def _comparison(self) -> Rule:
        first = self._here()
        if self._says("not"):
            self.take()
            inner = yield self._comparison()
            return placed(ast.UnaryOp(ast.Not(), inner), self.text, first, self._last())
        left = yield self._sum()
        operators: list[ast.cmpop] = []
        parts: list[ast.expr] = []
        while self.sees(*_COMPARISONS):
            sign = self.take()
            operators.append(_COMPARISONS[sign.text]())
            parts.append(self._signed((yield self._sum()), sign))
        if not parts:
            return left
        return placed(ast.Compare(left, operators, parts), self.text, first, self._last())

    def _signed(self, operand: Any, sign: Sign) -> Any:
        """The operand, which keeps where the sign in front of it stands."""
        operand.sign_at = self.place(sign)
        return operand

    def _sum(self) -> Rule:
        first = self._here()
        if self.sees("+", "-"):
            sign = self.take()
            value = yield self._term()
            left = value
            if sign.text == "-":
                left = placed(ast.UnaryOp(ast.USub(), value), self.text, sign, self._last())
        else:
            left = yield self._term()
        while self.sees("+", "-"):
            sign = self.take()
            right = self._signed((yield self._term()), sign)
            op = ast.Add() if sign.text == "+" else ast.Sub()
            left = placed(ast.BinOp(left, op, right), self.text, first, self._last())
        return left

    # -------------------------------------------------------------- products
    def _term(self) -> Rule:
        first = self._here()
        left = yield self._product()
        while self.sees("⊙", "⊘", "⊗", "×"):
            sign = self.take()
            right = self._signed((yield self._negated(self._product)), sign)
            left = placed(
                Wise(left=left, right=right, sign=sign.text), self.text, first, self._last()
            )
        return left

    def _negated(self, rule: Any) -> Rule:
        """An operand that may have a minus of its own: a / −b."""
        if not self.sees("-"):
            return (yield rule())
        sign = self.take()
        value = yield rule()
        return placed(ast.UnaryOp(ast.USub(), value), self.text, sign, self._last())

    def _product(self) -> Rule:
        first = self._here()
        left = yield self._side_by_side()
        while self.sees("*", "/", "@", "·"):
            sign = self.take()
            start = self.now
            right = yield self._negated(self._side_by_side)
            if sign.text == "·":
                left = self._joined(left, self._signed(right, sign))
            elif sign.text == "/" and isinstance(right, Chain):
                left = self._divided(first, left, sign, start, right)
            else:
                left = ast.BinOp(left, _TIGHT[sign.text](), self._signed(right, sign))
            left = placed(left, self.text, first, self._last())
        return left

    def _joined(self, left: ast.expr, right: ast.expr) -> Chain:
        """a·b·c as one chain: its brackets are found by shape."""
        before = (left.factors, left.signs) if isinstance(left, Chain) else ([left], [])
        after = (right.factors, right.signs) if isinstance(right, Chain) else ([right], [])
        return Chain(factors=[*before[0], *after[0]], signs=[*before[1], "·", *after[1]])

    def _divided(
        self, first: Any, left: ast.expr, slash: Sign, start: Any, right: Chain
    ) -> ast.expr:
        """1/n Σ… is (1/n) Σ…; where the spaces do not say so, a/bc has two readings."""
        divisor, *others = right.factors
        tight = start is not None and not start.spaced and not slash.spaced
        if tight and getattr(others[0], "gap", False):
            quotient = ast.BinOp(left, ast.Div(), self._signed(divisor, slash))
            quotient = placed(quotient, self.text, first, divisor.last)  # type: ignore[attr-defined]
            return Chain(factors=[quotient, *others], signs=right.signs)
        top = self.slice(first, slash)[:-1].strip()
        bottom = self.slice(start, divisor.last)  # type: ignore[attr-defined]
        rest = self.slice(others[0].first, self._last())  # type: ignore[attr-defined]
        raise self.ambiguous(
            first, self._last(), f"({top}/{bottom}) * {rest}", f"{top}/({bottom} * {rest})"
        )

    def _side_by_side(self) -> Rule:
        """Factors without a sign between them."""
        first = self._here()
        factors = [(yield self._factor())]
        while self._begins_factor():
            gap = self.now is not None and self.now.spaced
            factor: Any = yield self._factor()
            factor.gap = gap
            factors.append(factor)
        if len(factors) == 1:
            return factors[0]
        chain = Chain(factors=factors, signs=[""] * (len(factors) - 1))
        return placed(chain, self.text, first, self._last())

    def _begins_factor(self) -> bool:
        sign = self.now
        if sign is None or sign.kind in ("newline", "cell", "end", "string"):
            return False
        if sign.kind == "word":
            return sign.text not in _IF | _OTHERWISE | {"and", "or", "not", "时"}
        if sign.kind != "sign":
            return True
        if sign.text in ("|", "‖"):
            return not self._closes(sign)
        return sign.text not in _NO_FACTOR and not sign.text.startswith(")")

    def _closes(self, sign: Sign) -> bool:
        """Whether a bar in the place of an operator closes one that is open."""
        if not self.bars:
            return False
        innermost = self.bars[-1].text
        return innermost == sign.text or (sign.text == "‖" and innermost == "|")

    # -------------------------------------------------------------- factors
    def _factor(self) -> Rule:
        first = self.now
        if first is None:
            if not self.signs:
                raise SyntaxProblem(_EMPTY())
            last = self._last()
            raise SyntaxProblem(_NOTHING_AFTER(sign=self.shown(last)), place=self.place(last))
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

    def _leaf(self, node: Any) -> Any:
        self.leaves.append(node)
        return node

    def _number(self) -> ast.expr:
        sign = self.take()
        value: int | float = int(sign.text) if sign.text.isdigit() else float(sign.text)
        return self._leaf(placed(ast.Constant(value), self.text, sign, sign))

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

    def _raised(self, base: ast.expr, scripts: list[Script], first: Sign) -> ast.expr:
        if not scripts:
            return base
        return placed(Raised(base=base, scripts=scripts), self.text, first, self._last())

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
            raise SyntaxProblem(_NOTHING_AFTER(sign=self.shown(name)), place=self.place(name))
        if self.now is not None and self.now.kind in ("name", "word", "number"):
            word, inside = self.shown(name), self.slice(first, self._last())  # type: ignore[arg-type]
            further = self.slice(self.now, self.now)
            whole = f"{word}({inside} {further})"
            raise self.ambiguous(name, self.now, f"{word}({inside}) {further}", whole)
        if len(factors) == 1:
            return factors[0]
        chain = Chain(factors=factors, signs=[""] * (len(factors) - 1))
        return placed(chain, self.text, first, self._last())  # type: ignore[arg-type]

    def _arguments(self) -> Rule:
        """(a, b, axis=0): arguments and keywords."""
        opening = self.take()
        closing = ")" if opening.text == "(" else "}"
        arguments: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        bars, self.bars = self.bars, []
        self.skip_breaks()
        while not self.sees(closing):
            name = self._keyword()
            value = yield self.expression()
            if name is None:
                arguments.append(value)
            else:
                keywords.append(
                    placed(ast.keyword(name.text, value), self.text, name, self._last())
                )
            self.skip_breaks()
            if not self.sees(closing):
                self.expect(",")
                self.skip_breaks()
        self.take()
        self.bars = bars
        return arguments, keywords

    def _keyword(self) -> Sign | None:
        after = self.signs[self.at + 1] if self.at + 1 < len(self.signs) else None
        if self.now is None or self.now.kind != "name" or after is None or after.text != "=":
            return None
        name = self.take()
        self.take()
        return name

    def _group(self) -> Rule:
        """( … ), { … }, [ … ]."""
        opening = self.take()
        if opening.text == "[":
            return (yield self._square(opening))
        closing = ")" if opening.text == "(" else "}"
        bars, self.bars = self.bars, []
        self.skip_breaks()
        first = yield self.expression()
        items, tuple_ = [first], False
        if opening.text == "{" and self._says(*_IF, *_OTHERWISE, ","):
            node = yield self._cases(first, opening)
            self.bars = bars
            return node
        while self.sees(","):
            tuple_ = True
            self.take()
            if not self.sees(closing):
                items.append((yield self.expression()))
        self.skip_breaks()
        self.expect(closing)
        self.bars = bars
        inner = ast.Tuple(items, ast.Load()) if tuple_ else Brackets(value=first)
        return placed(inner, self.text, opening, self._last())

    def _cases(self, first: ast.expr, opening: Sign) -> Rule:
        """{a if c; b otherwise}, as the printers write it on one line."""
        values, conditions = [first], []
        while True:
            if self.sees(","):
                self.take()
            conditions.append((yield self._condition()))
            if not self.sees(";"):
                break
            self.take()
            values.append((yield self.expression()))
        self.expect("}")
        cases = Cases(values=values, conditions=conditions)
        return placed(cases, self.text, opening, self._last())

    def _condition(self) -> Rule:
        sign = self.now
        if sign is not None and sign.kind in ("word", "name") and sign.text in _OTHERWISE:
            self.take()
            return None
        if sign is not None and sign.kind in ("word", "name") and sign.text in _IF:
            self.take()
        condition = yield self.expression()
        if self.now is not None and self.now.text == "时":
            self.take()
        return condition

    def _square(self, opening: Sign) -> Rule:
        """[x > 0] is 1 or 0; [1, 2; 3, 4] and [x y] are arrays."""
        bars, self.bars = self.bars, []
        rows: list[list[ast.expr]] = [[]]
        self.skip_breaks()
        while not self.sees("]"):
            rows[-1].append((yield self._slice()))
            self.skip_breaks()
            if self.sees(";"):
                self.take()
                rows.append([])
            elif not self.sees("]"):
                self.expect(",")
            self.skip_breaks()
        self.take()
        self.bars = bars
        first = rows[0][0] if rows[0] else None
        if len(rows) == 1 and len(rows[0]) == 1 and isinstance(first, ast.Compare | ast.BoolOp):
            return placed(Truth(condition=first), self.text, opening, self._last())
        rows = [[e for item in row for e in _entries(item)] for row in rows]
        return placed(Grid(rows=rows, square=True), self.text, opening, self._last())

    def _slice(self) -> Rule:
        """An entry of square brackets: an expression, or the start:stop:step of an index."""
        first: Any = self.now
        parts: list[ast.expr | None] = [None]
        colons = 0
        while not self.sees("]", ",", ";"):
            if self.sees(":"):
                self.take()
                colons += 1
                parts.append(None)
            else:
                parts[-1] = yield self.expression()
                if not self.sees(":"):
                    break
        if not colons:
            if parts[0] is None:
                raise self._misplaced(first)
            return parts[0]
        return placed(ast.Slice(*parts[:3]), self.text, first, self._last())

    def _bars(self) -> Rule:
        opening = self.take()
        kind = opening.text[0]
        sided = opening.text.endswith("(")
        self.bars.append(opening)
        value = yield self.expression()
        self.bars.pop()
        closing = self.now
        wanted = (")" + kind,) if sided else (kind,)
        if closing is not None and kind == "|" and closing.text == "‖" and not sided:
            self._halve(closing)
        elif closing is None or closing.text not in wanted:
            what = _BAR(bar=self.shown(opening), column=opening.column + 1)
            raise SyntaxProblem(what, place=self.place(opening))
        self.take()
        sub = yield self._subscript()
        return placed(Bars(value=value, kind=kind, sub=sub), self.text, opening, self._last())

    def _halve(self, both: Sign) -> None:
        """|x||y|: two bars that were scanned as one sign."""
        middle = both.column + 1
        halves = [
            Sign("sign", "|", both.line, both.column, middle),
            Sign("sign", "|", both.line, middle, both.end),
        ]
        self.signs[self.at : self.at + 1] = halves

    # -------------------------------------------------------------- commands
    def _command(self) -> Rule:
        sign = self.take()
        match sign.text:
            case "frac":
                top = yield self._argument(sign)
                bottom = yield self._argument(sign)
                quotient = ast.BinOp(top, ast.Div(), self._signed(bottom, sign))
                return placed(Brackets(value=placed(quotient, self.text, sign, self._last())),
                              self.text, sign, self._last())  # fmt: skip
            case "√":
                return (yield self._root(sign))
            case "∑" | "∏":
                return (yield self._total(sign))
            case _:
                raise SyntaxProblem(_UNEXPECTED(sign=self.shown(sign)), place=self.place(sign))

    def _argument(self, command: Sign) -> Rule:
        """{…}, or the one sign behind a command: \\frac12, \\frac1n."""
        sign = self.now
        if sign is None:
            raise SyntaxProblem(_NOTHING_AFTER(sign=self.shown(command)), place=self.place(command))
        if self.latex and sign.kind in ("number", "name"):
            self._first_character()
        return (yield self._primary_closed())

    def _primary_closed(self) -> Rule:
        """One operand without scripts or brackets behind it."""
        sign: Any = self.now
        if sign.kind in ("name", "word"):
            self.take()
            text, _, sub = sign.text.partition("_")
            word = Word(
                text=text, sub=sub.replace("_", ","), run=sign.kind == "name", raw=sign.text
            )
            return self._leaf(placed(word, self.text, sign, sign))
        return (yield self._primary())

    def _first_character(self) -> None:
        """LaTeX takes one character where no braces stand: x^23 is x²·3."""
        sign = self.signs[self.at]
        if len(sign.text) > 1 and sign.end - sign.column == len(sign.text):
            cut = sign.column + 1
            halves = [
                Sign(sign.kind, sign.text[:1], sign.line, sign.column, cut, sign.spaced),
                Sign(sign.kind, sign.text[1:], sign.line, cut, sign.end),
            ]
            self.signs[self.at : self.at + 1] = halves

    def _root(self, sign: Sign) -> Rule:
        degree = None
        if self.sees("["):
            self.take()
            degree = yield self.expression()
            self.expect("]")
        value = yield self._argument(sign)
        after = self.now
        if not self.latex and after is not None and after.kind == "name" and not after.spaced:
            inside = self.shown(self._last())
            one, two = f"√({inside}) {self.shown(after)}", f"√({inside} {self.shown(after)})"
            raise self.ambiguous(sign, after, one, two)
        return placed(Root(value=value, degree=degree), self.text, sign, self._last())

    def _total(self, sign: Sign) -> Rule:
        """∑ x over everything, ∑ᵢ xᵢ over indices, ∑_axis1 x along axes."""
        below = yield self._subscript()
        above = None
        if self.sees("^"):
            self.take()
            above = yield self._argument(sign)
            below = below or (yield self._subscript())
        body = yield self._term()
        names = below.partition("=")[0].replace(",", "").replace(" ", "")
        axes = None
        if below.startswith("axis"):
            axes = tuple(
                int(part) - 1 for part in below[4:].strip(",").split(",") if part.isdigit()
            )
            names = ""
        elif names and not names.isalpha():
            raise SyntaxProblem(_INDEX(), place=self.place(sign))
        total = Total(
            body=body, product=sign.text == "∏", indices=list(names), axes=axes, above=above
        )
        return placed(total, self.text, sign, self._last())

    def _environment(self) -> Rule:
        opening = self.take()
        rows: list[list[ast.expr]] = [[]]
        conditions: list[ast.expr | None] = []
        bars, self.bars = self.bars, []
        cases = opening.text == "cases"
        self.skip_breaks()
        while self.now is not None and self.now.kind != "end":
            if self.now.kind == "newline":
                self.take()
                rows.append([])
            elif self.now.kind == "cell" or self.sees(","):
                self.take()
                if cases and rows[-1]:
                    conditions.append((yield self._condition()))
            elif cases and self._says(*_IF, *_OTHERWISE):
                conditions.append((yield self._condition()))
            else:
                rows[-1].append((yield self.expression()))
        if self.now is None:
            raise SyntaxProblem(_ENDS(wanted=f"\\end{{{opening.text}}}"), place=self._end())
        self.take()
        self.bars = bars
        rows = [row for row in rows if row]
        if cases:
            node: Any = Cases(values=[row[0] for row in rows], conditions=conditions)
        else:
            node = Grid(rows=rows, square=False)
        node = placed(node, self.text, opening, self._last())
        if opening.text in signs.BAR_GRIDS:
            node = placed(Bars(value=node, kind="|", sub=""), self.text, opening, self._last())
        return node

    # -------------------------------------------------------------- scripts
    def _subscript(self) -> Rule:
        """What stands below, as text: 1, ij, max, 1,2."""
        parts: list[str] = []
        while self.now is not None:
            if self.now.kind == "sub":
                parts.append(self.take().text)
            elif self.sees("_"):
                self.take()
                parts.append(self._below())
            else:
                break
        return ",".join(parts)
        yield

    def _below(self) -> str:
        sign = self.now
        if sign is None:
            raise SyntaxProblem(_NOTHING_AFTER(sign="_"), place=self._end())
        if not self.sees("{"):
            if self.latex and sign.kind in ("number", "name"):
                self._first_character()
            if sign.kind == "sign" and sign.text not in ("*", ":"):
                raise self._misplaced(sign)
            return self.take().text
        self.take()
        depth, parts = 1, list[str]()
        while self.now is not None:
            depth += self.sees("{") - self.sees("}")
            sign = self.take()
            if depth == 0:
                return "".join(parts)
            if sign.text not in ("{", "}", "_"):
                parts.append(sign.text)
        raise SyntaxProblem(_ENDS(wanted="}"), place=self._end())

    def _scripts(self) -> Rule:
        """All that is raised behind an operand."""
        found: list[Script] = []
        while self.now is not None and self.now.kind == "sign":
            first = self.now
            if first.text in ("'", signs.TRANSPOSE, "⁻¹", "⁻ᵀ"):
                kind = {"'": "prime", signs.TRANSPOSE: "T", "⁻¹": "-1", "⁻ᵀ": "-T"}[
                    self.take().text
                ]
                found.append(placed(Script(kind=kind, exponent=None), self.text, first, first))
            elif first.text in ("^", "**"):
                found.append((yield self._exponent()))
            else:
                break
        return found

    def _exponent(self) -> Rule:
        caret = self.take()
        if caret.text == "^":
            kind = self._mark()
            if kind is not None:
                return placed(Script(kind=kind, exponent=None), self.text, caret, self._last())
        kind = caret.text
        if caret.text == "^" and self._sees_wise():
            kind = "⊙"
            exponent: ast.expr = self._number()
            self.expect("}")
        else:
            exponent = yield self._negated(self._power_operand)
        return placed(Script(kind=kind, exponent=exponent), self.text, caret, self._last())

    def _sees_wise(self) -> bool:
        r"""^{⊙2}: an elementwise power, where ² alone could be that of the matrix."""
        behind = self.signs[self.at : self.at + 4]
        texts = [s.text for s in behind]
        if len(behind) < 4 or texts[:2] != ["{", "⊙"] or behind[2].kind != "number":
            return False
        self.at += 2
        return texts[3] == "}"

    def _mark(self) -> str | None:
        """T, -1 and -T behind a caret, in braces or brackets or without."""
        for pattern, kind in _MARKS:
            behind = self.signs[self.at : self.at + len(pattern)]
            texts = [s.text for s in behind]
            if tuple(texts) != pattern:
                continue
            after = (
                self.signs[self.at + len(pattern)]
                if self.at + len(pattern) < len(self.signs)
                else None
            )
            if kind == "-1" and after is not None and after.text in ("^", "**"):
                continue
            self.at += len(pattern)
            return kind
        return None

    def _power_operand(self) -> Rule:
        """What an exponent takes: one operand, with its own power behind it."""
        first = self.now
        if first is None:
            raise SyntaxProblem(_NOTHING_AFTER(sign="^"), place=self._end())
        if self.latex and first.kind in ("number", "name"):
            self._first_character()
        base = yield self._primary_closed()
        after = self.now
        if not self.latex and first.kind == "number" and after is not None:
            if after.kind == "name" and not after.spaced and after.column == first.end:
                shown, further = self.shown(first), self.shown(after)
                base = self.signs[max(0, self.at - 3)]
                front = self.shown(base) + "^"
                one, two = f"{front}{shown} {further}", f"{front}({shown} {further})"
                raise self.ambiguous(base, after, one, two)
        if self.sees("^", "**"):
            scripts = [(yield self._exponent())]
            return placed(Raised(base=base, scripts=scripts), self.text, first, self._last())
        return base

    def _with_scripts(self, base: ast.expr, first: Sign) -> Rule:
        """Scripts, attributes and indices behind an operand."""
        while self.now is not None:
            sign = self.now
            if sign.kind == "sign" and sign.text in ("'", signs.TRANSPOSE, "⁻¹", "⁻ᵀ", "^", "**"):
                base = self._raised(base, (yield self._scripts()), first)
            elif sign.kind == "sub" or self.sees("_"):
                text = yield self._subscript()
                base = placed(Entry(base=base, sub=text), self.text, first, self._last())
            elif self.sees(".") and not sign.spaced:
                base = yield self._attribute(base, first)
            elif self.sees("[") and not sign.spaced and not isinstance(base, ast.Constant):
                index = yield self._square(self.take())
                if isinstance(index, Truth):
                    chain = Chain(factors=[base, index], signs=[""])
                    return placed(chain, self.text, first, self._last())
                keys = [key for row in index.rows for key in row]
                key = (
                    keys[0]
                    if len(keys) == 1
                    else placed(ast.Tuple(keys, ast.Load()), self.text, sign, self._last())
                )
                base = placed(ast.Subscript(base, key, ast.Load()), self.text, first, self._last())
            else:
                break
        return base

    def _attribute(self, base: ast.expr, first: Sign) -> Rule:
        """x.T, x.sum(axis=0), np.sum(x): Python's own spelling inside a formula."""
        dot = self.take()
        if self.now is None or self.now.kind != "name":
            raise SyntaxProblem(_NOTHING_AFTER(sign="."), place=self.place(dot))
        name = self.take()
        node: ast.expr = placed(
            ast.Attribute(base, name.text, ast.Load()), self.text, first, self._last()
        )
        if self.sees("(") and not self.now.spaced:
            arguments, keywords = yield self._arguments()
            node = placed(ast.Call(node, arguments, keywords), self.text, first, self._last())
        return node


def _marks() -> tuple[tuple[tuple[str, ...], str], ...]:
    """Signs behind a caret and what they mark; the letter T may also be a name (T?)."""
    marks: list[tuple[tuple[str, ...], str]] = []
    for before, after in (("{", "}"), ("(", ")"), ("", "")):
        for inner, kind in (
            (("-", signs.TRANSPOSE), "-T"),
            (("-", "T"), "-T?"),
            (("-", "1"), "-1"),
            ((signs.TRANSPOSE,), "T"),
            (("T",), "T?"),
            (("'",), "prime"),
        ):
            marks.append((tuple(filter(None, (before, *inner, after))), kind))
    return tuple(marks)


_MARKS = _marks()


def _entries(item: ast.expr) -> list[ast.expr]:
    """[x y] lists two blocks where a space stands between them."""
    if isinstance(item, Chain) and not any(item.signs):
        if all(getattr(factor, "gap", False) for factor in item.factors[1:]):
            return item.factors
    return [item]


def ambiguity(what: str, first: str, second: str) -> Phrase:
    return AMBIGUOUS(what=what, first=first, second=second)
