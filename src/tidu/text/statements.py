"""The statements of a text program: assignments, loops, imports, def."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from tidu.errors import (
    InputError,
    SyntaxProblem,
    TiduError,
)
from tidu.ir.node import Node
from tidu.spellings import functions
from tidu.text.expressions import Reading
from tidu.text.scope import Names
from tidu.text.sequences import is_sequence, is_true
from tidu.text.sequences import items as taken
from tidu.text.values import (
    Helper,
    Literal,
    Module,
    Value,
    is_module,
    is_static,
    member,
)
from tidu.words import Phrase, Words

_TARGET = Words(
    en="assigning into part of an array cannot be differentiated",
    zh="对数组的一部分赋值无法求导",
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
_STATEMENT = Words(en="{what} is not part of the formula language", zh="公式语言里没有{what}")
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

_STATEMENTS: Mapping[type[ast.AST], Words] = {
    ast.While: Words(en="while", zh=" while"),
    ast.With: Words(en="with", zh=" with"),
    ast.ClassDef: Words(en="class", zh=" class"),
    ast.Delete: Words(en="del", zh=" del"),
    ast.Try: Words(en="try", zh=" try"),
    ast.Raise: Words(en="raise", zh=" raise"),
    ast.Assert: Words(en="assert", zh=" assert"),
    ast.Global: Words(en="global", zh=" global"),
    ast.Return: Words(en="return outside of a def", zh=" def 之外的 return"),
}
_OTHER = Words(en="this statement", zh="这种语句")
MAX_LOOP = 1_000


class Program(Names):
    """Reads statements, one generator each, so that loops and helpers nest without recursion."""

    def statement(self, statement: ast.stmt) -> Reading:
        self.count_step(statement)
        match statement:
            case ast.Expr(value=value):
                yield from self._bare(value)
            case ast.Assign(targets=targets, value=value):
                result = yield value
                for target in targets:
                    self._assign(target, result)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, (yield value))
            case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                before = self.lookup(target)
                if isinstance(before, list):  # Python changes it under every name that it has
                    raise self._bad_target(target, _GROWN(name=target.id))
                self._assign(
                    target, self.combine(op, before, (yield value), target, value, statement)
                )
            case ast.AugAssign(target=target):
                raise self._bad_target(target)
            case ast.Pass():
                pass
            case _:
                yield from self._other(statement)

    def _other(self, statement: ast.stmt) -> Reading:
        match statement:
            case ast.FunctionDef():
                self._define(statement)
            case ast.For():
                yield from self._loop(statement)
            case ast.If():
                yield from self._branch(statement)
            case ast.Import(names=names):
                for alias in names:
                    self._import(statement, alias.name, alias.asname)
            case ast.ImportFrom(module=module, names=names, level=0):
                for alias in names:
                    self._import_from(
                        statement, module or "", alias.name, alias.asname or alias.name
                    )
            case _:
                what = _STATEMENTS.get(type(statement), _OTHER)
                raise SyntaxProblem(_STATEMENT(what=what), place=self.place(statement))

    def _bare(self, value: ast.expr) -> Reading:
        match value:
            case ast.Constant(value=str()):
                return  # a remark in quotation marks
            case ast.Call(func=ast.Name(id="print")):
                return
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="backward"), args=[]):
                self.lookup(cast(ast.Name, cast(ast.Attribute, value.func).value))
                self.loss = name
                return
            case _:
                pass
        result = yield value
        if len(self.scopes) == 1:
            name = value.id if isinstance(value, ast.Name) else None
            self.result = (name, result, self.place(value))

    def _assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self.bind(target, name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for part, item in zip(targets, self._items(target, targets, value), strict=True):
                    self._assign(part, item)
            case _:
                raise self._bad_target(target)

    def _bad_target(self, target: ast.expr, fix: Phrase | None = None) -> TiduError:
        if fix is not None:
            return SyntaxProblem(_LIST(), place=self.place(target), fix=fix)
        if isinstance(target, ast.Subscript):
            return InputError(_TARGET(), place=self.place(target), fix=_TARGET_FIX())
        return self.refusal(target)

    def _items(self, target: ast.expr, targets: list[ast.expr], value: Value) -> list[Value]:
        count: Any
        if is_sequence(value):
            items: list[Value] = taken(self.weights, value, "=")
            count = len(items)
        elif isinstance(value, Literal) and value.array.ndim:
            items = [Literal(row, value.requires_grad) for row in value.array[:1000]]
            items = [
                Literal(np.asarray(cast(Literal, i).array), value.requires_grad) for i in items
            ]
            count = len(value.array)
        elif isinstance(value, Node) and value.rank:
            count = value.shape[0]
            place = self.place(target)
            items = []
            if count == len(targets):
                items = [self.apply(place, lambda x, i=i: x[i], value) for i in range(len(targets))]
        else:
            items, count = [], 1
        if count != len(targets):
            what = _UNPACK(wanted=len(targets), got=count)
            raise InputError(what, place=self.place(target))
        return items

    def _define(self, statement: ast.FunctionDef) -> None:
        given = statement.args
        others = (given.vararg, given.kwarg, *given.kwonlyargs, *given.posonlyargs)
        if any(others) or statement.decorator_list:
            raise SyntaxProblem(_DEF(), place=self.place(statement))
        self.scopes[-1][statement.name] = Helper(statement)

    def _loop(self, statement: ast.For) -> Reading:
        if statement.orelse:
            raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement))
        steps = yield statement.iter
        if not is_sequence(steps):
            raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement))
        for count, step in enumerate(cast("Iterable[Value]", steps)):
            if count == MAX_LOOP:
                raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement.iter))
            self._step(statement.target, step)
            for line in statement.body:
                yield from self.statement(line)

    def _step(self, target: ast.expr, value: Value) -> None:
        """A name of a loop gets its next value; a number stays a number that is known."""
        match target:
            case ast.Name(id=name) if is_static(value):
                self.scopes[-1][name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for part, item in zip(targets, self._items(target, targets, value), strict=True):
                    self._step(part, item)
            case _:
                self._assign(target, value)

    def _branch(self, statement: ast.If) -> Reading:
        condition = is_true((yield statement.test))
        if condition is None:
            shown = self.shown(statement.test)
            raise SyntaxProblem(
                _BRANCH(), place=self.place(statement.test), fix=_BRANCH_FIX(condition=shown)
            )
        for line in statement.body if condition else statement.orelse:
            yield from self.statement(line)

    def _import(self, statement: ast.stmt, name: str, alias: str | None) -> None:
        if not is_module(name):
            place = self.place(statement)
            raise SyntaxProblem(_IMPORT(name=name), place=place, why=_IMPORTS())
        if alias is not None:
            self.scopes[-1][alias] = Module(name)
        else:
            self.scopes[-1][name.partition(".")[0]] = Module(name.partition(".")[0])

    def _import_from(self, statement: ast.stmt, module: str, name: str, alias: str) -> None:
        if not is_module(module):
            place = self.place(statement)
            raise SyntaxProblem(_IMPORT(name=module), place=place, why=_IMPORTS())
        if name != "*":
            self.scopes[-1][alias] = member(Module(module), name, functions.CONSTANTS)
