"""Math trees: formulas as data, before any writing system.

Signs, brackets and superscripts belong to the printers, which know precedence; a tree only says
what the formula is. Trees are immutable and compare by value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tidu.words import Formula, Phrase


@dataclass(frozen=True, slots=True)
class Symbol(Formula):
    """A name: base letter(s), subscript, superscript.

    W1 is Symbol("W", "1"), h⁽²⁾ is Symbol("h", "", "(2)").
    """

    base: str
    sub: str = ""
    sup: str = ""


@dataclass(frozen=True, slots=True)
class Number(Formula):
    """A number as it is to be read, for example "24", "-0.5" or "1.5e-7"."""

    text: str


@dataclass(frozen=True, slots=True)
class Negative(Formula):
    value: Math


@dataclass(frozen=True, slots=True)
class Sum(Formula):
    """a + b − c: a `Negative` term is printed with a minus sign."""

    terms: tuple[Math, ...]


ProductSign = Literal["", "·", "×", "⊙", "⊘", "⊗"]


@dataclass(frozen=True, slots=True)
class Product(Formula):
    """A product: "" juxtaposes, "·" multiplies numbers, "⊙" elementwise, "⊘" divides
    elementwise, "×" and "⊗" as written."""

    factors: tuple[Math, ...]
    sign: ProductSign = ""


@dataclass(frozen=True, slots=True)
class Fraction(Formula):
    top: Math
    bottom: Math


@dataclass(frozen=True, slots=True)
class Power(Formula):
    """base^exponent; printers merge transpose and inverse with it where needed."""

    base: Math
    exponent: Math


@dataclass(frozen=True, slots=True)
class Transpose(Formula):
    value: Math


@dataclass(frozen=True, slots=True)
class Inverse(Formula):
    value: Math


@dataclass(frozen=True, slots=True)
class Prime(Formula):
    """f′, f″ …: the derivative of a function symbol."""

    value: Math
    order: int = 1


@dataclass(frozen=True, slots=True)
class Apply(Formula):
    """A function applied to arguments; `head` is usually a Function or Symbol."""

    head: Math
    arguments: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Function(Formula):
    """An upright function name such as tanh, relu, softmax; `sub` as in sum over axis 0."""

    name: str
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Fence(Formula):
    """A value between brackets: |x|, ‖x‖, [x > 0], ⌊x⌋; `sub` as in ‖x‖₁."""

    value: Math
    left: str
    right: str
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Big(Formula):
    """A big operator: Σ, Π, max with an index below, a bound above and a body."""

    operator: str
    body: Math
    below: Math | None = None
    above: Math | None = None


@dataclass(frozen=True, slots=True)
class Relation(Formula):
    """first op second op third …: equalities, comparisons, ←, →, ≈."""

    parts: tuple[Math, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derivative(Formula):
    """∂of/∂by as a fraction (d of/d by if `total`); with `then` the second one, ∂²of/∂by∂then."""

    of: Math
    by: Math
    total: bool = False
    then: Math | None = None


@dataclass(frozen=True, slots=True)
class Nabla(Formula):
    """∇x, the gradient with respect to x."""

    by: Math


@dataclass(frozen=True, slots=True)
class Index(Formula):
    """x[i, j] as a subscript or in brackets; indices start at 1 on the page."""

    value: Math
    indices: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Dots(Formula):
    """An ellipsis inside a matrix or list: "h" …, "v" ⋮, "d" ⋱."""

    direction: Literal["h", "v", "d"] = "h"


@dataclass(frozen=True, slots=True)
class Matrix(Formula):
    """Rows of entries between square brackets; a vector (1-D) has one row and `vector` set."""

    rows: tuple[tuple[Math, ...], ...]
    vector: bool = False


@dataclass(frozen=True, slots=True)
class Cases(Formula):
    """A case distinction: (value, condition) rows."""

    rows: tuple[tuple[Math, Math], ...]


@dataclass(frozen=True, slots=True)
class Group(Formula):
    """Always printed in brackets, also where precedence would not ask for them."""

    value: Math


@dataclass(frozen=True, slots=True)
class Say(Formula):
    """Words inside a formula."""

    phrase: Phrase


Math = (
    Symbol
    | Number
    | Negative
    | Sum
    | Product
    | Fraction
    | Power
    | Transpose
    | Inverse
    | Prime
    | Apply
    | Function
    | Fence
    | Big
    | Relation
    | Derivative
    | Nabla
    | Index
    | Dots
    | Matrix
    | Cases
    | Group
    | Say
)

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()

_WEIGHT = re.compile(r"([wWbB])([a-z]\d+)")  # wa1 is w with subscript a1
_NUMBERED = re.compile(r"([^\W\d_]+)(\d+)([^\W\d_]*)")


def symbol(name: str, step: int | None = None) -> Symbol:
    """Return the symbol for a program's name: W1 → W with subscript 1, y_true → y with subscript
    true, y2A → y with subscript 2A, h assigned a second time → h⁽²⁾.

    >>> symbol("W1")
    Symbol(base='W', sub='1', sup='')
    """
    sup = "" if step is None else f"({step})"
    if "_" in name.strip("_"):
        head, _, tail = name.strip("_").partition("_")
        numbered = _NUMBERED.fullmatch(head)
        if numbered and not numbered.group(3):
            return Symbol(numbered.group(1), f"{numbered.group(2)},{tail.replace('_', ',')}", sup)
        return Symbol(head, tail.replace("_", ","), sup)
    weight = _WEIGHT.fullmatch(name)
    if weight:
        return Symbol(weight.group(1), weight.group(2), sup)
    numbered = _NUMBERED.fullmatch(name)
    if numbered:
        return Symbol(numbered.group(1), numbered.group(2) + numbered.group(3), sup)
    return Symbol(name, "", sup)


def negate(value: Math) -> Math:
    """Return −value without double signs."""
    if isinstance(value, Negative):
        return value.value
    if isinstance(value, Number) and value.text.startswith("-"):
        return Number(value.text[1:])
    return Negative(value)
