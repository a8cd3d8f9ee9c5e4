"""Operators, conditions and other forms of a formula, read to parts."""

from __future__ import annotations

import ast
from dataclasses import replace

from tidu.errors import Place, SyntaxProblem
from tidu.text import operations
from tidu.text.diagnosis import two_readings
from tidu.text.formula import code, grids, rows, syntax
from tidu.text.formula.parts import (
    Builder,
    FormulaPart,
    FormulaScope,
    column,
    lower,
    lower_all,
    own_rank,
)
from tidu.text.formula.powers import check_not_of_matrix
from tidu.text.formula.syntax import Compared, Syntax
from tidu.text.formula.tokens import Sign
from tidu.text.task import Task
from tidu.text.values import Value, bounded, is_static, rank_of, shape_of
from tidu.words import Words

_CASES = Words(
    en="a case distinction needs a last line that holds otherwise", zh="分段定义要以“其他情形”收尾"
)
_OPPOSITE = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}


def constant(formulas: FormulaScope, node: syntax.NumberOrText) -> Task[FormulaPart]:
    formulas.mark_read(node)
    part, value = formulas.builder(node).constant(node.value), node.value
    if isinstance(value, int):
        number = operations.with_place(part.place, lambda: bounded(value, part.shown))
        return replace(part, value=number)
    return part
    yield


def brackets(formulas: FormulaScope, node: syntax.Brackets) -> Task[FormulaPart]:
    part = yield from lower(formulas, node.value)
    return replace(part, place=formulas.place(node), bracketed=node.argument)


def items(formulas: FormulaScope, node: syntax.Items) -> Task[FormulaPart]:
    return formulas.builder(node).items((yield from lower_all(formulas, node.items)))


# ------------------------------------------------------------------ operators
def binary(formulas: FormulaScope, node: syntax.Binary) -> Task[FormulaPart]:
    """Return left + right or another operation of two; the shapes decide what ⊙, ⊘, ⊗ and × mean.
    Of `and` and `or` both sides are read."""
    left = yield from lower(formulas, node.left)
    right = yield from lower(formulas, node.right)
    builder, sign = formulas.builder(node), formulas.sign_place(node.sign)
    match node.operator:
        case "&" | "|" as logic:
            value = operations.joined(formulas.scope, logic, left, right, right.place).value
            return builder.result(value, code.logic(left.code, logic, right.code), (left, right))
        case "⟨⟩":
            return inner_product(builder, left, right)
        case "⊗":
            vectors = rank_of(left.value) == rank_of(right.value) == 1
            return builder.apply("np.outer" if vectors else "np.kron", left, right)
        case "×":
            return _times(builder, sign, left, right)
        case "⊙" | "⊘" as elementwise:
            one, two = _scaling(formulas, left, right), _scaling(formulas, right, left)
            return builder.calculate("*" if elementwise == "⊙" else "/", one, two, sign)
        case operator:
            return builder.calculate(operator, left, right, sign)


def _scaling(formulas: FormulaScope, vector: FormulaPart, other: FormulaPart) -> FormulaPart:
    """Return v ⊙ A for a column vector v beside a matrix: it scales the rows, as diag(v) A."""
    beside = own_rank(vector) == 1 and own_rank(other) == 2 and vector.reduced is None
    return column(formulas, vector) if beside and not (vector.is_row or vector.indexed) else vector


def _times(builder: Builder, sign: Place, left: FormulaPart, right: FormulaPart) -> FormulaPart:
    """Return left × right: a product of numbers, or the one product that the shapes of arrays
    allow. Raise SyntaxProblem if they allow two."""
    one, two = shape_of(left.value), shape_of(right.value)
    if own_rank(left) == 0 or own_rank(right) == 0:
        return replace(
            builder.calculate("*", left, right, sign), is_row=left.is_row or right.is_row
        )
    a, b = left.shown, right.shown
    indexed = left.indexed or right.indexed
    if indexed or len(one) == len(two) == 1 or (len(one), len(two)) == (1, 2):
        raise two_readings(builder.place, f"{a} ⊙ {b}", f"{a}' {b}")
    matrices, same = one[-1] == two[0], one == two
    if matrices and same and len(one) == 2:
        raise two_readings(builder.place, f"{a} @ {b}", f"{a} ⊙ {b}")
    if same and (1 in one):
        raise two_readings(builder.place, f"{a} ⊙ {b}", f"{a} @ {b}'")
    return builder.calculate("@" if matrices or not same else "*", left, right, sign)


def prefixed(formulas: FormulaScope, node: syntax.Prefixed) -> Task[FormulaPart]:
    """Return −x or not x."""
    part = yield from lower(formulas, node.value)
    first, operator = node.first, node.operator
    sign = formulas.scope.text.place(first.line, first.column, first.column + len(operator))
    value = operations.signed(formulas.scope, operator, part, sign)
    written = ast.UnaryOp(ast.USub() if operator == "-" else ast.Not(), part.code)
    return formulas.builder(node).result(value, written, (part,), is_row=part.is_row)


def inner_product(builder: Builder, left: FormulaPart, right: FormulaPart) -> FormulaPart:
    """Return ⟨x, y⟩: the sum of the products of entries, of vectors, matrices or numbers."""
    one, two = replace(left, is_row=False), replace(right, is_row=False)
    vectors = own_rank(left) == own_rank(right) == 1
    if vectors and (left.indexed or right.indexed):
        return rows.inner(builder, one, two)
    if vectors:
        return builder.calculate("@", one, two)
    product = builder.calculate("*", one, two)
    return builder.apply("sum", product) if own_rank(product) else product


# ------------------------------------------------------------------ conditions
def comparison(formulas: FormulaScope, node: Compared) -> Task[FormulaPart]:
    """Return a chain of comparisons: whether all of them hold."""
    scope, builder = formulas.scope, formulas.builder(node)
    parts = builder.aligned((yield from lower_all(formulas, node.parts)))
    result: Value = None
    for i, (operator, sign) in enumerate(zip(node.operators, node.signs, strict=True)):
        place = formulas.sign_place(sign)
        one = operations.compared(scope, operator, parts[i], parts[i + 1], builder.place, place)
        if result is None or result is True:
            result = one
        else:
            result = operations.logic(scope, "&", result, one, builder.place)
    return builder.result(
        result, code.comparison([part.code for part in parts], node.operators), parts
    )


def truth(formulas: FormulaScope, node: syntax.Truth) -> Task[FormulaPart]:
    """Return [condition] as 1 or 0."""
    part = yield from lower(formulas, node.condition)
    builder = formulas.builder(node)
    return replace(
        builder.apply("where", part, builder.constant(1.0), builder.constant(0.0)),
        is_row=part.is_row,
    )


def cases(formulas: FormulaScope, node: syntax.Piecewise) -> Task[FormulaPart]:
    builder = formulas.builder(node)
    values = yield from lower_all(formulas, node.values)
    last = node.conditions[-1] if len(node.conditions) == len(values) else None
    conditions: list[FormulaPart] = []
    for condition in node.conditions[: len(values) - 1]:
        if condition is None:
            raise SyntaxProblem(_CASES(), place=builder.place)
        conditions.append((yield from lower(formulas, condition)))
    if last is not None:
        if len(values) != 2 or not _complementary(node.conditions[0], last):
            raise SyntaxProblem(_CASES(), place=builder.place)
        yield from lower(formulas, last)
    aligned = builder.aligned([*conditions, *values])
    conditions, values = aligned[: len(conditions)], aligned[len(conditions) :]
    result = values[-1]
    for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
        result = builder.apply("where", condition, value, result)
    return replace(result, place=builder.place, is_row=any(value.is_row for value in values))


def _complementary(one: Syntax | None, two: Syntax) -> bool:
    """Tell whether exactly one of two conditions always holds, as of x > 0 and x ≤ 0."""
    if not isinstance(one, Compared) or not isinstance(two, Compared):
        return False
    opposite = len(one.operators) == 1 and two.operators == (_OPPOSITE[one.operators[0]],)
    return opposite and _same(one.parts, two.parts)


def _same(one: object, two: object) -> bool:
    """Tell whether two parts are written alike. It loops over pairs, so that no depth of nesting
    matters."""
    waiting = [(one, two)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, Syntax):
            names = [name for kind in type(a).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting.extend((getattr(a, name), getattr(b, name)) for name in names)
        elif isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            waiting.extend(zip(a, b, strict=True))
        elif not isinstance(a, Sign) and a != b:  # signs differ in their place only
            return False
    return True


# ------------------------------------------------------------------ other forms
def root(formulas: FormulaScope, node: syntax.Root) -> Task[FormulaPart]:
    part = yield from lower(formulas, node.value)
    builder = formulas.builder(node)
    if node.degree is None:
        check_not_of_matrix(builder, "sqrt", part)
        result = builder.apply("sqrt", part)
    else:
        degree = yield from lower(formulas, node.degree)
        result = builder.calculate("**", part, builder.calculate("/", builder.constant(1), degree))
    return replace(result, is_row=result.is_row or part.is_row)


def grid(formulas: FormulaScope, node: syntax.Grid) -> Task[FormulaPart]:
    """Return a matrix that is written out, of numbers or of blocks."""
    rows: list[list[FormulaPart]] = []
    for row in node.rows:
        rows.append((yield from lower_all(formulas, row)))
    builder, entries = formulas.builder(node), [entry for row in rows for entry in row]
    if all(is_static(entry.value) or isinstance(entry.value, list) for entry in entries):
        lists = [builder.listed(row) for row in rows]
        return lists[0] if node.square and len(lists) == 1 else builder.listed(lists)
    return grids.joined(builder, rows, vector=node.square and len(rows) == 1)
