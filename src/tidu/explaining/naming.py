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
from tidu.ir.node import Node, depends_on, post_order, reachable
from tidu.ir.op import Form, Loop

LONGEST = 30  # nodes in one formula before a part of it gets a name
_ARITHMETIC = ("+", "-", "neg", "*", "/")
_FUNCTIONS = (Form.ELEMENTWISE, Form.COMPOSITE)
_SHORT = 3  # nodes in an argument that needs no line of its own: x + 1


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names on a page. forward: named nodes of the program as run, in order of calculation
    (leaves included). delta: the lines between loss and parameters, in the order of
    back-propagation. arguments: the invented names of what a line applies a function to."""

    forward: Mapping[Node, Symbol]
    adjoints: Mapping[Node, Symbol]
    delta: Mapping[Node, Symbol]
    invented: frozenset[Node]
    loss: Symbol
    atoms: Mapping[Node, Math]
    arguments: frozenset[Node] = frozenset()


def name_all(derivation: Derivation, arguments: bool = True) -> Names:
    """Decide all names of a derivation; with `arguments` also of what functions are applied to."""
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
    named_arguments = _name_arguments(derivation, nodes, forward) if arguments else set[Node]()
    invented = named_arguments | _invent(nodes, forward, active, inner)
    ordered = {node: forward[node] for node in [*graph.inputs.values(), *nodes] if node in forward}
    loss = ordered.get(derivation.loss, loss)
    adjoints, delta = _deltas(derivation, ordered, invented)
    atoms = {**adjoints, **ordered}
    arguments_named = frozenset(named_arguments)
    return Names(ordered, adjoints, delta, frozenset(invented), loss, atoms, arguments_named)


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
        shared = users.get(node.id, 0) > 1 and not is_view(node)
        asked = node.id in inner and size[node.id] > _SHORT and not is_view(node)
        if asked or shared or _is_inner(node) or size[node.id] >= LONGEST:
            count += 1
            while ("v", str(count)) in taken:
                count += 1
            forward[node] = Symbol("v", str(count))
            invented.add(node)
    return invented


def _name_arguments(
    derivation: Derivation, nodes: list[Node], forward: dict[Node, Symbol]
) -> set[Node]:
    """Name what a function is applied to, W x + b in h₁ = tanh(W x + b), where its gradient is used
    several times: z₁ beside h₁, so that there is one δ for all of them."""
    taken = {(s.base, s.sub, s.sup) for s in forward.values()}
    uses = _uses_of_gradients(derivation, forward)
    arguments: set[Node] = set()
    for line in [node for node in nodes if node in forward and _is_function(node)]:
        own = Symbol("z", forward[line].sub, forward[line].sup)
        for part in line.inputs:
            adjoint = derivation.adjoints.get(part)
            shared = adjoint is not None and adjoint.inputs and uses.get(adjoint.id, 0) > 1
            if shared and _is_layer(part, forward) and (own.base, own.sub, own.sup) not in taken:
                forward[part] = own
                taken.add((own.base, own.sub, own.sup))
                arguments.add(part)
    return arguments


def _is_function(node: Node) -> bool:
    """Tell whether a node applies a function such as tanh, and is no arithmetic."""
    return node.op.form in _FUNCTIONS and node.op.operator not in _ARITHMETIC


def _is_layer(node: Node, forward: Mapping[Node, Symbol]) -> bool:
    """Tell whether a node without a name is written with a matrix product, W x + b."""
    if node in forward or is_view(node):
        return False
    parts = post_order([node], lambda part: () if part in forward else part.inputs)
    return any(part.op.loop is Loop.CONTRACT for part in parts if part not in forward)


def _uses_of_gradients(derivation: Derivation, forward: Mapping[Node, Symbol]) -> dict[int, int]:
    """Return how often each node is an operand of a gradient, or the gradient of a named node."""
    uses: dict[int, int] = {}
    for node in reachable(list(derivation.gradients.values())):
        for child in set(node.inputs):
            uses[child.id] = uses.get(child.id, 0) + 1
    for node in forward:
        adjoint = derivation.adjoints.get(node)
        if adjoint is not None:
            uses[adjoint.id] = uses.get(adjoint.id, 0) + 1
    return uses


def is_view(node: Node) -> bool:
    """Return whether a node is a view: it says nothing new and gets no name of its own."""
    return node.op.loop is Loop.VIEW


def _is_inner(node: Node) -> bool:
    """Return whether the derivative of a node refers to its result (composite and opaque ops)."""
    return node.op.form in (Form.OPAQUE, Form.COMPOSITE) and node.rank > 0


def _deltas(
    derivation: Derivation, forward: Mapping[Node, Symbol], invented: set[Node]
) -> tuple[dict[Node, Symbol], dict[Node, Symbol]]:
    """Return a δ for the gradient of each named node on a path, in the order of back-propagation;
    δ₂ for y₂ where the number says which."""
    parameters = set(derivation.wrt.values())
    lines = _backwards(derivation, forward)
    subs: dict[str, int] = {}
    for node in lines:
        key = "" if node in invented else _delta_sub(forward[node])
        subs[key] = subs.get(key, 0) + 1
    adjoints: dict[Node, Symbol] = {}
    delta: dict[Node, Symbol] = {}
    for node in lines:
        name = forward[node]
        short = "" if node in invented else _delta_sub(name)
        long = f"{name.base}_{name.sub}" if name.sub else name.base
        sup = name.sup
        sub = short if short and subs[short] == 1 else long
        delta[node] = Symbol("delta", sub, sup)
        adjoint = derivation.adjoints[node]
        if node not in parameters and adjoint not in forward and not is_plain(adjoint):
            adjoints.setdefault(adjoint, delta[node])
    return adjoints, delta


def _backwards(derivation: Derivation, forward: Mapping[Node, Symbol]) -> list[Node]:
    """Return the named lines that a gradient flows through, from the loss back, one layer after the
    other: how many lines stand between it and the loss decides, then the order of the program."""
    depth = {derivation.loss.id: 0}
    for node in reversed(reachable([derivation.loss])):
        below = depth.get(node.id, 0) + (node in forward)
        for child in node.inputs:
            depth[child.id] = max(depth.get(child.id, 0), below)
    lines = [
        node
        for node in forward
        if node.inputs and node in derivation.adjoints and node is not derivation.loss
    ]
    return sorted(lines, key=lambda node: depth.get(node.id, 0))


def _delta_sub(own: Symbol) -> str:
    return own.sub if own.sub[:1].isdigit() else ""
