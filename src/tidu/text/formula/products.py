"""Factors side by side: which pairs are matrix products, by their shapes and by rows and columns.

A vector is a column unless it is transposed, as on paper: xᵀy is a number, x yᵀ a matrix. Numbers
are collected in front. Factors are multiplied from the left, and from the right where the shapes
ask for it, as in A xᵀ y. Two columns have no product: an error shows both that may be meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tidu.errors import Place, ShapeError, SyntaxProblem, TiduError
from tidu.ir.types import is_one_element, shape_text
from tidu.text.diagnosis import BRACKETS, CALL, two_readings
from tidu.text.formula import rows
from tidu.text.formula.applied import as_product
from tidu.text.formula.parts import (
    Builder,
    FormulaPart,
    FormulaScope,
    column,
    lower,
    own_rank,
    refuse_bare,
)
from tidu.text.formula.powers import check_not_of_matrix, closed, expanded
from tidu.text.formula.syntax import Applied, Chain, Raised, Syntax, Word
from tidu.text.formula.tokens import Sign
from tidu.text.formula.words import find, named, product_of_run
from tidu.text.operations import calculable
from tidu.text.task import Task
from tidu.text.values import Declared, FunctionName, Helper, rank_of, shape_of
from tidu.words import Words

_NO_PRODUCT = Words(
    en="{first} {one} and {second} {two} have no product",
    zh="{first} {one} 与 {second} {two} 不能相乘",
)


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor that is read, whether · stands in front of it, and the place of its product."""

    part: FormulaPart
    dot: bool
    sign: Place

    @property
    def kind(self) -> str:
        """Return r for a row vector, c for a column vector, m for a matrix, t for more axes."""
        rank = own_rank(self.part)
        if rank == 1:
            return "r" if self.part.is_row else "c"
        return "m" if rank == 2 else "t"

    @property
    def shown(self) -> str:
        return f"({self.part.shown})" if self.part.bracketed else self.part.shown


def chain(formulas: FormulaScope, node: Chain) -> Task[FormulaPart]:
    """Return the product of factors side by side."""
    builder = formulas.builder(node)
    factors: list[Factor] = []
    for syntax, dot in _factors(formulas, node):
        part = yield from lower(formulas, syntax)
        part = replace(part, value=calculable(formulas.scope, part))
        sign = part.place if dot is None else formulas.sign_place(dot)
        factors.append(Factor(part, dot is not None, sign))
    numbers: list[Factor] = []
    stack: list[Factor] = []
    for factor in factors:
        if own_rank(factor.part) == 0:
            numbers.append(factor)
            continue
        stack.append(factor)
        while len(stack) > 1:
            joined = _joined(formulas, stack[-2], stack[-1])
            if joined is None:
                break
            del stack[-2:]
            (stack if own_rank(joined.part) else numbers).append(joined)
    if len(stack) > 1:
        raise _no_product(builder, stack[0], stack[1])
    product = _multiplied(builder, [*numbers, *stack])
    return replace(product, is_row=product.is_row or (bool(stack) and stack[0].part.is_row))


# ------------------------------------------------------------------ what the factors are
def _factors(formulas: FormulaScope, node: Chain) -> list[tuple[Syntax, Sign | None]]:
    """Return the factors, each with the dot in front of it. Products inside are flattened; a
    function without brackets takes the factor behind it."""
    found: list[tuple[Syntax, Sign | None]] = []
    waiting = list(zip(reversed(node.factors), reversed((None, *node.dots)), strict=True))
    while waiting:
        factor, dot = waiting.pop()
        flattened = _flattened(formulas, factor)
        if isinstance(flattened, Chain):
            inner = zip(reversed(flattened.factors), reversed((dot, *flattened.dots)), strict=True)
            waiting.extend(inner)
        elif isinstance(flattened, Word) and _names_function(formulas, flattened) and waiting:
            argument, _ = waiting.pop()
            waiting.append((_applied_to(formulas, flattened, argument), dot))
        else:
            found.append((flattened, dot))
    return found


def _flattened(formulas: FormulaScope, factor: Syntax) -> Syntax:
    """Return a factor that is a product itself: a run of letters, or a name before brackets."""
    if isinstance(factor, Word):
        found = find(formulas, factor, applied=False)
        if found.kind == "parts":
            formulas.mark_read(factor)
            return product_of_run(factor, found.texts)
    if isinstance(factor, Raised):
        return expanded(formulas, factor) or factor
    if isinstance(factor, Applied):
        return as_product(formulas, factor) or factor
    return factor


def _names_function(formulas: FormulaScope, word: Word) -> bool:
    found = find(formulas, word, applied=True)
    if found.kind == "name":
        return isinstance(formulas.scope.find(found.texts[0]), Declared | Helper | FunctionName)
    return found.kind == "function" and find(formulas, word, applied=False).kind == "function"


def _applied_to(formulas: FormulaScope, word: Word, argument: Syntax) -> Applied:
    """Return a function of a function, such as ln det(X). Raise SyntaxProblem for a function of a
    plain name, which needs brackets."""
    if not isinstance(argument, Applied) or not _names_function(formulas, argument.word):
        shown, inside = formulas.shown(word), formulas.shown(argument)
        found = find(formulas, argument, applied=False) if isinstance(argument, Word) else None
        if found is not None and found.kind == "name":
            value = named(formulas, argument, found.texts[0])
            place = formulas.place(word), formulas.place(argument)
            both = Builder(formulas, replace(place[0], end=place[1].end))
            check_not_of_matrix(both, word.text, value)
        raise SyntaxProblem(
            BRACKETS(name=shown, argument=inside),
            place=formulas.place(word),
            fix=CALL(name=shown, argument=inside),
        )
    return Applied(word.first, word.last, word, (), (argument,), bare=True)


# ------------------------------------------------------------------ products
def _multiplied(builder: Builder, factors: Sequence[Factor]) -> FormulaPart:
    """Return the product entry by entry: of numbers and one array, or of entries xᵢ under a sum."""
    result = factors[0].part
    for factor in factors[1:]:
        result = builder.calculate("*", result, factor.part, factor.sign)
    return replace(result, place=builder.place)


def _joined(formulas: FormulaScope, one: Factor, two: Factor) -> Factor | None:
    """Return the product of two arrays that stand side by side, or None if they have none."""
    first, last = one.part.place, two.part.place
    end = last.end if last.line == first.line else len(first.text or "")
    builder, kinds = Builder(formulas, replace(first, end=end)), one.kind + two.kind
    if one.part.indexed or two.part.indexed:
        dotted = two.dot and kinds in ("cc", "rr")
        part = rows.product(builder, "rc" if dotted else kinds, one.part, two.part)
    else:
        part = _RULES.get(kinds, _plain)(builder, one, two)
    if part is None:
        return None
    part = replace(part, is_row=part.is_row or kinds == "rm", place=builder.place)
    return Factor(part, one.dot, two.sign)


def _matrix_product(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    return builder.calculate("@", one.part, two.part, two.sign)


def _inner(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    if not (one.part.all_ones or two.part.all_ones):
        return _matrix_product(builder, one, two)
    builder.formulas.sizes.unify(shape_of(one.part.value)[0], shape_of(two.part.value)[0])
    return builder.apply("sum", two.part if one.part.all_ones else one.part)


def _outer(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    """Return x yᵀ; if one of them is 𝟏, the other vector repeated."""
    first, second = one.part, two.part
    if not (first.all_ones or second.all_ones):
        return builder.apply("np.outer", first, second)
    shape = builder.sizes((shape_of(first.value)[0], shape_of(second.value)[0]))
    if first.all_ones and second.all_ones:
        return builder.apply("np.broadcast_to", builder.constant(1.0), shape)
    return builder.apply(
        "np.broadcast_to", second if first.all_ones else column(builder.formulas, first), shape
    )


def _plain(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    """Return a matrix product; beside 𝟏 the sums of the rows or of the columns."""
    left, right = shape_of(one.part.value), shape_of(two.part.value)
    for ones, sizes, matrix, axis in (
        (two, (left[-1], right[0]), one, 1),
        (one, (right[0], left[0]), two, 0),
    ):
        if ones.part.all_ones and rank_of(matrix.part.value) == 2:
            builder.formulas.sizes.unify(*sizes)
            return builder.apply("sum", matrix.part, axis=builder.constant(axis))
    return _number_or_product(builder, one, two)


def _number_or_product(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    """Return a matrix product; a single number in brackets multiplies where the sizes do not
    fit."""
    left, right = shape_of(one.part.value), shape_of(two.part.value)
    fits = left[-1] == right[max(-2, -len(right))]
    if not fits and (is_one_element(left) or is_one_element(right)):
        return builder.calculate("*", one.part, two.part, two.sign)
    return _matrix_product(builder, one, two)


def _column_matrix(builder: Builder, one: Factor, two: Factor) -> FormulaPart:
    """Return x A for a column vector x: an outer product if A has one row, else x read as a row."""
    if shape_of(two.part.value)[0] != 1:
        return _number_or_product(builder, one, two)
    return _matrix_product(builder, replace(one, part=column(builder.formulas, one.part)), two)


def _matrix_row(builder: Builder, one: Factor, two: Factor) -> FormulaPart | None:
    if shape_of(one.part.value)[1] != 1:
        return None
    here = Builder(builder.formulas, two.part.place)
    lying = here.indexed(two.part, here.items([here.constant(None), here.sliced(None)]))
    return _matrix_product(builder, one, replace(two, part=lying))


def _same_way(builder: Builder, one: Factor, two: Factor) -> FormulaPart | None:
    """Return a·b, the dot product of two vectors that are both columns or both rows; None without a
    dot, as a b cannot be multiplied."""
    same = shape_of(one.part.value) == shape_of(two.part.value)
    return _matrix_product(builder, one, two) if two.dot and same else None


_RULES: Mapping[str, Callable[[Builder, Factor, Factor], FormulaPart | None]] = {
    "rc": _inner,
    "cr": _outer,
    "mm": _number_or_product,
    "cm": _column_matrix,
    "mr": _matrix_row,
    "cc": _same_way,
    "rr": _same_way,
}


def _no_product(builder: Builder, one: Factor, two: Factor) -> TiduError:
    first, second = one.shown, two.shown
    if one.part.indexed or two.part.indexed:
        for each in (one, two):
            if not each.part.indexed:
                refuse_bare(builder.formulas, each.part)
    shapes = shape_of(one.part.value), shape_of(two.part.value)
    if one.kind == two.kind and shapes[0] == shapes[1]:
        dot = f"{first} {closed(second)}'" if one.part.is_row else f"{closed(first)}' {second}"
        return two_readings(builder.place, f"{first} ⊙ {second}", dot)
    what = _NO_PRODUCT(
        first=first, one=shape_text(shapes[0]), second=second, two=shape_text(shapes[1])
    )
    return ShapeError(what, place=two.part.place)
