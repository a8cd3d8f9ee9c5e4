"""The text door: a program as text, read into a graph. Nothing of it is ever run as code.

The text is scanned (`lexical`), parsed by Python's own parser into a syntax tree, and the tree is read
by a whitelist (`expressions`, `calls`, and the statements here).
"""

from __future__ import annotations

import ast
import textwrap
import unicodedata
import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tidu.errors import (
    DTypeError,
    InputError,
    Place,
    SyntaxProblem,
    TiduError,
    UnknownNameError,
    nearest,
)
from tidu.frontends import functions
from tidu.frontends.calls import Calls
from tidu.frontends.diagnosis import diagnose
from tidu.frontends.expressions import Reading
from tidu.frontends.lexical import Text, lines_of, scan
from tidu.frontends.source import Source
from tidu.frontends.textvalues import (
    CREATORS,
    MODULE_NAMES,
    Declared,
    Function,
    Helper,
    Layers,
    Literal,
    Module,
    Value,
    is_module,
    is_static,
    member,
    numeric,
    reference,
)
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph, Name
from tidu.ir.node import Node, reachable
from tidu.ir.types import Dim, DType, Shape, Size, shape_text
from tidu.words import Phrase, Words

ShapeLike: TypeAlias = "tuple[int | str | Size, ...] | list[Any] | int | str"

_NOT_TEXT = Words(en="a program is a text, not {kind}", zh="程序应当是文本，而不是 {kind}")
_EMPTY = Words(en="the text holds no formula", zh="文本里没有公式")
_NO_VALUE = Words(en="{name} has no value or shape", zh="{name} 既没有值，也没有形状")
_DECLARE = Words(
    en='shapes={"{name}": (2, 3)} (named sizes: ("n", "d"); a single number: ())',
    zh='shapes={"{name}": (2, 3)}（命名大小：("n", "d")；单个数：()）',
)
_MEANT = Words(en="did you mean {near}?", zh="是不是想写 {near}？")
_LETTER = Words(
    en="its letter {letter} is {official}, not the Latin letter it looks like",
    zh="其中的字母 {letter} 是 {official}，只是看起来像拉丁字母",
)
_OUTPUT = Words(en="the program assigns no {name}", zh="程序里没有给 {name} 赋值")
_ASSIGNED = Words(en="it assigns: {names}", zh="它赋值的名称有：{names}")
_RESULT = Words(
    en="the result must be one array or number, not {kind}",
    zh="结果应当是一个数组或数，而不是 {kind}",
)
_TARGET = Words(
    en="assigning into part of an array cannot be differentiated",
    zh="对数组的一部分赋值无法求导",
)
_TARGET_FIX = Words(
    en="stack, concatenate or where, which build a new array",
    zh="用 stack、concatenate 或 where 组成新数组",
)
_UNPACK = Words(en="{wanted} names for {got} values", zh="{wanted} 个名称对 {got} 个值")
_STATEMENT = Words(en="{what} is not part of the formula language", zh="公式语言里没有{what}")
_BRANCH = Words(
    en="this branch depends on values that are not known while the program is read",
    zh="这个分支取决于读程序时还不知道的值",
)
_BRANCH_FIX = Words(en="where({condition}, a, b)", zh="where({condition}, a, b)")
_LOOP = Words(
    en="a loop runs over range(n) with a plain number n up to {limit}",
    zh="循环只能写成 range(n)，n 是不超过 {limit} 的数",
)
_DEF = Words(en="a def takes plain arguments", zh="def 的参数只能是普通参数")
_IMPORT = Words(
    en="import {name} is not part of the formula language", zh="公式语言里没有 import {name}"
)
_IMPORTS = Words(
    en="numpy, torch, jax and math may stand in imports; nothing is loaded",
    zh="import 只能写 numpy、torch、jax、math；不会真的加载任何模块",
)
_DIM = Words(
    en="the shape of {name} is {shape}; a size is a whole number from 0 on or a name",
    zh="{name} 的形状是 {shape}；每个大小应为非负整数或名称",
)
_SHAPES_DIFFER = Words(
    en="{name} is declared with shape {declared} and written with shape {written}",
    zh="{name} 声明的形状是 {declared}，写出的形状是 {written}",
)
_DATA = Words(
    en="{name} holds {kind}; tidu calculates with real numbers and booleans",
    zh="{name} 含有 {kind}；tidu 只计算实数和布尔值",
)
_BODY = Words(
    en="the body of {name} must be a formula in one variable: {body} has {count}",
    zh="{name} 的函数体应是一个变量的公式：{body} 里有 {count} 个",
)
_BODY_FIX = Words(en='functions={"{name}": "tanh(x)"}', zh='functions={"{name}": "tanh(x)"}')
_EULER = Words(en="e is read as 2.718281828459045", zh="e 读作 2.718281828459045")
_NOT_VALUE = Words(en="{text} is not a number or an array", zh="{text} 不是数，也不是数组")
_VALUE_FIX = Words(en="[[1, 2], [3, 4]]", zh="[[1, 2], [3, 4]]")

_STATEMENTS: Mapping[type[ast.AST], Words] = {
    ast.While: Words(en="while", zh=" while"),
    ast.With: Words(en="with", zh=" with"),
    ast.ClassDef: Words(en="class", zh=" class"),
    ast.Delete: Words(en="del", zh=" del"),
    ast.Try: Words(en="try", zh=" try"),
    ast.Raise: Words(en="raise", zh=" raise"),
    ast.Assert: Words(en="assert", zh=" assert"),
    ast.Global: Words(en="global", zh=" global"),
    ast.Return: Words(en="return outside of a def", zh=" def 之外的 return"),
}
_OTHER = Words(en="this statement", zh="这种语句")
MAX_LOOP = 1_000


def read(
    source: str,
    *,
    shapes: Mapping[str, ShapeLike] | None = None,
    values: Mapping[str, Any] | None = None,
    functions: Mapping[str, str | None] | None = None,
    output: str | None = None,
    file: str | None = None,
    first_line: int = 1,
) -> Source:
    """A program as a graph.

    The result is the last line: a formula (called L), or the name that it assigns; `output` picks
    another name. `shapes` may use named sizes, `values` give a shape where none is declared;
    `functions` declares elementwise functions, with a formula in one variable as body or None.
    Raises `SyntaxProblem`, `UnknownNameError`, `ShapeError` and `InputError` with the place.

    >>> program = read("r = A @ x - b; sum(r**2)", shapes={"A": ("n", 3), "x": (3,), "b": ("n",)})
    >>> list(program.graph.inputs), program.graph.outputs["L"].shape
    (['A', 'x', 'b'], ())
    """
    program, tree = _parsed(source, file, first_line)
    program.declare(shapes or {}, values or {}, functions or {})
    for statement in tree.body:
        program.drive(program.statement(statement))
    return program.finish(output)


def read_array(text: str) -> NDArray[Any]:
    """A value written on a command line: "[[1,2],[3,4]]", "0.5", "ones(4,3)", "-zeros(2,1)".

    Raises `SyntaxProblem` or `InputError`, by the same whitelist as `read`.

    >>> read_array("2*ones(1,2)")
    array([[2., 2.]])
    """
    program, tree = _parsed(text, None, 1)
    statement = tree.body[0]
    if len(tree.body) != 1 or not isinstance(statement, ast.Expr):
        raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())
    value = program.value(statement.value)
    if isinstance(value, Node):
        return reference(value)
    if isinstance(value, Literal):
        return value.array
    if is_static(value) or isinstance(value, tuple | list):
        try:
            return numeric(value)
        except TiduError as error:
            raise error.at(program.place(statement)) from None
    raise SyntaxProblem(_NOT_VALUE(text=text.strip()[:60]), fix=_VALUE_FIX())


def _parsed(source: str, file: str | None, first_line: int) -> tuple[Program, ast.Module]:
    if not isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(_NOT_TEXT(kind=type(source).__name__))
    source = textwrap.dedent(source.removeprefix("\ufeff")) if "\n" in source else source.strip()
    text = Text(source, lines_of(source), file, first_line)
    tokens = scan(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, on escapes in strings that are ignored
            tree = ast.parse(source)
    except SyntaxError as error:
        raise diagnose(text, tokens, error) from None
    except (ValueError, RecursionError, MemoryError):
        raise diagnose(text, tokens, SyntaxError()) from None
    if not tree.body:
        raise SyntaxProblem(_EMPTY())
    return Program(text, tree), tree


class Program(Calls):
    """The names and statements of one text."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        super().__init__(text)
        self.inputs: dict[str, Node] = {}
        self.declared: set[str] = set()  # names of inputs that the caller gave
        self.values: dict[str, NDArray[Any]] = {}
        self.parameters: list[str] = []
        self.scopes: list[dict[str, Value]] = [{}]
        self.sizes: dict[str, Size] = {}
        self.assigned: list[tuple[Node, Name]] = []
        self.bodies: dict[str, Graph] = {}
        self.remarks: list[Phrase] = []
        self.layer_numbers: dict[Layers, int] = {}
        self.linear_count = 0
        self.loss: str | None = None
        self.result: tuple[str | None, Value, Place] | None = None
        self.libraries = _libraries(tree)

    # -------------------------------------------------------------- what the caller declares
    def declare(
        self,
        shapes: Mapping[str, ShapeLike],
        values: Mapping[str, Any],
        functions: Mapping[str, str | None],
    ) -> None:
        arrays = {name: _array(name, value) for name, value in values.items()}
        for name, shape in shapes.items():
            self._declare(name, self._shape(name, shape), arrays.get(name))
        for name, array in arrays.items():
            if name not in shapes:
                self._declare(name, array.shape, array)
        for name, body in functions.items():
            self.scopes[0][name] = Declared(name)
            if name + "_d" not in self.inputs:
                self.scopes[0].setdefault(name + "_d", Declared(name, 1))
            if body is not None:
                self.bodies[name] = _body(name, body)

    def _declare(self, name: str, shape: Shape, array: NDArray[Any] | None) -> None:
        dtype: DType = "float64"
        if array is not None and array.dtype.name in ("bool", "float32"):
            dtype = cast(DType, array.dtype.name)
        self.inputs[name] = input_node(name, shape, dtype)
        self.declared.add(name)

    def _shape(self, name: str, given: ShapeLike) -> Shape:
        dims: list[Dim] = []
        for dim in given if isinstance(given, tuple | list) else (given,):
            if isinstance(dim, str) and dim.isidentifier():
                dims.append(self.sizes.setdefault(dim, Size.named(dim)))
            elif isinstance(dim, Size):
                dims.append(dim)
            elif isinstance(dim, int | np.integer) and not isinstance(dim, bool) and dim >= 0:
                dims.append(int(dim))
            else:
                raise InputError(_DIM(name=name, shape=given))
        return tuple(dims)

    # -------------------------------------------------------------- names
    def lookup(self, node: ast.Name) -> Value:
        found = self._found(node.id)
        if found is not _MISSING:
            return cast(Value, found)
        if node.id in functions.CONSTANTS:
            if node.id == "e" and _EULER() not in self.remarks:
                self.remarks.append(_EULER())
            return functions.CONSTANTS[node.id]
        if functions.find(node.id) is not None or node.id in CREATORS:
            return Function(node.id, node.id)
        raise self.unknown_name(node, node.id)

    def lookup_function(self, node: ast.Name) -> Value:
        found = self._found(node.id)
        return Function(node.id, node.id) if found is _MISSING else cast(Value, found)

    def _found(self, name: str) -> object:
        for scope in (self.scopes[-1], self.scopes[0]):
            if name in scope:
                return scope[name]
        if name in self.inputs:
            return self.inputs[name]
        if name in self.sizes:
            return self.sizes[name]
        return Module(MODULE_NAMES[name]) if name in MODULE_NAMES else _MISSING

    def unknown_name(self, node: ast.AST, name: str) -> UnknownNameError:
        known = [*self.scopes[-1], *self.scopes[0], *self.inputs]
        near = nearest(name, known)
        foreign = [c for c in name if not c.isascii() and _looks_latin(c)]
        why: Phrase | None = None
        if foreign:
            why = _LETTER(letter=foreign[0], official=unicodedata.name(foreign[0], "?"))
        elif near is not None:
            why = _MEANT(near=near)
        return UnknownNameError(
            _NO_VALUE(name=name), place=self.place(node), why=why, fix=_DECLARE(name=name)
        )

    def record(self, node: Node, name: Name) -> None:
        self.assigned.append((node, name))

    # -------------------------------------------------------------- statements
    def statement(self, statement: ast.stmt) -> Reading:
        match statement:
            case ast.Expr(value=value):
                yield from self._bare(value)
            case ast.Assign(targets=targets, value=value):
                result = yield value
                for target in targets:
                    self._assign(target, result)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, (yield value))
            case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                before = self.lookup(target)
                self._assign(
                    target, self.combine(op, before, (yield value), target, value, statement)
                )
            case ast.AugAssign(target=target):
                raise self._bad_target(target)
            case ast.FunctionDef():
                self._define(statement)
            case ast.For():
                yield from self._loop(statement)
            case ast.If():
                yield from self._branch(statement)
            case ast.Import(names=names):
                for alias in names:
                    self._import(statement, alias.name, alias.asname)
            case ast.ImportFrom(module=module, names=names, level=0):
                for alias in names:
                    self._import_from(
                        statement, module or "", alias.name, alias.asname or alias.name
                    )
            case ast.Pass():
                pass
            case _:
                what = _STATEMENTS.get(type(statement), _OTHER)
                raise SyntaxProblem(_STATEMENT(what=what), place=self.place(statement))

    def _bare(self, value: ast.expr) -> Reading:
        match value:
            case ast.Constant(value=str()):
                return  # a remark in quotation marks
            case ast.Call(func=ast.Name(id="print")):
                return
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="backward"), args=[]):
                self.lookup(cast(ast.Name, cast(ast.Attribute, value.func).value))
                self.loss = name
                return
            case _:
                pass
        result = yield value
        if len(self.scopes) == 1:
            name = value.id if isinstance(value, ast.Name) else None
            self.result = (name, result, self.place(value))

    def _assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(target, name, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for part, item in zip(targets, self._items(target, targets, value), strict=True):
                    self._assign(part, item)
            case _:
                raise self._bad_target(target)

    def _bad_target(self, target: ast.expr) -> TiduError:
        if isinstance(target, ast.Subscript):
            return InputError(_TARGET(), place=self.place(target), fix=_TARGET_FIX())
        return self.refusal(target)

    def _items(self, target: ast.expr, targets: list[ast.expr], value: Value) -> list[Value]:
        count: Any
        if isinstance(value, tuple | list):
            items: list[Value] = list(cast("list[Value]", value))
            count = len(items)
        elif isinstance(value, Literal) and value.array.ndim:
            items = [Literal(row, value.requires_grad) for row in value.array[:1000]]
            items = [
                Literal(np.asarray(cast(Literal, i).array), value.requires_grad) for i in items
            ]
            count = len(value.array)
        elif isinstance(value, Node) and value.rank:
            count = value.shape[0]
            place = self.place(target)
            items = []
            if count == len(targets):
                items = [self.apply(place, lambda x, i=i: x[i], value) for i in range(len(targets))]
        else:
            items, count = [], 1
        if count != len(targets):
            what = _UNPACK(wanted=len(targets), got=count)
            raise InputError(what, place=self.place(target))
        return items

    def _bind(self, target: ast.AST, name: str, value: Value) -> None:
        """A name gets a value. A written array becomes an input of that name; a node keeps the name."""
        scope = self.scopes[-1]
        top = len(self.scopes) == 1
        if top and isinstance(value, Literal | int | float) and not isinstance(value, bool):
            fresh = name not in scope
            if fresh and (isinstance(value, Literal) or name in self.declared):
                value = self._named_input(target, name, value)
        if isinstance(value, Literal) and top:
            value = constant(value.array)
        scope[name] = value
        if isinstance(value, Node):
            if not (value.op.role == "input" and value.attrs["name"] == name):
                self.record(value, Name(name))
            self.places.setdefault(value, []).append(self.place(target))
        if top:
            self.result = (name, value, self.place(target))

    def _named_input(self, target: ast.AST, name: str, value: Literal | int | float) -> Node:
        array = value.array if isinstance(value, Literal) else np.asarray(float(value))
        known = self.inputs.get(name)
        if known is None:
            dtype: DType = "bool" if array.dtype == np.bool_ else "float64"
            known = self.inputs[name] = input_node(name, array.shape, dtype)
        elif known.shape != array.shape and not any(isinstance(d, Size) for d in known.shape):
            what = _SHAPES_DIFFER(
                name=name, declared=shape_text(known.shape), written=shape_text(array.shape)
            )
            raise InputError(what, place=self.place(target))
        self.values[name] = array
        if isinstance(value, Literal) and value.requires_grad and name not in self.parameters:
            self.parameters.append(name)
        return known

    def _define(self, statement: ast.FunctionDef) -> None:
        given = statement.args
        others = (given.vararg, given.kwarg, *given.kwonlyargs, *given.posonlyargs)
        if any(others) or statement.decorator_list:
            raise SyntaxProblem(_DEF(), place=self.place(statement))
        self.scopes[-1][statement.name] = Helper(statement)

    def _loop(self, statement: ast.For) -> Reading:
        match statement:
            case ast.For(
                target=ast.Name(id=name),
                iter=ast.Call(func=ast.Name(id="range"), args=arguments, keywords=[]),
                orelse=[],
            ):
                bounds: list[Any] = []
                for argument in arguments:
                    bounds.append((yield argument))
            case _:
                raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement))
        whole = all(isinstance(b, int) and not isinstance(b, bool) for b in bounds)
        if not whole or not 1 <= len(bounds) <= 3 or (len(bounds) == 3 and bounds[2] == 0):
            raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement.iter))
        steps = range(*bounds)
        if any(abs(b) > 10**9 for b in bounds) or len(steps) > MAX_LOOP:
            raise SyntaxProblem(_LOOP(limit=MAX_LOOP), place=self.place(statement.iter))
        for step in steps:
            self.scopes[-1][name] = step
            for line in statement.body:
                yield from self.statement(line)

    def _branch(self, statement: ast.If) -> Reading:
        condition = yield statement.test
        if not isinstance(condition, bool | int | float):
            shown = self.shown(statement.test)
            raise SyntaxProblem(
                _BRANCH(), place=self.place(statement.test), fix=_BRANCH_FIX(condition=shown)
            )
        for line in statement.body if condition else statement.orelse:
            yield from self.statement(line)

    def _import(self, statement: ast.stmt, name: str, alias: str | None) -> None:
        if not is_module(name):
            place = self.place(statement)
            raise SyntaxProblem(_IMPORT(name=name), place=place, why=_IMPORTS())
        if alias is not None:
            self.scopes[-1][alias] = Module(name)
        else:
            self.scopes[-1][name.partition(".")[0]] = Module(name.partition(".")[0])

    def _import_from(self, statement: ast.stmt, module: str, name: str, alias: str) -> None:
        if not is_module(module):
            place = self.place(statement)
            raise SyntaxProblem(_IMPORT(name=module), place=place, why=_IMPORTS())
        if name != "*":
            self.scopes[-1][alias] = member(Module(module), name, functions.CONSTANTS)

    # -------------------------------------------------------------- the end
    def finish(self, output: str | None) -> Source:
        key, node = self._output(output)
        outputs = {key: node}
        under = {each.id for each in reachable([node])}
        return Source(
            graph=Graph(
                inputs=self.inputs,
                outputs=outputs,
                names=self._names(under, key, node),
                places={each: tuple(places) for each, places in self.places.items()},
                remarks=tuple(self.remarks),
            ),
            values=self.values,
            parameters=tuple(self.parameters),
            loss=self.loss,
            bodies=self.bodies,
        )

    def _output(self, output: str | None) -> tuple[str, Node]:
        wanted = output or self.loss
        if wanted is not None:
            value = self._found(wanted)
            if value is _MISSING:
                known = sorted(name for name, v in self.scopes[0].items() if isinstance(v, Node))
                near = nearest(wanted, known)
                why = _ASSIGNED(names=", ".join(known)) if near is None else _MEANT(near=near)
                raise UnknownNameError(_OUTPUT(name=wanted), why=why)
            return wanted, self._one(cast(Value, value), None)
        if self.result is None:
            raise SyntaxProblem(_EMPTY())
        name, value, place = self.result
        return name or self._free_name(), self._one(value, place)

    def _one(self, value: Value, place: Place | None) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, Literal):
            return constant(value.array)
        if is_static(value):
            return constant(value)
        kind = type(value).__name__.lower()
        raise InputError(_RESULT(kind=kind), place=place)

    def _free_name(self) -> str:
        taken = {*self.inputs, *self.scopes[0]}
        return next(
            name
            for name in ("L", "f", "out", *(f"L{i}" for i in range(len(taken))))
            if name not in taken
        )

    def _names(self, under: set[int], key: str, output: Node) -> dict[Node, tuple[Name, ...]]:
        """Every name of every node; a name that several nodes under the result bear is counted."""
        events = [(node, name.text) for node, name in self.assigned if node.op.role != "constant"]
        seen = [(node, text) for node, text in events if node.id in under]
        bearers: dict[str, list[Node]] = {}
        for node, text in seen:
            if node not in bearers.setdefault(text, []):
                bearers[text].append(node)
        names: dict[Node, list[Name]] = {node: [Name(name)] for name, node in self.inputs.items()}
        for node, text in events:
            nodes = bearers.get(text, [])
            shared = len(nodes) > 1 or (text in self.inputs and node is not self.inputs[text])
            step = nodes.index(node) + 1 if shared and node in nodes else None
            name = Name(text, step)
            if name not in names.setdefault(node, []):
                names[node].append(name)
        if self.result is not None and self.result[0] is None and output not in names:
            names[output] = [Name(key, invented=True)]
        return {node: tuple(listed) for node, listed in names.items()}


_MISSING = object()


def _looks_latin(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CYRILLIC", "ARMENIAN", "CHEROKEE"))


def _libraries(tree: ast.Module) -> set[str]:
    """Which libraries' spellings a text uses: x.std() differs between them."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in MODULE_NAMES:
            found.add(MODULE_NAMES[node.id].partition(".")[0])
        elif isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found & {"numpy", "torch"}


def _array(name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.array(value)
    except ValueError:
        raise DTypeError(_DATA(name=name, kind="rows of different lengths")) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(_DATA(name=name, kind=array.dtype.name))
    return array


def _body(name: str, body: str) -> Graph:
    """The body of a declared function: a formula in one variable, which stands for one element."""
    _, tree = _parsed(body, None, 1)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    free = {
        n.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Name)
        and id(n) not in called
        and n.id not in MODULE_NAMES
        and n.id not in functions.CONSTANTS
    }
    if len(free) != 1:
        raise InputError(
            _BODY(name=name, body=body.strip()[:60], count=len(free)), fix=_BODY_FIX(name=name)
        )
    (variable,) = free
    source = read(body, shapes={variable: ()})
    (result,) = source.graph.outputs.values()
    graph = source.graph
    return Graph(graph.inputs, {name: result}, graph.names, graph.places)
