"""Operators, conditions and other forms of a formula, read to parts."""

from __future__ import annotations

from dataclasses import replace

from tidu.errors import Place, SyntaxProblem
from tidu.text.diagnosis import two_readings
from tidu.text.formula import parts
from tidu.text.formula.parts import FormulaScope, Part, lower, lower_all
from tidu.text.formula.syntax import (
    Binary,
    Brackets,
    Cases,
    Comparison,
    Grid,
    Items,
    Logic,
    Negative,
    Not,
    Number,
    Root,
    String,
    Syntax,
    Truth,
)
from tidu.text.formula.tokens import Sign
from tidu.text.operations import at
from tidu.text.task import Task
from tidu.text.values import bounded, is_static, rank_of, shape_of
from tidu.words import Words

_CASES = Words(
    en="a case distinction needs a last line that holds otherwise", zh="分段定义要以“其他情形”收尾"
)
_OPPOSITE = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}


# ------------------------------------------------------------------ leaves
def number(formulas: FormulaScope, node: Number) -> Task[Part]:
    formulas.mark_read(node)
    part = parts.constant(formulas.place(node), node.value)
    if isinstance(node.value, float):
        return part
    return replace(part, value=at(part.place, lambda: bounded(node.value, part.shown)))
    yield


def string(formulas: FormulaScope, node: String) -> Task[Part]:
    formulas.mark_read(node)
    return parts.constant(formulas.place(node), node.text)
    yield


def brackets(formulas: FormulaScope, node: Brackets) -> Task[Part]:
    part = yield from lower(formulas, node.value)
    return replace(part, place=formulas.place(node), enclosed=node.argument)


def items(formulas: FormulaScope, node: Items) -> Task[Part]:
    found = yield from lower_all(formulas, node.items)
    return parts.sequence(formulas, formulas.place(node), found, tuple)


# ------------------------------------------------------------------ operators
def binary(formulas: FormulaScope, node: Binary) -> Task[Part]:
    """left + right; ⊙, ⊘, ⊗ and × by the shapes."""
    left = yield from lower(formulas, node.left)
    right = yield from lower(formulas, node.right)
    place, sign = formulas.place(node), formulas.sign_place(node.sign)
    match node.operator:
        case "⊗":
            vectors = rank_of(left.value) == rank_of(right.value) == 1
            return parts.apply(formulas, place, "np.outer" if vectors else "np.kron", left, right)
        case "×":
            return _times(formulas, place, sign, left, right)
        case "⊙" | "⊘":
            one, two = _scaling(formulas, left, right), _scaling(formulas, right, left)
            operator = "*" if node.operator == "⊙" else "/"
            return parts.calculate(formulas, place, operator, one, two, sign)
        case operator:
            return parts.calculate(formulas, place, operator, left, right, sign)


def _scaling(formulas: FormulaScope, vector: Part, other: Part) -> Part:
    """A standing vector beside a matrix scales its rows: v ⊙ A is diag(v) A."""
    beside = rank_of(vector.value) == 1 and rank_of(other.value) == 2
    if not beside or vector.row or vector.labelled:
        return vector
    return parts.column(formulas, vector)


def _times(formulas: FormulaScope, place: Place, sign: Place, left: Part, right: Part) -> Part:
    """×: of numbers a product; of arrays what their shapes allow, if that is one thing."""
    one, two = shape_of(left.value), shape_of(right.value)
    if not one or not two:
        product = parts.calculate(formulas, place, "*", left, right, sign)
        return replace(product, row=left.row or right.row)
    a, b = left.shown, right.shown
    if len(one) == len(two) == 1 or (len(one), len(two)) == (1, 2):
        raise two_readings(place, f"{a} ⊙ {b}", f"{a}' {b}")
    matrices, same = one[-1] == two[0], one == two
    if matrices and same and len(one) == 2:
        raise two_readings(place, f"{a} @ {b}", f"{a} ⊙ {b}")
    if same and (1 in one):
        raise two_readings(place, f"{a} ⊙ {b}", f"{a} @ {b}'")
    operator = "@" if matrices or not same else "*"
    return parts.calculate(formulas, place, operator, left, right, sign)


def negative(formulas: FormulaScope, node: Negative) -> Task[Part]:
    part = yield from lower(formulas, node.value)
    sign = _first_characters(formulas, node, 1)
    return parts.negative(formulas, formulas.place(node), sign, part)


def negation(formulas: FormulaScope, node: Not) -> Task[Part]:
    part = yield from lower(formulas, node.value)
    sign = _first_characters(formulas, node, 3)
    return parts.negation(formulas, formulas.place(node), sign, part)


def _first_characters(formulas: FormulaScope, node: Syntax, count: int) -> Place:
    column = node.first.column
    return formulas.scope.text.place(node.first.line, column, column + count)


# ------------------------------------------------------------------ conditions
def logic(formulas: FormulaScope, node: Logic) -> Task[Part]:
    """and, or; both sides are read."""
    left = yield from lower(formulas, node.left)
    right = yield from lower(formulas, node.right)
    return parts.joined(formulas, formulas.place(node), left, node.operator, right)


def comparison(formulas: FormulaScope, node: Comparison) -> Task[Part]:
    found = yield from lower_all(formulas, node.parts)
    signs = [formulas.sign_place(sign) for sign in node.signs]
    return parts.compared(formulas, formulas.place(node), found, node.operators, signs)


def truth(formulas: FormulaScope, node: Truth) -> Task[Part]:
    """[condition] as 1 or 0."""
    part = yield from lower(formulas, node.condition)
    place = formulas.place(node)
    yes, no = parts.constant(place, 1.0), parts.constant(place, 0.0)
    return replace(parts.apply(formulas, place, "where", part, yes, no), row=part.row)


def cases(formulas: FormulaScope, node: Cases) -> Task[Part]:
    place = formulas.place(node)
    values = yield from lower_all(formulas, node.values)
    last = node.conditions[-1] if len(node.conditions) == len(values) else None
    conditions: list[Part] = []
    for condition in node.conditions[: len(values) - 1]:
        if condition is None:
            raise SyntaxProblem(_CASES(), place=place)
        conditions.append((yield from lower(formulas, condition)))
    if last is not None:
        if len(values) != 2 or not _complementary(node.conditions[0], last):
            raise SyntaxProblem(_CASES(), place=place)
        yield from lower(formulas, last)
    result = values[-1]
    for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
        result = parts.apply(formulas, place, "where", condition, value, result)
    return replace(result, place=place, row=any(value.row for value in values))


def _complementary(one: Syntax | None, two: Syntax) -> bool:
    """x > 0 and x ≤ 0."""
    if not isinstance(one, Comparison) or not isinstance(two, Comparison):
        return False
    if len(one.operators) != 1 or two.operators != (_OPPOSITE[one.operators[0]],):
        return False
    return all(_same(a, b) for a, b in zip(one.parts, two.parts, strict=True))


def _same(one: object, two: object) -> bool:
    """Whether two parts are written alike. A list of pairs, so that no depth of nesting matters."""
    waiting = [(one, two)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, Sign) and isinstance(b, Sign):
            continue  # where it stands
        if isinstance(a, Syntax):
            names = [name for kind in type(a).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting.extend((getattr(a, name), getattr(b, name)) for name in names)
        elif isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            waiting.extend(zip(a, b, strict=True))
        elif a != b:
            return False
    return True


# ------------------------------------------------------------------ other forms
def root(formulas: FormulaScope, node: Root) -> Task[Part]:
    part = yield from lower(formulas, node.value)
    place = formulas.place(node)
    if node.degree is None:
        result = parts.apply(formulas, place, "sqrt", part)
    else:
        degree = yield from lower(formulas, node.degree)
        one = parts.constant(place, 1)
        power = parts.calculate(formulas, place, "/", one, degree)
        result = parts.calculate(formulas, place, "**", part, power)
    return replace(result, row=result.row or part.row)


def grid(formulas: FormulaScope, node: Grid) -> Task[Part]:
    """A matrix of numbers or of blocks that are written out."""
    rows: list[list[Part]] = []
    for row in node.rows:
        rows.append((yield from lower_all(formulas, row)))
    place, entries = formulas.place(node), [entry for row in rows for entry in row]
    if all(is_static(entry.value) or isinstance(entry.value, list) for entry in entries):
        lists = [parts.sequence(formulas, place, row, list) for row in rows]
        if node.square and len(lists) == 1:
            return lists[0]
        return parts.sequence(formulas, place, lists, list)
    ranks = {rank_of(entry.value) for entry in entries}
    if ranks in ({0}, {1}):
        function = "np.stack" if ranks == {0} else "np.concatenate"
        listed = parts.sequence(formulas, place, entries, list)
        return parts.apply(formulas, place, function, listed)
    along = parts.constant(place, 1)
    joined: list[Part] = []
    for row in rows:
        listed = parts.sequence(formulas, place, row, list)
        joined.append(parts.apply(formulas, place, "np.concatenate", listed, axis=along))
    if len(joined) == 1:
        return joined[0]
    listed = parts.sequence(formulas, place, joined, list)
    return parts.apply(formulas, place, "np.concatenate", listed)
