"""What an explanation is given the values of, by whoever runs the program."""

from __future__ import annotations

from tidu.calculus.derivation import Derivation
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Kink


def shown_nodes(derivation: Derivation) -> dict[str, Node]:
    """Return every node whose value an explanation shows: named ones, gradients, contributions,
    guards, and the masks that say which data lie on a kink."""
    graph = derivation.graph
    outputs = dict(derivation.outputs())
    named = {derivation.run_node(node) for node in [*graph.inputs.values(), *graph.names]}
    outputs |= {f"name/{node.id}": node for node in named}
    outputs |= {f"adjoint/{node.id}": node for node in derivation.adjoints.values()}
    parts = [c.value for uses in derivation.contributions.values() for c in uses]
    outputs |= {f"part/{node.id}": node for node in parts}
    outputs |= {f"guard/{i}": g.condition for i, g in enumerate(graph.guards)}
    outputs |= {f"kink/{i}": mask for i, (_, _, mask) in enumerate(kinks_of(derivation))}
    return {name: node for name, node in outputs.items() if not is_tuple(node)}


def kinks_of(derivation: Derivation) -> list[tuple[Node, Kink, Node]]:
    """Return each node that a gradient goes through and that has a kink, with the kink and the mask
    that is true where the data lie on it."""
    return [
        (node, kink, kink.where(*node.inputs, **node.attrs))
        for node in derivation.adjoints
        for kink in node.op.kinks
        if _concerns(derivation, node, kink.operand)
    ]


def _concerns(derivation: Derivation, node: Node, operand: int) -> bool:
    """Return whether a kink by one operand is told: not if another tells of the one in use."""
    active = {i for i, child in enumerate(node.inputs) if child in derivation.adjoints}
    return operand in active or not any(kink.operand in active for kink in node.op.kinks)
