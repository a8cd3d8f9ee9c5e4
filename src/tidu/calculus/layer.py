"""A program whose result is an array: derived with its upstream gradient as one more input.

Whatever loss L a layer's result Y leads to, ∂L/∂Y = G is all that back-propagation needs of it. So
the gradients of Σ G ⊙ Y are those of L, for every L: the vector-Jacobian product of the layer.
"""

from __future__ import annotations

from dataclasses import replace

from tidu.ir.build import fresh_input, is_tuple, role
from tidu.ir.graph import Graph
from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.ir.types import REALS, is_one_element

UNNAMED = "L"  # what a result is called to which the user gives no name


def as_layer(graph: Graph, output: str | None) -> Graph:
    """Return the graph of L = Σ G ⊙ Y where a program's result Y is an array; the same graph where
    it is one number. G is called otherwise where the program has such a name.

    >>> from tidu.ir.build import input_node
    >>> x = input_node("x", (3,))
    >>> layer = as_layer(Graph({"x": x}, {"y": x * x}), None)
    >>> list(layer.inputs), list(layer.outputs), layer.upstream
    (['x', 'G'], ['y', 'L'], 'G')
    """
    key = output if output is not None else list(graph.outputs)[-1]
    result = graph.outputs[key]
    if is_tuple(result) or is_one_element(result.shape) or result.dtype not in REALS:
        return graph
    taken = {*graph.inputs, *_names_of(graph), *graph.size_names()}
    names = dict(graph.names)
    if key == UNNAMED and not _is_written(graph, result):
        key = _fresh("y" if result.rank == 1 else "Y", taken)
        names[result] = (Name(key),)
    taken.add(key)
    upstream = fresh_input("G", result.type, taken)
    name = str(upstream.attrs["name"])
    axes = tuple(range(result.rank))
    loss = role("sum")(upstream * result, axis=axes, keepdims=False)
    return replace(
        graph,
        inputs={**graph.inputs, name: upstream},
        outputs={key: result, _fresh(UNNAMED, taken): loss},
        names=names,
        upstream=name,
    )


def _names_of(graph: Graph) -> set[str]:
    return {name.text for names in graph.names.values() for name in names if not name.invented}


def _is_written(graph: Graph, result: Node) -> bool:
    """Tell whether the user's own text names the result."""
    return any(name.text == UNNAMED and not name.invented for name in graph.names.get(result, ()))


def _fresh(wanted: str, taken: set[str]) -> str:
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}{count}"
    return name
