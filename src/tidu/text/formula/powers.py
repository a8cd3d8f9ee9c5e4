"""Powers, transposes and inverses, and bars: absolute values, determinants and norms."""

from __future__ import annotations

import ast
import math
from typing import Any

from tidu.errors import SyntaxProblem
from tidu.ir.types import shape_text
from tidu.text.expressions import Reading
from tidu.text.formula.calls import Calls
from tidu.text.formula.notes import binary, call, constant, name, written
from tidu.text.formula.products import closed
from tidu.text.formula.sizes import is_matrix, is_square, rank_of, shape_of
from tidu.text.formula.syntax import (
    Applied,
    Bars,
    Brackets,
    Chain,
    Formula,
    Raised,
    Script,
    Word,
)
from tidu.text.values import Declared, Function, Helper, is_static
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


class Powers(Calls):
    """Reads what carries a script, and what stands between bars."""

    # -------------------------------------------------------------- scripts
    def _raised(self, node: Raised) -> Reading:
        expanded = self._expanded(node)
        if expanded is not node:
            return (yield from self._as(node, expanded))
        first, *others = node.scripts
        special = yield from self._special_base(node, first)
        if special is None:
            value = yield node.base
            special = self._part(node.base, value)
        else:
            others = node.scripts[1:]
            first = None
        part = special
        for script in ([first] if first is not None else []) + others:
            part = yield from self._scripted(node, part, script)
        self._pass_on(node, part)
        return part.value

    def _expanded(self, node: Raised) -> ast.expr:
        """Ax² is A·x²: a script belongs to the last letter of a run."""
        if not isinstance(node.base, Word):
            return node
        found = self._find(node.base, applied=False) if not self._is_special(node.base) else None
        if found is None or found.kind != "parts":
            return node
        self.seen.add(id(node.base))
        parts = [
            self._made(Word(text=t, sub="", run=False, raw=""), node.base) for t in found.texts
        ]
        parts[-1].sub = node.base.sub
        parts[-1] = self._with(parts[-1], node.scripts)
        return self._made(Chain(factors=parts, signs=[""] * (len(parts) - 1)), node)

    def _opened(self, factor: Any) -> Any:
        """A factor that is a product itself: a run of letters, or a name before brackets."""
        if isinstance(factor, Word):
            found = self._find(factor, applied=False)
            if found.kind == "parts":
                return self._expanded(self._made(Raised(base=factor, scripts=[]), factor))
        if isinstance(factor, Raised):
            return self._expanded(factor)
        if isinstance(factor, Applied):
            return self._as_product(factor) or factor
        return factor

    def _is_function(self, factor: Any) -> bool:
        return isinstance(factor, Word) and self._names_function(factor)

    def _names_function(self, word: Word) -> bool:
        found = self._find(word, applied=True)
        if found.kind == "name":
            return isinstance(self._found(found.texts[0]), Declared | Helper | Function)
        return found.kind == "function" and self._find(word, applied=False).kind == "function"

    def _is_special(self, word: Word) -> bool:
        return word.text == "e" and not self._is_value("e")

    def _special_base(self, node: Raised, first: Script) -> Reading:
        """eˣ, 1ᵀ, and ‖x‖² as a sum of squares."""
        base = node.base
        if isinstance(base, Word) and self._is_special(base) and first.kind in ("^", "-1"):
            self.seen.add(id(base))
            return (yield from self._exponential(node, first))
        if (
            isinstance(base, ast.Constant)
            and base.value == 1
            and first.kind in ("T", "T?", "prime")
        ):
            self.seen.add(id(base))
            value = yield from self._ones(base)
            part = self._part(base, value)
            return (yield from self._scripted(node, part, first))
        if isinstance(base, Bars) and base.kind == "‖" and _is_two(first):
            self.seen.update(id(part) for part in ast.walk(first))
            return (yield from self._squared_norm(base))
        return None

    def _open_to_both(self, part: Any) -> bool:
        """Whether a power, e to it or its bars may be meant of the matrix or of its entries. On a
        page of tidu's, which begins with ∂L/∂X, they are of the entries."""
        return is_square(part.value) and not self._labelled(part) and not self.page

    def _exponential(self, node: Raised, script: Script) -> Reading:
        exponent = constant(-1) if script.exponent is None else script.exponent
        if script.exponent is None:
            value: Any = yield self._made(exponent, node)
        else:
            value = yield exponent
        part = self._part(exponent, value)
        if self._open_to_both(part):
            shown = self.shown(exponent)
            raise self._two(node, f"exp({shown})", f"expm({shown})")
        code = call(self._function_word("exp"), part)
        made = self._made(Formula(), node)
        result = yield from self._as(
            made, code, row=self._row(exponent), labelled=self._labelled(exponent)
        )
        return self._part(made, result)

    def _scripted(self, node: Any, part: Any, script: Script) -> Reading:
        """One script applied to a part that is read already."""
        kind = script.kind
        if kind in ("T?", "-T?"):
            kind = yield from self._letter_t(node, part, kind)
            if kind == "^":
                exponent = self._made(name("T"), script)
                script = self._made(Script(kind="^", exponent=exponent), script)
        match kind:
            case "T" | "prime":
                return (yield from self._transposed(node, part, kind))
            case "-1" | "-T":
                part = yield from self._inverse(node, part)
                return part if kind == "-1" else (yield from self._transposed(node, part, "T"))
            case _:
                return (yield from self._power(node, part, script))

    def _letter_t(self, node: Any, part: Any, kind: str) -> Reading:
        """^T where T is also a name: by shape, or refused."""
        if not self._is_value("T") or rank_of(self._found("T")) > 0:
            return kind.removesuffix("?")
        if rank_of(part.value) > 0:
            base = self._shown_part(node)
            raise self._two(node, f"{base}'", f"{base}**T")
        return "^"
        yield

    def _shown_part(self, node: Any) -> str:
        return self.shown(getattr(node, "base", node)) or "A"

    def _transposed(self, node: Any, part: Any, kind: str) -> Reading:
        rank, shape = rank_of(part.value), shape_of(part.value)
        made = self._made(Formula(), node)
        if rank == 0 or self._labelled(part):
            if kind == "prime" or is_static(part.value):
                shown = self._shown_part(node)
                what = _NUMBER_PRIME(what=shown)
                raise SyntaxProblem(what, place=self.place(node), fix=_OTHER_NAME(name=shown))
            return part
        if rank == 1:
            value = yield from self._as(made, part, row=not self._row(part))
            if id(part) in self.ones:
                self.ones.add(id(made))
            known = self._part(made, value)
            if id(made) in self.ones:
                self.ones.add(id(known))
            return known
        if rank > 2 and self.page:  # tidu's own page writes a stack of matrices as a matrix
            value = yield from self._as(made, ast.Attribute(part, "mT", ast.Load()))
            return self._part(made, value)
        if rank > 2:
            shown = self._shown_part(node)
            what = _RANKS(what=shown, shape=shape_text(shape))
            raise SyntaxProblem(what, place=self.place(node), fix=_SWAP(what=shown))
        value = yield from self._as(made, ast.Attribute(part, "T", ast.Load()))
        return self._part(made, value)

    def _inverse(self, node: Any, part: Any) -> Reading:
        rank = rank_of(part.value)
        made = self._made(Formula(), node)
        if rank >= 2 and not self._labelled(part):
            shape = shape_of(part.value)
            if shape[-1] != shape[-2]:
                what = _NOT_SQUARE(what=self._shown_part(node), shape=shape_text(shape))
                raise SyntaxProblem(what, place=self.place(node))
            value = yield from self._as(made, call(self._function_word("inv"), part))
        else:
            code = binary(constant(1), ast.Div, part)
            value = yield from self._as(
                made, code, row=self._row(part), labelled=self._labelled(part)
            )
        return self._part(made, value)

    def _power(self, node: Any, part: Any, script: Script) -> Reading:
        assert script.exponent is not None
        exponent = self._part(script.exponent, (yield script.exponent))
        labelled = self._labelled(part)
        if script.kind == "^" and self._open_to_both(part):
            base, count = closed(self._shown_part(node)), written(exponent.code)
            whole = isinstance(exponent.value, int)
            power = f"matrix_power({base}, {count})" if whole else f"sqrtm({base})"
            raise self._two(node, f"{base}**{count}", power)
        made = self._made(Formula(), node)
        code = binary(part, ast.Pow, exponent)
        value = yield from self._as(made, code, row=self._row(part), labelled=labelled)
        return self._part(made, value)

    # -------------------------------------------------------------- bars
    def _bars(self, node: Bars) -> Reading:
        value = yield node.value
        part = self._part(node.value, value)
        if node.kind == "|":
            return (yield from self._absolute(node, part))
        return (yield from self._norm(node, part))

    def _absolute(self, node: Bars, part: Any) -> Reading:
        if self._open_to_both(part):
            shown = self.shown(node.value)
            raise self._two(node, f"det({shown})", f"abs({shown})")
        code = call(self._function_word("abs"), part)
        return (yield from self._as(node, code, row=self._row(part), labelled=self._labelled(part)))

    def _norm(self, node: Bars, part: Any) -> Reading:
        sub = node.sub.lower().replace("∞", "inf")
        shown = self.shown(node.value)
        matrix = is_matrix(part.value)
        word = self._function_word("norm")
        if sub == "1" and not matrix:
            inner = call(self._function_word("abs"), part)
            return (yield from self._as(node, call(self._function_word("sum"), inner)))
        if sub in ("inf", "infty") and not matrix:
            inner = call(self._function_word("abs"), part)
            return (yield from self._as(node, call(self._function_word("max"), inner)))
        if matrix and sub == "":
            raise self._two(node, f"||{shown}||_F", f"||{shown}||_2")
        if matrix and sub in ("1", "inf"):
            entries = "sum" if sub == "1" else "max"
            order = "1" if sub == "1" else "np.inf"
            raise self._two(node, f"{entries}(abs({shown}))", f"norm({shown}, {order})")
        if sub == "f" or (sub in ("", "2") and not matrix):
            return (yield from self._as(node, call(word, part)))
        order = {"*": constant("nuc")}.get(sub) or _number(sub)
        if order is None:
            raise SyntaxProblem(_NORM(sub=node.sub), place=self.place(node), fix=_NORM_FIX(x=shown))
        return (yield from self._as(node, ast.Call(name(word), [part, order], [])))

    def _squared_norm(self, node: Bars) -> Reading:
        """‖x‖² as the sum of squares, which has no kink; for matrices with F only."""
        value = yield node.value
        part = self._part(node.value, value)
        sub = node.sub.lower()
        made = self._made(Formula(), node)
        if sub == "f" or (sub in ("", "2") and not is_matrix(value)):
            squares = binary(part, ast.Pow, constant(2))
            result = yield from self._as(made, call(self._function_word("sum"), squares))
        else:
            inner = self._made(Formula(), node)
            value = yield from self._norm_of(node, part, inner)
            power = binary(self._part(inner, value), ast.Pow, constant(2))
            result = yield from self._as(made, power)
        return self._part(made, result)

    def _norm_of(self, node: Bars, part: Any, made: Any) -> Reading:
        value = yield from self._norm(node, part)
        self._pass_on(made, node)
        return value


def _is_two(script: Script) -> bool:
    exponent = script.exponent
    while isinstance(exponent, Brackets):
        exponent = exponent.value
    return script.kind == "^" and isinstance(exponent, ast.Constant) and exponent.value == 2


def _number(text: str) -> ast.expr | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return constant(int(value) if value == int(value) else value)
