"""Elements and their local derivatives as formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tidu.calculus.elements import NodeElement, Position, Use
from tidu.calculus.rewrite import Rewriter
from tidu.document.math import Derivative, Index, Math, Number
from tidu.explaining.numbers import number_text
from tidu.explaining.trees import expression_nodes, formula
from tidu.explaining.view import View
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Loop


def element_name(view: View, place: NodeElement) -> Math:
    """Return W₁[1,2]; an entry of a column or vector has one index, a number none."""
    tree = view.names.forward.get(place.node)
    shown: Math = tree if tree is not None else view.formula(place.node)
    return indexed(shown, place.node, place.index)


def indexed(tree: Math, node: Node, index: Position) -> Math:
    """Return `tree[index]`, counted from 1, without the axes of size one (all of them: no
    index)."""
    kept = [i + 1 for i, dim in zip(index, node.shape, strict=True) if dim != 1]
    if not kept:
        return tree
    indices = tuple(Number(str(i)) for i in kept)
    if isinstance(tree, Derivative):  # an entry of ∂L/∂W is the derivative by that entry
        return replace(tree, by=Index(tree.by, indices))
    return Index(tree, indices)


def local_factor(view: View, use: Use) -> Math | None:
    """Return the local derivative of a use as a formula of elements; None: it is 1."""
    node, position = use.to.node, use.operand
    if node.op.form is Form.LINEAR:
        return _unless_one(use.value)
    if node.op.form is Form.ELEMENTWISE:
        return _partial(view, node, position, use.of.index)
    if use.partner is not None:
        return _through_views(view, use.partner.node, use.partner.index)
    return Derivative(element_name(view, use.to), element_name(view, use.of))


def _unless_one(value: float) -> Math | None:
    return None if value == 1.0 else Number(number_text(value))


def _partial(view: View, node: Node, position: int, index: Position) -> Math | None:
    assert node.op.partials is not None
    all_partials = node.op.partials(*node.inputs, node, **node.attrs)
    partial = all_partials[position] if isinstance(all_partials, tuple) else all_partials
    if partial is None or isinstance(partial, int | float):
        return _unless_one(float(partial or 0.0))
    atoms = {n.id for n in reachable([view.derivation.loss])}
    simple = Rewriter("simplify", atoms).normalise(partial)
    if simple is node:  # d eᶜ/dc reads eᶜ and not by the name of eᶜ itself
        names = {n: tree for n, tree in view.names.forward.items() if n is not node}
        return formula_at(simple, names, index)
    return formula_at(simple, view.names.forward, index)


def formula_at(root: Node, names: Mapping[Node, Math], index: Position) -> Math:
    """Return an elementwise formula at one element: each name with the index."""
    atoms = {node: indexed(tree, node, _fit(node, index)) for node, tree in names.items()}
    if root in atoms:
        return atoms[root]
    mixing = [
        node
        for node in expression_nodes(root, lambda n: n in atoms or _mixes(n))
        if node not in atoms and _mixes(node)
    ]
    for node in mixing:  # (W·x)[1] and not W[1]·x[1]: the product is made of many elements
        atoms[node] = indexed(formula(node, names), node, _fit(node, index))
    return atoms[root] if root in atoms else formula(root, atoms)


def _mixes(node: Node) -> bool:
    """Return whether an element of the result is made of several elements of an operand."""
    return node.op.loop in (Loop.REDUCE, Loop.CONTRACT, Loop.SCAN, Loop.CALL)


def _fit(node: Node, index: Position) -> Position:
    """Return the index as it applies to an array that was broadcast to the common shape."""
    own = index[len(index) - node.rank :] if node.rank <= len(index) else (0,) * node.rank
    return tuple(0 if dim == 1 else i for i, dim in zip(own, node.shape, strict=True))


def _through_views(view: View, node: Node, index: Position) -> Math:
    """Return the name of an element, looked up through transposes so that Wᵀ[1,2] is W[2,1]."""
    while node not in view.names.forward and node.op.role == "transpose":
        axes = node.attrs["axes"]
        back = [0] * len(axes)
        for position, axis in enumerate(axes):
            back[axis] = index[position]
        node, index = node.inputs[0], tuple(back)
    if node not in view.names.forward and node.op.form is Form.ELEMENTWISE:
        return formula_at(node, view.names.forward, index)
    return element_name(view, NodeElement(node, index))
