"""Parts of a formula that are read: values, with the plain NumPy code for them, and whether a
vector is a row.

A formula is read from the inside to the outside: each operation here takes parts and gives a part,
calculated by the same operations as a line in Python's spelling.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from tidu.errors import Place, SyntaxProblem
from tidu.ir.op import Loop
from tidu.ir.types import Dim, Size
from tidu.spellings import functions
from tidu.text import operations, sequences
from tidu.text.calls import Call, call_known
from tidu.text.formula import code
from tidu.text.formula.names import Known
from tidu.text.formula.sizes import Sizes
from tidu.text.formula.syntax import Syntax
from tidu.text.formula.tokens import Sign, place_of
from tidu.text.scope import Scope
from tidu.text.task import Task, wait
from tidu.text.values import (
    MODULE_NAMES,
    Declared,
    FunctionName,
    PlacedValue,
    Value,
    is_static,
    rank_of,
    shape_of,
)
from tidu.words import Words

_LIES = Words(
    en="{first} and {second} are a row and a column: they are not joined entry by entry",
    zh="{first} 与 {second} 一个是行向量、一个是列向量，不能逐元素运算",
)
_LIES_FIX = Words(
    en="both standing or both lying, without the transpose", zh="都写成列或都写成行，去掉转置"
)
_BARE = Words(
    en="{what} has no index under a sum over {letters}: which of its entries is meant?",
    zh="在对 {letters} 的求和中，{what} 没有下标：看不出取哪个元素",
)
_WITH_INDEX = Words(
    en="{what}_{letter}; or the sum in brackets, without {what}",
    zh="{what}_{letter}；或把求和放进括号，不含 {what}",
)
_ONE_ENTRY = Words(
    en="{what} takes a whole array, and under a sum over {letters} one entry stands there",
    zh="{what} 作用于整个数组，而在对 {letters} 的求和中，那里只是一个元素",
)


@dataclass(frozen=True, slots=True, eq=False)
class FormulaPart(PlacedValue):
    """A part of a formula that is read.

    code       the part in plain NumPy
    is_row     whether it is a row vector, such as xᵀ
    indexed    entries xᵢ of a sum over i, one axis for each index
    inner      how many axes of its own such an entry has: 1 if xᵢ is a row of a matrix
    reduced    the axis of a matrix along which it is a mean or the like, on tidu's own pages
    all_ones   whether it is 𝟏, whose length what it is multiplied with decides
    bracketed  an argument in brackets that turns out to be a factor
    """

    code: ast.expr
    is_row: bool = False
    indexed: bool = False
    all_ones: bool = False
    bracketed: bool = False
    inner: int = 0
    reduced: int | None = None


@dataclass(eq=False)
class FormulaScope:
    """The state of reading the formulas of one text.

    readers     how each kind of syntax is read
    sizes       those of 𝟏 and I
    page        whether the line is one of tidu's own pages: ∂L/∂X = …
    traced      whether the argument of tr or det is read: a matrix as a whole
    recognised  whether a word was one of the program's names
    positions_read  where the names and numbers stand that were read
    indices     those of the sums that are open
    ranges      how many values each index has; `starts`: the first, if it is not 1
    stated      the indices whose range is written; `shifted`: those that occur as i − 1
    partly      the indices that do not run along a whole axis: how far they do, and its length
    """

    scope: Scope
    latex: bool
    readers: Mapping[type[Syntax], Callable[..., Task[FormulaPart]]]
    sizes: Sizes = field(default_factory=Sizes)
    page: bool = False
    traced: bool = False
    recognised: bool = False
    positions_read: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    indices: list[str] = field(default_factory=list[str])
    ranges: dict[str, Dim] = field(default_factory=dict[str, Dim])
    starts: dict[str, int] = field(default_factory=dict[str, int])
    stated: set[str] = field(default_factory=set[str])
    shifted: set[str] = field(default_factory=set[str])
    partly: dict[str, tuple[Dim, Dim]] = field(default_factory=dict[str, tuple[Dim, Dim]])
    echoes: list[tuple[str | None, ast.expr]] = field(
        default_factory=list["tuple[str | None, ast.expr]"]
    )
    names_of_text: Known = field(init=False)
    names_here: Known = field(init=False)

    def __post_init__(self) -> None:
        scope = self.scope
        self.names_of_text = Known([scope.locals[0], scope.inputs, scope.sizes])
        self.names_here = self.names_of_text

    def names(self) -> Known:
        """Return the names that can be used here: those of the text, and in a def also its own."""
        local = self.scope.locals
        if len(local) == 1:
            return self.names_of_text
        if self.names_here.outer is None or self.names_here.tables[0] is not local[-1]:
            self.names_here = Known([local[-1]], self.names_of_text)
        return self.names_here

    def place(self, node: Syntax) -> Place:
        """Return the place of a part, cut at the end of its first line."""
        first, last, text = node.first, node.last, self.scope.text
        end = last.end if last.line == first.line else len(text.lines[first.line])
        return text.place(first.line, first.column, end)

    def builder(self, node: Syntax) -> Builder:
        """Return a builder of parts that stand where a node stands."""
        return Builder(self, self.place(node))

    def sign_place(self, sign: Sign) -> Place:
        return place_of(self.scope.text, sign)

    def shown(self, node: Syntax) -> str:
        """Return a part as the user wrote it."""
        return PlacedValue(None, self.place(node)).shown

    def mark_read(self, node: Syntax) -> None:
        """Remember that a name or number was read."""
        self.positions_read.add((node.first.line, node.first.column))


def lower(formulas: FormulaScope, node: Syntax) -> Task[FormulaPart]:
    """Read a node of syntax; the task gives its part."""
    formulas.scope.count_step(node, formulas.place)
    return wait(formulas.readers[type(node)](formulas, node))


def lower_all(formulas: FormulaScope, nodes: Sequence[Syntax]) -> Task[list[FormulaPart]]:
    """Read several nodes of syntax, one after the other; the task gives their parts."""
    parts: list[FormulaPart] = []
    for node in nodes:
        parts.append((yield from lower(formulas, node)))
    return parts


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes the parts that stand at one place of a formula."""

    formulas: FormulaScope
    place: Place

    # -------------------------------------------------------------- written down
    def constant(self, value: float | str | None) -> FormulaPart:
        """Return a number that the plain spelling writes out."""
        return FormulaPart(value, self.place, ast.Constant(value))

    def size(self, dim: Dim) -> FormulaPart:
        """Return a size, by its number or its name."""
        written = code.name(str(dim)) if isinstance(dim, Size) else ast.Constant(dim)
        return FormulaPart(dim, self.place, written)

    def sizes(self, dims: Sequence[Dim]) -> FormulaPart:
        return self.items([self.size(dim) for dim in dims])

    def items(self, parts: Sequence[FormulaPart]) -> FormulaPart:
        """Return a tuple of parts."""
        written = ast.Tuple([part.code for part in parts], ast.Load())
        return self._sequence(tuple(part.value for part in parts), written, parts)

    def listed(self, parts: Sequence[FormulaPart]) -> FormulaPart:
        written = ast.List([part.code for part in parts], ast.Load())
        return self._sequence([part.value for part in parts], written, parts)

    def _sequence(
        self,
        values: tuple[Value, ...] | list[Value],
        written: ast.expr,
        parts: Sequence[FormulaPart],
    ) -> FormulaPart:
        made = operations.with_place(self.place, lambda: sequences.checked(values))
        return self.result(made, written, parts, entrywise=False)

    # -------------------------------------------------------------- operators
    def calculate(
        self, sign: str, left: FormulaPart, right: FormulaPart, sign_place: Place | None = None
    ) -> FormulaPart:
        """Return `left sign right`; `sign_place` is where the sign stands, if it is written."""
        sizes, product = self.formulas.sizes, sign == "@"
        one, two = sizes.with_known_sizes(left.value), sizes.with_known_sizes(right.value)
        sizes.fit(shape_of(one), shape_of(two), product)
        left = replace(left, value=sizes.with_known_sizes(one))
        right = replace(right, value=sizes.with_known_sizes(two))
        if not product:
            left, right = self.aligned([left, right])
            left, right = self._with_reduced(left, right), self._with_reduced(right, left)
            _check_orientation(left, right)
            if sign in "+-" and not (left.is_row or left.indexed or right.is_row or right.indexed):
                operations.check_square_plus_column(left, right, self.place)
        where = sign_place or right.place
        value = operations.calculate(self.formulas.scope, sign, left, right, self.place, where)
        vectors = [part.is_row for part in (left, right) if own_rank(part) == 1]
        row = (
            bool(vectors)
            and all(vectors)
            and (left.indexed or right.indexed or rank_of(value) == 1)
        )
        written = code.binary(_as_array(left, right), sign, _as_array(right, left))
        return self.result(value, written, (left, right), not product, row)

    def aligned(self, parts: Sequence[FormulaPart]) -> list[FormulaPart]:
        """Return parts that can be joined entry by entry: under a sum, yᵢ beside a row xᵢ of a
        matrix gets an axis for the entries of xᵢ."""
        own, result = max((part.inner for part in parts), default=0), list[FormulaPart]()
        for part in parts:
            if part.indexed and part.inner == 0 and own:
                axes = [*range(rank_of(part.value)), *(None,) * own]
                result.append(with_axes(self.formulas, part, axes, own))
            else:
                result.append(part)
        return result

    def _with_reduced(self, part: FormulaPart, other: FormulaPart) -> FormulaPart:
        """Return mean₂(X) beside X with an axis of one element, as tidu's pages mean it."""
        rank = rank_of(part.value)
        if part.reduced is None or rank_of(other.value) != rank + 1:
            return part
        axes: list[int | None] = [*range(rank)]
        axes.insert(part.reduced, None)
        return with_axes(self.formulas, replace(part, reduced=None), axes, 0)

    # -------------------------------------------------------------- attributes and indices
    def member(self, part: FormulaPart, name: str, name_place: Place) -> FormulaPart:
        """Return part.name."""
        value = operations.attribute(self.formulas.scope, part, name, name_place, self.place)
        written = ast.Attribute(part.code, name, ast.Load())
        return self.result(value, written, (part,), entrywise=False)

    def indexed(self, part: FormulaPart, key: FormulaPart) -> FormulaPart:
        """Return part[key]."""
        value = operations.entry(self.formulas.scope, part, key)
        written = ast.Subscript(part.code, key.code, ast.Load())
        return self.result(value, written, (part, key), entrywise=False)

    def sliced(self, *bounds: FormulaPart | None) -> FormulaPart:
        """Return the slice lower:upper:step; a bound that is left out is None."""
        parts = [part for part in bounds if part is not None]
        codes = [None if part is None else part.code for part in bounds]
        values = [None if part is None else part.value for part in bounds]
        return self.result(slice(*values), ast.Slice(*codes), parts, entrywise=False)

    # -------------------------------------------------------------- calls
    def apply(
        self,
        function: str,
        *arguments: FormulaPart,
        whole_arrays: bool = False,
        **keywords: FormulaPart,
    ) -> FormulaPart:
        """Return the part for a call of NumPy's function, or of one that a text calls by its bare
        name.

        whole_arrays: it is written by tidu over entries of a sum, and sums or moves their axes.
        """
        word = function if "." in function else word_for(self.formulas, function)
        module, _, last = word.rpartition(".")
        path = f"{module.replace('np', 'numpy', 1)}.{last}" if module else last
        called = FormulaPart(FunctionName(path, path), self.place, code.name(word))
        values = {key: part.value for key, part in keywords.items()}
        call = Call(called, self.place, arguments, values, self.place)
        value = call_known(self.formulas.scope, call)
        return self.called(called, arguments, keywords, value, whole_arrays)

    def called(
        self,
        function: FormulaPart,
        arguments: Sequence[FormulaPart],
        keywords: Mapping[str, FormulaPart],
        value: Value,
        whole_arrays: bool = False,
    ) -> FormulaPart:
        """Return the part that a call gave."""
        codes = {key: part.code for key, part in keywords.items()}
        written = code.call(function.code, [part.code for part in arguments], codes)
        operands = [*arguments, *keywords.values()]
        entrywise = whole_arrays or not any(part.indexed for part in operands)
        return self.result(value, written, operands, entrywise or _is_entrywise(function))

    # -------------------------------------------------------------- all of them
    def result(
        self,
        value: Value,
        written: ast.expr,
        operands: Sequence[FormulaPart],
        entrywise: bool = True,
        is_row: bool = False,
    ) -> FormulaPart:
        """Return what was calculated from parts.

        Under a sum over i, xᵢ is a number, held as an axis with all its values: what is done with
        it must go entry by entry, and beside it no array may stand without an index.
        """
        indexed = any(part.indexed for part in operands)
        if indexed and not entrywise:
            letters, what = ", ".join(self.formulas.indices), PlacedValue(None, self.place).shown
            raise SyntaxProblem(_ONE_ENTRY(what=what, letters=letters), place=self.place)
        inner = max((part.inner for part in operands), default=0)
        for part in sorted(operands, key=lambda part: part.indexed) if indexed else ():
            fits = own_rank(part) == inner if inner else part.indexed
            if rank_of(part.value) and not fits:
                refuse_bare(self.formulas, part)
        known = self.formulas.sizes.with_known_sizes(value)
        axes = [part.reduced for part in operands if rank_of(part.value) == rank_of(value)]
        reduced = next((axis for axis in axes if axis is not None), None)
        return FormulaPart(
            known, self.place, written, is_row, indexed, inner=inner, reduced=reduced
        )


def own_rank(part: FormulaPart) -> int:
    """Return how many axes a part has beside those of indices."""
    return part.inner if part.indexed else rank_of(part.value)


def with_axes(
    formulas: FormulaScope, part: FormulaPart, axes: Sequence[int | None], own: int
) -> FormulaPart:
    """Return a part with its axes, and new ones of one element where None stands; `own` of them are
    no axes of indices."""
    at = Builder(formulas, part.place)
    keys = [at.constant(None) if axis is None else at.sliced(None) for axis in axes]
    result = at.indexed(replace(part, indexed=False), at.items(keys))
    return replace(
        result, indexed=part.indexed, inner=own if part.indexed else 0, is_row=part.is_row
    )


def column(formulas: FormulaScope, part: FormulaPart) -> FormulaPart:
    """Return a vector as a matrix of one column, x[:, None]."""
    builder = Builder(formulas, part.place)
    return builder.indexed(part, builder.items([builder.sliced(None), builder.constant(None)]))


def word_for(formulas: FormulaScope, word: str) -> str:
    """Return `sum`, or `np.sum` where the program has a name sum of its own; other words alike."""
    scope = formulas.scope
    if word in scope.inputs or any(word in names for names in scope.locals):
        return f"np.{word}" if functions.in_numpy(f"numpy.{word}") else f"np.linalg.{word}"
    return word


def refuse_bare(formulas: FormulaScope, part: PlacedValue) -> NoReturn:
    """Refuse an array that stands without an index under a sum over indices."""
    letters, what = ", ".join(formulas.indices), part.shown
    fix = _WITH_INDEX(what=what, letter=formulas.indices[-1])
    raise SyntaxProblem(_BARE(what=what, letters=letters), place=part.place, fix=fix)


def _as_array(part: FormulaPart, other: FormulaPart) -> ast.expr:
    """Return a list beside a number as an array, which Python would repeat instead."""
    if isinstance(part.code, ast.List) and is_static(other.value):
        return code.call(code.name("np.array"), [part.code], {})
    return part.code


def _check_orientation(left: FormulaPart, right: FormulaPart) -> None:
    if own_rank(left) != 1 or own_rank(right) != 1 or left.is_row == right.is_row:
        return
    what = _LIES(first=left.shown, second=right.shown)
    raise SyntaxProblem(what, place=right.place, fix=_LIES_FIX())


def _is_entrywise(function: FormulaPart) -> bool:
    if isinstance(function.value, Declared):
        return True
    module, _, word = code.written(function.code).rpartition(".")
    entry = functions.find(f"{MODULE_NAMES.get(module, module)}.{word}" if module else word)
    op = None if entry is None else entry.op
    return op is not None and op.loop is Loop.MAP
