"""The names of a text program: what the caller declares, what the text assigns, and the result."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tidu.errors import DTypeError, InputError, Place, SyntaxProblem, UnknownNameError, nearest
from tidu.interface import ByInterface
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.name import Name
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.source import Source
from tidu.ir.types import Dim, DType, Shape, Size, is_size_name, shape_text
from tidu.spellings import functions
from tidu.text.arrays import CREATORS
from tidu.text.lexer import Text
from tidu.text.task import Task
from tidu.text.values import (
    MODULE_NAMES,
    Declared,
    FunctionName,
    Layers,
    Literal,
    Module,
    PlacedValue,
    Value,
    is_static,
)
from tidu.words import Phrase, Words

ShapeLike: TypeAlias = "tuple[int | str | Size, ...] | list[int | str | Size] | int | str"
Reader: TypeAlias = Callable[..., Task[PlacedValue]]  # (scope, syntax node) of its own type
N = TypeVar("N")
StatementReader: TypeAlias = Callable[..., Task[None]]
MAX_STEPS = 20_000  # statements and expressions read; in a loop, those of each round

_STEPS = Words(
    en="the program takes more than {limit} steps to read", zh="读这段程序需要超过 {limit} 步"
)
_NO_VALUE = Words(en="{name} has no value or shape", zh="{name} 既没有值，也没有形状")
_IN_PYTHON = Words(
    en='shapes={"{name}": (2, 3)} (named sizes: ("n", "d"); a single number: ())',
    zh='shapes={"{name}": (2, 3)}（命名大小：("n", "d")；单个数：()）',
)
_DECLARE = ByInterface(
    python=_IN_PYTHON,
    command=Words(
        en="--shape {name}=2,3 (named sizes: {name}=n,d; a single number: {name}=)",
        zh="--shape {name}=2,3（命名大小：{name}=n,d；单个数：{name}=）",
    ),
    study=Words(
        en='{name} = [2, 3] under [shapes] (named sizes: ["n", "d"]; a single number: []), or its '
        "value under [given]",
        zh='在 [shapes] 下写 {name} = [2, 3]（命名大小：["n", "d"]；单个数：[]），'
        "或在 [given] 下写它的值",
    ),
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
NO_FORMULA = Words(en="the text holds no formula", zh="文本里没有公式")
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
_OWN_DTYPES = frozenset({"bool", "float32", "complex128", "complex64"})  # others count as float64


class Missing:
    """The mark of a name that has no value."""


MISSING = Missing()


def _declare_it(name: str) -> Phrase:
    return _DECLARE(name=name)


@dataclass(eq=False)
class Scope:
    """The state of reading one text: its names with their values, and their places.

    readers, statements  how each kind of expression and of statement is read
    paper                whether some lines are formulas, as on paper
    remedy               says how the caller gives a name its value
    locals               the names of the text, and of each def that is being called
    result               the last line: its name if it assigns one, its value and its place
    """

    text: Text
    readers: Mapping[type[ast.expr], Reader]
    statements: Mapping[type[ast.stmt], StatementReader]
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    paper: bool = False
    remedy: Callable[[str], Phrase] = _declare_it
    inputs: dict[str, Node] = field(default_factory=dict[str, Node])
    declared: set[str] = field(default_factory=set[str])  # names of inputs that the caller gave
    used: set[str] = field(default_factory=set[str])  # names that were looked up
    values: dict[str, NDArray[np.generic]] = field(default_factory=dict[str, "NDArray[np.generic]"])
    parameters: list[str] = field(default_factory=list[str])
    locals: list[dict[str, Value]] = field(default_factory=lambda: [{}])
    sizes: dict[str, Size] = field(default_factory=dict[str, Size])
    assigned: list[tuple[Node, Name]] = field(default_factory=list["tuple[Node, Name]"])
    places: dict[Node, list[Place]] = field(default_factory=dict[Node, "list[Place]"])
    bodies: dict[str, Graph] = field(default_factory=dict[str, Graph])
    remarks: list[Phrase] = field(default_factory=list[Phrase])
    layer_numbers: dict[Layers, int] = field(default_factory=dict[Layers, int])
    linear_count: int = 0
    loss: str | None = None
    result: tuple[str | None, Value, Place] | None = None
    steps: int = 0

    @cached_property
    def libraries(self) -> frozenset[str]:
        """Return the libraries whose functions the text calls: x.std() differs between them."""
        return _libraries_in(self.tree)

    # -------------------------------------------------------------- places
    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Return the place of a whole syntax node, cut at the end of its first line."""
        line = node.lineno - 1
        start = self.text.column_at(line, node.col_offset)
        if node.end_lineno == node.lineno and node.end_col_offset is not None:
            end = self.text.column_at(line, node.end_col_offset)
        else:
            end = len(self.text.lines[line])
        return self.text.place(line, start, end)

    def count_step(self, node: N, place_of: Callable[[N], Place]) -> None:
        """Count one more statement or expression; loops and calls read theirs again."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise SyntaxProblem(_STEPS(limit=MAX_STEPS), place=place_of(node))

    # -------------------------------------------------------------- what the caller declares
    def declare(
        self,
        shapes: Mapping[str, ShapeLike],
        values: Mapping[str, object],
        functions: Iterable[str],
    ) -> None:
        """Make inputs of names that have a shape or a value, and know the caller's functions."""
        arrays = {name: _array(name, value) for name, value in values.items()}
        for name, shape in shapes.items():
            self._declare(name, self._shape(name, shape), arrays.get(name))
        for name, array in arrays.items():
            if name not in shapes:
                self._declare(name, array.shape, array)
        for name in functions:
            self.locals[0][name] = Declared(name)
            if name + "_d" not in self.inputs:
                self.locals[0].setdefault(name + "_d", Declared(name, 1))

    def _declare(self, name: str, shape: Shape, array: NDArray[np.generic] | None) -> None:
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
                if is_size_name(str(dim)):
                    self.sizes.setdefault(str(dim), dim)
                dims.append(dim)
            elif isinstance(dim, int | np.integer) and not isinstance(dim, bool) and dim >= 0:
                dims.append(int(dim))
            else:
                raise InputError(_DIM(name=name, shape=given))
        return tuple(dims)

    # -------------------------------------------------------------- names
    def find(self, name: str) -> Value | Missing:
        """Return the value under a name of the text, of the caller or of a library; MISSING if
        none."""
        self.used.add(name)
        for names in (self.locals[-1], self.locals[0]):
            if name in names:
                return names[name]
        if name in self.inputs:
            return self.inputs[name]
        if name in self.sizes:
            return self.sizes[name]
        return Module(MODULE_NAMES[name]) if name in MODULE_NAMES else MISSING

    def value_of(self, name: str, place: Place) -> Value:
        """Return the value under a name; constants and functions have one without being
        declared."""
        value = self.find(name)
        if not isinstance(value, Missing):
            return value
        if name in functions.CONSTANTS:
            if name == "e" and _EULER() not in self.remarks:
                self.remarks.append(_EULER())
            return functions.CONSTANTS[name]
        if functions.find(name) is not None or name in CREATORS:
            return FunctionName(name, name)
        raise self.unknown_name(name, place)

    def function_of(self, name: str) -> Value:
        """Return what a name before brackets stands for; whether there is such a function shows
        later."""
        found = self.find(name)
        return FunctionName(name, name) if isinstance(found, Missing) else found

    def unknown_name(self, name: str, place: Place) -> UnknownNameError:
        """Return the error for a name that has no value."""
        known = [*self.locals[-1], *self.locals[0], *self.inputs]
        near = nearest(name, known)
        foreign = [c for c in name if not c.isascii() and _looks_latin(c)]
        why: Phrase | None = None
        if foreign:
            why = _LETTER(letter=foreign[0], official=unicodedata.name(foreign[0], "?"))
        elif near is not None:
            why = _MEANT(near=near)
        return UnknownNameError(_NO_VALUE(name=name), place=place, why=why, fix=self.remedy(name))

    def bind(self, name: str, value: Value, place: Place) -> None:
        """Give a name its value: a written array becomes an input, a node keeps the name."""
        names = self.locals[-1]
        top = len(self.locals) == 1
        if top and isinstance(value, Literal | int | float) and not isinstance(value, bool):
            fresh = name not in names
            if fresh and (isinstance(value, Literal) or name in self.declared):
                value = self._named_input(name, value, place)
        if isinstance(value, Literal) and top:
            value = constant(value.array)
        names[name] = value
        if isinstance(value, Node):
            if not (value.op.role == "input" and value.attrs["name"] == name):
                self.assigned.append((value, Name(name)))
            self.places.setdefault(value, []).append(place)
        if top:
            self.result = (name, value, place)

    def _named_input(self, name: str, value: Literal | int | float, place: Place) -> Node:
        array = value.array if isinstance(value, Literal) else np.asarray(float(value))
        known = self.inputs.get(name)
        if known is None:
            dtype: DType = "bool" if array.dtype == np.bool_ else "float64"
            known = self.inputs[name] = input_node(name, array.shape, dtype)
        elif known.shape != array.shape and not any(isinstance(d, Size) for d in known.shape):
            what = _SHAPES_DIFFER(
                name=name, declared=shape_text(known.shape), written=shape_text(array.shape)
            )
            raise InputError(what, place=place)
        self.values[name] = array
        if isinstance(value, Literal) and value.requires_grad and name not in self.parameters:
            self.parameters.append(name)
        return known

    # -------------------------------------------------------------- the end
    def finish(self, output: str | None, readings: Sequence[Phrase] = ()) -> Source:
        """Return the graph of the result: of `output`, of the loss, or of the last line.

        readings: how the formulas of the text were read.
        """
        key, node = self._output(output)
        under = {each.id for each in reachable([node])}
        graph = Graph(
            inputs=self.inputs,
            outputs={key: node},
            names=self._names(under, key, node),
            places={each: tuple(places) for each, places in self.places.items()},
            remarks=tuple(self.remarks),
            readings=tuple(readings),
        )
        return Source(
            graph=graph,
            values=self.values,
            parameters=tuple(self.parameters),
            loss=self.loss,
            unknown=self._unused(node),
            bodies=self.bodies,
        )

    def free_name(self) -> str:
        """Return a name for a result that the text gives none."""
        taken = {*self.inputs, *self.locals[0]}
        names = ("L", "f", "out", *(f"L{i}" for i in range(len(taken))))
        return next(name for name in names if name not in taken)

    def _unused(self, output: Node) -> tuple[str, ...]:
        """Return what the caller gave and the text does not use, in the order given."""
        used = {*self.used, *self.locals[0], *self.parameters, *inputs_among(reachable([output]))}
        left = [name for name in self.inputs if name in self.declared and name not in used]
        words = set(re.findall(r"\w+", self.text.source)) if left else set[str]()
        return tuple(name for name in left if name not in words)

    def _output(self, output: str | None) -> tuple[str, Node]:
        wanted = output or self.loss
        if wanted is not None:
            value = self.find(wanted)
            if isinstance(value, Missing):
                known = sorted(name for name, v in self.locals[0].items() if isinstance(v, Node))
                near = nearest(wanted, known)
                why = _ASSIGNED(names=", ".join(known)) if near is None else _MEANT(near=near)
                raise UnknownNameError(_OUTPUT(name=wanted), why=why)
            return wanted, _one(value, None)
        if self.result is None:
            raise SyntaxProblem(NO_FORMULA())
        name, value, place = self.result
        return name or self.free_name(), _one(value, place)

    def _names(self, under: set[int], key: str, output: Node) -> dict[Node, tuple[Name, ...]]:
        """Return every name of every node; a name that several nodes under the result bear is
        counted."""
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


def _libraries_in(tree: ast.Module) -> frozenset[str]:
    libraries: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in MODULE_NAMES:
            libraries.add(MODULE_NAMES[node.id].partition(".")[0])
        elif isinstance(node, ast.Import):
            libraries.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            libraries.add(node.module.partition(".")[0])
    return frozenset(libraries & {"numpy", "torch"})


def _one(value: Value, place: Place | None) -> Node:
    if isinstance(value, Node):
        return value
    if isinstance(value, Literal):
        return constant(value.array)
    if is_static(value):
        return constant(value)
    raise InputError(_RESULT(kind=type(value).__name__.lower()), place=place)


def _looks_latin(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CYRILLIC", "ARMENIAN", "CHEROKEE"))


def _array(name: str, value: object) -> NDArray[np.generic]:
    try:
        array = np.array(value)
    except ValueError:
        raise DTypeError(_DATA(name=name, kind="rows of different lengths")) from None
    if array.dtype.kind not in "biufc":
        raise DTypeError(_DATA(name=name, kind=array.dtype.name))
    return array
