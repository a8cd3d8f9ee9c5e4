"""A computation graph in characters: boxes from left to right, local derivatives on the edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidu.document.blocks import GraphFigure, GraphNode
from tidu.document.math import Math
from tidu.figures.canvas import Canvas
from tidu.figures.cells import cells, centre
from tidu.figures.layers import Layering, Link, Rows, depths, layering, rows, tracks
from tidu.words import Language, Phrase, Words

MathPrinter = Callable[[Math, Language], str]

LEGEND = Words(
    en="= value of the node, ∇ gradient of the output; on the edges: local derivatives",
    zh="= 节点的值，∇ 输出对该节点的梯度，边上是局部导数",
)
_VALUE = Words(en="value {value}", zh="值 {value}")
_GRADIENT = Words(en="gradient {gradient}", zh="梯度 {gradient}")
_COMMA = Words(en=", ", zh="，")
_COLON = Words(en=": ", zh="：")
_MOST_NODES = 25
_TRACK = 2


def graph_text(figure: GraphFigure, language: Language, math: MathPrinter, width: int = 88) -> str:
    """Return the graph as boxes joined by lines, or, if it is too large for that, as a list of its
    edges.

    `math` prints a formula on one line.

    >>> from tidu.document.blocks import GraphEdge
    >>> from tidu.document.math import symbol
    >>> nodes = (GraphNode("x", symbol("x")), GraphNode("y", symbol("y")))
    >>> figure = GraphFigure(nodes, (GraphEdge("x", "y", symbol("w")),))
    >>> print(graph_text(figure, "en", lambda tree, language: tree.base))
    ┌───┐         ┌───┐
    │ x ├── w ───→│ y │
    └───┘         └───┘
    """
    drawn = _drawing(figure, language, math) if len(figure.nodes) <= _MOST_NODES else None
    if drawn is None or max(map(cells, drawn.split("\n"))) > width:
        return _listing(figure, language, math)
    has_numbers = any(node.value or node.gradient for node in figure.nodes)
    return f"{drawn}\n{LEGEND().text(language)}" if has_numbers else drawn


def _drawing(figure: GraphFigure, language: Language, math: MathPrinter) -> str | None:
    """Return the boxes and lines; None where the edges run in a circle or to nodes that are not
    there."""
    number = {node.id: i for i, node in enumerate(figure.nodes)}
    if not all(edge.source in number and edge.target in number for edge in figure.edges):
        return None
    edges = [(number[edge.source], number[edge.target]) for edge in figure.edges]
    depth = depths(len(figure.nodes), edges)
    if depth is None or not figure.nodes:
        return None
    texts = [_node_lines(node, language, math) for node in figure.nodes]
    labels = [math(edge.label, language) if edge.label else "" for edge in figure.edges]
    return _drawn(layering(depth, edges), texts, labels)


def _node_lines(node: GraphNode, language: Language, math: MathPrinter) -> list[str]:
    lines = [math(node.label, language)]
    if node.value is not None:
        lines.append("= " + math(node.value, language))
    if node.gradient is not None:
        lines.append("∇ " + math(node.gradient, language))
    return lines


def _drawn(graph: Layering, texts: Sequence[list[str]], labels: Sequence[str]) -> str:
    placed, heights = rows(graph, [len(lines) for lines in texts])
    canvas = Canvas()
    left = 0
    for layer in graph.layers:
        members = set(layer)
        widths = [cells(line) for item in layer if item < len(texts) for line in texts[item]]
        right = left + max(widths, default=0) + 3
        for item in layer:
            if item < len(texts):
                canvas.box(placed.top[item], left, heights[item], right - left + 1)
                first = placed.top[item] + (heights[item] - len(texts[item])) // 2
                for i, text in enumerate(texts[item]):
                    canvas.write(first + i, left + 1, centre(text, right - left - 1))
            else:
                canvas.across(placed.top[item], left, right)
        leaving = [link for link in graph.links if link.source in members]
        left = _draw_links(canvas, leaving, placed, right, labels)
    return canvas.text()


def _draw_links(
    canvas: Canvas, links: Sequence[Link], placed: Rows, right: int, labels: Sequence[str]
) -> int:
    """Return the links from a layer whose boxes end at column `right`; where the next layer
    begins."""
    if not links:
        return right
    column = tracks(links, placed.out, placed.into)
    assert column is not None, "rows() has found rows where the links do not get in the way"
    written = {link: labels[link.edge] for link in links if link.first}
    longest = max((cells(label) + 5 for label in written.values() if label), default=0)
    turn = right + longest + 1
    next_left = turn + _TRACK * len(column) + 3
    for link in links:
        out, into = placed.out[link], placed.into[link]
        corner = turn + _TRACK * column[link] if link in column else turn
        canvas.across(out, right, corner)
        canvas.down(corner, out, into)
        canvas.across(into, corner, next_left - 1 if link.final else next_left)
        if written.get(link):
            canvas.write(out, right + 3, f" {written[link]} ")
        if link.final:
            canvas.write(into, next_left - 1, "→")
    return next_left


def _listing(figure: GraphFigure, language: Language, math: MathPrinter) -> str:
    """Return one line an edge, then one line for each node that has a value or a gradient."""
    names = {node.id: math(node.label, language) for node in figure.nodes}
    lines: list[str] = []
    for edge in figure.edges:
        label = f" {math(edge.label, language)} " if edge.label else ""
        source, target = (names.get(end, end) for end in (edge.source, edge.target))
        lines.append(f"{source} ──{label}──→ {target}")
    joined = {end for edge in figure.edges for end in (edge.source, edge.target)}
    for node in figure.nodes:
        facts: list[Phrase] = []
        if node.value is not None:
            facts.append(_VALUE(value=math(node.value, language)))
        if node.gradient is not None:
            facts.append(_GRADIENT(gradient=math(node.gradient, language)))
        if facts:
            shown = _COMMA().text(language).join(fact.text(language) for fact in facts)
            lines.append(names[node.id] + _COLON().text(language) + shown)
        elif node.id not in joined:
            lines.append(names[node.id])
    return "\n".join(lines)
