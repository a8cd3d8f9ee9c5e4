"""`vmap`: a function for one entry, made a function for many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tidu.api.options import check_function
from tidu.calculus.modes import batched
from tidu.ir.node import Node, depends_on, inputs_among, reachable
from tidu.running.results import finish, redo_of
from tidu.tracing.calling import bind, bound
from tidu.tracing.entries import TracedEntry, check_axes, open_entry
from tidu.tracing.stage import Stage, stage
from tidu.tracing.tree import Leaf, replace


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Return a function that applies `function` to every entry of its arguments at once, without a
    loop.

    in_axes: the axis of the arguments that counts the entries. A number or None for all of them, a
    tuple with one for each argument, or a dict by parameter name (0 for those left out); None hands
    an argument to every entry as it is. For an argument that is a tree (a dict, list, tuple or
    dataclass), a tree of the same structure may stand, or one number for all of it. out_axes: where
    the results have that axis, likewise; None for a result that is the same for every entry.

    The function is traced for one entry; its program then gets the axis, matrix products staying
    matrix products. It works inside functions that are derived or mapped, and on those.

    Raises ShapeError for axes of different lengths or that do not exist, InputError for in_axes
    and out_axes that do not fit, TraceError for a Python branch on a value that differs from entry
    to entry.

    >>> import numpy as np
    >>> distances = vmap(lambda x, y: np.sqrt(np.sum((x - y) ** 2)), in_axes=(0, None))
    >>> distances(np.array([[3.0, 4.0], [1.0, 1.0]]), np.array([0.0, 0.0])).round(3).tolist()
    [5.0, 1.414]
    >>> from tidu import grad
    >>> vmap(grad(lambda x: x**3))(np.array([1.0, 2.0, 3.0])).tolist()
    [3.0, 12.0, 27.0]
    """
    check_function("vmap", function)
    check_axes("in_axes", in_axes)
    check_axes("out_axes", out_axes)

    @functools.wraps(function)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        with stage(function) as here:
            named_arguments = bind(function, bound(function, args, kwargs))
            given = here.give(named_arguments)
            entry = open_entry(here, function, given, in_axes)
            parts = entry.parts()
            lines = [node for _, node in entry.named]
            functions = here.recorder.plain_functions()
            differ = depends_on(functions, entry.mapped)
            derived_in_it = [node for node in functions if node.id in differ]
            nodes = [*(leaf.value for leaf in parts), *derived_in_it]
            batch = batched(nodes, entry.mapped, lines)
            stacks, named = batch[: len(parts)], batch[len(nodes) :]
            here.recorder.functions = [
                *(node for node in functions if node.id not in differ),
                *batch[len(parts) : len(nodes)],
            ]
            here.recorder.namer.adopt(
                [(name, image) for (name, _), image in zip(entry.named, named, strict=True)]
            )
            pairs = zip(parts, stacks, strict=True)
            stacked = {leaf.path: entry.placed(leaf, out_axes, stack) for leaf, stack in pairs}
            display_names = here.recorder.namer.display_names
            derived = _derivatives(here, entry, [(leaf, stacked[leaf.path]) for leaf in parts])
            axes = {stacked[x.path]: entry.axis(x, out_axes) for x in parts}
            here.recorder.batch |= {n: axis for n, axis in axes.items() if axis is not None}
            tree, what = replace(entry.result, stacked.get), f"vmap({entry.function})"
            redo = redo_of(mapped, function, here, named_arguments)
            return finish(here, tree, what, display_names, derived=derived, redo=redo)

    return mapped


def _derivatives(
    here: Stage, entry: TracedEntry, results: Sequence[tuple[Leaf, Node]]
) -> list[Node]:
    """Return those results that contain derivatives, one for each part of an entry's result. The
    inputs by which these are taken vary in all entries."""
    recorder = here.recorder
    behind = [entry.mapped[node] for node in recorder.moving if node in entry.mapped]
    recorder.moving.extend(inputs_among(reachable(behind)).values())
    made = recorder.made_with_derivatives([leaf.value for leaf, _ in results])
    return [result for leaf, result in results if leaf.value in made]
