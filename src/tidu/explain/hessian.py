"""Second derivatives as formulas: a matrix for vectors, an operator H(V) for a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from tidu.calculus.derivation import Derivation, opened
from tidu.calculus.jacobians import hessian
from tidu.calculus.modes import pulled, pushed
from tidu.document.math import (
    Apply,
    Derivative,
    Function,
    Math,
    Number,
    Product,
    Sum,
    Symbol,
    Transpose,
)
from tidu.explain.gradient import in_own_names
from tidu.explain.trees import expression_nodes, named
from tidu.explain.view import View
from tidu.ir.build import filled, fresh_input, input_node, is_tuple, substitute
from tidu.ir.node import Node, reachable
from tidu.ops.layout import is_matrix_transpose
from tidu.ops.leaves import number_text
from tidu.ops.simplify_terms import terms_of


@dataclass(frozen=True, slots=True, eq=False)
class SecondDerivative:
    """dense: ∂²L/∂x∂y as a node of shape (*x, *y). shown: what a formula shows of it, H itself for
    numbers and vectors, H(V) for anything larger, with V the node `direction`.
    """

    dense: Node
    shown: Node
    direction: Node | None


def second_derivative(derivation: Derivation, x: str, y: str) -> SecondDerivative:
    """∂²L/∂x∂y of a derivation. What is assumed of inputs is used to write it, not to derive it."""
    free = {
        node: input_node(name, node.shape, node.dtype)
        for name, node in derivation.graph.inputs.items()
    }
    back = {plain: node for node, plain in free.items()}
    (loss,) = substitute([derivation.loss], free)
    first, second = free[derivation.wrt[x]], free[derivation.wrt[y]]
    rows = hessian(loss, list(dict.fromkeys([first, second])))
    (dense,) = substitute([rows[0][-1]], back)
    dense = opened(derivation, dense)
    if first.rank < 2 and second.rank < 2 and _is_of_matrices(derivation, dense):
        return SecondDerivative(dense, dense, None)
    direction = fresh_input("V", second.type, set(derivation.graph.inputs))
    slopes = pulled([loss], [filled(1.0, loss.type)], [first])
    (along,) = substitute(list(pushed(slopes, {second: direction})), back)
    return SecondDerivative(dense, opened(derivation, along), direction)


def _is_of_matrices(derivation: Derivation, dense: Node) -> bool:
    """Whether a formula has no parts with three axes but the program's own: rows of I that stand
    for all directions are no matrices, and would be read as such."""
    program = {node.id for node in derivation.graph.nodes()}
    program |= {node.id for node in reachable([derivation.loss])}
    parts = [x for x in reachable([dense]) if x.id not in program and not is_tuple(x)]
    return all(x.rank < 3 for x in parts)


def second_tree(view: View, found: SecondDerivative) -> Math:
    """The formula, in the user's names."""
    if found.direction is None:
        return in_own_names(view, found.shown)
    direction = Symbol(str(found.direction.attrs["name"]))
    return in_own_names(view, found.shown, {found.direction: direction})


def second_name(view: View, x: str, y: str, found: SecondDerivative) -> Math:
    """∂²L/∂x∂yᵀ, or H(V) for the operator."""
    forward, wrt = view.names.forward, view.derivation.wrt
    first, second = forward[wrt[x]], forward[wrt[y]]
    if found.direction is not None:
        label = x if x == y else f"{x}{y}"
        name = Symbol(str(found.direction.attrs["name"]))
        return Apply(Function("H", label), (name,))
    matrix = wrt[x].rank and wrt[y].rank
    return Derivative(view.names.loss, first, then=Transpose(second) if matrix else second)


# ------------------------------------------------------------------ Kronecker products
def kronecker(view: View, found: SecondDerivative) -> Math | None:
    """The matrix of H(V) = Σ A·V·B on vec V, columns stacked: Σ Bᵀ ⊗ A. None where H(V) has terms
    of another form."""
    direction = found.direction
    if direction is None or direction.rank != 2 or found.shown.rank != 2:
        return None
    parts = [_around(c, x, direction) for c, x in terms_of(found.shown, ())]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    names: Mapping[Node, Math] = view.names.forward
    terms = tuple(_term(*part, names) for part in known)
    return terms[0] if len(terms) == 1 else Sum(terms)


def _term(
    number: float, left: Sequence[Node], right: Sequence[Node], names: Mapping[Node, Math]
) -> Math:
    product = Product((_side(right, names, turned=True), _side(left, names)), "⊗")
    return product if number == 1.0 else Product((Number(number_text(number)), product))


def _side(factors: Sequence[Node], names: Mapping[Node, Math], turned: bool = False) -> Math:
    if not factors:
        return Symbol("I")
    product = reduce(lambda a, b: a @ b, factors)
    if turned:  # of a transpose, what is transposed
        product = product.inputs[0] if is_matrix_transpose(product) else product.mT
    return named(product, names)


def _around(
    number: float, term: Node, direction: Node
) -> tuple[float, list[Node], list[Node]] | None:
    """(c, [A…], [B…]) of c·A·V·B."""
    factors: list[Node] = []
    stack = [term]
    while stack:
        part = stack.pop()
        if part.op.operator == "@" and all(x.rank == 2 for x in part.inputs):
            stack += [part.inputs[1], part.inputs[0]]
        else:
            factors.append(part)
    holds = [direction in expression_nodes(f, lambda _: False) for f in factors]
    if sum(holds) != 1 or factors[holds.index(True)] is not direction:
        return None
    at = holds.index(True)
    return number, factors[:at], factors[at + 1 :]
