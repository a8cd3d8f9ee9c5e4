"""Conditions, comparisons, sums and products: what stands between factors, from loose to tight."""

from __future__ import annotations

import ast
from typing import Any

from tidu.text.formula.cursor import NO_FACTOR, Cursor, Rule
from tidu.text.formula.syntax import Chain, Wise, placed
from tidu.text.formula.tokens import Sign

_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE, "==": ast.Eq, "=": ast.Eq,
    "!=": ast.NotEq,
}  # fmt: skip
_TIGHT: dict[str, type[ast.operator]] = {"*": ast.Mult, "/": ast.Div, "@": ast.MatMult}
IF = {"if", "当"}
OTHERWISE = {"otherwise", "else", "其他情形"}


class Operators(Cursor):
    """Reads what signs join."""

    def _factor(self) -> Rule:
        raise NotImplementedError

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
            return sign.text not in IF | OTHERWISE | {"and", "or", "not", "时"}
        if sign.kind != "sign":
            return True
        if sign.text in ("|", "‖"):
            return not self._closes(sign)
        return sign.text not in NO_FACTOR and not sign.text.startswith(")")

    def _closes(self, sign: Sign) -> bool:
        """Whether a bar in the place of an operator closes one that is open."""
        if not self.bars:
            return False
        innermost = self.bars[-1].text
        return innermost == sign.text or (sign.text == "‖" and innermost == "|")
