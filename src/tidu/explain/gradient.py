"""One gradient as a closed form."""

from __future__ import annotations

from tidu.calculus.derivation import closed_form as closed_node
from tidu.document.math import Math
from tidu.explain.trees import expression_nodes, named
from tidu.explain.view import View

LONGEST = 60  # nodes in a closed form without names given here


def closed_form(view: View, name: str) -> Math:
    """∂L/∂W in the user's own names: δ's, the loss and names given here opened.

    Names given here stay where the formula would grow too long without them.
    """
    closed = closed_node(view.derivation, name)
    names = {
        node: tree for node, tree in view.names.forward.items() if node is not view.derivation.loss
    }
    own = {node: tree for node, tree in names.items() if node not in view.names.invented}
    short = len(expression_nodes(closed, own.__contains__)) <= LONGEST
    return named(closed, own if short else names)
