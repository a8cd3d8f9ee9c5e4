"""A plain Python function over NumPy, traced into a graph.

The function is called once with traced arrays that hold the given values. What it does to them is
the graph; the branches that it takes are guards; the names and lines of its variables go along.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from numpy.typing import NDArray

from tidu.errors import InputError, ShapeGrowthWarning, TraceError, warn
from tidu.ir.budget import reading
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.source import Source
from tidu.ir.types import DType, Shape, Size, is_size_name
from tidu.tracing import outcome
from tidu.tracing.arguments import refuse_counting_nan, take
from tidu.tracing.calling import as_call, bind, definition_of, function_name
from tidu.tracing.growth import growth_warnings
from tidu.tracing.randomness import Generators
from tidu.tracing.record import Recorder
from tidu.tracing.traced import TracedArray, node_of
from tidu.tracing.tree import Key, leaves, put, replace, short_names
from tidu.tracing.unfit import operand_errors_shown
from tidu.words import Phrase, Words, verbatim

Array = NDArray[Any]

_SIZE = Words(
    en="the size {size} of a shape is neither a number nor a name",
    zh="形状中的大小 {size} 既不是数，也不是名称",
)
_NESTED = Words(
    en="{name} is a traced value: {function} is derived inside a function that is being derived",
    zh="{name} 是被追踪的值：正在求导的函数内部又对 {function} 求导",
)
_NESTED_FIX = Words(
    en="call derive on plain arrays; tidu.grad, jvp and vjp can be used inside",
    zh="用普通数组调用 derive；函数内部可以使用 tidu.grad、jvp、vjp",
)
_LEFT = Words(
    en="{name} belongs to one step or call of an inner function and is used outside of it",
    zh="{name} 属于内层函数的某一步或某次调用，却在外面被使用",
)
_LEFT_FIX = Words(en="return {name} from the inner function", zh="让内层函数返回 {name}")
_RANDOM = Words(
    en="{function} draws random numbers ({source}); those of this call are fixed in the derivation",
    zh="{function} 内部产生随机数（{source}）；推导中固定使用这一次产生的数",
)


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A function as a graph, with what is needed to call it again and to return gradients.

    graph       inputs named after the parameters (leaves of trees by their last key where unique)
    values      the copied, promoted value of each input
    output      the name of the graph's one output
    result      the value that the function returned; None where only shapes are known
    arguments   for each parameter the names of its inputs, in order
    remarks     what was noticed: promoted integers, random numbers …
    warnings    shapes that grew where columns met vectors
    function    what it is called
    order       of the derivatives that were taken in it; `functions`: what is derived, and is no
                derivative; `moving`: the inputs by which
    """

    graph: Graph
    values: Mapping[str, Array]
    output: str
    result: Array | None
    arguments: Mapping[str, tuple[str, ...]]
    warnings: tuple[Phrase, ...] = ()
    function: str = ""
    order: int = 0
    functions: tuple[Node, ...] = ()
    moving: tuple[Node, ...] = ()
    structures: Mapping[str, Any] = field(default_factory=dict[str, Any])
    paths: Mapping[str, tuple[str, tuple[Key, ...]]] = field(
        default_factory=dict[str, tuple[str, tuple[Key, ...]]]
    )

    @property
    def remarks(self) -> tuple[Phrase, ...]:
        return self.graph.remarks

    @property
    def source(self) -> Source:
        """Return the graph with what was found beside it: names, values, parameters."""
        return Source(self.graph, self.values, loss=self.output, trees=self.arguments)

    def unflatten(self, parameter: str, parts: Mapping[str, Any]) -> Any:
        """Return a value for each input of a parameter, in the parameter's own structure.

        Settings in the structure (None, names, functions) become None: they have no gradient.
        """
        names = {self.paths[name][1]: name for name in self.arguments[parameter]}
        return replace(
            self.structures[parameter],
            lambda path, _: parts[names[path]] if path in names else None,
        )

    def rebuilt(self, parameter: str, values: Mapping[str, Any]) -> Any:
        """Return a parameter in its own structure, with these values for its inputs by name."""
        names = {self.paths[name][1]: name for name in self.arguments[parameter]}
        return replace(
            self.structures[parameter],
            lambda path, leaf: values[names[path]] if path in names else leaf,
        )


@reading()
def trace(
    function: Callable[..., Any],
    arguments: Mapping[str, Any] | Sequence[Any],
    *,
    static: Sequence[str] = (),
    scalar: bool = True,
    owned: bool = False,
) -> Traced:
    """Trace `function` at the given arguments, by name or in order.

    The arguments are copied: the function is handed traced arrays and can neither write the
    caller's arrays nor see later changes to them. With `owned`, arrays that are read-only are taken
    as they are: the caller sees to it that nobody changes them. `static` names parameters that are
    passed on as they are; None, booleans, strings and functions always are. With `scalar`, the
    result has one element.

    Raises DTypeError and InputError for data that cannot be derived with, and TraceError for what
    the function does that cannot be derived. Warns with ShapeGrowthWarning.

    >>> import numpy as np
    >>> traced = trace(lambda w, x: np.sum((w * x) ** 2), {"w": 3.0, "x": np.array([1.0, 2.0])})
    >>> list(traced.graph.inputs), float(traced.result)
    (['w', 'x'], 45.0)
    """
    named = bind(function, arguments)
    given, remarks = take(_refuse_nested(function, named), static, owned=owned, nan=True)
    spelled = [(item.leaf.spelling, item.value) for item in given]
    recorder = Recorder(function_name(function), node_of, concrete=True)
    recorder.remarks.extend(remarks)
    inputs: dict[str, Node] = {}
    handed: dict[tuple[str, tuple[Key, ...]], TracedArray] = {}
    for item in given:
        node = input_node(item.name, item.value.shape, cast(DType, item.value.dtype.name))
        recorder.know(node, item.value)
        inputs[item.name] = node
        array = TracedArray(node, recorder, item.integral, number=item.number)
        handed[item.leaf.parameter, item.leaf.path] = array
    call = [(name, value if name in static else put(name, value, handed)) for name, value in named]
    try:
        node = _run(function, call, recorder, scalar)
    except Exception:
        refuse_counting_nan(spelled, ())
        raise
    refuse_counting_nan(spelled, (recorder.value(node),))
    paths = {item.name: (item.leaf.parameter, item.leaf.path) for item in given}
    return _finished(recorder, inputs, node, {i.name: i.value for i in given}, dict(named), paths)


@reading()
def trace_shapes(
    function: Callable[..., Any],
    shapes: Mapping[str, Any],
    *,
    dtype: DType = "float64",
    scalar: bool = True,
) -> Traced:
    """Trace `function` for shapes alone.

    `shapes` holds a tuple of numbers and names for each parameter (or dicts of such tuples), for
    example {"X": ("n", 3)}.

    Raises TraceError where the function branches on a value, which a shape does not have.

    >>> import numpy as np
    >>> traced = trace_shapes(lambda w, X: np.sum(X @ w), {"w": (3,), "X": ("n", 3)})
    >>> traced.graph.inputs["X"].shape
    (n, 3)
    """
    recorder = Recorder(function_name(function), node_of, concrete=False)
    all_leaves = [leaf for name, value in shapes.items() for leaf in leaves(name, _wrapped(value))]
    inputs: dict[str, Node] = {}
    handed: dict[tuple[str, tuple[Key, ...]], TracedArray] = {}
    paths: dict[str, tuple[str, tuple[Key, ...]]] = {}
    for leaf, name in zip(all_leaves, short_names(all_leaves), strict=True):
        node = input_node(name, leaf.value.dims, dtype)
        recorder.know(node, None)
        inputs[name], paths[name] = node, (leaf.parameter, leaf.path)
        handed[leaf.parameter, leaf.path] = TracedArray(node, recorder)
    structures = {name: _wrapped(value) for name, value in shapes.items()}
    call = [(name, put(name, value, handed)) for name, value in structures.items()]
    node = _run(function, call, recorder, scalar)
    return _finished(recorder, inputs, node, {}, structures, paths)


def _wrapped(value: Any) -> Any:
    """Return a shape as one leaf, so that a tuple of sizes is not taken for a tree."""
    if isinstance(value, Mapping):
        return {key: _wrapped(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    for dim in value:
        if isinstance(dim, str) and not is_size_name(dim):
            raise InputError(_SIZE(size=repr(dim)), fix=verbatim('("n", 3)'))
    return _Shape(tuple(Size.named(dim) if isinstance(dim, str) else dim for dim in value))


class _Shape:
    """A shape as the leaf of a tree."""

    def __init__(self, dims: Shape) -> None:
        self.dims = dims


# ------------------------------------------------------------------ the call
def _refuse_nested(
    function: Callable[..., Any], named: list[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    for name, value in named:
        for leaf in leaves(name, value):
            if isinstance(leaf.value, TracedArray):
                what = _NESTED(name=leaf.spelling, function=function_name(function))
                raise TraceError(what, place=leaf.value.recorder.place(), fix=_NESTED_FIX())
    return named


def _run(
    function: Callable[..., Any],
    call: Sequence[tuple[str, Any]],
    recorder: Recorder,
    scalar: bool,
) -> Node:
    args, kwargs = as_call(function, call)
    generators = Generators(function)
    recorder.root = inspect.currentframe()
    with recorder.runs():
        with operand_errors_shown(function, call):
            result = function(*args, **kwargs)
        if recorder.refused is not None:
            raise recorder.refused
        for source in generators.used():
            recorder.remarks.append(_RANDOM(function=function_name(function), source=source))
        return outcome.node_of_result(
            result, recorder, function_name(function), definition_of(function), scalar
        )


def _refuse_left(recorder: Recorder, node: Node) -> None:
    """Refuse a value that an inner function stored somewhere instead of returning it: it has no
    meaning outside."""
    if not recorder.standins:
        return
    for node_below in reachable([node, *(guard.condition for guard in recorder.guards.values())]):
        name = recorder.standins.get(node_below.id)
        if name is not None:
            raise TraceError(_LEFT(name=name), fix=_LEFT_FIX(name=name))


def _finished(
    recorder: Recorder,
    inputs: Mapping[str, Node],
    node: Node,
    values: Mapping[str, Array],
    structures: Mapping[str, Any],
    paths: Mapping[str, tuple[str, tuple[Key, ...]]],
) -> Traced:
    _refuse_left(recorder, node)
    names = recorder.namer.finish(inputs, node)
    output = outcome.name(node, names, inputs)
    graph = Graph(
        inputs=dict(inputs),
        outputs={output: node},
        names=names,
        places={key: tuple(places) for key, places in recorder.where.items()},
        guards=tuple(recorder.guards.values()),
        remarks=tuple(recorder.remarks),
    )
    grown = growth_warnings(graph)
    for growth in grown:
        warn(ShapeGrowthWarning(growth.phrase.text()), growth.place)
    arguments: dict[str, list[str]] = {name: [] for name in structures}
    for name, (parameter, _) in paths.items():
        arguments[parameter].append(name)
    result = recorder.value(node)
    recorder.forget()
    return Traced(
        graph=graph,
        values=values,
        output=output,
        result=result,
        arguments={name: tuple(names) for name, names in arguments.items()},
        warnings=tuple(growth.phrase for growth in grown),
        function=recorder.function,
        order=recorder.order,
        functions=tuple(recorder.plain_functions({node} - recorder.made_with_derivatives([node]))),
        moving=tuple(recorder.moving_among(inputs.values())),
        structures=structures,
        paths=paths,
    )
