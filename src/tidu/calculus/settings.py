"""Choices made on a graph before it is derived: values at kinks, bodies of declared functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidu.calculus.bodies import changed
from tidu.calculus.derivation import Derivation
from tidu.calculus.differentiate import Contribution, vjp
from tidu.errors import InputError, UnknownNameError, nearest
from tidu.ir.build import broadcast, constant, substitute
from tidu.ir.graph import Graph, Guard
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op, registered
from tidu.words import Words, verbatim

_NO_KINK = Words(
    en="{name} has no kink whose derivative could be chosen", zh="{name} 没有可以选择导数值的折点"
)
_HAVE = Words(en="these have: {names}", zh="可以选择的有：{names}")
_NUMBER = Words(
    en="the derivative of {name} at its kink must be a number, not {value}",
    zh="{name} 在折点处的导数应是一个数，而不是 {value}",
)
_NO_PRESET = Words(
    en="there is no preset {name}; known: {known}", zh="没有名为 {name} 的预设；已有：{known}"
)


def adjustable() -> dict[str, tuple[Op, str]]:
    """Return ops whose derivative at a kink can be chosen, with the attribute that holds it."""
    return {
        name: (op, kink.value)
        for name, op in registered().items()
        for kink in op.kinks
        if isinstance(kink.value, str)
    }


def presets() -> dict[str, dict[str, float]]:
    """Return the values of each named convention by op, as the records of the ops have them."""
    by_preset: dict[str, dict[str, float]] = {}
    for name, op in registered().items():
        for kink in op.kinks:
            for preset, value in kink.presets.items():
                by_preset.setdefault(preset, {})[name] = value
    return by_preset


def read_kinks(chosen: Mapping[str, Any]) -> dict[str, float]:
    """Check a choice such as {"relu": 1} or {"preset": "seeds"}; returns it with presets replaced
    by their values."""
    known = adjustable()
    result: dict[str, float] = {}
    for name, value in chosen.items():
        if name == "preset":
            known_presets = presets()
            if value not in known_presets:
                raise InputError(_NO_PRESET(name=value, known=", ".join(known_presets)))
            result |= known_presets[value]
            continue
        if name not in known:
            close = nearest(name, list(known))
            raise UnknownNameError(
                _NO_KINK(name=name),
                why=_HAVE(names=", ".join(sorted(known))),
                fix=verbatim(close) if close else None,
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(_NUMBER(name=name, value=repr(value)))
        result[name] = float(value)
    return result


def with_kinks(graph: Graph, chosen: Mapping[str, Any]) -> Graph:
    """Return the graph with the derivative at kinks set, e.g. {"relu": 1} for relu′(0) = 1."""
    values = read_kinks(chosen)
    if not values:
        return graph
    known = adjustable()

    def change(old: Sequence[Node]) -> list[Node]:
        done: dict[Node, Node] = {}
        for node in old:
            inputs = tuple(done[child] for child in node.inputs)
            if node.op.body is not None:
                done[node] = changed(node, inputs, change)
                continue
            attrs = node.attrs
            name = node.op.name
            if name in values and known[name][0] is node.op:
                attrs[known[name][1]] = values[name]
            done[node] = node.op(*inputs, **attrs) if node.inputs else node
        return [done[node] for node in old]

    old = graph.all_nodes()
    return mapped(graph, dict(zip(old, change(old), strict=True)))


def mapped(graph: Graph, image: Mapping[Node, Node]) -> Graph:
    """Return a graph with every node replaced by its image; names, places and guards move along."""

    def to(node: Node) -> Node:
        return image.get(node, node)

    return replace(
        graph,
        inputs={name: to(node) for name, node in graph.inputs.items()},
        outputs={name: to(node) for name, node in graph.outputs.items()},
        names={to(node): names for node, names in graph.names.items()},
        places={to(node): places for node, places in graph.places.items()},
        guards=tuple(Guard(to(g.condition), g.taken, g.place) for g in graph.guards),
    )


def with_bodies(nodes: Iterable[Node], bodies: Mapping[str, Graph]) -> dict[Node, Node]:
    """Return each node's image once declared functions and their derivatives give way to their
    bodies."""
    image: dict[Node, Node] = {}
    for node in reachable(nodes):
        inputs = tuple(image[child] for child in node.inputs)
        if node.op.role == "declared" and node.attrs["name"] in bodies:
            applied = _instance(bodies[node.attrs["name"]], node.attrs["orders"], inputs)
            image[node] = broadcast((applied, *inputs))[0]  # the f′ of 2t is one for all elements
        elif node.op.body is not None:
            image[node] = changed(
                node, inputs, lambda inner: list(map(with_bodies(inner, bodies).__getitem__, inner))
            )
        elif inputs == node.inputs:
            image[node] = node
        else:
            image[node] = substitute([node], dict(zip(node.inputs, inputs, strict=True)))[0]
    return image


def derivation_with_bodies(derivation: Derivation, bodies: Mapping[str, Graph]) -> Derivation:
    """Return the same derivation with declared functions and their derivatives replaced, as it
    runs."""
    if not bodies:
        return derivation
    roots = [derivation.loss, *derivation.graph.outputs.values(), *gradient_nodes(derivation)]
    return mapped_derivation(derivation, with_bodies(roots, bodies))


def gradient_nodes(derivation: Derivation) -> list[Node]:
    """Return the nodes of all gradients: of parameters, of lines, and of each use of a line."""
    uses = derivation.contributions.values()
    nodes = [*derivation.gradients.values(), *derivation.adjoints.values()]
    return [*nodes, *(part.value for parts in uses for part in parts)]


def mapped_derivation(derivation: Derivation, image: Mapping[Node, Node]) -> Derivation:
    """Return a derivation with the nodes of its program and its gradients replaced by their
    images; its steps stay as they were made."""
    return replace(
        derivation,
        graph=mapped(derivation.graph, image),
        loss=image[derivation.loss],
        gradients={name: image[node] for name, node in derivation.gradients.items()},
        adjoints={image[node]: image[g] for node, g in derivation.adjoints.items()},
        contributions={
            image[node]: tuple(
                Contribution(image[p.via], p.position, image[p.value]) for p in parts
            )
            for node, parts in derivation.contributions.items()
        },
    )


def _instance(body: Graph, orders: tuple[int, ...], operands: tuple[Node, ...]) -> Node:
    """Return the body, differentiated `orders` times, applied to the operands."""
    out = next(iter(body.outputs.values()))
    variables = list(body.inputs.values())
    for variable, order in zip(variables, orders, strict=True):
        for _ in range(order):
            out = vjp([out], [constant(1.0, out.dtype)], [variable])[0]
    return substitute([out], dict(zip(variables, operands, strict=True)))[0]
