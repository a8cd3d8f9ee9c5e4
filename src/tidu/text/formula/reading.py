"""Formulas read into a graph: each sign is given its meaning by the shapes of what it joins.

Every part is read together with its plain NumPy spelling (`parts`), which is echoed at the end.
What fits in two ways is refused with both. `words`, `applied`, `products`, `powers`, `sums` and
`forms` read the kinds of syntax in the table below; here are the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.ir.node import Node
from tidu.ir.types import product
from tidu.text.formula import applied, bounds, entries, forms, powers, products, sums, syntax, words
from tidu.text.formula.code import written
from tidu.text.formula.lines import TARGET, TARGET_FIX
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower
from tidu.text.formula.syntax import FormulaExpression, FormulaLine, Syntax, Word
from tidu.text.scope import Scope
from tidu.text.task import Task
from tidu.text.values import PlacedValue, shape_of
from tidu.words import Phrase, Words

READ_AS = Words(en="read as: {text}", zh="读作：{text}")
_LEFT_OUT = Words(en="{part} was not read", zh="{part} 没有被读入")
_UNSAID = Words(
    en="how long 𝟏 or I is does not follow from this formula", zh="由这个公式看不出 𝟏 或 I 的大小"
)
_UNSAID_FIX = Words(en="ones(n), eye(n)", zh="ones(n)、eye(n)")
READERS: Mapping[type[Syntax], Callable[..., Task[FormulaPart]]] = {
    syntax.NumberOrText: forms.constant,
    syntax.Word: words.word,
    syntax.Applied: applied.applied,
    syntax.Member: applied.member,
    syntax.Called: applied.python_call,
    syntax.Raised: powers.raised,
    syntax.Bars: powers.bars,
    syntax.Chain: products.chain,
    syntax.Brackets: forms.brackets,
    syntax.Items: forms.items,
    syntax.Binary: forms.binary,
    syntax.Prefixed: forms.prefixed,
    syntax.Compared: forms.comparison,
    syntax.Truth: forms.truth,
    syntax.Piecewise: forms.cases,
    syntax.Root: forms.root,
    syntax.Grid: forms.grid,
    syntax.Total: sums.total,
    syntax.Subscripted: entries.entry,
    syntax.Indexed: entries.indexed,
    syntax.Slice: entries.slice_,
}


def with_formulas(scope: Scope, latex: bool) -> FormulaScope:
    """Let a scope read formulas in the places of expressions and of statements."""
    formulas = FormulaScope(scope, latex, READERS)

    def formula(scope: Scope, node: FormulaExpression) -> Task[PlacedValue]:
        return (yield from lower(formulas, node.syntax))

    def line(scope: Scope, node: FormulaLine) -> Task[None]:
        return _line(formulas, node)

    scope.paper = True
    scope.readers = {**scope.readers, FormulaExpression: formula}
    scope.statements = {**scope.statements, FormulaLine: line}
    return formulas


def echo(formulas: FormulaScope) -> list[Phrase]:
    """Return how each formula was read, in plain NumPy."""
    free = formulas.scope.free_name
    return [
        READ_AS(text=f"{target or free()} = {written(code)}") for target, code in formulas.echoes
    ]


def _line(formulas: FormulaScope, line: FormulaLine) -> Task[None]:
    """Read one line: target = value, or a value alone."""
    scope, sizes = formulas.scope, formulas.sizes
    formulas.page = line.of is not None
    bounds.infer(formulas, line.value)
    part = yield from lower(formulas, line.value)
    part = replace(part, value=sizes.with_known_sizes(part.value))
    if line.of is not None:
        part = yield from _of_shape(formulas, line.of, part)
    _check_all_read(formulas, line)
    value, code = part.value, sizes.written_out(part.code)
    if sizes.are_open(value, code):
        raise SyntaxProblem(_UNSAID(), place=formulas.place(line.value), fix=_UNSAID_FIX())
    target = _target_name(formulas, line)
    if target is None:
        formulas.echoes = [known for known in formulas.echoes if known[0] is not None]
        scope.result = (None, value, formulas.place(line.value))
    else:
        place = scope.place(line) if line.target is None else formulas.place(line.target)
        scope.bind(target, value, place)
    formulas.echoes.append((target, code))


def _of_shape(formulas: FormulaScope, of: Word, part: FormulaPart) -> Task[FormulaPart]:
    """Return the value of ∂L/∂x in the shape of x, which settles the length of a 𝟏 in it."""
    variable = yield from lower(formulas, of)
    wanted, found, sizes = shape_of(variable.value), shape_of(part.value), formulas.sizes
    if len(found) == len(wanted):
        for one, two in zip(found, wanted, strict=True):
            sizes.unify(one, two)
        return replace(part, value=sizes.with_known_sizes(part.value))
    builder = Builder(formulas, part.place)
    if product(found) == product(wanted):  # (n, 1) as n entries
        return builder.apply("np.reshape", part, builder.sizes(wanted))
    if not found and isinstance(part.value, Node | int | float):
        return builder.apply("np.broadcast_to", part, builder.sizes(wanted))
    return part


def _check_all_read(formulas: FormulaScope, line: FormulaLine) -> None:
    """Raise SyntaxProblem if a name or number of the line was not read."""
    for leaf in line.leaves:
        if (leaf.first.line, leaf.first.column) not in formulas.positions_read:
            what = _LEFT_OUT(part=formulas.shown(leaf))
            raise SyntaxProblem(what, place=formulas.place(leaf))


def _target_name(formulas: FormulaScope, line: FormulaLine) -> str | None:
    if line.of is not None:
        return f"dL_d{line.of.raw or line.of.text + line.of.sub}".replace(",", "_")
    word = line.target
    if word is None:
        return None
    if word.raw.isidentifier() and word.raw.isascii() and (not word.sub or "_" in word.raw):
        return word.raw
    text = (word.text + word.sub).replace(",", "_")
    if not text.isidentifier():
        shown = formulas.shown(word)
        raise SyntaxProblem(TARGET(text=shown), place=formulas.place(word), fix=TARGET_FIX())
    return text
