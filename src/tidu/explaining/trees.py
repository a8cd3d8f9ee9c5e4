"""Nodes as formulas: a node's expression down to the nodes that have names (the atoms)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tidu.document.math import Math, Negative, Number, Product, Relation, Sum, Symbol
from tidu.ir.node import Node, post_order
from tidu.ir.types import Shape
from tidu.ops.arrays.layout import of_ones

Atoms = Mapping[Node, Math]


def expression_nodes(root: Node, atoms: Callable[[Node], bool]) -> list[Node]:
    """Return the nodes of the expression of `root`, operands first, down to the atoms."""
    return post_order([root], lambda node: node.inputs if node is root or not atoms(node) else ())


def formula(root: Node, atoms: Atoms) -> Math:
    """Return the expression of `root` in terms of the atoms; `root` itself is replaced by its
    formula unless it is a leaf."""
    trees: dict[int, Math] = {}
    for node in expression_nodes(root, atoms.__contains__):
        if node is not root and node in atoms:
            trees[node.id] = atoms[node]
        elif not node.inputs and node in atoms:
            trees[node.id] = atoms[node]
        else:
            trees[node.id] = node.op.notation(node, *(trees[child.id] for child in node.inputs))
    return tidy(of_ones(root, trees[root.id]))


def named(root: Node, atoms: Atoms) -> Math:
    """Return the name of a node if it has one, else its formula."""
    return atoms[root] if root in atoms else formula(root, atoms)


def operand(node: Node, atoms: Atoms) -> Math:
    """Return an operand as it stands beside others: a broadcast number is the number."""
    if node.op.role == "broadcast" and node.inputs[0].rank == 0:
        node = node.inputs[0]
    return named(node, atoms)


def with_shapes(root: Node, atoms: Atoms) -> Math:
    """Return the expression with the shape of each atom in its place: (4,5)·(5,1)."""
    shapes = {node: shape_symbol(node.shape) for node in atoms}
    return formula(root, shapes)


def shape_symbol(shape: Shape) -> Symbol:
    inner = ",".join(str(dim) for dim in shape)
    return Symbol(f"({inner},)" if len(shape) == 1 else f"({inner})")


def tidy(tree: Math) -> Math:
    """Return the factor of a one-factor product, else the tree."""
    if isinstance(tree, Product) and len(tree.factors) == 1:
        return tree.factors[0]
    return tree


def compare_sides(tree: Math) -> Math:
    """Return a − b > 0 as a > b, for the conditions of case distinctions."""
    if not isinstance(tree, Relation) or len(tree.parts) != 2 or tree.parts[1] != Number("0"):
        return tree
    left = tree.parts[0]
    if isinstance(left, Sum) and len(left.terms) == 2 and isinstance(left.terms[1], Negative):
        return Relation((left.terms[0], left.terms[1].value), tree.operators)
    return tree
