"""Powers, transposes and inverses, and bars: absolute values, determinants and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tidu.errors import Place, SyntaxProblem
from tidu.ir.types import shape_text
from tidu.text.diagnosis import two_readings
from tidu.text.formula import code, parts
from tidu.text.formula.parts import FormulaScope, Part, lower
from tidu.text.formula.sizes import is_matrix, is_square
from tidu.text.formula.syntax import Bars, Brackets, Chain, Number, Raised, Script, Syntax, Word
from tidu.text.formula.words import VALUES, find, is_value, ones, product_of_run
from tidu.text.task import Task
from tidu.text.values import Operand, is_static, rank_of, shape_of
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
def raised(formulas: FormulaScope, node: Raised) -> Task[Part]:
    """A base with its scripts."""
    chain = expanded(formulas, node)
    if chain is not None:
        return (yield from lower(formulas, chain))
    base, first, place = node.base, node.scripts[0], formulas.place(node)
    scripts = node.scripts[1:]
    if isinstance(base, Word) and _is_euler(formulas, base) and first.kind in ("^", "-1"):
        formulas.mark_read(base)
        part = yield from _exponential(formulas, place, first)
    elif _is_one(base) and first.kind in ("T", "T?", "prime"):
        formulas.mark_read(base)
        part, scripts = ones(formulas, base), node.scripts
    elif isinstance(base, Bars) and base.kind == "‖" and _is_squared(formulas, first):
        part = yield from _squared_norm(formulas, base)
    else:
        part, scripts = (yield from lower(formulas, base)), node.scripts
    return (yield from scripted_by(formulas, place, formulas.place(base), part, scripts))


def scripted_by(
    formulas: FormulaScope, place: Place, base: Place, part: Part, scripts: Sequence[Script]
) -> Task[Part]:
    """A part with scripts; place: of both; base: of the part as it is written."""
    for script in scripts:
        part = yield from _scripted(formulas, place, base, part, script)
    return replace(part, place=place)


def expanded(formulas: FormulaScope, node: Raised) -> Chain | None:
    """Ax² is A·x²: a script belongs to the last letter of a run."""
    base = node.base
    if not isinstance(base, Word) or _is_euler(formulas, base):
        return None
    found = find(formulas, base, applied=False)
    if found.kind != "parts":
        return None
    formulas.mark_read(base)
    return replace(product_of_run(base, found.texts, node.scripts), last=node.last)


def _is_euler(formulas: FormulaScope, word: Word) -> bool:
    return word.text == "e" and not is_value(formulas, "e")


def _is_one(base: Syntax) -> bool:
    return isinstance(base, Number) and base.value == 1


def _is_squared(formulas: FormulaScope, script: Script) -> bool:
    exponent = script.exponent
    while isinstance(exponent, Brackets):
        exponent = exponent.value
    if script.kind != "^" or not isinstance(exponent, Number) or exponent.value != 2:
        return False
    formulas.mark_read(exponent)
    return True


def _scripted(
    formulas: FormulaScope, place: Place, base: Place, part: Part, script: Script
) -> Task[Part]:
    """One script applied to a part that is read already."""
    kind, exponent = script.kind, script.exponent
    if kind in ("T?", "-T?"):
        kind = _meaning_of_t(formulas, place, base, part, kind)
        exponent = Word(script.first, script.last, "T", raw="T") if kind == "^" else None
    match kind:
        case "T" | "prime":
            return _transposed(formulas, place, base, part, script, kind)
        case "-1":
            return _inverse(formulas, place, base, part)
        case "-T":
            inverse = _inverse(formulas, place, base, part)
            return _transposed(formulas, place, base, inverse, script, "T")
        case _:
            assert exponent is not None
            power = yield from lower(formulas, exponent)
            return _power(formulas, place, base, part, script, power)


def _meaning_of_t(formulas: FormulaScope, place: Place, base: Place, part: Part, kind: str) -> str:
    """^T where T is also a name: by shape, or refused."""
    found = formulas.scope.find("T")
    if not isinstance(found, VALUES) or rank_of(found) > 0:
        return kind.removesuffix("?")
    if rank_of(part.value) > 0:
        raise two_readings(place, f"{_text(base)}'", f"{_text(base)}**T")
    return "^"


def _text(base: Place) -> str:
    return Operand(None, base).shown or "A"


def _transposed(
    formulas: FormulaScope, place: Place, base: Place, part: Part, script: Script, kind: str
) -> Part:
    rank, shown = rank_of(part.value), _text(base)
    if rank == 0 or part.labelled:
        if kind == "prime" or is_static(part.value):
            what = _NUMBER_PRIME(what=shown)
            raise SyntaxProblem(what, place=place, fix=_OTHER_NAME(name=shown))
        return part
    if rank == 1:
        return replace(part, row=not part.row, place=place)
    if rank == 2:
        return parts.transposed(formulas, place, part, formulas.place(script))
    if formulas.page:  # tidu's own page writes a stack of matrices as a matrix
        return parts.transposed(formulas, place, part, formulas.place(script), "mT")
    what = _RANKS(what=shown, shape=shape_text(shape_of(part.value)))
    raise SyntaxProblem(what, place=place, fix=_SWAP(what=shown))


def _inverse(formulas: FormulaScope, place: Place, base: Place, part: Part) -> Part:
    if rank_of(part.value) < 2 or part.labelled:
        return _kept_lying(
            parts.calculate(formulas, place, "/", parts.constant(place, 1), part), part
        )
    shape = shape_of(part.value)
    if shape[-1] != shape[-2]:
        what = _NOT_SQUARE(what=_text(base), shape=shape_text(shape))
        raise SyntaxProblem(what, place=place)
    return parts.apply(formulas, place, "inv", part)


def _power(
    formulas: FormulaScope, place: Place, base: Place, part: Part, script: Script, exponent: Part
) -> Part:
    if script.kind == "^" and _is_of_matrix(formulas, part):
        shown, count = closed(_text(base)), code.written(exponent.code)
        whole = isinstance(exponent.value, int)
        power = f"matrix_power({shown}, {count})" if whole else f"sqrtm({shown})"
        raise two_readings(place, f"{shown}**{count}", power)
    sign = formulas.sign_place(script.first) if script.kind == "**" else exponent.place
    return _kept_lying(parts.calculate(formulas, place, "**", part, exponent, sign), part)


def _kept_lying(result: Part, of: Part) -> Part:
    """What is calculated entry by entry lies as it lay."""
    return replace(result, row=result.row or of.row, labelled=result.labelled or of.labelled)


def _is_of_matrix(formulas: FormulaScope, part: Part) -> bool:
    """Whether a power, e to it or its bars may be meant of the matrix or of its entries. On a page
    of tidu's, which begins with ∂L/∂X, they are of the entries."""
    return is_square(part.value) and not part.labelled and not formulas.page


def _exponential(formulas: FormulaScope, place: Place, script: Script) -> Task[Part]:
    """eˣ"""
    if script.exponent is None:
        exponent = parts.constant(place, -1)
    else:
        exponent = yield from lower(formulas, script.exponent)
    if _is_of_matrix(formulas, exponent):
        shown = exponent.shown
        raise two_readings(place, f"exp({shown})", f"expm({shown})")
    return _kept_lying(parts.apply(formulas, place, "exp", exponent), exponent)


def closed(text: str) -> str:
    """A piece of a formula that can carry a transpose."""
    alone = text.isalnum() or (text[:1] + text[-1:] in ("()", "||", "‖‖"))
    return text if alone else f"({text})"


# ------------------------------------------------------------------ bars
def bars(formulas: FormulaScope, node: Bars) -> Task[Part]:
    """|x| and ‖x‖"""
    part = yield from lower(formulas, node.value)
    place = formulas.place(node)
    if node.kind == "‖":
        return _norm(formulas, place, node.sub, part)
    if _is_of_matrix(formulas, part):
        raise two_readings(place, f"det({part.shown})", f"abs({part.shown})")
    return _kept_lying(parts.apply(formulas, place, "abs", part), part)


def _norm(formulas: FormulaScope, place: Place, below: str, part: Part) -> Part:
    sub, shown = below.lower().replace("∞", "inf"), part.shown
    if not is_matrix(part.value):
        entrywise = {"1": "sum", "inf": "max", "infty": "max"}.get(sub)
        if entrywise is not None:
            entries = parts.apply(formulas, place, "abs", part)
            return parts.apply(formulas, place, entrywise, entries)
        if sub in ("", "2"):
            return parts.apply(formulas, place, "norm", part)
    elif sub == "":
        raise two_readings(place, f"||{shown}||_F", f"||{shown}||_2")
    elif sub in ("1", "inf"):
        total, order = ("sum", "1") if sub == "1" else ("max", "np.inf")
        one, two = f"{total}(abs({shown}))", f"norm({shown}, {order})"
        raise two_readings(place, one, two)
    if sub == "f":
        return parts.apply(formulas, place, "norm", part)
    order = "nuc" if sub == "*" else _number(sub)
    if order is None:
        raise SyntaxProblem(_NORM(sub=below), place=place, fix=_NORM_FIX(x=shown))
    return parts.apply(formulas, place, "norm", part, parts.constant(place, order))


def _squared_norm(formulas: FormulaScope, node: Bars) -> Task[Part]:
    """‖x‖² as the sum of squares, which has no kink; for matrices with F only."""
    part = yield from lower(formulas, node.value)
    place = formulas.place(node)
    sub, two = node.sub.lower(), parts.constant(place, 2)
    if sub == "f" or (sub in ("", "2") and not is_matrix(part.value)):
        squares = parts.calculate(formulas, place, "**", part, two)
        return parts.apply(formulas, place, "sum", squares)
    norm = _norm(formulas, place, node.sub, part)
    return parts.calculate(formulas, place, "**", norm, two)


def _number(text: str) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
