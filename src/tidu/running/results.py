"""What a verb returns: plain arrays from a compiled program, or values of the trace around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tidu.backends.numpy import evaluate
from tidu.backends.numpy.recovery import evaluate_recovered
from tidu.backends.program import Program, Valuation
from tidu.calculus.bodies import inlined
from tidu.calculus.switches import switches
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node, depends_on, post_order
from tidu.ir.op import Loop
from tidu.running.backend import program_of
from tidu.running.boundary import Boundary, boundary, unflagged
from tidu.running.culprit import warn_result
from tidu.running.derivatives import evaluate_derivatives
from tidu.running.point import Run, name_of
from tidu.tracing.arguments import refuse_counting_nan
from tidu.tracing.calling import as_call
from tidu.tracing.record import running
from tidu.tracing.stage import Named, Stage
from tidu.tracing.tree import leaves, replace

_REMEMBERED = 64

Redo = Callable[[Mapping[str, Any]], Any]
# What is told of derivatives: what was asked for, the graph, the functions, the inputs that move,
# the derivatives, and the values.
Look = Callable[
    [str, Graph, Sequence[Node], Sequence[str], Mapping[Node, Any], Mapping[str, Any]], None
]


def finish(
    stage: Stage,
    tree: Any,
    what: str,
    display_names: Mapping[int, str] | None = None,
    backend: str | None = None,
    *,
    of: Sequence[Node] | None = None,
    derived: Sequence[Node] | None = None,
    lower: Sequence[Node] = (),
    redo: Redo | None = None,
    look: Look | None = None,
) -> Any:
    """Return a tree of nodes made in a stage as what the caller of a verb gets.

    `what` says what it is, and `display_names` what nodes are called, by id. `of` are the functions
    that were derived, where the verb derives, and `derived` the nodes that are derivatives: by
    default all of them, and where the verb does not derive those that are made with derivatives;
    `lower` are derivatives too, of a lower order. `redo` calls the verb with other values for the
    stage's inputs. `look` is given the derivatives as the formulas give them, to warn of them.
    Warns with NotFiniteWarning where a result is NaN, or overflows, and with NoDerivativeWarning
    where there is no derivative.
    """
    nodes = nodes_of(tree)
    if not stage.own:
        made = nodes if of is not None else ()
        stage.recorder.derived.extend([*(made if derived is None else derived), *lower])
        return stage.wrap(tree)
    if derived is None:
        made = stage.recorder.made_with_derivatives(nodes)
        derived = [node for node in nodes if of is not None or node in made]
    derived = [*derived, *lower]
    order, moving = stage.recorder.order, _moving(stage)
    functions = tuple(stage.recorder.plain_functions(of or ()))
    taken = tuple(guard.condition for guard in stage.recorder.guards.values())
    axes = tuple(stage.recorder.batch.items())
    asked = tuple(derived), tuple(lower), functions, moving
    plan = _derivatives(nodes, *asked, order, taken, axes, backend)
    if _beside.get():
        return _plainly(plan, stage)
    raw = _recovered(nodes, plan.program.run(stage.values), stage, derived).outputs
    outputs = plan.boundary.with_limits(what, stage.values, raw, redo and _again(redo))
    arrays = {node: outputs[str(i)][()] for i, node in enumerate(nodes)}
    told = {node: unflagged(raw[str(i)], arrays[node]) for i, node in enumerate(nodes)}
    if look is not None and outputs is raw:
        found = {node: arrays[node] for node in derived if node in arrays and node not in lower}
        graph, names = stage.graph(list(found), display_names or {}), list(map(name_of, moving))
        look(what, graph, functions, names, found, stage.values)
    return _given(stage, tree, arrays, what, display_names, told)


# Set while a verb is called with values beside those that it was asked for.
_beside: ContextVar[bool] = ContextVar("beside", default=False)


def redo_of(
    verb: Callable[..., Any], function: Callable[..., Any], stage: Stage, named: Named
) -> Redo:
    """Return a call of a verb with other values for what it was given."""

    def redo(values: Mapping[str, Any]) -> Any:
        args, kwargs = as_call(function, stage.rebuilt(named, values))
        return verb(*args, **kwargs)

    return redo


def _again(redo: Redo) -> Run:
    """Return what a verb gives with other values, by name: its results and the functions it
    derives."""

    def run(values: Mapping[str, Any]) -> Mapping[str, Any]:
        token, around = _beside.set(True), running.set(None)  # a trace of its own
        try:
            return redo(values)
        finally:
            running.reset(around)
            _beside.reset(token)

    return run


def _plainly(plan: _Plan, stage: Stage) -> Mapping[str, Any]:
    """Return the results by number and the functions, as the program gives them."""
    functions = {f"function/{i}": f for i, f in enumerate(plan.boundary.question.functions)}
    found = plan.program.run(stage.values).outputs
    return {**found, **evaluate(functions, stage.values).outputs}


def _moving(stage: Stage) -> tuple[Node, ...]:
    """Return the inputs by which derivatives are taken in a stage."""
    return tuple(stage.recorder.moving_among(stage.inputs.values()))


def has_boundaries(outputs: Sequence[Node], stage: Stage) -> bool:
    """Return whether derivatives of these outputs may be those of a boundary between two pieces, or
    between two branches."""
    taken = (guard.condition for guard in stage.recorder.guards.values())
    points = stage.recorder.order < 2
    return bool(switches((*outputs, *taken), _moving(stage), points=points))


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """A program of results, with what is asked of those that are derivatives."""

    program: Program
    boundary: Boundary


@lru_cache(maxsize=_REMEMBERED)
def _derivatives(
    nodes: tuple[Node, ...],
    derived: tuple[Node, ...],
    lower: tuple[Node, ...],
    of: tuple[Node, ...],
    moving: tuple[Node, ...],
    order: int,
    taken: tuple[Node, ...],
    batch: tuple[tuple[Node, int], ...],
    backend: str | None,
) -> _Plan:
    outputs, wanted = _numbered(nodes), set(derived)
    asked = {name: node for name, node in outputs.items() if node in wanted}
    axes = dict(batch)
    along = {name: axes[node] for name, node in asked.items() if node in axes}
    below = frozenset(name for name, node in asked.items() if node in set(lower))
    plan = boundary(asked, of, moving, order, taken, along, below)
    return _Plan(program_of({**outputs, **plan.masks}, backend), plan)


def _recovered(
    nodes: Sequence[Node], found: Valuation, stage: Stage, derived: Sequence[Node]
) -> Valuation:
    """Return the values found, with what a plain run cannot find of the nodes that are
    derivatives."""
    if not derived:
        return found
    outputs, wanted = _numbered(nodes), set(derived)
    names = [name for name, node in outputs.items() if node in wanted]
    moving = list(map(name_of, _moving(stage)))
    return evaluate_recovered(outputs, stage.values, moving, names, found, written_out=inlined)


def _numbered(nodes: Sequence[Node]) -> dict[str, Node]:
    return {str(i): node for i, node in enumerate(nodes)}


def value_of(node: Node, values: Mapping[str, Any], graph: Graph, backend: str | None) -> Any:
    """Return the value of a node of a graph. Warns with NotFiniteWarning."""
    (value,) = _results(_run((node,), values, backend))
    if not np.isfinite(value).all():
        warn_result(next(iter(graph.outputs)), graph, {node: value}, values)
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """A tree of nodes when all that does not depend on some inputs has been calculated.

    left: the nodes from those inputs and `kept`, the values of what was calculated, by name.
    of: the functions that were derived.
    """

    tree: Any
    left: tuple[Node, ...]
    kept: Mapping[str, Any]
    of: Sequence[Node]

    def finish(
        self, stage: Stage, what: str, display_names: Mapping[int, str], look: Look | None = None
    ) -> Any:
        """Return the tree with its arrays, as `finish` does; the stage knows the values of the
        inputs that were left."""
        found, nodes = _run(self.left, {**stage.values, **self.kept}), nodes_of(self.tree)
        moving, outputs = list(map(name_of, _moving(stage))), _numbered(nodes)
        found = evaluate_derivatives(
            outputs, stage.values, moving, list(outputs), found, functions=self.of
        )
        arrays = {node: found.outputs[str(i)][()] for i, node in enumerate(nodes)}
        if look is not None:
            look(what, stage.graph(nodes, display_names), self.of, moving, arrays, stage.values)
        return _given(stage, self.tree, arrays, what, display_names)


def rest_of(
    tree: Any, moving: Sequence[Node], values: Mapping[str, Any], of: Sequence[Node]
) -> Rest:
    """Calculate of a tree of derivatives, those of the functions `of`, what does not depend on the
    nodes in `moving`, once."""
    nodes = nodes_of(tree)
    active = depends_on(nodes, moving)

    def operands(node: Node) -> tuple[Node, ...]:
        """Return a view is looked through: what it looks at is kept, which is smaller."""
        return node.inputs if node.id in active or node.op.loop is Loop.VIEW else ()

    ends = [n for n in post_order(nodes, operands) if not operands(n) and n.id not in active]
    fixed = tuple(n for n in ends if n.inputs and not is_tuple(n))
    held = {node: input_node(f"·kept{i}", node.shape, node.dtype) for i, node in enumerate(fixed)}
    kept = {
        str(held[n].attrs["name"]): v
        for n, v in zip(fixed, _results(_run(fixed, values)), strict=True)
    }
    return Rest(tree, tuple(substitute(list(nodes), dict(held))), kept, of)


def _given(
    stage: Stage,
    tree: Any,
    arrays: Mapping[Node, Any],
    what: str,
    display_names: Mapping[int, str] | None,
    flagged: Mapping[Node, Any] | None = None,
) -> Any:
    """Return a tree of nodes with their values. Warns where `flagged`, by default the values, are
    not finite."""
    flagged = arrays if flagged is None else flagged
    if not all(np.isfinite(value).all() for value in flagged.values()):
        refuse_counting_nan(list(stage.spelled.items()), list(arrays.values()))
        warn_result(what, stage.graph(list(arrays), display_names or {}), flagged, stage.values)
    return replace(tree, lambda _, x: arrays[x] if isinstance(x, Node) else x)


def nodes_of(tree: Any) -> tuple[Node, ...]:
    """Return the nodes of a tree, in order."""
    return tuple(x.value for x in leaves("", tree) if isinstance(x.value, Node))


def _run(
    nodes: tuple[Node, ...], values: Mapping[str, Any], backend: str | None = None
) -> Valuation:
    return _program(nodes, backend).run(values)


def _results(found: Valuation) -> list[Any]:
    return [found.outputs[str(i)][()] for i in range(len(found.outputs))]


@lru_cache(maxsize=_REMEMBERED)
def _program(nodes: tuple[Node, ...], backend: str | None) -> Program:
    return program_of(_numbered(nodes), backend)
