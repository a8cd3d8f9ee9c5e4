"""The names of a text program: what the caller declares, what the text assigns, and the result."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tidu.errors import (
    DTypeError,
    InputError,
    Place,
    SyntaxProblem,
    UnknownNameError,
    nearest,
)
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph, Name
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.source import Source
from tidu.ir.types import Dim, DType, Shape, Size, is_size_name, shape_text
from tidu.spellings import functions
from tidu.text.calls import Calls
from tidu.text.lexer import Text
from tidu.text.values import (
    CREATORS,
    MODULE_NAMES,
    Declared,
    Function,
    Layers,
    Literal,
    Module,
    Value,
    is_static,
)
from tidu.words import Phrase, Words

ShapeLike: TypeAlias = "tuple[int | str | Size, ...] | list[Any] | int | str"

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
_EMPTY = Words(en="the text holds no formula", zh="文本里没有公式")
_DIM = Words(
    en="the shape of {name} is {shape}; a size is a whole number from 0 on or a name",
    zh="{name} 的形状是 {shape}；每个大小应为非负整数或名称",
)
_SHAPES_DIFFER = Words(
    en="{name} is declared with shape {declared} and written with shape {written}",
    zh="{name} 声明的形状是 {declared}，写出的形状是 {written}",
)
_DATA = Words(
    en="{name} holds {kind}; tidu calculates with numbers and booleans",
    zh="{name} 含有 {kind}；tidu 只计算数和布尔值",
)
_EULER = Words(en="e is read as 2.718281828459045", zh="e 读作 2.718281828459045")
_OWN_DTYPES = frozenset({"bool", "float32", "complex128", "complex64"})  # the rest is float64


class Names(Calls):
    """Keeps the names of one text; `textprogram.py` adds the statements."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        super().__init__(text)
        self.inputs: dict[str, Node] = {}
        self.declared: set[str] = set()  # names of inputs that the caller gave
        self.used: set[str] = set()  # names that were looked up
        self.source = text.source
        self.remedy: Callable[[str], Phrase] = lambda name: _DECLARE(name=name)
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
        functions: Iterable[str],
    ) -> None:
        arrays = {name: _array(name, value) for name, value in values.items()}
        for name, shape in shapes.items():
            self._declare(name, self._shape(name, shape), arrays.get(name))
        for name, array in arrays.items():
            if name not in shapes:
                self._declare(name, array.shape, array)
        for name in functions:
            self.scopes[0][name] = Declared(name)
            if name + "_d" not in self.inputs:
                self.scopes[0].setdefault(name + "_d", Declared(name, 1))

    def _declare(self, name: str, shape: Shape, array: NDArray[Any] | None) -> None:
        dtype: DType = "float64"
        if array is not None and array.dtype.name in _OWN_DTYPES:
            dtype = cast(DType, array.dtype.name)
        self.inputs[name] = input_node(name, shape, dtype)
        self.declared.add(name)

    def _shape(self, name: str, given: ShapeLike) -> Shape:
        dims: list[Dim] = []
        for dim in given if isinstance(given, tuple | list) else (given,):
            if isinstance(dim, str) and is_size_name(dim):
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
        self.used.add(name)
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
            _NO_VALUE(name=name), place=self.place(node), why=why, fix=self.remedy(name)
        )

    def record(self, node: Node, name: Name) -> None:
        self.assigned.append((node, name))

    def bind(self, target: ast.AST, name: str, value: Value) -> None:
        """A name gets a value: a written array becomes an input, a node keeps the name."""
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
            unknown=self._unused(node),
            bodies=self.bodies,
        )

    def _unused(self, output: Node) -> tuple[str, ...]:
        """What the caller gave and the text does not use, in the order given."""
        used = {*self.used, *self.scopes[0], *self.parameters, *inputs_among(reachable([output]))}
        left = [name for name in self.inputs if name in self.declared and name not in used]
        words = set(re.findall(r"\w+", self.source)) if left else set[str]()
        return tuple(name for name in left if name not in words)

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
        bearers: dict[str, dict[Node, int]] = {}  # each node of a name, counted from 1
        for node, text in seen:
            nodes = bearers.setdefault(text, {})
            nodes.setdefault(node, len(nodes) + 1)
        names: dict[Node, list[Name]] = {node: [Name(name)] for name, node in self.inputs.items()}
        for node, text in events:
            nodes = bearers.get(text, {})
            shared = len(nodes) > 1 or (text in self.inputs and node is not self.inputs[text])
            step = nodes.get(node) if shared else None
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
    if array.dtype.kind not in "biufc":
        raise DTypeError(_DATA(name=name, kind=array.dtype.name))
    return array
