"""Parts of a formula that are read: values with their plain NumPy spelling, and how they lie.

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
from tidu.text import operations
from tidu.text.calls import Call, call_known
from tidu.text.formula import code
from tidu.text.formula.names import Known
from tidu.text.formula.sizes import Sizes
from tidu.text.formula.syntax import Syntax
from tidu.text.formula.tokens import Sign, place_of
from tidu.text.scope import Scope
from tidu.text.task import Task, wait
from tidu.text.values import MODULE_NAMES, Declared, Function, Operand, Value, rank_of, shape_of
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
class Part(Operand):
    """A part of a formula that is read.

    code      the part in plain NumPy
    row       a vector that lies, as xᵀ does
    labelled  entries xᵢ of a sum over i, one axis for each index
    ones      𝟏, as long as what it is multiplied with
    enclosed  an argument in brackets that turns out to be a factor
    """

    code: ast.expr
    row: bool = False
    labelled: bool = False
    ones: bool = False
    enclosed: bool = False


@dataclass(eq=False)
class FormulaScope:
    """What is known of the formulas of one text while they are read.

    readers     how each kind of syntax is read
    sizes       those of 𝟏 and I
    page        whether the line is one of tidu's own pages: ∂L/∂X = …
    recognised  whether a word was one of the program's names
    read        where the names and numbers stand that were read
    indices     those of the sums that are open, with their ranges
    """

    scope: Scope
    latex: bool
    readers: Mapping[type[Syntax], Callable[..., Task[Part]]]
    sizes: Sizes = field(default_factory=Sizes)
    page: bool = False
    recognised: bool = False
    read: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    indices: list[str] = field(default_factory=list[str])
    ranges: dict[str, Dim] = field(default_factory=dict[str, Dim])
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
        """The names that can be used here: those of the text, and in a def also its own."""
        local = self.scope.locals
        if len(local) == 1:
            return self.names_of_text
        if self.names_here.outer is None or self.names_here.tables[0] is not local[-1]:
            self.names_here = Known([local[-1]], self.names_of_text)
        return self.names_here

    def place(self, node: Syntax) -> Place:
        """The place of a part, cut at the end of its first line."""
        first, last, text = node.first, node.last, self.scope.text
        end = last.end if last.line == first.line else len(text.lines[first.line])
        return text.place(first.line, first.column, end)

    def sign_place(self, sign: Sign) -> Place:
        return place_of(self.scope.text, sign)

    def shown(self, node: Syntax) -> str:
        """A part as the user wrote it."""
        return Operand(None, self.place(node)).shown

    def mark_read(self, node: Syntax) -> None:
        """Remember that a name or number was read."""
        self.read.add((node.first.line, node.first.column))


def lower(formulas: FormulaScope, node: Syntax) -> Task[Part]:
    """Wait for a part."""
    formulas.scope.count_step(node, formulas.place)
    return wait(formulas.readers[type(node)](formulas, node))


def lower_all(formulas: FormulaScope, nodes: Sequence[Syntax]) -> Task[list[Part]]:
    """Wait for several parts, one after the other."""
    found: list[Part] = []
    for node in nodes:
        found.append((yield from lower(formulas, node)))
    return found


# ------------------------------------------------------------------ written down
def constant(place: Place, value: float | str | None) -> Part:
    """A number that the plain spelling writes out."""
    return Part(value, place, ast.Constant(value))


def size(place: Place, dim: Dim) -> Part:
    """A size, by its number or its name."""
    written = code.name(str(dim)) if isinstance(dim, Size) else ast.Constant(dim)
    return Part(dim, place, written)


def sizes(formulas: FormulaScope, place: Place, dims: Sequence[Dim]) -> Part:
    return sequence(formulas, place, [size(place, dim) for dim in dims], tuple)


def sequence(
    formulas: FormulaScope,
    place: Place,
    parts: Sequence[Part],
    kind: type[tuple[Value, ...]] | type[list[Value]],
) -> Part:
    """A tuple or a list of parts."""
    values = kind(part.value for part in parts)
    made = operations.at(place, lambda: formulas.scope.weights.made(values))
    codes = [part.code for part in parts]
    written = ast.Tuple(codes, ast.Load()) if kind is tuple else ast.List(codes, ast.Load())
    return _made(formulas, place, made, written, parts, entrywise=False)


def _made(
    formulas: FormulaScope,
    place: Place,
    value: Value,
    written: ast.expr,
    operands: Sequence[Part],
    entrywise: bool = True,
    row: bool = False,
) -> Part:
    """What was calculated from parts.

    Under a sum over i, xᵢ is a number, held as an axis with all its values: what is done with it
    must go entry by entry, and beside it no array may stand without an index.
    """
    labelled = any(part.labelled for part in operands)
    if labelled:
        if not entrywise:
            letters = ", ".join(formulas.indices)
            what = _ONE_ENTRY(what=Operand(None, place).shown, letters=letters)
            raise SyntaxProblem(what, place=place)
        for part in operands:
            if rank_of(part.value) and not part.labelled:
                refuse_bare(formulas, part)
    return Part(formulas.sizes.settled(value), place, written, row, labelled)


def refuse_bare(formulas: FormulaScope, part: Operand) -> NoReturn:
    """Refuse an array that stands without an index under a sum over indices."""
    letters, what = ", ".join(formulas.indices), part.shown
    fix = _WITH_INDEX(what=what, letter=formulas.indices[-1])
    raise SyntaxProblem(_BARE(what=what, letters=letters), place=part.place, fix=fix)


# ------------------------------------------------------------------ operators
def calculate(
    formulas: FormulaScope,
    place: Place,
    sign: str,
    left: Part,
    right: Part,
    sign_place: Place | None = None,
) -> Part:
    """`left sign right`; sign_place: of the sign, if it is written."""
    sizes, product = formulas.sizes, sign == "@"
    one, two = sizes.settled(left.value), sizes.settled(right.value)
    sizes.fit(shape_of(one), shape_of(two), product)
    left = replace(left, value=sizes.settled(one))
    right = replace(right, value=sizes.settled(two))
    if not product:
        _check_orientation(left, right)
        if sign in "+-" and not (left.row or left.labelled or right.row or right.labelled):
            operations.check_stretch(left, right, place)
    value = operations.calculate(
        formulas.scope, sign, left, right, place, sign_place or right.place
    )
    vectors = [part.row for part in (left, right) if rank_of(part.value) == 1]
    row = bool(vectors) and all(vectors) and rank_of(value) == 1
    written = code.binary(left.code, sign, right.code)
    return _made(formulas, place, value, written, (left, right), not product, row)


def _check_orientation(left: Part, right: Part) -> None:
    if rank_of(left.value) != 1 or rank_of(right.value) != 1 or left.row == right.row:
        return
    if left.labelled or right.labelled:
        return
    what = _LIES(first=left.shown, second=right.shown)
    raise SyntaxProblem(what, place=right.place, fix=_LIES_FIX())


def negative(formulas: FormulaScope, place: Place, sign: Place, part: Part) -> Part:
    value = operations.signed(formulas.scope, "-", part, sign)
    written = ast.UnaryOp(ast.USub(), part.code)
    return _made(formulas, place, value, written, (part,), row=part.row)


def negation(formulas: FormulaScope, place: Place, sign: Place, part: Part) -> Part:
    value = operations.signed(formulas.scope, "not", part, sign)
    written = ast.UnaryOp(ast.Not(), part.code)
    return _made(formulas, place, value, written, (part,), row=part.row)


def joined(formulas: FormulaScope, place: Place, left: Part, sign: str, right: Part) -> Part:
    """`left and right` for the sign &, `left or right` for |."""
    value = operations.joined(formulas.scope, sign, left, right, right.place).value
    written = code.logic(left.code, sign, right.code)
    return _made(formulas, place, value, written, (left, right))


def compared(
    formulas: FormulaScope,
    place: Place,
    parts: Sequence[Part],
    signs: Sequence[str],
    sign_places: Sequence[Place],
) -> Part:
    """A chain of comparisons, each of which is read."""
    scope, result = formulas.scope, None
    for i, (sign, at) in enumerate(zip(signs, sign_places, strict=True)):
        one = operations.compared(scope, sign, parts[i], parts[i + 1], place, at)
        if result is None or result is True:
            result = one
        else:
            result = operations.logic(scope, "&", result, one, place)
    written = code.comparison([part.code for part in parts], signs)
    return _made(formulas, place, result, written, parts)


# ------------------------------------------------------------------ attributes and indices
def member(formulas: FormulaScope, place: Place, part: Part, name: str, name_place: Place) -> Part:
    """part.name"""
    value = operations.attribute(formulas.scope, part, name, name_place, place)
    written = ast.Attribute(part.code, name, ast.Load())
    return _made(formulas, place, value, written, (part,), entrywise=False)


def transposed(
    formulas: FormulaScope, place: Place, part: Part, sign: Place, name: str = "T"
) -> Part:
    """part.T; sign: where the transpose is written."""
    return member(formulas, place, part, name, sign)


def indexed(
    formulas: FormulaScope, place: Place, part: Part, key: Part, entrywise: bool = False
) -> Part:
    """part[key]"""
    value = operations.entry(formulas.scope, part, key)
    written = code.index(part.code, key.code)
    return _made(formulas, place, value, written, (part, key), entrywise)


def slice_of(formulas: FormulaScope, place: Place, bounds: Sequence[Part | None]) -> Part:
    """lower:upper:step, the last of which may be left out."""
    parts = [part for part in bounds if part is not None]
    filled = [*bounds, None][:3] if len(bounds) < 3 else list(bounds)
    value = slice(*(None if part is None else part.value for part in filled))
    written = ast.Slice(*(None if part is None else part.code for part in filled))
    return _made(formulas, place, value, written, parts, entrywise=False)


def column(formulas: FormulaScope, part: Part) -> Part:
    """x[:, None]"""
    place = part.place
    key = sequence(formulas, place, [slice_of(formulas, place, ()), constant(place, None)], tuple)
    return indexed(formulas, place, part, key)


# ------------------------------------------------------------------ calls
def word_for(formulas: FormulaScope, word: str) -> str:
    """`sum`, or `np.sum` where the program has a name sum of its own."""
    scope = formulas.scope
    if word in scope.inputs or any(word in names for names in scope.locals):
        return f"np.{word}" if functions.in_numpy(f"numpy.{word}") else f"np.linalg.{word}"
    return word


def apply(
    formulas: FormulaScope,
    place: Place,
    function: str,
    *arguments: Part,
    whole_arrays: bool = False,
    **keywords: Part,
) -> Part:
    """A function of NumPy's, or one that the text door knows by a bare name.

    whole_arrays: it is written by tidu over entries of a sum, and sums or moves their axes.
    """
    word = function if "." in function else word_for(formulas, function)
    module, _, last = word.rpartition(".")
    path = f"{module.replace('np', 'numpy', 1)}.{last}" if module else last
    called = Operand(Function(path, path), place)
    values = {key: part.value for key, part in keywords.items()}
    call = Call(called, place, arguments, values, place)
    return called_part(
        formulas, code.name(word), call, keywords, call_known(formulas.scope, call), whole_arrays
    )


def called_part(
    formulas: FormulaScope,
    function: ast.expr,
    call: Call,
    keywords: Mapping[str, Part],
    value: Value,
    whole_arrays: bool = False,
) -> Part:
    """The part that a call gave."""
    arguments = [part for part in call.arguments if isinstance(part, Part)]
    codes = {key: part.code for key, part in keywords.items()}
    written = code.call(function, [part.code for part in arguments], codes)
    operands = [*arguments, *keywords.values()]
    entrywise = whole_arrays or not any(part.labelled for part in operands)
    entrywise = entrywise or _is_entrywise(call.function.value, function)
    return _made(formulas, call.whole, value, written, operands, entrywise)


def _is_entrywise(function: Value, written: ast.expr) -> bool:
    if isinstance(function, Declared):
        return True
    module, _, word = code.written(written).rpartition(".")
    path = f"{MODULE_NAMES.get(module, module)}.{word}" if module else word
    spelling = functions.find(path)
    op = None if spelling is None else spelling.op
    return op is not None and op.loop is Loop.MAP
