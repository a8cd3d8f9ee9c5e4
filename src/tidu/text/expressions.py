"""Expressions of a text program, read from Python's syntax tree by a whitelist.

Each kind of expression is a generator that yields the expressions it needs and receives their
values; `Expressions.drive` runs them from a list, so no depth of nesting exhausts Python's stack.
What is not on the whitelist is refused by name; nothing is ever run as code.
"""

from __future__ import annotations

import ast
import cmath
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, cast

from tidu.errors import InputError, Place, SyntaxProblem, TiduError, UnknownNameError
from tidu.ir.build import constant, describe
from tidu.ir.node import Node
from tidu.ir.op import operator
from tidu.ir.types import Shape, Size, product
from tidu.ops.elementwise.comparison import logical_and, logical_not, logical_or, where
from tidu.ops.elementwise.parts import imag, real
from tidu.spellings import functions
from tidu.text.lexer import Text
from tidu.text.sequences import (
    Weights,
    bits,
    calculated,
    compared,
    index,
    is_of_sequences,
    is_sequence,
    is_true,
    items,
    unary,
)
from tidu.text.values import (
    COMPARISONS,
    Function,
    Literal,
    Method,
    Module,
    Value,
    bounded,
    fold,
    is_static,
    member,
    numeric,
    reference,
)
from tidu.words import Words, verbatim

Reading = Generator[ast.expr, Any, Any]

MAX_STEPS = 20_000  # statements and expressions, those of a loop each time that it reads them

_NOT_PART = Words(en="{what} is not part of the formula language", zh="公式语言里没有{what}")
_POWER = Words(en="^ is not power here", zh="这里 ^ 不是乘方")
_FLOOR = Words(
    en="{sign} has no derivative in tidu; it is read between plain numbers only",
    zh="tidu 不对 {sign} 求导，只在写明的数之间使用",
)
_STEPS = Words(
    en="the program takes more than {limit} steps to read", zh="读这段程序需要超过 {limit} 步"
)
_ATTRIBUTE = Words(
    en="attribute {name} is not part of the formula language", zh="公式语言里没有属性 {name}"
)
_ATTRIBUTES = Words(
    en="an array has .T, .mT, .shape, .ndim, .size, and methods such as .sum()",
    zh="数组有 .T、.mT、.shape、.ndim、.size，以及 .sum() 之类的方法",
)
_OPERAND = Words(en="cannot calculate with {value}", zh="不能用 {value} 做计算")
_CONDITION = Words(
    en="a condition must be a comparison, {value} holds numbers",
    zh="条件应当是比较式，{value} 是数",
)
_CONDITION_FIX = Words(en="{value} > 0", zh="{value} > 0")
_INDEX = Words(en="{key} is no index of {value}", zh="{key} 不能作 {value} 的下标")
_NO_NUMBER = Words(en="{text} is no real number", zh="{text} 不是实数")

_EXPRESSIONS: Mapping[type[ast.AST], Words] = {
    ast.Lambda: Words(en="lambda", zh=" lambda"),
    ast.JoinedStr: Words(en="an f-string", zh=" f-string"),
    ast.NamedExpr: Words(en=":= (an assignment inside an expression)", zh=" :=（表达式内的赋值）"),
    ast.ListComp: Words(en="a list comprehension", zh="列表推导式"),
    ast.SetComp: Words(en="a set comprehension", zh="集合推导式"),
    ast.DictComp: Words(en="a dict comprehension", zh="字典推导式"),
    ast.GeneratorExp: Words(en="a generator expression", zh="生成器表达式"),
    ast.Dict: Words(en="a dict", zh="字典"),
    ast.Set: Words(en="a set", zh="集合"),
    ast.Await: Words(en="await", zh=" await"),
    ast.Yield: Words(en="yield", zh=" yield"),
    ast.YieldFrom: Words(en="yield", zh=" yield"),
    ast.Starred: Words(en="* before an argument", zh="参数前的 *"),
}
_OTHER = Words(en="this expression", zh="这种表达式")
_DEF = Words(en="def f(x): return …", zh="def f(x): return …")
_LINE = Words(en="an assignment on a line of its own", zh="单独写一行赋值")
_LOOP = Words(en="an array operation, or a for loop", zh="数组运算，或 for 循环")
_FIXES: Mapping[type[ast.AST], Words] = {
    ast.Lambda: _DEF,
    ast.NamedExpr: _LINE,
    ast.ListComp: _LOOP,
    ast.GeneratorExp: _LOOP,
}

_BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_LOGIC: Mapping[str, Callable[..., Node]] = {"&": logical_and, "|": logical_or}


# Attributes of an array that its shape answers.
_PARTS = {op.name: op for op in (real, imag)}  # z.real, z.imag
_OF_SHAPE: Mapping[str, Callable[[Shape], Value]] = {"shape": tuple, "ndim": len, "size": product}


class Expressions:
    """Reads expressions: names, numbers, operators, calls, attributes, indices."""

    METHODS: frozenset[str] = frozenset()  # method names that are no ops
    READS_ALL = False  # also what `and` and `or` do not need

    def __init__(self, text: Text) -> None:
        self.text = text
        self.steps = 0
        self.weights = Weights()
        self._reader = self._readers()
        self.places: dict[Node, list[Place]] = {}

    # -------------------------------------------------------------- driving
    def value(self, expression: ast.expr) -> Value:
        """The value of an expression."""
        return cast(Value, self.drive(self._start(expression)))

    def drive(self, reading: Reading) -> Any:
        """Runs a reading and all that it asks for."""
        stack = [reading]
        result: Any = None
        while stack:
            try:
                wanted = stack[-1].send(result)
            except StopIteration as done:
                stack.pop()
                result = done.value
            else:
                stack.append(self._start(wanted))
                result = None
        return result

    def _start(self, expression: ast.expr) -> Reading:
        self.count_step(expression)
        reader = self._reader.get(type(expression))
        if reader is None:
            raise self.refusal(expression)
        return reader(expression)

    def count_step(self, node: ast.AST) -> None:
        """One more statement or expression; loops and calls read theirs again."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise SyntaxProblem(_STEPS(limit=MAX_STEPS), place=self.place(node))

    def _readers(self) -> Mapping[type[ast.AST], Callable[[Any], Reading]]:
        return {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.BoolOp: self._boolean,
            ast.IfExp: self._choice,
            ast.Call: self._call,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Slice: self._slice,
            ast.Tuple: self._tuple,
            ast.List: self._list,
        }

    def refusal(self, node: ast.AST) -> SyntaxProblem:
        """The error for syntax that is not on the whitelist."""
        fix = _FIXES.get(type(node))
        what = _EXPRESSIONS.get(type(node), _OTHER)
        return SyntaxProblem(
            _NOT_PART(what=what), place=self.place(node), fix=None if fix is None else fix()
        )

    # -------------------------------------------------------------- places
    def place(self, node: ast.AST) -> Place:
        """The place of a whole syntax node, cut at the end of its first line."""
        at = cast(Any, node)
        line = at.lineno - 1
        start = self._column(line, at.col_offset)
        same = at.end_lineno == at.lineno
        end = self._column(line, at.end_col_offset) if same else len(self.text.lines[line])
        return self.text.place(line, start, end)

    def _column(self, line: int, offset: int) -> int:
        """The tree counts bytes of UTF-8; carets count characters."""
        return self.text.column_at(line, offset)

    def sign_place(self, left: ast.expr, right: ast.expr, sign: str) -> Place:
        """The operator between two operands: after the left one, its brackets and comments."""
        line = cast(int, left.end_lineno) - 1
        column = self._column(line, cast(int, left.end_col_offset))
        while line < right.lineno:
            shown = (
                self.text.lines[line].partition("#")[0]
                if "#" in self.text.lines[line]
                else (self.text.lines[line])
            )
            at = shown.find(sign, column)
            if at >= 0:
                return self.text.place(line, at, at + len(sign))
            line, column = line + 1, 0
        return self.place(right)

    def apply(
        self, place: Place, build: Callable[..., Any], *operands: Any, **attributes: Any
    ) -> Value:
        """A node built by `build`, with its place; of written arrays, an array again."""
        literals = [x for x in _flat(operands) if isinstance(x, Literal)]
        nodes = any(isinstance(x, Node) for x in _flat(operands))
        try:
            result = build(*(self._lifted(x) for x in operands), **attributes)
            if literals and not nodes and isinstance(result, Node):
                return Literal(reference(result), any(x.requires_grad for x in literals))
        except TiduError as error:
            raise error.at(place) from None
        if isinstance(result, Node):
            self.places.setdefault(result, []).append(place)
        return result

    def _lifted(self, value: Any) -> Any:
        if isinstance(value, Literal):
            return constant(value.array)
        if isinstance(value, tuple | list):
            lifted = [self._lifted(item) for item in cast("tuple[Any, ...]", value)]
            return tuple(lifted) if isinstance(value, tuple) else lifted
        return value

    def operand(self, value: Value, node: ast.AST) -> Any:
        """A value that can be calculated with; lists of numbers count as arrays."""
        if isinstance(value, tuple | list | range):
            try:
                return Literal(numeric(items(self.weights, value, "array")))
            except TiduError as error:
                raise error.at(self.place(node)) from None
        if isinstance(value, Node | Literal) or is_static(value):
            return value
        if isinstance(value, Function) and value.path == value.shown and isinstance(node, ast.Name):
            raise self.unknown_name(node, node.id)
        raise SyntaxProblem(_OPERAND(value=self.shown(node)), place=self.place(node))

    def shown(self, node: ast.AST) -> str:
        """A piece of the text as the user wrote it."""
        place = self.place(node)
        return (place.text or "")[place.start : place.end]

    # -------------------------------------------------------------- leaves
    def _constant(self, node: ast.Constant) -> Reading:
        value = node.value
        if isinstance(value, bytes) or (isinstance(value, complex) and not cmath.isfinite(value)):
            raise SyntaxProblem(_NO_NUMBER(text=self.shown(node)), place=self.place(node))
        if isinstance(value, int):
            try:
                return bounded(value, self.shown(node)) if not isinstance(value, bool) else value
            except TiduError as error:
                raise error.at(self.place(node)) from None
        return value
        yield  # a generator that needs no other expression

    def _name(self, node: ast.Name) -> Reading:
        return self.lookup(node)
        yield

    def lookup(self, node: ast.Name) -> Value:
        """What a name stands for; `text.py` keeps the names."""
        raise NotImplementedError

    def lookup_function(self, node: ast.Name) -> Value:
        raise NotImplementedError

    def unknown_name(self, node: ast.AST, name: str) -> TiduError:
        raise NotImplementedError

    def called(
        self, node: ast.Call, function: Value, arguments: list[Any], keywords: dict[str, Any]
    ) -> Reading:
        raise NotImplementedError

    def _tuple(self, node: ast.Tuple) -> Reading:
        parts: list[Any] = []
        for item in node.elts:
            parts.append((yield item))
        return self._sequence(tuple(parts), node)

    def _list(self, node: ast.List) -> Reading:
        parts: list[Any] = []
        for item in node.elts:
            parts.append((yield item))
        return self._sequence(parts, node)

    def _sequence(self, sequence: Any, node: ast.AST) -> Any:
        try:
            return self.weights.made(sequence)
        except TiduError as error:
            raise error.at(self.place(node)) from None

    # -------------------------------------------------------------- operators
    def _binary(self, node: ast.BinOp) -> Reading:
        left = yield node.left
        right = yield node.right
        return self.combine(node.op, left, right, node.left, node.right, node)

    def combine(
        self, op: ast.operator, left: Value, right: Value, a: ast.expr, b: ast.expr, whole: ast.AST
    ) -> Value:
        """`left op right` for a binary operator and for an augmented assignment."""
        sign = _BINARY[type(op)]
        place = self.sign_place(a, b, sign)
        if sign in ("^", "<<", ">>"):
            self._refuse_bits(sign, a, b, place)
        try:
            return self.calculate(sign, left, right, (a, b, whole), place)
        except TiduError as error:
            raise error.at(place) from None

    def calculate(
        self, sign: str, left: Value, right: Value, nodes: Sequence[ast.AST], place: Place
    ) -> Value:
        """`left sign right`; nodes: both operands and the whole, as they are written."""
        a, b, whole = nodes
        if is_of_sequences(left, right):
            shown = self.shown(a if isinstance(left, list) else b)
            return calculated(self.weights, sign, left, right, shown)
        left, right = self.operand(left, a), self.operand(right, b)
        if sign in _LOGIC:
            if is_static(left) and is_static(right):
                return bits(sign, left, right)
            return self._logic(sign, left, right, place)
        if is_static(left) and is_static(right):
            folded = fold(sign, left, right, self.shown(whole))
            if folded is not NotImplemented:
                return folded
        if sign in ("//", "%"):
            raise SyntaxProblem(_FLOOR(sign=sign), place=place)
        return self.apply(place, operator(sign), left, right)

    def _refuse_bits(self, sign: str, a: ast.expr, b: ast.expr, place: Place) -> None:
        if sign == "^":
            fix = verbatim(f"{self.shown(a)}**{self.shown(b)}")
            raise SyntaxProblem(_POWER(), place=place, fix=fix)
        raise SyntaxProblem(_NOT_PART(what=sign), place=place)

    def _logic(self, sign: str, left: Any, right: Any, place: Place) -> Value:
        if is_static(left) and is_static(right):
            return bool(left) & bool(right) if sign == "&" else bool(left) | bool(right)
        for value in (left, right):
            self.check_condition(value, place)
        return self.apply(place, _LOGIC[sign], left, right)

    def check_condition(self, value: Any, place: Place) -> None:
        if isinstance(value, Node) and value.dtype != "bool":
            text = describe(value)
            raise InputError(_CONDITION(value=text), place=place, fix=_CONDITION_FIX(value=text))

    def _unary(self, node: ast.UnaryOp) -> Reading:
        value = yield node.operand
        place = self.text.place(node.lineno - 1, *self._sign_span(node))
        if is_sequence(value) or isinstance(node.op, ast.Invert):
            if not isinstance(value, Node | Literal):
                try:
                    return unary(type(node.op), value, self.shown(node.operand))
                except TiduError as error:
                    raise error.at(place) from None
        value = self.operand(value, node.operand)
        if isinstance(node.op, ast.UAdd):
            return value
        if isinstance(node.op, ast.USub):
            if is_static(value):
                return -1 * value if isinstance(value, Size) else -value
            return self.apply(place, operator("neg"), value)
        if is_static(value):
            return not value
        self.check_condition(value, place)
        return self.apply(place, logical_not, value)

    def _sign_span(self, node: ast.UnaryOp) -> tuple[int, int]:
        start = self._column(node.lineno - 1, node.col_offset)
        return start, start + (3 if isinstance(node.op, ast.Not) else 1)

    def _compare(self, node: ast.Compare) -> Reading:
        parts = [node.left, *node.comparators]
        values: list[Any] = []
        for part in parts:
            values.append((yield part))
        result: Any = None
        for at, op in enumerate(node.ops):
            if result is False and not self.READS_ALL:
                break  # Python does not look at the rest
            one = self._pair(node, op, (values[at], values[at + 1]), (parts[at], parts[at + 1]))
            if result is None or result is True:
                result = one
            else:
                result = self._logic("&", result, one, self.place(node))
        return result

    def _pair(
        self,
        node: ast.Compare,
        op: ast.cmpop,
        values: tuple[Any, Any],
        parts: tuple[ast.expr, ast.expr],
    ) -> Any:
        """One comparison of a chain."""
        if type(op) not in COMPARISONS:
            raise SyntaxProblem(
                _NOT_PART(what=Words(en="is / in", zh=" is / in")), place=self.place(node)
            )
        sign, decide = COMPARISONS[type(op)]
        place = self.sign_place(*parts, sign)
        if is_of_sequences(*values):
            try:
                return compared(sign, decide, *values, self.shown(node))
            except TiduError as error:
                raise error.at(place) from None
        left, right = self.operand(values[0], parts[0]), self.operand(values[1], parts[1])
        if all(is_static(v) and not isinstance(v, Size | complex) for v in (left, right)):
            return decide(left, right)
        return self.apply(place, operator(sign), left, right)

    def _boolean(self, node: ast.BoolOp) -> Reading:
        """As Python: what is known decides whether the next value is needed, and is the result."""
        sign = "&" if isinstance(node.op, ast.And) else "|"
        result = yield node.values[0]
        before = node.values[0]
        for part in node.values[1:]:
            truth = is_true(result)
            needed = truth is None or truth == (sign == "&")
            if not needed and not self.READS_ALL:
                continue
            value = yield part
            if truth is not None:
                result = value if needed else result
            elif is_sequence(value):
                raise SyntaxProblem(_OPERAND(value=self.shown(part)), place=self.place(part))
            else:
                result, value = self.operand(result, before), self.operand(value, part)
                result = self._logic(sign, result, value, self.place(part))
            before = part
        return result

    def _choice(self, node: ast.IfExp) -> Reading:
        condition = yield node.test
        truth = is_true(condition)
        if truth is not None:
            return (yield node.body if truth else node.orelse)
        condition = self.operand(condition, node.test)
        if is_static(condition):
            return (yield node.body if condition else node.orelse)
        branches: list[Any] = []
        for part in (node.body, node.orelse):
            value = yield part
            if is_sequence(value):
                raise SyntaxProblem(_OPERAND(value=self.shown(part)), place=self.place(part))
            branches.append(self.operand(value, part))
        yes, no = branches
        place = self.place(node.test)
        self.check_condition(condition, place)
        return self.apply(place, where, condition, yes, no)

    # -------------------------------------------------------------- parts of a value
    def _attribute(self, node: ast.Attribute) -> Reading:
        owner = yield node.value
        return self.attribute(owner, node)

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        name = node.attr
        if isinstance(owner, Module):
            return member(owner, name, functions.CONSTANTS)
        if isinstance(owner, Node | Literal):
            shape = owner.shape if isinstance(owner, Node) else owner.array.shape
            if name in _OF_SHAPE:
                return _OF_SHAPE[name](shape)
            match name:
                case "T":
                    return self.apply(self._member_place(node), lambda x: x.T, owner)
                case "mT":
                    return self.apply(self._member_place(node), lambda x: x.mT, owner)
                case _ if name in _PARTS:
                    return self.apply(self._member_place(node), _PARTS[name], owner)
                case _ if functions.method(name) or name in self.METHODS:
                    return Method(owner, name)
                case _:
                    pass
        if isinstance(owner, tuple) and name in getattr(owner, "_fields", ()):
            return getattr(owner, name)  # one of several results: torch.max(x, 1).values
        if isinstance(owner, Function):
            raise UnknownNameError(
                _NOT_PART(what=verbatim_words(f"{owner.shown}.{name}")), place=self.place(node)
            )
        raise SyntaxProblem(
            _ATTRIBUTE(name=name), place=self._member_place(node), why=_ATTRIBUTES()
        )

    def _member_place(self, node: ast.Attribute) -> Place:
        line = cast(int, node.end_lineno) - 1
        end = self._column(line, cast(int, node.end_col_offset))
        return self.text.place(line, end - len(node.attr), end)

    def _subscript(self, node: ast.Subscript) -> Reading:
        value = yield node.value
        key = yield node.slice
        place = self.place(node.slice)
        if is_sequence(value):
            try:
                return self._made_part(index(value, key))
            except (IndexError, TypeError, ValueError) as error:
                if isinstance(error, TiduError):
                    raise error.at(place) from None
                shown = _INDEX(key=self.shown(node.slice), value=self.shown(node.value))
                raise SyntaxProblem(shown, place=place) from None
        value = self.operand(value, node.value)
        if is_static(value):
            value = constant(value)
        try:
            return self.apply(place, lambda x: x[self._key(key)], value)
        except (IndexError, TypeError, ValueError) as error:
            if isinstance(error, TiduError):
                raise
            shown = _INDEX(key=self.shown(node.slice), value=self.shown(node.value))
            raise SyntaxProblem(shown, place=place) from None

    def _made_part(self, part: Any) -> Any:
        return self.weights.made(part) if isinstance(part, tuple | list) else part

    def _key(self, key: Any) -> Any:
        if isinstance(key, range):
            key = items(self.weights, key, "index")
        if isinstance(key, tuple):
            return tuple(self._key(item) for item in cast("tuple[Any, ...]", key))
        if isinstance(key, list):
            return [self._key(item) for item in cast("list[Any]", key)]
        return key.array if isinstance(key, Literal) else key

    def _slice(self, node: ast.Slice) -> Reading:
        parts: list[Any] = []
        for part in (node.lower, node.upper, node.step):
            parts.append(None if part is None else (yield part))
        return slice(*parts)

    # -------------------------------------------------------------- calls
    def _call(self, node: ast.Call) -> Reading:
        if isinstance(node.func, ast.Name):
            function = self.lookup_function(node.func)
        else:
            function = yield node.func
        arguments: list[Any] = []
        for argument in node.args:
            arguments.append((yield argument))
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise SyntaxProblem(
                    _NOT_PART(what=Words(en="** before an argument", zh="参数前的 **")),
                    place=self.place(keyword.value),
                )
            keywords[keyword.arg] = yield keyword.value
        return (yield from self.called(node, function, arguments, keywords))


def verbatim_words(text: str) -> Words:
    """A name that reads the same in both languages, as a template without arguments."""
    safe = text.replace("{", "").replace("}", "")
    return Words(en=safe, zh=" " + safe)


def _flat(values: tuple[Any, ...]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, tuple | list):
            flat.extend(_flat(tuple(cast("tuple[Any, ...]", value))))
        else:
            flat.append(value)
    return flat
