"""Calls in a text program: functions, methods, layers, declared functions, the text's own def."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tidu.errors import InputError, Place, ShapeError, SyntaxProblem, TiduError, UnknownNameError
from tidu.ir.build import constant, input_node
from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.ir.types import shape_text
from tidu.nn import LAYERS, Layer, Linear, layer, parameter_specs, sequential
from tidu.ops.leaves import declared
from tidu.spellings import binding, functions
from tidu.spellings.functions import Entry
from tidu.spellings.operands import is_plain
from tidu.text.arrays import CREATORS, check_dtype
from tidu.text.operations import CONVERSIONS, apply, calculable, calculate, lifted, with_place
from tidu.text.scope import Scope
from tidu.text.sequences import Functions, is_sequence, takes
from tidu.text.task import Task, wait
from tidu.text.values import (
    Calculable,
    Declared,
    DTypeName,
    FunctionName,
    Helper,
    Layers,
    Literal,
    Method,
    PlacedValue,
    Value,
    converted,
    is_static,
    shape_of,
    shown,
)
from tidu.text.whitelist import read_statement, wait_for_expression
from tidu.words import Words, verbatim

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


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; place: of the function's own name; whole: of all."""

    function: PlacedValue
    place: Place
    arguments: tuple[PlacedValue, ...]
    keywords: Mapping[str, Value]
    whole: Place

    @property
    def values(self) -> list[Value]:
        return [argument.value for argument in self.arguments]

    @property
    def shown(self) -> str:
        """Return the function's name as it is written."""
        return self.function.shown


def called(scope: Scope, call: Call) -> Task[Value]:
    """Return the value of a call."""
    function = call.function.value
    if isinstance(function, Helper):
        return (yield from _inlined(scope, function, call))
    return call_known(scope, call)


def call_known(scope: Scope, call: Call) -> Value:
    """Return the value of a call of anything but a def of the text."""
    return with_place(call.place, lambda: _known(scope, call))


def _known(scope: Scope, call: Call) -> Value:
    match call.function.value:
        case FunctionName() as function:
            return _function(scope, function, call)
        case Method() as method:
            return _method(scope, method, call)
        case Declared(name, order):
            return _declared(scope, name, order, call)
        case Layers() as model:
            if len(call.arguments) != 1 or call.keywords:
                got = len(call.arguments) + len(call.keywords)
                raise InputError(_ARGUMENTS(name=call.shown, wanted=1, got=got))
            return _model(scope, model, calculable(scope, call.arguments[0]), call.place)
        case DTypeName(name):
            return _converted(name, call)
        case _:
            raise _not_called(call)


def _not_called(call: Call) -> SyntaxProblem:
    inside = shown(call.whole)[len(call.shown) :].strip()
    inside = inside.removeprefix(")").removeprefix("(").removesuffix(")")
    single = len(call.arguments) == 1 and inside
    fix = _TIMES(name=call.shown, argument=inside) if single else None
    return SyntaxProblem(_NOT_CALLED(name=call.shown), place=call.place, fix=fix)


def _declared(scope: Scope, name: str, order: int, call: Call) -> Value:
    """Return the call of a function that the caller declared, or of its derivative."""
    if call.keywords:
        raise InputError(_ARGUMENTS(name=name, wanted=0, got=", ".join(call.keywords)))
    values = [lifted(calculable(scope, argument)) for argument in call.arguments]
    if not values or (order and len(values) > 1):
        raise InputError(_ARGUMENTS(name=name, wanted=1, got=len(values)))
    orders = (order,) if order else (0,) * len(values)
    return apply(scope, call.place, declared, *values, name=name, orders=orders)


# ------------------------------------------------------------------ functions
def _function(scope: Scope, function: FunctionName, call: Call) -> Value:
    library, _, name = function.path.rpartition(".")
    if library.endswith(".random") or library == "random":
        raise InputError(_RANDOM(), fix=_RANDOM_FIX())
    if library == "torch.nn" and (name in LAYERS or name == "Sequential"):
        return _layers(name, call)
    if name in CREATORS and library in ("", "numpy", "torch", "jax.numpy"):
        return _created(name, call)
    if not library:
        if name in ("float", "int", "bool", "complex"):
            return _converted(name, call)
        pythons = Functions(lambda a, b: _added(scope, a, b, call))
        if takes(name, call.values, call.keywords):
            return pythons.call(name, call.values, call.keywords)
        if name == "len" and len(call.arguments) == 1 and not call.keywords:
            return _length(scope, call.arguments[0])
    entry = functions.find(function.path)
    if entry is None:
        raise functions.unknown(function.path, call.shown)
    return _spelled(scope, replace(entry, text=call.shown), [*map(_listed, call.values)], call)


def _added(scope: Scope, left: Value, right: Value, call: Call) -> Value:
    """Return left + right as Python's sum adds them, beginning with the whole number 0."""
    if type(left) is int and left == 0 and isinstance(right, Node) and right.dtype != "bool":
        return right
    one, two = PlacedValue(left, call.whole), PlacedValue(right, call.whole)
    return calculate(scope, "+", one, two, call.whole, call.place)


def _length(scope: Scope, argument: PlacedValue) -> Value:
    shape = shape_of(calculable(scope, argument))
    if not shape:
        raise InputError(_LENGTH(name=argument.shown))
    return shape[0]


def _listed(value: Value) -> Value:
    """Return a range as a list of its numbers."""
    numbers: list[Value] = [*value] if isinstance(value, range) else []
    return numbers if isinstance(value, range) else value


def _spelled(scope: Scope, entry: Entry, values: Sequence[Value], call: Call) -> Value:
    """Return the call of a function that the table of names has."""
    if entry.lists:  # of arrays; lists of numbers stay lists here
        words = {key: lifted(value) for key, value in call.keywords.items()}
        return apply(scope, call.place, lambda *xs: binding.build(entry, xs, words), *values)
    keywords = dict(call.keywords)
    if "dtype" in keywords and "dtype" not in entry.attributes:
        check_dtype(keywords.pop("dtype"))
    operands, attributes = binding.bind(entry, values, keywords)

    def usable(value: Value) -> Value:
        return calculable(scope, PlacedValue(value, call.whole))

    given = [x if x is None or isinstance(x, str) else usable(x) for x in operands]
    for key in entry.free:
        if not is_plain(attributes.get(key)):
            attributes[key] = usable(attributes[key])
    return apply(scope, call.place, lambda *xs: binding.build(entry, xs, attributes), *given)


def _created(name: str, call: Call) -> Value:
    """Return an array that is written down: np.array([1, 2]), ones(2, 3)."""
    keywords, arguments = dict(call.keywords), call.values
    check_dtype(keywords.pop("dtype", None))
    grad = bool(keywords.pop("requires_grad", False))
    if "shape" in keywords:
        arguments = [keywords.pop("shape"), *arguments]
    try:
        made = CREATORS[name](*arguments, **keywords)
    except TiduError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise InputError(_CREATION(name=call.shown)) from None
    return Literal(made.array, True) if grad and isinstance(made, Literal) else made


def _converted(name: str, call: Call) -> Value:
    """Return float, int, bool or complex of a known number, or bool of a sequence."""
    first = call.arguments[0] if call.arguments else None
    if first is not None and len(call.arguments) == 1:
        if is_static(first.value):
            return converted(name, first.value)
        if name == "bool" and is_sequence(first.value):
            return bool(first.value)
    raise InputError(_CONVERSION(name=name), fix=verbatim("x" if first is None else first.shown))


# ------------------------------------------------------------------ methods
def _method(scope: Scope, method: Method, call: Call) -> Value:
    owner = method.owner
    if method.name == "requires_grad_":
        return Literal(owner.array, True) if isinstance(owner, Literal) else owner
    if method.name in CONVERSIONS:
        check_dtype(call.values[0] if call.arguments else None)
        return owner
    order = ("torch", "numpy") if scope.libraries == frozenset({"torch"}) else ("numpy", "torch")
    meanings = functions.method(method.name, order)
    if not meanings:
        raise UnknownNameError(_NO_METHOD(name=method.name))
    if {"numpy", "torch"} <= scope.libraries and len(meanings) > 1:
        given = bool(call.arguments or call.keywords)
        _check_one_meaning(method.name, meanings[0], meanings[1], given)
    return _spelled(scope, meanings[0], [owner, *call.values], call)


def _check_one_meaning(name: str, first: Entry, second: Entry, given: bool) -> None:
    """Refuse a method that two libraries of the text define differently."""
    written = first.as_written or second.as_written
    same = first.record is second.record or not (given or written)
    if dict(first.defaults) != dict(second.defaults) or not same:
        raise InputError(_TWO_LIBRARIES(name=name), fix=_SAY_LIBRARY(name=name))


# ------------------------------------------------------------------ layers
def _layers(name: str, call: Call) -> Layers:
    if name != "Sequential":
        return Layers((layer(name, *call.values, **call.keywords),))
    values = call.values
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = list(values[0])
    parts: list[Layer] = []
    for value in values:
        if not isinstance(value, Layers):
            raise InputError(_NOT_LAYER(value=value))
        parts.extend(value.layers)
    return Layers(tuple(parts))


def _model(scope: Scope, model: Layers, x: Calculable, place: Place) -> Value:
    """Return a layer or model applied to its input. PyTorch reads rows; where only columns fit,
    they are read, and a note says so."""
    node = x if isinstance(x, Node) else constant(x.array if isinstance(x, Literal) else x)
    first = next((each for each in model.layers if isinstance(each, Linear)), None)
    layout = "row"
    if first is not None and node.rank == 2 and node.shape[1] != first.in_features:
        if node.shape[0] == first.in_features:
            layout = "column"
    if model not in scope.layer_numbers:
        scope.layer_numbers[model] = scope.linear_count
        scope.linear_count += sum(isinstance(each, Linear) for each in model.layers)
    offset = scope.layer_numbers[model]
    given: dict[str, Node] = {}
    for spec in parameter_specs(model.layers, layout):
        given[spec.name] = _parameter(scope, _shifted(spec.name, offset), spec.shape)
    result = sequential(model.layers, node, layout, given)
    if layout == "column":
        name = str(node.attrs["name"]) if node.op.role == "input" else "x"
        remark = _COLUMNS(x=name, shape=shape_text(node.shape))
        if remark not in scope.remarks:
            scope.remarks.append(remark)
    for name, each in result.named.items():
        shifted = _shifted(name, offset)
        if shifted not in scope.inputs:
            scope.assigned.append((each, Name(shifted)))
        scope.places.setdefault(each, []).append(place)
    return result.output


def _parameter(scope: Scope, name: str, shape: tuple[int, ...]) -> Node:
    known = scope.inputs.get(name)
    if known is None:
        known = scope.inputs[name] = input_node(name, shape)
    elif known.shape != shape:
        what = _PARAMETER(name=name, given=shape_text(known.shape), wanted=shape_text(shape))
        raise ShapeError(what)
    if name not in scope.parameters:
        scope.parameters.append(name)
    return known


def _shifted(name: str, offset: int) -> str:
    """Return a parameter's name counted on from earlier models: W1 becomes W3 behind two layers."""
    return re.sub(r"\d+", lambda match: str(int(match.group()) + offset), name, count=1)


# ------------------------------------------------------------------ def
def _inlined(scope: Scope, helper: Helper, call: Call) -> Task[Value]:
    """Return the call of a function that the text defines: its lines are read with the arguments'
    values."""
    definition, place = helper.definition, call.place
    if len(scope.locals) > MAX_CALL_DEPTH:
        raise SyntaxProblem(_RECURSION(name=definition.name, limit=MAX_CALL_DEPTH), place=place)
    names = [argument.arg for argument in definition.args.args]
    defaults = definition.args.defaults
    local: dict[str, Value] = {}
    for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
        local[name] = (yield from wait_for_expression(scope, default)).value
    local.update(zip(names, call.values, strict=False))
    local.update(call.keywords)
    if len(call.arguments) > len(names) or set(local) != set(names):
        got = len(call.arguments) + len(call.keywords)
        what = _ARGUMENTS(name=definition.name, wanted=len(names), got=got)
        raise SyntaxProblem(what, place=place)
    scope.locals.append(local)
    for line in definition.body:
        if isinstance(line, ast.Return) and line.value is not None:
            result = yield from wait_for_expression(scope, line.value)
            scope.locals.pop()
            return result.value
        yield from wait(read_statement(scope, line))
    raise SyntaxProblem(_NO_RETURN(name=definition.name), place=place)
