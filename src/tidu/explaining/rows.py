"""The row-chain writing: the row vector ∂L/∂y multiplied on, transposed once at the end.

The seeds write ∂L/∂W₁ = (±1·W₃·W₂)ᵀ xᵀ. The row of a gradient is built as a graph from the gradient
itself, so the two writings are the same derivation; a test evaluates both.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidu.document.math import Math, Number, Product, Symbol, Transpose
from tidu.explaining.numbers import as_column
from tidu.explaining.trees import expression_nodes, formula, tidy
from tidu.explaining.view import View
from tidu.ir.build import rebuild
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, role
from tidu.ir.types import is_one_element

PLUS_MINUS_ONE = Symbol("±1")


def row_form(node: Node, stop: Mapping[Node, Math]) -> Node:
    """Return the transpose of a column or matrix, with the transposes moved to the single names.

    For vectors of one axis the row is the vector itself, and Wᵀ δ becomes δ W.
    """
    if is_one_element(node.shape):
        return node
    if node in stop or not node.inputs:
        return node.T
    if node.op.operator == "@":
        left, right = node.inputs
        if left.op.role == "transpose" and right.rank in (1, 2):
            return row_form(right, stop) @ left.inputs[0]
        if node.rank == 2:
            return row_form(right, stop) @ row_form(left, stop)
    if node.op.form is Form.ELEMENTWISE and node.rank <= 2:
        return rebuild(node, tuple(row_form(child, stop) for child in node.inputs))
    if node.op.role == "broadcast" and is_one_element(node.inputs[0].shape):
        return role("broadcast")(node.inputs[0], shape=tuple(reversed(node.shape)))
    return node.T


def row_chain(view: View, gradient: Node) -> list[Math | None]:
    """Return the formula of a gradient as a transposed row chain, in letters and in numbers."""
    symbols: dict[Node, Math] = dict(view.names.forward)
    parts: list[Math | None] = [_written(view, gradient, symbols, signs=True)]
    if view.valuation is not None:
        values: dict[Node, Math] = {}
        for node in view.names.forward:
            if node in view.valuation:
                value = view.whole_value(node)
                if value is None:
                    return parts
                values[node] = value
        parts.append(_written(view, gradient, values, signs=False))
    return parts


def _written(view: View, gradient: Node, atoms: Mapping[Node, Math], signs: bool) -> Math:
    forward = view.names.forward
    if not has_columns(view):
        return known_or_formula(gradient, atoms)
    core, rest = split(gradient, forward)
    row = row_form(core, forward)
    known = dict(atoms)
    for node in _signs_in(row, forward):
        if signs:
            known[node] = PLUS_MINUS_ONE
        elif view.valuation is not None:
            value = _sign_value(view, node)
            if value is not None:
                known[node] = value
    shown = known[row] if row in known else formula(row, known)
    if row.rank >= 2 and row is not core and not is_one_element(row.shape):
        shown = Transpose(shown)
    elif row.rank == 1 and row is not core:
        shown = Transpose(shown)
    if rest is None:
        return shown
    if row is core:  # a vector of one axis that is a column here
        shown = as_column(shown)
    right = as_column(known[rest] if rest in known else formula(rest, known))
    if gradient.op.operator != "@":
        right = Transpose(right)  # an outer product of two vectors
    return tidy(Product((*_factors(shown), *_factors(right))))


def known_or_formula(node: Node, atoms: Mapping[Node, Math]) -> Math:
    return atoms[node] if node in atoms else formula(node, atoms)


def has_columns(view: View) -> bool:
    """Return whether the program multiplies columns from the left, W x: gradients run through Wᵀ
    δ."""
    return any(
        node.op.operator == "@" and node.inputs[0].op.role == "transpose"
        for adjoint in view.names.adjoints
        for node in expression_nodes(adjoint, view.names.forward.__contains__)
    )


def _factors(tree: Math) -> tuple[Math, ...]:
    return tree.factors if isinstance(tree, Product) and tree.sign == "" else (tree,)


def split(gradient: Node, forward: Mapping[Node, Math]) -> tuple[Node, Node | None]:
    """Return δ and the factor after it, for δ xᵀ as a matrix or outer product; else the whole."""
    if (
        gradient.op.form is Form.MULTILINEAR
        and gradient.op.loop is Loop.CONTRACT
        and len(gradient.inputs) == 2
    ):
        left, right = gradient.inputs
        if left.op.role != "transpose" and left not in forward:
            return left, right
    return gradient, None


def _signs_in(root: Node, forward: Mapping[Node, Math]) -> list[Node]:
    """Return the one-element piecewise derivatives with the values ±1, which the seeds write as
    ±1."""
    return [node for node in expression_nodes(root, forward.__contains__) if is_sign(node)]


def is_sign(node: Node) -> bool:
    """Return a one-element piecewise derivative with the values ±1."""
    if node.op.cases is None or not is_one_element(node.shape):
        return False
    values = {case.value for case in node.op.cases(node, *(Symbol("x") for _ in node.inputs))}
    return {Number("1"), Number("-1")} <= values


def _sign_value(view: View, node: Node) -> Math | None:
    return view.value(node) if view.valuation is not None and node in view.valuation else None
