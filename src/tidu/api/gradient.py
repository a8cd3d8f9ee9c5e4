"""`grad` and `value_and_grad`: functions that return gradients, for plain NumPy code."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.api.options import Argnums, check_argnums, check_function, chosen, one_or_all
from tidu.backends.numpy import evaluate
from tidu.backends.program import Program
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.differentiate import gradient_from_adjoint
from tidu.calculus.modes import as_run, pulled
from tidu.checking.cancellation import digits_of, warn_digits
from tidu.checking.digits import Looks
from tidu.ir.build import filled
from tidu.ir.node import Node
from tidu.running.backend import check_backend, need_native, program_of
from tidu.running.boundary import Boundary, boundary, unflagged
from tidu.running.culprit import warn_not_finite
from tidu.running.evaluation import recovered_derivation
from tidu.running.jumps import Jumps, jumps, warn_flat, warn_jumps
from tidu.running.results import nodes_of
from tidu.tracing.calling import bind, bound, function_name
from tidu.tracing.record import running
from tidu.tracing.regions import nodes_in, open_region, plain_values, without_aux
from tidu.tracing.stage import stage
from tidu.tracing.trace import Traced, trace
from tidu.tracing.unfit import need_numbers

_REMEMBERED = 64
_lock = threading.Lock()

_Key = tuple[Node, tuple[str, ...], int, tuple[Node, ...], tuple[Node, ...]]
_Compiled = tuple[Derivation, Program, Jumps, Boundary, Looks | None]


def value_and_grad(
    loss: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    backend: str | None = None,
) -> Callable[..., tuple[Any, Any]]:
    """Return a function of the same arguments that returns the loss and its gradient.

    The gradient of a complex z = x + iy is ∂L/∂x + i ∂L/∂y, as in PyTorch: the loss falls along
    z − η·gradient. (autograd and JAX give its conjugate.) A complex loss is refused.

    The gradient has the structure and shapes of the argument: an array, dict, list, tuple or
    dataclass; for several argnums a tuple. Arrays are copied at entry and never written. A Python
    branch follows the values of each call. With `has_aux` the function returns a pair, the loss and
    anything else, and so does the result: ((loss, aux), gradient). In a function that is itself
    being derived the gradient is a part of that function, to any order. backend: "native" compiles
    loss and gradient to machine code, which pays for large arrays and for many calls; by default,
    and as "numpy", they are NumPy calls.

    Warns with NotFiniteWarning where the loss or a gradient is NaN or overflows, and names the
    first value that does; with FlatWarning where the loss depends on an argument only through
    functions that change in jumps (argsort, round, a comparison), so that its gradient is zero;
    with NoDerivativeWarning where there is no derivative, since a function jumps (the
    pseudo-inverse where the rank drops, a value of its own at one point); with CancellationWarning
    where most digits of a gradient are lost since nearly equal numbers cancel, looked for at the
    calls 1, 2, 4, 8, … of a program of up to 100,000 values.

    >>> import numpy as np
    >>> value, g = value_and_grad(lambda w, x: np.sum((w * x) ** 2))(2.0, np.array([1.0, 3.0]))
    >>> float(value), float(g)
    (40.0, 40.0)
    >>> value_and_grad(lambda z: np.abs(z) ** 2)(1.0 + 2.0j)[1].item()
    (2+4j)
    """
    check_function("grad", loss)
    check_argnums(argnums)
    check_backend(backend)
    if backend == "native":
        need_native()
    known: OrderedDict[_Key, _Compiled] = OrderedDict()

    @functools.wraps(loss)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        given = bound(loss, args, kwargs)
        kept: list[Any] = []
        alone = without_aux(loss, kept) if has_aux else loss
        if running.get() is not None:
            return _inside_a_trace(alone, given, argnums, kept)
        named = bind(loss, given)
        wanted = set(chosen(loss, [name for name, _ in named], argnums))
        need_numbers(function_name(loss), [item for item in named if item[0] in wanted])
        traced = trace(alone, given)
        parameters = chosen(loss, list(traced.arguments), argnums)
        wrt = [name for parameter in parameters for name in traced.arguments[parameter]]
        derivation, program, jumping, limits, looks = _program(known, traced, wrt, backend)
        plain, inner = program.run(traced.values), [traced.output] if traced.order else []
        raw = recovered_derivation(derivation, plain, traced.values, more=inner).outputs

        def again(moved: Mapping[str, Any]) -> Mapping[str, Any]:
            return _elsewhere(alone, traced, moved, wrt, known)

        what = f"grad({traced.function})"
        exact = limits.with_limits(what, traced.values, raw, again)
        told = {name: unflagged(raw[name], value) for name, value in exact.items()}
        warn_not_finite(derivation, told, traced.values)
        warn_jumps(derivation, jumping, exact)
        if exact is plain.outputs:  # what was found otherwise, the formula did not give
            warn_digits(what, derivation, looks, traced.values, exact)
        gradients = {name: exact[f"d/{name}"] for name in wrt}
        trees = one_or_all([traced.unflatten(p, gradients) for p in parameters], argnums)
        value = exact[traced.output].reshape(())[()]
        return ((value, plain_values(kept[-1])) if has_aux else value), trees

    return both


def grad(
    loss: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    backend: str | None = None,
) -> Callable[..., Any]:
    """Return a function of the same arguments that returns the gradient of the loss; see
    `value_and_grad`.

    With `has_aux` it returns the gradient and what the function returns besides the loss.

    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0])).tolist()
    [3.0, 12.0]
    >>> float(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(loss, argnums, has_aux=has_aux, backend=backend)

    @functools.wraps(loss)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def _inside_a_trace(
    loss: Callable[..., Any], arguments: Any, argnums: Argnums, kept: list[Any]
) -> tuple[Any, Any]:
    """Return the loss, with what was kept beside it, and its gradient as parts of the program
    around."""
    with stage(loss) as here:
        given = here.give(bind(loss, arguments))
        wrt = chosen(loss, [name for name, _ in given], argnums)
        region = open_region(here, loss, given, wrt, scalar=True)
        (value,) = region.outputs
        adjoints = pulled([value], [filled(1.0, value.type)], region.wrt, region.lines)
        gradients = dict(zip(region.wrt, map(gradient_from_adjoint, adjoints), strict=True))
        trees = one_or_all([region.like(parameter, gradients) for parameter in wrt], argnums)
        value = as_run([value])[0]
        first = (value, nodes_in(kept[-1])) if kept else value
        first, trees = region.close((first, trees))
        here.recorder.derived.extend(nodes_of(trees))
        return here.wrap((first, trees))


def _elsewhere(
    loss: Callable[..., Any],
    traced: Traced,
    moved: Mapping[str, Any],
    wrt: Sequence[str],
    known: OrderedDict[_Key, _Compiled],
) -> Mapping[str, Any]:
    """Return the gradients at other values, by the branches that are taken there, and the
    functions."""
    there = trace(loss, {name: traced.rebuilt(name, moved) for name in traced.structures})
    _, program, _, limits, _ = _program(known, there, wrt, None)
    outputs = program.run(there.values).outputs
    functions = {f"function/{i}": node for i, node in enumerate(limits.question.functions)}
    return {**outputs, **evaluate(functions, there.values).outputs}


def _program(
    known: OrderedDict[_Key, _Compiled],
    traced: Traced,
    wrt: Sequence[str],
    backend: str | None,
) -> _Compiled:
    """Return the compiled gradient of a graph; the same graph is derived once."""
    guards = tuple(guard.condition for guard in traced.graph.guards)
    key = (traced.graph.outputs[traced.output], tuple(wrt), traced.order, traced.moving, guards)
    with _lock:
        if key in known:
            known.move_to_end(key)
            return known[key]
    derivation = derive_graph(traced.graph, wrt, output=traced.output)
    warn_flat(derivation)
    jumping = jumps(derivation)
    slopes = {f"d/{name}": node for name, node in derivation.gradients.items()}
    moving = [*derivation.wrt.values(), *traced.moving]
    lower = {traced.output: derivation.loss} if traced.order else {}
    limits = boundary(
        {**slopes, **lower},
        traced.functions,
        moving,
        1 + traced.order,
        guards,
        lower=frozenset(lower),
    )
    masks = {**{name: mask for name, (_, _, mask) in jumping.items()}, **limits.masks}
    program = program_of({**derivation.outputs(), **masks}, backend)
    made = derivation, program, jumping, limits, digits_of(derivation, program)
    with _lock:
        known[key] = made
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
    return made
