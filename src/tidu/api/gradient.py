"""`grad` and `value_and_grad`: functions that return gradients, for plain NumPy code."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.api.culprit import warn_not_finite
from tidu.api.options import check_argnums
from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.program import NumpyProgram
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.errors import InputError
from tidu.frontends.trace import Traced, trace
from tidu.ir.node import Node
from tidu.words import Words

_ARGNUM = Words(
    en="{function} has {count} parameter(s); argnums={argnum} names none of them",
    zh="{function} 有 {count} 个参数；argnums={argnum} 不对应其中任何一个",
)
_REMEMBERED = 64

Argnums = int | Sequence[int]
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
        traced = trace(loss, _named(loss, args, kwargs))
        parameters = _parameters(loss, traced, argnums)
        wrt = [name for parameter in parameters for name in traced.arguments[parameter]]
        derivation, program = _program(known, traced, wrt)
        found = program.run(traced.values).outputs
        warn_not_finite(derivation, found, traced.values)
        gradients = {name: found[f"d/{name}"] for name in wrt}
        trees = tuple(traced.unflatten(p, gradients) for p in parameters)
        value = found[traced.output].reshape(())[()]
        return value, trees[0] if isinstance(argnums, int) else trees

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


def _named(loss: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Arguments by name where there are keywords; `trace` binds the rest."""
    if not kwargs:
        return args
    return dict(inspect.signature(loss).bind(*args, **kwargs).arguments)


def _parameters(loss: Callable[..., Any], traced: Traced, argnums: Argnums) -> list[str]:
    names = list(traced.arguments)
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    for argnum in wanted:
        if not -len(names) <= argnum < len(names):
            function = getattr(loss, "__name__", "the function")
            raise InputError(_ARGNUM(function=function, count=len(names), argnum=argnum))
    return [names[argnum] for argnum in wanted]


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
