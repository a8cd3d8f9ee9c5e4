"""The layer zoom: one line a named node, and the network's graph with what stands on its edges."""

from __future__ import annotations

from tidu.document.blocks import Block, GraphEdge, GraphFigure, GraphNode, Paragraph, Section, Table
from tidu.document.math import Derivative, Math
from tidu.explaining import phrases
from tidu.explaining.chains import local_derivative
from tidu.explaining.trees import expression_nodes, named
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.ir.types import shape_text


def layer_sections(view: View) -> tuple[Block, ...]:
    """Return a table with one row a named node, the network drawn, and every gradient in closed
    form."""
    return (
        Section(
            phrases.LAYERS(),
            (layer_table(view), network_figure(view), Paragraph(phrases.LOCAL())),
            "layers",
        ),
        Section(phrases.CLOSED(), (gradient_table(view),), "gradients"),
    )


def figure_section(view: View) -> Section:
    """Return the computation graph alone."""
    return Section(phrases.FIGURE(), (network_figure(view), Paragraph(phrases.LOCAL())), "graph")


def layer_table(view: View) -> Table:
    """Return a table of name, formula, shape and (if small) value."""
    columns = [phrases.LAYER(), phrases.FORMULA(), phrases.SHAPE()]
    if view.has_numbers():
        columns.append(phrases.VALUE())
    rows: list[tuple[Math | str, ...]] = []
    for node, name in view.names.forward.items():
        if not node.inputs:
            continue
        row: list[Math | str] = [name, view.formula(node), shape_text(node.shape)]
        if view.has_numbers():
            row.append(view.value(node) or "–")
        rows.append(tuple(row))
    return Table(tuple(columns), tuple(rows))


def gradient_table(view: View) -> Table:
    """Return one row a δ and a parameter: its formula and its shape."""
    columns = [phrases.GRADIENTS(), phrases.FORMULA(), phrases.SHAPE()]
    if view.has_numbers():
        columns.append(phrases.VALUE())
    rows: list[tuple[Math | str, ...]] = []
    for node, name in view.names.delta.items():
        if node in view.derivation.adjoints:
            rows.append(_gradient_row(view, name, view.derivation.adjoints[node], expanded=True))
    for name, gradient in view.derivation.gradients.items():
        left = view.parameter_gradient(view.derivation.wrt[name])
        rows.append(_gradient_row(view, left, gradient, expanded=False))
    return Table(tuple(columns), tuple(rows))


def _gradient_row(view: View, left: Math, gradient: Node, expanded: bool) -> tuple[Math | str, ...]:
    own_name = view.atoms.get(gradient)
    formula = (
        view.formula(gradient) if own_name is None or (expanded and own_name == left) else own_name
    )
    row: list[Math | str] = [left, formula, shape_text(gradient.shape)]
    if view.has_numbers():
        row.append(view.value(gradient) or "–")
    return tuple(row)


def network_figure(view: View) -> GraphFigure:
    """Return the named nodes as a graph, local derivatives on the edges (formulas for single
    numbers)."""
    parameters = set(view.derivation.wrt.values())
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    for node, name in view.names.forward.items():
        adjoint = view.derivation.adjoints.get(node)
        kind = (
            "output"
            if node is view.derivation.loss
            else "operation"
            if node.inputs
            else "parameter"
            if node in parameters
            else "input"
        )
        small = node.rank == 0 or node.type.shape in ((1,), (1, 1))
        nodes.append(
            GraphNode(
                str(node.id),
                name,
                view.value(node) if small else None,
                view.value(adjoint) if small and adjoint is not None else None,
                kind,
            )
        )
        edges += _edges(view, node)
    return GraphFigure(tuple(nodes), tuple(edges), phrases.FIGURE())


def _edges(view: View, node: Node) -> list[GraphEdge]:
    named_nodes = view.names.forward
    edges: list[GraphEdge] = []
    if not node.inputs:
        return edges
    for part in expression_nodes(node, named_nodes.__contains__):
        if part is not node and part in named_nodes:
            edges.append(GraphEdge(str(part.id), str(node.id), _edge_label(view, node, part)))
    return edges


def _edge_label(view: View, above: Node, below: Node) -> Math | None:
    if above not in view.derivation.adjoints or below not in view.derivation.adjoints:
        return None
    if above.rank == 0 and below.rank == 0:
        return named(local_derivative(view, above, below), view.names.forward)
    return Derivative(view.names.forward[above], view.names.forward[below])
