"""Powers, transposes and inverses, and bars: absolute values, determinants and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tidu.errors import Place, SyntaxProblem
from tidu.ir.types import shape_text
from tidu.spellings import functions
from tidu.text.diagnosis import two_readings
from tidu.text.formula import code, rows
from tidu.text.formula.entries import positive_part
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower, own_rank
from tidu.text.formula.sizes import is_matrix, is_square
from tidu.text.formula.syntax import (
    Bars,
    Brackets,
    Chain,
    NumberOrText,
    Raised,
    Superscript,
    Syntax,
    Word,
)
from tidu.text.formula.words import VALUES, find, is_value, ones, product_of_run
from tidu.text.task import Task
from tidu.text.values import is_static, rank_of, shape_of, shown
from tidu.words import Words

_NUMBER_PRIME = Words(
    en="{what} is a number: ′ would change nothing", zh="{what} 是一个数：′ 不起作用"
)
_OTHER_NAME = Words(en="{name}, or a name of its own: {name}1", zh="{name}，或另起名称：{name}1")
_RANKS = Words(
    en="{what} has shape {shape}: a transpose is read for vectors and matrices",
    zh="{what} 的形状是 {shape}：转置只用于向量和矩阵",
)
_SWAP = Words(en="np.swapaxes({what}, -1, -2)", zh="np.swapaxes({what}, -1, -2)")
_NOT_SQUARE = Words(
    en="{what} has shape {shape}: only a square matrix has an inverse",
    zh="{what} 的形状是 {shape}：只有方阵才有逆矩阵",
)
_NORM = Words(en="there is no norm with the sign {sub}", zh="没有记作 {sub} 的范数")
_NORM_FIX = Words(
    en="||{x}||_1, ||{x}||_2, ||{x}||_inf, ||{x}||_F",
    zh="||{x}||_1、||{x}||_2、||{x}||_inf、||{x}||_F",
)


# ------------------------------------------------------------------ scripts
def raised(formulas: FormulaScope, node: Raised) -> Task[FormulaPart]:
    """Return a base with its exponents, transposes and primes."""
    chain = expanded(formulas, node) or _sample(formulas, node)
    if chain is not None:
        return (yield from lower(formulas, chain))
    base, first, builder = node.base, node.scripts[0], formulas.builder(node)
    scripts = node.scripts[1:]
    if isinstance(base, Word) and _is_euler(formulas, base) and first.kind in ("^", "-1"):
        formulas.mark_read(base)
        part = yield from _exponential(builder, first)
    elif _is_one(base) and first.kind in ("T", "T?", "prime"):
        formulas.mark_read(base)
        part, scripts = ones(formulas, base), node.scripts
    elif isinstance(base, Bars) and base.kind == "‖" and _is_squared(formulas, first):
        part = yield from _squared_norm(formulas, base)
    else:
        part, scripts = (yield from lower(formulas, base)), node.scripts
    return (yield from scripted(builder, formulas.place(base), part, scripts))


def scripted(
    builder: Builder, base: Place, part: FormulaPart, scripts: Sequence[Superscript]
) -> Task[FormulaPart]:
    """Return a part with scripts. The builder has the place of both, `base` is that of the part as
    it is written."""
    for script in scripts:
        kind, exponent = script.kind, script.exponent
        if kind in ("T?", "-T?"):
            kind = _meaning_of_t(builder, base, part, kind)
            exponent = Word(script.first, script.last, "T", raw="T")
        if kind in ("+", "†"):
            part = _pseudo_inverse(builder, base, part, kind)
        if kind in ("-1", "-T"):
            part = _inverse(builder, base, part)
        if kind in ("T", "-T", "prime"):
            part = _transposed(builder, base, part, script, kind)
        elif kind != "-1" and exponent is not None:
            power = yield from lower(builder.formulas, exponent)
            part = _power(builder, base, part, script, power)
    return replace(part, place=builder.place)


def _sample(formulas: FormulaScope, node: Raised) -> Syntax | None:
    """Return x^{(i)} as xᵢ, the i-th sample, under a sum over i."""
    exponent, base = node.scripts[0].exponent, node.base
    in_round = False
    while isinstance(exponent, Brackets):
        in_round = in_round or exponent.first.text == "("
        exponent = exponent.value
    if not (in_round and isinstance(exponent, Word) and isinstance(base, Word)):
        return None
    index = exponent.text
    if exponent.sub or index not in formulas.indices or is_value(formulas, index):
        return None
    formulas.mark_read(exponent)
    sub = f"{index},{base.sub}" if base.sub else index
    entry = Word(base.first, base.last, base.text, sub)
    rest = node.scripts[1:]
    return Raised(node.first, node.last, entry, rest) if rest else entry


def expanded(formulas: FormulaScope, node: Raised) -> Chain | None:
    """Return Ax² as A·x²: the exponent belongs to the last of several names written without
    spaces."""
    base = node.base
    if not isinstance(base, Word) or _is_euler(formulas, base):
        return None
    meaning = find(formulas, base, applied=False)
    if meaning.kind != "parts":
        return None
    formulas.mark_read(base)
    return replace(product_of_run(base, meaning.texts, node.scripts), last=node.last)


def _is_euler(formulas: FormulaScope, word: Word) -> bool:
    return word.text == "e" and not is_value(formulas, "e")


def _is_one(base: Syntax) -> bool:
    return isinstance(base, NumberOrText) and base.value == 1


def _is_squared(formulas: FormulaScope, script: Superscript) -> bool:
    exponent = script.exponent
    while isinstance(exponent, Brackets):
        exponent = exponent.value
    if script.kind != "^" or not isinstance(exponent, NumberOrText) or exponent.value != 2:
        return False
    formulas.mark_read(exponent)
    return True


def _meaning_of_t(builder: Builder, base: Place, part: FormulaPart, kind: str) -> str:
    """Return what ^T means where T is also a name: the transpose or a power. Raise SyntaxProblem if
    the shapes allow both."""
    found = builder.formulas.scope.find("T")
    if not isinstance(found, VALUES) or rank_of(found) > 0:
        return kind.removesuffix("?")
    if rank_of(part.value) > 0:
        raise two_readings(builder.place, f"{_text(base)}'", f"{_text(base)}**T")
    return "^"


def _text(base: Place) -> str:
    return shown(base) or "A"


def _transposed(
    builder: Builder, base: Place, part: FormulaPart, script: Superscript, kind: str
) -> FormulaPart:
    rank = own_rank(part)
    if part.indexed and rank == 2:
        return rows.transposed(builder, part)
    if rank == 0:
        if kind == "prime" or is_static(part.value):
            name = _text(base)
            what, fix = _NUMBER_PRIME(what=name), _OTHER_NAME(name=name)
            raise SyntaxProblem(what, place=builder.place, fix=fix)
        return part
    if rank == 1:
        return replace(part, is_row=not part.is_row, place=builder.place)
    if rank > 2 and not builder.formulas.page:
        what = _RANKS(what=_text(base), shape=shape_text(shape_of(part.value)))
        raise SyntaxProblem(what, place=builder.place, fix=_SWAP(what=_text(base)))
    # tidu's own page writes a stack of matrices as a matrix
    return builder.member(part, "T" if rank == 2 else "mT", builder.formulas.place(script))


def _inverse(builder: Builder, base: Place, part: FormulaPart) -> FormulaPart:
    if own_rank(part) < 2:
        return _oriented_as(part, builder.calculate("/", builder.constant(1), part))
    shape = shape_of(part.value)
    if shape[-1] != shape[-2]:
        what = _NOT_SQUARE(what=_text(base), shape=shape_text(shape))
        raise SyntaxProblem(what, place=builder.place)
    return builder.apply("inv", part, whole_arrays=True)


def _pseudo_inverse(builder: Builder, base: Place, part: FormulaPart, kind: str) -> FormulaPart:
    """Return A⁺, the pseudo-inverse of a matrix; of a number or vector its positive part. Raise
    SyntaxProblem for A†, which may be the transpose."""
    if rank_of(part.value) < 2 or part.indexed:
        return positive_part(builder, part)
    if kind == "†":
        text = _text(base)
        raise two_readings(builder.place, f"pinv({text})", f"{closed(text)}'")
    return builder.apply("pinv", part)


def _power(
    builder: Builder, base: Place, part: FormulaPart, script: Superscript, exponent: FormulaPart
) -> FormulaPart:
    if script.kind == "^" and _may_be_of_matrix(builder, part):
        inside, text, count = _text(base), closed(_text(base)), code.written(exponent.code)
        powers = {0.5: f"sqrtm({inside})", -0.5: f"inv(sqrtm({inside}))"}
        power = f"expm(({count}) * logm({inside}))"
        if isinstance(exponent.value, int) and not isinstance(exponent.value, bool):
            power = f"matrix_power({inside}, {count})"
        elif isinstance(exponent.value, float):
            power = powers.get(exponent.value, power)
        raise two_readings(builder.place, f"{text}**{closed(count)}", power)
    sign = builder.formulas.sign_place(script.first) if script.kind == "**" else exponent.place
    return _oriented_as(part, builder.calculate("**", part, exponent, sign))


def _oriented_as(part: FormulaPart, result: FormulaPart) -> FormulaPart:
    """Return an elementwise result as a row if its operand is a row."""
    return replace(result, is_row=result.is_row or part.is_row)


def _may_be_of_matrix(builder: Builder, part: FormulaPart) -> bool:
    """Return whether a power, an exponential or bars may mean the matrix instead of its entries. On
    tidu's own pages, which begin with ∂L/∂X, they mean the entries."""
    return is_square(part.value) and not part.indexed and not builder.formulas.page


def _exponential(builder: Builder, script: Superscript) -> Task[FormulaPart]:
    """Return eˣ. Raise SyntaxProblem where x may be a matrix."""
    if script.exponent is None:
        exponent = builder.constant(-1)
    else:
        exponent = yield from lower(builder.formulas, script.exponent)
    if _may_be_of_matrix(builder, exponent):
        raise two_readings(builder.place, f"exp({exponent.shown})", f"expm({exponent.shown})")
    return _oriented_as(exponent, builder.apply("exp", exponent))


def closed(text: str) -> str:
    """Return a piece of a formula in brackets, unless it can carry a transpose without them."""
    alone = text.isalnum() or (text[:1] + text[-1:] in ("()", "||", "‖‖"))
    return text if alone else f"({text})"


def check_not_of_matrix(builder: Builder, name: str, part: FormulaPart) -> None:
    """Raise SyntaxProblem for log X where X may be a matrix as a whole, of which logm is the
    logarithm: both readings."""
    entry = functions.find(name)
    op = None if entry is None else entry.op
    whole = None if op is None else functions.find(f"{op.name}m")
    if op is not None and whole is not None and _may_be_of_matrix(builder, part):
        inside = part.shown.strip("{} ")
        raise two_readings(builder.place, f"np.{op.name}({inside})", f"{whole.text}({inside})")


# ------------------------------------------------------------------ bars
def bars(formulas: FormulaScope, node: Bars) -> Task[FormulaPart]:
    """Return the norm ‖x‖ or the absolute value |x|. Raise SyntaxProblem where |x| may be a
    determinant."""
    part = yield from lower(formulas, node.value)
    builder = formulas.builder(node)
    if node.kind == "‖":
        return _norm(builder, node.sub, part)
    if node.determinant:
        return builder.apply("det", part)
    if _may_be_of_matrix(builder, part):
        raise two_readings(builder.place, f"det({part.shown})", f"abs({part.shown})")
    return _oriented_as(part, builder.apply("abs", part))


def _norm(builder: Builder, below: str, part: FormulaPart) -> FormulaPart:
    sub, name = below.lower().replace("∞", "inf"), part.shown
    if part.inner == 1:
        return _norm_of_rows(builder, sub, part)
    if not is_matrix(part.value):
        entrywise = {"1": "sum", "inf": "max", "infty": "max"}.get(sub)
        if entrywise is not None:
            return builder.apply(entrywise, builder.apply("abs", part))
        if sub in ("", "2"):
            return builder.apply("norm", part)
    elif sub == "":
        raise two_readings(builder.place, f"||{name}||_F", f"||{name}||_2")
    elif sub in ("1", "inf"):
        total, order = ("sum", "1") if sub == "1" else ("max", "np.inf")
        raise two_readings(builder.place, f"{total}(abs({name}))", f"norm({name}, {order})")
    if sub == "f":
        return builder.apply("norm", part)
    order = "nuc" if sub == "*" else _number(sub)
    if order is None:
        what = _NORM(sub=below)
        raise SyntaxProblem(what, place=builder.place, fix=_NORM_FIX(x=name))
    return builder.apply("norm", part, builder.constant(order))


def _norm_of_rows(builder: Builder, sub: str, part: FormulaPart) -> FormulaPart:
    """Return ‖xᵢ‖ for each row xᵢ."""
    function = {"1": "sum", "inf": "np.max", "infty": "np.max"}.get(sub)
    if function is not None:
        return rows.along(builder, function, builder.apply("abs", part))
    if sub not in ("", "2"):
        raise SyntaxProblem(_NORM(sub=sub), place=builder.place, fix=_NORM_FIX(x=part.shown))
    return rows.along(builder, "norm", part)


def _squared_norm(formulas: FormulaScope, node: Bars) -> Task[FormulaPart]:
    """Return ‖x‖² as the sum of squares, which is smooth at 0; of a matrix only where F is
    written."""
    part = yield from lower(formulas, node.value)
    builder, sub = formulas.builder(node), node.sub.lower()
    if part.inner and sub in ("", "2", "f"):
        squares = builder.calculate("**", replace(part, is_row=False), builder.constant(2))
        squares = rows.along(builder, "sum", squares)
        return squares if part.inner == 1 else rows.along(builder, "sum", squares)
    if sub == "f" or (sub in ("", "2") and not is_matrix(part.value)):
        return builder.apply("sum", builder.calculate("**", part, builder.constant(2)))
    return builder.calculate("**", _norm(builder, node.sub, part), builder.constant(2))


def _number(text: str) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
