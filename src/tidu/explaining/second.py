"""Derivatives of arrays by arrays as formulas: a matrix, an operator H(V), a Kronecker product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Literal

from tidu.calculus.derivation import expanded
from tidu.calculus.second import MatrixDerivative
from tidu.document.math import (
    Apply,
    Derivative,
    Function,
    Group,
    Math,
    Negative,
    Number,
    Product,
    Sum,
    Symbol,
    Transpose,
    symbol,
)
from tidu.explaining.gradient import in_own_names
from tidu.explaining.trees import expression_nodes, named
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.ops.arrays.layout import is_matrix_transpose
from tidu.ops.define import joined
from tidu.ops.leaves import number_text
from tidu.ops.linalg.contraction import outer, scaled_columns, scaled_rows
from tidu.rewriting.terms import terms_of


def matrix_tree(view: View, found: MatrixDerivative) -> Math:
    """Return the formula, in the user's names."""
    if found.direction is None:
        return _with_diagonals(in_own_names(view, found.shown))
    direction = symbol(str(found.direction.attrs["name"]))
    return in_own_names(view, found.shown, {found.direction: direction})


def _with_diagonals(tree: Math) -> Math:
    """Return the formula of a matrix with s𝟏ᵀ ⊙ A as diag(s)·A, and A ⊙ 𝟏sᵀ as A·diag(s)."""
    match tree:
        case Sum(terms):
            return Sum(tuple(_with_diagonals(term) for term in terms))
        case Negative(value):
            return Negative(_with_diagonals(value))
        case Product(factors, sign="") if len(factors) == 2 and isinstance(factors[1], Group):
            inner = _with_diagonals(factors[1].value)
            return Product((factors[0], *_factors(inner))) if inner != factors[1].value else tree
        case Product(sign="⊙"):
            for scaled in (scaled_rows(tree), scaled_columns(tree)):
                if len(scaled) > 1:
                    return joined(scaled, "")
        case _:
            pass
    return tree


def _factors(tree: Math) -> tuple[Math, ...]:
    return tree.factors if isinstance(tree, Product) and not tree.sign else (tree,)


def second_name(view: View, x: str, y: str, derivative: MatrixDerivative) -> Math:
    """Return ∂²L/∂x∂yᵀ, or H(V) for the operator."""
    forward, wrt = view.names.forward, view.derivation.wrt
    first, second = forward[wrt[x]], forward[wrt[y]]
    if derivative.direction is not None:
        label = x if x == y else f"{x}{y}"
        name = symbol(str(derivative.direction.attrs["name"]))
        return Apply(Function("H", label), (name,))
    matrix = wrt[x].rank and wrt[y].rank
    return Derivative(view.names.loss, first, then=Transpose(second) if matrix else second)


def jacobian_name(view: View, x: str, derivative: MatrixDerivative) -> Math:
    """Return ∂y/∂x, or (∂Y/∂X)(V) for the operator."""
    forward, wrt = view.names.forward, view.derivation.wrt
    ratio = Derivative(forward[derivative.function], forward[wrt[x]], view.total())
    if derivative.direction is None:
        return ratio
    name = symbol(str(derivative.direction.attrs["name"]))
    return Apply(ratio, (name,))


# ------------------------------------------------------------------ Kronecker products
def kronecker(view: View, second: MatrixDerivative) -> Math | None:
    """Return the matrix of H(V) = Σ M ⊙ (A·V·B) on vec V, columns stacked: Σ diag(vec M)·(Bᵀ ⊗ A).
    None where H(V) has terms of another form."""
    direction = second.direction
    if direction is None or direction.rank != 2 or second.shown.rank not in (1, 2):
        return None
    parts = [_around(c, x, direction) for c, x in terms_of(second.shown, ())]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    terms = tuple(_term(view, *part) for part in known)
    return terms[0] if len(terms) == 1 else Sum(terms)


def _term(
    view: View,
    number: float,
    scalars: Sequence[Node],
    masks: Sequence[Node],
    left: Node | None,
    right: Node | None,
) -> Math:
    transposed = _transposed_side(view, right)
    plain = left is None and right is None
    product: Math = Product((transposed, _side(view, left)), "⊗")
    if masks:
        mask = expanded(view.derivation, reduce(lambda a, b: a * b, masks))
        tree = named(mask, view.names.forward)
        entries = tree if mask.rank == 1 else Apply(Function("vec"), (tree,))
        diagonal = Apply(Function("diag"), (entries,))
        product = diagonal if plain else Product((diagonal, product))
    if not scalars:
        if number == -1.0:
            return Negative(product)
        return product if number == 1.0 else Product((Number(number_text(number)), product))
    factor = expanded(view.derivation, reduce(lambda a, b: a * b, scalars) * number)
    return Product((named(factor, view.names.forward), product))


def _transposed_side(view: View, right: Node | None) -> Math:
    """Return Bᵀ; of a vector b that stands as a column, the row bᵀ."""
    if right is not None and right.rank == 1:
        return Transpose(_side(view, right))
    return _side(view, None if right is None else right.mT)


def _side(view: View, side: Node | None) -> Math:
    if side is None:
        return Symbol("I")
    return named(expanded(view.derivation, side), view.names.forward)


# A factor of a matrix product: a matrix, or a vector that stands as a column or as a row.
Part = tuple[Node, Literal["matrix", "column", "row"]]


def _around(
    number: float, term: Node, direction: Node
) -> tuple[float, list[Node], list[Node], Node | None, Node | None] | None:
    """Return (c, [s…], [M…], A, B) of c·s·M ⊙ (A·V·B), where A or B may be an outer product:
    V·x·xᵀ, and B a vector."""
    scalars: list[Node] = []
    masks: list[Node] = []
    while term.op.operator == "*":
        split = _scaled(term)
        if split is not None:
            scalars, term = [*scalars, split[0]], split[1]
            continue
        fixed = [x for x in term.inputs if not _holds(x, direction)]
        if len(fixed) != 1:
            return None
        masks.append(fixed[0])
        term = term.inputs[0] if term.inputs[1] is fixed[0] else term.inputs[1]
    parts = _parts(term) if term.rank == 2 else _column(term)
    holds = [_holds(part, direction) for part, _ in parts]
    if sum(holds) != 1 or parts[at := holds.index(True)] != (direction, "matrix"):
        return None
    left, right = parts[:at], parts[at + 1 :]
    if any([kind for _, kind in side].count("row") > 1 for side in (left, right)):
        return None
    if term.rank == 1 and any(kind == "row" for _, kind in parts):
        return None
    return number, scalars, masks, _joined(left), _joined(right)


def _holds(node: Node, direction: Node) -> bool:
    return direction in expression_nodes(node, lambda _: False)


def _scaled(term: Node) -> tuple[Node, Node] | None:
    """Return (s, X) of s·X with one calculated number s."""
    if term.op.operator != "*":
        return None
    s, x = term.inputs
    single = s.op.role == "broadcast" and not s.inputs[0].rank
    return (s.inputs[0], x) if single else None


def _parts(node: Node) -> list[Part]:
    """Return the factors of a matrix product, in order."""
    if node.op.operator == "@" and node.rank == 2 and all(x.rank == 2 for x in node.inputs):
        return [*_parts(node.inputs[0]), *_parts(node.inputs[1])]
    if node.op is outer:
        column, row = (_column(x) for x in node.inputs)
        return [*column, *_transposed(row)]
    if is_matrix_transpose(node):
        return _transposed(_parts(node.inputs[0]))
    return [(node, "matrix")]


def _column(vector: Node) -> list[Part]:
    """Return A·B·x of a vector, its last factor a column."""
    if vector.op.operator == "@" and {x.rank for x in vector.inputs} == {1, 2}:
        first, second = vector.inputs
        if second.rank == 1:
            return [*_parts(first), *_column(second)]
        return [*_transposed(_parts(second)), *_column(first)]  # xᵀA as the column Aᵀx
    return [(vector, "column")]


def _transposed(parts: Sequence[Part]) -> list[Part]:
    """Return the factors of the transpose."""
    lies: Mapping[str, Literal["column", "row"]] = {"column": "row", "row": "column"}
    return [
        (part, lies[kind]) if kind in lies else (_flipped(part), "matrix")
        for part, kind in reversed(parts)
    ]


def _flipped(matrix: Node) -> Node:
    return matrix.inputs[0] if is_matrix_transpose(matrix) else matrix.mT


def _joined(parts: Sequence[Part]) -> Node | None:
    """Return the factors as a product again: matrices, or a column built from some of them times a
    row."""
    kinds = [kind for _, kind in parts]
    if "row" not in kinds:
        return reduce(lambda a, b: a @ b, (part for part, _ in parts)) if parts else None
    at = kinds.index("row")
    column = reduce(lambda a, b: b @ a, (part for part, _ in reversed(parts[:at])))
    row = reduce(lambda a, b: a @ b, (part for part, _ in parts[at:]))
    return outer(column, row)
