"""`tidu.compile`: a function of the same arguments whose value a compiled program calculates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from tidu.api.options import check_loss
from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.program import no_values
from tidu.calculus.modes import as_run
from tidu.calculus.settings import with_bodies
from tidu.descent.program import unknown
from tidu.errors import InputError
from tidu.ir.build import substitute
from tidu.ir.node import inputs_among, reachable
from tidu.running.backend import check_backend, chosen_backend, need_native
from tidu.running.evaluation import check_values
from tidu.running.results import finish, redo_of, value_of
from tidu.text.read import read
from tidu.tracing.arguments import refuse_other_arrays, take
from tidu.tracing.calling import bind, bound
from tidu.tracing.record import running
from tidu.tracing.regions import open_region
from tidu.tracing.stage import stage
from tidu.tracing.tree import replace
from tidu.words import Words

_BY_NAME = Words(
    en="the values of a text program are given by name", zh="文本程序的数据要按名字给出"
)
_GIVE = Words(en="compile(text)(…, {name}=…)", zh="compile(text)(…, {name}=…)")
_BY_NAME_FIX = Words(en="compile(text)(x=..., y=...)", zh="compile(text)(x=..., y=...)")


def compile(function: Callable[..., Any] | str, backend: str | None = None) -> Callable[..., Any]:
    """Return a function of the same arguments whose value is calculated by a compiled program.

    function: NumPy code that returns an array or a tree of arrays (dict, list, tuple, dataclass);
    its arguments may be trees too. It is traced at the values of each call, so that Python branches
    and variables around it are followed; equal programs are compiled once, for the shapes and
    dtypes they have, and the last 64 are remembered. Or a text program, whose inputs are then given
    by name and whose last line is the value. In a function that is being derived it is a part of
    that function.

    backend: "native" compiles to machine code, "numpy" to a plan of NumPy calls; by default native
    where llvmlite knows the processor, else NumPy, which a FallbackWarning says once. Arrays that
    are given are copied and never written; the results are the caller's own. The function may be
    called from several threads. Whole numbers that are given are calculated with as float64, and so
    are the results.

    Raises InputError for an unknown backend or one that cannot work here, DTypeError for what is
    neither a function nor a text, and TraceError for what cannot be traced. Warns with
    NotFiniteWarning where a result is NaN or overflows.

    >>> import numpy as np
    >>> layer = compile(lambda W, x: {"y": np.maximum(W @ x, 0.0)})
    >>> layer(np.array([[1.0, -2.0], [3.0, 1.0]]), np.array([1.0, 1.0]))["y"].tolist()
    [0.0, 4.0]
    >>> compile("mean((x @ w - y)**2)")(x=np.eye(2), w=[1.0, 2.0], y=[0.0, 0.0]).item()
    2.5
    """
    check_loss(function)
    check_backend(backend)
    if backend == "native":
        need_native()
    if isinstance(function, str):
        return _text(function, backend)

    @functools.wraps(function)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        if running.get() is not None:
            return function(*args, **kwargs)
        with stage(function) as here:
            named = bind(function, bound(function, args, kwargs))
            given = here.give(named)
            region = open_region(here, function, given, ())
            run = dict(zip(region.outputs, as_run(region.outputs), strict=True))
            tree = replace(region.result, lambda _, node: run[node])
            made = here.recorder.made_with_derivatives(region.outputs)
            derived = [run[node] for node in region.outputs if node in made]
            batch = here.recorder.batch
            batch |= {run[node]: axis for node, axis in batch.items() if node in run}
            name, display_names = region.function, region.display_names
            redo = redo_of(compiled, function, here, named)
            kind = chosen_backend(backend)
            return finish(here, tree, name, display_names, kind, derived=derived, redo=redo)

    return compiled


def _text(text: str, backend: str | None) -> Callable[..., Any]:
    def compiled(*args: Any, **named: Any) -> Any:
        if args:
            raise InputError(_BY_NAME(), fix=_BY_NAME_FIX())
        values = _taken(named)
        source = read(text, values=values, remedy=lambda name: _GIVE(name=name))
        if source.unknown:
            known = [name for name in source.graph.inputs if name not in source.unknown]
            raise unknown(source.unknown[0], known)
        values |= _taken(source.values)
        node = source.graph.outputs[source.loss or list(source.graph.outputs)[-1]]
        if source.bodies:
            node = with_bodies([node], source.bodies)[node]
        needed = inputs_among(reachable([node]))
        missing = [name for name in needed if name not in values]
        if missing:
            raise no_values(missing)
        sizes = bind_sizes(needed, values)
        if sizes:
            (node,) = substitute([node], {}, sizes)
        graph = source.graph
        return value_of(as_run([node])[0], values, graph, chosen_backend(backend))

    return compiled


def _taken(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return copied arrays of numbers by name; nested lists and ranges become arrays."""
    for name, value in values.items():
        refuse_other_arrays(name, value)
    named = list(check_values(values).items())
    return {item.name: item.value for item in take(named, ())[0]}
