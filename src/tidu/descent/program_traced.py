"""The adapter of a NumPy function: traced at the given values, and again where a branch changes."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.descent.program import BoundProgram, Watch, bind, find_watched
from tidu.errors import InputError, ShapeError, ShapeGrowthWarning
from tidu.ir.build import substitute
from tidu.ir.graph import Guard
from tidu.ir.node import Node
from tidu.tracing import tree
from tidu.tracing.arguments import is_static
from tidu.tracing.trace import Traced, trace
from tidu.words import Words

Array = NDArray[Any]

_NOTHING = Words(
    en="params is {value}: there is nothing to train", zh="params 是 {value}：没有可以训练的参数"
)
_NOTHING_FIX = Words(
    en='params={"W": np.zeros((3, 1))}, or the array alone',
    zh='params={"W": np.zeros((3, 1))}，或单独一个数组',
)
_RAGGED = Words(
    en="the rows of {value} differ in length, so it is no array",
    zh="{value} 各行长度不同，不能成为数组",
)


class FunctionAdapter:
    """A NumPy function loss(params, *data), or one that takes each parameter by name.

    The parameters' structure and the data are copied: what the caller changes later has no effect.
    """

    adapts = True

    def __init__(
        self,
        loss: Callable[..., Any],
        params: Any,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        watch: Sequence[Watch] | None,
    ) -> None:
        self.function, self.watch = loss, tuple(watch or ())
        if all(is_static(leaf.value) for leaf in tree.leaves("params", params)):
            raise InputError(_NOTHING(value=repr(params)[:40]), fix=_NOTHING_FIX())
        self.params = own(params)
        self.first, self.order = argument_names(loss, params, len(positional))
        given = bind(self.order, positional, named)
        self.data = {name: own_data(value) for name, value in given.items()}
        self.paths: Mapping[str, tuple[str, tuple[tree.Key, ...]]] = {}

    def open(
        self,
        parameters: Mapping[str, Array] | None,
        data: Mapping[str, Any],
        *,
        scalar: bool = True,
    ) -> BoundProgram:
        """Trace at these values. Without `scalar` the result may have any shape: to predict."""
        params = self.params if parameters is None else self.structured(parameters)
        arguments = (dict(params) if self.first is None else {self.first: params}) | dict(data)
        traced = self._trace(self.function, arguments, first=parameters is None, scalar=scalar)
        mine = {n: path for n, path in traced.paths.items() if path[0] not in self.order}
        self.paths = self.paths or mine
        names = list(mine)  # of masks, which have no derivative, the derivation speaks
        graph = traced.graph
        watched, guards = self._watched(traced, arguments)
        return BoundProgram(
            graph=replace(graph, guards=(*graph.guards, *guards)),
            loss=traced.output,
            parameters={name: traced.values[name] for name in names},
            data={name: value for name, value in traced.values.items() if name not in names},
            arguments={name: traced.arguments[name] for name in data},
            watched=watched,
            remarks=traced.remarks,
        )

    def structured(self, parameters: Mapping[str, Array]) -> Any:
        place = {
            (path if self.first is not None else (owner, *path)): name
            for name, (owner, path) in self.paths.items()
        }

        def filled(path: tuple[tree.Key, ...], leaf: Any) -> Any:
            name = place.get(path)
            if name is None or name not in parameters:
                return leaf
            value = parameters[name]
            return value.item() if isinstance(leaf, int | float | complex) else value

        return tree.replace(self.params, filled)

    def _trace(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        *,
        first: bool = False,
        scalar: bool = True,
    ) -> Traced:
        with warnings.catch_warnings():
            if not first:  # said once is enough
                warnings.simplefilter("ignore", ShapeGrowthWarning)
            call = list(arguments.values()) if _is_variadic(function) else arguments
            return trace(function, call, scalar=scalar, owned=True)

    def _watched(
        self, traced: Traced, arguments: Mapping[str, Any]
    ) -> tuple[dict[str, Node], list[Guard]]:
        nodes: dict[str, Node] = {}
        guards: list[Guard] = []
        for watch in self.watch:
            if isinstance(watch, str):
                nodes |= find_watched(traced.graph, traced.output, [watch])
                continue
            seen, owners = self.trace_watch(watch, arguments)
            place = {path: name for name, path in traced.paths.items()}
            images: dict[Node, Node] = {}
            for name, node in seen.graph.inputs.items():
                owner, path = seen.paths[name]
                images[node] = traced.graph.inputs[place[owners[owner], path]]
            conditions = [guard.condition for guard in seen.graph.guards]
            node, *moved = substitute([seen.graph.outputs[seen.output], *conditions], images)
            nodes[getattr(watch, "__name__", seen.output)] = node
            pairs = zip(seen.graph.guards, moved, strict=True)
            guards += [Guard(condition, guard.taken, guard.place) for guard, condition in pairs]
        return nodes, guards

    def trace_watch(
        self, watch: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> tuple[Traced, dict[str, str]]:
        """Return a watched function, traced, and for each of its arguments the loss's argument that
        it is: the one of the same name, else the one in the same place."""
        names, ordered = _parameter_names(watch, 0), list(arguments)
        owners = {
            name: name if name in arguments else ordered[position]
            for position, name in enumerate(names)
            if name in arguments or position < len(ordered)
        }
        taken = {name: arguments[owner] for name, owner in owners.items()}
        return self._trace(watch, taken, scalar=False), owners


def argument_names(
    loss: Callable[..., Any], params: Any, extra: int
) -> tuple[str | None, tuple[str, ...]]:
    """Return the name of the argument that holds all parameters (None where each has its own), and
    those of the data in their order."""
    names = _parameter_names(loss, extra)
    spread = isinstance(params, Mapping) and bool(params) and set(params) <= set(names)
    first = None if spread else next(iter(names), "params")
    used = set(cast("Mapping[str, Any]", params)) if spread else {first}
    return first, tuple(name for name in names if name not in used)


def own(value: Any) -> Any:
    """Return the same structure with copies of its arrays, which nobody else can change. Their
    class is kept, since some are refused later."""
    tree.leaves("params", value)  # bounds the depth

    def copied(path: tuple[tree.Key, ...], leaf: Any) -> Any:
        if isinstance(leaf, np.generic) or not hasattr(leaf, "__array__"):
            return leaf
        # an object may hand out its own array, whatever copy it is asked for
        array = np.array(leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf), subok=True)
        array.flags.writeable = False
        return array

    return tree.replace(value, copied)


def own_data(value: Any) -> Any:
    """Return a copy of the data; nested lists of plain numbers become an array, as NumPy reads
    them."""
    if isinstance(value, list | tuple):
        all_leaves = tree.leaves("data", value)
        if all_leaves and all(isinstance(leaf.value, int | float) for leaf in all_leaves):
            try:
                return np.array(value)
            except ValueError:
                raise ShapeError(_RAGGED(value=repr(value)[:60])) from None
    return own(value)


def _is_variadic(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def _parameter_names(function: Callable[..., Any], extra: int) -> list[str]:
    """Return the names of a function's parameters; *rows gives rows0, rows1 … as many as are
    given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["params", *(f"x{i}" for i in range(1, extra + 1))]
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            room = range(max(0, extra + 1 - len(names)))
            names.extend(f"{parameter.name}{i}" for i in room)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            names.append(parameter.name)
    return names
