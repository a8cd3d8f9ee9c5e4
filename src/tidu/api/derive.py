"""`tidu.derive`: a loss as text or as a NumPy function, to a derivation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidu.api.derivation import Derivation
from tidu.api.options import check_loss, check_mapping, check_names
from tidu.calculus.assumptions import check_assumptions, with_assumptions
from tidu.calculus.derivation import derive_graph
from tidu.calculus.layer import as_layer
from tidu.calculus.noticed import noticing
from tidu.calculus.settings import with_kinks
from tidu.errors import InputError, ShapeGrowthWarning, warn
from tidu.explaining.phrases import PROMOTED
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Operand
from tidu.ir.source import Source
from tidu.running.evaluation import check_nan, check_values, has_nan
from tidu.running.ties import with_ties
from tidu.tracing.calling import function_name
from tidu.tracing.growth import growth_warnings
from tidu.tracing.unfit import need_numbers
from tidu.words import Words

Loss = str | Callable[..., Any]

_NO_WRT = Words(
    en="say what to derive with respect to: the inputs are {names}",
    zh="请说明对什么求导：输入有 {names}",
)
_WRT_FIX = Words(en='wrt=["{name}"]', zh='wrt=["{name}"]')
_TWICE = Words(
    en="{name} is given twice, in values= and as a keyword",
    zh="{name} 给了两次：在 values= 里和作为关键字",
)
_EMPTY = Words(
    en="wrt is empty: nothing to derive with respect to", zh="wrt 是空的：没有要求导的变量"
)


def derive(
    loss: Loss,
    wrt: Sequence[str] | str | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Any] | None = None,
    functions: Mapping[str, str | None] | None = None,
    kinks: Mapping[str, Any] | None = None,
    assume: Mapping[str, str | Sequence[str]] | None = None,
    output: str | None = None,
    as_written: bool = False,
    **arrays: Any,
) -> Derivation:
    """Derive the gradients of a loss, or the Jacobians of a layer, in matrix form.

    loss: a text ("sum(abs(W @ x + b - y))", or a program of several lines) or a NumPy function. A
    result that is an array is a layer: `jacobian` has its derivatives, and its gradients go back
    from G = ∂L/∂y, one more input, whatever the loss L is.
    wrt: names of the inputs to derive with respect to; may be left out where only one input exists
    or the text marks its parameters. values or keywords: arrays; they are copied. shapes: shapes
    where no values are given, sizes as numbers or names. functions: {"f": None} declares an
    elementwise function without a body, {"f": "tanh(t)"} with one.
    kinks: {"relu": 1} or {"preset": "seeds"}.
    assume: properties of inputs that the formulas may use: {"A": "symmetric"}, "positive definite",
    "orthogonal", "diagonal", "one-hot", "rows sum to 1". Gradients are those of free inputs, taken
    where the property holds; values that do not have it are refused.
    output: which name of a program is the loss. as_written: no rewriting for stability.

    >>> d = derive(
    ...     "sum(abs(W @ x + b - y))",
    ...     wrt=["W"],
    ...     shapes={"W": (2, 3), "x": (3, 1), "b": (2, 1), "y": (2, 1)},
    ... )
    >>> str(d.gradient("W"))
    '∂L/∂W = sign(W·x + b − y)·xᵀ'
    >>> print(derive("tanh(W @ x)", wrt="x", shapes={"W": (2, 3), "x": 3}))
    ∂y/∂x = diag(1 − y²)·W
    """
    check_loss(loss)
    for option, value in (("values", values), ("shapes", shapes), ("functions", functions)):
        check_mapping(option, value, "f" if option == "functions" else "x")
    check_mapping("kinks", kinks, "relu")
    check_mapping("assume", assume, "A")
    twice = sorted(set(values or {}) & set(arrays))
    if twice:
        raise InputError(_TWICE(name=twice[0]))
    given = {**(values or {}), **arrays}
    if callable(loss):
        named = [wrt] if isinstance(wrt, str) else wrt or list(given)[: len(given) == 1]
        need_numbers(function_name(loss), [(n, given[n]) for n in named if n in given])
    source, known = _read(loss, given, shapes or {}, functions or {}, output)
    graph = with_assumptions(with_kinks(source.graph, kinks or {}), assume or {})
    output = output or source.loss
    layer = as_layer(graph, output)
    if layer is not graph:
        graph, output = layer, None
    check_assumptions(graph.inputs, known)
    names = _wrt(wrt, source)
    for array in known.values():  # copies; not to be changed behind the derivation's back
        array.flags.writeable = False
    general = derive_graph(graph, names, output=output, as_written=as_written)
    core = with_ties(noticing(general, known, as_written), known, source.bodies)
    made = Derivation(core, known, source.bodies, None if core is general else general)
    if has_nan(known.values()):
        check_nan(known, made.loss_value() if made.runs_forward() else None)
    return made


def _read(
    loss: Loss,
    given: Mapping[str, Any],
    shapes: Mapping[str, Any],
    functions: Mapping[str, str | None],
    output: str | None,
) -> tuple[Source, dict[str, Any]]:
    if isinstance(loss, str):
        from tidu.text.read import read  # the reader of texts is only loaded for texts

        values = check_values(given)
        source = read(
            loss, shapes=_shapes(shapes), values=values, functions=functions, output=output
        )
        known = {**check_values(source.values), **values}
        warn_of_growth(source.graph)
        source = replace(source, graph=_with_remarks(source.graph, values))
        return source, {name: value for name, value in known.items() if name in source.graph.inputs}
    return _trace(loss, given, shapes)


def warn_of_growth(graph: Graph) -> None:
    """Warn where (B,1) meets (B,), becomes (B,B) and is reduced."""
    for found in growth_warnings(graph):
        warn(ShapeGrowthWarning(str(found.phrase)))


def _with_remarks(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """Return the graph with a remark on integers among the values: these are calculated as
    decimals."""
    valued = _used_as_values(graph)
    whole = [n for n, v in values.items() if v.dtype.kind in "iu" and graph.inputs.get(n) in valued]
    if not whole:
        return graph
    return replace(graph, remarks=(*graph.remarks, PROMOTED(names=", ".join(whole))))


def _used_as_values(graph: Graph) -> set[Node | None]:
    """Return the nodes that some op takes as numbers, and not only as an index or mask."""
    nodes: set[Node | None] = set()
    for node in graph.nodes():
        kinds = node.op.operands or (Operand.VALUE,) * len(node.inputs)
        nodes |= {
            x for x, kind in zip(node.inputs, kinds, strict=False) if kind is not Operand.MASK
        }
    return nodes


def _trace(
    loss: Callable[..., Any], given: Mapping[str, Any], shapes: Mapping[str, Any]
) -> tuple[Source, dict[str, Any]]:
    """Return a NumPy function at the given values, or by shapes alone."""
    from tidu.tracing.trace import trace, trace_shapes

    if given or not shapes:
        traced = trace(loss, given, scalar=False)
        return traced.source, dict(traced.values)
    return trace_shapes(loss, _shapes(shapes), scalar=False).source, {}


def _shapes(shapes: Mapping[str, Any]) -> dict[str, tuple[int | str, ...]]:
    """Return shapes by name, which may be written (2, 3), ("n", "d"), 3 for a vector, () for a
    number."""
    return {
        name: tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        for name, shape in shapes.items()
    }


def _wrt(wrt: Sequence[str] | str | None, source: Source) -> list[str]:
    if wrt is None:
        names = list(source.parameters) or (
            list(source.graph.inputs) if len(source.graph.inputs) == 1 else []
        )
        if not names:
            known = list(source.graph.inputs)
            raise InputError(
                _NO_WRT(names=", ".join(known) or "-"),
                fix=_WRT_FIX(name=known[0]) if known else None,
            )
        return names
    check_names(wrt, next(iter(source.graph.inputs), "x"))
    names = [part.strip() for part in wrt.split(",")] if isinstance(wrt, str) else list(wrt)
    if not names:
        raise InputError(_EMPTY())
    leaves = [leaf for name in names for leaf in _leaves(name, source)]
    return list(dict.fromkeys(leaves))


def _leaves(name: str, source: Source) -> tuple[str, ...]:
    """Return the inputs that a name stands for: itself, or the leaves of a tree of parameters."""
    return (name,) if name in source.graph.inputs else source.trees.get(name, (name,))
