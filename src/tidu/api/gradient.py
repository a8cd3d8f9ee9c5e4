"""`grad` and `value_and_grad`: functions that return gradients, for plain NumPy code."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from tidu.api.culprit import warn_not_finite
from tidu.api.options import Argnums, check_argnums, chosen, one_or_all
from tidu.api.staged import finish
from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.program import NumpyProgram
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.modes import as_run, pulled
from tidu.frontends.calling import bind, bound
from tidu.frontends.record import running
from tidu.frontends.regions import open_region, stage
from tidu.frontends.trace import Traced, trace
from tidu.ir.build import filled
from tidu.ir.node import Node

_REMEMBERED = 64

_Compiled = tuple[Derivation, NumpyProgram]


def value_and_grad(
    loss: Callable[..., Any], argnums: Argnums = 0
) -> Callable[..., tuple[Any, Any]]:
    """A function of the same arguments that returns the loss and its gradient.

    The gradient has the structure and shapes of the argument: an array, dict, list, tuple or
    dataclass; for several argnums a tuple. Arrays are copied at entry and never written. A Python
    branch follows the values of each call. Warns with NotFiniteWarning where the loss or a gradient
    is NaN or overflows, and names the first value that does.

    >>> import numpy as np
    >>> value, g = value_and_grad(lambda w, x: np.sum((w * x) ** 2))(2.0, np.array([1.0, 3.0]))
    >>> float(value), float(g)
    (40.0, 40.0)
    """
    check_argnums(argnums)
    known: OrderedDict[tuple[Node, tuple[str, ...]], _Compiled] = OrderedDict()

    @functools.wraps(loss)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        given = bound(loss, args, kwargs)
        if running.get() is not None:
            return _inside_a_trace(loss, given, argnums)
        traced = trace(loss, given)
        parameters = chosen(loss, list(traced.arguments), argnums)
        wrt = [name for parameter in parameters for name in traced.arguments[parameter]]
        derivation, program = _program(known, traced, wrt)
        found = program.run(traced.values).outputs
        warn_not_finite(derivation, found, traced.values)
        gradients = {name: found[f"d/{name}"] for name in wrt}
        trees = [traced.unflatten(p, gradients) for p in parameters]
        value = found[traced.output].reshape(())[()]
        return value, one_or_all(trees, argnums)

    return both


def grad(loss: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function of the same arguments that returns the gradient of the loss; see `value_and_grad`.

    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0])).tolist()
    [3.0, 12.0]
    """
    both = value_and_grad(loss, argnums)

    @functools.wraps(loss)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def _inside_a_trace(loss: Callable[..., Any], arguments: Any, argnums: Argnums) -> tuple[Any, Any]:
    """The loss and its gradient as parts of the program that is being traced."""
    with stage(loss) as here:
        given = here.give(bind(loss, arguments))
        wrt = chosen(loss, [name for name, _ in given], argnums)
        region = open_region(here, loss, given, wrt, scalar=True)
        (value,) = region.outputs
        found = pulled([value], [filled(1.0, value.type)], region.wrt, region.lines)
        gradients = dict(zip(region.wrt, found, strict=True))
        trees = one_or_all([region.like(parameter, gradients) for parameter in wrt], argnums)
        return finish(here, region.close((as_run([value])[0], trees)))


def _program(
    known: OrderedDict[tuple[Node, tuple[str, ...]], _Compiled],
    traced: Traced,
    wrt: Sequence[str],
) -> _Compiled:
    """The compiled gradient of a graph; the same graph is derived once."""
    key = (traced.graph.outputs[traced.output], tuple(wrt))
    if key not in known:
        derivation = derive_graph(traced.graph, wrt, output=traced.output)
        known[key] = derivation, compile_graph(derivation.outputs())
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]
