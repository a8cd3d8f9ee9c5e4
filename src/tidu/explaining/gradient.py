"""One gradient as a closed form."""

from __future__ import annotations

from collections.abc import Mapping

from tidu.calculus.derivation import closed_form as closed_node
from tidu.document.math import Math, symbol
from tidu.explaining.rows import row_chain
from tidu.explaining.trees import expression_nodes, named
from tidu.explaining.view import View
from tidu.ir.node import Node, reachable

LONGEST = 60  # nodes in a closed form without names given here


def closed_form(view: View, name: str) -> Math:
    """Return ∂L/∂W in the user's own names: δ's, the loss and invented names are replaced by their
    formulas.

    Names given here stay where the formula would grow too long without them.
    """
    return in_own_names(view, closed_node(view.derivation, name))


def in_own_names(view: View, node: Node, extra: Mapping[Node, Math] | None = None) -> Math:
    """Return a formula over the program in the user's names, and `extra` ones; invented names stay
    where it would grow too long without them."""
    names: dict[Node, Math] = {
        part: tree for part, tree in view.names.forward.items() if part is not view.derivation.loss
    }
    names |= {**_further_names(view, node), **(extra or {})}
    given_names = {part: tree for part, tree in names.items() if part not in view.names.invented}
    short = len(expression_nodes(node, given_names.__contains__)) <= LONGEST
    return named(node, given_names if short else names)


def _further_names(view: View, closed: Node) -> dict[Node, Math]:
    """Return names of the user's that the loss as run no longer needs: p of p = softmax(z), if the
    loss takes ln p directly."""
    derivation, symbols = view.derivation, dict[Node, Math]()
    needed = set(reachable([closed])) - set(view.names.forward)
    for written, given in derivation.graph.names.items():
        node = derivation.run_node(written)
        if node in needed and node.inputs and given:
            symbols[node] = symbol(given[0].text, given[0].step)
    return symbols


def written_form(view: View, name: str) -> Math:
    """Return ∂L/∂W as a line of the working: in δ's (a gradient that has one is its δ), or as a row
    chain.

    What is short in the closed form is short there too; of a deep network only these are.
    """
    gradient = view.derivation.gradients[name]
    if view.options.writing == "chain":
        row = row_chain(view, gradient)[0]
        assert row is not None  # a row chain starts with letters
        return row
    if gradient in view.names.adjoints:
        return view.names.adjoints[gradient]
    return view.formula(gradient)
