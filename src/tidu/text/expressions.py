"""Expressions of a text program, read from Python's syntax tree by a whitelist.

Each kind of expression has its reader in the table below. A reader is a task that waits for the
expressions it needs. What is not in the table is refused by name; nothing is ever run as code.
"""

from __future__ import annotations

import ast
import cmath
from collections.abc import Mapping

from tidu.errors import Place, SyntaxProblem
from tidu.text import operations, sequences
from tidu.text.calls import Call, called
from tidu.text.operations import with_place
from tidu.text.scope import Reader, Scope
from tidu.text.task import Task
from tidu.text.values import PlacedValue, Value, bounded, is_static, shown
from tidu.text.whitelist import NOT_PART, wait_for_expression
from tidu.words import Words, verbatim

_POWER = Words(en="^ is not power here", zh="这里 ^ 不是乘方")
_NO_NUMBER = Words(en="{text} is no real number", zh="{text} 不是实数")
_IS_IN = Words(en="is / in", zh=" is / in")
_UNPACKED = Words(en="** before an argument", zh="参数前的 **")
BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_UNARY: Mapping[type[ast.unaryop], str] = {
    ast.UAdd: "+", ast.USub: "-", ast.Invert: "~", ast.Not: "not",
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


# ------------------------------------------------------------------ leaves and sequences
def _constant(scope: Scope, node: ast.Constant) -> Task[PlacedValue]:
    value, place = node.value, scope.place(node)
    if isinstance(value, bytes) or (isinstance(value, complex) and not cmath.isfinite(value)):
        raise SyntaxProblem(_NO_NUMBER(text=shown(place)), place=place)
    if isinstance(value, int) and not isinstance(value, bool):
        integer = int(value)
        return PlacedValue(with_place(place, lambda: bounded(integer, shown(place))), place)
    return PlacedValue(value, place)
    yield  # a task that waits for nothing


def _name(scope: Scope, node: ast.Name) -> Task[PlacedValue]:
    place = scope.place(node)
    return PlacedValue(scope.value_of(node.id, place), place)
    yield


def _sequence(scope: Scope, node: ast.Tuple | ast.List) -> Task[PlacedValue]:
    place = scope.place(node)
    items: list[Value] = []
    for item in node.elts:
        items.append((yield from wait_for_expression(scope, item)).value)
    made = tuple(items) if isinstance(node, ast.Tuple) else items
    return PlacedValue(with_place(place, lambda: sequences.checked(made)), place)


def _slice(scope: Scope, node: ast.Slice) -> Task[PlacedValue]:
    bounds: list[Value] = []
    for part in (node.lower, node.upper, node.step):
        bounds.append(None if part is None else (yield from wait_for_expression(scope, part)).value)
    return PlacedValue(slice(*bounds), scope.place(node))


# ------------------------------------------------------------------ operators
def _binary(scope: Scope, node: ast.BinOp) -> Task[PlacedValue]:
    left = yield from wait_for_expression(scope, node.left)
    right = yield from wait_for_expression(scope, node.right)
    place = sign_place(scope, node.left, node.right, BINARY[type(node.op)])
    whole = scope.place(node)
    return PlacedValue(combined(scope, node.op, left, right, whole, place), whole)


def combined(
    scope: Scope,
    op: ast.operator,
    left: PlacedValue,
    right: PlacedValue,
    whole: Place,
    place: Place,
) -> Value:
    """Return `left op right` for a binary operator and for an augmented assignment."""
    sign = BINARY[type(op)]
    if sign == "^":
        fix = verbatim(f"{left.shown}**{right.shown}")
        raise SyntaxProblem(_POWER(), place=place, fix=fix)
    if sign in ("<<", ">>"):
        raise SyntaxProblem(NOT_PART(what=sign), place=place)
    if scope.paper and sign in "+-":
        operations.check_square_plus_column(left, right, whole)
    return operations.calculate(scope, sign, left, right, whole, place)


def sign_place(scope: Scope, left: ast.expr, right: ast.expr, sign: str) -> Place:
    """Return the place of the operator between two operands: behind the left one, its brackets and
    comments."""
    text = scope.text
    line = (left.end_lineno or left.lineno) - 1
    column = text.column_at(line, left.end_col_offset or 0)
    while line < right.lineno:
        at = text.lines[line].partition("#")[0].find(sign, column)
        if at >= 0:
            return text.place(line, at, at + len(sign))
        line, column = line + 1, 0
    return scope.place(right)


def _unary(scope: Scope, node: ast.UnaryOp) -> Task[PlacedValue]:
    inner = yield from wait_for_expression(scope, node.operand)
    line = node.lineno - 1
    start = scope.text.column_at(line, node.col_offset)
    sign = _UNARY[type(node.op)]
    place = scope.text.place(line, start, start + len(sign))
    return PlacedValue(operations.signed(scope, sign, inner, place), scope.place(node))


def _compare(scope: Scope, node: ast.Compare) -> Task[PlacedValue]:
    place = scope.place(node)
    parts = [node.left, *node.comparators]
    values: list[PlacedValue] = []
    for part in parts:
        values.append((yield from wait_for_expression(scope, part)))
    result: Value = None
    for i, op in enumerate(node.ops):
        if result is False:
            break  # Python does not look at the rest
        if type(op) not in _COMPARISONS:
            raise SyntaxProblem(NOT_PART(what=_IS_IN), place=place)
        sign = _COMPARISONS[type(op)]
        where = sign_place(scope, parts[i], parts[i + 1], sign)
        one = operations.compared(scope, sign, values[i], values[i + 1], place, where)
        if result is None or result is True:
            result = one
        else:
            result = operations.logic(scope, "&", result, one, place)
    return PlacedValue(result, place)


def _boolean(scope: Scope, node: ast.BoolOp) -> Task[PlacedValue]:
    """Return `and` or `or` as Python does: a known value decides whether the next one is read, and
    is the result."""
    sign = "&" if isinstance(node.op, ast.And) else "|"
    result = yield from wait_for_expression(scope, node.values[0])
    for part in node.values[1:]:
        truth = sequences.is_true(result.value)
        if truth is not None and truth != (sign == "&"):
            continue
        following = yield from wait_for_expression(scope, part)
        result = operations.joined(scope, sign, result, following, following.place)
    return PlacedValue(result.value, scope.place(node))


def _choice(scope: Scope, node: ast.IfExp) -> Task[PlacedValue]:
    condition = yield from wait_for_expression(scope, node.test)
    truth = sequences.is_true(condition.value)
    if truth is None:
        known = operations.calculable(scope, condition)
        if not is_static(known):
            return (yield from _branches(scope, node, PlacedValue(known, condition.place)))
        truth = bool(known)
    chosen = yield from wait_for_expression(scope, node.body if truth else node.orelse)
    return PlacedValue(chosen.value, scope.place(node))


def _branches(scope: Scope, node: ast.IfExp, condition: PlacedValue) -> Task[PlacedValue]:
    branches: list[Value] = []
    for part in (node.body, node.orelse):
        branch = yield from wait_for_expression(scope, part)
        if sequences.is_sequence(branch.value):
            raise operations.not_calculable(branch)
        branches.append(operations.calculable(scope, branch))
    yes, no = branches
    value = operations.chosen(scope, condition.value, yes, no, condition.place)
    return PlacedValue(value, scope.place(node))


# ------------------------------------------------------------------ parts of a value, calls
def _attribute(scope: Scope, node: ast.Attribute) -> Task[PlacedValue]:
    owner = yield from wait_for_expression(scope, node.value)
    whole = scope.place(node)
    value = operations.attribute(scope, owner, node.attr, member_place(scope, node), whole)
    return PlacedValue(value, whole)


def member_place(scope: Scope, node: ast.Attribute) -> Place:
    """Return the place of the name behind the dot."""
    line = (node.end_lineno or node.lineno) - 1
    end = scope.text.column_at(line, node.end_col_offset or 0)
    return scope.text.place(line, end - len(node.attr), end)


def _subscript(scope: Scope, node: ast.Subscript) -> Task[PlacedValue]:
    owner = yield from wait_for_expression(scope, node.value)
    key = yield from wait_for_expression(scope, node.slice)
    return PlacedValue(operations.entry(scope, owner, key), scope.place(node))


def _call(scope: Scope, node: ast.Call) -> Task[PlacedValue]:
    if isinstance(node.func, ast.Name):
        function = PlacedValue(scope.function_of(node.func.id), scope.place(node.func))
    else:
        function = yield from wait_for_expression(scope, node.func)
    arguments: list[PlacedValue] = []
    for argument in node.args:
        arguments.append((yield from wait_for_expression(scope, argument)))
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise SyntaxProblem(NOT_PART(what=_UNPACKED), place=scope.place(keyword.value))
        keywords[keyword.arg] = (yield from wait_for_expression(scope, keyword.value)).value
    place = (
        member_place(scope, node.func) if isinstance(node.func, ast.Attribute) else function.place
    )
    call_place = scope.place(node)
    result = yield from called(scope, Call(function, place, tuple(arguments), keywords, call_place))
    return PlacedValue(result, call_place)


READERS: Mapping[type[ast.expr], Reader] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Tuple: _sequence,
    ast.List: _sequence,
}
