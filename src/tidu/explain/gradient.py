"""One gradient as a closed form."""

from __future__ import annotations

from tidu.calculus.derivation import closed_form as closed_node
from tidu.document.math import Math, symbol
from tidu.explain.rows import row_chain
from tidu.explain.trees import expression_nodes, named
from tidu.explain.view import View
from tidu.ir.node import Node, reachable

LONGEST = 60  # nodes in a closed form without names given here


def closed_form(view: View, name: str) -> Math:
    """∂L/∂W in the user's own names: δ's, the loss and names given here opened.

    Names given here stay where the formula would grow too long without them.
    """
    closed = closed_node(view.derivation, name)
    names = {
        node: tree for node, tree in view.names.forward.items() if node is not view.derivation.loss
    }
    names |= further_names(view, closed)
    own = {node: tree for node, tree in names.items() if node not in view.names.invented}
    short = len(expression_nodes(closed, own.__contains__)) <= LONGEST
    return named(closed, own if short else names)


def further_names(view: View, closed: Node) -> dict[Node, Math]:
    """Names that the user gave to what the loss as run no longer needs: p of p = softmax(z), where
    the loss takes ln p directly."""
    derivation, found = view.derivation, dict[Node, Math]()
    needed = set(reachable([closed])) - set(view.names.forward)
    for written, given in derivation.graph.names.items():
        node = derivation.run_node(written)
        if node in needed and node.inputs and given:
            found[node] = symbol(given[0].text, given[0].step)
    return found


def written_form(view: View, name: str) -> Math:
    """∂L/∂W as a line of the working: in δ's (a gradient that has one is its δ), or as a row chain.

    What is short in the closed form is short there too; of a deep network only these are.
    """
    gradient = view.derivation.gradients[name]
    if view.options.writing == "chain":
        found = row_chain(view, gradient)[0]
        assert found is not None  # a row chain starts with letters
        return found
    if gradient in view.names.adjoints:
        return view.names.adjoints[gradient]
    return view.formula(gradient)
