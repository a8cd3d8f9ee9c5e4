"""Fractions, roots, sums over indices, and LaTeX's environments."""

from __future__ import annotations

import ast
import re
from typing import Any

from tidu.errors import SyntaxProblem
from tidu.text.formula import signs
from tidu.text.formula.cursor import ENDS, NOTHING_AFTER, UNEXPECTED, Rule
from tidu.text.formula.operators import IF, OTHERWISE
from tidu.text.formula.scripts import Scripts
from tidu.text.formula.syntax import Bars, Brackets, Cases, Grid, Root, Total, placed
from tidu.text.formula.tokens import Sign
from tidu.words import Words

_FIRST = Words(
    en="the index {index} begins at {first} here; sums are read from 1 to the end",
    zh="下标 {index} 从 {first} 开始；这里只读从 1 到末尾的求和",
)
_FIRST_FIX = Words(
    en="a sum from 1 over a slice, such as x[1:]", zh="取切片（如 x[1:]），再从 1 求和"
)
_INDEX = Words(en="a sum needs letters as indices here", zh="求和的下标应为字母")


class Commands(Scripts):
    """Reads what begins with a command."""

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
                raise SyntaxProblem(UNEXPECTED(sign=self.shown(sign)), place=self.place(sign))

    def _argument(self, command: Sign) -> Rule:
        """{…}, or the one sign behind a command: \\frac12, \\frac1n."""
        sign = self.now
        if sign is None:
            raise SyntaxProblem(NOTHING_AFTER(sign=self.shown(command)), place=self.place(command))
        if self.latex and sign.kind in ("number", "name"):
            self._first_character()
        return (yield self._primary_closed())

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
        names, starts, first = below.partition("=")
        names = names.replace(",", "").replace(" ", "")
        axes = None
        if below.startswith("axis"):
            axes, names = self._axes(below[4:], sign), ""
        elif (names and not names.isalpha()) or (above is not None and not names):
            raise SyntaxProblem(_INDEX(), place=self.place(sign))
        if starts and first.strip() != "1":
            what = _FIRST(index=names, first=first.strip())
            raise SyntaxProblem(what, place=self.place(sign), fix=_FIRST_FIX())
        total = Total(
            body=body, product=sign.text == "∏", indices=list(names), axes=axes, above=above
        )
        return placed(total, self.text, sign, self._last())

    def _axes(self, below: str, sign: Sign) -> tuple[int, ...]:
        """The axes of ∑_axis1,2, counted from 0."""
        parts = below.strip(",").split(",")
        if not all(re.fullmatch("[1-9][0-9]{0,17}", part) for part in parts):
            raise SyntaxProblem(_INDEX(), place=self.place(sign))
        return tuple(int(part) - 1 for part in parts)

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
            elif cases and self._says(*IF, *OTHERWISE):
                conditions.append((yield self._condition()))
            else:
                rows[-1].append((yield self.expression()))
        if self.now is None:
            raise SyntaxProblem(ENDS(wanted=f"\\end{{{opening.text}}}"), place=self._end())
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
