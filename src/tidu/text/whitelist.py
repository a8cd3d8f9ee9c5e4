"""The whitelist of a text program: what has a reader is read, all else is refused by name."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from tidu.errors import SyntaxProblem
from tidu.text.scope import Scope
from tidu.text.task import Task, wait
from tidu.text.values import PlacedValue
from tidu.words import Words

NOT_PART = Words(en="{what} is not part of the formula language", zh="公式语言里没有{what}")
_EXPRESSIONS: Mapping[type[ast.AST], Words] = {
    ast.Lambda: Words(en="lambda", zh=" lambda"),
    ast.JoinedStr: Words(en="an f-string", zh=" f-string"),
    ast.NamedExpr: Words(en=":= (an assignment inside an expression)", zh=" :=（表达式内的赋值）"),
    ast.ListComp: Words(en="a list comprehension", zh="列表推导式"),
    ast.SetComp: Words(en="a set comprehension", zh="集合推导式"),
    ast.DictComp: Words(en="a dict comprehension", zh="字典推导式"),
    ast.GeneratorExp: Words(en="a generator expression", zh="生成器表达式"),
    ast.Dict: Words(en="a dict", zh="字典"),
    ast.Set: Words(en="a set", zh="集合"),
    ast.Await: Words(en="await", zh=" await"),
    ast.Yield: Words(en="yield", zh=" yield"),
    ast.YieldFrom: Words(en="yield", zh=" yield"),
    ast.Starred: Words(en="* before an argument", zh="参数前的 *"),
}
_OTHER = Words(en="this expression", zh="这种表达式")
_DEF = Words(en="def f(x): return …", zh="def f(x): return …")
_LINE = Words(en="an assignment on a line of its own", zh="单独写一行赋值")
_LOOP = Words(en="an array operation, or a for loop", zh="数组运算，或 for 循环")
_FIXES: Mapping[type[ast.AST], Words] = {
    ast.Lambda: _DEF,
    ast.NamedExpr: _LINE,
    ast.ListComp: _LOOP,
    ast.GeneratorExp: _LOOP,
}
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
_STATEMENT = Words(en="this statement", zh="这种语句")


def read_expression(scope: Scope, node: ast.expr) -> Task[PlacedValue]:
    """Start reading an expression. Raises `SyntaxProblem` for one that has no reader."""
    scope.count_step(node, scope.place)
    reader = scope.readers.get(type(node))
    if reader is None:
        raise refusal(scope, node)
    return reader(scope, node)


def wait_for_expression(scope: Scope, node: ast.expr) -> Task[PlacedValue]:
    """Read an expression, and return its task."""
    return wait(read_expression(scope, node))


def read_statement(scope: Scope, node: ast.stmt) -> Task[None]:
    """Start reading a statement. Raises `SyntaxProblem` for one that has no reader."""
    scope.count_step(node, scope.place)
    reader = scope.statements.get(type(node))
    if reader is None:
        raise not_part(scope, node)
    return reader(scope, node)


def not_part(scope: Scope, node: ast.stmt) -> SyntaxProblem:
    """Return the error for a statement that is not on the whitelist."""
    what = _STATEMENTS.get(type(node), _STATEMENT)
    return SyntaxProblem(NOT_PART(what=what), place=scope.place(node))


def read_block(scope: Scope, block: Sequence[ast.stmt]) -> Task[None]:
    """Read the lines of a block one after the other."""
    for line in block:
        yield from wait(read_statement(scope, line))


def refusal(scope: Scope, node: ast.expr) -> SyntaxProblem:
    """Return the error for syntax that is not on the whitelist."""
    fix = _FIXES.get(type(node))
    what = _EXPRESSIONS.get(type(node), _OTHER)
    return SyntaxProblem(
        NOT_PART(what=what), place=scope.place(node), fix=None if fix is None else fix()
    )
