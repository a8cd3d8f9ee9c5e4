"""The watched output for new data: the same graph where shapes allow it, else traced anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.calculus.derivation import stabilised
from tidu.descent.program import BoundProgram, ProgramAdapter, bind
from tidu.descent.program_given import TextAdapter
from tidu.descent.program_traced import FunctionAdapter, own_data
from tidu.errors import InputError, TiduError
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.running.evaluation import run
from tidu.tracing.arguments import take
from tidu.tracing.calling import function_name
from tidu.words import Words

Array = NDArray[Any]

_NEEDS = Words(
    en="{output} depends on {names} too; no value was given",
    zh="{output} 还取决于 {names}，但没有给出它的值",
)
_ALL = Words(
    en="the loss cannot be traced with the new data alone; give values for {names} as well",
    zh="只凭新数据无法追踪损失；请同时给出 {names} 的值",
)

_LOST = Words(
    en="the run was pickled without {name}, which cannot be imported by its name, and so it cannot "
    "predict",
    zh="保存（pickle）时无法按名字导入 {name}，所以这次运行不能再预测",
)
_LOST_FIX = Words(
    en="def at the top of a module in place of a lambda or an inner function, before pickling",
    zh="pickle 之前，在模块顶层用 def 定义函数，不要用 lambda 或内部函数",
)


def predictor(
    adapter: ProgramAdapter, bound: BoundProgram, parameters: Mapping[str, Array]
) -> Callable[..., Array] | None:
    """Return a function of new data for the first watched output; None if nothing is watched."""
    return _Predictor(adapter, bound, parameters) if bound.watched else None


@dataclass(frozen=True, eq=False)
class _Predictor:
    adapter: ProgramAdapter
    bound: BoundProgram
    parameters: Mapping[str, Array]

    def __call__(self, *data: Any, **named: Any) -> Array:
        adapter, bound, parameters = self.adapter, self.bound, self.parameters
        name, node = next(iter(bound.watched.items()))
        given = bind(adapter.order, data, named)
        if isinstance(adapter, FunctionAdapter) and callable(adapter.watch[0]):
            return _by_watched_function(adapter, adapter.watch[0], parameters, given)
        if isinstance(adapter, FunctionAdapter | TextAdapter):
            return _bound_again(adapter, name, parameters, given)
        return _by_graph(bound, name, node, parameters, given)

    def __copy__(self) -> _Predictor:
        return self

    def __deepcopy__(self, memo: object) -> _Predictor:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the predictor with its function by name; a run of a function without one is
        pickled without predictions."""
        adapter = self.adapter
        functions = (
            [adapter.function, *adapter.watch] if isinstance(adapter, FunctionAdapter) else []
        )
        lost = [f for f in functions if callable(f) and not _importable(f)]
        if lost:
            return _NoPredictor, (function_name(lost[0]),)
        return _Predictor, (adapter, self.bound, self.parameters)


@dataclass(frozen=True)
class _NoPredictor:
    """The stand-in for a predictor that could not be pickled."""

    function: str

    def __call__(self, *data: Any, **named: Any) -> Array:
        raise InputError(_LOST(name=self.function), fix=_LOST_FIX())


def _importable(function: Callable[..., Any]) -> bool:
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    for part in getattr(function, "__qualname__", "?").split("."):
        found = getattr(found, part, None)
    return found is function


def _by_graph(
    bound: BoundProgram,
    name: str,
    node: Node,
    parameters: Mapping[str, Array],
    given: Mapping[str, Any],
) -> Array:
    _check_needed(name, node, {**parameters, **given})
    values, _ = take([(n, own_data(v)) for n, v in given.items()], ())
    arrays = {item.name: item.value for item in values}
    return _run(name, node, {**parameters, **arrays}, bound.bodies)


def _by_watched_function(
    adapter: FunctionAdapter,
    watch: Callable[..., Any],
    parameters: Mapping[str, Array],
    given: Mapping[str, Any],
) -> Array:
    params = adapter.structured(parameters)
    arguments = dict(params) if adapter.first is None else {adapter.first: params}
    seen, _ = adapter.trace_watch(watch, arguments | {n: own_data(v) for n, v in given.items()})
    return _run(seen.output, seen.graph.outputs[seen.output], seen.values)


def _bound_again(
    adapter: ProgramAdapter,
    name: str,
    parameters: Mapping[str, Array],
    given: Mapping[str, Any],
) -> Array:
    """Return a predicted value for new data, which may have another number of rows."""
    data = _completed(adapter, given)
    try:
        bound = adapter.open(parameters, data, scalar=False)
    except TiduError as error:
        missing = [n for n in adapter.data if n not in given]
        if not missing:
            raise
        raise InputError(_ALL(names=", ".join(missing))) from error
    node = bound.watched[name]
    own_inputs = {i for n in given for i in bound.arguments[n]}
    _check_needed(name, node, {*bound.parameters, *own_inputs})
    return _run(name, node, {**bound.parameters, **bound.data}, bound.bodies)


def _run(
    name: str,
    node: Node,
    values: Mapping[str, Any],
    bodies: Mapping[str, Graph] | None = None,
) -> Array:
    image = stabilised(Graph({}, {name: node}))
    return run({name: image.get(node, node)}, values, bodies).outputs[name]


def _completed(adapter: ProgramAdapter, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given data, and for data left out (such as the targets) the old ones, with as many
    rows.

    They only let the loss be traced: an output that depends on them is refused.
    """
    grown: dict[int, int] = {}
    for name, value in given.items():
        old = np.shape(adapter.data[name]) if name in adapter.data else ()
        new = np.shape(value)
        if len(old) == len(new):
            grown |= {m: n for m, n in zip(old, new, strict=True) if m not in (1, n)}
    filled: dict[str, Any] = {}
    for name, value in adapter.data.items():
        if name in given:
            filled[name] = own_data(given[name])
        elif isinstance(value, np.ndarray) and any(dim in grown for dim in value.shape):
            shape = tuple(grown.get(int(dim), int(dim)) for dim in value.shape)
            filled[name] = np.zeros(shape, value.dtype)
        else:
            filled[name] = value
    return filled | {name: own_data(value) for name, value in given.items()}


def _check_needed(output: str, node: Node, known: Any) -> None:
    needed = [n.attrs["name"] for n in reachable([node]) if n.op.role == "input"]
    missing = [name for name in needed if name not in known]
    if missing:
        raise InputError(_NEEDS(output=output, names=", ".join(missing)))
