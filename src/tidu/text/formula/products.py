"""Factors side by side: which pairs are matrix products, by shape and by how vectors lie.

A vector stands unless it is transposed, as on paper: xᵀy is a number, x yᵀ a matrix. Numbers are
collected in front. The brackets of A xᵀ y are found from the right where they do not fit from the
left; two standing vectors have no product, and are refused with both things that may be meant.
"""

from __future__ import annotations

import ast
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from tidu.errors import ShapeError, SyntaxProblem
from tidu.ir.types import is_one_element, shape_text
from tidu.text.diagnosis import BRACKETS, CALL
from tidu.text.expressions import Reading
from tidu.text.formula.notes import Note, binary, call, column, constant, name
from tidu.text.formula.sizes import Sizes, rank_of, shape_of
from tidu.text.formula.syntax import Applied, Chain, Formula, Known, Word
from tidu.words import Words

_NO_PRODUCT = Words(
    en="{first} {one} and {second} {two} have no product",
    zh="{first} {one} 与 {second} {two} 不能相乘",
)


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor that is read, and the sign in front of it."""

    part: Any
    sign: str


class Products(Sizes):
    """Reads chains of factors."""

    def _chain(self, node: Chain) -> Reading:
        factors: list[Factor] = []
        for index, (syntax, sign) in enumerate(self._factors(node)):
            value = yield syntax
            part = self._part(syntax, self.operand(value, syntax))
            factors.append(Factor(part, sign if index else ""))
        if any(self._labelled(f.part) for f in factors):
            return (yield from self._entrywise(node, factors))
        numbers: list[Any] = []
        stack: list[Factor] = []
        for factor in factors:
            if rank_of(factor.part.value) == 0:
                numbers.append(factor.part)
                continue
            stack.append(factor)
            while len(stack) > 1:
                joined = yield from self._joined(node, stack[-2], stack[-1])
                if joined is None:
                    break
                del stack[-2:]
                if rank_of(joined.value) == 0:
                    numbers.append(joined)
                else:
                    stack.append(Factor(joined, stack[-1].sign if stack else ""))
        if len(stack) > 1:
            raise self._no_product(node, stack[0], stack[1])
        return (yield from self._scaled(node, numbers, stack[0].part if stack else None))

    def _factors(self, node: Chain) -> list[tuple[Any, str]]:
        """The factors with their signs; chains inside are opened, functions take what follows."""
        found: list[tuple[Any, str]] = []
        waiting = list(zip(node.factors, ["", *node.signs], strict=True))
        while waiting:
            factor, sign = waiting.pop(0)
            opened = self._opened(factor)
            if isinstance(opened, Chain):
                inner = zip(opened.factors, [sign, *opened.signs], strict=True)
                waiting = [*inner, *waiting]
            elif self._is_function(opened) and waiting:
                waiting[0] = (self._applied_to(opened, waiting[0][0]), sign)
            else:
                found.append((opened, sign))
        return found

    def _opened(self, factor: Any) -> Any:
        raise NotImplementedError

    def _is_function(self, factor: Any) -> bool:
        raise NotImplementedError

    def _applied_to(self, word: Word, argument: Any) -> Any:
        """ln det(X): a function of a function. A function of a plain name needs brackets."""
        if not isinstance(argument, Applied) or not self._names_function(argument.word):
            shown, inside = self.shown(word), self.shown(argument)
            raise SyntaxProblem(
                BRACKETS(name=shown, argument=inside),
                place=self.place(word),
                fix=CALL(name=shown, argument=inside),
            )
        applied = Applied(
            word=word, scripts=[], arguments=[argument], keywords=[], bare=True, behind=[]
        )
        return self._made(applied, word)

    def _names_function(self, word: Word) -> bool:
        raise NotImplementedError

    def _entrywise(self, node: Chain, factors: list[Factor]) -> Reading:
        """Entries xᵢ yᵢ under a sum are numbers: their product is entry by entry."""
        code = factors[0].part
        for factor in factors[1:]:
            code = binary(code, ast.Mult, factor.part)
        return (yield from self._as(node, code, labelled=True))

    def _scaled(self, node: Chain, numbers: list[Any], array: Any) -> Reading:
        code: Any = None
        for number in numbers:
            code = number if code is None else binary(code, ast.Mult, number)
        if array is not None:
            code = array if code is None else binary(code, ast.Mult, array)
        row = array is not None and self._row(array)
        return (yield from self._as(node, code, row=row))

    # -------------------------------------------------------------- two factors
    def _joined(self, node: Chain, one: Factor, two: Factor) -> Generator[Any, Any, Any]:
        """The product of two arrays that stand side by side, or None if they have none."""
        kinds = self._kind(one) + self._kind(two)
        rule = {
            "rc": self._inner, "cr": self._outer, "rm": self._plain, "mc": self._plain,
            "mm": self._matrices, "cm": self._column_matrix, "mr": self._matrix_row,
            "cc": self._standing, "rr": self._standing,
        }.get(kinds, self._plain)  # fmt: skip
        code = rule(node, one, two)
        if code is None:
            return None
        row = kinds in ("rm",)
        made: Any = self._made(Formula(), one.part)
        made.end_lineno, made.end_col_offset = two.part.end_lineno, two.part.end_col_offset
        made.sign_at = getattr(two.part, "sign_at", None) or self.place(two.part)
        value = yield from self._as(made, code, row=row)
        return self._part(made, value)

    def _kind(self, factor: Factor) -> str:
        rank = rank_of(factor.part.value)
        if rank == 1:
            return "r" if self._row(factor.part) else "c"
        return "m" if rank == 2 else "t"

    def _is_ones(self, factor: Factor) -> bool:
        return id(factor.part) in self.ones

    def _sum(self, part: Any, axis: int | None = None) -> ast.expr:
        keywords = {} if axis is None else {"axis": constant(axis)}
        return call(self._function_word("sum"), part, **keywords)

    def _inner(self, node: Chain, one: Factor, two: Factor) -> Any:
        if self._is_ones(one) or self._is_ones(two):
            self.unify(shape_of(one.part.value)[0], shape_of(two.part.value)[0])
            return self._sum(two.part if self._is_ones(one) else one.part)
        return binary(one.part, ast.MatMult, two.part)

    def _outer(self, node: Chain, one: Factor, two: Factor) -> Any:
        """x yᵀ; with 𝟏 on a side, the vector beside itself as often as there is room."""
        first, second = one.part, two.part
        if not self._is_ones(one) and not self._is_ones(two):
            return call("np.outer", first, second)
        rows, columns = shape_of(first.value)[0], shape_of(second.value)[0]
        shape = ast.Tuple([self._dim(rows), self._dim(columns)], ast.Load())
        if self._is_ones(one) and self._is_ones(two):
            return call("np.broadcast_to", constant(1.0), shape)
        return call("np.broadcast_to", second if self._is_ones(one) else column(first), shape)

    def _plain(self, node: Chain, one: Factor, two: Factor) -> Any:
        if self._is_ones(two) and rank_of(one.part.value) == 2:
            self.unify(shape_of(one.part.value)[1], shape_of(two.part.value)[0])
            return self._sum(one.part, 1)
        if self._is_ones(one) and rank_of(two.part.value) == 2:
            self.unify(shape_of(two.part.value)[0], shape_of(one.part.value)[0])
            return self._sum(two.part, 0)
        return self._scalar_or_product(one, two)

    def _scalar_or_product(self, one: Factor, two: Factor) -> Any:
        """A matrix product; a single number in brackets multiplies where the sizes do not fit."""
        left, right = shape_of(one.part.value), shape_of(two.part.value)
        fits = left[-1] == right[max(-2, -len(right))]
        if not fits and (is_one_element(left) or is_one_element(right)):
            return binary(one.part, ast.Mult, two.part)
        return binary(one.part, ast.MatMult, two.part)

    def _matrices(self, node: Chain, one: Factor, two: Factor) -> Any:
        return self._scalar_or_product(one, two)

    def _column_matrix(self, node: Chain, one: Factor, two: Factor) -> Any:
        """x A with a standing x: an outer product with a row, or x as the row it fits."""
        rows = shape_of(two.part.value)[0]
        if rows == 1:
            return binary(column(one.part), ast.MatMult, two.part)
        return self._scalar_or_product(one, two)

    def _matrix_row(self, node: Chain, one: Factor, two: Factor) -> Any:
        shape = shape_of(one.part.value)
        if shape[1] != 1:
            return None
        key = ast.Tuple([constant(None), ast.Slice()], ast.Load())
        return binary(one.part, ast.MatMult, ast.Subscript(two.part, key, ast.Load()))

    def _standing(self, node: Chain, one: Factor, two: Factor) -> Any:
        """Two vectors that lie the same way: a·b is their dot product, a b is refused."""
        if two.sign == "·" and shape_of(one.part.value) == shape_of(two.part.value):
            return binary(one.part, ast.MatMult, two.part)
        return None

    def _no_product(self, node: Chain, one: Factor, two: Factor) -> Exception:
        first, second = self._shown(one), self._shown(two)
        same = shape_of(one.part.value) == shape_of(two.part.value)
        if self._kind(one) == self._kind(two) and same:
            lies = self._row(one.part)
            dot = f"{first} {closed(second)}'" if lies else f"{closed(first)}' {second}"
            return self._two(node, f"{first} ⊙ {second}", dot)
        what = _NO_PRODUCT(
            first=first,
            one=shape_text(shape_of(one.part.value)),
            second=second,
            two=shape_text(shape_of(two.part.value)),
        )
        return ShapeError(what, place=self.place(two.part))

    def _shown(self, factor: Factor) -> str:
        shown = self.shown(factor.part)
        return f"({shown})" if factor.part.in_brackets else shown

    def _dim(self, size: Any) -> Any:
        if isinstance(size, int):
            return constant(size)
        known = Known(value=size, code=name(str(size)))
        self.notes[id(known)] = Note(known.code)
        self.kept.append(known)
        return known


def closed(text: str) -> str:
    """A piece of a formula that can carry a transpose."""
    alone = text.isalnum() or (text[:1] + text[-1:] in ("()", "||", "‖‖"))
    return text if alone else f"({text})"
