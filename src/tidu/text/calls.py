"""Calls in a text program: functions, methods, layers, declared functions, the text's own def."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from tidu.errors import InputError, Place, ShapeError, SyntaxProblem, TiduError, UnknownNameError
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Name
from tidu.ir.node import Node
from tidu.ir.types import shape_text
from tidu.nn import LAYERS, Layer, Linear, layer, parameter_specs, sequential
from tidu.ops.leaves import declared
from tidu.spellings import binding, functions
from tidu.spellings.functions import Entry
from tidu.spellings.operands import is_plain
from tidu.text.expressions import Expressions, Reading
from tidu.text.sequences import Functions, is_sequence
from tidu.text.values import (
    CREATORS,
    Declared,
    DTypeName,
    Function,
    Helper,
    Layers,
    Literal,
    Method,
    Value,
    check_dtype,
    converted,
    is_static,
)
from tidu.words import Phrase, Words, verbatim

MAX_CALL_DEPTH = 20

_NOT_CALLED = Words(en="{name} is a value, not a function", zh="{name} 是一个值，不是函数")
_TIMES = Words(en="{name} * ({argument})", zh="{name} * ({argument})")
_LENGTH = Words(en="{name} is a single number: it has no length", zh="{name} 是单个数，没有长度")
_RANDOM = Words(en="random numbers are not drawn inside a formula", zh="公式里不产生随机数")
_RANDOM_FIX = Words(
    en="give the array by name, with a seeded initialiser or a value",
    zh="给数组起个名字，用带种子的初始化方法或数值给出",
)
_CONVERSION = Words(
    en="{name}(…) turns a value into a plain number, of which no derivative can be taken",
    zh="{name}(…) 把值变成普通的数，就无法再求导",
)
_NO_METHOD = Words(en="arrays have no method {name} here", zh="这里的数组没有方法 {name}")
_TWO_LIBRARIES = Words(
    en="x.{name} means one thing in NumPy and another in PyTorch, and this text uses both",
    zh="x.{name} 在 NumPy 与 PyTorch 中意思不同，而这段文本两者都用了",
)
_SAY_LIBRARY = Words(
    en="np.{name}(x, …) or torch.{name}(x, …)", zh="np.{name}(x, …) 或 torch.{name}(x, …)"
)
_ARGUMENTS = Words(
    en="{name} takes {wanted} argument(s), got {got}",
    zh="{name} 有 {wanted} 个参数，这里给了 {got} 个",
)
_RECURSION = Words(
    en="{name} calls itself, or calls are nested more than {limit} deep",
    zh="{name} 调用了自己，或调用嵌套超过 {limit} 层",
)
_NO_RETURN = Words(
    en="{name} returns nothing: is a return missing?", zh="{name} 没有返回值：是不是漏了 return？"
)
_NOT_LAYER = Words(
    en="Sequential takes layers, not {value}", zh="Sequential 的参数应是层，而不是 {value}"
)
_PARAMETER = Words(
    en="{name} was declared with shape {given}, this layer needs {wanted}",
    zh="{name} 声明的形状是 {given}，而这一层需要 {wanted}",
)
_COLUMNS = Words(
    en="{x} {shape} is read as columns: one sample a column, W @ x + b",
    zh="{x} {shape} 按列读入：一列是一个样本，W @ x + b",
)
_CREATION = Words(en="{name} cannot be called with these arguments", zh="{name} 不能这样调用")


class Calls(Expressions):
    """Reads calls; `text.py` adds names and statements."""

    METHODS = frozenset({"astype", "to", "type", "requires_grad_"})

    inputs: dict[str, Node]
    parameters: list[str]
    libraries: set[str]
    scopes: list[dict[str, Value]]
    remarks: list[Phrase]
    layer_numbers: dict[Layers, int]
    linear_count: int

    def record(self, node: Node, name: Name) -> None:
        raise NotImplementedError

    def statement(self, statement: ast.stmt) -> Reading:
        raise NotImplementedError

    def called(
        self, node: ast.Call, function: Value, arguments: list[Any], keywords: dict[str, Any]
    ) -> Reading:
        place = self._callee_place(node.func)
        if isinstance(function, Helper):
            return (yield from self._inline(function, place, arguments, keywords))
        try:
            return self._known(node, function, place, arguments, keywords)
        except TiduError as error:
            raise error.at(place) from None

    def _callee_place(self, function: ast.expr) -> Place:
        return (
            self._member_place(function)
            if isinstance(function, ast.Attribute)
            else self.place(function)
        )

    def _known(
        self,
        node: ast.Call,
        function: Value,
        place: Place,
        arguments: list[Any],
        keywords: dict[str, Any],
    ) -> Value:
        match function:
            case Function():
                return self._function(node, function, place, arguments, keywords)
            case Method():
                return self._method(node, function, place, arguments, keywords)
            case Declared(name, order):
                self._no_keywords(name, keywords)
                values = [self.operand(v, a) for v, a in zip(arguments, node.args, strict=True)]
                if not values or (order and len(values) > 1):
                    raise InputError(_ARGUMENTS(name=name, wanted=1, got=len(values)))
                orders = (order,) if order else (0,) * len(values)
                nodes = [constant(v.array) if isinstance(v, Literal) else v for v in values]
                return self.apply(place, declared, *nodes, name=name, orders=orders)
            case Layers():
                if len(arguments) != 1 or keywords:
                    got = len(arguments) + len(keywords)
                    raise InputError(_ARGUMENTS(name=self.shown(node.func), wanted=1, got=got))
                return self._model(function, self.operand(arguments[0], node.args[0]), place)
            case DTypeName(name):
                return self._converted(node, name, arguments)
            case _:
                pass
        shown, whole = self.shown(node.func), self.shown(node)
        inside = whole[len(shown) :].strip().removeprefix(")").removeprefix("(").removesuffix(")")
        fix = _TIMES(name=shown, argument=inside) if len(node.args) == 1 and inside else None
        raise SyntaxProblem(_NOT_CALLED(name=shown), place=place, fix=fix)

    def _no_keywords(self, name: str, keywords: Mapping[str, Any]) -> None:
        if keywords:
            raise InputError(_ARGUMENTS(name=name, wanted=0, got=", ".join(keywords)))

    # -------------------------------------------------------------- functions
    def _function(
        self,
        node: ast.Call,
        function: Function,
        place: Place,
        arguments: list[Any],
        keywords: dict[str, Any],
    ) -> Value:
        library, _, name = function.path.rpartition(".")
        if library.endswith(".random") or library == "random":
            raise InputError(_RANDOM(), fix=_RANDOM_FIX())
        if library == "torch.nn" and (name in LAYERS or name == "Sequential"):
            return self._layers(name, arguments, keywords)
        if name in CREATORS and library in ("", "numpy", "torch", "jax.numpy"):
            return self._created(name, self.shown(node.func), arguments, keywords)
        if not library and name in ("float", "int", "bool", "complex"):
            return self._converted(node, name, arguments)
        pythons = Functions(self.weights, lambda a, b: self._added(a, b, node, place))
        if not library and pythons.takes(name, arguments, keywords):
            return pythons.call(name, arguments, keywords)
        arguments = [list(a) if isinstance(a, range) else a for a in arguments]
        if not library and name == "len" and len(arguments) == 1 and not keywords:
            owner = self.operand(arguments[0], node.args[0])
            shape = getattr(getattr(owner, "array", owner), "shape", ())
            if not shape:
                raise InputError(_LENGTH(name=self.shown(node.args[0])))
            return shape[0]
        entry = functions.find(function.path)
        if entry is None:
            raise functions.unknown(function.path, self.shown(node.func))
        entry = replace(entry, text=self.shown(node.func))
        if entry.lists:
            return self._of_lists(entry, place, arguments, keywords)
        return self._spelled(node, entry, place, arguments, keywords)

    def _added(self, left: Value, right: Value, node: ast.Call, place: Place) -> Value:
        """left + right in Python's sum, which begins with the whole number 0."""
        if type(left) is int and left == 0 and isinstance(right, Node) and right.dtype != "bool":
            return right
        return self.calculate("+", left, right, (node, node, node), place)

    def _of_lists(
        self, entry: Entry, place: Place, arguments: list[Any], keywords: dict[str, Any]
    ) -> Value:
        """A function that takes lists of arrays; lists of numbers stay lists here."""
        words = {key: self._lifted(value) for key, value in keywords.items()}
        return self.apply(place, lambda *xs: binding.build(entry, xs, words), *arguments)

    def _spelled(
        self,
        node: ast.AST,
        entry: Entry,
        place: Place,
        arguments: list[Any],
        keywords: dict[str, Any],
    ) -> Value:
        if "dtype" in keywords and "dtype" not in entry.attributes:
            check_dtype(keywords.pop("dtype"))
        operands, attributes = binding.bind(entry, arguments, keywords)
        values = [x if x is None or isinstance(x, str) else self.operand(x, node) for x in operands]
        for key in entry.free:
            if not is_plain(attributes.get(key)):
                attributes[key] = self.operand(attributes[key], node)

        def build(*xs: Any) -> Node:
            return binding.build(entry, xs, attributes)

        return self.apply(place, build, *values)

    def _created(
        self, name: str, shown: str, arguments: list[Any], keywords: dict[str, Any]
    ) -> Value:
        keywords = dict(keywords)
        check_dtype(keywords.pop("dtype", None))
        grad = bool(keywords.pop("requires_grad", False))
        if "shape" in keywords:
            arguments = [keywords.pop("shape"), *arguments]
        try:
            made = CREATORS[name](*arguments, **keywords)
        except TiduError:
            raise
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise InputError(_CREATION(name=shown)) from None
        return Literal(made.array, True) if grad and isinstance(made, Literal) else made

    def _converted(self, node: ast.Call, name: str, arguments: list[Any]) -> Value:
        if len(arguments) == 1 and is_static(arguments[0]):
            return converted(name, arguments[0])
        if name == "bool" and len(arguments) == 1 and is_sequence(arguments[0]):
            return bool(arguments[0])
        argument = self.shown(node.args[0]) if node.args else "x"
        raise InputError(_CONVERSION(name=name), fix=verbatim(argument))

    # -------------------------------------------------------------- methods
    def _method(
        self,
        node: ast.Call,
        method: Method,
        place: Place,
        arguments: list[Any],
        keywords: dict[str, Any],
    ) -> Value:
        owner = cast("Node | Literal", method.owner)
        match method.name:
            case "astype" | "to" | "type":
                check_dtype(arguments[0] if arguments else None)
                return owner
            case "requires_grad_":
                return Literal(owner.array, True) if isinstance(owner, Literal) else owner
            case _:
                pass
        order = ("torch", "numpy") if self.libraries == {"torch"} else ("numpy", "torch")
        found = functions.method(method.name, order)
        if not found:
            raise UnknownNameError(_NO_METHOD(name=method.name))
        if {"numpy", "torch"} <= self.libraries and len(found) > 1:
            first, second = found[:2]
            same = first.record is second.record or (
                not arguments and not keywords and not (first.as_written or second.as_written)
            )
            if dict(first.defaults) != dict(second.defaults) or not same:
                raise InputError(
                    _TWO_LIBRARIES(name=method.name), fix=_SAY_LIBRARY(name=method.name)
                )
        if found[0].lists:
            return self._of_lists(found[0], place, [owner, *arguments], keywords)
        return self._spelled(node, found[0], place, [owner, *arguments], keywords)

    # -------------------------------------------------------------- layers
    def _layers(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Layers:
        if name != "Sequential":
            return Layers((layer(name, *arguments, **keywords),))
        listed = arguments
        if len(arguments) == 1 and isinstance(arguments[0], list | tuple):
            listed = list(cast("list[Any]", arguments[0]))
        parts: list[Layer] = []
        for value in listed:
            if not isinstance(value, Layers):
                raise InputError(_NOT_LAYER(value=value))
            parts.extend(value.layers)
        return Layers(tuple(parts))

    def _model(self, model: Layers, x: Any, place: Place) -> Value:
        """The model applied. PyTorch reads rows; where only columns fit, that is read and said."""
        node = x if isinstance(x, Node) else constant(x.array if isinstance(x, Literal) else x)
        first = next((each for each in model.layers if isinstance(each, Linear)), None)
        layout = "row"
        if first is not None and node.rank == 2 and node.shape[1] != first.in_features:
            if node.shape[0] == first.in_features:
                layout = "column"
        if model not in self.layer_numbers:
            self.layer_numbers[model] = self.linear_count
            self.linear_count += sum(isinstance(each, Linear) for each in model.layers)
        offset = self.layer_numbers[model]
        given: dict[str, Node] = {}
        for spec in parameter_specs(model.layers, layout):
            given[spec.name] = self._parameter(_shifted(spec.name, offset), spec.shape)
        result = sequential(model.layers, node, layout, given)
        if layout == "column":
            remark = _COLUMNS(x=self._name_of(node), shape=shape_text(node.shape))
            if not any(remark == other for other in self.remarks):
                self.remarks.append(remark)
        for name, each in result.named.items():
            shifted = _shifted(name, offset)
            if shifted not in self.inputs:
                self.record(each, Name(shifted))
            self.places.setdefault(each, []).append(place)
        return result.output

    def _name_of(self, node: Node) -> str:
        return str(node.attrs["name"]) if node.op.role == "input" else "x"

    def _parameter(self, name: str, shape: tuple[int, ...]) -> Node:
        known = self.inputs.get(name)
        if known is None:
            known = self.inputs[name] = input_node(name, shape)
        elif known.shape != shape:
            what = _PARAMETER(name=name, given=shape_text(known.shape), wanted=shape_text(shape))
            raise ShapeError(what)
        if name not in self.parameters:
            self.parameters.append(name)
        return known

    # -------------------------------------------------------------- def
    def _inline(
        self, helper: Helper, place: Place, arguments: list[Any], keywords: dict[str, Any]
    ) -> Reading:
        """A call of a function that the text defines: its lines, with the arguments' values."""
        definition = helper.definition
        if len(self.scopes) > MAX_CALL_DEPTH:
            raise SyntaxProblem(_RECURSION(name=definition.name, limit=MAX_CALL_DEPTH), place=place)
        names = [argument.arg for argument in definition.args.args]
        defaults = definition.args.defaults
        local: dict[str, Value] = {}
        for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            local[name] = yield default
        local.update(zip(names, arguments, strict=False))
        local.update(keywords)
        if len(arguments) > len(names) or set(local) != set(names):
            got = len(arguments) + len(keywords)
            what = _ARGUMENTS(name=definition.name, wanted=len(names), got=got)
            raise SyntaxProblem(what, place=place)
        self.scopes.append(local)
        for statement in definition.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                result = yield statement.value
                self.scopes.pop()
                return result
            yield from self.statement(statement)
        raise SyntaxProblem(_NO_RETURN(name=definition.name), place=place)


def _shifted(name: str, offset: int) -> str:
    """W1 of the second model becomes W3 if the first has two linear layers."""
    return re.sub(r"\d+", lambda match: str(int(match.group()) + offset), name, count=1)
