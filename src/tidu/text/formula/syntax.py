"""What a formula may hold beyond Python's own expressions, as nodes of the same syntax tree.

Each node has the place of its text (lineno, col_offset …) as Python's have, so that a caret finds
it. `scripts` are what stands raised behind a name before its brackets: σ², A⁻ᵀ, f′.
"""

from __future__ import annotations

import ast
from typing import Any, TypeVar

from tidu.text.formula.tokens import Sign
from tidu.text.lexer import Text

T = TypeVar("T", bound=ast.AST)


class Formula(ast.expr):
    """The base of all formula nodes."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        for name, value in fields.items():
            setattr(self, name, value)


class Word(Formula):
    """A name, a function, or in LaTeX a run of letters: `text` with subscript `sub`."""

    _fields = ("text", "sub", "run")
    text: str
    sub: str
    run: bool  # letters without a sign between them, which may be a product
    raw: str  # the whole name, where it was written as Python writes it


class Applied(Formula):
    """word^scripts(arguments): a function of them, or a product with what stands in brackets."""

    _fields = ("word", "scripts", "arguments", "keywords", "bare", "behind")
    word: Word
    scripts: list[Script]
    arguments: list[ast.expr]
    keywords: list[ast.keyword]
    bare: bool  # a function of LaTeX's without brackets
    behind: list[Script]


class Script(Formula):
    """Something raised: kind is T, -1, -T, prime, or ^ with an exponent (** as Python's)."""

    _fields = ("kind", "exponent")
    kind: str
    exponent: ast.expr | None


class Raised(Formula):
    """base with scripts, from the inside to the outside."""

    _fields = ("base", "scripts")
    base: ast.expr
    scripts: list[Script]


class Chain(Formula):
    """Factors side by side; `signs[i]` stands in front of factor i+1 and is empty, · or ×."""

    _fields = ("factors", "signs")
    factors: list[ast.expr]
    signs: list[str]


class Wise(Formula):
    """left ⊙ right, left ⊘ right, left ⊗ right."""

    _fields = ("left", "right", "sign")
    left: ast.expr
    right: ast.expr
    sign: str


class Bars(Formula):
    """|value| or ‖value‖ with what stands below: 1, 2, F, inf."""

    _fields = ("value", "kind", "sub")
    value: ast.expr
    kind: str
    sub: str


class Total(Formula):
    """∑ body, over the whole body or over the named indices."""

    _fields = ("body", "above", "product", "indices", "axes")
    body: ast.expr
    product: bool
    indices: list[str]
    axes: tuple[int, ...] | None
    above: ast.expr | None


class Root(Formula):
    _fields = ("value", "degree")
    value: ast.expr
    degree: ast.expr | None


class Truth(Formula):
    """[condition]: 1 where it holds, else 0."""

    _fields = ("condition",)
    condition: ast.expr


class Cases(Formula):
    """value if condition; …; value otherwise (the condition is None)."""

    _fields = ("values", "conditions")
    values: list[ast.expr]
    conditions: list[ast.expr | None]


class Grid(Formula):
    """A matrix written out: rows of numbers or of blocks; one row in [ ] is a vector."""

    _fields = ("rows", "square")
    rows: list[list[ast.expr]]
    square: bool


class Entry(Formula):
    """base with a subscript: indices that count from 1."""

    _fields = ("base", "sub")
    base: ast.expr
    sub: str


class Brackets(Formula):
    """What stands in brackets of its own: products are not joined across them."""

    _fields = ("value",)
    value: ast.expr


class Known(Formula):
    """A part that is read: its value, and its plain spelling."""

    _fields = ()
    value: Any
    code: ast.expr


class Said(ast.stmt):
    """A line of a formula: `target = value`, or a value alone.

    of: the variable of ∂L/∂of = …, whose shape the value has. leaves: every name and number of the
    line, none of which may be left out when it is read.
    """

    _fields = ("target", "value")

    def __init__(self, target: Word | None, value: ast.expr, of: Word | None, leaves: list[Any]):
        super().__init__()
        self.target, self.value, self.of, self.leaves = target, value, of, leaves


def placed(node: T, text: Text, first: Sign, last: Sign) -> T:
    """The node with the place from one token to another."""
    at: Any = node
    at.lineno, at.end_lineno = first.line + 1, last.line + 1
    at.col_offset = text.byte_at(first.line, first.column)
    at.end_col_offset = text.byte_at(last.line, last.end)
    return node
