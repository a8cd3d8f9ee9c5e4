"""Where in the user's Python code something happens, and which name its value is given there.

Positions come from the running frame: the instruction that a frame stands at has exact columns
(PEP 657), and the statement around it is read from the source text with `ast`, once a file. Without
source (a prompt, a generated function) the line number alone is left.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tidu.errors import Place

Span = tuple[int, int, int, int]  # line, end line, column, end column; columns in bytes, as in ast

# By their modules' own roots, so that a checkout in a folder called "numpy" is still the user's.
_TIDU = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INTERNAL = (os.path.dirname(os.path.abspath(np.__file__)) + os.sep, _TIDU + os.sep)


def _is_internal(code: CodeType) -> bool:
    """Return whether code belongs to NumPy, to SciPy (where that is loaded) or to tidu."""
    path = os.path.abspath(code.co_filename)
    if path.startswith(_INTERNAL):
        return True
    scipy = getattr(sys.modules.get("scipy"), "__file__", None)
    return scipy is not None and path.startswith(os.path.dirname(os.path.abspath(scipy)) + os.sep)


@dataclass(slots=True)
class FileExpressions:
    """The expressions in the text of a file: what they are assigned to, and what they stand in."""

    targets: dict[Span, tuple[str, ...]] = field(default_factory=dict[Span, tuple[str, ...]])
    expressions: dict[Span, ast.AST] = field(default_factory=dict[Span, ast.AST])
    shown: set[Span] = field(default_factory=set[Span])  # in a print, an f-string, "%f" % …
    stored: set[Span] = field(default_factory=set[Span])  # the value of `a[…] = value`
    returned: set[str] = field(default_factory=set[str])  # names in `return name`


class Places:
    """Finds the places of one trace and remembers them for each instruction, so that a loop pays
    once."""

    def __init__(self) -> None:
        self._positions: dict[CodeType, list[Span | None]] = {}
        self._places: dict[tuple[CodeType, int], Place] = {}
        self._internal: dict[CodeType, bool] = {}
        self._sources: dict[str, FileExpressions | None] = {}

    def is_user(self, code: CodeType) -> bool:
        """Return whether code is the user's own: not tidu's, NumPy's or SciPy's."""
        found = self._internal.get(code)
        if found is None:
            found = self._internal[code] = _is_internal(code)
        return not found

    def scipy_below(self, frame: FrameType) -> str | None:
        """Return the part of SciPy ("scipy.stats") that the user's frame called and that is
        running, or None."""
        package: str | None = None
        at: FrameType | None = inspect.currentframe()
        while at is not None and at is not frame:
            module = str(at.f_globals.get("__name__", ""))
            if module.startswith("scipy.") and not module.startswith("scipy._"):
                package = ".".join(module.split(".")[:2])
            at = at.f_back
        return package

    def place(self, frame: FrameType) -> Place:
        """Return file, line, text and columns of the instruction at which a frame stands."""
        key = (frame.f_code, frame.f_lasti)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._find_place(frame)
        return place

    def _find_place(self, frame: FrameType) -> Place:
        file, line = frame.f_code.co_filename, frame.f_lineno
        text = linecache.getline(file, line, frame.f_globals).rstrip("\n")
        span = self.span(frame)
        if not text:
            return Place(file, line)
        if span is None or span[0] != line:
            return Place(file, line, text)
        end = span[3] if span[1] == line else len(text.encode())
        return Place(file, line, text, _characters(text, span[2]), _characters(text, end))

    def span(self, frame: FrameType) -> Span | None:
        code = frame.f_code
        spans = self._positions.get(code)
        if spans is None:
            spans = self._positions[code] = [_span(position) for position in code.co_positions()]
        at = frame.f_lasti // 2
        return spans[at] if 0 <= at < len(spans) else None

    def source(self, frame: FrameType) -> FileExpressions | None:
        file = frame.f_code.co_filename
        if file not in self._sources:
            self._sources[file] = _read("".join(linecache.getlines(file, frame.f_globals)))
        return self._sources[file]

    def expression(self, frame: FrameType) -> ast.AST | None:
        """Return the expression that a frame is evaluating, if its source is available."""
        source, span = self.source(frame), self.span(frame)
        return source.expressions.get(span) if source is not None and span is not None else None

    def targets(self, frame: FrameType) -> tuple[str, ...]:
        """Return the names to which the whole expression under evaluation is assigned."""
        source, span = self.source(frame), self.span(frame)
        return source.targets.get(span, ()) if source is not None and span is not None else ()

    def is_shown(self, frame: FrameType) -> bool:
        """Return whether the expression under evaluation is only printed or formatted."""
        source, span = self.source(frame), self.span(frame)
        return source is not None and span is not None and span in source.shown

    def is_stored(self, frame: FrameType) -> bool:
        """Return whether a frame stands at `a[…] = value`."""
        source, span = self.source(frame), self.span(frame)
        return source is not None and span is not None and span in source.stored

    def returned(self, frame: FrameType) -> set[str]:
        source = self.source(frame)
        return source.returned if source is not None else set()


def _characters(text: str, column: int) -> int:
    """Return a column in bytes as a column in characters: 位置 in front of it takes six bytes."""
    return column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))


def _span(position: tuple[int | None, int | None, int | None, int | None]) -> Span | None:
    line, end_line, column, end_column = position
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, end_line, column, end_column


def _span_of(node: ast.AST) -> Span:
    at: Any = node
    return at.lineno, at.end_lineno, at.col_offset, at.end_col_offset


@lru_cache(maxsize=16)
def _read(text: str) -> FileExpressions | None:
    """Return what the text of a file says; each file is read once, however often its functions are
    traced."""
    if not text:
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # a notebook cell with magics, say: names then come from the frames alone
    source = FileExpressions()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            source.expressions[_span_of(node)] = node
        for target, value in _assigned(node):
            span = _span_of(value)
            source.targets[span] = (*source.targets.get(span, ()), target)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
            source.returned.add(node.value.id)
        source.shown.update(map(_span_of, _displayed(node)))
        if isinstance(node, ast.Assign | ast.AugAssign):
            ends = node.targets if isinstance(node, ast.Assign) else [node.target]
            source.stored.update(_span_of(end) for end in ends if isinstance(end, ast.Subscript))
    return source


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Return (name, value) for each simple target of an assignment; `a, b = u, v` has two."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _pairs(target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _pairs(target, value)
        case ast.AugAssign(target=target):
            yield from _pairs(target, node)  # the instruction of `h += x` spans the whole statement
        case _:
            pass


def _pairs(target: ast.AST, value: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match target, value:
        case ast.Tuple() | ast.List(), ast.Tuple() | ast.List():
            if len(target.elts) == len(value.elts):
                for left, right in zip(target.elts, value.elts, strict=True):
                    yield from _pairs(left, right)
        case ast.Name(id=name), _:
            yield name, value
        case ast.Attribute(attr=name), _:
            yield name, value
        case ast.Subscript(slice=ast.Constant(value=str(name))), _ if name.isidentifier():
            yield name, value
        case _:
            pass


def _displayed(node: ast.AST) -> list[ast.expr]:
    """Return the expressions that a node only shows."""
    match node:
        case ast.FormattedValue(value=value):
            return [value]
        case ast.Call(func=ast.Name(id="print" | "str" | "repr" | "format"), args=args):
            return args
        case ast.Call(func=ast.Attribute(attr="format" | "debug" | "info"), args=args):
            return args
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str())):
            return [node]
        case _:
            return []
