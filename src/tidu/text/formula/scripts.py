"""What carries scripts, and what stands below and above it: indices, powers and marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidu.errors import SyntaxProblem
from tidu.text.diagnosis import NOTHING_AFTER
from tidu.text.formula import signs
from tidu.text.formula.cursor import Cursor
from tidu.text.formula.syntax import (
    NumberOrText,
    Prefixed,
    Raised,
    Subscripted,
    Superscript,
    Syntax,
    Word,
)
from tidu.text.formula.tokens import Sign
from tidu.text.task import Task, wait

_KINDS: Mapping[str, str] = {"'": "prime", signs.TRANSPOSE: "T", "⁻¹": "-1", "⁻ᵀ": "-T"}


# ------------------------------------------------------------------ one operand without scripts
def constant(cursor: Cursor) -> Task[Syntax]:
    """Return a number, or a text in quotation marks."""
    return _constant(cursor)
    yield


def _constant(cursor: Cursor) -> Syntax:
    sign = cursor.take()
    value = sign.text
    if sign.kind == "number":
        value = int(sign.text) if sign.text.isdigit() else float(sign.text)
    return cursor.leaf(NumberOrText(sign, sign, value))


def operand(cursor: Cursor) -> Task[Syntax]:
    """Return one operand without scripts or brackets behind it: of a root, a power, \\frac12."""
    cursor.cut_first_character()
    sign = cursor.begin()
    if sign.kind in ("name", "word"):
        cursor.take()
        text, _, sub = sign.text.partition("_")
        run = sign.kind == "name"
        return cursor.leaf(Word(sign, sign, text, sub.replace("_", ","), run, sign.text))
    return (yield from primary(cursor))


def primary(cursor: Cursor) -> Task[Syntax]:
    """Return an operand as the sign that comes begins it."""
    rule = cursor.rules.prefix.get(cursor.key)
    if rule is None:
        raise cursor.misplaced(cursor.begin())
    return (yield from wait(rule(cursor)))


# ------------------------------------------------------------------ below
def entry(cursor: Cursor, base: Syntax, first: Sign) -> Task[Syntax | None]:
    """Read the subscript behind a base."""
    sub = subscript(cursor)
    return Subscripted(first, cursor.last, base, sub)
    yield


def subscript(cursor: Cursor) -> str:
    """Read a subscript as text, such as 1, ij, max or 1,2; return an empty text where there is
    none."""
    parts: list[str] = []
    while cursor.now is not None:
        if cursor.now.kind == "sub":
            parts.append(cursor.take().text)
        elif cursor.sees("_"):
            parts.append(_below(cursor, cursor.take()))
        else:
            break
    return ",".join(parts)


def _below(cursor: Cursor, lowered: Sign) -> str:
    sign = cursor.now
    if sign is None:
        raise SyntaxProblem(NOTHING_AFTER(sign="_"), place=cursor.place(lowered))
    if not cursor.sees("{"):
        cursor.cut_first_character()
        if sign.kind == "sign" and sign.text not in ("*", ":", "+"):
            raise cursor.misplaced(sign)
        return cursor.take().text
    cursor.take()
    depth, parts = 1, list[str]()
    while cursor.now is not None:
        depth += cursor.sees("{") - cursor.sees("}")
        sign = cursor.take()
        if depth == 0:
            return "".join(parts)
        if sign.text not in ("{", "}", "_"):
            parts.append(sign.text)
    raise cursor.ends("}")


# ------------------------------------------------------------------ above
def raised(cursor: Cursor, base: Syntax, first: Sign) -> Task[Syntax | None]:
    """Read the exponents and marks behind a base."""
    return with_scripts(cursor, base, (yield from scripts(cursor, first)), first)


def with_scripts(
    cursor: Cursor, base: Syntax, found: tuple[Superscript, ...], first: Sign
) -> Syntax:
    return Raised(first, cursor.last, base, found) if found else base


def scripts(cursor: Cursor, first: Sign) -> Task[tuple[Superscript, ...]]:
    """Read all exponents, transposes and primes behind an operand, which begins at `first`."""
    found: list[Superscript] = []
    while cursor.now is not None and cursor.now.kind == "sign":
        if cursor.now.text in _KINDS:
            sign = cursor.take()
            found.append(Superscript(sign, sign, _KINDS[sign.text]))
        elif cursor.now.text in ("^", "**"):
            found.append((yield from wait(_exponent(cursor, first))))
        else:
            break
    return tuple(found)


def _exponent(cursor: Cursor, base: Sign) -> Task[Superscript]:
    caret = cursor.take()
    if caret.text == "^":
        _cut_transpose(cursor)
        mark = _mark(cursor)
        if mark is not None:
            return Superscript(caret, cursor.last, mark)
        if _sees_elementwise(cursor):
            exponent = _constant(cursor)
            return Superscript(caret, cursor.expect("}"), "⊙", exponent)
    minus = cursor.take() if cursor.sees("-") else None
    exponent = yield from wait(_power_operand(cursor, base))
    if minus is not None:
        exponent = Prefixed(minus, cursor.last, "-", exponent)
    return Superscript(caret, cursor.last, caret.text, exponent)


def _cut_transpose(cursor: Cursor) -> None:
    """Cut x^TAx behind its T, which no name of the program begins with here; x^T_i is (x_i)^T."""
    minus = cursor.sees("-")
    sign = next(iter(cursor.ahead(2)[minus:]), None)
    if sign is None or sign.kind != "name" or sign.text in cursor.names:
        return
    if sign.text[0] == "T" and len(sign.text) > 1 and sign.end - sign.column == len(sign.text):
        cursor.at += minus
        cursor.cut(sign.column + 1, ("name", "name"))
        cursor.at -= minus


def _sees_elementwise(cursor: Cursor) -> bool:
    r"""Tell whether ^{⊙2} follows, an elementwise power, and read up to its number."""
    ahead = cursor.ahead(4)
    texts = [sign.text for sign in ahead]
    if len(ahead) < 4 or texts[:2] != ["{", "⊙"] or ahead[2].kind != "number":
        return False
    cursor.at += 2
    return texts[3] == "}"


def _mark(cursor: Cursor) -> str | None:
    """Read T, -1 or -T behind a caret, with or without braces or brackets; return None for another
    exponent."""
    texts = [sign.text for sign in cursor.ahead(5)]
    for pattern, kind in _MARKS:
        size = len(pattern)
        if tuple(texts[:size]) != pattern:
            continue
        if kind == "-1" and texts[size : size + 1] in (["^"], ["**"]):
            continue
        if pattern == ("+",) and _begins_number(cursor.ahead(2)[1:]):
            continue
        cursor.at += size
        return kind
    return None


def _begins_number(signs: Sequence[Sign]) -> bool:
    """Tell whether an operand follows a plus sign directly, as in 2^+3."""
    return bool(signs) and not signs[0].spaced and signs[0].kind in ("number", "name", "word")


def _power_operand(cursor: Cursor, carried: Sign) -> Task[Syntax]:
    """Return what an exponent takes: one operand, with its own power behind it."""
    first = cursor.now
    if first is None:
        raise SyntaxProblem(NOTHING_AFTER(sign="^"), place=cursor.place(cursor.last))
    if cursor.is_product(first):
        front, run = cursor.slice(carried, cursor.last), first.text
        inner = "{{{}}}" if cursor.latex else "({})"
        one = f"{front}{inner.format(run[0]) if cursor.latex else run[0]} {run[1:]}"
        raise cursor.ambiguous(carried, first, one, front + inner.format(run))
    if first.text not in cursor.names:
        cursor.cut_first_character()
    base = yield from wait(operand(cursor))
    after = cursor.now
    if not cursor.latex and first.kind == "number" and after is not None:
        if after.kind == "name" and not after.spaced and after.column == first.end:
            shown, further = cursor.shown(first), cursor.shown(after)
            front = cursor.slice(carried, first)[: -len(shown)]
            one, two = f"{front}{shown} {further}", f"{front}({shown} {further})"
            raise cursor.ambiguous(carried, after, one, two)
    if cursor.sees("^", "**"):
        script = yield from wait(_exponent(cursor, first))
        return Raised(first, cursor.last, base, (script,))
    return base


def _marks() -> tuple[tuple[tuple[str, ...], str], ...]:
    """Return the signs that can follow a caret, each with what they mark; T? where T may be a
    name."""
    marks: list[tuple[tuple[str, ...], str]] = []
    for before, after in (("{", "}"), ("(", ")"), ("", "")):
        for inner, kind in (
            (("-", signs.TRANSPOSE), "-T"),
            (("-", "T"), "-T?"),
            (("-", "1"), "-1"),
            ((signs.TRANSPOSE,), "T"),
            (("T",), "T?"),
            (("'",), "prime"),
            (("+",), "+"),
            (("†",), "†"),
        ):
            marks.append((tuple(filter(None, (before, *inner, after))), kind))
    return tuple(marks)


_MARKS = _marks()
