"""Properties that a user declares of inputs: {"A": "symmetric"}.

They change how a gradient is written, never what is derived: each gradient is that of a loss whose
inputs are free, at a point where they have the property.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tidu.calculus.settings import mapped
from tidu.errors import InputError, ShapeError, UnknownNameError, nearest
from tidu.ir.build import substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.types import shape_text
from tidu.ops.properties import PROPERTIES
from tidu.rewriting.structure import declared
from tidu.words import Words, verbatim

_NO_INPUT = Words(
    en="assume speaks of {name}, which is no input; the inputs are {names}",
    zh="assume 提到 {name}，但没有这个输入；输入有 {names}",
)
_NO_PROPERTY = Words(en="{name} cannot be assumed to be {given}", zh="不能假设 {name} 为 {given}")
_KNOWN = Words(en="known properties: {known}", zh="可以假设的性质：{known}")
_SHAPE = Words(
    en="{name} has shape {shape}; only a square matrix is {property}",
    zh="{name} 的形状是 {shape}；只有方阵才能是{property}",
)
_NOT_SO = Words(
    en="{name} was declared to be {property}, but the value given is not (off by {deviation})",
    zh="{name} 声明为{property}，但给出的值不是（偏差 {deviation}）",
)
_TOLERANCE = 1e-6


def read_assumptions(chosen: Mapping[str, Any], graph: Graph) -> dict[str, tuple[str, ...]]:
    """Check a declaration such as {"A": "symmetric"} or {"Q": ["orthogonal", "symmetric"]}."""
    assumptions: dict[str, tuple[str, ...]] = {}
    for name, given in chosen.items():
        node = graph.inputs.get(name)
        if node is None:
            close, names = nearest(name, list(graph.inputs)), ", ".join(graph.inputs)
            fix = verbatim(close) if close else None
            raise UnknownNameError(_NO_INPUT(name=name, names=names or "-"), fix=fix)
        several = cast("list[Any]", given if isinstance(given, list | tuple | set) else [given])
        assumptions[name] = tuple(_property(name, one, node) for one in several)
    return assumptions


def _property(name: str, given: Any, node: Node) -> str:
    wanted = str(given).replace("_", " ")
    if wanted not in PROPERTIES:
        close = nearest(wanted, list(PROPERTIES))
        raise UnknownNameError(
            _NO_PROPERTY(name=name, given=given),
            why=_KNOWN(known=", ".join(PROPERTIES)),
            fix=verbatim(f'assume={{"{name}": "{close}"}}') if close else None,
        )
    square = node.rank >= 2 and node.shape[-1] == node.shape[-2]
    if PROPERTIES[wanted].matrix and not square:
        shape, says = shape_text(node.shape), PROPERTIES[wanted].says()
        raise ShapeError(_SHAPE(name=name, shape=shape, property=says))
    return wanted


def with_assumptions(graph: Graph, chosen: Mapping[str, Any]) -> Graph:
    """Return the graph with properties on its inputs.

    Raises UnknownNameError for an input or a property that there is not, ShapeError for one that
    the shape cannot have.
    """
    assumptions = read_assumptions(chosen, graph)
    if not assumptions:
        return graph
    image = {
        graph.inputs[name]: declared(graph.inputs[name], *p) for name, p in assumptions.items()
    }
    old = graph.all_nodes()
    return mapped(graph, {**dict(zip(old, substitute(old, image), strict=True)), **image})


def check_assumptions(inputs: Mapping[str, Node], values: Mapping[str, Any]) -> None:
    """Check the values. Raises InputError for one that does not have what was declared of it."""
    for name, node in inputs.items():
        for assumption in node.attrs.get("assume", ()):
            if name not in values:
                continue
            deviation = PROPERTIES[assumption].deviation(values[name])
            if not deviation <= _TOLERANCE:
                says = PROPERTIES[assumption].says()
                raise InputError(_NOT_SO(name=name, property=says, deviation=f"{deviation:.2g}"))


def drawn(node: Node, value: Any) -> Any:
    """Return a random value of an input, made to have what was declared of the input."""
    for assumption in node.attrs.get("assume", ()):
        value = PROPERTIES[assumption].project(value)
    return value
