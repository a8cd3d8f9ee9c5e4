"""What stands behind an operand: indices below, powers and marks above, attributes, [indices]."""

from __future__ import annotations

import ast
from typing import Any

from tidu.errors import SyntaxProblem
from tidu.text.formula import signs
from tidu.text.formula.brackets import Enclosed
from tidu.text.formula.cursor import ENDS, NOTHING_AFTER, Rule
from tidu.text.formula.syntax import Chain, Entry, Raised, Script, Truth, Word, placed
from tidu.text.formula.tokens import Sign


class Scripts(Enclosed):
    """Reads operands of scripts, and scripts."""

    def _primary(self) -> Rule:
        raise NotImplementedError

    # -------------------------------------------------------------- one operand
    def _leaf(self, node: Any) -> Any:
        self.leaves.append(node)
        return node

    def _number(self) -> ast.expr:
        sign = self.take()
        value: int | float = int(sign.text) if sign.text.isdigit() else float(sign.text)
        return self._leaf(placed(ast.Constant(value), self.text, sign, sign))

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

    # -------------------------------------------------------------- below
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
            raise SyntaxProblem(NOTHING_AFTER(sign="_"), place=self._end())
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
        raise SyntaxProblem(ENDS(wanted="}"), place=self._end())

    # -------------------------------------------------------------- above
    def _raised(self, base: ast.expr, scripts: list[Script], first: Sign) -> ast.expr:
        if not scripts:
            return base
        return placed(Raised(base=base, scripts=scripts), self.text, first, self._last())

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
            raise SyntaxProblem(NOTHING_AFTER(sign="^"), place=self._end())
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

    # -------------------------------------------------------------- all of them
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
                before: Any = self._last()
                index = yield self._square(self.take())
                if isinstance(index, Truth):
                    for factor, start, end in ((base, first, before), (index, sign, self._last())):
                        at: Any = factor  # where it stands, which a quotient says
                        at.first, at.last = start, end
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
            raise SyntaxProblem(NOTHING_AFTER(sign="."), place=self.place(dot))
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
