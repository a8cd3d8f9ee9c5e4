"""Names on the page: the user's own first, then δ for gradients, then numbered ones.

A node gets a name if the user gave it one, or if its expression would otherwise stand in several
places or grow too long to read; invented names are v₁, v₂, … and it is said that they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidu.calculus.derivation import Derivation, is_plain
from tidu.document.math import Math, Symbol, symbol
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import Form, Loop

LONGEST = 30  # nodes in one formula before a part of it gets a name
_SHORT = 3  # nodes in an argument that needs no line of its own: x + 1


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names on a page. forward: named nodes of the program as run, in order of calculation
    (leaves included)."""

    forward: Mapping[Node, Symbol]
    adjoints: Mapping[Node, Symbol]
    delta: Mapping[Node, Symbol]
    invented: frozenset[Node]
    loss: Symbol
    atoms: Mapping[Node, Math]


def name_all(derivation: Derivation) -> Names:
    """Decide all names of a derivation."""
    graph = derivation.graph
    forward: dict[Node, Symbol] = {}
    for name, node in graph.inputs.items():
        forward[node] = symbol(name)
    loss = symbol(derivation.loss_name)
    nodes = _in_program_order(derivation)
    for written in graph.nodes():
        given = graph.name_of(written)
        node = derivation.run_node(written)
        if given is not None and node.inputs:
            forward.setdefault(node, symbol(given.text, given.step))
    for name, node in graph.outputs.items():
        forward.setdefault(derivation.run_node(node), symbol(name))
    forward.setdefault(derivation.loss, loss)
    active = depends_on([derivation.loss], derivation.wrt.values())
    intermediate = {node for node in forward if node.inputs and node is not derivation.loss}
    inner = set[int]() if intermediate else _arguments(nodes, active)
    invented = _invent(nodes, forward, active, inner)
    ordered = {node: forward[node] for node in [*graph.inputs.values(), *nodes] if node in forward}
    loss = ordered.get(derivation.loss, loss)
    adjoints, delta = _deltas(derivation, ordered, invented)
    atoms = {**adjoints, **ordered}
    return Names(ordered, adjoints, delta, frozenset(invented), loss, atoms)


def _in_program_order(derivation: Derivation) -> list[Node]:
    """Return what is shown of the program: operands first, and what is named in the order
    written."""
    graph = derivation.graph
    results = [derivation.run_node(node) for node in graph.outputs.values()]
    used = {node.id for node in graph.nodes()}
    named = [derivation.run_node(node) for node in graph.names if node.id in used]
    return reachable([*named, *results, derivation.loss])


def _arguments(nodes: list[Node], active: set[int]) -> set[int]:
    """Return ids of what nonlinear elementwise ops are applied to: lines of an expression in one
    piece.

    |W x + b − y| gets a line v₁ = W x + b − y and a line |v₁|, so that each rule has its own place.
    """
    arguments: set[int] = set()
    for node in nodes:
        if node.op.form is Form.ELEMENTWISE and node.id in active and _bends(node, active):
            arguments |= {child.id for child in node.inputs if child.id in active}
    return arguments


def _bends(node: Node, active: set[int]) -> bool:
    """Return whether an op is nonlinear here: not a sum, a sign, or a product or quotient with
    something fixed."""
    symbol = node.op.operator
    if symbol in ("+", "-", "neg"):
        return False
    if symbol == "*":
        return all(child.id in active for child in node.inputs)
    return symbol != "/" or node.inputs[1].id in active


def _invent(
    nodes: list[Node], forward: dict[Node, Symbol], active: set[int], inner: set[int]
) -> set[Node]:
    """Name shared and long parts of active expressions, and those that `inner` asks for."""
    users: dict[int, int] = {}
    for node in nodes:
        for child in set(node.inputs):
            users[child.id] = users.get(child.id, 0) + 1
    taken = {(s.base, s.sub) for s in forward.values()}
    size: dict[int, int] = {}
    invented: set[Node] = set()
    count = 0
    for node in nodes:
        size[node.id] = 1 + sum(1 if c in forward else size[c.id] for c in node.inputs)
        if node in forward or not node.inputs or node.id not in active or is_tuple(node):
            continue
        if node.dtype == "bool":
            continue
        shared = users.get(node.id, 0) > 1 and not _is_light(node)
        asked = node.id in inner and size[node.id] > _SHORT and not _is_light(node)
        if asked or shared or _is_inner(node) or size[node.id] >= LONGEST:
            count += 1
            while ("v", str(count)) in taken:
                count += 1
            forward[node] = Symbol("v", str(count))
            invented.add(node)
    return invented


def _is_light(node: Node) -> bool:
    """Return whether a node is a view: it says nothing new and gets no name of its own."""
    return node.op.loop is Loop.VIEW


def _is_inner(node: Node) -> bool:
    """Return whether the derivative of a node refers to its result (composite and opaque ops)."""
    return node.op.form in (Form.OPAQUE, Form.COMPOSITE) and node.rank > 0


def _deltas(
    derivation: Derivation, forward: Mapping[Node, Symbol], invented: set[Node]
) -> tuple[dict[Node, Symbol], dict[Node, Symbol]]:
    """Return a δ for the gradient of each named node on a path; δ₂ for y₂ where the number says
    which."""
    parameters = set(derivation.wrt.values())
    lines = [
        node
        for node in forward
        if node.inputs and node in derivation.adjoints and node is not derivation.loss
    ]
    subs: dict[str, int] = {}
    for node in lines:
        key = "" if node in invented else _delta_sub(forward[node])
        subs[key] = subs.get(key, 0) + 1
    adjoints: dict[Node, Symbol] = {}
    delta: dict[Node, Symbol] = {}
    program = {node.id for node in reachable([derivation.loss])}
    for node in reversed(lines):
        name = forward[node]
        short = "" if node in invented else _delta_sub(name)
        long = name.base + (name.sub if name.sub[:1].isdigit() or not name.sub else f"_{name.sub}")
        sup = name.sup
        sub = short if short and subs[short] == 1 else long
        delta[node] = Symbol("delta", sub, sup)
        adjoint = derivation.adjoints[node]
        if node not in parameters and adjoint.id not in program and not is_plain(adjoint):
            adjoints.setdefault(adjoint, delta[node])
    return adjoints, delta


def _delta_sub(own: Symbol) -> str:
    return own.sub if own.sub[:1].isdigit() else ""
