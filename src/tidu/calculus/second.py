"""Second derivatives of a derivation: a matrix for vectors, an operator for matrices."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.calculus.derivation import Derivation, expanded
from tidu.calculus.jacobians import hessian
from tidu.calculus.modes import pulled, pushed
from tidu.ir.build import filled, fresh_input, input_node, is_tuple, substitute
from tidu.ir.flat import Flat
from tidu.ir.node import Node, reachable


@dataclass(frozen=True, slots=True, eq=False)
class SecondDerivative(Flat):
    """A second derivative. dense: ∂²L/∂x∂y as a node of shape (*x, *y). shown: what a formula
    shows of it, H itself for numbers and vectors, H(V) for anything larger, with V the node
    `direction`."""

    dense: Node
    shown: Node
    direction: Node | None


def second_derivative(derivation: Derivation, x: str, y: str) -> SecondDerivative:
    """Return ∂²L/∂x∂y of a derivation. Assumptions about inputs are used to write it, not to derive
    it."""
    free = {
        node: input_node(name, node.shape, node.dtype)
        for name, node in derivation.graph.inputs.items()
    }
    back = {plain: node for node, plain in free.items()}
    (loss,) = substitute([derivation.loss], free)
    first, second = free[derivation.wrt[x]], free[derivation.wrt[y]]
    rows = hessian(loss, list(dict.fromkeys([first, second])))
    (dense,) = substitute([rows[0][-1]], back)
    dense = expanded(derivation, dense)
    if first.rank < 2 and second.rank < 2 and _is_of_matrices(derivation, dense):
        return SecondDerivative(dense, dense, None)
    direction = fresh_input("V", second.type, set(derivation.graph.inputs))
    slopes = pulled([loss], [filled(1.0, loss.type)], [first])
    (along,) = substitute(list(pushed(slopes, {second: direction})), back)
    return SecondDerivative(dense, expanded(derivation, along), direction)


def _is_of_matrices(derivation: Derivation, dense: Node) -> bool:
    """Return whether a formula has no parts with three axes except the program's own. (Rows of I
    that stand for all directions would be read as matrices.)"""
    program = {node.id for node in derivation.graph.nodes()}
    program |= {node.id for node in reachable([derivation.loss])}
    parts = [x for x in reachable([dense]) if x.id not in program and not is_tuple(x)]
    return all(x.rank < 3 for x in parts)
