"""`jacobian` and `hessian`: all first derivatives of all results, all second ones of a number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tidu.api.options import (
    Argnums,
    check_argnums,
    check_choice,
    check_function,
    chosen,
    one_or_all,
)
from tidu.calculus import jacobians
from tidu.calculus.jacobians import Mode
from tidu.checking.cancellation import warn_digits_of_results
from tidu.ir.build import filled
from tidu.ir.node import Node
from tidu.ir.types import Type
from tidu.running.results import finish, redo_of
from tidu.tracing.calling import bind, bound
from tidu.tracing.regions import Region, open_region
from tidu.tracing.stage import stage
from tidu.tracing.tree import replace


def jacobian(
    function: Callable[..., Any], argnums: Argnums = 0, mode: Mode | None = None
) -> Callable[..., Any]:
    """Return a function of the same arguments that returns the derivative of each entry of the
    result with respect to each entry of the argument.

    Its shape is that of the result, and behind it that of the argument: (m, n) for a vector of a
    vector. For trees: the structure of the result, each part of it with the structure of the
    argument; for several argnums a tuple of them.

    mode: "forward" (a pass for each input), "reverse" (a pass for each result), else the cheaper
    one. Both calculate all passes at once. Raises DTypeError for arguments that are no numbers, and
    for complex ones that the result is not analytic in; where it is, an entry is the complex
    derivative.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    check_function("jacobian", function)
    check_argnums(argnums)
    if mode is not None:
        check_choice("mode", mode, ("forward", "reverse"))

    @functools.wraps(function)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        with stage(function) as here:
            named = bind(function, bound(function, args, kwargs))
            given = here.give(named)
            wrt = chosen(function, [name for name, _ in given], argnums)
            region = open_region(here, function, given, wrt)
            rows = jacobians.jacobian(region.moving, region.wrt, mode, region.lines)
            slopes = {
                y: tuple(filled(0.0, Type((*y.shape, *x.shape), x.dtype)) for x in region.wrt)
                for y in region.outputs
            }
            slopes |= dict(zip(region.moving, rows, strict=True))

            def blocks(output: Node) -> Any:
                return _trees(region, wrt, slopes[output], argnums)

            tree = replace(region.result, lambda _, output: blocks(output))
            what, of = f"jacobian({region.function})", region.functions
            redo = redo_of(derivative, function, here, named)
            return finish(
                here,
                region.close(tree),
                what,
                region.display_names,
                of=of,
                redo=redo,
                look=warn_digits_of_results,
            )

    return derivative


def hessian(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return a function of the same arguments that returns the second derivatives of a loss.

    Its shape is that of the argument twice: (n, n) for a vector, (m, n, m, n) for a matrix. For
    several argnums a tuple of rows of blocks: [i][j] differentiates for argument i and then for j.
    For trees: the structure of the argument, each part of it with the structure of the argument.

    Where pieces of the loss meet (|x|, max, where) and their kinks cancel, as in cosh|x|, they are
    those of the smooth function; at a true kink the conventional values hold; where they grow
    without bound (the norm at 0) they are NaN, and a NoDerivativeWarning says so.

    Raises TraceError where the function does not return one number, and DTypeError for complex
    arguments: no real number is analytic in them. `hvp` takes them.

    >>> import numpy as np
    >>> hessian(lambda x, y: x @ x * y, argnums=(0, 1))(np.array([1.0, 2.0]), 3.0)[0][1].tolist()
    [2.0, 4.0]
    """
    check_function("hessian", function)
    check_argnums(argnums)

    @functools.wraps(function)
    def second(*args: Any, **kwargs: Any) -> Any:
        with stage(function) as here:
            named = bind(function, bound(function, args, kwargs))
            given = here.give(named)
            wrt = chosen(function, [name for name, _ in given], argnums)
            region = open_region(here, function, given, wrt, scalar=True, order=2)
            (loss,) = region.outputs
            rows = jacobians.hessian(loss, region.wrt, region.lines)
            parts = {
                x: _trees(region, wrt, row, argnums)
                for x, row in zip(region.wrt, rows, strict=True)
            }
            tree = one_or_all([region.like(name, parts) for name in wrt], argnums)
            what, of = f"hessian({region.function})", region.functions
            redo = redo_of(second, function, here, named)
            return finish(
                here,
                region.close(tree),
                what,
                region.display_names,
                of=of,
                redo=redo,
                look=warn_digits_of_results,
            )

    return second


def _trees(region: Region, wrt: list[str], row: tuple[Node, ...], argnums: Argnums) -> Any:
    """Return a row of blocks in the structure of the arguments."""
    blocks = dict(zip(region.wrt, row, strict=True))
    return one_or_all([region.like(name, blocks) for name in wrt], argnums)
