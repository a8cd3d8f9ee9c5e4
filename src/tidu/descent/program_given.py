"""Adapters of programs that are given: graphs, derivations, and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.backends.program import no_values
from tidu.calculus.derivation import Derivation
from tidu.descent.program import BoundProgram, Watch, bind, find_watched, unknown, unknown_argument
from tidu.errors import InputError
from tidu.ir.graph import Graph
from tidu.ir.node import inputs_among
from tidu.text.read import read
from tidu.tracing.arguments import take
from tidu.words import Phrase, Words

Array = NDArray[Any]

_NOT_DERIVED = Words(
    en="{name} is given as a parameter, but no gradient was derived for it",
    zh="{name} 作为参数给出，但没有对它求过梯度",
)
_NOT_DERIVED_FIX = Words(en="wrt=[{names}]", zh="wrt=[{names}]")
_MAPPING = Words(
    en="parameters are given by name here, as a dict, not as {kind}",
    zh="这里的参数按名字给出，用 dict，而不是 {kind}",
)
_MAPPING_FIX = Words(en='{"{name}": ...}', zh='{"{name}": ...}')
_TWICE = Words(
    en="{name} is given twice, as a parameter and as data",
    zh="{name} 给了两次：作为参数和作为数据",
)
_BY_NAME = Words(en="the data of a text program are given by name", zh="文本程序的数据要按名字给出")
_BY_NAME_FIX = Words(
    en="descend(text, params, x=..., y=...)", zh="descend(text, params, x=..., y=...)"
)
_GIVE = Words(
    en='descend(…, {name}=…), or {"{name}": …} in params if it is to be trained',
    zh='descend(…, {name}=…)；若要训练它，则在 params 中写 {"{name}": …}',
)
_NO_START = Words(en="there is no value to start from for {names}", zh="{names} 没有可以开始的值")
_ASSUMED = Words(
    en="{name} was assumed to have a property, which a step of descent does not keep",
    zh="假设了 {name} 具有某种性质，而下降一步之后不再保持",
)
_ASSUMED_FIX = Words(
    en="derive without assume= for a parameter that is trained",
    zh="对要训练的参数求导时不要用 assume=",
)


class GraphAdapter:
    """A graph as it stands. Parameters and data are inputs by name."""

    adapts = False

    def __init__(
        self,
        graph: Graph,
        loss: str,
        params: Any,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        *,
        watch: Sequence[Watch] | None,
        core: Derivation | None = None,
        bodies: Mapping[str, Graph] | None = None,
    ) -> None:
        if not isinstance(params, Mapping):
            first = next(iter(core.wrt if core else graph.inputs), "W")
            fix = _MAPPING_FIX(name=first)
            raise InputError(_MAPPING(kind=type(params).__name__), fix=fix)
        self.graph, self.loss, self.bodies = graph, loss, bodies or {}
        self.core = None if core is None else _restricted(core, list(params))
        for name in params:
            if name in graph.inputs and graph.inputs[name].attrs.get("assume"):
                raise InputError(_ASSUMED(name=name), fix=_ASSUMED_FIX())
        self.given, remarks = _taken(cast("Mapping[str, Any]", params))
        self.remarks = tuple(remarks)
        self.order = tuple(name for name in graph.inputs if name not in self.given)
        self.data = bind(self.order, positional, named)
        needed = inputs_among(graph.nodes())
        missing = [name for name in self.order if name in needed and name not in self.data]
        if missing:
            raise no_values(missing)
        self.watched = find_watched(graph, loss, watch)

    def open(
        self,
        parameters: Mapping[str, Array] | None,
        data: Mapping[str, Any],
        *,
        scalar: bool = True,
    ) -> BoundProgram:
        """Return the graph with these values; it is the same for predictions."""
        arrays, remarks = _taken(data)
        return BoundProgram(
            graph=self.graph,
            loss=self.loss,
            parameters=self.given if parameters is None else parameters,
            data=arrays,
            arguments={name: (name,) for name in data},
            watched=self.watched,
            remarks=(*self.remarks, *remarks),
            core=self.core,
            bodies=self.bodies,
        )

    def structured(self, parameters: Mapping[str, Array]) -> Any:
        return dict(parameters)


def _array(value: Any) -> Any:
    return np.array(value) if isinstance(value, list | tuple) else value


def _restricted(core: Derivation, names: Sequence[str]) -> Derivation:
    """Return the derivation for those of its parameters that are to change; the others are data."""
    for name in names:
        if name not in core.wrt:
            if name not in core.graph.inputs:
                raise unknown(name, list(core.graph.inputs))
            wanted = ", ".join(f'"{n}"' for n in (*core.wrt, name))
            raise InputError(_NOT_DERIVED(name=name), fix=_NOT_DERIVED_FIX(names=wanted))
    return replace(
        core,
        wrt={name: core.wrt[name] for name in names},
        gradients={name: core.gradients[name] for name in names},
        unused=tuple(name for name in core.unused if name in names),
    )


class TextAdapter:
    """A program as text. Data and parameters are given by name, or stand in the text itself."""

    adapts = False  # a text has no branches on values, so nothing of it stops to hold

    def __init__(
        self,
        text: str,
        params: Any,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        watch: Sequence[Watch] | None,
    ) -> None:
        if positional:
            raise InputError(_BY_NAME(), fix=_BY_NAME_FIX())
        self.text, self.watch = text, watch
        given = params if isinstance(params, Mapping) else {}
        twice = [name for name in named if name in given]
        if twice:
            raise InputError(_TWICE(name=twice[0]))
        values, remarks = _taken({**given, **named})
        trained = [] if isinstance(params, Mapping) else _names(params, ())

        def remedy(name: str) -> Phrase:
            return (_MAPPING_FIX if name in trained else _GIVE)(name=name)

        source = read(text, values=values, remedy=remedy)
        if source.unknown:
            name, free = source.unknown[0], [n for n in source.graph.inputs if n not in values]
            known = [n for n in (*free, *values) if n not in source.unknown]
            raise unknown_argument(name, known, {**given, **named}[name])
        inside, _ = _taken(source.values)
        names = list(given) or _names(params, source.parameters)
        known = inside | values
        missing = [name for name in names if name not in known]
        if missing or not names:
            shown = ", ".join(missing) or "params"
            raise InputError(_NO_START(names=shown), fix=_MAPPING_FIX(name=(missing or ["W"])[0]))
        self.given = {name: known[name] for name in names}
        self.data = {name: value for name, value in known.items() if name not in names}
        self.order = tuple(name for name in source.graph.inputs if name not in names)
        self.remarks = tuple(remarks)

    def open(
        self,
        parameters: Mapping[str, Array] | None,
        data: Mapping[str, Any],
        *,
        scalar: bool = True,
    ) -> BoundProgram:
        """Read the text for arrays of these shapes."""
        starts = self.given if parameters is None else parameters
        arrays, _ = _taken(data)
        source = read(self.text, values={**starts, **arrays})
        loss = source.loss or list(source.graph.outputs)[-1]
        return BoundProgram(
            graph=source.graph,
            loss=loss,
            parameters=starts,
            data=arrays,
            arguments={name: (name,) for name in data},
            watched=find_watched(source.graph, loss, self.watch),
            remarks=(*source.graph.readings, *source.graph.remarks, *self.remarks),
            bodies=source.bodies,
        )

    def structured(self, parameters: Mapping[str, Array]) -> Any:
        return dict(parameters)


def _names(params: Any, marked: Sequence[str]) -> list[str]:
    """Return the parameters whose values the text holds: those named, or those that it marks
    itself."""
    if params is None:
        return list(marked)
    names = [params] if isinstance(params, str) else params
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) for name in cast("Sequence[Any]", names)
    ):
        raise InputError(_MAPPING(kind=type(params).__name__), fix=_MAPPING_FIX(name="W"))
    return list(cast("Sequence[str]", names))


def _taken(values: Mapping[str, Any]) -> tuple[dict[str, Array], list[Phrase]]:
    """Return checked copies of arrays by name, with remarks on what was changed."""
    given, remarks = take([(name, _array(value)) for name, value in values.items()], ())
    return {item.name: item.value for item in given}, remarks
