"""What brackets and bars enclose: arguments, tuples, cases, matrices, indices, sizes."""

from __future__ import annotations

import ast
from typing import Any

from tidu.errors import SyntaxProblem
from tidu.text.formula.cursor import Rule
from tidu.text.formula.operators import IF, OTHERWISE, Operators
from tidu.text.formula.syntax import Bars, Brackets, Cases, Chain, Grid, Truth, placed
from tidu.text.formula.tokens import Sign
from tidu.words import Words

_BAR = Words(
    en="{bar} opened at column {column} is never closed", zh="第 {column} 列的 {bar} 没有闭合"
)


class Enclosed(Operators):
    """Reads from an opening sign to the closing one."""

    def _subscript(self) -> Rule:
        raise NotImplementedError

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
        if opening.text == "{" and self._says(*IF, *OTHERWISE, ","):
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
        if sign is not None and sign.kind in ("word", "name") and sign.text in OTHERWISE:
            self.take()
            return None
        if sign is not None and sign.kind in ("word", "name") and sign.text in IF:
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


def _entries(item: ast.expr) -> list[ast.expr]:
    """[x y] lists two blocks where a space stands between them."""
    if isinstance(item, Chain) and not any(item.signs):
        if all(getattr(factor, "gap", False) for factor in item.factors[1:]):
            return item.factors
    return [item]
