r"""Formulas that do not fit on a line, in several lines, for LaTeX and for Markdown.

An equation breaks at its equality signs, as many parts on a line as fit; a part that is too wide
breaks before the signs between its terms and factors, inside brackets too. \left( … \right) cannot
be broken, so such brackets are \bigl( … \bigr).
"""

from __future__ import annotations

from collections.abc import Iterable

from tidu.document.blocks import Equation
from tidu.document.math import (
    Apply,
    Big,
    Fence,
    Fraction,
    Group,
    Inverse,
    Math,
    Matrix,
    Negative,
    Power,
    Product,
    Relation,
    Sum,
    Transpose,
)
from tidu.render.grammar import Level, normal, raised
from tidu.render.latex import (
    SCRIPTS,
    big_operator,
    delimiters,
    latex,
    latex_level,
    product_parts,
    sum_parts,
)
from tidu.render.latex_text import sign
from tidu.render.measure import width
from tidu.words import Language

LINE = 43.0  # the width of a line in em: of a page with its margins, of a page of GitHub's
_RELATION = 1.4
_INDENT = 2.0
_WIDEST_LEFT = 14.0  # a wider left side stands on a line of its own


def equation_rows(equation: Equation, language: Language) -> list[str]:
    """Return the lines of an equation, with & where they align if there are several."""
    relation = sign(equation.relation)
    parts = [latex(part, language) for part in equation.parts]
    whole = f" {relation} ".join(parts)
    if width(whole) <= LINE:
        return [whole]
    left, right = parts[0], equation.parts[1:]
    if not right or width(left) > _WIDEST_LEFT:
        first, *more = broken(equation.parts[0], language, LINE - _INDENT)
        rows = [f"& {first}", *(rf"& \qquad {line}" for line in more)]
        return rows + [rf"& \quad {row}" for row in _filled(right, relation, language, LINE - 3)]
    first, *more = _filled(right, relation, language, LINE - width(left))
    return [f"{left} & {first}", *(f"& {row}" for row in more)]


def _filled(parts: Iterable[Math], relation: str, language: Language, room: float) -> list[str]:
    """Return "= a = b" in lines, on each as many parts as there is room for."""
    rows: list[str] = []
    used, open_line = 0.0, False
    for part in parts:
        first, *more = broken(part, language, room - _RELATION - _INDENT)
        wide = _RELATION + width(first)
        if open_line and not more and used + wide <= room:
            rows[-1] += f" {relation} {first}"
            used += wide
        else:
            rows += [f"{relation} {first}", *(rf"\quad {line}" for line in more)]
            used = wide
        open_line = not more
    return rows


def broken(tree: Math, language: Language, room: float) -> list[str]:
    """Return a formula in lines of at most the given width, where it has places to break."""
    lines: list[str] = []
    for piece in pieces(tree, language, room):
        if lines and width(lines[-1]) + width(piece) <= room:
            lines[-1] += " " + piece
        else:
            lines.append(("{} " if lines else "") + piece)
    return lines


def pieces(tree: Math, language: Language, room: float) -> list[str]:
    """Return the parts of a formula between which a line may break; one if it fits."""
    tree = normal(tree)
    whole = latex(tree, language)
    if width(whole) <= room:
        return [whole]
    match tree:
        case Sum() | Negative():
            return [
                piece
                for between, term, bracket in sum_parts(tree)
                for piece in _joined(between.strip(), _operand(term, bracket, language, room))
            ]
        case Product():
            return [
                piece
                for at, (between, factor, bracket) in enumerate(product_parts(tree))
                for piece in _joined(
                    (between or r"\cdot") if at else "",
                    _operand(factor, bracket or isinstance(factor, Fraction), language, room),
                )
            ]
        case Relation(parts, operators):
            signs = ["", *map(sign, operators)]
            return [
                piece
                for operator, part in zip(signs, parts, strict=True)
                for piece in _joined(
                    operator, _operand(part, latex_level(part) < Level.SUM, language, room)
                )
            ]
        case Fraction(top, bottom):
            below = _joined(r"\big/", _operand(bottom, True, language, room))
            return [*_operand(top, True, language, room), *below]
        case Transpose() | Inverse() | Power() | Apply() | Fence() | Group() | Big():
            return _around(tree, whole, language, room)
        case Matrix(rows, vector=True):
            entries = _listed((entry for row in rows for entry in row), language, room)
            return _enclosed("[", entries, "]")
        case _:
            return [whole]


def _around(
    tree: Transpose | Inverse | Power | Apply | Fence | Group | Big,
    whole: str,
    language: Language,
    room: float,
) -> list[str]:
    """Return the pieces of something that stands around a formula: a script, brackets, Σ."""
    script = raised(tree)
    if script is not None:
        return _followed(_operand(script[0], True, language, room), f"^{{{SCRIPTS[script[1]]}}}")
    match tree:
        case Power(base, exponent):
            power = f"^{{{latex(exponent, language)}}}"
            return _followed(_operand(base, True, language, room), power)
        case Apply(head, arguments):
            inner = _listed(arguments, language, room)
            return _joined(latex(head, language), _enclosed("(", inner, ")"))
        case Fence(value, left, right, sub=""):
            return _enclosed(*_between(left, value, right, language, room))
        case Group(value):
            return _operand(value, True, language, room)
        case Big(body=body):
            inner = _operand(body, latex_level(normal(body)) < Level.BIG, language, room)
            return _joined(big_operator(tree, language), inner)
        case _:
            return [whole]


def _between(
    left: str, value: Math, right: str, language: Language, room: float
) -> tuple[str, list[str], str]:
    opening, closing = delimiters(left, right)
    return opening, pieces(value, language, room), closing


def _operand(tree: Math, bracket: bool, language: Language, room: float) -> list[str]:
    inner = pieces(tree, language, room)
    return _enclosed("(", inner, ")") if bracket else inner


def _listed(trees: Iterable[Math], language: Language, room: float) -> list[str]:
    """Return formulas with commas between them."""
    parts = [pieces(tree, language, room) for tree in trees]
    ended = [_followed(part, ",") for part in parts[:-1]] + parts[-1:]
    return [piece for part in ended for piece in part]


def _joined(before: str, parts: list[str]) -> list[str]:
    return [f"{before} {parts[0]}".strip(), *parts[1:]]


def _followed(parts: list[str], script: str) -> list[str]:
    return [*parts[:-1], parts[-1] + script]


def _enclosed(left: str, parts: list[str], right: str) -> list[str]:
    return _followed(_joined(rf"\bigl{left}", parts), rf" \bigr{right}")
