"""Programs as text, read into graphs. Nothing of it is ever run as code.

The text is scanned (`lexer`), parsed by Python's own parser into a syntax tree, and the tree is
read by a whitelist: what has a reader in the tables of `statements` and `expressions`. Lines in the
spellings of paper or of LaTeX go through `formula`, which says how it read them.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError, SyntaxProblem, TiduError, UnknownNameError
from tidu.halfwidth import halfwidth
from tidu.ir.budget import reading
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.source import Source
from tidu.spellings.functions import CONSTANTS, find
from tidu.text.arrays import numeric, reference
from tidu.text.diagnosis import Ambiguous, diagnose
from tidu.text.expressions import READERS
from tidu.text.formula.lines import formula_tree
from tidu.text.formula.reading import echo, with_formulas
from tidu.text.formula.syntax import FormulaLine, Word
from tidu.text.formula.tokens import is_latex
from tidu.text.lexer import Text, bad_character, check_length, lines_of, scan
from tidu.text.scope import NO_FORMULA, Scope, ShapeLike
from tidu.text.statements import STATEMENTS
from tidu.text.task import run
from tidu.text.values import MODULE_NAMES, Literal, is_static
from tidu.text.whitelist import read_block, read_expression
from tidu.words import Phrase, Words

_NOT_TEXT = Words(en="a program is a text, not {kind}", zh="程序应当是文本，而不是 {kind}")
_BODY = Words(
    en="the body of {name} must be a formula in one variable: {body} has {count}",
    zh="{name} 的函数体应是一个变量的公式：{body} 里有 {count} 个",
)
_BODY_FIX = Words(en='functions={"{name}": "tanh(x)"}', zh='functions={"{name}": "tanh(x)"}')
_NOT_VALUE = Words(en="{text} is not a number or an array", zh="{text} 不是数，也不是数组")
_VALUE_FIX = Words(en="[[1, 2], [3, 4]]", zh="[[1, 2], [3, 4]]")


MOST_NODES = 50_000  # operations of a text, which may be anyone's


@reading(nodes=MOST_NODES)
def read(
    source: str,
    *,
    shapes: Mapping[str, ShapeLike] | None = None,
    values: Mapping[str, object] | None = None,
    functions: Mapping[str, str | None] | None = None,
    output: str | None = None,
    file: str | None = None,
    first_line: int = 1,
    remedy: Callable[[str], Phrase] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Source:
    """Return a program as a graph.

    The result is the last line: a formula (called L), or the name that it assigns; `output` picks
    another name. `shapes` may use named sizes, `values` give a shape where none is declared;
    `functions` declares elementwise functions, with a formula in one variable as body or None;
    `remedy` says how the caller gives a name its value, if not by `shapes`; `sizes` are what named
    sizes are known to be.
    Raises `SyntaxProblem`, `UnknownNameError`, `ShapeError` and `InputError` with the place.

    >>> program = read("r = A @ x - b; sum(r**2)", shapes={"A": ("n", 3), "x": (3,), "b": ("n",)})
    >>> list(program.graph.inputs), program.graph.outputs["L"].shape
    (['A', 'x', 'b'], ())
    """
    program = _parsed(source, file, first_line, {**(shapes or {}), **(values or {})})
    scope = program.scope()
    formulas = with_formulas(scope, is_latex(program.text.source)) if program.formulas else None
    scope.remedy = remedy or scope.remedy
    scope.declare(shapes or {}, values or {}, functions or {})
    scope.locals[0].update(sizes or {})
    for name, body in (functions or {}).items():
        if body is not None:
            scope.bodies[name] = _body(name, body)
    try:
        run(read_block(scope, program.tree.body))
    except UnknownNameError:
        if program.doubt is not None and formulas is not None and not formulas.recognised:
            raise program.doubt from None  # words side by side, none of which is a name
        raise
    return scope.finish(output, [] if formulas is None else echo(formulas))


@reading(nodes=MOST_NODES)
def read_array(text: str) -> NDArray[np.generic]:
    """Return a value written on a command line: "[[1,2],[3,4]]", "0.5", "ones(4,3)", "-zeros(2,1)".

    Raises `SyntaxProblem` or `InputError`, by the same whitelist as `read`.

    >>> read_array("2*ones(1,2)")
    array([[2., 2.]])
    """
    program = _parsed(text, None, 1)
    statement = program.tree.body[0]
    if len(program.tree.body) != 1 or not isinstance(statement, ast.Expr):
        raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())
    scope = program.scope()
    value = run(read_expression(scope, statement.value)).value
    if isinstance(value, Node):
        return reference(value)
    if isinstance(value, Literal):
        return value.array
    if is_static(value) or isinstance(value, tuple | list):
        try:
            return numeric(value)
        except TiduError as error:
            raise error.at(scope.place(statement)) from None
    raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())


@dataclass(frozen=True, slots=True)
class _Program:
    """A text as a tree; doubt: what Python's reading says against it, where nothing but missing
    signs does."""

    text: Text
    tree: ast.Module
    formulas: bool = False
    doubt: TiduError | None = None

    def scope(self) -> Scope:
        return Scope(self.text, READERS, STATEMENTS, self.tree)


def _parsed(
    source: str, file: str | None, first_line: int, given: Mapping[str, object] | None = None
) -> _Program:
    """Return the tree of a text, with formulas in it where Python does not read it."""
    text = _checked(source, file, first_line)
    doubt: TiduError | None = None
    tree: ast.Module | None = None
    try:
        tree = _python_tree(text)
    except SyntaxProblem as error:
        doubt = error
    marked = _MARKS.search(text.source) is not None
    if given is not None:
        formulas: ast.Module | None = None
        try:
            formulas = formula_tree(text, given)
        except (SyntaxProblem, SyntaxError) as error:
            clear = isinstance(error, Ambiguous) or doubt is None or marked
            if isinstance(error, SyntaxProblem) and clear:
                raise
        if formulas is not None and formulas.body:
            return _Program(text, formulas, True, None if marked else doubt)
    if tree is None:
        raise doubt or SyntaxProblem(NO_FORMULA())
    if not tree.body:
        raise SyntaxProblem(NO_FORMULA())
    return _Program(text, tree)


def _checked(source: str, file: str | None, first_line: int) -> Text:
    """Return a text of bearable length, with its lines."""
    if not isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(_NOT_TEXT(kind=type(source).__name__))
    check_length(source)  # before anything goes through it
    source = halfwidth(source.removeprefix("\ufeff"))
    source = textwrap.dedent(source) if "\n" in source else source.strip()
    text = Text(source, lines_of(source), file, first_line)
    for number, line in enumerate(text.lines):
        half = _HALF.search(line)
        if half is not None:
            raise bad_character(text, half.group(), number, half.start())
    return text


_HALF = re.compile("[\ud800-\udfff]")  # half a character, which no encoding has
# What is written in formulas and not in Python.
_MARKS = re.compile(r"[^\x00-\x7f]|\^|\\[A-Za-z|]|\w'|[)\]]'|\|")


def _python_tree(text: Text) -> ast.Module:
    """Return the text as Python's parser reads it. Raises `SyntaxProblem`."""
    tokens = scan(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, on escapes in strings that are ignored
            return ast.parse(text.source)
    except SyntaxError as error:
        raise diagnose(text, tokens, error) from None
    except (ValueError, RecursionError, MemoryError):
        raise diagnose(text, tokens, SyntaxError()) from None


def _body(name: str, body: str) -> Graph:
    """Return the body of a declared function: a formula in one variable, which stands for one
    element."""
    tree = _parsed(body, None, 1, {}).tree
    nodes = list(ast.walk(tree))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    named = {node.id for node in nodes if isinstance(node, ast.Name) and node not in called}
    free = named - MODULE_NAMES.keys() - CONSTANTS.keys()
    for line in tree.body:
        leaves = line.leaves if isinstance(line, FormulaLine) else ()
        words = {leaf.raw or leaf.text for leaf in leaves if isinstance(leaf, Word)}
        free |= {word for word in words if find(word) is None and word not in CONSTANTS}
    if len(free) != 1:
        raise InputError(
            _BODY(name=name, body=body.strip()[:60], count=len(free)), fix=_BODY_FIX(name=name)
        )
    (variable,) = free
    source = read(body, shapes={variable: ()})
    (result,) = source.graph.outputs.values()
    graph = source.graph
    return Graph(graph.inputs, {name: result}, graph.names, graph.places)
