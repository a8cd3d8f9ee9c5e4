"""The syntax of a formula: frozen nodes, each with its first and last sign.

What LaTeX and paper share with Python (sums, calls, indices) has its nodes here as well, so that a
formula is one tree. `FormulaExpression` and `FormulaLine` put such trees into Python's tree of a
whole program.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from tidu.text.formula.tokens import Sign
from tidu.text.lexer import Text

T = TypeVar("T", bound=ast.AST)
Keywords: TypeAlias = "tuple[tuple[str, Syntax], ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Syntax:
    """A part of a formula, from its first to its last sign."""

    first: Sign
    last: Sign


# ------------------------------------------------------------------ operands
@dataclass(frozen=True, slots=True, eq=False)
class NumberOrText(Syntax):
    """A number, or a text in quotation marks."""

    value: int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class Word(Syntax):
    """A name, a function, or in LaTeX a run of letters: `text` with subscript `sub`.

    run  letters without a sign between them, which may be a product
    raw  the whole name, where it is written as Python writes it
    """

    text: str
    sub: str = ""
    run: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Superscript(Syntax):
    """Something raised: kind is T, -1, -T, prime, +, †, T? and -T? (which may be a name), or ^, **
    and ⊙ with an exponent."""

    kind: str
    exponent: Syntax | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Applied(Syntax):
    """word^scripts(arguments)^behind: a function of them, or a product with what is in brackets.

    bare: a function of LaTeX's without brackets.
    """

    word: Word
    scripts: tuple[Superscript, ...]
    arguments: tuple[Syntax, ...]
    keywords: Keywords = ()
    behind: tuple[Superscript, ...] = ()
    bare: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Raised(Syntax):
    """base with scripts, from the inside to the outside."""

    base: Syntax
    scripts: tuple[Superscript, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Brackets(Syntax):
    """An expression in brackets of its own: products are not joined across them.

    argument: its brackets are those of an argument, which turns out to be a factor.
    """

    value: Syntax
    argument: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Subscripted(Syntax):
    """base with a subscript: indices that count from 1."""

    base: Syntax
    sub: str


@dataclass(frozen=True, slots=True, eq=False)
class Member(Syntax):
    """base.name; `name` is its last sign."""

    base: Syntax
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Called(Syntax):
    """function(arguments) as Python writes it: x.sum(axis=0), np.sum(x)."""

    function: Member
    arguments: tuple[Syntax, ...]
    keywords: Keywords


@dataclass(frozen=True, slots=True, eq=False)
class Indexed(Syntax):
    """base[key]"""

    base: Syntax
    key: Syntax


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Syntax):
    """start:stop:step inside square brackets; what is left out is None."""

    parts: tuple[Syntax | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Items(Syntax):
    """a, b, … in brackets: a tuple."""

    items: tuple[Syntax, ...]


# ------------------------------------------------------------------ what signs join
@dataclass(frozen=True, slots=True, eq=False)
class Binary(Syntax):
    """left operator right, for + - * / @ ⊙ ⊘ ⊗ × ⟨⟩ & |; sign: where it stands (\\frac too)."""

    left: Syntax
    operator: str
    sign: Sign
    right: Syntax


@dataclass(frozen=True, slots=True, eq=False)
class Prefixed(Syntax):
    """−value, or not value."""

    operator: str
    value: Syntax


@dataclass(frozen=True, slots=True, eq=False)
class Compared(Syntax):
    """parts[0] operators[0] parts[1] operators[1] …; signs: where the operators stand."""

    parts: tuple[Syntax, ...]
    operators: tuple[str, ...]
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Syntax):
    """Factors side by side; dots[i] is the sign · in front of factor i + 1, or None."""

    factors: tuple[Syntax, ...]
    dots: tuple[Sign | None, ...]


# ------------------------------------------------------------------ other forms
@dataclass(frozen=True, slots=True, eq=False)
class Bars(Syntax):
    """|value| or ‖value‖ with what stands below: 1, 2, F, inf; or the determinant of a matrix."""

    value: Syntax
    kind: str
    sub: str
    determinant: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Total(Syntax):
    """∑ body, over the whole body, along the axes, or over the indices from `start` to `above`.

    reduction: sum, prod, max or min. conditional: over pairs of indices, of which one may belong to
    a sum outside.
    """

    body: Syntax
    reduction: str
    indices: tuple[str, ...]
    axes: tuple[int, ...] | None
    above: Syntax | None
    start: int = 1
    conditional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Root(Syntax):
    value: Syntax
    degree: Syntax | None


@dataclass(frozen=True, slots=True, eq=False)
class Truth(Syntax):
    """[condition]: 1 where it holds, else 0."""

    condition: Syntax


@dataclass(frozen=True, slots=True, eq=False)
class Piecewise(Syntax):
    """value if condition; …; value otherwise (the condition is None)."""

    values: tuple[Syntax, ...]
    conditions: tuple[Syntax | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Grid(Syntax):
    """A matrix written out: rows of numbers or of blocks; one row in [ ] is a vector."""

    rows: tuple[tuple[Syntax, ...], ...]
    square: bool


# ------------------------------------------------------------------ formulas in Python's tree
class FormulaExpression(ast.expr):
    """A formula in the place of one of Python's expressions."""

    def __init__(self, syntax: Syntax) -> None:
        super().__init__()
        self.syntax = syntax


class FormulaLine(ast.stmt):
    """A line of a formula: `target = value`, or a value alone.

    of: the variable of ∂L/∂of = …, whose shape the value has. leaves: every name and number of the
    value, none of which may be left out when it is read.
    """

    def __init__(
        self, target: Word | None, value: Syntax, of: Word | None, leaves: tuple[Syntax, ...]
    ) -> None:
        super().__init__()
        self.target, self.value, self.of, self.leaves = target, value, of, leaves


def placed(node: T, text: Text, first: Sign, last: Sign) -> T:
    """Return a node of Python's tree with the place from one sign to another."""
    at = ast.Pass(
        lineno=first.line + 1,
        end_lineno=last.line + 1,
        col_offset=text.byte_at(first.line, first.column),
        end_col_offset=text.byte_at(last.line, last.end),
    )
    return ast.copy_location(node, at)
