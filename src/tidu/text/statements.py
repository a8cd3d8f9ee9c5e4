"""The statements of a text program: assignments, loops, imports, def."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping, Sequence

import numpy as np

from tidu.errors import InputError, Place, SyntaxProblem, TiduError
from tidu.ir.node import Node
from tidu.ir.types import Dim
from tidu.spellings import functions
from tidu.text.expressions import BINARY, combined, sign_place
from tidu.text.operations import apply
from tidu.text.scope import Scope, StatementReader
from tidu.text.sequences import is_sequence, is_true, items
from tidu.text.task import Task
from tidu.text.values import (
    Helper,
    Literal,
    Module,
    PlacedValue,
    Value,
    is_module,
    is_static,
    member,
)
from tidu.text.whitelist import not_part, read_block, refusal, wait_for_expression
from tidu.words import Words

MAX_LOOP = 1_000

_TARGET = Words(
    en="assigning into part of an array cannot be differentiated", zh="对数组的一部分赋值无法求导"
)
_TARGET_FIX = Words(
    en="stack, concatenate or where, which build a new array",
    zh="用 stack、concatenate 或 where 组成新数组",
)
_LIST = Words(
    en="a list is not changed in a text: every name of it would change",
    zh="文本里不改变列表：它的每个名称都会跟着变",
)
_GROWN = Words(en="{name} = {name} + […]", zh="{name} = {name} + […]")
_UNPACK = Words(en="{wanted} names for {got} values", zh="{wanted} 个名称对 {got} 个值")
_BRANCH = Words(
    en="this branch depends on values that are not known while the program is read",
    zh="这个分支取决于读程序时还不知道的值",
)
_BRANCH_FIX = Words(en="where({condition}, a, b)", zh="where({condition}, a, b)")
_LOOP = Words(
    en="a loop runs over range(n) with a plain number n up to {limit}, or over as many items of a "
    "tuple, a list, zip or enumerate",
    zh="循环可以写成 range(n)，n 是不超过 {limit} 的数；也可以遍历项数不超过它的元组、列表、zip 或 "
    "enumerate",
)
_DEF = Words(en="a def takes plain arguments", zh="def 的参数只能是普通参数")
_IMPORT = Words(
    en="import {name} is not part of the formula language", zh="公式语言里没有 import {name}"
)
_IMPORTS = Words(
    en="numpy, torch, jax and math may stand in imports; nothing is loaded",
    zh="import 只能写 numpy、torch、jax、math；不会真的加载任何模块",
)


# ------------------------------------------------------------------ assignments
def _bare(scope: Scope, node: ast.Expr) -> Task[None]:
    match node.value:
        case ast.Constant(value=str()):
            return  # a remark in quotation marks
        case ast.Call(func=ast.Name(id="print")):
            return
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=name) as loss, attr="backward"), args=[]
        ):
            scope.value_of(name, scope.place(loss))
            scope.loss = name
            return
        case _:
            pass
    result = yield from wait_for_expression(scope, node.value)
    if len(scope.locals) == 1:
        name = node.value.id if isinstance(node.value, ast.Name) else None
        scope.result = (name, result.value, result.place)


def _assigned(scope: Scope, node: ast.Assign) -> Task[None]:
    result = yield from wait_for_expression(scope, node.value)
    for target in node.targets:
        _assign(scope, target, result.value)


def _annotated(scope: Scope, node: ast.AnnAssign) -> Task[None]:
    if node.value is None:
        raise not_part(scope, node)
    _assign(scope, node.target, (yield from wait_for_expression(scope, node.value)).value)


def _augmented(scope: Scope, node: ast.AugAssign) -> Task[None]:
    target = node.target
    if not isinstance(target, ast.Name):
        raise _bad_target(scope, target)
    place = scope.place(target)
    before = PlacedValue(scope.value_of(target.id, place), place)
    if isinstance(before.value, list):  # Python changes it under every name that it has
        raise SyntaxProblem(_LIST(), place=place, fix=_GROWN(name=target.id))
    value = yield from wait_for_expression(scope, node.value)
    sign = sign_place(scope, target, node.value, BINARY[type(node.op)])
    after = combined(scope, node.op, before, value, scope.place(node), sign)
    _assign(scope, target, after)


def _assign(scope: Scope, target: ast.expr, value: Value) -> None:
    match target:
        case ast.Name(id=name):
            scope.bind(name, value, scope.place(target))
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            for part, item in zip(targets, _items(scope, target, targets, value), strict=True):
                _assign(scope, part, item)
        case _:
            raise _bad_target(scope, target)


def _bad_target(scope: Scope, target: ast.expr) -> TiduError:
    if isinstance(target, ast.Subscript):
        return InputError(_TARGET(), place=scope.place(target), fix=_TARGET_FIX())
    return refusal(scope, target)


def _items(
    scope: Scope, target: ast.expr, targets: Sequence[ast.expr], value: Value
) -> Sequence[Value]:
    """Return the values that several targets get from one."""
    place, wanted = scope.place(target), len(targets)
    if is_sequence(value):
        values: Sequence[Value] = items(value, "=")
        got: Dim = len(values)
    elif isinstance(value, Literal) and value.array.ndim:
        rows = value.array[:1000]
        values = [Literal(np.asarray(row), value.requires_grad) for row in rows]
        got = len(value.array)
    elif isinstance(value, Node) and value.rank:
        values, got = _rows(scope, value, wanted, place), value.shape[0]
    else:
        values, got = [], 1
    if got != wanted:
        raise InputError(_UNPACK(wanted=wanted, got=got), place=place)
    return values


def _rows(scope: Scope, value: Node, wanted: int, place: Place) -> Sequence[Value]:
    if value.shape[0] != wanted:
        return []
    return [apply(scope, place, operator.getitem, value, i) for i in range(wanted)]


# ------------------------------------------------------------------ blocks
def _def(scope: Scope, node: ast.FunctionDef) -> Task[None]:
    given = node.args
    others = (given.vararg, given.kwarg, *given.kwonlyargs, *given.posonlyargs)
    if any(others) or node.decorator_list:
        raise SyntaxProblem(_DEF(), place=scope.place(node))
    scope.locals[-1][node.name] = Helper(node)
    return
    yield


def _for(scope: Scope, node: ast.For) -> Task[None]:
    if node.orelse:
        raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=scope.place(node))
    steps = (yield from wait_for_expression(scope, node.iter)).value
    if not is_sequence(steps):
        raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=scope.place(node))
    for count, step in enumerate(steps):
        if count == MAX_LOOP:
            raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=scope.place(node.iter))
        _step(scope, node.target, step)
        yield from read_block(scope, node.body)


def _step(scope: Scope, target: ast.expr, value: Value) -> None:
    """Set a loop's name to its next value; a number stays a number that is known."""
    match target:
        case ast.Name(id=name) if is_static(value):
            scope.locals[-1][name] = value
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            for part, item in zip(targets, _items(scope, target, targets, value), strict=True):
                _step(scope, part, item)
        case _:
            _assign(scope, target, value)


def _if(scope: Scope, node: ast.If) -> Task[None]:
    test = yield from wait_for_expression(scope, node.test)
    condition = is_true(test.value)
    if condition is None:
        raise SyntaxProblem(_BRANCH(), place=test.place, fix=_BRANCH_FIX(condition=test.shown))
    yield from read_block(scope, node.body if condition else node.orelse)


def _pass(scope: Scope, node: ast.Pass) -> Task[None]:
    return
    yield


# ------------------------------------------------------------------ imports
def _import(scope: Scope, node: ast.Import) -> Task[None]:
    for alias in node.names:
        _check_module(scope, node, alias.name)
        whole, first = Module(alias.name), alias.name.partition(".")[0]
        scope.locals[-1][alias.asname or first] = whole if alias.asname else Module(first)
    return
    yield


def _import_from(scope: Scope, node: ast.ImportFrom) -> Task[None]:
    if node.level:
        raise not_part(scope, node)
    module = node.module or ""
    for alias in node.names:
        _check_module(scope, node, module)
        if alias.name != "*":
            value = member(Module(module), alias.name, functions.CONSTANTS)
            scope.locals[-1][alias.asname or alias.name] = value
    return
    yield


def _check_module(scope: Scope, node: ast.stmt, name: str) -> None:
    if not is_module(name):
        raise SyntaxProblem(_IMPORT(name=name), place=scope.place(node), why=_IMPORTS())


STATEMENTS: Mapping[type[ast.stmt], StatementReader] = {
    ast.Expr: _bare,
    ast.Assign: _assigned,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Pass: _pass,
    ast.FunctionDef: _def,
    ast.For: _for,
    ast.If: _if,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
}
