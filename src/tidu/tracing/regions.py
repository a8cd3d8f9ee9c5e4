"""Functions traced as a part of a trace, so that they can be transformed there.

`open_region` traces a function in a stage on variables of its own. What is derived from the region
stands in the same graph after `close` has put the actual values in the place of the variables: a
derivative of a derivative is the same transformation once more, and variables of two levels are
never mistaken for each other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tidu.calculus.modes import as_run
from tidu.errors import DTypeError, TraceError
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.node import Node, inputs_among, post_order, reachable
from tidu.ir.op import Loop
from tidu.ir.types import FLOATS
from tidu.tracing import outcome
from tidu.tracing.arguments import is_static
from tidu.tracing.bodies import Inner, inside, move_guards, standin
from tidu.tracing.calling import as_call, definition_of, function_name
from tidu.tracing.record import Recorder
from tidu.tracing.stage import Named, Path, Stage
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import Key, Leaf, leaves, replace, short_names
from tidu.tracing.unfit import need_numbers, operand_errors_shown
from tidu.words import Words

_NOT_DIFFERENTIABLE = Words(
    en="{name} holds {dtype}; a derivative needs real numbers",
    zh="{name} 的类型是 {dtype}；求导需要实数",
)
_HOLD = Words(
    en="derive a function of the other arguments: lambda …: {function}(…), {name} in its body",
    zh="对只含其余参数的函数求导：lambda …: {function}(…)，把 {name} 写在函数体里",
)
_SETTING = Words(
    en="{function} returned {value} ({kind}) at {where}, which is no number",
    zh="{function} 在 {where} 处返回了 {value}（{kind}），不是数",
)
_SETTING_FIX = Words(
    en="return it besides the numbers: has_aux=True", zh="与数分开返回：has_aux=True"
)


_PAIR = Words(
    en="{function} returned {got}; with has_aux it returns two things: the value, and what is "
    "handed on as it is",
    zh="{function} 返回了 {got}；使用 has_aux 时要返回两样东西：函数值，以及原样交出的结果",
)
_PAIR_FIX = Words(en="return value, aux", zh="return value, aux")


# ------------------------------------------------------------------ a function in it
def without_aux(function: Callable[..., Any], kept: list[Any]) -> Callable[..., Any]:
    """Return a function that returns the first of the two results of `function` and puts the second
    into `kept`."""

    @functools.wraps(function)
    def alone(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not isinstance(result, tuple) or len(cast("tuple[Any, ...]", result)) != 2:
            name, got = function_name(function), type(result).__name__
            place = definition_of(function)
            raise TraceError(_PAIR(function=name, got=got), place=place, fix=_PAIR_FIX())
        value, aux = cast("tuple[Any, Any]", result)
        kept.append(aux)
        return value

    return alone


def nodes_in(tree: Any) -> Any:
    """Return a tree with the nodes of its traced arrays."""
    return replace(tree, lambda _, x: x.node if type(x) is TracedArray else x)


def plain_values(tree: Any) -> Any:
    """Return a tree with the values of its traced arrays."""

    def one(_: Any, leaf: Any) -> Any:
        if type(leaf) is not TracedArray or leaf.value is None:
            return leaf
        value = np.array(leaf.value)
        return value[()] if leaf.is_number else value

    return replace(tree, one)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A function as a graph between inputs of its own and its results.

    variables: by parameter and path, for the leaves that are derived for, in order. actual: what
    each stands for. result: the function's result with nodes in the place of its numbers, and
    `outputs` these nodes in order; `derivatives` are those made with derivatives. lines: nodes with
    a name. image: the nodes as they were traced, with what stands for each here.

    In a trace that was running before, the region has variables for what it uses of the program
    around it as well, and none of its names is another's: two regions of equal functions are equal
    and are transformed once, however much was calculated before them.
    """

    stage: Stage
    function: str
    arguments: Mapping[str, Any]
    variables: Mapping[Path, Node]
    actual: dict[Node, Node]
    result: Any
    derivatives: frozenset[Node]
    lines: frozenset[Node]
    inner: Inner
    image: Mapping[Node, Node]

    @property
    def outputs(self) -> list[Node]:
        return [leaf.value for leaf in leaves("result", self.result)]

    @property
    def functions(self) -> list[Node]:
        """Return the outputs that are not derivatives."""
        return [node for node in self.outputs if node not in self.derivatives]

    @property
    def moving(self) -> list[Node]:
        """Return the results that have a derivative: those that are neither masks nor counts."""
        return [node for node in self.outputs if node.dtype in FLOATS]

    @property
    def wrt(self) -> list[Node]:
        return list(self.variables.values())

    def like(self, parameter: str, parts: Mapping[Node, Any]) -> Any:
        """Return a value for each input of a parameter, in the parameter's own structure; what is
        no number there becomes None."""

        def one(path: tuple[Key, ...], _: Any) -> Any:
            node = self.variables.get((parameter, path))
            return None if node is None else parts[node]

        return replace(self.arguments[parameter], one)

    @property
    def display_names(self) -> Mapping[int, str]:
        """Return the names that messages use for nodes inside, by id."""
        return self.inner.namer.display_names

    def hold(self, node: Node, position: int) -> Node:
        """Return an input for a node of the surrounding program, such as a tangent, until the
        region is closed."""
        if self.stage.own:
            return node
        own = input_node(f"·d{position}", node.shape, node.dtype)
        self.actual[own] = node
        return own

    def close(self, tree: Any) -> Any:
        """Return a tree of the region's nodes with the actual values put in for its inputs."""
        if all(variable is node for variable, node in self.actual.items()):
            return tree
        nodes = [leaf.value for leaf in leaves("", tree) if isinstance(leaf.value, Node)]
        image = dict(zip(nodes, substitute(nodes, self.actual), strict=True))
        if self.variables:
            recorder = self.stage.recorder
            recorder.functions = substitute([*recorder.functions, *self.functions], self.actual)
            inner = [node for node in recorder.derived if node in self.image]
            recorder.derived.extend(substitute(inner, self.actual))
        self._hand_names_on(image.values())
        where = self.stage.recorder.where
        walk = [node for node in self.image if node in where]
        for old, new in zip(walk, substitute(walk, self.actual), strict=True):
            where.setdefault(new, []).extend(p for p in where[old] if new is not old)
        return replace(
            tree, lambda _, leaf: image.get(leaf, leaf) if isinstance(leaf, Node) else leaf
        )

    def _hand_names_on(self, results: Iterable[Node]) -> None:
        """Give the names that the function uses for its values to the same values in the
        surrounding program, if they are part of the results."""
        known, image = self.inner.known, self.image
        walk = post_order(results, lambda node: () if node.id in known else node.inputs)
        present = {node.id for node in walk}
        named = [(text, n) for text, n in self.inner.namer.named() if n.inputs and n in image]
        images = substitute(list(as_run(image[node] for _, node in named)), self.actual)
        pairs = zip((text for text, _ in named), images, strict=True)
        names_in_region = [(text, node) for text, node in pairs if node.id in present]
        self.stage.recorder.namer.adopt(names_in_region)


def open_region(
    stage: Stage,
    function: Callable[..., Any],
    arguments: Named,
    wrt: Iterable[str],
    *,
    scalar: bool = False,
    order: int = 1,
) -> Region:
    """Trace a function in a stage, on fresh inputs for the parameters named in `wrt`.

    `arguments` come from the stage's `give`. With `scalar` the result is one number. `order` is
    that of the derivatives that will be taken by them.
    Raises DTypeError for parameters of `wrt` that hold no real numbers, TraceError for a result
    that cannot be derived.
    """
    recorder, name = stage.recorder, function_name(function)
    wanted = set(wrt)
    numbers = _numbers(name, [item for item in arguments if item[0] in wanted])
    variables: dict[Path, Node] = {}
    actual: dict[Node, Node] = {}
    titles: dict[Node, str] = {}
    handed: dict[Path, TracedArray] = {}
    for leaf, title in zip(numbers, short_names(numbers), strict=True):
        value: TracedArray = leaf.value
        key = leaf.parameter, leaf.path
        variable = value.node
        if not stage.own or variable in actual or variable.op.role != "input":
            variable = standin(recorder, variable, value.value, title)
        variables[key], actual[variable], titles[variable] = variable, value.node, title
        handed[key] = TracedArray(variable, recorder, value.integral, number=value.is_number)
    if variables:
        recorder.order += order
        recorder.moving.extend(inputs_among(reachable(actual.values())).values())
    call = [(n, replace(value, lambda p, x, n=n: handed.get((n, p), x))) for n, value in arguments]
    with inside(recorder) as finished:
        for variable, title in titles.items():
            recorder.namer.display_names[variable.id] = title
        around = recorder.order
        tree = _nodes_of(run_in(recorder, function, call), recorder, function, scalar)
        made = recorder.made_with_derivatives(_flat(tree), recorder.order - around)
        inner = finished()
    if stage.own:
        image = {node: node for node in reachable(_flat(tree))}
    else:
        image = _image(_flat(tree), titles, inner)
        actual |= {new: actual.get(old, old) for old, new in image.items() if not new.inputs}
        actual |= {old: old for old, new in image.items() if old.inputs and not new.inputs}
    move_guards(inner, actual)
    return Region(
        stage,
        name,
        dict(arguments),
        variables={key: image.get(variable, variable) for key, variable in variables.items()},
        actual=actual,
        result=replace(tree, lambda _, node: image[node]),
        derivatives=frozenset(image[node] for node in made),
        lines=frozenset(new for old, new in image.items() if old.id in inner.namer.display_names),
        inner=inner,
        image=image,
    )


def _image(
    outputs: Sequence[Node], variables: Mapping[Node, str], inner: Inner
) -> dict[Node, Node]:
    """Return the nodes between the inputs and the outputs as copies on inputs of the region's own,
    for the parameters, given with their names, and for what is used of the surrounding program."""
    fresh_inputs = list(variables)
    ends = {node.id for node in fresh_inputs}

    def is_taken(node: Node) -> bool:
        if node.id in ends or is_tuple(node):
            return False
        if not node.inputs:
            return node.op.role == "input"
        return node.id in inner.known and node.op.loop is not Loop.VIEW

    def operands(node: Node) -> tuple[Node, ...]:
        return () if node.id in ends or is_taken(node) else node.inputs

    walk = post_order([*fresh_inputs, *outputs], operands)
    held = [*fresh_inputs, *(node for node in walk if is_taken(node))]
    copies = {node: input_node(f"·v{i}", node.shape, node.dtype) for i, node in enumerate(held)}
    image = dict(zip(walk, substitute(walk, copies), strict=True))
    for old, new in image.items():  # messages speak of the inputs by the user's names
        called = variables.get(old) or inner.called(old)
        if called and not new.inputs and new is not old:
            inner.recorder.namer.display_names[new.id] = called
    return image


def _flat(tree: Any) -> list[Node]:
    return [leaf.value for leaf in leaves("result", tree)]


def _numbers(function: str, arguments: Named) -> list[Leaf]:
    need_numbers(function, arguments)
    numbers: list[Leaf] = []
    for name, value in arguments:
        below = [leaf for leaf in leaves(name, value) if type(leaf.value) is TracedArray]
        for leaf in below:
            if leaf.value.node.dtype not in FLOATS:
                dtype = leaf.value.node.dtype
                fix = _HOLD(function=function, name=leaf.spelling)
                raise DTypeError(_NOT_DIFFERENTIABLE(name=leaf.spelling, dtype=dtype), fix=fix)
        numbers.extend(below)
    return numbers


def run_in(recorder: Recorder, function: Callable[..., Any], call: Named) -> Any:
    """Return what a function returns when it is called in a trace."""
    recorder.root = inspect.currentframe()
    args, kwargs = as_call(function, call)
    with operand_errors_shown(function, call):
        result = function(*args, **kwargs)
    if recorder.refused is not None:
        raise recorder.refused
    return result


def _nodes_of(result: Any, recorder: Recorder, function: Callable[..., Any], scalar: bool) -> Any:
    """Return the result of a function with nodes in place of its numbers."""
    name, place = function_name(function), definition_of(function)
    parts = leaves("result", result)
    if scalar or (len(parts) == 1 and not parts[0].path) or not parts:
        return outcome.node_of_result(result, recorder, name, place, scalar, not scalar)

    def one(path: tuple[Key, ...], leaf: Any) -> Node:
        if is_static(leaf):
            where = Leaf("result", path, leaf).spelling
            what = _SETTING(
                function=name, value=repr(leaf)[:40], kind=type(leaf).__name__, where=where
            )
            raise TraceError(what, place=place, fix=_SETTING_FIX())
        return outcome.node_of_result(leaf, recorder, name, place, False, True)

    return replace(result, one)
