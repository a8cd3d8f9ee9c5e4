"""The text door: a program as text, read into a graph. Nothing of it is ever run as code.

The text is scanned (`lexical`), parsed by Python's own parser into a syntax tree, and the tree is
read by a whitelist (`textprogram`, `expressions`, `calls`).
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tidu.errors import (
    InputError,
    SyntaxProblem,
    TiduError,
)
from tidu.frontends.diagnosis import diagnose
from tidu.frontends.functions import CONSTANTS
from tidu.frontends.lexical import Text, lines_of, scan
from tidu.frontends.source import Source
from tidu.frontends.textnames import ShapeLike
from tidu.frontends.textprogram import Program
from tidu.frontends.textvalues import (
    MODULE_NAMES,
    Literal,
    is_static,
    numeric,
    reference,
)
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.words import Words

_NOT_TEXT = Words(en="a program is a text, not {kind}", zh="程序应当是文本，而不是 {kind}")
_EMPTY = Words(en="the text holds no formula", zh="文本里没有公式")
_BODY = Words(
    en="the body of {name} must be a formula in one variable: {body} has {count}",
    zh="{name} 的函数体应是一个变量的公式：{body} 里有 {count} 个",
)
_BODY_FIX = Words(en='functions={"{name}": "tanh(x)"}', zh='functions={"{name}": "tanh(x)"}')
_NOT_VALUE = Words(en="{text} is not a number or an array", zh="{text} 不是数，也不是数组")
_VALUE_FIX = Words(en="[[1, 2], [3, 4]]", zh="[[1, 2], [3, 4]]")


def read(
    source: str,
    *,
    shapes: Mapping[str, ShapeLike] | None = None,
    values: Mapping[str, Any] | None = None,
    functions: Mapping[str, str | None] | None = None,
    output: str | None = None,
    file: str | None = None,
    first_line: int = 1,
) -> Source:
    """A program as a graph.

    The result is the last line: a formula (called L), or the name that it assigns; `output` picks
    another name. `shapes` may use named sizes, `values` give a shape where none is declared;
    `functions` declares elementwise functions, with a formula in one variable as body or None.
    Raises `SyntaxProblem`, `UnknownNameError`, `ShapeError` and `InputError` with the place.

    >>> program = read("r = A @ x - b; sum(r**2)", shapes={"A": ("n", 3), "x": (3,), "b": ("n",)})
    >>> list(program.graph.inputs), program.graph.outputs["L"].shape
    (['A', 'x', 'b'], ())
    """
    program, tree = _parsed(source, file, first_line)
    program.declare(shapes or {}, values or {}, functions or {})
    for name, body in (functions or {}).items():
        if body is not None:
            program.bodies[name] = _body(name, body)
    for statement in tree.body:
        program.drive(program.statement(statement))
    return program.finish(output)


def read_array(text: str) -> NDArray[Any]:
    """A value written on a command line: "[[1,2],[3,4]]", "0.5", "ones(4,3)", "-zeros(2,1)".

    Raises `SyntaxProblem` or `InputError`, by the same whitelist as `read`.

    >>> read_array("2*ones(1,2)")
    array([[2., 2.]])
    """
    program, tree = _parsed(text, None, 1)
    statement = tree.body[0]
    if len(tree.body) != 1 or not isinstance(statement, ast.Expr):
        raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())
    value = program.value(statement.value)
    if isinstance(value, Node):
        return reference(value)
    if isinstance(value, Literal):
        return value.array
    if is_static(value) or isinstance(value, tuple | list):
        try:
            return numeric(value)
        except TiduError as error:
            raise error.at(program.place(statement)) from None
    raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())


def _parsed(source: str, file: str | None, first_line: int) -> tuple[Program, ast.Module]:
    if not isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(_NOT_TEXT(kind=type(source).__name__))
    source = textwrap.dedent(source.removeprefix("\ufeff")) if "\n" in source else source.strip()
    text = Text(source, lines_of(source), file, first_line)
    tokens = scan(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, on escapes in strings that are ignored
            tree = ast.parse(source)
    except SyntaxError as error:
        raise diagnose(text, tokens, error) from None
    except (ValueError, RecursionError, MemoryError):
        raise diagnose(text, tokens, SyntaxError()) from None
    if not tree.body:
        raise SyntaxProblem(_EMPTY())
    return Program(text, tree), tree


def _body(name: str, body: str) -> Graph:
    """The body of a declared function: a formula in one variable, which stands for one element."""
    _, tree = _parsed(body, None, 1)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    free = {
        n.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Name)
        and id(n) not in called
        and n.id not in MODULE_NAMES
        and n.id not in CONSTANTS
    }
    if len(free) != 1:
        raise InputError(
            _BODY(name=name, body=body.strip()[:60], count=len(free)), fix=_BODY_FIX(name=name)
        )
    (variable,) = free
    source = read(body, shapes={variable: ()})
    (result,) = source.graph.outputs.values()
    graph = source.graph
    return Graph(graph.inputs, {name: result}, graph.names, graph.places)
