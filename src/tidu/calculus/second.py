"""Derivatives of an array by an array: a matrix for vectors, an operator for matrices.

The first derivatives of a layer's result, and the second ones of a loss, which are the first ones
of its gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidu.calculus.derivation import Derivation, expanded
from tidu.calculus.jacobians import hessian, jacobian
from tidu.calculus.modes import pulled, pushed
from tidu.ir.build import filled, fresh_input, input_node, is_tuple, substitute
from tidu.ir.flat import Flat
from tidu.ir.node import Node, reachable


@dataclass(frozen=True, slots=True, eq=False)
class MatrixDerivative(Flat):
    """The derivative of an array y by an array x. dense: a node of shape (*y, *x). shown: what a
    formula shows of it, a matrix J for numbers and vectors, J(V) for anything larger, with V the
    node `direction`. function: what is derived."""

    dense: Node
    shown: Node
    direction: Node | None
    function: Node


def second_derivative(derivation: Derivation, x: str, y: str) -> MatrixDerivative:
    """Return ∂²L/∂x∂y of a derivation. Assumptions about inputs are used to write it, not to derive
    it."""
    free = _free_inputs(derivation)
    back = {plain: node for node, plain in free.items()}
    (loss,) = substitute([derivation.loss], free)
    first, second = free[derivation.wrt[x]], free[derivation.wrt[y]]
    rows = hessian(loss, list(dict.fromkeys([first, second])))
    (dense,) = substitute([rows[0][-1]], back)
    slopes = pulled([loss], [filled(1.0, loss.type)], [first])
    return _derivative(derivation, derivation.loss, dense, slopes[0], second, back)


def result_derivative(derivation: Derivation, x: str) -> MatrixDerivative:
    """Return ∂y/∂x of the result y of a layer."""
    free = _free_inputs(derivation)
    back = {plain: node for node, plain in free.items()}
    result = derivation.result
    (function,) = substitute([result], free)
    by = free[derivation.wrt[x]]
    (dense,) = substitute([jacobian([function], [by])[0][0]], back)
    return _derivative(derivation, result, dense, function, by, back)


def _free_inputs(derivation: Derivation) -> dict[Node, Node]:
    """Return an input without assumptions for each input."""
    return {
        node: input_node(name, node.shape, node.dtype)
        for name, node in derivation.graph.inputs.items()
    }


def _derivative(
    derivation: Derivation, of: Node, dense: Node, function: Node, by: Node, back: dict[Node, Node]
) -> MatrixDerivative:
    """Return the derivative of a function of free inputs: dense where that is a matrix in a
    formula, else along a direction."""
    dense = expanded(derivation, dense)
    vectors = function.rank < 2 and by.rank < 2
    if (vectors or dense.rank <= 2) and _is_of_matrices(derivation, dense):
        return MatrixDerivative(dense, dense, None, of)
    direction = fresh_input("V", by.type, set(derivation.graph.inputs))
    (along,) = substitute(list(pushed([function], {by: direction})), back)
    return MatrixDerivative(dense, expanded(derivation, along), direction, of)


def _is_of_matrices(derivation: Derivation, dense: Node) -> bool:
    """Return whether a formula has no parts with three axes except the program's own. (Rows of I
    that stand for all directions would be read as matrices.)"""
    program = {node.id for node in derivation.graph.nodes()}
    program |= {node.id for node in reachable([derivation.loss])}
    parts = [x for x in reachable([dense]) if x.id not in program and not is_tuple(x)]
    return all(x.rank < 3 for x in parts)
