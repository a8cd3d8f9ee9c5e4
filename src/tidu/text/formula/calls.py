"""What stands before brackets: a function of their content, or a factor beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Generator, Sequence
from typing import Any

from tidu.errors import SyntaxProblem, TiduError
from tidu.ir.types import Size
from tidu.spellings import binding, functions
from tidu.text.expressions import Reading
from tidu.text.formula.notes import Note, call, constant, name
from tidu.text.formula.sizes import rank_of, shape_of
from tidu.text.formula.syntax import Applied, Brackets, Chain, Formula, Known, Raised, Script
from tidu.text.formula.words import Named
from tidu.text.values import Declared, Function, Helper, Layers, Module
from tidu.words import Words

_PRIME = Words(
    en="the derivative of {name} is not known by a sign", zh="{name} 的导数不能用一撇表示"
)


class Calls(Named):
    """Reads words with brackets behind them."""

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
        self.notes[id(inner)] = Note(inner.code, lies and rank_of(value) == 1, self._labelled(code))
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
                    binding.call(spelling, [arguments[0].value], {})
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
        if not all(re.fullmatch("[0-9]{1,18}", part) for part in parts) or not {
            "axis",
            "shape",
        } & set(attributes):
            raise self.unknown_name(node.word, self.shown(node.word))
        if "axis" in attributes:
            axes = [int(part) - 1 for part in parts]
            if min(axes) < 0:
                raise self.unknown_name(node.word, self.shown(node.word))
            return ast.keyword("axis", tuple_of(axes) if len(axes) > 1 else constant(axes[0]))
        return ast.keyword("shape", tuple_of([int(part) for part in parts]))

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
        out = binding.call(spelling, [x], {})
        (slope,) = _listed(op.partials(x, out, **out.attrs))
        known = self._made(Known(value=slope, code=call(f"{function}′", arguments[0].code)), node)
        self.notes[id(known)] = Note(known.code)
        return known


def _nested(function: str, arguments: list[Any]) -> Any:
    """max(a, b, c) as max(max(a, b), c)."""
    code = arguments[0]
    for argument in arguments[1:]:
        code = call(function, code, argument)
    return code


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def tuple_of(values: list[Any]) -> ast.expr:
    items = [
        Known(value=v, code=name(str(v))) if isinstance(v, Size) else constant(v) for v in values
    ]
    return ast.Tuple(list(items), ast.Load())
