"""Formulas read into a graph: each sign is given its meaning by the shapes of what it joins.

Every part is lowered to plain NumPy over parts that are read already, and the plain spelling is
read by the whitelist of the text door. What fits in two ways is refused with both.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from tidu.errors import SyntaxProblem, TiduError
from tidu.frontends import functions
from tidu.frontends.diagnosis import BRACKETS, CALL
from tidu.frontends.expressions import Reading
from tidu.frontends.formula import names as naming
from tidu.frontends.formula import signs
from tidu.frontends.formula.notes import Note, binary, call, column, constant, name
from tidu.frontends.formula.products import Products, closed
from tidu.frontends.formula.sizes import is_matrix, is_square, rank_of, shape_of
from tidu.frontends.formula.syntax import (
    Applied,
    Bars,
    Brackets,
    Cases,
    Chain,
    Entry,
    Formula,
    Grid,
    Known,
    Raised,
    Root,
    Script,
    Total,
    Truth,
    Wise,
    Word,
)
from tidu.frontends.textvalues import Declared, Function, Helper, Layers, Literal, Module, is_static
from tidu.ir.node import Node
from tidu.ir.types import Size, shape_text
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
_RANGE = Words(
    en="the index {letter} runs to {one} and to {two}",
    zh="下标 {letter} 的上限有两个：{one} 与 {two}",
)
_NO_RANGE = Words(
    en="how far the index {letter} runs is not said", zh="没有说明下标 {letter} 的范围"
)
_CASES = Words(
    en="a case distinction needs a last line that holds otherwise", zh="分段定义要以“其他情形”收尾"
)
_PRIME = Words(
    en="the derivative of {name} is not known by a sign", zh="{name} 的导数不能用一撇表示"
)
_NORM = Words(en="there is no norm with the sign {sub}", zh="没有记作 {sub} 的范数")
_NORM_FIX = Words(
    en="||{x}||_1, ||{x}||_2, ||{x}||_inf, ||{x}||_F",
    zh="||{x}||_1、||{x}||_2、||{x}||_inf、||{x}||_F",
)


class FormulaReading(Products):
    """Reads the nodes of `syntax`; `program.py` adds the statements."""

    # -------------------------------------------------------------- names
    def _word(self, node: Word) -> Reading:
        found = self._find(node, applied=False)
        self.seen.add(id(node))
        self.recognised = self.recognised or found.kind in ("name", "parts", "entry")
        match found.kind:
            case "name":
                return (yield from self._as(node, name(found.texts[0])))
            case "constant":
                return (yield from self._as(node, name(found.texts[0])))
            case "ones":
                return (yield from self._ones(node))
            case "identity":
                return (yield from self._identity(node))
            case "parts":
                parts = [
                    self._made(Word(text=t, sub="", run=False, raw=""), node) for t in found.texts
                ]
                parts[-1].sub = node.sub
                chain = self._made(Chain(factors=parts, signs=[""] * (len(parts) - 1)), node)
                return (yield from self._as(node, chain))
            case "entry":
                base = self._made(Word(text=node.text, sub="", run=False, raw=""), node)
                entry = self._made(Entry(base=base, sub=node.sub), node)
                return (yield from self._as(node, entry))
            case "function":
                shown = self.shown(node)
                raise SyntaxProblem(
                    BRACKETS(name=shown, argument="…"),
                    place=self.place(node),
                    fix=CALL(name=shown, argument="x"),
                )
            case _:
                said = node.raw or (f"{node.text}_{node.sub}" if node.sub else node.text)
                raise self.unknown_name(node, said)

    def _find(self, node: Word, applied: bool) -> naming.Found:
        """What a word is, among the names of the program, the constants and the functions."""
        known = self.known_names()
        texts = naming.matching(node.text, node.sub, known)
        if len(texts) > 1:
            raise self._two(node, *texts[:2])
        ways = self._ways(node, known) if node.run else []
        if texts:
            if self.latex and ways and len(node.text) > 1:
                raise self._two(node, texts[0], " * ".join(ways[0]))
            return naming.Found("name", tuple(texts))
        special = self._special_word(node)
        function = None if special else self._function_of(node, applied, ways)
        if special or function:
            return special or naming.Found("function", (function or "",))
        if len(ways) > 1:
            raise self._two(node, " * ".join(ways[0]), " * ".join(ways[1]))
        if ways:
            return naming.Found("parts", ways[0])
        if node.sub and naming.matching(node.text, "", known):
            return naming.Found("entry")
        return naming.Found("none")

    def _special_word(self, node: Word) -> naming.Found | None:
        """𝟏, I, π, e and ∞, where they are not names of the program."""
        if node.sub:
            return None
        if node.text in functions.CONSTANTS or node.text == "π":
            return naming.Found("constant", ("pi" if node.text == "π" else node.text,))
        if node.text == signs.ONES:
            return naming.Found("ones")
        if isinstance(self._found(node.text), Module):
            return naming.Found("name", (node.text,))
        return naming.Found("identity") if node.text == "I" else None

    def _function_of(
        self, node: Word, applied: bool, ways: Sequence[tuple[str, ...]]
    ) -> str | None:
        """The function that a word is: one letter only before brackets, a run unless it is a
        product of names as well."""
        function = self._function_name(node)
        if function is None or not (applied or (not ways and len(node.text) > 1)):
            return None
        if ways and self.latex:
            raise self._two(node, f"{function}(…)", " * ".join(ways[0]))
        return function

    def _ways(self, node: Word, known: list[str]) -> list[tuple[str, ...]]:
        """How a run of letters is a product of known values; I and π need no declaration."""
        values = [n for n in known if self._is_value(n)]
        return naming.splits(node.text, [*values, *({"I", "π"} - set(known))])

    def _function_name(self, node: Word) -> str | None:
        """The function that a word names; log₂ has a name of its own, mean₁ an axis."""
        plain = signs.GREEK_LETTERS.get(node.text, node.text)
        for text in (plain + node.sub, plain):
            if functions.find(text) is not None and text not in signs.NOT_FUNCTIONS:
                return text
        return None

    def _is_value(self, text: str) -> bool:
        return isinstance(self._found(text), Node | Literal | int | float | Size)

    # -------------------------------------------------------------- brackets and functions
    def _brackets(self, node: Brackets) -> Reading:
        value = yield node.value
        self._pass_on(node, node.value)
        return value

    def _applied(self, node: Applied) -> Reading:
        found = self._find(node.word, applied=True)
        callee = self._found(found.texts[0]) if found.kind == "name" else None
        called = isinstance(callee, Helper | Declared | Layers | Function | Module)
        if found.kind == "function" or (found.kind == "name" and called):
            self.seen.add(id(node.word))
            return (yield from self._called_function(node, found.texts[0]))
        chain = self._as_product(node)
        if chain is not None:
            return (yield from self._as(node, chain))
        self.seen.add(id(node.word))
        text = found.texts[0] if found.texts else node.word.text + node.word.sub
        function = self._made(name(text), node.word)
        target = self._made(ast.Call(function, node.arguments, node.keywords), node)
        return (yield from self._as(node, target))

    def _as_product(self, node: Applied) -> Chain | None:
        """a(b + c) as a product, where a is a value; None where it is a call."""
        found = self._find(node.word, applied=True)
        value = found.kind in ("parts", "constant", "ones", "identity", "entry") or (
            found.kind == "name" and self._is_value(found.texts[0])
        )
        if not value or len(node.arguments) != 1 or node.keywords:
            return None
        argument = self._made(Brackets(value=node.arguments[0]), node.arguments[0])
        argument.in_brackets = True
        factors = [self._with(node.word, node.scripts), self._with(argument, node.behind)]
        return self._made(Chain(factors=factors, signs=[""]), node)

    def _with(self, base: Any, scripts: list[Script]) -> Any:
        return self._made(Raised(base=base, scripts=scripts), base) if scripts else base

    def _called_function(self, node: Applied, function: str) -> Reading:
        arguments = yield from self._read_parts(node.arguments)
        given = yield from self._read_parts([k.value for k in node.keywords])
        keywords = [ast.keyword(k.arg, v) for k, v in zip(node.keywords, given, strict=True)]
        scripts = list(node.scripts)
        if node.word.sub and not function.endswith(node.word.sub):
            keywords.append(self._below(node, function))
        pair = functions.find(f"numpy.{function}imum")
        if pair is not None and len(arguments) > 1 and not keywords:
            # On paper max(x, 0) compares entry by entry; an axis is never written so.
            function = f"np.{function}imum"
            arguments = [_nested(function, arguments[:-1]), arguments[-1]]
        order = sum(script.kind == "prime" for script in scripts)
        if order:
            scripts = [script for script in scripts if script.kind != "prime"]
            code = self._derivative(node, function, order, arguments)
        else:
            code = ast.Call(name(function), arguments, keywords)
        for script in scripts:
            if script.kind in ("-1", "-T", "T", "T?"):
                inside = ", ".join(self.shown(a) for a in node.arguments)
                raise self._two(node, f"arc{function}({inside})", f"1 / {function}({inside})")
        self._fill_up(arguments, code)
        lies = any(self._row(a) for a in node.arguments)
        value = yield from self._called_fitting(node, code, arguments)
        inner = self._made(Known(value=value, code=self.notes[id(code)].code), node)
        self.notes[id(inner)] = Note(inner.code, lies and rank_of(value) == 1)
        scripted = self._with(inner, [*scripts, *node.behind])
        result = yield scripted
        self._pass_on(node, scripted)
        return result

    def _called_fitting(self, node: Applied, code: ast.expr, arguments: list[Any]) -> Reading:
        """A call; where it needs a square matrix, that settles how long a 𝟏 in it is."""
        if len(arguments) == 1 and self.unsettled(arguments[0].value):
            shape = shape_of(arguments[0].value)
            spelling = (
                functions.find(code.func.id)
                if isinstance(code, ast.Call) and isinstance(code.func, ast.Name)
                else None
            )
            if len(shape) == 2 and spelling is not None:
                try:
                    functions.call(spelling, [arguments[0].value], {})
                except TiduError:
                    self.unify(*shape)
                    arguments[0].value = self.settled(arguments[0].value)
        return (yield from self._as(self._made(Formula(), node), code))

    def _fill_up(self, arguments: list[Any], code: Any) -> None:
        """reshape says how many elements there are, and so how long a 𝟏 is."""
        shapes = [k.value for k in getattr(code, "keywords", []) if k.arg == "shape"]
        if not shapes or not self.unsettled(arguments[0].value):
            return
        known, unknown, wanted = 1, list[Size](), 1
        for dim in shape_of(arguments[0].value):
            if isinstance(dim, Size):
                unknown.append(dim)
            else:
                known *= dim
        for part in ast.walk(shapes[0]):
            wanted *= (
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, int) else 1
            )
        if len(unknown) == 1 and known and wanted % known == 0:
            self.unify(unknown[0], wanted // known)
            arguments[0].value = self.settled(arguments[0].value)

    def _read_parts(self, nodes: Sequence[ast.expr]) -> Generator[Any, Any, list[Any]]:
        """Several parts, read one after the other."""
        found: list[Any] = []
        for node in nodes:
            found.append(self._part(node, (yield node)))
        return found

    def _below(self, node: Applied, function: str) -> ast.keyword:
        """What a subscript of a function says: the axes, counted from 1, or a shape."""
        spelling = functions.find(function)
        attributes = () if spelling is None else spelling.attributes
        parts = node.word.sub.replace("×", ",").split(",")
        if not all(part.isdigit() for part in parts) or not {"axis", "shape"} & set(attributes):
            raise self.unknown_name(node.word, self.shown(node.word))
        if "axis" in attributes:
            axes = [int(part) - 1 for part in parts]
            return ast.keyword("axis", _tuple(axes) if len(axes) > 1 else constant(axes[0]))
        return ast.keyword("shape", _tuple([int(part) for part in parts]))

    def _derivative(
        self, node: Applied, function: str, order: int, arguments: list[Any]
    ) -> ast.expr:
        """f′ of a declared function; relu′ and the like by the record's own rule."""
        if isinstance(self._found(function), Declared) and order == 1:
            return ast.Call(name(function + "_d"), arguments, [])
        spelling = functions.find(function)
        op = None if spelling is None else spelling.op
        values = [a.value for a in arguments]
        if op is None or op.partials is None or order > 1 or len(values) != 1 or spelling is None:
            raise SyntaxProblem(_PRIME(name=function), place=self.place(node.word))
        x = values[0]
        out = functions.call(spelling, [x], {})
        (slope,) = _listed(op.partials(x, out, **out.attrs))
        known = self._made(Known(value=slope, code=call(f"{function}′", arguments[0].code)), node)
        self.notes[id(known)] = Note(known.code)
        return known

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
        if rank == 0:
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
            base, count = closed(self._shown_part(node)), ast.unparse(exponent.code)
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

    # -------------------------------------------------------------- elementwise products
    def _wise(self, node: Wise) -> Reading:
        left = self._part(node.left, (yield node.left))
        right = self._part(node.right, (yield node.right))
        right.sign_at = getattr(node.right, "sign_at", None)
        code: ast.expr
        match node.sign:
            case "⊗":
                vectors = rank_of(left.value) == rank_of(right.value) == 1
                code = call("np.outer" if vectors else "np.kron", left, right)
                return (yield from self._as(node, code))
            case "×":
                return (yield from self._times(node, left, right))
            case _:
                operator = ast.Mult if node.sign == "⊙" else ast.Div
        left, right = self._stood(left, right), self._stood(right, left)
        return (
            yield from self._as(
                node, binary(left, operator, right), row=self._both_lie(left, right)
            )
        )

    def _stood(self, vector: Any, other: Any) -> Any:
        """A standing vector beside a matrix scales its rows: v ⊙ A is diag(v) A."""
        beside = rank_of(vector.value) == 1 and rank_of(other.value) == 2 and not self._row(vector)
        if not beside or self._labelled(vector):
            return vector
        return self._made(column(vector), vector)

    def _both_lie(self, left: Any, right: Any) -> bool:
        rows = [
            self._row(p)
            for p in (left, right)
            if rank_of(p.value if isinstance(p, Known) else None) == 1
        ]
        return bool(rows) and all(rows)

    def _times(self, node: Wise, left: Any, right: Any) -> Reading:
        """×: of numbers a product; of arrays what their shapes allow, if that is one thing."""
        one, two = shape_of(left.value), shape_of(right.value)
        if not one or not two:
            code = binary(left, ast.Mult, right)
            return (yield from self._as(node, code, row=self._row(left) or self._row(right)))
        a, b = self.shown(node.left), self.shown(node.right)
        if len(one) == len(two) == 1 or (len(one), len(two)) == (1, 2):
            raise self._two(node, f"{a} ⊙ {b}", f"{a}' {b}")
        matrices, same = one[-1] == two[0], one == two
        if matrices and same and len(one) == 2:
            raise self._two(node, f"{a} @ {b}", f"{a} ⊙ {b}")
        if same and (1 in one):
            raise self._two(node, f"{a} ⊙ {b}", f"{a} @ {b}'")
        operator = ast.MatMult if matrices or not same else ast.Mult
        return (yield from self._as(node, binary(left, operator, right)))

    # -------------------------------------------------------------- other forms
    def _root(self, node: Root) -> Reading:
        part = self._part(node.value, (yield node.value))
        if node.degree is None:
            code: ast.expr = call(self._function_word("sqrt"), part)
        else:
            degree = self._part(node.degree, (yield node.degree))
            code = binary(part, ast.Pow, binary(constant(1), ast.Div, degree))
        return (yield from self._as(node, code, row=self._row(part), labelled=self._labelled(part)))

    def _truth(self, node: Truth) -> Reading:
        part = self._part(node.condition, (yield node.condition))
        code = call(self._function_word("where"), part, constant(1.0), constant(0.0))
        return (yield from self._as(node, code, row=self._row(part), labelled=self._labelled(part)))

    def _cases(self, node: Cases) -> Reading:
        values = yield from self._read_parts(node.values)
        last = node.conditions[-1] if len(node.conditions) == len(values) else None
        conditions: list[Any] = []
        for condition in node.conditions[: len(values) - 1]:
            if condition is None:
                raise SyntaxProblem(_CASES(), place=self.place(node))
            conditions.append(self._part(condition, (yield condition)))
        if last is not None:
            if len(values) != 2 or not _complementary(node.conditions[0], last):
                raise SyntaxProblem(_CASES(), place=self.place(node))
            yield last
        code: ast.expr = values[-1]
        for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
            code = call(self._function_word("where"), condition, value, code)
        lies = any(self._row(v) for v in values)
        return (yield from self._as(node, code, row=lies))

    def _grid(self, node: Grid) -> Reading:
        rows: list[list[Any]] = []
        for row in node.rows:
            rows.append((yield from self._read_parts(row)))
        plain = all(is_static(e.value) or isinstance(e.value, list) for row in rows for e in row)
        if plain:
            lists = [ast.List(list(row), ast.Load()) for row in rows]
            single = node.square and len(lists) == 1
            code = lists[0] if single else ast.List(list(lists), ast.Load())
            return (yield from self._as(node, code))
        vectors = all(rank_of(e.value) == 1 for row in rows for e in row)
        numbers = all(rank_of(e.value) == 0 for row in rows for e in row)
        if vectors or numbers:
            entries = ast.List([e for row in rows for e in row], ast.Load())
            function = "np.concatenate" if vectors else "np.stack"
            return (yield from self._as(node, call(function, entries)))
        joined = [
            call("np.concatenate", ast.List(list(row), ast.Load()), axis=constant(1))
            for row in rows
        ]
        code = (
            joined[0]
            if len(joined) == 1
            else call("np.concatenate", ast.List(list(joined), ast.Load()))
        )
        return (yield from self._as(node, code))

    def _total(self, node: Total) -> Reading:
        """∑ over everything, along axes, or over the indices of the body."""
        if node.indices:
            return (yield from self._indexed_total(node))
        part = self._part(node.body, (yield node.body))
        code = call(self._function_word("prod" if node.product else "sum"), part)
        if node.axes is not None:
            axes = constant(node.axes[0]) if len(node.axes) == 1 else _tuple(list(node.axes))
            code.keywords.append(ast.keyword("axis", axes))
        elif node.above is not None:
            yield node.above
        return (yield from self._as(node, code))

    def _indexed_total(self, node: Total) -> Reading:
        before = list(self.letters)
        self.letters.extend(node.indices)
        part: Any = self._part(node.body, (yield node.body))
        if node.above is not None:
            bound = yield node.above
            self._bound_letter(node, node.indices[-1], bound)
        missing = [letter for letter in node.indices if letter not in self.letter_sizes]
        if missing:
            raise SyntaxProblem(_NO_RANGE(letter=missing[0]), place=self.place(node))
        shape = [
            self.letter_sizes[letter] if letter in node.indices else 1 for letter in self.letters
        ]
        whole = shape_of(part.value)
        padded = (*(1,) * (len(self.letters) - len(whole)), *whole)
        wanted = tuple(s if p == 1 else p for s, p in zip(shape, padded, strict=True))
        if wanted != whole:
            part = call("np.broadcast_to", part, _tuple(list(wanted)))
        axes = list(range(len(before), len(self.letters)))
        for letter in node.indices:
            self.letter_sizes.pop(letter, None)
        self.letters = before
        code = call(self._function_word("prod" if node.product else "sum"), part)
        if before:
            code.keywords.append(ast.keyword("axis", _tuple(axes)))
        return (yield from self._as(node, code, labelled=bool(before)))

    def _bound_letter(self, node: Total, letter: str, bound: Any) -> None:
        size = self.letter_sizes.get(letter)
        if size is not None and isinstance(bound, int) and isinstance(size, int) and bound != size:
            what = _RANGE(letter=letter, one=bound, two=size)
            raise SyntaxProblem(what, place=self.place(node))
        if size is None and isinstance(bound, int | Size):
            self.letter_sizes[letter] = bound

    # -------------------------------------------------------------- entries
    def _subscript(self, node: ast.Subscript) -> Reading:
        """x[1:2] as NumPy reads it; behind ∂L/∂x = as tidu's pages write it, counted from 1."""
        if self.page and id(node) not in self.shifted:
            key = _from_zero(node.slice)
            moved = ast.copy_location(ast.Subscript(node.value, key, ast.Load()), node)
            self.shifted.add(id(moved))
            self.kept.append(moved)
            self.seen.update(id(part) for part in ast.walk(node.slice))
            return (yield from self._as(node, moved))
        return (yield from super()._subscript(node))

    def _entry(self, node: Entry) -> Reading:
        """x₂, A₁,₂, x₁:₂ with indices from 1; xᵢ under a sum over i."""
        part = self._part(node.base, (yield node.base))
        rank = rank_of(part.value)
        parts = naming.indices(node.sub, rank)
        if parts is None:
            raise self.unknown_name(node, self.shown(node))
        if all(p in self.letters for p in parts) and len(parts) == rank:
            return (yield from self._labelled_entry(node, part, parts))
        keys = [self._key_from_one(p, node) for p in parts]
        key = keys[0] if len(keys) == 1 else ast.Tuple(keys, ast.Load())
        code = ast.Subscript(part, key, ast.Load())
        self.shifted.add(id(code))
        return (yield from self._as(node, code))

    def _key_from_one(self, part: str, node: ast.AST) -> ast.expr:
        if part.isdigit() and int(part) > 0:
            return constant(int(part) - 1)
        if ":" in part:
            low, _, high = part.partition(":")
            lower = constant(int(low) - 1) if low else None
            return ast.Slice(lower, constant(int(high)) if high else None, None)
        value = self._found(part) if part.isalpha() else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return constant(value - 1)
        raise self.unknown_name(node, part)

    def _labelled_entry(self, node: Entry, part: Any, parts: list[str]) -> Reading:
        """xᵢ as the whole of x along the axis of i."""
        if len(set(parts)) != len(parts):
            code: ast.expr = call("np.diagonal", part)
            parts = parts[:1]
        else:
            code = part
        order = sorted(parts, key=self.letters.index)
        if order != parts:
            code = ast.Attribute(code, "T", ast.Load())
        shape = shape_of(part.value)
        for letter, size in zip(parts, shape, strict=False):
            known = self.letter_sizes.setdefault(letter, size)
            if known != size:
                what = _RANGE(letter=letter, one=known, two=size)
                raise SyntaxProblem(what, place=self.place(node))
        first = self.letters.index(order[0])
        keys: list[ast.expr] = [
            ast.Slice() if letter in order else constant(None) for letter in self.letters[first:]
        ]
        while keys and isinstance(keys[0], ast.Constant):
            keys.pop(0)
        if any(isinstance(key, ast.Constant) for key in keys):
            code = ast.Subscript(code, ast.Tuple(keys, ast.Load()), ast.Load())
        return (yield from self._as(node, code, labelled=True))


def _from_zero(key: ast.expr) -> ast.expr:
    """An index that counts from 1 as one that counts from 0."""
    if isinstance(key, ast.Tuple):
        moved: Any = ast.Tuple([_from_zero(part) for part in key.elts], ast.Load())
    elif isinstance(key, ast.Slice):
        lower = key.lower if key.lower is None else _from_zero(key.lower)
        moved = ast.Slice(lower, key.upper, key.step)
    elif isinstance(key, ast.Constant) and isinstance(key.value, int):
        moved = ast.Constant(key.value - 1)
    else:
        return key
    return ast.copy_location(moved, key)


def _nested(function: str, arguments: list[Any]) -> Any:
    """max(a, b, c) as max(max(a, b), c)."""
    code = arguments[0]
    for argument in arguments[1:]:
        code = call(function, code, argument)
    return code


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
    return constant(int(value) if value == int(value) else value)


def _tuple(values: list[Any]) -> ast.expr:
    items = [
        Known(value=v, code=name(str(v))) if isinstance(v, Size) else constant(v) for v in values
    ]
    return ast.Tuple(list(items), ast.Load())


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _complementary(one: ast.expr | None, two: ast.expr) -> bool:
    """x > 0 and x ≤ 0."""
    if not isinstance(one, ast.Compare) or not isinstance(two, ast.Compare):
        return False
    opposite: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
    }  # fmt: skip
    if len(one.ops) != 1 or len(two.ops) != 1 or opposite[type(one.ops[0])] is not type(two.ops[0]):
        return False
    return all(
        ast.dump(a) == ast.dump(b)
        for a, b in ((one.left, two.left), (one.comparators[0], two.comparators[0]))
    )
