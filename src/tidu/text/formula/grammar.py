"""From the signs of a formula to a syntax tree, by the precedence of operators.

`INFIX` says how tightly each sign binds: conditions, comparisons, sums, the products ⊙ ⊘ ⊗ ×, the
signs · * / @; tighter still bind factors side by side, and what stands behind a factor (`scripts`).
Each rule is a task, so that no depth of nesting exhausts Python's stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from tidu.text.formula.brackets import group, inner_product, norm_or_absolute
from tidu.text.formula.commands import command, environment
from tidu.text.formula.cursor import IF, NO_FACTOR, OTHERWISE, Cursor, Rules
from tidu.text.formula.operands import attribute, factor, function, index, word
from tidu.text.formula.scripts import constant, entry, raised
from tidu.text.formula.syntax import (
    Binary,
    Chain,
    Compared,
    NumberOrText,
    Prefixed,
    Raised,
    Syntax,
)
from tidu.text.formula.tokens import Sign
from tidu.text.lexer import Text
from tidu.text.task import Task, wait


class Precedence(IntEnum):
    """The strength with which a sign binds, from loose to tight."""

    OR = 1
    AND = 2
    COMPARISON = 3
    SUM = 4
    ELEMENTWISE = 5
    PRODUCT = 6
    FACTORS = 7


@dataclass(frozen=True, slots=True)
class Infix:
    """A sign between two operands: how tightly it binds, and what it makes of them.

    signed: the right operand may begin with a minus of its own, as in a / −b.
    """

    level: Precedence
    build: Callable[[Cursor, Sign, Syntax, Sign, Syntax], Syntax]
    signed: bool = True


def parse(
    text: Text, signs: list[Sign], names: frozenset[str] = frozenset()
) -> tuple[Syntax, tuple[Syntax, ...]]:
    """Return all signs as one expression, and the names and numbers in it; `names` are those of the
    program."""
    cursor = Cursor(text, signs, RULES, names)
    return cursor.parse(), tuple(cursor.leaves)


def expression(
    cursor: Cursor, level: Precedence = Precedence.OR, signed: bool = True
) -> Task[Syntax]:
    """Return an operand with all signs behind it that bind at least as tightly as `level`."""
    first = cursor.begin()
    left = yield from _operand(cursor, level, signed)
    while cursor.now is not None and cursor.now.kind in ("sign", "word"):
        infix = INFIX.get(cursor.now.text)
        if infix is None or infix.level < level:
            break
        sign = cursor.take()
        right = yield from wait(expression(cursor, Precedence(infix.level + 1), infix.signed))
        left = infix.build(cursor, first, left, sign, right)
    return left


def _operand(cursor: Cursor, level: Precedence, signed: bool) -> Task[Syntax]:
    """Return what stands left of the first operator: factors, perhaps with not or a sign before
    them."""
    if level <= Precedence.COMPARISON and cursor.says("not"):
        first = cursor.take()
        inner = yield from wait(expression(cursor, Precedence.COMPARISON))
        return Prefixed(first, cursor.last, "not", inner)
    sums = level <= Precedence.SUM
    if not (signed and (cursor.sees("-") or (sums and cursor.sees("+")))):
        return (yield from factors(cursor))
    sign = cursor.take()
    value = yield from wait(expression(cursor, max(level, Precedence.ELEMENTWISE), signed=False))
    return value if sign.text == "+" else Prefixed(sign, cursor.last, "-", value)


# ------------------------------------------------------------------ factors side by side
def factors(cursor: Cursor) -> Task[Syntax]:
    """Return factors without a sign between them."""
    operands = [(yield from wait(factor(cursor)))]
    while begins_factor(cursor):
        operands.append((yield from wait(factor(cursor))))
    if len(operands) == 1:
        return operands[0]
    return Chain(operands[0].first, cursor.last, tuple(operands), (None,) * (len(operands) - 1))


def begins_factor(cursor: Cursor) -> bool:
    """Return whether a further factor stands here."""
    sign = cursor.now
    if sign is None or sign.kind in ("newline", "cell", "end", "string"):
        return False
    if sign.kind == "word":
        return sign.text not in IF | OTHERWISE | {"and", "or", "not", "时"}
    if sign.kind != "sign":
        return True
    if sign.text in ("|", "‖"):
        return not _closes(cursor, sign)
    return sign.text not in NO_FACTOR and not sign.text.startswith(")")


def _closes(cursor: Cursor, sign: Sign) -> bool:
    """Return whether a bar in the place of an operator closes one that is open."""
    if not cursor.bars:
        return False
    innermost = cursor.bars[-1].text
    return innermost == sign.text or (sign.text == "‖" and innermost == "|")


# ------------------------------------------------------------------ what signs make
def _binary(cursor: Cursor, first: Sign, left: Syntax, sign: Sign, right: Syntax) -> Syntax:
    operator = {"and": "&", "or": "|"}.get(sign.text, sign.text)
    return Binary(first, cursor.last, left, operator, sign, right)


def _comparison(cursor: Cursor, first: Sign, left: Syntax, sign: Sign, right: Syntax) -> Syntax:
    """Return a < b ≤ c as one comparison of three parts."""
    operator = "==" if sign.text == "=" else sign.text
    if not isinstance(left, Compared):
        left = Compared(left.first, left.last, (left,), (), ())
    operators, signs = (*left.operators, operator), (*left.signs, sign)
    return Compared(first, cursor.last, (*left.parts, right), operators, signs)


def _dot(cursor: Cursor, first: Sign, left: Syntax, sign: Sign, right: Syntax) -> Syntax:
    """Return a·b·c as one chain of factors; their shapes decide later which are multiplied
    first."""
    one = left if isinstance(left, Chain) else Chain(left.first, left.last, (left,), ())
    two = right if isinstance(right, Chain) else Chain(right.first, right.last, (right,), ())
    dots = (*one.dots, sign, *two.dots)
    return Chain(first, cursor.last, (*one.factors, *two.factors), dots)


def _quotient(cursor: Cursor, first: Sign, left: Syntax, slash: Sign, right: Syntax) -> Syntax:
    """Return a quotient: 1/n Σ… is (1/n) Σ…. Raise SyntaxProblem for a/bc where the spaces do not
    decide."""
    if not isinstance(right, Chain):
        return _binary(cursor, first, left, slash, right)
    divisor, *others = right.factors
    tight = not divisor.first.spaced and not slash.spaced
    if tight and others[0].first.spaced:
        quotient = Binary(first, divisor.last, left, "/", slash, divisor)
        return Chain(first, cursor.last, (quotient, *others), right.dots)
    top = cursor.slice(first, slash)[:-1].strip()
    bottom = cursor.slice(divisor.first, divisor.last)
    rest = cursor.slice(others[0].first, cursor.last)
    times = " * " if isinstance(divisor, NumberOrText) else " "
    one, two = f"({top}/{bottom}){times}{rest}", f"{top}/({bottom}{times}{rest})"
    if isinstance(left, Binary):
        one, two = f"({one})", f"({top})/({bottom}{times}{rest})"
    if _is_transposed(divisor):  # by a row nothing is divided
        one, two = two, one
    raise cursor.ambiguous(first, cursor.last, one, two)


def _is_transposed(factor: Syntax) -> bool:
    return isinstance(factor, Raised) and factor.scripts[-1].kind in ("T", "T?", "prime")


INFIX: Mapping[str, Infix] = {
    "or": Infix(Precedence.OR, _binary),
    **dict.fromkeys(("and", "&"), Infix(Precedence.AND, _binary)),
    **dict.fromkeys(
        ("<", ">", "<=", ">=", "==", "=", "!="), Infix(Precedence.COMPARISON, _comparison)
    ),
    **dict.fromkeys("+-", Infix(Precedence.SUM, _binary, signed=False)),
    **dict.fromkeys("⊙⊘⊗×", Infix(Precedence.ELEMENTWISE, _binary)),
    **dict.fromkeys("*@", Infix(Precedence.PRODUCT, _binary)),
    "/": Infix(Precedence.PRODUCT, _quotient),
    "·": Infix(Precedence.PRODUCT, _dot),
}
RULES = Rules(
    expression=expression,
    body=lambda cursor: expression(cursor, Precedence.ELEMENTWISE, signed=False),
    begins_factor=begins_factor,
    prefix={
        **dict.fromkeys(("number", "string"), constant),
        **dict.fromkeys(("name", "word"), word),
        "function": function,
        "command": command,
        "begin": environment,
        **dict.fromkeys("({[", group),
        **dict.fromkeys(("|", "‖", "|(", "‖("), norm_or_absolute),
        "⟨": inner_product,
    },
    postfix={
        **dict.fromkeys(("'", "ᵀ", "⁻¹", "⁻ᵀ", "^", "**"), raised),
        **dict.fromkeys(("sub", "_"), entry),
        ".": attribute,
        "[": index,
    },
)
